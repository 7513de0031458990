"""Upstreams that fail in the midst of a message, where each message goes its own way.

Nothing is accepted that was not delivered, nothing is delivered in part, and the client can go on.
"""

import threading
import time
import unittest

from harness import PATIENCE_S
from harness.mailer import Mailer, message, stuffed
from harness.transactions import FaultCase
from harness.upstream import fin, reset, saying, stall

# Each is what an upstream does at some step in place of answering.
LOSSES = {
    "its end": fin,
    "a reset": reset,
    "421": saying(b"421 4.3.2 going down\r\n", fin),
    "421 and nothing more": saying(b"421 4.3.2 going down\r\n", stall),
    "421 in two lines": saying(b"421-4.3.2 going\r\n421 4.3.2 down\r\n", fin),
    "half a reply": saying(b"250 2.0.", fin),
    "the first of two lines": saying(b"250-2.0.0 fine\r\n", fin),
    "rubbish": saying(b"\x00\xff\r\n"),
    "no code": saying(b"fine\r\n"),
    "a code of no kind": saying(b"999 fine\r\n"),
    "two codes": saying(b"250-2.0.0 fine\r\n550 5.0.0 not\r\n"),
    "no end of a line": saying(b"250 " + b"x" * 200_000),
    "no end of lines": saying(b"250-x\r\n" * 40_000),
}
# Steps before an upstream has a message that it could take for one.
BEFORE_THE_END = ["connect", "ehlo", "mail", "rcpt", "data", "body"]
SOON_S = 20


