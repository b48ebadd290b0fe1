#pragma once

#include "core/bytes.h"
#include "core/digest.h"
#include "core/json.h"
#include "core/progress.h"
#include "packager/checkpoint.h"

/* Reading a bundle (docs/formats/bundle.md), strictly: canonical headers, canonical index.json, fixed order, every blob
 * reachable and present, nothing else. All metadata is checked against its digest while it is read; payload is checked
 * by okse_bundle_check(). An OkseBundle is immutable and may be shared by threads. */
typedef struct OkseBundle OkseBundle;

typedef enum {
    OKSE_FORM_RAW,   /* one layer a file */
    OKSE_FORM_TAR,   /* a listing and one tar layer */
    OKSE_FORM_IMAGE, /* an OCI image, byte for byte */
} OkseForm;

/* One blob of the archive. */
typedef struct {
    OkseSha256 digest;
    uint64_t size;
    uint64_t offset; /* of its first byte in the bundle */
    bool payload;    /* false: metadata, already checked */
} OkseBlob;

/* One file of a RAW component. */
typedef struct {
    char *path;
    OkseSha256 digest;
    OkseSha256 verity; /* fs-verity file digest */
    uint64_t size;
    bool executable;
} OkseBundleFile;

typedef struct {
    char *name, *kind;
    OkseForm form;
    OkseSha256 manifest_digest;
    const json_t *manifest; /* borrowed from the bundle */
    GPtrArray *files;       /* RAW: OkseBundleFile, sorted by path; otherwise empty */
    OkseSha256 listing;     /* TAR: the mtree blob */
    OkseSha256 archive;     /* TAR: the tar blob */
    uint64_t size;          /* bytes of its payload as packed */
} OkseBundleComponent;

typedef struct {
    OkseSha256 manifest_digest; /* of the referrer manifest */
    OkseSha256 digest;          /* of the sigstore bundle */
    GBytes *bytes;              /* the sigstore bundle JSON as stored */
    char *predicate_type;       /* what the manifest claims; not yet trusted */
    const char *component;      /* the weights that it is about; NULL: the bundle; borrowed from the bundle */
} OkseBundleStatement;

/* Checking payload: each blob of a raw file by its fs-verity tree, everything else by its SHA-256. Both digests stand
 * in the manifest, so both hang on the identity; the tree is the one that several processors can share. */
struct OkseShardRecord;
struct OkseShardMerge;
typedef struct {
    unsigned threads;                 /* 0: all */
    bool both;                        /* raw files by both, in the same reading */
    bool all;                         /* go on after the first fault */
    OkseProgress *progress;           /* may be NULL */
    const OkseCheckpoint *checkpoint; /* remember how far it came, and go on from there; may be NULL */
    struct OkseShardRecord *shard;    /* check the part of this shard alone, and note here what it found; may be NULL */
    struct OkseShardMerge *merge;     /* read no payload: believe these records (shard_merge.h); may be NULL */
} OkseChecking;

typedef struct {
    uint64_t by_verity, by_sha256; /* bytes of payload; with both the same bytes count in each */
    uint64_t read;                 /* bytes of payload that were read */
    uint64_t resumed;              /* bytes of payload that an interrupted run had checked */
    char *since;                   /* when that run began; NULL when there was none */
    GPtrArray *faults;             /* char *, in archive order; only the first when not `all` */
} OkseChecked;
#define OKSE_CHECKED_INIT                                                                                              \
    {                                                                                                                  \
        0, 0, 0, 0, NULL, NULL                                                                                         \
    }
void okse_checked_clear(OkseChecked *checked);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseChecked, okse_checked_clear)

/* Read what can be read at any place: headers and metadata only. The bundle keeps a reference to the bytes. origin: its
 * name in messages; copied. Errors: REFUSED (a digest differs, something is missing, added or out of place), INVALID
 * (not a bundle, a limit), SYSTEM. */
