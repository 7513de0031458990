"""A name server that answers as a test tells it: late, never, with an error, with addresses that change."""

import ipaddress
import socket
import struct
import threading

from . import HOST

TYPES = {1: "A", 5: "CNAME", 12: "PTR", 28: "AAAA"}
SERVFAIL, NXDOMAIN = 2, 3


class Name:
    """What is answered for one name."""

    def __init__(self, addresses=(), ttl=0, delay=0, code=0, is_silent=False, host=None, alias=None):
        """`addresses` are of both families, `delay` is in seconds, `code` an RCODE; a silent one is never answered.

        `host` is what a PTR record names; with an `alias` the name is one for that, whose PTR record it is.
        """
        self.host, self.alias = host, alias
        self.addresses = [ipaddress.ip_address(address) for address in addresses]
        self.ttl, self.delay, self.code, self.is_silent = ttl, delay, code, is_silent


class NameServer:
    """Speaks UDP on a port of its own. `names` can be changed while it runs; others do not exist.

    `questions` are the pairs of name and type that were asked.
    """

    def __init__(self, names=None):
        self.names = names or {}
        self.questions = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((HOST, 0))
        self.address = "{}:{}".format(*self.socket.getsockname())
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        # A datagram wakes the thread.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", self.socket.getsockname())
        self.thread.join()
        self.socket.close()

    def _serve(self):
        while not self.is_over.is_set():
            query, client = self.socket.recvfrom(4096)
            if len(query) < 12:
                continue
            labels, place = [], 12
            while length := query[place]:
                labels.append(query[place + 1 : place + 1 + length].decode().lower())
                place += 1 + length
            kind = struct.unpack_from("!H", query, place + 1)[0]
            question = query[12 : place + 5]
            name = ".".join(labels)
            self.questions.append((name, TYPES.get(kind, kind)))
            known = self.names.get(name, Name(code=NXDOMAIN))
            if known.is_silent:
                continue
            answer = self._answer(query[:2], question, kind, known)
            if known.delay:
                threading.Thread(target=self._later, args=[known.delay, answer, client], daemon=True).start()
            else:
                self.socket.sendto(answer, client)

    def _later(self, delay, answer, client):
        if not self.is_over.wait(delay):
            self.socket.sendto(answer, client)

    @staticmethod
    def _answer(identity, question, kind, known):
        version = {"A": 4, "AAAA": 6}.get(TYPES.get(kind))
        found = [address.packed for address in known.addresses if address.version == version and not known.code]
        if TYPES.get(kind) == "PTR" and known.host:
            return NameServer._pointer(identity, question, known)
        # A response to a recursive question, the name of each record being that of the question.
        head = identity + struct.pack("!5H", 0x8180 | known.code, 1, len(found), 0, 0)
        records = [struct.pack("!HHHIH", 0xC00C, kind, 1, known.ttl, len(packed)) + packed for packed in found]
        return head + question + b"".join(records)

    @staticmethod
    def _pointer(identity, question, known):
        def record(owner, kind, name):
            return owner + struct.pack("!HHIH", kind, 1, known.ttl, len(name)) + name

        records = [record(b"\xc0\x0c", 12, _encoded(known.host))]
        if known.alias:
            alias = _encoded(known.alias)
            records = [record(b"\xc0\x0c", 5, alias), record(alias, 12, _encoded(known.host))]
        return identity + struct.pack("!5H", 0x8180, 1, len(records), 0, 0) + question + b"".join(records)


def _encoded(name):
    """A name as labels."""
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
