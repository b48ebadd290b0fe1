#pragma once

#include "audit/scan.h"

/* What the scanner looks for, compiled once: shapes of text, and the tables of manifests/scan.yaml and
 * manifests/endpoint-roles.yaml. */

/* Tried in this order; a byte is claimed once. */
typedef enum {
    OKSE_SHAPE_URL,
    OKSE_SHAPE_TARGET, /* target="h" of rsyslog; the port is another parameter */
    OKSE_SHAPE_FORWARD,
    OKSE_SHAPE_HOST_LINE, /* "Host h" of fluent-bit; the port is another line */
    OKSE_SHAPE_DIRECTIVE,
    OKSE_SHAPE_IMAGE,
    OKSE_SHAPE_HOST_PORT,
    OKSE_SHAPE_HOST_KEY,
    OKSE_SHAPE_ADDRESS,
    OKSE_SHAPES
} OkseShape;

typedef enum {
    OKSE_PATTERN_VARIABLE,   /* 1 name, 2 value of an environment variable */
    OKSE_PATTERN_ASSIGNMENT, /* 1 a flag with =, 2 a flag before a space, 3 a name before = or : */
    OKSE_PATTERN_NAMED,      /* 1 lead, 2 the variable that the next line's value belongs to */
    OKSE_PATTERN_NAMED_FLOW, /* 1 the same inside braces */
    OKSE_PATTERN_LIST,       /* 1 several hosts behind one key */
    OKSE_PATTERN_PORT_PARAMETER,
    OKSE_PATTERN_PORT_LINE,
    OKSE_PATTERNS
} OksePattern;

/* What a role follows from. */
typedef enum { OKSE_ROLE_KEY, OKSE_ROLE_FILE, OKSE_ROLE_SCHEME, OKSE_ROLE_HOST, OKSE_ROLE_MEMBERS } OkseRoleMember;

struct OkseScanner {
    bool plain; /* every expression on every line */
    GRegex *shapes[OKSE_SHAPES], *patterns[OKSE_PATTERNS];
    GRegex *version_keys, *list_files, *host_line_files, *literal_hash_files, *host_keys;
    GRegex *block_comment_files;
    json_t *rules, *rows;
    GArray *roles;                       /* opaque: okse_scanner_role() */
    GRegex *any_role[OKSE_ROLE_MEMBERS]; /* what one of their expressions matches */
};

/* "unknown" when no row matches. key, scheme: may be NULL. */
const char *okse_scanner_role(const OkseScanner *scanner, const char *key, const char *file, const char *scheme,
                              const char *host);
/* True when the list `rule` of scan.yaml has the word. */
bool okse_scanner_lists(const OkseScanner *scanner, const char *rule, const char *word);
/* A name with a domain's last label, or an address; "model.safetensors" and "1.4.0" are neither. */
bool okse_scanner_plausible(const OkseScanner *scanner, const char *host, bool is_url);
