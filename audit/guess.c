/* What of a text of unknown form is a host, and whether the program goes there. */
#include "audit/guess.h"

#include "audit/guess_lines.h"
#include "audit/guess_words.h"
#include "audit/place.h"
#include "core/regex.h"

#include <string.h>

#define SPANS 256u
#define NEAR 512u /* bytes before a host in which the word before it may stand */

typedef struct {
    const OkseGuess *guess;
    const OkseGuessLines *lines;
    const OkseGuessLine *line;
    unsigned number; /* index of the line */
    OkseGuessSink sink;
    void *context;
    bool near_port;    /* … has a port with it */
    bool loopback;     /* … is this machine, or any of its addresses */
    bool near_address; /* the value at hand is an address or localhost */
    const char *list;  /* the file's name, where it says that each line begins with a host; or NULL */
    bool barred;       /* the file is a list of who may come in */
    bool ranged;       /* the line holds a range of addresses */
    bool pattern;      /* the line holds an expression or a comparison: names in it are no places */
    gint spans[SPANS][2];
    unsigned span_count;
    bool crowded; /* a line had more places than are kept apart */
    bool gave_up; /* an expression did: no match is not proven */
} Pass;

/* A host as matched. */
typedef struct {
    OkseGuessShape shape;
    char *host, *scheme;
    guint64 port;
    gint start, end, at; /* of the match; of the host */
} Match;

/* The keys that speak for a value. */
typedef struct {
    char *near;       /* the word before it, or NULL */
    bool assigned;    /* … with a sign between */
    const char *line; /* the line's key, or of what it stands under */
    OkseSays says;
    bool strong;
} Keys;

static bool claim(Pass *pass, gint start, gint end)
{
    for (unsigned i = 0; i < pass->span_count; i++)
        if (start < pass->spans[i][1] && end > pass->spans[i][0])
            return false;
    if (pass->span_count == SPANS) {
        pass->crowded = true;
        return false;
    }
    pass->spans[pass->span_count][0] = start;
    pass->spans[pass->span_count++][1] = end;
    return true;
}

static bool finds(Pass *pass, const GRegex *regex, const char *text, GMatchInfo **match)
{
    return okse_regex_first(regex, text, match, &pass->gave_up);
}

/* The line has more places than are kept apart, which was said: the rest of it is not looked at. */
static bool is_full(const Pass *pass)
{
    return pass->crowded && pass->span_count == SPANS;
}

static const OkseGuessLine *parent_of(const Pass *pass, const OkseGuessLine *line)
{
    return line->parent < 0 ? NULL : g_ptr_array_index(pass->lines->lines, line->parent);
}

/* The key of a quoted value that the host stands in. */
static bool find_open(Pass *pass, const char *head, Keys *keys)
{
    g_autoptr(GMatchInfo) open = NULL;

    if (strpbrk(head, "\"'") == NULL || !finds(pass, pass->guess->open, head, &open))
        return false; /* most lines have no quote, and to look for one is no search in it */
    g_free(keys->near);
    keys->near = g_match_info_fetch(open, 1);
    keys->assigned = true;
    return true;
}

static void find_near(Pass *pass, gint at, Keys *keys)
{
    g_autofree char *head = g_strndup(pass->line->code, (gsize)at);
    g_autoptr(GMatchInfo) element = NULL, near = NULL, named = NULL;

    if (finds(pass, pass->guess->element, head, &element)) {
        keys->near = g_match_info_fetch(element, 1);
        keys->assigned = true;
        return;
    }
    if (!finds(pass, pass->guess->near, head + (strlen(head) > NEAR ? strlen(head) - NEAR : 0), &near) &&
        !find_open(pass, head, keys))
        return;
    if (keys->near != NULL)
        return;
    keys->near = g_match_info_fetch(near, 1);
    if (keys->near == NULL || *keys->near == '\0') {
        g_free(keys->near);
        keys->near = g_match_info_fetch(near, 3); /* 'NAME', 'value' */
        keys->assigned = true;
    } else {
        g_autofree char *sign = g_match_info_fetch(near, 2);

        keys->assigned = sign != NULL && !g_ascii_isspace(*sign);
        if (!keys->assigned && (strcmp(keys->near, "localhost") == 0 || strchr(keys->near, '.') != NULL))
            g_clear_pointer(&keys->near, g_free); /* one of several hosts */
        if (!keys->assigned && (keys->near == NULL || *keys->near != '-'))
            find_open(pass, head, keys);
    }
    if (keys->near == NULL)
        return;
    if (g_ascii_strcasecmp(keys->near, "value") == 0 && finds(pass, pass->guess->named, pass->line->code, &named)) {
        g_free(keys->near);
        keys->near = g_match_info_fetch(named, 1);
    }
}

