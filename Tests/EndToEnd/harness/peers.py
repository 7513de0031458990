"""Mail servers that other people wrote, and the bundled sink, as upstreams. Each is a context with `address`.

`contents(count)` waits for that many messages and returns what the server made of them, line ends as CRLF.
Servers add header fields of their own in front; `ends_with` is the comparison that allows for it.
"""

import os
import pathlib
import shutil
import tempfile

from . import HOST
from .programs import Program, free_port, wait_for_port, wait_until
from .relay import bench_binary


class BundledSink:
    """`mailrace-bench sink`, which keeps each message in a file as it came."""

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="mailrace-sink-")
        self.program = Program([bench_binary(), "sink", "--directory", self.directory])
        self.port = int(self.program.wait_for_line(r"listening on 127\.0\.0\.1:(\d+)").group(1))
        self.address = f"{HOST}:{self.port}"
        return self

    def __exit__(self, *_):
        self.program.stop()
        shutil.rmtree(self.directory)

    def contents(self, count):
        return _files(self.directory, count)


class PostfixSink:
    """Postfix's smtp-sink. It writes messages with LF line ends and its own header in front."""

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="mailrace-smtp-sink-")
        owner = []
        if os.geteuid() == 0:
            shutil.chown(self.directory, "nobody")
            owner = ["-u", "nobody"]
        self.port = free_port()
        self.address = f"{HOST}:{self.port}"
        self.program = Program(
            ["/usr/sbin/smtp-sink", "-c", *owner, "-d", f"{self.directory}/%s.", self.address, "1024"]
        )
        wait_for_port(self.port, self.program)
        return self

    def __exit__(self, *_):
        self.program.stop()
        shutil.rmtree(self.directory)

    def contents(self, count):
        return [self._message(content) for content in _files(self.directory, count)]

    @property
    def contents_now(self):
        """Those that are there, though they may be there in part."""
        return [self._message(content) for content in _read(self.directory)]

    @staticmethod
    def _message(content):
        # smtp-sink ends each message with an empty line of its own.
        return content.removesuffix(b"\n").replace(b"\n", b"\r\n")


def _read(directory):
    return [path.read_bytes() for path in sorted(pathlib.Path(directory).iterdir())]


def _files(directory, count):
    """The contents of the folder's files, once there are `count` and none is empty."""

    def enough():
        contents = _read(directory)
        return contents if len(contents) >= count and all(contents) else None

    return wait_until(enough, f"{count} messages in {directory}")
