"""okse return: what leaves a site is what an allow-list names, after a look into it; the vendor reads it like any bundle."""
import base64
import copy
import json
import os
import shutil
import tarfile
import unicodedata

import pytest
import yaml

import conftest
import install_bundle as ib
import law_facts as lf
import signing
from small_bundle import canonical

AT = "2026-11-23T07:30:00Z"
HOST = "gpu01"  # of the facts; a name that the public level hides
INNER = "10.20.4.20"


class Place:
    """A site with a verified bundle, an audit, and a key of its operator."""

    def __init__(self, okse, directory):
        self.okse, self.root = okse, directory / "outgoing"
        self.root.mkdir()
        site = ib.Site(okse, directory)
        site.make(ib.raw("model", {"a.bin": b"w" * 5000}, "weights"))
        self.key = signing.Key(directory, "operator")
        okse("verify", site.bundle, "--trust", site.trust, "--at", "2030-01-01", "--record", self.root / "verified.json", status=0)
        self.sign("verified.json")
        (directory / "key").write_bytes(bytes(range(32)))
        lf.write(directory, lf.facts(endpoints=lf.clean_endpoints() + lf.faults()))
        okse("audit", "--evidence", "facts.json", "--country", "VN", "--at", AT, "--report", f"json={self.root}/full.json", status=1)
        for level in ("public", "regulator"):
            okse("report", self.root / "full.json", "--redact", level, "--redact-key", directory / "key", "--format", "json", "-o",
                 self.root / f"{level}.json", status=0)
        okse("collect", "--directory", self.root, "-o", self.root / "evidence.tar", status=0)
        self.list = {"okse": "return/v1", "name": "hanoi-return", "version": "2026.11", "sequence": 1, "to": "KR",
                     "from": {"name": "Ministry", "country": "VN"},
                     "items": [{"kind": "verification", "path": "verified.json"},
                               {"kind": "statement", "path": "verified.json.sigstore.json", "about": "verified.json"},
                               {"kind": "findings", "path": "public.json", "redaction": "public"}]}
        self.directory, self.output = directory, directory / "back.okse"

    def sign(self, name, *words):
        self.okse("sign", "--document", self.root / name, "--key", self.key.path, "--role", "operator", *words, status=0)

    def __call__(self, *words, status=0):
        (self.directory / "list.yaml").write_text(yaml.safe_dump(self.list))
        done = self.okse("return", "--root", self.root, "--allow", "list.yaml", "-o", self.output, "--json", *words, status=status)
        assert self.output.exists() == (status == 0 and "--dry-run" not in words)
        return done

    def change(self, name, edit):
        value = json.loads((self.root / name).read_text())
        edit(value)
        (self.root / name).write_bytes(canonical(value))

    def files(self):
        """Component → path → bytes, by tar and jq's way: from the manifests of the bundle index."""
        with tarfile.open(self.output) as archive:
            blobs = {m.name.rpartition("/")[2]: archive.extractfile(m).read() for m in archive if m.isfile()}
        index = json.loads(blobs["index.json"])
        found = {}
        for entry in json.loads(blobs[index["manifests"][0]["digest"][7:]])["manifests"]:
            manifest = json.loads(blobs[entry["digest"][7:]])
            found[entry["annotations"]["dev.okse.component"]] = {
                layer["annotations"]["org.opencontainers.image.title"]: blobs[layer["digest"][7:]] for layer in manifest["layers"]}
        return found, b"".join(blobs.values())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    directory = tmp_path_factory.mktemp("site")
    return Place(conftest.Okse(directory), directory)


@pytest.fixture
def place(okse, made, tmp_path):
    """A copy of one's own."""
    own = copy.copy(made)
    shutil.copytree(made.directory, tmp_path, dirs_exist_ok=True)
    own.okse, own.directory, own.root, own.output, own.list = okse, tmp_path, tmp_path / "outgoing", tmp_path / "back.okse", copy.deepcopy(made.list)
    return own


