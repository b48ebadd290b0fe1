#pragma once

#include "cli/options.h"
#include "packager/bundle_reader.h"

/* What became of the tensors, for `okse diff`. */
typedef struct {
    const OkseBundle *old, *new;
    bool payload; /* from the bytes, not from the signed lists */
    bool all;     /* show moved ones too, and however many there are */
} OkseTensorQuestion;

/* {"old","new": "listed"|"payload"|"none" (whence), "files": okse_tensor_diff()}; "files" is empty unless both sides
 * have tensors. A new reference. Errors: those of reading. */
json_t *okse_diff_tensors(const OkseTensorQuestion *question, const OkseInvocation *invocation,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

void okse_print_tensors(const OkseTensorQuestion *question, const json_t *answer);
