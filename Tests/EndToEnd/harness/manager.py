"""What systemd does for a service: it hands over sockets, and hears how the service is."""

import os
import socket
import sys
import tempfile
import threading
import time

from . import HOST, PATIENCE_S

# Becomes the program that stands behind it, with the descriptors numbered from 3 on.
LAUNCHER = """
import fcntl, os, sys
names, numbers = sys.argv[1], [int(number) for number in sys.argv[2].split(",")]
high = [fcntl.fcntl(number, fcntl.F_DUPFD, 100) for number in numbers]
for number in numbers:
    os.close(number)
for index, number in enumerate(high):
    os.dup2(number, 3 + index, inheritable=True)
    os.close(number)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(numbers)), LISTEN_FDNAMES=names)
os.execv(sys.argv[3], sys.argv[3:])
"""


def launcher(sockets):
    """The words before a command by which it gets these sockets, pairs of a name and a socket."""
    if not sockets:
        return []
    names = ":".join(name for name, _ in sockets)
    numbers = ",".join(str(listening.fileno()) for _, listening in sockets)
    return [sys.executable, "-c", LAUNCHER, names, numbers]


def listening(family=socket.AF_INET, address=None):
    made = socket.socket(family, socket.SOCK_STREAM)
    made.bind(address or (HOST if family == socket.AF_INET else "::1", 0))
    made.listen(1024)
    return made


class Manager:
    """Hears what a service tells. Use as a context; `variables` are for the service."""

    def __init__(self, watchdog_s=None):
        self.folder = tempfile.TemporaryDirectory(prefix="mailrace-test-")
        path = os.path.join(self.folder.name, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind(path)
        self.variables = {"NOTIFY_SOCKET": path}
        if watchdog_s:
            self.variables["WATCHDOG_USEC"] = str(int(watchdog_s * 1e6))
        # Pairs of the process that told it and the dictionary of what it told; and when.
        self.told = []
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self._hear, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RD)
        self.thread.join(PATIENCE_S)
        self.socket.close()
        self.folder.cleanup()

    def _hear(self):
        while True:
            data, ancillary, _, _ = self.socket.recvmsg(65536, 256)
            if not data:
                return
            process = next(int.from_bytes(value[:4], sys.byteorder) for _, _, value in ancillary)
            message = dict(line.split("=", 1) for line in data.decode().split("\n"))
            with self.changed:
                self.told.append((process, message, time.monotonic()))
                self.changed.notify_all()

    def wait(self, what, process=None, start=0):
        """Waits for a message that has all of `what`, names with a value or with what it begins with; gives the number of
        the message, counted from 0, for the next `start`."""
        deadline = time.monotonic() + PATIENCE_S
        with self.changed:
            while True:
                for number, (sender, message, _) in enumerate(self.told):
                    fits = all(message.get(name, "\0").startswith(value) for name, value in what.items())
                    if number >= start and fits and process in (None, sender):
                        return number
                left = deadline - time.monotonic()
                if left <= 0 or not self.changed.wait(left):
                    raise AssertionError(f"never told {what} by {process or 'anybody'}: {self.told}")

    def count(self, name):
        with self.changed:
            return sum(name in message for _, message, _ in self.told)
