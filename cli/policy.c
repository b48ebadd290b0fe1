/* okse policy list, show, lint, test: the law as data, for people who read, write and check it. */
#include "audit/law.h"
#include "audit/law_read.h"
#include "audit/policy_test.h"
#include "cli/commands.h"
#include "cli/law_source.h"
#include "cli/policy_parts.h"
#include "core/fd.h"
#include "core/json.h"
#include "core/limits.h"

#include <string.h>
#include <time.h>

OkseLaw *okse_policy_load(const OkseInvocation *invocation, const char *const *countries, GError **error)
{
    g_autoptr(OkseResources) resources = okse_law_source(invocation, error);

    return resources == NULL ? NULL : okse_law_load(resources, countries, error);
}

const char *okse_policy_english(const json_t *texts)
{
    const char *text = okse_json_peek_text(texts, "en");

    return text != NULL ? text : "";
}

static guint checkable(const OkseJurisdiction *jurisdiction)
{
    guint count = 0;

    for (guint i = 0; i < jurisdiction->provisions->len; i++)
        count += ((const OkseProvision *)g_ptr_array_index(jurisdiction->provisions, i))->mappings->len > 0;
    return count;
}

static json_t *list_to_json(const OkseLaw *law)
{
    json_t *jurisdictions = json_array(), *frameworks = json_array(), *controls = json_array();

    for (guint i = 0; i < law->jurisdictions->len; i++) {
        const OkseJurisdiction *one = g_ptr_array_index(law->jurisdictions, i);

        json_array_append_new(one->framework ? frameworks : jurisdictions,
                              json_pack("{s:s, s:O, s:s, s:s, s:i, s:i}", "iso", one->iso, "name", one->name, "as_of",
                                        one->as_of, "confidence", one->confidence, "provisions",
                                        (int)one->provisions->len, "checkable", (int)checkable(one)));
    }
    for (guint i = 0; i < law->controls->len; i++) {
        const OkseControl *one = g_ptr_array_index(law->controls, i);

        json_array_append_new(controls, json_pack("{s:s, s:s, s:O, s:i}", "id", one->id, "family", one->family, "title",
                                                  one->title, "tests", (int)one->tests->len));
    }
    return json_pack("{s:s, s:s, s:o, s:o, s:o}", "schema", "okse.policy.v1", "manifests", law->digest, "jurisdictions",
                     jurisdictions, "frameworks", frameworks, "controls", controls);
}

/* The law is old today, or NULL. */
static json_t *warning_of(const OkseLaw *law)
{
    return law->pack != NULL && okse_policy_pack_is_old(law->pack, (gint64)time(NULL))
               ? okse_policy_pack_warning(law->pack)
               : NULL;
}

static void print_pack(const OkseLaw *law)
{
    g_autoptr(json_t) warning = warning_of(law);
    g_autofree char *until = law->pack == NULL ? NULL : okse_policy_pack_until(law->pack);

    if (law->pack == NULL)
        return;
    okse_print("%s of %s, to be used until %s%s%s\n", law->pack->name, law->pack->date, until,
               law->identity != NULL ? ", " : "", law->identity != NULL ? law->identity : "");
    if (warning != NULL)
        okse_print("%s\n", okse_policy_english(json_object_get(warning, "message")));
    okse_print("\n");
}

static void print_list(const OkseLaw *law, bool frameworks)
{
    for (guint i = 0; i < law->jurisdictions->len; i++) {
        const OkseJurisdiction *one = g_ptr_array_index(law->jurisdictions, i);

        if (one->framework == frameworks)
            okse_print("  %-2s  %-24s as of %s, confidence %-6s  %u provisions, %u checkable\n", one->iso,
                       okse_policy_english(one->name), one->as_of, one->confidence, one->provisions->len,
                       checkable(one));
    }
}

static int list_run(const OkseInvocation *invocation, GError **error)
{
    g_autoptr(OkseLaw) law = okse_policy_load(invocation, NULL, error);

    if (law == NULL)
        return 2;
    if (invocation->json) {
        g_autoptr(json_t) value = list_to_json(law), warning = warning_of(law);

        json_object_set_new(value, "policy",
                            law->pack != NULL ? okse_policy_pack_json(law->pack, law->identity) : json_null());
        if (warning != NULL)
            json_object_set_new(value, "warnings", json_pack("[O]", warning));
        return okse_print_json(value, error) ? 0 : 3;
    }
    print_pack(law);
    okse_print("Jurisdictions\n");
    print_list(law, false);
    okse_print("\nFrameworks\n");
    print_list(law, true);
    okse_print("\nControls\n");
    for (guint i = 0; i < law->controls->len; i++) {
        const OkseControl *one = g_ptr_array_index(law->controls, i);

        okse_print("  %-28s %s\n", one->id, okse_policy_english(one->title));
    }
    return 0;
}

