/* The containers of a CMS AuthEnvelopedData message. Source: RFC 5083 §2.1, RFC 5652 §6.1, RFC 5084 §3.2, X.690. */
#include "packager/cms_structure.h"

#include "core/limits.h"
#include "packager/cms_walk.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint8_t type_auth_enveloped[] = {0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7,
                                              0x0d, 0x01, 0x09, 0x10, 0x01, 0x17};
static const uint8_t type_enveloped[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03};
static const uint8_t type_data[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01};
static const uint8_t aes_256_gcm[] = {0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2e};

static bool sequence(OkseCmsWindow *window, uint64_t at, uint64_t end, CmsTlv *tlv, GError **error)
{
    return cms_expect(window, at, end, V_ASN1_UNIVERSAL, V_ASN1_SEQUENCE, true, tlv, error);
}

/* A container ends where its last member does: *at moves behind it. */
static bool close_container(OkseCmsWindow *window, const CmsTlv *container, uint64_t *at, GError **error)
{
    const uint8_t *bytes;

    if (!container->open)
        return *at == container->end ||
               cms_broken(window, *at, "something that the CMS message should not have", error);
    if (container->end - *at < 2)
        return cms_broken(window, *at, "the CMS message ends early", error);
    bytes = cms_window_at(window, *at, 2, error);
    if (bytes == NULL)
        return false;
    if (bytes[0] != 0 || bytes[1] != 0)
        return cms_broken(window, *at, "something that the CMS message should not have", error);
    *at += 2;
    return true;
}

static bool check_type(OkseCmsWindow *window, const CmsTlv *type, GError **error)
{
    bool authenticated, plain;

    if (!cms_tlv_is(window, type, type_auth_enveloped, sizeof type_auth_enveloped, &authenticated, error) ||
        !cms_tlv_is(window, type, type_enveloped, sizeof type_enveloped, &plain, error))
        return false;
    if (plain)
        return okse_fail(
            error, OKSE_ERROR_INVALID,
            "%s: is encrypted, but nothing in it says whether it was changed (EnvelopedData); encrypt with "
            "AES-256-GCM",
            window->name);
    return authenticated ||
           okse_fail(error, OKSE_ERROR_INVALID, "%s: is no encrypted CMS message (AuthEnvelopedData)", window->name);
}

/* AlgorithmIdentifier: AES-256-GCM, GCMParameters with a nonce of 12 bytes and a tag of 16. */
static bool check_algorithm(OkseCmsWindow *window, const CmsTlv *algorithm, GError **error)
{
    static const uint8_t tag_length[] = {V_ASN1_INTEGER, 1, OKSE_CMS_TAG};
    CmsTlv name, parameters, nonce, length;
    bool equal;

    if (!cms_expect(window, algorithm->content, algorithm->end, V_ASN1_UNIVERSAL, V_ASN1_OBJECT, false, &name, error) ||
        !cms_tlv_is(window, &name, aes_256_gcm, sizeof aes_256_gcm, &equal, error))
        return false;
    if (!equal)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: is encrypted with something else than AES-256-GCM",
                         window->name);
    if (!sequence(window, name.end, algorithm->end, &parameters, error) ||
        !cms_expect(window, parameters.content, parameters.end, V_ASN1_UNIVERSAL, V_ASN1_OCTET_STRING, false, &nonce,
                    error))
        return false;
    if (nonce.end - nonce.content != OKSE_CMS_NONCE)
        return cms_broken(window, nonce.at, "the nonce must have 12 bytes", error);
    if (nonce.end == parameters.end) /* 12 bytes are the default. Source: RFC 5084 §3.2 */
        return cms_broken(window, nonce.at, "the tag must have 16 bytes", error);
    if (!cms_expect(window, nonce.end, parameters.end, V_ASN1_UNIVERSAL, V_ASN1_INTEGER, false, &length, error) ||
        !cms_tlv_is(window, &length, tag_length, sizeof tag_length, &equal, error))
        return false;
    if (!equal)
        return cms_broken(window, length.at, "the tag must have 16 bytes", error);
    return (length.end == parameters.end && parameters.end == algorithm->end && !algorithm->open && !parameters.open) ||
           cms_broken(window, length.end, "something that the CMS message should not have", error);
}

