"""Signing and verifying: keys, chains, roles, thresholds, time, revocation, rollback."""
import base64
import json
import os
import shutil
import subprocess
import pytest
import yaml
import signing
import small_bundle
from signing import Key


class Site:
    """A bundle, and a trust policy that grows from keyword arguments."""

    def __init__(self, okse, directory):
        self.okse, self.directory, self.bundle = okse, directory, directory / "x.okse"
        self.identity = small_bundle.make(self.bundle)

    def key(self, name, kind="ed25519"):
        return Key(self.directory, name, kind)

    def trust(self, roles, name="trust.yaml", **more):
        """roles: {role: key} or {role: [threshold, signer…]}; a signer is a Key or a dict."""
        document = {"okse": "trust/v1", "roles": {}, **more}
        for role, value in roles.items():
            threshold, *signers = value if isinstance(value, list) else [1, value]
            document["roles"][role] = {"threshold": threshold, "signers": [
                {"key": signer.public.name} if isinstance(signer, Key) else signer for signer in signers]}
        path = self.directory / name
        path.write_text(yaml.safe_dump(document, sort_keys=False))
        return path

    def sign(self, key, *words, status=0, role="vendor", **more):
        return self.okse("sign", self.bundle, "--key", key.path, "--role", role, *words, status=status, **more)

    def verify(self, trust, *words, status=None, **more):
        result = self.okse("verify", self.bundle, "--trust", trust, "--json", *words, status=status, **more)
        assert result.json["verdict"] == ("verified" if result.status == 0 else "refused")
        assert (result.status == 0) == (result.json["reasons"] == [])
        return result.json

    def forge(self, *statements):
        """The bundle with these sigstore bundles (dicts or bytes) in place of its statements."""
        small_bundle.make(self.bundle, statements=lambda identity: [
            data if isinstance(data, bytes) else json.dumps(data).encode() for data in statements])


@pytest.fixture
def site(okse, tmp_path):
    return Site(okse, tmp_path)


def reasons(verdict):
    return "\n".join(verdict["reasons"])


@pytest.mark.parametrize("kind, algorithm", [
    ("ed25519", "ed25519"), ("P-256", "ecdsa-p256-sha256"), ("P-384", "ecdsa-p384-sha384"),
    ("P-521", "ecdsa-p521-sha512"), ("rsa:3072", "rsa-pss-sha256")])
def test_signs_and_verifies_with_each_algorithm(site, kind, algorithm):
    key = site.key("vendor", kind)
    before = site.bundle.read_bytes()
    site.sign(key)
    verdict = site.verify(site.trust({"vendor": key}), status=0)
    assert verdict["identity"] == "sha256:" + site.identity
    assert verdict["signatures"][0]["algorithm"] == algorithm and verdict["signatures"][0]["role"] == "vendor"
    assert verdict["signatures"][0]["key"] == key.id and verdict["clock"] == "system"
    after = site.bundle.read_bytes()
    assert len(after) == len(before)
    payload = before.index(b"listen 127.0.0.1")
    assert after[payload - 4096:] == before[payload - 4096:]


@pytest.mark.parametrize("kind", ["ed25519", "P-256", "P-384", "rsa:3072"])
def test_accepts_what_openssl_signed(site, kind):
    key = site.key("vendor", kind)
    site.forge(signing.signed(key, signing.statement(site.identity)))
    site.verify(site.trust({"vendor": key}), status=0)


