#pragma once

#include "audit/jurisdiction.h"

/* Which provisions apply to what was audited: by data class, sector and date. */
typedef enum {
    OKSE_APPLIES,
    OKSE_APPLIES_NOT,        /* the reason says why */
    OKSE_APPLIES_UNDECLARED, /* it depends on a class or sector, and the target declares none */
} OkseApplies;

/* How data classes and sectors follow from each other: manifests/data-class-rules.yaml. */
typedef struct {
    GHashTable *implies;        /* class: char * → GPtrArray of char * */
    GHashTable *sector_implies; /* sector: the same */
    GPtrArray *private_unless;  /* who declares none of these sectors is a private body */
    GPtrArray *always;          /* classes every install has */
    GPtrArray *weights_classes; /* classes an install with model weights has */
    GPtrArray *weights_sectors; /* sectors it belongs to */
} OkseDataClasses;

OkseDataClasses *okse_data_classes_read(GBytes *yaml, const char *origin, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_data_classes_free(OkseDataClasses *classes);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseDataClasses, okse_data_classes_free)

/* The class and everything that it is too (health data is personal data): a new set of char *. */
GHashTable *okse_data_class_closure(const OkseDataClasses *classes, const char *name) G_GNUC_WARN_UNUSED_RESULT;

/* What the target says of itself. */
typedef struct {
    GHashTable *data, *sectors; /* sets of char *; NULL when nothing is declared */
} OkseTarget;

OkseTarget *okse_target_new(const json_t *facts, const OkseDataClasses *classes) G_GNUC_WARN_UNUSED_RESULT;
void okse_target_free(OkseTarget *target);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseTarget, okse_target_free)

/* By its dates alone. */
bool okse_provision_in_force(const OkseProvision *provision, gint64 at);

/* at: the moment of the audit, seconds since 1970. *reason (language → text, new) is set unless it simply applies. */
OkseApplies okse_applies(const OkseProvision *provision, const OkseTarget *target, gint64 at, json_t **reason);
