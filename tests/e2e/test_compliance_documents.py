"""Papers have types: what keeps to its form is accepted by Okse and by the published JSON schema, what breaks it by neither; and what a destination
asks for is scaffolded, blank, and stopped until what is required in it is filled in."""
import json
import pathlib
import subprocess
import sys

import pytest
import yaml

from conftest import ROOT, Okse
from test_gate import build, stack

jsonschema = pytest.importorskip("jsonschema")
SCHEMA = json.loads((ROOT / "manifests/schemas/document.schema.json").read_text())
ROWS = {row["type"]: row for row in yaml.safe_load((ROOT / "manifests/compliance-documents.yaml").read_text())["documents"]}
GOOD = {"text": "Something", "texts": ["one", "two"], "date": "2026-10-01", "flag": True, "countries": ["VN"], "territory": ["VN", "worldwide"], "integer": 72, "number": 5.0e+22}


def value(field):
    if field["kind"] == "word":
        return field["words"][0]
    if field["kind"] == "rows":
        return [{name: "x" for name in field["members"]}]
    return GOOD[field["kind"]]


def whole(kind):
    """A document of this type with every field filled in."""
    return {"okse": "document/v1", "type": kind, "title": "A paper", "fields": {name: value(field) for name, field in ROWS[kind]["fields"].items()}}


STACK = """okse: stack/v1
name: civic
version: 1.0.0
sequence: 1
vendor: {name: Example AI Lab, country: VN}
components:
  - {name: papers, kind: compliance, source: {path: compliance}}
"""


def told_of_all(okse, documents):
    """What Okse says of each of several documents that stand together among the papers of a package: {name: messages}."""
    (okse.directory / "compliance").mkdir(exist_ok=True)
    for name, document in documents.items():
        (okse.directory / f"compliance/{name}.yaml").write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
    (okse.directory / "stack.yaml").write_text(STACK)
    okse("build", "stack.yaml", "--country", "VN", "-o", "x.okse", "--unsigned", "--gate", "warn", status=0)
    findings = okse("audit", "--bundle", "x.okse", "--country", "VN", "--json").json
    (okse.directory / "x.okse").unlink()
    row, = [f for f in findings["findings"] if f["control"] == "documents.filled_in"]
    messages = {name: [] for name in documents}
    for place in row["evidence"]:
        if place["verdict"] == "violation":
            messages[place["file"].split("/")[-1].removesuffix(".yaml")].append(place["message"])
    assert row["violations"] < 100  # as many as a finding lists
    return messages


def told(okse, document):
    return told_of_all(okse, {"paper": document})["paper"]


def together(tmp_path_factory, documents):
    return told_of_all(Okse(tmp_path_factory.mktemp("papers")), documents)


def schema_accepts(document):
    return jsonschema.Draft202012Validator(SCHEMA).is_valid(document)


def test_the_schema_is_made_from_the_table():
    made = subprocess.run([sys.executable, ROOT / "scripts/document-schema"], check=True, capture_output=True, text=True).stdout
    assert json.loads(made) == SCHEMA
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def blank(kind):
    """The same with nothing but what is required."""
    document = whole(kind)
    document["fields"] = {name: content if ROWS[kind]["fields"][name].get("required") else None for name, content in document["fields"].items()}
    return document


@pytest.fixture(scope="module")
def of_every_type(tmp_path_factory):
    return together(tmp_path_factory, {kind: whole(kind) for kind in ROWS}), together(tmp_path_factory, {kind: blank(kind) for kind in ROWS})


@pytest.mark.parametrize("kind", ROWS)
def test_a_document_of_every_type_passes_both(of_every_type, kind):
    whole_ones, blank_ones = of_every_type
    assert whole_ones[kind] == [] and schema_accepts(whole(kind))
    required = any(field.get("required") for field in ROWS[kind]["fields"].values())
    found = blank_ones[kind]
    assert found == [] if required else len(found) == 1 and "nothing in this document is filled in" in found[0]
    assert schema_accepts(blank(kind))


