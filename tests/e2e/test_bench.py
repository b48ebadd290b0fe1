"""The benchmark script runs: what it prints is a table, what it writes is JSON lines, and wrong cases are refused."""
import json
import os
import pathlib
import subprocess
import sys

RUN = pathlib.Path(__file__).resolve().parents[1] / "bench" / "run"


def bench(okse, *words):
    return subprocess.run([sys.executable, RUN, *words], env={**os.environ, "OKSE": str(okse.binary)}, capture_output=True, text=True)


def test_one_case(okse, tmp_path):
    done = bench(okse, "--quick", "--only", "version", "--json", tmp_path / "rows", "--work", tmp_path)
    assert done.returncode == 0, done.stderr
    row = json.loads((tmp_path / "rows").read_text())
    assert (row["case"], row["against"]) == ("version", "git --version") and row["ratio"] > 0
    assert f"| version | git --version | {row['ratio']} |" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["rows"], "the benchmark left something behind"


def test_the_next_version_of_a_model(okse, tmp_path):
    done = bench(okse, "--quick", "--only", "v1-v2-resharded", "--json", tmp_path / "rows", "--work", tmp_path)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (tmp_path / "rows").read_text().splitlines()]
    assert [row["against"].split(":")[0] for row in rows] == ["sent, % of the second version", "sent compressed, % of the second version",
                                                              "restic backup", "casync make", "zstd --patch-from"]
    assert all(row["note"] or row["ratio"] > 0 for row in rows)


def test_no_such_case(okse):
    done = bench(okse, "--only", "speed")
    assert done.returncode == 2 and "no case speed" in done.stderr
