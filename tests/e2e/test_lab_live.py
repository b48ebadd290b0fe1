"""What really runs in namespaces of the test's own is found from outside them: who, in which unit or container, and by which line.

The addresses are of the documentation ranges and exist inside these namespaces alone."""
import ctypes
import json
import os
import pathlib
import shutil
import select
import signal
import subprocess
import sys

import pytest

AT = "2026-11-23"
FAR, ABROAD = "203.0.113.9", "203.0.113.53"
CONTAINER = "c0ffee" + "0" * 58
SERVER = f"""
import socket, sys
held = [socket.create_server(("{FAR}", 9000)), socket.create_server(("{FAR}", 6514))]
names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
names.bind(("{ABROAD}", 53))
print("up", flush=True)
held += [held[0].accept(), held[1].accept()]
print("both", flush=True)
names.recv(512)
print("asked", flush=True)
sys.stdin.read()
"""
CLIENT = f"""
import socket, sys
held = socket.create_connection(("{FAR}", 9000))
sys.stdin.read()
"""
RESOLVE = """
import socket
while True:
    try:
        socket.getaddrinfo("prompts.abroad.example", 443)
    except OSError:
        pass
"""
# A file system whose server never answers: whoever touches it waits for ever.
MOUNT = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
fuse = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={fuse},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
if libc.mount(b"models@203.0.113.77:/srv", sys.argv[1].encode(), b"fuse.sshfs", 6, options):
    sys.exit(os.strerror(ctypes.get_errno()))
print("up", flush=True)
sys.stdin.read()
"""


def says(process, word):
    """The next line of what it prints; whoever says nothing for a minute has failed."""
    assert select.select([process.stdout], [], [], 60)[0], f"no '{word}'"
    return process.stdout.readline() == word.encode() + b"\n"


def run(*words):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True)


class Lab:
    """Two network namespaces joined by a veth pair, and a mount namespace in which all of it is started."""

    def __init__(self, directory):
        self.directory, self.running = directory, []
        self.inner, self.outer = f"okse-i{os.getpid()}", f"okse-o{os.getpid()}"
        if os.geteuid() != 0 or shutil.which("ip") is None or run("ip", "netns", "add", self.inner).returncode != 0:
            pytest.skip("needs root and network namespaces")
        run("ip", "netns", "add", self.outer)
        if run("ip", "link", "add", "veth-i", "netns", self.inner, "type", "veth", "peer", "name", "veth-o", "netns", self.outer).returncode != 0:
            pytest.skip("no veth pair can be made here")
        for name, device, addresses in ((self.inner, "veth-i", ("203.0.113.1/24",)), (self.outer, "veth-o", (FAR + "/24", ABROAD + "/24"))):
            for address in addresses:
                run("ip", "-n", name, "addr", "add", address, "dev", device)
            run("ip", "-n", name, "link", "set", device, "up")
        run("ip", "-n", self.inner, "route", "add", "default", "via", FAR)
        self.holder = self.start("unshare", "--mount", "--propagation", "private", sys.executable, "-c", "print('up', flush=True); import sys; sys.stdin.read()")
        assert says(self.holder, "up")

    def start(self, *words):
        self.running.append(subprocess.Popen([str(word) for word in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0))
        return self.running[-1]

    def inside(self, *words, net=None):
        """Start in the mount namespace and, with net, in that network namespace."""
        return self.start("nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt", *([f"--net=/run/netns/{net}"] if net else []), *words)

    def mount_over(self, text, path):
        source = self.directory / path.replace("/", "_")
        source.write_text(text)
        done = run("nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt", "mount", "--bind", source, path)
        assert done.returncode == 0, done.stderr

    def collect(self, okse, *words, user=()):
        done = subprocess.run(["nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt", *user, okse.binary, "collect", "--scope", "host", "--at", AT, "--json", *words],
                              capture_output=True, text=True, env=okse.environment, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def end(self):
        for process in reversed(self.running):
            process.send_signal(signal.SIGKILL)
            process.communicate()
        for name in (self.inner, self.outer):
            run("ip", "netns", "del", name)


@pytest.fixture
def lab(tmp_path):
    lab = None
    try:
        lab = Lab(tmp_path)
        yield lab
    finally:
        if lab is not None:
            lab.end()


def cgroup_of(name):
    """A control group with a container's name that a process can be put into, or None."""
    for base in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/pids", "/sys/fs/cgroup/systemd"):
        place = pathlib.Path(base) / name
        if (pathlib.Path(base) / "cgroup.procs").exists():
            try:
                place.mkdir()
                return place
            except OSError:
                continue
    return None


def endpoints(facts, host, port):
    return [e for e in facts["endpoints"] if (e["host"], e["port"]) == (host, port)]


def status(facts):
    return {c["collector"]: (c["status"], c["reason"]) for c in facts["collectors"]}


