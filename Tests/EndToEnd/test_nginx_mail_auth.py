"""nginx's mail module and Mailrace before the same auth_http server: what is asked, and what the answers do."""

import base64
import hashlib
import hmac
import unittest

from harness import certificates
from harness.sidebyside import ANYTHING, CLOSE, END, NOT_WAITED_FOR, OK, SAME, SILENCE, TLS, Profile, Row, table


def b64(text):
    return base64.b64encode(text.encode("latin-1")).decode()


AUTHORITY = certificates.authority().file
PROFILES = {
    "none": Profile("\nsmtp_auth none; xclient off;", auth='mechanisms = ["NONE"]', upstream='xclient = "off"'),
    "auth": Profile(
        "\nsmtp_auth plain login cram-md5 none; xclient off;",
        auth='before_tls = true\nmechanisms = ["PLAIN", "LOGIN", "CRAM-MD5", "NONE"]',
        upstream='xclient = "off"',
    ),
    "unasked": Profile(
        "\nsmtp_auth none; xclient off;",
        auth='before_tls = true\nalways_accept_plain_login = true\nmechanisms = ["NONE"]',
        upstream='xclient = "off"',
    ),
    "session": Profile(
        "\nproxy_smtp_auth on; xclient off;", auth="before_tls = true", upstream='xclient = "off"\nauth = "session"'
    ),
    "hasty": Profile(
        "\nauth_http_timeout 300ms; xclient off;", auth='before_tls = true\nauthenticator = "hasty"', upstream=""
    ),
    "heading": Profile(
        '\nauth_http_header X-Auth-Key "s3 cret"; auth_http_header X-Other 1; xclient off;',
        auth='before_tls = true\nauthenticator = "heading"',
        upstream='xclient = "off"',
    ),
    "proxied": Profile(
        "proxy_protocol\nset_real_ip_from 127.0.0.0/8; xclient off;",
        'proxy_protocol = "required"\nproxy_protocol_trusted = ["127.0.0.0/8"]',
        "before_tls = true",
        'xclient = "off"',
    ),
    "whole": Profile(
        f"\nstarttls on; ssl_verify_client optional; ssl_client_certificate {AUTHORITY}; auth_http_pass_client_cert on;"
        "xclient off;",
        'starttls = "offer"',
        'before_tls = true\nauthenticator = "whole"',
        'xclient = "off"',
        tls="asking",
    ),
    "certain": Profile(
        f"\nstarttls on; ssl_verify_client optional_no_ca; ssl_client_certificate {AUTHORITY};"
        "smtp_auth plain external; xclient off;",
        'starttls = "offer"',
        'before_tls = true\nmechanisms = ["PLAIN", "EXTERNAL"]',
        'xclient = "off"',
        tls="asking",
    ),
    "tls": Profile("\nstarttls on; xclient off;", 'starttls = "offer"', "", 'xclient = "off"', tls="default"),
}
TABLES = """[authenticator.whole]
type = "http"
url = "http://{auth}/auth"
pass_client_certificate = true
[authenticator.hasty]
type = "http"
url = "http://{auth}/auth"
timeout = "300ms"
[authenticator.heading]
type = "http"
url = "http://{auth}/auth"
headers = {{ X-Auth-Key = "s3 cret", X-Other = "1" }}
"""

HELLO = ("EHLO c.test", "250 mailrace.test")
HELLO_AUTH = ("EHLO c.test", "250-mailrace.test|250 AUTH PLAIN LOGIN")
MAIL = ("MAIL FROM:<a@x>", "250 2.0.0 OK", "250 2.1.0 Ok")
RCPT = ("RCPT TO:<b@y>", "250 2.0.0 fine")
TAKEN = "235 2.0.0 OK", "235 2.7.0 Authentication successful"
LOGIN = (f"AUTH PLAIN {b64(chr(0) + 'joe' + chr(0) + 'secret')}", *TAKEN)
WORDS = "the same code in other words"
ERROR = "451 4.3.2 Internal server error"
DOWN = "454 4.7.0 Temporary authentication failure"
STAYS = "the client is told which of its commands has failed, by the code that RFC 4954 has for it, and may go on"
UNSURE = "451 4.3.0 Temporarily unable to decide, try again later"
MORE = "answers that nginx takes for broken are understood"


CRLF = "\r\nX-Evil: 1"


