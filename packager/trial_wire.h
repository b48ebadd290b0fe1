#pragma once

#include "core/error.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

/* What a program under trial says on the wire or hands to the kernel: a question to a name server, and the address of
 * a peer. Both are the program's bytes, so hostile. */

/* One question. Source: RFC 1035, 4.1. */
typedef struct {
    char *name;    /* lower case, "." for the root; what is no letter, digit, '-' or '_' as \DDD; owned */
    uint16_t type; /* 1 A, 28 AAAA, … */
    size_t end;    /* bytes of the message up to the end of the question */
} OkseTrialQuestion;

/* The first question of a query. Errors: INVALID (no query, cut off, compressed or longer than 255 bytes). */
bool okse_trial_question_read(const uint8_t *message, size_t size, OkseTrialQuestion *question, GError **error);
void okse_trial_question_clear(OkseTrialQuestion *question);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseTrialQuestion, okse_trial_question_clear)

/* "There is no such name" for that query, the question repeated. */
GBytes *okse_trial_answer(const uint8_t *message, const OkseTrialQuestion *question) G_GNUC_WARN_UNUSED_RESULT;

/* The mnemonic of a question's type, or NULL for a rare one. */
const char *okse_trial_type_name(uint16_t type);

/* Where a call wants to go. */
typedef struct {
    char address[INET6_ADDRSTRLEN]; /* IPv4 behind ::ffff: is written as IPv4 */
    uint16_t port;
    bool local; /* loopback or unspecified: stays in the namespace */
} OkseTrialAddress;

/* A struct sockaddr of AF_INET or AF_INET6; false for other families and what is too short. */
bool okse_trial_address_read(const uint8_t *bytes, size_t size, OkseTrialAddress *address);
