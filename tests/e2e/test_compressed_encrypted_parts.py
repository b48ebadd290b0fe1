"""okse split --compress weights --encrypt-to: compressed first, then each part encrypted. openssl gives the compressed parts, okse the bundle."""
import hashlib
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys

import pytest
from conftest import Okse, skip_without_parity
from install_bundle import Site, raw
from memory import measured
from stacks import noise
from test_compressed_parts import UNFRAME, frames_of, member, safetensors, set_of, values
from test_encrypted_parts import MIB, NAME, Recipient, decrypt, flip, join, part, regions

SIZE = 2_200_000


def split(okse, site, output, *words, size="2200K", status=0):
    recipients = ("--encrypt-to", site.rsa.certificate, "--encrypt-to", site.ec.certificate)
    return okse("split", site.bundle, "--size", size, "--compress", "weights", *recipients, "-o", output, *words, status=status)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Parts of BF16, of bytes that do not compress and of text, with parity, for two recipients; and those that openssl decrypted."""
    directory = tmp_path_factory.mktemp("both")
    okse = Okse(directory)
    site = Site(okse, directory)
    site.make(raw("model", {
        "a-noise.bin": noise("n", 2 * MIB + 77), "bf16.safetensors": safetensors({"a": ("BF16", values("a", 2_500_000, 2)), "b": ("BF16", values("b", 999_999, 2))}),
        "config.json": b'{"model_type":"llama"}', "tokenizer.json": json.dumps({f"token{i}": i for i in range(20_000)}).encode()}, kind="weights"))
    site.rsa, site.ec, site.other = Recipient(directory, "ministry", "rsa:3072"), Recipient(directory, "clinic", "P-384"), Recipient(directory, "other")
    done = split(okse, site, directory / "parts", "--parity", "2", "--json", status=None)
    skip_without_parity(done)
    site.told = done.json
    (directory / "opened").mkdir()
    for path in sorted((directory / "parts").glob("*.cms")):
        decrypt(path, site.ec, directory / "opened" / path.name.removesuffix(".cms"))
    return site


@pytest.fixture
def parts(made, tmp_path):
    """A copy to be damaged."""
    return pathlib.Path(shutil.copytree(made.directory / "parts", tmp_path / "parts"))


def test_either_recipient_joins(okse, made, parts):
    assert made.told["encoding"] == "frames.v1" and len(list(parts.glob("*.cms"))) == len(made.told["parts"])
    assert all(path.stat().st_size <= SIZE for path in parts.glob("*.cms"))
    data = [row for row in made.told["parts"] if row["kind"] == "data"]
    assert len(data) < -(-made.bundle.stat().st_size // SIZE)  # fewer than plain
    for recipient in (made.rsa, made.ec):
        join(okse, made, parts, key=recipient)
        (okse.directory / "joined.okse").unlink()


def test_openssl_gives_the_compressed_parts(okse, made, tmp_path):
    """Either recipient gets the same bytes: a set of compressed parts, for okse without a key and for the script of the docs without okse."""
    opened = made.directory / "opened"
    for path in (made.directory / "parts").glob("*.cms"):
        assert decrypt(path, made.rsa, tmp_path / "out") == (opened / path.name.removesuffix(".cms")).read_bytes()
    the_set = set_of(opened)
    assert the_set["encoding"] == "frames.v1" and the_set["bundle"]["sha256"] == "sha256:" + hashlib.sha256(made.bundle.read_bytes()).hexdigest()
    assert "sha256:" + hashlib.sha256(member(part(opened, 1, ending=""), "set.json")).hexdigest() == made.told["set"]
    codings = {frame[2] for row in the_set["parts"] for frame in frames_of(member(part(opened, row["number"], ending=""), "data"))}
    assert {0, 2} <= codings
    okse("join", opened, "-o", tmp_path / "joined.okse", status=0)
    assert (tmp_path / "joined.okse").read_bytes() == made.bundle.read_bytes()
    assert okse("verify", opened, "--trust", made.trust, "--json", status=0).json["verdict"] == "verified"
    by_hand = subprocess.run([sys.executable, UNFRAME, *sorted(opened.glob(f"{NAME}.0*.part"))], check=True, capture_output=True)
    assert by_hand.stdout == made.bundle.read_bytes()


def test_the_list_says_that_they_are_compressed(made):
    directory = made.directory / "parts"
    subprocess.run(["sha256sum", "--strict", "-c", f"{NAME}.sha256"], cwd=directory, check=True, capture_output=True)
    listed = json.loads((directory / f"{NAME}.set.json").read_bytes())
    assert (listed["encoding"], listed["set"]) == ("frames.v1", made.told["set"])
    assert [(row["file"], row["size"]) for row in listed["files"]] == [(row["file"], (directory / row["file"]).stat().st_size) for row in made.told["parts"]]


def test_what_is_encrypted_is_the_same_every_time(okse, made, tmp_path):
    """Keys are fresh; what they hide depends on nothing but bundle and options."""
    first = min(os.sched_getaffinity(0))
    words = ["--compress", "weights", "--parity", "2", "--encrypt-to", made.rsa.certificate, "--encrypt-to", made.ec.certificate, "-o", tmp_path / "again"]
    subprocess.run(["taskset", "-c", str(first), okse.binary, "split", made.bundle, "--size", "2200K", *words], check=True, capture_output=True)
    for path in sorted((tmp_path / "again").glob("*.cms")):
        assert path.read_bytes() != (made.directory / "parts" / path.name).read_bytes()
        assert decrypt(path, made.ec, tmp_path / "out") == (made.directory / "opened" / path.name.removesuffix(".cms")).read_bytes()


@pytest.mark.parametrize("region", ["wrapped key", "nonce", "content", "tag"])
def test_damage_is_named_and_repaired(okse, made, parts, region):
    flip(part(parts, 2), regions(part(parts, 2))[region])
    part(parts, 3).unlink()
    told = join(okse, made, parts).err
    assert re.search(r"0002\.part\.cms (was changed|is |cannot)", told) and "part 2 of" in told and "part 3 of" in told, told
    (okse.directory / "joined.okse").unlink()
    flip(part(parts, 1), 100_000)
    told = join(okse, made, parts, status=1).err
    assert "0001.part.cms was changed or damaged" in told and "part 3 of" in told


def test_parity_repairs_what_was_decrypted(okse, made, tmp_path):
    """At a border some parts were opened, one was lost, and a disc has a scratch: blocks are repaired, of encrypted parts too."""
    opened = pathlib.Path(shutil.copytree(made.directory / "opened", tmp_path / "mixed"))
    for number in (1, 3):
        shutil.copy(part(made.directory / "parts", number), part(opened, number))
        part(opened, number, ending="").unlink()
    part(opened, 2, ending="").unlink()
    flip(part(opened, 4, ending=""), part(opened, 4, ending="").stat().st_size - 200_000)
    told = join(okse, made, opened).err
    assert "part 2 of" in told and "damaged block" in told, told


def test_others_are_told_whose_key_it_takes(okse, made, parts):
    told = join(okse, made, parts, key=made.other, status=1).err
    assert "is not encrypted to" in told and "issuer CN=ministry, serial" in told and "issuer CN=clinic, serial" in told
    assert re.search(r"okse join \S+\.part\.cms --key KEY\.pem -o", okse("verify", parts, "--trust", made.trust, status=2).err)


def test_a_part_of_another_set_is_left_out_by_name(okse, made, parts, tmp_path):
    split(okse, made, tmp_path / "stale", size="2500K")
    shutil.copy(part(tmp_path / "stale", 2), part(parts, 2))
    told = join(okse, made, parts).err
    assert re.search(r"0002\.part\.cms is (stale|foreign)", told) and "part 2 of" in told
    part(parts, 1).rename(parts / "spare")
    part(parts, 3).rename(part(parts, 1))
    (parts / "spare").rename(part(parts, 3))  # only the names are exchanged
    (okse.directory / "joined.okse").unlink()
    join(okse, made, parts)


def limited(size):
    """No file becomes larger: the process ends where it writes beyond."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_nothing_readable_is_written_on_the_way(made, tmp_path):
    """What a killed run leaves: without recipients there are pieces of the bundle in it, with them there are none."""
    secret = noise("n", 2 * MIB + 77)
    def left(directory, *words):
        done = subprocess.run([Okse(tmp_path).binary, "split", made.bundle, "--size", "2200K", "--compress", "weights", *words, "-o", directory],
                              capture_output=True, preexec_fn=limited(1_700_000))
        assert done.returncode < 0, done.stderr
        files = [path.read_bytes() for path in directory.iterdir()]
        assert max(map(len, files)) >= 1_000_000
        return sum(secret[at:at + 48] in data for data in files for at in range(0, len(secret) - 48, 65_536))
    assert left(tmp_path / "plain") > 5
    assert left(tmp_path / "sealed", "--encrypt-to", made.ec.certificate) == 0