def asked(method="plain", user="joe", password="secret", attempt=1, more=(), salt=None):
    lines = [f"Auth-Method: {method}", f"Auth-User: {user}", f"Auth-Pass: {password}"]
    lines += [f"Auth-Salt: {salt}"] if salt else []
    lines += ["Auth-Protocol: smtp", f"Auth-Login-Attempt: {attempt}", "Client-IP: 127.0.0.1"]
    return [line.rstrip(" ") for line in [*lines, "Client-Host: [UNAVAILABLE]", *more]]


def envelope(helo="c.test", sender="MAIL FROM:<a@x>", recipient="RCPT TO:<b@y>"):
    lines = [f"Auth-SMTP-Helo: {helo}", f"Auth-SMTP-From: {sender}", f"Auth-SMTP-To: {recipient}"]
    return asked("none", "", "", more=lines)


def login(name, answer, reply, ours=None, why=None, **more):
    """A row in which a client authenticates, and hears this."""
    step = (LOGIN[0], reply) if ours is None else (LOGIN[0], reply, ours)
    return Row(name, more.pop("profile", "auth"), step, answer=answer, why=why, **more)


def plain(name, user, password, asked_user, asked_password, **more):
    """A row in which a client shows these, and the server is asked about those."""
    ours = more.pop("ours", None)
    changed = {"asks_ours": asked(user=ours[0], password=ours[1])} if ours else {}
    return Row(
        name,
        "auth",
        (f"AUTH PLAIN {b64(chr(0) + user + chr(0) + password)}", *TAKEN),
        why=more.pop("why", WORDS),
        asks=asked(user=asked_user, password=asked_password),
        **changed,
        **more,
    )


def signed(challenge):
    """What CRAM-MD5 says to a challenge."""
    salt = base64.b64decode(challenge.split()[1])
    return b64(f"joe {hmac.new(b'secret', salt, hashlib.md5).hexdigest()}")


REQUEST = [
    Row(
        "CRAM-MD5",
        "auth",
        ("AUTH CRAM-MD5", ANYTHING),
        (signed, *TAKEN),
        asks=SAME,
        unlike=["Auth-Pass", "Auth-Salt"],
        why=WORDS,
    ),
    Row("PLAIN", "auth", LOGIN, asks=asked(), why=WORDS),
    Row("PLAIN in two lines", "auth", ("AUTH PLAIN", "334 "), (LOGIN[0].split()[-1], *TAKEN), asks=asked(), why=WORDS),
    Row(
        "an identity to act as",
        "auth",
        (f"AUTH PLAIN {b64('boss' + chr(0) + 'joe' + chr(0) + 'secret')}", *TAKEN),
        asks=asked(),
        why=WORDS,
    ),
    Row(
        "LOGIN",
        "auth",
        ("AUTH LOGIN", "334 VXNlcm5hbWU6"),
        (b64("joe"), "334 UGFzc3dvcmQ6"),
        (b64("secret"), *TAKEN),
        asks=asked(),
        why=WORDS,
    ),
    Row(
        "LOGIN with its user",
        "auth",
        (f"AUTH LOGIN {b64('joe')}", "334 UGFzc3dvcmQ6"),
        (b64("secret"), *TAKEN),
        asks=asked(),
        why=WORDS,
    ),
    Row("PLAIN where it is not offered", "unasked", LOGIN, asks=asked(), why=WORDS),
    plain("spaces and percent signs", "j o+e=%", "p w%", "j%20o+e=%25", "p%20w%25"),
    plain("eight bits", "j\xe9", "p\xe9", "j\xe9", "p\xe9"),
    plain("a TAB in the password", "joe", "p\tw", "joe", "p%09w"),
    Row(
        "CR LF in the password",
        "auth",
        (
            f"AUTH PLAIN {b64(chr(0) + 'joe' + chr(0) + 'p' + CRLF)}",
            TAKEN[0],
            "501 5.5.2 Authentication data not valid",
        ),
        asks=asked(password="p%0D%0AX-Evil:%201"),
        asks_ours=[],
        why="what could be two lines is in no password",
    ),
    Row("no mechanism", "none", HELLO, MAIL, RCPT, asks=envelope(), why=WORDS),
    Row("no mechanism, and no EHLO", "none", MAIL, RCPT, asks=envelope(helo=""), why=WORDS),
    Row(
        "no mechanism, with parameters",
        "none",
        HELLO,
        ("MAIL FROM:<a@x> SIZE=1", *MAIL[1:]),
        ("RCPT TO:<b@y> NOTIFY=NEVER", RCPT[1]),
        asks=envelope(sender="MAIL FROM:<a@x> SIZE=1", recipient="RCPT TO:<b@y> NOTIFY=NEVER"),
        why=WORDS,
    ),
    Row(
        "fields of the configuration",
        "heading",
        LOGIN,
        asks=asked(more=["X-Auth-Key: s3 cret", "X-Other: 1"]),
        why=WORDS,
    ),
    Row(
        "the client of a PROXY header",
        "proxied",
        LOGIN,
        header=b"PROXY TCP4 192.0.2.7 192.0.2.9 4711 25\r\n",
        asks=[line.replace("127.0.0.1", "192.0.2.7") for line in asked()]
        + [
            "Proxy-Protocol-Addr: 192.0.2.7",
            "Proxy-Protocol-Port: 4711",
            "Proxy-Protocol-Server-Addr: 192.0.2.9",
            "Proxy-Protocol-Server-Port: 25",
        ],
        why=WORDS,
    ),
    Row(
        "another try",
        "auth",
        (LOGIN[0], "535 5.7.0 no", "535 5.7.0 no"),
        LOGIN,
        answer=[["Auth-Status: no", "Auth-Wait: 1"], OK],
        asks=asked() + asked(attempt=2),
        why=WORDS,
    ),
]

