"""okse verify --shard and --merge: one verification by many machines, and records that are not what they say."""
import hashlib
import json
import os
import pathlib
import shutil

import pytest

import install_bundle as ib
import signing
from small_bundle import sha
from test_verify import SEGMENT, flip, offset_of, pattern

AT = "2030-01-01"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A bundle of a file of three segments, small ones, a tar and an image."""
    import conftest
    directory = tmp_path_factory.mktemp("shards")
    site = ib.Site(conftest.Okse(directory), directory)
    site.large = pattern(2 * SEGMENT + 5 * 4096 + 1, 3)
    site.make(ib.raw("model", {"large.bin": site.large, "a.bin": pattern(3 << 20, 1), "b.bin": b"", "c.bin": b"c" * 9000}, "weights"),
              ib.tar("tools", {"bin/run": b"#!/bin/sh\n"}), ib.image("serving"))
    return site


class Shards:
    def __init__(self, site, directory):
        self.site, self.directory = site, directory

    def run(self, number, count, *words, status=4, bundle=None, at=AT):
        record = self.directory / f"{number}.json"
        done = self.site.okse("verify", bundle or self.site.bundle, "--trust", self.site.trust, "--at", at, "--shard", f"{number}/{count}",
                              "--record", record, *words, status=status)
        return record if record.exists() else done

    def all(self, count, *words):
        return [self.run(n, count, *words) for n in range(1, count + 1)]

    def merge(self, records, *words, status=0, bundle=None, at=AT):
        return self.site.okse("verify", bundle or self.site.bundle, "--trust", self.site.trust, "--at", at, "--json", "--merge", *records,
                              *words, status=status).json


@pytest.fixture
def shards(made, tmp_path):
    return Shards(made, tmp_path)


def change(record, edit):
    value = json.loads(record.read_text())
    edit(value)
    record.write_text(json.dumps(value))


def payload(site):
    """Digest → size of what has to be checked, from the archive by another reader."""
    import tarfile
    with tarfile.open(site.bundle) as archive:
        members = {m.name.rpartition("/")[2]: (m.size, archive.extractfile(m).read()) for m in archive if m.isfile() and m.name.startswith("blobs/")}
    for name, (size, data) in members.items():
        assert hashlib.sha256(data).hexdigest() == name and len(data) == size
    return {name: size for name, (size, _) in members.items()}


@pytest.mark.parametrize("count, words", [(1, ()), (2, ()), (3, ()), (8, ()), (3, ("--both",))])
def test_all_shards_together_are_one_verification(shards, count, words):
    records = shards.all(count, *words)
    verdict = shards.merge(reversed(records), *words)
    whole = shards.site.okse("verify", shards.site.bundle, "--trust", shards.site.trust, "--at", AT, "--json", *words, status=0).json
    assert verdict["checked"].pop("how") == "shards" and whole["checked"].pop("how") == "file"
    assert [s["shard"] for s in verdict["checked"]["shards"]] == list(range(1, count + 1))
    assert [s["record"] for s in verdict["checked"].pop("shards")] == ["sha256:" + hashlib.sha256(r.read_bytes()).hexdigest() for r in records]
    assert verdict["checked"].pop("read") == 0 and whole["checked"].pop("read") > 2 * SEGMENT
    assert verdict == whole


def test_no_byte_is_left_out_and_none_is_checked_twice(shards):
    sizes, covered = payload(shards.site), []
    for record in shards.all(5):
        value = json.loads(record.read_text())
        assert (value["schema"], value["reasons"]) == ("okse.verification-shard.v1", [])
        assert value["bundle"]["size"] == os.stat(shards.site.bundle).st_size
        for blob in value["blobs"]:
            name = blob["digest"].removeprefix("sha256:")
            pieces = [p for p, _ in blob.get("pieces", [])] or range(-(-sizes[name] // SEGMENT) or 1)
            covered += [(name, p) for p in pieces]
    assert len(covered) == len(set(covered))
    large = sha(shards.site.large)
    assert sorted(p for name, p in covered if name == large) == [0, 1, 2]
    assert {sha(pattern(3 << 20, 1)), sha(b""), sha(b"c" * 9000)} <= {name for name, _ in covered}


def test_shards_are_even(okse, tmp_path):
    site = ib.Site(okse, tmp_path)
    site.make(ib.raw("data", {f"{n:02}.bin": pattern(n * 7000, n) for n in range(1, 61)}, "dataset"))
    sizes, shards = payload(site), Shards(site, tmp_path)
    loads = [sum(sizes[blob["digest"][7:]] for blob in json.loads(record.read_text())["blobs"]) for record in shards.all(7)]
    assert sum(loads) == sum(n * 7000 for n in range(1, 61)) and max(loads) - min(loads) <= 60 * 7000 / 10, loads
    shards.merge([tmp_path / f"{n}.json" for n in range(1, 8)])


def test_a_segment_that_a_record_tells_is_the_trees(shards):
    """What a shard says of its piece is the digest of that piece's own tree, computed here by hand."""
    for record in shards.all(3):
        for blob in json.loads(record.read_text())["blobs"]:
            for number, digest in blob.get("pieces", []):
                level = shards.site.large[number * SEGMENT:(number + 1) * SEGMENT]
                for _ in range(3):  # blocks, blocks of their digests, the one block of those
                    level = b"".join(hashlib.sha256(level[i:i + 4096].ljust(4096, b"\0")).digest() for i in range(0, len(level), 4096))
                assert digest == level.hex(), number


