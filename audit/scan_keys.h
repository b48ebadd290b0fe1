#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/* The keys above a line, by indentation, in any text that looks like key: value or key = value. */
#define OKSE_SCAN_LINE 8192u /* bytes of a line that are looked at */
#define OKSE_SCAN_DEPTH 32u

/* The key that begins a line. */
typedef struct {
    size_t indent, length;
    const char *name; /* in the text */
} OkseScanKey;

typedef struct {
    OkseScanKey parents[OKSE_SCAN_DEPTH];
    unsigned depth;
} OkseScanKeys;

/* What a line does to the keys below it. */
typedef struct {
    bool part;       /* it does anything: it is no comment, and not blank */
    bool own;        /* it begins with a key */
    size_t closes;   /* keys with this indentation or more end above it */
    OkseScanKey key; /* own: the key; otherwise only its indentation */
} OkseScanKeyed;

OkseScanKeyed okse_scan_key(const char *begin, const char *end);

/* The line is the next one: its key, if it has one, is now the last of the parents. */
void okse_scan_keys_follow(OkseScanKeys *keys, const OkseScanKeyed *line);

/* The same for all lines from..to, told whole lines; from their end, since what stands further up decides nothing once
 * a line without indentation is reached. Returns the smallest indentation of a key that was seen: with `all` (no line
 * is left out) of all of them; SIZE_MAX for none. */
size_t okse_scan_keys_pass(OkseScanKeys *keys, const char *from, const char *to, bool all);

/* The names joined with dots, or NULL; owned. */
char *okse_scan_keys_path(const OkseScanKeys *keys) G_GNUC_WARN_UNUSED_RESULT;

/* The first byte that is no white space, up to `end`. */
const char *okse_scan_blanks(const char *at, const char *end);
