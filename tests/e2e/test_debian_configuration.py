"""Configuration of real Debian packages (tests/lab/debian/README.md, annotated by reading): precision and recall of what is found."""
import gzip
import hashlib
import json
import pathlib
import re

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVICES = ROOT / "build-tools/services"
SETS = sorted((ROOT / "tests/lab/debian").glob("*.yaml"))
AT = "2026-11-23"
COMMENT = re.compile(rb"^(\s*)(?:#+|;+|//|--)[ \t]?")


def row_of(text):
    """("in" | "out" | "default" | "may", line, host, port) of an annotation."""
    words = text.split()
    kind = words.pop(0) if words[0] in ("in", "default", "may") else "out"
    line = None if kind == "default" else int(words.pop(0))
    return kind, line, words[0], None if len(words) < 2 or words[1] == "-" else int(words[1])


def as_annotated(data, about):
    """The file with some of its commented lines made active, and some left out."""
    lines = data.split(b"\n")
    for number in about.get("active", []):
        lines[number - 1] = COMMENT.sub(rb"\1", lines[number - 1])
    for number in about.get("without", []):
        lines[number - 1] = b""
    return b"\n".join(lines)


def placed(root, packages):
    """The files that are at hand as annotated, put where they stand on a host: {path: rows}, and the names of the others."""
    wanted, skipped = {}, []
    for package, files in packages.items():
        for source, about in files.items():
            file = SERVICES / package / source.lstrip("/")
            data = file.read_bytes() if file.is_file() else b""
            data = gzip.decompress(data) if data and source.endswith(".gz") else data
            if hashlib.sha256(data).hexdigest() != about["sha256"]:
                skipped.append(f"{package}: {source}")
                continue
            path = about.get("as", source)
            place = root / path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(as_annotated(data, about))
            wanted[path] = {row_of(row) for row in about["endpoints"]}
    return wanted, skipped


def found_in(facts, paths):
    found = {path: set() for path in paths}
    for endpoint in facts["endpoints"]:
        for source in endpoint["sources"]:
            kind = "default" if endpoint["state"] == "default" else endpoint["direction"]
            if source["path"] in found:
                found[source["path"]].add((kind, source["line"], endpoint["host"], endpoint["port"]))
    return found


def compared(wanted, found, any_port):
    """(right, missing, too much) of a file. any_port: an annotation without a port is right whatever the program's own is."""
    missing, too_much, right = [], set(found), 0
    for row in sorted(wanted, key=str):
        kind, line, host, port = row
        hits = {f for f in too_much if f[1:3] == (line, host) and (kind in ("may", f[0])) and (kind == "may" or f[3] == port or (any_port and port is None))}
        too_much -= hits
        if kind != "may":
            right += bool(hits)
            missing += [] if hits else [row]
    return right, missing, sorted(too_much, key=str)


LEAST = (0.95, 0.95)  # of each set, once what it showed was mended (tests/lab/debian/README.md)


@pytest.mark.parametrize("annotated", SETS, ids=lambda path: path.stem)
def test_precision_and_recall(okse, tmp_path, capsys, annotated):
    if not (SERVICES / ".complete").is_file():
        pytest.skip("no packages in build-tools/services (scripts/deps test)")
    packages = yaml.safe_load(annotated.read_text())["packages"]
    wanted, skipped = placed(tmp_path / "root", packages)
    if not wanted:
        pytest.skip("every package is of another version than the annotated one: " + ", ".join(skipped))
    facts = json.loads(okse("collect", "--scope", "host", "--sysroot", tmp_path / "root", "--at", AT, "--json", status=0).out)
    found = found_in(facts, wanted)
    right = all_missing = all_too_much = 0
    faults = []
    for path in wanted:
        hits, missing, too_much = compared(wanted[path], found[path], annotated.stem != "packages")
        right, all_missing, all_too_much = right + hits, all_missing + len(missing), all_too_much + len(too_much)
        faults += [f"{path}: missing {row}" for row in missing] + [f"{path}: too much {row}" for row in too_much]
    precision, recall = right / max(1, right + all_too_much), right / max(1, right + all_missing)
    with capsys.disabled():
        print(f"\nDebian, {annotated.stem}: {len(packages)} packages, {len(wanted)} files, {right + all_missing} endpoints; "
              f"precision {precision:.1%}, recall {recall:.1%}; of another version and not looked at: {skipped or 'none'}")
    assert precision >= LEAST[0] and recall >= LEAST[1], "\n".join(faults)
