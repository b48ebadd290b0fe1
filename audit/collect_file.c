/* Which files are configuration or documents, and what becomes of them: configuration is scanned, the files of
 * compliance components become documents. */
#include "audit/collector.h"
#include "audit/fetches.h"
#include "core/digest.h"
#include "core/text.h"
#include "core/text_decode.h"
#include "core/yaml.h"

#include <string.h>

static bool name_matches(const OkseCollection *collection, const char *rule, const char *name)
{
    const json_t *patterns = json_object_get(okse_scanner_rules(collection->scanner), rule);

    for (size_t i = 0; i < json_array_size(patterns); i++)
        if (g_pattern_match_simple(json_string_value(json_array_get(patterns, i)), name))
            return true;
    return false;
}

static bool rule_lists(const OkseCollection *collection, const char *rule, const char *word)
{
    const json_t *words = json_object_get(okse_scanner_rules(collection->scanner), rule);

    for (size_t i = 0; i < json_array_size(words); i++)
        if (g_strcmp0(json_string_value(json_array_get(words, i)), word) == 0)
            return true;
    return false;
}

static bool is_documents(const OkseCollectFiles *files)
{
    return g_strcmp0(files->kind, "compliance") == 0;
}

/* Every file, not only those with a name of configuration. */
static bool is_all(const OkseCollectFiles *files)
{
    return files->component == NULL || is_documents(files) ||
           rule_lists(files->collection, "configuration_kinds", files->kind);
}

/* What somebody would build from, in a component that is no configuration. */
static bool is_pins(const OkseCollectFiles *files, const char *name)
{
    return !is_all(files) && !name_matches(files->collection, "file_names", name);
}

static const char *collector_of(const OkseCollectFiles *files)
{
    return is_documents(files) ? "documents" : "configuration";
}

bool okse_collect_files_any(const OkseCollectFiles *files)
{
    return is_all(files) || rule_lists(files->collection, "file_kinds", files->kind);
}

bool okse_collect_files_wants(const OkseCollectFiles *files, const char *name)
{
    return is_all(files) || name_matches(files->collection, "file_names", name) ||
           name_matches(files->collection, "pin_names", name);
}

void okse_collect_files_partial(const OkseCollectFiles *files, const char *path, const char *why)
{
    g_autofree char *shown = okse_text_show(path, -1, false);
    g_autofree char *reason = g_strdup_printf("%s%s%s: %s", files->shown, *shown != '\0' ? "/" : "", shown, why);

    okse_facts_coverage(files->collection->facts, collector_of(files), OKSE_PARTIAL, reason);
}

/* Whether a file that is no text is named: on a host every one whose kind is not known, in a component what is named
 * like configuration; every byte of a component is looked at once more (audit/collect_payload.c). */
static bool wants_text(const OkseCollectFiles *files, const char *name, GBytes *bytes)
{
    return files->component == NULL ? !okse_guess_is_data(files->collection->guess, bytes)
                                    : name_matches(files->collection, "file_names", name);
}

static void scan_configuration(const OkseCollectFiles *files, const char *path, GBytes *bytes)
{
    g_autofree char *shown = *path != '\0' ? g_strconcat(files->shown, "/", path, NULL) : g_strdup(files->shown);
    g_autofree char *name = g_path_get_basename(shown);
    const char *place = files->component != NULL ? path : shown;
    bool whole = true;
    g_autoptr(GBytes) text = okse_text_decode(bytes, &whole);
    const OkseScanFile file = {collector_of(files), shown, place, files->component, text, is_pins(files, name), bytes};

    if (g_bytes_get_size(bytes) == 0 || name_matches(files->collection, "noise_names", name))
        return;
    if (!whole && wants_text(files, name, bytes))
        okse_collect_files_partial(files, path, OKSE_COLLECT_NO_TEXT);
    if (!whole && files->component != NULL)
        return;
    if (!file.pins_only) {
        okse_collect_objects(files->collection, &file);
        okse_collect_scan(files->collection, &file);
    }
    if (files->component != NULL && !is_documents(files))
        okse_collect_fetches(files->collection, &file);
}