NO = "535 5.7.0 go away"
YES = [
    login("yes", OK, *TAKEN, why=WORDS),
    login("no status is a yes", OK[1:], *TAKEN, why=WORDS),
    login("names in small letters", [line.lower().replace("ok", "OK") for line in OK[:1]] + OK[1:], *TAKEN, why=WORDS),
    login(
        "lines that end with LF",
        b"HTTP/1.0 200 OK\nAuth-Status: OK\nAuth-Server: 127.0.0.1\nAuth-Port: {port}\n\n",
        *TAKEN,
        why=WORDS,
    ),
    login(
        "any status of HTTP",
        b"HTTP/1.0 500 Oops\r\nAuth-Status: OK\r\nAuth-Server: 127.0.0.1\r\nAuth-Port: {port}" b"\r\n\r\n",
        *TAKEN,
        why=WORDS,
    ),
    login(
        "no status line", b"Auth-Status: OK\r\nAuth-Server: 127.0.0.1\r\nAuth-Port: {port}\r\n\r\n", *TAKEN, why=WORDS
    ),
    login("WAIT, then yes", [["Auth-Status: WAIT", "Auth-Wait: 1"], OK], *TAKEN, why=WORDS, asks=asked() * 2),
    login(
        "a body",
        b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\nAuth-Status: OK\r\nAuth-Server: 127.0.0.1\r\n"
        b"Auth-Port: {port}\r\n\r\nabc",
        *TAKEN,
        why=WORDS,
    ),
    login("more than 1,024 bytes", OK + ["X-Filler: " + "x" * 1500], NOT_WAITED_FOR, TAKEN[1], why=MORE),
    login("a host by its name", [OK[0], "Auth-Server: localhost", OK[2]], f"{ERROR} {END}", TAKEN[1], why=MORE),
    Row(
        "another user and password for the upstream",
        "session",
        HELLO_AUTH,
        LOGIN,
        why=WORDS,
        answer=OK + ["Auth-User: jim", "Auth-Pass: other"],
        up={"EHLO": "250-up.test\r\n250 AUTH PLAIN\r\n"},
        heard=["EHLO mailrace.test", f"AUTH PLAIN {b64(chr(0) + 'jim' + chr(0) + 'other')}"],
    ),
    Row(
        "another password alone",
        "session",
        HELLO_AUTH,
        LOGIN,
        why=WORDS,
        answer=OK + ["Auth-Pass: other"],
        up={"EHLO": "250-up.test\r\n250 AUTH PLAIN\r\n"},
        heard=["EHLO mailrace.test", f"AUTH PLAIN {b64(chr(0) + 'joe' + chr(0) + 'other')}"],
    ),
]
REFUSED = [
    login("no, and the end", ["Auth-Status: go away"], f"{NO} {END}"),
    login("no, and a wait", ["Auth-Status: go away", "Auth-Wait: 1"], NO),
    login("ok in small letters is a no", ["Auth-Status: ok"], f"535 5.7.0 ok {END}"),
    login("another code", ["Auth-Status: go away", "Auth-Error-Code: 550 5.1.1"], f"550 5.1.1 go away {END}"),
    login(
        "another code without the enhanced one",
        ["Auth-Status: go away", "Auth-Error-Code: 451"],
        f"451 go away {END}",
        f"451 4.7.0 go away {END}",
        why="an enhanced code of the same class is put in",
    ),
    login(
        "a code that says yes",
        ["Auth-Status: go away", "Auth-Error-Code: 235"],
        f"235 go away {END}",
        f"{NO} {END}",
        why="a no is never told as a yes",
    ),
    Row(
        "one recipient refused, and the end",
        "none",
        HELLO,
        MAIL,
        (RCPT[0], f"{NO} {END}"),
        answer=["Auth-Status: go away"],
        why=WORDS,
    ),
    Row(
        "one recipient refused, and a wait",
        "none",
        HELLO,
        MAIL,
        (RCPT[0], NO),
        RCPT,
        answer=[["Auth-Status: go away", "Auth-Wait: 1"], OK],
        why=WORDS,
    ),
]
UNAVAILABLE = [
    login("nobody answers", [CLOSE], f"{ERROR} {END}", DOWN, why=STAYS),
    login("no server", OK[:1] + OK[2:], f"{ERROR} {END}", DOWN, why=STAYS),
    login("no port", OK[:2], f"{ERROR} {END}", DOWN, why=STAYS),
    login("a port that is none", OK[:2] + ["Auth-Port: 70000"], f"{ERROR} {END}", DOWN, why=STAYS),
    login("silence", [SILENCE], f"{ERROR} {END}", DOWN, why=STAYS, profile="hasty"),
    login("garbage", b"\x16\x03\x01\x00\x00 what\r\n\r\n", f"{ERROR} {END}", DOWN, why=STAYS),
    login(
        "an answer that breaks off",
        b"HTTP/1.0 200 OK\r\nAuth-Status: OK\r\nAuth-Ser",
        NOT_WAITED_FOR,
        DOWN,
        why="noticed at once; nginx may wait for its timeout where the end comes together with data",
    ),
    Row(
        "nobody answers about a recipient",
        "none",
        HELLO,
        MAIL,
        (RCPT[0], f"{ERROR} {END}", UNSURE),
        answer=[CLOSE],
        why="the client is told so, and may go on",
    ),
]


