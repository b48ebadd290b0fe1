#pragma once

#include "packager/push.h"
#include "packager/registry.h"

/* For push*.c only. */
typedef struct {
    OkseSha256 digest;
    const char *type; /* borrowed from the bundle */
    GBytes *bytes;    /* borrowed from the bundle */
    char *tag;        /* or NULL: by digest alone */
} PushManifest;

typedef struct {
    GPtrArray *blobs;     /* OkseBlob, borrowed, in archive order */
    GPtrArray *manifests; /* PushManifest: of the components; owned */
    PushManifest bundle;  /* the bundle index; its tag comes last */
    uint64_t bytes;       /* of blobs */
} PushPlan;

/* What goes where. Errors: INVALID (a name that cannot be a tag). */
bool push_plan(const OkseBundle *bundle, const OkseImageName *name, PushPlan *plan, GError **error);
void push_plan_clear(PushPlan *plan);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PushPlan, push_plan_clear)

/* Is the manifest there, byte for byte? *other: something else is, under its tag. Errors: SYSTEM, REFUSED. */
bool push_find(OkseRegistry *registry, const PushManifest *manifest, const char *reference, bool *there, bool *other,
               GError **error);
/* Put it under reference and read it back. Errors: REFUSED (something else comes back), SYSTEM. */
bool push_put(OkseRegistry *registry, const PushManifest *manifest, const char *reference, bool *linked,
              GError **error);

typedef struct {
    unsigned put, there;
    bool by_tag, by_api;
} PushStatements;
/* Attach every statement of the bundle as a referrer, and see that each is listed and is what was put. */
bool push_statements(OkseRegistry *registry, const OkseBundle *bundle, PushStatements *done, GError **error);
