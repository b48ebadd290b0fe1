"""What leaves the vendor's country has been decided on by somebody who signed for it; Okse demands the papers and decides nothing."""
import base64
import json
import shutil
import subprocess

import pytest
import yaml

from conftest import ROOT
from test_gate import build, member, stack

SIGNED = ("export-classification", "export-screening", "export-licence")


def policy(okse, **approvals):
    """trust.yaml with these approvers; their keys are made here."""
    rows = {}
    for role in approvals or {"export-control": 1, "waiver": 1}:
        name = role.replace("_", "-")
        okse("key", "new", "--type", "ed25519", "-o", f"{name}.pem", status=0)
        rows[name] = {"signers": [{"key": f"{name}.pub"}]}
    okse("key", "new", "--type", "ed25519", "-o", "vendor.pem", status=0)
    (okse.directory / "trust.yaml").write_text(yaml.safe_dump({"okse": "trust/v1", "roles": {"vendor": {"signers": [{"key": "vendor.pub"}]}}, "approvals": rows}))


def approve(okse, *types, role="export-control", key=None, words=()):
    for kind in types:
        okse("sign", "--document", f"compliance/{kind}.yaml", "--role", role, "--key", key or f"{role}.pem", *words, status=0)


def change(okse, kind, **fields):
    path = okse.directory / f"compliance/{kind}.yaml"
    document = yaml.safe_load(path.read_text())
    document["fields"] = {key: value for key, value in {**document["fields"], **fields}.items() if value is not None}
    path.write_text(yaml.safe_dump(document, sort_keys=False))


def failed(okse, *words, **options):
    told = build(okse, "--json", *words, status=1, **options).json
    assert not (okse.directory / "x.okse").exists()
    return {(row["control"], place["file"]) for row in told["preflight"]["failed"] for place in row["evidence"] if place["verdict"] == "violation"}


def statuses(okse, *words, country="VN"):
    told = okse("audit", "--bundle", "x.okse", "--country", country, "--site", "site.yaml", "--json", "--at", "2026-07-01", *words).json
    return {(f["control"], f["parameters"].get("type")): f for f in told["findings"] if f["control"].startswith("export.")}


def test_signed_papers_pass(okse):
    stack(okse.directory)
    policy(okse)
    approve(okse, *SIGNED[:2])
    build(okse, "--trust", "trust.yaml", status=0)
    found = statuses(okse, "--trust", "trust.yaml")
    assert {f["status"] for f in found.values()} == {"pass"} and len(found) == 8
    # who has no policy does not know whose signatures they are
    found = statuses(okse)
    assert {control for (control, _), f in found.items() if f["status"] != "pass"} == {"export.signed"}
    assert found["export.signed", None]["status"] == "inconclusive"


@pytest.mark.parametrize("kind", ["export-classification", "export-screening", "end-user-statement"])
def test_a_paper_that_is_missing(okse, kind):
    stack(okse.directory)
    (okse.directory / f"compliance/{kind}.yaml").unlink()
    assert failed(okse) == {("export.papers", None)}


@pytest.mark.parametrize("kind, fields", [
    ("export-classification", {"valid_until": "2026-06-30"}), ("export-classification", {"valid_until": "someday"}), ("export-classification", {"number": ""}),
    ("export-classification", {"cryptography": []}), ("export-classification", {"countries": ["SA"]}), ("export-classification", {"decided_by": None}),
    ("export-screening", {"lists": None}), ("export-screening", {"valid_until": "2026-06-30"}), ("end-user-statement", {"countries": ["KR"]}),
    ("end-user-statement", {"end_use": ""}), ("end-user-statement", {"signatory": None})])
def test_a_paper_that_does_not_serve(okse, kind, fields):
    stack(okse.directory)
    change(okse, kind, **fields)
    found = failed(okse)
    assert ("export.papers", f"papers/{kind}.yaml") in found and {file for _, file in found} == {f"papers/{kind}.yaml"}


def test_a_hit_in_the_screening(okse):
    stack(okse.directory)
    change(okse, "export-screening", result="hit")
    assert failed(okse) == {("export.screening", "papers/export-screening.yaml")}


def test_a_licence_where_one_is_required(okse):
    stack(okse.directory)
    change(okse, "export-classification", licence_required=True)
    assert failed(okse) == {("export.licence", "papers/export-classification.yaml")}
    licence = {"okse": "document/v1", "type": "export-licence", "title": "Licence",
               "fields": {"number": "2026-7", "authority": "MOTIE", "countries": ["VN"], "valid_until": "2026-12-31"}}
    (okse.directory / "compliance/export-licence.yaml").write_text(yaml.safe_dump(licence))
    build(okse, status=0)
    change(okse, "export-licence", valid_until="2026-06-30")
    (okse.directory / "x.okse").unlink()
    assert failed(okse) == {("export.licence", "papers/export-classification.yaml")}


def test_another_model_than_the_one_that_was_classified(okse):
    stack(okse.directory)
    card = {"okse": "document/v1", "type": "model-card", "title": "Card", "fields": {"training_compute_flop": 2.0e+26}}
    (okse.directory / "compliance/model-card.yaml").write_text(yaml.safe_dump(card))
    change(okse, "export-classification", training_compute_flop=5.0e+22)
    assert failed(okse) == {("export.compute", "papers/export-classification.yaml")}
    change(okse, "export-classification", training_compute_flop=2.0e+26)
    build(okse, status=0)


