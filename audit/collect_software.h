#pragma once

#include "audit/collector.h"

/* Read a file as every program whose file it may be, and add what stands there; false when it is none's. claims: gets
 * okse_software_claim() of every host that was understood, so that the scanner does not tell it a second time. */
bool okse_collect_software(OkseCollection *collection, const OkseScanFile *file, GHashTable *claims);

/* What programs do unless their configuration says otherwise; with host, also of those that are installed without any,
 * and what the collectors can vouch for. After all files were read. */
void okse_collect_software_finish(OkseCollection *collection, bool host);

/* A key of `claims`. */
char *okse_software_claim(unsigned line, const char *host) G_GNUC_WARN_UNUSED_RESULT;

OkseSoftwareSeen *okse_software_seen_new(void);
void okse_software_seen_free(OkseSoftwareSeen *seen);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseSoftwareSeen, okse_software_seen_free)
