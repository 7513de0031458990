"""Where clients connect, and whom they are shown: implicit TLS, server names, certificates, families, sockets."""

import os
import shutil
import ssl
import tempfile
import unittest

from harness import HOST, certificates, clients, programs, relay, scripted, sink
from harness.relay import wait_until

GREETING = b"220 upstream.test ESMTP\r\n"
SMTPS = 'role = "smtps"'


class Case(unittest.TestCase):
    def setUp(self):
        self.upstream = self.enterContext(sink.Sink())

    def start(self, **options):
        return self.enterContext(relay.start([self.upstream.address], **options))


class ImplicitTLS(Case):
    def test_a_session(self):
        mailrace = self.start(listener=SMTPS, certificate=certificates.ecdsa())
        for count, version in enumerate([ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], 1):
            with scripted.Client(mailrace.port()) as client:
                agreed = client.start_tls(version)
                self.assertEqual(client.reply(), GREETING)
                self.assertNotIn(b"STARTTLS", client.ask("EHLO client.test"))
                self.assertEqual(client.ask("MAIL FROM:<a@client.test>"), b"250 2.0.0 fine\r\n")
                client.ask("QUIT")
                client.rest()
            record = mailrace.sessions(count)[-1]
            self.assertEqual((record["tls"], record["cipher"], record["end"]), (*agreed, "completed"))
        self.assertEqual(mailrace.end()["sessions_downstream_terminated_ssl"], 2)

    def test_swaks(self):
        mailrace = self.start(listener=SMTPS, certificate=certificates.ecdsa())
        address = ["--server", HOST, "--port", str(mailrace.port()), "--tls-on-connect"]
        done = programs.run(["swaks", *address, "--from", clients.SENDER, "--to", clients.RECIPIENT])
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(len(self.upstream.messages), 1)

    def test_a_client_without_tls(self):
        mailrace = self.start(listener=SMTPS, certificate=certificates.ecdsa())
        with scripted.Client(mailrace.port()) as client:
            client.send("EHLO client.test\r\n")
            self.assertNotIn(b"220", client.rest())
        record = mailrace.session()
        self.assertEqual((record["end"], record["tls_failure"]), ("tls_failed", "not_tls"))
        counters = mailrace.end()
        self.assertEqual(counters["sessions_downstream_ssl_err"], 1)
        self.assertEqual(counters.of("downstream_tls_failures", reason="not_tls"), 1)
        self.assertEqual(self.upstream.connections, [])

    def test_a_client_that_says_nothing(self):
        timeouts = 'tls_handshake = "300ms"'
        mailrace = self.start(listener=SMTPS, certificate=certificates.ecdsa(), timeouts=timeouts)
        with scripted.Client(mailrace.port()) as client:
            self.assertEqual(client.rest(), b"")
        self.assertEqual(mailrace.session()["end"], "tls_timeout")


class ServerNames(Case):
    def test_the_certificate_of_the_name(self):
        names = {"mail.other.test": ["mail.other.test"], "wild": ["*.wild.test"]}
        issued = {name: certificates.authority().issue(name, *[f"DNS:{n}" for n in names[name]]) for name in names}
        tables = "".join(
            f'[[tls.default.sni]]\nnames = ["{names[name][0]}"]\ncertificate = "{issued[name].file}"\n'
            f'key = "{issued[name].key_file}"\n'
            for name in names
        )
        default = certificates.ecdsa()
        mailrace = self.start(starttls="offer", certificate=default, tables=tables)
        for asked, shown in [
            (None, default),
            ("unknown.test", default),
            ("mail.other.test", issued["mail.other.test"]),
            ("MAIL.other.test", issued["mail.other.test"]),
            ("sub.mail.other.test", default),
            ("a.wild.test", issued["wild"]),
            ("a.b.wild.test", default),
            ("wild.test", default),
        ]:
            with self.subTest(asked), scripted.Client(mailrace.port()) as client:
                client.reply()
                client.ask("EHLO client.test")
                client.ask("STARTTLS")
                client.start_tls(name=asked)
                self.assertEqual(client.server_certificate, shown.der)


class ClientCertificates(Case):
    def session(self, policy, certificate, version=ssl.TLSVersion.TLSv1_3):
        """The record of a session whose client shows the certificate; whether it got through its TLS."""
        tls = f'client_certificates = "{policy}"\nclient_ca = "{certificates.authority().file}"'
        with relay.start([self.upstream.address], starttls="require", tls=tls if policy != "off" else "") as mailrace:
            with scripted.Client(mailrace.port()) as client:
                try:
                    client.reply()
                    client.ask("EHLO client.test")
                    client.ask("STARTTLS")
                    client.start_tls(version, certificate=certificate)
                    served = client.ask("EHLO client.test").startswith(b"250")
                    client.ask("QUIT")
                except OSError:
                    served = False
            return served, mailrace.session()

    def test_each_policy(self):
        good, bad = certificates.client(), certificates.stranger().issue("stranger.test")
        for policy, certificate, is_served, name in [
            ("off", good, True, None),
            ("request", None, True, None),
            ("request", good, True, "relay.client.test"),
            ("request", bad, True, "stranger.test"),
            ("require", good, True, "relay.client.test"),
            ("require", None, False, None),
            ("require", bad, False, None),
        ]:
            for version in [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]:
                with self.subTest(policy=policy, version=version, certificate=certificate and certificate.file):
                    served, record = self.session(policy, certificate, version)
                    self.assertEqual(served, is_served)
                    self.assertEqual(record["client_certificate"], name)
                    if not is_served:
                        failure = "bad_certificate" if certificate else "no_certificate"
                        self.assertEqual((record["end"], record["tls_failure"]), ("tls_failed", failure))


