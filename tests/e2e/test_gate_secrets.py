"""Secrets and hidden programs stop a stack where it is made; no value of a secret is ever shown or kept."""
import base64
import gzip
import hashlib
import io
import json
import random
import shutil
import string
import subprocess
import tarfile
import zipfile
import zlib

import pytest

from conftest import ROOT
from stacks import HEAD, noise, write
from test_gate import member
from weights_files import by_lines, noise_safetensors

ALNUM = string.ascii_letters + string.digits
LOWER = string.ascii_lowercase + string.digits
URL64 = ALNUM + "-_"


def crc62(body):
    digits = string.digits + string.ascii_uppercase + string.ascii_lowercase
    value, text = zlib.crc32(body.encode()), ""
    for _ in range(6):
        value, rest = divmod(value, 62)
        text = digits[rest] + text
    return body + text


def bech32(prefix, payload):
    """BIP-173's own reference algorithm."""
    digits = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

    def polymod(values):
        chk = 1
        for value in values:
            top = chk >> 25
            chk = (chk & 0x1ffffff) << 5 ^ value
            for i, generator in enumerate((0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3)):
                chk ^= generator if top >> i & 1 else 0
        return chk

    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    check = polymod(expanded + payload + [0] * 6) ^ 1
    return (prefix + "1" + "".join(digits[v] for v in payload + [check >> 5 * (5 - i) & 31 for i in range(6)])).upper()


def openssl(*words):
    return subprocess.run(["openssl", *words], check=True, capture_output=True).stdout.decode()


