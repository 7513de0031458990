"""Messages with what some servers take for their end, and behind it another one, which nobody gets to see."""

import json
import re
import unittest

from harness import postfix, programs, suites, transactions
from harness.mailer import Mailer, message
from harness.upstream import Upstream
from harness.programs import wait_until

# Instead of CRLF . CRLF, each within a message.
SEQUENCES = [
    "\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\n", "\n.\r", "\r.\r\n", "\r\n.\r", "\r\n\0.\r\n", "\r\n.\0\r\n",
    "\0\r\n.\n", "\r\n.\r\r\n", "\r\r\n.\r\r\n", "\r\r\n.\n", "\n\r.\r\n", "\r\n.\n\r\n", "\r\n \n.\r\n", "\n\n.\n\n", "\r\n.\r\0\n",
    "\r\n.\n.\r\n.\n", "\n..\n", "\r\n..\n.\n",
]  # fmt: skip
# What is no end of a line, whatever it looks like, and harms nobody.
HARMLESS = ["\v.\v", "\f.\f", "\x85.\x85", "\u2028.\u2028", "\r\n.\t\r\n", "\r\n. \r\n", "\r\n ..\r\n", "\r\n.x\r\n"]
EVIL = b"evil@client.test"
SECOND = b"MAIL FROM:<" + EVIL + b">\r\nRCPT TO:<victim@upstream.test>\r\nDATA\r\nSubject: second\r\n\r\nsecond\r\n"
HEAD = b"Subject: first\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-Id: <1@client.test>\r\n\r\nthe first"
# A CR or an LF that is not the other's half, or a NUL.
BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n|\0")


def sequences():
    """Ours, and those of others where they are to be had."""
    try:
        theirs = json.loads((suites.smtp() / "smuggling-sequences.json").read_text())["sequences"]
    except unittest.SkipTest as reason:
        print(f"skipped: sequences of The-Login/SMTP-Smuggling-Tools: {reason}")
        theirs = []
    return [sequence.encode("latin-1") for sequence in dict.fromkeys(SEQUENCES + theirs)]


def content_with(sequence):
    return HEAD + sequence + SECOND


class Case(transactions.Case):
    def send_split(self, mailer, data, places):
        """Each part once Mailrace has read the one before."""
        start = 0
        for place in [*places, len(data)]:
            mailer.send(data[start:place])
            start = place
            wait_until(lambda: self.is_read(mailer), "Mailrace to read")

    @staticmethod
    def is_read(mailer):
        """Whether nothing of what the client has sent waits in the queue of the other end."""
        client, server = (f":{port:04X}" for port in (mailer.socket.getsockname()[1], mailer.socket.getpeername()[1]))
        with open("/proc/net/tcp") as file:
            for line in file:
                fields = line.split()
                if fields[1].endswith(server) and fields[2].endswith(client):
                    return fields[4].endswith(":00000000")
        return True

    def start_with(self, servers, policy, upstream=""):
        return self.start(servers, listener=f'bare_newline = "{policy}"', upstream=upstream)

    def attack(self, mailrace, sequence, places=(), policy="reject"):
        """A message by DATA in which nothing but its own end is one; gives all replies to it and what follows."""
        with Mailer(mailrace.port()) as mailer:
            mailer.begun()
            try:
                self.send_split(mailer, content_with(sequence) + b".\r\n", places)
                mailer.send("QUIT\r\n")
            except ConnectionError:
                pass
            replies = mailer.rest()
        if policy == "reject":
            self.assertRegex(replies, rb"^55[04] 5\.[56]\.\d [^\r\n]*\r\n$", (sequence, places))
        else:
            self.assertRegex(replies, rb"^250 [^\r\n]*\r\n221 [^\r\n]*\r\n$", (sequence, places))

    def attack_by_chunks(self, mailrace, sequence, cut, policy="reject"):
        """The same by BDAT, in two chunks; all commands are there at once."""
        content = content_with(sequence)
        with Mailer(mailrace.port()) as mailer:
            mailer.begin()
            parts = [content[:cut], content[cut:]]
            try:
                mailer.send(b"BDAT %d\r\n" % len(parts[0]) + parts[0])
                mailer.send(b"BDAT %d LAST\r\n" % len(parts[1]) + parts[1] + b"QUIT\r\n")
            except ConnectionError:
                pass
            replies = mailer.rest()
        codes = [reply[:3] for reply in replies.splitlines()]
        if policy == "reject":
            self.assertNotIn(b"250", codes[1:], (sequence, cut, replies))
            self.assertIn(codes[0], (b"250", b"550", b"554"), (sequence, cut, replies))
        else:
            self.assertEqual(codes, [b"250", b"250", b"221"], (sequence, cut, replies))

    @staticmethod
    def places_in(sequence):
        """Where to split: around the sequence and within it."""
        start = len(HEAD)
        return range(start - 1, start + len(sequence) + 2)


