"""One failing call of the system at a time while a bundle travels: as test_faults.py, for split, join and thin."""
import shutil

import faults
import install_bundle
import pytest
import stacks

from test_faults import SLOW, check, files
from test_thin import sources

pytestmark = pytest.mark.skipif(not faults.library().exists(), reason="the interposer is not built")


@pytest.fixture
def start(okse, tmp_path):
    """A bundle of 3 MiB, its parts and one of them lost, and a thin one with its base."""
    start = tmp_path / "start"
    start.mkdir()
    site = install_bundle.Site(okse, start)
    site.make(install_bundle.raw("serving", {"weights.bin": stacks.noise("a", 2_000_003), "more.bin": stacks.noise("b", 1 << 20)}))
    okse("split", site.bundle, "--size", "1200K", "--parity", "1", "-o", start / "parts", status=0)
    next((start / "parts").glob("*.0002.part")).unlink()
    site.bundle.rename(start / "b.okse")
    for i in (1, 2):
        okse("build", sources(tmp_path / f"s{i}", i, (7, 23) if i == 2 else ()), "--country", "VN", "-o", start / f"v{i}.okse", "--unsigned", status=0)
    okse("thin", start / "v2.okse", "--against", start / "v1.okse", "-o", start / "thin.okse", status=0)
    return start


CASES = {"split": ["split", "b.okse", "--size", "1200K", "--parity", "1", "-o", "new", "--json"],
         "split into what is there": ["split", "b.okse", "--size", "1200K", "-o", ".", "--json"],
         "compress": ["split", "b.okse", "--size", "1200K", "--parity", "1", "--compress", "weights", "-o", "new", "--json"],
         "thin": ["thin", "v2.okse", "--against", "v1.okse", "-o", "new.okse", "--json"],
         "complete": ["thin", "thin.okse", "--complete", "--base", "v1.okse", "-o", "new.okse", "--json"]}


@pytest.mark.parametrize("case", CASES)
def test_transport(okse, start, case):
    """Whoever writes one file may leave it when its directory was not synced: the next run ends as if undisturbed."""
    if case == "split into what is there":
        shutil.rmtree(start / "parts")
    check(faults.Case(okse, start, CASES[case], files, settles=case in ("thin", "complete")), budget=40)


def test_join(okse, start):
    """What cannot be read is worked out or refused by name, so messages differ; bytes do not, and parts are not touched."""
    case = faults.Case(okse, start, ["join", "parts", "-o", "joined.okse"], files)
    points = list(case.points(every=SLOW))
    for function, site, at, kind in points if SLOW else points[::-(-len(points) // 40)]:
        name = f"{function} {site} {at}{'+' * ('+' in kind)} {kind.strip('+')}"
        status, _, told, seen = case.run(name.replace(" ", "-"), OKSE_FAULT_AT=name)
        if status == 0:
            assert seen == case.after, name
            continue
        seen.pop(".joined.okse.joining", None)
        assert status in (1, 3) and "okse: " in told and seen == case.before, (name, status, told, seen)
