"""Signing without okse: keys, certificates, envelopes and timestamps made by openssl, JSON by hand."""
import base64
import hashlib
import json
import os
import subprocess

DIGESTS = {"P-256": "-sha256", "P-384": "-sha384", "P-521": "-sha512"}
TYPE = "application/vnd.in-toto+json"


def openssl(*words, stdin=None, cwd=None):
    done = subprocess.run(["openssl", *map(str, words)], input=stdin, capture_output=True, cwd=cwd)
    assert done.returncode == 0, (words, done.stderr.decode())
    return done.stdout


class Key:
    def __init__(self, directory, name, kind="ed25519"):
        self.kind, self.path, self.public = kind, directory / f"{name}.pem", directory / f"{name}.pub"
        if kind.startswith("P-"):
            openssl("genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{kind}", "-out", self.path)
        elif kind.startswith("rsa"):
            openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{kind[4:]}", "-out", self.path)
        else:
            openssl("genpkey", "-algorithm", kind, "-out", self.path)
        openssl("pkey", "-in", self.path, "-pubout", "-out", self.public)

    @property
    def id(self):
        return hashlib.sha256(openssl("pkey", "-in", self.path, "-pubout", "-outform", "DER")).hexdigest()

    def sign(self, message, digest=None):
        if self.kind.startswith("P-"):
            return openssl("dgst", digest or DIGESTS[self.kind], "-sign", self.path, stdin=message)
        if self.kind.startswith("rsa"):
            return openssl("dgst", "-sha256", "-sign", self.path, "-sigopt", "rsa_padding_mode:pss", "-sigopt",
                           "rsa_pss_saltlen:32", stdin=message)
        file = self.path.with_suffix(".message")
        file.write_bytes(message)
        return openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.path, "-in", file)


def b64(data):
    return base64.b64encode(data).decode()


def pae(payload, kind=TYPE):
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)


def release(identity, role="vendor", **more):
    return {"name": "civic-search", "version": "1.0.0", "sequence": 12, "destination": "VN", "role": role,
            "notBefore": "2026-01-01T00:00:00Z", "signedAt": "2026-01-01T00:00:00Z", **more}


def statement(identity, predicate=None, **more):
    return {"_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": "civic-search@1.0.0", "digest": {"sha256": identity}}],
            "predicateType": "urn:okse:release:v1", "predicate": predicate or release(identity), **more}


def material(key=None, chain=None, hint=None, timestamp=None):
    value = {"tlogEntries": []}
    if chain:
        value["x509CertificateChain"] = {"certificates": [{"rawBytes": b64(der)} for der in chain]}
    else:
        value["publicKey"] = {"hint": key.id if hint is None else hint}
    if timestamp:
        value["timestampVerificationData"] = {"rfc3161Timestamps": [{"signedTimestamp": b64(timestamp)}]}
    return value


def sigstore(payload, signature, verification, kind=TYPE):
    return {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "verificationMaterial": verification,
            "dsseEnvelope": {"payload": b64(payload), "payloadType": kind,
                             "signatures": [{"sig": b64(signature), "keyid": ""}]}}


def signed(key, value, **how):
    """A whole, correct sigstore bundle (dict) by `key` over a statement (dict)."""
    payload = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    return sigstore(payload, key.sign(pae(payload)), material(key, **how))


class Authority:
    """A CA with openssl ca: certificates with chosen dates, revocation, CRLs."""

    def __init__(self, directory, name, issuer=None, extensions="", subject=None):
        self.directory = directory / name
        self.directory.mkdir()
        self.key = Key(self.directory, "ca", "P-256")
        (self.directory / "index.txt").write_text("")
        (self.directory / "serial").write_text("1000\n")
        (self.directory / "crlnumber").write_text("01\n")
        (self.directory / "openssl.cnf").write_text(f"""
[ca]
default_ca = authority
[authority]
database = {self.directory}/index.txt
serial = {self.directory}/serial
crlnumber = {self.directory}/crlnumber
new_certs_dir = {self.directory}
certificate = {self.directory}/ca.crt
private_key = {self.key.path}
default_md = sha256
default_days = 3650
default_crl_days = 30
policy = any
unique_subject = no
copy_extensions = none
[any]
commonName = supplied
organizationName = optional
[req]
distinguished_name = empty
[empty]
""")
        self.certificate = self.directory / "ca.crt"
        extensions = extensions or "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign"
        subject = subject or f"/O=Example/CN={name}"
        if issuer is None:
            file = self.directory / "ca.ext"
            file.write_text(extensions + "\nsubjectKeyIdentifier=hash\n")
            openssl("req", "-new", "-key", self.key.path, "-subj", subject, "-out", self.directory / "ca.csr", "-config",
                    self.directory / "openssl.cnf")
            openssl("x509", "-req", "-in", self.directory / "ca.csr", "-signkey", self.key.path, "-days", "7300",
                    "-extfile", file, "-out", self.certificate)
        else:
            self.certificate = issuer.issue(self.key, subject, extensions, path=self.certificate)

    def issue(self, key, subject, extensions="keyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning",
              start="20250101000000Z", end="20351231000000Z", path=None):
        path = path or key.path.with_suffix(".crt")
        request, file = key.path.with_suffix(".csr"), key.path.with_suffix(".ext")
        file.write_text(extensions + "\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
        openssl("req", "-new", "-key", key.path, "-subj", subject, "-out", request, "-config",
                self.directory / "openssl.cnf")
        openssl("ca", "-batch", "-notext", "-config", self.directory / "openssl.cnf", "-in", request, "-out", path,
                "-startdate", start, "-enddate", end, "-extfile", file, "-preserveDN", "-md", "sha256")
        return path

    def revoke(self, certificate, *reason):
        openssl("ca", "-config", self.directory / "openssl.cnf", "-revoke", certificate, *reason)

    def crl(self, path, *words):
        openssl("ca", "-config", self.directory / "openssl.cnf", "-gencrl", "-out", path, *words)
        return path


def der(certificate):
    return openssl("x509", "-in", certificate, "-outform", "DER")


class TimestampAuthority:
    def __init__(self, directory, authority):
        self.directory = directory / "tsa"
        self.directory.mkdir()
        self.key = Key(self.directory, "tsa", "P-256")
        self.certificate = authority.issue(self.key, "/O=Example/CN=TSA",
                                           "keyUsage=critical,digitalSignature\nextendedKeyUsage=critical,timeStamping")
        (self.directory / "serial").write_text("01\n")
        (self.directory / "tsa.cnf").write_text(f"""
[tsa]
default_tsa = site
[site]
serial = {self.directory}/serial
signer_cert = {self.certificate}
certs = {authority.certificate}
signer_key = {self.key.path}
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
""")

    def reply(self, request):
        """A DER TimeStampResp for a DER TimeStampReq file, as of now."""
        out = self.directory / "reply.tsr"
        openssl("ts", "-reply", "-queryfile", request, "-config", self.directory / "tsa.cnf", "-section", "site", "-out", out)
        return out.read_bytes()

    def stamp(self, signature):
        data, request = self.directory / "data", self.directory / "request.tsq"
        data.write_bytes(signature)
        openssl("ts", "-query", "-data", data, "-sha256", "-cert", "-out", request)
        return self.reply(request)


def write(path, data, mode=0o644):
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(data)
    return path
