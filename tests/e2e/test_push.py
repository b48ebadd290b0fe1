"""okse push and pull: a bundle into a registry and back. Nothing that a registry says is believed, nothing is sent twice, and what was
interrupted goes on."""
import base64
import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import time

import pytest
import yaml

from conftest import ROOT
from registries import MemoryRegistry, running
from servers import Authority, Registry, Server, auth_file, token_server
from test_serve import SERVED, Serving
from stacks import Bundle, civic, noise, run, simple, write

MIB = 1 << 20
HEAVY = 48 * MIB
ORAS = str(pathlib.Path(os.environ.get("OKSE_TOOLS", ROOT / "build-tools")) / "oras")
SLOW = pytest.mark.skipif("OKSE_SLOW" not in os.environ, reason="slow: run with OKSE_SLOW=1 and 25 GiB of disk")


def sign(okse, bundle, name="vendor"):
    key = bundle.parent / f"{name}.pem"
    okse("key", "new", "--type", "ecdsa-p256", "-o", key, status=0)
    okse("sign", bundle, "--key", key, "--role", name, status=0)
    trust = bundle.parent / f"{name}.yaml"
    trust.write_text(f"okse: trust/v1\nalgorithms: [ecdsa-p256-sha256]\nroles:\n  {name}: {{threshold: 1, signers: [{{key: {name}.pub}}]}}\n")
    return trust


@pytest.fixture(scope="module")
def signed(tmp_path_factory):
    """A bundle with a component of every form, signed (its weights, too). Read only: (bundle, trust)."""
    from conftest import Okse
    directory = tmp_path_factory.mktemp("signed")
    okse = Okse(directory)
    okse("build", civic(directory / "s"), "--country", "VN", "-o", directory / "x.okse", "--unsigned", status=0)
    return directory / "x.okse", sign(okse, directory / "x.okse")


@pytest.fixture(scope="module")
def heavy(tmp_path_factory):
    """One blob of 48 MiB, which goes as a chunk and is then closed."""
    from conftest import Okse
    directory = tmp_path_factory.mktemp("heavy")
    write(directory / "data/heavy.bin", noise("heavy", HEAVY))
    Okse(directory)("build", simple(directory), "--country", "VN", "-o", directory / "x.okse", "--unsigned", status=0)
    return directory / "x.okse"


def push(okse, bundle, registry, *words, status=0, name="lab/civic", plain=True, **options):
    return okse("push", bundle, f"oci://{registry.host}/{name}", *(["--plain-http"] if plain else []), *words, "--json", status=status, **options)


def pull(okse, registry, output, *words, status=0, reference="lab/civic:1.4.0", plain=True, **options):
    return okse("pull", f"oci://{registry.host}/{reference}", "-o", output, *(["--plain-http"] if plain else []), *words, "--json", status=status, **options)


def start(okse, *words):
    """The command, to be killed."""
    return subprocess.Popen([okse.binary, *map(str, words)], env=okse.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.005)


def stored(directory):
    """Bytes of blobs and uploads of docker-registry, which moves them about meanwhile."""
    size = 0
    for place, _, names in os.walk(directory):
        with contextlib.suppress(OSError):
            size += os.stat(f"{place}/data").st_size if "data" in names else 0
    return size


def logged(path):
    """Methods and paths of docker-registry's access log."""
    return re.findall(r'"([A-Z]+) (\S+) HTTP/1\.1" (\d+)', path.read_text())


# ---- a real registry

