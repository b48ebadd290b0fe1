"""Declared against observed: what the stack and site.yaml say, and what a host shows."""
import json
import subprocess


AT = "2026-11-23T00:00:00Z"
SITE = """okse: site/v1
name: dc
country: VN
hosts: [{name: metrics.ministry.example, country: VN}]
allowed_endpoints: [logs.ministry.example:6514, never.ministry.example]
storage:
  - {path: /srv/models, place: VN, encrypted: true}
  - {path: /srv/share, place: VN, encrypted: false}
networks: [{cidr: 203.0.113.0/24, country: SG}]
"""


def host(tmp_path, configuration, mounts=""):
    root = tmp_path / "root"
    (root / "etc/rsyslog.d").mkdir(parents=True)
    (root / "proc/self").mkdir(parents=True)
    (root / "etc/rsyslog.d/a.conf").write_text(configuration)
    (root / "proc/self/mountinfo").write_text("21 1 8:1 / / rw - ext4 /dev/sda1 rw\n" + mounts)
    (tmp_path / "site.yaml").write_text(SITE)
    return root


def disagreements(okse, tmp_path, root):
    done = subprocess.run([okse.binary, "collect", "--scope", "host", "--sysroot", root, "--site", tmp_path / "site.yaml",
                           "--at", AT, "--json"], capture_output=True, text=True, env=okse.environment)
    assert done.returncode == 0, done.stderr
    return {(d["kind"], d["declared"], d["seen"], d["source"] and (d["source"]["path"], d["source"]["line"]))
            for d in json.loads(done.stdout)["disagreements"]}


def test_flows_that_nobody_declared_or_saw(okse, tmp_path):
    root = host(tmp_path, "*.* @@logs.ministry.example:6514\n*.* @@198.51.100.7:514\n")
    found = disagreements(okse, tmp_path, root)
    assert ("flow-undeclared", None, "198.51.100.7:514", ("/etc/rsyslog.d/a.conf", 2)) in found
    assert ("flow-unseen", "never.ministry.example", None, None) in found
    assert not [d for d in found if "logs.ministry.example:6514" in (d[1] or "", d[2] or "")]


def test_storage_that_is_not_as_declared(okse, tmp_path):
    """No device is behind the numbers in this root, so nothing can say that /srv/models is encrypted; the share lies abroad."""
    root = host(tmp_path, "", "22 21 8:2 / /srv/models rw - ext4 /dev/sda2 rw\n"
                "23 21 0:50 / /srv/share rw - nfs4 203.0.113.20:/export rw\n")
    found = disagreements(okse, tmp_path, root)
    assert {d[:3] for d in found if d[0].startswith("storage")} == {
        ("storage-unknown", "/srv/models is encrypted", "/srv/models: unknown"),
        ("storage-elsewhere", "/srv/share (VN)", "/srv/share on 203.0.113.20 (SG)")}
    assert all(d[3] is not None for d in found if d[0].startswith("storage"))
