"""What every database that routes recipients has to stand: one of these for each is in a file of its own."""

import time
import unittest

from . import relay, scripted, sink
from .databases import can_run
from .programs import wait_until
from .routes import RecipientCases, Routes

# Of a map's questions, in seconds.
TIMEOUT_S = 1
LISTENER = 'relaying = "transaction"\n[[listener.mx.route]]\nmap = "customers"'


class DatabaseCases(RecipientCases):
    """Mixed into a TestCase that names its `kind` of database."""

    kind = None

    @classmethod
    def setUpClass(cls):
        if not can_run(cls.kind):
            raise unittest.SkipTest(f"no {cls.kind.__name__} to ask")
        cls.database = cls.enterClassContext(cls.kind())
        cls.one, cls.two = (cls.enterClassContext(sink.Sink()) for _ in range(2))
        cls.database.put("joe@one.test", cls.one.address)
        cls.database.put("two.test", cls.two.address, "no")

    def start(self, more="", **options):
        """Mailrace with the database as its only map."""
        more = f'upstream_settings = "backend"\ntimeout = "{TIMEOUT_S}s"\n{more}'
        tables = self.database.table("customers", more=more, **options)
        upstreams = {"backend": self.one.address}
        program = relay.watched_binary()
        mailrace = self.enterContext(Routes(upstreams, listener=LISTENER, tables=tables, program=program))
        self.addCleanup(lambda: self.assertEqual(relay.long_turns(mailrace, TIMEOUT_S * 500), []))
        return mailrace

    def wait_until_known(self, mailrace, recipient):
        def is_known():
            # One that has been refused too often is shown out.
            with scripted.Client(mailrace.port()) as client:
                client.reply()
                client.ask("EHLO client.test")
                return self.rcpt(client, recipient).startswith(b"250")

        wait_until(is_known, f"{recipient} to be known")

    def refuses_in_time(self, client, recipient):
        begun = time.monotonic()
        self.assertRegex(self.rcpt(client, recipient), rb"^451 4\.3\.0 ")
        self.assertLess(time.monotonic() - begun, 2 * TIMEOUT_S)

    def send(self, client, recipient, mark):
        self.assertTrue(self.rcpt(client, recipient).startswith(b"250"))
        client.ask("DATA")
        client.send(f"Subject: {mark}\r\n\r\ntext\r\n")
        self.assertTrue(client.ask(".").startswith(b"250"))

    # The cases.

    def test_mail_goes_where_the_database_says(self):
        mailrace = self.start()
        client = self.client(mailrace)
        name = self.id().rpartition(".")[2]
        self.send(client, "joe@ONE.test", f"{name} one")
        self.send(client, "ann@two.test", f"{name} two")
        for server, mark in [(self.one, "one"), (self.two, "two")]:
            self.assertEqual(
                [1 for message in server.messages if f"{name} {mark}".encode() in message.content], [1], mark
            )
        for recipient in ["ann@one.test", "nobody@nowhere.test", "o'brien@one.test", "%@one.test"]:
            self.assertRegex(self.rcpt(client, recipient), rb"^5[05]\d 5\.", recipient)

    def test_what_is_changed_is_seen(self):
        client = self.client(self.start())
        self.assertRegex(self.rcpt(client, "o'new@one.test"), rb"^5")
        self.database.put("o'new@one.test", self.one.address)
        self.assertRegex(self.rcpt(client, "o'new@one.test"), rb"^250")
        self.database.remove("o'new@one.test")
        self.assertRegex(self.rcpt(client, "o'new@one.test"), rb"^5")

    def test_what_cannot_be_understood_is_no_answer(self):
        self.database.put("odd@one.test", self.one.address, "maybe")
        self.database.put("odder@one.test", "no server at all")
        mailrace = self.start()
        client = self.client(mailrace)
        for recipient in ["odd@one.test", "odder@one.test"]:
            self.assertRegex(self.rcpt(client, recipient), rb"^451 4\.3\.0 ")
        self.assertRegex(self.rcpt(client, "joe@one.test"), rb"^250")

    def test_it_can_be_asked_from_the_command_line(self):
        mailrace = self.start()
        done = relay.mailrace("route", "--config", mailrace.file, "joe@one.test")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn(self.one.address, done.stdout)
        self.assertEqual(relay.mailrace("route", "--config", mailrace.file, "nobody@one.test").returncode, 1)


