"""`okse try`: programs that were never online here are seen trying. What they try is compared with what strace sees of them."""
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import tarfile

import pytest

import stacks
from stacks import HEAD, run, write

pytestmark = pytest.mark.skipif("ASAN_OPTIONS" in os.environ or "tsan" in os.environ.get("OKSE", ""), reason="the box forks out of a sanitizer's sight")

SOURCE = r"""
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
extern char **environ;
static void inet4(int kind, const char *ip, int port, int by_message) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, kind, 0);
    inet_pton(AF_INET, ip, &a.sin_addr);
    if (by_message) sendto(fd, "x", 1, 0, (void *)&a, sizeof a); else connect(fd, (void *)&a, sizeof a);
    close(fd);
}
static void ask(const unsigned char *question, int size) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(53)};
    char answer[512];
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    inet_pton(AF_INET, "127.0.0.1", &a.sin_addr);
    sendto(fd, question, size, 0, (void *)&a, sizeof a);
    recv(fd, answer, sizeof answer, 0);
    close(fd);
}
int main(int count, char **words) {
    const char *what = count > 1 ? words[1] : "all";
    if (!strcmp(what, "quiet")) return 0;
    if (!strcmp(what, "fail")) return 3;
    if (!strcmp(what, "wait")) { signal(SIGTERM, SIG_IGN); for (;;) pause(); }
    if (!strcmp(what, "late")) { sleep(1); inet4(SOCK_STREAM, "192.0.2.1", 443, 0); return 0; }
    if (!strcmp(what, "crash")) { *(volatile int *)1 = 0; return 0; }
    if (!strcmp(what, "local")) { inet4(SOCK_STREAM, "127.0.0.1", 8000, 0); return 0; }
    if (!strcmp(what, "fork")) { if (!fork()) { if (!fork()) { setsid(); inet4(SOCK_STREAM, "203.0.113.5", 6514, 0); } else wait(NULL); _exit(0); } wait(NULL); return 0; }
    if (!strcmp(what, "uring")) { printf("uring %ld %d\n", syscall(SYS_io_uring_setup, 4, NULL), errno); return 0; }
    if (!strcmp(what, "packet")) { printf("packet %d\n", socket(17, SOCK_RAW, 0)); printf("raw %d\n", socket(AF_INET, SOCK_RAW, 1)); return 0; }
    if (!strcmp(what, "look")) {
        const char *paths[] = {"/etc/shadow", "/root", "/home", "/proc/1/root/etc/shadow", "/etc/hostname"};
        for (int i = 0; i < 5; i++) printf("%s %d\n", paths[i], access(paths[i], F_OK));
        for (char **e = environ; *e; e++) puts(*e);
        for (int fd = 3; fd < 64; fd++) if (fcntl(fd, F_GETFD) >= 0) printf("fd %d\n", fd);
        printf("write %d\n", open("/bin/new", O_CREAT | O_WRONLY, 0755) >= 0);
        printf("remove %d\n", unlink("/data/keep"));
        return 0;
    }
    inet4(SOCK_STREAM, "198.51.100.34", 443, 0);
    struct sockaddr_in6 b = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
    inet_pton(AF_INET6, "2001:db8::1", &b.sin6_addr);
    connect(socket(AF_INET6, SOCK_STREAM, 0), (void *)&b, sizeof b);
    inet4(SOCK_DGRAM, "198.51.100.7", 123, 1);
    inet4(SOCK_DGRAM, "198.51.100.8", 514, 0);
    static const unsigned char question[] = {1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 'a', 'p', 'i', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 1, 0, 1};
    ask(question, sizeof question);
    return 0;
}
"""


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    directory = tmp_path_factory.mktemp("program")
    (directory / "a.c").write_text(SOURCE)
    run("gcc", "-O1", "-static", "-o", directory / "a", directory / "a.c")
    return directory / "a"


@pytest.fixture(scope="session", autouse=True)
def box_works():
    """A kernel that gives no user namespaces away has nothing to test with."""
    if subprocess.run(["unshare", "--user", "--map-root-user", "--net", "true"], capture_output=True).returncode != 0:
        pytest.skip("no user namespaces here")


