"""Two network namespaces: one whose rules are under test, and one that owns every address there is and answers for all
of them. Packets decide what is reachable. Nothing leaves the machine: the only wires are two veth pairs between the two.

No answer depends on time: everything runs on one processor, where frames of a veth pair keep their order, so that a
mark sent behind the probes arrives when all of them have been dealt with."""
import contextlib
import ctypes
import errno
import os
import socket
import struct
import subprocess

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
MARK = 0x88B5  # EtherType for local experiments (IEEE 802)
PORTS = (53, 55, 443, 445, 8080, 8082, 9999)  # those of the rules, one beside each in their ranges, one in none
USERS = (0, 65534)
LINKS = ("eth0", "eth1")
SOURCES = {4: ("10.9.0.2", "10.9.0.3", "10.9.1.2"), 6: ("fd09:0::2", "fd09:1::2")}
SETUP = """
link add eth0 address 02:00:00:00:09:00 type veth peer name peer0 address 02:00:00:00:09:00 netns {there}
link add eth1 address 02:00:00:00:09:01 type veth peer name peer1 address 02:00:00:00:09:01 netns {there}
link set lo up
link set eth0 arp off
link set eth1 arp off
addr add 10.9.0.2/24 dev eth0
addr add 10.9.0.3/24 dev eth0
addr add 10.9.1.2/24 dev eth1
addr add fd09:0::2/64 dev eth0 nodad
addr add fd09:1::2/64 dev eth1 nodad
link set eth0 up
link set eth1 up
"""
ANSWERER = """
link set lo up
link set peer0 arp off
link set peer1 arp off
addr add 10.9.0.1/24 dev peer0
addr add 10.9.1.1/24 dev peer1
addr add fd09:0::1/64 dev peer0 nodad
addr add fd09:1::1/64 dev peer1 nodad
link set peer0 up
link set peer1 up
route add local 0.0.0.0/0 dev lo table local
rule add pref 5 iif lo to 10.9.0.0/16 lookup main
rule add pref 10 lookup local
rule del pref 0
-6 route add local ::/0 dev lo table local
-6 rule add pref 5 iif lo to fd09::/16 lookup main
-6 rule add pref 10 lookup local
-6 rule del pref 0
"""
ROUTES = ["route add default via 10.9.0.1", "-6 route add default via fd09:0::1"]


