"""What cases have in common that would be said over and over."""

import unittest

from . import admin, programs, relay, scripted, sink


class AdminCase(unittest.TestCase):
    """One that looks at a Mailrace through its admin endpoint."""

    def relay(self, servers=None, listen="127.0.0.1:0", **options):
        """Mailrace and its admin endpoint, before a sink unless it is given other servers."""
        servers = servers or [self.enterContext(sink.Sink()).address]
        mailrace = self.enterContext(relay.start(servers, admin=listen, **options))
        return mailrace, admin.Admin(mailrace, listen.removeprefix("unix:") if listen.startswith("unix:") else None)

    def session(self, mailrace, name="client.test"):
        """A client in a session that has been handed off."""
        client = self.enterContext(scripted.Client(mailrace.port()))
        client.reply()
        client.send(f"EHLO {name}\r\n".encode("latin-1"))
        self.assertTrue(client.reply().startswith(b"250"))
        return client

    def wait(self, condition):
        return programs.wait_until(condition, "the endpoint to show it")
