"""A registry to push to that keeps everything in memory, does what the distribution-spec says, and lies where a test wants it to."""
import contextlib
import hashlib
import json
import re
import threading
import urllib.parse

from servers import Server

INDEX = "application/vnd.oci.image.index.v1+json"


class MemoryRegistry(Server):
    """api: has the referrers API. minimum: OCI-Chunk-Min-Length. cut: for each large upload body in turn, after how many bytes the line breaks
    (None: it holds). twist(request): answers in place of the registry when it returns True. relative: of Locations."""

    def __init__(self, api=True, minimum=None, cut=(), twist=None, relative=False, context=None):
        super().__init__(self.serve, context)
        self.blobs, self.manifests, self.tags, self.uploads, self.types = {}, {}, {}, {}, {}
        self.api, self.minimum, self.cut, self.twist, self.relative = api, minimum, list(cut), twist, relative
        self.received = 0  # bytes of bodies of blobs
        self.chunks = []  # (offset, length) of each PATCH that was kept
        self.lock = threading.Lock()

    def body(self, request, into):
        """What arrives of it, and whether all of it did."""
        length = int(request.headers.get("Content-Length") or 0)
        cut = self.cut.pop(0) if self.cut and length > 1 << 20 else None
        left = length if cut is None else min(cut, length)
        while left > 0 and (data := request.rfile.read1(min(left, 1 << 20))):
            into += data
            left -= len(data)
            self.received += len(data)
        return left == 0 and (cut is None or cut >= length)

    def location(self, name, number):
        path = f"/v2/{name}/blobs/uploads/{number}?_state={len(self.uploads[number])}"
        return path if self.relative else self.url + path

    def serve(self, request):
        if self.twist is not None and self.twist(request):
            return
        url = urllib.parse.urlparse(request.path)
        query = urllib.parse.parse_qs(url.query)
        name, kind, rest = re.fullmatch(r"/v2/(.+?)/(blobs/uploads|blobs|manifests|referrers)/(.*)", url.path).groups()
        getattr(self, "on_" + kind.replace("/", "_"))(request, name, rest, query)

    def on_blobs(self, request, name, digest, _):
        data = self.blobs.get((name, digest))
        if data is None:
            request.reply(404)
            return
        begin = int((request.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        more = {"Content_Range": f"bytes {begin}-{len(data) - 1}/{len(data)}"} if begin else {}
        request.reply(206 if begin else 200, bytes(data[begin:]), **more)

    def on_blobs_uploads(self, request, name, number, query):
        if request.command == "POST":
            origin = (query.get("from", [""])[0], query.get("mount", [""])[0])
            if origin in self.blobs:
                self.blobs[(name, origin[1])] = self.blobs[origin]
                request.reply(201, Location=f"/v2/{name}/blobs/{origin[1]}")
                return
            number = str(len(self.uploads))
            self.uploads[number] = bytearray()
            more = {"OCI_Chunk_Min_Length": str(self.minimum)} if self.minimum else {}
            request.reply(202, Location=self.location(name, number), Range="0-0", **more)
            return
        kept = self.uploads.get(number)
        if kept is None:
            request.reply(404)
        elif request.command == "GET":
            request.reply(204, Location=self.location(name, number), Range=f"0-{max(len(kept) - 1, 0)}")
        elif request.command == "DELETE":
            del self.uploads[number]
            request.reply(204)
        elif request.command == "PATCH":
            first = int(request.headers["Content-Range"].split("-")[0])
            if first != len(kept):
                request.close_connection = True
                request.reply(416, Location=self.location(name, number), Range=f"0-{max(len(kept) - 1, 0)}")
                return
            whole = self.body(request, kept)
            self.chunks.append((first, len(kept) - first))
            if whole:
                request.reply(202, Location=self.location(name, number), Range=f"0-{len(kept) - 1}")
        else:
            if not self.body(request, kept):
                return
            digest = query["digest"][0]
            good = digest == "sha256:" + hashlib.sha256(kept).hexdigest()
            del self.uploads[number]
            if good:
                self.blobs[(name, digest)] = bytes(kept)
            request.reply(201 if good else 400, b"" if good else b'{"errors":[{"code":"DIGEST_INVALID","message":"no"}]}', Location=f"/v2/{name}/blobs/{digest}")

    def on_manifests(self, request, name, reference, _):
        if request.command == "PUT":
            data = request.rfile.read(int(request.headers["Content-Length"]))
            told, digest = json.loads(data), "sha256:" + hashlib.sha256(data).hexdigest()
            for named in [told["config"], *told["layers"]] if "layers" in told else []:
                assert (name, named["digest"]) in self.blobs, "a manifest before its blobs"
            for named in told.get("manifests", []):
                assert (name, named["digest"]) in self.manifests, "an index before its manifests"
            self.manifests[(name, digest)] = data
            self.types[digest] = request.headers["Content-Type"]
            if not reference.startswith("sha256:"):
                self.tags[(name, reference)] = digest
            request.reply(201, **({"OCI_Subject": told["subject"]["digest"]} if self.api and "subject" in told else {}))
            return
        digest = reference if reference.startswith("sha256:") else self.tags.get((name, reference))
        data = self.manifests.get((name, digest))
        request.reply(404) if data is None else request.reply(body=data, Content_Type=self.types[digest])

    def on_referrers(self, request, name, subject, _):
        if not self.api:
            request.reply(404)
            return
        found = []
        for (where, digest), data in self.manifests.items():
            told = json.loads(data)
            if where == name and told.get("subject", {}).get("digest") == subject:
                found.append({"mediaType": told["mediaType"], "digest": digest, "size": len(data), "artifactType": told["artifactType"],
                              "annotations": told["annotations"]})
        request.reply(body=json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": found}).encode(), Content_Type=INDEX)


@contextlib.contextmanager
def running(process):
    """A process that is ended, whatever happens."""
    try:
        yield process
    finally:
        process.kill()
        process.wait()
