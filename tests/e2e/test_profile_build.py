"""A profile in the pre-flight of a build, in rebuild, in the calendar, and together with waivers: what a site asks beyond the law is sealed, and a signed waiver holds for it, too."""
import hashlib
import json
import subprocess

import pytest

import law_facts as lf
import own_law as ol
from test_gate import build, stack
from test_gate_export import approve, policy
from test_profile import ACT, own, profile
from test_waivers import waivers

HOURS = {"provision": "vn-p06", "control": "incident.hours", "parameters": {"hours_max": 12}}  # the example's plan says 72
ROW = {"control": "incident.hours", "provision": "vn-p06", "approver": "Head of security", "reason": "the night shift begins in March", "risk": "low: the law's own hours are kept",
       "from": "2026-06-01", "until": "2026-12-31"}
AT = ("--at", "2026-07-01")


def ready(okse, tmp_path):
    stack(okse.directory)
    policy(okse)
    approve(okse, "export-classification", "export-screening")
    return profile(tmp_path, tighten=[HOURS], instruments=[ACT], add=[own("x-1", [ol.declared(["dpo"])]), {"provision": "vn-p05", **ol.declared(["retention"])}])


def packed(okse, *words, **options):
    return build(okse, "--trust", "trust.yaml", *AT, *words, **options)


def member(bundle, name):
    """A document of the bundle, found with tar and jq alone."""
    index = json.loads(subprocess.run(["tar", "-xOf", bundle, "index.json"], check=True, capture_output=True).stdout)
    blob = lambda digest: subprocess.run(["tar", "-xOf", bundle, f"blobs/sha256/{digest[7:]}"], check=True, capture_output=True).stdout
    for row in json.loads(blob(index["manifests"][0]["digest"]))["manifests"]:
        for layer in json.loads(blob(row["digest"])).get("layers", []):
            if layer["annotations"].get("org.opencontainers.image.title") == name:
                return blob(layer["digest"])
    return None


def statuses(findings):
    return {(f["provision"], f["control"]): f["status"] for f in findings["findings"] if f.get("profiles")}


def test_a_profile_decides_the_pre_flight_and_is_sealed(okse, tmp_path):
    path = ready(okse, tmp_path)
    packed(okse, status=0, output="law.okse")
    refused = packed(okse, "--profile", path, "--json", status=1)
    assert [(f["provision"], f["control"]) for f in refused.json["preflight"]["failed"]] == [("vn-p06", "incident.hours")]
    assert not (okse.directory / "x.okse").exists()
    told = packed(okse, "--profile", path, "--gate", "warn", gate=(), status=0).out
    digest = "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    assert f"profile   ministry-x of 2026-11-30, {digest}\n" in told
    bundle = okse.directory / "x.okse"
    findings = json.loads(member(bundle, "findings.json"))
    assert [(one["name"], one["digest"]) for one in findings["inputs"]["profiles"]] == [("ministry-x", digest)]
    assert statuses(findings) == {("vn-p06", "incident.hours"): "fail", ("x-1", "documents.present"): "pass", ("vn-p05", "documents.present"): "pass"}
    assert member(bundle, "profiles/ministry-x.yaml") == path.read_bytes()
    assert member(okse.directory / "law.okse", "profiles/ministry-x.yaml") is None
    # whoever has the bundle alone asks the same again
    path.unlink()
    (tmp_path / "again.yaml").write_bytes(member(bundle, "profiles/ministry-x.yaml"))
    again = okse("audit", "--bundle", bundle, "--country", "VN", "--site", "site.yaml", "--trust", "trust.yaml", "--profile", tmp_path / "again.yaml", "--json", *AT, status=1).json
    assert statuses(again) == statuses(findings)


def test_rebuild_needs_the_same_profile(okse, tmp_path):
    path = ready(okse, tmp_path)
    packed(okse, "--profile", path, "--gate", "warn", gate=(), status=0)

    def again(*words, status):
        return okse("rebuild", "stack.yaml", "--expect", "x.okse", "--site", "site.yaml", "--trust", "trust.yaml", "--json", *words, status=status)

    assert again("--profile", path, status=0).json["same"]
    assert "was built with the profile 'ministry-x' (sha256:" in again(status=2).err
    path.write_text(path.read_text() + "\n")
    assert "but x.okse was built with the profile 'ministry-x' of sha256:" in again("--profile", path, status=2).err
    packed(okse, status=0, output="x.okse")
    assert "was built without this profile" in again("--profile", path, status=2).err


