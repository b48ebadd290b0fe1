"""okse collect changes nothing, reaches nobody, and says what it could not see in the time or with the rights it had."""
import ctypes
import json
import os
import pathlib
import re
import shutil
import subprocess
import pytest
from test_collect_host import coverage, tree

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
FILES = {"etc/os-release": "PRETTY_NAME=x\n", "etc/rsyslog.conf": "*.* @@logs.abroad.example.com:6514\n", "etc/resolv.conf": "nameserver 192.0.2.53\n",
         "etc/default/a": "A=https://a.example.com/\n", "etc/prometheus/p.yml": "x: https://b.example.com/\n", "srv/data": "z\n"}


def trace(okse, tmp_path, *words):
    """{process: [call, …]} of strace, in which one process writes and the other looks."""
    if shutil.which("strace") is None or "asan" in okse.binary:
        pytest.skip("needs strace, and no sanitizer")
    done = subprocess.run(["strace", "-f", "-o", tmp_path / "calls", okse.binary, "collect", *map(str, words)], capture_output=True, text=True,
                          env=okse.environment, cwd=tmp_path)
    if "PTRACE" in done.stderr or "ptrace" in done.stderr:
        pytest.skip("strace may not trace here")
    assert done.returncode == 0, done.stderr
    calls = {}
    for line in (tmp_path / "calls").read_text(errors="replace").splitlines():
        process, call = line.split(maxsplit=1)
        calls.setdefault(process, []).append(call)
    return calls


CHANGING = re.compile(r"^(rename|renameat|renameat2|unlink|unlinkat|mkdir|mkdirat|rmdir|link|linkat|symlink|symlinkat|chmod|fchmod|fchmodat|chown|fchown|"
                      r"lchown|fchownat|utimensat|truncate|mknod|mknodat|setxattr|fsetxattr|creat)\(")


def test_only_the_output_is_written_and_nobody_is_reached(okse, tmp_path):
    calls = trace(okse, tmp_path, "--scope", "host", "-o", "e.tar")
    told = [call for rows in calls.values() for call in rows if " = -1 " not in call]
    opened = [call for call in told if call.startswith("open") and re.search("O_WRONLY|O_RDWR|O_CREAT|O_TRUNC", call)]
    changed = [call for call in told if CHANGING.match(call)]
    assert len(opened) == 1 and ".e.tar.part-" in opened[0]
    assert len(changed) == 1 and changed[0].startswith("renameat(") and '"e.tar"' in changed[0]
    sockets = [call for call in told if call.startswith("socket(")]
    assert sockets and all("AF_NETLINK" in call for call in sockets)
    assert not [call for call in told if re.match(r"connect\(|listen\(|accept|ptrace\(|mount\(|kill\(", call)]
    entered = [call for call in told if call.startswith("setns(")]
    assert all(re.match(r"setns\(\d+, CLONE_NEWNET\) += 0", call) for call in entered), entered
    assert all("AF_NETLINK" in call for call in told if call.startswith("bind("))
    assert not [call for call in told if call.startswith("execve(") and okse.binary not in call]


FILTER = "SECCOMP_FILTER_FLAG_TSYNC_ESRCH, {len="  # the one that is loaded; libseccomp asks for features by empty ones


def test_confined_before_the_first_byte_of_the_target(okse, tmp_path):
    root = tree(tmp_path / "root", FILES)
    calls = trace(okse, tmp_path, "--sysroot", root, "-o", "e.tar")
    lookers = [rows for rows in calls.values() if any(FILTER in call for call in rows)]
    assert len(lookers) == 1
    rows, = lookers
    filtered = next(i for i, call in enumerate(rows) if FILTER in call)
    looked = [i for i, call in enumerate(rows) if str(root) in call or "rsyslog" in call]
    assert looked and min(looked) > filtered
    assert any(re.match(r"setpriority\(PRIO_PROCESS, 0, 19\) += 0", call) for call in rows[:filtered])
    assert any("RLIMIT_FSIZE" in call and "rlim_cur=0" in call for call in rows[:filtered])
    assert any("RLIMIT_DATA" in call and "rlim_cur=4194304*1024" in call for call in rows[:filtered])
    others = [call for other in calls.values() if other is not rows for call in other]
    assert not [call for call in others if "rsyslog" in call or str(root) + '"' in call]
    landlock = [i for i, call in enumerate(rows) if re.match(r"landlock_restrict_self\(.*= 0$", call)]
    evidence = json.loads(okse("evidence", "show", "e.tar", "--json", status=0).out)["evidence"]
    assert evidence["confined"] == {"filter": True, "landlock": bool(landlock)}
    if not landlock:
        pytest.skip("this kernel has no Landlock")
    assert landlock[0] < min(i for i, call in enumerate(rows) if "rsyslog" in call)


@ROOT_ONLY
def test_network_namespaces_are_entered_before_and_nothing_else_is(okse, tmp_path):
    """A thread each, all of them under the filter that the first one loads, before any of them asks anything."""
    held = subprocess.Popen(["unshare", "--net", "sleep", "600"])
    try:
        while os.stat(f"/proc/{held.pid}/ns/net").st_ino == os.stat("/proc/self/ns/net").st_ino:
            assert held.poll() is None, "no network namespace can be made here"
        calls = trace(okse, tmp_path, "--scope", "host", "-o", "e.tar")
    finally:
        held.kill(), held.wait()
    looker, = [rows for rows in calls.values() if any(FILTER in call for call in rows)]
    assert any(FILTER in call and call.endswith("= 0") for call in looker)
    dwellers = [rows for rows in calls.values() if any(call.startswith("setns(") for call in rows)]
    assert dwellers
    for rows in dwellers:
        entered = next(i for i, call in enumerate(rows) if call.startswith("setns("))
        asked = [i for i, call in enumerate(rows) if call.startswith("socket(")]
        assert entered < min(asked) and not [call for call in rows[:entered] if re.match("open|read|socket", call)]
    order = [line.split(maxsplit=1)[1] for line in (tmp_path / "calls").read_text(errors="replace").splitlines()]
    filtered = next(i for i, call in enumerate(order) if FILTER in call)
    assert max(i for i, call in enumerate(order) if call.startswith("setns(")) < filtered
    assert min(i for i, call in enumerate(order) if call.startswith("socket(") and "NETLINK" in call) > filtered


