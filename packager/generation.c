/* Names of generations, and state.json. */
#include "packager/generation.h"

#include "core/fd.h"
#include "core/limits.h"
#include "core/text.h"

#include <string.h>

#define STATE_FILE "state.json"
#define STATE_SCHEMA "okse.state.v1"

char *okse_generation_name(uint64_t sequence, const OkseSha256 *identity)
{
    char hex[OKSE_SHA256_HEX];

    return g_strdup_printf("%" G_GUINT64_FORMAT "-%.*s", sequence, OKSE_GENERATION_PREFIX,
                           okse_sha256_hex(identity, hex));
}

bool okse_generation_matches(const char *name, const OkseSha256 *identity)
{
    const char *dash = strchr(name, '-');
    g_autofree char *digits = dash == NULL ? NULL : g_strndup(name, (gsize)(dash - name));
    char hex[OKSE_SHA256_HEX];

    if (digits == NULL || !g_ascii_string_to_unsigned(digits, 10, 0, G_MAXINT64, NULL, NULL) ||
        (digits[0] == '0' && digits[1] != '\0'))
        return false;
    if (strlen(dash + 1) != OKSE_GENERATION_PREFIX || strspn(dash + 1, "0123456789abcdef") != OKSE_GENERATION_PREFIX)
        return false;
    return identity == NULL || strncmp(okse_sha256_hex(identity, hex), dash + 1, OKSE_GENERATION_PREFIX) == 0;
}

static void highest_free(gpointer data)
{
    OkseHighest *highest = data;

    g_free(highest->name);
    g_free(highest->at);
    g_free(highest);
}

static void installed_free(gpointer data)
{
    OkseInstalled *installed = data;

    g_free(installed->generation);
    g_free(installed->name);
    g_free(installed->version);
    g_free(installed->at);
    g_free(installed);
}

static void switch_free(gpointer data)
{
    OkseSwitch *change = data;

    g_free(change->at);
    g_free(change->action);
    g_free(change->from);
    g_free(change->to);
    g_free(change);
}

OkseState *okse_state_new(void)
{
    OkseState *state = g_new0(OkseState, 1);

    state->highest = g_ptr_array_new_with_free_func(highest_free);
    state->installed = g_ptr_array_new_with_free_func(installed_free);
    state->history = g_ptr_array_new_with_free_func(switch_free);
    return state;
}

void okse_state_free(OkseState *state)
{
    if (state == NULL)
        return;
    g_ptr_array_unref(state->highest);
    g_ptr_array_unref(state->installed);
    g_ptr_array_unref(state->history);
    g_free(state);
}

static bool take_text(const json_t *object, const char *key, char **text, GError **error)
{
    const char *found = okse_json_text(object, key, STATE_FILE, error);

    *text = g_strdup(found);
    return found != NULL;
}

static bool take_time(const json_t *object, const char *key, char **text, GError **error)
{
    gint64 seconds;

    return take_text(object, key, text, error) &&
           (okse_text_time_parse(*text, &seconds) ||
            okse_fail(error, OKSE_ERROR_INVALID, STATE_FILE ": '%s' is not a time", key));
}

static bool take_identity(const json_t *object, OkseSha256 *identity, GError **error)
{
    const char *text = okse_json_text(object, "identity", STATE_FILE, error);

    return text != NULL && okse_sha256_parse(text, identity, error);
}

static bool take_generation(const json_t *object, const char *key, char **name, GError **error)
{
    return take_text(object, key, name, error) &&
           (okse_generation_matches(*name, NULL) ||
            okse_fail(error, OKSE_ERROR_INVALID, STATE_FILE ": '%s' is not the name of a generation", key));
}

/* The object has exactly `keys` members; each was or will be taken, so no other can be there. */
static bool keys_check(const json_t *object, size_t keys, GError **error)
{
    return json_object_size(object) == keys ||
           okse_fail(error, OKSE_ERROR_INVALID, STATE_FILE ": an entry has unknown or missing keys");
}

