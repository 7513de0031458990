"""Envelope depth is no open relay: whose RCPT reaches the upstream, in every combination of what can be configured."""

import base64
import concurrent.futures
import itertools
import re
import unittest

from harness import HOST, certificates, relay, scripted
from harness.sidebyside import Upstream

GOOD = base64.b64encode(b"\0joe\0secret").decode()
BAD = base64.b64encode(b"\0joe\0guess").decode()
PLACES = [("smtp", "off"), ("smtp", "offer"), ("smtp", "require")]
PLACES += [("submission", "off"), ("submission", "offer"), ("submission", "require"), ("smtps", None)]


class Listener:
    """One combination; what it lets pass is worked out from the manual."""

    def __init__(self, number, place, mechanisms, require, before_tls, trusts, takes_unasked):
        self.name = f"l{number}"
        (self.role, self.starttls), self.mechanisms, self.require = place, mechanisms, require
        self.before_tls, self.trusts, self.takes_unasked = before_tls, trusts, takes_unasked

    def __str__(self):
        return str({key: value for key, value in vars(self).items() if key not in ("name", "port")})

    @property
    def text(self):
        lines = [f"[listener.{self.name}]", f'listen = ["{HOST}:0"]', 'depth = "envelope"', 'upstream = "backend"']
        lines += [f'role = "{self.role}"']
        lines += [f'starttls = "{self.starttls}"'] if self.starttls else []
        lines += ['tls = "default"'] if self.starttls != "off" else []
        lines += [f'xclient_trusted = ["{HOST}"]'] if self.trusts else []
        if self.mechanisms is not None:
            lines += [f"[listener.{self.name}.auth]", 'authenticator = "site"', f"mechanisms = {self.mechanisms}"]
            lines += [f"require = {str(self.require).lower()}"] if self.require is not None else []
            lines += [f"{key} = true" for key, is_on in self.switches if is_on]
        return "\n".join(lines) + "\n"

    @property
    def switches(self):
        return [("before_tls", self.before_tls), ("always_accept_plain_login", self.takes_unasked)]

    def lets_pass(self, client):
        is_secure = self.role == "smtps" or client.uses_tls and self.starttls in ("offer", "require")
        demands_tls = self.starttls == "require"
        if self.role == "submission" and self.starttls == "offer" and not self.before_tls:
            demands_tls = True
        if demands_tls and not is_secure:
            return False
        takes_plain = self.mechanisms is not None and ("PLAIN" in self.mechanisms or self.takes_unasked)
        # AUTH in the clear is taken there, too; what is said before STARTTLS is forgotten or has been handed over.
        is_safe = is_secure or self.before_tls
        if takes_plain and is_safe and client.credentials == BAD:
            return False  # A refusal without Auth-Wait ends the session.
        is_known = takes_plain and is_safe and client.credentials == GOOD
        is_known = is_known or self.trusts and client.names_login
        demands_login = self.role != "smtp" if self.require is None else self.require
        if is_known:
            return True
        # The auth server does not want strangers.
        return not demands_login and "NONE" not in (self.mechanisms or [])


class Client:
    def __init__(self, name, uses_tls=False, credentials=None, xclient=None):
        self.name, self.uses_tls, self.credentials, self.xclient = name, uses_tls, credentials, xclient
        self.names_login = "LOGIN=" in (xclient or "")

    def talk(self, listener, recipient):
        """Sends mail for the recipient, all in one segment: whatever was refused, the rest is said as well."""
        with scripted.Client(listener.port) as client:
            if listener.role == "smtps":
                client.start_tls()
            client.reply()
            if self.uses_tls and listener.role != "smtps":
                client.ask("EHLO c.test")
                if client.ask("STARTTLS").startswith(b"220"):
                    client.start_tls()
            lines = ["EHLO c.test"]
            lines += [f"XCLIENT {self.xclient}", "EHLO c.test"] if self.xclient else []
            lines += [f"AUTH PLAIN {self.credentials}"] if self.credentials else []
            lines += ["MAIL FROM:<a@x>", f"RCPT TO:<{recipient}>", "QUIT", ""]
            client.send("\r\n".join(lines))
            client.rest()


