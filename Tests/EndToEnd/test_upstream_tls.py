"""TLS with the upstream: what each policy makes of a server that offers it or not, and of good and bad certificates."""

import unittest

from harness import certificates, clients, postfix, relay, scripted, sink


def lines(tls, ca=None, **more):
    """Lines of [upstream.backend]."""
    keys = {"tls": tls} | ({"tls_ca": ca.file} if ca else {}) | more
    return "\n".join(f'{key} = "{value}"' for key, value in keys.items())


def verified(tls="required", ca=None, **more):
    """Lines that demand a certificate of our authority for upstream.test."""
    return lines(tls, ca or certificates.authority(), **({"tls_server_name": "upstream.test"} | more))


def talk(client, tls=False):
    """A short session; returns all that the client got."""
    client.reply()
    client.ask("EHLO client.test")
    if tls:
        client.ask("STARTTLS")
        client.start_tls()
        client.ask("EHLO client.test")
    client.ask("MAIL FROM:<a@client.test>")
    client.ask("QUIT")
    client.rest()
    return bytes(client.received)


class Case(unittest.TestCase):
    def session(self, servers, upstream, tls=False, **options):
        """One session; returns what the client got, the log's record and the counters."""
        options = {"starttls": "offer" if tls else None} | options
        with relay.start(servers, upstream=upstream, **options) as mailrace:
            with scripted.Client(mailrace.port()) as client:
                try:
                    got = talk(client, tls)
                except OSError:
                    got = bytes(client.received)
            self.mailrace = mailrace
            return got, mailrace.session(), mailrace.end()

    def refused(self, servers, upstream, end, reason=None, **options):
        """The session ends with 421 4.7.5, before the client is shown what the upstream can do."""
        got, record, counters = self.session(servers, upstream, **options)
        self.assertIn(b"421 4.7.5 ", got)
        self.assertNotIn(b"PIPELINING", got)
        self.assertEqual((record["end"], record["upstream_tls_failure"]), (end, reason))
        return counters

    def carried(self, servers, upstream, **options):
        got, record, counters = self.session(servers, upstream, **options)
        self.assertIn(b"250 2.0.0 fine\r\n221 ", got)
        self.assertEqual(record["end"], "completed", record)
        return record, counters


class NotOffered(Case):
    """The server does not list STARTTLS."""

    def setUp(self):
        self.server = self.enterContext(sink.Sink())

    def test_off(self):
        _, counters = self.carried([self.server.address], lines("off"))
        self.assertEqual(counters["sessions_upstream_ssl_not_offered"], 0)

    def test_opportunistic_goes_on_without(self):
        record, counters = self.carried([self.server.address], lines("opportunistic"))
        self.assertIsNone(record["upstream_tls"])
        self.assertEqual(counters["sessions_upstream_ssl_not_offered"], 1)

    def test_required_ends_the_session(self):
        counters = self.refused([self.server.address], verified(), "upstream_tls_not_offered")
        self.assertEqual(counters["sessions_upstream_ssl_not_offered"], 1)
        [connection] = self.server.wait_finished()
        self.assertEqual(connection.received, b"EHLO client.test\r\n")

    def test_implicit_ends_the_session(self):
        """What the server sends is no TLS."""
        got, record, counters = self.session([self.server.address], verified("implicit"))
        self.assertTrue(got.startswith(b"421 4.7.5 "), got)
        self.assertEqual((record["end"], record["upstream_tls_failure"]), ("upstream_tls_failed", "not_tls"))
        self.assertEqual(counters.of("upstream_tls_failures", stat_prefix="mx", reason="not_tls"), 1)

    def test_mirror_of_a_client_without_tls(self):
        self.carried([self.server.address], lines("mirror"))

    def test_mirror_offers_the_client_what_the_server_has(self):
        with relay.start([self.server.address], upstream=lines("mirror"), starttls="offer") as mailrace:
            with scripted.Client(mailrace.port()) as client:
                client.reply()
                self.assertNotIn(b"STARTTLS", client.ask("EHLO client.test"))
            mailrace.session()
            self.assertEqual(mailrace.end()["sessions_upstream_ssl_not_offered"], 1)

    def test_mirror_of_a_client_that_must(self):
        self.refused([self.server.address], lines("mirror"), "upstream_tls_not_offered", starttls="require")


