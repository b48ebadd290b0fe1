#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

/* A JSON value between two processes of ours: in a third of the time that JSON takes to be read, since nothing is
 * escaped, lengths stand before what they count, and a text that stood there before is named by its number. Members
 * come in the order of their keys' bytes, each once. It never leaves the machine and is stored nowhere. */
GBytes *okse_json_wire_write(const json_t *value) G_GNUC_WARN_UNUSED_RESULT;
/* The same into a pipe, piece by piece. False: it could not be written wholly. */
bool okse_json_wire_send(const json_t *value, int fd);

/* NULL for anything but one whole value as okse_json_read() takes it: UTF-8 without NUL, no key twice, no number that
 * JSON has not; and texts named by their number are no more than OKSE_LIMIT_EVIDENCE. Equal texts may be one json_t.
 * A new reference. */
json_t *okse_json_wire_read(const void *data, size_t length) G_GNUC_WARN_UNUSED_RESULT;