def test_the_vendor_has_what_was_listed_and_nothing_else(okse, place, tmp_path):
    done = place("--key", place.key.path).json
    assert (done["schema"], done["to"], done["signed"]) == ("okse.return.v1", "KR", True)
    files, everything = place.files()
    assert set(files) == {"stack", "list", "records"} and list(files["list"]) == ["return.yaml"]
    assert files["list"]["return.yaml"] == (tmp_path / "list.yaml").read_bytes()
    assert files["records"] == {item["path"]: (place.root / item["path"]).read_bytes() for item in place.list["items"]}
    for word in (HOST, INNER, "xray.ap-southeast-1", "rsyslog.conf", str(tmp_path)):
        assert word.encode() not in everything, word
    (tmp_path / "vendor.yaml").write_text("okse: trust/v1\nalgorithms: [ed25519]\nroles: {operator: {signers: [{key: operator.pub}]}}\n")
    verdict = okse("verify", place.output, "--trust", "vendor.yaml", "--country", "KR", "--json", status=0).json
    assert (verdict["verdict"], verdict["name"], verdict["country"], verdict["identity"]) == ("verified", "hanoi-return", "KR", done["identity"])
    shown = okse("inspect", place.output, "--json", status=0).json
    assert {c["name"]: (c["kind"], sorted(f["path"] for f in c["files"])) for c in shown["components"]} == {
        "list": ("records", ["return.yaml"]), "records": ("records", sorted(item["path"] for item in place.list["items"]))}
    okse("install", place.output, "--root", tmp_path / "customer", "--trust", "vendor.yaml", status=0)
    assert "public" in okse("report", tmp_path / "customer/current/records/public.json", "--language", "en", status=0).out


def test_same_list_same_bytes(place):
    place()
    before = place.output.read_bytes()
    place.output.unlink()
    place()
    assert place.output.read_bytes() == before


def test_dry_run_looks_and_writes_nothing(place):
    assert place("--dry-run").json["identity"] is None
    place.list["items"][2] = {"kind": "findings", "path": "full.json", "redaction": "public"}
    place("--dry-run", status=1)


def test_findings_leave_redacted_only(place):
    for path, level in (("full.json", "public"), ("full.json", "regulator"), ("regulator.json", "public"), ("public.json", "regulator")):
        place.list["items"][2] = {"kind": "findings", "path": path, "redaction": level}
        assert path in place(status=1).err
    place.list["items"][2] = {"kind": "findings", "path": "regulator.json", "redaction": "regulator"}
    place()


PLANTED = {
    "a host name in its place": lambda v: v["target"].update(hostname=HOST),
    "a hash that is none": lambda v: v["target"].update(hostname="hmac:gpu01"),
    "a hash with a tail": lambda v: v["target"].update(hostname=v["target"]["hostname"] + HOST),
    "a member that nobody knows": lambda v: v.update(extra={"name": HOST}),
    "a member of an item": lambda v: v["findings"][0].update(note=HOST),
    "evidence as it was": lambda v: next(f for f in v["findings"] if f["evidence"])["evidence"][0].update(file="/etc/" + HOST),
    "a mark with more": lambda v: v["redaction"].update(key=HOST),
    "the level's mark on what it is not": lambda v: v["redaction"].update(level="regulator"),
    "an unknown level": lambda v: v["redaction"].update(level="nobody"),
}


@pytest.mark.parametrize("how", PLANTED)
def test_a_mark_alone_does_not_make_findings_redacted(place, how):
    place.change("public.json", PLANTED[how])
    done = place(status=2 if how == "an unknown level" else 1)
    assert "public.json" in done.err and HOST not in done.out


def test_full_findings_with_a_forged_mark_stay(place):
    public = json.loads((place.root / "public.json").read_text())
    place.change("full.json", lambda v: v.update(redaction=public["redaction"]))
    place.list["items"][2]["path"] = "full.json"
    assert "may not leave" in place(status=1).err


