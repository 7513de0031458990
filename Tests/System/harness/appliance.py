"""A container in which the package is installed, and what the tests do with it."""

import collections
import functools
import json
import os
import re
import subprocess

from . import REPOSITORY, root, wait_until
from .container import Container

CONFIGURATION_FILE = "/etc/mailrace/mailrace.toml"
# Where the tests' server listens, in the container.
SERVER = "127.0.0.1:2525"
SOCKETS = ["mailrace-smtp.socket", "mailrace-submission.socket", "mailrace-submissions.socket"]
# The relay of the tests; a test may add more.
CONFIGURATION = f"""
hostname = "appliance.test"
listener.smtp.systemd = true
listener.smtp.upstream = "backend"
upstream.backend.servers = ["{SERVER}"]
"""


@functools.cache
def package():
    """The path of the .deb: what MAILRACE_DEB says, or else made now."""
    path = os.environ.get("MAILRACE_DEB")
    if not path:
        made = subprocess.run([f"{REPOSITORY}/packaging/build-deb"], check=True, stdout=subprocess.PIPE, text=True)
        path = made.stdout.split("\n")[-2]
    return os.path.abspath(path)


@functools.cache
def newer_package():
    """The same package with a later version."""
    folder = os.path.join(root.FOLDER, "newer")
    subprocess.run(["rm", "-rf", folder], check=True)
    subprocess.run(["dpkg-deb", "--raw-extract", package(), folder], check=True)
    control = os.path.join(folder, "DEBIAN", "control")
    with open(control) as file:
        text = re.sub(r"^(Version: .*)$", r"\1+1", file.read(), flags=re.MULTILINE)
    with open(control, "w") as file:
        file.write(text)
    path = os.path.join(root.FOLDER, "mailrace_newer.deb")
    build = ["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", folder, path]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    return path


def bare(**options):
    """A container in which the package can be installed; it lies in /root."""
    container = Appliance([root.made(package())], **options)
    container.has_package = True
    return container


@functools.cache
def _installed():
    """A container that has been shut down after the installation."""
    container = bare()
    container.start()
    container.check("sh", "-c", "apt-get install -y ./mailrace_*.deb")
    container.power_off()
    return container


def installed(**options):
    """A container in which the package has been installed and nothing else done."""
    return Appliance([_installed().upper, *_installed().layers], **options)


def close():
    """Removes what the tests have shared."""
    if _installed.cache_info().currsize:
        _installed().remove()


class Appliance(Container):
    has_package = False

    def start(self):
        super().start()
        if self.has_package:
            self.copy(package(), "/root/")

    # MARK: Units

    def configure(self, more="", text=CONFIGURATION):
        self.write(CONFIGURATION_FILE, text + more)

    def extend_unit(self, text):
        """Adds a drop-in to the service."""
        self.write("/etc/systemd/system/mailrace.service.d/test.conf", f"[Service]\n{text}\n")
        self.check("systemctl", "daemon-reload")

    def extend_unit_as_in(self, example):
        """Does what the first lines of an example say: copies it beside the unit."""
        folder = "/etc/systemd/system/mailrace.service.d"
        os.makedirs(self.path(folder), exist_ok=True)
        self.copy(self.path(f"/usr/share/doc/mailrace/examples/{example}"), folder)
        self.check("systemctl", "daemon-reload")

    def open(self, *sockets):
        """Enables sockets, and has systemd listen."""
        self.check("systemctl", "enable", "--quiet", "--now", *sockets or SOCKETS[:1])

    def unit(self, name="mailrace.service"):
        """The properties of a unit; those that are not there are empty."""
        lines = self.ask("systemctl", "show", name).splitlines()
        return collections.defaultdict(str, (line.split("=", 1) for line in lines if "=" in line))

    def wait_for(self, what, name="mailrace.service", **properties):
        """Waits until the unit has these properties; returns all of them."""

        def reached():
            unit = self.unit(name)
            return unit if all(unit.get(key) == value for key, value in properties.items()) else None

        try:
            return wait_until(reached, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.state()}") from None

    def newer_process(self, pid):
        """The properties of the service once it runs with another main process; None until then."""
        unit = self.unit()
        return unit if unit["ActiveState"] == "active" and unit["MainPID"] not in ("0", pid) else None

    def read_process(self, pid, name):
        """A file of the container's /proc."""
        return self.ask("cat", f"/proc/{pid}/{name}")

    def state(self):
        """What a person would look at where something went wrong."""
        return self.run("sh", "-c", "systemctl status 'mailrace*' --no-pager; journalctl --no-pager -n 60").stdout

    def journal(self, *options):
        """The entries of the service, each with its fields."""
        self.check("journalctl", "--sync")
        text = self.ask("journalctl", "--unit", "mailrace.service", "--output", "json", "--no-pager", *options)
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def signal(self, name):
        """Sends a signal to the main process of the service."""
        self.check("systemctl", "kill", "--kill-whom=main", "--signal", name, "mailrace.service")

    # MARK: Mail

    def send(self, port=25, address="127.0.0.1"):
        """One message by swaks."""
        sender = ["--from", "a@example.org", "--to", "b@example.net", "--timeout", "20"]
        return self.run("swaks", "--server", address, "--port", str(port), "--silent", "2", *sender)

    def begin_sink(self):
        """A server that takes all mail."""
        self.check(
            "systemd-run", "--quiet", "--collect", "--unit", "sink", "mailrace-bench", "sink", "--listen", SERVER
        )
        journal = ["journalctl", "--unit", "sink.service", "--output", "cat", "--no-pager"]
        wait_until(lambda: "listening on" in self.ask(*journal), "the sink")

    def begin_load(self, seconds=4, *options):
        """Begins messages at a steady rate, for so long; the load has a server of its own, which tells what arrived."""
        load = ["mailrace-bench", "load", "--target", "127.0.0.1:25", "--sink-listen", SERVER, "--json"]
        load += ["--duration", f"{seconds}s", "--rate", "150", "--concurrency", "200", *options]
        return self.begin(*load)

    def end_load(self, load):
        """What the load has to tell."""
        output = load.communicate(timeout=120)[0]
        try:
            return json.loads(output.splitlines()[-1])
        except (ValueError, IndexError):
            raise AssertionError(f"the load said:\n{output}\n{self.state()}") from None

    def nothing_lost(self, test, report, told_to_come_again=False):
        """Each message that was accepted has arrived once, and none is in doubt.

        Every session went through, too; where a process ends, those that it had just greeted may have been told 421.
        """
        faults = {name: report[name] for name in ("messages_ambiguous", "lost")}
        faults |= {name: report["sink"][name] for name in ("damaged", "duplicates")}
        told = report["errors"].pop("transient", 0) if told_to_come_again else 0
        faults["sessions_failed"] = report["sessions_failed"] - told
        faults |= report["errors"]
        text = f"{report}\n{self.state()}"
        test.assertEqual(faults, dict.fromkeys(faults, 0), text)
        # Where the machine is busy there are more than usual in that state.
        messages = "\n".join(entry["MESSAGE"] for entry in self.journal())
        ended = sum(map(int, re.findall(r"^draining sessions=(\d+)", messages, re.MULTILINE)))
        test.assertLess(told, max(20, ended + 1), text)
        test.assertGreater(report["messages_accepted"], 50, text)
