"""sign --tsa: a real time-stamping authority (openssl ts) over loopback HTTP, and authorities that misbehave."""
import base64
import http.server
import json
import socket
import subprocess
import threading

import pytest

import signing
from test_trust import chain_site, pki, reasons, site  # noqa: F401 (fixtures)

SUBJECT = {"subject": "CN=Release 2026,O=Example AI Lab"}


class Authority(http.server.BaseHTTPRequestHandler):
    """Answers as its server's `answer(query)` says: (status, headers, body)."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, self.headers["Content-Type"], body))
        status, headers, answer = self.server.answer(body)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@pytest.fixture
def authority(site, pki):
    """(site, key, chain, trust, server): server.answer is a real TSA's until a test changes it."""
    key, chain, _ = chain_site(site, pki, start="20250101000000Z", end="20351231000000Z")
    tsa = signing.TimestampAuthority(site.directory, pki[1])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Authority)
    server.asked, server.tsa = [], tsa

    def reply(query):
        (site.directory / "query.tsq").write_bytes(query)
        return tsa.reply(site.directory / "query.tsq")

    server.reply = reply
    server.answer = lambda query: (200, {"Content-Type": "application/timestamp-reply"}, reply(query))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    trust = site.trust({"vendor": [1, SUBJECT]}, roots=["root.pem"], timestamp_roots=["root.pem"])
    yield site, key, chain, trust, server
    server.shutdown()
    server.server_close()


def url(server):
    return f"http://127.0.0.1:{server.server_port}/tsr"


def sign(site, key, chain, server, status=0, to=None):
    return site.okse("sign", site.bundle, "--key", key.path, "--cert", chain, "--role", "vendor", "--tsa", to or url(server), status=status)


def token_of(site):
    """The timestamp as it lies in the bundle, with the signature it is over; taken out with tar and jq's means."""
    names = subprocess.run(["tar", "-tf", site.bundle], check=True, capture_output=True, text=True).stdout.split()
    for name in names:
        data = subprocess.run(["tar", "-xOf", site.bundle, name], check=True, capture_output=True).stdout
        if b"signedTimestamp" in data:
            value = json.loads(data)
            stamps = value["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"]
            return base64.b64decode(stamps[0]["signedTimestamp"]), base64.b64decode(value["dsseEnvelope"]["signatures"][0]["sig"])
    return None


def test_a_signature_outlives_its_certificate(authority, tmp_path):
    site, key, chain, trust, server = authority
    sign(site, key, chain, server)
    ((path, kind, query),) = server.asked
    assert (path, kind) == ("/tsr", "application/timestamp-query")
    (tmp_path / "q").write_bytes(query)
    text = signing.openssl("ts", "-query", "-in", tmp_path / "q", "-text").decode()
    assert "Hash Algorithm: sha256" in text and "Certificate required: yes" in text and "Nonce: 0x" in text
    verdict = site.verify(trust, "--at", "2036-01-01", status=0)
    assert [s["status"] for s in verdict["signatures"]] == ["valid"] and verdict["signatures"][0]["timestamp"]


def test_openssl_alone_verifies_the_stored_timestamp(authority, tmp_path):
    site, key, chain, _, server = authority
    sign(site, key, chain, server)
    token, signature = token_of(site)
    (tmp_path / "token.tsr").write_bytes(token)
    (tmp_path / "signature").write_bytes(signature)
    signing.openssl("ts", "-verify", "-data", tmp_path / "signature", "-in", tmp_path / "token.tsr", "-CAfile", site.directory / "root.pem")


def test_a_signature_made_after_expiry_stays_bad(authority, pki):
    site, key, _, trust, server = authority
    late = pki[2].issue(key, "/O=Example AI Lab/CN=Release 2026", start="20200101000000Z", end="20210101000000Z")
    chain = site.directory / "late.pem"
    chain.write_bytes(late.read_bytes() + pki[2].certificate.read_bytes())
    sign(site, key, chain, server)
    assert "expired on 2021-01-01" in reasons(site.verify(trust, status=1))


