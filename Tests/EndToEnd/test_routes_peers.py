"""Routes by recipient between programs that others wrote: Postfix, Dovecot's LMTP and smtp-sink behind one listener."""

import collections
import itertools
import json
import re
import smtplib
import tempfile
import unittest

from harness import HOST, PATIENCE_S, clients, dovecot, peers, postfix, routes, sink
from harness.programs import run, wait_until

SENDER = "a@client.test"
# A recipient of each upstream: what is a mailbox here is an address there.
PLAIN, XCLIENT, LMTP, SINK, OURS = (
    f"{user}.test" for user in ("joe@plain", "joe@xclient", "joe@lmtp", "joe@sink", "joe@ours"))
UPSTREAMS = ["plain", "xclient", "lmtp", "sink", "ours"]


def content(mark):
    """A message that can be found again, with all that is delicate for a relay but for what some server changes."""
    lines = ["From: <a@client.test>", "To: <b@upstream.test>", f"Subject: {mark}"]
    lines += ["Date: Thu, 1 Jan 2026 00:00:00 +0000", f"Message-Id: <{mark}@client.test>", ""]
    lines += [".", "..", ".hidden", "", "x" * 900, "the last line of it"]
    return ("\r\n".join(lines) + "\r\n").encode()


def send_obeying(port, recipients, message):
    """A client that does as RFC 5321 section 4.5.3.1.10 says: who is put off (452) gets a message of his own.

    Gives how many transactions it took.
    """
    count = 0
    with smtplib.SMTP(HOST, port, "client.test", PATIENCE_S) as client:
        client.ehlo()
        while recipients:
            count += 1
            client.mail(SENDER)
            replies = [(recipient, client.rcpt(recipient)) for recipient in recipients]
            if replies[0][1][0] != 250 or any(code not in (250, 452) for _, (code, _) in replies):
                raise AssertionError(f"{count}: {replies}")
            if any(not text.startswith(b"4.5.3 ") for _, (code, text) in replies if code == 452):
                raise AssertionError(f"{count}: {replies}")
            code, text = client.data(message)
            if code != 250:
                raise AssertionError(f"{count}: {code} {text}")
            recipients = [recipient for recipient, (code, _) in replies if code == 452]
    return count


@unittest.skipUnless(postfix.can_run() and dovecot.can_deliver(), "no Postfix or no Dovecot with LMTP")
class Case(unittest.TestCase):
    """One listener before all of them."""

    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        authorized = ["smtpd_authorized_xclient_hosts=127.0.0.0/8"]
        cls.postfix = cls.enterClassContext(postfix.Postfix(plain=[], xclient=authorized))
        cls.dovecot = cls.enterClassContext(dovecot.DovecotLMTP())
        cls.sink = cls.enterClassContext(peers.PostfixSink())
        cls.ours = cls.enterClassContext(sink.Sink())
        upstreams = {
            "plain": cls.postfix.address_of("plain"),
            "xclient": cls.postfix.address_of("xclient"),
            "lmtp": {"servers": json.dumps([cls.dovecot.address]), "protocol": '"lmtp"'},
            "sink": cls.sink.address,
            "ours": cls.ours.address,
        }
        pairs = [(f"{name}.test", name) for name in UPSTREAMS]
        cls.mailrace = cls.enterClassContext(routes.Routes(upstreams, pairs, folder))

    def copies(self, mark):
        """Who has got how many copies of the message; each is compared with what was sent."""
        whole, mark, found = content(mark), mark.encode(), collections.Counter()
        for message in self.postfix.sink.messages + self.ours.messages:
            if mark in message.wire:
                self.assertTrue(message.content.endswith(whole), message.content)
                lines = [line for line in message.commands if line.upper().startswith(b"RCPT")]
                found.update(re.search(rb"<(.*?)>", line).group(1).decode() for line in lines)
        for user in self.dovecot.USERS:
            for message in self.dovecot.mailbox(f"{user}@lmtp.test"):
                if mark in message:
                    self.assertTrue(message.endswith(whole), message)
                    found[f"{user}@lmtp.test"] += 1
        for message in self.sink.contents_now:
            if mark in message:
                head, _, rest = message.partition(b"\r\nReceived:")
                if not rest.endswith(whole):  # It is being written.
                    continue
                found.update(address.decode() for address in re.findall(rb"X-Rcpt-Args: <(.*?)>", head))
        return found

    def assert_delivered(self, mark, recipients):
        expected = collections.Counter(recipients)
        wait_until(lambda: self.copies(mark).keys() >= expected.keys(), f"{mark} at {recipients}: {self.copies(mark)}")
        self.assertEqual(self.copies(mark), expected)


