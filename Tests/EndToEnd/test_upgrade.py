"""A new process takes the place of the running one: by a command, by a signal, under load, in vain."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

from harness import HOST, admin, manager, programs, relay, scripted, sink


class Upgrade(unittest.TestCase):
    def setUp(self):
        self.upstream = self.enterContext(sink.Sink())
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        self.successors = []

    def end_successors(self):
        """They are no children of ours: systemd, or init, would wait for them."""
        for process in self.successors:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def text(self, **options):
        runtime = f'control_socket = "{self.folder}/control.sock"\nmax_sessions = 1000\n' + options.pop("runtime", "")
        return relay.configuration([self.upstream.address], runtime=runtime, **options)

    def start(self, text=None, **options):
        mailrace = self.enterContext(relay.Mailrace(text or self.text(), **options)).wait_ready()
        # They write where it did, and so are to be gone when nobody reads that any more.
        self.addCleanup(self.end_successors)
        return mailrace

    def upgrade(self, mailrace):
        """Upgrades by the command; gives the new process."""
        result = relay.mailrace("upgrade", "--config", mailrace.file)
        self.assertEqual(result.returncode, 0, result.stdout + mailrace.program.output)
        process = int(result.stdout.split()[-1])
        self.successors.append(process)
        return process

    def greeting(self, port):
        with scripted.Client(port) as client:
            return client.reply()[:4]

    def open_files(self, process):
        found = []
        for name in os.listdir(f"/proc/{process}/fd"):
            with contextlib.suppress(FileNotFoundError):
                found.append(os.readlink(f"/proc/{process}/fd/{name}"))
        return found

    def alive(self, process):
        try:
            with open(f"/proc/{process}/stat") as file:
                return file.read().split(") ")[1][0] != "Z"
        except (FileNotFoundError, ProcessLookupError):
            return False

    def wait_gone(self, process):
        programs.wait_until(lambda: not self.alive(process), f"the end of process {process}")

    def test_sessions_go_on_and_others_are_served_by_the_new_process(self):
        mailrace = self.start()
        port = mailrace.port()
        with scripted.Client(port) as early, scripted.Client(port) as late:
            self.assertTrue(early.reply().startswith(b"220 "))
            late.reply()
            for command in ["EHLO client.test", "MAIL FROM:<a@client.test>"]:
                self.assertTrue(late.ask(command).startswith(b"250"))
            process = self.upgrade(mailrace)
            self.assertTrue(self.alive(process))
            self.assertEqual(self.greeting(port), b"220 ")
            # Before the hand-off and after it.
            self.assertTrue(early.ask("EHLO client.test").startswith(b"250"))
            self.assertTrue(late.ask("RCPT TO:<b@upstream.test>").startswith(b"250"))
            mailrace.program.check_alive()
        self.assertEqual(mailrace.program.process.wait(programs.PATIENCE_S), 0)
        self.assertEqual(self.greeting(port), b"220 ")
        # The control socket is the new one's, and so is its file.
        again = self.upgrade(mailrace)
        self.wait_gone(process)
        self.assertEqual(self.greeting(port), b"220 ")
        os.kill(again, signal.SIGTERM)
        self.wait_gone(again)
        self.assertFalse(os.path.exists(f"{self.folder}/control.sock"))
        programs.wait_for_refusal(port)

    def test_a_stop_waits_for_the_sessions_of_both_processes(self):
        """systemd tells both to end, and ends all that is left once the new one has ended."""
        mailrace = self.start()
        port = mailrace.port()
        with scripted.Client(port) as client:
            client.reply()
            for command in ["EHLO client.test", "MAIL FROM:<a@client.test>"]:
                self.assertTrue(client.ask(command).startswith(b"250"))
            process = self.upgrade(mailrace)
            mailrace.wait_message("draining")
            for number in (mailrace.program.process.pid, process):
                os.kill(number, signal.SIGTERM)
            # It serves nobody any more.
            programs.wait_for_refusal(port)
            self.assertTrue(client.ask("RCPT TO:<b@upstream.test>").startswith(b"250"))
            self.assertTrue(self.alive(process))
            mailrace.program.check_alive()
        self.assertEqual(mailrace.program.process.wait(programs.PATIENCE_S), 0)
        self.wait_gone(process)

    def test_a_second_signal_ends_the_former_process(self):
        mailrace = self.start()
        with scripted.Client(mailrace.port()) as client:
            client.reply()
            self.upgrade(mailrace)
            mailrace.wait_message("draining")
            for _ in range(2):
                mailrace.program.signal(signal.SIGTERM)
                # Two at once are one.
                programs.wait_until(lambda: not self.is_pending(mailrace, signal.SIGTERM), "the signal")
            self.assertEqual(mailrace.program.process.wait(programs.PATIENCE_S), 143)

    def is_pending(self, mailrace, number):
        with open(f"/proc/{mailrace.program.process.pid}/status") as file:
            pending = next(line for line in file if line.startswith("ShdPnd:"))
        return bool(int(pending.split()[1], 16) >> number - 1 & 1)

    def test_the_new_process_is_nobodys_child(self):
        """systemd waits for the end of its own children alone."""
        mailrace = self.start()
        with scripted.Client(mailrace.port()) as client:
            client.reply()
            process = self.upgrade(mailrace)
            with open(f"/proc/{process}/stat") as file:
                parent = int(file.read().rsplit(") ")[1].split()[1])
            self.assertNotEqual(parent, mailrace.program.process.pid)

    def test_a_signal_upgrades_and_nothing_else_is_inherited(self):
        path = f"{self.folder}/mx.sock"
        secret = self.enterContext(open(f"{self.folder}/other", "w"))
        mailrace = self.start(self.text(shards=2, listen=[f"{HOST}:0", f"unix:{path}"]))
        port = mailrace.port()
        with scripted.Client(port) as client:
            client.reply()
            mailrace.program.signal(signal.SIGUSR2)
            process = int(mailrace.wait_message("another process serves now")[0]["process"])
            self.successors.append(process)
            mailrace.wait_message("draining")
            inherited = {file for file in self.open_files(process) if file.startswith("socket:")}
            left = {file for file in self.open_files(mailrace.program.process.pid) if file.startswith("socket:")}
            # The sockets that both have are the listening ones; the former process has let go of them, but for those
            # that it was handed.
            self.assertEqual(inherited & left, set())
            # Two ports (a shard each), one Unix socket, the control socket, the pair of the upgrade.
            self.assertLessEqual(len(inherited), 5)
            self.assertNotIn(secret.name, self.open_files(process))
        self.assertEqual(mailrace.program.process.wait(programs.PATIENCE_S), 0)
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(programs.PATIENCE_S)
            client.connect(path)
            self.assertEqual(client.recv(4), b"220 ")

    def test_the_admin_endpoint_goes_over_without_a_gap(self):
        path = f"{self.folder}/admin.sock"
        for listen in [f"{HOST}:{programs.free_port()}", f"unix:{path}"]:
            with self.subTest(listen):
                mailrace = self.start(self.text(admin=listen))
                endpoint = admin.Admin(mailrace, path if listen.startswith("unix:") else None)
                start = endpoint.metric("process_start_time_seconds")
                process = self.upgrade(mailrace)
                self.assertEqual(endpoint.text("/ready"), "ready\n")
                self.assertGreater(endpoint.metric("process_start_time_seconds"), start)
                self.assertEqual(mailrace.program.process.wait(programs.PATIENCE_S), 0)
                self.assertEqual(endpoint.text("/health"), "ok\n")
                os.kill(process, signal.SIGTERM)
                self.wait_gone(process)
                with self.assertRaises(OSError):
                    endpoint.ask("/health")
        self.assertFalse(os.path.exists(path))

    def test_another_number_of_shards(self):
        mailrace = self.start(self.text(shards=3))
        port = mailrace.port()
        for shards in (1, 2, 4):
            mailrace.rewrite(self.text(shards=shards))
            self.upgrade(mailrace)
            for _ in range(60):
                self.assertEqual(self.greeting(port), b"220 ")

    def test_who_comes_in_that_very_moment_is_served(self):
        """One after the other: each connection has the sockets for itself, and no later one wakes who serves it."""
        mailrace = self.start(self.text(shards=2))
        port = mailrace.port()
        for _ in range(10):
            command = [relay.binary(), "upgrade", "--config", mailrace.file]
            asking = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=programs.environment())
            while asking.poll() is None:
                self.assertEqual(self.greeting(port), b"220 ")
            for _ in range(20):
                self.assertEqual(self.greeting(port), b"220 ")
            self.successors.append(int(asking.communicate()[0].split()[-1]))

    def test_an_address_that_goes(self):
        other = programs.free_port()
        mailrace = self.start(self.text(listen=[f"{HOST}:0", f"{HOST}:{other}"]))
        port = mailrace.port()
        with scripted.Client(other) as client:
            client.reply()
            mailrace.rewrite(self.text())
            self.upgrade(mailrace)
            self.assertEqual(self.greeting(port), b"220 ")
            mailrace.wait_message("draining")
            with self.assertRaises(ConnectionRefusedError):
                scripted.Client(other)
            self.assertTrue(client.ask("EHLO client.test").startswith(b"250"))

    def test_in_vain(self):
        program = f"{self.folder}/mailrace"
        shutil.copy(relay.binary(), program)
        mailrace = self.start(program=program)
        port, good = mailrace.port(), self.text()
        for change, status, words in [
            (lambda: mailrace.rewrite(good + "wrong = 1\n"), 78, "wrong: unknown key"),
            (lambda: mailrace.rewrite(good.replace("[upstream", '[listener.x]\nlisten=["192.0.2.1:25"]\n'
                                                   'upstream = "backend"\n[upstream')), 69, "192.0.2.1:25"),
            (lambda: self.replace(program, "#!/bin/sh\nexit 3\n"), 69, "the new process has ended with status 3"),
            (lambda: self.replace(program, "no program"), 69, "Exec format error"),
            (lambda: os.unlink(program), 69, "No such file"),
        ]:
            with self.subTest(words):
                change()
                command = [relay.binary(), "upgrade", "--socket", f"{self.folder}/control.sock"]
                result = programs.run(command)
                self.assertEqual(result.returncode, status, result.stdout)
                self.assertIn(words, result.stdout)
                self.assertEqual(self.greeting(port), b"220 ")
                mailrace.program.check_alive()
        mailrace.rewrite(good)
        shutil.copy(relay.binary(), program)
        self.upgrade(mailrace)
        self.assertEqual(self.greeting(port), b"220 ")

    def replace(self, program, text):
        with open(program + ".new", "w") as file:
            file.write(text)
        os.chmod(program + ".new", 0o755)
        os.rename(program + ".new", program)

    def test_a_signal_to_reload_counts_after_an_upgrade_that_fails(self):
        program = f"{self.folder}/mailrace"
        shutil.copy(relay.binary(), program)
        mailrace = self.start(program=program)
        self.replace(program, "#!/bin/sh\nexec sleep 3600\n")
        mailrace.program.signal(signal.SIGUSR2)
        process = int(mailrace.wait_message("upgrade begun")[0]["process"])
        mailrace.program.signal(signal.SIGHUP)
        mailrace.wait_message("an upgrade is under way: the reload waits")
        os.kill(process, signal.SIGKILL)
        mailrace.wait_message("configuration reloaded")

    def test_one_at_a_time(self):
        program = f"{self.folder}/mailrace"
        shutil.copy(relay.binary(), program)
        mailrace = self.start(program=program)
        port = mailrace.port()
        self.replace(program, "#!/bin/sh\nexec sleep 3600\n")
        mailrace.program.signal(signal.SIGUSR2)
        process = int(mailrace.wait_message("upgrade begun")[0]["process"])
        for command, words in (("upgrade", "another one is under way"), ("reload", "an upgrade is under way")):
            result = relay.mailrace(command, "--config", mailrace.file)
            self.assertEqual(result.returncode, 69)
            self.assertIn(words, result.stdout)
        self.assertEqual(self.greeting(port), b"220 ")
        # An end does not wait for it.
        mailrace.program.signal(signal.SIGTERM)
        self.assertEqual(mailrace.program.wait(), 0)
        self.wait_gone(process)

    def test_the_manager_follows(self):
        hears = self.enterContext(manager.Manager(watchdog_s=3))
        listening = self.enterContext(manager.listening())
        text = self.text(listener="systemd = true").replace(f'listen = ["{HOST}:0"]\n', "")
        mailrace = self.start(text, sockets=[("mx", listening)], variables=hears.variables)
        former = mailrace.program.process.pid
        port = listening.getsockname()[1]
        with scripted.Client(port) as client:
            client.reply()
            process = self.upgrade(mailrace)
            told = hears.wait({"MAINPID": str(process)}, process=former)
            told = hears.wait({"READY": "1", "STATUS": "0 sessions, "}, process=process, start=told)
            hears.wait({"WATCHDOG": "1"}, process=process, start=told)
            self.assertEqual([message for sender, message, _ in hears.told[told:] if sender == former], [])
            self.assertEqual(self.greeting(port), b"220 ")
            self.assertNotIn("STOPPING", [name for _, message, _ in hears.told for name in message])
        self.assertEqual(mailrace.program.process.wait(programs.PATIENCE_S), 0)

    @unittest.skipUnless(relay.bench_binary(), "no mailrace-bench")
    def test_nothing_is_lost_or_doubled_under_load(self):
        journal = f"{self.folder}/journal"
        bench = relay.bench_binary()
        taker = programs.Program([bench, "sink", "--journal", journal])
        self.addCleanup(taker.stop)
        address = taker.wait_for_line(r"(\S+:\d+)$").group(1)
        runtime = f'control_socket = "{self.folder}/control.sock"\nmax_sessions = 1000'
        mailrace = self.start(relay.configuration([address], shards=2, runtime=runtime))
        port = mailrace.port()
        load = subprocess.Popen(
            [bench, "load", "--target", f"{HOST}:{port}", "--duration", "4s", "--concurrency", "20", "--journal", journal,
             "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        processes = [self.upgrade(mailrace) for _ in range(3)]
        output = load.communicate(timeout=programs.PATIENCE_S)[0]
        self.assertEqual(load.returncode, 0, output)
        self.assertTrue(self.alive(processes[-1]))
