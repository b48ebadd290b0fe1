#pragma once

#include "core/error.h"

/* Issues are collected where a failure would hide the rest: reading user input and judging a bundle go on and report
 * every reason. An issue has a place (file:line:column), says what is wrong and, where there is one, what to do. */
typedef struct {
    const char *origin; /* name of the document in messages; borrowed, must outlive its use */
    unsigned line;      /* from 1; 0 where a line makes no sense */
    unsigned column;    /* from 1, in bytes; 0 where it makes no sense */
} OksePlace;

typedef struct OkseIssues OkseIssues;

OkseIssues *okse_issues_new(void);
void okse_issues_free(OkseIssues *issues);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseIssues, okse_issues_free)

/* Record one issue; `at` may be NULL. At most OKSE_LIMIT_ISSUES are kept, the rest are counted. */
void okse_issue(OkseIssues *issues, const OksePlace *at, const char *format, ...) G_GNUC_PRINTF(3, 4);

unsigned okse_issues_count(const OkseIssues *issues);

/* The text of issue `index`, as "origin:line:column: message"; borrowed. */
const char *okse_issues_get(const OkseIssues *issues, unsigned index);

/* True when there are none; otherwise INVALID with all of them, one a line. */
bool okse_issues_none(const OkseIssues *issues, GError **error);
