"""okse audit --profile: what a site asks beyond the law is added or tightened; nothing becomes looser. Verdicts follow from the facts by hand."""
import hashlib
import json
import jsonschema
import pytest
import law_facts as lf
import own_law as ol
from test_policy import ROOT

HOURS = {"control": "incident.hours", "parameters": {"field": "authority_hours", "hours_max": 72}}
SUBJECT = {"control": "incident.hours", "parameters": {"field": "subject_hours", "hours_max": 72}}
PLACES = {"control": "egress.destinations", "parameters": {"permitted_countries": ["VN", "JP"]}}
LAW = ol.country("VN", ol.provision("v-1", [HOURS, ol.declared(["dpia"])]), ol.provision("v-2"), ol.provision("v-3", [PLACES]), ol.provision("v-4", [HOURS, SUBJECT]))
OTHER = ol.country("SA", ol.provision("s-1", [HOURS]))
ACT = {"id": "rules", "title": {"en": "House rules"}, "citation": "Rules 1", "kind": "rules", "authority": "Ministry X", "url": "https://x.example", "in_force": "2026-01-01",
       "status": "in-force", "confidence": "high", "source": "intranet"}
PLAN = lf.document(1, "incident-plan", authority_hours=48, subject_hours=48)
PAPERS = [PLAN, lf.document(2, "dpia", date="2026-05-01")]


def tighten(hours=24, provision="v-1", **more):
    return {"provision": provision, "control": "incident.hours", "parameters": {"hours_max": hours, **more}}


def own(identity="x-1", controls=None, **more):
    return {**ol.provision(identity, controls or [ol.declared(["exit-plan"])]), "instrument": "rules", **more}


def profile(tmp_path, name="ministry-x", countries=("VN",), valid=True, file=None, **more):
    value = {"okse": "profile/v1", "name": name, "as_of": "2026-11-30", "title": {"en": f"Profile {name}"}, "for": list(countries), **more}
    if valid:
        schema = json.loads((ROOT / "manifests/schemas/profile.schema.json").read_text())
        jsonschema.Draft202012Validator(schema).validate(value)
    path = tmp_path / (file or f"{name}.yaml")
    path.write_text(json.dumps(value, indent=1))
    return path


class Audit:
    def __init__(self, okse, tmp_path):
        self.okse, self.manifests = okse, ol.manifests(tmp_path, LAW, OTHER)
        self.evidence = lf.write(tmp_path, lf.facts(papers=PAPERS))

    def __call__(self, *profiles, country=("VN",), words=("--json",), status=(0, 1, 4)):
        asked = [word for one in profiles for word in ("--profile", one)] + [word for one in country for word in ("--country", one)]
        found = self.okse("audit", "--manifests", self.manifests, "--evidence", self.evidence, "--at", "2026-12-01", *asked, *words)
        assert found.status in status, repr(found)
        return found

    def refused(self, *profiles, **more):
        found = self(*profiles, status=(2,), **more)
        assert found.out == ""
        return found.err


@pytest.fixture
def audit(okse, tmp_path):
    return Audit(okse, tmp_path)


def of(findings, provision, control="incident.hours"):
    return [f for f in findings["findings"] if f["provision"] == provision and f["control"] == control]


