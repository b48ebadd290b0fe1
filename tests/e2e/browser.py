"""A real browser for report tests: headless Chromium, offline, with what it said and asked for."""
import json
import shutil
import subprocess
import tempfile

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-quic", "--disable-default-apps",
         "--hide-scrollbars", "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", "--v=0"]


def available():
    return shutil.which("chromium")


def run(page, *flags):
    """Returns (stdout, console messages, addresses asked for over the network)."""
    with tempfile.TemporaryDirectory() as profile:
        log = f"{profile}/net.json"
        done = subprocess.run([available(), *FLAGS, f"--user-data-dir={profile}/p", f"--log-net-log={log}", *flags,
                               page if "://" in str(page) else f"file://{page}"], capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, done.stderr
        with open(log, encoding="utf-8") as file:
            asked = sorted(set(addresses(json.load(file))))
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line or "Refused to" in line]
    return done.stdout, console, asked


def addresses(log):
    """What a page asked for; Chromium's own requests have no page as initiator ("not an origin")."""
    for event in log["events"]:
        params = event.get("params") or {}
        if params.get("initiator", "not an origin") != "not an origin" and \
                not params["url"].startswith(("file:", "data:", "chrome")):
            yield params["url"]
