"""nginx's mail module and Mailrace before the same upstream: how it is greeted, what its failures do, what it gets."""

import base64
import signal
import unittest

from harness import proxy, scripted
from harness.sidebyside import CLOSE, END, HALF_CLOSE, NOT_WAITED_FOR, SILENCE, Profile, Row, SideBySide, table


def b64(text):
    return base64.b64encode(text.encode()).decode()


NONE = 'mechanisms = ["NONE"]'
CLEAR = 'before_tls = true\nmechanisms = ["PLAIN", "LOGIN", "CRAM-MD5", "NONE"]'
MECHANISMS = "smtp_auth plain login cram-md5 none;"
OFF, ON = 'xclient = "off"', 'xclient = "auto"'
PROFILES = {
    "none": Profile("\nsmtp_auth none; xclient off;", auth=NONE, upstream=OFF),
    "told": Profile("\nsmtp_auth none; xclient on;", auth=NONE, upstream=ON),
    "auth": Profile(f"\n{MECHANISMS} xclient off;", auth=CLEAR, upstream=OFF),
    "toldauth": Profile(f"\n{MECHANISMS} xclient on;", auth=CLEAR, upstream=ON),
    "session": Profile(
        f"\n{MECHANISMS} xclient off; proxy_smtp_auth on;", auth=CLEAR, upstream=f'{OFF}\nauth = "session"'
    ),
    "toldsession": Profile(
        f"\n{MECHANISMS} xclient on; proxy_smtp_auth on;", auth=CLEAR, upstream=f'{ON}\nauth = "session"'
    ),
    "passing": Profile("\nsmtp_auth none; xclient off; proxy_pass_error_message on;", auth=NONE, upstream=OFF),
    "passingauth": Profile(
        f"\n{MECHANISMS} xclient on; proxy_smtp_auth on; proxy_pass_error_message on;",
        auth=CLEAR,
        upstream=f'{ON}\nauth = "session"',
    ),
    "hasty": Profile(
        "\nsmtp_auth none; xclient off; timeout 1500ms;",
        'timeouts.reply = "1500ms"\ntimeouts.greeting = "1500ms"',
        NONE,
        OFF,
    ),
    "small": Profile("\nsmtp_auth none; xclient off; proxy_buffer 1k;", "", NONE, OFF),
    "idle": Profile(
        "\nsmtp_auth none; xclient off; proxy_timeout 300ms;", 'timeouts.passthrough_idle = "300ms"', NONE, OFF
    ),
    "header": Profile("\nsmtp_auth none; xclient off; proxy_protocol on;", "", NONE, f'{OFF}\nproxy_protocol = "v1"'),
    "proxied": Profile(
        "proxy_protocol\nsmtp_auth none; xclient on; proxy_protocol on; set_real_ip_from 127.0.0.0/8;",
        'proxy_protocol = "required"\nproxy_protocol_trusted = ["127.0.0.0/8"]',
        NONE,
        f'{ON}\nproxy_protocol = "v1"',
    ),
}

HELLO = ("EHLO c.test", "250 mailrace.test")
HELLO_AUTH = ("EHLO c.test", "250-mailrace.test|250 AUTH PLAIN LOGIN CRAM-MD5")
MAIL = ("MAIL FROM:<a@x>", "250 2.0.0 OK", "250 2.1.0 Ok")
RCPT = ("RCPT TO:<b@y>", "250 2.0.0 fine")
LOGIN = (f"AUTH PLAIN {b64(chr(0) + 'joe' + chr(0) + 'secret')}", "235 2.0.0 OK", "235 2.7.0 Authentication successful")
TOLD = "XCLIENT ADDR=127.0.0.1 NAME=[UNAVAILABLE]"
ENVELOPE = ["MAIL FROM:<a@x>", "RCPT TO:<b@y>"]
OFFER_AUTH = "250-up.test\r\n250-AUTH PLAIN LOGIN\r\n250 XCLIENT ADDR NAME LOGIN\r\n"
ERROR = f"451 4.3.2 Internal server error {END}"

WORDS = "the same code in other words"
LEARNS = "EHLO comes first, so that it is known what the upstream can"
ORDER = "the same attributes in another order, which means nothing"
OFFERED = "XCLIENT is only said where it is offered, and only what is listed"
ANEW = "the upstream has forgotten its greeting, and is greeted again"
TOLD_SO = "the client is told what the upstream has said, or what has become of it, and may go on"