def test_a_tightened_value_decides(audit, tmp_path):
    (before,) = of(audit().json, "v-1")
    assert before["status"] == "pass" and "profiles" not in before
    path = profile(tmp_path, tighten=[tighten()])
    found = audit(path).json
    (after,) = of(found, "v-1")
    assert (after["status"], after["parameters"]["hours_max"], after["lawful"]["hours_max"], after["profiles"]) == ("fail", 24, 72, ["ministry-x"])
    assert all(f["status"] == "pass" and "profiles" not in f for f in of(found, "v-4"))
    assert found["inputs"]["profiles"] == [{"name": "ministry-x", "title": {"en": "Profile ministry-x"}, "as_of": "2026-11-30", "digest": "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()}]
    assert found["inputs"]["manifests"] == audit().json["inputs"]["manifests"]
    jsonschema.Draft202012Validator(json.loads((ROOT / "manifests/schemas/findings.schema.json").read_text())).validate(found)


def test_what_a_profile_adds_is_asked(audit, tmp_path):
    path = profile(tmp_path, instruments=[ACT], add=[{"provision": "v-1", **ol.declared(["model-card"])}, own(), own("x-2", [ol.declared(["dpia"])])])
    found = audit(path).json
    added = next(f for f in of(found, "v-1", "documents.present") if f["parameters"]["types"] == ["model-card"])
    assert added["status"] == "fail" and added["profiles"] == ["ministry-x"] and added["jurisdiction"] == "VN"
    assert [(f["jurisdiction"], f["provision"], f["status"], f["profiles"]) for f in found["findings"] if f["provision"].startswith("x-")] == [
        ("ministry-x", "x-1", "fail", ["ministry-x"]), ("ministry-x", "x-2", "pass", ["ministry-x"])]
    mine = next(j for j in found["jurisdictions"] if j["iso"] == "ministry-x")
    assert mine["framework"] is True and mine["verdict"] == "non-compliant" and mine["name"] == {"en": "Profile ministry-x"} and mine["instruments"][0]["title"] == {"en": "House rules"}
    jsonschema.Draft202012Validator(json.loads((ROOT / "manifests/schemas/findings.schema.json").read_text())).validate(found)


def test_reports_say_who_asks(audit, okse, tmp_path):
    path = profile(tmp_path, instruments=[ACT], add=[own()], tighten=[tighten()])
    out = audit(path, words=("--report", "html=r.html", "--report", "json=f.json")).out
    assert "Asked by the profile: ministry-x" in out
    page = (tmp_path / "r.html").read_text()
    assert "Asked by the profile" in page and "House rules" in page and f"ministry-x 2026-11-30 sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}" in page
    words = ["report", "verify", "f.json", "--evidence", audit.evidence, "--manifests", audit.manifests]
    okse(*words, "--profile", path, status=0)
    okse(*words, status=1)


@pytest.mark.parametrize("row, told", [
    (tighten(96), "hours_max: looser than what the law asks"),
    (tighten(field="subject_hours"), "field: whether this is stricter than what the law asks cannot be told"),
    ({"provision": "v-3", "control": "egress.destinations", "parameters": {"permitted_countries": ["VN", "JP", "KR"]}}, "permitted_countries: looser"),
    ({"provision": "v-3", "control": "egress.destinations", "parameters": {"permitted_countries": ["VN", "KR"]}}, "permitted_countries: whether this is stricter"),
    ({"provision": "v-3", "control": "egress.destinations", "parameters": {"allow_declared": True}}, "allow_declared: looser"),
    (tighten(provision="v-9"), "there is no provision 'v-9'"), (tighten(provision="s-1"), "there is no provision 's-1'"),
    ({"provision": "v-1", "control": "incident.hour", "parameters": {"hours_max": 1}}, "there is no control 'incident.hour'"),
    ({"provision": "v-1", "control": "incident.hours", "parameters": {"hours": 1}}, "has no parameter 'hours'"),
    (tighten("soon"), "'hours_max' must be"),
    ({"provision": "v-2", "control": "incident.hours", "parameters": {"hours_max": 1}}, "use 'add'"),
    (tighten(provision="v-4"), "repeat a value that tells which is meant"),
    (tighten(provision="v-4", field="user_hours"), "none of them can be compared"),
])
def test_what_does_not_tighten_is_refused_with_its_place(audit, okse, tmp_path, row, told):
    path = profile(tmp_path, tighten=[row])
    err = audit.refused(path)
    line, column, _ = err.split("ministry-x.yaml:")[1].split(":", 2)
    assert told in err and int(column) > 0, err
    text = path.read_text().split("\n")
    word = told.split(":")[0] if told.split(":")[0] in row["parameters"] else "{"
    assert word in text[int(line) - 1], err
    assert told in okse("policy", "lint", "--manifests", audit.manifests, path, status=1).out


def test_the_row_that_is_meant_is_told_by_its_values(audit, tmp_path):
    found = audit(profile(tmp_path, tighten=[tighten(provision="v-4", field="subject_hours")])).json
    assert [(f["parameters"]["field"], f["parameters"]["hours_max"], f["status"]) for f in of(found, "v-4")] == [("authority_hours", 72, "pass"), ("subject_hours", 24, "fail")]


@pytest.mark.parametrize("more, told", [
    ({"add": [{"provision": "v-2", **ol.declared(["dpia"])}]}, "not technically checkable"),
    ({"add": [{"provision": "v-1", "control": "documents.present"}]}, "needs the parameter 'types'"),
    ({"add": [{"provision": "v-8", **ol.declared()}]}, "there is no provision 'v-8'"),
    ({"add": [own()]}, "provision x-1: no instrument 'rules'"),
    ({"instruments": [ACT], "add": [own(), own()]}, "provision x-1 is given twice"),
    ({"instruments": [ACT], "add": [own(controls=[{"control": "no.such"}])]}, "no control 'no.such'"),
])
def test_additions_must_fit(audit, tmp_path, more, told):
    assert told in audit.refused(profile(tmp_path, **more))


@pytest.mark.parametrize("change, place, told", [
    ({"name": "A"}, "3:", "name: 'A' must be"), ({"as_of": "today"}, "4:", "as_of: 'today' is no date"), ({"title": {"ko": "x"}}, "", "needs the language 'en'"),
    ({"for": []}, "", "for: names no country"), ({"for": ["Vietnam"]}, "9:", "'Vietnam' is neither a country"), ({"for": ["VX"]}, "", "no law for the country 'VX'"),
    ({"loosen": []}, "", "loosen"), ({"tighten": []}, "", "adds nothing and tightens nothing"), ({"tighten": [tighten() | {"severity": "recommended"}]}, "", "severity"),
    ({"tighten": [{"provision": "v-1", "control": "incident.hours", "parameters": {}}]}, "", "changes nothing"), ({"instruments": [ACT]}, "", "no provision in 'add'"),
    ({"okse": "profile/v2"}, "1:1", "must begin with 'okse: profile/v1'"),
])
def test_the_file_is_read_strictly(audit, tmp_path, change, place, told):
    err = audit.refused(profile(tmp_path, valid=False, file="p.yaml", **{"tighten": [tighten()], **change}))
    assert told in err and f"p.yaml:{place}" in err, err


def test_two_profiles_at_once(audit, tmp_path):
    first = profile(tmp_path, "sector-a", tighten=[tighten(60)], add=[{"provision": "v-1", **ol.declared(["model-card"])}])
    second = profile(tmp_path, "site-b", tighten=[tighten(24)], add=[{"provision": "v-1", **ol.declared(["model-card"])}])
    for order in ((first, second), (second, first)):
        found = audit(*order).json
        (finding,) = of(found, "v-1")
        assert finding["parameters"]["hours_max"] == 24 and finding["lawful"]["hours_max"] == 72 and finding["status"] == "fail"
        assert finding["profiles"] == (["sector-a", "site-b"] if order[0] == first else ["site-b"])
        (added,) = [f for f in of(found, "v-1", "documents.present") if f["parameters"]["types"] == ["model-card"]]
        assert sorted(added["profiles"]) == ["sector-a", "site-b"]
        assert [p["name"] for p in found["inputs"]["profiles"]] == [p.stem for p in order]


def test_two_profiles_that_cannot_both_be_met_are_refused(audit, tmp_path):
    rows = [{"provision": "v-3", "control": "egress.destinations", "parameters": {"permitted_countries": [country]}} for country in ("VN", "JP")]
    first, second = profile(tmp_path, "sector-a", tighten=rows[:1]), profile(tmp_path, "site-b", tighten=rows[1:])
    err = audit.refused(first, second)
    assert "site-b.yaml:" in err and "than what an earlier profile asks cannot be told" in err
    assert "another profile has the name 'sector-a'" in audit.refused(first, first)


def test_a_profile_is_for_whom_it_names(audit, tmp_path):
    both = profile(tmp_path, "both", ("VN", "SA"), tighten=[tighten(), tighten(24, "s-1")])
    assert of(audit(both).json, "v-1")[0]["status"] == "fail"
    found = audit(both, country=("VN", "SA")).json
    assert of(found, "s-1")[0]["profiles"] == ["both"]
    only = profile(tmp_path, "only", ("SA",), tighten=[tighten(24, "s-1")])
    assert "for other countries and frameworks than are asked" in audit.refused(only)
    wrong = profile(tmp_path, "wrong", ("VN", "SA"), tighten=[tighten(), tighten(96, "s-1")])
    assert "looser" in audit.refused(wrong)  # also where the row is not used


def test_what_the_law_asks_anyway_changes_nothing(audit, tmp_path):
    found = audit(profile(tmp_path, tighten=[tighten(72)], add=[{"provision": "v-1", **ol.declared(["dpia"])}])).json
    assert [{k: v for k, v in f.items()} for f in found["findings"]] == audit().json["findings"]


def test_the_schema_is_sound(okse, tmp_path):
    schema = json.loads((ROOT / "manifests/schemas/profile.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
