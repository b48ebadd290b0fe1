"""Findings over time: since when something is open, what a partial audit may say, folders of findings, checklists, and
findings that are made again from all of their inputs."""
import copy
import hashlib
import html.parser
import json
import re

import jsonschema
import pytest

import browser
import law_facts as lf
import own_law as ol
from conftest import ROOT, Okse

DAYS = {"first": "2026-11-23T07:30:00Z", "second": "2026-11-25T07:30:00Z", "third": "2026-12-04T07:30:00Z"}
SCHEMA = json.loads((ROOT / "manifests/schemas/findings.schema.json").read_text())


class Course:
    """Facts of one target, audited on several days."""

    def __init__(self, directory):
        self.okse, self.directory = Okse(directory), directory
        lf.write(directory, lf.facts(endpoints=lf.clean_endpoints() + lf.faults()), "bad.json")
        lf.write(directory, lf.facts(endpoints=lf.clean_endpoints() + lf.faults()[1:]), "better.json")
        lf.write(directory, lf.facts(), "good.json")

    def audit(self, facts, day, *words, previous=None, name=None, status=None):
        words = [*words, *(["--previous", previous] if previous else [])]
        done = self.okse("audit", "--evidence", f"{facts}.json", "--country", "VN", "--at", DAYS[day], "--json", *words, status=status)
        (self.directory / (name or f"{day}.json")).write_text(done.out)
        jsonschema.Draft202012Validator(SCHEMA).validate(done.json)
        return done.json


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    made = Course(tmp_path_factory.mktemp("course"))
    made.audit("bad", "first", status=1)
    made.audit("better", "second", previous="first.json", status=1)
    made.audit("good", "third", previous="second.json", status=0)
    return made


def read(course, day):
    return json.loads((course.directory / f"{day}.json").read_text())


def seen(findings):
    return {f["control"]: f["first_seen"] for f in findings["findings"] if "first_seen" in f}


