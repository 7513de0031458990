"""Files that authenticators name, as `mailrace check` finds them."""

import subprocess
import tempfile
import unittest

from harness import relay
from harness.programs import environment

TABLES = """[listener.mx.auth]
authenticator = "site"
before_tls = true
[authenticator.site]
{site}
"""


class Files(unittest.TestCase):
    def check(self, site, *options):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            text = relay.configuration(
                ["127.0.0.1:25"], listener='depth = "envelope"', tables=TABLES.format(site=site)
            )
            file.write(text)
            file.flush()
            return subprocess.run(
                [relay.binary(), "check", "--config", file.name, *options],
                capture_output=True,
                text=True,
                env=environment(),
                timeout=60,
            )

    def refused(self, site, reason):
        result = self.check(site)
        self.assertEqual(result.returncode, 78, result.stderr)
        self.assertIn(reason, result.stderr)

    def test_files_that_are_not_there(self):
        self.refused(
            'type = "file"\nfile = "/nonexistent"',
            "authenticator.site.file: /nonexistent: No such file or directory",
        )
        self.refused(
            'type = "http"\nurl = "https://127.0.0.1/"\ntls_ca = "/nonexistent"',
            "authenticator.site.tls_ca: /nonexistent: No such file or directory",
        )

    def test_files_that_hold_something_else(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("# people\njoe:secret\n")
            file.flush()
            self.refused(f'type = "file"\nfile = "{file.name}"', f"{file.name}: line 2: neither a hash")
            self.refused(
                f'type = "http"\nurl = "https://127.0.0.1/"\ntls_ca = "{file.name}"', f"tls_ca: {file.name}: "
            )

    def test_keys_in_headers_and_queries_are_not_shown(self):
        site = 'type = "http"\nurl = "https://127.0.0.1/?key=t0psecret"\nheaders = { X-Key = "t0psecret" }'
        result = self.check(site, "--print")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn('headers = { X-Key = "(hidden)" }', result.stdout)
        self.assertIn('url = ["https://127.0.0.1/?(hidden)"]', result.stdout)
        self.assertNotIn("t0psecret", result.stdout + result.stderr)


if __name__ == "__main__":
    unittest.main()
