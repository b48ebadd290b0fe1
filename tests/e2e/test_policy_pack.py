"""okse policy pack: law as a signed bundle of its own, installed without a network, and an audit that says which one it asked."""
import json
import shutil
import install_bundle
import jsonschema
import law_facts as lf
import own_law as ol
import pytest
import signing
import yaml
from conftest import Okse
from test_policy import GOOD, ROOT, load

VENDOR = "vendor: {name: Law Institute, country: KR}\n"
TRUST = "okse: trust/v1\nalgorithms: [ed25519]\nroles:\n  vendor: {signers: [{key: vendor.pub}]}\n"


def law(directory, date="2026-11-30", days=365, vendor=VENDOR, name="sector-law"):
    target = ol.manifests(directory, keep=True)
    (target / "pack.yaml").write_text(f"okse: policy-pack/v1\nname: {name}\ndate: {date}\nvalid_days: {days}\n{vendor}")
    return target


class Packed:
    """A pack that is signed and installed; tests that change it copy its root."""

    def __init__(self, directory):
        self.okse, self.key = Okse(directory), signing.Key(directory, "vendor")
        self.law, self.bundle, self.root = law(directory), directory / "law.okse", directory / "policy"
        (self.law / "README.md").write_text("Whose law this is.\n")
        self.trust = directory / "trust.yaml"
        self.trust.write_text(TRUST)
        self.made = self.okse("policy", "pack", self.law, "-o", self.bundle, "--key", self.key.path, "--json", status=0).json
        self.installed = self.okse("install", self.bundle, "--root", self.root, "--trust", self.trust, "--json", status=0).json
        self.evidence = lf.write(directory, lf.facts())


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    return Packed(tmp_path_factory.mktemp("packed"))


def audit(okse, packed, *words, status=(0, 1, 4)):
    found = okse("audit", "--evidence", packed.evidence, "--country", "VN", "--at", "2026-12-01", *words)
    assert found.status in status, repr(found)
    return found


def test_the_pack_is_a_bundle_like_any_other(packed, okse):
    assert packed.made["name"] == "sector-law" and packed.made["date"] == "2026-11-30" and packed.made["valid_until"] == "2027-11-30"
    assert packed.made["sequence"] == 20261130 and packed.made["signed"] is True
    value = okse("verify", packed.bundle, "--trust", packed.trust, "--json", status=0).json
    assert value["identity"] == packed.made["identity"] == packed.installed["identity"] and value["country"] == "ZZ" and value["version"] == "2026-11-30"
    okse("verify", packed.bundle, "--trust", packed.trust, "--country", "VN", status=0)
    okse("verify", packed.bundle, "--trust", packed.trust, "--country", "SA", status=0)
    (okse.directory / "other").mkdir()
    stranger = signing.Key(okse.directory / "other", "vendor")
    (okse.directory / "other/trust.yaml").write_text(TRUST)
    assert stranger.id != packed.key.id and okse("verify", packed.bundle, "--trust", "other/trust.yaml", status=1)


def test_every_file_of_the_law_is_in_it(packed):
    there = {str(path.relative_to(packed.law)): path.read_bytes() for path in packed.law.rglob("*") if path.is_file() and not path.name.startswith(".")}
    found = packed.root / "current" / "law"
    assert {str(path.relative_to(found)): path.read_bytes() for path in found.rglob("*") if path.is_file()} == there


def test_two_packings_give_the_same_bytes(packed, okse):
    copy = okse.directory / "elsewhere"
    shutil.copytree(packed.law, copy)
    (copy / ".git").mkdir()
    (copy / ".git/index").write_text("an editor's or a repository's")
    for name in ("a", "b"):
        result = okse("policy", "pack", copy, "-o", name, status=0, env={"SOURCE_DATE_EPOCH": "1" if name == "a" else "1800000000"})
        assert "okse sign" in result.err
    assert (okse.directory / "a").read_bytes() == (okse.directory / "b").read_bytes()
    assert okse("policy", "pack", copy, "--unsigned", "--json", status=0).json["identity"] == packed.made["identity"]
    assert (okse.directory / "sector-law-2026-11-30-ZZ.okse").is_file()


