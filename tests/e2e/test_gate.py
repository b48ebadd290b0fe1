"""The law of the destination is asked before a stack is packed, and what it said is in the bundle for all to see."""
import hashlib
import json
import os
import shutil
import subprocess
import zipfile

import pytest

from conftest import ROOT
from stacks import HEAD, write
from test_provenance import statements

EXAMPLE = ROOT / "manifests/stacks/civic-search"
TELEMETRY = ("https://xray.ap-southeast-1.amazonaws.com/v1/traces", "https://otel.ministry.example:4318")
LOGS = ("@@193.0.6.139:6514", "@@10.20.5.14:6514")
COMPLIANCE = """compliance:
  data_classes: [personal]
  sector: government
  purpose: Semantic search over public records
  flows:
    - {name: metrics, to: metrics.ministry.example:443, country: VN, data: [operational]}
"""


def stack(directory, faulty=False, serving="{path: infra}", more=""):
    """The example's configuration and papers without its model; clean, or with its two planted faults."""
    for name in ("infra", "compliance"):
        shutil.rmtree(directory / name, ignore_errors=True)
        shutil.copytree(EXAMPLE / name, directory / name)
    shutil.copy(EXAMPLE / "site.yaml", directory / "site.yaml")
    if not faulty:
        for name, (bad, good) in (("compose.yaml", TELEMETRY), ("rsyslog.conf", LOGS)):
            path = directory / "infra" / name
            path.write_text(path.read_text().replace(bad, good))
    (directory / "stack.yaml").write_text(
        HEAD + f"  - {{name: serving, kind: infra, source: {serving}}}\n"
        "  - {name: papers, kind: compliance, source: {path: compliance}}\n" + more + COMPLIANCE)


def build(okse, *words, country="VN", output="x.okse", gate=("--gate", "block"), **options):
    return okse("build", "stack.yaml", "--country", country, "-o", output, "--unsigned", "--site", "site.yaml", *gate, *words, **options)


def member(bundle, title):
    """A document of the stack manifest, found as a person with tar and jq would."""
    def blob(digest):
        return subprocess.run(["tar", "-xOf", bundle, "blobs/sha256/" + digest.removeprefix("sha256:")], check=True, capture_output=True).stdout
    index = json.loads(subprocess.run(["tar", "-xOf", bundle, "index.json"], check=True, capture_output=True).stdout)
    manifest = json.loads(blob(json.loads(blob(index["manifests"][0]["digest"]))["manifests"][0]["digest"]))
    for layer in manifest["layers"]:
        if layer["annotations"]["org.opencontainers.image.title"] == title:
            data = blob(layer["digest"])
            assert layer["digest"] == "sha256:" + hashlib.sha256(data).hexdigest()
            return data
    return None


def test_a_breach_stops_the_build_and_is_named_at_its_line(okse):
    stack(okse.directory, faulty=True)
    result = build(okse, status=1)
    assert not (okse.directory / "x.okse").exists()
    assert "serving/compose.yaml:15: telemetry" in result.err and "vn-p01" in result.err and "--gate warn" in result.err
    assert "ministry.example" not in result.err, "only breaches close the gate"
    told = build(okse, "--json", status=1).json
    assert told["written"] is False and told["preflight"]["verdict"] == "non-compliant"
    places = {(row["file"], row["line"]) for failed in told["preflight"]["failed"] for row in failed["evidence"] if row["verdict"] == "violation"}
    assert places == {("serving/compose.yaml", 15)}
    assert okse("build", "stack.yaml", "--country", "VN", "--gate", "block", "--dry-run", status=1), "known before shipping"


def test_the_clean_twin_is_packed_with_its_findings(okse):
    stack(okse.directory)
    told = build(okse, "--json", "--report", "json=report.json", status=0).json
    findings = member(okse.directory / "x.okse", "findings.json")
    assert told["preflight"]["findings"] == "sha256:" + hashlib.sha256(findings).hexdigest() and told["preflight"]["failed"] == []
    assert json.loads(findings) == json.loads((okse.directory / "report.json").read_text())
    assert json.loads(findings)["scope"] == ["bundle"] and json.loads(findings)["verdict"] != "non-compliant"
    assert member(okse.directory / "x.okse", "jurisdictions/VN.yaml") == (ROOT / "manifests/jurisdictions/vn.yaml").read_bytes()
    assert member(okse.directory / "x.okse", "frameworks/shipping.yaml") == (ROOT / "manifests/frameworks/shipping.yaml").read_bytes()
    asked = {row["iso"]: row.get("framework", False) for row in json.loads(findings)["jurisdictions"]}
    assert asked == {"VN": False, "shipping": True}


