"""A mail server that fails in the way and at the step that it is told, and keeps account of what it got."""

import contextlib
import socket
import threading

from . import PATIENCE_S
from .mailer import unstuffed
from .programs import wait_until
from .scripted import Server

OFFERS = ("PIPELINING", "8BITMIME", "SIZE 52428800", "ENHANCEDSTATUSCODES", "CHUNKING")
END_OF_DATA = b"\r\n.\r\n"


class Delivery:
    """A message as an upstream got it: its envelope, and what came of it up to its end or the connection's."""

    def __init__(self, server, sender, recipients):
        self.server, self.sender, self.recipients = server, sender, list(recipients)
        # By DATA, dots doubled; by BDAT as it is.
        self.wire = bytearray()
        self.by_chunks = False
        # The end was seen: it is a message now, whatever is answered.
        self.is_whole = False
        # What was answered to its end.
        self.answer = b""

    @property
    def content(self):
        return bytes(self.wire) if self.by_chunks else unstuffed(bytes(self.wire))

    def __repr__(self):
        return f"<{'whole' if self.is_whole else 'part of'} {bytes(self.wire[:80])!r} for {self.recipients}>"


# What it does in place of an answer. After each it reads on to the connection's end, and answers nothing more.


def fin(peer):
    """Its own side ends, in order."""
    peer.is_mute = True
    with contextlib.suppress(OSError):  # The other end has been faster.
        peer.socket.shutdown(socket.SHUT_WR)


def reset(peer):
    peer.reset()
    raise ConnectionResetError


def stall(peer):
    peer.is_mute = True


def saying(text, then=stall):
    """It says something, and then does one of these."""

    def act(peer):
        peer.send(text)
        peer.last_answer = text
        then(peer)

    return act


