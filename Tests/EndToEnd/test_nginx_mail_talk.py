"""nginx's mail module and Mailrace: what they say to a client before anybody is asked, row for row."""

import base64
import ssl
import unittest

from harness import certificates, scripted
from harness.sidebyside import ANYTHING, NOT_WAITED_FOR, END, HALF_CLOSE, TLS, Profile, Row, table

NONE = 'mechanisms = ["NONE"]'
CLEAR = "before_tls = true\nrequire = true\n"
TWO = CLEAR + 'mechanisms = ["PLAIN", "LOGIN"]'
PLAIN = base64.b64encode(b"\0joe\0secret").decode()
JOE = base64.b64encode(b"joe").decode()
SILENT_UPSTREAM = 'xclient = "off"'

PROFILES = {
    "none": Profile("\nsmtp_auth none; xclient off;", auth=NONE, upstream=SILENT_UPSTREAM),
    "auth": Profile("\nxclient off;", auth=TWO, upstream=SILENT_UPSTREAM),
    "both": Profile(
        "\nsmtp_auth plain none; xclient off;",
        auth='before_tls = true\nmechanisms = ["PLAIN", "NONE"]\nalways_accept_plain_login = true',
        upstream=SILENT_UPSTREAM,
    ),
    "unasked": Profile(
        "\nsmtp_auth none; xclient off;",
        auth=f"before_tls = true\nalways_accept_plain_login = true\n{NONE}",
        upstream=SILENT_UPSTREAM,
    ),
    "all": Profile(
        f"\nstarttls on; ssl_verify_client optional; ssl_client_certificate {certificates.authority().file};"
        "smtp_auth plain login cram-md5 external; xclient off;",
        'starttls = "offer"',
        CLEAR + 'mechanisms = ["PLAIN", "LOGIN", "CRAM-MD5", "EXTERNAL"]',
        SILENT_UPSTREAM,
        tls="asking",
    ),
    "capable": Profile(
        '\nsmtp_auth none; smtp_capabilities PIPELINING 8BITMIME "SIZE 1000";',
        'capabilities = ["PIPELINING", "8BITMIME", "SIZE 1000"]',
        NONE,
    ),
    "tls": Profile(
        "\nstarttls on; smtp_auth plain login none; xclient off;",
        'starttls = "offer"',
        'before_tls = true\nmechanisms = ["PLAIN", "LOGIN", "NONE"]',
        SILENT_UPSTREAM,
        tls="default",
    ),
    "demanding": Profile(
        f"\nstarttls on; ssl_verify_client on; ssl_client_certificate {certificates.authority().file}; smtp_auth none;",
        'starttls = "offer"',
        NONE,
        tls="demanding",
    ),
    "tlsonly": Profile(
        "\nstarttls only; smtp_auth plain login none; xclient off;",
        'starttls = "require"',
        'mechanisms = ["PLAIN", "LOGIN", "NONE"]',
        SILENT_UPSTREAM,
        tls="default",
    ),
    "delayed": Profile("\nsmtp_greeting_delay 200ms; smtp_auth none;", 'greeting_delay = "200ms"', NONE),
    "impatient": Profile("\nmax_errors 2; smtp_auth none;", "max_errors = 1", NONE),
    "hasty": Profile("\ntimeout 300ms; smtp_auth none;", 'timeouts.command = "300ms"', NONE),
    "small": Profile("\nsmtp_client_buffer 512; smtp_auth none;", "", NONE),
}

WORDS = "the same code in other words"
UNKNOWN = "its own code of RFC 3463 for a command that is not known; and not 500 for one that is known and off"
SYNTAX = "an answer about the argument says what is wrong with it"
ABUSE = "the last reply says why the connection is closed, with 421"
DEMAND = "RFC 4954 section 6 names this code"
MECHANISM = "RFC 4954 section 4 names this code"
LOOKED_AT = "an address that is none is refused at once, and never reaches the auth server nor the upstream"
CLEARTEXT = "STARTTLS guards MAIL as well, not AUTH alone"
SERVED = "a server must know it (RFC 5321 section 4.5.1)"

