"""Machine formats: official schemas and other people's readers; the same findings in every one."""
import copy
import csv
import io
import json
import pathlib
import re
import shutil
import subprocess
import uuid
import xml.etree.ElementTree
import jsonschema
import pytest

from test_report import DATA, NAMES, ids, load, many, render, write  # noqa: F401 (fixture)

FORMATS = ["text", "json", "html", "markdown", "csv", "junit", "xccdf", "sarif", "sarif-full", "oscal", "poam", "in-toto", "prometheus"]
MARK = "\ufeff"  # says UTF-8 to spreadsheets
XCCDF = pathlib.Path("/usr/share/openscap/schemas/xccdf/1.2/xccdf_1.2.xsd")


ALL = ("fail", "inconclusive", "waived", "pass", "not-applicable")
CARRIED = {"sarif": ALL[:3], "poam": ALL[:3], "in-toto": ALL[:4]}  # what somebody has to look at; what was tested


def name(path):
    return f"{path}.json"


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("source", NAMES)
def test_every_format_carries_every_finding(okse, form, source):
    out = render(okse, DATA / name(source), form)
    expected = sorted(f["id"] for f in load(source)["findings"] if f["status"] in CARRIED.get(form, ALL))
    found = set(re.findall(r"fnd:[0-9a-f]{16}", out))
    assert sorted(found) == expected


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_the_same_bytes_everywhere(okse, form, tmp_path):
    first = render(okse, DATA / "vn-two-faults.json", form)
    second = okse("report", DATA / "vn-two-faults.json", "--format", form, "-o", tmp_path / "out", status=0,
                  env={"TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8", "LC_NUMERIC": "de_DE.UTF-8"})
    assert second.out == "" and (tmp_path / "out").read_text() == first


@pytest.mark.parametrize("form", FORMATS)
def test_no_format_carries_characters_that_hide_or_move_text(okse, form):
    out = render(okse, DATA / "hostile.json", form)
    if form == "csv":
        out = out.removeprefix(MARK)
    if form != "json":  # the document itself, where they are data
        assert not set(out) & set("\x01\x1b\u202e\u202c\ufeff\u2028")


def for_python(schema):
    """The patterns of OSCAL are for engines with Unicode classes; Python spells them otherwise."""
    return json.loads(json.dumps(schema).replace("\\\\p{L}", "[^\\\\W\\\\d_]").replace("\\\\p{N}", "\\\\d"))


@pytest.fixture(scope="module")
def oscal_schema(shared):
    return for_python(json.loads((shared / "schemas/oscal-1.1.3-assessment-results.schema.json").read_text()))


@pytest.mark.parametrize("source", NAMES)
def test_oscal_validates(okse, source, oscal_schema):
    document = json.loads(render(okse, DATA / name(source), "oscal"))
    jsonschema.validate(document, oscal_schema)
    results = document["assessment-results"]
    resources = {resource["uuid"] for resource in results["back-matter"]["resources"]}
    assert results["import-ap"]["href"][1:] in resources
    seen = []
    for result in results["results"]:
        observations = {item["uuid"] for item in result.get("observations", [])}
        risks = {item["uuid"] for item in result.get("risks", [])}
        related = [link["observation-uuid"] for finding in result["findings"] for link in finding["related-observations"]]
        assert sorted(related) == sorted(observations)  # each observation belongs to one finding
        assert {link["risk-uuid"] for finding in result["findings"] for link in finding.get("related-risks", [])} == risks
        for item in result["observations"]:
            for evidence in item.get("relevant-evidence", []):
                assert evidence["href"][1:] in resources
        seen += [item["uuid"] for kind in ("observations", "risks", "findings") for item in result.get(kind, [])]
    assert len(seen) == len(set(seen)) and all(uuid.UUID(one).version == 5 for one in seen)


def test_oscal_says_what_the_findings_say(okse):
    result = json.loads(render(okse, DATA / "inconclusive.json", "oscal"))["assessment-results"]["results"][0]
    states = {finding["target"]["target-id"]: (finding["target"]["status"]["state"], finding["target"]["status"]["reason"])
              for finding in result["findings"]}
    assert states == {"vn-p01_obj": ("not-satisfied", "other"), "vn-p02_obj": ("satisfied", "pass"),
                      "vn-p07_obj": ("not-satisfied", "fail"), "vn-p09_obj": ("satisfied", "other"),
                      "vn-p11_obj": ("satisfied", "pass")}
    assert [(risk["status"], risk["props"]) for risk in result["risks"]] == [
        ("deviation-approved", [{"name": "accepted", "value": "yes"}])]
    assert [entry["title"] for entry in result["assessment-log"]["entries"]] == ["sockets: unavailable",
                                                                                "configuration: partial"]


