"""Keys that cannot leave their token: PKCS#11 with SoftHSM2."""
import os
import pathlib
import shutil
import subprocess
import pytest
import signing
from test_trust import Site

MODULE = pathlib.Path("/usr/lib/softhsm/libsofthsm2.so")


@pytest.fixture
def token(okse, tmp_path):
    if not MODULE.exists() or not shutil.which("pkcs11-tool") or not shutil.which("softhsm2-util"):
        pytest.skip("softhsm2 and opensc are not installed")
    (tmp_path / "tokens").mkdir()
    config = tmp_path / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {tmp_path}/tokens\nobjectstore.backend = file\n")
    # the engine of Debian 12 does not free its own method tables, which a leak checker would count against us
    environment = {"SOFTHSM2_CONF": str(config), "PKCS11_MODULE_PATH": str(MODULE), "ASAN_OPTIONS": "detect_leaks=0"}

    def run(*words):
        subprocess.run(words, check=True, capture_output=True, env={**os.environ, **environment})

    run("softhsm2-util", "--init-token", "--free", "--label", "okse", "--pin", "1234", "--so-pin", "5678")
    for label, number, kind in (("vendor", "01", "EC:prime256v1"), ("ministry", "02", "EC:prime256v1")):
        common = ["pkcs11-tool", "--module", str(MODULE), "--login", "--pin", "1234", "--token-label", "okse"]
        run(*common, "--keypairgen", "--key-type", kind, "--label", label, "--id", number)
        run(*common, "--read-object", "--type", "pubkey", "--label", label, "--output-file", str(tmp_path / f"{label}.der"))
        signing.openssl("pkey", "-pubin", "-inform", "DER", "-in", tmp_path / f"{label}.der", "-pubout", "-out",
                        tmp_path / f"{label}.pub")
    return Site(okse, tmp_path), environment


def test_signs_and_countersigns_with_token_keys(token):
    site, environment = token

    def sign(label, role, pin="1234", status=0):
        return site.okse("sign", site.bundle, "--key", f"pkcs11:token=okse;object={label}", "--role", role, "--passphrase-fd",
                         "0", stdin=pin + "\n", env=environment, status=status)

    sign("vendor", "vendor")
    sign("ministry", "ministry")
    trust = site.trust({"vendor": [1, {"key": "vendor.pub"}], "ministry": [1, {"key": "ministry.pub"}]})
    verdict = site.verify(trust, status=0)
    assert [s["algorithm"] for s in verdict["signatures"]] == ["ecdsa-p256-sha256"] * 2
    assert "no such private key on a token, or the PIN is wrong" in sign("nobody", "vendor", status=2).err
    wrong = sign("vendor", "vendor", pin="9999", status=2)
    assert "9999" not in wrong.err and "1234" not in wrong.err


def test_without_the_module_it_says_what_to_install(token):
    site, environment = token
    result = site.okse("sign", site.bundle, "--key", "pkcs11:token=okse;object=vendor", "--passphrase-fd", "0", stdin="1234\n",
                       env={**environment, "PKCS11_MODULE_PATH": "/nowhere.so"})
    assert result.status in (2, 3) and "pkcs11" in result.err


def test_a_token_key_signs_a_report(token):
    site, environment = token
    authority = signing.Authority(site.directory, "authority")
    other = signing.Key(site.directory, "other", "P-256")
    authority.issue(other, "/CN=Auditor")
    certificate = site.directory / "auditor.crt"  # of the token's key: the request is another key's
    signing.openssl("x509", "-req", "-in", other.path.with_suffix(".csr"), "-force_pubkey", site.directory / "vendor.pub", "-CA",
                    authority.certificate, "-CAkey", authority.key.path, "-days", "100", "-out", certificate)
    (site.directory / "report").write_text("findings\n")
    site.okse("sign", "--cms", "report", "--key", "pkcs11:token=okse;object=vendor", "--cert", certificate, "--passphrase-fd", "0",
              stdin="1234\n", env=environment, status=0)
    signing.openssl("cms", "-verify", "-binary", "-inform", "DER", "-in", site.directory / "report.p7s", "-content",
                    site.directory / "report", "-CAfile", authority.certificate, "-purpose", "any")
