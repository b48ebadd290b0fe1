"""Components made by a Jsonnet template: what it sees, what it makes, and what it cannot reach."""
import hashlib
import json
import shutil
import subprocess

import pytest

STACK = """okse: stack/v1
name: templated
version: 1.0.0
sequence: 1
vendor: {name: Example AI Lab, country: KR, contact: security@example.org}
components:
  - {name: serving, kind: infra, source: {template: %s, parameters: {replicas: 2, modes: [a, b]}}}
  - {name: model, kind: weights, source: {path: model}, license: {spdx: Apache-2.0}}
compliance: {data_classes: [personal], sector: government, purpose: Tests}
"""
SITE = """okse: site/v1
name: Hanoi data centre 1
country: VN
parameters: {hostname: search.ministry.example, replicas: 3}
"""
SHOW = "function(stack, country, site, parameters, telemetry) {'all.json': std.manifestJsonEx({stack: stack, country: country, site: site, parameters: parameters}, ' ')}"


def write(directory, program=SHOW, template="templates/own.jsonnet"):
    (directory / "stack.yaml").write_text(STACK % template)
    (directory / "site.yaml").write_text(SITE)
    (directory / "model").mkdir(exist_ok=True)
    (directory / "model/model.onnx_data").write_bytes(b"w" * 100)
    (directory / "model/small.onnx_data").write_bytes(b"w" * 10)
    (directory / "templates/lib").mkdir(parents=True, exist_ok=True)
    (directory / "templates/own.jsonnet").write_text(program)
    (directory / "templates/lib/words.libsonnet").write_text("{hello: 'echo hello', deep: (import '../more.libsonnet').deep}")
    (directory / "templates/more.libsonnet").write_text("{deep: 'deep'}")


def build(okse, *words, country="VN", output="x.okse", status=0):
    return okse("build", "stack.yaml", "--country", country, "-o", output, "--unsigned", *words, status=status)


def rendered(okse, bundle, name):
    """A file of the rendering, found and hashed as a person with jq and tar would."""
    files = {f["path"]: f for c in okse("inspect", bundle, "--json", status=0).json["components"] if c["name"] == "serving" for f in c["files"]}
    data = subprocess.run(["tar", "-xOf", okse.directory / bundle, "blobs/sha256/" + files[name]["digest"].removeprefix("sha256:")],
                          check=True, capture_output=True).stdout
    assert "sha256:" + hashlib.sha256(data).hexdigest() == files[name]["digest"]
    return data.decode(), files[name]


def test_a_template_sees_the_stack_the_country_and_the_site(okse):
    write(okse.directory)
    build(okse, "--site", "site.yaml")
    seen = json.loads(rendered(okse, "x.okse", "all.json")[0])
    assert seen["parameters"] == {"replicas": 2, "modes": ["a", "b"]}
    assert seen["site"]["name"] == "Hanoi data centre 1" and seen["site"]["parameters"]["hostname"] == "search.ministry.example"
    assert "path" not in seen["site"], "what the site's file is called is no input"
    assert seen["country"]["iso"] == "VN" and seen["country"]["profile"]["time_zone"] == "Asia/Ho_Chi_Minh"
    model, = [c for c in seen["stack"]["components"] if c["name"] == "model"]
    assert model == {"name": "model", "kind": "weights", "files": 2, "main": "model.onnx_data", "path": "/srv/okse/current/model",
                     "spdx": "Apache-2.0", "image": None}
    assert [c["name"] for c in okse("inspect", "x.okse", "--json", status=0).json["components"]] == ["serving", "model"], "the stack's order"


def test_the_profile_agrees_with_what_the_law_asks(okse):
    """The longest period of any provision of the country is what a package is set to at least."""
    for iso in ("VN", "SA", "KR"):
        law = okse("policy", "show", iso, "--json", status=0).json
        asked = [c["parameters"]["days_min"] for p in law["provisions"] for c in p["controls"]
                 if c["control"] == "retention.days_min" and c["parameters"]["field"] == "log_days"]
        assert asked and law["profile"]["log_days"] >= max(asked), iso


