"""What the tests on a real systemd share: a Debian root, containers booted from it, loads inside them.

Nothing here waits for a fixed time; each wait ends with PATIENCE_S and says what it waited for.
"""

import os
import time

PATIENCE_S = 40
REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


def wait_until(condition, what, patience_s=PATIENCE_S):
    """Waits until the condition gives something true, and returns that."""
    deadline = time.monotonic() + patience_s
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience_s} s in vain for {what}")
        time.sleep(0.05)