class ServerCases(DatabaseCases):
    """Besides, for those that are servers."""

    def test_it_goes_and_comes_back(self):
        mailrace = self.start()
        client = self.client(mailrace)
        self.assertRegex(self.rcpt(client, "joe@one.test"), rb"^250")
        self.database.stop()
        try:
            for _ in range(5):
                self.refuses_in_time(client, "joe@one.test")
        finally:
            self.database.start()
        self.wait_until_known(mailrace, "joe@one.test")

    def test_a_restart_between_two_questions_costs_no_answer(self):
        client = self.client(self.start())
        self.assertRegex(self.rcpt(client, "joe@one.test"), rb"^250")
        self.database.kill()
        self.database.start()
        self.assertRegex(self.rcpt(client, "joe@one.test"), rb"^250")

    def test_it_hangs(self):
        mailrace = self.start()
        clients = [self.client(mailrace) for _ in range(10)]
        other = self.client(mailrace)
        self.assertRegex(self.rcpt(clients[0], "joe@one.test"), rb"^250")
        self.database.pause()
        try:
            for client in clients:
                client.ask("RSET")
                client.ask("MAIL FROM:<a@client.test>")
                client.send("RCPT TO:<joe@one.test>\r\n")
            # Nobody else is kept waiting.
            begun = time.monotonic()
            for _ in range(50):
                self.assertRegex(other.ask("NOOP"), rb"^250")
            self.assertLess(time.monotonic() - begun, TIMEOUT_S)
            for client in clients:
                self.assertRegex(client.reply(), rb"^451 4\.3\.0 ")
        finally:
            self.database.resume()
        self.wait_until_known(mailrace, "joe@one.test")

    def test_it_hangs_from_the_beginning(self):
        self.database.pause()
        try:
            mailrace = self.start()
            client = self.client(mailrace)
            self.refuses_in_time(client, "joe@one.test")
            self.refuses_in_time(client, "joe@one.test")
        finally:
            self.database.resume()
        self.wait_until_known(mailrace, "joe@one.test")

    def test_what_it_said_outlives_it(self):
        mailrace = self.start('cache_ttl = "1ms"\nstale_ttl = "60s"')
        client = self.client(mailrace)
        self.assertRegex(self.rcpt(client, "joe@one.test"), rb"^250")
        self.assertRegex(self.rcpt(client, "nobody@one.test"), rb"^5")
        self.database.stop()
        try:
            self.assertRegex(self.rcpt(client, "joe@one.test"), rb"^250")
            self.refuses_in_time(client, "nobody@one.test")
        finally:
            self.database.start()
        self.wait_until_known(mailrace, "ann@two.test")

    def test_it_listens_on_a_socket(self):
        client = self.client(self.start(by_socket=True))
        self.assertRegex(self.rcpt(client, "joe@one.test"), rb"^250")

    def test_mailrace_ends_while_it_hangs(self):
        mailrace = self.start()
        client = self.client(mailrace)
        self.assertRegex(self.rcpt(client, "joe@one.test"), rb"^250")
        self.database.pause()
        try:
            client.ask("RSET")
            client.ask("MAIL FROM:<a@client.test>")
            client.send("RCPT TO:<joe@one.test>\r\n")
            client.close()
            begun = time.monotonic()
            mailrace.end()
            self.assertLess(time.monotonic() - begun, 10)
        finally:
            self.database.resume()
