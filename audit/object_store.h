#pragma once

#include "audit/collector.h"
#include "audit/telemetry.h"

/* What structured files of one target hold, kept until all of them were read: a policy in one file is about a workload
 * in another. For audit/collect_*.c and audit/object*.c only. */
struct OkseObjects {
    json_t *fields;           /* manifests/object-fields.yaml */
    OkseTelemetry *telemetry; /* manifests/telemetry.yaml */
    json_t *workloads;        /* facts of workloads, not joined yet; "hidden": told only where a program is known */
    json_t *policies;         /* [{"namespace","selector","egress"}] of NetworkPolicies */
    json_t *maps;             /* "ConfigMap NAMESPACE/NAME" → {key: {"value","line","path"}} */
    json_t *configs;          /* [{"path","values":{dotted key: {"value","line"}},"source"}] */
    json_t *forms;            /* path → [[first line, last line]]: what describes objects and is none */
    bool policies_unknown;    /* a cluster has policies that were not told */
    bool found;               /* any file held an object */
    bool resources;           /* any file was Terraform's */
};

/* Whether a line of a file only describes (the schema of a custom kind). */
bool okse_objects_is_form(const OkseObjects *objects, const char *path, unsigned line);

OkseObjects *okse_objects_new(const OkseResources *resources, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_objects_free(OkseObjects *objects);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseObjects, okse_objects_free)