def test_the_gates_before_shipping_are_asked_beside_the_law(okse):
    stack(okse.directory)
    compose = okse.directory / "infra/compose.yaml"
    compose.write_text(compose.read_text().replace('HF_HUB_DISABLE_TELEMETRY: "1"', 'HF_HUB_DISABLE_TELEMETRY: "0"'))
    told = build(okse, "--json", status=1).json
    failed, = [row for row in told["preflight"]["failed"] if row["provision"] == "shp-telemetry"]
    assert [(row["file"], row["line"]) for row in failed["evidence"]] == [("serving/compose.yaml", 12)]
    build(okse, gate=("--gate", "warn"), status=0)
    again = okse("audit", "--bundle", "x.okse", "--country", "KR", "--json", "--at", "2026-09-10", status=1).json
    assert {row["iso"] for row in again["jurisdictions"]} == {"KR", "shipping"}
    assert "no framework 'shiping' (there is: eu-csf iso-27001" in okse(
        "audit", "--bundle", "x.okse", "--country", "VN", "--framework", "shiping", status=2).err


def test_the_release_names_the_law_that_was_asked(okse):
    stack(okse.directory)
    build(okse, status=0)
    okse("key", "new", "-o", "v.pem", status=0)
    okse("sign", "x.okse", "--key", "v.pem", "--role", "vendor", status=0)
    law = "sha256:" + hashlib.sha256((ROOT / "manifests/jurisdictions/vn.yaml").read_bytes()).hexdigest()
    release, = [s["predicate"] for s in statements(okse.directory / "x.okse") if s["predicateType"] == "urn:okse:release:v1"]
    assert release["jurisdictionDigest"] == law


def test_warn_packs_a_breach_for_all_to_see(okse):
    stack(okse.directory, faulty=True)
    result = build(okse, gate=("--gate", "warn"), status=0)
    assert "serving/compose.yaml:15" in result.err and "non-compliant" in result.out
    assert json.loads(member(okse.directory / "x.okse", "findings.json"))["verdict"] == "non-compliant"


def test_off_says_so_and_leaves_no_findings(okse):
    stack(okse.directory, faulty=True)
    result = okse("build", "stack.yaml", "--country", "VN", "-o", "x.okse", "--unsigned", "--gate", "off", status=0)
    assert "was not asked" in result.err and member(okse.directory / "x.okse", "findings.json") is None
    assert "--gate off" in build(okse, "--geo", "x.mmdb", gate=("--gate", "off"), status=2).err, "it would be left unread"
    assert "block, warn, off" in build(okse, gate=("--gate", "of"), status=2).err


def test_findings_follow_from_inputs_only(okse, tmp_path):
    stack(okse.directory)
    one = build(okse, "--json", status=0).json
    two = build(okse, "--json", output="y.okse", env={"TZ": "Asia/Seoul", "LC_ALL": "C.UTF-8"}, status=0).json
    assert one["identity"] == two["identity"]
    assert (okse.directory / "x.okse").read_bytes() == (okse.directory / "y.okse").read_bytes()
    assert one["preflight"]["at"] == "2026-07-01T00:00:00Z", "the day of the law's data, not today"
    later = build(okse, "--json", output="z.okse", env={"SOURCE_DATE_EPOCH": "1796083200"}, status=0).json
    assert later["preflight"]["at"] == "2026-12-01T00:00:00Z"
    assert build(okse, "--json", "--at", "2026-02-28", output="z.okse", status=0).json["preflight"]["at"] == "2026-02-28T00:00:00Z"


