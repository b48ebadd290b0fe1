"""The tables of programs (manifests/software/): each is exercised by the laboratory, and says only roles that facts have. Faulty ones are refused."""
import fnmatch
import json
import pathlib
import shutil

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
LAB = ROOT / "tests/lab"
TABLES = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((ROOT / "manifests/software").glob("*.yaml"))}


def finds_of(table):
    return [find for part in (table, *table["files"]) for find in part.get("finds", [])]


def test_roles_are_those_of_facts():
    schema = json.loads((ROOT / "manifests/schemas/facts.schema.json").read_text())
    known = next(about["properties"]["role"]["enum"] for about in schema["$defs"].values()
                 if "enum" in about.get("properties", {}).get("role", {}))
    wrong = [(name, row["role"]) for name, table in TABLES.items() for row in finds_of(table) + table.get("defaults", [])
             if not {"mention", "setting", "tls"} & row.keys() and row["role"] not in known]
    assert not wrong


def test_every_table_finds_something_in_the_laboratory():
    files = {path for about in LAB.glob("*/expected.yaml") for path in {row["path"] for row in yaml.safe_load(about.read_text())["endpoints"] or []}}
    told = {row["program"] for about in LAB.glob("*/expected.yaml") for row in yaml.safe_load(about.read_text()).get("facts", {}).get("tls", [])}
    idle = [name for name, table in TABLES.items()
            if name not in told and not any(fnmatch.fnmatch(path, pattern) for file in table["files"] for pattern in file.get("paths", []) for path in files)]
    assert not idle


BROKEN = [
    ("match: '('", "match: "),
    ("match: abc", "group 1 is the target"),
    ("as: 'x.{1}'", "as: needs a match"),
    ("mention: x, literal: y", "exactly one of"),
    ("colour: red", "colour"),
    ("tls: protocols", "exactly one of"),
    ("tls: colours", "is none of protocols"),
]


@pytest.mark.parametrize("member, message", BROKEN)
def test_a_faulty_table_is_refused_with_its_place(okse, tmp_path, member, message):
    manifests = tmp_path / "manifests"
    shutil.copytree(ROOT / "manifests", manifests)
    place = manifests / "software/zz.yaml"
    place.write_text("okse: software/v1\nname: zz\ncollector: logging\nsource: none\nconfidence: low\nfiles:\n- paths: [/etc/zz]\n  format: ini\n"
                     "  finds:\n  - {at: a, url: b, role: logs, " + member + "}\n")
    (tmp_path / "root").mkdir()
    result = okse("collect", "--scope", "host", "--sysroot", tmp_path / "root", "--manifests", manifests)
    assert result.status == 2 and "zz.yaml:10:" in result.err and message in result.err, repr(result)