def test_what_an_interrupted_join_left_is_joined_again(okse, made, parts):
    left = okse.directory / ".joined.okse.joining"
    left.write_bytes(made.bundle.read_bytes()[:3 * MIB] + noise("x", made.bundle.stat().st_size - 3 * MIB))
    flip(part(parts, 1), 100_000)
    for number in (2, 3):
        part(parts, number).unlink()
    join(okse, made, parts, status=1)
    assert left.exists()
    shutil.copytree(made.directory / "parts", parts, dirs_exist_ok=True)
    join(okse, made, parts)
    assert not left.exists()


def test_sizes(okse, made, tmp_path):
    split(okse, made, tmp_path / "one", size="1G")
    assert len(list((tmp_path / "one").glob("*.cms"))) == 1
    join(okse, made, tmp_path / "one")
    split(okse, made, tmp_path / "many", size="1200K")
    assert max(path.stat().st_size for path in (tmp_path / "many").glob("*.cms")) <= 1_200_000
    (okse.directory / "joined.okse").unlink()
    join(okse, made, tmp_path / "many")
    for size, reason in (("1M", "has no room for a frame"), ("25G", "with --size 1GiB it becomes at most 1 part")):
        assert reason in split(okse, made, tmp_path / "no", size=size, status=2).err
    assert not (tmp_path / "no").exists()


