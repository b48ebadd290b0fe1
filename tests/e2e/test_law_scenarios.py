"""Tables of targets and verdicts, one a country (tests/law/ISO2.yaml), each row written from an article: which data, kept where, sent where, with which
papers. A row begins with the country's complete target, changes some of it, and says what each named provision then is."""
import copy
import json
import pathlib
import re

import pytest
import yaml

import law_facts

HERE = pathlib.Path(__file__).resolve().parents[1] / "law"
SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "manifests/schemas/facts.schema.json"
TABLES = sorted(HERE.glob("*.yaml"))
KEYS = {"home", "case", "article", "data", "sector", "storage", "egress", "documents", "without", "contacts", "reach", "accounts", "use", "vendor", "at", "expect", "overall",
        "collectors", "resources", "purpose"}
BASE = {  # a private target that lacks no paper that any of the tables' countries asks everybody for; a table's `complete` changes it
    "sector": "private", "data": ["personal"], "at": "2026-10-01", "storage": [], "contacts": {"dpo": "dpo@site.example", "incident": "soc@site.example"},
    "accounts": {"PermitRootLogin": "no", "PasswordAuthentication": "no", "AuthenticationMethods": "publickey,keyboard-interactive"},
    "documents": {
        "dpia": {"purpose": "search", "reviewed_on": "2026-09-01"}, "dpo": {"contact": "dpo@site.example"}, "model-card": {"summary": "a model"},
        "incident-plan": {"contact": "soc@site.example", "authority_hours": 24, "subject_hours": 24, "cybersecurity_hours": 4, "early_warning_hours": 3, "detail_hours": 24,
                          "final_report_hours": 120, "sector_hours": 4, "vulnerability_hours": 12, "takedown_hours": 3, "processor_hours": 12},
        "retention": {"log_days": 1095, "record_days": 3650, "personal_days": 365, "ai_record_days": 730}, "risk-assessment": {"risk_class": "medium", "reviewed_on": "2026-09-01"},
        "human-oversight": {"who": "duty officer", "can_stop": True}, "ai-notice": {"label": "machine-readable"}, "training-summary": {"sources": ["public text"], "personal_data": False},
        "data-flow": {"flows": []}, "data-classes": {"classes": ["personal"]}, "sub-processors": {"processors": []}, "processing-record": {"activities": ["search"]},
        "transfer-assessment": {"basis": "none", "assessed_on": "2026-09-01", "persons": 100}, "transfer-contract": {"summary": "none"}, "exit-plan": {"steps": "export"},
        "backup-plan": {"what": "all"}, "key-management": {"custodian": "operator", "separate": True, "hsm": True, "customer_held": True}, "access-policy": {"mfa": True, "least_privilege": True},
        "asset-inventory": {"assets": ["gpu01"]}, "component-inventory": {"format": "spdx"}, "breach-register": {"kept_days": 1825}, "takedown-procedure": {"hours": 3, "urgent_hours": 1},
        "disposal": {"method": "erase"}, "crypto-inventory": {"algorithms": ["AES"], "migration_until": "2030-12-31"}, "audit-report": {"auditor": "A", "audited_on": "2026-09-01"},
        "local-representative": {"name": "R"}}}
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
                           "replicates_to": r.get("replicates_to", []), "several_regions": r.get("several_regions", False), "values": [],
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


def test_there_are_tables():
    assert TABLES, "tests/law holds no table"


@pytest.mark.parametrize("table", TABLES, ids=lambda path: path.stem)
def test_each_row_is_judged_as_its_article_says(okse, tmp_path, table):
    content = yaml.safe_load(table.read_text())
    iso = content["country"]
    home = content.get("home", iso)  # a bloc's targets stand in one of its members
    complete = merged({**BASE, "home": home, "storage": [{"place": home}]}, content.get("complete", {}))
    assert iso == table.stem.upper()
    rows = [merged(complete, row) for row in content["rows"]]
    assert len(rows) >= 15, "a table has at least fifteen rows"
    wrong = []
    for row, findings in zip(rows, audits(okse, tmp_path, iso, rows)):
        assert set(row) <= KEYS, set(row) - KEYS
        found = provisions(findings)
        for provision, expected in row["expect"].items():
            if found.get(provision) != expected:
                wrong.append(f"{row['case']}: {provision} ({row['article']}) is {found.get(provision)}, expected {expected}")
        if "overall" in row and findings["verdict"] != row["overall"]:
            wrong.append(f"{row['case']}: the verdict is {findings['verdict']}, expected {row['overall']}; "
                         f"fails: {sorted(p for p, s in found.items() if s == 'fail')}, open: {sorted(p for p, s in found.items() if s == 'inconclusive')}")
    assert not wrong, "\n".join(wrong)
