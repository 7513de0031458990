"""PROXY headers, versions 1 and 2: written for clients, read and taken apart for servers."""

import ipaddress
import struct

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL, PROXY = "LOCAL", "PROXY"
AUTHORITY, CRC32C, UNIQUE_ID, SSL = 0x02, 0x03, 0x05, 0x20
SSL_VERSION, SSL_CN, SSL_CIPHER = 0x21, 0x22, 0x23


class Header:
    """What a header says. `source` and `destination` are pairs of address and port, None where it tells of none."""

    def __init__(self, version, command, source=None, destination=None, tlvs=()):
        self.version, self.command = version, command
        self.source, self.destination = source, destination
        # Type to value, in their order.
        self.tlvs = dict(tlvs)

    @property
    def ssl(self):
        """What the SSL value says: `client` bits, `verify`, and its own values by type. None if there is none."""
        value = self.tlvs.get(SSL)
        if value is None:
            return None
        client, verify = struct.unpack_from("!BI", value)
        return {"client": client, "verify": verify} | {kind: text.decode() for kind, text in _values(value[5:])}


def version_1(source, destination):
    """The pairs are of text and number: ("192.0.2.1", 4711)."""
    family = "TCP6" if ":" in source[0] else "TCP4"
    return f"PROXY {family} {source[0]} {destination[0]} {source[1]} {destination[1]}\r\n".encode()


def version_2(source=None, destination=None, tlvs=()):
    """LOCAL without addresses. `tlvs` are pairs of type and bytes."""
    block = b""
    if source:
        ends = [ipaddress.ip_address(source[0]), ipaddress.ip_address(destination[0])]
        block = ends[0].packed + ends[1].packed + struct.pack("!HH", source[1], destination[1])
    family = {0: 0x00, 12: 0x11, 36: 0x21}[len(block)]
    block += b"".join(struct.pack("!BH", kind, len(value)) + value for kind, value in tlvs)
    return SIGNATURE + struct.pack("!BBH", 0x21 if source else 0x20, family, len(block)) + block


def read(connection):
    """The header that a connection begins with; None where it ends before or begins with something else."""
    start = connection.exactly(1)
    if start == b"P":
        return _read_line(start + connection.line())
    head = start + connection.exactly(15)
    if len(head) < 16 or head[:12] != SIGNATURE:
        return None
    command, family, length = struct.unpack("!BBH", head[12:])
    block = connection.exactly(length)
    if command == 0x20:
        return Header(2, LOCAL)
    size = {0x11: 4, 0x21: 16}[family]
    ports = struct.unpack_from("!HH", block, 2 * size)
    ends = [str(ipaddress.ip_address(block[place : place + size])) for place in (0, size)]
    return Header(2, PROXY, (ends[0], ports[0]), (ends[1], ports[1]), _values(block[2 * size + 4 :]))


def _read_line(line):
    words = line.decode().split()
    if words[1] == "UNKNOWN":
        return Header(1, LOCAL)
    return Header(1, PROXY, (words[2], int(words[4])), (words[3], int(words[5])))


def _values(block):
    found = []
    while block:
        kind, length = struct.unpack_from("!BH", block)
        found.append((kind, block[3 : 3 + length]))
        block = block[3 + length :]
    return found
