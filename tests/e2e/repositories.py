"""Git repositories to build from, made by git itself with fixed times."""
import os
import subprocess

ENVIRONMENT = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C",
               "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "A",
               "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_AUTHOR_DATE": "1700000000 +0000",
               "GIT_COMMITTER_DATE": "1700000000 +0000", "GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "protocol.file.allow",
               "GIT_CONFIG_VALUE_0": "always", "GIT_CONFIG_KEY_1": "init.defaultBranch", "GIT_CONFIG_VALUE_1": "main"}


def git(directory, *words, env=None, stdin=None):
    done = subprocess.run(["git", *map(str, words)], cwd=directory, env={**ENVIRONMENT, **(env or {})}, input=stdin,
                          capture_output=True, text=not isinstance(stdin, bytes))
    assert done.returncode == 0, done.stderr
    out = done.stdout if isinstance(done.stdout, str) else done.stdout.decode()
    return out.strip()


def commit(directory, message="m", time=1700000000, *words):
    git(directory, "add", "-A")
    git(directory, "commit", "-q", "--allow-empty", "-m", message, *words,
        env={"GIT_AUTHOR_DATE": f"{time} +0000", "GIT_COMMITTER_DATE": f"{time} +0000"})
    return git(directory, "rev-parse", "HEAD")


def repository(directory):
    """Two commits: plain files, an executable, a link that stays inside, a subdirectory."""
    directory.mkdir(parents=True)
    git(directory, "init", "-q")
    (directory / "README.md").write_text("first\n")
    (directory / "src").mkdir()
    (directory / "src/main.c").write_text("int main(void) { return 0; }\n")
    (directory / "src/run.sh").write_text("#!/bin/sh\n")
    (directory / "src/run.sh").chmod(0o755)
    commit(directory, "first")
    (directory / "README.md").write_text("second\n")
    commit(directory, "second", 1700000100)
    return directory


def raw_tree(directory, *entries):
    """A tree object with whatever names and modes, which git itself would not write. entries: (mode, name, id)."""
    body = b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(object_id) for mode, name, object_id in entries)
    return git(directory, "hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=body)


def raw_commit(directory, tree, time=1700000000):
    text = f"tree {tree}\nauthor A <a@example.org> {time} +0000\ncommitter A <a@example.org> {time} +0000\n\nm\n"
    return git(directory, "hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=text.encode())


def blob(directory, data):
    return git(directory, "hash-object", "-w", "--stdin", stdin=data)
