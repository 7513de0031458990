"""The PROXY protocol, in and out: with Postfix, its postscreen and HAProxy, and byte by byte with scripted peers."""

import re
import socket
import unittest

from harness import HOST, certificates, clients, haproxy, postfix, proxy, relay, scripted, sink

CLIENT, SERVER = ("192.0.2.7", 4711), ("198.51.100.1", 25)
CLIENT_V6, SERVER_V6 = ("2001:db8::7", 4711), ("2001:db8::1", 25)
# A client's own address that is not that of Mailrace.
OTHER_HOST = "127.0.0.9"

TRUSTING = 'proxy_protocol = "required"\nproxy_protocol_trusted = ["127.0.0.0/8"]'
DESYNC = "sessions_downstream_desync"
ALL_VALUES = '["authority", "ssl", "unique-id", "crc32c"]'


def sending(version, tlvs=None):
    return f'proxy_protocol = "{version}"' + (f"\nproxy_protocol_tlvs = {tlvs}" if tlvs else "")


def deliver(client, mark="", tls=False):
    """A message in an open session, from the greeting on."""
    client.reply()
    client.ask("EHLO client.test")
    if tls:
        client.ask("STARTTLS")
        client.start_tls()
        client.ask("EHLO client.test")
    client.ask(f"MAIL FROM:<{clients.SENDER}>")
    client.ask(f"RCPT TO:<{clients.RECIPIENT}>")
    client.ask("DATA")
    reply = client.ask(f"Subject: {mark}\r\n\r\ntext\r\n.")
    assert reply.startswith(b"250 "), reply
    client.ask("QUIT")


@unittest.skipUnless(postfix.can_run(), "Postfix cannot run here")
class ToPostfix(unittest.TestCase):
    """Postfix says in its header field, and in its log, who the client is."""

    @classmethod
    def setUpClass(cls):
        cls.postfix = cls.enterClassContext(
            postfix.Postfix(
                smtpd=["smtpd_upstream_proxy_protocol=haproxy"],
                postscreen=[
                    "postscreen_upstream_proxy_protocol=haproxy",
                    "postscreen_greet_wait=1s",
                    "postscreen_access_list=",
                ],
            )
        )

    def carry(self, service, version, listener="", header=b"", mark="", source=OTHER_HOST):
        mark = f"{self.id()} {version} {mark}"
        upstream = sending(version) + '\nhealth = { probe = "ehlo", interval = "3s", timeout = "3s", fall = 1 }'
        if service == "postscreen":
            # It keeps a new client waiting for its greeting.
            upstream = sending(version)
        with relay.start([self.postfix.address_of(service)], upstream=upstream, listener=listener) as mailrace:
            with scripted.Client(mailrace.port(), source=source) as client:
                client.send(header)
                deliver(client, mark)
            arrived = self.postfix.arrived(mark.encode()).decode()
            mailrace.session()
            counters = mailrace.end()
        self.assertEqual(counters["upstream_server_failed_checks"], 0)
        return arrived.split("\r\n")[0]

    def test_smtpd_sees_the_client(self):
        for version in ["v1", "v2"]:
            with self.subTest(version):
                self.assertIn(f"[{OTHER_HOST}]", self.carry("smtpd", version))

    def test_smtpd_sees_the_client_of_another_proxy(self):
        """Both directions, both families."""
        for version in ["v1", "v2"]:
            for encode in [proxy.version_1, proxy.version_2]:
                for number, (source, destination) in enumerate([(CLIENT, SERVER), (CLIENT_V6, SERVER_V6)]):
                    with self.subTest(version=version, encode=encode, source=source):
                        mark = f"{encode.__name__} {number}"
                        received = self.carry("smtpd", version, TRUSTING, encode(source, destination), mark)
                        shown = f"IPv6:{source[0]}" if number else source[0]
                        self.assertIn(f"[{shown}]", received)

    def test_postscreen_sees_the_client(self):
        for number, version in enumerate(["v1", "v2"]):
            with self.subTest(version):
                source = f"127.0.0.{20 + number}"
                self.assertIn(f"[{source}]", self.carry("postscreen", version, source=source))
                self.postfix.wait_log(rf"CONNECT from \[{re.escape(source)}\]")
                self.postfix.wait_log(rf"PASS NEW \[{re.escape(source)}\]")

    def checked(self, service, version, probe, interval, count):
        """So many checks, one by one, and what Postfix logs of them."""
        begin = len(self.postfix.log)
        health = f'health = {{ probe = "{probe}", interval = "{interval}", timeout = "{interval}", fall = 1 }}'
        upstream = f"{sending(version)}\n{health}"
        with relay.start([self.postfix.address_of(service)], upstream=upstream) as mailrace:
            ends = r"smtpd\[\d+\]: disconnect from unknown\[127\.0\.0\.1\]"
            relay.wait_until(lambda: len(re.findall(ends, self.postfix.log[begin:])) >= count, f"{count} checks")
            # Before the end, which may break off another check.
            log = self.postfix.log[begin:]
            counters = mailrace.end()
        self.assertEqual(counters["upstream_server_failed_checks"], 0)
        self.assertEqual(counters["upstream_server_ejections"], 0)
        return log

    def test_health_checks_are_no_clients(self):
        """Checks behind a header of LOCAL, or of the connection itself where version 1 has no word for it."""
        for version in ["v1", "v2"]:
            for probe in ["connect", "ehlo"]:
                with self.subTest(version=version, probe=probe):
                    self.assertNotIn("haproxy read", self.checked("smtpd", version, probe, "1s", 3))

    def test_health_checks_by_way_of_postscreen(self):
        """It lets the first one wait for its greeting."""
        for version in ["v1", "v2"]:
            with self.subTest(version):
                self.assertIn("PASS", self.checked("postscreen", version, "ehlo", "5s", 1))


