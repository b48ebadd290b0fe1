"""How a model scored: four forms are read, what can be computed again is, and each planted lie is stopped by the control
that is about it, at its file and line; its clean twin passes. Expected digests come from hashlib, expected means from Python."""
import hashlib
import json
import statistics

import pytest
import yaml

from conftest import ROOT
from stacks import noise, write
from test_documents import validate
from test_gate import build, member, stack
from test_gate_license import APACHE, card
from weights_files import noise_safetensors

PARTS = {"MMLU-Pro": 81.8, "GPQA Diamond": 75.4, "HLE": 10.6, "AIME 2025": 85.3, "SciCode": 34.4, "LiveCodeBench": 66.7, "IFBench": 36.0,
         "AA-LCR": 14.0}  # as published for EXAONE 4.0 32B, SciCode rounded
INDEX = "Artificial Analysis Intelligence Index"
COMMIT = "4e7e0d47" + "0" * 32
JUDGE = {"role": "judge", "name": "gpt-4.1", "version": "2025-04-14", "location": "US", "for": ["HLE", "AA-LCR"]}


def sha(path):
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def result(dataset, mean, **more):
    return {"dataset": dataset, "revision": "main@1", "metric": "accuracy", "unit": "percent", "mean": mean, "stdev": 0.4, "runs": 5, **more}


def record(directory, **changes):
    """A complete record of the model below; None takes a key out."""
    whole = {"okse": "evaluation/v1", "title": "Eight parts", "date": "2026-06-01",
             "harness": {"name": "lm-evaluation-harness", "version": "0.4.9", "commit": COMMIT},
             "sampling": {"temperature": 0.6, "top_p": 0.95, "seed": 1234},
             "subjects": [{"component": "assistant", "path": name, "digest": sha(directory / "model" / name)}
                          for name in ("model.safetensors", "tokenizer.json")],
             "judges": [JUDGE], "results": [result(*row) for row in PARTS.items()],
             "indices": [{"name": INDEX, "version": "2.2", "value": 51}],
             "outputs": [{"digest": "sha256:" + "0" * 64}]}
    whole.update(changes)
    return {key: value for key, value in whole.items() if value is not None}


def save(directory, whole, name="evaluation.yaml"):
    write(directory / "results" / name, yaml.safe_dump(whole, sort_keys=False, allow_unicode=True))


def line_of(directory, text, name="evaluation.yaml"):
    lines = (directory / "results" / name).read_text().splitlines()
    return next(i for i, line in enumerate(lines, 1) if text in line)


def model(directory, kind="evaluation", weights=True):
    write(directory / "model/model.safetensors", noise_safetensors(noise("weights", 3000)))
    write(directory / "model/tokenizer.json", '{"version": "1.0"}\n')
    write(directory / "model/LICENSE", APACHE)
    write(directory / "model/README.md", card())
    more = "  - {name: assistant, kind: weights, source: {path: model}, license: {spdx: Apache-2.0}}\n" if weights else ""
    stack(directory, more=more + f"  - {{name: results, kind: {kind}, source: {{path: results}}}}\n")
    text = (directory / "stack.yaml").read_text()
    (directory / "stack.yaml").write_text(text.replace("  purpose:", "  use: [research]\n  purpose:"))


def statuses(okse, bundle="x.okse"):
    told = okse("audit", "--bundle", bundle, "--country", "VN", "--site", "site.yaml", "--json", "--at", "2026-07-01").json
    return {f["control"]: f for f in told["findings"] if f["control"].startswith("evaluation.")}


def places(finding, verdict="violation"):
    return {(e["file"], e["line"]) for e in finding["evidence"] if e["verdict"] == verdict}


def judged(tool, /, **changes):
    """The findings about a record with these changes."""
    model(tool.directory)
    save(tool.directory, record(tool.directory, **changes))
    build(tool, gate=("--gate", "warn"), status=0)
    return statuses(tool)


