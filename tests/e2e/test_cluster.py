"""okse collect --kubernetes-api against a real API server: the same facts as an export by kubectl, as an account that may
only read, and nothing but reading in the server's own audit log."""
import hashlib
import json
import shutil
import subprocess
import tarfile

import pytest
import yaml

from kubernetes import CHARTS, TOOLS, cluster, documented_role, without_rule
from servers import free_port
from test_objects import coverage, endpoints

AT = "2026-11-23"
SECRET, MAPS = "c2VjcmV0LW9mLXRoZS10ZXN0", 450


def kind(plural, name, group, versions):
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"{plural}.{group}", "annotations": {"api-approved.kubernetes.io": "unapproved, a test"}},
            "spec": {"group": group, "scope": "Namespaced", "names": {"plural": plural, "kind": name},
                     "versions": [{"name": v, "served": True, "storage": i == 0, "schema": {"openAPIV3Schema": {
                         "type": "object", "x-kubernetes-preserve-unknown-fields": True}}} for i, v in enumerate(versions)]}}


def pod(image, **more):
    return {"containers": [{"name": "main", "image": image, "env": [{"name": "UPSTREAM", "value": "https://api.example.net/v1?a=1&b=<2>"},
                                                                   {"name": "API_TOKEN", "value": "hunter2-hunter2"}]}], **more}


def template(image, **more):
    return {"metadata": {"labels": {"app": "x"}}, "spec": pod(image, **more)}


OBJECTS = [
    {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "name-of-a-secret"}, "data": {"key": SECRET}},
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"logs.conf": "server = logs.example.org:6514\n"}},
    {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "alone", "labels": {"app": "alone"}}, "spec": pod("registry.example.com/alone:1")},
    {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "served", "annotations": {"text": "값 <&> \U0001f600 \t\x01\x1f\x7f\u2028\u2029 / \\ \""}},
     "spec": {"selector": {"matchLabels": {"app": "x"}}, "template": template("nginx:1.27")}},
    {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "nightly"},
     "spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": template("registry.example.com/backup:2", restartPolicy="Never")}}}},
    {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "outside"}, "spec": {"type": "ExternalName", "externalName": "db.example.net"}},
    {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "far"},
     "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteMany"], "nfs": {"server": "nas.example.net", "path": "/x"}}},
    {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "nfs"}, "provisioner": "nfs.csi.k8s.io", "parameters": {"server": "nfs.example.net"}},
    {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "closed"},
     "spec": {"podSelector": {"matchLabels": {"app": "x"}}, "policyTypes": ["Egress"]}},
    {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-1", "labels": {"topology.kubernetes.io/region": "kr-central-1"}}},
    {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "hook"},
     "webhooks": [{"name": "a.example.com", "clientConfig": {"url": "https://hook.example.net/x"}, "sideEffects": "None", "admissionReviewVersions": ["v1"],
                   "failurePolicy": "Ignore", "rules": [{"apiGroups": ["none.example.com"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["nones"]}]}]},
    kind("httproutes", "HTTPRoute", "gateway.networking.k8s.io", ["v1beta1", "v1"]),
    kind("rollouts", "Rollout", "argoproj.io", ["v1alpha1"]),
    kind("unknowns", "Unknown", "nobody.example.com", ["v1"]),
]
CUSTOM = [
    {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "route"}, "spec": {"hostnames": ["shop.example.com"]}},
    {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "rolled"}, "spec": {"template": template("registry.example.com/rolled:3")}},
    {"apiVersion": "nobody.example.com/v1", "kind": "Unknown", "metadata": {"name": "x"}, "spec": {}},
]


