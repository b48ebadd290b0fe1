#pragma once

#include "audit/envelope.h"

/* Making an envelope piece by piece; shared by what leaves a host and what another one forwards. */
OkseEnvelope *okse_envelope_begin(void) G_GNUC_WARN_UNUSED_RESULT;
/* Copies the packets. source: NULL when it is not known. Borrowed by the envelope. */
OkseEnvelopePart *okse_envelope_add(OkseEnvelope *envelope, const char *device, const OkseWide *source,
                                    const OksePacketSet *packets);
/* Something of the way that is not modelled, each text once. */
void okse_envelope_note(OkseEnvelope *envelope, const char *text);
/* Put the parts together: reachable, surely. */
void okse_envelope_end(OkseEnvelope *envelope);
