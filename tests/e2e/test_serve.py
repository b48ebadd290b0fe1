"""okse serve: other people's clients pull from a bundle; who means harm, or is slow, does none."""
import concurrent.futures
import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

import conftest
import install_bundle as ib
import test_offsets
from servers import Authority
from stacks import noise, run
from test_registry import ORAS, files_of, needs_oras, oras

def built_with_it():
    try:
        said = subprocess.run([conftest.Okse("").binary, "serve", "--help"], capture_output=True, text=True).stdout
    except OSError:
        return True  # nothing is built, and every test says so
    return "Built without libmicrohttpd" not in said


SERVED = pytest.mark.skipif(not built_with_it(), reason="this okse was built without libmicrohttpd")
pytestmark = SERVED
INDEX, MANIFEST, SIGSTORE = ib.INDEX, ib.MANIFEST, "application/vnd.dev.sigstore.bundle.v0.3+json"
MODEL = {"model.safetensors": noise("serve", 300_001), "config.json": b"{}", "notes/read me.txt": "글\n".encode()}


class Serving:
    """okse serve on a free port until the block ends; `end` says how it ended."""

    def __init__(self, okse, bundle, *words, listen="127.0.0.1:0", status=0, before=()):
        self.okse, self.status, self.log = okse, status, okse.directory / "serve.log"
        self.command = [*before, okse.binary, "serve", bundle, "--listen", listen, "--json", *words]

    def __enter__(self):
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(list(map(str, self.command)), stdout=subprocess.PIPE, stderr=log, cwd=self.okse.directory,
                                            env=self.okse.environment, text=True)
        text = ""
        while not text.endswith("\n}\n"):
            line = self.process.stdout.readline()
            assert line, self.log.read_text()
            text += line
        self.said = json.loads(text)
        self.host = self.said["listen"]
        self.port = int(self.host.rsplit(":", 1)[1])
        self.pid = self.process.pid
        return self

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(20)

    def __exit__(self, kind, *_):
        ended = self.process.poll() if self.process.poll() is not None else self.end()
        self.process.stdout.close()
        text = self.log.read_text()
        if kind is None:
            assert ended == self.status and "Sanitizer" not in text and "runtime error:" not in text, text

    def ask(self, path, method="GET", source=None, body=None, **headers):
        """One request on a connection of its own: (status, headers, body)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20, source_address=source)
        with contextlib.closing(connection):
            connection.putrequest(method, path, skip_host="Host" in headers)
            for name, value in headers.items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()

    def get(self, path, **more):
        status, _, body = self.ask(path, **more)
        assert status == 200, body
        return json.loads(body)

    def raw(self, data, half=False):
        """What comes back for these bytes until the other side closes."""
        with socket.create_connection(("127.0.0.1", self.port), 20) as line:
            got = b""
            with contextlib.suppress(ConnectionError):
                line.sendall(data)
                with contextlib.suppress(OSError):  # it may have been closed already
                    if half:
                        line.shutdown(socket.SHUT_WR)
                while part := line.recv(65536):
                    got += part
            return got

    def peak(self):
        return int(re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path(f"/proc/{self.pid}/status").read_text())[1]) / 1024


@pytest.fixture
def site(okse, tmp_path):
    made = ib.Site(okse, tmp_path)
    made.identity = made.make(ib.raw("tiny", MODEL, "weights"), ib.image("server", (("linux", "amd64"), ("linux", "arm64"))), ib.image("gate"))
    return made


@pytest.fixture
def serving(okse, site):
    with Serving(okse, site.bundle, "--trust", site.trust, "--log") as made:
        yield made


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def blobs(bundle):
    """Every blob of the bundle as tar takes it out: digest → bytes."""
    names = [name for name in run("tar", "-tf", bundle).splitlines() if name.startswith("blobs/")]
    return {name.removeprefix("blobs/").replace("/", ":"): subprocess.run(["tar", "-xOf", bundle, name], capture_output=True, check=True).stdout for name in names}


def test_skopeo_copies_all_of_it_with_its_digests(site, serving, tmp_path):
    listed = json.loads(run("skopeo", "list-tags", "--tls-verify=false", f"docker://{serving.host}/civic-search"))["Tags"]
    assert listed == ["1.0.0", "1.0.0-gate", "1.0.0-server-linux-amd64", "1.0.0-server-linux-arm64", "1.0.0-stack", "1.0.0-tiny"]
    run("skopeo", "copy", "--all", "--preserve-digests", "--src-tls-verify=false", f"docker://{serving.host}/civic-search:1.0.0", f"dir:{tmp_path}/all")
    assert hashlib.sha256((tmp_path / "all/manifest.json").read_bytes()).hexdigest() == site.identity
    for name in ("civic-search/gate:1.0.0", "civic-search:1.0.0-gate"):
        shutil.rmtree(tmp_path / "gate", ignore_errors=True)
        run("skopeo", "copy", "--preserve-digests", "--src-tls-verify=false", f"docker://{serving.host}/{name}", f"oci:{tmp_path}/gate:x")
        there = run("skopeo", "inspect", "--raw", f"oci:{tmp_path}/gate:x")
        assert there == run("skopeo", "inspect", "--raw", f"oci-archive:{site.bundle}:1.0.0-gate")


def test_an_image_for_several_platforms_is_chosen_from_by_its_client(site, serving, tmp_path):
    for machine in ("amd64", "arm64"):
        image = f"docker://{serving.host}/civic-search/server:1.0.0"
        run("skopeo", "--override-arch", machine, "copy", "--src-tls-verify=false", image, f"oci:{tmp_path}/{machine}:x")
        assert json.loads(run("skopeo", "inspect", "--config", f"oci:{tmp_path}/{machine}:x"))["architecture"] == machine
    both = json.loads(run("skopeo", "inspect", "--raw", "--tls-verify=false", image))
    assert [entry["platform"]["architecture"] for entry in both["manifests"]] == ["amd64", "arm64"]


@needs_oras
def test_oras_pulls_the_files_and_finds_the_statements(site, serving, tmp_path):
    oras("pull", "--plain-http", f"{serving.host}/civic-search/tiny:1.0.0", "-o", tmp_path / "out")
    assert files_of(tmp_path / "out") == MODEL
    assert set(oras("repo", "ls", "--plain-http", serving.host).split()) == {"civic-search", *(f"civic-search/{name}" for name in ("gate", "server", "stack", "tiny"))}
    found = json.loads(oras("discover", "--plain-http", "--format", "json", f"{serving.host}/civic-search:1.0.0"))
    statement, = found["referrers"]
    assert statement["artifactType"] == SIGSTORE
    oras("pull", "--plain-http", f"{serving.host}/civic-search@{statement['digest']}", "-o", tmp_path / "statement")
    signed, = files_of(tmp_path / "statement").values()
    assert signed in blobs(site.bundle).values() and json.loads(signed)["mediaType"] == SIGSTORE


def test_the_python_client_pulls_the_files(serving, tmp_path):
    python = pathlib.Path(ORAS).parent / "venv/bin/python"
    if not python.exists() or subprocess.run([python, "-c", "import oras"], capture_output=True).returncode != 0:
        pytest.skip("oras of PyPI is not at hand (scripts/deps)")
    (tmp_path / "out").mkdir()
    program = ("import sys, oras.client\nclient = oras.client.OrasClient(hostname=sys.argv[1], insecure=True)\n"
               "client.pull(target=f'{sys.argv[1]}/civic-search/tiny:1.0.0', outdir=sys.argv[2])\nprint(*client.get_tags(f'{sys.argv[1]}/civic-search/tiny'))")
    done = subprocess.run([python, "-c", program, serving.host, tmp_path / "out"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == "1.0.0", done.stderr
    assert files_of(tmp_path / "out") == MODEL


@contextlib.contextmanager
def daemon(command, address, directory):
    """A daemon of root's, in a directory of its own, that ends with the test."""
    if os.geteuid() != 0 or shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} needs to be installed, and root")
    with open(directory / f"{command[0]}.log", "w") as log:
        process = subprocess.Popen(list(map(str, command)), stdout=log, stderr=log)
    try:
        for _ in range(300):
            if address.exists():
                break
            if process.poll() is not None:
                pytest.skip(f"{command[0]} does not run here: {(directory / f'{command[0]}.log').read_text()[-300:]}")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def containerd(tmp_path):
    address, settings = tmp_path / "containerd.sock", tmp_path / "containerd.toml"
    settings.write_text(f'version = 2\nroot = "{tmp_path}/containerd/root"\nstate = "{tmp_path}/containerd/state"\n'
                        f'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "{address}"\n')
    with daemon(["containerd", "-c", settings], address, tmp_path):
        yield address