def test_what_runs_behind_namespaces_is_found_from_outside(okse, lab):
    if shutil.which("rsyslogd") is None:
        pytest.skip("rsyslogd is not installed")
    lab.mount_over(f'global(processInternalMessages="on")\n# to the SIEM abroad\n*.* @@{FAR}:6514\n', "/etc/rsyslog.conf")
    server = lab.start("ip", "netns", "exec", lab.outer, sys.executable, "-c", SERVER)
    assert says(server, "up")
    client = lab.inside(sys.executable, "-c", CLIENT, net=lab.inner)
    rsyslogd = lab.inside("rsyslogd", "-n", "-i", lab.directory / "pid", "-f", "/etc/rsyslog.conf", net=lab.inner)
    assert says(server, "both")
    (lab.directory / "resolv.conf").write_text(f"options timeout:30 attempts:1\nnameserver {ABROAD}\n")
    resolver = lab.inside("unshare", "--mount", "sh", "-c", f"mount --bind {lab.directory}/resolv.conf /etc/resolv.conf && exec {sys.executable} -c '{RESOLVE}'", net=lab.inner)
    assert says(server, "asked")
    group = cgroup_of(f"docker-{CONTAINER}.scope")
    try:
        if group is not None:
            (group / "cgroup.procs").write_text(str(client.pid))
        facts = lab.collect(okse)
    finally:
        if group is not None:
            client.kill(), client.wait()
            group.rmdir()

    (seen,) = endpoints(facts, FAR, 9000)
    assert (seen["state"], seen["observed"], seen["direction"], seen["process"]["pid"]) == ("observed", True, "out", client.pid)
    assert "python" in seen["process"]["exe"]
    if group is not None:
        assert (seen["process"]["container"], seen["process"]["unit"]) == (CONTAINER, f"docker-{CONTAINER}.scope")
    spaces = {s["netns"] for s in facts["sockets"] if s["remote"] == f"{FAR}:9000"}
    assert len(spaces) == 1 and spaces != {None}
    assert not [e for e in facts["endpoints"] if e["host"] == "203.0.113.1"], "what comes in to the server is no way out"

    (logs,) = [e for e in endpoints(facts, FAR, 6514) if e["role"] == "logs"]
    assert logs["observed"] is True and logs["process"]["exe"].endswith("rsyslogd") and logs["process"]["pid"] == rsyslogd.pid
    assert ("/etc/rsyslog.conf", 3) in {(s["path"], s["line"]) for s in logs["sources"]}

    assert [e["process"]["pid"] for e in endpoints(facts, ABROAD, 53)] == [resolver.pid]
    (dns,) = [e for e in facts["endpoints"] if e["host"] == ABROAD and e["role"] == "dns"]
    assert [(s["path"], s["line"]) for s in dns["sources"]] == [(f"/proc/{resolver.pid}/root/etc/resolv.conf", 2)]

    assert {"destination": "0.0.0.0/0", "gateway": FAR, "netns": spaces.pop(), "state": "observed", "public": True}.items() <= \
        next(r for r in facts["routes"] if r["gateway"] == FAR).items()
    for collector in ("sockets", "mounts", "routes", "resolvers", "processes"):
        assert status(facts)[collector] == ("complete", None)


