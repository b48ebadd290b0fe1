"""Every structural place of a small signed bundle, damaged: each mutant is refused with a reason, from a file and from a pipe.

The tar is taken apart by this file's own walker (docs/formats/bundle.md), not by Okse. A mutant that is accepted must be named in
EQUIVALENT with the proof that it means the same. The archive has exactly one form; only what stands around a signature, and is
not signed, can differ.
"""
import base64
import hashlib
import io
import json
import struct
import tarfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from weights_files import noise_safetensors

from small_bundle import AREA, OCI, SIGSTORE, canonical, descriptor, fsverity, header, padded, pax, sha, statement_manifest

ENVELOPE = "the signed bytes and the signature over them are the same; statements.md signs nothing else of the envelope: "
EQUIVALENT = {
    "statements: other order": "what `okse sign` writes when the ministry signs first; order gives no statement another meaning",
    **{f"{role}: {what}": ENVELOPE + why for role in ("vendor", "ministry") for what, why in (
        ("keyid", "keyid is only a hint, and publicKey.hint stands before it"),
        ("spaces", "its JSON need not be ours (cosign writes it too), only its digest must be right"),
        ("unknown member", "sigstore bundles may grow members; none of ours is read from there"))},
}
FIELDS = {"name": 0, "mode": 100, "uid": 108, "gid": 116, "size": 124, "mtime": 136, "checksum": 148, "type": 156, "linkname": 157,
          "magic": 257, "version": 263, "uname": 265, "gname": 297, "devmajor": 329, "devminor": 337, "prefix": 345, "rest": 500}


def members(data):
    """(start of headers, start of data, size, name, end) of each member, pax headers included with what they belong to."""
    found, at = [], 0
    while data[at:at + 512].strip(b"\0"):
        start = at
        while data[at + 156:at + 157] == b"x":
            at += 512 + int(data[at + 124:at + 135], 8)
        size = int(data[at + 124:at + 135], 8)
        name = data[at:at + 100].rstrip(b"\0").decode()
        end = at + 512 + (size + 511) // 512 * 512
        found.append((start, at + 512, size, name, end))
        at = end
    return found


def checksum(block):
    total = sum(block[:148]) + 8 * 32 + sum(block[156:512])
    return block[:148] + b"%06o\0 " % total + block[156:512]


def flip(data, at, with_checksum_at=None):
    out = bytearray(data)
    out[at] ^= 0x01
    if with_checksum_at is not None:
        out[with_checksum_at:with_checksum_at + 512] = checksum(bytes(out[with_checksum_at:with_checksum_at + 512]))
    return bytes(out)


