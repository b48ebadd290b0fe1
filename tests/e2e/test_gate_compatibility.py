"""SDK release × driver × firmware × what was compiled × model × kernel. Versions are those that the makers' release notes list together, and pairs
that they say do not go together; packages are made by dpkg-deb and Python's own zip and wheel formats."""
import json
import subprocess

import pytest
import yaml

import stacks
from furiosa import CONFIG, RELEASED, deb, fxb
from stacks import write
from test_gate import build, stack
from test_gate_packages import named

SUPPORTS = {"devices": ["1ed2:0001"], "kernel": ">= 6.3", "systems": ["ubuntu >= 22.04", "debian >= 12"], "architectures": ["amd64"], "train": "2026.3"}
HOST = {"name": "npu-1.ministry.example", "country": "VN", "kernel": "6.8.0-49-generic", "system": "ubuntu 24.04", "architecture": "amd64", "devices": ["1ed2:0001"]}


class Kit:
    """A Furiosa stack whose parts belong together; each test changes one."""

    def __init__(self, okse):
        self.okse, self.directory = okse, okse.directory
        self.debs, self.supports, self.compiled, self.hosts = dict(RELEASED), dict(SUPPORTS), {"for": "exaone", "train": "2026.3"}, [dict(HOST)]
        self.fxb, self.wheels = fxb(), {"furiosa-llm": "2026.3.0", "torch": "2.10.0"}

    def verdict(self, control="compatibility.agrees"):
        parts = [{"name": "exaone", "kind": "weights", "source": {"path": "model"}, "license": {"spdx": "Apache-2.0"}},
                 {"name": "exaone-rngd", "kind": "weights", "source": {"path": "compiled"}, "license": {"spdx": "Apache-2.0"}, "compiled": self.compiled},
                 {"name": "rngd", "kind": "driver", "source": {"path": "driver"}, "supports": self.supports},
                 {"name": "wheels", "kind": "runtime", "source": {"path": "wheels"}}]
        for part in parts:
            for key in ("compiled", "supports"):
                if key in part and not part[key]:
                    del part[key]
        stack(self.directory, more="".join(f"  - {json.dumps(part)}\n" for part in parts))
        write(self.directory / "model/config.json", json.dumps(CONFIG))
        write(self.directory / "compiled/exaone.fxb", self.fxb)
        for name, version in self.debs.items():
            deb(self.directory / "driver", name, version)
        for name, version in self.wheels.items():
            write(self.directory / f"wheels/{name}-{version}-py3-none-any.whl", named(name, version))
        site = yaml.safe_load((self.directory / "site.yaml").read_text())
        site["hosts"] = site.get("hosts", []) + self.hosts
        (self.directory / "site.yaml").write_text(yaml.safe_dump(site))
        build(self.okse, "--json", gate=("--gate", "warn"), status=0)
        told = self.okse("audit", "--bundle", "x.okse", "--country", "VN", "--site", "site.yaml", "--json").json
        found, = [f for f in told["findings"] if f["control"] == control]
        return found["status"], {place["verdict"]: place["message"] for place in found["evidence"]}, [place["message"] for place in found["evidence"]]


@pytest.fixture
def kit(okse):
    return Kit(okse)


def test_what_belongs_together_passes_and_is_shown(kit):
    status, _, messages = kit.verdict()
    assert (status, messages) == ("pass", [])
    rngd, = [c for c in kit.okse("inspect", "x.okse", "--json", status=0).json["components"] if c["name"] == "rngd"]
    assert rngd["supports"] == SUPPORTS
    text = kit.okse("inspect", "x.okse", status=0).out
    assert "supports  " in text and "devices 1ed2:0001" in text and "kernel >= 6.3" in text
    page = kit.okse("passport", "x.okse", "--json", status=0).json
    assert [c["supports"] for c in page["components"] if c["name"] == "rngd"] == [SUPPORTS]
    bom = json.loads(stacks.Bundle(kit.directory / "x.okse").blob(stacks.Bundle(kit.directory / "x.okse").titles("stack")["sbom.cdx.json"]["digest"]))
    said = {p["name"]: p["value"] for c in bom["components"] if c["name"] == "rngd" for p in c["properties"]}
    assert said["okse:supports:kernel"] == ">= 6.3" and said["okse:supports:devices"] == "1ed2:0001"


