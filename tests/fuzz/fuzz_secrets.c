/* Whatever comes: what is found lies inside the stream, nothing overlaps, the two ways of finding literals agree, a
 * masked line is masked for good, and the checks end. The first byte says how the stream is cut into pieces. */
#include "audit/secret_scan.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    uint64_t sum;
    unsigned count;
} Tally;

static void count_hit(void *context, unsigned literal, size_t end)
{
    Tally *tally = context;

    tally->sum += (uint64_t)end * 1000003u + literal;
    tally->count++;
}

static void compare_finders(const OkseSecretRules *rules, const uint8_t *data, size_t size)
{
    g_autoptr(OkseLiterals) plain =
        okse_literals_new((const OkseLiteral *)(void *)rules->literals->data, rules->literals->len, true);
    Tally one = {0}, other = {0};

    okse_literals_compile(rules->finder);
    okse_literals_find(rules->finder, data, size, count_hit, &one);
    okse_literals_find(plain, data, size, count_hit, &other);
    g_assert(one.sum == other.sum && one.count == other.count);
}

static void scan(const OkseSecretRules *rules, const uint8_t *data, size_t size, size_t step)
{
    g_autoptr(OkseSecretScan) scan = okse_secret_scan_new(rules, "fuzz");
    const GArray *found;
    uint64_t behind = 0;

    okse_secret_scan_begin(scan, NULL);
    for (size_t at = 0; at < size; at += step)
        okse_secret_scan_feed(scan, data + at, MIN(step, size - at));
    found = okse_secret_scan_end(scan, NULL);
    for (guint i = 0; i < found->len; i++) {
        const OkseSecret *secret = &g_array_index(found, OkseSecret, i);

        g_assert(secret->length > 0 && secret->offset >= behind && secret->offset + secret->length <= size);
        behind = secret->offset + secret->length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static OkseSecretRules *rules; /* read once: it is the same for every input */
    g_autofree uint8_t *copy = g_malloc0(size + 1);

    if (rules == NULL) {
        g_autoptr(OkseResources) resources = okse_resources_open(NULL, NULL);

        rules = okse_secret_rules_read(resources, NULL);
        g_assert(rules != NULL);
    }
    if (size == 0)
        return 0;
    memcpy(copy, data, size);
    for (unsigned check = 0; check < OKSE_CHECKS; check++)
        okse_secret_check((OkseSecretCheck)check, copy + 1, size - 1);
    compare_finders(rules, copy + 1, size - 1);
    scan(rules, copy + 1, size - 1, 1u + data[0]);
    return 0;
}
