"""The HTML pages as people use them, in one real browser: barriers by axe-core, keys, phones, direction, no scripts, paper."""
import json
import pathlib

import pytest

import browser
import devtools
from test_fleet import AT, evidence
from test_passport import packed, passport
from test_report import DATA, ids, load

ROOT = pathlib.Path(__file__).resolve().parents[2]
AXE = ROOT / "build-tools/axe/package/axe.min.js"
pytestmark = pytest.mark.skipif(not browser.available(), reason="chromium is not installed")
needs_axe = pytest.mark.skipif(not AXE.exists(), reason="axe-core is not there (scripts/deps test)")
RIGHT_TO_LEFT = ["ar", "fa", "he", "ur"]
BARRIERS = """axe.run().then((found) => found.violations.map((rule) =>
  [rule.id, ...rule.nodes.slice(0, 3).map((node) => node.html + " " + node.failureSummary)]))"""
# Boxes of tall scripts reach into the next line where their ink does not: half a line is too much.
OVERLAPS = """(() => { const bad = [], shown = [...document.querySelectorAll("svg text")].map((text) => [text.textContent, text.getBoundingClientRect()])
    .filter(([, box]) => box.width > 0 && box.right > 0);
  shown.forEach(([name, a], i) => shown.slice(i + 1).forEach(([other, b]) => {
    const deep = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (a.left < b.right - 1 && b.left < a.right - 1 && deep > Math.min(a.height, b.height) / 2) bad.push([name, other]); }));
  return bad; })()"""
FOCUS = """(() => { const at = document.activeElement;
  return at.id || at.getAttribute("href") || (at.tagName === "SUMMARY" ? at.parentElement.id : at.tagName + ":" + (at.value || at.className)); })()"""


@pytest.fixture(scope="module")
def tab():
    with devtools.opened() as session:
        yield session


@pytest.fixture
def page(okse, tmp_path):
    def make(document, language=None):
        if isinstance(document, dict):
            (tmp_path / "given.json").write_text(json.dumps(document))
            document = tmp_path / "given.json"
        out = tmp_path / "page.html"
        okse("report", document, "--format", "html", *(("--language", language) if language else ()), "-o", out, status=0)
        return out
    return make


def waived():
    document = load("compliant")
    finding = next(f for f in document["findings"] if f["severity"] == "mandatory" and f["status"] == "pass")
    finding.update(status="waived", waived_from="fail", reason={"en": "Waiver W-7 by the ministry until 2026-12-31: migration."})
    return document, finding


def barriers(tab):
    if not tab.run("'axe' in window"):
        tab.run(AXE.read_text() + ";0")
    return tab.run(BARRIERS)


# Barriers

@needs_axe
def test_axe_sees_a_barrier(tab, tmp_path):
    (tmp_path / "p.html").write_text('<html><title>x</title><main><h1>x</h1><img src="data:,"><p style="color:#999">low</p></main></html>')
    tab.open(tmp_path / "p.html")
    assert {"html-has-lang", "image-alt", "color-contrast"} <= {rule[0] for rule in barriers(tab)}


@needs_axe
@pytest.mark.parametrize("name,language", [("vn-two-faults", "en"), ("sa-kr", "ar")])
def test_a_report_has_no_barrier_in_any_of_its_languages_light_and_dark(tab, page, name, language):
    tab.console.clear()
    tab.open(page(DATA / f"{name}.json", language))
    for number in range(tab.run("document.querySelectorAll('input[name=language]').length")):
        tab.run(f"document.getElementById('l{number + 1}').click()")
        assert barriers(tab) == [], tab.run("document.documentElement.lang")
    tab.look("dark")
    tab.run("document.querySelector('input[name=status][value=pass]').click(); document.querySelector('summary').click()")
    assert barriers(tab) == []
    assert tab.console == [] and tab.asked == []


@needs_axe
def test_other_states_and_pages_have_no_barrier(tab, page, okse, tmp_path):
    evidence(tmp_path, 3, {1}, {2})
    okse("audit", "--evidence", "ev", "--country", "VN", "--at", AT, "--fleet", "fleet.json", status=1)
    for document, width, scheme in ((DATA / "inconclusive.json", 1100, "light"), (waived()[0], 320, "dark"),
                                    ("fleet.json", 1100, "light"), ("fleet.json", 320, "dark")):
        tab.open(page(document), width=width, scheme=scheme)
        assert barriers(tab) == [], (document, scheme)
    tab.open(page(DATA / "vn-two-faults.json"), scripts=False)
    assert barriers(tab) == [] and tab.run("document.getElementById('filter').hidden")


@needs_axe
def test_the_passport_has_no_barrier(tab, okse, tmp_path):
    packed(okse)
    (tmp_path / "passport.html").write_text(passport(okse))
    for scheme in ("light", "dark"):
        tab.open(tmp_path / "passport.html", scheme=scheme)
        assert barriers(tab) == []


# Keys

