"""`okse weights`, and the gate of `okse build`: files are judged without being loaded."""
import json
import struct
import jsonschema
import pytest
from stacks import Bundle, noise, simple, write
from weights_files import (HARMLESS, by_lines, dangerous_pickles, gguf, gguf_string, safe_pickles, safetensors, torch_zip, zipped)

F32 = b"\x00\x00\x80\x3f"
GOOD = safetensors({"a": ("F32", [2, 2], F32 * 4), "b": ("BF16", [3], b"\x80\x3f" * 3)}, {"format": "pt"})


def examine(okse, path, status=None):
    result = okse("weights", path, "--json", status=status)
    return result.json


def rules(report, severity="critical"):
    return sorted({row["rule"] for row in report["findings"] if row["severity"] == severity})


def one(okse, tmp_path, name, data, status=None):
    write(tmp_path / "one" / name, data)
    return examine(okse, tmp_path / "one" / name, status)


@pytest.mark.parametrize("name", sorted(dangerous_pickles()))
def test_every_trick_of_a_pickle_is_refused(okse, tmp_path, name):
    report = one(okse, tmp_path, name, dangerous_pickles()[name], 1)
    assert report["critical"] > 0 and rules(report)
    assert all(set(row) <= {"file", "rule", "severity", "text", "offset"} for row in report["findings"])


@pytest.mark.parametrize("name", sorted(safe_pickles()))
def test_weights_as_they_are_pass(okse, tmp_path, name):
    report = one(okse, tmp_path, name, safe_pickles()[name], 0)
    assert report["critical"] == 0 and report["findings"] == []


def test_what_is_imported_is_named_with_its_place(okse, tmp_path):
    (row,) = one(okse, tmp_path, "a.pt", torch_zip(HARMLESS[:-1] + b"0" + by_lines("os", "system")), 1)["findings"]
    assert row["file"] == "a.pt!archive/data.pkl" and "'os.system'" in row["text"] and row["rule"] == "pickle.import"
    assert row["offset"] == len(HARMLESS)
    assert "a.pt!archive/data.pkl at byte" in okse("weights", tmp_path / "one/a.pt", status=1).out


def test_names_are_not_what_decides(okse, tmp_path):
    for name in ("model.txt", "README", "a.safetensors.bak"):
        assert one(okse, tmp_path, name, by_lines("os", "system"), 1)["critical"] == 1
    assert one(okse, tmp_path, "x.txt", b"\x7fELF" + bytes(60), 1)["findings"][0]["rule"] == "code.hidden"
    assert rules(one(okse, tmp_path, "x.so", b"\x7fELF" + bytes(60), 0), "warning") == ["code.executable"]


def test_safetensors_are_counted(okse, tmp_path):
    report = one(okse, tmp_path, "m.safetensors", GOOD, 0)
    (row,) = report["files"]
    assert row["dtypes"] == {"F32": 4, "BF16": 3} and row["parameters"] == 7 and row["tensors"] == 2
    assert row["metadata"] == {"format": "pt"} and report["summary"]["precision"] == "fp32" and report["summary"]["paramSize"] == "7"


