"""The commands of the pages about how a bundle travels, taken from the pages and run as they stand there. Only what no test can have
is replaced: a mount, an address, a directory of the system's."""
import contextlib
import os
import pathlib
import re
import shutil
import subprocess

import pytest
import yaml

import conftest
import law_facts as lf
import signing
import stacks
from registries import MemoryRegistry
from servers import Registry, free_port
from test_serve import SERVED, Serving
from test_registry import ORAS, needs_oras
from test_thin import sources

DOCS = conftest.ROOT / "docs"
TRUST = "okse: trust/v1\nalgorithms: [ed25519]\nroles: {vendor: {signers: [{key: vendor.pub}]}}\n"
NAME = "civic-1.4.0-VN"


def blocks(page):
    """Fenced and indented blocks of commands, each a script."""
    text = (DOCS / page if page != "README.md" else conftest.ROOT / page).read_text()
    fenced = [block for kind, block in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S) if kind in ("", "sh")]
    indented = re.findall(r"(?:^    \S.*\n)+", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S), re.M)
    return fenced + [re.sub(r"^    ", "", block, flags=re.M) for block in indented]


class Shell:
    """A directory with civic.okse, its keys and policy, where a page's lines run."""

    def __init__(self, directory):
        self.directory, self.okse = directory, conftest.Okse(directory)
        (directory / "bin").mkdir()
        (directory / "bin/okse").symlink_to(self.okse.binary)
        for name in ("vendor", "operator"):
            signing.Key(directory, name)
        stacks.write(directory / "model/config.json", '{"model_type": "bert"}\n')
        stacks.write(directory / "model/model.safetensors", stacks.noise_safetensors(stacks.noise("weights", 3_000_001)))
        stacks.image(directory / "images/server", tag="1.0", name="server")
        (directory / "civic.yaml").write_text(stacks.HEAD + "  - {name: tiny, kind: weights, source: {path: model}}\n"
                                              '  - {name: server, kind: runtime, source: {oci: images/server, ref: "1.0", platform: linux/amd64}}\n')
        self.okse("build", "civic.yaml", "--country", "VN", "-o", "civic.okse", "--key", "vendor.pem", status=0)
        (directory / "trust.yaml").write_text(TRUST)

    def __call__(self, script, status=0, cwd=None, **replaced):
        for word, other in replaced.items():
            assert word in script, (word, script)
            script = script.replace(word, str(other))
        done = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, cwd=cwd or self.directory, stdin=subprocess.DEVNULL, timeout=300,
                              env={**self.okse.environment, "PATH": f"{self.directory}/bin:{os.environ['PATH']}"})
        assert done.returncode == status, (script, done.stdout, done.stderr)
        return done.stdout

    def lines(self, block, **replaced):
        """One by one, so that the one that fails is named."""
        for line in block.splitlines():
            self(line, **{word: other for word, other in replaced.items() if word in line})


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    return Shell(tmp_path_factory.mktemp("pages"))


@pytest.fixture
def shell(origin, tmp_path):
    made = object.__new__(Shell)
    made.directory, made.okse = tmp_path, conftest.Okse(tmp_path)
    shutil.copytree(origin.directory, tmp_path, dirs_exist_ok=True, symlinks=True)
    return made


def test_parts(shell):
    cut, smaller, by_hand = (block for block in blocks("parts.md"))
    for place in ("a", "b"):
        (shell.directory / place).mkdir()
    first, *rest = cut.splitlines()
    shell(first)
    parts = sorted((shell.directory / "parts").glob("*.part"))
    shutil.copy(parts[0], shell.directory / "a")
    for part in parts[1:]:
        shutil.copy(part, shell.directory / "b")
    (shell.directory / "civic.okse").rename(shell.directory / "sent.okse")
    shell.lines("\n".join(rest), **{"/media/disc": "parts", "/media/a": "a", "/media/b": "b", "/srv/okse": "root"})
    whole = (shell.directory / "sent.okse").read_bytes()
    assert (shell.directory / "civic.okse").read_bytes() == whole and (shell.directory / "root/current").exists()
    shell(by_hand, cwd=shell.directory / "parts", **{"NAME": NAME})
    assert (shell.directory / f"parts/{NAME}.okse").read_bytes() == whole
    shutil.rmtree(shell.directory / "parts")
    shell(smaller)
    line, = re.findall(r"`(python3 parts-unframe.py .*?)`", (DOCS / "parts.md").read_text())
    shell(line, cwd=shell.directory / "parts", **{"parts-unframe.py": DOCS / "parts-unframe.py", "NAME": NAME})
    assert (shell.directory / f"parts/{NAME}.okse").read_bytes() == whole