@pytest.fixture(scope="module")
def filled(cluster):
    """With objects of our own and three well-known charts; `reader`: a token that may do what docs/collect.md says."""
    cluster.create(*OBJECTS)
    cluster.create(*({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"page-{i:04}"}, "data": {"n": f"host-{i}.example.org:{1000 + i}"}}
                     for i in range(MAPS)))
    cluster.kubectl("wait", "--for", "condition=Established", "crd", "--all", "--timeout", "30s")
    cluster.create(*CUSTOM)
    for chart in ("argo-cd-ha", "metallb", "kube-state-metrics"):
        if (CHARTS / f"{chart}.yaml").exists():
            cluster.namespace(chart)
            text = (CHARTS / f"{chart}.yaml").read_text().replace("namespace: metallb-system", f"namespace: {chart}").replace("namespace: kube-system", f"namespace: {chart}")
            documents = [d for d in yaml.safe_load_all(text) if d and d["kind"] not in ("Namespace", "AddressPool")]
            cluster.create(*documents, namespace=chart)
    cluster.reader = cluster.account("reader", documented_role())
    return cluster


def collect(okse, tmp_path, *words, status=0):
    empty = tmp_path / "nothing"
    empty.mkdir(exist_ok=True)
    return okse("collect", "--directory", empty, "--at", AT, "--json", *words, status=status)


def read_from(cluster, facts):
    """What kubectl prints of each list that the facts name, as another account: {address: text}."""
    sources = {source["path"] for source in sources_of(facts) if source["path"].startswith(cluster.url)}
    lists = sorted({source.split("#")[0] for source in sources})
    texts = {}
    for address in lists:
        parts = address.removeprefix(cluster.url).split("/")[2:]
        name = parts[1] if len(parts) == 2 else f"{parts[2]}.{parts[1]}.{parts[0]}"
        texts[address] = cluster.kubectl("get", "-A", "-o", "json", name).stdout
    return texts


def sources_of(node):
    if isinstance(node, dict):
        if "collector" in node and "digest" in node and "path" in node:
            yield node
        node = list(node.values())
    for inner in node if isinstance(node, list) else []:
        yield from sources_of(inner)


