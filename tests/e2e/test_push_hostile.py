"""okse push and pull against whoever answers in a registry's place, or may write to its repositories: where passwords and bytes go, what
messages say, how patiently it waits, and that nobody can fill a bundle until nobody can have it."""
import hashlib
import json
import time

import pytest

from registries import INDEX, MemoryRegistry, running
from servers import Authority, Server, auth_file
from stacks import Bundle, noise, simple, write
from test_push import SLOW, large_layer, pull, push, replied, signed, start, until  # noqa: F401 (a fixture among them)

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
SIGSTORE = "application/vnd.dev.sigstore.bundle.v0.3+json"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


# ---- where passwords go

@pytest.mark.parametrize("how", ["pull", "push"])
def test_a_host_that_redirects_lead_to_does_not_say_where_the_password_goes(okse, signed, tmp_path, how):
    """A store in front of which the registry stands asks for a token of its own: from nobody that it names."""
    bundle, _ = signed
    layer = large_layer(Bundle(bundle))
    words = ["--authfile", None, "--retries", 0]
    with MemoryRegistry() as registry, Server(lambda r: r.reply(body=b'{"token":"x"}')) as thief:
        words[1] = auth_file(tmp_path / "auth.json", registry.host)
        with Server(lambda r: r.reply(401, WWW_Authenticate=f'Bearer realm="{thief.url}/token",service="x"')) as store:
            if how == "pull":
                push(okse, bundle, registry)
            registry.twist = lambda r: r.command in ("GET", "HEAD") and layer in r.path and (r.reply(307, Location=f"{store.url}/x"), True)[1]
            refused = push(okse, bundle, registry, *words, status=1) if how == "push" else pull(okse, registry, tmp_path / "no.okse", *words, status=1)
        assert "access denied" in refused.err
        assert store.asked and thief.asked == [], "the password went to a server that the store named"


def test_over_tls_no_token_is_asked_for_without_it(okse, signed, tmp_path):
    bundle, _ = signed
    authority = Authority(tmp_path)
    with Server(lambda r: r.reply(body=b'{"token":"x"}')) as thief:
        challenge = {"WWW_Authenticate": f'Bearer realm="{thief.url}/token",service="x"'}
        with MemoryRegistry(twist=lambda r: (r.reply(401, **challenge), True)[1], context=authority.context()) as registry:
            words = ["--ca-file", authority.ca, "--authfile", auth_file(tmp_path / "auth.json", registry.host)]
            for refused in (push(okse, bundle, registry, *words, plain=False, status=1), pull(okse, registry, tmp_path / "no.okse", *words, plain=False, status=1)):
                assert "says no way to ask for it" in refused.err
    assert thief.asked == []


def test_over_tls_no_blob_is_sent_without_it(okse, signed, tmp_path):
    """Not to a server of this machine either, where http is allowed to a registry that was named."""
    bundle, _ = signed
    authority = Authority(tmp_path)
    with Server(replied(202)) as other:
        with MemoryRegistry(twist=lambda r: r.command == "POST" and (r.reply(202, Location=f"{other.url}/x"), True)[1], context=authority.context()) as registry:
            refused = push(okse, bundle, registry, "--ca-file", authority.ca, plain=False, status=1)
            assert "names no place to send the blob to" in refused.err
    assert other.asked == []


@pytest.mark.parametrize("where", ["https://192.0.2.1/x", "http://192.0.2.1/x", "http://", "/v2/lab/civic/blobs/uploads/0"])
def test_messages_hold_no_query_which_may_be_a_password(okse, signed, where):
    """Addresses of uploads and of blobs in a store are signed in their query."""
    bundle, _ = signed

    def twist(request):
        if request.command == "POST":
            request.reply(202, Location="/v2/lab/civic/blobs/uploads/0?_state=swordfish")
        elif request.command == "PUT":
            replied(307, Location=f"{where}?signature=swordfish")(request)
        return request.command in ("POST", "PUT")

    with MemoryRegistry(twist=twist) as registry:
        refused = push(okse, bundle, registry, "--retries", 0, status=1)
    assert "redirect" in refused.err and "swordfish" not in refused.err and "/blobs/uploads/0" in refused.err


# ---- patience

@pytest.mark.parametrize("seconds", ["3600", "9" * 40])
def test_a_registry_that_asks_for_more_than_a_minute_gets_a_minute(okse, signed, seconds):
    with MemoryRegistry(twist=lambda r: (r.reply(429, Retry_After=seconds), True)[1]) as registry:
        with running(start(okse, "push", signed[0], f"oci://{registry.host}/lab/civic", "--plain-http")):
            until(lambda: registry.asked)
            time.sleep(1.5)  # without Retry-After it would be asked again after ¼ and ¾ of a second
        assert len(registry.asked) == 1


def test_small_blobs_are_no_faster_than_they_may_be_either(okse, signed):
    with MemoryRegistry() as registry:
        begun = time.monotonic()
        sent = push(okse, signed[0], registry, "--limit-rate", "128K").json["bytes"]["sent"]
        assert time.monotonic() - begun > 0.8 * sent / (128 << 10) > 2


# ---- statements of anybody who may write to the repository

def refer(registry, manifest, listed=True):
    """A referrer as anybody can put it; listed alone when it is not there."""
    data = canonical(manifest)
    if listed:
        registry.manifests[("lab/civic", digest(data))], registry.types[digest(data)] = data, MANIFEST
    return {"mediaType": MANIFEST, "digest": digest(data), "size": len(data), "artifactType": SIGSTORE, "annotations": manifest["annotations"]}