/* Some section or block around the line is about listening, or about places. */
static OkseSays around(const Pass *pass)
{
    const OkseGuessLine *above = parent_of(pass, pass->line);
    bool strong;

    for (unsigned depth = 0; above != NULL && depth < 8; depth++, above = parent_of(pass, above))
        if (above->key != NULL && okse_guess_any(pass->guess, OKSE_WORD_ALWAYS_OWN, above->key))
            return OKSE_SAYS_OWN;
    if (pass->line->section != NULL && okse_guess_any(pass->guess, OKSE_WORD_ALWAYS_OWN, pass->line->section))
        return OKSE_SAYS_OWN;
    above = parent_of(pass, pass->line);
    if (above != NULL && above->key != NULL && okse_guess_key(pass->guess, above->key, &strong) == OKSE_SAYS_PLACE)
        return OKSE_SAYS_PLACE;
    if (pass->line->section != NULL && okse_guess_key(pass->guess, pass->line->section, &strong) == OKSE_SAYS_PLACE)
        return OKSE_SAYS_PLACE;
    return OKSE_SAYS_NOTHING;
}

/* What stands above the line, or the file's name, is about who may come in. */
static bool is_barred(const Pass *pass)
{
    const OkseGuessLine *above = parent_of(pass, pass->line);

    for (unsigned depth = 0; above != NULL && depth < 8; depth++, above = parent_of(pass, above)) {
        g_autofree char *words = g_strndup(above->code, strcspn(above->code, "=\"'"));

        if (okse_guess_any(pass->guess, OKSE_WORD_BARRED, words))
            return true;
    }
    return pass->barred ||
           (pass->line->section != NULL && okse_guess_any(pass->guess, OKSE_WORD_BARRED, pass->line->section));
}

static bool is_hostname(const char *key)
{
    g_autofree char *lower = g_ascii_strdown(key, -1);

    return g_str_has_suffix(lower, "hostname") || g_str_has_suffix(lower, "host_name") ||
           g_str_has_suffix(lower, "host-name");
}

/* "[api]" … "host = 127.0.0.1": an address under a bare key in a section about what is served. */
static bool serves_here(const Pass *pass, const char *key)
{
    static const char *const bare[] = {"host", "hosts", "hostname", "address", "addr", "ip", NULL};
    const OkseGuessLine *above = parent_of(pass, pass->line);
    g_autofree char *lower = key == NULL ? NULL : g_ascii_strdown(key, -1);

    if (lower == NULL || !g_strv_contains(bare, lower))
        return false;
    if (g_str_has_prefix(lower, "addr") && pass->line->assigned &&
        okse_guess_port_beside(pass->lines, pass->number, "address") > 0)
        return true; /* "address = 127.0.0.1", "port = 4444" */
    return (pass->line->section != NULL && okse_guess_any(pass->guess, OKSE_WORD_SERVES, pass->line->section)) ||
           (above != NULL && above->key != NULL && okse_guess_any(pass->guess, OKSE_WORD_SERVES, above->key));
}

