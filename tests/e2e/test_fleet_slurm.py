"""The Slurm recipe of docs/fleets, run as documented by Debian's Slurm: a controller and a node of the test's own, in namespaces that
take everything with them when they end."""
import json
import os
import pathlib
import shutil
import subprocess
import time

import pytest

import conftest
import install_bundle as ib
from test_verify import SEGMENT, flip, offset_of, pattern

RECIPE = pathlib.Path(__file__).resolve().parents[2] / "docs/fleets/slurm/okse-verify.sbatch"
CONF = """\
ClusterName=okse
SlurmctldHost=okse-test(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={directory}/munge.socket
StateSaveLocation={directory}/state
SlurmdSpoolDir={directory}/spool
SlurmctldPidFile={directory}/slurmctld.pid
SlurmdPidFile={directory}/slurmd.pid
SlurmctldLogFile={directory}/slurmctld.log
SlurmdLogFile={directory}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0
ReturnToService=2
NodeName=okse-test NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=5 State=UP
"""
START = """\
set -eu
ip link set lo up
ip link add okse0 type veth peer okse1  # getaddrinfo() of a machine that has but a loopback finds nothing
ip address add 192.0.2.1/24 dev okse0
ip link set okse0 up
hostname okse-test
cd {directory}
head -c 1024 /dev/urandom > munge.key
chmod 400 munge.key
munged --foreground --force --num-threads=1 --socket=$PWD/munge.socket --key-file=$PWD/munge.key --pid-file=$PWD/munge.pid \\
    --log-file=$PWD/munge.log --seed-file=$PWD/munge.seed &
for _ in $(seq 100); do [ -S munge.socket ] && break; sleep 0.05; done
slurmctld -D -f $PWD/slurm.conf &
slurmd -D -f $PWD/slurm.conf &
wait
"""
TOOLS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "unshare", "nsenter", "ip")
pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not all(map(shutil.which, TOOLS)),
                                reason="needs root and " + ", ".join(TOOLS))


class Cluster:
    def __init__(self, directory):
        self.directory = directory
        directory.chmod(0o755)
        (directory / "slurm.conf").write_text(CONF.format(directory=directory))
        for name in ("state", "spool"):
            (directory / name).mkdir()
        self.all = subprocess.Popen(["unshare", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child", "--mount-proc", "bash", "-c",
                                     START.format(directory=directory)], stdout=subprocess.DEVNULL, stderr=open(directory / "log", "w"))
        try:
            self.until(lambda: "idle" in self("sinfo", "-h", "-o", "%T", check=False).stdout, "the node is idle", 15)
        except BaseException:
            self.close()
            raise

    def close(self):
        self.all.kill()
        self.all.wait()

    def first(self):
        children = pathlib.Path(f"/proc/{self.all.pid}/task/{self.all.pid}/children").read_text().split()
        return children[0] if children else None

    def __call__(self, *words, check=True, **more):
        inside = self.first()
        if inside is None:
            return subprocess.CompletedProcess(words, 1, "", "")
        done = subprocess.run(["nsenter", "-t", inside, "--pid", "--net", "--uts", "--ipc", "--mount", *map(str, words)], capture_output=True,
                              text=True, env={**os.environ, "SLURM_CONF": str(self.directory / "slurm.conf"), **more}, cwd=self.directory)
        assert not check or done.returncode == 0, done
        return done

    def until(self, holds, what, seconds):
        end = time.monotonic() + seconds
        while not holds():
            logs = "".join(p.read_text(errors="replace")[-2000:] for p in (self.directory / "log", self.directory / "slurmctld.log") if p.exists())
            assert time.monotonic() < end and self.all.poll() is None, f"not in {seconds} s: {what}\n{logs}"
            time.sleep(0.1)

    def job(self, *words, **environment):
        """sbatch --wait: its exit status is the job's."""
        output = self.directory / f"job-{len(list(self.directory.glob('job-*')))}"
        done = self("timeout", "30", "sbatch", "--wait", "--quiet", "--ntasks=4", f"--output={output}", f"--error={output}.err", RECIPE, *words,
                    check=False, **environment)
        return done.returncode, output.read_text(), pathlib.Path(f"{output}.err").read_text()


