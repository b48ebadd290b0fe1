/* What the recipients of a message may look like, looked at before OpenSSL does: its readers of key agreement and OAEP
 * have believed what optional fields hold more than once (CVE-2026-28389, CVE-2026-28390). Source: RFC 5652 §6.2,
 * RFC 5753 §3.1, RFC 4055 §4.1. */
#include "packager/cms_walk.h"

#define WRAPPED_KEY 40u /* 32 bytes under AES key wrap. Source: RFC 3394 §2.2 */

static const uint8_t rsa[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};
static const uint8_t oaep[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x07};
static const uint8_t wrap_128[] = {0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x05};
static const uint8_t wrap_192[] = {0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x19};
static const uint8_t wrap_256[] = {0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2d};

static bool not_known(OkseCmsWindow *window, uint64_t at, GError **error)
{
    return cms_broken(window, at, "a recipient of a kind that is not known", error);
}

/* Any header of definite length. */
static bool next(OkseCmsWindow *window, uint64_t at, const CmsTlv *inside, CmsTlv *tlv, GError **error)
{
    return cms_tlv_read(window, at, inside->end, tlv, error) && (!tlv->open || not_known(window, at, error));
}

static bool is_one_of(OkseCmsWindow *window, const CmsTlv *tlv, const uint8_t *const *known, bool *found,
                      GError **error)
{
    *found = false;
    for (; *known != NULL && !*found; known++)
        if (!cms_tlv_is(window, tlv, *known, sizeof rsa, found, error)) /* all are as long as each other */
            return false;
    return true;
}

/* RSAES-OAEP-params: hash and mask, no label. */
static bool check_oaep(OkseCmsWindow *window, uint64_t at, const CmsTlv *algorithm, GError **error)
{
    CmsTlv parameters, member;

    if (!cms_expect(window, at, algorithm->end, V_ASN1_UNIVERSAL, V_ASN1_SEQUENCE, true, &parameters, error))
        return false;
    if (parameters.open)
        return not_known(window, at, error);
    for (at = parameters.content; at < parameters.end; at = member.end) {
        if (!next(window, at, &parameters, &member, error))
            return false;
        if (member.class != V_ASN1_CONTEXT_SPECIFIC || member.tag > 1)
            return not_known(window, at, error);
    }
    return true;
}

static bool check_transport(OkseCmsWindow *window, const CmsTlv *recipient, GError **error)
{
    static const uint8_t *const is_rsa[] = {rsa, NULL}, *const is_oaep[] = {oaep, NULL};
    CmsTlv version, name, algorithm, type, key;
    bool old, good;

    if (!next(window, recipient->content, recipient, &version, error) ||
        !next(window, version.end, recipient, &name, error) ||
        !cms_expect(window, name.end, recipient->end, V_ASN1_UNIVERSAL, V_ASN1_SEQUENCE, true, &algorithm, error) ||
        !next(window, algorithm.content, &algorithm, &type, error) || !is_one_of(window, &type, is_rsa, &old, error) ||
        !is_one_of(window, &type, is_oaep, &good, error))
        return false;
    if (algorithm.open || (!old && !good))
        return not_known(window, algorithm.at, error);
    return (!good || check_oaep(window, type.end, &algorithm, error)) &&
           cms_expect(window, algorithm.end, recipient->end, V_ASN1_UNIVERSAL, V_ASN1_OCTET_STRING, false, &key,
                      error) &&
           (key.end == recipient->end || not_known(window, key.end, error));
}

/* KeyEncryptionAlgorithmIdentifier: a scheme, whose parameter is an AES key wrap. */
static bool check_wrap(OkseCmsWindow *window, const CmsTlv *algorithm, GError **error)
{
    static const uint8_t *const wraps[] = {wrap_128, wrap_192, wrap_256, NULL};
    CmsTlv scheme, wrap, name;
    bool known;

    if (!next(window, algorithm->content, algorithm, &scheme, error) ||
        !cms_expect(window, scheme.end, algorithm->end, V_ASN1_UNIVERSAL, V_ASN1_SEQUENCE, true, &wrap, error) ||
        !next(window, wrap.content, &wrap, &name, error) || !is_one_of(window, &name, wraps, &known, error))
        return false;
    return (known && !wrap.open && wrap.end == algorithm->end) || not_known(window, algorithm->at, error);
}

static bool check_keys(OkseCmsWindow *window, const CmsTlv *keys, GError **error)
{
    CmsTlv one, name, key;

    for (uint64_t at = keys->content; at < keys->end; at = one.end) {
        if (!cms_expect(window, at, keys->end, V_ASN1_UNIVERSAL, V_ASN1_SEQUENCE, true, &one, error))
            return false;
        if (one.open)
            return not_known(window, at, error);
        if (!next(window, one.content, &one, &name, error) ||
            !cms_expect(window, name.end, one.end, V_ASN1_UNIVERSAL, V_ASN1_OCTET_STRING, false, &key, error))
            return false;
        if (key.end - key.content != WRAPPED_KEY || key.end != one.end)
            return not_known(window, key.at, error);
    }
    return true;
}

static bool check_agreement(OkseCmsWindow *window, const CmsTlv *recipient, GError **error)
{
    CmsTlv version, originator, algorithm, keys;

    if (!next(window, recipient->content, recipient, &version, error) ||
        !next(window, version.end, recipient, &originator, error) ||
        !next(window, originator.end, recipient, &algorithm, error))
        return false;
    if (algorithm.class == V_ASN1_CONTEXT_SPECIFIC && algorithm.tag == 1 && /* user keying material */
        !next(window, algorithm.end, recipient, &algorithm, error))
        return false;
    if (algorithm.class != V_ASN1_UNIVERSAL || algorithm.tag != V_ASN1_SEQUENCE || !algorithm.constructed)
        return not_known(window, algorithm.at, error);
    return check_wrap(window, &algorithm, error) &&
           cms_expect(window, algorithm.end, recipient->end, V_ASN1_UNIVERSAL, V_ASN1_SEQUENCE, true, &keys, error) &&
           ((!keys.open && keys.end == recipient->end) || not_known(window, keys.at, error)) &&
           check_keys(window, &keys, error);
}

bool cms_check_recipients(OkseCmsWindow *window, const CmsTlv *recipients, GError **error)
{
    CmsTlv one;

    for (uint64_t at = recipients->content; at < recipients->end; at = one.end) {
        if (!next(window, at, recipients, &one, error))
            return false;
        if (one.constructed && one.class == V_ASN1_UNIVERSAL && one.tag == V_ASN1_SEQUENCE) {
            if (!check_transport(window, &one, error))
                return false;
        } else if (one.constructed && one.class == V_ASN1_CONTEXT_SPECIFIC && one.tag == 1) {
            if (!check_agreement(window, &one, error))
                return false;
        } else {
            return not_known(window, at, error);
        }
    }
    return true;
}
