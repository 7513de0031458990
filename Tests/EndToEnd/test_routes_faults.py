"""Clients and upstreams that fail in the midst of a message, where each message goes its own way.

Nothing is accepted that was not delivered, nothing is delivered in part, and who is left can go on.
"""

import socket
import threading
import time
import unittest

from harness import HOST, PATIENCE_S, certificates, programs, relay, scripted, sink, transactions
from harness.mailer import Mailer, message, stuffed
from harness.upstream import OFFERS, Upstream, fin, reset, saying, stall
from harness.programs import wait_until

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


class Case(transactions.Case):
    OFFERS = OFFERS
    OPTIONS = {}

    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.enterClassContext(Upstream(cls.OFFERS))
        text = transactions.configuration([cls.upstream.address], **cls.OPTIONS)
        cls.mailrace = cls.enterClassContext(relay.Mailrace(text)).wait_ready()

    def tearDown(self):
        self.upstream.forget()
        self.mailrace.program.check_alive()

    def goes_on(self, mailer, mark="next"):
        """The session's next message is delivered, and it alone."""
        before = len(self.upstream.whole)
        self.assertCode(mailer.deliver(message(mark)), "250 2.0.0 accepted by upstream")
        self.assertEqual(self.upstream.contents[before:], [message(mark)])

    def nothing_is_whole(self, sent=b"", note=None):
        """What the upstream got of messages is the beginning of `sent`, behind which nothing came."""
        self.assertEqual(self.upstream.whole, [], note)
        for part in self.upstream.partial:
            self.assertBegins(part.wire, sent, note)


class UpstreamLost(Case):
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


class StallsInTheBody(Case):
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


class EarlyReplies(Case):
    """T12: the upstream answers in the middle of the message; then there is a second message on the same session."""

    def early(self, reply, told, lines=20_000):
        self.upstream.faults = {"body": reply if callable(reply) else saying(reply)}
        content = message("early", lines)
        with Mailer(self.mailrace.port()) as mailer:
            mailer.begun()
            mailer.send(stuffed(content[:2000]))
            wait_until(lambda: self.upstream.partial and self.upstream.partial[0].wire, "the beginning at the upstream")
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


