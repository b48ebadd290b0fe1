"""Whoever builds says from what: SLSA provenance v1, as a statement about the identity, read here by hand and by the policy."""
import base64
import json
import subprocess

import pytest

import signing
from stacks import HEAD, write
from test_trust import Site, reasons

SLSA = "https://slsa.dev/provenance/v1"


@pytest.fixture
def built(okse):
    vendor = signing.Key(okse.directory, "vendor")
    write(okse.directory / "conf/a", b"1")
    (okse.directory / "stack.yaml").write_text(HEAD + "  - {name: conf, kind: infra, source: {path: conf}}\n")
    okse("build", "stack.yaml", "--country", "VN", "-o", "x.okse", "--key", vendor.path, status=0)
    policy(okse)
    return okse, vendor


def policy(okse, more=""):
    (okse.directory / "trust.yaml").write_text("okse: trust/v1\nroles:\n  vendor: {signers: [{key: vendor.pub}]}\n" + more)


def verify(okse, status=0):
    return okse("verify", "x.okse", "--trust", "trust.yaml", "--json", status=status).json


def statements(path):
    for name in subprocess.run(["tar", "-tf", path], check=True, capture_output=True, text=True).stdout.split():
        data = subprocess.run(["tar", "-xOf", path, name], check=True, capture_output=True).stdout
        if b'"dsseEnvelope"' in data:
            yield json.loads(base64.b64decode(json.loads(data)["dsseEnvelope"]["payload"]))


def test_it_has_the_shape_of_slsa_and_names_every_component(built):
    okse, vendor = built
    told = okse("inspect", "x.okse", "--json", status=0).json
    (value,) = [s for s in statements(okse.directory / "x.okse") if s["predicateType"] == SLSA]
    assert value["subject"] == [{"name": "civic@1.4.0", "digest": {"sha256": told["identity"].removeprefix("sha256:")}}]
    definition, details = value["predicate"]["buildDefinition"], value["predicate"]["runDetails"]
    assert definition["buildType"] == "urn:okse:build:v1" and definition["externalParameters"]["country"] == "VN"
    (conf,) = told["components"]
    assert definition["resolvedDependencies"] == [{"name": "conf", "uri": "path:conf", "digest": {"sha256": conf["manifest"].removeprefix("sha256:")}}]
    assert details["builder"]["id"] == "urn:okse:key:sha256:" + vendor.id


def test_it_is_listed_and_counts_for_no_role(built):
    okse, _ = built
    verdict = verify(okse)
    assert [(s["predicate_type"], s["status"]) for s in verdict["signatures"]] == [(SLSA, "ignored"), ("urn:okse:release:v1", "valid")]
    assert verdict["notes"] == [] and "provenance: vendor.pub" in okse("verify", "x.okse", "--trust", "trust.yaml", status=0).out


def test_a_signer_who_did_not_build_makes_none(built):
    okse, _ = built
    ministry = signing.Key(okse.directory, "ministry")
    okse("sign", "x.okse", "--key", ministry.path, "--role", "ministry", status=0)
    assert [s["predicateType"] for s in statements(okse.directory / "x.okse")].count(SLSA) == 1


def test_a_policy_can_ask_for_it(built):
    okse, _ = built
    policy(okse, "provenance: {signers: [{key: vendor.pub}]}\n")
    assert [s["status"] for s in verify(okse)["signatures"]] == ["valid", "valid"]
    assert "What it was built from must be said" in okse("trust", "show", "trust.yaml", status=0).out
    signing.Key(okse.directory, "builder")
    policy(okse, "provenance: {signers: [{key: builder.pub}]}\n")
    assert "provenance: 0 of 1" in reasons(verify(okse, status=1))


def test_a_second_builder_adds_its_own(built):
    okse, _ = built
    builder = signing.Key(okse.directory, "builder")
    policy(okse, "provenance: {threshold: 2, signers: [{key: vendor.pub}, {key: builder.pub}]}\n")
    assert "provenance: 1 of 2" in reasons(verify(okse, status=1))
    okse("rebuild", "stack.yaml", "--expect", "x.okse", "--key", builder.path, "--gate", "off", status=0)
    assert len([s for s in verify(okse)["signatures"] if s["predicate_type"] == SLSA and s["status"] == "valid"]) == 2


@pytest.mark.parametrize("change, status, word", [
    (lambda p: p["buildDefinition"].update(buildType="https://example.org/other"), 1, "another build type"),
    (lambda p: p.pop("runDetails"), 1, "runDetails"),
    (lambda p: p["runDetails"]["builder"].pop("id"), 1, "'id'"),
])
def test_other_provenance_does_not_satisfy(okse, change, status, word):
    site = Site(okse, okse.directory)
    vendor = site.key("vendor")
    trust = site.trust({"vendor": vendor}, provenance={"signers": [{"key": "vendor.pub"}]})
    predicate = {"buildDefinition": {"buildType": "urn:okse:build:v1", "externalParameters": {}, "resolvedDependencies": []},
                 "runDetails": {"builder": {"id": "urn:x"}}}
    good = [signing.signed(vendor, signing.statement(site.identity)), signing.signed(vendor, signing.statement(site.identity, predicate, predicateType=SLSA))]
    site.forge(*good)
    site.verify(trust, status=0)
    change(predicate)
    site.forge(good[0], signing.signed(vendor, signing.statement(site.identity, predicate, predicateType=SLSA)))
    assert word in reasons(site.verify(trust, status=status))


def test_provenance_of_another_bundle_does_not_satisfy(okse):
    site = Site(okse, okse.directory)
    vendor = site.key("vendor")
    trust = site.trust({"vendor": vendor}, provenance={"signers": [{"key": "vendor.pub"}]})
    predicate = {"buildDefinition": {"buildType": "urn:okse:build:v1"}, "runDetails": {"builder": {"id": "urn:x"}}}
    site.forge(signing.signed(vendor, signing.statement(site.identity)), signing.signed(vendor, signing.statement("0" * 64, predicate, predicateType=SLSA)))
    assert "provenance: 0 of 1" in reasons(site.verify(trust, status=1))
