"""Envelope depth: what is left of passwords in memory."""

import base64
import unittest

from harness import scripted, sink
from test_envelope import AuthServer, start


def places(process, text):
    """What stands around `text`, wherever the process could write it."""
    found = []
    with open(f"/proc/{process}/maps") as maps, open(f"/proc/{process}/mem", "rb", 0) as memory:
        for area in maps:
            addresses, rights = area.split()[:2]
            if not rights.startswith("rw") or "[v" in area:
                continue
            start, end = (int(address, 16) for address in addresses.split("-"))
            # A sanitizer's shadow.
            if end - start > 1 << 30:
                continue
            memory.seek(start)
            try:
                held = memory.read(end - start)
            except OSError:  # a device's
                continue
            place = held.find(text)
            while place >= 0:
                found.append(held[max(0, place - 64) : place + len(text)])
                place = held.find(text, place + 1)
    return found


class Knowing(AuthServer):
    """Accepts joe with any password, and gives another one for the upstream."""

    PASSWORD = b"unusual-word-4712"

    def answer(self, headers):
        if headers["Auth-User"] != "joe":
            return [("Auth-Status", "Go away"), ("Auth-Wait", "1")]
        host, port = self.server.rsplit(":", 1)
        return [("Auth-Status", "OK"), ("Auth-Server", host), ("Auth-Port", port), ("Auth-Pass", self.PASSWORD.decode())]


class Memory(unittest.TestCase):
    """A password is in nobody's memory once it has been decided about."""

    PASSWORD = b"uncommon-word-4711"

    def dialogue(self, user, command, is_secure, decided):
        with sink.Sink() as upstream, Knowing(upstream.address) as auth:
            with start([upstream.address], auth, starttls="offer") as mailrace:
                with scripted.Client(mailrace.port()) as client:
                    client.reply()
                    client.ask("EHLO client.test")
                    if is_secure:
                        client.ask("STARTTLS")
                        client.start_tls()
                    said = base64.b64encode(b"\0%s\0%s" % (user, self.PASSWORD))
                    if command == "AUTH LOGIN":
                        client.ask(f"AUTH LOGIN {base64.b64encode(user).decode()}")
                        said = base64.b64encode(self.PASSWORD)
                        command = ""
                    line = f"{command} {said.decode()}".strip()
                    self.assertTrue(client.ask(line).startswith(decided))
                    # By then whatever followed the decision is over.
                    client.ask("NOOP")
                    try:
                        for text in (self.PASSWORD, said[4:-4], Knowing.PASSWORD):
                            self.assertEqual(places(mailrace.program.process.pid, text), [])
                    except PermissionError:
                        self.skipTest("the memory of another process cannot be read here")

    def test_of_one_who_is_accepted(self):
        for is_secure in (False, True):
            for command in ("AUTH PLAIN", "AUTH LOGIN"):
                with self.subTest(command, is_secure=is_secure):
                    self.dialogue(b"joe", command, is_secure, b"235 ")

    def test_of_one_who_is_refused(self):
        self.dialogue(b"jim", "AUTH PLAIN", True, b"535 ")


if __name__ == "__main__":
    unittest.main()
