/* The words of keys and the shapes of values; the pass over the lines is audit/guess.c. */
#include "audit/guess_words.h"

#include "core/json.h"
#include "core/yaml.h"

#include <string.h>

#define V6 "\\[[0-9a-fA-F:.]{2,45}\\]"
#define V4 "\\d{1,3}(?:\\.\\d{1,3}){3}"
#define NAME "(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9])?\\.)+[A-Za-z][A-Za-z0-9-]*"

#define TAIL "(?![\\w@\\\\*%({$-]|\\.[\\w*]|:\\w)" /* of what is the whole host */

/* Groups: 1 the host, 2 its port; URL: 1 scheme, 2 host, 3 port; MILTER: 1 port, 2 host. */
static const char *const shapes[OKSE_GUESS_SHAPES] = {
    [OKSE_GUESS_URL] = "([a-zA-Z][a-zA-Z0-9+.-]{0,30})://(?:https?://)?" /* s3://https://host:port/bucket of Triton */
                       "(?:(?:[^\\s/\"'<>:@]*:(?!\\d{1,5}[/?#])[^\\s\"'<>]*|[^/?#\\s\"'<>]*)@)?"
                       "(" V6 "|[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?)(?::(\\d{1,5}))?(?![\\w\\\\%$({<*])",
    [OKSE_GUESS_MILTER] = "(?<!\\w)inet6?:(\\d{1,5})@(" V6 "|" V4 "|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)",
    /* what may stand before: nothing of a word, a sign of a user, "tcp:", "round-robin:", "user@" before an address or
       a path */
    [OKSE_GUESS_HOST] = "(?:(?<![\\w.@/:%$\\\\*-])|(?<=[\\s=\"'(]@)|(?<!\\w)(?:tcp|udp|ssl|tls|inet)[46]?[:@]|"
                        "(?<![\\w.:/@-])[a-z][a-z-]{1,20}:(?=[\\w.-]+\\.[\\w-]+)|(?<=[\\w]@)(?=[\\d\\[]|[\\w.-]+:[/~]))"
                        "(" V6 "|" V4 "|localhost|" NAME ")\\.?"
                        "(?:(?:[:@#]|,(?=\\d+(?:[\\s;]|$)))(\\d{1,5})(?:(?=:[A-Za-z])|" TAIL ")|" TAIL ")",
    [OKSE_GUESS_V6] =
        "(?<![\\w:.\\[])((?:[0-9a-fA-F]{0,4}:){2,7}(?:[0-9a-fA-F]{0,4}|" V4 "))(?:[@#](\\d{1,5}))?(?![\\w:.\\]])",
};

static void unref_regex(GRegex **regex)
{
    g_clear_pointer(regex, g_regex_unref);
}

void okse_guess_free(OkseGuess *guess)
{
    if (guess == NULL)
        return;
    for (unsigned i = 0; i < OKSE_GUESS_SHAPES; i++)
        unref_regex(&guess->shapes[i]);
    for (unsigned i = 0; i < OKSE_WORD_KINDS; i++)
        g_clear_pointer(&guess->words[i], g_hash_table_unref);
    unref_regex(&guess->assignment);
    unref_regex(&guess->directive);
    unref_regex(&guess->near);
    unref_regex(&guess->named);
    unref_regex(&guess->element);
    unref_regex(&guess->tag);
    unref_regex(&guess->label);
    unref_regex(&guess->quoted);
    unref_regex(&guess->compared);
    unref_regex(&guess->port);
    unref_regex(&guess->range);
    unref_regex(&guess->list);
    unref_regex(&guess->open);
    unref_regex(&guess->pair);
    unref_regex(&guess->forwards);
    unref_regex(&guess->item);
    json_decref(guess->rules);
    g_free(guess);
}

static json_t *read_table(const OkseResources *resources, const char *path, GError **error)
{
    g_autofree char *name = okse_resources_name(resources, path);
    g_autoptr(GBytes) bytes = okse_resources_read(resources, path, error);
    g_autoptr(OkseYaml) yaml = bytes == NULL ? NULL : okse_yaml_read(bytes, name, error);

    return yaml == NULL ? NULL : okse_node_to_json(okse_yaml_root(yaml));
}

static GHashTable *words_of(const json_t *list)
{
    GHashTable *words = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (size_t i = 0; i < json_array_size(list); i++)
        if (json_is_string(json_array_get(list, i)))
            g_hash_table_add(words, g_strdup(json_string_value(json_array_get(list, i))));
    return words;
}