@pytest.mark.parametrize("what", ["unsigned", "changed", "stranger", "another role", "ended", "no signature", "of another paper"])
def test_a_signature_that_is_none(okse, what):
    stack(okse.directory)
    policy(okse)
    approve(okse, *SIGNED[:2])
    beside = okse.directory / "compliance/export-screening.yaml.sigstore.json"
    if what == "unsigned":
        beside.unlink()
    elif what == "changed":
        change(okse, "export-screening", reviewer="Somebody else")
    elif what == "stranger":
        okse("key", "new", "--type", "ed25519", "-o", "stranger.pem", status=0)
        approve(okse, "export-screening", key="stranger.pem")
    elif what == "another role":
        approve(okse, "export-screening", role="waiver")
    elif what == "ended":
        approve(okse, "export-screening", words=("--expires", "2026-06-30"))
    elif what == "no signature":
        beside.write_text('{"mediaType": "x"}')
    else:
        shutil.copy(okse.directory / "compliance/export-classification.yaml.sigstore.json", beside)
    assert failed(okse, "--trust", "trust.yaml") == {("export.signed", "papers/export-screening.yaml")}


def test_the_destination_is_under_an_embargo(okse, tmp_path):
    """No law of that country is in the library: the framework alone is asked, of a bundle that was packed without a gate."""
    stack(okse.directory)
    build(okse, country="KP", gate=("--gate", "warn"), status=0)
    found = statuses(okse, country="KR")
    assert found["export.destination", None]["status"] == "fail" and "1718" in found["export.destination", None]["evidence"][0]["message"]
    build(okse, country="IR", gate=("--gate", "warn"), status=0)
    assert statuses(okse, country="KR")["export.destination", None]["status"] == "fail"
    build(okse, country="RU", gate=("--gate", "warn"), status=0)
    assert statuses(okse, country="KR")["export.destination", None]["status"] == "inconclusive", "a list of items is no embargo of all"


def test_the_table_of_embargoes_stops_a_build(okse, tmp_path):
    shutil.copytree(ROOT / "manifests", tmp_path / "own")
    table = yaml.safe_load((tmp_path / "own/embargoes.yaml").read_text())
    row = {"exporter": "KR", "destination": "VN", "title": "Made up", "as_of": "2026-01-01", "confidence": "high", "list": "none"}
    (tmp_path / "own/embargoes.yaml").write_text(yaml.safe_dump({**table, "embargoes": [row]}))
    stack(okse.directory)
    assert {control for control, _ in failed(okse, "--manifests", tmp_path / "own")} == {"export.destination"}
    (tmp_path / "own/embargoes.yaml").write_text(yaml.safe_dump({**table, "embargoes": [{**row, "exporter": "US"}]}))
    build(okse, "--manifests", tmp_path / "own", status=0)
    (tmp_path / "own/embargoes.yaml").write_text("okse: embargoes/v1\nembargoes: [{exporter: KR}]\n")
    assert "embargoes.yaml:2:" in build(okse, "--manifests", tmp_path / "own", status=2).err


def test_at_home_nothing_is_exported(okse):
    stack(okse.directory)
    for kind in ("export-classification", "export-screening", "end-user-statement"):
        (okse.directory / f"compliance/{kind}.yaml").unlink()
    build(okse, country="KR", gate=("--gate", "warn"), status=0)
    found = statuses(okse, country="KR")
    assert {f["status"] for (control, _), f in found.items() if control != "export.destination"} == {"not-applicable"}


def test_openssl_verifies_an_approval(okse):
    """DSSE by hand: the signature is over the type and the payload, the payload names the digest of the document."""
    stack(okse.directory)
    policy(okse)
    approve(okse, "export-screening")
    path = okse.directory / "compliance/export-screening.yaml"
    envelope = json.loads((path.parent / (path.name + ".sigstore.json")).read_text())["dsseEnvelope"]
    payload = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"].encode()
    (okse.directory / "pae").write_bytes(b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload))
    (okse.directory / "sig").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "export-control.pub", "-rawin", "-in", "pae", "-sigfile", "sig"], cwd=okse.directory, check=True,
                   capture_output=True)
    digest = subprocess.run(["sha256sum", path], check=True, capture_output=True, text=True).stdout.split()[0]
    statement = json.loads(payload)
    assert statement["subject"] == [{"name": "export-screening.yaml", "digest": {"sha256": digest}}]
    assert statement["predicateType"] == "urn:okse:approval:v1" and statement["predicate"]["role"] == "export-control"


def test_an_approver_may_not_release(okse):
    """The key of an approval counts for no role of the bundle."""
    stack(okse.directory)
    policy(okse)
    build(okse, status=0)
    okse("sign", "x.okse", "--key", "export-control.pem", "--role", "vendor", status=0)
    assert okse("verify", "x.okse", "--trust", "trust.yaml").status == 1
    okse("sign", "x.okse", "--key", "vendor.pem", "--role", "vendor", status=0)
    okse("verify", "x.okse", "--trust", "trust.yaml", status=0)


@pytest.mark.parametrize("words, message", [
    (["--document", "compliance/dpia.yaml", "--key", "vendor.pem"], "--role"), (["--document", "compliance/dpia.yaml", "--role", "waiver"], "--key"),
    (["x.okse", "--document", "compliance/dpia.yaml", "--role", "waiver", "--key", "vendor.pem"], "no bundle"),
    (["--document", "nothing.yaml", "--role", "waiver", "--key", "vendor.pem"], "nothing.yaml")])
def test_signing_a_document_says_what_it_needs(okse, words, message):
    stack(okse.directory)
    policy(okse)
    result = okse("sign", *words)
    assert result.status in (2, 3) and message in result.err


def test_a_policy_of_two_signatures_for_a_paper_is_refused(okse):
    policy(okse)
    text = (okse.directory / "trust.yaml").read_text()
    (okse.directory / "trust.yaml").write_text(text.replace("  waiver:\n", "  waiver:\n    threshold: 2\n"))
    assert "'threshold' of an approval must be 1" in okse("trust", "show", "trust.yaml", status=2).err
