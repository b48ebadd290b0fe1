"""Tensors: what a bundle's signed lists say of each is what other tools read from the files, and diff tells what became of them."""
import json
import random
import shutil
import struct
import subprocess
import tarfile
import zipfile
import pytest
import bundle_maker
import stacks
from small_bundle import canonical, fsverity, sha
from weights_files import gguf, safetensors

TYPE = "application/vnd.okse.tensors.v1+json"
VENDOR = {"name": "Example AI Lab", "country": "KR", "contact": "security@example.org"}


def values(name, count=65536):
    return random.Random(name).randbytes(4 * count)


def tensor(name, shape=(256, 256), dtype="F32"):
    return dtype, list(shape), values(name, shape[0] * shape[1] if len(shape) == 2 else 0)


def model(*names, **others):
    """Some F32 tensors of 256 KiB, filled by their names; others: name → tensor."""
    return {name: tensor(name) for name in names} | others


NAMES = tuple(f"layers.{i}.weight" for i in range(6))


def stack_of(directory, version="1.0.0", sequence=1, components=("model",)):
    stack = directory / f"stack-{version}.yaml"
    stack.write_text(f"okse: stack/v1\nname: civic\nversion: {version}\nsequence: {sequence}\n"
                     "vendor: {name: Example AI Lab, country: KR}\ncomponents:\n" +
                     "".join(f"  - {{name: {name}, kind: weights, source: {{path: {name}-{version}}}}}\n" for name in components))
    return stack


class Site:
    """Versions of a model, each packed."""

    def __init__(self, okse, directory):
        self.okse, self.directory = okse, directory

    def pack(self, version, files, name="model"):
        for path, data in files.items():
            stacks.write(self.directory / f"{name}-{version}" / path, data)
        number = int(version.replace(".", ""))
        return stacks.build(self.okse, stack_of(self.directory, version, number), self.directory / f"{version}.okse")

    def diff(self, old, new, *words, status=1):
        return self.okse("diff", old.path, new.path, "--json", *words, status=status).json["tensors"]


@pytest.fixture
def site(okse, tmp_path):
    return Site(okse, tmp_path)


def lists(bundle):
    """Title → document, of all lists of tensors."""
    return {title: json.loads(bundle.blob(layer["digest"])) for title, layer in bundle.titles("stack").items()
            if layer["mediaType"] == TYPE}


def listed(bundle, path="model.safetensors", name="model"):
    return [row for title, document in lists(bundle).items() if document["component"] == name
            for file in document["files"] if file["path"] == path for row in file["tensors"]]


def by_hand(data, row, tmp_path):
    """The digest that `fsverity digest` gives for the tensor's bytes cut out with dd."""
    (tmp_path / "whole").write_bytes(data)
    subprocess.run(["dd", f"if={tmp_path / 'whole'}", f"of={tmp_path / 'cut'}", "iflag=skip_bytes,count_bytes", "status=none",
                    f"skip={row['offset']}", f"count={row['length']}"], check=True)
    return subprocess.run(["fsverity", "digest", tmp_path / "cut"], check=True, capture_output=True, text=True).stdout.split()[0]


def test_every_tensor_is_listed_as_the_header_says_and_hashed_as_fsverity_does(site, tmp_path):
    if shutil.which("fsverity") is None:
        pytest.skip("needs fsverity")
    tensors = model(*NAMES, empty=("F32", [0, 7], b""), scalar=("F64", [], bytes(8)), odd=("U8", [4099], bytes(range(256)) * 16 + b"abc"))
    data = safetensors(tensors, {"format": "pt"})
    bundle = site.pack("1.0.0", {"model.safetensors": data, "config.json": "{}"})
    ((title, document),) = lists(bundle).items()
    assert title == "tensors/model.json" and bundle.titles("stack")[title]["mediaType"] == TYPE
    assert bundle.blob(bundle.titles("stack")[title]["digest"]) == canonical(document)
    (file,) = document["files"]
    assert (file["path"], file["format"], file["size"], file["digest"]) == ("model.safetensors", "safetensors", len(data), "sha256:" + sha(data))
    header = json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]])
    del header["__metadata__"]
    start = 8 + struct.unpack("<Q", data[:8])[0]
    rows = {row["name"]: row for row in file["tensors"]}
    assert rows.keys() == header.keys() and len(rows) == len(file["tensors"])
    for name, told in header.items():
        begin, end = told["data_offsets"]
        assert (rows[name]["dtype"], rows[name]["shape"]) == (told["dtype"], told["shape"])
        assert (rows[name]["offset"], rows[name]["length"]) == (start + begin, end - begin)
        assert rows[name]["fsverity"] == by_hand(data, rows[name], tmp_path), name
    assert [row["offset"] for row in file["tensors"]] == sorted(row["offset"] for row in file["tensors"])


