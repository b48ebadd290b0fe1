"""Configuration of real programs, as their documentation writes it: every destination is found with its role and line."""
import json
import os
import pathlib
import subprocess

import pytest

SCENARIOS = {
    "etc/default/app": ("DB_HOST=db.abroad.example\nSMTP_SERVER=\"mail.abroad.example:587\"\nexport OPENAI_BASE_URL=https://api.openai.com/v1\n",
                        {("db.abroad.example", None, "database", 1), ("mail.abroad.example", 587, "mail", 2),
                         ("api.openai.com", 443, "llm-api", 3)}),
    "etc/systemd/system/x.service": (
        "[Service]\nDocumentation=https://docs.example.org/x\nEnvironment=\"OTEL_EXPORTER_OTLP_ENDPOINT=http://otel.abroad.example:4317\"\n",
        {("otel.abroad.example", 4317, "telemetry", 3)}),
    "etc/fluent-bit/fluent-bit.conf": ("[OUTPUT]\n    Name  forward\n    Host  logs.abroad.example\n    Port  24224\n",
                                       {("logs.abroad.example", 24224, "logs", 3)}),
    "etc/nginx/nginx.conf": ("http {\n  upstream api { server api.abroad.example; }\n  server { location / { proxy_pass http://up.abroad.example:8080; } }\n}\n",
                             {("api.abroad.example", None, "peer", 2), ("up.abroad.example", 8080, "peer", 3)}),
    "etc/rsyslog.d/50-siem.conf": ("# to the SIEM\n*.* @@203.0.113.9:6514\naction(type=\"omfwd\" target=\"siem.abroad.example\" port=\"6514\")\n",
                                   {("203.0.113.9", 6514, "logs", 2), ("siem.abroad.example", 6514, "logs", 3)}),
    "etc/systemd/timesyncd.conf.d/a.conf": ("[Time]\nNTP=ntp1.abroad.example ntp2.abroad.example\n",
                                            {("ntp1.abroad.example", None, "ntp", 2), ("ntp2.abroad.example", None, "ntp", 2)}),
    "etc/chrony/chrony.conf": ("pool ntp.abroad.example iburst\nmakestep 1 3\n", {("ntp.abroad.example", None, "ntp", 1)}),
    "etc/resolv.conf": ("nameserver 192.0.2.53\nnameserver 2001:db8::53\n", {("192.0.2.53", None, "dns", 1), ("2001:db8::53", None, "dns", 2)}),
    "etc/prometheus/prometheus.yml": (
        "global: {scrape_interval: 30s}\nremote_write:\n  - url: https://mimir.abroad.example/api/v1/push\nscrape_configs:\n"
        "  - static_configs:\n      - targets: ['10.0.0.5:9100']\n",
        {("mimir.abroad.example", 443, "metrics", 3), ("10.0.0.5", 9100, "metrics", 6)}),
    "etc/otelcol/config.yaml": ("exporters:\n  otlphttp:\n    endpoint: https://otlp.abroad.example:4318\n",
                                {("otlp.abroad.example", 4318, "telemetry", 3)}),
    "etc/vector/vector.toml": ("[sinks.out]\ntype = \"http\"\nuri = \"https://vector.abroad.example/in\"\n",
                               {("vector.abroad.example", 443, "logs", 3)}),
    "etc/containerd/pods.yaml": ("spec:\n  containers:\n    - image: registry.abroad.example/app:1\n      env:\n"
                                 "        - name: OTEL_EXPORTER_OTLP_ENDPOINT\n          value: https://k8s.abroad.example\n",
                                 {("registry.abroad.example", None, "registry", 3), ("k8s.abroad.example", 443, "telemetry", 6)}),
}
NOT_DESTINATIONS = ("VERSION=10.2.3.4\nNET=10.0.0.0/8\nAPP=app.main:8000\nMODEL=model.safetensors\nRELEASE=1.4.0\nPY=package.module\n"
                    "# see https://comment.example.org/\nX=1 # https://trailing.example.org\n")
