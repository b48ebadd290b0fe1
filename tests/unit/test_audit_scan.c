/* The scanner: what stands in a line, under which keys, and that running expressions only where the filter says so
 * finds the same as running all of them everywhere. */
#include "audit/scan.h"
#include "audit/scan_filter.h"
#include "audit/scan_keys.h"
#include "audit/scan_rules.h"

#include <string.h>

static void on_endpoint(void *context, const OkseScanEndpoint *found)
{
    g_string_append_printf(context, "%u:%u %s:%u %s %s\n", found->line_number, found->column, found->host, found->port,
                           found->key != NULL ? found->key : "-", found->noise != NULL ? found->noise : found->role);
}

static void on_setting(void *context, const OkseScanSetting *found)
{
    g_string_append_printf(context, "%u %s=%s\n", found->line_number, found->name, found->value);
}

static OkseScanner *scanner(bool plain)
{
    static OkseScanner *both[2];

    if (both[plain] == NULL) {
        g_autoptr(OkseResources) resources = okse_resources_open(NULL, NULL);

        both[plain] = okse_scanner_new(resources, plain, NULL);
        g_assert_nonnull(both[plain]);
    }
    return both[plain];
}

/* What is found, the same way twice; owned. */
static char *scan(const char *file, const char *text, gsize length, bool *whole)
{
    GString *found[2] = {g_string_new(NULL), g_string_new(NULL)};
    g_autofree char *exact = g_memdup2(text, MAX(length, 1)); /* for Valgrind: nothing stands behind it */
    bool ends[2];

    for (unsigned plain = 0; plain < 2; plain++) {
        OkseScanSink sink = {on_endpoint, on_setting, found[plain]};

        ends[plain] = okse_scan_text(scanner(plain), file, exact, length, &sink);
    }
    g_assert_cmpstr(found[0]->str, ==, found[1]->str);
    g_assert_cmpint(ends[0], ==, ends[1]);
    if (whole != NULL)
        *whole = ends[0];
    g_string_free(found[1], TRUE);
    return g_string_free(found[0], FALSE);
}

static void check(const char *file, const char *text, const char *expected)
{
    g_autofree char *found = scan(file, text, strlen(text), NULL);

    g_assert_cmpstr(found, ==, expected);
}

static void shapes(void)
{
    check("a.conf", "u = https://a.example.com:8443/x\n", "1:13 a.example.com:8443 u unknown\n");
    check("rsyslog.conf", "*.* action(type=\"omfwd\" target=\"b.example.com\" port=\"10514\")\n",
          "1:33 b.example.com:10514 target logs\n");
    check("rsyslog.conf", "*.* @@(z9)c.example.com:514\n", "1:11 c.example.com:514 - logs\n");
    check("/etc/fluent-bit/x.conf", "[OUTPUT]\n  Host d.example.com\n  Port 24224\n",
          "2:8 d.example.com:24224 - logs\n");
    check("chrony.conf", "server e.example.com iburst\npool [2001:db8::1]\n",
          "1:8 e.example.com:0 - ntp\n2:6 2001:db8::1:0 - ntp\n");
    check("a.yaml", "image: registry.example.com:5000/a/b:1.0\n", "1:8 registry.example.com:5000 image registry\n");
    check("a.ini", "x y.example.com:9200\n", "1:3 y.example.com:9200 - unknown\n");
    check("a.ini", "db_host = z.example.com\n", "1:11 z.example.com:0 db_host database\n");
    check("a.ini", "v = 192.0.2.7, 2001:db8:0:0:0:0:0:1\n",
          "1:5 192.0.2.7:0 v unknown\n1:16 2001:db8:0:0:0:0:0:1:0 v unknown\n");
    check("/etc/systemd/timesyncd.conf", "NTP=n.example.com 192.0.2.1\n",
          "1 NTP=n.example.com\n1:5 n.example.com:0 NTP ntp\n1:19 192.0.2.1:0 NTP ntp\n");
    check("a.env", "export A_B=\"x\"\nC_D : y\n", "1 A_B=x\n2 C_D=y\n");
}

static void nothing(void)
{
    check("a.conf", "", "");
    check("a.conf", "\n\n\n", "");
    check("a.conf", "std::vector<int> x = a.b; // 1:2:3 @x y=z\nfoo: bar. baz\n", "");
    check("a.conf", "model.safetensors:1 and 1.2.3 and e.g.\n", "");
}

static void keys(void)
{
    check("a.yaml",
          "top:\n  # u: http://c.example.com\n\n  mid:\n  - one: 1\n    two:\n      - http://a.example.com\nlast:\n"
          "- http://b.example.com\n",
          "2:15 c.example.com:0 top.u comment\n7:16 a.example.com:0 top.mid.two unknown\n"
          "9:10 b.example.com:0 last unknown\n");
    check("a.yaml", "env:\n- name: FOO_URL\n  value: http://a.example.com\n- name: BAR\n\n  value: \"x y\"\n",
          "3 FOO_URL=http://a.example.com\n3:17 a.example.com:0 FOO_URL unknown\n6 BAR=x y\n");
    check("a.yaml", "- name: FOO\n\n  # x\n  value: bar\n- name: BAZ\nx: 1\n  value: gone\n", "4 FOO=bar\n");
    check("a.yaml", "- name: FOO\n  value = bar\n", "2 FOO=\n"); /* whatever names a key */
    check("a.xml", "<a>\n<!-- http://a.example.com\n x: 1\n http://b.example.com -->\n",
          "2:13 a.example.com:0 - comment\n"
          "4:9 b.example.com:0 - comment\n");
}

