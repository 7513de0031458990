"""Messages by BDAT (RFC 3030) in good order and in bad, to upstreams that know it and to those that are given DATA."""

import unittest

from harness.mailer import RECIPIENT, SENDER, Mailer, message
from harness.transactions import FaultCase
from harness.upstream import OFFERS, fin, reset, saying

ENVELOPE = f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{RECIPIENT}>\r\n".encode()
LIMIT = 64 << 10


def bdat(octets, is_last=False):
    return b"BDAT %d%s\r\n" % (len(octets), b" LAST" if is_last else b"") + octets


class Chunks(FaultCase):
    OPTIONS = {"listener": 'max_message_size = "64KiB"'}

    def codes(self, data, count):
        """Sends all at once; gives the codes of so many replies, and the client."""
        mailer = self.client()
        mailer.send(data)
        return [mailer.reply()[:3].decode() for _ in range(count)], mailer

    def delivered(self, *contents):
        self.assertEqual(self.upstream.contents, list(contents))

    def leave(self, mailer):
        self.assertCode(mailer.leave(), "221")

    def test_all_at_once(self):
        """The commands of two messages in one write, chunks and all."""
        first, second = message("first"), message("second")
        group = ENVELOPE + bdat(first[:50]) + bdat(first[50:], True)
        group += ENVELOPE + bdat(second, True) + b"QUIT\r\n"
        codes, _ = self.codes(group, 8)
        self.assertEqual(codes, ["250"] * 7 + ["221"])
        self.delivered(first, second)

    def test_an_end_without_octets(self):
        for content in (message("empty end"), b""):
            with self.subTest(len(content)):
                codes, mailer = self.codes(ENVELOPE + bdat(content) + b"BDAT 0 LAST\r\n", 4)
                self.assertEqual(codes, ["250"] * 4)
                self.leave(mailer)
                self.assertEqual(len(self.upstream.whole), 1)
                self.assertTrue(self.upstream.contents[0].rstrip(b"\r\n") == content.rstrip(b"\r\n"))
                self.upstream.forget()

    def test_an_empty_message(self):
        codes, mailer = self.codes(ENVELOPE + b"BDAT 0 LAST\r\n", 3)
        self.assertEqual(codes, ["250"] * 3)
        self.leave(mailer)
        self.assertEqual(len(self.upstream.whole), 1)

    def test_a_chunk_an_octet(self):
        content = message("tiny", 4)
        codes, mailer = self.codes(ENVELOPE, 2)
        for place in range(len(content)):
            self.assertCode(mailer.chunk(content[place : place + 1], place == len(content) - 1), "250")
        self.leave(mailer)
        self.delivered(content)

    def test_octet_by_octet(self):
        """Of the commands as well as of what they carry."""
        content = message("split", 2)
        mailer = self.client()
        data = ENVELOPE + bdat(content[:9]) + bdat(content[9:], True)
        for place in range(len(data)):
            mailer.send(data[place : place + 1])
        self.assertEqual([mailer.reply()[:3] for _ in range(4)], [b"250"] * 4)
        self.leave(mailer)
        self.delivered(content)

    def test_no_line_end_at_the_end(self):
        """Behind DATA there is one all the same."""
        codes, mailer = self.codes(ENVELOPE + bdat(b"Subject: x\r\n\r\nno end", True), 3)
        self.assertEqual(codes, ["250"] * 3)
        self.leave(mailer)
        [content] = self.upstream.contents
        self.assertEqual(content.removesuffix(b"\r\n"), b"Subject: x\r\n\r\nno end")

    def test_without_a_transaction(self):
        """The octets are read all the same: they are no commands."""
        inner = b"MAIL FROM:<evil@client.test>\r\nRCPT TO:<victim@upstream.test>\r\n"
        group = bdat(inner) + f"MAIL FROM:<{SENDER}>\r\n".encode() + bdat(inner, True) + b"RSET\r\n"
        codes, mailer = self.codes(group, 4)
        self.assertEqual(codes, ["503", "250", "503", "250"])
        self.goes_on(mailer)
        self.assertEqual(len(self.upstream.whole), 1)

    def test_after_an_error_all_are_refused(self):
        """A bare LF in the first; the message is nobody's any more."""
        self.assertEqual(self.with_error(bdat(b"bare\nlf") + bdat(b"x\r\n") + bdat(b"y\r\n", True)), [])

    def with_error(self, chunks):
        """What was delivered of it; each chunk from the bad one on is refused, or the session is over."""
        with Mailer(self.mailrace.port()) as mailer:
            mailer.send(ENVELOPE + chunks + b"RSET\r\nQUIT\r\n")
            codes = [line[:3] for line in mailer.rest().splitlines()]
        self.assertEqual(codes[:2], [b"250"] * 2)
        self.assertIn(codes[2], (b"550", b"552", b"554"))
        self.assertIn(codes[3:], ([], [b"503", b"503", b"250", b"221"]))
        return self.upstream.contents

    def test_reset_in_between(self):
        for octets in (b"Subject: x\r\n", b"Subject"):
            with self.subTest(octets):
                codes, mailer = self.codes(ENVELOPE + bdat(octets) + b"RSET\r\n", 4)
                self.assertEqual(codes, ["250"] * 4)
                self.assertCode(mailer.ask("BDAT 0 LAST"), "503 5.5.1")
                self.goes_on(mailer)
                self.leave(mailer)
                self.assertEqual(len(self.upstream.whole), 1)
                self.upstream.forget()

    def test_hello_in_between(self):
        codes, mailer = self.codes(ENVELOPE + bdat(b"Subject: x\r\n") + b"EHLO again.test\r\n", 4)
        self.assertEqual(codes, ["250"] * 4)
        self.assertCode(mailer.ask("BDAT 0 LAST"), "503 5.5.1")
        self.goes_on(mailer)

    def test_quit_in_between(self):
        codes, mailer = self.codes(ENVELOPE + bdat(b"Subject: x\r\n\r\n") + b"QUIT\r\n", 4)
        self.assertEqual(codes, ["250"] * 3 + ["221"])
        mailer.rest()
        mailer.close()
        self.upstream.wait_finished()
        self.assertEqual(self.upstream.whole, [])

    def test_data_in_between(self):
        for command in ("DATA", "MAIL FROM:<c@client.test>", "RCPT TO:<c@upstream.test>"):
            with self.subTest(command):
                content = message("mixed")
                codes, mailer = self.codes(ENVELOPE + bdat(content[:60]), 3)
                self.assertCode(mailer.ask(command), "503 5.5.1")
                reply = mailer.chunk(content[60:], True)
                # It may count as an end of the transaction, but never as one of the message.
                if reply.startswith(b"250"):
                    self.delivered(content)
                else:
                    self.assertCode(reply, "503 5.5.1")
                    self.assertEqual(self.upstream.whole, [])
                mailer.ask("RSET")
                self.goes_on(mailer)
                self.leave(mailer)
                self.upstream.forget()

    def test_sizes_that_are_none(self):
        for argument in ("", "LAST", "-1", "+1", "0x10", "1.0", "ten", "9" * 21, "1 2", "1 LAST LAST", "1 FIRST"):
            with self.subTest(argument), Mailer(self.mailrace.port()) as mailer:
                mailer.begin()
                mailer.send(f"BDAT {argument}\r\nMAIL FROM:<evil@client.test>\r\nQUIT\r\n")
                lines = mailer.rest().splitlines()
                # How much of what follows was meant to be octets cannot be known.
                self.assertRegex(lines[0], rb"^50[01] 5\.5\.\d ")
                self.assertLessEqual(len(lines), 2, lines)
                self.assertNotIn(b"250", b"".join(line[:3] for line in lines))
        self.assertEqual(self.upstream.whole, [])

    def test_sizes_beyond_all_bounds(self):
        for size in (LIMIT + (2 << 20), 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, 1 << 64, 10**20 - 1):
            with self.subTest(size), Mailer(self.mailrace.port()) as mailer:
                mailer.begin()
                try:
                    mailer.send(b"BDAT %d LAST\r\n" % size + b"x" * (2 * LIMIT) + b"\r\nQUIT\r\n")
                    for _ in range(60):
                        mailer.send(b"y" * LIMIT)
                except ConnectionError:
                    pass
                self.assertNotRegex(bytes(mailer.rest()), rb"(?m)^2[25]")
        self.assertEqual(self.upstream.whole, [])

    def test_more_in_all_than_there_may_be(self):
        """Each chunk is below the limit."""
        piece = b"x" * 78 + b"\r\n"
        codes, mailer = self.codes(ENVELOPE + bdat(piece * 500) * 3 + bdat(piece, True) + b"NOOP\r\n", 7)
        # 120 KB in three chunks: the second is one too many.
        self.assertEqual(codes, ["250"] * 3 + ["552", "503", "503", "250"])
        mailer.ask("RSET")
        self.goes_on(mailer)
        self.assertEqual(len(self.upstream.whole), 1)

    def test_an_upstream_that_fails_between_chunks(self):
        first, rest = message("fails")[:100], message("fails")[100:]
        losses = [fin, reset, saying(b"421 4.3.2 going\r\n", fin), b"552 5.3.4 too much\r\n", b"452 4.3.1 no room\r\n"]
        for step in ("chunk", "end") if "CHUNKING" in self.OFFERS else ("data", "body", "end"):
            for loss in losses:
                with self.subTest(step=step, loss=loss), Mailer(self.mailrace.port()) as mailer:
                    self.upstream.faults = {step: [loss]}
                    mailer.begin()
                    replies = [mailer.chunk(first)]
                    if step == "body":
                        # Nobody waits for this one, and it is heard with the next chunk.
                        self.upstream.wait_failed()
                    replies += [mailer.chunk(rest[:10]), mailer.chunk(rest[10:], True)]
                    self.assertEqual(len(self.upstream.whole), int(step == "end"))
                    first_bad, *others = [reply for reply in replies if not reply.startswith(b"250")]
                    self.assertCode(first_bad, loss.decode() if isinstance(loss, bytes) else "451 4.")
                    for reply in others:
                        self.assertCode(reply, "503 5.5.1")
                    self.assertNotEqual(replies[-1][:1], b"2")
                    mailer.ask("RSET")
                    self.goes_on(mailer)
                self.upstream.forget()


class ChunksThatBecomeData(Chunks):
    """The same where the upstream does not know BDAT."""

    OFFERS = tuple(offer for offer in OFFERS if offer != "CHUNKING")


if __name__ == "__main__":
    unittest.main()
