"""Which files of a directory are packed: `.okseignore` (compared with git), `files:`, and the Hugging Face cache."""
import hashlib
import json
import os
import subprocess
import pytest
from repositories import ENVIRONMENT
from stacks import HEAD, build, noise, run, simple, write


def refused(okse, directory, source, *expected, status=2, kind="dataset"):
    result = okse("build", simple(directory, source, kind), "--country", "VN", "-o", directory / "refused.okse",
                  "--unsigned", "--gate", "off", status=status)
    for text in expected:
        assert text in result.err, repr(result)
    assert not (directory / "refused.okse").exists()


def made(okse, directory, source="{path: data}", kind="dataset", name="out"):
    return build(okse, simple(directory, source, kind), directory / f"{name}.okse")


# ---- .okseignore

TREE = ["a.txt", "b.log", "build/x.o", "build/keep.txt", "sub/a.txt", "sub/build/y.o", "sub/deep/er/b.log", "doc/a.pdf",
        "doc/b.txt", "tmp/one", "tmp/two/three", ".hidden/x", ".env", "x[1].txt", "x1.txt", "!bang", "#hash", "name with space",
        "end ", "한글.txt", "a/b/c", "a/c", "a/x/y/c", "foo/bar", "foobar", "back\\slash"[:4], "Case.TXT"]

RULES = ["*.log", "build", "build/", "/build", "/build/", "sub/build", "**/build/", "*.txt\n!a.txt", "*.txt\n!/a.txt",
         "doc/*.pdf", "doc/**", "doc/**\n!doc/a.pdf", "doc/*\n!doc/a.pdf", "tmp/*", "tmp\n!tmp/one", ".*", "x[1].txt", "x\\[1\\].txt",
         "x[!1].txt", "x[0-9].txt", "[a-f]*", "\\!bang", "\\#hash", "# comment\n\n*.o", "name*", "name with space   ", "end\\ ",
         "한글.*", "a/**/c", "**/c", "a/**", "**", "*", "*\n!*/\n!*.txt", "foo*", "foo/", "foo", "**/b*", "sub/**/*.log",
         "case.txt", "a.txt\r", "/*\n!/sub", "[]-a]*", "a*t", "*a*t*", "**foo", "a**", "deep/er", "sub/deep/er/"]


def tree(directory):
    for name in TREE:
        write(directory / name, name)


def packed(bundle, tmp_path):
    titles = bundle.titles("data")
    if "data.tar" not in titles:
        return set(titles)
    (tmp_path / "listed.tar").write_bytes(bundle.content(titles["data.tar"]["digest"]))
    return {n.removeprefix("./") for n in run("tar", "-tf", tmp_path / "listed.tar").splitlines() if not n.endswith("/")}


@pytest.mark.parametrize("rules", RULES)
def test_ignores_what_git_ignores(okse, tmp_path, rules):
    data = tmp_path / "data"
    tree(data)
    write(data / ".okseignore", rules + "\n")
    reference = rules.replace("\r", "")  # lines of another system end there
    write(tmp_path / "rules", reference + "\n")
    listed = subprocess.run(["git", "-c", "core.quotePath=false", "-c", "core.ignoreCase=false", f"--git-dir={tmp_path}/git",
                             f"--work-tree={data}", "ls-files", "-z", "--others", f"--exclude-from={tmp_path}/rules"],
                            capture_output=True, check=True, env=ENVIRONMENT, cwd=data) if subprocess.run(
        ["git", "init", "-q", "--bare", tmp_path / "git"], env=ENVIRONMENT, check=True) else None
    expected = set(listed.stdout.decode().split("\0")) - {"", ".okseignore"}
    if expected == set():
        refused(okse, tmp_path, "{path: data}", "empty directory")
        return
    assert packed(made(okse, tmp_path), tmp_path) == expected


