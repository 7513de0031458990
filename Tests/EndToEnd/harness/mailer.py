"""A client that sends messages, one after the other, and knows every command and every byte of them."""

from . import scripted

SENDER = "a@client.test"
RECIPIENT = "b@upstream.test"


def stuffed(content):
    """The message as it goes behind DATA, dots doubled (RFC 5321 section 4.5.2), without its end."""
    return b"\r\n".join(b"." + line if line.startswith(b".") else line for line in content.split(b"\r\n"))


def unstuffed(wire):
    """The other way round; of what lies before the end of data."""
    return b"\r\n".join(line[1:] if line.startswith(b".") else line for line in wire.split(b"\r\n"))


def message(mark, lines=20):
    """A message that can be found again, with what is delicate for a relay."""
    head = f"Subject: {mark}\r\nX-Mark: {mark}\r\n\r\n.\r\n..\r\n.hidden\r\n\r\n".encode()
    return head + b"".join(b"line %d of %s\r\n" % (number, mark.encode()) for number in range(lines))


class Mailer(scripted.Client):
    """A client that has been greeted and has said EHLO; `offered` is what it was told."""

    def __init__(self, port, hello="EHLO client.test", **options):
        super().__init__(port, **options)
        try:
            self.greeting = self.reply()
            self.offered = self.ask(hello) if hello else b""
        except BaseException:
            self.close()
            raise

    def begin(self, recipients=(RECIPIENT,), sender=SENDER, parameters=""):
        """MAIL and each RCPT; gives the replies."""
        commands = [f"MAIL FROM:<{sender}>{parameters}"] + [f"RCPT TO:<{recipient}>" for recipient in recipients]
        return [self.ask(command) for command in commands]

    def begun(self, *arguments, **options):
        """The same where all is well, and DATA."""
        for reply in self.begin(*arguments, **options) + [self.ask("DATA")]:
            if reply[:1] not in (b"2", b"3"):
                raise AssertionError(f"it was not to be refused: {reply!r}")
        return self

    def deliver(self, content, *arguments, **options):
        """A whole message by DATA; gives the last reply: of the first command that was refused, or the final one.

        All recipients must be taken, or the message is given up.
        """
        if refusal := self.refusal(*arguments, **options):
            return refusal
        reply = self.ask("DATA")
        return self.finish(content) if reply.startswith(b"3") else reply

    def refusal(self, *arguments, **options):
        """MAIL and each RCPT; where one is refused that reply, and there is no message."""
        refusals = [reply for reply in self.begin(*arguments, **options) if not reply.startswith(b"2")]
        if refusals:
            self.ask("RSET")
        return refusals[0] if refusals else None

    def finish(self, content, *, end=b".\r\n"):
        """What comes behind the 354; gives the final reply."""
        try:
            self.send(stuffed(content) + end)
        except ConnectionError:
            pass
        return self.reply()

    def chunk(self, octets, is_last=False):
        """One BDAT with its octets; gives the reply."""
        self.send(b"BDAT %d%s\r\n" % (len(octets), b" LAST" if is_last else b"") + octets)
        return self.reply()

    def deliver_chunks(self, chunks, *arguments, **options):
        """A whole message by BDAT; gives the last reply, as `deliver` does."""
        if refusal := self.refusal(*arguments, **options):
            return refusal
        for number, octets in enumerate(chunks):
            reply = self.chunk(octets, is_last=number == len(chunks) - 1)
            if not reply.startswith(b"2"):
                return reply
        return reply

    def leave(self):
        """QUIT, and the end of the connection."""
        reply = self.ask("QUIT")
        self.rest()
        self.close()
        return reply
