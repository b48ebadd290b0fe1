"""A bundle travels while things go wrong: disks fill up, processes are killed or asked to stop, standard output goes away. What was
refused leaves nothing; what was cut off goes on, or begins again, with the same bytes."""
import os
import shutil
import subprocess
import time

import pytest

from test_encrypted_parts import Recipient
from test_journey import Release
from test_serve import Serving

KIB, MIB = 1 << 10, 1 << 20
NEEDS_STRACE = pytest.mark.skipif(shutil.which("strace") is None or "asan" in os.environ.get("OKSE", ""), reason="needs strace, and no sanitizer")


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    made = Release(tmp_path_factory.mktemp("trouble"))
    made.split(made.v2, made.directory / "parts", "--parity", "1")
    return made


def commands(release, place):
    """name → (words that write into `place`, what then lies there, the call that writes it)."""
    return {"split": (["split", release.v2, "--size", "1500K", "--parity", "1", "-o", place / "p"], "p"),
            "encrypted": (["split", release.v2, "--size", "1500K", "--encrypt-to", release.directory / "clinic.crt", "-o", place / "p"], "p"),
            "compressed": (["split", release.v2, "--size", "1500K", "--compress", "weights", "-o", place / "p"], "p"),
            "join": (["join", release.directory / "parts", "-o", place / "x.okse"], "x.okse"),
            "thin": (["thin", release.v2, "--against", release.v1, "--copy", "plain", "-o", place / "x.okse"], "x.okse"),
            "complete": (["thin", release.thin, "--complete", "--base", release.v1, "--copy", "plain", "-o", place / "x.okse"], "x.okse")}


NAMES = ["split", "encrypted", "compressed", "join", "thin", "complete"]


@pytest.fixture
def place(release, tmp_path):
    if not (release.directory / "clinic.crt").exists():
        Recipient(release.directory, "clinic", "P-384")
    return tmp_path


def content(path):
    """Bytes of a file, or of all files of a directory, hidden ones too; those of encrypted parts are other ones every time."""
    if path.is_file():
        return path.read_bytes()
    return {p.name: p.suffix == ".cms" or p.name.endswith((".set.json", ".sha256")) or p.read_bytes() for p in path.iterdir()}


# --- a full disk

def on_small_disk(release, place, room, words):
    """Status, messages, and what is left on a file system of `room` bytes mounted at `place`."""
    place.mkdir(exist_ok=True)
    script = 'mount -t tmpfs -o size="$1" none "$2" || exit 77; at="$2"; shift 2; "$@"; s=$?; echo; echo LEFT; find "$at" -mindepth 1; exit $s'
    done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", str(room), place, release.okse.binary, *map(str, words)], capture_output=True, text=True,
                          env=release.okse.environment)
    if done.returncode == 77 or "unshare:" in done.stderr:
        pytest.skip(done.stderr)
    return done.returncode, done.stderr, done.stdout.split("\nLEFT\n")[1]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
@pytest.mark.parametrize("name", NAMES)
def test_a_full_disk_is_told_and_left_empty(release, place, name):
    for room in (64 * KIB, 256 * KIB, 2 * MIB, 3 * MIB):
        if name == "thin" and room >= 3 * MIB:
            continue  # it fits
        status, told, left = on_small_disk(release, place / "small", room, commands(release, place / "small")[name][0])
        assert status == 3 and ("are free" in told or "No space left on device" in told), (room, told)
        assert left == "", room


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
@pytest.mark.parametrize("name", ["split", "encrypted"])
def test_room_for_the_parts_but_not_for_their_labels(release, place, name):
    """File by file, until all of them fit: what is left is everything or nothing."""
    words = commands(release, place / "small")[name][0]
    seen = []
    for inodes in range(2, 16):
        status, told, left = on_small_disk(release, place / "small", f"64m,nr_inodes={inodes}", words)
        seen.append(status)
        assert (status == 0 and ".labels.txt" in left) or (status == 3 and left == "" and "No space left on device" in told), (inodes, told, left)
    assert seen == sorted(seen, reverse=True) and set(seen) == {0, 3}


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
def test_a_full_disk_while_pulling(release, place):
    with Serving(release.okse, release.v2, "--unverified") as serving:
        words = ["pull", f"oci://{serving.host}/civic:1.2.0", "--plain-http", "-o", place / "small/x.okse"]
        status, told, left = on_small_disk(release, place / "small", 2 * MIB, words)
    assert status == 3 and "are available" in told and left == "", told