def test_encryption(shell):
    wrap, certificate, both, guard, onward = blocks("encryption.md")
    for name in ("ministry", "clinic", "guard", "next"):
        shell(certificate, **{"-keyout": "-nodes -keyout", "clinic": name, "/CN=Clinic": "/CN=" + name})
    whole = (shell.directory / "civic.okse").read_bytes()
    first, *rest = wrap.splitlines()
    shell(first.replace("--encrypt-to clinic.crt", "--encrypt-to clinic.crt --encrypt-to guard.crt"))
    (shell.directory / "civic.okse").unlink()
    shell.lines("\n".join(rest), **{"civic-search-1.0.0-VN": NAME})
    assert (shell.directory / "civic.okse").read_bytes() == whole
    at = shell.directory / "parts"
    for name in ("guard.pem", "guard.crt", "next.crt", "next.pem"):
        shutil.copy(shell.directory / name, at)
    assert "README.txt\nset.json\npart.json\nblocks.sha256\ndata" in shell(guard, cwd=at, **{"NAME": NAME})
    shell("openssl req -x509 -newkey rsa:3072 -nodes -keyout next.pem -out next.crt -days 30 -subj /CN=next -addext keyUsage=critical,keyEncipherment", cwd=at)
    (at / f"{NAME}.0001.part.cms").unlink()
    shell(onward, cwd=at, **{"NAME": NAME})
    (at / f"{NAME}.0001.part").unlink()
    shell("okse join . --key next.pem -o again.okse", cwd=at)
    assert (at / "again.okse").read_bytes() == whole
    shutil.rmtree(at)
    shell(both)
    shell("okse join parts --key clinic.pem -o both.okse")
    assert (shell.directory / "both.okse").read_bytes() == whole


def test_thin(shell):
    sources(shell.directory / "old", 1, ())
    sources(shell.directory / "new", 2, (7, 23))
    shell("okse build old/stack.yaml --country VN --key vendor.pem -o v1.okse --gate off; okse build new/stack.yaml --country VN --key vendor.pem -o v2.okse --gate off")
    shell("okse install v1.okse --trust trust.yaml --root root")
    shell.block = blocks("thin.md")[0].splitlines()
    whole = (shell.directory / "v2.okse").read_bytes()
    for number, line in enumerate(shell.block):
        with contextlib.suppress(FileNotFoundError):
            for made in {0: (), 1: ("v2-thin.okse",), 4: ("v2.okse",)}.get(number, ()):
                (shell.directory / made).unlink()
        shell.lines(line, **{"stack.yaml": "new/stack.yaml --gate off", "/srv/okse": "root"})
    assert (shell.directory / "v2.okse").read_bytes() == whole


@SERVED
@needs_oras
def test_serve(shell):
    first, nginx = blocks("serve.md")[0], re.findall(r"^```nginx\n(.*?)^```$", (DOCS / "serve.md").read_text(), re.M | re.S)[0]
    begin, *clients = first.splitlines()
    port, other = free_port(), Registry(shell.directory)
    assert begin.split("#")[0].split() == ["okse", "serve", "civic.okse", "--trust", "trust.yaml"]
    (shell.directory / "bin/oras").symlink_to(ORAS)
    with Serving(shell.okse, shell.directory / "civic.okse", "--trust", shell.directory / "trust.yaml", listen=f"127.0.0.1:{port}"), other as there:
        for line in clients:
            if line.startswith("docker ") and (shutil.which("docker") is None or subprocess.run(["docker", "info"], capture_output=True).returncode != 0):
                continue  # test_serve.py has a daemon of its own
            replaced = {"127.0.0.1:5000": f"127.0.0.1:{port}", "harbor.example": there.host, "containers-storage:server": f"oci:{shell.directory}/server:x",
                        "--src-tls-verify=false docker": "--src-tls-verify=false --dest-tls-verify=false docker"}
            shell.lines(line, **replaced)
        if shutil.which("nginx"):
            before = free_port()
            (shell.directory / "nginx.conf").write_text(
                f"daemon off; pid {shell.directory}/pid; error_log stderr; events {{}}\nhttp {{ access_log off; server {{ listen 127.0.0.1:{before};\n"
                + nginx.replace("127.0.0.1:5000", f"127.0.0.1:{port}") + "}}\n")
            proxy = subprocess.Popen(["nginx", "-p", shell.directory, "-c", shell.directory / "nginx.conf"], stderr=subprocess.DEVNULL)
            try:
                shell(f"for i in $(seq 50); do curl -sf http://127.0.0.1:{before}/v2/ && break; sleep 0.1; done; skopeo copy --src-tls-verify=false "
                      f"docker://127.0.0.1:{before}/civic/server:1.4.0 oci:behind:x; [ $(curl -s -o x -w '%{{http_code}}' -X PUT http://127.0.0.1:{before}/v2/) = 403 ]")
            finally:
                proxy.terminate()
                proxy.wait(10)
        assert (shell.directory / "model/model.safetensors").stat().st_size > 3_000_000 and (shell.directory / "server/index.json").exists()


