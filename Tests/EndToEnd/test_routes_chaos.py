"""Clients and upstreams that do all kinds of things, many at a time; then the books are balanced.

MAILRACE_CHAOS_SEED makes it the same again, as far as threads do; the seed is told where it fails.
"""

import os
import random
import threading
import time
import unittest

from harness import PATIENCE_S, relay, transactions
from harness.mailer import Mailer, message, stuffed
from harness.programs import wait_until
from harness.upstream import OFFERS, Upstream, fin, reset, saying

DURATION_S = 8
CLIENTS = 12
# What an upstream may do at a step instead of its part, and more often than not does not.
FAULTS = {
    "connect": [b"450 4.3.2 later\r\n", b"554 5.3.2 never\r\n", fin, reset],
    "ehlo": [b"451 4.3.0 later\r\n", fin],
    "mail": [b"451 4.3.0 later\r\n", b"550 5.7.1 not you\r\n", fin, reset, saying(b"421 4.3.2 going\r\n", fin)],
    "rcpt": [b"450 4.2.1 later\r\n", b"550 5.1.1 nobody\r\n", fin, reset, saying(b"421 4.3.2 going\r\n", fin)],
    "data": [b"451 4.3.0 later\r\n", b"554 5.7.1 not this\r\n", fin, reset],
    "body": [saying(b"552 5.3.4 too much\r\n"), saying(b"451 4.3.0 no more\r\n", fin), fin, reset],
    "chunk": [b"451 4.3.0 later\r\n", fin, reset],
    "end": [b"550 5.6.0 not this\r\n", b"451 4.3.0 later\r\n", b"250-2.0.0 accepted\r\n250 2.0.0 by upstream\r\n",
            fin, reset, saying(b"250 2.0.", fin), saying(b"421 4.3.2 going\r\n", fin),
            saying(b"250 2.0.0 accepted by upstream\r\n", fin)],
    "rset": [fin, b"500 5.5.2 what?\r\n"],
}  # fmt: skip


class Moody(Upstream):
    """An upstream that does one of these now and then, each connection for itself."""

    def __init__(self, seed, **options):
        self.random = random.Random(seed)
        super().__init__(**options)

    def faults_of_next(self):
        faults = {}
        with self.keeping:
            for step, actions in FAULTS.items():
                if self.random.random() < 0.06:
                    # The first times may go well, so that it is met in the midst of something.
                    faults[step] = [None] * self.random.randrange(3) + [self.random.choice(actions)]
        return faults


class Ledger:
    """What clients were told of their messages."""

    def __init__(self):
        self.told, self.contents, self.recipients = {}, {}, {}
        self.lock = threading.Lock()

    def begin(self, mark, content):
        with self.lock:
            self.contents[mark] = content
            # So it stays where the client goes, or is lost, before it is told.
            self.told[mark] = "lost"

    def address(self, mark, recipients):
        """Those who were accepted."""
        with self.lock:
            self.recipients[mark] = recipients

    def end(self, mark, reply):
        with self.lock:
            self.told[mark] = reply.decode("latin-1") or "lost"