def secured(name, profile, step, why=WORDS, **options):
    """A row in which a client authenticates within TLS."""
    started = ("STARTTLS", "220 2.0.0 Start TLS", "220 2.0.0 Ready to start TLS")
    hello = ("EHLO c.test", ANYTHING)
    return Row(name, profile, hello, started, (TLS, ""), hello, step, asks=SAME, why=why, **options)


CERTIFICATE = certificates.authority().issue("joe")
ENCRYPTED = [
    secured("TLS", "tls", LOGIN),
    secured("a good certificate", "certain", LOGIN, certificate=CERTIFICATE),
    secured(
        "a good certificate as the login", "certain", (f"AUTH EXTERNAL {b64('joe')}", *TAKEN), certificate=CERTIFICATE
    ),
    secured("no certificate", "certain", LOGIN),
    secured(
        "a certificate of nobody",
        "certain",
        LOGIN,
        certificate=certificates.stranger().issue("joe"),
        unlike=["Auth-SSL-Verify"],
        why="the first thing that OpenSSL finds is told, not the last",
    ),
    secured(
        "a good certificate in full",
        "whole",
        LOGIN,
        certificate=CERTIFICATE,
        unlike=["Auth-SSL-Cert"],
        why="a plus sign of its base64 is escaped as well, lest it be taken for a space",
    ),
]


class Encrypted(table(ENCRYPTED, PROFILES, mailrace_tables=TABLES)):
    """What the server is told of the client's TLS."""


class Request(table(REQUEST, PROFILES, mailrace_tables=TABLES)):
    """What the server is asked."""


class Yes(table(YES, PROFILES, mailrace_tables=TABLES)):
    """Answers that let a client in."""


class No(table(REFUSED, PROFILES, mailrace_tables=TABLES)):
    """Answers that do not."""


class Unavailable(table(UNAVAILABLE, PROFILES, mailrace_tables=TABLES)):
    """No answer that would be one."""


if __name__ == "__main__":
    unittest.main()
