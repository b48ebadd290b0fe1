"""Other people's programs read the machine formats: compliance-trestle, junitparser, LibreOffice, promtool, openssl."""
import base64
import csv
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import jsonschema
import pytest

import law_facts
import own_law as ol
import signing
from conftest import Okse
from report_formats import formats
from signing import Key
from test_report import DATA, NAMES, load, render, write  # noqa: F401 (fixture)
from test_report_formats import for_python
from test_token import token  # noqa: F401 (fixture)

ROOT = pathlib.Path(__file__).resolve().parents[2]
READERS = pathlib.Path(os.environ.get("OKSE_TOOLS", ROOT / "build-tools")) / "readers/bin/python"
SCHEMA = ROOT / "manifests/schemas/findings.schema.json"
needs_readers = pytest.mark.skipif(not READERS.exists(), reason="compliance-trestle and junitparser are not there (scripts/deps test)")
OPEN = ("fail", "inconclusive", "waived")


def python(script, *words, cwd):
    done = subprocess.run([READERS, "-c", script, *map(str, words)], capture_output=True, text=True, cwd=cwd,
                          env={"PATH": os.environ["PATH"], "HOME": str(cwd)})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# The document, and who renders it where

@pytest.mark.parametrize("source", [name for name in NAMES if name != "hostile"])  # an audit writes no such warning
def test_every_example_keeps_to_the_published_schema(source):
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(load(source))


