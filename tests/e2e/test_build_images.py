"""OCI images as sources: every form of the same image is the same component, and keeps its bytes."""
import hashlib
import json
import shutil
from stacks import HEAD, build, image, noise, run, simple, write


def put(layout, data):
    digest = hashlib.sha256(data).hexdigest()
    write(layout / "blobs/sha256" / digest, data)
    return f"sha256:{digest}", len(data)


def descriptor(layout, value, media_type, **more):
    data = value if isinstance(value, bytes) else json.dumps(value, indent=1).encode()
    digest, size = put(layout, data)
    return {"mediaType": media_type, "digest": digest, "size": size, **more}


def multi(layout, platforms=(("amd64", None), ("arm64", "v8")), missing=()):
    """An index of several platforms and an attestation, as buildx writes it: not canonical JSON, on purpose."""
    manifests = []
    shared = descriptor(layout, noise("shared layer", 4000), "application/vnd.oci.image.layer.v1.tar+gzip")
    for arch, variant in platforms:
        platform = {"architecture": arch, "os": "linux", **({"variant": variant} if variant else {})}
        config = descriptor(layout, {**platform, "rootfs": {"type": "layers", "diff_ids": []}},
                            "application/vnd.oci.image.config.v1+json")
        own = descriptor(layout, noise(arch, 3000), "application/vnd.oci.image.layer.v1.tar+gzip")
        manifests.append(descriptor(layout, {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                                             "config": config, "layers": [shared, own]},
                                    "application/vnd.oci.image.manifest.v1+json", platform=platform))
    manifests.append(descriptor(layout, {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                                         "config": config, "layers": []}, "application/vnd.oci.image.manifest.v1+json",
                                platform={"architecture": "unknown", "os": "unknown"},
                                annotations={"vnd.docker.reference.type": "attestation-manifest"}))
    index = descriptor(layout, {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
                                "manifests": manifests}, "application/vnd.oci.image.index.v1+json",
                       annotations={"org.opencontainers.image.ref.name": "1.0"})
    write(layout / "oci-layout", '{"imageLayoutVersion": "1.0.0"}')
    write(layout / "index.json", json.dumps({"schemaVersion": 2, "manifests": [index]}))
    for number in missing:
        (layout / "blobs" / manifests[number]["digest"].replace(":", "/")).unlink()
    return index, manifests


def components(bundle):
    return bundle.index["manifests"][1:]


def test_all_platforms_are_listed_flat(okse, tmp_path):
    index, manifests = multi(tmp_path / "image")
    bundle = build(okse, simple(tmp_path, "{oci: image}", kind="runtime"))
    assert [(d["digest"], d["size"], d["platform"]) for d in components(bundle)] == [
        (m["digest"], m["size"], m["platform"]) for m in manifests[:2]]
    assert {row["index"] for row in bundle.lock()["components"]} == {index["digest"]}
    tags = [d["annotations"]["org.opencontainers.image.ref.name"] for d in bundle.layout_index["manifests"]]
    assert tags == ["1.4.0", "1.4.0-stack", "1.4.0-data-linux-amd64", "1.4.0-data-linux-arm64"]
    for found in components(bundle):
        assert bundle.content(found["digest"]) == (tmp_path / "image/blobs" / found["digest"].replace(":", "/")).read_bytes()


def test_one_platform_is_chosen(okse, tmp_path):
    index, manifests = multi(tmp_path / "image")
    for platform, number in (("linux/amd64", 0), ("linux/arm64", 1), ("linux/arm64/v8", 1)):
        bundle = build(okse, simple(tmp_path, f"{{oci: image, ref: '1.0', platform: {platform}}}", kind="runtime"))
        assert [d["digest"] for d in components(bundle)] == [manifests[number]["digest"]]
        assert bundle.lock()["components"][0]["index"] == index["digest"]
    refused = okse("build", simple(tmp_path, "{oci: image, platform: linux/arm64/v7}", kind="runtime"), "--country", "VN",
                   status=2)
    assert "linux/arm64/v7" in refused.err