RECORDS = {
    "a host": lambda v: v["predicate"].update(host=HOST),
    "a note": lambda v: v["predicate"]["okse_verification"].update(notes=["read on " + HOST]),
    "a reason": lambda v: v["predicate"]["okse_verification"].update(reasons=["/mnt/" + HOST]),
    "a component's path": lambda v: v["predicate"]["okse_verification"]["checked"]["components"][0].update(path="/srv/" + HOST),
    "an object for a text": lambda v: v["predicate"]["verifier"].update(id={"host": HOST}),
    "a list for a text": lambda v: v["predicate"].update(resourceUri=[HOST]),
    "a member of what may have any name": lambda v: v["predicate"]["okse_verification"]["checked"]["bytes"].update({"read on " + HOST: HOST}),
}


@pytest.mark.parametrize("how", RECORDS)
def test_a_record_that_says_more_stays(place, how):
    place.change("verified.json", RECORDS[how])
    place.sign("verified.json")
    assert "verified.json" in place(status=1).err


def test_a_record_that_nobody_signed_stays(place):
    del place.list["items"][1]
    assert "okse sign --document verified.json" in place(status=1).err


def envelope(place, payload):
    statement = json.loads((place.root / "verified.json.sigstore.json").read_text())
    statement["dsseEnvelope"]["payload"] = base64.b64encode(canonical(payload)).decode()
    (place.root / "verified.json.sigstore.json").write_bytes(canonical(statement))


@pytest.mark.parametrize("edit", [
    lambda p: p["predicate"].update(host=HOST), lambda p: p.update(note=HOST), lambda p: p["subject"][0].update(name=HOST),
    lambda p: p["subject"].append({"name": HOST, "digest": {"sha256": "1" * 64}}), lambda p: p["subject"][0]["digest"].update(sha256="1" * 64),
    lambda p: p.update(predicateType="urn:okse:release:v1")])
def test_a_statement_that_says_more_or_is_about_something_else_stays(place, edit):
    payload = json.loads(base64.b64decode(json.loads((place.root / "verified.json.sigstore.json").read_text())["dsseEnvelope"]["payload"]))
    edit(payload)
    envelope(place, payload)
    done = place.okse("return", "--root", place.root, "--allow", write(place), "-o", place.output)
    assert done.status in (1, 2) and "verified.json.sigstore.json" in done.err and not place.output.exists()


ENVELOPES = {
    "a member": lambda v: v.update(note=HOST), "a member of the material": lambda v: v["verificationMaterial"].update(note=HOST),
    "a log entry": lambda v: v["verificationMaterial"].update(tlogEntries=[{"host": HOST}]), "a key's name": lambda v: v["verificationMaterial"]["publicKey"].update(hint=HOST),
    "a member of the key": lambda v: v["verificationMaterial"]["publicKey"].update(host=HOST), "a name of the signature": lambda v: v["dsseEnvelope"]["signatures"][0].update(keyid=HOST),
    "a member of the signature": lambda v: v["dsseEnvelope"]["signatures"][0].update(host=HOST), "another type": lambda v: v["dsseEnvelope"].update(payloadType=HOST),
    "a signature of any length": lambda v: v["dsseEnvelope"]["signatures"][0].update(sig=base64.b64encode(b"the hosts are gpu01 to gpu99 " * 60).decode()),
    "a certificate that is none": lambda v: v["verificationMaterial"].update(publicKey=None) or v["verificationMaterial"].pop("publicKey") or
    v["verificationMaterial"].update(x509CertificateChain={"certificates": [{"rawBytes": base64.b64encode(HOST.encode()).decode()}]}),
    "a time stamp that is none": lambda v: v["verificationMaterial"].update(timestampVerificationData={"rfc3161Timestamps": [{"signedTimestamp": base64.b64encode(HOST.encode()).decode()}]}),
}


