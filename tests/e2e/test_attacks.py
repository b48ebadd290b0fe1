"""The attack list of the signing formats, as far as it concerns statements; one test for each, named by its number.
Verdicts: refused is exit 1, invalid is exit 2."""
import base64
import json
import os
import shutil
import subprocess
import pytest
import signing
import small_bundle
from signing import Key
from test_trust import chain_site, pki, reasons, site  # noqa: F401 (fixtures)


@pytest.fixture
def signer(site):
    """(site, vendor's key, policy); site.forge puts forged statements in."""
    key = site.key("vendor", "P-256")
    return site, key, site.trust({"vendor": key})


def good(site, key):
    return signing.signed(key, signing.statement(site.identity))


def refused(site, trust, *statements, words="", status=1):
    site.forge(*statements)
    verdict = site.verify(trust, status=status)
    assert words in reasons(verdict), verdict
    by_pipe = site.okse("verify", "-", "--trust", trust, "--json", stdin=site.bundle.read_bytes())
    assert by_pipe.status == status
    return verdict


def test_the_unforged_statement_is_accepted(signer):
    site, key, trust = signer
    site.forge(good(site, key))
    site.verify(trust, status=0)


def test_01_payload_byte_flipped(signer):
    site, key, trust = signer
    bundle = good(site, key)
    payload = bytearray(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    payload[len(payload) // 2] ^= 1
    bundle["dsseEnvelope"]["payload"] = signing.b64(bytes(payload))
    refused(site, trust, bundle, words="changed or forged")


def test_02_payload_encoded_again(signer):
    site, key, trust = signer
    bundle = good(site, key)
    payload = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    bundle["dsseEnvelope"]["payload"] = signing.b64(json.dumps(payload, indent=1).encode())
    refused(site, trust, bundle, words="changed or forged")


def test_03_wrong_payload_type(signer):
    site, key, trust = signer
    payload = json.dumps(signing.statement(site.identity)).encode()
    bundle = signing.sigstore(payload, key.sign(signing.pae(payload, "text/plain")), signing.material(key), "text/plain")
    refused(site, trust, bundle, words="payload's type")
    bundle = good(site, key)
    bundle["dsseEnvelope"]["payloadType"] = "text/plain"
    refused(site, trust, bundle, words="changed or forged")


def test_04_wrong_statement_type_and_predicate_type(signer):
    site, key, trust = signer
    value = signing.statement(site.identity, _type="https://in-toto.io/Statement/v0.1")
    refused(site, trust, signing.signed(key, value), words="'_type'")
    value = signing.statement(site.identity, predicateType="https://example.org/other/v1")
    refused(site, trust, signing.signed(key, value), words="counts for no role")
    value = signing.statement(site.identity, predicateType="https://slsa.dev/provenance/v1")
    refused(site, trust, signing.signed(key, value), words="buildDefinition")


def test_05_subject_of_another_bundle(signer):
    site, key, trust = signer
    refused(site, trust, signing.signed(key, signing.statement("0" * 64, signing.release("0" * 64))), words="another bundle")


def test_06_two_signatures_in_one_envelope(signer):
    site, key, trust = signer
    bundle = good(site, key)
    bundle["dsseEnvelope"]["signatures"] *= 2
    refused(site, trust, bundle, words="exactly one", status=2)


def test_07_no_signature_in_the_envelope(signer):
    site, key, trust = signer
    bundle = good(site, key)
    bundle["dsseEnvelope"]["signatures"] = []
    refused(site, trust, bundle, words="no signature")
    refused(site, trust, good(site, key), bundle, words="no signature")


def test_08_duplicate_json_keys(signer):
    site, key, trust = signer
    text = json.dumps(good(site, key))
    refused(site, trust, text.replace('{"mediaType"', '{"mediaType":"x","mediaType"', 1).encode(), words="duplicate", status=2)
    inner = json.dumps(signing.statement(site.identity)).replace('"predicate":', '"predicate":{},"predicate":').encode()
    bundle = signing.sigstore(inner, key.sign(signing.pae(inner)), signing.material(key))
    refused(site, trust, bundle, words="duplicate", status=2)


@pytest.mark.parametrize("change", [lambda t: t + "\n", lambda t: t[:10] + "\n" + t[10:], lambda t: t.rstrip("=") + "====",
                                    lambda t: t[:-1], lambda t: " " + t, lambda t: t[:4] + "====" + t[4:], lambda t: t + "!",
                                    lambda t: "-+" + t[2:]])
def test_09_base64_that_is_not_canonical(signer, change):
    site, key, trust = signer
    for place in ("sig", "payload"):
        bundle = good(site, key)
        if place == "sig":
            bundle["dsseEnvelope"]["signatures"][0]["sig"] = change(bundle["dsseEnvelope"]["signatures"][0]["sig"])
        else:
            bundle["dsseEnvelope"]["payload"] = change(bundle["dsseEnvelope"]["payload"])
        refused(site, trust, bundle, words="base64", status=2)


def test_09_base64_with_loose_bits_and_nul(signer):
    site, key, trust = signer
    bundle = good(site, key)
    bundle["dsseEnvelope"]["signatures"][0]["sig"] = "QUJDRB=="
    refused(site, trust, bundle, words="base64", status=2)
    text = json.dumps(good(site, key)).replace('"sig": "', '"sig": "\\u0000', 1)
    refused(site, trust, text.encode(), status=2)


def test_09_url_safe_base64_is_accepted(signer):
    site, key, trust = signer
    bundle = good(site, key)
    envelope = bundle["dsseEnvelope"]
    envelope["payload"] = envelope["payload"].replace("+", "-").replace("/", "_")
    envelope["signatures"][0]["sig"] = envelope["signatures"][0]["sig"].replace("+", "-").replace("/", "_")
    site.forge(bundle)
    site.verify(trust, status=0)


def test_10_bytes_behind_the_json(signer):
    site, key, trust = signer
    refused(site, trust, json.dumps(good(site, key)).encode() + b"x", status=2)
    refused(site, trust, json.dumps(good(site, key)).encode() + b"{}", status=2)


def test_11_too_deep_and_too_large(signer):
    site, key, trust = signer
    refused(site, trust, b'{"a":' * 100 + b"1" + b"}" * 100, words="deeper", status=2)
    deep = json.dumps(signing.statement(site.identity, x=0)).replace('"x": 0', '"x":' + "[" * 90 + "]" * 90).encode()
    refused(site, trust, signing.sigstore(deep, key.sign(signing.pae(deep)), signing.material(key)), words="deeper", status=2)


GIB = 1 << 30


def limited(site, *words):
    """Run with 1 GiB of address space: what is larger must be refused before it is held."""
    return subprocess.run(["prlimit", f"--as={GIB}", site.okse.binary, *map(str, words)], capture_output=True, text=True, timeout=60,
                          cwd=site.directory, env=site.okse.environment)


@pytest.mark.skipif("ASAN_OPTIONS" in os.environ, reason="sanitizers need more address space")
def test_11_a_gibibyte_where_a_document_belongs(signer):
    """A policy, a model signature and a statement of 1 GiB each (sparse files): invalid, in little memory."""
    site, key, trust = signer
    (site.directory / "model").mkdir()
    for name in ("large.yaml", "large.sig"):
        with open(site.directory / name, "wb") as file:
            file.truncate(GIB)
    done = limited(site, "verify", site.bundle, "--trust", "large.yaml")
    assert done.returncode == 2 and "large.yaml" in done.stderr, done
    done = limited(site, "verify", "--oms", "model", "--signature", "large.sig", "--key", key.public)
    assert done.returncode == 2 and "large.sig" in done.stderr, done
    site.forge(good(site, key))
    small_bundle.claim(site.bundle, GIB)
    done = limited(site, "verify", site.bundle, "--trust", trust)
    assert done.returncode == 2 and "limit" in done.stdout, done


def test_12_key_of_a_type_or_size_not_allowed(signer):
    site, key, trust = signer
    only = site.trust({"vendor": key}, "only.yaml", algorithms=["ed25519"])
    refused(site, only, good(site, key), words="not among those the trust policy allows")


def test_12_weak_leaf_certificate(site, pki):
    _, root, issuing = pki
    weak = site.key("weak", "rsa:2048")
    certificate = issuing.issue(weak, "/CN=Weak")
    shutil.copy(root.certificate, site.directory / "root.pem")
    trust = site.trust({"vendor": [1, {"subject": "CN=Weak"}]}, roots=["root.pem"])
    bundle = signing.signed(weak, signing.statement(site.identity), chain=[signing.der(certificate),
                                                                          signing.der(issuing.certificate)])
    refused(site, trust, bundle, words="too weak")


def test_13_digest_claimed_that_is_not_the_keys(signer):
    site, key, trust = signer
    payload = json.dumps(signing.statement(site.identity)).encode()
    bundle = signing.sigstore(payload, key.sign(signing.pae(payload), "-sha384"), signing.material(key))
    bundle["verificationMaterial"]["publicKey"]["keyDetails"] = "PKIX_ECDSA_P384_SHA_384"
    refused(site, trust, bundle, words="changed or forged")


def test_14_hint_naming_a_trusted_key_over_anothers_signature(signer):
    site, key, trust = signer
    other = site.key("other", "P-256")
    bundle = signing.signed(other, signing.statement(site.identity), hint=key.id)
    refused(site, trust, bundle, words="changed or forged")
    refused(site, trust, good(site, key), bundle, words="changed or forged")
    two = site.trust({"vendor": key, "ministry": other}, "two.yaml")
    bundle = good(site, key)
    bundle["dsseEnvelope"]["signatures"][0]["keyid"] = other.id
    refused(site, two, bundle, words="names other.pub, but another key")


LEAVES = {
    "15 without digitalSignature": ("keyUsage=critical,keyEncipherment\nextendedKeyUsage=serverAuth", "digitalSignature"),
    "15 without any usage": ("basicConstraints=CA:FALSE", "digitalSignature"),
    "16 that is an authority": ("basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,digitalSignature",
                                "certificate authority"),
}


def chain_bundle(site, key, *certificates, **predicate):
    value = signing.statement(site.identity, signing.release(site.identity, **predicate))
    return signing.signed(key, value, chain=[signing.der(c) for c in certificates])


@pytest.mark.parametrize("name", LEAVES)
def test_15_16_leaf(site, pki, name):
    _, root, issuing = pki
    extensions, words = LEAVES[name]
    key, _, certificate = chain_site(site, pki, extensions=extensions)
    trust = site.trust({"vendor": [1, {"issuer": "CN=Issuing,O=Example"}]}, roots=["root.pem"])
    refused(site, trust, chain_bundle(site, key, certificate, issuing.certificate), words=words)


def test_15_leaf_with_code_signing_only_is_accepted(site, pki):
    _, root, issuing = pki
    key, _, certificate = chain_site(site, pki, extensions="extendedKeyUsage=codeSigning")
    site.forge(chain_bundle(site, key, certificate, issuing.certificate))
    site.verify(site.trust({"vendor": [1, {"eku": "codeSigning"}]}, roots=["root.pem"]), status=0)


def test_16_chain_through_what_is_no_authority(site, pki):
    directory, root, issuing = pki
    key, _, certificate = chain_site(site, pki)
    false = signing.Authority.__new__(signing.Authority)
    false.__dict__.update(issuing.__dict__)
    middle = Key(site.directory, "middle", "P-256")
    middle_certificate = issuing.issue(middle, "/O=Example/CN=Middle")
    false.directory, false.key = site.directory / "false", middle
    shutil.copytree(issuing.directory, false.directory)
    config = (false.directory / "openssl.cnf").read_text().replace(str(issuing.key.path), str(middle.path))
    config = config.replace(str(issuing.certificate), str(middle_certificate)).replace(str(issuing.directory), str(false.directory))
    (false.directory / "openssl.cnf").write_text(config)
    leaf = Key(site.directory, "below", "P-256")
    leaf_certificate = false.issue(leaf, "/CN=Below")
    trust = site.trust({"vendor": [1, {"subject": "CN=Below"}]}, roots=["root.pem"])
    refused(site, trust, chain_bundle(site, leaf, leaf_certificate, middle_certificate, issuing.certificate), words="CA")


def test_16_path_length_and_name_constraints(site, tmp_path):
    extensions = "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign"
    root = signing.Authority(tmp_path, "Short", extensions=extensions)
    issuing = signing.Authority(tmp_path, "Too deep", root)
    key = site.key("leaf", "P-256")
    certificate = issuing.issue(key, "/CN=Leaf")
    trust = site.trust({"vendor": [1, {"subject": "CN=Leaf"}]}, roots=["Short/ca.crt"])
    refused(site, trust, chain_bundle(site, key, certificate, issuing.certificate), words="path length")
    extensions = ("basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
                  "nameConstraints=critical,permitted;email:example.org")
    limited = signing.Authority(tmp_path, "Limited", extensions=extensions)
    usage = "keyUsage=critical,digitalSignature\nsubjectAltName=email:me@"
    trust = site.trust({"vendor": [1, {"issuer": "CN=Limited,O=Example"}]}, roots=["Limited/ca.crt"])
    outside = limited.issue(key, "/CN=Leaf", usage + "elsewhere.test", path=tmp_path / "outside.crt")
    refused(site, trust, chain_bundle(site, key, outside), words="permitted subtree")
    inside = limited.issue(key, "/CN=Leaf", usage + "example.org", path=tmp_path / "inside.crt")
    site.forge(chain_bundle(site, key, inside))
    site.verify(trust, status=0)
    site.verify(site.trust({"vendor": [1, {"san": "me@example.org"}]}, roots=["Limited/ca.crt"]), status=0)
    site.verify(site.trust({"vendor": [1, {"san": "you@example.org"}]}, roots=["Limited/ca.crt"]), status=1)


EXPIRED = dict(start="20250101000000Z", end="20351231000000Z")


@pytest.fixture
def stamped(site, pki):
    """(site, a bundle signed by a chain with a timestamp of now, its TSA, policy with timestamp roots)."""
    directory, root, issuing = pki
    key, chain, certificate = chain_site(site, pki, **EXPIRED)
    tsa = signing.TimestampAuthority(site.directory, root)
    trust = site.trust({"vendor": [1, {"subject": "CN=Release 2026,O=Example AI Lab"}]}, roots=["root.pem"],
                       timestamp_roots=["root.pem"])
    return site, key, chain, certificate, tsa, trust


def sign_and_stamp(site, key, chain, tsa):
    request, response = site.directory / "r.tsq", site.directory / "r.tsr"
    site.sign(key, "--cert", chain, "--tsa-request", request)
    response.write_bytes(tsa.reply(request))
    site.okse("sign", site.bundle, "--tsa-response", response, status=0)


def test_17_expired_without_timestamp(stamped):
    site, key, chain, _, _, trust = stamped
    site.sign(key, "--cert", chain)
    site.verify(trust, "--at", "2034-01-01", status=0)
    assert "expired on 2035-12-31" in reasons(site.verify(trust, "--at", "2036-01-01", status=1))


def test_18_expired_with_timestamp_inside_validity(stamped):
    site, key, chain, _, tsa, trust = stamped
    sign_and_stamp(site, key, chain, tsa)
    verdict = site.verify(trust, "--at", "2036-01-01", status=0)
    assert [s["status"] for s in verdict["signatures"]] == ["rejected", "valid"]
    assert verdict["signatures"][1]["timestamp"]
    verdict = site.verify(trust, status=0)
    assert verdict["signatures"][1]["status"] in ("ignored", "valid")


def test_19_timestamp_of_an_unknown_authority(stamped, tmp_path):
    site, key, chain, _, tsa, _ = stamped
    other = signing.Authority(tmp_path, "Other")
    sign_and_stamp(site, key, chain, tsa)
    trust = site.trust({"vendor": [1, {"subject": "CN=Release 2026,O=Example AI Lab"}]}, roots=["root.pem"],
                       timestamp_roots=["Other/ca.crt"])
    assert "the timestamp does not hold" in reasons(site.verify(trust, "--at", "2036-01-01", status=1))


def stamped_bundle(site, key, certificate, issuing, tsa, over=None):
    bundle = chain_bundle(site, key, certificate, issuing.certificate)
    signature = base64.b64decode(bundle["dsseEnvelope"]["signatures"][0]["sig"])
    token = tsa.stamp(signature if over is None else over)
    bundle["verificationMaterial"]["timestampVerificationData"] = {
        "rfc3161Timestamps": [{"signedTimestamp": signing.b64(token)}]}
    return bundle, token


def test_19_timestamp_over_other_bytes(stamped, pki):
    site, key, _, certificate, tsa, trust = stamped
    bundle, _ = stamped_bundle(site, key, certificate, pki[2], tsa, over=b"something else")
    refused(site, trust, bundle, words="the timestamp does not hold")


def test_19_timestamp_after_expiry(stamped, pki):
    site, key, _, _, tsa, trust = stamped
    short = pki[2].issue(key, "/O=Example AI Lab/CN=Release 2026", start="20200101000000Z", end="20210101000000Z")
    bundle, _ = stamped_bundle(site, key, short, pki[2], tsa)
    refused(site, trust, bundle, words="expired on 2021-01-01")


def test_19_timestamp_damaged(stamped, pki):
    site, key, _, certificate, tsa, trust = stamped
    bundle, token = stamped_bundle(site, key, certificate, pki[2], tsa)
    stamps = bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"]
    stamps[0]["signedTimestamp"] = signing.b64(token[:-1])
    refused(site, trust, bundle, words="cannot be read", status=2)
    broken = bytearray(token)
    broken[-5] ^= 1
    stamps[0]["signedTimestamp"] = signing.b64(bytes(broken))
    refused(site, trust, bundle, words="the timestamp does not hold")


def signed_again(tsa, response, certificate, directory):
    """The token's content under another signature by the TSA's key, with this certificate (openssl cms)."""
    at = [directory / name for name in ("r.tsr", "token", "content", "again", "again.tsr")]
    at[0].write_bytes(response)
    signing.openssl("ts", "-reply", "-in", at[0], "-token_out", "-out", at[1])
    signing.openssl("cms", "-verify", "-noverify", "-inform", "DER", "-in", at[1], "-out", at[2])
    signing.openssl("cms", "-sign", "-binary", "-nodetach", "-cades", "-md", "sha256", "-econtent_type", "1.2.840.113549.1.9.16.1.4", "-in", at[2],
                    "-signer", certificate, "-inkey", tsa.key.path, "-outform", "DER", "-out", at[3])
    signing.openssl("ts", "-reply", "-in", at[3], "-token_in", "-out", at[4])
    return at[4].read_bytes()


@pytest.mark.parametrize("usage, status", [
    ("extendedKeyUsage=critical,timeStamping", 0), ("extendedKeyUsage=critical,timeStamping,codeSigning", 1),
    ("extendedKeyUsage=timeStamping", 1), ("extendedKeyUsage=critical,codeSigning", 1), ("basicConstraints=CA:FALSE", 1)])
def test_19_timestamp_by_a_certificate_that_may_not(stamped, pki, usage, status):
    site, key, _, certificate, tsa, trust = stamped
    bundle, token = stamped_bundle(site, key, certificate, pki[2], tsa)
    other = pki[1].issue(tsa.key, "/O=Example/CN=TSA", "keyUsage=critical,digitalSignature\n" + usage, path=site.directory / "other.crt")
    token = signed_again(tsa, token, other, site.directory)
    bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"][0]["signedTimestamp"] = signing.b64(token)
    if status == 0:
        site.forge(bundle)
        assert site.verify(trust, "--at", "2036-01-01", status=0)["signatures"][0]["timestamp"]
    else:
        refused(site, trust, bundle, words="the timestamp does not hold")


@pytest.fixture
def crls(site, pki, tmp_path):
    """(site, authority with CRL, chain statement maker, policy maker)."""
    authority = signing.Authority(tmp_path, "Lists")
    key = site.key("leaf", "P-256")
    certificate = authority.issue(key, "/CN=Leaf")

    def trust(*files, **more):
        lists = [{"file": file, "max_age": "20d"} for file in files]
        return site.trust({"vendor": [1, {"subject": "CN=Leaf"}]}, roots=["Lists/ca.crt"], crls=lists, **more)

    return site, authority, key, certificate, trust


def test_20_revoked(crls):
    site, authority, key, certificate, trust = crls
    policy = trust("list.crl")
    authority.crl(site.directory / "list.crl")
    site.forge(chain_bundle(site, key, certificate))
    site.verify(policy, status=0)
    authority.revoke(certificate)
    authority.crl(site.directory / "list.crl")
    assert "was revoked on" in reasons(site.verify(policy, status=1))


@pytest.mark.parametrize("reason, status", [((), 0), (("-crl_reason", "keyCompromise"), 1)])
def test_20_revoked_after_the_timestamp(crls, reason, status):
    site, authority, key, certificate, trust = crls
    tsa = signing.TimestampAuthority(site.directory, authority)
    bundle, _ = stamped_bundle(site, key, certificate, authority, tsa)
    site.forge(bundle)
    import time
    time.sleep(1.1)
    authority.revoke(certificate, *reason)
    authority.crl(site.directory / "list.crl")
    time.sleep(1.1)
    verdict = site.verify(trust("list.crl", timestamp_roots=["Lists/ca.crt"]), status=status)
    assert "was revoked on" in "\n".join(verdict["notes"] + verdict["reasons"])
    site.verify(trust("list.crl"), status=1)


def test_21_crl_missing_stale_or_badly_signed(crls, pki):
    site, authority, key, certificate, trust = crls
    directory, root, issuing = pki
    site.forge(chain_bundle(site, key, certificate))
    root.crl(site.directory / "root.crl")
    both = {"roots": ["Lists/ca.crt", "root.pem"]}
    shutil.copy(root.certificate, site.directory / "root.pem")

    def policy(*files, **more):
        return site.trust({"vendor": [1, {"subject": "CN=Leaf"}]}, crls=[{"file": f, "max_age": "20d"} for f in files], **both, **more)

    assert "has no CRL of" in reasons(site.verify(policy("root.crl"), status=1))
    site.verify(policy("root.crl", crl_check="listed"), status=0)
    authority.crl(site.directory / "list.crl")
    site.verify(policy("root.crl", "list.crl"), status=0)
    stale = site.verify(policy("root.crl", "list.crl"), "--at", "2035-01-01", status=1)
    assert "is stale" in reasons(stale)
    authority.crl(site.directory / "old.crl", "-crl_lastupdate", "20260101000000Z", "-crl_nextupdate", "20400101000000Z")
    assert "old.crl: is stale" in reasons(site.verify(policy("root.crl", "old.crl"), status=1))
    text = (site.directory / "list.crl").read_bytes()
    raw = bytearray(signing.openssl("crl", "-in", site.directory / "list.crl", "-outform", "DER"))
    raw[-4] ^= 1
    (site.directory / "bad.crl").write_bytes(raw)
    assert "not signed by the authority it names" in reasons(site.verify(policy("root.crl", "bad.crl"), status=1))
    (site.directory / "bad.crl").write_bytes(text[:100])
    site.okse("verify", site.bundle, "--trust", policy("root.crl", "bad.crl"), status=2)


def test_21_crl_of_nobody_is_an_error(crls, tmp_path):
    site, authority, key, certificate, trust = crls
    other = signing.Authority(tmp_path, "Nobody")
    other.crl(site.directory / "nobody.crl")
    authority.crl(site.directory / "list.crl")
    site.forge(chain_bundle(site, key, certificate))
    assert "no authority of the trust policy" in reasons(site.verify(trust("list.crl", "nobody.crl"), status=1))


def test_22_one_key_under_two_names_towards_two(signer):
    site, key, _ = signer
    shutil.copy(key.public, site.directory / "again.pub")
    trust = site.trust({"vendor": [2, key, {"key": "again.pub"}]})
    second = signing.signed(key, signing.statement(site.identity, signing.release(site.identity, expires="2099-01-01T00:00:00Z")))
    refused(site, trust, good(site, key), second, words="1 of 2")


def test_22_one_statement_twice(signer):
    site, key, _ = signer
    other = site.key("other")
    refused(site, site.trust({"vendor": [2, key, other]}), good(site, key), {**good(site, key)}, words="1 of 2")


def test_23_one_signer_for_two_roles(signer):
    site, key, _ = signer
    trust = site.trust({"vendor": key, "ministry": key})
    ministry = signing.signed(key, signing.statement(site.identity, signing.release(site.identity, role="ministry")))
    refused(site, trust, good(site, key), words="role 'ministry': 0 of 1")
    refused(site, trust, good(site, key), ministry, words="one signer counts for one role")


def test_24_expired_and_future_statements(signer):
    site, key, trust = signer

    def with_(**times):
        return signing.signed(key, signing.statement(site.identity, signing.release(site.identity, **times)))

    refused(site, trust, with_(expires="2026-02-01T00:00:00Z"), words="expired on 2026-02-01")
    refused(site, trust, with_(notBefore="2090-01-01T00:00:00Z"), words="from the future")
    refused(site, trust, with_(signedAt="2090-01-01T00:00:00Z"), words="from the future")
    refused(site, trust, with_(expires="tomorrow"), words="no time", status=2)


def test_25_statement_for_another_stack_or_country(signer):
    site, key, trust = signer
    for words, change in (("for destination SA", {"destination": "SA"}), ("is another", {"name": "other"}),
                          ("is another", {"version": "2.0.0"}), ("is another", {"sequence": 13})):
        predicate = signing.release(site.identity, **change)
        refused(site, trust, signing.signed(key, signing.statement(site.identity, predicate)), words=words)


def test_release_with_an_unknown_condition_does_not_count(signer):
    site, key, trust = signer
    predicate = signing.release(site.identity, onlyOnTuesdays=True)
    refused(site, trust, signing.signed(key, signing.statement(site.identity, predicate)), words="unknown key", status=2)


def test_35_index_swapped_while_it_is_read(signer):
    """verify reads one open file: a bundle put in its place under the same name changes nothing."""
    site, key, trust = signer
    site.sign(key)
    with open(site.bundle, "rb") as held:
        small_bundle.make(site.directory / "evil.okse", sequence=99)
        os.rename(site.directory / "evil.okse", site.bundle)
        done = subprocess.run([site.okse.binary, "verify", f"/dev/fd/{held.fileno()}", "--trust", trust, "--json"],
                              capture_output=True, env=site.okse.environment, pass_fds=[held.fileno()])
    assert json.loads(done.stdout)["sequence"] == 12 and done.returncode == 0


def test_35_install_uses_what_it_has_verified(signer):
    """install checks and unpacks through one descriptor: what takes the bundle's name meanwhile is never opened."""
    site, key, trust = signer
    site.sign(key)
    with open(site.bundle, "rb") as held:
        small_bundle.make(site.directory / "evil.okse", files={"a.conf": b"listen 0.0.0.0\n"}, sequence=99)
        os.rename(site.directory / "evil.okse", site.bundle)
        done = subprocess.run([site.okse.binary, "install", f"/dev/fd/{held.fileno()}", "--root", "target", "--trust", trust], capture_output=True,
                              cwd=site.directory, env=site.okse.environment, pass_fds=[held.fileno()])
    assert done.returncode == 0, done.stderr
    assert (site.directory / "target/current/config/a.conf").read_bytes() == b"listen 127.0.0.1\n"
    if shutil.which("strace") is None or "asan" in site.okse.binary:
        return
    site.forge(good(site, key))
    subprocess.run(["strace", "-f", "-o", "trace", "-e", "trace=open,openat,openat2", site.okse.binary, "install", site.bundle, "--root", "other",
                    "--trust", trust], check=True, capture_output=True, cwd=site.directory, env=site.okse.environment)
    opened = [line for line in (site.directory / "trace").read_text().splitlines() if f'"{site.bundle}"' in line and "= -1" not in line]
    assert len(opened) == 1, opened


def test_37_terminal_escapes_are_shown_escaped(site):
    key = site.key("vendor")
    role = "vendor\x1b]0;owned\x07\u202e"
    site.forge(signing.signed(key, signing.statement(site.identity, signing.release(site.identity, role=role))),
               signing.signed(site.key("other"), signing.statement(site.identity), hint="\x1b[2J\u202e"))
    result = site.okse("verify", site.bundle, "--trust", site.trust({"vendor": key}), status=1)
    for text in (result.out, result.err):
        assert "\x1b" not in text and "\x07" not in text and "\u202e" not in text
    assert "\\u{1b}" in result.out


def test_38_verify_opens_no_socket(signer):
    site, key, trust = signer
    site.sign(key)
    if shutil.which("strace") is None or "asan" in site.okse.binary:
        pytest.skip("needs strace, and no sanitizer")
    done = subprocess.run(["strace", "-f", "-o", site.directory / "trace", "-e", "trace=network,seccomp,execve", site.okse.binary,
                           "verify", site.bundle, "--trust", trust], capture_output=True, env=site.okse.environment)
    assert done.returncode == 0
    trace = (site.directory / "trace").read_text()
    assert "socket(" not in trace and "connect(" not in trace and "SECCOMP_SET_MODE_FILTER" in trace