def member_bytes(name, content, kind=b"0", link=b""):
    block = bytearray(512)
    block[0:len(name)] = name.encode()
    block[100:108], block[108:116], block[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    block[124:136], block[136:148], block[156:157] = b"%011o\0" % len(content), b"00000000000\0", kind
    block[157:157 + len(link)], block[257:265] = link, b"ustar\00000"
    block[329:337], block[337:345] = b"0000000\0", b"0000000\0"
    return checksum(bytes(block)) + content + b"\0" * (-len(content) % 512)


def header_mutants(data, parts):
    for start, begin, size, name, end in parts:
        header = begin - 512
        for field, offset in FIELDS.items():
            yield f"header {field} of {name[:24]}", flip(data, header + offset)
            yield f"header {field} of {name[:24]}, checksum right", flip(data, header + offset, header)
        if start != header:
            for place, offset in (("pax name", 0), ("pax size", 134), ("pax type", 156), ("pax length digit", 512),
                                  ("pax keyword", 520), ("pax comment", 530), ("pax last byte", header - start - 1)):
                yield f"{place} of {name[:24]}", flip(data, start + offset)
                if offset < 512:
                    yield f"{place} of {name[:24]}, checksum right", flip(data, start + offset, start)


def content_mutants(data, parts):
    for start, begin, size, name, end in parts:
        for place in {0, size // 2, size - 1} if size else ():
            yield f"content byte {place} of {name[:24]}", flip(data, begin + place)
        for at in {begin + size, end - 1}:
            if at < end:
                yield f"padding byte {at - begin - size} of {name[:24]}", flip(data, at)


def shape_mutants(data, parts):
    ends = [part[4] for part in parts]
    for at in sorted({0, 1, 511, 512, len(data) - 1, len(data) - 512, len(data) - 1024, *ends, *(e - 1 for e in ends), *(e + 1 for e in ends)}):
        yield f"truncated at {at}", data[:at]
    for i, (start, begin, size, name, end) in enumerate(parts):
        yield f"removed {i} {name[:24]}", data[:start] + data[end:]
        yield f"duplicated {i} {name[:24]}", data[:end] + data[start:end] + data[end:]
        if i + 1 < len(parts):
            after = parts[i + 1]
            yield f"swapped {i} {name[:24]}", data[:start] + data[after[0]:after[4]] + data[start:end] + data[after[4]:]
        yield f"moved to the end {i} {name[:24]}", data[:start] + data[end:ends[-1]] + data[start:end] + data[ends[-1]:]
    extra = hashlib.sha256(b"extra").hexdigest()
    for what, added in (("unlisted blob", member_bytes(f"blobs/sha256/{extra}", b"extra")), ("readme", member_bytes("README", b"x")),
                        ("directory", member_bytes("blobs/", b"", b"5")), ("absolute", member_bytes("/etc/x", b"x")),
                        ("dot dot", member_bytes("blobs/../x", b"x")), ("symlink", member_bytes("link", b"", b"2", b"/etc")),
                        ("hard link", member_bytes("hard", b"", b"1", b"oci-layout")), ("device", member_bytes("dev", b"", b"3")),
                        ("fifo", member_bytes("fifo", b"", b"6")), ("sparse", member_bytes("sparse", b"", b"S")),
                        ("global pax", member_bytes("g", b"12 comment=\n", b"g"))):
        yield f"added at the end: {what}", data[:ends[-1]] + added + data[ends[-1]:]
        yield f"added behind index.json: {what}", data[:ends[1]] + added + data[ends[1]:]
    yield "no end", data[:-1024]
    yield "one zero block", data[:-512]
    yield "three zero blocks", data + b"\0" * 512
    yield "a byte behind the end", data + b"x"
    yield "zeros up to a record", data + b"\0" * (-len(data) % 10240)
    yield "a second archive behind", data + data
    yield "empty", b""


def index_mutants(data, parts):
    start, begin, size, name, end = parts[1]
    text = data[begin:begin + size].rstrip(b" ").decode()
    index = json.loads(text)

    def put(value, raw=None):
        new = raw if raw is not None else json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
        return data[:begin] + new.ljust(size) + data[begin + size:] if len(new) <= size else None

    yield "index.json: spaces inside", put(None, text.replace(",", ", ", 1).encode())
    yield "index.json: duplicate key", put(None, text.replace("{", '{"schemaVersion":2,', 1).encode())
    yield "index.json: newline padding", data[:begin] + text.encode().ljust(size, b"\n") + data[begin + size:]
    yield "index.json: padding byte", flip(data, begin + size - 1)
    yield "index.json: trailing text", put(None, text.encode() + b"{}")
    for i, entry in enumerate(index["manifests"]):
        for what, change in (("removed", lambda m: m.pop(i)), ("twice", lambda m: m.append(m[i])), ("last", lambda m: m.append(m.pop(i))),
                             ("size", lambda m: m[i].update(size=m[i]["size"] + 1)),
                             ("digest", lambda m: m[i].update(digest="sha256:" + "0" * 64)),
                             ("media type", lambda m: m[i].update(mediaType="text/plain")),
                             ("annotation", lambda m: m[i].update(annotations={"x": "y"})),
                             ("extra member", lambda m: m[i].update(extra=1))):
            changed = json.loads(text)
            if what == "last" and i == len(index["manifests"]) - 1:
                continue
            change(changed["manifests"])
            yield f"index.json: entry {i} {what}", put(changed)


def statements(data, parts):
    """The sigstore bundles in the order of index.json, found by name."""
    by_name = {part[3]: data[part[1]:part[1] + part[2]] for part in parts}
    listed = [m for m in json.loads(by_name["index.json"])["manifests"] if "artifactType" in m]
    manifests = [json.loads(by_name["blobs/" + m["digest"].replace(":", "/")]) for m in listed]
    return [by_name["blobs/" + m["layers"][0]["digest"].replace(":", "/")] for m in manifests]


def with_statements(data, parts, sigstores, listed=None, predicate=None):
    """The bundle with these statements instead, every digest, index.json and the area right; the payload does not move."""
    def blob(content):
        return header("blobs/sha256/" + sha(content), len(content)) + padded(content)

    index = data[parts[2][1]:parts[2][1] + parts[2][2]]
    manifests = [statement_manifest(index, sigstore) for sigstore in sigstores]
    if predicate:
        manifests = [m.replace(b"urn:okse:release:v1", predicate) for m in manifests]
    area = b"".join(blob(c) for c in ([b"{}"] if sigstores else []) + [c for pair in zip(manifests, sigstores) for c in pair])
    area += pax(AREA - 512 - len(area))
    layout = json.loads(data[parts[1][1]:parts[1][1] + parts[1][2]])
    layout["manifests"] = [m for m in layout["manifests"] if "artifactType" not in m] + [
        descriptor(OCI + "image.manifest.v1+json", m, artifactType=SIGSTORE)
        for i, m in enumerate(manifests) if listed is None or i in listed]
    slot = canonical(layout).ljust(parts[1][2])
    assert len(area) == AREA and len(slot) == parts[1][2]
    return data[:parts[1][1]] + slot + data[parts[1][4]:parts[2][4]] + area + data[parts[2][4] + AREA:]


def put_in(sigstore, *path, value):
    changed = json.loads(sigstore)
    at = changed
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value(at[path[-1]]) if callable(value) else value
    return json.dumps(changed, separators=(",", ":")).encode()


def said(sigstore, old, new):
    """The signed text changed under its old signature."""
    payload = base64.b64decode(json.loads(sigstore)["dsseEnvelope"]["payload"])
    assert old in payload
    return put_in(sigstore, "dsseEnvelope", "payload", value=base64.b64encode(payload.replace(old, new)).decode())


def envelope_changes(one, other, role):
    """Changes of one sigstore bundle that no digest can tell, by what they do."""
    signature = ("dsseEnvelope", "signatures", 0, "sig")
    loose = json.loads(one)
    material = json.loads(other)["verificationMaterial"]
    flipped = base64.b64encode(bytes([base64.b64decode(loose["dsseEnvelope"]["signatures"][0]["sig"])[0] ^ 1]) +
                               base64.b64decode(loose["dsseEnvelope"]["signatures"][0]["sig"])[1:]).decode()
    for old, new in ((role, b"ministry" if role == b"vendor" else b"vendor"), (b"small", b"smile"), (b'"sequence":3', b'"sequence":4'),
                     (b'"VN"', b'"KR"'), (b'"sha256":"', b'"sha256":"0'), (b"urn:okse:release:v1", b"urn:okse:release:v2")):
        yield f"says {new.decode()}", said(one, old, new)
    yield "signature flipped", put_in(one, *signature, value=flipped)
    yield "signature empty", put_in(one, *signature, value="")
    yield "signature cut", put_in(one, *signature, value=lambda text: base64.b64encode(base64.b64decode(text)[:-1]).decode())
    yield "signature of the other", put_in(one, *signature, value=json.loads(other)["dsseEnvelope"]["signatures"][0]["sig"])
    yield "no signatures", put_in(one, "dsseEnvelope", "signatures", value=[])
    yield "two signatures", put_in(one, "dsseEnvelope", "signatures", value=lambda value: value * 2)
    yield "hint of the other", put_in(one, "verificationMaterial", value=material)
    yield "media type", put_in(one, "mediaType", value="application/vnd.dev.sigstore.bundle.v0.2+json")
    yield "payload type", put_in(one, "dsseEnvelope", "payloadType", value="text/plain")
    yield "no payload", put_in(one, "dsseEnvelope", "payload", value="")
    yield "not JSON", one[:-1]
    yield "bytes behind", one + b"{}"
    yield "a member twice", one.replace(b"{", b'{"mediaType":"x",', 1)
    yield "keyid", put_in(one, "dsseEnvelope", "signatures", 0, "keyid", value="somebody")
    yield "spaces", json.dumps(loose, indent=1).encode()
    yield "unknown member", put_in(one, "extra", value=lambda _: 1) if "extra" in loose else json.dumps({**loose, "extra": 1}).encode()


def statement_mutants(data, parts):
    vendor, ministry = statements(data, parts)
    assert with_statements(data, parts, [vendor, ministry]) == data  # the rewriting itself is right, byte for byte
    for what, kept in (("none", []), ("the vendor only", [vendor]), ("the ministry only", [ministry]), ("the vendor twice", [vendor, vendor]),
                       ("three, one twice", [vendor, ministry, vendor])):
        yield f"statements: {what}", with_statements(data, parts, kept)
    yield "statements: other order", with_statements(data, parts, [ministry, vendor])
    for listed in ([], [0], [1]):
        yield f"statements: listed {listed}", with_statements(data, parts, [vendor, ministry], listed=listed)
    yield "statements: another predicate type outside", with_statements(data, parts, [vendor, ministry], predicate=b"urn:okse:release:v2")
    for what, change in envelope_changes(vendor, ministry, b"vendor"):
        yield f"vendor: {what}", with_statements(data, parts, [change, ministry])
    for what, change in envelope_changes(ministry, vendor, b"ministry"):
        yield f"ministry: {what}", with_statements(data, parts, [vendor, change])


def image_layout(path):
    """An OCI image layout of one layer, by hand."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("app"), io.BytesIO())
    layer = out.getvalue()
    config = canonical({"architecture": "amd64", "os": "linux", "config": {},
                        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sha(layer)]}})
    manifest = canonical({"schemaVersion": 2, "mediaType": OCI + "image.manifest.v1+json",
                          "config": descriptor(OCI + "image.config.v1+json", config),
                          "layers": [descriptor(OCI + "image.layer.v1.tar", layer)]})
    blobs = path / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for content in (layer, config, manifest):
        (blobs / sha(content)).write_bytes(content)
    (path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (path / "index.json").write_bytes(canonical({"schemaVersion": 2, "manifests": [descriptor(
        OCI + "image.manifest.v1+json", manifest, annotations={"org.opencontainers.image.ref.name": "1.0"})]}))


@pytest.fixture(scope="module")
def signed(tmp_path_factory):
    from conftest import Okse
    where = tmp_path_factory.mktemp("mutants")
    okse = Okse(where)
    (where / "model").mkdir(), (where / "infra").mkdir(), (where / "tree" / "empty").mkdir(parents=True)
    (where / "model" / "model.safetensors").write_bytes(noise_safetensors(bytes(700)))
    (where / "model" / "config.json").write_text('{"a":1}')
    (where / "infra" / "app.conf").write_text("listen 127.0.0.1\n")
    (where / "tree" / "run.sh").write_text("#!/bin/sh\n")
    image_layout(where / "image")
    (where / "stack.yaml").write_text(
        "okse: stack/v1\nname: small\nversion: 1.0.0\nsequence: 3\nvendor: {name: V, country: KR}\ncomponents:\n"
        "  - {name: model, kind: weights, source: {path: model}}\n  - {name: conf, kind: infra, source: {path: infra}}\n"
        "  - {name: tree, kind: runtime, source: {path: tree}}\n"
        "  - {name: server, kind: runtime, source: {oci: image, ref: \"1.0\", platform: linux/amd64}}\n")
    okse("build", "stack.yaml", "--country", "VN", "-o", "b.okse", "--unsigned", status=0)
    for role in ("vendor", "ministry"):
        okse("key", "new", "--type", "ed25519", "-o", f"{role}.pem", status=0)
        okse("sign", "b.okse", "--key", f"{role}.pem", "--role", role, status=0)
    (where / "trust.yaml").write_text("okse: trust/v1\nalgorithms: [ed25519]\nroles:\n"
                                      "  vendor: {threshold: 1, signers: [{key: vendor.pub}]}\n"
                                      "  ministry: {threshold: 1, signers: [{key: ministry.pub}]}\n")
    okse("verify", "b.okse", "--trust", "trust.yaml", status=0)
    return okse, where, (where / "b.okse").read_bytes()


def check(okse, where, name, mutant, number):
    """The faults of one mutant, as text; None when it is refused twice with a reason."""
    path = where / f"mutant-{number}.okse"
    path.write_bytes(mutant)
    by_file = okse("verify", path, "--trust", where / "trust.yaml")
    by_pipe = okse("verify", "-", "--trust", where / "trust.yaml", stdin=mutant)
    path.unlink()
    for way, result in (("file", by_file), ("pipe", by_pipe)):
        if name in EQUIVALENT and result.status != 0:
            return f"{name}: from a {way}: listed as equivalent, but refused: {result.out}{result.err}"
        if name in EQUIVALENT:
            continue
        if result.status not in (1, 2) or not (result.out + result.err).strip():
            return f"{name}: from a {way}: status {result.status} {result.err}"
    return None


def run_all(okse, where, data, mutants):
    named = [(name, mutant) for name, mutant in mutants if mutant is not None and mutant != data]
    with ThreadPoolExecutor(2) as pool:
        faults = list(pool.map(lambda item: check(okse, where, item[1][0], item[1][1], item[0]), enumerate(named)))
    wrong = [fault for fault in faults if fault]
    assert len(named) > 10 and not wrong, f"{len(wrong)} of {len(named)} mutants:\n" + "\n".join(wrong[:20])


KINDS = [header_mutants, content_mutants, shape_mutants, index_mutants, statement_mutants]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_mutant_is_refused(signed, kind):
    okse, where, data = signed
    run_all(okse, where, data, kind(data, members(data)))


def test_every_byte_of_the_statements_counts(signed):
    """One bit of each byte of both sigstore bundles and their manifests; the blobs keep their names, so content and name differ."""
    okse, where, data = signed
    parts = [part for part in members(data)[3:8]]
    run_all(okse, where, data, ((f"byte {i} of {part[3][:24]}", flip(data, part[1] + i)) for part in parts
                                for i in range(0, part[2], 37)))


def rename_blob(data, part, content):
    """The member with other content of the same length, under its right name."""
    start, begin, size, name, end = part
    assert len(content) == size
    new = f"blobs/sha256/{hashlib.sha256(content).hexdigest()}".encode()
    header = checksum(new + data[begin - 512 + len(new):begin])
    return data[:begin - 512] + header + content + data[begin + size:], name.split("/")[-1], new.decode().split("/")[-1]


@pytest.mark.parametrize("before, after", [(b"listen 127.0.0.1\n", b"listen 127.0.0.2\n"), (b'{"a":1}', b'{"a":2}')])
def test_consistently_rehashed_changes_are_refused(signed, before, after):
    """A changed file, with every digest above it made right again up to a new identity: only the signatures can tell."""
    okse, where, data = signed
    parts = members(data)
    target = next(p for p in parts if data[p[1]:p[1] + p[2]] == before)
    out, old, new = rename_blob(data, target, after)
    changed = {old: new, fsverity(before): fsverity(after)}
    for _ in range(8):  # rename upwards until nothing refers to an old name any more
        for part in members(out):
            if not part[3].startswith("blobs/"):
                continue
            content = out[part[1]:part[1] + part[2]]
            replaced = content
            for before, after in changed.items():
                replaced = replaced.replace(before.encode(), after.encode())
            if replaced != content:
                out, before, after = rename_blob(out, part, replaced)
                changed[before] = after
    begin, size = members(out)[1][1], members(out)[1][2]
    index = out[begin:begin + size]
    for before, after in changed.items():
        index = index.replace(before.encode(), after.encode())
    out = out[:begin] + index + out[begin + size:]
    (where / "rehashed.okse").write_bytes(out)
    assert out != data and okse("inspect", where / "rehashed.okse", "--check").status == 0
    fault = check(okse, where, "rehashed", out, 0)
    assert fault is None, fault
    refused = okse("verify", where / "rehashed.okse", "--trust", where / "trust.yaml", "--json", status=1).json
    assert refused["verdict"] == "refused" and refused["reasons"]


def test_a_refused_mutant_installs_nothing(signed, tmp_path):
    """Every twentieth mutant of every kind."""
    okse, where, data = signed
    parts = members(data)
    mutants = [pair for kind in KINDS for pair in kind(data, parts) if pair[1] not in (None, data) and pair[0] not in EQUIVALENT]
    for name, mutant in mutants[::20]:
        path = tmp_path / "m.okse"
        path.write_bytes(mutant)
        result = okse("install", path, "--root", tmp_path / "root", "--trust", where / "trust.yaml")
        assert result.status in (1, 2), name
        assert not (tmp_path / "root" / "current").exists(), name
