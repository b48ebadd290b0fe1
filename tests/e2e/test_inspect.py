"""inspect, diff and verify show what sha256sum and the sources say; what is no bundle is named."""
import json
import os
import subprocess
import sys

import pytest

import small_bundle
from stacks import HEAD, noise, write

FILES = {"a.conf": b"listen 127.0.0.1\n", "run.sh": b"#!/bin/sh\n", "sub/b.bin": noise("b", 9001)}


def sha256sum(path):
    return subprocess.run(["sha256sum", path], check=True, capture_output=True, text=True).stdout.split()[0]


def packed(okse, files, name="b.okse", version="1.4.0"):
    source = okse.directory / name.removesuffix(".okse")
    for path, data in files.items():
        write(source / path, data, 0o755 if path.endswith(".sh") else 0o644)
    (okse.directory / "stack.yaml").write_text(HEAD.replace("1.4.0", version) +
                                               f"  - {{name: conf, kind: infra, source: {{path: {source.name}}}}}\n")
    okse("build", "stack.yaml", "--country", "VN", "-o", name, "--unsigned", status=0)
    return okse.directory / name, source


def test_inspect_shows_what_sha256sum_says(okse):
    bundle, source = packed(okse, FILES)
    shown = okse("inspect", bundle, "--json", status=0).json
    member = subprocess.run(["tar", "-xOf", bundle, "blobs/" + shown["identity"].replace(":", "/")], check=True, capture_output=True).stdout
    assert shown["schema"] == "okse.inspection.v1" and shown["identity"] == "sha256:" + small_bundle.sha(member)
    assert [shown[key] for key in ("name", "version", "sequence", "country")] == ["civic", "1.4.0", 14, "VN"]
    assert shown["vendor"]["name"] == "Example AI Lab" and shown["statements"] == []
    (component,) = shown["components"]
    assert [component[key] for key in ("name", "kind", "form", "size")] == ["conf", "infra", "raw", sum(map(len, FILES.values()))]
    assert component["files"] == [
        {"path": path, "digest": "sha256:" + sha256sum(source / path), "fsverity": "sha256:" + small_bundle.fsverity(FILES[path]),
         "size": len(FILES[path]), "mode": "0755" if path.endswith(".sh") else "0644"} for path in sorted(FILES)]
    text = okse("inspect", bundle, status=0).out
    assert "civic 1.4.0, sequence 14, for VN" in text and "run.sh (executable)" in text and "0 statements, not checked" in text
    for path in FILES:
        assert sha256sum(source / path)[:12] in text


def test_directories_that_hold_something_are_told_by_what_they_hold(okse):
    """'a-b' sorts between 'a' and 'a/x', and an empty directory has nothing else to tell of it."""
    for path in ("t/a/x", "t/a-b"):
        write(okse.directory / path, b"1")
    (okse.directory / "t" / "empty").mkdir()
    (okse.directory / "stack.yaml").write_text(HEAD + "  - {name: conf, kind: infra, source: {path: t}}\n")
    okse("build", "stack.yaml", "--country", "VN", "-o", "t.okse", "--unsigned", status=0)
    (component,) = okse("inspect", "t.okse", "--json", status=0).json["components"]
    assert [row["path"] for row in component["files"]] == ["a-b", "a/x", "empty"]


def test_escape_codes_in_names_are_shown_escaped(okse):
    """build packs no such name; a bundle made by another hand is refused, and the refusal is safe to print."""
    good, _ = packed(okse, FILES)
    small_bundle.make(okse.directory / "x.okse", files={"a\x1b[31mred": b"1"})
    for words in (("inspect", "x.okse"), ("inspect", "x.okse", "--json"), ("diff", good, "x.okse")):
        result = okse(*words, status=1)
        assert "\x1b" not in result.out + result.err and "x.okse" in result.err
    os.rename(okse.directory / "x.okse", okse.directory / "\x1b[31m.okse")
    assert "\x1b" not in okse("inspect", "\x1b[31m.okse", status=1).err


def test_diff_exit_codes_and_rows(okse):
    old, _ = packed(okse, FILES)
    assert "the same identity" in okse("diff", old, old, status=0).out
    assert okse("diff", old, old, "--json", status=0).json["changes"] == []
    new, _ = packed(okse, {"a.conf": b"listen 0.0.0.0\n", "run.sh": FILES["run.sh"], "new": b"n"}, "new.okse", "1.5.0")
    told = okse("diff", old, new, "--json", status=1).json
    assert told["same"] is False and (told["old"]["version"], told["new"]["version"]) == ("1.4.0", "1.5.0")
    rows = [(row["change"], row["path"]) for row in told["changes"] if "path" in row]
    assert rows == [("changed", "a.conf"), ("added", "new"), ("removed", "sub/b.bin")]
    assert all("path" in row or row["change"] == "changed" for row in told["changes"]), "the component itself changed"
    assert "changed  conf/a.conf" in okse("diff", old, new, status=1).out
    okse("diff", old, okse.directory / "none.okse", status=3)


