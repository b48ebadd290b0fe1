"""The next version of a model: what has to travel, of tests/bench/run's cases v1-v2, v1-v2-shifted and v1-v2-resharded.

Everybody starts from the same files, has the first version in his own form, and is measured making what is sent for the second one:
okse build and okse thin against restic backup, casync make and zstd --patch-from. The ratio is that of the bytes sent: since the others compress
what they send, it is that of okse's compressed ones to theirs, where okse can do that, too."""
import os
import shutil

CASES = {"v1-v2": "D", "v1-v2-shifted": "E", "v1-v2-resharded": "F"}
PLAIN, PACKED = "sent, % of the second version", "sent compressed, % of the second version"


def targets(memory):
    """(bound of the ratio, bound of okse's peak MiB, rounds) of every row; a version that changed nothing sends next to nothing."""
    opponents = dict.fromkeys(("restic backup", "casync make", "zstd --patch-from"), (1.0, memory, 1))
    few = {PLAIN: (5.1, memory, 1), PACKED: (3.6, memory, 1)}
    return {"v1-v2": few | opponents, "v1-v2-shifted": few | opponents,
            "v1-v2-resharded": {PLAIN: (0.1, memory, 1), PACKED: (0.1, memory, 1)} | opponents}


def size(path):
    """Bytes of a file or of all files below a directory."""
    return sum(file.stat().st_size for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file())


class Opponents:
    """Each knows how to take in the first version, what to run for the second, and where its bytes lie."""

    def __init__(self, run, bench):
        self.run, self.work = run, bench.work

    def restic(self, new):
        if not (self.work / "restic").exists():
            self.run.shell(f"{RESTIC} init && {RESTIC} backup A", self.work)
        self.run.shell("rm -rf restic.new && cp -al restic restic.new", self.work)
        return RESTIC.replace("restic -r restic", "restic -r restic.new") + f" backup {new}", ["restic.new"], ["restic"]

    def casync(self, new):
        if not (self.work / "casync").exists():
            self.run.shell("casync make --store=casync A.caidx A", self.work)
        self.run.shell("rm -rf casync.new new.caidx && cp -al casync casync.new", self.work)
        return f"casync make --store=casync.new new.caidx {new}", ["casync.new", "new.caidx"], ["casync"]

    def zstd(self, new):
        """File by file where they have one name; else everything in one, which zstd takes up to 2 GiB."""
        self.run.shell("rm -rf patch && mkdir patch", self.work)
        old, files = {path.name for path in (self.work / "A").iterdir()}, sorted(path.name for path in (self.work / new).iterdir())
        if sum(name in old for name in files) > 3:
            return " && ".join(f"zstd -q --long=31 --patch-from=A/{name} {new}/{name} -o patch/{name}" for name in files), ["patch"], []
        self.run.shell(f"{self.run.TAR} -cf A.tar A && {self.run.TAR} -cf new.tar {new}", self.work)
        return "zstd -q --long=31 --patch-from=A.tar new.tar -o patch/new", ["patch"], []

    def clear(self):
        self.run.shell("rm -rf restic.new casync.new new.caidx patch A.tar new.tar", self.work)


RESTIC = "RESTIC_PASSWORD=bench restic -r restic --no-cache -q"


def ours(run, bench, case, new):
    """What okse sends, plain and by planes. Returns the bytes, or None."""
    words = f"{run.build(new, 'new.okse')} && {run.OKSE} thin new.okse --against A.okse -o thin.okse"
    shell, work = run.shell, bench.work
    if "thin" not in shell(f"{run.OKSE} --help", work):
        bench.row(case, PLAIN, note="skipped: this okse makes no thin bundles")
        return None
    wall, peak, cpu = run.measure(words, work)
    sent, whole = size(work / "thin.okse"), size(work / new)
    shell(f"{run.OKSE} thin --complete thin.okse --base A.okse -o back.okse && cmp back.okse new.okse && rm back.okse", work)
    figures = {"seconds": round(wall, 2), "peak_mib": round(peak, 1)}
    bench.row(case, PLAIN, ratio=round(100 * sent / whole, 3), **figures)
    if "--compress" not in shell(f"{run.OKSE} split --help 2>&1 || true", work):
        bench.row(case, PACKED, note="skipped: this okse splits without compressing")
    else:
        shell("rm -rf parts && mkdir parts", work)
        more, top, _ = run.measure(f"{run.OKSE} split thin.okse --size 100G --compress weights -o parts", work)
        sent = size(work / "parts")
        bench.row(case, PACKED, ratio=round(100 * sent / whole, 3), seconds=round(wall + more, 2), peak_mib=round(max(peak, top), 1))
        shutil.rmtree(work / "parts")
    return sent, figures, cpu


def case(run, bench, name):
    new = CASES[name]
    bench.data("A"), bench.data(new)
    if not (bench.work / "A.okse").exists():
        run.shell(f"{run.build('A', 'A.okse')} && sync", bench.work)
    mine = ours(run, bench, name, new)
    opponents = Opponents(run, bench)
    for against, tool in (("restic backup", opponents.restic), ("casync make", opponents.casync), ("zstd --patch-from", opponents.zstd)):
        word = against.split()[0]
        if mine is None or not shutil.which(word):
            bench.row(name, against, note=f"skipped: {word} is not installed" if mine else "skipped: nothing to compare with")
            continue
        try:
            command, after, before = tool(new)
            os.sync()
            wall, peak, cpu = run.measure(command, bench.work)
            theirs = sum(size(bench.work / path) for path in after) - sum(size(bench.work / path) for path in before)
            sent, figures, used = mine
            bench.row(name, f"{against}: {100 * theirs / size(bench.work / new):.2f} %, {peak:.0f} MiB", ratio=round(sent / theirs, 3),
                      their_seconds=round(wall, 2), their_peak_mib=round(peak, 1), cpu_ratio=round(used / max(cpu, 0.001), 2), bounds=against, **figures)
        except run.Failed as why:
            bench.fail(name, against, why)
        finally:
            opponents.clear()
    bench.drop("new.okse", "thin.okse")
    shutil.rmtree(bench.work / new)  # the first version stays for the next case


def finish(bench):
    """What the first version takes in the forms of all."""
    for name in ("restic", "casync"):
        shutil.rmtree(bench.work / name, ignore_errors=True)
    bench.drop("A.caidx")


def cases(run):
    """name → function, for the table of cases of tests/bench/run, which is `run`."""
    return {name: lambda bench, name=name: case(run, bench, name) for name in CASES}
