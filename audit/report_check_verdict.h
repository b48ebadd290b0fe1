#pragma once

#include "core/error.h"

#include <jansson.h>

/* A report must not say yes over findings that say no, whoever wrote the file: the verdicts of the whole and of each
 * jurisdiction and the status of each provision, against the findings. findings: with members and references checked.
 * origin: its name in messages. Errors: INVALID. */
bool okse_findings_check_verdict(const json_t *findings, const char *origin, GError **error);
