"""Parts encrypted to their recipients: openssl opens what okse wrote and okse what openssl wrote; what was changed is lost,
named and repaired; who has no key learns whose would open it; nothing that was not authenticated gets a name."""
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import pytest
import signing
from conftest import Okse
from install_bundle import Site, raw
from signing import openssl
from stacks import noise
from test_token import MODULE

MIB = 1 << 20
NAME = "civic-search-1.0.0-VN"


class Recipient:
    """A key and a certificate that may be encrypted to, both made by openssl."""

    def __init__(self, directory, name, kind="P-256", usage=None, days="30", key=None):
        self.key = key or signing.Key(directory, name, kind).path
        self.certificate = directory / f"{name}.crt"
        usage = usage or ("keyEncipherment" if kind.startswith("rsa") else "keyAgreement")
        openssl("req", "-x509", "-key", self.key, "-subj", f"/CN={name}", "-days", days, "-addext", f"keyUsage=critical,{usage}",
                "-out", self.certificate)


def decrypt(part, recipient, output):
    openssl("cms", "-decrypt", "-inform", "DER", "-binary", "-in", part, "-inkey", recipient.key, "-recip",
            recipient.certificate, "-out", output)
    return output.read_bytes()


def split(okse, site, output, *words, size="2200K", status=0):
    return okse("split", site.bundle, "--size", size, "-o", output, *words, status=status)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A bundle of a little over 8 MiB, its plain parts with parity, and the same for two recipients; only read."""
    directory = tmp_path_factory.mktemp("encrypted")
    okse = Okse(directory)
    site = Site(okse, directory)
    site.make(raw("serving", {"weights.bin": noise("a", 5 * MIB + 77), "more.bin": noise("b", 3 * MIB), "config.json": b"{}"}))
    site.rsa, site.ec = Recipient(directory, "ministry", "rsa:3072"), Recipient(directory, "clinic", "P-384")
    site.other = Recipient(directory, "other")
    split(okse, site, directory / "plain", "--parity", "2")
    split(okse, site, directory / "parts", "--parity", "2", "--encrypt-to", site.rsa.certificate, "--encrypt-to",
          site.ec.certificate)
    return site


@pytest.fixture
def parts(made, tmp_path):
    """A copy to be damaged."""
    return pathlib.Path(shutil.copytree(made.directory / "parts", tmp_path / "parts"))


def part(directory, number, kind="", ending=".cms"):
    return directory / f"{NAME}{kind}.{number:04}.part{ending}"


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(data)


def join(okse, made, *places, key=None, status=0, **more):
    result = okse("join", *places, "--key", (key or made.ec).key, "-o", okse.directory / "joined.okse", status=status, **more)
    if status == 0:
        assert (okse.directory / "joined.okse").read_bytes() == made.bundle.read_bytes()
    else:
        assert not (okse.directory / "joined.okse").exists()
    return result


def regions(path):
    """Where things stand in a message, by openssl's own parser: {name: offset of a byte of it}."""
    lines = openssl("asn1parse", "-inform", "DER", "-in", path).decode().splitlines()
    rows = [(int(m[1]), int(m[2]), m[3]) for m in (re.match(r"\s*(\d+):d=\d+\s+hl=(\d+)\s+l=\s*\d+ \w+: (.*)", line) for line in lines)
            if m]
    strings = [at + header for at, header, kind in rows if kind.startswith("OCTET STRING")]
    content = max(at + header for at, header, kind in rows if kind.strip() == "cont [ 0 ]")
    return {"outer length": 3, "type": 12, "wrapped key": strings[-3] + 5, "nonce": strings[-2] + 5, "content": content + 70000,
            "last byte of the content": rows[-1][0] - 1, "tag": strings[-1] + 5}


def test_openssl_opens_every_part_and_finds_the_plain_one(made, tmp_path):
    plain = sorted((made.directory / "plain").glob("*.part"))
    assert len(plain) == 7
    for file in plain:
        for recipient in (made.rsa, made.ec):
            assert decrypt(made.directory / "parts" / (file.name + ".cms"), recipient, tmp_path / "out") == file.read_bytes()


