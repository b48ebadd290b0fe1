"""What network policies leave to pods. Expected after kubernetes.io, "Network Policies": isolation once a policy for egress
selects a pod, the union of what the policies allow, ipBlock with except."""
import pytest

STACK = """okse: stack/v1
name: assistant
version: 1.0.0
sequence: 1
vendor: {name: Example AI Lab, country: KR, contact: security@example.org}
components:
  - {name: serving, kind: infra, source: {path: infra}}
compliance: {data_classes: [financial], sector: finance, purpose: Tests}
"""
SITE = """okse: site/v1
name: Test
country: KR
networks:
  - {cidr: 1.0.0.0/8, country: KR}
  - {cidr: 8.0.0.0/8, country: US}
"""
WEB = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {template: {metadata: {labels: {app: web}}}}
"""
DENY = """apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
"""


def allow(block, more=""):
    return f"""apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: out, namespace: shop}}
spec:
  podSelector: {{matchLabels: {{app: web}}}}
  policyTypes: [Egress]
  egress:
  - to: [{{ipBlock: {{{block}}}}}, {{namespaceSelector: {{}}}}]
{more}"""


CASES = [
    ("default deny", [WEB, DENY], "pass", 0),
    ("no policy", [WEB], "fail", 1),
    ("only incoming traffic is isolated", [WEB, DENY.replace(", Egress", "")], "fail", 1),
    ("a policy of another namespace", [WEB, DENY.replace("namespace: shop", "namespace: other")], "fail", 1),
    ("a block inside the country", [WEB, DENY, allow("cidr: 1.2.0.0/16")], "pass", 0),
    ("a block abroad", [WEB, DENY, allow("cidr: 8.8.0.0/16")], "fail", 1),
    ("a block abroad but for what is abroad", [WEB, allow("cidr: 8.8.0.0/16, except: [8.8.0.0/16]")], "pass", 0),
    ("a private block", [WEB, allow("cidr: 10.0.0.0/8")], "pass", 0),
    ("a policy without workloads", [allow("cidr: 8.8.8.8/32")], "fail", 1),
    ("a named port", [WEB, allow("cidr: 8.8.8.8/32", "    ports: [{port: https}]")], "inconclusive", 0),
    ("a policy of Cilium", [WEB, DENY, DENY.replace("networking.k8s.io/v1", "cilium.io/v2").replace("kind: Net", "kind: CiliumNet")],
     "inconclusive", 0),
    ("a pod on the host's network", [WEB.replace("labels: {app: web}}", "labels: {app: web}}, spec: {hostNetwork: true}"), DENY],
     "inconclusive", 0),
    ("no Kubernetes at all", ["a: 1\n"], "not-applicable", 0),
]


@pytest.mark.parametrize("objects, status, violations", [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_pods(okse, tmp_path, objects, status, violations):
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "policies.yaml").write_text("---\n".join(objects))
    (tmp_path / "stack.yaml").write_text(STACK)
    (tmp_path / "site.yaml").write_text(SITE)
    okse("build", "stack.yaml", "--country", "KR", "-o", "x.okse", status=0)
    findings = okse("audit", "--bundle", "x.okse", "--country", "KR", "--site", "site.yaml", "--json").json["findings"]
    finding, = [one for one in findings if one["control"] == "egress.pods" and one["jurisdiction"] == "KR"]
    assert finding["status"] == status and finding["violations"] == violations, finding
    if violations and len(objects) > 1 or status == "inconclusive":
        assert any(one["file"] == "serving/policies.yaml" and one["line"] for one in finding["evidence"]), finding["evidence"]


def test_a_template_that_is_no_yaml_is_named(okse, tmp_path):
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "policies.yaml").write_text("{{ if .Values.x }}\nkind: NetworkPolicy\n  - {{ .y }}\n: [\n")
    (tmp_path / "stack.yaml").write_text(STACK)
    okse("build", "stack.yaml", "--country", "KR", "-o", "x.okse", status=0)
    said = okse("audit", "--bundle", "x.okse", "--country", "KR", "--json").json
    collector, = [one for one in said["collectors"] if one["collector"] == "network-policies"]
    assert collector["status"] == "partial" and "serving/policies.yaml" in collector["reason"]
