"""Thin bundles: what a site has is not carried twice, and nothing is believed because somebody carried it once.
Yardsticks: cmp with the whole bundle, sha256sum, tar, skopeo, and a second writer of thin.json in Python."""
import hashlib
import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tarfile
import time

import pytest
import signing
import small_bundle
import stacks
from conftest import Okse
from small_bundle import canonical, header, padded
from weights_files import safetensors

TENSOR, TENSORS = 65536, 40  # of 2.5 MiB, 2 change: 5 %
ROWS, ROW = 1 << 20, 8192    # of one tensor more, some rows alone


def tensors(changed=()):
    rows = bytearray(stacks.noise("rows", ROWS))
    if changed:
        rows[ROWS // 2:ROWS // 2 + ROW] = stacks.noise("new rows", ROW)
    return safetensors({"rows": ("U8", [ROWS], bytes(rows))} | {f"layer.{i:02}": ("U8", [TENSOR], stacks.noise(f"layer {i}{' new' if i in changed else ''}", TENSOR))
                        for i in range(TENSORS)})


HEAD = """okse: stack/v1
name: civic
version: {version}
sequence: {sequence}
vendor: {{name: Example AI Lab, country: KR, contact: security@example.org}}
components:
  - {{name: model, kind: weights, source: {{path: model}}}}
  - {{name: tree, kind: driver, source: {{path: tree}}}}
  - {{name: image, kind: runtime, source: {{oci: image, ref: "1", platform: linux/amd64}}}}
  - {{name: engine, kind: runtime, source: {{archive: engine.whl}}, license: {{spdx: MIT}}}}
  - {{name: spool, kind: driver, source: {{archive: spool.tar}}}}
  - {{name: papers, kind: docs, source: {{path: papers}}}}
"""


def sources(directory, sequence, changed):
    """Two releases: some tensors and one paper differ; tree (a tar, for its link), image and the other paper do not."""
    stacks.write(directory / "model/model.safetensors", tensors(changed))
    stacks.write(directory / "model/config.json", '{"model_type": "bert"}\n')
    stacks.write(directory / "tree/lib/libx.so.1", stacks.noise("lib", 90000), 0o755)
    (directory / "tree/lib/libx.so").symlink_to("libx.so.1")
    stacks.write(directory / "papers/same.pdf", stacks.noise("same", 70000))
    stacks.write(directory / "papers/none.json", "{}")  # a statement's config has the same bytes
    stacks.write(directory / "papers/notes.txt", f"release {sequence}\n" * 500)
    stacks.image(directory / "image", tag="1")
    stacks.wheel(directory / "engine.whl")
    with tarfile.open(directory / "spool.tar", "w") as archive:  # in tar form, and delivered in its own order
        for name, data in (("z", stacks.noise(f"z {sequence}", 50000)), ("a", stacks.noise("a", 50000))):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("m")
        link.type, link.linkname = tarfile.SYMTYPE, "a"
        archive.addfile(link)
    stack = directory / "stack.yaml"
    stack.write_text(HEAD.format(version=f"1.{sequence}.0", sequence=sequence))
    return stack


class Site:
    """Releases v1 and v2, signed; v2 thin against v1; a policy."""

    def __init__(self, directory):
        self.directory, self.okse = directory, Okse(directory)
        self.key = signing.Key(directory, "vendor")
        self.stacks = [sources(directory / f"s{i}", i, (7, 23) if i == 2 else ()) for i in (1, 2)]
        self.v1, self.v2 = directory / "v1.okse", directory / "v2.okse"
        for stack, out in zip(self.stacks, (self.v1, self.v2)):
            self.okse("build", stack, "--country", "VN", "-o", out, "--key", self.key.path, status=0)
        self.thin = directory / "thin.okse"
        self.made = self.okse("thin", self.v2, "--against", self.v1, "-o", self.thin, "--json", status=0).json
        self.trust = directory / "trust.yaml"
        self.trust.write_text("okse: trust/v1\nalgorithms: [ed25519]\nroles:\n  vendor:\n    threshold: 1\n    signers: [{key: vendor.pub}]\n")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return Site(tmp_path_factory.mktemp("site"))


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def names(path):
    return subprocess.run(["tar", "-tf", path], check=True, capture_output=True, text=True).stdout.splitlines()


def content(path, name):
    return subprocess.run(["tar", "-xOf", path, name], check=True, capture_output=True).stdout


def thin_json(path):
    return json.loads(content(path, "thin.json"))


def test_it_holds_what_is_new_and_the_metadata_of_all(site):
    whole, thin = set(names(site.v2)), set(names(site.thin))
    said, old = thin_json(site.thin), set(names(site.v1))
    assert content(site.thin, "index.json") == content(site.v2, "index.json")
    assert thin - whole == {"thin.json"} | {"blobs/" + blob["digest"].replace(":", "/") for blob in said["stored"]}
    model = digest((site.stacks[1].parent / "model/model.safetensors").read_bytes())
    left_out = whole - thin
    assert [r["blob"] for r in said["recipes"]] == [model] and f"blobs/{model.replace(':', '/')}" in left_out
    assert left_out - {f"blobs/{model.replace(':', '/')}"} <= old and len(left_out) > 3
    for name in thin:
        if name.startswith("blobs/"):
            assert digest(content(site.thin, name)) == name[6:].replace("/", ":")


def test_five_percent_of_the_tensors_are_at_most_5_1_percent_of_the_bytes(site):
    (stored,) = thin_json(site.thin)["stored"]
    whole = (site.stacks[1].parent / "model/model.safetensors").stat().st_size
    assert 2 * TENSOR + ROW <= stored["size"] <= 2 * TENSOR + ROW + 12288 <= 0.051 * whole  # the header, and blocks begun
    assert site.made["carried"]["pieces"] == stored["size"]


def test_verify_completes_it_and_says_with_what(site):
    done = site.okse("verify", site.thin, "--trust", site.trust, "--base", site.v1, status=0)
    assert f"complete with base {site.v1}" in done.out
    said = site.okse("verify", site.thin, "--trust", site.trust, "--base", site.v1, "--both", "--json", status=0).json
    assert said["identity"] == site.okse("inspect", site.v2, "--json", status=0).json["identity"]
    assert said["missing"] == [] and said["thin"]["bases"][0]["name"] == str(site.v1) and said["thin"]["leftOut"]["recipes"] == 1


def test_without_its_base_it_is_refused_with_the_list(site):
    done = site.okse("verify", site.thin, "--trust", site.trust, "--json", status=1).json
    assert done["verdict"] == "refused"
    missing = {(entry["file"], entry["digest"]) for entry in done["missing"]}
    assert ("model/model.safetensors", digest((site.stacks[1].parent / "model/model.safetensors").read_bytes())) in missing
    assert ("papers/same.pdf", digest(stacks.noise("same", 70000))) in missing
    words = site.okse("verify", site.thin, "--trust", site.trust, status=1).out
    assert "papers/same.pdf" in words and "in no base" in words


def test_a_base_that_lacks_something_is_not_enough(site, tmp_path):
    other = stacks.write(tmp_path / "s/papers/same.pdf", stacks.noise("same", 70000)) or tmp_path / "s/stack.yaml"
    other.write_text(HEAD.format(version="1.0.0", sequence=1).split("  - ")[0] + "  - {name: papers, kind: docs, source: {path: papers}}\n")
    site.okse("build", other, "--country", "VN", "--unsigned", "-o", tmp_path / "part.okse", status=0)
    done = site.okse("verify", site.thin, "--trust", site.trust, "--base", tmp_path / "part.okse", "--json", status=1).json
    assert "papers/same.pdf" not in [entry["file"] for entry in done["missing"]] and len(done["missing"]) > 1
    site.okse("verify", site.thin, "--trust", site.trust, "--base", tmp_path / "part.okse", "--base", site.v1, status=0)


def test_the_way_back_is_byte_for_byte(site, tmp_path):
    site.okse("thin", site.thin, "--base", site.v1, "--complete", "-o", tmp_path / "whole.okse", status=0)
    subprocess.run(["cmp", tmp_path / "whole.okse", site.v2], check=True)
    refused = site.okse("thin", site.thin, "--complete", "-o", tmp_path / "never.okse", status=1)
    assert "papers/same.pdf" in refused.out and not (tmp_path / "never.okse").exists()


def test_the_same_bytes_whoever_makes_it(site, tmp_path):
    again = tmp_path / "again.okse"
    copy = shutil.copy(site.v1, tmp_path / "renamed.okse")
    site.okse("thin", site.v2, "--against", copy, "-o", again, "--copy", "plain", status=0, env={"TZ": "UTC"})
    subprocess.run(["cmp", again, site.thin], check=True)


@pytest.mark.parametrize("way", ["auto", "plain"])
def test_a_build_writes_the_same_thin_bundle(site, tmp_path, way):
    """Without the whole one ever being there."""
    whole, thin = tmp_path / "whole.okse", tmp_path / "thin.okse"
    site.okse("build", site.stacks[1], "--country", "VN", "-o", whole, "--unsigned", status=0)
    site.okse("thin", whole, "--against", site.v1, "-o", thin, status=0)
    built = site.okse("build", site.stacks[1], "--country", "VN", "-o", tmp_path / "built.okse", "--unsigned", "--thin-against", site.v1,
                      "--copy", way, "--json", status=0).json
    subprocess.run(["cmp", tmp_path / "built.okse", thin], check=True)
    assert built["size"] == thin.stat().st_size and built["thin"]["leftOut"] == site.made["leftOut"]
    assert sorted(os.listdir(tmp_path)) == ["built.okse", "thin.okse", "whole.okse"]


def test_a_thin_build_is_signed_and_installs(site, tmp_path):
    thin = tmp_path / "thin.okse"
    site.okse("build", site.stacks[1], "--country", "VN", "-o", thin, "--key", site.key.path, "--thin-against", site.v1, status=0)
    site.okse("install", thin, "--root", tmp_path / "root", "--trust", site.trust, "--base", site.v1, status=0)


def test_a_thin_build_says_what_it_cannot_do(site, tmp_path):
    build = ("build", site.stacks[1], "--country", "VN", "--unsigned")
    old = shutil.copy(site.v1, tmp_path / "old.okse")
    assert "hashes nothing" in site.okse(*build, "-o", tmp_path / "x", "--thin-against", old, "--dry-run", status=2).err
    assert "elsewhere" in site.okse(*build, "-o", old, "--thin-against", old, status=2).err
    assert "directory" in site.okse(*build, "-o", tmp_path / "x", "--thin-against", tmp_path, status=2).err
    assert "--thin-against" in site.okse(*build, "-o", tmp_path / "x", "--whole-files", status=2).err
    assert sorted(os.listdir(tmp_path)) == ["old.okse"]


def test_whole_files_only_when_asked(site, tmp_path):
    site.okse("thin", site.v2, "--against", site.v1, "--whole-files", "-o", tmp_path / "t.okse", status=0)
    assert thin_json(tmp_path / "t.okse")["recipes"] == []
    site.okse("verify", tmp_path / "t.okse", "--trust", site.trust, "--base", site.v1, status=0)


def test_inspect_and_diff_say_that_it_is_thin(site):
    assert "not in this file" in site.okse("inspect", site.thin, status=0).out
    inspected = site.okse("inspect", site.thin, "--json", status=0).json
    whole = site.okse("inspect", site.v2, "--json", status=0).json
    assert inspected.pop("thin")["leftOut"]["blobs"] == site.made["leftOut"]["blobs"] and inspected == whole
    difference = site.okse("diff", site.v1, site.thin, "--json", status=1).json
    assert "thin" in difference["new"] and "thin" not in difference["old"]
    site.okse("diff", site.v2, site.thin, status=0)
    site.okse("inspect", site.thin, "--check", status=1)


def installed(root):
    current = root / "current"
    return {str(p.relative_to(current.resolve())): p.read_bytes() for p in sorted(current.resolve().rglob("*"))
            if p.is_file() and ".okse" not in p.parts and p.name != "model.sig"}


def test_install_takes_what_is_there_from_the_root_itself(site, tmp_path):
    root, plain = tmp_path / "root", tmp_path / "plain"
    site.okse("install", site.v1, "--root", root, "--trust", site.trust, status=0)
    done = site.okse("install", site.thin, "--root", root, "--trust", site.trust, status=0)
    site.okse("install", site.v2, "--root", plain, "--trust", site.trust, status=0)
    assert installed(root) == installed(plain)
    site.okse("status", "--root", root, status=0)
    said = site.okse("verify", site.thin, "--trust", site.trust, "--base", root, "--json", status=0).json
    assert said["thin"]["bases"][0]["name"] == str(root)
    assert done.status == 0


def test_install_without_base_writes_nothing(site, tmp_path):
    refused = site.okse("install", site.thin, "--root", tmp_path / "root", "--trust", site.trust, status=1)
    assert "papers/same.pdf" in refused.out + refused.err
    assert not (tmp_path / "root" / "current").exists()
    site.okse("install", site.thin, "--root", tmp_path / "root", "--trust", site.trust, "--base", site.v1, status=0)


def change(path, at, into=b"\xff"):
    with open(path, "r+b") as file:
        file.seek(at)
        old = file.read(1)
        file.seek(at)
        file.write(into if old != into else b"\0")


@pytest.mark.parametrize("where", ["root", "bundle"])
def test_a_base_whose_bytes_changed_on_site_is_refused_by_name(site, tmp_path, where):
    if where == "root":
        base = tmp_path / "root"
        site.okse("install", site.v1, "--root", base, "--trust", site.trust, status=0)
        file = (base / "current").resolve() / "papers/same.pdf"
        file.chmod(0o644)
        change(file, 40000)
    else:
        base = pathlib.Path(shutil.copy(site.v1, tmp_path / "old.okse"))
        change(base, base.read_bytes().index(stacks.noise("same", 70000)) + 40000)
    done = site.okse("verify", site.thin, "--trust", site.trust, "--base", base, status=1)
    assert "papers/same.pdf" in done.out and str(base) in done.out.split("refused:")[1]
    done = site.okse("install", site.thin, "--root", tmp_path / "new", "--trust", site.trust, "--base", base, status=1)
    assert str(base) in done.err
    assert not (tmp_path / "new" / "current").exists()


def test_a_changed_tensor_of_the_base_is_refused(site, tmp_path):
    base = pathlib.Path(shutil.copy(site.v1, tmp_path / "old.okse"))
    change(base, base.read_bytes().index(stacks.noise("layer 3", TENSOR)) + 100)
    done = site.okse("verify", site.thin, "--trust", site.trust, "--base", base, status=1)
    assert "model/model.safetensors" in done.out and str(base) in done.out
    site.okse("thin", site.thin, "--base", base, "--complete", "-o", tmp_path / "never.okse", status=1)
    assert not (tmp_path / "never.okse").exists()


def test_a_thin_bundle_is_no_base_and_is_not_made_thin_again(site, tmp_path):
    assert "thin itself" in site.okse("verify", site.thin, "--trust", site.trust, "--base", site.thin, status=2).err
    assert "thin already" in site.okse("thin", site.thin, "--against", site.v1, "-o", tmp_path / "x", status=2).err
    assert "whole already" in site.okse("thin", site.v2, "--complete", "-o", tmp_path / "x", status=2).err
    assert "--against" in site.okse("thin", site.v2, "-o", tmp_path / "x", status=2).err
    assert "read here" in site.okse("thin", site.v2, "--against", site.v1, "-o", site.v1, status=2).err


def test_a_pipe_and_readers_that_do_not_know_bases_say_what_to_do(site):
    done = site.okse("verify", "-", "--trust", site.trust, stdin=site.thin.read_bytes(), status=1)
    assert "thin bundle" in done.out + done.err and "--base" in done.out + done.err


def test_it_can_be_signed_and_its_statement_is_in_the_whole(site, tmp_path):
    other = signing.Key(tmp_path, "ministry")
    thin, whole = shutil.copy(site.thin, tmp_path / "thin.okse"), tmp_path / "whole.okse"
    for _ in range(24):  # until the statement area is full and statements go behind the payload
        site.okse("sign", thin, "--key", signing.Key(tmp_path, "k").path, "--role", "vendor", status=0)
    site.okse("sign", thin, "--key", other.path, "--role", "ministry", status=0)
    site.okse("thin", thin, "--base", site.v1, "--complete", "-o", whole, status=0)
    site.okse("verify", whole, "--trust", site.trust, status=0)
    assert names(whole)[-1] not in names(site.v2) and names(thin)[-1] == names(whole)[-1]  # behind the payload
    statements = site.okse("inspect", whole, "--json", status=0).json["statements"]
    assert statements == site.okse("inspect", thin, "--json", status=0).json["statements"] and len(statements) >= 26
    refused = site.okse("sign", thin, "--key", other.path, "--role", "ministry", "--check", status=1)
    assert "left out" in refused.err


def test_skopeo_copies_it_to_where_the_base_is(site, tmp_path):
    """Legal OCI: what a destination has is not asked of the source (whole files: a registry knows no recipes)."""
    thin = tmp_path / "thin.okse"
    site.okse("thin", site.v2, "--against", site.v1, "--whole-files", "-o", thin, status=0)
    for name, bundle in (("old", site.v1), ("new", thin)):
        (tmp_path / name).mkdir()
        subprocess.run(["tar", "-C", tmp_path / name, "-xf", bundle], check=True)
    copy = ["skopeo", "copy", "-q", "--preserve-digests"]
    into = f"oci:{tmp_path}/store"
    for component in ("papers", "model"):
        alone = subprocess.run([*copy, f"oci:{tmp_path}/new:1.2.0-{component}", f"oci:{tmp_path}/empty-{component}:x"], capture_output=True)
        assert alone.returncode != 0
        subprocess.run([*copy, f"oci:{tmp_path}/old:1.1.0-{component}", f"{into}:old-{component}"], check=True)
        subprocess.run([*copy, f"oci:{tmp_path}/new:1.2.0-{component}", f"{into}:new-{component}"], check=True)


@pytest.mark.parametrize("after", [0.0, 0.02, 0.05])
def test_killed_in_the_middle_nothing_is_left_under_the_name(site, tmp_path, after):
    out = tmp_path / "thin.okse"
    process = subprocess.Popen([site.okse.binary, "thin", site.v2, "--against", site.v1, "--copy", "plain", "-o", out])
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    process.wait()
    if out.exists():
        subprocess.run(["cmp", out, site.thin], check=True)
    site.okse("thin", site.v2, "--against", site.v1, "-o", out, status=0)
    subprocess.run(["cmp", out, site.thin], check=True)


# --- hostile: thin.json is on no signature


def rewrite(site, out, edit):
    """The same thin bundle with another thin.json, written by hand; payload behind it moves."""
    raw = site.thin.read_bytes()
    with tarfile.open(site.thin) as archive:
        old = archive.getmember("thin.json")
        members = archive.getmembers()
        after = [m for m in members if m.offset > old.offset]
        said = json.loads(archive.extractfile(old).read())
    value = edit(said)
    text = value if isinstance(value, bytes) else canonical(said if value is None else value)
    made = bytearray(raw[:old.offset] + header("thin.json", len(text)) + padded(text))
    for member in after:
        data = raw[member.offset_data:member.offset_data + member.size]
        room = -(len(made) + 512) % 4096  # a pax header whose comment moves the data to a border
        if 0 < room < 1024:
            room += 4096
        if room:
            length = room - 512
            comment = b"%d comment=" % length
            made += header("PaxHeaders/blob", length, b"x") + comment + b" " * (length - len(comment) - 1) + b"\n"
        made += header(member.name, member.size) + padded(data)
    out.write_bytes(made + bytes(1024))
    return out


def test_the_second_writer_writes_the_same(site, tmp_path):
    assert rewrite(site, tmp_path / "x", lambda said: None).read_bytes() == site.thin.read_bytes()


def first(said):
    return said["recipes"][0]


HOSTILE = {
    "beyond the base's blob": lambda said: first(said)["pieces"][0].__setitem__(1, 1 << 40),
    "beyond 64 TiB": lambda said: first(said)["pieces"][0].__setitem__(1, (1 << 63) - 1),
    "lengths that overflow": lambda said: first(said)["pieces"].extend([[0, 0, 1 << 46]] * 70000),
    "negative": lambda said: first(said)["pieces"][0].__setitem__(2, -1),
    "nothing": lambda said: first(said)["pieces"][0].__setitem__(2, 0),
    "a source that is not listed": lambda said: first(said)["pieces"][0].__setitem__(0, 99),
    "a cycle": lambda said: first(said)["from"].__setitem__(0, first(said)["blob"]),
    "too short": lambda said: first(said)["pieces"].pop(),
    "another order": lambda said: first(said)["pieces"].reverse(),
    "two for one blob": lambda said: said["recipes"].append(first(said)),
    "a blob that nobody has": lambda said: first(said)["from"].__setitem__(0, "sha256:" + "0" * 64),
    "another digest": lambda said: first(said)["from"].__setitem__(0, "sha512:" + "0" * 64),
    "pieces that are not there": lambda said: said["stored"].append({**said["stored"][0], "digest": "sha256:" + "1" * 64}),
    "pieces of another size": lambda said: said["stored"][0].__setitem__("size", 5),
    "another type of pieces": lambda said: said["stored"][0].__setitem__("mediaType", "text/plain"),
    "no list": lambda said: said.__setitem__("recipes", {}),
    "more members": lambda said: said.__setitem__("trust", "me"),
    "another schema": lambda said: said.__setitem__("schema", "okse.thin.v2"),
    "not canonical": lambda said: json.dumps(said).encode(),
    "no JSON": lambda said: b"\xff" * 600,
    "very deep": lambda said: b"[" * 5000 + b"]" * 5000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_list_is_refused(site, tmp_path, name):
    def edit(said):
        value = HOSTILE[name](said)
        return value if isinstance(value, bytes) else None

    bundle = rewrite(site, tmp_path / "hostile.okse", edit)
    done = site.okse("verify", bundle, "--trust", site.trust, "--base", site.v1)
    assert done.status in (1, 2) and "VERIFIED" not in done.out and (done.err or "REFUSED" in done.out)
    done = site.okse("install", bundle, "--trust", site.trust, "--base", site.v1, "--root", tmp_path / "root")
    assert done.status in (1, 2) and not (tmp_path / "root" / "current").exists()


def test_a_recipe_cannot_put_other_bytes_under_a_name(site, tmp_path):
    """Every piece from the start of the old file: the right length, other bytes."""
    def edit(said):
        recipe = first(said)
        size = sum(piece[2] for piece in recipe["pieces"])
        old = digest((site.stacks[0].parent / "model/model.safetensors").read_bytes())
        recipe["from"], recipe["pieces"] = [old], [[0, 0, size]]

    bundle = rewrite(site, tmp_path / "hostile.okse", edit)
    done = site.okse("verify", bundle, "--trust", site.trust, "--base", site.v1, status=1)
    assert "model/model.safetensors" in done.out and "other content" in done.out


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9, 0.999])
def test_a_thin_bundle_that_is_cut_off_is_refused(site, tmp_path, fraction):
    raw = site.thin.read_bytes()
    (tmp_path / "cut.okse").write_bytes(raw[:int(len(raw) * fraction)])
    done = site.okse("verify", tmp_path / "cut.okse", "--trust", site.trust, "--base", site.v1)
    assert done.status in (1, 2) and "VERIFIED" not in done.out


