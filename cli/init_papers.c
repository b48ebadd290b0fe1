/* Which papers a destination asks for follows from its law: from the types that its controls name. */
#include "cli/init_papers.h"

#include "audit/applicability.h"
#include "audit/law.h"
#include "audit/law_words.h"
#include "audit/papers.h"
#include "core/fd.h"
#include "core/json.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>

typedef struct {
    const OksePapers *papers;
    const OkseTarget *target;
    GHashTable *reasons;   /* type (borrowed) → GString: a line for each article that asks */
    GHashTable *sometimes; /* type (borrowed) → GString: the same, under a condition */
} Needs;

static void string_free(gpointer text)
{
    g_string_free(text, TRUE);
}

/* A stack as it will be, as far as somebody says: with weights, for they bring the law of AI along. */
static OkseTarget *target_of(const char *const *classes, const char *sector, const OkseLaw *law)
{
    json_t *declared = json_object(), *names = json_array();
    g_autoptr(json_t) facts =
        json_pack("{s:{s:[{s:s}],s:o}}", "install", "components", "kind", "weights", "compliance", declared);

    for (; classes != NULL && *classes != NULL; classes++)
        json_array_append_new(names, json_string(*classes));
    if (json_array_size(names) > 0)
        json_object_set(declared, "data_classes", names);
    json_decref(names);
    if (sector != NULL)
        json_object_set_new(declared, "sector", json_string(sector));
    return okse_target_new(facts, law->classes);
}

/* Today's law; what is not declared may apply. */
static bool concerns(const Needs *needs, const OkseProvision *provision)
{
    g_autoptr(json_t) reason = NULL;

    return okse_applies(provision, needs->target, (gint64)time(NULL), &reason) != OKSE_APPLIES_NOT;
}

static bool names(const json_t *value, const char *type)
{
    if (json_is_string(value))
        return strcmp(json_string_value(value), type) == 0;
    for (size_t i = 0; i < json_array_size(value); i++)
        if (g_strcmp0(json_string_value(json_array_get(value, i)), type) == 0)
            return true;
    return false;
}

static bool asks_for(const OkseMapping *mapping, const json_t *row)
{
    const char *type = okse_json_peek_text(row, "type");
    const json_t *given = mapping->parameters;

    return names(json_object_get(given, "type"), type) || names(json_object_get(given, "types"), type) ||
           names(json_object_get(given, "contacts"), type) || names(json_object_get(row, "read_by"), mapping->control);
}

/* A paper of a risk class, above a threshold, or of something that may not happen at all. */
static bool is_conditional(const OkseMapping *mapping, const json_t *row)
{
    return json_object_get(row, "only_when") != NULL || json_object_get(mapping->parameters, "classes") != NULL ||
           json_object_get(mapping->parameters, "flop_min") != NULL ||
           json_object_get(mapping->parameters, "persons") != NULL ||
           json_object_get(mapping->parameters, "home_countries") != NULL ||
           json_is_true(json_object_get(mapping->parameters, "threshold"));
}

static void note(GHashTable *table, const char *type, const OkseJurisdiction *jurisdiction,
                 const OkseProvision *provision)
{
    GString *text = g_hash_table_lookup(table, type);
    const char *title = json_string_value(json_object_get(provision->title, "en"));
    g_autofree char *line =
        g_strdup_printf("%s, %s (%s): %s\n", jurisdiction->iso, provision->article, provision->id, title);

    if (text == NULL) {
        text = g_string_new(NULL);
        g_hash_table_insert(table, (gpointer)(uintptr_t)type, text);
    }
    if (strstr(text->str, line) == NULL)
        g_string_append(text, line);
}

static void look_at(const Needs *needs, const OkseJurisdiction *jurisdiction, const OkseProvision *provision)
{
    const json_t *rows = okse_papers_rows(needs->papers), *row;
    size_t k;

    for (guint i = 0; i < provision->mappings->len; i++) {
        const OkseMapping *mapping = g_ptr_array_index(provision->mappings, i);

        json_array_foreach(rows, k, row)
        {
            if (asks_for(mapping, row))
                note(is_conditional(mapping, row) ? needs->sometimes : needs->reasons, okse_json_peek_text(row, "type"),
                     jurisdiction, provision);
        }
    }
}

static void look(const Needs *needs, const OkseLaw *law)
{
    for (guint i = 0; i < law->jurisdictions->len; i++) {
        const OkseJurisdiction *jurisdiction = g_ptr_array_index(law->jurisdictions, i);

        for (guint j = 0; j < jurisdiction->provisions->len; j++) {
            const OkseProvision *provision = g_ptr_array_index(jurisdiction->provisions, j);

            if (concerns(needs, provision))
                look_at(needs, jurisdiction, provision);
        }
    }
}

