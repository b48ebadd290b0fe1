#pragma once

#include "core/json.h"
#include "core/progress.h"
#include "core/share.h"
#include "packager/bundle_reader.h"
#include "packager/drift.h"
#include "packager/oms.h"

/* Putting a bundle in service on a target, and going back. Layout and what is atomic: docs/install.md.
 * A command that is killed at any instant leaves the old or the new generation in service; the next one tidies up. */
typedef struct {
    const char *root; /* the path as the user gave it; made when missing (not its parents) */
    const OkseBundle
        *bundle; /* accepted by whoever calls: install itself checks bytes, sequence and form, not who signed */
    const GArray *models;       /* OkseModelSignature: what becomes a model.sig; NULL: none */
    const json_t *verification; /* what accepted it, kept in generation.json; may be NULL */
    bool rollback;              /* a lower sequence than was installed before was ordered by who may */
    gint64 now;                 /* seconds since 1970 */
    bool dry_run;               /* check everything, payload too; write nothing */
    OkseCopyWay way;            /* how files get into the generation; the bytes are the same */
    unsigned threads;           /* 0: all */
    OkseProgress *progress;
} OkseInstall;

typedef struct {
    char *generation;
    char *previous; /* what `current` named before, or NULL */
    bool already;   /* it was in service before; nothing was written */
    bool reused;    /* its directory was there, complete; only the switch was made */
    char *drift;    /* with already: what drifted, in words; NULL when nothing did */
    uint64_t files, bytes;
    uint64_t sealed;            /* files that fs-verity seals now */
    OkseCopied copied;          /* how the bytes of files got there; zero when nothing was written */
    uint64_t needed, available; /* bytes on the root's file system; 0 where not asked */
} OkseInstallResult;
void okse_install_result_clear(OkseInstallResult *result);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseInstallResult, okse_install_result_clear)

/* Errors: REFUSED (a lower sequence than was installed before, the same with another identity, bytes that are not what
 * was promised), INVALID, SYSTEM (also: not enough room, before anything is written), CANCELLED. */
bool okse_install(const OkseInstall *install, OkseInstallResult *result, GError **error);

/* Point `current` at generation `to`, or at the one that was in service before when NULL, after checking that it is
 * complete and unchanged. *from and *now_current: names, owned by the caller.
 * Errors: REFUSED (damaged, or nothing to go back to), NOT_FOUND (no such generation), INVALID, SYSTEM, CANCELLED. */
typedef struct {
    const char *root, *to;
    gint64 now;
    unsigned threads;
    OkseProgress *progress;
} OkseRollback;
bool okse_rollback(const OkseRollback *rollback, char **from, char **now_current, GError **error);

/* What is in service: {"schema":"okse.status.v1","root","installed":{… okse_install_describe() …},"clean":bool
 * (complete and without drift),"known":bool (state.json names this generation),"installed_at","signatures":[… as
 * recorded …],
 * "config":{"agrees":bool},"generations":[{"generation","identity","name","version","sequence","installed_at","current",
 * "present"}],"highest":[…],"history":[…]}. A switch that was interrupted is finished first where the root may be
 * written. Errors: NOT_FOUND (no such directory, or nothing installed), INVALID, SYSTEM, CANCELLED. */
typedef struct {
    unsigned threads;
    OkseProgress *progress;
} OkseStatusTerms;
json_t *okse_status(const char *root, const OkseStatusTerms *terms, GError **error) G_GNUC_WARN_UNUSED_RESULT;