class ClientLost(Case):
    """T1: the client goes in the middle of its message, in every way it can, and wherever that ends."""

    HALF = b"Subject: half\r\n\r\n" + b"a line of the message\r\n" * 500
    # What the upstream must not take for an end, whatever comes behind it.
    TAILS = [b"", b"a", b"\r", b".", b".\r", b"..", b"..\r\n", b"\r\n", b"\r\n.", b"\r\n.\r", b"QUIT\r\n", b"RSET\r\n"]
    WAYS = {
        "reset": lambda client: client.reset(),
        "close": lambda client: client.close(),
        "the end of one direction": lambda client: (client.socket.shutdown(socket.SHUT_WR), client.rest()),
    }

    def lost(self, begin, sent, note):
        """`begin` connects a client, has it do its part and go; `sent` is what of a message there was."""
        begin()
        wait_until(lambda: self.upstream.finished == len(self.upstream.connections), f"the end at the upstream: {note}")
        self.nothing_is_whole(sent, note)
        for connection in self.upstream.connections:
            in_message = bytes(connection.received).partition(b"DATA\r\n")[2]
            self.assertNotIn(b"\r\n.\r\n", in_message, note)
            if b"QUIT" not in sent:
                self.assertNotIn(b"QUIT", in_message, note)
        self.upstream.forget()

    def test_in_the_body(self):
        for way, go in self.WAYS.items():
            for tail in self.TAILS:
                for head in (b"", self.HALF):
                    # A message that begins with a dot and CRLF is an empty one, and whole.
                    sent = head + tail

                    def begin():
                        mailer = Mailer(self.mailrace.port()).begun()
                        mailer.send(sent)
                        # So that it is not lost with a reset.
                        if len(head) and way != "reset":
                            wait_until(lambda: self.upstream.partial, "the message at the upstream")
                        go(mailer)

                    with self.subTest(way=way, tail=tail, head=len(head)):
                        self.lost(begin, sent, f"{way} after {tail!r}")

    def test_before_the_body(self):
        commands = ["MAIL FROM:<a@client.test>", "RCPT TO:<b@upstream.test>", "DATA"]
        for way, go in self.WAYS.items():
            for count in range(len(commands) + 1):
                for waits in (True, False):

                    def begin():
                        mailer = Mailer(self.mailrace.port())
                        for command in commands[:count]:
                            mailer.send(command + "\r\n")
                            if waits or command != commands[count - 1]:
                                mailer.reply()
                        go(mailer)

                    with self.subTest(way=way, count=count, waits=waits):
                        self.lost(begin, b"", f"{way} after {commands[:count]}")

    def test_in_a_chunk(self):
        """By BDAT: in the middle of a chunk, between two, and in the middle of the last."""
        texts = [b"BDAT 20", b"BDAT 20\r\n", b"BDAT 20\r\nSubject: ", b"BDAT 20\r\nSubject: half a one\r\n",
                 b"BDAT 20\r\nSubject: half a one\r\nBDAT 30 LAST\r\n", b"BDAT 20\r\nSubject: half a one\r\nBDAT 30 LAST\r\nto",
                 b"BDAT 20 LAST\r\nSubject: half a one\r", b"BDAT 20\r\nSubject: half a one\r\nBDAT 5 LAST\r\n.\r\n\r"]
        for way, go in self.WAYS.items():
            for text in texts:

                def begin():
                    mailer = Mailer(self.mailrace.port())
                    mailer.begin()
                    mailer.send(text)
                    go(mailer)

                with self.subTest(way=way, text=text):
                    begin()
                    note = f"{way} after {text!r}"
                    wait_until(lambda: self.upstream.finished == len(self.upstream.connections), note)
                    self.assertEqual(self.upstream.whole, [], note)
                    self.upstream.forget()

    def test_when_the_upstream_has_it_all(self):
        """Behind the dot a client's leaving changes nothing: the message is delivered once, and its upstream is not left
        in the middle of anything."""
        for way, go in self.WAYS.items():
            with self.subTest(way):
                answering = threading.Event()

                def late(peer):
                    answering.wait(PATIENCE_S)
                    peer.send(b"250 2.0.0 accepted by upstream\r\n")

                self.upstream.faults = {"end": late}
                mailer = Mailer(self.mailrace.port()).begun()
                mailer.send(stuffed(message("all")) + b".\r\n")
                wait_until(lambda: self.upstream.whole, "the message at the upstream")
                # It reads nothing more where it waits for the answer; the half close comes with it.
                answering.set() if way.startswith("the end") else None
                go(mailer)
                answering.set()
                self.upstream.wait_finished()
                self.assertEqual(self.upstream.contents, [message("all")])
                self.upstream.forget()


class ClientLostWithoutChunking(ClientLost):
    """The same where chunks become DATA."""

    OFFERS = ("PIPELINING", "8BITMIME", "SIZE 52428800")


