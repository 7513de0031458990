"""Mail servers that other people wrote, and the bundled sink, as upstreams. Each is a context with `address`.

`contents(count)` waits for that many messages and returns what the server made of them, line ends as CRLF.
Servers add header fields of their own in front; `ends_with` is the comparison that allows for it.
"""

import os
import pathlib
import pwd
import shutil
import tempfile

from . import HOST
from .programs import Program, find, free_port, run, wait_for_port, wait_until
from .relay import bench_binary
from .sink import Sink


class BundledSink:
    """`mailrace-bench sink`, which keeps each message in a file as it came."""

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="mailrace-sink-")
        self.program = Program([bench_binary(), "sink", "--directory", self.directory])
        self.port = int(self.program.wait_for_line(r"listening on 127\.0\.0\.1:(\d+)").group(1))
        self.address = f"{HOST}:{self.port}"
        return self

    def __exit__(self, *_):
        self.program.stop()
        shutil.rmtree(self.directory)

    def contents(self, count):
        return _files(self.directory, count)


class PostfixSink:
    """Postfix's smtp-sink. It writes messages with LF line ends and its own header in front."""

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="mailrace-smtp-sink-")
        owner = []
        if os.geteuid() == 0:
            shutil.chown(self.directory, "nobody")
            owner = ["-u", "nobody"]
        self.port = free_port()
        self.address = f"{HOST}:{self.port}"
        self.program = Program(
            ["/usr/sbin/smtp-sink", "-c", *owner, "-d", f"{self.directory}/%s.", self.address, "1024"]
        )
        wait_for_port(self.port, self.program)
        return self

    def __exit__(self, *_):
        self.program.stop()
        shutil.rmtree(self.directory)

    def contents(self, count):
        # smtp-sink ends each message with an empty line of its own.
        return [content.removesuffix(b"\n").replace(b"\n", b"\r\n") for content in _files(self.directory, count)]


class Postfix:
    """A private Postfix: its smtpd takes the message, its smtp client delivers it to a Sink of ours."""

    def __enter__(self):
        self.sink = Sink().__enter__()
        self.directory = tempfile.mkdtemp(prefix="mailrace-postfix-")
        self.port = free_port()
        self.address = f"{HOST}:{self.port}"
        self._configure()
        # The master must lead a process group of its own: it ends the group when it ends.
        master = run(["postconf", "-h", "daemon_directory"]).stdout.strip() + "/master"
        self.program = Program([master, "-c", f"{self.directory}/conf", "-d"], name="postfix", group=True)
        try:
            wait_for_port(self.port, self.program)
        except BaseException:
            self.__exit__(AssertionError)
            raise
        return self

    def __exit__(self, *details):
        self.program.stop()
        shutil.rmtree(self.directory)
        self.sink.__exit__(*(details or [None]))

    def contents(self, count):
        wait_until(lambda: len(self.sink.messages) >= count, f"{count} messages from Postfix: {self._log()}")
        return [message.content for message in self.sink.messages]

    def _log(self):
        path = f"{self.directory}/maillog"
        return pathlib.Path(path).read_text() if os.path.exists(path) else "no log"

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
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
relayhost = [{HOST}]:{self.sink.port}
smtp_dns_support_level = disabled
local_transport = error:none
alias_maps =
alias_database =
smtputf8_enable = no
disable_mime_output_conversion = yes
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
"""
            )
        services = [f"{self.address} inet n - n - - smtpd"]
        services += [f"{name} unix n - n - 0 {name}" for name in ["cleanup"]]
        services += ["qmgr unix n - n 300 1 qmgr", "rewrite unix - - n - - trivial-rewrite", "smtp unix - - n - - smtp"]
        services += [f"{name} unix - - n - 0 bounce" for name in ["bounce", "defer", "trace"]]
        services += ["error unix - - n - - error", "retry unix - - n - - error", "anvil unix - - n - 1 anvil"]
        services += ["proxymap unix - - n - - proxymap", "postlog unix-dgram n - n - 1 postlogd"]
        with open(f"{self.directory}/conf/master.cf", "w") as file:
            file.write("\n".join(services) + "\n")
        checked = run(["postfix", "-c", f"{self.directory}/conf", "check"])
        if checked.returncode != 0:
            raise AssertionError(f"postfix check: {checked.stdout}")


def postfix_can_run():
    """Postfix's master wants to be root, and its users to exist."""
    try:
        pwd.getpwnam("postfix")
    except KeyError:
        return False
    return os.geteuid() == 0 and find("postfix") is not None


def _files(directory, count):
    """The contents of the folder's files, once there are `count` and none is empty."""

    def enough():
        paths = sorted(os.path.join(directory, name) for name in os.listdir(directory))
        contents = [pathlib.Path(path).read_bytes() for path in paths]
        return contents if len(contents) >= count and all(contents) else None

    return wait_until(enough, f"{count} messages in {directory}")