class Offered(Case):
    """The server can do STARTTLS."""

    def setUp(self):
        self.server = self.enterContext(sink.Sink(tls=scripted.server_context(certificates.upstream())))

    def received(self):
        return bytes(self.server.wait_finished()[0].received)

    def test_every_policy_that_uses_it(self):
        """With the client's TLS and without it, the upstream has its own; the client is never told of that."""
        for number, (policy, tls) in enumerate(
            (policy, tls) for policy in [lines("opportunistic"), verified()] for tls in [False, True]
        ):
            with self.subTest(policy=policy, tls=tls):
                record, counters = self.carried([self.server.address], policy, tls=tls)
                self.assertEqual(record["upstream_tls"], "TLSv1.3")
                self.assertEqual(bool(record["tls"]), tls)
                self.assertEqual(counters["sessions_upstream_terminated_ssl"], 1)
                connection = self.server.wait_finished(number + 1)[number]
                again = b"EHLO client.test\r\n" if tls else b""
                dialogue = b"EHLO client.test\r\nSTARTTLS\r\nEHLO client.test\r\n" + again
                self.assertEqual(connection.received, dialogue + b"MAIL FROM:<a@client.test>\r\nQUIT\r\n")

    def test_off_leaves_it_to_the_client(self):
        """Without TLS of its own Mailrace passes the offer, and the handshake, through."""
        with relay.start([self.server.address], upstream=lines("off")) as mailrace:
            with scripted.Client(mailrace.port()) as client:
                client.reply()
                self.assertIn(b"250-STARTTLS\r\n", client.ask("EHLO client.test"))
                self.assertTrue(client.ask("STARTTLS").startswith(b"220 "))
                client.start_tls()
                self.assertEqual(client.server_certificate, certificates.upstream().der)
                self.assertTrue(client.ask("EHLO client.test").startswith(b"250-"))

    def test_mirror(self):
        record, _ = self.carried([self.server.address], lines("mirror"), tls=True)
        self.assertTrue(record["tls"] and record["upstream_tls"])
        record, _ = self.carried([self.server.address], lines("mirror"), starttls="offer")
        self.assertFalse(record["tls"] or record["upstream_tls"])

    def test_a_client_that_says_helo(self):
        """It is no reason to do without: Mailrace says EHLO in its place."""
        with relay.start([self.server.address], upstream=verified()) as mailrace:
            with scripted.Client(mailrace.port()) as client:
                client.reply()
                self.assertEqual(client.ask("HELO client.test"), b"250 2.0.0 fine\r\n")
                client.ask("QUIT")
            self.assertEqual(mailrace.session()["upstream_tls"], "TLSv1.3")
        dialogue = b"EHLO client.test\r\nSTARTTLS\r\nEHLO client.test\r\nHELO client.test\r\nQUIT\r\n"
        self.assertEqual(self.received(), dialogue)

    def test_the_oldest_version(self):
        context = scripted.server_context(certificates.upstream())
        context.maximum_version = scripted.ssl.TLSVersion.TLSv1_2
        with sink.Sink(tls=context) as old:
            record, _ = self.carried([old.address], verified())
            self.assertEqual(record["upstream_tls"], "TLSv1.2")
            newer = verified(tls_minimum_version="TLS1.3")
            self.refused([old.address], newer, "upstream_tls_failed", "peer_alert")


