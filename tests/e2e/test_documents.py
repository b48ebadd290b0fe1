"""The bills of materials and the license report: valid by the official schemas, and true by other tools."""
import io
import json
import pathlib
import subprocess
import tarfile
import zipfile
import jsonschema
import pytest
from repositories import git, repository
from stacks import HEAD, build, civic, noise, run, simple, write


def document(bundle, title):
    return bundle.blob(bundle.titles("stack")[title]["digest"])


def cyclonedx(bundle):
    return json.loads(document(bundle, "sbom.cdx.json"))


def spdx(bundle):
    return json.loads(document(bundle, "sbom.spdx.json"))


def validate(shared, instance, schema):
    directory = shared / "schemas"
    store = {}
    for name in ("cyclonedx-spdx", "cyclonedx-jsf-0.82"):
        loaded = json.loads((directory / f"{name}.schema.json").read_text())
        store[loaded["$id"]] = loaded
    loaded = json.loads((directory / f"{schema}.schema.json").read_text())
    resolver = jsonschema.RefResolver.from_schema(loaded, store=store)
    cls = jsonschema.validators.validator_for(loaded)
    errors = [f"{list(e.absolute_path)}: {e.message[:200]}" for e in cls(loaded, resolver=resolver).iter_errors(instance)]
    assert errors == []


def test_the_schemas_accept_both_bills(okse, tmp_path, shared):
    repository(tmp_path / "in/repo")
    stack = civic(tmp_path / "in")
    stack.write_text(stack.read_text().replace("compliance:", "  - {name: code, kind: source, source: {git: repo, commit: HEAD},"
                                               " license: {spdx: LicenseRef-Own AND MIT}}\ncompliance:"))
    bundle = build(okse, stack)
    validate(shared, cyclonedx(bundle), "cyclonedx-bom-1.6")
    validate(shared, spdx(bundle), "spdx-2.3")
    types = {t: bundle.titles("stack")[t]["mediaType"] for t in ("sbom.cdx.json", "sbom.spdx.json", "licenses.txt")}
    assert types == {"sbom.cdx.json": "application/vnd.cyclonedx+json", "sbom.spdx.json": "application/spdx+json",
                     "licenses.txt": "text/plain"}


def test_every_component_and_every_file_is_in_both_with_its_digest(okse, tmp_path):
    bundle = build(okse, civic(tmp_path / "in"))
    bill = cyclonedx(bundle)
    descriptors = bundle.index["manifests"][1:]
    assert [(c["name"], "sha256:" + c["hashes"][0]["content"]) for c in bill["components"]] == [
        (d["annotations"]["dev.okse.component"], d["digest"]) for d in descriptors]
    assert [c["type"] for c in bill["components"]] == ["machine-learning-model", "application", "container", "data",
                                                       "device-driver", "data"]
    files = {c["name"]: c["hashes"][0]["content"] for c in bill["components"][0]["components"]}
    assert files == {n: run("sha256sum", tmp_path / "in/model" / n).split()[0]
                     for n in ("1_Pooling/config.json", "LICENSE", "config.json", "model.safetensors")}
    assert bill["metadata"]["timestamp"] == "1970-01-01T00:00:00Z" and "serialNumber" not in bill
    assert bill["dependencies"] == [{"ref": "stack", "dependsOn": [c["bom-ref"] for c in bill["components"]]}]
    other = spdx(bundle)
    listed = {p["checksums"][0]["checksumValue"] for p in other["packages"] if "checksums" in p}
    assert {d["digest"][7:] for d in descriptors} | set(files.values()) <= listed
    assert {l["digest"][7:] for l in bundle.titles("tree").values()} <= listed  # listing and tar
    ids = [p["SPDXID"] for p in other["packages"]]
    assert len(ids) == len(set(ids))
    assert {r["relatedSpdxElement"] for r in other["relationships"]} == set(ids)
    assert other["documentNamespace"] == "urn:okse:spdx:civic:1.4.0:VN:" + bundle.titles("stack")["lock.json"]["digest"][7:]
    references = [c["bom-ref"] for c in bill["components"]] + [f["bom-ref"] for c in bill["components"] for f in c.get("components", [])]
    assert len(references) == len(set(references))


