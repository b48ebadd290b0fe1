"""The controls' own tests kill the mutants of their expressions (tests/policy/mutate): a sample of all, and one that shows
that too few are noticed."""
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MUTATE = ROOT / "tests/policy/mutate"
CONTROL = """okse: control/v1
id: hours.stated
family: incident
title: {en: The notice names its hours}
description: {en: The hours of a notice.}
needs: [documents, install]
parameters:
  hours_max: {type: integer}
violations: '.documents[] | select(.type == "notice" and (.fields.hours | type) == "number" and .fields.hours > $hours_max)'
unknown: '.documents[] | select(.type == "notice" and (.fields.hours | type) != "number")'
remediation: {en: Write the hours down.}
tests:
  - {name: soon, facts: {documents: [{type: notice, fields: {hours: 24}}]}, parameters: {hours_max: 72}, expect: pass}
  - {name: late, facts: {documents: [{type: notice, fields: {hours: 96}}]}, parameters: {hours_max: 72}, expect: fail}
  - {name: silent, facts: {documents: [{type: notice, fields: {}}]}, parameters: {hours_max: 72}, expect: inconclusive}
  - {name: another, facts: {documents: [{type: dpia, fields: {}}, {type: dpia, fields: {hours: 96}}]}, parameters: {hours_max: 72}, expect: pass}
"""
STRICT = """  - {name: at the limit, facts: {documents: [{type: notice, fields: {hours: 72}}]}, parameters: {hours_max: 72}, expect: pass}
  - {name: unread, facts: {collectors: [{collector: documents, status: partial}]}, parameters: {hours_max: 72}, expect: inconclusive}
  - {name: unseen, facts: {collectors: [{collector: install, status: partial}]}, parameters: {hours_max: 72}, expect: inconclusive}
  - {name: in words, facts: {documents: [{type: notice, fields: {hours: x}}]}, parameters: {hours_max: 72}, expect: inconclusive, violations: 0}
"""


def mutate(okse, *words):
    return subprocess.run([sys.executable, MUTATE, *map(str, words)], capture_output=True, text=True,
                          env={**os.environ, "OKSE": str(pathlib.Path(okse.binary).resolve())})


def test_a_sample_of_the_library_is_killed(okse, tmp_path):
    done = mutate(okse, "--sample", 16, "--least-control", 0, "--json", tmp_path / "rows")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads((tmp_path / "rows").read_text())
    assert rows["mutants"] >= 150 and rows["killed"] >= 0.95 * rows["mutants"]
    assert done.stdout.endswith(" %\n")


def test_a_limit_that_no_test_touches_survives(okse, tmp_path):
    control = tmp_path / "hours.stated.yaml"
    control.write_text(CONTROL)
    done = mutate(okse, control)
    assert done.returncode == 1, done.stdout + done.stderr
    for what in ("line 9, violations: > → >=", "line 6, needs: without documents", "line 6, needs: without install"):
        assert f"survives  hours.stated.yaml, {what}\n" in done.stdout
    control.write_text(CONTROL + STRICT)
    done = mutate(okse, control, "--least", 100)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 survive: 100.0 %\n" in done.stdout


def test_controls_that_fail_their_own_tests_prove_nothing(okse, tmp_path):
    control = tmp_path / "hours.stated.yaml"
    control.write_text(CONTROL.replace("hours: 24", "hours: 73"))
    done = mutate(okse, control)
    assert done.returncode == 2 and "hours.stated: it does not pass its own tests" in done.stderr
    control.write_text(CONTROL.replace("violations: '", "violations: '("))
    done = mutate(okse, control)
    assert done.returncode == 2 and f"{control}: it does not pass its own tests" in done.stderr
