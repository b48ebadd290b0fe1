#pragma once

#include "audit/waiver.h"

/* A waiver that has ended is a finding of its own, `waiver.expired`, under every provision that asks what it was for,
 * unless another row in force took its place. Recommended: what was waived fails again by itself, and decides.
 * findings, controls: of an okse.findings.v1 document, after okse_waivers_apply(). */
void okse_waivers_add_expired(const OkseWaivers *waivers, json_t *findings, json_t *controls);

/* Once the document has its verdict: `waivers.verdict_without`, and a warning where waivers made it better. */
void okse_waivers_tell_without(json_t *document);
