/* A list of complaints with places. Kept small on purpose: one list per document, read once at its end. */
#include "core/issue.h"

#include "core/limits.h"

struct OkseIssues {
    GPtrArray *texts;
    unsigned dropped;
};

OkseIssues *okse_issues_new(void)
{
    OkseIssues *issues = g_new0(OkseIssues, 1);

    issues->texts = g_ptr_array_new_with_free_func(g_free);
    return issues;
}

void okse_issues_free(OkseIssues *issues)
{
    if (issues == NULL)
        return;
    g_ptr_array_unref(issues->texts);
    g_free(issues);
}

void okse_issue(OkseIssues *issues, const OksePlace *at, const char *format, ...)
{
    g_autoptr(GString) text = g_string_new(NULL);
    va_list arguments;

    if (issues->texts->len >= OKSE_LIMIT_ISSUES) {
        issues->dropped++;
        return;
    }
    if (at != NULL && at->origin != NULL) {
        g_string_append(text, at->origin);
        if (at->line > 0)
            g_string_append_printf(text, ":%u", at->line);
        if (at->line > 0 && at->column > 0)
            g_string_append_printf(text, ":%u", at->column);
        g_string_append(text, ": ");
    }
    va_start(arguments, format);
    g_string_append_vprintf(text, format, arguments);
    va_end(arguments);
    g_ptr_array_add(issues->texts, g_string_free(g_steal_pointer(&text), FALSE));
}

unsigned okse_issues_count(const OkseIssues *issues)
{
    return issues->texts->len + issues->dropped;
}

const char *okse_issues_get(const OkseIssues *issues, unsigned index)
{
    g_return_val_if_fail(index < issues->texts->len, NULL);
    return g_ptr_array_index(issues->texts, index);
}

bool okse_issues_none(const OkseIssues *issues, GError **error)
{
    g_autoptr(GString) all = NULL;

    if (issues->texts->len == 0)
        return true;
    all = g_string_new(NULL);
    for (unsigned i = 0; i < issues->texts->len; i++)
        g_string_append_printf(all, "%s%s", i > 0 ? "\n" : "", (const char *)g_ptr_array_index(issues->texts, i));
    if (issues->dropped > 0)
        g_string_append_printf(all, "\n… and %u more", issues->dropped);
    return okse_fail(error, OKSE_ERROR_INVALID, "%s", all->str);
}
