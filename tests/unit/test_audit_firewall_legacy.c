/* What is read of the kernel's x_tables, in a network namespace of the test's own, is what iptables-legacy-save reads.
 */
#include "audit/firewall_legacy.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

static const char rules_four[] =
    "*nat\n"
    ":PREROUTING ACCEPT\n"
    ":INPUT ACCEPT\n"
    ":OUTPUT ACCEPT\n"
    ":POSTROUTING ACCEPT\n"
    "-A PREROUTING -i br0 -p tcp -m tcp --dport 443 -j DNAT --to-destination 10.77.0.1\n"
    "-A POSTROUTING -s 10.9.8.0/24 ! -o br0 -j MASQUERADE\n"
    "COMMIT\n"
    "*filter\n"
    ":INPUT ACCEPT\n"
    ":FORWARD DROP\n"
    ":OUTPUT ACCEPT\n"
    ":a-chain -\n"
    ":empty -\n"
    "-A FORWARD -i eth+ ! -o br0 -g a-chain\n"
    "-A FORWARD -s 10.0.0.0/255.0.255.0 -j empty\n"
    "-A OUTPUT -o lo -j ACCEPT\n"
    "-A OUTPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
    "-A OUTPUT -m conntrack ! --ctstate INVALID,NEW -j DROP\n"
    "-A OUTPUT -p udp -m udp ! --sport 1024:65535 --dport 53 -m owner --uid-owner 0-99 -j a-chain\n"
    "-A OUTPUT -p tcp -m multiport --dports 443,8080:8090,53 -j a-chain\n"
    "-A OUTPUT -p tcp -m multiport ! --ports 22 -j RETURN\n"
    "-A OUTPUT -m iprange --src-range 10.0.0.1-10.0.0.9 ! --dst-range 45.30.0.7-45.40.0.9 -j DROP\n"
    "-A OUTPUT ! -d 203.0.0.0/12 -m addrtype --dst-type LOCAL,BROADCAST -j ACCEPT\n"
    "-A OUTPUT -p icmp -m icmp --icmp-type 8 -j DROP\n"
    "-A OUTPUT -p icmp -m icmp ! --icmp-type 3/4 -j DROP\n"
    "-A OUTPUT ! -p 253\n"
    "-A OUTPUT -m owner ! --gid-owner 5 -j DROP\n"
    "-A a-chain ! -d 8.0.0.0/6 -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT\n"
    "-A a-chain -d 1.2.3.4/32 -p 253 -j RETURN\n"
    "COMMIT\n";
static const char rules_six[] = "*filter\n"
                                ":INPUT ACCEPT\n"
                                ":FORWARD ACCEPT\n"
                                ":OUTPUT DROP\n"
                                "-A OUTPUT -d 2001:200::/23 -p tcp -m tcp --dport 443 -j ACCEPT\n"
                                "-A OUTPUT ! -s fd09::2/128 -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j ACCEPT\n"
                                "-A OUTPUT -m iprange --dst-range 2400::1-2400::ff -j ACCEPT\n"
                                "COMMIT\n";

static bool enter(void)
{
    return unshare(CLONE_NEWNET) == 0;
}

static bool run(const char *command, const char *input, char **output)
{
    g_autofree char *full = g_strdup_printf("%s <<'END'\n%sEND\n", command, input != NULL ? input : "");
    char shell[] = "/bin/sh", option[] = "-c", *arguments[] = {shell, option, full, NULL};
    int status = -1;

    return g_spawn_sync(NULL, arguments, NULL, G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, output, NULL, &status, NULL) &&
           g_spawn_check_wait_status(status, NULL);
}

/* Without comments, counters, and how the chains' packets are refused. */
static GPtrArray *lines_of(const char *text, const char *table)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) all = g_strsplit(text, "\n", -1);
    bool here = false;

    for (char **line = all; *line != NULL; line++) {
        char *counters = **line == ':' ? strstr(*line, " [") : NULL;

        if (**line == '*')
            here = strcmp(*line + 1, table) == 0;
        if (counters != NULL)
            *counters = '\0';
        if (here && **line != '#' && **line != '\0')
            g_ptr_array_add(lines, g_strdup(*line));
    }
    return lines;
}

static void compare(const OkseLegacyTable *table, const char *saved)
{
    g_autofree char *text = okse_legacy_text(table);
    g_autoptr(GPtrArray) theirs = lines_of(saved, table->name), ours = NULL;

    g_assert_nonnull(text);
    ours = lines_of(text, table->name);
    for (guint i = 0; i < MIN(ours->len, theirs->len); i++)
        g_assert_cmpstr(g_ptr_array_index(ours, i), ==, g_ptr_array_index(theirs, i));
    g_assert_cmpuint(ours->len, ==, theirs->len);
}

static void test_as_saved(void)
{
    g_autoptr(GPtrArray) tables = NULL;
    g_autofree char *four = NULL, *six = NULL;

    if (!enter() || !run("iptables-legacy-restore", rules_four, NULL) ||
        !run("ip6tables-legacy-restore", rules_six, NULL)) {
        g_test_skip("needs root, iptables-legacy and a kernel that has it");
        return;
    }
    g_assert_true(run("iptables-legacy-save", NULL, &four) && run("ip6tables-legacy-save", NULL, &six));
    tables = okse_legacy_fetch();
    g_assert_cmpuint(tables->len, ==, 3);
    for (guint i = 0; i < tables->len; i++) {
        const OkseLegacyTable *table = g_ptr_array_index(tables, i);

        compare(table, table->four ? four : six);
    }
}

/* A match without words is told by its name, so that the rule is known to ask for more. */
static void test_unknown_match(void)
{
    g_autoptr(GPtrArray) tables = NULL;
    g_autofree char *text = NULL;

    if (!enter() || !run("iptables-legacy -A OUTPUT -m limit --limit 5/second -j ACCEPT", NULL, NULL)) {
        g_test_skip("needs root, iptables-legacy and a kernel that has it");
        return;
    }
    tables = okse_legacy_fetch();
    g_assert_cmpuint(tables->len, ==, 1);
    text = okse_legacy_text(g_ptr_array_index(tables, 0));
    g_assert_nonnull(strstr(text, "-A OUTPUT -m limit --okse-unread -j ACCEPT\n"));
}

/* Asking makes no table. */
static void test_nothing_is_made(void)
{
    g_autoptr(GPtrArray) tables = NULL, again = NULL;

    if (!enter()) {
        g_test_skip("needs root");
        return;
    }
    tables = okse_legacy_fetch();
    again = okse_legacy_fetch();
    g_assert_cmpuint(tables->len + again->len, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/audit/firewall-legacy/as-saved", test_as_saved);
    g_test_add_func("/audit/firewall-legacy/unknown-match", test_unknown_match);
    g_test_add_func("/audit/firewall-legacy/nothing-is-made", test_nothing_is_made);
    return g_test_run();
}