def test_other_platforms_need_not_be_there(okse, tmp_path):
    """A copy of one platform keeps the index of all (skopeo copy without --all, docker save)."""
    _, manifests = multi(tmp_path / "image", missing=(1, 2))
    bundle = build(okse, simple(tmp_path, "{oci: image, platform: linux/amd64}", kind="runtime"))
    assert [d["digest"] for d in components(bundle)] == [manifests[0]["digest"]]


def test_a_digest_is_a_reference(okse, tmp_path):
    index, manifests = multi(tmp_path / "image")
    bundle = build(okse, simple(tmp_path, f"{{oci: image, ref: '{index['digest']}'}}", kind="runtime"))
    assert len(components(bundle)) == 2
    bundle = build(okse, simple(tmp_path, f"{{oci: image, ref: '{manifests[1]['digest']}'}}", kind="runtime"))
    assert [d["digest"] for d in components(bundle)] == [manifests[1]["digest"]]


def test_several_images_need_a_reference(okse, tmp_path):
    layout = image(tmp_path / "image", "1.0", "a")
    image(layout, "2.0", "b")
    refused = okse("build", simple(tmp_path, "{oci: image}", kind="runtime"), "--country", "VN", status=2)
    assert "ref" in refused.err and "1.0" in refused.err and "2.0" in refused.err
    refused = okse("build", simple(tmp_path, "{oci: image, ref: '3.0'}", kind="runtime"), "--country", "VN", status=2)
    assert "3.0" in refused.err and "1.0" in refused.err and "2.0" in refused.err


def test_oci_archive_is_the_same_component_as_its_directory(okse, tmp_path):
    layout = image(tmp_path / "image")
    expected = components(build(okse, simple(tmp_path, "{oci: image}", kind="runtime")))
    run("skopeo", "copy", "--preserve-digests", f"oci:{layout}:1.4.0", f"oci-archive:{tmp_path}/image.tar:1.4.0")
    bundle = build(okse, simple(tmp_path, "{oci: image.tar}", kind="runtime"))
    assert components(bundle) == expected