def test_one_shard_is_no_verdict(shards):
    done = shards.site.okse("verify", shards.site.bundle, "--trust", shards.site.trust, "--at", AT, "--shard", "1/2", "--record",
                            shards.directory / "1.json", status=4)
    assert done.out.startswith("CHECKED, shard 1 of 2; no verdict") and "VERIFIED" not in done.out
    printed = shards.site.okse("verify", shards.site.bundle, "--trust", shards.site.trust, "--at", AT, "--shard", "1/2", "--record",
                               shards.directory / "2.json", "--json", status=4).json
    assert printed == json.loads((shards.directory / "2.json").read_text()) and "verdict" not in printed


@pytest.mark.parametrize("words", [("--shard", "1/2"), ("--shard", "0/2", "--record", "r"), ("--shard", "3/2", "--record", "r"),
                                   ("--shard", "1/5000", "--record", "r"), ("--shard", "1/2/3", "--record", "r"), ("--shard", "+1/2", "--record", "r"),
                                   ("--shard", "1/2", "--record", "r", "--state", "s"), ("--merge",), ("--since", "2030-01-01"),
                                   ("--shard", "1/2", "--record", "r", "--merge"), ("--merge", "missing.json", "--since", "soon")])
def test_a_wrong_command_line_is_told(shards, words):
    shards.site.okse("verify", shards.site.bundle, "--trust", shards.site.trust, *words, status=2)
    shards.site.okse("verify", "-", "--trust", shards.site.trust, "--shard", "1/2", "--record", "r", status=2)
    assert not (shards.directory / "r").exists()


def damaged(made, tmp_path, at):
    bundle = tmp_path / "damaged.okse"
    shutil.copy2(made.bundle, bundle)
    flip(type("Copy", (), {"bundle": bundle}), offset_of(made, made.large[:1 << 20]) + at)
    os.utime(bundle, ns=(os.stat(made.bundle).st_mtime_ns,) * 2)
    return bundle


@pytest.mark.parametrize("at", [0, SEGMENT, 2 * SEGMENT + 4096])
def test_a_byte_in_a_divided_file_is_found_by_the_merge(shards, made, tmp_path, at):
    bundle = damaged(made, tmp_path, at)
    records = [shards.run(n, 3, bundle=bundle) for n in (1, 2, 3)]
    verdict = shards.merge(records, bundle=bundle, status=1)
    reason, = verdict["reasons"]
    assert verdict["verdict"] == "refused" and "model/large.bin" in reason


