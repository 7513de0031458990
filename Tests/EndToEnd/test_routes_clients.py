"""Clients that others wrote, and what they ask for, where each message goes its own way; and what it costs in memory."""

import json
import os
import select
import smtplib
import tempfile
import threading
import unittest

from harness import HOST, PATIENCE_S, admin, certificates, clients, routes, scripted
from harness.mailer import Mailer, message
from harness.programs import find, run
from harness.upstream import Upstream

SENDER = clients.SENDER
FIRST, SECOND = clients.RECIPIENT, "two@second.test"


def forget(upstream):
    """As its own `forget`, but for the connections, which stay for the next message."""
    with upstream.keeping:
        upstream.deliveries.clear()


class Case(unittest.TestCase):
    """Two upstreams by domain."""

    OFFERS = ("PIPELINING", "8BITMIME", "SMTPUTF8", "DSN", "SIZE 1000000", "ENHANCEDSTATUSCODES")

    def start(self, first=None, second=None, **options):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.first = self.enterContext(Upstream(**(first or {"offers": self.OFFERS})))
        self.second = self.enterContext(Upstream(**(second or {"offers": self.OFFERS})))
        # Only who has asked them knows what they have before the first message.
        upstreams = {
            name: {"servers": json.dumps([upstream.address]), "health": '{ probe = "ehlo" }'}
            for name, upstream in (("first", self.first), ("second", self.second))
        }
        pairs = [("upstream.test", "first"), ("second.test", "second")]
        return self.enterContext(routes.Routes(upstreams, pairs, folder, **options))

    def assert_arrived(self, content, *upstreams):
        for upstream in upstreams or (self.first,):
            self.assertEqual(upstream.contents, [content])
            forget(upstream)


@unittest.skipUnless(clients.are_installed() and find("msmtp"), "no swaks or no msmtp")
class Programs(Case):
    def test_with_and_without_tls(self):
        mailrace = self.start(certificate=certificates.ecdsa())
        for client in (clients.swaks, clients.smtplib_client):
            for tls in (False, True):
                with self.subTest(client.__name__, tls=tls):
                    client(mailrace.port(), clients.message(), tls)
                    self.assert_arrived(clients.message())

    def test_msmtp(self):
        mailrace = self.start()
        lines = ["account default", f"host {HOST}", f"port {mailrace.port()}", "domain client.test", f"from {SENDER}"]
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "msmtprc")
            with open(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600), "w") as opened:
                opened.write("\n".join(lines) + "\n")
            done = run(["msmtp", "-C", file, FIRST, "three@upstream.test"], text="Subject: x\n\n.\ntext\n")
            self.assertEqual(done.returncode, 0, done.stdout)
            [delivery] = self.first.whole
            self.assertEqual(len(delivery.recipients), 2)
            self.assertTrue(delivery.content.endswith(b"Subject: x\r\n\r\n.\r\ntext\r\n"), delivery.content)
            # It knows no way to send the second recipient a message of his own, and says so.
            done = run(["msmtp", "-C", file, FIRST, SECOND], text="Subject: x\n\ntext\n")
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("4.5.3", done.stdout)

    def test_smtplib_tells_who_was_put_off(self):
        mailrace = self.start()
        with smtplib.SMTP(HOST, mailrace.port(), "client.test", PATIENCE_S) as client:
            put_off = client.sendmail(SENDER, [FIRST, SECOND, "three@upstream.test"], message("x"))
            self.assertEqual([*put_off], [SECOND])
            self.assertEqual((put_off[SECOND][0], put_off[SECOND][1][:6]), (452, b"4.5.3 "))
            self.assertEqual(client.sendmail(SENDER, [SECOND], message("x")), {})
        self.assertEqual(len(self.first.whole[0].recipients), 2)
        self.assert_arrived(message("x"), self.first, self.second)


