"""Volumes: okse split cuts a bundle for media, okse join puts it together, and other commands take the parts as they are.
What is damaged, missing, stale or foreign is named, repaired within the parity, and refused beyond it."""
import hashlib
import io
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tarfile
import pytest
from conftest import ROOT, Okse, skip_without_parity
from install_bundle import Site, raw
from memory import measured
from stacks import noise
from test_copy import Disk

MIB = 1 << 20
NAME = "civic-search-1.0.0-VN"


def split(okse, bundle, output, size="2200K", *words, status=0):
    return okse("split", bundle, "--size", size, "-o", output, *words, status=status)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A signed bundle of a little over 8 MiB in 5 parts of 2 MiB and 2 parity parts; only read."""
    directory = tmp_path_factory.mktemp("parts")
    okse = Okse(directory)
    site = Site(okse, directory)
    site.make(raw("serving", {"weights.bin": noise("a", 5 * MIB + 77), "more.bin": noise("b", 3 * MIB), "config.json": b"{}"}))
    skip_without_parity(split(okse, site.bundle, directory / "parts", "2200K", "--parity", "2", status=None))
    return site


@pytest.fixture
def parts(made, tmp_path):
    """A copy to be damaged."""
    return pathlib.Path(shutil.copytree(made.directory / "parts", tmp_path / "parts"))


def part(directory, number, kind=""):
    return directory / f"{NAME}{kind}.{number:04}.part"


def member(path, name):
    with tarfile.open(path) as archive:
        return archive.extractfile(name).read()


def flip(path, at):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 0x10]))


def join(okse, made, *places, status=0, **more):
    """Join beside the parts; the output is the bundle, or there is none."""
    output = okse.directory / "out" / "joined.okse"
    output.parent.mkdir(exist_ok=True)
    result = okse("join", *places, "-o", output, status=status, **more)
    assert output.exists() == (status == 0)
    if status == 0:
        assert output.read_bytes() == made.bundle.read_bytes()
        assert os.listdir(output.parent) == [output.name]
        output.unlink()
    return result


# --- what a part is

def test_parts_are_tars_for_every_reader(made):
    directory = made.directory / "parts"
    names = ["README.txt", "set.json", "part.json", "blocks.sha256", "data"]
    paths = sorted(directory.glob("*.part"))
    assert [path.name for path in paths] == [f"{NAME}.{n:04}.part" for n in range(1, 6)] + [f"{NAME}.parity.{n:04}.part" for n in (1, 2)]
    for path in paths:
        assert path.stat().st_size <= 2_200_000
        for tool in ("tar", "bsdtar"):
            assert subprocess.run([tool, "-tf", path], check=True, capture_output=True, text=True).stdout.split() == names
        with tarfile.open(path) as archive:
            assert [m.name for m in archive] == names
            assert archive.getmember("data").offset_data % 4096 == 0


def test_each_part_says_what_it_is(made):
    directory = made.directory / "parts"
    text = member(part(directory, 1), "set.json")
    the_set = json.loads(text)
    identity = the_set["bundle"]["identity"]
    assert the_set["bundle"]["sha256"] == "sha256:" + hashlib.sha256(made.bundle.read_bytes()).hexdigest()
    assert the_set["bundle"]["size"] == made.bundle.stat().st_size
    for kind, row in [("parts", r) for r in the_set["parts"]] + [("parity", r) for r in the_set["parity"]]:
        path = part(directory, row["number"], "" if kind == "parts" else ".parity")
        data = member(path, "data")
        assert member(path, "set.json") == text
        assert json.loads(member(path, "part.json"))["set"] == "sha256:" + hashlib.sha256(text).hexdigest()
        assert "sha256:" + hashlib.sha256(data).hexdigest() == row["sha256"] and len(data) == row["size"]
        blocks = [hashlib.sha256(data[at:at + MIB]).hexdigest() + "\n" for at in range(0, len(data), MIB)]
        assert member(path, "blocks.sha256").decode() == "".join(blocks)
        if kind == "parts":
            assert data == made.bundle.read_bytes()[row["offset"]:row["offset"] + row["length"]]
        label = member(path, "README.txt").decode()
        assert max(map(len, label.splitlines())) <= 80 and "civic-search" in label
        digits = identity.removeprefix("sha256:")
        assert " ".join(digits[at:at + 4] for at in range(0, 32, 4)) in label
    sheet = (directory / f"{NAME}.labels.txt").read_text()
    assert sheet.count("part 1 of") == 2 and sheet.count("\f") == 0 and "parity part 2 of 2" in sheet


def test_same_bundle_and_options_same_bytes(okse, made, tmp_path):
    shutil.copy(made.bundle, tmp_path / "renamed.okse")
    split(okse, tmp_path / "renamed.okse", tmp_path / "again", "2.2M", "--parity", "40%")
    for path in (made.directory / "parts").iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


def test_by_hand_with_tar_and_cat(made, tmp_path):
    """The commands of docs/formats/parts.md, as they stand there."""
    text = (ROOT / "docs/formats/parts.md").read_text()
    line = text.split("so `")[1].split("`")[0]
    assert line == 'for part in NAME.????.part; do tar -xOf "$part" data; done > NAME.okse'
    subprocess.run(["bash", "-euc", line.replace("NAME", NAME).replace("> ", f"> {tmp_path}/")], cwd=made.directory / "parts", check=True)
    assert (tmp_path / f"{NAME}.okse").read_bytes() == made.bundle.read_bytes()
    checks = [l.strip().split("   #")[0] for l in text.split("## By hand")[1].split("##")[0].splitlines() if l.startswith("    tar")]
    assert len(checks) == 4
    path = part(made.directory / "parts", 2)
    the_set, outputs = json.loads(member(path, "set.json")), []
    for check in checks:
        outputs.append(subprocess.run(["bash", "-euo", "pipefail", "-c", check.replace("PART", str(path))], check=True, capture_output=True, text=True).stdout)
    row = the_set["parts"][1]
    assert outputs[0].split()[0] in member(path, "part.json").decode()
    assert "sha256:" + outputs[1].split()[0] == row["blocks"] and "sha256:" + outputs[2].split()[0] == row["sha256"] and outputs[3] == ""


def test_one_medium_by_hand(made, parts):
    """The page's own commands."""
    script = (ROOT / "docs/verify-by-hand.md").read_text().split("```bash\n")[1].split("```")[0]
    for path in (part(parts, 1), part(parts, 5), part(parts, 2, ".parity")):
        def run():
            return subprocess.run(["bash", "-c", script], env={**os.environ, "part": str(path)}, capture_output=True, text=True)
        assert run().returncode == 0 and "whole: " in run().stdout
        for name, at in places_of(path):
            if name.startswith(("set.json", "blocks", "damaged")):
                flip(path, at)
                assert run().returncode != 0, (name, at)
                flip(path, at)


