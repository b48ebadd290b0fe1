"""Signed bundles with components of every form, written by hand from docs/formats/bundle.md: tests of install need no
builder, and can lie."""
import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile

import signing
from small_bundle import ALIGN, AREA, OCI, ROOM, SIGSTORE, canonical, descriptor, fsverity, header, padded, pax, sha
from small_bundle import statement_manifest

MANIFEST, INDEX = OCI + "image.manifest.v1+json", OCI + "image.index.v1+json"
TITLE = "org.opencontainers.image.title"


def component_manifest(artifact, config, layers):
    media, data = config
    return canonical({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": artifact,
                      "config": descriptor(media, data), "layers": layers})


class Component:
    """name, kind, and what it becomes: manifests [(bytes, platform or None)], metadata blobs, payload blobs."""

    def __init__(self, name, kind):
        self.name, self.kind, self.manifests, self.metadata, self.payload = name, kind, [], [], []


def config_blob(name, kind, form):
    return "application/vnd.okse.component.v1+json", canonical(
        {"schema": "okse.component.v1", "name": name, "kind": kind, "form": form})


def raw(name, files, kind="infra"):
    """files: path → bytes, or (bytes, mode text)."""
    part, layers = Component(name, kind), []
    artifact, config = f"application/vnd.okse.{kind}.v1", config_blob(name, kind, "raw")
    if kind == "weights":
        artifact = "application/vnd.cncf.model.manifest.v1+json"
        config = "application/vnd.cncf.model.config.v1+json", canonical({"descriptor": {"name": name}})
    for path in sorted(files, key=str.encode):
        data, mode = files[path] if isinstance(files[path], tuple) else (files[path], "0644")
        notes = {TITLE: path, "dev.okse.mode": mode, "dev.okse.fsverity": "sha256:" + fsverity(data)}
        if kind == "weights":
            notes |= {"org.cncf.model.filepath": path, "org.cncf.model.file.mediatype.untested": "false",
                      "org.cncf.model.file.metadata+json": canonical({"name": path}).decode()}
        part.payload.append(data)
        layers.append(descriptor("application/octet-stream" if kind != "weights" else
                                 "application/vnd.cncf.model.weight.v1.raw", data, annotations=notes))
    part.manifests.append((component_manifest(artifact, config, layers), None))
    part.metadata.append(config[1])
    return part


def escaped(text):
    return "".join(chr(b) if 32 < b < 127 and b not in b"#\\=*?[" else f"\\{b:03o}" for b in text.encode())


def pax_record(key, value):
    body = f" {key}={value}\n".encode()
    length = len(body)
    while length != len(body) + len(str(length)):
        length = len(body) + len(str(length))
    return str(length).encode() + body


def tar_entry(path, kind, mode, size=0, target=""):
    """One member's headers as docs/formats/bundle.md has them (sizes below 8 GiB)."""
    name = path + ("/" if kind == b"5" else "")
    records = b"".join(pax_record(key, value) for key, value in (("path", name), ("linkpath", target))
                       if len(value.encode()) > 100)
    before = header("PaxHeaders/entry", len(records), b"x") + padded(records) if records else b""
    block = bytearray(header("", size, kind))
    for at, field in ((0, name.encode()[:100]), (100, b"%07o" % mode), (157, target.encode()[:100])):
        block[at:at + len(field)] = field
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return before + bytes(block)


def listing_line(path, kind, mode, data=b"", target=""):
    if kind == b"5":
        return f"./{escaped(path)} type=dir mode=0755\n"
    if kind == b"2":
        return f"./{escaped(path)} type=link mode=0777 link={escaped(target)}\n"
    return f"./{escaped(path)} type=file mode={mode:04o} size={len(data)} sha256digest={sha(data)}\n"


def members_of(files, links=(), directories=()):
    """[(path, tar type, mode, data, target)] sorted by path, with every directory."""
    found = {}
    for path in directories:
        found[path] = (path, b"5", 0o755, b"", "")
    for path, value in files.items():
        data, mode = value if isinstance(value, tuple) else (value, 0o644)
        found[path] = (path, b"0", mode, data, "")
    for path, target in dict(links).items():
        found[path] = (path, b"2", 0o777, b"", target)
    for path in list(found):
        while "/" in path:
            path = path.rsplit("/", 1)[0]
            found.setdefault(path, (path, b"5", 0o755, b"", ""))
    return [found[path] for path in sorted(found, key=str.encode)]


