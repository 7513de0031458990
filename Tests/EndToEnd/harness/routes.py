"""A Mailrace that routes by recipient: one listener, `mx`, upstreams by name, and a map in a file."""

import json
import os

from . import HOST, scripted
from .programs import wait_until
from .relay import Mailrace

# What an upstream gets that says nothing of it: plaintext, found out by the messages alone.
UPSTREAM_DEFAULTS = {"balance": '"first"', "tls": '"off"', "health": '{ probe = "off" }'}


def rows(pairs):
    """The text of a map's file, of pairs of a key and where it leads."""
    return "key;server;tls_verify\n" + "".join(f"{key};{server}\n" for key, server in pairs)


def _upstream(name, upstream):
    """Its table. An upstream is the address of its server, or a dictionary of its keys, whose values are TOML."""
    keys = {"servers": json.dumps([upstream])} if isinstance(upstream, str) else dict(upstream)
    return [f"[upstream.{name}]"] + [f"{key} = {value}" for key, value in (UPSTREAM_DEFAULTS | keys).items()]


def configuration(upstreams, file=None, listener="", fallback=None, port=0, tables="", **options):
    """The text of a configuration.

    `file` is the map's; without one all goes to `fallback`, the name of an upstream. `listener`, `timeouts`, `runtime`,
    `map` and `tls` are more lines of these, `tables` are more tables; `certificate` is what the listener shows.
    """
    timeouts, runtime, more_map = (options.pop(name, "") for name in ("timeouts", "runtime", "map"))
    certificate, admin, tls = (options.pop(name, "") for name in ("certificate", "admin", "tls"))
    shards = options.pop("shards", 1)
    if options:
        raise TypeError(f"no such options: {options}")
    lines = ['hostname = "mailrace.test"', "[runtime]", f"shards = {shards}", runtime]
    lines += [] if "control_socket" in runtime else ['control_socket = ""']
    lines += ['user = ""', "[timeouts]", timeouts, "[log]", 'format = "json"', "[admin]", f'listen = "{admin}"']
    if certificate:
        lines += ["[tls.default]", f'certificate = "{certificate.file}"', f'key = "{certificate.key_file}"', tls]
    lines += ["[listener.mx]", f'listen = ["{HOST}:{port}"]', 'depth = "envelope"', listener]
    lines += ['tls = "default"'] if certificate else []
    lines += [f'upstream = "{fallback}"'] if fallback else []
    lines += ['relaying = "transaction"'] if not file and "relaying" not in listener else []
    if file:
        lines += ["[[listener.mx.route]]", 'map = "customers"']
        lines += ["[map.customers]", 'type = "csv"', f'file = "{file}"']
        lines += [] if "upstream_settings" in more_map else [f'upstream_settings = "{next(iter(upstreams))}"']
        lines += [more_map]
    for name, upstream in upstreams.items():
        lines += _upstream(name, upstream)
    return "\n".join(lines + [tables]) + "\n"


class Routes(Mailrace):
    """Mailrace with upstreams and the pairs of its map. Use as a context; it is ready then."""

    def __init__(self, upstreams, pairs=None, directory=None, program=None, **options):
        """`directory` is for the map's file, which is there alone if there are `pairs`."""
        self.map_file = os.path.join(directory, "customers.csv") if directory else None
        if pairs is not None:
            self.write_map(pairs)
        file = self.map_file if pairs is not None else None
        super().__init__(configuration(upstreams, file=file, **options), program=program)

    def __enter__(self):
        try:
            return self.wait_ready()
        except BaseException:
            self.__exit__()
            raise

    def write_map(self, pairs):
        """In one step, as whoever keeps such files should."""
        with open(f"{self.map_file}.new", "w") as file:
            file.write(rows(pairs))
        os.rename(f"{self.map_file}.new", self.map_file)

    def messages(self, count):
        """The log's records of the first messages that ended, at least `count`, as dictionaries."""
        def enough():
            lines = [line for line in self.program.output.splitlines() if '"total_ms":' in line]
            return [json.loads(line) for line in lines] if len(lines) >= count else None

        return wait_until(enough, f"{count} messages in the log:\n{self.program.output}")


class RecipientCases:
    """Mixed into a TestCase that asks a Mailrace where recipients go."""

    def client(self, mailrace):
        client = self.enterContext(scripted.Client(mailrace.port()))
        client.reply()
        client.ask("EHLO client.test")
        return client

    def rcpt(self, client, recipient):
        """What comes of a recipient, whatever came before."""
        client.ask("RSET")
        client.ask("MAIL FROM:<a@client.test>")
        return client.ask(f"RCPT TO:<{recipient}>")
