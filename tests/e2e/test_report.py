"""Reports: one findings document, every format, the same bytes; HTML in a real browser."""
import collections
import html.parser
import json
import pathlib
import re
import shutil
import subprocess
import pytest
import yaml

import browser

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data" / "findings"
NAMES = sorted(path.stem for path in DATA.glob("*.json"))
needs_pdftotext = pytest.mark.skipif(not shutil.which("pdftotext"), reason="pdftotext is not installed (poppler-utils)")
needs_browser = pytest.mark.skipif(not browser.available(), reason="chromium is not installed")


def load(name):
    return json.loads((DATA / f"{name}.json").read_text())


def ids(document):
    return sorted(finding["id"] for finding in document["findings"])


def many(count=10000, languages=("vi", "en")):
    """A document of `count` findings over a law of 250 articles."""
    document = load("vn-two-faults")
    jurisdiction = document["jurisdictions"][0]
    pattern = jurisdiction["provisions"][0]
    jurisdiction["provisions"] = [{**pattern, "id": f"vn-x{n:03}", "article": f"Art. {n}"} for n in range(250)]
    controls = sorted(document["controls"])
    words = ["fail", "inconclusive", "pass", "pass", "not-applicable", "waived"]
    sample = document["findings"][0]
    document["findings"] = []
    for n in range(count):
        status = words[n % len(words)]
        evidence = sample["evidence"][:1] * (3 if status in ("fail", "inconclusive") else 0)
        evidence = [{**e, "line": n + 1, "excerpt": e["excerpt"] + "x" * 150} for e in evidence]
        document["findings"].append({**sample, "id": f"fnd:{n:016x}", "control": controls[n % len(controls)],
                                     "provision": f"vn-x{n * 250 // count:03}", "status": status, "evidence": evidence,
                                     "violations": len(evidence)})
    document["languages"] = list(languages)
    return document


@pytest.fixture
def write(tmp_path):
    def save(document, name="findings.json"):
        path = tmp_path / name
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return path
    return save


def render(okse, source, form, **options):
    words = [part for key, value in options.items() for part in (f"--{key}", value)]
    return okse("report", source, "--format", form, *words, status=0).out


