"""Configuration of real Debian packages (tests/lab/debian/packages.yaml, annotated by reading): precision and recall of what is found."""
import gzip
import hashlib
import json
import pathlib

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVICES = ROOT / "build-tools/services"
PACKAGES = yaml.safe_load((ROOT / "tests/lab/debian/packages.yaml").read_text())["packages"]
AT = "2026-11-23"


def row_of(text):
    """("in" | "out" | "default", line, host, port) of an annotation."""
    words = text.split()
    kind = words.pop(0) if words[0] in ("in", "default") else "out"
    line = None if kind == "default" else int(words.pop(0))
    return kind, line, words[0], None if words[1] == "-" else int(words[1])


def placed(root):
    """The files that are at hand as annotated, put where they stand on a host: {path: rows}, and the names of the others."""
    wanted, skipped = {}, []
    for package, files in PACKAGES.items():
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
            place.write_bytes(data)
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


def test_precision_and_recall(okse, tmp_path, capsys):
    if not (SERVICES / ".complete").is_file():
        pytest.skip("no packages in build-tools/services (scripts/deps test)")
    wanted, skipped = placed(tmp_path / "root")
    if not wanted:
        pytest.skip("every package is of another version than the annotated one: " + ", ".join(skipped))
    facts = json.loads(okse("collect", "--scope", "host", "--sysroot", tmp_path / "root", "--at", AT, "--json", status=0).out)
    found = found_in(facts, wanted)
    right = sum(len(wanted[path] & found[path]) for path in wanted)
    recall = right / max(1, sum(map(len, wanted.values())))
    precision = right / max(1, sum(map(len, found.values())))
    faults = [f"{path}: missing {row}" for path in wanted for row in sorted(wanted[path] - found[path], key=str)]
    faults += [f"{path}: too much {row}" for path in wanted for row in sorted(found[path] - wanted[path], key=str)]
    with capsys.disabled():
        print(f"\nDebian: {len(PACKAGES)} packages, {len(wanted)} files, {sum(map(len, wanted.values()))} endpoints; "
              f"precision {precision:.1%}, recall {recall:.1%}; of another version and not looked at: {skipped or 'none'}")
    assert precision >= 0.95 and recall >= 0.95, "\n".join(faults)
