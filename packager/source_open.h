#pragma once

#include "packager/source.h"
#include "packager/stack.h"

/* The source that a stack's words name, beneath dir_fd (the stack's directory). origin: how messages call it; copied.
 * Errors: INVALID, NOT_FOUND, SYSTEM. */
OkseSource *okse_source_open_stack(const OkseStackSource *wanted, int dir_fd, const char *origin,
                                   GError **error) G_GNUC_WARN_UNUSED_RESULT;