def test_a_model_card_says_what_the_config_says_and_no_more(okse, tmp_path):
    write(tmp_path / "model/model.safetensors", noise("w", 100))
    stack = simple(tmp_path, "{path: model}", "weights")
    assert cyclonedx(build(okse, stack, tmp_path / "a.okse"))["components"][0]["modelCard"] == {"modelParameters": {}}
    write(tmp_path / "model/config.json", '{"model_type": "bert", "architectures": ["BertModel"]}')
    assert cyclonedx(build(okse, stack, tmp_path / "b.okse"))["components"][0]["modelCard"] == {
        "modelParameters": {"architectureFamily": "bert", "modelArchitecture": "BertModel"}}
    write(tmp_path / "model/config.json", '{"model_type": 7, "architectures": "BertModel"}')
    assert cyclonedx(build(okse, stack, tmp_path / "c.okse"))["components"][0]["modelCard"] == {"modelParameters": {}}
    write(tmp_path / "model/config.json", "not json")
    build(okse, stack, tmp_path / "d.okse")


def test_a_git_commit_is_in_both_bills(okse, tmp_path):
    head = git(repository(tmp_path / "repo"), "rev-parse", "HEAD")
    bundle = build(okse, simple(tmp_path, "{git: repo, commit: HEAD}", "source"))
    assert cyclonedx(bundle)["components"][0]["pedigree"] == {"commits": [{"uid": head}]}
    assert f"git commit {head}" in [p.get("sourceInfo") for p in spdx(bundle)["packages"]]
    assert spdx(bundle)["creationInfo"]["created"] == "2023-11-14T22:15:00Z"


# ---- packages

def real_wheel(path, metadata):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("engine/__init__.py", "x = 1\n")
        archive.writestr("engine-1.2.dist-info/METADATA", metadata)
        archive.writestr("engine-1.2.dist-info/licenses/LICENSE", "Engine license text\n")


METADATA = "Metadata-Version: 2.4\nName: engine\nVersion: 1.2\nLicense-Expression: BSD-3-Clause\n\nName: wrong\n"


def packages(bundle):
    return [(p["name"], p["version"], p["properties"][0]["value"], p.get("licenses", [{}])[0].get("license", {}).get("name"))
            for c in cyclonedx(bundle)["components"] for p in c.get("components", []) if p["type"] == "library"]


@pytest.mark.parametrize("source", ["{archive: in/engine-1.2-py3-none-any.whl}", "{path: in}", "{files: [in/*.whl]}"])
def test_a_wheel_is_named_by_its_metadata(okse, tmp_path, source, shared):
    real_wheel(tmp_path / "in/engine-1.2-py3-none-any.whl", METADATA)
    bundle = build(okse, simple(tmp_path, source, "runtime"))
    assert packages(bundle) == [("engine", "1.2", "wheel", "BSD-3-Clause")]
    assert ("engine", "1.2") in [(p["name"], p.get("versionInfo")) for p in spdx(bundle)["packages"]]
    assert b"contains  engine 1.2 (wheel): BSD-3-Clause\n" in document(bundle, "licenses.txt")
    validate(shared, cyclonedx(bundle), "cyclonedx-bom-1.6")
    validate(shared, spdx(bundle), "spdx-2.3")


@pytest.mark.parametrize("compression", ["none", "gzip", "xz", "zstd"])
def test_a_debian_package_is_named_by_its_control_file(okse, tmp_path, compression):
    write(tmp_path / "root/DEBIAN/control", "Package: npu-driver\nVersion: 1:2.3-4\nArchitecture: all\n"
          "Maintainer: A <a@example.org>\nDescription: d\n")
    (tmp_path / "in").mkdir()
    run("dpkg-deb", "--root-owner-group", f"-Z{compression}", "-b", tmp_path / "root", tmp_path / "in/npu.deb")
    listed = run("dpkg-deb", "-f", tmp_path / "in/npu.deb", "Package", "Version")
    bundle = build(okse, simple(tmp_path, "{path: in}", "driver"))
    (name, version, kind, license), = packages(bundle)
    assert listed == f"Package: {name}\nVersion: {version}\n" and (kind, license) == ("deb", None)


