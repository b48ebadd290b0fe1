/* Two laws side by side: what one has and the other has not, and what is the same thing said differently. */
#include "audit/policy_diff.h"

#include "core/json.h"

#include <string.h>

typedef struct {
    const json_t *directions;
    const OkseLaw *old_law, *new_law;
    json_t *list;
    const char *jurisdiction, *provision; /* where we are; or NULL */
} Diff;

/* A member of something that is on both sides makes that something changed. */
static const char *kind_of(const char *key, const json_t *before, const json_t *after)
{
    if (key != NULL)
        return "changed";
    return before == NULL ? "added" : after == NULL ? "removed" : "changed";
}

/* before, after: borrowed; NULL where it is not there. */
static void tell(Diff *diff, const char *what, const char *control, const char *key, const json_t *before,
                 const json_t *after, const char *effect)
{
    json_array_append_new(diff->list, json_pack("{s:s, s:s, s:s?, s:s?, s:s?, s:s?, s:O?, s:O?, s:s}", "what", what,
                                                "kind", kind_of(key, before, after), "jurisdiction", diff->jurisdiction,
                                                "provision", diff->provision, "control", control, "key", key, "old",
                                                before, "new", after, "effect", effect));
}

/* A member of both; what its change means is for the caller to say. */
static void tell_value(Diff *diff, const char *what, const char *control, const char *key, json_t *before,
                       json_t *after, const char *effect)
{
    if (!json_equal(before, after) && (before != NULL || after != NULL))
        tell(diff, what, control, key, before, after, effect);
    json_decref(before);
    json_decref(after);
}

static json_t *words(const GPtrArray *list)
{
    json_t *shown = json_array();

    for (guint i = 0; i < list->len; i++)
        json_array_append_new(shown, json_string(g_ptr_array_index(list, i)));
    return shown;
}

/* A provision that binds earlier, longer or at last on a known day asks for more. */
static const char *effect_of_days(const OkseProvision *before, const OkseProvision *after)
{
    if (!before->dated || !after->dated)
        return after->dated ? "stricter" : before->dated ? "looser" : "none";
    return after->effective_time < before->effective_time   ? "stricter"
           : after->effective_time > before->effective_time ? "looser"
                                                            : "none";
}

static const char *effect_of_end(const OkseProvision *before, const OkseProvision *after)
{
    if (before->until == NULL || after->until == NULL)
        return after->until == NULL ? "stricter" : "looser";
    return after->until_time > before->until_time ? "stricter" : "looser";
}

static bool has_word(const GPtrArray *list, const char *word)
{
    return g_ptr_array_find_with_equal_func((GPtrArray *)(uintptr_t)list, word, g_str_equal, NULL);
}

static const char *effect_of_scope(const GPtrArray *before, const GPtrArray *after)
{
    guint come = 0, gone = 0;

    for (guint i = 0; i < after->len; i++)
        come += !has_word(before, g_ptr_array_index(after, i));
    for (guint i = 0; i < before->len; i++)
        gone += !has_word(after, g_ptr_array_index(before, i));
    if (has_word(before, "all") != has_word(after, "all"))
        return has_word(after, "all") ? "stricter" : "looser";
    return has_word(after, "all") || (come == 0 && gone == 0) ? "none"
           : gone == 0                                        ? "stricter"
           : come == 0                                        ? "looser"
                                                              : "unclear";
}

/* Only low confidence changes a verdict: it turns a failure into a question. */
static const char *effect_of_confidence(const OkseProvision *before, const OkseProvision *after)
{
    bool was = okse_provision_is_doubtful(before), is = okse_provision_is_doubtful(after);

    return was == is ? "none" : is ? "looser" : "stricter";
}

static const OkseMapping *mapping_of(const OkseProvision *provision, const char *control, guint nth)
{
    for (guint i = 0; i < provision->mappings->len; i++) {
        const OkseMapping *mapping = g_ptr_array_index(provision->mappings, i);

        if (strcmp(mapping->control, control) == 0 && nth-- == 0)
            return mapping;
    }
    return NULL;
}

/* The how-manieth mapping to its control within the provision it is. */
static guint place_of(const OkseProvision *provision, guint index)
{
    const OkseMapping *mapping = g_ptr_array_index(provision->mappings, index);
    guint nth = 0;

    for (guint i = 0; i < index; i++)
        nth += strcmp(((const OkseMapping *)g_ptr_array_index(provision->mappings, i))->control, mapping->control) == 0;
    return nth;
}

static json_t *value_of(const OkseLaw *law, const OkseMapping *mapping, const char *parameter)
{
    const OkseControl *control = okse_law_control(law, mapping->control);
    const OkseParameter *declared = control != NULL ? okse_control_parameter(control, parameter) : NULL;
    json_t *value = json_object_get(mapping->parameters, parameter);

    if (value == NULL && declared != NULL)
        value = declared->fallback;
    return json_incref(value);
}