def test_gguf_too(site):
    """Two tensors with padding between them; dimensions as GGUF has them, the innermost first."""
    first, second = values("first", 75_001)[:300_004], values("second", 204_800)
    place = (len(first) + 31) // 32 * 32
    body = first + bytes(place - len(first)) + second
    data = gguf(tensors=[("a", (75_001,), 0, 0, len(first)), ("b", (1024, 200), 0, place, len(second))], data=body)
    rows = listed(site.pack("1.0.0", {"m.gguf": data}), "m.gguf")
    assert [(r["name"], r["dtype"], r["shape"], r["length"]) for r in rows] == [("a", "F32", [75_001], 300_004), ("b", "F32", [1024, 200], 819_200)]
    for row, content in zip(rows, (first, second)):
        assert data[row["offset"]:row["offset"] + row["length"]] == content
        assert row["fsverity"] == "sha256:" + fsverity(content)


def test_what_is_small_no_weights_or_broken_is_not_listed(site):
    broken = safetensors(model(*NAMES), header={"layers.0.weight": {"dtype": "F32", "shape": [1, 65536], "data_offsets": [4, 262148]}})
    unknown = safetensors(model(*NAMES), header={"layers.0.weight": {"dtype": "X9", "shape": [65536], "data_offsets": [0, 262144]}})
    long_name = safetensors(model(*NAMES, **{"n" * 256: ("U8", [1], b"x")}))
    deep = safetensors(model(*NAMES, deep=("U8", [1] * 9, b"x")))
    bundle = site.pack("1.0.0", {"small.safetensors": safetensors({"a": ("U8", [100], bytes(100))}), "noise.bin": values("noise", 400_000),
                                 "broken.safetensors": broken, "unknown.safetensors": unknown, "long.safetensors": long_name, "deep.safetensors": deep})
    assert not lists(bundle)


