"""Run by the Python that has picklescan and modelscan (scripts/deps): writes the files that their published tests make, and one for every name in
their lists; scans them with both; prints what each caught. Nothing here is ever loaded.
    scanner_files.py DIRECTORY SOURCE-OF-PICKLESCAN"""
import ast
import gzip
import io
import json
import pathlib
import pickle
import subprocess
import sys
import tarfile
import zipfile

import cloudpickle
import dill
import h5py
import joblib
import numpy
from modelscan.model import Model
from modelscan.modelscan import ModelScan
from modelscan.scanners.keras.scan import KerasLambdaDetectScan
from modelscan.settings import DEFAULT_SETTINGS
from picklescan import scanner as picklescan

from weights_files import bad_crc, by_lines, by_name, dangerous_pickles, other_local_name, safe_pickles, torch_legacy, torch_zip, zipped

DIRECTORIES = ("names", "files", "ours")
OPERATORS = DEFAULT_SETTINGS["scanners"]["modelscan.scanners.SavedModelTensorflowOpScan"]["unsafe_tf_operators"]


class Call:
    def __init__(self, function, *arguments):
        self.parts = function, arguments

    def __reduce__(self):
        return self.parts


STRICT = {("collections", "Counter")}  # refused by picklescan --strict only, which knows no Counter; torch's own unpickler of weights takes it
EVIL = Call(eval, "print('456')")
HARMLESS = ["a", "b", "c"]


def listed(source):
    """(module, name) of all that they refuse: by their lists, and by what picklescan's tests expect."""
    names = set()
    lists = [picklescan._unsafe_globals, *DEFAULT_SETTINGS["unsafe_globals"].values()]
    for module, found in (row for one in lists for row in one.items()):
        names |= {(module, name) for name in (found if found != "*" else ["anything"])}
        if found == "*":
            names.add((module + ".below", "anything"))
    with tarfile.open(next(pathlib.Path(source).glob("picklescan-*.tar.gz"))) as archive:
        (tests,) = [name for name in archive.getnames() if name.endswith("tests/test_scanner.py")]
        tree = ast.parse(archive.extractfile(tests).read())
    expected = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Global" and ast.unparse(node.args[-1]).endswith(".Dangerous"):
            words = [word.value for word in node.args if isinstance(word, ast.Constant)]
            expected |= {tuple(words)} if len(words) == 2 else set()
    assert len(expected) > 60, "picklescan's tests are written otherwise than before"
    return sorted((names | expected) - STRICT)