HELLO = ("EHLO c.test", f"250 mailrace.test")
HELLO_AUTH = ("EHLO c.test", "250-mailrace.test|250 AUTH PLAIN LOGIN")
BYE = ("QUIT", f"221 2.0.0 Bye {END}")
MAIL = ("MAIL FROM:<a@x>", "250 2.0.0 OK", "250 2.1.0 Ok")
OFF = "500 5.5.1 Invalid command"
BAD = "501 5.5.4 Invalid argument"
OKAY = ("250 2.0.0 OK", "250 2.0.0 Ok")

REPLIES = [
    Row("greeting and QUIT", "none", BYE),
    Row("EHLO", "none", HELLO),
    Row("HELO", "none", ("HELO c.test", "250 mailrace.test")),
    Row("EHLO lists AUTH", "auth", HELLO_AUTH),
    Row("EHLO lists PLAIN alone", "both", ("EHLO c.test", "250-mailrace.test|250 AUTH PLAIN")),
    Row(
        "EHLO lists EXTERNAL",
        "all",
        (
            "EHLO c.test",
            "250-mailrace.test|250-AUTH PLAIN LOGIN CRAM-MD5 EXTERNAL|250 STARTTLS",
            "250-mailrace.test|250-STARTTLS|250 AUTH PLAIN LOGIN CRAM-MD5",
        ),
        why="EXTERNAL is only for those who have shown a certificate",
    ),
    Row(
        "EHLO lists capabilities",
        "capable",
        ("EHLO c.test", "250-mailrace.test|250-PIPELINING|250-8BITMIME|250 SIZE 1000"),
    ),
    Row(
        "EHLO lists STARTTLS",
        "tls",
        (
            "EHLO c.test",
            "250-mailrace.test|250-AUTH PLAIN LOGIN|250 STARTTLS",
            "250-mailrace.test|250-STARTTLS|250 AUTH PLAIN LOGIN",
        ),
        why="the same lines in another order, which means nothing",
    ),
    Row("EHLO hides AUTH until TLS", "tlsonly", ("EHLO c.test", "250-mailrace.test|250 STARTTLS")),
    Row("EHLO without a name", "none", ("EHLO", BAD, "501 5.5.4 Syntax: EHLO name, HELO name"), why=SYNTAX),
    Row("HELO without a name", "none", ("HELO", BAD, "501 5.5.4 Syntax: EHLO name, HELO name"), why=SYNTAX),
    Row("EHLO of two names", "none", ("EHLO a b", BAD, "501 5.5.4 Syntax: EHLO name, HELO name"), why=SYNTAX),
    Row("EHLO twice", "none", HELLO, HELLO),
    Row("MAIL", "none", HELLO, MAIL, why=WORDS),
    Row("NOOP and RSET", "none", ("NOOP", *OKAY), ("RSET", *OKAY), why=WORDS),
    Row("NOOP with an argument", "none", ("NOOP x y", *OKAY), why=WORDS),
    Row(
        "STARTTLS",
        "tls",
        (
            "EHLO c.test",
            "250-mailrace.test|250-AUTH PLAIN LOGIN|250 STARTTLS",
            "250-mailrace.test|250-STARTTLS|250 AUTH PLAIN LOGIN",
        ),
        ("STARTTLS", "220 2.0.0 Start TLS", "220 2.0.0 Ready to start TLS"),
        (TLS, ""),
        HELLO_AUTH,
        why=WORDS,
    ),
    Row("STARTTLS where it is off", "none", HELLO, ("STARTTLS", OFF, "502 5.5.1 Command not implemented"), why=UNKNOWN),
    Row("AUTH LOGIN asks", "auth", HELLO_AUTH, ("AUTH LOGIN", "334 VXNlcm5hbWU6"), (JOE, "334 UGFzc3dvcmQ6")),
    Row("AUTH LOGIN with a user", "auth", HELLO_AUTH, (f"AUTH LOGIN {JOE}", "334 UGFzc3dvcmQ6")),
    Row("AUTH PLAIN asks", "auth", HELLO_AUTH, ("AUTH PLAIN", "334 ")),
    Row(
        "AUTH without a mechanism",
        "auth",
        HELLO_AUTH,
        ("AUTH", BAD, "501 5.5.4 Syntax: AUTH mechanism [initial-response]"),
        why=SYNTAX,
    ),
    Row(
        "AUTH of an unknown mechanism",
        "auth",
        HELLO_AUTH,
        ("AUTH FOO", OFF, "504 5.5.4 Authentication mechanism not supported"),
        why=MECHANISM,
    ),
    Row(
        "AUTH of a mechanism that is off",
        "auth",
        HELLO_AUTH,
        ("AUTH CRAM-MD5", OFF, "504 5.5.4 Authentication mechanism not supported"),
        why=MECHANISM,
    ),
    Row(
        "AUTH EXTERNAL that is off",
        "auth",
        HELLO_AUTH,
        ("AUTH EXTERNAL", OFF, "504 5.5.4 Authentication mechanism not supported"),
        why=MECHANISM,
    ),
    Row(
        "AUTH of bad base64",
        "auth",
        HELLO_AUTH,
        ("AUTH PLAIN !!!!", OFF, "501 5.5.2 Cannot decode authentication data"),
        why=MECHANISM,
    ),
    Row(
        "AUTH that is cancelled",
        "auth",
        HELLO_AUTH,
        ("AUTH PLAIN", "334 "),
        ("*", OFF, "501 5.7.0 Authentication cancelled"),
        why=MECHANISM,
    ),
    Row(
        "AUTH without a password",
        "auth",
        HELLO_AUTH,
        ("AUTH PLAIN am9l", OFF, "501 5.5.2 Authentication data not valid"),
        why=MECHANISM,
    ),
    Row(
        "CRAM-MD5 with an initial response",
        "all",
        ("AUTH CRAM-MD5 x", OFF, "501 5.7.0 Initial response not allowed with this mechanism"),
        why=SYNTAX,
    ),
    Row(
        "MAIL before AUTH",
        "auth",
        HELLO_AUTH,
        ("MAIL FROM:<a@x>", "530 5.7.1 Authentication required", "530 5.7.0 Authentication required"),
        why=DEMAND,
    ),
    Row("RCPT before MAIL", "none", HELLO, ("RCPT TO:<b@y>", "503 5.5.1 Bad sequence of commands")),
    Row("MAIL twice", "none", HELLO, MAIL, ("MAIL FROM:<a@x>", "503 5.5.1 Bad sequence of commands"), why=WORDS),
    Row(
        "MAIL without an argument",
        "none",
        HELLO,
        ("MAIL", BAD, "501 5.5.4 Syntax: MAIL FROM:<address>, RCPT TO:<address>"),
        why=SYNTAX,
    ),
    Row(
        "RCPT without an argument",
        "none",
        HELLO,
        MAIL,
        ("RCPT", BAD, "501 5.5.4 Syntax: MAIL FROM:<address>, RCPT TO:<address>"),
        why=SYNTAX,
    ),
    Row(
        "early talker",
        "delayed",
        (
            "EHLO c.test",
            f"503 5.5.0 Improper use of SMTP command pipelining {END}",
            f"503 5.5.0 Improper command pipelining {END}",
        ),
        greeting=None,
        why=WORDS,
    ),
    Row("who waits for the greeting", "delayed", HELLO),
]

