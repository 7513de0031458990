"""What is shipped for those who watch a Mailrace: series, alert rules, the dashboard, the status page."""

import json
import pathlib
import re
import unittest
import urllib.request

from harness import HOST, PATIENCE_S, chromium, clients, databases, prometheus, relay, scripted, sink
from harness.admin import Admin
from harness.programs import run, wait_until
from harness.routes import RecipientCases, Routes

FILES = pathlib.Path(__file__).parents[2] / "packaging" / "observability"


def admin(mailrace):
    """Where the admin endpoint listens, HOST:PORT."""
    return mailrace.program.wait_for_line(rf"admin endpoint at ({HOST}:\d+)").group(1)


def fetch(mailrace, path):
    with urllib.request.urlopen(f"http://{admin(mailrace)}{path}", timeout=PATIENCE_S) as answer:
        return answer.read().decode()


def expressions():
    """The queries of the dashboard, with its variables replaced by what stands for all."""
    board = json.loads((FILES / "mailrace-dashboard.json").read_text())
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            yield re.sub(r"\$(job|instance|listener)\b", ".*", target["expr"]).replace("$__rate_interval", "10s")


class Rules(unittest.TestCase):
    def test_promtool_accepts_them_and_their_tests_pass(self):
        for what in (["check", "rules", "mailrace-alerts.yml"], ["test", "rules", "mailrace-alerts.test.yml"]):
            done = run(["promtool", *what], cwd=FILES)
            self.assertEqual(done.returncode, 0, done.stdout)


