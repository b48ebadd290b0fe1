"""okse install, rollback, status: what is in service is what was signed, at every instant."""
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import time

import conftest
import install_bundle
import pytest
import stacks
from install_bundle import image, raw, run, tar, tree

INFRA = {"serving.conf": b"listen 127.0.0.1:8080\nworkers 2\n", "run.sh": (b"#!/bin/sh\nexec serve\n", "0755"),
         "deep/er/x.yaml": b"a: 1\n", "empty": b""}
PAPERS = {"dpia.yaml": b"title: DPIA\n"}
TAR_FILES = {"bin/tool": (b"\x7fELF" * 300, 0o755), "share/readme": b"hello\n", "caf\u0065\u0301/\ud55c\uad6d \uc5b4.txt": b"names\n",
             "long/" + "n" * 150 + "/" + "m" * 90: b"long names\n", "zero": b""}
TAR_LINKS = {"lib64": "lib", "share/up": "../bin/tool", "share/dot": "./readme"}


@pytest.fixture
def site(okse, tmp_path):
    return install_bundle.Site(okse, tmp_path)


def everything(version="1.0.0", infra=INFRA):
    big = hashlib.sha256(version.encode()).digest() * 100_000
    return [raw("weights", {"model.bin": big, "config.json": b"{}"}, kind="weights"), raw("serving", infra),
            raw("papers", PAPERS, kind="compliance"),
            tar("runtime", TAR_FILES, TAR_LINKS, ["lib", "var/empty"]), image("server"),
            image("multi", (("linux", "amd64"), ("linux", "arm64")))]


def sha(data):
    return hashlib.sha256(data).hexdigest()


def test_every_file_is_what_was_packed(site):
    identity = site.make(*everything())
    result = site.install("--json").json
    assert result["status"] == "installed" and result["identity"] == "sha256:" + identity
    assert site.current == site.generation(identity)
    assert os.readlink(site.root / "current") == "generations/" + site.generation(identity)
    serving = tree(site.root / "current" / "serving")
    assert serving == {
        "serving.conf": ("file", 0o644, sha(INFRA["serving.conf"])), "run.sh": ("file", 0o755, sha(INFRA["run.sh"][0])),
        "deep": ("directory", 0o755, None), "deep/er": ("directory", 0o755, None),
        "deep/er/x.yaml": ("file", 0o644, sha(b"a: 1\n")), "empty": ("file", 0o644, sha(b""))}
    runtime = tree(site.root / "current" / "runtime")
    for path, value in TAR_FILES.items():
        data, mode = value if isinstance(value, tuple) else (value, 0o644)
        assert runtime.pop(path) == ("file", mode, sha(data)), path
    for path, target in TAR_LINKS.items():
        assert runtime.pop(path) == ("link", None, target)
    assert {kind for kind, _, _ in runtime.values()} == {"directory"}
    assert {"lib", "var", "var/empty", "share", "bin", "long", "caf\u0065\u0301", "long/" + "n" * 150} == set(runtime)
    status = site.status()
    assert status["clean"] and status["installed"]["drift"] == [] and status["config"]["agrees"]
    assert [item["signer"] for item in status["signatures"] if item["status"] == "valid"]
    assert status["installed"]["vendor"] == {"name": "Example AI Lab", "country": "KR"}
    assert status["installed"]["compliance"]["sector"] == "government"
    sizes = {item["name"]: (item["files"], item["path"]) for item in status["installed"]["components"]}
    assert sizes["serving"] == (4, "current/serving") and sizes["weights"] == (2, "current/weights")


@pytest.mark.skipif(shutil.which("umoci") is None, reason="needs umoci")
def test_from_a_stack_on_disk_to_a_clean_install(site, tmp_path):
    """build, sign, install with the real builder: every source file is found again with its bytes, mode and links."""
    stack = stacks.civic(tmp_path / "stack")
    more = tmp_path / "stack" / "many"
    for number in range(600):  # over 512 files: tar form
        stacks.write(more / f"d{number % 7}" / f"cafe\u0301 {number}", f"{number}\n", 0o755 if number % 5 == 0 else 0o644)
    stack.write_text(stack.read_text().replace("compliance:\n", "  - {name: many, kind: source, source: {path: many}}\n"
                                               "compliance:\n", 1))
    site.okse("build", stack, "--country", "VN", "--unsigned", "-o", site.bundle, status=0)
    site.okse("sign", site.bundle, "--key", site.key.path, "--role", "vendor", status=0)
    result = site.install("--json").json
    current = site.root / "current"
    for component, source in (("minilm", "model"), ("serving", "infra"), ("tree", "tree"), ("many", "many")):
        wanted = {path: (kind, None if kind == "directory" else 0o755 if mode and mode & 0o111 else mode and 0o644, what)
                  for path, (kind, mode, what) in tree(tmp_path / "stack" / source).items()}
        found = {path: (kind, None if kind == "directory" else mode, what)
                 for path, (kind, mode, what) in tree(current / component).items()}
        assert found == wanted, component
    layout = tmp_path / "stack" / "images" / "server"
    original = next(item["digest"] for item in json.loads((layout / "index.json").read_text())["manifests"])
    raw_manifest = run("skopeo", "inspect", "--raw", f"oci:{current}/server-image:1.4.0").stdout.encode()
    assert "sha256:" + sha(raw_manifest) == original
    status = site.status()
    assert status["clean"] and status["installed"]["identity"] == result["identity"]
    assert status["installed"]["compliance"]["data_classes"] == ["personal"]