def test_there_and_back_over_tls_with_a_password(okse, signed, tmp_path):
    bundle, trust = signed
    authority = Authority(tmp_path)
    (tmp_path / "users").write_text(run("htpasswd", "-Bbn", "ministry", "swordfish"))
    words = ["--ca-file", authority.ca, "--authfile", None]
    with Registry(tmp_path, {"tls": {"certificate": str(authority.certificate), "key": str(authority.key)}},
                  {"htpasswd": {"realm": "lab", "path": str(tmp_path / "users")}}, log=tmp_path / "log") as registry:
        words[3] = auth_file(tmp_path / "auth.json", registry.host)
        assert "there are no credentials" in push(okse, bundle, registry, *words[:2], plain=False, status=1).err
        assert "access denied" in push(okse, bundle, registry, *words[:2], "--authfile", auth_file(tmp_path / "no.json", registry.host, "a:b"), plain=False, status=1).err
        assert "SSL" in push(okse, bundle, registry, *words[2:], "--retries", 0, plain=False, status=3).err
        result = push(okse, bundle, registry, *words, plain=False).json
        identity = Bundle(bundle).identity
        assert result["identity"] == identity and result["tag"] == "1.4.0" and result["statements"] == 2 and result["referrers"] == "tag"
        assert result["blobs"]["there"] == 0 and result["bytes"]["sent"] > 390_000
        # again: nothing is sent, and the registry saw nothing of it
        before = len(logged(tmp_path / "log"))
        again = push(okse, bundle, registry, *words, plain=False).json
        assert again["bytes"]["sent"] == 0 and again["blobs"]["there"] == result["blobs"]["sent"] and again["manifests"]["put"] == 0
        assert {method for method, _, _ in logged(tmp_path / "log")[before:]} <= {"HEAD", "GET"}
        said = okse("push", bundle, f"oci://{registry.host}/lab/civic", *words, status=0)
        assert f"0 bytes sent, {result['blobs']['sent']} blobs were there" in said.out
        # back: the same bytes, statements and all, by tag and by digest
        back = pull(okse, registry, tmp_path / "back.okse", *words, plain=False).json
        assert back["identity"] == identity and back["statements"] == 2 and back["others"] == 0
        assert (tmp_path / "back.okse").read_bytes() == bundle.read_bytes()
        pull(okse, registry, tmp_path / "pinned.okse", *words, plain=False, reference=f"lab/civic@{identity}")
        assert (tmp_path / "pinned.okse").read_bytes() == bundle.read_bytes()
    assert okse("verify", tmp_path / "back.okse", "--trust", trust, status=0).out.startswith("VERIFIED")
    assert not [path.name for path in tmp_path.iterdir() if ".part" in path.name]


def test_other_tools_read_what_was_pushed(okse, signed, tmp_path):
    bundle, _ = signed
    read = Bundle(bundle)
    with Registry(tmp_path) as registry:
        push(okse, bundle, registry)
        raw = run("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{registry.host}/lab/civic:1.4.0")
        assert "sha256:" + hashlib.sha256(raw.encode()).hexdigest() == read.identity
        run("skopeo", "copy", "--all", "--preserve-digests", "--src-tls-verify=false", f"docker://{registry.host}/lab/civic:1.4.0", f"oci:{tmp_path}/copy:x")
        assert json.loads((tmp_path / "copy/index.json").read_text())["manifests"][0]["digest"] == read.identity
        tags = json.loads(run("skopeo", "list-tags", "--tls-verify=false", f"docker://{registry.host}/lab/civic"))["Tags"]
        named = {row["annotations"]["org.opencontainers.image.ref.name"] for row in read.layout_index["manifests"] if "annotations" in row}
        assert named <= set(tags) and "sha256-" + read.identity.removeprefix("sha256:") in tags
        if os.path.exists(ORAS):
            run(ORAS, "pull", "--plain-http", f"{registry.host}/lab/civic:1.4.0-minilm", "-o", tmp_path / "weights")
            assert (tmp_path / "weights/LICENSE").read_text() == "Apache License\n"
            listed = json.loads(run(ORAS, "discover", "--plain-http", "--format", "json", f"{registry.host}/lab/civic:1.4.0"))
            assert "application/vnd.dev.sigstore.bundle.v0.3+json" in json.dumps(listed)
            run(ORAS, "cp", "-r", "--from-plain-http", "--to-plain-http", f"{registry.host}/lab/civic:1.4.0", f"{registry.host}/mirror/civic:1.4.0")
            pull(okse, registry, tmp_path / "mirrored.okse", reference="mirror/civic:1.4.0")
            assert Bundle(tmp_path / "mirrored.okse").identity == read.identity


def test_a_token_for_pushing_is_asked_for(okse, signed, tmp_path):
    bundle, _ = signed
    authority = Authority(tmp_path)
    with token_server(authority, secret="ministry:swordfish", context=authority.context(), allowed=("pull", "pull,push")) as tokens:
        auth = {"token": {"realm": f"https://{tokens.host}/token", "service": "registry.test", "issuer": "test", "rootcertbundle": str(authority.ca)}}
        with Registry(tmp_path, auth=auth) as registry:
            words = ["--ca-file", authority.ca, "--authfile", auth_file(tmp_path / "auth.json", registry.host)]
            push(okse, bundle, registry, *words)
            assert all("scope=repository%3Alab/civic%3Apull%2Cpush" in row[1] for row in tokens.asked)
            second = push(okse, bundle, registry, *words, "--mount-from", "lab/civic", name="lab/second").json
            assert second["blobs"]["mounted"] > 0 and second["bytes"]["sent"] == 0 and second["blobs"]["sent"] == 0
            assert "scope=repository%3Alab/civic%3Apull" in tokens.asked[-1][1]
            asked = len(tokens.asked)
            pull(okse, registry, tmp_path / "back.okse", *words, reference="lab/second:1.4.0")
            assert all(row[1].endswith("scope=repository%3Alab/second%3Apull") for row in tokens.asked[asked:])
    assert (tmp_path / "back.okse").read_bytes() == bundle.read_bytes()


