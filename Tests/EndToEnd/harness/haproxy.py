"""HAProxy, in front of Mailrace and behind it."""

import os
import shutil
import tempfile

from . import HOST
from .programs import Program, find, free_port, wait_for_listener


class HAProxy:
    """One frontend with one server. Use as a context; `port` and `address` are the frontend's."""

    def __init__(self, server, bind="", send=""):
        """`bind` are more words of the frontend's line, `send` those of the server's."""
        self.directory = tempfile.mkdtemp(prefix="mailrace-haproxy-")
        self.port = free_port()
        self.address = f"{HOST}:{self.port}"
        self.server, self.bind, self.send = server, bind, send

    def __enter__(self):
        path = os.path.join(self.directory, "haproxy.cfg")
        with open(path, "w") as file:
            file.write(
                f"""global
    log stdout format raw local0
defaults
    mode tcp
    log global
    # The id is a TLV of the connection; %ci and %cp are the client as the PROXY header has it.
    unique-id-format haproxy-%[uuid()]
    log-format "client=%ci:%cp authority=%[fc_pp_authority] id=%[fc_pp_unique_id] server=%s bytes=%B"
    timeout connect 10s
    timeout client 60s
    timeout server 60s
frontend in
    bind {self.address} {self.bind}
    default_backend out
backend out
    server one {self.server} {self.send}
"""
            )
        self.program = Program([find("haproxy"), "-db", "-f", path], name="haproxy")
        wait_for_listener(self.port, self.program)
        return self

    def __exit__(self, *_):
        self.program.stop()
        shutil.rmtree(self.directory)


def is_installed():
    return find("haproxy") is not None
