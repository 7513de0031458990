"""`mailrace password` at a terminal."""

import os
import pty
import signal
import subprocess
import termios
import unittest

from harness import relay
from harness.programs import environment, wait_until


class Terminal(unittest.TestCase):
    def setUp(self):
        self.ours, self.theirs = pty.openpty()
        self.addCleanup(os.close, self.ours)
        self.addCleanup(os.close, self.theirs)
        self.program = subprocess.Popen(
            [relay.binary(), "password", "--user", "joe"],
            stdin=self.theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
        )
        self.addCleanup(self.program.stdout.close)
        wait_until(lambda: not self.shows, "the terminal to be silent")

    @property
    def shows(self):
        return bool(termios.tcgetattr(self.theirs)[3] & termios.ECHO)

    def test_a_password_is_asked_for_twice(self):
        os.write(self.ours, b"correct horse\ncorrect horse\n")
        line = self.program.communicate(timeout=30)[0]
        self.assertTrue(line.startswith(b"joe:$y$"))
        self.assertEqual(self.program.returncode, 0)
        self.assertTrue(self.shows)

    def test_who_interrupts_it_finds_the_terminal_as_it_was(self):
        self.program.send_signal(signal.SIGINT)
        self.assertEqual(self.program.wait(timeout=30), -signal.SIGINT)
        self.assertTrue(self.shows)


if __name__ == "__main__":
    unittest.main()