class Extensions(Case):
    def test_all_in_one_write(self):
        """MAIL, RCPTs and DATA in one group (RFC 2920), the next message with the end of the first."""
        mailrace = self.start()
        group = f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{FIRST}>\r\nRCPT TO:<{SECOND}>\r\nDATA\r\n"
        with Mailer(mailrace.port()) as client:
            client.send(group)
            replies = [client.reply()[:3] for _ in range(4)]
            self.assertEqual(replies, [b"250", b"250", b"452", b"354"])
            next_group = f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{SECOND}>\r\nDATA\r\n"
            client.send(b"Subject: one\r\n\r\n.\r\n" + next_group.encode())
            replies = [client.reply()[:3] for _ in range(4)]
            self.assertEqual(replies, [b"250", b"250", b"250", b"354"])
            self.assertTrue(client.finish(b"Subject: two\r\n\r\n").startswith(b"250 "))
        self.assertEqual((self.first.contents, self.second.contents), ([b"Subject: one\r\n\r\n"], [b"Subject: two\r\n\r\n"]))

    def test_what_all_upstreams_have_is_offered_and_passed_on(self):
        mailrace = self.start()
        with Mailer(mailrace.port()) as client:
            for word in (b"PIPELINING", b"8BITMIME", b"SMTPUTF8", b"DSN", b"SIZE 1000000", b"ENHANCEDSTATUSCODES"):
                self.assertIn(word, client.offered)
            parameters = " SIZE=100 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=x"
            content = "Subject: grüße\r\n\r\ngrüße\r\n".encode()
            self.assertTrue(client.deliver(content, [FIRST], parameters=parameters).startswith(b"250 "))
            [delivery] = self.first.whole
            for parameter in parameters.split():
                self.assertIn(parameter.encode(), delivery.sender)
        self.assert_arrived(content)

    def test_what_one_has_not_is_not_offered(self):
        mailrace = self.start(second={"offers": ("8BITMIME", "SIZE 5000")})
        with Mailer(mailrace.port()) as client:
            self.assertIn(b"8BITMIME", client.offered)
            self.assertIn(b"SIZE 5000", client.offered)
            for word in (b"SMTPUTF8", b"DSN", b"BINARYMIME", b"REQUIRETLS"):
                self.assertNotIn(word, client.offered)
            # Who asks for it all the same is told so, at the latest when the server is known.
            for parameter, refusal in [("SIZE=5001", b"552 5.3.4 "), ("RET=HDRS", b"555 5.5.4 ")]:
                reply = client.deliver(message("x"), [SECOND], parameters=f" {parameter}")
                self.assertTrue(reply.startswith(refusal), reply)
                client.ask("RSET")
            self.assertTrue(client.deliver(message("x"), [SECOND]).startswith(b"250 "))
        self.assert_arrived(message("x"), self.second)

    def test_chunks(self):
        """BDAT goes on as BDAT where the server takes that, and as DATA where it does not; the message is the same."""
        mailrace = self.start(first={"offers": (*self.OFFERS, "CHUNKING")})
        content = message("chunked", lines=2000)
        for recipient, upstream in [(FIRST, self.first), (SECOND, self.second)]:
            for size in (1, 7, 1000, 65_536, len(content)):
                octets = content[:300] if size < 10 else content
                chunks = [octets[start : start + size] for start in range(0, len(octets), size)]
                for is_split in (False, True):
                    with self.subTest(recipient, size=size, is_split=is_split), Mailer(mailrace.port()) as client:
                        sent = chunks + [b""] if is_split else chunks
                        self.assertTrue(client.deliver_chunks(sent, [recipient]).startswith(b"250 "))
                        [delivery] = upstream.whole
                        whole = octets if octets.endswith(b"\r\n") or delivery.by_chunks else octets + b"\r\n"
                        self.assertEqual(delivery.content, whole)
                        self.assertEqual(delivery.by_chunks, upstream is self.first)
                    forget(upstream)

    def test_what_is_logged_and_counted(self):
        mailrace = self.start(admin=f"{HOST}:0")
        with Mailer(mailrace.port()) as client:
            for _ in range(2):
                self.assertTrue(client.deliver(message("x"), [FIRST]).startswith(b"250 "))
            self.assertTrue(client.deliver(message("x"), ["nobody@nowhere.test"]).startswith(b"554 5.7.1 "))
            client.leave()
        first, second, third = mailrace.messages(3)
        self.assertEqual([record["outcome"] for record in (first, second, third)], ["accepted", "accepted", "unsent"])
        self.assertEqual([record["transaction"] for record in (first, second, third)], [1, 2, 3])
        self.assertEqual((first["reused"], second["reused"]), (False, True))
        self.assertEqual((third["route"], third["code"], third["origin"]), (None, 554, "local"))
        pages = admin.Admin(mailrace)
        route = {"source": "customers", "upstream": "first", "outcome": "accepted"}
        self.assertEqual(pages.metric("mailrace_route_messages_total", stat_prefix="mx", **route), 2)
        self.assertEqual(pages.metric("mailrace_messages_total", stat_prefix="mx", outcome="unsent"), 1)
        self.assertEqual(pages.metric("mailrace_recipient_refusals_total", stat_prefix="mx", code="554"), 1)
        self.assertEqual(pages.metric("mailrace_message_size_bytes_count", stat_prefix="mx"), 2)
        self.assertEqual(pages.metric("mailrace_message_bytes_accepted_total"), 2 * len(message("x")))

    def test_lhlo_is_for_servers_that_deliver(self):
        mailrace = self.start()
        with Mailer(mailrace.port(), hello=None) as client:
            self.assertTrue(client.ask("LHLO client.test").startswith(b"5"))