def test_containerd_pulls_an_image_and_a_model(serving, tmp_path):
    with containerd(tmp_path) as address:
        for name in ("server", "gate"):
            run("ctr", "-a", address, "images", "pull", "--plain-http", "--snapshotter", "native", f"{serving.host}/civic-search/{name}:1.0.0")
        run("ctr", "-a", address, "content", "fetch", "--plain-http", f"{serving.host}/civic-search/tiny:1.0.0")
        got = subprocess.run(["ctr", "-a", address, "content", "get", digest(MODEL["model.safetensors"])], capture_output=True, check=True).stdout
        assert got == MODEL["model.safetensors"]


def test_docker_pulls_an_image(serving, tmp_path):
    with containerd(tmp_path) as below:
        address = tmp_path / "docker.sock"
        words = ["dockerd", "--data-root", tmp_path / "docker", "--exec-root", tmp_path / "exec", "-H", f"unix://{address}", "--containerd", below, "--pidfile",
                 tmp_path / "pid", "--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs"]
        with daemon(words, address, tmp_path):
            image = f"{serving.host}/civic-search/server:1.0.0"
            run("docker", "-H", f"unix://{address}", "pull", image)
            assert run("docker", "-H", f"unix://{address}", "image", "inspect", "-f", "{{index .Config.Labels \"name\"}}", image).strip() == "server"


