"""The format of law: blocs and members, transfers, an end of a provision, the time of the audit."""
import copy
import pytest
import law_facts as lf
import own_law as ol

AT = "2026-11-23"

CONTROL = """okse: control/v1
id: test.home
family: test
title: {en: t, ko: t}
description: {en: d, ko: d}
needs: [install]
violations: 'select(.install.country != $country) | {absent: "home: \\($country)"}'
unknown: 'select(.install == null) | {absent: "install"}'
remediation: {en: r, ko: r}
tests:
  - {name: a, country: XA, facts: {install: {country: XA}}, expect: pass}
  - {name: b, country: XB, facts: {install: {country: XA}}, expect: fail}
  - {name: c, facts: {collectors: [{collector: install, status: partial}]}, expect: fail}
  - {name: d, country: XA, facts: {install: {country: XA}, collectors: [{collector: install, status: partial}]}, expect: inconclusive}
"""

BLOC = ol.country("XB", ol.provision("xb-p01", [{"control": "test.home"}]), ol.provision("xb-p02", [ol.declared()]), head={"members": ["XA", "XC", "XD"]})
MEMBER = ol.country("XA", ol.provision("xa-p01", [ol.declared(["retention"])]), head={"inherits": ["XB"]})
OTHER = ol.country("XC", ol.provision("xc-p01", [ol.declared(["incident-plan"])]), head={"inherits": ["XB"]})


def audit(okse, tmp_path, manifests, *countries, value=None, at=AT, status=None):
    path = lf.write(tmp_path, value or lf.facts())
    words = [word for country in countries for word in ("--country", country)]
    return okse("audit", "--manifests", manifests, "--evidence", path, *words, "--at", at, "--json", status=status)


def asked(findings):
    return [(f["jurisdiction"], f["provision"], f["control"]) for f in findings["findings"]]


def test_a_member_is_asked_the_law_of_its_bloc_too(okse, tmp_path):
    manifests = ol.manifests(tmp_path, BLOC, MEMBER, OTHER, controls=[CONTROL])
    value = lf.facts()
    value["install"]["country"] = "XA"
    findings = audit(okse, tmp_path, manifests, "XA", value=value, status=0).json
    assert asked(findings) == [("XA", "xa-p01", "documents.present"), ("XB", "xb-p01", "test.home"), ("XB", "xb-p02", "documents.present")]
    assert [j["iso"] for j in findings["jurisdictions"]] == ["XA", "XB"]
    # the country is the one that was asked for, not the bloc
    assert {f["control"]: f["status"] for f in findings["findings"]}["test.home"] == "pass"
    alone = audit(okse, tmp_path, manifests, "XB", value=value, status=1).json
    assert [f["evidence"][0]["message"] for f in alone["findings"] if f["control"] == "test.home"] == ["home: XB"]


def test_two_members_ask_their_bloc_once_for_each_where_it_matters(okse, tmp_path):
    manifests = ol.manifests(tmp_path, BLOC, MEMBER, OTHER, controls=[CONTROL])
    value = lf.facts()
    value["install"]["country"] = "XC"
    findings = audit(okse, tmp_path, manifests, "XC", "XA", value=value, status=1).json
    assert [j["iso"] for j in findings["jurisdictions"]] == ["XC", "XB", "XA"]
    home = [(f["status"], [e["message"] for e in f["evidence"]]) for f in findings["findings"] if f["control"] == "test.home"]
    assert home == [("pass", []), ("fail", ["home: XA"])]
    assert len([f for f in findings["findings"] if f["provision"] == "xb-p02"]) == 1
    assert len({f["id"] for f in findings["findings"]}) == len(findings["findings"])


def test_a_member_without_a_file_is_refused_with_its_bloc(okse, tmp_path):
    manifests = ol.manifests(tmp_path, BLOC, MEMBER, controls=[CONTROL])
    result = audit(okse, tmp_path, manifests, "XD", status=2)
    assert "'XD', which is a member of XB" in result.err and "--country XB" in result.err


@pytest.mark.parametrize("change, message", [
    (lambda m, b: m["jurisdiction"].update(inherits=["ZZ"]), "inherits: no law of the bloc 'ZZ'"),
    (lambda m, b: m["jurisdiction"].update(inherits=["Europe"]), "inherits: 'Europe' is no country code"),
    (lambda m, b: m["jurisdiction"].update(inherits=["XA"]), "XA inherits itself"),
])
def test_a_bloc_that_is_not_there_is_refused(okse, tmp_path, change, message):
    member, bloc = copy.deepcopy(MEMBER), copy.deepcopy(BLOC)
    manifests = ol.manifests(tmp_path, bloc, member, controls=[CONTROL])
    change(member, bloc)
    ol.write(manifests, member)
    result = audit(okse, tmp_path, manifests, "XA", status=2)
    assert message in result.err and "jurisdictions/xa.yaml:" in result.err


