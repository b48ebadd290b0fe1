#include "audit/facts.h"

static const char *const scopes[][2] = {
    {"loghost", "unresolved"},        {"chat.assistant.svc.cluster.local", "private"},
    {"10.1.2.3", "private"},          {"192.0.0.8", "private"},
    {"198.19.0.1", "private"},        {"240.0.0.1", "private"},
    {"255.255.255.255", "multicast"}, {"3fff::1", "documentation"},
    {"fec0::1", "private"},           {"64:ff9b::a00:1", "private"},
    {"64:ff9b::808:808", "public"},   {"::ffff:127.0.0.1", "loopback"},
    {"LOCALHOST", "loopback"},        {"h.example", "unresolved"},
    {"193.0.6.139", "public"},
};

static void scopes_of_addresses(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(scopes); i++)
        g_assert_cmpstr(okse_atlas_scope(scopes[i][0]), ==, scopes[i][1]);
}

static OkseAtlas *open_atlas(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseResources) resources = okse_resources_open(NULL, &error);
    OkseAtlas *atlas = resources == NULL ? NULL : okse_atlas_open(resources, NULL, NULL, &error);

    g_assert_no_error(error);
    return atlas;
}

static void anycast_addresses_have_no_country(void)
{
    static const char *const addresses[] = {"1.1.1.1", "8.8.4.4", "9.9.9.9", "2606:4700:4700::1111",
                                            "64:ff9b::808:808"};
    g_autoptr(OkseAtlas) atlas = open_atlas();

    for (unsigned i = 0; i < G_N_ELEMENTS(addresses); i++) {
        g_autoptr(json_t) place = okse_atlas_locate(atlas, addresses[i]);

        g_assert_true(json_is_null(json_object_get(place, "country")));
        g_assert_true(json_is_true(json_object_get(place, "anycast")));
    }
}

static void add(OkseFacts *facts, const char *state, const char *role, const char *protocol, int tls)
{
    okse_facts_endpoint(facts, &(OkseEndpointFact){.host = "203.0.113.9",
                                                   .port = 6514,
                                                   .protocol = protocol,
                                                   .tls = tls,
                                                   .direction = "out",
                                                   .role = role,
                                                   .state = state,
                                                   .source = okse_facts_source(&(OkseSourceFact){.collector = "x"})});
}

static void a_connection_is_a_use_of_what_is_configured(void)
{
    g_autoptr(OkseAtlas) atlas = open_atlas();
    g_autoptr(OkseFacts) facts = okse_facts_new();
    g_autoptr(json_t) document = NULL;
    const json_t *only;

    add(facts, "observed", "unknown", "tcp", -1);
    add(facts, "configured", "logs", NULL, -1);
    add(facts, "configured", "logs", NULL, 1);
    document = okse_facts_finish(facts, atlas, NULL);
    g_assert_cmpuint(json_array_size(json_object_get(document, "endpoints")), ==, 1);
    only = json_array_get(json_object_get(document, "endpoints"), 0);
    g_assert_cmpstr(okse_json_peek_text(only, "state"), ==, "configured");
    g_assert_true(json_is_true(json_object_get(only, "observed")));
    g_assert_true(json_is_true(json_object_get(only, "tls")));
    g_assert_cmpuint(json_array_size(json_object_get(only, "sources")), ==, 3);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/audit/place/scopes-of-addresses", scopes_of_addresses);
    g_test_add_func("/audit/place/anycast-addresses-have-no-country", anycast_addresses_have_no_country);
    g_test_add_func("/audit/facts/a-connection-is-a-use-of-what-is-configured",
                    a_connection_is_a_use_of_what_is_configured);
    return g_test_run();
}
