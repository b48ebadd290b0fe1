/* Masking is by shape, done once, before anything is stored: rather one word too many than one secret. */
#include "audit/redact.h"

#include <math.h>
#include <string.h>

#define MASK "***"

#define SECRET_NAME                                                                                                    \
    "(?:pass(?:word|wd|phrase|code)|pass(?![a-z])|pwd|secret|token(?!iz)|api[_-]?key|access[_-]?key|credential|"       \
    "account[_-]?key|auth[_-]?key|shared[_-]?key|signing[_-]?key|encryption[_-]?key|authtok|"                          \
    "private[_-]?key|dsn|sas(?![a-z])|signature|authorization|bearer|cookie)"

enum {
    KEYS,
    FLAGS,
    SHORT,
    TOOLS,
    BASIC,
    SCHEMES,
    WORDED,
    PGPASS,
    URLS,
    DRIVERS,
    HOOKS,
    QUERIES,
    TOKENS,
    WORDS,
    SHAPES
};

/* In the order of their use. What is kept is group 1. */
static const char *const sources[SHAPES] = {
    /* key = value or key: value; unquoted, a value of several words ends with the line */
    [KEYS] = "(?i)([\\w.-]*" SECRET_NAME
             "[\\w.-]*[\"']?\\s*[:=]\\s*)(?:\"(?:\\\\.|[^\"\\\\])*\"|'[^']*'|[^\\s\"'].*|[\"'].*)",
    [FLAGS] = "(?i)((?:^|[\\s\"'=])--?[\\w-]*" SECRET_NAME "[\\w-]*\\s+)(?:\"[^\"]*\"|'[^']*'|[^\\s\"']+)",
    /* -pSECRET; -p8080:80 is a port */
    [SHORT] = "((?:^|[\\s\"'])-p)(?!\\d+:\\d+)[^\\s\"']+",
    /* the flags of tools that take a password and are no other's */
    [TOOLS] = "(\\b(?:sshpass\\b[^|;&]*?\\s-p|redis-cli\\b[^|;&]*?\\s-a)\\s*[\"']?)[^\\s\"']+",
    [BASIC] = "((?:^|\\s)(?:-u|--user)[\\s=]+[\"']?[^\\s:\"']+:)[^\\s\"']+",
    [SCHEMES] = "(?i)(\\b(?:bearer|basic)\\s+)[^\\s\"']{6,}",
    /* key value, as in headers of proxies, netrc and fluent-bit; the name ends the key, an address stays */
    [WORDED] = "(?i)((?:^|[\\s\"'])[\\w.-]*" SECRET_NAME
               "[\"']?[ \\t]+)(?![\\w+.-]+://|[\"']?(?:\\*\\*\\*|[:=]|(?:bearer|basic)\\s))[\"']?[^\\s\"';]{4,}",
    /* host:port:database:user:password, and no IPv6 address. Source: PostgreSQL, "The Password File" */
    [PGPASS] = "^(\\s*(?![0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f]*:)(?:[\\w./*-]|\\\\:)+:(?:\\d{1,5}|\\*):"
               "(?:[^\\s:]|\\\\:)+:(?:[^\\s:]|\\\\:)+:)\\S.*$",
    /* up to the last @, for passwords hold / and @ too; a digest is no host */
    [URLS] = "([a-zA-Z][a-zA-Z0-9+.-]*://)(?:[^\\s/\"'<>:]*:[^\\s\"'<>]*|[^/\\s\"'<>]*)@(?!sha(?:256|512):)",
    /* USER:PASSWORD@tcp(HOST): no scheme. Source: go-sql-driver/mysql, "DSN (Data Source Name)" */
    [DRIVERS] = "(?<![\\w.])([\\w.+-]+:)[^\\s\"']+(?=@(?:tcp|udp|unix)\\()",
    [HOOKS] =
        "(?i)(://(?:[^/\\s\"']*hooks?\\.[^/\\s\"']*|[^\\s\"']*?/webhooks?(?:b2)?|api\\.telegram\\.org)/)[^\\s\"']+",
    [QUERIES] = "([?&#][\\w.-]+=)[^&\\s\"'#]+",
    [TOKENS] = ("()(?<![A-Za-z0-9])(?:hf_|xox[a-z]-|sk-|gh[a-z]_|github_pat_|glpat-|AKIA|AIza)[A-Za-z0-9_-]{8,}|"
                "\\beyJ[A-Za-z0-9_-]{6,}(?:\\.[A-Za-z0-9_-]*){0,2}"),
    [WORDS] = "[A-Za-z0-9+/_=-]{24,}",
};

static const GRegex *compiled(unsigned shape)
{
    static GRegex *regexes[SHAPES];
    static gsize once[SHAPES];

    if (g_once_init_enter(&once[shape])) {
        regexes[shape] = g_regex_new(sources[shape], G_REGEX_RAW | G_REGEX_OPTIMIZE, 0, NULL);
        g_assert(regexes[shape] != NULL);
        g_once_init_leave(&once[shape], 1);
    }
    return regexes[shape];
}

/* Bits a character of a word's own distribution; random keys lie above 4, paths and names below. */
static double entropy(const char *word, size_t length)
{
    unsigned counts[256] = {0};
    double bits = 0;

    for (size_t i = 0; i < length; i++)
        counts[(unsigned char)word[i]]++;
    for (unsigned i = 0; i < 256; i++)
        if (counts[i] > 0)
            bits -= (double)counts[i] / (double)length * log2((double)counts[i] / (double)length);
    return bits;
}

static bool is_random(const char *word, size_t length)
{
    bool digit = false, upper = false, lower = false;

    for (size_t i = 0; i < length; i++) {
        digit = digit || g_ascii_isdigit(word[i]);
        upper = upper || g_ascii_isupper(word[i]);
        lower = lower || g_ascii_islower(word[i]);
    }
    return digit && upper && lower && entropy(word, length) > 3.6;
}

