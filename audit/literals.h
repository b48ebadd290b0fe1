#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Finding many short texts at once in any bytes, at the speed of memory: by Hyperscan where it was built in and the
 * processor can, otherwise by a table of first pairs. Both find the same. One thread at a time. Hyperscan takes 10 ms
 * to get ready, so it does when the first text comes that is longer than a line. */
typedef struct OkseLiterals OkseLiterals;

typedef struct {
    const uint8_t *bytes;
    size_t length; /* 2 to 64 */
    bool caseless; /* ASCII */
} OkseLiteral;

#define OKSE_LITERAL_MINIMUM 2u
#define OKSE_LITERAL_MAXIMUM 64u

/* literals: borrowed, must outlive the result. plain: without Hyperscan. Never NULL. */
OkseLiterals *okse_literals_new(const OkseLiteral *literals, unsigned count, bool plain) G_GNUC_WARN_UNUSED_RESULT;
void okse_literals_free(OkseLiterals *literals);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseLiterals, okse_literals_free)

/* Make Hyperscan ready now, where it can be, for texts of any length. */
void okse_literals_compile(OkseLiterals *literals);

/* literal: its index; end: behind its last byte. Ends never decrease; of one end, literals come in any order. */
typedef void (*OkseLiteralHit)(void *context, unsigned literal, size_t end);
void okse_literals_find(OkseLiterals *literals, const uint8_t *data, size_t length, OkseLiteralHit hit, void *context);
