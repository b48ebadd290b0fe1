"""Servers to fetch from, on loopback: Debian's registry, git's own http-backend, a registry that lies, a line that breaks."""
import base64
import contextlib
import hashlib
import http.server
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse

import pytest

from repositories import ENVIRONMENT
from signing import openssl


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Authority:
    """A CA of the test's own and a server certificate for 127.0.0.1 and localhost."""

    def __init__(self, directory, name="ca"):
        self.ca, self.certificate, self.key = directory / f"{name}.crt", directory / f"{name}-server.crt", directory / f"{name}-server.key"
        request, extensions = directory / f"{name}.csr", directory / f"{name}.ext"
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", directory / f"{name}.key", "-out", self.ca, "-days", "3650",
                "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", self.key, "-out", request, "-subj", "/CN=server")
        extensions.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", directory / f"{name}.key", "-CAcreateserial", "-days", "3650",
                "-extfile", extensions, "-out", self.certificate)

    def context(self):
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(self.certificate, self.key)
        return made


class Registry:
    """Debian's docker-registry over one storage directory; started, killed and started again."""

    def __init__(self, directory, http=None, auth=None, log=None):
        if shutil.which("docker-registry") is None:
            pytest.skip("docker-registry is not installed")
        self.port = free_port()
        self.host = f"127.0.0.1:{self.port}"
        self.settings = directory / f"registry-{self.port}.yml"
        self.settings.write_text(json.dumps({
            "version": "0.1", "log": {"level": "error"}, "storage": {"filesystem": {"rootdirectory": str(directory / "registry")}},
            "http": {"addr": self.host, **(http or {})}, **({"auth": auth} if auth else {})}))
        self.process, self.log = None, log

    def __enter__(self):
        with open(self.log or os.devnull, "a") as log:
            self.process = subprocess.Popen(["docker-registry", "serve", self.settings], stdout=log, stderr=subprocess.DEVNULL)
        for _ in range(600):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            time.sleep(0.05)
        raise AssertionError("docker-registry does not start")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __exit__(self, *_):
        self.kill()

    def push(self, layout, reference, name="lab/server"):
        """By skopeo; returns the digest that the registry has."""
        done = subprocess.run(["skopeo", "copy", "-q", "--all", "--preserve-digests", "--dest-tls-verify=false", f"oci:{layout}:{reference}",
                               f"docker://{self.host}/{name}:{reference}"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        raw = subprocess.run(["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{self.host}/{name}:{reference}"], capture_output=True, check=True)
        return "sha256:" + hashlib.sha256(raw.stdout).hexdigest()


class Server:
    """A threaded HTTP server that answers by `handle(request)`; request.asked: what was asked so far."""

    def __init__(self, handle, context=None):
        outer = self
        self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.asked.append((self.command, self.path, self.headers.get("Authorization"), self.headers.get("Range")))
                self.close_connection = True
                with contextlib.suppress(BrokenPipeError, ConnectionResetError, ssl.SSLError):
                    handle(self)

            do_POST = do_HEAD = do_PUT = do_PATCH = do_DELETE = do_GET

            def log_message(self, *_):
                pass

            def reply(self, status=200, body=b"", **headers):
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), "Connection": "close", **{k.replace("_", "-"): v for k, v in headers.items()}}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

        class Quiet(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # a client that hangs up is part of the tests

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.secure = context is not None
        if context is not None:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_port
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"{'https' if self.secure else 'http'}://{self.host}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def layout_server(layout, twist=None, context=None):
    """The images of an OCI layout as a registry would give them; `twist(request)` answers in its place when it returns True."""

    def handle(request):
        kind, _, reference = request.path.rpartition("/")
        if twist is not None and twist(request):
            return
        if kind.endswith("/manifests") and not reference.startswith("sha256:"):
            reference = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
        path = layout / "blobs" / reference.replace(":", "/")
        if not path.is_file():
            request.reply(404)
            return
        data = path.read_bytes()
        if kind.endswith("/manifests"):
            request.reply(body=data, Content_Type=json.loads(data).get("mediaType", "application/vnd.oci.image.manifest.v1+json"))
            return
        begin = int((request.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        if begin:
            request.reply(206, data[begin:], Content_Range=f"bytes {begin}-{len(data) - 1}/{len(data)}")
        else:
            request.reply(body=data)

    return Server(handle, context)


class Line:
    """TCP from here to a port there. `limits`: for each connection in turn, after how many bytes of the answer it breaks;
    "stall" in place of breaking when `stall` is set; past the list it holds."""

    def __init__(self, port, limits=(), stall=False):
        self.target, self.limits, self.stall, self.connections = port, list(limits), stall, 0
        self.server = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self.server.getsockname()[1]}"
        self.stopped = threading.Event()

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.server.close()

    def accept(self):
        while True:
            try:
                near, _ = self.server.accept()
            except OSError:
                return
            limit = self.limits.pop(0) if self.limits else None
            self.connections += 1
            threading.Thread(target=self.carry, args=(near, limit), daemon=True).start()

    def carry(self, near, limit):
        with contextlib.suppress(OSError), near, socket.create_connection(("127.0.0.1", self.target)) as far:
            threading.Thread(target=self.up, args=(near, far), daemon=True).start()
            passed = 0
            while data := far.recv(16384):
                if limit is not None and passed + len(data) > limit:
                    near.sendall(data[:limit - passed])
                    if self.stall:
                        self.stopped.wait()
                    break
                near.sendall(data)
                passed += len(data)
            near.shutdown(socket.SHUT_RDWR)  # a thread still reads from it, so that closing alone would not end it
            far.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def up(near, far):
        with contextlib.suppress(OSError):
            while data := near.recv(16384):
                far.sendall(data)


def git_server(root, context=None, secret=None, twist=None):
    """git http-backend over the repositories below root. secret: "user:password" that Basic must show."""

    def handle(request):
        if twist is not None and twist(request):
            return
        if secret is not None and request.headers.get("Authorization") != "Basic " + base64.b64encode(secret.encode()).decode():
            request.reply(401, WWW_Authenticate='Basic realm="git"')
            return
        path, _, query = request.path.partition("?")
        environment = {**ENVIRONMENT, "GIT_PROJECT_ROOT": str(root), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": urllib.parse.unquote(path),
                       "QUERY_STRING": query, "REQUEST_METHOD": request.command, "CONTENT_TYPE": request.headers.get("Content-Type", ""),
                       "REMOTE_ADDR": "127.0.0.1", "CONTENT_LENGTH": request.headers.get("Content-Length", "")}
        # the repositories belong to whoever runs the tests
        environment.update(GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0="safe.directory", GIT_CONFIG_VALUE_0="*")
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        done = subprocess.run(["git", "http-backend"], env=environment, input=body, capture_output=True)
        head, _, answer = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        status = int(headers.pop("Status", "200").split()[0])
        request.reply(status, answer, **{k.replace("-", "_"): v for k, v in headers.items() if k.lower() != "content-length"})

    return Server(handle, context)


def token_server(authority, service="registry.test", secret=None, context=None, allowed=("pull",)):
    """Gives the tokens that docker-registry asks for (a JWT with its certificate in it), to whoever shows the secret."""

    def part(value):
        return base64.urlsafe_b64encode(value if isinstance(value, bytes) else json.dumps(value).encode()).rstrip(b"=")

    def handle(request):
        if secret is not None and request.headers.get("Authorization") != "Basic " + base64.b64encode(secret.encode()).decode():
            request.reply(401)
            return
        query = urllib.parse.parse_qs(urllib.parse.urlparse(request.path).query)
        scopes = [scope.split(":") for scope in query["scope"]]
        assert query["service"] == [service] and all(actions in allowed for _, _, actions in scopes)
        certificate = base64.b64encode(openssl("x509", "-in", authority.certificate, "-outform", "DER")).decode()
        now = int(time.time())
        signed = part({"typ": "JWT", "alg": "RS256", "x5c": [certificate]}) + b"." + part({
            "iss": "test", "sub": "", "aud": service, "exp": now + 300, "nbf": now - 300, "iat": now, "jti": str(now),
            "access": [{"type": kind, "name": name, "actions": actions.split(",")} for kind, name, actions in scopes]})
        token = signed + b"." + part(openssl("dgst", "-sha256", "-sign", authority.key, stdin=signed))
        request.reply(body=json.dumps({"token": token.decode(), "expires_in": 300}).encode(), Content_Type="application/json")

    return Server(handle, context)


def auth_file(path, host, secret="ministry:swordfish"):
    path.write_text(json.dumps({"auths": {host: {"auth": base64.b64encode(secret.encode()).decode()}}}))
    return path
