#pragma once

#include "audit/repair_facts.h"

/* How a line is written after the change: a comment, or with other hosts in it. */
typedef struct {
    char *before, *after; /* NULL: it has to be changed by hand */
    const char *how;      /* "comment" or "replace" */
    const char *by_hand;  /* why it cannot be shown, or NULL; static */
    bool exact;           /* the line was read from the file, white space and all */
} OkseRepairEdit;

void okse_repair_edit_clear(OkseRepairEdit *edit);

/* What makes a line of this file a comment, from templates/report/comment-marks.yaml; *mark is NULL for files without
 * such comments. marks: the table, okse_repair_marks(). */
json_t *okse_repair_marks(const OkseResources *resources, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* files_fd: the target's file system, or -1. What cannot be read there is changed by hand. */
void okse_repair_edit(const OkseRepairLine *line, const json_t *marks, int files_fd, OkseRepairEdit *edit);