def test_the_same_inputs_give_the_same_bundle_and_others_another(okse):
    write(okse.directory)
    one = build(okse, "--site", "site.yaml", "--json").json["identity"]
    shutil.copy(okse.directory / "site.yaml", okse.directory / "other-name.yaml")
    assert build(okse, "--site", "other-name.yaml", "--json", output="y.okse").json["identity"] == one
    assert (okse.directory / "x.okse").read_bytes() == (okse.directory / "y.okse").read_bytes()
    assert build(okse, "--json", output="z.okse").json["identity"] != one
    assert build(okse, "--site", "site.yaml", "--json", country="KR", output="k.okse").json["identity"] != one
    okse("rebuild", "stack.yaml", "--expect", "x.okse", "--site", "site.yaml", status=0)
    okse("rebuild", "stack.yaml", "--expect", "x.okse", status=1)


def test_imports_and_scripts(okse):
    write(okse.directory, "local w = import 'lib/words.libsonnet';\n"
          "function(stack, country, site, parameters, telemetry) {'bin/run.sh': '#!/bin/sh\\n' + w.hello + '\\n', 'deep.txt': w.deep}")
    build(okse)
    text, file = rendered(okse, "x.okse", "bin/run.sh")
    assert text == "#!/bin/sh\necho hello\n" and file["mode"] == "0755"
    assert rendered(okse, "x.okse", "deep.txt")[1]["mode"] == "0644"


HEAD = "function(stack, country, site, parameters, telemetry) "


@pytest.mark.parametrize("program, message", [
    (HEAD + "{a: parameters.nothing}", "field does not exist: nothing < own.jsonnet:1:59"),
    (HEAD + "{a: importstr '/etc/passwd'}", "no such template"),
    (HEAD + "{a: importstr '../stack.yaml'}", "no such template"),
    (HEAD + "{a: importstr '../../../../../etc/passwd'}", "no such template"),
    (HEAD + "{a: std.extVar('HOME')}", "undefined external variable"),
    (HEAD + "{'../a': 'x'}", "file '../a'"),
    (HEAD + "{'/etc/a': 'x'}", "file '/etc/a'"),
    (HEAD + "{a: 1}", "file 'a' must be a text"),
    (HEAD + "{}", "must make an object of files"),
    (HEAD + "'a'", "must make an object of files"),
    ("{a: 'no function'}", ""),
    (HEAD + "{a: 'unclosed}", "own.jsonnet:1:59"),
    (HEAD + "local f(x) = f(x + 1) + 1; {a: '' + f(0)}", "max stack frames exceeded"),
    (HEAD + "{a: std.join('', std.makeArray(900000000, function(x) 'aaaaaaaa'))}", "had to be stopped"),
    (HEAD + "{a: 'x', 'a/b': 'x'}", "both a file and a directory"),
])
def test_a_template_that_fails_or_reaches_out_is_refused_at_its_line(okse, program, message):
    write(okse.directory, program)
    result = build(okse, status=2 if "no function" not in program else None)
    if "no function" in program:  # Jsonnet passes arguments to functions only
        assert rendered(okse, "x.okse", "a")[0] == "no function"
        return
    assert message in result.err and "stack.yaml:7:" in result.err and "component 'serving'" in result.err
    assert not (okse.directory / "x.okse").exists()


def test_unknown_templates_are_answered(okse):
    write(okse.directory, template="nothing-like-it")
    assert "no template 'nothing-like-it'" in build(okse, status=2).err
    write(okse.directory, template="own.jsonnet")
    (okse.directory / "own.jsonnet").write_text(SHOW)
    assert "a directory of its own" in build(okse, status=2).err
    write(okse.directory, template="templates/missing.jsonnet")
    assert "no template 'missing.jsonnet'" in build(okse, status=2).err
