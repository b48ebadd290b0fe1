/* Masking is by shape, done once, before anything is stored: rather one word too many than one secret. */
#include "audit/redact.h"

#include <math.h>
#include <string.h>

#define MASK "***"

enum { KEYS, FLAGS, URLS, QUERIES, TOKENS, WORDS, SHAPES };

static const GRegex *compiled(unsigned shape)
{
    static GRegex *regexes[SHAPES];
    static gsize once[SHAPES];
    static const char *const sources[SHAPES] = {
        /* key = value or key: value; an unquoted value goes to the end of the line */
        "(?i)([\\w.-]*(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|credential|private[_-]?"
        "key|"
        "dsn|sas|signature|authorization|bearer|basic|cookie|auth)[\\w.-]*[\"']?\\s*[:=]\\s*)(\"[^\"]*\"?|'[^']*'?|[^"
        "\\s].*)",
        /* --password VALUE, -u user:password, -pPASSWORD */
        "(?i)(--?[\\w-]*(?:pass(?:word|wd)?|secret|token|api-?key|credential)[\\w-]*\\s+|\\s-u\\s+|\\s-p(?=\\S))(\\S+)",
        /* up to the last @: a password may hold / and @ */
        "([a-zA-Z][a-zA-Z0-9+.-]*://)([^\\s\"'<>]*:[^\\s\"'<>]*|[^\\s/\"'<>]*)@(?!sha256:)",
        "([?&][\\w.-]+=)([^&\\s\"'#]+)",
        "()(?:\\b(?:hf_|xox[abprs]-|sk-|ghp_|gho_|glpat-|eyJ|AKIA)[\\w.-]{8,}|(?<=/services/)[\\w/-]{16,})",
        "(?<!sha256:)\\b[A-Za-z0-9+/_=-]{24,}",
    };

    if (g_once_init_enter(&once[shape])) {
        regexes[shape] = g_regex_new(sources[shape], G_REGEX_RAW, 0, NULL);
        g_assert(regexes[shape] != NULL);
        g_once_init_leave(&once[shape], 1);
    }
    return regexes[shape];
}

bool okse_redact_key(const char *key)
{
    g_autofree char *probe = g_strconcat(key, "=x", NULL);

    return g_regex_match(compiled(KEYS), probe, 0, NULL);
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

static gboolean mask_random(const GMatchInfo *match, GString *result, gpointer data)
{
    g_autofree char *word = g_match_info_fetch(match, 0);
    size_t length = strlen(word);
    bool digits = strpbrk(word, "0123456789") != NULL;
    bool path = strchr(word, '/') != NULL && strchr(word, '=') == NULL && !g_str_has_suffix(word, "=");

    (void)data;
    g_string_append(result, digits && !path && entropy(word, length) > 3.6 ? MASK : word);
    return FALSE;
}

char *okse_redact_line(const char *line)
{
    static const char *const replacements[] = {"\\1" MASK, "\\1" MASK, "\\1" MASK "@", "\\1" MASK, "\\1" MASK};
    char *text = g_strdup(line);

    for (unsigned shape = KEYS; shape < WORDS; shape++) {
        char *masked = g_regex_replace(compiled(shape), text, -1, 0, replacements[shape], 0, NULL);

        g_free(text);
        text = masked;
    }
    g_autofree char *kept = text;
    return g_regex_replace_eval(compiled(WORDS), kept, -1, 0, 0, mask_random, NULL, NULL);
}
