#pragma once

#include "audit/objects.h"

/* Something that runs containers or programs, as a fact in the making: a pod, a service of a Compose file, a unit, a
 * container on disk, a process. Members and their order: docs/formats/facts.md. */

/* engine: "kubernetes", "compose", "podman", "docker", "oci", "systemd", "process". namespace: or NULL. */
json_t *okse_workload_new(const OkseObjectFile *file, const OkseObjectPlace *place, const char *engine,
                          const char *kind) G_GNUC_WARN_UNUSED_RESULT;
void okse_workload_name(json_t *workload, const char *namespace_, const char *name);

/* A container of it; borrowed from the workload. */
json_t *okse_workload_container(json_t *workload, const char *name);

void okse_container_image(const OkseObjectFile *file, const OkseObjectPlace *place, json_t *container,
                          const char *reference);
/* value NULL: it is taken from elsewhere; from says where ("secret keys/api"), NULL: nothing is known of it. */
void okse_container_variable(const OkseObjectFile *file, const OkseObjectPlace *place, json_t *container,
                             const char *name, const char *value, const char *from);
/* Variables that come as a whole from elsewhere ("configmap settings", "file web.env"). */
void okse_container_variables_from(json_t *container, const char *from);
/* "A=1" as one text. */
void okse_container_assignment(const OkseObjectFile *file, const OkseObjectPlace *place, json_t *container,
                               const char *text);
/* Words of a command line: a list, or a text that a shell would split. */
void okse_container_command(const OkseObjectFile *file, json_t *container, const OkseNode *node);
void okse_container_words(const OkseObjectFile *file, const OkseObjectPlace *place, json_t *container,
                          const char *const *words);
/* Where a mount comes from and goes to. */
void okse_container_mount(const OkseObjectFile *file, json_t *container, const char *from, const char *to);

/* "nfs files.example:/export" */
void okse_workload_volume(const OkseObjectFile *file, json_t *workload, const char *name, const char *type,
                          const char *target);

/* Hand it over to the store (stolen). */
void okse_workload_add(const OkseObjectFile *file, json_t *workload);
