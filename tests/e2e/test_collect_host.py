"""okse collect: small root file systems written by hand in, facts out. What is expected is what is in the files."""
import json
import os
import pathlib
import re
import subprocess
import sys
import pytest

AT = "2026-11-23"
ROOT = pathlib.Path(__file__).resolve().parents[2]


def tree(directory, files):
    for path, text in files.items():
        place = directory / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text if isinstance(text, bytes) else text.encode())
    directory.mkdir(exist_ok=True)
    return directory


def collect(okse, sysroot, *words, status=0):
    return okse("collect", "--scope", "host", "--sysroot", sysroot, "--at", AT, "--json", *words, status=status).json


def scan(okse, tmp_path, files, *words):
    return collect(okse, tree(tmp_path / "sysroot", files), *words)


def rows(facts, state="configured"):
    return {(e["host"], e["port"], e["role"], s["path"], s["line"])
            for e in facts["endpoints"] if e["state"] == state for s in e["sources"]}


def keys(facts):
    return {(e["host"], s["key"]) for e in facts["endpoints"] for s in e["sources"]}


def hosts(facts):
    return {(e["host"], e["port"]) for e in facts["endpoints"]}


def mentions(facts):
    return {(m["host"], m["noise"]) for m in facts["mentions"]}


def coverage(facts):
    return {c["collector"]: (c["status"], c["reason"]) for c in facts["collectors"]}


SERVICES = {
    "etc/rsyslog.conf": "# logs\n*.* @@logs.abroad.example:6514\n",
    "etc/rsyslog.d/50-ship.conf": "local6.* @192.0.2.9:514\n",
    "etc/prometheus/prometheus.yml": "global:\n  scrape_interval: 30s\nremote_write:\n- url: https://metrics.abroad.example/api/v1/write\n",
    "etc/otelcol/config.yaml": "exporters:\n  otlp:\n    endpoint: otel.abroad.example:4317\n",
    "etc/vector/vector.toml": '[sinks.out]\ntype = "http"\nuri = "https://vector.abroad.example:8443/in"\n',
    "etc/fluent-bit/fluent-bit.conf": "[OUTPUT]\n    Name forward\n    Host fluent.abroad.example\n    Port 24224\n",
    "etc/systemd/system/x.service": '[Service]\nEnvironment="SENTRY_DSN=https://abc@sentry.abroad.example/4"\n'
                                    "ExecStart=/bin/x --otlp-traces-endpoint=http://trace.abroad.example:4318\n",
    "etc/default/app": "DB_HOST=db.abroad.example\nSMTP_SERVER=mail.abroad.example:25\n",
    "etc/resolv.conf": "nameserver 192.0.2.53\nnameserver 2001:db8::53\n",
    "etc/chrony/chrony.conf": "server ntp.abroad.example iburst\n",
    "etc/nginx/nginx.conf": "upstream x { server back.abroad.example:8080; }\n",
}


def test_what_the_services_of_a_host_are_told_to_reach(okse, tmp_path):
    assert rows(scan(okse, tmp_path, SERVICES)) == {
        ("logs.abroad.example", 6514, "logs", "/etc/rsyslog.conf", 2),
        ("192.0.2.9", 514, "logs", "/etc/rsyslog.d/50-ship.conf", 1),
        ("metrics.abroad.example", 443, "metrics", "/etc/prometheus/prometheus.yml", 4),
        ("otel.abroad.example", 4317, "telemetry", "/etc/otelcol/config.yaml", 3),
        ("vector.abroad.example", 8443, "logs", "/etc/vector/vector.toml", 3),
        ("fluent.abroad.example", 24224, "logs", "/etc/fluent-bit/fluent-bit.conf", 3),
        ("sentry.abroad.example", 443, "errors", "/etc/systemd/system/x.service", 2),
        ("trace.abroad.example", 4318, "telemetry", "/etc/systemd/system/x.service", 3),
        ("db.abroad.example", None, "database", "/etc/default/app", 1),
        ("mail.abroad.example", 25, "mail", "/etc/default/app", 2),
        ("192.0.2.53", None, "dns", "/etc/resolv.conf", 1),
        ("2001:db8::53", None, "dns", "/etc/resolv.conf", 2),
        ("ntp.abroad.example", None, "ntp", "/etc/chrony/chrony.conf", 1),
        ("back.abroad.example", 8080, "peer", "/etc/nginx/nginx.conf", 1),
    }


