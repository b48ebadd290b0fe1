"""Rule sets made at random from a seed: nft rules of all kinds that are modelled, and some that are not; routes and
policy rules around them."""
import ipaddress
import random

FOUR = ["1.0.0.0/8", "8.0.0.0/7", "45.32.0.0/11", "64.0.0.0/10", "81.2.69.0/24", "185.0.0.0/8", "203.0.0.0/12"]
SIX = ["2001:200::/23", "2400::/12", "2600::/12", "2a00::/11"]
PORTS = (53, 443, 8080)


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.edges = set()      # addresses worth a probe
        self.modelled = True
        self.plain = True       # no device, source or user decides
        self.sets = []
        self.protocol = "tcp"

    def one(self, *choices):
        return self.random.choice(choices)

    def chance(self, share):
        return self.random.random() < share

    def remember(self, low, high):
        for number in (low - 1, low, high, high + 1, (low + high) // 2):
            self.edges.add(str(ipaddress.ip_address(number)))

    def network(self, family):
        outer = ipaddress.ip_network(self.random.choice(FOUR if family == 4 else SIX))
        length = self.random.randint(outer.prefixlen, min(outer.prefixlen + 24, 32 if family == 4 else 64))
        bits = (32 if family == 4 else 128) - length
        low = int(outer.network_address) + (self.random.getrandbits(max(length - outer.prefixlen, 1)) << bits
                                            if length > outer.prefixlen else 0)
        self.remember(low, low + (1 << bits) - 1)
        return f"{ipaddress.ip_address(low)}/{length}"

    def address_range(self, family):
        if self.chance(0.7):
            return self.network(family)
        network = ipaddress.ip_network(self.network(family))
        low = int(network.network_address) + 1
        high = low + min(self.random.randint(1, 70000), network.num_addresses)
        self.remember(low, high)
        return f"{ipaddress.ip_address(low)}-{ipaddress.ip_address(high)}"

    def apart(self, family, count):
        """Ranges that do not overlap, as sets want them."""
        taken, result = [], []
        for _ in range(count):
            text = self.address_range(family)
            ends = text.split("-")
            low = int(ipaddress.ip_network(ends[0]).network_address)
            high = int(ipaddress.ip_address(ends[1])) if len(ends) == 2 else int(ipaddress.ip_network(text).broadcast_address)
            if all(high < a or low > b for a, b in taken):
                taken.append((low, high)), result.append(text)
        return result

    def ports(self):
        port = self.random.choice(PORTS)
        return self.one(str(port), f"{port - 3}-{port + 4}", "{ " + f"{port}, {self.random.choice(PORTS)}" + " }"
                        if port != 53 else "53")

    def named_set(self, family, concatenated):
        name = f"s{len(self.sets)}"
        ranges = self.apart(family, self.random.randint(2, 6))
        kind = f"ipv{family}_addr"
        if concatenated:
            kind += " . inet_service"
            ranges = [f"{one} . {PORTS[at % len(PORTS)]}" for at, one in enumerate(ranges)]
        self.sets.append(f"set {name} {{\n type {kind}\n flags interval\n elements = {{ {', '.join(ranges)} }}\n}}")
        return "@" + name

    def addresses(self, family):
        choice = self.random.randint(0, 3)
        if choice == 0:
            return "{ " + ", ".join(self.apart(family, self.random.randint(2, 5))) + " }"
        if choice == 1:
            return self.named_set(family, False)
        return self.address_range(family)

    def match(self, families):
        family = self.random.choice(families)
        word = "ip" if family == 4 else "ip6"
        protocol = self.protocol
        choice = self.random.randint(0, 15)
        no = self.one("", "", "!= ")
        if choice <= 5:
            return f"{word} daddr {no}{self.addresses(family)}"
        if choice <= 7:
            return f"{protocol} dport {no}{self.ports()}"
        if choice == 8:
            return f"{word} daddr . {protocol} dport {self.named_set(family, True)}"
        if choice == 9:
            return f"meta l4proto {self.one('tcp', 'udp', '{ tcp, udp }')} th dport {self.ports()}"
        if choice == 10:
            self.plain = False
            return f"oifname {no}{self.one('eth0', 'eth1', '{ eth0, wg0 }', 'eth*')}"
        if choice == 11:
            self.plain = False
            source = self.one("10.9.0.2", "10.9.0.0/24", "10.9.1.2") if family == 4 else self.one("fd09:0::2", "fd09:1::/64")
            return f"{word} saddr {no}{source}"
        if choice == 12:
            return f"meta skuid {no}{self.one('0', '65534', '1-70000')}"
        if choice == 13:
            return self.one("ct state new", "ct state established,related", "ct state vmap { new : continue, invalid : drop }",
                            "tcp flags syn / fin,syn,rst,ack", "fib daddr type local", "tcp flags & (fin|syn) == fin")
        if choice == 14:
            return f"meta l4proto {no}{self.one('icmp', 'tcp', 'udp', 'ipv6-icmp')}"
        return "icmp type echo-request" if family == 4 else "icmpv6 type { echo-request, nd-neighbor-solicit }"

    def unmodelled(self):
        self.modelled = False
        return self.one("limit rate 1000000/second", "meta mark 0", "ip ttl > 3", "numgen random mod 2 0", "meta cgroup 0",
                        "tcp option maxseg size > 5")

    def rule(self, families, chains):
        families, self.protocol = (self.random.choice(families),), self.one("tcp", "udp")  # a rule is about one of each
        words = [self.match(families) for _ in range(self.random.randint(0, 2) if self.chance(0.9) else 3)]
        if self.chance(0.3):
            words.append(self.one("counter", 'log prefix "okse "', "counter"))
        if chains and self.chance(0.2):
            words.append(f"{self.one('jump', 'goto')} {self.random.choice(chains)}")
        elif self.chance(0.08):
            port = self.random.choice(PORTS)
            words.append(f"{self.protocol} dport vmap {{ {port} : accept, {port + 1} : drop }}")
        else:
            words.append(self.one("accept", "accept", "accept", "drop", "drop", "reject", "return" if words else "drop"))
        if not words[:-1]:
            words.insert(0, self.match(families))
        return " ".join(words)

    def chain(self, head, families, chains, count):
        rules = [self.rule(families, chains) for _ in range(count)]
        return rules, head

    def table(self, number, unmodelled):
        family = self.one("inet", "inet", "ip", "ip6")
        families = {"inet": (4, 6), "ip": (4,), "ip6": (6,)}[family]
        self.sets = []
        blocks, names = [], []
        for depth in range(self.random.randint(0, 2)):
            rules = [self.rule(families, names) for _ in range(self.random.randint(1, 3))]
            blocks.append(f"chain u{depth} {{\n" + "\n".join(rules) + "\n}")
            names.append(f"u{depth}")
        hook, policy = self.one("output", "output", "output", "postrouting"), self.one("accept", "drop", "drop")
        rules = [self.rule(families, names) for _ in range(self.random.randint(2, 7))]
        if self.chance(0.5):
            rules.insert(0, "ct state established,related accept")
        if self.chance(0.4):
            rules.insert(0, 'oifname "lo" accept')
        if unmodelled:
            rules.insert(self.random.randint(0, 1), f"{self.unmodelled()} {self.one('accept', 'drop')}")
        priority = self.one("filter", "filter + 5", "-10", "mangle")
        head = f"type filter hook {hook} priority {priority}; policy {policy};"
        blocks.append("chain base {\n" + head + "\n" + "\n".join(rules) + "\n}")
        return f"table {family} t{number} {{\n" + "\n".join(self.sets + blocks) + "\n}"

    def translation(self):
        rule = self.one("tcp dport 443 redirect to :8081", f"ip daddr {self.network(4)} tcp dport 443 dnat to 10.9.0.1:443",
                        f"ip daddr {self.network(4)} dnat to 10.77.0.1")
        return (f"table ip nat {{\nchain out {{\ntype nat hook output priority -100; policy accept;\n{rule}\n}}\n"
                "chain post {\ntype nat hook postrouting priority srcnat; policy accept;\nmasquerade\n}\n}")

    def rules(self, unmodelled=False):
        tables = [self.table(number, unmodelled and number == 0) for number in range(self.one(1, 1, 2))]
        if self.chance(0.15):
            self.plain = False  # what is sent elsewhere is not offered by the files alone
            tables.append(self.translation())
        return "\n".join(tables) + "\n"

    def forwarded(self, rules):
        """The same for what is forwarded: what comes back is let through, devices are asked for on either side."""
        back = 'iifname { "eth0", "eth1" } accept\nct state established,related accept\n'
        lines = []
        for line in rules.splitlines():
            line = line.replace("type nat hook output", "type nat hook prerouting").replace("hook output", "hook forward")
            line = line.replace("10.9.0.2", "10.9.8.2").replace("10.9.1.2", "10.9.8.3").replace("fd09:0::2", "fd09:8::2")
            if "oifname" in line and self.chance(0.5):
                line = line.replace("oifname", "iifname").replace("eth0", "br0")
            lines.append(line)
            if line.startswith("type filter hook forward"):
                lines.append(back)
            elif line.startswith("type filter hook postrouting"):
                lines.append('oifname "br0" accept')
        if "skuid" in rules:  # nobody knows the user of what comes in
            self.modelled = False
        return "\n".join(lines) + "\n"

    def routes(self, unmodelled=False):
        lines = []
        for family, word, gates in ((4, "", ("10.9.0.1", "10.9.1.1")), (6, "-6 ", ("fd09:0::1", "fd09:1::1"))):
            if self.chance(0.9):
                lines.append(f"{word}route add default via {self.one(*gates)}")
            for _ in range(self.random.randint(0, 5)):
                kind = self.random.randint(0, 6)
                table = self.one("", "", " table 100")
                network = self.network(family)
                if kind <= 2:
                    lines.append(f"{word}route replace {network} via {self.one(*gates)}{table}")
                elif kind <= 4:
                    lines.append(f"{word}route replace {self.one('blackhole', 'unreachable', 'prohibit')} {network}{table}")
                elif kind == 5:
                    lines.append(f"{word}route replace throw {network} table 100")
                else:
                    lines.append(f"{word}route replace {network} via {gates[1]} metric 50")
                    lines.append(f"{word}route replace unreachable {network} metric 2000")
            if self.chance(0.5):
                source = self.one("10.9.0.3", "10.9.1.0/24") if family == 4 else "fd09:1::2"
                asked = self.one(f"to {self.network(family)}", f"from {source}", "ipproto tcp", "uidrange 65534-65534",
                                 "dport 443", f"not to {self.network(family)}", "iif eth0")
                act = self.one("lookup 100", "lookup 100", "unreachable", "lookup main suppress_prefixlength 0", "blackhole")
                lines.append(f"{word}rule add pref {self.random.randint(100, 900)} {asked} {act}")
        if unmodelled:
            lines.append("rule add pref 50 fwmark 0 lookup main")
            lines.append("-6 rule add pref 50 fwmark 0 lookup main")
            self.modelled = False
        return lines

    def probes(self, count=40):
        fixed = [str(ipaddress.ip_network(one).network_address + 5) for one in FOUR + SIX]
        usable = [one for one in self.edges if ipaddress.ip_address(one).is_global and not one.startswith("::")]
        return sorted(set(fixed) | set(self.random.sample(sorted(usable), min(count, len(usable)))))
