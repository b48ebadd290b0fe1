#include "packager/trust_state.h"

#include "core/fd.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/text.h"

#include <string.h>

#define STATE_FILE "seen.json"
#define STATE_SCHEMA "okse.seen.v1"

struct OkseTrustState {
    json_t *stacks; /* name → {sequence, identity} */
    gint64 newest;
};

static OkseTrustState *state_new(void)
{
    OkseTrustState *state = g_new(OkseTrustState, 1);

    state->stacks = json_object();
    state->newest = G_MININT64;
    return state;
}

void okse_trust_state_free(OkseTrustState *state)
{
    if (state == NULL)
        return;
    json_decref(state->stacks);
    g_free(state);
}

static bool entry_read(const json_t *entry, uint64_t *sequence, OkseSha256 *identity, GError **error)
{
    const char *text;

    if (!okse_json_unsigned(entry, "sequence", sequence, STATE_FILE, error))
        return false;
    text = okse_json_text(entry, "identity", STATE_FILE, error);
    return text != NULL && okse_sha256_parse(text, identity, error);
}

static bool state_fill(OkseTrustState *state, const json_t *value, GError **error)
{
    const char *schema = okse_json_text(value, "schema", STATE_FILE, error);
    const json_t *stacks = schema != NULL ? okse_json_object(value, "stacks", STATE_FILE, error) : NULL;
    const char *newest = okse_json_peek_text(value, "newest");
    const char *name;
    json_t *entry;

    if (stacks == NULL)
        return false;
    if (strcmp(schema, STATE_SCHEMA) != 0)
        return okse_fail(error, OKSE_ERROR_INVALID, STATE_FILE ": is no " STATE_SCHEMA " document");
    json_object_foreach((json_t *)(uintptr_t)stacks, name, entry)
    { /* jansson's iterator forgot const */
        OkseSha256 identity;
        uint64_t sequence;

        if (!entry_read(entry, &sequence, &identity, error))
            return false;
        json_object_set(state->stacks, name, entry);
    }
    return newest == NULL || okse_text_time_parse(newest, &state->newest) ||
           okse_fail(error, OKSE_ERROR_INVALID, STATE_FILE ": 'newest' is no time");
}

OkseTrustState *okse_trust_state_open(int directory_fd, GError **error)
{
    g_autoptr(GError) cause = NULL;
    okse_autofd fd = okse_open_beneath(directory_fd, STATE_FILE, O_RDONLY, 0, &cause);
    g_autoptr(OkseTrustState) state = state_new();
    g_autoptr(GBytes) bytes = NULL;
    g_autoptr(json_t) value = NULL;

    if (g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_NOT_FOUND))
        return g_steal_pointer(&state);
    if (fd < 0) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return NULL;
    }
    bytes = okse_read_fd(fd, OKSE_LIMIT_DOCUMENT, STATE_FILE, error);
    value = bytes != NULL ? okse_json_read(bytes, OKSE_LIMIT_DOCUMENT, STATE_FILE, error) : NULL;
    return value != NULL && state_fill(state, value, error) ? g_steal_pointer(&state) : NULL;
}

bool okse_trust_state_find(const OkseTrustState *state, const char *name, uint64_t *sequence, OkseSha256 *identity)
{
    const json_t *entry = json_object_get(state->stacks, name);

    return entry != NULL && entry_read(entry, sequence, identity, NULL);
}

gint64 okse_trust_state_newest(const OkseTrustState *state)
{
    return state->newest;
}

void okse_trust_state_record(OkseTrustState *state, const char *name, uint64_t sequence, const OkseSha256 *identity,
                             gint64 newest)
{
    char text[OKSE_SHA256_TEXT];
    OkseSha256 known;
    uint64_t highest;

    state->newest = MAX(state->newest, newest);
    if (okse_trust_state_find(state, name, &highest, &known) && highest >= sequence)
        return;
    json_object_set_new(
        state->stacks, name,
        json_pack("{s:I, s:s}", "sequence", (json_int_t)sequence, "identity", okse_sha256_text(identity, text)));
}

bool okse_trust_state_save(const OkseTrustState *state, int directory_fd, GError **error)
{
    g_autoptr(json_t) value = json_pack("{s:s, s:O}", "schema", STATE_SCHEMA, "stacks", state->stacks);
    g_autofree char *newest = state->newest != G_MININT64 ? okse_text_time(state->newest) : NULL;
    g_autofree char *text = NULL;
    g_autoptr(GBytes) bytes = NULL;

    if (newest != NULL)
        json_object_set_new(value, "newest", json_string(newest));
    text = okse_json_write_pretty(value);
    bytes = g_bytes_new(text, strlen(text));
    return okse_write_beneath(directory_fd, STATE_FILE, bytes, 0644, error);
}