def collected(okse):
    """The facts of the bundle, installed."""
    okse("key", "new", "--type", "ed25519", "-o", "vendor.pem", status=0)
    okse("sign", "x.okse", "--key", "vendor.pem", "--role", "vendor", status=0)
    (okse.directory / "trust.yaml").write_text("okse: trust/v1\nroles:\n  vendor: {threshold: 1, signers: [{key: vendor.pub}]}\n")
    okse("install", "x.okse", "--root", "target", "--trust", "trust.yaml", "--site", "site.yaml", status=0)
    return okse("collect", "--root", "target", "--scope", "install", "--at", "2026-07-01", "--json", status=0).json


def facts(okse):
    return collected(okse)["evaluations"]


def test_the_clean_record_passes_every_control(okse):
    found = judged(okse)
    assert {name: row["status"] for name, row in found.items()} == {
        "evaluation.subject_matches": "pass", "evaluation.index_recomputed": "pass", "evaluation.readable": "pass",
        "evaluation.subject_named": "pass", "evaluation.judges_located": "pass", "evaluation.index_versioned": "pass"}
    assert abs(statistics.mean(PARTS.values()) - 51) < 1


def test_no_evaluation_at_all_passes(okse):
    model(okse.directory)
    write(okse.directory / "results/notes.txt", "nothing\n")
    build(okse, status=0)
    assert {row["status"] for row in statuses(okse).values()} == {"pass"}


# ---- what stops a build

def stopped(okse, whole):
    model(okse.directory)
    save(okse.directory, whole)
    told = build(okse, "--json", status=1).json
    assert not (okse.directory / "x.okse").exists()
    return {(row["control"], e["file"], e["line"]) for row in told["preflight"]["failed"] for e in row["evidence"] if e["verdict"] == "violation"}


@pytest.mark.parametrize("value", [64, 40, 52.0, 49.4])
def test_an_index_that_does_not_follow_from_its_parts(okse, value):
    model(okse.directory)
    whole = record(okse.directory, indices=[{"name": INDEX, "version": "2.2", "value": value}])
    assert stopped(okse, whole) == {("evaluation.index_recomputed", "results/evaluation.yaml", line_of(okse.directory, "- name: Artificial"))}


@pytest.mark.parametrize("value", [51, 50.5, 51.5, 49.6])
def test_an_index_within_its_tolerance_is_packed(okse, value):
    assert judged(okse, indices=[{"name": INDEX, "version": "v2.2", "value": value}])["evaluation.index_recomputed"]["status"] == "pass"


def test_fractions_and_percent_are_the_same_score(okse):
    rows = [{**result(*row), "unit": "fraction", "mean": row[1] / 100} for row in PARTS.items()]
    assert judged(okse, results=rows)["evaluation.index_recomputed"]["status"] == "pass"


def test_a_missing_part_is_no_pass_and_may_still_prove_a_lie(okse):
    rows = [result(*row) for row in PARTS.items() if row[0] != "SciCode"]
    found = judged(okse, results=rows)["evaluation.index_recomputed"]
    assert found["status"] == "inconclusive" and "some are missing" in found["evidence"][0]["message"]
    lie = judged(okse, results=rows, indices=[{"name": INDEX, "version": "2.2", "value": 64}])["evaluation.index_recomputed"]
    assert lie["status"] == "fail"


def test_a_version_of_which_the_parts_are_not_known_is_open(okse):
    found = judged(okse, indices=[{"name": INDEX, "version": "4.0", "value": 32}])
    assert found["evaluation.index_recomputed"]["status"] == "inconclusive" and found["evaluation.index_versioned"]["status"] == "pass"


def test_an_index_without_a_version_or_with_one_nobody_knows(okse):
    found = judged(okse, indices=[{"name": "AA Index", "value": 51}])["evaluation.index_versioned"]
    assert found["status"] == "fail" and found["severity"] == "recommended"
    assert places(found) == {("results/evaluation.yaml", line_of(okse.directory, "- name: AA Index"))}
    assert judged(okse, indices=[{"name": INDEX, "version": "9.9", "value": 51}])["evaluation.index_versioned"]["status"] == "inconclusive"


