"""okse collect --resolve: the system's own resolver, and a name server of the test's own in a network without another."""
import json
import os
import pathlib
import subprocess
import sys
import pytest
from test_collect_host import tree

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

# Answers A records of the table; every other name does not exist. Source: RFC 1035, 4.1.
SERVER = '''
import socket, struct, sys
TABLE = {"two.vendor.example": ["203.0.113.5", "203.0.113.6"], "split.vendor.example": ["203.0.113.5", "198.51.100.7"],
         "stats.vllm.ai": ["203.0.113.5"], "metrics.ministry.example": ["203.0.113.9"]}
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
print("ready", flush=True)
while True:
    data, peer = server.recvfrom(512)
    at, labels = 12, []
    while data[at]:
        labels.append(data[at + 1:at + 1 + data[at]].decode()); at += data[at] + 1
    question, kind = data[12:at + 5], struct.unpack(">H", data[at + 1:at + 3])[0]
    found = TABLE.get(".".join(labels).lower(), None)
    answers = [socket.inet_aton(a) for a in found or []] if kind == 1 else []
    head = data[:2] + struct.pack(">HHHHH", 0x8180 if found is not None else 0x8183, 1, len(answers), 0, 0)
    server.sendto(head + question + b"".join(b"\\xc0\\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + a for a in answers), peer)
'''
SITE = """okse: site/v1
name: dc
country: VN
networks: [{cidr: 203.0.113.0/24, country: SG}, {cidr: 198.51.100.0/24, country: VN}]
"""
SCRIPT = """set -eu
ip link set lo up
mount --bind "$1/resolv.conf" "$(readlink -f /etc/resolv.conf)"
"$2" "$1/server.py" >"$1/ready" & server=$!
trap 'kill $server' EXIT
while ! grep -q ready "$1/ready"; do kill -0 $server; done
shift 2
"$@"
"""


def collect(okse, tmp_path, *more):
    root = tmp_path / "root"
    if not root.exists():
        tree(root, {"etc/os-release": "PRETTY_NAME=x\n", "etc/rsyslog.conf": "*.* @@two.vendor.example:6514\n*.* @@split.vendor.example\n*.* @@gone.vendor.example\n"})
        (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        (tmp_path / "server.py").write_text(SERVER)
        (tmp_path / "site.yaml").write_text(SITE)
    words = [okse.binary, "collect", "--scope", "host", "--sysroot", root, "--site", tmp_path / "site.yaml", "--json", *more]
    done = subprocess.run(["unshare", "-n", "-m", "bash", "-c", SCRIPT, "x", tmp_path, sys.executable, *words], capture_output=True, text=True, env=okse.environment)
    assert done.returncode == 0, done.stderr
    return {e["host"]: (e["resolved"], e["location"]["country"], e["location"]["method"]) for e in json.loads(done.stdout)["endpoints"]}


@pytest.mark.skipif(not pathlib.Path("/etc/resolv.conf").exists(), reason="no /etc/resolv.conf to stand in for")
def test_answers_are_written_down(okse, tmp_path):
    assert collect(okse, tmp_path, "--resolve") == {
        "two.vendor.example": (["203.0.113.5", "203.0.113.6"], "SG", "resolution"),
        "split.vendor.example": (["198.51.100.7", "203.0.113.5"], None, "none"),  # two countries are none
        "gone.vendor.example": ([], None, "none")}


def test_nobody_is_asked_without_it(okse, tmp_path):
    assert {found[0] for found in collect(okse, tmp_path).values()} == {None}


# Two that look like programs whose reports are known, one of them connected to where the other reports to as well.
REPORTER = """
import socket, subprocess, sys
server = socket.create_server(("203.0.113.5", 443))
client = socket.create_connection(("203.0.113.5", 443))
held = server.accept()
print("ready", flush=True)
sys.stdin.read()
"""
RUNNING = """set -eu
ip link set lo up
ip addr add 203.0.113.5/32 dev lo
mount --bind "$1/resolv.conf" "$(readlink -f /etc/resolv.conf)"
cd "$1"
python=$2
shift 2
$python server.py >ready & one=$!
trap 'kill $one' EXIT
while ! grep -q ready ready; do kill -0 $one; done
mkfifo hold
env "$WORD" bash -c "exec -a vllm $python reporter.py" <hold >connected & two=$!
exec 3>hold
env VLLM_NO_USAGE_STATS=1 bash -c "exec -a vllm $python -c 'import sys; sys.stdin.read()'" <hold & three=$!
trap 'kill $one $two $three' EXIT
while ! grep -q ready connected; do kill -0 $two; done
echo $two $three >pids
"$@"
"""


@pytest.mark.skipif(not pathlib.Path("/etc/resolv.conf").exists(), reason="no /etc/resolv.conf to stand in for")
@pytest.mark.parametrize("word", ["A=1", "VLLM_NO_USAGE_STATS=1"])
def test_a_report_that_was_seen_on_the_wire_is_observed(okse, tmp_path, word):
    """Even where a switch says off; a process of the same program that is connected to nobody stays what its switch says."""
    for name, text in (("server.py", SERVER), ("reporter.py", REPORTER), ("site.yaml", SITE), ("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")):
        (tmp_path / name).write_text(text)
    words = [okse.binary, "collect", "--scope", "host", "--site", "site.yaml", "--json", "--resolve"]
    done = subprocess.run(["unshare", "-n", "-m", "bash", "-c", RUNNING, "x", tmp_path, sys.executable, *words], capture_output=True, text=True, env={**okse.environment, "WORD": word})
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    reporter, silent = (tmp_path / "pids").read_text().split()
    reports = {one["workload"]["container"]: one for one in facts["telemetry"] if one["program"] == "vllm" and one["does"] == "telemetry"
               and (one["workload"] or {}).get("engine") == "process"}
    seen, other = reports[reporter], reports[silent]
    assert (seen["enabled"], seen["grade"], seen["flow"]) == ("yes", "observed", "203.0.113.5:443") and "stats.vllm.ai" in seen["reason"]
    assert (other["enabled"], other["grade"]) == ("no", "observed") and "flow" not in other  # its environment was observed


@pytest.mark.skipif(not pathlib.Path("/etc/resolv.conf").exists(), reason="no /etc/resolv.conf to stand in for")
def test_what_is_declared_is_compared_with_the_answers_too(okse, tmp_path):
    """The stack declares a flow to a place in VN; its name leads to SG, which only the resolver tells."""
    from test_spine import install
    installed = install(okse, tmp_path)
    tree(tmp_path / "root", {"etc/rsyslog.conf": "*.* @@metrics.ministry.example:443\n"})
    for name, text in (("server.py", SERVER), ("site.yaml", SITE), ("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")):
        (tmp_path / name).write_text(text)
    found = []
    for more in ((), ("--resolve",)):
        words = [okse.binary, "collect", "--root", installed, "--sysroot", tmp_path / "root", "--site", tmp_path / "site.yaml", "--json", *more]
        done = subprocess.run(["unshare", "-n", "-m", "bash", "-c", SCRIPT, "x", tmp_path, sys.executable, *words], capture_output=True, text=True, env=okse.environment)
        assert done.returncode == 0, done.stderr
        found.append({(d["declared"], d["seen"]) for d in json.loads(done.stdout)["disagreements"] if d["kind"] == "flow-elsewhere"})
    assert found == [set(), {("metrics.ministry.example:443 (VN)", "metrics.ministry.example:443 (SG)")}]
