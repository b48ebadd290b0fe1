#pragma once

#include "core/yaml.h"

/* What the law says of itself as a whole: manifests/pack.yaml (okse: policy-pack/v1), read strictly. Source:
 * docs/formats/controls.md. */
typedef struct {
    char *name;  /* small letters, digits, single '-', at most 63 */
    char *date;  /* "2026-11-30": of the law in it */
    gint64 time; /* its midnight in UTC, seconds since 1970 */
    guint64 valid_days;
    char *vendor_name, *vendor_country, *vendor_contact; /* who answers for it; all NULL when nobody is named */
} OksePolicyPack;

#define OKSE_POLICY_PACK_FILE "manifests/pack.yaml"

/* Objections go to `issues`. NULL when the file is none at all; otherwise what was understood, which must not be used
 * unless there are no issues. */
OksePolicyPack *okse_policy_pack_read(GBytes *yaml, const char *origin, OkseIssues *issues) G_GNUC_WARN_UNUSED_RESULT;
void okse_policy_pack_free(OksePolicyPack *pack);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OksePolicyPack, okse_policy_pack_free)

/* "2026-11-30", at most ten years before the end of the year 9999. time: its midnight; may be NULL. */
bool okse_policy_pack_is_date(const char *text, gint64 *time);
/* The last day on which it is to be used, as "2027-11-30". */
char *okse_policy_pack_until(const OksePolicyPack *pack) G_GNUC_WARN_UNUSED_RESULT;
/* Is that day over? at: seconds since 1970. */
bool okse_policy_pack_is_old(const OksePolicyPack *pack, gint64 at);

/* {"name","date","valid_until","identity"}, as findings have it. identity: of the bundle that it was installed from, or
 * NULL. New values. */
json_t *okse_policy_pack_json(const OksePolicyPack *pack, const char *identity) G_GNUC_WARN_UNUSED_RESULT;
/* {"kind":"old-policy","message":{"en","ko"}} */
json_t *okse_policy_pack_warning(const OksePolicyPack *pack) G_GNUC_WARN_UNUSED_RESULT;
