"""The strict reader against bundles whose digests are all right and whose content lies, and the format page against the builder."""
import hashlib
import json
import os
import subprocess
import zipfile

import pytest

import bundle_maker
import install_bundle as ib
import stacks
from small_bundle import canonical, header, padded, pax, sha

TRUST = "okse: trust/v1\nalgorithms: [ed25519]\nroles:\n  vendor: {threshold: 1, signers: [{key: vendor.pub}]}\n"


def conf():
    return ib.raw("conf", {"a": b"1", "b": (b"#!/bin/sh\n", "0755")})


def model():
    return ib.raw("model", {"model.safetensors": b"weights", "config.json": b"{}"}, "weights")


def tree():
    return ib.tar("tree", {"bin/x": (b"x", 0o755), "lib/y": b"y"}, links={"lib/l": "y"}, directories=["spool"])


def parts():
    return [model(), conf(), tree(), ib.image("server")]


def told(part, change, number=0):
    """The part with its manifest changed in place, or replaced by the bytes that change() gives."""
    data, platform = part.manifests[number]
    value = json.loads(data)
    result = change(value)
    part.manifests[number] = (result if isinstance(result, bytes) else canonical(value), platform)
    return part


def configured(part, value):
    """The part with another config, referred to as it should be."""
    data = value if isinstance(value, bytes) else canonical(value)
    part.metadata[0] = data
    return told(part, lambda manifest: manifest["config"].update(digest="sha256:" + sha(data), size=len(data)))


def note(key, value, layer=0):
    def change(manifest):
        notes = manifest["layers"][layer]["annotations"]
        notes.pop(key) if value is None else notes.update({key: value})
    return change


def member(*path, value):
    """Set what stands at `path` of a manifest; None removes it."""
    def change(manifest):
        at = manifest
        for key in path[:-1]:
            at = at[key]
        at.pop(path[-1]) if value is None else at.__setitem__(path[-1], value)
    return change


def two(**names):
    return [ib.raw(name, {"x": data}) for name, data in names.items()]