def tar_bytes(members):
    out = [tar_entry(path, kind, mode, len(data), target) + padded(data) for path, kind, mode, data, target in members]
    return b"".join(out) + bytes(1024)


def tar(name, files=None, links=(), directories=(), kind="runtime", archive=None, listing=None):
    """archive, listing: bytes that replace the honest ones."""
    part, members = Component(name, kind), members_of(files or {}, links, directories)
    config = config_blob(name, kind, "tar")
    archive = tar_bytes(members) if archive is None else archive
    if listing is None:
        listing = ("#mtree\n" + "".join(listing_line(p, k, m, d, t) for p, k, m, d, t in members)).encode()
    part.manifests.append((component_manifest(f"application/vnd.okse.{kind}.v1", config, [
        descriptor("application/vnd.okse.mtree.v1", listing, annotations={TITLE: name + ".mtree"}),
        descriptor(OCI + "image.layer.v1.tar", archive, annotations={TITLE: name + ".tar"})]), None))
    part.metadata.append(config[1])
    part.payload += [listing, archive]
    return part


def image(name, platforms=(("linux", "amd64"),)):
    part = Component(name, "runtime")
    for system, machine in platforms:
        layer = io.BytesIO()
        with tarfile.open(fileobj=layer, mode="w") as file:
            info = tarfile.TarInfo("etc/machine")
            info.size = len(machine)
            file.addfile(info, io.BytesIO(machine.encode()))
        packed = gzip.compress(layer.getvalue(), mtime=0)
        config = canonical({"architecture": machine, "os": system, "config": {"Labels": {"name": name}},
                            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sha(layer.getvalue())]}})
        manifest = canonical({"schemaVersion": 2, "mediaType": MANIFEST,
                              "config": descriptor(OCI + "image.config.v1+json", config),
                              "layers": [descriptor(OCI + "image.layer.v1.tar+gzip", packed)]})
        part.manifests.append((manifest, {"os": system, "architecture": machine}))
        part.metadata.append(config)
        part.payload.append(packed)
    return part


class Site:
    """A directory with a key, a trust policy and bundles signed by it."""

    def __init__(self, okse, directory):
        self.okse, self.directory = okse, directory
        self.root, self.bundle = directory / "root", directory / "bundle.okse"
        self.key = signing.Key(directory, "vendor")
        self.trust = directory / "trust.yaml"
        self.trust.write_text("okse: trust/v1\nalgorithms: [ed25519]\nroles:\n  vendor:\n    threshold: 1\n"
                              "    signers: [{key: vendor.pub}]\n")

    def make(self, *components, sequence=12, version="1.0.0", path=None, name="civic-search", sign=True, change=None):
        """Write a signed bundle; returns its identity. change: payload bytes → the bytes stored instead."""
        statements = [] if not sign else lambda identity: [json.dumps(signing.signed(
            self.key, signing.statement(identity, signing.release(identity, sequence=sequence, version=version))),
            sort_keys=True, separators=(",", ":")).encode()]
        return write(path or self.bundle, components, name, version, sequence, statements, change)

    def install(self, *words, bundle=None, status=0, **more):
        return self.okse("install", bundle or self.bundle, "--root", self.root, "--trust", self.trust, *words,
                         status=status, **more)

    def status(self, status=0, **more):
        return self.okse("status", "--root", self.root, "--json", status=status, **more).json

    @property
    def current(self):
        return (self.root / "current").resolve().name

    def generation(self, identity, sequence=12):
        return f"{sequence}-{identity[:12]}"


