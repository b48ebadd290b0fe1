"""A release on its whole way, through everything that it can meet at once: thin, signed twice, in parts with parity, encrypted or
compressed, damaged, served, pushed, pulled, installed, rolled back. Yardsticks: cmp, openssl, skopeo, the files of the first build."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

import signing
import stacks
from conftest import Okse
from servers import Registry
from test_encrypted_parts import Recipient
from test_parts import flip
from test_serve import Serving
from test_thin import installed, sources

MIB = 1 << 20


class Release:
    """v1 is on site; v2 is built thin against it and signed by the vendor, then by the ministry."""

    def __init__(self, directory):
        self.directory, self.okse = directory, Okse(directory)
        vendor, ministry = signing.Key(directory, "vendor"), signing.Key(directory, "ministry")
        stack = [sources(directory / f"s{i}", i, (7, 23) if i == 2 else ()) for i in (1, 2)]
        stacks.write(directory / "s2/papers/new.pdf", stacks.noise("new", 3 * MIB + 5))
        self.v1, self.v2, self.thin = (directory / name for name in ("v1.okse", "v2.okse", "thin.okse"))
        build = ("build", "--country", "VN", "--key", vendor.path)
        self.okse(*build, stack[0], "-o", self.v1, status=0)
        self.okse(*build, stack[1], "-o", self.thin, "--thin-against", self.v1, status=0)
        self.okse("sign", self.thin, "--key", ministry.path, "--role", "ministry", status=0)
        self.okse("thin", self.thin, "--complete", "--base", self.v1, "-o", self.v2, status=0)
        self.identity = self.okse("inspect", self.thin, "--json", status=0).json["identity"]
        self.trust = directory / "trust.yaml"
        self.trust.write_text("okse: trust/v1\nalgorithms: [ed25519]\nroles:\n  vendor: {threshold: 1, signers: [{key: vendor.pub}]}\n"
                              "  ministry: {threshold: 1, signers: [{key: ministry.pub}]}\n")
        first = directory / "first.yaml"
        first.write_text("okse: trust/v1\nalgorithms: [ed25519]\nroles:\n  vendor: {threshold: 1, signers: [{key: vendor.pub}]}\n")
        self.first = first

    def split(self, bundle, output, *words):
        return self.okse("split", bundle, "--size", "1500K", "-o", output, *words, "--json", status=0).json

    def on_site(self, root):
        self.okse("install", self.v1, "--root", root, "--trust", self.first, status=0)
        return root

    def same(self, path, whole):
        subprocess.run(["cmp", path, whole], check=True)


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return Release(tmp_path_factory.mktemp("release"))


def part(directory, number):
    (found,) = directory.glob(f"*VN.{number:04}.part*")
    return found


def goes_in_and_back(release, tmp_path, bundle, *words):
    """Install it over v1, compare with a root that got the whole one, go back, and forward again."""
    root, plain = release.on_site(tmp_path / "root"), tmp_path / "plain"
    before = installed(root)
    release.okse("install", release.v2, "--root", plain, "--trust", release.trust, status=0)
    done = release.okse("install", bundle, "--root", root, "--trust", release.trust, *words, "--json", status=0)
    assert done.json["identity"] == release.identity and installed(root) == installed(plain) != before
    release.okse("status", "--root", root, status=0)
    release.okse("rollback", "--root", root, status=0)
    assert installed(root) == before
    release.okse("status", "--root", root, status=0)
    release.okse("install", bundle, "--root", root, "--trust", release.trust, *words, status=0)
    assert installed(root) == installed(plain)
    return done


def test_encrypted_thin_parts_with_one_lost_and_a_guard_between(release, tmp_path):
    guard, clinic = Recipient(tmp_path, "guard", "rsa:3072"), Recipient(tmp_path, "clinic", "P-384")
    made = release.split(release.thin, tmp_path / "sealed", "--parity", "1", "--encrypt-to", guard.certificate, "--encrypt-to", clinic.certificate)
    assert made["identity"] == release.identity and len(made["parts"]) >= 4
    subprocess.run(["sha256sum", "-c", "--quiet", *[p.name for p in (tmp_path / "sealed").glob("*.sha256")]], cwd=tmp_path / "sealed", check=True)
    part(tmp_path / "sealed", 2).unlink()
    release.okse("join", tmp_path / "sealed", "--key", clinic.key, "-o", tmp_path / "joined.okse", status=0)
    release.same(tmp_path / "joined.okse", release.thin)
    told = release.okse("verify", tmp_path / "joined.okse", "--trust", release.trust, "--base", release.v1, status=0).out
    assert f"complete with base {release.v1}" in told
    # the guard passes on plain parts, and one of them suffers on the way
    plain = tmp_path / "plain parts"
    plain.mkdir()
    for sealed in (tmp_path / "sealed").glob("*.part.cms"):
        signing.openssl("cms", "-decrypt", "-inform", "DER", "-binary", "-in", sealed, "-inkey", guard.key, "-recip", guard.certificate,
                        "-out", plain / sealed.stem)
    done = goes_in_and_back(release, tmp_path, plain)
    assert "part 2 of" in done.err and "is missing" in done.err
    refused = release.okse("install", tmp_path / "sealed", "--root", tmp_path / "new", "--trust", release.trust, "--base", release.v1)
    assert refused.status == 2 and "okse join" in refused.err and not (tmp_path / "new").exists()


def test_compressed_thin_parts_on_two_media_with_a_damaged_one(release, tmp_path):
    made = release.split(release.thin, tmp_path / "a", "--parity", "1", "--compress", "weights")
    assert made["encoding"] == "frames.v1" and made["identity"] == release.identity
    (tmp_path / "b").mkdir()
    shutil.move(part(tmp_path / "a", 2), tmp_path / "b")
    flip(part(tmp_path / "a", 1), part(tmp_path / "a", 1).stat().st_size - 200_000)
    done = goes_in_and_back(release, tmp_path, tmp_path / "a", "--part", tmp_path / "b")
    assert "damaged block" in done.err
    shutil.move(next((tmp_path / "b").iterdir()), tmp_path / "a")
    release.okse("thin", tmp_path / "a", "--complete", "--base", release.v1, "-o", tmp_path / "whole.okse", status=0)
    release.same(tmp_path / "whole.okse", release.v2)
    release.okse("join", tmp_path / "a", "-o", tmp_path / "thin.okse", status=0)
    release.same(tmp_path / "thin.okse", release.thin)


def test_a_base_in_parts(release, tmp_path):
    """What the site has is a set of old discs, one of them damaged."""
    release.split(release.v1, tmp_path / "old", "--parity", "1")
    flip(part(tmp_path / "old", 1), 700_000)
    release.okse("verify", release.thin, "--trust", release.trust, "--base", tmp_path / "old", status=0)
    release.okse("install", release.thin, "--root", tmp_path / "root", "--trust", release.trust, "--base", tmp_path / "old", status=0)
    release.okse("status", "--root", tmp_path / "root", status=0)
    release.okse("thin", release.v2, "--against", tmp_path / "old", "-o", tmp_path / "thin.okse", status=0)
    release.same(tmp_path / "thin.okse", release.thin)
    release.okse("thin", release.thin, "--complete", "--base", tmp_path / "old", "-o", tmp_path / "v2.okse", status=0)
    release.same(tmp_path / "v2.okse", release.v2)


def test_many_machines_check_thin_parts(release, tmp_path):
    release.split(release.thin, tmp_path / "p", "--parity", "1")
    part(tmp_path / "p", 1).unlink()
    words = ["verify", tmp_path / "p", "--trust", release.trust, "--base", release.v1]
    records = [tmp_path / f"{i}.json" for i in (1, 2)]
    for i, record in enumerate(records, 1):
        release.okse(*words, "--shard", f"{i}/2", "--record", record, status=4)
    assert release.okse(*words, "--merge", *records, "--json", status=0).json["verdict"] == "verified"


# --- registries

@pytest.mark.parametrize("how", ["parts", "thin", "thin parts"])
def test_served_as_it_lies_there(release, tmp_path, how):
    bundle, words = release.thin, ["--base", release.v1]
    if how == "parts":
        bundle, words = release.v2, []
    if "parts" in how:
        release.split(bundle, tmp_path / "p", "--parity", "1")
        flip(part(tmp_path / "p", 2), 900_000)
        part(tmp_path / "p", 1).rename(part(tmp_path / "p", 1).with_suffix(".elsewhere.part"))
        bundle = tmp_path / "p"
    with Serving(release.okse, bundle, "--trust", release.trust, "--check", *words) as serving:
        assert serving.said["identity"] == release.identity
        stacks.run("skopeo", "copy", "--all", "--preserve-digests", "--src-tls-verify=false", f"docker://{serving.host}/civic:1.2.0", f"oci:{tmp_path}/copy:x")
        assert json.loads((tmp_path / "copy/index.json").read_text())["manifests"][0]["digest"] == release.identity
        pulled = release.okse("pull", f"oci://{serving.host}/civic:1.2.0", "--plain-http", "-o", tmp_path / "pulled.okse", "--json", status=0).json
        assert pulled["identity"] == release.identity and pulled["statements"] == 3
    release.same(tmp_path / "pulled.okse", release.v2)


def test_a_thin_bundle_is_served_with_all_that_it_leaves_out(release, tmp_path):
    root = release.on_site(tmp_path / "root")
    words = ["serve", release.thin, "--trust", release.trust, "--listen", "127.0.0.1:0"]
    assert "--base BUNDLE" in release.okse(*words, status=1).err
    refused = release.okse(*words, "--base", root, status=2).err
    assert "is a directory" in refused and "bundle" in refused


def test_from_thin_parts_into_a_registry_and_back(release, tmp_path):
    release.split(release.v2, tmp_path / "p", "--parity", "1")
    part(tmp_path / "p", 3).unlink()
    with Registry(tmp_path) as registry:
        words = [f"oci://{registry.host}/lab/civic", "--plain-http"]
        assert "--complete" in release.okse("push", release.thin, *words, status=2).err
        assert release.okse("push", tmp_path / "p", *words, "--json", status=0).json["identity"] == release.identity
        again = release.okse("push", release.v2, *words, "--json", status=0).json
        assert again["bytes"]["sent"] == 0 and again["manifests"]["put"] == 0
        release.okse("pull", words[0] + ":1.2.0", "--plain-http", "-o", tmp_path / "pulled.okse", status=0)
    release.same(tmp_path / "pulled.okse", release.v2)


# --- where it happens

def test_names_that_people_give(release, tmp_path):
    """Spaces, other scripts, a new line, bytes of no script, and an escape sequence: everything works, JSON is JSON, no terminal is steered."""
    okse = Okse(tmp_path)
    okse.environment["LC_ALL"] = "C.UTF-8"
    for name in ("two words", "검증 디스크", "a\nokse: VERIFIED", b"\xff\xfe", "\x1b[2J"):
        place = tmp_path / os.fsdecode(name)
        place.mkdir()
        bundle, parts = place / "thin.okse", place / "parts"
        shutil.copy(release.thin, bundle)
        okse("split", bundle, "--size", "1500K", "--parity", "1", "-o", parts, "--json", status=0).json
        flip(part(parts, 1), 700_000)
        part(parts, 2).rename(parts / os.fsdecode(b"x" + os.fsencode(name) + b".part"))
        (parts / os.fsdecode(b"no" + os.fsencode(name) + b".part")).write_text("none")
        base = ["--base", release.v1]
        ran = [okse("join", "--check", parts, *more, status=1) for more in ([], ["--json"])]
        ran += [okse("join", parts, "-o", place / "joined.okse", *more, status=0) for more in ([], ["--json"])]
        ran += [okse("verify", parts, "--trust", release.trust, *base, *more, status=0) for more in ([], ["--json"])]
        ran += [okse("install", parts, "--trust", release.trust, "--root", place / f"root{len(more)}", *base, *more, status=0) for more in ([], ["--json"])]
        ran += [okse("thin", parts, "--complete", *base, "-o", place / "whole.okse", *more, status=0) for more in ([], ["--json"])]
        with Serving(okse, parts, "--unverified", *base) as serving:
            ran += [okse("pull", f"oci://{serving.host}/civic:1.2.0", "--plain-http", "-o", place / "pulled.okse", *more, status=0) for more in ([], ["--json"])]
        assert len([result.json for result in ran[1::2]]) == 6
        assert ran[3].json["path"] == os.fsencode(place / "joined.okse").decode(errors="replace")
        assert ran[11].json["bundle"] == os.fsencode(place / "pulled.okse").decode(errors="replace")
        for result in ran:
            assert "\x1b" not in result.out + result.err, repr(result)
            assert not [line for line in result.err.splitlines() if line.startswith("okse: VERIFIED.part")], repr(result)
        release.same(place / "pulled.okse", release.v2)


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes somebody else")
def test_an_ordinary_user_on_read_only_media(release):
    """Nothing of it needs root: mounts that are read-only, files of somebody else, a home of one's own."""
    with tempfile.TemporaryDirectory() as directory:  # pytest's own is closed to others
        ordinary_user(release, pathlib.Path(directory))