def test_a_registry_that_restarts_in_the_middle_is_waited_for(okse, heavy, tmp_path):
    with Registry(tmp_path, {"secret": "x"}) as registry:
        with running(start(okse, "push", heavy, f"oci://{registry.host}/lab/civic", "--plain-http", "--limit-rate", "60M")) as process:
            until(lambda: stored(tmp_path / "registry") > 5 * MIB)
            registry.kill()
            time.sleep(0.6)
            with registry:
                assert process.wait(60) == 0
                pull(okse, registry, tmp_path / "back.okse")
    assert (tmp_path / "back.okse").read_bytes() == heavy.read_bytes()


def test_after_a_kill_a_real_registry_is_sent_what_it_lacks_and_nothing_else(okse, heavy, tmp_path):
    with Registry(tmp_path, {"secret": "x"}, log=tmp_path / "log") as registry:
        with running(start(okse, "push", heavy, f"oci://{registry.host}/lab/civic", "--plain-http", "--limit-rate", "60M")):
            until(lambda: stored(tmp_path / "registry") > 5 * MIB)
        tags = subprocess.run(["skopeo", "list-tags", "--tls-verify=false", f"docker://{registry.host}/lab/civic"], capture_output=True, text=True)
        assert tags.returncode != 0 or not json.loads(tags.stdout)["Tags"], "a tag before everything is there"
        before = logged(tmp_path / "log")
        result = push(okse, heavy, registry).json
        assert result["blobs"] == {"sent": 1, "mounted": 0, "there": 6}
        begun = [path for method, path, _ in logged(tmp_path / "log")[len(before):] if method == "POST"]
        assert len(begun) <= 1, "docker-registry gives up an upload whose chunk was cut, and only that is begun anew"
        pull(okse, registry, tmp_path / "back.okse")
    assert (tmp_path / "back.okse").read_bytes() == heavy.read_bytes()


@SERVED
def test_from_parts_and_from_a_bundle_that_is_served(okse, signed, heavy, tmp_path):
    """Parts are pushed as they lie; what okse serve gives, by its referrers API, is the bundle that it serves."""
    okse("split", heavy, "--size", "20M", "-o", tmp_path / "parts", status=0)
    with MemoryRegistry() as registry:
        assert push(okse, tmp_path / "parts", registry).json["identity"] == Bundle(heavy).identity
        pull(okse, registry, tmp_path / "heavy.okse")
    assert (tmp_path / "heavy.okse").read_bytes() == heavy.read_bytes()
    with Serving(okse, signed[0], "--unverified") as served:
        pull(okse, served, tmp_path / "back.okse", reference="civic:1.4.0")
        again = push(okse, signed[0], served, name="civic").json
        assert again["bytes"]["sent"] == 0 and again["manifests"]["put"] == 0 and again["referrers"] == "api"
        assert "status 405" in push(okse, heavy, served, "--replace", "--retries", 0, name="civic", status=3).err, "it can only be read"
    assert (tmp_path / "back.okse").read_bytes() == signed[0].read_bytes()


# ---- what was interrupted goes on

def test_a_killed_push_goes_on_inside_the_blob(okse, heavy, tmp_path):
    with MemoryRegistry() as registry:
        words = ["push", heavy, f"oci://{registry.host}/lab/civic", "--plain-http"]
        with running(start(okse, *words, "--limit-rate", "60M")):
            until(lambda: registry.received > 40 * MIB)
        until(lambda: len(registry.chunks) == 1)
        sent = registry.received
        assert not registry.tags, "a tag before everything is there"
        (state,) = (tmp_path / ".local/state/okse/push").iterdir()
        assert state.stat().st_mode & 0o777 == 0o600
        result = push(okse, heavy, registry).json
        assert result["bytes"]["resumed"] == registry.chunks[0][1] > 32 * MIB
        assert registry.received < HEAVY + MIB and sent + result["bytes"]["sent"] < HEAVY + MIB
        assert [offset for offset, _ in registry.chunks] == [0, result["bytes"]["resumed"]]
        assert not list((tmp_path / ".local/state/okse/push").iterdir())
        assert pull(okse, registry, tmp_path / "back.okse").json["identity"] == result["identity"]


