"""What `okse build` writes, made again from docs/formats/bundle.md and the input files alone: the oracle for the format page.

install_bundle.py lays out blobs; this file adds the documents that Okse generates (lock, configs, model annotations)."""
import fnmatch
import json
import math
import os
import pathlib

import yaml

import install_bundle as ib
from small_bundle import canonical, descriptor, fsverity, sha

ROOT = pathlib.Path(__file__).resolve().parents[2]

def digest(data):
    return "sha256:" + sha(data)


def walk(top):
    """Every entry of a directory: files {path: (bytes, executable)}, links {path: target}, directories [path]."""
    files, links, directories = {}, {}, []
    for folder, names, found in os.walk(top):
        for name in names + found:
            path = pathlib.Path(folder, name)
            relative = path.relative_to(top).as_posix()
            if path.is_symlink():
                links[relative] = os.readlink(path)
            elif path.is_dir():
                directories.append(relative)
            else:
                files[relative] = (path.read_bytes(), bool(path.stat().st_mode & 0o111))
    return files, links, directories


def model_kind(path):
    """(kind, format) of a file of a model, by the table of manifests/."""
    for row in yaml.safe_load((ROOT / "manifests/modelpack-filetypes.yaml").read_text()):
        if fnmatch.fnmatchcase(path.rsplit("/", 1)[-1].lower(), row["pattern"]):
            return row["kind"], row.get("format")
    raise AssertionError(path)


def says(files):
    """What docs/weights.md takes from config.json and from safetensors headers: the architecture, and one type's count."""
    told, counts = {}, {}
    for path, data in files.items():
        data = data[0] if isinstance(data, tuple) else data
        if path == "config.json":
            told["architecture"] = json.loads(data)["model_type"]
        if path.endswith(".safetensors"):
            length = int.from_bytes(data[:8], "little")
            for name, tensor in json.loads(data[8:8 + length]).items():
                if name != "__metadata__":
                    counts[tensor["dtype"]] = counts.get(tensor["dtype"], 0) + math.prod(tensor["shape"])
    if counts:
        (dtype, count), = counts.items()
        told |= {"precision": {"U8": "uint8", "F32": "float32"}[dtype], "paramSize": f"{count / 1000:.1f}k"}
    return told


class Stack:
    """A stack as stack.yaml says it, and the components made from its sources, in order."""

    def __init__(self, name, version, sequence, country, vendor, compliance=None, created="1970-01-01T00:00:00Z"):
        self.name, self.version, self.sequence, self.country = name, version, sequence, country
        self.vendor, self.compliance, self.created = vendor, compliance, created
        self.parts, self.rows, self.locks = [], [], []

    def add(self, name, kind, source, form, top, license=None):
        files, links, directories = walk(top) if top.is_dir() else ({top.name: (top.read_bytes(), False)}, {}, [])
        part = self.raw(name, kind, files, license) if form == "raw" else self.tar(name, kind, files, links, directories, license)
        row = {"name": name, "kind": kind} | ({"license": license} if license else {})
        lock = {"name": name, "kind": kind, "source": source, "manifest": digest(part.manifests[0][0])}
        if form == "raw":
            lock["files"] = [{"path": path, "digest": digest(files[path][0]), "size": len(files[path][0])}
                             for path in sorted(files, key=str.encode)]
        else:
            lock["listing"], lock["archive"] = map(digest, part.payload)
        self.parts.append(part), self.rows.append(row), self.locks.append(lock)

    def add_image(self, name, kind, source, layout, tag, platform):
        """The image's own bytes from an OCI layout directory."""
        blobs, part = pathlib.Path(layout) / "blobs/sha256", ib.Component(name, kind)
        entry = next(m for m in json.loads((layout / "index.json").read_text())["manifests"]
                     if m["annotations"]["org.opencontainers.image.ref.name"] == tag)
        manifest = (blobs / entry["digest"][7:]).read_bytes()
        told = json.loads(manifest)
        config = (blobs / told["config"]["digest"][7:]).read_bytes()
        part.manifests.append((manifest, {key: json.loads(config)[key] for key in ("architecture", "os")}))
        part.metadata.append(config)
        part.payload += [(blobs / layer["digest"][7:]).read_bytes() for layer in told["layers"]]
        self.parts.append(part), self.rows.append({"name": name, "kind": kind})
        self.locks.append({"name": name, "kind": kind, "source": source, "manifest": digest(manifest), "ref": tag,
                           "platform": platform})

    def config(self, name, kind, form, license):
        return "application/vnd.okse.component.v1+json", canonical(
            {"schema": "okse.component.v1", "name": name, "kind": kind, "form": form} | ({"license": license} if license else {}))

    def raw(self, name, kind, files, license):
        if kind != "weights":
            part = ib.raw(name, {path: (data, "0755" if runs else "0644") for path, (data, runs) in files.items()}, kind)
            return self.again(part, self.config(name, kind, "raw", license))
        part, layers, formats = ib.Component(name, kind), [], []
        for path in sorted(files, key=str.encode):
            data, runs = files[path]
            told, fmt = model_kind(path)
            formats += [fmt] if fmt else []
            layers.append(descriptor(f"application/vnd.cncf.model.{told}.v1.raw", data, annotations={
                ib.TITLE: path, "dev.okse.mode": "0755" if runs else "0644", "dev.okse.fsverity": "sha256:" + fsverity(data),
                "org.cncf.model.filepath": path, "org.cncf.model.file.mediatype.untested": "false",
                "org.cncf.model.file.metadata+json": canonical({
                    "name": path, "mode": 0o755 if runs else 0o644, "uid": 0, "gid": 0, "size": len(data), "mtime": self.created,
                    "typeflag": 0}).decode()}))
            part.payload.append(data)
        config = canonical({
            "descriptor": {"name": name, "version": self.version, "vendor": self.vendor["name"]}
            | ({"licenses": [license]} if license else {}),
            "config": ({"format": formats[0]} if formats else {}) | says(files),
            "modelfs": {"type": "layers", "diffIds": [digest(data) for data in part.payload]}})
        part.manifests.append((ib.component_manifest("application/vnd.cncf.model.manifest.v1+json", (
            "application/vnd.cncf.model.config.v1+json", config), layers), None))
        part.metadata.append(config)
        return part

    def tar(self, name, kind, files, links, directories, license):
        part = ib.tar(name, {path: (data, 0o755 if runs else 0o644) for path, (data, runs) in files.items()}, links,
                      directories, kind)
        return self.again(part, self.config(name, kind, "tar", license))

    def again(self, part, config):
        """The same component with this config."""
        told = json.loads(part.manifests[0][0])
        told["config"] = descriptor(*config)
        part.manifests[0], part.metadata[0] = (canonical(told), None), config[1]
        return part

    def write(self, path, documents=()):
        stack = {"schema": "okse.stack.v1", "name": self.name, "version": self.version, "sequence": self.sequence,
                 "country": self.country, "vendor": self.vendor, "components": self.rows}
        if self.compliance:
            stack["compliance"] = self.compliance
        return ib.write(path, self.parts, self.name, self.version, self.sequence, [], stack=stack, documents=documents,
                        lock={"schema": "okse.lock.v1", "components": self.locks}, index_notes={
                            "dev.okse.country": self.country, "dev.okse.vendor": self.vendor["name"],
                            "dev.okse.vendor.country": self.vendor["country"], "org.opencontainers.image.created": self.created})