def test_the_tar_of_the_test_is_a_tar(site, tmp_path):
    """GNU tar reads what these tests pack: they do not test a format of their own."""
    packed = tmp_path / "x.tar"
    packed.write_bytes(install_bundle.tar_bytes(install_bundle.members_of(TAR_FILES, TAR_LINKS, ["lib", "var/empty"])))
    out = tmp_path / "x"
    out.mkdir()
    assert run("tar", "-xf", packed, "-C", out).returncode == 0
    site.make(*everything())
    site.install()
    assert tree(out) == tree(site.root / "current" / "runtime")


def test_image_is_a_layout_that_skopeo_reads(site, tmp_path):
    part = image("server")
    site.make(part, image("multi", (("linux", "amd64"), ("linux", "arm64"))))
    site.install()
    seen = run("skopeo", "inspect", "--raw", f"oci:{site.root}/current/server")
    assert seen.returncode == 0 and seen.stdout.encode() == part.manifests[0][0], seen.stderr
    assert run("skopeo", "inspect", f"oci:{site.root}/current/server:1.0.0").returncode == 0
    copied = run("skopeo", "--insecure-policy", "copy", f"oci:{site.root}/current/multi:1.0.0-linux-arm64",
                 f"dir:{tmp_path}/out")
    assert copied.returncode == 0, copied.stderr


def test_records_are_an_oci_layout_that_checks_by_hand(site):
    identity = site.make(*everything())
    site.install()
    records = site.root / "current" / ".okse"
    for blob in (records / "blobs" / "sha256").iterdir():
        assert run("sha256sum", blob).stdout.split()[0] == blob.name
    assert sha(run("skopeo", "inspect", "--raw", f"oci:{records}:1.0.0").stdout.encode()) == identity
    statements = [item for item in json.loads((records / "index.json").read_text())["manifests"] if "artifactType" in item]
    assert len(statements) == 1


def test_the_commands_of_the_page_check_an_install(site):
    """docs/install.md, "By hand": exactly those commands, on a good install and on a changed file."""
    identity = site.make(*everything())
    site.install()
    page = (conftest.ROOT / "docs" / "install.md").read_text().split("## By hand")[1]
    script = "set -e\n" + "\n".join(line[4:] for line in page.splitlines() if line.startswith("    "))
    script = script.replace("/srv/okse", str(site.root)).replace("VERSION", "1.0.0")
    done = run("bash", "-c", script)
    assert done.returncode == 0 and identity in done.stdout and "../serving/serving.conf: OK" in done.stdout, done
    (site.root / "current" / "serving" / "serving.conf").write_text("x")
    assert run("bash", "-c", script).returncode == 1


def test_umask_does_not_matter(site):
    site.make(*everything())
    done = run("sh", "-c", f"umask 077; {site.okse.binary} install {site.bundle} --root {site.root} --trust {site.trust}")
    assert done.returncode == 0, done.stderr
    assert site.status()["clean"]


def test_installing_again_is_a_success_that_says_so(site):
    identity = site.make(*everything())
    site.install()
    before = tree(site.root / "generations")
    result = site.install("--json").json
    assert result["already"] and result["status"] == "already" and result["drift"] is None
    assert tree(site.root / "generations") == before
    (site.root / "current" / "serving" / "serving.conf").write_text("changed\n")
    assert "drifted: 1 changed" in site.install().out
    assert site.current == site.generation(identity)


