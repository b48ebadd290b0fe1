"""okse audit: facts written by hand in, verdicts out. What is expected comes from the articles, not from our output."""
import hashlib
import json
import pathlib
import subprocess
import jsonschema
import pytest
import law_facts as lf

ROOT = pathlib.Path(__file__).resolve().parents[2]
AT = "2026-11-23T07:30:00Z"


def audit(okse, tmp_path, value, *words, country="VN", at=AT, status=None):
    path = lf.write(tmp_path, value)
    countries = [word for one in country.split() for word in ("--country", one)]
    return okse("audit", "--evidence", path, *countries, "--at", at, "--json", *words, status=status)


def by_status(findings, status):
    return [f for f in findings["findings"] if f["status"] == status]


def places(findings, status="fail"):
    return {(e["file"], e["line"]) for f in by_status(findings, status) for e in f["evidence"]}


def test_the_planted_faults_and_nothing_else(okse, tmp_path):
    findings = audit(okse, tmp_path, lf.facts(endpoints=lf.clean_endpoints() + lf.faults()), status=1).json
    assert findings["verdict"] == "non-compliant"
    assert places(findings) == {lf.TELEMETRY[:2], lf.LOGS[:2]}
    assert by_status(findings, "inconclusive") == []
    failing = {f["control"]: {(e["file"], e["line"]) for e in f["evidence"]} for f in by_status(findings, "fail")}
    assert failing["telemetry.destinations"] == {lf.TELEMETRY[:2]} and failing["logs.destinations"] == {lf.LOGS[:2]}
    assert failing["egress.destinations"] == {lf.TELEMETRY[:2], lf.LOGS[:2]}
    evidence = [e for f in by_status(findings, "fail") if f["control"] == "logs.destinations" for e in f["evidence"]]
    assert evidence[0]["message"] == "logs → 193.0.6.139:6514 (NL)" and evidence[0]["country"] == "NL"
    assert evidence[0]["excerpt"] == lf.LOGS[2] and evidence[0]["component"] == "serving"


def test_the_corrected_target_is_compliant(okse, tmp_path):
    findings = audit(okse, tmp_path, lf.facts(), status=0).json
    assert findings["verdict"] == "compliant"
    assert by_status(findings, "fail") == [] and by_status(findings, "inconclusive") == []
    # what only the host could show is not a pass
    observed = [f for f in findings["findings"] if f["control"] in ("egress.observed", "storage.place")
                and f["provision"] == "vn-p01"]
    assert observed and all(f["status"] == "not-applicable" and f["reason"]["en"] == "host not in scope" for f in observed)


@pytest.mark.parametrize("collector", ["configuration", "documents", "install", "drift"])
@pytest.mark.parametrize("status", ["unavailable", "partial"])
def test_what_could_not_be_read_is_inconclusive_never_a_pass(okse, tmp_path, collector, status):
    value = lf.facts()
    lf.set_collector(value, collector, status, "permission denied")
    findings = audit(okse, tmp_path, value, status=4).json
    touched = [f for f in findings["findings"] if collector in findings["controls"][f["control"]]["needs"]
               and f["status"] != "not-applicable"]
    assert touched and all(f["status"] == "inconclusive" for f in touched)
    assert any("permission denied" in f["reason"]["en"] for f in touched)


def test_a_violation_in_a_partial_collector_still_fails(okse, tmp_path):
    value = lf.facts(endpoints=lf.clean_endpoints() + lf.faults())
    lf.set_collector(value, "configuration", "partial", "one file is too large")
    findings = audit(okse, tmp_path, value, status=1).json
    assert places(findings) == {lf.TELEMETRY[:2], lf.LOGS[:2]}


def test_a_public_address_without_a_place_is_inconclusive(okse, tmp_path):
    unknown = lf.endpoint(9, "collector.example", "logs", None, ("/etc/x", 3, "x"), scope="unresolved")
    findings = audit(okse, tmp_path, lf.facts(endpoints=[unknown]), status=4).json
    assert places(findings, "inconclusive") == {("/etc/x", 3)}
    assert {e["verdict"] for f in by_status(findings, "inconclusive") for e in f["evidence"]} == {"unknown"}


