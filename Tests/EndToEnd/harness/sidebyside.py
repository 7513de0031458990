"""nginx's mail module and Mailrace side by side: the same client before the same upstream and the same auth server.

A table is a list of rows. A row says what the client says, and what it gets to hear from nginx; where Mailrace does
not do the same, also what Mailrace says, and why that is better.
"""

import contextlib
import re
import select
import unittest

from . import HOST, certificates, nginx, programs, relay, scripted

TLS = object()  # The client's part of the handshake.
HALF_CLOSE = object()  # The client ends its side.
SILENCE, CLOSE = object(), object()  # What an upstream may do in place of a reply.
END = "(end)"
ANYTHING = "(anything)"  # A reply that is not always the same.
NOT_WAITED_FOR = "(not waited for)"
SAME = "(the same)"  # The auth server is asked the same by both; what that is depends on the machine.
SERVER = "mailrace.test"
SESSION_ID = re.compile(r" \[[A-Z2-7]{10,}\]$")
OK = ["Auth-Status: OK", "Auth-Server: {host}", "Auth-Port: {port}"]
OFFER = "250-up.test\r\n250 XCLIENT ADDR NAME LOGIN\r\n"


class Profile:
    """The same service twice: lines for a server of nginx, the first of them words behind its address; keys for
    Mailrace's listener, its AUTH and its upstream. `tls` is one of Mailrace's TLS sets: `default`, or `asking` or
    `demanding` a certificate."""

    def __init__(self, nginx="", listener="", auth="", upstream="", tls=None):
        self.nginx, self.listener, self.auth, self.upstream, self.tls = nginx, listener, auth, upstream, tls


class Row:
    def __init__(self, name, profile, *steps, **more):
        """`steps` are what the client says (a function: of the last reply, where that may be ANYTHING) and what it
        hears: `(say, reply)`, or `(say, nginx's, Mailrace's)` where the two differ. Several replies have ` & ` between them, and END is behind the last one of a session.

        `why` names the difference; a row without is the same with both. `answer` are lines of the auth server or
        bytes, `asks` the lines that it gets; `up` what the upstream replies to verbs, `heard` what it hears.
        `unlike` are those of which only the names are the same. `asks_ours` and `heard_ours` are Mailrace's where
        they differ.
        """
        self.name, self.profile, self.steps = name, profile, steps
        self.why = more.pop("why", None)
        self.answer, self.up = more.pop("answer", OK), more.pop("up", {})
        self.header = more.pop("header", b"")  # A PROXY header, in the pieces in which it is sent.
        self.greeting = more.pop("greeting", f"220 {SERVER} ESMTP ready")
        self.asks, self.heard = more.pop("asks", None), more.pop("heard", None)
        self.asks_ours, self.heard_ours = more.pop("asks_ours", self.asks), more.pop("heard_ours", self.heard)
        self.certificate, self.unlike = more.pop("certificate", None), more.pop("unlike", [])
        if more:
            raise TypeError(f"no such things: {more}")

    @property
    def differs(self):
        steps = any(len(step) > 2 and step[1] != step[2] for step in self.steps)
        return steps or self.asks not in (SAME, self.asks_ours) or self.heard != self.heard_ours


class AuthServer(scripted.Server):
    """Answers as the row has it, one request a connection. `requests` are the lines of each, without the last."""

    def __init__(self, **options):
        self.requests, self.answer, self.place = [], OK, ("", 0)
        super().__init__(self._serve, **options)

    def _serve(self, peer):
        request = peer.until(b"\r\n\r\n")
        if not request:
            return
        self.requests.append(request.decode("latin-1").split("\r\n")[:-2])
        answer = self.answer.pop(0) if isinstance(self.answer[0], list) and len(self.answer) > 1 else self.answer
        answer = answer[0] if isinstance(answer[0], list) else answer
        if answer is CLOSE or answer[0] is CLOSE:
            return
        if answer[0] is SILENCE:
            peer.rest()
            return
        host, port = self.place
        if isinstance(answer, bytes):
            peer.send(answer.replace(b"{port}", b"%d" % port))
            return
        lines = [line.format(host=host, port=port) for line in answer]
        peer.send("\r\n".join(["HTTP/1.0 200 OK", "Content-Length: 0", *lines, "", ""]).encode("latin-1"))