def test_registries(shell):
    there, whole = MemoryRegistry(), (shell.directory / "civic.okse").read_bytes()
    push, other_tag, pull, by_identity, dry = blocks("registries.md")[0].splitlines()
    with there as registry:
        where = {"oci://registry.example/lab/civic": f"--plain-http oci://{registry.host}/lab/civic"}
        identity = shell.okse("inspect", "civic.okse", "--json", status=0).json["identity"]
        shell(push, **where)
        shell(other_tag, **where)
        for line, more in ((pull, {}), (by_identity, {"sha256:…": identity})):
            (shell.directory / "civic.okse").unlink()
            shell(line, **where, **more)
            assert (shell.directory / "civic.okse").read_bytes() == whole
    shell(dry)


def test_return(shell):
    lf.write(shell.directory, lf.facts(endpoints=lf.clean_endpoints() + lf.faults()))
    shell.okse("audit", "--evidence", "facts.json", "--country", "VN", "--at", "2026-11-23T07:30:00Z", "--report", "json=findings.json", status=1)
    text = (DOCS / "return.md").read_text()
    (shell.directory / "list.yaml").write_text(re.findall(r"^```yaml\n(.*?)^```$", text, re.M | re.S)[0])
    (shell.directory / "redaction.key").write_bytes(bytes(range(32)))
    (shell.directory / "inner-names.txt").write_text("inner.ministry.example\n")
    site, vendor = blocks("return.md")
    shell.lines(site)
    roles, = re.findall(r"# (roles: .*)$", vendor, re.M)
    (shell.directory / "customers.yaml").write_text("okse: trust/v1\nalgorithms: [ed25519]\n" + roles + "\n")
    shutil.copy(shell.directory / "operator.pub", shell.directory / "hanoi.pub")
    shell.lines(vendor)
    assert "<html" in (shell.directory / "hanoi.html").read_text()


def test_fleets_and_shards(shell):
    """The engines have tests of their own; here what stands between them, and that Ansible reads the example."""
    alone, merge = next(block for block in blocks("fleets.md") if block.startswith("okse verify")).splitlines()
    (shell.directory / "records").mkdir()
    where = {"/mnt/parallel/civic.okse": "civic.okse"}
    for number in range(1, 65):
        shell(alone, status=4, **where, **{"3/64": f"{number}/64", "records/3.json": f"records/{number}.json"})
    shell(merge, **where)
    shard, merged = next(block for block in blocks("verify.md") if "--shard" in block).splitlines()
    shutil.rmtree(shell.directory / "records")
    (shell.directory / "records").mkdir()
    for number in range(1, 9):
        shell(shard, status=4, **{"3/8": f"{number}/8", "records/3.json": f"records/{number}.json"})
    shell(merged)
    if shutil.which("ansible-playbook"):
        play = next(block for block in blocks("fleets.md") if "ansible-playbook" in block).splitlines()
        shell("export LC_ALL=C.UTF-8; " + "\n".join(play) + " --syntax-check --list-hosts", **{"docs/fleets": DOCS / "fleets"})


def test_readme(shell):
    travel = next(block for block in blocks("README.md") if block.startswith("okse split")).splitlines()
    split, seal, thin, push, serve, shard, back = travel
    shell(split)
    shell("openssl req -x509 -newkey rsa:3072 -nodes -keyout x.pem -out ministry.pem -days 30 -subj /CN=m -addext keyUsage=critical,keyEncipherment")
    shell(seal)
    shutil.copy(shell.directory / "civic.okse", shell.directory / "civic-2.okse")
    shell(thin)
    with MemoryRegistry() as registry:
        shell(push, **{"oci://registry.ministry.vn/ai/civic": f"--plain-http oci://{registry.host}/ai/civic"})
    shell(shard, status=4)
    assert serve.split("#")[0].split() == ["okse", "serve", "civic.okse", "--trust", "trust.yaml"]
    (shell.directory / "records").mkdir()
    shell("okse verify civic.okse --trust trust.yaml --record records/v.json && okse sign --document records/v.json --key operator.pem --role operator")
    (shell.directory / "return.yaml").write_text(yaml.safe_dump({
        "okse": "return/v1", "name": "back", "version": "1", "sequence": 1, "to": "KR", "from": {"name": "Ministry", "country": "VN"},
        "items": [{"kind": "verification", "path": "v.json"}, {"kind": "statement", "path": "v.json.sigstore.json", "about": "v.json"}]}))
    shell(back, **{"/srv/records": "records"})
    assert pathlib.Path(shell.directory / "back-1-KR.okse").exists()