class ClientStalls(Case):
    OPTIONS = {"timeouts": 'data = "1s"\ncommand = "1s"', "listener": 'max_message_size = "64KiB"'}

    def test_in_the_body(self):
        """The seed's fault: 10 s of silence made a truncated message a whole one."""
        for half in (b"Subject: half\r\n\r\n", b"Subject: half\r\n\r\n.", b"Subject: half\r\n\r\n.\r", b""):
            with self.subTest(half), Mailer(self.mailrace.port()) as mailer:
                mailer.begun()
                mailer.send(half)
                self.assertCode(mailer.rest(), "421 4.4.2")
                self.upstream.wait_finished()
                self.nothing_is_whole(half)
                self.upstream.forget()

    def test_in_a_chunk(self):
        for text in (b"BDAT 20\r\nSubject: ", b"BDAT 4 LAST\r\nSub"):
            with self.subTest(text), Mailer(self.mailrace.port()) as mailer:
                mailer.begin()
                mailer.send(text)
                self.assertIn(b"421 4.4.2", mailer.rest())
                self.upstream.wait_finished()
                self.assertEqual(self.upstream.whole, [])
                self.upstream.forget()

    def test_between_commands(self):
        with Mailer(self.mailrace.port()) as mailer:
            mailer.begin()
            self.assertCode(mailer.rest(), "421 4.4.2")
            self.upstream.wait_finished()
            self.nothing_is_whole()

    def test_too_much(self):
        """The seed's other fault: what was cut off at the limit became a whole message."""
        for lines in (5_000, 30_000):
            content = message("large", lines)
            with self.subTest(lines), Mailer(self.mailrace.port()) as mailer:
                mailer.begun()
                self.assertCode(mailer.finish(content), "552 5.3.4")
                self.upstream.wait_finished()
                self.nothing_is_whole(stuffed(content))
                self.goes_on(mailer)
            self.upstream.forget()

    def test_too_much_in_chunks(self):
        piece = b"x" * 70 + b"\r\n"
        with Mailer(self.mailrace.port()) as mailer:
            mailer.begin()
            replies = [mailer.chunk(piece * 500) for _ in range(4)]
            self.assertCode(replies[0], "250")
            self.assertCode(replies[1], "552 5.3.4")
            self.assertCode(replies[3], "503 5.5.1")
            self.assertCode(mailer.chunk(piece, is_last=True), "503 5.5.1")
            mailer.ask("RSET")
            self.assertEqual(self.upstream.whole, [])
            self.goes_on(mailer)

    def test_much_too_much(self):
        """There is an end to what is read of it."""
        with Mailer(self.mailrace.port()) as mailer:
            mailer.begun()
            try:
                for _ in range(300):
                    mailer.send(b"x" * 70 + b"\r\n" + b"y" * 16_000 + b"\r\n")
            except ConnectionError:
                pass
            self.assertNotIn(b"\r\n250", mailer.rest())
            self.upstream.wait_finished()
            self.assertEqual(self.upstream.whole, [])


class SeedFaults(transactions.Case):
    """What the Go proxy does, whose place is taken here."""

    def test_a_half_message_is_not_completed_by_quit(self):
        upstream = self.enterContext(Upstream())
        mailrace = self.start([upstream.address])
        for half in (b"Subject: half\r\n\r\nhalf", b"Subject: half\r\n\r\nhalf\r\n", b"Subject: half\r\n\r\nhalf\r\n."):
            mailer = self.mailer(mailrace).begun()
            mailer.send(half)
            wait_until(lambda: upstream.partial and upstream.partial[-1].wire, "the half message at the upstream")
            mailer.close()
            wait_until(lambda: upstream.finished == len(upstream.connections), "the end at the upstream")
            self.assertEqual(upstream.whole, [])
            wire = bytes(upstream.connections[-1].received).partition(b"DATA\r\n")[2]
            self.assertTrue(half.startswith(wire), wire)
            upstream.forget()

    def test_no_half_open_upstream_after_a_refused_first_recipient(self):
        """Its second recipient is not sent to an upstream that knows nothing of the message."""
        for step in ("connect", "ehlo", "mail", "rcpt"):
            for answer in (b"451 4.0.0 not now\r\n", b"550 5.0.0 never\r\n", fin, reset):
                if step == "ehlo" and answer == b"550 5.0.0 never\r\n":
                    continue  # It is told HELO, and takes that.
                with self.subTest(step=step, answer=answer):
                    upstream = self.enterContext(Upstream(faults={step: [answer]}))
                    mailer = self.mailer(self.start([upstream.address]))
                    mail, first = mailer.begin()
                    self.assertCode(mail, "250")
                    self.assertIn(first[:1], (b"4", b"5"))
                    self.assertCode(mailer.ask("RCPT TO:<c@upstream.test>"), "250 2.1.5 recipient fine")
                    mailer.ask("DATA")
                    self.assertCode(mailer.finish(message("second")), "250")
                    [delivery] = upstream.whole
                    self.assertEqual(delivery.recipients, [b"RCPT TO:<c@upstream.test>\r\n"])
                    self.assertNotIn(b"503", b"".join(getattr(peer, "last_answer", b"") for peer in upstream.connections))

    def test_several_routes_do_not_double_a_message(self):
        one, other = self.enterContext(Upstream()), self.enterContext(Upstream())
        table = self.enterContext(transactions.Map({"one.test": one.address, "other.test": other.address}))
        for way in ("defer", "first"):
            with self.subTest(way):
                mailrace = self.start([one.address], listener=f'multi_route = "{way}"', tables=table.tables)
                mailer = self.mailer(mailrace)
                mail, first, second, third = mailer.begin(["b@one.test", "c@other.test", "d@one.test"])
                self.assertCode(first, "250")
                self.assertCode(second, "452 4.5.3" if way == "defer" else "250")
                self.assertCode(third, "250")
                self.assertCode(mailer.ask("DATA"), "354")
                self.assertCode(mailer.finish(message(way)), "250")
                [delivery] = one.whole
                self.assertEqual(other.deliveries, [])
                self.assertEqual(len(delivery.recipients), 2 if way == "defer" else 3)
                if way == "defer":
                    self.assertCode(mailer.deliver(message("again"), ["c@other.test"]), "250")
                    self.assertEqual((len(one.whole), other.contents), (1, [message("again")]))
                mailer.leave()
                one.forget()
                other.forget()


