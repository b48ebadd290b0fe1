"""Every algorithm, both ways: okse signs and openssl alone verifies, openssl signs and okse verifies; the others by name."""
import base64
import json
import shutil
import subprocess

import pytest
import yaml

import signing
from conftest import ROOT
from test_trust import Site, reasons, site  # noqa: F401 (fixture)

# how okse calls the key, how openssl makes one, okse's algorithm, openssl's words to sign and verify a message
KINDS = {
    "ed25519": (["-algorithm", "ED25519"], "ed25519", ["-rawin"]),
    "ecdsa-p256": (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], "ecdsa-p256-sha256", ["-rawin", "-digest", "sha256"]),
    "ecdsa-p384": (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"], "ecdsa-p384-sha384", ["-rawin", "-digest", "sha384"]),
    "ecdsa-p521": (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"], "ecdsa-p521-sha512", ["-rawin", "-digest", "sha512"]),
    "rsa-3072": (["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"], "rsa-pss-sha256",
                 ["-rawin", "-digest", "sha256", "-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:32", "-pkeyopt", "rsa_mgf1_md:sha256"]),
    "rsa-4096": (["-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:4096"], "rsa-pss-sha256",
                 ["-rawin", "-digest", "sha256", "-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:32", "-pkeyopt", "rsa_mgf1_md:sha256"]),
    "sm2": (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:SM2"], "sm2-sm3", ["-rawin", "-digest", "sm3", "-pkeyopt", "distid:1234567812345678"]),
}
every = pytest.mark.parametrize("kind", KINDS)


def policy(site, algorithm):
    (site.directory / "trust.yaml").write_text(f"okse: trust/v1\nalgorithms: [{algorithm}]\nroles:\n  vendor: {{signers: [{{key: k.pub}}]}}\n")
    return site.directory / "trust.yaml"


def envelope(site):
    names = subprocess.run(["tar", "-tf", site.bundle], check=True, capture_output=True, text=True).stdout.split()
    for name in names:
        data = subprocess.run(["tar", "-xOf", site.bundle, name], check=True, capture_output=True).stdout
        if b'"dsseEnvelope"' in data:
            value = json.loads(data)["dsseEnvelope"]
            return base64.b64decode(value["payload"]), base64.b64decode(value["signatures"][0]["sig"])
    raise AssertionError("no statement in the bundle")


@every
def test_openssl_alone_verifies_ours(site, kind, tmp_path):
    _, algorithm, words = KINDS[kind]
    site.okse("key", "new", "--type", kind, "-o", site.directory / "k.pem", status=0)
    site.okse("sign", site.bundle, "--key", site.directory / "k.pem", "--role", "vendor", status=0)
    payload, signature = envelope(site)
    (tmp_path / "message").write_bytes(signing.pae(payload))
    (tmp_path / "signature").write_bytes(signature)
    signing.openssl("pkeyutl", "-verify", "-pubin", "-inkey", site.directory / "k.pub", "-in", tmp_path / "message", "-sigfile", tmp_path / "signature", *words)
    verdict = site.verify(policy(site, algorithm), status=0)
    assert verdict["signatures"][0]["algorithm"] == algorithm
    (tmp_path / "message").write_bytes(signing.pae(payload + b" "))
    with pytest.raises(AssertionError):
        signing.openssl("pkeyutl", "-verify", "-pubin", "-inkey", site.directory / "k.pub", "-in", tmp_path / "message", "-sigfile", tmp_path / "signature", *words)


def forged(site, kind, words=None):
    """A release that openssl alone signed, in a bundle."""
    make, _, known = KINDS[kind]
    key, message = site.directory / "k.pem", site.directory / "message"
    signing.openssl("genpkey", *make, "-out", key)
    signing.openssl("pkey", "-in", key, "-pubout", "-out", site.directory / "k.pub")
    payload = json.dumps(signing.statement(site.identity), sort_keys=True, separators=(",", ":")).encode()
    message.write_bytes(signing.pae(payload))
    signature = signing.openssl("pkeyutl", "-sign", "-inkey", key, "-in", message, *(words or known))
    site.forge(signing.sigstore(payload, signature, signing.material(hint="")))


@every
def test_we_verify_what_openssl_alone_signed(site, kind):
    forged(site, kind)
    verdict = site.verify(policy(site, KINDS[kind][1]), status=0)
    assert verdict["signatures"][0]["algorithm"] == KINDS[kind][1]


@every
def test_a_policy_that_does_not_name_it_refuses_it(site, kind):
    forged(site, kind)
    other = "ed25519" if kind != "ed25519" else "ecdsa-p256-sha256"
    assert f"algorithm {KINDS[kind][1]} is not among those" in reasons(site.verify(policy(site, other), status=1))


@pytest.mark.parametrize("kind, words", [
    ("ecdsa-p256", ["-rawin", "-digest", "sha384"]),  # attack 13: another digest than the key's
    ("rsa-3072", ["-rawin", "-digest", "sha256"]),  # PKCS#1 v1.5 padding
    ("rsa-3072", ["-rawin", "-digest", "sha256", "-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:0"]),
    ("rsa-3072", ["-rawin", "-digest", "sha1", "-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:20"]),
    ("sm2", ["-rawin", "-digest", "sm3", "-pkeyopt", "distid:somebody"]),
])
def test_the_key_decides_how_it_signs_not_the_message(site, kind, words):
    forged(site, kind, words)
    told = reasons(site.verify(policy(site, KINDS[kind][1]), status=1))
    assert "no key that the trust policy knows" in told or "changed or forged" in told


@pytest.mark.parametrize("make, name", [
    (["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"], "1024 bits is too weak"),
    (["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], "2048 bits is too weak"),
    (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-192"], "prime192v1"),
    (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"], "secp256k1"),
    (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:brainpoolP256r1"], "brainpoolP256r1"),
    (["-algorithm", "ED448"], "ED448"), (["-algorithm", "X25519"], "X25519")])
def test_others_are_refused_by_name(site, make, name):
    key = site.directory / "k.pem"
    signing.openssl("genpkey", *make, "-out", key)
    signing.openssl("pkey", "-in", key, "-pubout", "-out", site.directory / "k.pub")
    before = site.bundle.read_bytes()
    assert name in site.okse("sign", site.bundle, "--key", key, "--role", "vendor", status=2).err and site.bundle.read_bytes() == before
    assert name in site.okse("verify", site.bundle, "--trust", policy(site, "ed25519"), status=2).err


def test_dsa_is_refused_by_name(site):
    signing.openssl("dsaparam", "-genkey", "-noout", "-out", site.directory / "dsa.pem", "1024")
    assert "DSA" in site.okse("sign", site.bundle, "--key", site.directory / "dsa.pem", status=2).err


def test_post_quantum_keys_say_what_they_need(okse):
    result = okse("key", "new", "--type", "ml-dsa-87", "-o", "k.pem")
    version = signing.openssl("version").decode().split()[1]
    if tuple(map(int, version.split(".")[:2])) >= (3, 5):
        assert result.status == 0
    else:
        assert result.status == 2 and "ml-dsa-87 needs OpenSSL 3.5" in result.err and version in result.err


def test_presets_are_the_data_and_a_policy_takes_them(okse):
    """What --preset writes is what the file lists, and show accepts it."""
    presets = yaml.safe_load((ROOT / "manifests/algorithm-presets.yaml").read_text())["presets"]
    okse("key", "new", "-o", "keys.pem", status=0)
    (okse.directory / "keys").mkdir()
    shutil.copy(okse.directory / "keys.pub", okse.directory / "keys/vendor.pub")
    for name, preset in presets.items():
        okse("trust", "init", "--preset", name, "-o", f"{name}.yaml", status=0)
        text = (okse.directory / f"{name}.yaml").read_text()
        assert yaml.safe_load(text)["algorithms"] == preset["algorithms"] and preset["source"] in text and preset["note"] in text
        assert f"Algorithms: {', '.join(preset['algorithms'])}." in okse("trust", "show", f"{name}.yaml", status=0).out
    assert "kr-kcmvp" in okse("trust", "init", "--preset", "kr", status=2).err
