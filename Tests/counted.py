"""What the runners of the Python tests share: a result that counts, and the numbers of the last line."""

import time
import unittest


class Result(unittest.TextTestResult):
    """Counts what passed, says how long each test took, and at once what was skipped and why."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.passed = 0
        self.began = 0

    def startTest(self, test):
        self.began = time.monotonic()
        super().startTest(test)

    def stopTest(self, test):
        self.stream.writeln(f"    {time.monotonic() - self.began:.1f} s")
        super().stopTest(test)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.stream.writeln(f"skipped: {test.id()}: {reason}")

    @property
    def counts(self):
        """How many tests passed, failed and were skipped."""
        # A test of several parts (subTest) has a failure for each; it counts as one.
        failures = self.failures + self.errors
        failed = len({getattr(test, "test_case", test).id() for test, _ in failures}) + len(self.unexpectedSuccesses)
        return self.passed, failed, len(self.skipped)
