#pragma once

#include "core/error.h"

#include <stdint.h>

/* Where things stand in a CMS AuthEnvelopedData message (RFC 5652, RFC 5083) that is a file. OpenSSL reads a message
 * whole into memory, content included; so the few containers around the content are walked here (ASN1_get_object()),
 * and OpenSSL gets the message without it. Only one profile is taken: AES-256-GCM with a nonce of 12 bytes and a tag of
 * 16 (RFC 5084), content type data, no attributes. That is what `openssl cms -encrypt -aes-256-gcm` writes, with
 * -stream or without. A shorter tag, which could be guessed, and an oversized nonce (CVE-2025-15467) never reach it. */
typedef struct {
    GBytes *head;         /* the message without its content, BER */
    uint64_t content_at;  /* offset of the content's first byte, or of the header of its first piece */
    uint64_t content_end; /* behind its last byte, or last piece */
    uint64_t size;        /* plain bytes */
    bool pieces;          /* the content is a row of OCTET STRINGs, as a stream is written */
} OkseCmsStructure;

#define OKSE_CMS_NONCE 12u
#define OKSE_CMS_TAG 16u

/* Does the file begin as a CMS message (a SEQUENCE and one of CMS's own content types)? Nothing else is looked at. */
bool okse_cms_is_message(int fd);

/* name: for messages. structure: zeroed by the caller. The content's pieces are walked, its bytes are not looked at.
 * Errors: INVALID (no such message, another algorithm, one that ends early or has something behind its end, a limit by
 * name); SYSTEM. */
bool okse_cms_structure_read(int fd, const char *name, OkseCmsStructure *structure, GError **error);
void okse_cms_structure_clear(OkseCmsStructure *structure);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseCmsStructure, okse_cms_structure_clear)

/* The other way: `head` is a message without content (DER, as OpenSSL writes it before the tag is known); returns what
 * stands before `size` bytes of content in a message with definite lengths, DER. After the content comes the tag as an
 * OCTET STRING, and the message ends. Errors: SYSTEM (OpenSSL wrote what we do not know, or too large for its int). */
GBytes *okse_cms_structure_front(GBytes *head, uint64_t size, GError **error) G_GNUC_WARN_UNUSED_RESULT;