COMPONENT = {"schema": "okse.component.v1", "name": "conf", "kind": "infra", "form": "raw"}
FILE_NOTE = "org.cncf.model.file.metadata+json"
# name → (components, a word of the reason)
LIES = {
    "manifest with spaces": (lambda: [told(conf(), lambda m: json.dumps(m, sort_keys=True).encode())], "canonical"),
    "manifest with a newline": (lambda: [told(conf(), lambda m: canonical(m) + b"\n")], "canonical"),
    "manifest unsorted": (lambda: [told(conf(), lambda m: json.dumps(
        dict(reversed(sorted(m.items()))), separators=(",", ":")).encode())], "canonical"),
    "manifest member twice": (lambda: [told(conf(), lambda m: canonical(m).replace(b"{", b'{"schemaVersion":2,', 1))], "schemaVersion"),
    "manifest with annotations": (lambda: [told(conf(), member("annotations", value={"a": "b"}))], "members"),
    "manifest without layers": (lambda: [told(conf(), member("layers", value=[]))], "no file"),
    "schema version 3": (lambda: [told(conf(), member("schemaVersion", value=3))], "types"),
    "other artifact type": (lambda: [told(conf(), member("artifactType", value="application/vnd.okse.docs.v1"))], "types"),
    "config type": (lambda: [told(conf(), member("config", "mediaType", value="text/plain"))], "types"),
    "config with data": (lambda: [told(conf(), member("config", "data", value="e30="))], "members"),
    "config size": (lambda: [told(conf(), member("config", "size", value=1))], "size"),
    "config of another name": (lambda: [configured(conf(), COMPONENT | {"name": "other"})], "disagrees"),
    "config of another kind": (lambda: [configured(conf(), COMPONENT | {"kind": "docs"})], "disagrees"),
    "config of another form": (lambda: [configured(conf(), COMPONENT | {"form": "tar"})], "disagrees"),
    "config with more": (lambda: [configured(conf(), COMPONENT | {"run": "rm"})], "members"),
    "config with spaces": (lambda: [configured(conf(), json.dumps(COMPONENT, sort_keys=True).encode())], "canonical"),
    "config that is no JSON": (lambda: [configured(conf(), b"hello")], "config of component 'conf'"),
    "config license no text": (lambda: [configured(conf(), COMPONENT | {"license": 1})], "disagrees"),
    "model config of another model": (lambda: [configured(model(), {"descriptor": {"name": "other"}})], "another model"),
    "layer type": (lambda: [told(conf(), member("layers", 0, "mediaType", value="text/html"))], "media type"),
    "layer type of a model": (lambda: [told(conf(), member(
        "layers", 0, "mediaType", value="application/vnd.cncf.model.weight.v1.raw"))], "media type"),
    "layer with urls": (lambda: [told(conf(), member("layers", 0, "urls", value=["https://example.org/"]))], "members"),
    "layer digest sha512": (lambda: [told(conf(), member("layers", 0, "digest", value="sha512:" + "0" * 128))], "sha256"),
    "layer digest capitals": (lambda: [told(conf(), member("layers", 0, "digest", value="sha256:" + "A" * 64))], "sha256"),
    "layer size negative": (lambda: [told(conf(), member("layers", 0, "size", value=-1))], "size"),
    "layer size fraction": (lambda: [told(conf(), member("layers", 0, "size", value=1.0))], "size"),
    "layer size over the limit": (lambda: [told(conf(), member("layers", 0, "size", value=2 ** 46 + 1))], "64 TiB"),
    "layer one longer": (lambda: [told(conf(), member("layers", 0, "size", value=2))], "size"),
    "one digest with two sizes": (lambda: [told(conf(), lambda m: m["layers"][1].update(
        digest=m["layers"][0]["digest"]))], "sizes differ"),
    "mode 04755": (lambda: [told(conf(), note("dev.okse.mode", "4755"))], "mode"),
    "mode missing": (lambda: [told(conf(), note("dev.okse.mode", None))], "dev.okse.mode"),
    "fs-verity missing": (lambda: [told(conf(), note("dev.okse.fsverity", None))], "fsverity"),
    "fs-verity without prefix": (lambda: [told(conf(), note("dev.okse.fsverity", "0" * 64))], "fs-verity"),
    "a note nobody knows": (lambda: [told(conf(), note("dev.okse.run", "x"))], "members"),
    "path /etc/passwd": (lambda: [told(conf(), note(ib.TITLE, "/etc/passwd"))], "safe path"),
    "path ../x": (lambda: [told(conf(), note(ib.TITLE, "../x"))], "safe path"),
    "path a/../b": (lambda: [told(conf(), note(ib.TITLE, "a/../b"))], "safe path"),
    "path with a control": (lambda: [told(conf(), note(ib.TITLE, "a\x1b[2J"))], "safe path"),
    "path empty": (lambda: [told(conf(), note(ib.TITLE, ""))], "safe path"),
    "path twice": (lambda: [told(conf(), note(ib.TITLE, "b"))], "sorted"),
    "paths out of order": (lambda: [told(conf(), note(ib.TITLE, "c"))], "sorted"),
    "paths equal but for case": (lambda: [ib.raw("conf", {"Key": b"1", "key": b"2"})], "'Key' and 'key' cannot both exist"),
    "paths equal but for composition": (lambda: [ib.raw("conf", {"e\u0301": b"1", "\u00e9": b"2"})], "cannot both exist"),
    "a file above a file": (lambda: [ib.raw("conf", {"a": b"1", "a/b": b"2"})], "cannot both exist"),
    "a file above a file but for case": (lambda: [ib.raw("conf", {"A": b"1", "a/b": b"2"})], "cannot both exist"),
    "513 raw files": (lambda: [ib.raw("conf", {f"{i:03}": b"%d" % i for i in range(513)})], "512"),
    "model file with another name inside": (lambda: [told(model(), note(FILE_NOTE, '{"name":"other"}'))], "two names"),
    "model file with another size inside": (lambda: [told(model(), note(FILE_NOTE, '{"name":"config.json","size":9}'))], "two sizes"),
    "model file with another mode inside": (lambda: [told(model(), note(FILE_NOTE, '{"mode":493,"name":"config.json"}'))], "two sizes"),
    "model file note with spaces": (lambda: [told(model(), note(FILE_NOTE, '{"name": "config.json"}'))], "canonical"),
    "model file with another path": (lambda: [told(model(), note("org.cncf.model.filepath", "other"))], "two names"),
    "model file untested": (lambda: [told(model(), note("org.cncf.model.file.mediatype.untested", "true"))], "untested"),
    "tar without archive": (lambda: [told(tree(), lambda m: m["layers"].pop())], "one tar"),
    "tar with compression": (lambda: [told(tree(), member(
        "layers", 1, "mediaType", value="application/vnd.oci.image.layer.v1.tar+gzip"))], "type or title"),
    "tar of another title": (lambda: [told(tree(), note(ib.TITLE, "other.tar", 1))], "type or title"),
    "listing of another title": (lambda: [told(tree(), note(ib.TITLE, "../tree.mtree"))], "type or title"),
    "image that is an index too": (lambda: [told(ib.image("server"), member("manifests", value=[]))], "another type"),
    "image that says it is an index": (lambda: [told(ib.image("server"), member("mediaType", value=ib.INDEX))], "another type"),
    "image manifest member twice": (lambda: [told(ib.image("server"), lambda m: canonical(m).replace(
        b"{", b'{"schemaVersion":1,', 1))], "schemaVersion"),
    "two components of one name": (lambda: [conf(), ib.raw("conf", {"z": b"9"})], "one name"),
    "an image and files of one name": (lambda: [ib.image("server"), ib.raw("server", {"z": b"9"})], "one name"),
}


