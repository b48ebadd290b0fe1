"""git sources: what is packed is what git itself says the commit holds, and nothing a repository contains is obeyed."""
import json
import os
import subprocess
import pytest
import stacks
from repositories import blob, commit, git, raw_commit, raw_tree, repository
from stacks import Bundle, build, leftovers, run, simple


def code(directory, source, kind="source"):
    return simple(directory, source, kind)


def refused(okse, directory, source, *expected, status=2):
    result = okse("build", code(directory, source), "--country", "VN", "-o", directory / "refused.okse", "--unsigned",
                  status=status)
    for text in expected:
        assert text in result.err, repr(result)
    assert not (directory / "refused.okse").exists() and result.out == ""
    return result.err


def files(bundle):
    """path → (bytes, mode) of the one component in raw form."""
    return {title: (bundle.content(layer["digest"]), layer["annotations"]["dev.okse.mode"])
            for title, layer in bundle.titles("data").items()}


def archived(directory, revision):
    """The same by git archive."""
    done = subprocess.run(["git", "-C", directory, "archive", "--format=tar", revision], capture_output=True, check=True)
    import io, tarfile
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        return {m.name: (archive.extractfile(m).read(), "0755" if m.mode & 0o100 else "0644")
                for m in archive.getmembers() if m.isreg()}


def record(bundle):
    return bundle.lock()["components"][0]["git"]


def test_packs_what_git_archive_packs(okse, tmp_path):
    repo = repository(tmp_path / "repo")
    head = git(repo, "rev-parse", "HEAD")
    bundle = build(okse, code(tmp_path, f"{{git: repo, commit: {head}}}"))
    assert files(bundle) == archived(repo, "HEAD")
    assert record(bundle) == {"commit": head, "time": 1700000100}


def test_an_older_commit_is_taken_whatever_the_working_tree_holds(okse, tmp_path):
    repo = repository(tmp_path / "repo")
    (repo / "README.md").write_text("edited\n")
    (repo / "new").write_text("untracked\n")
    first = git(repo, "rev-parse", "HEAD^")
    bundle = build(okse, code(tmp_path, f"{{git: repo, commit: {first}}}"))
    assert files(bundle) == archived(repo, first) and files(bundle)["README.md"][0] == b"first\n"


def test_a_bare_mirror_packs_as_the_repository_does(okse, tmp_path):
    repo = repository(tmp_path / "repo")
    git(tmp_path, "clone", "-q", "--mirror", "repo", "mirror.git")
    head = git(repo, "rev-parse", "HEAD")
    one = build(okse, code(tmp_path, f"{{git: repo, commit: {head}, history: true}}"), tmp_path / "a.okse")
    two = build(okse, code(tmp_path, f"{{git: mirror.git, commit: {head}, history: true}}"), tmp_path / "b.okse")
    assert one.titles("data") == two.titles("data")  # loose objects and a pack: the same history, the same bytes
    git(repo, "gc", "-q")
    build(okse, code(tmp_path, f"{{git: repo, commit: {head}, history: true}}"), tmp_path / "c.okse")
    assert (tmp_path / "a.okse").read_bytes() == (tmp_path / "c.okse").read_bytes()


def test_a_file_address_is_a_path(okse, tmp_path):
    repo = repository(tmp_path / "repo")
    assert files(build(okse, code(tmp_path, f"{{git: 'file://{repo}', commit: HEAD}}"))) == archived(repo, "HEAD")


def test_a_subdirectory_becomes_the_component(okse, tmp_path):
    repo = repository(tmp_path / "repo")
    bundle = build(okse, code(tmp_path, "{git: repo, commit: HEAD, subdirectory: src}"))
    assert list(files(bundle)) == ["main.c", "run.sh"] and files(bundle)["run.sh"][1] == "0755"
    assert record(bundle)["subdirectory"] == "src"
    refused(okse, tmp_path, "{git: repo, commit: HEAD, subdirectory: lib}", "no directory 'lib'")
    refused(okse, tmp_path, "{git: repo, commit: HEAD, subdirectory: src/main.c}", "no directory")


