/* Kits of one maker: packages of one release, and what was compiled with it for a model. */
#include "audit/compatibility_rows.h"

#include <string.h>

static const char *text_of(const json_t *object, const char *key)
{
    return okse_json_peek_text(object, key);
}

static const json_t *package_named(const Fit *fit, const char *wanted)
{
    const json_t *packages = json_object_get(fit->fitting, "packages"), *package;
    size_t i;

    json_array_foreach(packages, i, package)
    {
        const char *name = text_of(package, "name");

        if (name != NULL && text_of(package, "version") != NULL && fit_is_named(name, wanted))
            return package;
    }
    return NULL;
}

/* Which release of the kit is meant: the version of the first anchor that is there; NULL: nothing says it. */
static const char *version_of(const Fit *fit, const json_t *kit)
{
    const json_t *anchors = json_object_get(kit, "anchors"), *anchor;
    size_t i;

    json_array_foreach(anchors, i, anchor)
    {
        const json_t *package = package_named(fit, json_string_value(anchor));

        if (package != NULL)
            return text_of(package, "version");
    }
    return NULL;
}

static const json_t *release_of(const json_t *kit, const char *version)
{
    const json_t *releases = json_object_get(kit, "releases"), *release;
    size_t i;

    json_array_foreach(releases, i, release) if (fit_same_train(text_of(release, "train"), version)) return release;
    return NULL;
}

static const char *listed(const json_t *release, const char *name)
{
    const json_t *versions = json_object_get(release, "versions");
    const char *key;
    json_t *version;

    json_object_foreach((json_t *)(uintptr_t)versions, key,
                        version) if (fit_is_named(key, name)) return json_string_value(version);
    return NULL;
}

static void compare_package(const Fit *fit, const json_t *kit, const json_t *package, const char *meant)
{
    const char *name = text_of(package, "name"), *version = text_of(package, "version");
    g_autofree char *train = fit_train_of(meant);
    const json_t *release = release_of(kit, meant);
    const char *expected = listed(release, name);
    g_autofree char *needs =
        expected == NULL ? g_strdup_printf("release %s", train) : g_strdup_printf("%s of release %s", expected, train);
    g_autofree char *why =
        g_strdup_printf(release == NULL ? "%s is here, and what belongs to release %s is not in the table"
                                        : "%s is here, and the notes of release %s do not list it",
                        version, train);
    FitRow row = {.rule = text_of(kit, "name"),
                  .subject = name,
                  .needs = needs,
                  .found = version,
                  .confidence = text_of(release != NULL ? release : kit, "confidence"),
                  .by = text_of(package, "by")};

    row.answer = fit_same_train(version, meant) ? FIT_YES
                 : expected != NULL             ? fit_answer(fit_same_train(version, expected))
                                                : FIT_UNKNOWN;
    if (row.answer == FIT_UNKNOWN)
        row.found = why;
    fit_add(fit, &row);
}

/* A driver that says its train, and is for a device of the kit. */
static void compare_driver(const Fit *fit, const json_t *kit, const json_t *driver, const char *meant)
{
    const json_t *drivers = json_object_get(fit->table, "drivers"), *rule;
    const char *train = text_of(driver, "train"), *prefix = text_of(kit, "prefix");
    g_autofree char *release = meant == NULL ? NULL : fit_train_of(meant);
    g_autofree char *needs = g_strdup_printf("release %s", release != NULL ? release : train);
    FitRow row = {.rule = text_of(kit, "name"),
                  .subject = text_of(driver, "component"),
                  .needs = needs,
                  .confidence = text_of(kit, "confidence"),
                  .by = "supports.train"};
    bool ours = false;
    size_t i;

    json_array_foreach(drivers, i, rule) ours =
        ours || (prefix != NULL && fit_begins(text_of(rule, "package"), prefix) &&
                 fit_share_device(json_object_get(rule, "devices"), json_object_get(driver, "devices")));
    if (train == NULL || !ours)
        return;
    row.found = meant != NULL ? train : "nothing here says which release of the kit it is";
    row.answer = meant == NULL ? FIT_UNKNOWN : fit_answer(fit_same_train(train, meant));
    fit_add(fit, &row);
}