def test_the_keys_under_which_they_stand(okse, tmp_path):
    assert {("sentry.abroad.example", "SENTRY_DSN"), ("trace.abroad.example", "otlp-traces-endpoint"),
            ("db.abroad.example", "DB_HOST")} <= keys(scan(okse, tmp_path, SERVICES))


def test_the_demo_infrastructure_has_its_eight_endpoints(okse, tmp_path):
    infra = ROOT / "manifests/stacks/civic-search/infra"
    files = {f"etc/containers/{p.name}": p.read_bytes() for p in infra.iterdir()}
    got = {(host, port, role, path.rsplit("/", 1)[1], line) for host, port, role, path, line
           in rows(scan(okse, tmp_path, files))}
    assert got == {
        ("ntp.ministry.example", None, "ntp", "chrony.conf", 1),
        ("registry.ministry.example", None, "registry", "compose.yaml", 5),
        ("10.20.4.10", 8443, "peer", "compose.yaml", 8),
        ("xray.ap-southeast-1.amazonaws.com", 443, "telemetry", "compose.yaml", 15),
        ("registry.ministry.example", None, "registry", "compose.yaml", 19),
        ("10.20.4.20", 5432, "database", "compose.yaml", 21),
        ("10.20.4.10", 9464, "metrics", "prometheus.yaml", 6),
        ("metrics.ministry.example", 443, "metrics", "prometheus.yaml", 8),
        ("193.0.6.139", 6514, "logs", "rsyslog.conf", 6),
    }


def test_two_runs_are_the_same_bytes(okse, tmp_path):
    root = tree(tmp_path / "sysroot", SERVICES)
    words = ("collect", "--scope", "host", "--sysroot", root, "--at", AT, "--json")
    assert okse(*words, status=0).out == okse(*words, status=0).out


SECRETS = {
    "etc/environment": "DB_PASSWORD=correct horse battery staple\nHF_TOKEN=hf_AbCdEfGhIjKlMnOp\nplain=sk-proj-abcdefgh1234\n",
    "etc/default/app": "DB=postgres://user:pa/s@s1w0rd@db.abroad.example:5432/x\nOPTS=--api-key Zx81secret -ppl4inpw\n"
                       "HOOK=https://hooks.slack.com/services/T000/B000/webh00ksecret\nA=xoxb-12345-slackbot\n",
    "etc/docker/daemon.json": '{"auth": "ghp_0123456789abcdefghij", "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sigsigsig"}\n'
                              '{"url": "https://h.abroad.example/x?key=quer1secret"}\n',
}
PLANTED = ["horse", "battery", "staple", "AbCdEfGh", "proj-abc", "s1w0rd", "pa/s", "Zx81", "pl4inpw", "webh00k", "slackbot",
           "ghp_0123", "sigsigsig", "quer1secret", "eyJzdWI"]


def test_no_secret_is_in_the_facts(okse, tmp_path):
    root = tree(tmp_path / "sysroot", SECRETS)
    out = okse("collect", "--scope", "host", "--sysroot", root, "--at", AT, "--json", status=0).out
    assert [word for word in PLANTED if word in out] == []
    assert {("db.abroad.example", 5432), ("hooks.slack.com", 443), ("h.abroad.example", 443)} <= hosts(json.loads(out))


def test_the_kernel_that_runs_is_not_the_one_of_a_sysroot(okse, tmp_path):
    facts = scan(okse, tmp_path, {"etc/os-release": 'PRETTY_NAME="Other 1"\n'})
    for name in ("sockets", "routes"):
        assert coverage(facts)[name] == ("unavailable", "the kernel that runs is not that of the sysroot")
    assert facts["sockets"] == [] and facts["routes"] == []
    assert facts["host"]["os"] == "Other 1" and facts["host"]["kernel"] is None and facts["host"]["machine"] is None


def test_a_line_with_more_than_can_be_looked_at_is_said(okse, tmp_path):
    many = " ".join(f"https://h{i}.a.example/" for i in range(300))
    status, reason = coverage(scan(okse, tmp_path, {"etc/default/app": many + "\n"}))["configuration"]
    assert status == "partial" and "/etc/default/app" in reason


