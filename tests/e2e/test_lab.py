"""The laboratory (tests/lab/README.md): every scenario's root file system gives its endpoints, all of them and no other."""
import json
import pathlib

import jsonschema
import pytest
import yaml

LAB = pathlib.Path(__file__).resolve().parents[1] / "lab"
SCHEMA = json.loads((LAB.parents[1] / "manifests/schemas/facts.schema.json").read_text())
SCENARIOS = sorted(p.parent for p in LAB.glob("*/expected.yaml"))
AT = "2026-11-23"
COLUMNS = ("host", "port", "role", "state", "path", "line")


def collected(okse, scenario, expected):
    return okse("collect", "--scope", "host", "--sysroot", scenario / "root", "--at", AT, "--json", *expected.get("arguments", []), status=0).json


def found_rows(facts):
    return {(e["host"], e["port"], e["role"], e["state"], s["path"], s["line"]) for e in facts["endpoints"] for s in e["sources"]}


def expected_rows(expected):
    return {tuple(row.get(column) for column in COLUMNS) for row in expected.get("endpoints") or []}


def has(fact, members):
    """Whether a fact has these members; maps inside are compared by the members that are named."""
    return all(has(fact.get(key) or {}, value) if isinstance(value, dict) else fact.get(key) == value for key, value in members.items())


CHECKED = {}


def check(okse, scenario):
    """Each scenario is collected once for all tests of a run."""
    if scenario not in CHECKED:
        CHECKED[scenario] = compare(okse, scenario)
    return CHECKED[scenario]


def compare(okse, scenario):
    expected = yaml.safe_load((scenario / "expected.yaml").read_text())
    facts = collected(okse, scenario, expected)
    jsonschema.validate(facts, SCHEMA)
    wanted, found = expected_rows(expected), found_rows(facts)
    faults = [f"missing: {row}" for row in sorted(wanted - found, key=str)] + [f"too much: {row}" for row in sorted(found - wanted, key=str)]
    for name, rows in (expected.get("facts") or {}).items():
        value = facts[name] if isinstance(facts[name], list) else [facts[name]]
        faults += [f"no fact in {name}: {row}" for row in rows if not any(has(fact, row) for fact in value)]
    for name, rows in (expected.get("absent") or {}).items():
        faults += [f"in {name} and should not be: {row}" for row in rows if any(has(fact, row) for fact in facts[name])]
    text = json.dumps(facts)
    faults += [f"told and should not be: {secret}" for secret in expected.get("never") or [] if secret in text]
    status = {c["collector"]: c["status"] for c in facts["collectors"]}
    faults += [f"{name} is {status.get(name)}, not {value}" for name, value in (expected.get("collectors") or {}).items() if status.get(name) != value]
    return wanted, found, faults, expected


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.name)
def test_scenario(okse, scenario):
    _, _, faults, expected = check(okse, scenario)
    assert expected.get("about"), "the scenario does not say which documentation it is written from"
    assert not faults, "\n".join(faults)


def test_precision_and_recall(okse, capsys):
    right = found_all = wanted_all = 0
    for scenario in SCENARIOS:
        wanted, found, _, _ = check(okse, scenario)
        right, found_all, wanted_all = right + len(wanted & found), found_all + len(found), wanted_all + len(wanted)
    precision, recall = right / max(1, found_all), right / max(1, wanted_all)
    with capsys.disabled():
        print(f"\nlaboratory: {len(SCENARIOS)} scenarios, {wanted_all} endpoints expected, {found_all} found; precision {precision:.1%}, recall {recall:.1%}")
    assert precision == recall == 1.0
