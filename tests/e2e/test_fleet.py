"""okse audit --fleet: many targets in one document, and its reports. Expected counts are those of the evidence that is written here."""
import csv
import hashlib
import io
import json
import pathlib
import re
import subprocess
import jsonschema
import pytest

import browser
import law_facts as lf

ROOT = pathlib.Path(__file__).resolve().parents[2]
AT = "2026-11-23T07:30:00Z"
SCHEMA = json.loads((ROOT / "manifests/schemas/fleet.schema.json").read_text())


def evidence(directory, count, faulty, partial=()):
    """`count` hosts on two sites; those of `faulty` send logs and telemetry abroad, `partial` could not be seen wholly."""
    (directory / "ev").mkdir()
    for n in range(count):
        value = lf.facts(endpoints=lf.clean_endpoints() + (lf.faults() if n in faulty else []))
        value["host"]["hostname"], value["site"]["name"] = f"gpu{n:02}.<b>", f"Site {n % 2}"
        if n in partial:
            lf.set_collector(value, "configuration", "partial")
        (directory / "ev" / f"host{n:02}.json").write_text(json.dumps(value))


def fleet(okse, *words, status, evidence=("ev",)):
    given = [word for path in evidence for word in ("--evidence", path)]
    return okse("audit", *given, "--country", "VN", "--at", AT, "--fleet", "fleet.json", *words, status=status)


@pytest.fixture
def made(okse, tmp_path):
    evidence(tmp_path, 6, {0, 3}, {1})
    (tmp_path / "ev/broken.json").write_text("{")
    done = fleet(okse, "--report", "json=found-{}.json", status=1)
    return json.loads((tmp_path / "fleet.json").read_text()), done


def test_targets_are_counted_and_sorted_worst_first(okse, tmp_path, made):
    document, done = made
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert document["verdict"] == "non-compliant"
    assert document["summary"] == {"targets": 7, "non-compliant": 2, "inconclusive": 2, "compliant": 3, "unread": 1}
    assert [t["name"] for t in document["targets"]] == ["host00", "host03", "broken", "host01", "host02", "host04", "host05"]
    assert [(s["site"], s["verdict"], s["summary"]["targets"]) for s in document["sites"]] == [
        ("Site 1", "non-compliant", 3), ("Site 0", "non-compliant", 3), (None, "inconclusive", 1)]
    assert [(c["country"], c["summary"]["targets"]) for c in document["countries"]] == [("VN", 6), (None, 1)]
    assert "broken: not judged" in done.err and "expected" in document["targets"][2]["error"]


def test_what_could_not_be_judged_is_open_under_every_law(okse, tmp_path):
    evidence(tmp_path, 1, ())
    (tmp_path / "ev/broken.json").write_text("{")
    fleet(okse, status=4)
    law, = json.loads((tmp_path / "fleet.json").read_text())["jurisdictions"]
    assert (law["verdict"], law["targets"]) == ("inconclusive", {"compliant": 1, "inconclusive": 1, "unread": 1})


def test_a_part_of_the_checks_is_a_part_of_them_for_a_fleet_too(okse, tmp_path):
    evidence(tmp_path, 2, ())
    fleet(okse, "--only", "logs.destinations", status=0)
    document = json.loads((tmp_path / "fleet.json").read_text())
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert document["verdict"] == "inconclusive" and document["partial"] == {"only": ["logs.destinations"]}
    for form in ("text", "html", "markdown"):
        assert "a partial audit: only logs" in okse("report", "fleet.json", "--format", form, "--language", "en", status=0).out.replace("\\", "")
    document["verdict"] = "compliant"
    (tmp_path / "odd.json").write_text(json.dumps(document))
    okse("report", "odd.json", status=2)


