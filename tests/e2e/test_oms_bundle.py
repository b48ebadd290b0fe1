"""Weights in a bundle carry an OpenSSF model signature, and model_signing itself accepts what is installed."""
import base64
import json
import os
import shutil
import subprocess
import time

import pytest

import signing
import small_bundle
from stacks import HEAD, noise, write
from test_trust import pki, reasons  # noqa: F401 (fixture)

OMS = "https://model_signing/signature/v1.0"
FILES = {"model.safetensors": noise("w", 70_001), "config.json": b"{}", "sub/tokenizer.json": b"[]", ".gitattributes": b"* text"}


@pytest.fixture
def model_signing():
    tool = os.environ.get("OKSE_MODEL_SIGNING")
    if not tool or not os.access(tool, os.X_OK):
        pytest.skip("model_signing is not installed (OKSE_MODEL_SIGNING)")
    return lambda *words: subprocess.run([tool, *map(str, words)], check=True, capture_output=True, text=True)


class Vendor:
    def __init__(self, okse, kind="P-256"):
        self.okse, self.directory = okse, okse.directory
        self.key = signing.Key(okse.directory, "vendor", kind)
        self.policy("{key: vendor.pub}")

    def policy(self, *signers, more=""):
        (self.directory / "trust.yaml").write_text("okse: trust/v1\nroles:\n  vendor: {signers: [" + ", ".join(signers) + "]}\n" + more)

    def build(self, *words, files=None, **options):
        for name, data in (files or FILES).items():
            write(self.directory / "model" / name, data)
        (self.directory / "stack.yaml").write_text(
            HEAD + "  - {name: minilm, kind: weights, source: {path: model}}\n  - {name: conf, kind: infra, source: {path: stack.yaml}}\n")
        return self.okse("build", "stack.yaml", "--country", "VN", "-o", "x.okse", "--key", self.key.path, *words, **options)

    def verify(self, *words, status=0):
        return self.okse("verify", "x.okse", "--trust", "trust.yaml", "--json", *words, status=status).json

    def install(self, status=0):
        self.okse("install", "x.okse", "--root", "target", "--trust", "trust.yaml", status=status)
        return self.directory / "target/current/minilm"


@pytest.fixture
def vendor(okse):
    return Vendor(okse)


def models(verdict):
    return [(s["component"], s["status"]) for s in verdict["signatures"] if s["component"]]


def test_the_installed_weights_satisfy_model_signing(vendor, model_signing):
    vendor.build(status=0)
    assert models(vendor.verify()) == [("minilm", "valid")]
    where = vendor.install()
    assert json.loads((where / "model.sig").read_text())["mediaType"].startswith("application/vnd.dev.sigstore.bundle")
    model_signing("verify", "key", where, "--signature", where / "model.sig", "--public_key", vendor.key.public)
    vendor.okse("verify", "--oms", where, "--signature", where / "model.sig", "--key", vendor.key.public, status=0)
    vendor.okse("status", "--root", "target", status=0)
    write(where / "config.json", b"{ }")
    assert vendor.okse("verify", "--oms", where, "--signature", where / "model.sig", "--key", vendor.key.public).status == 1


def test_a_certificate_chain_satisfies_model_signing(okse, pki, model_signing):
    vendor = Vendor(okse)
    directory, root, issuing = pki
    # model_signing checks the chain as of the leaf's first day, and these roots are of today
    certificate = issuing.issue(vendor.key, "/O=Example AI Lab/CN=Release 2026", start=time.strftime("%Y%m%d%H%M%SZ", time.gmtime()))
    (vendor.directory / "chain.pem").write_bytes(certificate.read_bytes() + issuing.certificate.read_bytes())
    shutil.copy(root.certificate, vendor.directory / "root.pem")
    vendor.policy('{subject: "CN=Release 2026,O=Example AI Lab"}', more="roots: [root.pem]\n")
    vendor.build("--cert", "chain.pem", status=0)
    assert models(vendor.verify()) == [("minilm", "valid")]
    where = vendor.install()
    model_signing("verify", "certificate", where, "--signature", where / "model.sig", "--certificate_chain", vendor.directory / "root.pem")