def refused(okse, path, word):
    """By inspect --check, with this word; by verify from a file and from a pipe, which agree."""
    shown = okse("inspect", "--check", path)
    assert shown.status in (1, 2) and word in shown.err, repr(shown)
    (okse.directory / "trust.yaml").write_text(TRUST)
    by_file = okse("verify", path, "--trust", "trust.yaml", "--json")
    by_pipe = okse("verify", "-", "--trust", "trust.yaml", "--json", stdin=path.read_bytes())
    assert by_file.status == by_pipe.status and by_file.status in (1, 2), (by_file, by_pipe)
    reasons = [[text.split(": ", 1)[-1] for text in result.json["reasons"]] for result in (by_file, by_pipe)]
    assert reasons[0] == reasons[1] and word in " ".join(reasons[0]), reasons


@pytest.fixture
def keyed(okse):
    okse("key", "new", "--type", "ed25519", "-o", "vendor.pem", status=0)
    return okse


def make(okse, components, **lies):
    path = okse.directory / "b.okse"
    ib.write(path, components, "civic", "1.0.0", 3, [], **lies)
    return path


def test_the_honest_bundle_is_accepted(okse):
    """Otherwise every refusal below could have another cause."""
    path = make(okse, parts())
    okse("inspect", "--check", path, status=0)
    for component in (model(), conf(), tree(), ib.image("server"), ib.image("server", (("linux", "amd64"), ("linux", "arm64")))):
        okse("inspect", "--check", make(okse, [component]), status=0)


@pytest.mark.parametrize("name", LIES)
def test_lies_with_right_digests_are_refused(keyed, name):
    components, word = LIES[name]
    refused(keyed, make(keyed, components()), word)


def entry(number, **members):
    def alter(index):
        for key, value in members.items():
            index["manifests"][number].pop(key) if value is None else index["manifests"][number].__setitem__(key, value)
    return {"alter": alter}


def stack_config(**members):
    return {"stack": {"name": "civic", "version": "1.0.0", "country": "VN", "sequence": 3,
                      "vendor": {"name": "Example AI Lab", "country": "KR"}} | members}