def test_the_same_list_from_an_archive_and_on_any_number_of_threads(okse, tmp_path):
    files = {"a.safetensors": safetensors(model(*NAMES)), "b/c.safetensors": safetensors(model("other", *NAMES)), "d.txt": b"text"}
    for path, data in files.items():
        stacks.write(tmp_path / "plain" / path, data)
    with tarfile.open(tmp_path / "packed.tar.gz", "w:gz") as archive:
        for path in reversed(sorted(files)):
            archive.add(tmp_path / "plain" / path, path)
    with zipfile.ZipFile(tmp_path / "packed.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(tmp_path / "plain" / path, path)
    told = []
    for number, (source, words) in enumerate((("{path: plain}", ()), ("{path: plain}", ("--threads", "1")), ("{path: plain}", ("--copy", "range")),
                                              ("{archive: packed.tar.gz}", ()), ("{archive: packed.zip}", ()))):
        bundle = stacks.build(okse, stacks.simple(tmp_path, source, "weights"), tmp_path / f"{number}.okse", words=words)
        told.append(lists(bundle))
    assert all(other == told[0] for other in told) and len(told[0]["tensors/data.json"]["files"]) == 2
    for file in told[0]["tensors/data.json"]["files"]:
        for row in file["tensors"]:
            content = files[file["path"]][row["offset"]:row["offset"] + row["length"]]
            assert content == values(row["name"]) and row["fsverity"] == "sha256:" + fsverity(content)


def test_a_second_builder_gets_the_same_identity(site, okse):
    bundle = site.pack("1.0.0", {"model.safetensors": safetensors(model(*NAMES))})
    stack = site.directory / "stack-1.0.0.yaml"
    assert okse("rebuild", stack, "--expect", bundle.path, "--json", status=0).json["same"]
    stacks.write(site.directory / "model-1.0.0/model.safetensors", safetensors(model(*NAMES[1:], "other")))
    found = okse("rebuild", stack, "--expect", bundle.path, "--json", status=1).json["difference"]
    assert (found["component"], found["path"], found["aspect"]) == ("model", "model.safetensors", "content")


def test_equal_files_are_hashed_once_and_listed_wherever_they_are(okse, tmp_path):
    data = safetensors(model(*NAMES))
    for place in ("one-1.0.0/a.safetensors", "one-1.0.0/b.safetensors", "two-1.0.0/c.safetensors", "two-1.0.0/d.bin"):
        stacks.write(tmp_path / place, data)
    bundle = stacks.build(okse, stack_of(tmp_path, components=("two", "one")))
    told = lists(bundle)
    assert [(d["component"], f["path"]) for d in told.values() for f in d["files"]] == [("two", "c.safetensors"), ("one", "a.safetensors"),
                                                                                        ("one", "b.safetensors")]
    rows = [f["tensors"] for d in told.values() for f in d["files"]]
    assert rows[0] == rows[1] == rows[2] and all(r["fsverity"] == "sha256:" + fsverity(values(r["name"])) for r in rows[0])


def test_goes_on_after_a_kill_with_the_same_list(okse, tmp_path):
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    for number in range(3):
        stacks.write(tmp_path / f"data/{number}.safetensors", safetensors({f"t{k}-{number}": tensor(f"t{k}-{number}") for k in range(5 + number)}))
    stack = stacks.simple(tmp_path, kind="weights")
    whole = stacks.build(okse, stack, tmp_path / "whole.okse")
    words = [okse.binary, "build", stack, "--country", "VN", "--gate", "off", "--unsigned", "-o", tmp_path / "b.okse"]
    killed = subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", "-P", tmp_path / ".b.okse.part.journal", "-e", "trace=write", "-e",
                             "inject=write:signal=KILL:when=4", *words, "--threads", "1", "--copy", "plain"], capture_output=True,
                            env={**okse.environment, "ASAN_OPTIONS": "detect_leaks=0"})
    assert killed.returncode != 0 and (tmp_path / ".b.okse.part.journal").read_bytes().count(b"\n") == 3
    done = okse(*words[1:], "--json", status=0).json
    assert done["copied"]["kept"] > 0 and (tmp_path / "b.okse").read_bytes() == whole.path.read_bytes()


def counts(answer):
    return {file["path"]: {word: file[word] for word in ("changed", "added", "removed", "moved", "unchanged") if file[word]}
            for file in answer["files"]}


def test_diff_tells_what_changed_was_added_removed_or_only_moved(site, okse):
    old = site.pack("1.0.0", {"a.safetensors": safetensors(model(*NAMES)), "b.safetensors": safetensors(model(*"uvwxyz"))})
    quantised = ("F16", [256, 512], values("x"))
    new = site.pack("2.0.0", {
        "a.safetensors": safetensors({NAMES[0]: tensor("tuned")} | model(*NAMES[1:])),  # a value, nothing else
        "b.safetensors": safetensors({"extra": tensor("extra", (8, 8))} | model("u", "w", x=quantised, y2=tensor("y"), z=tensor("z")))})
    answer = site.diff(old, new)
    assert (answer["old"], answer["new"]) == ("listed", "listed")
    assert counts(answer) == {"a.safetensors": {"changed": 1, "unchanged": 5},
                              "b.safetensors": {"added": 1, "removed": 1, "changed": 1, "moved": 4}}
    rows = {(row["change"], row.get("new", row.get("old"))["name"]): row for file in answer["files"] for row in file["tensors"]}
    assert rows.keys() == {("changed", NAMES[0]), ("added", "extra"), ("removed", "v"), ("changed", "x"),
                           ("moved", "u"), ("moved", "w"), ("moved", "y2"), ("moved", "z")}
    assert rows["moved", "y2"]["old"]["name"] == "y" and rows["moved", "u"]["old"]["offset"] != rows["moved", "u"]["new"]["offset"]
    assert [rows["changed", "x"][side][what] for what in ("dtype", "shape") for side in ("old", "new")] == ["F32", "F16", [256, 256], [256, 512]]
    assert rows["changed", NAMES[0]]["new"]["fsverity"] == "sha256:" + fsverity(values("tuned"))
    # x has the same bytes under another type: nothing to ship
    assert {file["path"]: file["shipped"] for file in answer["files"]} == {"a.safetensors": 262_144, "b.safetensors": 256}
    shown = okse("diff", old.path, new.path, status=1).out
    assert "tensors of model/a.safetensors: 1 changed, 0 added, 0 removed, 0 moved, 5 unchanged; 256.0 KiB that the old bundle has not\n" in shown
    assert "  changed  x  F32 [256, 256] -> F16 [256, 512]\n" in shown and "  moved " not in shown
    shown = okse("diff", old.path, new.path, "--tensors", status=1).out
    assert "  moved    y2  F32 [256, 256]  (was y)\n" in shown and "  removed  v  F32 [256, 256]\n" in shown