def test_next_sequence_and_rollback(site):
    first = site.make(*everything())
    site.install()
    second = site.make(*everything("1.1.0", {**INFRA, "serving.conf": b"listen 127.0.0.1:9090\n"}), sequence=13,
                       version="1.1.0")
    result = site.install("--json").json
    assert result["previous"] == site.generation(first) and site.current == site.generation(second, 13)
    back = site.okse("rollback", "--root", site.root, "--json", status=0).json
    assert back["from"] == site.generation(second, 13) and back["generation"] == site.generation(first)
    assert site.current == site.generation(first)
    status = site.status()
    assert status["clean"] and status["highest"][0]["sequence"] == 13
    assert [(item["action"], item["to"]) for item in status["history"]] == [
        ("install", site.generation(first)), ("install", site.generation(second, 13)), ("rollback", site.generation(first))]
    # forward again: the directory is there, complete, and only the switch is made
    again = site.install("--json").json
    assert again["reused"] and site.current == site.generation(second, 13)
    site.okse("rollback", "--root", site.root, "--to", site.generation(first), status=0)
    assert site.current == site.generation(first)


def test_rollback_refuses_a_damaged_generation(site):
    first = site.make(*everything())
    site.install()
    second = site.make(*everything("1.1.0"), sequence=13, version="1.1.0")
    site.install()
    victim = site.root / "generations" / site.generation(first) / "weights" / "model.bin"
    with open(victim, "r+b") as file:
        file.seek(1_000_000)
        file.write(b"!")
    refused = site.okse("rollback", "--root", site.root, status=1)
    assert "1 changed" in refused.err and site.current == site.generation(second, 13)


def test_rollback_has_nowhere_to_go(site):
    site.okse("rollback", "--root", site.root, status=3)
    site.make(*everything())
    site.install()
    assert "no generation before" in site.okse("rollback", "--root", site.root, status=1).err
    assert "no generation '1-000000000000'" in site.okse("rollback", "--root", site.root, "--to", "1-000000000000",
                                                         status=2).err


def test_lower_sequence_and_equivocation_are_refused(site):
    second = site.make(*everything("1.1.0"), sequence=13, version="1.1.0")
    site.install()
    site.make(*everything(), sequence=12)
    refused = site.install(status=1)
    assert "12" in refused.err and "13" in refused.err
    site.make(raw("serving", {"other": b"x"}), sequence=13)
    assert "13" in site.install(status=1).err
    (site.root / "seen.json").unlink()  # install's own memory says the same
    refused = site.install(status=1)
    assert "equivocation" in refused.err and second in refused.err
    site.make(*everything(), sequence=12)
    refused = site.install(status=1)
    assert "sequence 12" in refused.err and "lower than 13" in refused.err
    assert site.current == site.generation(second, 13)


def test_only_what_verification_accepts(site, tmp_path):
    site.make(*everything(), sign=False)
    assert "nothing was installed" in site.install(status=1).err
    assert not site.root.exists()
    refused = site.install("--json", status=1).json
    assert refused["status"] == "refused" and refused["verification"]["verdict"] == "refused"
    identity = site.make(*everything())
    site.install("--expect", "sha256:" + "0" * 64, status=1)
    site.install("--expect", "nonsense", status=2)
    site.install("--expect", "sha256:" + identity)
    assert "--trust" in site.okse("install", site.bundle, "--root", site.root, status=2).err


def test_a_changed_payload_byte_leaves_the_old_generation(site):
    first = site.make(*everything())
    site.install()
    for place in (b"listen", b"\x7fELF", b"names"):
        site.make(*everything("1.1.0"), sequence=13, version="1.1.0",
                  change=lambda data: data.replace(place, place[:-1] + b"?", 1))
        site.install(status=1)
        assert site.current == site.generation(first)
        assert os.listdir(site.root / "generations") == [site.generation(first)]
    assert site.status()["clean"]


def drift(site, status=1):
    return {(item["component"], item["path"], item["status"]) for item in site.status(status)["installed"]["drift"]}


