#pragma once

#include "packager/weights_internal.h"

/* The machine that a pickle's opcodes drive, as far as it is needed to know what would be imported. For
 * packager/weights_pickle.c and packager/weights_machine.c only. */
typedef struct {
    WeightsScan *scan;
    const WeightsFile *file;
    WeightsCursor cursor;
    GPtrArray *stack; /* const char *: a text whose value is known, or NULL */
    GArray *marks;    /* guint: heights of the stack */
    GHashTable *memo; /* index → such a value */
    GStringChunk *texts;
    uint64_t texts_size;
    GHashTable *imports; /* "module\nname", of this file; borrowed */
    json_t *findings;    /* of this pickle, until it is known to be one */
    json_t *names;       /* what it imports, as the row shows it; borrowed */
    uint64_t opcode_at;
    unsigned refused; /* imports outside the list, or not to be known */
    bool stopped, is_magic;
    bool called;     /* something would have been called after a refused import */
    const char *why; /* why it could not be followed to its end */
} WeightsMachine;

/* One pickle from the cursor on, to its STOP or to where it breaks. */
void weights_machine_run(WeightsMachine *machine);
