"""The PDF report: read back by poppler, qpdf, zbar and openssl."""
import hashlib
import json
import os
import re
import shutil
import subprocess
import pytest

import signing
from test_report import DATA, ids, load, many, write  # noqa: F401 (fixture)

TOOLS = ["pdftotext", "qpdf", "zbarimg"]
pytestmark = pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason="poppler-utils, qpdf or zbar-tools is not installed")
CONTROLS = dict.fromkeys(map(ord, "\u202a\u202b\u202c\u2066\u2067\u2068\u2069\u200e\u200f"))
# fontconfig keeps its pointers as distances, and cairo its fonts for later: a leak checker counts both
LOOSE = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}
EPOCH = {"SOURCE_DATE_EPOCH": "1795507800"}  # 2026-11-24T08:10:00Z


def run(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True)
    assert done.returncode == 0, (words, done.stderr.decode())
    return done.stdout.decode()


def render(okse, source, *words, status=0, env=None):
    path = okse.directory / "r.pdf"
    path.unlink(missing_ok=True)
    result = okse("report", source, "--format", "pdf", "-o", path, *words, status=status, env={**LOOSE, **(env or {})})
    return path if status == 0 else result


def text_of(path):
    return run("pdftotext", path, "-").translate(CONTROLS)


def flat(text):
    return re.sub(r"\s+", "", text)


def objects(path):
    return json.loads(run("qpdf", "--json=2", "--json-key=qpdf", path))["qpdf"][1]


def values(value):
    """Every dictionary below a value."""
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        yield from values(item)


def inside(path):
    """No word stands outside the margins of its page, or between its text and its foot."""
    for page in run("pdftotext", "-bbox", path, "-").split("<page ")[1:]:
        width, height = map(float, re.match(r'width="([\d.]+)" height="([\d.]+)"', page).groups())
        for box in re.findall(r'xMin="([-\d.]+)" yMin="([-\d.]+)" xMax="([-\d.]+)" yMax="([-\d.]+)"', page):
            left, top, right, bottom = map(float, box)
            assert left >= 46 and top >= 10 and right <= width - 46 and bottom <= height - 12, box
            assert not height - 78 < bottom < height - 58, box  # between the text and the foot
    return True


@pytest.mark.parametrize("source, language, titles", [
    ("vn-two-faults", None, ["Báo cáo kiểm tra nơi lưu trữ dữ liệu", "Không tuân thủ", "Dữ liệu có thể đi đâu", "Phương pháp và phiên bản"]),
    ("sa-kr", "ko", ["데이터 소재지 감사 보고서", "데이터가 갈 수 있는 곳", "법령별 감사 결과"]),
    ("sa-kr", None, ["تقرير تدقيق موطن البيانات", "غير ممتثل", "النتائج حسب القانون"]),
    ("hostile", "en", ["Data-residency audit report", "Not compliant", "Findings by law", "Signatures"]),
])
def test_everything_is_there_in_reading_order(okse, source, language, titles):
    path = render(okse, DATA / f"{source}.json", *(["--language", language] if language else []))
    text = flat(text_of(path))
    places = [text.find(flat(title)) for title in titles]
    assert -1 not in places and places == sorted(places), places
    assert set(re.findall("fnd:[0-9a-f]{16}", text)) == set(ids(load(source)))
    assert inside(path) and "No syntax or stream encoding errors found" in run("qpdf", "--check", path)
    rows = run("pdffonts", path).splitlines()[2:]
    assert len(rows) >= 3 and all(row.split()[-5:-3] == ["yes", "yes"] for row in rows), rows  # embedded, and a subset
    assert not set(text) & set("\x01\x1b\u202e\ufeff\u2028")


def test_it_says_what_it_is(okse):
    path = render(okse, DATA / "sa-kr.json", "--paper", "letter")
    told = run("pdfinfo", "-isodates", path)
    assert re.search(r"Title: +تقرير تدقيق موطن البيانات – gpu01.ministry.example\n", told)
    assert re.search(r"Subject: +non-compliant\n", told) and re.search(r"Author: +okse 0.1.0\n", told)
    assert re.search(r"Page size: +612 x 792 pts \(letter\)", told) and re.search(r"Tagged: +yes", told)
    assert "CreationDate:    2026-11-23T07:30:00Z" in told and "ModDate:         2026-11-23T07:30:00Z" in told
    everything = objects(path)
    root = everything["obj:" + everything["trailer"]["value"]["/Root"]]["value"]
    assert root["/Lang"] == "u:ar" and root["/ViewerPreferences"] == {"/Direction": "/R2L", "/DisplayDocTitle": True}
    tags = run("pdfinfo", "-struct", path)
    read = run("pdfinfo", "-struct-text", render(okse, DATA / "sa-kr.json", "--language", "en"))
    assert "Findings by law" in read and "What to do first" in read  # what a screen reader reads
    assert {"Document", "Sect", "H1", "H2", "H3", "Table", "TR", "TH", "TD", "Figure", "Link"} <= \
        set(re.findall(r"^ *([A-Z][A-Za-z0-9]*)", tags, re.M))


