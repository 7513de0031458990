"""Runs the end-to-end tests: run.py [NAME]...

NAME is a file (test_drain), a class or a single test (test_drain.Drain.test_without_sessions_it_ends_at_once). Without a
name all files run, as many at a time as there are processors: most of the time they wait.
MAILRACE_BINARY names the program to be tested; MAILRACE_BENCH_BINARY the one with the bundled sink, beside it by default;
MAILRACE_WATCHED_BINARY a debug build, which says where a shard has blocked, for the tests that look for that.
Last line: `N passed, N failed, N skipped`.
"""

import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.dirname(HERE))
sys.dont_write_bytecode = True

from counted import Result  # noqa: E402


def run_named(names):
    """Runs these tests in this process. Returns how many passed, failed and were skipped."""
    sys.path.insert(0, HERE)
    tests = unittest.TestLoader().loadTestsFromNames(names)
    return unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Result).run(tests).counts


def run_file(name):
    """Runs one file's tests in a process of their own. Returns what it printed, and the counts of its last line."""
    done = subprocess.run([sys.executable, __file__, name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    text, _, last = done.stdout.rstrip("\n").rpartition("\n")
    counts = re.fullmatch(r"(\d+) passed, (\d+) failed, (\d+) skipped", last)
    if not counts:
        return f"{done.stdout}\nFAILED: {name} ended with {done.returncode} before its last line", (0, 1, 0)
    return text, tuple(map(int, counts.groups()))


def run_all():
    """Runs every file; what failed is told once more at the end. Returns how many tests passed, failed and were skipped."""
    files = sorted(path.stem for path in pathlib.Path(HERE).glob("test_*.py"))
    total = [0, 0, 0]
    failures = []
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for done in concurrent.futures.as_completed([pool.submit(run_file, name) for name in files]):
            text, counts = done.result()
            print(text, flush=True)
            if counts[1]:
                failures.append(failures_in(text))
            total = [sum(pair) for pair in zip(total, counts)]
    print("\n".join(failures), flush=True)
    return total


def failures_in(text):
    """The part of a file's output that tells what failed: all from the first line of double dashes."""
    line = text.find("=" * 70)
    return text[max(line, 0) :]


def main():
    passed, failed, skipped = run_named(sys.argv[1:]) if sys.argv[1:] else run_all()
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(failed > 0 or passed == 0)


main()
