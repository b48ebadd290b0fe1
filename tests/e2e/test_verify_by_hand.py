"""The commands of docs/verify-by-hand.md, taken from the page and run as they stand there."""
import json
import pathlib
import re
import shutil
import subprocess
import pytest
import bundle_maker
import small_bundle
import stacks
from signing import Key
from weights_files import safetensors

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "verify-by-hand.md"


@pytest.fixture
def by_hand(okse, tmp_path):
    script = "\n".join(re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.M | re.S))
    assert {word for word in ("tar", "sha256sum", "jq", "base64", "openssl") if word in script} and "okse " not in script

    def run(bundle, key, role="vendor"):
        return subprocess.run(["sh", "-c", script], capture_output=True, text=True, cwd=tmp_path, env={
            **okse.environment, "bundle": str(bundle), "key": str(key.public), "role": role})
    return run


@pytest.mark.parametrize("kind", ["ed25519", "P-256", "P-384", "P-521", "rsa:3072"])
def test_good_bundle(okse, tmp_path, by_hand, kind):
    vendor, ministry = Key(tmp_path, "vendor", kind), Key(tmp_path, "ministry")
    identity = small_bundle.make(tmp_path / "x.okse")
    okse("sign", tmp_path / "x.okse", "--key", vendor.path, status=0)
    okse("sign", tmp_path / "x.okse", "--key", ministry.path, "--role", "ministry", status=0)
    done = by_hand(tmp_path / "x.okse", vendor)
    assert done.returncode == 0, done
    assert f"identity sha256:{identity}" in done.stdout and "verified by hand" in done.stdout
    assert by_hand(tmp_path / "x.okse", ministry, "ministry").returncode == 0
    assert by_hand(tmp_path / "x.okse", ministry, "vendor").returncode != 0
    assert by_hand(tmp_path / "x.okse", Key(tmp_path, "stranger")).returncode != 0


def test_damaged_bundles(okse, tmp_path, by_hand):
    vendor, path = Key(tmp_path, "vendor"), tmp_path / "x.okse"
    small_bundle.make(path)
    okse("sign", path, "--key", vendor.path, status=0)
    good = path.read_bytes()
    assert by_hand(path, vendor).returncode == 0
    for place in (good.index(b"listen 127"), good.index(b'"dev.okse.type"'), good.index(b'{"dsseEnvelope"') + 40,
                  good.index(b'"sig":"') + 9):
        data = bytearray(good)
        data[place] ^= 1
        path.write_bytes(data)
        done = by_hand(path, vendor)
        assert done.returncode != 0 and "verified by hand" not in done.stdout, place
    path.write_bytes(good[:-1024 - 4096])
    assert by_hand(path, vendor).returncode != 0
    extra = b"added behind everybody's back\n"
    for name in ("blobs/sha256/" + small_bundle.sha(extra), "README", "blobs/sha256/" + small_bundle.sha(b"{}")):
        path.write_bytes(good[:-1024] + small_bundle.header(name, len(extra)) + small_bundle.padded(extra) + bytes(1024))
        assert by_hand(path, vendor).returncode != 0, name


def test_one_tensor(okse, tmp_path, by_hand):
    if shutil.which("fsverity") is None:
        pytest.skip("needs fsverity")
    vendor = Key(tmp_path, "vendor")
    tensors = {name: ("U8", [600_001], stacks.noise(name, 600_001)) for name in ("first.weight", "second.weight")}
    stacks.write(tmp_path / "data/model.safetensors", safetensors(tensors))
    bundle = stacks.build(okse, stacks.simple(tmp_path, kind="weights"))
    okse("sign", bundle.path, "--key", vendor.path, "--no-oms", status=0)
    done = by_hand(bundle.path, vendor)
    assert done.returncode == 0 and "tensor first.weight, 600001 bytes, has its digest" in done.stdout, done
    (document,) = [layer for layer in bundle.titles("stack").values() if "tensors" in layer["mediaType"]]
    told = json.loads(bundle.blob(document["digest"]))
    told["files"][0]["tensors"][0]["fsverity"] = told["files"][0]["tensors"][1]["fsverity"]
    made = bundle_maker.Stack("civic", "1.4.0", 14, "VN", {"name": "Example AI Lab", "country": "KR"})
    made.add("data", "weights", "path:data", "raw", tmp_path / "data")
    made.write(tmp_path / "lying.okse", [("tensors/data.json", document["mediaType"], small_bundle.canonical(told))])
    okse("sign", tmp_path / "lying.okse", "--key", vendor.path, "--no-oms", status=0)
    done = by_hand(tmp_path / "lying.okse", vendor)  # well signed, and yet not true
    assert done.returncode != 0 and "verified by hand" in done.stdout and "has its digest" not in done.stdout
