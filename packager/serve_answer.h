#pragma once

#include "packager/serve_catalog.h"

/* The whole registry as a function: what is asked → what is answered. It opens nothing and knows no connection.
 * Source: distribution-spec 1.1 (pull, content discovery); ranges and conditions by RFC 9110. */
typedef struct {
    const char *method;                                             /* as sent */
    const char *target;                                             /* as sent, path and query */
    const char *host, *range, *if_range, *if_match, *if_none_match; /* headers; NULL: not sent */
    bool ambiguous; /* readers disagree about what its headers are (two lengths, "Content-Length :") */
    bool body;      /* one comes with it */
    bool local;     /* only this machine is served: a Host that is some site's name was led here by that site's DNS */
} OkseRequest;

typedef struct {
    unsigned status;
    const char *media_type;      /* of what follows; NULL: nothing does */
    GBytes *bytes;               /* what is sent; owned; NULL: `item`'s */
    const OkseCatalogItem *item; /* borrowed from the catalog; NULL: `bytes` are a document of the registry's own */
    uint64_t from, length;       /* the part of it that is sent */
    bool ranges;                 /* it may be asked for in ranges */
    bool filtered;               /* the artifactType filter was applied */
    char *content_range, *link;  /* headers; NULL: none */
} OkseAnswer;

/* *answer: cleared by the caller. HEAD is answered as GET, without its ranges; who sends leaves its body out, and that
 * of 304 (RFC 9110, 8.6: the length is that of what is not sent). */
void okse_answer(const OkseCatalog *catalog, const OkseRequest *request, OkseAnswer *answer);
void okse_answer_clear(OkseAnswer *answer);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseAnswer, okse_answer_clear)

/* An error of the registry's: {"errors":[{"code","message"}]}. For those that are no answer to a request. */
void okse_answer_error(OkseAnswer *answer, unsigned status, const char *code, const char *message);
