"""Data of other projects' tests, where they lie beside the checkout or above it."""

import pathlib
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]


def smtp():
    """The folder with those about SMTP; the test is skipped where there is none."""
    for folder in ROOT.parents:
        if (found := folder / "shared/suites/smtp").is_dir():
            return found
    raise unittest.SkipTest("there are no suites of other projects beside this checkout")
