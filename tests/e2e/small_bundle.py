"""A small unsigned bundle, written by hand from docs/formats/bundle.md, so that tests of signing need no builder."""
import base64
import hashlib
import json
import re

AREA, ALIGN, ROOM = 65536, 4096, 32768
OCI = "application/vnd.oci."


def canonical(value):
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return re.sub(r"\\(u00..|.)", lambda found: "\\" + (found[1] if found[1][0] != "u" else "u" + found[1][1:].upper()), text).encode()


def sha(data):
    return hashlib.sha256(data).hexdigest()


def header(name, size, kind=b"0"):
    block = bytearray(512)
    for at, field in ((0, name.encode()), (100, b"0000644"), (108, b"0000000"), (116, b"0000000"), (124, b"%011o" % size),
                      (136, b"00000000000"), (148, b" " * 8), (156, kind), (257, b"ustar\x0000"), (329, b"0000000"),
                      (337, b"0000000")):
        block[at:at + len(field)] = field
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def pax(length):
    """A pax header whose comment fills `length` bytes of data."""
    text = b"%d comment=" % length
    return header("PaxHeaders/blob", length, b"x") + text + b" " * (length - len(text) - 1) + b"\n"


def padded(data):
    return data + bytes(-len(data) % 512)


def fsverity(data):
    level = [hashlib.sha256(data[i:i + 4096].ljust(4096, b"\0")).digest() for i in range(0, len(data), 4096)]
    while len(level) > 1:
        joined = b"".join(level)
        level = [hashlib.sha256(joined[i:i + 4096].ljust(4096, b"\0")).digest() for i in range(0, len(joined), 4096)]
    root = level[0] if level else bytes(32)
    return sha(bytes([1, 1, 12, 0]) + bytes(4) + len(data).to_bytes(8, "little") + root.ljust(64, b"\0") + bytes(176))


def descriptor(media, data, **more):
    return {"mediaType": media, "digest": "sha256:" + sha(data), "size": len(data), **more}


def layer(title, data):
    return descriptor("application/octet-stream", data, annotations={
        "org.opencontainers.image.title": title, "dev.okse.mode": "0644", "dev.okse.fsverity": "sha256:" + fsverity(data)})


def manifest(artifact, config, layers):
    kind, data = config
    return canonical({"schemaVersion": 2, "mediaType": OCI + "image.manifest.v1+json", "artifactType": artifact,
                      "config": descriptor(kind, data), "layers": layers})


SIGSTORE = "application/vnd.dev.sigstore.bundle.v0.3+json"


def predicate_type(sigstore):
    """What an honest manifest says of this statement; of one that cannot be read, that it is a release."""
    try:
        return json.loads(base64.b64decode(json.loads(sigstore)["dsseEnvelope"]["payload"]))["predicateType"]
    except (ValueError, KeyError, TypeError):
        return "urn:okse:release:v1"


def statement_manifest(subject, sigstore, kind="index", predicate=None):
    title = f"sha256-{sha(subject)}.sigstore.json"
    return canonical({
        "schemaVersion": 2, "mediaType": OCI + "image.manifest.v1+json", "artifactType": SIGSTORE,
        "config": descriptor(OCI + "empty.v1+json", b"{}"),
        "layers": [descriptor(SIGSTORE, sigstore, annotations={"org.opencontainers.image.title": title})],
        "subject": descriptor(OCI + f"image.{kind}.v1+json", subject),
        "annotations": {"dev.sigstore.bundle.content": "dsse-envelope",
                        "dev.sigstore.bundle.predicateType": predicate or predicate_type(sigstore)}})


def graft(path, subject, kind, sigstore, predicate):
    """Append a statement to a signed bundle by hand: behind the payload, and in index.json."""
    data = path.read_bytes()
    statement = statement_manifest(subject, sigstore, kind, predicate)
    at = data.index(b"index.json\0")
    size = int(data[at + 124:at + 135], 8)
    document = json.loads(data[at + 512:at + 512 + size])
    document["manifests"].append(descriptor(OCI + "image.manifest.v1+json", statement, artifactType=SIGSTORE))
    tail = b"".join(header("blobs/sha256/" + sha(blob), len(blob)) + padded(blob) for blob in (statement, sigstore))
    path.write_bytes(data[:at + 512] + canonical(document).ljust(size) + data[at + 512 + size:-1024] + tail + bytes(1024))