@pytest.fixture
def root(tmp_path, program):
    (tmp_path / "root/bin").mkdir(parents=True)
    shutil.copy(program, tmp_path / "root/bin/a")
    write(tmp_path / "root/data/keep", "kept\n")
    return tmp_path / "root"


def tried(okse, root, what, *words, status):
    return okse("try", root, "--json", *words, "--", "/bin/a", what, status=status).json


def attempts(trial):
    return {(a.get("name") or a["address"], a.get("port"), a.get("protocol")) for a in trial["attempts"]}


def test_everything_that_is_tried_is_seen(okse, root):
    trial = tried(okse, root, "all", status=1)
    assert attempts(trial) == {("198.51.100.34", 443, "tcp"), ("2001:db8::1", 80, "tcp"), ("198.51.100.7", 123, "udp"), ("198.51.100.8", 514, "udp"), ("api.example", None, None)}
    assert {a["process"] for a in trial["attempts"]} == {"/bin/a"} and trial["complete"] and trial["ended"] == {"exit": 0}


def test_strace_sees_the_same(okse, root, program):
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    log = root.parent / "log"
    subprocess.run(["timeout", "10", "unshare", "--user", "--map-root-user", "--net", "strace", "-f", "-e", "trace=connect,sendto", "-o", log, program, "all"], capture_output=True)
    seen = {(a or b, int(port)) for port, a, b in re.findall(r'port=htons\((\d+)\)(?:, sin_addr=inet_addr\("([^"]+)"|.*?inet_pton\(AF_INET6, "([^"]+)")', log.read_text()) if int(port) != 53}
    ours = {(a["address"], a["port"]) for a in tried(okse, root, "all", status=1)["attempts"] if "address" in a}
    assert ours == seen and len(seen) == 4


@pytest.mark.parametrize("what, words, status, ended", [
    ("quiet", (), 0, {"exit": 0}), ("local", (), 0, {"exit": 0}), ("wait", ("--seconds", "1"), 0, {"stopped": True}), ("fail", (), 4, {"exit": 3}), ("crash", (), 4, {"signal": 11})])
def test_who_tries_nothing_must_have_lived_to_say_so(okse, root, what, words, status, ended):
    trial = tried(okse, root, what, *words, status=status)
    assert trial["attempts"] == [] and trial["ended"] == ended


def test_a_grandchild_and_a_late_one_are_seen(okse, root):
    assert attempts(tried(okse, root, "fork", status=1)) == {("203.0.113.5", 6514, "tcp")}
    assert attempts(tried(okse, root, "late", status=1)) == {("192.0.2.1", 443, "tcp")}


def test_ways_round_the_filter_are_closed(okse, root):
    for what in ("uring", "packet"):
        text = okse("try", root, "--show", "--", "/bin/a", what).err
        assert re.findall(r"(?:uring|packet|raw) (-?\d+)", text) and all(value == "-1" for value in re.findall(r"(?:uring|packet|raw) (-?\d+)", text)), text


def test_nothing_of_the_host_is_there_and_nothing_stays(okse, root):
    text = okse("try", root, "--show", "--", "/bin/a", "look", env={"SECRET_OF_THE_HOST": "x"}).err
    for path in ("/etc/shadow", "/root", "/home", "/proc/1/root/etc/shadow", "/etc/hostname"):
        assert f"{path} -1" in text, text
    assert "SECRET_OF_THE_HOST" not in text and "fd " not in text
    assert "write 1" in text and "remove 0" in text, "it may do what it likes to its own view"
    assert sorted(os.listdir(root / "bin")) == ["a"] and (root / "data/keep").read_text() == "kept\n" and not (root / "etc").exists()


def test_an_ordinary_user_may(okse, root, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("is one already")
    for path in [tmp_path, *tmp_path.parents][:3]:
        path.chmod(0o755)
    done = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", okse.binary, "try", str(root), "--json", "--", "/bin/a", "all"],
                          capture_output=True, text=True, cwd="/", env={"PATH": os.environ["PATH"]})
    if done.returncode == 3 and "namespaces" in done.stderr:
        pytest.skip("this kernel lets no ordinary user make namespaces")
    assert done.returncode == 1 and len(json.loads(done.stdout)["attempts"]) == 5, done.stderr


