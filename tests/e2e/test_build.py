"""What a bundle is: checked with tar, bsdtar, sha256sum, fsverity, skopeo and the OCI schemas, not with Okse."""
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import jsonschema
import pytest
import stacks
from stacks import Bundle, build, civic, noise, run, simple, write
from weights_files import noise_safetensors

BLOCK = 512


@pytest.fixture
def civic_bundle(okse, tmp_path):
    return build(okse, civic(tmp_path / "in"))


def payload(bundle):
    """Digests of the layers of all components but the stack."""
    return {layer["digest"] for d in bundle.index["manifests"] if d["annotations"]["dev.okse.component"] != "stack"
            for layer in json.loads(bundle.blob(d["digest"]))["layers"]}


def test_members_are_files_in_the_documented_order(civic_bundle):
    names = [m.name for m in civic_bundle.members]
    assert names[:2] == ["oci-layout", "index.json"]
    assert names[2] == "blobs/" + civic_bundle.identity.replace(":", "/")
    assert all(m.isreg() and m.mode == 0o644 and m.uid == m.gid == 0 and m.mtime == 0 for m in civic_bundle.members)
    metadata = []
    for descriptor in civic_bundle.index["manifests"]:
        manifest = json.loads(civic_bundle.blob(descriptor["digest"]))
        metadata += [descriptor["digest"], manifest["config"]["digest"]]
        if descriptor["annotations"]["dev.okse.component"] == "stack":
            metadata += [layer["digest"] for layer in manifest["layers"]]
    metadata = ["blobs/" + d.replace(":", "/") for d in dict.fromkeys(metadata)]
    assert names[3:3 + len(metadata)] == metadata
    assert set(names[3 + len(metadata):]) <= {"blobs/" + d.replace(":", "/") for d in payload(civic_bundle)}
    assert len(names) == len(set(names))


def test_gnu_tar_and_bsdtar_list_the_same_members(civic_bundle):
    names = [m.name for m in civic_bundle.members]
    for tool in ("tar", "bsdtar"):
        done = subprocess.run([tool, "-tf", civic_bundle.path], capture_output=True, text=True, check=True)
        assert done.stdout.split() == names and done.stderr == ""


def test_payload_begins_on_4096_byte_boundaries(civic_bundle):
    digests = payload(civic_bundle)
    metadata = {m.name for m in civic_bundle.members} - {"blobs/" + d.replace(":", "/") for d in digests}
    aligned = [civic_bundle.member(d) for d in digests if civic_bundle.member(d).name not in metadata]
    assert aligned and all(m.offset_data % 4096 == 0 for m in aligned)


def test_slots_for_statements_are_where_the_format_says(civic_bundle):
    index, first, second = (civic_bundle.members[i] for i in (1, 2, 3))
    content = civic_bundle.small["index.json"].rstrip(b" ")
    assert index.size == (len(content) + 32768 + 4095) // 4096 * 4096
    end_of_index_blob = first.offset_data + (first.size + BLOCK - 1) // BLOCK * BLOCK
    assert second.offset_data - BLOCK == end_of_index_blob + 65536


def test_ends_with_exactly_two_zero_blocks(civic_bundle):
    last = civic_bundle.members[-1]
    end = last.offset_data + (last.size + BLOCK - 1) // BLOCK * BLOCK
    assert civic_bundle.path.stat().st_size == end + 2 * BLOCK
    assert civic_bundle.path.read_bytes()[end:] == bytes(2 * BLOCK)


def test_every_blob_is_named_by_its_sha256sum(civic_bundle, tmp_path):
    run("tar", "-xf", civic_bundle.path, "-C", tmp_path)
    lines = run("sh", "-c", "sha256sum blobs/sha256/*", cwd=tmp_path).splitlines()
    assert len(lines) == len(civic_bundle.members) - 2
    for line in lines:
        digest, name = line.split()
        assert name == f"blobs/sha256/{digest}"


def test_nothing_is_stored_that_is_not_reachable_and_nothing_is_missing(civic_bundle):
    reached = {civic_bundle.identity}
    for descriptor in civic_bundle.index["manifests"]:
        manifest = json.loads(civic_bundle.blob(descriptor["digest"]))
        reached |= {descriptor["digest"], manifest["config"]["digest"], *(l["digest"] for l in manifest["layers"])}
    assert {m.name for m in civic_bundle.members[2:]} == {"blobs/" + d.replace(":", "/") for d in reached}


