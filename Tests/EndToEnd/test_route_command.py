"""`mailrace route` shows where mail goes."""

import json
import os
import subprocess
import tempfile
import unittest

from harness import relay, seccomp
from harness.programs import environment
from harness.web import Web, answer

CONFIGURATION = """hostname = "mailrace.test"
[upstream.backend]
servers = ["127.0.0.1:2526"]
[upstream.spare]
servers = ["127.0.0.1:2527"]
[map.customers]
type = "csv"
file = "{directory}/customers.csv"
upstream_settings = "backend"
keys = ["address", "address-without-detail", "domain", "parent-domain", "wildcard"]
[map.senders]
type = "csv"
file = "{directory}/senders.csv"
upstream_settings = "backend"
keys = ["sender", "sender-domain"]
[map.people]
type = "csv"
file = "{directory}/people.csv"
keys = ["login"]
[map.networks]
type = "csv"
file = "{directory}/networks.csv"
keys = ["client"]
{web}
[listener.mx]
listen = ["127.0.0.1:0"]
depth = "envelope"
recipient_delimiter = "+"
[[listener.mx.route]]
map = "customers"
[[listener.mx.route]]
map = "senders"
[[listener.mx.route]]
map = "people"
[[listener.mx.route]]
map = "networks"
{more}
[listener.other]
listen = ["127.0.0.1:0"]
upstream = "spare"
"""
FILES = {
    "customers": """key;server;tls_verify
# Customers.

joe@example.com ; 192.0.2.1
joe@example.com;192.0.2.2;false
JOE+news@example.com;192.0.2.9
example.com;mx.example.com:2525;true
bücher.example;[2001:db8::1]
.example.net;backend
*.example.org;2001:db8::2
""",
    "senders": "key;server\nboss@example.edu;spare\nexample.edu;192.0.2.3\n<>;192.0.2.4\n",
    "people": "key;server\nann;spare\n",
    "networks": "key;server\n198.51.100.0/24;spare\n198.51.100.128/25;backend\n2001:db8::/32;spare\n",
}


