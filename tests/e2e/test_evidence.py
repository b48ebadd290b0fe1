"""Evidence archives: opened by tar, sha256sum, jq and openssl, chained, signed, judged elsewhere; no secret in any form of it."""
import hashlib
import hmac
import io
import json
import pathlib
import random
import re
import subprocess
import tarfile
import pytest
from planted_secrets import KINDS, planted
from report_formats import formats
from signing import Key
from test_collect_host import tree

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "evidence.md"
FILES = {
    "etc/os-release": "PRETTY_NAME=x\n", "etc/hostname": "gpu01\n",
    "etc/rsyslog.conf": "# logs\n*.* @@logs.abroad.example.com:6514\n",
    "etc/default/app": "A=https://svc:hunter22@db.example.com/x\nB=1\nC=https://svc:hunter22@db.example.com/y\n",
    "etc/prometheus/prometheus.yml": "remote_write:\n- url: https://metrics.example.com/w\n",
}


@pytest.fixture
def root(tmp_path):
    return tree(tmp_path / "root", FILES)


def collect(okse, root, output, *words, at="2026-11-23T07:30:00Z", status=0):
    return okse("collect", "--sysroot", root, "--at", at, "-o", output, "--json", *words, status=status)


def members(path):
    with tarfile.open(path) as archive:
        return {entry.name: archive.extractfile(entry).read() for entry in archive}


def test_archive_holds_the_facts_and_their_lines(okse, tmp_path, root):
    facts = collect(okse, root, tmp_path / "e.tar").json
    found = members(tmp_path / "e.tar")
    assert list(found)[:3] == ["MANIFEST", "evidence.json", "facts.json"] and list(found)[-1] == "redacted.json"
    assert json.loads(found["facts.json"]) == facts
    assert found["raw/etc/rsyslog.conf"] == b"2: *.* @@logs.abroad.example.com:6514\n"
    assert found["raw/etc/default/app"] == b"1: A=https://***@db.example.com/x\n3: C=https://***@db.example.com/y\n"
    head = json.loads(found["evidence.json"])
    rows = {row["path"]: row for row in head["excerpts"]}
    for path, text in FILES.items():
        if "raw/" + path in found:
            row = rows["/" + path]
            assert row["digest"] == "sha256:" + hashlib.sha256(text.encode()).hexdigest() and row["size"] == len(text)
            assert row["stored"] == "sha256:" + hashlib.sha256(found["raw/" + path]).hexdigest()
    assert head["collected_at"] == "2026-11-23T07:30:00Z" and head["previous"] is None and head["missing"] == []
    assert head["confined"]["filter"] is True
    assert {(row["collector"], row["status"]) for row in head["collectors"]} == {(row["collector"], row["status"]) for row in facts["collectors"]}
    hashes = json.loads(found["redacted.json"])
    assert hashes["key"] == "discarded"
    one, two = hashes["hashes"]
    assert (one["line"], two["line"]) == (1, 3) and one["redacted"] == two["redacted"] and one["len"] == len("svc:hunter22")


def test_a_line_that_a_fact_hides_is_hidden_whole(okse, tmp_path):
    """The key that makes it a secret stands on the line above; what of the line looks harmless stays out of the archive, too."""
    root = tree(tmp_path / "root", {"etc/prometheus/p.yml": "api_token:\n  https://a:b@hidden.example.com/?q=1&r=2\n"})
    facts = collect(okse, root, tmp_path / "e.tar").json
    shown = {s["excerpt"] for e in facts["endpoints"] for s in e["sources"]}
    assert shown == {"***"}
    assert members(tmp_path / "e.tar")["raw/etc/prometheus/p.yml"] == b"2: ***\n"


def test_the_same_state_gives_the_same_bytes(okse, tmp_path, root):
    (tmp_path / "key").write_bytes(bytes(range(32)))
    for name in ("a", "b"):
        collect(okse, root, tmp_path / f"{name}.tar")
        collect(okse, root, tmp_path / f"{name}k.tar", "--redaction-key", "key")
    assert (tmp_path / "ak.tar").read_bytes() == (tmp_path / "bk.tar").read_bytes()
    a, b = members(tmp_path / "a.tar"), members(tmp_path / "b.tar")
    assert list(a) == list(b) and {name for name in a if a[name] != b[name]} == {"MANIFEST", "redacted.json"}
    kept = json.loads(members(tmp_path / "ak.tar")["redacted.json"])
    wanted = hmac.new(bytes(range(32)), b"svc:hunter22", hashlib.sha256).hexdigest()[:16]
    assert kept["key"] == "kept" and {row["redacted"] for row in kept["hashes"]} == {"hmac:" + wanted}
    assert wanted.encode() not in (tmp_path / "a.tar").read_bytes()
    (tmp_path / "short").write_bytes(b"x" * 31)
    assert "at least 32" in collect(okse, root, tmp_path / "c.tar", "--redaction-key", "short", status=2).err
    assert not (tmp_path / "c.tar").exists()