@pytest.mark.parametrize("text, parts", [("3M", 5), ("3MB", 5), ("3.2M", 3), ("3MiB", 5), ("3.1MiB", 3), ("3.3e6", None), ("0.1G", 1), ("1M", None), ("x", None), ("", None), ("99999999999999999999G", None)])
def test_sizes(okse, made, tmp_path, text, parts):
    """G is 10^9, as media are sold; GiB is 2^30; the file is never larger."""
    result = okse("split", made.bundle, "--size", text, "-o", tmp_path / "p", "--json", status=2 if parts is None else 0)
    if parts is not None:
        assert len(result.json["parts"]) == parts == len(list((tmp_path / "p").glob("*.part")))
    else:
        assert not (tmp_path / "p").exists() or not os.listdir(tmp_path / "p")


def test_never_mixes_two_sets_in_one_directory(okse, made, parts):
    before = sorted(os.listdir(parts))
    assert "parts of two sets must not lie together" in split(okse, made.bundle, parts, "4M", status=2).err
    assert sorted(os.listdir(parts)) == before


def test_one_medium_is_checked_alone(okse, made, parts, tmp_path):
    (tmp_path / "alone").mkdir()
    path = pathlib.Path(shutil.move(part(parts, 2), tmp_path / "alone"))
    assert okse("join", "--check", path, status=0).out == f"{path}: whole (part 2 of 5)\n"
    assert okse("join", "--check", path, "--json", status=0).json["whole"] is True
    flip(path, path.stat().st_size - 1_100_000)
    assert "damaged block 0" in okse("join", "--check", path, status=1).err
    flip(path, 2600)  # set.json, and nothing beside it says what it was
    assert "what it says of itself is damaged" in okse("join", "--check", path, status=1).err
    shutil.copy(part(parts, 1), path.parent)
    assert "set.json" in okse("join", "--check", path, status=1).err