INDEX_LIES = {
    "no vendor": ({"index_notes": {"dev.okse.vendor": None}}, "dev.okse.vendor"),
    "empty vendor": ({"index_notes": {"dev.okse.vendor": ""}}, "vendor"),
    "vendor's country": ({"index_notes": {"dev.okse.vendor.country": "kr"}}, "vendor"),
    "country": ({"index_notes": {"dev.okse.country": "VNM"}}, "country"),
    "type": ({"index_notes": {"dev.okse.type": "bundle.v2"}}, "bundle.v1"),
    "sequence 03": ({"index_notes": {"dev.okse.sequence": "03"}}, "sequence"),
    "sequence 0": ({"index_notes": {"dev.okse.sequence": "0"}}, "sequence"),
    "sequence -3": ({"index_notes": {"dev.okse.sequence": "-3"}}, "sequence"),
    "sequence over 63 bits": ({"index_notes": {"dev.okse.sequence": "9223372036854775808"}}, "sequence"),
    "created without seconds": ({"index_notes": {"org.opencontainers.image.created": "2026-01-01T00:00Z"}}, "time of creation"),
    "created elsewhere": ({"index_notes": {"org.opencontainers.image.created": "2026-01-01T09:00:00+09:00"}}, "time of creation"),
    "a note nobody knows": ({"index_notes": {"dev.okse.extra": "1"}}, "members"),
    "artifact type": ({"alter": lambda index: index.update(artifactType="x/y")}, "members"),
    "component is an index": (entry(1, mediaType=ib.INDEX), "no manifest"),
    "component with urls": (entry(1, urls=[]), "members"),
    "platform without os": (entry(1, platform={"architecture": "amd64"}), "platform"),
    "platform text": (entry(1, platform="linux/amd64"), "platform"),
    "unknown kind": (entry(1, annotations={"dev.okse.component": "conf", "dev.okse.kind": "malware"}), "kind"),
    "kind of the stack": (entry(1, annotations={"dev.okse.component": "conf", "dev.okse.kind": "stack"}), "kind"),
    "second stack": (entry(1, annotations={"dev.okse.component": "stack", "dev.okse.kind": "stack"}), "kind"),
    "name with a slash": (entry(1, annotations={"dev.okse.component": "a/b", "dev.okse.kind": "infra"}), "component"),
    "no component": ({"alter": lambda index: index["manifests"].__delitem__(slice(1, None))}, "no component"),
    "no stack": ({"alter": lambda index: index["manifests"].pop(0)}, "component"),
    "stack of another name": (stack_config(name="other"), "disagrees"),
    "stack of another sequence": (stack_config(sequence=4), "disagrees"),
    "stack for another country": (stack_config(country="US"), "disagrees"),
    "stack by another vendor": (stack_config(vendor={"name": "Somebody", "country": "KR"}), "disagrees"),
    "stack without vendor": (stack_config(vendor=None), "disagrees"),
}


@pytest.mark.parametrize("name", INDEX_LIES)
def test_lies_of_the_index_and_the_stack_are_refused(keyed, name):
    lies, word = INDEX_LIES[name]
    refused(keyed, make(keyed, [conf(), tree()], **lies), word)


def test_platform_null_makes_no_image(keyed):
    def alter(index):
        index["manifests"][1]["platform"] = None
    refused(keyed, make(keyed, [conf()], alter=alter), "platform")


def flipped(path, *contents):
    """The file with one bit changed in each of these payload blobs."""
    data = bytearray(path.read_bytes())
    for content in contents:
        at = bytes(data).rindex(content)
        data[at] ^= 1
    path.write_bytes(data)


def test_the_first_fault_is_the_first_in_the_archive(okse):
    """Whichever worker is done first: small blobs stand before large ones, and large ones are hashed first."""
    contents = [b"first" + bytes(10), b"second" + os.urandom(70_000), b"third" + os.urandom(3_000_000)]
    path = make(okse, [ib.raw("conf", {f"{i}": data for i, data in enumerate(contents)})])
    flipped(path, *contents)
    expected = [sha(data) for data in contents]
    for _ in range(15):
        shown = okse("inspect", "--check", path, status=1).err
        assert expected[0] in shown and expected[1] not in shown and expected[2] not in shown, shown
    (okse.directory / "trust.yaml").write_text(TRUST)
    okse("key", "new", "--type", "ed25519", "-o", "vendor.pem", status=0)
    every = [reason for reason in okse("verify", path, "--trust", "trust.yaml", "--all", "--json", status=1).json["reasons"]
             if reason.startswith("blob ")]
    assert [reason.split()[1] for reason in every] == expected


