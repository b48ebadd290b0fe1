"""One headless Chromium for many pages, spoken to over its debugging pipe: real keys, sizes, colour schemes, and pages as they
are, because what is evaluated from here is not under a page's content security policy."""
import base64
import contextlib
import json
import os
import select
import subprocess
import tempfile
import time

import browser

WAIT = 60  # seconds for one answer


class Session:
    """An open browser with one tab. `console` has what the pages said, `asked` what they asked for."""

    def __init__(self, profile):
        here, there = os.pipe(), os.pipe()
        # the browser reads at 3 and writes at 4
        self.process = subprocess.Popen(
            ["bash", "-c", 'exec 3<&"$0" 4>&"$1"; exec "${@:2}"', str(here[0]), str(there[1]), browser.available(),
             *browser.FLAGS, f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank"],
            pass_fds=(here[0], there[1]), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(here[0])
        os.close(there[1])
        self.out, self.come, self.buffer = here[1], there[0], b""
        self.number, self.events, self.console, self.asked, self.session = 0, [], [], [], None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def close(self):
        with contextlib.suppress(OSError):
            self.process.terminate()
        self.process.wait(timeout=20)
        os.close(self.out)
        os.close(self.come)

    def message(self):
        until = time.monotonic() + WAIT
        while b"\0" not in self.buffer:
            assert select.select([self.come], [], [], max(0, until - time.monotonic()))[0], "the browser does not answer"
            more = os.read(self.come, 1 << 20)
            assert more, "the browser has ended"
            self.buffer += more
        one, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(one)

    def note(self, event):
        method, params = event.get("method"), event.get("params", {})
        self.events.append(method)
        if method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
            self.console.append(json.dumps(params)[:500])
        if method == "Network.requestWillBeSent" and not params["request"]["url"].startswith(("file:", "data:", "about:")):
            self.asked.append(params["request"]["url"])

    def call(self, method, **params):
        self.number += 1
        request = {"id": self.number, "method": method, "params": params}
        if self.session:
            request["sessionId"] = self.session
        data = json.dumps(request).encode() + b"\0"
        while data:
            data = data[os.write(self.out, data):]
        while (answer := self.message()).get("id") != self.number:
            self.note(answer)
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    def open(self, page, width=1100, height=800, scheme="light", scripts=True):
        """Opens a file and waits until it is loaded; scripts=False: none of its own runs, in what follows neither."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.look(scheme)
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.events.clear()
        self.call("Page.navigate", url=f"file://{page}")
        while "Page.loadEventFired" not in self.events:
            self.note(self.message())
        self.call("Emulation.setScriptExecutionDisabled", value=False)

    def look(self, scheme="light", media=""):
        self.call("Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}])

    def width(self, width, height=800):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def run(self, expression):
        """The value of an expression, of a promise what it becomes."""
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def press(self, key, code, shift=False):
        text = {"Enter": "\r", " ": " "}.get(key)
        common = {"key": key, "code": key if key != " " else "Space", "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        self.call("Input.dispatchKeyEvent", type="keyDown", **common, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def picture(self, width, height, scale=1):
        """The upper `height` pixels of the page as PNG."""
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": scale}
        return base64.b64decode(self.call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)["data"])


@contextlib.contextmanager
def opened():
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        session = Session(profile)
        try:
            yield session
        finally:
            session.close()