class Client:
    """A client that sends messages, and gives up now and then at some point."""

    PLACES = ["one.test", "other.test", "lmtp.test", "nowhere.test"]

    def __init__(self, number, seed, port, ledger):
        self.number, self.port, self.ledger = number, port, ledger
        self.random = random.Random(seed)
        self.count = 0
        self.failure = None

    def run(self, until):
        try:
            while time.monotonic() < until:
                try:
                    self.session(until)
                except (ConnectionError, EOFError):
                    pass
        except Exception as failure:  # kept for the test's own thread
            self.failure = failure

    def session(self, until):
        with Mailer(self.port) as mailer:
            # As somebody else than the other clients.
            mailer.ask(f"XCLIENT ADDR={self.address(self.number)}")
            mailer.ask("EHLO client.test")
            for _ in range(self.random.randrange(1, 8)):
                if time.monotonic() > until or not self.send(mailer):
                    return
            mailer.leave()

    @staticmethod
    def address(number):
        return f"192.0.2.{number + 1}"

    def send(self, mailer):
        """One message; False where the session is over."""
        mark = f"chaos-{self.number}-{self.count}"
        self.count += 1
        content = message(mark, self.random.choice([0, 5, 50, 2000]))
        self.ledger.begin(mark, content)
        recipients = [f"b{number}@{self.random.choice(self.PLACES)}" for number in range(self.random.randrange(1, 4))]
        leaving = self.random.random() < 0.15
        is_reset, is_chunked, is_grouped = (self.random.random() < share for share in (0.05, 0.4, 0.5))
        commands = [f"MAIL FROM:<{mark}@client.test>"] + [f"RCPT TO:<{recipient}>" for recipient in recipients]
        if not is_reset and not is_chunked:
            commands.append("DATA")
        replies = self.say(mailer, commands, is_grouped)
        if not all(replies):
            return False
        accepted = zip(recipients, replies[1:])
        self.ledger.address(mark, [recipient for recipient, reply in accepted if reply.startswith(b"250")])
        if is_reset:
            return mailer.ask("RSET").startswith(b"250")
        if is_chunked:
            return self.send_chunks(mailer, mark, content, leaving)
        reply = replies[-1]
        if not reply.startswith(b"354"):
            self.ledger.end(mark, reply)
            mailer.ask("RSET")
            return bool(reply)
        wire = stuffed(content) + b".\r\n"
        if leaving:
            self.go(mailer, wire)
            return False
        mailer.send(wire)
        return self.note(mailer.reply(), mark)

    def say(self, mailer, commands, is_grouped):
        """Gives the replies, the last of them empty where the session has ended."""
        if not is_grouped:
            return [mailer.ask(command) for command in commands]
        mailer.send("".join(f"{command}\r\n" for command in commands).encode())
        return [mailer.reply() for _ in commands]

    def send_chunks(self, mailer, mark, content, leaving):
        cuts = sorted(self.random.randrange(len(content)) for _ in range(self.random.randrange(3)))
        pieces = [content[start:end] for start, end in zip([0, *cuts], [*cuts, len(content)])]
        text = b"".join(
            b"BDAT %d%s\r\n" % (len(piece), b" LAST" if number == len(pieces) - 1 else b"") + piece
            for number, piece in enumerate(pieces))
        if leaving:
            self.go(mailer, text)
            return False
        if self.random.random() < 0.5:
            # All at once, as RFC 3030 has it.
            mailer.send(text)
            replies = [mailer.reply() for _ in pieces]
        else:
            replies = [mailer.chunk(piece, number == len(pieces) - 1) for number, piece in enumerate(pieces)]
        # The first that is no yes is what became of it; those behind it say that there is nothing any more.
        bad = [reply for reply in replies if not reply.startswith(b"250")]
        ended = self.note(bad[0] if bad else replies[-1], mark)
        return ended and (not bad or mailer.ask("RSET").startswith(b"250"))

    def note(self, reply, mark):
        self.ledger.end(mark, reply)
        return bool(reply)

    def go(self, mailer, wire):
        """Goes in the midst of the message, or with the last of it."""
        cut = self.random.choice([0, 1, len(wire) // 2, len(wire) - 5, len(wire) - 3, len(wire) - 1, len(wire)])
        mailer.send(wire[: max(cut, 0)])
        self.random.choice([mailer.reset, mailer.close])()


class Chaos(transactions.Case):
    def test_the_books_balance(self):
        seed = int(os.environ.get("MAILRACE_CHAOS_SEED", random.randrange(1 << 30)))
        with self.subTest(seed=seed):
            self.run_with(seed)

    def run_with(self, seed):
        one = self.enterContext(Moody(seed + 1, offers=("XFORWARD ADDR", *OFFERS)))
        other = self.enterContext(Moody(seed + 2, offers=("XCLIENT ADDR", "8BITMIME")))
        mailbox = self.enterContext(Moody(seed + 3, offers=("PIPELINING", "8BITMIME"), lmtp=True))
        rows = {"one.test": one.address, "other.test": other.address, "lmtp.test": "mailbox"}
        table = self.enterContext(transactions.Map(rows))
        tables = table.tables + transactions.upstreams(mailbox=mailbox.address) + 'protocol = "lmtp"\n'
        # Warm connections are part of it.
        text = transactions.configuration(
            [one.address], shards=2, tables=tables.replace("idle_connections = 0", "idle_connections = 4"),
            listener='xclient_trusted = ["127.0.0.0/8"]', upstream="idle_connections = 4",
            timeouts='reply = "10s"\nfinal_reply = "10s"\ndata = "10s"')
        mailrace = self.enterContext(relay.Mailrace(text)).wait_ready()
        ledger = Ledger()
        until = time.monotonic() + DURATION_S
        clients = [Client(number, seed * 100 + number, mailrace.port(), ledger) for number in range(CLIENTS)]
        threads = [threading.Thread(target=client.run, args=[until], daemon=True) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DURATION_S + PATIENCE_S)
        self.assertEqual([client.failure for client in clients if client.failure], [], mailrace.program.output[-4000:])
        mailrace.end()
        upstreams = (one, other, mailbox)
        for upstream in upstreams:
            wait_until(lambda: upstream.finished == len(upstream.connections), "the upstream's end")
        # What the map does not have goes to the listener's upstream.
        where = {"one.test": one, "other.test": other, "lmtp.test": mailbox, "nowhere.test": one}
        self.balance(ledger, [delivery for upstream in upstreams for delivery in upstream.deliveries], where)
        self.are_told_apart(one, b"XFORWARD ", lasts=False)
        self.are_told_apart(other, b"XCLIENT ", lasts=True)

    def are_told_apart(self, upstream, verb, lasts):
        """Before each MAIL the upstream was told whose it is: once for all of a connection, or each time."""
        for connection in upstream.connections:
            told = None
            for command in connection.commands:
                if command.startswith(verb):
                    told = command.split(b"ADDR=")[1].split()[0].decode()
                elif command.startswith(b"MAIL "):
                    number = int(command.split(b"chaos-")[1].split(b"-")[0])
                    self.assertEqual(told, Client.address(number), connection.commands)
                    told = told if lasts else None

    def balance(self, ledger, deliveries, where):
        arrived = {mark: [] for mark in ledger.contents}
        for delivery in deliveries:
            mark = delivery.sender.split(b"<")[1].split(b"@")[0].decode()
            content = ledger.contents[mark]
            # In whole or in part, it is what was sent and nothing else.
            whole = content if delivery.by_chunks else stuffed(content)
            self.assertBegins(delivery.wire, whole, mark)
            if delivery.is_whole:
                self.assertEqual(len(delivery.wire), len(whole), mark)
                arrived[mark].append(delivery)
                self.assertEqual(
                    delivery.recipients, [f"RCPT TO:<{name}>\r\n".encode() for name in ledger.recipients[mark]], mark)
                places = {name.split("@")[1] for name in ledger.recipients[mark]}
                self.assertEqual([where[place] for place in places], [delivery.server], f"{mark} went astray")
        accepted = 0
        for mark, told in ledger.told.items():
            taken = [delivery for delivery in arrived[mark] if delivery.answer.startswith(b"250")]
            self.assertLessEqual(len(arrived[mark]), 1, f"{mark} came more than once: {told}")
            if told.startswith("250"):
                self.assertEqual(len(taken), 1, f"{mark} was accepted: {told}")
                accepted += 1
            elif taken:
                self.assertTrue(told.startswith("451 4.4.2") or told == "lost", f"{mark} has come: {told}")
        # There were all kinds, or this has shown nothing.
        self.assertGreater(accepted, 20)
        self.assertTrue(any(told.startswith("4") for told in ledger.told.values()))
        self.assertTrue(any(told.startswith("5") for told in ledger.told.values()))
        print(f"    {len(ledger.told)} messages, {accepted} accepted, {len(deliveries)} seen by upstreams")


if __name__ == "__main__":
    unittest.main()