class UpstreamLost(FaultCase):
    """The only upstream fails at a step; the client is told to come again, and the session goes on."""

    # Longer than any loss takes but for a silent one, which has cases of its own.
    OPTIONS = {"timeouts": 'greeting = "2s"\nreply = "2s"\nfinal_reply = "2s"'}

    def lose(self, step, loss, note):
        self.upstream.faults = {step: loss}
        content = message("lost", 400)
        mailer = Mailer(self.mailrace.port())
        with mailer:
            reply = self.deliver_late(mailer, content) if step == "body" else mailer.deliver(content)
            self.assertRegex(reply, rb"^451 4\.\d\.\d [^\r\n]*\r\n$", note)
            if step == "end":
                # It had all of it, and may have kept it; the client was not told so.
                self.assertEqual(self.upstream.contents, [content], note)
            else:
                self.nothing_is_whole(stuffed(content), note)
            self.goes_on(mailer)
            mailer.leave()
        self.upstream.forget()

    def deliver_late(self, mailer, content):
        """A message whose second half comes once the upstream has been let go of for what it did in the first."""
        mailer.begun()
        wire = stuffed(content)
        mailer.send(wire[: len(wire) // 2])
        self.upstream.wait_finished()
        mailer.send(wire[len(wire) // 2 :] + b".\r\n")
        return mailer.reply()

    def test_before_the_end_of_the_message(self):
        for step in BEFORE_THE_END:
            for name, loss in LOSSES.items():
                with self.subTest(step=step, loss=name):
                    self.lose(step, loss, f"{name} at {step}")

    def test_after_the_end_of_the_message(self):
        for name, loss in LOSSES.items():
            with self.subTest(loss=name):
                self.lose("end", loss, name)

    def test_silence(self):
        """In the body it is no fault: nobody is to say anything."""
        for step in [*BEFORE_THE_END[:-1], "end"]:
            with self.subTest(step=step):
                begin = time.monotonic()
                self.lose(step, stall, f"silence at {step}")
                self.assertLess(time.monotonic() - begin, SOON_S)

    def test_refusals_are_told_as_they_are(self):
        for step, words in [("mail", "5.7.1 no sender of mine"), ("rcpt", "5.1.1 nobody of that name"),
                            ("data", "5.7.1 nothing today"), ("end", "5.6.0 no message of mine")]:
            for code in (b"550", b"450"):
                with self.subTest(step=step, code=code):
                    text = code + (words if code == b"550" else "4" + words[1:]).encode().join([b" ", b"\r\n"])
                    self.upstream.faults = {step: [text]}
                    with Mailer(self.mailrace.port()) as mailer:
                        self.assertEqual(mailer.deliver(message("refused")), text)
                        self.assertEqual(len(self.upstream.whole), int(step == "end"))
                        self.goes_on(mailer)
                    self.upstream.forget()

    def test_replies_of_several_lines(self):
        codes = [("connect", 220), ("mail", 250), ("rcpt", 250), ("data", 354), ("end", 250)]
        both = {step: b"%d-2.0.0 first\r\n%d 2.0.0 second\r\n" % (code, code) for step, code in codes}
        self.upstream.faults = {step: [text] for step, text in both.items()}
        with Mailer(self.mailrace.port()) as mailer:
            self.assertEqual(mailer.deliver(message("lines")), both["end"])
            self.goes_on(mailer)
        # And those that refuse.
        for step in ("mail", "rcpt", "data", "end"):
            with self.subTest(step=step), Mailer(self.mailrace.port()) as mailer:
                self.upstream.forget()
                text = b"550-5.7.1 not\r\n550 5.7.1 today\r\n"
                self.upstream.faults = {step: [text]}
                self.assertEqual(mailer.deliver(message("refused")), text)
                self.goes_on(mailer)

    def test_a_reply_too_many(self):
        """Whatever comes behind it is no answer to anything: at the latest the next command finds that out."""
        for step in ("connect", "mail", "rcpt", "data"):
            for extra in (b"250 2.0.0 accepted, and gladly\r\n", b"354 go on\r\n"):
                with self.subTest(step=step, extra=extra), Mailer(self.mailrace.port()) as mailer:
                    usual = {"connect": b"220 upstream.test\r\n", "data": b"354 go on\r\n"}
                    self.upstream.faults = {step: [usual.get(step, b"250 fine\r\n") + extra]}
                    reply = mailer.deliver(message("desync", 4000))
                    # Either the whole message went there and this is the answer to it, or it is no yes.
                    if reply.startswith(b"2"):
                        self.assertEqual(self.upstream.contents, [message("desync", 4000)])
                        self.assertCode(reply, "250 2.0.0 accepted by upstream")
                    else:
                        self.assertCode(reply, "451 4.")
                    self.upstream.forget()

    def test_connections_that_go_while_nothing_is_asked(self):
        """Between two recipients, and between two messages of a session."""
        going = threading.Event()

        def go(peer):
            peer.send(b"250 2.1.5 fine\r\n")
            fin(peer)
            going.set()

        self.upstream.faults = {"rcpt": go}
        with Mailer(self.mailrace.port()) as mailer:
            mailer.begin()
            going.wait(PATIENCE_S)
            # An upstream that has taken one recipient is gone: the others, and the message, can only come again.
            self.assertRegex(mailer.ask("RCPT TO:<c@upstream.test>"), rb"^451 4\.4\.2 ")
            self.assertRegex(mailer.ask("DATA"), rb"^451 4\.4\.2 ")
            self.nothing_is_whole()
            self.goes_on(mailer)
        self.upstream.forget()

        def accept_and_go(peer):
            peer.send(b"250 2.0.0 accepted by upstream\r\n")
            fin(peer)

        self.upstream.faults = {"end": accept_and_go}
        with Mailer(self.mailrace.port()) as mailer:
            self.assertCode(mailer.deliver(message("first")), "250 2.0.0 accepted")
            self.goes_on(mailer)
            self.assertEqual(self.upstream.contents, [message("first"), message("next")])

    def test_a_farewell_while_nothing_is_asked(self):
        """421 between two messages of a session: the next one goes by another connection."""
        for farewell in (saying(b"250 2.0.0 accepted by upstream\r\n421 4.4.2 idle\r\n", fin),
                         saying(b"250 2.0.0 accepted by upstream\r\n", reset)):
            self.upstream.faults = {"end": farewell}
            with self.subTest(farewell), Mailer(self.mailrace.port()) as mailer:
                mailer.deliver(message("first"))
                self.goes_on(mailer)
            self.upstream.forget()


class WithoutPipelining(UpstreamLost):
    """The same where the upstream is told one thing at a time."""

    OFFERS = ("SIZE 52428800",)


class StallsInTheBody(FaultCase):
    """An upstream that takes no more of a message, and says nothing."""

    OPTIONS = {"timeouts": 'data = "2s"\nfinal_reply = "2s"'}

    def test_it_reads_no_more(self):
        released = threading.Event()
        self.addCleanup(released.set)

        def freeze(peer):
            peer.is_mute = True
            released.wait(PATIENCE_S)

        self.upstream.faults = {"body": freeze}
        content = message("large", 500_000)
        with Mailer(self.mailrace.port()) as mailer:
            mailer.begun()
            begin = time.monotonic()
            self.assertCode(mailer.finish(content), "451 4.4.2")
            self.assertLess(time.monotonic() - begin, SOON_S)
            released.set()
            self.upstream.wait_finished()
            self.nothing_is_whole(stuffed(content))
            self.goes_on(mailer)


class EarlyReplies(FaultCase):
    """T12: the upstream answers in the middle of the message; then there is a second message on the same session."""

    def early(self, reply, told, lines=20_000):
        self.upstream.faults = {"body": reply if callable(reply) else saying(reply)}
        content = message("early", lines)
        with Mailer(self.mailrace.port()) as mailer:
            mailer.begun()
            mailer.send(stuffed(content[:2000]))
            # It is let go of once it has been heard; what is in flight by then could not be told from all of it.
            self.upstream.wait_finished()
            mailer.send(stuffed(content)[len(stuffed(content[:2000])):] + b".\r\n")
            answer = mailer.reply()
            self.assertRegex(answer, told)
            self.nothing_is_whole(stuffed(content))
            self.goes_on(mailer)
        self.upstream.forget()

    def test_a_refusal_is_the_answer(self):
        for reply in (b"552 5.3.4 too much\r\n", b"452 4.3.1 no room\r\n", b"550-5.7.1 not\r\n550 5.7.1 this\r\n"):
            with self.subTest(reply):
                self.early(reply, rb"^" + reply.replace(b".", rb"\.") + b"$")

    def test_a_refusal_and_the_end(self):
        self.early(saying(b"552 5.3.4 too much\r\n", fin), rb"^552 5\.3\.4 too much\r\n$")

    def test_no_farewell_is_passed_on(self):
        """421 would tell the client that its own session ends."""
        self.early(saying(b"421 4.3.2 going\r\n", fin), rb"^451 4\.")

    def test_yes_is_no_answer_to_half_a_message(self):
        for reply in (b"250 2.0.0 accepted, and gladly\r\n", b"354 go on\r\n", b"220 hello\r\n"):
            with self.subTest(reply):
                self.early(reply, rb"^451 4\.")

    def test_it_comes_at_once_to_who_waits_in_the_middle(self):
        """The upstream's connection ends before the client has sent the rest; the client has its time."""
        self.upstream.faults = {"body": saying(b"552 5.3.4 too much\r\n")}
        with Mailer(self.mailrace.port()) as mailer:
            mailer.begun()
            mailer.send(b"Subject: x\r\n\r\nthe first half\r\n")
            self.upstream.wait_finished()
            self.assertCode(mailer.finish(b"the second half\r\n"), "552 5.3.4 too much")
            self.goes_on(mailer)


if __name__ == "__main__":
    unittest.main()
