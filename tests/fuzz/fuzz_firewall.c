/* Packet filters as text and as JSON: whatever the bytes are, they become rules that can be walked, and what surely is
 * reachable is reachable. The first byte chooses the language. */
#include "audit/envelope.h"
#include "core/limits.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A set that is made of the same intervals in two ways is the same. */
static void check_envelope(const OkseFirewall *firewall)
{
    g_autoptr(OkseEnvelope) envelope = okse_envelope_new(firewall, NULL);
    g_autoptr(GArray) both = okse_intervals_intersect(envelope->reachable, envelope->surely);
    g_autoptr(json_t) ranges = okse_envelope_ranges(envelope->reachable);

    g_assert_cmpuint(both->len, ==, envelope->surely->len);
    for (guint i = 1; i < envelope->reachable->len; i++)
        g_assert_true(g_array_index(envelope->reachable, OkseInterval, i - 1).high + 1 <
                      g_array_index(envelope->reachable, OkseInterval, i).low);
    for (guint i = 0; i < envelope->rules->len; i++) {
        g_autoptr(json_t) rule = okse_firewall_rule_json(g_ptr_array_index(envelope->rules, i));

        g_assert_nonnull(rule);
    }
    okse_envelope_default(envelope, firewall, true);
    g_assert_nonnull(ranges);
}

/* What a short text includes is the text again: includes end. */
static GPtrArray *included(void *context, const char *pattern)
{
    GPtrArray *files = g_ptr_array_new_with_free_func(okse_firewall_file_free);
    OkseFirewallFile *file = g_new0(OkseFirewallFile, 1);

    file->path = g_strdup(pattern);
    file->bytes =
        g_bytes_get_size(context) < 64 ? g_bytes_ref(context) : g_bytes_new_static("define N = 1.0.0.0/8", 20);
    g_ptr_array_add(files, file);
    return files;
}

static json_t *read_as(char kind, GBytes *bytes)
{
    return kind == 'n'   ? okse_nft_text_read(bytes, "fuzz.nft", included, bytes)
           : kind == '4' ? okse_iptables_read(bytes, "fuzz.v4", "ip")
           : kind == '6' ? okse_iptables_read(bytes, "fuzz.v6", "ip6")
                         : okse_json_read(bytes, OKSE_LIMIT_METADATA, "fuzz.json", NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = NULL;
    g_autoptr(json_t) document = NULL;
    g_autoptr(OkseFirewall) firewall = okse_firewall_new();

    if (size < 1 || size > 16384)
        return 0;
    bytes = g_bytes_new(data + 1, size - 1);
    document = read_as((char)data[0], bytes);
    if (document == NULL || !okse_firewall_add(firewall, document, "fuzz", NULL))
        return 0;
    check_envelope(firewall);
    return 0;
}