def test_a_missing_document_fails(okse, tmp_path):
    papers = [d for d in lf.documents() if d["type"] != "dpia"]
    findings = audit(okse, tmp_path, lf.facts(papers=papers), status=1).json
    failing = by_status(findings, "fail")
    assert [(f["control"], f["provision"]) for f in failing] == [("documents.present", "vn-p05")]
    assert failing[0]["evidence"][0]["message"] == "document: dpia" and failing[0]["evidence"][0]["file"] is None


def test_a_doubtful_provision_never_fails_by_itself(okse, tmp_path):
    papers = [d for d in lf.documents() if d["type"] != "retention"] + [lf.document(3, "retention", log_days=30)]
    findings = audit(okse, tmp_path, lf.facts(papers=papers), status=4).json
    found = [f for f in findings["findings"] if f["provision"] == "vn-p17" and f["control"] == "retention.days_min"]
    assert found[0]["status"] == "inconclusive" and found[0]["warning"] == "lawyer" and found[0]["violations"] == 1
    assert by_status(findings, "fail") == []


def test_the_law_of_the_day(okse, tmp_path):
    # no AI notice: a breach of the AI Law, which is in force from 2026-03-01
    value = lf.facts(papers=[d for d in lf.documents() if d["type"] != "ai-notice"])
    before = audit(okse, tmp_path, value, at="2026-02-28T23:59:59Z", status=0).json
    coming = [f for f in before["findings"] if f["provision"] == "vn-a03"]
    assert coming[0]["status"] == "not-applicable" and coming[0]["reason"]["en"] == "coming: in force from 2026-03-01"
    assert audit(okse, tmp_path, value, at="2026-03-01", status=1).json["verdict"] == "non-compliant"


def test_before_any_law_nothing_is_evaluated_and_that_is_not_compliant(okse, tmp_path):
    findings = audit(okse, tmp_path, lf.facts(), at="2001-01-01", status=4).json
    assert findings["summary"]["evaluated"] == 0 and findings["verdict"] == "inconclusive"


def test_sector_and_class_decide_what_applies(okse, tmp_path):
    compliance = {"data_classes": ["health"], "sector": "health", "purpose": "x", "flows": []}
    papers = [*lf.documents(), lf.document(8, "access-policy", mfa=True)]
    findings = audit(okse, tmp_path, lf.facts(compliance=compliance, papers=papers)).json
    status = {p["id"]: p["status"] for p in findings["jurisdictions"][0]["provisions"]}
    assert status["vn-p18"] == "pass"       # health data, health sector
    assert status["vn-p05"] == "pass"       # health data is personal data
    assert status["vn-p17"] == "not-applicable"  # government only
    reason = [p for p in findings["jurisdictions"][0]["provisions"] if p["id"] == "vn-p17"][0]["reason"]["en"]
    assert "government" in reason


def test_a_target_that_declares_nothing_is_not_compliant_but_can_fail(okse, tmp_path):
    value = lf.facts(scope=("host",), install=None, papers=[], endpoints=[])
    assert audit(okse, tmp_path, value, status=4).json["verdict"] == "inconclusive"
    seen = lf.endpoint(7, "203.0.113.9", "unknown", "SG", ("/proc/net/tcp", 4, "x"), state="observed", observed=True)
    findings = audit(okse, tmp_path, lf.facts(scope=("host",), install=None, papers=[], endpoints=[seen]), status=1).json
    assert {f["control"] for f in by_status(findings, "fail")} == {"egress.observed"}