def test_circles_of_blocs_end(okse, tmp_path):
    one = ol.country("XA", ol.provision("a", [ol.declared()]), head={"inherits": ["XB"], "members": ["XB"]})
    two = ol.country("XB", ol.provision("b", [ol.declared()]), head={"inherits": ["XA"], "members": ["XA"]})
    manifests = ol.manifests(tmp_path, one, two)
    assert asked(audit(okse, tmp_path, manifests, "XA", status=0).json) == [("XA", "a", "documents.present"), ("XB", "b", "documents.present")]


def test_lint_finds_members_that_do_not_agree_with_their_bloc(okse, tmp_path):
    stranger = ol.country("XE", ol.provision("xe-p01"), head={"inherits": ["XB"]})
    loose = ol.country("XD", ol.provision("xd-p01"))
    manifests = ol.manifests(tmp_path, BLOC, MEMBER, stranger, loose, controls=[CONTROL])
    out = okse("policy", "lint", "--manifests", manifests, status=1).out
    assert "XE inherits XB, which does not list it as a member" in out
    assert "XD is a member of XB and does not inherit it" in out
    assert "XA" not in "".join(line for line in out.splitlines() if "member" in line)


def test_a_provision_ends_on_its_day(okse, tmp_path):
    law = ol.country("XA", ol.provision("old", [ol.declared(["dpia"])], until="2027-01-01"), ol.provision("new", [ol.declared(["retention"])], effective="2027-01-01"))
    manifests = ol.manifests(tmp_path, law)

    def state(at):
        findings = audit(okse, tmp_path, manifests, "XA", at=at).json
        return {f["provision"]: (f["status"], (f["reason"] or {}).get("en")) for f in findings["findings"]}, findings

    before, _ = state("2026-12-31")
    assert before == {"old": ("pass", None), "new": ("not-applicable", "coming: in force from 2027-01-01")}
    after, findings = state("2027-01-01")
    assert after == {"old": ("not-applicable", "repealed: no longer in force from 2027-01-01"), "new": ("pass", None)}
    assert [p.get("until") for p in findings["jurisdictions"][0]["provisions"]] == ["2027-01-01", None]


@pytest.mark.parametrize("until, message", [("soon", "until: 'soon' is no date"), ("2025-12-31", "would end before it is in force")])
def test_an_end_that_is_none_is_refused(okse, tmp_path, until, message):
    manifests = ol.manifests(tmp_path, ol.country("XA", ol.provision("a")))
    ol.write(manifests, ol.country("XA", ol.provision("a", until=until)))
    result = audit(okse, tmp_path, manifests, "XA", status=2)
    assert message in result.err and "jurisdictions/xa.yaml:" in result.err


ROW = {"provision": "a", "data": ["personal"], "to": ["XB"], "mode": "free", "confidence": "high"}


@pytest.mark.parametrize("row, message", [
    ({"provision": "nowhere"}, "transfers: no provision 'nowhere'"),
    ({"to": []}, "to: no country (leave the row out when there is no list)"),
    ({"to": ["Xanadu"]}, "to: 'Xanadu' is no country code"),
    ({"mode": "maybe"}, "mode: 'maybe' is none of: prohibited, authority-decision, filed-assessment, declared-ground, free-unless-restricted, free"),
    ({"recipients": {"XC": {"en": "some"}}}, "recipients: 'XC' is not among 'to'"),
    ({"mechanisms": [{"name": {"en": "x"}}]}, "'basis'"),
    ({"data": []}, "a transfer of no data class"),
    ({"too": ["XB"]}, "unknown key 'too' (did you mean 'to'?)"),
])
def test_a_wrong_transfer_is_refused_at_its_line(okse, tmp_path, row, message):
    manifests = ol.manifests(tmp_path, ol.country("XA", ol.provision("a"), transfers=[ROW]))
    ol.write(manifests, ol.country("XA", ol.provision("a"), transfers=[{**ROW, **row}]))
    result = okse("policy", "lint", "--manifests", manifests)
    assert result.status == 2 and message in result.err and "jurisdictions/xa.yaml:" in result.err