def test_descriptors_tell_the_true_size(civic_bundle):
    for descriptor in civic_bundle.layout_index["manifests"]:
        assert civic_bundle.member(descriptor["digest"]).size == descriptor["size"]
    for descriptor in civic_bundle.index["manifests"]:
        manifest = json.loads(civic_bundle.blob(descriptor["digest"]))
        for part in [manifest["config"], *manifest["layers"]]:
            assert civic_bundle.member(part["digest"]).size == part["size"]


def test_json_is_canonical(civic_bundle):
    for descriptor in civic_bundle.index["manifests"]:
        if descriptor["annotations"]["dev.okse.component"] == "server-image":
            continue
        manifest = json.loads(civic_bundle.blob(descriptor["digest"]))
        for digest in (descriptor["digest"], manifest["config"]["digest"]):
            data = civic_bundle.blob(digest)
            assert data == json.dumps(json.loads(data), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def test_bundle_index_says_what_it_is(civic_bundle):
    assert "artifactType" not in json.dumps(civic_bundle.index)
    assert civic_bundle.index["annotations"] == {
        "dev.okse.type": "bundle.v1", "dev.okse.name": "civic", "dev.okse.version": "1.4.0", "dev.okse.sequence": "14",
        "dev.okse.country": "VN", "dev.okse.vendor": "Example AI Lab", "dev.okse.vendor.country": "KR",
        "org.opencontainers.image.created": "1970-01-01T00:00:00Z"}
    seen = [(d["annotations"]["dev.okse.component"], d["annotations"]["dev.okse.kind"])
            for d in civic_bundle.index["manifests"]]
    assert seen == [("stack", "stack"), ("minilm", "weights"), ("engine", "runtime"), ("server-image", "runtime"),
                    ("serving", "infra"), ("tree", "driver"), ("notice", "docs")]
    image = civic_bundle.index["manifests"][3]
    assert (image["platform"]["os"], image["platform"]["architecture"]) == ("linux", "amd64")


def test_every_manifest_has_a_tag(civic_bundle):
    tags = [d["annotations"]["org.opencontainers.image.ref.name"] for d in civic_bundle.layout_index["manifests"]]
    assert tags == ["1.4.0", *(f"1.4.0-{name}" for name in
                               ("stack", "minilm", "engine", "server-image", "serving", "tree", "notice"))]


def test_raw_layers_are_the_files(civic_bundle, tmp_path):
    layers = civic_bundle.titles("serving")
    assert list(layers) == ["app.conf", "copy-of-license", "empty", "run.sh"]
    for name, layer in layers.items():
        file = tmp_path / "in/infra" / name
        assert layer["digest"] == "sha256:" + run("sha256sum", file).split()[0]
        assert layer["annotations"]["dev.okse.mode"] == ("0755" if name == "run.sh" else "0644")
        assert civic_bundle.content(layer["digest"]) == file.read_bytes()


def test_fsverity_annotation_is_what_fsverity_prints(civic_bundle, tmp_path):
    for title, layer in civic_bundle.titles("minilm").items():
        expected = run("fsverity", "digest", "--compact", tmp_path / "in/model" / title).strip()
        assert layer["annotations"]["dev.okse.fsverity"] == f"sha256:{expected}"


def test_equal_files_are_stored_once(okse, tmp_path):
    data = noise("same", 200_000)
    for name in ("a", "b/c", "d"):
        write(tmp_path / "data" / name, data)
    write(tmp_path / "data/e", data[:-1] + bytes([data[-1] ^ 1]))
    write(tmp_path / "data/f", bytes([data[0] ^ 1]) + data[1:])
    middle = bytearray(data)
    middle[100_003] ^= 1
    write(tmp_path / "data/g", bytes(middle))
    bundle = build(okse, simple(tmp_path))
    digests = [layer["digest"] for layer in bundle.titles("data").values()]
    assert len(digests) == 6 and len(set(digests)) == 4
    assert bundle.path.stat().st_size < 5 * 200_000
    assert hashlib.sha256(middle).hexdigest() in digests[-1]


def test_weights_are_a_modelpack(civic_bundle):
    manifest = civic_bundle.manifest("minilm")
    assert manifest["artifactType"] == "application/vnd.cncf.model.manifest.v1+json"
    assert manifest["config"]["mediaType"] == "application/vnd.cncf.model.config.v1+json"
    layers = civic_bundle.titles("minilm")
    kinds = {title: layer["mediaType"].split("model.")[1].split(".v1")[0] for title, layer in layers.items()}
    assert kinds == {"1_Pooling/config.json": "weight.config", "LICENSE": "doc", "config.json": "weight.config",
                     "model.safetensors": "weight"}
    for title, layer in layers.items():
        notes = layer["annotations"]
        assert notes["org.cncf.model.filepath"] == title
        assert notes["org.cncf.model.file.mediatype.untested"] in ("true", "false")
        told = json.loads(notes["org.cncf.model.file.metadata+json"])
        assert told == {"name": title, "mode": 420, "uid": 0, "gid": 0, "size": layer["size"],
                        "mtime": "1970-01-01T00:00:00Z", "typeflag": 0}
    config = civic_bundle.config("minilm")
    assert config["descriptor"]["licenses"] == ["Apache-2.0"] and config["config"]["format"] == "safetensors"
    assert config["modelfs"]["diffIds"] == [layer["digest"] for layer in manifest["layers"]]


def test_image_stays_byte_identical(civic_bundle, tmp_path):
    layout = tmp_path / "in/images/server"
    (descriptor,) = json.loads((layout / "index.json").read_bytes())["manifests"]
    assert civic_bundle.index["manifests"][3]["digest"] == descriptor["digest"]
    manifest = civic_bundle.manifest("server-image")
    for digest in (descriptor["digest"], manifest["config"]["digest"], *(l["digest"] for l in manifest["layers"])):
        assert civic_bundle.content(digest) == (layout / "blobs" / digest.replace(":", "/")).read_bytes()


def test_archives_are_their_contents(civic_bundle, tmp_path):
    run("bsdtar", "-xf", tmp_path / "in/wheels/engine.whl", "-C", tmp_path)
    layers = civic_bundle.titles("engine")
    assert list(layers) == ["engine-1.dist-info/RECORD", "engine/__init__.py", "engine/엔진.so"]
    for title, layer in layers.items():
        assert civic_bundle.content(layer["digest"]) == (tmp_path / title).read_bytes()
    assert layers["engine/엔진.so"]["annotations"]["dev.okse.mode"] == "0755"


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_tar_is_the_same_component_as_its_directory(okse, tmp_path, mode, form):
    write(tmp_path / "data/가나/b.txt", "b\n")
    write(tmp_path / "data/a.bin", noise("a", 100_000), 0o755)
    with tarfile.open(tmp_path / "data.archive", mode, format=form) as archive:
        archive.add(tmp_path / "data", arcname=".")
    expected = build(okse, simple(tmp_path)).index["manifests"][1]["digest"]
    bundle = build(okse, simple(tmp_path, "{archive: data.archive}"))
    assert bundle.index["manifests"][1]["digest"] == expected
    bundle = build(okse, tmp_path / "stack.yaml", env={"LC_ALL": "C.UTF-8"})
    assert bundle.index["manifests"][1]["digest"] == expected


def test_tar_form_keeps_links_and_empty_directories(civic_bundle, tmp_path):
    layers = civic_bundle.titles("tree")
    assert list(layers) == ["tree.mtree", "tree.tar"]
    write(tmp_path / "tree.tar", civic_bundle.content(layers["tree.tar"]["digest"]))
    run("tar", "-xf", tmp_path / "tree.tar", "--one-top-level=" + str(tmp_path / "unpacked"))
    run("diff", "-r", "--no-dereference", tmp_path / "in/tree", tmp_path / "unpacked")
    assert (tmp_path / "unpacked/lib/libx.so.1").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "unpacked/spool").is_dir()
    with tarfile.open(tmp_path / "tree.tar") as archive:
        members = archive.getmembers()
    assert [m.name for m in members] == sorted((m.name for m in members), key=str.encode)
    assert all(m.uid == m.gid == 0 and m.mtime == 0 and m.uname == m.gname == "" for m in members)
    assert run("bsdtar", "-tf", tmp_path / "tree.tar").split() == [m.name + "/" * m.isdir() for m in members]


