"""OpenSSF Model Signing: the reference's fixtures, our signatures, and what each tampering gives."""
import base64
import hashlib
import json
import os
import shutil
import subprocess
import pytest
import signing
from signing import Key


@pytest.fixture
def fixtures(shared):
    path = shared / "vectors" / "oms"
    if not path.is_dir():
        pytest.skip("the fixtures of model_signing are not at hand")
    return path


CASES = [  # name, model beneath it, signer, further words, exit status, what the verdict says
    ("v0.2.0-certificate", "", "ca", ["--allow-legacy-oms"], 0, "legacy envelope"),
    ("v0.2.0-certificate", "", "ca", [], 1, "--allow-legacy-oms accepts"),
    ("v0.3.1-certificate", "", "ca", [], 0, ""),
    ("v1.0.0-certificate", "", "ca", [], 0, ""),
    ("v0.3.1-elliptic-key", "signme-1", "key", [], 0, ""),
    ("v1.0.0-elliptic-key", "signme-1", "key", [], 0, ""),
    ("v1.0.1-elliptic-key", "", "key", ["--ignore", "ignore-me"], 0, "ignore-me"),
    ("v1.0.1-elliptic-key", "", "key", [], 1, "ignore-me: is there but was not signed"),
    ("v1.0.1-sigstore", "", "ca", ["--ignore", "ignore-me"], 1, "keyless"),
    ("v1.0.0-certificate", "", "key", [], 1, "give its roots (--ca)"),
    ("v1.0.1-elliptic-key", "", "ca", [], 1, "give it (--key)"),
]


@pytest.mark.parametrize("name, model, signer, words, status, says", CASES)
def test_fixtures_of_the_reference(okse, fixtures, name, model, signer, words, status, says):
    by = {"ca": ["--ca", fixtures / "keys" / "ca-cert.pem"], "key": ["--key", fixtures / "keys" / "signing-key-pub.pem"]}
    result = okse("verify", "--oms", fixtures / name / model, "--signature", fixtures / name / "model.sig", *by[signer],
                  *words, "--json", status=status)
    verdict = result.json
    assert verdict["verdict"] == ("verified" if status == 0 else "refused")
    assert says in "\n".join(verdict["reasons"] + verdict["notes"])


@pytest.mark.parametrize("name", ["v0.2.0-certificate", "v0.3.1-certificate", "v1.0.1-elliptic-key"])
def test_a_changed_file_in_a_fixture(okse, fixtures, tmp_path, name):
    model = tmp_path / name
    shutil.copytree(fixtures / name, model)
    (model / "signme-2").write_text("other\n")
    by = ["--ca", fixtures / "keys" / "ca-cert.pem"] if "cert" in name else ["--key", fixtures / "keys" / "signing-key-pub.pem"]
    words = ["verify", "--oms", model, "--signature", model / "model.sig", *by, "--ignore", model / "ignore-me",
             "--allow-legacy-oms", "--json"]
    assert okse(*words, status=1).json["reasons"] == ["signme-2: differs from what was signed"]
    (model / "signme-2").unlink()
    assert okse(*words, status=1).json["reasons"] == ["signme-2: was signed but is missing"]


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "minilm"
    (path / "onnx").mkdir(parents=True)
    (path / "config.json").write_text("{}\n")
    (path / "onnx" / "model.onnx").write_bytes(os.urandom(3_000_000))
    (path / "empty").write_bytes(b"")
    (path / "한국어.txt").write_text("안녕\n")
    return path


def check(okse, model, key, status, *words):
    return okse("verify", "--oms", model, "--signature", model / "model.sig", "--key", key.public, "--json", *words,
                status=status).json


