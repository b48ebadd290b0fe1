"""An encrypted key asks on the terminal, shows nothing of the answer, and takes no for an answer."""
import os
import pty
import subprocess
import termios
import time

import pytest

import signing
from test_trust import site  # noqa: F401 (fixture)


def asked(site, key, answer):
    """Run sign with a terminal as stdin, stdout and stderr; what the terminal showed, and the status."""
    master, slave = pty.openpty()
    process = subprocess.Popen([site.okse.binary, "sign", str(site.bundle), "--key", str(key), "--role", "vendor"], stdin=slave, stdout=slave,
                               stderr=slave, env=site.okse.environment, start_new_session=True)
    os.close(slave)
    shown, deadline = b"", time.monotonic() + 60
    while b"Passphrase" not in shown and time.monotonic() < deadline and process.poll() is None:
        shown += os.read(master, 4096)
    while termios.tcgetattr(master)[3] & termios.ECHO and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.01)  # the question is written before the echo is switched off
    os.write(master, answer + b"\n")
    status = process.wait(60)
    try:
        while True:
            shown += os.read(master, 4096)
    except OSError:
        pass
    os.close(master)
    return status, shown.decode(errors="replace")


@pytest.fixture(params=["pkcs8", "pkcs12"])
def locked(site, request):
    key = site.key("vendor", "P-256")
    out = site.directory / "locked"
    if request.param == "pkcs8":
        signing.openssl("pkcs8", "-topk8", "-in", key.path, "-out", out, "-passout", "pass:correct horse")
    else:
        signing.openssl("req", "-x509", "-new", "-key", key.path, "-subj", "/CN=x", "-days", "30", "-out", site.directory / "c.pem")
        signing.openssl("pkcs12", "-export", "-inkey", key.path, "-in", site.directory / "c.pem", "-out", out, "-passout", "pass:correct horse")
    return site, key, out


def test_the_right_answer_signs_and_is_not_shown(locked):
    site, key, path = locked
    status, shown = asked(site, path, b"correct horse")
    assert status == 0, shown
    assert "Passphrase for" in shown and "correct horse" not in shown
    site.verify(site.trust({"vendor": key}), status=0)


def test_a_wrong_answer_is_told_and_changes_nothing(locked):
    site, _, path = locked
    before = site.bundle.read_bytes()
    status, shown = asked(site, path, b"wrong")
    assert status == 2 and "passphrase is wrong" in shown
    assert site.bundle.read_bytes() == before


def test_without_a_terminal_nobody_is_asked(locked):
    site, _, path = locked
    assert "no passphrase was given" in site.okse("sign", site.bundle, "--key", path, stdin="", status=2).err
