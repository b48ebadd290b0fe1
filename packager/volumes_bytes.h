#pragma once

#include "core/bytes.h"
#include "packager/volumes.h"

/* The bundle that the parts carry, without joining them: no second copy, and no file is written. volumes: borrowed,
 * must live as long as the bytes. Errors: REFUSED (more is missing than parity covers), INVALID (an encoding this
 * version does not know), SYSTEM. Reading reports what okse_volumes_block() does. */
OkseBytes *okse_volumes_bytes(OkseVolumes *volumes, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Errors: INVALID when `data` holds what this version does not know. */
bool okse_volumes_encoding_known(const OkseVolumeSet *set, GError **error);
