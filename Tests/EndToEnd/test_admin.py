"""The admin endpoint."""

import os
import signal
import socket
import tempfile
import time

from harness import HOST, admin, cases, certificates, clients, programs, relay, scripted, sink

HOSTILE = "<script>alert(1)</script>'\"&\x1b[31m"
SHOWN = "&lt;script&gt;alert(1)&lt;/script&gt;&#39;&quot;&amp;"


class Metrics(cases.AdminCase):
    def test_promtool_accepts_them_with_and_without_sessions(self):
        promtool = programs.find("promtool")
        if not promtool:
            self.skipTest("promtool is not installed")
        mailrace, endpoint = self.relay(starttls="offer")
        for _ in range(2):
            checked = programs.run([promtool, "check", "metrics"], text=endpoint.text("/metrics"))
            self.assertEqual((checked.returncode, checked.stdout), (0, ""))
            clients.swaks(mailrace.port(), clients.message(), tls=True)
            self.session(mailrace)

    def test_they_count_sessions_commands_bytes_and_times(self):
        mailrace, endpoint = self.relay(starttls="offer")
        clients.swaks(mailrace.port(), clients.message(), tls=True)
        self.session(mailrace)
        mailrace.sessions(1)
        self.assertEqual(endpoint.metric("mailrace_sessions_total", stat_prefix="mx"), 2)
        self.assertEqual(endpoint.metric("smtp_sessions", stat_prefix="mx"), 2)
        self.assertEqual(endpoint.metric("smtp_sessions_downstream_terminated_ssl"), 1)
        self.assertEqual(endpoint.metric("smtpd_connections_total", listener="mx"), 2)
        self.assertEqual(endpoint.metric("smtpd_connections_active", listener="mx"), 1)
        self.assertEqual(endpoint.metric("smtpd_tls_connections_total", listener="mx"), 1)
        # Outside and inside TLS, and of the other session.
        self.assertEqual(endpoint.metric("smtpd_commands_total", command="EHLO"), 3)
        self.assertEqual(endpoint.metric("smtpd_commands_total", command="STARTTLS"), 1)
        self.assertEqual(endpoint.metric("smtpd_commands_total", command="MAIL"), 0)
        for name, count in [
            ("mailrace_session_duration_seconds", 1), ("mailrace_downstream_tls_handshake_seconds", 1),
            ("mailrace_command_duration_seconds", 4), ("smtpd_command_duration_seconds", 4),
            ("mailrace_upstream_connect_seconds", 2), ("mailrace_upstream_tls_handshake_seconds", 0),
        ]:  # fmt: skip
            with self.subTest(name):
                self.assertEqual(endpoint.metric(f"{name}_count"), count)
                self.assertEqual(endpoint.metric(f"{name}_bucket", le="+Inf"), count)
        self.assertGreater(endpoint.metric("mailrace_session_duration_seconds_sum"), 0)
        self.assertGreater(endpoint.metric("mailrace_downstream_rx_bytes_total"), len(clients.message()))
        self.assertEqual(endpoint.metric("mailrace_upstream_server_connections", upstream="backend"), 1)

    def test_the_process_is_known(self):
        mailrace, endpoint = self.relay(shards=2, starttls="offer")
        self.assertEqual(endpoint.metric("mailrace_build_info"), 1)
        self.assertEqual(endpoint.metric("mailrace_shards"), 2)
        self.assertEqual(endpoint.metric("mailrace_ready"), 1)
        self.assertEqual(endpoint.metric("mailrace_config_last_reload_successful"), 1)
        # The endpoint closes connections that have been answered when it comes to it.
        folder = f"/proc/{mailrace.program.process.pid}/fd"
        self.wait(lambda: abs(endpoint.metric("process_open_fds") - len(os.listdir(folder))) <= 2)
        self.assertGreater(endpoint.metric("process_resident_memory_bytes"), 1 << 20)
        self.assertGreater(endpoint.metric("process_cpu_seconds_total"), 0)
        expiry = endpoint.metric("mailrace_tls_certificate_not_after_timestamp_seconds", set="default")
        self.assertGreater(expiry, endpoint.metric("process_start_time_seconds"))
        self.assertEqual(expiry, self._expiry(certificates.ecdsa().file))

    def _expiry(self, file):
        text = programs.run(["openssl", "x509", "-noout", "-enddate", "-in", file]).stdout
        date = programs.run(["date", "-u", "-d", text.strip().removeprefix("notAfter="), "+%s"]).stdout
        return int(date)