def test_docker_archive_becomes_an_oci_image(okse, tmp_path):
    layout = image(tmp_path / "image")
    run("skopeo", "copy", f"oci:{layout}:1.4.0", f"docker-archive:{tmp_path}/docker.tar:server:1.4.0")
    bundle = build(okse, simple(tmp_path, "{oci: docker.tar, ref: '1.4.0'}", kind="runtime"))
    manifest = bundle.manifest("data")
    assert manifest["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    config = bundle.config("data")
    assert [layer["digest"] for layer in manifest["layers"]] == config["rootfs"]["diff_ids"]
    assert {layer["mediaType"] for layer in manifest["layers"]} == {"application/vnd.oci.image.layer.v1.tar"}
    run("skopeo", "copy", f"oci-archive:{bundle.path}:1.4.0-data", f"oci:{tmp_path}/back:1.4.0")
    run("umoci", "unpack", "--rootless", "--image", f"{tmp_path}/back:1.4.0", tmp_path / "unpacked")
    assert (tmp_path / "unpacked/rootfs/app/server").read_bytes() == noise("server", 9000)


def test_docker_archive_with_links_for_layers(okse, tmp_path):
    """As docker save wrote them until version 25: ID/layer.tar, and a link where two images share one."""
    layout = image(tmp_path / "image")
    run("skopeo", "copy", f"oci:{layout}:1.4.0", f"docker-archive:{tmp_path}/docker.tar:server:1.4.0")
    run("tar", "-xf", tmp_path / "docker.tar", "--one-top-level=" + str(tmp_path / "save"))
    told = json.loads((tmp_path / "save/manifest.json").read_bytes())
    for number, layer in enumerate(told[0]["Layers"]):
        (tmp_path / f"save/id{number}").mkdir()
        (tmp_path / f"save/id{number}/layer.tar").symlink_to(f"../{layer}")
        told[0]["Layers"][number] = f"id{number}/layer.tar"
    expected = components(build(okse, simple(tmp_path, "{oci: docker.tar}", kind="runtime")))
    write(tmp_path / "save/manifest.json", json.dumps(told))
    run("tar", "-cf", tmp_path / "docker.tar", "-C", tmp_path / "save", ".")
    assert components(build(okse, tmp_path / "stack.yaml")) == expected


def test_unpacked_docker_archive_is_an_image_too(okse, tmp_path):
    layout = image(tmp_path / "image")
    run("skopeo", "copy", f"oci:{layout}:1.4.0", f"docker-archive:{tmp_path}/docker.tar:server:1.4.0")
    expected = components(build(okse, simple(tmp_path, "{oci: docker.tar}", kind="runtime")))
    run("tar", "-xf", tmp_path / "docker.tar", "--one-top-level=" + str(tmp_path / "save"))
    assert components(build(okse, simple(tmp_path, "{oci: save}", kind="runtime"))) == expected


def test_layers_that_images_share_are_stored_once(okse, tmp_path):
    multi(tmp_path / "image")
    bundle = build(okse, simple(tmp_path, "{oci: image}", kind="runtime"))
    shared = "sha256:" + hashlib.sha256(noise("shared layer", 4000)).hexdigest()
    assert all(m["layers"][0]["digest"] == shared for m in bundle.manifests("data"))
    assert len({m.name for m in bundle.members}) == len(bundle.members)


def test_one_image_is_one_component(okse, tmp_path):
    layout = image(tmp_path / "image", "1.0")
    shutil.copytree(layout, tmp_path / "again")
    stack = tmp_path / "stack.yaml"
    stack.write_text(HEAD + "  - {name: a, kind: runtime, source: {oci: image, ref: '1.0'}}\n"
                            "  - {name: b, kind: service, source: {oci: again, ref: '1.0'}}\n")
    refused = okse("build", stack, "--country", "VN", status=2)
    assert "stack.yaml:8:" in refused.err and "component 'a'" in refused.err


def test_a_file_that_is_an_image_s_config_is_stored_once(okse, tmp_path):
    layout = image(tmp_path / "image", "1.0")
    for number, blob in enumerate(sorted((layout / "blobs/sha256").iterdir())):
        write(tmp_path / f"files/{number}", blob.read_bytes())
    stack = tmp_path / "stack.yaml"
    stack.write_text(HEAD + "  - {name: a, kind: runtime, source: {oci: image, ref: '1.0'}}\n"
                            "  - {name: c, kind: docs, source: {path: files}}\n")
    bundle = build(okse, stack)
    assert len({m.name for m in bundle.members}) == len(bundle.members)
    for title, layer in bundle.titles("c").items():
        assert layer["annotations"]["dev.okse.fsverity"] == "sha256:" + run(
            "fsverity", "digest", "--compact", tmp_path / "files" / title).strip()


def test_equal_trees_are_stored_once(okse, tmp_path):
    for name in ("a", "b"):
        write(tmp_path / name / "lib/libx.so.1", noise("lib", 5000))
        (tmp_path / name / "lib/libx.so").symlink_to("libx.so.1")
    stack = tmp_path / "stack.yaml"
    stack.write_text(HEAD + "  - {name: a, kind: driver, source: {path: a}}\n"
                            "  - {name: b, kind: service, source: {path: b}}\n")
    bundle = build(okse, stack)
    assert bundle.titles("a")["a.tar"]["digest"] == bundle.titles("b")["b.tar"]["digest"]
    content = bundle.content(bundle.titles("b")["b.mtree"]["digest"])
    assert hashlib.sha256(noise("lib", 5000)).hexdigest().encode() in content
    write(tmp_path / "b/lib/libx.so.1", noise("other", 5000))
    bundle = build(okse, stack)
    assert bundle.titles("a")["a.tar"]["digest"] != bundle.titles("b")["b.tar"]["digest"]
    run("tar", "-cf", tmp_path / "b.tar", "-C", tmp_path / "a", ".")
    stack.write_text(stack.read_text().replace("{path: b}", "{archive: b.tar}"))
    bundle = build(okse, stack)
    assert bundle.titles("a")["a.tar"]["digest"] == bundle.titles("b")["b.tar"]["digest"]
    assert len(bundle.members) == len({m.name for m in bundle.members})


def test_media_type_is_kept_when_the_image_is_docker_s(okse, tmp_path):
    layout = image(tmp_path / "image")
    run("skopeo", "copy", "--format", "v2s2", f"oci:{layout}:1.4.0", f"dir:{tmp_path}/dir")
    data = (tmp_path / "dir/manifest.json").read_bytes()
    for blob in (tmp_path / "dir").iterdir():
        if blob.name not in ("manifest.json", "version"):
            write(tmp_path / "docker/blobs/sha256" / blob.name, blob.read_bytes())
    entry = descriptor(tmp_path / "docker", data, "application/vnd.docker.distribution.manifest.v2+json")
    write(tmp_path / "docker/oci-layout", '{"imageLayoutVersion":"1.0.0"}')
    write(tmp_path / "docker/index.json", json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    bundle = build(okse, simple(tmp_path, "{oci: docker}", kind="runtime"))
    (found,) = components(bundle)
    assert found["digest"] == entry["digest"] and found["mediaType"] == entry["mediaType"]
    assert bundle.content(found["digest"]) == data
    # skopeo 1.9 finds a Docker manifest only through the index.
    run("skopeo", "copy", "--all", "--preserve-digests", f"oci-archive:{bundle.path}:1.4.0", f"dir:{tmp_path}/copy")
    assert "sha256:" + hashlib.sha256((tmp_path / "copy/manifest.json").read_bytes()).hexdigest() == bundle.identity


def test_a_pinned_tag_must_have_its_digest(okse, tmp_path):
    index, manifests = multi(tmp_path / "image")
    pinned = f"{{oci: image, ref: '1.0@{index['digest']}', platform: linux/amd64}}"
    bundle = build(okse, simple(tmp_path, pinned, kind="runtime"))
    assert [d["digest"] for d in components(bundle)] == [manifests[0]["digest"]]
    assert bundle.lock()["components"][0]["ref"] == f"1.0@{index['digest']}"
    words = ("--country", "VN", "-o", tmp_path / "no.okse", "--unsigned", "--gate", "off")
    for reference, reason in ((f"1.0@{manifests[0]['digest']}", f"the tag names {index['digest']}, and 'ref' pins"),
                              (f"2.0@{index['digest']}", "no image '2.0'"), ("1.0@sha256:12", "TAG@sha256: and 64"),
                              ("1.0@", "TAG@sha256: and 64"), (f"1.0@{index['digest'][7:]}", "TAG@sha256: and 64")):
        stack = simple(tmp_path, f"{{oci: image, ref: '{reference}'}}", kind="runtime")
        assert reason in okse("build", stack, *words, status=2).err
    run("skopeo", "copy", f"oci:{image(tmp_path / 'one')}:1.4.0", f"docker-archive:{tmp_path}/image.tar:server:1.4.0")
    stack = simple(tmp_path, f"{{oci: image.tar, ref: '1.4.0@{index['digest']}'}}", kind="runtime")
    assert "docker-archive holds no manifest" in okse("build", stack, *words, status=2).err
    assert not (tmp_path / "no.okse").exists()


def test_a_registry_is_answered_with_the_command_that_fetches(okse, tmp_path):
    for place in ("docker://registry.example.org/lab/server:1.4.0", "oci://registry.example.org/lab/server@sha256:" + "a" * 64):
        stack = simple(tmp_path, f"{{oci: '{place}'}}", kind="runtime")
        result = okse("build", stack, "--country", "VN", "-o", tmp_path / "no.okse", status=2)
        assert f"okse fetch {stack}" in result.err and place in result.err
        assert "stack.yaml:7:41" in result.err  # where its source begins
