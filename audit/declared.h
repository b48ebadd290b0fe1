#pragma once

#include "core/json.h"

/* Declared against observed: what the stack's flows and site.yaml say, compared with what was seen (facts:
 * `disagreements`). document: an okse.facts.v1 document whose endpoints and mounts have their places; the list is added
 * to. A function of the document alone. add: takes the fact, with a natural key. */
typedef void (*OkseDisagreementAdd)(void *context, const char *key, json_t *fact);
void okse_declared_compare(const json_t *document, OkseDisagreementAdd add, void *context);