def mail(name, profile, heard, ours=None, why=WORDS, hello=HELLO, **more):
    """A row in which a client sends mail, and the upstream hears this."""
    steps = [*([hello] if hello else []), MAIL, RCPT]
    return Row(name, profile, *steps, heard=heard, heard_ours=heard if ours is None else ours, why=why, **more)


def login(name, profile, heard, ours=None, why=WORDS, step=LOGIN, **more):
    """A row in which a client authenticates, and the upstream hears this."""
    return Row(
        name, profile, HELLO_AUTH, step, heard=heard, heard_ours=heard if ours is None else ours, why=why, **more
    )


EHLO, HELO, AGAIN = "EHLO mailrace.test", "HELO mailrace.test", "EHLO c.test"
SHOWN = f"AUTH PLAIN {b64(chr(0) + 'joe' + chr(0) + 'secret')}"
WITH_LOGIN = (
    "XCLIENT ADDR=127.0.0.1 LOGIN=joe NAME=[UNAVAILABLE]",
    "XCLIENT ADDR=127.0.0.1 NAME=[UNAVAILABLE] LOGIN=joe",
)
HANDSHAKE = [
    mail("mail", "none", [EHLO, *ENVELOPE]),
    Row(
        "mail of one who said HELO",
        "none",
        ("HELO c.test", "250 mailrace.test"),
        (*MAIL[:2], "250 Ok"),
        RCPT,
        heard=[HELO, *ENVELOPE],
        heard_ours=[EHLO, *ENVELOPE],
        why=LEARNS,
    ),
    mail("mail of one who did not greet", "none", [HELO, *ENVELOPE], [EHLO, *ENVELOPE], LEARNS, hello=None),
    mail("mail with parameters", "none", [EHLO, *ENVELOPE]),
    login("login", "auth", [EHLO]),
    login("login shown to the upstream", "session", [EHLO, SHOWN], up={"EHLO": OFFER_AUTH}),
    login(
        "login by LOGIN shown to the upstream",
        "session",
        [EHLO, SHOWN],
        up={"EHLO": OFFER_AUTH},
        step=("AUTH LOGIN am9l\r\nc2VjcmV0", f"334 UGFzc3dvcmQ6 & {LOGIN[1]}", f"334 UGFzc3dvcmQ6 & {LOGIN[2]}"),
    ),
    mail("XCLIENT", "told", [EHLO, TOLD, AGAIN, *ENVELOPE]),
    mail(
        "XCLIENT without a greeting", "told", [EHLO, TOLD, *ENVELOPE], [EHLO, TOLD, EHLO, *ENVELOPE], ANEW, hello=None
    ),
    login("XCLIENT with a login", "toldauth", [EHLO, WITH_LOGIN[0], AGAIN], [EHLO, WITH_LOGIN[1], AGAIN], ORDER),
    login("XCLIENT, and the login shown", "toldsession", [EHLO, TOLD, AGAIN, SHOWN], up={"EHLO": OFFER_AUTH}),
    mail(
        "XCLIENT that is not offered",
        "told",
        [EHLO, TOLD, AGAIN, *ENVELOPE],
        [EHLO, *ENVELOPE],
        OFFERED,
        up={"EHLO": "250 up.test\r\n"},
    ),
    mail(
        "XCLIENT of the address alone",
        "told",
        [EHLO, TOLD, AGAIN, *ENVELOPE],
        [EHLO, "XCLIENT ADDR=127.0.0.1", AGAIN, *ENVELOPE],
        OFFERED,
        up={"EHLO": "250-up.test\r\n250 XCLIENT ADDR\r\n"},
    ),
    mail("XCLIENT that is answered 250", "told", [EHLO, TOLD, AGAIN, *ENVELOPE], up={"XCLIENT": "250 fine\r\n"}),
    login(
        "a login with a plus and an equals sign",
        "toldauth",
        [EHLO, "XCLIENT ADDR=127.0.0.1 LOGIN=u+v=w NAME=[UNAVAILABLE]", AGAIN],
        [EHLO, "XCLIENT ADDR=127.0.0.1 NAME=[UNAVAILABLE] LOGIN=u+2Bv+3Dw", AGAIN],
        "a login is xtext, which can inject nothing (newer nginx does so, too)",
        step=(f"AUTH PLAIN {b64(chr(0) + 'u+v=w' + chr(0) + 'x')}", *LOGIN[1:]),
    ),
    login(
        "a login with CR LF",
        "toldauth",
        [EHLO, "XCLIENT ADDR=127.0.0.1 LOGIN=u", "X NAME=[UNAVAILABLE]", AGAIN],
        [],
        "such a login is refused: the rest of it is a command (newer nginx sends xtext)",
        step=(
            f"AUTH PLAIN {b64(chr(0) + 'u' + chr(13) + chr(10) + 'X' + chr(0) + 'x')}",
            LOGIN[1],
            "501 5.5.2 Authentication data not valid",
        ),
    ),
]