def test_a_tree_with_links_becomes_a_tar_that_holds_what_git_archive_holds(okse, tmp_path):
    repo = repository(tmp_path / "repo")
    (repo / "src/link.c").symlink_to("main.c")
    commit(repo, "link")
    build(okse, code(tmp_path, "{git: repo, commit: HEAD}"))
    run("tar", "-xf", tmp_path / "out.okse", "-C", tmp_path)
    bundle = Bundle(tmp_path / "out.okse")
    tar = tmp_path / "blobs" / bundle.titles("data")["data.tar"]["digest"].replace(":", "/")
    (tmp_path / "ours").mkdir(), (tmp_path / "theirs").mkdir()
    run("tar", "-xf", tar, "-C", tmp_path / "ours")
    subprocess.run(f"git -C {repo} archive HEAD | tar -x -C {tmp_path}/theirs", shell=True, check=True)
    run("diff", "-r", "--no-dereference", tmp_path / "ours", tmp_path / "theirs")


# ---- times

def test_the_newest_commit_is_the_time_of_the_bundle(okse, tmp_path):
    repository(tmp_path / "repo")
    stack = code(tmp_path, "{git: repo, commit: HEAD}")
    created = "org.opencontainers.image.created"
    assert build(okse, stack).index["annotations"][created] == "2023-11-14T22:15:00Z"  # date -u -d @1700000100
    assert build(okse, stack, env={"SOURCE_DATE_EPOCH": "5"}).index["annotations"][created] == "1970-01-01T00:00:05Z"
    assert build(okse, stack, env={"SOURCE_DATE_EPOCH": "0"}).index["annotations"][created] == "1970-01-01T00:00:00Z"


# ---- references

def test_a_branch_or_a_short_id_is_refused(okse, tmp_path):
    repo = repository(tmp_path / "repo")
    head = git(repo, "rev-parse", "HEAD")
    for word in ("main", head[:12], head.upper(), "HEAD^"):
        refused(okse, tmp_path, f'{{git: repo, commit: "{word}"}}', "stack.yaml:7:", "40 lower-case hex digits", "git rev-parse")
    refused(okse, tmp_path, "{git: repo}", "stack.yaml:7:40", "either 'commit' or 'tag'")
    refused(okse, tmp_path, "{git: repo, commit: HEAD, tag: v1}", "either 'commit' or 'tag'")
    refused(okse, tmp_path, "{git: repo, comit: HEAD}", "unknown key 'comit' (did you mean 'commit'?)")
    refused(okse, tmp_path, "{git: repo, commit: HEAD, subdir: x}", "unknown key 'subdir'")


def test_a_commit_or_tag_that_is_not_there_is_named(okse, tmp_path):
    repository(tmp_path / "repo")
    refused(okse, tmp_path, f"{{git: repo, commit: '{'0' * 39}1'}}", "0001", "not there")
    refused(okse, tmp_path, "{git: repo, tag: v9}", "no tag 'v9'")
    refused(okse, tmp_path, "{git: repo, tag: ../../HEAD}", "'tag' is not the name of a tag")
    refused(okse, tmp_path, "{git: nowhere, commit: HEAD}", "nowhere", status=3)


@pytest.mark.parametrize("packed", [False, True])
def test_tags_are_resolved_and_recorded(okse, tmp_path, packed):
    repo = repository(tmp_path / "repo")
    git(repo, "tag", "light", "HEAD^")
    git(repo, "tag", "-a", "-m", "release", "v1", "HEAD")
    if packed:
        git(repo, "pack-refs", "--all")
    bundle = build(okse, code(tmp_path, "{git: repo, tag: v1}"))
    assert record(bundle)["commit"] == git(repo, "rev-parse", "v1^{commit}")
    assert record(bundle)["tag"] == {"name": "v1", "object": git(repo, "rev-parse", "v1")}
    bundle = build(okse, code(tmp_path, "{git: repo, tag: light}"))
    assert record(bundle)["commit"] == git(repo, "rev-parse", "HEAD^") and record(bundle)["tag"] == {"name": "light"}