COMMANDS = [
    Row(
        "verbs in small letters",
        "none",
        ("ehlo c.test", "250 mailrace.test"),
        ("noop", *OKAY),
        ("qUiT", BYE[1]),
        why=WORDS,
    ),
    Row("DATA before MAIL", "none", HELLO, ("DATA", OFF, "503 5.5.1 Bad sequence of commands"), why=UNKNOWN),
    Row("BDAT before MAIL", "none", HELLO, ("BDAT 0 LAST", OFF, "503 5.5.1 Bad sequence of commands"), why=UNKNOWN),
    Row("ETRN", "none", HELLO, ("ETRN x", OFF, "502 5.5.1 Command not implemented"), why=UNKNOWN),
    Row("EXPN", "none", HELLO, ("EXPN x", OFF, "502 5.5.1 Command not implemented"), why=UNKNOWN),
    Row("VRFY", "none", HELLO, ("VRFY x", OFF, "252 2.0.0 Not verified here, mail to it will tell"), why=SERVED),
    Row("HELP", "none", HELLO, ("HELP", OFF, "214 2.0.0 See RFC 5321"), why=SERVED),
    Row("XCLIENT", "none", HELLO, ("XCLIENT ADDR=192.0.2.1", OFF, "550 5.7.0 Not authorised to do that"), why=UNKNOWN),
    Row(
        "XFORWARD", "none", HELLO, ("XFORWARD ADDR=192.0.2.1", OFF, "550 5.7.0 Not authorised to do that"), why=UNKNOWN
    ),
    Row("an unknown verb", "none", HELLO, ("FROB", OFF, "500 5.5.2 Command not recognised"), why=UNKNOWN),
    Row("an empty line", "none", HELLO, ("", OFF, "500 5.5.2 Syntax error"), why=UNKNOWN),
    Row("a space in front", "none", HELLO, (" NOOP", OFF, "500 5.5.2 Command not recognised"), why=UNKNOWN),
    Row("a TAB behind the verb", "none", HELLO, ("NOOP\tx", OFF, "500 5.5.2 Command not recognised"), why=UNKNOWN),
    Row(
        "LF alone ends a line",
        "none",
        HELLO,
        (b"NOOP\nNOOP\r\n", "250 2.0.0 OK & 250 2.0.0 OK", "500 5.5.2 Syntax error"),
        why="a line that others could take for two is none",
    ),
    Row("CR within a line", "none", HELLO, (b"NOOP\rx\r\n", OFF, "500 5.5.2 Syntax error"), why=UNKNOWN),
    Row(
        "NUL within a line",
        "none",
        HELLO,
        (b"EHLO a\0b\r\n", "250 mailrace.test", "500 5.5.2 Syntax error"),
        why="NUL never reaches the auth server nor the upstream",
    ),
    Row(
        "twelve arguments",
        "none",
        HELLO,
        ("NOOP 1 2 3 4 5 6 7 8 9 10 11 12", OFF, "250 2.0.0 Ok"),
        why="RFC 5321 has no such limit",
    ),
    Row("no EHLO at all", "none", MAIL, why=WORDS),
    Row(
        "MAIL of no address",
        "none",
        HELLO,
        ("MAIL FROM:<a b>", "250 2.0.0 OK", "501 5.1.7 Bad sender address syntax"),
        why=LOOKED_AT,
    ),
    Row(
        "MAIL with parameters",
        "none",
        HELLO,
        ("MAIL FROM:<a@x> SIZE=100 BODY=8BITMIME", "250 2.0.0 OK", "250 2.1.0 Ok"),
        why=WORDS,
    ),
    Row(
        "MAIL with a bad size",
        "none",
        HELLO,
        ("MAIL FROM:<a@x> SIZE=x", "250 2.0.0 OK", "501 5.5.4 Value of a parameter not valid"),
        why=LOOKED_AT,
    ),
    Row("MAIL of the null sender", "none", HELLO, ("MAIL FROM:<>", "250 2.0.0 OK", "250 2.1.0 Ok"), why=WORDS),
    Row(
        "EHLO forgets MAIL",
        "none",
        HELLO,
        MAIL,
        HELLO,
        ("RCPT TO:<b@y>", "503 5.5.1 Bad sequence of commands"),
        why=WORDS,
    ),
    Row(
        "RSET forgets MAIL",
        "none",
        HELLO,
        MAIL,
        ("RSET", *OKAY),
        ("RCPT TO:<b@y>", "503 5.5.1 Bad sequence of commands"),
        why=WORDS,
    ),
    Row(
        "errors up to the limit",
        "impatient",
        ("FROB", OFF, "500 5.5.2 Command not recognised"),
        ("FROB", f"{OFF} {END}", f"421 4.7.0 Too many errors, closing connection {END}"),
        why=ABUSE,
    ),
    Row(
        "silence up to the limit", "hasty", (None, END, f"421 4.4.2 Idle timeout, closing connection {END}"), why=ABUSE
    ),
    Row(
        "a line over the buffer",
        "small",
        ("NOOP " + "x" * 600, f"{OFF} {END}", "250 2.0.0 Ok"),
        why="a line may have 4,096 bytes, whatever is buffered",
    ),
    Row(
        "pipelined commands",
        "none",
        (
            "NOOP\r\nNOOP\r\nRSET\r\nQUIT",
            " & ".join(["250 2.0.0 OK"] * 3) + " & " + BYE[1],
            " & ".join(["250 2.0.0 Ok"] * 3) + " & " + BYE[1],
        ),
        why=WORDS,
    ),
    Row(
        "more pipelined commands than fit the buffer",
        "small",
        (b"NOOP\r\n" * 100, ANYTHING, " & ".join(["250 2.0.0 Ok"] * 100)),
        why="all of them are answered",
    ),
    Row(
        "the client goes in the middle",
        "none",
        HELLO,
        (b"NO", ""),
        (HALF_CLOSE, NOT_WAITED_FOR, END),
        why="noticed at once; nginx does not always see what comes together with data, and waits for its timeout",
    ),
]

