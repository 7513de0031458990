"""A private Dovecot that does nothing but authenticate."""

import grp
import os
import pwd
import shutil
import tempfile

from .programs import Program, find, wait_until


class Dovecot:
    """Knows the users (name to password). Use as a context; `socket` is where its auth clients connect."""

    def __init__(self, users, socket=None):
        self.users, self.socket = users, socket

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="mailrace-dovecot-")
        os.chmod(self.directory, 0o755)
        self.socket = self.socket or f"{self.directory}/auth-client"
        with open(f"{self.directory}/users", "w") as file:
            file.writelines(f"{user}:{{PLAIN}}{password}\n" for user, password in self.users.items())
        user, group = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
        with open(f"{self.directory}/dovecot.conf", "w") as file:
            file.write(f"""base_dir = {self.directory}/run
state_dir = {self.directory}/run
log_path = /dev/stderr
protocols =
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login cram-md5
auth_failure_delay = 0
auth_verbose = yes
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 0
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {self.directory}/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {self.directory}/users
}}
service auth {{
  chroot =
  unix_listener {self.socket} {{
    mode = 0666
  }}
}}
""")
        self.program = Program([find("dovecot"), "-F", "-c", f"{self.directory}/dovecot.conf"], name="dovecot")
        try:
            wait_until(self._listens, "Dovecot's socket")
        except BaseException:
            self.__exit__()
            raise
        return self

    def _listens(self):
        self.program.check_alive()
        return os.path.exists(self.socket)

    def __exit__(self, *_):
        self.program.stop()
        shutil.rmtree(self.directory)


def is_installed():
    """It wants to be root, as it starts its services for other users."""
    return find("dovecot") is not None and os.geteuid() == 0
