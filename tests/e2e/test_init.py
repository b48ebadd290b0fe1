"""`okse init`: what it proposes is what is there, it builds, and nothing is replaced."""
import os
import yaml
from stacks import build, image, leftovers, noise, wheel, write
from weights_files import noise_safetensors


def test_an_empty_place_gets_an_example_that_builds(okse, tmp_path):
    result = okse("init", tmp_path / "new", status=0)
    assert leftovers(tmp_path / "new") == ["compliance", "compliance/record-of-processing.md", "infra",
                                           "infra/service.conf", "stack.yaml"]
    assert "okse build" in result.err
    bundle = build(okse, tmp_path / "new/stack.yaml")
    assert list(bundle.titles("serving")) == ["service.conf"]


def test_proposes_what_lies_there(okse, tmp_path):
    here = tmp_path / "Civic Search"
    write(here / "weights-v2/model.safetensors", noise_safetensors(noise("w", 1000)))
    write(here / "Legal/dpa.md", "dpa\n")
    write(here / "deploy/app.conf", "x\n")
    write(here / "README.md", "readme\n")
    write(here / "true", "a name that YAML would read as something else\n")
    write(here / "server.key", "secret\n")
    wheel(here / "wheels/engine-1.0-py3-none-any.whl")
    image(here / "images/server")
    image(here / "images/both", "1.0", "a")
    image(here / "images/both", "2.0", "b")
    (here / "nothing").mkdir()
    (here / ".git").mkdir()
    okse("init", cwd=here, status=0)
    text = (here / "stack.yaml").read_text()
    stack = yaml.safe_load(text)
    assert stack["name"] == "civic-search"
    found = {c["name"]: (c["kind"], c["source"]) for c in stack["components"]}
    assert found == {
        "weights-v2": ("weights", {"path": "weights-v2"}),
        "legal": ("compliance", {"path": "Legal"}),
        "deploy": ("infra", {"path": "deploy"}),
        "readme-md": ("docs", {"path": "README.md"}),
        "true": ("docs", {"path": "true"}),
        "engine": ("runtime", {"archive": "wheels/engine-1.0-py3-none-any.whl"}),
        "server": ("runtime", {"oci": "images/server"}),
        "both-1-0": ("runtime", {"oci": "images/both", "ref": "1.0"}),
        "both-2-0": ("runtime", {"oci": "images/both", "ref": "2.0"}),
    }
    assert "# left out: server.key" in text and "# left out: nothing (nothing in it)" in text
    bundle = build(okse, here / "stack.yaml")
    assert [d["annotations"]["dev.okse.component"] for d in bundle.index["manifests"][1:]] == list(found)


def test_names_cannot_break_out_of_the_proposal(okse, tmp_path):
    write(tmp_path / "a: b # c\"'{", "x")
    write(tmp_path / "stack", "x")
    write(tmp_path / "STACK", "x")
    with open(os.path.join(os.fsencode(tmp_path), b"line\nname: evil"), "w"):
        pass
    okse("init", cwd=tmp_path, status=0)
    stack = yaml.safe_load((tmp_path / "stack.yaml").read_text())
    assert {c["source"]["path"]: c["name"] for c in stack["components"]} == {
        "STACK": "stack-2", "a: b # c\"'{": "a-b-c", "stack": "stack-3"}


def test_replaces_nothing(okse, tmp_path):
    (tmp_path / "stack.yaml").write_text("mine")
    result = okse("init", cwd=tmp_path, status=2)
    assert "stack.yaml" in result.err and (tmp_path / "stack.yaml").read_text() == "mine"
    place = tmp_path / "other"
    write(place / "infra/service.conf", "mine")
    okse("init", place, "--example", "start", status=2)
    assert leftovers(place) == ["infra", "infra/service.conf"]


def test_examples_are_named(okse, tmp_path):
    result = okse("init", tmp_path / "x", "--example", "nowhere", status=2)
    assert "agent-search, call-assistant, civic-search, document-automation, enterprise-assistant" in result.err
    told = okse("init", tmp_path / "y", "--example", "civic-search", "--json", status=0).json
    assert told["schema"] == "okse.init.v1" and "infra/compose.yaml" in told["files"]
    assert (tmp_path / "y/stack.yaml").exists()


def test_a_missing_parent_is_a_system_failure(okse, tmp_path):
    assert "nowhere" in okse("init", tmp_path / "nowhere/deep", status=3).err