def pickles():
    files = {}
    for protocol in (0, 3, 4):
        files[f"benign0_v{protocol}.pkl"] = pickle.dumps(HARMLESS, protocol)
        files[f"malicious1_v{protocol}.pkl"] = pickle.dumps(EVIL, protocol)
        files[f"benign0_v{protocol}.dill"] = dill.dumps(HARMLESS, protocol)
        files[f"malicious1_v{protocol}.dill"] = dill.dumps(EVIL, protocol)
    inner = b"\x80\x05cos\nsystem\nVecho\n\x85R."
    flag = b"Vos\np2\n0Vsystem\np3\n0Vtorch\np0\n0VLongStorage\np1\n0g2\ng3\n\x93(Vcat flag.txt\ntR."
    start = b"\x80\x04cos\nsystem\nVecho\n\x85R0"
    files |= {
        "malicious0.pkl": b"c__builtin__\nglobals\n(tRp100\n0c__builtin__\ncompile\n(S'x=1;'\nS''\nS'exec'\ntRp101\n0c__builtin__\neval\n(g101\ng100\ntRp102\n0"
                          b"c__builtin__\ngetattr\n(c__builtin__\ndict\nS'get'\ntRp103\n0c__builtin__\napply\n(g103\n(g100\nS'x'\nltRp104\n0g104\n.",
        "malicious6.pkl": pickle.dumps(HARMLESS) + by_name("requests.api", "get"),
        "malicious10.pkl": b"(S'raise RuntimeError()'\ni__builtin__\nexec\n.", "malicious11.pkl": flag, "malicious-invalid-bytes.pkl": flag + b"\n\n\t\t",
        "malicious12.pkl": b"\x80\x05cpickle\nloads\nB" + len(inner).to_bytes(4, "little") + inner + b"\x85R0N.",
        "malicious13.pkl": b"\x80\x05cbuiltins\neval.__call__\nV1\n\x85R.", "malicious13a.pkl": b"cpickle\nloads\n(S'I1\\n.'\ntR.",
        "malicious23.pkl": b"S'os'\nS'system'\n\x93S'ls'\n\x85R.",
        "keyerror-exploit.pkl": start + b"\x8c\x02os\x94h\x03h\x00\x93K\x42.", "type-confusion-exploit.pkl": start + b"J\x2a\0\0\0\x94\x8c\x02os\x94h\x00h\x01\x93K\x42.",
        "broken_model.pkl": b"cbuiltins\nexec\n(X>\nf = open('my_file.txt', 'a'); f.close()tRX.", "not_a_pickle.bin": b"cmod\n\xf8\n", "bad_pytorch.pt": b"\x89PNG\r\n\x1a\n",
        "unsafe_zip_pytorch.pt": torch_zip(pickle.dumps(EVIL, 2)), "safe_zip_pytorch.pt": torch_zip(), "safe_old_format_pytorch.pt": torch_legacy(),
        "pytorch_magic_bypass.pt": by_lines("__builtin__", "eval", "0x1950A86A20F9469CFC6C") + torch_legacy(by_lines("posix", "system"))[14:],
        "cloudpickle_codeinjection.pkl": cloudpickle.dumps(lambda x: HARMLESS), "lambda.dill": dill.dumps(lambda x: HARMLESS),
    }
    return files


def archives():
    evil = pickle.dumps(EVIL, 4)
    plain = zipped({"data.pkl": evil}, zipfile.ZIP_STORED)
    files = {"malicious1.zip": plain, "malicious1_wrong_ext.zip": zipped({"data.txt": evil}), "malicious1_central_directory.zip": other_local_name(plain, "datap.kl"),
             "malicious1_crc.zip": bad_crc(plain), "nested.zip": zipped({"a.zip": plain}), "benign.zip": zipped({"data.pkl": pickle.dumps(HARMLESS)})}
    for flag in (0x1, 0x20, 0x40):
        data = bytearray(plain)
        data[6] |= flag
        data[data.index(b"PK\x01\x02") + 8] |= flag
        files[f"malicious1_{flag:#x}.zip"] = bytes(data)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        info = tarfile.TarInfo("data.pkl")
        info.size = len(evil)
        archive.addfile(info, io.BytesIO(evil))
    files["malicious1.tar.gz"] = buffer.getvalue()
    files["malicious1.pkl.gz"] = gzip.compress(evil, mtime=0)
    return files


def arrays(directory):
    objects, numbers = numpy.array([0, 1, 2], dtype=object), numpy.array([0, 1, 2])
    numpy.save(directory / "object_array.npy", objects)
    numpy.save(directory / "int_array.npy", numbers)
    numpy.save(directory / "dns_exfiltration.npy", numpy.array([EVIL], dtype=object), allow_pickle=True)
    (directory / "unsafe_numpy.npy").write_bytes(pickle.dumps(EVIL))
    for name, save in (("", numpy.savez), ("_compressed", numpy.savez_compressed)):
        save(directory / f"object_arrays{name}.npz", a=objects, b=objects)
        save(directory / f"int_arrays{name}.npz", a=numbers, b=numbers)
        save(directory / f"malicious{name}.npz", a=numpy.array([EVIL], dtype=object))
    for name, packing in (("plain", 0), ("zlib", ("zlib", 3)), ("gzip", ("gzip", 3)), ("bz2", ("bz2", 3)), ("xz", ("xz", 3)), ("lzma", ("lzma", 3))):
        joblib.dump({"w": numbers, "x": EVIL}, directory / f"{name}.joblib", compress=packing)


