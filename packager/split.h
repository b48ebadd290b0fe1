#pragma once

#include "core/share.h"
#include "packager/bundle_reader.h"
#include "packager/certificate.h"
#include "packager/volume_set.h"

#define OKSE_SPLIT_SEALED (1ull << 30) /* of an encrypted part's file, when nothing else is asked for */

/* Cutting a finished bundle into parts for media (docs/formats/parts.md): read once, front to back, for the parts, and
 * the parts once more for parity. Memory does not grow with the bundle. */
typedef struct {
    unsigned percent; /* of the number of data parts, rounded up, at least one; 0: see parts */
    unsigned parts;   /* so many; 0: none */
} OkseParityWish;

/* "10%" or "2". Errors: INVALID. */
bool okse_parity_wish_parse(const char *text, OkseParityWish *wish, GError **error);

/* How a bundle is cut so that no part's file is larger than `file_size`: a set without digests, whose numbers and
 * places are those of the finished one. bundle: its texts are copied. Errors: INVALID (too small, too many parts). */
OkseVolumeSet *okse_split_plan(const OkseVolumeBundle *bundle, uint64_t file_size, const OkseParityWish *wish,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;

typedef struct {
    const OkseBundle *bundle;
    const OkseBytes *bytes; /* what it was opened from */
    const char *origin;     /* its name in messages */
    uint64_t file_size;     /* of a part's file at most */
    OkseParityWish parity;  /* how many besides */
    const char *directory;  /* where they go; made when missing (not its parents) */
    bool compress;          /* `data` is frames (packager/frames.h) in place of the bundle's bytes */
    /* Whole parts are encrypted to these (okse_cms_recipient_check()), each as one CMS message, NAME.….part.cms;
     * nothing plain is written but a list of the parts (NAME.set.json, NAME.sha256). NULL: plain parts.
     * docs/encryption.md. */
    const OkseCertificates *recipients;
} OkseSplit;

typedef struct {
    OkseVolumeSet *set; /* owned by the caller */
    OkseCopied copied;  /* how the bundle's bytes got into the parts */
    char *labels;       /* path of the sheet of labels; owned */
    char *list;         /* path of the list of encrypted parts, NULL for plain ones; owned */
} OkseSplitResult;
void okse_split_result_clear(OkseSplitResult *result);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseSplitResult, okse_split_result_clear)

/* Parts appear under their names when all of them are complete; a run that fails leaves nothing. Errors: INVALID (too
 * small a size, too many parts, the directory holds parts of this bundle), REFUSED (the bundle changes meanwhile),
 * SYSTEM (no room — told before anything is written —, no ISA-L), CANCELLED. */
bool okse_split(const OkseSplit *split, OkseSplitResult *result, GError **error);
