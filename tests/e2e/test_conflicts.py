"""Several laws at once: what one asks and another forbids is told with both articles. Rules are data, so the test brings laws only."""
import json
import jsonschema
import pytest
import law_facts as lf
import own_law as ol
from test_policy import ROOT, load


def mapping(control, **parameters):
    return {"control": control, "parameters": parameters}


FLOOR = mapping("retention.days_min", field="log_days", days_min=730)
CEILING = mapping("retention.days_max", field="log_days_max", days_max=365)
HERE = mapping("backup.places", permitted_countries=["XA"])
THERE = mapping("backup.places", permitted_countries=["XB", "XC"])
COPY = mapping("storage.local_copy")


def conflicts(okse, tmp_path, *laws, words=(), at="2026-11-23"):
    manifests = ol.manifests(tmp_path, *laws)
    lf.write(tmp_path, lf.facts())
    countries = [w for law in laws for w in ("--country", law["jurisdiction"]["iso"])]
    result = okse("audit", "--manifests", manifests, "--evidence", "facts.json", *countries, "--at", at, "--json", *words)
    jsonschema.Draft202012Validator(json.loads((ROOT / "manifests/schemas/findings.schema.json").read_text())).validate(result.json)
    return [(c["rule"], c["kind"], [(p["jurisdiction"], p["provision"], p["value"]) for p in c["provisions"]]) for c in result.json["conflicts"]], result.json


def a(*mappings, **more):
    return ol.country("XA", ol.provision("a1", list(mappings), **more))


def b(*mappings, **more):
    return ol.country("XB", ol.provision("b1", list(mappings), **more))


def test_a_floor_above_a_ceiling(okse, tmp_path):
    found, whole = conflicts(okse, tmp_path, a(FLOOR), b(CEILING, confidence="low"))
    assert found == [("log-floor-and-ceiling", "conflict", [("XA", "a1", 730), ("XB", "b1", 365)])]
    assert whole["conflicts"][0]["message"]["en"] == "XA a1 (Art. a1) asks to keep logs for at least 730 days, XB b1 (Art. b1) [?] for at most 365"
    assert whole["conflicts"][0]["controls"] == ["retention.days_min", "retention.days_max"] and "ko" in whole["conflicts"][0]["message"]


@pytest.mark.parametrize("first, second", [
    (FLOOR, mapping("retention.days_max", field="log_days_max", days_max=730)),      # they meet
    (FLOOR, mapping("retention.days_max", field="content_days", days_max=365)),      # another kind of record
    (HERE, mapping("backup.places", permitted_countries=["XB", "XA"])),              # one country is in both
    (HERE, mapping("backup.places", permitted_countries=["XB"], allow_declared=True)),  # there is another way
])
def test_what_can_be_met_is_none(okse, tmp_path, first, second):
    assert conflicts(okse, tmp_path, a(first), b(second))[0] == []


def test_places_that_share_nothing(okse, tmp_path):
    assert conflicts(okse, tmp_path, a(HERE), b(THERE))[0] == [("backup-in-different-countries", "conflict", [("XA", "a1", ["XA"]), ("XB", "b1", ["XB", "XC"])])]


def test_a_copy_at_home_against_storage_elsewhere_and_in_two_countries(okse, tmp_path):
    found, _ = conflicts(okse, tmp_path, a(COPY), b(COPY, mapping("storage.place", permitted_countries=["XB"])))
    assert found == [("copy-where-storage-is-not-permitted", "conflict", [("XA", "a1", "XA"), ("XB", "b1", ["XB"])]),
                     ("copies-at-home-in-two-countries", "tension", [("XA", "a1", "XA"), ("XB", "b1", "XB")])]


def test_what_is_required_here_and_forbidden_there(okse, tmp_path):
    forbidden = mapping("places.forbidden", forbidden_countries=["XA", "XD"])
    found, _ = conflicts(okse, tmp_path, a(COPY, mapping("storage.place", permitted_countries=["XA"])), b(forbidden))
    assert found == [("copy-in-a-forbidden-country", "conflict", [("XA", "a1", "XA"), ("XB", "b1", ["XA", "XD"])]),
                     ("storage-in-forbidden-countries", "conflict", [("XA", "a1", ["XA"]), ("XB", "b1", ["XA", "XD"])])]


