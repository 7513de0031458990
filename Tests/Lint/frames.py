"""Checks the sizes of async frames: frames.py BINARY LIMITS.

Every async function of a Swift binary has a record, its symbol with the suffix Tu: two 32-bit words, the relative address
of the code and the size of the frame. LIMITS holds lines of a size and the end of a demangled name.
"""

import pathlib
import re
import struct
import subprocess
import sys


def output(*command, given=None):
    return subprocess.run(command, input=given, capture_output=True, text=True, check=True).stdout


def sections(path):
    """(address, offset, size) of each section that is loaded."""
    for line in output("readelf", "-SW", path).splitlines():
        words = line.replace("[ ", "[").split()
        if len(words) > 6 and words[0].startswith("[") and words[0] != "[Nr]":
            address, offset, size = (int(word, 16) for word in words[3:6])
            if address:
                yield address, offset, size


def frames(path):
    """Demangled name and frame size of each async function."""
    with open(path, "rb") as file:
        data = file.read()
    places = list(sections(path))
    symbols, sizes = [], []
    for line in output("nm", path).splitlines():
        words = line.split()
        if len(words) != 3 or not words[2].endswith("Tu"):
            continue
        address = int(words[0], 16)
        for start, offset, size in places:
            if start <= address < start + size:
                symbols.append(words[2][:-2])
                sizes.append(struct.unpack_from("<I", data, offset + address - start + 4)[0])
    names = output("swift-demangle", "--compact", "--simplified", given="\n".join(symbols)).splitlines()
    return list(zip(names, sizes))


def is_there(name):
    """Whether Sources has such a function: a limit for one that has been renamed holds nobody back."""
    function = re.escape(name.rsplit("(", 1)[0].rsplit(".", 1)[1])
    return any(
        re.search(rf"func {function}\b", source.read_text(encoding="utf-8"))
        for source in pathlib.Path("Sources").rglob("*.swift")
    )


def main():
    binary, limits = sys.argv[1:]
    found = frames(binary)
    passed = failed = 0
    for line in open(limits, encoding="ascii"):
        if line.startswith("#") or not line.strip():
            continue
        most, name = line.split(None, 1)
        sizes = [size for known, size in found if known.endswith(name.strip())]
        if not is_there(name.strip()):
            print(f"FAILED {name.strip()}: there is no such function")
            failed += 1
            continue
        if not sizes:
            # Inlined into its caller: the caller's frame, which is in the list, holds it.
            print(f"      - {name.strip()} has no frame of its own")
        elif max(sizes) > int(most):
            print(f"FAILED {name.strip()}: a frame of {max(sizes)} bytes, at most {most} are allowed")
            failed += 1
            continue
        else:
            print(f"{max(sizes):7d} {name.strip()}")
        passed += 1
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


main()