def test_a_name_in_json_is_the_facts_alone(okse, tmp_path, root):
    facts = collect(okse, root, tmp_path / "facts.json").json
    assert json.loads((tmp_path / "facts.json").read_text()) == facts
    refused = collect(okse, root, tmp_path / "facts.json", "--previous", "x", status=2)
    assert "archive" in refused.err


def script():
    text = "\n".join(re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.M | re.S))
    assert {word for word in ("tar", "sha256sum", "jq", "openssl") if word in text} and "okse " not in text
    return text


@pytest.mark.parametrize("kind", ["ed25519", "P-256"])
def test_by_hand(okse, tmp_path, root, kind):
    auditor = Key(tmp_path, "auditor", kind)

    def by_hand(key=auditor):
        return subprocess.run(["sh", "-c", script()], capture_output=True, text=True, cwd=tmp_path,
                              env={**okse.environment, "evidence": "e.tar", "key": str(key.public)})
    collect(okse, root, tmp_path / "e.tar", "--key", auditor.path)
    done = by_hand()
    digest = hashlib.sha256((tmp_path / "e.tar").read_bytes()).hexdigest()
    assert done.returncode == 0 and f"verified by hand: sha256:{digest}" in done.stdout and "the first" in done.stdout, done
    assert by_hand(Key(tmp_path, "stranger", kind)).returncode != 0
    data = (tmp_path / "e.tar").read_bytes()
    (tmp_path / "e.tar").write_bytes(data.replace(b"metrics.example.com/w", b"metrics.example.net/w"))
    assert by_hand().returncode != 0


def trust(tmp_path, *keys):
    text = ", ".join(f"{{key: {key.public.name}}}" for key in keys)
    (tmp_path / "trust.yaml").write_text(f"okse: trust/v1\nroles: {{vendor: {{signers: [{text}]}}}}\napprovals: {{auditor: {{signers: [{text}]}}}}\n")
    return "--trust", "trust.yaml"


def test_signed(okse, tmp_path, root):
    auditor, other = Key(tmp_path, "auditor"), Key(tmp_path, "other")
    collect(okse, root, tmp_path / "e.tar", "--key", auditor.path)
    verified = okse("evidence", "verify", "e.tar", *trust(tmp_path, auditor), "--json", status=0).json
    (row,) = verified["archives"]
    assert verified["verified"] and row["signature"] == "valid" and row["role"] == "auditor" and row["signed"]
    assert "NOT intact" in okse("evidence", "verify", "e.tar", *trust(tmp_path, other), status=1).out
    assert okse("evidence", "verify", "e.tar", status=0).out.endswith("intact\n")
    collect(okse, root, tmp_path / "f.tar", at="2026-11-24T00:00:00Z")
    assert "is not signed" in okse("evidence", "verify", "f.tar", *trust(tmp_path, auditor), status=1).out
    (tmp_path / "f.tar.sigstore.json").write_bytes((tmp_path / "e.tar.sigstore.json").read_bytes())
    assert "rejected" in okse("evidence", "verify", "f.tar", *trust(tmp_path, auditor), status=1).out
    wrong_role = collect(okse, root, tmp_path / "g.tar", "--key", auditor.path, "--role", "vendor", at="2026-11-24T00:00:00Z")
    assert wrong_role.status == 0 and "stranger" in okse("evidence", "verify", "g.tar", *trust(tmp_path, auditor), status=1).out