def test_within_one_law_too(okse, tmp_path):
    law = ol.country("XA", ol.provision("a1", [FLOOR]), ol.provision("a2", [CEILING]))
    assert conflicts(okse, tmp_path, law)[0] == [("log-floor-and-ceiling", "conflict", [("XA", "a1", 730), ("XA", "a2", 365)])]


def test_only_what_applies_on_the_day_to_this_target(okse, tmp_path):
    later = b(CEILING, effective="2027-01-01")
    assert conflicts(okse, tmp_path, a(FLOOR), later)[0] == []
    assert len(conflicts(okse, tmp_path, a(FLOOR), later, at="2027-01-01")[0]) == 1
    assert conflicts(okse, tmp_path, a(FLOOR), b(CEILING, applies_to={"data": ["financial"], "sectors": ["all"]}))[0] == []


def test_reports_name_them(okse, tmp_path):
    conflicts(okse, tmp_path, a(FLOOR), b(CEILING), words=("--report", "html=r.html", "--report", "text=r.txt", "--report", "json=r.json"))
    wanted = "XA a1 (Art. a1) asks to keep logs for at least 730 days"
    assert wanted in " ".join((tmp_path / "r.txt").read_text().split()) and wanted in (tmp_path / "r.html").read_text()
    assert "Articles that contradict each other" in (tmp_path / "r.txt").read_text()


RULES = ROOT / "manifests/conflicts.yaml"


def test_the_rules_are_sound(okse):
    schema = json.loads((ROOT / "manifests/schemas/conflicts.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(load(RULES))


@pytest.mark.parametrize("old, new, message", [
    ("relation: greater", "relation: larger", "relation: 'larger' is none of: greater, disjoint, outside, inside, differ"),
    ("    kind: conflict", "    kind: quarrel", "kind: 'quarrel' is none of: conflict, tension"),
    ("value: days_min}", "valu: days_min}", "unknown key 'valu' (did you mean 'value'?)"),
    ("okse: conflicts/v1", "okse: conflicts/v2", "must begin with 'okse: conflicts/v1'"),
])
def test_wrong_rules_are_refused_at_their_line(okse, tmp_path, old, new, message):
    manifests = ol.manifests(tmp_path, keep=True)
    text = RULES.read_text()
    assert old in text
    (manifests / "conflicts.yaml").write_text(text.replace(old, new, 1))
    result = okse("policy", "list", "--manifests", manifests, status=2)
    assert message in result.err and "conflicts.yaml:" in result.err


@pytest.mark.parametrize("old, new, message", [
    ("control: retention.days_min", "control: retention.nothing", "log-floor-and-ceiling: no control 'retention.nothing'"),
    ("value: days_min", "value: days", "log-floor-and-ceiling: control retention.days_min has no parameter 'days'"),
    ("when: {field: log_days}", "when: {fild: log_days}", "log-floor-and-ceiling: control retention.days_min has no parameter 'fild'"),
    ("unless: {allow_declared: true}", "unless: {allow: true}", "storage-in-different-countries: no control has a parameter 'allow'"),
])
def test_lint_looks_at_the_rules(okse, tmp_path, old, new, message):
    manifests = ol.manifests(tmp_path, keep=True)
    (manifests / "conflicts.yaml").write_text(RULES.read_text().replace(old, new, 1))
    assert message in okse("policy", "lint", "--manifests", manifests, status=1).out


def test_a_law_of_older_days_has_no_rules(okse, tmp_path):
    manifests = ol.manifests(tmp_path, keep=True)
    (manifests / "conflicts.yaml").unlink()
    assert okse("policy", "list", "--manifests", manifests, "--json", status=0).json["manifests"] != okse("policy", "list", "--json").json["manifests"]