class Recorded(Case):
    """Before a server of ours, which shows every byte."""

    def setUp(self):
        self.upstream = self.enterContext(Upstream())

    def look(self, sequence, policy):
        """What came of it: nothing that is whole, or one message without anything bare."""
        wait_until(lambda: self.upstream.finished == len(self.upstream.connections), "the upstream's end")
        for delivery in self.upstream.deliveries:
            self.assertIsNone(BARE.search(bytes(delivery.wire)), (sequence, delivery))
        expected = 0 if policy == "reject" else 1
        self.assertEqual(len(self.upstream.whole), expected, (sequence, self.upstream.deliveries))
        commands = [line for connection in self.upstream.connections for line in connection.commands]
        self.assertNotIn(EVIL, b"".join(commands), sequence)
        for delivery in self.upstream.whole:
            # All that was said is there, within the one message.
            self.assertIn(SECOND.rstrip(), bytes(delivery.wire), sequence)
            self.assertTrue(delivery.content.endswith(b"\r\nsecond\r\n"), delivery)
        self.upstream.forget()

    def test_data_at_every_split(self):
        for policy in ("reject", "normalise"):
            mailrace = self.start_with([self.upstream.address], policy)
            for sequence in sequences():
                splits = [(), tuple(self.places_in(sequence)), *((place,) for place in self.places_in(sequence))]
                for places in splits:
                    with self.subTest(policy=policy, sequence=sequence, places=places):
                        self.attack(mailrace, sequence, places, policy)
                        self.look(sequence, policy)

    def chunks(self, policy):
        mailrace = self.start_with([self.upstream.address], policy)
        for sequence in sequences():
            for cut in self.places_in(sequence):
                with self.subTest(policy=policy, sequence=sequence, cut=cut):
                    self.attack_by_chunks(mailrace, sequence, cut, policy)
                    self.look(sequence, policy)

    def test_chunks_at_every_split(self):
        for policy in ("reject", "normalise"):
            self.chunks(policy)

    def test_chunks_that_become_data(self):
        self.upstream.offers = ("PIPELINING", "8BITMIME")
        for policy in ("reject", "normalise"):
            self.chunks(policy)

    def test_an_end_of_data_within_chunks_is_none(self):
        for offers in (("CHUNKING",), ()):
            self.upstream.offers = ("8BITMIME", *offers)
            mailrace = self.start_with([self.upstream.address], "reject")
            content = HEAD + b"\r\n.\r\n" + SECOND + b".\r\nthe end\r\n"
            for cut in range(len(HEAD) - 1, len(HEAD) + 7):
                with self.subTest(offers=offers, cut=cut), Mailer(mailrace.port()) as mailer:
                    self.assertTrue(mailer.deliver_chunks([content[:cut], content[cut:]]).startswith(b"250"))
                    self.assertEqual(self.upstream.contents, [content])
                self.upstream.forget()

    def test_what_is_harmless_passes_as_it_is(self):
        mailrace = self.start_with([self.upstream.address], "reject")
        for text in HARMLESS:
            content = HEAD + text.encode() + SECOND
            with self.subTest(text), Mailer(mailrace.port()) as mailer:
                self.assertTrue(mailer.deliver(content).startswith(b"250"))
                mailer.leave()
                self.assertEqual(self.upstream.contents, [content])
                self.upstream.forget()


@unittest.skipUnless(postfix.can_run(), "no Postfix, or not root")
class BeforePostfix(Case):
    """Before one that takes LF . LF for the end of a message, and more of that kind."""

    @classmethod
    def setUpClass(cls):
        options = ["smtpd_authorized_xforward_hosts=127.0.0.0/8"]
        # Where it has this, it is on by default.
        if programs.run(["postconf", "smtpd_forbid_bare_newline"]).stdout.startswith("smtpd_forbid_bare_newline ="):
            options += ["smtpd_forbid_bare_newline=no"]
        cls.server = cls.enterClassContext(
            postfix.Postfix(plain=options, data=[*options, "smtpd_discard_ehlo_keywords=chunking"]))

    def marked(self, mailrace, mark):
        """A last message has come, and so all before it have."""
        with Mailer(mailrace.port()) as mailer:
            self.assertTrue(mailer.deliver(message(mark), sender=f"{mark}@client.test").startswith(b"250"))
            mailer.leave()
        self.server.arrived(mark.encode())
        self.server.wait_log(rf"qmgr\[\d+\]: \w+: from=<{mark}@client.test>")

    def second_ones(self):
        return self.server.log.count(f"from=<{EVIL.decode()}>")

    def test_a_no_relay(self):
        """The attack is one: said to Postfix itself, some of it yields a second message."""
        before = self.second_ones()
        for sequence in sequences():
            with Mailer(self.server.ports["plain"]) as mailer:
                mailer.begun()
                try:
                    mailer.send(content_with(sequence) + b".\r\nQUIT\r\n")
                except ConnectionError:
                    pass
                mailer.rest()
        wait_until(lambda: self.second_ones() > before, "a second message at a Postfix that nobody protects")
        # Those that are still to come are none of the relay's.
        with Mailer(self.server.ports["plain"]) as mailer:
            mailer.deliver(message("direct"), sender="direct@client.test")
        self.server.wait_log(r"qmgr\[\d+\]: \w+: from=<direct@client.test>")

    def protects(self, service, attack, policy):
        before = self.second_ones()
        mailrace = self.start_with([self.server.address_of(service)], policy)
        for sequence in sequences():
            with self.subTest(policy=policy, sequence=sequence):
                attack(mailrace, sequence, policy)
        self.marked(mailrace, f"last-{service}-{policy}-{attack.__name__}")
        self.assertEqual(self.second_ones(), before)

    def by_data(self, mailrace, sequence, policy):
        places = list(self.places_in(sequence))
        for split in ((), places, places[1:2], places[2:3], places[3:4]):
            self.attack(mailrace, sequence, split, policy)

    def by_chunks(self, mailrace, sequence, policy):
        for cut in list(self.places_in(sequence))[1:4]:
            self.attack_by_chunks(mailrace, sequence, cut, policy)

    def test_data(self):
        for policy in ("reject", "normalise"):
            self.protects("plain", self.by_data, policy)

    def test_chunks(self):
        for policy in ("reject", "normalise"):
            self.protects("plain", self.by_chunks, policy)

    def test_chunks_that_become_data(self):
        for policy in ("reject", "normalise"):
            self.protects("data", self.by_chunks, policy)


if __name__ == "__main__":
    unittest.main()
