"""okse audit --programs: jq itself, with the plain programs over the plain facts, finds what the findings say, although okse evaluates
one fact for many."""
import json
import subprocess
import sys

import pytest

from conftest import ROOT

AT = "2026-06-30"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    path = tmp_path_factory.mktemp("fleet") / "facts.json"
    subprocess.run([sys.executable, ROOT / "tests/bench/mkfacts", path, "--count", "1500"], check=True, capture_output=True)
    return path


def answers(directory, facts):
    """What jq answers to each question: {parameters: [(violations, unknown)]}."""
    found = {}
    for program in sorted(directory.glob("*.jq")):
        arguments = program.with_suffix(".json")
        done = subprocess.run(["jq", "-c", "--argfile", "okse", arguments, "-f", program, facts], capture_output=True, text=True, check=True)
        for asked, line in zip(json.loads(arguments.read_text()), done.stdout.splitlines(), strict=True):
            answer = json.loads(line)
            assert "error" not in answer, answer
            if answer["applies"]:
                found.setdefault(json.dumps(asked["parameters"], sort_keys=True), []).append((answer["violations"], answer["unknown"]))
    return found


def test_jq_finds_the_same(okse, tmp_path, fleet):
    asked = [word for country in ("KR", "VN", "DE", "SA") for word in ("--country", country)]
    found = okse("audit", "--evidence", fleet, *asked, "--at", AT, "--programs", "asked", "--json", status=1).json
    by_parameters = answers(tmp_path / "asked", fleet)
    judged = [one for one in found["findings"] if one["status"] in ("pass", "fail", "inconclusive") and not one["reason"]]
    failed = 0
    for one in judged:
        candidates = by_parameters[json.dumps(one["parameters"], sort_keys=True)]
        counts = [(len(violations), len(unknown)) for violations, unknown in candidates]
        assert (one["violations"], one["unknown"]) in counts, one["id"]
        listed = {(entry["verdict"], entry["fact"]) for entry in one["evidence"] if entry["fact"]}
        exact = [{("violation", fact) for fact in violations if isinstance(fact, str)} | {("unknown", fact) for fact in unknown if isinstance(fact, str)}
                 for violations, unknown in candidates if (len(violations), len(unknown)) == (one["violations"], one["unknown"])]
        assert any(listed <= whole if one["violations"] + one["unknown"] > 50 else listed == whole for whole in exact), one["id"]
        failed += one["status"] == "fail"
    assert failed > 10 and len(judged) > 40


def test_a_directory_that_is_there_is_left_alone(okse, tmp_path, fleet):
    (tmp_path / "asked").mkdir()
    done = okse("audit", "--evidence", fleet, "--country", "KR", "--programs", "asked")
    assert done.status == 2 and "asked is there already" in done.err and not list((tmp_path / "asked").iterdir())


def test_it_is_for_one_piece_of_evidence(okse, tmp_path, fleet):
    (tmp_path / "other.json").write_bytes(fleet.read_bytes())
    done = okse("audit", "--evidence", fleet, "--evidence", "other.json", "--country", "KR", "--programs", "asked", "--report", "json={}.json")
    assert done.status == 2 and "--programs is for one --evidence" in done.err