def test_listing_of_the_tar_form_is_mtree(civic_bundle, tmp_path):
    layers = civic_bundle.titles("tree")
    listing = civic_bundle.content(layers["tree.mtree"]["digest"])
    write(tmp_path / "tree.mtree", listing)
    names = run("bsdtar", "-tf", tmp_path / "tree.mtree").split()
    assert {n.removeprefix("./").rstrip("/") for n in names} == {
        "d" * 90, "d" * 90 + "/" + "f" * 120, "lib", "lib/libx.so", "lib/libx.so.1", "spool"}
    (line,) = [l for l in listing.decode().splitlines() if l.startswith("./lib/libx.so.1 ")]
    digest = run("sha256sum", tmp_path / "in/tree/lib/libx.so.1").split()[0]
    assert set(line.split()[1:]) == {"type=file", "mode=0755", "size=5000", f"sha256digest={digest}"}


@pytest.mark.parametrize("count, form", [(512, "raw"), (513, "tar")])
def test_more_than_512_files_become_one_layer(okse, tmp_path, count, form):
    for number in range(count):
        write(tmp_path / f"data/{number % 7}/{number}", str(number))
    bundle = build(okse, simple(tmp_path))
    assert bundle.config("data")["form"] == form
    assert len(bundle.manifest("data")["layers"]) == (count if form == "raw" else 2)
    if form == "tar":
        write(tmp_path / "data.tar", bundle.content(bundle.titles("data")["data.tar"]["digest"]))
        run("tar", "-xf", tmp_path / "data.tar", "--one-top-level=" + str(tmp_path / "unpacked"))
        run("diff", "-r", tmp_path / "data", tmp_path / "unpacked")