# --- joining

def test_joins_in_any_order_from_anywhere(okse, made, parts, tmp_path):
    (tmp_path / "b").mkdir()
    for number in (1, 4):
        part(parts, number).rename(tmp_path / "b" / f"disc-{number}.part")
    join(okse, made, parts, tmp_path / "b")
    paths = sorted(parts.glob("*.part")) + sorted((tmp_path / "b").glob("*.part"))
    random.Random(3).shuffle(paths)
    join(okse, made, *paths)


def test_one_part_brings_those_beside_it(okse, made, parts):
    join(okse, made, part(parts, 3))
    join(okse, made, part(parts, 2, ".parity"))


def places_of(path):
    """A byte of every kind: (what a message must name, where)."""
    with tarfile.open(path) as archive:
        found = {m.name: m for m in archive}
    data = found["data"]
    yield "README.txt", 5
    yield "README.txt", found["README.txt"].offset_data + 90
    for name in ("set.json", "part.json"):
        yield name, found[name].offset_data - 512 + 3
        yield name, found[name].offset_data + 40
        yield name, found[name].offset_data + found[name].size - 3
    yield "blocks.sha256", found["blocks.sha256"].offset_data - 512
    yield "blocks.sha256", found["blocks.sha256"].offset_data + 10
    yield "the header of data", data.offset_data - 512 + 2
    yield "the header of data", data.offset_data - 600
    yield "damaged block 0", data.offset_data
    yield f"damaged block {(data.size - 1) // MIB}", data.offset_data + data.size - 1
    yield "the end of the archive", data.offset_data + data.size
    yield "the end of the archive", path.stat().st_size - 1


@pytest.mark.parametrize("number, kind", [(1, ""), (5, ""), (2, ".parity")])
def test_a_byte_flipped_anywhere_is_located_and_repaired(okse, made, parts, number, kind):
    path = part(parts, number, kind)
    whole = path.read_bytes()
    for name, at in places_of(path):
        flip(path, at)
        checked = okse("join", "--check", path, status=1)
        assert str(path) in checked.err and name in checked.err and checked.err.count("\n") == 1, (at, checked.err)
        result = join(okse, made, parts)
        assert kind != "" and "block " in name or name in result.err, (at, result.err)
        path.write_bytes(whole)


def test_table_and_data_damaged_together(okse, made, parts):
    path = part(parts, 2)
    with tarfile.open(path) as archive:
        table, data = archive.getmember("blocks.sha256").offset_data, archive.getmember("data").offset_data
    flip(path, table + 3)
    flip(path, data + MIB + 9)
    join(okse, made, parts)


def test_as_many_as_there_is_parity(okse, made, parts):
    part(parts, 1).unlink()
    part(parts, 5).unlink()
    result = join(okse, made, parts)
    assert f"part 1 of 5 ({NAME}.0001.part) is missing" in result.err and "part 5 of 5" in result.err