def test_bookmarks_and_links_lead_to_the_law(okse, write):  # noqa: F811
    document = load("vn-two-faults")
    document["jurisdictions"][0]["instruments"][0]["url"] = "https://law.example/a)/S/JavaScript/JS(x'\\\u00e9"
    path = render(okse, write(document), "--language", "en")
    tree = json.loads(run("qpdf", "--json=2", "--json-key=outlines", path))["outlines"]
    titles = [row["title"] for row in tree]
    assert titles[0] == "Where data can go" and "Findings by law" in titles and titles[-1] == "Signatures"
    law = tree[titles.index("Findings by law")]["kids"]
    assert [row["title"] for row in law] == ["Viet Nam"] or law[0]["title"] == "Vietnam"
    instrument = law[0]["kids"][0]
    assert instrument["title"] == "Decree detailing the Law on Personal Data Protection"
    assert instrument["kids"][0]["title"].startswith("Art. 17") and instrument["kids"][0]["destpageposfrom1"] >= 2
    links = [value for value in values(objects(path)) if value.get("/Subtype") == "/Link"]
    away = {link["/A"]["/URI"] for link in links if "/A" in link and "/URI" in link["/A"]}
    assert "u:https://law.example/a%29/S/JavaScript/JS%28x%27%5C%C3%A9" in away
    assert len(links) > 10 and "/JavaScript" not in path.read_bytes().decode("latin-1").replace("/S/JavaScript/JS%28", "")


def test_every_page_carries_the_digest(okse):
    source = DATA / "vn-two-faults.json"
    path = render(okse, source)
    digest = "sha256:" + hashlib.sha256(json.dumps(load("vn-two-faults"), sort_keys=True, separators=(",", ":"),
                                                   ensure_ascii=False).encode()).hexdigest()
    texts = text_of(path).split("\f")[:-1]
    run("pdftoppm", "-r", "150", "-x", "60", "-y", "1500", "-W", "400", "-H", "254", "-png", path, okse.directory / "page")  # the foot
    pages = sorted(okse.directory.glob("page-*.png"))
    for number, (page, text) in enumerate(zip(pages, texts, strict=True), 1):
        assert run("zbarimg", "-q", "--raw", page).split() == [digest]
        assert digest in text and f"{number} / {len(pages)}" in text


def test_same_bytes_whoever_renders(okse, tmp_path):
    for source, language in (("sa-kr", "ar"), ("hostile", "ko")):
        first = render(okse, DATA / f"{source}.json", "--language", language).read_bytes()
        home = tmp_path / f"home-{language}"
        (home / ".config" / "fontconfig").mkdir(parents=True)
        (home / ".config" / "fontconfig" / "fonts.conf").write_text(
            '<?xml version="1.0"?><fontconfig><match><edit name="family" mode="assign" binding="strong">'
            "<string>DejaVu Serif</string></edit></match></fontconfig>")
        second = render(okse, DATA / f"{source}.json", "--language", language, env={
            "HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"), "TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8",
            "LANG": "ja_JP.UTF-8", "LANGUAGE": "ja:zh", "PANGO_LANGUAGE": "zh", "FC_LANG": "ja"}).read_bytes()
        assert hashlib.sha256(first).digest() == hashlib.sha256(second).digest()


def test_any_script_is_shaped(okse, write):  # noqa: F811
    said = {"th": "ข้อมูลส่วนบุคคล", "hi": "व्यक्तिगत डेटा", "zh": "个人信息保护法", "ja": "個人情報の保護", "he": "מידע אישי",
            "am": "የግል መረጃ", "km": "ទិន្នន័យ", "ru": "Персональные данные", "el": "Δεδομένα", "ka": "პერსონალური"}
    document = load("vn-two-faults")
    sample = document["findings"][0]["evidence"][0]
    document["findings"][0]["evidence"] = [{**sample, "message": f"{code}: {words} →"} for code, words in said.items()]
    document["findings"][0]["violations"] = len(said)
    text = flat(text_of(render(okse, write(document), "--language", "en")))
    for code in ("zh", "ja", "ru", "el", "ka", "he", "am"):  # those whose order of glyphs is their order of letters
        assert flat(said[code]) in text, code
    fonts = run("pdffonts", okse.directory / "r.pdf")
    for font in ("NotoSansThai", "NotoSansDevanagari", "NotoSansKhmer", "NotoSansHebrew", "NotoSansCJK"):
        assert font in fonts, font


