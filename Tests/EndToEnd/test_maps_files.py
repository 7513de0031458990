"""A file of routes says where mail goes, and is read again when it changes."""

import os
import tempfile
import unittest

from harness import relay, sink
from harness.programs import wait_until
from harness.routes import RecipientCases, Routes, rows

# One client asks for more than is usual.
LIMITS = "max_errors = 1000\nmax_commands = 10000\n"
READ_AGAIN = "the file of a map was read again"


class Files(RecipientCases, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.one, cls.two = (cls.enterClassContext(sink.Sink()) for _ in range(2))

    def setUp(self):
        self.directory = self.enterContext(tempfile.TemporaryDirectory(prefix="mailrace-routes-"))

    def start(self, pairs, **options):
        upstreams = {"one": self.one.address, "two": self.two.address}
        return self.enterContext(Routes(upstreams, pairs, self.directory, listener=LIMITS, **options))

    def is_known(self, client, recipient):
        return self.rcpt(client, recipient).startswith(b"250")

    def test_a_change_is_seen(self):
        mailrace = self.start([("joe@one.test", "one")])
        client = self.client(mailrace)
        self.assertTrue(self.is_known(client, "joe@one.test"))
        self.assertRegex(self.rcpt(client, "ann@two.test"), rb"^554 5\.7\.1 ")
        mailrace.write_map([("two.test", self.two.address)])
        wait_until(lambda: self.is_known(client, "ann@two.test"), "the new route")
        self.assertRegex(self.rcpt(client, "joe@one.test"), rb"^554 5\.7\.1 ")
        self.assertEqual(mailrace.wait_message(READ_AGAIN)[0]["keys"], "1")

    def test_a_file_may_be_written_in_place(self):
        mailrace = self.start([("joe@one.test", "one")])
        client = self.client(mailrace)
        with open(mailrace.map_file, "a") as file:
            file.write("ann@one.test;two\n")
        wait_until(lambda: self.is_known(client, "ann@one.test"), "the new route")
        self.assertTrue(self.is_known(client, "joe@one.test"))

    def test_a_bad_file_changes_nothing(self):
        mailrace = self.start([("joe@one.test", "one")])
        client = self.client(mailrace)
        bad = [b"key;server\njoe@one.test;two\nann@one.test\n", b"key;server\n\xff@one.test;two\n", b"x" * 5000]
        for count, text in enumerate(bad, 1):
            with open(f"{mailrace.map_file}.new", "wb") as file:
                file.write(text)
            os.rename(f"{mailrace.map_file}.new", mailrace.map_file)
            said = "the file of a map has changed, the former routes stay in use: "

            def errors():
                return [line for line in mailrace.program.output.splitlines() if said in line]

            wait_until(lambda: len(errors()) >= count, f"{count} errors in the log:\n{mailrace.program.output}")
            self.assertTrue(self.is_known(client, "joe@one.test"))
            self.assertRegex(self.rcpt(client, "ann@one.test"), rb"^554 ")
        mailrace.write_map([("ann@one.test", "one")])
        wait_until(lambda: self.is_known(client, "ann@one.test"), "the new route")

    def test_a_file_that_goes_changes_nothing(self):
        mailrace = self.start([("joe@one.test", "one")])
        client = self.client(mailrace)
        os.remove(mailrace.map_file)
        wait_until(lambda: "No such file" in mailrace.program.output, "an error in the log")
        self.assertTrue(self.is_known(client, "joe@one.test"))

    def test_a_link_may_lead_elsewhere(self):
        for name, server in [("old", "one"), ("new", "two")]:
            os.mkdir(f"{self.directory}/{name}")
            with open(f"{self.directory}/{name}/customers.csv", "w") as file:
                file.write(rows([(f"{name}@one.test", server)]))
        os.symlink("old", f"{self.directory}/current")
        os.symlink("current/customers.csv", f"{self.directory}/customers.csv")
        upstreams = {"one": self.one.address, "two": self.two.address}
        mailrace = Routes(upstreams, None, self.directory, tables=self.table(), listener=self.route())
        self.enterContext(mailrace)
        client = self.client(mailrace)
        self.assertTrue(self.is_known(client, "old@one.test"))
        # In one step, as whoever deploys does it.
        os.symlink("new", f"{self.directory}/next")
        os.rename(f"{self.directory}/next", f"{self.directory}/current")
        wait_until(lambda: self.is_known(client, "new@one.test"), "the new route")
        self.assertRegex(self.rcpt(client, "old@one.test"), rb"^554 ")

    def table(self):
        file = f"{self.directory}/customers.csv"
        return f'[map.customers]\ntype = "csv"\nfile = "{file}"\nupstream_settings = "one"\n'

    def route(self):
        return f'{LIMITS}relaying = "transaction"\n[[listener.mx.route]]\nmap = "customers"'

    def test_a_change_reaches_all_shards_and_no_session_that_has_asked(self):
        mailrace = self.start([("joe@one.test", "one")], shards=2)
        clients = [self.client(mailrace) for _ in range(6)]
        before = len(self.one.messages)
        for client in clients:
            self.assertTrue(self.is_known(client, "joe@one.test"))
        mailrace.write_map([("joe@one.test", "two")])
        mailrace.wait_message(READ_AGAIN)
        for client in clients:
            client.ask("DATA")
            client.send("Subject: asked before\r\n\r\ntext\r\n")
            self.assertRegex(client.ask("."), rb"^250")
        self.assertEqual(len(self.one.messages), before + len(clients))
        before = len(self.two.messages)
        for client in clients:
            self.assertTrue(self.is_known(client, "joe@one.test"))
            client.ask("DATA")
            client.send("Subject: asked afterwards\r\n\r\ntext\r\n")
            self.assertRegex(client.ask("."), rb"^250")
        self.assertEqual(len(self.two.messages), before + len(clients))

    def test_many_changes_lose_no_answer(self):
        mailrace = self.start([("joe@one.test", "one")])
        client = self.client(mailrace)
        for number in range(200):
            mailrace.write_map([("joe@one.test", "one"), (f"{number}@one.test", "two")])
            self.assertTrue(self.is_known(client, "joe@one.test"), number)
        wait_until(lambda: self.is_known(client, "199@one.test"), "the last route")

    def test_a_start_needs_a_good_file(self):
        file = f"{self.directory}/customers.csv"
        with open(file, "w") as opened:
            opened.write("key;server\n# a comment\n\njoe@one.test;one\nann@one.test; \n")
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as configuration:
            text = relay.configuration(["127.0.0.1:25"], listener='depth = "envelope"', tables=self.table())
            configuration.write(text.replace("[upstream.backend]", "[upstream.one]").replace('"backend"', '"one"'))
            configuration.flush()
            for command in ["check", "run"]:
                done = relay.mailrace(command, "--config", configuration.name)
                self.assertEqual(done.returncode, 78, done.stdout)
                self.assertRegex(done.stdout, rf"map\.customers\.file: {file}: line 5: ")


if __name__ == "__main__":
    unittest.main()
