/* What stack.yaml may say; the messages people see are tested in tests/e2e/test_stack_refusals.py. */
#include "packager/stack.h"

#include <string.h>

#define HEAD "okse: stack/v1\nname: s\nversion: 1.4.0\nsequence: 14\nvendor: {name: V, country: KR}\n"

static OkseStack *read_text(const char *text, GError **error)
{
    g_autoptr(GBytes) bytes = g_bytes_new_static(text, strlen(text));
    g_autoptr(OkseResources) resources = okse_resources_open(NULL, NULL);

    return okse_stack_read(bytes, "s.yaml", resources, error);
}

static void reads_every_key(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseStack) stack = read_text(
        HEAD "components:\n"
             "  - {name: a, kind: weights, source: {path: m}, license: {spdx: MIT, file: m/L}}\n"
             "  - {name: b, kind: runtime, source: {oci: i, ref: '1.0', platform: linux/amd64}}\n"
             "  - {name: c, kind: docs, source: {archive: d.zip}}\n"
             "compliance: {data_classes: [personal], sector: government, purpose: p, flows: [{name: m, to: h, "
             "country: VN, data: [x]}], export_control: {classification: n, decided_by: s, decided_on: 2026-10-01}}\n",
        &error);
    const OkseStackComponent *component;

    g_assert_no_error(error);
    g_assert_cmpstr(stack->name, ==, "s");
    g_assert_cmpstr(stack->version, ==, "1.4.0");
    g_assert_cmpuint(stack->sequence, ==, 14);
    g_assert_cmpstr(stack->vendor_country, ==, "KR");
    g_assert_cmpuint(stack->components->len, ==, 3);
    component = g_ptr_array_index(stack->components, 0);
    g_assert_cmpstr(component->spdx, ==, "MIT");
    g_assert_cmpstr(component->license_file, ==, "m/L");
    g_assert_cmpint(component->source.form, ==, OKSE_SOURCE_PATH);
    component = g_ptr_array_index(stack->components, 1);
    g_assert_cmpint(component->source.form, ==, OKSE_SOURCE_OCI);
    g_assert_cmpstr(component->source.location, ==, "i");
    g_assert_cmpstr(component->source.reference, ==, "1.0");
    g_assert_cmpstr(component->source.platform, ==, "linux/amd64");
    component = g_ptr_array_index(stack->components, 2);
    g_assert_cmpint(component->source.form, ==, OKSE_SOURCE_ARCHIVE);
    g_assert_cmpuint(json_array_size(json_object_get(stack->compliance, "flows")), ==, 1);
}

static void name_is(const char *name, bool good)
{
    g_autofree char *text = g_strdup_printf(HEAD "components: [{name: \"%s\", kind: docs, source: {path: d}}]\n", name);
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseStack) stack = read_text(text, &error);

    if ((stack != NULL) != good)
        g_error("name '%s' is %s", name, stack != NULL ? "accepted" : "refused");
}

static void component_names(void)
{
    g_autofree char *longest = g_strnfill(63, 'a'), *too_long = g_strnfill(64, 'a');

    name_is("a", true);
    name_is("7b-q4", true);
    name_is(longest, true);
    name_is(too_long, false);
    name_is("A", false);
    name_is("-a", false);
    name_is("a-", false);
    name_is("a--b", false);
    name_is("a.b", false);
    name_is("a/b", false);
    name_is("가", false);
    name_is("stack", false);
}

static void version_is(const char *version, bool good)
{
    g_autofree char *text = g_strdup_printf("okse: stack/v1\nname: s\nversion: \"%s\"\nsequence: 1\nvendor: {name: V, "
                                            "country: KR}\ncomponents: [{name: a, kind: docs, source: {path: d}}]\n",
                                            version);
    g_autoptr(OkseStack) stack = read_text(text, NULL);

    if ((stack != NULL) != good)
        g_error("version '%s' is %s", version, stack != NULL ? "accepted" : "refused");
}

static void versions_are_oci_tags(void)
{
    version_is("1", true);
    version_is("2026.11-rc1+b_2", true);
    version_is("1..2", false);
    version_is(".1", false);
    version_is("1-", false);
    version_is("1/2", false);
    version_is("1:2", false);
    version_is("", false);
}

static void components_without_names_are_not_equal(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseStack) stack =
        read_text(HEAD "components: [{kind: docs, source: {path: d}}, {kind: docs, source: {path: e}}]\n", &error);

    g_assert_null(stack);
    g_assert_null(strstr(error->message, "second component"));
    g_assert_nonnull(strstr(error->message, "s.yaml:6:14: component needs the key 'name'"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/packager/stack/every-key", reads_every_key);
    g_test_add_func("/packager/stack/component-names", component_names);
    g_test_add_func("/packager/stack/versions", versions_are_oci_tags);
    g_test_add_func("/packager/stack/nameless", components_without_names_are_not_equal);
    return g_test_run();
}
