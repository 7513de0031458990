"""mailrace status and mailrace sessions."""

import fcntl
import json
import os
import pathlib
import pty
import signal
import subprocess

from harness import HOST, PATIENCE_S, cases, programs, relay, scripted

HOSTILE = "<script>alert(1)</script>'\"&\x1b[31m\x7f"


class Commands(cases.AdminCase):
    def test_status_shows_listeners_servers_and_figures(self):
        mailrace, endpoint = self.relay(starttls="offer", shards=2)
        self.session(mailrace)
        shown = relay.mailrace("status", "--admin", endpoint.address)
        self.assertEqual(shown.returncode, 0)
        lines = shown.stdout.splitlines()
        self.assertRegex(lines[0], r"^mailrace\.test: ready, up .*, Mailrace \d")
        self.assertRegex(lines[1], r"^1 of at most [\d,]+ sessions, on 2 shards$")
        self.assertRegex(shown.stdout, rf"\nmx +{HOST}:\d+ +offer +backend +1 ")
        self.assertRegex(shown.stdout, rf"\nbackend +{HOST}:\d+ +up +off +1 ")
        self.assertRegex(shown.stdout, r"\n\S+\.pem +default +\d{4}-")
        document = json.loads(relay.mailrace("status", "--json", "--admin", endpoint.address).stdout)
        self.assertEqual((document["state"], document["sessions"]), ("ready", 1))

    def test_sessions_shows_them_without_control_characters(self):
        mailrace, endpoint = self.relay()
        self.session(mailrace, HOSTILE)
        self.session(mailrace)
        shown = relay.mailrace("sessions", "--admin", endpoint.address)
        self.assertEqual(shown.returncode, 0)
        self.assertTrue(shown.stdout.startswith("2 sessions\n"))
        self.assertIn("<script>alert(1)</script>'\"&?[31m?", shown.stdout)
        self.assertTrue(all(character == "\n" or character.isprintable() for character in shown.stdout))
        one = relay.mailrace("sessions", "--limit", "1", "--json", "--admin", endpoint.address).stdout
        self.assertEqual([row["name"] for row in json.loads(one)["sessions"]], [HOSTILE])
        self.assertTrue(all(character == "\n" or character.isprintable() for character in one))

    def test_the_address_is_that_of_the_configuration(self):
        port = programs.free_port()
        mailrace, endpoint = self.relay(listen=f"{HOST}:{port}")
        shown = relay.mailrace("status", "--config", mailrace.file)
        self.assertEqual(shown.returncode, 0, shown.stdout)
        shown = relay.mailrace("sessions", "--config", mailrace.file)
        self.assertEqual((shown.returncode, shown.stdout), (0, "0 sessions\n"))

    def test_who_does_not_answer_is_named(self):
        nobody = f"{HOST}:{programs.free_port()}"
        shown = relay.mailrace("status", "--admin", nobody)
        self.assertEqual(shown.returncode, 69)
        self.assertIn(f"no Mailrace answers at {nobody}: Connection refused", shown.stdout)
        shown = relay.mailrace("sessions", "--watch", "--admin", "unix:/nonexistent/admin.sock")
        self.assertEqual(shown.returncode, 69)
        self.assertEqual(relay.mailrace("status", "--admin", "nonsense").returncode, 64)

    def test_a_stranger_is_told_from_mailrace(self):
        def page(peer):
            peer.until(b"\r\n\r\n")
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\n{\x1b[31m\"a\"")

        with scripted.Server(page) as stranger:
            shown = relay.mailrace("status", "--admin", stranger.address)
        self.assertEqual(shown.returncode, 69)
        self.assertIn("is no Mailrace", shown.stdout)
        self.assertNotIn("\x1b", shown.stdout)

    def watch(self, *arguments, **options):
        return subprocess.Popen(
            [relay.binary(), *arguments, "--watch"], env=programs.environment(), text=True, **options
        )

    def test_a_watch_prints_lines_into_a_pipe_until_it_is_told_to_end(self):
        _, endpoint = self.relay()
        with self.watch("status", "--admin", endpoint.address, stdout=subprocess.PIPE) as program:
            for _ in range(2):
                self.assertRegex(program.stdout.readline(), r"^\S+Z state=ready sessions=0 max_sessions=\d+ ")
            program.send_signal(signal.SIGINT)
            self.assertEqual(program.wait(PATIENCE_S), 0)

    def test_a_watch_ends_when_nobody_reads(self):
        _, endpoint = self.relay()
        with self.watch("sessions", "--json", "--admin", endpoint.address, stdout=subprocess.PIPE) as program:
            self.assertEqual(json.loads(program.stdout.readline())["total"], 0)
            program.stdout.close()
            self.assertEqual(program.wait(PATIENCE_S), 0)

    def test_a_watch_goes_on_while_mailrace_is_away(self):
        mailrace, endpoint = self.relay()
        with self.watch("status", "--admin", endpoint.address, stdout=subprocess.PIPE) as program:
            program.stdout.readline()
            mailrace.end()
            while "no Mailrace answers" not in program.stdout.readline():
                pass
            program.send_signal(signal.SIGTERM)
            self.assertEqual(program.wait(PATIENCE_S), 0)

    def test_a_watch_ends_at_once_though_nobody_reads(self):
        _, endpoint = self.relay()
        reader, pipe = os.pipe()
        self.addCleanup(os.close, reader)
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 4096)
        os.set_blocking(pipe, False)
        while True:
            try:
                os.write(pipe, b"x" * 4096)
            except BlockingIOError:
                break
        os.set_blocking(pipe, True)
        program = self.watch("status", "--admin", endpoint.address, stdout=pipe)
        os.close(pipe)
        self.wait(lambda: "pipe" in (pathlib.Path("/proc") / str(program.pid) / "wchan").read_text())
        program.send_signal(signal.SIGTERM)
        self.assertEqual(program.wait(PATIENCE_S), 0)

    def test_a_watch_ends_at_once_though_nobody_answers(self):
        asked = []

        def page(peer):
            peer.until(b"\r\n\r\n")
            asked.append(peer)
            if len(asked) == 1:
                peer.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")
            else:
                peer.rest()

        with scripted.Server(page) as endpoint:
            program = self.watch("status", "--admin", endpoint.address, stdout=subprocess.DEVNULL)
            self.wait(lambda: len(asked) == 2)
            program.send_signal(signal.SIGINT)
            self.assertEqual(program.wait(PATIENCE_S), 0)

    def test_what_cannot_be_written_is_an_error(self):
        _, endpoint = self.relay()
        for options in [["status"], ["sessions", "--json"], ["status", "--watch"]]:
            with self.subTest(options), open("/dev/full", "w") as full:
                shown = subprocess.run(
                    [relay.binary(), *options, "--admin", endpoint.address], env=programs.environment(), text=True,
                    stdout=full, stderr=subprocess.PIPE, timeout=PATIENCE_S,
                )  # fmt: skip
                self.assertEqual(shown.returncode, 74)
                self.assertEqual(shown.stderr, "mailrace: the output cannot be written: No space left on device\n")

    def test_a_watch_draws_in_place_and_restores_the_terminal(self):
        for ending in [signal.SIGINT, signal.SIGQUIT]:
            with self.subTest(ending):
                self.draws(ending)

    def draws(self, ending):
        _, endpoint = self.relay()
        terminal, end = pty.openpty()
        self.addCleanup(os.close, terminal)
        program = self.watch("status", "--admin", endpoint.address, stdout=end, stdin=end)
        os.close(end)
        drawn = b""
        while drawn.count(b"\x1b[H") < 2:
            drawn += os.read(terminal, 65536)
        # Away and back again.
        program.send_signal(signal.SIGTSTP)
        while not drawn.endswith(b"\x1b[?25h\x1b[?1049l"):
            drawn += os.read(terminal, 65536)
        self.assertTrue(os.WIFSTOPPED(os.waitpid(program.pid, os.WUNTRACED)[1]))
        begun = len(drawn)
        program.send_signal(signal.SIGCONT)
        while b"\x1b[H" not in drawn[begun:]:
            drawn += os.read(terminal, 65536)
        self.assertTrue(drawn[begun:].startswith(b"\x1b[?1049h\x1b[?25l\x1b[H"))
        program.send_signal(ending)
        self.assertEqual(program.wait(PATIENCE_S), 0)
        try:
            while more := os.read(terminal, 65536):
                drawn += more
        except OSError:
            pass
        self.assertTrue(drawn.startswith(b"\x1b[?1049h\x1b[?25l\x1b[Hmailrace.test: ready"))
        self.assertTrue(drawn.endswith(b"\x1b[?25h\x1b[?1049l"))
