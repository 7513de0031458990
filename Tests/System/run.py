"""Runs the tests on a real systemd: run.py [NAME]...

NAME is a file (test_package), a class or a single test. MAILRACE_DEB names the package to be tested; without it,
packaging/build-deb makes one. Needs root, because it boots containers; else it says so and passes.
Last line: `N passed, N failed, N skipped`.
"""

import os
import signal
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.dirname(HERE))
sys.dont_write_bytecode = True

from counted import Result  # noqa: E402

# Mounts and process numbers of our own: whatever happens to this process, the mounts and the containers go with it.
OWN_NAMESPACES = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"]


def hindrance():
    """Why containers cannot be booted here; None if they can."""
    if os.geteuid() != 0:
        return "only root may"
    tried = subprocess.run([*OWN_NAMESPACES, "true"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return f"the system does not allow it: {tried.stdout.strip()}" if tried.returncode else None


def end(number, _):
    raise SystemExit(128 + number)


def main():
    if os.getpid() != 1:
        reason = hindrance()
        if not reason:
            os.execvp(OWN_NAMESPACES[0], [*OWN_NAMESPACES, sys.executable, *sys.argv])
        print(f"skipped: the tests on a real systemd boot containers, and {reason}")
        print("0 passed, 0 failed, 1 skipped")
        return
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    sys.path.insert(0, HERE)
    from harness import appliance, container

    container.prepare()
    loader = unittest.TestLoader()
    names = sys.argv[1:]
    tests = loader.loadTestsFromNames(names) if names else loader.discover(HERE, top_level_dir=HERE)
    try:
        result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Result).run(tests)
    finally:
        appliance.close()
    passed, failed, skipped = result.counts
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(failed > 0 or passed == 0)


main()