@pytest.mark.parametrize("define, value", [('define "" = 203.0.114.9\n', "$"), ("", "$"), ("define N = 203.0.114.9\n", "$M")])
def test_a_variable_without_a_name_leaves_the_filter_open(okse, tmp_path, define, value):
    """nft(8) refuses such a file, and what is then in force nobody knows."""
    rules = define + "table inet filter {\nchain output {\ntype filter hook output priority 0; policy drop;\nip daddr " + value + " accept\n}\n}\n"
    egress, = scan(okse, tmp_path, {"etc/nftables.conf": rules})["egress"]
    assert not egress["complete"] and egress["unmodelled"] and egress["surely"]["count"] == 0


DROPS = "table inet filter {\nchain output {\ntype filter hook output priority 0; policy drop;\n%s\n}\n}\n"


@pytest.mark.parametrize("rules, named", [
    (DROPS % "" + "delete table inet filter\n", "delete table inet filter"),  # nft then lets everything out
    (DROPS % "" + "\n" * 4_000_000 + "add rule inet filter output accept\n", "more words than are read"),
    (DROPS % ("ip daddr " + "1-" * 200_000 + "1 accept"), ("ip daddr " + "1-" * 200)[:200]),
], ids=["taken-away", "too-long", "range-of-ranges"])
def test_what_is_not_read_leaves_the_filter_open(okse, tmp_path, rules, named):
    facts = scan(okse, tmp_path, {"etc/nftables.conf": rules})
    egress, = facts["egress"]
    assert not egress["complete"] and coverage(facts)["egress"][0] == "partial"
    assert egress["unmodelled"][0]["text"] == named


def test_hosts_without_url_or_port(okse, tmp_path):
    facts = scan(okse, tmp_path, {
        "etc/rsyslog.d/a.conf": 'action(type="omfwd" target="a.abroad.example" port="6514" protocol="tcp")\n'
                                'action(type="omfwd"\n  port="10514"\n  target="b.abroad.example")\n',
        "etc/containers/k8s.yaml": "spec:\n  externalName: c.abroad.example\n  env:\n  - name: OTEL_EXPORTER_OTLP_ENDPOINT\n"
                                   "    value: http://d.abroad.example:4317\n",
        "etc/systemd/timesyncd.conf": "[Time]\nNTP=e.abroad.example f.abroad.example\n",
    })
    assert rows(facts) == {
        ("a.abroad.example", 6514, "logs", "/etc/rsyslog.d/a.conf", 1),
        ("b.abroad.example", 10514, "logs", "/etc/rsyslog.d/a.conf", 4),
        ("c.abroad.example", None, "unknown", "/etc/containers/k8s.yaml", 2),
        ("d.abroad.example", 4317, "telemetry", "/etc/containers/k8s.yaml", 5),
        ("e.abroad.example", None, "ntp", "/etc/systemd/timesyncd.conf", 2),
        ("f.abroad.example", None, "ntp", "/etc/systemd/timesyncd.conf", 2),
    }
    assert ("d.abroad.example", "OTEL_EXPORTER_OTLP_ENDPOINT") in keys(facts)


def test_the_host_of_a_url_is_the_one_a_client_would_take(okse, tmp_path):
    facts = scan(okse, tmp_path, {"etc/default/app": "A=https://evil.example:443/a@good.example/\nB=https://evil2.example/x@good.example\n"
                                                     "C=https://evil3.example?x@good.example\n"})
    assert {h for h, _ in hosts(facts)} == {"evil.example", "evil2.example", "evil3.example"}


FALSE = {
    "etc/containers/x.yaml": "version: 10.2.3.4\nimage_config: 1.2.3.4\nnet: 10.0.0.0/8\n"
                             "url: https://a.abroad.example/ # not https://b.abroad.example/\n",
    "etc/default/app": "RUN=uvicorn app.main:8000\n",
    "etc/systemd/system/x.service": "[Unit]\nDocumentation=https://docs.abroad.example/\n",
}


