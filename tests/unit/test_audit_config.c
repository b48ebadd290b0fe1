/* Configuration of every format as one tree. Texts follow each program's own documentation; of those that a lens of
 * Augeas 1.14 loses as a whole, each has a row. */
#include "audit/config_tree.h"

#include <string.h>

typedef struct {
    const char *name, *format, *text, *path, *value;
    unsigned line;
} Row;

static const Row rows[] = {
    {"yaml list", "yaml", "remote_write:\n- url: https://a/x\n- url: https://b/y\n", "remote_write/url", "https://a/x",
     2},
    {"yaml second", "yaml", "a: 1\n---\nb: {c: [d, e]}\n", "b/c", "d", 3},
    {"json with tabs", "yaml", "{\n\t\"registry-mirrors\": [\"https://m.example\"],\n\t\"x\": 1\n}\n",
     "registry-mirrors", "https://m.example", 2},
    {"json list", "yaml", "[{\"host\": \"h\"}]", "-/host", "h", 1},
    {"ini", "ini", "[a]\n; no\nkey = v # w\n[b]\nkey: x\n", "a/key", "v # w", 3},
    {"ini colon", "ini", "[b]\nkey: x\n", "b/key", "x", 2},
    {"unit continues", "ini", "[Service]\nExecStart=/bin/x \\\n # why\n  --url https://h\n", "Service/ExecStart",
     "/bin/x", 2},
    {"pip continues", "ini", "[global]\nextra-index-url =\n  https://a/simple\n  https://b/simple\n",
     "global/extra-index-url", "", 2},
    {"env", "env", "# c\nexport A=\"b c\" \nB=x # y\n", "A", "b c", 2},
    {"env bare", "env", "B=x # y\n", "B", "x", 1},
    {"properties", "properties", "bootstrap.servers=a:1,\\\n  b:2\n! c\nk: v\n", "bootstrap.servers", "a:1,", 1},
    {"properties colon", "properties", "k: v\n", "k", "v", 1},
    {"deb822", "deb822", "Types: deb\nURIs: https://a/\n  https://b/\n\nTypes: deb\nURIs: https://c/\n", "stanza/URIs",
     "https://a/", 2},
    {"apt with options", "apt", "deb [signed-by=/usr/share/x.gpg arch=amd64] https://m.example/d stable main\n",
     "deb/1", "https://m.example/d", 1},
    {"redis save", "words", "save 3600 1 300 100 60 10000\nreplicaof 203.0.113.5 6379\n", "replicaof/1", "203.0.113.5",
     2},
    {"openvpn inline", "words", "remote vpn.example 1194 udp\n<ca>\n-----BEGIN\nremote x\n</ca>\nport 1\n", "remote",
     "vpn.example 1194 udp", 1},
    {"openvpn behind", "words", "<ca>\nremote x\n</ca>\nremote vpn.example 1194\n", "remote/1", "vpn.example", 4},
    {"dnsmasq", "words", "server=/lan/10.0.0.1\n", "server", "/lan/10.0.0.1", 1},
    {"fluent-bit", "words", "[OUTPUT]\n    Name  es\n    Host  h.example\n[OUTPUT]\n    Name x\n", "OUTPUT/Host",
     "h.example", 3},
    {"haproxy", "words", "backend app\n    server s1 10.0.0.5:80 check\nfrontend f\n    bind :80\n", "backend/server/2",
     "10.0.0.5:80", 2},
    {"postgres", "words", "primary_conninfo = 'host=h port=5432' # x\n", "primary_conninfo", "host=h port=5432", 1},
    {"nginx one line", "braces", "upstream x { server 10.0.0.1:80; server b:81; }\nmap $a $b { '' close; }\n",
     "upstream/server", "10.0.0.1:80", 1},
    {"nginx location", "braces", "server { location ~ ^/(a|b)$ { proxy_pass http://h:80/${x}; } }", "**/proxy_pass",
     "http://h:80/${x}", 1},
    {"nginx deeper", "braces", "http {\n server {\n  # c {\n  access_log syslog:server=203.0.113.7:514;\n }\n}\n",
     "http/server/access_log", "syslog:server=203.0.113.7:514", 4},
    {"bind", "braces", "options { forwarders { 9.9.9.9; 8.8.8.8 port 53; }; };", "options/forwarders/8.8.8.8",
     "port 53", 1},
    {"syslog-ng", "calls", "destination d {\n network(\"203.0.113.8\" port(6514)\n transport(\"tls\"));\n};\n",
     "destination/network/port", "6514", 2},
    {"syslog-ng host", "calls", "destination d { network(\"203.0.113.8\" port(6514)); };", "destination/network/1",
     "203.0.113.8", 1},
    {"hcl", "blocks", "seal \"awskms\" {\n  region     = \"us-east-1\"\n}\n", "seal/region", "us-east-1", 2},
    {"hcl list", "blocks", "retry_join = [\n  \"a\", # c\n  \"b\",\n]\nx = 1\n", "retry_join", "a", 2},
    {"hcl behind list", "blocks", "retry_join = [\"a\"]\nx = 1\n", "x", "1", 2},
    {"alloy", "blocks", "loki.write \"d\" {\n endpoint {\n  url = \"https://l/push\"\n }\n}\n",
     "loki.write/endpoint/url", "https://l/push", 3},
    {"caddy", "blocks", "a.example {\n reverse_proxy {$B} 10.0.0.7:80\n log\n}\n", "a.example/reverse_proxy/2",
     "10.0.0.7:80", 2},
    {"logstash", "blocks", "output { elasticsearch { hosts => [\"https://es:9200\"] index => \"x\" } }",
     "output/elasticsearch/hosts", "https://es:9200", 1},
    {"logstash behind", "blocks", "output { elasticsearch { hosts => [\"a\"] index => \"x\" } }",
     "output/elasticsearch/index", "x", 1},
    {"rsyslog forward", "rsyslog", "*.*  @@loghost.example:6514;RSYSLOG_Fmt\n", "forward/host", "loghost.example", 1},
    {"rsyslog framed", "rsyslog", "# c\nauth.* @@(o)203.0.113.9:514\n", "forward/port", "514", 2},
    {"rsyslog six", "rsyslog", "*.* @[2001:db8::1]:514\n", "forward/host", "2001:db8::1", 1},
    {"rsyslog selector action", "rsyslog", "*.* action(type=\"omfwd\" target=\"h.example\"\n  port=\"10514\")\n",
     "action/port", "10514", 2},
    {"rsyslog if", "rsyslog", "if $msg contains 'it''s' then {\n  action(type=\"omfwd\" Target=\"h2.example\")\n}\n",
     "action/target", "h2.example", 2},
    {"rsyslog ruleset", "rsyslog",
     "template(name=\"t\" type=\"string\" string=\"%msg%\\n\")\nruleset(name=\"r\") { action(type=\"omfwd\" "
     "target=[\"a\",\"b\"]) }\n",
     "action/target", "a", 2},
    {"rsyslog legacy", "rsyslog", "$ModLoad imudp\n$ActionFileDefaultTemplate X\n", "$ModLoad", "imudp", 1},
    {"toml", "toml", "[plugins.\"io.containerd.grpc.v1.cri\".registry]\n  config_path = \"/etc/containerd/certs.d\"\n",
     "plugins/io.containerd.grpc.v1.cri/registry/config_path", "/etc/containerd/certs.d", 2},
    {"toml tables", "toml",
     "[[registry]]\nlocation='a' # c\n[[registry.mirror]]\nlocation=\"b\"\n[[registry]]\nlocation=\"c\"\n",
     "registry/mirror/location", "b", 4},
    {"toml arrays", "toml", "urls = [\n \"http://a:1\", # x\n \"http://b:2\",\n]\nn = 5\n", "urls", "http://a:1", 2},
    {"toml inline", "toml", "a = { b = \"c\", d = [1, 2] }\ne.f = 'g'\n", "a/b", "c", 1},
    {"toml dotted", "toml", "a = {b = 1}\ne.f = 'g'\n", "e/f", "g", 2},
    {"xml", "xml", "<c>\n <property><name>x</name><value>hdfs://h:1</value></property>\n <zk host=\"z\"/>\n</c>",
     "c/property/value", "hdfs://h:1", 2},
    {"postgres quotes", "words", "primary_conninfo = 'host=h password=''x y'' port=1'\nb = 'c' # d\n", "b", "c", 2},
    {"keepalived", "blocks", "! old { x }\na {\n ! b 1\n b 192.0.2.1\n}\n", "a/b", "192.0.2.1", 4},
    {"radsecproxy", "blocks", "server [2001:db8::1] {\n type tls\n}\n", "server/1", "[2001:db8::1]", 1},
    {"radsecproxy behind", "blocks", "server [2001:db8::1] {\n type tls\n}\n", "server/type", "tls", 2},
    {"nats", "blocks", "listen: 127.0.0.1:4222\nleaf { url: \"tls://l:7422\" }\n", "leaf/url", "tls://l:7422", 2},
    {"fluentd", "sections", "<match a.**>\n  @type copy\n  <store>\n    host h.example\n  </store>\n</match>\n",
     "match/store/host", "h.example", 4},
    {"apache", "sections", "<VirtualHost *:443>\n  ProxyPass \"/v1\" \"http://g:80/\"\n</VirtualHost>\nListen 80\n",
     "virtualhost/proxypass/2", "http://g:80/", 2},
    {"apache behind", "sections", "<A>\n</A>\n</A>\nListen 80\n", "Listen", "80", 4},
    {"apache continued", "sections", "BalancerMember \\\n  # \"http://b:1\" \\\n  route=2\nX y\n", "X", "y", 4},
    {"yaml list of maps", "yaml", "a:\n- b: 1\n- b: 2\n- {c: 3}\n", "a/c", "3", 4},
    {"xml attribute", "xml", "<c>\n <zk host=\"z\"/>\n</c>", "c/zk/host", "z", 2},
};