def test_a_metadata_blob_over_4_mib_is_invalid(okse):
    big = COMPONENT | {"license": "x" * (4 << 20)}
    shown = okse("inspect", make(okse, [configured(conf(), big)]), status=2)
    assert "4 MiB" in shown.err


def test_a_missing_blob_is_named(okse):
    path = make(okse, [conf()])
    data, gone = path.read_bytes(), sha(b"1")
    # everything in front of the first payload blob, then the second with the padding that is right for it there
    cut = data[:data.index(("blobs/sha256/" + gone).encode())]
    cut = cut[:cut.rindex(b"PaxHeaders/blob")]
    second, out = b"#!/bin/sh\n", bytearray(cut)
    if (len(out) + 512) % 4096:
        length = 512
        while (len(out) + 1024 + length) % 4096:
            length += 512
        out += pax(length)
    out += header("blobs/sha256/" + sha(second), len(second)) + padded(second) + bytes(1024)
    path.write_bytes(out)
    shown = okse("inspect", path, status=1)
    assert gone in shown.err and "missing" in shown.err


def test_names_are_shown_escaped(okse):
    """Bidi controls and escapes in the vendor's name reach no terminal."""
    name = "Lab\x1b[31m\u202egnp"
    path = make(okse, [conf()], index_notes={"dev.okse.vendor": name}, **stack_config(vendor={"name": name, "country": "KR"}))
    for words in (["inspect", path], ["diff", path, path]):
        out = okse(*words, status=0).out
        assert "\x1b" not in out and "\u202e" not in out and "Lab" in out
    assert okse("inspect", path, "--json", status=0).json["vendor"]["name"] == name


def test_inspect_lists_what_was_packed(okse):
    path = make(okse, parts())
    seen = okse("inspect", "--json", path, status=0).json
    assert (seen["schema"], seen["name"], seen["version"], seen["sequence"], seen["country"], seen["payload_checked"]) == (
        "okse.inspection.v1", "civic", "1.0.0", 3, "VN", False)
    by_name = {part["name"]: part for part in seen["components"]}
    assert [(part["name"], part["kind"], part["form"]) for part in seen["components"]] == [
        ("model", "weights", "raw"), ("conf", "infra", "raw"), ("tree", "runtime", "tar"), ("server", "runtime", "image")]
    digest = hashlib.sha256(b"#!/bin/sh\n").hexdigest()
    raw = {file["path"]: file for file in by_name["conf"]["files"]}
    assert raw["b"]["digest"] == "sha256:" + digest and (raw["b"]["size"], raw["b"]["mode"]) == (10, "0755")
    listed = {file.pop("path"): file for file in by_name["tree"]["files"]}
    assert listed == {"bin/x": {"digest": "sha256:" + sha(b"x"), "size": 1, "mode": "0755"}, "lib/l": {"link": "y"},
                      "lib/y": {"digest": "sha256:" + sha(b"y"), "size": 1, "mode": "0644"}, "spool": {"directory": True}}
    text = okse("inspect", "--check", path, status=0).out
    assert "bin/x (executable)" in text and "lib/l -> y" in text and "does not tell who made it" in text


def test_a_damaged_listing_is_named(okse):
    path = make(okse, [tree()])
    flipped(path, b"#mtree\n")
    shown = okse("inspect", path, status=1)
    assert "tree.mtree" in shown.err
    assert "tree.mtree" in okse("inspect", make(okse, [ib.tar("tree", {"a": b"1"}, listing=b"#mtree\n./../x type=dir\n")]), status=2).err