@pytest.mark.parametrize("form", ["sarif", "sarif-full"])
@pytest.mark.parametrize("source", NAMES)
def test_sarif_validates(okse, shared, source, form):
    schema = json.loads((shared / "schemas/sarif-2.1.0.schema.json").read_text())
    document = json.loads(render(okse, DATA / name(source), form))
    jsonschema.Draft7Validator(schema).validate(document)
    run = document["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    taxa = {(taxonomy["name"], taxon["id"]) for taxonomy in run["taxonomies"] for taxon in taxonomy["taxa"]}
    assert len(rules) == len(set(rules))
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert (result["level"] == "none") == (result["kind"] != "fail")  # the schema does not check this
        assert all((taxon["toolComponent"]["name"], taxon["id"]) in taxa for taxon in result["taxa"])


def test_sarif_places_are_relative_and_gaps_are_told(okse):
    run = json.loads(render(okse, DATA / "vn-two-faults.json", "sarif"))["runs"][0]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "srv/okse/current/serving/otel.yaml", "uriBaseId": "SYSROOT", "index": 0}
    assert place["region"] == {"startLine": 7, "snippet": {"text": "endpoint: https://ingest.telemetry.example.sg:4317"}}
    assert run["invocations"][0]["exitCode"] == 1
    run = json.loads(render(okse, DATA / "inconclusive.json", "sarif"))["runs"][0]
    assert [note["message"]["text"] for note in run["invocations"][0]["toolExecutionNotifications"]] == [
        "sockets: unavailable: permission denied: /proc/net/tcp",
        "configuration: partial: serving/compose.yaml:31: not readable as YAML"]
    assert [result["suppressions"][0]["status"] for result in run["results"] if "suppressions" in result] == ["accepted"]


@pytest.mark.parametrize("source", NAMES)
def test_junit_validates_and_counts(okse, shared, source, tmp_path):
    if not shutil.which("xmllint"):
        pytest.skip("xmllint is not installed (libxml2-utils)")
    out = render(okse, DATA / name(source), "junit")
    (tmp_path / "junit.xml").write_text(out)
    subprocess.run(["xmllint", "--noout", "--nonet", "--schema", shared / "schemas/junit-10.xsd", tmp_path / "junit.xml"],
                   check=True, capture_output=True)
    suites = xml.etree.ElementTree.fromstring(out)
    statuses = [finding["status"] for finding in load(source)["findings"]]
    assert len(list(suites.iter("testcase"))) == len(statuses) == int(suites.get("tests"))
    assert len(list(suites.iter("failure"))) == statuses.count("fail") == int(suites.get("failures"))
    assert len(list(suites.iter("error"))) == statuses.count("inconclusive") == int(suites.get("errors"))
    assert len(list(suites.iter("skipped"))) == statuses.count("waived") + statuses.count("not-applicable")
    for suite in suites:
        assert int(suite.get("tests")) == len(suite.findall("testcase"))


@pytest.mark.skipif(not XCCDF.exists() or not shutil.which("xmllint"),
                    reason="the XCCDF schema is not installed (openscap-common, libxml2-utils)")
@pytest.mark.parametrize("source", NAMES)
def test_xccdf_validates(okse, source, tmp_path):
    (tmp_path / "x.xml").write_text(render(okse, DATA / name(source), "xccdf"))
    subprocess.run(["xmllint", "--noout", "--nonet", "--schema", XCCDF, tmp_path / "x.xml"], check=True, capture_output=True)


@pytest.mark.skipif(not shutil.which("oscap"), reason="oscap is not installed (openscap-scanner)")
def test_openscap_renders_the_xccdf(okse, tmp_path):
    (tmp_path / "x.xml").write_text(render(okse, DATA / "inconclusive.json", "xccdf"))
    report = subprocess.run(["oscap", "xccdf", "generate", "report", tmp_path / "x.xml"], check=True, capture_output=True,
                            text=True).stdout
    assert "Logs stay in the country" in report and "waived" in report


@pytest.mark.parametrize("source", NAMES)
def test_csv_has_one_row_an_evidence_and_no_formula(okse, source):
    out = render(okse, DATA / name(source), "csv")
    rows = list(csv.DictReader(io.StringIO(out.removeprefix(MARK), newline="")))
    findings = load(source)["findings"]
    assert len(rows) == sum(max(1, len(finding["evidence"])) for finding in findings)
    assert {row["id"]: row["status"] for row in rows} == {finding["id"]: finding["status"] for finding in findings}
    assert all(None not in row and None not in row.values() for row in rows)
    assert not any(cell[:1] in ("=", "+", "-", "@") for row in rows for cell in row.values())
    if source == "vn-two-faults":
        assert (rows[0]["file"], rows[0]["line"], rows[0]["country"]) == ("/srv/okse/current/serving/otel.yaml", "7", "SG")


def test_csv_disarms_formulas(okse, write):  # noqa: F811
    document = load("vn-two-faults")
    document["findings"][0]["evidence"][0]["message"] = "=cmd|'/C calc'!A0"
    rows = list(csv.DictReader(io.StringIO(render(okse, write(document), "csv").removeprefix(MARK), newline="")))
    assert rows[0]["message"] == "'=cmd|'/C calc'!A0"