class Verification(Case):
    """What is demanded of a certificate, and what happens if it does not hold."""

    def server(self, certificate):
        return self.enterContext(sink.Sink(tls=scripted.server_context(certificate)))

    def fails(self, certificate, upstream, reason):
        counters = self.refused([self.server(certificate).address], upstream, "upstream_tls_failed", "bad_certificate")
        self.assertEqual(counters.of("upstream_verification_failures", reason=reason), 1, counters)
        self.assertEqual(counters.of("upstream_tls_failures", reason="bad_certificate"), 1)
        self.assertEqual(counters["sessions_upstream_ssl_err"], 1)
        [warning] = self.mailrace.records("TLS with the upstream failed")
        self.assertIn("certificate", warning["reason"])

    def test_an_authority_that_nobody_knows(self):
        self.fails(certificates.upstream(), verified(ca=certificates.stranger()), "unknown_ca")

    def test_a_certificate_that_vouches_for_itself(self):
        self.fails(certificates.ecdsa(), verified(tls_server_name="localhost"), "self_signed")

    def test_another_name(self):
        self.fails(certificates.upstream(), verified(tls_server_name="other.test"), "name_mismatch")

    def test_one_that_has_expired(self):
        self.fails(certificates.expired(), verified(), "expired")

    def test_the_system_does_not_know_it(self):
        self.fails(certificates.upstream(), lines("required", tls_server_name="upstream.test"), "unknown_ca")

    def test_a_pin(self):
        """Without an authority the pin is all that counts: the certificate may vouch for itself."""
        for certificate in [certificates.upstream(), certificates.ecdsa()]:
            pin = f'tls = "required"\ntls_pin_sha256 = ["{certificate.pin}"]'
            record, _ = self.carried([self.server(certificate).address], pin)
            self.assertIsNone(record["upstream_tls_failure"])

    def test_a_pin_of_another_key(self):
        pin = f'tls = "required"\ntls_pin_sha256 = ["{certificates.ecdsa().pin}"]'
        self.fails(certificates.upstream(), pin, "pin_mismatch")

    def test_opportunistic_goes_on_and_says_so(self):
        for certificate, reason in [(certificates.ecdsa(), "self_signed"), (certificates.expired(), "expired")]:
            with self.subTest(reason):
                upstream = lines("opportunistic", certificates.authority(), tls_server_name="upstream.test")
                record, counters = self.carried([self.server(certificate).address], upstream)
                self.assertEqual((record["upstream_tls"], record["upstream_tls_failure"]), ("TLSv1.3", reason))
                self.assertEqual(counters.of("upstream_verification_failures", reason=reason), 1)
                self.assertEqual(counters["sessions_upstream_ssl_err"], 0)
                self.assertEqual(len(self.mailrace.records("upstream certificate not valid")), 1)

    def test_opportunistic_with_verification_does_without_tls(self):
        """A bad certificate is no better than none; the server is dialled again, and the client sees one greeting."""
        upstream = verified("opportunistic", ca=certificates.stranger()) + "\ntls_verify = true"
        server = self.server(certificates.upstream())
        record, counters = self.carried([server.address], upstream)
        self.assertIsNone(record["upstream_tls"])
        self.assertEqual(counters.of("upstream_tls_failures", reason="bad_certificate"), 1)
        first, second = server.wait_finished(2)
        self.assertEqual(first.received, b"EHLO client.test\r\nSTARTTLS\r\n")
        self.assertEqual(second.received, b"EHLO client.test\r\nMAIL FROM:<a@client.test>\r\nQUIT\r\n")

    def test_required_without_verification(self):
        self.carried([self.server(certificates.expired()).address], lines("required") + "\ntls_verify = false")

    def test_implicit_tries_the_next_server(self):
        """Before its greeting nobody has seen the first server."""
        implicit = [
            self.enterContext(sink.Sink(tls=scripted.server_context(certificate), implicit=True))
            for certificate in [certificates.expired(), certificates.upstream()]
        ]
        record, counters = self.carried([server.address for server in implicit], verified("implicit"))
        self.assertEqual((record["upstream"], record["upstream_tls"]), (implicit[1].address, "TLSv1.3"))
        self.assertEqual(counters.of("upstream_verification_failures", reason="expired"), 1)
        self.assertEqual(counters["sessions_upstream_ssl_err"], 0)


