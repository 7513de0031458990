"""Runs the end-to-end tests: run.py [NAME]...

NAME is a file (test_drain), a class or a single test (test_drain.Drain.test_without_sessions_it_ends_at_once).
MAILRACE_BINARY names the program to be tested; MAILRACE_BENCH_BINARY the one with the bundled sink, beside it by default.
Last line: `N passed, N failed, N skipped`.
"""

import os
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


def main():
    sys.dont_write_bytecode = True
    sys.path.insert(0, HERE)
    loader = unittest.TestLoader()
    names = sys.argv[1:]
    tests = loader.loadTestsFromNames(names) if names else loader.discover(HERE, top_level_dir=HERE)
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Result).run(tests)
    # A test of several parts (subTest) has a failure for each; it counts as one.
    failures = result.failures + result.errors
    failed = len({getattr(test, "test_case", test).id() for test, _ in failures}) + len(result.unexpectedSuccesses)
    print(f"{result.passed} passed, {failed} failed, {len(result.skipped)} skipped")
    sys.exit(failed > 0 or result.passed == 0)


main()
