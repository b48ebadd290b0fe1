"""License terms against use and destination: each planted fault is stopped by the control that is about it, at its file
and line, and its clean twin passes. Expected fingerprints come from scripts/license-fingerprint, a second implementation."""
import hashlib
import importlib.machinery
import importlib.util
import json
import pathlib
import struct
import zipfile

import pytest
import yaml

from conftest import ROOT
from stacks import HEAD, noise, write
from test_gate import COMPLIANCE, EXAMPLE, build, member, stack
from weights_files import gguf, gguf_string, noise_safetensors

TEXTS = pathlib.Path("/usr/share/common-licenses")
APACHE = (TEXTS / "Apache-2.0").read_bytes()
NC = "LicenseRef-EXAONE-1.2-NC"


def card(license="apache-2.0", base=None, **more):
    rows = {"license": license, "base_model": base, **more}
    return "---\n" + "".join(f"{key}: {value}\n" for key, value in rows.items() if value) + "---\n# A model\n"


def pair(key, value):
    return key, 8, gguf_string(value)


def agreement(directory, **changes):
    fields = {"models": ["EXAONE-4.0-1.2B"], "parties": ["Example AI Lab", "LG AI Research"], "territory": ["VN"],
              "valid_from": "2026-01-01", "valid_until": "2027-12-31", **changes}
    (directory / "compliance/agreement.yaml").write_text(
        yaml.safe_dump({"okse": "document/v1", "type": "commercial-agreement", "title": "Agreement", "fields": fields}))


def model(directory, files=None, spdx="Apache-2.0", name="assistant", use="[public-administration]", kind="weights"):
    """The lawful example of test_gate.py, with one model and a declared use."""
    files = {"LICENSE": APACHE, "README.md": card()} if files is None else files
    license = f", license: {{spdx: {spdx}}}" if spdx else ""
    write(directory / "model/model.safetensors", noise_safetensors(noise("weights", 3000)))
    for path, data in files.items():
        write(directory / "model" / path, data)
    stack(directory, more=f"  - {{name: {name}, kind: {kind}, source: {{path: model}}{license}}}\n")
    if use:
        text = (directory / "stack.yaml").read_text()
        (directory / "stack.yaml").write_text(text.replace("  purpose:", f"  use: {use}\n  purpose:"))


def failed(result, controls="license."):
    """{(control, file, line)} of the violations that closed the gate."""
    return {(row["control"], e["file"], e["line"]) for row in result["preflight"]["failed"] if row["control"].startswith(controls)
            for e in row["evidence"] if e["verdict"] == "violation"}


def stopped(okse, country="VN"):
    return failed(build(okse, "--json", country=country, status=1).json)


def statuses(okse, bundle="x.okse", country="VN", at="2026-07-01"):
    told = okse("audit", "--bundle", bundle, "--country", country, "--site", "site.yaml", "--json", "--at", at).json
    return {f["control"]: f["status"] for f in told["findings"] if f["control"].startswith("license.")}


def test_the_clean_model_is_packed_and_every_gate_passes(okse):
    model(okse.directory)
    build(okse, status=0)
    found = statuses(okse)
    assert set(found.values()) == {"pass"} and len(found) == 8, found


def nc(base="LGAI-EXAONE/EXAONE-4.0-1.2B"):
    return {"README.md": card("other", base, license_name="exaone"), "LICENSE": APACHE}


def test_research_weights_go_to_a_government_only_under_an_agreement(okse):
    model(okse.directory, {"README.md": card("other", license_name="exaone")}, spdx=NC)
    found = stopped(okse)
    assert ("license.use_permitted", "stack.yaml", None) in found and ("license.use_permitted", "assistant/README.md", 2 + 1) in found
    assert ("license.distribution_agreed", "assistant/README.md", 3) in found
    agreement(okse.directory, models=["assistant"])
    build(okse, status=0)
    assert statuses(okse)["license.use_permitted"] == "pass"


@pytest.mark.parametrize("change", [{"valid_until": "2026-06-30"}, {"valid_from": "2026-08-01"}, {"territory": ["KR", "SA"]},
                                    {"models": ["another"]}, {"parties": ["Example AI Lab"]}, {"parties": ["A", "B"]},
                                    {"valid_until": "until further notice"}, {"models": "assistant"}])