def test_the_weights_that_were_evaluated_are_not_those_that_are_packed(okse):
    model(okse.directory)
    whole = record(okse.directory)
    write(okse.directory / "model/model.safetensors", noise_safetensors(noise("others", 3000)))
    save(okse.directory, whole)
    told = build(okse, "--json", status=1).json
    failed, = [row for row in told["preflight"]["failed"] if row["control"] == "evaluation.subject_matches"]
    evidence, = failed["evidence"]
    assert (evidence["file"], evidence["line"]) == ("results/evaluation.yaml", line_of(okse.directory, "path: model.safetensors") - 1)
    assert whole["subjects"][0]["digest"] in evidence["message"] and sha(okse.directory / "model/model.safetensors") in evidence["message"]
    build(okse, gate=("--gate", "warn"), status=0)
    assert statuses(okse)["evaluation.subject_matches"]["status"] == "fail"


@pytest.mark.parametrize("subject", [{"component": "assistant", "path": "gone.safetensors"}, {"component": "nobody", "path": "model.safetensors"},
                                     {"component": "assistant"}, {"component": "assistant", "path": "../stack.yaml"},
                                     {"component": "assistant", "path": "tokenizer.json"}])
def test_a_subject_that_is_not_there_or_another_file(okse, subject):
    model(okse.directory)
    digest = sha(okse.directory / "model/model.safetensors")
    rows = stopped(okse, record(okse.directory, subjects=[{**subject, "digest": digest}]))
    assert {row[0] for row in rows} == {"evaluation.subject_matches"}


def test_raw_outputs_that_were_changed(okse):
    model(okse.directory)
    write(okse.directory / "results/samples.jsonl", '{"answer": 1}\n')
    digest = sha(okse.directory / "results/samples.jsonl")
    whole = record(okse.directory, outputs=[{"path": "samples.jsonl", "digest": digest}])
    save(okse.directory, whole)
    build(okse, status=0)
    assert statuses(okse)["evaluation.subject_matches"]["status"] == "pass"
    (okse.directory / "x.okse").unlink()
    write(okse.directory / "results/samples.jsonl", '{"answer": 2}\n')
    save(okse.directory, whole)
    told = build(okse, "--json", status=1).json
    assert {row["control"] for row in told["preflight"]["failed"]} == {"evaluation.subject_matches"}


# ---- what is told

def test_a_judge_without_a_place_and_a_judge_that_is_left_out(okse):
    nowhere = {key: value for key, value in JUDGE.items() if key != "location"}
    found = judged(okse, judges=[nowhere])["evaluation.judges_located"]
    assert found["status"] == "fail" and places(found) == {("results/evaluation.yaml", line_of(okse.directory, "role: judge"))}
    found = judged(okse, judges=[])["evaluation.judges_located"]
    assert places(found) == {("results/evaluation.yaml", line_of(okse.directory, f"dataset: {name}")) for name in ("HLE", "AA-LCR")}
    assert judged(okse, judges=[], results=[result("MMLU-Pro", 81.8)], indices=None)["evaluation.judges_located"]["status"] == "pass"


def test_a_place_that_is_no_country(okse):
    found = judged(okse, judges=[{**JUDGE, "location": "XX"}])
    assert found["evaluation.judges_located"]["status"] == "fail" and found["evaluation.readable"]["status"] == "fail"