def test_a_removed_collection_shows(okse, tmp_path, root):
    place = tmp_path / "evidence"
    place.mkdir()
    for day in (20, 21, 22, 23):
        collect(okse, root, place, at=f"2026-11-{day}T00:00:00Z")
    paths = sorted(place.iterdir())
    assert [path.name for path in paths] == [f"evidence-202611{day}T000000Z.tar" for day in (20, 21, 22, 23)]
    digests = ["sha256:" + hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    heads = [json.loads(members(path)["evidence.json"])["previous"] for path in paths]
    assert heads == [None, *({"digest": digest, "collected_at": f"2026-11-{day}T00:00:00Z"} for digest, day in zip(digests, (20, 21, 22)))]
    assert okse("evidence", "verify", place, "--json", status=0).json["verified"] is True
    for gone in (0, 1, 2):
        kept = [path for path in paths if path != paths[gone]]
        told = okse("evidence", "verify", *kept, "--json", status=1).json["faults"]
        assert len(told) == 1 and digests[gone] in told[0] and "a collection is missing" in told[0]
    assert okse("evidence", "verify", paths[2], status=0)
    # made again afterwards: another beginning, and the third follows what is no longer there
    collect(okse, tree(tmp_path / "root", {"etc/default/app": "A=https://clean.example.com/\n"}), tmp_path / "again.tar", at="2026-11-21T00:00:00Z")
    told = okse("evidence", "verify", paths[0], tmp_path / "again.tar", *paths[2:], "--json", status=1).json["faults"]
    assert any("both begin a chain" in fault for fault in told) and any("missing" in fault for fault in told)
    # the same one twice in the chain
    collect(okse, root, tmp_path / "fork.tar", "--previous", paths[0], at="2026-11-21T00:00:00Z")
    assert any("two branches" in fault for fault in okse("evidence", "verify", place, tmp_path / "fork.tar", "--json", status=1).json["faults"])
    assert "clock" in collect(okse, root, place, at="2026-11-01T00:00:00Z", status=2).err
    collect(okse, root, place, at="2026-11-23T00:00:00Z")
    assert (place / "evidence-20261123T000000Z-2.tar").exists() and okse("evidence", "verify", place, status=0)
    (place / "evidence-20261122T000000Z.tar").write_bytes(b"x")
    assert "evidence-20261122T000000Z.tar" in collect(okse, root, place, at="2026-11-25T00:00:00Z", status=2).err


def header(name, size, kind=b"0", link=b""):
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.uid, entry.gid, entry.mtime, entry.type = size, 0o644, 0, 0, 0, kind
    entry.linkname = link.decode()
    block = bytearray(entry.tobuf(tarfile.USTAR_FORMAT))
    block[329:345] = b"0000000\0" * 2  # devices of no file, as GNU tar writes them
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def split(data):
    """[(header, name, padded content)] of an archive of plain members."""
    rows, at = [], 0
    while data[at:at + 512].strip(b"\0"):
        name = data[at:at + 100].split(b"\0")[0].decode()
        size = int(data[at + 124:at + 135], 8)
        padded = (size + 511) // 512 * 512
        rows.append((data[at:at + 512], name, data[at + 512:at + 512 + padded]))
        at += 512 + padded
    return rows


def joined(rows, end=b"\0" * 1024):
    return b"".join(head + content for head, _, content in rows) + end


def with_member(rows, name, content=b"x", place=None, **more):
    padded = content + b"\0" * (-len(content) % 512)
    row = (header(name, len(content), **more), name, padded)
    place = len(rows) - 1 if place is None else place
    return rows[:place] + [row] + rows[place:]


MUTANTS = {
    "truncated": (lambda rows, data: data[:len(data) // 2], "ends early|ends with"),
    "without its end": (lambda rows, data: data[:-512], "two blocks of zeros"),
    "bytes behind it": (lambda rows, data: data + b"\0" * 512, "nothing behind them"),
    "members swapped": (lambda rows, data: joined(rows[:3] + [rows[4], rows[3]] + rows[5:]), "not in its place"),
    "head and facts swapped": (lambda rows, data: joined([rows[0], rows[2], rows[1]] + rows[3:]), "another member belongs"),
    "a member more": (lambda rows, data: joined(with_member(rows, "raw/zzz")), "raw/zzz"),
    "a member less": (lambda rows, data: joined(rows[:3] + rows[4:]), "MANIFEST"),
    "a member twice": (lambda rows, data: joined(rows[:4] + rows[3:]), "twice"),
    "a foreign member": (lambda rows, data: joined(with_member(rows, "etc/passwd")), "does not belong"),
    "a member behind the last": (lambda rows, data: joined(with_member(rows, "raw/zzz", place=len(rows))), "behind redacted.json"),
    "a path that leads out": (lambda rows, data: joined(with_member(rows, "raw/../../x")), "'..' element"),
    "an absolute path": (lambda rows, data: joined(with_member(rows, "/etc/x")), "absolute"),
    "a path with control characters": (lambda rows, data: joined(with_member(rows, "raw/a\x1bb")), r"U\+001B"),
    "a link": (lambda rows, data: joined(with_member(rows, "raw/zz", b"", kind=b"2", link=b"/etc/passwd")), "raw/zz: its tar header"),
    "a directory": (lambda rows, data: joined(with_member(rows, "raw/zz", b"", kind=b"5")), "tar header|empty element"),
    "a size beyond the file": (lambda rows, data: data[:0] + header("MANIFEST", 2**33 - 1) + data[512:], "MANIFEST: ends early"),
    "no archive": (lambda rows, data: b"MANIFEST" * 200, "is no evidence archive"),
    "empty": (lambda rows, data: b"", ""),
}


def test_mutants_are_refused(okse, tmp_path, root):
    collect(okse, root, tmp_path / "e.tar")
    data = (tmp_path / "e.tar").read_bytes()
    assert joined(split(data)) == data
    (tmp_path / "m").mkdir()
    for name, (make, _) in MUTANTS.items():
        (tmp_path / "m" / f"{name}.tar").write_bytes(make(split(data), data))
    told = okse("evidence", "verify", "m", "--json", status=1).json
    assert told["verified"] is False and not any(row["intact"] for row in told["archives"])
    faults = {fault.split(".tar: ")[0][2:]: fault for fault in told["faults"]}
    assert set(faults) == set(MUTANTS)
    wrong = [(name, faults[name]) for name, (_, reason) in MUTANTS.items() if not re.search(reason, faults[name])]
    assert not wrong
    for name in ("truncated", "a path that leads out", "no archive"):
        refused = okse("audit", "--evidence", f"m/{name}.tar", "--country", "VN")
        assert refused.status in (1, 2) and refused.out == "" and name in refused.err
        assert okse("evidence", "show", f"m/{name}.tar").status in (1, 2)


def test_no_byte_can_be_changed(okse, tmp_path, root):
    collect(okse, root, tmp_path / "e.tar")
    data = (tmp_path / "e.tar").read_bytes()
    generator = random.Random(6)
    (tmp_path / "many").mkdir()
    places = [0, 100, 148, 156, 257, len(data) - 1, *(generator.randrange(len(data)) for _ in range(60))]
    for number, place in enumerate(places):
        changed = bytearray(data)
        changed[place] ^= 1 << generator.randrange(8)
        (tmp_path / "many" / f"{number:03}.tar").write_bytes(changed)
    told = okse("evidence", "verify", "many", "--json", status=1).json
    assert len(told["faults"]) == len(places) and not any(row["intact"] for row in told["archives"])


def test_a_consistent_forgery_does_not_pass_the_head(okse, tmp_path, root):
    """MANIFEST made again after an excerpt was changed: the head still has the digest of the excerpt."""
    collect(okse, root, tmp_path / "e.tar")
    found = members(tmp_path / "e.tar")
    found["raw/etc/rsyslog.conf"] = b"2: *.* @@logs.home.example.com:6514\n"
    found["MANIFEST"] = "".join(f"{hashlib.sha256(found[n]).hexdigest()}  {n}\n" for n in list(found)[1:]).encode()
    data = b"".join(header(n, len(c)) + c + b"\0" * (-len(c) % 512) for n, c in found.items()) + b"\0" * 1024
    (tmp_path / "f.tar").write_bytes(data)
    assert "raw/etc/rsyslog.conf: is not what evidence.json says" in okse("evidence", "verify", "f.tar", status=1).out


def test_audited_elsewhere(okse, tmp_path, root):
    collect(okse, root, tmp_path / "e.tar")
    collect(okse, root, tmp_path / "facts.json")
    for path in sorted(root.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    words = "--country", "VN", "--at", "2026-11-23", "--json"
    archive, facts = okse("audit", "--evidence", "e.tar", *words), okse("audit", "--evidence", "facts.json", *words)
    assert archive.out == facts.out and archive.status == facts.status in (1, 4)
    digest = hashlib.sha256(members(tmp_path / "e.tar")["facts.json"]).hexdigest()
    assert archive.json["inputs"]["facts"] == "sha256:" + digest
    assert okse("audit", "--evidence", "e.tar", "--country", "KR", "--at", "2025-01-01", "--json").json["audited_at"].startswith("2025-01-01")


def test_several_are_judged_each_by_itself(okse, tmp_path, root):
    collect(okse, root, tmp_path / "a.tar")
    collect(okse, tree(tmp_path / "b", {"etc/hostname": "gpu02\n"}), tmp_path / "b.tar")
    words = "--country", "VN", "--at", "2026-11-23"
    both = okse("audit", "--evidence", "a.tar", "--evidence", "b.tar", *words, "--json", "--report", "json=out-{}.json")
    alone = {name: okse("audit", "--evidence", f"{name}.tar", *words, "--json") for name in ("a", "b")}
    assert [row["findings"] for row in both.json["audits"]] == [alone["a"].json, alone["b"].json]
    assert both.status == (1 if 1 in {one.status for one in alone.values()} else max(one.status for one in alone.values()))
    assert json.loads((tmp_path / "out-a.json").read_text()) == alone["a"].json
    assert json.loads((tmp_path / "out-b.json").read_text()) == alone["b"].json
    text = okse("audit", "--evidence", "a.tar", "--evidence", "b.tar", *words).out
    assert "gpu01" in text and "gpu02" in text
    assert "{}" in okse("audit", "--evidence", "a.tar", "--evidence", "b.tar", *words, "--report", "json=out.json", status=2).err


def test_findings_are_made_again(okse, tmp_path, root):
    collect(okse, root, tmp_path / "e.tar")
    for name, country in (("f", "VN"), ("two", "KR")):
        made = okse("audit", "--evidence", "e.tar", "--country", country, "--framework", "shipping", "--at", "2026-11-23", "--json")
        (tmp_path / f"{name}.json").write_text(made.out)
        assert "byte for byte" in okse("report", "verify", f"{name}.json", "--evidence", "e.tar", status=0).out
    findings = json.loads((tmp_path / "f.json").read_text())
    findings["findings"][0]["violations"] += 1
    (tmp_path / "changed.json").write_text(json.dumps(findings))
    told = okse("report", "verify", "changed.json", "--evidence", "e.tar", "--json", status=1).json
    assert told == {"schema": "okse.report-verified.v1", "verified": False, "same_facts": True, "same_manifests": True, "same_tool": True,
                    "as_written": False, "other_input": None, "differs": "findings[0].violations", "unchecked": []}
    collect(okse, root, tmp_path / "later.tar", at="2026-11-24")
    assert "other facts" in okse("report", "verify", "f.json", "--evidence", "later.tar", status=1).out
    assert "--evidence" in okse("report", "verify", "f.json", status=2).err


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    rows = list(planted())
    assert len(rows) == 200 and len(KINDS) == 40
    return rows, tree(tmp_path_factory.mktemp("corpus") / "root", {path: text for _, path, text, _ in rows})


def test_no_planted_secret_anywhere(okse, tmp_path, corpus):
    rows, root = corpus
    outputs = {"facts": collect(okse, root, tmp_path / "e.tar").out.encode(), "archive": (tmp_path / "e.tar").read_bytes(),
               "show": okse("evidence", "show", "e.tar", status=0).out.encode()}
    forms = formats(okse)
    audit = okse("audit", "--evidence", "e.tar", "--country", "VN", "--country", "KR", "--framework", "shipping", "--at", "2026-11-23",
                 *(word for form in forms for word in ("--report", f"{form}=r.{form}")))
    assert audit.status in (1, 4)
    outputs.update({form: (tmp_path / f"r.{form}").read_bytes() for form in forms})
    part = 9  # bytes: no secret is shorter
    parts = {needle.encode()[i:i + part]: (kind, path) for kind, path, _, needles in rows for needle in needles for i in range(len(needle) - part + 1)}
    leaks = [(name, parts[data[i:i + part]]) for name, data in outputs.items() for i in range(len(data)) if data[i:i + part] in parts]
    assert not leaks, leaks[:20]
    facts = json.loads(outputs["facts"])
    seen = {source["path"] for fact in facts["endpoints"] for source in fact["sources"]}
    seen |= {fact["source"]["path"] for fact in facts["settings"] + facts["mentions"]}
    unseen = {kind for kind, path, _, _ in rows if "/" + path not in seen}
    assert unseen == {"kubernetes secret", "npmrc"}, "every other line is evidence, so its masking was tried"
    masked = json.loads(members(tmp_path / "e.tar")["redacted.json"])["hashes"]
    assert len(masked) >= 150
