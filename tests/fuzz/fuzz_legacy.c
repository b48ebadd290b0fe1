/* Tables of x_tables as a kernel would tell them: whatever the bytes are, they are no table, or one whose words are
 * rules that can be walked. The first byte chooses the family, the next ones are struct ipt_getinfo, the rest the
 * entries. */
#include "audit/envelope.h"
#include "audit/firewall_legacy.h"

#include <linux/netfilter_ipv4/ip_tables.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const size_t head = 1 + sizeof(struct ipt_getinfo);
    char name[] = "filter";
    OkseLegacyTable table = {.name = name};
    g_autoptr(GBytes) info = NULL, entries = NULL;
    g_autoptr(OkseFirewall) firewall = okse_firewall_new();
    g_autoptr(json_t) document = NULL;
    g_autofree char *text = NULL;

    if (size < head || size > 65536)
        return 0;
    table.four = data[0] == '4';
    table.info = info = g_bytes_new(data + 1, head - 1);
    table.entries = entries = g_bytes_new(data + head, size - head);
    text = okse_legacy_text(&table);
    document = okse_legacy_read(&table, "fuzz");
    g_assert_true((text == NULL) == (document == NULL));
    if (document != NULL && okse_firewall_add(firewall, document, "fuzz", NULL)) {
        g_autoptr(OkseEnvelope) envelope = okse_envelope_new(firewall, NULL, false);

        g_assert_nonnull(envelope->reachable);
    }
    return 0;
}
