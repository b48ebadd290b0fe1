"""How payload is verified: by which digest, every fault by name, and on after an interruption. Bundles are written by hand."""
import json
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import time

import pytest

import install_bundle as ib
import signing
from small_bundle import canonical, fsverity, sha

SEGMENT = 64 << 20
PROGRESS = "verify-progress.json"
SLOW = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>
/* Lets OKSE_FAST large reads through, tells descriptor OKSE_TELL, reads OKSE_GO to its end, and makes every later one wait.
   One thread. */
ssize_t pread64(int fd, void *to, size_t size, off64_t at)
{
    static ssize_t (*real)(int, void *, size_t, off64_t);
    static int seen;
    if (real == NULL)
        real = (ssize_t (*)(int, void *, size_t, off64_t))dlsym(RTLD_NEXT, "pread64");
    if (size >= 65536 && seen++ == atoi(getenv("OKSE_FAST"))) {
        char end;
        if (write(atoi(getenv("OKSE_TELL")), "!", 1) != 1)
            abort();
        while (read(atoi(getenv("OKSE_GO")), &end, 1) != 0)
            ;
    }
    if (size >= 65536 && seen > atoi(getenv("OKSE_FAST")))
        usleep((useconds_t)atoi(getenv("OKSE_WAIT")));
    return real(fd, to, size, at);
}
"""


@pytest.fixture
def site(okse, tmp_path):
    return ib.Site(okse, tmp_path)


def verify(site, *words, status=0, **more):
    return site.okse("verify", site.bundle, "--trust", site.trust, "--at", "2030-01-01", "--json", *words, status=status,
                     **more).json


def verify_pipe(site, *words, status=0):
    with open(site.bundle, "rb") as bundle:
        done = subprocess.run([site.okse.binary, "verify", "-", "--trust", site.trust, "--at", "2030-01-01", "--json", *words],
                              stdin=bundle, capture_output=True, env=site.okse.environment)
    assert done.returncode == status, done
    return json.loads(done.stdout)


def pattern(size, seed):
    """Bytes that differ from block to block, quickly made."""
    unit = b"".join((seed * 1000003 + i).to_bytes(8, "little") for i in range(16381))
    return (unit * (size // len(unit) + 1))[:size]


def offset_of(site, data):
    return site.bundle.read_bytes().index(data)


def flip(site, at):
    with open(site.bundle, "r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 1]))


def lying(part, change):
    """The same component after change(layers)."""
    told = json.loads(part.manifests[0][0])
    change(told["layers"])
    part.manifests[0] = canonical(told), None
    return part


# ---- by which digest

def test_files_go_by_their_tree_and_the_rest_by_sha256(site):
    weights = ib.raw("model", {"a.bin": pattern(3 << 20, 1), "b.bin": b""}, "weights")
    runtime = ib.tar("tools", {"bin/run": b"#!/bin/sh\n"}, {"sh": "bin/run"})
    site.make(weights, runtime, ib.image("serving"))
    tar, image = sum(map(len, runtime.payload)), len(ib.image("serving").payload[0])
    for checked in (verify(site)["checked"], verify_pipe(site)["checked"]):
        assert checked["components"] == [{"name": "model", "digest": "fs-verity"}, {"name": "tools", "digest": "sha256"},
                                         {"name": "serving", "digest": "sha256"}]
        assert (checked["digest"], checked["bytes"]) == ("mixed", {"fs-verity": 3 << 20, "sha256": tar + image})
        assert (checked["read"], checked["resumed"]) == ((3 << 20) + tar + image, None)
    for checked in (verify(site, "--both")["checked"], verify_pipe(site, "--both")["checked"]):
        assert checked["components"][0]["digest"] == "both" and checked["digest"] == "sha256"
        assert checked["bytes"] == {"fs-verity": 3 << 20, "sha256": (3 << 20) + tar + image}
        assert checked["read"] == (3 << 20) + tar + image
    words = site.okse("verify", site.bundle, "--trust", site.trust, "--at", "2030-01-01", status=0).out
    assert "3.0 MiB by fs-verity tree" in words and "by SHA-256" in words


@pytest.mark.parametrize("size", [SEGMENT, 2 * SEGMENT + 5 * 4096 + 1])
def test_byte_changed_in_any_segment_of_a_large_file(site, size):
    data = pattern(size, 7)
    site.make(ib.raw("model", {"config.json": b"[]", "large.bin": data}, "weights"))
    start = offset_of(site, data[:1 << 20])
    assert verify(site)["checked"]["bytes"]["fs-verity"] == size + 2
    verify_pipe(site)
    for at in sorted({0, SEGMENT - 1, SEGMENT, size - 4096, size - 1}):
        if at >= size:
            continue
        flip(site, start + at)
        for verdict in (verify(site, status=1), verify(site, "--both", status=1), verify_pipe(site, status=1)):
            assert len(verdict["reasons"]) == 1 and sha(data) in verdict["reasons"][0], (at, verdict)
            assert f"model/large.bin, byte {start}" in verdict["reasons"][0]
        flip(site, start + at)
    verify(site)


def test_a_wrong_tree_under_a_good_signature_is_refused(site):
    data = pattern(1 << 20, 3)

    def lie(layers):
        layers[0]["annotations"]["dev.okse.fsverity"] = "sha256:" + fsverity(data + b"x")

    site.make(lying(ib.raw("model", {"a.bin": data}, "weights"), lie))
    for verdict in (verify(site, status=1), verify_pipe(site, status=1), verify(site, "--both", status=1)):
        assert "other content than its fs-verity digest says" in verdict["reasons"][0]
    site.okse("inspect", "--check", site.bundle, status=1)
    site.okse("sign", site.bundle, "--key", site.key.path, "--role", "auditor", "--check", status=1)
    site.install("--dry-run", status=1)


def test_a_wrong_tree_of_a_file_that_is_metadata_too_is_refused(site):
    """Statements bring the blob {}, which a file may equal: then it is checked when it is read."""
    site.make(ib.raw("model", {"a.json": b"{}"}, "weights"))
    verify(site)
    site.make(lying(ib.raw("model", {"a.json": b"{}"}, "weights"), lambda layers: layers[0]["annotations"].update(
        {"dev.okse.fsverity": "sha256:" + fsverity(b"[]")})))
    for verdict in (verify(site, status=1), verify_pipe(site, status=1)):
        assert "(model/a.json" in verdict["reasons"][0] and "fs-verity digest" in verdict["reasons"][0]


def test_a_wrong_name_under_a_good_signature_is_seen_by_both(site):
    """A trusted signer whose SHA-256 is wrong: the tree is right, so only --both (and signing, installing) can tell."""
    data, other = pattern(1 << 20, 3), pattern(1 << 20, 4)

    def lie(layers):
        layers[0]["annotations"]["dev.okse.fsverity"] = "sha256:" + fsverity(other)

    site.make(lying(ib.raw("model", {"a.bin": data}, "weights"), lie), change=lambda blob: other if blob == data else blob)
    assert verify(site)["checked"]["digest"] == "fs-verity"
    for verdict in (verify(site, "--both", status=1), verify_pipe(site, "--both", status=1)):
        assert "other content than its name says" in verdict["reasons"][0]
    site.okse("inspect", "--check", site.bundle, status=1)
    site.okse("sign", site.bundle, "--key", site.key.path, "--role", "auditor", "--check", status=1)
    site.install(status=1)


def test_what_somebody_signed_by_sha256_is_checked_by_it(site):
    """A model signature names files by SHA-256. A vendor with a matching tree over other bytes must not pass for it."""
    data, other = pattern(1 << 20, 3), pattern(1 << 20, 4)
    model = signing.Key(site.directory, "model", "P-256")

    def seal():
        site.okse("sign", site.bundle, "--key", site.key.path, "--oms-key", model.path, status=0,
                  env={"SOURCE_DATE_EPOCH": "1800000000"})

    site.make(ib.raw("model", {"a.bin": data}, "weights"), ib.raw("other", {"b.bin": other[1:]}), sign=False)
    seal()
    for checked in (verify(site)["checked"], verify_pipe(site)["checked"]):
        assert [part["digest"] for part in checked["components"]] == ["sha256", "fs-verity"]
        assert checked["bytes"] == {"fs-verity": len(other) - 1, "sha256": len(data)} and checked["digest"] == "mixed"

    def lie(layers):
        layers[0]["annotations"]["dev.okse.fsverity"] = "sha256:" + fsverity(other)

    site.make(lying(ib.raw("model", {"a.bin": data}, "weights"), lie), sign=False,
              change=lambda blob: other if blob == data else blob)
    seal()
    for verdict in (verify(site, status=1), verify_pipe(site, status=1)):
        assert "other content than its name says" in verdict["reasons"][0]


def test_a_file_that_an_image_names_too_is_checked_by_sha256(site):
    image = ib.image("serving")
    site.make(image, ib.raw("copy", {"layer.bin": image.payload[0], "own.bin": b"own"}))
    checked = verify(site)["checked"]
    assert [part["digest"] for part in checked["components"]] == ["sha256", "mixed"]
    assert checked["bytes"] == {"fs-verity": 3, "sha256": len(image.payload[0])}


def test_one_file_with_two_trees_is_refused(site):
    data = b"same bytes" * 1000

    def lie(layers):
        layers[0]["annotations"]["dev.okse.fsverity"] = "sha256:" + fsverity(b"others")

    site.make(ib.raw("one", {"a": data}), lying(ib.raw("two", {"b": data}), lie))
    assert "their fs-verity digests differ" in verify(site, status=1)["reasons"][0]


# ---- faults

def test_first_fault_or_all_of_them(site):
    files = {f"f{i}.bin": pattern(300000 + i, 20 + i) for i in range(6)}
    tar = ib.tar("tools", {"run": pattern(5000, 40)}, {"again": "run"})
    site.make(ib.raw("model", files, "weights"), ib.raw("copy", {"again.bin": files["f3.bin"]}), tar)
    places = {name: offset_of(site, data) for name, data in files.items()}
    layer = offset_of(site, tar.payload[1])
    for name in ("f1.bin", "f3.bin", "f5.bin"):
        flip(site, places[name] + 1000)
    flip(site, layer + 600)
    expected = [f"blob {sha(files['f1.bin'])} (model/f1.bin, byte {places['f1.bin']})",
                f"blob {sha(files['f3.bin'])} (model/f3.bin, copy/again.bin, byte {places['f3.bin']})",
                f"blob {sha(files['f5.bin'])} (model/f5.bin, byte {places['f5.bin']})",
                f"blob {sha(tar.payload[1])} (tools/layer 2, byte {layer})"]
    for words in ((), ("--fast-fail",), ("--both",)):
        reasons = verify(site, *words, status=1)["reasons"]
        assert len(reasons) == 1 and expected[0] in reasons[0]
        reasons = verify_pipe(site, *words, status=1)["reasons"]
        assert len(reasons) == 1 and expected[0] in reasons[0]
    for verdict in (verify(site, "--all", status=1), verify_pipe(site, "--all", status=1)):
        assert len(verdict["reasons"]) == 4
        for found, wanted in zip(verdict["reasons"], expected):
            assert wanted in found
    site.okse("verify", site.bundle, "--trust", site.trust, "--all", "--fast-fail", status=2)


# ---- interruptions

@pytest.fixture(scope="module")
def slow(tmp_path_factory):
    """A library that holds reading up at a known place."""
    if shutil.which("gcc") is None or shutil.which("taskset") is None or "san" in os.environ.get("OKSE", ""):
        pytest.skip("needs gcc and taskset, and no sanitizer")
    directory = tmp_path_factory.mktemp("slow")
    (directory / "slow.c").write_text(SLOW)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", "slow.so", "slow.c", "-ldl"], cwd=directory, check=True)
    return directory / "slow.so"


@pytest.fixture(scope="module")
def master(tmp_path_factory):
    """A signed bundle with one file of four segments and a bit, made once."""
    directory = tmp_path_factory.mktemp("master")
    site, data = ib.Site(None, directory), pattern(4 * SEGMENT + 12345, 9)
    site.make(ib.raw("model", {"large.bin": data}, "weights"))
    return site, data


@pytest.fixture
def big(okse, tmp_path, master):
    """A copy of it, and a state directory on another file system."""
    site, data = ib.Site(okse, tmp_path), master[1]
    for path in master[0].directory.iterdir():
        shutil.copyfile(path, tmp_path / path.name)
    memory = pathlib.Path("/dev/shm")
    device = os.stat(site.directory).st_dev
    number = f"/sys/dev/block/{os.major(device)}:{os.minor(device)}"
    if not memory.is_dir() or os.stat(memory).st_dev == device or not (
            os.path.exists(number + "/diskseq") or os.path.exists(number + "/../diskseq")):
        pytest.skip("needs /dev/shm, and a test directory on a disk that the kernel numbers (diskseq)")
    site.start, site.data = offset_of(site, data[:1 << 20]), data
    site.state = memory / f"okse-test-{os.getpid()}"
    shutil.rmtree(site.state, ignore_errors=True)
    yield site
    shutil.rmtree(site.state, ignore_errors=True)
    site.bundle.unlink()


def held_up(site, slow, reads, act, wait=0, state=None):
    """verify on one processor: after so many reads of 256 KiB it stands still while act(process) runs, then each waits so many µs."""
    tell, told = os.pipe()
    going, go = os.pipe()
    process = subprocess.Popen(
        ["taskset", "-c", str(min(os.sched_getaffinity(0))), site.okse.binary, "verify", site.bundle, "--trust", site.trust,
         "--state", state or site.state], stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=[told, going], text=True,
        env={**site.okse.environment, "LD_PRELOAD": str(slow), "OKSE_FAST": str(reads), "OKSE_WAIT": str(wait),
             "OKSE_TELL": str(told), "OKSE_GO": str(going)})
    os.close(told)
    os.close(going)
    assert os.read(tell, 1) == b"!"
    os.close(tell)
    act(process)
    os.close(go)
    return process


def interrupt(process):
    process.send_signal(signal.SIGINT)


def interrupted(site, slow, segments):
    process = held_up(site, slow, segments * SEGMENT // (256 << 10) + 3, interrupt, wait=20000)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 3 and out == ""
    return err


def test_interrupted_verification_goes_on_where_it_was(big, slow):
    assert "the same command goes on from there" in interrupted(big, slow, 3)
    assert stat.S_IMODE(os.stat(big.state / PROGRESS).st_mode) == 0o600
    checked = verify(big, "--state", big.state)["checked"]
    assert checked["resumed"]["bytes"] == 3 * SEGMENT
    assert checked["read"] == len(big.data) - 3 * SEGMENT and checked["bytes"]["fs-verity"] == len(big.data)
    assert os.listdir(big.state) == ["seen.json"]
    assert verify(big, "--state", big.state)["checked"]["resumed"] is None


def test_interrupted_twice_keeps_what_both_runs_checked(big, slow):
    interrupted(big, slow, 1)
    since = json.loads((big.state / PROGRESS).read_text())["since"]
    interrupted(big, slow, 2)
    checked = verify(big, "--state", big.state)["checked"]
    assert checked["resumed"] == {"bytes": 3 * SEGMENT, "since": since}


def test_killed_verification_goes_on_from_what_it_wrote_last(big, slow):
    process = held_up(big, slow, SEGMENT // (256 << 10), lambda _: None, wait=22000)  # a segment lasts longer than the writing interval
    while not (big.state / PROGRESS).exists() and process.poll() is None:
        time.sleep(0.1)
    process.kill()
    process.communicate()
    checked = verify(big, "--state", big.state)["checked"]
    assert checked["resumed"]["bytes"] >= 2 * SEGMENT
    assert checked["read"] == len(big.data) - checked["resumed"]["bytes"]


def test_damage_in_the_rest_is_found_and_the_record_goes(big, slow):
    flip(big, big.start + 4 * SEGMENT)
    interrupted(big, slow, 3)
    verdict = verify(big, "--state", big.state, status=1)
    assert sha(big.data) in verdict["reasons"][0] and verdict["checked"]["resumed"]["bytes"] == 3 * SEGMENT
    assert not (big.state / PROGRESS).exists()


def test_changed_file_is_checked_from_the_start(big, slow):
    """Where the first run has been already; the time of modification is put back, as an attacker would."""
    interrupted(big, slow, 3)
    before = os.stat(big.bundle)
    flip(big, big.start + 5)
    os.utime(big.bundle, ns=(before.st_atime_ns, before.st_mtime_ns))
    done = big.okse("verify", big.bundle, "--trust", big.trust, "--at", "2030-01-01", "--state", big.state, status=1)
    assert "everything was checked" in done.err and sha(big.data) in done.out


def test_another_manner_or_bundle_starts_anew(big, slow):
    interrupted(big, slow, 3)
    assert verify(big, "--state", big.state, "--both")["checked"]["resumed"] is None
    interrupted(big, slow, 3)
    site, first = big, big.bundle
    site.bundle = site.directory / "other.okse"
    site.make(ib.raw("model", {"large.bin": big.data[1:]}, "weights"), sequence=13)
    assert verify(site, "--state", site.state)["checked"]["resumed"] is None
    site.bundle = first


def forge(big, slow, change):
    """A record about a damaged file that says its damaged part was checked, with the digests of the undamaged one."""
    interrupted(big, slow, 3)
    told = json.loads((big.state / PROGRESS).read_text())
    flip(big, big.start + 5)
    info = os.stat(big.bundle)

    def moment(ns):
        return f"{ns // 10**9}.{ns % 10**9:09d}"

    words = told["file"].split()
    words[words.index("modified") + 1], words[words.index("changed") + 1] = moment(info.st_mtime_ns), moment(info.st_ctime_ns)
    told["file"] = " ".join(words)
    change(told)
    (big.state / PROGRESS).write_text(json.dumps(told))


FORGERIES = {
    "another boot": lambda told: told.update(file=told["file"].replace("boot ", "boot 0")),
    "another medium": lambda told: told.update(file=told["file"].replace("medium ", "medium 9")),
    "another inode": lambda told: told.update(file=told["file"].replace("inode ", "inode 9")),
    "another identity": lambda told: told.update(bundle="sha256:" + "0" * 64),
    "another manner": lambda told: told.update(both=True),
    "fewer segments": lambda told: told["blobs"][0]["segments"].pop(),
    "no document": lambda told: told.clear(),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_forged_record_is_not_believed(big, slow, name):
    forge(big, slow, FORGERIES[name])
    assert verify(big, "--state", big.state, status=1)["checked"]["resumed"] is None


def test_record_that_others_could_have_written_is_not_believed(big, slow):
    forge(big, slow, lambda told: None)
    record = big.state / PROGRESS

    def refused(words):
        kept = record.read_bytes()
        done = big.okse("verify", big.bundle, "--trust", big.trust, "--at", "2030-01-01", "--state", big.state, status=1)
        assert words in done.err and sha(big.data) in done.out
        record.unlink(missing_ok=True)
        record.write_bytes(kept)

    os.chmod(record, 0o666)
    refused("could have been written by others")
    if os.geteuid() == 0:
        os.chown(record, 0, 0), os.chmod(record, 0o620)
        refused("could have been written by others")
    os.link(record, big.state / "second-name")
    refused("could have been written by others")
    (big.state / "second-name").unlink(missing_ok=True)
    record.rename(big.state / "elsewhere")
    record.symlink_to("elsewhere")
    refused("cannot be opened")
    os.chmod(big.state, 0o777)
    kept = record.read_bytes()
    done = big.okse("verify", big.bundle, "--trust", big.trust, "--at", "2030-01-01", "--state", big.state, status=1)
    assert sha(big.data) in done.out
    os.chmod(big.state, 0o755)
    # What only this user can write is believed: the forger above had to be the user himself.
    record.unlink(missing_ok=True)
    record.write_bytes(kept)
    os.chmod(record, 0o600)
    assert verify(big, "--state", big.state)["checked"]["resumed"]["bytes"] == 3 * SEGMENT


def test_nothing_is_remembered_on_the_medium_itself(big, slow):
    state = big.directory / "state"
    process = held_up(big, slow, 3 * SEGMENT // (256 << 10) + 3, interrupt, wait=20000, state=state)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 3 and "not remembered: the state directory is on the bundle's own medium" in err
    assert not (state / PROGRESS).exists()


def test_file_that_is_changed_while_it_is_verified_is_refused(big, slow):
    process = held_up(big, slow, 3 * SEGMENT // (256 << 10), lambda _: flip(big, big.start))
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1 and "was changed while it was being checked" in out + err


def test_file_that_is_cut_off_while_it_is_verified_is_refused(big, slow):
    process = held_up(big, slow, 2 * SEGMENT // (256 << 10), lambda _: os.truncate(big.bundle, big.start + 3 * SEGMENT))
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1 and "was changed while it was being checked" in out + err, out + err


# ---- what is installed

def test_drift_of_a_large_file_is_found_in_any_segment(site):
    data = pattern(2 * SEGMENT + 4097, 11)
    site.make(ib.raw("model", {"large.bin": data, "small.bin": b"small"}, "weights"))
    site.install()
    assert site.status()["clean"]
    file = site.root / "current" / "model" / "large.bin"
    if site.status()["installed"]["sealed"] > 0:
        pytest.skip("this file system seals what is installed")
    for at in (0, SEGMENT, len(data) - 1):
        changed = bytearray(data[at:at + 1])
        changed[0] ^= 1
        with open(file, "r+b") as out:
            out.seek(at)
            out.write(changed)
        told = site.status(status=1)["installed"]
        found = data[:at] + bytes(changed) + data[at + 1:]
        assert told["drift"] == [{"component": "model", "path": "large.bin", "status": "changed",
                                  "expected": "sha256:" + sha(data), "actual": "sha256:" + sha(found)}]
        with open(file, "r+b") as out:
            out.seek(at)
            out.write(data[at:at + 1])
    with open(file, "ab") as out:
        out.write(b"x")
    assert site.status(status=1)["installed"]["drift"][0]["actual"] == "sha256:" + sha(data + b"x")
