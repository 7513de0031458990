"""A private Postfix as an upstream: its services take messages, its smtp client delivers them to a Sink of ours."""

import os
import pathlib
import pwd
import re
import shutil
import tempfile
import time

from . import HOST
from .programs import Program, find, free_ports, run, wait_for_listener, wait_until
from .sink import Sink


class Postfix:
    """Use as a context. `contents` as with the other servers."""

    def __init__(self, relayhost=None, main=(), **services):
        """Each service is a list of options as in master.cf, such as `smtpd_tls_security_level=encrypt`.

        All are smtpd but one called `postscreen`. Without any there is one, `plain`. What it takes goes to `relayhost`,
        HOST:PORT, in place of the sink; `main` are more lines of main.cf.
        """
        self.relayhost, self.main = relayhost, main
        self.services = services or {"plain": []}

    def __enter__(self):
        self.sink = Sink().__enter__()
        self.directory = tempfile.mkdtemp(prefix="mailrace-postfix-")
        self.ports = dict(zip(self.services, free_ports(len(self.services))))
        self._configure()
        # The master must lead a process group of its own: it ends the group when it ends.
        master = run(["postconf", "-h", "daemon_directory"]).stdout.strip() + "/master"
        self.program = Program([master, "-c", f"{self.directory}/conf", "-d"], name="postfix", group=True)
        try:
            for port in self.ports.values():
                wait_for_listener(port, self.program)
        except BaseException:
            self.__exit__(AssertionError)
            raise
        return self

    def __exit__(self, *details):
        self.program.stop()
        shutil.rmtree(self.directory)
        self.sink.__exit__(*(details or [None]))

    def address_of(self, service):
        return f"{HOST}:{self.ports[service]}"

    @property
    def address(self):
        """Of the first service."""
        return self.address_of(next(iter(self.services)))

    def contents(self, count):
        wait_until(lambda: len(self.sink.messages) >= count, f"{count} messages from Postfix: {self.log}")
        return [message.content for message in self.sink.messages]

    def arrived(self, mark):
        """The message that has `mark` in it, once it is there."""

        def found():
            return next((message.content for message in self.sink.messages if mark in message.content), None)

        return wait_until(found, f"{mark!r} from Postfix: {self.log}")

    @property
    def log(self):
        path = f"{self.directory}/maillog"
        return pathlib.Path(path).read_text() if os.path.exists(path) else ""

    def wait_log(self, pattern):
        return wait_until(lambda: re.search(pattern, self.log), f"{pattern!r} in Postfix's log")

    def wait_empty(self):
        """Has it try again what it has put off, once a second, until the queue's first message is gone."""
        tried = [time.monotonic()]

        def is_empty():
            if time.monotonic() - tried[0] > 1:
                tried[0] = time.monotonic()
                run([find("postqueue"), "-c", f"{self.directory}/conf", "-f"])
            return re.search(r"qmgr\[\d+\]: \w+: removed", self.log)

        try:
            wait_until(is_empty, "an empty queue")
        except AssertionError as error:
            raise AssertionError(f"{error}:\n{self.log}") from None

    def _configure(self):
        os.chmod(self.directory, 0o755)
        for name in ["conf", "queue", "data"]:
            os.mkdir(f"{self.directory}/{name}")
        shutil.chown(f"{self.directory}/data", "postfix")
        with open(f"{self.directory}/conf/main.cf", "w") as file:
            file.write(
                f"""compatibility_level = 3.6
queue_directory = {self.directory}/queue
data_directory = {self.directory}/data
maillog_file = {self.directory}/maillog
maillog_file_prefixes = {self.directory}
myhostname = postfix.test
mydestination =
inet_interfaces = {HOST}
inet_protocols = all
mynetworks = 127.0.0.0/8 192.0.2.0/24 [2001:db8::]/32
relayhost = {self._relayhost}
smtp_dns_support_level = disabled
local_transport = error:none
alias_maps =
alias_database =
smtputf8_enable = no
disable_mime_output_conversion = yes
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_tls_received_header = yes
smtpd_tls_loglevel = 1
"""
                + "".join(f"{line}\n" for line in self.main)
            )
        daemons = ["cleanup unix n - n - 0 cleanup", "tlsmgr unix - - n 1000? 1 tlsmgr"]
        daemons += ["tlsproxy unix - - n - 0 tlsproxy"]
        daemons += ["qmgr unix n - n 300 1 qmgr", "rewrite unix - - n - - trivial-rewrite", "smtp unix - - n - - smtp"]
        daemons += [f"{name} unix - - n - 0 bounce" for name in ["bounce", "defer", "trace"]]
        daemons += ["error unix - - n - - error", "retry unix - - n - - error", "anvil unix - - n - 1 anvil"]
        daemons += ["proxymap unix - - n - - proxymap", "postlog unix-dgram n - n - 1 postlogd"]
        daemons += ["smtpd pass - - n - - smtpd", "dnsblog unix - - n - 0 dnsblog"]
        with open(f"{self.directory}/conf/master.cf", "w") as file:
            file.write("\n".join([self._service(name) for name in self.services] + daemons) + "\n")
        checked = run(["postfix", "-c", f"{self.directory}/conf", "check"])
        if checked.returncode != 0:
            raise AssertionError(f"postfix check: {checked.stdout}")

    @property
    def _relayhost(self):
        host, port = (self.relayhost or self.sink.address).rsplit(":", 1)
        return f"[{host}]:{port}"

    def _service(self, name):
        kind = "1 postscreen" if name == "postscreen" else "- smtpd"
        options = [f"syslog_name={name}", *self.services[name]]
        return " ".join([f"{self.address_of(name)} inet n - n - {kind}"] + [f"-o {option}" for option in options])


def can_run():
    """Postfix's master wants to be root, and its users to exist."""
    try:
        pwd.getpwnam("postfix")
    except KeyError:
        return False
    return os.geteuid() == 0 and find("postfix") is not None