def test_status_shows_every_kind_of_drift(site):
    site.make(*everything())
    site.install()
    current = site.root / "current"
    (current / "serving" / "serving.conf").write_text("listen 0.0.0.0:8080\nworkers 2\n")
    (current / "serving" / "deep" / "er" / "x.yaml").unlink()
    (current / "serving" / "new.conf").write_text("x")
    (current / "serving" / "extra").mkdir()
    (current / "serving" / "extra" / "y").write_text("y")
    (current / "serving" / "run.sh").chmod(0o4755)
    (current / "runtime" / "lib64").unlink()
    (current / "runtime" / "lib64").symlink_to("/etc")
    (current / "runtime" / "zero").unlink()
    (current / "runtime" / "zero").mkdir()
    (current / "papers").rename(current / "papers.old")
    (current / "server" / "oci-layout").write_text("{}")
    assert drift(site) == {
        ("serving", "serving.conf", "changed"), ("serving", "deep/er/x.yaml", "missing"), ("serving", "new.conf", "added"),
        ("serving", "extra", "added"), ("serving", "run.sh", "mode"), ("runtime", "lib64", "changed"),
        ("runtime", "zero", "type"), ("papers", ".", "missing"), ("", "papers.old", "added"),
        ("server", "oci-layout", "changed")}
    item = next(item for item in site.status(1)["installed"]["drift"] if item["path"] == "serving.conf")
    assert item["expected"] == "sha256:" + sha(INFRA["serving.conf"])
    assert item["actual"] == "sha256:" + sha(b"listen 0.0.0.0:8080\nworkers 2\n")
    shown = site.okse("status", "--root", site.root, status=1).out
    assert "changed  serving/serving.conf" in shown


def test_git_shows_the_changed_line(site):
    site.make(*everything())
    site.install()
    config = site.root / "config"
    git = ["git", "-c", "safe.directory=*", "-C", config]
    assert run(*git, "status", "--short").stdout == ""
    assert set(run(*git, "ls-files").stdout.split()) == {"papers/dpia.yaml", "serving/deep/er/x.yaml", "serving/empty",
                                                          "serving/run.sh", "serving/serving.conf"}
    assert run(*git, "fsck", "--strict").returncode == 0
    (site.root / "current" / "serving" / "serving.conf").write_text("listen 203.0.113.9:8080\nworkers 2\n")
    (site.root / "current" / "serving" / "run.sh").chmod(0o644)
    shown = run(*git, "diff").stdout
    assert "-listen 127.0.0.1:8080\n+listen 203.0.113.9:8080" in shown and "new mode 100644" in shown
    assert run(*git, "log", "--format=%an %ae %aI").stdout.strip() == "okse okse 2026-01-01T00:00:00+00:00"


def test_config_history_follows_the_generations(site):
    first = site.make(*everything())
    site.install()
    second = site.make(*everything("1.1.0", {"serving.conf": b"listen 127.0.0.1:9090\n"}), sequence=13, version="1.1.0")
    site.install()
    git = ["git", "-c", "safe.directory=*", "-C", site.root / "config"]
    assert len(run(*git, "log", "--format=%H").stdout.split()) == 2
    shown = run(*git, "diff", "HEAD~1", "--", "serving/serving.conf").stdout
    assert "-listen 127.0.0.1:8080" in shown and "+listen 127.0.0.1:9090" in shown
    assert run(*git, "status", "--short").stdout == ""
    assert run(*git, "symbolic-ref", "HEAD").stdout.strip() == "refs/heads/generations/" + site.generation(second, 13)
    site.okse("rollback", "--root", site.root, status=0)
    assert run(*git, "symbolic-ref", "HEAD").stdout.strip() == "refs/heads/generations/" + site.generation(first)
    assert run(*git, "status", "--short").stdout == ""


@pytest.mark.parametrize("what", ["index", "manifest", "extra", "statement", "directory"])
def test_tampered_records_show(site, what):
    identity = site.make(*everything())
    site.install()
    records = site.root / "current" / ".okse"
    blobs = records / "blobs" / "sha256"
    if what == "index":
        (blobs / identity).write_bytes((blobs / identity).read_bytes().replace(b"VN", b"KR"))
    elif what == "manifest":
        index = json.loads((blobs / identity).read_bytes())
        name = next(item["digest"][7:] for item in index["manifests"]
                    if item["annotations"]["dev.okse.component"] == "serving")
        (blobs / name).write_bytes((blobs / name).read_bytes().replace(b"0755", b"0644"))
    elif what == "extra":
        (blobs / ("0" * 64)).write_text("x")
    elif what == "statement":
        layout = json.loads((records / "index.json").read_text())
        layout["manifests"] = [item for item in layout["manifests"] if "artifactType" not in item]
        (records / "index.json").write_text(json.dumps(layout))
    else:
        shutil.rmtree(records)
    status = site.status(1)
    assert {item["component"] for item in status["installed"]["drift"]} == {".okse"}
    assert status["installed"]["complete"] == (what in ("extra", "statement"))
    assert not status["clean"]


