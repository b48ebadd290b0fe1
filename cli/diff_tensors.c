#include "cli/diff_tensors.h"

#include "core/text.h"
#include "packager/bundle_tensors.h"
#include "packager/tensor_diff.h"

#include <string.h>

#define SHOWN 20u /* tensors of a file, unless all are asked for */

static GPtrArray *tensors_of(const OkseTensorQuestion *question, const OkseBundle *bundle,
                             const OkseInvocation *invocation, GError **error)
{
    g_autoptr(OkseResources) resources = NULL;
    g_autoptr(OkseWeightsRules) rules = NULL;

    if (!question->payload)
        return okse_bundle_tensors(bundle, error);
    resources = okse_resources_open(invocation->manifests, error);
    rules = resources == NULL ? NULL : okse_weights_rules_read(resources, error);
    return rules == NULL ? NULL : okse_bundle_tensors_read(bundle, rules, !invocation->json, error);
}

static const char *whence(const OkseTensorQuestion *question, const GPtrArray *files)
{
    return files->len == 0 ? "none" : question->payload ? "payload" : "listed";
}

json_t *okse_diff_tensors(const OkseTensorQuestion *question, const OkseInvocation *invocation, GError **error)
{
    g_autoptr(GPtrArray) old = tensors_of(question, question->old, invocation, error);
    g_autoptr(GPtrArray) new = old == NULL ? NULL : tensors_of(question, question->new, invocation, error);
    json_t *files;

    if (new == NULL)
        return NULL;
    files = old->len == 0 || new->len == 0 ? json_array() : okse_tensor_diff(old, new);
    return json_pack("{s:s,s:s,s:o}", "old", whence(question, old), "new", whence(question, new), "files", files);
}

static void print_shape(const json_t *side)
{
    const json_t *shape = json_object_get(side, "shape");

    okse_print("%s [", okse_json_peek_text(side, "dtype"));
    for (size_t i = 0; i < json_array_size(shape); i++)
        okse_print("%s%" JSON_INTEGER_FORMAT, i > 0 ? ", " : "", json_integer_value(json_array_get(shape, i)));
    okse_print("]");
}

static bool same_kind(const json_t *was, const json_t *is)
{
    return json_equal(json_object_get(was, "dtype"), json_object_get(is, "dtype")) == 1 &&
           json_equal(json_object_get(was, "shape"), json_object_get(is, "shape")) == 1;
}

/* "  (was NAME, in PATH)", as far as they are others. */
static void print_origin(const json_t *was, const json_t *is)
{
    g_autofree char *name = okse_text_show(okse_json_peek_text(was, "name"), -1, false);
    g_autofree char *path = okse_text_show(okse_json_peek_text(was, "path"), -1, false);
    bool named = json_equal(json_object_get(was, "name"), json_object_get(is, "name")) == 1;
    bool placed = json_equal(json_object_get(was, "path"), json_object_get(is, "path")) == 1;

    if (!named || !placed)
        okse_print("  (was %s%s%s%s)", named ? "" : name, named || placed ? "" : ", ", placed ? "" : "in ",
                   placed ? "" : path);
}

static void print_row(const json_t *row)
{
    const json_t *was = json_object_get(row, "old"), *is = json_object_get(row, "new");
    g_autofree char *name = okse_text_show(okse_json_peek_text(is != NULL ? is : was, "name"), -1, false);

    okse_print("  %-8s %s  ", okse_json_peek_text(row, "change"), name);
    if (was != NULL && is != NULL && !same_kind(was, is)) {
        print_shape(was);
        okse_print(" -> ");
    }
    print_shape(is != NULL ? is : was);
    if (was != NULL && is != NULL)
        print_origin(was, is);
    okse_print("\n");
}

static void print_file(const json_t *file, bool all)
{
    static const char *const words[] = {"changed", "added", "removed", "moved", "unchanged"};
    g_autofree char *path = okse_text_show(okse_json_peek_text(file, "path"), -1, false);
    g_autofree char *shipped = okse_text_size((guint64)json_integer_value(json_object_get(file, "shipped")));
    const json_t *rows = json_object_get(file, "tensors");
    unsigned shown = 0, left = 0;

    okse_print("tensors of %s/%s:", okse_json_peek_text(file, "component"), path);
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        okse_print("%s %" JSON_INTEGER_FORMAT " %s", i > 0 ? "," : "",
                   json_integer_value(json_object_get(file, words[i])), words[i]);
    okse_print("; %s that the old bundle has not\n", shipped);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);

        if (!all && strcmp(okse_json_peek_text(row, "change"), "moved") == 0)
            continue;
        if (all || shown++ < SHOWN)
            print_row(row);
        else
            left++;
    }
    if (left > 0)
        okse_print("  … and %u more (--tensors shows all)\n", left);
}

static bool has_large_weights(const OkseBundle *bundle)
{
    for (unsigned i = 0; i < okse_bundle_components(bundle); i++) {
        const OkseBundleComponent *component = okse_bundle_component(bundle, i);

        for (guint k = 0; strcmp(component->kind, "weights") == 0 && k < component->files->len; k++)
            if (((const OkseBundleFile *)g_ptr_array_index(component->files, k))->size >= OKSE_TENSORS_FROM)
                return true;
    }
    return false;
}

static void print_missing(const OkseTensorQuestion *question, const OkseBundle *bundle, const char *words,
                          const char *side)
{
    if (strcmp(words, "none") == 0 && !question->payload && has_large_weights(bundle))
        okse_print(
            "the %s bundle lists no tensors, so they were not compared (--payload reads them from the weights)\n",
            side);
}

void okse_print_tensors(const OkseTensorQuestion *question, const json_t *answer)
{
    const json_t *files = json_object_get(answer, "files");

    for (size_t i = 0; i < json_array_size(files); i++)
        print_file(json_array_get(files, i), question->all);
    print_missing(question, question->old, okse_json_peek_text(answer, "old"), "old");
    print_missing(question, question->new, okse_json_peek_text(answer, "new"), "new");
}