def test_a_push_that_is_killed_anywhere_leaves_no_tag_on_anything_incomplete(okse, signed, tmp_path):
    """The registry itself asserts that manifests come after what they name; here the bundle's tag must come after all of it."""
    bundle, _ = signed
    order = []

    def twist(request):
        if request.command == "PUT" and "/manifests/" in request.path:
            order.append(request.path.rpartition("/")[2])
        return False

    with MemoryRegistry(api=False, twist=twist) as registry:
        push(okse, bundle, registry)
    assert order[-1] == "1.4.0" and order.count("1.4.0") == 1
    assert any(tag.startswith("sha256-") for tag in order[:-1]), "the statements are there before the tag"
    calls = len(order)
    for stop in range(0, calls, 3):  # the registry dies at each manifest
        count = iter(range(10_000))

        def dies(request, stop=stop, count=count):
            return request.command == "PUT" and "/manifests/" in request.path and next(count) >= stop

        with MemoryRegistry(api=False, twist=dies) as registry:
            push(okse, bundle, registry, "--retries", 0, status=3)
            assert ("lab/civic", "1.4.0") not in registry.tags
            registry.twist = None
            again = push(okse, bundle, registry).json
            assert again["blobs"]["sent"] == 0 and ("lab/civic", "1.4.0") in registry.tags


@pytest.mark.parametrize("how", ["line breaks", "relative", "minimum", "lost", "full", "busy"])
def test_an_upload_goes_on_where_the_registry_says(okse, heavy, how):
    cut, lost = {"line breaks": [10 * MIB, MIB + 7]}.get(how, []), []

    def twist(request):
        if how == "lost" and request.command == "PATCH" and not lost and len(registry.chunks) == 15:
            lost.append(registry.uploads.clear())  # restarted, and it remembers nothing
        most = {"full": 8 * MIB, "lost": 2 * MIB, "minimum": 20 * MIB}.get(how, HEAVY)
        if request.command in ("PATCH", "PUT") and "/uploads/" in request.path and int(request.headers["Content-Length"]) > most:
            request.reply(413)
            return True
        if how == "busy" and request.command == "PATCH" and len(lost) < 2:
            lost.append(time.monotonic())
            request.rfile.read(int(request.headers["Content-Length"]))
            request.reply(429, Retry_After="1")
            return True
        return False

    with MemoryRegistry(cut=cut, relative=how == "relative", minimum=12 * MIB if how == "minimum" else None, twist=twist) as registry:
        result = push(okse, heavy, registry).json
        assert result["blobs"]["sent"] == 7
        sizes = [length for _, length in registry.chunks]
        if how == "line breaks":
            assert sizes == [10 * MIB, MIB + 7, HEAVY - 11 * MIB - 7] and registry.received < HEAVY + MIB
        if how == "minimum":
            assert sizes == [16 * MIB] * 3
        if how == "lost":
            assert sizes == [2 * MIB] * (15 + 24)
        if how == "full":
            assert max(sizes) == 8 * MIB
        if how == "busy":
            assert sizes == [HEAVY] and lost[1] - lost[0] >= 1, "it did not wait as long as it was asked to"


