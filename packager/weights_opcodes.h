#pragma once

#include <stdint.h>

/* The opcodes of pickle, protocols 0 to 5, as packager/weights_pickle.c follows them.
 * Source: CPython Lib/pickletools.py. */
typedef enum {
    WEIGHTS_ARG_NONE,
    WEIGHTS_ARG_NUMBER, /* of `bytes` bytes */
    WEIGHTS_ARG_SIZED,  /* a length of `bytes` bytes, then as much */
    WEIGHTS_ARG_LINE,
    WEIGHTS_ARG_LINES, /* module and name, taken by the import */
} WeightsArgument;

typedef enum {
    WEIGHTS_DO_NOTHING,
    WEIGHTS_DO_PUSH,
    WEIGHTS_DO_TEXT,
    WEIGHTS_DO_REPLACE, /* take `takes`, push one */
    WEIGHTS_DO_MARK,
    WEIGHTS_DO_COLLECT,      /* what is above the mark becomes one value */
    WEIGHTS_DO_COLLECT_INTO, /* … goes into the value below it */
    WEIGHTS_DO_OBJ,
    WEIGHTS_DO_POP,
    WEIGHTS_DO_POP_MARK,
    WEIGHTS_DO_DUP,
    WEIGHTS_DO_GLOBAL,
    WEIGHTS_DO_INST,
    WEIGHTS_DO_STACK_GLOBAL,
    WEIGHTS_DO_EXTENSION,
    WEIGHTS_DO_GET,
    WEIGHTS_DO_PUT,
    WEIGHTS_DO_MEMOIZE,
    WEIGHTS_DO_PROTOCOL,
    WEIGHTS_DO_STOP,
} WeightsEffect;

typedef struct {
    uint8_t code;
    WeightsArgument argument;
    uint8_t bytes;
    WeightsEffect effect;
    uint8_t takes;
} WeightsOpcode;

/* NULL for a byte that is none. */
const WeightsOpcode *weights_opcode(uint8_t code);