def test_a_list_tells_a_guard_without_a_key_what_it_is(made, okse, tmp_path):
    directory = made.directory / "parts"
    assert sorted(path.name for path in directory.iterdir()) == sorted(
        [path.name + ".cms" for path in (made.directory / "plain").glob("*.part")] +
        [f"{NAME}.labels.txt", f"{NAME}.set.json", f"{NAME}.sha256"])
    subprocess.run(["sha256sum", "--strict", "-c", f"{NAME}.sha256"], cwd=directory, check=True, capture_output=True)
    told = json.loads((directory / f"{NAME}.set.json").read_bytes())
    assert told["schema"] == "okse.encrypted-set.v1" and (told["name"], told["version"], told["country"]) == (
        "civic-search", "1.0.0", "VN")
    assert told["identity"] == okse("inspect", made.bundle, "--json", status=0).json["identity"]
    assert told["set"] == split(okse, made, tmp_path / "again", "--parity", "2", "--json").json["set"]
    for row in told["files"]:
        data = (directory / row["file"]).read_bytes()
        assert (row["size"], row["sha256"]) == (len(data), "sha256:" + hashlib.sha256(data).hexdigest())
    serials = [openssl("x509", "-in", one.certificate, "-noout", "-serial").decode().strip().split("=")[1] for one in (made.rsa, made.ec)]
    assert told["recipients"] == [f"issuer CN=ministry, serial {serials[0]}", f"issuer CN=clinic, serial {serials[1]}"]


def test_keys_are_fresh_for_every_part_and_run(made, okse, tmp_path):
    split(okse, made, tmp_path / "again", "--encrypt-to", made.ec.certificate)
    split(okse, made, tmp_path / "more", "--encrypt-to", made.ec.certificate)
    seen = set()
    for file in [*(tmp_path / "again").glob("*.cms"), *(tmp_path / "more").glob("*.cms")]:
        at = regions(file)["nonce"] - 5
        seen.add(file.read_bytes()[at:at + 12])
    assert len(seen) == 10


def test_joins_with_either_key(made, okse, parts):
    join(okse, made, parts)
    (okse.directory / "joined.okse").unlink()
    join(okse, made, part(parts, 3), key=made.rsa)  # one brings those beside it
    (okse.directory / "joined.okse").unlink()
    locked = okse.directory / "locked.pem"
    openssl("pkey", "-in", made.ec.key, "-aes256", "-passout", "pass:secret", "-out", locked)
    okse("join", *parts.glob("*.cms"), "--key", locked, "--cert", made.ec.certificate, "--passphrase-fd", "0", "-o", "joined.okse",
         stdin="secret\n", status=0)
    assert (okse.directory / "joined.okse").read_bytes() == made.bundle.read_bytes()
    assert "passphrase is wrong" in okse("join", parts, "--key", locked, "--passphrase-fd", "0", stdin="no\n", status=2).err


@pytest.mark.parametrize("words", [[], ["-stream"], ["-keyopt", "rsa_padding_mode:oaep"], ["-stream", "ec"], ["ec"]],
                         ids=["pkcs1", "pkcs1-stream", "oaep", "ec-stream", "ec"])
def test_opens_what_openssl_encrypted(made, okse, tmp_path, words):
    recipient = made.ec if "ec" in words else made.rsa
    directory = tmp_path / "theirs"
    directory.mkdir()
    for file in (made.directory / "plain").glob("*.part"):
        openssl("cms", "-encrypt", "-aes-256-gcm", "-binary", "-outform", "DER", "-in", file, "-out",
                directory / (file.name + ".cms"), *(["-stream"] if "-stream" in words else []), "-recip", recipient.certificate,
                *(words if "-keyopt" in words else []))
    join(okse, made, directory, key=recipient)
    (okse.directory / "joined.okse").unlink()
    if words == ["-stream"]:  # a piece of the row, and where it ends
        flip(part(directory, 2), part(directory, 2).stat().st_size - 3000)
        part(directory, 4).write_bytes(part(directory, 4).read_bytes()[:-1_000_000])
        told = join(okse, made, directory, key=recipient).err
        assert "0002.part.cms was changed or damaged" in told and "0004.part.cms byte" in told


@pytest.mark.parametrize("region", ["outer length", "type", "wrapped key", "nonce", "content", "last byte of the content", "tag"])
def test_a_flipped_byte_is_a_lost_part(made, okse, parts, region):
    flip(part(parts, 2), regions(part(parts, 2))[region])
    told = join(okse, made, parts).err
    assert "part 2 of 5" in told and re.search(r"0002\.part\.cms (was changed|is |byte|cannot)", told), told
    (okse.directory / "joined.okse").unlink()
    for file in parts.glob("*.parity.*"):
        file.unlink()
    told = join(okse, made, parts, status=1).err
    assert "0002.part.cms" in told and "part 2 of 5" in told
    assert okse("join", "--check", parts, "--key", made.ec.key, status=1).out.count("whole") == 4


def test_more_lost_than_parity_covers_is_refused(made, okse, parts):
    for number in (1, 3, 4):
        flip(part(parts, number), 100_000)
    told = join(okse, made, parts, status=1).err
    assert all(f"000{number}.part.cms was changed or damaged" in told for number in (1, 3, 4))