def test_left_out_files_are_listed_and_their_bytes_do_not_count(okse, tmp_path):
    data = tmp_path / "data"
    for name in ("keep", "notes.log", "cache/a", "sub/x.log"):
        write(data / name, name)
    write(data / ".okseignore", "*.log\n/cache/\n")
    words = ("build", simple(tmp_path), "--country", "VN", "-o", tmp_path / "o.okse", "--unsigned", "--gate", "off")
    left_out = okse(*words, "--json", status=0).json["left_out"]
    assert left_out == [{"component": "data", "path": p} for p in (".okseignore", "cache/", "notes.log", "sub/x.log")]
    before = (tmp_path / "o.okse").read_bytes()
    write(data / ".okseignore", "# other words\n*.log\ncache\n")
    write(data / "cache/more", "x")
    okse(*words, status=0)
    assert (tmp_path / "o.okse").read_bytes() == before
    os.mkfifo(data / "pipe.log")
    (data / "out.log").symlink_to("/etc")
    okse(*words, status=0)
    assert (tmp_path / "o.okse").read_bytes() == before


def test_a_directory_emptied_by_rules_is_no_entry(okse, tmp_path):
    write(tmp_path / "data/keep", "x")
    write(tmp_path / "data/logs/a.log", "x")
    write(tmp_path / "data/.okseignore", "*.log\n")
    assert list(made(okse, tmp_path).titles("data")) == ["keep"]  # raw form: no empty directory


@pytest.mark.parametrize("text,place,reason", [
    ("ok\n[a\n", "data/.okseignore:2:1", "a set '['"), ("a//b\n", ":1:1", "empty"), ("\n../x\n", ":2:1", "'..'"),
    ("x\n\n./y\n", ":3:1", "'.'"), ("[[:alpha:]]\n", ":1:1", "named classes"), ("a\\\n", ":1:1", "nothing behind"),
    ("!\n", ":1:1", "empty"), (b"\xff\n", ":1:1", "UTF-8"), (b"a\0b\n", "data/.okseignore", "NUL"), ("x\n" * 1001, ":1001:1", "1000 rules"),
    ("x" * 70000, "data/.okseignore", "65536")])
def test_wrong_rules_are_refused_with_their_line(okse, tmp_path, text, place, reason):
    write(tmp_path / "data/x", "x")
    write(tmp_path / "data/.okseignore", text)
    refused(okse, tmp_path, "{path: data}", place, reason)


def test_no_rules_leave_everything_but_the_file_itself(okse, tmp_path):
    write(tmp_path / "data/x", "x")
    write(tmp_path / "data/.okseignore", "")
    assert list(made(okse, tmp_path).titles("data")) == ["x"]


def test_rules_behind_a_link_are_not_read(okse, tmp_path):
    write(tmp_path / "data/x", "x")
    write(tmp_path / "rules", "x\n")
    (tmp_path / "data/.okseignore").symlink_to("../rules")
    refused(okse, tmp_path, "{path: data}", ".okseignore", status=1)


def test_a_question_mark_is_one_character_not_one_byte(okse, tmp_path):
    tree(tmp_path / "data")
    assert list(made(okse, tmp_path, "{files: ['?글.txt', '[가-힣]글.*'], in: data}").titles("data")) == ["한글.txt"]


def test_the_output_may_not_replace_a_chosen_file(okse, tmp_path):
    write(tmp_path / "in/a.okse", "x")
    stack = simple(tmp_path, "{files: [in/*.okse]}")
    result = okse("build", stack, "--country", "VN", "-o", tmp_path / "in/a.okse", "--unsigned", "--gate", "off", status=2)
    assert "is the source of a component" in result.err


def test_matching_does_not_explode(okse, tmp_path):
    write(tmp_path / "data" / ("a" * 200) / "a/a/a/a/a/a/a/a/a/a/x", "x")
    write(tmp_path / "data/.okseignore", "*a" * 60 + "b\n" + "**/*a*/" * 60 + "b\n")
    okse("build", simple(tmp_path), "--country", "VN", "-o", tmp_path / "o.okse", "--unsigned", "--gate", "off", status=0)