def test_every_blob_is_what_tar_takes_out(site, serving):
    stored = blobs(site.bundle)
    assert len(stored) > 15
    for name, data in stored.items():
        status, headers, body = serving.ask(f"/v2/civic-search/blobs/{name}")
        assert (status, body) == (200, data)
        assert headers["Docker-Content-Digest"] == name and headers["Content-Length"] == str(len(data)) and headers["Accept-Ranges"] == "bytes"
        status, headers, body = serving.ask(f"/v2/civic-search/blobs/{name}", "HEAD")
        assert (status, headers["Content-Length"], body) == (200, str(len(data)), b"")


def test_manifests_by_tag_and_by_digest(site, serving):
    top = {entry["digest"]: entry for entry in json.loads(run("tar", "-xOf", site.bundle, "index.json"))["manifests"]}
    for name, entry in top.items():
        for reference in [name, name.replace(":", "%3a"), *([entry["annotations"]["org.opencontainers.image.ref.name"]] if "annotations" in entry else [])]:
            for method in ("GET", "HEAD"):
                status, headers, body = serving.ask(f"/v2/civic-search/manifests/{reference}", method)
                assert (status, headers["Content-Type"], headers["Docker-Content-Digest"]) == (200, entry["mediaType"], name)
                assert headers["Content-Length"] == str(entry["size"]) and (method == "HEAD" or digest(body) == name)
    assert serving.ask(f"/v2/civic-search/manifests/{digest(MODEL['config.json'])}")[0] == 404  # a blob, no manifest


def payload(serving):
    data = MODEL["model.safetensors"]
    return data, f"/v2/civic-search/tiny/blobs/{digest(data)}"


RANGES = [("bytes=0-0", 206, (0, 1)), ("bytes=0-", 206, (0, 300_001)), ("bytes=1000-1999", 206, (1000, 2000)), ("bytes=-5", 206, (299_996, 300_001)),
          ("bytes=-999999", 206, (0, 300_001)), ("bytes=300000-999999999999999999999999", 206, (300_000, 300_001)), ("Bytes=4096-8191", 206, (4096, 8192)),
          ("bytes=300001-", 416, None), ("bytes=-0", 416, None), ("bytes=5-4", 200, None), ("bytes=0-1,4-5", 200, None), ("bytes=", 200, None),
          ("bytes=a-b", 200, None), ("lines=0-1", 200, None), ("bytes=-", 200, None), ("bytes= 0-1", 200, None), ("bytes=0x0-1", 200, None)]


def test_ranges(serving):
    data, path = payload(serving)
    for text, wanted, part in RANGES:
        status, headers, body = serving.ask(path, Range=text)
        assert status == wanted, text
        if status == 206:
            assert body == data[part[0]:part[1]] and headers["Content-Range"] == f"bytes {part[0]}-{part[1] - 1}/{len(data)}", text
        elif status == 416:
            assert headers["Content-Range"] == f"bytes */{len(data)}" and json.loads(body)["errors"], text
        else:
            assert body == data, text
    tag = f'"{digest(data)}"'
    assert serving.ask(path, Range="bytes=1-2", If_Range=tag)[0] == 206
    for other in ('"x"', f"W/{tag}", "Tue, 01 Dec 2026 00:00:00 GMT"):
        assert serving.ask(path, Range="bytes=1-2", If_Range=other)[0] == 200
    status, headers, _ = serving.ask(path, "HEAD", Range="bytes=1-2")
    assert (status, headers["Content-Length"]) == (200, str(len(data)))


def test_what_a_client_has_is_not_sent_again(serving):
    data, path = payload(serving)
    for place in (path, "/v2/civic-search/manifests/1.0.0"):
        tag = serving.ask(place)[1]["ETag"]
        for given in (tag, f"W/{tag}", f'"a", {tag}', "*"):
            status, headers, body = serving.ask(place, If_None_Match=given)
            assert (status, headers["ETag"], body) == (304, tag, b"")
        assert serving.ask(place, If_None_Match='"a"')[0] == 200


