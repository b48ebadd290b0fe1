#pragma once

#include "audit/control.h"

/* What a control can tell facts apart by. Two facts of a list that differ in nothing of it are judged alike, so one of
 * them stands for both. */

/* A value that a path is compared with, and with nothing else. */
typedef struct {
    json_t *literal;       /* or NULL: */
    const char *parameter; /* of the control, or "country", "at"; borrowed from the program's texts */
    bool items;            /* each item of that parameter */
} OkseReadAtom;

typedef struct {
    char *path;    /* "location.country", "sources[].component" */
    bool whole;    /* the value itself matters; else whether it is null or false, and the atoms */
    bool shape;    /* only how many there are matters: it ends with "[]" and nothing more is read */
    GArray *atoms; /* OkseReadAtom */
} OkseReadPath;

typedef struct {
    bool read;
    bool every;       /* how often a fact is there, or in which order, matters */
    bool whole;       /* more is read than the paths say */
    GPtrArray *paths; /* OkseReadPath; sorted by path */
} OkseReadList;

typedef struct {
    bool plain;          /* nothing can be said: it must see the facts as they are */
    OkseReadList *lists; /* one for each row of okse_fact_kinds */
    GHashTable *members; /* of the facts, other than those lists */
} OkseControlReads;

/* Source of the argument: docs/decisions/0040-one-fact-for-many.md. */
OkseControlReads *okse_control_reads(const OkseControl *control) G_GNUC_WARN_UNUSED_RESULT;
void okse_control_reads_free(OkseControlReads *reads);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseControlReads, okse_control_reads_free)