static bool directory_make(int dir_fd, GError **error)
{
    return mkdirat(dir_fd, "compliance", 0777) == 0 || errno == EEXIST || okse_fail_errno(error, "make compliance");
}

static char *path_of(const char *type)
{
    return g_strdup_printf("compliance/%s.yaml", type);
}

static bool exists(int dir_fd, const char *path)
{
    struct stat info;

    return fstatat(dir_fd, path, &info, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool write_draft(int dir_fd, const json_t *row, const char *why, GPtrArray *written, GError **error)
{
    g_autofree char *path = path_of(okse_json_peek_text(row, "type")), *text = okse_papers_draft(row, why);
    g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));

    if (!okse_write_beneath(dir_fd, path, bytes, 0644, error))
        return false;
    g_ptr_array_add(written, g_steal_pointer(&path));
    return true;
}

static bool write_all(int dir_fd, const Needs *needs, GPtrArray *written, GPtrArray *notes, GError **error)
{
    const json_t *rows = okse_papers_rows(needs->papers), *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        const char *type = okse_json_peek_text(row, "type");
        const GString *why = g_hash_table_lookup(needs->reasons, type);
        g_autofree char *path = path_of(type);

        if (why != NULL && !exists(dir_fd, path)) {
            if (!write_draft(dir_fd, row, why->str, written, error))
                return false;
        } else if (why == NULL && g_hash_table_contains(needs->sometimes, type)) {
            const char *when = json_string_value(json_object_get(json_object_get(row, "only_when"), "en"));

            g_ptr_array_add(notes,
                            g_strdup_printf("%s, if %s: okse init --document %s", type,
                                            when != NULL ? when : "the risk class or the size asks for it", type));
        }
    }
    return true;
}

bool okse_init_papers(int dir_fd, const char *const *countries, const char *const *classes, const char *sector,
                      const OkseResources *resources, GPtrArray *written, GPtrArray *notes, GError **error)
{
    g_autoptr(OksePapers) papers = okse_papers_read(resources, error);
    g_autoptr(GPtrArray) wanted = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) reasons = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, string_free);
    g_autoptr(GHashTable) sometimes = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, string_free);
    Needs needs = {papers, NULL, reasons, sometimes};
    g_autoptr(OkseLaw) law = NULL;
    g_autoptr(OkseTarget) target = NULL;

    for (; *countries != NULL; countries++)
        g_ptr_array_add(wanted, g_ascii_strup(*countries, -1));
    g_ptr_array_add(wanted, g_strdup(OKSE_FRAMEWORK_SHIPPING));
    g_ptr_array_add(wanted, NULL);
    law = papers == NULL ? NULL : okse_law_load(resources, (const char *const *)wanted->pdata, error);
    if (law == NULL || !directory_make(dir_fd, error))
        return false;
    target = target_of(classes, sector, law);
    needs.target = target;
    look(&needs, law);
    return write_all(dir_fd, &needs, written, notes, error);
}

static char *types_of(const OksePapers *papers)
{
    GString *text = g_string_new(NULL);
    const json_t *row;
    size_t i;

    json_array_foreach(okse_papers_rows(papers), i, row)
        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", okse_json_peek_text(row, "type"));
    return g_string_free(text, FALSE);
}

bool okse_init_paper(int dir_fd, const char *type, const OkseResources *resources, GPtrArray *written, GError **error)
{
    g_autoptr(OksePapers) papers = okse_papers_read(resources, error);
    const json_t *row = papers == NULL ? NULL : okse_papers_row(papers, type);
    g_autofree char *path = path_of(type), *types = papers == NULL ? NULL : types_of(papers);

    if (papers == NULL)
        return false;
    if (row == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "--document: '%s' is none of %s", type, types);
    if (exists(dir_fd, path))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: is there already; nothing was written", path);
    return directory_make(dir_fd, error) && write_draft(dir_fd, row, NULL, written, error);
}

bool okse_init_words(const char *const *classes, const char *sector, const OkseResources *resources, GError **error)
{
    g_autoptr(OkseLawWords) words = okse_law_words_read(resources, error);
    g_autofree char *objection = NULL;
    const char *option = "data-class";

    if (words == NULL)
        return false;
    for (; objection == NULL && classes != NULL && *classes != NULL; classes++)
        objection = okse_law_words_objection(words, OKSE_WORD_DATA, *classes);
    if (objection == NULL && sector != NULL) {
        option = "sector";
        objection = okse_law_words_objection(words, OKSE_WORD_SECTOR, sector);
    }
    return objection == NULL || okse_fail(error, OKSE_ERROR_INVALID, "--%s: %s", option, objection);
}
