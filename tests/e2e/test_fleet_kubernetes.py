"""The DaemonSet and the Job of docs/fleets: valid by others' schema, read by our own collectors, and their commands run as they stand,
with what they are given and no more: files read-only, no network, one capability. No kubelet is at hand."""
import json
import os
import pathlib
import shutil
import subprocess
import tarfile

import pytest
import yaml

from kubernetes import cluster
from test_collect_host import tree
from test_objects import AT, exported, seen_by_another, seen_by_okse

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = ROOT / "docs/fleets/kubernetes/collect.yaml", ROOT / "docs/fleets/kubernetes/audit.yaml"
INSIDE = ("unshare", "setpriv", "ip")
inside = pytest.mark.skipif(os.geteuid() != 0 or not all(map(shutil.which, INSIDE)), reason="needs root and " + ", ".join(INSIDE))


def documents(*files):
    return [document for file in files or FILES for document in yaml.safe_load_all(file.read_text())]


def pod(kind):
    return next(d for d in documents() if d["kind"] == kind)["spec"]["template"]["spec"]


def test_they_are_valid_by_the_schemas_of_kubernetes():
    python = ROOT / "build-tools/venv/bin/python"
    if not python.exists() or subprocess.run([python, "-c", "import kubernetes_validate"], capture_output=True).returncode != 0:
        pytest.skip("kubernetes-validate is not installed")
    script = ("import sys, yaml, kubernetes_validate as k\n"
              "for path in sys.argv[1:]:\n    for d in yaml.safe_load_all(open(path)):\n        k.validate(d, '1.37', strict=True)\n")
    done = subprocess.run([python, "-c", script, *FILES], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_an_api_server_takes_them(cluster):
    cluster.namespace("okse")
    for file in FILES:
        cluster.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", file)


def test_our_own_collectors_read_them(okse, tmp_path):
    facts = exported(okse, tmp_path, *FILES)
    assert seen_by_okse(facts) == seen_by_another(documents())
    assert {w["name"] for w in facts["workloads"]} == {"okse-collect", "okse-audit"}
    assert {c["image"] for w in facts["workloads"] for c in w["containers"]} == {"registry.ministry.example/okse:0.1.0"}


@pytest.mark.parametrize("kind", ["DaemonSet", "Job"])
def test_pods_have_no_more_than_they_need(kind):
    spec = pod(kind)
    assert spec["automountServiceAccountToken"] is False and not any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC"))
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in spec.get("initContainers", []) + spec["containers"]:
        given = container["securityContext"]
        assert given["allowPrivilegeEscalation"] is False and given["privileged"] is False and given["readOnlyRootFilesystem"] is True
        assert given["capabilities"]["drop"] == ["ALL"] and set(given["capabilities"].get("add", [])) <= {"DAC_READ_SEARCH"}
        for mount in container.get("volumeMounts", []):
            volume = next(v for v in spec["volumes"] if v["name"] == mount["name"])
            assert "hostPath" not in volume or mount["readOnly"] is True
    policy = next(d for d in documents() if d["kind"] == "NetworkPolicy")["spec"]
    assert policy == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


class Pod:
    """Run a container's command with what its manifest gives: a root of its own, its mounts, its user and capabilities, no network."""

    def __init__(self, okse, directory, spec, container, volumes):
        self.okse, self.spec, self.container, self.volumes = okse, spec, container, volumes
        self.directory = directory

    def __call__(self, **variables):
        values = {e["name"]: e.get("value", variables.get(e["name"])) for e in self.container["env"]}
        lines = ["set -eu", f"mount -t tmpfs tmpfs {self.directory}", f"cd {self.directory}", "mkdir bin usr lib lib64 proc dev"]
        for name in ("bin", "usr", "lib", "lib64"):
            lines.append(f"[ ! -d /{name} ] || mount --bind /{name} {name}")
        lines += ["mount -t proc proc proc", "touch dev/null dev/urandom", "mount --bind /dev/null dev/null", "mount --bind /dev/urandom dev/urandom"]
        for mount in self.container["volumeMounts"]:
            source = self.volumes[mount["name"]]
            if "subPathExpr" in mount:
                source = source / mount["subPathExpr"].replace("$(RUN)", values["RUN"])
                source.mkdir(exist_ok=True)
                source.chmod(0o755)
            place = "." + mount["mountPath"]
            lines += [f"mkdir -p {place}", f"mount --rbind {source} {place}"]
            if mount.get("readOnly"):
                lines.append(f"mount -o remount,bind,ro {place}")
        lines += [f"cp {self.okse.binary} okse-program", "mkdir path", "mv okse-program path/okse", "mount -o remount,ro ."]
        given = {**self.spec["securityContext"], **self.container["securityContext"]}
        caps = ",".join(["-all", *("+" + name.lower() for name in given["capabilities"].get("add", []))])
        words = [word.replace("$(NODE)", values.get("NODE") or "") for word in self.container["command"]]
        lines.append('exec chroot . /usr/bin/setpriv --no-new-privs --reuid "$USER_ID" --regid "$USER_ID" --clear-groups --bounding-set "$CAPS" '
                     '--inh-caps "$CAPS" -- "$@"')
        return subprocess.run(["unshare", "--mount", "--net", "--pid", "--ipc", "--fork", "--kill-child", "sh", "-c", "\n".join(lines), "sh", *words], text=True,
                              capture_output=True, timeout=60, env={"PATH": "/path:/usr/bin:/bin:/usr/sbin:/sbin", "USER_ID": str(given["runAsUser"]),
                                                                    "CAPS": caps, **{k: v for k, v in values.items() if v}})


def facts(evidence):
    with tarfile.open(evidence) as archive:
        return json.load(archive.extractfile("facts.json"))


def node(directory, number, logs):
    """A node with one file that belongs to somebody else and is closed to others."""
    root = pathlib.Path(tree(directory / f"node{number}", {"etc/os-release": "ID=debian\nPRETTY_NAME=x\n", "etc/hostname": f"node{number}\n",
                                                            "etc/rsyslog.conf": f"*.* @@{logs}:6514\n"}))
    closed = root / "etc/rsyslog.d/50-closed.conf"
    closed.parent.mkdir()
    closed.write_text("*.* @@10.0.0.9:6514\n")
    os.chown(closed, 1234, 1234)
    os.chmod(closed, 0o400)
    return root


@inside
def test_without_its_one_capability_it_says_what_it_cannot_read(okse, tmp_path):
    for name in ("evidence", "pod"):
        (tmp_path / name).mkdir()
    daemon = pod("DaemonSet")
    container = daemon["initContainers"][0]
    del container["securityContext"]["capabilities"]["add"]
    volumes = {"node": node(tmp_path, 1, "logs.ministry.example"), "evidence": tmp_path / "evidence"}
    assert Pod(okse, tmp_path / "pod", daemon, container, volumes)(NODE="node1").returncode == 0
    seen = facts(tmp_path / "evidence/run-1/node1.tar")
    assert {e["host"] for e in seen["endpoints"]} == {"logs.ministry.example"}
    assert any("50-closed.conf" in c["reason"] for c in seen["collectors"] if c["status"] == "partial")


@inside
def test_the_pair_collects_on_each_node_and_audits_all(okse, tmp_path):
    for name in ("evidence", "nodes", "reports", "pod"):
        (tmp_path / name).mkdir()
    tmp_path.chmod(0o755)
    os.chown(tmp_path / "reports", 65532, 65532)
    daemon, job = pod("DaemonSet"), pod("Job")
    for number, logs in ((1, "logs.ministry.example"), (2, "logs.us-east-1.amazonaws.com")):
        root = node(tmp_path, number, logs)
        before = sorted((str(p), p.lstat().st_mtime_ns, p.lstat().st_ctime_ns) for p in root.rglob("*"))
        done = Pod(okse, tmp_path / "pod", daemon, daemon["initContainers"][0], {"node": root, "evidence": tmp_path / "evidence"})(NODE=f"node{number}")
        assert done.returncode == 0, done
        assert before == sorted((str(p), p.lstat().st_mtime_ns, p.lstat().st_ctime_ns) for p in root.rglob("*"))
        assert {(e["host"], e["role"]) for e in facts(tmp_path / f"evidence/run-1/node{number}.tar")["endpoints"]} == {(logs, "logs"), ("10.0.0.9", "logs")}
    (tmp_path / "nodes/names").write_text("node1\nnode2\nnode3")  # the last line counts, ended or not
    done = Pod(okse, tmp_path / "pod", job, job["containers"][0], {name: tmp_path / name for name in ("evidence", "nodes", "reports")})()
    fleet = json.loads((tmp_path / "reports/fleet.json").read_text())
    targets = {t["name"]: t for t in fleet["targets"]}
    assert set(targets) == {"node1", "node2", "node3"} and "No such file" in targets["node3"]["error"], done
    assert done.returncode == 1 and fleet["summary"]["unread"] == 1
    failing = {name: {f["control"] for f in fleet["findings"] if name in f["targets"].get("fail", [])} for name in ("node1", "node2")}
    assert "logs.destinations" in failing["node2"] and "logs.destinations" not in failing["node1"]
    assert "node2" in (tmp_path / "reports/fleet.html").read_text()