def statement_of(registry, bundle):
    """The manifest of the bundle's own statement, which others are made like."""
    (found,) = [told for told in map(json.loads, registry.manifests.values()) if told.get("subject", {}).get("digest") == Bundle(bundle).identity]
    return found


def like(registry, statement, sigstore):
    """A statement with other content, in the one form that statements have."""
    registry.blobs[("lab/civic", digest(sigstore))] = sigstore
    return statement | {"layers": [statement["layers"][0] | {"digest": digest(sigstore), "size": len(sigstore)}]}


@pytest.mark.parametrize("what", ["manifest", "blob"])
def test_a_statement_that_is_listed_and_gone_stops_nothing(okse, signed, tmp_path, what):
    bundle, _ = signed
    tag = "sha256-" + Bundle(bundle).identity.removeprefix("sha256:")
    with MemoryRegistry(api=False) as registry:
        push(okse, bundle, registry)
        gone = like(registry, statement_of(registry, bundle), b'{"gone":1}')
        del registry.blobs[("lab/civic", gone["layers"][0]["digest"])]
        listed = json.loads(registry.manifests[("lab/civic", registry.tags[("lab/civic", tag)])])
        listed["manifests"].insert(0, refer(registry, gone, listed=what == "blob"))
        data = canonical(listed)
        registry.manifests[("lab/civic", digest(data))], registry.types[digest(data)] = data, INDEX
        registry.tags[("lab/civic", tag)] = digest(data)
        result = pull(okse, registry, tmp_path / "back.okse").json
        assert result["statements"] == 2 and result["others"] == 1
    assert (tmp_path / "back.okse").read_bytes() == bundle.read_bytes()


@pytest.mark.parametrize("sigstore", [b"{}", b'{"no":"sigstore bundle"}', b"\xff"])
def test_a_statement_with_which_nobody_would_accept_the_bundle_is_left_out(okse, signed, tmp_path, sigstore):
    """What cannot be read; and the empty blob, which every bundle with statements has already."""
    bundle, _ = signed
    with MemoryRegistry() as registry:
        push(okse, bundle, registry)
        statement = statement_of(registry, bundle)
        own = ("lab/civic", digest(canonical(statement)))
        for key in [key for key, data in registry.manifests.items() if key != own and json.loads(data).get("subject")]:
            del registry.manifests[key]
        pull(okse, registry, tmp_path / "one.okse")
        refer(registry, like(registry, statement, sigstore))
        registry.manifests[own] = registry.manifests.pop(own)  # so that the other comes first
        result = pull(okse, registry, tmp_path / "back.okse").json
        assert result["statements"] == 1 and result["others"] == 1
    assert (tmp_path / "back.okse").read_bytes() == (tmp_path / "one.okse").read_bytes()


def test_more_statements_than_a_bundle_holds_stop_nothing(okse, signed, tmp_path):
    bundle, trust = signed
    with MemoryRegistry() as registry:
        push(okse, bundle, registry)
        statement = statement_of(registry, bundle)
        sigstore = json.loads(registry.blobs[("lab/civic", statement["layers"][0]["digest"])])
        for number in range(200):
            sigstore["verificationMaterial"]["publicKey"]["hint"] = f"of somebody else, {number}"
            refer(registry, like(registry, statement, canonical(sigstore)))
        result = pull(okse, registry, tmp_path / "back.okse").json
        assert result["statements"] + result["others"] == 202 and result["statements"] > 100 and result["others"] > 0
    assert Bundle(tmp_path / "back.okse").identity == Bundle(bundle).identity
    okse("verify", tmp_path / "back.okse", "--trust", trust, status=0)


def test_a_list_that_another_push_wrote_over_is_written_again(okse, signed):
    """It had read the list of the weights before this push put a statement on it, and writes it when this one is further."""
    bundle, _ = signed
    stale = canonical({"schemaVersion": 2, "mediaType": INDEX, "manifests": []})
    lists = []

    def twist(request):
        if request.command == "PUT" and "/manifests/sha256-" in request.path:
            lists.append(request.path.rpartition("/")[2])
            if len(lists) == 2 and lists[0] != lists[1]:
                registry.manifests[("lab/civic", digest(stale))], registry.types[digest(stale)] = stale, INDEX
                registry.tags[("lab/civic", lists[0])] = digest(stale)
        return False

    with MemoryRegistry(api=False, twist=twist) as registry:
        push(okse, bundle, registry)
        assert len(set(lists)) == 2
        for tag in set(lists):
            (listed,) = json.loads(registry.manifests[("lab/civic", registry.tags[("lab/civic", tag)])])["manifests"]
            assert listed["artifactType"] == SIGSTORE


# ---- slow

class SlowLine(MemoryRegistry):
    """Takes a blob in fifteen pieces, one every ten seconds."""

    def body(self, request, into):
        left = length = int(request.headers.get("Content-Length") or 0)
        while left > 0:
            if length > 1 << 20:
                time.sleep(10)
            data = request.rfile.read(min(left, max(length // 15, 1)))
            into += data
            left -= len(data)
        return True


@pytest.mark.slow
@SLOW
def test_a_line_of_a_mebibit_gets_a_blob_through_in_one_request(okse, tmp_path):
    """30 MiB take longer than the two minutes in which a registry must have answered to nothing."""
    write(tmp_path / "data/heavy.bin", noise("slow", 30 << 20))
    okse("build", simple(tmp_path), "--country", "VN", "-o", tmp_path / "x.okse", "--unsigned", status=0)
    with SlowLine() as registry:
        begun = time.monotonic()
        assert push(okse, tmp_path / "x.okse", registry, "--retries", 0).json["bytes"]["sent"] > 30 << 20
        assert time.monotonic() - begun > 125