@unittest.skipUnless(haproxy.is_installed(), "HAProxy is not installed")
class BehindHAProxy(unittest.TestCase):
    """HAProxy tells Mailrace who the client is."""

    def session(self, send, bind="", **options):
        """One session; returns the log's record."""
        server = self.enterContext(sink.Sink())
        options = {"listener": TRUSTING, "starttls": "offer"} | options
        with relay.start([server.address], **options) as mailrace:
            with haproxy.HAProxy(f"{HOST}:{mailrace.port()}", bind, send) as front:
                with scripted.Client(front.port, source=OTHER_HOST) as client:
                    address = "{}:{}".format(*client.socket.getsockname())
                    if bind or "smtps" in options["listener"]:
                        client.start_tls()
                    deliver(client, tls="smtps" not in options["listener"] and not bind)
                    client.rest()
                record = mailrace.session()
        self.assertEqual(len(server.messages), 1)
        self.assertEqual(record["client"], address)
        self.assertRegex(record["proxy"], rf"^{re.escape(HOST)}:\d+$")
        return record

    def test_each_version(self):
        for send in ["send-proxy", "send-proxy-v2", "send-proxy-v2-ssl-cn", "send-proxy-v2 proxy-v2-options crc32c"]:
            with self.subTest(send):
                self.assertEqual(self.session(send)["tls"], "TLSv1.3")

    def test_before_implicit_tls(self):
        for send in ["send-proxy", "send-proxy-v2"]:
            with self.subTest(send):
                listener = TRUSTING + '\nrole = "smtps"'
                record = self.session(send, listener=listener, starttls=None, certificate=certificates.ecdsa())
                self.assertEqual(record["tls"], "TLSv1.3")

    def test_what_it_tells_of_its_tls_is_passed_on(self):
        """HAProxy ends the TLS of a client with a certificate; the last server hears of it through Mailrace."""
        pem = f"{self.enterContext(relay.tempfile.TemporaryDirectory())}/pem"
        certificate, own = certificates.ecdsa(), certificates.client()
        with open(pem, "w") as file:
            file.write(open(certificate.file).read() + open(certificate.key_file).read())
        bind = f"ssl crt {pem} verify required ca-file {certificates.authority().file}"
        send = "send-proxy-v2-ssl-cn proxy-v2-options crc32c,authority,unique-id"
        server = self.enterContext(sink.Sink(proxy=True))
        upstream = sending("v2", '["pass", "crc32c"]')
        with relay.start([server.address], upstream=upstream, listener=TRUSTING) as mailrace:
            with haproxy.HAProxy(f"{HOST}:{mailrace.port()}", bind, send) as front:
                with scripted.Client(front.port, source=OTHER_HOST) as client:
                    address = client.socket.getsockname()
                    client.start_tls(name="mx.client.test", certificate=own)
                    deliver(client)
                    client.rest()
                [connection] = server.wait_finished()
        header = connection.header
        self.assertEqual(header.source, address)
        self.assertEqual(header.destination, (HOST, front.port))
        self.assertEqual(header.tlvs[proxy.AUTHORITY], b"mx.client.test")
        self.assertTrue(header.tlvs[proxy.UNIQUE_ID].startswith(b"haproxy-"))
        self.assertIn(proxy.CRC32C, header.tlvs)
        self.assertEqual(header.ssl["client"] & 1, 1)
        self.assertEqual(header.ssl["verify"], 0)
        self.assertEqual(header.ssl[proxy.SSL_VERSION], "TLSv1.3")
        self.assertEqual(header.ssl[proxy.SSL_CN], "relay.client.test")

    def test_one_that_sends_no_header(self):
        with sink.Sink() as server, relay.start([server.address], listener=TRUSTING) as mailrace:
            with haproxy.HAProxy(f"{HOST}:{mailrace.port()}") as front, scripted.Client(front.port) as client:
                client.send("EHLO client.test\r\n")
                self.assertEqual(client.rest(), b"")
            self.assertEqual(mailrace.session()["end"], "bad_proxy_header")
            self.assertEqual(mailrace.end()["sessions_bad_proxy_header"], 1)