def pages(text):
    """As kubectl would have printed two hundred at a time."""
    whole = json.loads(text)
    if len(whole["items"]) <= 200:
        return [text]
    printed = [json.dumps({**whole, "items": whole["items"][at:at + 200]}, indent=4, ensure_ascii=False, sort_keys=True) for at in range(0, len(whole["items"]), 200)]
    return [text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e") + "\n" for text in printed]


def plain(node):
    """Facts without what differs by the name of a file alone."""
    if isinstance(node, dict):
        return {key: plain(value) for key, value in node.items() if key not in ("id", "path") or key == "path" and not isinstance(value, str)}
    return sorted((plain(one) for one in node), key=lambda one: json.dumps(one, sort_keys=True)) if isinstance(node, list) else node


LISTS = ("workloads", "objects", "endpoints", "telemetry", "mentions", "settings", "collectors")


def test_the_facts_are_those_of_an_export_by_kubectl(okse, tmp_path, filled):
    since = filled.lines()
    live = collect(okse, tmp_path, *filled.words(filled.reader)).json
    assert coverage(live, "workloads") == ("complete", None) and coverage(live, "configuration") == ("complete", None)
    export = tmp_path / "export"
    export.mkdir()
    for address, text in read_from(filled, live).items():
        for number, part in enumerate(pages(text)):
            (export / f"{address.removeprefix(filled.url).replace('/', '_')}-{number}.json").write_text(part)
    exported = collect(okse, tmp_path, "--kubernetes-export", export).json
    for name in LISTS:
        assert plain(live[name]) == plain(exported[name]), name
    # what is in them
    found = endpoints(live)
    for host, role in (("db.example.net", "peer"), ("nas.example.net", "remote-fs"), ("nfs.example.net", "remote-fs"), ("hook.example.net", "webhook"),
                       ("shop.example.com", "peer"), ("registry.example.com", "registry"), ("docker.io", "registry")):
        assert any(e[0] == host and e[2] == role for e in found), host
    assert {"api.example.net", "logs.example.org"} <= {e[0] for e in found}
    workloads = {(w["kind"], w["name"]): w["egress"] for w in live["workloads"]}
    assert workloads["Deployment", "served"] == "deny" and workloads["Pod", "alone"] == "none" and ("Rollout", "rolled") in workloads and ("CronJob", "nightly") in workloads
    routes = [o for o in live["objects"] if o["kind"] == "HTTPRoute"]
    assert len(routes) == 1 and routes[0]["api"] == "gateway.networking.k8s.io/v1"  # once, though two versions are served
    assert sum(e["host"].startswith("host-") for e in live["endpoints"] if e["host"]) == MAPS
    check_asked(filled, since)


def check_asked(cluster, since):
    """By the server's own audit log: only get and list, nothing refused, Secrets not asked for, lists by page."""
    asked = [row for row in cluster.asked_by("reader", since)]
    assert len(asked) > 40 and {row["verb"] for row in asked} == {"get", "list"}
    assert {row["responseStatus"]["code"] for row in asked} == {200}
    assert not [row for row in asked if "secrets" in row["requestURI"] or row.get("objectRef", {}).get("resource") == "secrets"]
    assert {row["userAgent"].split("/")[0] for row in asked} == {"okse"}
    listed = [row["requestURI"] for row in asked if row["verb"] == "list"]
    assert all("limit=200" in uri for uri in listed) and sum("/configmaps?" in uri for uri in listed) == 3
    assert not [uri for uri in listed if "nobody.example.com" in uri]


def test_what_is_recorded_is_what_kubectl_prints_byte_for_byte(okse, tmp_path, filled):
    live = collect(okse, tmp_path, *filled.words(filled.reader)).json
    digests = {source["path"]: source["digest"] for source in sources_of(live) if source["path"].startswith("https://")}
    texts = read_from(filled, live)
    compared = [address for address in texts if f"{address}#2" not in digests and "configmaps" not in address]
    assert len(compared) >= 15
    for address in compared:
        assert digests[address] == "sha256:" + hashlib.sha256(texts[address].encode()).hexdigest(), address


def test_no_secret_of_the_cluster_is_in_the_evidence(okse, tmp_path, filled):
    archive = tmp_path / "evidence.tar"
    collect(okse, tmp_path, "-o", archive, *filled.words(filled.reader))
    text = archive.read_bytes()
    for secret in (SECRET, "name-of-a-secret", "hunter2-hunter2", filled.reader.read_text().strip()):
        assert secret.encode() not in text
    with tarfile.open(archive) as tar:
        head = json.load(tar.extractfile("evidence.json"))
        row = next(e for e in head["excerpts"] if e["path"] == f"{filled.url}/apis/apps/v1/deployments")
        printed = filled.kubectl("get", "-A", "-o", "json", "deployments").stdout
        assert row["digest"] == "sha256:" + hashlib.sha256(printed.encode()).hexdigest() and row["size"] == len(printed.encode())
        lines = tar.extractfile(row["member"]).read().decode().splitlines()
        assert any(line.split(": ", 1)[1].startswith('image: nginx:1.27') or "nginx:1.27" in line for line in lines)
        facts = json.load(tar.extractfile("facts.json"))
    assert not [m for m in head["missing"] if m["path"].startswith("https://")]
    # elsewhere, later, without the cluster: the same findings
    (tmp_path / "facts.json").write_text(json.dumps(facts))
    words = ("audit", "--country", "VN", "--at", AT, "--json", "--evidence")
    ours, theirs = (okse(*words, path).json for path in (archive, tmp_path / "facts.json"))
    assert ours["findings"] == theirs["findings"] and ours["findings"]
    okse("evidence", "verify", archive, status=0)


def test_the_same_state_gives_the_same_archive(okse, tmp_path, filled):
    key = tmp_path / "key"
    key.write_bytes(b"k" * 32)
    for name in ("a.tar", "b.tar"):
        collect(okse, tmp_path, "--redaction-key", key, "-o", tmp_path / name, *filled.words(filled.reader))
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_kinds_that_may_not_be_listed_are_named(okse, tmp_path, filled):
    token = filled.account("narrow", without_rule(documented_role(), "nodes", "networkpolicies"))
    facts = collect(okse, tmp_path, *filled.words(token)).json
    status, reason = coverage(facts, "workloads")
    assert status == "partial" and filled.url in reason
    for path in ("/api/v1/nodes", "/apis/networking.k8s.io/v1/networkpolicies"):
        assert f"{path}: access denied (status 403)" in reason
    assert "/pods" not in reason and coverage(facts, "configuration")[0] == "partial"
    assert {w["egress"] for w in facts["workloads"] if w["name"] in ("served", "alone")} == {"unknown"}
    assert {o["kind"] for o in facts["objects"]} >= {"Service", "PersistentVolume"} and "Node" not in {o["kind"] for o in facts["objects"]}
    asked = filled.asked_by("narrow")
    assert {row["verb"] for row in asked} == {"get", "list"} and {row["responseStatus"]["code"] for row in asked} == {200, 403}


def test_an_account_that_may_nothing_has_no_objects_and_says_so(okse, tmp_path, filled):
    token = filled.account("nobody", {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "rules": []})
    facts = collect(okse, tmp_path, *filled.words(token)).json
    assert not facts["workloads"] and not facts["objects"] and coverage(facts, "workloads")[0] == "partial"


def test_who_is_not_let_in(okse, tmp_path, filled):
    wrong = tmp_path / "wrong"
    wrong.write_text(filled.reader.read_text().strip()[:-6] + "AAAAAA\n")
    for token in (("--token-file", wrong), ()):
        done = okse("collect", "-o", tmp_path / "out.json", "--kubernetes-api", filled.url, "--ca-file", filled.authority.ca, *token)
        assert done.status == 1 and "access denied (status 40" in done.err and filled.url in done.err
    # another authority, and the system's
    other = tmp_path / "other.crt"
    shutil.copy(filled.directory / "ca.crt", other)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "k", "-out", other, "-subj", "/CN=x"], check=True, capture_output=True)
    for authority in (("--ca-file", other), ()):
        done = okse("collect", "-o", tmp_path / "out.json", "--kubernetes-api", filled.url, "--token-file", filled.reader, *authority, status=3)
        assert "certificate" in done.err
    assert not (tmp_path / "out.json").exists()