def test_a_dry_run_reads_the_base_and_writes_nothing(site, tmp_path):
    root = tmp_path / "root"
    site.okse("install", site.v1, "--root", root, "--trust", site.trust, status=0)
    before = sorted(os.listdir(root / "generations"))
    site.okse("install", site.thin, "--root", root, "--trust", site.trust, "--dry-run", status=0)
    file = (root / "current").resolve() / "tree/lib/libx.so.1"  # of a tar that is laid out again from the files
    file.chmod(0o755)
    change(file, 50000)
    done = site.okse("install", site.thin, "--root", root, "--trust", site.trust, "--dry-run", status=1)
    assert "other content" in done.err and sorted(os.listdir(root / "generations")) == before


def test_a_directory_where_nothing_is_installed_is_no_base(site, tmp_path):
    done = site.okse("verify", site.thin, "--trust", site.trust, "--base", tmp_path, status=2)
    assert "nothing is installed there" in done.err


# --- an install as a base, changed by whoever is on site


def test_what_is_gone_from_one_generation_is_taken_from_another(site, tmp_path):
    """A raw file, and one of a tar that would be laid out again."""
    root = tmp_path / "root"
    for bundle in (site.v1, site.v2):
        site.okse("install", bundle, "--root", root, "--trust", site.trust, status=0)
    new, gone = (root / "current").resolve(), ("papers/same.pdf", "tree/lib/libx.so.1")
    (old,) = [path for path in (root / "generations").iterdir() if path != new]
    for name in gone:
        (new / name).unlink()
    done = site.okse("verify", site.thin, "--trust", site.trust, "--base", root, status=0)
    assert f"complete with base {root}" in done.out
    (old / gone[1]).write_bytes(b"shorter")
    done = site.okse("verify", site.thin, "--trust", site.trust, "--base", root, "--json", status=1).json
    assert [entry["file"] for entry in done["missing"]] == ["tree/tree.tar"]


