"""Messages under way, each going its own way, while something changes: a map, the configuration, the process."""

import os
import signal
import tempfile
import threading
import unittest

from harness import PATIENCE_S, programs, relay, transactions
from harness.mailer import Mailer, message, stuffed
from harness.upstream import Upstream
from harness.programs import wait_until

LIMIT = 'max_message_size = "20KiB"\n'


class Case(transactions.Case):
    """Two upstreams and a map, which leads one.test and other.test to them."""

    def setUp(self):
        self.one, self.other = self.enterContext(Upstream()), self.enterContext(Upstream())
        self.rows = {"one.test": self.one.address, "other.test": self.other.address}
        self.map = self.enterContext(transactions.Map(self.rows))
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        self.port = programs.free_port()

    def text(self, listener="", runtime="", tables=None, servers=None, **options):
        runtime += f'\ncontrol_socket = "{self.folder}/control.sock"\nmax_sessions = 100\n'
        runtime += '' if "drain_timeout" in runtime else 'drain_timeout = "60s"\n'
        tables = self.map.tables if tables is None else tables
        servers = servers or [self.one.address]
        return transactions.configuration(
            servers, listener=listener, runtime=runtime, tables=tables, port=self.port, **options)

    def begin(self, **options):
        self.mailrace = self.enterContext(relay.Mailrace(self.text(**options))).wait_ready()

    def reload(self, **options):
        self.mailrace.rewrite(self.text(**options))
        result = relay.mailrace("reload", "--config", self.mailrace.file)
        self.assertEqual(result.returncode, 0, result.stdout + self.mailrace.program.output)

    def client(self):
        return self.enterContext(Mailer(self.port))

    def delivered(self, client, recipient, mark):
        reply = client.deliver(message(mark), [recipient])
        self.assertCode(reply, "250 2.0.0 accepted by upstream", mark)

    def goes_to(self, recipient, upstream, mark):
        """A new client's message to the recipient is there, once and nowhere else."""
        before = [len(server.whole) for server in (self.one, self.other)]
        client = self.client()
        self.delivered(client, recipient, mark)
        client.leave()
        after = [len(server.whole) for server in (self.one, self.other)]
        self.assertEqual(sum(after) - sum(before), 1)
        self.assertEqual(upstream.contents[-1], message(mark))


# How far a client has come with a message, and how it goes on to its end. Each has a Mailer, a message and a recipient.


def after_ehlo(client, content, recipient):
    return lambda: client.deliver(content, [recipient])


def after_mail(client, content, recipient):
    client.ask("MAIL FROM:<a@client.test>")
    return lambda: [client.ask(f"RCPT TO:<{recipient}>"), client.ask("DATA"), client.finish(content)][-1]


def after_rcpt(client, content, recipient):
    client.begin([recipient])
    return lambda: [client.ask("DATA"), client.finish(content)][-1]


def after_data(client, content, recipient):
    client.begun([recipient])
    return lambda: client.finish(content)