def ordinary_user(release, directory):
    directory.chmod(0o755)
    media, home = directory / "media", directory / "home"
    media.mkdir()
    release.split(release.thin, media / "parts", "--parity", "1")
    shutil.copy(release.v1, media / "v1.okse")
    for name in ("trust.yaml", "first.yaml", "vendor.pub", "ministry.pub"):
        shutil.copy(release.directory / name, media)
    part(media / "parts", 1).unlink()
    home.mkdir()
    os.chown(home, 65534, 65534)
    script = f"""set -eu
        test -x {release.okse.binary} || exit 77
        verify() {{ {release.okse.binary} "$@" --trust {media}/trust.yaml --base {media}/v1.okse; }}
        test ! -w {media}
        verify verify {media}/parts
        {release.okse.binary} join {media}/parts -o joined.okse
        {release.okse.binary} split joined.okse --size 2M --parity 1 -o again
        {release.okse.binary} thin again --complete --base {media}/v1.okse -o whole.okse
        {release.okse.binary} install {media}/v1.okse --root root --trust {media}/first.yaml
        {release.okse.binary} install again --root root --trust {media}/trust.yaml
        {release.okse.binary} rollback --root root
        {release.okse.binary} serve again --base {media}/v1.okse --unverified --listen 127.0.0.1:0 >served &
        for _ in $(seq 200); do grep -q /civic: served && break; sleep 0.05; done
        {release.okse.binary} pull oci://$(sed -n 's,.*http://\\([^,]*\\)\\,.*,\\1,p' served)/civic:1.2.0 --plain-http -o pulled.okse
        kill -INT $!; wait $!
        cmp pulled.okse whole.okse
        {release.okse.binary} status --root root"""
    done = subprocess.run(["unshare", "-m", "sh", "-c", f"mount -o bind {media} {media} && mount -o remount,bind,ro {media} || exit 77\n"
                           'exec setpriv --reuid=65534 --regid=65534 --clear-groups sh -c "$1"', "sh", script], cwd=home, capture_output=True, text=True,
                          env={**release.okse.environment, "HOME": str(home)})
    if done.returncode == 77 or "unshare:" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr
    release.same(home / "joined.okse", release.thin)
    release.same(home / "whole.okse", release.v2)