def pages(serving, path, key):
    found = []
    while path:
        _, headers, body = serving.ask(path)
        found.append(json.loads(body)[key])
        assert len(found) < 20
        path = re.fullmatch(r'<([^>]+)>; rel="next"', headers["Link"])[1] if "Link" in headers else None
    return found


def test_lists_come_in_pages(serving):
    everything, = pages(serving, "/v2/civic-search/tags/list", "tags")
    assert everything == sorted(everything) and len(everything) == 6
    for size in range(1, 8):
        got = pages(serving, f"/v2/civic-search/tags/list?n={size}", "tags")
        assert sum(got, []) == everything and all(len(part) == size for part in got[:-1])
    assert pages(serving, "/v2/civic-search/tags/list?n=0", "tags") == [[]]
    assert pages(serving, "/v2/civic-search/tags/list?last=1.0.0-h", "tags") == [everything[2:]]  # which is no tag itself
    assert sum(pages(serving, "/v2/_catalog?n=2", "repositories"), []) == [entry["name"] for entry in serving.said["repositories"]]
    for bad in ("n=x", "n=-1", "n=1&n=2", "n=%00", "n=99999999999999999999", "last=%zz"):
        assert serving.ask(f"/v2/civic-search/tags/list?{bad}")[0] == 400


def test_referrers(site, serving):
    stored = blobs(site.bundle)
    whole = serving.get(f"/v2/civic-search/referrers/sha256:{site.identity}")
    entry, = whole["manifests"]
    manifest = json.loads(stored[entry["digest"]])
    assert whole["mediaType"] == INDEX and manifest["subject"]["digest"] == f"sha256:{site.identity}"
    assert entry == {"mediaType": MANIFEST, "digest": entry["digest"], "size": len(stored[entry["digest"]]), "artifactType": SIGSTORE, "annotations": manifest["annotations"]}
    for kind, count in ((SIGSTORE, 1), ("application/spdx+json", 0)):
        for written in (kind, kind.replace("/", "%2F").replace("+", "%2B")):
            status, headers, body = serving.ask(f"/v2/civic-search/referrers/sha256:{site.identity}?artifactType={written}")
            assert (status, headers["OCI-Filters-Applied"], len(json.loads(body)["manifests"])) == (200, "artifactType", count)
    _, headers, body = serving.ask("/v2/civic-search/referrers/sha256:" + "0" * 64)
    assert json.loads(body)["manifests"] == [] and headers["Content-Type"] == INDEX and "OCI-Filters-Applied" not in headers


def test_model_signatures_refer_to_the_weights(okse, tmp_path):
    """okse sign adds one for every weights component."""
    site = ib.Site(okse, tmp_path)
    okse("key", "new", "--type", "ecdsa-p256", "-o", tmp_path / "model.pem", status=0)
    site.make(ib.raw("tiny", MODEL, "weights"), sign=False)
    okse("sign", site.bundle, "--key", tmp_path / "model.pem", "--role", "vendor", status=0)
    with Serving(okse, site.bundle, "--unverified") as serving:
        weights = serving.ask("/v2/civic-search/tiny/manifests/1.0.0")[1]["Docker-Content-Digest"]
        entry, = serving.get(f"/v2/civic-search/tiny/referrers/{weights}")["manifests"]
        assert "model" in entry["annotations"]["dev.sigstore.bundle.predicateType"]


SIX = "a" * 64
REFUSED = {
    "/": 404, "/v1/": 404, "/v2/x": 404, "/v2/Civic/tags/list": 400, "/v2/civic-search/tags/lists": 404, "/v2/other/tags/list": 404,
    "/v2/civic-search/manifests/none": 404, "/v2/civic-search/manifests/-x": 404, "/v2/civic-search/manifests/": 404,
    f"/v2/civic-search/manifests/sha256:{SIX[1:]}": 400, f"/v2/civic-search/manifests/sha256:{SIX}": 404, f"/v2/civic-search/blobs/sha256:{SIX}": 404,
    f"/v2/civic-search/blobs/sha256:{SIX.upper()}": 400, f"/v2/civic-search/blobs/sha512:{SIX * 2}": 404, f"/v2/civic-search/blobs/{SIX}": 400,
    "/v2/civic-search/blobs/uploads/": 404, "/v2/civic-search/referrers/x": 400, f"/v2/other/blobs/sha256:{SIX}": 404,
    # tricks with paths: nothing is opened by name, and nothing is normalised
    "/v2/../etc/passwd": 404, "/v2/%2e%2e/%2e%2e/etc/passwd": 404, "/v2/..%2f..%2fetc/tags/list": 400, "//v2//civic-search//manifests/1.0.0": 404,
    "/v2//civic-search/manifests/1.0.0": 400, "/v2/civic-search/./tags/list": 400, "/v2/civic-search/../civic-search/tags/list": 400,
    "/v2/civic-search%00/tags/list": 400, "/v2/civic-search%2Ftiny/tags/list": 400, "/v2/civic-search/tags/list%": 400, "/v2/civic%FFsearch/tags/list": 400,
    "/v2/civic-search/blobs/..%5c..%5cx": 400, "/v2/civic-search/manifests/%252e%252e": 400, "/v2/" + "a/" * 200 + "tags/list": 400,
    "/v2/" + "a" * 2100: 414, "/v2/civic-search/tags/list#x": 400, "http://127.0.0.1/v2/": 400,
}