class Pages(cases.AdminCase):
    def test_readiness_ends_with_a_drain_and_health_does_not(self):
        mailrace, endpoint = self.relay()
        self.assertEqual([endpoint.text(page) for page in ("/health", "/ready")], ["ok\n", "ready\n"])
        client = self.session(mailrace)
        mailrace.program.signal(signal.SIGTERM)
        mailrace.program.wait_for_line("draining")
        status, _, text = endpoint.ask("/ready")
        self.assertEqual((status, text), (503, "draining\n"))
        self.assertEqual(endpoint.text("/health"), "ok\n")
        self.assertEqual(endpoint.json("/status.json")["state"], "draining")
        client.ask("QUIT")
        client.rest()
        client.socket.close()
        self.assertEqual(mailrace.program.wait(), 0)

    def test_answers_are_not_kept_and_not_guessed_at(self):
        _, endpoint = self.relay()
        for page in ["/", "/metrics", "/status", "/sessions"]:
            status, fields, _ = endpoint.ask(page)
            self.assertEqual((status, fields["Cache-Control"]), (200, "no-store"))
            self.assertEqual(fields["X-Content-Type-Options"], "nosniff")
            self.assertTrue(fields["Content-Security-Policy"].startswith("default-src 'none';"))
        self.assertEqual(endpoint.ask("/metrics", "HEAD")[2], "")
        self.assertEqual(endpoint.ask("/metrics", "POST")[0], 405)
        self.assertEqual(endpoint.ask("/../etc/passwd")[0], 404)
        self.assertEqual(endpoint.ask("/metrics/")[0], 404)

    def test_names_of_others_are_refused(self):
        _, endpoint = self.relay()
        self.assertEqual(endpoint.ask("/metrics", Host="evil.test")[0], 403)
        for name in ["localhost:1", "mailrace.test", "[::1]:80", "127.0.0.1"]:
            self.assertEqual(endpoint.ask("/health", Host=name)[0], 200)

    def test_sessions_are_shown_oldest_first_and_no_more_than_asked_for(self):
        mailrace, endpoint = self.relay(shards=2)
        names = [f"client{number}.test" for number in range(5)]
        for name in names:
            self.session(mailrace, name)
        shown = endpoint.json("/sessions")
        self.assertEqual((shown["total"], shown["complete"]), (5, True))
        # Several may begin within a millisecond, on two shards: then either may come first.
        starts = [row["start"] for row in shown["sessions"]]
        self.assertEqual(starts, sorted(starts))
        rows = {row["name"]: row for row in shown["sessions"]}
        self.assertEqual([rows[name]["start"] for name in names], starts)
        row = rows["client0.test"]
        self.assertEqual((row["listener"], row["phase"], row["greeting"]), ("mx", "passthrough", "EHLO"))
        self.assertTrue(row["client"].startswith(HOST) and row["upstream"].startswith(HOST))
        self.assertEqual(row["bytes_received"], len("EHLO client0.test\r\n"))
        self.assertGreater(row["bytes_sent"], 0)
        self.assertEqual([row["start"] for row in endpoint.json("/sessions?limit=2")["sessions"]], starts[:2])
        self.assertEqual(endpoint.json("/sessions?limit=0")["sessions"], [])
        for nonsense in ["x", "-1", "99999999999999999999", ""]:
            self.assertEqual(len(endpoint.json(f"/sessions?limit={nonsense}")["sessions"]), 5)
        top = endpoint.json("/addresses")["addresses"]
        self.assertEqual(top, [{"address": HOST, "sessions": 5, "begun": 5, "refused": 0}])

    def test_whoever_is_refused_is_among_the_addresses_and_on_the_page(self):
        mailrace, endpoint = self.relay(runtime="max_sessions_per_address = 1\nlimits_exempt = []")
        self.session(mailrace)
        for _ in range(3):
            with scripted.Client(mailrace.port()) as client:
                self.assertTrue(client.rest().startswith(b"421"))
        mailrace.sessions(3)
        top = endpoint.json("/addresses")["addresses"]
        self.assertEqual(top, [{"address": HOST, "sessions": 1, "begun": 1, "refused": 3}])
        self.assertIn("sessions_refused_address", endpoint.text("/status"))
        self.assertEqual(
            endpoint.json("/status.json")["troubles"], [{"name": "sessions_refused_address", "count": 3}]
        )

    def test_the_page_shows_what_clients_say_as_text(self):
        mailrace, endpoint = self.relay(starttls="offer")
        client = self.enterContext(scripted.Client(mailrace.port()))
        client.reply()
        client.send(f"HELO {HOSTILE}\r\n".encode("latin-1"))
        self.assertTrue(client.reply().startswith(b"250"))
        page = endpoint.text("/status")
        self.assertNotIn("<script", page)
        self.assertIn(SHOWN, page)
        self.assertNotIn("\x1b", page)
        self.assertNotIn("<script", endpoint.text("/status.json"))
        self.assertEqual(endpoint.json("/sessions")["sessions"][0]["name"], HOSTILE)

    def test_who_waited_for_the_start_is_in_the_rates(self):
        upstream = self.enterContext(sink.Sink())
        door = self.enterContext(socket.create_server((HOST, 0)))
        for _ in range(3):
            self.enterContext(scripted.Client(door.getsockname()[1]))
        text = relay.configuration([upstream.address], admin="127.0.0.1:0", listener="systemd = true")
        text = text.replace('listen = ["127.0.0.1:0"]\n', "")
        mailrace = self.enterContext(relay.Mailrace(text, sockets=[("mx", door)])).wait_ready()
        endpoint = admin.Admin(mailrace)

        def rates():
            status = endpoint.json("/status.json")
            return [status["per_minute"]["sessions"], status["listeners"][0]["sessions_per_minute"]] == [3, 3]

        self.wait(rates)

    def test_lines_that_transcripts_lose_are_counted(self):
        mailrace, endpoint = self.relay(
            log='format = "json"\ntranscript = "commands"\ntranscript_file = "/dev/full"'
        )
        self.session(mailrace)
        self.wait(lambda: endpoint.metric("mailrace_log_lines_dropped_total") > 0)
        self.assertIn("had no room for", endpoint.text("/status"))

    def test_a_server_that_is_down_is_seen(self):
        dead = f"{HOST}:{programs.free_port()}"
        _, endpoint = self.relay(
            [dead], upstream='health = { probe = "connect", interval = "1s", timeout = "500ms", fall = 1 }'
        )
        self.wait(lambda: endpoint.metric("mailrace_upstream_server_up") == 0)
        page = endpoint.text("/status")
        self.assertIn("No server of upstream backend is up.", page)
        self.assertIn(dead, page)

    def test_a_reload_that_fails_is_seen_and_one_that_succeeds_forgets_it(self):
        upstream = self.enterContext(sink.Sink())
        mailrace, endpoint = self.relay([upstream.address])
        good = open(mailrace.file).read()
        mailrace.rewrite("nonsense = 1\n")
        mailrace.program.signal(signal.SIGHUP)
        self.wait(lambda: endpoint.metric("mailrace_config_last_reload_successful") == 0)
        self.assertIn("was refused", endpoint.text("/status"))
        mailrace.rewrite(good)
        mailrace.program.signal(signal.SIGHUP)
        self.wait(lambda: endpoint.metric("mailrace_config_last_reload_successful") == 1)
        self.assertNotIn("was refused:", endpoint.text("/status"))