/* The members of a typed document that are not its head. */
static json_t *fields_of(const json_t *parsed)
{
    static const char *const head[] = {"okse", "type", "title", NULL};
    const json_t *own = json_object_get(parsed, "fields");
    json_t *fields = json_is_object(own) ? json_deep_copy(own) : json_deep_copy(parsed);

    for (const char *const *member = head; *member != NULL && !json_is_object(own); member++)
        json_object_del(fields, *member);
    return fields;
}

/* What is wrong with a typed document, masked as its values are. */
static json_t *faults_of(const OkseCollectFiles *files, const OkseYaml *yaml)
{
    g_autoptr(OkseIssues) issues = okse_issues_new();
    g_autoptr(json_t) texts = json_array();

    okse_papers_check(files->collection->rules, okse_yaml_root(yaml), issues);
    for (unsigned i = 0; i < okse_issues_count(issues); i++)
        json_array_append_new(texts, json_string(okse_issues_get(issues, i)));
    return okse_collect_mask_texts(files->collection, texts);
}

/* "ORIGIN:LINE:COLUMN: TEXT" */
static unsigned line_of(const json_t *faults, const char *origin)
{
    const char *first = json_string_value(json_array_get(faults, 0));
    size_t length = strlen(origin);

    if (first == NULL || strncmp(first, origin, length) != 0 || first[length] != ':')
        return 1;
    return MAX(1, (unsigned)g_ascii_strtoull(first + length + 1, NULL, 10));
}

static void add_document(const OkseCollectFiles *files, const char *path, GBytes *bytes)
{
    g_autofree char *shown = g_strconcat(files->shown, "/", path, NULL), *valid = g_utf8_make_valid(path, -1);
    bool yaml_name = g_str_has_suffix(path, ".yaml") || g_str_has_suffix(path, ".yml");
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseYaml) yaml = yaml_name ? okse_yaml_read(bytes, shown, &error) : NULL;
    g_autoptr(json_t) raw = yaml == NULL ? NULL : okse_node_to_json(okse_yaml_root(yaml));
    g_autoptr(json_t) parsed = raw == NULL ? NULL : okse_collect_mask_texts(files->collection, raw);
    const char *form = okse_json_peek_text(parsed, "okse");
    bool evaluation = g_strcmp0(form, "evaluation/v1") == 0, typed = evaluation || g_strcmp0(form, "document/v1") == 0;
    const char *type = evaluation ? "evaluation" : typed ? okse_json_peek_text(parsed, "type") : NULL;
    OkseSha256 digest = okse_sha256_of_bytes(bytes);
    json_t *source, *document, *faults = typed && !evaluation ? faults_of(files, yaml) : json_array();
    char text[OKSE_SHA256_TEXT];

    if (error != NULL)
        okse_collect_files_partial(files, path, error->message);
    okse_sha256_text(&digest, text);
    source = okse_facts_source(&(OkseSourceFact){.collector = "documents",
                                                 .path = shown,
                                                 .line = line_of(faults, shown),
                                                 .digest = text,
                                                 .component = files->component,
                                                 .via = "declared"});
    document = json_pack("{s:s?,s:s,s:s,s:s?,s:o,s:s,s:o,s:s,s:n}", "component", files->component, "path", valid,
                         "type", type != NULL ? type : "file", "title", okse_json_peek_text(parsed, "title"), "fields",
                         typed ? fields_of(parsed) : json_object(), "digest", text, "source", source, "state",
                         "declared", "approval");
    json_object_set_new(document, "faults", faults);
    if (g_utf8_validate(shown, -1, NULL)) /* of other names no signature is looked for */
        json_object_set(files->collection->papers, shown, document);
    okse_facts_add(files->collection->facts, "documents", shown, document);
}

void okse_collect_files_use(const OkseCollectFiles *files, const char *path, GBytes *bytes)
{
    if (is_documents(files) && g_str_has_suffix(path, OKSE_APPROVAL_SUFFIX))
        okse_collect_signature(files, path, bytes);
    else if (is_documents(files))
        add_document(files, path, bytes);
    else
        scan_configuration(files, path, bytes);
}