def test_a_record_and_its_file_changed_together_show(site):
    """The identity in state.json vouches for the records: a consistent lie in .okse is still a lie."""
    identity = site.make(raw("serving", INFRA))
    site.install()
    blobs = site.root / "current" / ".okse" / "blobs" / "sha256"
    evil = b"listen 203.0.113.9:8080\n"
    (site.root / "current" / "serving" / "serving.conf").write_bytes(evil)
    renamed = {sha(INFRA["serving.conf"]): sha(evil), str(len(INFRA["serving.conf"])): str(len(evil))}
    for _ in range(3):
        for blob in list(blobs.iterdir()):
            data = blob.read_bytes()
            for old, new in renamed.items():
                if len(old) == 64:
                    data = data.replace(old.encode(), new.encode())
            if sha(data) != blob.name:
                blob.unlink()
                (blobs / sha(data)).write_bytes(data)
                renamed[blob.name] = sha(data)
    status = site.status(1)
    assert not status["clean"] and not status["installed"]["complete"]
    assert (".okse", "blobs/sha256/" + identity, "missing") in drift(site)


def nobody(*words, **more):
    return run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *words, **more)


@pytest.fixture
def open_site(okse):
    """As `site`, in a directory that other users may enter (pytest's own may not)."""
    with tempfile.TemporaryDirectory(prefix="okse-") as name:
        os.chmod(name, 0o755)
        yield install_bundle.Site(okse, pathlib.Path(name))


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@needs_root
def test_unreadable_is_incomplete_and_never_clean(open_site):
    site = open_site
    site.make(*everything())
    site.install()
    (site.root / "current" / "serving" / "serving.conf").chmod(0o600)
    (site.root / "current" / "weights").chmod(0o700)
    (site.root / "current" / "serving" / "deep").chmod(0o700)
    done = nobody(site.okse.binary, "status", "--root", site.root, "--json")
    status = json.loads(done.stdout)
    assert not status["installed"]["complete"] and not status["clean"]
    assert status["installed"]["unreadable"] == ["serving/deep", "serving/serving.conf", "weights"]
    assert not any(item["status"] == "missing" for item in status["installed"]["drift"])
    (site.root / "current" / "serving" / "serving.conf").chmod(0o644)
    (site.root / "current" / "weights").chmod(0o755)
    (site.root / "current" / "serving" / "deep").chmod(0o755)
    assert nobody(site.okse.binary, "status", "--root", site.root).returncode == 0


@needs_root
def test_a_root_that_may_not_be_written(open_site):
    site = open_site
    site.make(*everything())
    site.root.mkdir(mode=0o755)
    done = nobody(site.okse.binary, "install", site.bundle, "--root", site.root, "--trust", site.trust)
    assert done.returncode == 3 and f"{site.root}" in done.stderr and "Permission denied" in done.stderr
    assert os.listdir(site.root) == []


@needs_root
def test_read_only_root(site):
    site.make(*everything())
    site.root.mkdir()
    done = run("unshare", "-m", "sh", "-c", f"mount -t tmpfs -o ro none {site.root} && exec {site.okse.binary} install "
               f"{site.bundle} --root {site.root} --trust {site.trust}")
    if "mount:" in done.stderr or "unshare:" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 3 and "Read-only file system" in done.stderr


@needs_root
@pytest.mark.parametrize("size", ["1m", "4m"])
def test_full_disk(site, size):
    """1 MiB: refused before anything is written."""
    first = site.make(raw("serving", INFRA))
    second_path = site.directory / "second.okse"
    site.make(*everything("1.1.0"), sequence=13, version="1.1.0", path=second_path)
    site.root.mkdir()
    command = f"{site.okse.binary} install %s --root {site.root} --trust {site.trust}"
    done = run("unshare", "-m", "sh", "-c", f"mount -t tmpfs -o size={size} none {site.root} || exit 77; "
               f"{command % site.bundle} >&2; echo first $?; {command % second_path} >&2; echo second $?; "
               f"readlink {site.root}/current; ls -A {site.root}/generations")
    if done.returncode == 77 or "unshare:" in done.stderr:
        pytest.skip(done.stderr)
    lines = done.stdout.split()
    assert "nothing was written" in done.stderr
    if size == "1m":
        assert lines[:4] == ["first", "3", "second", "3"]
    else:
        assert lines[:4] == ["first", "0", "second", "3"]
        assert lines[4:] == ["generations/" + site.generation(first), site.generation(first)]


def test_works_without_network(site):
    site.make(*everything())
    words = [site.okse.binary, "install", site.bundle, "--root", site.root, "--trust", site.trust]
    done = run("unshare", "-rn", *words)
    if "unshare:" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr


