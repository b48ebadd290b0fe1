"""How files get into a bundle and out of it: shared blocks where the file system can, and the same bytes on every way.
Needs root for loop mounts; what cannot be mounted is skipped by name."""
import hashlib
import os
import shutil
import subprocess
import pytest
from install_bundle import Site, raw, tar, tree
from test_stack_refusals import Restless, alter_in_place, grow
from stacks import Bundle, HEAD, build, leftovers, noise, run, simple, write

MAKE = {"xfs": ["mkfs.xfs", "-q", "-m", "reflink=1"], "btrfs": ["mkfs.btrfs", "-q"],
        "xfs-without": ["mkfs.xfs", "-q", "-m", "reflink=0"], "ext4": ["mkfs.ext4", "-q"]}
MIB = 1 << 20


class Disk:
    """A file system in a file."""

    def __init__(self, kind, place, size):
        self.kind, self.image, self.path = kind, place.parent / f"{place.name}.image", place
        if os.geteuid() != 0:
            pytest.skip("a loop mount needs root")
        if shutil.which(MAKE[kind][0]) is None:
            pytest.skip(f"{MAKE[kind][0]} is not installed")
        place.mkdir()
        with open(self.image, "wb") as file:
            file.truncate(size)
        subprocess.run([*MAKE[kind], self.image], check=True, capture_output=True)
        done = subprocess.run(["mount", "-o", "loop", self.image, place], capture_output=True, text=True)
        if done.returncode != 0:
            os.unlink(self.image)
            pytest.skip(f"this kernel does not mount {kind}: {done.stderr.strip()}")

    @property
    def used(self):
        subprocess.run(["sync", "-f", self.path], check=True)
        info = os.statvfs(self.path)
        return (info.f_blocks - info.f_bfree) * info.f_frsize

    def close(self):
        subprocess.run(["umount", self.path], check=True)
        os.unlink(self.image)


@pytest.fixture
def disk(tmp_path):
    made = []

    def make(kind, name="disk", size=512 * MIB):
        made.append(Disk(kind, tmp_path / name, size))
        return made[-1]

    yield make
    for one in made:
        one.close()


def weights(directory, count=3, size=33 * MIB + 777):
    """Files that end in the middle of a block, of a tar block, and on a border."""
    for i, extra in zip(range(count), (0, 512 - 777 % 512, 4096 - 777)):
        write(directory / f"model/model-{i}.safetensors", noise(f"{i}", size + extra))
    write(directory / "model/config.json", "{}\n")
    stack = directory / "stack.yaml"
    stack.write_text(HEAD + "  - {name: model, kind: weights, source: {path: model}}\n")
    return stack


def build_json(okse, stack, output, *words, **options):
    return okse("build", stack, "--country", "VN", "-o", output, "--unsigned", "--json", *words,
                **{"status": 0, **options}).json


def payload_of(result):
    assert sum(result["copied"].values()) == result["payload"]
    return result["copied"]


@pytest.mark.parametrize("kind", ["xfs", "btrfs"])
def test_a_build_shares_the_blocks_of_its_sources(okse, tmp_path, disk, kind):
    place = disk(kind)
    stack = weights(place.path)
    before = place.used
    result = build_json(okse, stack, place.path / "o.okse")
    grown, copied = place.used - before, payload_of(result)
    assert grown < result["payload"] / 100
    assert copied["reflink"] >= result["payload"] - 3 * 4096 - 3 and copied["copy_file_range"] == 0
    assert result["needed"] < result["payload"] / 100
    plain = build_json(okse, stack, tmp_path / "plain.okse", "--copy", "plain")
    assert payload_of(plain) == {"reflink": 0, "copy_file_range": 0, "written": plain["payload"], "kept": 0}
    assert plain["identity"] == result["identity"]
    assert (tmp_path / "plain.okse").read_bytes() == (place.path / "o.okse").read_bytes()
    bundle = Bundle(place.path / "o.okse")
    for title, layer in bundle.titles("model").items():
        stored = bundle.content(layer["digest"])
        assert stored == (place.path / "model" / title).read_bytes()
        assert layer["digest"] == "sha256:" + hashlib.sha256(stored).hexdigest()
        if title != "config.json":
            expected = run("fsverity", "digest", "--compact", place.path / "model" / title).strip()
            assert layer["annotations"]["dev.okse.fsverity"] == f"sha256:{expected}"


def test_a_bundle_fits_where_only_its_blocks_can_be_shared(okse, disk):
    """More payload than there is room: shared, it fits; copied, it is refused before anything is written."""
    place = disk("xfs", size=384 * MIB)
    stack = weights(place.path, size=60 * MIB + 777)
    before = leftovers(place.path)
    refused = okse("build", stack, "--country", "VN", "-o", place.path / "o.okse", "--unsigned", "--copy", "plain", status=3)
    assert "bytes) are available there; nothing was written" in refused.err
    assert leftovers(place.path) == before
    result = build_json(okse, stack, place.path / "o.okse")
    assert result["needed"] < result["available"] < result["payload"]


