"""okse policy diff: each kind of change by itself, and what it means for verdicts."""
import copy
import json
import jsonschema
import pytest
import own_law as ol
from test_policy import ROOT, load

PLACES = {"control": "egress.destinations", "parameters": {"permitted_countries": ["XA", "JP"]}}
HOURS = {"control": "incident.hours", "parameters": {"field": "authority_hours", "hours_max": 72}}
DAYS = {"control": "retention.days_min", "parameters": {"field": "log_days", "days_min": 365}}
LAW = ol.country("XA", ol.provision("a", [PLACES, HOURS, DAYS, ol.declared(["dpia"])]), ol.provision("b"), ol.provision("c", [ol.declared(["retention"])]),
                 transfers=[{"provision": "b", "data": ["personal"], "to": ["JP"], "mode": "free", "confidence": "high"}])


def change(path, value):
    def apply(law):
        for step in path[:-1]:
            law = law[step]
        if value is None:
            del law[path[-1]]
        else:
            law[path[-1]] = value
    return apply


def diff(okse, tmp_path, apply, status=1):
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    old = ol.manifests(tmp_path / "old", LAW)
    law = copy.deepcopy(LAW)
    apply(law)
    new = ol.manifests(tmp_path / "new", law)
    text = okse("policy", "diff", old, new, status=status).out
    value = okse("policy", "diff", old, new, "--json", status=status).json
    assert value["schema"] == "okse.policy.diff.v1" and f"{len(value['changes'])} changes: " in text
    return value["changes"], text


A = ("provisions", 0)


@pytest.mark.parametrize("path, value, key, effect", [
    ((*A, "controls", 0, "parameters", "permitted_countries"), ["XA"], "permitted_countries", "stricter"),
    ((*A, "controls", 0, "parameters", "permitted_countries"), ["XA", "JP", "KR"], "permitted_countries", "looser"),
    ((*A, "controls", 0, "parameters", "permitted_countries"), ["XA", "KR"], "permitted_countries", "unclear"),
    ((*A, "controls", 0, "parameters", "permitted_countries"), ["JP", "XA"], "permitted_countries", "none"),
    ((*A, "controls", 0, "parameters", "allow_declared"), True, "allow_declared", "looser"),
    ((*A, "controls", 1, "parameters", "hours_max"), 24, "hours_max", "stricter"),
    ((*A, "controls", 1, "parameters", "hours_max"), 96, "hours_max", "looser"),
    ((*A, "controls", 1, "parameters", "field"), "subject_hours", "field", "unclear"),
    ((*A, "controls", 2, "parameters", "days_min"), 730, "days_min", "stricter"),
    ((*A, "controls", 3, "parameters", "types"), ["dpia", "dpo"], "types", "stricter"),
    ((*A, "severity"), "recommended", "severity", "looser"),
    ((*A, "confidence"), "low", "confidence", "looser"),
    ((*A, "confidence"), "medium", "confidence", "none"),
    ((*A, "effective"), "2025-06-01", "effective", "stricter"),
    ((*A, "effective"), "unknown", "effective", "looser"),
    ((*A, "until"), "2030-01-01", "until", "looser"),
    ((*A, "applies_to", "sectors"), ["ai"], "sectors", "looser"),
    ((*A, "summary"), {"en": "other words"}, "summary", "none"),
])
def test_one_value(okse, tmp_path, path, value, key, effect):
    (found,), text = diff(okse, tmp_path, change(path, value))
    assert (found["jurisdiction"], found["provision"], found["kind"], found["key"], found["effect"]) == ("XA", "a", "changed", key, effect)
    assert f"{key}: " in text and (effect == "none" or f"  {effect:<8} " in text)


@pytest.mark.parametrize("path, value, what, kind, effect", [
    ((*A, "controls", 3), None, "mapping", "removed", "looser"),
    (("provisions", 2), None, "provision", "removed", "looser"),
    (("transfers", 0), None, "transfer", "removed", "none"),
    (("transfers", 0, "mode"), "prohibited", "transfer", "changed", "stricter"),
])
def test_what_is_there_and_not_there(okse, tmp_path, path, value, what, kind, effect):
    (found,), _ = diff(okse, tmp_path, change(path, value))
    assert (found["what"], found["kind"], found["effect"]) == (what, kind, effect)


def test_what_is_new(okse, tmp_path):
    found, text = diff(okse, tmp_path, lambda law: law["provisions"].extend([ol.provision("d", [ol.declared()]), ol.provision("e")]))
    assert [(c["provision"], c["kind"], c["effect"]) for c in found] == [("d", "added", "stricter"), ("e", "added", "none")]
    assert "1 stricter, 0 looser, 0 unclear, 1 without a verdict" in text


def test_nothing_changed(okse, tmp_path):
    assert diff(okse, tmp_path, lambda law: None, status=0) == ([], "0 changes: 0 stricter, 0 looser, 0 unclear, 0 without a verdict\n")


def test_controls_and_countries_against_what_is_built_in(okse, tmp_path):
    new = ol.manifests(tmp_path, keep=True)
    (new / "jurisdictions" / "sa.yaml").unlink()
    path = new / "controls" / "documents.present.yaml"
    path.write_text(path.read_text().replace("needs: [documents]", "needs: [documents, install]").replace("needs: [documents, install]", "needs: [documents, install]\nwaivable: false"))
    assert "waivable: false" in path.read_text()
    found = okse("policy", "diff", new, "--json", status=1).json["changes"]
    assert [(c["what"], c["jurisdiction"], c["control"], c["key"], c["kind"], c["effect"]) for c in found] == [
        ("control", None, "documents.present", "needs", "changed", "stricter"), ("control", None, "documents.present", "waivable", "changed", "stricter"),
        ("jurisdiction", "SA", None, None, "removed", "none")]


def test_the_table_of_directions_is_sound_and_read_strictly(okse, tmp_path):
    path = ROOT / "manifests/parameter-directions.yaml"
    schema = json.loads((ROOT / "manifests/schemas/parameter-directions.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(load(path))
    new = ol.manifests(tmp_path, keep=True)
    (new / "parameter-directions.yaml").write_text("okse: parameter-directions/v1\nstricter: {hours_max: smaller}\n")
    assert "parameter-directions.yaml:2:12: 'hours_max' must be one of fewer" in okse("policy", "diff", new, status=2).err
    (new / "parameter-directions.yaml").unlink()
    assert okse("policy", "diff", new).status == 0


def test_a_directory_that_is_none_is_refused(okse, tmp_path):
    assert "nowhere" in okse("policy", "diff", "nowhere").err
