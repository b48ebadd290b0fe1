"""okse report repair: the fewest lines, applied with patch(1) to a copy, collected and audited again: as predicted."""
import json
import shutil
import subprocess

import pytest

import law_facts as lf
import own_law as ol
from conftest import ROOT, Okse

AT = "2026-11-23T07:30:00Z"
RSYSLOG = """module(load="imuxsock")
*.*                             @@(o)sink.abroad.example:6514
    local3.*		@10.20.0.9
*.* action(type="omfwd"
    target="other.abroad.example" port="514"
    protocol="tcp")
"""
CHRONY = "server ntp.abroad.example iburst\nserver 10.20.0.1 iburst\nserver 10.20.0.2 iburst\n"
SITE = """okse: site/v1
name: Hanoi
country: VN
networks: [{cidr: 10.20.0.0/16, country: VN}]
hosts: [{name: "*.abroad.example", country: SG}]
"""
PERMITTED = {"permitted_countries": ["VN"]}
FEW = """okse: control/v1
id: time.few
family: time
title: {en: At most two time servers}
description: {en: Made up.}
needs: [configuration]
violations: >-
  select([.endpoints[] | select(.role == "ntp")] | length > 2) | .endpoints[] | select(.role == "ntp")
unknown: empty
remediation: {en: Take one out.}
tests:
  - {name: none, facts: {}, expect: pass}
  - name: three
    facts: {endpoints: [{host: a.example, role: ntp}, {host: b.example, role: ntp}, {host: c.example, role: ntp}]}
    expect: fail
"""


class Lab:
    """A system of files, and a law of a few articles."""

    def __init__(self, directory, *articles, controls=()):
        self.okse, self.directory, self.root = Okse(directory), directory, directory / "root"
        self.law = ol.manifests(directory, ol.country("VN", *articles), controls=controls)
        (directory / "site.yaml").write_text(SITE)
        for path, text in {"etc/hostname": "gpu01\n", "etc/rsyslog.conf": RSYSLOG, "etc/chrony/chrony.conf": CHRONY}.items():
            self.write(path, text)

    def write(self, path, text):
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def audit(self, name="one", root=None):
        self.okse("collect", "--sysroot", root or self.root, "--site", "site.yaml", "--at", AT, "-o", f"{name}.tar", status=0)
        found = self.okse("audit", "--evidence", f"{name}.tar", "--country", "VN", "--at", AT, "--manifests", self.law, "--json").out
        (self.directory / f"{name}.json").write_text(found)
        return json.loads(found)

    def repair(self, *words, name="one", status=None, json=True):
        done = self.okse("report", "repair", f"{name}.json", "--evidence", f"{name}.tar", "--manifests", self.law, *words,
                         *(["--json"] if json else []), status=status)
        return done.json if json else done

    def patched(self, diff, name="two"):
        """Audit a copy of the system with the diff applied."""
        copy = self.directory / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.root, copy)
        done = subprocess.run(["patch", "-p1", "-d", copy], input=diff, capture_output=True, text=True)
        assert done.returncode == 0 and "offset" not in done.stdout and "fuzz" not in done.stdout, done.stdout
        return self.audit(name, copy)


def article(name, *controls):
    return ol.provision(name, [{"control": one, "parameters": PERMITTED} if one != "time.few" and one != "logs.central" else {"control": one} for one in controls])


def places(repair):
    return [(c["file"], c["line"]) for c in repair["changes"]]


def as_predicted(before, repair, after):
    turned = {t["id"]: t["to"] for t in repair["turned"]}
    assert {f["id"]: f["status"] for f in after["findings"]} == {f["id"]: turned.get(f["id"], f["status"]) for f in before["findings"]}
    assert after["verdict"] == repair["verdict"]["predicted"]


@pytest.fixture
def lab(tmp_path):
    assert shutil.which("patch")
    return Lab(tmp_path, article("p-1", "egress.destinations", "logs.destinations"), article("p-2", "time.sources"))


def test_the_lines_that_break_the_law_and_no_other(lab):
    before = lab.audit()
    assert before["verdict"] == "non-compliant"
    repair = lab.repair("--files", lab.root, "-o", "r.diff", status=0)
    assert repair["verdict"] == {"now": "non-compliant", "predicted": "compliant"} and repair["proof"] == "least"
    assert places(repair) == [("/etc/chrony/chrony.conf", 1), ("/etc/rsyslog.conf", 2), ("/etc/rsyslog.conf", 5)]
    assert all(c["reopened"] and c["exact"] for c in repair["changes"]) and repair["remaining"] == []
    assert (lab.directory / "r.diff").read_text() == repair["diff"]
    as_predicted(before, repair, lab.patched(repair["diff"]))
    assert "    # target=" in (lab.directory / "copy/etc/rsyslog.conf").read_text()
    # the target is as it was, and the same question has the same answer
    assert (lab.root / "etc/rsyslog.conf").read_text() == RSYSLOG
    assert lab.repair("--files", lab.root) == repair