static bool highest_read(const json_t *item, OkseState *state, GError **error)
{
    OkseHighest *highest = g_new0(OkseHighest, 1);

    g_ptr_array_add(state->highest, highest);
    return keys_check(item, 4, error) && take_text(item, "name", &highest->name, error) &&
           okse_json_unsigned(item, "sequence", &highest->sequence, STATE_FILE, error) &&
           take_identity(item, &highest->identity, error) && take_time(item, "at", &highest->at, error);
}

static bool installed_read(const json_t *item, OkseState *state, GError **error)
{
    OkseInstalled *installed = g_new0(OkseInstalled, 1);

    g_ptr_array_add(state->installed, installed);
    if (!keys_check(item, 6, error) || !take_generation(item, "generation", &installed->generation, error) ||
        !take_identity(item, &installed->identity, error) || !take_text(item, "name", &installed->name, error) ||
        !take_text(item, "version", &installed->version, error) ||
        !okse_json_unsigned(item, "sequence", &installed->sequence, STATE_FILE, error) ||
        !take_time(item, "at", &installed->at, error))
        return false;
    return okse_generation_matches(installed->generation, &installed->identity) ||
           okse_fail(error, OKSE_ERROR_INVALID, STATE_FILE ": generation '%s' has another identity",
                     installed->generation);
}

static bool switch_read(const json_t *item, OkseState *state, GError **error)
{
    OkseSwitch *change = g_new0(OkseSwitch, 1);

    g_ptr_array_add(state->history, change);
    if (!keys_check(item, 4, error) || !take_time(item, "at", &change->at, error) ||
        !take_text(item, "action", &change->action, error) || !take_generation(item, "to", &change->to, error))
        return false;
    return json_is_null(json_object_get(item, "from")) || take_generation(item, "from", &change->from, error);
}

typedef bool (*ItemRead)(const json_t *item, OkseState *state, GError **error);

static bool list_read(const json_t *object, const char *key, ItemRead read, OkseState *state, GError **error)
{
    const json_t *list = okse_json_array(object, key, STATE_FILE, error);

    if (list == NULL)
        return false;
    if (json_array_size(list) > OKSE_LIMIT_INSTALLED)
        return okse_fail(error, OKSE_ERROR_INVALID, STATE_FILE ": '%s' has more than %u entries", key,
                         OKSE_LIMIT_INSTALLED);
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!read(json_array_get(list, i), state, error))
            return false;
    return true;
}

OkseState *okse_state_read(GBytes *bytes, GError **error)
{
    g_autoptr(json_t) value = okse_json_read(bytes, OKSE_LIMIT_DOCUMENT, STATE_FILE, error);
    g_autoptr(OkseState) state = okse_state_new();
    const char *schema;

    if (value == NULL)
        return NULL;
    schema = okse_json_text(value, "schema", STATE_FILE, error);
    if (schema == NULL || !keys_check(value, 4, error))
        return NULL;
    if (strcmp(schema, STATE_SCHEMA) != 0) {
        okse_fail(error, OKSE_ERROR_INVALID, STATE_FILE ": not an " STATE_SCHEMA " document");
        return NULL;
    }
    if (!list_read(value, "highest", highest_read, state, error) ||
        !list_read(value, "installed", installed_read, state, error) ||
        !list_read(value, "history", switch_read, state, error))
        return NULL;
    return g_steal_pointer(&state);
}

