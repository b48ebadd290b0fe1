"""The example stacks: each builds, with generated weights in the true layout, for three countries, and passes its own gates."""
import hashlib
import json
import pathlib
import shutil
import subprocess

import conftest
import pytest
import stacks
import weights_files
import yaml
from furiosa import CONFIG, RELEASED, deb, fxb

EXAMPLES = conftest.ROOT / "manifests/stacks"
TEMPLATED = sorted(path.parent.name for path in EXAMPLES.glob("*/stack.yaml") if "template:" in path.read_text() and path.parent.name != "civic-search")  # whose faults are planted
APACHE = pathlib.Path("/usr/share/common-licenses/Apache-2.0")


EXAONE_TERMS = "EXAONE AI Model License Agreement 1.2 - NC\n\nThe text stands in for the owner's, which is not ours to copy.\n"
IN_ONE_FILE = ("exaone-small", "call-assistant")  # GGUF, for a host or a telephone without accelerators


def model_file(directory):
    directory.mkdir(parents=True)
    pairs = [("general.architecture", 8, weights_files.gguf_string("exaone4")), ("general.license", 8, weights_files.gguf_string("other")),
             ("general.license.name", 8, weights_files.gguf_string("exaone"))]
    (directory / "EXAONE-4.0-1.2B-Q4_K_M.gguf").write_bytes(weights_files.gguf(pairs, [("w", [8], 0, 0, 32)]))
    (directory / "LICENSE").write_text(EXAONE_TERMS)


