"""A finding that somebody answers for is waived, never passed; everybody sees who, why and until when."""
import json

import pytest
import yaml

from test_documents import validate
from test_gate import build, member, stack
from test_gate_export import policy
from conftest import ROOT

ROW = {"control": "fetch.none_at_run_time", "file": "serving/start.sh", "approver": "Head of security", "reason": "npx is there, its cache is filled",
       "risk": "low: the host has no route", "from": "2026-06-01", "until": "2026-12-31"}


def faulty(okse, lines="#!/bin/sh\nnpx -y tool\n"):
    stack(okse.directory)
    (okse.directory / "infra/start.sh").write_text(lines)
    policy(okse)
    for kind in ("export-classification", "export-screening"):
        okse("sign", "--document", f"compliance/{kind}.yaml", "--role", "export-control", "--key", "export-control.pem", status=0)


def waivers(okse, /, *rows, sign=True, key="waiver.pem", role="waiver", words=(), **head):
    text = yaml.safe_dump({"okse": "waivers/v1", "stack": "civic", "country": "VN", "waivers": list(rows), **head}, sort_keys=False)
    (okse.directory / "waivers.yaml").write_text(text)
    if sign:
        okse("sign", "--document", "waivers.yaml", "--role", role, "--key", key, *words, status=0)


def waived(okse, *words, **options):
    return build(okse, "--trust", "trust.yaml", "--waivers", "waivers.yaml", *words, **options)


def audit(okse, *words, at="2026-07-01"):
    return okse("audit", "--bundle", "x.okse", "--country", "VN", "--site", "site.yaml", "--json", "--at", at, *words).json


def of(findings, control):
    row, = [f for f in findings["findings"] if f["control"] == control]
    return row


def test_a_signed_waiver_lets_it_ship_and_is_in_the_bundle(okse, shared):
    faulty(okse)
    build(okse, "--trust", "trust.yaml", status=1)
    waivers(okse, ROW)
    result = waived(okse, "--report", "html=r.html", "--report", "json=r.json", status=0)
    assert "waiver of fetch.none_at_run_time: applied" in result.err
    findings = json.loads(member(okse.directory / "x.okse", "findings.json"))
    row = of(findings, "fetch.none_at_run_time")
    assert (row["status"], row["waived_from"]) == ("waived", "fail")
    assert all(word in row["reason"]["en"] for word in ("Head of security", "waiver.pub", "2026-12-31", ROW["reason"], ROW["risk"]))
    assert findings["summary"]["waived"] == 1 and findings["waivers"]["rows"][0]["state"] == "applied"
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(findings, json.loads((ROOT / "manifests/schemas/findings.schema.json").read_text()))
    # the waivers and their approval are there as they were given
    for name in ("waivers.yaml", "waivers.yaml.sigstore.json"):
        assert member(okse.directory / "x.okse", name) == (okse.directory / name).read_bytes()
    assert "Head of security" in (okse.directory / "r.html").read_text()


def test_the_waivers_are_part_of_the_identity(okse):
    faulty(okse)
    waivers(okse, ROW)
    one = waived(okse, "--json", status=0).json["identity"]
    again = waived(okse, "--json", status=0, output="y.okse").json["identity"]
    waivers(okse, {**ROW, "reason": "another"})
    other = waived(okse, "--json", status=0, output="z.okse").json["identity"]
    assert one == again != other


def test_an_auditor_believes_whom_he_trusts(okse):
    faulty(okse)
    waivers(okse, ROW)
    waived(okse, status=0)
    assert of(audit(okse, "--trust", "trust.yaml"), "fetch.none_at_run_time")["status"] == "waived"
    nobody = audit(okse)
    assert of(nobody, "fetch.none_at_run_time")["status"] == "fail"
    assert nobody["waivers"]["status"] == "unjudged" and nobody["waivers"]["rows"][0]["state"] == "void"
    # his own policy names somebody else
    okse("key", "new", "--type", "ed25519", "-o", "other.pem", status=0)
    (okse.directory / "own.yaml").write_text("okse: trust/v1\nroles: {vendor: {signers: [{key: vendor.pub}]}}\napprovals: {waiver: {signers: [{key: other.pub}]}}\n")
    stranger = audit(okse, "--trust", "own.yaml")
    assert of(stranger, "fetch.none_at_run_time")["status"] == "fail" and stranger["waivers"]["status"] == "stranger"
    # and later it is over
    later = audit(okse, "--trust", "trust.yaml", at="2027-01-02")
    assert of(later, "fetch.none_at_run_time")["status"] == "fail" and later["waivers"]["rows"][0]["state"] == "expired"


