/* Networks of site.yaml. */
#include "packager/site.h"

#include <arpa/inet.h>
#include <string.h>

static bool address_parse(const char *text, OkseCidr *cidr)
{
    memset(cidr, 0, sizeof *cidr);
    if (inet_pton(AF_INET, text, cidr->bytes) == 1)
        cidr->bits = 32;
    else if (inet_pton(AF_INET6, text, cidr->bytes) == 1)
        cidr->bits = 128;
    return cidr->bits != 0;
}

static bool bits_behind(const OkseCidr *cidr)
{
    for (unsigned bit = cidr->prefix; bit < cidr->bits; bit++)
        if ((cidr->bytes[bit / 8] & (0x80u >> (bit % 8))) != 0)
            return true;
    return false;
}

bool okse_cidr_parse(const char *text, OkseCidr *cidr, GError **error)
{
    const char *slash = strchr(text, '/');
    g_autofree char *address = slash == NULL ? g_strdup(text) : g_strndup(text, (gsize)(slash - text));
    OkseCidr parsed;
    guint64 prefix;

    if (!address_parse(address, &parsed))
        return okse_fail(error, OKSE_ERROR_INVALID, "'%s' is not an IPv4 or IPv6 network", text);
    prefix = parsed.bits;
    if (slash != NULL && !g_ascii_string_to_unsigned(slash + 1, 10, 0, parsed.bits, &prefix, NULL))
        return okse_fail(error, OKSE_ERROR_INVALID, "'%s': the prefix must be a number up to %u", text, parsed.bits);
    parsed.prefix = (unsigned)prefix;
    if (bits_behind(&parsed))
        return okse_fail(error, OKSE_ERROR_INVALID, "'%s' has bits behind its prefix; which network is meant?", text);
    *cidr = parsed;
    return true;
}

bool okse_cidr_contains(const OkseCidr *cidr, const OkseCidr *address)
{
    unsigned whole = cidr->prefix / 8, rest = cidr->prefix % 8;

    if (cidr->bits != address->bits || cidr->prefix > address->prefix ||
        memcmp(cidr->bytes, address->bytes, whole) != 0)
        return false;
    return rest == 0 || ((cidr->bytes[whole] ^ address->bytes[whole]) & (0xff00u >> rest) & 0xffu) == 0;
}