def test_more_in_different_stripes_than_there_is_parity(okse, made, parts):
    """Every part is damaged, and no stripe more than twice."""
    for number in (1, 2):
        flip(part(parts, number), part(parts, number).stat().st_size // 4)
    for number in (3, 4):
        flip(part(parts, number), part(parts, number).stat().st_size * 3 // 4)
    join(okse, made, parts)


def test_one_more_than_parity_is_refused_with_the_list(okse, made, parts):
    for number in (1, 3, 4):
        part(parts, number).unlink()
    result = join(okse, made, parts, status=1)
    for number in (1, 3, 4):
        assert f"part {number} of 5" in result.err
    assert os.listdir(okse.directory / "out") == []


def test_one_more_damaged_than_parity_is_refused_with_the_list(okse, made, parts):
    for number in (1, 3, 4):
        flip(part(parts, number), 900_000)
    result = okse("join", parts, "-o", okse.directory / "joined.okse", "--json", status=1)
    assert [row["part"] for row in result.json["parts"]] == ["part 1 of 5", "part 3 of 5", "part 4 of 5"]
    assert all(row["damaged"] == [[0, 1]] for row in result.json["parts"])
    assert not (okse.directory / "joined.okse").exists() and "block 0 cannot be repaired" in result.err
    # a good copy of one of them comes by another way: only what was lacking is read
    shutil.copy(part(made.directory / "parts", 3), okse.directory / "again.part")
    again = okse("join", parts, okse.directory / "again.part", "-o", okse.directory / "joined.okse", "--json", status=0)
    assert (okse.directory / "joined.okse").read_bytes() == made.bundle.read_bytes()
    assert again.json["copied"]["written"] <= 2 * MIB and again.json["copied"]["kept"] > 4 * MIB


def test_two_damaged_copies_of_one_part_make_a_whole_one(okse, made, parts, tmp_path):
    for path in parts.glob("*.parity.*"):
        path.unlink()
    shutil.copy(part(parts, 2), tmp_path / "copy.part")
    flip(part(parts, 2), 500_000)
    flip(tmp_path / "copy.part", 1_900_000)
    join(okse, made, parts, status=1)
    join(okse, made, parts, tmp_path / "copy.part")


def test_without_parity_nothing_may_be_lost(okse, made, tmp_path):
    split(okse, made.bundle, tmp_path / "p")
    join(okse, made, tmp_path / "p")
    flip(part(tmp_path / "p", 4), 700_000)
    assert "part 4 of 5" in join(okse, made, tmp_path / "p", status=1).err


def test_truncated_and_longer(okse, made, parts):
    os.truncate(part(parts, 2), 1_500_000)
    with open(part(parts, 3), "ab") as file:
        file.write(b"more")
    result = join(okse, made, parts)
    assert "ends early: 1500000 of" in result.err and "4 bytes stand behind its end" in result.err and "damaged block 1" in result.err
    os.truncate(part(parts, 2), 0)
    join(okse, made, parts)


def test_swapped_names_and_duplicates(okse, made, parts):
    part(parts, 1).rename(parts / "x")
    part(parts, 2).rename(part(parts, 1))
    (parts / "x").rename(part(parts, 2))
    shutil.copy(part(parts, 3), parts / "third.part")
    result = join(okse, made, parts)
    assert "part" not in result.err.replace("parts", "")


def test_what_cannot_be_opened_or_is_no_part_is_named(okse, made, parts):
    part(parts, 2).unlink()
    part(parts, 2).symlink_to("/nowhere/at/all")
    (parts / "notes.part").write_text("no part\n")
    os.mkfifo(parts / "pipe.part")
    result = join(okse, made, parts)
    assert f"{part(parts, 2)} cannot be opened: No such file or directory" in result.err and "part 2 of 5" in result.err
    assert f"{parts}/notes.part is no part" in result.err and "pipe.part" not in result.err


def other_bundle(okse, made, directory, **what):
    directory.mkdir()
    site = Site(okse, directory)
    site.make(raw("serving", {"weights.bin": noise("other", 5 * MIB + 77), "more.bin": noise("b", 3 * MIB), "config.json": b"{}"}), **what)
    split(okse, site.bundle, directory / "parts", "2200K", "--parity", "2")
    return directory / "parts"


def test_stale_and_foreign_parts_are_refused_by_name(okse, made, parts, tmp_path):
    stale = other_bundle(okse, made, tmp_path / "older", sequence=11)
    foreign = other_bundle(okse, made, tmp_path / "foreign", name="elsewhere")
    shutil.copy(part(stale, 2), part(parts, 2))  # over the right one
    shutil.copy(next(foreign.glob("*.0003.part")), parts / "elsewhere.part")
    result = join(okse, made, parts)
    assert f"{part(parts, 2)} is stale" in result.err and f"{parts}/elsewhere.part is foreign" in result.err
    assert "part 2 of 5" in result.err
    for number in (3, 4):
        shutil.copy(part(stale, number), part(parts, number))
    result = okse("join", parts, "-o", tmp_path / "no.okse", status=1)  # now 4 of ours, 3 stale, 1 foreign
    for number in (2, 3, 4):
        assert f"{part(parts, number)} is stale" in result.err and f"part {number} of 5" in result.err


def test_a_stale_part_with_a_damaged_label_is_not_believed(okse, made, parts, tmp_path):
    stale = other_bundle(okse, made, tmp_path / "older", sequence=11)
    shutil.copy(part(stale, 2), part(parts, 2))
    for at in (3, 2000, 4600, 5000):  # whatever it could say of itself
        flip(part(parts, 2), at)
    join(okse, made, parts)


def test_two_sets_alike_need_a_word(okse, made, parts, tmp_path):
    stale = other_bundle(okse, made, tmp_path / "older", sequence=11)
    ours = json.loads(member(part(parts, 1), "part.json"))["set"]
    assert "--set" in join(okse, made, parts, stale, status=2).err
    join(okse, made, parts, stale, "--set", ours)


def test_sources_are_only_read(okse, made, parts):
    part(parts, 1).unlink()
    flip(part(parts, 2), 600_000)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in parts.iterdir()}
    parts.chmod(0o555)
    join(okse, made, parts)
    parts.chmod(0o755)
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in parts.iterdir()} == before