def test_an_operator_waives_on_his_own(okse):
    faulty(okse)
    build(okse, gate=("--gate", "warn"), status=0)
    waivers(okse, ROW)
    assert of(audit(okse, "--trust", "trust.yaml", "--waivers", "waivers.yaml"), "fetch.none_at_run_time")["status"] == "waived"


def test_a_waiver_for_one_file_covers_no_other(okse):
    faulty(okse)
    (okse.directory / "infra/second.sh").write_text("#!/bin/sh\nuvx tool\n")
    waivers(okse, ROW)
    told = waived(okse, "--json", status=1).json
    assert {row["control"] for row in told["preflight"]["failed"]} == {"fetch.none_at_run_time"} and told["preflight"]["waivers"]["rows"][0]["state"] == "unused"
    waivers(okse, ROW, {**ROW, "file": "serving/second.sh"})
    waived(okse, status=0)
    waivers(okse, {key: value for key, value in ROW.items() if key != "file"})
    waived(okse, status=0, output="y.okse")


@pytest.mark.parametrize("row", [{**ROW, "control": "telemetry.off"}, {**ROW, "provision": "shp-secrets"}, {**ROW, "until": "2026-06-30"}])
def test_a_waiver_of_something_else_or_an_old_one_waives_nothing(okse, row):
    faulty(okse)
    waivers(okse, row)
    assert {r["control"] for r in waived(okse, "--json", status=1).json["preflight"]["failed"]} == {"fetch.none_at_run_time"}
    assert not (okse.directory / "x.okse").exists()


@pytest.mark.parametrize("what, message", [
    ("unsigned", "waivers.yaml.sigstore.json"), ("changed", "is about another document"), ("stranger", "which the trust policy does not know"),
    ("another role", "not as waiver"), ("vendor", "does not let vendor.pub approve as waiver"), ("ended", "the approval ended on 2026-06-30")])
def test_waivers_whose_approval_does_not_hold_are_refused(okse, what, message):
    faulty(okse)
    if what == "stranger":
        okse("key", "new", "--type", "ed25519", "-o", "stranger.pem", status=0)
    waivers(okse, ROW, sign=what != "unsigned", key={"stranger": "stranger.pem", "another role": "export-control.pem", "vendor": "vendor.pem"}.get(what, "waiver.pem"),
            role="export-control" if what == "another role" else "waiver", words=("--expires", "2026-06-30T00:00:00Z") if what == "ended" else ())
    if what == "changed":
        path = okse.directory / "waivers.yaml"
        path.write_text(path.read_text().replace("2026-12-31", "2026-12-30"))
    result = waived(okse)
    assert result.status in (1, 3) and message in result.err and not (okse.directory / "x.okse").exists()


@pytest.mark.parametrize("row, head, message", [
    ({**ROW, "control": "fetch.nothing"}, {}, "there is no control 'fetch.nothing'"), ({**ROW, "control": "export.destination"}, {}, "cannot be waived"),
    ({**ROW, "until": "2027-12-31"}, {}, "366 days at most"), ({**ROW, "until": "2026-05-01"}, {}, "ends before it begins"),
    ({**ROW, "until": "soon"}, {}, "'until' must be a day"), ({key: value for key, value in ROW.items() if key != "until"}, {}, "needs the key 'until'"),
    ({key: value for key, value in ROW.items() if key != "risk"}, {}, "needs the key 'risk'"), ({**ROW, "contrl": "x"}, {}, "did you mean 'control'"),
    (ROW, {"stack": "another"}, "are for the stack 'another', not for 'civic'"), (ROW, {"country": "KR"}, "are for the country 'KR', not for 'VN'"),
    (ROW, {"okse": "waivers/v2"}, "waivers/v1")])