def test_it_says_what_each_audit_alone_says(okse, tmp_path, made):
    document, _ = made
    for target in document["targets"]:
        if "error" in target:
            continue
        alone = okse("audit", "--evidence", f"ev/{target['name']}.json", "--country", "VN", "--at", AT, "--json").json
        assert alone == json.loads((tmp_path / f"found-{target['name']}.json").read_text())
        canonical = json.dumps(alone, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        assert target["findings"] == "sha256:" + hashlib.sha256(canonical).hexdigest()
        assert (target["verdict"], target["summary"], target["facts"]) == (alone["verdict"], alone["summary"], alone["inputs"]["facts"])
        assert {o["id"] for o in target["open"]} == {f["id"] for f in alone["findings"] if f["status"] in ("fail", "inconclusive", "waived")}
    for finding in document["findings"]:
        assert sum(finding["counts"].values()) == 6 and finding["targets"].get("fail", []) in ([], ["host00", "host03"])


def test_the_same_whatever_the_order(okse, tmp_path, made):
    paths = [f"ev/{path.name}" for path in sorted((tmp_path / "ev").iterdir(), reverse=True)]
    (tmp_path / "fleet.json").rename(tmp_path / "first.json")
    fleet(okse, status=1, evidence=paths)
    assert (tmp_path / "fleet.json").read_bytes() == (tmp_path / "first.json").read_bytes()


def test_every_format_names_every_target_and_open_finding(okse, tmp_path, made):
    document, done = made
    names, opened = [t["name"] for t in document["targets"]], {f["id"] for f in document["findings"] if f["targets"]}
    reports = {form: okse("report", "fleet.json", "--format", form, status=0).out for form in ("text", "html", "csv", "markdown", "json")}
    assert reports["json"] == (tmp_path / "fleet.json").read_text() and reports["text"] == done.out
    for form, report in reports.items():
        assert [name for name in names if name not in report] == []
        assert form == "markdown" or [id for id in opened if id not in report] == []
        assert form == "json" or "\n<b>" not in report
    assert "gpu00.<b>" not in reports["html"] and "gpu00.&lt;b&gt;" in reports["html"]
    rows = list(csv.DictReader(io.StringIO(reports["csv"])))
    assert {(r["target"], r["finding"]) for r in rows if r["finding"]} == {(t["name"], o["id"]) for t in document["targets"] for o in t.get("open", [])}
    assert "Không tuân thủ" in reports["html"] and "<script" not in reports["html"]


@pytest.mark.skipif(not browser.available(), reason="chromium is not installed")
def test_the_page_asks_for_nothing_and_says_nothing(okse, tmp_path, made):
    okse("report", "fleet.json", "--format", "html", "-o", "fleet.html", status=0)
    shown, console, asked = browser.run(tmp_path / "fleet.html", "--dump-dom")
    assert console == [] and asked == [] and shown.count("<tr id=") == 7


def test_refusals_leave_nothing(okse, tmp_path, made):
    (tmp_path / "fleet.json").unlink()
    (tmp_path / "more").mkdir()
    (tmp_path / "more/host00.txt").write_text("{}")
    (tmp_path / "empty").mkdir()
    assert "same name" in fleet(okse, status=2, evidence=("ev", "more")).err
    assert "no evidence in this directory" in fleet(okse, status=2, evidence=("empty",)).err
    assert "must have {}" in fleet(okse, "--report", "html=r.html", status=2).err
    assert "about evidence" in okse("audit", "--root", "none", "--country", "VN", "--fleet", "fleet.json", status=2).err
    okse("audit", "--evidence", "ev/broken.json", "--country", "VN", "--at", AT, "--fleet", "fleet.json", status=2)
    assert not (tmp_path / "fleet.json").exists()


def test_a_fleet_from_outside_is_read_strictly(okse, tmp_path, made):
    document, _ = made

    def refused(change):
        (tmp_path / "odd.json").write_text(json.dumps({**document, **change}))
        return okse("report", "odd.json", "--format", "html", status=2).err
    assert "languages" in refused({"languages": ['en"><script>']})
    assert "verdict" in refused({"verdict": "fine"})
    assert "audited_at" in refused({"audited_at": "now\n# heading"})
    assert "targets[0]: 'name'" in refused({"targets": [{"verdict": "compliant"}]})
    assert "control" in refused({"controls": {}})
    assert "warnings" in refused({"warnings": [{"kind": "x"}]})
    # and does not say yes over hosts that say no
    assert "the fleet: the verdict is 'compliant', but what it is of is 'non-compliant'" in refused({"verdict": "compliant"})
    assert "the fleet" in refused({"verdict": "inconclusive"})
    fine = [{**target, "verdict": "compliant"} for target in document["targets"]]
    assert "broken: the verdict" in refused({"targets": fine[2:], "verdict": "compliant"})
    assert "host00: the verdict" in refused({"targets": fine[:2] + document["targets"][2:]})
    for rows in ("jurisdictions", "countries", "sites"):
        assert f"{rows}: the verdict is 'compliant'" in refused({rows: [{**row, "verdict": "compliant"} for row in document[rows]]})
    assert "targets" in refused({"targets": document["targets"][1:]})
    assert "of one target" in okse("report", "fleet.json", "--baseline", "fleet.json", status=2).err
    assert "not as 'sarif'" in okse("report", "fleet.json", "--format", "sarif", status=2).err
