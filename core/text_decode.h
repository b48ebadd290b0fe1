#pragma once

#include <glib.h>
#include <stdbool.h>

/* The text that the bytes of a file are, whatever they are written in: UTF-16 and UTF-32, told by their mark or,
 * without one, by what they mean, become UTF-8; a mark goes; lines that end with CR alone, and comments that end as
 * YAML and Python also know it (U+0085, U+2028, U+2029), end with LF. Everything else is kept byte for byte, whatever
 * its encoding. *whole: false for what is no text, where every byte of control is a blank in what is returned, so that
 * words between them can still be seen; and for what others may read as a name that is not in what is returned. A new
 * reference. */
GBytes *okse_text_decode(GBytes *bytes, bool *whole) G_GNUC_WARN_UNUSED_RESULT;
