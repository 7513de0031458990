"""Mailrace as a service: sockets that it is handed, and what it tells the manager. Both are played by the tests."""

import collections
import os
import signal
import socket
import tempfile
import time
import unittest

from harness import HOST, manager, programs, relay, scripted, sink


class Activation(unittest.TestCase):
    def setUp(self):
        self.upstream = self.enterContext(sink.Sink())

    def text(self, **options):
        options.setdefault("listener", "systemd = true")
        return relay.configuration([self.upstream.address], **options).replace('listen = ["127.0.0.1:0"]\n', "")

    def start(self, sockets, text=None, **options):
        mailrace = relay.Mailrace(text or self.text(), sockets=sockets, **options)
        return self.enterContext(mailrace).wait_ready()

    def listening(self, *arguments):
        return self.enterContext(manager.listening(*arguments))

    def greeted(self, family, address):
        with socket.socket(family) as client:
            client.settimeout(programs.PATIENCE_S)
            client.connect(address)
            return client.recv(4)

    def test_a_listener_has_all_sockets_of_its_name(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        one, six = self.listening(), self.listening(socket.AF_INET6)
        unix = self.listening(socket.AF_UNIX, f"{folder}/mx.sock")
        mailrace = self.start([("mx", one), ("mx", six), ("mx", unix)])
        for listening in (one, six, unix):
            self.assertEqual(self.greeted(listening.family, listening.getsockname()), b"220 ")
        # They are not Mailrace's to close: who connects after its end waits for the next one.
        mailrace.end()
        for listening in (one, six, unix):
            with socket.socket(listening.family) as client:
                client.connect(listening.getsockname())

    def test_who_came_before_the_start_is_served(self):
        listening = self.listening()
        with scripted.Client(listening.getsockname()[1]) as client:
            self.start([("mx", listening)])
            self.assertTrue(client.reply().startswith(b"220 "))

    def test_they_stay_over_a_reload(self):
        listening = self.listening()
        mailrace = self.start([("mx", listening)])
        mailrace.rewrite(self.text(runtime="max_sessions = 20"))
        mailrace.program.signal(signal.SIGHUP)
        mailrace.program.wait_for_line("configuration reloaded")
        self.assertEqual(self.greeted(socket.AF_INET, listening.getsockname()), b"220 ")

    def test_a_listener_that_comes_too_late_is_refused(self):
        mailrace = self.start([("mx", self.listening())])
        mailrace.rewrite(self.text(tables='[listener.late]\nsystemd = true\nupstream = "backend"'))
        mailrace.program.signal(signal.SIGHUP)
        mailrace.program.wait_for_line("reload refused: .*listener.late.systemd: no socket with FileDescriptorName=late")

    def test_what_nobody_claims_is_closed(self):
        mine, other = self.listening(), self.listening()
        address = other.getsockname()
        mailrace = self.start([("other", other), ("mx", mine)])
        mailrace.program.wait_for_line(rf"no listener claims: other \({HOST}:{address[1]}\)")
        other.close()
        programs.wait_for_refusal(address[1])
        with self.assertRaises(ConnectionRefusedError):
            self.greeted(socket.AF_INET, address)

    def test_without_its_socket_it_does_not_start(self):
        for sockets, hint in ([], "and none at all"), ([("mail", self.listening())], "but mail"):
            mailrace = self.enterContext(relay.Mailrace(self.text(), sockets=sockets))
            self.assertEqual(mailrace.program.wait(), 78)
            self.assertRegex(
                mailrace.program.output,
                rf"mailrace.toml:\d+:\d+: listener.mx.systemd: no socket with FileDescriptorName=mx .*{hint}")

    def test_one_socket_fills_all_shards(self):
        listening, sessions = self.listening(), 400
        mailrace = self.start([("mx", listening)], self.text(shards=2))
        for _ in range(sessions):
            with scripted.Client(listening.getsockname()[1]) as client:
                client.reply()
                client.ask("QUIT")
        shares = collections.Counter(record["shard"] for record in mailrace.sessions(sessions))
        for shard in range(2):
            self.assertAlmostEqual(shares[shard], sessions / 2, delta=sessions / 2 * 0.2)


class Notification(unittest.TestCase):
    def setUp(self):
        self.upstream = self.enterContext(sink.Sink())
        self.manager = self.enterContext(manager.Manager(watchdog_s=3))

    def start(self, text=None):
        text = text or relay.configuration([self.upstream.address])
        return self.enterContext(relay.Mailrace(text, variables=self.manager.variables))

    def test_what_is_told_from_the_start_to_the_end(self):
        mailrace = self.start().wait_ready()
        told = self.manager.wait({"READY": "1", "STATUS": "0 sessions, 0 a minute, 1 of 1 server up"})
        with scripted.Client(mailrace.port()) as client:
            client.reply()
            told = self.manager.wait({"STATUS": "1 session, 1 a minute, 1 of 1 server up"}, start=told)
            mailrace.rewrite(relay.configuration([self.upstream.address], runtime="max_sessions = 10"))
            mailrace.program.signal(signal.SIGHUP)
            before = time.monotonic() * 1e6
            told = self.manager.wait({"RELOADING": "1"}, start=told)
            at = int(self.manager.told[told][1]["MONOTONIC_USEC"])
            self.assertAlmostEqual(at, before, delta=20e6)
            told = self.manager.wait({"READY": "1"}, start=told)
            mailrace.rewrite("wrong")
            mailrace.program.signal(signal.SIGHUP)
            told = self.manager.wait({"RELOADING": "1"}, start=told)
            told = self.manager.wait({"READY": "1"}, start=told)
            self.manager.wait({"WATCHDOG": "1"}, start=told)
            for command in ["EHLO client.test", "MAIL FROM:<a@client.test>"]:
                client.ask(command)
            mailrace.program.signal(signal.SIGTERM)
            told = self.manager.wait({"STOPPING": "1", "STATUS": "draining, 1 session left"}, start=told)
            for _ in range(2):
                told = self.manager.wait({"EXTEND_TIMEOUT_USEC": ""}, start=told + 1)
            self.manager.wait({"WATCHDOG": "1"}, start=told)
        self.assertEqual(mailrace.program.wait(), 0)
        self.assertEqual(len({sender for sender, _, _ in self.manager.told}), 1)

    def test_a_stopped_process_is_silent(self):
        mailrace = self.start().wait_ready()

        def is_steady():
            times = [at for _, message, at in self.manager.told if "WATCHDOG" in message]
            return any(abs(next - last - 1) < 0.9 for last, next in zip(times, times[1:]))

        programs.wait_until(is_steady, "a message each second")
        mailrace.program.signal(signal.SIGSTOP)
        programs.wait_until(lambda: programs.is_stopped(mailrace.program.process.pid), "the stop")
        # What was told before has been heard a second later; then two more messages would be due.
        heard = time.monotonic() + 1
        programs.wait_until(lambda: time.monotonic() > heard + 2, "the time to pass")
        self.assertEqual([message for _, message, at in self.manager.told if at > heard], [])
        mailrace.program.signal(signal.SIGCONT)
        self.manager.wait({"WATCHDOG": "1"}, start=len(self.manager.told))

    def test_a_start_that_fails_says_why(self):
        for text, status, words, number in [
            ("x = 1", 78, "the configuration is wrong: ", "22"),
            (relay.configuration(["127.0.0.1:1"], listen=["192.0.2.1:25"]), 69, "listener mx: cannot listen on", "99"),
        ]:
            mailrace = self.start(text)
            self.assertEqual(mailrace.program.wait(), status)
            self.manager.wait({"STATUS": words, "ERRNO": number})
        self.assertEqual(self.manager.count("READY"), 0)

    def test_there_may_be_no_manager(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        variables = {"NOTIFY_SOCKET": os.path.join(folder, "nobody"), "WATCHDOG_USEC": "garbage"}
        text = relay.configuration([self.upstream.address])
        with relay.Mailrace(text, variables=variables) as mailrace:
            mailrace.wait_ready().end()