def test_a_remote_repository_is_answered_with_the_command_that_fetches(okse, tmp_path):
    """ssh is not fetched: nothing says who answers there. https is, at a commit or tag."""
    for place in ("ssh://git.example.org/lab/server.git", "git@git.example.org:lab/server.git"):
        refused(okse, tmp_path, f"{{git: '{place}', commit: HEAD}}", "only https is fetched", f"git clone --mirror {place} mirrors/server.git")
    place = "https://git.example.org/lab/server.git"
    refused(okse, tmp_path, f"{{git: '{place}', commit: HEAD}}", f"git ls-remote {place} HEAD")
    refused(okse, tmp_path, f"{{git: '{place}', tag: v1}}", f"{place} is not in the cache .okse-cache", f"okse fetch {tmp_path}/stack.yaml")


# ---- signatures

def test_an_ssh_signature_is_recorded_with_its_key_and_not_judged(okse, tmp_path):
    repo = repository(tmp_path / "repo")
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", tmp_path / "key")
    sign = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={tmp_path}/key")
    git(repo, *sign, "commit", "-q", "--allow-empty", "-S", "-m", "signed")
    git(repo, *sign, "tag", "-s", "-m", "release", "v1")
    bundle = build(okse, code(tmp_path, "{git: repo, tag: v1}"))
    fingerprint = run("ssh-keygen", "-lf", tmp_path / "key.pub").split()[1]
    for signature in (record(bundle)["signature"], record(bundle)["tag"]["signature"]):
        assert (signature["format"], signature["signer"], signature["verified"]) == ("ssh", fingerprint, "not checked")
    raw = git(repo, "cat-file", "tag", "v1")
    assert record(bundle)["tag"]["signature"]["text"].strip() == raw[raw.index("-----BEGIN"):]


def test_an_openpgp_signature_names_its_issuer(okse, tmp_path):
    repo = repository(tmp_path / "repo")
    home = {"GNUPGHOME": str(tmp_path / "gpg")}
    (tmp_path / "gpg").mkdir(mode=0o700)
    made = subprocess.run(["gpg", "--batch", "--passphrase", "", "--quick-gen-key", "a@example.org", "ed25519", "sign"],
                          env={**os.environ, **home}, capture_output=True, text=True)
    if made.returncode != 0:
        pytest.skip(f"gpg makes no key here: {made.stderr}")
    git(repo, "-c", "user.signingkey=a@example.org", "commit", "-q", "--allow-empty", "-S", "-m", "signed", env=home)
    listed = run("gpg", "--list-keys", "--with-colons", env={**os.environ, **home})
    fingerprint = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr"))
    signature = record(build(okse, code(tmp_path, "{git: repo, commit: HEAD}")))["signature"]
    assert (signature["format"], signature["signer"], signature["verified"]) == ("openpgp", fingerprint, "not checked")


# ---- a dirty tree

def edit(repo):
    (repo / "README.md").write_text("edited\n")


def same_size(repo):
    (repo / "README.md").write_text("secOnd\n")


def remove(repo):
    (repo / "src/main.c").unlink()


def mode(repo):
    (repo / "src/run.sh").chmod(0o644)


def stage_new(repo):
    (repo / "new").write_text("x\n")
    git(repo, "add", "new")


def stage_and_restore(repo):
    same_size(repo)
    git(repo, "add", "README.md")
    (repo / "README.md").write_text("second\n")


def become_link(repo):
    (repo / "src/main.c").unlink()
    (repo / "src/main.c").symlink_to("/etc/passwd")