class RouteCommand(unittest.TestCase):
    def setUp(self):
        self.directory = self.enterContext(tempfile.TemporaryDirectory(prefix="mailrace-route-"))
        for name, text in FILES.items():
            self.write(f"{name}.csv", text)
        self.configure()

    def write(self, name, text):
        with open(os.path.join(self.directory, name), "w") as file:
            file.write(text)

    def configure(self, web="", more=""):
        self.write("mailrace.toml", CONFIGURATION.format(directory=self.directory, web=web, more=more))

    def ask(self, *arguments, listener="mx"):
        """The status and all that is said."""
        listeners = ["--listener", listener] if listener else []
        done = relay.mailrace("route", "--config", f"{self.directory}/mailrace.toml", *listeners, *arguments)
        return done.returncode, done.stdout

    def test_recipients(self):
        expected = {
            "joe@example.com": "backend 192.0.2.2:25 tls_verify=false",
            "<joe@EXAMPLE.com>": "backend 192.0.2.2:25 tls_verify=false",
            '"joe"@example.com': "backend 192.0.2.2:25 tls_verify=false",
            "joe+other@example.com": "backend 192.0.2.2:25 tls_verify=false",
            "joe+a+b@example.com": "backend 192.0.2.2:25 tls_verify=false",
            "JOE+news@example.com": "backend 192.0.2.9:25",
            "Joe@example.com": "backend mx.example.com:2525 tls_verify=true",
            "a@bücher.example": "backend [2001:db8::1]:25",
            "a@xn--bcher-kva.example": "backend [2001:db8::1]:25",
            "a@mail.example.net": "backend",
            "a@b.c.example.org": "backend [2001:db8::2]:25",
        }
        for recipient, route in expected.items():
            with self.subTest(recipient):
                self.assertEqual(self.ask(recipient), (0, route + "\n"))
        for recipient in ["a@example.net", "a@example.org", "example.com@other.example", "postmaster"]:
            with self.subTest(recipient):
                self.assertEqual(self.ask(recipient), (1, ""))

    def test_senders_logins_and_clients(self):
        expected = [
            (["--sender", "boss@EXAMPLE.edu"], "spare"),
            (["--sender", "a@example.edu"], "backend 192.0.2.3:25"),
            (["--sender", ""], "backend 192.0.2.4:25"),
            (["--sender=<>"], "backend 192.0.2.4:25"),
            (["--login", "ann"], "spare"),
            (["--client", "198.51.100.1"], "spare"),
            (["--client", "198.51.100.200"], "backend"),
            (["--client", "2001:db8:1::2"], "spare"),
        ]
        for arguments, route in expected:
            with self.subTest(arguments):
                self.assertEqual(self.ask(*arguments, "a@other.example"), (0, route + "\n"))
        for arguments in [["--login", "joe"], ["--client", "203.0.113.1"], ["--sender", "a@other.example"]]:
            with self.subTest(arguments):
                self.assertEqual(self.ask(*arguments, "a@other.example"), (1, ""))

    def test_what_was_asked(self):
        status, text = self.ask("--verbose", "--login=ann", "a+b@c.other.example")
        self.assertEqual(status, 0)
        self.assertEqual(
            text.splitlines(),
            [
                'customers: address "a+b@c.other.example": missing',
                'customers: address-without-detail "a@c.other.example": missing',
                'customers: domain "c.other.example": missing',
                'customers: parent-domain ".other.example": missing',
                'customers: parent-domain ".example": missing',
                'customers: wildcard "*.other.example": missing',
                'customers: wildcard "*.example": missing',
                'people: login "ann": found "spare"',
                "spare",
            ],
        )
        status, text = self.ask("--verbose", "--client=203.0.113.1", "a@other.example")
        self.assertEqual((status, text.splitlines()[-1]), (1, "554 5.7.1 Relay access denied"))

    def test_json(self):
        status, text = self.ask("--json", "a@example.com")
        asked = {"map": "customers", "server": None, "tls_verify": None}
        address = asked | {"kind": "address", "key": "a@example.com", "answer": "missing"}
        domain = asked | {"kind": "domain", "key": "example.com", "answer": "found"}
        domain |= {"server": "mx.example.com:2525", "tls_verify": True}
        expected = {"listener": "mx", "upstream": "backend", "server": "mx.example.com:2525", "tls_verify": True}
        expected |= {"map": "customers", "reply": None, "asked": [address, domain]}
        self.assertEqual((status, json.loads(text)), (0, expected))
        status, text = self.ask("--json", "a@other.example")
        found = json.loads(text)
        self.assertEqual((status, found["upstream"], found["reply"]), (1, None, "554 5.7.1 Relay access denied"))

    def test_a_fixed_upstream_takes_the_rest(self):
        self.configure(more='[[listener.mx.route]]\nupstream = "spare"')
        self.assertEqual(self.ask("a@other.example"), (0, "spare\n"))
        self.assertEqual(self.ask("joe@example.com")[1], "backend 192.0.2.2:25 tls_verify=false\n")

    def test_another_listener(self):
        self.assertEqual(self.ask("joe@example.com", listener="other"), (0, "spare\n"))
        self.assertEqual(
            self.ask("joe@example.com", listener=None), (64, "mailrace: --listener must say which: mx, other\n")
        )
        status, text = self.ask("joe@example.com", listener="othr")
        self.assertEqual((status, text), (64, "mailrace: there is no listener.othr; did you mean other?\n"))

    def test_a_server_that_cannot_say(self):
        def reply(peer, key):
            peer.send(answer("", "500 Broken") if "broken" in key else answer('{"server": "no server"}'))

        with Web(reply=reply) as web:
            self.configure(web.table("web"), '[[listener.mx.route]]\nmap = "web"')
            status, text = self.ask("broken@other.example")
            self.assertEqual((status, text.splitlines()[-1]), (75, "mailrace: the map web could not say"))
            self.assertIn("the status is 500", text)
            status, text = self.ask("odd@other.example")
            self.assertEqual(status, 75)
            self.assertEqual(
                text.splitlines()[-1], 'mailrace: the map web names no server that could be used: "no server"'
            )
            # Who is known before is not asked about.
            self.assertEqual(self.ask("joe@example.com")[0], 0)

    def test_what_is_wrong(self):
        self.write("customers.csv", "key;server\nexample.com\n")
        status, text = self.ask("joe@example.com")
        self.assertEqual(status, 78)
        self.assertIn(f"map.customers.file: {self.directory}/customers.csv: line 2: no semicolon", text)
        self.assertEqual(relay.mailrace("route", "--config", "/nonexistent", "a@b.example").returncode, 78)
        for arguments in [[], ["a@b@c"], ["a@b.example", "c@d.example"], ["--client", "x", "a@b.example"]]:
            self.assertEqual(relay.mailrace("route", *arguments).returncode, 64, arguments)

    def test_without_io_uring(self):
        arguments = ["--config", f"{self.directory}/mailrace.toml", "--listener=mx", "joe@example.com"]
        done = relay.mailrace("route", *arguments, preexec_fn=seccomp.refuse_io_uring)
        self.assertEqual(done.returncode, 69, done.stdout)
        self.assertRegex(done.stdout, "(?i)seccomp")

    def test_credentials_are_for_the_service_alone(self):
        secret = "$CREDENTIALS_DIRECTORY/redis"
        web = f'[map.web]\ntype = "redis"\nserver = "unix:/nonexistent"\npassword_file = "{secret}"\n'
        self.configure(web + 'upstream_settings = "backend"', '[[listener.mx.route]]\nmap = "web"')
        status, text = self.ask("joe@example.com")
        self.assertEqual(status, 0, text)
        self.assertIn("map.web.password_file", text)
        self.assertEqual(self.ask("joe@other.example")[0], 75)

    def test_whoever_reads_no_more_is_no_trouble(self):
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run(
            [relay.binary(), "route", "--config", f"{self.directory}/mailrace.toml", "--listener=mx", "joe@example.com"],
            stdout=writing, stderr=subprocess.PIPE, env=environment(),
        )  # fmt: skip
        os.close(writing)
        self.assertEqual((done.returncode, done.stderr), (0, b""))


if __name__ == "__main__":
    unittest.main()
