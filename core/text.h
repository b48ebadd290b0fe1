#pragma once

#include "core/error.h"

#include <stdint.h>

/* Text made safe to show: controls and the format characters that reorder or hide text become \u{…}, invalid UTF-8
 * becomes \x.., the joiners U+200C and U+200D stay (Persian, Hindi and Sinhala need them). New line and tab are escaped
 * too unless `lines`. Returns a string that the caller owns. */
char *okse_text_show(const char *text, gssize length, bool lines) G_GNUC_WARN_UNUSED_RESULT;

/* Bytes as a string, up to the first NUL; "" for none. Returns a string that the caller owns. */
char *okse_text_of_bytes(GBytes *bytes) G_GNUC_WARN_UNUSED_RESULT;

/* How many line ends there are. */
unsigned okse_text_count_lines(const char *text, size_t length);
/* Whether no line is longer than `most` bytes. */
bool okse_text_has_short_lines(const char *text, size_t length, size_t most);

/* The entry of `known` (NULL-terminated) that `word` most likely meant, or NULL when none is near (Damerau-Levenshtein
 * distance at most a third of the word, at most 3). Borrowed. */
const char *okse_text_nearest(const char *word, const char *const *known);

/* A size as people write it: digits, maybe a point and more digits, and K, M, G, T (or KB …) for powers of 1000, as
 * media are sold, KiB, MiB, GiB, TiB for powers of 1024; case does not matter. A broken byte is dropped. Errors:
 * INVALID. */
bool okse_text_size_parse(const char *text, uint64_t *bytes, GError **error);

/* "1.4 GiB": for people only. */
char *okse_text_size(guint64 bytes) G_GNUC_WARN_UNUSED_RESULT;

/* RFC 3339 in UTC, second precision: "2026-11-23T07:30:00Z". */
char *okse_text_time(gint64 seconds) G_GNUC_WARN_UNUSED_RESULT;
/* Parse RFC 3339 (offset required) or a bare date (midnight UTC) into seconds since 1970; NULL is no time. */
bool okse_text_time_parse(const char *text, gint64 *seconds);
