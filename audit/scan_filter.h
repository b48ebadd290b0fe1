#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Which bytes of a text may belong to a destination or a setting, found in one pass for everything that the scanner
 * looks for, by Hyperscan where it was built in and the processor can. A superset: what is not named holds none of
 * them, so only the lines of what is named need the expressions. One thread at a time. */
typedef struct OkseScanFilter OkseScanFilter;

/* plain: without Hyperscan, where every line is named. Never NULL. */
OkseScanFilter *okse_scan_filter_new(bool plain) G_GNUC_WARN_UNUSED_RESULT;
void okse_scan_filter_free(OkseScanFilter *filter);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseScanFilter, okse_scan_filter_free)

/* Append to `ends` (guint64) the offsets of the last bytes of such places, ascending, at most one a line. Returns false
 * when every line has to be looked at: in the first texts, too, for compiling what
 * Hyperscan looks for costs more than they do. */
bool okse_scan_filter_find(OkseScanFilter *filter, const char *text, size_t length, GArray *ends);
