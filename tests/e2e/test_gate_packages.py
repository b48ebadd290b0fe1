"""Wheels are what their RECORD says; one that was changed is stopped. The rows are made by Python's own wheel format, the real ones by their makers."""
import base64
import hashlib
import io
import zipfile

import pytest

from conftest import ROOT
from stacks import HEAD, write
from test_gate import build, stack

TOOLS = ROOT / "build-tools"
FILES = {"pkg/__init__.py": b"x = 1\n", "pkg/_native.so": b"\x7fELF" + bytes(60), 'pkg/odd, "name".txt': b"y\n"}
INFO = {"pkg-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: pkg\nVersion: 1.0\nLicense: MIT\n",
        "pkg-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}


def row(name, data):
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
    quoted = '"' + name.replace('"', '""') + '"' if "," in name or '"' in name else name
    return f"{quoted},sha256={digest},{len(data)}\n"


def wheel(files=None, record=None, more=()):
    files = {**FILES, **INFO} if files is None else files
    listed = "".join(row(*one) for one in {**FILES, **INFO}.items()) + "pkg-1.0.dist-info/RECORD,,\n" if record is None else record
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in [*files.items(), *([("pkg-1.0.dist-info/RECORD", listed)] if listed is not False else []), *more]:
            archive.writestr(name, data)
    return out.getvalue()


def place(okse, data):
    stack(okse.directory, more="  - {name: wheels, kind: runtime, source: {path: wheels}}\n")
    write(okse.directory / "wheels/pkg-1.0-py3-none-any.whl", data)


def faults(told):
    return [place["message"] for failed in told["preflight"]["failed"] if failed["control"] == "packages.intact" for place in failed["evidence"]]


def test_a_wheel_as_it_was_made_passes_and_is_described(okse):
    place(okse, wheel())
    assert faults(build(okse, "--json", status=0).json) == []
    okse("key", "new", "--type", "ed25519", "-o", "vendor.pem", status=0)
    okse("sign", "x.okse", "--key", "vendor.pem", "--role", "vendor", status=0)
    (okse.directory / "trust.yaml").write_text("okse: trust/v1\nroles:\n  vendor: {signers: [{key: vendor.pub}]}\n")
    okse("install", "x.okse", "--root", "target", "--trust", "trust.yaml", "--site", "site.yaml", status=0)
    fact, = okse("collect", "--root", "target", "--scope", "install", "--json", status=0).json["packages"]
    assert {key: fact[key] for key in ("name", "version", "license", "native", "faults", "members")} == {
        "name": "pkg", "version": "1.0", "license": "MIT", "native": ["pkg/_native.so"], "faults": [], "members": 6}


@pytest.mark.parametrize("what, message", [
    ("changed", "pkg/__init__.py: has other bytes than RECORD says"), ("added", "pkg/evil.py: is not listed in RECORD"),
    ("removed", "pkg/_native.so: is listed in RECORD and is not there"), ("no record", "RECORD: is missing or empty"), ("md5", "pkg/__init__.py: has no SHA-256 in RECORD"),
    ("size", "pkg/__init__.py: has another size than RECORD says"), ("twice", "pkg/__init__.py: is there twice"), ("no zip", "is no zip that can be read to its end"),
    ("cut", "is no zip that can be read to its end")])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_wheel_that_was_changed_is_stopped(okse, what, message):
    files = {**FILES, **INFO}
    good = "".join(row(*one) for one in files.items()) + "pkg-1.0.dist-info/RECORD,,\n"
    data = {"changed": lambda: wheel({**files, "pkg/__init__.py": b"x = 2\n"}), "added": lambda: wheel({**files, "pkg/evil.py": b"1\n"}),
            "removed": lambda: wheel({name: data for name, data in files.items() if name != "pkg/_native.so"}), "no record": lambda: wheel(record=False),
            "md5": lambda: wheel(record=good.replace(row("pkg/__init__.py", b"x = 1\n"), "pkg/__init__.py,md5=abc,6\n")),
            "size": lambda: wheel(record=good.replace(row("pkg/__init__.py", b"x = 1\n"), row("pkg/__init__.py", b"x = 1\n").replace(",6", ",7"))),
            "twice": lambda: wheel(more=[("pkg/__init__.py", b"x = 1\n")]), "no zip": lambda: b"PK nothing", "cut": lambda: wheel()[:-40]}[what]()
    place(okse, data)
    found = faults(build(okse, "--json", status=1).json)
    assert len(found) == 1 and message in found[0], found


@pytest.mark.parametrize("name", ["numpy", "onnxruntime", "all_minilm"])
def test_real_wheels_are_what_they_say(okse, name):
    import os
    import pathlib
    where = pathlib.Path(os.environ.get("OKSE_TOOLS", TOOLS)) / "wheels"
    found = sorted(where.glob(f"{name}*.whl"))
    if not found or found[0].stat().st_size > 64 << 20:
        pytest.skip("the real wheel is not at hand, or too large")
    place(okse, found[0].read_bytes())
    build(okse, "--json", gate=("--gate", "warn"), status=0)
    told = okse("audit", "--bundle", "x.okse", "--country", "VN", "--json").json
    verdict, = [f for f in told["findings"] if f["control"] == "packages.intact"]
    assert verdict["status"] == "pass", verdict["evidence"]