def test_a_model_in_other_shards_only_moved(site):
    old = site.pack("1.0.0", {"model-1.safetensors": safetensors(model(*NAMES)), "model-2.safetensors": safetensors(model(*"stuvwx"))})
    new = site.pack("2.0.0", {"model.safetensors": safetensors(model(*"stuvwx", *NAMES), {"format": "pt"})})
    (file,) = site.diff(old, new)["files"]
    assert (file["moved"], file["shipped"], len(file["tensors"])) == (12, 0, 12)
    assert {row["old"]["path"] for row in file["tensors"]} == {"model-1.safetensors", "model-2.safetensors"}
    tuned = site.pack("3.0.0", {"model.safetensors": safetensors(model(*"stuvwx", *NAMES) | {"t": tensor("tuned")})})
    (file,) = site.diff(old, tuned)["files"]
    assert (file["moved"], file["changed"], file["added"], file["removed"]) == (11, 1, 0, 0)


def test_the_same_name_in_several_files_is_several_tensors(site):
    """Two precisions of one model side by side: each is compared with itself."""
    files = {f"{kind}.safetensors": safetensors({name: tensor(kind + name) for name in NAMES}) for kind in ("full", "small")}
    old = site.pack("1.0.0", files)
    files["small.safetensors"] = safetensors({name: tensor(("new" if name == NAMES[2] else "small") + name) for name in NAMES})
    assert counts(site.diff(old, site.pack("2.0.0", files))) == {"small.safetensors": {"changed": 1, "unchanged": 5}}


def test_inspect_shows_the_lists_and_holds_them_against_the_bytes(site, okse):
    data = safetensors(model(*NAMES))
    bundle = site.pack("1.0.0", {"model.safetensors": data})
    (file,) = okse("inspect", bundle.path, "--tensors", "--check", "--json", status=0).json["components"][0]["files"]
    assert file["tensors"] == listed(bundle) and "tensors" not in okse("inspect", bundle.path, "--json").json["components"][0]["files"][0]
    shown = okse("inspect", bundle.path, "--tensors", status=0).out
    assert f"    {fsverity(values(NAMES[3]))[:12]}   256.0 KiB  {NAMES[3]}  F32 [256, 256]\n" in shown
    (document,) = lists(bundle).values()
    document["files"][0]["tensors"][3]["fsverity"] = document["files"][0]["tensors"][2]["fsverity"]
    lying = without_lists(site, "1.0.0", data, [("tensors/model.json", TYPE, canonical(document))])
    okse("inspect", lying, "--check", status=0)  # the payload is what the manifests say
    okse("inspect", lying, "--tensors", status=0)
    refused = okse("inspect", lying, "--tensors", "--check", status=1)
    assert f"model/model.safetensors: tensor '{NAMES[3]}' has another digest than its list says" in refused.err and refused.out == ""
    assert okse("diff", lying, bundle.path, "--json", status=1).json["tensors"]["files"][0]["changed"] == 1
    assert okse("diff", lying, bundle.path, "--json", "--payload", status=1).json["tensors"]["files"] == []
    for change in (lambda rows: rows.pop(3), lambda rows: rows[3].update(name="other"), lambda rows: rows[3].update(dtype="U32"), lambda rows: rows[3].update(shape=[65536]),
                   lambda rows: (rows[3].update(name=NAMES[2]), rows[2].update(name=NAMES[3]))):
        (document,) = lists(bundle).values()
        change(document["files"][0]["tensors"])
        hiding = without_lists(site, "1.0.0", data, [("tensors/model.json", TYPE, canonical(document))])
        refused = okse("inspect", hiding, "--tensors", "--check", status=1)
        assert "model/model.safetensors: its header has other tensors than its list says" in refused.err and refused.out == ""