def running(word):
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if word in words:
            found.append(words)
    return found


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    made = Cluster(tmp_path_factory.mktemp("slurm"))
    yield made
    made.close()
    end = time.monotonic() + 10
    while left := running(str(made.directory).encode()):
        assert time.monotonic() < end, left
        time.sleep(0.1)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    directory = tmp_path_factory.mktemp("bundle")
    site = ib.Site(conftest.Okse(directory), directory)
    site.large = pattern(2 * SEGMENT + 4097, 5)
    site.make(ib.raw("model", {"large.bin": site.large, "a.json": b"[1]", "b.json": b"[2]"}, "weights"), ib.image("serving"))
    return site


def test_four_tasks_verify_one_bundle(cluster, site, tmp_path):
    status, out, err = cluster.job(site.bundle, site.trust, tmp_path / "records", "--record", tmp_path / "vsa.json", OKSE=site.okse.binary)
    assert status == 0 and "VERIFIED\n" in out and "by 4 shards" in out, (status, out, err)
    assert out.count("CHECKED, shard") == 4 and "not every shard" not in err
    shards = [json.loads(path.read_text()) for path in sorted((tmp_path / "records").iterdir())]
    assert [s["shard"] for s in shards] == ["1/4", "2/4", "3/4", "4/4"] and all(s["blobs"] for s in shards)
    assert (tmp_path / "records").stat().st_mode & 0o777 == 0o700
    assert json.loads((tmp_path / "vsa.json").read_text())["predicate"]["verificationResult"] == "PASSED"


@pytest.mark.parametrize("at", [SEGMENT + 12345, None])
def test_a_damaged_bundle_is_refused_by_the_merge(cluster, site, tmp_path, at):
    bundle = tmp_path / "damaged.okse"
    shutil.copy2(site.bundle, bundle)
    copy = type("Copy", (), {"bundle": bundle})
    flip(copy, offset_of(site, site.large[:1 << 20]) + at if at else offset_of(site, b"[2]"))
    status, out, err = cluster.job(bundle, site.trust, tmp_path / "records", OKSE=site.okse.binary)
    assert status == 1 and "REFUSED\n" in out and ("model/large.bin" if at else "model/b.json") in out, (status, out, err)
    assert "VERIFIED" not in out and ("not every shard" in err) == (at is None)


def test_a_shard_that_dies_is_missed_by_name(cluster, site, tmp_path):
    dies = tmp_path / "okse"
    dies.write_text(f'#!/bin/sh\ncase "$*" in *--shard\\ 3/4*) kill -KILL $$ ;; esac\nexec {site.okse.binary} "$@"\n')
    dies.chmod(0o755)
    status, out, err = cluster.job(site.bundle, site.trust, tmp_path / "records", OKSE=str(dies))
    assert status == 1 and "refused:  shard 3 of 4 has no record" in out.replace(str(site.bundle) + ": ", ""), (status, out, err)
    assert out.count("CHECKED, shard") == 3 and "not every shard" in err
    # the same records again, with what was missing
    done = site.okse("verify", site.bundle, "--trust", site.trust, "--shard", "3/4", "--record", tmp_path / "records/3.json", status=4)
    assert "CHECKED" in done.out
    site.okse("verify", site.bundle, "--trust", site.trust, "--merge", *sorted((tmp_path / "records").iterdir()), status=0)


def test_records_of_an_earlier_job_are_in_the_way(cluster, site, tmp_path):
    (tmp_path / "records").mkdir()
    status, out, err = cluster.job(site.bundle, site.trust, tmp_path / "records", OKSE=site.okse.binary)
    assert status != 0 and "File exists" in err and "VERIFIED" not in out