TLS_ROWS = [
    Row(
        "what is said in the clear behind STARTTLS",
        "tlsonly",
        ("EHLO c.test", "250-mailrace.test|250 STARTTLS"),
        ("STARTTLS\r\nRSET", "220 2.0.0 Start TLS", f"503 5.5.0 Improper command pipelining {END}"),
        why="such a session is ended: whoever pipelines there is an attacker or a program in need of repair",
    ),
    Row(
        "STARTTLS with an argument",
        "tlsonly",
        ("EHLO c.test", "250-mailrace.test|250 STARTTLS"),
        ("STARTTLS x", "220 2.0.0 Start TLS", "501 5.5.4 STARTTLS takes no parameter"),
        why=SYNTAX,
    ),
    Row(
        "STARTTLS within TLS",
        "tlsonly",
        ("EHLO c.test", "250-mailrace.test|250 STARTTLS"),
        ("STARTTLS", "220 2.0.0 Start TLS", "220 2.0.0 Ready to start TLS"),
        (TLS, ""),
        HELLO_AUTH,
        ("STARTTLS", OFF, "503 5.5.1 Bad sequence of commands"),
        why=UNKNOWN,
    ),
    Row(
        "AUTH before TLS",
        "tlsonly",
        ("EHLO c.test", "250-mailrace.test|250 STARTTLS"),
        (f"AUTH PLAIN {PLAIN}", OFF, "530 5.7.0 Must issue a STARTTLS command first"),
        why=DEMAND,
    ),
    Row(
        "MAIL before TLS",
        "tlsonly",
        ("EHLO c.test", "250-mailrace.test|250 STARTTLS"),
        ("MAIL FROM:<a@x>", "250 2.0.0 OK", "530 5.7.0 Must issue a STARTTLS command first"),
        why=CLEARTEXT,
    ),
    Row(
        "STARTTLS forgets EHLO",
        "tls",
        ("STARTTLS", "220 2.0.0 Start TLS", "503 5.5.1 Bad sequence of commands"),
        why="STARTTLS stands behind EHLO (RFC 3207 section 4)",
    ),
]


class Replies(table(REPLIES, PROFILES)):
    """What nginx itself can say, all of it."""


class Commands(table(COMMANDS, PROFILES)):
    """How commands are read."""


class StartTLS(table(TLS_ROWS, PROFILES)):
    """TLS in the middle."""

    def test_a_certificate_that_is_demanded(self):
        certificate = certificates.authority().issue("joe")
        for who, port in self.both.ports("demanding"):
            with self.subTest(who):
                with self.greeted(port) as client:
                    client.start_tls(certificate=certificate)
                    self.assertTrue(client.ask("EHLO c.test").startswith(b"250"))
                # nginx says so within TLS; a client of Mailrace sees its handshake fail.
                with self.greeted(port) as client:
                    if who == "nginx":
                        client.start_tls()
                        self.assertEqual(client.rest(), b"421 4.7.1 No required SSL certificate\r\n")
                    else:
                        with self.assertRaisesRegex(ssl.SSLError, "certificate required"):
                            client.start_tls()
                            client.rest()

    def greeted(self, port):
        client = self.enterContext(scripted.Client(port))
        client.reply()
        client.ask("EHLO c.test")
        self.assertTrue(client.ask("STARTTLS").startswith(b"220"))
        return client


if __name__ == "__main__":
    unittest.main()
