"""okse rebuild: a second builder gets the same identity, or hears what differs."""
import os
import shutil
import subprocess
import pytest
import signing
from stacks import Bundle, build, civic, leftovers, noise, simple, write


@pytest.fixture
def first(okse, tmp_path):
    """A bundle of every form, and a copy of its sources elsewhere."""
    bundle = build(okse, civic(tmp_path / "in"), tmp_path / "first.okse", env={"SOURCE_DATE_EPOCH": "1760000000"})
    shutil.copytree(tmp_path / "in", tmp_path / "second", symlinks=True)
    return bundle


def rebuild(okse, tmp_path, *words, status=None, **more):
    return okse("rebuild", tmp_path / "second/stack.yaml", "--expect", tmp_path / "first.okse", "--json", *words, status=status, **more)


def test_the_same_sources_give_the_same_identity_and_leave_nothing(okse, first, tmp_path):
    before = leftovers(tmp_path)
    seen = rebuild(okse, tmp_path, status=0).json
    assert (seen["schema"], seen["same"], seen["identity"], seen["expected"], seen["difference"], seen["signed"]) == (
        "okse.rebuild.v1", True, first.identity, first.identity, None, False)
    assert leftovers(tmp_path) == before
    assert okse("rebuild", tmp_path / "second/stack.yaml", "--expect", first.path, status=0).out == f"same: {first.identity}\n"


def test_an_identity_is_enough(okse, first, tmp_path):
    stack = tmp_path / "second/stack.yaml"
    words = ("--gate", "off", "--json")
    same = okse("rebuild", stack, "--expect", first.identity, "--country", "VN", *words, status=0, env={"SOURCE_DATE_EPOCH": "1760000000"})
    assert same.json["same"]
    other = okse("rebuild", stack, "--expect", first.identity, "--country", "VN", *words, status=1)
    assert not other.json["same"] and other.json["difference"] is None
    assert "--country" in okse("rebuild", stack, "--expect", first.identity, status=2).err
    assert "--expect" in okse("rebuild", stack, "--country", "VN", status=2).err
    assert "missing.okse" in okse("rebuild", stack, "--expect", "missing.okse", status=3).err


def test_output_is_the_unsigned_bundle_byte_for_byte(okse, first, tmp_path):
    rebuild(okse, tmp_path, "-o", tmp_path / "again.okse", status=0)
    assert (tmp_path / "again.okse").read_bytes() == first.path.read_bytes()
    assert "compare with" in rebuild(okse, tmp_path, "-o", first.path, status=2).err


def change(path, name):
    def do(directory):
        write(directory / path, noise(name, 200))
    return do


def edit(old, new):
    def do(directory):
        text = (directory / "stack.yaml").read_text()
        assert old in text
        (directory / "stack.yaml").write_text(text.replace(old, new))
    return do


