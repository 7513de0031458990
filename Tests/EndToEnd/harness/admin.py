"""The admin endpoint, as a client of HTTP meets it."""

import http.client
import json
import re
import socket

from . import HOST, PATIENCE_S


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=PATIENCE_S)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE_S)
        self.sock.connect(self.path)


class Admin:
    """The endpoint of a running Mailrace that was given `admin="127.0.0.1:0"`, or a Unix socket at `path`."""

    SAMPLE = re.compile(r'(\w+)(?:\{(.*)\})? (\S+)')

    def __init__(self, mailrace, path=None):
        self.path = path
        self.port = None
        if not path:
            self.port = int(mailrace.program.wait_for_line(r"admin endpoint at \S*:(\d+)").group(1))

    @property
    def address(self):
        """As `--admin` takes it."""
        return f"unix:{self.path}" if self.path else f"{HOST}:{self.port}"

    def ask(self, page, method="GET", **fields):
        """The answer: status, fields and text."""
        connection = _UnixConnection(self.path) if self.path else http.client.HTTPConnection(HOST, self.port, PATIENCE_S)
        try:
            connection.request(method, page, headers={name.replace("_", "-"): value for name, value in fields.items()})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def text(self, page):
        status, _, text = self.ask(page)
        if status != 200:
            raise AssertionError(f"{page}: {status}\n{text}")
        return text

    def json(self, page):
        return json.loads(self.text(page))

    def metric(self, name, **labels):
        """The sum of all samples of this name that have these labels."""
        wanted = set(labels.items())
        total = 0.0
        for line in self.text("/metrics").splitlines():
            if line.startswith("#"):
                continue
            found, has, value = self.SAMPLE.fullmatch(line).groups()
            if found == name and wanted <= set(re.findall(r'(\w+)="([^"]*)"', has or "")):
                total += float(value)
        return total