void fit_kits(const Fit *fit)
{
    const json_t *kits = json_object_get(fit->table, "kits"), *packages = json_object_get(fit->fitting, "packages");
    const json_t *drivers = json_object_get(fit->fitting, "drivers"), *kit, *one;
    size_t i, k;

    json_array_foreach(kits, i, kit)
    {
        const char *meant = version_of(fit, kit), *prefix = text_of(kit, "prefix");

        if (prefix != NULL && meant != NULL)
            json_array_foreach(packages, k, one)
            {
                const char *name = text_of(one, "name");

                if (name != NULL && text_of(one, "version") != NULL && fit_begins(name, prefix))
                    compare_package(fit, kit, one, meant);
            }
        json_array_foreach(drivers, k, one) compare_driver(fit, kit, one, meant);
    }
}

static const json_t *kit_named(const Fit *fit, const char *name)
{
    const json_t *kits = json_object_get(fit->table, "kits"), *kit;
    size_t i;

    json_array_foreach(kits, i, kit) if (g_strcmp0(text_of(kit, "name"), name) == 0) return kit;
    return NULL;
}

/* What was compiled, against the release that runs it. What the stack declares and what the file says must agree. */
static void compare_train(const Fit *fit, const json_t *artefact, const char *subject)
{
    const json_t *kit = kit_named(fit, text_of(artefact, "kit"));
    const char *read = text_of(artefact, "train"), *declared = text_of(json_object_get(artefact, "compiled"), "train");
    const char *said = read != NULL ? read : declared, *meant = kit == NULL ? NULL : version_of(fit, kit);
    g_autofree char *release = meant == NULL ? NULL : fit_train_of(meant);
    g_autofree char *needs =
        release == NULL ? g_strdup("the release that it was compiled with") : g_strdup_printf("release %s", release);
    g_autofree char *declares = declared == NULL ? NULL : g_strdup_printf("compiled.train %s", declared);
    FitRow row = {.rule = text_of(artefact, "format"),
                  .subject = subject,
                  .needs = needs,
                  .answer = FIT_UNKNOWN,
                  .confidence = kit == NULL ? "low" : text_of(kit, "confidence"),
                  .by = read != NULL ? "the file itself" : "compiled.train"};

    row.found = said == NULL    ? "neither the file nor the stack (compiled.train) says what it was compiled with"
                : meant == NULL ? "nothing here says which release of the kit runs it"
                                : said;
    if (said != NULL && meant != NULL)
        row.answer = fit_answer(fit_same_train(said, meant));
    fit_add(fit, &row);
    if (read == NULL || declared == NULL)
        return;
    row.needs = declares;
    row.found = read;
    row.answer = fit_answer(fit_same_train(read, declared));
    fit_add(fit, &row);
}

/* The model that it is for: the one that is named, the one beside it, the only one. */
static const json_t *model_of(const Fit *fit, const json_t *artefact)
{
    const json_t *models = json_object_get(fit->fitting, "models"), *model;
    const char *wanted = text_of(json_object_get(artefact, "compiled"), "for");
    size_t i;

    json_array_foreach(models, i, model) if (g_strcmp0(text_of(model, "component"),
                                                       wanted != NULL ? wanted : text_of(artefact, "component")) ==
                                             0) return model;
    return wanted == NULL && json_array_size(models) == 1 ? json_array_get(models, 0) : NULL;
}

/* Models that also see have the numbers of the language model one level deeper. */
static const json_t *value_of(const json_t *config, const char *key)
{
    const json_t *value = json_object_get(config, key);

    return value != NULL ? value : json_object_get(json_object_get(config, "text_config"), key);
}

static char *shown(const json_t *value)
{
    return json_is_string(value) ? g_strdup(json_string_value(value)) : json_dumps(value, JSON_ENCODE_ANY);
}

static bool same_scalar(const json_t *first, const json_t *second)
{
    return json_equal(first, second) || (json_is_string(first) && json_is_string(second) &&
                                         fit_is_named(json_string_value(first), json_string_value(second)));
}

