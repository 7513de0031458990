"""A private Dovecot with nothing but its authentication service."""

import os
import shutil
import tempfile

from .programs import Program, find, wait_until

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