def test_what_is_not_there_and_tricks_with_paths(serving):
    for path, wanted in REFUSED.items():
        status, headers, body = serving.ask(path)
        assert status == wanted, (path, status, body)
        error, = json.loads(body)["errors"]
        assert set(error) == {"code", "message"} and headers["Content-Type"] == "application/json"
        assert serving.ask(path, "HEAD")[0] == wanted, path


def test_it_is_only_read(site, serving):
    before = digest(site.bundle.read_bytes())
    _, path = payload(serving)
    for method in ("PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"):
        for place in (path, "/v2/civic-search/blobs/uploads/", "/v2/civic-search/manifests/1.0.0"):
            status, headers, _ = serving.ask(place, method, body=b"x", Content_Length="1")
            assert (status, headers["Allow"]) == (405, "GET, HEAD"), method
    assert serving.ask("/v2/", body=b"xyz", Content_Length="3")[0] == 413
    assert serving.ask("/v2/", body=b"1\r\nx\r\n0\r\n\r\n", Transfer_Encoding="chunked")[0] == 413
    assert serving.raw(b"PUT /v2/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999999\r\n\r\n").startswith(b"HTTP/1.1 405 ")
    assert digest(site.bundle.read_bytes()) == before


def test_another_sites_name_does_not_lead_here(okse, site, serving):
    """A page in a browser whose own name suddenly has the address 127.0.0.1."""
    for host, wanted in (("localhost", 200), (f"LOCALHOST:{serving.port}", 200), (f"127.0.0.1:{serving.port}", 200), ("[::1]:5000", 200), ("registry.localhost", 200),
                         ("evil.example", 421), ("evil.example:5000", 421), ("localhost.evil.example", 421), ("127.0.0.1.evil.example", 421)):
        assert serving.ask("/v2/", Host=host)[0] == wanted, host
    with Serving(okse, site.bundle, "--unverified", listen="0.0.0.0:0") as wide:  # asked for: any name may be this machine's
        assert wide.ask("/v2/", Host="registry.example")[0] == 200


HOSTILE = {
    "nothing": b"", "a line": b"\r\n\r\n", "garbage": bytes(range(256)) * 40, "TLS": bytes.fromhex("1603010200010001fc0303") + bytes(500),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(100), "HTTP/0.9": b"GET /v2/\r\n", "HTTP/9": b"GET /v2/ HTTP/9.9\r\n\r\n", "no path": b"GET\r\n\r\n",
    "no host": b"GET /v2/ HTTP/1.1\r\n\r\n", "a NUL": b"GET /v2/\0/x HTTP/1.1\r\nHost: localhost\r\n\r\n", "a NUL header": b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n",
    "huge header": b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", "huge path": b"GET /v2/" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "many headers": b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\n" + b"X: a\r\n" * 20_000 + b"\r\n", "huge method": b"G" * 100_000 + b" / HTTP/1.1\r\n\r\n",
    "two lengths": b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "length and chunks": b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "negative length": b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", "bad chunk": b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "space before colon": b"GET /v2/ HTTP/1.1\r\nHost : localhost\r\n\r\n", "folded header": b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n",
    "pipelined garbage": b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20 + b"\xff\xfe" * 4000, "half a request": b"GET /v2/civic-sea",
}


def test_hostile_bytes_do_no_harm(serving):
    before = len(os.listdir(f"/proc/{serving.pid}/fd"))
    for name, data in HOSTILE.items():
        got = serving.raw(data, half=True)
        for line in re.findall(rb"^HTTP/1\.\d (\d+)", got, re.MULTILINE):
            assert 200 <= int(line) < 510, (name, got)
        assert not re.match(rb"HTTP/1\.\d 200", got) or name in ("pipelined garbage", "a NUL", "a NUL header", "folded header", "HTTP/0.9"), (name, got[:200])
        assert serving.ask("/v2/")[0] == 200, name
    assert serving.process.poll() is None and serving.peak() < 64 or "ASAN_OPTIONS" in os.environ
    for _ in range(100):
        if len(os.listdir(f"/proc/{serving.pid}/fd")) <= before + 1:
            break
        time.sleep(0.05)
    else:
        raise AssertionError(os.listdir(f"/proc/{serving.pid}/fd"))


