"""Offsets past 8 GiB, 64 GiB and 2 TiB: a sparse bundle, made by hand from docs/formats/bundle.md, with a file behind the hole."""
import os
import subprocess

import pytest

import small_bundle
from small_bundle import OCI, canonical, descriptor, header, layer, manifest, padded, pax, sha

CLAIMED = "ab" * 32  # of the hole: nobody hashes terabytes here, and of a .fxb only the head is looked into


def large_header(name, size):
    block = bytearray(header(name, 0))
    block[124:136] = b"%012o" % size if size < 1 << 36 else b"\x80" + size.to_bytes(11, "big")
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def large_prefix(at, size):
    """pax header with size and a comment that aligns the data, and the ustar header."""
    record = f"size={size}\n"
    length = len(record) + 3
    record = f"{length} {record}".encode()
    room = 512
    while (at + 512 + room + 512) % 4096:
        room += 512
    rest = room - len(record)
    comment = b"%d comment=" % rest
    text = record + comment + b" " * (rest - len(comment) - 1) + b"\n"
    return header("PaxHeaders/blob", len(text), b"x") + text + large_header("blobs/sha256/" + CLAIMED, size)


def write(path, size, behind):
    """A bundle of one component: 'a-hole.fxb' of `size` bytes, then 'z.conf'."""
    lock = canonical({"schema": "okse.lock.v1"})
    config = canonical({"name": "far", "version": "1", "country": "VN", "sequence": 1, "vendor": {"name": "V", "country": "KR"}})
    kind = "application/vnd.okse.stack.v1+json"
    stack = manifest(kind, (kind, config), [descriptor("application/vnd.okse.lock.v1+json", lock,
                                                      annotations={"org.opencontainers.image.title": "lock.json"})])
    own = canonical({"schema": "okse.component.v1", "name": "config", "kind": "infra", "form": "raw"})
    hole = layer("a-hole.fxb", b"") | {"digest": "sha256:" + CLAIMED, "size": size}
    part = manifest("application/vnd.okse.infra.v1", ("application/vnd.okse.component.v1+json", own), [hole, layer("z.conf", behind)])
    entries = [descriptor(OCI + "image.manifest.v1+json", data, annotations={"dev.okse.component": name, "dev.okse.kind": of})
               for name, of, data in (("stack", "stack", stack), ("config", "infra", part))]
    index = canonical({"schemaVersion": 2, "mediaType": OCI + "image.index.v1+json", "manifests": entries, "annotations": {
        "dev.okse.type": "bundle.v1", "dev.okse.name": "far", "dev.okse.version": "1", "dev.okse.sequence": "1", "dev.okse.country": "VN",
        "dev.okse.vendor": "V", "dev.okse.vendor.country": "KR", "org.opencontainers.image.created": "2026-01-01T00:00:00Z"}})
    top = canonical({"schemaVersion": 2, "mediaType": OCI + "image.index.v1+json", "manifests": [
        descriptor(media, data, annotations={"org.opencontainers.image.ref.name": ref}) for ref, data, media in
        (("1", index, OCI + "image.index.v1+json"), ("1-stack", stack, OCI + "image.manifest.v1+json"),
         ("1-config", part, OCI + "image.manifest.v1+json"))]})

    def blob(data):
        return header("blobs/sha256/" + sha(data), len(data)) + padded(data)

    out = header("oci-layout", 30) + padded(b'{"imageLayoutVersion":"1.0.0"}')
    slot = -(-(len(top) + small_bundle.ROOM) // 4096) * 4096
    out += header("index.json", slot) + top.ljust(slot) + blob(index)
    out += pax(small_bundle.AREA - 512) + b"".join(map(blob, (stack, config, lock, part, own)))
    out += large_prefix(len(out), size)
    end = len(out) + -(-size // 512) * 512
    tail = b""
    if (end + 512) % 4096:
        length = 512
        while (end + 1024 + length) % 4096:
            length += 512
        tail = pax(length)
    tail += blob(behind) + bytes(1024)
    with open(path, "wb") as file:
        file.write(out)
        file.seek(end)
        file.write(tail)
    return sha(index)


@pytest.mark.parametrize("size", [(1 << 31) + 1, (1 << 32) - 1, 1 << 33, (1 << 36) + 4096, (1 << 41) + 12345, (1 << 43) + 1])
def test_what_lies_behind_the_border_is_found_and_checked(okse, tmp_path, size):
    if size < 1 << 33:
        size = (1 << 33) + size  # below 8 GiB the header has no size record, which other tests write
    path = tmp_path / "far.okse"
    behind = b"upstream = https://collector.example.sg:4318/v1/traces\n"
    try:
        identity = write(path, size, behind)
    except OSError as error:
        pytest.skip(f"no sparse file of that size here: {error}")
    told = okse("inspect", path, "--json", status=0).json
    assert told["identity"] == "sha256:" + identity
    assert [(f["path"], f["size"]) for f in told["components"][0]["files"]] == [("a-hole.fxb", size), ("z.conf", len(behind))]
    facts = okse("audit", "--bundle", path, "--country", "VN", "--json", status=1).json
    assert [(e["host"], e["port"]) for e in facts["inventory"]["endpoints"]] == [("collector.example.sg", 4318)]
    with open(path, "r+b") as file:
        file.seek(-1024 - 512, os.SEEK_END)
        file.write(b"upstream = https://collector.example.vn:4318/v1/traces\n")
    assert "z.conf" in okse("audit", "--bundle", path, "--country", "VN", status=1).err, "its bytes are compared with its digest"


def test_other_readers_agree_on_the_far_header(okse, tmp_path):
    """GNU tar lists the member behind 2 TiB with the same size."""
    size = (1 << 41) + 12345
    path = tmp_path / "far.okse"
    try:
        write(path, size, b"x\n")
    except OSError as error:
        pytest.skip(f"no sparse file of that size here: {error}")
    listed = subprocess.run(["tar", "-tvf", path], check=True, capture_output=True, text=True).stdout
    assert f" {size} " in listed and sha(b"x\n") in listed
