"""The egress envelope against real packets: in namespaces of the test's own, every address that okse calls reachable
answers a probe, and none that it calls unreachable does. See tests/lab/egress_lab.py."""
import bisect
import ipaddress
import json
import os
import pathlib
import shutil
import subprocess
import sys

import law_facts
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lab"))
import egress_lab  # noqa: E402
from egress_rules import Maker  # noqa: E402

SETS = int(os.environ.get("OKSE_LAB_SETS", "200"))


class Ranges:
    def __init__(self, said):
        assert said["count"] == len(said["prefixes"])
        self.ends = []
        for text in said["prefixes"]:
            first, _, last = text.partition("-")
            network = ipaddress.ip_network(first)
            low = int(network.network_address)
            high = int(ipaddress.ip_address(last)) if last else int(network.broadcast_address)
            self.ends.append((network.version, low, high))
        self.ends.sort()

    def __contains__(self, text):
        address = ipaddress.ip_address(text)
        at = bisect.bisect_right(self.ends, (address.version, int(address), 1 << 129)) - 1
        return at >= 0 and self.ends[at][0] == address.version and self.ends[at][1] <= int(address) <= self.ends[at][2]


@pytest.fixture(scope="module")
def lab():
    yield from make_lab()


@pytest.fixture
def fresh():
    """One for itself: tables of the old iptables stay."""
    yield from make_lab()


def make_lab():
    if os.geteuid() != 0 or not all(map(shutil.which, ("ip", "nft"))):
        pytest.skip("needs root, ip and nft")
    before = os.sched_getaffinity(0)
    try:
        made = egress_lab.Lab()
        made.load("")
    except OSError as error:
        pytest.skip(f"needs network namespaces and nftables: {error}")
    yield made
    made.close()
    os.sched_setaffinity(0, before)


def look(okse, lab, tmp_path, *words):
    path = tmp_path / "facts.json"
    with egress_lab.inside(lab.here):
        okse("collect", "--scope", "host", "-o", path, *words, status=0)
    facts = json.loads(path.read_text())
    (mine,) = [one for one in facts["egress"] if one["kind"] == "host"]  # other namespaces of the machine have their own
    return mine, {one["collector"]: one for one in facts["collectors"]}


def load(lab, seed):
    """The first rule set of this seed that nft takes: some would compare what excludes itself."""
    for attempt in range(50):
        maker = Maker(seed * 100 + attempt)
        rules, routes = maker.rules(seed % 8 == 7), maker.routes(seed % 16 == 13)
        try:
            lab.load(rules, routes)
        except OSError as error:
            if "Error: " in str(error):
                continue
            raise
        return maker, rules, routes
    raise AssertionError(f"no rule set of seed {seed} can be loaded")


def check(envelope, probes, answers, context):
    """Nothing that answers is called unreachable; whatever surely is reachable answers."""
    reachable, surely = Ranges(envelope["reachable"]), Ranges(envelope["surely"])
    assert not [one for one in answers if one not in reachable], ("answers, but is called unreachable", context)
    assert not [one for one in probes if one in surely and one not in answers], ("is called reachable, silent", context)
    if envelope["complete"]:
        assert envelope["reachable"] == envelope["surely"], context


def test_packets_agree_with_the_envelope(okse, lab, tmp_path):
    """Seeded rule sets; one in eight has a rule, and one in sixteen a route, that cannot be modelled."""
    answered = silent = open_ends = 0
    for seed in range(SETS):
        maker, rules, routes = load(lab, seed)
        probes = maker.probes()
        answers = lab.answering(probes)
        envelope, collectors = look(okse, lab, tmp_path)
        context = (seed, rules, routes, sorted(answers), envelope)
        check(envelope, probes, answers, context)
        if maker.modelled:
            assert envelope["complete"] and not envelope["unmodelled"], context
        elif not envelope["complete"]:
            open_ends += 1
            assert envelope["unmodelled"] and collectors["egress"]["status"] == "partial", context
        answered, silent = answered + len(answers), silent + len(probes) - len(answers)
    print(f"{SETS} rule sets: {answered} addresses answered, {silent} did not; {open_ends} sets not to be modelled")
    assert answered > 10 * SETS and silent > 10 * SETS and open_ends >= SETS // 16


OFFLINE = 40  # rule sets, from files