def entry(begin, end, dtype="F32", shape=(1,)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


HEADERS = {
    "length-huge": (struct.pack("<Q", 2 ** 63) + b"{}", "safetensors.header"),
    "length-over": (struct.pack("<Q", 3) + b"{}", "safetensors.header"),
    "empty": (b"", "safetensors.header"),
    "short": (b"\x02\x00", "safetensors.header"),
    "not-json": (struct.pack("<Q", 2) + b"{[", "safetensors.header"),
    "space-first": (struct.pack("<Q", 3) + b" {}", "safetensors.header"),
    "key-twice": (struct.pack("<Q", 17) + b'{"a":{}, "a": {}}', "safetensors.header"),
    "overlap": (safetensors({"a": ("F32", [2], F32 * 2)}, header={"b": entry(4, 8)}), "safetensors.tensor"),
    "hole": (safetensors({"a": ("F32", [1], F32)}, header={"b": entry(8, 12)}, tail=bytes(8)), "safetensors.tensor"),
    "outside": (safetensors({}, header={"b": entry(0, 4)}), "safetensors.tensor"),
    "backwards": (safetensors({"a": ("F32", [1], F32)}, header={"b": entry(4, 0)}), "safetensors.tensor"),
    "negative": (safetensors({}, header={"b": entry(-4, 0)}), "safetensors.tensor"),
    "negative-shape": (safetensors({}, header={"b": entry(0, 0, shape=(-1,))}), "safetensors.tensor"),
    "overflow": (safetensors({}, header={"b": entry(0, 0, shape=(2 ** 32, 2 ** 32))}), "safetensors.tensor"),
    "overflow-bits": (safetensors({}, header={"b": entry(0, 0, "F64", (2 ** 60,))}), "safetensors.tensor"),
    "wrong-size": (safetensors({"a": ("F32", [2], F32)}), "safetensors.tensor"),
    "unknown-dtype": (safetensors({"a": ("F99", [1], F32)}), "safetensors.tensor"),
    "half-byte": (safetensors({"a": ("F4", [1], b"")}), "safetensors.tensor"),
    "tail": (GOOD + b"x", "safetensors.size"),
    "zip-behind": (GOOD + zipped({"a.pkl": by_lines("os", "system")}), "pickle.import"),
    "zip-behind-too": (GOOD + zipped({"a.pkl": HARMLESS}), "safetensors.size"),
}


@pytest.mark.parametrize("name", sorted(HEADERS))
def test_lying_headers_of_safetensors(okse, tmp_path, name):
    data, rule = HEADERS[name]
    assert rule in rules(one(okse, tmp_path, "m.safetensors", data, 1))


def shards(directory, **changes):
    write(directory / "m-1.safetensors", safetensors({"a": ("F32", [1], F32)}))
    write(directory / "m-2.safetensors", safetensors({"b": ("F16", [2], bytes(4))}))
    index = {"metadata": {"total_size": 8}, "weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"} | changes}
    write(directory / "model.safetensors.index.json", json.dumps(index))


@pytest.mark.parametrize("change, expected", [
    ({}, []), ({"c": "m-3.safetensors"}, ["shards.missing"]), ({"c": "m-2.safetensors"}, ["shards.tensor"]),
    ({"b": "m-1.safetensors"}, ["shards.tensor"]), ({"c": "../x.safetensors"}, ["shards.index"]), ({"c": "/etc/passwd"}, ["shards.index"]),
    ({"c": 5}, ["shards.index"])])
def test_the_index_of_shards_holds(okse, tmp_path, change, expected):
    shards(tmp_path / "m", **change)
    report = examine(okse, tmp_path / "m", 1 if expected else 0)
    assert rules(report) == expected and report["summary"]["parameters"] == 3


@pytest.mark.parametrize("ending, data", [("gguf", gguf()), ("safetensors", GOOD)])
def test_files_that_count_themselves_are_all_there(okse, tmp_path, ending, data):
    for number in (1, 2, 3):
        write(tmp_path / f"m/model-{number:05}-of-00003.{ending}", data)
    assert examine(okse, tmp_path / "m", 0)["findings"] == []
    (tmp_path / f"m/model-00002-of-00003.{ending}").unlink()
    (row,) = examine(okse, tmp_path / "m", 1)["findings"]
    assert row["rule"] == "shards.missing" and f"model-00002-of-00003.{ending}" in row["text"]


@pytest.mark.parametrize("start", [b"\x78\x9c", b"\x5d\0\0", b"\x1f\x8b", b"BZh"])
def test_what_only_begins_like_something_compressed(okse, tmp_path, start):
    assert rules(one(okse, tmp_path, "a.pkl", start + b"\xff" * 100, 1))
    assert rules(one(okse, tmp_path, "a.bin", b"\x5d\0\0" + b"\xff" * 100, 0)) == []


ARCHITECTURE = ("general.architecture", 8, gguf_string("exaone4"))