@pytest.mark.parametrize("kind", ["ed25519", "P-384", "rsa:3072"])
def test_openssl_alone_verifies_a_statement(site, tmp_path, kind):
    key = site.key("vendor", kind)
    site.sign(key)
    names = subprocess.run(["tar", "-tf", site.bundle], capture_output=True, text=True, check=True).stdout.split()
    blobs = [subprocess.run(["tar", "-xOf", site.bundle, name], capture_output=True, check=True).stdout for name in names]
    bundle = next(json.loads(b) for b in blobs if b.startswith(b'{"dsseEnvelope"'))
    envelope = bundle["dsseEnvelope"]
    payload, signature = tmp_path / "pae", tmp_path / "sig"
    payload.write_bytes(signing.pae(base64.b64decode(envelope["payload"])))
    signature.write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    if kind == "ed25519":
        words = ["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", key.public, "-in", payload, "-sigfile", signature]
    elif kind == "P-384":
        words = ["dgst", "-sha384", "-verify", key.public, "-signature", signature, payload]
    else:
        words = ["dgst", "-sha256", "-verify", key.public, "-sigopt", "rsa_padding_mode:pss", "-sigopt",
                 "rsa_pss_saltlen:32", "-signature", signature, payload]
    signing.openssl(*words)
    assert bundle["verificationMaterial"]["publicKey"]["hint"] == key.id


def test_without_trust_is_a_usage_error_that_names_the_next_command(site):
    result = site.okse("verify", site.bundle, status=2)
    assert result.out == "" and "okse trust init" in result.err


def test_unsigned_bundle_is_refused_with_the_next_command(site):
    trust = site.trust({"vendor": site.key("vendor")})
    result = site.okse("verify", site.bundle, "--trust", trust, status=1)
    assert "REFUSED" in result.out and f"okse sign {site.bundle} --role vendor" in result.out


def test_two_roles_need_two_signatures(site):
    vendor, ministry = site.key("vendor"), site.key("ministry", "P-256")
    trust = site.trust({"vendor": vendor, "ministry": ministry})
    site.sign(vendor)
    verdict = site.verify(trust, status=1)
    assert "role 'ministry': 0 of 1" in reasons(verdict) and "okse sign" in reasons(verdict)
    site.sign(ministry, role="ministry")
    verdict = site.verify(trust, status=0)
    assert [s["role"] for s in verdict["signatures"]] == ["vendor", "ministry"]
    assert {s["status"] for s in verdict["signatures"]} == {"valid"}


def test_a_signature_for_another_role_does_not_count(site):
    vendor = site.key("vendor")
    site.sign(vendor, role="builder")
    assert "role 'vendor': 0 of 1" in reasons(site.verify(site.trust({"vendor": vendor}), status=1))


def test_threshold_counts_distinct_keys(site):
    one, two = site.key("one"), site.key("two")
    trust = site.trust({"vendor": [2, one, two]})
    site.sign(one)
    site.sign(one, "--expires", "2099-01-01")
    assert "1 of 2" in reasons(site.verify(trust, status=1))
    site.sign(two)
    site.verify(trust, status=0)


def test_one_key_listed_twice_counts_once(site):
    one = site.key("one")
    shutil.copy(one.public, site.directory / "copy.pub")
    site.sign(one)
    site.sign(one, "--expires", "2099-01-01")
    assert "1 of 2" in reasons(site.verify(site.trust({"vendor": [2, one, {"key": "copy.pub"}]}), status=1))


def test_keys_of_one_holder_count_once(site):
    one, two = site.key("one"), site.key("two")
    site.sign(one)
    site.sign(two)
    held = [{"key": key.public.name, "holder": "Release team"} for key in (one, two)]
    assert "1 of 2" in reasons(site.verify(site.trust({"vendor": [2, *held]}), status=1))
    site.verify(site.trust({"vendor": [2, one, two]}), status=0)


def test_one_signer_for_two_roles_only_where_allowed(site):
    both = site.key("both")
    site.sign(both)
    site.sign(both, role="ministry")
    roles = {"vendor": both, "ministry": both}
    assert "role 'ministry': 0 of 1" in reasons(site.verify(site.trust(roles), status=1))
    site.verify(site.trust(roles, shared_signers=True), status=0)


def test_unknown_signer_is_reported_and_not_fatal(site):
    vendor, stranger = site.key("vendor"), site.key("stranger")
    site.sign(vendor)
    site.sign(stranger, role="auditor")
    verdict = site.verify(site.trust({"vendor": vendor}), status=0)
    assert [s["status"] for s in verdict["signatures"]] == ["valid", "unknown"]