@unittest.skipUnless(postfix.can_run(), "Postfix cannot run here")
class WithPostfix(unittest.TestCase):
    """Postfix with a certificate of a private authority."""

    @classmethod
    def setUpClass(cls):
        def shows(certificate):
            return [f"smtpd_tls_cert_file={certificate.file}", f"smtpd_tls_key_file={certificate.key_file}"]

        good, demand = shows(certificates.upstream()), "smtpd_tls_security_level=encrypt"
        asks = [f"smtpd_tls_CAfile={certificates.authority().file}", "smtpd_tls_ask_ccert=yes"]
        cls.postfix = cls.enterClassContext(
            postfix.Postfix(
                encrypt=[*good, demand],
                may=[*good, "smtpd_tls_security_level=may"],
                expired=[*shows(certificates.expired()), demand],
                asks=[*good, *asks, demand],
                demands=[*good, *asks, demand, "smtpd_tls_req_ccert=yes"],
                wrapper=[*good, "smtpd_tls_wrappermode=yes"],
            )
        )

    carried = 0

    def carry(self, service, upstream, tls=False):
        """Carries a message; returns Postfix's own header field about it, the log's record and the counters."""
        self.carried += 1
        mark = f"X-Test: {self.id()} {self.carried}"
        content = mark.encode() + b"\r\n" + clients.message()
        with relay.start(
            [self.postfix.address_of(service)], upstream=upstream, starttls="offer" if tls else None
        ) as mailrace:
            clients.smtplib_client(mailrace.port(), content, tls)
            arrived = self.postfix.arrived(mark.encode())
            record, counters = mailrace.session(), mailrace.end()
        self.assertTrue(arrived.endswith(content), arrived[:1000])
        return arrived[: -len(content)].decode(), record, counters

    def refused(self, service, upstream, reason):
        with relay.start([self.postfix.address_of(service)], upstream=upstream) as mailrace:
            with scripted.Client(mailrace.port()) as client:
                client.reply()
                reply = client.ask("EHLO client.test")
            record, counters = mailrace.session(), mailrace.end()
        self.assertTrue(reply.startswith(b"421 4.7.5 "), reply)
        self.assertEqual(record["end"], "upstream_tls_failed")
        self.assertEqual(counters.of("upstream_verification_failures", reason=reason), 1)

    def test_required_and_verified(self):
        for tls in [False, True]:
            with self.subTest(tls=tls):
                received, record, _ = self.carry("encrypt", verified(), tls)
                self.assertIn("using TLSv1.3 with cipher", received)
                self.assertEqual((record["upstream_tls"], record["upstream_tls_failure"]), ("TLSv1.3", None))

    def test_bad_certificates(self):
        self.refused("encrypt", verified(ca=certificates.stranger()), "unknown_ca")
        self.refused("encrypt", verified(tls_server_name="other.test"), "name_mismatch")
        self.refused("expired", verified(), "expired")

    def test_implicit(self):
        received, record, _ = self.carry("wrapper", verified("implicit"))
        self.assertIn("using TLSv1.3", received)
        self.assertEqual(record["upstream_tls"], "TLSv1.3")

    def test_mirror(self):
        for tls in [False, True]:
            with self.subTest(tls=tls):
                received, _, _ = self.carry("may", lines("mirror"), tls)
                self.assertEqual("using TLSv1.3" in received, tls)

    def test_opportunistic(self):
        received, record, _ = self.carry("may", lines("opportunistic"))
        self.assertIn("using TLSv1.3", received)
        self.assertEqual(record["upstream_tls_failure"], "unknown_ca")

    def test_a_certificate_of_ours_is_shown(self):
        own = certificates.client()
        shown = verified(tls_certificate=own.file, tls_key=own.key_file)
        for service in ["asks", "demands"]:
            with self.subTest(service):
                received, _, _ = self.carry(service, shown)
                self.assertIn('Client CN "relay.client.test"', received)
                self.assertIn("verified OK", received)
        received, _, _ = self.carry("asks", verified())
        self.assertIn("Client did not present a certificate", received)

    def test_a_certificate_is_demanded_and_there_is_none(self):
        with relay.start([self.postfix.address_of("demands")], upstream=verified()) as mailrace:
            with scripted.Client(mailrace.port()) as client:
                client.reply()
                client.send("EHLO client.test\r\n")
                got = client.rest()
            mailrace.session()
        self.assertRegex(got, rb"^421 4\.\d\.\d ")