def test_gguf_is_counted(okse, tmp_path):
    words = struct.pack("<IQ", 8, 2) + gguf_string("a") + gguf_string("b")
    data = gguf([ARCHITECTURE, ("general.license", 8, gguf_string("other")), ("tokenizer.ggml.tokens", 9, words),
                 ("x.count", 4, struct.pack("<I", 7)), ("nested", 9, struct.pack("<IQIQB", 9, 1, 0, 1, 5)),
                 ("tokenizer.chat_template", 8, gguf_string("{% for m in messages %}{{ m['content'] }}{% endfor %}"))],
                [("w", [64, 4], 8, 0, 272), ("n", [3], 0, 288, 12)])
    report = one(okse, tmp_path, "m.gguf", data, 0)
    (row,) = report["files"]
    assert row["dtypes"] == {"Q8_0": 256, "F32": 3} and row["version"] == 3 and row["tensors"] == 2
    assert row["metadata"] == {"general.architecture": "exaone4", "general.license": "other"}
    assert report["summary"]["architecture"] == "exaone4" and report["summary"]["quantization"] == "Q8_0"
    assert one(okse, tmp_path, "m.gguf", gguf([ARCHITECTURE], version=2), 0)["critical"] == 0


def vocabulary(tokens, rows):
    """A GGUF file that names so many tokens, and embeds so many."""
    listed = struct.pack("<IQ", 8, tokens) + gguf_string("t") * tokens
    return gguf([ARCHITECTURE, ("tokenizer.ggml.tokens", 9, listed)], [("token_embd.weight", [4, rows], 0, 0, 16 * rows)])


def test_gguf_embeds_every_token(okse, tmp_path):
    assert one(okse, tmp_path, "m.gguf", vocabulary(4, 4), 0)["findings"] == []
    for tokens, rows in ((5, 4), (4, 6)):
        (row,) = one(okse, tmp_path, "m.gguf", vocabulary(tokens, rows), 1)["findings"]
        assert row["rule"] == "gguf.vocabulary" and f"{tokens} tokens" in row["text"] and f"{rows} are embedded" in row["text"]


GGUFS = {
    "version-1": gguf(version=1), "version-big-endian": gguf(version=3 << 24), "no-magic": b"GGML" + bytes(30), "short": b"GGUF\x03",
    "many-tensors": gguf(counts=(2 ** 62, 0)), "many-pairs": gguf(counts=(0, 2 ** 62)), "missing-tensor": gguf(counts=(1, 0)),
    "long-key": b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2 ** 63) + bytes(40),
    "long-text": gguf([("a", 8, struct.pack("<Q", 2 ** 64 - 1))]), "value-type": gguf([("a", 13, b"")]),
    "array-overflow": gguf([("a", 9, struct.pack("<IQ", 10, 2 ** 62))]), "array-texts": gguf([("a", 9, struct.pack("<IQ", 8, 2 ** 60))]),
    "array-deep": gguf([("a", 9, struct.pack("<IQ", 9, 1) * 8 + struct.pack("<IQB", 0, 1, 1))]),
    "alignment-zero": gguf([("general.alignment", 4, struct.pack("<I", 0))]), "alignment-odd": gguf([("general.alignment", 4, struct.pack("<I", 12))]),
    "five-dimensions": gguf(tensors=[("w", [1] * 5, 0, 0, 4)]), "overflow": gguf(tensors=[("w", [2 ** 40, 2 ** 40], 0, 0, 4)]),
    "size-overflow": gguf(tensors=[("w", [2 ** 62], 0, 0, 4)]), "unknown-type": gguf(tensors=[("w", [4], 4, 0, 16)]),
    "half-block": gguf(tensors=[("w", [33], 8, 0, 34)]), "not-aligned": gguf(tensors=[("w", [1], 0, 4, 4)]),
    "outside": gguf(tensors=[("w", [64], 0, 0, 4)]), "far-outside": gguf(tensors=[("w", [1], 0, 2 ** 63, 4 - 2 ** 63)]),
    "overlap": gguf(tensors=[("v", [16], 0, 0, 64), ("w", [16], 0, 32, 64)]),
    "hole": gguf(tensors=[("v", [8], 0, 0, 32), ("w", [8], 0, 64, 32)]), "tail": gguf(tensors=[("v", [8], 0, 0, 32)], data=bytes(4096)),
}


