#pragma once

#include "core/error.h"

#include <openssl/asn1.h>
#include <stdint.h>

/* The headers of a BER file, one after the other, by ASN1_get_object(). For cms_structure.c and cms_profile.c; a reader
 * of content needs the pieces. Errors of all: INVALID with the place, SYSTEM. */
#define OKSE_CMS_WINDOW (256u << 10)

/* What is kept of the file, so that headers of small pieces do not cost a system call each. */
typedef struct {
    int fd;
    uint64_t size;    /* of the file */
    const char *name; /* borrowed */
    uint64_t from;
    size_t length;
    uint8_t *bytes;
} OkseCmsWindow;
OkseCmsWindow *okse_cms_window_new(int fd, uint64_t size, const char *name);
void okse_cms_window_free(OkseCmsWindow *window);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseCmsWindow, okse_cms_window_free)

typedef struct {
    uint64_t at, content, end; /* end: of the content; open: of what it is in */
    int tag, class;
    bool constructed, open; /* open: of indefinite length, ends with two zero bytes */
} CmsTlv;

/* `length` bytes at `at`, which are inside the file; length at most OKSE_CMS_WINDOW. Valid until the next call. */
const uint8_t *cms_window_at(OkseCmsWindow *window, uint64_t at, size_t length, GError **error);
/* The header at `at`, of something that ends at `end` at the latest. */
bool cms_tlv_read(OkseCmsWindow *window, uint64_t at, uint64_t end, CmsTlv *tlv, GError **error);
/* The same, of a kind that is known to come here. */
bool cms_expect(OkseCmsWindow *window, uint64_t at, uint64_t end, int class, int tag, bool constructed, CmsTlv *tlv,
                GError **error);
/* Are header and content these bytes? */
bool cms_tlv_is(OkseCmsWindow *window, const CmsTlv *tlv, const uint8_t *known, size_t length, bool *equal,
                GError **error);
/* Always false. */
bool cms_broken(const OkseCmsWindow *window, uint64_t at, const char *what, GError **error);

/* The header of the content's piece at *at, which moves to its bytes. `end`: of all pieces. */
bool okse_cms_window_piece(OkseCmsWindow *window, uint64_t *at, uint64_t end, uint64_t *length, GError **error);

/* cms_profile.c. recipients: a SET of definite length. Errors: INVALID (a kind that is not known). */
bool cms_check_recipients(OkseCmsWindow *window, const CmsTlv *recipients, GError **error);