SECRETS = {"password: correct horse battery staple": "battery", "url: postgresql://u:p/w@db.local.example/x": "p/w",
           "amqp: amqp://u:x@Kr1tz@mq.local.example:5671/v": "Kr1tz", "cmd: tool --api-key AbCdEf123456": "AbCdEf123456",
           "hub: hf_abcdefghijklmnop": "hf_abcdefghijklmnop", "auth: xoxb-1234567890-abc": "xoxb-1234567890",
           "q: https://h.example.org/a?token=Zz9Zz9": "Zz9Zz9", "key = 'QmFzZTY0U2VjcmV0VmFsdWUxMjM0NTY3ODkw'": "QmFzZTY0"}


def tree(where, files):
    for name, content in {"etc/os-release": "PRETTY_NAME=\"Test Linux\"\n", "etc/hostname": "target\n", **files}.items():
        path = where / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return where


def collect(okse, root, *more):
    return okse("collect", "--scope", "host", "--sysroot", root, "--at", "2026-11-23", "--json", *more, status=0).json


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_finds_every_destination(okse, tmp_path, name):
    content, expected = SCENARIOS[name]
    facts = collect(okse, tree(tmp_path / "root", {name: content}))
    found = {(e["host"], e["port"], e["role"], s["line"]) for e in facts["endpoints"] for s in e["sources"] if s["path"] == "/" + name}
    assert found == expected


def test_versions_names_and_comments_are_no_destinations(okse, tmp_path):
    facts = collect(okse, tree(tmp_path / "root", {"etc/default/app": NOT_DESTINATIONS}))
    assert [e["host"] for e in facts["endpoints"]] == []
    assert {m["host"] for m in facts["mentions"]} >= {"comment.example.org", "trailing.example.org"}


def test_secrets_never_enter_the_facts(okse, tmp_path):
    root = tree(tmp_path / "root", {"etc/default/app": "".join(f"{line}\nhost: a{i}.example.org\n" for i, line in enumerate(SECRETS)),
                                    "etc/environment": "SECRET_KEY=plain words here\nMONGO=mongodb://u:hunter2@m.example.org\n"})
    text = json.dumps(collect(okse, root))
    for secret in [*SECRETS.values(), "plain words", "hunter2"]:
        assert secret not in text, secret


def test_same_tree_same_bytes(okse, tmp_path):
    root = tree(tmp_path / "root", {name: content for name, (content, _) in SCENARIOS.items()})
    for name in ("a", "b"):
        okse("collect", "--scope", "host", "--sysroot", root, "--at", "2026-11-23", "-o", tmp_path / name, status=0)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_another_systems_tree_says_nothing_about_the_running_kernel(okse, tmp_path):
    facts = collect(okse, tree(tmp_path / "root", {}))
    status = {c["collector"]: c["status"] for c in facts["collectors"]}
    assert status["sockets"] == status["routes"] == "unavailable" and facts["sockets"] == [] == facts["routes"]
    assert facts["host"]["hostname"] == "target" and facts["host"]["kernel"] is None


def test_no_install_is_unavailable_and_never_empty(okse, tmp_path):
    (tmp_path / "nothing").mkdir()
    facts = okse("collect", "--root", tmp_path / "nothing", "--scope", "install", "--json", status=0).json
    status = {c["collector"]: c["status"] for c in facts["collectors"]}
    assert facts["install"] is None
    assert {status[name] for name in ("install", "drift", "configuration", "documents")} == {"unavailable"}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_unreadable_configuration_is_partial_and_named(okse, tmp_path):
    root = tree(tmp_path / "root", {"etc/rsyslog.d/a.conf": "*.* @@203.0.113.9:6514\n"})
    (root / "etc" / "rsyslog.d" / "a.conf").chmod(0)
    for directory in [tmp_path, *tmp_path.parents]:
        if str(directory).startswith("/tmp/"):
            directory.chmod(directory.stat().st_mode | 0o055)
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", okse.binary, "collect", "--scope", "host",
                           "--sysroot", str(root), "--json"], capture_output=True, text=True, env=okse.environment, cwd="/")
    if done.returncode != 0:
        pytest.skip("another user cannot run the build")
    row = next(c for c in json.loads(done.stdout)["collectors"] if c["collector"] == "configuration")
    assert row["status"] == "partial" and "/etc/rsyslog.d/a.conf" in row["reason"]