class Places(Case):
    def greets(self, **place):
        with scripted.Client(**place) as client:
            self.assertEqual(client.reply(), GREETING)
            client.ask("QUIT")

    def test_ipv6(self):
        mailrace = self.start(listen=["[::1]:0"])
        self.greets(port=mailrace.port(), host="::1")
        self.assertRegex(mailrace.session()["client"], r"^\[::1\]:\d+$")

    def test_both_families_by_one_socket(self):
        """An IPv4 client is shown as such."""
        mailrace = self.start(listen=["[::]:0"])
        self.greets(port=mailrace.port(), host="::1")
        self.greets(port=mailrace.port())
        addresses = {record["client"].rsplit(":", 1)[0] for record in mailrace.sessions(2)}
        self.assertEqual(addresses, {"[::1]", HOST})

    def test_ipv6_only(self):
        mailrace = self.start(listen=[f"[::]:{programs.free_port()}"], listener="ipv6_only = true")
        self.greets(port=mailrace.port(), host="::1")
        with self.assertRaises(ConnectionRefusedError):
            scripted.Client(mailrace.port())

    def test_a_unix_socket(self):
        directory = self.enterContext(tempfile.TemporaryDirectory())
        path = os.path.join(directory, "mx")
        mailrace = self.start(listen=[f"unix:{path}"])
        self.greets(path=path)
        self.assertTrue(mailrace.session()["client"])
        mailrace.end()

    def test_several_at_once(self):
        directory = self.enterContext(tempfile.TemporaryDirectory())
        mailrace = self.start(listen=["127.0.0.61:0", "[::1]:0", f"unix:{directory}/mx"])
        self.greets(path=f"{directory}/mx")
        port = mailrace.program.wait_for_line(r"listening on 127\.0\.0\.61:(\d+)").group(1)
        self.greets(port=int(port), host="127.0.0.61")
        port = mailrace.program.wait_for_line(r"listening on \[::1\]:(\d+)").group(1)
        self.greets(port=int(port), host="::1")


class Replaced(Case):
    """Certificate files that change on disk."""

    def setUp(self):
        super().setUp()
        self.folder = self.enterContext(tempfile.TemporaryDirectory())

    def put(self, certificate, *parts):
        """Puts a certificate and its key in place, each in one stroke; or `parts` of these alone."""
        for source, name in ((certificate.file, "chain.pem"), (certificate.key_file, "key.pem")):
            if name in (parts or ("chain.pem", "key.pem")):
                shutil.copy(source, f"{self.folder}/{name}.new")
                os.rename(f"{self.folder}/{name}.new", f"{self.folder}/{name}")

    def shown(self):
        with scripted.Client(self.mailrace.port()) as client:
            client.start_tls()
            return client.server_certificate

    def begin(self, certificate):
        self.put(certificate)
        lines = f'[tls.files]\ncertificate = "{self.folder}/chain.pem"\nkey = "{self.folder}/key.pem"\n'
        self.mailrace = self.start(listener=SMTPS + '\ntls = "files"', tables=lines)
        self.assertEqual(self.shown(), certificate.der)

    def test_a_pair_is_taken_when_it_is_whole_and_good(self):
        """With a bad file and half a pair between two good ones; each is reported once, and the former stays."""
        first, second = certificates.ecdsa(), certificates.rsa()
        self.begin(first)
        with open(f"{self.folder}/chain.pem.new", "w") as file:
            file.write("no certificate\n")
        os.rename(f"{self.folder}/chain.pem.new", f"{self.folder}/chain.pem")
        complaint = "files changed, the former stay in use"
        self.mailrace.program.wait_for_line(complaint)
        self.assertEqual(self.shown(), first.der)
        complaints = self.mailrace.program.output.count(complaint)
        self.put(second, "chain.pem")
        wait_until(lambda: self.mailrace.program.output.count(complaint) > complaints, "a second complaint")
        self.assertEqual(self.shown(), first.der)
        # The other half alone: what is put in place once more might be seen before it.
        self.put(second, "key.pem")
        self.mailrace.program.wait_for_line("certificate files reloaded")
        self.assertEqual(self.shown(), second.der)
        self.assertEqual(self.mailrace.program.output.count(complaint), complaints * 2)