static void take_words(OkseGuess *guess, const json_t *scan)
{
    const json_t *always = json_object_get(guess->rules, "always"), *last = json_object_get(guess->rules, "last");
    const json_t *const lists[OKSE_WORD_KINDS] = {
        [OKSE_WORD_ALWAYS_OWN] = json_object_get(always, "own"),
        [OKSE_WORD_ALWAYS_ACCESS] = json_object_get(always, "access"),
        [OKSE_WORD_BARRED] = json_object_get(always, "barred"),
        [OKSE_WORD_PLACE] = json_object_get(last, "place"),
        [OKSE_WORD_OWN] = json_object_get(last, "own"),
        [OKSE_WORD_ACCESS] = json_object_get(last, "access"),
        [OKSE_WORD_NEUTRAL] = json_object_get(guess->rules, "neutral"),
        [OKSE_WORD_SERVES] = json_object_get(guess->rules, "serves"),
        [OKSE_WORD_NO_URL] = json_object_get(guess->rules, "no_url"),
        [OKSE_WORD_NO_SCHEME] = json_object_get(guess->rules, "no_scheme"),
        [OKSE_WORD_BUCKET] = json_object_get(guess->rules, "buckets"),
        [OKSE_WORD_NO_HOST] = json_object_get(guess->rules, "no_host"),
        [OKSE_WORD_NO_DOMAIN] = json_object_get(guess->rules, "no_domain"),
        [OKSE_WORD_DOMAIN] = json_object_get(guess->rules, "domains"),
        [OKSE_WORD_FILE_ENDING] = json_object_get(scan, "file_endings"),
    };

    for (unsigned i = 0; i < OKSE_WORD_KINDS; i++)
        guess->words[i] = words_of(lists[i]);
}

static GRegex *compiled(const char *text)
{
    GRegex *regex = g_regex_new(text, G_REGEX_RAW | G_REGEX_OPTIMIZE, 0, NULL);

    g_assert(regex != NULL);
    return regex;
}

OkseGuess *okse_guess_new(const OkseResources *resources, GError **error)
{
    g_autoptr(OkseGuess) guess = g_new0(OkseGuess, 1);
    g_autoptr(json_t) scan = read_table(resources, "manifests/scan.yaml", error);

    guess->rules = scan == NULL ? NULL : read_table(resources, "manifests/guess.yaml", error);
    if (guess->rules == NULL)
        return NULL;
    take_words(guess, scan);
    for (unsigned i = 0; i < OKSE_GUESS_SHAPES; i++)
        guess->shapes[i] = compiled(shapes[i]);
    /* 1: the key of "key = value", "- key: value", "set key = value"; it may be several words */
    guess->assignment =
        compiled("^\\s*(?:-\\s+)?(?:(?:export|set|setq|option|send|local|static|my|our|let|var|const)\\s+)?"
                 "[\"'$]*([A-Za-z_@*.][\\w .*/@-]*?)[\"']?\\]?\\s*(?:=>|[+:?]?=|:(?=[\\s\"'\\[{]|$))");
    /* 1: the first word of "key value value" */
    guess->directive = compiled(
        "^\\s*(?:(?:option|send|prepend|append|supersede|default|set)\\s+)?[\"']?(-{0,2}[A-Za-z_][\\w:.+/-]*)");
    /* 1: the word before a value, 2: what stands between */
    guess->near =
        compiled("(?:(?<![\\w/.-])(-{0,2}[A-Za-z_][\\w.@/"
                 "-]*)[\"']?\\]?\\s*(=>|=|:(?=[\\s\"'(\\[{])|\\s)|[\"']([\\w.-]+)[\"']\\s*,)\\s*[\\[\"'({<]*$");
    /* 1: name="X" … value="Y" */
    guess->named = compiled("\\b(?:name|key|id)\\s*=\\s*[\"']([\\w.-]+)[\"']");
    /* 1: what an element is called */
    guess->tag = compiled("^\\s*<([A-Za-z][\\w.:-]*)");
    /* 1: <tag> or <tag attributes>, up to the value */
    guess->element = compiled("<([A-Za-z][\\w.:-]*)(?:\\s[^<>]*)?>\\s*$");
    /* a name without a dot, whole: 1 the host, 2 its port */
    guess->label = compiled("^\\s*[\"']?([A-Za-z][A-Za-z0-9-]{0,62})(?::(\\d{1,5}))?[\"']?\\s*[,;)}\\]]*\\s*$");
    /* the same in quotes and anywhere in a line, behind a key */
    guess->quoted =
        compiled("[A-Za-z][\"']?\\]?\\s*(?:=>|=|:)\\s*[\"']([A-Za-z][A-Za-z0-9-]{0,62})(?::(\\d{1,5}))?[\"']");
    guess->port = compiled("^[^{}]{0,80}?(?:[pP]ort|\\s-p)[\"']?\\s*(?:=>|=|:|\\s)\\s*[\"']?(\\d{1,5})\\b");
    guess->range = compiled("(?<![\\w.])" V4 "(?:/\\d|\\s*-\\s*" V4 ")|:/(?:8|16|24|32|48|56|64|96|104|128)\\b");
    /* 1: the key of a quoted value that is still open */
    guess->open = compiled("([A-Za-z_][\\w.-]*)[\"']?\\s*(?:=>|=|:)\\s*(?:\"[^\"]*|'[^']*)$");
    /* from an address and port to a host and port */
    guess->forwards = compiled("^\\s*[0-9a-fA-F.:]+\\s+\\d{1,5}(?:/\\w+)?\\s+[\\w.:-]+\\s+\\d{1,5}\\b");
    /* "name:port" anywhere */
    guess->pair = compiled("(?<![\\w.:/@%$-])([A-Za-z][A-Za-z0-9-]{0,62}):(\\d{2,5})(?![\\w.:/-])");
    /* "a,b" or "a:1, b:2", whole; and one of them */
    guess->list =
        compiled("^\\s*[\"']?[A-Za-z][\\w-]*(?::\\d{1,5})?(?:\\s*,\\s*[A-Za-z.][\\w.-]*(?::\\d{1,5})?)+[\"']?\\s*;?$");
    guess->item = compiled("(?<![\\w.-])([A-Za-z][A-Za-z0-9-]{0,62})(?::(\\d{1,5}))?(?![\\w.-])");
    guess->compared = compiled("==|=~|!=|!~|~\\*");
    return g_steal_pointer(&guess);
}

