"""What of findings may leave the country: okse report --redact. Hashes are openssl's, the law of the table is docs/redaction.md."""
import json
import pathlib
import re
import shutil
import subprocess
import jsonschema
import pytest

import browser
import law_facts as lf

ROOT = pathlib.Path(__file__).resolve().parents[2]
AT = "2026-11-23T07:30:00Z"
FORMATS = ["text", "json", "html", "markdown", "csv", "junit", "xccdf", "sarif", "sarif-full", "oscal", "poam", "in-toto", "prometheus", "checklist"]
# of the site, in every kind of place that findings have
SITE = ["gpu01", "civic-search", "Hanoi data centre 1", "/srv/okse", "rsyslog.conf", "193.0.6.139", "xray.ap-southeast-1", "local6", "10.20.4.20",
        "metrics.ministry", "minilm", "dpia.yaml"]
INNER = ["local6", "10.20.4.20"]  # what a regulator does not need


@pytest.fixture
def made(okse, tmp_path):
    """Findings with faults, their facts, and a key."""
    (tmp_path / "key").write_bytes(bytes(range(32)))
    lf.write(tmp_path, lf.facts(endpoints=lf.clean_endpoints() + lf.faults()))
    okse("audit", "--evidence", "facts.json", "--country", "VN", "--at", AT, "--report", "json=full.json", status=1)
    return json.loads((tmp_path / "full.json").read_text())


def redacted(okse, level, form="json", source="full.json", **kept):
    return okse("report", source, "--redact", level, "--redact-key", "key", "--format", form, status=0, **kept).out


def hmac(directory, text):
    done = subprocess.run(["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{(directory / 'key').read_bytes().hex()}"],
                          input=text.encode(), capture_output=True, check=True)
    return done.stdout.decode().split()[-1]


@pytest.mark.parametrize("level, gone", [("public", SITE), ("regulator", INNER)])
def test_nothing_of_the_site_is_in_any_format(okse, made, level, gone):
    whole = json.dumps(made, ensure_ascii=False)
    assert [word for word in gone if word not in whole] == []
    for form in FORMATS:
        report = redacted(okse, level, form)
        assert [word for word in gone if word in report] == [], form
        assert re.search(level, report, re.I) or "가려져" in report or "Bản đã che" in report, form  # it says what it is


@pytest.mark.parametrize("level", ["public", "regulator"])
def test_the_verdict_stays_and_what_rests_on_it_as_the_level_says(okse, made, level):
    shown = json.loads(redacted(okse, level))
    assert [shown[key] for key in ("verdict", "summary", "audited_at")] == [made[key] for key in ("verdict", "summary", "audited_at")]
    assert [(f["id"], f["status"], f["violations"]) for f in shown["findings"]] == [(f["id"], f["status"], f["violations"]) for f in made["findings"]]
    assert [[e["country"] for e in f["evidence"]] for f in shown["findings"]] == [[e["country"] for e in f["evidence"]] for f in made["findings"]]
    files = {e["file"] for f in shown["findings"] for e in f["evidence"]}
    assert (files == {e["file"] for f in made["findings"] for e in f["evidence"]}) == (level == "regulator")
    jsonschema.Draft202012Validator(json.loads((ROOT / "manifests/schemas/findings.schema.json").read_text())).validate(shown)


def test_hashes_are_those_of_openssl_and_need_the_key(okse, tmp_path, made):
    shown = json.loads(redacted(okse, "public"))
    assert shown["target"]["hostname"] == "hmac:" + hmac(tmp_path, "gpu01")[:16]
    canonical = json.dumps(made, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert shown["redaction"]["level"] == "public" and shown["redaction"]["of"] == "hmac-sha256:" + hmac(tmp_path, canonical)
    assert shown["redaction"]["hidden"] > 20
    (tmp_path / "key").write_bytes(b"x" * 32)
    assert json.loads(redacted(okse, "public"))["target"]["hostname"] != shown["target"]["hostname"]


def test_what_the_table_does_not_name_is_left_out(okse, tmp_path, made):
    """A member that a later version adds does not leave the country until somebody has decided so."""
    made["new"] = made["target"]["new"] = made["findings"][0]["new"] = {"secret": "planted"}
    (tmp_path / "full.json").write_text(json.dumps(made))
    for level in ("regulator", "public"):
        assert ("planted" in redacted(okse, level)) == (level == "regulator")  # all of the target is a regulator's
        shown = json.loads(redacted(okse, level))
        assert "new" not in shown and "new" not in shown["findings"][0]


def test_redacted_findings_can_be_made_again_by_who_has_evidence_and_key(okse, tmp_path, made):
    (tmp_path / "public.json").write_text(redacted(okse, "public"))
    again = ("report", "verify", "public.json", "--evidence", "facts.json")
    assert "byte for byte" in okse(*again, "--redact-key", "key", status=0).out
    assert "redacted" in okse(*again, status=2).err
    assert "not redacted" in okse("report", "verify", "full.json", "--evidence", "facts.json", "--redact-key", "key", status=2).err
    (tmp_path / "other").write_bytes(b"y" * 32)
    okse(*again, "--redact-key", "other", status=1)


def test_refusals(okse, tmp_path, made):
    (tmp_path / "short").write_bytes(b"k" * 31)
    (tmp_path / "long").write_bytes(b"k" * 4097)
    (tmp_path / "public.json").write_text(redacted(okse, "public"))
    assert "openssl rand" in okse("report", "full.json", "--redact", "public", status=2).err
    assert "belongs to --redact" in okse("report", "full.json", "--redact-key", "key", status=2).err
    assert "32 to 4096 bytes, this one 31" in okse("report", "full.json", "--redact", "public", "--redact-key", "short", status=2).err
    okse("report", "full.json", "--redact", "public", "--redact-key", "long", status=2)
    assert "one of: full, regulator, public" in okse("report", "full.json", "--redact", "secret", "--redact-key", "key", status=2).err
    assert "already ('public')" in okse("report", "public.json", "--redact", "regulator", "--redact-key", "key", status=2).err
    assert okse("report", "full.json", "--redact", "full", "--format", "json", status=0).out == (tmp_path / "full.json").read_text()
    (tmp_path / "odd.json").write_text(json.dumps({**json.loads(redacted(okse, "public")), "redaction": {"level": "a\"}", "of": "", "hidden": 0, "left_out": 0}}))
    assert "redaction" in okse("report", "odd.json", "--format", "html", status=2).err


@pytest.mark.skipif(not browser.available() or not shutil.which("pdftotext"), reason="chromium or pdftotext is not installed")
def test_every_printed_page_says_so(okse, tmp_path, made):
    (tmp_path / "r.html").write_text(redacted(okse, "regulator", "html"))
    browser.run(tmp_path / "r.html", "--no-pdf-header-footer", f"--print-to-pdf={tmp_path}/r.pdf")
    pages = subprocess.run(["pdftotext", "-layout", tmp_path / "r.pdf", "-"], capture_output=True, text=True, check=True).stdout.split("\f")[:-1]
    assert len(pages) > 1 and all("Redacted: regulator" in page for page in pages)
