"""okse fetch: what a stack names in registries and remote git repositories is brought here once, by digest and commit;
the build then needs no network, and gives what a build from a local copy gives."""
import base64
import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import time

import pytest

from repositories import commit, git, repository
from servers import Authority, Line, Registry, Server, auth_file, git_server, layout_server, token_server
from stacks import HEAD, Bundle, build, image, noise, run, simple, write
from test_build_images import descriptor, multi

MIB = 1 << 20


def stack_of(directory, *sources, kind="runtime"):
    stack = directory / "stack.yaml"
    stack.write_text(HEAD + "".join(f"  - {{name: c{i}, kind: {kind}, source: {source}}}\n" for i, source in enumerate(sources)))
    return stack


def one(host, digest, more="", name="lab/server"):
    return f"{{oci: 'docker://{host}/{name}', ref: '{digest}'{more}}}"


def fetch(okse, stack, *words, status=0, **options):
    return okse("fetch", stack, *words, "--json", status=status, **options)


def components(bundle):
    """Everything that is packed but the stack's own documents, and the lock without the places sources had."""
    return ([d for d in bundle.index["manifests"][1:]],
            [{k: v for k, v in row.items() if k not in ("source", "ref")} for row in bundle.lock()["components"]])


def large(layout, size=3 * MIB):
    """An image of one large layer. Returns (the digest of its manifest, that of the layer)."""
    layer = descriptor(layout, noise("large", size), "application/vnd.oci.image.layer.v1.tar")
    config = descriptor(layout, {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}},
                        "application/vnd.oci.image.config.v1+json")
    found = descriptor(layout, {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": [layer]},
                       "application/vnd.oci.image.manifest.v1+json", annotations={"org.opencontainers.image.ref.name": "1.0"})
    write(layout / "oci-layout", '{"imageLayoutVersion": "1.0.0"}')
    write(layout / "index.json", json.dumps({"schemaVersion": 2, "manifests": [found]}))
    return found["digest"], layer["digest"]


def cached(directory, digest):
    return directory / ".okse-cache/oci/blobs" / digest.replace(":", "/")


def partial(directory, digest):
    return directory / ".okse-cache/partial" / digest.removeprefix("sha256:")


# ---- images

def test_an_image_is_fetched_once_and_built_without_a_network(okse, tmp_path):
    layout = image(tmp_path / "local")
    with Registry(tmp_path) as registry:
        digest = registry.push(layout, "1.4.0")
        stack = stack_of(tmp_path, one(registry.host, digest))
        missing = okse("build", stack, "--country", "VN", "-o", tmp_path / "no.okse", status=2)
        assert f"docker://{registry.host}/lab/server is not in the cache .okse-cache, and a build fetches nothing (okse fetch {stack})" in missing.err
        assert "stack.yaml:7:" in missing.err and not (tmp_path / "no.okse").exists()
        result = fetch(okse, stack, "--plain-http").json
        assert result["sources"][0]["digest"] == digest and result["sources"][0]["fetched"] > 9000
    # the registry is gone; what is there is checked, and nobody is asked
    assert fetch(okse, stack, "--plain-http").json["sources"][0]["fetched"] == 0
    words = ["build", stack, "--country", "VN", "-o", tmp_path / "out.okse", "--unsigned", "--gate", "off"]
    done = subprocess.run(["unshare", "-rn", okse.binary, *map(str, words)], env=okse.environment, capture_output=True, text=True)
    if "unshare:" not in done.stderr:
        assert done.returncode == 0, done.stderr
    bundle = build(okse, stack)
    assert bundle.manifests("c0")[0] == json.loads((layout / "blobs" / digest.replace(":", "/")).read_text())
    assert bundle.lock()["components"][0]["ref"] == digest
    local = build(okse, stack_of(tmp_path, f"{{oci: local, ref: '{digest}'}}"), tmp_path / "local.okse")
    assert components(bundle) == components(local)


def test_whoever_fills_the_cache_the_identity_is_the_same(okse, tmp_path):
    """skopeo can; and what else lies there does not count."""
    multi(tmp_path / "local")
    image(tmp_path / "other")
    with Registry(tmp_path) as registry:
        digest, other = registry.push(tmp_path / "local", "1.0"), registry.push(tmp_path / "other", "1.4.0", "other")
        stack = stack_of(tmp_path, one(registry.host, digest))
        (tmp_path / "cache").mkdir()
        run("skopeo", "copy", "--all", "--preserve-digests", "--src-tls-verify=false", f"docker://{registry.host}/lab/server@{digest}", f"oci:{tmp_path}/cache/oci:x")
        by_skopeo = build(okse, stack, tmp_path / "a.okse", words=["--cache", tmp_path / "cache"]).identity
        fetch(okse, stack_of(tmp_path, one(registry.host, digest), one(registry.host, other, name="other")), "--plain-http")
        stack = stack_of(tmp_path, one(registry.host, digest))
        assert build(okse, stack, tmp_path / "b.okse").identity == by_skopeo
        fetch(okse, stack, "--plain-http", "--cache", tmp_path / "third")
        assert build(okse, stack, tmp_path / "c.okse", words=["--cache", tmp_path / "third"]).identity == by_skopeo
        rebuilt = okse("rebuild", stack, "--expect", tmp_path / "a.okse", "--cache", tmp_path / "third", status=0)
        assert by_skopeo in rebuilt.out


def test_one_platform_is_fetched_when_one_is_chosen(okse, tmp_path):
    index, manifests = multi(tmp_path / "local")
    with Registry(tmp_path) as registry:
        digest = registry.push(tmp_path / "local", "1.0")
        assert digest == index["digest"]
        stack = stack_of(tmp_path, one(registry.host, digest, ", platform: linux/arm64"))
        fetch(okse, stack, "--plain-http")
        assert cached(tmp_path, manifests[1]["digest"]).exists() and not cached(tmp_path, manifests[0]["digest"]).exists()
        bundle = build(okse, stack)
        assert [d["digest"] for d in bundle.index["manifests"][1:]] == [manifests[1]["digest"]]
        assert bundle.lock()["components"][0]["index"] == index["digest"]
        # another stack wants all of it: the same index, and what is missing is said
        stack = stack_of(tmp_path, one(registry.host, digest))
        assert f"okse fetch {stack}" in okse("build", stack, "--country", "VN", "-o", tmp_path / "no.okse", status=2).err
        fetch(okse, stack, "--plain-http")
        assert len(build(okse, stack).index["manifests"]) == 3
        stack = stack_of(tmp_path, one(registry.host, digest, ", platform: linux/riscv64"))
        assert "no image for the platform linux/riscv64" in fetch(okse, stack, "--plain-http", status=2).err


def test_the_cache_is_not_packed_with_the_stacks_own_directory(okse, tmp_path):
    digest, _ = large(tmp_path / "local", 5000)
    with layout_server(tmp_path / "local") as server:
        stack = stack_of(tmp_path, one(server.host, digest), "{path: .}")
        fetch(okse, stack, "--plain-http")
        refused = okse("build", stack, "--country", "VN", "-o", tmp_path.parent / "no.okse", "--unsigned", status=2)
        assert "the cache: lies inside the component source" in refused.err


def test_a_tag_alone_is_answered_with_the_digest_it_has(okse, tmp_path):
    with Registry(tmp_path) as registry:
        digest = registry.push(image(tmp_path / "local"), "1.4.0")
        for source in (f"{{oci: 'docker://{registry.host}/lab/server:1.4.0'}}", f"{{oci: 'docker://{registry.host}/lab/server', ref: 1.4.0}}"):
            stack = stack_of(tmp_path, source)
            refused = fetch(okse, stack, "--plain-http", status=2)
            pasted = f"{{oci: 'docker://{registry.host}/lab/server', ref: '1.4.0@{digest}'}}"
            assert pasted in refused.err and "stack.yaml:7:" in refused.err
            assert not cached(tmp_path, digest).exists()
            assert "names no digest" in okse("build", stack, "--country", "VN", "-o", tmp_path / "no.okse", status=2).err
        stack = stack_of(tmp_path, pasted)
        fetch(okse, stack, "--plain-http")
        assert build(okse, stack).lock()["components"][0]["ref"] == f"1.4.0@{digest}"


def test_a_digest_that_is_not_there(okse, tmp_path):
    with Registry(tmp_path) as registry:
        registry.push(image(tmp_path / "local"), "1.4.0")
        wrong = "sha256:" + "a" * 64
        refused = fetch(okse, stack_of(tmp_path, one(registry.host, wrong)), "--plain-http", status=3)
        assert wrong in refused.err and "404" in refused.err


def test_tls_with_an_own_authority(okse, tmp_path):
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "stranger")
    with Registry(tmp_path) as plain:
        digest = plain.push(image(tmp_path / "local"), "1.4.0")
    with Registry(tmp_path, {"tls": {"certificate": str(authority.certificate), "key": str(authority.key)}}) as registry:
        stack = stack_of(tmp_path, one(registry.host, digest))
        for words in ((), ("--ca", stranger.ca)):
            refused = fetch(okse, stack, "--retries", 0, *words, status=3)
            assert "certificate" in refused.err.lower()
        fetch(okse, stack, "--ca", authority.ca)
        build(okse, stack)


