#include "packager/cms_walk.h"

#include "core/fd.h"

#include <openssl/err.h>
#include <string.h>

#define TLV_HEADER 144u /* more than the longest header that ASN1_get_object() looks at without a high tag: 1 + 128 */

OkseCmsWindow *okse_cms_window_new(int fd, uint64_t size, const char *name)
{
    OkseCmsWindow *window = g_new0(OkseCmsWindow, 1);

    *window = (OkseCmsWindow){.fd = fd, .size = size, .name = name, .bytes = g_malloc(OKSE_CMS_WINDOW)};
    return window;
}

void okse_cms_window_free(OkseCmsWindow *window)
{
    if (window == NULL)
        return;
    g_free(window->bytes);
    g_free(window);
}

const uint8_t *cms_window_at(OkseCmsWindow *window, uint64_t at, size_t length, GError **error)
{
    g_assert(length <= OKSE_CMS_WINDOW && at <= window->size && length <= window->size - at);
    if (at < window->from || at - window->from > window->length || window->length - (at - window->from) < length) {
        size_t whole = (size_t)MIN((uint64_t)OKSE_CMS_WINDOW, window->size - at);

        window->length = 0;
        if (!okse_pread_exact(window->fd, window->bytes, whole, at, window->name, error))
            return NULL;
        window->from = at;
        window->length = whole;
    }
    return window->bytes + (at - window->from);
}

bool cms_broken(const OkseCmsWindow *window, uint64_t at, const char *what, GError **error)
{
    return okse_fail(error, OKSE_ERROR_INVALID, "%s: byte %" G_GUINT64_FORMAT ": %s", window->name, at, what);
}

bool cms_tlv_read(OkseCmsWindow *window, uint64_t at, uint64_t end, CmsTlv *tlv, GError **error)
{
    uint8_t header[TLV_HEADER] = {0};
    size_t there = (size_t)MIN(end - at, (uint64_t)sizeof header);
    const uint8_t *bytes = cms_window_at(window, at, there, error), *cursor = header;
    long length = 0;
    int flags;

    if (bytes == NULL)
        return false;
    if (there < 2)
        return cms_broken(window, at, "the CMS message ends early", error);
    memcpy(header, bytes, there);
    if ((header[0] & 0x1f) == 0x1f)
        return cms_broken(window, at, "a tag that CMS does not have", error);
    flags = ASN1_get_object(&cursor, &length, &tlv->tag, &tlv->class, (long)MIN(end - at, (uint64_t)G_MAXINT64));
    ERR_clear_error();
    tlv->at = at;
    tlv->content = at + (uint64_t)(cursor - header);
    tlv->constructed = (flags & V_ASN1_CONSTRUCTED) != 0;
    tlv->open = (flags & 1) != 0;
    if ((flags & 0x80) != 0 || tlv->content > end || length < 0 ||
        (!tlv->open && (uint64_t)length > end - tlv->content))
        return cms_broken(window, at, "a length that does not fit: the CMS message is damaged or ends early", error);
    tlv->end = tlv->open ? end : tlv->content + (uint64_t)length;
    return true;
}

bool cms_expect(OkseCmsWindow *window, uint64_t at, uint64_t end, int class, int tag, bool constructed, CmsTlv *tlv,
                GError **error)
{
    return cms_tlv_read(window, at, end, tlv, error) &&
           ((tlv->class == class && tlv->tag == tag && tlv->constructed == constructed) ||
            cms_broken(window, at, "not what a CMS AuthEnvelopedData message has here", error));
}

bool cms_tlv_is(OkseCmsWindow *window, const CmsTlv *tlv, const uint8_t *known, size_t length, bool *equal,
                GError **error)
{
    const uint8_t *bytes;

    *equal = false;
    if (tlv->end - tlv->at != length)
        return true;
    bytes = cms_window_at(window, tlv->at, length, error);
    *equal = bytes != NULL && memcmp(bytes, known, length) == 0;
    return bytes != NULL;
}

bool okse_cms_window_piece(OkseCmsWindow *window, uint64_t *at, uint64_t end, uint64_t *length, GError **error)
{
    CmsTlv piece;

    if (!cms_expect(window, *at, end, V_ASN1_UNIVERSAL, V_ASN1_OCTET_STRING, false, &piece, error))
        return false;
    *at = piece.content;
    *length = piece.end - piece.content;
    return true;
}