@pytest.mark.parametrize("name", sorted(GGUFS))
def test_lying_headers_of_gguf(okse, tmp_path, name):
    found = rules(one(okse, tmp_path, "m.gguf", GGUFS[name], 1))
    assert found and all(rule.startswith("gguf.") for rule in found)


def field(number, value):
    """A field of a protobuf message: a number, or bytes."""
    def varint(n):
        return bytes([n & 127 | 128]) + varint(n >> 7) if n > 127 else bytes([n])
    return varint(number << 3) + varint(value) if isinstance(value, int) else varint(number << 3 | 2) + varint(len(value)) + value


def tensor(dims=(2, 3), kind=1, raw=bytes(24), more=b"", name=b"w"):
    return b"".join(field(1, d) for d in dims) + field(2, kind) + field(8, name) + (field(9, raw) if raw is not None else b"") + more


def onnx(graph=b"", more=b"", opset=b""):
    return field(1, 8) + field(2, b"maker") + field(7, graph) + field(8, field(1, opset) + field(2, 17)) + more


def external(location, offset=None, length=None):
    pairs = [(b"location", location)] + [(k, str(v).encode()) for k, v in ((b"offset", offset), (b"length", length)) if v is not None]
    return tensor(raw=None, more=b"".join(field(13, field(1, k) + field(2, v)) for k, v in pairs) + field(14, 1))


def test_onnx_is_counted(okse, tmp_path):
    inner = field(1, field(5, field(6, field(5, tensor((4,), 10, bytes(8))))))
    report = one(okse, tmp_path, "m.onnx", onnx(field(5, tensor()) + field(5, tensor((2,), 7, None)) + inner), 0)
    (row,) = report["files"]
    assert row["dtypes"] == {"F32": 6, "I64": 2, "F16": 4} and row["producer"] == "maker" and row["version"] == 8


ONNX = {
    "empty": (b"", "onnx.structure"), "no-graph": (field(1, 8), "onnx.structure"), "text": (b"not a model at all", "onnx.structure"),
    "cut": (onnx(field(5, tensor()))[:-3], "onnx.structure"), "long": (onnx(b"") + b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "onnx.structure"),
    "wire-type": (onnx(b"\x0b\x0c"), "onnx.structure"), "varint": (onnx(b"\x08" + b"\xff" * 11), "onnx.structure"),
    "size": (onnx(field(5, tensor(raw=bytes(23)))), "onnx.tensor"), "negative": (onnx(field(5, tensor((2 ** 64 - 1,)))), "onnx.tensor"),
    "overflow": (onnx(field(5, tensor((2 ** 40, 2 ** 40)))), "onnx.tensor"), "type": (onnx(field(5, tensor(kind=99))), "onnx.tensor"),
    "external-up": (onnx(field(5, external(b"../weights"))), "onnx.external"),
    "external-absolute": (onnx(field(5, external(b"/etc/passwd"))), "onnx.external"),
    "external-missing": (onnx(field(5, external(b"other"))), "onnx.external"),
    "external-beyond": (onnx(field(5, external(b"data", 8, 9))), "onnx.external"),
    "external-overflow": (onnx(field(5, external(b"data", 2 ** 63 - 1, 2 ** 63 - 1))), "onnx.external"),
    "external-in-node": (onnx(field(1, field(5, field(5, external(b"../weights"))))), "onnx.external"),
}


@pytest.mark.parametrize("name", sorted(ONNX))
def test_lying_onnx(okse, tmp_path, name):
    data, rule = ONNX[name]
    write(tmp_path / "m/m.onnx", data)
    write(tmp_path / "m/data", bytes(16))
    assert rules(examine(okse, tmp_path / "m", 1)) == [rule]


def test_onnx_nests_only_so_deep(okse, tmp_path):
    graph = b""
    for _ in range(40):
        graph = field(1, field(5, field(6, graph)))
    assert rules(one(okse, tmp_path, "m.onnx", onnx(graph), 1)) == ["onnx.structure"]


