#include "packager/selection.h"

#include "core/text.h"
#include "packager/glob.h"

#include <string.h>

typedef struct {
    OkseGlob *glob;
    char *text;     /* as written, for messages */
    bool takes;     /* `!` in an ignore file; always in a list of files */
    bool directory; /* only directories: `/` at the end */
    bool used;
} Rule;

struct OkseSelection {
    GPtrArray *rules; /* Rule */
    bool is_ignore;
};

static void rule_free(gpointer data)
{
    Rule *rule = data;

    okse_glob_free(rule->glob);
    g_free(rule->text);
    g_free(rule);
}

void okse_selection_free(OkseSelection *selection)
{
    if (selection == NULL)
        return;
    g_ptr_array_unref(selection->rules);
    g_free(selection);
}

static OkseSelection *selection_new(bool is_ignore)
{
    OkseSelection *selection = g_new0(OkseSelection, 1);

    selection->rules = g_ptr_array_new_with_free_func(rule_free);
    selection->is_ignore = is_ignore;
    return selection;
}

/* Spaces at the end do not count, unless the last is escaped; nor does the end of a line of another system. */
static void trim_end(char *line)
{
    size_t length = strlen(line);

    if (length > 0 && line[length - 1] == '\r')
        line[--length] = '\0';
    while (length > 0 && line[length - 1] == ' ' && (length < 2 || line[length - 2] != '\\'))
        line[--length] = '\0';
}

/* A pattern without "/" but at its end is meant at any depth. */
static OkseGlob *ignore_glob(char *pattern, Rule *rule, GError **error)
{
    size_t length = strlen(pattern);
    g_autofree char *anywhere = NULL;

    if (length > 1 && pattern[length - 1] == '/') {
        rule->directory = true;
        pattern[length - 1] = '\0';
    }
    if (*pattern == '/')
        return okse_glob_new(pattern + 1, error);
    if (strchr(pattern, '/') != NULL)
        return okse_glob_new(pattern, error);
    anywhere = g_strconcat("**/", pattern, NULL);
    return okse_glob_new(anywhere, error);
}

static bool add_line(OkseSelection *selection, char *line, GError **error)
{
    Rule *rule;

    trim_end(line);
    if (*line == '\0' || *line == '#')
        return true;
    if (selection->rules->len >= OKSE_LIMIT_IGNORE_RULES)
        return okse_fail(error, OKSE_ERROR_INVALID, "more than %u rules", OKSE_LIMIT_IGNORE_RULES);
    rule = g_new0(Rule, 1);
    g_ptr_array_add(selection->rules, rule);
    rule->takes = *line == '!';
    rule->glob = ignore_glob(line + (rule->takes ? 1 : 0), rule, error);
    return rule->glob != NULL;
}

OkseSelection *okse_selection_of_ignore(GBytes *bytes, const char *origin, GError **error)
{
    g_autoptr(OkseSelection) selection = selection_new(true);
    g_autofree char *text = okse_text_of_bytes(bytes);
    g_auto(GStrv) lines = g_strsplit(g_str_has_prefix(text, "\xef\xbb\xbf") ? text + 3 : text, "\n", -1);

    if (strlen(text) != g_bytes_get_size(bytes) || g_bytes_get_size(bytes) > OKSE_LIMIT_IGNORE) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: holds a NUL, or is over %u bytes", origin, OKSE_LIMIT_IGNORE);
        return NULL;
    }
    for (unsigned i = 0; lines[i] != NULL; i++) {
        if (!add_line(selection, lines[i], error)) {
            g_prefix_error(error, "%s:%u:1: ", origin, i + 1);
            return NULL;
        }
    }
    return g_steal_pointer(&selection);
}

OkseSelection *okse_selection_of_globs(const char *const *globs, GError **error)
{
    g_autoptr(OkseSelection) selection = selection_new(false);

    for (; *globs != NULL; globs++) {
        Rule *rule = g_new0(Rule, 1);

        g_ptr_array_add(selection->rules, rule);
        rule->takes = true;
        rule->text = okse_text_show(*globs, -1, false);
        rule->glob = okse_glob_new(*globs, error);
        if (rule->glob == NULL) {
            g_prefix_error(error, "pattern '%s': ", rule->text);
            return NULL;
        }
    }
    return g_steal_pointer(&selection);
}

/* The last rule that matches decides. */
static bool ignore_takes(const OkseSelection *selection, const char *path, bool is_directory)
{
    if (strcmp(path, OKSE_IGNORE_NAME) == 0)
        return false;
    for (guint i = selection->rules->len; i > 0; i--) {
        const Rule *rule = g_ptr_array_index(selection->rules, i - 1);

        if ((is_directory || !rule->directory) && okse_glob_matches(rule->glob, path))
            return rule->takes;
    }
    return true;
}

bool okse_selection_takes(OkseSelection *selection, const char *path, bool is_directory)
{
    bool taken = false;

    if (selection->is_ignore)
        return ignore_takes(selection, path, is_directory);
    for (guint i = 0; i < selection->rules->len; i++) {
        Rule *rule = g_ptr_array_index(selection->rules, i);

        if (is_directory && okse_glob_reaches_below(rule->glob, path))
            return true;
        if (!is_directory && okse_glob_matches(rule->glob, path))
            taken = rule->used = true;
    }
    return taken;
}

bool okse_selection_leaves_out(const OkseSelection *selection)
{
    return selection->is_ignore;
}

bool okse_selection_finish(const OkseSelection *selection, GError **error)
{
    for (guint i = 0; i < selection->rules->len && !selection->is_ignore; i++) {
        const Rule *rule = g_ptr_array_index(selection->rules, i);

        if (!rule->used)
            return okse_fail(error, OKSE_ERROR_INVALID, "pattern '%s' matches no file", rule->text);
    }
    return true;
}
