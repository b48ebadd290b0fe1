#pragma once

#include "core/resource.h"

#include <jansson.h>

/* Hosts in a text of whatever form, of a program that nothing is known about: by the words of the key that a value
 * stands behind, by the value's shape, and by a port that stands beside it. What the words mean is data
 * (manifests/guess.yaml). Works on any bytes. */
typedef struct OkseGuess OkseGuess;

/* Errors: those of reading the data. */
OkseGuess *okse_guess_new(const OkseResources *resources, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_guess_free(OkseGuess *guess);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseGuess, okse_guess_free)

/* manifests/guess.yaml as parsed. Borrowed. */
const json_t *okse_guess_rules(const OkseGuess *guess);

/* Whether bytes that are no text begin like what holds no configuration: a picture, a program. */
bool okse_guess_is_data(const OkseGuess *guess, GBytes *bytes);

typedef struct {
    const char *host;             /* lower case; an address without brackets */
    unsigned port;                /* 0: none */
    const char *scheme;           /* lower case, or NULL */
    const char *key;              /* "section.key", or NULL */
    bool own;                     /* the program listens there */
    const char *noise;            /* NULL, or why it is no place to which data goes: "access", "comment" … */
    const char *line;             /* the whole line, without its end */
    unsigned line_number, column; /* from 1 */
} OkseGuessed;

typedef void (*OkseGuessSink)(void *context, const OkseGuessed *found);

#define OKSE_GUESS_LINE 8192u /* bytes of a line that are looked at */

/* file: its path, for lists of hosts. False when a line had more than what is looked at, or more places than 256. */
bool okse_guess_text(const OkseGuess *guess, const char *file, const char *text, size_t length, OkseGuessSink sink,
                     void *context);
