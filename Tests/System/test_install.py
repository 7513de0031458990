"""The package from its installation to its end."""

import os
import re
import subprocess
import unittest

from harness import REPOSITORY, appliance

# What changes by itself, or belongs to dpkg and apt.
OF_THE_SYSTEM = re.compile(
    r"/(var/(lib/(dpkg|apt|systemd|fail2ban)|cache|log|tmp)|root|run|tmp|etc/(machine-id|resolv.conf))(/|$)"
)
# A user is never taken away: files of it may be anywhere.
OF_THE_USER = re.compile(r"/etc/(passwd|group|shadow|gshadow)-?$|/etc/\.pwd\.lock$")


def files(container):
    """All paths of the container's own file system."""
    found = set()
    for folder, folders, names in os.walk(container.root):
        for name in folders + names:
            path = os.path.join(folder, name)[len(container.root):]
            if not OF_THE_SYSTEM.match(path) and not OF_THE_USER.match(path):
                found.add(path)
    return found


def commands_of_readme():
    """The first commands of README.md's first section, as they are printed."""
    with open(f"{REPOSITORY}/README.md") as file:
        section = file.read().split("\n## ")[1]
    return re.search(r"(?:^    .*\n)+", section, re.MULTILINE).group().replace("\n    ", "\n").lstrip()


class Installation(unittest.TestCase):
    def test_it_starts_nothing_and_fails_at_nothing(self):
        with appliance.bare() as container:
            text = container.check("sh", "-c", "apt-get install -y ./mailrace_*.deb")
            self.assertNotRegex(text, r"(?i)\b(error|failed|warning)\b")
            for unit in ["mailrace.service", *appliance.SOCKETS]:
                states = [container.unit(unit)[name] for name in ("ActiveState", "UnitFileState")]
                self.assertEqual(states, ["inactive", "disabled"], unit)
            self.assertEqual(container.check("systemctl", "is-system-running"), "running\n")
            groups = r"^uid=\d+\(mailrace\) gid=\d+\(mailrace\) groups=\d+\(mailrace\)$"
            self.assertRegex(container.check("id", "mailrace"), groups)

    def test_without_a_listener_it_says_so(self):
        with appliance.installed() as container:
            self.assertNotEqual(container.run("systemctl", "start", "mailrace.service").returncode, 0)
            unit = container.unit()
            self.assertEqual((unit["ExecMainStatus"], unit["NRestarts"]), ("78", "0"))
            messages = [entry["MESSAGE"] for entry in container.journal()]
            self.assertTrue([text for text in messages if text.startswith("/etc/mailrace/mailrace.toml: ")], messages)

    def test_the_first_section_of_the_readme(self):
        commands = commands_of_readme()
        self.assertIn("apt install ./mailrace_", commands)
        with appliance.bare() as container:
            before = container.path("/etc/mailrace/mailrace.toml")
            text = container.check("sh", "-ec", commands)
            self.assertRegex(text, r"messages +1000 accepted, 0 failed, 0 lost, 0 damaged, 0 twice")
            with open(before) as file, open(f"{REPOSITORY}/packaging/mailrace.toml") as packaged:
                changed = [line for line, old in zip(file, packaged, strict=True) if line != old]
            self.assertEqual(len(changed), 3, changed)

    def test_the_smoke_test_of_the_package(self):
        with appliance.installed() as container:
            container.copy(f"{REPOSITORY}/packaging/debian/tests/smoke", "/root/smoke")
            container.check("sh", "/root/smoke")


class Removal(unittest.TestCase):
    def test_purging_leaves_nothing_but_the_user(self):
        with appliance.bare() as container:
            before = files(container)
            container.check("sh", "-c", "apt-get install -y ./mailrace_*.deb")
            container.configure()
            container.open(*appliance.SOCKETS)
            container.begin_sink()
            self.assertEqual(container.send().returncode, 0)

            container.check("apt-get", "remove", "-y", "mailrace")
            self.assertNotEqual(container.send().returncode, 0)
            self.assertEqual(container.run("sh", "-c", "grep -lx mailrace /proc/[0-9]*/comm").stdout, "")
            left = files(container) - before
            self.assertIn("/etc/mailrace/mailrace.toml", left)
            self.assertNotIn("/usr/sbin/mailrace", left)

            container.check("apt-get", "purge", "-y", "mailrace")
            self.assertEqual(files(container) - before, set())
            # dh_apparmor takes it away where it is empty.
            self.assertEqual(before - files(container) - {"/etc/apparmor.d/disable"}, set())
            self.assertEqual(container.run("systemctl", "list-unit-files", "--no-legend", "mailrace*").stdout, "")
            self.assertFalse(os.path.exists(container.path("/var/log/mailrace")))

    def test_purging_keeps_the_keys_of_the_administrator(self):
        with appliance.installed() as container:
            container.write("/etc/mailrace/tls/key.pem", "secret")
            container.check("apt-get", "purge", "-y", "mailrace")
            self.assertEqual(container.read("/etc/mailrace/tls/key.pem"), "secret")


class Upgrade(unittest.TestCase):
    def opened(self, container):
        """When systemd began to listen, for each of the ports."""
        return [container.unit(name)["InactiveExitTimestampMonotonic"] for name in appliance.SOCKETS]

    def test_a_new_package_under_load(self):
        with appliance.installed() as container:
            container.configure()
            container.open(*appliance.SOCKETS)
            sockets = self.opened(container)
            container.copy(appliance.newer_package(), "/root/newer.deb")
            load = container.begin_load(seconds=6)
            old = container.wait_for("the first session", ActiveState="active")
            container.check("apt-get", "install", "-y", "./newer.deb")
            new = container.wait_for("the service after the upgrade", ActiveState="active")
            report = container.end_load(load)
            self.assertNotEqual(old["MainPID"], new["MainPID"])
            self.assertEqual(sockets, self.opened(container))
            container.nothing_lost(self, report, told_to_come_again=True)
            version = subprocess.run(
                ["dpkg-query", f"--admindir={container.path('/var/lib/dpkg')}", "-W", "-f", "${Version}", "mailrace"],
                check=True, stdout=subprocess.PIPE, text=True,
            ).stdout
            self.assertTrue(version.endswith("+1"))
            # Who was disabled stays so; who has edited the configuration keeps it.
            self.assertEqual(container.unit()["UnitFileState"], "disabled")
            self.assertEqual(container.read(appliance.CONFIGURATION_FILE), appliance.CONFIGURATION)

    def test_a_service_that_does_not_run_is_not_started(self):
        with appliance.installed() as container:
            container.copy(appliance.newer_package(), "/root/newer.deb")
            container.check("apt-get", "install", "-y", "./newer.deb")
            for unit in ["mailrace.service", *appliance.SOCKETS]:
                self.assertEqual(container.unit(unit)["ActiveState"], "inactive", unit)
