"""Beyond the sizes where formats and integers change: slow, run with OKSE_SLOW=1 and 20 GiB of disk."""
import os
import subprocess
import tarfile
import pytest
from stacks import Bundle, run, simple, write

pytestmark = [pytest.mark.slow, pytest.mark.skipif("OKSE_SLOW" not in os.environ, reason="slow: run with OKSE_SLOW=1")]


def marked(path, size):
    """A sparse file with a mark at both ends and around every border."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        file.truncate(size)
        for at in (0, (1 << 31) - 2, (1 << 32) - 2, (1 << 33) - 2, size - 4):
            if 0 <= at <= size - 4:
                file.seek(at)
                file.write(b"mark")


def piece(bundle, offset, size):
    """sha256sum of a part of a file."""
    dd = subprocess.Popen(["dd", f"if={bundle}", "bs=1M", f"skip={offset}", f"count={size}", "iflag=skip_bytes,count_bytes",
                           "status=none"], stdout=subprocess.PIPE)
    return run("openssl", "dgst", "-sha256", "-r", stdin=dd.stdout).split()[0]


@pytest.mark.parametrize("size", [(1 << 31) - 1, (1 << 32) + 1, (1 << 33) - 1, (1 << 33) + 1])
def test_a_raw_file_at_every_border(okse, tmp_path, size):
    marked(tmp_path / "data/big", size)
    okse("build", simple(tmp_path, kind="weights"), "--country", "VN", "-o", tmp_path / "o.okse", "--unsigned", status=0)
    bundle = Bundle(tmp_path / "o.okse")
    layer = bundle.titles("data")["big"]
    member = bundle.member(layer["digest"])
    assert (layer["size"], member.size, member.offset_data % 4096) == (size, size, 0)
    assert layer["digest"] == "sha256:" + run("openssl", "dgst", "-sha256", "-r", tmp_path / "data/big").split()[0]
    assert layer["digest"] == "sha256:" + piece(bundle.path, member.offset_data, size)
    expected = run("fsverity", "digest", "--compact", tmp_path / "data/big").strip()
    assert layer["annotations"]["dev.okse.fsverity"] == f"sha256:{expected}"
    assert run("tar", "-tf", bundle.path).split() == run("bsdtar", "-tf", bundle.path).split()
    os.unlink(bundle.path)


def test_a_tar_layer_with_a_member_beyond_8_gib(okse, tmp_path):
    size = (1 << 33) + 1
    marked(tmp_path / "data/big", size)
    write(tmp_path / "data/small", "after\n")
    (tmp_path / "data/empty").mkdir()
    okse("build", simple(tmp_path), "--country", "VN", "-o", tmp_path / "o.okse", "--unsigned", status=0)
    bundle = Bundle(tmp_path / "o.okse")
    layer = bundle.titles("data")["data.tar"]
    member = bundle.member(layer["digest"])
    assert layer["digest"] == "sha256:" + piece(bundle.path, member.offset_data, member.size)
    with open(bundle.path, "rb") as file:
        file.seek(member.offset_data)
        with tarfile.open(fileobj=file, mode="r:") as inner:
            assert [(m.name, m.size) for m in inner.getmembers()] == [("big", size), ("empty", 0), ("small", 6)]
            assert inner.extractfile("small").read() == b"after\n"
    os.unlink(bundle.path)