class FailureTable(transactions.Case):
    """Events that have a reply of their own, one by one."""

    def refused(self, servers, code, content=b"", parameters="", recipients=("b@upstream.test",), **options):
        """A message that is refused; gives the client, whose session goes on."""
        mailer = self.mailer(self.start(servers, **options))
        self.assertCode(mailer.deliver(content or message("x"), recipients, parameters=parameters), code)
        self.assertCode(mailer.ask("NOOP"), "250")
        return mailer

    def test_nobody_listens(self):
        self.refused([f"{HOST}:{programs.free_port()}"], "451 4.4.1")

    def test_nobody_accepts(self):
        with scripted.FullServer() as full:
            self.refused([full.address], "451 4.4.1", upstream='connect_timeout = "400ms"')

    def test_another_server_is_tried(self):
        upstream = self.enterContext(Upstream())
        mailer = self.mailer(self.start([f"{HOST}:{programs.free_port()}", upstream.address]))
        self.assertCode(mailer.deliver(message("x")), "250")

    def test_the_greeting_refuses(self):
        for greeting in (b"554 5.3.2 not you\r\n", b"450 4.3.2 later\r\n"):
            with self.subTest(greeting):
                self.refused([self.enterContext(Upstream(always={"connect": greeting})).address], "451 4.4.1")

    def test_no_tls(self):
        upstream = self.enterContext(Upstream())
        self.refused([upstream.address], "451 4.7.5", upstream='tls = "required"\ntls_verify = false')
        self.assertNotIn(b"MAIL", b"".join(upstream.connections[0].commands))

    def test_a_certificate_that_is_not_valid(self):
        context = scripted.server_context(certificates.upstream())
        upstream = self.enterContext(sink.Sink(tls=context))
        self.refused([f"localhost:{upstream.port}"], "451 4.7.5", upstream='tls = "required"')
        self.assertEqual(upstream.messages, [])

    def test_no_route(self):
        upstream = self.enterContext(Upstream())
        table = self.enterContext(transactions.Map({"one.test": upstream.address}))
        text = transactions.configuration([upstream.address], tables=table.tables).replace('upstream = "backend"\n', "", 1)
        mailer = self.mailer(self.enterContext(relay.Mailrace(text)).wait_ready())
        self.assertCode(mailer.deliver(message("x"), ["b@other.test"]), "554 5.7.1")
        self.assertCode(mailer.ask("DATA"), "554 5.5.1")
        mailer.ask("RSET")
        self.assertCode(mailer.deliver(message("x"), ["b@one.test"]), "250")
        self.assertEqual(len(upstream.connections), 1)

    def test_a_route_that_cannot_be_looked_up(self):
        upstream = self.enterContext(Upstream())

        def fail(peer):
            peer.until(b"\r\n\r\n")
            peer.send("HTTP/1.1 500 no\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        web = self.enterContext(scripted.Server(fail))
        tables = f"""[[listener.mx.route]]
map = "web"
[map.web]
type = "http"
url = "http://{web.address}/"
upstream_settings = "backend"
"""
        mailer = self.refused([upstream.address], "451 4.3.0", tables=tables)
        web.stop()
        mailer.ask("RSET")
        self.assertCode(mailer.deliver(message("x")), "451 4.3.0")
        self.assertEqual(upstream.connections, [])

    def test_too_many_recipients(self):
        upstream = self.enterContext(Upstream())
        mailer = self.mailer(self.start([upstream.address], listener="max_recipients = 2"))
        replies = mailer.begin([f"b{number}@upstream.test" for number in range(4)])
        self.assertEqual([reply[:3] for reply in replies], [b"250", b"250", b"250", b"452", b"452"])
        self.assertCode(replies[3], "452 4.5.3")
        mailer.ask("DATA")
        self.assertCode(mailer.finish(message("x")), "250")
        self.assertEqual(len(upstream.whole[0].recipients), 2)

    def test_too_much(self):
        upstream = self.enterContext(Upstream())
        limit = 'max_message_size = "10KiB"'
        mailer = self.refused([upstream.address], "552 5.3.4", parameters=" SIZE=20000", listener=limit)
        self.assertEqual(upstream.connections, [])
        self.assertCode(mailer.deliver(message("x", 4000)), "552 5.3.4")
        self.assertEqual(upstream.whole, [])

    def test_an_upstream_that_takes_less(self):
        upstream = self.enterContext(Upstream(("SIZE 1000",)))
        mailer = self.mailer(self.start([upstream.address]))
        self.assertCode(mailer.deliver(message("x", 4000), parameters=" SIZE=20000"), "552 5.3.4")
        self.assertEqual(upstream.whole, [])

    def test_orders_that_make_no_sense(self):
        upstream = self.enterContext(Upstream())
        mailer = self.mailer(self.start([upstream.address]))
        for command in ("RCPT TO:<b@upstream.test>", "DATA"):
            self.assertCode(mailer.ask(command), "503 5.5.1")
        self.assertCode(mailer.ask("MAIL FROM:<a@client.test>"), "250")
        for command in ("MAIL FROM:<a@client.test>", "DATA"):
            self.assertCode(mailer.ask(command), "503 5.5.1")
        self.assertCode(mailer.ask("DATA now"), "50")
        self.assertCode(mailer.ask("RCPT TO:<b@upstream.test>"), "250")
        self.assertCode(mailer.ask("MAIL FROM:<a@client.test>"), "503 5.5.1")
        self.assertCode(mailer.ask("EHLO again.test"), "250")
        self.assertCode(mailer.ask("DATA"), "503 5.5.1")
        self.assertCode(mailer.deliver(message("x")), "250")
        self.assertEqual(len(upstream.whole), 1)

    def test_who_does_not_wait_for_the_354(self):
        """What comes behind DATA too early could be commands as well as a message."""
        upstream = self.enterContext(Upstream())
        mailrace = self.start([upstream.address])
        for early in (b"Subject: x\r\n\r\n.\r\n", b"\r\n", b".\r\n", b"MAIL FROM:<evil@client.test>\r\n"):
            with self.subTest(early):
                mailer = self.mailer(mailrace)
                mailer.begin()
                mailer.send(b"DATA\r\n" + early)
                self.assertRegex(mailer.rest(), rb"^5(03|54) 5\.5\.0 ")
        self.assertEqual(upstream.whole, [])

    def test_lmtp_has_one_recipient_a_message(self):
        upstream = self.enterContext(Upstream(("PIPELINING", "8BITMIME"), lmtp=True))
        mailer = self.mailer(self.start([upstream.address], upstream='protocol = "lmtp"'))
        replies = mailer.begin(["b@upstream.test", "c@upstream.test"])
        self.assertCode(replies[1], "250")
        self.assertCode(replies[2], "452 4.5.3")
        mailer.ask("DATA")
        self.assertCode(mailer.finish(message("one")), "250")
        self.assertCode(mailer.deliver(message("two"), ["c@upstream.test"]), "250")
        self.assertEqual(upstream.contents, [message("one"), message("two")])
        self.assertTrue(upstream.connections[0].commands[0].startswith(b"LHLO "))


if __name__ == "__main__":
    unittest.main()
