"""Prometheus, scraping what a test shows it."""

import json
import os
import pathlib
import shutil
import tempfile
import urllib.parse
import urllib.request

from . import HOST, PATIENCE_S
from .programs import Program, free_port, wait_until

RULES = pathlib.Path(__file__).parents[3] / "packaging" / "observability"


class Prometheus:
    """Scrapes `target` (HOST:PORT) once a second, with the rules that are shipped. Use as a context."""

    def __init__(self, target):
        self.target = target

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="mailrace-prometheus-")
        self.address = f"{HOST}:{free_port()}"
        configuration = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(RULES / "mailrace-alerts.yml")],
            "scrape_configs": [{"job_name": "mailrace", "static_configs": [{"targets": [self.target]}]}],
        }
        file = os.path.join(self.directory, "prometheus.yml")
        with open(file, "w") as output:
            json.dump(configuration, output)  # JSON is YAML.
        self.program = Program(
            ["prometheus", f"--config.file={file}", f"--storage.tsdb.path={self.directory}/data"]
            + [f"--web.listen-address={self.address}"],
            directory=self.directory,
        )
        try:
            wait_until(self._is_ready, "Prometheus")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.program.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _is_ready(self):
        self.program.check_alive()
        try:
            with urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=PATIENCE_S) as answer:
                return answer.status == 200
        except OSError:
            return False

    def ask(self, path, **parameters):
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
            return json.load(answer)["data"]

    def value(self, query):
        """The only value that the query gives; None where there is none."""
        result = self.ask("query", query=query)["result"]
        return float(result[0]["value"][1]) if result else None
