#pragma once

#include "audit/packet_set.h"
#include "core/json.h"

/* What a match of a rule looks at (the left side of libnftables-json(5)), and how its values are called. */
typedef enum {
    OKSE_KEY_UNKNOWN,
    OKSE_KEY_SIDE,
    OKSE_KEY_SOURCE,
    OKSE_KEY_DEVICE,
    OKSE_KEY_INPUT,    /* the device by which it came in */
    OKSE_KEY_CONSTANT, /* it is `constant` */
} OkseMatchKeyKind;

/* How names of values are read. */
typedef enum {
    OKSE_NAMES_NONE,
    OKSE_NAMES_PROTOCOL,
    OKSE_NAMES_ICMP,
    OKSE_NAMES_ICMPV6,
    OKSE_NAMES_FAMILY,
    OKSE_NAMES_STATE,
    OKSE_NAMES_FLAGS,
    OKSE_NAMES_FIB,
    OKSE_NAMES_USER,
    OKSE_NAMES_PORT
} OkseMatchNames;

typedef struct {
    OkseMatchKeyKind kind;
    OksePacketSide side;
    OkseMatchNames names;
    unsigned family;   /* 4, 6: only such packets; 0: any */
    unsigned protocol; /* only this one; 0: any; 256: one with ports */
    uint32_t constant; /* a set of bits for states and flags */
    bool bits;         /* the value is a set of bits */
    uint32_t mask;     /* of flags; 0: none */
} OkseMatchKey;

/* The key of a left side; OKSE_KEY_UNKNOWN when it is not modelled. */
OkseMatchKey okse_match_key(const json_t *left);
/* A number, or a name that stands for one. */
bool okse_match_number(const json_t *value, OkseMatchNames kind, uint64_t *number);
/* [a, b], {"|": [a, b]} or one value as a set of bits. */
bool okse_match_bits(const json_t *value, OkseMatchNames kind, uint32_t *bits);
