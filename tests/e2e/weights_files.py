"""Model files for the tests, good and bad. Pickles are written here, never loaded."""
import bz2
import gzip
import io
import json
import lzma
import pickle
import struct
import tarfile
import zipfile
import zlib


class Call:
    """Pickles as: call what `module.name` is with `arguments`."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def text(value):
    data = value.encode()
    return b"\x8c" + bytes([len(data)]) + data


def by_name(module, name, argument="id"):
    """Protocol 4, STACK_GLOBAL: any name, whether it exists here or not."""
    return b"\x80\x04" + text(module) + text(name) + b"\x93" + text(argument) + b"\x85R."


def by_lines(module, name, argument="id"):
    """Protocol 0, GLOBAL."""
    return f"c{module}\n{name}\n(S'{argument}'\ntR.".encode()


HARMLESS = pickle.dumps({"weight": [1.0, 2.0], "name": "abc", "n": 10 ** 30, "b": b"\x00" * 3000}, 4)
TORCH_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."


def storage_pickle(module="torch", name="FloatStorage"):
    """What torch.save writes for one tensor."""
    return (b"\x80\x02}q\x00X\x06\x00\x00\x00weightq\x01ctorch._utils\n_rebuild_tensor_v2\nq\x02((X\x07\x00\x00\x00storageq\x03c"
            + f"{module}\n{name}\n".encode()
            + b"q\x04X\x01\x00\x00\x000q\x05X\x03\x00\x00\x00cpuq\x06K\x04tq\x07QK\x00K\x04\x85q\x08K\x01\x85q\x09\x89ccollections"
            b"\nOrderedDict\nq\x0a)Rq\x0btq\x0cRq\x0ds.")


def torch_zip(data=None, method=zipfile.ZIP_STORED, name="archive/data.pkl", storage=bytes(16)):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for path, content in ((name, storage_pickle() if data is None else data), ("archive/data/0", storage), ("archive/version", b"3\n")):
            archive.writestr(zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0)), content, method)
    return buffer.getvalue()


def torch_legacy(data=None):
    return (TORCH_MAGIC + b"\x80\x02M\xe9\x03." + pickle.dumps({"little_endian": True}, 2) + (storage_pickle() if data is None else data)
            + pickle.dumps(["0"], 2) + struct.pack("<q4f", 4, 1, 2, 3, 4))


def npy(data, descr="|O", shape="(1,)"):
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def tar(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def zipped(members, method=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, method)
    return buffer.getvalue()


def bad_crc(archive):
    """The checksum of the first member, in its local header and in the directory: torch does not look at it."""
    data = bytearray(archive)
    directory = data.index(b"PK\x01\x02")
    data[14:18] = data[directory + 16:directory + 20] = b"\xde\xad\xbe\xef"
    return bytes(data)


def encrypted_flag(archive):
    data = bytearray(archive)
    directory = data.index(b"PK\x01\x02")
    data[6] |= 1
    data[directory + 8] |= 1
    return bytes(data)


def other_local_name(archive, name):
    """The name before the data is not the one in the directory, which loaders believe."""
    data = bytearray(archive)
    length = struct.unpack_from("<H", data, 26)[0]
    data[30:30 + length] = name.ljust(length).encode()[:length]
    return bytes(data)


def dangerous_pickles():
    """name → bytes: each calls, or could call, something that weights have no need of."""
    import os
    import subprocess
    files = {f"reduce-{number}.pkl": pickle.dumps(Call(os.system, "id"), number) for number in range(6)}
    files |= {f"nested-{number}.pkl": pickle.dumps({"a": [1, (Call(eval, "1"),)]}, number) for number in range(6)}
    files["popen.pkl"] = pickle.dumps(Call(subprocess.Popen, ["id"]), 4)
    for module, names in {
        "__builtin__": "eval compile getattr apply exec open breakpoint __import__", "builtins": "eval compile getattr exec open breakpoint __import__",
        "aiohttp.client": "ClientSession", "asyncio.unix_events": "_UnixSubprocessTransport._start", "bdb": "Bdb", "commands": "getoutput",
        "cloudpickle.cloudpickle": "_builtin_type _make_function _function_setstate _make_cell _make_empty_cell subimport",
        "types": "CodeType FunctionType", "ctypes": "CDLL", "functools": "partial", "httplib": "HTTPSConnection", "http.client": "HTTPSConnection",
        "logging": "FileHandler", "_io": "FileIO", "numpy.f2py.crackfortran": "getlincoef _eval_length", "numpy.testing._private.utils": "runstring",
        "nt": "system", "posix": "system", "_operator": "attrgetter itemgetter methodcaller", "operator": "attrgetter itemgetter methodcaller",
        "os": "system popen", "requests.api": "get", "runpy": "run_path", "shutil": "rmtree", "socket": "create_connection",
        "ssl": "get_server_certificate", "subprocess": "check_output", "sys": "exit", "code": "InteractiveInterpreter.runcode",
        "cProfile": "runctx", "distutils.file_util": "write_file", "doctest": "debug_script", "ensurepip": "_run_pip",
        "idlelib.autocomplete": "AutoComplete.get_entity", "idlelib.calltip": "get_entity", "idlelib.run": "Executive.runcode",
        "idlelib.pyshell": "ModifiedInterpreter.runcode", "idlelib.debugobj": "ObjectTreeItem.SetText", "imaplib": "IMAP4_stream",
        "lib2to3.pgen2.grammar": "Grammar.loads", "lib2to3.pgen2.pgen": "ParserGenerator.make_label", "pdb": "run", "pickle": "loads",
        "_pickle": "loads", "pip": "main", "pip._internal": "main", "pkgutil": "resolve_name", "pty": "spawn", "profile": "run", "pydoc": "locate",
        "test.support.script_helper": "assert_python_ok", "timeit": "main", "torch._dynamo.guards": "GuardBuilder.get",
        "torch._inductor.codecache": "compile_file", "torch.fx.experimental.symbolic_shapes": "ShapeEnv.evaluate_guards_expression",
        "torch.jit.unsupported_tensor_ops": "execWrapper", "torch.serialization": "load", "torch.storage": "_load_from_bytes",
        "torch.utils._config_module": "ConfigModule.load_config", "torch.utils.bottleneck.__main__": "run_cprofile", "torch": "load",
        "torch.utils.collect_env": "run", "torch.utils.data.datapipes.utils.decoder": "basichandlers", "trace": "Trace.run", "uuid": "_get_command_stdout",
        "urllib.request": "urlopen", "venv": "main", "webbrowser": "open", "_aix_support": "_read_cmd_output", "_osx_support": "_read_output",
        "_pyrepl.pager": "pipe_pager", "multiprocessing.util": "spawnv_passfds", "collections": "namedtuple", "sklearn.tree": "DecisionTreeClassifier",
    }.items():
        for name in names.split():
            files[f"stack-{module}-{name}.pkl"] = by_name(module, name)
            files[f"lines-{module}-{name}.pkl"] = by_lines(module, name)
    system = by_lines("os", "system")
    files |= {
        # names that come by detours
        "memo.pkl": b"\x80\x04" + text("os") + b"\x94" + text("system") + b"\x940" + b"0h\x00h\x01\x93" + text("id") + b"\x85R.",
        "long-memo.pkl": b"\x80\x04" + text("os") + b"r\xff\xff\x00\x00" + text("system") + b"q\x0700j\xff\xff\x00\x00h\x07\x93)R.",
        "text-memo.pkl": b"\x80\x04Vos\np1000\nVsystem\np1001\n00g1000\ng1001\n\x93)R.",
        "dup.pkl": b"\x80\x04" + text("pip") + b"2\x93)R.",
        "binunicode.pkl": b"\x80\x04X\x02\x00\x00\x00osX\x06\x00\x00\x00system\x93)R.",
        "binunicode8.pkl": b"\x80\x04\x8d" + struct.pack("<Q", 2) + b"os\x8d" + struct.pack("<Q", 6) + b"system\x93)R.",
        "binstring.pkl": b"\x80\x04T\x02\x00\x00\x00osU\x06system\x93)R.",
        "escapes.pkl": b"\x80\x04S'\\x6f\\x73'\nS'\\x73ystem'\n\x93)R.",
        "unicode-escapes.pkl": b"\x80\x04V\\u006fs\nVsystem\n\x93)R.",
        "computed.pkl": b"\x80\x04coperator\nadd\n" + text("o") + text("s") + b"\x86R" + text("system") + b"\x93)R.",
        "encoded.pkl": b"\x80\x04c_codecs\nencode\n" + text("os") + b"\x85R" + text("system") + b"\x93)R.",
        "mark-pop.pkl": b"\x80\x04((0" + text("os") + text("system") + b"\x93)R.",
        "instance.pkl": b"(S'id'\nios\nsystem\n.",
        "object.pkl": b"(cos\nsystem\nS'id'\no.",
        "newobj.pkl": b"\x80\x02csubprocess\nPopen\nX\x02\x00\x00\x00id\x85\x81.",
        "newobj-ex.pkl": b"\x80\x04" + text("subprocess") + text("Popen") + b"\x93" + text("id") + b"\x85}\x92.",
        "build.pkl": b"\x80\x02cos\nsystem\n}b.",
        "extension-1.pkl": b"\x80\x02\x82\x01)R.",
        "extension-2.pkl": b"\x80\x02\x83\x01\x01)R.",
        "extension-4.pkl": b"\x80\x02\x84\x01\x01\x01\x00)R.",
        "dotted.pkl": by_name("torch", "serialization.os.system"),
        "line-in-name.pkl": by_name("collections\nOrderedDict", "x"),
        "two.pkl": HARMLESS + system,
        "third.pkl": HARMLESS + HARMLESS + pickle.dumps(Call(os.system, "id"), 5),
        # what runs before it breaks
        "no-stop.pkl": system[:-1],
        "breaks-later.pkl": system[:-1] + b"\xff\xff",
        "no-stop.bin": system[:-1],
        "unknown-opcode.pkl": b"\x80\x04\xf7.",
        "protocol-6.pkl": b"\x80\x06N.",
        "cut.pkl": HARMLESS[:-20],
        "too-long.pkl": b"\x80\x04\x8e" + struct.pack("<Q", 2 ** 63) + b"x.",
        "negative.pkl": b"\x80\x02T\xff\xff\xff\xffabc.",
        "underflow.pkl": b"\x80\x04R.",
        "no-memo.pkl": b"\x80\x04h\x07.",
        "no-utf8.pkl": b"cos\xff\nsystem\n.",
        # no name that says pickle
        "weights.bin": pickle.dumps(Call(os.system, "id"), 4),
        "weights": pickle.dumps(Call(os.system, "id"), 2),
        "old.bin": system,
        "model.data": pickle.dumps(Call(os.system, "id"), 3),
        # torch
        "zip.pt": torch_zip(pickle.dumps(Call(os.system, "id"), 2)),
        "zip-deflated.bin": torch_zip(system, zipfile.ZIP_DEFLATED),
        "zip-name.bin": torch_zip(pickle.dumps(Call(os.system, "id"), 2), name="archive/data.txt"),
        "zip-old-name.bin": torch_zip(system, name="archive/readme"),
        "zip-storage.pt": torch_zip(storage_pickle("os", "system")),
        "zip-crc.pt": bad_crc(torch_zip(system)),
        "zip-crc-deflated.pt": bad_crc(torch_zip(system, zipfile.ZIP_DEFLATED)),
        "zip-encrypted.pt": encrypted_flag(torch_zip(system)),
        "zip-local-name.pt": other_local_name(torch_zip(system), "archive/data.txt"),
        "zip-behind.pt": b"N." + torch_zip(system),
        "zip-cut.pt": torch_zip(system)[:-30],
        "legacy.pt": torch_legacy(system),
        "legacy-magic.pt": by_lines("__builtin__", "eval", "0x1950A86A20F9469CFC6C") + torch_legacy(by_lines("posix", "system"))[len(TORCH_MAGIC):],
        "legacy.bin": torch_legacy(storage_pickle("os", "system")),
        "legacy-tar.pt": tar({"pickle": system, "storages": HARMLESS}),
        # numpy, joblib, archives
        "objects.npy": npy(pickle.dumps(Call(os.system, "id"), 3)),
        "fields.npy": npy(system, "[('a', '<i4'), ('b', 'O')]").replace(b"'[(", b"[(").replace(b")]'", b")]"),
        "plain.npy": npy(system, "<f8"),
        "pickle.npy": pickle.dumps(Call(os.system, "id"), 2),
        "objects.npz": zipped({"a.npy": npy(pickle.dumps(Call(os.system, "id"), 3))}),
        "zlib.joblib": zlib.compress(system), "gzip.joblib": gzip.compress(system, mtime=0), "bz2.joblib": bz2.compress(system),
        "xz.joblib": lzma.compress(system), "lzma.joblib": lzma.compress(system, lzma.FORMAT_ALONE),
        "model.nemo": gzip.compress(tar({"./model_config.yaml": b"a: 1\n", "./model_weights.ckpt": torch_zip(system)}), mtime=0),
        "deep.zip": zipped({"a.zip": zipped({"b.tar": tar({"c.pkl": system})})}),
        "deeper.zip": zipped({"1.zip": zipped({"2.zip": zipped({"3.zip": zipped({"4.zip": zipped({"5.zip": zipped({"c.pkl": HARMLESS})})})})})}),
    }
    return files


def safe_pickles():
    """name → bytes: what real weights look like."""
    plain = {"a": [1, 2.5, None, True], "b": ("x", b"y", {1, 2}), "c": frozenset([3]), "d": bytearray(b"z"), "e": -5, "f": 2 ** 70}
    files = {f"plain-{number}.pkl": pickle.dumps(plain, number) for number in range(6)}
    files |= {
        "harmless.pkl": HARMLESS, "several.pkl": HARMLESS * 3, "zip.pt": torch_zip(), "zip.bin": torch_zip(method=zipfile.ZIP_DEFLATED),
        "legacy.pt": torch_legacy(), "legacy.bin": torch_legacy(), "ints.npy": npy(bytes(64), "<i8", "(8,)"),
        "objects.npy": npy(pickle.dumps([1, "two"], 3)), "many.npz": zipped({"a.npy": npy(bytes(64), "<i8", "(8,)")}),
        "zlib.joblib": zlib.compress(HARMLESS), "model.nemo": tar({"model_config.yaml": b"a: 1\n", "model_weights.ckpt": torch_zip()}),
        "README.md": b"# configuration\nsystem\nof a model\n", "notes.txt": b"cat\ndog\nRun.\n", "random.bin": bytes(range(256)) * 64,
    }
    return files


def safetensors(tensors, metadata=None, header=None, tail=b""):
    """tensors: name → (dtype, shape, bytes). header: replaces members of the header."""
    table, data = {"__metadata__": metadata} if metadata else {}, b""
    for name, (dtype, shape, content) in tensors.items():
        table[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    table.update(header or {})
    text_ = json.dumps(table).encode()
    return struct.pack("<Q", len(text_)) + text_ + data + tail


def noise_safetensors(noise):
    """Any bytes as the weights of one tensor."""
    return safetensors({"weight": ("U8", [len(noise)], noise)})


def gguf_string(value):
    return struct.pack("<Q", len(value.encode())) + value.encode()


def gguf(pairs=(), tensors=(), version=3, data=None, alignment=32, counts=None):
    """pairs: (key, type, packed value); tensors: (name, dimensions, type, offset, size)."""
    made = b"GGUF" + struct.pack("<IQQ", version, *(counts or (len(tensors), len(pairs))))
    for key, kind, value in pairs:
        made += gguf_string(key) + struct.pack("<I", kind) + value
    end = 0
    for name, dimensions, kind, offset, size in tensors:
        made += gguf_string(name) + struct.pack(f"<I{len(dimensions)}QIQ", len(dimensions), *dimensions, kind, offset)
        end = max(end, offset + size)
    made += bytes(-len(made) % alignment)
    return made + (bytes(end + -end % alignment) if data is None else data)
