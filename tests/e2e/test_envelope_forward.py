"""What a container can reach, against real packets: a namespace behind a bridge of the host under test, whose forward
chains, routes and translations they pass. See tests/lab/egress_lab.py."""
import json
import os
import shutil
import subprocess
import sys

import pytest
from test_envelope import EDGES, SAVED, SETS, Ranges, check, egress_lab

from egress_rules import Maker


@pytest.fixture(scope="module")
def lab():
    if os.geteuid() != 0 or not all(map(shutil.which, ("ip", "nft"))):
        pytest.skip("needs root, ip and nft")
    before = os.sched_getaffinity(0)
    try:
        made = egress_lab.BridgedLab()
        made.load(""), made.load_inside("")
    except OSError as error:
        pytest.skip(f"needs network namespaces, bridges and nftables: {error}")
    yield made
    made.close()
    os.sched_setaffinity(0, before)


def look(okse, lab, tmp_path, *before):
    with egress_lab.inside(lab.here):
        done = subprocess.run([*before, okse.binary, "collect", "--scope", "host", "--json"], capture_output=True, text=True, env=okse.environment)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    envelope, = [one for one in facts["egress"] if one["netns"] == f"net:[{lab.number}]"]
    return envelope, facts


def probed(rules):
    """Without the ICMP of one family inside the other, which no probe tries."""
    for other, one in (("ipv6-icmp", "tcp"), ("icmp", "udp")):
        rules = rules.replace(f"l4proto {other}", f"l4proto {one}").replace(f"l4proto != {other}", f"l4proto != {one}")
    return rules


def load(lab, seed):
    """The first rule set of this seed that nft takes; every third container has rules of its own."""
    for attempt in range(50):
        maker = Maker(seed * 100 + attempt)
        rules = probed(maker.forwarded(maker.rules(seed % 8 == 7)))
        routes = [one.replace("10.9.0.3", "10.9.8.3").replace("iif eth0", "iif br0") for one in maker.routes(seed % 16 == 13)]
        routes += ["rule add pref 40 to 10.9.8.0/24 lookup main", "-6 rule add pref 40 to fd09:8::/64 lookup main"]  # the way back
        own = Maker(seed * 100 + attempt + 50)
        inner = probed(own.rules()).replace("10.9.0.2", "10.9.8.2") if seed % 3 == 0 else ""
        maker.edges |= own.edges
        try:
            lab.load(rules, routes), lab.load_inside(inner)
        except OSError as error:
            if "Error: " in str(error):
                continue
            raise
        return maker, own, rules + "\n# the container's\n" + inner, routes
    raise AssertionError(f"no rule set of seed {seed} can be loaded")