@contextlib.contextmanager
def inside(handle):
    """The calling thread is in that network namespace meanwhile."""
    with open("/proc/thread-self/ns/net", "rb") as back:
        if LIBC.setns(handle.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        try:
            yield
        finally:
            LIBC.setns(back.fileno(), CLONE_NEWNET)


def ip(lines):
    """Commands of ip(8); those of IPv6 begin with -6."""
    for words, mine in (((), [one for one in lines if not one.startswith("-6 ")]),
                        (("-6",), [one[3:] for one in lines if one.startswith("-6 ")])):
        done = subprocess.run(["ip", *words, "-batch", "-"], input="\n".join(mine) + "\n", capture_output=True, text=True)
        if done.returncode != 0:
            raise OSError(f"{done.stderr}{mine}")


class Lab:
    def __init__(self):
        self.names = [f"okse-e{os.getpid()}-{id(self) & 0xffff}{side}" for side in "ht"]
        self.handles, self.marks = [], []
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        for name in self.names:
            ip([f"netns add {name}"])
            self.handles.append(open(f"/run/netns/{name}", "rb"))
        self.here, self.there = self.handles
        for handle, settings in ((self.here, "rp_filter=0"), (self.there, "rp_filter=0")):
            with inside(handle):
                for place in ("all", "default"):
                    write(f"net/ipv4/conf/{place}/{settings.split('=')[0]}", "0")
                    write(f"net/ipv6/conf/{place}/accept_dad", "0")
        with inside(self.here):
            ip(SETUP.format(there=self.names[1]).strip().splitlines())
        with inside(self.there):
            ip(ANSWERER.strip().splitlines())
            write("net/ipv4/icmp_ratelimit", "0"), write("net/ipv4/icmp_msgs_per_sec", "1000000")
            self.answerers = [answerer(family, port) for family in (4, 6) for port in PORTS]
            self.listeners = [listener(family, port) for family in (4, 6) for port in PORTS]
            self.echoes = socket.socket(socket.AF_INET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.IPPROTO_ICMP)
            self.echoes.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE
            self.marks.append([mark_socket(name.replace("eth", "peer")) for name in LINKS])
        with inside(self.here):
            self.marks.insert(0, [mark_socket(name) for name in LINKS])
        self.client, self.sources = self.here, SOURCES

    def close(self):
        for every in (self.answerers, self.listeners, *self.marks, self.handles, [self.echoes]):
            for one in every:
                one.close()
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)

    def load(self, rules, routes=ROUTES, command=("nft", "-f", "-")):
        """Replace rules and routes; connections that are remembered are forgotten."""
        with inside(self.here):
            subprocess.run(["nft", "flush", "ruleset"], check=True)
            for family in ("-4", "-6"):
                for table in ("main", "100", "101"):
                    subprocess.run(["ip", family, "route", "flush", "table", table, "proto", "boot"], capture_output=True)
                subprocess.run(["ip", family, "rule", "flush"], capture_output=True)
                word = "-6 " if family == "-6" else ""
                ip([f"{word}rule add pref 32766 lookup main"])  # that of pref 0 stays
            ip(routes)
            done = subprocess.run(command, input=rules, capture_output=True, text=True)
            if done.returncode != 0:
                raise OSError(done.stderr)
            forget_connections()

    def settle(self, side):
        """Wait until all that was sent from one side so far has been received."""
        for sender, receiver in zip(self.marks[side], self.marks[1 - side]):
            mark(sender, receiver)

    def answering(self, addresses):
        """Those that answer to any protocol, port, source and user that is tried."""
        left, found = set(addresses), set()
        for probe in (self.udp, self.tcp, self.icmp):
            for user in USERS:
                for family in (4, 6):
                    for source in self.sources[family]:
                        mine = [one for one in left if (":" in one) == (family == 6)]
                        if mine:
                            seen = probe(family, source, user, mine)
                            found |= seen
                            left -= seen
        return found

    def udp(self, family, source, user, addresses):
        with inside(self.client), acting_as(user):
            client = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
        with client:
            client.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE
            client.setblocking(False)
            client.bind((source, 0))
            for address in addresses:
                for port in PORTS:
                    with contextlib.suppress(OSError):
                        client.sendto(address.encode(), (address, port))
            self.settle(0)
            for one in self.answerers:
                echo(one)
            self.settle(1)
            seen = set()
            while (said := receive(client)) is not None:
                seen.add(said.decode())
            return seen & set(addresses)

    def tcp(self, family, source, user, addresses):
        seen = set()
        kind = socket.AF_INET if family == 4 else socket.AF_INET6
        for at in range(0, len(addresses), 100):
            clients = []
            with inside(self.client):
                with acting_as(user):
                    for address in addresses[at:at + 100]:
                        for port in PORTS:
                            client = socket.socket(kind, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
                            clients.append(client)
                            client.bind((source, 0))
                            with contextlib.suppress(OSError):
                                client.connect((address, port))
            self.settle(0), self.settle(1), self.settle(0)  # there, back, and there: the connection stands
            for one in self.listeners:
                with contextlib.suppress(BlockingIOError):
                    while True:
                        with one.accept()[0] as accepted:
                            seen.add(accepted.getsockname()[0])
                            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            for client in clients:
                client.close()
        return seen & set(addresses)

    def asked(self):
        """Whom the echo requests that came were for."""
        came = set()
        with contextlib.suppress(BlockingIOError):
            while True:
                packet = self.echoes.recv(2048)
                if packet[20] == 8:
                    came.add(socket.inet_ntop(socket.AF_INET, packet[16:20]))
        return came

    def icmp(self, family, source, user, addresses):
        with inside(self.client), acting_as(user):
            kind = (socket.AF_INET, socket.IPPROTO_ICMP) if family == 4 else (socket.AF_INET6, socket.IPPROTO_ICMPV6)
            client = socket.socket(kind[0], socket.SOCK_RAW, kind[1])
        with client:
            client.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE
            client.setblocking(False)
            client.bind((source, 0))
            for number, address in enumerate(addresses):
                with contextlib.suppress(OSError):
                    client.sendto(echo_request(family, number), (address, 0))
            self.settle(0), self.settle(1)
            came = self.asked() if family == 4 else set(addresses)
            seen = set()
            while True:
                try:
                    packet, sender = client.recvfrom(2048)
                except OSError:
                    return seen & came & set(addresses)
                if packet[20 if family == 4 else 0] == (0 if family == 4 else 129):
                    seen.add(sender[0].split("%")[0])


BOX = """
link add eth0 address 02:00:00:00:08:02 type veth peer name box0 netns {here}
link set lo up
addr add 10.9.8.2/24 dev eth0
addr add 10.9.8.3/24 dev eth0
addr add fd09:8::2/64 dev eth0 nodad
link set eth0 up
route add default via 10.9.8.1
-6 route add default via fd09:8::1
neigh add 10.9.8.1 lladdr 02:00:00:00:08:01 dev eth0 nud permanent
-6 neigh add fd09:8::1 lladdr 02:00:00:00:08:01 dev eth0 nud permanent
"""
BRIDGE = """
link add br0 address 02:00:00:00:08:01 type bridge
link set box0 master br0
link set box0 up
addr add 10.9.8.1/24 dev br0
addr add fd09:8::1/64 dev br0 nodad
link set br0 up
neigh add 10.9.8.2 lladdr 02:00:00:00:08:02 dev br0 nud permanent
neigh add 10.9.8.3 lladdr 02:00:00:00:08:02 dev br0 nud permanent
-6 neigh add fd09:8::2 lladdr 02:00:00:00:08:02 dev br0 nud permanent
"""


class BridgedLab(Lab):
    """A third namespace, as an engine makes one for a container: behind a bridge of the first, which forwards for it."""

    def __init__(self):
        super().__init__()
        self.names.append(self.names[0][:-1] + "b")
        ip([f"netns add {self.names[2]}"])
        self.handles.append(open(f"/run/netns/{self.names[2]}", "rb"))
        self.client, self.sources = self.handles[2], {4: ("10.9.8.2", "10.9.8.3"), 6: ("fd09:8::2",)}
        with inside(self.client):
            for place in ("all", "default"):
                write(f"net/ipv6/conf/{place}/accept_dad", "0")
            ip(BOX.format(here=self.names[0]).strip().splitlines())
            box = mark_socket("eth0")
        with inside(self.here):
            ip(BRIDGE.strip().splitlines())
            self.box_marks = (box, mark_socket("br0"))
        with inside(self.there):
            ip(["route add 10.9.8.0/24 via 10.9.0.2 dev peer0", "-6 route add fd09:8::/64 via fd09:0::2 dev peer0"])
        self.forward("1")
        self.resident = subprocess.Popen(["ip", "netns", "exec", self.names[2], "sleep", "86400"])
        self.number = os.stat(f"/run/netns/{self.names[2]}").st_ino

    def forward(self, word):
        with inside(self.here):
            write("net/ipv4/ip_forward", word), write("net/ipv6/conf/all/forwarding", word)

    def load_inside(self, rules):
        """Rules of the container's own."""
        with inside(self.client):
            subprocess.run(["nft", "flush", "ruleset"], check=True)
            done = subprocess.run(["nft", "-f", "-"], input=rules, capture_output=True, text=True)
            if done.returncode != 0:
                raise OSError(done.stderr)
            forget_connections()

    def settle(self, side):
        if side == 0:
            mark(*self.box_marks)
        super().settle(side)
        if side == 1:
            mark(*reversed(self.box_marks))

    def close(self):
        self.resident.kill(), self.resident.wait()
        for one in self.box_marks:
            one.close()
        super().close()


def mark(sender, receiver):
    sender.send(b"\xff" * 6 + b"\x02" * 6 + struct.pack("!H", MARK) + bytes(46))
    while receiver.recvfrom(2048)[1][2] == socket.PACKET_OUTGOING:
        pass


@contextlib.contextmanager
def acting_as(user):
    """Sockets made meanwhile belong to the user (skuid); what root may do stays."""
    LIBC.setfsuid(user)
    try:
        yield
    finally:
        LIBC.setfsuid(0)


def write(path, text):
    with contextlib.suppress(OSError), open("/proc/sys/" + path, "w") as file:
        file.write(text)


def mark_socket(device):
    one = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(MARK))
    one.bind((device, MARK))
    one.settimeout(20)
    return one


