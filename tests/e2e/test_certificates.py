"""Certificates on a host: made by openssl, told by Okse, and compared with what `openssl x509` says of the same file."""
import datetime
import os
import re
import subprocess

import pytest

from test_collect_host import collect, coverage, tree

KINDS = {"rsa": ["rsa:2048"], "ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "ed25519": ["ed25519"]}
OUR = {"rsa": ("RSA", 2048, None), "ec": ("EC", 256, "prime256v1"), "ed25519": ("ED25519", 256, None)}


def openssl(*words, **more):
    return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, text=True, **more).stdout


def made(directory, name, kind, subject, *words):
    directory.mkdir(parents=True, exist_ok=True)
    certificate, key = directory / f"{name}.crt", directory / f"{name}.key"
    openssl("req", "-x509", "-newkey", *KINDS[kind], "-nodes", "-keyout", key, "-out", certificate, "-subj", subject, "-utf8", *words)
    return certificate


def field(path, *words):
    return openssl("x509", "-in", path, "-noout", *words).split("=", 1)[1].strip()


def moment(text):
    return datetime.datetime.strptime(text, "%b %d %H:%M:%S %Y GMT").strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_told_is_what_openssl_says(okse, tmp_path, kind):
    root = tmp_path / "sysroot"
    path = made(root / "etc/ssl/private", "site", kind, "/C=KR/O=Example, Inc./CN=사이트", "-days", "30",
                "-addext", "subjectAltName=DNS:site.example,DNS:*.site.example,IP:192.0.2.7,IP:2001:db8::1")
    (path.parent / "site.key").chmod(0o640)
    facts = collect(okse, root)
    told, = facts["certificates"]
    assert told["subject"] == field(path, "-subject", "-nameopt", "RFC2253,-esc_msb,utf8") == told["issuer"]
    assert told["not_before"] == moment(field(path, "-startdate")) and told["not_after"] == moment(field(path, "-enddate"))
    text = openssl("x509", "-in", path, "-noout", "-text")
    assert told["signature_algorithm"] == re.search(r"Signature Algorithm: (\S+)", text).group(1)
    assert (told["key_algorithm"], told["key_bits"], told["curve"]) == OUR[kind]
    if kind != "ed25519":
        assert f"({told['key_bits']} bit)" in text
    assert told["signature_hash"] == (None if kind == "ed25519" else "SHA256")
    assert told["names"] == ["site.example", "*.site.example", "192.0.2.7", "2001:db8::1"]
    assert told["self_signed"] is True and told["used_by"] == [] and told["path"] == "/etc/ssl/private/site.crt"
    assert told["private_key"] == {"path": "/etc/ssl/private/site.key", "mode": "0640"}
    assert coverage(facts)["certificates"] == ("complete", None)


def test_a_chain_that_configuration_names(okse, tmp_path):
    root = tmp_path / "sysroot"
    authority = made(tmp_path, "ca", "rsa", "/CN=Example CA", "-days", "30")
    request = openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "site.key", "-subj", "/CN=site.example")
    leaf = openssl("x509", "-req", "-CA", authority, "-CAkey", tmp_path / "ca.key", "-CAcreateserial", "-days", "5", "-sha384", input=request)
    tree(root, {"etc/nginx/tls/site.pem": leaf + authority.read_text() + (tmp_path / "site.key").read_text(),
                "etc/nginx/sites-enabled/a": "server { ssl_certificate /etc/nginx/tls/site.pem; ssl_protocols TLSv1 TLSv1.2; }\n",
                "etc/haproxy/haproxy.cfg": "frontend a\n    bind :443 ssl crt /etc/nginx/tls/site.pem\n"})
    facts = collect(okse, root)
    first, second = sorted(facts["certificates"], key=lambda c: c["subject"], reverse=True)
    assert (first["subject"], first["issuer"], first["self_signed"], first["signature_hash"]) == ("CN=site.example", "CN=Example CA", False, "SHA384")
    assert (second["subject"], second["self_signed"], second["private_key"]) == ("CN=Example CA", True, None)
    assert sorted(first["used_by"]) == ["haproxy", "nginx"] and first["private_key"] == {"path": "/etc/nginx/tls/site.pem", "mode": "0644"}
    assert "PRIVATE KEY" not in str(facts)
    assert [(t["program"], t["value"], t["minimum"]) for t in facts["tls"]] == [("nginx", "TLSv1 TLSv1.2", "1.0")]


def test_what_the_distribution_brought_is_left_out(okse, tmp_path):
    root = tmp_path / "sysroot"
    path = made(root / "usr/share/ca-certificates/mozilla", "Root", "ec", "/CN=Root of the distribution", "-days", "30")
    certs = root / "etc/ssl/certs"
    certs.mkdir(parents=True)
    os.symlink("/usr/share/ca-certificates/mozilla/Root.crt", certs / "Root.pem")
    os.symlink("Root.pem", certs / "0a1b2c3d.0")
    (certs / "ca-certificates.crt").write_text(path.read_text())
    assert collect(okse, root)["certificates"] == []
    made(root / "usr/local/share/ca-certificates", "ours", "ec", "/CN=Ours", "-days", "30")
    os.symlink("/usr/local/share/ca-certificates/ours.crt", certs / "ours.pem")
    assert {c["path"] for c in collect(okse, root)["certificates"]} == {"/usr/local/share/ca-certificates/ours.crt", "/etc/ssl/certs/ours.pem"}


def test_none_damaged_missing_and_der(okse, tmp_path):
    root = tree(tmp_path / "sysroot", {"etc/hostname": "a\n"})
    status, reason = coverage(collect(okse, root))["certificates"]
    assert status == "absent" and "did not bring" in reason
    path = made(root / "etc/ssl/private", "site", "ec", "/CN=site", "-days", "30")
    der = root / "etc/pki/ca-trust/source/anchors/site.der"
    der.parent.mkdir(parents=True)
    openssl("x509", "-in", path, "-outform", "DER", "-out", der)
    facts = collect(okse, root)
    assert sorted(c["path"] for c in facts["certificates"]) == ["/etc/pki/ca-trust/source/anchors/site.der", "/etc/ssl/private/site.crt"]
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], *lines[3:]]) + "\n")
    facts = collect(okse, root)
    status, reason = coverage(facts)["certificates"]
    assert status == "partial" and "/etc/ssl/private/site.crt" in reason and len(facts["certificates"]) == 1
    path.unlink()
    tree(root, {"etc/postfix/main.cf": "smtpd_tls_cert_file = /etc/ssl/gone.pem\n"})
    status, reason = coverage(collect(okse, root))["certificates"]
    assert status == "partial" and "/etc/ssl/gone.pem" in reason