def test_long_and_broken_texts_stay_on_their_pages(okse, write):  # noqa: F811
    document = load("vn-two-faults")
    document["collectors"][0]["collector"] = "a\n" * 3000
    document["collectors"][1]["reason"] = "b\n" * 500 + "c" * 9000
    document["inventory"]["components"][0]["name"] = "d" * 20000
    document["target"]["hostname"] = "e" * 5000
    document["findings"][0]["evidence"][0].update(message="f\n" * 4000, excerpt="g\n" * 300, file="/" + "h" * 9000)
    path = render(okse, write(document), "--language", "vi")
    assert inside(path) and set(re.findall("fnd:[0-9a-f]{16}", text_of(path))) == set(ids(document))


def test_a_character_without_a_glyph_is_refused(okse, write):  # noqa: F811
    document = load("vn-two-faults")
    document["findings"][0]["evidence"][0]["message"] = "\U00011f04 \U00011f05 \ue000 \u0378"
    result = render(okse, write(document), "--language", "en", status=3)
    assert "no PDF report in 'en'" in result.err and "has 2 of its characters: U+11F04" in result.err and "Kawi" in result.err
    assert result.out == "" and not (okse.directory / "r.pdf").exists()
    document["findings"][0]["evidence"][0]["message"] = "\ue000 \u0378"  # what no font will ever have is told by its number
    assert r"\u{e000} \u{378}" in text_of(render(okse, write(document), "--language", "en"))


@pytest.mark.parametrize("hidden, words", [
    ("/usr/share/fonts/opentype", ["no PDF report in 'ko'", "(Hang; fonts-noto-cjk)", "…", "take another format"]),
    ("/usr/share/fonts", ["'Noto Sans'", "is not installed (Debian: fonts-noto-core)"]),
])
def test_a_font_that_is_missing_is_named(okse, hidden, words):
    box = ["unshare", "-rm", "sh", "-c", f'mount -t tmpfs none {hidden} && exec "$@"', "sh"]
    if subprocess.run([*box, "true"], capture_output=True).returncode != 0:
        pytest.skip("this system lets nobody make a mount namespace")
    done = subprocess.run([*box, okse.binary, "report", DATA / "sa-kr.json", "--format", "pdf", "--language", "ko", "-o",
                           okse.directory / "r.pdf"], capture_output=True, text=True, env={**okse.environment, **LOOSE})
    assert done.returncode == 3 and all(word in done.stderr for word in words), done.stderr
    assert not (okse.directory / "r.pdf").exists()