@pytest.mark.parametrize("words, told", [
    (("--gate", "off"), "--profile and --report belong to the pre-flight"),
    (("--gate", "block"), "vn-p99"),
])
def test_a_profile_that_cannot_be_asked_is_refused_before_the_work(okse, tmp_path, words, told):
    stack(okse.directory)
    path = profile(tmp_path, tighten=[{**HOURS, "provision": "vn-p99"} if "block" in words else HOURS])
    found = okse("build", "stack.yaml", "--country", "VN", "-o", "x.okse", "--unsigned", "--profile", path, *words, status=2)
    assert told in found.err and not (okse.directory / "x.okse").exists()


def test_added_tightened_and_waived_in_one_audit(okse, tmp_path):
    """What the profile asks fails and is waived by name; what it adds is still asked; when the waiver has run out the tightened value fails again."""
    path = ready(okse, tmp_path)
    waivers(okse, ROW)
    found = packed(okse, "--profile", path, "--waivers", "waivers.yaml", "--json", status=0).json["preflight"]
    assert found["failed"] == [] and found["waivers"]["rows"][0]["state"] == "applied"
    sealed = json.loads(member(okse.directory / "x.okse", "findings.json"))
    row, = [f for f in sealed["findings"] if f["control"] == "incident.hours" and f["provision"] == "vn-p06"]
    assert (row["status"], row["waived_from"], row["profiles"], row["parameters"]["hours_max"], row["lawful"]["hours_max"]) == ("waived", "fail", ["ministry-x"], 12, 72)
    assert ROW["reason"] in row["reason"]["en"] and "2026-12-31" in row["reason"]["en"]

    def audited(day, *words):
        return okse("audit", "--bundle", "x.okse", "--country", "VN", "--site", "site.yaml", "--trust", "trust.yaml", "--json", "--at", day, *words).json

    asked = audited("2026-07-01", "--profile", path)
    assert statuses(asked) == {("vn-p06", "incident.hours"): "waived", ("x-1", "documents.present"): "pass", ("vn-p05", "documents.present"): "pass"}
    assert statuses(audited("2027-01-01", "--profile", path))[("vn-p06", "incident.hours")] == "fail"
    # by the law alone there is nothing to waive
    alone = audited("2026-07-01")
    assert [r["state"] for r in alone["waivers"]["rows"]] == ["unused"] and alone["summary"]["waived"] == 0
    # a provision of the profile's own may be waived, too
    (okse.directory / "compliance/dpo.yaml").unlink()
    waivers(okse, ROW, {**ROW, "control": "documents.present", "provision": "x-1"})
    own_row = packed(okse, "--profile", path, "--waivers", "waivers.yaml", "--json", status=0, output="y.okse").json["preflight"]
    assert [r["state"] for r in own_row["waivers"]["rows"]] == ["applied", "applied"]


def test_the_calendar_knows_what_a_profile_asks(okse, tmp_path):
    law = ol.country("VN", ol.provision("v-1", [ol.declared(["dpia"])]))
    manifests = ol.manifests(tmp_path, law)
    path = profile(tmp_path, instruments=[ACT], add=[own("x-1", effective="2027-02-01"), {"provision": "v-1", **ol.declared(["exit-plan"])}])
    evidence = lf.write(tmp_path, lf.facts(papers=[lf.document(1, "dpia")]))

    def calendar(*words, json="--json"):
        return okse("policy", "calendar", "--manifests", manifests, "--country", "VN", "--from", "2026-12-01", *words, *([json] if json else []), status=0)

    assert calendar().json["events"] == [] and "profiles" not in calendar().json
    value = calendar("--profile", path, "--evidence", evidence).json
    assert [(e["date"], e["jurisdiction"], e["provision"]) for e in value["events"]] == [("2027-02-01", "ministry-x", "x-1")]
    assert [p["name"] for p in value["profiles"]] == ["ministry-x"]
    changes = [(d["date"], d["verdict"], [(c["provision"], c["was"], c["is"]) for c in d["changes"]]) for d in value["forecast"]]
    assert changes == [("2026-12-01", "non-compliant", []), ("2027-02-01", "non-compliant", [("x-1", "not-applicable", "fail")])]
    assert "begins ministry-x x-1" in calendar("--profile", path, json=None).out
    assert okse("policy", "calendar", "--manifests", manifests, "--country", "VN", "--profile", tmp_path / "none.yaml").status == 3