def test_waivers_that_break_their_form_are_refused_at_their_place(okse, row, head, message):
    faulty(okse)
    waivers(okse, row, **head)
    result = waived(okse, status=2)
    assert message in result.err and "waivers.yaml:" in result.err and not (okse.directory / "x.okse").exists()


def test_who_may_waive_must_be_said(okse):
    faulty(okse)
    waivers(okse, ROW)
    assert "--trust FILE" in build(okse, "--waivers", "waivers.yaml", status=2).err


def test_every_report_tells_a_waiver(okse):
    faulty(okse)
    waivers(okse, ROW)
    kinds = ("text", "markdown", "csv", "junit", "sarif", "xccdf", "oscal", "poam", "prometheus")
    waived(okse, *[word for kind in kinds for word in ("--report", f"{kind}=r.{kind}")], status=0)
    for kind in kinds:
        assert "waive" in (okse.directory / f"r.{kind}").read_text().lower() or kind in ("prometheus", "oscal"), kind
    for kind in ("oscal", "poam"):
        assert '"deadline": "2026-12-31T00:00:00Z"' in (okse.directory / f"r.{kind}").read_text()


def test_a_component_definition_has_what_the_package_says_of_itself(okse):
    faulty(okse)
    waivers(okse, ROW)
    identity = waived(okse, "--json", status=0).json["identity"]
    document = okse("policy", "export", "--format", "oscal-component-definition", "--country", "VN", "--framework", "shipping",
                    "--bundle", "x.okse", status=0).json["component-definition"]
    component = document["components"][0]
    assert component["title"] == "civic" and {"name": "version", "value": "1.4.0"} in component["props"]
    assert identity in [prop["value"] for prop in component["props"]]
    states = {"pass": "implemented", "fail": "planned", "inconclusive": "partial", "waived": "alternative", "not-applicable": "not-applicable"}
    findings = json.loads(member(okse.directory / "x.okse", "findings.json"))
    expected = {p["id"]: states[p["status"]] for j in findings["jurisdictions"] for p in j["provisions"]}
    said = {one["control-id"]: [prop["value"] for prop in one["props"] if prop["name"] == "implementation-status"]
            for one in component["control-implementations"][0]["implemented-requirements"]}
    assert said == {id: [state] for id, state in expected.items()} and "alternative" in expected.values()


def test_a_second_builder_comes_to_the_same_identity(okse):
    faulty(okse)
    waivers(okse, ROW)
    waived(okse, status=0)
    words = ["rebuild", "stack.yaml", "--expect", "x.okse", "--site", "site.yaml"]
    okse(*words, "--trust", "trust.yaml", "--waivers", "waivers.yaml", status=0)
    assert okse(*words).status == 1, "without the waivers it is another bundle"
    assert "--trust FILE" in okse(*words, "--waivers", "waivers.yaml", status=2).err


def test_a_sealed_waiver_of_a_control_nobody_knows_here_is_void(okse, tmp_path):
    import shutil
    faulty(okse)
    waivers(okse, ROW)
    waived(okse, status=0)
    shutil.copytree(ROOT / "manifests", tmp_path / "own")
    path = tmp_path / "own/controls/fetch.none_at_run_time.yaml"
    path.write_text(path.read_text().replace("needs: [", "waivable: false\nneeds: [", 1))
    told = audit(okse, "--trust", "trust.yaml", "--manifests", tmp_path / "own")
    assert of(told, "fetch.none_at_run_time")["status"] == "fail" and told["waivers"]["rows"][0]["state"] == "void"
    path.unlink()
    framework = tmp_path / "own/frameworks/shipping.yaml"
    framework.write_text(framework.read_text().replace("  - {control: fetch.none_at_run_time}\n", "  - {control: secrets.none}\n"))
    told = audit(okse, "--trust", "trust.yaml", "--manifests", tmp_path / "own")
    assert told["waivers"]["rows"][0]["state"] == "void"