def test_dry_run_writes_nothing(site):
    identity = site.make(*everything())
    result = site.install("--dry-run", "--json").json
    assert result["status"] == "would-install" and not site.root.exists()
    site.install()
    before = tree(site.root)
    site.make(*everything("1.1.0"), sequence=13, version="1.1.0")
    result = site.install("--dry-run", "--json").json
    assert result["generation"].startswith("13-") and result["space"]["needed"] > 3_000_000
    assert tree(site.root) == before and site.current == site.generation(identity)
    site.make(*everything("1.2.0"), sequence=14, version="1.1.0", change=lambda data: data.replace(b"listen", b"Listen"))
    site.install("--dry-run", status=1)


def test_site_is_checked(site):
    site.make(*everything())
    (site.directory / "site.yaml").write_text("okse: site/v1\nname: x\ncountry: VN\nnetwork: []\n")
    assert "site.yaml:4:1: unknown key 'network' (did you mean 'networks'?)" in site.install(
        "--site", "site.yaml", status=2).err
    (site.directory / "site.yaml").write_text("okse: site/v1\nname: x\ncountry: KR\n")
    site.install("--site", "site.yaml", status=1)  # a bundle for VN
    (site.directory / "site.yaml").write_text("okse: site/v1\nname: x\ncountry: VN\n")
    site.install("--site", "site.yaml")


def test_wrong_input_names_itself(site, tmp_path):
    assert "no-such.okse" in site.install(bundle="no-such.okse", status=3).err
    assert "directory" in site.install(bundle=tmp_path, status=2).err
    (tmp_path / "x.okse").write_text("not a bundle")
    site.install(bundle=tmp_path / "x.okse", status=2)
    site.make(*everything())
    site.root.mkdir()
    (site.root / "current").mkdir()
    assert "no install of okse" in site.install(status=2).err
    assert site.okse("status", "--root", tmp_path / "nowhere", status=3).err
    assert "nothing is installed" in site.okse("status", "--root", tmp_path, status=3).err


def hostile_tars():
    """What a vendor whose key was stolen could pack: a tar and a listing that promise trouble."""
    entry, line = install_bundle.tar_entry, install_bundle.listing_line
    end = bytes(1024)
    data = b"owned\n"
    body = data.ljust(512, b"\0")
    honest = line("a", b"0", 0o644, data)

    def listing(*lines):
        return ("#mtree\n" + "".join(lines)).encode()

    yield "escape", entry("../evil", b"0", 0o644, 6) + body + end, listing(line("../evil", b"0", 0o644, data))
    yield "absolute", entry("/tmp/okse-evil", b"0", 0o644, 6) + body + end, \
        listing(line("/tmp/okse-evil", b"0", 0o644, data))
    yield "escaped-name", entry("a", b"0", 0o644, 6) + body + end, \
        b"#mtree\n./..\\057evil type=file mode=0644 size=6 sha256digest=" + sha(data).encode() + b"\n"
    yield "link-out", entry("l", b"2", 0o777, 0, "../../../evil") + end, listing(line("l", b"2", 0, b"", "../../../evil"))
    yield "link-absolute", entry("l", b"2", 0o777, 0, "/etc") + end, listing(line("l", b"2", 0, b"", "/etc"))
    yield "link-through-link", entry("d", b"5", 0o755) + entry("d/up", b"2", 0o777, 0, "..") + \
        entry("out", b"2", 0o777, 0, "d/up/..") + end, \
        listing(line("d", b"5", 0), line("d/up", b"2", 0, b"", ".."), line("out", b"2", 0, b"", "d/up/.."))
    yield "write-through-link", entry("l", b"2", 0o777, 0, "d") + entry("l/x", b"0", 0o644, 6) + body + end, \
        listing(line("l", b"2", 0, b"", "d"), line("l/x", b"0", 0o644, data))
    yield "link-then-file", entry("l", b"2", 0o777, 0, "..") + entry("l", b"0", 0o644, 6) + body + end, \
        listing(line("l", b"2", 0, b"", "d"), line("l", b"0", 0o644, data))
    yield "hard-link", entry("a", b"1", 0o644, 0, "../../../evil") + end, listing(honest)
    yield "device", entry("a", b"3", 0o644) + end, listing(honest)
    yield "fifo", entry("a", b"6", 0o644) + end, listing(honest)
    yield "setuid", entry("a", b"0", 0o4755, 6) + body + end, listing(honest)
    yield "setuid-listed", entry("a", b"0", 0o4755, 6) + body + end, listing(honest.replace("0644", "4755"))
    yield "device-listed", entry("a", b"3", 0o644) + end, b"#mtree\n./a type=char mode=0644\n"
    yield "twice", (entry("a", b"0", 0o644, 6) + body) * 2 + end, listing(honest)
    yield "not-listed", entry("a", b"0", 0o644, 6) + body + entry("b", b"0", 0o644, 6) + body + end, listing(honest)
    yield "missing", end, listing(honest)
    yield "behind-the-end", entry("a", b"0", 0o644, 6) + body + end + bytes(512), listing(honest)
    yield "ends-early", entry("a", b"0", 0o644, 6) + body + bytes(512), listing(honest)
    yield "other-bytes", entry("a", b"0", 0o644, 6) + b"Owned\n".ljust(512, b"\0") + end, listing(honest)
    yield "dirty-padding", entry("a", b"0", 0o644, 6) + data.ljust(512, b"x") + end, listing(honest)
    yield "no-parent", entry("d/a", b"0", 0o644, 6) + body + end, listing(line("d/a", b"0", 0o644, data))
    yield "records", entry(".okse", b"5", 0o755) + end, b"not a listing\n"