def answerer(family, port):
    one = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
    if family == 4:
        one.setsockopt(socket.IPPROTO_IP, 8, 1)  # IP_PKTINFO
    else:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        one.setsockopt(socket.IPPROTO_IPV6, 75, 1)  # IPV6_TRANSPARENT: it answers from addresses that it does not have
    one.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE
    one.setblocking(False)
    one.bind(("" if family == 4 else "::", port))
    return one


def listener(family, port):
    one = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_STREAM)
    if family == 6:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    one.setblocking(False)
    one.bind(("" if family == 4 else "::", port))
    one.listen(4096)
    return one


def echo(one):
    """Answer everything that waits, each from the address it was sent to."""
    with contextlib.suppress(BlockingIOError):
        while True:
            data, ancillary, _, sender = one.recvmsg(256, 128)
            level, kind, packet = ancillary[0]
            to = socket.inet_ntop(*((socket.AF_INET, packet[8:12]) if level == socket.IPPROTO_IP else
                                    (socket.AF_INET6, packet[:16])))
            if level == socket.IPPROTO_IP:
                packet = struct.pack("i", 0) + packet[8:12] + bytes(4)
            else:
                packet = packet[:16] + struct.pack("i", 0)
            if data.decode() == to:  # not one that was sent elsewhere on the way
                one.sendmsg([data], [(level, kind, packet)], 0, sender)


def receive(client):
    while True:
        try:
            return client.recv(256)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno not in (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EPERM, errno.EACCES):
                raise


def echo_request(family, number):
    head = struct.pack("!BBHHH", 8 if family == 4 else 128, 0, 0, os.getpid() & 0xffff, number & 0xffff)
    total = sum(struct.unpack("!4H", head))
    total = (total & 0xffff) + (total >> 16)
    check = ~((total & 0xffff) + (total >> 16)) & 0xffff
    return head[:2] + struct.pack("!H", check) + head[4:]


def forget_connections():
    """IPCTNL_MSG_CT_DELETE of everything (linux/netfilter/nfnetlink_conntrack.h)."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as one:
        one.bind((0, 0))
        one.settimeout(20)
        one.send(struct.pack("=IHHIIBBH", 20, 1 << 8 | 2, 5, 1, 0, 0, 0, 0))
        one.recv(4096)
