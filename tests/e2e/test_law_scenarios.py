"""Tables of targets and verdicts, one a country (manifests/scenarios/ISO2.yaml), each row written from an article: which data, kept where, sent where, with which
papers. A row begins with the country's complete target, changes some of it, and says what each named provision then is."""
import copy
import json
import pathlib
import re

import jsonschema
import pytest
import yaml

import law_facts
import own_law as ol
from conftest import ROOT

HERE = ROOT / "manifests/scenarios"
SCHEMA = ROOT / "manifests/schemas/facts.schema.json"
TABLES = sorted(HERE.glob("*.yaml"))
WORST = ("fail", "inconclusive", "pass", "not-applicable")


SHAPE = json.loads(SCHEMA.read_text())


def collectors():
    names = SHAPE["$defs"]["collector"]["properties"]["collector"]["enum"]
    return [{"collector": name, "status": "complete", "reason": None, "items": 0} for name in names]


def mount(number, row, iso):
    place = row["place"]
    return {"id": f"mnt:{number:016x}", "path": row.get("path", f"/data{number}"), "fstype": "nfs4" if row.get("remote") else "ext4", "device": None,
            "source_host": "files.example" if row.get("remote") else None, "remote": bool(row.get("remote")), "encrypted": {True: "yes", False: "no"}[row.get("encrypted", True)],
            "chain": [], "holds": [], "namespace": None, "container": None, "state": "observed", "source": law_facts.source("/proc/mounts", number, "", "mounts", None),
            "location": {"country": place, "method": "site-declaration" if row.get("declared") else "geoip", "confidence": "high", "detail": None, "anycast": False}}


def reach(country):
    packet = {"destination": "192.0.2.1", "source": None, "device": "eth0", "protocol": 6, "port": 443, "user": None}
    source = law_facts.source("/etc/nftables.conf", 3, "policy accept", "egress", None)
    return {"id": "rch:0000000000000001", "kind": "host", "subject": "this host", "country": country, "surely": True, "packet": packet, "source": source, "state": "configured",
            "location": {"country": country, "method": "geoip", "confidence": "medium", "detail": None, "anycast": False}}


def account(number, name, value):
    return {"id": f"acc:{number:016x}", "kind": "sshd", "name": name, "value": value, "uid": None, "state": "configured",
            "source": law_facts.source("/etc/ssh/sshd_config", number, f"{name} {value}", "accounts", None)}


def facts_of(iso, row):
    """The facts document of a row."""
    flows = [{"name": f"flow{i}", "to": f"{e['role']}{i}.example:443", "country": e["country"], "data": row["data"]} for i, e in enumerate(row.get("egress", [])) if e.get("declared")]
    compliance = {"data_classes": row["data"], "sector": row["sector"], "purpose": row.get("purpose", "search"), "use": row.get("use"), "flows": flows}
    endpoints = [law_facts.endpoint(i + 1, f"{e['role']}{i}.example", e["role"], e["country"], ("/etc/app.conf", i + 1, e["role"]), declared=bool(e.get("declared")), tls=e.get("tls", True),
                                    observed=bool(e.get("observed"))) for i, e in enumerate(row.get("egress", []))]
    endpoints.append(law_facts.endpoint(99, "ntp.example", "ntp", row["home"], ("/etc/chrony.conf", 1, "server ntp.example"), port=123, declared=True))
    papers = [{**law_facts.document(i + 1, kind), "fields": fields or {}} for i, (kind, fields) in enumerate(row["documents"].items()) if kind not in row.get("without", [])]
    value = law_facts.facts(("install", "host"), endpoints, papers, compliance)
    value.update({name: [] for name, member in SHAPE["properties"].items() if member.get("type") == "array" and name not in value})
    value["collected_at"] = f"{row['at']}T00:00:00Z"
    value["collectors"] = collectors()
    for name, status in row.get("collectors", {}).items():
        law_facts.set_collector(value, name, status)
    value["install"]["country"] = iso
    value["install"]["vendor"]["country"] = row.get("vendor", iso)
    value["host"].update(fips=True, synchronised=True)
    value["site"].update(country=iso, contacts=row["contacts"], allowed_endpoints=[],
                         storage=[{"path": s.get("path", f"/data{i + 1}"), "place": s["place"], "encrypted": s.get("encrypted", True)} for i, s in enumerate(row["storage"])])
    value["mounts"] = [mount(i + 1, s, iso) for i, s in enumerate(row["storage"])]
    value["residue"] = [{"id": "rsd:0000000000000001", "kind": "request-log", "path": "/var/log/serving", "encrypted": "yes", "remote": False, "host": None, "size": None, "detail": None,
                         "data_classes": row["data"], "source": law_facts.source("/etc/serving.yaml", 2, "access_log: on", "residue", None), "state": "configured"}]
    value["accounts"] = [account(i + 1, *pair) for i, pair in enumerate(row.get("accounts", {}).items())]
    value["reach"] = [reach(country) for country in row.get("reach", [])]
    prefixes = {"prefixes": ["192.0.2.0/24"], "count": 1} if row.get("reach") else {"prefixes": [], "count": 0}
    value["egress"] = [{"id": "egr:0000000000000001", "kind": "host", "subject": "this host", "complete": True, "ipv4": "allow" if row.get("reach") else "deny", "ipv6": "deny",
                        "reachable": prefixes, "surely": prefixes, "unmodelled": [], "source": law_facts.source("/etc/nftables.conf", 1, "", "egress", None), "state": "configured"}]
    value["resources"] = [{"id": f"res:{i + 1:016x}", "type": "aws_s3_bucket", "name": f"b{i}", "module": None, "provider": "aws", "region": r.get("region"), "country": r.get("country"),
                           "replicates_to": [{"region": None, "country": iso} for iso in r.get("replicates_to", [])], "several_regions": r.get("several_regions", False), "values": [],
                           "source": law_facts.source("main.tf", i + 1, "", "resources", None), "state": "declared"} for i, r in enumerate(row.get("resources", []))]
    return value


