"""Throw-away certificates, made by openssl once a run."""

import atexit
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile


P256 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]


def _openssl(*arguments, text=None):
    return subprocess.run(["openssl", *arguments], input=text, check=True, capture_output=True).stdout


class Certificate:
    """A certificate that vouches for itself, and its key."""

    def __init__(self, directory, name, key_options):
        self.file = os.path.join(directory, f"{name}.pem")
        self.key_file = os.path.join(directory, f"{name}.key")
        self._make(key_options)

    def _make(self, key_options):
        names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
        arguments = ["-x509", "-noenc", "-days", "2", "-subj", "/CN=localhost", "-addext", names, *key_options]
        _openssl("req", *arguments, "-keyout", self.key_file, "-out", self.file)

    @functools.cached_property
    def der(self):
        """What a peer sees of it."""
        return _openssl("x509", "-in", self.file, "-outform", "DER")

    @functools.cached_property
    def pin(self):
        """The SHA-256 digest of its public key, in hexadecimal."""
        key = _openssl("x509", "-in", self.file, "-noout", "-pubkey")
        return hashlib.sha256(_openssl("pkey", "-pubin", "-outform", "DER", text=key)).hexdigest()


class Authority(Certificate):
    """A private authority: `issue` makes certificates that it vouches for."""

    def __init__(self, directory, name):
        self.name = name
        self.issued = 0
        super().__init__(directory, name.replace(" ", "-"), P256)

    def _make(self, key_options):
        arguments = ["-x509", "-noenc", "-days", "2", "-subj", f"/CN={self.name}", *key_options]
        _openssl("req", *arguments, "-keyout", self.key_file, "-out", self.file)

    def issue(self, common_name, *names, days=2):
        """A certificate for the names (`DNS:mx.test`, `IP:127.0.0.1`); with -1 days it ended yesterday."""
        self.issued += 1
        return _Issued(self, f"{self.file}.{self.issued}", common_name, names or [f"DNS:{common_name}"], days)


class _Issued(Certificate):
    def __init__(self, authority, stem, common_name, names, days):
        self.file, self.key_file = f"{stem}.pem", f"{stem}.key"
        request, extensions = f"{stem}.request", f"{stem}.extensions"
        with open(extensions, "w") as file:
            file.write(f"subjectAltName={','.join(names)}\n")
        _openssl("req", "-noenc", *P256, "-subj", f"/CN={common_name}", "-keyout", self.key_file, "-out", request)
        signing = ["-CA", authority.file, "-CAkey", authority.key_file, "-CAcreateserial", "-days", str(days)]
        _openssl("x509", "-req", "-in", request, *signing, "-extfile", extensions, "-out", self.file)


@functools.cache
def _directory():
    directory = tempfile.mkdtemp(prefix="mailrace-certificates-")
    atexit.register(shutil.rmtree, directory)
    return directory


@functools.cache
def ecdsa():
    """A certificate with a P-256 key, for localhost and 127.0.0.1."""
    return Certificate(_directory(), "ecdsa", P256)


@functools.cache
def rsa():
    """The same with an RSA key of 2,048 bits."""
    return Certificate(_directory(), "rsa", ["-newkey", "rsa:2048"])


@functools.cache
def authority():
    """The private authority that peers are configured with."""
    return Authority(_directory(), "Test Authority")


@functools.cache
def stranger():
    """An authority that nobody is configured with."""
    return Authority(_directory(), "Stranger")


@functools.cache
def upstream():
    """The authority's certificate for upstream.test and 127.0.0.1."""
    return authority().issue("upstream.test", "DNS:upstream.test", "IP:127.0.0.1")


@functools.cache
def expired():
    """The same, but its time is over."""
    return authority().issue("upstream.test", "DNS:upstream.test", "IP:127.0.0.1", days=-1)


@functools.cache
def client():
    """The authority's certificate for a client."""
    return authority().issue("relay.client.test")