BAD = [
    ("dpia", {"purpose": None}, "'purpose' is blank"), ("dpia", {"purpose": ""}, "'purpose' is blank"), ("dpia", {"filed_on": "October"}, "'filed_on' must be a day"),
    ("dpia", {"filed_on": "2026-13-40"}, None), ("dpia", {"purpos": "x"}, "did you mean 'purpose'"), ("dpia", {"purpose": ["a"]}, "'purpose' must be a text"),
    ("incident-plan", {"authority_hours": "soon"}, "a whole number from 0 to 8760"), ("incident-plan", {"authority_hours": -1}, "from 0 to 8760"),
    ("incident-plan", {"authority_hours": 1.5}, "a whole number"), ("incident-plan", {"authority_hours": 9000}, "from 0 to 8760"),
    ("retention", {"log_day": 30}, "did you mean 'log_days'"), ("retention", {"log_days": True}, "a whole number"),
    ("risk-assessment", {"risk_class": "middling"}, "one of low, medium, high"), ("ai-notice", {"label": "hidden"}, "one of visible, machine-readable"),
    ("model-card", {"training_compute_flop": "5e22 or so"}, "a number"), ("human-oversight", {"can_stop": "yes"}, "true or false"),
    ("training-summary", {"sources": "the web"}, "a list of texts"), ("training-summary", {"sources": []}, "'sources' is blank"),
    ("training-summary", {"sources": ["", "  "]}, "'sources' is blank"), ("dpia", {"purpose": "   "}, "'purpose' is blank"), ("data-flow", {"flows": [{}]}, "'flows' is blank"),
    ("data-flow", {"flows": [{"name": "x", "country_code": "VN"}]}, "a list of {name, to, country, data, purpose}"), ("data-flow", {"flows": ["x"]}, "a list of {"),
    ("transfer-contract", {"countries": ["Vietnam"]}, "a list of countries"), ("export-licence", {"countries": ["worldwide"]}, "a list of countries"),
    ("commercial-agreement", {"territory": ["everywhere"]}, "or [worldwide]"), ("export-screening", {"result": "fine"}, "one of clear, hit"),
]


def broken(index):
    kind, change, _ = BAD[index]
    document = whole(kind)
    document["fields"] |= change
    return document


@pytest.fixture(scope="module")
def of_broken_ones(tmp_path_factory):
    return together(tmp_path_factory, {f"bad-{index}": broken(index) for index in range(len(BAD))})


@pytest.mark.parametrize("index", range(len(BAD)), ids=[f"{kind}-{next(iter(change))}-{n}" for n, (kind, change, _) in enumerate(BAD)])
def test_what_breaks_the_form_is_refused_by_both(of_broken_ones, index):
    found, message = of_broken_ones[f"bad-{index}"], BAD[index][2]
    assert len(found) == 1 and found[0].startswith(f"papers/bad-{index}.yaml:") and (message or "must be") in found[0], found
    assert message is None or not schema_accepts(broken(index))  # a pattern knows no calendar


@pytest.mark.parametrize("document, message", [
    ({"okse": "document/v1", "type": "dipa", "fields": {}}, "no type of document 'dipa'"), ({"okse": "document/v1", "type": "dpo", "fields": [1]}, "'fields' must be a map"),
    ({"okse": "document/v1", "fields": {}}, "needs the key 'type'"), ({**whole("dpo"), "tilte": "x"}, "did you mean 'title'")])
def test_heads_that_break_the_form(okse, document, message):
    found = told(okse, document)
    assert any(message in text for text in found), found
    assert not schema_accepts(document)


def test_a_fault_stops_the_build_at_its_line(okse):
    stack(okse.directory)
    path = okse.directory / "compliance/retention.yaml"
    path.write_text(path.read_text().replace("log_days: 365", "log_days: a year"))
    result = build(okse, "--json", status=1)
    row, = [row for row in result.json["preflight"]["failed"] if row["control"] == "documents.filled_in"]
    line = next(i for i, text in enumerate(path.read_text().splitlines(), 1) if "a year" in text)
    assert [(place["file"], place["line"]) for place in row["evidence"]] == [("papers/retention.yaml", line)]
    assert "'log_days' must be a whole number" in result.err


def test_prose_is_nobodys_form(okse):
    stack(okse.directory)
    (okse.directory / "compliance/letter.md").write_text("# Anything\n")
    (okse.directory / "compliance/table.yaml").write_text("rows: [1, 2]\n")
    build(okse, status=0)


# What each law asks of a public body that handles personal data: docs/compliance-documents.md, from the countries' own articles
NEEDED = {"VN": {"dpia", "incident-plan", "retention", "risk-assessment", "ai-notice"},
          "KR": {"dpia", "incident-plan", "retention", "risk-assessment", "ai-notice", "sub-processors"},
          "SA": {"dpo", "incident-plan", "retention", "risk-assessment", "ai-notice", "model-card", "human-oversight", "sub-processors", "processing-record",
                 "breach-register", "access-policy", "backup-plan"}}