def test_an_early_end_and_bytes_behind_it_are_told(made, okse, parts):
    part(parts, 1).write_bytes(part(parts, 1).read_bytes()[:-70_000])
    with open(part(parts, 5), "ab") as file:
        file.write(b"x")
    told = join(okse, made, parts).err
    assert "0001.part.cms byte 0: a length that does not fit: the CMS message is damaged or ends early" in told
    assert "0005.part.cms" in told and "bytes behind the end of the CMS message" in told


def test_others_are_told_whose_key_it_takes(made, okse, parts):
    for told in (join(okse, made, parts, key=made.other, status=1).err,
                 okse("join", parts, "--key", made.other.key, "--cert", made.other.certificate, status=1).err):
        assert "is not encrypted to" in told and "issuer CN=ministry, serial" in told and "issuer CN=clinic, serial" in told
    for words in (["join", parts], ["verify", parts, "--trust", made.directory / "trust.yaml"],
                  ["install", parts, "--root", okse.directory / "root", "--trust", made.directory / "trust.yaml"],
                  ["inspect", part(parts, 2)]):
        told = okse(*words, status=2).err
        assert "is encrypted to issuer CN=ministry" in told and re.search(r"okse join \S+\.part\.cms --key KEY\.pem -o", told), told
    assert not (okse.directory / "root").exists() or not any((okse.directory / "root").iterdir())
    assert "the certificate is not the key's" in okse("join", parts, "--key", made.ec.key, "--cert", made.rsa.certificate, status=2).err


def test_parts_of_other_sets_are_left_out_by_name(made, okse, parts, tmp_path):
    other = Site(okse, tmp_path)
    other.make(raw("serving", {"weights.bin": noise("c", 8 * MIB)}))
    split(okse, other, tmp_path / "foreign", "--encrypt-to", made.ec.certificate)
    split(okse, made, tmp_path / "stale", "--encrypt-to", made.ec.certificate, size="3500K")
    shutil.copy(part(tmp_path / "foreign", 2), part(parts, 2))
    shutil.copy(part(tmp_path / "stale", 2), part(parts, 4))
    told = join(okse, made, parts).err
    assert re.search(r"0002\.part\.cms is (stale|foreign)", told) and re.search(r"0004\.part\.cms is (stale|foreign)", told)
    assert "part 2 of 5" in told and "part 4 of 5" in told


def test_names_do_not_matter_where_content_speaks(made, okse, parts):
    part(parts, 1).rename(parts / "spare")
    part(parts, 2).rename(part(parts, 1))
    (parts / "spare").rename(part(parts, 2))
    join(okse, made, parts)


def test_a_guard_decrypts_scans_and_passes_on(made, okse, parts, tmp_path):
    for number in (2, 5):  # some plain, some encrypted; and one of them by openssl
        decrypt(part(parts, number), made.rsa, part(parts, number, ending=""))
        part(parts, number).unlink()
        assert subprocess.run(["tar", "-tf", part(parts, number, ending="")], capture_output=True, text=True,
                              check=True).stdout.split()[-1] == "data"
    join(okse, made, parts)
    (okse.directory / "joined.okse").unlink()
    for file in sorted(parts.glob("*.cms")):
        decrypt(file, made.rsa, file.with_suffix(""))
    okse("join", parts, "-o", "joined.okse", status=0)  # without any key, beside the encrypted ones
    assert (okse.directory / "joined.okse").read_bytes() == made.bundle.read_bytes()


def test_who_cannot_be_encrypted_to(made, okse, tmp_path):
    def refused(*certificates, size="2200K"):
        words = [word for one in certificates for word in ("--encrypt-to", one)]
        told = split(okse, made, tmp_path / "out", *words, size=size, status=2).err
        assert not (tmp_path / "out").exists()
        return told

    signer = Recipient(tmp_path, "signer", usage="digitalSignature")
    edwards = Recipient(tmp_path, "edwards", "ed25519", usage="digitalSignature")
    weak = Recipient(tmp_path, "weak", "rsa:2048")
    old = tmp_path / "old.crt"
    openssl("x509", "-in", made.ec.certificate, "-signkey", made.ec.key, "-days", "-1", "-out", old)
    assert "keyAgreement is missing" in refused(signer.certificate)
    assert "nothing can be encrypted to an ed25519 key" in refused(edwards.certificate)
    assert "2048 bits is too weak" in refused(weak.certificate)
    assert "ended on" in refused(old) or "begins only" in refused(old)
    assert "was given as a recipient before" in refused(made.ec.certificate, made.ec.certificate)
    told = refused(made.ec.certificate, size="25G")
    assert "openssl cms -decrypt takes a message into memory" in told and "with --size 1GiB it becomes 1 part" in told


