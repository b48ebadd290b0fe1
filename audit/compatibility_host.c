/* Drivers against the hosts that they would run on. */
#include "audit/compatibility_rows.h"
#include "packager/version.h"

#include <string.h>

static const char *text_of(const json_t *object, const char *key)
{
    return okse_json_peek_text(object, key);
}

/* A driver that is asked for: what the stack says of it, or what the table says of its package. */
typedef struct {
    const char *rule, *subject, *kernel, *confidence;
    const json_t *devices, *systems, *architectures;
} Driver;

/* Where hosts name their devices, a driver is for those with one of its own. */
static bool is_for(const Driver *driver, const json_t *host)
{
    const json_t *devices = json_object_get(host, "devices");

    return json_array_size(devices) == 0 || json_array_size(driver->devices) == 0 ||
           fit_share_device(driver->devices, devices);
}

static bool is_system(const char *system, const char *wanted)
{
    size_t id = strcspn(wanted, " ");
    const char *version = system + id;

    if (strncmp(system, wanted, id) != 0 || (*version != '\0' && *version != ' '))
        return false;
    return wanted[id] == '\0' || (*version == ' ' && okse_version_is_in(version + 1, wanted + id + 1));
}

static bool has_system(const json_t *systems, const char *system)
{
    for (size_t i = 0; i < json_array_size(systems); i++)
        if (is_system(system, json_string_value(json_array_get(systems, i))))
            return true;
    return false;
}

static bool has_text(const json_t *list, const char *text)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (g_strcmp0(json_string_value(json_array_get(list, i)), text) == 0)
            return true;
    return false;
}

static char *joined(const json_t *list)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (size_t i = 0; i < json_array_size(list); i++)
        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", json_string_value(json_array_get(list, i)));
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* One thing that the driver asks of a host: whether it has it, "(unknown)" when the host does not say. */
static void compare(const Fit *fit, const Driver *driver, const json_t *host, const char *needs, const char *said,
                    bool agrees)
{
    g_autofree char *found = said == NULL ? g_strdup_printf("%s does not say it", text_of(host, "name"))
                                          : g_strdup_printf("%s on %s", said, text_of(host, "name"));
    FitRow row = {.rule = driver->rule,
                  .subject = driver->subject,
                  .needs = needs,
                  .found = found,
                  .confidence = driver->confidence,
                  .by = text_of(host, "by"),
                  .answer = said == NULL ? FIT_UNKNOWN : fit_answer(agrees)};

    fit_add(fit, &row);
}

static void compare_host(const Fit *fit, const Driver *driver, const json_t *host)
{
    const char *kernel = text_of(host, "kernel"), *system = text_of(host, "system"),
               *architecture = text_of(host, "architecture");
    g_autofree char *kernels = g_strdup_printf("kernel %s", driver->kernel != NULL ? driver->kernel : "");
    g_autofree char *systems = joined(driver->systems), *architectures = joined(driver->architectures);

    if (driver->kernel != NULL)
        compare(fit, driver, host, kernels, kernel, kernel != NULL && okse_version_is_in(kernel, driver->kernel));
    if (json_array_size(driver->systems) > 0)
        compare(fit, driver, host, systems, system, system != NULL && has_system(driver->systems, system));
    if (json_array_size(driver->architectures) > 0)
        compare(fit, driver, host, architectures, architecture,
                architecture != NULL && has_text(driver->architectures, architecture));
}

static void compare_driver(const Fit *fit, const Driver *driver)
{
    const json_t *hosts = json_object_get(fit->fitting, "hosts"), *host;
    g_autofree char *devices = joined(driver->devices);
    g_autofree char *device = g_strdup_printf("a host with device %s", devices);
    FitRow row = {.rule = driver->rule,
                  .subject = driver->subject,
                  .needs = "a host that says its kernel",
                  .found = "no host does (hosts[].kernel of site.yaml)",
                  .confidence = driver->confidence,
                  .by = "site.yaml",
                  .answer = FIT_UNKNOWN};
    unsigned meant = 0;
    size_t i;

    json_array_foreach(hosts, i, host) if (is_for(driver, host))
    {
        compare_host(fit, driver, host);
        meant++;
    }
    if (meant > 0)
        return;
    if (json_array_size(hosts) > 0) { /* all of them name their devices */
        row.needs = device;
        row.found = "every host has other devices";
        row.answer = FIT_NO;
    }
    fit_add(fit, &row);
}

/* What the stack says of a driver's kernels may be wider than what its maker says: both are asked. */
static void compare_package(const Fit *fit, const json_t *rule, const json_t *package)
{
    const char *name = text_of(package, "name");
    Driver driver = {.rule = text_of(rule, "package"),
                     .subject = name,
                     .kernel = text_of(rule, "kernel"),
                     .confidence = text_of(rule, "confidence"),
                     .devices = json_object_get(rule, "devices")};

    if (name != NULL && fit_is_named(name, driver.rule))
        compare_driver(fit, &driver);
}

static bool says_something(const Driver *driver)
{
    return driver->kernel != NULL || json_array_size(driver->systems) > 0 ||
           json_array_size(driver->architectures) > 0 || json_array_size(driver->devices) > 0;
}

void fit_hosts(const Fit *fit)
{
    const json_t *drivers = json_object_get(fit->fitting, "drivers"), *rules = json_object_get(fit->table, "drivers");
    const json_t *packages = json_object_get(fit->fitting, "packages"), *one, *package;
    size_t i, k;

    json_array_foreach(drivers, i, one)
    {
        Driver driver = {.rule = "supports",
                         .subject = text_of(one, "component"),
                         .kernel = text_of(one, "kernel"),
                         .confidence = "high",
                         .devices = json_object_get(one, "devices"),
                         .systems = json_object_get(one, "systems"),
                         .architectures = json_object_get(one, "architectures")};

        if (says_something(&driver))
            compare_driver(fit, &driver);
    }
    json_array_foreach(rules, i, one) json_array_foreach(packages, k, package) compare_package(fit, one, package);
}