def test_a_byte_in_a_small_file_is_found_by_its_shard(shards, made, tmp_path):
    bundle = tmp_path / "damaged.okse"
    shutil.copy2(made.bundle, bundle)
    flip(type("Copy", (), {"bundle": bundle}), offset_of(made, b"c" * 9000))
    records, found = [], []
    for n in (1, 2, 3):
        done = made.okse("verify", bundle, "--trust", made.trust, "--at", AT, "--shard", f"{n}/3", "--record", tmp_path / f"{n}.json")
        records.append(tmp_path / f"{n}.json")
        found.append(done.status)
    assert sorted(found) == [1, 4, 4]
    verdict = shards.merge(records, bundle=bundle, status=1)
    assert any(f"shard {found.index(1) + 1} refused" in reason and "model/c.bin" in reason for reason in verdict["reasons"]), verdict
    # a record whose complaint somebody took out is short of a piece
    change(records[found.index(1)], lambda value: value.update(reasons=[]))
    assert "checked only" in shards.merge(records, bundle=bundle, status=1)["reasons"][0]


def blob(value, divided):
    return next(b for b in value["blobs"] if ("pieces" in b) == divided)


HOSTILE = {
    "another identity": (lambda v: v["bundle"].update(identity="sha256:" + "1" * 64), "another bundle"),
    "other statements": (lambda v: v["bundle"].update(index="sha256:" + "1" * 64), "other statements"),
    "another size": (lambda v: v["bundle"].update(size=v["bundle"]["size"] + 1), "another file"),
    "modified meanwhile": (lambda v: v["bundle"].update(modified="2001-01-01T00:00:00Z"), "another file"),
    "an older part replaced": (lambda v: v["bundle"].update(files="sha256:" + "1" * 64), "another file"),
    "another nanosecond": (lambda v: v["bundle"].update(nanoseconds=(v["bundle"]["nanoseconds"] + 1) % 10**9), "another file"),
    "another policy": (lambda v: v.update(policy="sha256:" + "1" * 64), "another trust policy"),
    "another manner": (lambda v: v.update(both=True), "--both"),
    "another clock": (lambda v: v.update(clock="system"), "another clock"),
    "too old": (lambda v: v.update(time="2029-12-30T00:00:00Z"), "too old"),
    "of the future": (lambda v: v.update(time="2030-01-02T00:00:00Z"), "from the future"),
    "another division": (lambda v: v.update(shard="2/4"), "is one of 4 shards"),
    "a shard twice": (lambda v: v.update(shard="1/3"), "is shard 1 of 3, like"),
    "a complaint": (lambda v: v.update(reasons=["\x1b[31mno"]), "shard 2 refused"),
    "a blob less": (lambda v: v["blobs"].pop(), "checked only"),
    "a piece less": (lambda v: v["blobs"].remove(blob(v, True)), "checked only"),
    "a blob twice": (lambda v: v["blobs"].append(v["blobs"][0]), "says twice"),
    "a piece twice": (lambda v: blob(v, True)["pieces"].append(blob(v, True)["pieces"][0]), "says twice"),
    "a piece of another": (lambda v: blob(v, True)["pieces"].append([(blob(v, True)["pieces"][0][0] + 1) % 3, "1" * 64]), "which is shard"),
    "the whole of a divided file": (lambda v: blob(v, True).pop("pieces"), "which is shard"),
    "a piece behind the end": (lambda v: blob(v, True)["pieces"].append([2**62, "1" * 64]), "has none such"),
    "a piece of an undivided file": (lambda v: blob(v, False).update(pieces=[[0, "1" * 64]]), "has none such"),
    "another piece's digest": (lambda v: blob(v, True)["pieces"].__setitem__(0, [blob(v, True)["pieces"][0][0], "1" * 64]), "model/large.bin"),
    "a foreign blob": (lambda v: v["blobs"].append({"digest": "sha256:" + "1" * 64}), "no payload of this bundle"),
}


