"""One page about a package: what is said in it is there, what nobody said is unknown, and only what was checked is called so."""
import html.parser
import re
import subprocess

import pytest

import browser
from test_evaluations import INDEX, PARTS, model, record, save
from test_gate import build, stack

needs_browser = pytest.mark.skipif(not browser.available(), reason="chromium is not installed")


class Page(html.parser.HTMLParser):
    """Texts of the page by section; rows of tables as lists of cells."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.rows, self.text, self.cell = [], [], [], "", None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *attr) for attr in attrs]
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.cell = ""

    def handle_endtag(self, tag):
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append(self.cell.strip())
            self.cell = None

    def handle_data(self, data):
        self.text += data
        if self.cell is not None:
            self.cell += data

    def row(self, head):
        return [row[1:] for row in self.rows if row and row[0] == head]


def packed(okse, *words):
    model(okse.directory)
    save(okse.directory, record(okse.directory))
    build(okse, *words, status=0)


def signed(okse):
    for name in ("vendor", "stranger"):
        okse("key", "new", "--type", "ed25519", "-o", f"{name}.pem", status=0)
    for name in ("vendor", "stranger"):
        (okse.directory / f"{name}.yaml").write_text(f"okse: trust/v1\nroles:\n  vendor: {{signers: [{{key: {name}.pub}}]}}\n")
    okse("sign", "x.okse", "--key", "vendor.pem", "--role", "vendor", status=0)


def passport(okse, *words):
    return okse("passport", "x.okse", *words, status=0).out


def test_it_says_what_the_package_says(okse):
    packed(okse)
    page = Page(passport(okse))
    identity = okse("inspect", "x.okse", "--json", status=0).json["identity"]
    assert page.row("Identity") == [[identity]] and page.row("Destination") == [["Vietnam"]] and page.row("Made by") == [["Example AI Lab, South Korea"]]
    assert page.row("Purpose") == [["Semantic search over public records"]] and page.row("Use") == [["research"]]
    assert page.row("License") == [["Apache-2.0 – permits: research, education, commercial, public-administration; giving it on: with-copy"]]
    assert {name: cells[1] for name in PARTS for cells in page.row(name)} == {name: f"{value:g} %" for name, value in PARTS.items()}
    assert [row[0] for row in page.rows if row[0] in PARTS] == list(PARTS), "in the order of the record"
    assert f"{INDEX} 2.2: 51" in page.text and "its parts let it be" in page.text and "gpt-4.1 2025-04-14, United States" in page.text
    assert re.search(r"Failed: 0; Not decided: \d+; Waived: 0; Passed: \d+", page.text)


def test_what_nobody_said_is_unknown(okse):
    stack(okse.directory)
    (okse.directory / "compliance/incident-plan.yaml").unlink()
    okse("build", "stack.yaml", "--country", "VN", "-o", "x.okse", "--unsigned", "--gate", "off", status=0)
    page = Page(passport(okse))
    assert page.row("Whom to tell of an incident") == [["unknown"]] and page.row("Agreement between") == [["unknown"]]
    assert "how it performs is unknown" in page.text and "the law of the destination was not asked" in page.text
    assert "There are no model weights" in page.text


def test_only_what_was_checked_is_called_so(okse):
    packed(okse)
    signed(okse)
    assert "Not verified. Signed statements in the package: 1." in Page(passport(okse)).text
    good = Page(passport(okse, "--trust", "vendor.yaml"))
    assert "are those that the reader's policy asks for" in good.text and good.row("vendor")[0][:2] == ["vendor.pub", "ed25519"] and good.row("vendor")[0][3] == "valid"
    bad = Page(passport(okse, "--trust", "stranger.yaml"))
    assert "does not accept this package" in bad.text and "policy asks for." not in bad.text
    assert okse("passport", "x.okse", "--trust", "vendor.yaml", "--json", "-o", "p.html", status=0).json["verified"]["verdict"] == "verified"
    assert (okse.directory / "p.html").read_text().startswith("<!DOCTYPE html>")


def test_the_same_package_gives_the_same_page(okse):
    packed(okse)
    assert passport(okse) == passport(okse)
    assert okse("passport", "x.okse", status=0, env={"LC_ALL": "C.UTF-8", "TZ": "Asia/Seoul"}).out == passport(okse)


@pytest.mark.parametrize("language, direction, word", [("ko", "ltr", "AI 패키지 여권"), ("vi", "ltr", "Hộ chiếu"), ("ar", "rtl", "جواز"),
                                                       ("th", "ltr", "หนังสือเดินทาง"), ("de", "ltr", "Pass eines KI-Pakets"), ("he", "rtl", "דרכון")])
def test_other_languages(okse, language, direction, word):
    packed(okse)
    text = passport(okse, "--language", language)
    assert f'<html lang="{language}" dir="{direction}">' in text and word in text and "What it is for" not in text
    assert "no texts in the language 'xx'" in okse("passport", "x.okse", "--language", "xx", status=2).err


HOSTILE = '<script>alert(1)</script>" onload="x\x1b[31m\u202e'


def test_names_of_strangers_do_nothing(okse):
    model(okse.directory)
    whole = record(okse.directory)
    whole["results"][0]["dataset"] = HOSTILE
    whole["judges"] = [{**whole["judges"][0], "name": HOSTILE}]
    save(okse.directory, whole)
    path = okse.directory / "stack.yaml"
    path.write_text(path.read_text().replace("Semantic search over public records", "'</td><img src=http://evil.example/x> & co'"))
    build(okse, gate=("--gate", "warn"), status=0)
    text = passport(okse)
    page = Page(text)
    assert not {"script", "img", "iframe", "form"} & set(page.tags) and not [a for a in page.attributes if a[1].startswith("on")]
    assert page.row("Purpose") == [["</td><img src=http://evil.example/x> & co"]] and "\x1b" not in text and "\u202e" not in text
    assert [value for tag, key, value in page.attributes if key in ("src", "href")] == ["data:,"]


@needs_browser
def test_it_is_one_page_and_asks_for_nothing(okse, tmp_path):
    packed(okse)
    page = tmp_path / "p.html"
    page.write_text(passport(okse))
    _, console, asked = browser.run(page, "--no-pdf-header-footer", f"--print-to-pdf={tmp_path}/p.pdf")
    assert console == [] and asked == []
    told = subprocess.run(["pdfinfo", tmp_path / "p.pdf"], check=True, capture_output=True, text=True).stdout
    assert "Pages:           1\n" in told and re.search(r"Page size: +59[45].* x 84[12]", told)
    words = subprocess.run(["pdftotext", "-layout", tmp_path / "p.pdf", "-"], check=True, capture_output=True, text=True).stdout
    assert "MMLU-Pro" in words and "Example AI Lab" in words
