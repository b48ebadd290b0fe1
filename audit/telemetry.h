#pragma once

#include "core/json.h"
#include "core/resource.h"

#include <stdbool.h>

/* Which programs send usage data, look for updates or fetch at run time, and what keeps each of them from it
 * (manifests/telemetry.yaml, docs/telemetry.md). Programs compare differently, so every rule names its comparison. */
typedef struct OkseTelemetry OkseTelemetry;

/* Errors: those of reading the data; INVALID for a condition that nothing here can judge. */
OkseTelemetry *okse_telemetry_read(const OkseResources *resources, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_telemetry_free(OkseTelemetry *telemetry);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseTelemetry, okse_telemetry_free)

/* Programs by their short name; each with "reports". Borrowed. */
const json_t *okse_telemetry_programs(const OkseTelemetry *telemetry);

/* What is known of one program as it runs or would run. All members are borrowed. */
typedef struct {
    const json_t *env;     /* [{"name","value","from"}]: the last of a name counts; a value of null is not known */
    bool env_whole;        /* nothing else can set a variable */
    const json_t *command; /* words */
    const json_t *configs; /* [{"path","values":{key: {"value","line"}}}] of this program */
    const char *version;   /* or NULL */
    /* Whether a file is on the target; NULL: nobody can say. */
    bool (*file_is_there)(void *context, const char *pattern);
    void *context;
} OkseTelemetrySubject;

/* By which of its signs a program shows in a container: "image", "command" or "package"; NULL: not at all. *what: the
 * text that shows it; *version: or NULL; both owned. packages: [{"name","version"}] or NULL. */
const char *okse_telemetry_sign(const json_t *program, const char *image, const json_t *command, const json_t *packages,
                                char **what, char **version);
/* Whether a file of this path is a configuration of the program; of any, where that is NULL. */
bool okse_telemetry_configures(const OkseTelemetry *telemetry, const json_t *program, const char *path);

/* Judge one report of a program: {"enabled":"yes|no|unknown","reason",
 * "switch":{"name","value","path","line"}|null}. A new reference. */
json_t *okse_telemetry_judge(const json_t *report, const OkseTelemetrySubject *subject) G_GNUC_WARN_UNUSED_RESULT;
/* Whether some condition of the report is about this variable. */
bool okse_telemetry_asks(const json_t *report, const char *variable);