def test_what_changes_after_the_build_does_not_change_the_bundle(okse, disk):
    place = disk("xfs")
    stack = weights(place.path)
    build_json(okse, stack, place.path / "o.okse")
    before = hashlib.sha256((place.path / "o.okse").read_bytes()).hexdigest()
    for name in ("model/model-0.safetensors", "model/model-1.safetensors"):
        with open(place.path / name, "r+b") as file:
            file.write(b"another beginning")
            file.truncate(5 * MIB)
    assert hashlib.sha256((place.path / "o.okse").read_bytes()).hexdigest() == before


@pytest.mark.parametrize("way", ["auto", "range", "plain"])
def test_every_way_gives_the_same_bytes(okse, tmp_path, way):
    weights(tmp_path, size=5 * MIB + 777)
    write(tmp_path / "model/large.bin", noise("large", 21 * MIB + 1))
    write(tmp_path / "tree/a/b", noise("b", 300_000))
    (tmp_path / "tree/link").symlink_to("a/b")
    stack = tmp_path / "stack.yaml"
    stack.write_text(stack.read_text() + "  - {name: tree, kind: runtime, source: {path: tree}}\n")
    first = build_json(okse, stack, tmp_path / "first.okse", "--copy", "plain", "--threads", "1")
    second = build_json(okse, stack, tmp_path / "second.okse", "--copy", way, "--threads", "3")
    assert (tmp_path / "first.okse").read_bytes() == (tmp_path / "second.okse").read_bytes()
    assert first["identity"] == second["identity"]
    copied = payload_of(second)
    if way == "range":
        assert copied["copy_file_range"] > 15 * MIB
    if way == "plain":
        assert copied["written"] == second["payload"]


@pytest.mark.parametrize("kind", ["ext4", "xfs-without"])
def test_a_file_system_without_sharing_is_written(okse, disk, kind):
    place = disk(kind)
    stack = weights(place.path, size=MIB + 777)
    result = build_json(okse, stack, place.path / "o.okse")
    assert payload_of(result)["reflink"] == 0 and result["needed"] == result["size"]
    assert Bundle(place.path / "o.okse").identity == result["identity"]
    refused = okse("build", stack, "--country", "VN", "-o", place.path / "r.okse", "--copy", "reflink", status=1)
    assert "--copy reflink: " in refused.err and "r.okse cannot share blocks (Operation not supported)" in refused.err
    assert not (place.path / "r.okse").exists() and not [n for n in os.listdir(place.path) if "part" in n]


def test_another_file_system_is_written(okse, tmp_path, disk):
    place = disk("xfs")
    stack = weights(place.path, size=MIB + 777)
    result = build_json(okse, stack, tmp_path / "o.okse")
    assert payload_of(result)["reflink"] == 0
    refused = okse("build", stack, "--country", "VN", "-o", tmp_path / "r.okse", "--copy", "reflink", status=1)
    assert "r.okse cannot share blocks (Invalid cross-device link)" in refused.err
    refused = okse("build", stack, "--country", "VN", "-o", tmp_path / "r.okse", "--copy", "range", "--threads", "1", status=1)
    assert f"--copy range: not possible from {place.path}/model/model-" in refused.err
    assert "to the bundle (Invalid cross-device link)" in refused.err


def test_sources_on_two_file_systems_are_told_apart(okse, disk):
    """One component shares, the other cannot, in one bundle."""
    here, there = disk("xfs", "here"), disk("ext4", "there")
    write(here.path / "a/a.bin", noise("a", 3 * MIB))
    write(there.path / "b/b.bin", noise("b", 2 * MIB))
    (here.path / "stack.yaml").write_text(HEAD + "  - {name: a, kind: dataset, source: {path: a}}\n"
                                          f"  - {{name: b, kind: dataset, source: {{path: {there.path}/b}}}}\n")
    result = build_json(okse, here.path / "stack.yaml", here.path / "o.okse")
    copied = payload_of(result)
    assert copied["reflink"] == 3 * MIB and copied["written"] + copied["copy_file_range"] == 2 * MIB
    assert 2 * MIB < result["needed"] < 3 * MIB


@pytest.mark.parametrize("action", [grow, alter_in_place])
def test_a_source_that_changes_while_it_is_shared_is_refused(okse, tmp_path, disk, action):
    place = disk("xfs")
    write(place.path / "data/big", bytes(64 * MIB))
    stack = simple(place.path, kind="weights")
    with Restless(lambda: action(place.path / "data/big")):
        refused = okse("build", stack, "--country", "VN", "-o", place.path / "o.okse", status=2)
    assert "big: changed while it was being packed; nothing was written" in refused.err
    assert sorted(os.listdir(place.path)) == ["data", "stack.yaml"]


