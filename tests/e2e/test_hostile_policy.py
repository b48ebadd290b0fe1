"""Law and controls from a stranger: whatever stands in them, nothing is read, written, asked or made to wait."""
import os
import pytest
import law_facts as lf
import own_law as ol
from test_policy import GOOD

LAW = ol.country("XA", ol.provision("a", [{"control": "x.y", "parameters": {"permitted": ["XA"]}}]))


def lint(okse, tmp_path, text, **more):
    (tmp_path / "x.y.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return okse("policy", "lint", "x.y.yaml", **more)


@pytest.mark.parametrize("program", [
    "env", "env.SECRET", "$ENV", "$ENV.SECRET", "$__loc__", "$__prog_args", "input", "inputs", "[inputs]", "debug", "stderr", "halt", "halt_error", "input_filename",
    "input_line_number", "now", "localtime", "mktime", "strptime(\"%Y\")", "get_search_list", "modulemeta", "include \"a\"; 1", "import \"a\" as a; 1",
    "import \"/etc/passwd\" as $x; $x", "getpath([\"host\"])", "paths", "path(.host)", "leaf_paths", "..", "recurse", "recurse(.[])", "recurse_down", "walk(.)", "env | keys",
    "range(1000000000)", "range(0; 1; 0)", "repeat(1)", "while(true; .)", "until(false; .)", "limit(1; repeat(1))", "first(range(10))", "infinite", "[range(10)]",
    "def f: f; f", "def f: [f]; f", "reduce .endpoints[] as $x (0; . + 1)", "foreach .endpoints[] as $x (0; 1)", "label $x | break $x", "try error catch .",
    "error(\"x\")", ".endpoints |= 1", ".endpoints = 1", ".endpoints += 1", "del(.endpoints)", "setpath([\"a\"]; 1)", "delpaths([[\"a\"]])", "to_entries", "@sh", "@base64d",
    ".endpoints[] | select(.host | test(.role))", ".endpoints[] | select(.host | test(\"a\\(.role)\"))", ".host | splits(\"x\")", "$__prog_name", "input_line", "getenv",
    ".endpoints[\"a\"]?//1", ". as [$a] | $a", ". as {a: $b} | $b", "\"\\(env)\"", "\"\\(input)\"", "{a: env}", "{(env): 1}", "[env]", "if env then 1 else 2 end",
    "1) | env | (1", "empty) , (env", "1 # ) env", "ltrimstr(env)", "any(env; .)", "sort_by(env)", "tojson", "fromjson", "ascii(65)", "splits(\"a\"; \"b\")", "ltrimstr($ENV.A)",
])
def test_a_program_beyond_the_subset_is_refused_and_never_runs(okse, tmp_path, program):
    escaped = program.replace("'", "''")
    result = lint(okse, tmp_path, GOOD.replace("unknown: 'empty'", f"unknown: '{escaped}'"), status=1, env={"SECRET": "do-not-leak"})
    assert "x.y.yaml:" in result.out and "unknown: " in result.out and "do-not-leak" not in result.out + result.err
    manifests = ol.manifests(tmp_path, LAW, controls=[GOOD.replace("unknown: 'empty'", f"unknown: '{escaped}'")])
    lf.write(tmp_path, lf.facts())
    assert okse("audit", "--manifests", manifests, "--evidence", "facts.json", "--country", "XA", env={"SECRET": "do-not-leak"}, status=2).out == ""


def test_deep_programs_are_refused_before_the_stack_ends(okse, tmp_path):
    for opened, closed in (("(", ")"), ("[", "]"), ("{a: ", "}"), ("if true then ", " else 1 end"), ("-", ""), ("select(", ")"), ('"\\(', ')"')):
        result = lint(okse, tmp_path, GOOD.replace("unknown: 'empty'", f"unknown: '{opened * 5000}1{closed * 5000}'"))
        assert result.status == 1 and "x.y.yaml:10:" in result.out


def test_long_programs_and_texts_end(okse, tmp_path):
    for program in (" , ".join(["1"] * 200000), ".endpoints" + "[]?" * 100000, '"' + "x" * 4000000 + '"', " | ".join(["."] * 100000)):
        assert lint(okse, tmp_path, GOOD.replace("unknown: 'empty'", f"unknown: '{program}'"), timeout=120).status in (0, 1)
    huge = GOOD.replace("title: {en: t,", f"title: {{en: {'t' * (17 << 20)},")
    assert "x.y.yaml" in lint(okse, tmp_path, huge).err


@pytest.mark.parametrize("text, message", [
    ("a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 10)}]\n" for i in range(9)), "alias"),
    ("okse: control/v1\nx: " + "[" * 5000, ""), ("okse: control/v1\n" + "".join(f"k{i}: 1\n" for i in range(200000)), ""), ("okse: control/v1\nx: *nothing\n", ""),
    ("okse: control/v1\nx: &a [*a]\n", ""), ("okse: control/v1\nokse: control/v1\n", ""), ("!!python/object/apply:os.system ['id']\n", ""), (b"\xff\xfe\x00", ""), ("", ""),
    ("okse: control/v1\n---\nokse: control/v1\n", ""), ("%YAML 9.9\n---\nokse: control/v1\n", ""), (b"okse: control/v1\nid: \"a\\0b\"\n", ""),
])
def test_hostile_yaml_is_refused(okse, tmp_path, text, message):
    result = lint(okse, tmp_path, text, timeout=60)
    assert result.status in (1, 2) and "x.y.yaml" in result.out + result.err and message in result.out + result.err


