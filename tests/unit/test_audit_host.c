/* What the kernel and the host's programs write, line by line. The lines are those of the named documentation. */
#include "audit/collect_host_files.h"
#include "audit/process_words.h"
#include "audit/sockets_text.h"

#include <glib.h>

/* Linux, Documentation/networking/proc_net_tcp.rst: 172.16.3.1:40012 is connected to 172.16.3.3:6000. */
static void test_socket_lines(void)
{
    OkseSocketLine line;

    g_assert_true(okse_socket_line_read("  46: 010310AC:9C4C 030310AC:1770 01 00000150:00000000 01:00000019 00000000"
                                        "  1000        0 54165785 4 cd1e6040 25 4 27 3 -1",
                                        false, &line));
    g_assert_cmpstr(line.local, ==, "172.16.3.1");
    g_assert_cmpuint(line.local_port, ==, 40012);
    g_assert_cmpstr(line.remote, ==, "172.16.3.3");
    g_assert_cmpuint(line.remote_port, ==, 6000);
    g_assert_cmpuint(line.state, ==, 1);
    g_assert_cmpuint(line.inode, ==, 54165785);
    g_assert_true(
        okse_socket_line_read("   0: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 "
                              "0A 00000000:00000000 00:00000000 00000000     0        0 77 1 0 100 0 0 10 0",
                              true, &line));
    g_assert_cmpstr(line.local, ==, "::1");
    g_assert_false(
        okse_socket_line_read("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when", false, &line));
    g_assert_false(okse_socket_line_read("", true, &line));
}

/* proc(5), /proc/net/route: numbers of this machine; /proc/net/ipv6_route: network order. */
static void test_route_lines(void)
{
    OkseRouteLine line;

    g_assert_true(okse_route_line_read("eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0", false, &line));
    g_assert_cmpstr(line.destination, ==, "0.0.0.0/0");
    g_assert_cmpstr(line.gateway, ==, "192.168.1.1");
    g_assert_true(okse_route_line_read("eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0", false, &line));
    g_assert_cmpstr(line.destination, ==, "192.168.1.0/24");
    g_assert_cmpstr(line.gateway, ==, "");
    g_assert_true(okse_route_line_read("20010db8000000000000000000000000 20 00000000000000000000000000000000 00 "
                                       "fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0",
                                       true, &line));
    g_assert_cmpstr(line.destination, ==, "2001:db8::/32");
    g_assert_cmpstr(line.gateway, ==, "fe80::1");
    g_assert_false(line.local);
    g_assert_true(okse_route_line_read("00000000000000000000000000000001 80 00000000000000000000000000000000 00 "
                                       "00000000000000000000000000000000 00000000 00000001 00000000 80200001       lo",
                                       true, &line));
    g_assert_true(line.local);
}

/* The form of nf_conntrack_standalone.c, as conntrack(8) shows it: the first tuple is that of who began. */
static void test_flow_lines(void)
{
    OkseFlowLine line;

    g_assert_true(
        okse_flow_line_read("ipv4     2 tcp      6 431999 ESTABLISHED src=10.88.0.7 dst=203.0.113.9 sport=50000 "
                            "dport=443 src=203.0.113.9 dst=192.0.2.10 sport=443 dport=50000 [ASSURED] use=1",
                            &line));
    g_assert_cmpstr(line.protocol, ==, "tcp");
    g_assert_cmpstr(line.from, ==, "10.88.0.7");
    g_assert_cmpstr(line.to, ==, "203.0.113.9");
    g_assert_cmpuint(line.to_port, ==, 443);
    g_assert_false(okse_flow_line_read("ipv4     2 icmp     1 29 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=1", &line));
}

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

static void test_control_groups(void)
{
    static const struct {
        const char *text, *unit, *container;
    } rows[] = {
        {"0::/system.slice/rsyslog.service\n", "rsyslog.service", NULL},
        {"0::/system.slice/docker-" ID ".scope\n", "docker-" ID ".scope", ID},
        {"12:memory:/docker/" ID "\n0::/system.slice/containerd.service\n", "containerd.service", ID},
        {"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1a_2b.slice/cri-containerd-" ID ".scope\n",
         "cri-containerd-" ID ".scope", ID},
        {"0::/kubepods.slice/crio-" ID ".scope\n", "crio-" ID ".scope", ID},
        {"0::/machine.slice/libpod-" ID ".scope/container\n", "libpod-" ID ".scope", ID},
        {"0::/user.slice/user-1000.slice/user@1000.service/app.slice/vllm.service\n", "vllm.service", NULL},
        {"0::/lxc.payload.web/system.slice/nginx.service\n", "nginx.service", "web"},
        {"0::/machine.slice/machine-box.scope/payload\n", "machine-box.scope", "box"},
        /* a container calls its own groups as it likes: the runtime's name is outside */
        {"0::/system.slice/docker-" ID ".scope/evil.service/docker-" OTHER ".scope\n", "docker-" ID ".scope", ID},
        {"0::/\n", NULL, NULL},
        {"", NULL, NULL},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *unit = NULL, *container = NULL;

        okse_cgroup_read(rows[i].text, &unit, &container);
        g_assert_cmpstr(unit, ==, rows[i].unit);
        g_assert_cmpstr(container, ==, rows[i].container);
    }
}