def test_an_agreement_that_does_not_cover_it_lifts_nothing(okse, change):
    model(okse.directory, {"README.md": card("other", license_name="exaone")}, spdx=NC)
    agreement(okse.directory, **{"models": ["assistant"], **change})
    assert ("license.use_permitted", "assistant/README.md", 3) in stopped(okse)


def test_an_agreement_that_ran_out_since_is_seen_by_whoever_asks_again(okse):
    model(okse.directory, {"README.md": card("other", license_name="exaone")}, spdx=NC)
    agreement(okse.directory, models=["assistant"])
    build(okse, status=0)
    assert statuses(okse, at="2027-12-31")["license.use_permitted"] == "pass"
    assert statuses(okse, at="2028-01-01")["license.use_permitted"] == "fail"


@pytest.mark.parametrize("base", ["LGAI-EXAONE/EXAONE-4.0-1.2B", "https://hub.example/LGAI-EXAONE/EXAONE-4.0-1.2B", "exaone-4.0-1.2b"])
def test_a_derivative_labelled_apache_over_a_base_for_research(okse, base):
    """As it was published: CompactAI/EXAONE-4.0-1.2B-python-aggressive."""
    model(okse.directory, {"README.md": card("apache-2.0", base), "LICENSE": APACHE}, name="exaone-python", use="[research]")
    found = stopped(okse)
    assert ("license.lineage", "exaone-python/README.md", 3) in found
    assert ("license.copy_travels", "exaone-python/README.md", 3) in found and not any(row[0] == "license.name_prefix" for row in found)


def test_a_lineage_through_the_units_of_a_stack(okse):
    """The base is another component, and that one's base is not for commerce."""
    model(okse.directory, {"README.md": card("apache-2.0", "civic/middle"), "LICENSE": APACHE}, name="exaone-top", use="[research]")
    write(okse.directory / "middle/README.md", card("apache-2.0", "LGAI-EXAONE/EXAONE-Deep-2.4B", model_name="middle"))
    write(okse.directory / "middle/model.safetensors", noise_safetensors(noise("middle", 300)))
    text = (okse.directory / "stack.yaml").read_text()
    (okse.directory / "stack.yaml").write_text(text.replace("compliance:\n", "  - {name: exaone-middle, kind: weights, source: {path: middle}}\ncompliance:\n", 1))
    assert {file for control, file, _ in stopped(okse) if control == "license.lineage"} >= {"exaone-top/README.md", "exaone-middle/README.md"}


def test_a_derivative_without_the_name_of_its_base(okse):
    files = {"README.md": card(NC, "LGAI-EXAONE/EXAONE-4.0-1.2B")}
    model(okse.directory, files, spdx=NC, name="civic-assistant", use="[research]")
    assert ("license.name_prefix", "civic-assistant/README.md", 3) in stopped(okse)
    model(okse.directory, {"README.md": card(NC, "LGAI-EXAONE/EXAONE-4.0-1.2B", model_name="EXAONE-Civic")}, spdx=NC, name="civic-assistant", use="[research]")
    assert not any(row[0] == "license.name_prefix" for row in stopped(okse)), "the model's own name counts"


def test_a_missing_copy(okse):
    model(okse.directory, {"README.md": card()})
    assert ("license.copy_travels", "assistant/README.md", 2) in stopped(okse)
    model(okse.directory, {"README.md": card("cc0-1.0")}, spdx="CC0-1.0")
    build(okse, status=0)


def changed(data, every=10):
    """One of so many words is another one."""
    words = data.decode().split(" ")
    return " ".join("henceforth" if i % every == 3 else word for i, word in enumerate(words)).encode()


def test_a_license_text_that_was_changed(okse):
    model(okse.directory, {"README.md": card(), "LICENSE": changed(APACHE)})
    assert ("license.known", "assistant/LICENSE", 1) in stopped(okse)


def test_a_name_without_a_version_means_the_version_of_the_text(okse):
    model(okse.directory, {"README.md": card("other", license_name="exaone")}, spdx=NC, use="[education]")
    assert not any(row[0] in ("license.lineage", "license.use_permitted") for row in stopped(okse))
    model(okse.directory, {"README.md": card("other", license_name="exaone")}, spdx=None, use="[education]")
    assert ("license.use_permitted", "assistant/README.md", 3) in stopped(okse), "the strictest of all versions otherwise"