def test_pipe_and_file_agree(site):
    vendor = site.key("vendor")
    site.sign(vendor)
    trust = site.trust({"vendor": vendor})
    at = ("--at", "2030-01-01")
    by_file = site.okse("verify", site.bundle, "--trust", trust, "--json", *at, status=0).json
    by_pipe = site.okse("verify", "-", "--trust", trust, "--json", *at, stdin=site.bundle.read_bytes(), status=0).json
    assert by_file.pop("checked")["how"] == "file" and by_pipe.pop("checked")["how"] == "stream"
    assert by_file == by_pipe


def test_verifies_without_any_network(site):
    vendor = site.key("vendor")
    site.sign(vendor)
    done = subprocess.run(["unshare", "-rn", site.okse.binary, "verify", site.bundle, "--trust",
                           site.trust({"vendor": vendor})], capture_output=True, env=site.okse.environment)
    if b"unshare" in done.stderr:
        pytest.skip("no user namespaces here")
    assert done.returncode == 0, done.stderr


def test_expect_country_and_minimum_sequence(site):
    vendor = site.key("vendor")
    site.sign(vendor)
    trust = site.trust({"vendor": vendor})
    site.verify(trust, "--expect", site.identity, "--country", "vn", status=0)
    assert "expected was" in reasons(site.verify(trust, "--expect", "0" * 64, status=1))
    assert "destination VN" in reasons(site.verify(trust, "--country", "SA", status=1))
    assert "minimum of 13" in reasons(site.verify(site.trust({"vendor": vendor}, minimum_sequence={"civic-search": 13}), status=1))
    site.verify(site.trust({"vendor": vendor}, minimum_sequence={"civic-search": 12, "other": 99}), status=0)
    site.okse("verify", site.bundle, "--trust", trust, "--country", "VIE", status=2)


def test_time_of_statements(site):
    vendor = site.key("vendor")
    site.sign(vendor, "--expires", "2027-01-01", env={"SOURCE_DATE_EPOCH": "1790000000"})  # 2026-09-21
    trust = site.trust({"vendor": vendor})
    site.verify(trust, "--at", "2026-10-01", status=0)
    assert "expired on 2027-01-01" in reasons(site.verify(trust, "--at", "2027-01-02", status=1))
    assert "from the future" in reasons(site.verify(trust, "--at", "2026-09-01", status=1))
    old = site.trust({"vendor": vendor}, maximum_age="30d")
    assert "maximum_age" in reasons(site.verify(old, "--at", "2026-11-23", status=1))
    site.verify(old, "--at", "2026-10-01", status=0)


def test_state_refuses_rollback_and_equivocation(site):
    vendor = site.key("vendor")
    trust, state = site.trust({"vendor": vendor}), site.directory / "state"
    site.sign(vendor)
    site.verify(trust, "--state", state, status=0)
    small_bundle.make(site.bundle, sequence=13, version="1.1.0")
    site.sign(vendor)
    site.verify(trust, "--state", state, status=0)
    small_bundle.make(site.bundle)
    site.sign(vendor)
    assert "rolled back" in reasons(site.verify(trust, "--state", state, status=1))
    small_bundle.make(site.bundle, sequence=13, version="1.1.1")
    site.sign(vendor)
    assert "equivocation" in reasons(site.verify(trust, "--state", state, status=1))
    assert json.loads((state / "seen.json").read_text())["stacks"]["civic-search"]["sequence"] == 13


def test_state_notices_a_clock_that_is_behind(site):
    vendor = site.key("vendor")
    trust, state = site.trust({"vendor": vendor}), site.directory / "state"
    site.sign(vendor, env={"SOURCE_DATE_EPOCH": "1790000000"})
    site.verify(trust, "--state", state, "--at", "2026-10-01", status=0)
    assert "clock is behind" in reasons(site.verify(trust, "--state", state, "--at", "2026-09-01", status=1))