@pytest.mark.parametrize("change", [edit, same_size, remove, mode, stage_new, stage_and_restore, become_link])
def test_a_dirty_tree_is_refused_unless_allowed(okse, tmp_path, change):
    repo = repository(tmp_path / "repo")
    build(okse, code(tmp_path, "{git: repo, commit: HEAD}"), tmp_path / "clean.okse")
    change(repo)
    assert git(repo, "status", "--porcelain") != ""
    refused(okse, tmp_path, "{git: repo, commit: HEAD}", "differs from HEAD", "allow_dirty: true")
    build(okse, code(tmp_path, "{git: repo, commit: HEAD, allow_dirty: true}"), tmp_path / "allowed.okse")
    assert (tmp_path / "allowed.okse").read_bytes() == (tmp_path / "clean.okse").read_bytes()


def test_allow_dirty_without_head_is_a_mistake(okse, tmp_path):
    repo = repository(tmp_path / "repo")
    head = git(repo, "rev-parse", "HEAD")
    refused(okse, tmp_path, f"{{git: repo, commit: {head}, allow_dirty: true}}", "'allow_dirty' goes with 'commit: HEAD'")


def test_a_dirty_place_outside_the_subdirectory_does_not_count(okse, tmp_path):
    repo = repository(tmp_path / "repo")
    edit(repo)
    git(repo, "add", "-A")
    build(okse, code(tmp_path, "{git: repo, commit: HEAD, subdirectory: src}"))
    refused(okse, tmp_path, "{git: repo, commit: HEAD}", "'README.md' differs")


# ---- history

def test_history_is_a_bundle_that_git_clones(okse, tmp_path):
    repo = repository(tmp_path / "repo")
    git(repo, "tag", "-a", "-m", "release", "v1")
    bundle = build(okse, code(tmp_path, "{git: repo, tag: v1, history: true}"))
    (tmp_path / "x.bundle").write_bytes(files(bundle)["history.bundle"][0])
    assert "is okay" in subprocess.run(["git", "bundle", "verify", tmp_path / "x.bundle"], cwd=repo, capture_output=True,
                                       text=True).stderr
    git(tmp_path, "clone", "-q", "x.bundle", "clone")
    git(tmp_path / "clone", "fsck", "--strict", "--full")
    for what in ("HEAD", "v1", "v1^{commit}"):
        assert git(tmp_path / "clone", "rev-parse", what) == git(repo, "rev-parse", what)
    assert git(tmp_path / "clone", "rev-list", "--all") == git(repo, "rev-list", "--all")
    assert git(tmp_path / "clone", "branch", "--show-current") == "main"
    assert files(bundle)["src/run.sh"][1] == "0755" and record(bundle)["history"] == "history.bundle"


def test_a_shallow_history_is_refused(okse, tmp_path):
    repository(tmp_path / "repo")
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{tmp_path}/repo", "shallow")
    refused(okse, tmp_path, "{git: shallow, commit: HEAD, history: true}", "not whole", "unshallow")
    build(okse, code(tmp_path, "{git: shallow, commit: HEAD}"))


def test_a_file_named_as_the_history_is_refused(okse, tmp_path):
    repo = repository(tmp_path / "repo")
    (repo / "history.bundle").write_text("x")
    commit(repo)
    refused(okse, tmp_path, "{git: repo, commit: HEAD, history: true}", "'history.bundle' is there twice")


# ---- submodules

@pytest.fixture
def nested(tmp_path):
    inner = repository(tmp_path / "inner")
    middle = repository(tmp_path / "middle")
    git(middle, "submodule", "add", "-q", "--name", "the inner", inner, "deps/inner")
    commit(middle, "submodule", 1700000200)
    outer = repository(tmp_path / "repo")
    git(outer, "submodule", "add", "-q", middle, "third/middle")
    git(outer, "submodule", "update", "-q", "--init", "--recursive")
    commit(outer, "submodule", 1700000150)
    return outer