@pytest.mark.parametrize("text", [APACHE, APACHE.replace(b"\n", b"\r\n"), b"  ".join(APACHE.split(b" ")), APACHE.upper(),
                                  b"Copyright 2026 Example AI Lab\n\n" + APACHE])
def test_a_license_text_that_is_only_set_otherwise(okse, text):
    model(okse.directory, {"README.md": card(), "LICENSE": text})
    build(okse, status=0)
    assert statuses(okse)["license.known"] == "pass"


def test_a_model_of_which_nothing_says_a_license(okse):
    model(okse.directory, {"README.md": "# nothing\n"}, spdx=None)
    assert ("license.known", "assistant", None) in stopped(okse)
    model(okse.directory, {"README.md": card("mine-and-only-mine"), "LICENSE": APACHE})
    assert ("license.known", "assistant/README.md", 2) in stopped(okse)


def test_use_that_is_not_declared_is_no_permitted_use(okse):
    model(okse.directory, use=None)
    build(okse, status=0)
    assert statuses(okse)["license.use_permitted"] == "inconclusive"


@pytest.mark.parametrize("kind", ["weights", "dataset"])
def test_a_gguf_header_says_otherwise(okse, kind):
    """In weights it is known from their examination, elsewhere from the head of the file."""
    data = gguf([pair("general.architecture", "exaone4"), pair("general.name", "EXAONE 4.0 1.2B"), pair("general.license", "other"),
                 pair("general.license.name", "exaone"), pair("general.base_model.0.name", "EXAONE 4.0 1.2B"),
                 pair("general.base_model.0.repo_url", "https://huggingface.co/LGAI-EXAONE/EXAONE-4.0-1.2B")])
    model(okse.directory, {"README.md": card(), "LICENSE": APACHE, "m.gguf": data}, use="[research]", kind=kind)
    assert ("license.lineage", "assistant/m.gguf", None) in stopped(okse)


def test_weights_and_bundle_give_the_same_facts(okse):
    data = gguf([pair("general.license", "apache-2.0"), pair("general.name", "Civic"), ("general.alignment", 4, struct.pack("<I", 32))])
    model(okse.directory, {"README.md": card(), "LICENSE": APACHE, "m.gguf": data, "config.json": '{"model_type": "x"}'})
    build(okse, status=0)
    sealed = json.loads(member(okse.directory / "x.okse", "findings.json"))
    again = okse("audit", "--bundle", "x.okse", "--country", "VN", "--site", "site.yaml", "--at", "2026-07-01", "--json").json
    assert [f for f in sealed["findings"] if f["control"].startswith("license.")] == [f for f in again["findings"] if f["control"].startswith("license.")]


@pytest.mark.parametrize("base,license", [("google/gemma-3-4b-it", "mit"), ("meta-llama/Llama-3.1-8B-Instruct", "apache-2.0"), ("bigcode/starcoder2-3b", "mit"),
                                          ("Qwen/Qwen2.5-72B-Instruct", "apache-2.0"), ("LGAI-EXAONE/K-EXAONE-236B-A23B", "mit")])
def test_labels_that_drop_what_the_base_asks_for(okse, base, license):
    model(okse.directory, {"README.md": card(license, base), "LICENSE": APACHE}, spdx=None, use="[research]")
    assert ("license.lineage", "assistant/README.md", 3) in stopped(okse)


@pytest.mark.parametrize("base", ["Qwen/Qwen3-8B", "openai/gpt-oss-20b", "microsoft/phi-4"])
def test_labels_that_may_be_wider_than_an_open_base(okse, base):
    model(okse.directory, {"README.md": card("apache-2.0", base), "LICENSE": APACHE})
    build(okse, status=0)
    assert statuses(okse)["license.lineage"] == "pass"


def test_a_base_that_nobody_knows_is_no_pass(okse):
    model(okse.directory, {"README.md": card("apache-2.0", "somebody/something"), "LICENSE": APACHE})
    build(okse, status=0)
    assert statuses(okse)["license.lineage"] == "inconclusive"