def test_many_weights_become_a_modelpack_tar(okse, tmp_path):
    for number in range(513):
        write(tmp_path / f"data/shard-{number}.safetensors", noise_safetensors(str(number).encode()))
    bundle = build(okse, simple(tmp_path, kind="weights"))
    layers = bundle.titles("data")
    assert layers["data.tar"]["mediaType"] == "application/vnd.cncf.model.weight.v1.tar"
    assert bundle.manifest("data")["artifactType"] == "application/vnd.cncf.model.manifest.v1+json"


def test_empty_directories_do_not_cost_weights_their_raw_layers(okse, tmp_path):
    write(tmp_path / "data/model.gguf", "w")
    expected = build(okse, simple(tmp_path, kind="weights")).index["manifests"][1]
    (tmp_path / "data/.cache/download").mkdir(parents=True)
    assert build(okse, tmp_path / "stack.yaml").index["manifests"][1] == expected
    assert build(okse, simple(tmp_path)).config("data")["form"] == "tar"


def test_lock_names_every_source_and_digest(civic_bundle):
    lock = civic_bundle.lock()
    assert lock["schema"] == "okse.lock.v1"
    by_name = {c["name"]: c for c in lock["components"]}
    assert list(by_name) == ["minilm", "engine", "server-image", "serving", "tree", "notice"]
    for descriptor in civic_bundle.index["manifests"][1:]:
        assert by_name[descriptor["annotations"]["dev.okse.component"]]["manifest"] == descriptor["digest"]
    assert by_name["minilm"]["source"] == "path:model" and by_name["engine"]["source"] == "archive:wheels/engine.whl"
    assert by_name["serving"]["files"] == [
        {"path": title, "digest": layer["digest"], "size": layer["size"]}
        for title, layer in civic_bundle.titles("serving").items()]
    tree = civic_bundle.titles("tree")
    assert (by_name["tree"]["listing"], by_name["tree"]["archive"]) == (tree["tree.mtree"]["digest"],
                                                                        tree["tree.tar"]["digest"])


def test_stack_config_has_no_paths(civic_bundle, tmp_path):
    config = civic_bundle.config("stack")
    assert config["name"] == "civic" and config["sequence"] == 14 and config["country"] == "VN"
    assert config["compliance"] == {"data_classes": ["personal"], "sector": "government"}
    text = json.dumps(config)
    assert "source" not in text and "wheels/" not in text and str(tmp_path) not in text
    assert str(tmp_path).encode() not in civic_bundle.path.read_bytes()


