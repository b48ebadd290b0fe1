#include "audit/findings_partial.h"

#include "audit/verdict.h"
#include "core/json.h"

#include <string.h>

static bool is_asked_by(const OkseJurisdiction *jurisdiction, const char *control)
{
    for (guint i = 0; i < jurisdiction->provisions->len; i++) {
        const OkseProvision *provision = g_ptr_array_index(jurisdiction->provisions, i);

        for (guint k = 0; k < provision->mappings->len; k++)
            if (strcmp(((const OkseMapping *)g_ptr_array_index(provision->mappings, k))->control, control) == 0)
                return true;
    }
    return false;
}

static bool check(const OkseLaw *law, const char *control, GError **error)
{
    if (okse_law_control(law, control) == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "--only: there is no control '%s' (okse policy list)", control);
    for (guint i = 0; i < law->jurisdictions->len; i++)
        if (is_asked_by(g_ptr_array_index(law->jurisdictions, i), control))
            return true;
    return okse_fail(error, OKSE_ERROR_INVALID, "--only: no provision of the law that is asked here uses '%s'",
                     control);
}

static int compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char **okse_only_read(char *const *words, const OkseLaw *law, GError **error)
{
    g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);

    for (; *words != NULL; words++) {
        g_auto(GStrv) parts = g_strsplit(*words, ",", -1);

        if (*parts == NULL && !check(law, "", error)) /* g_strsplit() makes nothing of nothing */
            return NULL;
        for (char **part = parts; *part != NULL; part++) {
            if (!check(law, *part, error))
                return NULL;
            if (!g_ptr_array_find_with_equal_func(ids, *part, g_str_equal, NULL))
                g_ptr_array_add(ids, g_strdup(*part));
        }
    }
    g_ptr_array_sort(ids, compare);
    g_ptr_array_add(ids, NULL);
    return (char **)g_ptr_array_steal(ids, NULL);
}

bool okse_only_has(const char *const *only, const char *control)
{
    return only == NULL || g_strv_contains(only, control);
}

void okse_partial_begin(json_t *document, const char *const *only)
{
    json_t *list = json_array(), *warnings = json_object_get(document, "warnings");
    g_autofree char *named = g_strjoinv(", ", (char **)(uintptr_t)only); /* only read */

    for (; *only != NULL; only++)
        json_array_append_new(list, json_string(*only));
    if (warnings == NULL) {
        warnings = json_array();
        json_object_set_new(document, "warnings", warnings);
    }
    json_array_append_new(
        warnings, json_pack("{s:s, s:o}", "kind", "partial", "message",
                            okse_reason("a partial audit: only %s was asked, so it cannot say that the whole "
                                        "is compliant",
                                        "부분 감사: %s만 확인하였으므로 전체 준수 여부는 알 수 없습니다", named)));
    json_object_set_new(document, "partial", json_pack("{s:o}", "only", list));
}

void okse_partial_end(json_t *document)
{
    const json_t *summary = json_object_get(document, "summary");
    bool fails = json_integer_value(json_object_get(summary, "fail")) > 0;
    bool open = json_integer_value(json_object_get(summary, "inconclusive")) > 0 ||
                json_integer_value(json_object_get(summary, "evaluated")) == 0;

    json_object_set_new(json_object_get(document, "partial"), "result",
                        json_string(fails  ? "fail"
                                    : open ? "inconclusive"
                                           : "pass"));
}

int okse_partial_exit_status(const json_t *findings)
{
    const char *result = okse_json_peek_text(json_object_get(findings, "partial"), "result");

    if (g_strcmp0(result, "pass") == 0)
        return 0;
    return g_strcmp0(result, "fail") == 0 ? 1 : 4;
}
