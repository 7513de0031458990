"""The Debian that containers are booted from: made once by mmdebstrap, and kept in .build/system.

It holds what the package depends on, so that a container without a network can install it, and the packages of the
section [system] of packaging/packages.txt.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess

from . import REPOSITORY

FOLDER = os.path.join(REPOSITORY, ".build", "system")
SUITE = "bookworm"
# Anything that is changed in `_settle` changes this.
VERSION = "1"


def section(name):
    """The packages of one section of packages.txt."""
    with open(os.path.join(REPOSITORY, "packaging", "packages.txt")) as file:
        text = file.read()
    return re.findall(r"^[a-z0-9].*$", text.split(f"[{name}]")[1].split("\n[")[0], re.MULTILINE)


def dependencies(package):
    """The names of the packages that a .deb depends on; of alternatives the first."""
    field = subprocess.run(["dpkg-deb", "--field", package, "Depends"], check=True, stdout=subprocess.PIPE, text=True)
    return [re.match(r"[a-z0-9.+-]+", part.strip()).group() for part in field.stdout.split(",") if part.strip()]


def _sources():
    """Where this machine gets its Debian from, in lines of sources.list."""
    wanted = ["Created-By: Packages", "Origin: Debian"]
    form = "deb $(REPO_URI) $(RELEASE) $(COMPONENT)"
    found = subprocess.run(
        ["apt-get", "indextargets", "--format", form, *wanted], check=True, stdout=subprocess.PIPE, text=True
    )
    lines = {line for line in found.stdout.splitlines() if re.search(rf" {SUITE}(-updates|-security)? ", line)}
    if not lines:
        raise RuntimeError(f"apt knows no source of Debian {SUITE}; has 'apt-get update' been run?")
    return sorted(lines)


def made(package):
    """The path of the root in which this .deb can be installed; it is made if it is not there."""
    packages = sorted(set(section("system") + dependencies(package)))
    key = hashlib.sha256("\n".join([VERSION, SUITE, *packages]).encode()).hexdigest()[:12]
    path = os.path.join(FOLDER, f"root-{key}")
    os.makedirs(FOLDER, exist_ok=True)
    with open(os.path.join(FOLDER, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(path):
            _make(path, packages)
    return path


def _make(path, packages):
    """Made beside its place, so that a root which is there is whole."""
    unfinished = path + ".unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    print(f"making {path}", flush=True)
    made = subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=minbase", "--format=directory", "--include", ",".join(packages)]
        + ['--aptopt=APT::Install-Recommends "false"', "--dpkgopt=path-exclude=/usr/share/locale/*"]
        + [SUITE, unfinished, *_sources()],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if made.returncode:
        raise RuntimeError(f"mmdebstrap failed:\n{made.stdout[-3000:]}")
    _settle(unfinished)
    os.rename(unfinished, path)


def _settle(root):
    """No network, no work of its own in the background, a journal without a limit."""

    def write(path, text):
        path = os.path.join(root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.lexists(path):
            os.unlink(path)
        with open(path, "w") as file:
            file.write(text)

    write("etc/hostname", "appliance\n")
    write("etc/hosts", "127.0.0.1 localhost appliance\n::1 localhost\n")
    write("etc/resolv.conf", "")
    write("etc/machine-id", "")
    write("etc/apt/sources.list", "")
    write("etc/systemd/journald.conf.d/tests.conf", "[Journal]\nStorage=volatile\nRateLimitIntervalSec=0\n")
    for unit in ("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer"):
        path = os.path.join(root, "etc/systemd/system", unit)
        if not os.path.lexists(path):
            os.symlink("/dev/null", path)
    for unit in ("fstrim.timer", "e2scrub_reap.service", "fail2ban.service", "apparmor.service"):
        path = os.path.join(root, "etc/systemd/system", unit)
        if not os.path.lexists(path):
            os.symlink("/dev/null", path)
    policy = os.path.join(root, "usr/sbin/policy-rc.d")
    if os.path.exists(policy):
        os.unlink(policy)