@pytest.mark.parametrize("source", NAMES)
def test_prometheus_is_read_by_its_own_parser(okse, source):
    parser = pytest.importorskip("prometheus_client.parser", reason="python3-prometheus-client is not installed")
    families = {family.name: family for family in
                parser.text_string_to_metric_families(render(okse, DATA / name(source), "prometheus"))}
    document = load(source)
    numbers = {"pass": 0, "fail": 1, "inconclusive": 2, "not-applicable": 3, "waived": 4}
    assert {sample.labels["id"]: sample.value for sample in families["okse_audit_finding_status"].samples} == {
        finding["id"]: numbers[finding["status"]] for finding in document["findings"]}
    assert families["okse_audit_verdict"].samples[0].value == \
        ["compliant", "non-compliant", "inconclusive"].index(document["verdict"])
    # date -u -d 2026-11-23T07:30:00Z +%s
    assert families["okse_audit_timestamp_seconds"].samples[0].value == 1795419000


def test_markdown_keeps_its_tables_whatever_is_in_them(okse):
    for line in render(okse, DATA / "hostile.json", "markdown").splitlines():
        if line.startswith("| ") and "---" not in line:
            assert len(re.findall(r"(?<!\\)\|", line)) == 6
            assert "<img" not in line and not re.search(r"(?<!\\)\]\(", line)


def test_ten_thousand_findings_in_every_format(okse, write):  # noqa: F811
    document = many()
    source = write(document)
    for form in FORMATS:
        expected = sum(f["status"] in CARRIED.get(form, ALL) for f in document["findings"])
        assert len(set(re.findall(r"fnd:[0-9a-f]{16}", render(okse, source, form)))) == expected, form


# Over time

def test_diff_of_equal_findings_is_empty(okse):
    done = okse("report", "diff", DATA / "vn-two-faults.json", DATA / "vn-two-faults.json", "--json", status=0)
    assert done.json["counts"] == {"new": 0, "worse": 0, "changed": 0, "better": 0, "fixed": 0, "gone": 0, "same": 7}


def test_diff_tells_new_worse_fixed_and_gone(okse, write):  # noqa: F811
    old, new = load("vn-two-faults"), load("vn-two-faults")
    new["findings"] = copy.deepcopy(new["findings"])
    gone = new["findings"].pop(1)                                                  # nobody asked any more
    fixed = next(f for f in new["findings"] if f["control"] == "logs.location")
    fixed.update(status="pass", violations=0, evidence=[])
    worse = next(f for f in new["findings"] if f["control"] == "egress.destinations")
    worse["violations"] += 1
    worse["evidence"] = worse["evidence"] + [{**worse["evidence"][0], "fact": "ep:ffff"}]
    fresh = {**worse, "id": "fnd:0123456789abcdef", "provision": "vn-p02"}
    new["findings"].append(fresh)
    new["jurisdictions"] = copy.deepcopy(new["jurisdictions"])
    next(p for p in new["jurisdictions"][0]["provisions"] if p["id"] == "vn-p02")["status"] = "fail"
    new["inputs"] = {**new["inputs"], "manifests": "sha256:other"}
    done = okse("report", "diff", write(old, "old.json"), write(new, "new.json"), "--json", status=1)
    changes = {finding["id"]: finding["change"] for finding in done.json["findings"]}
    assert {id: change for id, change in changes.items() if change != "same"} == {
        gone["id"]: "gone", fixed["id"]: "fixed", worse["id"]: "worse", fresh["id"]: "new"}
    assert done.json["changed_inputs"] == ["manifests"]
    text = okse("report", "diff", write(old, "old.json"), write(new, "new.json"), status=1).out
    assert text.startswith("non-compliant -> non-compliant: 1 new, 1 worse, 0 changed, 0 better, 1 fixed, 1 gone, 4 same\n")
    assert "the two audits used different manifests" in text
    back = okse("report", "diff", write(new, "new.json"), write(old, "old.json"), status=1).out
    assert "worse   pass -> fail" in back  # the fixed one broke again


def test_diff_not_applicable_is_no_repair(okse, write):  # noqa: F811
    new = load("vn-two-faults")
    finding = next(f for f in new["findings"] if f["status"] == "inconclusive")
    finding.update(status="not-applicable", unknown=0, evidence=[])
    done = okse("report", "diff", DATA / "vn-two-faults.json", write(new), "--json", status=0)
    assert done.json["counts"]["changed"] == 1 and done.json["counts"]["fixed"] == 0


def test_diff_refuses_what_is_no_findings_document(okse, write):  # noqa: F811
    okse("report", "diff", DATA / "compliant.json", write({"schema": "x"}), status=2)
    okse("report", "diff", DATA / "compliant.json", status=2)