class Mixes(Case):
    def test_two_recipients_of_every_mix(self):
        for number, pair in enumerate(itertools.permutations([PLAIN, XCLIENT, LMTP, SINK, OURS], 2)):
            with self.subTest(pair):
                mark = f"pair-{number}-"
                self.assertEqual(send_obeying(self.mailrace.port(), list(pair), content(mark)), 2)
                self.assert_delivered(mark, pair)

    def test_many_recipients(self):
        """What has one place goes as one message, wherever in the list it stands; LMTP takes one at a time."""
        recipients = [f"{user}@{name}.test" for user in ("joe", "ann") for name in UPSTREAMS]
        self.assertEqual(send_obeying(self.mailrace.port(), recipients, content("many-")), len(UPSTREAMS) + 1)
        self.assert_delivered("many-", recipients)

    def test_what_an_upstream_refuses_is_refused_and_the_others_get_theirs(self):
        with smtplib.SMTP(HOST, self.mailrace.port(), "client.test", PATIENCE_S) as client:
            client.ehlo()
            client.mail(SENDER)
            code, text = client.rcpt("nobody@lmtp.test")
            self.assertEqual((code, text[:5]), (550, b"5.1.1"))
            # Nothing binds the message to where it was refused.
            self.assertEqual(client.rcpt(OURS)[0], 250)
            self.assertEqual(client.rcpt("nobody@nowhere.test")[0], 554)
            self.assertEqual(client.data(content("refused-"))[0], 250)
        self.assert_delivered("refused-", [OURS])

    def test_the_log_tells_where_each_went(self):
        before = len(self.mailrace.messages(0) or [])
        send_obeying(self.mailrace.port(), [PLAIN, LMTP], content("logged-"))
        first, second = self.mailrace.messages(before + 2)[before:]
        self.assertEqual([first["transaction"], second["transaction"]], [1, 2])
        for record, recipient, name in [(first, PLAIN, "plain"), (second, LMTP, "lmtp")]:
            self.assertEqual((record["sender"], record["recipients"]), (SENDER, [recipient]))
            self.assertEqual((record["source"], record["route"]), ("customers", name))
            self.assertEqual((record["outcome"], record["code"], record["origin"]), ("accepted", 250, "upstream"))
            self.assertEqual(record["size"], len(content("logged-")))
        self.assertEqual((first["recipients_accepted"], first["recipients_refused"]), (1, 1))
        self.assertEqual(first["upstream"], self.postfix.address_of("plain"))
        self.assertIn("queued as", first["reply"])

    def test_postfix_learns_who_the_client_is_where_it_asks(self):
        with smtplib.SMTP(HOST, self.mailrace.port(), "client.test", PATIENCE_S, ("127.0.0.77", 0)) as client:
            client.sendmail(SENDER, [XCLIENT], content("xclient-"))
        self.assert_delivered("xclient-", [XCLIENT])
        self.assertIn("[127.0.0.77]", self.postfix.arrived(b"xclient-").decode())

    def test_messages_of_one_session_each_go_their_own_way(self):
        recipients = [PLAIN, LMTP, OURS, SINK, XCLIENT] * 2
        with smtplib.SMTP(HOST, self.mailrace.port(), "client.test", PATIENCE_S) as client:
            for number, recipient in enumerate(recipients):
                client.sendmail(SENDER, [recipient], content(f"own-way-{number}-"))
        for number, recipient in enumerate(recipients):
            self.assert_delivered(f"own-way-{number}-", [recipient])


class PostfixSends(Case):
    """Postfix as the client: it obeys 452, and Mailrace has no queue to help it."""

    def test_it_delivers_all_copies_once(self):
        address = f"{HOST}:{self.mailrace.port()}"
        recipients = [f"{user}@{name}.test" for user in ("joe", "ann") for name in UPSTREAMS]
        with postfix.Postfix(relayhost=address) as sender:
            with smtplib.SMTP(HOST, sender.ports["plain"], "client.test", PATIENCE_S) as client:
                client.sendmail(SENDER, recipients, content("queued-"))
            sender.wait_empty()
            for recipient in recipients:
                sent = re.findall(rf"to=<{re.escape(recipient)}>, .*status=sent", sender.log)
                self.assertEqual(len(sent), 1, sender.log)
            self.assertIn("452 4.5.3", sender.log)
            self.assertNotIn("status=bounced", sender.log)
        self.assert_delivered("queued-", recipients)


class SmtpSource(Case):
    @unittest.skipUnless(clients.are_installed(), "no smtp-source")
    def test_many_sessions_at_once(self):
        """Postfix's load generator against each upstream in turn; none is lost, none comes twice."""
        before = len(self.ours.messages)
        done = run(
            ["/usr/sbin/smtp-source", "-c", "-m", "200", "-s", "20", "-l", "2000", "-f", SENDER, "-t", OURS]
            + ["-M", "client.test", f"{HOST}:{self.mailrace.port()}"]
        )
        self.assertEqual(done.returncode, 0, done.stdout)
        wait_until(lambda: len(self.ours.messages) - before >= 200, "200 messages")
        self.assertEqual(len(self.ours.messages) - before, 200)


if __name__ == "__main__":
    unittest.main()
