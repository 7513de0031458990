"""Peers on raw sockets: they do exactly what a test tells them and keep every byte they get."""

import select
import socket
import ssl
import threading

from . import HOST, PATIENCE_S
from .programs import free_port, wait_until


class Connection:
    """One end of a connection, for clients and servers. Reads are buffered, and all that was read is kept."""

    def __init__(self, connected):
        self.socket = connected
        self.socket.settimeout(PATIENCE_S)
        if connected.family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = bytearray()
        self.pending = b""
        # How the peer's side ended: None while it has not, "closed" in order, "reset" otherwise.
        self.end = None
        # Why the handshake of `accept_tls` has failed.
        self.tls_error = None

    @property
    def is_secure(self):
        return isinstance(self.socket, ssl.SSLSocket)

    def accept_tls(self, context):
        """The handshake as a server; False where it fails."""
        try:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        except OSError as error:
            self.tls_error, self.end = error, "tls_failed"
        return self.end is None

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def exchange(self, data, count):
        """Sends `data` while it reads `count` bytes, both at once; gives what it read, less if the connection ends before.

        In one thread: a TLS socket of Python's must not be read and written by two at the same time.
        """
        unsent, want_more = memoryview(data), (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError)
        self.socket.setblocking(False)
        while unsent or (len(self.pending) < count and not self.end):
            moved = False
            try:
                if unsent:
                    unsent = unsent[self.socket.send(unsent[:16384]) :]
                    moved = True
            except want_more:
                pass
            try:
                if len(self.pending) < count and not self.end:
                    self._fill()
                    moved = True
            except want_more:
                pass
            if not moved and select.select([self.socket], [self.socket] if unsent else [], [], PATIENCE_S) == ([], [], []):
                raise TimeoutError(f"{len(unsent)} bytes unsent, {len(self.pending)} of {count} read")
        self.socket.settimeout(PATIENCE_S)
        return self.take(count)

    def _fill(self):
        """Reads some more; False at the end."""
        if self.end:
            return False
        try:
            data = self.socket.recv(65536)
        except ssl.SSLEOFError:
            self.end = "truncated"
            return False
        except (ConnectionResetError, BrokenPipeError):
            self.end = "reset"
            return False
        if not data:
            self.end = "closed"
            return False
        self.received += data
        self.pending += data
        return True

    def take(self, count):
        data, self.pending = self.pending[:count], self.pending[count:]
        return data

    def line(self):
        """The next line with its line end; what there is if the connection ends before."""
        while b"\n" not in self.pending and self._fill():
            pass
        return self.take(self.pending.find(b"\n") + 1 or len(self.pending))

    def reply(self):
        """The next reply, all its lines."""
        lines = self.line()
        while len(lines) > 3 and lines.splitlines()[-1][3:4] == b"-":
            more = self.line()
            if not more:
                break
            lines += more
        return lines

    def until(self, mark):
        """Everything up to the mark, and the mark; what there is if the connection ends before."""
        while mark not in self.pending and self._fill():
            pass
        place = self.pending.find(mark)
        return self.take(place + len(mark) if place >= 0 else len(self.pending))

    def exactly(self, count):
        while len(self.pending) < count and self._fill():
            pass
        return self.take(count)

    def rest(self):
        """Everything until the peer closes or resets; see `end` then."""
        while self._fill():
            pass
        return self.take(len(self.pending))

    def reset(self):
        """Ends the connection with a RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.close()

    def close(self):
        self.socket.close()


class Client(Connection):
    """A client that speaks line by line. Use as a context."""

    def __init__(self, port=None, host=HOST, source=None, path=None):
        """To a port, from the address `source` if one is given, or to the Unix socket `path`."""
        if path:
            connected = socket.socket(socket.AF_UNIX)
            connected.connect(path)
        else:
            connected = socket.create_connection((host, port), PATIENCE_S, (source, 0) if source else None)
        super().__init__(connected)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def rest(self):
        """As of any connection; then the client ends its own side, so that nobody waits for it to do so."""
        data = super().rest()
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:  # It has been reset.
            pass
        return data

    def ask(self, command):
        """Sends a command and returns the reply."""
        self.send(command + "\r\n")
        return self.reply()

    def start_tls(self, version=None, name=None, certificate=None):
        """The handshake; the server's certificate is not looked at. Returns what was agreed."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if version:
            context.minimum_version = context.maximum_version = version
        if certificate:
            context.load_cert_chain(certificate.file, certificate.key_file)
        self.socket = context.wrap_socket(self.socket, server_hostname=name)
        return self.socket.version(), self.socket.cipher()[0]

    @property
    def server_certificate(self):
        """What the server has shown, in DER."""
        return self.socket.getpeercert(binary_form=True)


def server_context(certificate, client_ca=None, demands_certificate=False):
    """For `accept_tls`. Clients are asked for a certificate where there is a CA for them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.file, certificate.key_file)
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED if demands_certificate else ssl.CERT_OPTIONAL
        context.load_verify_locations(client_ca.file)
    return context


class FullServer:
    """An address that takes no connections: its queue is full and stays so."""

    def __init__(self, host=HOST, port=0):
        self.listener = socket.socket()
        self.listener.bind((host, port))
        self.listener.listen(0)
        self.port = self.listener.getsockname()[1]
        self.address = f"{host}:{self.port}"
        self.waiting = []

    def __enter__(self):
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(self.listener.getsockname())
            self.waiting.append(client)
        return self

    def __exit__(self, *_):
        for client in self.waiting:
            client.close()
        self.listener.close()


class Server:
    """A server that gives each connection, on a thread of its own, to a function of the test.

    A failure inside the function is raised when the context is left.
    """

    def __init__(self, handle, host=HOST, port=0, path=None):
        """On an address, on a port of its own if none is given; or on the Unix socket `path`."""
        self.handle = handle
        self.connections = []
        self.failures = []
        self.finished = 0
        self.changing = threading.Lock()
        if path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(path)
            self.listener.listen(1024)
            self.address = f"unix:{path}"
        else:
            # Where it ends before its test, nobody else is to take its port.
            port = port or free_port()
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self.listener = socket.create_server((host, port), family=family, backlog=1024)
            self.port = self.listener.getsockname()[1]
            self.address = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    def _accept(self):
        while True:
            try:
                accepted, _ = self.listener.accept()
            except OSError:
                return
            connection = Connection(accepted)
            self.connections.append(connection)
            thread = threading.Thread(target=self._run, args=[connection], daemon=True)
            self.threads.append(thread)
            thread.start()

    def _run(self, connection):
        try:
            self.handle(connection)
        except (ConnectionResetError, BrokenPipeError):
            connection.end = "reset"
        except Exception as failure:  # kept for the test's own thread
            self.failures.append(failure)
        finally:
            with self.changing:
                self.finished += 1
            connection.close()

    def wait_finished(self, count=1):
        """Waits until this many connections were handled to their end; returns all connections."""
        wait_until(lambda: self.finished >= count, f"{count} finished connections at the upstream")
        return self.connections

    def __enter__(self):
        return self

    def stop(self):
        """Ends the server and its connections, as the context's end does; for a server that is to die before."""
        if self.listener.fileno() < 0:
            return
        # shutdown wakes the accept; close alone would not.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.threads[0].join(PATIENCE_S)
        self.listener.close()
        for connection in self.connections:
            try:
                connection.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self.threads:
            thread.join(PATIENCE_S)

    def __exit__(self, kind, *_):
        self.stop()
        if self.failures and kind is None:
            raise self.failures[0]