@pytest.mark.parametrize("name,archive,listing", [pytest.param(*case, id=case[0]) for case in hostile_tars()])
def test_hostile_tar_is_refused_with_nothing_left(site, name, archive, listing):
    first = site.make(raw("serving", INFRA))
    site.install()
    site.make(tar("runtime", archive=archive, listing=listing), sequence=13, version="1.1.0")
    before = tree(site.directory)
    refused = site.install(status=None)
    assert refused.status in (1, 2), refused
    assert site.current == site.generation(first)
    after = tree(site.directory)
    assert {path for path in after if path not in before} <= {"root/.lock"}
    assert not os.path.exists("/tmp/okse-evil")


@pytest.mark.parametrize("name", ["..", ".okse", "a/b", ".", ".stage-x"])
def test_hostile_component_names(site, name):
    site.make(raw(name, INFRA))
    assert site.install(status=None).status in (1, 2)
    assert not site.root.exists() or not any((site.root / "generations").iterdir())


@pytest.mark.parametrize("path", ["../x", "/x", "a//b", "a/../b", "serving.conf/x", "x\\y", "a\nb"])
def test_hostile_raw_paths(site, path):
    site.make(raw("serving", {**INFRA, path: b"x"}))
    assert site.install(status=None).status in (1, 2)
    assert not site.root.exists() or not any((site.root / "generations").iterdir())


def test_a_link_in_place_of_generations_is_not_followed(site, tmp_path):
    site.make(*everything())
    (tmp_path / "elsewhere").mkdir()
    site.root.mkdir()
    (site.root / "generations").symlink_to(tmp_path / "elsewhere")
    assert site.install(status=None).status in (1, 3)
    assert os.listdir(tmp_path / "elsewhere") == []


def check_after_kill(site, names):
    """Old or new, whole; the config repository follows after the next command."""
    if os.path.lexists(site.root / "current"):
        assert site.current in names
        status = site.status()
        assert status["clean"], status
        assert status["config"]["agrees"], status
        assert run("git", "-c", "safe.directory=*", "-C", site.root / "config", "status", "--short").stdout == ""


def test_kill_at_fifty_random_instants(site, tmp_path):
    old, new = tmp_path / "old.okse", tmp_path / "new.okse"
    first = site.make(*everything(), path=old)
    second = site.make(*everything("1.1.0"), sequence=13, version="1.1.0", path=new)
    names = {site.generation(first), site.generation(second, 13)}
    site.install(bundle=old)
    shutil.copytree(site.root, tmp_path / "start", symlinks=True)
    begin = time.monotonic()
    site.install(bundle=new)
    whole = time.monotonic() - begin
    chance = random.Random(14)
    seen = set()
    for _ in range(50):
        shutil.rmtree(site.root)
        shutil.copytree(tmp_path / "start", site.root, symlinks=True)
        process = subprocess.Popen([site.okse.binary, "install", new, "--root", site.root, "--trust", site.trust],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.random() * whole * 1.1)
        process.send_signal(signal.SIGKILL)
        process.wait()
        seen.add(site.current)
        check_after_kill(site, names)
        site.install(bundle=new)
        assert site.current == site.generation(second, 13)
        assert not [name for name in os.listdir(site.root / "generations") if name.startswith(".")]
        check_after_kill(site, names)
    assert len(seen) >= 1