def merged(complete, row):
    """A row over the complete target: documents are merged by type and field, the rest is replaced."""
    value = {**copy.deepcopy(complete), **copy.deepcopy({k: v for k, v in row.items() if k != "documents"})}
    for kind, fields in row.get("documents", {}).items():
        value["documents"][kind] = {**(value["documents"].get(kind) or {}), **(fields or {})}
    value["at"] = str(value["at"])
    return value


def audits(okse, directory, iso, rows):
    """Findings by row; rows of one day are judged in one run."""
    answers = {}
    for at in sorted({row["at"] for row in rows}):
        arguments = []
        for i, row in enumerate(rows):
            if row["at"] == at:
                arguments += ["--evidence", law_facts.write(directory, facts_of(iso, row), f"row{i:03}.json")]
        told = okse("audit", *arguments, "--country", iso, "--at", at, "--json").json
        for one in told.get("audits") or [{"evidence": arguments[1], "findings": told}]:
            answers[int(re.search(r"row(\d+)", str(one["evidence"]))[1])] = one["findings"]
    return [answers[i] for i in range(len(rows))]


def provisions(findings):
    """provision -> the worst status of its findings."""
    found = {}
    for finding in findings["findings"]:
        if finding["provision"] is not None:
            found.setdefault(finding["provision"], []).append(finding["status"])
    return {provision: min(statuses, key=WORST.index) for provision, statuses in found.items()}


def read(path):
    """A day stays a text, as YAML 1.2 has it."""
    loader = type("Loader", (yaml.SafeLoader,), {"yaml_implicit_resolvers": {k: [r for r in v if r[0] != "tag:yaml.org,2002:timestamp"] for k, v in yaml.SafeLoader.yaml_implicit_resolvers.items()}})
    return yaml.load(pathlib.Path(path).read_text(), Loader=loader)


BASE = read(ROOT / "manifests/scenario-target.yaml")["target"]


