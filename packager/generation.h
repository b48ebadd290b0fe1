#pragma once

#include "core/digest.h"
#include "core/json.h"

/* A generation is one installed bundle; its directory is generations/<sequence>-<first 12 hex digits of the identity>.
 */
#define OKSE_GENERATION_PREFIX 12

char *okse_generation_name(uint64_t sequence, const OkseSha256 *identity) G_GNUC_WARN_UNUSED_RESULT;

/* True for a name of that form whose digits are those of `identity` (NULL: any). */
bool okse_generation_matches(const char *name, const OkseSha256 *identity);

/* state.json of an install root (okse.state.v1): what the root remembers. Read strictly, written canonically and whole.
 */
typedef struct {
    char *name; /* of the stack */
    uint64_t sequence;
    OkseSha256 identity;
    char *at; /* RFC 3339 */
} OkseHighest;

typedef struct {
    char *generation; /* its name */
    OkseSha256 identity;
    char *name, *version;
    uint64_t sequence;
    char *at;
} OkseInstalled;

typedef struct {
    char *at;
    char *action; /* "install" or "rollback" */
    char *from;   /* generation, or NULL for the first */
    char *to;
} OkseSwitch;

typedef struct {
    GPtrArray *highest;   /* OkseHighest: per stack, ever; no rollback lowers it */
    GPtrArray *installed; /* OkseInstalled, oldest first */
    GPtrArray *history;   /* OkseSwitch, oldest first, the last OKSE_LIMIT_HISTORY */
} OkseState;
#define OKSE_LIMIT_HISTORY 1000u
#define OKSE_LIMIT_INSTALLED 10000u

OkseState *okse_state_new(void);
void okse_state_free(OkseState *state);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseState, okse_state_free)

/* Errors: INVALID, naming the key. */
OkseState *okse_state_read(GBytes *bytes, GError **error) G_GNUC_WARN_UNUSED_RESULT;
GBytes *okse_state_write(const OkseState *state) G_GNUC_WARN_UNUSED_RESULT;
/* state.json in the root; an empty state when there is none. Errors: INVALID, SYSTEM. */
OkseState *okse_state_load(int root_fd, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Replaced in one instant and synced. Errors: SYSTEM. */
bool okse_state_save(int root_fd, const OkseState *state, GError **error);

/* Borrowed, or NULL. */
const OkseInstalled *okse_state_find(const OkseState *state, const char *generation);
const OkseHighest *okse_state_highest(const OkseState *state, const char *name);

/* Remember a generation (raises the highest sequence of its stack), and a switch. Copied. */
void okse_state_add(OkseState *state, const OkseInstalled *installed);
void okse_state_log(OkseState *state, const OkseSwitch *change);