static void compare_parameters(Diff *diff, const OkseMapping *before, const OkseMapping *after)
{
    const OkseControl *control = okse_law_control(diff->new_law, after->control);

    for (guint i = 0; i < control->parameters->len; i++) {
        const char *name = ((const OkseParameter *)g_ptr_array_index(control->parameters, i))->name;
        json_t *was = value_of(diff->old_law, before, name), *is = value_of(diff->new_law, after, name);

        tell_value(diff, "parameter", control->id, name, was, is,
                   okse_policy_effect(diff->directions, control->id, name, was, is));
    }
}

static void compare_mappings(Diff *diff, const OkseProvision *before, const OkseProvision *after)
{
    for (guint i = 0; i < after->mappings->len; i++) {
        const OkseMapping *is = g_ptr_array_index(after->mappings, i);
        const OkseMapping *was = mapping_of(before, is->control, place_of(after, i));

        if (was == NULL)
            tell(diff, "mapping", is->control, NULL, NULL, is->parameters, "stricter");
        else
            compare_parameters(diff, was, is);
    }
    for (guint i = 0; i < before->mappings->len; i++) {
        const OkseMapping *was = g_ptr_array_index(before->mappings, i);

        if (mapping_of(after, was->control, place_of(before, i)) == NULL)
            tell(diff, "mapping", was->control, NULL, was->parameters, NULL, "looser");
    }
}

static void compare_provision(Diff *diff, const OkseProvision *before, const OkseProvision *after)
{
    bool stays = okse_provision_is_mandatory(before) == okse_provision_is_mandatory(after);

    diff->provision = after->id;
    tell_value(diff, "provision", NULL, "effective", json_string(before->effective), json_string(after->effective),
               effect_of_days(before, after));
    tell_value(diff, "provision", NULL, "until", json_string(before->until), json_string(after->until),
               g_strcmp0(before->until, after->until) == 0 ? "none" : effect_of_end(before, after));
    tell_value(diff, "provision", NULL, "severity", json_string(before->severity), json_string(after->severity),
               stays                                ? "none"
               : okse_provision_is_mandatory(after) ? "stricter"
                                                    : "looser");
    tell_value(diff, "provision", NULL, "confidence", json_string(before->confidence), json_string(after->confidence),
               effect_of_confidence(before, after));
    tell_value(diff, "provision", NULL, "data", words(before->data), words(after->data),
               effect_of_scope(before->data, after->data));
    tell_value(diff, "provision", NULL, "sectors", words(before->sectors), words(after->sectors),
               effect_of_scope(before->sectors, after->sectors));
    tell_value(diff, "provision", NULL, "article", json_string(before->article), json_string(after->article), "none");
    tell_value(diff, "provision", NULL, "summary", json_incref(before->summary), json_incref(after->summary), "none");
    tell_value(diff, "provision", NULL, "not_checkable", json_incref(before->not_checkable),
               json_incref(after->not_checkable), "none");
    compare_mappings(diff, before, after);
    diff->provision = NULL;
}

/* Without controls a provision decides nothing, there or not. */
static void tell_provision(Diff *diff, const OkseProvision *provision, bool added)
{
    g_autoptr(json_t) shown =
        json_pack("{s:s, s:O, s:s, s:s, s:i}", "article", provision->article, "title", provision->title, "effective",
                  provision->effective, "severity", provision->severity, "controls", (int)provision->mappings->len);

    diff->provision = provision->id;
    tell(diff, "provision", NULL, NULL, added ? NULL : shown, added ? shown : NULL,
         provision->mappings->len == 0 ? "none"
         : added                       ? "stricter"
                                       : "looser");
    diff->provision = NULL;
}

static json_t *transfer_key(const OkseTransfer *transfer)
{
    json_t *key = json_pack("{s:s, s:o, s:o}", "provision", transfer->provision, "data", words(transfer->data),
                            "sectors", words(transfer->sectors));

    json_object_set_new(key, "to", transfer->to != NULL ? words(transfer->to) : json_null());
    return key;
}

static const OkseTransfer *transfer_of(const OkseJurisdiction *one, const json_t *key)
{
    for (guint i = 0; one != NULL && i < one->transfers->len; i++) {
        const OkseTransfer *transfer = g_ptr_array_index(one->transfers, i);
        g_autoptr(json_t) other = transfer_key(transfer);

        if (json_equal(key, other))
            return transfer;
    }
    return NULL;
}