def model(directory, restricted):
    """Two shards with their index, configuration and tokenizer, as a hub revision has them."""
    directory.mkdir(parents=True)
    for number in (1, 2):
        (directory / f"model-0000{number}-of-00002.safetensors").write_bytes(weights_files.safetensors({f"layer.{number}.weight": ("BF16", [4, 4], bytes(32))}))
    (directory / "model.safetensors.index.json").write_text(json.dumps(
        {"metadata": {"total_size": 64}, "weight_map": {f"layer.{n}.weight": f"model-0000{n}-of-00002.safetensors" for n in (1, 2)}}))
    (directory / "config.json").write_text(json.dumps({"architectures": ["Exaone4ForCausalLM" if restricted else "Detector"],
                                                       "model_type": "exaone4" if restricted else "detector", "num_hidden_layers": 2, "vocab_size": 3,
                                                       "hidden_size": CONFIG["hidden_size"]}))
    (directory / "tokenizer.json").write_text(json.dumps({"version": "1.0", "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}}))
    if restricted:
        (directory / "LICENSE").write_text(EXAONE_TERMS)
    else:
        shutil.copy(APACHE, directory / "LICENSE")


def parts(directory, component):
    """What a site or vendor would put beside the weights: the packages of a driver, and what was compiled."""
    if component["kind"] == "driver" and component["name"] == "rngd":
        for package, version in RELEASED.items():
            deb(directory / "driver", package, version)
    elif component["kind"] == "driver":
        deb(directory / "driver", "nvidia-driver", "535.261.03-1~deb12u1")
    elif "compiled" in component:
        stacks.write(directory / "compiled/exaone.fxb", fxb(vocab_size=3))
    else:
        return False
    return True


def measured(directory):
    """The digests of what is shipped, in the record of how it scored."""
    record = directory / "evaluation/index-2.2.yaml"
    if record.exists():
        digest = hashlib.sha256((directory / "model/model-00001-of-00002.safetensors").read_bytes()).hexdigest()
        subject = f'subjects: [{{component: exaone-4-32b, path: model-00001-of-00002.safetensors, digest: "sha256:{digest}"}}]'
        record.write_text(record.read_text().replace("subjects: [] ", subject + " "))


def place(okse, directory, name, iso):
    okse("init", directory, "--example", name, status=0)
    stack = yaml.safe_load((directory / "stack.yaml").read_text())
    for component in stack["components"]:
        if parts(directory, component):
            continue
        if component["kind"] == "weights":
            where = directory / component["source"]["path"]
            model_file(where) if name in IN_ONE_FILE else model(where, "EXAONE" in component["license"]["spdx"])
        if "oci" in component["source"]:
            stacks.image(directory / component["source"]["oci"], tag="1.0", name=component["name"])
    measured(directory)
    site = directory / "site.yaml"
    site.write_text(site.read_text().replace("VN", iso))
    return stack


def build(okse, directory, iso, *words, status=0):
    return okse("build", directory / "stack.yaml", "--country", iso, "-o", directory / f"{iso}.okse", "--unsigned", "--site", directory / "site.yaml", "--json", *words,
                status=status)


def text_of(okse, bundle, wanted):
    for component in okse("inspect", bundle, "--json", status=0).json["components"]:
        for file in component["files"] if component["name"] in ("serving", "jobs") else []:
            if file["path"] == wanted:
                return subprocess.run(["tar", "-xOf", bundle, "blobs/sha256/" + file["digest"].removeprefix("sha256:")], check=True, capture_output=True, text=True).stdout
    raise AssertionError(wanted)


def test_there_are_examples():
    assert set(FILES) == set(TEMPLATED)


# days of access logs: Viet Nam (Decree 53/2022), Korea (safeguards standard, sensitive data), Saudi Arabia (ECC)
LOGS = {"VN": ("365", "Asia/Ho_Chi_Minh"), "KR": ("730", "Asia/Seoul"), "SA": ("730", "Asia/Riyadh")}
TARGETS = {"kubernetes": "gateway.yaml", "quadlet": "gateway-retention.container", "compose": "compose.yaml", "slurm": "large.sbatch"}
FILES = {"exaone-gpu": "kubernetes", "exaone-small": "compose", "exaone-npu": "quadlet", "exaone-friendli": "kubernetes", "vision-inspection": "compose",
         "enterprise-assistant": "kubernetes", "document-automation": "quadlet", "agent-search": "kubernetes", "call-assistant": "compose", "gpu-cluster": "slurm"}


@pytest.mark.parametrize("iso", LOGS)
@pytest.mark.parametrize("name", TEMPLATED)
def test_it_builds_and_passes_its_own_gates(okse, tmp_path, name, iso):
    place(okse, tmp_path / name, name, iso)
    told = build(okse, tmp_path / name, iso, "--gate", "block").json
    assert told["written"] and told["preflight"]["failed"] == []
    text = text_of(okse, tmp_path / name / f"{iso}.okse", TARGETS[FILES[name]])
    days, zone = LOGS[iso]
    assert {"compose": zone, "slurm": f"--constraint=country-{iso.lower()}"}.get(FILES[name], f"+{days}") in text


@pytest.mark.parametrize("what, control", [
    ("no agreement", "license.distribution_agreed"),
    ("agreement for elsewhere", "license.distribution_agreed"),
    ("agreement that ended", "license.distribution_agreed"),
    ("no impact assessment", "documents.present"),
    ("logs kept too short", "retention.days_min"),
])
def test_one_fault_is_enough(okse, tmp_path, what, control):
    """The same stack with one fault for Korea, where the clean one passes above."""
    directory = tmp_path / "x"
    place(okse, directory, "exaone-gpu", "KR")
    agreement = directory / "compliance/commercial-agreement.yaml"
    if what == "no agreement":
        agreement.unlink()
    elif what == "agreement for elsewhere":
        agreement.write_text(agreement.read_text().replace("[VN, KR, SA]", "[VN]"))
    elif what == "agreement that ended":
        agreement.write_text(agreement.read_text().replace("2027-12-31", "2026-06-30"))
    elif what == "no impact assessment":
        (directory / "compliance/dpia.yaml").unlink()
    else:
        retention = directory / "compliance/retention.yaml"
        retention.write_text(retention.read_text().replace("log_days: 730", "log_days: 90"))
    told = build(okse, directory, "KR", "--gate", "block", status=1).json
    assert control in {row["control"] for row in told["preflight"]["failed"]} and not (directory / "KR.okse").exists()
