"""Structured files of a target: Kubernetes objects, Compose files, containers, Terraform. What is expected comes from another reader
(PyYAML) or is what the files of tests/lab say in the words of the software's documentation."""
import json
import pathlib
import re

import pytest
import yaml
from test_collect_host import tree

ROOT = pathlib.Path(__file__).resolve().parents[2]
LAB = ROOT / "tests/lab"
CHARTS = ROOT / "build-tools/charts"
AT = "2026-11-23"


def collect(okse, sysroot, *words, status=0):
    return okse("collect", "--scope", "host", "--sysroot", sysroot, "--at", AT, "--json", *words, status=status).json


def exported(okse, tmp_path, *paths):
    empty = tmp_path / "empty"
    empty.mkdir(exist_ok=True)
    return collect(okse, empty, *[word for path in paths for word in ("--kubernetes-export", path)])


def coverage(facts, name):
    return next((c["status"], c["reason"]) for c in facts["collectors"] if c["collector"] == name)


def endpoints(facts):
    return {(e["host"], e["port"], e["role"], e["state"]) for e in facts["endpoints"]}


# What an independent reader sees of an object, wherever its pods stand.

def pods(node):
    if isinstance(node, dict):
        if isinstance(node.get("containers"), list) and node["containers"] and isinstance(node["containers"][0], dict):
            yield node
            return
        node = list(node.values())
    for inner in node if isinstance(node, list) else []:
        yield from pods(inner)


def listed(documents):
    for document in documents:
        if document and document["kind"].endswith("List"):
            yield from document["items"]
        elif document:
            yield document


def seen_by_another(documents):
    images, variables, mounts, volumes, others = set(), set(), set(), set(), set()
    for item in listed(documents):
        others.add((item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]))
        if item["kind"] in ("CustomResourceDefinition", "ConfigMap", "Secret"):
            continue
        for pod in pods(item):
            for container in [c for key in ("initContainers", "containers", "ephemeralContainers") for c in pod.get(key) or []]:
                images.add(container.get("image"))
                variables |= {(container["name"], v["name"], v.get("value") if "valueFrom" not in v else None) for v in container.get("env") or []}
                mounts |= {(container["name"], m["name"], m["mountPath"]) for m in container.get("volumeMounts") or []}
            volumes |= {(v["name"], next((k for k in v if k != "name"), "emptyDir")) for v in pod.get("volumes") or []}
    return images, variables, mounts, volumes, others


def seen_by_okse(facts):
    containers = [c for w in facts["workloads"] for c in w["containers"]]
    return ({c["image"] for c in containers}, {(c["name"], v["name"], v["value"]) for c in containers for v in c["env"]},
            {(c["name"], m["from"], m["to"]) for c in containers for m in c["mounts"]},
            {(v["name"], v["type"]) for w in facts["workloads"] for v in w["volumes"]},
            {(o["kind"], o["namespace"], o["name"]) for o in facts["objects"]})


def values(facts, kind, path):
    return sorted((o["name"], json.dumps(v["value"], sort_keys=True)) for o in facts["objects"] if o["kind"] == kind
                  for v in o["values"] if v["path"] == path)


def check_variables(ours, theirs):
    """Every variable with its value, but for what has the name of a secret; what comes from a ConfigMap has its value with us."""
    assert {v[:2] for v in theirs} <= {v[:2] for v in ours}
    told = {}
    for container, name, value in ours:
        told.setdefault((container, name), set()).add(value)
    wrong = [v for v in theirs if v[2] is not None and not {v[2], "***"} & told[v[:2]]]
    secret = re.compile("secret|password|token|key|auth", re.I), re.compile("^[0-9a-f]{40}$")  # a name, or what looks random
    masked = [v for v in theirs if "***" in told[v[:2]] and not secret[0].search(v[1]) and not secret[1].search(v[2] or "")]
    assert not wrong and not masked


def check_whole(facts, documents):
    ours, theirs = seen_by_okse(facts), seen_by_another(documents)
    assert ours[0] == {image for image in theirs[0] if image} and ours[2:] == theirs[2:]
    check_variables(ours[1], theirs[1])
    services = [d for d in listed(documents) if d["kind"] == "Service"]
    assert values(facts, "Service", "spec/ports/[]") == sorted((s["metadata"]["name"], json.dumps(p, sort_keys=True))
                                                             for s in services for p in s["spec"].get("ports") or [])
    policies = [d for d in listed(documents) if d["kind"] == "NetworkPolicy"]
    assert values(facts, "NetworkPolicy", "spec/egress/[]") == sorted((p["metadata"]["name"], json.dumps(e, sort_keys=True))
                                                                     for p in policies for e in p["spec"].get("egress") or [])
    assert coverage(facts, "workloads") == ("complete", None)


