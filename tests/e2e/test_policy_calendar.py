"""okse policy calendar: dates of the law, and the day on which evidence turns red. Days are counted by hand."""
import law_facts as lf
import own_law as ol

AGE = """okse: control/v1
id: test.age
family: test
title: {en: t, ko: t}
description: {en: d, ko: d}
needs: [documents]
parameters: {days_max: {type: integer}}
violations: '.documents[] | select(.type == "dpia") | select(($at | fromdate) - (.fields.date + "T00:00:00Z" | fromdate) > 86400 * $days_max)'
unknown: 'empty'
remediation: {en: r, ko: r}
"""
PAPER = {"control": "export.papers", "parameters": {"type": "end-user-statement", "fields": ["end_user"]}}
LAW = ol.country(
    "VN", ol.provision("soon", [ol.declared(["model-card"])], effective="2027-02-01", confidence="low"),
    ol.provision("now", [PAPER]), ol.provision("age", [{"control": "test.age", "parameters": {"days_max": 400}}]),
    ol.provision("over", [ol.declared(["exit-plan"])], until="2027-03-01"), ol.provision("later", effective="unknown"),
    ol.provision("before", effective="2026-11-23"))
PAPERS = [lf.document(1, "end-user-statement", end_user="M", countries=["VN"], valid_until="2027-01-15"), lf.document(2, "dpia", date="2026-05-01")]


def calendar(okse, tmp_path, *words, status=0, json=True):
    manifests = ol.manifests(tmp_path, LAW, controls=[AGE])
    path = lf.write(tmp_path, lf.facts(papers=PAPERS))
    words = ["FACTS" == w and path or w for w in words]
    return okse("policy", "calendar", "--manifests", manifests, "--country", "VN", "--from", "2026-11-23", *words, *(["--json"] if json else []), status=status)


def test_what_begins_and_ends_and_is_not_known(okse, tmp_path):
    value = calendar(okse, tmp_path).json
    assert value["schema"] == "okse.policy.calendar.v1" and "forecast" not in value
    assert [(e["date"], e["kind"], e["provision"]) for e in value["events"]] == [("2027-02-01", "begins", "soon"), ("2027-03-01", "ends", "over")]
    assert value["events"][0]["controls"] == [ol.declared(["model-card"])]
    assert [(e["date"], e["provision"], e["not_checkable"]) for e in value["unknown"]] == [(None, "later", {"en": "no machine sees it"})]
    text = calendar(okse, tmp_path, json=False).out
    assert "2027-02-01  begins VN soon, Art. soon — soon [confidence low: a lawyer must check]\n" in text
    assert "→ documents.present" in text and "2027-03-01  ends   VN over" in text
    assert text.index("Date not known") < text.index("unknown     begins VN later")


def test_what_turns_red_when(okse, tmp_path):
    """2026-05-01 and 400 days is 2027-06-05, so the day after is one too many; the statement is good to 2027-01-15."""
    value = calendar(okse, tmp_path, "--evidence", "FACTS").json
    changes = {d["date"]: {c["provision"]: (c["was"], c["is"]) for c in d["changes"]} for d in value["forecast"]}
    assert changes == {"2026-11-23": {}, "2027-01-16": {"now": ("pass", "fail")}, "2027-02-01": {"soon": ("not-applicable", "inconclusive")},
                       "2027-03-01": {"over": ("fail", "not-applicable")}, "2027-06-06": {"age": ("pass", "fail")}}
    assert [d["verdict"] for d in value["forecast"]] == ["non-compliant"] * 5
    text = calendar(okse, tmp_path, "--evidence", "FACTS", json=False).out
    assert "2027-01-16  non-compliant\n              VN now, export.papers: pass → fail\n" in text


def test_how_far_to_look(okse, tmp_path):
    value = calendar(okse, tmp_path, "--evidence", "FACTS", "--until", "2027-01-31").json
    assert [d["date"] for d in value["forecast"]] == ["2026-11-23", "2027-01-16"]


def test_wrong_words_are_refused(okse, tmp_path):
    assert "whose law?" in okse("policy", "calendar", status=2).err
    assert "--from: 'soon' is no date" in okse("policy", "calendar", "--country", "VN", "--from", "soon", status=2).err
    assert "--until says how far" in okse("policy", "calendar", "--country", "VN", "--until", "2027-01-01", status=2).err
    assert "no law for the country 'QQ'" in okse("policy", "calendar", "--country", "QQ", status=2).err
    (tmp_path / "bad.json").write_text("{")
    assert okse("policy", "calendar", "--country", "VN", "--evidence", "bad.json").status == 2
