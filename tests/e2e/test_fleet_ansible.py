"""The Ansible role and playbook of docs/fleets, run as documented over SSH to eight hosts: each a set of namespaces of its own (network,
mounts, processes, host name) with its own sshd, on a bridge with the controller. They end with the test."""
import json
import os
import pathlib
import shutil
import subprocess
import time

import pytest

import conftest
import install_bundle as ib

RECIPE = pathlib.Path(__file__).resolve().parents[2] / "docs/fleets/ansible"
TOOLS = ("ansible-playbook", "/usr/sbin/sshd", "ssh", "ssh-keygen", "unshare", "nsenter", "ip")
pytestmark = [pytest.mark.skipif(os.geteuid() != 0 or not all(map(shutil.which, TOOLS)), reason="needs root and " + ", ".join(TOOLS)),
              pytest.mark.skipif("ASAN_OPTIONS" in os.environ, reason="what runs there is what other tests run under sanitizers")]
HOSTS = [f"gpu{n}" for n in range(1, 9)]
SILENT = "gpu9"  # in the inventory, and nobody is there
ABROAD = {"gpu3": "# logs\n*.* @@logs.us-east-1.amazonaws.com:6514\n"}
UNSHARE = ["unshare", "--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc"]
HOST = """\
set -eu
hostname {name}
mount -t tmpfs tmpfs /run
mkdir /run/sshd /run/etc /run/etc/up /run/etc/work
mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/etc/up,workdir=/run/etc/work /etc
mount --bind {directory}/srv /srv
echo {name} > /etc/hostname
sed -i 's/^root:[^:]*:/root:*:/' /etc/shadow
mkdir -p /etc/rsyslog.d
[ ! -e {directory}/logs.conf ] || cp {directory}/logs.conf /etc/rsyslog.d/50-logs.conf
exec /usr/sbin/sshd -D -e -f {directory}/sshd_config
"""
SSHD = """\
HostKey {directory}/hostkey
AuthorizedKeysFile {lab}/key.pub
PidFile none
UsePAM no
PasswordAuthentication no
StrictModes no
Subsystem sftp internal-sftp
"""