/* The row of pieces: how long they are together and where they end. */
static bool pieces_walk(OkseCmsWindow *window, const CmsTlv *content, OkseCmsStructure *structure, uint64_t *at,
                        GError **error)
{
    uint64_t cursor = content->content, length;
    const uint8_t *bytes;

    structure->pieces = true;
    for (;;) {
        if (!content->open && cursor == content->end)
            break;
        if (content->end - cursor < 2)
            return cms_broken(window, cursor, "the CMS message ends early", error);
        bytes = cms_window_at(window, cursor, 2, error);
        if (bytes == NULL)
            return false;
        if (content->open && bytes[0] == 0 && bytes[1] == 0)
            break;
        if (!okse_cms_window_piece(window, &cursor, content->end, &length, error))
            return false;
        cursor += length;
        structure->size += length; /* all inside the file, so no overflow */
    }
    structure->content_end = cursor;
    *at = cursor + (content->open ? 2 : 0);
    return true;
}

static bool content_read(OkseCmsWindow *window, uint64_t *at, uint64_t end, OkseCmsStructure *structure, GError **error)
{
    CmsTlv content;

    if (!cms_tlv_read(window, *at, end, &content, error))
        return false;
    if (content.class != V_ASN1_CONTEXT_SPECIFIC || content.tag != 0)
        return cms_broken(window, *at, "the content does not stand in the CMS message", error);
    structure->content_at = content.content;
    if (content.constructed) {
        if (!pieces_walk(window, &content, structure, at, error))
            return false;
    } else {
        structure->content_end = *at = content.end;
        structure->size = content.end - content.content;
    }
    return structure->size <= OKSE_LIMIT_GCM ||
           okse_fail(error, OKSE_ERROR_INVALID,
                     "%s: more than the %" G_GUINT64_FORMAT " bytes that one GCM key may "
                     "encrypt",
                     window->name, (uint64_t)OKSE_LIMIT_GCM);
}

typedef struct {
    CmsTlv outer, explicit, body, info; /* ContentInfo, its [0], AuthEnvelopedData, EncryptedContentInfo */
    CmsTlv version, recipients, type, algorithm, tag;
} Parts;

/* From the front to the algorithm of the content. */
static bool front_read(OkseCmsWindow *window, Parts *parts, GError **error)
{
    uint64_t end = window->size;
    CmsTlv type;
    bool data;

    if (!sequence(window, 0, end, &parts->outer, error) ||
        !cms_expect(window, parts->outer.content, parts->outer.end, V_ASN1_UNIVERSAL, V_ASN1_OBJECT, false, &type,
                    error) ||
        !check_type(window, &type, error) ||
        !cms_expect(window, type.end, parts->outer.end, V_ASN1_CONTEXT_SPECIFIC, 0, true, &parts->explicit, error) ||
        !sequence(window, parts->explicit.content, parts->explicit.end, &parts->body, error) ||
        !cms_expect(window, parts->body.content, parts->body.end, V_ASN1_UNIVERSAL, V_ASN1_INTEGER, false,
                    &parts->version, error) ||
        !cms_expect(window, parts->version.end, parts->body.end, V_ASN1_UNIVERSAL, V_ASN1_SET, true, &parts->recipients,
                    error))
        return false;
    if (parts->recipients.open)
        return cms_broken(window, parts->recipients.at, "recipients without a length", error);
    if (parts->recipients.end > OKSE_LIMIT_CMS_HEADER)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: its recipients take more than %u bytes", window->name,
                         OKSE_LIMIT_CMS_HEADER);
    if (!sequence(window, parts->recipients.end, parts->body.end, &parts->info, error) ||
        !cms_expect(window, parts->info.content, parts->info.end, V_ASN1_UNIVERSAL, V_ASN1_OBJECT, false, &parts->type,
                    error) ||
        !cms_tlv_is(window, &parts->type, type_data, sizeof type_data, &data, error))
        return false;
    if (!data)
        return cms_broken(window, parts->type.at, "the encrypted content must be of the type data", error);
    return sequence(window, parts->type.end, parts->info.end, &parts->algorithm, error) &&
           check_algorithm(window, &parts->algorithm, error) && cms_check_recipients(window, &parts->recipients, error);
}