static json_t *provision_to_json(const OkseProvision *provision)
{
    json_t *mappings = json_array();

    for (guint i = 0; i < provision->mappings->len; i++) {
        const OkseMapping *mapping = g_ptr_array_index(provision->mappings, i);

        json_array_append_new(mappings,
                              json_pack("{s:s, s:O}", "control", mapping->control, "parameters", mapping->parameters));
    }
    return json_pack("{s:s, s:s, s:s, s:O, s:O, s:s, s:s?, s:s, s:s, s:o, s:O?}", "id", provision->id, "instrument",
                     provision->instrument, "article", provision->article, "title", provision->title, "summary",
                     provision->summary, "effective", provision->effective, "until", provision->until, "severity",
                     provision->severity, "confidence", provision->confidence, "controls", mappings, "not_checkable",
                     provision->not_checkable);
}

static json_t *words_to_json(const GPtrArray *words)
{
    json_t *list = json_array();

    for (guint i = 0; i < words->len; i++)
        json_array_append_new(list, json_string(g_ptr_array_index(words, i)));
    return list;
}

static json_t *transfer_to_json(const OkseTransfer *transfer)
{
    json_t *shown = json_pack("{s:s, s:o, s:o, s:s, s:O?, s:O, s:s}", "provision", transfer->provision, "data",
                              words_to_json(transfer->data), "sectors", words_to_json(transfer->sectors), "mode",
                              okse_transfer_modes[transfer->mode], "recipients", transfer->recipients, "mechanisms",
                              transfer->mechanisms, "confidence", transfer->confidence);

    json_object_set_new(shown, "to", transfer->to != NULL ? words_to_json(transfer->to) : json_null());
    return shown;
}

static json_t *transfers_to_json(const OkseJurisdiction *one)
{
    json_t *list = json_array();

    for (guint i = 0; i < one->transfers->len; i++)
        json_array_append_new(list, transfer_to_json(g_ptr_array_index(one->transfers, i)));
    return list;
}

static json_t *jurisdiction_to_json(const OkseJurisdiction *one)
{
    json_t *provisions = json_array();

    for (guint i = 0; i < one->provisions->len; i++)
        json_array_append_new(provisions, provision_to_json(g_ptr_array_index(one->provisions, i)));
    return json_pack("{s:s, s:s, s:O, s:o, s:o, s:s, s:s, s:O?, s:O, s:O, s:o, s:o, s:O}", "schema",
                     "okse.policy.jurisdiction.v1", "iso", one->iso, "name", one->name, "inherits",
                     words_to_json(one->inherits), "members", words_to_json(one->members), "as_of", one->as_of,
                     "confidence", one->confidence, "profile", one->profile, "regime", one->regime, "instruments",
                     one->instruments, "provisions", provisions, "transfers", transfers_to_json(one), "uncertain",
                     one->uncertain);
}

static void print_provision(const OkseProvision *provision)
{
    okse_print("\n  %s  %s — %s [%s, confidence %s%s, from %s%s%s]\n", provision->id, provision->article,
               okse_policy_english(provision->title), provision->severity, provision->confidence,
               okse_provision_is_doubtful(provision) ? ": a lawyer must check" : "", provision->effective,
               provision->until != NULL ? " until " : "", provision->until != NULL ? provision->until : "");
    okse_print("    %s\n", okse_policy_english(provision->summary));
    for (guint i = 0; i < provision->mappings->len; i++) {
        const OkseMapping *mapping = g_ptr_array_index(provision->mappings, i);
        g_autoptr(GBytes) text = okse_json_write(mapping->parameters);

        okse_print("    → %s %.*s\n", mapping->control, (int)g_bytes_get_size(text),
                   (const char *)g_bytes_get_data(text, NULL));
    }
    if (provision->not_checkable != NULL)
        okse_print("    not technically checkable: %s\n", okse_policy_english(provision->not_checkable));
}

static void print_words(const char *what, const GPtrArray *words)
{
    for (guint i = 0; i < words->len; i++)
        okse_print("%s%s", i > 0 ? ", " : what, (const char *)g_ptr_array_index(words, i));
    if (words->len > 0)
        okse_print("\n");
}

