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


class Case(unittest.TestCase):
    # A machine has one control socket and one admin endpoint, which others of its tests may have.
    VARIABLES = {"MAILRACE_RUNTIME__CONTROL_SOCKET": "", "MAILRACE_ADMIN__LISTEN": "", "MAILRACE_RUNTIME__USER": ""}

    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        os.mkdir(f"{self.folder}/bin")
        for name, program in (("mailrace", relay.binary()), ("mailrace-bench", relay.bench_binary())):
            os.symlink(program, f"{self.folder}/bin/{name}")
        path = os.environ["PATH"]
        self.addCleanup(os.environ.__setitem__, "PATH", path)
        os.environ["PATH"] = f"{self.folder}/bin:{path}"

    @staticmethod
    def on_free_ports(texts, *ports):
        """The texts with other ports in place of these."""
        for port in ports:
            free = str(programs.free_port())
            texts = [text.replace(port, free) for text in texts]
        return texts

    def write(self, name, text):
        with open(f"{self.folder}/{name}", "w") as file:
            file.write(text)

    def begin(self, command, name):
        self.assertTrue(command.endswith(" &"))
        line = ["sh", "-c", f"exec {command[:-2]}"]
        program = programs.Program(line, name=name, directory=self.folder, variables=self.VARIABLES)
        self.addCleanup(program.stop)
        return program

    def run_through(self, command, **options):
        return programs.run(["sh", "-c", command], cwd=self.folder, **options)


class Passwords(Case):
    def test_a_message_comes_through_with_the_password_alone(self):
        texts = blocks("Passwords in front of a server")
        configuration, commands, _ = self.on_free_ports(texts, "2587", "2525")
        self.write("submission.toml", configuration)
        password, sink, run, swaks = commands.splitlines()
        done = self.run_through(password, text="secret\n")
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.begin(sink, "sink").wait_for_line("listening on")
        mailrace = self.begin(run, "mailrace")
        mailrace.wait_for_line(relay.READY)
        done = self.run_through(swaks)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("235 2.7.0", done.stdout)
        done = self.run_through(swaks.replace("secret", "guess"))
        self.assertIn("535 5.7.8", done.stdout)
        self.assertRegex(mailrace.wait_for_line("authentication refused").string, r" client=127\.0\.0\.1:\d+ .* user=joe$")


class Routes(Case):
    def test_each_message_comes_to_its_server(self):
        texts = blocks("Each recipient's mail where it belongs")
        configuration, table, commands, _ = self.on_free_ports(texts, "2525", "2526", "2527")
        self.write("routes.toml", configuration)
        self.write("customers.csv", table)
        *sinks, run, route, joe, ann = commands.splitlines()
        folders = [f"{self.folder}/{name}" for name in ("joe", "ann")]
        for sink, folder in zip(sinks, folders):
            os.mkdir(folder)
            self.begin(sink.replace(" &", f" --directory {folder} &"), "sink").wait_for_line("listening on")
        self.begin(run, "mailrace").wait_for_line(relay.READY)
        done = self.run_through(route)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn(table.split("ann@example.com;")[1].strip(), done.stdout)
        for command, counts in ((joe, [1, 0]), (ann, [1, 1])):
            done = self.run_through(command)
            self.assertEqual(done.returncode, 0, done.stdout)
            programs.wait_until(lambda: [len(os.listdir(folder)) for folder in folders] == counts, "the message")
        both = self.run_through(joe.replace("joe@example.com", "joe@example.com,ann@example.com"))
        self.assertIn("452 4.5.3", both.stdout)
        nobody = self.run_through(joe.replace("joe@example.com", "joe@nowhere.example"))
        self.assertIn("554 5.7.1", nobody.stdout)


class Example(unittest.TestCase):
    FOLDER = os.path.join(os.path.dirname(README), "packaging", "examples")

    def test_its_map_is_good(self):
        """What the example has of a machine, certificates and a port, is left out."""
        folder = self.enterContext(tempfile.TemporaryDirectory())
        with open(f"{self.FOLDER}/routes.toml") as file:
            text = file.read().replace("/etc/mailrace/customers.csv", f"{self.FOLDER}/customers.csv")
        lines = [line for line in text.splitlines() if not line.startswith(("[tls.", "certificate", "key", "tls"))]
        with open(f"{folder}/routes.toml", "w") as file:
            file.write("\n".join(lines) + "\n")
        for arguments in (["check"], ["route", "joe+news@example.com"]):
            done = relay.mailrace(arguments[0], "--config", f"{folder}/routes.toml", *arguments[1:])
            self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("mailboxes", done.stdout)


if __name__ == "__main__":
    unittest.main()
