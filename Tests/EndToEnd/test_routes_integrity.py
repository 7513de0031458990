"""Messages that pass as they are, where Mailrace reads each byte of them: at all splits, of all shapes, by all ways."""

import random
import unittest

from harness import certificates, scripted, sink, transactions
from harness.mailer import message, stuffed
from harness.upstream import Upstream

# What a reader of lines may stumble over.
PIECES = [b".", b"..", b"\r\n", b"\r\n.", b"\r\n..", b"\r\n\r\n", b"\r\n.x", b"x", b" ", b"\t", b"\xff", b"\v", b"QUIT"]
PIECES += ["grüße".encode(), b"a" * 998, b"b" * 20_000 + b"\r\n", b"DATA\r\n", b"\r\n. \r\n", b"From x\r\n"]


def delicate(source, count):
    return b"Subject: x\r\n" + b"".join(source.choice(PIECES) for _ in range(count)) + b"\r\n"


class Integrity(transactions.Case):
    def setUp(self):
        self.seed = random.randrange(1 << 30)
        self.random = random.Random(self.seed)

    def contents(self):
        return [delicate(self.random, count) for count in (0, 1, 2, 3, 5, 10, 30, 100, 300)]

    def test_byte_by_byte(self):
        upstream = self.enterContext(Upstream())
        mailer = self.mailer(self.start([upstream.address]))
        content = message("bytes", 3) + b".\r\n..\r\n.x\r\n\r\n.\r\n"
        for wire in (stuffed(content) + b".\r\n", b".\r\n"):
            mailer.begun()
            for place in range(len(wire)):
                mailer.send(wire[place : place + 1])
            self.assertCode(mailer.reply(), "250")
        self.assertEqual(upstream.contents, [content, b""])

    def test_at_every_split(self):
        upstream = self.enterContext(Upstream())
        mailer = self.mailer(self.start([upstream.address], listener="max_commands = 10000"))
        content = b"Subject: x\r\n\r\n.\r\n.x\r\n\r\n"
        wire = stuffed(content) + b".\r\n"
        for place in range(1, len(wire)):
            mailer.begun()
            mailer.send(wire[:place])
            mailer.send(wire[place:])
            self.assertCode(mailer.reply(), "250", place)
        self.assertEqual(upstream.contents, [content] * (len(wire) - 1))

    def test_random_messages(self):
        with self.subTest(seed=self.seed):
            for offers in (("8BITMIME", "CHUNKING"), ("8BITMIME", "PIPELINING")):
                upstream = self.enterContext(Upstream(offers))
                mailer = self.mailer(self.start([upstream.address]))
                for content in self.contents():
                    self.assertCode(mailer.deliver(content), "250")
                    cut = self.random.randrange(len(content))
                    self.assertCode(mailer.deliver_chunks([content[:cut], content[cut:]]), "250")
                    self.assertEqual(upstream.contents, [content] * 2)
                    upstream.deliveries.clear()

    def test_random_messages_in_tls(self):
        with self.subTest(seed=self.seed):
            context = scripted.server_context(certificates.upstream())
            upstream = self.enterContext(sink.Sink(tls=context))
            options = {"starttls": "offer", "upstream": 'tls = "required"\ntls_verify = false'}
            mailer = self.mailer(self.start([upstream.address], **options))
            mailer.ask("STARTTLS")
            mailer.start_tls()
            mailer.ask("EHLO client.test")
            contents = self.contents() + [message("large", 100_000)]
            for content in contents:
                self.assertCode(mailer.deliver(content), "250")
            self.assertEqual([taken.content for taken in upstream.messages], contents)


if __name__ == "__main__":
    unittest.main()