def test_several_countries_at_once(okse, tmp_path):
    findings = audit(okse, tmp_path, lf.facts(), country="VN kr SA VN").json
    assert [j["iso"] for j in findings["jurisdictions"]] == ["VN", "KR", "SA"]
    verdicts = {j["iso"]: j["verdict"] for j in findings["jurisdictions"]}
    # an install whose metrics stay in Hanoi is not in the Kingdom
    assert verdicts == {"VN": "compliant", "KR": "non-compliant", "SA": "non-compliant"}
    assert findings["languages"][:2] == ["vi", "en"] and {"ko", "ar"} <= set(findings["languages"])
    order = [f["jurisdiction"] for f in findings["findings"]]
    assert order == sorted(order, key=["VN", "KR", "SA"].index)
    assert sum(j["summary"]["total"] for j in findings["jurisdictions"]) == findings["summary"]["total"]


def test_the_findings_are_a_function_of_their_inputs(okse, tmp_path):
    value = lf.facts(endpoints=lf.clean_endpoints() + lf.faults())
    first, second = (audit(okse, tmp_path, value).out for _ in range(2))
    assert first == second
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    findings = json.loads(first)
    assert findings["inputs"]["facts"] == "sha256:" + hashlib.sha256(canonical).hexdigest()
    ids = [f["id"] for f in findings["findings"]]
    assert len(ids) == len(set(ids))
    # ids stay when other facts change
    other = audit(okse, tmp_path, lf.facts()).json
    assert [f["id"] for f in other["findings"]] == ids


def test_everything_validates(okse, tmp_path):
    value = lf.facts(scope=("install", "host"), endpoints=lf.clean_endpoints() + lf.faults())
    schemas = {name: json.loads((ROOT / f"manifests/schemas/{name}.schema.json").read_text()) for name in ("facts", "findings")}
    jsonschema.Draft202012Validator(schemas["facts"]).validate(value)
    findings = audit(okse, tmp_path, value, country="VN KR SA").json
    jsonschema.Draft202012Validator(schemas["findings"]).validate(findings)


def test_the_summary_counts_what_is_there(okse, tmp_path):
    findings = audit(okse, tmp_path, lf.facts(endpoints=lf.clean_endpoints() + lf.faults())).json
    for status in ("pass", "fail", "inconclusive", "not-applicable", "waived"):
        assert findings["summary"][status] == len(by_status(findings, status))
    assert findings["summary"]["not-checkable"] == len([p for p in findings["jurisdictions"][0]["provisions"] if "not_checkable" in p])
    assert findings["jurisdictions"][0]["out_of_scope"] == []


def test_a_provision_that_only_the_host_could_show_is_named(okse, tmp_path):
    compliance = {"data_classes": ["financial"], "sector": "finance", "purpose": "x", "flows": []}
    findings = audit(okse, tmp_path, lf.facts(compliance=compliance), country="KR").json
    korea = findings["jurisdictions"][0]
    assert korea["out_of_scope"] == ["kr-p24"]
    assert [p["reason"]["en"] for p in korea["provisions"] if p["id"] == "kr-p24"] == ["not in scope of this audit"]


def test_unpoliced_endpoints_are_listed(okse, tmp_path):
    incoming = lf.endpoint(8, "198.51.100.20", "peer", "DE", ("/etc/y", 1, "y"), direction="in")
    findings = audit(okse, tmp_path, lf.facts(endpoints=lf.clean_endpoints() + [incoming])).json
    assert findings["inventory"]["unpoliced"] == [incoming["id"]]


def test_a_hundred_evidences_are_listed_and_all_are_counted(okse, tmp_path):
    many = [lf.endpoint(i, f"h{i}.example", "logs", "SG", ("/etc/rsyslog.conf", i, "x")) for i in range(1, 301)]
    findings = audit(okse, tmp_path, lf.facts(endpoints=many), status=1).json
    logs = [f for f in by_status(findings, "fail") if f["control"] == "logs.destinations"][0]
    assert logs["violations"] == 300 and [e["line"] for e in logs["evidence"]] == list(range(1, 101))