class Halting(scripted.Server):
    """A server that stops reading at the beginning of each message until it is let go on, and counts what it gets."""

    def __init__(self):
        self.may_go_on, self.sizes = threading.Event(), []
        super().__init__(self._serve)

    def _serve(self, peer):
        peer.send("220 upstream.test ESMTP\r\n")
        while line := peer.line():
            verb = line.split()[0].upper()
            if verb == b"DATA":
                peer.send("354 go on\r\n")
                self.may_go_on.wait(PATIENCE_S)
                self._read(peer)
            peer.send({b"EHLO": "250-upstream.test\r\n250 SIZE 0\r\n"}.get(verb, "250 2.0.0 fine\r\n"))
            if verb == b"QUIT":
                return

    def _read(self, peer):
        size, end = 0, b""
        while not end.endswith(b"\r\n.\r\n"):
            if not (data := peer.take(len(peer.pending)) or peer.socket.recv(1 << 20)):
                return
            size, end = size + len(data), (end + data)[-5:]
        self.sizes.append(size)


def resident(process):
    """What it holds in memory, in bytes."""
    with open(f"/proc/{process}/status") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmRSS"))


class Memory(unittest.TestCase):
    LINE = b"x" * 998 + b"\r\n"
    LARGE = 64 << 10  # Lines, of a thousand bytes: 64 MiB and less.
    GROWTH_MAX = 4 << 20

    def test_a_large_message_waits_for_a_slow_server_outside(self):
        """Who reads slowly slows down who sends: nothing is heaped up between them."""
        with Halting() as upstream:
            listener = 'max_message_size = "100MiB"'
            mailrace = self.enterContext(routes.Routes({"only": upstream.address}, fallback="only", listener=listener))
            process = mailrace.program.process.pid
            upstream.may_go_on.set()
            with Mailer(mailrace.port()) as client:
                self.assertTrue(client.deliver(self.LINE).startswith(b"250 "))
                upstream.may_go_on.clear()
                before = resident(process)
                client.begun()
                sent, most = 0, 0
                client.socket.setblocking(False)
                batch = self.LINE * 64
                # Until nobody takes any more: what is between the two is full then, in the kernel.
                unsent = batch
                while select.select([], [client.socket], [], 1)[1]:
                    unsent = unsent[client.socket.send(unsent) :] or batch
                    sent += len(batch) if unsent is batch else 0
                    most = max(most, resident(process))
                self.assertLess(sent, self.LARGE * 1000, "it was to be held up")
                upstream.may_go_on.set()
                client.socket.settimeout(PATIENCE_S)
                client.send(unsent)
                sent += len(batch)
                while sent < self.LARGE * 1000:
                    client.send(batch)
                    sent += len(batch)
                    most = max(most, resident(process))
                self.assertTrue(client.finish(b"").startswith(b"250 "))
            self.assertEqual(upstream.sizes, [len(self.LINE) + 3, sent + 3])
            self.assertLess(most - before, self.GROWTH_MAX)


if __name__ == "__main__":
    unittest.main()
