"""Parts from nobody we know, parts that change while they are read, and runs that are cut off: what comes out is the bundle or nothing."""
import hashlib
import importlib.util
import json
import os
import pathlib
import random
import shutil
import subprocess
import time

import pytest
from conftest import ROOT, Okse, skip_without_parity
from install_bundle import Site, raw
from small_bundle import canonical, header, padded, pax
from stacks import noise
from test_compressed_parts import values
from test_parts import MIB, NAME, flip, member, part, split


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A signed bundle of a little over 8 MiB in 5 parts and 2 parity parts, plain and compressed; only read."""
    directory = tmp_path_factory.mktemp("hostile")
    okse = Okse(directory)
    site = Site(okse, directory)
    site.make(raw("serving", {"weights.bin": values("a", 5 * MIB // 2, 2), "more.bin": noise("b", 3 * MIB), "config.json": b"{}"}))
    skip_without_parity(split(okse, site.bundle, directory / "plain", "2200K", "--parity", "2", status=None))
    split(okse, site.bundle, directory / "compressed", "2200K", "--parity", "2", "--compress", "weights")
    return site


@pytest.fixture(params=["plain", "compressed"])
def parts(made, tmp_path, request):
    return pathlib.Path(shutil.copytree(made.directory / request.param, tmp_path / "parts"))


def join(okse, made, *places, status=0):
    (okse.directory / "out").mkdir(exist_ok=True)
    output = okse.directory / "out" / "joined.okse"
    result = okse("join", *places, "-o", output, status=status)
    assert output.exists() == (status == 0)
    if status == 0:
        assert subprocess.run(["cmp", output, made.bundle]).returncode == 0 and os.listdir(output.parent) == [output.name]
        output.unlink()
    return result


# --- sets that okse would not have written

def parity_script():
    spec = importlib.util.spec_from_file_location("parts_repair", ROOT / "docs/parts-repair.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def table(data):
    return "".join(hashlib.sha256(data[at:at + MIB]).hexdigest() + "\n" for at in range(0, len(data), MIB)).encode()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def front(label, the_set, kind, number, data):
    """The members before `data`, and where it begins, by docs/formats/parts.md."""
    text = canonical(the_set)
    said = canonical({"kind": kind, "number": number, "schema": "okse.part.v1", "set": digest(text)})
    head = b"".join(header(name, len(body)) + padded(body)
                    for name, body in (("README.txt", label), ("set.json", text), ("part.json", said), ("blocks.sha256", table(data))))
    return head, len(head) + 512 if (len(head) + 512) % 4096 == 0 else -(-(len(head) + 1536) // 4096) * 4096


def write_set(directory, made, cuts):
    """The bundle cut at any multiples of 1 MiB, with one parity part worked out by the script of the docs."""
    bundle, script = made.bundle.read_bytes(), parity_script()
    runs = [bundle[a:b] for a, b in zip([0, *cuts], [*cuts, len(bundle)])]
    the_set = json.loads(member(part(made.directory / "plain", 1), "set.json"))
    label = member(part(made.directory / "plain", 1), "README.txt")  # as long as its own would be, and that is all
    parity = b""
    for at in range(0, max(map(len, runs)), MIB):
        total = bytes(MIB)
        for j, run in enumerate(runs):
            total = script.add(total, script.scale(run[at:at + MIB].ljust(MIB, b"\0"), script.coefficient(len(runs), 0, j)))
        parity += total
    parity = parity[:max(map(len, runs))]
    def row(data, number, **more):
        return {"at": 4096, "blocks": digest(table(data)), "group": 1, "number": number, "sha256": digest(data), "size": len(data), **more}
    the_set["parts"] = [row(run, i + 1, offset=at, length=len(run)) for i, (run, at) in enumerate(zip(runs, [0, *cuts]))]
    the_set["parity"] = [row(parity, 1)]
    all_parts = [(f"{NAME}.{i + 1:04}.part", "data", row, run) for i, (row, run) in enumerate(zip(the_set["parts"], runs))]
    all_parts.append((f"{NAME}.parity.0001.part", "parity", the_set["parity"][0], parity))
    for _ in range(4):  # `at` stands in set.json, whose length it depends on
        for _, kind, its_row, data in all_parts:
            its_row["at"] = front(label, the_set, kind, its_row["number"], data)[1]
    directory.mkdir()
    for name, kind, its_row, data in all_parts:
        head, at = front(label, the_set, kind, its_row["number"], data)
        if at > len(head) + 512:
            head += pax(at - len(head) - 1024)
        (directory / name).write_bytes(head + header("data", len(data)) + padded(data) + bytes(1024))
    return directory


@pytest.mark.parametrize("cuts", [[MIB], [MIB, 7 * MIB], [3 * MIB, 4 * MIB]])
def test_parts_need_not_be_equal(okse, made, tmp_path, cuts):
    """The format does not ask for it: a part may be smaller than those behind it."""
    directory = write_set(tmp_path / "uneven", made, cuts)
    join(okse, made, directory)
    path = part(directory, len(cuts) + 1)  # the last one's last block
    flip(path, path.stat().st_size - 1024 - 600)
    told = join(okse, made, directory).err
    assert "damaged block" in told
    part(directory, 1).unlink()  # other stripes but one
    join(okse, made, directory)
    flip(path, json.loads(member(path, "set.json"))["parts"][-1]["at"])
    assert "cannot be repaired" in join(okse, made, directory, status=1).err


def test_many_large_sets_take_little_memory(okse, made, tmp_path):
    """Every file another set of many parts: what is kept of them has a limit."""
    directory = tmp_path / "many"
    directory.mkdir()
    the_set = json.loads(member(part(made.directory / "plain", 1), "set.json"))
    row = {**the_set["parts"][0], "length": MIB, "size": MIB}
    the_set |= {"parity": [], "groups": 1}
    the_set["parts"] = [{**row, "number": i + 1, "offset": i * MIB, "at": 1 << 21} for i in range(9999)]
    the_set["bundle"]["size"] = 9999 * MIB
    for i in range(3):
        the_set["bundle"]["sequence"] = i
        text = canonical(the_set)
        (directory / f"{i}.part").write_bytes(header("README.txt", 0) + header("set.json", len(text)) + padded(text))
    okse("join", directory, "-o", tmp_path / "no.okse", status=2)


def test_names_on_a_medium_cannot_write_on_the_terminal(okse, made, parts):
    (parts / "\x1b[2Jx\npart 3 of 5 is whole.part").write_bytes(b"no part")
    for words in (["join", parts, "-o", okse.directory / "j.okse"], ["join", "--check", parts]):
        told = okse(*words).err
        assert "\x1b" not in told and "\npart 3" not in told and "is no part, or nothing of it can be recognised" in told
    alone = okse.directory / "\x1b[31ma\nb.part"
    shutil.copy(part(parts, 2), alone)
    told = okse("join", "--check", alone, status=0).out
    assert "\x1b" not in told and told.count("\n") == 1


def test_odd_files_named_like_parts(okse, made, parts):
    """A pipe, a socket's place, a directory, links to a device, to itself and to nowhere: none is read, none stops a join."""
    os.mkfifo(parts / f"{NAME}.0006.part")
    (parts / "directory.part").mkdir()
    (parts / "zero.part").symlink_to("/dev/zero")
    (parts / "loop.part").symlink_to("loop.part")
    (parts / "sparse.part").touch()
    os.truncate(parts / "sparse.part", 1 << 40)
    part(parts, 3).rename(okse.directory / "third")
    part(parts, 3).symlink_to(okse.directory / "third")  # a link to a part is a part
    told = join(okse, made, parts).err
    assert "loop.part cannot be opened" in told and "sparse.part is no part" in told and "part 3" not in told