# --- interrupted

def joining(okse):
    return okse.directory / "out" / ".joined.okse.joining"


def start_join(okse, parts, *words, preload=None, **environment):
    output = okse.directory / "out" / "joined.okse"
    output.parent.mkdir(exist_ok=True)
    env = {**okse.environment, **({"LD_PRELOAD": str(preload)} if preload else {}), **environment}
    return subprocess.run([*words, okse.binary, "join", parts, "-o", output, "--json"], env=env, capture_output=True, text=True)


def test_killed_and_gone_on_with(okse, made, parts):
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    done = start_join(okse, parts, "strace", "-f", "-qq", "-o", "/dev/null", "-P", joining(okse), "-e", "trace=pwrite64",
                      "-e", "inject=pwrite64:signal=KILL:when=2", ASAN_OPTIONS="detect_leaks=0")
    assert done.returncode != 0 and os.listdir(okse.directory / "out") == [".joined.okse.joining"]
    result = join(okse, made, parts)
    assert "checked" in result.out
    # what was there is checked, not believed
    done = start_join(okse, parts, "strace", "-f", "-qq", "-o", "/dev/null", "-P", joining(okse), "-e", "trace=pwrite64",
                      "-e", "inject=pwrite64:signal=KILL:when=2", ASAN_OPTIONS="detect_leaks=0")
    flip(joining(okse), 1000)
    join(okse, made, parts)


def test_one_reader_and_many_media(okse, made, parts, tmp_path):
    drive = tmp_path / "drive"
    for number, kind in ((4, ""), (1, ""), (5, ""), (2, ""), (1, ".parity")):  # part 3 is lost
        drive.mkdir()
        shutil.copy(part(parts, number, kind), drive)
        result = okse("join", drive, "--partial", "-o", tmp_path / "j.okse", "--json", status=0 if kind else 4)
        assert result.json["joined"] is bool(kind) and (tmp_path / "j.okse").exists() == bool(kind)
        shutil.rmtree(drive)
    assert (tmp_path / "j.okse").read_bytes() == made.bundle.read_bytes()