def test_the_same_expressions_under_jq_itself(okse, tmp_path):
    """The yardstick: jq the command, with the parameters of each finding, gives the same violations."""
    value = lf.facts(scope=("install", "host"), endpoints=lf.clean_endpoints() + lf.faults())
    path = lf.write(tmp_path, value, "jq.json")
    findings = audit(okse, tmp_path, value).json
    checked = 0
    for finding in findings["findings"]:
        if finding["status"] == "not-applicable":
            continue
        control = okse("policy", "show", finding["control"], "--json", status=0).json
        words = [w for name, v in {**finding["parameters"], "country": "VN"}.items() for w in ("--argjson", name, json.dumps(v))]
        out = subprocess.run(["jq", "-c", *words, f'[{control["expressions"]["violations"]}] | unique | length', path],
                             capture_output=True, text=True, check=True).stdout
        assert int(out) == finding["violations"], finding["control"]
        checked += 1
    assert checked > 15


@pytest.mark.parametrize("words, message", [
    (["--country", "VN"], "give one of --root DIR, --bundle FILE and --evidence FILE"),
    (["--evidence", "facts.json"], "give --country ISO2"),
    (["--evidence", "facts.json", "--country", "XX"], "no law for the country 'XX' (there is: AE AR AU"),
    (["--evidence", "facts.json", "--country", "VN", "--at", "yesterday"], "--at: 'yesterday'"),
    (["--evidence", "facts.json", "--country", "VN", "--report", "html"], "FORMAT=FILE was expected"),
    (["--evidence", "facts.json", "--country", "VN", "--scope", "install"], "belong to the collection"),
    (["--root", "/nowhere", "--scope", "all", "--country", "VN"], "none of install, host, both"),
])
def test_wrong_usage(okse, tmp_path, words, message):
    lf.write(tmp_path, lf.facts())
    result = okse("audit", *words, status=2)
    assert message in result.err and result.out == ""


def test_a_missing_evidence_file(okse):
    assert "nowhere.json" in okse("audit", "--evidence", "nowhere.json", "--country", "VN", status=3).err


@pytest.mark.parametrize("break_it, message", [
    (lambda v: v.pop("endpoints"), "'endpoints' is missing"),
    (lambda v: v.update(schema="other"), "not an okse.facts.v1 document"),
    (lambda v: v.update(endpoints=[{"host": "x"}]), "endpoints[0] is no fact with an 'id'"),
    (lambda v: v.update(collectors=[{"collector": "x", "status": "fine"}]), "collectors[0]"),
    (lambda v: v.update(scope=[]), "'scope' is empty"),
    (lambda v: v.update(install=[]), "'install' must be an object or null"),
])
def test_broken_facts_are_refused(okse, tmp_path, break_it, message):
    value = lf.facts()
    break_it(value)
    assert message in audit(okse, tmp_path, value, status=2).err


def test_facts_of_the_wrong_shape_inside_are_inconclusive(okse, tmp_path):
    value = lf.facts()
    value["endpoints"][0]["location"] = "somewhere"
    findings = audit(okse, tmp_path, value, status=4).json
    assert any("could not be evaluated" in f["reason"]["en"] for f in by_status(findings, "inconclusive"))


def test_a_report_in_json(okse, tmp_path):
    out = audit(okse, tmp_path, lf.facts(), "--report", "json=findings.json", status=0).json
    assert json.loads((tmp_path / "findings.json").read_text()) == out


def test_the_terminal_shows_the_verdict(okse, tmp_path):
    path = lf.write(tmp_path, lf.facts(endpoints=lf.faults()))
    result = okse("audit", "--evidence", path, "--country", "VN", "--at", AT, status=1)
    assert "Not compliant" in result.out and "rsyslog.conf:6" in result.out


def test_a_report_in_html_names_the_law_and_the_place(okse, tmp_path):
    audit(okse, tmp_path, lf.facts(endpoints=lf.clean_endpoints() + lf.faults()), "--report", "html=report.html", status=1)
    page = (tmp_path / "report.html").read_text()
    assert "Luật Bảo vệ dữ liệu cá nhân" in page and "/srv/okse/current/serving/rsyslog.conf" in page


def test_a_report_that_cannot_be_made_is_told_before_the_work(okse, tmp_path):
    result = okse("audit", "--evidence", "nowhere.json", "--country", "VN", "--report", "pdfx=r", status=2)
    assert "pdfx" in result.err