class Upstream(scripted.Server):
    """Answers as the row has it; `heard` are the lines of each connection."""

    def __init__(self, **options):
        self.replies, self.heard = {}, []
        super().__init__(self._serve, **options)

    def _serve(self, peer):
        replies, lines = self.replies, []
        self.heard.append(lines)
        if not self._say(peer, replies.get("greeting", "220 up.test ESMTP\r\n")):
            return
        while line := peer.line():
            lines.append(line.decode("latin-1").rstrip("\r\n"))
            verb = lines[-1].split(" ")[0].upper()
            if verb == "PROXY":
                lines[-1] = re.sub(r" [1-9]\d{3,4}(?= |$)", " PORT", lines[-1])
                continue
            standard = {
                "EHLO": OFFER,
                "HELO": "250 up.test\r\n",
                "XCLIENT": "220 up.test again\r\n",
                "AUTH": "235 2.7.0 fine\r\n",
                "DATA": "354 go on\r\n",
                "QUIT": "221 2.0.0 bye\r\n",
            }.get(verb, "250 2.0.0 fine\r\n")
            if not self._say(peer, replies.get(verb, standard)):
                return
            if verb == "DATA":
                peer.until(b"\r\n.\r\n")
                peer.send("250 2.0.0 taken\r\n")
            if verb == "QUIT":
                return

    @staticmethod
    def _say(peer, reply):
        if reply is SILENCE:
            peer.rest()
        elif reply is not CLOSE:
            peer.send(reply)
            return True
        return False


