"""okse collect on what is no running system: container images, directories of configuration, mounted file systems."""
import gzip
import hashlib
import io
import json
import pathlib
import shutil
import subprocess
import tarfile
import pytest
from test_collect_host import coverage, hosts, tree


def layer(files, *, zipped=False):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, text in files.items():
            entry = tarfile.TarInfo(path)
            if isinstance(text, tuple):
                entry.type, entry.linkname = tarfile.SYMTYPE, text[0]
            else:
                entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()) if isinstance(text, str) else None)
    return gzip.compress(data.getvalue(), mtime=0) if zipped else data.getvalue()


def image(directory, *layers, environment=(), architectures=("amd64",)):
    """An OCI layout by hand (image-spec 1.1)."""
    blobs = directory / "blobs/sha256"
    blobs.mkdir(parents=True)

    def put(data, kind, **more):
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"mediaType": kind, "digest": "sha256:" + digest, "size": len(data), **more}
    manifests = []
    for architecture in architectures:
        plain = [gzip.decompress(one) if one[:2] == b"\x1f\x8b" else one for one in layers]
        config = {"architecture": architecture, "os": "linux", "config": {"Env": list(environment)},
                  "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(one).hexdigest() for one in plain]}}
        kinds = ["application/vnd.oci.image.layer.v1.tar" + ("+gzip" if one[:2] == b"\x1f\x8b" else "") for one in layers]
        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                    "config": put(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"),
                    "layers": [put(one, kind) for one, kind in zip(layers, kinds)]}
        manifests.append(put(json.dumps(manifest).encode(), manifest["mediaType"], platform={"architecture": architecture, "os": "linux"},
                             annotations={"org.opencontainers.image.ref.name": "1.0"}))
    if len(manifests) > 1:
        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests}
        manifests = [put(json.dumps(index).encode(), index["mediaType"], annotations={"org.opencontainers.image.ref.name": "1.0"})]
    (directory / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": manifests}))
    return manifests[0]["digest"]


LAYERS = (layer({"etc/os-release": "PRETTY_NAME=\"Base 1\"\n", "etc/default/old": "X=https://old.example.com/\n", "etc/rsyslog.conf": "*.* @@logs.example.com:6514\n"}),
          layer({"etc/default/.wh.old": "", "etc/default/new": "Y=https://new.example.com/\n", "etc/default/out": ("/etc/passwd",)}, zipped=True))


def leftovers():
    return set(pathlib.Path("/tmp").glob("okse-image-*"))


def test_a_container_image(okse, tmp_path):
    digest = image(tmp_path / "image", *LAYERS, environment=["HF_ENDPOINT=https://hub.example.com", "VLLM_NO_USAGE_STATS=1", "API_TOKEN=hunter22x"])
    before = leftovers()
    result = okse("collect", "--image", "image:1.0", "--at", "2026-11-23", "--json", "-o", "e.tar", status=0)
    facts = result.json
    assert leftovers() == before
    assert facts["target"] == {"kind": "image", "name": "image:1.0", "digest": digest}
    assert facts["sysroot"] is None and facts["scope"] == ["host"] and facts["host"]["os"] == "Base 1" and facts["host"]["kernel"] is None
    assert {("new.example.com", 443), ("logs.example.com", 6514), ("hub.example.com", 443)} <= hosts(facts)
    assert "old.example.com" not in result.out, "a layer above took it away"
    assert {(row["name"], row["value"]) for row in facts["settings"]} >= {("VLLM_NO_USAGE_STATS", "1")}
    assert "hunter22x" not in result.out and b"hunter22x" not in (tmp_path / "e.tar").read_bytes()
    assert "okse-image-" not in result.out
    for collector in ("sockets", "routes"):
        assert coverage(facts)[collector] == ("unavailable", "the kernel that runs is not that of the sysroot")
    again = okse("collect", "--image", "image", "--at", "2026-11-23", "--json", status=0).json
    assert {**again, "target": facts["target"]} == facts
    assert okse("audit", "--evidence", "e.tar", "--country", "VN").status in (1, 4)
    if shutil.which("skopeo"):
        subprocess.run(["skopeo", "copy", "-q", "oci:image:1.0", "docker-archive:docker.tar:x:1.0"], cwd=tmp_path, check=True)
        assert hosts(okse("collect", "--image", "docker.tar", "--json", status=0).json) == hosts(facts)
    with tarfile.open(tmp_path / "layout.tar", "w") as archive:
        archive.add(tmp_path / "image", ".")
    assert hosts(okse("collect", "--image", "layout.tar:1.0", "--json", status=0).json) == hosts(facts)


def test_images_that_are_refused(okse, tmp_path):
    image(tmp_path / "two", *LAYERS, architectures=("amd64", "arm64"))
    before = leftovers()
    assert "--platform" in okse("collect", "--image", "two", status=2).err
    assert okse("collect", "--image", "two", "--platform", "linux/arm64", "--json", status=0).json["host"]["os"] == "Base 1"
    assert "no-such" in okse("collect", "--image", "two:no-such").err
    image(tmp_path / "escape", layer({"../../outside": "x"}))
    assert "leads out" in okse("collect", "--image", "escape", status=2).err
    image(tmp_path / "link", layer({"etc": ("/tmp",), "etc/planted-by-okse-test": "x"}))
    okse("collect", "--image", "link")
    assert not pathlib.Path("/tmp/planted-by-okse-test").exists()
    image(tmp_path / "changed", *LAYERS)
    blob = tmp_path / "changed/blobs/sha256" / hashlib.sha256(LAYERS[0]).hexdigest()
    blob.write_bytes(blob.read_bytes().replace(b"logs.example.com", b"logs.example.net"))
    assert "not what its name says" in okse("collect", "--image", "changed", status=2).err
    assert leftovers() == before
    for words in (("--image", "two", "--sysroot", "/"), ("--directory", ".", "--image", "two"), ("--image", "two", "--root", "/"), ("--platform", "linux/arm64")):
        okse("collect", *words, status=2)


def test_a_directory_of_configuration(okse, tmp_path):
    tree(tmp_path / "files", {"a/values.yaml": "endpoint: https://a.example.com/\n", "b.env": "B=https://b.example.com/\n", "README.md": "https://docs.example.com/\n",
                              "deep/er/x.unknown": "c = https://c.example.com/\n", "blob": b"\0https://d.example.com/\0"})
    (tmp_path / "files/out").symlink_to("/etc/passwd")
    facts = okse("collect", "--directory", "files", "--at", "2026-11-23", "--json", "-o", "e.tar", status=0).json
    assert {host for host, _ in hosts(facts)} == {"a.example.com", "b.example.com", "c.example.com"}
    assert facts["target"] == {"kind": "directory", "name": "files", "digest": None} and facts["sysroot"] is None
    assert {s["path"] for e in facts["endpoints"] for s in e["sources"]} == {"/a/values.yaml", "/b.env", "/deep/er/x.unknown"}
    rows = coverage(facts)
    for collector in ("host", "mounts", "sockets", "routes", "resolvers", "time"):
        assert rows[collector] == ("unavailable", "a directory of configuration is no host"), collector
    status, why = rows["configuration"]  # the blob holds a name that is no endpoint here: it is told
    assert status == "partial" and "/blob" in why and ";" not in why, why
    with tarfile.open(tmp_path / "e.tar") as archive:
        assert "raw/a/values.yaml" in archive.getnames()
    assert okse("audit", "--evidence", "e.tar", "--country", "VN").status in (1, 4)


def test_targets_follow_the_schema(okse, tmp_path):
    import jsonschema
    schema = json.loads((pathlib.Path(__file__).resolve().parents[2] / "manifests/schemas/facts.schema.json").read_text())
    tree(tmp_path / "files", {"b.env": "B=https://b.example.com/\n"})
    jsonschema.validate(okse("collect", "--directory", "files", "--json", status=0).json, schema)
    assert "target" in schema["properties"]


def test_a_mounted_disk_image(okse, tmp_path):
    """An ext4 file system made without mounting it, then mounted read-only."""
    if shutil.which("mke2fs") is None:
        pytest.skip("mke2fs is not installed")
    root = tree(tmp_path / "root", {"etc/os-release": "PRETTY_NAME=Disk\n", "etc/rsyslog.conf": "*.* @@logs.example.com:6514\n"})
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", root, tmp_path / "disk.img", "8M"], check=True)
    (tmp_path / "mnt").mkdir()
    if subprocess.run(["mount", "-o", "loop,ro,noload", tmp_path / "disk.img", tmp_path / "mnt"], capture_output=True).returncode != 0:
        pytest.skip("no loop mount here")
    try:
        facts = okse("collect", "--sysroot", "mnt", "--json", status=0).json
        assert facts["host"]["os"] == "Disk" and ("logs.example.com", 6514) in hosts(facts)
    finally:
        subprocess.run(["umount", tmp_path / "mnt"], check=True)