/* More keys above each other than are kept, and lines that close them in every order. */
static void depth(void)
{
    g_autoptr(GString) text = g_string_new(NULL), key = g_string_new(NULL);
    g_autofree char *found = NULL;

    for (int i = 0; i < 40; i++) {
        g_string_append_printf(text, "%*sk%d:\n", i, "", i);
        if (i < (int)OKSE_SCAN_DEPTH)
            g_string_append_printf(key, "%sk%d", i > 0 ? "." : "", i);
    }
    g_string_append_printf(text, "%*s- http://a.example.com\n", 40, "");
    found = scan("a.yaml", text->str, text->len, NULL);
    g_assert_nonnull(strstr(found, key->str));
    g_assert_null(strstr(found, "k32"));
    for (unsigned seed = 1; seed < 200; seed++) {
        unsigned state = seed * 2654435761u;
        g_autofree char *again = NULL;

        g_string_truncate(text, 0);
        for (unsigned i = 0; i < 120; i++) {
            static const char *const lines[] = {"a: 1",
                                                "- b: 2",
                                                "- c",
                                                "# d: 3",
                                                "",
                                                "export E = 4",
                                                "- name: F_G",
                                                "value: x",
                                                "http://h.example.com",
                                                "i",
                                                "\"j\": k",
                                                "; l",
                                                "- http://m.org",
                                                "value = n",
                                                "! o"};

            state = state * 1103515245u + 12345u;
            g_string_append_printf(text, "%*s%s\n", (int)(state >> 16 & 7) * 2, "",
                                   lines[(state >> 20) % G_N_ELEMENTS(lines)]);
        }
        again = scan(seed % 3 == 0 ? "a.xml" : "a.yaml", text->str, text->len, NULL);
        g_assert_cmpint(strlen(again), >, 0);
    }
}

static void long_lines(void)
{
    g_autofree char *line = g_strnfill(OKSE_SCAN_LINE + 40, 'x'), *found = NULL;
    bool whole = false;

    memcpy(line + OKSE_SCAN_LINE - 60, " http://a.example.com ", 22);
    found = scan("a.conf", line, OKSE_SCAN_LINE, &whole);
    g_assert_true(whole);
    g_assert_nonnull(strstr(found, "a.example.com"));
    g_free(found);
    found = scan("a.conf", line, OKSE_SCAN_LINE + 1, &whole);
    g_assert_false(whole);
    g_assert_nonnull(strstr(found, "a.example.com"));
    g_free(found);
    memset(line, '\n', 2);
    found = scan("a.conf", line, OKSE_SCAN_LINE + 3, &whole); /* two empty ones, one too long */
    g_assert_false(whole);
    memset(line, 'x', OKSE_SCAN_LINE + 40);
    line[OKSE_SCAN_LINE] = '\n';
    g_free(found);
    found = scan("a.conf", line, OKSE_SCAN_LINE + 40, &whole);
    g_assert_true(whole);
    g_assert_cmpstr(found, ==, "");
}

/* Bytes that are letters or white space to an expression and none to us; a NUL ends a line. */
static void bytes(void)
{
    static const char text[] = "\xc3\xa9\xff"
                               "1:2:3:4 server\xa0"
                               "a.b.example \xe2\x80\xa6"
                               "A_B\xc2\xa0:\xa0x\r\nu\0http://no.example.com\nv http://a.example.com\r\n";
    g_autofree char *found = scan("a.conf", text, sizeof text - 1, NULL);

    g_assert_null(strstr(found, "no.example.com"));
    g_assert_nonnull(strstr(found, "3:10 a.example.com:0"));
}

/* What one place may hold does not depend on where in the text it stands, or what vector it falls into. */
static void filter(void)
{
    for (unsigned at = 0; at < 70; at++) {
        g_autofree char *text = g_strdup_printf("%*s%s%*s", (int)at, "", "http://a", (int)(70 - at), "");
        unsigned maybe = 0;

        g_assert_cmpuint(okse_scan_filter_next(text, strlen(text), 0, &maybe), ==, at + 4);
        g_assert_cmpuint(maybe, ==, 1u << OKSE_SHAPE_URL);
        g_assert_cmpuint(okse_scan_filter_next(text, strlen(text), at + 5, &maybe), ==, strlen(text));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/scan/shapes", shapes);
    g_test_add_func("/scan/nothing", nothing);
    g_test_add_func("/scan/keys", keys);
    g_test_add_func("/scan/depth", depth);
    g_test_add_func("/scan/long-lines", long_lines);
    g_test_add_func("/scan/bytes", bytes);
    g_test_add_func("/scan/filter", filter);
    return g_test_run();
}
