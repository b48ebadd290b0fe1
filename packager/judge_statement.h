#pragma once

#include "packager/statement.h"
#include "packager/trust.h"
#include "packager/trust_judge.h"

/* What a statement says decides what it can count for. */
typedef enum {
    OKSE_SAYS_RELEASE,    /* a role's signature */
    OKSE_SAYS_OVERRIDE,   /* an order to accept a lower sequence */
    OKSE_SAYS_PROVENANCE, /* what it was built from */
    OKSE_SAYS_MODEL,      /* which files some weights are */
    OKSE_SAYS_APPROVAL,   /* that somebody answers for a document */
} OkseSays;

/* One statement, looked at by itself: who signed what, and does it hold? Counting towards roles is trust_judge.c. */
typedef struct {
    OkseSignatureVerdict *verdict; /* borrowed from the verification */
    OkseRelease release;           /* when `valid` */
    OkseSha256 key_id;             /* when `valid` */
    OkseCertificates *chain;       /* when certificates signed; NULL for a bare key */
    bool chain_trusted;            /* it leads to a root of the policy, so that its names mean something */
    OkseSays says;
    bool valid;     /* signature, algorithm, chain, subject, content and time all hold */
    bool fatal;     /* the bundle is refused whatever else it carries */
    bool malformed; /* fatal, and no valid format at all */
    gint64 newest;  /* the newest time it proves; G_MININT64 if none */
} OkseJudged;

/* index: which statement of the bundle it is. */
void okse_judge_statement(GBytes *bytes, unsigned index, const OkseBundleFacts *facts, const OkseTrust *trust,
                          const OkseJudgeTerms *terms, OkseJudged *judged);
void okse_judged_clear(OkseJudged *judged);

/* The signer entry of `role` that this signature fits, or NULL. Borrowed. */
const OkseSigner *okse_judge_signer(const OkseRole *role, const OkseJudged *judged);
