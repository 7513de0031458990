"""A private Dovecot: with nothing but its authentication service, or with LMTP and mailboxes."""

import os
import pathlib
import shutil
import tempfile

from . import HOST
from .programs import Program, find, free_port, wait_for_listener, wait_until

CONFIGURATION = """base_dir = {directory}/run
state_dir = {directory}/state
log_path = /dev/stderr
protocols =
ssl = no
disable_plaintext_auth = no
auth_mechanisms = {mechanisms}
auth_failure_delay = 0
default_internal_user = root
default_internal_group = root
default_login_user = root
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {directory}/users
}}
service auth {{
  user = root
  # Postfix's smtpd has a user of its own.
  unix_listener auth-client {{
    mode = 0666
  }}
}}
service anvil {{
  chroot =
  # Nobody is kept waiting for what others got wrong.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
"""


def can_run():
    return os.geteuid() == 0 and find("dovecot") is not None


class Dovecot:
    """Use as a context; knows joe, whose password is `secret`. May be stopped and started again."""

    def __init__(self, mechanisms="plain login cram-md5 xoauth2"):
        self.mechanisms = mechanisms

    def __enter__(self):
        # Short: the path of a socket has 107 bytes at most.
        self.directory = tempfile.mkdtemp(prefix="mr-dovecot-", dir="/tmp")
        os.chmod(self.directory, 0o755)
        with open(f"{self.directory}/users", "w") as file:
            file.write("joe:{PLAIN}secret\n")
        with open(f"{self.directory}/dovecot.conf", "w") as file:
            file.write(CONFIGURATION.format(directory=self.directory, mechanisms=self.mechanisms))
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.directory)

    @property
    def socket(self):
        return f"{self.directory}/run/auth-client"

    def start(self):
        self.program = Program([find("dovecot"), "-F", "-c", f"{self.directory}/dovecot.conf"], group=True)
        # A start takes the socket of the one before away and makes its own.
        self.program.wait_for_line("starting up")

        def is_there():
            self.program.check_alive()
            return os.path.exists(self.socket)

        wait_until(is_there, "Dovecot's socket")

    def stop(self):
        self.program.stop()


LMTP_CONFIGURATION = """base_dir = {directory}/run
state_dir = {directory}/state
log_path = /dev/stderr
protocols = lmtp
ssl = no
default_internal_user = root
default_internal_group = root
default_login_user = root
first_valid_uid = 0
mail_location = maildir:{directory}/mail/%u
mail_uid = nobody
mail_gid = nogroup
# Mail comes out as it went in.
lmtp_add_received_header = no
lmtp_save_to_detail_mailbox = no
recipient_delimiter = +
# It does not start without one; nobody logs in.
passdb {{
  driver = passwd-file
  args = username_format=%n {directory}/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%n {directory}/users
}}
service lmtp {{
  user = root
  inet_listener lmtp {{
    address = {host}
    port = {port}
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


class DovecotLMTP:
    """Use as a context; has mailboxes for the local parts joe and ann, in any domain."""

    USERS = ("joe", "ann")

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="mr-lmtp-", dir="/tmp")
        os.chmod(self.directory, 0o755)
        os.mkdir(f"{self.directory}/mail")
        shutil.chown(f"{self.directory}/mail", "nobody", "nogroup")
        self.port = free_port()
        self.address = f"{HOST}:{self.port}"
        with open(f"{self.directory}/users", "w") as file:
            file.write("".join(f"{user}:::::::\n" for user in self.USERS))
        with open(f"{self.directory}/dovecot.conf", "w") as file:
            file.write(LMTP_CONFIGURATION.format(directory=self.directory, host=HOST, port=self.port))
        self.program = Program([find("dovecot"), "-F", "-c", f"{self.directory}/dovecot.conf"], group=True)
        try:
            wait_for_listener(self.port, self.program)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.program.stop()
        shutil.rmtree(self.directory)

    def mailbox(self, address):
        """The messages that are there, line ends as CRLF, without the fields that LMTP puts in front."""
        files = sorted(pathlib.Path(self.directory, "mail", address, "new").glob("*"))
        contents = [file.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") for file in files]
        return [_without_trace(content) for content in contents]


def _without_trace(content):
    """What follows the Return-Path and Delivered-To that a delivery begins with."""
    lines = content.split(b"\r\n")
    while lines[0].startswith((b"Return-Path:", b"Delivered-To:")):
        del lines[0]
    return b"\r\n".join(lines)


def can_deliver():
    return can_run() and os.path.exists("/usr/lib/dovecot/lmtp")
