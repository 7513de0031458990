"""A new configuration for a running Mailrace: by a signal, by its command, by files that change."""

import os
import shutil
import signal
import ssl
import tempfile
import threading
import unittest

from harness import certificates, programs, relay, scripted, sink


class Reload(unittest.TestCase):
    def setUp(self):
        self.upstream = self.enterContext(sink.Sink())

    def text(self, **options):
        return relay.configuration([self.upstream.address], **options)

    def start(self, text, **options):
        return self.enterContext(relay.Mailrace(text, **options)).wait_ready()

    def second_listener(self):
        port = programs.free_port()
        return port, f'[listener.other]\nlisten = ["127.0.0.1:{port}"]\nupstream = "backend"\n'

    def test_a_signal_reloads_and_ends_nothing(self):
        mailrace = self.start(self.text())
        with scripted.Client(mailrace.port()) as client:
            self.assertTrue(client.reply().startswith(b"220 "))
            port, listener = self.second_listener()
            mailrace.rewrite(self.text() + listener)
            mailrace.program.signal(signal.SIGHUP)
            mailrace.program.wait_for_line("configuration reloaded")
            self.assertEqual(mailrace.port("other"), port)
            with scripted.Client(port) as other:
                self.assertTrue(other.reply().startswith(b"220 "))
            self.assertTrue(client.ask("EHLO client.test").startswith(b"250"))

    def test_the_command_waits_and_tells(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        runtime = f'control_socket = "{folder}/control.sock"\nmax_sessions = 10'
        mailrace = self.start(self.text(runtime=runtime))
        port, listener = self.second_listener()
        mailrace.rewrite(self.text(runtime=runtime, shards=2) + listener)
        result = relay.mailrace("reload", "--config", mailrace.file)
        self.assertEqual(result.returncode, 0, result)
        self.assertIn("warning: runtime.shards has changed: that needs a restart\n", result.stdout)
        with scripted.Client(port) as client:
            self.assertTrue(client.reply().startswith(b"220 "))
        mailrace.rewrite(self.text(runtime=runtime) + "[listener.third]\n")
        for arguments in (["--socket", f"{folder}/control.sock"], ["--config", mailrace.file]):
            result = relay.mailrace("reload", *arguments)
            self.assertEqual(result.returncode, 78, result)
            self.assertIn("listener.third", result.stdout)
        mailrace.program.check_alive()

    def commanded(self):
        """Mailrace with a control socket, and lines of [runtime] for other configurations."""
        folder = self.enterContext(tempfile.TemporaryDirectory())
        runtime = f'control_socket = "{folder}/control.sock"\nmax_sessions = 100'
        return self.start(self.text(runtime=runtime, port=programs.free_port())), runtime

    def reload(self, mailrace, text, status=0):
        mailrace.rewrite(text)
        result = relay.mailrace("reload", "--config", mailrace.file)
        self.assertEqual(result.returncode, status, result.stdout)
        return result.stdout

    def test_listeners_come_and_go_while_sessions_run(self):
        mailrace, runtime = self.commanded()
        first = self.text(runtime=runtime, port=mailrace.port())
        port, listener = self.second_listener()
        with scripted.Client(mailrace.port()) as staying:
            staying.reply()
            self.reload(mailrace, first + listener)
            with scripted.Client(port) as leaving:
                leaving.reply()
                self.reload(mailrace, first)
                with self.assertRaises(ConnectionRefusedError):
                    scripted.Client(port)
                # Before its hand-off, and after it.
                for command in ["EHLO client.test", "MAIL FROM:<a@client.test>", "RCPT TO:<b@upstream.test>"]:
                    self.assertTrue(leaving.ask(command).startswith(b"250"))
            self.reload(mailrace, first + listener)
            with scripted.Client(port) as again:
                self.assertTrue(again.reply().startswith(b"220 "))
            self.assertTrue(staying.ask("EHLO client.test").startswith(b"250"))
        # The listener that came back goes on counting where it stood.
        mailrace.sessions(3)
        self.assertEqual(mailrace.end().of("sessions", stat_prefix="other"), 2)

    def test_sessions_keep_their_server(self):
        mailrace, runtime = self.commanded()
        with sink.Sink(b"220 the other one\r\n") as other, scripted.Client(mailrace.port()) as client:
            client.reply()
            text = relay.configuration([other.address], runtime=runtime, port=mailrace.port())
            self.reload(mailrace, text)
            with scripted.Client(mailrace.port()) as second:
                self.assertEqual(second.reply(), b"220 the other one\r\n")
            self.assertEqual(client.ask("EHLO client.test"), sink.EHLO_REPLY)
            self.assertEqual(client.ask("MAIL FROM:<a@client.test>"), b"250 2.0.0 fine\r\n")
            self.assertEqual(other.connections[0].received, b"")

    def test_what_is_wrong_changes_nothing(self):
        """All of it or nothing: in each of these a good part is left out, too."""
        mailrace, runtime = self.commanded()
        taken = self.enterContext(scripted.Server(lambda peer: peer.close()))
        port, listener = self.second_listener()
        good = self.text(runtime=runtime, port=mailrace.port()) + listener
        for wrong, named in [
            ("[listener", "mailrace.toml:"),
            ('[listener.third]\nlisten = ["127.0.0.1:0"]\nupstream = "nobody"', "nobody"),
            ('[tls.third]\ncertificate = "/nonexistent.pem"\nkey = "/nonexistent.pem"', "/nonexistent.pem"),
            ('[runtime.third]\nspeed = "fast"', "third"),
            (f'[listener.third]\nlisten = ["{taken.address}"]\nupstream = "backend"', taken.address),
        ]:
            with self.subTest(wrong):
                self.assertIn(named, self.reload(mailrace, good + wrong, 78))
                with self.assertRaises(ConnectionRefusedError):
                    scripted.Client(port)
                with scripted.Client(mailrace.port()) as client:
                    self.assertTrue(client.reply().startswith(b"220 "))
        self.reload(mailrace, good)
        with scripted.Client(port) as client:
            self.assertTrue(client.reply().startswith(b"220 "))

    def test_nobody_is_lost_meanwhile(self):
        """Sessions one after the other, while listeners and servers change."""
        mailrace, runtime = self.commanded()
        other = self.enterContext(sink.Sink())
        port, listener = self.second_listener()
        is_over, answers = threading.Event(), []

        def call():
            while not is_over.is_set():
                try:
                    with scripted.Client(mailrace.port()) as client:
                        answers.append([client.reply()[:3], client.ask("EHLO client.test")[:3], client.ask("QUIT")[:3]])
                except OSError as error:
                    answers.append(error)

        caller = threading.Thread(target=call)
        caller.start()
        try:
            for number in range(10):
                server = [self.upstream, other][number % 2].address
                text = relay.configuration([server], runtime=runtime, port=mailrace.port())
                self.reload(mailrace, text + (listener if number % 2 else ""))
                # One may have begun before.
                enough = len(answers) + 2
                programs.wait_until(lambda: len(answers) >= enough, "sessions")
        finally:
            is_over.set()
            caller.join()
        self.assertEqual([answer for answer in answers if answer != [b"220", b"250", b"221"]], [])
        self.assertGreater(len(other.connections), 0)

    def test_nobody_there(self):
        result = relay.mailrace("reload", "--socket", "/nonexistent/control.sock")
        self.assertEqual(result.returncode, 69)
        self.assertEqual(result.stdout, "mailrace: /nonexistent/control.sock: No such file or directory\n")

    def test_a_certificate_is_renewed(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        old, new = certificates.ecdsa(), certificates.rsa()

        def put(certificate):
            for source, name in ((certificate.file, "chain.pem"), (certificate.key_file, "key.pem")):
                shutil.copy(source, f"{folder}/{name}.new")
                os.rename(f"{folder}/{name}.new", f"{folder}/{name}")

        put(old)
        text = self.text() + f'[tls.default]\ncertificate = "{folder}/chain.pem"\nkey = "{folder}/key.pem"\n'
        mailrace = self.start(text.replace('upstream = "backend"', 'upstream = "backend"\ntls = "default"', 1))

        def cipher():
            with scripted.Client(mailrace.port()) as client:
                client.reply()
                client.ask("EHLO client.test")
                client.ask("STARTTLS")
                return client.start_tls(ssl.TLSVersion.TLSv1_2)[1]

        self.assertIn("-ECDSA-", cipher())
        put(new)
        mailrace.program.wait_for_line("certificate files reloaded")
        self.assertIn("-RSA-", cipher())