def test_what_only_looks_like_a_destination_is_a_mention(okse, tmp_path):
    facts = scan(okse, tmp_path, FALSE)
    assert hosts(facts) == {("a.abroad.example", 443)}
    assert mentions(facts) == {("10.2.3.4", "version"), ("1.2.3.4", "version"), ("10.0.0.0", "range"),
                               ("b.abroad.example", "comment"), ("app.main", "module"), ("docs.abroad.example", "documentation")}


def test_a_line_without_a_key_does_not_take_the_key_before_it(okse, tmp_path):
    facts = scan(okse, tmp_path, {"etc/default/app": "sentry: x\n| send 192.0.2.1:99\n"})
    assert keys(facts) == {("192.0.2.1", None)} and {e["role"] for e in facts["endpoints"]} == {"unknown"}


def test_drop_ins_and_the_compiled_in_pool(okse, tmp_path):
    daemon = {"lib/systemd/systemd-timesyncd": ""}
    facts = scan(okse, tmp_path, daemon)
    assert sorted((e["host"], e["state"]) for e in facts["endpoints"]) == [(f"{i}.debian.pool.ntp.org", "default") for i in range(4)]
    facts = scan(okse, tmp_path, {"etc/systemd/timesyncd.conf.d/a.conf": "[Time]\nNTP=ntp.abroad.example\n",
                                  "etc/systemd/resolved.conf.d/b.conf": "[Resolve]\nDNS=192.0.2.53#dns.abroad.example 1.1.1.1\n"})
    assert rows(facts) == {("ntp.abroad.example", None, "ntp", "/etc/systemd/timesyncd.conf.d/a.conf", 2),
                           ("192.0.2.53", None, "dns", "/etc/systemd/resolved.conf.d/b.conf", 2),
                           ("1.1.1.1", None, "dns", "/etc/systemd/resolved.conf.d/b.conf", 2)}
    assert not any(e["state"] == "default" for e in facts["endpoints"])
    place = [e["location"] for e in facts["endpoints"] if e["host"] == "1.1.1.1"]
    assert place[0]["country"] is None and place[0]["anycast"] is True


def mounts(okse, tmp_path, lines, files):
    lines = [f"{20 + i} 1 {dev} / {path} rw - {kind} {source} rw" for i, (dev, path, kind, source) in enumerate(lines)]
    facts = scan(okse, tmp_path, {"proc/self/mountinfo": ("\n".join(lines) + "\n").encode("latin-1"), **files})
    return {m["path"]: m["encrypted"] for m in facts["mounts"]}, facts


def test_one_plain_disk_under_a_volume_makes_it_plain(okse, tmp_path):
    block = "sys/dev/block/"
    got, _ = mounts(okse, tmp_path, [("253:0", "/both", "ext4", "/dev/dm-0"), ("253:1", "/good", "ext4", "/dev/dm-1"),
                                     ("8:1", "/plain", "ext4", "/dev/sda1"), ("9:9", "/gone", "ext4", "/dev/x"),
                                     ("0:30", "/tmp", "tmpfs", "tmpfs")], {
        block + "253:0/dm/uuid": "LVM-x\n", block + "253:0/slaves/dm-7/x": "", block + "253:0/slaves/sda1/x": "",
        block + "253:1/dm/uuid": "LVM-y\n", block + "253:1/slaves/dm-7/x": "",
        "sys/class/block/dm-7/dm/uuid": "CRYPT-LUKS2-z\n", "sys/class/block/sda1/size": "1\n", block + "8:1/size": "1\n",
        "proc/swaps": "Filename Type Size Used Priority\n/dev/sda1 partition 1 0 -2\n"})
    assert got == {"/both": "no", "/good": "yes", "/plain": "no", "/gone": "unknown", "/tmp": "unknown"}


def test_memory_without_swap_or_with_encrypted_swap_is_on_no_disk(okse, tmp_path):
    got, _ = mounts(okse, tmp_path, [("0:30", "/tmp", "tmpfs", "tmpfs")], {"proc/swaps": "Filename Type Size Used Priority\n"})
    assert got == {"/tmp": "yes"}
    got, _ = mounts(okse, tmp_path, [("0:30", "/tmp", "tmpfs", "tmpfs")], {
        "proc/swaps": "Filename Type Size Used Priority\n/dev/dm-7 partition 1 0 -2\n",
        "sys/class/block/dm-7/dm/uuid": "CRYPT-LUKS2-z\n"})
    assert got == {"/tmp": "yes"}