def test_json_output_names_the_identity(okse, tmp_path):
    write(tmp_path / "data/x", "x")
    told = okse("build", simple(tmp_path), "--country", "VN", "-o", tmp_path / "o.okse", "--unsigned", "--json",
                status=0).json
    bundle = Bundle(tmp_path / "o.okse")
    assert told["identity"] == bundle.identity and told["size"] == bundle.path.stat().st_size


def test_default_output_is_named_after_the_stack(okse, tmp_path):
    write(tmp_path / "in/data/x", "x")
    (tmp_path / "here").mkdir()
    okse("build", simple(tmp_path / "in"), "--country", "VN", "--unsigned", cwd=tmp_path / "here", status=0)
    assert stacks.leftovers(tmp_path / "here") == ["civic-1.4.0-VN.okse"]


def test_without_a_key_it_says_how_to_sign(okse, tmp_path):
    write(tmp_path / "data/x", "x")
    result = okse("build", simple(tmp_path), "--country", "VN", "-o", tmp_path / "o.okse", status=0)
    assert "okse sign" in result.err and "o.okse" in result.err


def test_dry_run_writes_nothing(okse, tmp_path):
    write(tmp_path / "data/x", noise("x", 50_000))
    before = stacks.leftovers(tmp_path)
    result = okse("build", simple(tmp_path), "--country", "VN", "-o", tmp_path / "o.okse", "--dry-run", status=0)
    assert stacks.leftovers(tmp_path) == sorted([*before, "stack.yaml"]) and result.out


# --- other people's tools -----------------------------------------------------------------------------------------------

def test_skopeo_reads_it_and_keeps_the_identity(civic_bundle, tmp_path):
    raw = run("skopeo", "inspect", "--raw", f"oci-archive:{civic_bundle.path}:1.4.0")
    assert "sha256:" + hashlib.sha256(raw.encode()).hexdigest() == civic_bundle.identity
    run("skopeo", "copy", "--all", "--preserve-digests", f"oci-archive:{civic_bundle.path}:1.4.0", f"dir:{tmp_path}/copy")
    copied = (tmp_path / "copy/manifest.json").read_bytes()
    assert "sha256:" + hashlib.sha256(copied).hexdigest() == civic_bundle.identity


def test_skopeo_copies_one_component(civic_bundle, tmp_path):
    run("skopeo", "copy", "--preserve-digests", f"oci-archive:{civic_bundle.path}:1.4.0-minilm", f"dir:{tmp_path}/copy")
    digest = hashlib.sha256((tmp_path / "copy/manifest.json").read_bytes()).hexdigest()
    assert civic_bundle.index["manifests"][1]["digest"] == f"sha256:{digest}"


def oci_validator(shared, name):
    """OCI's schemas are draft 4 and refer to each other by relative names below three bases."""
    directory = shared / "schemas/oci-image-spec-1.1.1"
    store = {}
    for file in directory.glob("*.json"):
        document = json.loads(file.read_bytes())
        for base in ("", "descriptor/", "image/", "image/descriptor/", "image/index/", "image/manifest/"):
            store[f"https://opencontainers.org/schema/{base}{file.name}"] = document
    schema = json.loads((directory / name).read_bytes())
    return jsonschema.Draft4Validator(schema, resolver=jsonschema.RefResolver(schema["id"], schema, store=store))


def test_json_validates_against_the_oci_schemas(civic_bundle, shared):
    oci_validator(shared, "image-layout-schema.json").validate(json.loads(civic_bundle.small["oci-layout"]))
    index = oci_validator(shared, "image-index-schema.json")
    index.validate(civic_bundle.layout_index)
    index.validate(civic_bundle.index)
    manifest = oci_validator(shared, "image-manifest-schema.json")
    for descriptor in civic_bundle.index["manifests"]:
        manifest.validate(json.loads(civic_bundle.blob(descriptor["digest"])))
    broken = civic_bundle.manifest("minilm")
    del broken["layers"][0]["size"]
    with pytest.raises(jsonschema.ValidationError):
        manifest.validate(broken)