def snapshot(paths):
    """By lstat(), which itself reads nothing."""
    rows = {}
    for path in paths:
        info = path.lstat()
        rows[path] = (info.st_atime_ns, info.st_mtime_ns, info.st_ctime_ns, info.st_size, info.st_mode)
    return rows


@ROOT_ONLY
def test_access_times_stay(okse, tmp_path):
    """On a file system that keeps every access time: what is read and listed looks untouched."""
    place = tmp_path / "mount"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "strictatime,size=8m", "none", place], capture_output=True).returncode != 0:
        pytest.skip("no mount here")
    try:
        root = tree(place / "root", FILES)
        paths = [root, *root.rglob("*")]
        for path in paths:
            os.utime(path, ns=(10**18, 10**18))
        before = snapshot(paths)
        assert {row[0] for row in before.values()} == {10**18}
        facts = okse("collect", "--sysroot", root, "--json", "-o", tmp_path / "e.tar", status=0).json
        assert {e["host"] for e in facts["endpoints"]} >= {"logs.abroad.example.com", "a.example.com", "b.example.com"}
        assert snapshot(paths) == before
        (root / "etc/rsyslog.conf").read_bytes()
        assert snapshot(paths) != before, "this file system keeps access times"
    finally:
        subprocess.run(["umount", place], check=True)


def test_out_of_time_is_partial(okse, tmp_path):
    root = tree(tmp_path / "root", FILES)
    rows = coverage(okse("collect", "--sysroot", root, "--json", "--time-limit", "0", status=0).json)
    for collector in ("mounts", "resolvers", "time"):
        assert rows[collector] == ("partial", "out of time"), collector
    assert rows["configuration"][0] == "partial" and "out of time" in rows["configuration"][1]
    assert rows["sockets"][0] == "unavailable"
    whole = coverage(okse("collect", "--sysroot", root, "--json", "--time-limit", "600", status=0).json)
    assert whole == coverage(okse("collect", "--sysroot", root, "--json", status=0).json)
    assert whole["configuration"] == ("complete", None)
    for wrong in ("-1", "x", "1.5"):
        assert "--time-limit" in okse("collect", f"--time-limit={wrong}", status=2).err


@ROOT_ONLY
def test_an_ordinary_user_sees_less_and_says_so(okse, tmp_path):
    root = tree(pathlib.Path(tmp_path / "root"), FILES)
    (root / "etc/default/a").chmod(0o600)
    place = subprocess.run(["mktemp", "-d", "/var/tmp/okse-user-XXXXXX"], capture_output=True, text=True, check=True).stdout.strip()
    try:
        shutil.copytree(root, f"{place}/root")
        shutil.copy(okse.binary, f"{place}/okse")
        os.chmod(place, 0o755)
        os.chmod(f"{place}/root/etc/default/a", 0o600)
        words = ["collect", "--sysroot", f"{place}/root", "--json"]
        done = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", f"{place}/okse", *words], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        status, reason = coverage(json.loads(done.stdout))["configuration"]
        assert status == "partial" and "/etc/default/a" in reason
        assert "a.example.com" not in {e["host"] for e in json.loads(done.stdout)["endpoints"]}
        assert coverage(okse(*words, status=0).json)["configuration"] == ("complete", None)
        live = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", f"{place}/okse", "collect", "--json"],
                              capture_output=True, text=True)
        assert coverage(json.loads(live.stdout))["sockets"][0] == "partial"
        assert coverage(okse("collect", "--json", status=0).json)["sockets"] == ("complete", None)
    finally:
        shutil.rmtree(place)


def test_devices_of_routes_are_named(okse):
    """The filter refuses if_indextoname(): their names come by netlink."""
    told = subprocess.run(["ip", "-j", "route", "show", "table", "all"], capture_output=True, text=True)
    if told.returncode != 0:
        pytest.skip("iproute2 is not installed")
    wanted = {row["dev"] for row in json.loads(told.stdout) if row.get("type", "unicast") == "unicast" and "dev" in row and row.get("table") != "local"}
    routes = okse("collect", "--json", status=0).json["routes"]
    assert {row["device"] for row in routes} >= wanted


def test_a_link_out_of_the_sysroot_is_not_followed(okse, tmp_path):
    (tmp_path / "outside").write_text("X=https://outside.example.com/\n")
    root = tree(tmp_path / "root", FILES)
    (root / "etc/default/out").symlink_to(tmp_path / "outside")
    (root / "etc/default/up").symlink_to("../../../outside")
    assert "outside.example.com" not in okse("collect", "--sysroot", root, "--json", status=0).out


def test_the_clock_is_asked_before_the_call_is_given_up(okse):
    """adjtimex(2) itself is the judge: its structure has `status` behind modes, offset, freq, maxerror and esterror."""
    state = (ctypes.c_char * 256)()
    assert ctypes.CDLL(None, use_errno=True).adjtimex(state) >= 0
    status = int.from_bytes(bytes(state)[40:44], "little")
    done = subprocess.run([okse.binary, "collect", "--scope", "host", "--json"], capture_output=True, text=True, env=okse.environment)
    assert json.loads(done.stdout)["host"]["synchronised"] == (status & 0x40 == 0)
