"""Stacks to build from: small, with every kind of source, and the same bytes at every call."""
import hashlib
import json
import os
import pathlib
import subprocess
import tarfile
import zipfile
from weights_files import noise_safetensors

HEAD = """okse: stack/v1
name: civic
version: 1.4.0
sequence: 14
vendor: {name: Example AI Lab, country: KR, contact: security@example.org}
components:
"""


def run(*words, **options):
    return subprocess.run(list(map(str, words)), check=True, capture_output=True, text=True, **options).stdout


def noise(name, size):
    """Bytes that do not compress and depend on nothing but their name."""
    return hashlib.shake_256(name.encode()).digest(size)


def write(path, data, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    path.chmod(mode)


def image(layout, tag="1.4.0", name="server"):
    """A real OCI image of one layer, made by umoci."""
    scratch = layout.parent / f".{layout.name}-content"
    write(scratch / name, noise(name, 9000), 0o755)
    layout.parent.mkdir(parents=True, exist_ok=True)
    if not layout.exists():
        run("umoci", "init", "--layout", layout)
    run("umoci", "new", "--image", f"{layout}:{tag}")
    run("umoci", "insert", "--rootless", "--image", f"{layout}:{tag}", scratch, "/app")
    return layout


def wheel(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data, mode in (("engine/__init__.py", b"x = 1\n" * 400, 0o644), ("engine/엔진.so", noise("so", 70000), 0o755),
                                 ("engine-1.dist-info/RECORD", b"", 0o644)):
            info = zipfile.ZipInfo(name)
            info.external_attr = (0o100000 | mode) << 16
            archive.writestr(info, data)


def civic(directory):
    """Weights, a wheel, an image, plain files and a tree with links: one component of every form."""
    write(directory / "model/model.safetensors", noise_safetensors(noise("weights", 300_001)))
    write(directory / "model/config.json", '{"model_type": "bert"}\n')
    write(directory / "model/LICENSE", "Apache License\n")
    write(directory / "model/1_Pooling/config.json", "{}\n")
    write(directory / "infra/run.sh", "#!/bin/sh\n", 0o755)
    write(directory / "infra/app.conf", "listen 8080\n", 0o640)
    write(directory / "infra/empty", "")
    write(directory / "infra/copy-of-license", "Apache License\n")
    write(directory / "tree/lib/libx.so.1", noise("lib", 5000), 0o755)
    (directory / "tree/lib/libx.so").symlink_to("libx.so.1")
    (directory / "tree/spool").mkdir()
    write(directory / "tree/" / ("d" * 90) / ("f" * 120), "long\n")
    wheel(directory / "wheels/engine.whl")
    image(directory / "images/server")
    stack = directory / "stack.yaml"
    stack.write_text(HEAD + """  - {name: minilm, kind: weights, source: {path: model}, license: {spdx: Apache-2.0, file: model/LICENSE}}
  - {name: engine, kind: runtime, source: {archive: wheels/engine.whl}, license: {spdx: MIT}}
  - {name: server-image, kind: runtime, source: {oci: images/server, ref: "1.4.0", platform: linux/amd64}}
  - {name: serving, kind: infra, source: {path: infra}}
  - {name: tree, kind: driver, source: {path: tree}}
  - {name: notice, kind: docs, source: {path: model/LICENSE}}
compliance:
  data_classes: [personal]
  sector: government
""")
    return stack


def simple(directory, source="{path: data}", kind="dataset"):
    stack = directory / "stack.yaml"
    stack.write_text(f"{HEAD}  - {{name: data, kind: {kind}, source: {source}}}\n")
    return stack


class Bundle:
    """A bundle read with Python's tarfile and json only."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        with tarfile.open(path, "r:") as archive:
            self.members = archive.getmembers()
            self.small = {m.name: archive.extractfile(m).read() for m in self.members if m.size <= 4 << 20}
        self.by_name = {m.name: m for m in self.members}
        self.layout_index = json.loads(self.small["index.json"])
        self.identity = self.layout_index["manifests"][0]["digest"]
        self.index = json.loads(self.blob(self.identity))

    def blob(self, digest):
        return self.small["blobs/" + digest.replace(":", "/")]

    def member(self, digest):
        return self.by_name["blobs/" + digest.replace(":", "/")]

    def manifests(self, component):
        return [json.loads(self.blob(d["digest"])) for d in self.index["manifests"]
                if d["annotations"]["dev.okse.component"] == component]

    def manifest(self, component):
        (only,) = self.manifests(component)
        return only

    def titles(self, component):
        return {layer["annotations"]["org.opencontainers.image.title"]: layer
                for layer in self.manifest(component)["layers"]}

    def config(self, component):
        return json.loads(self.blob(self.manifest(component)["config"]["digest"]))

    def lock(self):
        return json.loads(self.blob(self.titles("stack")["lock.json"]["digest"]))

    def content(self, digest):
        member = self.member(digest)
        with open(self.path, "rb") as file:
            file.seek(member.offset_data)
            return file.read(member.size)


def build(okse, stack, output=None, country="VN", **options):
    output = output or okse.directory / "out.okse"
    words = options.pop("words", ())
    okse("build", stack, "--country", country, "-o", output, "--unsigned", *words, status=0, **options)
    bundle = Bundle(output)
    assert okse("inspect", output, "--json", status=0).json["identity"] == bundle.identity  # the strict reader agrees
    return bundle


def leftovers(directory):
    """Everything below a directory, to see that a failure left nothing."""
    return sorted(os.path.relpath(os.path.join(place, name), directory)
                  for place, directories, files in os.walk(directory) for name in directories + files)
