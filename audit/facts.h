#pragma once

#include "audit/place.h"

/* Building an okse.facts.v1 document (docs/formats/facts.md): facts are added in any order and come out sorted by id,
 * with endpoints joined over all collectors. */
typedef struct OkseFacts OkseFacts;

OkseFacts *okse_facts_new(void);
void okse_facts_free(OkseFacts *facts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseFacts, okse_facts_free)

typedef enum { OKSE_COMPLETE, OKSE_PARTIAL, OKSE_UNAVAILABLE, OKSE_ABSENT } OkseCoverage;

/* What a collector could see. Of two reports of one collector the worse is kept (unavailable, partial, complete,
 * absent), the first of equal ones; of several that are partial, eight reasons, joined by "; ". reason: NULL when
 * complete. */
void okse_facts_coverage(OkseFacts *facts, const char *collector, OkseCoverage coverage, const char *reason);

/* What was reported so far: NULL, or "complete", …; *reason: or NULL. Borrowed. */
const char *okse_facts_coverage_now(const OkseFacts *facts, const char *collector, const char **reason);

/* Add to the list `list` ("mounts", a row of audit/fact_kinds.h) an item (stolen) with the id PREFIX:16 hex of SHA-256
 * over list and natural key. The second item of one key (two sockets that share a port) gets the id of "key|2", and so
 * on: ids are unique. */
void okse_facts_add(OkseFacts *facts, const char *list, const char *natural_key, json_t *item);

/* Compare again what is declared with what was seen: places became known after the document was finished. */
void okse_facts_compare_again(json_t *document);

/* Give an endpoint its scope, its location, and whether a flow (of the stack's compliance) or the site names it. */
void okse_facts_place_endpoint(json_t *fact, const json_t *flows, const OkseAtlas *atlas, const OkseSite *site);

/* How many items a list has by now. */
unsigned okse_facts_count(const OkseFacts *facts, const char *list);

/* A member of the document as it is by now, or NULL. Borrowed. */
const json_t *okse_facts_peek(const OkseFacts *facts, const char *member);

/* Set a member of the document ("host"); steals. */
void okse_facts_set(OkseFacts *facts, const char *member, json_t *value);

typedef struct {
    const char *host;
    unsigned port;         /* 0: none */
    const char *protocol;  /* or NULL */
    int tls;               /* -1 unknown, 0 no, 1 yes */
    const char *direction; /* "out" or "in" */
    const char *role;
    const char *state; /* "configured", … */
    json_t *process;   /* stolen, or NULL */
    json_t *source;    /* stolen */
} OkseEndpointFact;

void okse_facts_endpoint(OkseFacts *facts, const OkseEndpointFact *endpoint);

/* Give every endpoint its scope, location and whether it is declared, sort, and count. install and site: as in the
 * document. A new reference; the builder is empty afterwards. */
json_t *okse_facts_finish(OkseFacts *facts, const OkseAtlas *atlas, const OkseSite *site);

/* A source (docs/formats/facts.md); line 0: none; NULL members become null. A new reference. */
typedef struct {
    const char *collector, *path;
    unsigned line, column;
    const char *key, *digest, *excerpt, *component, *via;
} OkseSourceFact;
json_t *okse_facts_source(const OkseSourceFact *source) G_GNUC_WARN_UNUSED_RESULT;