CHANGING = ["renameat", "renameat2", "rename", "symlinkat", "mkdirat", "mkdir", "unlinkat", "unlink", "link", "fsync",
            "syncfs"]


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.parametrize("before", ["nothing", "a generation"])
@pytest.mark.parametrize("call", CHANGING)
def test_kill_at_every_change(site, call, before, tmp_path):
    """SIGKILL at the entry of every single call that changes names or syncs, one install each."""
    small = [raw("serving", INFRA), tar("runtime", TAR_FILES, TAR_LINKS, ["lib"])]
    first = site.make(*small)
    site.root.mkdir()
    if before == "a generation":
        site.install()
    shutil.copytree(site.root, tmp_path / "start", symlinks=True)
    second = site.make(*small, raw("papers", PAPERS, kind="compliance"), sequence=13, version="1.1.0")
    names = {site.generation(first), site.generation(second, 13)}
    for at in range(1, 200):
        shutil.rmtree(site.root)
        shutil.copytree(tmp_path / "start", site.root, symlinks=True)
        done = run("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                   f"inject={call}:signal=KILL:when={at}", site.okse.binary, "install", site.bundle, "--root", site.root,
                   "--trust", site.trust)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        if done.returncode == 0:
            break
        check_after_kill(site, names)
        site.install()
        assert site.current == site.generation(second, 13)
        check_after_kill(site, names)
        assert not [name for name in os.listdir(site.root / "generations") if name.startswith(".")]
    print(f"killed at each of {at - 1} calls of {call}")
    assert at > 1, f"install never calls {call}"


def test_ctrl_c_leaves_nothing(site):
    big = os.urandom(1 << 20) * 200
    site.make(raw("weights", {"model.bin": big}, kind="weights"))
    process = subprocess.Popen([site.okse.binary, "install", site.bundle, "--root", site.root, "--trust", site.trust],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while process.poll() is None and not list(site.root.glob("generations/.stage-*/weights/model.bin")):
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    process.communicate()
    if process.returncode == 0:
        pytest.skip("it was faster than the signal")
    assert process.returncode == 3 and os.listdir(site.root / "generations") == []
    assert not os.path.lexists(site.root / "current")


def test_two_installs_at_once(site):
    site.make(*everything())
    words = [site.okse.binary, "install", site.bundle, "--root", site.root, "--trust", site.trust]
    site.root.mkdir()
    processes = [subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(4)]
    for process in processes:
        assert process.wait() == 0, process.stderr.read()
    assert site.status()["clean"]


def test_a_damaged_state_is_named(site):
    site.make(*everything())
    site.install()
    (site.root / "state.json").write_text('{"schema":"okse.state.v1","highest":[],"history":[],"installed":[{}]}')
    assert "state.json" in site.install(status=2).err
    assert "state.json" in site.okse("status", "--root", site.root, status=2).err


def test_without_state_the_running_generation_is_not_vouched_for(site):
    site.make(*everything())
    site.install()
    (site.root / "state.json").unlink()
    status = site.status(4)
    assert not status["known"] and not status["clean"]


def test_a_hundred_thousand_files_in_little_memory(site):
    files = {f"d{number % 317:03d}/file-{number:06d}.txt": b"%d\n" % number for number in range(100_000)}
    site.make(tar("runtime", files))
    for words in (["install", site.bundle, "--trust", site.trust], ["status"]):
        begin = time.monotonic()
        done = run("/usr/bin/time", "-f", "%M", site.okse.binary, *words, "--root", site.root)
        assert done.returncode == 0, done.stderr
        peak = int(done.stderr.strip().splitlines()[-1])
        print(words[0], "peak", peak, "KiB", round(time.monotonic() - begin, 1), "s")
        if "asan" not in site.okse.binary:
            assert peak < 64 * 1024, f"{words[0]}: {peak} KiB"


def mkfs_verity(site):
    image_file = site.directory / "disk"
    with open(image_file, "wb") as file:
        file.truncate(64 << 20)
    if run("mkfs.ext4", "-q", "-O", "verity", "-b", "4096", image_file).returncode != 0:
        pytest.skip("no mkfs.ext4 with verity")
    site.root.mkdir()
    if run("mount", "-o", "loop", image_file, site.root).returncode != 0:
        pytest.skip("cannot mount a loop device")


@needs_root
def test_fsverity_is_switched_on_and_believed(site):
    mkfs_verity(site)
    try:
        site.make(*everything())
        result = site.install("--json").json
        if result["sealed"] == 0:
            pytest.skip("this kernel has no fs-verity")
        assert result["sealed"] == result["files"]
        model = site.root / "current" / "weights" / "model.bin"
        measured = run("fsverity", "measure", model).stdout.split()[0]
        assert measured == run("fsverity", "digest", model).stdout.split()[0]
        with pytest.raises(PermissionError):
            open(model, "r+b")
        status = site.status()
        assert status["installed"]["sealed"] >= 6
    finally:
        run("umount", site.root)
