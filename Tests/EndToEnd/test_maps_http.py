"""A server of HTTP says where mail goes."""

import socket
import threading
import time
import unittest

from harness import relay, sink
from harness.programs import wait_until
from harness.routes import RecipientCases, Routes
from harness.web import Web, answer

# Of the map's questions, in seconds.
TIMEOUT_S = 1
# One client asks for more than is usual.
LISTENER = 'max_errors = 1000\nmax_commands = 10000\nrelaying = "transaction"\n[[listener.mx.route]]\nmap = "web"'


class HTTP(RecipientCases, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.one, cls.two = (cls.enterClassContext(sink.Sink()) for _ in range(2))

    def web(self, reply=None, **options):
        routes = {"joe@one.test": self.one.address, "two.test": self.two.address}
        return self.enterContext(Web(routes, reply, **options))

    def start(self, web, more=""):
        tables = web.table("web", f'timeout = "{TIMEOUT_S}s"\n{more}')
        upstreams = {"backend": self.one.address}
        program = relay.watched_binary()
        mailrace = self.enterContext(Routes(upstreams, listener=LISTENER, tables=tables, program=program))
        self.addCleanup(lambda: self.assertEqual(relay.long_turns(mailrace, TIMEOUT_S * 500), []))
        return mailrace

    def refuses(self, client, recipient):
        begun = time.monotonic()
        self.assertRegex(self.rcpt(client, recipient), rb"^451 4\.3\.0 ")
        self.assertLess(time.monotonic() - begun, 2 * TIMEOUT_S)

    def wait_until_known(self, client, recipient):
        wait_until(lambda: self.rcpt(client, recipient).startswith(b"250"), f"{recipient} to be known")

    def test_mail_goes_where_it_says(self):
        web = self.web()
        client = self.client(self.start(web))
        for recipient, server in [("joe@ONE.test", self.one), ("a+b/c@two.test", self.two)]:
            count = len(server.messages)
            self.assertRegex(self.rcpt(client, recipient), rb"^250")
            self.assertRegex(client.ask("DATA"), rb"^354")
            client.send(f"Subject: for {recipient}\r\n\r\ntext\r\n")
            self.assertRegex(client.ask("."), rb"^250")
            self.assertEqual(len(server.messages), count + 1)
            self.assertIn(recipient.encode(), server.messages[-1].content)
        self.assertRegex(self.rcpt(client, "ann@three.test"), rb"^554 5\.7\.1 ")
        asked = ["joe%40one.test", "a%2Bb%2Fc%40two.test", "two.test", "ann%40three.test", "three.test"]
        self.assertEqual(web.requests, [f"GET /route/{key} HTTP/1.1" for key in asked])
        self.assertEqual(len(web.connections), 1)

    def test_rubbish_is_no_answer(self):
        bodies = {
            "html": "<html>It works!</html>", "number": '{"server": 25}', "list": "[]", "half": '{"server": "127.',
            "blank": '{"server": "no server at all"}', "other": '{"upstream": "nobody"}', "deep": "[" * 3000,
            "twice": '{"server": "a", "server": "b"}', "huge": '{"x": "' + "x" * (1 << 20) + '"}',
        }  # fmt: skip

        def reply(peer, key):
            name = key.partition("@")[0]
            peer.send(answer(bodies[name]) if name in bodies else answer("", f"{name} Odd"))

        client = self.client(self.start(self.web(reply)))
        for name in [*bodies, "302", "403", "500", "503"]:
            with self.subTest(name):
                self.refuses(client, f"{name}@one.test")

    def test_a_slow_one_is_waited_for_no_longer_than_the_timeout_and_holds_nobody_else_up(self):
        release = threading.Event()
        self.addCleanup(release.set)

        def reply(peer, key):
            if key.startswith("slow"):
                release.wait(30)
            peer.send(answer(f'{{"server": "{self.one.address}"}}'))

        mailrace = self.start(self.web(reply))
        slow, quick = self.client(mailrace), self.client(mailrace)
        slow.ask("MAIL FROM:<a@client.test>")
        begun = time.monotonic()
        slow.send("RCPT TO:<slow@one.test>\r\n")
        for _ in range(10):
            self.assertRegex(self.rcpt(quick, "quick@one.test"), rb"^250")
        self.assertRegex(slow.reply(), rb"^451 4\.3\.0 ")
        self.assertTrue(0.5 * TIMEOUT_S < time.monotonic() - begun < 3 * TIMEOUT_S)
        release.set()
        self.assertRegex(self.rcpt(slow, "slow@one.test"), rb"^250")

    def test_it_goes_and_comes_back(self):
        web = self.web()
        mailrace = self.start(web)
        client = self.client(mailrace)
        self.assertRegex(self.rcpt(client, "joe@one.test"), rb"^250")
        web.stop()
        for _ in range(20):
            self.refuses(client, "joe@one.test")
        warnings = mailrace.wait_message("a map does not answer")
        self.assertEqual(len(warnings), 1, "a warning a minute is enough")
        self.assertEqual(warnings[0]["map"], "web")
        self.web(port=web.port)
        self.wait_until_known(client, "joe@one.test")
        self.assertRegex(self.rcpt(client, "nobody@one.test"), rb"^554 5\.7\.1 ")

    def test_a_restart_between_two_questions_costs_no_answer(self):
        web = self.web()
        client = self.client(self.start(web))
        self.assertRegex(self.rcpt(client, "joe@one.test"), rb"^250")
        web.stop()
        self.web(port=web.port)
        self.assertRegex(self.rcpt(client, "joe@one.test"), rb"^250")

    def test_one_that_dies_while_it_answers(self):
        cuts = iter(range(1, 200))

        def reply(peer, _):
            peer.send(answer(f'{{"server": "{self.one.address}"}}')[: next(cuts)])
            peer.socket.shutdown(socket.SHUT_RDWR)

        client = self.client(self.start(self.web(reply)))
        for _ in range(50):
            self.refuses(client, "joe@one.test")

    def test_who_leaves_while_it_is_asked_is_let_go(self):
        release, asked = threading.Event(), threading.Event()
        self.addCleanup(release.set)

        def reply(peer, _):
            asked.set()
            release.wait(30)

        mailrace = self.start(self.web(reply))
        client = self.client(mailrace)
        client.ask("MAIL FROM:<a@client.test>")
        client.send("RCPT TO:<joe@one.test>\r\n")
        self.assertTrue(asked.wait(30))
        client.close()
        self.assertEqual(len(mailrace.sessions(1)), 1)

    def test_it_can_be_asked_from_the_command_line(self):
        web = self.web()
        mailrace = self.start(web)
        done = relay.mailrace("route", "--config", mailrace.file, "joe@one.test")
        self.assertEqual((done.returncode, done.stdout), (0, f"backend {self.one.address}\n"))
        self.assertEqual(relay.mailrace("route", "--config", mailrace.file, "joe@three.test").returncode, 1)
        web.stop()
        done = relay.mailrace("route", "--config", mailrace.file, "joe@one.test")
        self.assertEqual(done.returncode, 75, done.stdout)


if __name__ == "__main__":
    unittest.main()