def planted(change):
    """Every fault of one kind: a change of the kit and the words that name it."""
    return {
        "driver of another release": (lambda k: k.debs.update({"furiosa-driver-rngd": "2026.2.0"}),
                                      "furiosa-driver-rngd needs 2026.3.0 of release 2026.3, 2026.2.0 is here (furiosa)"),
        "firmware of another release": (lambda k: k.debs.update({"furiosa-firmware-image-rngd": "2025.2.0"}),
                                        "furiosa-firmware-image-rngd needs 2026.3.0 of release 2026.3, 2025.2.0 is here (furiosa)"),
        "compiled with another release": (lambda k: (setattr(k, "fxb", fxb("2026.2.0")), setattr(k, "compiled", {"for": "exaone"})),
                                          "exaone-rngd/exaone.fxb needs release 2026.3, 2026.2.0 is here (fxb), by the file itself"),
        "the stack says another release than the file": (lambda k: k.compiled.update(train="2026.2"),
                                                         "exaone-rngd/exaone.fxb needs compiled.train 2026.2, 2026.3.0 is here (fxb), by the file itself"),
        "compiled for another model": (lambda k: setattr(k, "fxb", fxb(architecture="Qwen3ForCausalLM")),
                                       "exaone-rngd/exaone.fxb needs Exaone4ForCausalLM, Qwen3ForCausalLM is here (fxb), by the file itself"),
        "compiled for another size": (lambda k: setattr(k, "fxb", fxb(hidden_size=2048)),
                                      "exaone-rngd/exaone.fxb needs hidden_size 5120, 2048 is here (fxb), by the file itself"),
        "kernel too old": (lambda k: k.hosts[0].update(kernel="6.1.0-28-amd64"),
                           "rngd needs kernel >= 6.3, 6.1.0-28-amd64 on npu-1.ministry.example is here (supports), by site.yaml"),
        "system not supported": (lambda k: k.hosts[0].update(system="ubuntu 20.04"),
                                 "rngd needs ubuntu >= 22.04, debian >= 12, ubuntu 20.04 on npu-1.ministry.example is here (supports), by site.yaml"),
        "architecture not supported": (lambda k: k.hosts[0].update(architecture="arm64"),
                                       "rngd needs amd64, arm64 on npu-1.ministry.example is here (supports), by site.yaml"),
        "no host has the device": (lambda k: k.hosts[0].update(devices=["10de:2330"]),
                                   "rngd needs a host with device 1ed2:0001, every host has other devices is here (supports), by site.yaml"),
    }[change]


@pytest.mark.parametrize("change", ["driver of another release", "firmware of another release", "compiled with another release", "the stack says another release than the file",
                                    "compiled for another model", "compiled for another size", "kernel too old", "system not supported", "architecture not supported",
                                    "no host has the device"])
def test_what_does_not_go_together_is_named(kit, change):
    do, message = planted(change)
    do(kit)
    status, _, messages = kit.verdict()
    assert status == "fail" and message in messages, messages


def test_what_nothing_says_is_not_known_by_name(kit):
    kit.fxb, kit.compiled, kit.hosts, kit.wheels = b"no archive that anybody knows", None, [], {"furiosa-llm": "2026.3.0"}
    kit.debs["furiosa-toolkit-rngd"] = "2025.2.1-3"
    status, _, messages = kit.verdict()
    assert status == "inconclusive"
    for words in ("exaone-rngd/exaone.fxb needs release 2026.3; not known: neither the file nor the stack (compiled.train) says what it was compiled with (fxb)",
                  "rngd needs a host that says its kernel; not known: no host does (hosts[].kernel of site.yaml) (supports)",
                  "furiosa-llm 2026.3.0 needs torch >= 2.10; not known: no package and no image here says its version (furiosa-llm)",
                  "furiosa-toolkit-rngd needs release 2026.3; not known: 2025.2.1-3 is here, and the notes of release 2026.3 do not list it (furiosa)"):
        assert words in messages, messages


@pytest.mark.parametrize("what, status, message", [
    ("nothing inside", "fail", "rngd: holds no package, module, installer or firmware"),
    ("no kernel", "inconclusive", "rngd: devices 1ed2:0001, kernel not stated")])
def test_a_driver_that_is_none_or_says_nothing(kit, what, status, message):
    if what == "nothing inside":
        kit.debs = {}
        write(kit.directory / "driver/readme.txt", "installed by hand\n")
    else:
        del kit.supports["kernel"]
    found, _, messages = kit.verdict("drivers.stated")
    assert (found, messages) == (status, [message])