def layers(*rows):
    return {"class_name": "Functional", "config": {"layers": list(rows)}}


LAYER = {"class_name": "Lambda", "config": {"name": "l", "function": ["4wEAAA==", None, None]}}
DENSE = {"class_name": "Dense", "config": {"units": 1}}
KERAS = {"safe": json.dumps(layers(DENSE)), "unsafe": json.dumps(layers(DENSE, LAYER, LAYER)), "compact": json.dumps(layers(LAYER), separators=(",", ":")),
         "spread": json.dumps(layers(LAYER), indent=4).replace(":", " \n:"), "escaped": json.dumps(layers(LAYER)).replace("Lambda", "\\u004cambda")}


def keras(directory):
    for name, config in KERAS.items():
        with h5py.File(directory / f"{name}.h5", "w") as file:
            file.attrs["model_config"] = config
            file["weights"] = numpy.arange(1000.0)
        (directory / f"{name}.keras").write_bytes(zipped({"metadata.json": b"{}", "config.json": config.encode()}))


def field(number, data):
    return bytes([number << 3 | 2, len(data)]) + data


def saved_models(directory):
    """TensorFlow's SavedModel: meta_graphs 2, graph_def 2, node 1 or library 2, function 1, node_def 3; op 2."""
    for operator in [*OPERATORS, "MatMul"]:
        node = field(1, b"n") + field(2, operator.encode())
        for name, graph in (("node", field(1, node)), ("function", field(2, field(1, field(3, node))))):
            (directory / f"{operator}-{name}.pb").write_bytes(b"\x08\x01" + field(2, field(2, graph)))


def scanned(directory):
    """name → who caught it."""
    caught = {}
    for path in sorted(directory.iterdir()):
        try:
            if picklescan.scan_file_path(str(path)).issues_count:
                caught.setdefault(path.name, set()).add("picklescan")
        except Exception:  # it gave up; then it caught nothing
            pass
    scan = ModelScan()
    scan.scan(str(directory))
    for issue in scan.issues.all_issues:
        name = str(issue.details.source)[len(str(directory)) + 1:].split(":")[0]
        caught.setdefault(name, set()).add("modelscan")
    # Its readers of .keras and .pb ask for TensorFlow, half a gigabyte, before they look. The first needs none of it; the second refuses by a list.
    for path in directory.glob("*.keras"):
        with zipfile.ZipFile(path) as archive, archive.open("config.json") as config:
            if KerasLambdaDetectScan(DEFAULT_SETTINGS)._scan_keras_config_file(Model(str(path), config)).issues:
                caught.setdefault(path.name, set()).add("modelscan")
    for path in directory.glob("*.pb"):
        if path.name.split("-")[0] in OPERATORS:
            caught.setdefault(path.name, set()).add("modelscan")
    return {name: sorted(who) for name, who in sorted(caught.items())}


def main(directory, source):
    directory = pathlib.Path(directory)
    for name in DIRECTORIES:
        (directory / name).mkdir(parents=True)
    for number, (module, name) in enumerate(listed(source)):
        (directory / f"names/{number:03}-stack.pkl").write_bytes(by_name(module, name))
        (directory / f"names/{number:03}-lines.pkl").write_bytes(by_lines(module, name))
        (directory / f"names/{number:03}-instance.pkl").write_bytes(f"(S'id'\ni{module}\n{name}\n.".encode())
    for name, data in (pickles() | archives()).items():
        (directory / "files" / name).write_bytes(data)
    for name, data in (dangerous_pickles() | safe_pickles()).items():
        (directory / "ours" / name).write_bytes(data)
    subprocess.run(["bsdtar", "-a", "-cf", directory / "files/malicious1.7z", "-C", directory / "files", "malicious1_v4.pkl"], check=True)
    arrays(directory / "files")
    keras(directory / "files")
    saved_models(directory / "files")
    print("RESULT" + json.dumps({name: scanned(directory / name) for name in DIRECTORIES}))


if __name__ == "__main__":
    main(*sys.argv[1:])