def test_identity_and_a_pipe_do_not_see_it(vendor):
    plain = vendor.build("--no-oms", "--json", status=0).json["identity"]
    assert vendor.verify()["signatures"][0]["component"] is None and models(vendor.verify()) == []
    assert vendor.build("--json", status=0).json["identity"] == plain
    by_pipe = json.loads(vendor.okse("verify", "-", "--trust", "trust.yaml", "--json", stdin=(vendor.directory / "x.okse").read_bytes(), status=0).out)
    assert models(by_pipe) == [("minilm", "valid")]


def test_it_is_a_referrer_of_the_weights(vendor):
    """As oras or a registry would find it: subject is the model's manifest."""
    vendor.build(status=0)
    told = vendor.okse("inspect", "x.okse", "--json", status=0).json
    (manifest,) = [c["manifest"] for c in told["components"] if c["name"] == "minilm"]
    found = []
    for name in subprocess.run(["tar", "-tf", vendor.directory / "x.okse"], check=True, capture_output=True, text=True).stdout.split():
        data = subprocess.run(["tar", "-xOf", vendor.directory / "x.okse", name], check=True, capture_output=True).stdout
        if data.startswith(b'{"annotations"') and json.loads(data).get("subject", {}).get("digest") == manifest:
            found.append(json.loads(data)["annotations"]["dev.sigstore.bundle.predicateType"])
    assert found == [OMS]
    assert {s["predicateType"] for s in told["statements"]} >= {OMS, "urn:okse:release:v1"}


def test_a_key_that_cannot_says_so(okse):
    vendor = Vendor(okse, "ed25519")
    result = vendor.build(status=0)
    assert "takes an ECDSA key" in result.err and models(vendor.verify()) == []
    assert not (vendor.install() / "model.sig").exists()
    assert "ECDSA" not in vendor.build("--no-oms", status=0).err
    second = signing.Key(okse.directory, "second", "P-384")
    vendor.policy("{key: vendor.pub}", "{key: second.pub}")
    vendor.build("--oms-key", second.path, status=0)
    assert models(vendor.verify()) == [("minilm", "valid")]
    assert "contradict" in vendor.build("--oms-key", second.path, "--no-oms", status=2).err
    assert "ECDSA" in vendor.build("--oms-key", signing.Key(okse.directory, "third").path, status=2).err


def test_a_signer_nobody_lists_is_not_installed(okse):
    vendor = Vendor(okse)
    other = signing.Key(okse.directory, "other", "P-256")
    vendor.build("--oms-key", other.path, status=0)
    assert models(vendor.verify()) == [("minilm", "unknown")]
    assert not (vendor.install() / "model.sig").exists()


def test_the_first_that_is_believed_is_installed(okse, model_signing):
    vendor = Vendor(okse)
    first, second = (signing.Key(okse.directory, name, "P-256") for name in ("first", "second"))
    vendor.build("--oms-key", first.path, status=0)
    okse("sign", "x.okse", "--key", vendor.key.path, "--role", "vendor", "--oms-key", second.path, status=0)
    vendor.policy("{key: vendor.pub}", "{key: second.pub}")
    assert models(vendor.verify()) == [("minilm", "unknown"), ("minilm", "valid")]
    where = vendor.install()
    model_signing("verify", "key", where, "--signature", where / "model.sig", "--public_key", second.public)


def test_signing_again_adds_no_second_one(vendor):
    vendor.build(status=0)
    told = vendor.okse("sign", "x.okse", "--key", vendor.key.path, "--role", "vendor", "--json", status=0).json
    assert told["models"] == ["minilm"] and models(vendor.verify()) == [("minilm", "valid")]


def test_a_countersigner_does_not_sign_the_model(vendor):
    vendor.build("--no-oms", status=0)
    ministry = signing.Key(vendor.directory, "ministry", "P-256")
    vendor.okse("sign", "x.okse", "--key", ministry.path, "--role", "ministry", "--trust", "trust.yaml", status=0)
    assert models(vendor.verify()) == []


def test_a_model_with_its_own_signature_keeps_it(vendor):
    result = vendor.build(files={**FILES, "model.sig": b"{}"}, status=0)
    assert "of its own" in result.err and models(vendor.verify()) == []
    assert (vendor.install() / "model.sig").read_bytes() == b"{}"