def dead_reader():
    path = pathlib.Path(os.environ.get("OKSE", ROOT / "build" / "okse")).parent / "libokse-dead-reader.so"
    if not path.exists():
        pytest.skip("the interposer was not built")
    return path


def test_a_reader_that_dies_is_named_and_the_next_run_goes_on(okse, made, parts):
    for path in parts.glob("*.parity.*"):
        path.unlink()
    done = start_join(okse, parts, preload=dead_reader(), OKSE_DEAD_FILE=part(parts, 3).name, OKSE_DEAD_AT=str(1_200_000), ASAN_OPTIONS="verify_asan_link_order=0")
    assert done.returncode == 3, done.stderr
    assert f"part 3 of 5, {part(parts, 3)}: " in done.stderr and "; unreadable block 1" in done.stderr
    assert json.loads(done.stdout)["joined"] is False
    again = start_join(okse, parts)
    assert again.returncode == 0, again.stderr
    copied = json.loads(again.stdout)["copied"]
    assert copied["written"] == MIB and copied["kept"] == made.bundle.stat().st_size - MIB
    assert (okse.directory / "out/joined.okse").read_bytes() == made.bundle.read_bytes()


def test_a_reader_that_dies_is_repaired_around(okse, made, parts):
    done = start_join(okse, parts, preload=dead_reader(), OKSE_DEAD_FILE=part(parts, 3).name, OKSE_DEAD_AT="900000", ASAN_OPTIONS="verify_asan_link_order=0")
    assert done.returncode == 0 and "unreadable blocks 0-1" in done.stderr, done.stderr
    assert (okse.directory / "out/joined.okse").read_bytes() == made.bundle.read_bytes()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
def test_joining_takes_the_bundles_size_and_no_more(okse, made, parts, tmp_path):
    part(parts, 1).unlink()  # repairs take none either
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


# --- straight from the parts

def test_verify_install_and_inspect_take_parts_as_they_are(okse, made, parts, tmp_path):
    part(parts, 1).unlink()
    flip(part(parts, 3), 900_000)
    (tmp_path / "b").mkdir()
    part(parts, 2).rename(part(tmp_path / "b", 2))
    before = sorted(os.listdir(parts))
    words = ["--trust", made.trust, "--part", tmp_path / "b"]
    verified = okse("verify", parts, *words, "--json", status=0)
    assert verified.json["verdict"] == "verified" and "damaged block 0" in verified.err and "is missing" in verified.err
    okse("install", part(parts, 4), "--root", tmp_path / "root", *words, status=0)
    okse("install", made.bundle, "--root", tmp_path / "other", "--trust", made.trust, status=0)
    def files(root):
        return {path.relative_to(root / "current").as_posix(): path.read_bytes() for path in (root / "current" / "serving").rglob("*") if path.is_file()}
    assert files(tmp_path / "root") == files(tmp_path / "other") != {}
    part(tmp_path / "b", 2).rename(part(parts, 2))
    assert okse("inspect", parts, "--check", "--json", status=0).json == okse("inspect", made.bundle, "--check", "--json", status=0).json
    assert sorted(os.listdir(parts)) == sorted([*before, part(parts, 2).name])


def test_verify_refuses_what_parity_does_not_cover(okse, made, parts, tmp_path):
    for number in (1, 3, 4):
        flip(part(parts, number), 900_000)
    refused = okse("verify", parts, "--trust", made.trust, status=1)
    assert "block 0 cannot be repaired" in refused.out and "part 3 of 5" in refused.out
    for number in (1, 3, 4):
        part(parts, number).unlink()
    assert "part 1 of 5, part 3 of 5, part 4 of 5 are missing" in okse("verify", parts, "--trust", made.trust, status=1).err
    okse("install", parts, "--trust", made.trust, "--root", tmp_path / "root", status=1)