def test_model_config_validates_against_the_modelpack_schema(civic_bundle, shared):
    schema = json.loads((shared / "schemas/modelpack-model-config-v1.schema.json").read_bytes())
    jsonschema.Draft202012Validator(schema).validate(civic_bundle.config("minilm"))


# --- the same stack, the same bytes -------------------------------------------------------------------------------------

def test_same_bytes_whoever_builds_wherever(okse, tmp_path):
    stack = civic(tmp_path / "in")
    first = tmp_path / "first.okse"
    build(okse, stack, first)
    # A copy written in the opposite order has other inodes, times and directory order, and lies elsewhere.
    copy = tmp_path / "elsewhere/deep/copy"
    files = sorted((p for p in (tmp_path / "in").rglob("*")), reverse=True)
    for file in files:
        target = copy / file.relative_to(tmp_path / "in")
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.is_symlink():
            target.symlink_to(os.readlink(file))
        elif file.is_dir():
            target.mkdir(exist_ok=True)
            target.chmod(0o700)
        else:
            shutil.copyfile(file, target)
            target.chmod(0o700 if file.stat().st_mode & 0o111 else 0o600)
            os.utime(target, (1_000_000_000, 1_000_000_000))
    variants = [({"TZ": "Asia/Seoul", "LC_ALL": "C.UTF-8"}, "1"), ({"TZ": "UTC+11", "LC_ALL": "POSIX", "HOME": "/"}, "7")]
    for number, (env, threads) in enumerate(variants):
        output = tmp_path / f"variant{number}.okse"
        command = [okse.binary, "build", "stack.yaml", "--country", "VN", "-o", str(output), "--unsigned", "--gate", "off", "--threads",
                   threads]
        subprocess.run(["sh", "-c", f"umask 0{number}77; exec \"$@\"", "sh", *command], check=True, cwd=copy,
                       capture_output=True, env={**okse.environment, **env})
        assert output.read_bytes() == first.read_bytes()


@pytest.mark.threads
def test_thread_count_changes_nothing(okse, tmp_path):
    for number in range(40):
        write(tmp_path / f"data/{number}", noise(str(number), 1 << (number % 21)))
    stack = simple(tmp_path)
    outputs = {build(okse, stack, words=["--threads", threads]).path.read_bytes() for threads in (1, 2, 3, 16)}
    assert len(outputs) == 1


def test_source_date_epoch_is_the_only_time(okse, tmp_path):
    write(tmp_path / "data/x", "x")
    bundle = build(okse, simple(tmp_path), env={"SOURCE_DATE_EPOCH": "1760000000"})
    assert bundle.index["annotations"]["org.opencontainers.image.created"] == "2025-10-09T08:53:20Z"
    refused = okse("build", tmp_path / "stack.yaml", "--country", "VN", "--unsigned", status=2,
                   env={"SOURCE_DATE_EPOCH": "yesterday"})
    assert "SOURCE_DATE_EPOCH" in refused.err


def test_country_is_part_of_the_identity(okse, tmp_path):
    write(tmp_path / "data/x", "x")
    stack = simple(tmp_path)
    assert build(okse, stack, country="VN").identity != build(okse, stack, country="KR").identity


def test_an_existing_bundle_is_replaced_whole(okse, tmp_path):
    write(tmp_path / "data/x", "x")
    output = tmp_path / "o.okse"
    output.write_bytes(b"old" * 100_000)
    bundle = build(okse, simple(tmp_path), output)
    assert bundle.titles("data")["x"]["size"] == 1


def test_memory_stays_flat(okse, tmp_path):
    write(tmp_path / "data/a", b"")
    with open(tmp_path / "data/a", "wb") as file:
        for number in range(300):
            file.write(noise(str(number), 1 << 20))
    shutil.copy(tmp_path / "data/a", tmp_path / "data/b")
    stack = simple(tmp_path)
    done = subprocess.run(["/usr/bin/python3", "-c", """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, capture_output=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
""", okse.binary, "build", stack, "--country", "VN", "-o", tmp_path / "o.okse", "--unsigned", "--gate", "off"], check=True,
                          capture_output=True, text=True)
    assert int(done.stdout) < 64 * 1024
