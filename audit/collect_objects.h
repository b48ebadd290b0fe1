#pragma once

#include "audit/objects.h"

/* The readers of structured files, one for each form; called by audit/collect_objects.c alone. */

bool okse_object_is_kubernetes(const OkseNode *node);
void okse_collect_kubernetes(const OkseObjectFile *file, const OkseNode *node);

/* A pod's specification, and the object it stands in. labels: of the pod; index: of several in one object. */
typedef struct {
    const char *kind, *namespace_, *name;
    const OkseNode *object, *labels;
    unsigned index;
} OkseKubernetesPod;
void okse_collect_kubernetes_pod(const OkseObjectFile *file, const OkseKubernetesPod *pod, const OkseNode *spec);
void okse_collect_kubernetes_policy(const OkseObjectFile *file, const char *kind, const char *namespace_,
                                    const OkseNode *node);

/* Compose: a map of services. */
bool okse_object_is_compose(const char *path, const OkseNode *node);
void okse_collect_compose(const OkseObjectFile *file, const OkseNode *node);

/* Terraform: state files, and what `terraform show -json` prints of a state or plan. */
bool okse_object_is_terraform(const OkseNode *node);
void okse_collect_terraform(const OkseObjectFile *file, const OkseNode *node);

/* A container on disk: docker's config.v2.json, podman's and containerd's config.json (OCI runtime). */
bool okse_object_is_container(const OkseNode *node);
void okse_collect_container(const OkseObjectFile *file, const OkseNode *node);

/* systemd units and podman's quadlets. */
bool okse_object_is_unit(const char *path);
void okse_collect_unit(OkseObjectFile *file);

/* Variables of a file that something names (env_file, EnvironmentFile): {name: {"value","line","path"}}, or NULL when
 * it could not be read. Borrowed. */
const json_t *okse_object_variables(OkseCollection *collection, const char *path);

/* A program's own configuration (rows `configs` of manifests/telemetry.yaml): its keys and values, kept for the rules.
 * path: as the rules match it. */
void okse_object_config(const OkseObjectFile *file, const OkseObjectPlace *place, const char *path, const char *text);