GBytes *okse_state_write(const OkseState *state)
{
    g_autoptr(json_t) value =
        json_pack("{s:s, s:[], s:[], s:[]}", "schema", STATE_SCHEMA, "highest", "installed", "history");
    char text[OKSE_SHA256_TEXT];

    for (guint i = 0; i < state->highest->len; i++) {
        const OkseHighest *item = g_ptr_array_index(state->highest, i);

        json_array_append_new(json_object_get(value, "highest"),
                              json_pack("{s:s, s:I, s:s, s:s}", "name", item->name, "sequence",
                                        (json_int_t)item->sequence, "identity", okse_sha256_text(&item->identity, text),
                                        "at", item->at));
    }
    for (guint i = 0; i < state->installed->len; i++) {
        const OkseInstalled *item = g_ptr_array_index(state->installed, i);

        json_array_append_new(json_object_get(value, "installed"),
                              json_pack("{s:s, s:s, s:s, s:s, s:I, s:s}", "generation", item->generation, "identity",
                                        okse_sha256_text(&item->identity, text), "name", item->name, "version",
                                        item->version, "sequence", (json_int_t)item->sequence, "at", item->at));
    }
    for (guint i = 0; i < state->history->len; i++) {
        const OkseSwitch *item = g_ptr_array_index(state->history, i);

        json_array_append_new(json_object_get(value, "history"),
                              json_pack("{s:s, s:s, s:s?, s:s}", "at", item->at, "action", item->action, "from",
                                        item->from, "to", item->to));
    }
    return okse_json_write(value);
}

OkseState *okse_state_load(int root_fd, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(GBytes) bytes = NULL;
    okse_autofd fd = okse_open_beneath(root_fd, STATE_FILE, O_RDONLY | O_NONBLOCK, 0, &cause);

    if (fd < 0 && g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_NOT_FOUND))
        return okse_state_new();
    if (fd < 0) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return NULL;
    }
    bytes = okse_read_fd(fd, OKSE_LIMIT_DOCUMENT, STATE_FILE, error);
    return bytes == NULL ? NULL : okse_state_read(bytes, error);
}

bool okse_state_save(int root_fd, const OkseState *state, GError **error)
{
    g_autoptr(GBytes) bytes = okse_state_write(state);

    return okse_write_beneath(root_fd, STATE_FILE, bytes, 0644, error);
}

const OkseInstalled *okse_state_find(const OkseState *state, const char *generation)
{
    for (guint i = 0; i < state->installed->len; i++) {
        const OkseInstalled *item = g_ptr_array_index(state->installed, i);

        if (strcmp(item->generation, generation) == 0)
            return item;
    }
    return NULL;
}

const OkseHighest *okse_state_highest(const OkseState *state, const char *name)
{
    for (guint i = 0; i < state->highest->len; i++) {
        const OkseHighest *item = g_ptr_array_index(state->highest, i);

        if (strcmp(item->name, name) == 0)
            return item;
    }
    return NULL;
}

static void raise_highest(OkseState *state, const OkseInstalled *installed)
{
    OkseHighest *highest = NULL;

    for (guint i = 0; i < state->highest->len; i++)
        if (strcmp(((OkseHighest *)g_ptr_array_index(state->highest, i))->name, installed->name) == 0)
            highest = g_ptr_array_index(state->highest, i);
    if (highest == NULL) {
        highest = g_new0(OkseHighest, 1);
        highest->name = g_strdup(installed->name);
        g_ptr_array_add(state->highest, highest);
    } else if (highest->sequence >= installed->sequence) {
        return;
    }
    highest->sequence = installed->sequence;
    highest->identity = installed->identity;
    g_free(highest->at);
    highest->at = g_strdup(installed->at);
}

void okse_state_add(OkseState *state, const OkseInstalled *installed)
{
    OkseInstalled *copy;

    raise_highest(state, installed);
    if (okse_state_find(state, installed->generation) != NULL)
        return;
    copy = g_new0(OkseInstalled, 1);
    *copy = *installed;
    copy->generation = g_strdup(installed->generation);
    copy->name = g_strdup(installed->name);
    copy->version = g_strdup(installed->version);
    copy->at = g_strdup(installed->at);
    g_ptr_array_add(state->installed, copy);
}

void okse_state_log(OkseState *state, const OkseSwitch *change)
{
    OkseSwitch *copy = g_new0(OkseSwitch, 1);

    copy->at = g_strdup(change->at);
    copy->action = g_strdup(change->action);
    copy->from = g_strdup(change->from);
    copy->to = g_strdup(change->to);
    g_ptr_array_add(state->history, copy);
    while (state->history->len > OKSE_LIMIT_HISTORY)
        g_ptr_array_remove_index(state->history, 0);
}