def write(path, components, name, version, sequence, statements, change=None, **lies):
    """lies: stack (the stack config), lock, index_notes (annotations of the bundle index; None: none of that name),
    alter (gets the bundle index before it is hashed), documents ([(title, media type, bytes)] behind the lock)."""
    lock = canonical(lies.get("lock", {"schema": "okse.lock.v1"}))
    stack_config = canonical(lies.get("stack") or {"name": name, "version": version, "country": "VN", "sequence": sequence,
                              "vendor": {"name": "Example AI Lab", "country": "KR"},
                              "compliance": {"sector": "government", "data_classes": ["personal"]}})
    stack_type = "application/vnd.okse.stack.v1+json"
    documents = lies.get("documents", [])
    stack = component_manifest(stack_type, (stack_type, stack_config), [
        descriptor("application/vnd.okse.lock.v1+json", lock, annotations={TITLE: "lock.json"}),
        *(descriptor(kind, data, annotations={TITLE: title}) for title, kind, data in documents)])
    entries, metadata, named = [], [stack, stack_config, lock, *(data for _, _, data in documents)], []

    def list_manifest(part, kind, data, platform, several):
        more = {"platform": platform} if platform else {}
        entries.append(descriptor(MANIFEST, data, annotations={"dev.okse.component": part, "dev.okse.kind": kind}, **more))
        suffix = f"-{platform['os']}-{platform['architecture']}" if several else ""
        named.append(descriptor(MANIFEST, data, annotations={
            "org.opencontainers.image.ref.name": f"{version}-{part}{suffix}"}))

    list_manifest("stack", "stack", stack, None, False)
    for part in components:
        for number, (data, platform) in enumerate(part.manifests):
            list_manifest(part.name, part.kind, data, platform, len(part.manifests) > 1)
            metadata += [data, part.metadata[number]]
    notes = {
        "dev.okse.type": "bundle.v1", "dev.okse.name": name, "dev.okse.version": version,
        "dev.okse.sequence": str(sequence), "dev.okse.country": "VN", "dev.okse.vendor": "Example AI Lab",
        "dev.okse.vendor.country": "KR", "org.opencontainers.image.created": "2026-01-01T00:00:00Z"}
    notes = {key: value for key, value in (notes | lies.get("index_notes", {})).items() if value is not None}
    document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries, "annotations": notes}
    lies.get("alter", lambda told: None)(document)
    index = canonical(document)
    identity = sha(index)
    top = [descriptor(INDEX, index, annotations={"org.opencontainers.image.ref.name": version})] + named
    document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": top}
    slot = -(-(len(canonical(document)) + ROOM) // 4096) * 4096
    signed = [(statement_manifest(index, data), data) for data in (statements(identity) if statements else [])]
    document["manifests"] += [descriptor(MANIFEST, data, artifactType=SIGSTORE) for data, _ in signed]
    stored = set()
    with open(path, "wb") as file:
        def member(member_name, data):
            file.write(header(member_name, len(data)) + padded(data))

        def blob(data, align=False):
            if sha(data) in stored:
                return
            stored.add(sha(data))
            if align and (file.tell() + 512) % ALIGN:
                length = 512
                while (file.tell() + 1024 + length) % ALIGN:
                    length += 512
                file.write(pax(length))
            wrong = change(data) if change and align else data
            assert len(wrong) == len(data)
            file.write(header("blobs/sha256/" + sha(data), len(data)) + padded(wrong))

        member("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        member("index.json", canonical(document).ljust(slot))
        blob(index)
        area = file.tell()
        brought = any(data == b"{}" for part in components for data in part.payload + part.metadata)
        for data in ([b"{}"] if signed and not brought else []) + [data for pair in signed for data in pair]:
            blob(data)
        file.write(pax(AREA - 512 - (file.tell() - area)))
        for data in metadata:
            blob(data)
        for part in components:
            for data in part.payload:
                blob(data, align=True)
        file.write(bytes(1024))
    return identity


def tree(directory):
    """What a directory holds: path → (type, mode, sha256 or target)."""
    found = {}
    for path in sorted(directory.rglob("*")):
        name, mode = str(path.relative_to(directory)), path.lstat().st_mode & 0o7777
        if path.is_symlink():
            found[name] = ("link", None, os.readlink(path))
        elif path.is_dir():
            found[name] = ("directory", mode, None)
        else:
            found[name] = ("file", mode, hashlib.sha256(path.read_bytes()).hexdigest())
    return found


def run(*words, **more):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, **more)
