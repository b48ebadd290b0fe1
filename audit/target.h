#pragma once

#include <stdbool.h>

/* What a configuration writes where a place is meant: "https://user@host:port/path", "host:port", "[v6]:port", a bare
 * IPv6 address, "jdbc:postgresql://host/db". Source: RFC 3986. */
typedef struct {
    char *scheme;  /* lower case, the last one of several, or NULL */
    char *host;    /* without brackets; never NULL when it was read */
    unsigned port; /* 0: none */
} OkseTarget;

void okse_target_clear(OkseTarget *target);

typedef enum {
    OKSE_TARGET_READ,
    OKSE_TARGET_NONE,     /* nothing that is reached over a network: empty, a path, a socket's path, a flag */
    OKSE_TARGET_VARIABLE, /* a variable or placeholder stands for it */
} OkseTargetKind;

/* What a scheme says by itself: -1 nothing, 0 plain text, 1 encrypted; the port that goes without saying, or 0. scheme:
 * lower case, or NULL. */
int okse_scheme_tls(const char *scheme);
unsigned okse_scheme_port(const char *scheme);

/* Take a text apart. The members are set for OKSE_TARGET_READ only. */
OkseTargetKind okse_target_read(const char *text, OkseTarget *target);
