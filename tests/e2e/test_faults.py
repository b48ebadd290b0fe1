"""One failing call of the system at a time: a clean error and nothing half-done, or the same bytes as ever."""
import hashlib
import json
import os
import subprocess

import faults
import install_bundle
import pytest
import stacks

from install_bundle import raw, tar
from signing import Key

pytestmark = pytest.mark.skipif(not faults.library().exists(), reason="the interposer is not built")
SLOW = "OKSE_SLOW" in os.environ


def files(directory):
    return install_bundle.tree(directory)


def check(case, budget=60):
    """Evenly spread over sites and kinds as far as the budget goes, the first kind of a site first. OKSE_SLOW=1: all."""
    points = list(case.points(every=SLOW))
    if not SLOW and len(points) > budget:
        first = [p for p in points if p[2] == 1 and p[3] == faults.KINDS.get(p[0], ["EIO"])[0]]
        rest = [p for p in points if p not in set(first)]
        points = first[::-(-3 * len(first) // (2 * budget))] + rest[::-(-3 * len(rest) // budget)]
    print(f"{len(points)} points")
    wrong = case.faults(points)
    assert not wrong, f"{len(wrong)} of {len(points)}:\n" + "\n".join(wrong)


def test_build(okse, tmp_path):
    start = tmp_path / "start"
    start.mkdir()
    stacks.civic(start)
    check(faults.Case(okse, start, ["build", "stack.yaml", "--country", "VN", "-o", "out.okse", "--unsigned", "--gate", "warn", "--json"], files, settles=True))


@pytest.fixture
def site(okse, tmp_path):
    start = tmp_path / "start"
    start.mkdir()
    site = install_bundle.Site(okse, start)
    parts = [raw("weights", {"model.bin": hashlib.shake_256(b"w").digest(3_000_001), "config.json": b"{}"}, kind="weights"),
             raw("serving", {"serving.conf": b"listen 127.0.0.1:8080\n", "deep/x.yaml": b"a: 1\n"}),
             tar("runtime", {"bin/tool": (b"\x7fELF" * 300, 0o755), "zero": b""}, {"lib64": "lib"}, ["lib"])]
    site.make(*parts, path=start / "old.okse")
    site.make(*parts, raw("papers", {"a.yaml": b"b\n"}), sequence=13, version="1.1.0", path=start / "new.okse")
    return site


def test_sign(site):
    site.bundle.unlink(missing_ok=True)
    key = Key(site.directory, "second")
    check(faults.Case(site.okse, site.directory, ["sign", "new.okse", "--key", key.path.name, "--role", "ministry", "--json"], files, settles=True))


def test_verify(site):
    check(faults.Case(site.okse, site.directory,
                      ["verify", "new.okse", "--trust", "trust.yaml", "--at", "2026-06-01T00:00:00Z", "--json"], files))


def in_service(directory):
    """What a user of an install sees: the generation in service, with all its bytes, and nothing begun beside it."""
    root = directory / "root"
    seen = files(root / "current" / ".") if (root / "current").exists() else {}
    seen.pop(".okse/generation.json", None)  # tells when it was installed
    seen["current"] = os.readlink(root / "current") if os.path.lexists(root / "current") else None
    return seen


@pytest.mark.parametrize("before", ["nothing", "a generation"])
def test_install(site, before):
    root = site.directory / "root"
    root.mkdir()
    if before == "a generation":
        site.install(bundle=site.directory / "old.okse")
    check(faults.Case(site.okse, site.directory,
                      ["install", "new.okse", "--root", "root", "--trust", "trust.yaml", "--json"], in_service, settles=True))


def test_rollback(site):
    site.install(bundle=site.directory / "old.okse")
    old = site.current
    site.install(bundle=site.directory / "new.okse")
    check(faults.Case(site.okse, site.directory, ["rollback", "--root", "root", "--to", old], in_service, settles=True))


def test_status(site):
    site.install(bundle=site.directory / "new.okse")
    check(faults.Case(site.okse, site.directory, ["status", "--root", "root", "--json"], in_service, judges=True))


def collected(directory):
    """What a collection saw, when it was written at all."""
    return files(directory).get("facts.json")


def partial(out):
    """A collector says that it could not see everything, so that nothing that needs it can pass."""
    return any(collector["status"] in ("partial", "unavailable") and collector["reason"] for collector in json.loads(out)["collectors"])


def test_collect(site):
    site.install(bundle=site.directory / "new.okse")
    check(faults.Case(site.okse, site.directory, ["collect", "--root", "root", "--scope", "install", "--at", "2026-06-01T00:00:00Z", "--json"],
                      lambda directory: None, partial=partial), budget=40)


def test_audit_of_a_bundle(site):
    check(faults.Case(site.okse, site.directory, ["audit", "--bundle", "new.okse", "--country", "VN", "--at", "2026-08-01", "--json"],
                      lambda directory: None, partial=partial), budget=40)


def test_rebuild(okse, tmp_path):
    start = tmp_path / "start"
    start.mkdir()
    stacks.civic(start)
    subprocess.run([okse.binary, "build", "stack.yaml", "--country", "VN", "-o", "first.okse", "--unsigned", "--gate", "warn"],
                   cwd=start, check=True, capture_output=True, env={**okse.environment, "SOURCE_DATE_EPOCH": "1767225600"})
    check(faults.Case(okse, start, ["rebuild", "stack.yaml", "--expect", "first.okse", "--json"], files), budget=40)


def test_a_broken_listing_of_processes_makes_the_sockets_partial(okse, tmp_path):
    """On the real host: /proc lists processes, and one listing breaks off."""
    start = tmp_path / "start"
    start.mkdir()
    case = faults.Case(okse, start, ["collect", "--scope", "host", "--json"], lambda directory: None, partial=partial)
    told = set()
    for function, site in sorted(set(case.count())):
        if function != "readdir":
            continue
        status, out, err, _ = case.run("broken", OKSE_FAULT_AT=f"{function} {site} 1 EIO")
        assert status == 0, err
        told |= {c["reason"] for c in json.loads(out)["collectors"] if c["collector"] == "sockets" and c["status"] == "partial"}
    assert any("broke off" in reason for reason in told), told
