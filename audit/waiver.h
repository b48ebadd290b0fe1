#pragma once

#include "audit/law.h"
#include "packager/approval.h"

/* Waivers: findings that somebody answers for instead of mending them. One file (okse: waivers/v1) with an approval in
 * the role `waiver` beside it; each row names a control, why, at what risk and until when. A waived finding is no pass.
 * Format: docs/waivers.md. */
typedef struct OkseWaivers OkseWaivers;

typedef struct {
    const char *origin; /* its name in messages */
    GBytes *bytes;
    GBytes *signature;      /* NULL: there is none */
    const OkseTrust *trust; /* NULL: nobody says who may waive, so that nothing is waived */
    gint64 at;              /* the day of the audit */
    const char *stack;      /* name of the stack that is judged; the file must be for it */
    const char *country;    /* its destination */
    bool sealed;            /* they come out of a bundle: what this library does not know, or does not let be waived, is
                               void and no error, so that the bundle can be audited */
} OkseWaiversRequest;

/* Read the file strictly. Errors: INVALID with every place: form, a control that does not exist or cannot be waived, a
 * row without an end or of more than 366 days, another stack or country. That the approval does not hold is no error
 * here. */
OkseWaivers *okse_waivers_read(const OkseWaiversRequest *request, const OkseLaw *law,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_waivers_free(OkseWaivers *waivers);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseWaivers, okse_waivers_free)

/* Does the approval hold? *reason: why not, else NULL; borrowed. */
bool okse_waivers_hold(const OkseWaivers *waivers, const char **reason);

/* Turn findings that fail into waived ones where every violation is covered by a row in force. findings: the list of an
 * okse.findings.v1 document. */
void okse_waivers_apply(OkseWaivers *waivers, json_t *findings);

/* {"digest","status","signer","reason","rows":[{"control","provision","file","approver","reason","risk","from","until",
 * "line","state":"applied"|"unused"|"expired"|"void"}]}: what became of them; a new value. */
json_t *okse_waivers_json(const OkseWaivers *waivers) G_GNUC_WARN_UNUSED_RESULT;