def sysroot(tmp_path, files):
    shutil.rmtree(tmp_path / "root", ignore_errors=True)
    for name, text in {"etc/hostname": "target\n", **files}.items():
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "root"


def test_files_say_what_the_kernel_does(okse, lab, tmp_path):
    """The text of nft as a file: what it leaves reachable is what answers, where no device, source or route decides."""
    plain = 0
    for seed in range(1000, 1000 + OFFLINE):
        maker = Maker(seed)
        rules = maker.rules(seed % 8 == 7)
        try:
            lab.load(rules)
        except OSError:
            continue
        probes = maker.probes(40)
        answers = lab.answering(probes)
        envelope, _ = look(okse, lab, tmp_path, "--sysroot", sysroot(tmp_path, {"etc/nftables.conf": "flush ruleset\n" + rules}))
        reachable, context = Ranges(envelope["reachable"]), (seed, rules, sorted(answers), envelope)
        assert not [one for one in answers if one not in reachable] and envelope["surely"]["count"] == 0, context
        if maker.plain and maker.modelled:
            plain += 1
            assert envelope["complete"] and not [one for one in probes if one in reachable and one not in answers], context
        elif not maker.modelled:
            assert not envelope["unmodelled"] or envelope["unmodelled"][0]["path"] == "/etc/nftables.conf", context
        if envelope["unmodelled"]:
            line = envelope["unmodelled"][0]["line"]
            assert line and ("flush ruleset\n" + rules).splitlines()[line - 1], context
    print(f"{plain} of {OFFLINE} rule sets are decided by their text alone")
    assert plain >= 5


SAVED = [  # as iptables-save writes them
    """*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT DROP [0:0]
:allowed - [0:0]
-A OUTPUT -o lo -j ACCEPT
-A OUTPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A OUTPUT -p udp -m udp --dport 53 -m owner --uid-owner 0 -j allowed
-A OUTPUT -p tcp -m multiport --dports 443,8080:8090 -j allowed
-A OUTPUT -d 45.32.0.0/11 -j REJECT --reject-with icmp-port-unreachable
-A OUTPUT -m iprange --dst-range 45.30.0.7-45.40.0.9 -m comment --comment "the \\"branch\\" office" -j ACCEPT
-A allowed -d 1.2.3.0/24 -j RETURN
-A allowed -d 1.2.0.0/16 -j ACCEPT
-A allowed ! -d 8.0.0.0/6 -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT
COMMIT
""",
    """*nat
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A OUTPUT -d 81.2.69.0/25 -p tcp -j DNAT --to-destination 10.77.0.1:443
-A OUTPUT -d 81.2.69.0/25 -j DNAT --to-destination 10.77.0.1
-A OUTPUT -d 8.0.0.0/7 -p tcp -m tcp --dport 443 -j REDIRECT --to-ports 8081
-A POSTROUTING -o eth0 -j MASQUERADE
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A OUTPUT -p icmp -m icmp --icmp-type 8 -j DROP
-A OUTPUT -p udp -j DROP
-A OUTPUT -p tcp -m tcp ! --dport 443 -j DROP
-A OUTPUT -d 203.0.0.0/12 -m addrtype --dst-type LOCAL -j ACCEPT
-A OUTPUT ! -p tcp -j DROP
COMMIT
""",
    """*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A OUTPUT -d 64.0.0.0/10 -j DROP
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:one - [0:0]
:two - [0:0]
-A OUTPUT -g one
-A OUTPUT -j DROP
-A one -p tcp -j two
-A one -d 185.0.0.0/8 -j DROP
-A two -m owner ! --uid-owner 0-65533 -j RETURN
-A two -d 1.0.0.0/8 -j DROP
-A two -d 8.8.0.0/16 -j LOG --log-prefix "seen "
-A two -j ACCEPT
COMMIT
"""]
EDGES = ["1.2.2.255", "1.2.3.0", "1.2.3.255", "1.2.4.0", "1.1.255.255", "1.3.0.0", "7.255.255.255", "8.0.0.0", "11.255.255.255",
         "12.0.0.0", "45.30.0.6", "45.30.0.7", "45.31.255.255", "45.32.0.0", "45.40.0.9", "45.63.255.255", "45.64.0.0",
         "81.2.69.0", "81.2.69.127", "81.2.69.128", "63.255.255.255", "64.0.0.0", "64.63.255.255", "64.64.0.0", "8.8.8.8",
         "184.255.255.255", "185.0.0.0", "185.255.255.255", "186.0.0.0", "203.0.0.5", "1.0.0.0", "1.255.255.255", "2.0.0.0"]


