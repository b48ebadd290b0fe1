"""okse collect --kubernetes-api against a server of our own: what a real API server (1.36.3, tests/data/cluster/answers.json)
answered, and then every way in which a server can lie. test_cluster.py asks a real one."""
import gzip
import json
import shutil
import time

import pytest
import yaml

from kubernetes import ROOT
from servers import Authority, Server, free_port
from test_cluster import collect
from test_objects import coverage, endpoints

ANSWERS = json.loads((ROOT / "tests/data/cluster/answers.json").read_text())
PODS = ANSWERS["/api/v1/pods"]
TOKEN = "token-of-the-reader"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


def recorded(request, answers=ANSWERS):
    path = request.path.split("?")[0]
    if request.headers["Authorization"] != f"Bearer {TOKEN}":
        return request.reply(401, b"{}", Content_Type="application/json")
    if path not in answers:
        return request.reply(404, b"{}", Content_Type="application/json")
    return request.reply(200, json.dumps(answers[path]).encode(), Content_Type="application/json")


def server(authority, twists=None, answers=ANSWERS):
    """twists: {path: function of the request}."""

    def handle(request):
        twist = (twists or {}).get(request.path.split("?")[0])
        return twist(request) if twist is not None else recorded(request, answers)

    return Server(handle, authority.context())


def words(tmp_path, authority, url):
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n")
    return "--kubernetes-api", url, "--token-file", token, "--ca-file", authority.ca


def ask(okse, tmp_path, authority, twists=None, answers=ANSWERS, more=(), status=0):
    with server(authority, twists, answers) as api:
        done = collect(okse, tmp_path, *words(tmp_path, authority, api.url), *more, status=status)
    return done, [row[1] for row in api.asked]