def in_the_body(client, content, recipient):
    client.begun([recipient])
    wire = stuffed(content)
    client.send(wire[: len(wire) // 2])

    def finish():
        client.send(wire[len(wire) // 2 :] + b".\r\n")
        return client.reply()

    return finish


def between_chunks(client, content, recipient):
    client.begin([recipient])
    client.chunk(content[:100])
    return lambda: client.chunk(content[100:], is_last=True)


def in_a_chunk(client, content, recipient):
    client.begin([recipient])
    client.send(b"BDAT %d LAST\r\n" % len(content) + content[:100])

    def finish():
        client.send(content[100:])
        return client.reply()

    return finish


UNDER_WAY = [after_mail, after_rcpt, after_data, in_the_body, between_chunks, in_a_chunk]


class Maps(Case):
    def wait_for(self, recipient, upstream):
        """Until the recipient leads there; nobody tells when a file has been read."""

        def leads_there():
            with Mailer(self.port) as client:
                client.begin([recipient])
                asked = [line for connection in upstream.connections for line in connection.commands]
                client.leave()
            return f"RCPT TO:<{recipient}>\r\n".encode() in asked

        wait_until(leads_there, f"{recipient} to lead to {upstream.address}")

    def test_a_file_that_changes(self):
        self.begin()
        self.goes_to("b@one.test", self.one, "before")
        staying = self.client()
        self.delivered(staying, "b@one.test", "staying")
        self.map.write({"one.test": self.other.address})
        self.wait_for("new@one.test", self.other)
        self.goes_to("b@one.test", self.other, "after")
        # What a map says is asked for each message, not for each session.
        self.delivered(staying, "b@one.test", "stayed")
        self.assertEqual(self.other.contents[-1], message("stayed"))

    def test_a_file_that_changes_in_the_midst_of_a_message(self):
        """Its first recipient has decided where it goes; another of the same domain goes elsewhere now, and waits."""
        self.begin()
        client = self.client()
        client.begin(["b@one.test"])
        self.map.write({"one.test": self.other.address})
        self.wait_for("new@one.test", self.other)
        self.assertCode(client.ask("RCPT TO:<c@one.test>"), "452 4.5.3")
        self.assertCode(client.ask("DATA"), "354")
        self.assertCode(client.finish(message("midst")), "250")
        self.assertEqual((self.one.contents, self.other.whole), ([message("midst")], []))

    def test_a_file_that_is_wrong_changes_nothing(self):
        self.begin()
        self.map.put('key;server\none.test;127.0.0.1:99999;what\n"\n')
        self.mailrace.program.wait_for_line(r"customers\.csv")
        self.goes_to("b@one.test", self.one, "bad")
        os.unlink(self.map.file)
        self.goes_to("b@one.test", self.one, "none")
        self.map.write({"one.test": self.other.address})
        self.wait_for("new@one.test", self.other)
        self.goes_to("b@one.test", self.other, "good")


class Reload(Case):
    def test_messages_under_way_go_where_they_began_to(self):
        self.begin()
        for stage in UNDER_WAY:
            with self.subTest(stage.__name__):
                client = self.client()
                finish = stage(client, message("old"), "b@one.test")
                with transactions.Map({"one.test": self.other.address}, name="others") as others:
                    self.reload(tables=others.tables)
                    self.goes_to("b@one.test", self.other, "new")
                    self.assertCode(finish(), "250 2.0.0 accepted by upstream")
                    self.assertEqual(self.one.contents[-1], message("old"))
                    client.leave()
                    self.reload()
                self.one.forget()
                self.other.forget()

    def test_an_upstream_with_other_servers(self):
        self.begin(tables="")
        client = self.client()
        finish = in_the_body(client, message("old"), "b@one.test")
        self.reload(tables="", servers=[self.other.address])
        self.goes_to("b@one.test", self.other, "new")
        self.assertCode(finish(), "250 2.0.0 accepted by upstream")
        self.assertEqual(self.one.contents, [message("old")])

    def test_limits(self):
        self.begin()
        client = self.client()
        finish = in_the_body(client, message("large", 2000), "b@one.test")
        self.reload(listener=LIMIT)
        self.assertCode(self.client().deliver(message("large", 2000), ["b@one.test"]), "552 5.3.4")
        self.assertCode(finish(), "250 2.0.0 accepted by upstream")
        self.reload(listener=LIMIT + "max_recipients = 1\n")
        self.assertCode(self.client().begin(["b@one.test", "c@one.test"])[-1], "452 4.5.3")
        self.assertEqual(self.one.contents, [message("large", 2000)])

    def test_a_session_bound_listener_becomes_another(self):
        self.begin()
        client = self.client()
        finish = after_rcpt(client, message("old"), "b@one.test")
        self.reload(listener="", tables="")
        self.goes_to("b@other.test", self.one, "new")
        self.assertCode(finish(), "250 2.0.0 accepted by upstream")


class Drain(Case):
    """T14: who is in the midst of a message may finish it, and then hears of the end."""

    def end(self, client):
        self.assertCode(client.rest(), "421 4.3.2")
        client.close()

    def test_idle(self):
        self.begin()
        fresh, used = self.client(), self.client()
        self.delivered(used, "b@one.test", "used")
        self.mailrace.program.signal(signal.SIGTERM)
        for client in (fresh, used):
            self.end(client)
        self.assertEqual(self.mailrace.program.wait(), 0)

    def test_messages_under_way_are_finished(self):
        for stage in UNDER_WAY:
            with self.subTest(stage.__name__):
                self.begin()
                client = self.client()
                finish = stage(client, message("last"), "b@one.test")
                self.mailrace.program.signal(signal.SIGTERM)
                programs.wait_for_refusal(self.port)
                self.assertCode(finish(), "250 2.0.0 accepted by upstream")
                self.end(client)
                self.assertEqual(self.mailrace.program.wait(), 0)
                self.assertEqual(self.one.contents, [message("last")])
                self.one.forget()
                self.port = programs.free_port()

    def test_while_the_final_reply_is_awaited(self):
        self.begin()
        client = self.client()
        answering = threading.Event()

        def late(peer):
            answering.wait(PATIENCE_S)
            peer.send(b"250 2.0.0 accepted by upstream\r\n")

        self.one.faults = {"end": late}
        client.begun(["b@one.test"])
        client.send(stuffed(message("late")) + b".\r\n")
        wait_until(lambda: self.one.whole, "the message at the upstream")
        self.mailrace.program.signal(signal.SIGTERM)
        programs.wait_for_refusal(self.port)
        answering.set()
        self.assertCode(client.reply(), "250 2.0.0 accepted by upstream")
        self.end(client)
        self.assertEqual(self.mailrace.program.wait(), 0)

    def test_at_the_deadline_nothing_is_made_whole(self):
        for stage in UNDER_WAY:
            with self.subTest(stage.__name__):
                self.begin(runtime='drain_timeout = "300ms"')
                client = self.client()
                stage(client, message("cut"), "b@one.test")
                self.mailrace.program.signal(signal.SIGTERM)
                self.assertNotIn(b"250", client.rest())
                self.assertEqual(self.mailrace.program.wait(), 0)
                wait_until(lambda: self.one.finished == len(self.one.connections), "the upstream's end")
                self.assertEqual(self.one.whole, [])
                self.one.forget()
                self.port = programs.free_port()


    def test_at_the_deadline_the_final_reply_is_still_awaited(self):
        """Whether it was taken nobody knows; at any rate the client is not told that it was."""
        self.begin(runtime='drain_timeout = "300ms"')
        answering = threading.Event()
        self.addCleanup(answering.set)
        self.one.faults = {"end": lambda peer: answering.wait(PATIENCE_S)}
        client = self.client()
        client.begun(["b@one.test"])
        client.send(stuffed(message("late")) + b".\r\n")
        wait_until(lambda: self.one.whole, "the message at the upstream")
        self.mailrace.program.signal(signal.SIGTERM)
        self.assertNotIn(b"250", client.rest())
        self.assertEqual(self.mailrace.program.wait(), 0)

    def test_an_end_by_force(self):
        """A second signal, and one that nobody can do anything about."""
        for stage in (in_the_body, between_chunks, in_a_chunk):
            for signals in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGKILL,)):
                with self.subTest(stage.__name__, signals=signals):
                    self.begin()
                    client = self.client()
                    stage(client, message("cut"), "b@one.test")
                    for number in signals:
                        self.mailrace.program.signal(number)
                        if number == signal.SIGTERM:
                            programs.wait_for_refusal(self.port)
                    self.mailrace.program.wait()
                    self.assertNotIn(b"250", client.rest())
                    wait_until(lambda: self.one.finished == len(self.one.connections), "the upstream's end")
                    self.assertEqual(self.one.whole, [])
                    self.one.forget()
                    self.port = programs.free_port()


class Upgrade(Case):
    def upgrade(self):
        result = relay.mailrace("upgrade", "--config", self.mailrace.file)
        self.assertEqual(result.returncode, 0, result.stdout + self.mailrace.program.output)
        process = int(result.stdout.split()[-1])
        # It is no child of ours, and writes where its former did.
        self.addCleanup(os.kill, process, signal.SIGKILL)

    def test_messages_under_way_are_finished_by_the_former_process(self):
        self.begin()
        clients = [(stage, self.client()) for stage in UNDER_WAY]
        finishing = [
            (client, stage.__name__, stage(client, message(stage.__name__), "b@one.test")) for stage, client in clients]
        idle = self.client()
        self.upgrade()
        self.mailrace.wait_message("draining")
        self.goes_to("b@other.test", self.other, "new")
        for client, name, finish in finishing:
            with self.subTest(name):
                self.assertCode(finish(), "250 2.0.0 accepted by upstream")
        self.assertEqual(sorted(self.one.contents), sorted(message(name) for _, name, _ in finishing))
        for client in (idle, *(client for client, _, _ in finishing)):
            client.send("QUIT\r\n")
            client.rest()
            client.close()
        self.assertEqual(self.mailrace.program.process.wait(PATIENCE_S), 0)
        self.goes_to("b@one.test", self.one, "after")


class Shards(Case):
    def test_two_shards_know_the_same(self):
        self.begin(shards=2)
        failures = []

        def send(number):
            try:
                with Mailer(self.port) as client:
                    for place in ("one", "other"):
                        mark = f"shards-{number}-{place}"
                        self.assertCode(client.deliver(message(mark), [f"b{number}@{place}.test"]), "250")
            except Exception as failure:  # kept for the test's own thread
                failures.append(failure)

        threads = [threading.Thread(target=send, args=[number]) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
        self.assertEqual(failures, [])
        for place, upstream in (("one", self.one), ("other", self.other)):
            due = sorted(message(f"shards-{number}-{place}") for number in range(20))
            self.assertEqual(sorted(upstream.contents), due)
        self.map.write({"one.test": self.other.address})

        def both_have_read():
            with Mailer(self.port) as client:
                return client.begin(["b@other.test"])[-1].startswith(b"250")

        # Where nothing fits, all goes to the listener's own upstream.
        wait_until(lambda: all(both_have_read() for _ in range(8)), "the shards to know")


if __name__ == "__main__":
    unittest.main()
