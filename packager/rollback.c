/* Going back, and looking at what is there. */
#include "core/fd.h"
#include "core/text.h"
#include "packager/config_repository.h"
#include "packager/generation.h"
#include "packager/install.h"
#include "packager/install_root.h"

#include <string.h>

/* The generation that was in service before `current`, by the history; NULL when there is none. */
static const char *previous_of(const OkseState *state, const char *current)
{
    for (guint i = state->history->len; i > 0; i--) {
        const OkseSwitch *change = g_ptr_array_index(state->history, i - 1);

        if (strcmp(change->to, current) == 0 && change->from != NULL && strcmp(change->from, current) != 0)
            return change->from;
    }
    return NULL;
}

static bool choose(const OkseRollback *rollback, const OkseState *state, const char *current, const char **to,
                   GError **error)
{
    const char *chosen = rollback->to != NULL ? rollback->to : previous_of(state, current);

    if (chosen == NULL)
        return okse_fail(error, OKSE_ERROR_REFUSED, "%s: there is no generation before %s to go back to",
                         rollback->root, current);
    if (okse_state_find(state, chosen) == NULL) {
        g_autofree char *shown = okse_text_show(chosen, -1, false);

        return okse_fail(error, OKSE_ERROR_INVALID, "%s: no generation '%s' was installed (okse status lists them)",
                         rollback->root, shown);
    }
    *to = chosen;
    return true;
}

static bool check_target(const OkseRollback *rollback, int root_fd, const OkseInstalled *target, GError **error)
{
    okse_autofd fd = okse_root_generation(root_fd, target->generation, error);
    g_autoptr(OkseDriftReport) report = NULL;
    g_autofree char *summary = NULL;

    if (fd < 0)
        return false;
    report = okse_drift_check(fd, target->generation, &target->identity, rollback->threads, rollback->progress, error);
    if (report == NULL)
        return false;
    if (okse_drift_clean(report))
        return true;
    summary = okse_drift_summary(report);
    if (!okse_drift_damaged(report))
        return okse_fail(error, OKSE_ERROR_SYSTEM, "generation %s could not be read to its end (%s%s%s)",
                         target->generation, summary, report->records->fault != NULL ? ": " : "",
                         report->records->fault != NULL ? report->records->fault : "");
    return okse_fail(error, OKSE_ERROR_REFUSED,
                     "generation %s is not what was installed (%s); install its bundle again, or a newer one",
                     target->generation, summary);
}

static bool switch_to(const OkseRollback *rollback, int root_fd, OkseState *state, const char *from, const char *to,
                      GError **error)
{
    g_autofree char *at = okse_text_time(rollback->now);
    g_autofree char *source = g_strdup(from), *target = g_strdup(to);
    char action[] = "rollback";
    const OkseSwitch change = {at, action, source, target};

    okse_state_log(state, &change);
    return okse_state_save(root_fd, state, error) && okse_root_switch(root_fd, to, error) &&
           okse_config_follow(rollback->root, root_fd, to, error);
}

bool okse_rollback(const OkseRollback *rollback, char **from, char **now_current, GError **error)
{
    okse_autofd root_fd = okse_root_open(rollback->root, false, error);
    okse_autofd lock = root_fd < 0 ? -1 : okse_root_lock(root_fd, true, error);
    g_autofree char *current = lock < 0 ? NULL : okse_root_current_of(rollback->root, root_fd, error);
    g_autoptr(OkseState) state = current == NULL ? NULL : okse_state_load(root_fd, error);
    const char *to = NULL;

    if (state == NULL || !choose(rollback, state, current, &to, error))
        return false;
    if (strcmp(to, current) == 0) {
        if (!okse_config_follow(rollback->root, root_fd, current, error))
            return false;
    } else if (!check_target(rollback, root_fd, okse_state_find(state, to), error) ||
               !switch_to(rollback, root_fd, state, current, to, error)) {
        return false;
    }
    *now_current = g_strdup(to);
    *from = g_steal_pointer(&current);
    return true;
}