def failure(name, up, off, on=None, ours=None, heard=None):
    """Rows of one failure: nginx's replies to RCPT without and with its own words, then Mailrace's."""
    rows = []
    for profile, reply in [("none", off), ("passing", on or off)]:
        same = ours == reply
        rows.append(
            Row(
                f"{name}, {profile}",
                profile,
                HELLO,
                MAIL,
                (RCPT[0], reply, ours),
                up=up,
                why=WORDS if same else TOLD_SO,
                heard=None,
            )
        )
    return rows


FAILURES = [
    *failure(
        "greeting 554", {"greeting": "554 5.3.2 go away\r\n"}, ERROR, f"554 5.3.2 go away {END}", "554 5.3.2 go away"
    ),
    *failure(
        "EHLO 502",
        {"EHLO": "502 5.5.1 no\r\n", "HELO": "502 5.5.1 no\r\n"},
        ERROR,
        f"502 5.5.1 no {END}",
        "502 5.5.1 no",
    ),
    *failure("MAIL 452", {"MAIL": "452 4.2.2 full\r\n"}, ERROR, f"452 4.2.2 full {END}", "452 4.2.2 full"),
    *failure(
        "MAIL of two lines",
        {"MAIL": "550-5.7.1 no\r\n550 5.7.1 never\r\n"},
        ERROR,
        f"550-5.7.1 no|550 5.7.1 never {END}",
        "550-5.7.1 no|550 5.7.1 never",
    ),
    *failure("RCPT 550", {"RCPT": "550 5.1.1 nobody\r\n"}, "550 5.1.1 nobody", None, "550 5.1.1 nobody"),
    *failure("RCPT 451", {"RCPT": "451 4.3.0 later\r\n"}, "451 4.3.0 later", None, "451 4.3.0 later"),
    *failure("a close in place of a greeting", {"greeting": CLOSE}, ERROR, None, "451 4.4.2 Upstream connection lost"),
    *failure("a close at EHLO", {"EHLO": CLOSE}, ERROR, None, "451 4.4.2 Upstream connection lost"),
    *failure("a close at RCPT", {"RCPT": CLOSE}, ERROR, None, "451 4.4.2 Upstream connection lost"),
    Row(
        "silence",
        "hasty",
        HELLO,
        MAIL,
        (RCPT[0], ERROR, "451 4.4.2 Upstream connection lost"),
        up={"MAIL": SILENCE},
        why=TOLD_SO,
    ),
    Row(
        "a reply over the buffer",
        "small",
        HELLO,
        MAIL,
        (RCPT[0], ERROR, "250 2.0.0 fine"),
        up={"EHLO": "250-up.test\r\n" + "250-X-A bcd\r\n" * 120 + "250 X\r\n"},
        why="a reply may have 64 KiB",
    ),
    Row(
        "nobody listens",
        "none",
        HELLO,
        MAIL,
        (RCPT[0], ERROR, "451 4.4.1 Upstream not reachable"),
        why=TOLD_SO,
        answer=["Auth-Status: OK", "Auth-Server: 127.0.0.1", "Auth-Port: 1"],
    ),
    Row(
        "AUTH 535",
        "session",
        HELLO_AUTH,
        (LOGIN[0], ERROR, "535 5.7.8 no"),
        up={"EHLO": OFFER_AUTH, "AUTH": "535 5.7.8 no\r\n"},
        why=TOLD_SO,
    ),
    Row(
        "AUTH 535 in its own words",
        "passingauth",
        HELLO_AUTH,
        (LOGIN[0], f"535 5.7.8 no {END}", "535 5.7.8 no"),
        up={"EHLO": OFFER_AUTH, "AUTH": "535 5.7.8 no\r\n"},
        why=TOLD_SO,
    ),
    Row(
        "XCLIENT 550",
        "told",
        HELLO,
        MAIL,
        (RCPT[0], ERROR, "451 4.3.5 Upstream does not take what it must know"),
        up={"XCLIENT": "550 5.7.0 no\r\n"},
        why=TOLD_SO,
    ),
    Row(
        "behind a failure",
        "none",
        HELLO,
        MAIL,
        (RCPT[0], ERROR, "452 4.2.2 full"),
        ("NOOP", NOT_WAITED_FOR, "250 2.0.0 Ok"),
        up={"MAIL": "452 4.2.2 full\r\n"},
        why=TOLD_SO,
    ),
    Row(
        "what is pipelined behind a failure",
        "none",
        HELLO,
        (
            "MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\nQUIT",
            f"250 2.0.0 OK & {ERROR}",
            f"250 2.1.0 Ok & 452 4.2.2 full & 503 5.5.1 Bad sequence of commands & 221 2.0.0 Bye {END}",
        ),
        up={"MAIL": "452 4.2.2 full\r\n"},
        why="each command is answered",
    ),
]

