/* How old the law is that an audit uses, said by the law itself. */
#include "audit/policy_pack.h"

#include "audit/law_read.h"
#include "core/text.h"

#include <string.h>

#define DAY ((gint64)86400)
#define DAYS_MAX 3660u
#define DATE_MAX ((gint64)253402300799 - (gint64)DAYS_MAX * DAY) /* what it is valid until has four digits, too */

void okse_policy_pack_free(OksePolicyPack *pack)
{
    if (pack == NULL)
        return;
    g_free(pack->name);
    g_free(pack->date);
    g_free(pack->vendor_name);
    g_free(pack->vendor_country);
    g_free(pack->vendor_contact);
    g_free(pack);
}

bool okse_policy_pack_is_date(const char *text, gint64 *time)
{
    gint64 found;

    if (!okse_law_is_date(text, &found) || found < 0 || found > DATE_MAX)
        return false;
    if (time != NULL)
        *time = found;
    return true;
}

/* The name becomes that of a bundle (packager/stack.h). */
static bool is_name(const char *text)
{
    return okse_law_is_framework(text) && strlen(text) < 64 && !g_str_has_suffix(text, "-") &&
           strstr(text, "--") == NULL;
}

static OksePlace place_of(const OkseNode *map, const char *key, const char *origin)
{
    const OkseNode *node = okse_node_get(map, key);

    return okse_law_place(okse_node_place(node != NULL ? node : map), origin);
}

static void read_vendor(const OkseNode *node, OksePolicyPack *pack, const char *origin, OkseIssues *issues)
{
    OkseMap *map = okse_map_open(node, "vendor", issues);
    OksePlace at = place_of(node, "country", origin);

    pack->vendor_name = okse_map_dup_text(map, "name", OKSE_REQUIRED);
    pack->vendor_country = okse_map_dup_text(map, "country", OKSE_REQUIRED);
    pack->vendor_contact = okse_map_dup_text(map, "contact", OKSE_OPTIONAL);
    okse_map_end(map);
    if (pack->vendor_country != NULL && !okse_law_is_country(pack->vendor_country))
        okse_issue(issues, &at, "a country is two capital letters, such as KR");
}

OksePolicyPack *okse_policy_pack_read(GBytes *yaml, const char *origin, OkseIssues *issues)
{
    g_autoptr(OkseYaml) document = okse_law_open(yaml, origin, "policy-pack/v1", issues);
    const OkseNode *root, *vendor = NULL;
    g_autofree char *kind = NULL;
    OksePolicyPack *pack;
    OksePlace at;
    OkseMap *map;

    if (document == NULL)
        return NULL;
    root = okse_yaml_root(document);
    map = okse_map_open(root, "policy pack", issues);
    pack = g_new0(OksePolicyPack, 1);
    kind = okse_map_dup_text(map, "okse", OKSE_REQUIRED);
    pack->name = okse_map_dup_text(map, "name", OKSE_REQUIRED);
    pack->date = okse_map_dup_text(map, "date", OKSE_REQUIRED);
    at = place_of(root, "name", origin);
    if (pack->name != NULL && !is_name(pack->name))
        okse_issue(issues, &at, "name: '%s' must be lower-case letters, digits and single '-', from 3 to 63",
                   pack->name);
    at = place_of(root, "date", origin);
    if (pack->date != NULL && !okse_policy_pack_is_date(pack->date, &pack->time))
        okse_issue(issues, &at, "date: '%s' is no day such as 2026-11-30", pack->date);
    at = place_of(root, "valid_days", origin);
    if (okse_map_take_unsigned(map, "valid_days", OKSE_REQUIRED, &pack->valid_days) &&
        (pack->valid_days == 0 || pack->valid_days > DAYS_MAX))
        okse_issue(issues, &at, "valid_days must be from 1 to %u", DAYS_MAX);
    if (okse_map_take_map(map, "vendor", OKSE_OPTIONAL, &vendor))
        read_vendor(vendor, pack, origin, issues);
    okse_map_end(map);
    return pack;
}

char *okse_policy_pack_until(const OksePolicyPack *pack)
{
    g_autofree char *time = okse_text_time(pack->time + (gint64)pack->valid_days * DAY);

    return g_strndup(time, strlen("2026-11-30"));
}

bool okse_policy_pack_is_old(const OksePolicyPack *pack, gint64 at)
{
    return at >= pack->time + ((gint64)pack->valid_days + 1) * DAY;
}

json_t *okse_policy_pack_json(const OksePolicyPack *pack, const char *identity)
{
    g_autofree char *until = okse_policy_pack_until(pack);

    return json_pack("{s:s, s:s, s:s, s:s?}", "name", pack->name, "date", pack->date, "valid_until", until, "identity",
                     identity);
}

json_t *okse_policy_pack_warning(const OksePolicyPack *pack)
{
    g_autofree char *until = okse_policy_pack_until(pack);
    g_autofree char *en =
        g_strdup_printf("The law that was asked is old: '%s' of %s was to be used until %s. What changed since then is "
                        "not in this verdict; install a newer policy pack.",
                        pack->name, pack->date, until);
    g_autofree char *ko =
        g_strdup_printf("적용한 법령 자료가 오래되었습니다: %s의 '%s'은(는) %s까지 쓰도록 되어 있습니다. 그 뒤에 바뀐 "
                        "내용은 이 판정에 없습니다. 새 정책 팩을 설치하십시오.",
                        pack->date, pack->name, until);

    return json_pack("{s:s, s:{s:s, s:s}}", "kind", "old-policy", "message", "en", en, "ko", ko);
}