def test_an_adapter_is_made_from_its_base(okse):
    model(okse.directory, {"README.md": card(), "LICENSE": APACHE, "adapter_config.json": '{"base_model_name_or_path": "LGAI-EXAONE/EXAONE-4.0-32B"}'}, use="[research]")
    assert ("license.lineage", "assistant/adapter_config.json", None) in stopped(okse)


def test_a_directory_on_its_makers_machine_says_what_it_was(okse):
    model(okse.directory, {"README.md": card(), "LICENSE": APACHE, "config.json": '{"_name_or_path": "/home/u/EXAONE-4.0-1.2B"}'}, use="[research]")
    assert ("license.lineage", "assistant/config.json", None) in stopped(okse)
    model(okse.directory, {"README.md": card(), "LICENSE": APACHE, "config.json": '{"_name_or_path": "/home/u/checkpoint-900"}'})
    build(okse, status=0)
    assert statuses(okse)["license.lineage"] == "pass"


def test_own_terms_are_known_but_not_to_the_table(okse):
    model(okse.directory, {"LICENSE": "You may use this model as long as we are friends.\n"}, spdx="LicenseRef-Friends")
    build(okse, status=0)
    found = statuses(okse)
    assert found["license.known"] == found["license.use_permitted"] == "inconclusive"
    agreement(okse.directory, models=["assistant"])
    build(okse, status=0)
    found = statuses(okse)
    assert found["license.known"] == found["license.use_permitted"] == "pass"


def test_a_gguf_header_longer_than_is_read_is_no_pass(okse):
    """Behind 33 MiB of vocabulary it says another license; as a data set it is looked into up to its limit only."""
    data = gguf([("tokenizer.ggml.tokens", 8, gguf_string("x" * (33 << 20))), pair("general.license", "cc-by-nc-4.0")])
    model(okse.directory, {"README.md": card(), "LICENSE": APACHE, "m.gguf": data}, kind="dataset")
    build(okse, status=0)
    assert set(statuses(okse).values()) == {"inconclusive"}


def test_a_card_that_says_too_much_is_no_pass(okse):
    bases = "".join(f"\n- civic/base-{i}" for i in range(70))
    model(okse.directory, {"README.md": card(base=bases), "LICENSE": APACHE, "adapter_config.json": '{"base_model_name_or_path": "civic/one-more"}'})
    build(okse, status=0)
    told = okse("audit", "--bundle", "x.okse", "--country", "VN", "--site", "site.yaml", "--json").json
    row, = [c for c in told["collectors"] if c["collector"] == "licenses"]
    assert row["status"] == "partial" and "more about licenses and models" in row["reason"]


def test_an_install_is_asked_again_on_site(okse):
    """The agreement has run out since, and somebody changed a license text."""
    model(okse.directory, {"README.md": card("other", license_name="exaone")}, spdx=NC)
    write(okse.directory / "model/LICENSE", APACHE)
    agreement(okse.directory, models=["assistant"])
    build(okse, gate=("--gate", "warn"), status=0)
    okse("key", "new", "--type", "ed25519", "-o", "vendor.pem", status=0)
    okse("sign", "x.okse", "--key", "vendor.pem", "--role", "vendor", status=0)
    (okse.directory / "trust.yaml").write_text("okse: trust/v1\nroles:\n  vendor: {threshold: 1, signers: [{key: vendor.pub}]}\n")
    okse("install", "x.okse", "--root", "target", "--trust", "trust.yaml", "--site", "site.yaml", status=0)
    root = okse.directory / "target"

    def asked():
        facts = okse("collect", "--root", root, "--scope", "install", "--at", "2026-07-01", "--json").json
        (okse.directory / "facts.json").write_text(json.dumps(facts))
        told = okse("audit", "--evidence", "facts.json", "--country", "VN", "--framework", "shipping", "--json").json
        return facts, {f["control"]: f for f in told["findings"] if f["control"].startswith("license.")}
    facts, found = asked()
    assert found["license.use_permitted"]["status"] == "pass" and found["license.known"]["status"] == "pass"
    assert [row["detected"]["id"] for row in facts["licenses"] if row["detected"]["method"] == "digest"] == ["Apache-2.0"]
    text = root / "current/assistant/LICENSE"
    text.chmod(0o644)
    text.write_bytes(changed(APACHE))
    facts, found = asked()
    row, = [row for row in facts["licenses"] if row["detected"]["method"] == "unknown-text"]
    assert row["source"]["path"] == f"{root}/current/assistant/LICENSE" and found["license.known"]["status"] == "pass", "the agreement covers it"
    text.unlink()
    facts, found = asked()
    row, = [c for c in facts["collectors"] if c["collector"] == "licenses"]
    assert row["status"] == "partial" and "assistant" in row["reason"] and found["license.known"]["status"] == "inconclusive"


