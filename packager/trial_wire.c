#include "packager/trial_wire.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#define HEADER 12u
#define NAME_LONGEST 255u    /* RFC 1035, 2.3.4: with the length bytes */
#define LABEL_LONGEST 63u    /* anything above is a pointer or unassigned */
#define FLAGS_NOT_ASKED 0xF8 /* QR and the opcode, in the first byte of the flags */

static uint16_t read_be16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static void append_label(GString *name, const uint8_t *label, size_t length)
{
    if (name->len > 0)
        g_string_append_c(name, '.');
    for (size_t i = 0; i < length; i++) {
        char c = g_ascii_tolower((char)label[i]);

        if (g_ascii_isalnum(c) || c == '-' || c == '_')
            g_string_append_c(name, c);
        else
            g_string_append_printf(name, "\\%03u", label[i]);
    }
}

bool okse_trial_question_read(const uint8_t *message, size_t size, OkseTrialQuestion *question, GError **error)
{
    g_autoptr(GString) name = g_string_new(NULL);
    size_t at = HEADER;

    if (size < HEADER || (message[2] & FLAGS_NOT_ASKED) != 0 || read_be16(message + 4) == 0)
        return okse_fail(error, OKSE_ERROR_INVALID, "not a query to a name server");
    while (at < size && message[at] != 0) {
        size_t length = message[at];

        if (length > LABEL_LONGEST || length >= size - at || at + length + 2 - HEADER > NAME_LONGEST)
            return okse_fail(error, OKSE_ERROR_INVALID, "the name in a query is cut off, compressed or too long");
        append_label(name, message + at + 1, length);
        at += length + 1;
    }
    if (at >= size || size - at < 5)
        return okse_fail(error, OKSE_ERROR_INVALID, "a query ends early");
    if (name->len == 0)
        g_string_append_c(name, '.');
    question->type = read_be16(message + at + 1);
    question->end = at + 5;
    question->name = g_strdup(name->str);
    return true;
}

void okse_trial_question_clear(OkseTrialQuestion *question)
{
    g_clear_pointer(&question->name, g_free);
}

GBytes *okse_trial_answer(const uint8_t *message, const OkseTrialQuestion *question)
{
    uint8_t *answer = g_memdup2(message, question->end);

    answer[2] = 0x80 | (answer[2] & 0x01); /* an answer; recursion as it was asked for */
    answer[3] = 0x83;                      /* recursion available, NXDOMAIN: nobody asks again elsewhere */
    memcpy(answer + 4, "\0\1\0\0\0\0\0\0", 8);
    return g_bytes_new_take(answer, question->end);
}

const char *okse_trial_type_name(uint16_t type)
{
    static const struct {
        uint16_t type;
        const char *name;
    } known[] = {{1, "A"},   {2, "NS"},   {5, "CNAME"}, {6, "SOA"},  {12, "PTR"},
                 {15, "MX"}, {16, "TXT"}, {28, "AAAA"}, {33, "SRV"}, {65, "HTTPS"}};

    for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
        if (known[i].type == type)
            return known[i].name;
    return NULL;
}

static bool is_local4(const struct in_addr *address)
{
    uint32_t host = ntohl(address->s_addr);

    return host == INADDR_ANY || host >> 24 == 127;
}

static void set4(OkseTrialAddress *address, const struct in_addr *four)
{
    inet_ntop(AF_INET, four, address->address, sizeof address->address);
    address->local = is_local4(four);
}

bool okse_trial_address_read(const uint8_t *bytes, size_t size, OkseTrialAddress *address)
{
    struct sockaddr_in four;
    struct sockaddr_in6 six;
    OkseTrialAddress read = {.local = false};
    sa_family_t family;

    if (size < sizeof family)
        return false;
    memcpy(&family, bytes, sizeof family);
    if (family == AF_INET && size >= sizeof four) {
        memcpy(&four, bytes, sizeof four);
        set4(&read, &four.sin_addr);
        read.port = ntohs(four.sin_port);
    } else if (family == AF_INET6 && size >= offsetof(struct sockaddr_in6, sin6_scope_id)) {
        memcpy(&six, bytes, offsetof(struct sockaddr_in6, sin6_scope_id)); /* the kernel takes it without the scope */
        read.port = ntohs(six.sin6_port);
        if (IN6_IS_ADDR_V4MAPPED(&six.sin6_addr)) {
            memcpy(&four.sin_addr, six.sin6_addr.s6_addr + 12, sizeof four.sin_addr);
            set4(&read, &four.sin_addr);
        } else {
            inet_ntop(AF_INET6, &six.sin6_addr, read.address, sizeof read.address);
            read.local = IN6_IS_ADDR_LOOPBACK(&six.sin6_addr) || IN6_IS_ADDR_UNSPECIFIED(&six.sin6_addr);
        }
    } else {
        return false;
    }
    *address = read;
    return true;
}
