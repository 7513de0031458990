"""nginx's mail module and Mailrace, each with the same name server: what they call the client."""

import unittest

from harness import nameserver
from harness.nameserver import SERVFAIL, Name
from harness.sidebyside import Profile, Row, SideBySide

WORDS = "the same code in other words"
PROFILES = {
    "named": Profile(
        "proxy_protocol\nset_real_ip_from 127.0.0.0/8; xclient on; smtp_auth plain none;",
        'proxy_protocol = "required"\nproxy_protocol_trusted = ["127.0.0.0/8"]\nclient_names = true',
        'before_tls = true\nmechanisms = ["PLAIN", "NONE"]',
    )
}


def pointer(number):
    return f"{number}.2.0.192.in-addr.arpa"


NAMES = {
    pointer(1): Name(host="one.test"),
    "one.test": Name(["192.0.2.1"]),
    # It leads elsewhere.
    pointer(2): Name(host="two.test"),
    "two.test": Name(["192.0.2.99"]),
    # It leads nowhere.
    pointer(3): Name(host="three.test"),
    pointer(4): Name(code=SERVFAIL),
    pointer(5): Name(host="five.test"),
    "five.test": Name(code=SERVFAIL),
    pointer(6): Name(host="si_x.test"),
    "si_x.test": Name(["192.0.2.6"]),
    pointer(7): Name(host="seven.test"),
    "seven.test": Name(["192.0.2.99", "192.0.2.7"]),
    pointer(8): Name(host="eight.test", alias="8.0-63.2.0.192.in-addr.arpa"),
    "eight.test": Name(["192.0.2.8"]),
}


def row(name, number, host, ours=None, why=WORDS):
    header = f"PROXY TCP4 192.0.2.{number} 192.0.2.200 4711 25\r\n".encode()
    hello = ("EHLO c.test", "250-mailrace.test|250 AUTH PLAIN")
    mail = ("MAIL FROM:<a@x>", "250 2.0.0 OK", "250 2.1.0 Ok")

    def heard(host):
        told = f"XCLIENT ADDR=192.0.2.{number} NAME={host}"
        return ["EHLO mailrace.test", told, "EHLO c.test", "MAIL FROM:<a@x>", "RCPT TO:<b@y>"]

    def asked(host):
        lines = ["Auth-Method: none", "Auth-User:", "Auth-Pass:", "Auth-Protocol: smtp", "Auth-Login-Attempt: 1"]
        lines += [f"Client-IP: 192.0.2.{number}", f"Client-Host: {host}", f"Proxy-Protocol-Addr: 192.0.2.{number}"]
        lines += ["Proxy-Protocol-Port: 4711", "Proxy-Protocol-Server-Addr: 192.0.2.200"]
        lines += ["Proxy-Protocol-Server-Port: 25", "Auth-SMTP-Helo: c.test", "Auth-SMTP-From: MAIL FROM:<a@x>"]
        return lines + ["Auth-SMTP-To: RCPT TO:<b@y>"]

    ours = ours or host
    return Row(
        name,
        "named",
        hello,
        mail,
        ("RCPT TO:<b@y>", "250 2.0.0 fine"),
        header=header,
        heard=heard(host),
        heard_ours=heard(ours),
        asks=asked(host),
        asks_ours=asked(ours),
        why=why,
    )


ROWS = [
    row("a name that leads back", 1, "one.test"),
    row("a name that leads back among others", 7, "seven.test"),
    row("a name that leads elsewhere", 2, "[UNAVAILABLE]"),
    row("a name that leads nowhere", 3, "[UNAVAILABLE]"),
    row("no name", 9, "[UNAVAILABLE]"),
    row("an error for the address", 4, "[TEMPUNAVAIL]"),
    row("an error for the name", 5, "[TEMPUNAVAIL]"),
    row("a name of odd characters", 6, "[TEMPUNAVAIL]"),
    row("a name by an alias, as of a part of a network", 8, "eight.test"),
]


class ClientNames(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        server = cls.enterClassContext(nameserver.NameServer(NAMES))
        options = {"nginx_common": f"resolver {server.address} ipv6=off;"}
        options["mailrace_tables"] = f'[dns]\nservers = ["{server.address}"]'
        cls.both = cls.enterClassContext(SideBySide(PROFILES, **options))

    def test_all_rows(self):
        for row in ROWS:
            with self.subTest(row.name):
                self.both.check(self, row)


if __name__ == "__main__":
    unittest.main()
