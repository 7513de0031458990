"""Connections to upstreams that carry several messages, of one session and of several; and die at any time."""

import re
import smtplib
import threading
import unittest

from harness import HOST, PATIENCE_S, postfix, routes, transactions
from harness.mailer import Mailer, message
from harness.upstream import OFFERS, Upstream, fin, reset, saying


class Reuse(transactions.Case):
    def begin(self, upstream="", offers=OFFERS, **options):
        self.upstream = self.enterContext(Upstream(offers))
        upstream = upstream if "idle_connections" in upstream else f"idle_connections = 4\n{upstream}"
        self.mailrace = self.start([self.upstream.address], upstream=upstream, **options)

    def send(self, mark, sender="a@client.test"):
        """One message of a session of its own; gives the reply."""
        with Mailer(self.mailrace.port()) as mailer:
            reply = mailer.deliver(message(mark), sender=sender)
            mailer.leave()
            return reply

    def delivered(self, *marks):
        for mark in marks:
            self.assertCode(self.send(mark), "250 2.0.0 accepted by upstream")
        self.assertEqual(self.upstream.contents[-len(marks) :], [message(mark) for mark in marks])

    def test_sessions_share_a_connection(self):
        self.begin()
        self.delivered("one", "two", "three")
        self.assertEqual(len(self.upstream.connections), 1)

    def test_nothing_of_a_message_stays(self):
        """One is given up before its body, and another follows: sender and recipients of the first are forgotten."""
        self.begin()
        with Mailer(self.mailrace.port()) as mailer:
            mailer.begin(["first@upstream.test", "second@upstream.test"], sender="first@client.test")
            mailer.leave()
        self.delivered("next")
        [delivery] = self.upstream.whole
        self.assertEqual(delivery.recipients, [b"RCPT TO:<b@upstream.test>\r\n"])
        self.assertTrue(delivery.sender.startswith(b"MAIL FROM:<a@client.test>"))

    def test_one_that_was_closed_meanwhile(self):
        """In order, by force, or with a farewell; while nobody looks."""
        for farewell in (fin, reset, saying(b"421 4.4.2 idle for too long\r\n", fin), saying(b"421 4.4.2 idle\r\n")):
            with self.subTest(farewell):
                self.begin()

                def accept_and_go(peer):
                    peer.send(b"250 2.0.0 accepted by upstream\r\n")
                    threading.Event().wait(0.05)
                    farewell(peer)

                self.upstream.faults = {"end": accept_and_go}
                self.assertCode(self.send("one"), "250")
                self.upstream.wait_finished()
                self.delivered("two")

    def test_one_that_dies_at_the_next_message(self):
        """Before it has answered anything, the message can go by another connection, and does; once."""
        for step in ("mail", "rset"):
            for loss in (fin, reset, saying(b"421 4.4.2 idle for too long\r\n", fin)):
                with self.subTest(step=step, loss=loss):
                    self.begin()
                    self.upstream.faults = {step: [None, loss] if step == "mail" else loss}
                    self.delivered("one", "two")
                    self.assertEqual(len(self.upstream.whole), 2)

    def test_one_that_dies_later_is_not_tried_again(self):
        """Nobody knows what it has done by then."""
        for step, code in (("data", "451 4."), ("end", "451 4.4.2")):
            for loss in (fin, reset):
                with self.subTest(step=step, loss=loss):
                    self.begin()
                    self.upstream.faults = {step: [None, loss]}
                    self.delivered("one")
                    self.assertCode(self.send("two"), code)
                    self.assertEqual(len(self.upstream.connections), 1)
                    self.assertEqual(len(self.upstream.whole), 1 + (step == "end"))

    def test_there_is_no_endless_retrying(self):
        self.begin()
        self.delivered("one")
        self.upstream.always = {"mail": fin}
        self.upstream.connections[0].faults["mail"] = fin
        self.assertCode(self.send("two"), "451 4.")
        self.assertEqual(len(self.upstream.connections), 2)

    def test_so_many_messages(self):
        self.begin("max_messages_per_connection = 2")
        self.delivered("one", "two", "three", "four", "five")
        counts = [connection.commands.count(b"DATA\r\n") for connection in self.upstream.connections]
        self.assertEqual(counts, [2, 2, 1])

    def test_for_so_long(self):
        self.begin('idle_timeout = "300ms"')
        self.delivered("one")
        self.upstream.wait_finished()
        self.assertEqual(self.upstream.connections[0].commands[-1], b"QUIT\r\n")
        self.delivered("two")

    def test_none_where_the_upstream_is_told_of_the_client(self):
        """Whoever takes over such a connection would be taken for another."""
        for upstream in ('proxy_protocol = "v1"', 'helo = "client"'):
            with self.subTest(upstream):
                self.begin(upstream)
                if "proxy" in upstream:
                    # Its header is a line that this upstream takes for a command it does not know.
                    self.upstream.always = {"connect": saying_after_header}
                self.send("one")
                self.send("two")
                self.assertEqual(len(self.upstream.connections), 2)

    def test_the_end_lets_go_of_them(self):
        self.begin()
        self.delivered("one")
        self.assertEqual(self.upstream.finished, 0)
        self.mailrace.end()
        self.upstream.wait_finished()
        self.assertEqual(self.upstream.connections[0].commands[-1], b"QUIT\r\n")

    def test_they_give_way(self):
        """Where there may be no more connections, none is kept from those who wait for one."""
        self.begin("max_connections = 1")
        self.delivered("one", "two")
        with Mailer(self.mailrace.port()) as first, Mailer(self.mailrace.port()) as second:
            first.begin()
            second.ask("MAIL FROM:<second@client.test>")
            second.send("RCPT TO:<b@upstream.test>\r\nDATA\r\n")
            self.assertEqual(first.leave()[:3], b"221")
            self.assertEqual([second.reply()[:3] for _ in range(2)], [b"250", b"354"])
            self.assertCode(second.finish(message("second")), "250")

    def test_a_truncated_message_leaves_none(self):
        self.begin()
        self.delivered("one")
        mailer = Mailer(self.mailrace.port()).begun()
        mailer.send(b"Subject: half\r\n\r\nhalf a")
        mailer.close()
        self.upstream.wait_finished()
        self.delivered("two")
        self.assertEqual(len(self.upstream.connections), 2)
        self.assertEqual(self.upstream.contents, [message("one"), message("two")])


@unittest.skipUnless(postfix.can_run(), "no Postfix")
class PostfixIsTold(unittest.TestCase):
    def test_of_each_message_by_its_own_name(self):
        """Two clients send two messages each over one connection: both logs have the same names for them."""
        told = self.enterContext(postfix.Postfix(told=["smtpd_authorized_xforward_hosts=127.0.0.0/8"]))
        mailrace = self.enterContext(routes.Routes({"told": told.address}, fallback="told"))
        for client in ("127.0.0.77", "127.0.0.78"):
            with smtplib.SMTP(HOST, mailrace.port(), "client.test", PATIENCE_S, (client, 0)) as session:
                for number in range(2):
                    session.sendmail("a@client.test", ["joe@told.test"], message(f"{client} {number}"))
        records = mailrace.messages(4)
        self.assertEqual([record["reused"] for record in records], [False, True, True, True])
        for record in records:
            name = re.escape(f"{record['session']}.{record['transaction']}")
            client = re.escape(record["client"].rsplit(":", 1)[0])
            told.wait_log(rf"orig_queue_id={name}, orig_client=\S*\[{client}\]")


def saying_after_header(peer):
    peer.line()
    peer.send(b"220 upstream.test ESMTP\r\n")


if __name__ == "__main__":
    unittest.main()