def test_the_tables_have_their_published_form():
    schema = json.loads((ROOT / "manifests/schemas/scenarios.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    assert len(TABLES) >= 12
    for path in TABLES:
        table = read(path)
        jsonschema.Draft202012Validator(schema).validate(table)
        assert table["country"] == path.stem.upper() and len(table["rows"]) >= 15, path


def test_every_row_is_judged_as_its_article_says(okse):
    report = okse("policy", "test", *TABLES, "--json", status=0).json
    assert report["schema"] == "okse.policy.test.v1" and [t["failed"] for t in report["scenarios"]] == [0] * len(TABLES)
    for table, path in zip(report["scenarios"], TABLES):
        rows = read(path)["rows"]
        assert (table["country"], table["rows"]) == (path.stem.upper(), len(rows))
        expected = [(row["case"], provision, status) for row in rows for provision, status in [*row["expect"].items(), *([(None, row["overall"])] if "overall" in row else [])]]
        assert [(r["case"], r["provision"], r["status"]) for r in table["results"]] == expected


@pytest.mark.parametrize("country", ["sa", "eu"])
def test_an_audit_says_the_same(okse, tmp_path, country):
    """Facts that are made here, not by okse policy test, audited as a whole."""
    content = read(HERE / f"{country}.yaml")
    iso = content["country"]
    home = content.get("home", iso)  # a bloc's targets stand in one of its members
    complete = merged({**BASE, "home": home, "storage": [{"place": home}]}, content.get("complete", {}))
    rows = [merged(complete, row) for row in content["rows"]]
    wrong = []
    for row, findings in zip(rows, audits(okse, tmp_path, iso, rows)):
        found = provisions(findings)
        for provision, expected in row["expect"].items():
            if found.get(provision) != expected:
                wrong.append(f"{row['case']}: {provision} ({row['article']}) is {found.get(provision)}, expected {expected}")
        if "overall" in row and findings["verdict"] != row["overall"]:
            wrong.append(f"{row['case']}: the verdict is {findings['verdict']}, expected {row['overall']}; "
                         f"fails: {sorted(p for p, s in found.items() if s == 'fail')}, open: {sorted(p for p, s in found.items() if s == 'inconclusive')}")
    assert not wrong, "\n".join(wrong)


LAW = ol.country("XA", ol.provision("xa-1", [ol.declared(["dpia"])]), ol.provision("xa-2", [ol.declared(["exit-plan"])], confidence="low"), ol.provision("xa-3"),
                 ol.provision("xa-4", [{"control": "storage.place", "parameters": {"permitted_countries": ["XA"]}}], applies_to={"data": ["health"], "sectors": ["health"]}))
TABLE = """okse: scenarios/v1
country: XA
complete: {sector: private}
rows:
- case: all is there
  article: Art. 1
  expect: {xa-1: pass, xa-2: pass, xa-4: not-applicable}
- case: no papers
  article: Art. 2
  without: [dpia, exit-plan]
  expect: {xa-1: fail, xa-2: inconclusive}
  overall: non-compliant
- case: health data abroad
  article: Art. 4
  data: [health]
  sector: [private, health]
  storage: [{place: XA}, {place: XB, remote: true}]
  expect: {xa-4: fail}
"""


def own_table(okse, tmp_path, text=TABLE, command="test", status=0, words=()):
    manifests = ol.manifests(tmp_path, LAW)
    (tmp_path / "t.yaml").write_text(text)
    return okse("policy", command, "t.yaml", "--manifests", manifests, *words, status=status)


def test_an_author_sees_what_his_table_covers(okse, tmp_path):
    report = own_table(okse, tmp_path, words=("--json",)).json
    assert (report["passed"], report["failed"], report["tests"]) == (0, 0, [])
    covered = {row["provision"]: row["scenarios"] for row in report["coverage"]["provisions"]}
    assert covered == {"xa-1": {"pass": 1, "fail": 1}, "xa-2": {"pass": 1, "inconclusive": 1}, "xa-4": {"not-applicable": 1, "fail": 1}}
    assert report["coverage"]["provisions_in_scenarios"] == 3
    assert own_table(okse, tmp_path).out == "3 scenarios: 7 expectations hold, 0 do not\n  XA: scenarios name 3 of 3 provisions with controls\n"
    assert own_table(okse, tmp_path, command="lint").out == "1 files, 0 objections\n"


def test_what_does_not_hold_is_told_with_its_place(okse, tmp_path):
    text = TABLE.replace("xa-2: inconclusive", "xa-2: fail").replace("overall: non-compliant", "overall: compliant")
    out = own_table(okse, tmp_path, text, status=1).out
    assert out.startswith("FAIL t.yaml:11:24: no papers (Art. 2): xa-2 is inconclusive, expected fail\n"
                          "FAIL t.yaml:8:3: no papers (Art. 2): the verdict is non-compliant, expected compliant\n3 scenarios: 5 expectations hold, 2 do not\n")
    assert "; not xa-2" in own_table(okse, tmp_path, text.replace(", xa-2: pass", "").replace(", xa-2: fail", ""), status=1).out


@pytest.mark.parametrize("old, new, told", [
    ("xa-4: fail", "xa-9: fail", "t.yaml:18:12: expect: there is no provision 'xa-9' in the law of XA"),
    ("xa-4: fail", "xa-3: fail", "t.yaml:18:12: expect: provision xa-3 is not technically checkable"),
    ("country: XA", "country: XB", "no law for the country 'XB'"),
    ("country: XA", "country: Xa", "country: 'Xa' is no country code"),
    ("xa-4: fail", "xa-4: failed", "t.yaml:18:12: expect: xa-4 is none of pass, fail, inconclusive, not-applicable"),
    ("  storage:", "  stores:", "t.yaml:17:3: unknown key 'stores'"),
    ("{place: XB,", "{plase: XB,", "unknown key 'plase' (did you mean 'place'?)"),
    ("  data: [health]", "  data: health", "t.yaml:15:9: 'data' must be a list"),
    ("  article: Art. 4", "  at: soon", "at: must be a day"),
    ("  expect: {xa-4: fail}", "  expect: {}", "expect: names no provision"),
    ("  data: [health]", "  data: [helth]", "t.yaml:15:10: unknown data class 'helth' (did you mean 'health'?)"),
    ("sector: [private, health]", "sector: helth", "t.yaml:16:11: unknown sector 'helth' (did you mean 'health'?)"),
])
def test_a_wrong_table_is_refused_with_its_place(okse, tmp_path, old, new, told):
    text = TABLE.replace(old, new)
    assert text != TABLE
    assert told in own_table(okse, tmp_path, text, "lint", status=1).out
    found = own_table(okse, tmp_path, text, status=2)
    assert told in found.err and found.out == ""


def test_tables_beside_the_law_are_found(okse, tmp_path):
    manifests = ol.manifests(tmp_path, LAW)
    (manifests / "scenarios").mkdir(exist_ok=True)
    (manifests / "scenarios/xa.yaml").write_text(TABLE)
    assert "3 scenarios: 7 expectations hold, 0 do not\n" in okse("policy", "test", "--manifests", manifests, status=0).out
    (manifests / "scenarios/xa.yaml").write_text(TABLE.replace("xa-4: fail", "xa-9: fail"))
    assert "scenarios/xa.yaml:18:12: expect: there is no provision 'xa-9'" in okse("policy", "lint", "--manifests", manifests, status=1).out