def test_ten_thousand_findings(okse, write):  # noqa: F811
    document = many(languages=("en",))
    path = render(okse, write(document))
    text = run("pdftotext", path, "-")
    assert set(re.findall("fnd:[0-9a-f]{16}", text)) == set(ids(document))
    assert path.stat().st_size < 8 << 20 and "themostseriousfirst:" in flat(text)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Two auditors with certificates of one authority."""
    directory = tmp_path_factory.mktemp("people")
    authority = signing.Authority(directory, "root")
    found = {}
    for kind in ("P-256", "rsa:3072"):
        key = signing.Key(directory, kind.replace(":", ""), kind)
        certificate = authority.issue(key, f"/CN=Auditor {kind[:3]}")
        chain = directory / f"{kind[:3]}.chain"
        chain.write_bytes(certificate.read_bytes() + authority.certificate.read_bytes())
        found[kind] = (key.path, chain)
    return authority.certificate, found


def verify(root, signature, content):
    return subprocess.run(["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", signature, "-content", content,
                           "-CAfile", root, "-purpose", "any", "-cades", "-out", os.devnull], capture_output=True, text=True)


@pytest.mark.parametrize("kind", ["P-256", "rsa:3072"])
def test_a_signature_inside_the_file(okse, people, kind):
    root, found = people
    path = render(okse, DATA / "vn-two-faults.json", "--key", found[kind][0], "--cert", found[kind][1], env=EPOCH)
    told = run("pdfsig", "-nocert", path)
    for word in ("Signature Type: ETSI.CAdES.detached", "Total document signed", "Signature Validation: Signature is Valid.",
                 "Signing Hash Algorithm: SHA-256", "Nov 24 2026"):
        assert word in told, told
    run("qpdf", "--check", path)
    data = path.read_bytes()
    ranges = [int(n) for n in re.search(rb"/ByteRange \[ (\d+) (\d+) (\d+) (\d+) *\]", data).groups()]
    assert ranges[0] == 0 and ranges[2] + ranges[3] == len(data)
    hexadecimal = data[ranges[1]:ranges[2]]
    assert hexadecimal[:1] == b"<" and hexadecimal[-1:] == b">"
    der = bytes.fromhex(hexadecimal[1:-1].decode())
    (okse.directory / "covered").write_bytes(data[:ranges[1]] + data[ranges[2]:])
    (okse.directory / "s.p7s").write_bytes(der)
    done = verify(root, okse.directory / "s.p7s", okse.directory / "covered")
    assert done.returncode == 0, done.stderr
    shown = signing.openssl("cms", "-cmsout", "-print", "-noout", "-inform", "DER", "-in", okse.directory / "s.p7s").decode()
    assert "signingCertificateV2" in shown and "signingTime" not in shown  # PAdES: the time stands in the PDF
    path.write_bytes(data.replace(b"non-compliant", b"very-complian", 1))
    changed = subprocess.run(["pdfsig", "-nocert", path], capture_output=True, text=True).stdout
    assert data != path.read_bytes() and "Signature is Valid" not in changed


@pytest.mark.parametrize("kind", ["P-256", "rsa:3072"])
def test_a_signature_beside_the_file(okse, people, kind):
    root, found = people
    path = render(okse, DATA / "vn-two-faults.json")
    okse("sign", "--cms", path, "--key", found[kind][0], "--cert", found[kind][1], env=EPOCH, status=0)
    done = verify(root, f"{path}.p7s", path)
    assert done.returncode == 0, done.stderr
    shown = signing.openssl("cms", "-cmsout", "-print", "-noout", "-inform", "DER", "-in", f"{path}.p7s").decode()
    assert "UTCTIME:Nov 24 08:10:00 2026 GMT" in shown
    path.write_bytes(path.read_bytes() + b"\n")
    assert verify(root, f"{path}.p7s", path).returncode != 0


def test_what_cannot_be_signed_is_refused(okse, people):
    _, found = people
    path, chain = found["P-256"]
    okse("key", "new", "--type", "ed25519", "-o", "ed.pem", status=0)
    source = DATA / "vn-two-faults.json"
    for words, message in {
        ("--key", path): "needs both --key URI and --cert PEM",
        ("--cert", chain): "needs both --key URI and --cert PEM",
        ("--key", "ed.pem", "--cert", chain): "use an ECDSA or RSA key",
        ("--key", path, "--cert", found["rsa:3072"][1]): "the certificate is not the key's",
        ("--paper", "a3"): "paper 'a3': a4 or letter was expected",
    }.items():
        result = render(okse, source, *words, status=2)
        assert message in result.err and not (okse.directory / "r.pdf").exists()
    assert "belongs to --format pdf" in okse("report", source, "--format", "html", "--paper", "a4", status=2).err
    assert "needs --key URI and --cert PEM" in okse("sign", "--cms", source, "--key", path, status=2).err
    for words, why in ((["--audit", source], "only one can be signed"), (["--tsa", "http://localhost/"], "makes no timestamp")):
        assert why in okse("sign", "--cms", source, "--key", path, "--cert", path, *words, status=2).err


def test_every_page_says_what_was_hidden(okse, tmp_path):
    (tmp_path / "redaction.key").write_bytes(bytes(range(32)))
    path = render(okse, DATA / "vn-two-faults.json", "--redact", "public", "--redact-key", "redaction.key", "--language", "en")
    pages = text_of(path).split("\f")[:-1]
    assert len(pages) > 2 and all("Redacted: public" in page for page in pages)
    assert "gpu01" not in "".join(pages) and "gpu01" not in run("pdfinfo", path)


def test_an_audit_writes_the_other_reports_when_one_cannot_be(okse, tmp_path):
    (tmp_path / "root" / "etc").mkdir(parents=True)
    (tmp_path / "root" / "etc" / "hostname").write_text("gpu01\n")
    result = okse("audit", "--root", "root", "--country", "VN", "--at", "2026-11-23", "--report", "html=no/such/r.html", "--report",
                  "pdf=r.pdf", "--report", "json=f.json", status=3, env=LOOSE)
    assert "no/such" in result.err and "Not compliant" in result.out
    document = json.loads((tmp_path / "f.json").read_text())
    assert set(re.findall("fnd:[0-9a-f]{16}", flat(text_of(tmp_path / "r.pdf")))) == set(ids(document))


def test_a_yes_by_waiver_says_so(okse, write):
    document = load("compliant")
    finding = next(f for f in document["findings"] if f["severity"] == "mandatory" and f["status"] == "pass")
    finding.update(status="waived", waived_from="fail", reason={"en": "Waiver W-7 until 2026-12-31."})
    told = flat(text_of(render(okse, write(document), "--language", "en")))
    assert "passedoriswaived" in told and "beforeitswaiverends" in told
    for words in ("Every mandatory check that applies has passed.", "No mandatory article is broken", "Nothing has to be changed. "):
        assert flat(words) not in told