@pytest.mark.parametrize("name", ["argo-cd-ha", "metallb", "kube-state-metrics"])
def test_the_rendered_yaml_of_well_known_charts_is_read_completely(okse, tmp_path, name):
    chart = CHARTS / f"{name}.yaml"
    if not chart.exists():
        pytest.skip("charts come from Go modules (scripts/deps); there is no Go here")
    documents = list(yaml.load_all(chart.read_text(), yaml.CSafeLoader))
    facts = exported(okse, tmp_path, chart)
    assert len(seen_by_another(documents)[0]) > 0
    check_whole(facts, documents)
    lines = chart.read_text().splitlines()
    images = [(s["line"], e["host"]) for e in facts["endpoints"] if e["role"] == "registry" for s in e["sources"]]
    assert images and all(host in lines[line - 1] for line, host in images)


def cluster():
    """As kubectl get -A -o json prints it: one List, indented, defaults filled in."""
    documents = [d for path in sorted((LAB / "kubernetes-manifests/root/opt/cluster/k8s").iterdir()) for d in yaml.safe_load_all(path.read_text())]
    documents.append({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1", "labels": {"topology.kubernetes.io/region": "ap-northeast-2"}},
                      "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.4"}]}})
    documents.append({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys", "namespace": "chat"}, "type": "Opaque",
                      "data": {"api": "c2VjcmV0LXZhbHVlLXBsYW50ZWQ="}})
    for document in documents:
        document["metadata"].setdefault("uid", "5b1f")
    return {"apiVersion": "v1", "kind": "List", "items": documents, "metadata": {"resourceVersion": ""}}


def test_an_export_of_a_cluster_is_read_completely(okse, tmp_path):
    export = tmp_path / "all.json"
    export.write_text(json.dumps(cluster(), indent=4))
    facts = exported(okse, tmp_path, export)
    documents = [d for d in cluster()["items"]]
    # what is taken from a ConfigMap has its value in our facts
    ours, theirs = seen_by_okse(facts), seen_by_another(documents)
    assert ours[0] == theirs[0] and ours[2:] == theirs[2:]
    check_variables(ours[1], theirs[1])
    assert ("server", "VLLM_NO_USAGE_STATS", "1") in ours[1] and ("server", "API_KEY", None) in ours[1]
    assert coverage(facts, "workloads") == ("complete", None)
    assert "c2VjcmV0LXZhbHVl" not in json.dumps(facts)


@pytest.mark.parametrize("form", ["json", "one line", "yaml list", "documents", "directory"])
def test_every_form_of_an_export_says_the_same(okse, tmp_path, form):
    text = {"json": json.dumps(cluster(), indent=4), "one line": json.dumps(cluster()), "yaml list": yaml.safe_dump(cluster()),
            "documents": yaml.safe_dump_all(cluster()["items"])}
    whole = tmp_path / "whole.json"
    whole.write_text(text["json"])
    other = tmp_path / "other"
    if form == "directory":
        other.mkdir()
        for number, item in enumerate(cluster()["items"]):
            (other / f"{number}.json").write_text(json.dumps(item))
    else:
        other = tmp_path / ("other.yaml" if form in ("yaml list", "documents") else "other.json")
        other.write_text(text[form])
    first, second = exported(okse, tmp_path, whole), exported(okse, tmp_path, other)
    assert seen_by_okse(first) == seen_by_okse(second) and endpoints(first) == endpoints(second)
    assert [(w["name"], w["egress"]) for w in sorted(first["workloads"], key=lambda w: w["name"])] == \
        [(w["name"], w["egress"]) for w in sorted(second["workloads"], key=lambda w: w["name"])]


def policy(egress, selector=None, types=("Egress",)):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "p"},
            "spec": {"podSelector": selector or {}, "policyTypes": list(types), **({} if egress is None else {"egress": egress})}}


def expression(operator, *values):
    return {"matchExpressions": [{"key": "app", "operator": operator, **({"values": list(values)} if values else {})}]}