# ---- files

def test_files_by_patterns_are_sorted_by_path_whatever_the_order(okse, tmp_path):
    for name in ("wheels/b.whl", "wheels/a.whl", "wheels/notes.txt", "conf/site.yaml", "conf/deep/er/x.yaml", "other"):
        write(tmp_path / "in" / name, name)
    os.mkfifo(tmp_path / "in/wheels/pipe")
    (tmp_path / "in/out").symlink_to("/etc")
    (tmp_path / "in/empty").mkdir()
    one = made(okse, tmp_path, "{files: [wheels/*.whl, conf/**/*.yaml], in: in}", name="a")
    two = made(okse, tmp_path, "{files: ['conf/**/*.yaml', 'wheels/?.whl'], in: ./in}", name="b")
    assert list(one.titles("data")) == ["conf/deep/er/x.yaml", "conf/site.yaml", "wheels/a.whl", "wheels/b.whl"]
    assert one.titles("data") == two.titles("data") and one.lock()["components"][0]["source"] == "files:in"
    three = made(okse, tmp_path, "{files: [in/other]}", name="c")
    assert list(three.titles("data")) == ["in/other"]


def test_patterns_that_are_wrong_or_match_nothing_are_refused(okse, tmp_path):
    write(tmp_path / "in/a.whl", "x")
    refused(okse, tmp_path, "{files: [in/*.whl, in/*.deb]}", "stack.yaml:7:", "pattern 'in/*.deb' matches no file")
    refused(okse, tmp_path, "{files: [in]}", "pattern 'in' matches no file")
    refused(okse, tmp_path, "{files: [../x]}", "stack.yaml:7:50", "relative path")
    refused(okse, tmp_path, "{files: [/etc/passwd]}", "relative path")
    refused(okse, tmp_path, "{files: []}", "list of patterns")
    refused(okse, tmp_path, "{files: in}", "list of patterns")
    refused(okse, tmp_path, "{files: [1]}", "must be a text")
    refused(okse, tmp_path, "{files: ['in/[a']}", "a set '['")
    refused(okse, tmp_path, "{files: [in/a.whl], inn: x}", "unknown key 'inn' (did you mean 'in'?)")
    refused(okse, tmp_path, "{files: [a], in: nowhere}", "nowhere", status=3)
    refused(okse, tmp_path, "{fils: [a]}", "unknown key 'fils' (did you mean 'files'?)")