@unittest.skipUnless(haproxy.is_installed(), "HAProxy is not installed")
class BeforeHAProxy(unittest.TestCase):
    """Mailrace tells HAProxy, as its upstream, who the client is."""

    def session(self, version, tlvs=None):
        """Returns the client's address as text, HAProxy's line and the record."""
        health = '\nhealth = { probe = "ehlo", interval = "1s", timeout = "1s", fall = 1 }'
        upstream = sending(version, tlvs) + health
        server = self.enterContext(sink.Sink())
        with haproxy.HAProxy(server.address, "accept-proxy") as behind:
            with relay.start([behind.address], upstream=upstream, starttls="offer") as mailrace:
                with scripted.Client(mailrace.port(), source=OTHER_HOST) as client:
                    address = "{}:{}".format(*client.socket.getsockname())
                    deliver(client, tls=True)
                    client.rest()
                line = behind.program.wait_for_line(f"client={address} ").string
                record, counters = mailrace.session(), mailrace.end()
        self.assertEqual(counters["upstream_server_failed_checks"], 0)
        return line, record

    def test_version_1(self):
        self.session("v1")

    def test_version_2(self):
        line, record = self.session("v2", ALL_VALUES)
        self.assertIn(f"id={record['session']} ", line)


class Scripted(unittest.TestCase):
    """What exactly is sent, and what is made of what comes in."""

    def header(self, upstream, listener="", sent=b"", tls=False, **options):
        """The header that the server gets of a session, with the log's record."""
        with sink.Sink(proxy=True) as server:
            starttls = "offer" if tls else None
            with relay.start([server.address], upstream=upstream, listener=listener, starttls=starttls) as mailrace:
                with scripted.Client(mailrace.port(), source=OTHER_HOST) as client:
                    self.address = client.socket.getsockname()
                    client.send(sent)
                    client.reply()
                    client.ask("EHLO client.test")
                    if tls:
                        client.ask("STARTTLS")
                        client.start_tls(**options)
                        client.ask("EHLO client.test")
                    client.ask("QUIT")
                    self.server_address = client.socket.getpeername()
                return server.wait_finished()[0].header, mailrace.session()

    def test_the_ends_of_the_connection(self):
        for number, version in enumerate(["v1", "v2"], 1):
            with self.subTest(version):
                header, record = self.header(sending(version))
                self.assertEqual(header.version, number)
                self.assertEqual((header.source, header.destination), (self.address, self.server_address))
                self.assertEqual(header.tlvs, {})
                self.assertEqual((record["client"], record["proxy"]), ("{}:{}".format(*self.address), None))

    def test_local_and_unknown_leave_the_connections_own(self):
        for sent in [proxy.version_2(), b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN 192.0.2.1 192.0.2.2 1 2\r\n"]:
            with self.subTest(sent):
                header, record = self.header(sending("v2"), TRUSTING, sent)
                self.assertEqual(header.source, self.address)
                self.assertEqual(record["client"], "{}:{}".format(*self.address))

    def test_values_are_passed_added_and_replaced(self):
        sent = proxy.version_2(CLIENT, SERVER, [(0xE0, b"kept"), (0xE1, b"replaced"), (0xE2, b"kept, too")])
        header, _ = self.header(sending("v2", '["pass", "0xE1=ours", "0xE3=hex:00FF"]'), TRUSTING, sent)
        self.assertEqual(header.tlvs, {0xE0: b"kept", 0xE1: b"ours", 0xE2: b"kept, too", 0xE3: b"\0\xff"})
        header, _ = self.header(sending("v2", '["pass:0xE2"]'), TRUSTING, sent)
        self.assertEqual(header.tlvs, {0xE2: b"kept, too"})
        header, _ = self.header(sending("v2", '["unique-id"]'), TRUSTING, sent)
        self.assertEqual(list(header.tlvs), [proxy.UNIQUE_ID])

    def test_dial_after_starttls_tells_of_the_clients_tls(self):
        """The server greets nobody before it knows; so the client's first greeting is Mailrace's."""
        own = certificates.client()
        listener = 'dial = "starttls"'
        tls = f'client_certificates = "request"\nclient_ca = "{certificates.authority().file}"'
        with sink.Sink(proxy=True) as server:
            options = {"upstream": sending("v2", ALL_VALUES), "listener": listener, "starttls": "offer", "tls": tls}
            with relay.start([server.address], **options) as mailrace:
                with scripted.Client(mailrace.port(), source=OTHER_HOST) as client:
                    self.assertTrue(client.reply().startswith(b"220 mailrace.test ESMTP"))
                    self.assertEqual(client.ask("EHLO client.test"), b"250-mailrace.test\r\n250 STARTTLS\r\n")
                    self.assertEqual(server.connections, [])
                    client.ask("STARTTLS")
                    version, cipher = client.start_tls(name="mx.client.test", certificate=own)
                    self.assertEqual(client.ask("EHLO client.test"), sink.EHLO_REPLY)
                    client.ask("QUIT")
                record = mailrace.session()
                [connection] = server.wait_finished()
        header = connection.header
        self.assertEqual(header.tlvs[proxy.AUTHORITY], b"mx.client.test")
        self.assertEqual(header.tlvs[proxy.UNIQUE_ID].decode(), record["session"])
        self.assertEqual(header.ssl["client"], 0x07)
        self.assertEqual(header.ssl["verify"], 0)
        told = (header.ssl[proxy.SSL_VERSION], header.ssl[proxy.SSL_CIPHER], header.ssl[proxy.SSL_CN])
        self.assertEqual(told, (version, cipher, "relay.client.test"))
        self.assertEqual(record["client_certificate"], "relay.client.test")
        self.assertEqual(connection.received.count(b"EHLO"), 1)

    def test_dial_after_starttls_without_tls(self):
        header, _ = self.header(sending("v2", ALL_VALUES), 'dial = "starttls"', tls=True)
        self.assertIn(proxy.SSL, header.tlvs)
        with sink.Sink(proxy=True) as server:
            options = {"upstream": sending("v2", ALL_VALUES), "listener": 'dial = "starttls"', "starttls": "offer"}
            with relay.start([server.address], **options) as mailrace, scripted.Client(mailrace.port()) as client:
                deliver(client)
                client.rest()
                [connection] = server.wait_finished()
        self.assertNotIn(proxy.SSL, connection.header.tlvs)
        self.assertEqual(len(server.messages), 1)

    def closed(self, sent, end, counter, listener=TRUSTING, is_dialled=False, **options):
        """The connection is closed without a word, and as a rule the server is not even dialled."""
        # A server that greets would be faster than the client's bytes are read.
        with scripted.Server(lambda peer: peer.rest()) as server:
            with relay.start([server.address], listener=listener, **options) as mailrace:
                with scripted.Client(mailrace.port()) as client:
                    try:
                        client.send(sent)
                    except OSError:
                        pass
                    self.assertEqual(client.rest(), b"")
                if end:
                    self.assertEqual(mailrace.session()["end"], end)
                self.assertEqual(mailrace.end()[counter], 1)
            if is_dialled:
                relay.wait_until(lambda: server.connections, "the connection")
            self.assertEqual(bool(server.connections), is_dialled)

    def test_header_and_first_record_in_one_segment(self):
        listener = TRUSTING + '\nrole = "smtps"'
        with sink.Sink() as server:
            with relay.start([server.address], listener=listener, certificate=certificates.ecdsa()) as mailrace:
                for encode in [proxy.version_1, proxy.version_2]:
                    with self.subTest(encode), scripted.Client(mailrace.port()) as client:
                        client.socket.send(encode(CLIENT, SERVER), socket.MSG_MORE)
                        client.start_tls()
                        self.assertEqual(client.reply(), b"220 upstream.test ESMTP\r\n")
                mailrace.end()

    def test_bytes_behind_a_header_are_too_early(self):
        self.closed(proxy.version_2(CLIENT, SERVER) + b"EHLO client.test\r\n", "client_desync", DESYNC, is_dialled=True)

    def test_malformed_headers(self):
        bad_sum = proxy.version_2(CLIENT, SERVER, [(proxy.CRC32C, b"\1\2\3\4")])
        leading_zero = b"PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n"
        for sent in [b"EHLO client.test\r\n", bad_sum, leading_zero, b"PROXY TCP4 " + b"1" * 200]:
            with self.subTest(sent):
                self.closed(sent, "bad_proxy_header", "sessions_bad_proxy_header")

    def test_a_header_that_does_not_come(self):
        timeouts = 'proxy_header = "300ms"'
        for sent in [b"", b"PROXY TCP4 192", proxy.version_2(CLIENT, SERVER)[:-1]]:
            with self.subTest(sent):
                self.closed(sent, "proxy_header_timeout", "sessions_bad_proxy_header", timeouts=timeouts)

    def test_who_is_not_trusted(self):
        listener = 'proxy_protocol = "required"\nproxy_protocol_trusted = ["192.0.2.0/24"]'
        self.closed(proxy.version_1(CLIENT, SERVER), None, "sessions_proxy_untrusted", listener)
