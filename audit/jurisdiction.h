#pragma once

#include "core/yaml.h"

/* A country's law (manifests/jurisdictions/ISO2.yaml), or a framework beside law in the same format
 * (manifests/frameworks/NAME.yaml), read strictly. Source: docs/formats/controls.md. */
typedef struct {
    char *control;      /* id */
    json_t *parameters; /* object, as written; or as profiles tightened it */
    json_t *lawful;     /* as written, where a profile tightened it; or NULL */
    json_t *profiles;   /* list of names: what of it is not the law's alone comes from these; or NULL */
    OksePlace place;
} OkseMapping;

typedef struct {
    char *id, *instrument, *article;
    json_t *title, *summary;   /* language → text */
    json_t *who;               /* text, or NULL */
    GPtrArray *data, *sectors; /* char *; "all" matches every class or sector */
    char *effective;           /* "2026-01-01", or "unknown" */
    bool dated;                /* effective is a date */
    gint64 effective_time;     /* its midnight in UTC, seconds since 1970; only when dated */
    char *until;               /* "2027-01-01": no longer in force from then on; or NULL */
    gint64 until_time;         /* only with until */
    char *severity;            /* "mandatory", "recommended" */
    char *confidence;          /* "high", "medium", "low" */
    GPtrArray *mappings;       /* OkseMapping; empty only with not_checkable */
    json_t *not_checkable;     /* language → text, or NULL */
    OksePlace place;
} OkseProvision;

/* How data may leave: the words of `mode`, from the strictest to the freest. */
typedef enum {
    OKSE_TRANSFER_PROHIBITED,
    OKSE_TRANSFER_AUTHORITY_DECISION,
    OKSE_TRANSFER_FILED_ASSESSMENT,
    OKSE_TRANSFER_DECLARED_GROUND,
    OKSE_TRANSFER_FREE_UNLESS_RESTRICTED,
    OKSE_TRANSFER_FREE,
    OKSE_TRANSFER_MODES,
} OkseTransferMode;

/* "prohibited", "authority-decision", … */
extern const char *const okse_transfer_modes[OKSE_TRANSFER_MODES + 1];

/* Who may send what where, as a provision says it. */
typedef struct {
    char *provision;           /* id; it is one of the jurisdiction's */
    GPtrArray *data, *sectors; /* char *, as of OkseProvision */
    GPtrArray *to;             /* char *: only these countries; NULL: every other country */
    json_t *recipients;        /* country → language → text: only these recipients there; or NULL */
    OkseTransferMode mode;
    json_t *mechanisms; /* list of {"name": language → text, "basis": text} */
    char *confidence;
    OksePlace place;
} OkseTransfer;

typedef struct {
    char *origin;
    char *iso;         /* ISO 3166-1 alpha-2; of a framework its name, in small letters */
    bool framework;    /* no country's law: its controls are asked for the country of the target */
    json_t *name;      /* language → text */
    json_t *languages; /* list of texts: report languages, the country's own first */
    char *as_of, *confidence;
    json_t *profile;       /* object: what a package is set to for this country, or NULL; for templates */
    json_t *regime;        /* object: class, reason {language: text}, confidence */
    json_t *instruments;   /* list of objects, as docs/formats/findings.md lists them, with `source` */
    GPtrArray *provisions; /* OkseProvision, in the order of the file */
    GPtrArray *inherits;   /* char *: blocs whose law binds here too */
    GPtrArray *members;    /* char *: of a bloc, the countries that it binds */
    GPtrArray *transfers;  /* OkseTransfer, in the order of the file */
    GPtrArray *asked;  /* char *: countries it is asked for ($country), set by okse_law_load(); a framework has none */
    json_t *uncertain; /* list of language → text: what the authors of the file do not know */
    OksePlace place;
} OkseJurisdiction;

/* Read a jurisdiction; objections go to `issues`. Returns NULL when the file is none at all; otherwise what was
 * understood, which must not be used unless there are no issues. */
OkseJurisdiction *okse_jurisdiction_read(GBytes *yaml, const char *origin,
                                         OkseIssues *issues) G_GNUC_WARN_UNUSED_RESULT;
/* Provisions that somebody gives himself, under instruments of his own (audit/profile.h). */
typedef struct {
    const char *origin, *name, *as_of;
    const json_t *title;
    const OkseNode *instruments; /* list, or NULL */
    const GPtrArray *provisions; /* const OkseNode * */
    OksePlace place;
} OkseOwnLaw;
/* As a framework of that name. Objections as above; never NULL. */
OkseJurisdiction *okse_jurisdiction_own(const OkseOwnLaw *law, OkseIssues *issues) G_GNUC_WARN_UNUSED_RESULT;
void okse_jurisdiction_free(OkseJurisdiction *jurisdiction);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseJurisdiction, okse_jurisdiction_free)

/* By id, or NULL. */
const OkseProvision *okse_jurisdiction_provision(const OkseJurisdiction *jurisdiction, const char *id);

bool okse_provision_is_mandatory(const OkseProvision *provision);
/* Confidence low: a lawyer must check, and the provision alone fails no audit. */
bool okse_provision_is_doubtful(const OkseProvision *provision);
