"""okse policy lint and test: exact places in every way that YAML writes a text, and what the tests cover."""
import pytest
import own_law as ol
from test_policy import GOOD

BAD = "[.endpoints[] | select(.tls) | .hostt]"


@pytest.mark.parametrize("written", [
    f"unknown: '{BAD}'", f'unknown: "{BAD}"', f"unknown: {BAD[1:-1]}", f"unknown: >-\n  {BAD}", f"unknown: |\n  {BAD}",
    "unknown: >-\n\n  [.endpoints[]\n     | select(.tls)\n  | .hostt]", "unknown: |-\n  [.endpoints[] |\n\n   select(.tls)|\n  .hostt]",
    "unknown:\n  '[.endpoints[] | select(.role == ''x'' | not) | .hostt]'".replace("''x''", '"x"'),
    'unknown: "[.endpoints[] | select(.role == \\"x\\") | .hostt]"', 'unknown: "[.endpoints[] |\\n .hostt]"',
    "unknown: '[.endpoints[] | select(.role == \"it''s\") | .hostt]'", "unknown: '[.endpoints[] | select(.role == \"서울\") | .hostt]'",
])
def test_an_objection_stands_where_the_word_does(okse, tmp_path, written):
    text = GOOD.replace("unknown: 'empty'", written)
    (tmp_path / "x.y.yaml").write_text(text)
    line, column = next((n, row.encode().index(b"hostt") + 1) for n, row in enumerate(text.split("\n"), 1) if "hostt" in row)
    out = okse("policy", "lint", "x.y.yaml", status=1).out
    assert out.startswith(f"x.y.yaml:{line}:{column}: unknown: no such fact '.hostt' (did you mean '.host'?)\n"), out


def test_an_anchor_before_the_text_is_told_by_its_character(okse, tmp_path):
    (tmp_path / "x.y.yaml").write_text(GOOD.replace("unknown: 'empty'", "unknown: &a '.nothing'"))
    out = okse("policy", "lint", "x.y.yaml", status=1).out
    assert "no such fact '.nothing' (at character 2)" in out and out.startswith("x.y.yaml:10:")


def test_a_reason_of_not_applying_is_translated_too(okse, tmp_path):
    (tmp_path / "x.y.yaml").write_text(GOOD.replace("remediation:", "applies: 'true'\napplies_reason: {en: x}\nremediation:"))
    assert "applies_reason is not translated to 'ko'" in okse("policy", "lint", "x.y.yaml", status=1).out


def test_what_nobody_uses_is_told(okse, tmp_path):
    law = ol.country("XA", ol.provision("a", [{"control": "x.y", "parameters": {"permitted": ["XA"]}}]))
    manifests = ol.manifests(tmp_path, law, controls=[GOOD])
    for framework in (manifests / "frameworks").glob("*.yaml"):
        framework.unlink()
    out = okse("policy", "lint", "--manifests", manifests, status=1).out
    assert "controls/dns.resolvers.yaml:" in out and "no provision uses the control 'dns.resolvers'" in out and "'x.y'" not in out


def test_tests_say_what_they_cover(okse, tmp_path):
    untested = GOOD.split("tests:")[0].replace("x.y", "x.z")
    law = ol.country("XA", ol.provision("a", [{"control": "x.y", "parameters": {"permitted": ["XA"]}}]), ol.provision("b"),
                     ol.provision("c", [{"control": "x.y", "parameters": {"permitted": ["XA"]}}, {"control": "x.z", "parameters": {"permitted": ["XA"]}}]))
    manifests = ol.manifests(tmp_path, law, controls=[GOOD, untested])
    for framework in (manifests / "frameworks").glob("*.yaml"):
        framework.unlink()
    value = okse("policy", "test", "--manifests", manifests, "--json", status=0).json["coverage"]
    assert value["tests"]["x.y"] == {"pass": 2, "fail": 1, "inconclusive": 1, "not-applicable": 0}
    assert value["tests"]["x.z"] == {"pass": 0, "fail": 0, "inconclusive": 0, "not-applicable": 0}
    assert value["provisions"] == [{"jurisdiction": "XA", "provision": "a", "reached": True, "tests": 4, "scenarios": {}},
                                   {"jurisdiction": "XA", "provision": "c", "reached": False, "tests": 4, "scenarios": {}}]
    text = okse("policy", "test", "--manifests", manifests, status=0).out
    assert "x.y                           2 pass, 1 fail, 1 inconclusive, 0 not applicable\n" in text
    assert "XA: tests reach 1 of 2 provisions with controls; not c\n" in text