def test_names_that_are_no_utf8_are_kept(okse, tmp_path):
    got, facts = mounts(okse, tmp_path, [("0:40", "/m\xff", "nfs4", "nfs.abroad.example:/x\xfe")],
                        {"etc/default/x": "URL=https://a.abroad.example/\n"})
    assert list(got) == ["/m\ufffd"] and ("nfs.abroad.example", None) in hosts(facts)
    odd = os.fsencode(tmp_path / "sysroot/etc/default") + b"/n\xff"
    with open(odd, "w") as file:
        file.write("URL=https://odd.abroad.example/\n")
    assert ("odd.abroad.example", 443, "unknown", "/etc/default/n\ufffd", 1) in rows(collect(okse, tmp_path / "sysroot"))


def test_an_unreadable_configuration_makes_its_collector_partial(okse, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root, to become somebody else")
    root = tree(tmp_path / "sysroot", {"etc/rsyslog.conf": "*.* @@logs.abroad.example\n", "etc/default/app": "A=https://a.example/\n"})
    (root / "etc/default/app").chmod(0)
    for place in (root, *root.parents):
        if place != pathlib.Path("/") and place != pathlib.Path("/tmp"):
            place.chmod(place.stat().st_mode | 0o055)
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", okse.binary, "collect", "--scope", "host",
                           "--sysroot", root, "--at", AT, "--json"], capture_output=True, text=True, env=okse.environment)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    status, reason = coverage(facts)["configuration"]
    assert status == "partial" and "/etc/default/app" in reason
    assert ("logs.abroad.example", 514) in hosts(facts)  # rsyslog.conf(5): the port is 514 where none is given