@pytest.mark.parametrize("saved", SAVED, ids=["filter", "nat", "chains"])
def test_iptables_rules_live_and_saved(okse, lab, tmp_path, saved):
    """Loaded by iptables-nft they are read from the kernel, from a file as they stand; packets agree with both."""
    if not shutil.which("iptables-nft-restore"):
        pytest.skip("needs iptables")
    lab.load(saved, command=("iptables-nft-restore",))
    answers = lab.answering(EDGES)
    live, collectors = look(okse, lab, tmp_path)
    check(live, EDGES, answers, (saved, sorted(answers), live))
    assert live["complete"] and collectors["firewall"]["status"] == "complete" and 0 < len(answers) < len(EDGES)
    filed, _ = look(okse, lab, tmp_path, "--sysroot", sysroot(tmp_path, {"etc/iptables/rules.v4": saved}))
    assert filed["complete"], filed
    assert {one for one in EDGES if one in Ranges(filed["reachable"])} == answers


@pytest.mark.parametrize("saved", SAVED, ids=["filter", "nat", "chains"])
def test_rules_of_the_old_iptables_are_read(okse, fresh, tmp_path, saved):
    """nftables does not tell them: they come from the kernel's x_tables, and packets agree."""
    if not shutil.which("iptables-legacy-restore"):
        pytest.skip("needs iptables-legacy")
    try:
        fresh.load(saved, command=("iptables-legacy-restore",))
    except OSError:
        pytest.skip("this kernel has no old iptables")
    answers = fresh.answering(EDGES)
    envelope, collectors = look(okse, fresh, tmp_path)
    check(envelope, EDGES, answers, (saved, sorted(answers), envelope))
    assert envelope["complete"] and collectors["firewall"]["status"] == "complete" and 0 < len(answers) < len(EDGES)
    filed, _ = look(okse, fresh, tmp_path, "--sysroot", sysroot(tmp_path, {"etc/iptables/rules.v4": saved}))
    assert {one for one in EDGES if one in Ranges(filed["reachable"])} == answers


def test_what_the_old_iptables_ask_beside_is_named(okse, fresh, tmp_path):
    if not shutil.which("iptables-legacy-restore"):
        pytest.skip("needs iptables-legacy")
    try:
        fresh.load("*filter\n-A OUTPUT -d 8.0.0.0/7 -m limit --limit 5/second -j ACCEPT\n-A OUTPUT -j DROP\nCOMMIT\n", command=("iptables-legacy-restore",))
    except OSError:
        pytest.skip("this kernel has no old iptables")
    envelope, _ = look(okse, fresh, tmp_path)
    assert not envelope["complete"] and "8.8.8.8" in Ranges(envelope["reachable"]) and envelope["surely"]["count"] < 6
    assert envelope["unmodelled"] == [{"path": "iptables-legacy", "line": None, "handle": None, "text": "-A OUTPUT -d 8.0.0.0/7 -m limit --okse-unread -j ACCEPT",
                                       "why": "it looks at something that is not modelled"}]


SITE = """okse: site/v1
name: Test
country: KR
networks:
  - {cidr: 1.0.0.0/8, country: KR}
  - {cidr: 1.2.3.0/24, country: JP}
  - {cidr: 8.0.0.0/8, country: US}
"""


def verdict(okse, lab, tmp_path, rules, control="egress.envelope", routes=egress_lab.ROUTES[:1]):
    lab.load(rules, routes)
    (tmp_path / "site.yaml").write_text(SITE)
    facts = tmp_path / "facts.json"
    with egress_lab.inside(lab.here):
        okse("collect", "--scope", "host", "--site", "site.yaml", "-o", facts, status=0)
    seen = json.loads(facts.read_text())
    seen["install"] = law_facts.facts(compliance={"data_classes": ["financial"], "sector": "finance", "purpose": "loans",
                                                  "flows": []})["install"]  # whom network separation binds
    law_facts.write(tmp_path, seen)
    findings = okse("audit", "--evidence", facts, "--country", "KR", "--json").json["findings"]
    return next(one for one in findings if one["control"] == control), seen