def test_a_registry_that_takes_one_chunk_alone_gets_all_of_it_in_one(okse, tmp_path):
    write(tmp_path / "data/wide.bin", noise("wide", 130 * MIB))
    okse("build", simple(tmp_path), "--country", "VN", "-o", tmp_path / "x.okse", "--unsigned", status=0)
    with MemoryRegistry(twist=lambda r: r.command == "PATCH" and not r.headers["Content-Range"].startswith("0-") and (r.reply(405), True)[1]) as registry:
        push(okse, tmp_path / "x.okse", registry)
        assert [length // MIB for _, length in registry.chunks] == [128, 130]


def test_a_killed_pull_goes_on_and_believes_nothing(okse, heavy, tmp_path):
    part = tmp_path / ".back.okse.part"
    with MemoryRegistry() as registry:
        push(okse, heavy, registry)
        with running(start(okse, "pull", f"oci://{registry.host}/lab/civic:1.4.0", "-o", tmp_path / "back.okse", "--plain-http", "--limit-rate", "60M")):
            until(lambda: part.exists() and part.stat().st_size > 30 * MIB)
        assert not (tmp_path / "back.okse").exists()
        there = part.stat().st_size
        result = pull(okse, registry, tmp_path / "back.okse").json
        assert result["reused"] > 29 * MIB and result["fetched"] + result["reused"] == HEAVY
        assert (tmp_path / "back.okse").read_bytes() == heavy.read_bytes() and not part.exists()
        # what lies there is of no use: damaged in the middle, of something else and too long
        whole = heavy.read_bytes()
        for damaged in (whole[:20 * MIB] + b"x" + whole[20 * MIB + 1:there], os.urandom(MIB) * 50):
            part.write_bytes(damaged)
            pull(okse, registry, tmp_path / "back.okse")
            assert (tmp_path / "back.okse").read_bytes() == whole and not part.exists()


def test_no_faster_than_it_may_be(okse, heavy, tmp_path):
    with MemoryRegistry() as registry:
        for call in (lambda: push(okse, heavy, registry, "--limit-rate", "16M"), lambda: pull(okse, registry, tmp_path / "back.okse", "--limit-rate", "16M")):
            begun = time.monotonic()
            call()
            assert time.monotonic() - begun > 2.5  # three seconds


# ---- tags

def test_a_tag_that_names_something_else_is_not_moved_by_an_oversight(okse, signed, heavy):
    with MemoryRegistry() as registry:
        push(okse, signed[0], registry)
        sent = registry.received
        refused = push(okse, heavy, registry, status=1)
        assert "lab/civic:1.4.0-stack names something else already" in refused.err and "--replace" in refused.err and registry.received == sent
        push(okse, heavy, registry, "--replace")
        assert registry.tags[("lab/civic", "1.4.0")] == Bundle(heavy).identity
        okse("push", signed[0], f"oci://{registry.host}/lab/civic:v1", "--plain-http", status=0)
        assert registry.tags[("lab/civic", "v1")] == Bundle(signed[0]).identity and ("lab/civic", "v1-minilm") in registry.tags


@pytest.mark.parametrize("words, reason", [
    (["push", "x.okse"], "where to?"), (["push", "x.okse", "oci://h.example/a@sha256:" + "0" * 64], "under a tag"),
    (["push", "x.okse", "oci://h.example/A"], "lower-case"), (["push", "x.okse", "oci://h.example/a", "--limit-rate", "5"], "--limit-rate must"),
    (["push", "x.okse", "oci://h.example/a", "--mount-from", "H/x:1"], "--mount-from"), (["pull", "oci://h.example/a:1"], "where to?"),
    (["pull", "oci://h.example/a", "-o", "y.okse"], "neither a tag nor a digest")])
def test_a_wrong_command_line_is_refused_before_anybody_is_asked(okse, signed, tmp_path, words, reason):
    shutil.copy(signed[0], tmp_path / "x.okse")
    refused = okse(*words, status=2)
    assert reason in refused.err and refused.out == ""


# ---- limits

def test_known_limits_are_held_against_every_blob_without_a_network(okse, heavy, tmp_path):
    words = ["push", heavy, "--dry-run"]
    done = subprocess.run(["unshare", "-rn", okse.binary, *map(str, words), "--json"], env=okse.environment, capture_output=True, text=True)
    told = json.loads(done.stdout) if "unshare:" not in done.stderr else okse(*words, "--json", status=0).json
    rows = {row["name"]: row for row in told["registries"]}
    table = yaml.safe_load((ROOT / "manifests/registries.yaml").read_text())["registries"]
    assert set(rows) == set(table) and not any(row["refuses"] for row in rows.values()) and told["largest"] == HEAVY
    shutil.copytree(ROOT / "manifests", tmp_path / "m")
    table["ghcr"]["layer_size"], table["ecr"]["layers"], table["quay-s3"]["manifest_size"] = HEAVY - 1, 1, 100
    (tmp_path / "m/registries.yaml").write_text(yaml.safe_dump({"okse": "registries/v1", "registries": table}))
    words += ["--manifests", tmp_path / "m"]
    told = okse("push", heavy, "oci://ghcr.io/lab/civic", *words[2:], "--json", status=1).json
    rows = {row["name"]: row for row in told["registries"]}
    assert told["refused"] and [name for name, row in rows.items() if row["meant"]] == ["any", "ghcr"]
    (one,) = rows["ghcr"]["refuses"]
    assert one["what"] == "layer" and one["component"] == "data" and one["path"] == "heavy.bin" and one["size"] == HEAVY
    assert {row["what"] for row in rows["ecr"]["refuses"]} == {"layers"} and {row["what"] for row in rows["quay-s3"]["refuses"]} == {"manifest"}
    assert "data/heavy.bin: layer of 48.0 MiB, at most" in okse("push", heavy, "oci://ghcr.io/lab/civic", *words[2:], status=1).out
    assert not okse("push", heavy, "oci://1234.dkr.ecr.eu-west-1.amazonaws.com/x", "--dry-run", "--json", status=0).json["refused"]


# ---- what lies

def test_a_damaged_bundle_is_not_pushed(okse, heavy, tmp_path):
    data = bytearray(heavy.read_bytes())
    data[40 * MIB] ^= 1
    (tmp_path / "x.okse").write_bytes(data)
    with MemoryRegistry() as registry:
        refused = push(okse, tmp_path / "x.okse", registry, status=1)
        assert "has other content than its name says" in refused.err and not registry.tags and not registry.uploads


def replied(status, body=b"", **headers):
    return lambda request: (request.rfile.read(int(request.headers.get("Content-Length") or 0)), request.reply(status, body, **headers))[1]


PUSH_LIES = {
    "no place": ("POST", "/uploads/", replied(202), 1, "names no place"),
    "a place by file": ("POST", "/uploads/", replied(202, Location="file:///etc/passwd"), 1, "names no place"),
    "a place without TLS": ("POST", "/uploads/", replied(202, Location="http://192.0.2.1/x"), 1, "names no place"),
    "more than was sent": ("PATCH", "", replied(202, Location="/v2/lab/civic/blobs/uploads/0", Range="0-99999999999"), 1, "the registry says '0-99999999999'"),
    "no range at all": ("PATCH", "", replied(202, Location="/v2/lab/civic/blobs/uploads/0", Range="bytes 7-9"), 1, "the registry says 'bytes 7-9'"),
    "takes and has nothing": ("PATCH", "", replied(202, Range="0-0"), 1, "has no more of it than 0 bytes"),
    "always another range": ("PATCH", "", replied(416), 1, "has no more of it than 0 bytes"),
    "redirects for ever": ("POST", "/uploads/", lambda r: r.reply(307, Location=r.path + "x"), 1, "more than 5 redirects"),
    "redirects the bytes elsewhere": ("PATCH", "", replied(307, Location="https://192.0.2.1/x"), 1, "redirected to another host"),
    "wrong digest at the end": ("PUT", "/uploads/", replied(400, b'{"errors":[{"code":"DIGEST_INVALID","message":"\\u202eno"}]}'), 3, "DIGEST_INVALID"),
    "no such repository": ("POST", "/uploads/", replied(403, b'{"errors":[{"code":"DENIED","message":"quota exceeded"}]}'), 1, "quota exceeded"),
    "blob of another size": ("HEAD", "/blobs/", lambda r: (r.send_response(200), r.send_header("Content-Length", "5"), r.end_headers()), 1, "another size"),
    "manifest that changes": ("PUT", "/manifests/", replied(201), 1, "gives back none"),
    "huge error": ("PUT", "/manifests/", replied(500, b"x" * (3 << 20)), 3, "status 500"),
}


@pytest.mark.parametrize("lie", PUSH_LIES)
def test_a_lying_registry_gets_no_tag(okse, heavy, lie):
    method, where, answer, status, reason = PUSH_LIES[lie]

    def twist(request):
        return request.command == method and where in request.path and (answer(request), True)[1]

    with MemoryRegistry(twist=twist) as registry:
        refused = push(okse, heavy, registry, "--retries", 1, status=status, timeout=120)
        assert reason in refused.err and refused.out == "" and "\u202e" not in refused.err, repr(refused)
        assert ("lab/civic", "1.4.0") not in registry.tags


def test_a_registry_that_forgets_statements_is_told_on(okse, signed):
    """OCI-Subject is absent and the index under the tag does not stay."""
    bundle, _ = signed

    def twist(request):
        return request.command == "PUT" and "/manifests/sha256-" in request.path and (replied(201)(request), True)[1]

    with MemoryRegistry(api=False, twist=twist) as registry:
        assert "does not keep what is put into this index" in push(okse, bundle, registry, status=1).err
        assert ("lab/civic", "1.4.0") not in registry.tags
    with MemoryRegistry() as registry:  # it says that it lists, and does not
        registry.on_referrers = lambda request, *_: request.reply(body=b'{"schemaVersion":2,"manifests":[]}', Content_Type="application/vnd.oci.image.index.v1+json")
        assert "does not list it as a referrer" in push(okse, bundle, registry, status=1).err


def test_what_others_put_under_the_tag_of_referrers_stays(okse, signed, tmp_path):
    bundle, _ = signed
    identity = Bundle(bundle).identity
    foreign = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "sha256:" + "0" * 64, "size": 9, "artifactType": "application/x", "annotations": {"a": "b"}}
    index = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [foreign]}).encode()
    with MemoryRegistry(api=False) as registry:
        digest = "sha256:" + hashlib.sha256(index).hexdigest()
        registry.manifests[("lab/civic", digest)], registry.types[digest] = index, "application/vnd.oci.image.index.v1+json"
        registry.tags[("lab/civic", "sha256-" + identity.removeprefix("sha256:"))] = digest
        registry.manifests[("lab/civic", foreign["digest"])] = b"{}"
        push(okse, bundle, registry)
        listed = json.loads(registry.manifests[("lab/civic", registry.tags[("lab/civic", "sha256-" + identity.removeprefix("sha256:"))])])["manifests"]
        assert listed[0] == foreign and listed[1]["artifactType"] == "application/vnd.dev.sigstore.bundle.v0.3+json" and "annotations" in listed[1]
        result = pull(okse, registry, tmp_path / "back.okse").json
        assert result["others"] == 1 and result["statements"] == 2
    assert (tmp_path / "back.okse").read_bytes() == bundle.read_bytes()