CHANGES = {
    "a weight": (change("model/config.json", "x"), ("minilm", "config.json", "content")),
    "a file more": (change("model/new.json", "x"), ("minilm", "new.json", "presence")),
    "a file less": (lambda d: os.unlink(d / "infra/app.conf"), ("serving", "app.conf", "presence")),
    "a mode": (lambda d: (d / "infra/app.conf").chmod(0o755), ("serving", "app.conf", "content")),
    "a file of the tar form": (change("tree/lib/libx.so.1", "x"), ("tree", "lib/libx.so.1", "content")),
    "a link": (lambda d: ((d / "tree/lib/libx.so").unlink(), (d / "tree/lib/libx.so").symlink_to("libx.so.2")),
               ("tree", "lib/libx.so", "content")),
    "where it lies": (lambda d: (shutil.copytree(d / "model", d / "weights"), edit("{path: model}", "{path: weights}")(d)),
                      ("minilm", "source", "lock")),
    "a license": (edit("spdx: MIT", "spdx: ISC"), ("engine", "license", "config")),
    "a component less": (edit("  - {name: notice, kind: docs, source: {path: model/LICENSE}}\n", ""), ("notice", None, "presence")),
    "a component more": (edit("compliance:", "  - {name: more, kind: docs, source: {path: model/LICENSE}}\ncompliance:"),
                         ("more", None, "presence")),
    "the version": (edit("version: 1.4.0", "version: 1.4.1"), (None, "dev.okse.version", "annotations")),
    "the sector": (edit("sector: government", "sector: health"), ("stack", "compliance", "config")),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_first_difference_is_named(okse, first, tmp_path, name):
    do, expected = CHANGES[name]
    do(tmp_path / "second")
    seen = rebuild(okse, tmp_path, status=1).json
    assert not seen["same"] and seen["identity"] != first.identity
    assert (seen["difference"]["component"], seen["difference"]["path"], seen["difference"]["aspect"]) == expected
    assert seen["difference"]["expected"] != seen["difference"]["found"]
    words = okse("rebuild", tmp_path / "second/stack.yaml", "--expect", first.path, status=1).out
    assert words.startswith(f"different: expected {first.identity}") and (expected[0] or "bundle index") in words


def test_an_image_that_differs_is_named(okse, first, tmp_path):
    from stacks import image
    shutil.rmtree(tmp_path / "second/images")
    image(tmp_path / "second/images/server", name="other")
    seen = rebuild(okse, tmp_path, status=1).json
    assert seen["difference"]["component"] == "server-image"


def test_another_country_is_another_bundle(okse, first, tmp_path):
    seen = rebuild(okse, tmp_path, "--country", "KR", status=1).json
    assert seen["difference"] == {"component": None, "path": "dev.okse.country", "aspect": "annotations", "expected": "VN", "found": "KR"}


def test_the_pre_flight_is_made_again(okse, tmp_path):
    """The day of the law is the bundle's; without a pre-flight the findings are what differs."""
    write(tmp_path / "data/x", "x")
    stack = simple(tmp_path)
    okse("build", stack, "--country", "VN", "--gate", "warn", "--at", "2026-02-03", "-o", "b.okse", "--unsigned", status=0)
    assert okse("rebuild", stack, "--expect", "b.okse", "--json", status=0).json["same"]
    seen = okse("rebuild", stack, "--expect", "b.okse", "--gate", "off", "--json", status=1).json["difference"]
    assert (seen["component"], seen["aspect"], seen["path"], seen["found"]) == ("stack", "document", "findings.json", None)
    seen = okse("rebuild", stack, "--expect", "b.okse", "--at", "2026-02-04", "--json", status=1).json["difference"]
    assert seen["path"] == "findings.json"


def test_a_builder_signs_only_what_is_the_same(okse, first, tmp_path):
    key = signing.Key(tmp_path, "builder")
    other = tmp_path / "again.okse"
    assert rebuild(okse, tmp_path, "--key", key.path, "-o", other, status=0).json["signed"]
    assert rebuild(okse, tmp_path, "--key", key.path, status=0).json["signed"]
    for path in (other, first.path):
        shown = okse("inspect", path, "--json", status=0).json
        assert shown["identity"] == first.identity and len(shown["statements"]) == 2  # what it was built from, and the release
    before = first.path.read_bytes()
    change("model/config.json", "x")(tmp_path / "second")
    assert not rebuild(okse, tmp_path, "--key", key.path, status=1).json["signed"]
    assert first.path.read_bytes() == before
    refused = okse("rebuild", tmp_path / "second/stack.yaml", "--expect", first.identity, "--country", "VN", "--key", key.path, status=2)
    assert "-o FILE" in refused.err


def test_a_policy_may_ask_for_a_builder(okse, first, tmp_path):
    """Vendor and builder both: the bundle counts only once a second builder has proven it."""
    vendor, builder = signing.Key(tmp_path, "vendor"), signing.Key(tmp_path, "builder")
    trust = tmp_path / "trust.yaml"
    trust.write_text("okse: trust/v1\nalgorithms: [ed25519]\nroles:\n" + "".join(
        f"  {role}:\n    threshold: 1\n    signers: [{{key: {role}.pub}}]\n" for role in ("vendor", "builder")))
    okse("sign", first.path, "--key", vendor.path, "--role", "vendor", status=0)
    okse("verify", first.path, "--trust", trust, status=1)
    rebuild(okse, tmp_path, "--key", builder.path, status=0)
    okse("verify", first.path, "--trust", trust, status=0)


def test_an_archive_s_tar_form_needs_room_and_says_so(okse, tmp_path):
    for number in range(600):
        write(tmp_path / f"tree/{number % 7}/{number}", noise(str(number), 900))
    names = sorted((str(p.relative_to(tmp_path / "tree")) for p in (tmp_path / "tree").rglob("*") if p.is_file()), reverse=True)
    subprocess.run(["tar", "-cf", tmp_path / "in.tar", "-C", tmp_path / "tree", *names], check=True)
    stack = simple(tmp_path, "{archive: in.tar}")
    bundle = build(okse, stack)
    before = leftovers(tmp_path)
    assert okse("rebuild", stack, "--expect", bundle.path, "--json", status=0).json["same"]
    assert leftovers(tmp_path) == before


def test_whoever_rebuilds_wherever(okse, first, tmp_path):
    """Another user id where there is one to take, time zone, umask, locale, directory order and thread count."""
    copy = tmp_path / "third"
    for file in sorted((tmp_path / "in").rglob("*"), reverse=True):
        target = copy / file.relative_to(tmp_path / "in")
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.is_symlink():
            target.symlink_to(os.readlink(file))
        elif file.is_dir():
            target.mkdir(exist_ok=True)
        else:
            shutil.copyfile(file, target)
            target.chmod(0o755 if file.stat().st_mode & 0o111 else 0o644)
            os.utime(target, (1_000_000_000, 1_000_000_000))
    for path in (tmp_path, *tmp_path.parents):
        if path.stat().st_uid == os.getuid() and str(path).startswith("/tmp/"):
            path.chmod(0o755)
    other = {"user": 65534, "group": 65534, "extra_groups": []} if os.getuid() == 0 else {}
    for umask, threads, env in ((0o077, "1", {"TZ": "Asia/Seoul", "LC_ALL": "C.UTF-8"}), (0o000, "7", {"TZ": "UTC+11", "LC_ALL": "POSIX"})):
        done = subprocess.run([okse.binary, "rebuild", "stack.yaml", "--expect", first.path, "--threads", threads], cwd=copy,
                              env={**okse.environment, "HOME": "/", **env}, capture_output=True, text=True, umask=umask, **other)
        assert done.returncode == 0 and done.stdout == f"same: {first.identity}\n", done.stderr