def body_of(pem):
    """What must never be shown of a key: a line in its middle."""
    lines = [line for line in pem.splitlines() if line and "-----" not in line]
    return lines[len(lines) // 2]


class Maker:
    """Secrets of every kind, made here and now: (kind, file name, text, what must never be shown)."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def word(self, length, letters=ALNUM):
        return "".join(self.random.choice(letters) for _ in range(length))

    def hex(self, length):
        return self.word(length, "0123456789abcdef")

    def b64(self, size):
        return base64.b64encode(self.random.randbytes(size)).decode()

    def tokens(self):
        """(kind, value) where the value alone is enough."""
        word, hexa = self.word, self.hex
        yield "github.token", "ghp_" + crc62(word(30))
        yield "github.fine-grained", "github_pat_" + word(22) + "_" + word(59)
        yield "gitlab.token", "glpat-" + word(20)
        yield "huggingface.token", "hf_" + word(34, string.ascii_letters)
        yield "openai.key", "sk-" + word(20) + "T3BlbkFJ" + word(20)
        yield "openai.key", "sk-proj-" + word(60)
        yield "anthropic.key", "sk-ant-api03-" + word(93) + "AA"
        yield "openrouter.key", "sk-or-v1-" + hexa(64)
        yield "nvidia.key", "nvapi-" + word(64)
        yield "friendli.token", "flp_" + word(44)
        yield "replicate.token", "r8_" + word(37)
        yield "groq.key", "gsk_" + word(52)
        yield "xai.key", "xai-" + word(80)
        yield "perplexity.key", "pplx-" + word(48)
        yield "pinecone.key", "pcsk_" + word(6) + "_" + word(60)
        yield "langsmith.key", "lsv2_pt_" + hexa(32) + "_" + hexa(10)
        yield "aws.access-key-id", "AKIA" + word(16, string.ascii_uppercase + "234567")
        yield "gcp.api-key", "AIza" + word(35)
        yield "gcp.oauth-secret", "GOCSPX-" + word(28)
        yield "azure.client-secret", word(3) + "8Q~" + word(34)
        yield "digitalocean.token", "dop_v1_" + hexa(64)
        yield "databricks.token", "dapi" + hexa(32)
        yield "slack.token", "xoxb-" + word(12, string.digits) + "-" + word(12, string.digits) + "-" + word(24)
        yield "telegram.bot", word(1, "123456789") + word(9, string.digits) + ":AA" + word(33)
        yield "sendgrid.key", "SG." + word(22) + "." + word(43)
        yield "mailgun.key", "key-" + hexa(32)
        yield "mailchimp.key", hexa(32) + "-us21"
        yield "twilio.key", "SK" + hexa(32)
        yield "npm.token", "npm_" + crc62(word(30))
        yield "pypi.token", "pypi-AgEIcHlwaS5vcmc" + word(80)
        yield "rubygems.key", "rubygems_" + hexa(48)
        yield "dockerhub.token", "dckr_pat_" + word(27)
        yield "stripe.key", "sk_live_" + word(24)
        yield "stripe.test-key", "sk_test_" + word(24)
        yield "vault.token", "hvs." + word(90)
        yield "terraform.cloud", word(14) + ".atlasv1." + word(64)
        body = word(32)
        yield "grafana.token", f"glsa_{body}_{zlib.crc32(body.encode()):08x}"
        yield "doppler.token", "dp.pt." + word(43)
        yield "notion.token", "ntn_" + word(11, string.digits) + word(35)
        yield "linear.key", "lin_api_" + word(40)
        yield "shopify.token", "shpat_" + hexa(32)
        yield "private-key.age", bech32("age-secret-key-", [self.random.randrange(32) for _ in range(51)] + [16])

    def framed(self):
        """(kind, file name, text, value)."""
        word = self.word
        for kind, value in self.tokens():
            yield kind, "app.py", f'client = connect(host, "{value}")\n', value
        value = word(40, ALNUM + "+/")
        yield "aws.secret-key", "credentials", f"[default]\naws_secret_access_key = {value}\n", value
        value = self.hex(40)
        yield "wandb.key", "train.sh", f"export WANDB_API_KEY={value}\n", value
        value = self.b64(32)
        yield "private-key.wireguard", "wg0.conf", f"[Interface]\nPrivateKey = {value}\n", value
        value = self.b64(64)
        yield "azure.storage-key", "app.json", f'{{"c": "AccountName=a;AccountKey={value};EndpointSuffix=x"}}\n', value
        value = self.b64(32).replace("+", "a").replace("/", "b")
        yield "azure.sas", "pull.sh", f"curl 'https://a.blob.core.windows.net/x?sv=2022&se=2027&sig={value}'\n", value
        value = f"T{word(8, LOWER).upper()}/B{word(9, LOWER).upper()}/{word(24)}"
        yield "slack.webhook", "alert.yaml", f"url: https://hooks.slack.com/services/{value}\n", value
        value = word(18, string.digits) + "/" + word(68)
        yield "discord.webhook", "alert.yaml", f"url: https://discord.com/api/webhooks/{value}\n", value
        value = word(36)
        yield "npm.auth", ".npmrc", f"//registry.local/:_authToken={value}\n", value
        value = word(14)
        pair = base64.b64encode(f"robot:{value}".encode()).decode()
        yield "docker.auth", "config.json", json.dumps({"auths": {"r.local": {"auth": pair}}}), pair
        yield "http.basic", "call.sh", f"curl -H 'Authorization: Basic {pair}' x\n", pair
        value = base64.b64encode(word(20).encode()).decode()
        yield "kubernetes.secret", "s.yaml", f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\ndata:\n  pw: {value}\n", value
        head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=").decode()
        load = base64.urlsafe_b64encode(json.dumps({"sub": word(12)}).encode()).rstrip(b"=").decode()
        value = f"{head}.{load}.{word(43, URL64)}"
        yield "jwt", "t.txt", f"token {value}\n", value
        value = word(40)
        yield "http.bearer", "call.sh", f"curl -H 'Authorization: Bearer {value}' x\n", value
        value = word(14)
        yield "url.password", "db.toml", f'dsn = "postgres://app:{value}@db.local/app"\n', value
        value = word(14)
        yield "netrc", ".netrc", f"machine api.local login me password {value}\n", value
        value = word(14)
        yield "pgpass", ".pgpass", f"db.local:5432:app:me:{value}\n", value
        value = "$apr1$" + word(8) + "$" + word(22)
        yield "htpasswd", ".htpasswd", f"admin:{value}\n", value
        value = "$6$" + word(16) + "$" + word(86)
        yield "shadow", "shadow", f"root:{value}:19000:0:99999:7:::\n", value
        value = "\n".join(self.hex(80) for _ in range(3))
        yield "ansible.vault", "v.yml", f"$ANSIBLE_VAULT;1.1;AES256\n{value}\n", value.split("\n")[1]
        value = word(24)
        yield "terraform.state", "x.tfstate", json.dumps({"attributes": {"db_password": value}}), value
        value = word(14) + "!"
        yield "password.assignment", "app.env", f"DB_PASSWORD={value}\n", value
        value = word(32)
        yield "secret.assignment", "app.env", f"APP_API_KEY={value}\n", value
        value = word(43, URL64)
        yield "private-key.jwk", "k.json", json.dumps({"kty": "OKP", "crv": "Ed25519", "d": value, "x": word(43)}), value

    def keys(self):
        for kind, words in (("private-key.pkcs8", ("genpkey", "-algorithm", "ed25519")),
                            ("private-key.pkcs8", ("genpkey", "-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:2048")),
                            ("private-key.rsa", ("genrsa", "-traditional", "2048")),
                            ("private-key.ec", ("ecparam", "-name", "prime256v1", "-genkey", "-noout"))):
            pem = openssl(*words)
            yield kind, "key.pem", pem, body_of(pem)
        pem = openssl("genpkey", "-algorithm", "ed25519", "-aes256", "-pass", "pass:correct-horse")
        yield "private-key.pkcs8-encrypted", "enc.pem", pem, body_of(pem)
        pem = openssl("genpkey", "-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:2048")
        yield "gcp.service-account", "sa.json", json.dumps({"type": "service_account", "private_key": pem}), body_of(pem)
        encoded = base64.b64encode(pem.encode()).decode()
        yield "kubernetes.client-key", "kubeconfig", f"users:\n- user:\n    client-key-data: {encoded}\n", encoded[100:140]
        body = base64.b64encode(b"openssh-key-v1\0\0\0\0\4none\0\0\0\4none\0\0\0\0\0\0\0\1" + self.random.randbytes(300)).decode()
        pem = "-----BEGIN OPENSSH PRIVATE KEY-----\n" + "\n".join(body[i:i + 70] for i in range(0, len(body), 70)) + "\n-----END OPENSSH PRIVATE KEY-----\n"
        yield "private-key.openssh", "id", pem, body_of(pem)
        lines = "\n".join(self.b64(48) for _ in range(8))
        yield "private-key.putty", "k.ppk", f"PuTTY-User-Key-File-2: ssh-rsa\nEncryption: none\nComment: k\nPrivate-Lines: 8\n{lines}\n", lines.split("\n")[4]
        yield "private-key.pgp", "k.asc", f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{lines}\n", lines.split("\n")[4]

    def all(self):
        yield from self.framed()
        yield from self.keys()


def stack(directory, files, kind="infra", more=""):
    shutil.rmtree(directory / "data", ignore_errors=True)
    (directory / "data").mkdir(parents=True)
    for name, data in files.items():
        write(directory / "data" / name, data)
    write(directory / "stack.yaml", HEAD + f"  - {{name: part, kind: {kind}, source: {{path: data}}}}\n{more}")


def build(okse, gate="block", **options):
    return okse("build", "stack.yaml", "--country", "VN", "-o", "x.okse", "--unsigned", "--gate", gate, "--json", **options)


def findings(told, provision):
    return [row for failed in told["preflight"]["failed"] if failed["provision"] == provision for row in failed["evidence"]]


def facts_of(okse, directory):
    sealed = json.loads(member(directory / "x.okse", "findings.json"))
    return {(row["file"], row["message"].split("(")[-1].split(",")[0]) for finding in sealed["findings"] if finding["control"].startswith("secrets.")
            for row in finding["evidence"]}


def test_a_corpus_of_secrets_is_found_and_never_shown(okse):
    corpus = [list(Maker(seed).all()) for seed in (1, 2)]  # a finding lists a hundred places
    assert sum(map(len, corpus)) >= 120 and len({row[0] for part in corpus for row in part}) >= 40
    for part in corpus:
        stack(okse.directory, {f"{i:03}/{name}": text for i, (_, name, text, _) in enumerate(part)})
        result = build(okse, "warn", status=0)
        shown = [result.out, result.err, member(okse.directory / "x.okse", "findings.json").decode()]
        found = facts_of(okse, okse.directory)
        missed = [(i, kind) for i, (kind, name, _, _) in enumerate(part) if (f"part/{i:03}/{name}", kind) not in found]
        assert missed == [], found
        reports = [word for name in ("json", "html", "sarif", "csv", "markdown", "junit") for word in ("--report", f"{name}=r.{name}")]
        shown.append(okse("audit", "--bundle", "x.okse", "--country", "VN", *reports, status=1).out)
        shown += [(okse.directory / name).read_text() for name in reports[1::2] for name in [name.split("=")[1]]]
        result = build(okse, status=1)
        shown += [result.out, result.err]
        for kind, name, _, value in part:
            for text in shown:
                assert value not in text and json.dumps(value)[1:-1] not in text, (kind, name)


FAULTS = {
    "token": ("app.yaml", lambda m: f"x: 1\ntoken: ghp_{crc62(m.word(30))}\n", 2, "token: ${GITHUB_TOKEN}\n"),
    "private key": ("tls.key", lambda m: openssl("genpkey", "-algorithm", "ed25519"), 1, openssl("version")),
    "key in a script": ("run.sh", lambda m: f"#!/bin/sh\n\nexport OPENAI_API_KEY=sk-proj-{m.word(60)}\n", 3, "export OPENAI_API_KEY=$(cat /run/secrets/key)\n"),
    "notebook": ("n.ipynb", lambda m: '{"cells": [{"source": ["login(\\"hf_%s\\")"]}]}' % m.word(34, string.ascii_letters), 1, '{"cells": [{"source": ["login(token=\\"hf_xxxxxxxx\\")"]}]}'),
    "database address": ("db.toml", lambda m: f"a = 1\ndsn = 'postgres://app:{m.word(12)}@db/app'\n", 2, "dsn = 'postgres://app:${PASSWORD}@db/app'\n"),
    "registry login": ("config.json", lambda m: json.dumps({"auths": {"r": {"auth": base64.b64encode(b"me:" + m.word(12).encode()).decode()}}}), 1, '{"auths": {"r": {"auth": ""}}}'),
    "kubernetes secret": ("s.yaml", lambda m: "apiVersion: v1\nkind: Secret\ndata:\n  pw: " + base64.b64encode(m.word(16).encode()).decode() + "\n", 4, "kind: Deployment\nspec:\n  secretName: db\n"),
    "shadow": ("shadow", lambda m: "daemon:*:1:0:::::\nroot:$6$" + m.word(16) + "$" + m.word(86) + ":19000:0:::::\n", 2, "root:*:19000:0:::::\n"),
    "aws": ("credentials", lambda m: f"[default]\naws_secret_access_key={m.word(40)}\n", 2, "aws_access_key_id=AKIAIOSFODNN7EXAMPLE\naws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n"),
    "in a program": ("server.bin", lambda m: b"\x7fELF" + bytes(4000) + b"glpat-" + m.word(20).encode() + bytes(100), None, b"\x7fELF" + bytes(4000)),
    "over the edge of a window": ("big.txt", lambda m: "x" * ((1 << 20) + 8180) + " npm_" + crc62(m.word(30)) + "\n", 1, "x" * (1 << 20)),
    "terraform": ("a.tfstate", lambda m: json.dumps({"password": m.word(20)}), 1, json.dumps({"password": "changeme"})),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_secret_stops_the_build_at_its_line(okse, name):
    path, make, line, clean = FAULTS[name]
    stack(okse.directory, {path: make(Maker(name))}, kind="source")
    rows = findings(build(okse, status=1).json, "shp-secrets")
    assert [(row["file"], row["line"]) for row in rows] == [(f"part/{path}", line)]
    stack(okse.directory, {path: clean}, kind="source")
    assert findings(build(okse, "warn", status=0).json, "shp-secrets") == []


def archive_of(kind, text):
    out = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("pkg/settings.py", text)
    elif kind == "gz":
        return gzip.compress(text.encode())
    else:
        with tarfile.open(fileobj=out, mode="w:gz") as archive:
            info = tarfile.TarInfo("pkg/settings.py")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


@pytest.mark.parametrize("kind, path, place", [("zip", "a.whl", "a.whl!pkg/settings.py"), ("tar", "a.tar.gz", "a.tar.gz!pkg/settings.py"), ("gz", "s.py.gz", "s.py.gz!s.py")])
def test_members_of_archives_are_looked_at(okse, kind, path, place):
    stack(okse.directory, {path: archive_of(kind, f"a = 1\nkey = 'npm_{crc62(Maker(kind).word(30))}'\n")}, kind="runtime")
    rows = findings(build(okse, status=1).json, "shp-secrets")
    assert [(row["file"], row["line"]) for row in rows] == [("part/" + place, 2)]
    stack(okse.directory, {path: archive_of(kind, "a = 1\n")}, kind="runtime")
    assert findings(build(okse, "warn", status=0).json, "shp-secrets") == []


PROGRAMS = {
    "pickle in a data set": ("dataset", "train.pkl", by_lines("os", "system"), "shp-programs", b"\x80\x04]\x94."),
    "pickle under another name": ("docs", "notes.dat", by_lines("os", "system"), "shp-programs", b"notes"),
    "program as a picture": ("docs", "logo.png", b"\x7fELF" + bytes(100), "shp-programs", b"\x89PNG\r\n\x1a\n" + bytes(100)),
    "script as data": ("infra", "values.json", b"#!/bin/sh\ncurl x\n", "shp-programs", b"{}"),
    "pickle in weights": ("weights", "extra.bin", by_lines("os", "system"), "shp-weights", b"\0" * 64),
    "remote code": ("weights", "config.json", b'{"trust_remote_code": true}', "shp-weights", b"{}"),
    "lying safetensors": ("weights", "m.safetensors", b"\xff" * 8 + b"{}", "shp-weights", b"\x02" + bytes(7) + b"{}"),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_would_run_is_a_finding_of_the_framework(okse, name):
    kind, path, data, provision, clean = PROGRAMS[name]
    stack(okse.directory, {path: data}, kind=kind)
    rows = findings(build(okse, status=1).json, provision)
    assert rows and {row["file"] for row in rows} == {f"part/{path}"}
    assert not (okse.directory / "x.okse").exists()
    build(okse, "warn", status=0)
    again = okse("audit", "--bundle", "x.okse", "--country", "VN", "--json", status=1).json
    assert [row["status"] for row in again["findings"] if row["provision"] == provision] == ["fail"], "from the bundle too"
    stack(okse.directory, {path: clean}, kind=kind)
    assert findings(build(okse, "warn", status=0).json, provision) == []


def layout(directory, environment, text):
    """A small OCI layout: one layer (tar+gzip) with one file, and a config with one variable."""
    def blob(data):
        digest = hashlib.sha256(data).hexdigest()
        write(directory / "blobs/sha256" / digest, data)
        return {"digest": "sha256:" + digest, "size": len(data)}

    shutil.rmtree(directory, ignore_errors=True)
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        info = tarfile.TarInfo("app/settings.py")
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text.encode()))
    config = {"architecture": "amd64", "os": "linux", "config": {"Env": [environment]},
              "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(tar.getvalue()).hexdigest()]}}
    kind = "application/vnd.oci.image."
    manifest = {"schemaVersion": 2, "mediaType": kind + "manifest.v1+json",
                "config": {"mediaType": kind + "config.v1+json", **blob(json.dumps(config).encode())},
                "layers": [{"mediaType": kind + "layer.v1.tar+gzip", **blob(gzip.compress(tar.getvalue(), mtime=0))}]}
    index = {"schemaVersion": 2, "manifests": [{"mediaType": kind + "manifest.v1+json", **blob(json.dumps(manifest).encode()),
                                                "annotations": {"org.opencontainers.image.ref.name": "1"}}]}
    write(directory / "index.json", json.dumps(index))
    write(directory / "oci-layout", '{"imageLayoutVersion":"1.0.0"}')
    return [row["digest"][7:] for row in [manifest["config"], *manifest["layers"]]]


@pytest.mark.parametrize("module, name, stopped", [("__builtin__", "xrange", False), ("builtins", "range", False), ("builtins", "eval", True)])
def test_a_range_in_an_unpacked_library_runs_nothing(okse, module, name, stopped):
    """NumPy's own test files hold ranges; the same place with a function that runs code is stopped."""
    stack(okse.directory, {"numpy/lib/tests/data/objarr.pkl": by_lines(module, name)}, kind="runtime")
    rows = findings(build(okse, "warn", status=0).json, "shp-programs")
    assert [row["file"] for row in rows] == (["part/numpy/lib/tests/data/objarr.pkl"] if stopped else [])


def test_images_are_looked_into(okse):
    make = Maker("image")
    write(okse.directory / "stack.yaml", HEAD + "  - {name: server, kind: runtime, source: {oci: layout}}\n")
    config, layer = layout(okse.directory / "layout", f"HF_TOKEN=hf_{make.word(34, string.ascii_letters)}", f"key = 'npm_{crc62(make.word(30))}'\n")
    wanted = {f"server/blobs/sha256/{config}", f"server/blobs/sha256/{layer}!app/settings.py"}
    assert {row["file"] for row in findings(build(okse, status=1).json, "shp-secrets")} == wanted
    build(okse, "warn", status=0)
    again = okse("audit", "--bundle", "x.okse", "--country", "VN", "--json", status=1).json
    failed, = [row for row in again["findings"] if row["control"] == "secrets.none"]
    assert {row["file"] for row in failed["evidence"]} == wanted, "from the bundle too"
    layout(okse.directory / "layout", "HF_TOKEN=", "key = ''\n")
    assert findings(build(okse, "warn", status=0).json, "shp-secrets") == []


def test_what_cannot_be_read_is_no_pass(okse):
    with zipfile.ZipFile(okse.directory / "a.zip", "w") as archive:
        archive.writestr("a.env", "A=1\n")
    data = bytearray((okse.directory / "a.zip").read_bytes())
    for mark in (b"PK\x03\x04", b"PK\x01\x02"):  # the flag that says it is encrypted
        data[data.index(mark) + (6 if mark[2] == 3 else 8)] |= 1
    stack(okse.directory, {"a.zip": bytes(data)}, kind="source")
    build(okse, "warn", status=0)
    row, = [row for row in json.loads(member(okse.directory / "x.okse", "findings.json"))["findings"] if row["control"] == "secrets.none"]
    assert row["status"] == "inconclusive" and "part/a.zip" in row["reason"]["en"]


def test_a_secret_in_a_license_line_is_masked(okse):
    token = "ghp_" + crc62(Maker("license").word(30))
    stack(okse.directory, {"README.md": f"---\nlicense: {token}\n---\n", "m.safetensors": noise_safetensors(noise("m", 300))}, kind="weights")
    result = build(okse, status=1)
    sealed = build(okse, "warn", status=0)
    assert {row["control"] for row in result.json["preflight"]["failed"]} >= {"secrets.none", "license.known"}
    for text in (result.out, result.err, sealed.out, member(okse.directory / "x.okse", "findings.json").decode()):
        assert token not in text


def test_an_install_is_looked_into_under_the_framework(okse):
    value = Maker("installed").word(34, string.ascii_letters)
    stack(okse.directory, {"a.env": f"A=1\nHF_TOKEN=hf_{value}\n", "logo.png": b"\x7fELF" + bytes(100)}, kind="docs")
    build(okse, "warn", status=0)
    okse("key", "new", "--type", "ed25519", "-o", "vendor.pem", status=0)
    okse("sign", "x.okse", "--key", "vendor.pem", "--role", "vendor", status=0)
    (okse.directory / "trust.yaml").write_text("okse: trust/v1\nroles:\n  vendor: {threshold: 1, signers: [{key: vendor.pub}]}\n")
    okse("install", "x.okse", "--root", "site", "--trust", "trust.yaml", status=0)
    words = ("audit", "--root", "site", "--country", "VN", "--scope", "install", "--json")
    told = okse(*words, "--framework", "shipping", status=1)
    rows = {row["control"]: row for row in told.json["findings"]}
    for control, line in (("secrets.none", 2), ("programs.hidden", None)):
        assert rows[control]["status"] == "fail"
        assert [row["line"] for row in rows[control]["evidence"]] == [line], rows[control]["evidence"]
    assert value not in told.out
    assert not any(row["control"].startswith("secrets.") for row in okse(*words).json["findings"]), "only when the framework is asked for"


def test_the_table_is_data_and_its_faults_are_named(okse):
    shutil.copytree(ROOT / "manifests", okse.directory / "manifests")
    table = okse.directory / "manifests/secrets.yaml"
    text = table.read_text()
    stack(okse.directory, {"a.env": "PASS=acme-0a1b2c3d4e5f\n"}, kind="source")
    table.write_text(text + "  - {id: acme, title: Acme, severity: critical, literals: [acme-], pattern: 'acme-[0-9a-f]{12}'}\n")
    words = ("build", "stack.yaml", "--country", "VN", "--unsigned", "--gate", "block", "--dry-run", "--json", "--manifests", "manifests")
    assert [row["message"].split(" (")[0] for row in findings(okse(*words, status=1).json, "shp-secrets")] == ["Acme"]
    table.write_text(text + "  - {id: acme, title: Acme, severity: grave, literals: [a], pattern: '(', check: luck}\n")
    told = okse(*words, status=2).err
    for part in ("severity: 'grave'", "2 to 64 bytes", "check: 'luck'", "secrets.yaml:"):
        assert part in told
