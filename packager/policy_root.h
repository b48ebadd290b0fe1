#pragma once

#include "core/digest.h"
#include "core/error.h"

/* Law that came as a bundle (okse policy pack) and is installed beneath a root of its own. */
typedef struct {
    int fd;     /* the directory of law, in the generation that is in service; owned */
    char *path; /* its name for messages */
    char identity[OKSE_SHA256_TEXT];
} OksePolicyRoot;
#define OKSE_POLICY_ROOT_INIT                                                                                          \
    {                                                                                                                  \
        -1, NULL, ""                                                                                                   \
    }

/* Open the law of the running generation, after comparing every file of the generation with what the identity vouches
 * for, whose signatures were judged when it was installed. A switch meanwhile changes nothing here.
 * Errors: NOT_FOUND (no such directory, nothing installed), INVALID (not an install root; no law in it, or several; a
 * file that is not what was installed, by name), SYSTEM (something could not be read), CANCELLED. */
bool okse_policy_root_open(const char *root, OksePolicyRoot *policy, GError **error);
void okse_policy_root_clear(OksePolicyRoot *policy);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OksePolicyRoot, okse_policy_root_clear)
