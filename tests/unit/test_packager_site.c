#include "packager/site.h"

#include <string.h>

static OkseSite *site_of(const char *text, GError **error)
{
    g_autofree char *full = g_strconcat("okse: site/v1\nname: Hanoi 1\ncountry: VN\n", text, NULL);
    g_autoptr(GBytes) bytes = g_bytes_new(full, strlen(full));

    return okse_site_read(bytes, "site.yaml", error);
}

static void the_most_specific_network_wins(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseSite) site =
        site_of("networks:\n- {cidr: 10.0.0.0/8, country: VN}\n- {cidr: 10.99.0.0/16, country: SG, "
                "zone: partner}\n- {cidr: '2001:db8::/33', country: KR}\n",
                &error);
    OkseCidr address;

    g_assert_no_error(error);
    g_assert_true(okse_cidr_parse("10.99.1.1", &address, NULL));
    g_assert_cmpstr(okse_site_network(site, &address)->country, ==, "SG");
    g_assert_true(okse_cidr_parse("10.98.1.1", &address, NULL));
    g_assert_cmpstr(okse_site_network(site, &address)->country, ==, "VN");
    g_assert_true(okse_cidr_parse("2001:db8:7fff::1", &address, NULL));
    g_assert_cmpstr(okse_site_network(site, &address)->country, ==, "KR");
    g_assert_true(okse_cidr_parse("2001:db8:8000::1", &address, NULL));
    g_assert_null(okse_site_network(site, &address));
}

static void hosts_and_wildcards(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseSite) site = site_of("hosts:\n- {name: '*.Ministry.example', country: VN}\n"
                                       "- {name: '*.far.ministry.example', country: SG}\n"
                                       "- {name: one.far.ministry.example, country: KR}\n",
                                       &error);

    g_assert_no_error(error);
    g_assert_cmpstr(okse_site_host(site, "A.ministry.example.")->country, ==, "VN");
    g_assert_cmpstr(okse_site_host(site, "two.far.ministry.example")->country, ==, "SG");
    g_assert_cmpstr(okse_site_host(site, "one.far.ministry.example")->country, ==, "KR");
    g_assert_null(okse_site_host(site, "ministry.example"));
    g_assert_null(okse_site_host(site, "evilministry.example"));
}

static void allowed_endpoints(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseSite) site =
        site_of("allowed_endpoints: ['metrics.example.org:443', '[2001:db8::1]:9000', 10.0.0.1]\n", &error);

    g_assert_no_error(error);
    g_assert_true(okse_site_allows(site, "METRICS.example.org", 443));
    g_assert_false(okse_site_allows(site, "metrics.example.org", 444));
    g_assert_false(okse_site_allows(site, "metrics.example.org", 0));
    g_assert_true(okse_site_allows(site, "2001:DB8:0::1", 9000));
    g_assert_true(okse_site_allows(site, "10.0.0.1", 1));
}

static void every_fault_has_its_place(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseSite) site =
        site_of("networks:\n- {cidr: 10.0.0.1/8, country: VN}\n- {cdr: 10.0.0.0/8, country: vn}\n"
                "storage: [{path: srv, place: VN, encrypted: false}]\nallowed_endpoint: []\n",
                &error);

    g_assert_null(site);
    g_assert_error(error, OKSE_ERROR, OKSE_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, "site.yaml:5:10: '10.0.0.1/8' has bits behind its prefix"));
    g_assert_nonnull(strstr(error->message, "site.yaml:6:4: unknown key 'cdr' (did you mean 'cidr'?)"));
    g_assert_nonnull(strstr(error->message, "two capital letters"));
    g_assert_nonnull(strstr(error->message, "absolute path"));
    g_assert_nonnull(strstr(error->message, "unknown key 'allowed_endpoint' (did you mean 'allowed_endpoints'?)"));
}

static void prefixes(void)
{
    static const char *const bad[] = {"10.0.0.0/33", "10.0.0.0/", "10.0.0/8", "::/129",
                                      "10.0.0.0/8 ", "",          "/8",       "010.0.0.0/8"};
    OkseCidr cidr, address;

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(okse_cidr_parse(bad[i], &cidr, NULL));
    g_assert_true(okse_cidr_parse("0.0.0.0/0", &cidr, NULL));
    g_assert_true(okse_cidr_parse("203.0.113.9", &address, NULL));
    g_assert_true(okse_cidr_contains(&cidr, &address));
    g_assert_true(okse_cidr_parse("203.0.113.8/31", &cidr, NULL));
    g_assert_true(okse_cidr_contains(&cidr, &address));
    g_assert_true(okse_cidr_parse("::/0", &cidr, NULL));
    g_assert_false(okse_cidr_contains(&cidr, &address));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/packager/site/the-most-specific-network-wins", the_most_specific_network_wins);
    g_test_add_func("/packager/site/hosts-and-wildcards", hosts_and_wildcards);
    g_test_add_func("/packager/site/allowed-endpoints", allowed_endpoints);
    g_test_add_func("/packager/site/every-fault-has-its-place", every_fault_has_its_place);
    g_test_add_func("/packager/site/prefixes", prefixes);
    return g_test_run();
}