class Lab:
    def __init__(self, directory):
        self.directory, self.running = directory, []
        directory.chmod(0o755)
        self.keygen(directory / "key")
        try:
            self.controller = self.start(["sleep", "300"], "controller")
            self.ip(self.controller, "link add br0 type bridge", "address add 10.99.0.1/24 dev br0", "link set br0 up", "link set lo up")
            known = [self.host(number, name) for number, name in enumerate(HOSTS, 11)]
            (directory / "known_hosts").write_text("".join(known))
        except BaseException:
            self.close()
            raise

    def close(self):
        for process in self.running:
            process.kill()
        for process in self.running:
            process.wait()

    @staticmethod
    def keygen(path):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)

    def start(self, words, name):
        """Returns the number of the first process inside."""
        log = open(self.directory / f"{name}.log", "w")
        process = subprocess.Popen([*UNSHARE, *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.running.append(process)
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
        end = time.monotonic() + 10
        while not (found := children.read_text().split()):
            assert time.monotonic() < end and process.poll() is None, (self.directory / f"{name}.log").read_text()
            time.sleep(0.01)
        return found[0]

    @staticmethod
    def ip(inside, *lines):
        subprocess.run(["nsenter", "-t", inside, "--net", "ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True, check=True,
                       capture_output=True)

    def host(self, number, name):
        directory = self.directory / name
        (directory / "srv").mkdir(parents=True)
        self.keygen(directory / "hostkey")
        (directory / "sshd_config").write_text(SSHD.format(directory=directory, lab=self.directory))
        if name in ABROAD:
            (directory / "logs.conf").write_text(ABROAD[name])
        inside = self.start(["sh", "-c", HOST.format(directory=directory, name=name)], name)
        self.ip(self.controller, f"link add v{number} type veth peer name eth0 netns {inside}", f"link set v{number} master br0", f"link set v{number} up")
        self.ip(inside, "link set lo up", f"address add 10.99.0.{number}/24 dev eth0", "link set eth0 up")
        kind, key, _ = (directory / "hostkey.pub").read_text().split(" ", 2)
        return f"10.99.0.{number} {kind} {key}\n"

    def play(self, inventory, *words):
        (self.directory / "inventory.json").write_text(json.dumps(inventory))
        return subprocess.run(["nsenter", "-t", self.controller, "--net", "--pid", "--mount", "ansible-playbook", "-i", self.directory / "inventory.json",
                               RECIPE / "fleet.yml", *map(str, words)], capture_output=True, text=True, cwd=self.directory, timeout=120, env={
            "PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(self.directory), "ANSIBLE_CONFIG": str(RECIPE / "ansible.cfg"), "LC_ALL": "C.UTF-8",
            "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCAL_TEMP": str(self.directory / "tmp")})


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    made = Lab(tmp_path_factory.mktemp("ansible"))
    yield made
    made.close()


def host(number, **more):
    return {"ansible_host": f"10.99.0.{number}", **more}


@pytest.fixture(scope="module")
def run(lab):
    """The playbook once, over all: what it said, and what it left."""
    site = ib.Site(conftest.Okse(lab.directory), lab.directory)
    site.identity = site.make(ib.raw("serving", {"serving.conf": b"listen 127.0.0.1:8080\n"}), ib.raw("model", {"a.bin": b"w" * 9000}, "weights"))
    site.other = lab.directory / "foreign.okse"
    site.make(ib.raw("serving", {"serving.conf": b"listen 0.0.0.0:8080\n"}), path=site.other, sign=False)
    (lab.directory / "trust").mkdir()
    for name in ("trust.yaml", "vendor.pub"):
        shutil.copy(lab.directory / name, lab.directory / "trust")
    for name, country in (("hanoi", "Hanoi"), ("danang", "Da Nang")):
        (lab.directory / f"{name}.yaml").write_text(f"okse: site/v1\nname: {country}\ncountry: VN\nnetworks: [{{cidr: 10.99.0.0/16, country: VN}}]\n")
    hosts = {name: host(number) for number, name in enumerate(HOSTS, 11)} | {SILENT: host(99)}
    # one host is sent everything, the others see it on what is a shared file system to them
    hosts["gpu1"] |= {"okse_bundle": "/srv/incoming.okse", "okse_bundle_send": str(site.bundle), "okse_trust": "/srv/okse-fleet/trust/trust.yaml",
                      "okse_trust_send": str(lab.directory / "trust"), "okse_site": "/srv/okse-fleet/site.yaml", "okse_site_send": str(lab.directory / "hanoi.yaml")}
    hosts["gpu6"]["okse_bundle"] = str(site.other)
    inventory = {"okse": {"vars": {
        "ansible_user": "root", "ansible_ssh_private_key_file": str(lab.directory / "key"), "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_ssh_common_args": f"-F /dev/null -o UserKnownHostsFile={lab.directory}/known_hosts -o ConnectTimeout=2",
        "okse_program": site.okse.binary, "okse_bundle": str(site.bundle), "okse_work": "/srv/okse-fleet",
        "okse_trust": str(site.trust)},
        "children": {name: {"vars": {"okse_site": str(lab.directory / f"{name}.yaml")}, "hosts": {h: v for h, v in hosts.items() if where(h) == name}}
                     for name in ("hanoi", "danang")}}}
    site.out = lab.directory / "out"
    words = ("-e", f"okse_out={site.out}", "-e", "okse_country=VN", "-e", f"okse_controller_program={site.okse.binary}")
    site.done = lab.play(inventory, *words)
    site.again = lambda: lab.play(inventory, *words)
    site.hosts, site.words, site.inventory = hosts, words, inventory
    return site


def where(name):
    return "hanoi" if name < "gpu5" else "danang"


def test_eight_hosts_and_one_that_is_silent_are_one_document(lab, run):
    assert (run.out / "fleet.json").exists(), run.done.stdout + run.done.stderr
    fleet = json.loads((run.out / "fleet.json").read_text())
    assert fleet["summary"]["targets"] == 9 and fleet["summary"]["unread"] == 1
    targets = {target["name"]: target for target in fleet["targets"]}
    assert set(targets) == {*HOSTS, SILENT}
    assert "error" in targets[SILENT] and targets[SILENT]["verdict"] == "inconclusive"
    assert {name: targets[name]["hostname"] for name in HOSTS} == {name: name for name in HOSTS}
    assert {name: targets[name]["site"] for name in HOSTS} == {name: "Hanoi" if where(name) == "hanoi" else "Da Nang" for name in HOSTS}
    failing = {name: {f["control"] for f in json.loads((run.out / f"findings/{name}.json").read_text())["findings"] if f["status"] == "fail"} for name in HOSTS}
    assert "logs.destinations" in failing["gpu3"] and all("logs.destinations" not in failing[name] for name in HOSTS if name != "gpu3")
    assert fleet["verdict"] == "non-compliant" and run.done.returncode != 0 and "non-compliant:" in run.done.stdout
    for form in ("html", "csv"):
        assert "gpu3" in (run.out / f"fleet.{form}").read_text()


def test_each_host_has_what_was_signed_in_service(lab, run):
    for name in HOSTS:
        root = lab.directory / name / "srv/okse"
        if name == "gpu6":
            continue
        assert (root / "current").resolve().name == f"12-{run.identity[:12]}"
        record = json.loads((lab.directory / name / "srv/okse-fleet/verified.json").read_text())
        assert record["predicate"]["verificationResult"] == "PASSED" and record["subject"][0]["digest"]["sha256"] == run.identity
        assert (lab.directory / name / "srv/okse-fleet").stat().st_mode & 0o777 == 0o700
        targets = {t["name"]: t for t in json.loads((run.out / "fleet.json").read_text())["targets"]}
        assert targets[name]["identity"] == "sha256:" + run.identity


def test_a_bundle_that_nobody_signed_is_installed_nowhere_and_the_host_is_looked_at(lab, run):
    assert not (lab.directory / "gpu6/srv/okse/current").exists()
    record = json.loads((lab.directory / "gpu6/srv/okse-fleet/verified.json").read_text())
    assert record["predicate"]["verificationResult"] == "FAILED"
    lines = {line.split()[0]: line for line in run.done.stdout.split("PLAY RECAP")[1].splitlines() if ":" in line}
    assert "failed=1" in lines["gpu6"] and "unreachable=1" in lines[SILENT]
    assert all("failed=0" in lines[name] and "unreachable=0" in lines[name] for name in HOSTS if name != "gpu6")
    assert (run.out / "evidence/gpu6.tar").exists()


def test_evidence_is_what_the_controller_audits_again(run):
    """The verdict of each host, from its archive alone."""
    for name in ("gpu1", "gpu3"):
        done = run.okse("evidence", "show", run.out / f"evidence/{name}.tar", "--json", status=0)
        assert name in done.out
        run.okse("report", "verify", run.out / f"findings/{name}.json", "--evidence", run.out / f"evidence/{name}.tar", status=0)


def test_a_run_into_the_same_place_is_refused(run):
    done = run.again()
    assert done.returncode != 0 and "is there already" in done.stdout and "SSH" not in done.stdout


def test_where_every_host_refuses_or_is_silent_the_audit_comes_all_the_same(lab, run):
    """Ansible ends a playbook when all hosts of a batch have failed: here each batch is one host, and each fails."""
    out, inventory = lab.directory / "out-of-none", json.loads(json.dumps(run.inventory))
    inventory["okse"]["children"] = {"all-bad": {"vars": {"okse_site": str(lab.directory / "hanoi.yaml"), "okse_bundle": str(run.other)},
                                                 "hosts": {name: run.hosts[name] for name in ("gpu2", "gpu6", SILENT)}}}
    inventory["okse"]["children"]["all-bad"]["hosts"]["gpu5"] = run.hosts["gpu5"] | {"okse_program": "/nowhere/okse"}
    done = lab.play(inventory, *run.words, "-e", f"okse_out={out}", "-e", "okse_serial=1")
    assert (out / "fleet.json").exists() and (out / "fleet.html").exists(), done.stdout + done.stderr
    targets = {target["name"]: target for target in json.loads((out / "fleet.json").read_text())["targets"]}
    assert set(targets) == {"gpu2", "gpu5", "gpu6", SILENT} and {name for name in targets if "error" in targets[name]} == {"gpu5", SILENT}
    lines = {line.split()[0]: line for line in done.stdout.split("PLAY RECAP")[1].splitlines() if ":" in line}
    assert done.returncode != 0 and all("failed=1" in lines[name] for name in ("gpu2", "gpu5", "gpu6", "localhost")) and "unreachable=1" in lines[SILENT]
    assert "REFUSED" in done.stdout or "refused" in done.stdout