def test_only_what_has_the_form_of_a_statement_is_brought_along(okse, signed, tmp_path):
    """What nearly has it, of anybody who may write to the repository, stays where it is, and stops nothing."""
    bundle, _ = signed
    read = Bundle(bundle)
    with MemoryRegistry() as registry:
        push(okse, bundle, registry)
        (of_bundle,) = [json.loads(data) for data in registry.manifests.values() if json.loads(data).get("subject", {}).get("digest") == read.identity]
        for near in ({"annotations": {**of_bundle["annotations"], "x": "y"}}, {"artifactType": "application/x"}, {"annotations": {}}, {"layers": []},
                     {"subject": {**of_bundle["subject"], "size": 7}}, {"layers": of_bundle["layers"] * 2}):
            sigstore = json.dumps(near).encode()
            digest = "sha256:" + hashlib.sha256(sigstore).hexdigest()
            registry.blobs[("lab/civic", digest)] = sigstore
            told = of_bundle | {"layers": [{**of_bundle["layers"][0], "digest": digest, "size": len(sigstore)}]} | near
            data = json.dumps({"annotations": {}, **told}, sort_keys=True, separators=(",", ":")).encode()
            registry.manifests[("lab/civic", name := "sha256:" + hashlib.sha256(data).hexdigest())] = data
            registry.types[name] = told["mediaType"]
        result = pull(okse, registry, tmp_path / "back.okse").json
        assert result["statements"] == 2 and result["others"] == 6
    assert (tmp_path / "back.okse").read_bytes() == bundle.read_bytes()