def test_submodules_are_packed_at_their_recorded_commits(okse, tmp_path, nested):
    bundle = build(okse, code(tmp_path, "{git: repo, commit: HEAD}"))
    packed = files(bundle)
    assert packed["third/middle/deps/inner/src/run.sh"] == (b"#!/bin/sh\n", "0755")
    expected = {".gitmodules", "README.md", "src/main.c", "src/run.sh"}
    assert set(packed) == expected | {f"third/middle/{n}" for n in expected} | {
        f"third/middle/deps/inner/{n}" for n in expected - {".gitmodules"}}
    assert record(bundle)["submodules"] == [
        {"path": "third/middle", "commit": git(nested, "rev-parse", "HEAD:third/middle")},
        {"path": "third/middle/deps/inner", "commit": git(tmp_path / "middle", "rev-parse", "HEAD:deps/inner")}]
    assert record(bundle)["time"] == 1700000200  # the submodule's commit is the newest
    bundle = build(okse, code(tmp_path, "{git: repo, commit: HEAD, subdirectory: third}"))
    assert "middle/deps/inner/README.md" in files(bundle)


def test_a_missing_submodule_is_refused(okse, tmp_path, nested):
    git(tmp_path, "clone", "-q", "repo", "alone")
    refused(okse, tmp_path, "{git: alone, commit: HEAD}", "submodule third/middle", "git submodule update --init --recursive")


def test_a_submodule_never_names_a_place_outside(okse, tmp_path, nested):
    (nested / ".gitmodules").write_text('[submodule "../../inner/.git"]\n\tpath = third/middle\n\turl = x\n')
    commit(nested)
    refused(okse, tmp_path, "{git: repo, commit: HEAD}", "submodule ../../inner/.git")
    (nested / ".gitmodules").write_text("")
    commit(nested)
    refused(okse, tmp_path, "{git: repo, commit: HEAD}", ".gitmodules does not name")
    (nested / ".gitmodules").write_text('[submodule "a"]\n\tpath = elsewhere\n')
    commit(nested)
    refused(okse, tmp_path, "{git: repo, commit: HEAD}", "'third/middle' is a submodule that .gitmodules does not name")


# ---- what is no content

def test_an_lfs_pointer_is_not_the_content(okse, tmp_path):
    repo = repository(tmp_path / "repo")
    (repo / "model.gguf").write_text("version https://git-lfs.github.com/spec/v1\n"
                                     f"oid sha256:{'a' * 64}\nsize 12345\n")
    commit(repo)
    refused(okse, tmp_path, "{git: repo, commit: HEAD}", "model.gguf", "Git LFS pointer")
    (repo / "model.gguf").write_text("about version https://git-lfs.github.com/spec/v1\n")
    commit(repo)
    build(okse, code(tmp_path, "{git: repo, commit: HEAD}"))


# ---- hostile repositories

@pytest.mark.parametrize("name", [b"..", b".", b".git", b".GIT", b".git ", b".git.", b"git~1", b"GIT~1", ".g\u200cit".encode(),
                                  b".git::$INDEX_ALLOCATION", b"a/b", b"a\\b", b"\xff", b"a\nb", "\u202ea".encode(),
                                  b"n" * 300])
def test_names_that_would_do_harm_are_refused(okse, tmp_path, name):
    repo = repository(tmp_path / "repo")
    inner = raw_tree(repo, ("100644", b"config", blob(repo, b"x")))
    head = raw_commit(repo, raw_tree(repo, ("40000", name, inner)))
    error = refused(okse, tmp_path, f"{{git: repo, commit: {head}}}", "component 'data'")
    assert "\n" not in error.rstrip("\n") and "\u202e" not in error


def test_a_name_twice_and_a_link_out_are_refused(okse, tmp_path):
    repo = repository(tmp_path / "repo")
    one = blob(repo, b"x")
    head = raw_commit(repo, raw_tree(repo, ("100644", b"a", one), ("100644", b"a", one)))
    refused(okse, tmp_path, f"{{git: repo, commit: {head}}}", "'a' is there twice")
    for target in (b"/etc/passwd", b"../x", b"b/../../x", b"x\0y", b"x" * 5000):
        head = raw_commit(repo, raw_tree(repo, ("120000", b"a", blob(repo, target))))
        refused(okse, tmp_path, f"{{git: repo, commit: {head}}}", "symbolic link", "outside the component")