def test_onnx_with_its_data_beside_it_and_own_operators(okse, tmp_path):
    write(tmp_path / "m/m.onnx", onnx(field(5, external(b"data", 8, 8)) + field(1, field(7, b"my.ops")), opset=b"ai.onnx"))
    write(tmp_path / "m/data", bytes(16))
    assert rules(examine(okse, tmp_path / "m", 0), "warning") == ["onnx.custom-operators"]


CHAT = "{% for m in messages %}{{ '<|' + m['role'] + '|>' + (m.content | trim) }}{% endfor %}{# __class__ #} text __init__ {{ raise_exception('no') }}"


@pytest.mark.parametrize("template", [
    "{{ x.__class__ }}", "{{ x['__class__'] }}", "{{ x|attr('a') }}", "{%- set y = cycler.next -%}", "{{ lipsum }}", "{{ x['_' ~ '_' ~ 'class'] }}",
    "{{ ''['\\x5f\\x5fclass\\x5f\\x5f'] }}", "{{ x['\\137\\137class'] }}", "{% include 'a' %}", "{% import 'a' as b %}", "{{ self }}",
    "{{ '}}' ~ x.__mro__ }}", "{{ \"it's\" ~ x.__class__ }}", "{{ x.__class__", "{{ get__attr }}"])
def test_injections_in_chat_templates(okse, tmp_path, template):
    for name, data in (("chat_template.jinja", template), ("tokenizer_config.json", json.dumps({"chat_template": template})),
                       ("chat_template.json", json.dumps({"chat_template": [{"name": "default", "template": template}]})),
                       ("m.gguf", gguf([("tokenizer.chat_template", 8, gguf_string(template))]))):
        assert rules(one(okse, tmp_path, name, data, 1)) == ["template.injection"], name


def test_an_honest_chat_template(okse, tmp_path):
    assert one(okse, tmp_path, "chat_template.jinja", CHAT, 0)["findings"] == []
    assert one(okse, tmp_path, "tokenizer_config.json", json.dumps({"chat_template": CHAT}), 0)["findings"] == []


def test_remote_code_is_told(okse, tmp_path):
    own = {"auto_map": {"AutoConfig": "configuration_x.X", "AutoModel": ["modeling_x.Y", None]}}
    assert rules(one(okse, tmp_path, "config.json", json.dumps(own), 0), "warning") == ["config.auto-map"]
    foreign = {"auto_map": {"AutoModel": "someone/else--modeling_x.Y"}}
    assert rules(one(okse, tmp_path, "config.json", json.dumps(foreign), 1)) == ["config.foreign-code"]
    assert rules(one(okse, tmp_path, "config.json", '{"trust_remote_code": true}', 1)) == ["config.trust-remote-code"]
    assert rules(one(okse, tmp_path, "config.json", '{"a": 1, "a": 2}', 1)) == ["config.unreadable"]


def test_config_and_tokenizer_agree(okse, tmp_path):
    write(tmp_path / "m/config.json", json.dumps({"architectures": ["Exaone4ForCausalLM"], "torch_dtype": "bfloat16", "vocab_size": 3,
                                                  "quantization_config": {"quant_method": "gptq"}}))
    write(tmp_path / "m/tokenizer.json", json.dumps({"model": {"vocab": {"a": 0, "b": 1}}, "added_tokens": [{"id": 2, "content": "c"}]}))
    report = examine(okse, tmp_path / "m", 0)
    assert report["findings"] == []
    assert report["summary"] == {"architecture": "Exaone4ForCausalLM", "precision": "bf16", "quantization": "gptq"}
    write(tmp_path / "m/tokenizer.json", json.dumps({"model": {"vocab": {"a": 0, "b": 1}}, "added_tokens": [{"id": 3, "content": "c"}]}))
    assert rules(examine(okse, tmp_path / "m", 0), "warning") == ["tokenizer.vocabulary"]