class SideBySide:
    """Both, once for each profile. Use as a context."""

    def __init__(self, profiles, nginx_common="", mailrace_tables=""):
        self.profiles, self.nginx_common, self.mailrace_tables = profiles, nginx_common, mailrace_tables

    def __enter__(self):
        self.auth, self.upstream = AuthServer().__enter__(), Upstream().__enter__()
        self.nginx = self.mailrace = None
        try:
            if nginx.is_installed():
                self.nginx = nginx.Nginx(
                    {name: self._nginx_lines(profile) for name, profile in self.profiles.items()},
                    f"auth_http {HOST}:{self.auth.port}/auth;\n" + self.nginx_common,
                ).__enter__()
            self.mailrace = relay.Mailrace(self._configuration()).wait_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for program in [self.mailrace, self.nginx]:
            if program:
                program.__exit__()
        self.auth.stop()
        self.upstream.stop()

    def ports(self, profile):
        """Where the two are: pairs of a name and a port."""
        both = [("nginx", self.nginx.ports[profile])] if self.nginx else []
        return both + [("mailrace", self.mailrace.port(profile))]

    @staticmethod
    def _nginx_lines(profile):
        own = certificates.ecdsa()
        lines = f"ssl_certificate {own.file}; ssl_certificate_key {own.key_file};" if profile.tls else ""
        # What 1.22 takes for granted ends at TLS 1.2.
        lines += "ssl_protocols TLSv1.2 TLSv1.3;" if profile.tls else ""
        first, _, rest = profile.nginx.partition("\n")
        return f"{first}\n{lines}\n{rest}"

    def _configuration(self):
        own = certificates.ecdsa()
        lines = [f'hostname = "{SERVER}"', "[runtime]", "shards = 1", 'control_socket = ""', 'user = ""']
        lines += ["[log]", 'format = "json"', "[admin]", 'listen = ""']
        lines += ["[tls.default]", f'certificate = "{own.file}"', f'key = "{own.key_file}"']
        lines += ["[tls.asking]", f'certificate = "{own.file}"', f'key = "{own.key_file}"']
        lines += ['client_certificates = "request"', f'client_ca = "{certificates.authority().file}"']
        lines += ["[tls.demanding]", f'certificate = "{own.file}"', f'key = "{own.key_file}"']
        lines += ['client_certificates = "require"', f'client_ca = "{certificates.authority().file}"']
        lines += ["[authenticator.site]", 'type = "http"', f'url = "http://{self.auth.address}/auth"']
        lines += [self.mailrace_tables.format(auth=self.auth.address)]
        for name, profile in self.profiles.items():
            lines += [f"[listener.{name}]", f'listen = ["{HOST}:0"]', 'depth = "envelope"', 'greeting = "ESMTP ready"']
            lines += [f'upstream = "{name}"', *([f'tls = "{profile.tls}"'] if profile.tls else []), profile.listener]
            lines += [f"[listener.{name}.auth]"]
            lines += [] if "authenticator" in profile.auth else ['authenticator = "site"']
            lines += [profile.auth]
            lines += [f"[upstream.{name}]", f'servers = ["{self.upstream.address}"]', 'tls = "off"']
            lines += ['health = { probe = "off" }', profile.upstream]
        return "\n".join(lines) + "\n"

    def check(self, case, row):
        """Runs the row against both, and compares."""
        first = None
        case.assertEqual(row.differs, bool(row.why), f"a difference and its name go together: {row.name}")
        for who, port in self.ports(row.profile):
            is_ours = who == "mailrace"
            with case.subTest(who):
                said, asked, heard = self._run(row, port, is_ours)
                case.assertEqual(said, [step[-1] if is_ours else step[1] for step in row.steps], row.name)
                asked = [line.split(":")[0] if line.split(":")[0] in row.unlike else line for line in asked]
                first = first or asked
                for seen, wanted in [
                    (asked, row.asks_ours if is_ours else row.asks),
                    (heard, row.heard_ours if is_ours else row.heard),
                ]:
                    wanted = first if wanted == SAME else wanted
                    if wanted is not None:
                        case.assertEqual(seen, wanted, row.name)

    def _run(self, row, port, is_ours):
        self.auth.requests, self.upstream.heard = [], []
        self.auth.answer = list(row.answer) if isinstance(row.answer, list) else row.answer
        self.auth.place, self.upstream.replies = (HOST, self.upstream.port), row.up
        with scripted.Client(port) as client:
            for piece in row.header if isinstance(row.header, list) else [row.header] if row.header else []:
                client.send(piece)
            if row.greeting:
                greeting = client.reply().decode().rstrip("\r\n")
                if greeting != row.greeting:
                    raise AssertionError(f"{row.name}: greeted with {greeting!r}")
            said = [self._step(client, step[0], step[-1] if is_ours else step[1], row) for step in row.steps]
        upstream = self.upstream
        programs.wait_until(lambda: upstream.finished >= len(upstream.connections), "the upstream's connections to end")
        heard = [line for lines in self.upstream.heard for line in lines]
        # Mailrace takes its leave.
        return said, self._asked(), heard[:-1] if heard[-1:] == ["QUIT"] else heard

    def _asked(self):
        """The fields of all requests, but those that HTTP's libraries add."""
        fields = [line for request in self.auth.requests for line in request[1:]]
        # A space at the end means nothing (RFC 9110 section 5.5).
        fields = [line.rstrip(" ") for line in fields]
        return [line for line in fields if not line.startswith(("Host:", "Accept:", "Connection:", "User-Agent:"))]

    @staticmethod
    def _step(client, say, expected, row):
        if say is TLS:
            client.start_tls(certificate=row.certificate)
            return expected
        # Whose answer is not waited for may have gone.
        with contextlib.suppress(OSError) if expected == NOT_WAITED_FOR else contextlib.nullcontext():
            if say is HALF_CLOSE:
                client.socket.shutdown(1)
            elif callable(say):
                client.send(say(client.heard) + "\r\n")
            elif say is not None:
                client.send(say if isinstance(say, bytes) else say + "\r\n")
        if expected in (ANYTHING, NOT_WAITED_FOR):
            client.heard = client.reply() if expected == ANYTHING else b""
            return expected
        replies = []
        for _ in range(len(expected.removesuffix(END).split(" & ")) if expected not in ("", END) else 0):
            lines = client.reply().decode("latin-1").rstrip("\r\n").split("\r\n")
            replies.append("|".join(SESSION_ID.sub("", line) for line in lines))
        text = " & ".join(replies)
        if expected.endswith(END):
            rest = client.rest().decode("latin-1")
            text += (" " if text else "") + (f"+ {rest!r}" if rest else "") + END
        elif expected and select.select([client.socket], [], [], 0)[0]:
            text += f" + {client.rest()!r}" if not client.is_secure else ""
        return text


def table(rows, profiles, **options):
    """A test case of the rows."""

    class Table(unittest.TestCase):
        @classmethod
        def setUpClass(cls):
            cls.both = cls.enterClassContext(SideBySide(profiles, **options))

    for number, row in enumerate(rows):
        words = re.sub(r"\W+", "_", row.name).strip("_").lower()
        name = f"test_{number:03}_{words}"
        setattr(Table, name, lambda self, row=row: self.both.check(self, row))
    return Table