def test_everything_is_reached_and_used_with_keys_alone(tab, page):
    document = load("vn-two-faults")
    tab.open(page(document, "en"))
    order = []
    while len(order) < 200:
        tab.press("Tab", 9)
        order.append(tab.run(FOCUS))
        if order[-1].startswith("BODY"):
            break
    assert order[:3] == ["#findings", "l1", "#p-VN-vn-p01"]  # the link that skips, the languages, the law
    boxes = [name for name in order if name.startswith("INPUT:")]
    assert boxes == [f"INPUT:{word}" for word in ("fail", "inconclusive", "waived", "pass", "not-applicable")]
    first = order.index(boxes[0])
    assert order[first + 5] == "search" and "#map" in order[:first]
    reached = [name for name in order[first:] if name.startswith("fnd:")]
    assert sorted(reached) == ids(document)

    closed = tab.run("document.querySelector('details:not([open]) > summary').focus(), document.activeElement.parentElement.id")
    for key, code in (("Enter", 13), (" ", 32)):
        before = tab.run(f"document.getElementById('{closed}').open")
        tab.press(key, code)
        assert tab.run(f"document.getElementById('{closed}').open") is not before
    tab.run("document.querySelector('input[value=fail]').focus()")
    tab.press(" ", 32)
    assert tab.run("document.getElementById('shown').textContent") == "5 / 7"
    tab.run("document.querySelector('nav a[href=\"#method\"]').focus()")
    tab.press("Enter", 13)
    assert tab.run("location.hash + (Math.abs(document.getElementById('method').getBoundingClientRect().top) < innerHeight)") == "#methodtrue"


def test_what_has_the_focus_is_seen(tab, page):
    tab.open(page(DATA / "vn-two-faults.json"))
    for _ in range(12):
        tab.press("Tab", 9)
        assert tab.run("getComputedStyle(document.activeElement).outlineStyle") != "none"
        assert tab.run("parseFloat(getComputedStyle(document.activeElement).outlineWidth)") >= 1


# Phones, directions

@pytest.mark.parametrize("language", [*RIGHT_TO_LEFT, "de", "ko", "ru", "th", "vi"])
def test_no_language_is_wider_than_a_phone_nor_lies_over_its_own_map(tab, page, language):
    tab.open(page(DATA / "vn-two-faults.json", language))
    assert tab.run("getComputedStyle(document.body).direction") == ("rtl" if language in RIGHT_TO_LEFT else "ltr")
    for width in (1100, 390, 320):
        tab.width(width)
        assert tab.run("document.documentElement.scrollWidth") <= width
        assert tab.run(OVERLAPS) == [], width


def test_the_fleet_fits_a_phone(tab, page, okse, tmp_path):
    evidence(tmp_path, 2, {1})
    okse("audit", "--evidence", "ev", "--country", "VN", "--at", AT, "--fleet", "fleet.json", status=1)
    for language in ("en", "ar"):
        tab.open(page(tmp_path / "fleet.json", language), width=320)
        assert tab.run("document.documentElement.scrollWidth") <= 320


# Without scripts

def test_no_script_and_several_countries_show_every_finding(tab, page):
    document = load("sa-kr")
    assert len({finding["jurisdiction"] for finding in document["findings"]}) > 1
    tab.open(page(document), scripts=False)
    seen = tab.run("[...document.querySelectorAll('[data-finding]')].filter((n) => n.getClientRects().length > 0).map((n) => n.id)")
    assert sorted(seen) == ids(document)
    tab.look(media="print")
    assert tab.run("""[...document.querySelectorAll('[data-finding]')]
        .every((n) => n.querySelector('.ids').checkVisibility({contentVisibilityAuto: true}))""")


# The opening

@pytest.mark.parametrize("form", ["html", "text"])
def test_a_yes_by_waiver_says_so_and_until_when(okse, tmp_path, form):
    document, finding = waived()
    (tmp_path / "f.json").write_text(json.dumps(document))
    told = okse("report", "f.json", "--format", form, "--language", "en", status=0).out
    opening = told[told.index("<main>"):told.index("<nav ")] if form == "html" else told[:told.index("Vietnam ·")]
    for words in ("passed or is waived", "before its waiver ends"):
        assert words in opening
    for words in ("Every mandatory check that applies has passed.", "No mandatory article is broken", "Nothing has to be changed. "):
        assert words not in opening
    if form == "html":
        assert f'href="#{finding["id"]}"' in opening and "until 2026-12-31" in opening


def test_the_fleet_says_what_to_do_first(okse, tmp_path):
    evidence(tmp_path, 3, {1})
    okse("audit", "--evidence", "ev", "--country", "VN", "--at", AT, "--fleet", "fleet.json", status=1)
    told = okse("report", "fleet.json", "--format", "html", "--language", "en", status=0).out
    opening = told[told.index("<main>"):told.index('<section id="countries"')]
    worst = json.loads((tmp_path / "fleet.json").read_text())["findings"][0]["id"]
    assert "What to do first" in opening and opening.count("<li><p>") == 3 and f'href="#{worst}"' in opening