def test_a_kubeconfig_as_kubectl_writes_it(okse, tmp_path, filled):
    config = tmp_path / "config"

    def kubectl(*words):
        subprocess.run([TOOLS / "kubectl", "--kubeconfig", config, "config", *map(str, words)], check=True, capture_output=True, env={"HOME": str(tmp_path)})

    kubectl("set-cluster", "ours", "--server", filled.url, "--certificate-authority", filled.authority.ca, "--embed-certs")
    kubectl("set-credentials", "reader", "--token", filled.reader.read_text())
    kubectl("set-context", "here", "--cluster", "ours", "--user", "reader")
    kubectl("use-context", "here")
    named = collect(okse, tmp_path, *filled.words(filled.reader)).json
    assert collect(okse, tmp_path, "--kubeconfig", config).json == named
    kubectl("set-cluster", "ours", "--certificate-authority", filled.authority.ca)
    assert collect(okse, tmp_path, "--kubeconfig", config).json == named


def test_through_kubectl_proxy_on_this_machine(okse, tmp_path, filled):
    port = free_port()
    proxy = subprocess.Popen([TOOLS / "kubectl", "--server", filled.url, "--certificate-authority", filled.authority.ca, "--token", filled.reader.read_text().strip(),
                              "proxy", "--port", str(port)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={"HOME": str(tmp_path)})
    try:
        assert b"Starting" in proxy.stdout.readline()
        facts = collect(okse, tmp_path, "--kubernetes-api", f"http://127.0.0.1:{port}/").json
    finally:
        proxy.terminate()
        proxy.wait()
    assert {o["name"] for o in facts["objects"]} >= {"outside", "far"} and coverage(facts, "workloads") == ("complete", None)