def test_a_last_part_with_a_shorter_head(okse, made, tmp_path):
    """Its table is a block of tar shorter, and its data begins 4096 bytes later than that of the others."""
    site = Site(okse, tmp_path)
    site.make(raw("model", {"x.bin": noise("z", 67 * MIB)}, kind="weights"))
    okse("split", site.bundle, "--size", str(8 * MIB + 300_000), "--compress", "weights", "--encrypt-to", made.ec.certificate, "-o", tmp_path / "parts", status=0)
    okse("join", tmp_path / "parts", "--key", made.ec.key, "-o", tmp_path / "joined.okse", status=0)
    assert subprocess.run(["cmp", tmp_path / "joined.okse", site.bundle]).returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
def test_splitting_takes_the_parts_size_and_no_more(okse, made, tmp_path):
    small, listed = tmp_path / "small", sorted((made.directory / "parts").iterdir())
    small.mkdir()
    size = sum(-(-path.stat().st_size // 4096) * 4096 for path in listed)
    for room, status in ((size + (128 << 10), 0), (size // 2, 3)):
        room = -(-room // 4096) * 4096
        done = subprocess.run(["unshare", "-m", "sh", "-c", f"mount -t tmpfs -o size={room} none {small} || exit 77; "
                               f"{okse.binary} split {made.bundle} --size 2200K --parity 2 --compress weights --encrypt-to {made.rsa.certificate} "
                               f"--encrypt-to {made.ec.certificate} -o {small} >&2; s=$?; ls -A {small}; exit $s"],
                              capture_output=True, text=True, env=okse.environment)
        if done.returncode == 77 or "unshare:" in done.stderr:
            pytest.skip(done.stderr)
        assert done.returncode == status, done.stderr
        assert done.stdout.split() == ([path.name for path in listed] if status == 0 else []), done.stdout
        assert status == 0 or "at least about" in done.stderr


@pytest.mark.skipif("ASAN_OPTIONS" in os.environ, reason="a sanitizer's own memory would be counted")
def test_memory_does_not_grow_with_the_part(okse, made, tmp_path):
    site = Site(okse, tmp_path)
    site.make(raw("model", {"bf16.bin": values("m", 1_500_000, 2) * 50}, kind="weights"))
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:2])  # every coder takes 8 MiB
    try:
        assert measured(okse, "split", site.bundle, "--compress", "weights", "--parity", "1", "--encrypt-to", made.ec.certificate, "-o", tmp_path / "parts")[0] <= 64 * MIB
        assert len(list((tmp_path / "parts").glob("*.cms"))) == 2
        assert measured(okse, "join", tmp_path / "parts", "--key", made.ec.key, "-o", tmp_path / "joined")[0] <= 64 * MIB
    finally:
        os.sched_setaffinity(0, before)
    assert subprocess.run(["cmp", tmp_path / "joined", site.bundle]).returncode == 0
