"""A mail server that accepts everything and keeps it, byte for byte."""

from . import proxy
from .scripted import Server

EHLO_REPLY = b"250-upstream.test greets you\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 52428800\r\n"
END_OF_DATA = b"\r\n.\r\n"


class Message:
    """One accepted message: the commands that led to it, and the bytes between 354 and the dot, as they came."""

    def __init__(self, commands, wire):
        self.commands = commands
        self.wire = wire

    @property
    def content(self):
        """The message with its line ends, its dot transparency (RFC 5321 section 4.5.2) undone."""
        stuffed = self.wire.removesuffix(b".\r\n")
        lines = stuffed.split(b"\r\n")
        return b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines)


class Sink(Server):
    """The server. `messages` are the accepted ones, in the order of their ends."""

    def __init__(self, greeting=b"220 upstream.test ESMTP\r\n", ehlo_reply=EHLO_REPLY, **options):
        """`tls` is a context for STARTTLS, or with `implicit` for TLS at once; `proxy` demands a PROXY header.

        A connection then has `header`. Other options are a Server's.
        """
        self.greeting = greeting
        self.ehlo_reply = ehlo_reply
        self.tls, self.implicit = options.pop("tls", None), options.pop("implicit", False)
        self.has_proxy = options.pop("proxy", False)
        self.messages = []
        super().__init__(self._serve, **options)

    def _serve(self, peer):
        if self.has_proxy:
            peer.header = proxy.read(peer)
            if peer.header is None:
                return
        if self.implicit and not peer.accept_tls(self.tls):
            return
        peer.send(self.greeting)
        commands = []
        while line := peer.line():
            verb = line.split()[0].upper() if line.split() else b""
            commands.append(line)
            if verb == b"EHLO":
                peer.send(self._ehlo_reply(peer))
            elif verb == b"STARTTLS" and self.tls:
                peer.send("220 2.0.0 go ahead\r\n")
                if not peer.accept_tls(self.tls):
                    return
            elif verb == b"DATA":
                peer.send("354 go on\r\n")
                wire = self._data(peer)
                if not (b"\r\n" + wire).endswith(END_OF_DATA):
                    return
                self.messages.append(Message(commands, wire))
                commands = []
                peer.send("250 2.0.0 accepted\r\n")
            elif verb == b"QUIT":
                peer.send("221 2.0.0 bye\r\n")
                return
            else:
                peer.send("250 2.0.0 fine\r\n")

    def _ehlo_reply(self, peer):
        if not self.tls or peer.is_secure:
            return self.ehlo_reply
        first, rest = self.ehlo_reply.split(b"\r\n", 1)
        return first + b"\r\n250-STARTTLS\r\n" + rest

    @staticmethod
    def _data(peer):
        """All up to the end of data; less if the connection ends before."""
        # The line end of the DATA command counts: an empty message is just a dot.
        data = b"\r\n"
        while not data.endswith(END_OF_DATA):
            more = peer.until(b".\r\n")
            if not more:
                break
            data += more
        return data[2:]