@pytest.mark.parametrize("name", ["model.embed_tokens.weight", "transformer.wte.weight", "bert.embeddings.word_embeddings.weight", "tok_embeddings.weight"])
@pytest.mark.parametrize("vocabulary, token, expected", [
    (4, 3, []), (3, 2, []), (5, 3, ["embeddings.vocabulary"]), (4, 4, ["embeddings.tokenizer"]), (None, 9, ["embeddings.tokenizer"])])
def test_every_token_has_a_row_in_the_weights(okse, tmp_path, name, vocabulary, token, expected):
    write(tmp_path / "m/model.safetensors", safetensors({name: ("F32", [4, 2], F32 * 8), "lm_head.bias": ("F32", [9, 1], F32 * 9)}))
    write(tmp_path / "m/config.json", json.dumps({"vocab_size": vocabulary} if vocabulary else {"model_type": "x"}))
    write(tmp_path / "m/tokenizer.json", json.dumps({"model": {"vocab": {"a": 0}}, "added_tokens": [{"id": token, "content": "c"}]}))
    assert rules(examine(okse, tmp_path / "m", 1 if expected else 0)) == expected


def hdf5(config):
    return b"\x89HDF\r\n\x1a\n" + bytes(range(256)) * 1030 + config.encode() + bytes(99)


def keras(layer):
    return json.dumps({"class_name": "Functional", "config": {"layers": [{"class_name": "Dense", "config": {}, "module": "keras.layers"}, layer]}})


LAMBDA = keras({"class_name": "Lambda", "config": {"function": ["4wEA", None, None]}})
KERAS = {
    "lambda": (LAMBDA, "keras.lambda"), "compact": (LAMBDA.replace(" ", ""), "keras.lambda"), "spread": (LAMBDA.replace(": ", "\n\t:" + " " * 900), "keras.lambda"),
    "escaped": (LAMBDA.replace("Lambda", "\\u004cam\\u0062da").replace("class_name", "clas\\u0073_name"), "keras.lambda"),
    "behind a backslash": ('"a\\\\": "b\\"", ' + LAMBDA, "keras.lambda"), "not a number": (LAMBDA.replace('{"function"', '{"n": NaN, "function"'), "keras.lambda"),
    "nested": (keras({"class_name": "Functional", "config": {"layers": [{"class_name": "Lambda", "config": {}}]}}), "keras.lambda"),
    "lambda of a function": (keras({"class_name": "Dense", "config": {"activation": {"class_name": "__lambda__", "config": {"value": "4wEA"}}}}), "keras.lambda"),
    "function of Python": (keras({"class_name": "Dense", "config": {"kernel_initializer": {"module": "builtins", "class_name": "exec", "config": {"code": "1"}}}}), "keras.lambda"),
    "module": (keras({"class_name": "system", "module": "os", "config": {}}), "keras.module"), "module beside": (keras({"class_name": "x", "module": "kerasx", "config": {}}), "keras.module"),
    "long module": (keras({"class_name": "x", "module": "a" * 5000, "config": {}}), "keras.module"),
}


@pytest.mark.parametrize("name", KERAS)
def test_code_in_keras_models(okse, tmp_path, name):
    config, rule = KERAS[name]
    assert rules(one(okse, tmp_path, "m.h5", hdf5(config), 1)) == [rule]
    assert rules(one(okse, tmp_path, "keras_metadata.pb", b"\x0a\x05\x12\xff\x01\x22" + config.encode(), 1)) == [rule]
    assert rule in rules(one(okse, tmp_path, "m.keras", zipped({"config.json": config.encode()}), 1))


def test_an_honest_keras_model(okse, tmp_path):
    layers = [keras({"class_name": "Dense", "module": module, "config": {"name": "Lambda", "units": 8, "activation": {"module": "builtins", "class_name": "function", "config": "relu"}}})
              for module in (None, "keras.layers", "keras.src.layers.core.dense", "tensorflow.keras.layers")]
    for config in layers:
        assert one(okse, tmp_path, "m.h5", hdf5(config), 0)["findings"] == []
        assert one(okse, tmp_path, "m.keras", zipped({"config.json": config.encode(), "metadata.json": b"{}"}), 0)["findings"] == []
    assert one(okse, tmp_path, "config.json", '{"module": "vllm.layers", "class_name": "X"}', 0)["findings"] == [], "another library's"