def reply(value, **headers):
    """A function that answers with this."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return lambda request: request.reply(200, body, **{"Content_Type": "application/json", **headers})


def test_the_answers_of_a_real_server(okse, tmp_path, authority):
    done, asked = ask(okse, tmp_path, authority)
    facts = done.json
    assert coverage(facts, "workloads") == ("complete", None)
    assert {(w["kind"], w["name"], w["egress"]) for w in facts["workloads"]} == {("Deployment", "served", "deny"), ("Pod", "alone", "none")}
    assert {e[0] for e in endpoints(facts)} >= {"registry.example.com", "db.example.net", "logs.example.org"}
    assert "was asked for 16 kinds of objects" in done.err
    listed = [path for path in asked if "?" in path]
    assert len(listed) == 16 and all(path.endswith("?limit=200") for path in listed) and not [path for path in asked if "secrets" in path]
    source = next(w["source"] for w in facts["workloads"] if w["name"] == "alone")
    assert source["path"].startswith("https://127.0.0.1:") and source["path"].endswith("/api/v1/pods") and source["line"] > 1


def test_nobody_is_asked_for_secrets_even_where_every_kind_is_wanted(okse, tmp_path, authority):
    manifests = tmp_path / "manifests"
    shutil.copytree(ROOT / "manifests", manifests)
    text = (manifests / "object-fields.yaml").read_text()
    assert "api_kinds: [Pod," in text
    (manifests / "object-fields.yaml").write_text(text.replace("api_kinds: [Pod,", 'api_kinds: ["*", Secret,'))
    done, asked = ask(okse, tmp_path, authority, more=("--manifests", manifests))
    assert "was asked for 25 kinds" in done.err and not [path for path in asked if "secrets" in path]


def pages(*answers):
    """A list whose pages are these, the last one again and again."""
    left = list(answers)
    return lambda request: reply(left.pop(0) if len(left) > 1 else left[0])(request)


def page(next_one, items=PODS["items"]):
    return {"kind": "PodList", "apiVersion": "v1", "metadata": {"continue": next_one}, "items": items}


def named(name):
    return [{**PODS["items"][0], "metadata": {"name": name, "namespace": "default"}}]


def redirect(to):
    return lambda request: request.reply(302, b"", Location=to)


def endless(request):
    request.send_response(200)
    request.send_header("Content-Type", "application/json")
    request.send_header("Connection", "close")
    request.end_headers()
    for _ in range(100):
        request.wfile.write(b" " * (1 << 20))


def cut(request):
    request.send_response(200)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(b'{"kind":"PodList","items":[')


def status(code, **headers):
    return lambda request: request.reply(code, b'{"kind":"Status"}', Content_Type="application/json", **headers)


def deep(levels):
    return b'{"kind":"PodList","items":[{"spec":' + b"[" * levels + b"]" * levels + b"}]}"


LIES = {
    "another type": (reply(b"<html>please log in</html>", Content_Type="text/html"), "no JSON by its type"),
    "no type": (lambda request: request.reply(200, json.dumps(PODS).encode()), "no JSON by its type"),
    "a gzip bomb": (reply(gzip.compress(b" " * (200 << 20)), Content_Encoding="gzip"), "pods"),
    "an endless body": (endless, "sends more than the 67108864 bytes expected"),
    "a body that is cut off": (cut, "pods: "),
    "no list": (reply({"kind": "Status", "status": "Success"}), "is no list of objects"),
    "items that are none": (reply({"kind": "PodList", "items": [1]}), "lists what is no object"),
    "a list that is a map": (reply({"kind": "PodList", "items": {"a": {}}}), "is no list of objects"),
    "a key twice": (reply(b'{"kind":"PodList","items":[],"items":[]}'), "duplicate"),
    "no UTF-8": (reply(b'{"kind":"PodList","items":[{"a":"\xff"}]}'), "pods"),
    "too deep": (reply(deep(5000)), "nested deeper"),
    "gone": (status(410), "status 410"),
    "forbidden": (status(403), "access denied (status 403)"),
    "the same page for ever": (pages(page("a")), "in a circle"),
    "two pages for ever": (lambda request: reply(page("b" if "continue=a" in request.path else "a"))(request), "in a circle"),
    "empty pages for ever": (pages(page("a", [])), "in a circle"),
    "a token that is too long": (reply(page("a" * 5000)), "longer than 4096 bytes"),
    "an object that is too large": (reply({"kind": "PodList", "items": [{"metadata": {"annotations": {"a": "x" * (9 << 20)}}}]}), "larger than what is looked at"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_list_that_lies_is_named_and_the_rest_is_read(okse, tmp_path, authority, name):
    twist, why = LIES[name]
    done, _ = ask(okse, tmp_path, authority, {"/api/v1/pods": twist})
    state, reason = coverage(done.json, "workloads")
    assert state == "partial" and "/api/v1/pods: " in reason and why in reason
    if name != "a body that is cut off":  # a server that breaks off is not asked any more
        assert "served" in {w["name"] for w in done.json["workloads"]}
        assert "not asked any more" not in reason
    else:
        assert "not asked any more" in reason


def test_a_list_over_several_pages(okse, tmp_path, authority):
    done, asked = ask(okse, tmp_path, authority, {"/api/v1/pods": pages(page("a&b=c/../d?\r\nX: y", named("one")), page("next", named("two")), page("", named("three")))})
    pods = {w["name"]: w["source"]["path"].split("/")[-1] for w in done.json["workloads"] if w["kind"] == "Pod"}
    assert pods == {"one": "pods", "two": "pods#2", "three": "pods#3"}
    assert [path.split("pods")[1] for path in asked if "/pods" in path] == [
        "?limit=200", "?limit=200&continue=a%26b%3Dc%2F..%2Fd%3F%0D%0AX%3A%20y", "?limit=200&continue=next"]


def test_an_item_is_what_was_asked_for(okse, tmp_path, authority):
    item = {**PODS["items"][0], "kind": "Secret", "apiVersion": "v1"}
    done, _ = ask(okse, tmp_path, authority, {"/api/v1/pods": reply(page("", [item]))})
    assert {(w["kind"], w["name"]) for w in done.json["workloads"]} >= {("Pod", "alone")}


def test_a_token_goes_to_no_other_server(okse, tmp_path, authority):
    with Server(recorded, authority.context()) as other:
        for path in ("/api/v1/pods", "/apis/apps/v1"):
            done, _ = ask(okse, tmp_path, authority, {path: redirect(f"{other.url}{path}")})
            state, reason = coverage(done.json, "workloads")
            assert state == "partial" and "redirected to another host" in reason and path in reason
        done, _ = ask(okse, tmp_path, authority, {"/api/v1": redirect(f"{other.url}/api/v1")}, status=1)
        assert "redirected to another host" in done.err
        assert other.asked == []


def test_a_server_that_is_busy_is_asked_again(okse, tmp_path, authority):
    tries = []

    def busy(request):
        tries.append(request.path)
        return recorded(request) if len(tries) == 3 else request.reply(429, b"", Retry_After="1")

    done, _ = ask(okse, tmp_path, authority, {"/api/v1/pods": busy})
    assert coverage(done.json, "workloads") == ("complete", None) and len(tries) == 3


def test_a_group_whose_server_is_away_is_named(okse, tmp_path, authority):
    done, _ = ask(okse, tmp_path, authority, {"/apis/apps/v1": status(503)})
    state, reason = coverage(done.json, "workloads")
    assert state == "partial" and "/apis/apps/v1: the server answers with status 503" in reason
    assert {(w["name"], w["egress"]) for w in done.json["workloads"]} == {("alone", "unknown")}


def test_time_that_runs_out(okse, tmp_path, authority):
    def slow(request):
        time.sleep(30)

    began = time.monotonic()
    done, _ = ask(okse, tmp_path, authority, {"/api/v1/pods": slow}, more=("--time-limit", "5"))
    assert time.monotonic() - began < 25
    state, reason = coverage(done.json, "workloads")
    assert state == "partial" and "/api/v1/pods: " in reason and "not asked any more" in reason
    done, asked = ask(okse, tmp_path, authority, more=("--time-limit", "0"))
    assert coverage(done.json, "workloads")[0] == "partial" and asked == []


def resources(*rows):
    return {"kind": "APIResourceList", "groupVersion": "apps/v1", "resources": [{"verbs": ["list"], "kind": "Pod", **row} for row in rows]}


@pytest.mark.parametrize("name", ["../../api/v1/secrets", "pods?watch=true", "pods%2f..", "Pods", "pods ", "-pods", ".", ""])
def test_a_kind_by_what_is_no_name_is_not_asked_for(okse, tmp_path, authority, name):
    done, asked = ask(okse, tmp_path, authority, answers={**ANSWERS, "/apis/apps/v1": resources({"name": "deployments", "kind": "Deployment"}, {"name": name})})
    if "/" in name:  # a part of another resource, as far as anybody knows
        assert coverage(done.json, "workloads") == ("complete", None)
    else:
        assert "/apis/apps/v1: lists a kind by what is no name" in coverage(done.json, "workloads")[1]
        assert not [path for path in asked if path.startswith("/apis/apps/v1/")]
    assert not [path for path in asked if "secrets" in path or "watch" in path]


@pytest.mark.parametrize("groups, why", [
    ([{"versions": [{"groupVersion": "../../api/v1"}]}], "is no GROUP/VERSION"),
    ([{"versions": [{"groupVersion": "apps/v1?x"}]}], "is no GROUP/VERSION"),
    ([{"versions": [{"groupVersion": f"g{i}.example/v1"}]} for i in range(1025)], "more than 1024 versions"),
    ("none", "groups"),
])
def test_groups_that_are_none(okse, tmp_path, authority, groups, why):
    done, asked = ask(okse, tmp_path, authority, answers={**ANSWERS, "/apis": {"kind": "APIGroupList", "groups": groups}}, status=2)
    assert why in done.err and len(asked) == 2


@pytest.mark.parametrize("twist, code, why", [(status(401), 1, "access denied (status 401)"), (status(404), 3, "status 404"), (reply(b"[]"), 2, "resources"),
                                              (reply(b"<html>", Content_Type="text/html"), 2, "is an API server there?")])
def test_what_is_no_api_server(okse, tmp_path, authority, twist, code, why):
    done, _ = ask(okse, tmp_path, authority, {"/api/v1": twist}, more=("-o", tmp_path / "out.json"), status=code)
    assert why in done.err and "/api/v1" in done.err and not (tmp_path / "out.json").exists()


def test_an_authority_that_is_none(okse, tmp_path, authority):
    (tmp_path / "ca").write_text("no certificate\n")
    with server(authority) as api:
        done = collect(okse, tmp_path, *words(tmp_path, authority, api.url)[:4], "--ca-file", tmp_path / "ca", status=2)
    assert f"{tmp_path}/ca: the authority of the cluster is no certificate in PEM" in done.err and api.asked == []


def test_nobody_is_there(okse, tmp_path, authority):
    port = free_port()
    done = collect(okse, tmp_path, *words(tmp_path, authority, f"https://127.0.0.1:{port}"), status=3)
    assert f"https://127.0.0.1:{port}/api/v1" in done.err


@pytest.mark.parametrize("given, why", [
    (("--kubernetes-api", "https://a.example", "--kubeconfig", "x"), "give one of"),
    (("--token-file", "token"), "belong to --kubernetes-api"),
    (("--ca-file", "token"), "belong to --kubernetes-api"),
    (("--kubernetes-api", "http://a.example"), "http is for this machine itself only"),
    (("--kubernetes-api", "https://user:password@a.example"), "must not hold a user"),
    (("--kubernetes-api", "a.example:6443"), "is no https:// address"),
    (("--kubernetes-api", "https://a.example/?x"), "no '?'"),
    (("--kubernetes-api", "https://a.example", "--token-file", "empty"), "1 to 16384 bytes"),
    (("--kubernetes-api", "https://a.example", "--token-file", "two"), "is no token"),
])
def test_a_wrong_command_line(okse, tmp_path, given, why):
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "two").write_text("one\r\nX-Header: two\n")
    (tmp_path / "token").write_text("x")
    done = collect(okse, tmp_path, *given, status=2)
    assert why in done.err and "password" not in done.err.replace("a password", "")


CONFIG = {"apiVersion": "v1", "kind": "Config", "current-context": "here", "contexts": [{"name": "here", "context": {"cluster": "ours", "user": "me"}}],
          "clusters": [{"name": "ours", "cluster": {"server": "https://127.0.0.1:1"}}], "users": [{"name": "me", "user": {"token": TOKEN}}]}


def config(cluster=None, user=None, **top):
    made = json.loads(json.dumps(CONFIG))
    made["clusters"][0]["cluster"].update(cluster or {})
    made["users"][0]["user"].update(user or {})
    return {**made, **top}


@pytest.mark.parametrize("made, why", [
    (config(cluster={"insecure-skip-tls-verify": True}), "'insecure-skip-tls-verify' would check no certificate"),
    (config(cluster={"tls-server-name": "x"}), "'tls-server-name' is not supported"),
    (config(cluster={"server": ""}), "no 'server'"),
    (config(cluster={"certificate-authority-data": "!"}), "is no base64"),
    (config(cluster={"certificate-authority-data": "eHh4"}), "is no certificate in PEM"),
    (config(user={"exec": {"command": "aws"}}), "'exec' is not used"),
    (config(user={"client-certificate-data": "eA=="}), "'client-certificate-data' is not used"),
    (config(user={"username": "admin", "password": "hunter2"}), "'username' is not used"),
    (config(user={"as": "system:admin"}), "'as' is not used"),
    (config(user={"token": None}), "the user has no 'token'"),
    (config(user={"token": "a b"}), "is no token"),
    (config(**{"current-context": "elsewhere"}), "'contexts' has the name"),
    (config(**{"current-context": ""}), "no 'current-context'"),
    (config(users=[]), "'users' has the name"),
    (config(clusters={"ours": {}}), "'clusters' has the name"),
    ([], "no 'current-context'"),
])
def test_a_kubeconfig_that_is_not_used(okse, tmp_path, made, why):
    (tmp_path / "config").write_text(yaml.safe_dump(made))
    done = collect(okse, tmp_path, "--kubeconfig", tmp_path / "config", status=2)
    assert why in done.err and "config:" in done.err and "hunter2" not in done.err


def test_a_kubeconfig_with_files_beside_it(okse, tmp_path, authority):
    directory = tmp_path / "kube"
    directory.mkdir()
    (directory / "ca.crt").write_bytes(authority.ca.read_bytes())
    (directory / "token").write_text(f" {TOKEN}\n")
    with server(authority) as api:
        (directory / "config").write_text(yaml.safe_dump(config({"server": api.url, "certificate-authority": "ca.crt", "insecure-skip-tls-verify": False},
                                                                {"token": "an old one", "tokenFile": "token"})))
        facts = collect(okse, tmp_path, "--kubeconfig", directory / "config").json
    assert {w["name"] for w in facts["workloads"]} == {"served", "alone"}