@pytest.mark.parametrize("change,text", [
    ({"harness": {"name": "x"}}, "needs the key 'commit'"), ({"harness": None}, "needs the key 'harness'"), ({"subjects": None}, "needs the key 'subjects'"),
    ({"results": [result("MMLU-Pro", 181)]}, "from 0 to 100"), ({"results": [result("MMLU-Pro", "much")]}, "'mean' must be a number"),
    ({"results": [result("MMLU-Pro", 81, runs=0)]}, "'runs' must be"), ({"results": [result("MMLU-Pro", 81, unit="points")]}, "'unit' must be"),
    ({"results": [result("MMLU-Pro", 81, stdev=-1)]}, "'stdev'"), ({"results": [result("MMLU-Pro", 81, interval=[90, 80])]}, "'interval'"),
    ({"results": [result("MMLU-Pro", ".nan")]}, "'mean' must be a number"), ({"resluts": []}, "did you mean 'results'"),
    ({"subjects": [{"component": "assistant", "digest": "abc"}]}, "'digest' must be"), ({"judges": [{**JUDGE, "role": "friend"}]}, "'role' must be"),
    ({"judges": "none"}, "'judges' must be a list"), ({"okse": "evaluation/v9"}, "must be evaluation/v1")])
def test_a_record_that_breaks_its_form_is_told_with_its_place(okse, change, text):
    found = judged(okse, **change)["evaluation.readable"]
    assert found["status"] == "fail" and text in " ".join(e["message"] for e in found["evidence"])
    assert all(e["file"] == "results/evaluation.yaml" for e in found["evidence"])


def test_a_record_that_is_no_yaml(okse):
    model(okse.directory)
    write(okse.directory / "results/evaluation.yaml", "okse: evaluation/v1\nresults: [\n")
    build(okse, gate=("--gate", "warn"), status=0)
    assert statuses(okse)["evaluation.readable"]["status"] == "fail"


def test_a_file_that_is_too_large_is_no_pass(okse):
    model(okse.directory)
    write(okse.directory / "results/results_1.json", b'{"a": "' + b"x" * (8 << 20) + b'"}')
    build(okse, gate=("--gate", "warn"), status=0)
    found = statuses(okse)
    assert {row["status"] for row in found.values()} == {"inconclusive"}


# ---- the other forms

HARNESS = {"results": {"mmlu_pro": {"alias": "mmlu_pro", "exact_match,custom-extract": 0.818, "exact_match_stderr,custom-extract": 0.004},
                       "wikitext": {"word_perplexity,none": 11.5, "alias": "wikitext", "sample_len": 62}},
           "versions": {"mmlu_pro": 2.1, "wikitext": 2.0}, "configs": {"mmlu_pro": {"dataset_kwargs": {"revision": "abc123"}}},
           "config": {"model": "vllm", "model_args": "pretrained=/models/a", "random_seed": 0, "gen_kwargs": None},
           "git_hash": "4e7e0d47", "lm_eval_version": "0.4.9", "model_name": "/models/a", "date": 1.7e9}


def test_results_of_the_harness(okse):
    model(okse.directory)
    write(okse.directory / "results/results_2026.json", json.dumps(HARNESS))
    build(okse, status=0)
    rows = facts(okse)
    scores = {row["name"]: (row["value"], row["unit"], row["metric"], row["revision"]) for row in rows if row["claim"] == "score"}
    assert scores == {"mmlu_pro": (0.818, "fraction", "exact_match,custom-extract", "abc123"),
                      "wikitext": (11.5, None, "word_perplexity,none", None)}
    head, = [row for row in rows if row["claim"] == "record"]
    assert head["harness"] == {"name": "lm-evaluation-harness", "version": "0.4.9", "commit": "4e7e0d47"} and head["format"] == "lm-eval"
    found = statuses(okse)["evaluation.subject_named"]
    assert found["status"] == "fail" and found["severity"] == "recommended", "nothing says whose scores these are"
    digest = sha(okse.directory / "results/results_2026.json")
    save(okse.directory, record(okse.directory, outputs=[{"path": "results_2026.json", "digest": digest}]))
    build(okse, status=0)
    assert statuses(okse)["evaluation.subject_named"]["status"] == "pass", "a record binds them"


