#pragma once

#include "core/error.h"

/* Which API server a kubeconfig file names, and as whom: its current context. Only what a token needs is understood;
 * what would run a program, act as somebody else or check no certificate is refused by name.
 * Source: Kubernetes, "kubeconfig (v1)". */
typedef struct {
    char *server;
    GBytes *ca_pem;   /* certificate-authority-data, or NULL */
    char *ca_file;    /* certificate-authority, beside the file when it is relative; or NULL */
    char *token;      /* a secret; or NULL */
    char *token_file; /* tokenFile, as ca_file; or NULL */
    char *proxy;      /* proxy-url, or NULL */
} OkseKubeconfig;

/* bytes: of the file `path`. Errors: INVALID with path:line:column, naming the member and what to do. */
bool okse_kubeconfig_read(GBytes *bytes, const char *path, OkseKubeconfig *config, GError **error);
void okse_kubeconfig_clear(OkseKubeconfig *config);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseKubeconfig, okse_kubeconfig_clear)

/* A token as a file or a kubeconfig has it: white space around it is none of it. A secret that the caller frees with
 * okse_secret_free(); NULL and INVALID when it cannot be sent in a header. origin: for messages. */
char *okse_kubeconfig_token(const char *text, size_t length, const char *origin,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;