def test_record_is_a_verification_summary(site):
    vendor = site.key("vendor")
    trust, record = site.trust({"vendor": vendor}), site.directory / "record.json"
    site.verify(trust, "--record", record, status=1)
    assert json.loads(record.read_text())["predicate"]["verificationResult"] == "FAILED"
    site.sign(vendor)
    site.verify(trust, "--record", record, status=0)
    document = json.loads(record.read_text())
    assert document["subject"][0]["digest"]["sha256"] == site.identity
    assert document["predicate"]["verificationResult"] == "PASSED"
    digest = subprocess.run(["sha256sum", trust], capture_output=True, text=True).stdout.split()[0]
    assert document["predicate"]["policy"]["digest"]["sha256"] == digest


def test_countersigner_states_what_was_verified(site):
    vendor, ministry = site.key("vendor"), site.key("ministry", "P-384")
    trust = site.trust({"vendor": vendor, "ministry": ministry})
    before = site.bundle.read_bytes()
    refused = site.sign(ministry, "--trust", trust, role="ministry", status=1)
    assert "role 'vendor': 0 of 1" in refused.err and site.bundle.read_bytes() == before
    site.sign(vendor)
    site.sign(ministry, "--trust", trust, role="ministry")
    verdict = site.verify(trust, status=0)
    assert [s["predicate_type"] for s in verdict["signatures"]] == [
        "urn:okse:release:v1", "https://slsa.dev/verification_summary/v1"]
    data = site.bundle.read_bytes()
    texts = [data[at:data.index(b"\0", at)] for at in range(len(data)) if data.startswith(b'{"dsseEnvelope"', at)]
    summary = json.loads(base64.b64decode(json.loads(texts[1])["dsseEnvelope"]["payload"]))["predicate"]
    policy = subprocess.run(["sha256sum", trust], capture_output=True, text=True).stdout.split()[0]
    assert summary["policy"]["digest"]["sha256"] == policy and summary["verificationResult"] == "PASSED"
    assert len(summary["inputAttestations"]) == 1


def test_signing_refuses_what_does_not_read(site):
    vendor = site.key("vendor")
    data = bytearray(site.bundle.read_bytes())
    data[data.index(b'"dev.okse.type"') + 3] ^= 1
    site.bundle.write_bytes(data)
    site.sign(vendor, status=1)
    assert site.bundle.read_bytes() == bytes(data)


def test_many_signatures_overflow_to_the_end(site):
    keys, before = [site.key(f"k{i}") for i in range(22)], site.bundle.stat().st_size
    for key in keys:
        site.sign(key, "--cert", make_certificate(site, key))
    verdict = site.verify(site.trust({"vendor": [22, *keys]}), status=0)
    assert len(verdict["signatures"]) == 22
    assert site.bundle.stat().st_size > before + 20000
    subprocess.run(["tar", "-tf", site.bundle], check=True, stdout=subprocess.DEVNULL)


def make_certificate(site, key):
    path = key.path.with_suffix(".crt")
    signing.openssl("req", "-new", "-x509", "-key", key.path, "-subj", "/CN=" + "x" * 60, "-days", "3650", "-out", path,
                    "-addext", "nsComment=" + "y" * 3000)
    return path


