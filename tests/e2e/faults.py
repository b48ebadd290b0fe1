"""Runs okse with one libc call failing (tests/faults/interpose.c), at each place it makes such a call."""
import concurrent.futures
import difflib
import os
import pathlib
import re
import shutil
import subprocess

import conftest

LOG_SIZE = 1 << 22
WORDS = {"EIO": "Input/output error", "ENOSPC": "No space left on device", "EINTR": "Interrupted system call",
         "ENOMEM": "Cannot allocate memory", "EMFILE": "Too many open files"}
READS, WRITES = ["EIO", "short", "EINTR", "end"], ["EIO", "short", "EINTR", "ENOSPC+"]
KINDS = {"read": READS, "pread": READS, "copy_file_range": ["EIO", "short", "EINTR", "ENOSPC+", "end"],
         "write": WRITES, "pwrite": WRITES, "fallocate": ["ENOSPC+", "EIO", "EINTR"], "ftruncate": ["EIO", "ENOSPC+"],
         "fsync": ["EIO", "ENOSPC+"], "fdatasync": ["EIO", "ENOSPC+"], "syncfs": ["EIO", "ENOSPC+"],
         "open": ["EIO", "EMFILE", "EINTR"], "openat": ["EIO", "EMFILE", "EINTR"], "openat2": ["EIO", "EMFILE", "EINTR"],
         "rename": ["EIO", "ENOSPC+"], "renameat": ["EIO", "ENOSPC+"], "renameat2": ["EIO", "ENOSPC+"],
         "link": ["EIO", "ENOSPC+"], "linkat": ["EIO", "ENOSPC+"], "symlinkat": ["EIO", "ENOSPC+"],
         "mkdir": ["EIO", "ENOSPC+"], "mkdirat": ["EIO", "ENOSPC+"], "mmap": ["ENOMEM"]}
AVAILABLE = re.compile(r'"(available|installed_at|at)": ("[^"]*"|\d+)')  # differs from run to run
# libgit2 and libarchive replace the system's words by their own; the place is named all the same
HIDES_ERRNO = ["config repository: ", "wheels/engine.whl: ", "could not be read to its end"]
UNCHANGED = {"EINTR", "short"}  # what read, write and their like may do at any time: the work must go on


def library():
    """The interposer beside the binary under test."""
    binary = pathlib.Path(os.environ.get("OKSE", conftest.ROOT / "build" / "okse"))
    return binary.parent / "libokse-interpose.so"


class Case:
    """One command over a directory that every run gets a fresh copy of.

    words: the command line below that directory. see: the directory → what counts there, compared as a whole.
    judges: the command's answer is about a state on disk, and "some of it could not be read" (4) is such an answer.
    partial: output → does it say itself that something could not be seen? Then it may differ, and is never compliant.
    settles: a failure may leave a step half-done if it is recorded: the same command again then ends as if undisturbed."""

    def __init__(self, okse, start, words, see, judges=False, settles=False, partial=None):
        self.okse, self.start, self.words, self.see = okse, start, words, see
        self.judges, self.settles, self.partial = judges, settles, partial
        self.scratch = start.parent / (start.name + "-runs")
        self.scratch.mkdir(exist_ok=True)
        asan = re.search(r"=> (\S*libasan\S*)", subprocess.run(["ldd", okse.binary], capture_output=True, text=True).stdout)
        self.preload = " ".join(([asan[1]] if asan else []) + [str(library())])
        self.before = see(start)

    def run(self, name, **environment):
        """→ (status, stdout, stderr, what is seen after)."""
        work = self.scratch / name
        shutil.copytree(self.start, work, symlinks=True)
        environment = {**self.okse.environment, "LD_PRELOAD": self.preload, "SOURCE_DATE_EPOCH": "1767225600", **environment}
        done = subprocess.run([self.okse.binary, *map(str, self.words)], cwd=work, capture_output=True, text=True,
                              errors="replace", env=environment, timeout=60)
        seen = self.see(work)
        if self.settles and done.returncode != 0 and seen != self.before:
            again = subprocess.run([self.okse.binary, *map(str, self.words)], cwd=work, capture_output=True, text=True,
                                   env={**environment, "OKSE_FAULT_AT": ""}, timeout=60)
            seen = self.before if again.returncode == 0 and self.see(work) == self.after else {"again": repr(again)}
        shutil.rmtree(work)
        return done.returncode, AVAILABLE.sub(r'"\1": null', done.stdout), done.stderr, seen

    def count(self):
        """The calls of an undisturbed run: [(function, site)] in order; remembers its result."""
        log = self.scratch / "log"
        with open(log, "wb") as file:
            file.truncate(LOG_SIZE)
        self.status, self.out, err, self.after = self.run("clean", OKSE_FAULT_LOG=str(log))
        assert self.status == 0 or self.partial, err
        return [tuple(line.split()) for line in log.read_bytes().rstrip(b"\0").decode().splitlines()]

    def points(self, every):
        """(function, site, occurrence, kind) to try; every: all occurrences up to 150 of a function, else the first of each site."""
        calls = {}
        for call in self.count():
            calls[call] = calls.get(call, 0) + 1
        for (function, site), count in calls.items():
            for at in range(1, min(count, 150) + 1) if every else {1, count}:
                for kind in KINDS.get(function, ["EIO"]):
                    yield function, site, at, kind

    def judge(self, point):
        """None, or what is wrong with the result of a run with that call failing."""
        function, site, at, kind = point
        name = f"{function}-{site}-{at}-{kind}".replace("+", "all")
        try:
            status, out, err, seen = self.run(name, OKSE_FAULT_AT=f"{function} {site} {at}{'+' * ('+' in kind)} {kind.strip('+')}")
        except subprocess.TimeoutExpired:
            return "hangs"
        if status not in (0, 1, 2, 3, 4) or "Sanitizer" in err or "runtime error:" in err:
            return f"crashes with {status}: {err}"
        if status == self.status:
            if self.partial and out != self.out and self.partial(out):
                return None
            return None if (seen, out) == (self.after, self.out) else f"says yes with other bytes: {difference(self.after, seen)} {lines_differ(self.out, out)} {err}"
        if (self.judges and status == 4) or (self.partial and status in (1, 4) and self.partial(out)):
            return None
        if seen != self.before:
            return f"fails and leaves {difference(self.before, seen)}: {status} {err}"
        if kind in UNCHANGED and function in ("read", "pread", "write", "pwrite", "copy_file_range"):
            return f"is not tried again: {status} {err}"
        if kind == "end":
            return None if status != 4 and "okse: " in err or "refused" in out else f"is not explained: {status} {err}"
        if status not in (2, 3):
            return f"is no answer about the bundle: {status} {out} {err}"
        return None if WORDS[kind.strip("+")] in err or any(words in err for words in HIDES_ERRNO) else f"is not named: {status} {err}"

    def faults(self, points):
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            points = list(points)
            return [f"{' '.join(map(str, point))} {wrong}" for point, wrong in zip(points, pool.map(self.judge, points)) if wrong]


def lines_differ(expected, out):
    return [line for line in difflib.unified_diff(expected.splitlines(), out.splitlines(), "clean", "disturbed", n=0, lineterm="")]


def difference(expected, seen):
    if not isinstance(expected, dict):
        return f"{seen!r} instead of {expected!r}"
    return {path: seen.get(path, "nothing") for path in sorted(expected.keys() | seen.keys()) if expected.get(path) != seen.get(path)}