def test_no_kind_of_program_is_absent_behind_what_cannot_be_read(okse, tmp_path):
    """A closed directory, a closed file, and a file at a program's own place that is not what it should be."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to become somebody else")
    root = tree(tmp_path / "sysroot", {"etc/vault.d/vault.hcl": 'api_addr = "https://a.example"\n', "etc/rsyslog.d/x.conf": "*.* @@a.example\n",
                                       "etc/prometheus/prometheus.yml": "scrape_configs: [\n", "var/lib/docker/containers/x/config.v2.json": "{}"})
    for place in (root, *root.parents, *root.rglob("*")):
        if place not in (pathlib.Path("/"), pathlib.Path("/tmp")):
            place.chmod(place.stat().st_mode | 0o055)
    (root / "etc/vault.d").chmod(0o700)
    (root / "var/lib/docker").chmod(0o700)
    (root / "etc/rsyslog.d/x.conf").chmod(0)
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", okse.binary, "collect", "--scope", "host",
                           "--sysroot", root, "--at", AT, "--json"], capture_output=True, text=True, env=okse.environment)
    assert done.returncode == 0, done.stderr
    found = coverage(json.loads(done.stdout))
    assert found["keys"][0] == "partial" and "/etc/vault.d" in found["keys"][1]
    assert found["logging"][0] == "partial" and "/etc/rsyslog.d/x.conf" in found["logging"][1]
    assert found["metrics"][0] == "partial" and "/etc/prometheus/prometheus.yml:2:1" in found["metrics"][1]
    assert found["workloads"][0] == "partial" and "/var/lib/docker" in found["workloads"][1]
    assert found["backups"][0] == "absent"


@pytest.mark.parametrize("damage", ["nothing", "current-is-a-file", "no-manifest"])
def test_an_install_that_is_not_there_is_unavailable(okse, tmp_path, damage):
    root = tmp_path / "install"
    root.mkdir()
    if damage == "current-is-a-file":
        (root / "current").write_text("x")
    if damage == "no-manifest":
        (root / "generations/1-aaaa").mkdir(parents=True)
        (root / "current").symlink_to("generations/1-aaaa")
    facts = okse("collect", "--root", root, "--scope", "install", "--at", AT, "--json", status=0).json
    assert facts["install"] is None
    assert {coverage(facts)[name][0] for name in ("install", "drift", "configuration", "documents")} == {"unavailable"}
    assert all(coverage(facts)[name][1] for name in ("install", "drift", "configuration", "documents"))


def test_an_install_root_that_does_not_exist_is_an_error(okse, tmp_path):
    assert "nowhere" in okse("collect", "--root", tmp_path / "nowhere", "--json", status=3).err


SERVER = "import socket,sys\ns=socket.create_server((sys.argv[1],9000))\nprint('up',flush=True)\nc,_=s.accept()\nc.recv(1)\n"
CLIENT = "import socket,sys\ns=socket.create_connection((sys.argv[1],9000),5)\nprint('up',flush=True)\ns.recv(1)\n"


@pytest.fixture
def namespace():
    """A network namespace with one end of a cable; the other end has the address 203.0.113.9."""
    name, far = f"okse-{os.getpid()}", f"okse-{os.getpid()}f"
    steps = [["ip", "netns", "add", name], ["ip", "netns", "add", far],
             ["ip", "-n", name, "link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", far],
             ["ip", "-n", name, "addr", "add", "203.0.113.1/24", "dev", "v0"], ["ip", "-n", far, "addr", "add", "203.0.113.9/24", "dev", "v1"],
             ["ip", "-n", name, "link", "set", "v0", "up"], ["ip", "-n", far, "link", "set", "v1", "up"],
             ["ip", "-n", name, "route", "add", "0.0.0.0/1", "via", "203.0.113.9"], ["ip", "-n", name, "route", "add", "10.0.0.0/7", "via", "203.0.113.9"],
             ["ip", "-n", name, "route", "add", "10.2.0.0/16", "via", "203.0.113.9"]]
    try:
        for step in steps:
            try:
                done = subprocess.run(step, capture_output=True, text=True)
            except FileNotFoundError:
                pytest.skip("needs iproute2")
            if done.returncode != 0:
                pytest.skip(f"needs root and network namespaces: {done.stderr.strip()}")
        yield name, far
    finally:
        for one in (name, far):
            subprocess.run(["ip", "netns", "delete", one], capture_output=True)


def test_a_connection_abroad_is_seen_with_its_process_and_country(okse, tmp_path, namespace):
    if os.geteuid() != 0:
        pytest.skip("needs root, for network namespaces")
    name, far = namespace
    site = tmp_path / "site.yaml"
    site.write_text("okse: site/v1\nname: Hanoi 1\ncountry: VN\nnetworks:\n- {cidr: 203.0.113.0/24, country: DE}\n")
    started = []
    try:
        for place, program in ((far, SERVER), (name, CLIENT)):
            started.append(subprocess.Popen(["ip", "netns", "exec", place, sys.executable, "-c", program, "203.0.113.9"],
                                            stdout=subprocess.PIPE, text=True))
            assert started[-1].stdout.readline() == "up\n"
        done = subprocess.run(["ip", "netns", "exec", name, okse.binary, "collect", "--scope", "host", "--site", site, "--at", AT,
                               "--json"], capture_output=True, text=True, env=okse.environment)
    finally:
        for process in started:
            process.kill()
            process.wait()
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    (seen,) = [e for e in facts["endpoints"] if e["host"] == "203.0.113.9"]
    assert seen["port"] == 9000 and seen["observed"] is True and seen["direction"] == "out" and seen["state"] == "observed"
    assert seen["location"]["country"] == "DE" and seen["location"]["method"] == "site-declaration"
    assert seen["process"]["pid"] == started[1].pid and "python" in seen["process"]["exe"]
    public = {r["destination"]: r["public"] for r in facts["routes"]}
    assert public["0.0.0.0/1"] is True and public["10.0.0.0/7"] is True and public["10.2.0.0/16"] is False


def test_facts_follow_their_schema(okse, tmp_path):
    import jsonschema
    schema = json.loads((ROOT / "manifests/schemas/facts.schema.json").read_text())
    facts = scan(okse, tmp_path, {**SERVICES, **FALSE})
    jsonschema.validate(facts, schema)
    assert set(facts["mentions"][0]) >= {"id", "host", "noise", "source"}
    assert "mentions" in schema["properties"] and re.search("type", str(schema["$defs"]["drift"]["properties"]["status"]["enum"]))