class Page(html.parser.HTMLParser):
    """What a page consists of, by Python's parser."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.findings, self.attributes, self.ids = collections.Counter(), {}, [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags[tag] += 1
        self.attributes += [(tag, *pair) for pair in attrs]
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if "data-finding" in attributes:
            self.findings[attributes["id"]] = attributes["data-finding"]


# The document that comes in

@pytest.mark.parametrize("name", NAMES)
def test_json_is_the_same_document(okse, name):
    assert json.loads(render(okse, DATA / f"{name}.json", "json")) == load(name)
    assert okse("report", DATA / f"{name}.json", "--json", status=0).json == load(name)


@pytest.mark.parametrize("form", ["text", "json", "html"])
def test_same_findings_same_bytes_whatever_the_environment_and_the_order_of_keys(okse, write, form):
    def reverse(value):
        if isinstance(value, dict):
            return {key: reverse(value[key]) for key in sorted(value, reverse=True)}
        return [reverse(item) for item in value] if isinstance(value, list) else value

    plain = render(okse, DATA / "vn-two-faults.json", form)
    other = okse("report", write(reverse(load("vn-two-faults"))), "--format", form, status=0,
                 env={"LC_ALL": "C.UTF-8", "TZ": "UTC", "LANG": "ar_EG.UTF-8", "HOSTNAME": "x"})
    assert other.out == plain


def change(path, value):
    def apply(document):
        *way, last = path
        place = document
        for step in way:
            place = place[step]
        if value is KeyError:
            del place[last]
        else:
            place[last] = value
    return apply


REFUSED = {
    "another schema": (change(["schema"], "okse.findings.v2"), "the schema is 'okse.findings.v2'"),
    "no verdict": (change(["verdict"], KeyError), "'verdict' is missing"),
    "an unknown verdict": (change(["verdict"], "fine"), "'verdict' is not one of the words"),
    "a time without zone": (change(["audited_at"], "2026-11-23T07:30:00"), "'audited_at' is no time"),
    "an unknown status": (change(["findings", 0, "status"], "ok"), "findings[0]: 'status'"),
    "a negative count": (change(["findings", 0, "violations"], -1), "findings[0]: 'violations'"),
    "a bad id": (change(["findings", 0, "id"], "fnd:xyz"), "findings[0]: 'id'"),
    "an unknown provision": (change(["findings", 0, "provision"], "vn-p99"), "findings[0]: 'provision' is none of"),
    "another instrument": (change(["findings", 0, "instrument"], "vn-ai"), "'instrument' is not the provision's"),
    "an undescribed control": (change(["controls", "logs.location"], KeyError), "'control' is not described"),
    "a text map without English": (change(["controls", "logs.location", "title"], {"vi": "x"}), "'title' is not a map"),
    "an id with markup": (change(["jurisdictions", 0, "provisions", 0, "id"], "a\"><b>"), "'id' is not an identifier"),
    "a language with markup": (change(["languages"], ["v\">"]), "languages[0] is no language code"),
    "evidence as text": (change(["findings", 0, "evidence"], ["x"]), "evidence[0]"),
    "yes over a failed mandatory check": (change(["verdict"], "compliant"), "the verdict is 'compliant', but the mandatory finding"),
    "undecided over a failed mandatory check": (change(["verdict"], "inconclusive"), "the verdict is 'inconclusive'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses(okse, write, case):
    document = load("vn-two-faults")
    apply, message = REFUSED[case]
    apply(document)
    refused = okse("report", write(document), "--format", "html", status=2)
    assert message in refused.err and refused.out == ""


def test_refuses_one_id_twice_and_yes_over_nothing(okse, write):
    document = load("vn-two-faults")
    document["findings"].append(document["findings"][0])
    assert "was used by an earlier finding" in okse("report", write(document), status=2).err
    document = load("compliant")
    document["findings"] = []
    assert "nothing was decided" in okse("report", write(document), status=2).err


def test_refuses_what_is_no_findings_file(okse, write, tmp_path):
    assert okse("report", write("{"), status=2).err.startswith(f"okse: {tmp_path}/findings.json:1:")
    assert "\\u0000" in okse("report", write('{"schema":"a\\u0000b"}'), status=2).err
    okse("report", tmp_path / "missing.json", status=3)
    okse("report", tmp_path, status=2)
    assert "unknown report format 'docx' (one of: text, json, html" in \
        okse("report", DATA / "compliant.json", "--format", "docx", status=2).err
    assert "language 'xx'" in okse("report", DATA / "compliant.json", "--language", "xx", status=2).err
    assert "language '../../x'" in okse("report", DATA / "compliant.json", "--language", "../../x", status=2).err


def test_output_file_appears_complete_or_not_at_all(okse, tmp_path):
    okse("report", DATA / "compliant.json", "--format", "html", "-o", tmp_path / "r.html", status=0)
    assert (tmp_path / "r.html").read_text().endswith("</html>\n")
    okse("report", DATA / "compliant.json", "--format", "html", "-o", tmp_path / "no" / "r.html", status=3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.html"]


# Text

def test_text_says_verdict_first_then_law_and_place(okse):
    out = render(okse, DATA / "vn-two-faults.json", "text")
    assert out.startswith("✕ Not compliant — gpu01.ministry.example, 2026-11-23T07:30:00Z\n")
    assert out.index("What to do first") < out.index("Art. 17") < out.index("otel.yaml:7  traces") < out.index("Art. 25")
    assert "\x1b" not in out and all(id in out for id in ids(load("vn-two-faults")))
    assert render(okse, DATA / "vn-two-faults.json", "text", language="vi").startswith("✕ Không tuân thủ")
    assert render(okse, DATA / "compliant.json", "text").startswith("✓ Compliant")
    out = render(okse, DATA / "inconclusive.json", "text")
    assert out.startswith("? Inconclusive") and "sockets: not readable — permission denied: /proc/net/tcp" in out


def test_text_shows_what_a_terminal_would_obey(okse):
    out = render(okse, DATA / "hostile.json", "text", language="ar")
    assert "\\u{1b}[31m" in out and "\\u{202e}gnp.exe" in out
    assert not set(out) & {"\x1b", "\x01", "\u202e", "\u202c", "\ufeff", "\u2028"}


def test_colours_only_on_a_terminal(okse, tmp_path):
    command = f"{okse.binary} report {DATA}/vn-two-faults.json"
    seen = subprocess.run(["script", "-qec", command, "/dev/null"], capture_output=True, text=True, env=okse.environment)
    assert "\x1b[31m" in seen.stdout
    seen = subprocess.run(["script", "-qec", command, "/dev/null"], capture_output=True, text=True,
                          env={**okse.environment, "NO_COLOR": "1"})
    assert "\x1b" not in seen.stdout and "Not compliant" in seen.stdout


# Interface texts

def test_language_without_catalogue_falls_back_visibly(okse, write):
    document = load("compliant")
    document["languages"] = ["mn", "en"]
    out = render(okse, write(document), "html")
    assert '<html lang="mn"' in out and '<span class="t l2 m1" lang="en">Data-residency audit report</span>' in out


# HTML, as text

@pytest.mark.parametrize("name", NAMES)
def test_html_carries_every_finding_once_and_asks_for_nothing(okse, name):
    text = render(okse, DATA / f"{name}.json", "html")
    page = Page(text)
    document = load(name)
    assert page.findings == {finding["id"]: finding["status"] for finding in document["findings"]}
    assert len(page.ids) == len(set(page.ids))
    targets = {value[1:] for tag, key, value in page.attributes if key == "href" and value.startswith("#")}
    assert targets <= set(page.ids)
    for tag, key, value in page.attributes:
        assert not key.startswith("on") and key != "style", (tag, key)
        assert key != "src", (tag, value)
        if key == "href":
            assert value.startswith("#") or value == "data:," or (tag == "a" and value.startswith("https://"))
    assert not set(page.tags) & {"img", "iframe", "object", "embed", "base", "video", "audio"}
    assert page.tags["script"] == page.tags["style"] == 1


def test_html_policy_names_style_and_script_by_digest(okse):
    text = render(okse, DATA / "hostile.json", "html")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text).group(1)
    assert policy.startswith("default-src 'none';")
    for tag in ("style", "script"):
        body = re.search(f"<{tag}>(.*?)</{tag}>", text, re.S).group(1)
        done = subprocess.run("openssl dgst -sha256 -binary | openssl base64 -A", input=body.encode(), shell=True,
                              capture_output=True, check=True)
        assert f"{tag}-src 'sha256-{done.stdout.decode()}'" in policy


def test_html_names_the_digest_of_the_findings(okse):
    done = subprocess.run("jq -cjS . | sha256sum", input=(DATA / "vn-two-faults.json").read_bytes(), shell=True,
                          capture_output=True, check=True)
    text = render(okse, DATA / "vn-two-faults.json", "html")
    assert text.count("sha256:" + done.stdout.decode()[:64]) == 2  # in the method, and on every printed page


def test_html_answers_first(okse):
    text = render(okse, DATA / "vn-two-faults.json", "html", language="en")
    opening = text[text.index("<main>"):text.index("<nav ")]
    for words in ("Not compliant", "Art. 17 (with PDPL Art. 20)", "Art. 25", "otel.yaml:7", "rsyslog.conf:12",
                  "Point the named setting", "6</bdi> of <bdi dir=\"ltr\">7"):
        assert words in opening, words
    assert '<html lang="en" dir="ltr">' in text
    assert '<html lang="ar" dir="rtl">' in render(okse, DATA / "sa-kr.json", "html")


def test_ten_thousand_findings_stay_below_two_megabytes(okse, write):
    text = render(okse, write(many()), "html")
    assert len(text.encode()) < 2_000_000
    assert len(Page(text).findings) == 10000


def channels(colour):
    return [int(colour[n:n + 2], 16) / 255 for n in (1, 3, 5)]


def luminance(colour):
    if len(colour) == 4:
        colour = "#" + "".join(c * 2 for c in colour[1:])
    parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels(colour)]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def test_colours_have_contrast_in_light_dark_and_print():
    """WCAG 2.1 AA 1.4.3: 4.5 to 1 for text."""
    css = (ROOT / "templates/report/report.css").read_text()
    palettes = [dict(re.findall(r"--([\w-]+):(#[0-9a-f]{3,6})", block)) for block in re.findall(r":root\{[^}]*\}", css)]
    palettes = [palette for palette in palettes if "paper" in palette]
    assert len(palettes) == 3
    for palette in palettes:
        pairs = [(ink, "paper") for ink in ("ink", "soft", "link", "fail", "inconclusive", "pass", "waived", "na")]
        pairs += [(name, f"{name}-back") for name in ("fail", "inconclusive", "pass", "waived", "na")]
        pairs += [(ink, back) for ink in ("ink", "soft") for back in ("fail-back", "inconclusive-back", "pass-back")]
        pairs += [("ink", "code")]
        for ink, back in pairs:
            light, dark = sorted((luminance(palette[ink]), luminance(palette[back])), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, back, palette[ink], palette[back])


# HTML, in a browser

@needs_browser
@pytest.mark.parametrize("name", NAMES)
def test_browser_shows_every_finding_without_a_word_or_a_request(okse, tmp_path, name):
    page = tmp_path / "r.html"
    page.write_text(render(okse, DATA / f"{name}.json", "html"))
    out, console, asked = browser.run(page, "--dump-dom")
    assert console == [] and asked == []
    seen = Page(out)
    assert sorted(seen.findings) == ids(load(name))
    assert f'<b id="shown">{len(seen.findings)} / {len(seen.findings)}</b>' in out  # the script ran
    assert "img" not in seen.tags


@needs_browser
def test_browser_harness_sees_a_request_and_an_error(tmp_path):
    page = tmp_path / "r.html"
    page.write_text('<img src="http://one.example/x.png"><script>undefined.x</script>')
    _, console, asked = browser.run(page, "--dump-dom")
    assert asked == ["http://one.example/x.png"] and len(console) == 1


@needs_browser
@needs_pdftotext
def test_browser_without_scripts_shows_every_finding_in_one_language(okse, tmp_path):
    text = render(okse, DATA / "vn-two-faults.json", "html")
    page = tmp_path / "r.html"
    page.write_text(re.sub(r"script-src '[^']*'", "script-src 'none'", text))  # the browser refuses the script
    _, console, _ = browser.run(page, "--no-pdf-header-footer", f"--print-to-pdf={tmp_path}/r.pdf")
    assert len(console) == 1 and "script" in console[0]
    done = subprocess.run(["pdftotext", "-layout", tmp_path / "r.pdf", "-"], capture_output=True, text=True, check=True)
    flat = re.sub(r"\s+", "", done.stdout)
    for id in ids(load("vn-two-faults")):
        assert id in flat  # also the folded ones: paper shows everything
    assert "Khôngtuânthủ" in flat and "Notcompliant" not in flat
    assert re.search(r"\b1 ?/ ?\d", done.stdout) and "sha256:" in done.stdout  # on every page


@needs_browser
def test_browser_filters_searches_and_opens_linked_findings(okse, tmp_path):
    document = load("vn-two-faults")
    finding = next(f for f in document["findings"] if f["control"] == "documents.transfer-assessment")
    text = render(okse, DATA / "vn-two-faults.json", "html", language="en")
    probe = """