def test_basic_authentication_from_the_credential_file(okse, tmp_path):
    authority = Authority(tmp_path)
    with Registry(tmp_path) as plain:
        digest = plain.push(image(tmp_path / "local"), "1.4.0")
    (tmp_path / "htpasswd").write_text(run("htpasswd", "-Bbn", "ministry", "swordfish"))
    tls = {"tls": {"certificate": str(authority.certificate), "key": str(authority.key)}}
    with Registry(tmp_path, tls, {"htpasswd": {"realm": "test", "path": str(tmp_path / "htpasswd")}}) as registry:
        stack = stack_of(tmp_path, one(registry.host, digest))
        words = ["--ca", authority.ca]
        assert "there are no credentials" in fetch(okse, stack, *words, status=1).err
        auth = auth_file(tmp_path / "auth.json", registry.host, "ministry:wrong")
        assert "access denied (status 401)" in fetch(okse, stack, *words, "--auth", auth, status=1).err
        for text, reason in (({"credHelpers": {registry.host: "desktop"}}, "credential helper 'desktop'"),
                             ({"auths": {registry.host: {}}, "credsStore": "secretservice"}, "credential helper 'secretservice'")):
            auth.write_text(json.dumps(text))
            assert reason in fetch(okse, stack, *words, "--auth", auth, status=1).err
        auth.write_text('{"auths": []}')
        assert "is no credential file" in fetch(okse, stack, *words, "--auth", auth, status=2).err
        (tmp_path / ".docker").mkdir()
        auth_file(tmp_path / ".docker/config.json", f"https://{registry.host}/v1/")
        fetch(okse, stack, *words)
        shutil.rmtree(tmp_path / ".okse-cache")
        (tmp_path / ".docker/config.json").unlink()
        fetch(okse, stack, *words, env={"REGISTRY_AUTH_FILE": str(auth_file(auth, f"{registry.host}/lab"))})
        build(okse, stack)


