"""Started as root, Mailrace goes on as another user."""

import contextlib
import os
import pathlib
import pwd
import signal
import stat
import tempfile
import unittest

from harness import HOST, certificates, programs, relay, scripted, sink


@unittest.skipUnless(os.geteuid() == 0, "only root can become somebody else")
class Root(unittest.TestCase):
    def setUp(self):
        self.upstream = self.enterContext(sink.Sink())
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        os.chmod(self.folder, 0o755)
        self.user = pwd.getpwnam("nobody")

    def text(self, runtime="", **options):
        runtime = f'user = "nobody"\ncontrol_socket = "{self.folder}/control.sock"\nmax_sessions = 100\n{runtime}'
        return relay.configuration([self.upstream.address], runtime=runtime, **options)

    def start(self, text=None, **options):
        return self.enterContext(relay.Mailrace(text or self.text(), **options))

    def status(self, process):
        """What the kernel says of each thread."""
        found = []
        for task in os.listdir(f"/proc/{process}/task"):
            # A thread may end meanwhile.
            file = pathlib.Path(f"/proc/{process}/task/{task}/status")
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                lines = file.read_text().splitlines()
                found.append(dict(line.split(":\t", 1) for line in lines if ":\t" in line))
        return found

    def greeting(self, port, host=HOST):
        with scripted.Client(port, host) as client:
            return client.reply()[:4]

    def test_no_thread_stays_root(self):
        # A port that only root may listen at, where the system keeps such.
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as file:
            port = int(file.read()) - 1
        # At an address which others that test at the same time do not use.
        host = f"127.9.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
        mailrace = self.start(self.text(shards=2, listen=[f"{host}:{max(port, 0)}"])).wait_ready()
        self.assertEqual(self.greeting(mailrace.port(), host), b"220 ")
        threads = self.status(mailrace.program.process.pid)
        self.assertGreater(len(threads), 3)
        for thread in threads:
            self.assertEqual(set(thread["Uid"].split()), {str(self.user.pw_uid)})
            self.assertEqual(set(thread["Gid"].split()), {str(self.user.pw_gid)})
            self.assertLessEqual(set(thread["Groups"].split()), {str(self.user.pw_gid)})
            for name in ("CapPrm", "CapEff", "CapAmb"):
                self.assertEqual(int(thread[name], 16), 0)
            self.assertEqual(thread["NoNewPrivs"], "1")
        owner = os.stat(f"{self.folder}/control.sock")
        self.assertEqual((owner.st_uid, stat.S_IMODE(owner.st_mode)), (self.user.pw_uid, 0o600))

    def test_it_reloads_what_it_may_read(self):
        key = os.path.join(self.folder, "key.pem")
        own = certificates.ecdsa()
        with open(own.key_file) as source, open(key, "w") as target:
            target.write(source.read())
        os.chmod(key, 0o600)
        passwords = os.path.join(self.folder, "users")
        with open(passwords, "w") as target:
            target.write("joe:{PLAIN}secret\n")
        os.chmod(passwords, 0o600)
        tls = f'[tls.default]\ncertificate = "{own.file}"\nkey = "{key}"\n'
        users = f'[authenticator.users]\ntype = "file"\nfile = "{passwords}"'
        mailrace = self.start(self.text(tables=tls + users))
        os.chmod(mailrace.directory, 0o755)
        mailrace.wait_ready()
        mailrace.program.wait_for_line(f"{key} was read as root, and nobody may not: the next reload will be refused")
        mailrace.program.wait_for_line(f"{passwords} cannot be read by nobody: nobody's password will be known")
        mailrace.program.signal(signal.SIGHUP)
        mailrace.program.wait_for_line("reload refused: .*Permission denied")
        for path in (key, passwords):
            os.chown(path, self.user.pw_uid, -1)
        result = relay.mailrace("reload", "--socket", f"{self.folder}/control.sock")
        # The authority's certificate is the tests' own: its folder may be root's alone.
        self.assertNotIn(key, result.stdout)
        self.assertEqual(self.greeting(mailrace.port()), b"220 ")

    def test_the_log_is_its_own(self):
        os.chmod(self.folder, 0o777)
        log = f"{self.folder}/log"
        mailrace = self.start(self.text(log=f'file = "{log}"'))
        programs.wait_until(lambda: os.path.exists(log) and "ready" in open(log).read(), "the log")
        self.assertEqual(os.stat(log).st_uid, self.user.pw_uid)
        os.rename(log, log + ".1")
        mailrace.program.signal(signal.SIGUSR1)
        programs.wait_until(lambda: os.path.exists(log), "the next log")
        self.assertEqual(os.stat(log).st_uid, self.user.pw_uid)

    def test_a_link_leads_to_no_file_of_roots(self):
        os.chown(self.folder, self.user.pw_uid, -1)
        other = self.enterContext(tempfile.TemporaryDirectory())
        os.chmod(other, 0o755)
        secret, made = f"{other}/secret", f"{other}/made"
        with open(secret, "w") as file:
            file.write("root's\n")
        link = f"{self.folder}/log"
        for key in ("file", "transcript_file"):
            for target in (secret, made):
                with self.subTest(key=key, target=target):
                    os.symlink(target, link)
                    mailrace = self.start(self.text(log=f'transcript = "commands"\n{key} = "{link}"'))
                    self.assertEqual(mailrace.program.wait(), 78)
                    self.assertIn(f"cannot open {link}: Permission denied", mailrace.program.output)
                    os.unlink(link)
        with open(secret) as file:
            self.assertEqual(file.read(), "root's\n")
        self.assertEqual(os.stat(secret).st_uid, 0)
        self.assertFalse(os.path.exists(made))

    def test_devices_stay_roots(self):
        mailrace = self.start(self.text(log='transcript = "commands"\nfile = "/dev/null"'))
        # Only a process that serves answers (else it is 69); the configuration is in a folder of root's.
        reload = ["reload", "--socket", f"{self.folder}/control.sock"]
        programs.wait_until(lambda: relay.mailrace(*reload).returncode == 78, "the service")
        mailrace.program.check_alive()
        self.assertEqual(os.stat("/dev/null").st_uid, 0)

    def test_an_upgrade_stays_that_user(self):
        mailrace = self.start()
        os.chmod(mailrace.directory, 0o755)
        mailrace.wait_ready()
        result = relay.mailrace("upgrade", "--socket", f"{self.folder}/control.sock")
        self.assertEqual(result.returncode, 0, result.stdout + mailrace.program.output)
        process = int(result.stdout.split()[-1])
        self.addCleanup(os.kill, process, signal.SIGKILL)
        self.assertEqual(self.status(process)[0]["Uid"].split()[1], str(self.user.pw_uid))
        self.assertEqual(self.greeting(mailrace.port()), b"220 ")

    def test_a_user_that_is_not_there(self):
        mailrace = self.start(self.text().replace('"nobody"', '"nobody-of-this-name"'))
        self.assertEqual(mailrace.program.wait(), 78)
        self.assertRegex(mailrace.program.output, "runtime.user: there is no user nobody-of-this-name")


class Credentials(unittest.TestCase):
    def test_keys_come_from_the_manager(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        own = certificates.ecdsa()
        for source, name in ((own.file, "chain"), (own.key_file, "key")):
            with open(source) as file, open(f"{folder}/{name}", "w") as target:
                target.write(file.read())
        upstream = self.enterContext(sink.Sink())
        text = relay.configuration([upstream.address], starttls="offer")
        text = text.replace(own.file, "$CREDENTIALS_DIRECTORY/chain").replace(own.key_file, "$CREDENTIALS_DIRECTORY/key")
        mailrace = self.enterContext(relay.Mailrace(text, variables={"CREDENTIALS_DIRECTORY": folder}))
        with scripted.Client(mailrace.wait_ready().port()) as client:
            client.reply()
            self.assertIn(b"STARTTLS", client.ask("EHLO client.test"))
        without = self.enterContext(relay.Mailrace(text))
        self.assertEqual(without.program.wait(), 78)
        self.assertIn('"$CREDENTIALS_DIRECTORY/key": CREDENTIALS_DIRECTORY is not set', without.program.output)
