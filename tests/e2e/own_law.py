"""Countries that do not exist, for tests of the format: a manifests directory with jurisdictions of the test's own."""
import copy
import json
import pathlib
import shutil
import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]


def provision(identity, controls=None, **more):
    value = {"id": identity, "instrument": "act", "article": f"Art. {identity}", "title": {"en": identity}, "summary": {"en": identity},
             "applies_to": {"data": ["all"], "sectors": ["all"]}, "effective": "2026-01-01", "severity": "mandatory", "confidence": "high"}
    value.update({"controls": controls} if controls else {"not_checkable": {"en": "no machine sees it"}})
    value.update(more)
    return value


def country(iso, *provisions, head=None, **more):
    value = {"okse": "jurisdiction/v1",
             "jurisdiction": {"iso": iso, "name": {"en": f"Country {iso}"}, "languages": ["en"], "as_of": "2026-07-01", "confidence": "high", **(head or {})},
             "regime": {"class": "test", "reason": {"en": "made up"}, "confidence": "high"},
             "instruments": [{"id": "act", "title": {"en": f"Act of {iso}"}, "citation": "Act 1", "kind": "act", "authority": "A", "url": "https://a.example",
                              "in_force": "2026-01-01", "status": "in-force", "confidence": "high", "source": "made up"}],
             "provisions": list(provisions)}
    value.update(more)
    return value


def declared(types=("dpia",)):
    return {"control": "documents.present", "parameters": {"types": list(types)}}


def manifests(directory, *countries, controls=(), keep=False):
    """keep: the built-in countries stay; otherwise only the test's own are there."""
    target = directory / "manifests"
    if not target.exists():
        shutil.copytree(ROOT / "manifests", target)
    if not keep:
        for old in [*(target / "jurisdictions").glob("*.yaml"), *(target / "scenarios").glob("*.yaml")]:
            old.unlink()
    schema = json.loads((ROOT / "manifests/schemas/jurisdiction.schema.json").read_text())
    for value in countries:
        jsonschema.Draft202012Validator(schema).validate(value)
        write(target, value)
    for text in controls:
        identity = text.split("id: ")[1].split("\n")[0]
        (target / "controls" / f"{identity}.yaml").write_text(text)
    return target


def write(target, value):
    """JSON is YAML; no schema is asked, so that a test can write what is wrong."""
    path = pathlib.Path(target) / "jurisdictions" / (value["jurisdiction"]["iso"].lower() + ".yaml")
    path.write_text(json.dumps(copy.deepcopy(value), indent=1, ensure_ascii=False))
    return path