def test_secrets_go_to_the_registry_alone(okse, heavy, tmp_path):
    """An upload may lead to another host, as registries in front of a store do; the password does not."""
    secret = "Basic " + base64.b64encode(b"ministry:swordfish").decode()
    with MemoryRegistry() as store:
        def twist(request):
            if request.headers.get("Authorization") != secret:
                request.reply(401, WWW_Authenticate='Basic realm="x"')
                return True
            if request.command == "POST":
                store.uploads["9"] = bytearray()
                request.reply(202, Location=f"{store.url}/v2/lab/civic/blobs/uploads/9")
                return True
            front.blobs = store.blobs
            return False

        with MemoryRegistry(twist=twist) as front:
            push(okse, heavy, front, "--authfile", auth_file(tmp_path / "auth.json", front.host))
        assert len(store.asked) > 3 and {row[2] for row in store.asked} == {None}
        with Server(lambda request: request.reply(401, WWW_Authenticate='Basic realm="x"')) as thief:
            front.twist = None
            with MemoryRegistry(twist=lambda r: r.command == "POST" and (r.reply(202, Location=f"{thief.url}/x"), True)[1]) as front:
                assert "access denied" in push(okse, heavy, front, "--authfile", auth_file(tmp_path / "auth.json", front.host), status=1).err
            assert {row[2] for row in thief.asked} == {None}


def large_layer(read):
    return max((m for m in read.members), key=lambda m: m.size).name.rpartition("/")[2]


PULL_LIES = {
    "another manifest": ("/manifests/sha256:", lambda r, d: r.reply(body=b"{}"), 1, "sends something else"),
    "another index": ("/manifests/1.4.0", lambda r, d: r.reply(body=b'{"manifests":[]}'), 2, "is no bundle"),
    "no JSON": ("/manifests/1.4.0", lambda r, d: r.reply(body=b"<html>"), 2, "127.0.0.1"),
    "a blob of other bytes": ("BLOB", lambda r, d: r.reply(body=bytes(len(d))), 1, "other bytes than that digest"),
    "a shorter blob": ("BLOB", lambda r, d: r.reply(body=d[:-1]), 1, "ends after"),
    "a longer blob": ("BLOB", lambda r, d: r.reply(body=d + b"x"), 1, "sends more than"),
    "another range": ("BLOB", lambda r, d: r.reply(206, d, Content_Range=f"bytes 7-{len(d) - 1}/{len(d)}"), 1, "another part than was asked for"),
    "redirect to a file": ("BLOB", lambda r, d: r.reply(307, Location="file:///etc/passwd"), 1, "is redirected to"),
    "redirects in a circle": ("BLOB", lambda r, d: r.reply(307, Location=r.path), 1, "more than 5 redirects"),
    "referrers without end": ("/referrers/", lambda r, d: r.reply(body=b'{"schemaVersion":2,"manifests":[]}', Content_Type="application/vnd.oci.image.index.v1+json",
                                                             Link=f'<{r.path}>; rel="next"'), 1, "more than 64 pages"),
    "referrers elsewhere": ("/referrers/", lambda r, d: r.reply(body=b'{"schemaVersion":2,"manifests":[]}', Content_Type="application/vnd.oci.image.index.v1+json",
                                                           Link='<https://192.0.2.1/x>; rel="next"'), 1, "goes on at another place"),
    "too many referrers": ("/referrers/", lambda r, d: r.reply(body=json.dumps({"manifests": [{}] * 4097}).encode(), Content_Type="application/vnd.oci.image.index.v1+json"), 2, "limit of 4096"),
}


