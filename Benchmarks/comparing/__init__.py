"""The comparison of Benchmarks/run, by subject."""

import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
RELEASE = ROOT / ".build/release"

# What starts programs is shared with the end-to-end tests.
sys.path.insert(0, str(ROOT / "Tests/EndToEnd"))
os.environ.setdefault("MAILRACE_BINARY", str(RELEASE / "mailrace"))
os.environ.setdefault("MAILRACE_BENCH_BINARY", str(RELEASE / "mailrace-bench"))