/* Base64 has a slash now and then, a path has short or plain names between its slashes. */
static bool has_random_part(const char *word)
{
    for (const char *part = word; *part != '\0';) {
        size_t length = strcspn(part, "/");

        if (length >= 16 && is_random(part, length))
            return true;
        part += length + (part[length] == '/');
    }
    return false;
}

/* A digest names public bytes; it must stay for the evidence to be checked. */
static bool is_digest(const GMatchInfo *match, const char *word)
{
    const char *line = g_match_info_get_string(match);
    gint start = 0;

    g_match_info_fetch_pos(match, 0, &start, NULL);
    return start >= 7 &&
           (strncmp(line + start - 7, "sha256:", 7) == 0 || strncmp(line + start - 7, "sha512:", 7) == 0) &&
           strspn(word, "0123456789abcdef") == strlen(word);
}

static gboolean mask_random(const GMatchInfo *match, GString *result, gpointer data)
{
    g_autofree char *word = g_match_info_fetch(match, 0);
    bool digits = strpbrk(word, "0123456789") != NULL, path = strchr(word, '/') != NULL;
    bool random = path ? has_random_part(word) : digits && entropy(word, strlen(word)) > 3.6;

    (void)data;
    g_string_append(result, random && !is_digest(match, word) ? MASK : word);
    return FALSE;
}

/* One of the words stands in the text, in any case. Their first two letters are compared by five bits each, which the
 * case is none of. */
static bool has_word(const char *text, const char *const *words)
{
    guint32 pairs[32] = {0};

    for (const char *const *word = words; *word != NULL; word++)
        pairs[(*word)[0] & 31] |= 1u << ((*word)[1] & 31);
    for (; *text != '\0'; text++)
        for (const char *const *word = words; (pairs[*text & 31] >> (text[1] & 31) & 1) != 0 && *word != NULL; word++)
            if (g_ascii_strncasecmp(text, *word, strlen(*word)) == 0)
                return true;
    return false;
}

/* A part of SECRET_NAME, whichever it is. */
static bool has_secret_name(const char *text)
{
    static const char *const parts[] = {"pass", "pwd",  "secret", "tok",  "key",  "cred", "dsn",
                                        "sas",  "sign", "auth",   "bear", "cook", NULL};

    return has_word(text, parts);
}

bool okse_redact_key(const char *key)
{
    g_autofree char *probe = has_secret_name(key) ? g_strconcat(key, "=x", NULL) : NULL;

    return probe != NULL && g_regex_match(compiled(KEYS), probe, 0, NULL);
}

static bool has_long_word(const char *text)
{
    size_t length = 0;

    for (; *text != '\0' && length < 24; text++)
        length = g_ascii_isalnum(*text) || strchr("+/_=-", *text) != NULL ? length + 1 : 0;
    return length == 24;
}

static bool has_colons(const char *text, unsigned count)
{
    for (; count > 0 && (text = strchr(text, ':')) != NULL; text++)
        count--;
    return count == 0;
}

/* False when the text has not what a shape cannot be without. Most lines have nothing of most shapes, and looking for a
 * byte takes a tenth of what trying an expression takes. */
static bool may_have(unsigned shape, const char *text, bool secret_name)
{
    static const char *const schemes[] = {"bearer", "basic", NULL}, *const hooks[] = {"hook", "telegram", NULL};
    static const char *const tokens[] = {"hf_",    "xox",  "sk-",  "gh",  "github_pat_",
                                         "glpat-", "akia", "aiza", "eyj", NULL};

    switch (shape) {
    case KEYS:
        return secret_name && strpbrk(text, ":=") != NULL;
    case FLAGS:
        return secret_name && strchr(text, '-') != NULL;
    case SHORT:
        return strstr(text, "-p") != NULL;
    case TOOLS:
        return strstr(text, "sshpass") != NULL || strstr(text, "redis-cli") != NULL;
    case BASIC:
        return strstr(text, "-u") != NULL && strchr(text, ':') != NULL;
    case SCHEMES:
        return has_word(text, schemes);
    case WORDED:
        return secret_name;
    case PGPASS:
        return has_colons(text, 4);
    case URLS:
        return strchr(text, '@') != NULL && strstr(text, "://") != NULL;
    case DRIVERS:
        return strchr(text, '@') != NULL && strchr(text, '(') != NULL;
    case HOOKS:
        return strstr(text, "://") != NULL && has_word(text, hooks);
    case QUERIES:
        return strchr(text, '=') != NULL && strpbrk(text, "?&#") != NULL;
    case TOKENS:
        return has_word(text, tokens);
    case WORDS:
        return has_long_word(text);
    default:
        return true;
    }
}

static char *redact(const char *line, bool plain)
{
    char *text = g_utf8_make_valid(line, -1);
    bool secret_name = has_secret_name(text);

    for (unsigned shape = KEYS; shape <= WORDS; shape++) {
        g_autofree char *before = NULL;
        const char *with = shape == URLS ? "\\1" MASK "@" : "\\1" MASK;

        if (!plain && !may_have(shape, text, secret_name))
            continue;
        before = text;
        text = shape == WORDS ? g_regex_replace_eval(compiled(shape), before, -1, 0, 0, mask_random, NULL, NULL)
                              : g_regex_replace(compiled(shape), before, -1, 0, with, 0, NULL);
        if (text == NULL) /* the engine gave up: nothing of the line is safe to show */
            return g_strdup(MASK);
    }
    return text;
}

char *okse_redact_line(const char *line)
{
    return redact(line, false);
}

char *okse_redact_line_plain(const char *line)
{
    return redact(line, true);
}