class Upstream(Server):
    """The server. It speaks LMTP where `lmtp` is set, and otherwise SMTP with what `offers` lists.

    `faults` are for its next connection alone, `always` for each: what it does at a step in place of its answer, either
    bytes, which are the answer, or a function of the connection. The steps are "connect", "ehlo", "mail", "rcpt",
    "data", "body" (once `body_after` bytes of a message are there), "end" (its final reply), "chunk" (a BDAT that is
    not the last), "rset" and "quit". A list is for one time after the other, None in it the usual answer.
    """

    def __init__(self, offers=OFFERS, faults=None, always=None, lmtp=False, **options):
        self.offers, self.lmtp = offers, lmtp
        self.faults, self.always = faults, always or {}
        self.body_after = 1
        self.deliveries = []
        self.keeping = threading.Lock()
        self.has_failed = threading.Event()
        super().__init__(self._serve, **options)

    @property
    def whole(self):
        """What came to its end, in that order."""
        with self.keeping:
            return [delivery for delivery in self.deliveries if delivery.is_whole]

    @property
    def partial(self):
        with self.keeping:
            return [delivery for delivery in self.deliveries if not delivery.is_whole]

    @property
    def contents(self):
        return [delivery.content for delivery in self.whole]

    def forget(self):
        """Waits until nobody is connected, and begins anew."""
        wait_until(lambda: self.finished == len(self.connections), "an upstream without connections")
        with self.keeping:
            self.deliveries.clear()
            self.connections.clear()
            self.finished, self.faults = 0, None
            self.has_failed.clear()

    def wait_failed(self):
        """Waits until it has done one of the things that it was told to do in place of an answer."""
        if not self.has_failed.wait(PATIENCE_S):
            raise AssertionError(f"waited {PATIENCE_S} s in vain for the upstream to fail")

    def faults_of_next(self):
        """What the next connection does wrong."""
        with self.keeping:
            faults, self.faults = self.faults, None
        return faults or {}

    # What it does

    def _serve(self, peer):
        peer.is_mute = False
        peer.commands = []
        faults = self.always | self.faults_of_next()
        peer.faults = {step: list(what) if isinstance(what, list) else what for step, what in faults.items()}
        self._answer(peer, "connect", b"220 upstream.test %s\r\n" % (b"LMTP" if self.lmtp else b"ESMTP"))
        sender, recipients, chunks = None, [], None
        while line := peer.line():
            peer.commands.append(line)
            verb = line.split()[0].upper() if line.split() else b""
            step = verb.decode("latin-1").lower()
            if verb in (b"EHLO", b"LHLO"):
                lines = ["upstream.test", *self.offers]
                reply = "".join(f"250{' ' if text is lines[-1] else '-'}{text}\r\n" for text in lines)
                sender, recipients, chunks = None, [], None
                self._answer(peer, "ehlo", reply.encode())
            elif verb == b"MAIL":
                if sender is not None:
                    self._answer(peer, step, b"503 5.5.1 nested MAIL\r\n")
                elif self._answer(peer, step, b"250 2.1.0 sender fine\r\n"):
                    sender, recipients = line, []
            elif verb == b"RCPT":
                if sender is None:
                    self._answer(peer, "refusal", b"503 5.5.1 MAIL first\r\n")
                elif self._answer(peer, step, b"250 2.1.5 recipient fine\r\n"):
                    recipients.append(line)
            elif verb == b"RSET":
                sender, recipients, chunks = None, [], None
                self._answer(peer, step, b"250 2.0.0 forgotten\r\n")
            elif verb == b"DATA":
                if not recipients:
                    self._answer(peer, "refusal", b"554 5.5.1 no recipients\r\n")
                elif self._answer(peer, step, b"354 go on\r\n"):
                    self._take_data(peer, self._begin(sender, recipients))
                    sender, recipients = None, []
            elif verb == b"BDAT":
                chunks = chunks or self._begin(sender or b"", recipients)
                if self._take_chunk(peer, chunks, line, bool(recipients)):
                    sender, recipients, chunks = None, [], None
            elif verb == b"QUIT":
                self._answer(peer, step, b"221 2.0.0 bye\r\n")
                return
            else:
                self._answer(peer, step, b"250 2.0.0 fine\r\n")

    def _begin(self, sender, recipients):
        delivery = Delivery(self, sender, recipients)
        with self.keeping:
            self.deliveries.append(delivery)
        return delivery

    def _answer(self, peer, step, usual):
        """Answers, or does what is to be done instead. True where the answer was a good one."""
        action = peer.faults.get(step)
        if isinstance(action, list):
            action = action.pop(0) if action else None
        if peer.is_mute:
            return False
        if callable(action):
            try:
                action(peer)
            finally:
                self.has_failed.set()
            return False
        answer = usual if action is None else action
        peer.last_answer = answer
        peer.send(answer)
        if action is not None:
            self.has_failed.set()
        return answer[:1] in (b"2", b"3")

    def _take_data(self, peer, delivery):
        # The line end of the DATA command counts: an empty message is just a dot.
        seen = b"\r\n"
        is_armed = "body" in peer.faults
        while line := peer.line():
            seen = seen[-4:] + line
            if seen.endswith(END_OF_DATA) and line == b".\r\n":
                delivery.is_whole = True
                return self._end(peer, delivery)
            delivery.wire += line
            if is_armed and len(delivery.wire) >= self.body_after:
                is_armed = False
                self._answer(peer, "body", b"")

    def _take_chunk(self, peer, delivery, line, has_recipients):
        """True where it was the last one."""
        words = line.split()
        delivery.by_chunks = True
        size, is_last = int(words[1]), words[-1].upper() == b"LAST"
        taken = 0
        while taken < size and (octets := peer.exactly(min(size - taken, 4096))):
            delivery.wire += octets
            taken += len(octets)
        if taken < size:
            return False
        if not has_recipients:
            self._answer(peer, "refusal", b"503 5.5.1 no recipients\r\n")
        elif is_last:
            delivery.is_whole = True
            self._end(peer, delivery)
        else:
            self._answer(peer, "chunk", b"250 2.0.0 %d octets\r\n" % size)
        return is_last

    def _end(self, peer, delivery):
        peer.last_answer = b""
        # LMTP has an answer for each recipient (RFC 2033 section 4.2).
        for _ in range(len(delivery.recipients) if self.lmtp else 1):
            self._answer(peer, "end", b"250 2.0.0 accepted by upstream\r\n")
        delivery.answer = peer.last_answer
