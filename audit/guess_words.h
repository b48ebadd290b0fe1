#pragma once

#include "audit/guess.h"

/* What the words of a key say (audit/guess.h). */
typedef enum {
    OKSE_SAYS_NOTHING,
    OKSE_SAYS_PLACE,  /* the program goes there */
    OKSE_SAYS_OWN,    /* it listens there */
    OKSE_SAYS_ACCESS, /* neither: who may come in, what something is called */
} OkseSays;

typedef enum {
    OKSE_WORD_ALWAYS_OWN,
    OKSE_WORD_ALWAYS_ACCESS,
    OKSE_WORD_BARRED,
    OKSE_WORD_PLACE,
    OKSE_WORD_OWN,
    OKSE_WORD_ACCESS,
    OKSE_WORD_NEUTRAL,
    OKSE_WORD_SERVES,
    OKSE_WORD_NO_URL,
    OKSE_WORD_NO_SCHEME,
    OKSE_WORD_NO_HOST,
    OKSE_WORD_BUCKET,
    OKSE_WORD_DOMAIN,
    OKSE_WORD_NO_DOMAIN,
    OKSE_WORD_FILE_ENDING,
    OKSE_WORD_KINDS
} OkseWordKind;

/* Shapes, compiled once. Groups: see audit/guess_words.c. */
typedef enum {
    OKSE_GUESS_URL,
    OKSE_GUESS_MILTER, /* inet:PORT@HOST */
    OKSE_GUESS_HOST,   /* an address, localhost or a dotted name, maybe with a port */
    OKSE_GUESS_V6,
    OKSE_GUESS_SHAPES
} OkseGuessShape;

struct OkseGuess {
    json_t *rules;
    GHashTable *words[OKSE_WORD_KINDS]; /* char * */
    GRegex *shapes[OKSE_GUESS_SHAPES];
    GRegex *assignment, *directive, *near, *named, *element, *tag, *label, *quoted, *compared, *port, *range, *list,
        *item, *open, *pair, *forwards;
};

/* What the program's key says of a host behind it. key: as written. *strong: the last word names a kind of place, so
 * even a name without a dot is one. */
OkseSays okse_guess_key(const OkseGuess *guess, const char *key, bool *strong);
bool okse_guess_is(const OkseGuess *guess, OkseWordKind kind, const char *word);
/* Any word of the key is of the kind. */
bool okse_guess_any(const OkseGuess *guess, OkseWordKind kind, const char *key);
/* The last label says that it is a host's name. */
bool okse_guess_domain(const OkseGuess *guess, const char *host);
/* The key without its last word, lower case and letters only: what "smtp_host" and "SmtpPort" have in common. Owned. */
char *okse_guess_stem(const char *key);