def test_keras_and_tensorflow_code(okse, tmp_path):
    layer = json.dumps({"config": {"layers": [{"class_name": "Lambda", "config": {"function": ["4wEA", None, None]}}]}})
    assert rules(one(okse, tmp_path, "m.keras", zipped({"config.json": layer.encode(), "metadata.json": b"{}"}), 1)) == ["keras.lambda"]
    assert rules(one(okse, tmp_path, "m.h5", b"\x89HDF\r\n\x1a\n" + bytes((1 << 20) - 30) + layer.encode() + bytes(99), 1)) == ["keras.lambda"]
    assert rules(one(okse, tmp_path, "saved_model.pb", b"\x0a\x01x\x12\x08ReadFile", 1)) == ["tensorflow.file-operation"]
    assert rules(one(okse, tmp_path, "saved_model.pb", b"\x0a\x01x\x12\x0bEagerPyFunc", 1)) == ["tensorflow.python"]
    assert one(okse, tmp_path, "saved_model.pb", b"\x0a\x01x\x12\x06MatMul", 0)["findings"] == []


def test_compiled_artefacts_are_known_by_name_only(okse, tmp_path):
    (row,) = one(okse, tmp_path, "model.fxb", noise("fxb", 5000), 0)["files"]
    assert row == {"path": "model.fxb", "format": "fxb", "size": 5000}


def test_an_archive_that_grows_too_far(okse, tmp_path):
    data = zipped({f"{i}": bytes(64 << 20) for i in range(6)})
    assert rules(one(okse, tmp_path, "big.zip", data, 1)) == ["archive.expands"]


def test_build_refuses_dangerous_weights(okse, tmp_path):
    write(tmp_path / "data/model.safetensors", GOOD)
    write(tmp_path / "data/extra.bin", by_lines("os", "system"))
    stack = simple(tmp_path, kind="weights")
    words = ["build", stack, "--country", "VN", "-o", tmp_path / "o.okse", "--unsigned"]
    refused = okse(*words, "--gate", "block", status=1)
    assert "extra.bin at byte 0" in refused.err and "os.system" in refused.err and not (tmp_path / "o.okse").exists()
    assert okse(*words, "--gate", "block", "--json", status=1).json["weights"][0]["findings"][0]["rule"] == "pickle.import"
    assert "os.system" in okse(*words, "--gate", "warn", status=0).err
    bundle = Bundle(tmp_path / "o.okse")
    (document,) = [bundle.blob(layer["digest"]) for title, layer in bundle.titles("stack").items() if title == "weights.json"]
    (row,) = json.loads(document)["components"]
    assert row["component"] == "data" and row["critical"] == 1 and row["findings"][0]["offset"] == 0
    assert okse("inspect", tmp_path / "o.okse", "--check", status=0)
    okse(*words, "--gate", "off", status=0)


def test_build_puts_what_the_files_say_into_the_modelpack(okse, tmp_path, shared):
    write(tmp_path / "data/model.safetensors", GOOD)
    write(tmp_path / "data/config.json", '{"architectures": ["LlamaForCausalLM"], "torch_dtype": "float32"}')
    okse("build", simple(tmp_path, kind="weights"), "--country", "VN", "-o", tmp_path / "o.okse", "--unsigned", "--gate", "warn", status=0)
    config = Bundle(tmp_path / "o.okse").config("data")
    assert config["config"] == {"architecture": "LlamaForCausalLM", "format": "safetensors", "paramSize": "7", "precision": "fp32"}
    jsonschema.validate(config, json.loads((shared / "schemas/modelpack-model-config-v1.schema.json").read_text()))


def test_the_same_weights_from_an_archive(okse, tmp_path):
    write(tmp_path / "data.zip", zipped({"m/model.safetensors": GOOD, "m/extra.bin": by_lines("os", "system")}))
    result = okse("build", simple(tmp_path, "{archive: data.zip}", kind="weights"), "--country", "VN", "--unsigned", "--gate", "block", status=1)
    assert "m/extra.bin at byte 0" in result.err