@pytest.mark.parametrize("lie", PULL_LIES)
def test_a_lying_registry_gives_no_bundle(okse, signed, tmp_path, lie):
    where, answer, status, reason = PULL_LIES[lie]
    bundle, _ = signed
    layer = large_layer(Bundle(bundle))
    with MemoryRegistry() as registry:
        push(okse, bundle, registry)
        data = registry.blobs[("lab/civic", "sha256:" + layer)]
        registry.twist = lambda request: (layer if where == "BLOB" else where) in request.path and (answer(request, data), True)[1]
        refused = pull(okse, registry, tmp_path / "no.okse", "--retries", 1, status=status, timeout=120)
        assert reason in refused.err and refused.out == "", repr(refused)
        assert not (tmp_path / "no.okse").exists()
        registry.twist = None  # and nothing that came then does harm now
        pull(okse, registry, tmp_path / "no.okse")
    assert (tmp_path / "no.okse").read_bytes() == bundle.read_bytes()


def put_index(registry, value):
    data = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    registry.manifests[("lab/civic", digest)] = data
    registry.types[digest] = "application/vnd.oci.image.index.v1+json"
    registry.tags[("lab/civic", "1.4.0")] = digest


def change(index, **what):
    index["manifests"][1].update(what)


INDEXES = {
    "a size of a pebibyte": (lambda index: change(index, size=1 << 50), 2, "64 TiB"),
    "a negative size": (lambda index: change(index, size=-1), 2, "size"),
    "a wrong size": (lambda index: change(index, size=7), 1, "another size than its descriptor"),
    "a digest of another kind": (lambda index: change(index, digest="sha512:" + "0" * 128), 2, "sha256"),
    "a component with a path for a name": (lambda index: index["manifests"][1]["annotations"].update({"dev.okse.component": "../x"}), 2, "name is missing or malformed"),
    "no version": (lambda index: index["annotations"].pop("dev.okse.version"), 2, "version is missing"),
    "twenty thousand manifests": (lambda index: index["manifests"].extend([index["manifests"][1]] * 10_000), 2, "limit of 10000"),
    "a component twice": (lambda index: index["manifests"].append(index["manifests"][1]), 1, "two components have one name"),
    "more than a bundle says": (lambda index: index["annotations"].update({"x": "y"}), 1, "members that no bundle has"),
}


@pytest.mark.parametrize("what", INDEXES)
def test_an_index_that_no_bundle_has_is_refused(okse, signed, tmp_path, what):
    twist, status, reason = INDEXES[what]
    bundle, _ = signed
    with MemoryRegistry() as registry:
        push(okse, bundle, registry)
        index = Bundle(bundle).index
        twist(index)
        put_index(registry, index)
        refused = pull(okse, registry, tmp_path / "no.okse", status=status)
        assert reason in refused.err, repr(refused)
        assert not [path.name for path in tmp_path.iterdir() if "no.okse" in path.name], "what is refused as a whole does not stay"


# ---- large

@pytest.mark.slow
@SLOW
def test_a_blob_of_six_gibibytes(okse, tmp_path):
    (tmp_path / "data").mkdir()
    with open(tmp_path / "data/six.bin", "wb") as file:
        for part in range(6 << 10):
            file.write(hashlib.sha256(b"%d" % part).digest() * 32768)
    okse("build", simple(tmp_path), "--country", "VN", "-o", tmp_path / "x.okse", "--unsigned", status=0)
    (tmp_path / "data/six.bin").unlink()
    with Registry(tmp_path, {"secret": "x"}) as registry:
        with running(start(okse, "push", tmp_path / "x.okse", f"oci://{registry.host}/lab/civic", "--plain-http")) as process:
            until(lambda: stored(tmp_path / "registry") > 1 << 30, 300)
            registry.kill()
            time.sleep(1)
            with registry:
                _, status, used = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
                assert process.returncode == 0 and used.ru_maxrss < 64 << 10, used.ru_maxrss  # KiB, whatever the size
                assert push(okse, tmp_path / "x.okse", registry).json["bytes"]["sent"] == 0
                pull(okse, registry, tmp_path / "back.okse", timeout=900)
                print("maximum resident set of push:", used.ru_maxrss, "KiB")
    run("cmp", tmp_path / "x.okse", tmp_path / "back.okse")
