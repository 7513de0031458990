"""A new configuration for a running Mailrace: by a signal, by its command, by files that change."""

import os
import shutil
import signal
import ssl
import tempfile
import unittest

from harness import certificates, programs, relay, scripted, sink


class Reload(unittest.TestCase):
    def setUp(self):
        self.upstream = self.enterContext(sink.Sink())

    def text(self, **options):
        return relay.configuration([self.upstream.address], **options)

    def start(self, text, **options):
        return self.enterContext(relay.Mailrace(text, **options)).wait_ready()

    def rewrite(self, mailrace, text):
        with open(mailrace.file, "w") as file:
            file.write(text)

    def second_listener(self):
        port = programs.free_port()
        return port, f'[listener.other]\nlisten = ["127.0.0.1:{port}"]\nupstream = "backend"\n'

    def test_a_signal_reloads_and_ends_nothing(self):
        mailrace = self.start(self.text())
        with scripted.Client(mailrace.port()) as client:
            self.assertTrue(client.reply().startswith(b"220 "))
            port, listener = self.second_listener()
            self.rewrite(mailrace, self.text() + listener)
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
        self.rewrite(mailrace, self.text(runtime=runtime, shards=2) + listener)
        result = relay.mailrace("reload", "--config", mailrace.file)
        self.assertEqual(result.returncode, 0, result)
        self.assertIn("warning: runtime.shards has changed: that needs a restart\n", result.stdout)
        with scripted.Client(port) as client:
            self.assertTrue(client.reply().startswith(b"220 "))
        self.rewrite(mailrace, self.text(runtime=runtime) + "[listener.third]\n")
        for arguments in (["--socket", f"{folder}/control.sock"], ["--config", mailrace.file]):
            result = relay.mailrace("reload", *arguments)
            self.assertEqual(result.returncode, 78, result)
            self.assertIn("listener.third", result.stdout)
        mailrace.program.check_alive()

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