@pytest.mark.parametrize("config, wheels, driver, status, message", [
    ({"--config.env": "VLLM_VERSION=0.9.2"}, [], None, "fail", "exaone needs vllm >= 0.10.0, 0.9.2 is here (Exaone4ForCausalLM), by env VLLM_VERSION"),
    ({"--config.env": "VLLM_VERSION=0.10.1"}, [], None, "pass", None),
    ({"--config.label": ["org.opencontainers.image.title=vLLM", "org.opencontainers.image.version=v0.9.0"]}, [], None, "fail",
     "exaone needs vllm >= 0.10.0, v0.9.0 is here (Exaone4ForCausalLM), by label org.opencontainers.image.version"),
    ({"--config.label": ["org.opencontainers.image.title=Ubuntu", "org.opencontainers.image.version=22.04"]}, [], None, "inconclusive",
     "exaone needs transformers >= 4.54.0 or vllm >= 0.10.0 or furiosa-llm >= 2026.1; not known: no package and no image here says its version (Exaone4ForCausalLM)"),
    # NVIDIA, CUDA Compatibility: CUDA 12.x needs a driver of 525 or later
    ({"--config.env": "CUDA_VERSION=12.4.1"}, ["vllm"], ("nvidia-driver-470-server", "470.256.02-0ubuntu1"), "fail",
     "cuda 12.4.1 needs nvidia-driver >= 525, 470.256.02-0ubuntu1 is here (cuda)"),
    ({"--config.env": "CUDA_VERSION=12.4.1"}, ["vllm"], ("nvidia-driver", "535.261.03-1~deb12u1"), "pass", None)])
def test_images_are_judged_by_what_their_config_says(okse, config, wheels, driver, status, message):
    more = ["{name: server, kind: runtime, source: {oci: images/server, ref: '1.0'}}", "{name: exaone, kind: weights, source: {path: model}, license: {spdx: Apache-2.0}}"]
    stacks.image(okse.directory / "images/server", tag="1.0")
    for option, values in config.items():
        for value in [values] if isinstance(values, str) else values:
            stacks.run("umoci", "config", "--image", f"{okse.directory}/images/server:1.0", option, value)
    write(okse.directory / "model/config.json", json.dumps(CONFIG))
    if wheels:
        write(okse.directory / "wheels/vllm-0.10.1-py3-none-any.whl", named("vllm", "0.10.1"))
        more.append("{name: wheels, kind: runtime, source: {path: wheels}}")
    if driver:
        deb(okse.directory / "driver", *driver)
        more.append("{name: gpu, kind: driver, source: {path: driver}}")
    stack(okse.directory, more="".join(f"  - {line}\n" for line in more))
    build(okse, "--json", gate=("--gate", "warn"), status=0)
    told = okse("audit", "--bundle", "x.okse", "--country", "VN", "--json").json
    found, = [f for f in told["findings"] if f["control"] == "compatibility.agrees"]
    assert found["status"] == status and (message is None or message in [place["message"] for place in found["evidence"]]), found["evidence"]


def test_the_host_that_runs_is_asked_itself(okse, kit):
    """An install judged where it runs: the kernel is that of uname."""
    kit.hosts, kit.supports["kernel"] = [], ">= 99"
    kit.verdict()
    okse("key", "new", "--type", "ed25519", "-o", "vendor.pem", status=0)
    okse("sign", "x.okse", "--key", "vendor.pem", "--role", "vendor", status=0)
    (okse.directory / "trust.yaml").write_text("okse: trust/v1\nroles:\n  vendor: {signers: [{key: vendor.pub}]}\n")
    okse("install", "x.okse", "--root", "target", "--trust", "trust.yaml", "--site", "site.yaml", status=0)
    facts = okse("collect", "--root", "target", "--scope", "both", "--json", status=0).json
    kernel = subprocess.run(["uname", "-r"], check=True, capture_output=True, text=True).stdout.strip()
    row, = [a for a in facts["agreements"] if a["subject"] == "rngd" and a["needs"] == "kernel >= 99"]
    assert row["agrees"] is False and row["by"] == "uname" and row["found"].startswith(kernel)
    artefact, = facts["artefacts"]
    assert [artefact[key] for key in ("path", "format", "train", "architecture", "read")] == ["exaone.fxb", "fxb", "2026.3.0", "Exaone4ForCausalLM", True]
    driver, = facts["drivers"]
    assert driver["devices"] == ["1ed2:0001"] and driver["carries"] == ["deb"]