POLICIES = [
    ([], "none"),
    ([policy(None)], "deny"),
    ([policy([])], "deny"),
    ([policy(None, types=("Ingress",))], "none"),
    ([policy([{"to": [{"podSelector": {}}]}])], "limited"),
    ([policy([{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}])], "limited"),
    ([policy([{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}])], "allow"),
    ([policy([{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}, {"ipBlock": {"cidr": "198.18.0.0/7"}}]}])], "allow"),
    ([policy([{}])], "allow"),
    ([policy([{"ports": [{"port": 53}]}])], "allow"),
    ([policy(None), policy([{}])], "allow"),
    ([policy(None, {"matchLabels": {"app": "other"}})], "none"),
    ([policy(None, {"matchLabels": {"app": "x"}})], "deny"),
    ([policy(None, expression("In", "x", "y"))], "deny"),
    ([policy(None, expression("In", "y"))], "none"),
    ([policy(None, expression("NotIn", "x"))], "none"),
    ([policy(None, expression("NotIn", "y"))], "deny"),
    ([policy(None, expression("Exists"))], "deny"),
    ([policy(None, expression("DoesNotExist"))], "none"),
    ([{"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy", "metadata": {"name": "c"}, "spec": {"egress": []}}], "unknown"),
]


@pytest.mark.parametrize("host_network", [False, True])
def test_what_network_policies_let_out(okse, tmp_path, host_network):
    """kubernetes.io, "Network Policies": a pod that no policy selects for egress may reach everything; policies add up; a pod on the
    node's network is bound by none. One namespace a case."""
    documents = []
    for number, (policies, _) in enumerate(POLICIES):
        documents += [{**one, "metadata": {**one["metadata"], "namespace": f"n{number}"}} for one in policies]
        documents.append({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "namespace": f"n{number}", "labels": {"app": "x"}},
                          "spec": {"hostNetwork": host_network, "containers": [{"name": "c", "image": "registry.example/c:1"}]}})
    export = tmp_path / "a.yaml"
    export.write_text(yaml.safe_dump_all(documents))
    told = {w["namespace"]: w["egress"] for w in exported(okse, tmp_path, export)["workloads"]}
    assert told == {f"n{number}": "none" if host_network else egress for number, (_, egress) in enumerate(POLICIES)}


def test_an_export_that_is_not_there(okse, tmp_path):
    done = okse("collect", "--sysroot", tmp_path, "--kubernetes-export", tmp_path / "none.json", status=3)
    assert "none.json" in done.err


@pytest.mark.parametrize("text, why", [
    ("apiVersion: v1\nkind: Pod\nspec: [\n", "a.yaml:"),
    ("apiVersion: v1\nkind: List\nitems: [{a: 1}]\n", "no object"),
    ("apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Release.Name }}\n", "not rendered"),
    ("{{- if .Values.on }}\napiVersion: v1\nkind: Pod\n{{- end }}\n", "not rendered"),
])
def test_what_cannot_be_read_is_partial_and_named(okse, tmp_path, text, why):
    export = tmp_path / "a.yaml"
    export.write_text(text)
    status, reason = coverage(exported(okse, tmp_path, export), "workloads")
    assert status == "partial" and why in reason and "a.yaml" in reason


def test_json_with_pairs_of_surrogates_is_read_by_the_other_reader(okse, tmp_path):
    export = tmp_path / "a.json"
    export.write_text('{"apiVersion":"v1","kind":"Pod","metadata":{"name":"\\ud83d\\ude00"},"spec":{"containers":[{"name":"c","image":"registry.example/c:1"}]}}')
    facts = exported(okse, tmp_path, export)
    assert [w["name"] for w in facts["workloads"]] == ["\U0001f600"]
    assert ("registry.example", None, "registry", "configured") in endpoints(facts)


def printed(*items):
    """As kubectl prints a list."""
    return json.dumps({"apiVersion": "v1", "items": items, "kind": "List"}, indent=4, sort_keys=True, ensure_ascii=False)


@pytest.mark.parametrize("text", ["\x7f", "\x85", "\x9b[31m", "\u2028", "\u2029", "\ufeff", "\uffff", "\x7f \U0001f600"])
def test_json_with_characters_that_yaml_has_no_place_for_keeps_its_lines(okse, tmp_path, text):
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "annotations": {"a": text}}, "spec": {"containers": [{"name": "c", "image": "registry.example/c:1"}]}}
    export = tmp_path / "a.json"
    export.write_text(printed(pod))
    facts = exported(okse, tmp_path, export)
    assert coverage(facts, "workloads") == ("complete", None)
    line = next(n for n, one in enumerate(export.read_text().split("\n"), 1) if "registry.example" in one)
    assert [s["line"] for e in facts["endpoints"] if e["host"] == "registry.example" for s in e["sources"]] == [line]