def test_each_line_is_needed(lab):
    """The proof, made again by hand: with one hunk of the diff left out the law is still broken."""
    lab.audit()
    repair = lab.repair("--files", lab.root)
    for left in repair["changes"]:
        diff = "".join(f"--- a{c['file']}\n+++ b{c['file']}\n@@ -{c['line']} +{c['line']} @@\n-{c['before']}\n+{c['after']}\n"
                       for c in repair["changes"] if c is not left)
        after = lab.patched(diff)
        assert after["verdict"] == "non-compliant"
        assert {f["id"] for f in after["findings"] if f["status"] == "fail"} == set(left["reopened"])


def test_another_host_in_place_of_one_abroad(lab):
    before = lab.audit()
    words = [w for old, new in (("sink", 7), ("other", 8), ("ntp", 3)) for w in ("--replace", f"{old}.abroad.example=10.20.0.{new}")]
    repair = lab.repair("--files", lab.root, *words, status=0)
    assert {c["how"] for c in repair["changes"]} == {"replace"} and "@@(o)10.20.0.7:6514" in repair["diff"]
    as_predicted(before, repair, lab.patched(repair["diff"]))
    # one abroad in place of another mends nothing
    assert lab.repair("--replace", "sink.abroad.example=third.abroad.example", status=1)["verdict"]["predicted"] == "non-compliant"
    for bad in ("sink.abroad.example", "=x", "a=b c"):
        assert "HOST=OTHER was expected" in lab.repair("--replace", bad, status=2, json=False).err


def test_what_the_change_itself_breaks_is_said(tmp_path):
    lab = Lab(tmp_path, article("p-1", "logs.destinations", "logs.central"))
    lab.write("etc/rsyslog.conf", "*.* @@sink.abroad.example:6514\n")
    before = lab.audit()
    repair = lab.repair("--files", lab.root, status=1)
    assert places(repair) == [("/etc/rsyslog.conf", 1)] and repair["verdict"]["predicted"] == "non-compliant"
    assert [(r["control"], r["caused"]) for r in repair["remaining"]] == [("logs.central", True)]
    assert "OPENED BY THE CHANGE" in lab.repair(status=1, json=False).out
    as_predicted(before, repair, lab.patched(repair["diff"]))
    mended = lab.repair("--files", lab.root, "--replace", "sink.abroad.example=10.20.0.7", status=0)
    as_predicted(before, mended, lab.patched(mended["diff"]))


def test_where_some_of_the_lines_are_enough(tmp_path):
    """Three time servers where two are allowed: none of the three lines is needed by itself, one of them is enough."""
    lab = Lab(tmp_path, article("p-1", "time.few"), controls=[FEW])
    before = lab.audit()
    repair = lab.repair("--files", lab.root, status=0)
    assert repair["lines_looked_at"] == 3 and len(repair["changes"]) == 1 and repair["proof"] == "least"
    as_predicted(before, repair, lab.patched(repair["diff"]))


def test_twelve_lines_are_proved_and_more_are_each_needed(tmp_path):
    lab = Lab(tmp_path, article("p-1", "time.sources"))
    for count, proof in ((7, "least"), (40, "each-needed")):
        lab.write("etc/chrony/chrony.conf", "".join(f"server n{i}.abroad.example\n" for i in range(count)))
        before = lab.audit()
        repair = lab.repair("--files", lab.root, status=0)
        assert len(repair["changes"]) == count and repair["proof"] == proof
        as_predicted(before, repair, lab.patched(repair["diff"]))


def test_what_no_line_mends_is_listed(okse, tmp_path):
    papers = [d for d in lf.documents() if d["type"] != "dpia"]
    facts = lf.facts(endpoints=lf.clean_endpoints() + lf.faults(), papers=papers)
    lf.set_collector(facts, "drift", "partial", "permission denied")
    path = lf.write(tmp_path, facts)
    (tmp_path / "f.json").write_text(okse("audit", "--evidence", path, "--country", "VN", "--at", AT, "--json", status=1).out)
    repair = okse("report", "repair", "f.json", "--evidence", path, "--json", status=1).json
    assert places(repair) == [lf.TELEMETRY[:2], lf.LOGS[:2]]
    left = {r["control"]: r for r in repair["remaining"]}
    assert left["documents.present"]["status"] == "fail" and left["documents.present"]["places"][0]["message"] == "document: dpia"
    assert left["integrity.drift"]["status"] == "inconclusive" and "permission denied" in left["integrity.drift"]["reason"]["en"]
    assert not any(r["caused"] for r in repair["remaining"]) and not any(c["exact"] for c in repair["changes"])
    text = okse("report", "repair", "f.json", "--evidence", path, status=1).out
    assert "installed from a bundle" in text and "A prediction" in text and "no line mends" in text


