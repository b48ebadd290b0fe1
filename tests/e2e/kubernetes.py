"""A real API server of Kubernetes on loopback, with etcd behind it: scripts/deps kubernetes builds both, and kubectl."""
import json
import os
import pathlib
import re
import subprocess
import time

import pytest
import yaml

from servers import Authority, free_port
from signing import openssl

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = pathlib.Path(os.environ.get("OKSE_TOOLS", ROOT / "build-tools")) / "kubernetes"
CHARTS = ROOT / "build-tools/charts"
POLICY = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata", "omitStages": ["RequestReceived"]}]}


class Cluster:
    """Nobody but us writes to it: no controller, no kubelet. `admin` may do everything."""

    def __init__(self, directory):
        self.directory, self.port, self.processes = directory, free_port(), []
        self.url, self.authority, self.log = f"https://127.0.0.1:{self.port}", Authority(directory), directory / "audit.log"

    def start(self, program, *words):
        with open(self.directory / f"{program}.log", "wb") as log:
            self.processes.append(subprocess.Popen([TOOLS / program, *map(str, words)], cwd=self.directory, stdout=log, stderr=log))

    def __enter__(self):
        openssl("genrsa", "-out", self.directory / "accounts.key", "2048")
        (self.directory / "admin.csv").write_text('admin-of-the-test,admin,1,"system:masters"\n')
        (self.directory / "policy.json").write_text(json.dumps(POLICY))
        peer, client = free_port(), free_port()
        self.start("etcd", "--data-dir", "etcd", "--listen-client-urls", f"http://127.0.0.1:{client}", "--advertise-client-urls",
                   f"http://127.0.0.1:{client}", "--listen-peer-urls", f"http://127.0.0.1:{peer}", "--unsafe-no-fsync")
        self.start("kube-apiserver", "--etcd-servers", f"http://127.0.0.1:{client}", "--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1",
                   "--secure-port", self.port, "--tls-cert-file", self.authority.certificate, "--tls-private-key-file", self.authority.key,
                   "--service-account-issuer", "https://kubernetes.default.svc", "--service-account-key-file", "accounts.key",
                   "--service-account-signing-key-file", "accounts.key", "--service-cluster-ip-range", "10.96.0.0/16", "--authorization-mode", "RBAC",
                   "--token-auth-file", "admin.csv", "--disable-admission-plugins", "ServiceAccount", "--audit-policy-file", "policy.json",
                   "--audit-log-path", self.log, "--endpoint-reconciler-type", "none", "--cert-dir", "certificates")
        for _ in range(600):
            if self.kubectl("get", "--raw", "/readyz", check=False).returncode == 0:
                return self
            assert all(process.poll() is None for process in self.processes), (self.directory / "kube-apiserver.log").read_text()[-3000:]
            time.sleep(0.2)
        raise AssertionError("the API server does not become ready")

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def kubectl(self, *words, stdin=None, check=True):
        done = subprocess.run([TOOLS / "kubectl", "--server", self.url, "--certificate-authority", self.authority.ca, "--token", "admin-of-the-test",
                               "--cache-dir", self.directory / "cache", *map(str, words)], input=stdin, capture_output=True, text=True,
                              env={"PATH": os.environ["PATH"], "HOME": str(self.directory)})
        assert not check or done.returncode == 0, done.stderr
        return done

    def create(self, *documents, namespace="default"):
        self.kubectl("create", "-n", namespace, "-f", "-", stdin=yaml.safe_dump_all(documents))

    def namespace(self, name):
        self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def account(self, name, role):
        """A service account with a cluster role of these rules. Returns the file with its token."""
        self.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}},
                    {**role, "metadata": {"name": name}},
                    {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": name},
                     "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
                     "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}]})
        path = self.directory / f"{name}.token"
        path.write_text(self.kubectl("create", "token", name, "--duration", "1h").stdout)
        return path

    def words(self, token):
        return "--kubernetes-api", self.url, "--token-file", token, "--ca-file", self.authority.ca

    def asked_by(self, name, since=0):
        """What the server's own audit log says of an account, from its line `since` on."""
        time.sleep(0.3)
        rows = [json.loads(line) for line in self.log.read_text().splitlines()[since:]]
        return [row for row in rows if row["user"]["username"] == f"system:serviceaccount:default:{name}"]

    def lines(self):
        time.sleep(0.3)
        return len(self.log.read_text().splitlines())


def documented_role():
    """The ClusterRole that docs/collect.md tells people to make."""
    text = (ROOT / "docs/collect.md").read_text()
    return next(document for block in re.findall(r"```yaml\n(.*?)```", text, re.S) for document in yaml.safe_load_all(block)
                if document["kind"] == "ClusterRole")


def without_rule(role, *resources):
    """A role that may not list these."""
    rules = [{**rule, "resources": [r for r in rule["resources"] if r not in resources]} for rule in role["rules"]]
    return {**role, "rules": [rule for rule in rules if rule["resources"]]}


def is_built():
    return all((TOOLS / name).exists() for name in ("etcd", "kube-apiserver", "kubectl"))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    if not is_built():
        pytest.skip(f"no API server in {TOOLS.name} of the build tools (scripts/deps kubernetes, ten minutes)")
    with Cluster(tmp_path_factory.mktemp("cluster")) as made:
        yield made
