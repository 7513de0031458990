"""Mail clients that other people wrote, each sending one message. They return nothing and fail if it was not accepted."""

import os
import smtplib
import ssl
import subprocess
import tempfile
import threading

from . import HOST, PATIENCE_S
from .programs import run

SENDER = "sender@client.test"
RECIPIENT = "recipient@upstream.test"


def message(lines=200):
    """A message with CRLF line ends, with all that is delicate for a relay: dots, long lines, 8-bit text."""
    body = ["From: <sender@client.test>", "To: <recipient@upstream.test>", "Subject: end to end"]
    # Without these a server would put in its own.
    body += ["Date: Thu, 1 Jan 2026 00:00:00 +0000", "Message-Id: <1@client.test>", ""]
    body += [".", "..", ".hidden", "", "grüße", "x" * 900]
    body += [f"line {number} of the message" for number in range(lines)]
    return ("\r\n".join(body) + "\r\n").encode()


def swaks(port, content, tls):
    # swaks puts CRLF behind the data whether it is there or not.
    content = content.removesuffix(b"\r\n")
    with tempfile.NamedTemporaryFile(suffix=".eml") as file:
        file.write(content)
        file.flush()
        done = run(
            ["swaks", "--server", HOST, "--port", str(port), "--from", SENDER, "--to", RECIPIENT]
            + ["--ehlo", "client.test", "--timeout", str(PATIENCE_S), "--data", f"@{file.name}"]
            + (["--tls"] if tls else [])
        )
    if done.returncode != 0:
        raise AssertionError(f"swaks: status {done.returncode}\n{done.stdout}")


def smtplib_client(port, content, tls):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with smtplib.SMTP(HOST, port, "client.test", PATIENCE_S) as client:
        if tls:
            client.starttls(context=context)
        refused = client.sendmail(SENDER, [RECIPIENT], content)
        if refused:
            raise AssertionError(f"smtplib: {refused}")


def openssl_s_client(port, content, tls):
    """`openssl s_client -starttls smtp`: it does the STARTTLS, and the session is typed into it."""
    if not tls:
        raise AssertionError("s_client speaks TLS only")
    process = subprocess.Popen(
        ["openssl", "s_client", "-starttls", "smtp", "-connect", f"{HOST}:{port}", "-quiet", "-name", "client.test"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    watchdog = threading.Timer(PATIENCE_S, process.kill)
    watchdog.start()
    stuffed = b"\r\n".join(b"." + line if line.startswith(b".") else line for line in content.split(b"\r\n"))
    try:
        steps = [
            (b"EHLO client.test\r\n", b"250 "),
            (f"MAIL FROM:<{SENDER}>\r\n".encode(), b"250 "),
            (f"RCPT TO:<{RECIPIENT}>\r\n".encode(), b"250 "),
            (b"DATA\r\n", b"354 "),
            (stuffed + b".\r\n", b"250 "),
            (b"QUIT\r\n", b"221 "),
        ]
        for command, code in steps:
            process.stdin.write(command)
            process.stdin.flush()
            _expect(process, code)
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def _expect(process, code):
    """Reads what s_client shows up to the last line of a reply."""
    for line in process.stdout:
        if line[3:4] == b" ":
            if not line.startswith(code):
                raise AssertionError(f"s_client: {code!r} expected, {line!r} came")
            return
    raise AssertionError(f"s_client: the connection ended before {code!r}")


def smtp_source(port, count=1, sessions=1, length=2000):
    """Postfix's load generator, plaintext only, with messages of its own making."""
    done = run(
        ["/usr/sbin/smtp-source", "-c", "-m", str(count), "-s", str(sessions), "-l", str(length)]
        + ["-f", SENDER, "-t", RECIPIENT, "-M", "client.test", f"{HOST}:{port}"]
    )
    if done.returncode != 0:
        raise AssertionError(f"smtp-source: status {done.returncode}\n{done.stdout}")


def are_installed():
    return all(os.access(path, os.X_OK) for path in ["/usr/bin/swaks", "/usr/sbin/smtp-source", "/usr/bin/openssl"])