def test_a_token_server_is_asked_for_a_token(okse, tmp_path):
    authority = Authority(tmp_path)
    with Registry(tmp_path) as plain:
        digest = plain.push(image(tmp_path / "local"), "1.4.0")
    with token_server(authority, secret="ministry:swordfish") as tokens:
        auth = {"token": {"realm": f"{tokens.url}/token", "service": "registry.test", "issuer": "test", "rootcertbundle": str(authority.ca)}}
        with Registry(tmp_path, None, auth) as registry:
            stack = stack_of(tmp_path, one(registry.host, digest))
            assert "access denied (status 401)" in fetch(okse, stack, "--plain-http", status=1).err
            tokens.asked.clear()
            fetch(okse, stack, "--plain-http", "--auth", auth_file(tmp_path / "auth.json", registry.host))
            assert len(tokens.asked) == 1  # one token is good for all of the repository
            build(okse, stack)


# ---- broken lines

def test_a_line_that_breaks_is_gone_on_with(okse, tmp_path):
    digest, layer = large(tmp_path / "local")
    with Registry(tmp_path) as registry:
        registry.push(tmp_path / "local", "1.0")
        with Line(registry.port, [MIB, MIB]) as line:  # one connection for manifest, config and layer, while it holds
            stack = stack_of(tmp_path, one(line.host, digest))
            result = fetch(okse, stack, "--plain-http").json["sources"][0]
            assert line.connections == 3
        total = sum(cached(tmp_path, "sha256:" + p.name).stat().st_size for p in (tmp_path / ".okse-cache/oci/blobs/sha256").iterdir())
        assert result["fetched"] == total  # no byte came twice
    build(okse, stack)