@pytest.mark.parametrize("whole", [True, False])
def test_a_long_text_inside_an_object_is_read_line_by_line(okse, tmp_path, whole):
    text = "".join(f"# line {n} of a long file of configuration\n" for n in range(400)) + "server = last.example.org:6514\n" + ("" if whole else "x" * 9000)
    given = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"a.conf": text}}
    applied = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(given)}
    export = tmp_path / "a.json"
    export.write_text(printed({**given, "metadata": {"name": "m", "annotations": applied}}))
    facts = exported(okse, tmp_path, export)
    assert ("last.example.org", 6514) in {e[:2] for e in endpoints(facts)}
    assert coverage(facts, "configuration")[0] == ("complete" if whole else "partial")


def test_the_schema_of_a_custom_kind_describes_and_is_not_reached(okse, tmp_path):
    export = tmp_path / "a.yaml"
    export.write_text(yaml.safe_dump({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "a"},
                                      "spec": {"conversion": {"webhook": {"clientConfig": {"url": "https://hook.example/x"}}},
                                               "versions": [{"name": "v1", "schema": {"x": {"description": "see https://docs.example/"}}}]}}))
    facts = exported(okse, tmp_path, export)
    assert endpoints(facts) == {("hook.example", 443, "webhook", "configured")}
    assert [(m["host"], m["noise"]) for m in facts["mentions"]] == [("docs.example", "documentation")]


def test_secrets_in_objects_are_masked(okse, tmp_path):
    export = tmp_path / "a.yaml"
    export.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [
        {"name": "c", "image": "r.example/c:1", "env": [{"name": "DB_PASSWORD", "value": "horse-battery"}, {"name": "URL", "value": "https://u:staple-1@h.example/?k=quer1"}],
         "args": ["--api-key", "arg-secret-1", "--token=arg-secret-2"]}]}}))
    text = json.dumps(exported(okse, tmp_path, export))
    assert [word for word in ("horse-battery", "staple-1", "quer1", "arg-secret-1", "arg-secret-2") if word in text] == []


PLAN = {"format_version": "1.2", "terraform_version": "1.7.5",
        "planned_values": {"root_module": {"resources": [{"type": "aws_db_instance", "name": "a", "provider_name": "registry.terraform.io/hashicorp/aws",
                                                          "values": {"identifier": "a"}}],
                                           "child_modules": [{"address": "module.m", "resources": [
                                               {"type": "google_compute_instance", "name": "b", "values": {"zone": "us-central1-a"}},
                                               {"type": "azurerm_container_registry", "name": "c", "values": {
                                                   "location": "koreacentral", "georeplications": [{"location": "japaneast"}]}}]}]}},
        "configuration": {"provider_config": {"aws": {"expressions": {"region": {"constant_value": "eu-west-1"}}}}}}


def test_a_plan_of_terraform(okse, tmp_path):
    place = tmp_path / "sys/opt/x"
    place.mkdir(parents=True)
    (place / "plan.tfstate").write_text(json.dumps(PLAN))
    (place / "main.tf").write_text('provider "aws" {\n  region = "eu-west-1"\n}\n')
    facts = collect(okse, tmp_path / "sys")
    assert {(r["type"], r["module"], r["region"], r["country"], tuple(c["country"] for c in r["replicates_to"])) for r in facts["resources"]} == {
        ("aws_db_instance", None, "eu-west-1", "IE", ()), ("google_compute_instance", "module.m", "us-central1", "US", ()),
        ("azurerm_container_registry", "module.m", "koreacentral", "KR", ("JP",))}
    status, reason = coverage(facts, "resources")
    assert status == "partial" and "*.tf" in reason


SCENARIOS = ["compose-tgi", "compose-vllm", "containerd-registries", "docker-containers", "docker-daemon", "gradio-venv", "grafana-loki", "helm-template",
             "kubernetes-manifests", "langfuse", "oci-runtime", "ollama-unit", "open-webui", "qdrant-weaviate", "quadlet", "terraform-state", "triton-s3", "vllm-unit"]


