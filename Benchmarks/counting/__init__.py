"""Counts what sessions ask of the kernel and of the heap: what Benchmarks/thresholds checks."""

# What starts programs, and where they are.
from comparing import ROOT, targets  # noqa: F401
