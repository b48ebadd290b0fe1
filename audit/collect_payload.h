#pragma once

#include "audit/collector.h"
#include "audit/secret_scan.h"
#include "packager/readable.h"

/* What the collectors of a component's files share: for audit/collect_*.c only. */

/* The component whose files are looked at. */
typedef struct {
    OkseCollection *collection;
    const char *name, *kind;
    const char *shown;             /* how sources call where its files lie */
    OkseSecretScan *masker;        /* for texts that come out of files */
    struct OkseEmbedded *embedded; /* looks at the same bytes */
} OksePayload;

/* One file's secrets into facts, those of the members of an archive too (one level). tally: what was looked at, for
 * facts.scanned. Errors: those of reading; CANCELLED. */
typedef struct {
    uint64_t files, bytes, members, nested, left_out;
    json_t *heads; /* [{"component","path","looked","size"}]: files of which only the head was looked at */
} OksePayloadTally;
/* Hosts that stand in files (facts: `embedded`): a file or member begins, its bytes, it ends; and what a component had.
 */
typedef struct OkseEmbedded OkseEmbedded;

OkseEmbedded *okse_embedded_new(void) G_GNUC_WARN_UNUSED_RESULT;
void okse_embedded_free(OkseEmbedded *embedded);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseEmbedded, okse_embedded_free)
void okse_embedded_begin(OkseEmbedded *embedded, const OksePayload *payload, const char *path, const char *member);
void okse_embedded_feed(OkseEmbedded *embedded, const uint8_t *data, size_t length);
void okse_embedded_end(OkseEmbedded *embedded);
void okse_embedded_component(OkseEmbedded *embedded, OkseCollection *collection, const char *component);

bool okse_collect_secrets(const OksePayload *payload, OkseSecretScan *scan, const OkseReadable *file,
                          OksePayloadTally *tally, GError **error);

/* What okse_weights_examine() and its like found, into facts. */
void okse_collect_programs(const OksePayload *payload, const json_t *report);

/* Secrets and programs in all files: of what is not installed yet, or of the installed components. Trouble with an
 * installed file is coverage. Errors: those of reading the rules; of contents: as okse_contents_look(). */
bool okse_collect_payload(OkseCollection *collection, const OkseContents *contents, const OkseResources *resources,
                          GError **error);
