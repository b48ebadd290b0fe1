"""Every program judged by its own rule: which variable, which comparison. The tables below are in the words of the programs' own
sources and documentation (named in manifests/telemetry.yaml), not taken from our output."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
import yaml

import law_facts

ROOT = pathlib.Path(__file__).resolve().parents[2]
AT = "2026-11-23"
IMAGES = {"vllm": "vllm/vllm-openai:v0.10.1", "tgi": "ghcr.io/huggingface/text-generation-inference:2.4.0", "mlflow": "ghcr.io/mlflow/mlflow:v3.4.0",
          "qdrant": "qdrant/qdrant:v1.12.1", "weaviate": "cr.weaviate.io/semitechnologies/weaviate:1.27.0", "chroma": "chromadb/chroma:0.5.5",
          "langfuse": "langfuse/langfuse:3", "ollama": "ollama/ollama:0.5.0", "ray": "rayproject/ray:2.40.0", "grafana": "grafana/grafana:11.3.0",
          "open-webui": "ghcr.io/open-webui/open-webui:v0.6.5", "tensorrt-llm": "nvcr.io/nvidia/tensorrt-llm/release:1.0.0", "minio": "minio/minio:latest",
          "traefik": "traefik:v3.1", "anythingllm": "mintplexlabs/anythingllm:1", "flowise": "flowiseai/flowise:2.0", "n8n": "n8nio/n8n:1.60",
          "nim": "nvcr.io/nim/meta/llama3-8b-instruct:1.0.0"}

# (program, what it does, environment, command, enabled)
RULES = [
    ("vllm", "telemetry", {}, "", "yes"),
    ("vllm", "telemetry", {"VLLM_NO_USAGE_STATS": "1"}, "", "no"),
    ("vllm", "telemetry", {"DO_NOT_TRACK": "1"}, "", "no"),
    ("vllm", "telemetry", {"VLLM_NO_USAGE_STATS": "true"}, "", "yes"),   # compared with "1"
    ("vllm", "telemetry", {"HF_HUB_DISABLE_TELEMETRY": "1"}, "", "yes"),  # another program's
    ("vllm", "telemetry", {"VLLM_NO_USAGE_STATS": "${STATS}"}, "", "unknown"),
    ("vllm", "content-fetch", {"FLASHINFER_NO_DOWNLOAD": "1"}, "--model /m --language-model-only", "no"),
    ("tensorrt-llm", "telemetry", {"TELEMETRY_DISABLED": "true"}, "", "no"),
    ("tensorrt-llm", "telemetry", {"TRTLLM_NO_USAGE_STATS": "1", "TRTLLM_USAGE_FORCE_ENABLED": "1"}, "", "yes"),
    ("tensorrt-llm", "telemetry", {"CI": "yes"}, "", "no"),
    ("tgi", "telemetry", {}, "--usage-stats off", "no"),
    ("tgi", "telemetry", {"USAGE_STATS": "off"}, "", "no"),
    ("tgi", "telemetry", {"USAGE_STATS": "off"}, "--usage-stats on", "yes"),
    ("tgi", "telemetry", {}, "--usage-stats=no-stack", "yes"),
    ("mlflow", "telemetry", {"DO_NOT_TRACK": "1"}, "", "yes"),            # the word true is meant
    ("mlflow", "telemetry", {"DO_NOT_TRACK": "True"}, "", "no"),
    ("mlflow", "telemetry", {"MLFLOW_DISABLE_TELEMETRY": "true"}, "", "no"),
    ("qdrant", "telemetry", {"QDRANT__TELEMETRY_DISABLED": "true"}, "", "no"),
    ("qdrant", "telemetry", {}, "./qdrant --disable-telemetry", "no"),
    ("qdrant", "telemetry", {"DO_NOT_TRACK": "1"}, "", "yes"),
    ("weaviate", "telemetry", {"DISABLE_TELEMETRY": "true"}, "", "no"),
    ("weaviate", "telemetry", {"DISABLE_TELEMETRY": "false"}, "", "yes"),
    ("chroma", "telemetry", {}, "", "unknown"),                           # depends on the version
    ("chroma", "telemetry", {"ANONYMIZED_TELEMETRY": "False"}, "", "no"),
    ("langfuse", "telemetry", {"TELEMETRY_ENABLED": "false"}, "", "no"),
    ("langfuse", "telemetry", {"TELEMETRY_ENABLED": "false", "LANGFUSE_EE_LICENSE_KEY": "x"}, "", "yes"),
    ("ollama", "telemetry", {"OLLAMA_NO_CLOUD": "1"}, "", "no"),
    ("ollama", "telemetry", {"DO_NOT_TRACK": "1"}, "", "yes"),
    ("ray", "telemetry", {"RAY_USAGE_STATS_ENABLED": "0"}, "", "no"),
    ("ray", "telemetry", {"RAY_USAGE_STATS_ENABLED": "false"}, "", "yes"),
    ("grafana", "telemetry", {"GF_ANALYTICS_REPORTING_ENABLED": "false"}, "", "no"),
    ("grafana", "update-check", {"GF_ANALYTICS_CHECK_FOR_UPDATES": "false"}, "", "yes"),  # plugins are asked for still
    ("grafana", "update-check", {"GF_ANALYTICS_CHECK_FOR_UPDATES": "false", "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false"}, "", "no"),
    ("open-webui", "update-check", {}, "", "yes"),
    ("open-webui", "update-check", {"OFFLINE_MODE": "True"}, "", "no"),
    ("minio", "update-check", {"MINIO_UPDATE": "off"}, "", "no"),
    ("traefik", "update-check", {}, "--global.checknewversion=false", "no"),
    ("traefik", "telemetry", {}, "", "no"),
    ("traefik", "telemetry", {}, "--global.sendanonymoususage=true", "yes"),
    ("anythingllm", "telemetry", {"DISABLE_TELEMETRY": "true"}, "", "no"),
    ("flowise", "telemetry", {"POSTHOG_PUBLIC_API_KEY": "k"}, "", "yes"),
    ("n8n", "telemetry", {"N8N_DIAGNOSTICS_ENABLED": "false"}, "", "unknown"),  # general knowledge is never a pass
    ("nim", "telemetry", {"NIM_TELEMETRY_MODE": "0"}, "", "no"),
    ("nim", "telemetry", {"NIM_TELEMETRY_MODE": "1"}, "", "yes"),
]
HUB = [("vllm", "--model org/name", {}, "yes"), ("vllm", "serve org/name", {}, "yes"), ("vllm", "--model /models/name", {}, "no"),
       ("vllm", "--model org/name", {"HF_HUB_OFFLINE": "1"}, "no"), ("vllm", "--model ./org/name", {}, "no"),
       ("tgi", "--model-id org/name", {}, "yes"), ("tgi", "", {"MODEL_ID": "org/name"}, "yes"), ("tgi", "--model-id /data/m", {}, "no")]


def collect(okse, sysroot, *words):
    return okse("collect", "--scope", "host", "--sysroot", sysroot, "--at", AT, "--json", *words, status=0).json


def compose(tmp_path, services):
    place = tmp_path / "sys/opt/x"
    place.mkdir(parents=True, exist_ok=True)
    (place / "compose.yaml").write_text(yaml.safe_dump({"services": services}))
    return tmp_path / "sys"


def test_every_program_is_judged_by_its_own_rule(okse, tmp_path):
    services = {f"s{number}": {"image": IMAGES[program], "environment": environment, **({"command": command} if command else {})}
                for number, (program, _, environment, command, _) in enumerate(RULES)}
    facts = collect(okse, compose(tmp_path, services))
    told = {}
    for fact in facts["telemetry"]:
        told.setdefault((fact["workload"]["name"], fact["program"], fact["does"]), []).append(fact["enabled"])
    wrong = [(rule, told.get((f"s{number}", rule[0], rule[1]))) for number, rule in enumerate(RULES)
             if set(told.get((f"s{number}", rule[0], rule[1]), [])) != {rule[4]}]
    assert wrong == []


def test_a_model_that_is_named_by_its_hub(okse, tmp_path):
    services = {f"s{number}": {"image": IMAGES[program], "environment": environment, **({"command": command} if command else {})}
                for number, (program, command, environment, _) in enumerate(HUB)}
    facts = collect(okse, compose(tmp_path, services))
    told = {f["workload"]["name"]: f["enabled"] for f in facts["telemetry"] if f["does"] == "content-fetch" and f["hosts"] == ["huggingface.co"]}
    assert told == {f"s{number}": row[3] for number, row in enumerate(HUB)}


def test_mirrors_keep_the_name_and_other_programs_do_not_take_it(okse, tmp_path):
    services = {"a": {"image": "registry.ministry.example:5000/mirror/qdrant/qdrant:v1"}, "b": {"image": "example/not-qdrant:1"},
                "c": {"image": "x.example/app:1", "command": "python app.py --served-model-name vllm"},
                "d": {"image": "x.example/app:1", "command": ["sh", "-c", "exec vllm serve /models/m"]}}
    facts = collect(okse, compose(tmp_path, services))
    assert {(f["workload"]["name"], f["program"], f["sign"]) for f in facts["telemetry"]} == {("a", "qdrant", "image"), ("d", "vllm", "command")}


def test_what_templates_set_switches_everything_off(okse, tmp_path):
    """manifests/telemetry.yaml: `general` and `set` of a program are enough for its own rules, but for what is not sure."""
    table = yaml.safe_load((ROOT / "manifests/telemetry.yaml").read_text())
    services = {name.replace(".", "-"): {"image": IMAGES[name], "environment": {**table["general"], **table["programs"][name].get("set", {})}}
                for name in IMAGES if "set" in table["programs"][name]}
    facts = collect(okse, compose(tmp_path, services))
    assert {f["program"] for f in facts["telemetry"]} >= {name for name in IMAGES if "set" in table["programs"][name]} - {"nim"}
    assert [(f["program"], f["does"]) for f in facts["telemetry"] if f["enabled"] == "yes" and f["does"] in ("telemetry", "update-check", "crash-report")] == []


def test_every_row_says_where_it_is_from():
    table = yaml.safe_load((ROOT / "manifests/telemetry.yaml").read_text())
    reports = [(name, report) for name, program in table["programs"].items() for report in program["reports"]]
    assert len(reports) >= 77
    assert [name for name, r in reports if not r.get("source") or r["confidence"] not in ("high", "medium", "low")] == []


def test_nothing_leaves_what_has_no_network(okse, tmp_path):
    facts = collect(okse, compose(tmp_path, {"a": {"image": IMAGES["qdrant"], "network_mode": "none"}}))
    assert [(f["enabled"], f["grade"]) for f in facts["telemetry"]] == [("yes", "enforced")]


def test_a_running_process_is_asked_itself(okse, tmp_path):
    """The environment of a real process, by /proc."""
    program = tmp_path / "bin/qdrant"
    program.parent.mkdir()
    os.symlink(sys.executable, program)
    with subprocess.Popen([program, "-c", "import sys; print(1, flush=True); sys.stdin.read()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          env={"QDRANT__TELEMETRY_DISABLED": "true", "PATH": "/usr/bin:/bin"}) as process:
        process.stdout.readline()
        facts = okse("collect", "--scope", "host", "--at", AT, "--json", status=0).json
        process.stdin.close()
    (fact,) = [f for f in facts["telemetry"] if f["program"] == "qdrant" and (f["workload"] or {}).get("container") == str(process.pid)]
    assert (fact["enabled"], fact["grade"], fact["state"], fact["switch"]["path"]) == ("no", "observed", "observed", f"/proc/{process.pid}/environ")


def findings(okse, tmp_path, services):
    facts = tmp_path / "facts.json"
    facts.write_text(json.dumps({**collect(okse, compose(tmp_path, services)), "install": law_facts.facts()["install"]}))
    done = okse("audit", "--evidence", facts, "--country", "SA", "--at", AT, "--json")
    return [f for f in done.json["findings"] if f["control"] == "telemetry.off"]


@pytest.mark.parametrize("environment, status", [({"DO_NOT_TRACK": "1"}, "fail"), ({"DO_NOT_TRACK": "true"}, "pass"), ({"DO_NOT_TRACK": "${X}"}, "inconclusive")])
def test_the_verdict_follows_the_programs_rule(okse, tmp_path, environment, status):
    services = {"m": {"image": "registry.example/mlflow/mlflow:v3.4.0", "environment": environment}}
    assert {f["status"] for f in findings(okse, tmp_path, services)} - {"not-applicable"} == {status}


@pytest.mark.parametrize("text, why", [("programs: {a: {title: A}}", "reports"), ("programs: {a: {title: A, reports: [{does: none}]}}", "default"),
                                       ("programs: {a: {title: A, reports: [{does: telemetry, default: 'on', confidence: high, hosts: [], off: [{variable: X}]}]}}", "condition")])
def test_a_damaged_table_is_refused(okse, tmp_path, text, why):
    manifests = tmp_path / "manifests"
    shutil.copytree(ROOT / "manifests", manifests)
    (manifests / "telemetry.yaml").write_text(text + "\n")
    done = okse("collect", "--manifests", manifests, "--scope", "host", "--sysroot", tmp_path)
    assert done.status in (2, 3) and why in done.err
