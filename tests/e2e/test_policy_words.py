"""Words that nobody can declare scope nothing: data classes and sectors of law are those of manifests/data-classes.yaml and sectors.yaml."""

import pytest
import yaml

import own_law as ol
from conftest import ROOT
from test_profile import ACT, own, profile


def place(path, word):
    """Line and column of a word in a file, counted here."""
    line, text = next((n, row) for n, row in enumerate(path.read_text().splitlines(), 1) if f'"{word}"' in row)
    return f"{path}:{line}:{text.index(word)}: "


def scoped(data=("personal",), sectors=("all",)):
    return {"applies_to": {"data": list(data), "sectors": list(sectors)}}


def test_a_word_that_nobody_can_declare_is_an_objection_at_its_place(okse, tmp_path):
    rows = [{"provision": "a", "data": ["persona"], "sectors": ["finanse"], "mode": "free", "confidence": "high"}]
    law = ol.country("XA", ol.provision("a", **scoped(("personal", "helth"))), ol.provision("b", **scoped(sectors=("finance", "goverment"))), ol.provision("c", **scoped(("zzzzzz",))),
                     ol.provision("d", **scoped(("logs", "ai-output", "all"), ("private", "ai"))), transfers=rows)
    manifests = ol.manifests(tmp_path, law)
    path = manifests / "jurisdictions/xa.yaml"
    expected = [place(path, "helth") + "unknown data class 'helth' (did you mean 'health'?)", place(path, "goverment") + "unknown sector 'goverment' (did you mean 'government'?)",
                place(path, "zzzzzz") + "unknown data class 'zzzzzz'", place(path, "persona") + "unknown data class 'persona' (did you mean 'personal'?)",
                place(path, "finanse") + "unknown sector 'finanse' (did you mean 'finance'?)"]
    assert okse("policy", "lint", path, "--json", status=1).json["issues"] == expected
    whole = okse("policy", "lint", "--manifests", manifests, status=1).out
    assert all(line in whole for line in expected)
    # a word of the author's own is known when the lists have it
    with (manifests / "data-classes.yaml").open("a") as file:
        file.write("zzzzzz: own\n")
    assert "zzzzzz" not in okse("policy", "lint", path, "--manifests", manifests, status=1).out


def test_profiles_and_rules_have_known_words_too(okse, tmp_path):
    path = profile(tmp_path, file="p.yaml", instruments=[ACT], add=[own("x-1", **scoped(sectors=("bank",)))])
    assert okse("policy", "lint", path, "--json", status=1).json["issues"] == [place(path, "bank") + "unknown sector 'bank'"]
    manifests = ol.manifests(tmp_path, keep=True)
    rules = manifests / "data-class-rules.yaml"
    rules.write_text(rules.read_text().replace("  children: [personal]", "  childrn: [personel]"))
    line = rules.read_text().splitlines().index("  childrn: [personel]") + 1
    assert okse("policy", "lint", "--manifests", manifests, "--json", status=1).json["issues"] == [
        f"{rules}:{line}:3: unknown data class 'childrn' (did you mean 'children'?)", f"{rules}:{line}:13: unknown data class 'personel' (did you mean 'personal'?)"]


def test_the_built_in_law_scopes_by_known_words(okse):
    """The same without okse, and for the lists that the rules imply."""
    known = {name: set(yaml.safe_load((ROOT / f"manifests/{name}.yaml").read_text())) for name in ("data-classes", "sectors")}
    for path in [*(ROOT / "manifests/jurisdictions").glob("*.yaml"), *(ROOT / "manifests/frameworks").glob("*.yaml")]:
        law = yaml.safe_load(path.read_text())
        for row in [p["applies_to"] for p in law["provisions"]] + law.get("transfers", []):
            assert set(row["data"]) - known["data-classes"] <= {"all"} and set(row.get("sectors", [])) - known["sectors"] <= {"all"}, (path, row)
    assert okse("policy", "lint", status=0).out.endswith(" 0 objections\n")


@pytest.mark.parametrize("words, told", [
    (("--sector", "goverment"), "okse: --sector: unknown sector 'goverment' (did you mean 'government'?)\n"),
    (("--sector", "xyzzy"), "okse: --sector: unknown sector 'xyzzy'\n"),
    (("--data-class", "personal", "--data-class", "helth"), "okse: --data-class: unknown data class 'helth' (did you mean 'health'?)\n"),
])
def test_init_knows_the_words(okse, words, told):
    found = okse("init", "new", "--country", "VN", *words, status=2)
    assert (found.out, found.err) == ("", told) and not (okse.directory / "new").exists()