@pytest.mark.parametrize("threads, expected", [(1, False), (2, True)])
def test_one_large_file_is_hashed_beside_its_copying(okse, tmp_path, threads, expected):
    """A worker without a file of its own hashes for the one that has it; with one thread nobody does."""
    write(tmp_path / "data/only.bin", noise("only", 20 * MIB + 5))
    stack, trace = simple(tmp_path, kind="weights"), tmp_path / "trace"
    done = subprocess.run(["strace", "-f", "-e", "trace=prctl", "-o", trace, okse.binary, "build", stack, "--country", "VN",
                           "--gate", "off", "--unsigned", "--threads", str(threads), "-o", tmp_path / "o.okse"],
                          capture_output=True, text=True, env=okse.environment)
    if done.returncode != 0 and "ptrace" in done.stderr:
        pytest.skip("strace may not trace here")
    assert done.returncode == 0, done.stderr
    assert ('PR_SET_NAME, "okse-lane"' in trace.read_text()) == expected
    layer = Bundle(tmp_path / "o.okse").titles("data")["only.bin"]
    assert layer["digest"] == "sha256:" + run("openssl", "dgst", "-sha256", "-r", tmp_path / "data/only.bin").split()[0]


def test_an_unknown_way_is_refused(okse, tmp_path):
    write(tmp_path / "data/a", "a")
    refused = okse("build", simple(tmp_path), "--country", "VN", "--copy", "fast", status=2)
    assert "--copy: must be auto, reflink, range or plain" in refused.err and refused.out == ""


def test_small_files_and_tails_are_written_even_when_sharing_is_demanded(okse, disk):
    place = disk("xfs")
    for name, size in (("one", 1), ("below", 4095), ("block", 4096), ("above", 4097)):
        write(place.path / "data" / name, noise(name, size))
    result = build_json(okse, simple(place.path), place.path / "o.okse", "--copy", "reflink")
    assert payload_of(result) == {"reflink": 8192, "copy_file_range": 0, "written": 1 + 4095 + 1, "kept": 0}
    plain = build(okse, place.path / "stack.yaml", place.path / "p.okse", words=("--copy", "plain"))
    assert plain.path.read_bytes() == (place.path / "o.okse").read_bytes()


def installed(site, *words, **more):
    return site.install("--json", *words, **more).json


def site_on(okse, place, files):
    site = Site(okse, place.path)
    site.make(raw("model", files, kind="dataset"))
    return site


@pytest.mark.parametrize("kind", ["xfs", "btrfs"])
def test_an_install_shares_the_blocks_of_the_bundle(okse, disk, kind):
    place = disk(kind)
    site = site_on(okse, place, {"m.bin": noise("m", 90 * MIB + 777), "n.bin": noise("n", 4096 * 20)})
    before = place.used
    result = installed(site)
    assert place.used - before < result["bytes"] / 50  # fs-verity trees of Btrfs are 0.8 %
    assert result["copied"]["reflink"] == 90 * MIB + 4096 * 20 and sum(result["copied"].values()) == result["bytes"]
    assert result["space"]["needed"] < result["bytes"] / 10
    assert (site.root / "current/model/m.bin").read_bytes() == noise("m", 90 * MIB + 777)
    assert site.status()["clean"] is True
    shared, site.root = site.root, place.path / "plain"
    copied = installed(site, "--copy", "plain")["copied"]
    assert copied == {"reflink": 0, "copy_file_range": 0, "written": result["bytes"], "kept": 0}
    assert tree(site.root / "current/model/") == tree(shared / "current/model/")


def test_an_install_fits_where_only_the_blocks_of_the_bundle_can_be_shared(okse, disk):
    place = disk("xfs", size=320 * MIB)
    site = site_on(okse, place, {"m.bin": noise("m", 160 * MIB + 777)})
    refused = site.install("--copy", "plain", status=3)
    assert "nothing was written" in refused.err
    result = installed(site)
    assert result["space"]["needed"] < result["space"]["available"] < result["bytes"]


def test_an_install_from_another_file_system_is_written(okse, tmp_path, disk):
    place = disk("xfs")
    site = Site(okse, tmp_path)
    site.make(raw("model", {"m.bin": noise("m", MIB + 777)}, kind="dataset"), tar("tree", {"t": noise("t", 70_000)}))
    site.root = place.path / "root"
    result = installed(site)
    assert result["copied"]["reflink"] == 0 and sum(result["copied"].values()) == result["bytes"] == MIB + 777 + 70_000
    site.root = place.path / "other"
    refused = site.install("--copy", "reflink", status=1)
    assert "--copy reflink: the bundle and the root cannot share blocks (Invalid cross-device link)" in refused.err
    assert not (site.root / "current").is_symlink()


def test_shared_blocks_with_other_bytes_than_promised_are_refused(okse, disk):
    """Sharing does not pass the bytes through the process; they are hashed all the same, the tail as well."""
    place = disk("xfs")
    for at in (0, MIB + 100, MIB + 776):
        site = Site(okse, place.path)

        def flip(data, at=at):
            return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:] if len(data) > MIB else data

        site.make(raw("model", {"m.bin": noise("m", MIB + 777)}, kind="dataset"), change=flip)
        refused = site.install(status=1)
        assert "the bytes are sha256:" in refused.err
        assert not (site.root / "current").is_symlink()
        shutil.rmtree(site.root, ignore_errors=True)
