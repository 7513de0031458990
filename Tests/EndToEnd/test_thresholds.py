"""How Benchmarks/thresholds counts, and what it and its neighbours do with what is wrong or missing."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

BENCHMARKS = pathlib.Path(__file__).resolve().parents[2] / "Benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from comparing import results, scenarios  # noqa: E402
from counting import process  # noqa: E402

TRACE = """\
7 100.000001 io_uring_enter(0, 9, 1, IORING_ENTER_GETEVENTS, NULL, 8) = 9
7 101.000001 read(4, ""..., 8) = 8
7 101.000002 io_uring_enter(0, 2, 1, IORING_ENTER_GETEVENTS|IORING_ENTER_REGISTERED_RING, NULL, 8) = 2
8 101.000003 futex(0x7f, FUTEX_WAIT_PRIVATE, 2, NULL <unfinished ...>
7 101.000004 io_uring_enter(0, 3, 1, IORING_ENTER_GETEVENTS, NULL, 8 <unfinished ...>
8 101.000005 <... futex resumed>)           = 0
7 101.000006 <... io_uring_enter resumed>)  = 3
7 101.000007 --- SIGTERM {si_signo=SIGTERM, si_code=SI_USER, si_pid=1, si_uid=0} ---
7 101.000008 io_uring_enter(0, 0, 1, IORING_ENTER_GETEVENTS, {}, 24) = -1 ETIME (Timer expired)
7 102.000001 io_uring_enter(0, 1, 1, IORING_ENTER_GETEVENTS, NULL, 8) = 1
7 102.000002 +++ exited with 0 +++
"""
# Allocates what nobody else does at the same time, and copies it.
PROGRAM = """
import ctypes
c = ctypes.CDLL(None)
c.malloc.restype = ctypes.c_void_p
c.free.argtypes = [ctypes.c_void_p]
blocks = [c.malloc(5000) for _ in range(1000)]
to, source = (ctypes.create_string_buffer(8000) for _ in range(2))
for _ in range(1000):
    c.memcpy(to, source, 8000)
    c.memmove(to, source, 8000)
for block in blocks[:500]:
    c.free(block)
"""


class CountingTest(unittest.TestCase):
    def test_calls(self):
        self.assertEqual(process.count_calls(TRACE.splitlines(), 101, 102), (5, 3, 2))

    @unittest.skipUnless(process.why_not() is None, process.why_not() or "")
    def test_heap(self):
        with tempfile.TemporaryDirectory() as directory:
            variables = process.counting_variables(directory)
            subprocess.run([sys.executable, "-c", PROGRAM], env=os.environ | variables, check=True)
            with open(variables["COUNTERS_FILE"], "rb") as file:
                allocations, live, copied = process.COUNTERS.unpack(file.read())
        # Python has its own, too.
        self.assertGreaterEqual(allocations, 1000)
        self.assertGreaterEqual(live, 500 * 5000)
        self.assertGreaterEqual(copied, 2000 * 8000)
        self.assertLess(allocations, 1_000_000)
        self.assertLess(live, 100_000_000)
        self.assertLess(copied, 100_000_000)


class OptionsTest(unittest.TestCase):
    def test_what_is_wrong_is_refused(self):
        wrong = {
            "thresholds": [["--wirte"], ["--only"], ["--only", "no such load"], ["short"]],
            "micro": [["--jsn"], ["--run-ms", "0"], ["--run-ms", str(1 << 64)], ["--run-ms", "x"], ["line"]],
            "maps": [["--line", "2000"], ["--lines", "1"], ["--rounds", "x"], ["lines"]],
        }
        for program, lines in wrong.items():
            for words in lines:
                result = subprocess.run([BENCHMARKS / program, *words], capture_output=True, text=True)
                self.assertEqual((result.returncode, result.stdout), (2, ""), (program, words))
                self.assertIn(f"usage: Benchmarks/{program}", result.stderr)


class SummaryTest(unittest.TestCase):
    def setUp(self):
        self.two_shards = scenarios.scenarios()["two-shards"]

    def give(self, **ratios):
        ratios = {name: {"median": value} for name, value in ratios.items()}
        targets = [{"name": "mailrace-2", "ratios_of_first": {}}, {"name": "mailrace", "ratios_of_first": ratios}]
        self.two_shards.summary = {"targets": targets}

    def test_a_missing_ratio_is_no_note(self):
        self.give(messages_per_second=1.9)
        self.assertEqual(results.summary([self.two_shards]), [])

    def test_notes_need_no_rows(self):
        self.give(messages_per_second=1.9, cpu_microseconds_per_session=1.25)
        self.assertIn("Two shards: 1.25 (1.1) of one's CPU time", "\n".join(results.summary([self.two_shards])))