/* Every value that both have; the first that differs is told. Returns whether there was any. */
static bool compare_values(const Fit *fit, const json_t *artefact, const json_t *model, FitRow *row)
{
    g_autoptr(GString) keys = g_string_new(NULL);
    const char *key;
    json_t *value;

    json_object_foreach(json_object_get(artefact, "same"), key, value)
    {
        const json_t *wanted = value_of(json_object_get(model, "config"), key);
        g_autofree char *one = shown(value), *other = wanted == NULL ? NULL : shown(wanted);
        g_autofree char *needs = g_strdup_printf("%s %s", key, other != NULL ? other : "?");

        if (wanted == NULL || json_is_null(wanted))
            continue;
        g_string_append_printf(keys, "%s%s", keys->len > 0 ? ", " : "", key);
        if (same_scalar(value, wanted))
            continue;
        row->needs = needs;
        row->found = one;
        row->answer = FIT_NO;
        fit_add(fit, row);
        return true;
    }
    if (keys->len == 0)
        return false;
    row->needs = keys->str;
    row->found = "the same values";
    row->answer = FIT_YES;
    fit_add(fit, row);
    return true;
}

static void compare_with_model(const Fit *fit, const json_t *artefact, const char *subject)
{
    const json_t *model = model_of(fit, artefact), *compiled = json_object_get(artefact, "compiled");
    const char *read = text_of(artefact, "architecture"), *declared = text_of(compiled, "architecture");
    const char *said = read != NULL ? read : declared;
    FitRow row = {.rule = text_of(artefact, "format"),
                  .subject = subject,
                  .answer = FIT_UNKNOWN,
                  .confidence = text_of(artefact, "confidence"),
                  .by = read != NULL ? "the file itself" : "compiled"};
    bool any = false;

    row.needs = model == NULL ? "the model that it was compiled for" : text_of(model, "architecture");
    if (model != NULL && said != NULL) {
        row.found = said;
        row.answer = fit_answer(strcmp(said, row.needs) == 0);
        fit_add(fit, &row);
        any = true;
    }
    if (model != NULL)
        any = compare_values(fit, artefact, model, &row) || any;
    row.found = model == NULL ? "no model here is named by compiled.for, beside it, or the only one"
                              : "neither the file nor the stack (compiled.architecture) says what it was compiled for";
    row.answer = FIT_UNKNOWN;
    if (!any)
        fit_add(fit, &row);
}

/* What was compiled for one device does not run on another. */
static void compare_device(const Fit *fit, const json_t *artefact, const char *subject)
{
    const json_t *devices = json_object_get(json_object_get(artefact, "compiled"), "devices");
    const json_t *drivers = json_object_get(fit->fitting, "drivers"), *driver;
    size_t i;

    json_array_foreach(drivers, i, driver) if (json_array_size(json_object_get(driver, "devices")) > 0 &&
                                               json_array_size(devices) > 0)
    {
        const char *first = json_string_value(json_array_get(json_object_get(driver, "devices"), 0));
        g_autofree char *needs = g_strdup_printf("device %s", json_string_value(json_array_get(devices, 0)));
        FitRow row = {.rule = text_of(artefact, "format"),
                      .subject = subject,
                      .needs = needs,
                      .found = first,
                      .confidence = "high",
                      .by = "compiled.devices, supports.devices",
                      .answer = fit_answer(fit_share_device(devices, json_object_get(driver, "devices")))};

        fit_add(fit, &row);
    }
}

void fit_artefacts(const Fit *fit)
{
    const json_t *artefacts = json_object_get(fit->fitting, "artefacts"), *artefact;
    size_t i;

    json_array_foreach(artefacts, i, artefact)
    {
        g_autofree char *subject = g_strconcat(text_of(artefact, "component"), "/", text_of(artefact, "path"), NULL);

        compare_train(fit, artefact, subject);
        compare_with_model(fit, artefact, subject);
        compare_device(fit, artefact, subject);
    }
}