V1 = b"PROXY TCP4 192.0.2.7 192.0.2.9 4711 25\r\n"
V6 = b"PROXY TCP6 2001:db8::7 2001:db8::9 4711 25\r\n"
V2 = proxy.version_2(("192.0.2.7", 4711), ("192.0.2.9", 25))


def proxied(name, header, address, sent, ours=None, why=WORDS):
    told = [f"PROXY {sent}", EHLO, f"XCLIENT ADDR={address} NAME=[UNAVAILABLE]", AGAIN, *ENVELOPE]
    changed = [f"PROXY {ours}", *told[1:]] if ours else told
    return mail(name, "proxied", told, changed, why, header=header)


LOCAL = "the address that the client reached is the one of its own header, not this machine's"
PROXY_ROWS = [
    mail("to the upstream", "header", ["PROXY TCP4 127.0.0.1 127.0.0.1 PORT PORT", EHLO, *ENVELOPE]),
    proxied(
        "version 1", V1, "192.0.2.7", "TCP4 192.0.2.7 127.0.0.1 PORT PORT", "TCP4 192.0.2.7 192.0.2.9 PORT 25", LOCAL
    ),
    proxied(
        "version 2", V2, "192.0.2.7", "TCP4 192.0.2.7 127.0.0.1 PORT PORT", "TCP4 192.0.2.7 192.0.2.9 PORT 25", LOCAL
    ),
    proxied(
        "version 1 of IPv6",
        V6,
        "IPV6:2001:db8::7",
        "TCP6 2001:db8::7 127.0.0.1 PORT PORT",
        "TCP6 2001:db8::7 2001:db8::9 PORT 25",
        LOCAL,
    ),
    proxied("UNKNOWN", b"PROXY UNKNOWN\r\n", "127.0.0.1", "TCP4 127.0.0.1 127.0.0.1 PORT PORT"),
    proxied("LOCAL", proxy.version_2(), "127.0.0.1", "TCP4 127.0.0.1 127.0.0.1 PORT PORT"),
    Row("no header", "proxied", ("EHLO c.test", END), greeting=None),
    Row("a header of version 3", "proxied", (V2[:12] + b"\x31" + V2[13:], END), greeting=None),
    Row(
        "a header, and a command behind it",
        "proxied",
        (V1 + b"EHLO c.test\r\n", "220 mailrace.test ESMTP ready & 250 mailrace.test"),
        greeting=None,
    ),
]