<pre id="probe"></pre><script>
const out = {}, $ = (q) => document.querySelector(q), say = () => $("#shown").textContent;
const set = (q, v) => { $(q).value = v; $(q).dispatchEvent(new Event("input")); };
set("#search", "rsyslog 203.0.113"); out.search = say(); set("#search", "zebra"); out.none = say(); set("#search", "");
$("input[value=pass]").click(); out.withoutPassed = say();
out.hidden = document.getElementById("ID").hidden;
location.hash = "#ID";
setTimeout(() => { out.revealed = !document.getElementById("ID").hidden; out.open = document.getElementById("ID").open;
  $("#l2").click(); out.lang = document.documentElement.lang;
  const visible = (n) => getComputedStyle(n).display !== "none";
  out.texts = [...document.querySelectorAll("h1 .t")].filter(visible).map((n) => n.lang);
  $("#probe").textContent = JSON.stringify(out); }, 50);
</script>""".replace("ID", finding["id"])
    policy = re.search(r"script-src '[^']*'", text).group(0)
    page = tmp_path / "r.html"
    page.write_text(text.replace(policy, "script-src 'unsafe-inline'").replace("</body>", probe + "</body>"))
    out, console, _ = browser.run(page, "--dump-dom", "--virtual-time-budget=2000")
    assert console == []
    assert json.loads(re.search(r'id="probe">(\{.*?\})<', out).group(1)) == {
        "search": "2 / 7", "none": "0 / 7", "withoutPassed": "3 / 7", "hidden": True, "revealed": True, "open": True,
        "lang": "vi", "texts": ["vi"]}


@needs_browser
def test_browser_turns_the_page_round_for_arabic(okse, tmp_path):
    page = tmp_path / "r.html"
    page.write_text(render(okse, DATA / "sa-kr.json", "html"))
    probe = '<pre id="probe"></pre><script>document.getElementById("probe").textContent = [1, 3].map((n) => { ' \
            'document.getElementById("l" + n).click(); return getComputedStyle(document.body).direction; })</script>'
    page.write_text(re.sub(r"script-src '[^']*'", "script-src 'unsafe-inline'", page.read_text()).replace("</body>", probe))
    out, _, _ = browser.run(page, "--dump-dom")
    assert '<pre id="probe">rtl,ltr<' in out