@pytest.mark.parametrize("kind", ["P-256", "P-384", "P-521"])
def test_signs_and_verifies(okse, model, tmp_path, kind):
    key = Key(tmp_path, "k", kind)
    okse("sign", "--oms", model, "--key", key.path, status=0)
    assert check(okse, model, key, 0)["files"] == 4
    bundle = json.loads((model / "model.sig").read_bytes())
    payload = base64.b64decode(bundle["dsseEnvelope"]["payload"])
    statement = json.loads(payload)
    files = sorted(p for p in model.rglob("*") if p.is_file() and p.name != "model.sig")
    digests = {str(p.relative_to(model)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
    resources = statement["predicate"]["resources"]
    assert {r["name"]: r["digest"] for r in resources} == digests
    assert [r["name"] for r in resources] == sorted(digests)
    root = hashlib.sha256(b"".join(bytes.fromhex(r["digest"]) for r in resources)).hexdigest()
    assert statement["subject"] == [{"name": "minilm", "digest": {"sha256": root}}]
    pem_hint = hashlib.sha256(key.public.read_bytes()).hexdigest()
    assert bundle["verificationMaterial"]["publicKey"]["hint"] == pem_hint
    message, signature = tmp_path / "m", tmp_path / "s"
    message.write_bytes(signing.pae(payload))
    signature.write_bytes(base64.b64decode(bundle["dsseEnvelope"]["signatures"][0]["sig"]))
    signing.openssl("dgst", signing.DIGESTS[kind], "-verify", key.public, "-signature", signature, message)


def test_other_keys_cannot_sign_models(okse, model, tmp_path):
    for kind in ("ed25519", "rsa:3072"):
        result = okse("sign", "--oms", model, "--key", Key(tmp_path, "k", kind).path, status=2)
        assert "ECDSA" in result.err and not (model / "model.sig").exists()


def test_every_tampering_is_refused(okse, model, tmp_path):
    key = Key(tmp_path, "k", "P-256")
    okse("sign", "--oms", model, "--key", key.path, status=0)
    assert "names another key" in check(okse, model, Key(tmp_path, "other", "P-256"), 1)["reasons"][0]
    (model / "extra").write_text("x")
    assert check(okse, model, key, 1)["reasons"] == ["extra: is there but was not signed"]
    check(okse, model, key, 0, "--ignore", "extra")
    (model / "extra").unlink()
    (model / "link").symlink_to("config.json")
    assert "symbolic link" in check(okse, model, key, 1)["reasons"][0]
    (model / "link").unlink()
    os.rename(model / "empty", model / "renamed")
    assert len(check(okse, model, key, 1)["reasons"]) == 2
    os.rename(model / "renamed", model / "empty")
    check(okse, model, key, 0)


def forged(key, resources, root=None, **serialization):
    root = root or hashlib.sha256(b"".join(bytes.fromhex(r["digest"]) for r in resources)).hexdigest()
    value = {"_type": "https://in-toto.io/Statement/v1", "subject": [{"name": "minilm", "digest": {"sha256": root}}],
             "predicateType": "https://model_signing/signature/v1.0",
             "predicate": {"serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": False,
                                             **serialization}, "resources": resources}}
    return signing.signed(key, value, hint="")


def resource(name, data):
    return {"algorithm": "sha256", "digest": hashlib.sha256(data).hexdigest(), "name": name}


def test_statements_that_are_wrong(okse, tmp_path):
    key, model = Key(tmp_path, "k", "P-256"), tmp_path / "minilm"
    model.mkdir()
    (model / "a").write_bytes(b"0123456789")

    def judge(bundle, status, says=""):
        (model / "model.sig").write_text(json.dumps(bundle))
        verdict = check(okse, model, key, status)
        assert says in "\n".join(verdict["reasons"]), verdict

    good = [resource("a", b"0123456789")]
    judge(forged(key, good), 0)
    judge(forged(key, good, root="0" * 64), 1, "not that of the listed files")
    judge(forged(key, good * 2), 2, "listed twice")
    judge(forged(key, [resource("../a", b"x")]), 2)
    judge(forged(key, [resource("/a", b"x")]), 2)
    judge(forged(key, good, ignore_paths=["../other"]), 2)
    judge(forged(key, good, hash_type="md5"), 2, "not supported")
    judge(forged(key, good, method="archive"), 2)
    shards = [resource("a:0:4", b"0123"), resource("a:4:8", b"4567"), resource("a:8:10", b"89")]
    judge(forged(key, shards, method="shards", shard_size=4), 0)
    judge(forged(key, shards[:2], method="shards", shard_size=4), 1, "a:8:10: is there but was not signed")
    judge(forged(key, shards, method="shards", shard_size=5), 1)
    judge(forged(key, shards, method="shards", shard_size=0), 2)
    blake = [{"algorithm": "blake2", "digest": hashlib.blake2b(b"0123456789").hexdigest(), "name": "a"}]
    judge(forged(key, blake, hash_type="blake2"), 0)
    bundle = forged(key, good)
    bundle["verificationMaterial"]["publicKey"]["hint"] = "0" * 64
    judge(bundle, 1, "names another key")
    (model / "model.sig").write_text("{}")
    check(okse, model, key, 2)


def test_usage(okse, model, tmp_path):
    key = Key(tmp_path, "k", "P-256")
    okse("sign", "--oms", model, "--key", key.path, status=0)
    okse("verify", "--oms", model, "--signature", model / "model.sig", status=2)
    okse("verify", "--oms", model, "--key", key.public, status=2)
    okse("verify", "--oms", model, "--signature", tmp_path / "none", "--key", key.public, status=3)
    okse("verify", "--oms", tmp_path / "none", "--signature", model / "model.sig", "--key", key.public, status=3)
    okse("verify", status=2)


@pytest.mark.parametrize("kind", ["P-256", "P-384"])
def test_model_signing_and_okse_agree(okse, model, tmp_path, kind):
    """Both ways, with the reference implementation (PyPI model-signing; its command named by OKSE_MODEL_SIGNING)."""
    command = os.environ.get("OKSE_MODEL_SIGNING") or shutil.which("model_signing")
    if not command:
        pytest.skip("model_signing is not installed (OKSE_MODEL_SIGNING)")
    key = Key(tmp_path, "k", kind)
    okse("sign", "--oms", model, "--key", key.path, status=0)
    verify = [command, "verify", "key", str(model), "--signature", str(model / "model.sig"), "--public_key", str(key.public)]
    done = subprocess.run(verify, capture_output=True, text=True)
    assert done.returncode == 0, done
    (model / "config.json").write_text("changed\n")
    assert subprocess.run(verify, capture_output=True).returncode != 0
    (model / "model.sig").unlink()
    done = subprocess.run([command, "sign", "key", str(model), "--signature", str(model / "model.sig"), "--private_key",
                           str(key.path)], capture_output=True, text=True)
    assert done.returncode == 0, done
    assert check(okse, model, key, 0)["files"] == 4
