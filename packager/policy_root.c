/* Law that decides verdicts is believed only as far as its bundle's identity reaches. */
#include "packager/policy_root.h"

#include "core/fd.h"
#include "core/text.h"
#include "packager/drift.h"
#include "packager/generation.h"
#include "packager/install_root.h"
#include "packager/stack.h"

#include <fcntl.h>
#include <string.h>

#define NAMED_MAX 5u /* files that a refusal names */

void okse_policy_root_clear(OksePolicyRoot *policy)
{
    okse_fd_clear(&policy->fd);
    g_clear_pointer(&policy->path, g_free);
}

/* "changed law/jurisdictions/vn.yaml, …" */
static char *named(const OkseDriftReport *report)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < report->drift->len && i < NAMED_MAX; i++) {
        const OkseDrift *drift = g_ptr_array_index(report->drift, i);
        g_autofree char *path = okse_text_show(drift->path, -1, false);

        g_string_append_printf(text, "%s%s %s%s%s", i > 0 ? ", " : "", okse_drift_name(drift->status), drift->component,
                               *drift->component != '\0' ? "/" : "", path);
    }
    if (report->drift->len > NAMED_MAX)
        g_string_append_printf(text, " and %u more", report->drift->len - NAMED_MAX);
    if (text->len == 0 && report->records->fault != NULL)
        g_string_append(text, report->records->fault);
    return g_string_free(text, FALSE);
}

static bool check(const char *root, const char *generation, const OkseDriftReport *report, GError **error)
{
    g_autofree char *files = NULL;

    if (okse_drift_clean(report))
        return true;
    files = named(report);
    if (okse_drift_damaged(report))
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "%s: %s is not what was installed (%s); install its bundle again, or a newer one", root,
                         generation, files);
    return okse_fail(error, OKSE_ERROR_SYSTEM, "%s: %s could not be read to its end%s%s", root, generation,
                     *files != '\0' ? ": " : "", files);
}

/* The name of the one component that is law. */
static const char *law_of(const char *root, const OkseRecords *records, GError **error)
{
    const OksePart *found = NULL;

    for (guint i = 0; i < records->parts->len; i++) {
        const OksePart *part = g_ptr_array_index(records->parts, i);

        if (strcmp(part->kind, OKSE_KIND_POLICY) != 0)
            continue;
        if (found != NULL) {
            okse_fail(error, OKSE_ERROR_INVALID, "%s: holds two directories of law, %s and %s: which one counts?", root,
                      found->name, part->name);
            return NULL;
        }
        found = part;
    }
    if (found == NULL) {
        okse_fail(error, OKSE_ERROR_INVALID,
                  "%s: what is installed there is no law (okse policy pack makes a bundle of it)", root);
        return NULL;
    }
    return found->name;
}

static bool open_law(const char *root, int generation_fd, const OkseInstalled *installed, OksePolicyRoot *policy,
                     GError **error)
{
    g_autoptr(OkseDriftReport) report =
        okse_drift_check(generation_fd, installed->generation, &installed->identity, 0, NULL, error);
    const char *name;

    if (report == NULL || !check(root, installed->generation, report, error))
        return false;
    name = law_of(root, report->records, error);
    if (name == NULL)
        return false;
    policy->fd = okse_open_beneath(generation_fd, name, O_RDONLY | O_DIRECTORY, 0, error);
    if (policy->fd < 0)
        return false;
    policy->path = g_strdup_printf("%s/generations/%s/%s", root, installed->generation, name);
    okse_sha256_text(&installed->identity, policy->identity);
    return true;
}

bool okse_policy_root_open(const char *root, OksePolicyRoot *policy, GError **error)
{
    okse_autofd root_fd = okse_root_open(root, false, error);
    g_autofree char *current = root_fd < 0 ? NULL : okse_root_current_of(root, root_fd, error);
    g_autoptr(OkseState) state = current == NULL ? NULL : okse_state_load(root_fd, error);
    const OkseInstalled *installed = state == NULL ? NULL : okse_state_find(state, current);
    okse_autofd fd = -1;

    if (state == NULL)
        return false;
    if (installed == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: state.json does not know %s, which is in service", root,
                         current);
    fd = okse_root_generation(root_fd, current, error);
    return fd >= 0 && open_law(root, fd, installed, policy, error);
}