static void test_destinations(void)
{
    static const struct {
        const char *word, *next;
        OkseWritten written;
        const char *host;
        unsigned port;
    } rows[] = {
        {"vpn.example:51820", NULL, OKSE_WRITTEN_PLAIN, "vpn.example", 51820},
        {"[2001:db8::7]:51821", NULL, OKSE_WRITTEN_PLAIN, "2001:db8::7", 51821},
        {"2001:db8::7", NULL, OKSE_WRITTEN_PLAIN, "2001:db8::7", 0},
        {"ldaps://u:p@ldap.example:1636/dc=x", NULL, OKSE_WRITTEN_PLAIN, "ldap.example", 1636},
        {"/corp.example/192.0.2.1#5353", NULL, OKSE_WRITTEN_HASH, "192.0.2.1", 5353},
        {"192.0.2.1@853#dns.example", NULL, OKSE_WRITTEN_HASH, "192.0.2.1", 853},
        {"vpn.example", "1194", OKSE_WRITTEN_PAIR, "vpn.example", 1194},
        {"me@nas.example:/pool", NULL, OKSE_WRITTEN_LOGIN, "nas.example", 0},
        {"%any", NULL, OKSE_WRITTEN_PLAIN, NULL, 0},
        {"/etc/resolv.conf", NULL, OKSE_WRITTEN_PLAIN, NULL, 0},
        {"10.0.0.999", NULL, OKSE_WRITTEN_PLAIN, NULL, 0},
        {"nas.example", NULL, OKSE_WRITTEN_URL, NULL, 0},
        {"a..b", NULL, OKSE_WRITTEN_PLAIN, NULL, 0},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_auto(OkseDestination) found = {0};

        g_assert_true(okse_destination_read(rows[i].word, rows[i].next, rows[i].written, &found) ==
                      (rows[i].host != NULL));
        g_assert_cmpstr(found.host, ==, rows[i].host);
        if (rows[i].host != NULL)
            g_assert_cmpuint(found.port, ==, rows[i].port);
    }
}

/* ssh(1): options with arguments may stand apart or together; the first other word is the destination. */
static void test_tunnels(void)
{
    static const struct {
        const char *line, *host, *role;
        unsigned port;
    } rows[] = {
        {"/usr/bin/autossh -M 0 -N -R 2222:localhost:22 -p 2200 a@203.0.113.7", "203.0.113.7", "remote-support", 2200},
        {"ssh -NTR2222:localhost:22 -i/key -oServerAliveInterval=3 vendor.example", "vendor.example", "remote-support",
         22},
        {"ssh -L 1:2:3 -p2201 b.example", "b.example", "vpn", 2201},
        {"ssh b.example uptime", NULL, NULL, 0},
        {"openvpn --remote 203.0.113.5 --dev tun", "203.0.113.5", "vpn", 1194},
        {"sshuttle -r me@b.example 10.0.0.0/8", "b.example", "vpn", 22},
        {"chisel client https://c.example:8443 R:socks", "c.example", "vpn", 8443},
        {"cat ssh -R", NULL, NULL, 0},
        {"ssh -R", NULL, NULL, 0},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_auto(GStrv) words = g_strsplit(rows[i].line, " ", -1);
        OkseTunnelFound found;

        g_assert_true(okse_tunnel_read(words, &found) == (rows[i].host != NULL));
        if (rows[i].host != NULL) {
            g_assert_cmpstr(found.destination.host, ==, rows[i].host);
            g_assert_cmpstr(found.role, ==, rows[i].role);
            g_assert_cmpuint(found.port, ==, rows[i].port);
        }
        okse_destination_clear(&found.destination);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host/sockets", test_socket_lines);
    g_test_add_func("/host/routes", test_route_lines);
    g_test_add_func("/host/flows", test_flow_lines);
    g_test_add_func("/host/control-groups", test_control_groups);
    g_test_add_func("/host/destinations", test_destinations);
    g_test_add_func("/host/tunnels", test_tunnels);
    return g_test_run();
}
