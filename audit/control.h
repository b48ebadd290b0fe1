#pragma once

#include "audit/expression.h"
#include "core/yaml.h"

#include <stdint.h>

/* One technical check: manifests/controls/ID.yaml, read strictly. Source: docs/formats/controls.md. */
typedef enum {
    OKSE_PARAMETER_COUNTRIES, /* a list of ISO 3166-1 alpha-2 codes, never empty */
    OKSE_PARAMETER_TEXT,
    OKSE_PARAMETER_INTEGER, /* from 0 */
    OKSE_PARAMETER_NUMBER,
    OKSE_PARAMETER_FLAG,
    OKSE_PARAMETER_TEXTS, /* a list of texts, never empty */
} OkseParameterKind;

typedef struct {
    char *name;
    OkseParameterKind kind;
    json_t *fallback; /* value where a provision gives none; NULL: it must be given */
    OksePlace place;
} OkseParameter;

/* Which verdict a control's own test expects. */
typedef struct {
    char *name;
    json_t *facts;      /* object: members that replace those of empty facts */
    json_t *parameters; /* object */
    char *country;      /* the jurisdiction's; "VN" where the test gives none */
    char *at;           /* the time of the audit; NULL: that of the facts */
    char *expect;       /* "pass", "fail", "inconclusive", "not-applicable" */
    gint64 violations;  /* how many, or -1 where the test does not say */
    gint64 unknown;
    OksePlace place;
} OkseControlTest;

typedef enum {
    OKSE_EXPRESSION_VIOLATIONS,
    OKSE_EXPRESSION_UNKNOWN,
    OKSE_EXPRESSION_APPLIES,  /* may be NULL: always */
    OKSE_EXPRESSION_SUBJECTS, /* may be NULL: what it looks at is not said */
    OKSE_EXPRESSIONS,
} OkseExpressionKind;

typedef struct {
    char *origin; /* its file in messages */
    char *id, *family;
    json_t *title, *description, *remediation, *applies_reason; /* language → text; the last may be NULL */
    GPtrArray *needs;                                           /* char *: collectors */
    GPtrArray *parameters;                                      /* OkseParameter */
    bool waivable;                                              /* may a finding of it be waived? */
    char *expressions[OKSE_EXPRESSIONS];
    OksePlace places[OKSE_EXPRESSIONS];
    GPtrArray *tests; /* OkseControlTest */
    OksePlace place;
} OkseControl;

/* The names of the expressions as keys of the file. */
extern const char *const okse_expression_names[OKSE_EXPRESSIONS];

/* Read a control. schema: of the facts (manifests/schemas/facts.schema.json), which every path in the expressions must
 * follow. Objections go to `issues`. Returns NULL when the file is no control at all; otherwise what was understood,
 * which must not be used unless there are no issues. */
OkseControl *okse_control_read(GBytes *yaml, const char *origin, const json_t *schema,
                               OkseIssues *issues) G_GNUC_WARN_UNUSED_RESULT;
void okse_control_free(OkseControl *control);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseControl, okse_control_free)

/* "countries", "text", …, as in files; "a text", …, for people. */
const char *okse_parameter_type(const OkseParameter *parameter);
const char *okse_parameter_words(const OkseParameter *parameter);

const OkseParameter *okse_control_parameter(const OkseControl *control, const char *name);

/* What a careful author would not leave so: parameters that nothing reads, needs that do not fit what is read, missing
 * Korean, too few tests. */
void okse_control_lint(const OkseControl *control, const json_t *schema, OkseIssues *issues);

/* What its expressions read: facts and variables. schema: as for reading it. */
OkseExpressionUse *okse_control_use(const OkseControl *control, const json_t *schema) G_GNUC_WARN_UNUSED_RESULT;

/* Does what it finds depend on whose law asks? */
bool okse_control_reads_country(const OkseControl *control);

/* The values that an evaluation uses: those given, else the fallbacks. Wrong types, unknown and missing names are
 * issues at `at`. Returns a new object; on issues it is incomplete. */
json_t *okse_control_bind(const OkseControl *control, const json_t *given, const OksePlace *at,
                          OkseIssues *issues) G_GNUC_WARN_UNUSED_RESULT;