def test_a_thin_bundle_travels_thin(okse, made, tmp_path):
    """Split as it is; from the parts it is complete with a base."""
    newer = Site(okse, tmp_path)
    newer.make(raw("serving", {"weights.bin": noise("a", 5 * MIB + 77), "more.bin": noise("c", 3 * MIB)}), sequence=13)
    thin = tmp_path / "thin.okse"
    okse("thin", newer.bundle, "--against", made.bundle, "-o", thin, status=0)
    split(okse, thin, tmp_path / "p", "1.5M", "--parity", "1")
    part(tmp_path / "p", 1).unlink()
    okse("join", tmp_path / "p", "-o", tmp_path / "j.okse", status=0)
    assert (tmp_path / "j.okse").read_bytes() == thin.read_bytes() and thin.stat().st_size < 4 * MIB
    words = ["verify", tmp_path / "p", "--trust", newer.trust]
    assert okse(*words, "--base", made.bundle, "--json", status=0).json["verdict"] == "verified"
    okse(*words, status=1)


@pytest.mark.parametrize("kind", ["xfs", "ext4"])
def test_blocks_are_shared_where_they_can_be(okse, made, tmp_path, kind):
    disk = Disk(kind, tmp_path / "disk", 400 * MIB)
    try:
        shutil.copy(made.bundle, disk.path / "b.okse")
        cut = split(okse, disk.path / "b.okse", disk.path / "p", "2200K", "--json").json["copied"]
        joined = okse("join", disk.path / "p", "-o", disk.path / "j.okse", "--json", status=0).json["copied"]
        assert (disk.path / "j.okse").read_bytes() == made.bundle.read_bytes()
        size = made.bundle.stat().st_size
        for copied in (cut, joined):
            assert copied["reflink"] + copied["written"] == size
            assert copied["written"] < MIB if kind == "xfs" else copied["reflink"] == 0
    finally:
        disk.close()


# --- by the book, hostile, large

