"""Chromium without a screen, over its debugging pipe (the DevTools protocol, messages ended by NUL)."""

import base64
import fcntl
import json
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import time
import zlib

from . import PATIENCE_S
from .programs import environment


class Browser:
    """Use as a context."""

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="mailrace-chromium-")
        their_input, self.output = os.pipe()
        self.input, their_output = os.pipe()
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        options += ["--disable-background-networking", "--remote-debugging-pipe"]

        def preexec():
            # The pipe's ends are to be 3 and 4, and the ones there are may be these.
            ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (their_input, their_output)]
            for number, end in zip((3, 4), ends):
                os.dup2(end, number)

        self.process = subprocess.Popen(
            ["chromium", *options, f"--user-data-dir={self.directory}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment({"HOME": self.directory}),
            preexec_fn=preexec,
            close_fds=False,
            start_new_session=True,
        )
        os.close(their_input)
        os.close(their_output)
        os.set_blocking(self.input, False)
        self.unread, self.number = b"", 0
        return self

    def __exit__(self, *_):
        # Its processes are a session of their own.
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.input)
        os.close(self.output)
        shutil.rmtree(self.directory, ignore_errors=True)

    def page(self):
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        return Page(self, self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])

    def ask(self, method, session=None, **parameters):
        """The result of a command."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self.output, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            answer = self._message(deadline)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise AssertionError(f"chromium: {method}: {answer['error']}")
                return answer["result"]
        raise AssertionError(f"chromium does not answer {method}")

    def _message(self, deadline):
        while b"\0" not in self.unread:
            try:
                chunk = os.read(self.input, 1 << 16)
                if not chunk:
                    raise AssertionError("chromium has ended")
                self.unread += chunk
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise AssertionError("chromium is silent") from None
                time.sleep(0.005)
        message, _, self.unread = self.unread.partition(b"\0")
        return json.loads(message)


class Page:
    def __init__(self, browser, session):
        self.browser, self.session = browser, session

    def ask(self, method, **parameters):
        return self.browser.ask(method, self.session, **parameters)

    def open(self, url, width, height, dark=False):
        """Shows the address in a window of this size, and waits until all of it is there."""
        self.width, self.height = width, height
        self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.ask("Emulation.setEmulatedMedia", features=scheme)
        self.ask("Page.navigate", url=url)
        deadline = time.monotonic() + PATIENCE_S
        while self.evaluate("document.readyState + location.href") != f"complete{url}":
            if time.monotonic() > deadline:
                raise AssertionError(f"chromium does not show {url}")
            time.sleep(0.01)

    def evaluate(self, expression):
        result = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            raise AssertionError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def screenshot(self, scale=1):
        """A PNG of what the window shows."""
        clip = {"x": 0, "y": 0, "width": self.width, "height": self.height, "scale": scale}
        return base64.b64decode(self.ask("Page.captureScreenshot", format="png", clip=clip)["data"])


class Picture:
    """A PNG of eight bits a channel without interlacing: `width`, `height`, and its `colours`."""

    def __init__(self, data):
        if not data.startswith(b"\x89PNG\r\n\x1a\n"):
            raise AssertionError("no PNG")
        chunks, packed, place = {}, b"", 8
        while place < len(data):
            [length], kind = struct.unpack_from(">I", data, place), data[place + 4 : place + 8]
            content = data[place + 8 : place + 8 + length]
            packed += content if kind == b"IDAT" else b""
            chunks[kind], place = content, place + 12 + length
        self.width, self.height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
        if (depth, interlaced) != (8, 0) or kind not in (2, 6):
            raise AssertionError("a PNG of an unexpected kind")
        self.colours = self._colours(zlib.decompress(packed), 3 if kind == 2 else 4)

    def _colours(self, data, channels):
        stride, colours = self.width * channels, set()
        above = bytearray(stride)
        for row in range(self.height):
            start = row * (stride + 1)
            line = bytearray(data[start + 1 : start + 1 + stride])
            self._undo(data[start], line, above, channels)
            colours.update(bytes(line[index : index + 3]) for index in range(0, stride, channels))
            above = line
        return colours

    @staticmethod
    def _undo(kind, line, above, channels):
        """Undoes a line's filter (PNG specification, section 9)."""
        for index in range(len(line)):
            left = line[index - channels] if index >= channels else 0
            corner = above[index - channels] if index >= channels else 0
            up = above[index]
            if kind == 1:
                line[index] = (line[index] + left) & 255
            elif kind == 2:
                line[index] = (line[index] + up) & 255
            elif kind == 3:
                line[index] = (line[index] + (left + up) // 2) & 255
            elif kind == 4:
                guess = left + up - corner
                near = min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))
                line[index] = (line[index] + near[2]) & 255
