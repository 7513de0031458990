"""What others make of the log: fail2ban, logcheck, the journal."""

import os
import re
import subprocess
import unittest

from harness import REPOSITORY, appliance, wait_until

# A listener of which every second connection is too much, a client that begins with nonsense, and one that guesses.
LIMITS = """
listener.inside.listen = ["[::1]:2526"]
listener.inside.depth = "envelope"
listener.inside.upstream = "backend"
listener.inside.auth = { authenticator = "users", before_tls = true }
authenticator.users = { type = "file", file = "/etc/mailrace/users" }
runtime.max_accepts_per_address = "2/1h"
runtime.limits_exempt = []
listener.smtp.tls = "default"
tls.default.certificate = "/etc/mailrace/tls/chain.pem"
tls.default.key = "/etc/mailrace/tls/key.pem"
"""
TRANSCRIPT = 'log.transcript = "commands"\n'


def text_lines(entries):
    """The lines as a syslog daemon or fail2ban sees them."""
    return "".join(f"Nov 21 18:00:00 host mailrace[42]: {entry['MESSAGE']}\n" for entry in entries)


class Logs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """A log with a good session, one of nonsense, refused ones, and what an administrator does from day to day."""
        cls.container = container = cls.enterClassContext(appliance.installed())
        cls.certify()
        container.write("/etc/mailrace/users", "joe:$6$no$hash\n")
        container.configure(LIMITS)
        container.open()
        container.begin_sink()
        container.check("systemctl", "start", "mailrace.service")
        container.configure(LIMITS + TRANSCRIPT)
        container.check("systemctl", "reload", "mailrace.service")
        cls.certify()
        wait_until(lambda: "certificate files reloaded" in text_lines(container.journal()), "the new certificate")
        before = container.unit()["MainPID"]
        container.check("mailrace", "upgrade")
        wait_until(lambda: container.newer_process(before), "the new process to be the main one")
        container.send()
        nonsense = "exec 3<>/dev/tcp/127.0.0.1/25; read -u 3; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"
        container.run("timeout", "10", "bash", "-c", nonsense)
        guess = "EHLO client.test\\r\\nAUTH PLAIN AGpvZQB3cm9uZw==\\r\\nQUIT\\r\\n"
        guess = f"exec 3<>/dev/tcp/::1/2526; read -u 3; printf '{guess}' >&3; cat <&3"
        container.run("timeout", "10", "bash", "-c", guess)
        for address in ("127.0.0.1", "[::1]", "127.0.0.1"):
            container.send(address=address)
        container.check("systemctl", "stop", "mailrace-smtp.socket", "mailrace.service")
        entries = [entry for entry in container.journal() if entry.get("_COMM") == "mailrace"]
        cls.sessions = [entry for entry in entries if entry["MESSAGE"].startswith("session=")]
        cls.others = [entry for entry in entries if entry not in cls.sessions]

    @classmethod
    def certify(cls):
        """A certificate for the relay, another one each time."""
        folder = cls.container.path("/etc/mailrace/tls")
        make = ["openssl", "req", "-x509", "-noenc", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        make += ["-subj", "/CN=appliance.test", "-days", "90"]
        make += ["-out", f"{folder}/chain.pem", "-keyout", f"{folder}/key"]
        subprocess.run(make, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        os.chmod(f"{folder}/chain.pem", 0o644)
        os.chmod(f"{folder}/key", 0o644)
        os.rename(f"{folder}/key", f"{folder}/key.pem")

    def ended(self, *ends):
        return [entry for entry in self.sessions if re.search(r" end=(\w+) ", entry["MESSAGE"]).group(1) in ends]

    def matches(self, entries, options=""):
        """How many of the lines fail2ban takes for an offence."""
        self.container.write("/root/log", text_lines(entries))
        text = self.container.check("fail2ban-regex", "/root/log", f"/etc/fail2ban/filter.d/mailrace.conf{options}")
        return int(re.search(r"(\d+) matched", text).group(1))

    def is_routine(self, entry):
        """By its level, where 6 is "info", as in syslog. What a command says to the journal is all of that level."""
        return entry["PRIORITY"] == "6" and not entry["MESSAGE"].startswith("warning: ")

    def test_the_journal_has_a_field_for_each_of_a_session(self):
        completed = self.ended("completed")
        self.assertEqual(len(completed), 2)
        entry = completed[0]
        fields = dict(re.findall(r"(\w+)=(\S+)", entry["MESSAGE"]))
        for name, value in fields.items():
            if value != "-":
                self.assertEqual(entry[f"MAILRACE_{name.upper()}"], value)
        self.assertEqual((entry["SYSLOG_IDENTIFIER"], entry["PRIORITY"]), ("mailrace", "6"))
        # The lines of its transcript have that field, too.
        match = [f"MAILRACE_SESSION={fields['session']}", "MAILRACE_END=completed"]
        found = self.container.check("journalctl", "--identifier=mailrace", *match, "--output=cat")
        self.assertEqual(found.strip(), entry["MESSAGE"])
        refused = self.ended("refused_rate")
        self.assertEqual({entry["MESSAGE_ID"] for entry in refused}, {"9f0168f299ad4e58bc03fbdadd9dcc28"})

    def test_fail2ban_finds_the_refused_clients_alone(self):
        refused = self.ended("refused_rate")
        bad = self.ended("bad_line", "bad_sequence", "client_desync", "bad_pipeline")
        self.assertEqual((len(refused), len(bad)), (2, 1), text_lines(self.sessions))
        self.assertEqual(self.matches(refused + bad), 3)
        rest = [entry for entry in self.sessions if entry not in refused + bad]
        guessed = [entry for entry in self.others if entry["MESSAGE"].startswith("authentication refused ")]
        self.assertEqual([entry["MAILRACE_USER"] for entry in guessed], ["joe"])
        self.assertEqual(self.matches(guessed), 1)
        self.assertEqual(self.matches(guessed, "[mode=session]"), 0)
        self.assertEqual(self.matches(refused + guessed, "[mode=auth]"), 1)
        self.assertEqual(self.matches(rest + [entry for entry in self.others if entry not in guessed]), 0)

    def test_fail2ban_reads_the_journal(self):
        filter = "/etc/fail2ban/filter.d/mailrace.conf"
        text = self.container.run("fail2ban-regex", "systemd-journal", filter).stdout
        self.assertIn("4 matched", text)

    def test_the_jail_of_the_example_reads_the_journal(self):
        with open(f"{REPOSITORY}/packaging/fail2ban/mailrace.conf") as file:
            jail = re.findall(r"^#     (.*)\n", file.read(), re.MULTILINE)
        self.container.write("/etc/fail2ban/jail.d/mailrace.local", "\n".join(jail) + "\n")
        commands = self.container.check("fail2ban-client", "-d")
        self.assertIn("['add', 'mailrace', 'systemd']", commands)
        self.assertIn("['set', 'mailrace', 'addjournalmatch', '_SYSTEMD_UNIT=mailrace.service']", commands)

    def test_logcheck_is_silent_about_what_is_routine_and_nothing_else(self):
        rules = "/etc/logcheck/ignore.d.server/mailrace"
        self.container.check("sh", "-c", f"grep -v '^#' {rules} >/root/rules")
        for routine in (True, False):
            entries = [entry for entry in self.sessions + self.others if self.is_routine(entry) == routine]
            self.assertTrue(entries)
            self.container.write("/root/log", text_lines(entries))
            left = self.container.run("grep", "-Evf", "/root/rules", "/root/log").stdout
            self.assertEqual(left, "" if routine else text_lines(entries))