@pytest.mark.parametrize("data,readable", [("{", "fail"), ('{"results": {}, "versions": {}}', "fail"), ('{"results": []}', "pass"), ('{"a": 1, "a": 2}', "fail"),
                                           (json.dumps(HARNESS).replace("0.818", "NaN"), "fail"), ("[" * 100 + "]" * 100, "fail")])
def test_broken_results_of_the_harness(okse, data, readable):
    model(okse.directory)
    write(okse.directory / "results/results_1.json", data)
    build(okse, gate=("--gate", "warn"), status=0)
    assert statuses(okse)["evaluation.readable"]["status"] == readable


def test_results_of_the_hub_in_the_weights(okse):
    model(okse.directory)
    write(okse.directory / "results/notes.txt", "none\n")
    write(okse.directory / "model/.eval_results/all.yaml", yaml.safe_dump([
        {"dataset": {"id": "cais/hle", "task_id": "default", "revision": "5503434d"}, "value": 10.6, "date": "2026-01-01"},
        {"dataset": {"id": "Idavidrein/gpqa", "task_id": "gpqa_diamond"}, "value": 0.754},
        {"dataset": {"id": "ArtificialAnalysis/Index", "task_id": "x"}, "value": "high"}]))
    build(okse, gate=("--gate", "warn"), status=0)
    rows = facts(okse)
    assert {(row["name"], row["value"], row["revision"], row["judged"]) for row in rows if row["claim"] == "score"} == {
        ("cais/hle", 10.6, "5503434d", True), ("Idavidrein/gpqa", 0.754, None, False)}
    assert statuses(okse)["evaluation.readable"]["status"] == "fail" and statuses(okse)["evaluation.judges_located"]["status"] == "fail"


def test_a_model_index_with_an_index_that_lies(okse):
    model(okse.directory)
    write(okse.directory / "results/notes.txt", "none\n")
    rows = [{"task": {"type": "text-generation"}, "dataset": {"name": name, "type": name}, "metrics": [{"type": "accuracy", "value": value}]}
            for name, value in {**PARTS, f"{INDEX} v2.2": 64}.items()]
    text = yaml.safe_dump({"license": "apache-2.0", "model-index": [{"name": "civic", "results": rows}]}, sort_keys=False)
    write(okse.directory / "model/README.md", f"---\n{text}---\n# A model\n")
    told = build(okse, "--json", status=1).json
    failed, = [row for row in told["preflight"]["failed"] if row["control"] == "evaluation.index_recomputed"]
    lines = (okse.directory / "model/README.md").read_text().splitlines()
    assert [(e["file"], e["line"]) for e in failed["evidence"]] == [("assistant/README.md", next(i for i, l in enumerate(lines, 1) if "value: 64" in l) - 1)]


def test_only_known_places_are_read(okse):
    """A lie in a file of another component is nobody's claim."""
    model(okse.directory, kind="docs")
    save(okse.directory, record(okse.directory, indices=[{"name": INDEX, "version": "2.2", "value": 64}]))
    build(okse, status=0)
    assert facts(okse) == []


# ---- where it goes

def test_the_bill_of_materials_has_the_scores(okse, shared):
    model(okse.directory)
    save(okse.directory, record(okse.directory, results=[result("MMLU-Pro", 81.8, interval=[81.0, 82.6])], indices=[{"name": INDEX, "version": "2.2", "value": 51}]))
    build(okse, gate=("--gate", "warn"), status=0)
    bill = json.loads(member(okse.directory / "x.okse", "sbom.cdx.json"))
    validate(shared, bill, "cyclonedx-bom-1.6")
    card_, = [c["modelCard"] for c in bill["components"] if "modelCard" in c]
    assert card_["quantitativeAnalysis"]["performanceMetrics"] == [
        {"type": "accuracy", "slice": "MMLU-Pro@main@1 (percent)", "value": "81.8", "confidenceInterval": {"lowerBound": "81", "upperBound": "82.6"}},
        {"type": f"{INDEX} v2.2", "value": "51"}]