static OkseSays says_of(const Pass *pass, Keys *keys)
{
    const OkseGuess *guess = pass->guess;
    OkseSays line = OKSE_SAYS_NOTHING, near = OKSE_SAYS_NOTHING, outer;
    bool strong = false, same = keys->near != NULL && g_strcmp0(keys->near, keys->line) == 0;

    if (keys->line != NULL)
        line = okse_guess_key(guess, keys->line, &strong);
    if (is_barred(pass) || (keys->line != NULL && line == OKSE_SAYS_ACCESS &&
                            (okse_guess_any(guess, OKSE_WORD_ALWAYS_ACCESS, keys->line) ||
                             okse_guess_any(guess, OKSE_WORD_BARRED, keys->line))))
        return OKSE_SAYS_ACCESS;
    /* "local ip = 192.0.2.1": the line's key is more than the word before the value */
    if (keys->near != NULL && !same &&
        !(keys->assigned && pass->line->assigned && keys->line != NULL && g_str_has_suffix(keys->line, keys->near)))
        near = okse_guess_key(guess, keys->near, &keys->strong);
    if (near == OKSE_SAYS_NOTHING && (line == OKSE_SAYS_PLACE || same || keys->near == NULL || !keys->assigned ||
                                      !pass->line->assigned || g_str_has_suffix(keys->line, keys->near))) {
        near = line; /* else: one of several "key=value" of a line */
        keys->strong = strong;
    }
    outer = around(pass);
    if (pass->near_address && pass->loopback &&
        serves_here(pass, keys->near != NULL && keys->assigned ? keys->near : keys->line))
        return OKSE_SAYS_OWN;
    if (near == OKSE_SAYS_PLACE && outer == OKSE_SAYS_OWN)
        return OKSE_SAYS_OWN;
    if (near == OKSE_SAYS_NOTHING && keys->near != NULL && is_hostname(keys->near))
        return outer != OKSE_SAYS_NOTHING ? outer : pass->near_port ? OKSE_SAYS_PLACE : OKSE_SAYS_ACCESS;
    return near != OKSE_SAYS_NOTHING ? near : outer;
}

/* "HiddenServicePort 80 192.0.2.1:80": from a port to a place. */
static bool leads_from_port(const Pass *pass, gint at)
{
    const OkseGuessLine *line = pass->line;
    g_autofree char *key = line->key == NULL ? g_strdup("") : g_ascii_strdown(line->key, -1);
    size_t value = line->value + strspn(line->code + line->value, " \t"),
           digits = strspn(line->code + value, "0123456789");

    return g_str_has_suffix(key, "port") && digits > 0 && g_ascii_isspace(line->code[value + digits]) &&
           value < (size_t)at;
}

static void find_keys(Pass *pass, gint at, Keys *keys)
{
    const OkseGuessLine *above = parent_of(pass, pass->line);
    bool item = pass->line->code[strspn(pass->line->code, " \t")] == '-' && !pass->line->assigned;

    *keys = (Keys){0};
    keys->line = pass->line->key != NULL && (size_t)at >= pass->line->value && !item ? pass->line->key
                 : above != NULL                                                     ? above->key
                                                                                     : NULL;
    if (keys->line == NULL && pass->list != NULL && strspn(pass->line->code, " \t") == (size_t)at)
        keys->line = pass->list;
    find_near(pass, at, keys);
    keys->says = says_of(pass, keys);
    if (keys->says == OKSE_SAYS_OWN && keys->line == pass->line->key && leads_from_port(pass, at))
        keys->says = OKSE_SAYS_PLACE;
}

/* Every word behind the key is a host, a path or a number; a single one has no path ("provider: example.io/x"). */
static bool only_hosts(const Pass *pass)
{
    g_auto(GStrv) words = g_strsplit_set(pass->line->code + pass->line->value, " \t,;\"'()[]{}", -1);
    unsigned count = 0, bare = 0;

    for (char **word = words; *word != NULL; word++) {
        g_autofree char *host = g_strndup(*word, strcspn(*word, ":/"));
        size_t length = strlen(host);

        if (length > 0 && host[length - 1] == '.')
            host[length - 1] = '\0';
        if (**word == '\0' || **word == '/' || strspn(*word, "0123456789") == strlen(*word))
            continue;
        if (!okse_guess_domain(pass->guess, host) && !g_hostname_is_ip_address(host))
            return false;
        count++;
        bare += strchr(*word, '/') == NULL;
    }
    return count > 1 || bare == 1;
}

