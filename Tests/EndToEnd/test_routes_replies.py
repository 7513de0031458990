"""What clients are told where each message goes its own way, and what is known of the Go proxy whose place is taken."""

import unittest

from harness import HOST, certificates, programs, relay, scripted, sink, transactions
from harness.mailer import message, stuffed
from harness.programs import wait_until
from harness.upstream import Upstream, fin, reset


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
                    answers = [getattr(peer, "last_answer", b"") for peer in upstream.connections]
                    self.assertNotIn(b"503", b"".join(answers))

    def test_who_is_told_of_limits_keeps_them(self):
        """RFC 9422: recipients of several routes are put off, and that can be known before."""
        upstream = self.enterContext(Upstream())
        table = self.enterContext(transactions.Map({"one.test": upstream.address}))
        for way in ("defer", "first"):
            with self.subTest(way):
                mailrace = self.start([upstream.address], listener=f'multi_route = "{way}"', tables=table.tables)
                offered = self.mailer(mailrace).offered
                self.assertEqual(b"LIMITS " in offered, way == "defer", offered)

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
        for number, (listener, code) in enumerate([("", 554), ("relay_denied_code = 550", 550)], 1):
            text = transactions.configuration([upstream.address], listener=listener, tables=table.tables)
            text = text.replace('upstream = "backend"\n', "", 1)
            mailer = self.mailer(self.enterContext(relay.Mailrace(text)).wait_ready())
            self.assertCode(mailer.begin(["b@other.test"])[-1], f"{code} 5.7.1 Relay access denied")
            self.assertCode(mailer.ask("DATA"), "554 5.5.1")
            mailer.ask("RSET")
            self.assertCode(mailer.deliver(message("x"), ["b@one.test"]), "250")
            self.assertEqual(len(upstream.connections), number)

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

    def test_an_upstream_that_takes_seven_bits(self):
        """What nobody has declared is found out on the way, and ends there."""
        upstream = self.enterContext(Upstream(("PIPELINING", "CHUNKING")))
        mailer = self.mailer(self.start([upstream.address]))
        content = message("eight", 500) + b"gr\xfc\xdfe\r\n" + message("bits", 500)
        self.assertCode(mailer.deliver(content), "554 5.6.3")
        self.assertCode(mailer.deliver_chunks([content[:100], content[100:]]), "554 5.6.3")
        mailer.ask("RSET")
        self.assertEqual(upstream.whole, [])
        self.assertCode(mailer.deliver(message("seven")), "250")

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

    def test_some_recipients_are_refused(self):
        """The message goes to the others, and to them alone."""
        answers = [None, b"550 5.1.1 nobody\r\n", None, b"452 4.2.2 full\r\n"]
        upstream = self.enterContext(Upstream(faults={"rcpt": answers}))
        mailer = self.mailer(self.start([upstream.address]))
        replies = mailer.begin([f"b{number}@upstream.test" for number in range(4)])
        self.assertEqual([reply[:3] for reply in replies], [b"250", b"250", b"550", b"250", b"452"])
        mailer.ask("DATA")
        self.assertCode(mailer.finish(message("some")), "250")
        [delivery] = upstream.whole
        self.assertEqual(delivery.recipients, [f"RCPT TO:<b{number}@upstream.test>\r\n".encode() for number in (0, 2)])

    def test_groups_of_commands(self):
        """What comes behind the end of a message is the next one's."""
        upstream = self.enterContext(Upstream())
        mailer = self.mailer(self.start([upstream.address]))
        envelope = b"MAIL FROM:<a@client.test>\r\nRCPT TO:<b@upstream.test>\r\nDATA\r\n"
        mailer.send(envelope)
        self.assertEqual([mailer.reply()[:3] for _ in range(3)], [b"250", b"250", b"354"])
        mailer.send(stuffed(message("one")) + b".\r\n" + envelope)
        self.assertEqual([mailer.reply()[:3] for _ in range(4)], [b"250", b"250", b"250", b"354"])
        mailer.send(stuffed(message("two")) + b".\r\nNOOP\r\nQUIT\r\n")
        self.assertEqual([mailer.reply()[:3] for _ in range(3)], [b"250", b"250", b"221"])
        self.assertEqual(upstream.contents, [message("one"), message("two")])

    def test_groups_without_a_recipient(self):
        upstream = self.enterContext(Upstream(always={"rcpt": b"550 5.1.1 nobody\r\n"}))
        mailer = self.mailer(self.start([upstream.address]))
        mailer.send("MAIL FROM:<a@client.test>\r\nRCPT TO:<b@upstream.test>\r\nDATA\r\n")
        self.assertEqual([mailer.reply()[:9] for _ in range(3)][1:], [b"550 5.1.1", b"554 5.5.1"])
        self.assertCode(mailer.ask("NOOP"), "250")
        self.assertEqual(upstream.deliveries, [])

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
