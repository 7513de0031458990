"""A systemd of its own as process 1, in a container of this machine's kernel (systemd-nspawn), with loopback alone.

What a container writes goes into memory; the root it is booted from stays as it is. Mounts and processes are in
namespaces that run.py has made for itself, and so go with it, however it ends.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid

from . import PATIENCE_S, wait_until

CGROUP_PREFIX = "mailrace-test-"


def _hierarchies():
    """Where the cgroups are that systemd needs: the unified ones, and those of systemd in a hybrid layout."""
    hybrid = [path for path in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd") if os.path.isdir(path)]
    return hybrid or ["/sys/fs/cgroup"]


def _remove_cgroups(path):
    """Removes a cgroup with all that is in it; those that still have processes stay."""
    for folder, _, _ in sorted(os.walk(path), reverse=True):
        with contextlib.suppress(OSError):
            os.rmdir(folder)


def _remove_old_cgroups():
    """Removes what earlier runs have left that were killed; those of a living container have processes and stay."""
    for hierarchy in _hierarchies():
        for name in os.listdir(hierarchy):
            if name.startswith(CGROUP_PREFIX):
                _remove_cgroups(os.path.join(hierarchy, name))


def prepare():
    """Once, in namespaces of our own."""
    _remove_old_cgroups()
    # nspawn keeps a folder for each container there, and removes nothing that is not in memory.
    os.makedirs("/run/systemd/nspawn", exist_ok=True)
    _mount("-t", "tmpfs", "tmpfs", "/run/systemd/nspawn")


def _mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


class Container:
    """Booted by `with`, or by `start`; `root` is its file system, which the tests may read and write."""

    def __init__(self, layers, refused_calls=None):
        """`layers` are folders, the uppermost first; `refused_calls` what its seccomp filter answers with EPERM."""
        self.layers = layers
        self.refused_calls = refused_calls
        self.folder = tempfile.mkdtemp(prefix="mailrace-system-")
        self.root = os.path.join(self.folder, "root")
        self.upper = os.path.join(self.folder, "memory", "upper")
        self.cgroups = []
        self.process = self.leader = None

    # MARK: Life

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_):
        self.remove()

    def start(self):
        memory = os.path.dirname(self.upper)
        os.makedirs(memory)
        os.mkdir(self.root)
        # In memory, because an overlay does not carry another one.
        _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", memory)
        os.mkdir(self.upper)
        os.mkdir(os.path.join(memory, "work"))
        options = f"lowerdir={':'.join(self.layers)},upperdir={self.upper},workdir={memory}/work"
        _mount("-t", "overlay", "-o", options, "overlay", self.root)
        self._boot()

    def _boot(self):
        name = CGROUP_PREFIX + uuid.uuid4().hex[:12]
        for hierarchy in _hierarchies():
            self.cgroups.append(os.path.join(hierarchy, name))
            os.mkdir(self.cgroups[-1])
        arguments = ["systemd-nspawn", "--quiet", "--settings=no", "--register=no", "--keep-unit", "--notify-ready=yes"]
        arguments += ["--boot", "--directory", self.root, "--machine", name, "--private-network", "--console=pipe"]
        arguments += ["--link-journal=no", "--resolv-conf=off", "--timezone=off"]
        if self.refused_calls:
            arguments.append(f"--system-call-filter=~{self.refused_calls}")
        path, console_path = (os.path.join(self.folder, name) for name in ("notify", "console"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, open(console_path, "wb") as console:
            notify.bind(path)
            notify.settimeout(0.2)
            variables = {"NOTIFY_SOCKET": path, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
            self.process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                env=os.environ | variables,
                preexec_fn=self._enter_cgroups,
                start_new_session=True,
            )
            wait_until(lambda: self._is_ready(notify), "systemd in the container")

    def _enter_cgroups(self):
        """In the child."""
        for cgroup in self.cgroups:
            with open(os.path.join(cgroup, "cgroup.procs"), "w") as file:
                file.write(str(os.getpid()))

    def _is_ready(self, notify):
        if self.process.poll() is not None:
            with open(self.folder + "/console", errors="replace") as file:
                raise AssertionError(f"systemd-nspawn ended with {self.process.returncode}:\n{file.read()[-3000:]}")
        try:
            words = notify.recv(4096).decode().split("\n")
        except TimeoutError:
            return False
        for word in words:
            if word.startswith("X_NSPAWN_LEADER_PID="):
                self.leader = int(word.split("=")[1])
        return "READY=1" in words

    def power_off(self):
        """An orderly end. The files stay, for another container to be booted from `upper`."""
        self.run("systemctl", "poweroff", "--no-block")
        self.process.wait(PATIENCE_S)
        subprocess.run(["umount", self.root], check=True)

    def remove(self):
        """Takes everything down, whatever state it is in."""
        if self.process and self.process.poll() is None:
            # The death of process 1 is that of all others in the container; nspawn follows.
            os.kill(self.leader or self.process.pid, signal.SIGKILL)
            self.process.wait(PATIENCE_S)
        for path in (self.root, os.path.dirname(self.upper)):
            if os.path.ismount(path):
                subprocess.run(["umount", "--lazy", path], check=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        for cgroup in self.cgroups:
            with contextlib.suppress(AssertionError):
                wait_until(lambda: _remove_cgroups(cgroup) or not os.path.exists(cgroup), cgroup, patience_s=5)

    # MARK: Inside

    def _entering(self):
        enter = ["nsenter", "--target", str(self.leader), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"]
        return [*enter, "--root", "--wd", "--"]

    def _inside(self, arguments):
        """As a unit of its own, so that what it starts is in the container's cgroups."""
        enter = [*self._entering(), "systemd-run", "--quiet", "--pipe", "--wait", "--collect"]
        variables = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"]
        variables += ["HOME=/root", "DEBIAN_FRONTEND=noninteractive"]
        for variable in variables:
            enter += ["--setenv", variable]
        # systemd takes a dollar for the beginning of a variable of its own.
        words = [argument.replace("$", "$$") for argument in arguments]
        return enter + ["--property=LimitNOFILE=16384", "--working-directory=/root", "--", *words]

    def run(self, *arguments, text=None):
        """Runs a command to its end; returns it with its output, standard error included, as text."""
        return subprocess.run(
            self._inside(arguments),
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_S * 2,
        )

    def check(self, *arguments, text=None):
        """Runs a command that must succeed; returns its output."""
        result = self.run(*arguments, text=text)
        if result.returncode:
            raise AssertionError(f"{' '.join(arguments)} ended with {result.returncode}:\n{result.stdout}")
        return result.stdout

    def ask(self, *arguments):
        """The output of a command that looks at something and starts nothing: cheaper, because it is no unit."""
        return subprocess.run(
            [*self._entering(), *arguments], check=True, stdout=subprocess.PIPE, text=True, timeout=PATIENCE_S
        ).stdout

    def begin(self, *arguments):
        """Starts a command beside the test, which waits for it by `communicate`."""
        return subprocess.Popen(
            self._inside(arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def path(self, path):
        """A path of the container's as this process sees it. For what is on its root; not for /run, /proc, /tmp."""
        return os.path.join(self.root, path.lstrip("/"))

    def write(self, path, text):
        os.makedirs(os.path.dirname(self.path(path)), exist_ok=True)
        with open(self.path(path), "w") as file:
            file.write(text)

    def read(self, path):
        with open(self.path(path)) as file:
            return file.read()

    def copy(self, source, path):
        shutil.copy(source, self.path(path))