static bool back_read(OkseCmsWindow *window, Parts *parts, uint64_t at, GError **error)
{
    if (!close_container(window, &parts->info, &at, error) ||
        !cms_tlv_read(window, at, parts->body.end, &parts->tag, error))
        return false;
    if (parts->tag.class == V_ASN1_CONTEXT_SPECIFIC)
        return cms_broken(window, at, "attributes, which a part does not have", error);
    if (!cms_expect(window, at, parts->body.end, V_ASN1_UNIVERSAL, V_ASN1_OCTET_STRING, false, &parts->tag, error))
        return false;
    if (parts->tag.end - parts->tag.content != OKSE_CMS_TAG)
        return cms_broken(window, at, "the tag must have 16 bytes", error);
    at = parts->tag.end;
    if (!close_container(window, &parts->body, &at, error) || !close_container(window, &parts->explicit, &at, error) ||
        !close_container(window, &parts->outer, &at, error))
        return false;
    return at == window->size || cms_broken(window, at, "bytes behind the end of the CMS message", error);
}

static bool append(OkseCmsWindow *window, GByteArray *out, uint64_t from, uint64_t to, GError **error)
{
    while (from < to) { /* at most OKSE_LIMIT_CMS_HEADER */
        size_t length = (size_t)MIN(to - from, (uint64_t)OKSE_CMS_WINDOW);
        const uint8_t *bytes = cms_window_at(window, from, length, error);

        if (bytes == NULL)
            return false;
        g_byte_array_append(out, bytes, (guint)length);
        from += length;
    }
    return true;
}

/* The message again, without the content, in containers that need no length. */
static GBytes *head_make(OkseCmsWindow *window, const Parts *parts, GError **error)
{
    static const uint8_t sequence_open[] = {0x30, 0x80}, explicit_open[] = {0xa0, 0x80}, closes[6] = {0};
    g_autoptr(GByteArray) head = g_byte_array_new();

    g_byte_array_append(head, sequence_open, sizeof sequence_open);
    g_byte_array_append(head, type_auth_enveloped, sizeof type_auth_enveloped);
    g_byte_array_append(head, explicit_open, sizeof explicit_open);
    g_byte_array_append(head, sequence_open, sizeof sequence_open);
    if (!append(window, head, parts->version.at, parts->recipients.end, error))
        return NULL;
    g_byte_array_append(head, sequence_open, sizeof sequence_open);
    if (!append(window, head, parts->type.at, parts->algorithm.end, error))
        return NULL;
    g_byte_array_append(head, closes, 2);
    if (!append(window, head, parts->tag.at, parts->tag.end, error))
        return NULL;
    g_byte_array_append(head, closes, 6);
    return g_byte_array_free_to_bytes(g_steal_pointer(&head));
}

bool okse_cms_is_message(int fd)
{
    static const uint8_t pkcs[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01}; /* 1.2.840.113549.1 */
    uint8_t front[32];
    struct stat status;
    size_t at; /* of the type's header */

    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || pread(fd, front, sizeof front, 0) != sizeof front ||
        front[0] != (V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED))
        return false;
    at = 2 + ((front[1] & 0x80) != 0 ? front[1] & 0x7fu : 0);
    return at + 2 + sizeof pkcs <= sizeof front && front[at] == V_ASN1_OBJECT &&
           memcmp(front + at + 2, pkcs, sizeof pkcs) == 0;
}

