#pragma once

#include "packager/bundle_reader.h"
#include "packager/thin_list.h"

/* What the parts of the reader share: bundle_archive.c walks the tar, bundle_index.c understands the metadata,
 * bundle_order.c compares with the one right order, bundle_check.c hashes payload, bundle_fault.c names what is wrong.
 */
enum {
    PREFIX_PLAIN = 1,   /* the canonical prefix of metadata and statements */
    PREFIX_ALIGNED = 2, /* of payload */
    PREFIX_AREA = 4,    /* of the first metadata blob: its padding ends the statement area */
};

typedef struct {
    OkseBlob blob;
    uint64_t prefix_at; /* where its headers begin */
    unsigned prefix;    /* which canonical prefixes it has, PREFIX_ flags */
    GBytes *bytes;      /* metadata; owned */
} Stored;

typedef enum { EXPECT_PAYLOAD, EXPECT_METADATA } Expectation;

typedef struct {
    OkseSha256 digest; /* the key */
    uint64_t size;
    Expectation kind;
    gint64 stored;              /* index into stored, -1 while missing */
    unsigned references, trees; /* descriptors, and how many of them name an fs-verity digest */
    bool has_verity;            /* a raw file */
    bool by_verity;             /* its tree is enough, see bundle_choose_digests() */
    OkseSha256 verity;
} Expected;

/* What only a thin bundle has. */
typedef struct {
    OkseThinList *list;
    uint64_t front_end; /* where thin.json begins: as far as here it is the whole bundle, byte for byte */
    uint64_t tail_at;   /* and from here again: behind the last payload */
    GArray *pieces;     /* OkseBlob: the list's stored blobs, in its order */
} ThinParts;

struct OkseBundle {
    OkseBytes *bytes; /* NULL for a stream */
    ThinParts *thin;  /* only of bundle_walk_thin() */
    char *origin;
    bool chosen;  /* bundle_choose_digests() was called */
    bool checked; /* payload was hashed while reading */
    OkseSha256 identity;
    GBytes *index_bytes;
    json_t *index, *layout_index, *stack_config;
    char *name, *version, *country;
    uint64_t sequence;
    OkseBundleSlots slots;
    GPtrArray *stored;      /* Stored, archive order */
    GHashTable *expected;   /* OkseSha256 → Expected */
    uint64_t metadata_size; /* bytes kept */
    GPtrArray *components;  /* OkseBundleComponent; [0] is the stack manifest itself */
    GPtrArray *statements;  /* OkseBundleStatement */
    GHashTable *listed[2];  /* digest text → descriptor, borrowed: of the bundle index, of index.json */
    GPtrArray *parsed;      /* json_t of manifests, kept for the components */
    bool expects_empty;     /* statements are listed, so the empty blob may come */
};

/* Announce a blob before it arrives. Errors: REFUSED when the same digest was announced with another size. */
bool bundle_expect(OkseBundle *bundle, const OkseSha256 *digest, uint64_t size, Expectation kind, GError **error);
/* The fs-verity digest of an announced file. Errors: REFUSED when another one was announced. */
bool bundle_expect_verity(OkseBundle *bundle, const OkseSha256 *digest, const OkseSha256 *verity, GError **error);
Expected *bundle_expected(const OkseBundle *bundle, const OkseSha256 *digest);

/* bundle_archive.c: read a bundle whose payload need not be all there. Structure and metadata that arrive are checked;
 * whether they are complete and in order is only known of the whole, see thin.h. thin is NULL in what comes back when
 * it is no thin bundle. Errors: as okse_bundle_of(). */
OkseBundle *bundle_walk_thin(const OkseBytes *bytes, const char *origin, GError **error);
void bundle_thin_free(ThinParts *thin);

/* bundle_index.c: index.json before any blob; then each metadata blob as it arrives, which announces others. */
bool bundle_understand_layout(OkseBundle *bundle, GBytes *slot, GError **error);
bool bundle_understand_blob(OkseBundle *bundle, const OkseSha256 *digest, GBytes *bytes, GError **error);
/* After the last member: names, statements, index.json derived again. */
bool bundle_understand_end(OkseBundle *bundle, GError **error);

/* bundle_names.c: what the bundle index says of the bundle, and of each manifest in it (these are announced). */
bool bundle_understand_names(OkseBundle *bundle, GError **error);
bool bundle_announce_manifests(OkseBundle *bundle, const json_t *manifests, GError **error);

/* bundle_config.c: after the last member, configs must agree with what is built upon them. Sets stack_config. */
bool bundle_check_configs(OkseBundle *bundle, GError **error);

/* bundle_layer.c: what layers that Okse wrote may say besides digest and size. */
bool bundle_check_file_layer(const OkseBundle *bundle, const char *kind, const json_t *layer, GError **error);
bool bundle_check_titled_layer(const OkseBundle *bundle, const json_t *layer, const char *type, const char *title,
                               GError **error);

/* bundle_component.c: a component's manifest. */
bool bundle_understand_component(OkseBundle *bundle, const json_t *descriptor, json_t *manifest, GError **error);
/* Digest and size of a descriptor. Errors: INVALID. */
bool bundle_descriptor(const OkseBundle *bundle, const json_t *descriptor, OkseSha256 *digest, uint64_t *size,
                       GError **error);
/* JSON that Okse wrote has one form. Errors: INVALID, REFUSED. */
json_t *bundle_canonical(const OkseBundle *bundle, GBytes *bytes, const char *what, GError **error);
/* An object has exactly these members (NULL-terminated). Errors: REFUSED. */
bool bundle_members(const OkseBundle *bundle, const json_t *object, const char *what, const char *const *names,
                    GError **error);

/* bundle_order.c: everything expected is there, in the one right order, with the right padding. */
bool bundle_check_order(const OkseBundle *bundle, GError **error);
/* Payload, and a file whose bytes are "{}": it stands among the payload and is metadata as well once the bundle has a
 * statement, whose config it is. All manifests must have been read. */
bool bundle_stands_among_payload(const OkseBundle *bundle, const OkseBlob *blob);

/* bundle_digest.c: for every blob that is announced, by which digest its payload is checked. When all metadata was read
 * (and, from a pipe, statements may still follow the payload: then nothing is checked by its tree alone). */
void bundle_choose_digests(OkseBundle *bundle);

/* bundle_check.c: metadata that is a file of a component too has the fs-verity digest that the file's layer says.
 * Its SHA-256 was compared on arrival. Errors: REFUSED. */
bool bundle_check_kept(const OkseBundle *bundle, GError **error);

/* bundle_fault.c: a blob that is not what it should be, as one line: which, where, and the files that it is. */
char *bundle_fault(const OkseBundle *bundle, const Stored *stored, bool by_verity) G_GNUC_WARN_UNUSED_RESULT;
