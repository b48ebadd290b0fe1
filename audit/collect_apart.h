#pragma once

#include "audit/collect.h"

/* A collection in a process of its own that can change nothing and reach nobody (core/confine.h), from before the first
 * byte of the target is read: docs/decisions/0031-collecting-apart.md. Call it before any thread runs. */

#define OKSE_COLLECT_UNLIMITED G_MAXUINT

typedef struct {
    unsigned seconds;     /* after which what is not finished is partial; OKSE_COLLECT_UNLIMITED: none */
    bool gentle;          /* at the lowest priority for processor and disk */
    bool excerpts;        /* for an evidence archive */
    GBytes *excerpt_key;  /* of keyed hashes; NULL: a random one that is thrown away */
    const json_t *target; /* as OkseCollectAside */
    GBytes *environment;  /* as OkseCollectAside */
} OkseCollectApart;

typedef struct {
    json_t *facts;
    json_t *geo;      /* {"digest","description"} of the address database, or NULL */
    json_t *excerpts; /* okse_excerpts_take(), or NULL */
    bool landlock;    /* the kernel took the right to change files */
} OkseCollected;
void okse_collected_clear(OkseCollected *collected);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseCollected, okse_collected_clear)

/* Errors: those of okse_collect(); SYSTEM (the process could not be made or confined, or ended early); CANCELLED. */
bool okse_collect_apart(const OkseCollectRequest *request, const OkseResources *resources,
                        const OkseCollectApart *apart, OkseCollected *collected, GError **error);
