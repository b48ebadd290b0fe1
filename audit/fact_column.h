#pragma once

#include "audit/control_reads.h"

/* What stands at one path of each fact of a list: values that are equal have one number. */
typedef struct {
    guint32 *numbers;  /* one for each fact */
    GPtrArray *values; /* by number: json_t, or NULL where the path leads nowhere and the program would fail */
} OkseFactColumn;

OkseFactColumn *okse_fact_column_new(const json_t *list, const OkseReadPath *path) G_GNUC_WARN_UNUSED_RESULT;
void okse_fact_column_free(OkseFactColumn *column);

/* Numbers again, for the values of a column: values that are equal to the same one of `with` (an array of scalars), or
 * to none of them and neither null nor false, have one. New, one for each value. */
guint32 *okse_fact_column_alike(const OkseFactColumn *column, const json_t *with) G_GNUC_WARN_UNUSED_RESULT;

/* Put what `path` reads of `fact` into `copy`, an object; what is read as a whole is shared. Paths come sorted. */
void okse_fact_copy_path(json_t *copy, const json_t *fact, const OkseReadPath *path);

/* A numbering of pairs, in the order of their first occurrence. */
typedef struct OksePairs OksePairs;

OksePairs *okse_pairs_new(void) G_GNUC_WARN_UNUSED_RESULT;
void okse_pairs_free(OksePairs *pairs);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OksePairs, okse_pairs_free)
guint32 okse_pairs_number(OksePairs *pairs, guint32 first, guint32 second);
guint32 okse_pairs_count(const OksePairs *pairs);