@pytest.mark.parametrize("form", ["raw", "tar", "zip"])
def test_the_sealed_bundle_gives_the_findings_that_were_sealed(okse, form):
    """From sources or from the bundle, in every form of a component: one set of facts."""
    stack(okse.directory, faulty=True, serving="{archive: infra.zip}" if form == "zip" else "{path: infra}")
    if form == "tar":
        for i in range(520):
            write(okse.directory / "infra/conf.d" / f"{i:03}.conf", f"server 10.20.0.{i % 250}:443\n")
    if form == "zip":
        with zipfile.ZipFile(okse.directory / "infra.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted((okse.directory / "infra").iterdir()):
                archive.write(path, path.name)
    build(okse, gate=("--gate", "warn"), status=0)
    sealed = json.loads(member(okse.directory / "x.okse", "findings.json"))
    again = okse("audit", "--bundle", "x.okse", "--country", "VN", "--site", "site.yaml", "--at", "2026-07-01", "--json", status=1).json
    assert {row["form"] for row in okse("inspect", "x.okse", "--json", status=0).json["components"]} == {"raw", "tar"} - ({"tar"} if form != "tar" else set())
    assert again["target"]["install"]["identity"].startswith("sha256:") and sealed["target"]["install"]["identity"] is None
    assert again["inventory"] == sealed["inventory"] and again["verdict"] == sealed["verdict"] == "non-compliant"
    known = [f for f in sealed["findings"] if f["control"] != "integrity.installed"]  # before the seal there is no identity
    assert known and known == [f for f in again["findings"] if f["control"] != "integrity.installed"]


def test_a_country_without_law_is_no_pass(okse):
    stack(okse.directory)
    result = build(okse, country="AQ", status=2)
    assert "AQ" in result.err and "--gate warn" in result.err and not (okse.directory / "x.okse").exists()
    result = build(okse, country="AQ", gate=("--gate", "warn"), status=0)
    assert "No pre-flight" in result.err and member(okse.directory / "x.okse", "findings.json") is None
    assert build(okse, "--json", country="AQ", gate=("--gate", "warn"), status=0).json["preflight"] is None


def test_what_cannot_be_read_is_no_pass(okse):
    """A file that is too large, and one that is named like configuration and is none, keep the verdict from being yes."""
    stack(okse.directory)
    write(okse.directory / "infra/big.conf", b"# nothing\n" * (1 << 20))
    write(okse.directory / "infra/wide.conf", b"upstream = https://collector.example.sg\n\0\xff\xfe\0\1")
    build(okse, status=0)
    (row,) = [c for c in json.loads(member(okse.directory / "x.okse", "findings.json"))["collectors"] if c["collector"] == "configuration"]
    assert row["status"] == "partial" and "big.conf" in row["reason"]
    (okse.directory / "infra/big.conf").unlink()
    build(okse, status=0)
    (row,) = [c for c in json.loads(member(okse.directory / "x.okse", "findings.json"))["collectors"] if c["collector"] == "configuration"]
    assert row["status"] == "partial" and "wide.conf" in row["reason"]


def test_a_missing_paper_stops_the_build(okse):
    stack(okse.directory)
    (okse.directory / "compliance/incident-plan.yaml").unlink()
    assert "incident" in build(okse, status=1).err


def test_audit_of_a_damaged_bundle_is_refused(okse):
    stack(okse.directory)
    build(okse, status=0)
    data = bytearray((okse.directory / "x.okse").read_bytes())
    at = data.rindex(b"otel.ministry.example:4318")  # the pre-flight, which stands before, names the host as well
    data[at:at + 4] = b"evil"
    (okse.directory / "bad.okse").write_bytes(data)
    result = okse("audit", "--bundle", "bad.okse", "--country", "VN", status=1)
    assert "bad.okse: serving/compose.yaml" in result.err and result.out == ""
    assert "--scope" in okse("audit", "--bundle", "x.okse", "--scope", "host", "--country", "VN", status=2).err
    assert "one of" in okse("audit", "--bundle", "x.okse", "--root", ".", "--country", "VN", status=2).err


def test_the_findings_are_installed_with_the_bundle(okse):
    """They are stack documents, so the generation keeps them, and status says that nothing was changed."""
    stack(okse.directory)
    build(okse, status=0)
    okse("key", "new", "--type", "ed25519", "-o", "vendor.pem", status=0)
    okse("sign", "x.okse", "--key", "vendor.pem", "--role", "vendor", status=0)
    (okse.directory / "trust.yaml").write_text("okse: trust/v1\nroles:\n  vendor: {threshold: 1, signers: [{key: vendor.pub}]}\n")
    okse("install", "x.okse", "--root", "target", "--trust", "trust.yaml", "--site", "site.yaml", status=0)
    okse("status", "--root", "target", status=0)
    digest = hashlib.sha256(member(okse.directory / "x.okse", "findings.json")).hexdigest()
    assert os.path.exists(okse.directory / "target/current/.okse/blobs/sha256" / digest)