def test_a_link_that_matches_must_stay_inside(okse, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/out.whl").symlink_to("/etc/passwd")
    refused(okse, tmp_path, "{files: [in/*.whl]}", "outside the component")


# ---- the Hugging Face cache

REVISION = "0123456789abcdef0123456789abcdef01234567"


def cache(directory, extra=()):
    """models--example--tiny as huggingface_hub lays it out: large files by SHA-256, small ones by their git id."""
    top = directory / "hub/models--example--tiny"
    snapshot = top / "snapshots" / REVISION
    for name, data, large in (("model.safetensors", noise("weights", 70_000), True), ("config.json", b"{}\n", False),
                              ("1_Pooling/config.json", b'{"pool": 1}\n', False), *extra):
        digest = hashlib.sha256(data).hexdigest() if large else hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        write(top / "blobs" / digest, data)
        (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
        (snapshot / name).symlink_to("../" * (2 + name.count("/")) + f"blobs/{digest}")
    write(top / "refs/main", REVISION)
    return snapshot


@pytest.mark.parametrize("place,key", [(f"hub/models--example--tiny/snapshots/{REVISION}", ""), ("hub/models--example--tiny", ""),
                                       ("hub/models--example--tiny/", ", revision: main"),
                                       ("hub/models--example--tiny", f", revision: {REVISION[:0]}'{REVISION}'")])
def test_a_snapshot_is_packed_as_the_files_it_shows(okse, tmp_path, place, key):
    snapshot = cache(tmp_path)
    bundle = made(okse, tmp_path, f"{{huggingface: {place}{key}}}", "weights")
    assert {n: l["digest"] for n, l in bundle.titles("data").items()} == {
        n: "sha256:" + run("sha256sum", snapshot / n).split()[0]
        for n in ("config.json", "model.safetensors", "1_Pooling/config.json")}
    assert bundle.lock()["components"][0]["huggingface"] == {"revision": REVISION, "repository": "example/tiny"}
    run("cp", "-rL", snapshot, tmp_path / "plain")
    assert made(okse, tmp_path, "{path: plain}", "weights", "plain").titles("data") == bundle.titles("data")


def test_many_files_of_a_snapshot_become_a_tar(okse, tmp_path):
    cache(tmp_path, [(f"shards/{i:03}.bin", noise(str(i), 50), True) for i in range(520)])
    bundle = made(okse, tmp_path, "{huggingface: hub/models--example--tiny}", "weights")
    assert len(packed(bundle, tmp_path)) == 523


def test_a_blob_that_is_not_what_its_name_says_is_refused(okse, tmp_path):
    for extra in ((), [(f"s/{i:03}.bin", noise(str(i), 50), True) for i in range(520)]):
        snapshot = cache(tmp_path / str(len(extra)), extra)
        target = (snapshot / "model.safetensors").resolve()
        target.write_bytes(b"x" + target.read_bytes()[1:])
        refused(okse, tmp_path / str(len(extra)), "{huggingface: hub/models--example--tiny}", "model.safetensors", kind="weights")


@pytest.mark.parametrize("target", ["../../../../../etc/passwd", "/etc/passwd", "../../blobs/../refs/main", "../../refs/main",
                                    "../blobs/x", "../../../models--other--x/blobs/y", "../../blobs/sub/x", "config.json",
                                    "../../blobs/link"])
def test_a_snapshot_never_leaves_its_cache(okse, tmp_path, target):
    snapshot = cache(tmp_path)
    (snapshot.parents[1] / "blobs/link").symlink_to("/etc/passwd")
    (snapshot / "evil").symlink_to(target)
    refused(okse, tmp_path, "{huggingface: hub/models--example--tiny}", "evil", "blob", kind="weights")


def test_an_unfinished_download_is_refused(okse, tmp_path):
    snapshot = cache(tmp_path)
    write(snapshot.parents[1] / "blobs/abc.incomplete", "x")
    refused(okse, tmp_path, "{huggingface: hub/models--example--tiny}", "abc.incomplete", "has not ended", kind="weights")
    os.unlink(snapshot.parents[1] / "blobs/abc.incomplete")
    os.unlink((snapshot / "config.json").resolve())
    refused(okse, tmp_path, "{huggingface: hub/models--example--tiny}", "config.json: its blob is not there", kind="weights")


def test_other_places_and_revisions_are_refused(okse, tmp_path):
    snapshot = cache(tmp_path)
    write(tmp_path / "plain/x/model.safetensors", "x")
    refused(okse, tmp_path, "{huggingface: plain/x}", "no snapshot of a Hugging Face cache", kind="weights")
    refused(okse, tmp_path, "{huggingface: hub/models--example--tiny, revision: v9}", "no snapshot 'v9'", kind="weights")
    refused(okse, tmp_path, "{huggingface: hub/models--example--tiny, revision: ../blobs}", "no snapshot", kind="weights")
    write(snapshot.parents[1] / "refs/main", "")
    refused(okse, tmp_path, "{huggingface: hub/models--example--tiny}", "no snapshot", kind="weights")
    refused(okse, tmp_path, f"{{huggingface: {snapshot}, revision: v9}}", "another revision", kind="weights")
    refused(okse, tmp_path, f"{{path: {snapshot}}}", "a Hugging Face cache is read with 'huggingface'", kind="weights")
