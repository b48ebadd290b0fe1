/* Names in control groups. A container can make groups below its own and call them as it likes; so the outermost name
 * counts, which is the runtime's. */
#include "audit/host_processes.h"

#include <string.h>

#define ID_LENGTH 64u
#define NAME_LIMIT 255u

/* 64 hex digits, alone or between a runtime's prefix and ".scope". */
static char *id_in(const char *name)
{
    for (const char *at = name; *at != '\0'; at++) {
        size_t digits = strspn(at, "0123456789abcdef");

        if (digits == ID_LENGTH && (at == name || at[-1] == '-') && (at[digits] == '\0' || at[digits] == '.'))
            return g_strndup(at, digits);
        if (digits > 0)
            at += digits - 1;
    }
    return NULL;
}

/* "lxc.payload.NAME" of LXC and "machine-NAME.scope" of systemd-machined have names and no digits. */
static char *named_in(const char *name)
{
    static const char lxc[] = "lxc.payload.", machine[] = "machine-";

    if (g_str_has_prefix(name, lxc) && name[strlen(lxc)] != '\0')
        return g_strdup(name + strlen(lxc));
    if (g_str_has_prefix(name, machine) && g_str_has_suffix(name, ".scope"))
        return g_strndup(name + strlen(machine), strlen(name) - strlen(machine) - strlen(".scope"));
    return NULL;
}

static bool is_unit(const char *name)
{
    return (g_str_has_suffix(name, ".service") || g_str_has_suffix(name, ".scope")) && strlen(name) <= NAME_LIMIT;
}

/* One path: the first container, and of units the first, but inside user@N.service the user's own. */
static void read_path(const char *path, char **unit, char **container)
{
    g_auto(GStrv) names = g_strsplit(path, "/", -1);
    bool of_user = false;

    for (char **name = names; *name != NULL; name++) {
        char *found = *container != NULL ? NULL : id_in(*name);

        if (*container == NULL && found == NULL && strlen(*name) <= NAME_LIMIT)
            found = named_in(*name);
        if (found != NULL)
            *container = found;
        if (!is_unit(*name) || (*unit != NULL && !of_user))
            continue;
        g_free(*unit);
        *unit = g_strdup(*name);
        of_user = g_str_has_prefix(*name, "user@");
    }
}

void okse_cgroup_read(const char *text, char **unit, char **container)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    g_auto(GStrv) lines = g_strsplit(valid, "\n", -1);

    *unit = NULL;
    *container = NULL;
    for (char **line = lines; *line != NULL; line++) {
        const char *path = strchr(*line, ':'); /* ID:CONTROLLERS:PATH */

        path = path == NULL ? NULL : strchr(path + 1, ':');
        if (path != NULL)
            read_path(path + 1, unit, container);
    }
}