const json_t *okse_guess_rules(const OkseGuess *guess)
{
    return guess->rules;
}

bool okse_guess_is(const OkseGuess *guess, OkseWordKind kind, const char *word)
{
    return g_hash_table_contains(guess->words[kind], word);
}

/* "BindAddress2" → bind, address2 → bind, address; owned. */
static GStrv words_in(const char *key)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    g_autoptr(GString) word = g_string_new(NULL);

    for (const char *at = key;; at++) {
        bool letter = g_ascii_isalnum(*at);
        bool starts = at > key && g_ascii_isupper(*at) &&
                      (g_ascii_islower(at[-1]) || (g_ascii_isupper(at[-1]) && g_ascii_islower(at[1])));

        if ((!letter || starts) && word->len > 0) {
            g_strv_builder_add(builder, word->str);
            g_string_truncate(word, 0);
        }
        if (*at == '\0')
            return g_strv_builder_end(builder);
        if (letter)
            g_string_append_c(word, g_ascii_tolower(*at));
    }
}

/* A word as it is, or without the number behind it ("server1"). */
static bool is_word(const OkseGuess *guess, OkseWordKind kind, const char *word)
{
    size_t length = strlen(word);
    g_autofree char *bare = NULL;

    while (length > 0 && g_ascii_isdigit(word[length - 1]))
        length--;
    bare = g_strndup(word, length);
    return okse_guess_is(guess, kind, word) ||
           (kind != OKSE_WORD_BARRED && length > 0 && okse_guess_is(guess, kind, bare));
}

bool okse_guess_any(const OkseGuess *guess, OkseWordKind kind, const char *key)
{
    g_auto(GStrv) words = words_in(key);
    g_autofree char *whole = g_strjoinv("", words); /* "VirtualHost", "redirect_uri" */

    for (char **word = words; *word != NULL; word++)
        if (is_word(guess, kind, *word))
            return true;
    return is_word(guess, kind, whole);
}

/* "smtphost", "dbserver": two words written as one. */
static bool ends_as_place(const char *word)
{
    static const char *const ends[] = {"host", "hosts", "server", "servers", "proxy",
                                       "url",  "uri",   "peer",   "master",  NULL};

    for (const char *const *end = ends; *end != NULL; end++)
        if (g_str_has_suffix(word, *end) && strlen(word) > strlen(*end))
            return true;
    return false;
}

static OkseSays one_word(const OkseGuess *guess, const char *word, bool *strong)
{
    static const char *const kinds[] = {"host",    "hosts",     "server",    "servers",    "peer",        "peers",
                                        "relay",   "relayhost", "smarthost", "nameserver", "nameservers", "master",
                                        "masters", "loghost",   "broker",    "brokers",    "upstream",    "proxy",
                                        "node",    "nodes",     "member",    "members",    NULL};

    if (is_word(guess, OKSE_WORD_ACCESS, word))
        return OKSE_SAYS_ACCESS;
    if (is_word(guess, OKSE_WORD_OWN, word))
        return OKSE_SAYS_OWN;
    if (!is_word(guess, OKSE_WORD_PLACE, word) && !ends_as_place(word))
        return OKSE_SAYS_NOTHING;
    *strong =
        *strong || g_strv_contains(kinds, word) || (!is_word(guess, OKSE_WORD_PLACE, word) && ends_as_place(word));
    return OKSE_SAYS_PLACE;
}

