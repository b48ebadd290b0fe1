#include "packager/git_signature.h"

#include "core/digest.h"

#include <string.h>

#define ISSUER_KEY 16u         /* RFC 4880 §5.2.3.5 */
#define ISSUER_FINGERPRINT 33u /* RFC 9580 §5.2.3.35 */

static const struct {
    const char *begin, *format;
} armors[] = {{"-----BEGIN PGP SIGNATURE-----", "openpgp"},
              {"-----BEGIN PGP MESSAGE-----", "openpgp"},
              {"-----BEGIN SSH SIGNATURE-----", "ssh"},
              {"-----BEGIN SIGNED MESSAGE-----", "x509"}};

/* Bytes that are still to be read; a read beyond the end makes it fail for good. */
typedef struct {
    const uint8_t *at;
    size_t left;
    bool failed;
} Reader;

static const uint8_t *take(Reader *reader, size_t length)
{
    const uint8_t *taken = reader->at;

    if (reader->failed || length > reader->left) {
        reader->failed = true;
        return NULL;
    }
    reader->at += length;
    reader->left -= length;
    return taken;
}

static uint32_t take_number(Reader *reader, unsigned bytes)
{
    const uint8_t *taken = take(reader, bytes);
    uint32_t value = 0;

    for (unsigned i = 0; taken != NULL && i < bytes; i++)
        value = value << 8 | taken[i];
    return value;
}

/* The bytes in an armor: the lines between its headers and its checksum or end. */
static guchar *dearmor(const char *text, size_t *length)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autoptr(GString) body = g_string_new(NULL);

    for (unsigned i = 1; lines[0] != NULL && lines[i] != NULL; i++) {
        const char *line = g_strstrip(lines[i]);

        if (g_str_has_prefix(line, "-----") || *line == '=')
            break;
        if (strchr(line, ':') == NULL)
            g_string_append(body, line);
    }
    return g_base64_decode(body->str, length);
}

static char *hex(const uint8_t *bytes, size_t length)
{
    GString *text = g_string_new(NULL);

    for (size_t i = 0; i < length; i++)
        g_string_append_printf(text, "%02X", bytes[i]);
    return g_string_free(text, FALSE);
}

/* PROTOCOL.sshsig: magic, version, public key as a string. */
static char *ssh_signer(Reader reader)
{
    const uint8_t *magic = take(&reader, 6), *key;
    uint32_t version = take_number(&reader, 4), length = take_number(&reader, 4);
    g_autofree char *encoded = NULL;
    OkseSha256 digest;

    key = take(&reader, length);
    if (key == NULL || memcmp(magic, "SSHSIG", 6) != 0 || version != 1)
        return NULL;
    digest = okse_sha256_of(key, length);
    encoded = g_base64_encode(digest.bytes, sizeof digest.bytes);
    encoded[strcspn(encoded, "=")] = '\0';
    return g_strconcat("SHA256:", encoded, NULL);
}

/* One area of subpackets; a fingerprint is worth more than a key id. */
static void read_subpackets(Reader *packet, char **key, char **fingerprint)
{
    size_t size = take_number(packet, 2);
    const uint8_t *bytes = take(packet, size);
    Reader area = {bytes, bytes == NULL ? 0 : size, false};

    while (area.left > 0) {
        uint32_t length = take_number(&area, 1), type;
        const uint8_t *body;

        if (length == 255)
            length = take_number(&area, 4);
        else if (length >= 192)
            length = (length - 192) * 256 + take_number(&area, 1) + 192;
        type = take_number(&area, 1) & 0x7f;
        body = length == 0 ? NULL : take(&area, length - 1);
        if (body == NULL)
            return;
        if (type == ISSUER_KEY && length == 9 && *key == NULL)
            *key = hex(body, 8);
        if (type == ISSUER_FINGERPRINT && length > 2 && *fingerprint == NULL)
            *fingerprint = hex(body + 1, length - 2);
    }
}

/* The body of the first packet. Source: RFC 4880 §4.2. */
static Reader first_packet(Reader *reader)
{
    uint32_t tag = take_number(reader, 1), length;

    if ((tag & 0xc0) == 0xc0) {
        length = take_number(reader, 1);
        if (length == 255)
            length = take_number(reader, 4);
        else if (length >= 192)
            length = (length - 192) * 256 + take_number(reader, 1) + 192;
    } else {
        static const unsigned widths[] = {1, 2, 4};

        length = (tag & 3) < G_N_ELEMENTS(widths) ? take_number(reader, widths[tag & 3]) : (uint32_t)reader->left;
    }
    return (Reader){take(reader, length), length, reader->failed};
}

static char *openpgp_signer(Reader reader)
{
    Reader packet = first_packet(&reader);
    g_autofree char *key = NULL, *fingerprint = NULL;

    if (reader.failed || take_number(&packet, 1) != 4)
        return NULL;
    take(&packet, 3); /* type and algorithms */
    read_subpackets(&packet, &key, &fingerprint);
    if (!packet.failed)
        read_subpackets(&packet, &key, &fingerprint);
    return fingerprint != NULL ? g_steal_pointer(&fingerprint) : g_steal_pointer(&key);
}

static bool is_ascii(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((text[i] < 0x20 && strchr("\n\r\t", text[i]) == NULL) || text[i] == 0x7f || text[i] == '\0' || text[i] < 0)
            return false;
    return true;
}

json_t *okse_git_signature_json(const char *text, size_t length, GError **error)
{
    g_autofree char *copy = NULL, *signer = NULL;
    g_autofree guchar *bytes = NULL;
    const char *format = "other";
    size_t size = 0;
    json_t *json;

    if (length > OKSE_GIT_SIGNATURE_LIMIT || !is_ascii(text, length)) {
        okse_fail(error, OKSE_ERROR_INVALID, "a signature is larger than %u bytes or no text",
                  OKSE_GIT_SIGNATURE_LIMIT);
        return NULL;
    }
    copy = g_strndup(text, length);
    for (unsigned i = 0; i < G_N_ELEMENTS(armors); i++)
        if (g_str_has_prefix(copy, armors[i].begin))
            format = armors[i].format;
    bytes = dearmor(copy, &size);
    if (strcmp(format, "ssh") == 0)
        signer = ssh_signer((Reader){bytes, size, false});
    else if (strcmp(format, "openpgp") == 0)
        signer = openpgp_signer((Reader){bytes, size, false});
    json = json_pack("{s:s,s:s,s:s}", "format", format, "text", copy, "verified", "not checked");
    if (signer != NULL)
        json_object_set_new(json, "signer", json_string(signer));
    return json;
}

const char *okse_git_signature_find(const char *message)
{
    const char *found = NULL;

    for (unsigned i = 0; i < G_N_ELEMENTS(armors); i++) {
        const char *begin = strstr(message, armors[i].begin);

        if (begin != NULL && (begin == message || begin[-1] == '\n') && (found == NULL || begin < found))
            found = begin;
    }
    return found;
}
