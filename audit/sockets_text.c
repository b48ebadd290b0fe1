#include "audit/sockets_text.h"

#include <arpa/inet.h>
#include <string.h>

#define RTF_UP 0x0001u
#define RTF_REJECT 0x0200u
#define RTF_LOCAL 0x80000000u
#define FIELDS 24u

static bool words_of(const char *line, GStrv *words, unsigned least)
{
    g_autofree char *text = g_utf8_make_valid(line, -1);

    g_strdelimit(text, "\t\n\r", ' ');
    *words = g_strsplit(text, " ", -1);
    guint kept = 0;
    for (guint i = 0; (*words)[i] != NULL; i++) {
        char *word = (*words)[i];

        (*words)[i] = NULL;
        if (*word == '\0' || kept == FIELDS)
            g_free(word);
        else
            (*words)[kept++] = word;
    }
    return kept >= least;
}

static bool number_of(const char *digits, unsigned base, guint64 most, guint64 *number)
{
    return g_ascii_string_to_unsigned(digits, base, 0, most, number, NULL);
}

/* Groups of 32 bits, each printed as a number of this machine: memory order is network order. */
static bool address_of(const char *hex, bool six, bool as_numbers, char *text)
{
    unsigned char bytes[16];
    size_t length = six ? 16 : 4;

    if (strlen(hex) != length * 2 || strspn(hex, "0123456789abcdefABCDEF") != length * 2)
        return false;
    for (size_t i = 0; i < length; i++) {
        size_t at = as_numbers && G_BYTE_ORDER == G_LITTLE_ENDIAN ? i / 4 * 4 + 3 - i % 4 : i;

        bytes[at] = (unsigned char)(g_ascii_xdigit_value(hex[i * 2]) << 4 | g_ascii_xdigit_value(hex[i * 2 + 1]));
    }
    return inet_ntop(six ? AF_INET6 : AF_INET, bytes, text, OKSE_ADDRESS_TEXT) != NULL;
}

static bool address_and_port(const char *word, bool six, char *address, unsigned *port)
{
    g_autofree char *hex = g_strndup(word, strcspn(word, ":"));
    guint64 number;

    if (word[strlen(hex)] != ':' || !number_of(word + strlen(hex) + 1, 16, 65535, &number))
        return false;
    *port = (unsigned)number;
    return address_of(hex, six, true, address);
}

bool okse_socket_line_read(const char *line, bool six, OkseSocketLine *found)
{
    g_auto(GStrv) words = NULL;
    guint64 state = 0;

    *found = (OkseSocketLine){0};
    if (!words_of(line, &words, 10) || !address_and_port(words[1], six, found->local, &found->local_port) ||
        !address_and_port(words[2], six, found->remote, &found->remote_port) || !number_of(words[3], 16, 255, &state) ||
        !number_of(words[9], 10, G_MAXUINT64, &found->inode))
        return false;
    found->state = (unsigned)state;
    return true;
}

static bool is_address(const char *text)
{
    unsigned char bytes[16];

    return strlen(text) < OKSE_ADDRESS_TEXT &&
           (inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1);
}

/* "ipv4 2 tcp 6 431999 ESTABLISHED src=… dst=… sport=… dport=… src=… …": the first four are those of who began. */
bool okse_flow_line_read(const char *line, OkseFlowLine *found)
{
    g_auto(GStrv) words = NULL;
    guint64 from = 0, to = 0;
    const char *const keys[] = {"src=", "dst=", "sport=", "dport="};
    const char *values[G_N_ELEMENTS(keys)] = {NULL};

    *found = (OkseFlowLine){0};
    if (!words_of(line, &words, 8) || strlen(words[2]) >= sizeof found->protocol)
        return false;
    for (char **word = words; *word != NULL; word++)
        for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++)
            if (values[i] == NULL && g_str_has_prefix(*word, keys[i]))
                values[i] = *word + strlen(keys[i]);
    if (values[0] == NULL || values[1] == NULL || values[2] == NULL || values[3] == NULL || !is_address(values[0]) ||
        !is_address(values[1]) || !number_of(values[2], 10, 65535, &from) || !number_of(values[3], 10, 65535, &to))
        return false;
    g_strlcpy(found->protocol, words[2], sizeof found->protocol);
    g_strlcpy(found->from, values[0], sizeof found->from);
    g_strlcpy(found->to, values[1], sizeof found->to);
    found->from_port = (unsigned)from;
    found->to_port = (unsigned)to;
    return true;
}

/* Iface Destination Gateway Flags RefCnt Use Metric Mask … */
static bool route_four(char **words, OkseRouteLine *found)
{
    char destination[OKSE_ADDRESS_TEXT], gateway[OKSE_ADDRESS_TEXT], mask[OKSE_ADDRESS_TEXT];
    guint64 flags;
    struct in_addr bits;

    if (strlen(words[0]) >= sizeof found->device || !address_of(words[1], false, true, destination) ||
        !address_of(words[2], false, true, gateway) || !number_of(words[3], 16, G_MAXUINT32, &flags) ||
        !address_of(words[7], false, true, mask) || inet_pton(AF_INET, mask, &bits) != 1)
        return false;
    g_snprintf(found->destination, sizeof found->destination, "%s/%d", destination, __builtin_popcount(bits.s_addr));
    g_strlcpy(found->gateway, strcmp(gateway, "0.0.0.0") != 0 ? gateway : "", sizeof found->gateway);
    g_strlcpy(found->device, words[0], sizeof found->device);
    found->local = (flags & RTF_UP) == 0 || (flags & RTF_REJECT) != 0;
    return true;
}

/* destination length source length gateway metric refcount use flags device; addresses in network order */
static bool route_six(char **words, OkseRouteLine *found)
{
    char destination[OKSE_ADDRESS_TEXT], gateway[OKSE_ADDRESS_TEXT];
    guint64 flags, length;

    if (strlen(words[9]) >= sizeof found->device || !address_of(words[0], true, false, destination) ||
        !number_of(words[1], 16, 128, &length) || !address_of(words[4], true, false, gateway) ||
        !number_of(words[8], 16, G_MAXUINT32, &flags))
        return false;
    g_snprintf(found->destination, sizeof found->destination, "%s/%u", destination, (unsigned)length);
    g_strlcpy(found->gateway, strcmp(gateway, "::") != 0 ? gateway : "", sizeof found->gateway);
    g_strlcpy(found->device, words[9], sizeof found->device);
    found->local = (flags & RTF_UP) == 0 || (flags & (RTF_REJECT | RTF_LOCAL)) != 0;
    return true;
}

bool okse_route_line_read(const char *line, bool six, OkseRouteLine *found)
{
    g_auto(GStrv) words = NULL;

    *found = (OkseRouteLine){0};
    if (!words_of(line, &words, six ? 10 : 8))
        return false;
    return six ? route_six(words, found) : route_four(words, found);
}
