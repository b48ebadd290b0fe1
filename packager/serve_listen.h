#pragma once

#include "core/error.h"

/* A socket bound to an address that the user named. */
typedef struct {
    int fd;     /* owned; -1 when not open */
    char *text; /* the address, with the port that the system chose for 0; owned */
    bool local; /* only this machine reaches it */
} OkseListener;
#define OKSE_LISTENER_INIT                                                                                             \
    {                                                                                                                  \
        -1, NULL, false                                                                                                \
    }

/* text: ADDRESS:PORT with a numeric address, IPv6 in brackets, or localhost:PORT. It is bound but not listening: who
 * connects before that is refused. Errors: INVALID, SYSTEM (in use, not this machine's). */
bool okse_listener_open(const char *text, OkseListener *listener, GError **error);
void okse_listener_clear(OkseListener *listener);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseListener, okse_listener_clear)
