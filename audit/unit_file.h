#pragma once

#include <glib.h>
#include <stdbool.h>

/* A systemd unit or quadlet, line by line: sections, "Key=value", continuations. Source: systemd.syntax(7). */
typedef void (*OkseUnitLine)(void *context, const char *section, const char *key, const char *value, unsigned line);

/* Tell every assignment in order. text: at most what a caller read. False when a line is longer than 64 KiB. */
bool okse_unit_read(const char *text, gsize length, OkseUnitLine tell, void *context);

/* The words of a value that is a list of quoted words; NULL when its quotes do not close. Owned by the caller. */
GStrv okse_unit_words(const char *value) G_GNUC_WARN_UNUSED_RESULT;