class Dashboard(unittest.TestCase):
    def test_each_panel_has_a_place_of_its_own(self):
        panels = json.loads((FILES / "mailrace-dashboard.json").read_text())["panels"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
        taken = set()
        for panel in panels:
            x, y, width, height = (panel["gridPos"][key] for key in "xywh")
            cells = {(column, row) for column in range(x, x + width) for row in range(y, y + height)}
            self.assertLessEqual(x + width, 24, panel["title"])
            self.assertFalse(cells & taken, panel["title"])
            taken |= cells


class Scrape(unittest.TestCase):
    def setUp(self):
        self.upstream = self.enterContext(sink.Sink())
        self.mailrace = self.enterContext(
            relay.start([self.upstream.address], starttls="offer", shards=2, admin=f"{HOST}:0")
        )

    def test_promtool_is_content(self):
        clients.smtplib_client(self.mailrace.port(), clients.message(), True)
        done = run(["promtool", "check", "metrics"], text=fetch(self.mailrace, "/metrics"))
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_a_prometheus_scrapes_it(self):
        with prometheus.Prometheus(admin(self.mailrace)) as scraper:

            def wait(query, is_right):
                wait_until(lambda: (value := scraper.value(query)) is not None and is_right(value), query)

            wait('up{job="mailrace"}', lambda value: value == 1)
            sessions = 'mailrace_sessions_total{stat_prefix="mx"}'
            wait(sessions, lambda value: value == 0)
            clients.smtplib_client(self.mailrace.port(), clients.message(), True)
            wait(sessions, lambda value: value == 1)
            for _ in range(3):
                clients.smtplib_client(self.mailrace.port(), clients.message(), False)
            wait(sessions, lambda value: value == 4)
            wait("sum(mailrace_session_duration_seconds_count)", lambda value: value == 4)
            [group] = scraper.ask("rules")["groups"]
            self.assertEqual(group["name"], "mailrace")
            wait_until(lambda: scraper.ask("rules")["groups"][0]["rules"][-1]["health"] == "ok", "rules evaluated")
            for rule in scraper.ask("rules")["groups"][0]["rules"]:
                self.assertEqual((rule["health"], rule.get("lastError", "")), ("ok", ""), rule["name"])

            def is_calm():
                # None is on its way to firing, either, but where a scrape had come too late. (The certificate of this
                # test is about to expire.)
                rules = scraper.ask("rules")["groups"][0]["rules"]
                return all(r["state"] == "inactive" for r in rules if not r["name"].startswith("MailraceCertificate"))

            wait_until(is_calm, "rules of which none is about to fire")
            for query in expressions():
                # Only failures, TLS with servers, AUTH, messages and maps, of which there have been none, have no value.
                # Those of maps have one below.
                if not re.search(
                    "reason|upstream_tls_sessions|authentication|outcome|route_messages|code|fault|map_", query
                ):
                    wait_until(lambda: scraper.ask("query", query=query)["result"], query)


@unittest.skipUnless(databases.can_run(databases.Redis), "no Redis to ask")
class Maps(RecipientCases, unittest.TestCase):
    """What a map is asked and says, while its database is there and while it is away."""

    def test_its_answers_are_counted_by_what_they_are_and_where_they_come_from(self):
        database = self.enterContext(databases.Redis())
        upstream = self.enterContext(sink.Sink())
        database.put("joe@one.test", upstream.address)
        more = 'upstream_settings = "backend"\nkeys = ["address"]\ntimeout = "1s"\ncache_ttl = "1s"\nstale_ttl = "60s"'
        mailrace = self.enterContext(Routes(
            {"backend": upstream.address}, tables=database.table("customers", more=more), admin=f"{HOST}:0", shards=2,
            listener='relaying = "transaction"\n[[listener.mx.route]]\nmap = "customers"',
        ))
        endpoint = Admin(mailrace)
        client = self.client(mailrace)

        def figures():
            lookups = [endpoint.metric("mailrace_map_lookups_total", map="customers", outcome=outcome)
                       for outcome in ["found", "missing", "failed"]]
            return lookups + [endpoint.metric("mailrace_map_cache_answers_total", map="customers", kind=kind)
                              for kind in ["fresh", "stale"]]

        self.assertEqual(figures(), [0, 0, 0, 0, 0])
        self.assertRegex(self.rcpt(client, "joe@one.test"), rb"^250")
        self.assertRegex(self.rcpt(client, "nobody@one.test"), rb"^554 5\.7\.1")
        self.assertEqual(figures(), [1, 1, 0, 0, 0])

        def asked_until(index):
            """Asks until the figure has moved: the answers before that."""
            before, count = figures(), 0

            def has_moved():
                nonlocal count
                self.assertRegex(self.rcpt(client, "joe@one.test"), rb"^250")
                count += 1
                return figures()[index] > before[index]

            # With pauses: a session may not have commands without end.
            wait_until(has_moved, "an answer of the other kind")
            after = figures()
            self.assertEqual([after[0] - before[0], after[1:3]], [count, before[1:3]])

        # Where a moment lies between two questions, the answer may have been forgotten.
        asked_until(3)
        self.assertEqual(figures()[4], 0)
        database.stop()
        asked_until(4)
        found = figures()
        self.assertRegex(self.rcpt(client, "nobody@one.test"), rb"^451 4\.3\.0")
        self.assertEqual(figures(), found[:2] + [1] + found[3:])
        with prometheus.Prometheus(admin(mailrace)) as scraper:
            queries = [query for query in expressions() if "map_" in query]
            self.assertEqual(len(queries), 2)
            for query in queries:
                wait_until(lambda: scraper.ask("query", query=query)["result"], query)


class StatusPage(unittest.TestCase):
    HOSTILE = '<script>document.title="owned"</script>'

    def test_it_is_readable_and_shows_what_clients_say_as_text(self):
        upstream = self.enterContext(sink.Sink())
        mailrace = self.enterContext(relay.start([upstream.address], starttls="offer", admin=f"{HOST}:0"))
        client = self.enterContext(scripted.Client(mailrace.port()))
        client.reply()
        client.ask(f"EHLO {self.HOSTILE}")
        clients.smtplib_client(mailrace.port(), clients.message(), True)
        page = self.enterContext(chromium.Browser()).page()
        for width, height, dark in [(1280, 900, False), (390, 844, False), (390, 844, True)]:
            with self.subTest(width=width, dark=dark):
                page.open(f"http://{admin(mailrace)}/status", width, height, dark)
                self.assertIn("Mailrace", page.evaluate("document.title"))
                self.assertEqual(page.evaluate("document.scripts.length"), 0)
                self.assertIn(self.HOSTILE, page.evaluate("document.body.innerText"))
                self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"), width)
                picture = chromium.Picture(page.screenshot(scale=0.25))
                self.assertEqual((picture.width, picture.height), (-(-width // 4), -(-height // 4)))
                self.assertGreater(len(picture.colours), 32)
                self.assertGreaterEqual(page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)"), 12)