def test_a_tree_bomb_ends_at_a_limit(okse, tmp_path):
    repo = repository(tmp_path / "repo")
    tree = raw_tree(repo, ("100644", b"f", blob(repo, b"x")))
    for _ in range(70):
        tree = raw_tree(repo, ("40000", b"d", tree))
    refused(okse, tmp_path, f"{{git: repo, commit: {raw_commit(repo, tree)}}}", "nested deeper than 64")


def test_a_commit_from_before_1970_gives_no_time(okse, tmp_path):
    repo = repository(tmp_path / "repo")
    head = raw_commit(repo, raw_tree(repo, ("100644", b"f", blob(repo, b"x"))), time=10**15)
    refused(okse, tmp_path, f"{{git: repo, commit: {head}}}", "between 1970 and 9999")


def test_nothing_of_a_repository_is_run_or_obeyed(okse, tmp_path):
    repo = repository(tmp_path / "repo")
    build(okse, code(tmp_path, "{git: repo, commit: HEAD}"), tmp_path / "before.okse")
    touch = f"touch {tmp_path}/executed"
    for key in ("core.fsmonitor", "core.hooksPath", "filter.x.smudge", "filter.x.clean", "core.sshCommand", "core.pager"):
        git(repo, "config", key, touch)
    git(repo, "config", "core.worktree", "/etc")
    git(repo, "config", "core.autocrlf", "true")
    git(repo, "config", "include.path", "/nonexistent")
    (repo / ".git/info").mkdir(exist_ok=True)
    (repo / ".git/info/attributes").write_text("* filter=x text eol=crlf\n")
    for hook in ("post-checkout", "pre-commit", "post-index-change"):
        (repo / f".git/hooks/{hook}").write_text(f"#!/bin/sh\n{touch}\n")
        (repo / f".git/hooks/{hook}").chmod(0o755)
    home = {"HOME": str(tmp_path / "home"), "GIT_DIR": "/nonexistent", "GIT_CONFIG_PARAMETERS": "'core.autocrlf=true'"}
    (tmp_path / "home").mkdir()
    (tmp_path / "home/.gitconfig").write_text("[core]\n\tautocrlf = true\n[broken\n")
    build(okse, code(tmp_path, "{git: repo, commit: HEAD}"), tmp_path / "after.okse", env=home)
    assert (tmp_path / "before.okse").read_bytes() == (tmp_path / "after.okse").read_bytes()
    assert not (tmp_path / "executed").exists()


def test_a_replaced_or_damaged_object_is_not_taken(okse, tmp_path):
    repo = repository(tmp_path / "repo")
    name = git(repo, "rev-parse", "HEAD:README.md")
    git(repo, "replace", name, blob(repo, b"replaced\n"))
    assert files(build(okse, code(tmp_path, "{git: repo, commit: HEAD}")))["README.md"][0] == b"second\n"
    place = repo / ".git/objects" / name[:2] / name[2:]
    other = blob(repo, b"another\n")
    place.chmod(0o644)
    place.write_bytes((repo / ".git/objects" / other[:2] / other[2:]).read_bytes())
    refused(okse, tmp_path, "{git: repo, commit: HEAD, allow_dirty: true}", "README.md", status=3)


def test_borrowed_objects_and_linked_work_trees_are_refused(okse, tmp_path):
    repo = repository(tmp_path / "repo")
    git(tmp_path, "clone", "-q", "--shared", "repo", "borrower")
    refused(okse, tmp_path, "{git: borrower, commit: HEAD}", "borrows objects", "git repack -a -d")
    git(repo, "worktree", "add", "-q", tmp_path / "linked", "HEAD^")
    refused(okse, tmp_path, "{git: linked, commit: HEAD}", "linked work tree")
    (tmp_path / "plain").mkdir()
    refused(okse, tmp_path, "{git: plain, commit: HEAD}", "is not a git repository")
    (tmp_path / "plain/.git").symlink_to(repo / ".git")
    refused(okse, tmp_path, "{git: plain, commit: HEAD}", "linked work tree")
