#pragma once

#include <glib.h>

/* What model_signing 0.2 signed instead of a PAE: the text "DSSEV1 28 TYPE LENGTH " and Python's repr() of the payload.
 */
GBytes *okse_oms_legacy_message(const char *type, GBytes *payload) G_GNUC_WARN_UNUSED_RESULT;
