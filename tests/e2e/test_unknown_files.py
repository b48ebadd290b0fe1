"""Files of programs that no table knows (docs/software.md): whatever they are written in, each yields its places or is named."""
import json
import os
import subprocess

import pytest
import yaml

AT = "2026-11-23"
TEXT = "# 서버\nrelay_host = mx.example.org\nport = 2525\n"
ROW = ("mx.example.org", 2525, "out", 2)


def collected(okse, root, *words):
    facts = json.loads(okse("collect", "--scope", "host", "--sysroot", root, "--at", AT, "--json", *words, status=0).out)
    coverage = {c["collector"]: c for c in facts["collectors"]}["configuration"]
    found = {}
    for endpoint in facts["endpoints"]:
        for source in endpoint["sources"]:
            found.setdefault(source["path"], []).append((endpoint["host"], endpoint["port"], endpoint["direction"], source["line"]))
    return facts, found, coverage


def named(coverage, path):
    return [reason for reason in coverage["reason"].split("; ") if reason.startswith(path)] if coverage["status"] == "partial" else []


def file_at(root, path, data):
    place = root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return place


# What a person can write with an editor, and how iconv(1) and Python write it.
ENCODED = {
    "utf-8-mark": "\ufeff".encode() + TEXT.encode(),
    "utf-16-le-mark": b"\xff\xfe" + TEXT.encode("utf-16-le"),
    "utf-16-be-mark": b"\xfe\xff" + TEXT.encode("utf-16-be"),
    "utf-16-le": TEXT.encode("utf-16-le"),
    "utf-16-be": TEXT.encode("utf-16-be"),
    "utf-32-mark": TEXT.encode("utf-32"),
    "utf-32-be": TEXT.encode("utf-32-be"),
    "latin-1": TEXT.replace("서버", "Zürich").encode("latin-1"),
    "euc-kr": TEXT.encode("euc-kr"),
    "carriage-returns": TEXT.replace("\n", "\r").encode(),
}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    from conftest import Okse
    root = tmp_path_factory.mktemp("written")
    for name, data in ENCODED.items():
        file_at(root, f"/etc/unheard/{name}", data)
    return root, collected(Okse(root.parent), root)


@pytest.mark.parametrize("name", ENCODED)
def test_a_text_is_read_in_whatever_it_is_written(written, name):
    _, (facts, found, _) = written
    assert found.get(f"/etc/unheard/{name}") == [ROW]


def test_texts_leave_nothing_open(written):
    assert written[1][2]["status"] == "complete"


def test_the_digest_is_that_of_the_file_and_the_line_that_of_the_text(written):
    root, (facts, _, _) = written
    sources = {s["path"]: s for e in facts["endpoints"] for s in e["sources"]}
    for name in ENCODED:
        said = subprocess.run(["sha256sum", root / "etc/unheard" / name], capture_output=True, text=True, check=True).stdout.split()[0]
        source = sources[f"/etc/unheard/{name}"]
        assert (source["digest"], source["excerpt"]) == ("sha256:" + said, "relay_host = mx.example.org")


BINARY = {
    # a text with one byte of damage is read, and said to be damaged
    "/etc/unheard/one-nul": (b"server = a.example.org\ntitle\0 = 1\nsyslog_server = b.example.org\n", [("a.example.org", None, "out", 1), ("b.example.org", None, "out", 3)]),
    # a mark that lies: what a program would read as a text is in it
    "/etc/unheard/false-mark": (b"\xff\xfe\n\0\nserver = c.example.org\n" * 3, None),
    "/etc/unheard/odd.utf16": (b"\xff\xfe" + "server = d.example.org\n".encode("utf-16-le") + b"x", [("d.example.org", None, "out", 1)]),
    "/etc/unheard/lone.utf16": (b"\xff\xfe" + "server = e.example.org\n".encode("utf-16-le") + b"\x00\xd8\n\0", [("e.example.org", None, "out", 1)]),
    # UTF-16 from end to end, and bash, which leaves out every NUL, sets URL
    "/etc/unheard/two-texts": ("# kept as it was in the old system\n".encode("utf-16-le") + b"\nURL=https://a.evilx.com/\n #", None),
    "/etc/unheard/table.db": (bytes(range(256)) * 3 + b"\0relayhost=f.example.org:25\0" + bytes(range(255, -1, -1)), [("f.example.org", 25, "out", None)]),
    "/etc/unheard/nothing-but-bytes": (bytes(range(256)), []),
    # … also where a collector of its own reads the directory, and in a list that it knows
    "/etc/default/blob": (bytes(range(256)), []),
    "/etc/rsyslog.d/blob.conf": (b"*.* @@logs.example.org\n\0\0\n", [("logs.example.org", 514, "out", 1)]),
    "/etc/unheard/too-large": (b"#" * (1 << 20) + b"\nserver = g.example.org\n", None),
    "/etc/unheard/long-line": (b"server = h.example.org " + b"#" * 9000 + b"\n", None),
    "/etc/unheard/many-places": (b"servers = " + b" ".join(b"192.0.2.%d" % (i % 250) for i in range(260)) + b"\n", None),
}


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    from conftest import Okse
    found = {}
    for paths in (list(BINARY)[:6], list(BINARY)[6:]):  # eight are named
        root = tmp_path_factory.mktemp("damaged")
        for path in paths:
            file_at(root, path, BINARY[path][0])
        found.update(dict.fromkeys(paths, collected(Okse(root.parent), root)))
    return found