def test_after_a_thin_install_it_goes_back_and_forth(site, tmp_path):
    root = tmp_path / "root"
    site.okse("install", site.v1, "--root", root, "--trust", site.trust, status=0)
    before = installed(root)
    site.okse("install", site.thin, "--root", root, "--trust", site.trust, status=0)
    after = installed(root)
    site.okse("rollback", "--root", root, status=0)
    assert installed(root) == before != after
    site.okse("status", "--root", root, status=0)
    site.okse("install", site.thin, "--root", root, "--trust", site.trust, status=0)
    assert installed(root) == after
    site.okse("status", "--root", root, status=0)


def test_an_install_is_no_base_for_what_is_believed_later(site, tmp_path):
    """Its files are opened one by one, so a checkpoint or another machine's record could speak of other bytes than lie there now."""
    root = tmp_path / "root"
    site.okse("install", site.v1, "--root", root, "--trust", site.trust, status=0)
    words = ("verify", site.thin, "--trust", site.trust, "--base", root)
    assert "files of an install can change unseen" in site.okse(*words, "--state", tmp_path / "state", status=0).err
    refused = site.okse(*words, "--shard", "1/2", "--record", tmp_path / "1.json", status=2)
    assert "--complete" in refused.err and not (tmp_path / "1.json").exists()
    assert "--complete" in site.okse(*words[:2], tmp_path / "1.json", *words[2:], "--merge", status=2).err