def test_a_path_that_is_no_utf8_can_be_missing(okse, tmp_path):
    result = okse("collect", "--sysroot", f"{tmp_path}/no\udcffdirectory", "--scope", "host", status=3)
    assert "directory: No such file or directory" in result.err


def test_region_vectors(okse, tmp_path):
    """Every host of manifests/regions.yaml's own tests gets the country of the region that it names."""
    import yaml
    table = yaml.safe_load((pathlib.Path(__file__).resolve().parents[2] / "manifests" / "regions.yaml").read_text())
    expected = {}
    for row in table["patterns"]:
        for host, region in row["tests"].items():
            expected[host] = table["regions"].get(row["provider"], {}).get(region, {}).get("country")
    root = tree(tmp_path / "root", {"etc/environment": "".join(f"U{i}=https://{host}/\n" for i, host in enumerate(expected))})
    found = {e["host"]: e["location"]["country"] for e in collect(okse, root)["endpoints"]}
    assert {h: found.get(h) for h in expected} == expected and len(expected) > 70


def coverage(facts, collector):
    return next((c["status"], c["reason"]) for c in facts["collectors"] if c["collector"] == collector)


def test_links_of_the_host_are_followed_inside_the_sysroot(okse, tmp_path):
    root = tree(tmp_path / "root", {"opt/siem.conf": "*.* @@203.0.113.9:6514\n", "usr/lib/systemd/system/a.service":
                                    "[Service]\nEnvironment=OTEL_EXPORTER_OTLP_ENDPOINT=http://otel.abroad.example:4317\n"})
    (root / "etc/rsyslog.d").mkdir(), (root / "etc/systemd/system").mkdir(parents=True)
    (root / "etc/rsyslog.d/a.conf").symlink_to("/opt/siem.conf")
    for name, target in {"a.service": "/usr/lib/systemd/system/a.service", "masked.service": "/dev/null", "gone.service": "/nowhere",
                         "self": ".", "up": ".."}.items():
        (root / "etc/systemd/system" / name).symlink_to(target)
    facts = collect(okse, root)
    found = {(e["host"], s["path"], s["line"]) for e in facts["endpoints"] for s in e["sources"]}
    assert ("203.0.113.9", "/etc/rsyslog.d/a.conf", 1) in found
    assert ("otel.abroad.example", "/etc/systemd/system/a.service", 2) in found
    assert coverage(facts, "configuration") == ("complete", None)


def test_what_is_no_file_is_named(okse, tmp_path):
    root = tree(tmp_path / "root", {"etc/rsyslog.d/a.conf": ""})
    os.mkfifo(root / "etc/rsyslog.d/pipe.conf")
    status, reason = coverage(collect(okse, root), "configuration")
    assert status == "partial" and "/etc/rsyslog.d/pipe.conf" in reason


def test_the_compiled_in_time_pool_counts_only_without_a_configured_one(okse, tmp_path):
    daemon = {"lib/systemd/systemd-timesyncd": "", "etc/systemd/timesyncd.conf": "[Time]\n#NTP=\n"}
    alone = collect(okse, tree(tmp_path / "alone", daemon))
    assert sorted((e["host"], e["state"], e["role"]) for e in alone["endpoints"]) == [(f"{i}.debian.pool.ntp.org", "default", "ntp") for i in range(4)]
    configured = collect(okse, tree(tmp_path / "own", {**daemon, "etc/systemd/timesyncd.conf": "[Time]\nNTP=ntp.ministry.example\n"}))
    assert [(e["host"], e["state"]) for e in configured["endpoints"]] == [("ntp.ministry.example", "configured")]


def test_ids_are_unique_and_lists_sorted(okse):
    facts = okse("collect", "--scope", "host", "--json", status=0).json
    for name in ("mounts", "sockets", "routes", "settings", "documents", "drift", "endpoints", "mentions",
                 "residue", "accounts", "schedules", "processes"):
        ids = [fact["id"] for fact in facts[name]]
        assert ids == sorted(set(ids)), name
    assert all(mount["location"]["method"] in ("none", "site-declaration") for mount in facts["mounts"] if not mount["remote"])