DEP5 = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: npu

Files: *
Copyright: 2026 Somebody
License: Apache-2.0

Files: vendored/*
Copyright: 2020 Others
License: Expat

License: Apache-2.0
 On Debian systems the text is in /usr/share/common-licenses/Apache-2.0
"""


def deb(tmp_path, copyright, compression="xz", payload=0):
    write(tmp_path / "root/DEBIAN/control", "Package: npu-driver\nVersion: 1.0\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: d\n")
    write(tmp_path / "root/opt/blob", bytes(payload))
    if copyright is not None:
        write(tmp_path / "root/usr/share/doc/npu-driver/copyright", copyright)
    (tmp_path / "in").mkdir()
    run("dpkg-deb", "--root-owner-group", f"-Z{compression}", "-b", tmp_path / "root", tmp_path / "in/npu.deb")


@pytest.mark.parametrize("compression,payload", [("none", 10), ("gzip", 10), ("xz", 30_000_000), ("zstd", 10)])
def test_a_debian_package_has_the_licenses_of_its_copyright_file(okse, tmp_path, compression, payload):
    deb(tmp_path, DEP5, compression, payload)
    bundle = build(okse, simple(tmp_path, "{path: in}", "driver"))
    assert packages(bundle) == [("npu-driver", "1.0", "deb", "Apache-2.0, Expat")]
    assert b"contains  npu-driver 1.0 (deb): Apache-2.0, Expat\n" in document(bundle, "licenses.txt")


@pytest.mark.parametrize("copyright,license", [
    (None, None), ("This is free software, License: mine\n", None), (DEP5.replace("Format", "Form"), None), ("", None), (b"\0" * 100, None),
    (DEP5 + "".join(f"\nLicense: own-license-number-{i}\n text\n" for i in range(50)), ...), (DEP5.replace("Expat", "\x1b[31mred"), "Apache-2.0, \\u{1b}[31mred")])
def test_other_copyright_files_name_nothing(okse, tmp_path, copyright, license):
    deb(tmp_path, copyright)
    (name, _, _, found), = packages(build(okse, simple(tmp_path, "{path: in}", "driver")))
    if license is ...:
        assert found.startswith("Apache-2.0, Expat, own-license-number-0, ") and found.endswith(", …") and len(found) < 210
    else:
        assert (name, found) == ("npu-driver", license)


def rpm(name, version, release, license):
    """Lead, an empty signature header, a header with four texts: rpm.org, "Package format"."""
    def header(entries):
        index, store = b"", b""
        for tag, text in entries:
            index += b"".join(n.to_bytes(4, "big") for n in (tag, 6, len(store), 1))
            store += text.encode() + b"\0"
        return b"\x8e\xad\xe8\x01" + bytes(4) + len(entries).to_bytes(4, "big") + len(store).to_bytes(4, "big") + index + store
    signature = header([(1000, "not this one")])
    return bytes([0xed, 0xab, 0xee, 0xdb, 3, 0]) + bytes(90) + signature + bytes(-len(signature) % 8) + header(
        [(1000, name), (1001, version), (1002, release), (1014, license)])


def test_an_rpm_is_named_by_its_header(okse, tmp_path):
    write(tmp_path / "in/gpu.rpm", rpm("gpu-driver", "5.1", "2.el9", "GPL-2.0-only") + b"payload")
    assert packages(build(okse, simple(tmp_path, "{path: in}", "driver"))) == [
        ("gpu-driver", "5.1-2.el9", "rpm", "GPL-2.0-only")]


@pytest.mark.parametrize("name,data", [
    ("a.whl", b""), ("a.whl", b"not a zip"), ("a.deb", b"!<arch>\n"), ("a.deb", b"x" * 1000), ("a.rpm", b"\xed\xab\xee\xdb"),
    ("a.rpm", rpm("n", "v", "r", "l")[:-3]), ("a.rpm", rpm("n", "v", "r", "l")[:104] + b"\xff" * 8 + bytes(400)),
    ("a.rpm", rpm("n" * 300, "v", "r", "l")), ("x.dist-info/METADATA", b"Version: 1\n"), ("x.dist-info/METADATA", b"Name: \xff\n")])
def test_what_is_no_package_is_only_a_file(okse, tmp_path, name, data):
    write(tmp_path / "in/keep", "x")
    write(tmp_path / "in" / name, data)
    assert packages(build(okse, simple(tmp_path, "{path: in}", "driver"))) == []


# ---- licenses

def test_the_license_report_holds_the_texts_once(okse, tmp_path):
    report = document(build(okse, civic(tmp_path / "in")), "licenses.txt").decode()
    assert report.startswith("Licenses of civic 1.4.0\n\n=== minilm (weights): Apache-2.0\n")
    assert report.count("Apache License\n") == 1 and "The same text as minilm/model/LICENSE" in report
    assert "=== serving (infra): no license is declared\nNo license text is in it.\n" in report
    assert "=== server-image (runtime): no license is declared\nAn image: its layers were not looked into.\n" in report


def test_license_texts_are_made_safe_and_bounded(okse, tmp_path):
    write(tmp_path / "in/COPYING", b"evil \x1b[2J \xff \xe2\x80\xae text\n")
    for i in range(20):
        write(tmp_path / f"in/d{i}/LICENSE.txt", f"{i}\n" + "x" * 250_000)
    write(tmp_path / "in/NOTICE", "y" * 300_000)
    report = document(build(okse, simple(tmp_path, "{path: in}", "driver")), "licenses.txt").decode()
    assert "\x1b" not in report and "\u202e" not in report and "evil \\u{1b}[2J" in report
    assert len(report) < 4 << 20 and "no room for it" in report and "yyy" not in report


def test_empty_files_are_no_texts_and_no_packages(okse, tmp_path):
    for name in ("LICENSE", "a.whl", "a.rpm", "config.json"):
        write(tmp_path / "in" / name, "")
    stack = simple(tmp_path, "{path: in}", "driver")
    stack.write_text(stack.read_text().replace("{path: in}", "{path: in}, license: {spdx: MIT, file: in/LICENSE}"))
    assert b"--- data/in/LICENSE\n" in document(build(okse, stack), "licenses.txt")


def test_an_own_license_brings_its_text_into_spdx(okse, tmp_path):
    write(tmp_path / "in/LICENSE", "My terms\n")
    stack = simple(tmp_path, "{path: in}", "driver")
    stack.write_text(stack.read_text().replace("{path: in}", "{path: in}, license: {spdx: LicenseRef-Mine OR MIT, file: in/LICENSE}"))
    other = spdx(build(okse, stack))
    assert other["hasExtractedLicensingInfos"] == [{"licenseId": "LicenseRef-Mine", "extractedText": "My terms\n"}]
    assert "LicenseRef-Mine OR MIT" in [p["licenseDeclared"] for p in other["packages"]]


def test_too_many_files_for_a_bill_are_left_out_and_it_says_so(okse, tmp_path):
    rows = ""
    for c in range(20):
        for i in range(500):
            write(tmp_path / f"c{c}" / f"{'n' * 150}{i}", "x")
        rows += f"  - {{name: c{c}, kind: dataset, source: {{path: c{c}}}}}\n"
    (tmp_path / "stack.yaml").write_text(HEAD + rows)
    bundle = build(okse, tmp_path / "stack.yaml", words=("--gate", "off"))
    bill = cyclonedx(bundle)
    assert len(bill["components"]) == 20 and "components" not in bill["components"][0]
    assert {"name": "okse:files", "value": "left out: too many for one document"} in bill["metadata"]["properties"]
    assert "left out" in spdx(bundle)["comment"] and len(spdx(bundle)["packages"]) == 21