def test_a_registry_that_dies_is_gone_on_with_later(okse, tmp_path):
    digest, layer = large(tmp_path / "local")
    with Registry(tmp_path) as registry:
        registry.push(tmp_path / "local", "1.0")
        with Line(registry.port, [MIB]) as line:
            stack = stack_of(tmp_path, one(line.host, digest))
            fetch(okse, stack, "--plain-http", "--retries", 0, status=3)
            registry.kill()
            fetch(okse, stack, "--plain-http", "--retries", 1, status=3)
            left = partial(tmp_path, layer).stat().st_size
            assert 0 < left < 3 * MIB and not cached(tmp_path, layer).exists()
            assert f"okse fetch {stack}" in okse("build", stack, "--country", "VN", "-o", tmp_path / "no.okse", status=2).err
            with registry:
                assert fetch(okse, stack, "--plain-http").json["sources"][0]["fetched"] < 3 * MIB
    build(okse, stack)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_fetch_is_gone_on_with_and_what_it_left_is_not_believed(okse, tmp_path, number):
    digest, layer = large(tmp_path / "local")
    with layout_server(tmp_path / "local") as server, Line(server.port, [None, None, MIB], stall=True) as line:
        stack = stack_of(tmp_path, one(line.host, digest))
        process = subprocess.Popen([okse.binary, "fetch", stack, "--plain-http"], env=okse.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(1200):
            if partial(tmp_path, layer).exists() and partial(tmp_path, layer).stat().st_size > MIB // 2:
                break
            time.sleep(0.05)
        assert "another okse fetch" in fetch(okse, stack, "--plain-http", status=3).err
        process.send_signal(number)
        assert process.wait(60) == (3 if number == signal.SIGINT else -number)
        left = partial(tmp_path, layer)
        data = bytearray(left.read_bytes())
        data[100] ^= 1
        left.write_bytes(data)
        server.asked.clear()
        fetch(okse, stack, "--plain-http")
        asked = [row[3] for row in server.asked if layer in row[1]]
        assert asked == [f"bytes={len(data)}-", None]  # gone on with, found wrong at the end, and begun anew
    assert hashlib.sha256(cached(tmp_path, layer).read_bytes()).hexdigest() == layer.removeprefix("sha256:")
    # a blob of the cache that was changed afterwards: the build says no, and fetching again mends it
    cached(tmp_path, layer).write_bytes(bytes(data.ljust(3 * MIB)))
    assert okse("build", stack, "--country", "VN", "-o", tmp_path / "no.okse", "--unsigned").status != 0
    assert not (tmp_path / "no.okse").exists()
    with layout_server(tmp_path / "local") as server:
        fetch(okse, stack_of(tmp_path, one(server.host, digest)), "--plain-http")
    build(okse, stack)


def test_a_server_that_is_busy_is_asked_again(okse, tmp_path):
    digest, _ = large(tmp_path / "local", 5000)
    seen = []

    def busy(request):
        seen.append(request.path)
        if len(seen) in (1, 4):
            request.reply(503 if len(seen) == 1 else 429, Retry_After="0")
            return True
        return False

    with layout_server(tmp_path / "local", busy) as server:
        stack = stack_of(tmp_path, one(server.host, digest))
        fetch(okse, stack, "--plain-http")
        seen.clear()
        shutil.rmtree(tmp_path / ".okse-cache")
        assert "status 503" in fetch(okse, stack, "--plain-http", "--retries", 0, status=3).err


# ---- registries that lie

def endless(request):
    request.send_response(200)
    request.send_header("Connection", "close")
    request.end_headers()
    with contextlib.suppress(OSError):
        while True:
            request.wfile.write(b"x" * 65536)


def huge_header(request):
    request.send_response(200)
    for i in range(4000):
        request.send_header(f"X-{i}", "y" * 90)
    request.end_headers()


LIES = {
    "huge header": ("manifests", huge_header, 1, "headers are over the limit"),
    "endless manifest": ("manifests", endless, 1, "sends more than the 4194304 bytes"),
    "endless layer": ("blobs", endless, 1, "sends more than the"),
    "redirects in a circle": ("manifests", lambda r: r.reply(302, Location=r.path), 1, "more than 5 redirects"),
    "redirect to a file": ("blobs", lambda r: r.reply(307, Location="file:///etc/passwd"), 1, "is redirected to 'file:///etc/passwd'"),
    "redirect to http elsewhere": ("blobs", lambda r: r.reply(307, Location="http://192.0.2.1/x"), 1, "http is for this machine itself only"),
    "redirect with a user": ("blobs", lambda r: r.reply(307, Location=f"http://a:b@127.0.0.1/x"), 1, "must not hold a user"),
    "redirect to nothing": ("blobs", lambda r: r.reply(307, Location="http://"), 1, "is redirected to"),
    "lying digest of a manifest": ("manifests", lambda r: r.reply(body=b"{}"), 1, "the registry sends something else"),
    "lying digest of a layer": ("blobs", lambda r: r.reply(body=noise("other", 5000)), 1, "sends other bytes than that digest names"),
    "a shorter layer": ("blobs", lambda r: r.reply(body=noise("large", 5000)[:4000]), 1, "ends after 4000 of 5000 bytes"),
    "a longer layer": ("blobs", lambda r: r.reply(body=noise("large", 5000) + b"x"), 1, "sends more than the 5000 bytes"),
    "less than it announces": ("blobs", lambda r: (r.send_response(200), r.send_header("Content-Length", "5000"), r.end_headers(), r.wfile.write(b"x" * 10)), 3, "blobs/sha256:"),
    "no way to log in": ("manifests", lambda r: r.reply(401), 1, "says no way to ask for it"),
    "a token server of another scheme": ("manifests", lambda r: r.reply(401, WWW_Authenticate='Bearer realm="ftp://127.0.0.1/"'), 1, "says no way to ask for it"),
    "a token server without TLS": ("manifests", lambda r: r.reply(401, WWW_Authenticate='Bearer realm="http://192.0.2.1/t"'), 1, "says no way to ask for it"),
    "no HTTP": ("manifests", lambda r: r.wfile.write(b"SSH-2.0-x\r\n"), 3, "manifests"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lying_registry_is_refused(okse, tmp_path, lie):
    where, answer, status, reason = LIES[lie]
    digest, layer = large(tmp_path / "local", 5000)

    def twist(request):
        if f"/{where}/" not in request.path or (where == "blobs" and layer not in request.path):
            return False
        answer(request)
        return True

    with layout_server(tmp_path / "local", twist) as server:
        stack = stack_of(tmp_path, one(server.host, digest))
        refused = fetch(okse, stack, "--plain-http", "--retries", 1, status=status, timeout=120)
        assert reason in refused.err and refused.out == "", repr(refused)
        assert not cached(tmp_path, layer).exists()
        assert okse("build", stack, "--country", "VN", "-o", tmp_path / "no.okse", status=2).err
    assert not (tmp_path / "no.okse").exists()


def test_another_part_than_was_asked_for_is_refused(okse, tmp_path):
    digest, layer = large(tmp_path / "local", 5000)
    with layout_server(tmp_path / "local", lambda r: layer in r.path and (r.reply(206, b"x" * 4900, Content_Range="bytes 0-4899/5000"), True)[1]) as server:
        stack = stack_of(tmp_path, one(server.host, digest))
        partial(tmp_path, layer).parent.mkdir(parents=True)
        partial(tmp_path, layer).write_bytes(noise("large", 100))
        assert "sends another part than was asked for" in fetch(okse, stack, "--plain-http", status=1).err


def test_a_secret_goes_to_its_own_server_only(okse, tmp_path):
    """A redirect to another host, as registries send them to where blobs lie, is followed without the credentials."""
    digest, layer = large(tmp_path / "local", 5000)
    secret = "Basic " + base64.b64encode(b"ministry:swordfish").decode()
    with layout_server(tmp_path / "local") as store:
        def twist(request):
            if request.headers.get("Authorization") != secret:
                request.reply(401, WWW_Authenticate='Negotiate abc==, Basic realm="a \\" b"')
            elif "/blobs/" in request.path:
                request.reply(307, Location=store.url + request.path)
            else:
                return False
            return True

        with layout_server(tmp_path / "local", twist) as front:
            stack = stack_of(tmp_path, one(front.host, digest))
            fetch(okse, stack, "--plain-http", "--auth", auth_file(tmp_path / "auth.json", front.host))
            assert len(store.asked) == 2 and {row[2] for row in store.asked} == {None}
    build(okse, stack)


def test_https_never_becomes_http(okse, tmp_path):
    authority = Authority(tmp_path)
    digest, layer = large(tmp_path / "local", 5000)
    with layout_server(tmp_path / "local") as plain, \
            layout_server(tmp_path / "local", lambda r: "/blobs/" in r.path and (r.reply(307, Location=plain.url + r.path), True)[1], authority.context()) as server:
        stack = stack_of(tmp_path, one(server.host, digest))
        assert "from https to" in fetch(okse, stack, "--ca", authority.ca, status=1).err
        assert plain.asked == []


@pytest.mark.parametrize("place, reason", [
    ("docker://server:x/y", "the host must be"), ("docker://server/y", "the host must be"), ("docker://registry.example", "names no host"),
    ("docker://registry.example/Lab", "a repository is lower-case"), ("docker://registry.example/lab@sha256:12", "a digest is sha256:"),
    ("docker://u:p@registry.example/lab", "the host must be"), ("docker://registry.example/lab:-x", "a tag is"),
    ("containers-storage://registry.example/lab", "is docker://HOST/REPOSITORY")])
def test_what_names_no_image_is_refused_at_its_place(okse, tmp_path, place, reason):
    for command in (("build", "--country", "VN", "-o", tmp_path / "no.okse"), ("fetch",)):
        refused = okse(command[0], stack_of(tmp_path, f"{{oci: '{place}'}}"), *command[1:], status=2)
        assert reason in refused.err and "stack.yaml:7:" in refused.err
    refused = okse("fetch", stack_of(tmp_path, f"{{oci: 'docker://registry.example/lab:1', ref: '2'}}"), status=2)
    assert "not in both" in refused.err


def test_http_is_for_this_machine_only(okse, tmp_path):
    stack = stack_of(tmp_path, one("192.0.2.1:5000", "sha256:" + "a" * 64))
    proxy = Server(lambda request: request.reply(502))
    with proxy:  # what would go out goes here
        fetch(okse, stack, "--plain-http", "--retries", 0, "--proxy", proxy.url, status=3)
    # libcurl's CONNECT is none of the methods that are answered; a plain GET would have been
    assert proxy.asked == []


# ---- git

@pytest.fixture
def served(tmp_path):
    """A repository with a tag, below the root of a server; a clone of it to compare with."""
    repo = repository(tmp_path / "root/lab/server")
    git(repo, "tag", "-a", "v1", "-m", "first release", "HEAD^")
    git(tmp_path, "clone", "-q", "--mirror", repo, "mirror.git")
    return repo


def record(bundle):
    return bundle.lock()["components"][0]["git"]


def test_a_commit_and_a_tag_are_fetched(okse, tmp_path, served):
    first = git(served, "rev-parse", "HEAD^")
    authority = Authority(tmp_path)
    with git_server(tmp_path / "root", authority.context()) as server:
        url = f"{server.url}/lab/server"
        for pin, expected in ((f"commit: {first}", first), ("tag: v1", first), ("tag: v1, history: true", first)):
            shutil.rmtree(tmp_path / ".okse-cache", ignore_errors=True)
            stack = stack_of(tmp_path, f"{{git: '{url}', {pin}}}", kind="source")
            refused = okse("build", stack, "--country", "VN", "-o", tmp_path / "no.okse", status=2)
            assert f"a build fetches nothing (okse fetch {stack})" in refused.err
            row = fetch(okse, stack, "--ca", authority.ca).json["sources"][0]
            assert row["commit"] == expected and row["fetched"] > 0
            assert fetch(okse, stack, "--ca", authority.ca).json["sources"][0]["fetched"] == 0
            fetched = build(okse, stack)
            assert record(fetched)["commit"] == expected
            local = build(okse, stack_of(tmp_path, f"{{git: mirror.git, {pin}}}", kind="source"), tmp_path / "local.okse")
            assert components(fetched) == components(local)
            # git's own mirror in the cache's place: the same identity
            place = tmp_path / "by-git/git" / hashlib.sha256(url.encode()).hexdigest()
            git(tmp_path, "clone", "-q", "--mirror", served, place)
            stack = stack_of(tmp_path, f"{{git: '{url}', {pin}}}", kind="source")
            assert build(okse, stack, tmp_path / "git.okse", words=["--cache", tmp_path / "by-git"]).identity == fetched.identity
            shutil.rmtree(tmp_path / "by-git")


def test_only_the_commit_is_asked_for_where_the_server_gives_it(okse, tmp_path, served):
    git(served, "config", "uploadpack.allowReachableSHA1InWant", "true")
    first, head = git(served, "rev-parse", "HEAD^"), git(served, "rev-parse", "HEAD")
    with git_server(tmp_path / "root") as server:
        stack = stack_of(tmp_path, f"{{git: '{server.url}/lab/server', commit: {first}}}", kind="source")
        fetch(okse, stack)
    mirror, = (tmp_path / ".okse-cache/git").iterdir()
    listed = git(mirror, "cat-file", "--batch-all-objects", "--batch-check")
    assert first in listed and head not in listed
    with git_server(tmp_path / "root") as server:  # later another one, into the same mirror
        url = stack.read_text().split("git: '")[1].split("/lab")[0]
        git(mirror, "config", "url.http://192.0.2.1/.insteadOf", server.url)  # is not listened to
        stack.write_text(stack.read_text().replace(first, head).replace(url, server.url))
        mirror = mirror.rename(mirror.parent / hashlib.sha256(f"{server.url}/lab/server".encode()).hexdigest())
        fetch(okse, stack)
    assert head in git(mirror, "cat-file", "--batch-all-objects", "--batch-check")
    build(okse, stack)


def test_commits_that_nothing_names(okse, tmp_path, served):
    with git_server(tmp_path / "root") as server:
        stack = stack_of(tmp_path, f"{{git: '{server.url}/lab/server', commit: {'a' * 40}}}", kind="source")
        assert f"has no commit {'a' * 40}" in fetch(okse, stack, "--retries", 0, status=2).err
        stack = stack_of(tmp_path, f"{{git: '{server.url}/lab/server', tag: v2}}", kind="source")
        assert "there is no tag 'v2'" in fetch(okse, stack, status=2).err
        stack = stack_of(tmp_path, f"{{git: '{server.url}/lab/server', commit: HEAD}}", kind="source")
        assert "its HEAD may be another commit tomorrow" in fetch(okse, stack, status=2).err
        stack = stack_of(tmp_path, f"{{git: '{server.url}/lab/none', tag: v2}}", kind="source")
        assert "404" in fetch(okse, stack, status=3).err


def test_a_tag_that_was_fetched_stays_what_it_was(okse, tmp_path, served):
    with git_server(tmp_path / "root") as server:
        stack = stack_of(tmp_path, f"{{git: '{server.url}/lab/server', tag: v1}}", kind="source")
        fetch(okse, stack)
        identity = build(okse, stack).identity
        git(served, "tag", "-f", "v1", "HEAD")
        server.asked.clear()
        assert fetch(okse, stack).json["sources"][0]["commit"] == git(served, "rev-parse", "HEAD^")
        assert build(okse, stack).identity == identity and server.asked == []
        mirror, = (tmp_path / ".okse-cache/git").iterdir()
        shutil.rmtree(mirror / "objects")
        (mirror / "objects").mkdir()
        damaged = fetch(okse, stack, status=3)
        assert f"git/{mirror.name}" in damaged.err and "remove it" in damaged.err


def test_submodules_are_fetched_at_their_recorded_commits(okse, tmp_path):
    inner, middle, outer = (repository(tmp_path / "root/lab" / name) for name in ("inner", "middle", "outer"))
    git(middle, "submodule", "add", "-q", "../inner", "deps/inner")
    pinned = commit(middle, "with inner", 1700000150)
    with git_server(tmp_path / "root") as server:
        git(outer, "submodule", "add", "-q", str(middle), "third/middle")
        git(outer, "config", "-f", ".gitmodules", "submodule.third/middle.url", f"{server.url}/lab/middle")
        head = commit(outer, "with middle", 1700000200)
        (middle / "README.md").write_text("later\n")
        commit(middle, "later", 1700000300)
        stack = stack_of(tmp_path, f"{{git: '{server.url}/lab/outer', commit: {head}}}", kind="source")
        fetch(okse, stack)
    bundle = build(okse, stack)
    assert [row["commit"] for row in record(bundle)["submodules"]] == [pinned, git(middle, "rev-parse", f"{pinned}:deps/inner")]
    git(tmp_path, "clone", "-q", outer, "clone")
    git(tmp_path / "clone", "config", "submodule.third/middle.url", str(middle))
    git(tmp_path / "clone", "submodule", "-q", "update", "--init", "--recursive")
    local = build(okse, stack_of(tmp_path, f"{{git: clone, commit: {head}}}", kind="source"), tmp_path / "local.okse")
    assert components(bundle) == components(local)


@pytest.mark.parametrize("url", ["file:///etc", "/etc", "git@git.example:x", "ssh://git.example/x", "http://192.0.2.1/x", "ext::sh -c true", "--upload-pack=x"])
def test_a_submodule_elsewhere_is_refused(okse, tmp_path, url):
    inner, outer = (repository(tmp_path / "root/lab" / name) for name in ("inner", "outer"))
    git(outer, "submodule", "add", "-q", str(inner), "inner")
    git(outer, "config", "-f", ".gitmodules", "submodule.inner.url", url)
    head = commit(outer)
    with git_server(tmp_path / "root") as server:
        stack = stack_of(tmp_path, f"{{git: '{server.url}/lab/outer', commit: {head}}}", kind="source")
        assert "neither https nor relative" in fetch(okse, stack, status=1).err


def test_git_behind_a_password_and_a_redirect(okse, tmp_path, served):
    head = git(served, "rev-parse", "HEAD")
    with git_server(tmp_path / "root", secret="ministry:swordfish") as server:
        stack = stack_of(tmp_path, f"{{git: '{server.url}/lab/server', commit: {head}}}", kind="source")
        assert "there are no credentials" in fetch(okse, stack, status=1).err
        auth = auth_file(tmp_path / "auth.json", server.host)
        fetch(okse, stack, "--auth", auth)
        build(okse, stack)
        shutil.rmtree(tmp_path / ".okse-cache")
        with Server(lambda r: r.reply(302, Location=server.url + r.path)) as other:
            stack = stack_of(tmp_path, f"{{git: '{other.url}/lab/server', commit: {head}}}", kind="source")
            server.asked.clear()
            assert "redirected to another host" in fetch(okse, stack, "--auth", auth, status=1).err
            assert server.asked == []
        stack = stack_of(tmp_path, f"{{git: 'https://ministry:swordfish@127.0.0.1/x', commit: {head}}}", kind="source")
        assert "must not hold a user" in fetch(okse, stack, status=2).err


GIT_LIES = {
    "a web page": (lambda r: r.reply(body=b"<html>", Content_Type="text/html"), "is no git repository"),
    "no packet": (lambda r: r.reply(body=b"zzzz", Content_Type="application/x-git-upload-pack-advertisement"), "connect"),
    "huge header": (huge_header, "headers are over the limit"),
    "breaks off": (lambda r: r.reply(body=b"001e# service=git-upload-pack\n0000", Content_Type="application/x-git-upload-pack-advertisement"), ""),
    "server error": (lambda r: r.reply(500), "status 500"),
}


@pytest.mark.parametrize("lie", GIT_LIES)
def test_a_lying_git_server_is_refused(okse, tmp_path, lie):
    answer, reason = GIT_LIES[lie]
    with Server(answer) as server:
        stack = stack_of(tmp_path, f"{{git: '{server.url}/lab/server', tag: v1}}", kind="source")
        refused = okse("fetch", stack, "--retries", 0, timeout=60)
        assert refused.status in (1, 3) and reason in refused.err, repr(refused)


def test_a_pack_that_is_damaged_is_refused(okse, tmp_path, served):
    head = git(served, "rev-parse", "HEAD")

    def twist(request):
        if request.command != "POST":
            return False
        request.reply(body=b"0008NAK\nPACK\0\0\0\2\0\0\0\1" + b"\x95" * 40, Content_Type="application/x-git-upload-pack-result")
        return True

    with git_server(tmp_path / "root", twist=twist) as server:
        stack = stack_of(tmp_path, f"{{git: '{server.url}/lab/server', commit: {head}}}", kind="source")
        assert okse("fetch", stack, "--retries", 0, timeout=60).status in (1, 3)
        assert f"okse fetch {stack}" in okse("build", stack, "--country", "VN", "-o", tmp_path / "no.okse", status=2).err