class Reload(cases.AdminCase):
    """What is shown of the configuration that was in force before."""

    def start(self, upstream, *listeners):
        self.mailrace = self.enterContext(relay.Mailrace(self.text(upstream, *listeners))).wait_ready()
        self.endpoint = admin.Admin(self.mailrace)

    def text(self, upstream, *listeners):
        """A configuration with the upstream, a name and a server, and listeners that are a name, a port and a prefix."""
        name, server = upstream
        lines = ['hostname = "mailrace.test"', "[runtime]", "shards = 2", 'control_socket = ""', 'user = ""']
        lines += ["[log]", 'format = "json"', "[admin]", f'listen = "{HOST}:0"']
        for listener, port, prefix in listeners:
            lines += [f"[listener.{listener}]", f'listen = ["{HOST}:{port}"]', f'upstream = "{name}"']
            lines += [f'stat_prefix = "{prefix}"']
        lines += [f"[upstream.{name}]", f'servers = ["{server}"]', 'tls = "off"', 'health = { probe = "off" }']
        return "\n".join(lines) + "\n"

    def reload(self, upstream, *listeners):
        done = len(self.mailrace.records("configuration reloaded"))
        self.mailrace.rewrite(self.text(upstream, *listeners))
        self.mailrace.program.signal(signal.SIGHUP)
        self.mailrace.wait_message("configuration reloaded", done + 1)

    def servers(self):
        """The servers with a line that says whether they are up."""
        text = self.endpoint.text("/metrics")
        return [line for line in text.splitlines() if line.startswith("mailrace_upstream_server_up{")]

    def connections(self, port, listener):
        """What is counted of the listener after one more session by the port."""
        with scripted.Client(port) as client:
            client.reply()
            client.ask("QUIT")
        return self.endpoint.metric("smtpd_connections_total", listener=listener)

    def test_servers_that_have_gone_are_not_shown_as_down(self):
        first, second = self.enterContext(sink.Sink()).address, self.enterContext(sink.Sink()).address
        listener = ("mx", programs.free_port(), "mx")
        self.start(("b", first), listener)
        for upstream in [("b", second), ("c", second)]:
            self.reload(upstream, listener)
            name, server = upstream
            self.wait(
                lambda: self.servers() == [f'mailrace_upstream_server_up{{upstream="{name}",server="{server}"}} 2']
            )

    def test_a_listener_is_counted_by_its_name_of_now(self):
        upstream = ("b", self.enterContext(sink.Sink()).address)
        a, b = programs.free_port(), programs.free_port()
        self.start(upstream, ("a", a, "pa"), ("b", b, "pb"))
        self.assertEqual([self.connections(a, "a"), self.connections(a, "a"), self.connections(b, "b")], [1, 2, 1])
        self.reload(upstream, ("a", a, "pb"), ("b", b, "pa"))
        self.assertEqual([self.connections(a, "a"), self.connections(b, "b")], [2, 3])
        self.reload(upstream, ("a", a, "pc"), ("b", b, "pb"))
        self.assertEqual([self.connections(a, "a"), self.connections(b, "b")], [1, 3])
        self.reload(upstream, ("a", a, "pa"), ("b", b, "pb"))
        self.assertEqual([self.connections(a, "a"), self.connections(b, "b")], [4, 4])