@pytest.mark.parametrize("words,reason", [(["-aes-128-gcm"], "something else than AES-256-GCM"),
                                          (["-aes-256-cbc"], "nothing in it says whether it was changed")])
def test_weaker_messages_are_refused_by_name(made, okse, parts, words, reason):
    openssl("cms", "-encrypt", *words, "-binary", "-outform", "DER", "-in", part(made.directory / "plain", 3, ending=""), "-out",
            part(parts, 3), made.ec.certificate)
    assert reason in join(okse, made, parts).err


def test_a_key_that_cannot_leave_its_token_opens_parts(made, okse, tmp_path):
    if not MODULE.exists() or not shutil.which("pkcs11-tool") or not shutil.which("softhsm2-util"):
        pytest.skip("softhsm2 and opensc are not installed")
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tmp_path}/tokens\nobjectstore.backend = file\n")
    environment = {"SOFTHSM2_CONF": str(tmp_path / "softhsm2.conf"), "PKCS11_MODULE_PATH": str(MODULE),
                   "ASAN_OPTIONS": "detect_leaks=0"}  # see test_token.py

    def run(*words):
        return subprocess.run(words, check=True, capture_output=True, text=True, env={**os.environ, **environment}).stdout

    run("softhsm2-util", "--init-token", "--free", "--label", "okse", "--pin", "1234", "--so-pin", "5678")
    tool = ["pkcs11-tool", "--module", str(MODULE), "--login", "--pin", "1234", "--token-label", "okse"]
    authority = signing.Authority(tmp_path, "authority")
    for label, number, kind, usage in (("r", "01", "rsa:3072", "--usage-decrypt"), ("e", "02", "EC:prime256v1", "--usage-derive")):
        assert "never extractable" in run(*tool, "--keypairgen", "--key-type", kind, "--label", label, "--id", number, usage)
        run(*tool, "--read-object", "--type", "pubkey", "--label", label, "--output-file", str(tmp_path / f"{label}.der"))
        openssl("pkey", "-pubin", "-inform", "DER", "-in", tmp_path / f"{label}.der", "-pubout", "-out", tmp_path / f"{label}.pub")
        openssl("req", "-new", "-key", made.ec.key, "-subj", f"/CN={label}", "-out", tmp_path / "csr")
        openssl("x509", "-req", "-in", tmp_path / "csr", "-force_pubkey", tmp_path / f"{label}.pub", "-CA", authority.certificate,
                "-CAkey", authority.key.path, "-days", "30", "-out", tmp_path / f"{label}.crt")
    split(okse, made, tmp_path / "parts", "--encrypt-to", tmp_path / "r.crt", "--encrypt-to", tmp_path / "e.crt")
    for label in ("r", "e"):
        for more in ([], ["--cert", tmp_path / f"{label}.crt"]):
            okse("join", tmp_path / "parts", "--key", f"pkcs11:token=okse;object={label}", *more, "--passphrase-fd", "0", "-o",
                 f"{label}{len(more)}.okse", stdin="1234\n", env=environment, status=0)
            assert (okse.directory / f"{label}{len(more)}.okse").read_bytes() == made.bundle.read_bytes()
    assert "PIN is wrong" in okse("join", tmp_path / "parts", "--key", "pkcs11:token=okse;object=r", "--passphrase-fd", "0",
                                  stdin="9999\n", env=environment, status=2).err


def peak(okse, *words):
    """MiB of resident memory at most; started by a small process, whose own memory counts as its child's."""
    script = "import resource, subprocess, sys\nsubprocess.run(sys.argv[1:], check=True, capture_output=True)\nprint(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    done = subprocess.run([sys.executable, "-c", script, okse.binary, *map(str, words)], check=True, capture_output=True, text=True, env=okse.environment,
                          cwd=okse.directory)
    return int(done.stdout) / 1024


@pytest.mark.skipif("ASAN_OPTIONS" in os.environ, reason="a sanitizer's own memory would be counted")
def test_memory_does_not_grow_with_the_part(made, okse, tmp_path):
    site = Site(okse, tmp_path)
    site.make(raw("serving", {"weights.bin": noise("d", 150 * MIB)}))
    assert peak(okse, "split", site.bundle, "--encrypt-to", made.ec.certificate, "-o", tmp_path / "parts") <= 64
    assert len(list((tmp_path / "parts").glob("*.cms"))) == 1
    assert peak(okse, "join", tmp_path / "parts", "--key", made.ec.key, "-o", tmp_path / "joined") <= 64
    assert (tmp_path / "joined").read_bytes() == site.bundle.read_bytes()
