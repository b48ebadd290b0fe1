"""Fixtures of the end-to-end tests: run the binary, look at status, stdout and stderr."""
import json
import os
import pathlib
import subprocess
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Result:
    def __init__(self, done):
        self.status, self.out, self.err = done.returncode, done.stdout, done.stderr

    @property
    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"status {self.status}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class Okse:
    """Calls the binary named by OKSE (default: build/okse) with a fixed environment."""

    def __init__(self, directory):
        self.binary = os.environ.get("OKSE", str(ROOT / "build" / "okse"))
        self.directory = directory
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(directory), "LC_ALL": "C", "TZ": "XXX-05:30"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                self.environment[name] = os.environ[name]

    def __call__(self, *words, stdin=None, status=None, env=None, cwd=None, timeout=300):
        if words and words[0] == "build" and "--gate" not in words:
            words = (*words, "--gate", "off")  # most stacks of the tests are no lawful ones; test_gate.py has those
        done = subprocess.run([self.binary, *map(str, words)], input=stdin, capture_output=True, timeout=timeout,
                              cwd=cwd or self.directory, env={**self.environment, **(env or {})},
                              text=not isinstance(stdin, bytes))
        result = Result(done)
        if isinstance(result.out, bytes):
            result.out, result.err = result.out.decode(errors="replace"), result.err.decode(errors="replace")
        assert result.status in (0, 1, 2, 3, 4), f"crashed: {result}"
        assert "ERROR: AddressSanitizer" not in result.err and "runtime error:" not in result.err, repr(result)
        if status is not None:
            assert result.status == status, repr(result)
        return result


def skip_without_parity(result):
    """Of an okse split --parity: built without ISA-L it must say so, and has nothing to show."""
    if "built without ISA-L" in result.err:
        assert result.status == 3, repr(result)
        pytest.skip(result.err.strip())
    assert result.status == 0, repr(result)


@pytest.fixture
def okse(tmp_path):
    return Okse(tmp_path)


@pytest.fixture(scope="session")
def shared():
    """Official schemas and fixtures, where they are at hand (OKSE_SHARED, or ../shared beside the project)."""
    path = pathlib.Path(os.environ.get("OKSE_SHARED", ROOT.parent / "shared"))
    if not path.is_dir():
        pytest.skip("the reference schemas and fixtures are not at hand (OKSE_SHARED)")
    return path


# Under a sanitizer every start costs: what reads hostile bytes is asked whole there, of everything else a sample.
HOSTILE = ("test_attacks", "test_reader", "test_weights", "test_hostile_policy", "test_cluster_answers", "test_fetch", "test_inspect", "test_evidence",
           "test_source_git", "test_oms", "test_tar_names", "test_lab", "test_objects", "test_unknown_files", "test_report_pdf", "test_push", "test_push_hostile",
           "test_thin", "test_fleet", "test_repair", "test_parts", "test_parts_hostile")


def pytest_addoption(parser):
    parser.addoption("--sample", type=int, default=0, help="of each file whose tests attack nothing, so many tests, one parameter set of each")


def pytest_collection_modifyitems(config, items):
    most, seen, kept, left = config.getoption("--sample"), {}, [], []
    for item in items:
        names = seen.setdefault(item.path, [])
        name = item.nodeid.split("[")[0]
        wanted = not most or item.path.stem in HOSTILE or (name not in names and len(names) < most)
        names.append(name)
        (kept if wanted else left).append(item)
    config.hook.pytest_deselected(items=left)
    items[:] = kept
