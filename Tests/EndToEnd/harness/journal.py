"""A journal for one program: takes what it sends by the native protocol, in place of systemd's."""

import ctypes
import os
import socket
import struct

from . import PATIENCE_S

PATH = "/run/systemd/journal/socket"
CLONE_NEWNS = 0x00020000
MS_REC_PRIVATE = 0x4000 | 0x40000

libc = ctypes.CDLL(None, use_errno=True)


def _check(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _enter_namespace():
    """Gives this process a /run of its own, which goes with it."""
    _check(libc.unshare(CLONE_NEWNS))
    _check(libc.mount(b"none", b"/", None, MS_REC_PRIVATE, None))
    _check(libc.mount(b"tmpfs", b"/run", b"tmpfs", 0, None))


def is_possible():
    """Whether this process may make such a namespace."""
    child = os.fork()
    if child == 0:
        try:
            _enter_namespace()
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


class Journal:
    """Use as a context. `preexec` is for the program that is to meet it; so are `variables` and its standard error."""

    def __init__(self):
        # Bound by the program's process, in its namespace; read here.
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.stream, self.other_end = socket.socketpair()
        status = os.fstat(self.stream.fileno())
        self.variables = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        self.seen = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in (self.socket, self.stream, self.other_end):
            one.close()

    def preexec(self):
        _enter_namespace()
        os.makedirs(os.path.dirname(PATH))
        self.socket.bind(PATH)
        os.dup2(self.stream.fileno(), 2)

    def wait_for(self, **fields):
        """The first entry, there or to come, that has these fields."""
        for entry in self._entries():
            if fields.items() <= entry.items():
                return entry

    def _entries(self):
        yield from list(self.seen)
        self.socket.settimeout(PATIENCE_S)
        while True:
            try:
                entry = parse(self.socket.recv(1 << 18))
            except TimeoutError:
                raise AssertionError(f"the journal has only {self.seen}") from None
            self.seen.append(entry)
            yield entry


def parse(datagram):
    """The fields of an entry: lines `NAME=value`, or a name, a length of eight bytes and the value."""
    fields = {}
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        if b"=" in line:
            name, _, value = line.partition(b"=")
            datagram = rest
        else:
            [length] = struct.unpack_from("<Q", rest)
            name, value, datagram = line, rest[8 : 8 + length], rest[9 + length :]
        fields[name.decode()] = value.decode()
    return fields
