"""What comparable tools did to their users (docs/lessons.md): the rows that no other test covers, and the table itself."""
import datetime
import os
import pathlib
import re
import subprocess

import install_bundle
import signing
import stacks

HERE = pathlib.Path(__file__).resolve().parent


def test_every_lesson_names_tests_that_exist():
    rows = re.findall(r"^\| (\d+) \|.*\| (.*) \| (.*) \|$", (HERE.parents[1] / "docs/lessons.md").read_text(), re.M)
    assert [int(number) for number, _, _ in rows] == list(range(1, 26))
    for number, does, tests in rows:
        named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", tests)
        assert named or "not yet" in does, number
        for file, name in named:
            assert re.search(rf"^def {name}\(", (HERE / file).read_text(), re.M), f"lesson {number}: {file}::{name} is gone"


def test_04_no_temporary_copy(okse, tmp_path):
    """Every file that a build makes, as the kernel saw it: the bundle and its journal, in the bundle's own directory."""
    (tmp_path / "s").mkdir()
    stacks.civic(tmp_path / "s")
    log = tmp_path / "trace"
    subprocess.run(["strace", "-f", "-qq", "-o", log, "-e", "trace=openat,open,creat,mkdir,mkdirat,symlinkat,linkat,memfd_create", okse.binary, "build", "stack.yaml",
                    "--country", "VN", "-o", tmp_path / "x.okse", "--unsigned", "--gate", "off"], cwd=tmp_path / "s", check=True,
                   capture_output=True,
                   env={**os.environ, "TMPDIR": str(tmp_path), "ASAN_OPTIONS": "detect_leaks=0"})  # the leak checker cannot be traced, too
    made = {line.split('"')[1] for line in log.read_text().splitlines() if "O_CREAT" in line and " = -1" not in line and '"' in line}
    assert made and all(pathlib.PurePath(name).name.startswith(".x.okse.part") for name in made), made
    assert not any(word in log.read_text() for word in ("O_TMPFILE", "memfd_create"))


def test_07_inputs_are_never_written(okse, tmp_path):
    """Read-only inputs on a read-only view of the file system are all that a build needs."""
    (tmp_path / "s").mkdir()
    stacks.civic(tmp_path / "s")
    before = install_bundle.tree(tmp_path / "s")
    script = (f"mount --bind {tmp_path}/s {tmp_path}/s && mount -o remount,ro,bind {tmp_path}/s && cd {tmp_path}/s && ! touch x 2>/dev/null && "
              f"{okse.binary} build stack.yaml --country VN -o {tmp_path}/x.okse --unsigned --gate off && "
              f"{okse.binary} inspect {tmp_path}/x.okse --check")
    subprocess.run(["unshare", "--mount", "--map-root-user", "sh", "-ec", script], check=True, capture_output=True)
    assert install_bundle.tree(tmp_path / "s") == before


def test_12_a_certificate_that_ends_soon_is_told(okse, tmp_path):
    (tmp_path / "s").mkdir()
    stacks.civic(tmp_path / "s")
    okse("build", tmp_path / "s/stack.yaml", "--country", "VN", "-o", tmp_path / "x.okse", "--unsigned", "--gate", "off", status=0)
    authority = signing.Authority(tmp_path, "Ends")
    now = datetime.datetime.now(datetime.timezone.utc)
    for days, told in ((20, True), (400, False)):
        end = now + datetime.timedelta(days=days)
        key = signing.Key(tmp_path, f"leaf{days}", "P-256")
        leaf = authority.issue(key, f"/CN=Release {days}", end=end.strftime("%Y%m%d%H%M%SZ"))
        result = okse("sign", tmp_path / "x.okse", "--key", key.path, "--cert", leaf, "--role", "vendor", status=0)
        assert (f"the certificate CN=Release {days} ends on {end:%Y-%m-%d}" in result.err) == told, result.err


def test_12_an_expired_bundle_can_be_signed_again(okse, tmp_path):
    """A statement that has expired makes a bundle refused, and a new statement makes it accepted again."""
    (tmp_path / "s").mkdir()
    stacks.civic(tmp_path / "s")
    bundle = tmp_path / "x.okse"
    okse("build", tmp_path / "s/stack.yaml", "--country", "VN", "-o", bundle, "--unsigned", "--gate", "off", status=0)
    signing.Key(tmp_path, "vendor")
    (tmp_path / "trust.yaml").write_text("okse: trust/v1\nalgorithms: [ed25519]\nroles:\n  vendor: {threshold: 1, signers: [{key: vendor.pub}]}\n")
    sign = ("sign", bundle, "--key", tmp_path / "vendor.pem", "--role", "vendor")
    verify = ("verify", bundle, "--trust", tmp_path / "trust.yaml", "--at", "2035-01-01")
    okse(*sign, "--expires", "2030-01-01", status=0)
    assert "expired" in okse(*verify, status=1).err + okse(*verify, status=1).out
    okse(*sign, "--expires", "2040-01-01", status=0)
    okse(*verify, status=0)


def test_24_errors_name_no_temporary_file(okse, tmp_path):
    (tmp_path / "s").mkdir()
    stacks.civic(tmp_path / "s")
    (tmp_path / "s/wheels/engine.whl").write_bytes(b"PK\x03\x04 broken")
    result = okse("build", tmp_path / "s/stack.yaml", "--country", "VN", "-o", tmp_path / "x.okse", "--unsigned", "--gate", "off", status=2)
    assert "wheels/engine.whl" in result.err and re.search(r"stack\.yaml:\d+:\d+: component 'engine'", result.err)
    assert ".part" not in result.err and "/proc/self" not in result.err