def test_the_order_of_an_archive_changes_nothing(okse):
    """Names come from the card, then from the first header by name, whatever comes first in the archive."""
    header = [gguf([pair("general.license", "apache-2.0"), pair("general.name", name)]) for name in ("B", "A")]
    members = {"z.gguf": header[0], "a.gguf": header[1], "README.md": card(model_name="Card").encode(), "LICENSE": APACHE, "sub/README.md": card(model_name="Other").encode()}
    model(okse.directory)
    text = (okse.directory / "stack.yaml").read_text().replace("source: {path: model}", "source: {archive: model.zip}")
    (okse.directory / "stack.yaml").write_text(text)
    sealed = []
    for order in (list(members), list(reversed(members))):
        with zipfile.ZipFile(okse.directory / "model.zip", "w") as archive:
            for name in order:
                archive.writestr(zipfile.ZipInfo(name), members[name])
        build(okse, status=0)
        again = okse("audit", "--bundle", "x.okse", "--country", "VN", "--site", "site.yaml", "--at", "2026-07-01", "--json").json
        sealed += [json.loads(member(okse.directory / "x.okse", "findings.json")), again]
    ours = [[f for f in told["findings"] if f["control"].startswith("license.")] for told in sealed]
    assert all(one == ours[0] for one in ours)


def test_a_license_that_is_not_granted_there(okse):
    files = {"README.md": card("LicenseRef-Tencent-Hunyuan-3D-2.0")}
    model(okse.directory, files, spdx="LicenseRef-Tencent-Hunyuan-3D-2.0")
    assert ("license.territory", "assistant/README.md", 2) in stopped(okse, country="KR")
    assert not any(row[0] == "license.territory" for row in stopped(okse, country="VN"))


def test_the_attribution_of_a_llama(okse):
    """Recommended: it does not close the gate, and is told."""
    notice = "Llama 3.1 is licensed under the Llama 3.1 Community License,\nCopyright © Meta Platforms, Inc. All Rights Reserved.\nBuilt with Llama\n"
    files = {"README.md": card("llama3.1", "meta-llama/Llama-3.1-8B", model_name="Llama-Civic")}
    model(okse.directory, files, spdx="LicenseRef-Llama-3.1")
    build(okse, gate=("--gate", "warn"), status=0)
    assert statuses(okse)["license.attribution"] == "fail"
    write(okse.directory / "model/NOTICE", notice)
    build(okse, gate=("--gate", "warn"), status=0)
    assert statuses(okse)["license.attribution"] == "pass"


@pytest.mark.parametrize("front", ["license: [a\n", "license: apache-2.0\nlicense: mit\n", "license: &a [*a]\n"])
def test_a_card_that_cannot_be_read_is_no_pass(okse, front):
    model(okse.directory, {"README.md": f"---\n{front}---\n", "LICENSE": APACHE})
    build(okse, status=0)
    assert set(statuses(okse).values()) == {"inconclusive"}


@pytest.mark.parametrize("expression,complaint", [
    ("apache-2.0", "did you mean 'Apache-2.0'"), ("Apache 2.0", "AND, OR or WITH"), ("MIT OR", "identifier is expected"), ("MITT", "did you mean 'MIT'"),
    ("(MIT", "')' is expected"), ("MIT or ISC", "AND, OR or WITH"), ("GPL-2.0-only WITH MIT", "'MIT' is no identifier"), ("LicenseRef-", "no identifier"), ("Proprietary", "LicenseRef-")])
def test_expressions_are_spdx(okse, expression, complaint):
    model(okse.directory, spdx=f'"{expression}"')
    result = build(okse, status=2)
    assert complaint in result.err and "stack.yaml:9:" in result.err