@pytest.fixture(scope="module")
def honest(made, tmp_path_factory):
    return Shards(made, tmp_path_factory.mktemp("honest")).all(3)


@pytest.mark.parametrize("how", HOSTILE)
def test_a_record_that_is_not_what_it_says_is_refused_by_name(shards, honest, how):
    edit, words = HOSTILE[how]
    records = [pathlib.Path(shutil.copy(record, shards.directory)) for record in honest]
    victim = next(record for record in records[1:] if "undivided" not in how or any("pieces" not in b for b in json.loads(record.read_text())["blobs"]))
    change(victim, edit)
    verdict = shards.merge(records, status=1)
    assert any(words in reason and (victim.name in reason or "large.bin" in reason) for reason in verdict["reasons"]), verdict["reasons"]
    assert verdict["verdict"] == "refused"


def test_missing_records_and_those_of_too_many_are_named(shards, honest):
    assert shards.merge([honest[0], honest[2]], status=1)["reasons"] == ["shard 2 of 3 has no record"]
    reasons = shards.merge([*honest, honest[1]], status=1)["reasons"]
    assert len(reasons) == 1 and "is shard 2 of 3, like" in reasons[0]
    assert shards.merge(honest, "--since", "2030-01-01T00:00:01Z", status=1)["reasons"][0].count("too old") == 1
    shards.merge(honest, "--since", "2030-01-01", status=0)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema":"okse.verification.v1"}', "{" * 100000, '{"schema":"okse.verification-shard.v1","shard":"1/9999"}'])
def test_what_is_no_record_is_invalid_and_named(shards, honest, text):
    (shards.directory / "odd.json").write_text(text)
    done = shards.site.okse("verify", shards.site.bundle, "--trust", shards.site.trust, "--at", AT, "--merge", honest[0],
                            shards.directory / "odd.json", status=2)
    assert "odd.json" in done.err


def test_a_bundle_that_was_signed_meanwhile_needs_new_records(shards, made, tmp_path):
    bundle = tmp_path / "copy.okse"
    shutil.copy2(made.bundle, bundle)
    records = [shards.run(n, 2, bundle=bundle) for n in (1, 2)]
    shards.merge(records, bundle=bundle)
    made.okse("sign", bundle, "--key", made.key.path, "--role", "auditor", status=0)
    assert all("other statements" in reason for reason in shards.merge(records, bundle=bundle, status=1)["reasons"])


def test_the_merge_remembers_and_records_like_a_verification(shards, honest, tmp_path):
    shards.merge(honest, "--state", tmp_path / "state", "--record", tmp_path / "vsa.json")
    assert json.loads((tmp_path / "vsa.json").read_text())["predicate"]["verificationResult"] == "PASSED"
    assert (tmp_path / "state/seen.json").exists()
    shards.site.okse("verify", shards.site.bundle, "--trust", shards.site.trust, "--at", AT, "--merge", honest[0], "--state", tmp_path / "other",
                     "--record", tmp_path / "no.json", status=1)
    assert json.loads((tmp_path / "no.json").read_text())["predicate"]["verificationResult"] == "FAILED"
    assert not (tmp_path / "other/seen.json").exists()


def test_records_that_nodes_signed(shards, made, tmp_path):
    node, stranger = signing.Key(tmp_path, "node"), signing.Key(tmp_path, "stranger")
    shutil.copy(made.key.public, tmp_path / "vendor.pub")
    trust = tmp_path / "trust.yaml"
    trust.write_text(made.trust.read_text() + "approvals: {node: {signers: [{key: node.pub}]}, other: {signers: [{key: node.pub}]}}\n")

    def run(*words, status):
        return made.okse("verify", made.bundle, "--trust", trust, "--at", AT, "--json", *words, status=status, env={"SOURCE_DATE_EPOCH": "1893456000"})

    def sign(record, key, role):
        made.okse("sign", "--document", record, "--key", key.path, "--role", role, status=0, env={"SOURCE_DATE_EPOCH": "1893456000"})

    records = [tmp_path / f"{n}.json" for n in (1, 2)]
    for n, record in enumerate(records, 1):
        run("--shard", f"{n}/2", "--record", record, status=4)
        sign(record, node, "node")
    run("--merge", *records, "--signed", "node", status=0)
    for key, role, words in ((stranger, "node", "is not signed as node"), (node, "other", "another role"), (None, None, "is not signed: there is no")):
        (tmp_path / "2.json.sigstore.json").unlink()
        if key:
            sign(records[1], key, role)
        reasons = run("--merge", *records, "--signed", "node", status=1).json["reasons"]
        assert len(reasons) == 1 and "2.json" in reasons[0] and words in reasons[0], reasons
        run("--merge", *records, status=0)  # nobody asked
    sign(records[1], node, "node")
    records[1].write_bytes(records[1].read_bytes() + b"\n")
    assert "is not signed as node" in run("--merge", *records, "--signed", "node", status=1).json["reasons"][0]
    run("--shard", "1/2", "--record", tmp_path / "x", "--signed", "node", status=2)


def test_a_bundle_in_parts_is_divided_like_one(shards, made, tmp_path):
    (tmp_path / "parts").mkdir()
    made.okse("split", made.bundle, "--size", "50M", "-o", tmp_path / "parts", status=0)
    records = [shards.run(n, 3, bundle=tmp_path / "parts") for n in (1, 2, 3)]
    whole = made.okse("verify", made.bundle, "--trust", made.trust, "--at", AT, "--json", status=0).json
    verdict = shards.merge(records, bundle=tmp_path / "parts")
    assert (verdict["identity"], verdict["checked"]["bytes"]) == (whole["identity"], whole["checked"]["bytes"])
    assert all("another file" in reason for reason in shards.merge(records, status=1)["reasons"])  # the parts were read, not the bundle


def test_a_part_that_was_replaced_after_its_shard_is_another_bundle(shards, made, tmp_path):
    """Also by one that is older than the newest: the newest time alone says nothing of the others."""
    parts = tmp_path / "parts"
    made.okse("split", made.bundle, "--size", "50M", "-o", parts, status=0)
    files = sorted(parts.glob("*.part"))
    for age, file in enumerate(files):
        os.utime(file, (1_700_000_000 + age, 1_700_000_000 + age))
    records = [shards.run(n, 2, bundle=parts) for n in (1, 2)]
    shards.merge(records, bundle=parts)
    os.utime(files[0], (1_600_000_000, 1_600_000_000))
    assert all("another file" in reason for reason in shards.merge(records, bundle=parts, status=1)["reasons"])


def test_of_a_thin_bundle_the_base_is_in_the_records(shards, made, tmp_path):
    """A base that is another file makes them records of other files; what lies in an install root is in no record at all."""
    thin, base, root = tmp_path / "thin.okse", tmp_path / "base.okse", tmp_path / "root"
    made.okse("thin", made.bundle, "--against", made.bundle, "-o", thin, status=0)
    shutil.copy(made.bundle, base)
    words = ("verify", thin, "--trust", made.trust, "--at", AT)
    records = [tmp_path / f"{n}.json" for n in (1, 2)]
    for number, record in enumerate(records, 1):
        made.okse(*words, "--base", base, "--shard", f"{number}/2", "--record", record, status=4)
    made.okse(*words, "--base", base, "--merge", *records, status=0)
    os.utime(base, (1_700_000_000, 1_700_000_000))
    assert "another file" in made.okse(*words, "--base", base, "--merge", *records, status=1).out
    made.okse("install", made.bundle, "--root", root, "--trust", made.trust, status=0)
    assert "--complete" in made.okse(*words, "--base", root, "--shard", "1/2", "--record", tmp_path / "r", status=2).err
    assert "--complete" in made.okse(*words, "--base", root, "--merge", *records, status=2).err and not (tmp_path / "r").exists()