# --- cut off

def struck(release, words, signal, when, call="pwrite64"):
    """One processor, so that one thread makes the calls: strace counts them for each."""
    return subprocess.run(["taskset", "-c", "0", "strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal={signal}:when={when}",
                           release.okse.binary, *map(str, words)], capture_output=True, text=True, env=release.okse.environment)


@NEEDS_STRACE
@pytest.mark.parametrize("name", NAMES)
def test_killed_in_the_middle_and_run_again(release, place, name):
    (place / "clean").mkdir()
    words, what = commands(release, place / "clean")[name]
    release.okse(*words, status=0)
    words, _ = commands(release, place / "x")[name]
    (place / "x").mkdir()
    call = "write" if name == "encrypted" else "pwrite64"
    for when in (1, 1, 2) if name == "join" else (1, 3, 7):
        done = struck(release, words, "KILL", when, call)
        assert done.returncode != 0, (when, done.stderr)
        assert not (place / "x/x.okse").exists() and not list((place / "x").glob("p/*.part"))
    release.okse(*words, status=0)
    assert content(place / "x" / what) == content(place / "clean" / what)
    assert os.listdir(place / "x") == [what], "nothing of the killed ones stays"


@NEEDS_STRACE
def test_a_killed_split_with_more_parts_leaves_nothing_beside_the_next(release, place):
    words = ["split", release.v2, "-o", place, "--size"]
    assert struck(release, [*words, "1200K"], "KILL", 9).returncode != 0
    assert [name for name in os.listdir(place) if name.endswith(".unfinished")]
    release.okse(*words, "9M", status=0)
    assert sorted(os.listdir(place)) == ["civic-1.2.0-VN.0001.part", "civic-1.2.0-VN.labels.txt"]


@NEEDS_STRACE
@pytest.mark.parametrize("name", NAMES)
def test_asked_to_stop(release, place, name):
    for number in ("INT", "TERM"):
        (place / number).mkdir()
        words, _ = commands(release, place / number)[name]
        done = struck(release, words, number, 2, "write" if name == "encrypted" else "pwrite64")
        if name == "compressed" and done.returncode == 0:
            continue  # all of it is one batch, and was begun
        assert done.returncode == 3 and "interrupted" in done.stderr, done.stderr
        assert os.listdir(place / number) == ([".x.okse.joining"] if name == "join" else []), done.stderr


# --- standard output

@pytest.mark.parametrize("name", [*NAMES, "verify", "inspect", "check", "dry-run"])
@pytest.mark.parametrize("more", [[], ["--json"]], ids=["words", "json"])
def test_standard_output_that_is_full_or_closed(release, place, name, more):
    others = {"verify": ["verify", release.v2, "--trust", release.trust], "inspect": ["inspect", release.directory / "parts"],
              "check": ["join", "--check", release.directory / "parts"], "dry-run": ["push", release.v2, "--dry-run"]}
    for how in (">/dev/full", ">&-", "<&- >&- 2>&-"):
        (place / "x").mkdir()
        words = others.get(name) or commands(release, place / "x")[name][0]
        done = subprocess.run(["sh", "-c", f'"$@" {how}', "sh", release.okse.binary, *map(str, words), *more], capture_output=True, text=True, env=release.okse.environment)
        assert done.returncode == 3 and ("2>&-" in how or "standard output" in done.stderr), (how, done)
        if name == "join":
            assert (place / "x/x.okse").read_bytes() == release.v2.read_bytes()
        shutil.rmtree(place / "x")


def test_no_file_takes_the_place_of_a_closed_descriptor(release, place):
    """What is said on it would go into that file."""
    os.mkfifo(place / "bundle")
    words = [release.okse.binary, "verify", place / "bundle", "--trust", release.trust, "--record", place / "record.json"]
    process = subprocess.Popen(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *map(str, words)], env=release.okse.environment)
    try:
        with open(place / "bundle", "wb"):
            for _ in range(200):
                opened = {fd: os.readlink(f"/proc/{process.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{process.pid}/fd")}
                if any("record" in path for path in opened.values()):
                    break
                time.sleep(0.02)
        assert {opened[fd] for fd in "012"} == {"/dev/null"}, opened
        assert process.wait(20) == 3
    finally:
        process.kill()
        process.wait()