@pytest.mark.parametrize("text, told, then", [
    ("*.* @@u:s3cretpassw0rd@sink.abroad.example:6514 token=s3cretpassw0rd99\n", "the line holds a secret", None),
    (RSYSLOG, "the file is not as it was", lambda lab: lab.write("etc/rsyslog.conf", RSYSLOG + "\n"))])
def test_what_cannot_be_shown_is_changed_by_hand(lab, text, told, then):
    lab.write("etc/rsyslog.conf", text)
    lab.audit()
    if then:
        then(lab)
    done = lab.repair("--files", lab.root, "-o", "r.diff", status=0, json=False)
    assert f"BY HAND: {told}" in done.out and "s3cret" not in done.out
    assert "rsyslog" not in (lab.directory / "r.diff").read_text() and "chrony" in (lab.directory / "r.diff").read_text()


def test_a_destination_that_is_named_twice_needs_both_lines(lab):
    lab.write("etc/rsyslog.d/a.conf", "local1.* @@sink.abroad.example:6514\n")
    lab.audit()
    assert ("/etc/rsyslog.d/a.conf", 1) in places(lab.repair(status=0)) and ("/etc/rsyslog.conf", 2) in places(lab.repair())


@pytest.mark.parametrize("name, lines", [("logging-rsyslog", 7), ("unbound", 5), ("mail", 7), ("wireguard", 4), ("openvpn-inline", 4)])
def test_systems_of_the_laboratory(tmp_path, name, lines):
    """Files as their software's documentation writes them, everything abroad: after the change nothing is."""
    lab = Lab(tmp_path, article("p-1", "egress.destinations", "logs.destinations"))
    shutil.rmtree(lab.root)
    shutil.copytree(ROOT / "tests/lab" / name / "root", lab.root, symlinks=True)
    (tmp_path / "site.yaml").write_text(SITE.replace('"*.abroad.example"', '"*.example"').replace("networks: [", 'networks: [{cidr: 192.0.2.0/24, country: SG}, {cidr: 198.51.100.0/24, country: SG}, {cidr: "2001:db8::/32", country: SG}, '))
    before = lab.audit()
    repair = lab.repair("--files", lab.root, status=0)
    assert len(repair["changes"]) == lines and not any(c["by_hand"] for c in repair["changes"])
    as_predicted(before, repair, lab.patched(repair["diff"]))


@pytest.mark.parametrize("text", ["- host: sink.abroad.example\n  port: 514\n", "endpoint: {url: https://sink.abroad.example, x: [\n1]}\n"])
def test_a_line_that_begins_something_is_changed_by_hand(lab, text):
    lab.write("etc/agent/agent.yaml", text)
    lab.audit()
    repair = lab.repair("--files", lab.root)
    (change,) = [c for c in repair["changes"] if "agent" in c["file"]]
    assert "begins something" in change["by_hand"] and "agent" not in repair["diff"]


def test_only_what_the_evidence_gives_is_repaired(lab):
    before = lab.audit()
    before["findings"][0]["violations"] += 1
    (lab.directory / "one.json").write_text(json.dumps(before))
    assert "does not give these findings" in lab.repair(status=2, json=False).err
    lab.audit()
    part = lab.okse("audit", "--evidence", "one.tar", "--country", "VN", "--at", AT, "--manifests", lab.law, "--only", "time.sources", "--json", status=1)
    (lab.directory / "one.json").write_text(part.out)
    assert "partial audit" in lab.repair(status=2, json=False).err


def test_a_compliant_system_needs_nothing(okse, tmp_path):
    path = lf.write(tmp_path, lf.facts())
    (tmp_path / "f.json").write_text(okse("audit", "--evidence", path, "--country", "VN", "--at", AT, "--json", status=0).out)
    repair = okse("report", "repair", "f.json", "--evidence", path, "-o", "r.diff", "--json", status=0).json
    assert repair["changes"] == [] and repair["proof"] == "least" and repair["diff"] == "" and (tmp_path / "r.diff").read_text() == ""