bool okse_cms_structure_read(int fd, const char *name, OkseCmsStructure *structure, GError **error)
{
    g_autoptr(OkseCmsWindow) window = NULL;
    Parts parts = {0};
    struct stat status;
    uint64_t at;

    if (fstat(fd, &status) < 0)
        return okse_fail_errno(error, "look at %s", name);
    if (!S_ISREG(status.st_mode))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: is no regular file", name);
    window = okse_cms_window_new(fd, (uint64_t)status.st_size, name);
    if (!front_read(window, &parts, error))
        return false;
    at = parts.algorithm.end;
    if (!content_read(window, &at, parts.info.end, structure, error) || !back_read(window, &parts, at, error))
        return false;
    structure->head = head_make(window, &parts, error);
    return structure->head != NULL;
}

void okse_cms_structure_clear(OkseCmsStructure *structure)
{
    g_clear_pointer(&structure->head, g_bytes_unref);
}

/* A header before what is in `inner` already: DER is put together from the inside out. */
static void wrap(GByteArray *inner, uint64_t behind, int tag, int class, bool constructed)
{
    uint8_t header[16], *cursor = header;
    uint64_t length = inner->len + behind;

    ASN1_put_object(&cursor, constructed ? 1 : 0, (int)length, tag, class);
    g_byte_array_prepend(inner, header, (guint)(cursor - header));
}

/* One header of OpenSSL's own writing; *cursor moves into its content. */
static bool enter(const uint8_t **cursor, const uint8_t *end, int tag, long *length)
{
    int found, class;
    int flags = ASN1_get_object(cursor, length, &found, &class, end - *cursor);

    return (flags & 0x81) == 0 && found == tag;
}

/* The pieces of a head that is kept: from the version to the recipients' end, and type and algorithm. */
static bool head_split(GBytes *head, GBytes **recipients, GBytes **algorithm)
{
    gsize size;
    const uint8_t *cursor = g_bytes_get_data(head, &size), *end = cursor + size, *from, *start = cursor;
    long length;

    if (!enter(&cursor, end, V_ASN1_SEQUENCE, &length) || !enter(&cursor, end, V_ASN1_OBJECT, &length))
        return false;
    cursor += length;
    if (!enter(&cursor, end, 0, &length) || !enter(&cursor, end, V_ASN1_SEQUENCE, &length))
        return false;
    from = cursor;
    if (!enter(&cursor, end, V_ASN1_INTEGER, &length))
        return false;
    cursor += length;
    if (!enter(&cursor, end, V_ASN1_SET, &length))
        return false;
    cursor += length;
    *recipients = g_bytes_new_from_bytes(head, (gsize)(from - start), (gsize)(cursor - from));
    if (!enter(&cursor, end, V_ASN1_SEQUENCE, &length))
        return false;
    *algorithm = g_bytes_new_from_bytes(head, (gsize)(cursor - start), (gsize)length);
    return true;
}

static void prepend(GByteArray *array, GBytes *bytes)
{
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);

    g_byte_array_prepend(array, data, (guint)length); /* within OKSE_LIMIT_CMS_HEADER */
}

GBytes *okse_cms_structure_front(GBytes *head, uint64_t size, GError **error)
{
    g_autoptr(GByteArray) front = g_byte_array_new();
    g_autoptr(GBytes) recipients = NULL, algorithm = NULL;
    const uint64_t tag = 2 + OKSE_CMS_TAG;

    g_assert(size <= OKSE_LIMIT_CMS_PART);
    if (g_bytes_get_size(head) > OKSE_LIMIT_CMS_HEADER || !head_split(head, &recipients, &algorithm))
        return okse_fail(error, OKSE_ERROR_SYSTEM, "OpenSSL wrote a CMS message that is not understood"), NULL;
    wrap(front, size, 0, V_ASN1_CONTEXT_SPECIFIC, false);
    prepend(front, algorithm);
    wrap(front, size, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL, true);
    prepend(front, recipients);
    wrap(front, size + tag, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL, true);
    wrap(front, size + tag, 0, V_ASN1_CONTEXT_SPECIFIC, true);
    g_byte_array_prepend(front, type_auth_enveloped, sizeof type_auth_enveloped);
    wrap(front, size + tag, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL, true);
    return g_byte_array_free_to_bytes(g_steal_pointer(&front));
}