static json_t *generations_json(int root_fd, const OkseState *state, const char *current)
{
    json_t *list = json_array();

    for (guint i = 0; i < state->installed->len; i++) {
        const OkseInstalled *item = g_ptr_array_index(state->installed, i);
        g_autoptr(GError) missing = NULL;
        okse_autofd fd = okse_root_generation(root_fd, item->generation, &missing);
        bool present =
            fd >= 0 || !g_error_matches(missing, OKSE_ERROR, OKSE_ERROR_NOT_FOUND); /* unreadable is not gone */
        char identity[OKSE_SHA256_TEXT];

        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:b, s:b}", "generation",
                                              item->generation, "identity", okse_sha256_text(&item->identity, identity),
                                              "name", item->name, "version", item->version, "sequence",
                                              (json_int_t)item->sequence, "installed_at", item->at, "current",
                                              g_strcmp0(item->generation, current) == 0, "present", present));
    }
    return list;
}

/* `highest` and `history` as state.json has them. */
static void set_memory(json_t *value, const OkseState *state)
{
    g_autoptr(GBytes) bytes = okse_state_write(state);
    g_autoptr(json_t) memory = okse_json_read(bytes, G_MAXUINT32, "state.json", NULL);

    json_object_set(value, "highest", json_object_get(memory, "highest"));
    json_object_set(value, "history", json_object_get(memory, "history"));
}

/* Finish what a killed command left, where we may. */
static void finish_switch(const char *root, int root_fd, const char *current)
{
    okse_autofd lock = -1;

    bool agrees = false;

    if (okse_config_agrees(root, current, &agrees, NULL) && agrees)
        return;
    lock = okse_root_lock(root_fd, false, NULL);
    if (lock >= 0)
        okse_config_follow(root, root_fd, current, NULL);
}

/* `agrees` is null where that could not be found out. */
static json_t *config_json(const char *root, const char *current)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *fault = NULL;
    bool agrees = false;

    if (okse_config_agrees(root, current, &agrees, &cause))
        return json_pack("{s:b}", "agrees", agrees);
    fault = g_utf8_make_valid(cause->message, -1);
    return json_pack("{s:n, s:s}", "agrees", "fault", fault);
}

typedef struct {
    const char *root;
    int root_fd;
    const char *current;
    const OkseInstalled *installed; /* NULL: state.json does not know it */
} Running;

static bool set_running(json_t *value, const Running *running, const OkseStatusTerms *terms, GError **error)
{
    const OkseInstalled *installed = running->installed;
    const char *current = running->current, *root = running->root;
    int root_fd = running->root_fd;
    okse_autofd fd = okse_root_generation(root_fd, current, error);
    g_autoptr(OkseDriftReport) report = NULL;

    if (fd < 0)
        return false;
    finish_switch(root, root_fd, current);
    report = okse_drift_check(fd, current, installed != NULL ? &installed->identity : NULL, terms->threads,
                              terms->progress, error);
    if (report == NULL)
        return false;
    json_object_set_new(value, "installed", okse_drift_describe(report, current));
    json_object_set_new(value, "known", json_boolean(installed != NULL));
    json_object_set_new(value, "clean", json_boolean(okse_drift_clean(report) && installed != NULL));
    json_object_set_new(value, "config", config_json(root, current));
    okse_drift_set_recorded(value, report->records->generation);
    return true;
}

json_t *okse_status(const char *root, const OkseStatusTerms *terms, GError **error)
{
    okse_autofd root_fd = okse_root_open(root, false, error);
    g_autofree char *current = root_fd < 0 ? NULL : okse_root_current_of(root, root_fd, error);
    g_autoptr(OkseState) state = current == NULL ? NULL : okse_state_load(root_fd, error);
    g_autofree char *shown = g_utf8_make_valid(root, -1);
    g_autoptr(json_t) value = NULL;
    Running running;

    if (state == NULL)
        return NULL;
    value = json_pack("{s:s, s:s, s:o}", "schema", "okse.status.v1", "root", shown, "generations",
                      generations_json(root_fd, state, current));
    set_memory(value, state);
    running = (Running){root, root_fd, current, okse_state_find(state, current)};
    if (!set_running(value, &running, terms, error))
        return NULL;
    return g_steal_pointer(&value);
}
