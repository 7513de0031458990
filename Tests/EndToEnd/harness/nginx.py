"""nginx: as a mail proxy, to compare with, and as the web server that its mail module asks."""

import os
import shutil
import signal
import tempfile

from . import HOST
from .programs import Program, find, free_ports, wait_for_listener

MODULE = "/usr/lib/nginx/modules/ngx_mail_module.so"


class Nginx:
    """One nginx with one worker. Use as a context; `ports` are those of its servers, by their names."""

    def __init__(self, mail=None, common="", web="", preexec=None):
        """`mail` are servers of its mail module: the lines of each by its name; `common` are lines for all of them.
        `web` are the lines of a web server, the port of which is `ports["web"]`."""
        self.mail, self.common, self.web = mail or {}, common, web
        self.preexec = preexec
        names = [*self.mail, *(["web"] if web else [])]
        self.ports = dict(zip(names, free_ports(len(names))))

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="mailrace-nginx-")
        path = os.path.join(self.directory, "nginx.conf")
        with open(path, "w") as file:
            file.write(self._configuration())
        arguments = [find("nginx"), "-e", "stderr", "-p", self.directory, "-c", path]
        self.program = Program(arguments, name="nginx", preexec=self.preexec)
        try:
            for port in self.ports.values():
                wait_for_listener(port, self.program)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.program.stop()
        shutil.rmtree(self.directory)

    def drain(self):
        """Closes the listeners; sessions go on."""
        self.program.signal(signal.SIGQUIT)

    def _configuration(self):
        lines = [f"load_module {MODULE};", "daemon off;", "worker_processes 1;", "error_log stderr info;"]
        lines += [f"pid {self.directory}/pid;", "events { worker_connections 512; }"]
        lines += ["user root;"] if os.geteuid() == 0 else []
        if self.web:
            folders = [f"{kind}_temp_path {self.directory};" for kind in ["proxy", "fastcgi", "uwsgi", "scgi"]]
            lines += ["http {", "access_log off;", f"client_body_temp_path {self.directory};", *folders]
            lines += ["server {", f"listen {HOST}:{self.ports['web']};", self.web, "}", "}"]
        if self.mail:
            lines += ["mail {", "server_name mailrace.test;", self.common]
            for name, own in self.mail.items():
                parameters, _, rest = own.partition("\n")
                lines += ["server {", f"listen {HOST}:{self.ports[name]} {parameters};", "protocol smtp;", rest, "}"]
            lines += ["}"]
        return "\n".join(lines) + "\n"


def is_installed():
    return find("nginx") is not None and os.path.exists(MODULE)
