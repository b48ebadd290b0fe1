"""A build that is killed leaves nothing under the final name, and the next one goes on from what it left."""
import json
import os
import random
import shutil
import subprocess
import time
import pytest
from stacks import Bundle, noise, simple, write

MIB = 1 << 20


def sums(*shards):
    """What is kept when the first ones of these, the largest first, are."""
    return [sum((12 + shard) * MIB + shard for shard in shards[:count]) for count in range(1, len(shards) + 1)]


def words(okse, stack, output, *more):
    return [okse.binary, "build", stack, "--country", "VN", "--gate", "off", "--unsigned", "--json", "-o", output, *more]


def finish(okse, stack, output, *more):
    done = subprocess.run(words(okse, stack, output, *more), capture_output=True, text=True, env=okse.environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def place(okse, tmp_path):
    """Files that differ, large enough to be caught between; and the bundle that an undisturbed build makes of them."""
    for number in range(6):
        path = tmp_path / f"data/shard-{number}"
        write(path, noise(str(number), 100_000 + number))
        os.truncate(path, (12 + number) * MIB + number)
    write(tmp_path / "data/small", "small\n")
    stack = simple(tmp_path, kind="weights")
    (tmp_path / "out").mkdir()
    assert finish(okse, stack, tmp_path / "whole.okse")["copied"]["kept"] == 0
    return stack, tmp_path / "out/b.okse", tmp_path / "whole.okse"


def interrupt(okse, stack, output, notes=2):
    """SIGKILL when that many files are noted as being in place, at the entry of the call that notes one more."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    journal = output.parent / f".{output.name}.part.journal"
    done = subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", "-P", journal, "-e", "trace=write", "-e",
                           f"inject=write:signal=KILL:when={notes + 2}",  # the first line tells the layout
                           *words(okse, stack, output, "--threads", "1", "--copy", "plain")], capture_output=True,
                          env={**okse.environment, "ASAN_OPTIONS": "detect_leaks=0"})
    assert done.returncode != 0, "it noted fewer files than that"
    assert sorted(os.listdir(output.parent)) == [f".{output.name}.part", journal.name]
    assert journal.read_bytes().count(b"\n") - 1 == notes
    return notes


def same(output, whole):
    assert output.read_bytes() == whole.read_bytes()
    assert os.listdir(output.parent) == [output.name]


def test_the_next_build_goes_on(okse, place):
    stack, output, whole = place
    noted = interrupt(okse, stack, output)
    kept = finish(okse, stack, output)["copied"]["kept"]
    assert noted >= 2 and kept in sums(5, 4, 3, 2, 1, 0)
    same(output, whole)


def test_a_file_that_changed_is_packed_again(okse, place):
    """Same size and bytes, another time of change: it may be another file by now."""
    stack, output, whole = place
    interrupt(okse, stack, output)
    os.utime(stack.parent / "data/shard-5")
    kept = finish(okse, stack, output)["copied"]["kept"]
    assert kept in sums(4, 3, 2, 1, 0)  # without the fifth, which was the first to be noted
    same(output, whole)


def test_other_content_of_the_same_size_is_never_taken_for_the_old(okse, place, tmp_path):
    stack, output, whole = place
    interrupt(okse, stack, output, notes=6)
    with open(tmp_path / "data/shard-5", "r+b") as file:
        file.write(b"other")
    finish(okse, stack, output)
    finish(okse, stack, tmp_path / "changed.okse")
    same(output, tmp_path / "changed.okse")
    assert output.read_bytes() != whole.read_bytes()


def test_bytes_that_were_damaged_are_packed_again(okse, place):
    """The journal is not believed: one bit of the unfinished file is turned over in every piece of it."""
    stack, output, whole = place
    interrupt(okse, stack, output)
    with open(output.parent / f".{output.name}.part", "r+b") as part:
        for at in range(MIB, os.fstat(part.fileno()).st_size, 8 * MIB):
            byte = os.pread(part.fileno(), 1, at)
            os.pwrite(part.fileno(), bytes([byte[0] ^ 1]), at)
    assert finish(okse, stack, output)["copied"]["kept"] == 0
    same(output, whole)


@pytest.mark.parametrize("what", ["another layout", "no journal", "a torn journal", "a foreign journal", "a shorter file"])
def test_what_does_not_fit_is_begun_anew(okse, place, tmp_path, what):
    stack, output, whole = place
    interrupt(okse, stack, output)
    part = output.parent / f".{output.name}.part"
    journal = output.parent / f".{output.name}.part.journal"
    if what == "another layout":
        write(tmp_path / "data/added", noise("added", 5000))
        finish(okse, stack, tmp_path / "other.okse")
        whole = tmp_path / "other.okse"
    elif what == "no journal":
        journal.unlink()
    elif what == "a torn journal":
        journal.write_bytes(journal.read_bytes()[:100])
    elif what == "a foreign journal":
        journal.write_bytes(b"\xff" * 5000)
    else:
        os.truncate(part, 20 * MIB)
    finish(okse, stack, output)
    same(output, whole)


@pytest.mark.parametrize("what", ["writable by others", "a link", "a second name", "a pipe"])
def test_what_others_could_have_written_is_not_gone_on_with(okse, place, what):
    stack, output, whole = place
    interrupt(okse, stack, output)
    part = output.parent / f".{output.name}.part"
    if what == "writable by others":
        part.chmod(0o666)
    elif what == "a link":
        part.rename(output.parent.parent / "elsewhere")
        part.symlink_to("../elsewhere")
    elif what == "a second name":
        os.link(part, output.parent.parent / "second")
    else:
        part.unlink()
        os.mkfifo(part)
    assert finish(okse, stack, output)["copied"]["kept"] == 0
    assert output.read_bytes() == whole.read_bytes()


def test_two_builds_of_one_output_do_not_share(okse, place):
    stack, output, whole = place
    running = [subprocess.Popen(words(okse, stack, output), stdout=subprocess.PIPE, env=okse.environment) for _ in range(3)]
    for process in running:
        assert json.loads(process.communicate()[0])["copied"]["kept"] == 0 and process.returncode == 0
    same(output, whole)


def test_killed_at_random_instants_again_and_again(okse, place):
    stack, output, whole = place
    chance = random.Random(4)
    begin = time.monotonic()
    finish(okse, stack, output)
    usual = time.monotonic() - begin
    for _ in range(4):
        output.unlink(missing_ok=True)
        for _ in range(3):
            process = subprocess.Popen(words(okse, stack, output), env=okse.environment, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            time.sleep(chance.random() * usual)
            process.kill()
            process.wait()
            assert not output.exists() or output.read_bytes() == whole.read_bytes()
        finish(okse, stack, output)
        same(output, whole)


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.parametrize("call", ["fsync", "renameat", "unlinkat", "ftruncate", "fallocate", "flock", "openat"])
def test_killed_at_every_change(okse, tmp_path, call):
    """SIGKILL at the entry of every such call: the old bundle, or the new one, whole; and the next build succeeds."""
    for number in range(3):
        write(tmp_path / f"data/{number}", noise(str(number), 70_000))
    stack, output = simple(tmp_path), tmp_path / "out/b.okse"
    finish(okse, stack, tmp_path / "whole.okse")
    output.parent.mkdir()
    whole, old = (tmp_path / "whole.okse").read_bytes(), b"an older bundle"
    killed = 0
    for at in range(1, 400, 1 if call != "openat" else 11):
        output.write_bytes(old)
        done = subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                               f"inject={call}:signal=KILL:when={at}", *words(okse, stack, output)], capture_output=True,
                              env={**okse.environment, "ASAN_OPTIONS": "detect_leaks=0"})
        if done.returncode == 0:
            break
        killed += 1
        assert output.read_bytes() in (old, whole)
        finish(okse, stack, output)
        assert output.read_bytes() == whole
        assert {name for name in os.listdir(output.parent) if name.endswith((".part", ".journal"))} == set()
    assert killed > 0


def test_it_says_what_was_kept(okse, place):
    stack, output, whole = place
    interrupt(okse, stack, output)
    shown = okse("build", stack, "--country", "VN", "--unsigned", "-o", output, status=0)
    assert "there from an interrupted run, checked" in shown.out
    assert Bundle(output).identity == Bundle(whole).identity
