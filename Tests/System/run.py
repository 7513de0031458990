"""Runs the tests on a real systemd: run.py [NAME]...

NAME is a file (test_package), a class or a single test. MAILRACE_DEB names the package to be tested; without it,
packaging/build-deb makes one. Needs root, because it boots containers; else it says so and passes.
Last line: `N passed, N failed, N skipped`.
"""

import os
import signal
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))


class Result(unittest.TextTestResult):
    """Counts what passed, and says at once what was skipped and why."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.stream.writeln(f"skipped: {test.id()}: {reason}")


def enter_own_namespaces():
    """Starts anew with mounts and process numbers of its own: whatever happens to this process, the mounts and the
    containers go with it."""
    if os.getpid() == 1:
        return
    arguments = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"]
    os.execvp(arguments[0], [*arguments, sys.executable, *sys.argv])


def end(number, _):
    raise SystemExit(128 + number)


def main():
    if os.geteuid() != 0:
        print("skipped: the tests on a real systemd boot containers, and only root may")
        print("0 passed, 0 failed, 1 skipped")
        return
    enter_own_namespaces()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    sys.dont_write_bytecode = True
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
    # A test of several parts (subTest) has a failure for each; it counts as one.
    failures = result.failures + result.errors
    failed = len({getattr(test, "test_case", test).id() for test, _ in failures}) + len(result.unexpectedSuccesses)
    print(f"{result.passed} passed, {failed} failed, {len(result.skipped)} skipped")
    sys.exit(failed > 0 or result.passed == 0)


main()