static void check(gconstpointer data)
{
    const Row *row = data;
    g_autoptr(GBytes) bytes = g_bytes_new_static(row->text, strlen(row->text));
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseConfig) config = okse_config_read(row->format, bytes, "file", &error);
    const OkseConfigNode *node;

    g_assert_no_error(error);
    node = okse_config_find(okse_config_root(config), row->path);
    g_assert_nonnull(node);
    g_assert_cmpstr(node->value != NULL ? node->value : "", ==, row->value);
    g_assert_cmpuint(node->line, ==, row->line);
}

static bool count(void *context, const OkseConfigNode *node)
{
    (void)node;
    ++*(unsigned *)context;
    return true;
}

static unsigned matches(const char *format, const char *text, const char *path)
{
    g_autoptr(GBytes) bytes = g_bytes_new_static(text, strlen(text));
    g_autoptr(OkseConfig) config = okse_config_read(format, bytes, "file", NULL);
    unsigned found = 0;

    okse_config_each(okse_config_root(config), path, count, &found);
    return found;
}

static void repeated(void)
{
    g_assert_cmpuint(matches("yaml", "a: [1, 2, 3]\n", "a"), ==, 3);
    g_assert_cmpuint(matches("ini", "[a]\nk=1\n[a]\nk=2\n", "a/k"), ==, 2);
    g_assert_cmpuint(matches("ini", "[global]\nu =\n  a\n  b\n", "global/u"), ==, 3);
    g_assert_cmpuint(matches("toml", "[[x]]\na=1\n[[x]]\na=2\n", "x/a"), ==, 2);
    g_assert_cmpuint(matches("rsyslog", "*.* @a\n& @@b:1\n", "forward"), ==, 2);
    g_assert_cmpuint(matches("braces", "a { b 1; b 2; } a { b 3; }", "a/b"), ==, 3);
    g_assert_cmpuint(matches("braces", "a { b { c 1; } } c 2;", "**/c"), ==, 2);
    g_assert_cmpuint(matches("sections", "<a>\nb 1\n<c>\nb 2\n</c>\nb 3\n</a>\nb 4\n", "a/b"), ==, 2);
    g_assert_cmpuint(matches("sections", "a 1 \\\n 2 \\\n 3\n", "a/*"), ==, 3);
    g_assert_cmpuint(matches("rsyslog", "action(type=\"omfwd\" target=[\"a\",\"b\"])", "action/target"), ==, 2);
}

static void bounded(void)
{
    g_autoptr(GString) deep = g_string_new(NULL);
    g_autoptr(GBytes) bytes = NULL;
    g_autoptr(GError) error = NULL;

    for (unsigned i = 0; i < 10000; i++)
        g_string_append(deep, "a{");
    bytes = g_bytes_new_static(deep->str, deep->len);
    g_assert_null(okse_config_read("braces", bytes, "file", &error));
    g_assert_error(error, OKSE_ERROR, OKSE_ERROR_INVALID);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *path = g_strdup_printf("/audit/config/%s", rows[i].name);

        g_test_add_data_func(path, &rows[i], check);
    }
    g_test_add_func("/audit/config/repeated", repeated);
    g_test_add_func("/audit/config/bounded", bounded);
    return g_test_run();
}