def test_scores_of_which_the_model_is_not_certain_are_in_no_bill(okse):
    model(okse.directory)
    write(okse.directory / "results/results_1.json", json.dumps(HARNESS))
    text = (okse.directory / "stack.yaml").read_text()
    (okse.directory / "stack.yaml").write_text(text.replace("  - {name: results", "  - {name: second, kind: weights, source: {path: model}, license: {spdx: Apache-2.0}}\n  - {name: results"))
    build(okse, gate=("--gate", "warn"), status=0)
    bill = json.loads(member(okse.directory / "x.okse", "sbom.cdx.json"))
    assert [set(c["modelCard"]) for c in bill["components"] if "modelCard" in c] == [{"modelParameters"}] * 2


def test_facts_are_the_same_before_and_after_the_seal_and_tell_who_is_abroad(okse):
    model(okse.directory)
    save(okse.directory, record(okse.directory, judges=[JUDGE, {**JUDGE, "role": "simulator", "name": "own", "location": "VN"}]))
    build(okse, "--report", "json=first.json", status=0)
    everything = collected(okse)
    rows = everything["evaluations"]
    assert {(row["name"], row["location"], row["abroad"]) for row in rows if row["claim"] == "judge"} == {("gpt-4.1", "US", True), ("own", "VN", False)}
    index, = [row for row in rows if row["claim"] == "index"]
    assert index["lowest"] == pytest.approx(statistics.mean(PARTS.values())) == index["highest"] and index["missing"] == []
    first = {f["id"]: f["status"] for f in json.loads((okse.directory / "first.json").read_text())["findings"] if f["control"].startswith("evaluation.")}
    assert first == {f["id"]: f["status"] for f in statuses(okse).values()}
    assert not any(row["type"] == "evaluation" for row in everything["documents"]), "documents are those of compliance components"


def test_a_record_among_the_papers_is_a_document_of_its_type(okse):
    model(okse.directory, kind="compliance")
    save(okse.directory, record(okse.directory))
    build(okse, status=0)
    assert [row["path"] for row in collected(okse)["documents"] if row["type"] == "evaluation"] == ["evaluation.yaml"]


def test_names_are_made_safe(okse):
    found = judged(okse, results=[result("MMLU\x1b[31m\u202e<script>", 50)], judges=[{**JUDGE, "name": "j\nk", "location": None}])
    message, = [e["message"] for e in found["evaluation.judges_located"]["evidence"]]
    assert message == "judge j\\u{a}k: location not named"
    bill = member(okse.directory / "x.okse", "sbom.cdx.json").decode()
    assert "\\u{1b}[31m\\u{202e}<script>" in json.loads(bill)["components"][-2]["modelCard"]["quantitativeAnalysis"]["performanceMetrics"][0]["slice"]


def test_another_table_decides(okse, tmp_path):
    """Weights and tolerance are data."""
    import shutil
    shutil.copytree(ROOT / "manifests", tmp_path / "own")
    table = yaml.safe_load((tmp_path / "own/evaluation-indices.yaml").read_text())
    table["indices"][0]["versions"][0]["parts"] = [{"dataset": "mmlu-pro", "weight": 3}, {"dataset": "hle", "weight": 1}]
    (tmp_path / "own/evaluation-indices.yaml").write_text(yaml.safe_dump(table))
    model(okse.directory)
    save(okse.directory, record(okse.directory, indices=[{"name": INDEX, "version": "2.2", "value": (3 * 81.8 + 10.6) / 4}]))
    build(okse, status=1)
    build(okse, "--manifests", tmp_path / "own", status=0)
    (tmp_path / "own/evaluation-indices.yaml").write_text("indices: [{id: x}]\n")
    assert "evaluation-indices.yaml: indices[0] needs" in build(okse, "--manifests", tmp_path / "own", status=2).err
