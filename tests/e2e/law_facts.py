"""Facts documents for tests, written by hand after docs/formats/facts.md; not by collecting anything."""
import copy
import json

COLLECTORS = {"install": ["install", "drift", "configuration", "documents", "site", "network-policies", "telemetry", "resources"],
              "host": ["host", "mounts", "sockets", "routes", "resolvers", "time", "firewall", "egress", "residue"]}


def source(path, line, excerpt, collector="configuration", component="serving"):
    return {"collector": collector, "path": path, "line": line, "key": None, "digest": "sha256:" + "0" * 64,
            "excerpt": excerpt, "component": component, "via": "structured"}


def endpoint(number, host, role, country, *places, scope="public", state="configured", port=443, declared=False,
             observed=False, tls=True, direction="out"):
    located = {"country": country, "method": "geoip" if country else "none",
               "confidence": "medium" if country else "none", "detail": None, "anycast": False}
    return {"id": f"ep:{number:016x}", "host": host, "address": None, "port": port, "protocol": "tcp", "tls": tls,
            "direction": direction, "role": role, "scope": scope, "state": state, "observed": observed,
            "location": located, "declared": declared, "process": None,
            "sources": [source(path, line, excerpt) for path, line, excerpt in places]}


def document(number, kind, **fields):
    path = f"/srv/okse/current/papers/{kind}.yaml"
    return {"id": f"doc:{number:016x}", "component": "papers", "path": f"{kind}.yaml", "type": kind, "title": kind,
            "fields": fields, "digest": "sha256:" + "1" * 64,
            "source": source(path, 1, "okse: document/v1", "documents", "papers"), "state": "declared"}


TELEMETRY = ("/srv/okse/current/serving/compose.yaml", 17, "OTEL_EXPORTER_OTLP_ENDPOINT: https://xray.ap-southeast-1.amazonaws.com/v1/traces")
LOGS = ("/srv/okse/current/serving/rsyslog.conf", 6, "local6.* @@193.0.6.139:6514")


def faults():
    return [endpoint(1, "xray.ap-southeast-1.amazonaws.com", "telemetry", "SG", TELEMETRY, scope="unresolved"),
            endpoint(2, "193.0.6.139", "logs", "NL", LOGS, port=6514, tls=False)]


def clean_endpoints():
    rsyslog = "/srv/okse/current/serving/"
    return [endpoint(3, "metrics.ministry.example", "metrics", "VN", (rsyslog + "prometheus.yaml", 8, "url: https://metrics"),
                     scope="unresolved", declared=True),
            endpoint(4, "10.20.4.20", "database", None, (rsyslog + "compose.yaml", 25, "DATABASE_URL"), scope="private", tls=None),
            endpoint(5, "127.0.0.1", "peer", None, (rsyslog + "compose.yaml", 30, "localhost"), scope="loopback"),
            endpoint(6, "registry.ministry.example", "registry", "VN", (rsyslog + "compose.yaml", 5, "image:"), scope="unresolved")]


def documents():
    return [document(1, "dpia", date="2026-05-01"), document(2, "incident-plan", authority_hours=72, subject_hours=72),
            document(3, "retention", log_days=365, personal_days=365),
            document(4, "risk-assessment", risk_class="medium"), document(5, "ai-notice", label="visible"),
            document(6, "transfer-assessment", basis="none"), document(7, "transfer-contract")]


def facts(scope=("install",), endpoints=None, papers=None, compliance=None, **more):
    collectors = []
    for kind, names in COLLECTORS.items():
        for name in names:
            inside = kind in scope
            collectors.append({"collector": name, "status": "complete" if inside else "unavailable",
                               "reason": None if inside else "not in scope", "items": 0})
    value = {"schema": "okse.facts.v1", "collected_at": "2026-11-23T07:30:00Z",
             "tool": {"name": "okse", "version": "0.1.0"}, "scope": list(scope), "sysroot": "/", "collectors": collectors,
             "host": {"hostname": "gpu01", "os": None, "kernel": None, "machine": "x86_64", "timezone": None, "source": None},
             "install": {"root": "/srv/okse", "generation": "14-1f2e", "identity": "sha256:" + "a" * 64,
                         "name": "civic-search", "version": "1.4.0", "sequence": 14, "country": "VN",
                         "components": [{"name": "minilm", "kind": "weights", "files": 7, "size": 1},
                                        {"name": "serving", "kind": "infra", "files": 5, "size": 1}],
                         "compliance": compliance or {"data_classes": ["personal"], "sector": "government",
                                                      "purpose": "search", "flows": [
                                 {"name": "metrics", "to": "metrics.ministry.example:443", "country": "VN", "data": ["operational"]}]},
                         "vendor": {"name": "Example AI Lab", "country": "KR", "contact": None}},
             "site": {"name": "Hanoi data centre 1", "country": "VN", "contacts": {"dpo": "dpo@ministry.example"},
                      "allowed_endpoints": ["metrics.ministry.example:443"],
                      "storage": [{"path": "/srv", "place": "VN", "encrypted": True}], "networks": [], "hosts": []},
             "mounts": [], "sockets": [], "routes": [], "settings": [], "drift": [], "resources": [], "workloads": [], "firewall": [], "egress": [], "reach": [],
             "documents": documents() if papers is None else papers,
             "endpoints": clean_endpoints() if endpoints is None else endpoints}
    value.update(copy.deepcopy(more))
    return value


def set_collector(value, name, status, reason="test"):
    for collector in value["collectors"]:
        if collector["collector"] == name:
            collector.update(status=status, reason=reason)


def write(directory, value, name="facts.json"):
    path = directory / name
    path.write_text(json.dumps(value))
    return path
