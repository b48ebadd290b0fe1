#pragma once

#include "cli/options.h"

/* What okse serve is asked with: also where it was built without libmicrohttpd, so that it refuses the command and not
 * an option of it. */
#define SERVE_SUMMARY "Be a read-only OCI registry that has what is in a bundle."
#define SERVE_LISTEN "127.0.0.1:5000"

typedef struct {
    char *listen, *trust, *at, *expect, *certificate, *key, *connections, *patience;
    char **bases, **parts;
    gboolean unverified, check, log;
} ServeOptions;

static const OkseOption serve_options[] = {
    {OKSE_OPTION_TEXT, "listen", 0, "ADDRESS:PORT", "where to (default: " SERVE_LISTEN "; port 0: a free one)",
     offsetof(ServeOptions, listen)},
    {OKSE_OPTION_PATH, "trust", 't', "FILE", "serve only what this trust policy accepts",
     offsetof(ServeOptions, trust)},
    {OKSE_OPTION_FLAG, "unverified", 0, NULL, "serve it whoever signed it, or nobody",
     offsetof(ServeOptions, unverified)},
    {OKSE_OPTION_TEXT, "at", 0, "TIME", "judge as of this time instead of now", offsetof(ServeOptions, at)},
    {OKSE_OPTION_TEXT, "expect", 0, "IDENTITY", "serve only this identity", offsetof(ServeOptions, expect)},
    {OKSE_OPTION_LIST, "base", 0, "BUNDLE", "where the payload is that a thin bundle leaves out (repeatable)",
     offsetof(ServeOptions, bases)},
    {OKSE_OPTION_LIST, "part", 0, "DIR", "where more parts of BUNDLE lie, when it is a directory of parts or one part",
     offsetof(ServeOptions, parts)},
    {OKSE_OPTION_FLAG, "check", 0, NULL, "hash every blob before the first is served", offsetof(ServeOptions, check)},
    {OKSE_OPTION_PATH, "tls-cert", 0, "PEM", "serve https with this certificate (chain)",
     offsetof(ServeOptions, certificate)},
    {OKSE_OPTION_PATH, "tls-key", 0, "PEM", "the certificate's key", offsetof(ServeOptions, key)},
    {OKSE_OPTION_TEXT, "connections", 0, "N", "at most so many, half of them from one address (default: 256)",
     offsetof(ServeOptions, connections)},
    {OKSE_OPTION_TEXT, "patience", 0, "SECONDS",
     "cut off who sends no request or takes nothing for so long (default: 30)", offsetof(ServeOptions, patience)},
    {OKSE_OPTION_FLAG, "log", 0, NULL, "a line on standard error for every request", offsetof(ServeOptions, log)},
    {0},
};