@pytest.mark.parametrize("how", ENVELOPES)
def test_an_envelope_holds_what_okse_sign_writes_and_nothing_else(place, how):
    """It is under no signature: whatever else stands in it would go along unseen."""
    place.change("verified.json.sigstore.json", ENVELOPES[how])
    done = place.okse("return", "--root", place.root, "--allow", write(place), "-o", place.output)
    assert done.status in (1, 2) and "verified.json.sigstore.json" in done.err and not place.output.exists()


def test_what_stands_in_an_envelope_as_base64_is_looked_at(place, tmp_path):
    place.change("verified.json.sigstore.json", lambda v: v["dsseEnvelope"]["signatures"][0].update(sig=base64.b64encode(b"\0to " + HOST.encode()).decode()))
    (tmp_path / "never").write_text(HOST + "\n")
    assert f"holds '{HOST}'" in place("--never", tmp_path / "never", status=1).err


def write(place):
    (place.directory / "list.yaml").write_text(yaml.safe_dump(place.list))
    return place.directory / "list.yaml"


@pytest.mark.parametrize("kind, more", [("findings", {"redaction": "public"}), ("verification", {}), ("statement", {"about": "verified.json"})])
def test_evidence_is_nothing_that_leaves_whatever_it_is_called(place, kind, more):
    for path in ("evidence.tar", "facts.json"):
        (place.root / "facts.json").write_bytes((place.directory / "facts.json").read_bytes())
        place.list["items"] = [{"kind": kind, "path": path, **more}] + place.list["items"][:2]
        done = place.okse("return", "--root", place.root, "--allow", write(place), "-o", place.output)
        assert done.status in (1, 2) and path in done.err and not place.output.exists()


def test_secrets_stay_even_where_a_text_may_stand(place):
    token = "ghp_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"
    place.change("verified.json", lambda v: v["predicate"]["okse_verification"]["signatures"][0].update(reason="token " + token))
    place.sign("verified.json")
    done = place(status=1)
    assert "looks like a secret" in done.err and token not in done.err + done.out
    text = (place.root / "verified.json").read_text().replace(token, "\\u0067" + token[1:])
    (place.root / "verified.json").write_text(text)
    place.sign("verified.json")
    assert "looks like a secret" in place(status=1).err  # written with escapes


def test_words_that_nothing_may_hold(place, tmp_path):
    (tmp_path / "never").write_text("Hà Nội inner\n\nCIVIC-search\n")
    assert "civic-search" in place("--never", tmp_path / "never", status=1).err.lower()
    (tmp_path / "never").write_text("nowhere.internal\n")
    place("--never", tmp_path / "never")
    assert b"nowhere.internal" not in place.files()[1]


def test_a_word_is_the_same_word_in_another_composition(place, tmp_path):
    """ộ is one letter, or o with two marks: keyboards and file systems differ."""
    for held, forbidden in (("NFC", "NFD"), ("NFD", "NFC")):
        place.change("verified.json", lambda v: v["predicate"].update(resourceUri=unicodedata.normalize(held, "cụm Nội bộ, 하노이")))
        place.sign("verified.json")
        for word in ("NỘI BỘ", "하노이"):
            (tmp_path / "never").write_text(unicodedata.normalize(forbidden, word))
            assert "(--never)" in place("--never", tmp_path / "never", status=1).err, (held, word)


def test_words_behind_the_escapes_of_the_list(place, tmp_path):
    (tmp_path / "never").write_text("cluster 7\n")
    write(place)
    text = (tmp_path / "list.yaml").read_text()
    (tmp_path / "list.yaml").write_text(text.replace("name: Ministry", 'name: "Inner \\x63luster 7"'))
    done = place.okse("return", "--root", place.root, "--allow", "list.yaml", "-o", place.output, "--never", "never", status=1)
    assert "cluster 7" in done.err and not place.output.exists()