@pytest.mark.parametrize("words, message", [
    (["{root}"], "what to start?"), (["{root}", "--", "/bin/none"], "/bin/none"), (["{root}", "--seconds", "0", "--", "/bin/a"], "--seconds"),
    (["{root}/nothing", "--", "/bin/a"], "nothing"), (["{root}", "--component", "x", "--", "/bin/a"], "belongs to a bundle")])
def test_wrong_words_are_answered(okse, root, words, message):
    result = okse("try", *[word.format(root=root) for word in words])
    assert result.status in (2, 3) and message in result.err


# ---- images of bundles

def layer(*members):
    """A tar of (name, what): bytes, "/target" for a link, None for a directory."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, what in members:
            info = tarfile.TarInfo(name)
            info.mode = 0o755
            if what is None:
                info.type = tarfile.DIRTYPE
            elif isinstance(what, str):
                info.type, info.linkname = tarfile.SYMTYPE, what
            else:
                info.size = len(what)
            tar.addfile(info, io.BytesIO(what) if isinstance(what, bytes) else None)
    return out.getvalue()


def bundle(okse, layers, config=None):
    import hashlib
    layout = okse.directory / "image"
    shutil.rmtree(layout, ignore_errors=True)

    def blob(data):
        digest = hashlib.sha256(data).hexdigest()
        write(layout / "blobs/sha256" / digest, data)
        return {"digest": "sha256:" + digest, "size": len(data)}
    import gzip
    settings = {"architecture": "amd64", "os": "linux", "config": config if config is not None else {"Entrypoint": ["/bin/a"], "Cmd": ["all"]},
                "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(gzip.decompress(data)).hexdigest() for data in layers]}}
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **blob(json.dumps(settings).encode())},
                "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", **blob(data)} for data in layers]}
    row = {"mediaType": manifest["mediaType"], **blob(json.dumps(manifest).encode()), "annotations": {"org.opencontainers.image.ref.name": "1.0"}}
    write(layout / "index.json", json.dumps({"schemaVersion": 2, "manifests": [row]}))
    write(layout / "oci-layout", '{"imageLayoutVersion": "1.0.0"}')
    (okse.directory / "stack.yaml").write_text(HEAD + '  - {name: server, kind: runtime, source: {oci: image, ref: "1.0"}}\n')
    okse("build", "stack.yaml", "--country", "VN", "-o", "x.okse", "--unsigned", status=0)
    return row["digest"]


def test_the_entry_point_of_an_image(okse, program):
    digest = bundle(okse, [layer(("bin", None), ("bin/a", program.read_bytes()))])
    result = okse("try", "x.okse", "--json", "-o", "trial.json", status=1)
    assert len(result.json["attempts"]) == 5 and result.json == json.loads((okse.directory / "trial.json").read_text())
    identity = okse("inspect", "x.okse", "--json", status=0).json["identity"]
    assert result.json["subject"] == {"component": "server", "digest": digest, "identity": identity}
    assert result.json["command"] == ["/bin/a", "all"]
    assert okse("try", "x.okse", "--component", "server", "--json", "--", "/bin/a", "quiet", status=0).json["command"] == ["/bin/a", "quiet"]
    assert "there is: server" in okse("try", "x.okse", "--component", "other", status=2).err


def test_layers_hide_what_is_below(okse, program):
    """Whiteouts: a file, a directory, everything in one; and what the same layer brings into it stays."""
    bundle(okse, [layer(("bin", None), ("bin/a", program.read_bytes()), ("etc", None), ("etc/shadow", b"x"), ("root", None), ("home", None), ("home/u", b"x")),
                  layer(("etc/.wh.shadow", b""), (".wh.root", b""), ("home/.wh..wh..opq", b""), ("home/new", b"y"))], {"Entrypoint": ["/bin/a", "look"], "Env": ["MODE=quiet", "bad"], "WorkingDir": "/bin"})
    text = okse("try", "x.okse", "--show").err
    assert "/etc/shadow -1" in text and "/root -1" in text and "/home 0" in text and "MODE=quiet" in text


@pytest.mark.parametrize("name, what", [("../escape", b"x"), ("a/../../escape", b"x"), ("link/escape", b"x"), ("deep/link/escape", b"x")])
def test_a_hostile_layer_writes_nothing_outside(okse, program, tmp_path, name, what):
    outside = tmp_path / "outside"
    outside.mkdir()
    bundle(okse, [layer(("bin/a", program.read_bytes()), ("link", str(outside)), ("deep", None), ("deep/link", str(outside)), (name, what))])
    result = okse("try", "x.okse", "--", "/bin/a", "quiet")
    # an archive of ours takes no such layer apart; the program must not have been started with half of it either
    assert os.listdir(outside) == [] and (result.status in (2, 3) or name.startswith(("link", "deep"))), repr(result)
    assert not [path for path in tmp_path.rglob("escape")]


def test_an_absolute_name_stays_inside(okse, program, tmp_path):
    bundle(okse, [layer(("/bin/a", program.read_bytes()), (f"{tmp_path}/absolute", b"x"))])
    okse("try", "x.okse", "--", "/bin/a", "quiet", status=0)
    assert not (tmp_path / "absolute").exists()


def test_no_scratch_is_left(okse, program, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    bundle(okse, [layer(("bin/a", program.read_bytes()))])
    okse("try", "x.okse", "--", "/bin/a", "quiet", status=0, env={"TMPDIR": str(scratch)})
    assert os.listdir(scratch) == []


# ---- the record as evidence

def judged(okse, *words):
    told = okse("audit", "--bundle", "x.okse", "--country", "VN", "--json", *words).json
    row, = [f for f in told["findings"] if f["control"] == "trial.offline"]
    return row


def with_papers(okse, program, config):
    bundle(okse, [layer(("bin/a", program.read_bytes()))], config)
    (okse.directory / "papers").mkdir(exist_ok=True)
    text = (okse.directory / "stack.yaml").read_text()
    (okse.directory / "stack.yaml").write_text(text + "  - {name: papers, kind: compliance, source: {path: papers}}\n")


def test_a_record_is_evidence_for_the_image_it_is_of(okse, program):
    quiet = {"Entrypoint": ["/bin/a", "quiet"]}
    with_papers(okse, program, quiet)
    write(okse.directory / "papers/note.md", "x\n")
    okse("build", "stack.yaml", "--country", "VN", "-o", "x.okse", "--unsigned", status=0)
    assert judged(okse)["status"] == "inconclusive" and judged(okse)["severity"] == "recommended", "nobody tried it"
    okse("try", "x.okse", "-o", "papers/trial-server.json", status=0)
    okse("build", "stack.yaml", "--country", "VN", "-o", "x.okse", "--unsigned", status=0)
    assert judged(okse)["status"] == "pass"
    # the same record beside another image is no evidence
    record = (okse.directory / "papers/trial-server.json").read_text()
    with_papers(okse, program, {**quiet, "Env": ["OTHER=1"]})
    write(okse.directory / "papers/trial-server.json", record)
    okse("build", "stack.yaml", "--country", "VN", "-o", "x.okse", "--unsigned", status=0)
    assert judged(okse)["status"] == "inconclusive"


def test_a_record_of_attempts_is_told(okse, program):
    with_papers(okse, program, {"Entrypoint": ["/bin/a", "fork"]})
    okse("try", "x.okse", "-o", "papers/trial-server.json", status=1)
    okse("build", "stack.yaml", "--country", "VN", "-o", "x.okse", "--unsigned", status=0)
    row = judged(okse)
    assert row["status"] == "fail" and row["evidence"][0]["file"] == "papers/trial-server.json" and "203.0.113.5 port 6514" in row["evidence"][0]["message"]


def test_a_record_that_was_made_of_a_directory_is_of_no_image(okse, program, root):
    with_papers(okse, program, {"Entrypoint": ["/bin/a", "quiet"]})
    okse("try", root, "-o", "papers/trial-server.json", "--", "/bin/a", "quiet", status=0)
    okse("build", "stack.yaml", "--country", "VN", "-o", "x.okse", "--unsigned", status=0)
    assert judged(okse)["status"] == "inconclusive"


# ---- a real program in a real image: Debian's Python, put into an image by umoci

SERVICE = """import os, urllib.request
if os.environ.get("TELEMETRY") != "0":
    try:
        urllib.request.urlopen("http://usage.vendor.example/v1/start", timeout=5)
    except OSError as error:
        print("not reached:", error)