class Places(cases.AdminCase):
    def test_a_unix_socket_does_and_goes_with_the_process(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        path = os.path.join(folder, "admin.sock")
        mailrace, endpoint = self.relay(listen=f"unix:{path}")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o660)
        self.assertEqual(endpoint.text("/ready"), "ready\n")
        self.assertEqual(endpoint.ask("/ready", Host="anything.test")[0], 200)
        shown = relay.mailrace("status", "--admin", endpoint.address)
        self.assertEqual(shown.returncode, 0, shown.stdout)
        mailrace.end()
        self.assertFalse(os.path.exists(path))

    def test_an_address_that_is_taken_is_a_warning_and_mail_goes_on(self):
        _, endpoint = self.relay()
        upstream = self.enterContext(sink.Sink())
        text = relay.configuration([upstream.address], admin=endpoint.address)
        second = self.enterContext(relay.Mailrace(text)).wait_ready()
        self.assertIn("no admin endpoint", second.program.output)
        self.session(second)

    def test_a_new_address_needs_a_restart(self):
        upstream = self.enterContext(sink.Sink())
        mailrace, endpoint = self.relay([upstream.address])
        mailrace.rewrite(relay.configuration([upstream.address], admin="127.0.0.1:1"))
        mailrace.program.signal(signal.SIGHUP)
        mailrace.program.wait_for_line("admin.listen has changed: that needs a restart")
        self.assertEqual(endpoint.text("/ready"), "ready\n")


class Hostile(cases.AdminCase):
    def test_silent_clients_hold_up_neither_mail_nor_others(self):
        mailrace, endpoint = self.relay()
        slow = []
        for number in range(100):
            client = self.enterContext(socket.create_connection((HOST, endpoint.port)))
            client.sendall(b"GET /metrics HTTP/1.1\r\nX-Slow: " if number % 2 else b"")
            slow.append(client)
        clients.smtplib_client(mailrace.port(), clients.message(), tls=False)
        self.assertEqual(endpoint.text("/health"), "ok\n")
        self.assertGreater(endpoint.metric("mailrace_sessions_total"), 0)

    def test_a_crowd_of_silent_clients_does_not_keep_a_scraper_out(self):
        _, endpoint = self.relay()
        for _ in range(700):
            self.enterContext(socket.create_connection((HOST, endpoint.port)))
        begun = time.monotonic()
        self.assertEqual(endpoint.text("/health"), "ok\n")
        # As long as a scraper waits.
        self.assertLess(time.monotonic() - begun, 10)

    def test_whoever_does_not_read_is_let_go(self):
        mailrace, endpoint = self.relay()
        for _ in range(20):
            client = self.enterContext(socket.create_connection((HOST, endpoint.port)))
            client.sendall(b"GET /status HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
        self.assertEqual(endpoint.text("/ready"), "ready\n")
        self.session(mailrace)