def test_killed_at_any_write_the_next_sign_restores(site):
    """strace ends the process at its n-th write to a file; the next sign must give the same bundle as an undisturbed one."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    if "ASAN_OPTIONS" in os.environ or "asan" in site.okse.binary:
        pytest.skip("a sanitizer's leak check and strace exclude each other")
    vendor = site.key("vendor")
    trust, before = site.trust({"vendor": vendor}), site.bundle.read_bytes()
    environment = {**site.okse.environment, "SOURCE_DATE_EPOCH": "1790000000"}
    words = [site.okse.binary, "sign", str(site.bundle), "--key", str(vendor.path)]
    subprocess.run(words, env=environment, check=True, capture_output=True)
    expected, killed = site.bundle.read_bytes(), 0
    for call in ("pwrite64", "fdatasync", "fsync", "renameat", "unlink"):
        for count in range(1, 5):
            site.bundle.write_bytes(before)
            trace = ["strace", "-f", "-o", "/dev/null", "-e", f"inject={call}:signal=KILL:when={count}"]
            done = subprocess.run(trace + words, env=environment, capture_output=True)
            if done.returncode == 0:
                break
            if site.bundle.read_bytes() not in (before, expected):
                verdict = site.okse("verify", site.bundle, "--trust", trust, "--json")
                assert verdict.status in (1, 2) and "interrupted" in reasons(verdict.json), repr(verdict)
            subprocess.run(words, env=environment, check=True, capture_output=True)
            assert site.bundle.read_bytes() == expected
            assert not os.path.exists(str(site.bundle) + ".journal")
            killed += 1
    assert killed >= 6


@pytest.mark.parametrize("call", ["pwrite64", "fdatasync"])
@pytest.mark.parametrize("count", [1, 2])
def test_a_write_that_fails_is_undone(site, call, count):
    if shutil.which("strace") is None or "asan" in site.okse.binary:
        pytest.skip("needs strace, and no sanitizer")
    vendor, before = site.key("vendor"), site.bundle.read_bytes()
    done = subprocess.run(["strace", "-f", "-o", "/dev/null", "-e", f"inject={call}:error=ENOSPC:when={count}",
                           site.okse.binary, "sign", site.bundle, "--key", vendor.path], capture_output=True, text=True,
                          env=site.okse.environment)
    assert done.returncode == 3 and "No space left" in done.stderr, done
    assert site.bundle.read_bytes() == before
    assert not os.path.exists(str(site.bundle) + ".journal")


def test_full_disk_leaves_the_bundle_as_it_was(okse, tmp_path):
    script = f"""