print("serving")
"""


@pytest.fixture(scope="module")
def layout(tmp_path_factory):
    """An image layout with two tags: `on` tells its vendor that it was started, `off` was told not to."""
    library = pathlib.Path("/usr/lib/python3.11")
    if shutil.which("umoci") is None or not library.is_dir():
        pytest.skip("needs umoci and Debian's Python")
    place = tmp_path_factory.mktemp("image")
    rootfs, image = place / "bundle/rootfs", place / "layout"

    def umoci(*words):
        run("umoci", "--log=error", *words)
    umoci("init", "--layout", image)
    umoci("new", "--image", f"{image}:base")
    umoci("unpack", "--rootless", "--image", f"{image}:base", place / "bundle")
    shutil.copytree(library, rootfs / "usr/lib/python3.11", symlinks=True, ignore=shutil.ignore_patterns("__pycache__", "test*", "config-*", "dist-packages", "lib2to3", "pydoc*", "unittest"))
    for path in ["/usr/bin/python3.11", *re.findall(r"(/\S+) \(0x", run("ldd", "/usr/bin/python3.11"))]:
        (rootfs / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, rootfs / path[1:])
    write(rootfs / "opt/service.py", SERVICE)
    umoci("repack", "--image", f"{image}:base", place / "bundle")
    for tag, value in (("on", "1"), ("off", "0")):
        umoci("config", "--image", f"{image}:base", "--tag", tag, "--config.entrypoint", "/usr/bin/python3.11", "--config.cmd", "/opt/service.py", "--config.env", f"TELEMETRY={value}")
    return image


def released(okse, layout, tag):
    (okse.directory / "papers").mkdir(exist_ok=True)
    write(okse.directory / "papers/note.md", "x\n")
    (okse.directory / "stack.yaml").write_text(HEAD + f"  - {{name: server, kind: runtime, source: {{oci: {layout}, ref: '{tag}', platform: linux/amd64}}}}\n"
                                               "  - {name: papers, kind: compliance, source: {path: papers}}\n")
    okse("build", "stack.yaml", "--country", "VN", "-o", "x.okse", "--unsigned", status=0)


@pytest.mark.parametrize("tag, status, verdict", [("on", 1, "fail"), ("off", 0, "pass")])
def test_a_real_service_is_tried_and_its_record_is_judged(okse, layout, tag, status, verdict):
    released(okse, layout, tag)
    trial = okse("try", "x.okse", "-o", "papers/trial-server.json", "--json", status=status).json
    assert {a["name"] for a in trial["attempts"]} == ({"usage.vendor.example"} if tag == "on" else set())
    assert trial["ended"] == {"exit": 0} and trial["complete"] and trial["command"] == ["/usr/bin/python3.11", "/opt/service.py"]
    released(okse, layout, tag)
    row = judged(okse)
    assert row["status"] == verdict and (tag == "off" or "usage.vendor.example" in row["evidence"][0]["message"])


def test_an_ordinary_user_may_try_an_image_of_a_bundle(okse, layout, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("is one already")
    released(okse, layout, "on")
    for path in [tmp_path, *tmp_path.parents][:3]:
        path.chmod(0o755)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    os.chown(scratch, 65534, 65534)
    done = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", okse.binary, "try", tmp_path / "x.okse", "--json"], capture_output=True, text=True, cwd="/",
                          env={"PATH": os.environ["PATH"], "TMPDIR": str(scratch)})
    if done.returncode == 3 and "namespaces" in done.stderr:
        pytest.skip("this kernel lets no ordinary user make namespaces")
    assert done.returncode == 1 and [a["name"] for a in json.loads(done.stdout)["attempts"]][:1] == ["usage.vendor.example"], done.stderr
    assert os.listdir(scratch) == []