def test_the_list_itself_is_looked_at(place, tmp_path):
    (tmp_path / "never").write_text("cluster 7\n")
    place.list["from"]["name"] = "Inner Cluster 7"
    assert "list.yaml" in place("--never", tmp_path / "never", status=1).err


@pytest.mark.parametrize("edit, words", [
    (lambda v: v.update(items=[]), "from 1 to"), (lambda v: v["items"].append(dict(v["items"][0])), "listed twice"),
    (lambda v: v["items"][0].update(path="../verified.json"), "path"), (lambda v: v["items"][0].update(path="/etc/passwd"), "path"),
    (lambda v: v["items"][0].update(kind="evidence"), "unknown kind 'evidence'"), (lambda v: v["items"][0].update(redaction="full"), "does not belong"),
    (lambda v: v["items"][2].pop("redaction"), "'redaction' is missing"), (lambda v: v["items"][1].update(about="other"), "no document of this list"),
    (lambda v: v["items"][1].update(about="verified.json.sigstore.json"), "no document of this list"), (lambda v: v.update(to="XX"), "unknown country"),
    (lambda v: v.update(extra=1), "extra"), (lambda v: v.update(sequence=0), "starts at 1"), (lambda v: v.update(name="No Name"), "is no name"),
    (lambda v: v.update(okse="stack/v1"), "return/v1")])
def test_a_wrong_list_is_told_with_its_place(place, edit, words):
    edit(place.list)
    done = place(status=2)
    assert "list.yaml:" in done.err and words in done.err


def test_what_lies_outside_is_not_followed(place):
    (place.root / "verified.json").rename(place.directory / "elsewhere.json")
    (place.root / "verified.json").symlink_to("../elsewhere.json")
    place(status=1)
    (place.root / "verified.json").unlink()
    place(status=3)


def test_what_is_no_file_or_too_large_is_refused_at_once(place):
    """A pipe without a writer, a device, a directory, and records and findings beyond their limits (sparse files)."""
    victim = place.root / "verified.json"
    for make in (lambda: os.mkfifo(victim), lambda: victim.mkdir(), lambda: large(victim, 64 << 20)):
        if victim.is_dir():
            victim.rmdir()
        else:
            victim.unlink()
        make()
        assert "verified.json" in place(status=2).err
    (place.root / "public.json").unlink()
    large(place.root / "public.json", 1 << 40)
    place.list["items"] = place.list["items"][2:]
    assert "public.json: larger than the limit" in place(status=2).err


def large(path, size):
    with path.open("wb") as file:
        file.truncate(size)


def test_a_hard_link_is_judged_by_what_it_holds(place):
    """To what file a name leads nobody can see; what is in it counts."""
    (place.root / "public.json").unlink()
    os.link(place.root / "full.json", place.root / "public.json")
    assert "public.json" in place(status=1).err


def test_a_directory_that_is_a_link_is_not_followed(place):
    (place.directory / "elsewhere").mkdir()
    shutil.copy(place.root / "public.json", place.directory / "elsewhere/public.json")
    (place.root / "sub").symlink_to("../elsewhere")
    place.list["items"][2]["path"] = "sub/public.json"
    assert "sub/public.json" in place(status=1).err


@pytest.mark.parametrize("name", ["tokenizer.json", "a.index.json", "record"])
def test_what_a_file_is_called_hides_no_secret(place, name):
    """Kinds of secrets that elsewhere are looked for in files of some names only."""
    place.change("verified.json", lambda v: v["predicate"].update(resourceUri="password='Vk3xQz81LmPw'"))
    (place.root / "verified.json").rename(place.root / name)
    (place.root / "verified.json.sigstore.json").unlink()
    place.sign(name)
    place.list["items"][0]["path"] = name
    place.list["items"][1] |= {"path": name + ".sigstore.json", "about": name}
    assert "looks like a secret" in place(status=1).err