def test_requests_in_one_breath_are_answered_in_order(serving):
    data, path = payload(serving)
    asked = b"".join(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nRange: bytes={at}-{at}\r\n\r\n".encode() for at in range(50))
    got = serving.raw(asked, half=True)
    assert re.findall(rb"content-range: bytes (\d+)-", got.lower()) == [b"%d" % at for at in range(50)]


def test_who_is_slow_is_cut_off_and_others_are_served(okse, site):
    with Serving(okse, site.bundle, "--unverified", "--patience", "2", "--connections", "40") as serving:
        lines = [socket.create_connection(("127.0.0.1", serving.port)) for _ in range(20)]  # all that one address may have
        begun = time.monotonic()
        assert serving.ask("/v2/", source=("127.0.0.2", 0))[0] == 200
        with contextlib.suppress(OSError):
            assert serving.raw(b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n", half=True) == b""  # one too many
        open_lines, head = list(lines), b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 1000
        for byte in head:  # each a byte now and then, which never adds up to silence
            for line in list(open_lines):
                try:
                    line.send(bytes([byte]))
                    line.setblocking(False)
                    if line.recv(100) == b"":
                        open_lines.remove(line)
                except BlockingIOError:
                    pass
                except OSError:
                    open_lines.remove(line)
            if not open_lines or time.monotonic() - begun > 12:
                break
            time.sleep(0.2)
        assert not open_lines and 1.5 < time.monotonic() - begun < 10
        for line in lines:
            line.close()
        for _ in range(50):
            with contextlib.suppress(OSError, http.client.HTTPException):
                if serving.ask("/v2/")[0] == 200:
                    break
            time.sleep(0.1)
        else:
            raise AssertionError("not served again")


def test_64_readers_of_ranges_at_once(okse, tmp_path):
    """Memory stays, nothing is written, and the bytes are sent from the file by the kernel."""
    site = ib.Site(okse, tmp_path)
    data = noise("large", 32 << 20)
    site.make(ib.raw("large", {"big.bin": data}), sign=False)
    path, step, trace = f"/v2/civic-search/large/blobs/{digest(data)}", len(data) // 64, tmp_path / "trace"
    before = "strace", "-f", "-c", "-o", trace
    okse.environment["ASAN_OPTIONS"] = okse.environment.get("ASAN_OPTIONS", "") + ":detect_leaks=0"  # which cannot look at what strace looks at
    with Serving(okse, site.bundle, "--unverified", before=before if shutil.which("strace") else ()) as serving:
        if shutil.which("strace"):
            serving.pid = int(pathlib.Path(f"/proc/{serving.pid}/task/{serving.pid}/children").read_text())
        files = sorted(tmp_path.rglob("*"))

        def read(number):
            at = number * step
            return [hashlib.sha256(serving.ask(path, Range=f"bytes={at}-{at + step - 1}")[2]).digest() for _ in range(3)]

        with concurrent.futures.ThreadPoolExecutor(64) as pool:
            got = list(pool.map(read, range(64)))
        assert got == [[hashlib.sha256(data[i * step:(i + 1) * step]).digest()] * 3 for i in range(64)]
        if not any(name in os.environ for name in ("ASAN_OPTIONS", "TSAN_OPTIONS")):
            assert serving.peak() < 64
        assert sorted(tmp_path.rglob("*")) == files
        opened = {os.readlink(f"/proc/{serving.pid}/fd/{name}") for name in os.listdir(f"/proc/{serving.pid}/fd")}
        assert {name for name in opened if name.startswith("/")} <= {str(site.bundle), str(serving.log), "/dev/null"}, opened
        if shutil.which("strace"):
            os.kill(serving.pid, signal.SIGTERM)
            assert serving.process.wait(20) == 0
            calls = {line.split()[-1]: int(line.split()[3]) for line in trace.read_text().splitlines() if re.match(r"\s*\d+\.\d+", line) and len(line.split()) > 4}
            assert calls["sendfile"] >= 64 * 3


def test_beyond_4_gib_and_2_tib(okse, tmp_path):
    """A sparse bundle whose first file is a hole of 3 TiB."""
    bundle, behind, size = tmp_path / "far.okse", b"behind the hole\n", 3 << 40
    test_offsets.write(bundle, size, behind)
    with Serving(okse, bundle, "--unverified") as serving:
        assert serving.ask(f"/v2/far/config/blobs/{digest(behind)}")[2] == behind
        path = f"/v2/far/config/blobs/sha256:{test_offsets.CLAIMED}"
        assert serving.ask(path, "HEAD")[1]["Content-Length"] == str(size)
        for at in (0, (1 << 31) - 1, (1 << 32) - 1, 1 << 40, size - 4096):
            status, headers, body = serving.ask(path, Range=f"bytes={at}-{at + 4095}")
            assert (status, len(body)) == (206, 4096 if at + 4096 <= size else size - at)
        status, headers, _ = serving.ask(path, Range="bytes=-10")
        assert (status, headers["Content-Range"]) == (206, f"bytes {size - 10}-{size - 1}/{size}")
        with socket.create_connection(("127.0.0.1", serving.port)) as line:  # more than 4 GiB in one answer, of which some are taken
            line.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert b"Content-Length: %d\r\n" % size in line.recv(2000)


def test_what_is_served_is_what_the_policy_accepts(okse, site, tmp_path):
    neither = okse("serve", site.bundle, status=2)
    assert "--trust" in neither.err and "--unverified" in neither.err
    assert okse("serve", site.bundle, "--trust", site.trust, "--unverified", status=2).err
    other = tmp_path / "unsigned.okse"
    site.make(ib.raw("conf", {"a": b"1"}), path=other, sign=False)
    refused = okse("serve", other, "--trust", site.trust, "--listen", "127.0.0.1:0", status=1)
    assert "not served" in refused.err and not refused.out
    assert okse("serve", site.bundle, "--trust", site.trust, "--expect", "0" * 64, status=1).err
    assert okse("serve", site.bundle, "--unverified", "--expect", "0" * 64, status=1).err
    with Serving(okse, other, "--unverified", "--expect", okse("inspect", other, "--json", status=0).json["identity"], "--check") as serving:
        assert serving.said["verified"] is False
    with Serving(okse, site.bundle, "--trust", site.trust, "--check") as serving:
        assert serving.said["verified"] is True and serving.said["identity"] == f"sha256:{site.identity}"


def test_damage_is_found_by_the_client_or_with_check_before(okse, site, tmp_path):
    damaged = tmp_path / "damaged.okse"
    data = site.bundle.read_bytes()
    at = data.index(MODEL["model.safetensors"])
    damaged.write_bytes(data[:at] + b"X" + data[at + 1:])
    for words in (("--trust", site.trust), ("--unverified",)):
        assert "model.safetensors" in okse("serve", damaged, *words, "--check", "--listen", "127.0.0.1:0", status=1, timeout=60).err
    with Serving(okse, damaged, "--trust", site.trust) as serving:
        got = serving.ask(f"/v2/civic-search/blobs/{digest(MODEL['model.safetensors'])}")[2]
        assert digest(got) != digest(MODEL["model.safetensors"])
        done = subprocess.run(["skopeo", "copy", "--all", "--src-tls-verify=false", f"docker://{serving.host}/civic-search:1.0.0-tiny", f"dir:{tmp_path}/x"], capture_output=True)
        assert done.returncode != 0


def test_a_bundle_that_is_changed_is_served_no_more(okse, site):
    for change in (lambda: os.utime(site.bundle), lambda: os.truncate(site.bundle, 100_000)):
        with Serving(okse, site.bundle, "--unverified", status=1) as serving:
            assert serving.ask("/v2/")[0] == 200
            change()
            with contextlib.suppress(OSError, http.client.HTTPException):
                assert serving.ask("/v2/civic-search/manifests/1.0.0")[0] == 503
            assert serving.process.wait(10) == 1
        assert "was changed while it was being served" in serving.log.read_text()


def test_it_ends_when_it_is_asked_to(okse, site):
    for number in (signal.SIGINT, signal.SIGTERM):
        with Serving(okse, site.bundle, "--unverified") as serving, socket.create_connection(("127.0.0.1", serving.port)) as idle:
            idle.sendall(b"GET /v2/ HT")
            begun = time.monotonic()
            assert serving.end(number) == 0 and time.monotonic() - begun < 3
            with contextlib.suppress(ConnectionResetError):
                assert idle.recv(10) == b""


def test_who_is_being_answered_may_finish_for_a_while(okse, tmp_path):
    site, data = ib.Site(okse, tmp_path), noise("finish", 24 << 20)
    site.make(ib.raw("large", {"big.bin": data}), sign=False)
    with Serving(okse, site.bundle, "--unverified") as serving:
        lines = [socket.create_connection(("127.0.0.1", serving.port)) for _ in range(2)]
        for line in lines:
            line.sendall(f"GET /v2/civic-search/blobs/{digest(data)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert line.recv(9) == b"HTTP/1.1 "
        serving.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        got = b""
        while part := lines[0].recv(1 << 20):
            got += part
        assert got.endswith(data)  # this one went on reading, the other did not
        assert serving.process.wait(15) == 0
        for line in lines:
            line.close()


def test_the_process_gives_up_what_it_does_not_need(serving):
    status = pathlib.Path(f"/proc/{serving.pid}/status").read_text()
    assert re.search(r"^Seccomp:\s+2$", status, re.MULTILINE) and re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE)
    assert int(re.search(r"^Threads:\s+(\d+)$", status, re.MULTILINE)[1]) <= len(os.sched_getaffinity(0)) + 2


def test_log(okse, site):
    with Serving(okse, site.bundle, "--unverified", "--log") as serving:
        serving.ask("/v2/")
        serving.raw(b"GET /v2/\x1b[2J HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    first, second = sorted(serving.log.read_text().splitlines(), key=lambda line: line.split()[3])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ 127\.0\.0\.1 GET /v2/ 200 2 \d+\.\d{3}", first)
    assert r"GET /v2/\u{1b}[2J 400 " in second
    with Serving(okse, site.bundle, "--unverified") as serving:
        serving.ask("/v2/")
    assert serving.log.read_text() == ""


def test_addresses(okse, site):
    for bad in ("5000", "localhost", "registry.example:5000", "127.0.0.1:", "127.0.0.1:65536", "::1:5000", "[::1]", ":5000", "127.0.0.1:http", "127.0.0.1:-1"):
        assert "--listen" in okse("serve", site.bundle, "--unverified", "--listen", bad, status=2).err
    with Serving(okse, site.bundle, "--unverified", listen="localhost:0") as serving:
        assert serving.host.startswith("127.0.0.1:")
        assert serving.host in okse("serve", site.bundle, "--unverified", "--listen", serving.host, status=3).err  # taken
    for options in (("--connections", "0"), ("--connections", "x"), ("--patience", "0"), ("--tls-cert", "x"), ("--at", "2026-01-01")):
        assert okse("serve", site.bundle, "--unverified", *options, status=2).err
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as six:
        six.bind(("::1", 0))
        with Serving(okse, site.bundle, "--unverified", listen="[::1]:0") as serving:
            assert json.loads(run("curl", "-sg", f"http://{serving.host}/v2/_catalog"))["repositories"]


def test_what_is_no_bundle_is_refused(okse, site, tmp_path):
    (tmp_path / "text").write_text("hello")
    assert okse("serve", tmp_path / "text", "--unverified", "--listen", "127.0.0.1:0", status=2).err
    assert "directory" in okse("serve", tmp_path, "--unverified", status=2).err
    os.mkfifo(tmp_path / "pipe")
    assert "pipe" in okse("serve", tmp_path / "pipe", "--unverified", status=2).err
    assert okse("serve", tmp_path / "none", "--unverified", status=3).err


def test_tls(okse, site, tmp_path):
    authority = Authority(tmp_path)
    data = MODEL["model.safetensors"]
    with Serving(okse, site.bundle, "--trust", site.trust, "--tls-cert", authority.certificate, "--tls-key", authority.key) as serving:
        assert serving.said["url"].startswith("https://")
        (tmp_path / "certs").mkdir()
        shutil.copy(authority.ca, tmp_path / "certs/ca.crt")
        run("skopeo", "copy", "--all", "--preserve-digests", "--src-cert-dir", tmp_path / "certs", f"docker://{serving.host}/civic-search:1.0.0", f"dir:{tmp_path}/all")
        assert hashlib.sha256((tmp_path / "all/manifest.json").read_bytes()).hexdigest() == site.identity
        got = subprocess.run(["curl", "-sS", "--cacert", authority.ca, f"https://{serving.host}/v2/civic-search/blobs/{digest(data)}"], capture_output=True, check=True).stdout
        assert got == data
        assert serving.raw(b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n").startswith(b"HTTP/") is False
        for version, taken in (("-tls1", False), ("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)):
            done = subprocess.run(["openssl", "s_client", "-connect", serving.host, "-cipher", "ALL:@SECLEVEL=0", version, "-CAfile", authority.ca],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True)
            assert ("Verify return code: 0" in done.stdout and "Cipher is (NONE)" not in done.stdout) == taken, (version, done.stdout)
    wrong = okse("serve", site.bundle, "--unverified", "--listen", "127.0.0.1:0", "--tls-cert", authority.certificate, "--tls-key", authority.ca, status=2)
    assert "--tls-key" in wrong.err
