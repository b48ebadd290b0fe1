#pragma once

#include "audit/collect.h"
#include "audit/facts.h"
#include "audit/guess.h"
#include "audit/host_files.h"
#include "audit/host_processes.h"
#include "audit/papers.h"
#include "audit/scan.h"
#include "audit/secret_scan.h"
#include "audit/software.h"
#include "core/digest.h"
#include "packager/approval.h"
#include "packager/contents.h"
#include "packager/licenses.h"

/* One collector looks at one thing, adds what it saw and says whether it could look. It writes nothing, resolves no
 * name and opens no connection; trouble is coverage, not failure. */
typedef struct OkseFetchRules OkseFetchRules;
typedef struct OkseSoftwareSeen OkseSoftwareSeen;
typedef struct OkseToolRules OkseToolRules;
typedef struct OkseObjects OkseObjects;

typedef struct {
    OkseFacts *facts;
    const OkseScanner *scanner;
    const OkseSecretRules *secrets;
    OkseSecretScan *masker; /* for lines and texts on their way into facts */
    const OkseLicenses *licenses;
    const OkseSoftware *software;
    OkseSoftwareSeen *programs; /* what was seen of them */
    const OkseFetchRules *fetches;
    const OkseToolRules *tools;
    const OkseHostFiles *host_files;
    const OkseGuess *guess;
    GHashTable *looked;             /* paths of files that a collector of the host has read */
    const OkseProcesses *processes; /* of the running system; NULL for another sysroot */
    struct OkseNetworks *networks;  /* the other network namespaces, or NULL: they were not entered */
    int sysroot_fd;                 /* of --sysroot */
    int proc_fd;                    /* of /proc when the sysroot is that of the running system, or -1 */
    int root_fd;                    /* of the install root, or -1 */
    const char *root;               /* as the user named it, or NULL */
    const json_t *install;          /* okse_install_describe(), or NULL */
    const OkseCluster *cluster;     /* what the API of one answered, or NULL */
    const char *no_host;            /* why the sysroot has nothing of a host but configuration, or NULL */
    OkseClock clock;                /* of the running system */
    bool running;                   /* the sysroot is that of the running system */
    bool host;                      /* the host is in scope */
    unsigned threads;
    const OksePapers *rules;     /* for typed documents */
    const OkseTrust *trust;      /* who may approve documents; NULL: nobody said */
    gint64 now;                  /* seconds since 1970 */
    const json_t *embargoes;     /* rows of manifests/embargoes.yaml */
    const json_t *compatibility; /* manifests/compatibility.yaml */
    json_t *fitting;             /* what is compared with it: okse_compatibility_compare() */
    json_t *papers;              /* document facts by the path that sources show */
    GHashTable *signatures;      /* the same path → GBytes of the approval beside it */

    const OkseAtlas *atlas;               /* where addresses are */
    struct OkseNetworkPolicies *policies; /* while they are collected */
    struct OkseFirewall *firewall;        /* what okse_collect_firewall() read; NULL: nobody knows */
    OkseObjects *objects;                 /* what structured files hold, joined at the end; NULL: nobody collects it */
    GHashTable *certificates;             /* paths that configuration names → GPtrArray of programs */
    const json_t *certificate_places;     /* manifests/certificates.yaml */
    GHashTable *claims; /* "path|line|host" that a structured reader told; the scanner does not again */
    struct {
        GBytes *bytes;
        char text[OKSE_SHA256_TEXT];
    } digest; /* the last one that was asked for */
} OkseCollection;

typedef struct {
    const char *name;  /* a row of audit/fact_kinds.h with the scope of the host */
    bool needs_kernel; /* asks the running kernel, so it cannot look at another sysroot */
    void (*collect)(OkseCollection *collection);
} OkseCollector;

/* Those of the host in the order in which they run; ends with a row whose name is NULL. */
extern const OkseCollector okse_host_collectors[];

/* Why what okse_interrupted() ended is partial, when a collection has a time limit. */
#define OKSE_OUT_OF_TIME "out of time"

void okse_collect_host(OkseCollection *collection);
void okse_collect_mounts(OkseCollection *collection);
void okse_collect_sockets(OkseCollection *collection);
void okse_collect_routes(OkseCollection *collection);
void okse_collect_firewall(OkseCollection *collection);
/* egress: where packets can go, from what okse_collect_firewall() left in the collection, and routes. */
void okse_collect_egress(OkseCollection *collection);
/* egress of every other network namespace: after okse_collect_firewall(). */
void okse_collect_namespaces(OkseCollection *collection);
void okse_collect_resolvers(OkseCollection *collection);
void okse_collect_time(OkseCollection *collection);
void okse_collect_tunnels(OkseCollection *collection);
void okse_collect_accounts(OkseCollection *collection);
void okse_collect_schedules(OkseCollection *collection);
void okse_collect_processes(OkseCollection *collection);
/* Runs last: it looks at what the others saw. */
void okse_collect_residue(OkseCollection *collection);
/* What running processes were started with: while /proc still shows it to us. */
void okse_collect_residue_running(OkseCollection *collection);

