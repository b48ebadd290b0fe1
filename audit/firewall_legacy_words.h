#pragma once

#include "audit/firewall_legacy.h"

/* One match or target of a rule in words, added to the line with a space before each. data: what lies behind the head
 * of the match, at least that much. */
typedef struct {
    const char *name;
    unsigned revision;
    bool four;
    const uint8_t *data;
    size_t length;
} OkseLegacyPart;
void okse_legacy_match_words(GString *line, const OkseLegacyPart *match);
void okse_legacy_target_words(GString *line, const OkseLegacyPart *target);
/* A word, quoted where a shell would not take it as one. */
void okse_legacy_word(GString *line, const char *word);
/* "! -s 10.0.0.0/8": nothing where the mask is empty. */
void okse_legacy_address_words(GString *line, const char *option, const void *address, const void *mask, bool four,
                               bool inverted);