def test_of_a_changed_tensor_only_the_changed_rows_travel(site, okse):
    rows = {name: bytearray(values(name, 262_144)) for name in ("embedding", "rows", "all")}  # 1 MiB each, rows of 1 KiB
    old = site.pack("1.0.0", {"model.safetensors": safetensors({n: ("F32", [1024, 256], bytes(d)) for n, d in rows.items()} | {"norm": tensor("norm")})})
    rows["embedding"] += values("new rows", 2560)
    rows["rows"][300 * 1024:310 * 1024] = values("trained", 2560)
    rows["all"] = values("trained, all", 262_144)
    new = site.pack("2.0.0", {"model.safetensors": safetensors(
        {"first": ("U8", [7], b"shifted")} | {n: ("F32", [len(d) // 1024, 256], bytes(d)) for n, d in rows.items()} | {"norm": tensor("norm")})})
    (file,) = site.diff(old, new)["files"]
    assert (file["changed"], file["added"], file["moved"]) == (3, 1, 1)
    carried = okse("thin", new.path, "--against", old.path, "-o", "thin.okse", "--json", status=0).json["carried"]["pieces"]
    changed = (10 + 10 + 1024) * 1024
    assert changed <= carried <= changed + 4 * 4096, carried  # whole blocks, and the header
    okse("thin", "--complete", "thin.okse", "--base", old.path, "-o", "whole.okse", status=0)
    assert (okse.directory / "whole.okse").read_bytes() == new.path.read_bytes()
    other = site.pack("3.0.0", {"model.safetensors": safetensors({n: ("F32", [1024, 256], values(n + "!", 262_144)) for n in rows})})
    assert okse("thin", other.path, "--against", old.path, "-o", "other.okse", "--json", status=0).json["leftOut"]["recipes"] == 0


def without_lists(site, version, data, documents=(), files="model"):
    """The same model in a bundle whose stack manifest has these documents and no others."""
    place = site.directory / f"{files}-{version}-by-hand"
    stacks.write(place / "model.safetensors", data)
    made = bundle_maker.Stack("civic", version, 1, "VN", VENDOR)
    made.add("model", "weights", "path:model", "raw", place)
    path = site.directory / f"by-hand-{version}.okse"
    made.write(path, documents)
    return path


def test_a_bundle_without_lists_is_read_as_ever_and_its_tensors_from_the_payload(site, okse):
    first, second = safetensors(model(*NAMES)), safetensors(model(*NAMES[1:], "other"))
    old, new = without_lists(site, "1.0.0", first), site.pack("2.0.0", {"model.safetensors": second})
    okse("inspect", old, "--check", status=0)
    answer = okse("diff", old, new.path, "--json", status=1).json["tensors"]
    assert (answer["old"], answer["new"], answer["files"]) == ("none", "listed", [])
    shown = okse("diff", old, new.path, status=1).out
    assert "the old bundle lists no tensors, so they were not compared (--payload reads them from the weights)\n" in shown
    answer = okse("diff", old, new.path, "--payload", "--json", status=1).json["tensors"]
    assert (answer["old"], answer["new"]) == ("payload", "payload") and counts(answer) == {
        "model.safetensors": {"moved": 5, "added": 1, "removed": 1}}
    listed_too = site.pack("1.0.0", {"model.safetensors": first})
    assert site.diff(listed_too, new)["files"] == answer["files"]
    assert okse("diff", old, listed_too.path, "--payload", "--json", status=1).json["tensors"]["files"] == []


def test_many_tensors_take_several_documents(site, okse):
    names = [f"model.layers.{i // 8}.mlp.experts.{i % 8}.down_proj.weight" for i in range(12_000)]
    old = {name: ("U8", [128], random.Random(name).randbytes(128)) for name in names}
    bundle = site.pack("1.0.0", {"model.safetensors": safetensors(old), "zz.safetensors": safetensors(model(*NAMES))})
    told = lists(bundle)
    assert list(told) == ["tensors/model.json", "tensors/model.2.json"]
    assert all(bundle.titles("stack")[title]["size"] < 4 << 20 for title in told)
    assert [row["name"] for row in listed(bundle)] == names and len(listed(bundle, "zz.safetensors")) == 6
    new = site.pack("2.0.0", {"model.safetensors": safetensors(old | {names[7_000]: ("U8", [128], bytes(128))}),
                              "zz.safetensors": safetensors(model(*NAMES))})
    assert counts(site.diff(bundle, new)) == {"model.safetensors": {"changed": 1, "unchanged": 11_999}}


LIES = {
    "no such file": (lambda d: d["files"][0].update(path="other.safetensors"), "no file of a weights component"),
    "another file's digest": (lambda d: d["files"][0].update(digest="sha256:" + "0" * 64), "no file of a weights component"),
    "another size": (lambda d: d["files"][0].update(size=d["files"][0]["size"] + 1), "no file of a weights component"),
    "another component": (lambda d: d.update(component="nobody"), "no file of a weights component"),
    "a path of a component": (lambda d: d.update(component="../x"), "no list of tensors"),
    "another schema": (lambda d: d.update(schema="okse.tensors.v2"), "no list of tensors"),
    "one member more": (lambda d: d["files"][0]["tensors"][1].update(more=1), "one too many"),
    "no digest": (lambda d: d["files"][0]["tensors"][1].pop("fsverity"), "lacks a member"),
    "a bare digest": (lambda d: d["files"][0]["tensors"][1].update(fsverity="0" * 64), "lacks a member"),
    "out of order": (lambda d: d["files"][0]["tensors"].reverse(), "out of order"),
    "over each other": (lambda d: d["files"][0]["tensors"][0].update(length=262_145), "out of order or lie over each other"),
    "outside": (lambda d: d["files"][0]["tensors"][-1].update(length=1 << 40), "none that a list may have"),
    "beyond all numbers": (lambda d: d["files"][0]["tensors"][-1].update(offset=(1 << 63) - 1, length=(1 << 63) - 1), "none that a list may have"),
    "negative": (lambda d: d["files"][0]["tensors"][0].update(offset=-1), "lacks a member"),
    "one name twice": (lambda d: d["files"][0]["tensors"][1].update(name=NAMES[0]), "listed twice"),
    "controls in a name": (lambda d: d["files"][0]["tensors"][1].update(name="a\x1b[2Jb"), "none that a list may have"),
    "too many sizes": (lambda d: d["files"][0]["tensors"][1].update(shape=[1] * 9), "lacks a member"),
    "a file twice": (lambda d: d["files"].append(d["files"][0]), "listed twice"),
    "nothing": (lambda d: d.update(files=[]), "lists no file"),
    "no tensor": (lambda d: d["files"][0].update(tensors=[]), "lacks a member"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_list_that_cannot_be_true_is_refused(site, okse, lie):
    data = safetensors(model(*NAMES))
    good = site.pack("1.0.0", {"model.safetensors": data})
    (document,) = lists(good).values()
    change, reason = LIES[lie]
    same = without_lists(site, "1.0.0", data, [("tensors/model.json", TYPE, canonical(document))])
    okse("diff", same, good.path, status=1)
    change(document)
    path = without_lists(site, "1.0.0", data, [("tensors/model.json", TYPE, canonical(document))])
    refused = okse("diff", path, good.path, status=1)
    assert reason in refused.err and refused.out == "" and "\x1b" not in refused.err
    okse("diff", path, good.path, "--payload", status=1)  # does not ask the list
    okse("inspect", path, "--check", status=0)


def test_a_list_in_another_form_is_refused(site, okse):
    data = safetensors(model(*NAMES))
    good = site.pack("1.0.0", {"model.safetensors": data})
    (document,) = lists(good).values()
    for text in (json.dumps(document).encode(), canonical(document) + b"\n", b"[]", b"{", b"1"):
        path = without_lists(site, "1.0.0", data, [("tensors/model.json", TYPE, text)])
        refused = okse("diff", path, good.path, status=1)
        assert "tensors/model.json" in refused.err and refused.out == ""