def test_regions_are_read_strictly(okse, tmp_path):
    profile = {"time_zone": "Asia/Tokyo", "language": "en", "regions": [{"provider": "AWS", "region": "x-1", "city": "Y", "confidence": "medium"}]}
    manifests = ol.manifests(tmp_path, ol.country("XA", ol.provision("a"), profile=profile))
    assert okse("policy", "show", "--manifests", manifests, "XA", "--json", status=0).json["profile"] == profile
    del profile["regions"][0]["city"]
    ol.write(manifests, ol.country("XA", ol.provision("a"), profile=profile))
    assert "'city'" in okse("policy", "show", "--manifests", manifests, "XA", status=2).err


PAPER = lf.document(1, "end-user-statement", end_user="M", countries=["VN"], valid_until="2027-05-12")


def test_a_paper_that_runs_out_fails_from_that_day_on(okse, tmp_path):
    """Evidence of 2026-11-23; the day of the law is what changes."""
    law = ol.country("VN", ol.provision("a", [{"control": "export.papers", "parameters": {"type": "end-user-statement", "fields": ["end_user"]}}]))
    manifests = ol.manifests(tmp_path, law)
    states = {at: audit(okse, tmp_path, manifests, "VN", value=lf.facts(papers=[PAPER]), at=at).status
              for at in ("2026-11-23", "2027-05-12T23:59:59Z", "2027-05-13")}
    assert states == {"2026-11-23": 0, "2027-05-12T23:59:59Z": 0, "2027-05-13": 1}


AGE = CONTROL.replace("test.home", "test.age").replace("needs: [install]", "needs: [documents]").replace(
    "violations: 'select(.install.country != $country) | {absent: \"home: \\($country)\"}'",
    "violations: '.documents[] | select(.type == \"dpia\") | select(($at | fromdate) - (.fields.date + \"T00:00:00Z\" | fromdate) > 86400 * 365)'").replace(
    "unknown: 'select(.install == null) | {absent: \"install\"}'", "unknown: 'empty'").split("tests:")[0] + """tests:
  - {name: a, at: 2027-07-01, facts: {documents: [{type: dpia, fields: {date: '2026-07-01'}}]}, expect: pass}
  - {name: b, at: '2027-07-02T00:00:00Z', facts: {documents: [{type: dpia, fields: {date: '2026-07-01'}}]}, expect: fail}
  - {name: the day of the facts, facts: {collected_at: '2027-07-02T00:00:00Z', documents: [{type: dpia, fields: {date: '2026-07-01'}}]}, expect: fail}
  - {name: c, facts: {collectors: [{collector: documents, status: partial}]}, expect: inconclusive}
"""


def test_a_test_of_a_control_says_its_day(okse, tmp_path):
    (tmp_path / "test.age.yaml").write_text(AGE)
    assert okse("policy", "test", "test.age.yaml").out.startswith("4 tests passed, 0 failed")
    assert okse("policy", "lint", "test.age.yaml", status=0).out == "1 files, 0 objections\n"
    (tmp_path / "test.age.yaml").write_text(AGE.replace("at: 2027-07-01", "at: 2027-07-03"))
    assert "FAIL test.age / a: fail, expected pass" in okse("policy", "test", "test.age.yaml", status=1).out
    (tmp_path / "test.age.yaml").write_text(AGE.replace("at: 2027-07-01", "at: soon"))
    assert "at: 'soon' is no date" in okse("policy", "lint", "test.age.yaml", status=1).out


def test_what_every_program_is_given_is_no_parameter(okse, tmp_path):
    (tmp_path / "test.age.yaml").write_text(AGE.replace("needs:", "parameters: {at: {type: text}}\nneeds:"))
    assert "'at' cannot be the name of a parameter" in okse("policy", "lint", "test.age.yaml", status=1).out


def test_show_says_what_the_format_says(okse, tmp_path):
    row = {**ROW, "to": ["XB", "US"], "recipients": {"US": {"en": "some"}}, "mechanisms": [{"name": {"en": "m"}, "basis": "Art. 1"}]}
    member = ol.country("XA", ol.provision("a", until="2030-01-01"), head={"inherits": ["XB"]}, transfers=[row])
    manifests = ol.manifests(tmp_path, member, BLOC, controls=[CONTROL])
    shown = okse("policy", "show", "--manifests", manifests, "XA", "--json", status=0).json
    assert shown["inherits"] == ["XB"] and shown["members"] == [] and shown["provisions"][0]["until"] == "2030-01-01"
    assert shown["transfers"] == [{**row, "sectors": ["all"]}]
    text = okse("policy", "show", "--manifests", manifests, "XA", status=0).out
    assert "With the law of XB\n1 rules about transfers (okse policy matrix --country XA)\n" in text and "from 2026-01-01 until 2030-01-01]" in text
    assert "Binds XA, XC, XD\n" in okse("policy", "show", "--manifests", manifests, "XB", status=0).out