/* One route, seen or configured. destination "10.0.0.0/8"; gateway, device, netns: or NULL; table 0: not told. */
typedef struct {
    const char *destination, *gateway, *device, *netns;
    unsigned table;
    const char *state;
    json_t *source; /* stolen */
} OkseRouteFact;
void okse_collect_route(OkseCollection *collection, const OkseRouteFact *route);
/* install, drift: from collection->install. */
void okse_collect_install(OkseCollection *collection, const char *why_not);
/* install, configuration and documents of what is not installed yet. Errors: those of okse_contents_visit(). */
bool okse_collect_components(OkseCollection *collection, const OkseContents *contents, GError **error);
/* licenses: what texts, cards and headers of the components say, and where their lineage leads. Errors: as before. */
bool okse_collect_licenses(OkseCollection *collection, const OkseContents *contents, GError **error);
/* The same of what is installed; what cannot be read is coverage. */
void okse_collect_installed_licenses(OkseCollection *collection, const char *why_not);
/* evaluations: how the models scored, by whose word, and what of it can be computed again. Errors: as before. */
bool okse_collect_evaluations(OkseCollection *collection, const OkseContents *contents, const OkseResources *resources,
                              GError **error);
/* The same of what is installed; what cannot be read is coverage. */
void okse_collect_installed_evaluations(OkseCollection *collection, const OkseResources *resources,
                                        const char *why_not);
/* Files that a collector of its own looks at, in what is packed or in what is installed. */
typedef struct {
    OkseCollection *collection;
    const OkseContents *contents;
    const char *root; /* of an install, or NULL */
    unsigned component;
} OkseCollectPart;

typedef struct {
    const char *collector;       /* whose coverage it is */
    const char *kind;            /* of the components to look into; NULL: all */
    OkseContentsVisitor visitor; /* its context becomes the OkseCollectPart */
} OkseCollectParts;

/* Visit the files of a plan or bundle. Errors: those of okse_contents_visit(). */
bool okse_collect_parts(OkseCollection *collection, const OkseContents *contents, const OkseCollectParts *parts,
                        GError **error);
/* The same of what is installed; what cannot be read is coverage. */
void okse_collect_installed_parts(OkseCollection *collection, const OkseCollectParts *parts, const char *why_not);
/* How sources call a file of the part. */
char *okse_collect_part_path(const OkseCollectPart *part, const char *path) G_GNUC_WARN_UNUSED_RESULT;
/* A member's text made safe, or null. A new reference. */
json_t *okse_collect_text(const json_t *object, const char *key) G_GNUC_WARN_UNUSED_RESULT;

/* What a stack (its config, or an install) says of a component besides name and kind; NULL: nothing. Borrowed. */
const json_t *okse_collect_said_of(const json_t *stack, const char *component, const char *key);
/* Add what it says of the machines of the component that the row names: `supports`, `compiled`, or null. */
void okse_collect_said(json_t *row, const json_t *stack);
/* Part of packages: drivers, what was compiled for devices, programs that images name, and whether all that fits.
 * root: of an install, or NULL. Errors: as before. */
bool okse_collect_fitting(OkseCollection *collection, const OkseContents *contents, const char *root, GError **error);
/* tools: servers of the model context protocol that configuration names. Errors: as before. */
bool okse_collect_tools(OkseCollection *collection, const OkseContents *contents, GError **error);
/* The same of what is installed; what cannot be read is coverage. */
void okse_collect_installed_tools(OkseCollection *collection, const char *why_not);

/* packages: wheels, and whether they are what their own lists say. Errors: as before. */
bool okse_collect_packages(OkseCollection *collection, const OkseContents *contents, GError **error);
/* The same of what is installed; what cannot be read is coverage. */
void okse_collect_installed_packages(OkseCollection *collection, const char *why_not);
/* network-policies, and what they leave to pods in egress and reach. Errors: as before. */
bool okse_collect_network_policies(OkseCollection *collection, const OkseContents *contents, GError **error);
/* The same of what is installed; what cannot be read is coverage. */
void okse_collect_installed_network_policies(OkseCollection *collection, const char *why_not);
/* trials: what programs of the package were seen to try (okse try). Errors: as before. */
bool okse_collect_trials(OkseCollection *collection, const OkseContents *contents, GError **error);
/* The same of what is installed; what cannot be read is coverage. */
void okse_collect_installed_trials(OkseCollection *collection, const char *why_not);
/* configuration and documents of the installed components; with host, configuration of the host too. */
void okse_collect_configuration(OkseCollection *collection, bool installed, bool host);