@pytest.mark.parametrize("name", ["../../../etc/passwd", "/etc/passwd", "..", "a/../b", "x\u202ey", "x y", "", "a" * 65, "X.Y"])
def test_names_lead_nowhere(okse, tmp_path, name):
    assert lint(okse, tmp_path, GOOD.replace("id: x.y", f'id: "{name}"')).status == 1
    law = ol.country("XA", ol.provision("a", [{"control": name or "-", "parameters": {}}]))
    manifests = ol.manifests(tmp_path, LAW, controls=[GOOD])
    ol.write(manifests, law)
    result = okse("policy", "list", "--manifests", manifests, status=2)
    assert "no control" in result.err and "root:" not in result.err and "\u202e" not in result.err


@pytest.mark.parametrize("country", ["../../etc/passwd", "..", "%2e%2e", "X/", "x\n"])
def test_countries_lead_nowhere(okse, tmp_path, country):
    for words in (["audit", "--evidence", "facts.json", "--country", country], ["policy", "show", country], ["policy", "calendar", "--country", country],
                  ["policy", "coverage", "--country", country], ["policy", "matrix", "--to", country], ["policy", "explain", country]):
        lf.write(tmp_path, lf.facts())
        result = okse(*words, status=2)
        assert "root:" not in result.err and result.out == ""


def test_blocs_lead_nowhere(okse, tmp_path):
    manifests = ol.manifests(tmp_path, LAW, controls=[GOOD])
    for bloc in ("../xb", "..", "eu", "E/"):
        ol.write(manifests, ol.country("XA", ol.provision("a"), head={"inherits": [bloc]}))
        assert "is no country code" in okse("policy", "show", "--manifests", manifests, "XA", status=2).err


def test_links_and_devices_in_a_directory_of_law_are_not_followed(okse, tmp_path):
    manifests = ol.manifests(tmp_path, LAW, controls=[GOOD])
    os.symlink("/etc/passwd", manifests / "jurisdictions" / "xb.yaml")
    os.symlink("/dev/zero", manifests / "controls" / "a.b.yaml")
    os.mkfifo(manifests / "controls" / "c.d.yaml")
    assert okse("policy", "list", "--manifests", manifests, status=0, timeout=30).out.count("Country") == 1
    (manifests / "conflicts.yaml").unlink()
    os.symlink("/etc/passwd", manifests / "conflicts.yaml")
    result = okse("policy", "list", "--manifests", manifests)
    assert result.status != 0 and "symbolic link" in result.err and "root:" not in result.err + result.out


def test_texts_of_a_stranger_do_not_reach_the_terminal_raw(okse, tmp_path):
    manifests = ol.manifests(tmp_path, ol.country("XA", ol.provision("a", [{"control": "x.y", "parameters": {"permitted": ["XA"]}}], article="Art. 1\u001b]0;owned\u0007")), controls=[GOOD])
    for words in (["policy", "coverage"], ["policy", "show", "XA"], ["policy", "explain", "x.y"], ["policy", "calendar", "--country", "XA", "--from", "2025-01-01"]):
        out = okse(*words, "--manifests", manifests).out
        assert "\u001b" not in out and "\\u{1b}]0;owned\\u{7}" in out, words
