"""okse split --compress weights: the parts are smaller, the bundle that comes out is the same to the byte, by okse and by hand."""
import hashlib
import json
import os
import pathlib
import random
import shutil
import statistics
import struct
import subprocess
import sys
import tarfile

import pytest
from conftest import ROOT, Okse, skip_without_parity
from install_bundle import Site, raw
from stacks import noise

MIB, FRAME = 1 << 20, 1 << 20
NAME = "civic-search-1.0.0-VN"
UNFRAME = ROOT / "docs/parts-unframe.py"
NORMAL = statistics.NormalDist(0, 0.02)


def values(name, count, width):
    """Normally distributed numbers as FP32, cut to BF16 or rounded to FP16; among them infinities, both zeros and NaNs with payloads."""
    chance = random.Random(name)
    singles = [struct.pack("<f", NORMAL.inv_cdf((i + 0.5) / 1024))[2:] for i in range(1024)]
    upper, lower = b"".join(chance.choices(singles, k=count)), chance.randbytes(2 * count)
    both = bytearray(4 * count)
    both[2::4], both[3::4], both[0::4], both[1::4] = upper[0::2], upper[1::2], lower[0::2], lower[1::2]
    both[2::4] = bytes(a ^ b & 0x7F for a, b in zip(both[2::4], chance.randbytes(count)))  # seven bits of the mantissa
    for at, odd in zip(range(0, len(both), 40_000), (0x7FC12345, 0xFFBFFFFF, 0x7F800000, 0xFF800000, 0x80000000, 1, 0x7F800001) * 100):
        struct.pack_into("<I", both, at, odd)
    if width == 4:
        return bytes(both)
    if width == 2:
        return bytes(b for pair in zip(both[2::4], both[3::4]) for b in pair)
    return struct.pack(f"<{count}e", *(max(-60000.0, min(60000.0, v)) for v in struct.unpack(f"<{count}f", both))) + b"\x01\x7e\xff\xfd"


