"""A connection that really exists, in network namespaces of the test's own, is found with its process and its place."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import pytest

SITE = pathlib.Path(__file__).resolve().parents[2] / "manifests" / "stacks" / "civic-search" / "site.yaml"
HERE, THERE = f"okse-a{os.getpid()}", f"okse-b{os.getpid()}"
SERVER = "import socket,time\ns=socket.create_server(('10.99.7.2',6514))\nc,_=s.accept()\ntime.sleep(600)"
CLIENT = "import socket,time\nc=socket.create_connection(('10.99.7.2',6514))\nprint('up',flush=True)\ntime.sleep(600)"


def ip(*words):
    return subprocess.run(["ip", *words], capture_output=True, text=True)


@pytest.fixture
def connection():
    """Two namespaces joined by a veth pair, and a client in the first connected to a server in the second."""
    if os.geteuid() != 0 or shutil.which("ip") is None or ip("netns", "add", HERE).returncode != 0:
        pytest.skip("needs root and network namespaces")
    running = []
    try:
        ip("netns", "add", THERE)
        ip("link", "add", "veth-a", "netns", HERE, "type", "veth", "peer", "name", "veth-b", "netns", THERE)
        for name, device, address in ((HERE, "veth-a", "10.99.7.1/24"), (THERE, "veth-b", "10.99.7.2/24")):
            ip("-n", name, "addr", "add", address, "dev", device)
            if ip("-n", name, "link", "set", device, "up").returncode != 0:
                pytest.skip("no veth pair can be made here")
        running.append(subprocess.Popen(["ip", "netns", "exec", THERE, sys.executable, "-c", SERVER]))
        for _ in range(50):
            client = subprocess.Popen(["ip", "netns", "exec", HERE, sys.executable, "-c", CLIENT], stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL, text=True)
            running.append(client)
            if client.stdout.readline().strip() == "up":
                break
            time.sleep(0.1)
        yield client.pid
    finally:
        for process in running:
            process.kill()
            process.wait()
        ip("netns", "del", HERE), ip("netns", "del", THERE)


def inside(okse, *words):
    return subprocess.run(["ip", "netns", "exec", HERE, okse.binary, *map(str, words)], capture_output=True, text=True,
                          env=okse.environment)


def test_connected_socket_abroad_is_found_live(okse, tmp_path, connection):
    facts = tmp_path / "facts.json"
    done = inside(okse, "collect", "--scope", "host", "--site", SITE, "-o", facts)
    assert done.returncode == 0, done.stderr
    audited = okse("audit", "--evidence", facts, "--country", "VN", "--json", status=1).json
    observed = [f for f in audited["findings"] if f["control"] == "egress.observed" and f["status"] == "fail"]
    assert observed, "the connection to 10.99.7.2 (Singapore by the site map) is not a finding"
    document = json.loads(facts.read_text())
    found = [e for e in document["endpoints"] if e["host"] == "10.99.7.2"]
    assert [(e["port"], e["direction"], e["observed"], e["location"]["country"], e["process"]["pid"]) for e in found] == \
        [(6514, "out", True, "SG", connection)]
    sockets = next(c for c in document["collectors"] if c["collector"] == "sockets")
    assert sockets["status"] == "complete" and sockets["items"] > 0


def test_routes_of_the_namespace_are_seen(okse, connection):
    document = json.loads(inside(okse, "collect", "--scope", "host", "--site", SITE, "--json").stdout)
    own = {route["destination"] for route in document["routes"] if route["netns"] is None}
    assert "10.99.7.0/24" in own and "0.0.0.0/0" not in own
    assert any(route["destination"] == "10.99.7.0/24" and route["netns"] for route in document["routes"]), "the other end's namespace"