/* Rows say what may be done; they decide no verdict. */
static void compare_transfers(Diff *diff, const OkseJurisdiction *before, const OkseJurisdiction *after, bool both)
{
    for (guint i = 0; i < after->transfers->len; i++) {
        const OkseTransfer *row = g_ptr_array_index(after->transfers, i);
        g_autoptr(json_t) key = transfer_key(row);
        const OkseTransfer *other = transfer_of(before, key);
        g_autoptr(json_t) is = json_string(okse_transfer_modes[row->mode]), was = NULL;

        diff->provision = row->provision;
        if (other == NULL)
            tell(diff, "transfer", NULL, NULL, both ? NULL : key, both ? key : NULL, "none");
        else if (both && other->mode != row->mode) {
            was = json_string(okse_transfer_modes[other->mode]);
            tell(diff, "transfer", NULL, "mode", was, is, row->mode < other->mode ? "stricter" : "looser");
        }
    }
    diff->provision = NULL;
}

static void compare_jurisdiction(Diff *diff, const OkseJurisdiction *before, const OkseJurisdiction *after)
{
    diff->jurisdiction = after->iso;
    tell_value(diff, "jurisdiction", NULL, "as_of", json_string(before->as_of), json_string(after->as_of), "none");
    tell_value(diff, "jurisdiction", NULL, "confidence", json_string(before->confidence),
               json_string(after->confidence), "none");
    tell_value(diff, "jurisdiction", NULL, "inherits", words(before->inherits), words(after->inherits),
               effect_of_scope(before->inherits, after->inherits));
    tell_value(diff, "jurisdiction", NULL, "members", words(before->members), words(after->members), "none");
    for (guint i = 0; i < after->provisions->len; i++) {
        const OkseProvision *is = g_ptr_array_index(after->provisions, i);
        const OkseProvision *was = okse_jurisdiction_provision(before, is->id);

        if (was == NULL)
            tell_provision(diff, is, true);
        else
            compare_provision(diff, was, is);
    }
    for (guint i = 0; i < before->provisions->len; i++) {
        const OkseProvision *was = g_ptr_array_index(before->provisions, i);

        if (okse_jurisdiction_provision(after, was->id) == NULL)
            tell_provision(diff, was, false);
    }
    compare_transfers(diff, before, after, true);
    compare_transfers(diff, after, before, false);
    diff->jurisdiction = NULL;
}

static void tell_jurisdiction(Diff *diff, const OkseJurisdiction *one, bool added)
{
    g_autoptr(json_t) shown = json_pack("{s:O, s:i}", "name", one->name, "provisions", (int)one->provisions->len);

    diff->jurisdiction = one->iso;
    tell(diff, "jurisdiction", NULL, NULL, added ? NULL : shown, added ? shown : NULL, "none");
    diff->jurisdiction = NULL;
}

static void compare_control(Diff *diff, const OkseControl *before, const OkseControl *after)
{
    for (unsigned i = 0; i < OKSE_EXPRESSIONS; i++)
        tell_value(diff, "control", after->id, okse_expression_names[i], json_string(before->expressions[i]),
                   json_string(after->expressions[i]), i == OKSE_EXPRESSION_SUBJECTS ? "none" : "unclear");
    tell_value(diff, "control", after->id, "needs", words(before->needs), words(after->needs),
               effect_of_scope(before->needs, after->needs));
    tell_value(diff, "control", after->id, "waivable", json_boolean(before->waivable), json_boolean(after->waivable),
               after->waivable ? "looser" : "stricter");
    tell_value(diff, "control", after->id, "title", json_incref(before->title), json_incref(after->title), "none");
}

static void compare_controls(Diff *diff)
{
    for (guint i = 0; i < diff->new_law->controls->len; i++) {
        const OkseControl *is = g_ptr_array_index(diff->new_law->controls, i);
        const OkseControl *was = okse_law_control(diff->old_law, is->id);

        if (was != NULL)
            compare_control(diff, was, is);
        else
            tell(diff, "control", is->id, NULL, NULL, is->title, "none");
    }
    for (guint i = 0; i < diff->old_law->controls->len; i++) {
        const OkseControl *was = g_ptr_array_index(diff->old_law->controls, i);

        if (okse_law_control(diff->new_law, was->id) == NULL)
            tell(diff, "control", was->id, NULL, was->title, NULL, "none");
    }
}

json_t *okse_policy_diff(const OkseLaw *old_law, const OkseLaw *new_law, const json_t *directions)
{
    Diff diff = {.directions = directions, .old_law = old_law, .new_law = new_law, .list = json_array()};

    compare_controls(&diff);
    for (guint i = 0; i < new_law->jurisdictions->len; i++) {
        const OkseJurisdiction *is = g_ptr_array_index(new_law->jurisdictions, i);
        const OkseJurisdiction *was = okse_law_jurisdiction(old_law, is->iso);

        if (was == NULL)
            tell_jurisdiction(&diff, is, true);
        else
            compare_jurisdiction(&diff, was, is);
    }
    for (guint i = 0; i < old_law->jurisdictions->len; i++) {
        const OkseJurisdiction *was = g_ptr_array_index(old_law->jurisdictions, i);

        if (okse_law_jurisdiction(new_law, was->iso) == NULL)
            tell_jurisdiction(&diff, was, false);
    }
    return diff.list;
}