def safetensors(tensors):
    header, at = {}, 0
    for name, (dtype, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": [len(data)], "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(data for _, data in tensors.values())  # the header is of odd length: every phase


def gguf():
    """Two tensors: F32 and Q8_0 (blocks of 34 bytes)."""
    chance = random.Random("gguf")
    blocks = b"".join(struct.pack("<e", 0.01 + chance.random() / 100) + bytes(max(-128, min(127, int(chance.gauss(0, 30)))) & 0xFF for _ in range(32)) for _ in range(8_000))
    head = b"GGUF" + struct.pack("<IQQ", 3, 2, 0)
    for name, kind, count, at in (("a", 0, 65_536, 0), ("b", 8, 256_000, 262_144)):
        head += struct.pack("<Q", 1) + name.encode() + struct.pack("<IQIQ", 1, count, kind, at)
    return head + b"\0" * (-len(head) % 32) + values("g", 65_536, 4) + blocks


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    directory = tmp_path_factory.mktemp("compressed")
    okse = Okse(directory)
    site = Site(okse, directory)
    site.make(raw("model", {
        "bf16.safetensors": safetensors({"a": ("BF16", values("a", 1_500_000, 2)), "b": ("BF16", values("b", 1_499_999, 2))}),
        "fp16.safetensors": safetensors({"a": ("F16", values("c", 300_001, 2.0))}),
        "fp32.safetensors": safetensors({"x": ("U8", b"\x07" * 3), "a": ("F32", values("d", 600_000, 4))}),
        "small.gguf": gguf(), "odd.bin": values("e", 70_000, 2)[:-1], "noise.bin": noise("n", 2 * MIB + 77), "config.json": b'{"model_type":"llama"}',
        "tokenizer.json": json.dumps({f"token{i}": i for i in range(40_000)}).encode()}, kind="weights"))
    skip_without_parity(okse("split", site.bundle, "--size", "3M", "--parity", "2", "--compress", "weights", "-o", directory / "parts"))
    return site


@pytest.fixture
def parts(made, tmp_path):
    return pathlib.Path(shutil.copytree(made.directory / "parts", tmp_path / "parts"))


def member(path, name):
    with tarfile.open(path) as archive:
        return archive.extractfile(name).read()


def set_of(directory):
    return json.loads(member(next(directory.glob("*.part")), "set.json"))


def frames_of(data):
    """(place, coded, coding, phase, plain) of every frame, by docs/formats/parts.md."""
    plain, = struct.unpack_from("<Q", data, len(data) - 16)
    count, at, found = -(-plain // FRAME), 0, []
    for i in range(count):
        coded, coding, phase, _ = struct.unpack_from("<IBBH", data, len(data) - 16 - 8 * (count - i))
        found.append((at, coded, coding, phase, min(FRAME, plain - i * FRAME)))
        at += coded
    assert at + 8 * count + 16 == len(data)
    return found


def test_the_same_bundle_comes_out(okse, made, tmp_path):
    the_set = set_of(made.directory / "parts")
    assert the_set["encoding"] == "frames.v1" and the_set["bundle"]["sha256"] == "sha256:" + hashlib.sha256(made.bundle.read_bytes()).hexdigest()
    assert all(path.stat().st_size <= 3_000_000 for path in (made.directory / "parts").glob("*.part"))
    okse("join", made.directory / "parts", "-o", tmp_path / "joined.okse", status=0)
    assert (tmp_path / "joined.okse").read_bytes() == made.bundle.read_bytes()


def test_weights_take_what_they_should(made):
    """Frames that lie within one file: BF16 at 0.67 (frames of 1 MiB, so the first and the last of a file are mixed)."""
    bundle, shares = made.bundle.read_bytes(), {}
    for row in set_of(made.directory / "parts")["parts"]:
        at = row["offset"]
        for _, coded, coding, _, plain in frames_of(member(made.directory / "parts" / f"{NAME}.{row['number']:04}.part", "data")):
            shares[at] = (coding, coded / plain)
            at += plain
    def inside(name, start, length):
        first = bundle.index(start)
        whole = [value for at, value in shares.items() if at >= first and at + FRAME <= first + length]
        assert whole, name
        return whole
    for name, start, length, codings, most in (("bf16", values("a", 1_500_000, 2)[:64], 6_000_000, {2}, 0.675),
                                               ("fp32", values("d", 600_000, 4)[:64], 2_400_000, {4}, 0.84),
                                               ("noise", noise("n", 64), 2 * MIB + 77, {0}, 1)):
        for coding, share in inside(name, start, length):
            assert coding in codings and share <= most, (name, coding, share)


def test_same_bytes_again_and_with_one_processor(okse, made, tmp_path):
    first = min(os.sched_getaffinity(0))
    shutil.copy(made.bundle, tmp_path / "renamed.okse")
    subprocess.run(["taskset", "-c", str(first), okse.binary, "split", tmp_path / "renamed.okse", "--size", "3M", "--parity", "2",
                    "--compress", "weights", "-o", tmp_path / "again"], check=True, capture_output=True)
    for path in (made.directory / "parts").iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("size", ["1200K", "2M", "1G"])
def test_sizes(okse, made, tmp_path, size):
    okse("split", made.bundle, "--size", size, "--compress", "weights", "-o", tmp_path / "p", status=0)
    okse("join", tmp_path / "p", "-o", tmp_path / "joined.okse", status=0)
    assert (tmp_path / "joined.okse").read_bytes() == made.bundle.read_bytes()
    assert max(path.stat().st_size for path in (tmp_path / "p").glob("*.part")) <= {"1200K": 1_200_000, "2M": 2_000_000, "1G": 1_000_000_000}[size]


def test_too_small_a_size_and_other_words_are_refused(okse, made, tmp_path):
    assert "has no room for a frame" in okse("split", made.bundle, "--size", "1M", "--compress", "weights", "-o", tmp_path / "p", status=2).err
    assert "there is 'weights' and no 'all'" in okse("split", made.bundle, "--size", "1G", "--compress", "all", "-o", tmp_path / "p", status=2).err
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("command", [True, False])
def test_by_hand(made, tmp_path, command):
    """The script of the docs, with the command zstd, and with the module zstandard where it is."""
    if command and shutil.which("zstd") is None or not command and subprocess.run([sys.executable, "-c", "import zstandard"], capture_output=True).returncode:
        pytest.skip("neither the command nor the module" if command else "the module zstandard is not installed")
    hide = "import sys; sys.modules['zstandard'] = None; import runpy; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    words = [sys.executable, *(["-c", hide] if command else []), UNFRAME, *sorted((made.directory / "parts").glob(f"{NAME}.0*.part"))]
    with open(tmp_path / "by-hand.okse", "wb") as out:
        subprocess.run(words, stdout=out, check=True)
    assert (tmp_path / "by-hand.okse").read_bytes() == made.bundle.read_bytes()


def test_verify_install_and_inspect_take_them_as_they_are(okse, made, parts, tmp_path):
    (parts / f"{NAME}.0002.part").unlink()
    with open(parts / f"{NAME}.0003.part", "r+b") as file:
        file.seek(500_000)
        file.write(b"damaged")
    before = sorted(os.listdir(parts))
    verified = okse("verify", parts, "--trust", made.trust, "--json", status=0)
    assert verified.json["verdict"] == "verified" and "is missing" in verified.err and "damaged block" in verified.err
    okse("install", parts, "--trust", made.trust, "--root", tmp_path / "root", status=0)
    okse("install", made.bundle, "--trust", made.trust, "--root", tmp_path / "other", status=0)
    def files(root):
        return {path.relative_to(root / "current").as_posix(): path.read_bytes() for path in (root / "current" / "model").rglob("*") if path.is_file()}
    assert files(tmp_path / "root") == files(tmp_path / "other") and len(files(tmp_path / "root")) >= 8
    assert okse("inspect", parts, "--json", status=0).json["identity"] == okse("inspect", made.bundle, "--json", status=0).json["identity"]
    okse("join", parts, "-o", tmp_path / "joined.okse", status=0)
    assert (tmp_path / "joined.okse").read_bytes() == made.bundle.read_bytes() and sorted(os.listdir(parts)) == before


def test_beyond_the_parity_is_refused(okse, made, parts, tmp_path):
    for number in (1, 2, 3):
        (parts / f"{NAME}.{number:04}.part").unlink()
    assert "part 1 of" in okse("join", parts, "-o", tmp_path / "joined.okse", status=1).err
    assert "all at once" in okse("join", parts, "--partial", "-o", tmp_path / "joined.okse", status=2).err
    assert not (tmp_path / "joined.okse").exists()


def forge(path, change):
    """A single part whose data was changed by somebody who writes all digests again: what is left to refuse it is the frames' reader."""
    text = bytearray(path.read_bytes())
    with tarfile.open(path) as archive:
        places = {m.name: (m.offset_data, m.size) for m in archive}
    def slot(name):
        at, size = places[name]
        return bytes(text[at:at + size])
    data, old_set = bytearray(slot("data")), slot("set.json")
    change(data)
    table = "".join(hashlib.sha256(data[at:at + MIB]).hexdigest() + "\n" for at in range(0, len(data), MIB)).encode()
    fresh = json.loads(old_set)
    fresh["parts"][0] |= {"sha256": "sha256:" + hashlib.sha256(data).hexdigest(), "blocks": "sha256:" + hashlib.sha256(table).hexdigest()}
    new_set = json.dumps(fresh, sort_keys=True, separators=(",", ":")).encode()
    old_id, new_id = hashlib.sha256(old_set).hexdigest(), hashlib.sha256(new_set).hexdigest()
    label = slot("README.txt")
    for at in range(0, 64, 32):
        old, new = (" ".join(one[at + i:at + i + 4] for i in range(0, 32, 4)).encode() for one in (old_id, new_id))
        label = label.replace(old, new)
    for name, new in (("data", data), ("blocks.sha256", table), ("set.json", new_set), ("README.txt", label),
                      ("part.json", slot("part.json").replace(old_id.encode(), new_id.encode()))):
        at, size = places[name]
        assert len(new) == size
        text[at:at + size] = new
    path.write_bytes(text)


def entry(data, frame):
    """Where the index entry of a frame stands."""
    count = len(frames_of(data))
    return len(data) - 16 - 8 * (count - frame)


def first_planes(data):
    return next(i for i, (_, _, coding, _, _) in enumerate(frames_of(data)) if coding == 2)


def coding(value):
    def change(data):
        data[entry(data, first_planes(data)) + 4] = value
    return change


def phase(value):
    def change(data):
        data[entry(data, first_planes(data)) + 5] = value
    return change


def plane_length(value):
    def change(data):
        at, _, _, skip, _ = frames_of(data)[first_planes(data)]
        struct.pack_into("<I", data, at + skip, value)
    return change


def zstd_size(data):
    """The Zstandard frame says that it holds more."""
    at, _, _, skip, _ = frames_of(data)[first_planes(data)]
    assert data[at + skip + 4:at + skip + 8] == b"\x28\xb5\x2f\xfd"
    data[at + skip + 4 + 6] ^= 0xFF


def coded_length(by):
    def change(data):
        at = entry(data, first_planes(data))
        struct.pack_into("<I", data, at, struct.unpack_from("<I", data, at)[0] + by & 0xFFFFFFFF)
    return change


def footer(data):
    struct.pack_into("<Q", data, len(data) - 16, 1 << 60)


@pytest.mark.parametrize("change", [coding(3), coding(255), coding(0), coding(1), coding(4), coding(8), phase(2), phase(200), plane_length(0), plane_length(0xFFFFFFFF),
                                    plane_length(1 << 19), zstd_size, coded_length(1), coded_length(-1), coded_length(-(1 << 19)), footer],
                         ids=lambda change: getattr(change, "__name__", "") + str([cell.cell_contents for cell in change.__closure__ or ()]))
def test_hostile_frames_are_refused(okse, made, tmp_path, change):
    path = tmp_path / f"{NAME}.0001.part"
    forged = made.directory / "single"
    if not forged.exists():
        okse("split", made.bundle, "--size", "1G", "--compress", "weights", "-o", forged, status=0)
        shutil.copy(forged / path.name, path)
        forge(path, lambda data: None)
        okse("join", path, "-o", tmp_path / "whole.okse", status=0)
    shutil.copy(forged / path.name, path)
    forge(path, change)
    refused = okse("join", path, "-o", tmp_path / "joined.okse", status=2)
    assert "part 1 of 1" in refused.err and "index of compressed frames" in refused.err or "a compressed frame" in refused.err
    assert not (tmp_path / "joined.okse").exists()
    okse("verify", path, "--trust", made.trust, status=2)


def test_what_decodes_to_another_bundle_is_refused(okse, made, tmp_path):
    """Codes without a checksum decode to something: only the bundle's own digest tells."""
    path = tmp_path / f"{NAME}.0001.part"
    okse("split", made.bundle, "--size", "1G", "--compress", "weights", "-o", tmp_path, status=0)
    def change(data):
        for at, _, coding, skip, plain in frames_of(data):
            high, = struct.unpack_from("<I", data, at + skip)
            if coding == 2 and struct.unpack_from("<I", data, at + skip + 4 + high)[0] == (plain - skip) // 2:
                data[at + skip + 8 + high + 1000] ^= 1  # in the second plane, which is as it was
                return
        raise AssertionError("no such frame")
    forge(path, change)
    assert "is not the bundle that it names" in okse("join", path, "-o", tmp_path / "joined.okse", status=1).err
    assert not (tmp_path / "joined.okse").exists()
    assert okse("verify", path, "--trust", made.trust, status=1).out


def test_an_unknown_encoding_is_refused_by_name(okse, made, tmp_path):
    """A set of a later version: longer words than this one's, written as okse writes them."""
    source = next((made.directory / "parts").glob(f"{NAME}.0001.part"))
    path = tmp_path / source.name
    text = source.read_bytes()
    old = member(source, "set.json")
    new = old.replace(b"frames.v1", b"frames.v9")
    path.write_bytes(text.replace(old, new).replace(hashlib.sha256(old).hexdigest().encode(), hashlib.sha256(new).hexdigest().encode()))
    assert "encoded as 'frames.v9', which this version does not know" in okse("join", path, "-o", tmp_path / "j.okse", status=2).err


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
def test_room_is_asked_for_before_by_what_a_sample_takes(okse, tmp_path):
    """Zeros fit where half of them would not; noise with parity is refused where half of it would fit, and before anything is written."""
    small, site = tmp_path / "small", Site(okse, tmp_path)
    small.mkdir()
    for name, data, words, room, status in (("zeros", bytes(40 * MIB), [], "4m", 0), ("noise", noise("s", 12 * MIB), ["--parity", "1"], "14m", 3)):
        site.make(raw("model", {"weights.bin": data}, kind="weights"))
        done = subprocess.run(["unshare", "-m", "sh", "-c", f"mount -t tmpfs -o size={room} none {small} || exit 77; "
                               f"{okse.binary} split {site.bundle} --size 6M --compress weights {' '.join(words)} -o {small} >&2; s=$?; ls -A {small}; exit $s"],
                              capture_output=True, text=True, env=okse.environment)
        if done.returncode == 77 or "unshare:" in done.stderr:
            pytest.skip(done.stderr)
        assert done.returncode == status, (name, done.stderr)
        assert (f"{NAME}.0001.part" in done.stdout) if status == 0 else (done.stdout == "" and "the parts need at least about" in done.stderr and "are free" in done.stderr)