def test_another_machine_renders_the_same_bytes_in_every_format(okse, tmp_path):
    elsewhere = {"TZ": "Pacific/Apia", "LANG": "vi_VN.UTF-8", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent", "NO_COLOR": "", "TERM": "xterm"}
    (tmp_path / "there").mkdir()
    for form in formats(okse):
        okse("report", DATA / "vn-two-faults.json", "--format", form, "-o", f"here.{form}", status=0)
        subprocess.run(["sh", "-c", 'umask 077 && exec "$0" "$@"', okse.binary, "report", DATA / "vn-two-faults.json", "--format", form,
                        "-o", f"there.{form}"], check=True, cwd=tmp_path / "there", env={**okse.environment, **elsewhere})
        assert (tmp_path / f"here.{form}").read_bytes() == (tmp_path / f"there/there.{form}").read_bytes(), form


def test_every_format_is_described(okse):
    page, helped = (ROOT / "docs/reports.md").read_text(), okse("report", "--help", status=0).out
    for form in formats(okse):
        assert f"`{form}`" in page and re.search(rf"[ \n]{form}[ ,.]", helped), form


# The law as OSCAL

EXPORTS = {"catalog": "oscal-catalog", "profile": "oscal-profile", "component-definition": "oscal-component-definition"}


@pytest.fixture(scope="module")
def law(tmp_path_factory):
    """Vietnam's law and our gates as OSCAL documents, and an audit under the same law."""
    directory = tmp_path_factory.mktemp("law")
    okse = Okse(directory)
    asked = ["--country", "VN", "--framework", "shipping"]
    law_facts.write(directory, law_facts.facts())
    for kind, form in EXPORTS.items():
        words = ["--evidence", "facts.json", "--at", "2026-11-23"] if kind == "profile" else []
        okse("policy", "export", "--format", form, *asked, *words, "-o", f"{kind}.json", status=0)
    audit = okse("audit", "--evidence", "facts.json", *asked, "--at", "2026-11-23", "--report", "oscal=assessment-results.json",
                 "--report", "poam=poam.json", "--report", "json=findings.json")
    assert audit.status in (0, 1, 4)
    return directory


def oscal(law, name):
    return next(iter(json.loads((law / f"{name}.json").read_text()).values()))


def controls(catalog):
    return [control for country in catalog["groups"] for instrument in country["groups"] for control in instrument.get("controls", [])]


def parts(item):
    for part in item.get("parts", []):
        yield part
        yield from parts(part)


@pytest.mark.parametrize("kind, schema", [("catalog", "catalog"), ("profile", "profile"), ("component-definition", "component"),
                                          ("assessment-results", "assessment-results"), ("poam", "poam")])
def test_exports_validate(law, shared, kind, schema):
    schema = for_python(json.loads((shared / f"schemas/oscal-1.1.3-{schema}.schema.json").read_text()))
    jsonschema.validate(json.loads((law / f"{kind}.json").read_text()), schema)


def test_the_whole_law_is_one_valid_catalog(okse, shared):
    countries = [word for path in (ROOT / "manifests/jurisdictions").glob("*.yaml") for word in ("--country", path.stem)]
    document = okse("policy", "export", "--format", "oscal-catalog", *countries, status=0).json
    jsonschema.validate(document, for_python(json.loads((shared / "schemas/oscal-1.1.3-catalog.schema.json").read_text())))
    ids = [control["id"] for control in controls(document["catalog"])]
    ids += [part["id"] for control in controls(document["catalog"]) for part in parts(control)]
    ids += [parameter["id"] for control in controls(document["catalog"]) for parameter in control.get("params", [])]
    assert len(ids) == len(set(ids)) and len(controls(document["catalog"])) > 800


def test_the_documents_refer_to_each_other(law):
    catalog, profile, component = (oscal(law, kind) for kind in EXPORTS)
    results, findings = oscal(law, "assessment-results"), json.loads((law / "findings.json").read_text())
    provisions = {control["id"]: control for control in controls(catalog)}
    objectives = {part["id"] for control in provisions.values() for part in parts(control) if part["name"] == "assessment-objective"}
    parameters = {parameter["id"] for control in provisions.values() for parameter in control.get("params", [])}
    rules = {prop["value"] for item in component["components"] for prop in item["props"] if prop["name"] == "Rule_Id"}
    assert set(provisions) == {p["id"] for j in findings["jurisdictions"] for p in j["provisions"]}
    for result in results["results"]:
        assert {finding["target"]["target-id"] for finding in result["findings"]} <= objectives
        assert {c["control-id"] for s in result["reviewed-controls"]["control-selections"] for c in s["include-controls"]} <= set(provisions)
        assert {p["value"] for o in result["observations"] for p in o["props"] if p["name"] == "assessment-rule-id"} <= rules
    assert catalog["uuid"] in {resource["uuid"] for resource in results["back-matter"]["resources"]}
    (imported,) = profile["imports"]
    chosen = set(imported["include-controls"][0]["with-ids"])
    assert imported["href"] == "catalog.json" and chosen < set(provisions)
    assert chosen >= {f["provision"] for f in findings["findings"] if f["status"] != "not-applicable"}
    assert {parameter["param-id"] for parameter in profile["modify"]["set-parameters"]} <= parameters
    stack, validator = component["components"]
    (implementation,) = stack["control-implementations"]
    assert (implementation["source"], validator["type"]) == ("profile.json", "validation")
    assert {one["control-id"] for one in implementation["implemented-requirements"]} == set(provisions)
    sets = {}
    for prop in validator["props"]:
        sets.setdefault(prop["remarks"], {})[prop["name"]] = prop["value"]
    assert all(set(one) == {"Rule_Id", "Rule_Description", "Check_Id", "Check_Description"} for one in sets.values())


def test_the_catalog_says_what_the_law_says(law):
    catalog = {control["id"]: control for control in controls(oscal(law, "catalog"))}
    shown = json.loads(subprocess.run([Okse(law).binary, "policy", "show", "VN", "--json"], check=True, capture_output=True, text=True).stdout)
    for provision in shown["provisions"]:
        control = catalog[provision["id"]]
        statement, objective, method = control["parts"]
        assert control["props"][0] == {"name": "label", "value": provision["article"]}
        assert (control["title"], statement["prose"]) == (provision["title"]["en"], provision["summary"]["en"])
        assert [part["props"][0]["value"] for part in objective.get("parts", [])] == [one["control"] for one in provision["controls"]]
        assert method["props"][0]["value"] == ("TEST" if provision["controls"] else "EXAMINE")
        values = {parameter["id"]: parameter.get("values") for parameter in control.get("params", [])}
        for one in provision["controls"]:
            for key, value in one["parameters"].items():
                if isinstance(value, list) and [c["control"] for c in provision["controls"]].count(one["control"]) == 1:
                    assert values[f"{provision['id']}_{one['control']}_{key}"] == [str(item) for item in value]


@pytest.mark.parametrize("provision, instrument, says", [("1a", "act", "'1a' cannot be a provision's id"), ("a", "1 act", "'1 act' cannot be an instrument's id"),
                                                         ("a", "act", "instrument act is given twice")])
def test_the_law_has_no_id_that_reports_cannot_carry(okse, tmp_path, provision, instrument, says):
    value = ol.country("XA", ol.provision("a", instrument=instrument))
    value["provisions"][0]["id"] = provision
    value["instruments"][0]["id"] = instrument
    value["instruments"] *= 2 if "twice" in says else 1
    ol.write(ol.manifests(tmp_path), value)
    assert says in okse("policy", "export", "--format", "oscal-catalog", "--manifests", "manifests", "--country", "XA", status=2).err


def test_law_from_a_stranger_makes_a_valid_catalog(okse, shared, tmp_path):
    evil = "</script>{{ insert: param, x }} \u202e\u00a0\"<x>"
    law = ol.country("XA", ol.provision("a", [ol.declared(), ol.declared(["model-card"])], title={"en": evil}, article=" \u00a0 "))
    law["instruments"][0].update(url="javascript:alert(1) x", citation=evil)
    ol.manifests(tmp_path, law)
    for kind, form in EXPORTS.items():
        document = okse("policy", "export", "--format", form, "--manifests", "manifests", "--country", "XA", status=0).json
        schema = json.loads((shared / f"schemas/oscal-1.1.3-{kind.split('-')[0]}.schema.json").read_text())
        jsonschema.validate(document, for_python(schema))
        if kind == "catalog":
            ((group,),) = [country["groups"] for country in document["catalog"]["groups"]]
            assert "links" not in group and [p["id"] for p in group["controls"][0]["params"]] == ["a_documents.present_types", "a_documents.present-2_types"]


def test_exports_are_the_same_everywhere(okse, law, tmp_path):
    for kind, form in EXPORTS.items():
        words = ["--evidence", law / "facts.json", "--at", "2026-11-23"] if kind == "profile" else []
        okse("policy", "export", "--format", form, "--country", "vn", "--framework", "shipping", *words, "-o", "x.json", status=0,
             env={"TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8"})
        assert (tmp_path / "x.json").read_bytes() == (law / f"{kind}.json").read_bytes()


def test_exports_refuse_what_makes_no_sense(okse):
    for words in (["--format", "oscal-catalog"], ["--country", "VN"], ["--format", "oscal", "--country", "VN"],
                  ["--format", "oscal-catalog", "--country", "XX"], ["--format", "oscal-catalog", "--country", "VN", "--at", "2026-01-01"],
                  ["--format", "oscal-catalog", "--country", "VN", "--source", "x.json"],
                  ["--format", "oscal-profile", "--country", "VN", "--bundle", "x.okse"],
                  ["--format", "oscal-profile", "--country", "VN", "--source", "a b"]):
        assert okse("policy", "export", *words, status=2).out == ""


IMPORT = """
import json, pathlib, sys
from trestle.cli import Trestle
run = lambda *words: Trestle().run([*map(str, words)])
law, reports = map(pathlib.Path, sys.argv[1:])
assert run('init', '--local') == 0
files = sorted(reports.glob('*.json')) + [law / f'{name}.json' for name in (
    'catalog', 'profile', 'component-definition', 'assessment-results', 'poam')]
failed = [file.name for file in files if run('import', '-f', file, '-o', file.stem.replace('.', '-')) != 0]
assert not failed, failed
profile = pathlib.Path('profiles/profile/profile.json')
profile.write_text(profile.read_text().replace('catalog.json', 'trestle://catalogs/catalog/catalog.json'))
assert run('validate', '-a') == 0
assert run('author', 'profile-resolve', '-n', 'profile', '-o', 'resolved') == 0
print(json.dumps(json.loads(pathlib.Path('catalogs/resolved/catalog.json').read_text())))
"""


@needs_readers
def test_compliance_trestle_imports_everything_and_resolves_the_profile(okse, law, tmp_path):
    """trestle itself refuses a UUID that is there twice, a reference to nothing, and what its models do not know."""
    (tmp_path / "reports").mkdir()
    (tmp_path / "workspace").mkdir()
    for source in NAMES:
        for form in ("oscal", "poam"):
            okse("report", DATA / f"{source}.json", "--format", form, "-o", f"reports/{source}.{form}.json", status=0)
    out = python(IMPORT, law, tmp_path / "reports", cwd=tmp_path / "workspace")
    resolved = json.loads(out.splitlines()[-1])["catalog"]
    ids, wanted = [], oscal(law, "profile")["imports"][0]["include-controls"][0]["with-ids"]

    def walk(group):
        ids.extend(control["id"] for control in group.get("controls", []))
        for inner in group.get("groups", []):
            walk(inner)

    walk(resolved)
    assert sorted(ids) == sorted(wanted)


# What is to be done

@pytest.mark.parametrize("source", NAMES)
def test_poam_validates_and_has_what_is_open(okse, shared, source):
    document = json.loads(render(okse, DATA / f"{source}.json", "poam"))
    jsonschema.validate(document, for_python(json.loads((shared / "schemas/oscal-1.1.3-poam.schema.json").read_text())))
    plan, findings = document["plan-of-action-and-milestones"], load(source)["findings"]
    said = [{prop["name"]: prop["value"] for prop in item["props"]} for item in plan["poam-items"]]
    wanted = [(f["id"], f["status"]) for f in findings if f["status"] in OPEN]
    assert [(one.get("finding-id"), one["verdict"]) for one in said] == (wanted or [(None, "none")])
    states = {"fail": "open", "inconclusive": "investigating", "waived": "deviation-approved"}
    assert [risk["status"] for risk in plan.get("risks", [])] == [states[status] for _, status in wanted]


def test_a_plan_over_nothing_decided_does_not_say_that_nothing_is_open(okse, write):  # noqa: F811
    document = load("compliant")
    document["verdict"] = document["jurisdictions"][0]["verdict"] = "inconclusive"
    document["findings"] = []
    (item,) = json.loads(render(okse, write(document), "poam"))["plan-of-action-and-milestones"]["poam-items"]
    assert item["title"] == "Nothing was decided" and item["props"][0]["value"] == "inconclusive"


def test_a_waiver_ends_as_a_deadline(okse, write):  # noqa: F811
    document = load("inconclusive")
    waived = next(f for f in document["findings"] if f["status"] == "waived")
    row = {"control": waived["control"], "provision": None, "file": None, "approver": "Head of security", "reason": "r", "risk": "low",
           "from": "2026-11-01T00:00:00Z", "until": "2026-12-31T00:00:00Z", "state": "applied"}
    document["waivers"] = {"digest": "sha256:" + "0" * 64, "status": "valid", "signer": "x", "reason": None, "rows": [
        {**row, "until": "2027-03-01"}, row, {**row, "until": "2027-01-01"}, {**row, "until": "2026-12-01", "state": "expired"}, {**row, "until": "2026-12-01", "control": "other"}]}
    for form in ("oscal", "poam"):
        (body,) = json.loads(render(okse, write(document), form)).values()
        risks = body["risks"] if form == "poam" else body["results"][0]["risks"]
        assert [risk.get("deadline") for risk in risks if risk["status"] == "deviation-approved"] == ["2026-12-31T00:00:00Z"]


# SARIF

def sarif(okse, source, *words):
    form = "sarif-full" if "full" in words else "sarif"
    return json.loads(okse("report", source, "--format", form, *(word for word in words if word != "full"), status=0).out)["runs"][0]


@pytest.mark.parametrize("source", NAMES)
def test_sarif_results_point_at_artifacts_and_taxonomies(okse, source):
    run = sarif(okse, DATA / f"{source}.json", "full")
    places = [location["physicalLocation"]["artifactLocation"] for result in run["results"] for location in result.get("locations", [])
              if "physicalLocation" in location]
    assert len(run["artifacts"]) == len({place["uri"] for place in places})
    for place in places:
        assert run["artifacts"][place["index"]]["location"] == {"uri": place["uri"], "uriBaseId": "SYSROOT"} and not place["uri"].startswith("/")
    for reference in run["tool"]["driver"]["supportedTaxonomies"] + [taxon["toolComponent"] for r in run["results"] for taxon in r["taxa"]]:
        assert run["taxonomies"][reference["index"]]["name"] == reference["name"]
    assert all("baselineState" not in result for result in run["results"])


def test_sarif_says_what_is_new_since_a_baseline(okse, shared, write):  # noqa: F811
    old = load("vn-two-faults")
    by_control = {f["control"] + f["provision"]: f for f in old["findings"]}
    repaired, gone, better = (by_control[key] for key in ("logs.locationvn-p07", "time.sourcesvn-p07", "storage.locationvn-p09"))
    new = json.loads(json.dumps(old))
    new["findings"] = [f for f in new["findings"] if f["id"] != gone["id"]]
    for finding in new["findings"]:
        if finding["id"] == repaired["id"]:
            finding.update(status="pass", violations=0, evidence=[])
        if finding["id"] == better["id"]:
            finding["unknown"] += 1
    del new["controls"][gone["control"]]
    old_path, new_path = write(old, "old.json"), write(new, "new.json")
    states = lambda run: {r["partialFingerprints"]["okseFinding/v1"]: r["baselineState"] for r in run["results"]}
    full = sarif(okse, new_path, "full", "--baseline", old_path)
    jsonschema.Draft7Validator(json.loads((shared / "schemas/sarif-2.1.0.schema.json").read_text())).validate({"version": "2.1.0", "runs": [full]})
    expected = {f["id"]: "unchanged" for f in new["findings"]} | {repaired["id"]: "updated", better["id"]: "updated", gone["id"]: "absent"}
    assert states(full) == expected
    assert set(states(sarif(okse, new_path, "--baseline", old_path)).values()) == {"unchanged", "updated"}
    broken = states(sarif(okse, old_path, "--baseline", new_path))  # it passed in between: the same log did not have it
    assert broken[repaired["id"]] == "new" and broken[better["id"]] == "updated" and gone["id"] not in broken
    okse("report", new_path, "--format", "csv", "--baseline", old_path, status=2)
    okse("report", new_path, "--format", "sarif", "--baseline", write("{}", "none.json"), status=2)


def test_what_is_hidden_is_hidden_of_the_baseline_too(okse, write, tmp_path):  # noqa: F811
    old, new = load("vn-two-faults"), load("vn-two-faults")
    gone = new["findings"].pop(0)
    assert gone["evidence"][0]["file"]
    (tmp_path / "key").write_bytes(b"k" * 32)
    hide = ["--redact", "public", "--redact-key", "key"]
    run = sarif(okse, write(new, "new.json"), "full", "--baseline", write(old, "old.json"), *hide)
    assert gone["evidence"][0]["file"].strip("/") not in json.dumps(run) and gone["evidence"][0]["message"] not in json.dumps(run)
    assert sorted(r["baselineState"] for r in run["results"]) == ["absent"] + ["unchanged"] * 6
    statement = okse("report", "new.json", "--format", "in-toto", *hide, status=0).out
    assert json.loads(statement)["subject"][0]["annotations"] == {"redaction": "public"}


# Build servers, spreadsheets, monitoring

@needs_readers
def test_junitparser_reads_what_we_write(okse, tmp_path):
    for source in NAMES:
        (tmp_path / f"{source}.xml").write_text(render(okse, DATA / f"{source}.json", "junit"))
    out = python("""
import json, sys, junitparser
print(json.dumps({path: {case.system_out.strip(): [(type(one).__name__, one.message) for one in case.result]
                         for suite in junitparser.JUnitXml.fromfile(path) for case in suite} for path in sys.argv[1:]}))
""", *(f"{source}.xml" for source in NAMES), cwd=tmp_path)
    kinds = {"fail": ["Failure"], "inconclusive": ["Error"], "waived": ["Skipped"], "not-applicable": ["Skipped"], "pass": []}
    for path, cases in json.loads(out).items():
        findings = load(path.removesuffix(".xml"))["findings"]
        assert {id: [kind for kind, _ in result] for id, result in cases.items()} == {f["id"]: kinds[f["status"]] for f in findings}
        for finding in findings:
            if finding["status"] == "waived":
                assert cases[finding["id"]][0][1] == "waived: " + finding["reason"]["en"]


@needs_readers
@pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice is not installed (libreoffice-calc-nogui)")
def test_libreoffice_opens_the_csv_with_every_cell(okse, tmp_path):
    document = load("vn-two-faults")
    document["findings"][0]["evidence"][0]["message"] = "=1+1 로그 → 일지 журнал"
    (tmp_path / "f.json").write_text(json.dumps(document))
    okse("report", "f.json", "--format", "csv", "-o", "f.csv", status=0)
    subprocess.run(["soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless", "--norestore", "--infilter=CSV:44,34,76,1",
                    "--convert-to", "xlsx", "f.csv"], check=True, capture_output=True, cwd=tmp_path, env=okse.environment, timeout=120)
    cells = json.loads(python("""
import json, openpyxl
rows = list(openpyxl.load_workbook('f.xlsx').active.iter_rows())
print(json.dumps([[[cell.data_type, '' if cell.value is None else str(cell.value)] for cell in row] for row in rows]))
""", cwd=tmp_path))
    assert (tmp_path / "f.csv").read_bytes().startswith(b"\xef\xbb\xbf")  # what its dialogue, and Excel, know UTF-8 by
    with (tmp_path / "f.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [[text for _, text in row] for row in cells] == list(csv.reader(file))
    assert not any(kind == "f" for row in cells for kind, _ in row)


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed (prometheus)")
@pytest.mark.parametrize("source", NAMES)
def test_promtool_has_nothing_to_say(okse, source):
    done = subprocess.run(["promtool", "check", "metrics"], input=render(okse, DATA / f"{source}.json", "prometheus"), text=True,
                          capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# The auditor's word

def opened(path):
    envelope = json.loads(path.read_text())["dsseEnvelope"]
    assert envelope["payloadType"] == signing.TYPE
    payload = base64.b64decode(envelope["payload"])
    return json.loads(payload), payload, base64.b64decode(envelope["signatures"][0]["sig"])


def holds(tmp_path, public, payload, signature):
    """By openssl alone: the message is DSSE's pre-authentication encoding, made here."""
    (tmp_path / "pae").write_bytes(signing.pae(payload))
    (tmp_path / "sig").write_bytes(signature)
    kind = signing.openssl("pkey", "-pubin", "-in", public, "-text", "-noout")
    words = ["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", public, "-in", tmp_path / "pae", "-sigfile", tmp_path / "sig"]
    if b"ED25519" not in kind:
        words = ["dgst", "-sha256", "-verify", public, "-signature", tmp_path / "sig", tmp_path / "pae"]
    return subprocess.run(["openssl", *map(str, words)], capture_output=True).returncode == 0


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("kind", ["ed25519", "P-256"])
def test_an_auditor_attests_findings_and_their_evidence(okse, law, tmp_path, kind):
    auditor, stranger = Key(tmp_path, "auditor", kind), Key(tmp_path, "stranger", kind)
    done = okse("sign", "--audit", law / "findings.json", "--evidence", law / "facts.json", "--key", auditor.path, "-o", "a.json", status=0)
    assert done.out == f"attested {law / 'findings.json'}: a.json\n"
    statement, payload, signature = opened(tmp_path / "a.json")
    assert holds(tmp_path, auditor.public, payload, signature)
    assert not holds(tmp_path, stranger.public, payload, signature) and not holds(tmp_path, auditor.public, payload + b" ", signature)
    findings = json.loads((law / "findings.json").read_text())
    assert (statement["_type"], statement["predicateType"]) == (
        "https://in-toto.io/Statement/v1", "https://in-toto.io/attestation/test-result/v0.1")
    assert statement["subject"] == [{"name": name, "digest": {"sha256": sha256(law / name)}} for name in ("findings.json", "facts.json")]
    predicate = statement["predicate"]
    digests = {one["name"]: "sha256:" + one["digest"]["sha256"] for one in predicate["configuration"]}
    assert digests["facts"] == findings["inputs"]["facts"] and digests["manifests"] == findings["inputs"]["manifests"]
    names = {key: {name.split()[0] for name in predicate[key]} for key in ("passedTests", "warnedTests", "failedTests")}
    assert names["passedTests"] == {f["id"] for f in findings["findings"] if f["status"] == "pass"}
    assert names["failedTests"] == {f["id"] for f in findings["findings"] if f["status"] in ("fail", "inconclusive") and f["severity"] == "mandatory"}
    assert (predicate["result"] == "FAILED") == (findings["verdict"] != "compliant")


def test_the_commands_of_the_page_verify_an_attestation(okse, law, tmp_path):
    auditor, page = Key(tmp_path, "auditor"), (ROOT / "docs/reports.md").read_text().split("## Attestations")[1]
    script = "set -e\n" + re.search(r"```sh\n(.*?)```", page, re.S)[1]
    for name in ("findings.json", "facts.json"):
        shutil.copy(law / name, tmp_path)
    okse("sign", "--audit", "findings.json", "--evidence", "facts.json", "--key", auditor.path, status=0)
    by_hand = lambda: subprocess.run(["sh", "-c", script], capture_output=True, text=True, cwd=tmp_path)
    done = by_hand()
    assert done.returncode == 0 and done.stdout.split() == ["Signature", "Verified", "Successfully", "findings.json:", "OK", "facts.json:", "OK", "FAILED"]
    (tmp_path / "facts.json").write_text((tmp_path / "facts.json").read_text() + " ")
    assert by_hand().returncode != 0
    shutil.copy(law / "facts.json", tmp_path)
    sealed = tmp_path / "findings.json.sigstore.json"
    envelope = json.loads(sealed.read_text())
    payload = base64.b64decode(envelope["dsseEnvelope"]["payload"]).replace(b'"result":"FAILED"', b'"result":"PASSED"')
    envelope["dsseEnvelope"]["payload"] = signing.b64(payload)
    sealed.write_text(json.dumps(envelope))
    done = by_hand()
    assert done.returncode != 0 and "PASSED" not in done.stdout


@pytest.mark.parametrize("source, result", [("compliant", "PASSED"), ("inconclusive", "FAILED"), ("vn-two-faults", "FAILED")])
def test_what_is_not_known_has_not_passed(okse, tmp_path, source, result):
    statement = json.loads(render(okse, DATA / f"{source}.json", "in-toto"))
    okse("report", DATA / f"{source}.json", "--format", "json", "-o", "findings.json", status=0)
    assert statement["subject"] == [{"name": "findings.json", "digest": {"sha256": sha256(tmp_path / "findings.json")}}]
    assert statement["predicate"]["result"] == result


def test_a_summary_names_the_package_and_the_law_that_it_complies_with(okse, tmp_path):
    auditor, identity = Key(tmp_path, "auditor"), load("compliant")["target"]["install"]["identity"]
    for source, properties in (("compliant", ["OKSE_COMPLIANT_VN"]), ("vn-two-faults", [])):
        okse("sign", "--audit", DATA / f"{source}.json", "--summary", "--key", auditor.path, "-o", "a.json", status=0)
        statement, payload, signature = opened(tmp_path / "a.json")
        assert holds(tmp_path, auditor.public, payload, signature)
        assert statement["predicateType"] == "https://in-toto.io/attestation/svr/v0.2"
        assert statement["subject"] == [{"name": "civic-search", "digest": {"sha256": identity[7:]}}]
        assert statement["predicate"]["properties"] == properties and statement["predicate"]["timeCreated"] == "2026-11-23T07:30:00Z"
    document = load("compliant")
    document["target"]["install"] = None
    (tmp_path / "f.json").write_text(json.dumps(document))
    assert "name none" in okse("sign", "--audit", "f.json", "--summary", "--key", auditor.path, status=2).err


def test_nobody_attests_what_does_not_belong_together(okse, law, tmp_path):
    auditor = Key(tmp_path, "auditor")
    law_facts.write(tmp_path, law_facts.facts(compliance={"data_classes": ["health"], "sector": "health"}), "other.json")
    words = ["sign", "--audit", law / "findings.json", "-o", "a.json"]
    for more in (["--key", auditor.path, "--evidence", "other.json"], ["--evidence", law / "facts.json"], ["--key", auditor.path, "x.okse"],
                 ["--key", auditor.path, "--summary", "--evidence", law / "facts.json"]):
        okse(*words, *more, status=2)
    okse("sign", "--audit", "other.json", "--key", auditor.path, "-o", "a.json", status=2)
    okse("sign", "--evidence", "other.json", "--document", "other.json", "--role", "x", "--key", auditor.path, "-o", "a.json", status=2)
    assert not (tmp_path / "a.json").exists()


def test_an_auditor_signs_with_a_token(token, law):  # noqa: F811
    site, environment = token
    site.okse("sign", "--audit", law / "findings.json", "--key", "pkcs11:token=okse;object=vendor", "--passphrase-fd", "0", "-o", "a.json",
              stdin="1234\n", env=environment, status=0)
    _, payload, signature = opened(site.directory / "a.json")
    assert holds(site.directory, site.directory / "vendor.pub", payload, signature)