def test_the_script_in_the_docs_repairs(made, parts, tmp_path):
    part(parts, 4).unlink()
    flip(part(parts, 2), 900_000)
    done = subprocess.run([sys.executable, ROOT / "docs/parts-repair.py", *sorted(parts.glob("*.part")), "-o", tmp_path / "r.okse"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "r.okse").read_bytes() == made.bundle.read_bytes() and "block 0 is damaged" in done.stderr
    part(parts, 1).unlink()
    done = subprocess.run([sys.executable, ROOT / "docs/parts-repair.py", *sorted(parts.glob("*.part")), "-o", tmp_path / "s.okse"], capture_output=True, text=True)
    assert done.returncode == 1 and "more parts are damaged" in done.stderr


def rewrite(path, change):
    """The part with another set.json; change: dict → None."""
    with tarfile.open(path) as archive:
        members = [(m, archive.extractfile(m).read()) for m in archive]
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for info, data in members:
            if info.name == "set.json":
                value = json.loads(data)
                change(value)
                data = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
            fresh = tarfile.TarInfo(info.name)
            fresh.size = len(data)
            archive.addfile(fresh, io.BytesIO(data))


@pytest.mark.parametrize("change", [
    lambda s: s["bundle"].update(name="../../../tmp/evil"), lambda s: s["bundle"].update(name="/etc/x"),
    lambda s: s["bundle"].update(version="1/../../x"), lambda s: s["bundle"].update(size=1 << 60), lambda s: s["bundle"].update(size=0),
    lambda s: s["parts"].clear(), lambda s: s["parts"][0].update(offset=5), lambda s: s["parts"][1].update(length=1 << 62),
    lambda s: s["parts"][0].update(size=0), lambda s: s["parts"][0].update(at=512), lambda s: s["parts"][0].update(at=1 << 40),
    lambda s: s.update(groups=0), lambda s: s.update(groups=7), lambda s: s.update(block=4096), lambda s: s.update(more=1),
    lambda s: s["parity"][0].update(size=4096), lambda s: s.update(schema="okse.set.v2"), lambda s: s.update(parity=s["parity"] * 600)])
def test_a_hostile_set_is_refused(okse, made, tmp_path, change):
    path = tmp_path / "x" / "a.part"
    path.parent.mkdir()
    shutil.copy(part(made.directory / "parts", 1), path)
    rewrite(path, change)
    assert "no part of a bundle is here whose set.json is whole" in okse("join", path, cwd=path.parent, status=2).err
    assert os.listdir(path.parent) == ["a.part"]


def test_a_place_without_parts_is_named(okse, tmp_path):
    for places in ([tmp_path], [tmp_path, tmp_path / "other"]):
        places[-1].mkdir(exist_ok=True)
        told = okse("join", *places, "-o", tmp_path / "x", status=2).err
        assert told.startswith(f"okse: {tmp_path}{' and the other places' if len(places) > 1 else ''}: no part of a bundle is here")


def test_the_default_name_stays_here(okse, made, parts, tmp_path):
    (tmp_path / "here").mkdir()
    okse("join", parts, cwd=tmp_path / "here", status=0)
    assert os.listdir(tmp_path / "here") == [f"{NAME}.okse"]


def test_a_full_disk_is_told_before(okse, made, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("mounts a file system")
    small = tmp_path / "small"
    small.mkdir()
    done = subprocess.run(["unshare", "-m", "sh", "-c", f"mount -t tmpfs -o size=4m none {small} || exit 77; "
                           f"{okse.binary} split {made.bundle} --size 3M -o {small}; s=$?; ls -A {small}; exit $s"], capture_output=True, text=True, env=okse.environment)
    if done.returncode == 77 or "unshare:" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 3 and "are free" in done.stderr and done.stdout == ""


def test_hundreds_of_parts_in_groups(okse, tmp_path):
    """More than 255 parts: groups of the code. And more than 999 would be 1000 for others."""
    site = Site(okse, tmp_path)
    with open(tmp_path / "zeros", "wb") as file:
        file.truncate(260 * MIB)
    site.make(raw("serving", {"zeros.bin": (tmp_path / "zeros").read_bytes()}))
    made = split(okse, site.bundle, tmp_path / "p", "1.2M", "--parity", "4", "--json", status=None)
    skip_without_parity(made)
    made = made.json
    assert made["groups"] == 2 and len(made["parts"]) > 264
    for path in sorted((tmp_path / "p").glob(f"{NAME}.000[1-4].part")):
        path.unlink()
    okse("join", tmp_path / "p", "-o", tmp_path / "j.okse", status=0)
    assert subprocess.run(["cmp", tmp_path / "j.okse", site.bundle]).returncode == 0
    part(tmp_path / "p", 5).unlink()
    okse("join", tmp_path / "p", "-o", tmp_path / "k.okse", status=1)


@pytest.mark.skipif("ASAN_OPTIONS" in os.environ or "asan" in os.environ.get("OKSE", ""), reason="sanitizers keep shadow memory")
def test_memory_stays_flat(okse, made, tmp_path):
    """400 MiB, half of the parts worked out from parity."""
    site = Site(okse, tmp_path)
    with open(tmp_path / "payload", "wb") as file:
        for number in range(100):
            file.write(noise(str(number), MIB))
        file.truncate(400 * MIB)
    site.make(raw("serving", {"a.bin": (tmp_path / "payload").read_bytes()}))
    assert measured(okse, "split", site.bundle, "--size", "8M", "--parity", "100%", "-o", tmp_path / "p")[0] < 64 * MIB
    for number in range(1, 58, 2):
        part(tmp_path / "p", number).unlink(missing_ok=True)
    assert measured(okse, "join", tmp_path / "p", "-o", tmp_path / "j.okse")[0] < 64 * MIB
    assert subprocess.run(["cmp", tmp_path / "j.okse", site.bundle]).returncode == 0
