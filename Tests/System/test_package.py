"""What the package holds, and what Debian's tools say of it."""

import os
import re
import subprocess
import unittest

from harness import REPOSITORY, appliance, root

CONTENTS = """
/etc/apparmor.d/usr.sbin.mailrace
/etc/fail2ban/filter.d/mailrace.conf
/etc/logcheck/ignore.d.server/mailrace
/etc/mailrace/mailrace.toml
/lib/systemd/system/mailrace-smtp.socket
/lib/systemd/system/mailrace-submission.socket
/lib/systemd/system/mailrace-submissions.socket
/lib/systemd/system/mailrace.service
/usr/bin/mailrace-bench
/usr/lib/sysusers.d/mailrace.conf
/usr/lib/tmpfiles.d/mailrace.conf
/usr/sbin/mailrace
/usr/share/bash-completion/completions/mailrace
/usr/share/bash-completion/completions/mailrace-bench
/usr/share/man/man1/mailrace-bench.1.gz
/usr/share/man/man5/mailrace.toml.5.gz
/usr/share/man/man7/mailrace-migration.7.gz
/usr/share/man/man8/mailrace.8.gz
"""
DAEMON_BYTES_MAX = 12_000_000
EXPOSURE_MAX = 2.0


def output(*arguments):
    return subprocess.run(arguments, check=True, stdout=subprocess.PIPE, text=True).stdout


class Package(unittest.TestCase):
    def test_it_holds_what_it_should(self):
        lines = output("dpkg-deb", "--contents", appliance.package()).splitlines()
        paths = [line.split()[5].removeprefix(".") for line in lines if not line.startswith("d")]
        self.assertEqual(sorted(path for path in paths if "/usr/share/doc/" not in path), CONTENTS.split())
        owners = {line.split()[1] for line in lines}
        self.assertEqual(owners, {"root/root"})

    def test_it_needs_libraries_of_debian_alone(self):
        names = [name for name in root.dependencies(appliance.package()) if not re.match(r"lib[a-z]", name)]
        # For the user, who is made by systemd-sysusers.
        self.assertEqual(names, ["systemd"])

    def test_the_daemon_is_small(self):
        lines = output("dpkg-deb", "--contents", appliance.package()).splitlines()
        size = next(int(line.split()[2]) for line in lines if line.endswith("/usr/sbin/mailrace"))
        print(f"mailrace {size} bytes, the package {os.path.getsize(appliance.package())}: ", end="")
        self.assertLess(size, DAEMON_BYTES_MAX)

    def test_lintian_has_nothing_to_say(self):
        found = subprocess.run(
            ["lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0", appliance.package()],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.assertEqual((found.returncode, found.stdout), (0, ""))


class Installed(unittest.TestCase):
    """What the tools in the container say of the files that the package has brought."""

    @classmethod
    def setUpClass(cls):
        cls.container = cls.enterClassContext(appliance.installed())

    def test_the_programs_are_hardened_and_start_anywhere(self):
        for program in ("/usr/sbin/mailrace", "/usr/bin/mailrace-bench"):
            with self.subTest(program=program):
                text = output("readelf", "--wide", "--dynamic", "--file-header", self.container.path(program))
                self.assertIn("Position-Independent Executable", text)
                self.assertIn("BIND_NOW", text)
                self.assertNotRegex(text, r"RUNPATH|RPATH")

    def test_the_versions_agree(self):
        version = output("dpkg-deb", "--field", appliance.package(), "Version").strip()
        self.assertEqual(self.container.check("mailrace", "--version"), f"mailrace {version}\n")
        self.assertEqual(self.container.check("mailrace-bench", "--version"), f"mailrace-bench {version}\n")

    def test_systemd_accepts_the_units(self):
        units = ["mailrace.service", *appliance.SOCKETS]
        self.assertEqual(self.container.check("systemd-analyze", "verify", "--man=no", *units), "")

    def test_the_service_is_hardly_exposed(self):
        text = self.container.check("systemd-analyze", "security", "--offline=true", "--no-pager", "mailrace.service")
        exposure = float(re.search(r"Overall exposure level for mailrace.service: ([0-9.]+)", text).group(1))
        print(f"{exposure}: ", end="")
        self.assertLessEqual(exposure, EXPOSURE_MAX)

    def test_apparmor_can_read_the_profile(self):
        profile = "/etc/apparmor.d/usr.sbin.mailrace"
        self.container.check("apparmor_parser", "--skip-kernel-load", "--skip-cache", profile)
        self.assertIn("complain", self.container.read(profile))

    def test_the_keys_folder_is_for_the_service_alone(self):
        mode = self.container.check("stat", "--format", "%A %U %G", "/etc/mailrace/tls")
        self.assertEqual(mode, "drwxr-x--- root mailrace\n")

    def test_the_manual_pages_are_there(self):
        for page in ("man8/mailrace.8", "man5/mailrace.toml.5", "man1/mailrace-bench.1"):
            self.assertTrue(os.path.exists(self.container.path(f"/usr/share/man/{page}.gz")), page)


class Completion(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.container = cls.enterClassContext(appliance.installed())

    def completions(self, *words):
        """What bash offers for the last of these words."""
        script = """
            . /usr/share/bash-completion/bash_completion
            . "/usr/share/bash-completion/completions/$1"
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
            _mailrace "$1"
            printf '%s\\n' "${COMPREPLY[@]}"
        """
        return self.container.check("bash", "-c", script, "bash", *words).split()

    def help(self, *words):
        return self.container.check(*words, "--help")

    def test_it_knows_every_command_and_option(self):
        for program in ("mailrace", "mailrace-bench"):
            commands = re.findall(r"^  ([a-z]+) ", self.help(program), re.MULTILINE)
            self.assertGreater(len(commands), 2)
            self.assertEqual(self.completions(program, ""), commands)
            for command in commands:
                with self.subTest(program=program, command=command):
                    options = re.findall(r"^  (--[a-z-]+)", self.help(program, command), re.MULTILINE)
                    self.assertIn("--help", options)
                    self.assertEqual(self.completions(program, command, "--"), options)

    def test_it_goes_on_from_what_is_written(self):
        self.assertEqual(self.completions("mailrace", "che"), ["check"])
        self.assertEqual(self.completions("mailrace", "check", "--pr"), ["--print"])
        self.assertEqual(self.completions("mailrace-bench", "load", "--sink-l"), ["--sink-listen"])

    def test_it_finds_files(self):
        file = "/etc/mailrace/mailrace.toml"
        for words in (["--config", "/etc/mailrace/mail"], ["--config", "=", "/etc/mailrace/mail"]):
            self.assertEqual(self.completions("mailrace", "run", *words), [file])
        folders = self.completions("mailrace-bench", "sink", "--directory", "/etc/mailrace/")
        self.assertEqual(folders, ["/etc/mailrace/tls"])

    def test_it_offers_nothing_for_a_word_it_cannot_know(self):
        self.assertEqual(self.completions("mailrace", "run", "--set", ""), [])


class Sources(unittest.TestCase):
    def test_it_is_built_with_the_packages_that_the_build_needs(self):
        with open(f"{REPOSITORY}/packaging/debian/control") as file:
            built = re.search(r"^Build-Depends:\n((?: .+\n)+)", file.read(), re.MULTILINE).group(1)
        self.assertEqual(set(root.section("build")) - set(re.findall(r"[a-z0-9.+-]+", built)), set())
