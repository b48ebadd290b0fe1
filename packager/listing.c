#include "packager/listing.h"

#include "core/limits.h"
#include "core/text.h"
#include "packager/path_fold.h"

#include <string.h>

/* Longest line: a path and a link, every byte as \ooo, and the other keywords. */
#define LINE_LIMIT (2 * 4 * OKSE_LIMIT_PATH + 512)

typedef struct {
    OkseTreeEntry entry;
    bool type, size, digest, mode;
} Line;

/* Decode \ooo in place (the result is never longer). False for any other use of the backslash and for \000. */
static bool unescape(char *text)
{
    char *out = text;

    for (const char *in = text; *in != '\0';) {
        unsigned value = 0;

        if (*in != '\\') {
            *out++ = *in++;
            continue;
        }
        for (unsigned i = 1; i <= 3; i++) {
            if (in[i] < '0' || in[i] > '7')
                return false;
            value = value * 8 + (unsigned)(in[i] - '0');
        }
        if (value == 0 || value > 255)
            return false;
        *out++ = (char)value;
        in += 4;
    }
    *out = '\0';
    return true;
}

static bool take_type(const char *value, Line *line)
{
    static const char *const names[] = {"file", "dir", "link"};

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(value, names[i]) == 0) {
            line->entry.type = (OkseTreeType)i;
            line->type = true;
            return true;
        }
    }
    return false;
}

static bool take_mode(const char *value, Line *line)
{
    guint64 mode;

    line->mode = g_ascii_string_to_unsigned(value, 8, 0, 07777, &mode, NULL);
    line->entry.executable = line->mode && mode == 0755;
    return line->mode && (mode == 0644 || mode == 0755 || mode == 0777);
}

/* uid, gid and time are always 0 in a bundle; "0.0" and "0.000000000" are spellings of it. */
static bool is_zero(const char *value)
{
    return *value == '0' && strspn(value, "0.") == strlen(value);
}

static bool take_keyword(char *word, Line *line)
{
    char *value = strchr(word, '=');
    guint64 size = 0;

    if (value == NULL)
        return false;
    *value++ = '\0';
    if (strcmp(word, "type") == 0)
        return !line->type && take_type(value, line);
    if (strcmp(word, "mode") == 0)
        return !line->mode && take_mode(value, line);
    if (strcmp(word, "size") == 0) {
        bool taken = !line->size && g_ascii_string_to_unsigned(value, 10, 0, OKSE_LIMIT_FILE_SIZE, &size, NULL);

        line->size = true;
        line->entry.size = size;
        return taken;
    }
    if (strcmp(word, "sha256digest") == 0 || strcmp(word, "sha256") == 0) {
        bool taken = !line->digest && strlen(value) == 64 && okse_sha256_parse(value, &line->entry.digest, NULL);

        line->digest = true;
        return taken;
    }
    if (strcmp(word, "link") == 0) {
        bool taken = line->entry.link == NULL && unescape(value);

        line->entry.link = value;
        return taken;
    }
    if (strcmp(word, "uid") == 0 || strcmp(word, "gid") == 0 || strcmp(word, "time") == 0)
        return is_zero(value);
    return false;
}

/* A file has a size and a digest, a link its target, a directory neither. */
static bool is_complete(const Line *line)
{
    const OkseTreeEntry *entry = &line->entry;

    if (!line->type || (entry->link != NULL) != (entry->type == OKSE_TREE_LINK))
        return false;
    if (entry->type == OKSE_TREE_FILE)
        return line->size && line->digest && line->mode;
    return !line->digest && entry->size == 0;
}

static bool line_read(char *text, OkseTree *tree, GError **error)
{
    Line line = {.entry = {.path = text}};
    char *space = strchr(text, ' ');

    for (char *word = space; word != NULL;) {
        char *next;

        *word++ = '\0';
        next = strchr(word, ' ');
        if (next != NULL)
            *next = '\0';
        if (*word != '\0' && !take_keyword(word, &line)) {
            g_autofree char *shown = okse_text_show(word, -1, false);

            return okse_fail(error, OKSE_ERROR_INVALID, "keyword '%s' is unknown, repeated or has a bad value", shown);
        }
        word = next;
    }
    if (!unescape(text))
        return okse_fail(error, OKSE_ERROR_INVALID, "the path has a bad escape");
    if (!is_complete(&line))
        return okse_fail(error, OKSE_ERROR_INVALID, "the entry lacks a keyword or has one too many");
    if (g_str_has_prefix(text, "./"))
        line.entry.path = text + 2;
    else if (strcmp(text, ".") == 0 && line.entry.type == OKSE_TREE_DIRECTORY)
        return true; /* the component itself */
    if (line.entry.type != OKSE_TREE_FILE)
        line.entry.executable = false;
    return okse_tree_add(tree, &line.entry, error);
}

static bool lines_read(const char *data, size_t length, OkseTree *tree, unsigned *number, GError **error)
{
    char line[LINE_LIMIT + 1];

    for (size_t at = 0; at < length;) {
        const char *end = memchr(data + at, '\n', length - at);
        size_t size = end == NULL ? length - at : (size_t)(end - data) - at;

        (*number)++;
        if (end == NULL)
            return okse_fail(error, OKSE_ERROR_INVALID, "the last line has no end");
        if (size > LINE_LIMIT || memchr(data + at, '\0', size) != NULL)
            return okse_fail(error, OKSE_ERROR_INVALID, "a line over %u bytes, or with a NUL", LINE_LIMIT);
        memcpy(line, data + at, size);
        line[size] = '\0';
        at += size + 1;
        if (*number == 1 && strcmp(line, "#mtree") != 0)
            return okse_fail(error, OKSE_ERROR_INVALID, "a listing begins with '#mtree'");
        if (*number > 1 && size > 0 && line[0] != '#' && !line_read(line, tree, error))
            return false;
    }
    return *number > 0 || okse_fail(error, OKSE_ERROR_INVALID, "the listing is empty");
}

/* Files, links and empty directories; others follow from what is in them. */
static bool distinct_check(const OkseTree *tree, GError **error)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new();
    g_autofree char *first = NULL, *second = NULL;
    const char *one, *other;

    for (unsigned i = 0; i < okse_tree_count(tree); i++)
        if (!okse_tree_is_implied(tree, i))
            g_ptr_array_add(paths, (gpointer)(uintptr_t)okse_tree_entry(tree, i)->path);
    if (okse_paths_distinct(paths, &one, &other))
        return true;
    first = okse_text_show(one, -1, false);
    second = okse_text_show(other, -1, false);
    return okse_fail(error, OKSE_ERROR_INVALID, "'%s' and '%s' " OKSE_PATHS_CLASH, first, second);
}

OkseTree *okse_listing_read(GBytes *bytes, const char *origin, GError **error)
{
    g_autoptr(OkseTree) tree = okse_tree_new();
    unsigned number = 0, listed;
    gsize length;
    const char *data = g_bytes_get_data(bytes, &length);

    if (!lines_read(data, length, tree, &number, error)) {
        g_prefix_error(error, "%s:%u: ", origin, number);
        return NULL;
    }
    listed = okse_tree_count(tree);
    if (!okse_tree_finish(tree, error) || !distinct_check(tree, error)) {
        g_prefix_error(error, "%s: ", origin);
        return NULL;
    }
    if (okse_tree_count(tree) != listed) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: a directory that holds something is not listed itself", origin);
        return NULL;
    }
    return g_steal_pointer(&tree);
}
