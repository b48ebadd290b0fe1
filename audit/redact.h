#pragma once

#include <glib.h>
#include <stdbool.h>

/* Secrets never enter evidence. A line of text with the values of secret-looking keys, user information and query
 * values of URLs, and long random-looking words replaced by "***"; a new string. */
char *okse_redact_line(const char *line) G_GNUC_WARN_UNUSED_RESULT;

/* The same with every expression tried, whatever the line holds: for tests, which compare. */
char *okse_redact_line_plain(const char *line) G_GNUC_WARN_UNUSED_RESULT;

/* True when a key's name says that its value is a secret. */
bool okse_redact_key(const char *key);