# --- bytes that are flipped, anywhere

def test_any_byte_at_random(okse, made, parts):
    chance = random.Random(str(parts.parent.name))
    paths = sorted(parts.glob("*.part"))
    for turn in range(int(os.environ.get("OKSE_FLIPS", 14))):
        path = paths[turn % len(paths)]
        size = path.stat().st_size
        at = chance.randrange(size if turn % 3 else 8192)  # a third of them in headers and tables
        flip(path, at)
        checked = okse("join", "--check", path, status=1).err
        assert checked.startswith(("part", "parity part")) and str(path) in checked and checked.count("\n") == 1, (path, at, checked)
        join(okse, made, parts)
        flip(path, at)


# --- changed or cut off

def needs_strace():
    if shutil.which("strace") is None:
        pytest.skip("needs strace")


def traced(okse, parts, injection, *words):
    output = okse.directory / "out" / "joined.okse"
    output.parent.mkdir(exist_ok=True)
    inject = ["-P", okse.directory / "out" / ".joined.okse.joining", "-e", "trace=pwrite64", "-e", f"inject=pwrite64:{injection}"]
    return subprocess.Popen([*words, "strace", "-f", "-qq", "-o", "/dev/null", *inject, okse.binary, "join", parts, "-o", output],
                            env={**okse.environment, "ASAN_OPTIONS": "detect_leaks=0"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_parts_that_are_replaced_while_they_are_joined(okse, made, parts, tmp_path):
    """A copy that still runs writes the parts of another version over these: no bundle that is half of each."""
    needs_strace()
    other = Site(okse, tmp_path)
    other.make(raw("serving", {"weights.bin": values("z", 5 * MIB // 2, 2), "more.bin": noise("y", 3 * MIB), "config.json": b"{}"}))
    more = ["--compress", "weights"] if "encoding" in json.loads(member(part(parts, 1), "set.json")) else []
    split(okse, other.bundle, tmp_path / "other", "2200K", "--parity", "2", *more)
    run = traced(okse, parts, "delay_enter=4000000:when=1", "taskset", "-c", str(min(os.sched_getaffinity(0))))
    for _ in range(200):
        if (okse.directory / "out" / ".joined.okse.joining").exists():
            break
        time.sleep(0.02)
    time.sleep(1)
    for path in sorted(parts.glob("*.part"))[1:]:
        with open(path, "r+b") as file:  # in place, as rsync --inplace or cp does
            file.write((tmp_path / "other" / path.name).read_bytes() if (tmp_path / "other" / path.name).exists() else b"")
    out, told = run.communicate(timeout=120)
    assert run.returncode in (1, 2) and "part" in told, (out, told)  # which of the two MiB come out of step first
    assert not (okse.directory / "out" / "joined.okse").exists()


@pytest.mark.parametrize("when", [1, 2, 3])
def test_killed_at_any_write_and_gone_on_with(okse, made, parts, when):
    needs_strace()
    before = {path: path.read_bytes() for path in parts.iterdir()}
    run = traced(okse, parts, f"signal=KILL:when={when}")
    run.communicate(timeout=120)
    assert run.returncode != 0 and os.listdir(okse.directory / "out") == [".joined.okse.joining"]
    join(okse, made, parts)
    assert {path: path.read_bytes() for path in parts.iterdir()} == before


def test_a_disk_that_fills_up_meanwhile(okse, made, parts):
    """Room is asked for before; somebody else may take it. What was joined of plain parts stays for the next run."""
    needs_strace()
    before = {path: path.read_bytes() for path in parts.iterdir()}
    run = traced(okse, parts, "error=ENOSPC:when=3+")
    _, told = run.communicate(timeout=120)
    assert run.returncode == 3 and "No space left on device" in told, told
    compressed = "encoding" in json.loads(member(part(parts, 1), "set.json"))
    assert os.listdir(okse.directory / "out") == ([] if compressed else [".joined.okse.joining"])
    assert {path: path.read_bytes() for path in parts.iterdir()} == before
    join(okse, made, parts)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
def test_joining_takes_the_bundles_size_and_no_more(okse, made, parts, tmp_path):
    """Compressed parts, too, and with a part to be worked out."""
    part(parts, 1).unlink()
    small, size = tmp_path / "small", made.bundle.stat().st_size
    small.mkdir()
    for room, status in ((size + 16384, 0), (size - MIB, 3)):
        room = -(-room // 4096) * 4096
        done = subprocess.run(["unshare", "-m", "sh", "-c", f"mount -t tmpfs -o size={room} none {small} || exit 77; "
                               f"{okse.binary} join {parts} -o {small}/j.okse; s=$?; cmp {small}/j.okse {made.bundle}; ls -A {small}; exit $s"],
                              capture_output=True, text=True, env=okse.environment)
        if done.returncode == 77 or "unshare:" in done.stderr:
            pytest.skip(done.stderr)
        assert done.returncode == status, done.stderr
        assert (done.stdout.split()[-1:] == ["j.okse"]) if status == 0 else "are free" in done.stderr, done.stdout + done.stderr


# --- cutting

@pytest.mark.parametrize("name", ["civic-search", "a-somewhat-longer-name"])
def test_a_place_that_moves_with_its_own_digits(okse, tmp_path, name):
    """11 parts: set.json with data at 8192 ends where data cannot begin before 12288, and with 12288, a digit more, where it could at 8192."""
    site = Site(okse, tmp_path)
    site.make(raw("serving", {"weights.bin": noise("h", 10 * MIB + 500_000)}), name=name)
    made = okse("split", site.bundle, "--size", "1100K", "-o", tmp_path / "p", "--json", status=0, timeout=60).json
    assert len(made["parts"]) == 11
    for path in (tmp_path / "p").glob("*.part"):
        assert path.stat().st_size <= 1_100_000
        for tool in ("tar", "bsdtar"):
            assert subprocess.run([tool, "-tf", path], check=True, capture_output=True, text=True).stdout.split()[-1] == "data"
    okse("join", tmp_path / "p", "-o", tmp_path / "j.okse", status=0)
    assert okse("join", "--check", tmp_path / "p", status=0).out.count("whole") == 11
    assert subprocess.run(["cmp", tmp_path / "j.okse", site.bundle]).returncode == 0


@pytest.mark.parametrize("size", range(1_066_000, 1_072_000, 1536))
def test_sizes_without_a_byte_to_spare(okse, made, tmp_path, size):
    """Noise, which takes as much room as there can be; whatever is planned holds."""
    site = Site(okse, tmp_path)
    site.make(raw("serving", {"weights.bin": noise("n", 3 * MIB)}))
    for words in ([], ["--parity", "1"], ["--compress", "weights"], ["--compress", "weights", "--parity", "3"]):
        shutil.rmtree(tmp_path / "p", ignore_errors=True)
        done = okse("split", site.bundle, "--size", str(size), *words, "-o", tmp_path / "p")
        if done.status != 0:
            assert done.status == 2 and "has no room for a" in done.err, repr(done)
            continue
        assert max(path.stat().st_size for path in (tmp_path / "p").glob("*.part")) <= size
        okse("join", tmp_path / "p", "-o", tmp_path / "j.okse", status=0)
        assert subprocess.run(["cmp", tmp_path / "j.okse", site.bundle]).returncode == 0