def test_build_signs_and_stamps_in_one_go(authority, okse):
    site, key, chain, trust, server = authority
    (site.directory / "conf").mkdir()
    (site.directory / "conf/a").write_text("1")
    (site.directory / "s.yaml").write_text("okse: stack/v1\nname: civic-search\nversion: 1.0.0\nsequence: 12\nvendor: {name: V, country: KR}\n"
                                           "components:\n  - {name: conf, kind: infra, source: {path: conf}}\n")
    words = ["build", site.directory / "s.yaml", "--country", "VN", "-o", site.directory / "built.okse"]
    site.okse(*words, "--key", key.path, "--cert", chain, "--tsa", url(server), status=0)
    verdict = site.okse("verify", site.directory / "built.okse", "--trust", trust, "--at", "2036-01-01", "--json", status=0).json
    assert verdict["signatures"][0]["timestamp"]
    assert "give --key" in site.okse(*words, "--tsa", url(server), status=2).err


def garbage(_):
    return 200, {"Content-Type": "application/timestamp-reply"}, b"\x30\x03\x02\x01\x07"


def unavailable(_):
    return 500, {"Content-Type": "text/plain"}, b"no"


def elsewhere(_):
    return 302, {"Location": "file:///etc/passwd"}, b""


def page(_):
    return 200, {"Content-Type": "text/html"}, b"<html>log in</html>"


def endless(_):
    return 200, {"Content-Type": "application/timestamp-reply"}, b"\x30\x84\x7f\xff\xff\xff" + bytes(1 << 21)


@pytest.mark.parametrize("answer", [garbage, unavailable, elsewhere, page, endless], ids=lambda f: f.__name__)
def test_no_answer_is_a_failure_and_changes_nothing(authority, answer):
    site, key, chain, _, server = authority
    before = site.bundle.read_bytes()
    server.answer = answer
    result = sign(site, key, chain, server, status=3)
    assert "nothing was signed" in result.err and "127.0.0.1" in result.err
    assert site.bundle.read_bytes() == before


def test_an_answer_to_another_question_is_refused(authority, tmp_path):
    site, key, chain, _, server = authority
    before = site.bundle.read_bytes()
    real = server.answer
    (tmp_path / "other").write_bytes(b"other")
    signing.openssl("ts", "-query", "-data", tmp_path / "other", "-sha256", "-cert", "-out", tmp_path / "other.tsq")
    server.answer = lambda query: real((tmp_path / "other.tsq").read_bytes())
    assert "no timestamp of this signature" in sign(site, key, chain, server, status=1).err
    kept = []

    def replay(query):
        """The same imprint, and the nonce of the request before: an old answer sent again."""
        kept.append(real(query))
        return kept[0]

    server.answer = replay
    sign(site, key, chain, server)
    site.bundle.write_bytes(before)
    assert "no timestamp of this signature" in sign(site, key, chain, server, status=1).err
    assert site.bundle.read_bytes() == before


def test_an_authority_that_says_no_is_heard(authority):
    site, key, chain, _, server = authority
    config = server.tsa.directory / "tsa.cnf"
    config.write_text(config.read_text().replace("digests = sha256", "digests = sha512"))
    before = site.bundle.read_bytes()
    result = sign(site, key, chain, server, status=1)
    assert "rejection" in result.err.lower() and "nothing was signed" in result.err and site.bundle.read_bytes() == before


def test_nobody_there(authority):
    site, key, chain, _, server = authority
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]  # bound and not listening: nobody else gets it meanwhile
        assert "nothing was signed" in sign(site, key, chain, server, to=f"http://127.0.0.1:{port}/", status=3).err


@pytest.mark.parametrize("bad, word", [("https://tsa.example/", "http://"), ("ftp://tsa.example/", "no URL"), ("tsa", "no URL"), ("", "no URL"),
                                       ("http://me:pw@tsa.example/", "no user"), ("http://tsa.example/?q=1", "no query")])
def test_urls_that_are_refused(authority, bad, word):
    site, key, chain, _, server = authority
    assert word in site.okse("sign", site.bundle, "--key", key.path, "--cert", chain, "--tsa", bad, status=2).err


def test_a_courier_and_a_connection_exclude_each_other(authority):
    site, key, chain, _, server = authority
    assert "courier" in site.okse("sign", site.bundle, "--key", key.path, "--cert", chain, "--tsa", url(server), "--tsa-request", "r.tsq", status=2).err