static void print_jurisdiction(const OkseJurisdiction *one)
{
    json_t *instrument, *doubt;
    size_t i;

    okse_print("%s (%s), as of %s, confidence %s\n%s: %s\n", okse_policy_english(one->name), one->iso, one->as_of,
               one->confidence, okse_json_peek_text(one->regime, "class"),
               okse_policy_english(json_object_get(one->regime, "reason")));
    print_words("With the law of ", one->inherits);
    print_words("Binds ", one->members);
    if (one->transfers->len > 0)
        okse_print("%u rules about transfers (okse policy matrix --country %s)\n", one->transfers->len, one->iso);
    json_array_foreach(one->instruments, i, instrument)
    {
        okse_print("\n%s — %s\n", okse_policy_english(json_object_get(instrument, "title")),
                   okse_json_peek_text(instrument, "citation"));
        for (guint k = 0; k < one->provisions->len; k++) {
            const OkseProvision *provision = g_ptr_array_index(one->provisions, k);

            if (strcmp(provision->instrument, okse_json_peek_text(instrument, "id")) == 0)
                print_provision(provision);
        }
    }
    okse_print("\nUncertain\n");
    json_array_foreach(one->uncertain, i, doubt) okse_print("  - %s\n", okse_policy_english(doubt));
}

static json_t *control_to_json(const OkseControl *control)
{
    json_t *needs = json_array(), *expressions = json_object();

    for (guint i = 0; i < control->needs->len; i++)
        json_array_append_new(needs, json_string(g_ptr_array_index(control->needs, i)));
    for (unsigned i = 0; i < OKSE_EXPRESSIONS; i++)
        if (control->expressions[i] != NULL)
            json_object_set_new(expressions, okse_expression_names[i], json_string(control->expressions[i]));
    return json_pack("{s:s, s:s, s:s, s:O, s:O, s:O, s:o, s:o}", "schema", "okse.policy.control.v1", "id", control->id,
                     "family", control->family, "title", control->title, "description", control->description,
                     "remediation", control->remediation, "needs", needs, "expressions", expressions);
}

static void print_control(const OkseControl *control)
{
    okse_print("%s — %s\n\n%s\n\nWhat to do: %s\nLooks at:", control->id, okse_policy_english(control->title),
               okse_policy_english(control->description), okse_policy_english(control->remediation));
    for (guint i = 0; i < control->needs->len; i++)
        okse_print(" %s", (const char *)g_ptr_array_index(control->needs, i));
    okse_print("\n");
    for (unsigned i = 0; i < OKSE_EXPRESSIONS; i++)
        if (control->expressions[i] != NULL)
            okse_print("%s: %s\n", okse_expression_names[i], control->expressions[i]);
}

static int show_control(const OkseInvocation *invocation, const char *id, GError **error)
{
    g_autoptr(OkseLaw) law = okse_policy_load(invocation, NULL, error);
    const OkseControl *control = law == NULL ? NULL : okse_law_control(law, id);
    g_autoptr(json_t) value = NULL;

    if (law == NULL)
        return 2;
    if (control == NULL) {
        g_autofree char *hint = okse_law_control_hint(law, id);

        okse_fail(error, OKSE_ERROR_INVALID, "'%s' is neither a country code, a framework nor a control%s", id,
                  *hint != '\0' ? hint : " (see okse policy list)");
        return 2;
    }
    if (!invocation->json) {
        print_control(control);
        return 0;
    }
    value = control_to_json(control);
    return okse_print_json(value, error) ? 0 : 3;
}

static int show_run(const OkseInvocation *invocation, GError **error)
{
    const char *name = invocation->arguments[0];
    g_autofree char *iso = g_ascii_strup(name, -1);
    const char *wanted[] = {okse_law_is_country(iso) ? iso : name, NULL};
    g_autoptr(OkseLaw) law = NULL;
    g_autoptr(json_t) value = NULL;

    if (!okse_law_is_country(iso) && !okse_law_is_framework(name))
        return show_control(invocation, name, error);
    law = okse_policy_load(invocation, wanted, error);
    if (law == NULL)
        return 2;
    if (!invocation->json) {
        print_jurisdiction(g_ptr_array_index(law->jurisdictions, 0));
        return 0;
    }
    value = jurisdiction_to_json(g_ptr_array_index(law->jurisdictions, 0));
    return okse_print_json(value, error) ? 0 : 3;
}

const OkseCommand okse_command_policy_list = {
    .name = "policy list",
    .summary = "List the jurisdictions and controls.",
    .takes_policy = true,
    .run = list_run,
};

const OkseCommand okse_command_policy_show = {
    .name = "policy show",
    .arguments = "ISO2|FRAMEWORK|CONTROL",
    .minimum = 1,
    .maximum = 1,
    .summary = "Show the provisions of a country or framework and their checks, or one control.",
    .takes_policy = true,
    .run = show_run,
};