PEAK = """import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, done.stdout, done.stderr)"""


def test_a_short_recipe_makes_no_great_number_of_pieces(site, tmp_path, monkeypatch):
    """A tar of an install is a piece for every file and every header; taken a thousand times, by whoever signed nothing."""
    for number in range(4000):
        stacks.write(tmp_path / f"s/tree/{number}", "")
    (tmp_path / "s/stack.yaml").write_text(HEAD.format(version="1.1.0", sequence=1).split("  - ")[0] + "  - {name: tree, kind: driver, source: {path: tree}}\n")
    site.okse("build", tmp_path / "s/stack.yaml", "--country", "VN", "-o", tmp_path / "base.okse", "--key", site.key.path, status=0)
    site.okse("install", tmp_path / "base.okse", "--root", tmp_path / "root", "--trust", site.trust, status=0)
    tar = stacks.Bundle(tmp_path / "base.okse").manifest("tree")["layers"][1]
    times, plain = 2000, small_bundle.layer

    def claimed(title, data):
        told = plain(title, data)
        return told | {"digest": "sha256:" + title[0] * 64, "size": times * tar["size"], "annotations": told["annotations"] | {"dev.okse.fsverity": "sha256:" + title[0] * 64}}

    monkeypatch.setattr(small_bundle, "layer", claimed)
    small_bundle.make(tmp_path / "bomb.okse", files={"big": b"seed", "cut": b"nowhere, so that nothing is hashed"})
    with tarfile.open(tmp_path / "bomb.okse") as archive:
        front = (tmp_path / "bomb.okse").read_bytes()[:archive.getmembers()[-2].offset]
    said = canonical({"schema": "okse.thin.v1", "against": [], "stored": [], "recipes": [
        {"blob": "sha256:" + "b" * 64, "from": [tar["digest"]], "pieces": [[0, 0, tar["size"]]] * times}]})
    (tmp_path / "bomb.okse").write_bytes(front + header("thin.json", len(said)) + padded(said) + bytes(1024))
    words = ("verify", tmp_path / "bomb.okse", "--trust", site.trust, "--base", tmp_path / "root")
    done = subprocess.run([sys.executable, "-c", PEAK, site.okse.binary, *map(str, words)], env=site.okse.environment, capture_output=True, text=True)
    status, peak, told = done.stdout.split(" ", 2)
    assert status == "1" and "missing: config/cut" in told and "config/big" not in told, told
    assert int(peak) < 200 << 10, peak  # KiB
