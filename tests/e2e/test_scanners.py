"""Against picklescan and modelscan, on the files that their own tests make and on every name of their lists: nothing that they catch passes here."""
import collections
import json
import os
import pathlib
import subprocess

import pytest

from conftest import ROOT, Okse

TOOLS = pathlib.Path(os.environ.get("OKSE_TOOLS", ROOT / "build-tools")) / "scanners"
BENIGN = {"benign0_v0.pkl", "benign0_v3.pkl", "benign0_v4.pkl", "benign0_v0.dill", "benign0_v3.dill", "benign0_v4.dill", "benign.zip", "safe_zip_pytorch.pt",
          "safe_old_format_pytorch.pt", "object_array.npy", "int_array.npy", "object_arrays.npz", "object_arrays_compressed.npz", "int_arrays.npz",
          "int_arrays_compressed.npz", "safe.h5", "safe.keras", "MatMul-node.pb", "MatMul-function.pb"}


@pytest.fixture(scope="module")
def scanned(tmp_path_factory):
    """The files, and who of the two caught which."""
    if not (TOOLS / ".complete").exists():
        pytest.skip("picklescan and modelscan are not at hand (scripts/deps)")
    directory = tmp_path_factory.mktemp("scanners")
    done = subprocess.run([TOOLS / "bin/python", pathlib.Path(__file__).parent / "scanner_files.py", directory / "all", TOOLS / "source"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return directory / "all", json.loads(done.stdout.split("RESULT")[1])


def refused(okse, directory):
    """The files with a critical finding. A report keeps a few hundred of them: file by file."""
    report = okse("weights", directory, "--json").json
    assert "findings_left_out" not in report or report["critical"] > len(report["findings"])
    told = {row["file"].split("!")[0] for row in report["findings"] if row["severity"] == "critical"}
    for path in directory.iterdir():
        if path.name not in told and okse("weights", path).status == 1:
            told.add(path.name)
    return told


@pytest.mark.parametrize("what, picklescan, modelscan", [("names", 500, 150), ("files", 30, 25), ("ours", 150, 80)])
def test_other_scanners_catch_nothing_more(tmp_path, scanned, what, picklescan, modelscan):
    directory, caught = scanned
    found = collections.Counter(who for all_of_them in caught[what].values() for who in all_of_them)
    assert found["picklescan"] >= picklescan and found["modelscan"] >= modelscan, found
    here = refused(Okse(tmp_path), directory / what)
    assert set(caught[what]) - here == set()
    assert what != "names" or here == set(os.listdir(directory / what))


def test_what_is_harmless_passes(okse, scanned):
    directory, caught = scanned
    assert BENIGN & set(caught["files"]) == set()
    assert [name for name in sorted(BENIGN) if okse("weights", directory / "files" / name).status != 0] == []