/* "ws_ip", "web-admin-ip", "api_address": where something is served; "ip-address" is the program's own. */
static OkseSays of_address(const OkseGuess *guess, GStrv words, guint count)
{
    for (guint i = 0; i < count; i++)
        if (is_word(guess, OKSE_WORD_SERVES, words[i]))
            return OKSE_SAYS_OWN;
    return count == 2 && strcmp(words[0], "ip") == 0 ? OKSE_SAYS_OWN : OKSE_SAYS_NOTHING;
}

/* "hostname", "hostname0" */
static bool is_named_host(const char *word)
{
    return g_str_has_prefix(word, "hostname") && strspn(word + 8, "0123456789") == strlen(word + 8);
}

OkseSays okse_guess_key(const OkseGuess *guess, const char *key, bool *strong)
{
    g_auto(GStrv) words = words_in(key);
    g_autofree char *whole = g_strjoinv("", words);
    guint count = g_strv_length(words);
    guint served = 0;
    bool last = true;

    *strong = false;
    for (guint i = 0; i < count; i++)
        served += is_word(guess, OKSE_WORD_SERVES, words[i]);
    if (okse_guess_any(guess, OKSE_WORD_ALWAYS_ACCESS, key) || okse_guess_any(guess, OKSE_WORD_BARRED, key))
        return OKSE_SAYS_ACCESS;
    if (okse_guess_any(guess, OKSE_WORD_ALWAYS_OWN, key))
        return OKSE_SAYS_OWN;
    if (count > 1 && okse_guess_is(guess, OKSE_WORD_ACCESS, whole))
        return OKSE_SAYS_ACCESS;
    for (guint i = count; i > 0; i--) {
        bool ignored = false;
        OkseSays says = is_word(guess, OKSE_WORD_NEUTRAL, words[i - 1])
                            ? OKSE_SAYS_NOTHING
                            : one_word(guess, words[i - 1], last ? strong : &ignored);

        if (says != OKSE_SAYS_NOTHING) {
            *strong = *strong || (says == OKSE_SAYS_PLACE && last && i < count && is_named_host(words[count - 1]));
            return says;
        }
        if (i == count && (served == count || strcmp(words[count - 1], "port") == 0))
            return OKSE_SAYS_OWN; /* "grpc", "SocksPort": where it is served */
        if (i == count && is_word(guess, OKSE_WORD_NEUTRAL, words[i - 1]) &&
            of_address(guess, words, count) != OKSE_SAYS_NOTHING)
            return OKSE_SAYS_OWN;
        last = last && is_word(guess, OKSE_WORD_NEUTRAL, words[i - 1]);
    }
    return OKSE_SAYS_NOTHING;
}

bool okse_guess_domain(const OkseGuess *guess, const char *host)
{
    const char *dot = strrchr(host, '.');
    g_autofree char *label = dot == NULL ? NULL : g_ascii_strdown(dot + 1, -1);

    if (label == NULL || okse_guess_is(guess, OKSE_WORD_FILE_ENDING, label))
        return false;
    return okse_guess_is(guess, OKSE_WORD_DOMAIN, label) ||
           (strlen(label) == 2 && g_ascii_isalpha(label[0]) && g_ascii_isalpha(label[1]));
}

char *okse_guess_stem(const char *key)
{
    g_auto(GStrv) words = words_in(key);
    guint count = g_strv_length(words);

    if (count > 0)
        g_clear_pointer(&words[count - 1], g_free);
    return g_strjoinv("", words);
}

bool okse_guess_is_data(const OkseGuess *guess, GBytes *bytes)
{
    const json_t *rows = json_object_get(guess->rules, "data");
    gsize length;
    const unsigned char *data = g_bytes_get_data(bytes, &length);

    for (size_t i = 0; i < json_array_size(rows); i++) {
        const char *digits = okse_json_peek_text(json_array_get(rows, i), "begins");
        gsize at = 0;

        while (digits != NULL && g_ascii_isxdigit(digits[2 * at]) && g_ascii_isxdigit(digits[2 * at + 1]) &&
               at < length &&
               data[at] == (g_ascii_xdigit_value(digits[2 * at]) << 4 | g_ascii_xdigit_value(digits[2 * at + 1])))
            at++;
        if (at > 0 && digits[2 * at] == '\0')
            return true;
    }
    return false;
}