EXPORT = {"export-classification", "export-screening", "end-user-statement"}


def scaffold(okse, *countries, words=("--data-class", "personal", "--sector", "government")):
    return okse("init", "new", *[word for iso in countries for word in ("--country", iso)], *words, "--json", status=0)


def papers(directory):
    return {path.stem for path in (pathlib.Path(directory) / "compliance").glob("*.yaml")}


@pytest.mark.parametrize("iso", NEEDED)
def test_a_country_s_papers_are_scaffolded_with_their_articles(okse, iso):
    result = scaffold(okse, iso)
    made = papers(okse.directory / "new")
    assert made - {"data-flow"} == NEEDED[iso] | EXPORT
    assert {f"compliance/{name}.yaml" for name in made} | {"stack.yaml"} == set(result.json["files"])
    text = (okse.directory / "new/compliance/incident-plan.yaml").read_text()
    assert text.startswith(f"# {iso}, ") and "authority_hours: # a whole number" in text
    assert "transfer-contract, if something goes abroad" in result.err


def test_several_countries_are_joined(okse):
    scaffold(okse, "VN", "SA")
    assert papers(okse.directory / "new") >= NEEDED["VN"] | NEEDED["SA"]
    text = (okse.directory / "new/compliance/retention.yaml").read_text()
    assert "# VN, " in text and "# SA, " in text


def complete(directory):
    """Fill in what the scaffold asks for, as an engineer would."""
    fill = {"valid_until": "2027-12-31", "countries": ["VN"], "licence_required": False, "result": "clear", "authority_hours": 24, "subject_hours": 72, "cybersecurity_hours": 24,
            "log_days": 730, "record_days": 1825, "personal_days": 365, "risk_class": "medium"}
    for path in (directory / "compliance").glob("*.yaml"):
        document = yaml.safe_load(path.read_text())
        for name, field in ROWS[document["type"]]["fields"].items():
            document["fields"][name] = fill[name] if name in fill else value(field)
        path.write_text(yaml.safe_dump(document))


def test_a_blank_scaffold_is_stopped_and_a_filled_in_one_is_not(okse):
    scaffold(okse, "VN")
    path = okse.directory / "new/stack.yaml"
    text = path.read_text()
    path.write_text(text[:text.index("compliance:\n  data_classes")] + "compliance: {data_classes: [personal], sector: government, purpose: Answers for officials}\n")
    words = ["build", "new/stack.yaml", "--country", "VN", "-o", "x.okse", "--unsigned", "--gate", "block", "--json"]
    failed = {(row["control"], place["file"]) for row in okse(*words, status=1).json["preflight"]["failed"] for place in row["evidence"]}
    blank = {f"compliance/{name}.yaml" for name in NEEDED["VN"] | EXPORT}
    assert {("documents.filled_in", file) for file in blank} <= failed
    complete(okse.directory / "new")
    told = okse(*words, status=0).json
    assert told["preflight"]["failed"] == [] and told["written"]


def test_one_paper_at_a_time(okse):
    okse("init", "--document", "dpia", "--document", "dpo", status=0)
    assert papers(okse.directory) == {"dpia", "dpo"} and not (okse.directory / "stack.yaml").exists()
    assert "is there already" in okse("init", "--document", "dpia", status=2).err
    assert "none of dpia, incident-plan" in okse("init", "--document", "dipa", status=2).err
    assert "leave out --country" in okse("init", "--document", "dpia", "--country", "VN", status=2).err
    assert "belong to --country" in okse("init", "x", "--sector", "government", status=2).err and not (okse.directory / "x").exists()


def test_a_country_without_law_changes_nothing(okse):
    result = okse("init", "new", "--country", "XX", status=2)
    assert "no law for the country 'XX'" in result.err and not (okse.directory / "new/stack.yaml").exists() and not (okse.directory / "new/compliance").exists()


def test_what_is_there_is_kept(okse):
    (okse.directory / "new/compliance").mkdir(parents=True)
    (okse.directory / "new/compliance/dpia.yaml").write_text("mine\n")
    scaffold(okse, "VN")
    assert (okse.directory / "new/compliance/dpia.yaml").read_text() == "mine\n" and "retention" in papers(okse.directory / "new")
