"""Each fact of a target is changed alone (place, encryption, presence, setting), and something that the law's checks say changes with it; what no check looked at
is named as such by the audit. A fact that changes without either would be one that nobody watches and nobody says so."""
import copy

import law_facts
import test_law_scenarios as scenarios

LAWS = ("SA", "CN", "IN")  # much of what a law can ask about, between them
ROLES = ("logs", "metrics", "traces", "errors", "telemetry", "update-check", "licence", "model-hub", "registry", "package-mirror", "dns", "ntp", "proxy", "backup", "replica",
         "object-storage", "database", "cache", "queue", "kms", "hsm", "idp", "directory", "ca-acme", "ocsp-crl", "tsa", "mail", "webhook", "llm-api", "web-search", "vpn",
         "remote-support", "remote-fs", "block-remote", "code-repo", "cdn", "monitoring-agent", "peer", "unknown")


def source(collector, line=1):
    return law_facts.source("/etc/app.conf", line, "x", collector, None)


def base():
    """A target with a fact of every kind that decides where data goes, all at home and in order."""
    row = scenarios.merged({**scenarios.BASE, "home": "SA", "storage": [{"place": "SA", "remote": True, "declared": True}], "sector": ["government", "finance", "health", "telecom"],
                            "data": ["personal", "government", "financial", "health", "sensitive", "telecom", "logs", "user-data", "classified", "critical-infrastructure"],
                            "contacts": {"incident": "soc@site.example"}, "without": ["backup-plan"], "egress": [{"role": role, "country": "SA", "declared": True} for role in ROLES]}, {})
    value = scenarios.facts_of("SA", row)
    value["mounts"][0]["holds"] = ["models"]
    for paper in value["documents"]:  # what stands elsewhere as well would hide the change
        if paper["type"] == "access-policy":
            del paper["fields"]["mfa"]
    value["resources"] = [{"id": "res:0000000000000001", "type": "aws_s3_bucket", "name": "b", "module": None, "provider": "aws", "region": "me-central-2", "country": "SA", "replicates_to": [],
                           "several_regions": False, "values": [], "source": source("resources"), "state": "declared"}]
    value["telemetry"] = [{"id": "tel:0000000000000001", "program": "vllm", "software": "vLLM", "does": "telemetry", "enabled": "no", "grade": "declared", "reason": None, "switch": None,
                           "sign": "image", "what": None, "version": None, "workload": None, "hosts": [], "sends": None, "confidence": "high", "rule": "vllm", "source": source("telemetry"),
                           "state": "configured"}]
    value["routes"] = [{"id": "rt:0000000000000001", "destination": "10.20.0.0/16", "gateway": None, "device": "eth0", "public": False, "table": 254, "netns": None,
                        "source": source("routes"), "state": "observed"}]
    value["schedules"] = [{"id": "sch:0000000000000001", "kind": "cron", "when": "30 2 * * *", "user": "backup", "command": "rsync", "reaches": ["nas.example"], "source": source("schedules"),
                           "state": "configured"}]
    return value


def mutants():
    """(what, the list and id of the fact or None, changed document)."""
    start = base()
    for number, fact in enumerate(start["endpoints"]):
        value = copy.deepcopy(start)
        value["endpoints"][number]["location"]["country"] = "US"
        yield f"endpoint {fact['role']} abroad", ("endpoints", fact["id"]), value
    for name, change in (("mount abroad", {"location": {**start["mounts"][0]["location"], "country": "US"}}), ("mount in plain text", {"encrypted": "no"})):
        value = copy.deepcopy(start)
        value["mounts"][0].update(change)
        yield name, ("mounts", start["mounts"][0]["id"]), value
    for name, change in (("resource abroad", {"country": "US", "region": "us-east-1"}), ("resource copied abroad", {"replicates_to": [{"region": "us-east-1", "country": "US"}]}),
                         ("resource in several regions", {"several_regions": True})):
        value = copy.deepcopy(start)
        value["resources"][0].update(change)
        yield name, ("resources", start["resources"][0]["id"]), value
    for listed, change in (("residue", {"encrypted": "no"}), ("telemetry", {"enabled": "yes"}), ("routes", {"public": True, "destination": "0.0.0.0/0"}),
                           ("schedules", {"command": "rclone", "reaches": ["abroad.example"]}), ("egress", {"ipv4": "allow"})):
        value = copy.deepcopy(start)
        value[listed][0].update(change)
        yield f"{listed} changed", (listed, start[listed][0]["id"]), value
    for number, fact in enumerate(start["accounts"]):
        value = copy.deepcopy(start)
        value["accounts"][number]["value"] = {"PermitRootLogin": "yes", "PasswordAuthentication": "yes", "AuthenticationMethods": "any"}[fact["name"]]
        yield f"sshd {fact['name']} loosened", ("accounts", fact["id"]), value
    for number, fact in enumerate(start["documents"]):
        value = copy.deepcopy(start)
        del value["documents"][number]
        yield f"document {fact['type']} removed", ("documents", fact["id"]), value
    for name, change in (("nothing installed", {"install": None}), ("nothing declared of the site", {"site": None}),
                         ("a file of the install changed", {"drift": [{"id": "dft:0000000000000001", "component": "serving", "path": "a", "status": "changed", "expected": "x", "actual": "y",
                                                                       "source": source("drift"), "state": "observed"}]}),
                         ("a way out", {"reach": [scenarios.reach("US")]}),
                         ("an endpoint added", {"endpoints": start["endpoints"] + [law_facts.endpoint(77, "new.example", "unknown", "US", ("/etc/new.conf", 1, "new"))]})):
        yield name, None, {**copy.deepcopy(start), **copy.deepcopy(change)}


def verdicts(findings):
    return [(f["jurisdiction"], f["provision"], f["control"], f["status"], f["violations"], f["unknown"]) for f in findings["findings"]]


def test_every_changed_fact_changes_a_finding_or_is_named_as_unwatched(okse, tmp_path):
    changed = list(mutants())
    assert len(changed) > 80
    arguments = ["--evidence", law_facts.write(tmp_path, base(), "m999.json")]
    for number, (_, _, value) in enumerate(changed):
        arguments += ["--evidence", law_facts.write(tmp_path, value, f"m{number:03}.json")]
    laws = [word for law in LAWS for word in ("--country", law)] + ["--framework", "iso-27001"]
    told = okse("audit", *arguments, *laws, "--at", "2026-10-01", "--json", timeout=900).json["audits"]
    before = told[0]["findings"]
    unwatched = {(fact["list"], fact["id"]) for fact in before["inventory"]["unpoliced_facts"]}
    silent = [what for (what, fact, _), audit in zip(changed, told[1:]) if verdicts(audit["findings"]) == verdicts(before) and fact not in unwatched]
    named = [what for what, fact, _ in changed if fact in unwatched]
    print(f"{len(changed)} facts changed: {len(changed) - len(named)} change a finding, {len(named)} are named as unwatched: {', '.join(named)}")
    assert not silent, silent
    assert len(named) < len(changed) // 4, named
