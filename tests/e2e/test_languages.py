"""What a report says in each language: complete, in its direction, with numbers and dates as the CLDR has them."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unicodedata

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
REPORT = ROOT / "templates" / "report"
LANGUAGES = sorted(path.name.split(".")[1] for path in REPORT.glob("messages.*.yaml"))
PROMISED = "ko en ar ja zh id vi de fr es pt ru tr th".split()
RIGHT_TO_LEFT = {"ar", "fa", "he", "ur"}
PYTHON = ROOT / "build-tools" / "venv" / "bin" / "python"
NUMBERS = [7, 999, 1234, 56789, 16060556376]
# Month ends, leap days of both calendars, the days around Nowruz.
DATES = ["2018-06-12", "2020-02-29", "2024-12-31", "2025-03-20", "2025-03-21", "2026-01-01", "2026-03-20", "2026-03-21",
         "2026-09-22", "2026-09-23", "2029-03-19", "2029-03-20", "2030-03-20", "2030-03-21"]
NO_DATES = ["2026", "2026-02-30", "2026-13-01", "2026-1-1", "26-01-01"]
EXPECTED = """
import datetime, json, sys
import jdatetime
from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal
languages, numbers, dates = json.load(sys.stdin)
said = {}
for language in languages:
    locale = Locale.parse(language, sep="-")
    system = locale.default_numbering_system
    zero = {"latn": 0x30, "arabext": 0x6f0}[system]  # Babel has the signs of a numbering system, not its digits
    native = lambda text: "".join(chr(zero + int(c)) if c.isdigit() else c for c in text)
    number = lambda value: native(format_decimal(value, locale=locale, numbering_system=system))
    def date(iso):
        day = datetime.date.fromisoformat(iso)
        if language == "fa":
            persian = jdatetime.date.fromgregorian(date=day)
            return native(f"{persian.day} {persian.j_months_fa[persian.month - 1]} {persian.year}")
        if language == "th":
            return f"{day.day} {locale.months['format']['wide'][day.month]} พ.ศ. {day.year + 543}"
        return format_date(day, "long", locale=locale)
    said[language] = {
        "numbers": {str(n): number(n) for n in numbers},
        "dates": {iso: date(iso) for iso in dates},
        "direction": {"left-to-right": "ltr", "right-to-left": "rtl"}[locale.character_order],
        "countries": {code: locale.territories[code] for code in ("SG", "DE", "VN")}}