def test_packets_of_a_container_agree_with_its_envelope(okse, lab, tmp_path):
    answered = silent = complete = 0
    count = max(SETS // 4, 20)
    for seed in range(5000, 5000 + count):
        maker, own, rules, routes = load(lab, seed)
        probes = maker.probes()
        answers = lab.answering(probes)
        envelope, _ = look(okse, lab, tmp_path)
        context = (envelope["unmodelled"], seed, rules, routes, sorted(answers), envelope)
        check(envelope, probes, answers, context)
        if maker.modelled and "masquerade" not in rules.partition("# the container's")[2]:
            assert envelope["complete"] and not envelope["unmodelled"], context
        complete += envelope["complete"]
        answered, silent = answered + len(answers), silent + len(probes) - len(answers)
    print(f"{count} rule sets: {answered} addresses answered, {silent} did not; {complete} complete")
    assert answered > 5 * count and silent > 10 * count and complete > count // 3


TRANSLATED = """table ip f {
chain forward {
type filter hook forward priority filter; policy drop;
ct state established,related accept
iifname "br0" oifname != "br0" ip daddr 8.8.0.0/16 accept
iifname != "br0" drop
ip saddr 10.9.8.3 ip daddr 1.2.0.0/16 accept
}
chain post {
type nat hook postrouting priority srcnat;
ip saddr 10.9.8.0/24 oifname != "br0" masquerade
}
}
"""


def test_it_is_told_who_lives_there_and_what_lets_it_out(okse, lab, tmp_path):
    lab.load(TRANSLATED, egress_lab.ROUTES[:1]), lab.load_inside("")
    answers = lab.answering(EDGES)
    envelope, facts = look(okse, lab, tmp_path)
    check(envelope, EDGES, answers, (answers, envelope))
    assert envelope["complete"] and envelope["ipv4"] == "deny" and {"8.8.8.8", "1.2.3.0"} <= answers
    assert envelope["reachable"]["prefixes"] == ["1.2.0.0/16", "8.8.0.0/16"]
    assert envelope["kind"] == "namespace" and [one["pid"] for one in envelope["processes"]] == [lab.resident.pid]
    reach, = [one for one in facts["reach"] if one["subject"] == envelope["subject"]]
    assert reach["packet"]["source"] in ("10.9.8.2", "10.9.8.3") and reach["packet"]["device"] in ("eth0", "eth1") and reach["surely"]
    assert reach["source"]["path"] == "nftables" and reach["source"]["excerpt"].endswith("accept")
    host, = [one for one in facts["egress"] if one["kind"] == "host"]
    assert host["ipv4"] == "allow", "the host itself is not held up by its forward chain"


def test_a_host_that_forwards_nothing_lets_nothing_out(okse, lab, tmp_path):
    lab.load(""), lab.load_inside("")
    lab.forward("0")
    try:
        envelope, _ = look(okse, lab, tmp_path)
        assert envelope["reachable"]["count"] == 0 and envelope["complete"] and lab.answering(EDGES) == set()
    finally:
        lab.forward("1")
    envelope, _ = look(okse, lab, tmp_path)
    assert envelope["complete"] and lab.answering(["8.8.8.8"]) == {"8.8.8.8"} and "8.8.8.8" in Ranges(envelope["surely"])


def test_rules_of_iptables_for_what_is_forwarded(okse, lab, tmp_path):
    """As docker writes them; -i and -o are asked for what comes in and leaves."""
    if not shutil.which("iptables-nft-restore"):
        pytest.skip("needs iptables")
    saved = SAVED[0].replace(":OUTPUT DROP", ":OUTPUT ACCEPT").replace(":FORWARD DROP [0:0]", ":FORWARD DROP [0:0]\n:USER - [0:0]").replace(
        "COMMIT\n", "-A FORWARD -j USER\n-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A FORWARD -i br0 ! -o br0 -p udp -j ACCEPT\n"
        "-A FORWARD -i br0 -o br0 -j ACCEPT\n-A USER -i br0 -d 64.0.0.0/10 -j DROP\n-A USER -s 10.9.8.2/32 -d 45.32.0.0/11 -j DROP\n"
        "-A USER -s 10.9.8.3/32 -d 45.40.0.0/16 -j REJECT\n-A USER -j RETURN\nCOMMIT\n")
    lab.load(saved, command=("iptables-nft-restore",)), lab.load_inside("")
    answers = lab.answering(EDGES)
    envelope, _ = look(okse, lab, tmp_path)
    check(envelope, EDGES, answers, (saved, sorted(answers), envelope))
    assert envelope["complete"] and 0 < len(answers) < len(EDGES)


def test_what_is_not_modelled_of_the_way_is_named(okse, lab, tmp_path):
    """Nothing is called unreachable then: another router on the bridge, a filter of the bridge, a tunnel's end."""
    lab.load(""), lab.load_inside("")
    cases = (
        ("the next router is not this host", lambda: egress_lab.ip(["route replace default via 10.9.8.77"]), lambda: egress_lab.ip(["route replace default via 10.9.8.1"])),
        ("sees packets before they are forwarded", None, None),
        ("where in0 (veth) leads to", lambda: egress_lab.ip(["link add in0 type veth peer name in1", "addr add 10.9.5.1/24 dev in0", "link set in0 up", "link set in1 up",
                                                            "route add 8.0.0.0/8 via 10.9.5.2"]), lambda: egress_lab.ip(["link del in0"])))
    for why, do, undo in cases:
        if do is None:
            lab.load("table bridge t {\nchain f {\ntype filter hook input priority 0;\ndrop\n}\n}\n")
        else:
            with egress_lab.inside(lab.client):
                do()
        envelope, facts = look(okse, lab, tmp_path)
        if undo is not None:
            with egress_lab.inside(lab.client):
                undo()
        assert not envelope["complete"] and any(why in one["text"] for one in envelope["unmodelled"]), (why, envelope)
        assert "8.8.8.8" in Ranges(envelope["reachable"]) and "8.8.8.8" not in Ranges(envelope["surely"])
        coverage, = [one for one in facts["collectors"] if one["collector"] == "namespaces"]
        assert coverage["status"] == "partial" and envelope["netns"] in coverage["reason"]
    lab.load("")


def test_without_the_right_to_enter_nothing_is_claimed(okse, lab, tmp_path):
    lab.load(""), lab.load_inside("")
    if not shutil.which("setpriv"):
        pytest.skip("needs setpriv")
    envelope, facts = look(okse, lab, tmp_path, "setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin")
    assert not envelope["complete"] and envelope["surely"]["count"] == 0 and "8.8.8.8" in Ranges(envelope["reachable"])
    assert envelope["unmodelled"][0]["text"] == envelope["netns"] and "not permitted" in envelope["unmodelled"][0]["why"]
    coverage, = [one for one in facts["collectors"] if one["collector"] == "namespaces"]
    assert coverage["status"] == "partial" and coverage["reason"]  # which namespace of the machine is told first is its own matter


def test_rules_of_the_old_iptables_inside(okse, lab, tmp_path):
    if not shutil.which("iptables-legacy-restore"):
        pytest.skip("needs iptables-legacy")
    lab.load(""), lab.load_inside("")
    with egress_lab.inside(lab.client):
        done = subprocess.run(["iptables-legacy-restore"], input="*filter\n-A OUTPUT -s 10.9.8.3 -d 8.0.0.0/7 -j ACCEPT\n-A OUTPUT -d 1.2.0.0/16 -j ACCEPT\n-A OUTPUT -j DROP\nCOMMIT\n", text=True)
        if done.returncode != 0:
            pytest.skip("this kernel has no old iptables")
    try:
        answers = lab.answering(EDGES)
        envelope, facts = look(okse, lab, tmp_path)
    finally:
        with egress_lab.inside(lab.client):
            subprocess.run(["iptables-legacy", "-F"], check=True)
    check(envelope, EDGES, answers, (answers, envelope))
    assert envelope["complete"] and "8.8.8.8" in answers and "12.0.0.0" not in answers
    assert [one for one in envelope["reachable"]["prefixes"] if ":" not in one] == ["1.2.0.0/16", "8.0.0.0/7"]
