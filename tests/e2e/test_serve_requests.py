"""okse serve: requests that readers understand differently, conditions of RFC 9110, and what a bundle may be that is served."""
import contextlib
import hashlib
import os
import re
import shutil
import socket
import time

import pytest

import install_bundle as ib
from stacks import noise
from test_encrypted_parts import Recipient
from test_parts import flip
from test_serve import SERVED, Serving, digest

pytestmark = SERVED
MIB = 1 << 20
FILES = {"large.bin": noise("served", 5 * MIB + 77), "more.bin": noise("more", 3 * MIB), "empty.bin": b"", "config.json": b"[]"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    import conftest
    directory = tmp_path_factory.mktemp("served")
    site = ib.Site(conftest.Okse(directory), directory)
    site.make(ib.raw("tiny", FILES))
    return site


@pytest.fixture
def serving(okse, made):
    with Serving(okse, made.bundle, "--unverified") as started:
        yield started


def blob(data):
    return f"/v2/civic-search/blobs/{digest(data)}"


HOST, NEXT = b"Host: localhost\r\n", b"GET /v2/_catalog HTTP/1.1\r\nHost: localhost\r\n\r\n"
SMUGGLED = {
    "none and some": b"Content-Length: 0\r\nContent-Length: %d\r\n" % len(NEXT), "some and none": b"Content-Length: %d\r\ncontent-length: 0\r\n" % len(NEXT),
    "the same twice": b"Content-Length: 0\r\nContent-Length: 0\r\n", "a list": b"Content-Length: 0, 0\r\n", "a sign": b"Content-Length: +0\r\n",
    "hexadecimal": b"Content-Length: 0x0\r\n", "zeros": b"Content-Length: 00\r\n", "nothing": b"Content-Length: \r\n",
    "chunks and a length": b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", "a length and chunks": b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
    "an encoding of its own": b"Transfer-Encoding: xchunked\r\n", "no encoding": b"Transfer-Encoding: identity\r\n", "a tab": b"Transfer-Encoding:\tchunked\r\n",
    "two encodings": b"Transfer-Encoding: chunked, identity\r\n", "two hosts": b"Host: 127.0.0.1\r\n", "a space before the colon": b"Content-Length : 0\r\n",
    "a space and chunks": b"Transfer-Encoding : chunked\r\n", "a name that is none": b"Content(Length: 0\r\n",
}


@pytest.mark.parametrize("how", SMUGGLED)
def test_a_request_that_two_readers_would_end_elsewhere_is_refused_with_all_behind_it(serving, how):
    """Whoever stands before the server would take what follows for a body, or for somebody else's request."""
    got = serving.raw(b"GET /v2/ HTTP/1.1\r\n" + HOST + SMUGGLED[how] + b"\r\n" + NEXT)
    answers = re.findall(rb"^HTTP/1\.1 (\d+)", got, re.MULTILINE)
    # libmicrohttpd 0.9.75 writes the head of its own refusals twice; then the line ends
    assert answers and all(answer.startswith(b"4") for answer in answers) and b"repositories" not in got, got
    assert serving.ask("/v2/")[0] == 200


def test_if_match(serving):
    path, tag = blob(FILES["more.bin"]), f'"{digest(FILES["more.bin"])}"'
    for given, wanted in ((tag, 200), ("*", 200), (f'"a", {tag}', 200), ('"a"', 412), (f"W/{tag}", 412), ("", 412)):
        status, _, body = serving.ask(path, If_Match=given)
        assert (status, body == FILES["more.bin"]) == (wanted, wanted == 200), given
    assert serving.ask(path, If_Match=tag, Range="bytes=0-3")[0] == 206
    assert serving.ask(path, If_Match='"a"', Range="bytes=0-3", If_None_Match=tag)[0] == 412
    assert serving.ask("/v2/civic-search/manifests/1.0.0", If_Match='"a"')[0] == 412


def test_ranges_of_an_empty_file(serving):
    """RFC 9110, 14.1.2: the last so many bytes of nothing are all of it; every other range lies behind its end."""
    for text, wanted in (("bytes=-1", 200), ("bytes=-0", 416), ("bytes=0-", 416), ("bytes=0-0", 416), ("bytes=5-", 416), ("bytes=-", 200)):
        status, headers, body = serving.ask(blob(b""), Range=text)
        assert status == wanted and (body == b"") == (wanted == 200), text
        assert headers.get("Content-Range") == (None if wanted == 200 else "bytes */0"), text


def test_not_modified_says_no_wrong_length(serving):
    """RFC 9110, 8.6: in a 304 the length is that of what was not sent, or none."""
    for path in (blob(FILES["more.bin"]), "/v2/civic-search/manifests/1.0.0"):
        _, whole, body = serving.ask(path)
        status, headers, nothing = serving.ask(path, If_None_Match=whole["ETag"])
        assert (status, nothing) == (304, b"") and headers.get("Content-Length") in (None, str(len(body)))
        asked = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: {whole['ETag']}\r\n\r\n" * 2
        got = serving.raw(asked.encode(), half=True)
        assert len(re.findall(rb"^HTTP/1\.1 304 ", got, re.MULTILINE)) == 2 and got.endswith(b"\r\n\r\n") and len(got) < 2000


def all_is_served(serving):
    for data in FILES.values():
        assert serving.ask(blob(data))[2] == data
    data = FILES["large.bin"]
    for at in (0, MIB - 3, 2 * MIB, 5 * MIB):
        assert serving.ask(blob(data), Range=f"bytes={at}-{at + 99}")[2] == data[at:at + 100]


@pytest.mark.parametrize("words", [("--parity", "1"), ("--compress", "weights", "--parity", "1")])
def test_parts_are_served_and_repaired(okse, made, tmp_path, words):
    parts = tmp_path / "parts"
    okse("split", made.bundle, "--size", "2200K", "-o", parts, *words, status=0)
    with Serving(okse, parts, "--trust", made.trust, "--check") as serving:
        all_is_served(serving)
    for part in sorted(parts.glob("*.0002.part")):
        flip(part, part.stat().st_size // 2)
    with Serving(okse, parts, "--unverified") as serving:
        all_is_served(serving)
    next(parts.glob("*.0002.part")).unlink()
    with Serving(okse, parts, "--unverified") as serving:
        all_is_served(serving)


def test_what_parts_cannot_give_is_no_answer(okse, made, tmp_path):
    """Without parity: everything that is whole, and never a byte that is not right."""
    parts = tmp_path / "parts"
    okse("split", made.bundle, "--size", "2200K", "-o", parts, status=0)
    for part in sorted(parts.glob("*.0002.part")):
        flip(part, part.stat().st_size // 2)
    with Serving(okse, parts, "--unverified", "--log") as serving:
        whole = 0
        for data in FILES.values():
            got = serving.raw(f"GET {blob(data)} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            head, body = got.split(b"\r\n\r\n", 1)
            assert data.startswith(body) and f"Content-Length: {len(data)}".encode() in head
            whole += body == data
        assert whole == len(FILES) - 1
    assert serving.log.read_text().count("cut-off") == 1
    for part in parts.glob("*.0003.part"):
        part.unlink()
    refused = okse("serve", parts, "--unverified", "--listen", "127.0.0.1:0", status=1)
    assert "part 3" in refused.err and not refused.out


def test_what_is_not_there_and_encrypted_parts_are_refused_and_it_is_said_what_to_do(okse, made, tmp_path):
    okse("thin", made.bundle, "--against", made.bundle, "-o", tmp_path / "thin.okse", status=0)
    for words in (("--unverified",), ("--trust", made.trust)):
        refused = okse("serve", tmp_path / "thin.okse", *words, "--listen", "127.0.0.1:0", status=1)
        assert "thin" in refused.err and "--base" in refused.err and not refused.out
    site = Recipient(tmp_path, "clinic")
    okse("split", made.bundle, "--encrypt-to", site.certificate, "-o", tmp_path / "sealed", status=0)
    refused = okse("serve", tmp_path / "sealed", "--unverified", "--listen", "127.0.0.1:0", status=2)
    assert "okse join" in refused.err and not refused.out


CHANGES = {"cut off": lambda path: os.truncate(path, 1 << 20), "written": lambda path: path.open("r+b").write(b"x"),
           "another in its place": lambda path: os.replace(shutil.copy(path, path.with_suffix(".new")), path), "taken away": lambda path: path.unlink()}


@pytest.mark.parametrize("how", CHANGES)
def test_a_bundle_that_changes_while_it_is_being_sent(okse, tmp_path, how):
    """The server ends, the reader has less than it was promised, and nobody crashes or spins."""
    site, data = ib.Site(okse, tmp_path), noise("sent", 48 << 20)
    site.make(ib.raw("large", {"big.bin": data}), sign=False)
    with Serving(okse, site.bundle, "--unverified", status=1) as serving, socket.create_connection(("127.0.0.1", serving.port)) as line:
        line.sendall(f"GET {blob(data)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        got = line.recv(1000)
        CHANGES[how](site.bundle)
        begun = time.monotonic()
        assert serving.process.wait(15) == 1 and time.monotonic() - begun < 8
        line.settimeout(10)
        with contextlib.suppress(ConnectionError):
            while part := line.recv(1 << 20):
                got += part
        body = got.split(b"\r\n\r\n", 1)[1]
        assert len(body) < len(data) and hashlib.sha256(body).digest() != hashlib.sha256(data).digest()
    assert "was changed while it was being served" in serving.log.read_text()
