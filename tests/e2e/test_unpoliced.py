"""What nobody asked about is counted and named: facts that no control of the law looked at."""
import json
import re
import jsonschema
import pytest
import law_facts as lf
import own_law as ol
from test_policy import ROOT

HEAD = """okse: control/v1
id: {id}
family: test
title: {{en: t, ko: t}}
description: {{en: d, ko: d}}
needs: [install]
violations: '{violations}'
unknown: 'empty'
{subjects}
remediation: {{en: r, ko: r}}
"""
LOGS = HEAD.format(id="test.logs", violations='.endpoints[] | select(.role == "logs" and .location.country != "XA")', subjects="subjects: '.endpoints[] | select(.role == \"logs\")'")
PAPERS = HEAD.format(id="test.papers", violations='.documents[] | select(.type == "dpo")', subjects="")
NEVER = HEAD.format(id="test.never", violations=".mounts[]", subjects="applies: 'false'\napplies_reason: {en: never, ko: n}")
LAW = ol.country("XA", ol.provision("a", [{"control": "test.logs"}]), ol.provision("b", [{"control": "test.papers"}]), ol.provision("c", [{"control": "test.never"}]),
                 ol.provision("d", [{"control": "test.never"}], effective="2030-01-01"))
MOUNT = {"id": "mnt:" + "0" * 16, "mount": "/srv", "source": {"collector": "mounts", "path": "/proc/self/mountinfo", "line": 1}}


@pytest.fixture
def findings(okse, tmp_path):
    manifests = ol.manifests(tmp_path, LAW, controls=[LOGS, PAPERS, NEVER])
    value = lf.facts(endpoints=[lf.endpoint(1, "a.example", "logs", "XA", ("/a", 1, "x")), lf.endpoint(2, "b.example", "logs", "XB", ("/a", 2, "x")),
                                lf.endpoint(3, "c.example", "mail", "XB", ("/a", 3, "x"))],
                     papers=[lf.document(1, "dpo"), lf.document(2, "dpia")], mounts=[MOUNT])
    lf.write(tmp_path, value)
    return lambda *words: okse("audit", "--manifests", manifests, "--evidence", "facts.json", "--country", "XA", "--at", "2026-11-23", *words)


def test_facts_that_no_control_looked_at_are_counted_and_named(findings):
    """Subjects and what was found are looked at; a list that is read without subjects is read; what did not apply looked at nothing."""
    value = findings("--json").json
    assert value["inventory"]["coverage"] == {"facts": 6, "looked_at": 3, "read": 1, "unpoliced": 2, "lists": {
        "endpoints": {"facts": 3, "looked_at": 2, "read": 0, "unpoliced": 1}, "documents": {"facts": 2, "looked_at": 1, "read": 1, "unpoliced": 0},
        "mounts": {"facts": 1, "looked_at": 0, "read": 0, "unpoliced": 1}}}
    assert [(f["list"], f["id"]) for f in value["inventory"]["unpoliced_facts"]] == [("mounts", MOUNT["id"]), ("endpoints", "ep:0000000000000003")]
    assert value["inventory"]["unpoliced"] == ["ep:0000000000000003"]
    assert "c.example" in value["inventory"]["unpoliced_facts"][1]["message"]
    jsonschema.Draft202012Validator(json.loads((ROOT / "manifests/schemas/findings.schema.json").read_text())).validate(value)


def test_reports_say_it(findings, okse, tmp_path):
    text = " ".join(findings("--report", "html=report.html", "--report", "text=report.txt").out.split())
    assert "Checks looked at 3 of 6 facts; 1 more are in lists that a check reads as a whole. No check looked at 2." in text
    page = re.sub("<[^>]*>", "", (tmp_path / "report.html").read_text())
    assert "Checks looked at 3 of 6 facts" in page and "Facts that no check looked at" in page and "c.example" in page


def test_many_are_listed_up_to_a_bound_and_all_counted(okse, tmp_path):
    manifests = ol.manifests(tmp_path, LAW, controls=[LOGS, PAPERS, NEVER])
    lf.write(tmp_path, lf.facts(endpoints=[lf.endpoint(i, f"h{i}.example", "mail", "XB", ("/a", i, "x")) for i in range(1, 251)], papers=[]))
    inventory = okse("audit", "--manifests", manifests, "--evidence", "facts.json", "--country", "XA", "--at", "2026-11-23", "--json").json["inventory"]
    assert inventory["coverage"]["unpoliced"] == 250 and len(inventory["unpoliced_facts"]) == 100


def test_findings_without_the_figure_are_still_read(findings, okse, tmp_path):
    value = findings("--json").json
    del value["inventory"]["coverage"], value["inventory"]["unpoliced_facts"]
    (tmp_path / "old.json").write_text(json.dumps(value))
    assert "Checks looked at" not in okse("report", "old.json", "--format", "text", "--output", "-").out
    value["inventory"]["coverage"] = {"facts": "many"}
    (tmp_path / "bad.json").write_text(json.dumps(value))
    assert "'facts' is not a whole number" in okse("report", "bad.json", "--format", "text", "--output", "-", status=2).err
