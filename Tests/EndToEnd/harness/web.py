"""A server of HTTP that says where recipients go."""

import json
import urllib.parse

from .scripted import Server


def answer(body, status="200 OK"):
    """A whole answer, after which the connection goes on."""
    body = body.encode() if isinstance(body, str) else body
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


class Web(Server):
    """The server, asked for `/route/KEY`. `routes` are servers by key; `requests` what was asked, line by line."""

    def __init__(self, routes=None, reply=None, **options):
        """`reply` takes the connection and the key, and sends what it likes, in place of an answer by `routes`."""
        self.routes = dict(routes or {})
        self.reply = reply or self._reply
        self.requests = []
        super().__init__(self._serve, **options)

    def _serve(self, peer):
        while line := peer.line():
            head = [line]
            while head[-1].strip():
                head.append(peer.line())
            self.requests.append(line.decode().strip())
            path = line.split()[1].decode()
            self.reply(peer, urllib.parse.unquote(path.removeprefix("/route/")))

    def _reply(self, peer, key):
        server = self.routes.get(key)
        peer.send(answer(json.dumps({"server": server})) if server else answer("{}", "404 Not Found"))

    def table(self, name, more=""):
        """The table of a map that asks it."""
        url = f"http://{self.address}/route/{{key}}"
        return f'[map.{name}]\ntype = "http"\nurl = "{url}"\nupstream_settings = "backend"\n{more}\n'