@pytest.mark.parametrize("path", BINARY)
def test_what_is_no_text_is_named(damaged, path):
    _, found, coverage = damaged[path]
    assert named(coverage, path), coverage
    rows = BINARY[path][1]
    if rows is not None:
        assert {row[:3] for row in found.get(path, [])} == {row[:3] for row in rows}


def test_a_list_too_long_for_its_expression_is_named(okse, tmp_path):
    file_at(tmp_path, "/etc/unheard/list", b"nodes = " + b",".join(b"d%d" % i for i in range(1400)) + b"\n")
    assert named(collected(okse, tmp_path)[2], "/etc/unheard/list")


def test_a_comment_ends_where_yaml_ends_it(okse, tmp_path):
    ends = ["\r", "\x85", "\u2028", "\u2029"]
    for i, end in enumerate(ends):
        text = f"title: 1\r\n# note{end}relay_host: mx{i}.example.org{end}other: 2\n"
        assert yaml.safe_load(text)["relay_host"] == f"mx{i}.example.org"
        file_at(tmp_path, f"/etc/unheard/{i}.yaml", text.encode())
    _, found, coverage = collected(okse, tmp_path)
    assert coverage["status"] == "complete"
    assert {path: rows for path, rows in found.items()} == {f"/etc/unheard/{i}.yaml": [(f"mx{i}.example.org", None, "out", 3)] for i in range(len(ends))}


def test_a_picture_is_no_configuration(okse, tmp_path):
    file_at(tmp_path, "/etc/unheard/logo", b"\x89PNG\r\n\x1a\n" + bytes(64))
    file_at(tmp_path, "/etc/default/logo", b"GIF89a" + bytes(64))
    assert collected(okse, tmp_path)[2]["status"] == "complete"


def test_every_file_is_named_up_to_eight(okse, tmp_path):
    for i in range(8):
        file_at(tmp_path, f"/etc/unheard/blob{i}", bytes(range(256)))
    coverage = collected(okse, tmp_path)[2]
    assert all(named(coverage, f"/etc/unheard/blob{i}") for i in range(8)) and "and more" not in coverage["reason"]
    file_at(tmp_path, "/etc/unheard/blob8", bytes(range(256)))
    assert collected(okse, tmp_path)[2]["reason"].endswith("; and more")


def test_what_cannot_be_opened_is_named(okse, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root, to become somebody else")
    root = tmp_path / "root"
    file_at(root, "/etc/unheard/closed", TEXT.encode()).chmod(0)
    file_at(root, "/etc/shut/inner", TEXT.encode())
    for place in (root, *root.parents):
        if str(place) not in ("/", "/tmp"):
            place.chmod(place.stat().st_mode | 0o055)
    (root / "etc/shut").chmod(0o700)
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", okse.binary, "collect", "--scope", "host", "--sysroot",
                           root, "--at", AT, "--json"], capture_output=True, text=True, env=okse.environment)
    assert done.returncode == 0, done.stderr
    coverage = {c["collector"]: c for c in json.loads(done.stdout)["collectors"]}["configuration"]
    assert named(coverage, "/etc/unheard/closed") and named(coverage, "/etc/shut")


def test_links_lead_to_files_elsewhere(okse, tmp_path):
    file_at(tmp_path, "/opt/unheard/app.conf", TEXT.encode())
    file_at(tmp_path, "/etc/ssl/private", TEXT.encode())
    file_at(tmp_path, "/etc/unheard/own", b"#\n")
    for name, target in {"app.conf": "/opt/unheard/app.conf", "again": "app.conf", "left": "/etc/ssl/private", "nothing": "/nowhere", "kernel": "/proc/version", "loop": "loop"}.items():
        (tmp_path / "etc/unheard" / name).symlink_to(target)
    _, found, coverage = collected(okse, tmp_path)
    assert found == {"/etc/unheard/again": [ROW]}
    assert coverage["status"] == "complete"  # nobody can read a link that leads nowhere
    (tmp_path / "etc/unheard/away").symlink_to("/opt")
    _, _, coverage = collected(okse, tmp_path)
    assert named(coverage, "/etc/unheard/away")