def claim(path, size):
    """Append a statement that is `size` bytes long, as a hole: what it says is never read by an honest reader."""
    data = path.read_bytes()
    at = data.index(b"index.json\0")
    slot = int(data[at + 124:at + 135], 8)
    document = json.loads(data[at + 512:at + 512 + slot])
    first = document["manifests"][0]["digest"].removeprefix("sha256:").encode()
    behind = data.index(b"blobs/sha256/" + first) + 512
    statement = json.loads(statement_manifest(data[behind:behind + document["manifests"][0]["size"]], b"hole"))
    statement["layers"][0]["size"] = size
    statement = canonical(statement)
    document["manifests"].append(descriptor(OCI + "image.manifest.v1+json", statement, artifactType=SIGSTORE))
    with open(path, "wb") as file:
        file.write(data[:at + 512] + canonical(document).ljust(slot) + data[at + 512 + slot:-1024])
        file.write(header("blobs/sha256/" + sha(statement), len(statement)) + padded(statement) + header("blobs/sha256/" + sha(b"hole"), size))
        file.seek(size, 1)
        file.write(bytes(1024))


def make(path, name="civic-search", version="1.0.0", sequence=12, country="VN", files=None, statements=None):
    """Write the bundle; returns its identity (hex). statements: called with the identity, gives sigstore bundles."""
    files = {"a.conf": b"listen 127.0.0.1\n", "b.bin": bytes(range(256)) * 40} if files is None else files
    lock = canonical({"schema": "okse.lock.v1"})
    stack_config = canonical({"name": name, "version": version, "country": country, "sequence": sequence,
                              "vendor": {"name": "Example AI Lab", "country": "KR"}})
    stack = manifest("application/vnd.okse.stack.v1+json", ("application/vnd.okse.stack.v1+json", stack_config),
                     [descriptor("application/vnd.okse.lock.v1+json", lock,
                                 annotations={"org.opencontainers.image.title": "lock.json"})])
    config = canonical({"schema": "okse.component.v1", "name": "config", "kind": "infra", "form": "raw"})
    component = manifest("application/vnd.okse.infra.v1", ("application/vnd.okse.component.v1+json", config),
                         [layer(title, files[title]) for title in sorted(files)])
    entries = [descriptor(OCI + "image.manifest.v1+json", data,
                          annotations={"dev.okse.component": part, "dev.okse.kind": kind})
               for part, kind, data in (("stack", "stack", stack), ("config", "infra", component))]
    index = canonical({"schemaVersion": 2, "mediaType": OCI + "image.index.v1+json", "manifests": entries, "annotations": {
        "dev.okse.type": "bundle.v1", "dev.okse.name": name, "dev.okse.version": version,
        "dev.okse.sequence": str(sequence), "dev.okse.country": country, "dev.okse.vendor": "Example AI Lab",
        "dev.okse.vendor.country": "KR", "org.opencontainers.image.created": "2026-01-01T00:00:00Z"}})
    named = [(version, index, OCI + "image.index.v1+json"), (version + "-stack", stack, OCI + "image.manifest.v1+json"),
             (version + "-config", component, OCI + "image.manifest.v1+json")]
    top = canonical({"schemaVersion": 2, "mediaType": OCI + "image.index.v1+json", "manifests": [
        descriptor(media, data, annotations={"org.opencontainers.image.ref.name": ref}) for ref, data, media in named]})
    slot = -(-(len(top) + ROOM) // 4096) * 4096
    signed = [(statement_manifest(index, data), data) for data in (statements(sha(index)) if statements else [])]
    if signed:
        document = json.loads(top)
        document["manifests"] += [descriptor(OCI + "image.manifest.v1+json", data, artifactType=SIGSTORE)
                                  for data, _ in signed]
        top = canonical(document)
    out = bytearray()

    def member(member_name, data):
        out.extend(header(member_name, len(data)) + padded(data))

    def blob(data):
        member("blobs/sha256/" + sha(data), data)

    member("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
    member("index.json", top.ljust(slot))
    blob(index)
    area = len(out)
    for data in ([b"{}"] if signed else []) + [data for pair in signed for data in pair]:
        blob(data)
    out += pax(AREA - 512 - (len(out) - area))
    for data in (stack, stack_config, lock, component, config):
        blob(data)
    seen = set()
    for title in sorted(files):
        data = files[title]
        if sha(data) in seen:
            continue
        seen.add(sha(data))
        if (len(out) + 512) % ALIGN:
            length = 512
            while (len(out) + 1024 + length) % ALIGN:
                length += 512
            out += pax(length)
        blob(data)
    out += bytes(1024)
    with open(path, "wb") as file:
        file.write(out)
    return sha(index)