def has(fact, members):
    return all(has(fact.get(key) or {}, value) if isinstance(value, dict) else fact.get(key) == value for key, value in members.items())


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_of_the_laboratory(okse, name):
    """tests/lab/NAME: all its endpoints with place and role and no other, and the facts that its documentation implies."""
    expected = yaml.safe_load((LAB / name / "expected.yaml").read_text())
    facts = collect(okse, LAB / name / "root")
    found = {(e["host"], e["port"], e["role"], e["state"], s["path"], s["line"]) for e in facts["endpoints"] for s in e["sources"]}
    wanted = {tuple(row.get(key) for key in ("host", "port", "role", "state", "path", "line")) for row in expected["endpoints"]}
    assert expected["about"] and found == wanted
    assert [row for kind, rows in (expected.get("facts") or {}).items() for row in rows if not any(has(fact, row) for fact in facts[kind])] == []
    assert {key: coverage(facts, key)[0] for key in expected.get("collectors") or {}} == (expected.get("collectors") or {})


def test_two_runs_are_the_same_bytes(okse):
    words = ("collect", "--scope", "host", "--sysroot", LAB / "kubernetes-manifests/root", "--at", AT, "--json")
    assert okse(*words, status=0).out == okse(*words, status=0).out


def test_the_facts_are_what_the_schema_says(okse, tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((ROOT / "manifests/schemas/facts.schema.json").read_text())
    for name in ("kubernetes-manifests", "terraform-state", "gradio-venv", "grafana-loki", "docker-containers"):
        facts = collect(okse, LAB / name / "root")
        jsonschema.Draft202012Validator(schema).validate(facts)
        assert facts["workloads"] or facts["resources"] or facts["telemetry"]


UNIT = "[Service]\nExecStart=/usr/bin/vllm serve /models/a\nEnvironment=A=1 B=2\nEnvironmentFile=/etc/vllm.env\n"


@pytest.mark.parametrize("dropin, command, variables", [
    ("[Service]\nExecStart=\nExecStart=/usr/bin/vllm serve /models/b --port 9\n", ["/usr/bin/vllm", "serve", "/models/b", "--port", "9"], {"A": "1", "B": "2"}),
    ("[Service]\nEnvironment=\nEnvironment=C=3\nEnvironmentFile=\n", ["/usr/bin/vllm", "serve", "/models/a"], {"C": "3"}),
    ("[Service]\nEnvironment=B=4\n", ["/usr/bin/vllm", "serve", "/models/a"], {"A": "1", "B": "4"})])
def test_an_empty_assignment_takes_back_those_before_it(okse, tmp_path, dropin, command, variables):
    """systemd.service(5): 'If the empty string is assigned to this option, the list of commands to start is reset'."""
    root = tree(tmp_path / "root", {"etc/systemd/system/vllm.service": UNIT, "etc/systemd/system/vllm.service.d/site.conf": dropin})
    facts = okse("collect", "--scope", "host", "--sysroot", root, "--json", status=0).json
    (unit,) = [one for one in facts["workloads"] if one["name"] == "vllm.service"]
    (container,) = unit["containers"]
    assert container["command"] == command and "resets" not in container
    assert {one["name"]: one["value"] for one in container["env"]} == variables
    assert container["env_whole"] == ("EnvironmentFile=" in dropin)


QUADLET = "[Container]\nImage=quay.io/example/qdrant/qdrant:v1\n"


@pytest.mark.parametrize("networks, files, egress", [
    (["inside.network"], {"inside.network": "[Network]\nInternal=true\n"}, "deny"),
    (["inside.network:ip=10.89.0.5", "other.network"], {"inside.network": "[Network]\nInternal=yes\n", "other.network": "[Network]\nInternal=true\n"}, "deny"),
    (["inside.network", "outside.network"], {"inside.network": "[Network]\nInternal=true\n", "outside.network": "[Network]\nSubnet=10.8.0.0/16\n"}, "none"),
    (["inside.network", "podman"], {"inside.network": "[Network]\nInternal=true\n"}, "none"),
    (["inside.network"], {"inside.network": "[Network]\nInternal=true\nInternal=false\n"}, "none"),
    (["inside.network"], {}, "none"),
    (["inside.network"], {"inside.network": "[Network]\nSubnet=10.8.0.0/16\n", "inside.network.d/a.conf": "[Network]\nInternal=1\n"}, "deny")])
def test_a_quadlet_whose_networks_lead_nowhere(okse, tmp_path, networks, files, egress):
    unit = QUADLET + "".join(f"Network={one}\n" for one in networks)
    root = tree(tmp_path / "root", {"etc/containers/systemd/q.container": unit, **{"etc/containers/systemd/" + name: text for name, text in files.items()}})
    facts = okse("collect", "--scope", "host", "--sysroot", root, "--json", status=0).json
    assert [(one["name"], one["egress"]) for one in facts["workloads"]] == [("q.container", egress)]
