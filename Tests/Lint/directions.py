"""Prints every import of one of our targets by another that does not stand above it."""

import pathlib
import re

# From the top down: a target imports only what stands behind it.
ORDER = ["mailrace", "Service", "Relay", "Policy", "Lookup", "Settings", "Telemetry", "TLS", "Wire", "Ring"]
# Pure: these import none of the others at all.
PURE = {"Wire"}

for source in sorted(pathlib.Path("Sources").rglob("*.swift")):
    target = source.parts[1]
    if target not in ORDER:
        print(f"{source}: {target} has no place in the house")
        continue
    for number, line in enumerate(source.read_text(encoding="utf-8").splitlines(), 1):
        found = re.match(r"(?:@\w+ )?(?:public |package |internal )?import (\w+)", line)
        if not found or found.group(1) not in ORDER:
            continue
        imported = found.group(1)
        if target in PURE or ORDER.index(imported) <= ORDER.index(target):
            print(f"{source}:{number}: {target} imports {imported}")