CLIENTS = [
    Client("nobody"),
    Client("nobody in TLS", uses_tls=True),
    Client("joe", credentials=GOOD),
    Client("joe in TLS", uses_tls=True, credentials=GOOD),
    Client("not joe", credentials=BAD),
    Client("not joe in TLS", uses_tls=True, credentials=BAD),
    Client("joe by XCLIENT", xclient="ADDR=192.0.2.1 LOGIN=joe"),
    Client("nobody by XCLIENT", xclient="ADDR=192.0.2.1"),
]


def answer(peer):
    """The auth server: knows joe, and nobody else."""
    request = peer.until(b"\r\n\r\n")
    is_welcome = b"Auth-Method: plain\r\nAuth-User: joe\r\nAuth-Pass: secret\r\n" in request
    status = b"OK" if is_welcome else b"go away"
    peer.send(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nAuth-Status: " + status + b"\r\n\r\n")


def combinations():
    counter = itertools.count()
    for place, trusts in itertools.product(PLACES, [False, True]):
        yield Listener(next(counter), place, None, None, False, trusts, False)
        for mechanisms in [["PLAIN"], ["PLAIN", "NONE"], ["NONE"]]:
            for require, before_tls in itertools.product([None, True, False], [False, True]):
                for takes_unasked in [False, True] if "PLAIN" not in mechanisms else [False]:
                    options = [require, before_tls, trusts, takes_unasked]
                    yield Listener(next(counter), place, mechanisms, *options)


class Openness(unittest.TestCase):
    def configuration(self, listeners, auth, upstream):
        own = certificates.ecdsa()
        lines = ['hostname = "mailrace.test"', "[runtime]", "shards = 1", 'control_socket = ""', 'user = ""']
        lines += ["[admin]", 'listen = ""']
        lines += ["[tls.default]", f'certificate = "{own.file}"', f'key = "{own.key_file}"']
        lines += ["[authenticator.site]", 'type = "http"', f'url = "http://{auth.address}/auth"']
        lines += ["needs_server = false", "[upstream.backend]", f'servers = ["{upstream.address}"]', 'tls = "off"']
        lines += ['xclient = "off"', 'health = { probe = "off" }']
        return "\n".join(lines) + "\n" + "".join(listener.text for listener in listeners)

    def test_who_is_let_pass(self):
        auth, upstream = self.enterContext(scripted.Server(answer)), self.enterContext(Upstream())
        listeners = list(combinations())
        text = self.configuration(listeners, auth, upstream)
        # Some contradict themselves, and are refused.
        refused = set(re.findall(r"listener\.(l\d+)\.", self.errors(text)))
        listeners = [listener for listener in listeners if listener.name not in refused]
        self.assertGreater(len(listeners), 100)
        mailrace = self.enterContext(relay.Mailrace(self.configuration(listeners, auth, upstream))).wait_ready()
        ports = dict(re.findall(r":(\d+) \(listener (l\d+)\)", mailrace.program.output))
        ports = {name: int(port) for port, name in ports.items()}
        jobs = []
        for listener in listeners:
            listener.port = ports[listener.name]
            jobs += [(listener, client, f"{listener.name}-{number}@y") for number, client in enumerate(CLIENTS)]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda job: job[1].talk(job[0], job[2]), jobs))
        heard = {line for lines in upstream.heard for line in lines}
        wrong = [
            f"{client.name} {'passed' if f'RCPT TO:<{recipient}>' in heard else 'did not pass'} {listener}"
            for listener, client, recipient in jobs
            if (f"RCPT TO:<{recipient}>" in heard) != bool(listener.lets_pass(client))
        ]
        self.assertEqual(wrong, [], f"{len(wrong)} of {len(jobs)}")

    def errors(self, text):
        mailrace = relay.Mailrace(text)
        with mailrace:
            return relay.mailrace("check", "--config", mailrace.file).stdout


if __name__ == "__main__":
    unittest.main()