def table(*rules, policy="drop", family="inet"):
    return (f"table {family} filter {{\nchain output {{\ntype filter hook output priority 0; policy {policy};\n"
            + "\n".join(rules) + "\n}\n}\n")


def test_a_packet_that_leaves_is_the_evidence(okse, lab, tmp_path):
    finding, facts = verdict(okse, lab, tmp_path, table("ip daddr 8.8.0.0/16 tcp dport 443 accept", "udp dport 53 drop"))
    assert finding["status"] == "fail", finding
    evidence, = [one for one in finding["evidence"] if one["verdict"] == "violation"]
    assert evidence["file"] == "nftables" and evidence["excerpt"] == "ip daddr 8.8.0.0/16 tcp dport 443 accept"
    reach, = [one for one in facts["reach"] if one["kind"] == "host"]
    assert reach["country"] == "US" and reach["surely"]
    packet = reach["packet"]
    assert packet["protocol"] == 6 and packet["port"] == 443 and packet["device"] == "eth0" and packet["source"] == "10.9.0.2"
    assert lab.answering([packet["destination"]]) == {packet["destination"]}


def test_nothing_is_reachable_without_a_route_or_behind_drop(okse, lab, tmp_path):
    for rules, routes, default in ((table(), egress_lab.ROUTES, "deny"), ("", [], "no-route")):
        finding, facts = verdict(okse, lab, tmp_path, rules, routes=routes)
        assert finding["status"] == "pass" and not [one for one in facts["reach"] if one["kind"] == "host"], finding
        assert facts["egress"][0]["ipv4"] == facts["egress"][0]["ipv6"] == default


def test_a_rule_that_is_not_modelled_is_named(okse, lab, tmp_path):
    finding, facts = verdict(okse, lab, tmp_path, table("ip daddr 8.8.0.0/16 limit rate 5/second accept"))
    assert finding["status"] == "inconclusive"
    assert facts["egress"][0]["unmodelled"][0]["text"] == "ip daddr 8.8.0.0/16 limit rate 5/second accept"
    assert any("limit rate 5/second" in one["message"] for one in finding["evidence"])
    finding, _ = verdict(okse, lab, tmp_path, table("ip daddr 8.8.0.0/16 accept", "ip daddr 1.2.3.4 limit rate 5/second accept"))
    assert finding["status"] == "fail"  # whatever that rule does


def test_what_is_made_here_came_by_no_device(okse, lab, tmp_path):
    """Its name is empty: it is not lo, and it is not another one either."""
    for rule, out in (('iifname != "eth7" ip daddr 8.8.0.0/16 accept', True), ('iifname "lo" ip daddr 8.8.0.0/16 accept', False)):
        lab.load(table(rule))
        envelope, _ = look(okse, lab, tmp_path)
        answers = lab.answering(["8.8.8.8", "9.9.9.9"])
        check(envelope, ["8.8.8.8", "9.9.9.9"], answers, (rule, answers, envelope))
        assert envelope["complete"] and ("8.8.8.8" in answers) == out


def test_default_deny_asks_both_families(okse, lab, tmp_path):
    for rules, status in ((table(), "pass"), (table(policy="accept"), "fail"), (table(family="ip"), "fail"),
                          (table("counter drop", policy="accept"), "pass")):
        finding, _ = verdict(okse, lab, tmp_path, rules, "egress.default_deny", egress_lab.ROUTES)
        assert finding["status"] == status, (rules, finding)


def test_without_the_right_to_look_nothing_is_claimed(okse, lab, tmp_path):
    """Without CAP_NET_ADMIN the rules cannot be read: the collector says so, and no pass comes of it."""
    if not shutil.which("setpriv"):
        pytest.skip("needs setpriv")
    lab.load(table())
    with egress_lab.inside(lab.here):
        done = subprocess.run(["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin", okse.binary, "collect",
                               "--scope", "host", "--json"], capture_output=True, text=True, env=okse.environment)
    facts = json.loads(done.stdout)
    firewall = next(one for one in facts["collectors"] if one["collector"] == "firewall")
    assert firewall["status"] == "unavailable" and firewall["reason"]
    assert not facts["egress"][0]["complete"] and facts["egress"][0]["surely"]["count"] == 0
    assert facts["egress"][0]["ipv4"] == "unknown"