static bool is_any(const char *host)
{
    return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

/* "192.0.2.0/24", "192.0.2.1-192.0.2.9", "255.255.0.0" */
static bool is_range(const Pass *pass, const Match *found)
{
    const char *tail = pass->line->code + found->end, *head = pass->line->code + found->start;
    const char *next = tail + strspn(tail, " \t");
    bool ranged;

    if (pass->near_port)
        return false;                             /* "192.0.2.1:6379/5" */
    if (*tail == '/' && g_ascii_isdigit(tail[1])) /* one of all bits, too: who is let in is written so */
        return true;
    while (head > pass->line->code && g_ascii_isspace(head[-1]))
        head--;
    head -= head > pass->line->code && head[-1] == '-' ? 1 : 0;
    ranged = *head == '-' && head < pass->line->code + found->start;
    while (head > pass->line->code && g_ascii_isspace(head[-1]))
        head--;
    return (*next == '-' && (g_ascii_isdigit(next[1]) || (next[1] == ' ' && g_ascii_isdigit(next[2])))) ||
           (ranged && head > pass->line->code && g_ascii_isdigit(head[-1])) || g_str_has_prefix(found->host, "255.");
}

/* "address", "ipaddr": nothing but that an address stands there. */
static bool is_address_key(const Pass *pass, const char *key)
{
    g_autofree char *lower = g_ascii_strdown(key, -1);

    return okse_guess_is(pass->guess, OKSE_WORD_NEUTRAL, lower);
}

/* Whether a name is taken for a host. */
static bool is_place_name(const Pass *pass, const Match *found, const Keys *keys)
{
    const char *dot = strrchr(found->host, '.');

    if (strcmp(found->host, "localhost") == 0)
        return found->port > 0 || keys->says != OKSE_SAYS_NOTHING ||
               (keys->near != NULL && keys->assigned && is_address_key(pass, keys->near));
    if (dot == NULL || (pass->line->code[found->end] == ':' && pass->line->code[found->end + 1] == '/'))
        return true; /* "host:/path": NFS, ssh */
    if (found->port > 0 || keys->says == OKSE_SAYS_PLACE || keys->says == OKSE_SAYS_OWN)
        return strlen(dot + 1) >= 2 && g_ascii_isalpha(dot[1]) &&
               !okse_guess_is(pass->guess, OKSE_WORD_FILE_ENDING, dot + 1) &&
               !okse_guess_is(pass->guess, OKSE_WORD_NO_DOMAIN, dot + 1) &&
               (found->port > 0 || keys->assigned || okse_guess_domain(pass->guess, found->host));
    return okse_guess_domain(pass->guess, found->host) && (keys->says == OKSE_SAYS_ACCESS || only_hosts(pass));
}

static const char *noise_of(const Pass *pass, const Match *found, const Keys *keys)
{
    bool url = found->shape == OKSE_GUESS_URL;

    if (url && ((keys->near != NULL && okse_guess_any(pass->guess, OKSE_WORD_NO_URL, keys->near)) ||
                (keys->line != NULL && okse_guess_any(pass->guess, OKSE_WORD_NO_URL, keys->line))))
        return "documentation";
    if (!url && (is_range(pass, found) || (pass->ranged && !pass->near_port)))
        return "range";
    if (!url && keys->says == OKSE_SAYS_NOTHING && found->port == 0) {
        if (keys->near == NULL && keys->line == NULL)
            return "access"; /* a list of nothing but hosts, of which nobody says what it is for */
        if (g_str_has_prefix(found->host, "127.") && strcmp(found->host, "127.0.0.1") != 0)
            return "own-host"; /* what a list of blocked hosts answers */
    }
    return keys->says == OKSE_SAYS_ACCESS && !url ? "access" : NULL;
}

static char *path_of(const Pass *pass, const Keys *keys)
{
    const char *key = keys->near != NULL && (keys->assigned || keys->line == NULL) ? keys->near : keys->line;
    const char *section = pass->line->section;

    if (key == NULL)
        return g_strdup(section);
    return section == NULL ? g_strdup(key) : g_strconcat(section, ".", key, NULL);
}

/* "192.0.2.1 80", "192.0.2.1 80/udp" in a line of words. */
static unsigned port_next(const Pass *pass, gint end)
{
    const char *code = pass->line->code + end, *at = code + strspn(code, " \t\"'");
    size_t digits = strspn(at, "0123456789");
    guint64 number = 0;
    g_autofree char *port = g_strndup(at, digits);
    const char *rest = at + digits;

    rest += g_str_has_prefix(rest, "/udp") || g_str_has_prefix(rest, "/tcp") ? 4 : 0;
    if (pass->line->assigned || at == code || (*rest != '\0' && !g_ascii_isspace(*rest)))
        return 0;
    return g_ascii_string_to_unsigned(port, 10, 1, 65535, &number, NULL) ? (unsigned)number : 0;
}

/* "host" => "192.0.2.1", "port" => 80: in the same line. */
static unsigned port_behind(Pass *pass, gint end)
{
    g_autoptr(GMatchInfo) match = NULL;
    g_autofree char *port = NULL;
    guint64 number = 0;

    if (!finds(pass, pass->guess->port, pass->line->code + end, &match))
        return 0;
    port = g_match_info_fetch(match, 1);
    return g_ascii_string_to_unsigned(port, 10, 1, 65535, &number, NULL) ? (unsigned)number : 0;
}

/* A URL is listened at only where the key says so in as many words. */
static bool is_own(Pass *pass, const Match *found, const Keys *keys)
{
    const char *key = keys->near != NULL && keys->assigned ? keys->near : keys->line;

    if (is_any(found->host) || (keys->line == NULL && finds(pass, pass->guess->forwards, pass->line->code, NULL) &&
                                (size_t)found->start == strspn(pass->line->code, " \t")))
        return true;
    if (found->shape == OKSE_GUESS_URL)
        return key != NULL && okse_guess_any(pass->guess, OKSE_WORD_ALWAYS_OWN, key);
    if (keys->says == OKSE_SAYS_OWN && !pass->near_address && found->port == 0) /* "web = www.example.org" */
        return around(pass) == OKSE_SAYS_OWN ||
               (key != NULL && (okse_guess_any(pass->guess, OKSE_WORD_ALWAYS_OWN, key) ||
                                okse_guess_any(pass->guess, OKSE_WORD_OWN, key)));
    return keys->says == OKSE_SAYS_OWN || (keys->says == OKSE_SAYS_NOTHING && pass->loopback && found->port == 0 &&
                                           keys->near != NULL && *keys->near == '-'); /* "-A 127.0.0.1" */
}

static void report(Pass *pass, Match *found)
{
    Keys keys;
    g_autofree char *path = NULL, *raw = NULL;
    const char *key;

    if (strchr(found->host, ':') == NULL || found->shape == OKSE_GUESS_URL)
        found->host = g_ascii_strdown(found->host, -1);
    else
        found->host = g_strdup(found->host);
    raw = found->host;
    pass->near_address = strcmp(found->host, "localhost") == 0 || g_hostname_is_ip_address(found->host);
    pass->near_port = found->port > 0;
    pass->loopback = strcmp(found->host, "localhost") == 0 || g_str_has_prefix(found->host, "127.") ||
                     strcmp(found->host, "::1") == 0 || is_any(found->host);
    find_keys(pass, found->start, &keys);
    path = path_of(pass, &keys);
    if (path != NULL && !g_utf8_validate(path, -1, NULL)) /* a key was cut inside a character */
        g_clear_pointer(&path, g_free);
    key = keys.near != NULL && keys.assigned ? keys.near : keys.line;
    if ((found->shape == OKSE_GUESS_URL || g_hostname_is_ip_address(found->host) ||
         is_place_name(pass, found, &keys)) &&
        claim(pass, found->start, found->end)) {
        if (found->port == 0 && found->shape != OKSE_GUESS_URL)
            found->port = port_next(pass, found->end);
        if (found->port == 0 && found->shape != OKSE_GUESS_URL)
            found->port = port_behind(pass, found->end);
        if (found->port == 0 && found->shape != OKSE_GUESS_URL && key != NULL)
            found->port = okse_guess_port_beside(pass->lines, pass->number, key);
        pass->sink(pass->context, &(OkseGuessed){.host = found->host,
                                                 .port = (unsigned)found->port,
                                                 .scheme = found->scheme,
                                                 .key = path,
                                                 .own = is_own(pass, found, &keys),
                                                 .noise = noise_of(pass, found, &keys),
                                                 .line = pass->line->text,
                                                 .line_number = pass->number + 1,
                                                 .column = (unsigned)found->at + 1});
    }
    g_free(keys.near);
}

/* Without brackets; NULL for what is no address though it looks like one. Owned. */
static char *host_of(const char *raw)
{
    g_autofree char *host = *raw == '[' ? g_strndup(raw + 1, strlen(raw) - 2) : g_strdup(raw);
    bool address = strspn(host, "0123456789.") == strlen(host) || strchr(host, ':') != NULL;

    return (address && !g_hostname_is_ip_address(host)) || *host == '\0' ? NULL : g_steal_pointer(&host);
}

/* "::1:5972": an address and a port that was meant to stand beside it. */
static void split_port(Match *found)
{
    char *colon = strrchr(found->host, ':');
    guint64 port = 0;

    if (found->port > 0 || colon == NULL || strstr(found->host, "::") == NULL || strlen(colon + 1) < 4 ||
        !g_ascii_string_to_unsigned(colon + 1, 10, 1024, 65535, &port, NULL))
        return;
    *colon = '\0';
    if (g_hostname_is_ip_address(found->host))
        found->port = port;
    else
        *colon = ':';
}

static void on_match(Pass *pass, OkseGuessShape shape, const GMatchInfo *match)
{
    gint group = shape == OKSE_GUESS_URL || shape == OKSE_GUESS_MILTER ? 2 : 1;
    gint port_group = shape == OKSE_GUESS_URL ? 3 : shape == OKSE_GUESS_MILTER ? 1 : 2;
    g_autofree char *raw = g_match_info_fetch(match, group), *port = NULL, *scheme = NULL, *host = host_of(raw);
    Match found = {.shape = shape, .host = host};

    if (host == NULL || (pass->pattern && shape != OKSE_GUESS_URL))
        return;
    if (shape == OKSE_GUESS_URL) {
        g_autofree char *written = g_match_info_fetch(match, 1);

        scheme = g_ascii_strdown(written, -1);
        if (okse_guess_is(pass->guess, OKSE_WORD_NO_SCHEME, scheme))
            return;
        if (okse_guess_is(pass->guess, OKSE_WORD_BUCKET, scheme) && strchr(host, '.') == NULL &&
            strchr(host, ':') == NULL)
            return;
        found.scheme = scheme;
    }
    port = g_match_info_fetch(match, port_group);
    if (port != NULL && *port != '\0' && !g_ascii_string_to_unsigned(port, 10, 1, 65535, &found.port, NULL))
        return;
    if (shape == OKSE_GUESS_V6)
        split_port(&found);
    g_match_info_fetch_pos(match, 0, &found.start, &found.end);
    g_match_info_fetch_pos(match, group, &found.at, NULL);
    report(pass, &found);
}

/* "host = db1": a name without a dot, where the key leaves no doubt. from: where in the line the match began. */
static void on_label(Pass *pass, const GMatchInfo *match, gint from)
{
    g_autofree char *host = g_match_info_fetch(match, 1), *port = g_match_info_fetch(match, 2);
    g_autofree char *lower = g_ascii_strdown(host, -1);
    Match found = {.shape = OKSE_GUESS_HOST, .host = host};
    Keys keys;

    g_match_info_fetch_pos(match, 1, &found.start, &found.end);
    found.start += from;
    found.end += from;
    found.at = found.start;
    if (port != NULL && *port != '\0' && !g_ascii_string_to_unsigned(port, 10, 1, 65535, &found.port, NULL))
        return;
    find_keys(pass, found.start, &keys);
    g_free(keys.near);
    if (keys.says != OKSE_SAYS_ACCESS && (keys.strong || (keys.says == OKSE_SAYS_PLACE && found.port > 0)) &&
        !okse_guess_is(pass->guess, OKSE_WORD_NO_HOST, lower))
        report(pass, &found);
}

/* "nodes = a,b,c" */
static void look_for_list(Pass *pass)
{
    const char *code = pass->line->code;
    g_autoptr(GMatchInfo) item = NULL;

    if (!finds(pass, pass->guess->list, code + pass->line->value, NULL))
        return;
    finds(pass, pass->guess->item, code + pass->line->value, &item);
    for (; g_match_info_matches(item); okse_regex_next(item, &pass->gave_up))
        on_label(pass, item, (gint)pass->line->value);
}

static void look_for_labels(Pass *pass)
{
    const char *code = pass->line->code;
    g_autoptr(GMatchInfo) whole = NULL, quoted = NULL, pair = NULL;

    if (pass->line->key != NULL && pass->line->assigned &&
        finds(pass, pass->guess->label, code + pass->line->value, &whole))
        on_label(pass, whole, (gint)pass->line->value);
    if (pass->line->key != NULL && pass->line->assigned)
        look_for_list(pass);
    finds(pass, pass->guess->quoted, code, &quoted);
    for (; g_match_info_matches(quoted); okse_regex_next(quoted, &pass->gave_up))
        on_label(pass, quoted, 0);
    finds(pass, pass->guess->pair, code, &pair);
    for (; g_match_info_matches(pair); okse_regex_next(pair, &pass->gave_up))
        on_label(pass, pair, 0);
}

static bool holds_pattern(Pass *pass, const char *code)
{
    static const char *const marks[] = {"\\.",  "\\d", "\\s", "\\S",    "\\w", "[0-9",
                                        "[a-z", "(?:", "(?P", "<HOST>", NULL};

    for (const char *const *mark = marks; *mark != NULL; mark++)
        if (strstr(code, *mark) != NULL)
            return true;
    return finds(pass, pass->guess->compared, code, NULL);
}

static void look_at(Pass *pass)
{
    const char *code = pass->line->code;

    pass->span_count = 0;
    if (*code == '\0')
        return;
    pass->ranged = finds(pass, pass->guess->range, code, NULL);
    pass->pattern = pass->lines->script || holds_pattern(pass, code);
    for (OkseGuessShape shape = 0; shape < OKSE_GUESS_SHAPES; shape++) {
        g_autoptr(GMatchInfo) match = NULL;

        finds(pass, pass->guess->shapes[shape], code, &match);
        for (; g_match_info_matches(match) && !is_full(pass); okse_regex_next(match, &pass->gave_up))
            on_match(pass, shape, match);
    }
    if (!pass->pattern)
        look_for_labels(pass);
}

bool okse_guess_text(const OkseGuess *guess, const char *file, const char *text, size_t length, OkseGuessSink sink,
                     void *context)
{
    static const char *const lists[] = {"hosts", "servers", "nodes", "peers", "mirrors", "machines", "members", NULL};
    g_autofree char *name = g_path_get_basename(file);
    g_autoptr(OkseGuessLines) lines = okse_guess_lines_read(guess, text, length);
    Pass pass = {.guess = guess, .lines = lines, .sink = sink, .context = context};

    name[strcspn(name, ".")] = '\0';
    pass.barred = okse_guess_any(guess, OKSE_WORD_BARRED, name);
    pass.list = g_strv_contains(lists, name) ? name : NULL;

    for (guint i = 0; i < lines->lines->len; i++) {
        pass.line = g_ptr_array_index(lines->lines, i);
        pass.number = i;
        look_at(&pass);
    }
    return lines->whole && !pass.crowded && !pass.gave_up;
}