@pytest.mark.parametrize("expression", ["MIT", "Apache-2.0 OR LicenseRef-Own", "(MIT OR ISC) AND Apache-2.0", "GPL-2.0-or-later WITH Classpath-exception-2.0",
                                        "DocumentRef-x:LicenseRef-Own", "Apache-2.0+", "0BSD"])
def test_expressions_that_are(okse, expression):
    model(okse.directory, spdx=f'"{expression}"')
    build(okse, gate=("--gate", "warn"), status=0)


def test_use_is_a_closed_list(okse):
    model(okse.directory, use="[comercial]")
    assert "did you mean 'commercial'" in build(okse, status=2).err
    model(okse.directory, use="[]")
    assert "'use' is empty" in build(okse, status=2).err


@pytest.fixture(scope="module")
def fingerprint():
    loader = importlib.machinery.SourceFileLoader("license_fingerprint", str(ROOT / "scripts/license-fingerprint"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("license_fingerprint", loader))
    loader.exec_module(module)
    return module


@pytest.mark.parametrize("name,identifier", [("Apache-2.0", "Apache-2.0"), ("GPL-2", "GPL-2.0-only"), ("GPL-3", "GPL-3.0-only"), ("LGPL-2.1", "LGPL-2.1-only"),
                                             ("LGPL-3", "LGPL-3.0-only"), ("MPL-2.0", "MPL-2.0"), ("CC0-1.0", "CC0-1.0"), ("Artistic", "Artistic-1.0-Perl")])
def test_known_texts_are_those_of_debian(fingerprint, name, identifier):
    data = (TEXTS / name).read_bytes()
    rows = yaml.safe_load((ROOT / "manifests/license-texts.yaml").read_text())["texts"]
    made = yaml.safe_load(fingerprint.row(identifier, data))[0]
    assert hashlib.sha256(data).hexdigest() == made["sha256"]
    assert any({**made, "source": row["source"]} == row for row in rows if row["id"] == identifier)


def test_the_share_of_common_runs_is_what_another_program_counts(fingerprint, okse):
    """The score in the facts, against the sketch computed in Python."""
    text = changed(APACHE, 60)
    model(okse.directory, {"README.md": card(), "LICENSE": text})
    build(okse, gate=("--gate", "warn"), status=0)
    mine = fingerprint.sketch(fingerprint.words(text))
    rows = yaml.safe_load((ROOT / "manifests/license-texts.yaml").read_text())["texts"]

    def score(row):
        return sum(mine[i:i + 4] == row["sketch"][i:i + 4] for i in range(0, len(mine), 4)) * 100 // 128 if "sketch" in row else 0
    best = max(rows, key=score)
    told = okse("audit", "--bundle", "x.okse", "--country", "VN", "--site", "site.yaml", "--json").json
    known, = [f for f in told["findings"] if f["control"] == "license.known"]
    assert f"(unknown-text {best['id']})" in known["evidence"][0]["message"] and 20 < score(best) < 98


def test_the_tables_agree_with_each_other():
    table = {row["id"]: row for row in yaml.safe_load((ROOT / "manifests/licenses.yaml").read_text())["licenses"]}
    texts = yaml.safe_load((ROOT / "manifests/license-texts.yaml").read_text())["texts"]
    families = yaml.safe_load((ROOT / "manifests/model-families.yaml").read_text())["families"]
    spdx = set(yaml.safe_load((ROOT / "manifests/spdx-licenses.yaml").read_text())["licenses"])
    assert {row["id"] for row in texts} | {row["license"] for row in families} <= set(table)
    assert all(name in spdx or name.startswith("LicenseRef-") for name in table)
    names = [str(name).lower() for row in table.values() for name in [row["id"], *row.get("names", [])]]
    assert len(names) == len(set(names))


def test_the_published_digests_of_exaone(shared):
    """The four license files of the vendor, as a reference lists them."""
    page = (shared / "reference/sovereign-stack.md").read_text()
    rows = yaml.safe_load((ROOT / "manifests/license-texts.yaml").read_text())["texts"]
    ours = {row["sha256"]: row["id"] for row in rows if "EXAONE" in row["id"]}
    listed = [line.split("|")[3].strip() for line in page.splitlines() if line.startswith(("| EXAONE AI", "| EXAONEPath AI", "| K-EXAONE AI"))]
    assert len(listed) == 4 and set(listed) == set(ours)