def test_what_is_forwarded_for_a_machine_behind_this_one_is_found(okse, lab):
    """A datagram of somebody who is gone: no socket is left, but the kernel that forwarded it still tracks it."""
    if shutil.which("nft") is None:
        pytest.skip("needs nft, to switch connection tracking on")
    box = f"okse-x{os.getpid()}"
    run("ip", "netns", "add", box)
    try:
        run("ip", "link", "add", "veth-x", "netns", box, "type", "veth", "peer", "name", "veth-y", "netns", lab.inner)
        for name, device, address in ((box, "veth-x", "198.51.100.2/24"), (lab.inner, "veth-y", "198.51.100.1/24")):
            run("ip", "-n", name, "addr", "add", address, "dev", device)
            run("ip", "-n", name, "link", "set", device, "up")
        run("ip", "-n", box, "route", "add", "default", "via", "198.51.100.1")
        run("ip", "netns", "exec", lab.inner, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
        for rule in ("add table ip t", "add chain ip t f { type filter hook forward priority 0; }", "add rule ip t f ct state new accept"):
            if run("ip", "netns", "exec", lab.inner, "nft", rule).returncode != 0:
                pytest.skip("this kernel tracks no connections")
        router = lab.inside(sys.executable, "-c", "print('up', flush=True); import sys; sys.stdin.read()", net=lab.inner)
        assert says(router, "up")
        send = f"import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b'x', ('{FAR}', 4242))"
        assert run("ip", "netns", "exec", box, sys.executable, "-c", send).returncode == 0
        if FAR not in pathlib.Path(f"/proc/{router.pid}/net/nf_conntrack").read_text():
            pytest.skip("this kernel does not list what it tracks")
        (seen,) = endpoints(lab.collect(okse), FAR, 4242)
    finally:
        run("ip", "netns", "del", box)
    assert (seen["protocol"], seen["state"], seen["observed"], seen["process"]) == ("udp", "observed", True, None)
    assert [s["path"] for s in seen["sources"]] == ["/proc/PID/net/nf_conntrack"] and "198.51.100.2" in seen["sources"][0]["excerpt"]


def test_a_file_system_from_abroad_in_another_namespace_is_found_and_not_touched(okse, lab):
    if not os.path.exists("/dev/fuse"):
        pytest.skip("no kernel support for FUSE here; this kernel's own NFS client would need a server")
    far = lab.directory / "far"
    far.mkdir()
    holder = lab.start("unshare", "--mount", "--propagation", "private", sys.executable, "-c", MOUNT, far)
    if not says(holder, "up"):
        pytest.skip("this kernel mounts nothing by FUSE")
    facts = lab.collect(okse)  # would not come back had it looked into the mount
    (mount,) = [m for m in facts["mounts"] if m["path"] == str(far)]
    assert (mount["fstype"], mount["remote"], mount["source_host"], mount["encrypted"]) == ("fuse.sshfs", True, "203.0.113.77", "unknown")
    assert mount["namespace"].startswith("mnt:[")
    (found,) = [e for e in facts["endpoints"] if e["host"] == "203.0.113.77"]
    assert (found["role"], found["state"], found["process"]["pid"]) == ("remote-fs", "observed", holder.pid)


def test_no_pattern_touches_a_file_system_that_does_not_answer(okse, lab):
    """On it directly, below what is walked, through a link of a file, and through a link into a directory beside it."""
    if not os.path.exists("/dev/fuse"):
        pytest.skip("no kernel support for FUSE here; this kernel's own NFS client would need a server")
    aside = lab.directory / "aside"
    (aside / "far").mkdir(parents=True)
    (aside / "near.conf").write_text(f"*.* @@{ABROAD}:601\n")
    places = [pathlib.Path(path) for path in ("/etc/apt/sources.list.d", "/etc/apt/apt.conf.d", "/etc/rsyslog.d")]
    if not all(map(os.path.isdir, places)):
        pytest.skip("needs the directories of apt and rsyslog")
    for path in places[1:]:
        assert run("nsenter", f"--mount=/proc/{lab.holder.pid}/ns/mnt", "mount", "-t", "tmpfs", "none", path).returncode == 0
    inside = pathlib.Path(f"/proc/{lab.holder.pid}/root")
    for path in places:
        assert (inside / str(path)[1:]).is_dir()
    (inside / "etc/rsyslog.d/below").mkdir()
    (inside / "etc/rsyslog.d/elsewhere").symlink_to(aside)
    (inside / "etc/apt/apt.conf.d/60far").symlink_to("../sources.list.d/60far")
    for path in (places[0], "/etc/rsyslog.d/below", aside / "far"):
        if not says(lab.inside(sys.executable, "-c", MOUNT, path), "up"):
            pytest.skip("this kernel mounts nothing by FUSE")
    facts = lab.collect(okse)
    told = status(facts)
    assert told["configuration"][0] == "partial"
    for path in ("/etc/rsyslog.d/below", "/etc/rsyslog.d/elsewhere/far"):
        assert f"{path}: is a network file system, which is not touched" in told["configuration"][1]
    assert told["mirrors"][0] == "partial" and "/etc/apt/sources.list.d is a network file system, which is not touched" in told["mirrors"][1]
    assert endpoints(facts, ABROAD, 601), "what lies beside it is read, through the link"


def test_a_tunnel_that_a_process_holds_is_found_by_its_words(okse, lab):
    held = lab.start("bash", "-c", f"exec -a autossh {sys.executable} -c \"print('up', flush=True); import sys; sys.stdin.read()\" -N -R 2222:localhost:22 -p 2200 vendor@203.0.113.7")
    assert says(held, "up")
    facts = lab.collect(okse)
    assert [e["process"]["pid"] for e in facts["endpoints"] if e["host"] == "203.0.113.7"] == [held.pid]


def test_an_ordinary_user_is_told_what_stays_hidden(okse, lab):
    client_of_root = lab.inside(sys.executable, "-c", "print('up', flush=True); import sys; sys.stdin.read()", net=lab.inner)
    assert says(client_of_root, "up")
    as_nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    done = run(*as_nobody, okse.binary, "--version")
    if done.returncode != 0:
        pytest.skip("another user cannot run the build")
    told = status(lab.collect(okse, user=as_nobody))
    for collector in ("sockets", "mounts", "routes", "resolvers", "tunnels", "processes", "residue"):
        assert told[collector][0] == "partial" and "run as root" in told[collector][1], (collector, told[collector])
