"""Throw-away certificates, made by openssl once a run."""

import atexit
import functools
import os
import shutil
import subprocess
import tempfile


class Certificate:
    def __init__(self, directory, name, key_options):
        self.file = os.path.join(directory, f"{name}.pem")
        self.key_file = os.path.join(directory, f"{name}.key")
        subprocess.run(
            ["openssl", "req", "-x509", "-noenc", "-days", "2", "-subj", "/CN=localhost"]
            + ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
            + key_options
            + ["-keyout", self.key_file, "-out", self.file],
            check=True,
            capture_output=True,
        )


@functools.cache
def _directory():
    directory = tempfile.mkdtemp(prefix="mailrace-certificates-")
    atexit.register(shutil.rmtree, directory)
    return directory


@functools.cache
def ecdsa():
    """A certificate with a P-256 key, for localhost and 127.0.0.1."""
    return Certificate(_directory(), "ecdsa", ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])


@functools.cache
def rsa():
    """The same with an RSA key of 2,048 bits."""
    return Certificate(_directory(), "rsa", ["-newkey", "rsa:2048"])
