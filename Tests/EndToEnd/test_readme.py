"""What README.md has its readers do, as it is printed, but for the ports."""

import os
import tempfile
import unittest

from harness import programs, relay

README = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "README.md")


def blocks(title):
    """The indented blocks of a section."""
    with open(README) as file:
        text = file.read().split(f"### {title}\n")[1].split("\n##")[0]
    found, within = [], False
    for line in text.splitlines():
        if line.startswith("    "):
            if not within:
                found.append([])
            found[-1].append(line[4:])
        elif found and within and not line:
            found[-1].append("")
            continue
        within = line.startswith("    ")
    return ["\n".join(lines).rstrip() + "\n" for lines in found]


class Passwords(unittest.TestCase):
    def test_a_message_comes_through_with_the_password_alone(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        os.mkdir(f"{folder}/bin")
        for name, program in (("mailrace", relay.binary()), ("mailrace-bench", relay.bench_binary())):
            os.symlink(program, f"{folder}/bin/{name}")
        configuration, commands, _ = blocks("Passwords in front of a server")
        for port in ("2587", "2525"):
            free = str(programs.free_port())
            configuration, commands = configuration.replace(port, free), commands.replace(port, free)
        with open(f"{folder}/submission.toml", "w") as file:
            file.write(configuration)
        password, sink, run, swaks = commands.splitlines()
        # A machine has one control socket and one admin endpoint, which others of its tests may have.
        variables = {"MAILRACE_RUNTIME__CONTROL_SOCKET": "", "MAILRACE_ADMIN__LISTEN": "", "MAILRACE_RUNTIME__USER": ""}
        os.environ["PATH"] = f"{folder}/bin:{os.environ['PATH']}"

        def begin(command, name):
            self.assertTrue(command.endswith(" &"))
            line = ["sh", "-c", f"exec {command[:-2]}"]
            program = programs.Program(line, name=name, directory=folder, variables=variables)
            self.addCleanup(program.stop)
            return program

        done = programs.run(["sh", "-c", password], text="secret\n", cwd=folder)
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        begin(sink, "sink").wait_for_line("listening on")
        mailrace = begin(run, "mailrace")
        mailrace.wait_for_line(relay.READY)
        done = programs.run(["sh", "-c", swaks], cwd=folder)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("235 2.7.0", done.stdout)
        done = programs.run(["sh", "-c", swaks.replace("secret", "guess")], cwd=folder)
        self.assertIn("535 5.7.8", done.stdout)
        self.assertRegex(mailrace.wait_for_line("authentication refused").string, r" client=127\.0\.0\.1:\d+ .* user=joe$")


if __name__ == "__main__":
    unittest.main()