/* Files of container engines and of clusters on the host, beside its configuration. */
void okse_collect_host_objects(OkseCollection *collection);
/* An exported list of a cluster's objects, or a directory of them, as the user named it. Errors: NOT_FOUND, SYSTEM. */
bool okse_collect_export_of_cluster(OkseCollection *collection, const char *path, GError **error);
/* What the API of a cluster answered: as exported files are; what it did not say is coverage. */
void okse_collect_cluster(OkseCollection *collection);
/* Join what the files hold: policies with workloads, variables with what they come from; then telemetry: every program
 * judged by its own rule. After all files, before okse_facts_finish(). */
void okse_collect_objects_finish(OkseCollection *collection);

/* Say of every document who approved it; when all of them and their signatures were seen. */
void okse_collect_approvals(OkseCollection *collection);

/* export: which rows of the table of embargoes are about this destination. */
void okse_collect_export(OkseCollection *collection);
/* The table; a new value. Errors: those of reading the data; INVALID. */
json_t *okse_embargoes_read(const OkseResources *resources, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Open a path beneath the sysroot: links are followed inside it, and never onto a network file system, whose server may
 * not answer. -1 on error. Errors: those of okse_open_in_root(); SYSTEM when the way leads onto such a file system. */
int okse_collect_open(const OkseCollection *collection, const char *path, int flags, GError **error);

/* A file beneath the sysroot, at most `limit` bytes. Errors: as okse_collect_open() and okse_read_fd(). */
GBytes *okse_collect_read(const OkseCollection *collection, const char *path, uint64_t limit, GError **error);

/* What is said of a file with bytes that are no text: words between them were looked at, what they mean was not. */
#define OKSE_COLLECT_NO_TEXT "is no text, or not all of it: places were looked for in the words of it only"

/* Configuration of programs that no table knows: what nothing else has read (manifests/guess.yaml). */
void okse_collect_rest(OkseCollection *collection);

/* A line of a file with every secret in it masked: by the table of secrets, then by okse_redact_line(). */
char *okse_collect_mask(const OkseCollection *collection, const char *line) G_GNUC_WARN_UNUSED_RESULT;

/* A copy of a document's value with every text in it masked by the table of secrets. Owned by the caller. */
json_t *okse_collect_mask_texts(const OkseCollection *collection, const json_t *value) G_GNUC_WARN_UNUSED_RESULT;

/* Scan a text and add what it holds. path: as sources show it; name: the file's own. Comments and the like go to
 * mentions. */
typedef struct {
    const char *collector, *path, *name, *component; /* name: the path that decides the role */
    GBytes *bytes;                                   /* the text (core/text_decode.h) */
    bool pins_only;                                  /* a list of what somebody builds from, no configuration */
    GBytes *original; /* the file, of which facts tell the digest; NULL: the same bytes */
} OkseScanFile;
/* "sha256:…" of a file that is being looked at, computed when a fact first asks for it; borrowed until another is asked
 * for. */
const char *okse_collect_digest(OkseCollection *collection, const OkseScanFile *file);

void okse_collect_scan(OkseCollection *collection, const OkseScanFile *file);
/* The same without the lines (numbers as pointers) that a reader of the file's own form speaks for. */
void okse_collect_scan_rest(OkseCollection *collection, const OkseScanFile *file, GHashTable *claimed);
/* workloads, objects, resources: what one file of configuration holds when it is structured; before the scanner. */
void okse_collect_objects(OkseCollection *collection, const OkseScanFile *file);

/* The files of one component, or of the host. */
typedef struct {
    OkseCollection *collection;
    const char *shown;     /* how sources call where they lie */
    const char *component; /* its name; NULL: the host */
    const char *kind;      /* of the component */
} OkseCollectFiles;

#define OKSE_COLLECT_FILE_LIMIT (8u << 20) /* bytes of a file that is looked at */

/* Whether any of them is looked at, and whether one with this name is. */
bool okse_collect_files_any(const OkseCollectFiles *files);
bool okse_collect_files_wants(const OkseCollectFiles *files, const char *name);
/* Scan it, or make it a document. path: relative to `shown`; "" for a single file. */
void okse_collect_files_use(const OkseCollectFiles *files, const char *path, GBytes *bytes);
/* Keep the signature of a document until okse_collect_approvals(). */
void okse_collect_signature(const OkseCollectFiles *files, const char *path, GBytes *bytes);
/* The collector of these files cannot vouch for emptiness, and why. */
void okse_collect_files_partial(const OkseCollectFiles *files, const char *path, const char *why);