def test_diff_says_what_changed(okse):
    old, new = okse.directory / "old.okse", okse.directory / "new.okse"
    two_platforms = (("linux", "amd64"), ("linux", "arm64"))
    ib.write(old, [conf(), tree(), ib.image("server", two_platforms), ib.raw("gone", {"x": b"x"})], "civic", "1.0.0", 3, [])
    changed = ib.tar("tree", {"bin/x": (b"xx", 0o755), "lib/z": b"z"}, links={"lib/l": "z"}, directories=["spool"])
    other = ib.image("server", two_platforms)
    other.manifests[1] = (canonical(json.loads(other.manifests[1][0]) | {"annotations": {"a": "b"}}), other.manifests[1][1])
    ib.write(new, [conf(), changed, other, ib.raw("come", {"y": b"y"})], "civic", "1.0.1", 4, [])
    seen = okse("diff", "--json", old, new, status=1).json
    rows = [(row["change"], row["component"], row.get("path")) for row in seen["changes"]]
    assert rows == [("changed", "tree", None), ("changed", "tree", "bin/x"), ("changed", "tree", "lib/l"), ("removed", "tree", "lib/y"),
                    ("added", "tree", "lib/z"), ("changed", "server", None), ("removed", "gone", None), ("added", "come", None)]
    assert seen["changes"][1]["old"]["size"] == 1 and seen["changes"][1]["new"]["size"] == 2
    assert (seen["old"]["sequence"], seen["new"]["sequence"], seen["same"]) == (3, 4, False)
    text = okse("diff", old, new, status=1).out
    assert "changed  tree/bin/x  (1 B -> 2 B)" in text and "sequence 3" in text and "sequence 4" in text


def test_diff_of_a_signed_copy_is_the_same(okse):
    path, copy = make(okse, [conf()]), okse.directory / "signed.okse"
    copy.write_bytes(path.read_bytes())
    okse("key", "new", "--type", "ed25519", "-o", "vendor.pem", status=0)
    okse("sign", copy, "--key", "vendor.pem", "--role", "vendor", status=0)
    seen = okse("diff", "--json", path, copy, status=0).json
    assert seen["same"] and seen["changes"] == [] and [row["change"] for row in seen["statements"]] == ["added"]
    assert "not checked here" in okse("diff", path, copy, status=0).out


@pytest.mark.parametrize("names", [("Key", "key"), ("e\u0301", "\u00e9"), ("A", "a/b")])
def test_build_refuses_what_the_reader_would(okse, tmp_path, names):
    for name in names:
        stacks.write(tmp_path / "data" / name, name)
    shown = okse("build", stacks.simple(tmp_path), "--country", "VN", "-o", "x.okse", "--unsigned", status=2)
    assert "cannot both exist" in shown.err and all(name in shown.err for name in names) and "stack.yaml:7" in shown.err
    assert not (tmp_path / "x.okse").exists()


def test_the_page_makes_the_same_bytes_as_the_builder(okse, tmp_path):
    """docs/formats/bundle.md in Python, from the same inputs: byte for byte what `okse build` writes."""
    place = tmp_path / "in"
    place.mkdir()
    built = stacks.build(okse, stacks.civic(place))
    with zipfile.ZipFile(place / "wheels/engine.whl") as archive:
        for info in archive.infolist():
            stacks.write(tmp_path / "engine" / info.filename, archive.read(info), info.external_attr >> 16 & 0o777)
    made = bundle_maker.Stack("civic", "1.4.0", 14, "VN",
                              {"name": "Example AI Lab", "country": "KR", "contact": "security@example.org"},
                              {"data_classes": ["personal"], "sector": "government"})
    made.add("minilm", "weights", "path:model", "raw", place / "model", "Apache-2.0")
    made.add("engine", "runtime", "archive:wheels/engine.whl", "raw", tmp_path / "engine", "MIT")
    made.add_image("server-image", "runtime", "oci:images/server", place / "images/server", "1.4.0", "linux/amd64")
    made.add("serving", "infra", "path:infra", "raw", place / "infra")
    made.add("tree", "driver", "path:tree", "tar", place / "tree")
    made.add("notice", "docs", "path:model/LICENSE", "raw", place / "model/LICENSE")
    documents = [(title, layer["mediaType"], built.blob(layer["digest"]))  # what they say: test_documents.py
                 for title, layer in built.titles("stack").items() if title != "lock.json"]
    identity = made.write(tmp_path / "made.okse", documents)
    if "sha256:" + identity != built.identity:
        mine = stacks.Bundle(tmp_path / "made.okse")
        for component in [d["annotations"]["dev.okse.component"] for d in built.index["manifests"]]:
            assert mine.manifests(component) == built.manifests(component), component
            assert mine.config(component) == built.config(component), component
        assert mine.lock() == built.lock()
    assert "sha256:" + identity == built.identity
    done = subprocess.run(["cmp", tmp_path / "made.okse", built.path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