json.dump(said, sys.stdout)
"""


@pytest.fixture(scope="module")
def cldr():
    done = subprocess.run([PYTHON, "-c", EXPECTED], input=json.dumps([LANGUAGES, NUMBERS, DATES]), text=True,
                          capture_output=True) if PYTHON.exists() else None
    if done is None or done.returncode != 0:
        pytest.skip("Babel and jdatetime are not in build-tools/venv (scripts/deps)")
    said = json.loads(done.stdout)
    if "es" in said:
        said["es"]["numbers"]["1234"] = "1234"  # CLDR minimumGroupingDigits 2, which Babel leaves out
    return said


def translated(value, language):
    """Every text of the law in `language` too, so that what is left in English is ours."""
    if isinstance(value, list):
        return [translated(item, language) for item in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("en"), str):
        return {**value, language: f"({language}) {value['en']}"}
    return {key: translated(item, language) for key, item in value.items()}


def findings(language):
    """Every status, every date of the list, and numbers with groups."""
    document = json.loads((ROOT / "tests/data/findings/vn-two-faults.json").read_text())
    law, sample = document["jurisdictions"][0], document["findings"][0]
    instrument, provision = law["instruments"][0], law["provisions"][0]
    for n, date in enumerate(DATES + NO_DATES):
        law["instruments"].append({**instrument, "id": f"vn-i{n}", "in_force": date})
        law["provisions"].append({**provision, "id": f"vn-d{n}", "instrument": f"vn-i{n}"})
    for n, status in enumerate(["waived", "not-applicable"]):
        document["findings"].append({**sample, "id": f"fnd:{n:016x}", "status": status})
    document["findings"][-2]["waived_from"] = "fail"
    document["inventory"]["components"] = [{"name": f"part{n}", "kind": "data", "files": 7, "size": n} for n in NUMBERS]
    document["inventory"]["coverage"] = {"looked_at": 56789, "facts": 16060556376, "read": 1234, "unpoliced": 999}
    document["languages"] = [language, "en"]
    return translated(document, language)


rendered = {}


@pytest.fixture
def report(okse, tmp_path):
    def once(language, form):
        if (language, form) not in rendered:
            rendered[language, form] = render(language, form)
        return rendered[language, form]

    def render(language, form, environment=None):
        path = tmp_path / "findings.json"
        path.write_text(json.dumps(findings(language)))
        return okse("report", path, "--format", form, "--language", language, status=0, env=environment or {}).out
    once.anew = render
    return once


def plain(markup):
    """The text of markup, with nothing between neighbours."""
    return re.sub(r"<[^>]*>", "", markup)


def own(text, language):
    """What the page says in one language."""
    pieces = re.findall(rf'<t?span class="t l1" lang="{language}"[^>]*>(.*?)</t?span>', text, re.S)
    return [plain(piece) for piece in pieces]


def test_the_promised_languages_are_there_and_those_of_every_jurisdiction():
    assert set(PROMISED) | {"fa", "he", "ur"} <= set(LANGUAGES)
    laws = [yaml.safe_load(path.read_text())["jurisdiction"] for path in (ROOT / "manifests/jurisdictions").glob("*.yaml")]
    assert len(laws) >= 59 and {language for law in laws for language in law["languages"]} <= set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_is_wholly_in_the_language_and_runs_its_way(report, cldr, language):
    text = report(language, "html")
    direction = "rtl" if language in RIGHT_TO_LEFT else "ltr"
    assert cldr[language]["direction"] == direction
    assert f'<html lang="{language}" dir="{direction}">' in text
    assert not re.search(r'class="t l\d m\d', text)  # no text stands in for another language
    if language == "en":
        return
    said = own(text, language)
    texts = yaml.load((REPORT / f"messages.{language}.yaml").read_text(), yaml.BaseLoader)["texts"]
    assert len(said) > 200 and texts["title"] in said and texts["method.advice"] in said
    assert texts["waived.from"].replace("{status}", texts["status.fail"]) in said
    assert [part for part in said if part.startswith(f"({language}) ")]  # the law, marked as this language
    assert (f'class="t l1" lang="{language}" dir="rtl">' in text) == (direction == "rtl")
    assert cldr[language]["countries"]["SG"] in said and cldr[language]["countries"]["DE"] in said


@pytest.mark.parametrize("language", LANGUAGES)
def test_numbers_and_dates_are_those_of_the_cldr_and_iso_stands_beside(report, cldr, language):
    text = report(language, "html")
    expected, said = cldr[language], own(text, language)
    texts = yaml.load((REPORT / f"messages.{language}.yaml").read_text(), yaml.BaseLoader)["texts"]
    policed = texts["policed"]
    for name, number in (("looked", 56789), ("facts", 16060556376), ("read", 1234), ("unpoliced", 999)):
        policed = policed.replace("{%s}" % name, expected["numbers"][str(number)])
    assert policed in (said if language != "en" else plain(text))
    cells = [plain(cell) for cell in re.findall(r'<td class="number">(.*?)\n?(?=<t|</t)', text)]
    assert [n for n in NUMBERS if not any(expected["numbers"][str(n)] in cell for cell in cells)] == []
    dates = expected["dates"] if language != "en" else {}
    for iso in DATES + NO_DATES:
        shown = f"{dates[iso]} ({iso})" if iso in dates else iso
        assert texts["instrument.force"].replace("{date}", shown) in (said if language != "en" else plain(text))
    assert "2026-11-23T07:30:00Z" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_text_is_wholly_in_the_language(report, cldr, language):
    text = report(language, "text")
    texts = yaml.load((REPORT / f"messages.{language}.yaml").read_text(), yaml.BaseLoader)["texts"]
    assert "[en]" not in text
    assert texts["verdict.non-compliant"] in text.splitlines()[0] and "2026-11-23T07:30:00Z" in text.splitlines()[0]
    for key in ("status.fail", "status.waived", "first", "severity.mandatory"):
        assert texts[key] in text
    assert cldr[language]["numbers"]["16060556376"] in text


def columns(line):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


@pytest.mark.parametrize("language", ["ja", "zh", "ko", "ru"])
def test_paragraphs_of_any_script_stay_within_a_hundred_columns(report, cldr, language):
    texts = yaml.load((REPORT / f"messages.{language}.yaml").read_text(), yaml.BaseLoader)["texts"]
    said, lines = texts["policed"], []
    for name, number in (("looked", 56789), ("facts", 16060556376), ("read", 1234), ("unpoliced", 999)):
        said = said.replace("{%s}" % name, cldr[language]["numbers"][str(number)])
    text = report(language, "text")
    for line in text[text.index("  " + said[:8]):].split("\n"):
        if not line or not said.replace(" ", "").startswith("".join([*lines, line]).replace(" ", "")):
            break
        lines.append(line)
    assert "".join(lines).replace(" ", "") == said.replace(" ", "")
    assert len(lines) > 1 and max(map(columns, lines)) <= 100
    assert not [line for line in lines if line.strip()[0] in "、。，）」："]


@pytest.mark.parametrize("form", ["html", "text", "markdown"])
def test_the_language_of_the_process_changes_nothing(report, form):
    first = report("fr", form)
    assert report.anew("fr", form, {"LC_ALL": "fa_IR.UTF-8", "LANGUAGE": "ar", "LANG": "de_DE.UTF-8", "TZ": "Asia/Tehran"}) == first


def test_a_year_that_the_persian_rule_does_not_cover_is_iso_alone(okse, tmp_path):
    document = findings("fa")
    for instrument, date in zip(document["jurisdictions"][0]["instruments"][1:], ["2121-06-01", "1700-01-01"]):
        instrument["in_force"] = date
    (tmp_path / "f.json").write_text(json.dumps(document))
    said = own(okse("report", tmp_path / "f.json", "--format", "html", status=0).out, "fa")
    assert "لازم‌الاجرا از 2121-06-01" in said and "لازم‌الاجرا از 1700-01-01" in said


def test_a_law_in_chinese_is_read_by_whoever_reads_traditional_characters(okse, tmp_path):
    document = findings("zh")
    document["languages"] = ["zh-Hant", "en"]
    (tmp_path / "f.json").write_text(json.dumps(document))
    page = okse("report", tmp_path / "f.json", "--format", "html", status=0).out
    assert '<html lang="zh-Hant" dir="ltr">' in page and "不符合規定" in own(page, "zh-Hant")
    assert "(zh) Cross-border transfer of personal data" in own(page, "zh-Hant")


def test_a_language_without_texts_falls_back_where_one_sees_it(okse, tmp_path):
    document = findings("mn")
    (tmp_path / "f.json").write_text(json.dumps(document))
    text = okse("report", tmp_path / "f.json", "--language", "mn", status=0).out
    assert text.startswith("✕ Not compliant [en] — ") and "What to do first [en]" in text
    assert "(mn) Cross-border transfer" in text
    page = okse("report", tmp_path / "f.json", "--language", "mn", "--format", "html", status=0).out
    assert '<html lang="mn" dir="ltr">' in page
    assert '<span class="t l2 m1" lang="en">Data-residency audit report</span>' in page


# The rules that hold the catalogues

def check(folder):
    done = subprocess.run([sys.executable, ROOT / "scripts/languages", folder], capture_output=True, text=True)
    return done.returncode, done.stdout


@pytest.fixture
def catalogues(tmp_path):
    return pathlib.Path(shutil.copytree(REPORT, tmp_path / "report"))


def test_lint_counts_what_each_language_lacks(catalogues):
    code, said = check(catalogues)
    count = len(yaml.load((REPORT / "messages.en.yaml").read_text(), yaml.BaseLoader)["texts"])
    assert code == 0, said
    assert [f"{language}: {count} of {count} texts, 0 lacking" in said for language in PROMISED] == [True] * 14


BROKEN = {
    "a text that is lacking": ("ja", r"(?m)^  contents:.*\n", "", "lacks 'contents'"),
    "a text that English has not": ("th", r"(?m)^texts:\n", "texts:\n  contentz: x\n", "'contentz' is no text of English"),
    "another placeholder": ("ru", r"\{looked\}", "{seen}", "'policed' has {facts} {read} {seen} {unpoliced}, English {facts}"),
    "an empty text": ("tr", r"(?m)^  skip:.*", '  skip: ""', "'skip' is empty"),
    "no direction": ("he", r"(?m)^direction:.*\n", "", "'direction' is neither ltr nor rtl"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_lint_refuses(catalogues, case):
    language, pattern, replacement, message = BROKEN[case]
    path = catalogues / f"messages.{language}.yaml"
    path.write_text(re.sub(pattern, replacement, path.read_text(), count=1))
    code, said = check(catalogues)
    assert code == 1 and f"languages: messages.{language}.yaml: {message}" in said


def test_lint_refuses_a_language_that_is_gone_or_has_no_locale(catalogues):
    os.remove(catalogues / "messages.pt.yaml")
    os.remove(catalogues / "locale.id.yaml")
    code, said = check(catalogues)
    assert code == 1 and re.search(r"(?m)^pt: 0 of \d+ texts", said) and "there is no locale.id.yaml" in said


def test_locale_files_are_what_the_cldr_says(cldr):
    done = subprocess.run([PYTHON, ROOT / "scripts/locales", "--check"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
    codes = set(yaml.safe_load((ROOT / "manifests/countries.yaml").read_text()))
    for language in LANGUAGES:
        names = yaml.safe_load((REPORT / f"locale.{language}.yaml").read_text())["countries"]
        assert codes <= set(names) and "&amp;" not in "".join(names.values())