def test_an_audit_records_which_pack_it_asked(packed, okse):
    found = audit(okse, packed, "--policy", packed.root, "--json").json
    assert found["inputs"]["policy"] == {"name": "sector-law", "date": "2026-11-30", "valid_until": "2027-11-30", "identity": packed.made["identity"]}
    assert "warnings" not in found
    schema = json.loads((ROOT / "manifests/schemas/findings.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(found)
    same = audit(okse, packed, "--manifests", packed.law, "--json").json
    assert same["inputs"]["policy"].pop("identity") is None and found["inputs"]["policy"].pop("identity")
    assert same == found
    built_in = audit(okse, packed, "--json").json["inputs"]
    assert built_in["policy"]["name"] == "okse-law" and built_in["manifests"] != found["inputs"]["manifests"]


def test_reports_and_the_second_look_say_it_too(packed, okse):
    found = audit(okse, packed, "--policy", packed.root, "--report", "html=r.html", "--report", "oscal=r.json", "--report", "json=f.json")
    assert f"Policy pack: sector-law, 2026-11-30, {packed.made['identity']}" in " ".join(found.out.split())
    assert f"sector-law 2026-11-30 {packed.made['identity']}" in (okse.directory / "r.html").read_text()
    properties = {p["name"]: p["value"] for p in json.loads((okse.directory / "r.json").read_text())["assessment-results"]["metadata"]["props"]}
    assert properties["policy-date"] == "2026-11-30" and properties["policy-identity"] == packed.made["identity"]
    okse("report", "verify", "f.json", "--evidence", packed.evidence, "--policy", packed.root, status=0)
    assert okse("report", "verify", "f.json", "--evidence", packed.evidence, status=1).out.startswith("NOT verified: the findings were made with other manifests")


def test_policy_commands_read_it(packed, okse):
    value = okse("policy", "list", "--policy", packed.root, "--json", status=0).json
    assert value["policy"]["identity"] == packed.made["identity"]
    assert okse("policy", "list", "--policy", packed.root, status=0).out.startswith(f"sector-law of 2026-11-30, to be used until 2027-11-30, {packed.made['identity']}\n")
    okse("policy", "lint", "--policy", packed.root, status=0)
    okse("policy", "matrix", "--policy", packed.root, "--country", "JP", "--data", "personal", status=0)
    assert "okse policy diff --help" in okse("policy", "diff", "--policy", packed.root, packed.law, status=2).err


def test_one_place_for_the_law(packed, okse):
    assert "exclude each other" in audit(okse, packed, "--policy", packed.root, "--manifests", packed.law, status=(2,)).err


@pytest.mark.parametrize("change, named", [("byte", "changed law/jurisdictions/vn.yaml"), ("added", "added law/jurisdictions/xa.yaml"), ("gone", "missing law/conflicts.yaml"),
                                           ("records", "law/jurisdictions/vn.yaml")])
def test_a_changed_law_is_refused_by_name(packed, okse, change, named):
    root = okse.directory / "policy"
    shutil.copytree(packed.root, root, symlinks=True)
    path = root / "current" / "law" / "jurisdictions" / "vn.yaml"
    if change in ("byte", "records"):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    elif change == "added":
        shutil.copy(path, path.with_name("xa.yaml"))
    else:
        (root / "current/law/conflicts.yaml").unlink()
    if change == "records":  # who changes state.json, too, only names another identity, which nothing vouches for
        state = root / "state.json"
        state.write_text(state.read_text().replace(packed.made["identity"][7:19], "0" * 12))
    for words in (["audit", "--evidence", packed.evidence, "--country", "VN"], ["policy", "list"]):
        result = okse(*words, "--policy", root, status=2)
        assert result.out == "" and (named in result.err or change == "records"), result


def test_what_is_no_law_is_refused(packed, okse):
    assert okse("policy", "list", "--policy", "nowhere").status in (2, 3)
    (okse.directory / "empty").mkdir()
    assert "nothing is installed here yet" in okse("policy", "list", "--policy", "empty").err
    (okse.directory / "serving").mkdir()
    (okse.directory / "serving/a.conf").write_text("x\n")
    (okse.directory / "stack.yaml").write_text("okse: stack/v1\nname: other\nversion: 1.0.0\nsequence: 1\nvendor: {name: A, country: KR}\n"
                                               "components:\n  - {name: serving, kind: infra, source: {path: serving}}\n")
    okse("build", "stack.yaml", "--country", "VN", "-o", "x.okse", "--key", packed.key.path, status=0)
    okse("install", "x.okse", "--root", "other", "--trust", packed.trust, status=0)
    assert "what is installed there is no law" in okse("policy", "list", "--policy", "other", status=2).err
    result = okse("build", "stack.yaml", "--country", "ZZ", "-o", "y.okse", status=2)
    assert "stack.yaml:7:" in result.err and "bundles of law alone" in result.err and not (okse.directory / "y.okse").exists()


def test_a_bundle_that_says_everywhere_holds_nothing_but_law(okse, tmp_path):
    for kind, status in (("infra", 1), ("policy", 0)):
        install_bundle.write(tmp_path / f"{kind}.okse", [install_bundle.raw("law", {"a.yaml": b"a: 1\n"}, kind=kind)], "civic-search", "1.0.0", 12, None,
                             index_notes={"dev.okse.country": "ZZ"},
                             stack={"name": "civic-search", "version": "1.0.0", "country": "ZZ", "sequence": 12, "vendor": {"name": "Example AI Lab", "country": "KR"}})
        result = okse("inspect", tmp_path / f"{kind}.okse", status=status)
        assert ("only law has no destination" in result.err) == (kind == "infra")


def test_an_old_pack_warns(packed, okse):
    last = okse("audit", "--evidence", packed.evidence, "--country", "VN", "--at", "2027-11-30T23:59:59Z", "--policy", packed.root, "--json").json
    assert "warnings" not in last
    words = ["audit", "--evidence", packed.evidence, "--country", "VN", "--at", "2027-12-01", "--policy", packed.root]
    (warning,) = okse(*words, "--json").json["warnings"]
    assert warning["kind"] == "old-policy" and "'sector-law' of 2026-11-30 was to be used until 2027-11-30" in warning["message"]["en"] and warning["message"]["ko"]
    result = okse(*words, "--report", "html=r.html", "--report", "sarif=r.sarif")
    assert "The law that was asked is old" in result.out.split("\n")[1]
    page = (okse.directory / "r.html").read_text()
    assert 'class="warning"' in page and page.index("The law that was asked is old") < page.index('class="opening"')
    notes = json.loads((okse.directory / "r.sarif").read_text())["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    assert any("The law that was asked is old" in note["message"]["text"] for note in notes)


def test_the_list_says_that_it_is_old(okse, tmp_path):
    target = law(tmp_path, date="2020-01-01", days=30)
    assert okse("policy", "list", "--manifests", target, status=0).out.split("\n")[1].startswith("The law that was asked is old: 'sector-law' of 2020-01-01 was to be used until 2020-01-31.")
    assert okse("policy", "list", "--manifests", target, "--json", status=0).json["warnings"][0]["kind"] == "old-policy"
    (target / "pack.yaml").unlink()
    assert okse("policy", "list", "--manifests", target, "--json", status=0).json["policy"] is None


def test_another_date_is_in_the_pack(packed, okse):
    made = okse("policy", "pack", packed.law, "--date", "2027-01-15", "-o", "later.okse", "--key", packed.key.path, "--json", status=0).json
    assert (made["date"], made["sequence"], made["valid_until"]) == ("2027-01-15", 20270115, "2028-01-15") and made["identity"] != packed.made["identity"]
    root = okse.directory / "policy"
    shutil.copytree(packed.root, root, symlinks=True)
    okse("install", "later.okse", "--root", root, "--trust", packed.trust, status=0)
    value = okse("policy", "list", "--policy", root, "--json", status=0).json["policy"]
    assert value["date"] == "2027-01-15" and value["identity"] == made["identity"]
    assert okse("install", packed.bundle, "--root", root, "--trust", packed.trust, status=1)  # older law does not come back unasked
    assert "no day such as" in okse("policy", "pack", packed.law, "--date", "15.1.2027", "-o", "x.okse", status=2).err


@pytest.mark.parametrize("spoil, told", [
    (lambda d: (d / "pack.yaml").unlink(), "no pack.yaml, which this okse reads"),
    (lambda d: (d / "pack.yaml").write_text("okse: policy-pack/v1\nname: a-law\ndate: 2026-11-30\nvalid_days: 10\n"), "says nobody who answers for the pack"),
    (lambda d: (d / "regions.yaml").unlink(), "no regions.yaml, which this okse reads"),
    (lambda d: (d / "controls/x.y.yaml").write_text(GOOD), "no provision uses the control 'x.y'"),
    (lambda d: (d / "jurisdictions/vn.yaml").write_text((d / "jurisdictions/vn.yaml").read_text().replace("control: incident.hours", "control: incident.hour", 1)), "no control 'incident.hour'"),
])
def test_a_directory_with_objections_is_not_packed(okse, tmp_path, spoil, told):
    target = law(tmp_path)
    spoil(target)
    result = okse("policy", "pack", target, "-o", "x.okse", status=2)
    assert told in result.err and not (tmp_path / "x.okse").exists()


@pytest.mark.parametrize("text, place, told", [
    ("name: A\ndate: 2026-11-30\nvalid_days: 3\n", "2:7", "'A' must be lower-case"),
    ("name: a--b\ndate: 2026-11-30\nvalid_days: 3\n", "2:7", "'a--b' must be lower-case"),
    ("name: abc\ndate: 2026-13-30\nvalid_days: 3\n", "3:7", "'2026-13-30' is no day"),
    ("name: abc\ndate: 9999-01-01\nvalid_days: 3\n", "3:7", "'9999-01-01' is no day"),
    ("name: abc\ndate: 2026-11-30T00:00:00Z\nvalid_days: 3\n", "3:7", "is no day"),
    ("name: abc\ndate: 2026-11-30\nvalid_days: 0\n", "4:13", "valid_days must be from 1 to 3660"),
    ("name: abc\ndate: 2026-11-30\nvalid_days: 3\nvendor: {name: x, country: kr}\n", "5:28", "two capital letters"),
    ("name: abc\ndate: 2026-11-30\nvalid_days: 3\nvalid_day: 3\n", "5:1", "valid_day"),
])
def test_the_date_is_read_strictly(okse, tmp_path, text, place, told):
    target = law(tmp_path)
    (target / "pack.yaml").write_text("okse: policy-pack/v1\n" + text)
    result = okse("policy", "list", "--manifests", target, status=2)
    assert f"pack.yaml:{place}: " in result.err and told in result.err, result


def test_the_built_in_law_is_dated_and_follows_the_schema():
    schema = json.loads((ROOT / "manifests/schemas/pack.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(load(ROOT / "manifests/pack.yaml"))
    jsonschema.Draft202012Validator(schema).validate(yaml.safe_load("okse: policy-pack/v1\nname: sector-law\ndate: '2026-11-30'\nvalid_days: 365\n" + VENDOR))