@pytest.mark.parametrize("command", [["inspect"], ["diff"], ["verify"]], ids=lambda words: words[0])
@pytest.mark.parametrize("what", ["text", "directory", "empty", "truncated", "zeros", "missing", "fifo"])
def test_what_is_no_bundle_is_named(okse, what, command):
    bundle, _ = packed(okse, FILES)
    okse("key", "new", "--type", "ed25519", "-o", "vendor.pem", status=0)
    (okse.directory / "trust.yaml").write_text("okse: trust/v1\nroles:\n  vendor: {threshold: 1, signers: [{key: vendor.pub}]}\n")
    path = okse.directory / f"bad-{what}"
    data = bundle.read_bytes()
    if what == "directory":
        path.mkdir()
    elif what == "fifo":
        if command == ["verify"]:
            pytest.skip("verify reads a FIFO as a pipe, and waits for its writer")
        os.mkfifo(path)
    elif what != "missing":
        path.write_bytes({"text": b"hello\n" * 300, "empty": b"", "truncated": data[:len(data) // 2], "zeros": bytes(4096)}[what])
    words = {"inspect": [path], "diff": [bundle, path], "verify": [path, "--trust", "trust.yaml"]}[command[0]]
    result = okse(*command, *words, timeout=120)
    assert result.status in ((3,) if what == "missing" else (1, 2)) and path.name in result.out + result.err, repr(result)


PEAK = """
import resource, subprocess, sys
stdin = open(sys.argv[1], 'rb') if sys.argv[1] != '-' else None
piped = subprocess.Popen(['cat'], stdin=stdin, stdout=subprocess.PIPE).stdout if stdin else None
done = subprocess.run(sys.argv[2:], stdin=piped, capture_output=True, text=True)
print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, done.stdout, done.stderr)
"""


@pytest.mark.skipif("ASAN_OPTIONS" in os.environ or "asan" in os.environ.get("OKSE", ""), reason="sanitizers keep shadow memory")
def test_verify_of_300_mib_stays_under_64_mib(okse):
    (okse.directory / "data").mkdir()
    with open(okse.directory / "data" / "big.bin", "wb") as file:
        for i in range(300):
            file.write(i.to_bytes(4, "little") * 262144)
    (okse.directory / "stack.yaml").write_text(HEAD + "  - {name: data, kind: dataset, source: {path: data}}\n")
    okse("build", "stack.yaml", "--country", "VN", "-o", "big.okse", "--unsigned", status=0)
    okse("key", "new", "--type", "ed25519", "-o", "vendor.pem", status=0)
    okse("sign", "big.okse", "--key", "vendor.pem", "--role", "vendor", status=0)
    (okse.directory / "trust.yaml").write_text("okse: trust/v1\nroles:\n  vendor: {threshold: 1, signers: [{key: vendor.pub}]}\n")
    for pipe, name in (("-", "big.okse"), ("big.okse", "-")):
        done = subprocess.run([sys.executable, "-c", PEAK, pipe, okse.binary, "verify", name, "--trust", "trust.yaml"],
                              cwd=okse.directory, env=okse.environment, capture_output=True, text=True, check=True)
        status, peak, *rest = done.stdout.split(" ", 2)
        assert int(status) == 0, done.stdout
        assert int(peak) < 64 * 1024, f"{name}: {peak} KiB"
    os.unlink(okse.directory / "big.okse")


def test_a_file_and_a_pipe_give_the_same_answer(okse):
    bundle, _ = packed(okse, FILES)
    okse("key", "new", "--type", "ed25519", "-o", "vendor.pem", status=0)
    okse("sign", bundle, "--key", "vendor.pem", "--role", "vendor", status=0)
    (okse.directory / "trust.yaml").write_text("okse: trust/v1\nroles:\n  vendor: {threshold: 1, signers: [{key: vendor.pub}]}\n")
    words = ["--trust", "trust.yaml", "--at", "2035-01-01T00:00:00Z", "--json"]  # one time for both, or the second may turn
    by_file = okse("verify", bundle, *words, status=0).json
    by_pipe = json.loads(okse("verify", "-", *words, stdin=bundle.read_bytes(), status=0).out)
    assert (by_file.pop("checked")["how"], by_pipe.pop("checked")["how"]) == ("file", "stream")
    assert by_file == by_pipe and by_file["verdict"] == "verified"
