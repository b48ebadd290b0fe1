/* Request targets, read without any file system in mind: a target is looked up, never opened. */
#include "packager/serve_target.h"

#include <string.h>

#define NAME_LIMIT 255u /* of a repository: what registries take with their host before it */
#define TAG_LIMIT 128u

void okse_serve_target_clear(OkseServeTarget *target)
{
    g_clear_pointer(&target->name, g_free);
    g_clear_pointer(&target->reference, g_free);
    g_clear_pointer(&target->count, g_free);
    g_clear_pointer(&target->last, g_free);
    g_clear_pointer(&target->filter, g_free);
    target->kind = OKSE_SERVE_NOWHERE;
}

/* Bytes that a path may have encoded: those that mean the same when they are not (RFC 3986, 2.3), and what digests and
 * versions are written with. */
static bool is_harmless(int byte)
{
    return g_ascii_isalnum(byte) || (byte != 0 && strchr("-._~:@+", byte) != NULL);
}

/* NULL: malformed. */
static char *decode(const char *text, size_t length, bool path)
{
    g_autoptr(GString) out = g_string_sized_new(length);

    for (size_t i = 0; i < length; i++) {
        int byte = (unsigned char)text[i];

        if (byte == '%') {
            int high = i + 2 < length ? g_ascii_xdigit_value(text[i + 1]) : -1;
            int low = high >= 0 ? g_ascii_xdigit_value(text[i + 2]) : -1;

            if (low < 0)
                return NULL;
            byte = high << 4 | low;
            if (byte == 0 || (path && !is_harmless(byte)))
                return NULL;
            i += 2;
        }
        if (byte <= ' ' || byte >= 0x7f)
            return NULL;
        g_string_append_c(out, (char)byte);
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static bool read_query(const char *text, OkseServeTarget *target)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "&"), key = strcspn(text, "=&");
        char **place = key == 1 && *text == 'n'                              ? &target->count
                       : key == 4 && strncmp(text, "last", 4) == 0           ? &target->last
                       : key == 12 && strncmp(text, "artifactType", 12) == 0 ? &target->filter
                                                                             : NULL;

        if (place != NULL && *place != NULL) /* readers disagree about which one counts */
            return false;
        if (place != NULL) {
            *place = key < length ? decode(text + key + 1, length - key - 1, false) : g_strdup("");
            if (*place == NULL)
                return false;
        }
        text += length + (text[length] == '&');
    }
    return true;
}

/* NAME/WORD/REFERENCE, from the right: a repository may well have a part that is called "blobs". */
static OkseServeTargetKind read_place(const char *path, OkseServeTarget *target)
{
    static const struct {
        const char *word;
        OkseServeTargetKind kind;
    } words[] = {
        {"tags", OKSE_SERVE_TAGS},
        {"manifests", OKSE_SERVE_MANIFEST},
        {"blobs", OKSE_SERVE_BLOB},
        {"referrers", OKSE_SERVE_REFERRERS},
    };
    const char *reference = strrchr(path, '/'), *word = reference;

    if (reference == NULL)
        return OKSE_SERVE_NOWHERE;
    while (word > path && word[-1] != '/')
        word--;
    if (word <= path + 1)
        return OKSE_SERVE_NOWHERE;
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        size_t length = strlen(words[i].word);

        if ((size_t)(reference - word) != length || strncmp(word, words[i].word, length) != 0)
            continue;
        if (words[i].kind == OKSE_SERVE_TAGS && strcmp(reference, "/list") != 0)
            return OKSE_SERVE_NOWHERE;
        target->name = g_strndup(path, (gsize)(word - 1 - path));
        if (words[i].kind != OKSE_SERVE_TAGS)
            target->reference = g_strdup(reference + 1);
        return words[i].kind;
    }
    return OKSE_SERVE_NOWHERE;
}

static OkseServeTargetKind read_path(const char *path, OkseServeTarget *target)
{
    if (strcmp(path, "/v2") == 0 || strcmp(path, "/v2/") == 0)
        return OKSE_SERVE_BASE;
    if (strcmp(path, "/v2/_catalog") == 0)
        return OKSE_SERVE_CATALOG;
    return g_str_has_prefix(path, "/v2/") ? read_place(path + strlen("/v2/"), target) : OKSE_SERVE_NOWHERE;
}

void okse_serve_target_read(const char *text, OkseServeTarget *target)
{
    size_t length = strcspn(text, "?");
    g_autofree char *path = decode(text, length, true);

    *target = (OkseServeTarget){.kind = OKSE_SERVE_MALFORMED};
    if (path == NULL || *path != '/' || strchr(text, '#') != NULL ||
        (text[length] == '?' && !read_query(text + length + 1, target)))
        return;
    target->kind = read_path(path, target);
}

/* One part: lower-case letters and digits, joined by one '.', one or two '_', or any number of '-'. */
static bool part_is_good(const char *text, size_t length)
{
    size_t at = 0;

    while (at < length) {
        size_t joint = 0;

        if (!g_ascii_islower(text[at]) && !g_ascii_isdigit(text[at]))
            return false;
        while (at < length && (g_ascii_islower(text[at]) || g_ascii_isdigit(text[at])))
            at++;
        if (at == length)
            return true;
        while (at + joint < length && text[at + joint] == text[at])
            joint++;
        if (strchr("._-", text[at]) == NULL || joint > (text[at] == '.' ? 1u : text[at] == '_' ? 2u : NAME_LIMIT))
            return false;
        at += joint;
    }
    return false; /* empty, or ends in a joint */
}

bool okse_serve_target_name_is_good(const char *name)
{
    if (strlen(name) > NAME_LIMIT)
        return false;
    for (;;) {
        size_t length = strcspn(name, "/");

        if (!part_is_good(name, length))
            return false;
        if (name[length] == '\0')
            return true;
        name += length + 1;
    }
}

bool okse_serve_target_tag_is_good(const char *tag)
{
    size_t length = strlen(tag);

    if (length == 0 || length > TAG_LIMIT || *tag == '.' || *tag == '-')
        return false;
    for (size_t i = 0; i < length; i++)
        if (!g_ascii_isalnum(tag[i]) && strchr("._-", tag[i]) == NULL)
            return false;
    return true;
}

bool okse_serve_target_digest_is_good(const char *digest)
{
    const char *colon = strchr(digest, ':');
    OkseSha256 parsed;
    bool joined = true;

    if (colon == NULL || strlen(digest) > NAME_LIMIT)
        return false;
    if (g_str_has_prefix(digest, "sha256:"))
        return okse_sha256_parse(digest, &parsed, NULL);
    for (const char *p = digest; p < colon; p++) {
        bool joint = strchr("+._-", *p) != NULL;

        if ((joint && joined) || (!joint && !g_ascii_islower(*p) && !g_ascii_isdigit(*p)))
            return false;
        joined = joint;
    }
    if (joined || colon[1] == '\0')
        return false;
    for (const char *p = colon + 1; *p != '\0'; p++)
        if (!g_ascii_isalnum(*p) && strchr("=_-", *p) == NULL)
            return false;
    return true;
}
