/* Lines come from the target: what hides something (a secret that was masked, a text that was cut, a name that would
 * break a patch) is named and left to a person. */
#include "audit/repair_edit.h"

#include "core/fd.h"
#include "core/limits.h"

#include <string.h>

#define TABLE "templates/report/comment-marks.yaml"
#define MASK "***"
#define EXCERPT_LIMIT 4000u /* collectors cut lines somewhere behind that */

void okse_repair_edit_clear(OkseRepairEdit *edit)
{
    g_free(edit->before);
    g_free(edit->after);
    *edit = (OkseRepairEdit){0};
}

json_t *okse_repair_marks(const OkseResources *resources, GError **error)
{
    g_autoptr(GBytes) bytes = okse_resources_read(resources, TABLE, error);
    g_autoptr(OkseYaml) yaml = bytes != NULL ? okse_yaml_read(bytes, TABLE, error) : NULL;

    return yaml != NULL ? okse_node_to_json(okse_node_get(okse_yaml_root(yaml), "marks")) : NULL;
}

static const char *mark_of(const json_t *marks, const char *path)
{
    g_autofree char *name = g_path_get_basename(path);
    const json_t *row, *pattern;
    size_t i, k;

    json_array_foreach(marks, i, row) json_array_foreach(
        json_object_get(row, "names"), k,
        pattern) if (g_pattern_match_simple(json_string_value(pattern), name)) return okse_json_peek_text(row, "mark");
    return NULL;
}

/* One line of a file, without its end; NULL when the file is another than the facts say, or cannot be read. */
static char *read_line(const OkseRepairLine *line, int files_fd)
{
    okse_autofd fd = okse_open_in_root(files_fd, line->path, O_RDONLY | O_NOCTTY | O_NONBLOCK, NULL);
    g_autoptr(GBytes) bytes = fd < 0 ? NULL : okse_read_fd(fd, OKSE_LIMIT_DOCUMENT, line->path, NULL);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    OkseSha256 digest;
    char hex[OKSE_SHA256_TEXT];

    if (bytes == NULL)
        return NULL;
    digest = okse_sha256_of_bytes(bytes);
    if (strcmp(okse_sha256_text(&digest, hex), line->digest) != 0)
        return NULL;
    text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    lines = g_strsplit(text, "\n", -1);
    return line->number <= g_strv_length(lines) && g_utf8_validate(lines[line->number - 1], -1, NULL)
               ? g_strdup(lines[line->number - 1])
               : NULL;
}

static bool is_part_of_name(char c)
{
    return g_ascii_isalnum(c) || c == '.' || c == '-' || c == '_';
}

/* `old` as a whole name, in any case, becomes `new`; NULL when it is not there. */
static char *put_in_place(const char *text, const char *old, const char *new)
{
    GString *out = g_string_new(NULL);
    size_t length = strlen(old);
    bool found = false;
    const char *at = text;

    while (*at != '\0') {
        bool begins = at == text || !is_part_of_name(at[-1]);

        if (length > 0 && begins && g_ascii_strncasecmp(at, old, length) == 0 && !is_part_of_name(at[length])) {
            g_string_append(out, new);
            at += length;
            found = true;
        } else {
            g_string_append_c(out, *at++);
        }
    }
    return g_string_free(out, !found);
}

static char *replaced(const OkseRepairLine *line, const char *before)
{
    char *text = g_strdup(before);
    const json_t *host;
    size_t i;

    json_array_foreach(line->hosts, i, host)
    {
        const char *other = okse_json_peek_text(line->replaced, json_string_value(host));
        char *next = other != NULL ? put_in_place(text, json_string_value(host), other) : g_strdup(text);

        g_free(text);
        text = next;
        if (text == NULL)
            return NULL;
    }
    return text;
}

static char *commented(const char *before, const char *mark)
{
    size_t indent = strspn(before, " \t");

    return g_strdup_printf("%.*s%s %s", (int)indent, before, mark, before + indent);
}

/* Something that a patch cannot carry. */
static bool has_controls(const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if (g_ascii_iscntrl(*c) && *c != '\t')
            return true;
    return false;
}

/* What follows belongs to it: without this line the rest would mean something else, or nothing. */
static bool opens_a_block(const char *text)
{
    g_autofree char *line = g_strstrip(g_strdup(text));
    size_t length = strlen(line);

    if (length == 0)
        return false;
    return strchr("{[(:>\\|", line[length - 1]) != NULL || *line == '[' || *line == '<' ||
           (g_str_has_prefix(line, "- ") && strstr(line, ": ") != NULL);
}

static const char *objection(const OkseRepairLine *line, const char *before, const char *mark)
{
    if (strstr(line->excerpt, MASK) != NULL)
        return "the line holds a secret, which is not in the evidence";
    if (before == NULL)
        return "the file is not as it was when it was collected";
    if (strlen(line->excerpt) > EXCERPT_LIMIT)
        return "the line is too long to be in the evidence as a whole";
    if (has_controls(before) || has_controls(line->path) || strchr(line->path, '\t') != NULL)
        return "the line or the file's name has characters that a patch cannot carry";
    if (json_object_size(line->replaced) == 0 && mark == NULL)
        return "files of this form have no comments: take the setting out";
    if (json_object_size(line->replaced) == 0 && opens_a_block(before))
        return "the line begins something that goes on behind it: take the whole out";
    return NULL;
}

void okse_repair_edit(const OkseRepairLine *line, const json_t *marks, int files_fd, OkseRepairEdit *edit)
{
    g_autofree char *before = files_fd >= 0 ? read_line(line, files_fd) : g_strdup(line->excerpt);
    const char *mark = mark_of(marks, line->path);
    bool replace = json_object_size(line->replaced) > 0;

    *edit = (OkseRepairEdit){.how = replace ? "replace" : "comment", .by_hand = objection(line, before, mark)};
    if (edit->by_hand != NULL)
        return;
    edit->after = replace ? replaced(line, before) : commented(before, mark);
    if (edit->after == NULL) {
        edit->by_hand = "the host's name does not stand on the line as the evidence has it";
        return;
    }
    edit->before = g_steal_pointer(&before);
    edit->exact = files_fd >= 0;
}