MESSAGE = [("DATA", "354 go on"), ("text\r\n.", "250 2.0.0 taken")]
BYE = ("QUIT", f"221 2.0.0 bye {END}")
PIPE = [
    Row("a message", "none", HELLO, MAIL, RCPT, *MESSAGE, BYE, heard=[EHLO, *ENVELOPE, "DATA"], why=WORDS),
    Row(
        "another recipient, and another message",
        "none",
        HELLO,
        MAIL,
        RCPT,
        ("RCPT TO:<c@y>", "250 2.0.0 fine"),
        *MESSAGE,
        ("MAIL FROM:<d@x>", "250 2.0.0 fine"),
        RCPT,
        *MESSAGE,
        BYE,
        heard=[EHLO, *ENVELOPE, "RCPT TO:<c@y>", "DATA", "MAIL FROM:<d@x>", "RCPT TO:<b@y>", "DATA"],
        why=WORDS,
    ),
    Row(
        "all in one segment",
        "none",
        HELLO,
        (
            "MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\ntext\r\n.\r\nQUIT",
            f"250 2.0.0 OK & 250 2.0.0 fine & 354 go on & 250 2.0.0 taken & 221 2.0.0 bye {END}",
            f"250 2.1.0 Ok & 250 2.0.0 fine & 354 go on & 250 2.0.0 taken & 221 2.0.0 bye {END}",
        ),
        heard=[EHLO, *ENVELOPE, "DATA"],
        why=WORDS,
    ),
    Row(
        "a refused recipient, then another",
        "none",
        HELLO,
        MAIL,
        (RCPT[0], "550 5.1.1 nobody"),
        ("NOOP", "250 2.0.0 fine", "250 2.0.0 fine"),
        up={"RCPT": "550 5.1.1 nobody\r\n"},
        heard=[EHLO, *ENVELOPE, "NOOP"],
        why=WORDS,
    ),
    Row(
        "a client that ends its side",
        "none",
        HELLO,
        MAIL,
        RCPT,
        ("DATA\r\ntext\r\n.\r\nQUIT", NOT_WAITED_FOR),
        (HALF_CLOSE, NOT_WAITED_FOR, f"354 go on & 250 2.0.0 taken & 221 2.0.0 bye {END}"),
        why="the client gets every reply; nginx closes both sides, and the message is sent twice",
    ),
    Row("an upstream that closes", "none", HELLO, MAIL, RCPT, ("VRFY x", END), up={"VRFY": CLOSE}, why=WORDS),
    Row("nothing for too long", "idle", HELLO, MAIL, RCPT, (None, END), why=WORDS),
]


class Handshake(table(HANDSHAKE, PROFILES)):
    """How the upstream is brought to where the client is."""


class Failures(table(FAILURES, PROFILES)):
    """What the client hears where that fails."""


class ProxyHeaders(table(PROXY_ROWS, PROFILES)):
    """PROXY headers, in and out."""


class HandedOver(table(PIPE, PROFILES)):
    """What is behind the hand-over."""


class ProcessLife(unittest.TestCase):
    """What becomes of sessions when the process is to end in order."""

    def test_who_waits_is_told(self):
        with SideBySide({"none": PROFILES["none"]}) as both:
            clients = {}
            for who, port in both.ports("none"):
                clients[who] = self.enterContext(scripted.Client(port))
                self.assertEqual(clients[who].reply(), b"220 mailrace.test ESMTP ready\r\n")
                self.assertEqual(clients[who].ask("EHLO c.test"), b"250 mailrace.test\r\n")
            both.mailrace.program.signal(signal.SIGTERM)
            # nginx leaves it alone, for as long as its timeout is.
            self.assertTrue(clients["mailrace"].rest().startswith(b"421 4.3.2 Service shutting down"))
            if both.nginx:
                both.nginx.drain()
                self.assertEqual(clients["nginx"].ask("NOOP"), b"250 2.0.0 OK\r\n")

    def test_who_is_handed_over_goes_on(self):
        with SideBySide({"none": PROFILES["none"]}) as both:
            for who, port in both.ports("none"):
                both.auth.place = ("127.0.0.1", both.upstream.port)
                with scripted.Client(port) as client:
                    client.reply()
                    for command in ["EHLO c.test", "MAIL FROM:<a@x>", "RCPT TO:<b@y>"]:
                        self.assertTrue(client.ask(command).startswith(b"250"), who)
                    if who == "nginx":
                        both.nginx.drain()
                    else:
                        both.mailrace.program.signal(signal.SIGTERM)
                    self.assertTrue(client.ask("DATA").startswith(b"354"), who)
                    self.assertTrue(client.ask("text\r\n.").startswith(b"250"), who)
                    self.assertTrue(client.ask("QUIT").startswith(b"221"), who)


if __name__ == "__main__":
    unittest.main()