mount -t tmpfs -o size=280k none {tmp_path}/small && cp {tmp_path}/x.okse {tmp_path}/small/ &&
head -c 100k /dev/zero > {tmp_path}/small/filler
sha256sum {tmp_path}/small/x.okse
{okse.binary} sign {tmp_path}/small/x.okse --key {tmp_path}/vendor.pem; echo status $?
sha256sum {tmp_path}/small/x.okse; ls {tmp_path}/small"""
    (tmp_path / "small").mkdir()
    small_bundle.make(tmp_path / "x.okse")
    Key(tmp_path, "vendor")
    done = subprocess.run(["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True, env=okse.environment)
    if "status" not in done.stdout:
        pytest.skip("no mount namespaces here: " + done.stderr)
    lines = done.stdout.splitlines()
    assert "status 3" in lines, done
    assert lines[0] == lines[2] and lines[3:] == ["filler", "x.okse"], done


def test_system_failures_and_wrong_input(site, tmp_path):
    vendor = site.key("vendor")
    trust = site.trust({"vendor": vendor})
    okse = site.okse
    assert "nothing.okse" in okse("verify", tmp_path / "nothing.okse", "--trust", trust, status=3).err
    assert "directory" in okse("verify", tmp_path, "--trust", trust, status=2).err
    okse("verify", site.bundle, "--trust", tmp_path / "no.yaml", status=3)
    okse("sign", site.bundle, "--key", tmp_path / "no.pem", status=3)
    assert "directory" in okse("sign", site.bundle, "--key", tmp_path, status=2).err
    assert "no private key" in okse("sign", site.bundle, "--key", vendor.public, status=2).err
    assert "no private key" in okse("sign", site.bundle, "--key", signing.write(tmp_path / "empty", b""), status=2).err
    okse("sign", site.bundle, "--key", vendor.path, "--cert", tmp_path / "empty", status=2)
    assert "--key" in okse("sign", site.bundle, status=2).err
    assert "past" in okse("sign", site.bundle, "--key", vendor.path, "--expires", "2001-01-01", status=2).err
    okse("sign", site.bundle, "--key", vendor.path, "--expires", "soon", status=2)
    okse("verify", site.bundle, "--trust", trust, "--at", "yesterday", status=2)
    (tmp_path / "text").write_text("no bundle at all\n" * 100)
    assert okse("verify", tmp_path / "text", "--trust", trust, "--json", status=2).json["verdict"] == "refused"


def test_unreadable_key_is_a_system_failure(site):
    if os.geteuid() == 0:
        locked = site.directory / "locked"
        locked.symlink_to("locked")  # root may read everything; a link to itself nobody can
    else:
        locked = signing.write(site.directory / "locked", b"", 0o000)
    site.okse("sign", site.bundle, "--key", locked, status=3)


@pytest.mark.parametrize("kind, words", [("rsa:2048", "2048 bits is too weak"), ("ED448", "not accepted"),
                                         ("P-224", "not accepted"), ("secp256k1", "not accepted")])
def test_weak_keys_are_refused_by_name(okse, tmp_path, kind, words):
    if kind == "secp256k1":
        key = Key.__new__(Key)
        key.path, key.public = tmp_path / "w.pem", tmp_path / "w.pub"
        signing.openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1", "-out", key.path)
        signing.openssl("pkey", "-in", key.path, "-pubout", "-out", key.public)
    else:
        key = Key(tmp_path, "w", kind)
    site = Site(okse, tmp_path)
    assert words in site.sign(key, status=2).err
    assert words in okse("trust", "show", site.trust({"vendor": key}), status=2).err


def test_encrypted_key_asks_for_its_passphrase(site):
    vendor = site.key("vendor")
    locked = site.directory / "locked.pem"
    signing.openssl("pkcs8", "-topk8", "-in", vendor.path, "-passout", "pass:right", "-out", locked)
    words = ["sign", site.bundle, "--key", locked, "--passphrase-fd", "0"]
    assert "passphrase was given" in site.okse(*words[:-2], status=2, stdin="").err
    assert "passphrase is wrong" in site.okse(*words, stdin="wrong\n", status=2).err
    site.okse(*words, stdin="right\n", status=0)
    site.verify(site.trust({"vendor": vendor}), status=0)


def test_pkcs12_key(site):
    vendor, file = site.key("vendor", "P-256"), site.directory / "vendor.p12"
    certificate = make_certificate(site, vendor)
    signing.openssl("pkcs12", "-export", "-inkey", vendor.path, "-in", certificate, "-passout", "pass:right", "-out", file)
    site.okse("sign", site.bundle, "--key", file, "--passphrase-fd", "0", stdin="right\n", status=0)
    site.verify(site.trust({"vendor": vendor}), status=0)


def test_key_new(okse, tmp_path):
    for kind in ("ed25519", "ecdsa-p256", "ecdsa-p384", "ecdsa-p521"):
        path = tmp_path / f"{kind}.pem"
        document = okse("key", "new", "--type", kind, "-o", path, "--subject", "CN=Release 2026,O=Example AI Lab", "--json", status=0).json
        assert path.stat().st_mode & 0o777 == 0o600
        public = signing.openssl("pkey", "-in", path, "-pubout")
        assert public == (tmp_path / f"{kind}.pub").read_bytes()
        text = signing.openssl("x509", "-in", document["certificate"], "-noout", "-subject", "-nameopt", "RFC2253", "-ext",
                               "basicConstraints,keyUsage,extendedKeyUsage").decode()
        assert "subject=CN=Release 2026,O=Example AI Lab" in text and "CA:FALSE" in text and "Code Signing" in text
        signing.openssl("verify", "-CAfile", document["certificate"], document["certificate"])
        assert "there already" in okse("key", "new", "--type", kind, "-o", path, status=2).err
    okse("key", "new", "-o", tmp_path / "c.pem", "--subject", "CN=x", "--csr", status=0)
    assert b"verify OK" in subprocess.run(["openssl", "req", "-in", tmp_path / "c.csr", "-noout", "-verify"],
                                          capture_output=True).stderr
    assert "unknown key type" in okse("key", "new", "--type", "dsa", "-o", tmp_path / "d.pem", status=2).err
    okse("key", "new", "-o", tmp_path / "e.pem", "--passphrase-fd", "0", stdin="secret\n", status=0)
    assert "ENCRYPTED" in (tmp_path / "e.pem").read_text()
    signing.openssl("pkey", "-in", tmp_path / "e.pem", "-passin", "pass:secret", "-noout")


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pki")
    root = signing.Authority(directory, "Root")
    issuing = signing.Authority(directory, "Issuing", root)
    return directory, root, issuing


def chain_site(site, pki, subject="/O=Example AI Lab/CN=Release 2026", **how):
    directory, root, issuing = pki
    key = site.key("leaf", "P-256")
    certificate = issuing.issue(key, subject, **how)
    chain = site.directory / "chain.pem"
    chain.write_bytes(certificate.read_bytes() + issuing.certificate.read_bytes())
    shutil.copy(root.certificate, site.directory / "root.pem")
    return key, chain, certificate


def test_certificate_chain(site, pki):
    key, chain, _ = chain_site(site, pki)
    site.sign(key, "--cert", chain)
    constraints = {"subject": "CN=Release 2026,O=Example AI Lab", "issuer": "CN=Issuing,O=Example"}
    verdict = site.verify(site.trust({"vendor": [1, constraints]}, roots=["root.pem"]), status=0)
    assert verdict["signatures"][0]["signer"] == "CN=Release 2026,O=Example AI Lab"
    spaced = {"subject": "CN = Release 2026, O = Example AI Lab", "eku": "codeSigning"}
    site.verify(site.trust({"vendor": [1, spaced]}, roots=["root.pem"]), status=0)
    other = {"subject": "CN=Release 2027,O=Example AI Lab"}
    assert "not listed for role" in reasons(site.verify(site.trust({"vendor": [1, other]}, roots=["root.pem"]), status=1))
    wrong_issuer = {**constraints, "issuer": "CN=Other,O=Example"}
    site.verify(site.trust({"vendor": [1, wrong_issuer]}, roots=["root.pem"]), status=1)
    wrong_eku = {**constraints, "eku": "timeStamping"}
    site.verify(site.trust({"vendor": [1, wrong_eku]}, roots=["root.pem"]), status=1)


def test_intermediate_from_the_policy(site, pki):
    _, _, issuing = pki
    key, chain, certificate = chain_site(site, pki)
    site.sign(key, "--cert", certificate)
    signer = [1, {"subject": "CN=Release 2026,O=Example AI Lab"}]
    verdict = site.verify(site.trust({"vendor": signer}, roots=["root.pem"]), status=1)
    assert "does not lead to a root" in reasons(verdict)
    shutil.copy(issuing.certificate, site.directory / "issuing.pem")
    site.verify(site.trust({"vendor": signer}, roots=["root.pem"], intermediates=["issuing.pem"]), status=0)


def test_pinned_key_cannot_borrow_a_name(site, pki):
    """The holder of the vendor's pinned key writes the ministry's name into a certificate of his own."""
    vendor = site.key("vendor", "P-256")
    chain_site(site, pki)
    certificate = vendor.path.with_suffix(".crt")
    signing.openssl("req", "-new", "-x509", "-key", vendor.path, "-subj", "/CN=Ministry", "-days", "3650", "-out", certificate)
    other = site.key("other")
    site.sign(other)
    site.sign(vendor, "--cert", certificate, role="ministry")
    trust = site.trust({"vendor": [1, vendor, other], "ministry": [1, {"subject": "CN=Ministry"}]}, roots=["root.pem"])
    verdict = site.verify(trust, status=1)
    assert "role 'ministry': 0 of 1" in reasons(verdict) and "not listed for role 'ministry'" in reasons(verdict)


def test_sign_refuses_a_certificate_of_another_key(site, pki):
    _, chain, _ = chain_site(site, pki)
    assert "not that of the key" in site.sign(site.key("other", "P-256"), "--cert", chain, status=2).err


def test_trust_yaml_faults_are_named(site):
    site.key("vendor")

    def show(text, *words):
        path = site.directory / "t.yaml"
        path.write_text(text)
        error = site.okse("trust", "show", path, status=2).err
        for word in words:
            assert word in error, error

    good = "okse: trust/v1\nroles:\n  vendor:\n    signers: [{key: vendor.pub}]\n"
    (site.directory / "g.yaml").write_text(good)
    assert "vendor: at least 1 of" in site.okse("trust", "show", site.directory / "g.yaml", status=0).out
    show(good + "alogrithms: [ed25519]\n", "t.yaml:5:1", "did you mean 'algorithms'")
    show(good + "algorithms: [rsa-pkcs1-sha1]\n", "t.yaml:5:14", "unknown or refused algorithm 'rsa-pkcs1-sha1'")
    show(good + "algorithms: []\n", "nothing could ever be accepted")
    show(good + "maximum_age: soon\n", "t.yaml:5:14", "length of time")
    show(good + "roles: {}\n", "t.yaml:5:1")
    show("okse: trust/v1\nroles: {}\n", "accept everything")
    show("okse: trust/v1\n", "needs the key 'roles'")
    show("okse: trust/v2\nroles: {a: {signers: [{key: vendor.pub}]}}\n", "must be 'trust/v1'")
    show("okse: trust/v1\nroles: {a: {threshold: 0, signers: [{key: vendor.pub}]}}\n", "from 1 to")
    show("okse: trust/v1\nroles: {a: {signers: []}}\n", "no signers")
    show("okse: trust/v1\nroles: {a: {signers: [{}]}}\n", "needs 'key'")
    show("okse: trust/v1\nroles: {a: {signers: [{key: vendor.pub, subject: CN=x}]}}\n", "not both")
    show("okse: trust/v1\nroles: {a: {signers: [{subject: CN=x}]}}\n", "needs 'roots'")
    show("okse: trust/v1\nroles: {a: {signers: [{key: vendor.pem}]}}\n", "private key where a public key")
    show("okse: trust/v1\nroles: {a: {signers: [{key: t.yaml}]}}\n", "no public key")
    (site.directory / "empty").write_bytes(b"")
    show("okse: trust/v1\nroles: {a: {signers: [{key: empty}]}}\n", "no public key")
    show("okse: trust/v1\nroots: [empty]\nroles: {a: {signers: [{subject: CN=x}]}}\n", "no certificate")
    show(good + "crls: [{file: empty}]\n", "no certificate revocation list")
    show(good + "roots: [t.yaml]\n", "no certificate in PEM")
    path = site.directory / "t.yaml"
    path.write_text("okse: trust/v1\nroles: {a: {signers: [{key: missing.pub}]}}\n")
    assert "t.yaml:2:29" in site.okse("trust", "show", path, status=3).err


def test_example_of_the_contract_is_read(okse, tmp_path, shared, pki):
    _, root, issuing = pki
    for name in ("roots", "crl", "keys"):
        (tmp_path / name).mkdir()
    shutil.copy(shared / "examples" / "trust.yaml", tmp_path)
    for name in ("vendor-ca", "ministry-ca", "tsa"):
        shutil.copy(root.certificate, tmp_path / "roots" / f"{name}.pem")
    root.crl(tmp_path / "crl" / "vendor.crl.pem")
    Key(tmp_path / "keys", "vendor")
    Key(tmp_path / "keys", "ministry")
    words = okse("trust", "show", tmp_path / "trust.yaml", status=0).out
    assert "ministry: at least 1 of" in words and "sequence 12 or higher" in words and "400 days" in words


def test_template_is_valid(okse, tmp_path):
    okse("trust", "init", "-o", tmp_path / "trust.yaml", status=0)
    (tmp_path / "keys").mkdir()
    Key(tmp_path / "keys", "vendor")
    okse("trust", "show", tmp_path / "trust.yaml", status=0)
    okse("trust", "init", "-o", tmp_path / "trust.yaml", status=2)
    assert "okse: trust/v1" in okse("trust", "init", status=0).out
