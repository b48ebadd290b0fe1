"""okse policy explain: the words are read off the control and off the law."""
import own_law as ol

CONTROL = """okse: control/v1
id: test.words
family: test
title: {en: A title, ko: t}
description: {en: A description., ko: d}
needs: [configuration, documents]
waivable: false
parameters:
  permitted: {type: countries}
  days: {type: integer, default: 30}
violations: >-
  (.documents[] | select(.type == "dpia") | .fields.valid_until) as $end
  | .endpoints[] | select(.role | IN("logs", "metrics")) | select(.location.country | IN($permitted[]) | not)
  | select(any(.sources[]; .path | test("^/etc"))) | select($end == null or $end < $at) | select($days > 0)
unknown: '[.endpoints[] | .location] | map(select(.country == null)) | .[] | {absent: "place"}'
applies: '.install.country != $country'
applies_reason: {en: at home}
remediation: {en: Do it., ko: r}
tests:
  - {name: a, facts: {}, parameters: {permitted: [VN]}, expect: pass}
  - {name: b, facts: {}, parameters: {permitted: [VN]}, expect: pass}
"""
LAW = ol.country("XA", ol.provision("a", [{"control": "test.words", "parameters": {"permitted": ["VN"], "days": 9}}], confidence="low"), ol.provision("b", [ol.declared()]))


def test_what_it_reads_and_who_uses_it(okse, tmp_path):
    manifests = ol.manifests(tmp_path, LAW, controls=[CONTROL])
    value = okse("policy", "explain", "--manifests", manifests, "test.words", "--json", status=0).json
    assert value["reads"] == {"documents": ["fields.valid_until", "type"], "endpoints": ["location.country", "role", "sources[].path"], "install": ["country"]}
    assert value["country"] is True and value["time"] is True and value["waivable"] is False
    assert value["parameters"] == [{"name": "permitted", "type": "countries", "words": "a list of country codes that is not empty", "default": None},
                                   {"name": "days", "type": "integer", "words": "a whole number from 0", "default": 30}]
    assert value["tests"] == {"pass": 2, "fail": 0, "inconclusive": 0, "not-applicable": 0}
    assert [(u["jurisdiction"], u["provision"], u["confidence"], u["parameters"]) for u in value["used_by"]] == [("XA", "a", "low", {"permitted": ["VN"], "days": 9})]
    text = okse("policy", "explain", "--manifests", manifests, "test.words", status=0).out
    for line in ("It needs configuration, documents: where one of them could not look at everything, it does not pass.\n", "  documents: fields.valid_until, type\n",
                 "  endpoints: location.country, role, sources[].path\n", "  the country whose law asks\n", "  the time of the audit\n",
                 "  permitted: a list of country codes that is not empty\n", "  days: a whole number from 0; otherwise 30\n", "A failure cannot be waived.\n",
                 '  XA a, Art. a — a [mandatory, confidence low]\n    {"days":9,"permitted":["VN"]}\n'):
        assert line in text, line


def test_a_control_that_nobody_uses_says_so(okse, tmp_path):
    manifests = ol.manifests(tmp_path, LAW, controls=[CONTROL])
    assert "Used by\n  no provision\n" in okse("policy", "explain", "--manifests", manifests, "dns.resolvers", status=0).out


def test_every_built_in_control_can_be_explained(okse):
    for control in okse("policy", "list", "--json", status=0).json["controls"]:
        value = okse("policy", "explain", control["id"], "--json", status=0).json
        assert value["reads"], control["id"]


def test_an_unknown_control_is_refused(okse):
    assert "there is no control 'egress.nowhere'" in okse("policy", "explain", "egress.nowhere", status=2).err