MOUNTS = ("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n23 22 0:40 / /srv rw - nfs4 nas.abroad.example:/models rw\n"
          "24 22 0:41 / /far rw - nfs4 [2001:db8:5::1]:/x rw\n25 22 0:42 / /bare rw - nfs4 198.51.100.7:/x rw\n")


def test_mounts_have_their_place(okse, tmp_path):
    site = tmp_path / "site.yaml"
    site.write_text("okse: site/v1\nname: x\ncountry: VN\nnetworks: [{cidr: '2001:db8:5::/48', country: SG}]\n"
                    "storage: [{path: /, place: VN, encrypted: true}]\n")
    facts = collect(okse, tree(tmp_path / "root", {"proc/self/mountinfo": MOUNTS}), "--site", site)
    found = {m["path"]: (m["remote"], m["source_host"], m["location"]["country"]) for m in facts["mounts"]}
    # what the site says of a path is about its own disks: a server elsewhere is where the server is
    assert found == {"/": (False, None, "VN"), "/srv": (True, "nas.abroad.example", None), "/far": (True, "2001:db8:5::1", "SG"),
                     "/bare": (True, "198.51.100.7", None)}
    assert {e["host"] for e in facts["endpoints"] if e["role"] == "remote-fs"} == \
        {"nas.abroad.example", "2001:db8:5::1", "198.51.100.7"}


@pytest.fixture
def installed(okse, tmp_path):
    from test_spine import install
    return install(okse, tmp_path)


def statuses(okse, root):
    facts = okse("collect", "--root", root, "--scope", "install", "--json", status=0).json
    return {c["collector"]: (c["status"], c["reason"]) for c in facts["collectors"]}


def test_damaged_records_are_never_complete(okse, installed):
    records = installed / "current" / ".okse"
    assert statuses(okse, installed)["configuration"] == ("complete", None)
    index = json.loads((records / "index.json").read_text())["manifests"][0]["digest"].removeprefix("sha256:")
    (records / "blobs" / "sha256" / index).chmod(0o644)
    (records / "blobs" / "sha256" / index).write_text("{")
    found = statuses(okse, installed)
    for collector in ("install", "drift", "configuration", "documents"):
        assert found[collector][0] == "partial" and index in found[collector][1], collector


def test_a_link_out_of_a_component_is_named(okse, installed):
    (installed / "current" / "serving" / "extra.conf").symlink_to("/etc/passwd")
    (installed / "current" / "serving" / "inside.conf").symlink_to("./rsyslog.conf")
    status, reason = statuses(okse, installed)["configuration"]
    assert status == "partial" and "serving/extra.conf" in reason


def test_the_signatures_of_an_install_are_those_it_recorded(okse, installed, tmp_path):
    recorded = [s for s in okse("status", "--root", installed, "--json", status=0).json["signatures"] if s["status"] == "valid"]
    words = ("audit", "--root", installed, "--scope", "install", "--country", "VN", "--json")
    shown = okse(*words, status=1).json["inventory"]["signatures"]
    assert shown and shown == [{name: one.get(name) for name in ("signer", "role", "component", "signed_at")} for one in recorded]
    okse(*words[:-1], "--report", f"html={tmp_path}/r.html", status=1)
    assert "as recorded at installation" in (tmp_path / "r.html").read_text()
    path = installed / "current" / ".okse" / "generation.json"
    record = json.loads(path.read_text())
    path.chmod(0o644)
    for odd in ([{"status": "valid", "signer": 5}, {"status": "invalid", "signer": "x"}, 7], {"a": 1}, None):
        record["verification"]["signatures"] = odd
        path.write_text(json.dumps(record))
        found = okse("collect", "--root", installed, "--scope", "install", "--json", status=0).json["install"]["signatures"]
        assert found == ([{"signer": None, "role": None, "component": None, "signed_at": None}] if isinstance(odd, list) else [])