def test_many_files_in_tar_form(vendor, model_signing):
    vendor.build(files={f"shard/{i:04}.bin": b"%d" % i for i in range(600)}, status=0)
    assert {c["form"] for c in vendor.okse("inspect", "x.okse", "--json", status=0).json["components"]} == {"tar", "raw"}
    assert models(vendor.verify()) == [("minilm", "valid")]
    by_pipe = json.loads(vendor.okse("verify", "-", "--trust", "trust.yaml", "--json", stdin=(vendor.directory / "x.okse").read_bytes(), status=0).out)
    assert models(by_pipe) == [("minilm", "ignored")], "its listing is not kept while a pipe is read"
    where = vendor.install()
    model_signing("verify", "key", where, "--signature", where / "model.sig", "--public_key", vendor.key.public)
    vendor.okse("status", "--root", "target", status=0)


def test_drift_of_the_signature_is_seen(vendor):
    vendor.build(status=0)
    where = vendor.install()
    (where / "model.sig").write_bytes((where / "model.sig").read_bytes() + b" ")
    drift = vendor.okse("status", "--root", "target", "--json", status=1).json["installed"]["drift"]
    assert [(row["path"], row["status"]) for row in drift] == [("model.sig", "changed")]
    (where / "model.sig").unlink()
    drift = vendor.okse("status", "--root", "target", "--json", status=1).json["installed"]["drift"]
    assert [(row["path"], row["status"]) for row in drift] == [("model.sig", "missing")]
    record = vendor.directory / "target/current/.okse/generation.json"
    value = json.loads(record.read_text())
    value["models"] = {"minilm": "sha256:" + "0" * 64}
    record.write_text(json.dumps(value))
    (where / "model.sig").write_text("{}")
    drift = vendor.okse("status", "--root", "target", "--json", status=1).json["installed"]["drift"]
    assert [(row["path"], row["status"]) for row in drift] == [("model.sig", "added")], "nobody signed it"


def blobs(vendor):
    for name in subprocess.run(["tar", "-tf", vendor.directory / "x.okse"], check=True, capture_output=True, text=True).stdout.split():
        yield subprocess.run(["tar", "-xOf", vendor.directory / "x.okse", name], check=True, capture_output=True).stdout


def payload_of(data):
    return base64.b64decode(json.loads(data)["dsseEnvelope"]["payload"]).decode()


def test_a_signature_over_other_files_refuses_the_bundle(vendor):
    """By the right key, about the right component, over other bytes: moved from another release of the model."""
    vendor.build(status=0)
    theirs = [data for data in blobs(vendor) if b"dsseEnvelope" in data and OMS in payload_of(data)]
    vendor.build("--no-oms", files={**FILES, "config.json": b'{"other": 1}'}, status=0)
    graft(vendor, theirs[0])
    verdict = vendor.verify(status=1)
    assert "over another 'config.json'" in reasons(verdict)
    vendor.okse("install", "x.okse", "--root", "target", "--trust", "trust.yaml", status=1)


def test_a_release_statement_is_no_model_signature(vendor):
    vendor.build("--no-oms", status=0)
    (release,) = [data for data in blobs(vendor) if b"dsseEnvelope" in data and "urn:okse:release" in payload_of(data)]
    graft(vendor, release + b" ", predicate="urn:okse:release:v1")
    assert "must be a model signature" in reasons(vendor.verify(status=1))


def test_a_model_signature_about_the_bundle_counts_for_nothing(vendor):
    vendor.build(status=0)
    (theirs,) = [data for data in blobs(vendor) if b"dsseEnvelope" in data and OMS in payload_of(data)]
    vendor.build("--no-oms", status=0)
    graft(vendor, theirs, component=None)
    (row,) = [s for s in vendor.verify()["signatures"] if s["predicate_type"] == OMS]
    assert row["status"] == "rejected"


def graft(vendor, sigstore, component="minilm", predicate=OMS):
    """Put a statement into the bundle by hand, as docs/formats/bundle.md says."""
    path = vendor.directory / "x.okse"
    told = vendor.okse("inspect", path, "--json", status=0).json
    if component is None:
        digest, kind = told["identity"], "index"
    else:
        (digest,) = [c["manifest"] for c in told["components"] if c["name"] == component]
        kind = "manifest"
    subject = subprocess.run(["tar", "-xOf", path, "blobs/" + digest.replace(":", "/")], check=True, capture_output=True).stdout
    small_bundle.graft(path, subject, kind, sigstore, predicate)
