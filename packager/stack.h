#pragma once

#include "core/json.h"
#include "core/resource.h"

/* stack.yaml as a typed struct: what goes into a bundle. Schema and meaning of every key: docs/stack.md. Immutable
 * after reading. */
typedef enum {
    OKSE_SOURCE_PATH,        /* a file or a directory */
    OKSE_SOURCE_ARCHIVE,     /* tar, zip, wheel: its contents are the component */
    OKSE_SOURCE_OCI,         /* an OCI layout directory, an oci-archive or a docker-archive */
    OKSE_SOURCE_GIT,         /* a commit of a local repository */
    OKSE_SOURCE_HUGGINGFACE, /* a snapshot of the Hugging Face cache */
    OKSE_SOURCE_FILES,       /* files of a directory that match patterns */
    OKSE_SOURCE_TEMPLATE,    /* what an infrastructure template makes */
} OkseSourceForm;

extern const char *const okse_source_forms[]; /* their keys, by the value of the enumeration; NULL-terminated */

typedef struct {
    OkseSourceForm form;
    char *location;     /* as written; relative to the stack's directory. TEMPLATE: its name or its file */
    char *reference;    /* OCI: tag, digest or TAG@digest, or NULL */
    char *platform;     /* OCI: "os/arch[/variant]", or NULL for all */
    char *commit;       /* GIT: 40 hex digits or "HEAD", or NULL; HUGGINGFACE: the revision, or NULL */
    char *tag;          /* GIT: when commit is NULL */
    char *subdirectory; /* GIT: or NULL */
    bool allow_dirty;   /* GIT, HEAD: take it although the working tree differs */
    bool history;       /* GIT: with the history, as a git bundle */
    GStrv globs;        /* FILES: at least one */
    json_t *parameters; /* TEMPLATE: object, or NULL */
} OkseStackSource;

typedef struct {
    char *name;
    char *kind; /* one of okse_stack_kinds */
    OkseStackSource source;
    char *spdx; /* license expression, or NULL */
    char *license_file;
    json_t *supports;      /* DRIVER: the machines it is for (docs/stack.md), or NULL */
    json_t *compiled;      /* what it was compiled for, or NULL */
    unsigned line, column; /* of the source, for messages */
} OkseStackComponent;

typedef struct {
    char *origin; /* the file's name in messages */
    char *name, *version;
    uint64_t sequence;
    char *vendor_name, *vendor_country, *vendor_contact;
    GPtrArray *components; /* OkseStackComponent, in the stack's order */
    json_t *compliance;    /* as written, checked; NULL when absent */
} OkseStack;

extern const char *const okse_stack_kinds[]; /* NULL-terminated */

/* A directory of law (manifests/), and the destination of bundles that hold nothing else: law is for every site. A code
 * that ISO 3166-1 leaves to its users; no country has it. */
#define OKSE_KIND_POLICY "policy"
#define OKSE_COUNTRY_EVERYWHERE "ZZ"
/* What a site sends back: records of verifications, redacted findings, statements (docs/return.md). */
#define OKSE_KIND_RECORDS "records"

/* The grammars of names and versions, for everything that reads them back from a bundle. */
bool okse_stack_name_is_good(const char *name);
bool okse_stack_version_is_good(const char *version);

/* yaml: at most OKSE_LIMIT_DOCUMENT bytes. origin: its name in messages; copied. resources: for countries and data
 * classes. Errors: INVALID with every issue as origin:line:column. Source: docs/stack.md. */
OkseStack *okse_stack_read(GBytes *yaml, const char *origin, const OkseResources *resources,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_stack_free(OkseStack *stack);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseStack, okse_stack_free)