OkseBundle *okse_bundle_of(const OkseBytes *bytes, const char *origin, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The same of a regular file. fd: borrowed, must stay open as long as the bundle is used. */
OkseBundle *okse_bundle_open(int fd, const char *origin, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Read from a pipe to its end, checking every blob on the way: what comes back has been checked as by
 * okse_bundle_check(). checked: filled, and cleared by the caller, whether the bundle could be read or not; with `all`,
 * the blobs with other content are faults there and no error. Offsets are positions in the stream. */
OkseBundle *okse_bundle_read_stream(int fd, const char *origin, const OkseChecking *checking, OkseChecked *checked,
                                    GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Hash the payload and compare every blob with what its manifest says. checked: may be NULL; filled when every byte was
 * looked at and the error is a fault. Errors: REFUSED with the first fault in archive order, or because the file
 * changed since it was opened; SYSTEM; CANCELLED. */
bool okse_bundle_check(const OkseBundle *bundle, const OkseChecking *checking, OkseChecked *checked, GError **error);

/* Is the tree of this blob enough (without `both`)? */
bool okse_bundle_by_verity(const OkseBundle *bundle, const OkseSha256 *digest);

void okse_bundle_free(OkseBundle *bundle);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseBundle, okse_bundle_free)

/* Everything below is borrowed from the bundle. */
/* What it is read from, where the offsets of its blobs lie; NULL for a stream. */
const OkseBytes *okse_bundle_bytes(const OkseBundle *bundle);
const OkseSha256 *okse_bundle_identity(const OkseBundle *bundle);
const char *okse_bundle_name(const OkseBundle *bundle);
const char *okse_bundle_version(const OkseBundle *bundle);
const char *okse_bundle_country(const OkseBundle *bundle);
uint64_t okse_bundle_sequence(const OkseBundle *bundle);
/* The bundle index and the stack config as parsed, and the bundle index as stored. */
const json_t *okse_bundle_index(const OkseBundle *bundle);
GBytes *okse_bundle_index_bytes(const OkseBundle *bundle);
const json_t *okse_bundle_stack(const OkseBundle *bundle);
/* The index.json as parsed (bundle index, component manifests, statements). */
const json_t *okse_bundle_layout_index(const OkseBundle *bundle);

unsigned okse_bundle_components(const OkseBundle *bundle); /* without the stack manifest itself */
const OkseBundleComponent *okse_bundle_component(const OkseBundle *bundle, unsigned index);
unsigned okse_bundle_statements(const OkseBundle *bundle);
const OkseBundleStatement *okse_bundle_statement(const OkseBundle *bundle, unsigned index);

/* The weights component that a statement is about, or NULL. */
const OkseBundleComponent *okse_bundle_statement_component(const OkseBundle *bundle, unsigned statement);

/* A generated document of the stack manifest by its title ("lock.json"), or NULL. */
GBytes *okse_bundle_document(const OkseBundle *bundle, const char *title);

/* All blobs in archive order, and one by digest (NULL when it is not stored). */
unsigned okse_bundle_blobs(const OkseBundle *bundle);
const OkseBlob *okse_bundle_blob(const OkseBundle *bundle, unsigned index);
const OkseBlob *okse_bundle_find(const OkseBundle *bundle, const OkseSha256 *digest);
/* The bytes of a metadata blob (manifest, config, stack document, statement), kept since reading; NULL for payload. */
GBytes *okse_bundle_metadata(const OkseBundle *bundle, const OkseSha256 *digest);

/* Where a signer writes: see "index slot" and "statement area" in docs/formats/bundle.md. All in bytes of the file. */
typedef struct {
    uint64_t index_offset, index_size;          /* data of index.json */
    uint64_t area_offset, area_used, area_size; /* statement area; area_used: where its padding begins, relative */
    uint64_t end_offset;                        /* of the two zero blocks */
    uint64_t file_size;
    bool has_empty_blob; /* the {} blob is stored already */
} OkseBundleSlots;
OkseBundleSlots okse_bundle_slots(const OkseBundle *bundle);
