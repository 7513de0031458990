"""The service under systemd: activation, reload, restart, upgrade, crashes, and what goes wrong."""

import os
import re
import subprocess
import unittest

from harness import appliance, wait_until
from harness.appliance import CONFIGURATION, CONFIGURATION_FILE


class Activation(unittest.TestCase):
    def test_the_first_connection_starts_the_service(self):
        with appliance.installed() as container:
            container.configure()
            container.open()
            container.begin_sink()
            self.assertEqual(container.unit()["ActiveState"], "inactive")
            sent = container.send()
            self.assertEqual(sent.returncode, 0, sent.stdout + container.state())
            unit = container.wait_for("the service", ActiveState="active", SubState="running")
            status = container.read_process(unit["MainPID"], "status")
            for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb"):
                self.assertRegex(status, rf"{name}:\s+0+\n")
            self.assertRegex(status, r"NoNewPrivs:\s+1\n")
            owner = container.check("id", "-u", "mailrace").strip()
            self.assertRegex(status, rf"Uid:\s+{owner}\s+{owner}\s+{owner}\s+{owner}\n")

    def test_each_socket_is_a_listener_of_its_name(self):
        with appliance.installed() as container:
            names = {"smtp": 25, "submission": 587, "submissions": 465}
            lines = [f'listener.{name}.systemd = true\nlistener.{name}.upstream = "backend"\n' for name in names]
            container.configure("".join(lines[1:]))
            container.open(*appliance.SOCKETS)
            container.begin_sink()
            for name, port in names.items():
                for address in ("127.0.0.1", "[::1]"):
                    with self.subTest(name=name, address=address):
                        sent = container.send(port=port, address=address)
                        self.assertEqual(sent.returncode, 0, sent.stdout)
            listeners = re.findall(r"listener=(\w+)", "\n".join(entry["MESSAGE"] for entry in container.journal()))
            self.assertEqual({name: listeners.count(name) for name in names}, dict.fromkeys(names, 2))

    def test_it_opens_its_ports_itself_with_the_example(self):
        with appliance.installed() as container:
            container.configure(text=CONFIGURATION.replace("systemd = true", 'listen = ["[::]:25"]'))
            container.extend_unit_as_in("own-ports.conf")
            container.begin_sink()
            container.check("systemctl", "start", "mailrace.service")
            for address in ("127.0.0.1", "[::1]"):
                self.assertEqual(container.send(address=address).returncode, 0, container.state())

    def test_a_key_that_root_alone_can_read_is_a_credential(self):
        with appliance.installed() as container:
            chain, key = "/etc/mailrace/tls/chain.pem", "/etc/ssl/private/mx.example.com.pem"
            os.makedirs(container.path("/etc/ssl/private"), exist_ok=True)
            make = ["openssl", "req", "-x509", "-noenc", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
            make += ["-subj", "/CN=mx.example.com", "-out", container.path(chain), "-keyout", container.path(key)]
            subprocess.run(make, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            os.chmod(container.path(key), 0o600)
            os.chmod(container.path(chain), 0o644)
            container.extend_unit_as_in("credentials.conf")
            # As systemd hands it over; port 465 begins with TLS.
            container.configure(
                f'tls.default.certificate = "{chain}"\ntls.default.key = "$CREDENTIALS_DIRECTORY/key.pem"\n'
                'listener.smtp.tls = "default"\nlistener.smtp.starttls = "require"\n'
                'listener.submissions.systemd = true\nlistener.submissions.role = "smtps"\n'
                'listener.submissions.tls = "default"\nlistener.submissions.upstream = "backend"\n'
            )
            container.open(*appliance.SOCKETS)
            report = container.end_load(container.begin_load(1, "--starttls"))
            container.nothing_lost(self, report)
            reload = container.run("systemctl", "reload", "mailrace.service")
            self.assertEqual(reload.returncode, 0, container.state())
            greeting = (
                "import socket, ssl; context = ssl._create_unverified_context(); "
                "print(context.wrap_socket(socket.create_connection(('127.0.0.1', 465))).recv(3))"
            )
            container.begin_sink()
            self.assertEqual(container.check("python3", "-c", greeting), "b'220'\n", container.state())
            # From root's shell, which has none of the credentials.
            for command in ("reload", "status", "sessions", "upgrade"):
                container.check("mailrace", command)

    def test_the_admin_endpoint_answers_from_within_the_sandbox(self):
        with appliance.installed() as container:
            container.configure()
            container.open()
            container.begin_sink()
            container.send()
            fetch = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())"
            base = "http://127.0.0.1:9125"
            self.assertIn("mailrace_sessions_total", container.check("python3", "-c", fetch, f"{base}/metrics"))
            for path in ("health", "ready"):
                container.check("python3", "-c", fetch, f"{base}/{path}")

    def test_the_status_tells_of_sessions(self):
        with appliance.installed() as container:
            container.configure()
            container.open()
            container.begin_sink()
            container.send()
            self.wait_for_status(container, r"0 sessions\b.* 1 of 1 server up$")
            idle = ["mailrace-bench", "idle", "--target", "127.0.0.1:25", "--sessions", "20", "--hold", "10m"]
            container.check("systemd-run", "--quiet", "--collect", "--unit", "held", *idle)
            self.wait_for_status(container, r"20 sessions\b")
            container.check("systemctl", "stop", "held.service")
            self.wait_for_status(container, r"0 sessions\b")

    def wait_for_status(self, container, pattern):
        wait_until(lambda: re.match(pattern, container.unit()["StatusText"]), f"the status {pattern}")


class UnderLoad(unittest.TestCase):
    """Whatever is done while mail flows: nothing is lost and nothing comes twice."""

    def relay(self, container):
        """A relay under load; gives the load and the properties of the service."""
        container.configure()
        container.open()
        load = container.begin_load()
        unit = container.wait_for("the first session", ActiveState="active", SubState="running")
        return load, unit

    def hold(self, container, time):
        """Sessions that deliver a message each, after so long; all of them have begun when this returns."""
        container.begin_sink()
        idle = ["mailrace-bench", "idle", "--target", "127.0.0.1:25", "--sessions", "20"]
        held = container.begin(*idle, "--hold", time, "--deliver")
        wait_until(lambda: container.unit()["StatusText"].startswith("20 sessions"), "20 sessions")
        return held

    def test_reload(self):
        with appliance.installed() as container:
            load, unit = self.relay(container)
            container.write(CONFIGURATION_FILE, CONFIGURATION.replace("appliance.test", "renamed.test"))
            container.check("systemctl", "reload", "mailrace.service")
            container.nothing_lost(self, container.end_load(load))
            self.assertEqual(container.unit()["MainPID"], unit["MainPID"])
            self.assertTrue(any("reload" in entry["MESSAGE"] for entry in container.journal()))

    def test_restart(self):
        with appliance.installed() as container:
            load, unit = self.relay(container)
            container.check("systemctl", "restart", "mailrace.service")
            container.nothing_lost(self, container.end_load(load), told_to_come_again=True)
            self.assertNotEqual(container.unit()["MainPID"], unit["MainPID"])
            self.assertEqual(container.unit()["NRestarts"], "0")

    def test_stop(self):
        with appliance.installed() as container:
            container.configure()
            # Less than the sessions last: Mailrace asks for more time.
            container.extend_unit("TimeoutStopSec=2")
            container.open()
            held = self.hold(container, "8s")
            container.check("systemctl", "stop", "mailrace-smtp.socket", "mailrace.service")
            self.assertEqual(container.unit()["Result"], "success", container.state())
            output = held.communicate(timeout=60)[0]
            self.assertEqual(held.returncode, 0, output)

    def test_upgrade_in_place(self):
        with appliance.installed() as container:
            load, unit = self.relay(container)
            # As dpkg does it: a new file takes the place of the old one, which is still running.
            container.check("sh", "-c", "cp /usr/sbin/mailrace /usr/sbin/new && mv /usr/sbin/new /usr/sbin/mailrace")
            container.check("mailrace", "upgrade")
            new = wait_until(lambda: container.newer_process(unit["MainPID"]), "the new process to be the main one")
            container.nothing_lost(self, container.end_load(load))
            self.assertEqual(new["ActiveState"], "active")
            self.assertRegex(container.unit()["StatusText"], r"\bsessions\b")
            self.assertIn("sessions", container.check("mailrace", "status"))

    def test_stop_after_an_upgrade_in_place(self):
        """Neither the process that was replaced nor its sessions are cut off."""
        with appliance.installed() as container:
            container.configure()
            container.open()
            held = self.hold(container, "8s")
            unit = container.unit()
            container.check("mailrace", "upgrade")
            wait_until(lambda: container.newer_process(unit["MainPID"]), "the new process to be the main one")
            container.check("systemctl", "stop", "mailrace-smtp.socket", "mailrace.service")
            self.assertEqual(container.unit()["Result"], "success", container.state())
            output = held.communicate(timeout=60)[0]
            self.assertEqual(held.returncode, 0, output)


class Failure(unittest.TestCase):
    def relay(self, container):
        container.configure()
        container.open()
        container.begin_sink()
        self.assertEqual(container.send().returncode, 0)
        return container.wait_for("the service", ActiveState="active", SubState="running")

    def test_a_crash_is_mended_and_the_next_client_served(self):
        with appliance.installed() as container:
            unit = self.relay(container)
            container.signal("SEGV")
            # Until it has ended it may still accept.
            wait_until(lambda: container.unit()["MainPID"] != unit["MainPID"], "the end of the process")
            sent = container.send()
            self.assertEqual(sent.returncode, 0, sent.stdout + container.state())
            after = container.unit()
            self.assertNotEqual(after["MainPID"], unit["MainPID"])
            self.assertEqual((after["ActiveState"], after["NRestarts"]), ("active", "1"))

    def test_a_process_that_stands_still_is_replaced(self):
        with appliance.installed() as container:
            container.extend_unit("WatchdogSec=3")
            unit = self.relay(container)
            container.signal("STOP")
            new = wait_until(lambda: container.newer_process(unit["MainPID"]), "another process")
            self.assertEqual(new["ActiveState"], "active")
            self.assertTrue([entry for entry in container.journal() if "atchdog timeout" in entry["MESSAGE"]])
            self.assertEqual(container.send().returncode, 0)

    def test_a_bad_configuration_is_refused_and_the_old_one_stays(self):
        with appliance.installed() as container:
            unit = self.relay(container)
            container.configure("runtime.max_sesions = 1\n")
            self.assertNotEqual(container.run("systemctl", "reload", "mailrace.service").returncode, 0)
            after = container.unit()
            self.assertEqual((after["ActiveState"], after["MainPID"]), ("active", unit["MainPID"]))
            self.assertEqual(container.send().returncode, 0)
            self.assertTrue([entry for entry in container.journal() if "max_sesions" in entry["MESSAGE"]])

    def test_root_and_the_service_may_ask_it_to_reload_and_nobody_else(self):
        with appliance.installed() as container:
            self.relay(container)
            container.check("mailrace", "reload")
            container.check("runuser", "-u", "mailrace", "--", "mailrace", "reload")
            self.assertEqual(container.run("runuser", "-u", "nobody", "--", "mailrace", "reload").returncode, 69)

    def test_a_start_with_a_bad_configuration_closes_the_port_in_the_end(self):
        with appliance.installed() as container:
            container.configure("runtime.max_sesions = 1\n")
            container.open()
            knock = "timeout 1 bash -c 'exec 3<>/dev/tcp/127.0.0.1/25' 2>/dev/null"
            container.check("bash", "-c", f"for n in $(seq 500); do {knock} || exit 0; done")
            socket = container.wait_for("the port to be closed", "mailrace-smtp.socket", ActiveState="failed")
            self.assertEqual(socket["Result"], "trigger-limit-hit")
            unit = container.unit()
            self.assertEqual((unit["ExecMainStatus"], unit["NRestarts"]), ("78", "0"))
            self.assertRegex(unit["StatusText"], CONFIGURATION_FILE)
            # The repair: no wait, no other command than this.
            container.configure()
            container.begin_sink()
            container.check("systemctl", "restart", "mailrace-smtp.socket", "mailrace.service")
            self.assertEqual(container.send().returncode, 0, container.state())

    def test_the_repair_of_a_port_does_no_harm_where_the_service_runs(self):
        socket, service = "mailrace-smtp.socket", "mailrace.service"
        with appliance.installed() as container:
            self.relay(container)
            for units in ([socket, service], [service, socket], [socket], [service]):
                with self.subTest(units=units):
                    container.check("systemctl", "restart", *units)
                    self.assertEqual(container.unit(socket)["ActiveState"], "active")
                    self.assertEqual(container.send().returncode, 0, container.state())
            # A further port, as mailrace(8) says.
            container.configure('listener.submission.systemd = true\nlistener.submission.upstream = "backend"\n')
            container.check("systemctl", "enable", "--quiet", "mailrace-submission.socket")
            container.check("systemctl", "restart", "mailrace-submission.socket")
            for port in (25, 587):
                self.assertEqual(container.send(port=port).returncode, 0, container.state())

    def test_a_socket_that_is_missing_is_named(self):
        with appliance.installed() as container:
            container.configure()
            self.assertNotEqual(container.run("systemctl", "start", "mailrace.service").returncode, 0)
            self.assertEqual(container.unit()["ExecMainStatus"], "78")
            messages = "\n".join(entry["MESSAGE"] for entry in container.journal())
            self.assertIn("listener.smtp.systemd", messages)

    def test_without_io_uring_it_says_why(self):
        calls = "io_uring_setup io_uring_enter io_uring_register"
        with appliance.installed(refused_calls=calls) as container:
            container.configure()
            container.open()
            container.run("timeout", "5", "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/25")
            unit = container.wait_for("the end of the service", ExecMainStatus="69")
            self.assertIn("io_uring", unit["StatusText"])
            messages = "\n".join(entry["MESSAGE"] for entry in container.journal())
            self.assertRegex(messages, r"io_uring.*(seccomp|SystemCallFilter)")
