/* Evidence says something about a fact of every domain, whatever the fact lacks. */
#include "audit/fact_kinds.h"
#include "audit/fact_message.h"

static void every_domain(void)
{
    g_autoptr(json_t) empty = json_object();

    for (const OkseFactKind *kind = okse_fact_kinds; kind->list != NULL; kind++) {
        g_autofree char *id = g_strconcat(kind->prefix, ":0123456789abcdef", NULL),
                        *said = okse_fact_message(id, empty);

        g_assert_cmpstr(said, !=, id);
        g_assert_cmpstr(said, !=, "");
    }
}

static void members(void)
{
    g_autoptr(json_t) fact = json_pack("{s:s,s:s,s:n}", "kind", "swap", "path", "/dev/sda2", "encrypted");
    g_autoptr(json_t) route = json_pack("{s:s,s:n}", "destination", "0.0.0.0/0", "gateway");
    g_autofree char *residue = okse_fact_message("res:1", fact), *way = okse_fact_message("rt:1", route);

    g_assert_cmpstr(residue, ==, "swap: /dev/sda2 (encrypted: unknown)");
    g_assert_cmpstr(way, ==, "0.0.0.0/0 via -");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/audit/fact_message/every_domain", every_domain);
    g_test_add_func("/audit/fact_message/members", members);
    return g_test_run();
}