def test_a_finding_keeps_the_day_on_which_it_was_first_seen(course):
    first, second, third = (read(course, day) for day in DAYS)
    assert seen(first) == {} and "previous" not in first["inputs"]
    assert seen(second) == {"egress.destinations": DAYS["first"], "logs.destinations": DAYS["first"]}
    assert seen(third) == {}
    canonical = json.dumps(first, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert second["inputs"]["previous"] == {"digest": "sha256:" + hashlib.sha256(canonical).hexdigest(), "audited_at": DAYS["first"]}
    # what is broken again was mended before: it is new
    again = course.audit("bad", "third", previous="second.json", name="again.json", status=1)
    assert seen(again) == {"egress.destinations": DAYS["first"], "logs.destinations": DAYS["first"], "telemetry.destinations": DAYS["third"]}
    # and without the earlier findings these are the same but for the dates
    plain = course.audit("better", "second", name="plain.json")
    for finding in second["findings"]:
        finding.pop("first_seen", None)
    second["inputs"].pop("previous")
    assert second == plain


@pytest.mark.parametrize("change, told", [
    (lambda f: f["target"].update(hostname="gpu02"), "about another target"),
    (lambda f: f.update(audited_at="2027-01-01T00:00:00Z"), "of a later time"),
    (lambda f: f.update(partial={"only": ["x.y"], "result": "fail"}), "of a partial audit"),
    (lambda f: f["findings"][0].update(first_seen="yesterday"), "'first_seen' is no time")])
def test_earlier_findings_that_cannot_date_these(course, tmp_path, change, told):
    earlier = read(course, "first")
    change(earlier)
    path = tmp_path / "earlier.json"
    path.write_text(json.dumps(earlier))
    done = course.okse("audit", "--evidence", "bad.json", "--country", "VN", "--at", DAYS["second"], "--previous", path, status=2)
    assert told in done.err


def test_the_difference_says_since_when(course):
    diff = course.okse("report", "diff", "second.json", "third.json", "--json", status=0).json
    fixed = [f for f in diff["findings"] if f["change"] == "fixed"]
    assert fixed and all(f["first_seen"] == DAYS["first"] for f in fixed)
    assert f"first seen {DAYS['first']}" in course.okse("report", "diff", "second.json", "third.json").out
    # without a word in the documents, the older of the two is the first
    diff = course.okse("report", "diff", "third.json", "first.json", "--json", status=1).json
    assert {f["first_seen"] for f in diff["findings"] if f["change"] in ("new", "worse")} == {DAYS["first"]}


def test_what_is_on_another_host_was_not_mended(course, tmp_path):
    found = read(course, "third")
    assert "different targets" not in course.okse("report", "diff", "first.json", "third.json", status=0).out
    found["target"]["hostname"] = "gpu02"
    (tmp_path / "f.json").write_text(json.dumps(found))
    assert "the two audits are of different targets" in course.okse("report", "diff", "first.json", tmp_path / "f.json", status=0).out
    assert "target" in course.okse("report", "diff", "first.json", tmp_path / "f.json", "--json").json["changed_inputs"]
    sarif = ("report", "first.json", "--format", "sarif", "--baseline")
    assert "the baseline is of another target" in course.okse(*sarif, tmp_path / "f.json", status=0).err
    assert course.okse(*sarif, "second.json", status=0).err == ""


def test_reports_say_since_when(course):
    for form in ("text", "html"):
        assert DAYS["first"] in course.okse("report", "second.json", "--format", form, "--language", "en", status=0).out


# partial audits

@pytest.mark.parametrize("facts, only, status, result", [
    ("bad", ["logs.destinations"], 1, "fail"), ("good", ["logs.destinations,telemetry.destinations"], 0, "pass"),
    ("better", ["telemetry.destinations", "--only", "telemetry.destinations"], 0, "pass"), ("good", ["storage.place"], 4, "inconclusive")])
def test_only_some_controls(course, facts, only, status, result):
    found = course.audit(facts, "first", "--only", *only, name="p.json", status=status)
    asked = {word for words in only if words != "--only" for word in words.split(",")}
    assert found["partial"] == {"only": sorted(asked), "result": result}
    assert {f["control"] for f in found["findings"]} == asked == set(found["controls"])
    assert found["verdict"] == ("non-compliant" if result == "fail" else "inconclusive")
    assert {j["verdict"] for j in found["jurisdictions"]} == {found["verdict"]}
    # an article of which other checks were left out did not pass
    whole = {p["id"]: p["status"] for p in course.audit(facts, "first", name="w.json")["jurisdictions"][0]["provisions"]}
    for provision in found["jurisdictions"][0]["provisions"]:
        assert provision["status"] != "pass" or provision["status"] == whole[provision["id"]]
    assert [w["kind"] for w in found["warnings"]] == ["partial"]
    for form in ("text", "html", "sarif", "oscal", "junit", "csv", "markdown", "xccdf", "prometheus", "checklist"):
        out = course.okse("report", "p.json", "--format", form, status=0).out
        assert form not in ("text", "html", "checklist") or "a partial audit" in out
    course.okse("report", "verify", "p.json", "--evidence", f"{facts}.json", status=0)


@pytest.mark.parametrize("change, told", [
    (lambda f: f["jurisdictions"][0].update(verdict="compliant"), "VN: the verdict is 'compliant', but the mandatory finding"),
    (lambda f: f["jurisdictions"][0].update(verdict="inconclusive"), "VN: the verdict is 'inconclusive', but the mandatory finding"),
    (lambda f: [p.update(status="pass") for p in f["jurisdictions"][0]["provisions"]], "the provision vn-p01 is 'pass', but its finding")])
def test_a_law_is_no_better_than_its_findings(course, tmp_path, change, told):
    """The verdict of the whole stays; the summary that is signed says those of the jurisdictions."""
    found = read(course, "first")
    found["target"]["install"]["identity"] = "sha256:" + "a" * 64
    change(found)
    path = tmp_path / "f.json"
    path.write_text(json.dumps(found))
    assert told in course.okse("report", path, status=2).err
    course.okse("key", "new", "--type", "ed25519", "-o", tmp_path / "auditor.pem", status=0)
    assert told in course.okse("sign", "--audit", path, "--summary", "--key", tmp_path / "auditor.pem", status=2).err
    assert not (tmp_path / "f.json.sigstore.json").exists()


def test_a_recommendation_that_nobody_could_decide_is_nothing_to_be_compliant_with(okse, tmp_path):
    law = ol.manifests(tmp_path, ol.country("XX", ol.provision(
        "xx-1", [{"control": "logs.destinations", "parameters": {"permitted_countries": ["XX"]}}], severity="recommended")))
    value = lf.facts(endpoints=[])
    lf.set_collector(value, "configuration", "unavailable")
    lf.write(tmp_path, value)
    found = okse("audit", "--evidence", "facts.json", "--country", "XX", "--manifests", law, "--at", DAYS["first"], "--json", status=4).json
    assert [f["status"] for f in found["findings"]] == ["inconclusive"]
    assert [found["verdict"], found["jurisdictions"][0]["verdict"]] == ["inconclusive"] * 2


def test_a_partial_audit_is_never_compliant(course, tmp_path):
    found = course.audit("good", "first", "--only", "logs.destinations", name="p.json", status=0)
    found["verdict"] = "compliant"
    path = tmp_path / "f.json"
    path.write_text(json.dumps(found))
    assert "the audit is partial" in course.okse("report", path, status=2).err
    assert "gone, not fixed" in course.okse("report", "diff", "first.json", "p.json").out
    several = course.okse("audit", "--evidence", "good.json", "--evidence", "better.json", "--country", "VN", "--at", DAYS["first"],
                          "--only", "telemetry.destinations", "--json", status=0).json
    assert several["verdict"] == "inconclusive"


@pytest.mark.parametrize("only, told", [("log.destinations", "no control 'log.destinations'"), ("", "no control ''"), ("export.papers", "no provision of the law that is asked")])
def test_a_control_that_nobody_asks(course, only, told):
    assert told in course.okse("audit", "--evidence", "good.json", "--country", "VN", "--only", only, status=2).err


# made again

def test_every_input_is_needed_to_make_findings_again(course, tmp_path):
    words = ["report", "verify", "second.json", "--evidence", "better.json"]
    assert "byte for byte" in course.okse(*words, "--previous", "first.json", status=0).out
    assert "give --previous" in course.okse(*words, status=2).err
    other = read(course, "first")
    other["findings"][0]["violations"] += 1
    (tmp_path / "other.json").write_text(json.dumps(other))
    assert "with other earlier findings" in course.okse(*words, "--previous", tmp_path / "other.json", status=1).out
    assert "with other facts" in course.okse("report", "verify", "second.json", "--evidence", "bad.json", "--previous", "first.json", status=1).out
    assert "leave --previous out" in course.okse("report", "verify", "first.json", "--evidence", "bad.json", "--previous", "third.json", status=2).err
    law = ol.manifests(tmp_path, keep=True)
    path = law / "controls/logs.destinations.yaml"
    path.write_text(path.read_text() + "\n")  # one byte of the law
    told = course.okse(*words, "--previous", "first.json", "--manifests", law, "--json", status=1).json
    assert told["other_input"] == "manifests" and not told["same_manifests"] and told["same_facts"]


def test_any_byte_that_was_changed_shows(course, tmp_path):
    text = (course.directory / "second.json").read_bytes()
    path = tmp_path / "f.json"
    places = [i for i in range(0, len(text), len(text) // 24) if chr(text[i]) not in " \n"]
    for place in places:
        path.write_bytes(text[:place] + bytes([text[place] ^ 1]) + text[place + 1:])
        done = course.okse("report", "verify", path, "--evidence", "better.json", "--previous", "first.json")
        assert done.status == (2 if done.err else 1), (text[place - 20:place + 20], done)
    # white space says nothing, and is named all the same
    path.write_text(json.dumps(json.loads(text), indent=3))
    told = course.okse("report", "verify", path, "--evidence", "better.json", "--previous", "first.json", "--json", status=0).json
    assert told["verified"] and not told["as_written"]


def test_what_they_say_of_the_address_database_is_not_checked(course, tmp_path):
    found = read(course, "first")
    found["inputs"]["geo"] = {"digest": "sha256:" + "1" * 64, "description": "x"}
    path = tmp_path / "f.json"
    path.write_text(json.dumps(found))
    assert "not checked: what they say of the address database" in course.okse("report", "verify", path, "--evidence", "bad.json", status=0).out


# waivers

ROW = {"control": "logs.destinations", "approver": "Head of security", "reason": "the log host moves in December", "risk": "low", "from": "2026-11-01", "until": "2026-12-01"}


@pytest.fixture(scope="module")
def waived(course):
    course.okse("key", "new", "--type", "ed25519", "-o", "waiver.pem", status=0)
    (course.directory / "trust.yaml").write_text("okse: trust/v1\nroles: {vendor: {signers: [{key: waiver.pub}]}}\napprovals: {waiver: {signers: [{key: waiver.pub}]}}\n")

    def audit(day, *rows, facts="better", **options):
        text = {"okse": "waivers/v1", "stack": "civic-search", "country": "VN", "waivers": list(rows)}
        (course.directory / "waivers.yaml").write_text(json.dumps(text, indent=1))
        course.okse("sign", "--document", "waivers.yaml", "--role", "waiver", "--key", "waiver.pem", status=0)
        return course.audit(facts, day, "--trust", "trust.yaml", "--waivers", "waivers.yaml", name="w.json", **options)
    return audit


def expired(findings):
    return [f for f in findings["findings"] if f["control"] == "waiver.expired"]


def test_the_verdict_with_and_without_waivers(course, waived):
    found = waived("second", ROW, {**ROW, "control": "egress.destinations"}, status=0)
    assert found["verdict"] == "compliant" and found["waivers"]["verdict_without"] == "non-compliant" and expired(found) == []
    for form in ("text", "html", "sarif", "checklist"):
        out = course.okse("report", "w.json", "--format", form, "--language", "en", status=0).out
        assert "without the waivers the verdict would be: non-compliant" in " ".join(out.split())
    assert waived("second", {**ROW, "control": "telemetry.destinations"}, status=1)["waivers"]["verdict_without"] == "non-compliant"
    unused = waived("second", {**ROW, "control": "telemetry.destinations"}, facts="good", status=0)
    assert unused["waivers"]["verdict_without"] == "compliant" and "warnings" not in unused


def test_a_waiver_that_ended_is_a_finding(course, waived):
    found = waived("third", ROW, previous="second.json", status=1)
    (finding,) = expired(found)
    assert (finding["status"], finding["severity"], finding["provision"], finding["parameters"]) == ("fail", "recommended", "vn-p01", {"control": "logs.destinations"})
    (evidence,) = finding["evidence"]
    line = (course.directory / "waivers.yaml").read_text().split("\n")[evidence["line"] - 1:][:2]
    assert evidence["file"] == "waivers.yaml" and any('"control": "logs.destinations"' in text for text in line)
    assert all(word in evidence["message"] for word in ("logs.destinations", "Head of security", "2026-12-01"))
    assert finding["first_seen"] == DAYS["third"] and found["waivers"]["rows"][0]["state"] == "expired"
    order = [f["control"] for f in found["findings"] if f["provision"] == "vn-p01"]
    assert order == sorted(order)
    course.okse("report", "verify", "w.json", "--evidence", "better.json", "--previous", "second.json", "--trust", "trust.yaml", "--waivers", "waivers.yaml", status=0)
    out = course.okse("report", "w.json", "--format", "checklist", "--language", "en", status=0).out
    assert f"waivers.yaml:{evidence['line']}" in out and "--only logs.destinations" in out and "--only waiver.expired" not in out
    # a waiver that ended decides nothing where what it was for is mended, and a new one takes its place
    assert len(expired(waived("third", ROW, facts="good", status=0))) == 1
    assert expired(waived("third", ROW, {**ROW, "from": "2026-12-01", "until": "2026-12-31"}, status=1)) == []
    assert len(expired(waived("third", ROW, {**ROW, "file": "x", "from": "2026-12-01", "until": "2026-12-31"}, status=1))) == 1
    # rows that nobody signed say nothing at all
    (course.directory / "trust.yaml").rename(course.directory / "own.yaml")
    course.okse("key", "new", "--type", "ed25519", "-o", "other.pem", status=0)
    (course.directory / "trust.yaml").write_text("okse: trust/v1\nroles: {vendor: {signers: [{key: other.pub}]}}\napprovals: {waiver: {signers: [{key: other.pub}]}}\n")
    assert expired(waived("third", ROW, status=1)) == []
    (course.directory / "own.yaml").rename(course.directory / "trust.yaml")


def test_verify_names_other_waivers(course, waived):
    waived("second", ROW, status=1)
    words = ["report", "verify", "w.json", "--evidence", "better.json", "--trust", "trust.yaml", "--waivers", "waivers.yaml"]
    course.okse(*words, status=0)
    found = (course.directory / "w.json").read_text()
    waived("second", {**ROW, "reason": "another"}, status=1)
    (course.directory / "w.json").write_text(found)
    assert "with other waivers" in course.okse(*words, status=1).out


# checklists

def test_a_checklist_names_every_place_and_how_to_ask_again(course):
    found = read(course, "second")
    out = course.okse("report", "second.json", "--format", "checklist", "--language", "en", status=0).out
    boxes = re.findall(r"^ *- \[ \] (.*)$", out, re.M)
    for finding in found["findings"]:
        if finding["status"] == "fail":
            assert f"`{finding['id']}`" in out and f"first seen {finding['first_seen']}" in out
            assert all(any(f"{e['file']}:{e['line']} " in box for box in boxes) for e in finding["evidence"])
    assert len([box for box in boxes if lf.LOGS[0] in box]) == 2  # under both checks that object to it
    # the commands are commands: asked again, they say what is open still
    commands = re.findall(r"okse (audit .* --only .*)", out)
    assert len(commands) == 2
    for command in commands:
        words = ["bad.json" if word == "evidence.tar" else word for word in command.split()]
        course.okse(*words, "--at", DAYS["first"], status=1)
    assert course.okse("report", "second.json", "--format", "checklist").out.startswith("# Danh mục khắc phục")  # the law's language
    assert "Nothing has to be mended." in course.okse("report", "third.json", "--format", "checklist", "--language", "en").out


def test_a_checklist_is_not_led_astray(course, tmp_path):
    found = read(course, "second")
    finding = next(f for f in found["findings"] if f["status"] == "fail")
    finding["evidence"] = [{**finding["evidence"][0], "file": "/etc/a`b\n# x", "message": "<b>[x](http://a)", "excerpt": "- [x] done\n```\nrm -rf /"}]
    path = tmp_path / "f.json"
    path.write_text(json.dumps(found))
    out = course.okse("report", path, "--format", "checklist", "--language", "en", status=0).out
    assert "\n# x" not in out and "<b>" not in out and "[x](" not in out and "\n```\nrm" not in out


# folders

@pytest.fixture(scope="module")
def folder(course):
    place = course.directory / "folder"
    place.mkdir()
    for day in DAYS:
        (place / f"{day}.json").write_bytes((course.directory / f"{day}.json").read_bytes())
    other = copy.deepcopy(read(course, "first"))
    other["target"]["hostname"] = "<img src=x> ‮"
    (place / "other.json").write_text(json.dumps(other))
    return place


def test_a_folder_over_time(course, folder):
    trend = course.okse("report", "trend", folder, "--json", status=0).json
    assert trend["skipped"] == [] and len(trend["targets"]) == 2
    one = next(t for t in trend["targets"] if t["hostname"] == "gpu01")
    assert [(a["audited_at"], a["verdict"]) for a in one["audits"]] == [(DAYS["first"], "non-compliant"), (DAYS["second"], "non-compliant"), (DAYS["third"], "compliant")]
    for audit, day in zip(one["audits"], DAYS):
        found = read(course, day)
        assert audit["counts"] == {s: found["summary"][s] for s in ("pass", "fail", "inconclusive", "waived", "not-applicable")}
    assert one["open"] == [] and {(f["control"], f["first_seen"], f["ended_at"], f["days"]) for f in one["fixed"]} == {
        ("egress.destinations", DAYS["first"], DAYS["third"], 11), ("logs.destinations", DAYS["first"], DAYS["third"], 11),
        ("telemetry.destinations", DAYS["first"], DAYS["second"], 2)}
    other = next(t for t in trend["targets"] if t["hostname"] != "gpu01")
    assert len(other["open"]) == 3 and other["fixed"] == []


def test_the_page_asks_for_nothing_and_is_the_same_again(course, folder):
    course.okse("report", "trend", folder, "-o", "t.html", status=0)
    page = (course.directory / "t.html").read_text()
    course.okse("report", "trend", folder, "-o", "again.html", env={"LC_ALL": "C.UTF-8", "TZ": "UTC"}, status=0)
    assert (course.directory / "again.html").read_text() == page
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page).group(1)
    assert policy.startswith("default-src 'none'; style-src 'sha256-") and "unsafe" not in policy and "<script" not in page and "style=" not in page
    assert "<img" not in page and "‮" not in page and page.count("<svg") == 2
    tags = []

    class Balance(html.parser.HTMLParser):
        def handle_starttag(self, tag, attrs):
            if tag not in ("meta", "link", "rect", "br", "input"):
                tags.append(tag)

        def handle_endtag(self, tag):
            if tag not in ("rect",):
                assert tags.pop() == tag

    Balance().feed(page)
    assert tags == []
    for language, title in (("ko", "시간에 따른 감사 결과"), ("ar", 'dir="rtl"')):
        course.okse("report", "trend", folder, "-o", "l.html", "--language", language, status=0)
        assert title in (course.directory / "l.html").read_text()
    assert "no texts in the language 'xx'" in course.okse("report", "trend", folder, "-o", "l.html", "--language", "xx", status=2).err
    if browser.available():
        _, console, asked = browser.run(course.directory / "t.html", "--dump-dom")
        assert console == [] and asked == []


def test_foreign_files_are_named_and_the_status_says_so(course, folder, tmp_path):
    place = tmp_path / "mixed"
    place.mkdir()
    first = (folder / "first.json").read_text()
    foreign = {"broken.json": "{", "facts.json": (course.directory / "bad.json").read_text(), "deep.json": "[" * 100000,
               "liar.json": first.replace('"non-compliant"', '"compliant"')}
    for name, text in {"first.json": first, "copy.json": first, "notes.txt": "x", **foreign}.items():
        (place / name).write_text(text)
    (place / "link.json").symlink_to(folder / "second.json")
    (place / "folder.json").mkdir()
    done = course.okse("report", "trend", place, "--json", status=4)
    assert {s["file"] for s in done.json["skipped"]} == {*foreign, "first.json", "notes.txt", "link.json", "folder.json"}
    assert [len(t["audits"]) for t in done.json["targets"]] == [1]
    assert all(f"left out: {name}: " in done.err for name in foreign)
    (place / "first.json").unlink(), (place / "copy.json").unlink()
    assert "no findings document is in it" in course.okse("report", "trend", place, status=2).err
    course.okse("report", "trend", tmp_path / "nowhere", status=3)


def test_losing_sight_of_a_fault_is_no_repair(course):
    """A failure that cannot be decided any more, or is not asked any more, passes no gate."""
    first = read(course, "first")
    for change in ("inconclusive", "gone"):
        later = json.loads(json.dumps(first))
        row = next(f for f in later["findings"] if f["status"] == "fail")
        id = row["id"]
        if change == "gone":
            later["findings"].remove(row)
        else:
            row.update(status="inconclusive", reason={"en": "the source could not be read"}, evidence=[], violations=0)
        for provision in later["jurisdictions"][0]["provisions"]:
            left = [f["status"] for f in later["findings"] if f["provision"] == provision["id"]]
            provision["status"] = next((s for s in ("fail", "inconclusive", "pass", "waived") if s in left), "not-applicable")
        (course.directory / "later.json").write_text(json.dumps(later))
        told = course.okse("report", "diff", "first.json", "later.json", "--json", status=4).json
        assert next(f["change"] for f in told["findings"] if f["id"] == id) == ("gone" if change == "gone" else "changed")
        assert "that is no repair" in course.okse("report", "diff", "first.json", "later.json", status=4).out
