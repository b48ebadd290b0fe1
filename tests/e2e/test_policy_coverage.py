"""okse policy coverage: every provision of every file, with its controls or its reason."""
import own_law as ol
from test_policy import COUNTRIES, ROOT, load


def test_nothing_of_the_files_is_dropped(okse):
    value = okse("policy", "coverage", "--json", status=0).json
    files = COUNTRIES + sorted((ROOT / "manifests/frameworks").glob("*.yaml"))
    assert [j["iso"].lower() for j in value["jurisdictions"]] == [f.stem for f in files]
    for shown, path in zip(value["jurisdictions"], files):
        written = load(path)["provisions"]
        assert [p["id"] for p in shown["provisions"]] == [p["id"] for p in written]
        for one, other in zip(shown["provisions"], written):
            assert one["controls"] == list(dict.fromkeys(c["control"] for c in other.get("controls", [])))
            assert one["not_checkable"] == other.get("not_checkable") and one["confidence"] == other["confidence"]
            assert bool(one["controls"]) != bool(one["not_checkable"])
        assert shown["totals"]["provisions"] == len(written) == shown["totals"]["with_controls"] + shown["totals"]["not_checkable"]
    for key, total in value["totals"].items():
        assert total == sum(j["totals"][key] for j in value["jurisdictions"]), key


def test_totals_and_text(okse, tmp_path):
    law = ol.country("XA", ol.provision("a", [ol.declared(), ol.declared(["retention"])], confidence="low"), ol.provision("b", effective="unknown", severity="recommended"),
                     ol.provision("c", until="2030-01-01"), head={"inherits": ["XB"]})
    manifests = ol.manifests(tmp_path, law, ol.country("XB", ol.provision("d", effective="2027-01-01"), head={"members": ["XA"]}), ol.country("XC", ol.provision("e")))
    value = okse("policy", "coverage", "--manifests", manifests, "--country", "xa", "--at", "2026-12-31", "--json", status=0).json
    assert [j["iso"] for j in value["jurisdictions"]] == ["XA", "XB"]
    assert value["jurisdictions"][0]["totals"] == {"provisions": 3, "with_controls": 1, "not_checkable": 2, "mandatory": 2, "mandatory_with_controls": 1,
                                                   "high": 2, "medium": 0, "low": 1, "coming": 1}
    assert value["totals"]["coming"] == 2
    text = okse("policy", "coverage", "--manifests", manifests, "--country", "XA", "--at", "2027-01-01", status=0).out
    assert "  a  Art. a — a [mandatory, confidence low: a lawyer must check, from 2026-01-01]\n    → documents.present\n" in text
    assert "    not technically checkable: no machine sees it\n" in text and "from 2026-01-01 until 2030-01-01]" in text
    assert "XA: 3 provisions, 1 with controls, 2 not technically checkable; of 2 mandatory ones 1 with controls; confidence high 2, medium 0, low 1; 1 coming\n" in text
    assert "All: 4 provisions" in text


def test_wrong_words_are_refused(okse):
    assert "no law for the country 'QQ'" in okse("policy", "coverage", "--country", "QQ", status=2).err
    assert "no framework 'nothing'" in okse("policy", "coverage", "--framework", "nothing", status=2).err
