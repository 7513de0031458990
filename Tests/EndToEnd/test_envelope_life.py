"""Sessions at envelope depth while Mailrace changes: a new configuration, another process, the end."""

import os
import signal
import tempfile
import threading
import unittest

from harness import HOST, PATIENCE_S, admin, programs, relay, scripted, sink
from test_envelope import AUTH, CREDENTIALS, AuthServer


class SlowAuthServer(AuthServer):
    """One that answers when it is told to."""

    def __init__(self, server, wait="0"):
        super().__init__(server)
        self.asked, self.may_answer = threading.Semaphore(0), threading.Event()
        self.wait = wait

    def __exit__(self, *arguments):
        self.may_answer.set()
        super().__exit__(*arguments)

    def answer(self, headers):
        self.asked.release()
        self.may_answer.wait(PATIENCE_S)
        return [(name, self.wait if name == "Auth-Wait" else value) for name, value in super().answer(headers)]

    def wait_asked(self):
        if not self.asked.acquire(timeout=PATIENCE_S):
            raise AssertionError("nobody asked")


class Life(unittest.TestCase):
    def setUp(self):
        self.upstream = self.enterContext(sink.Sink())
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        self.auth = self.enterContext(SlowAuthServer(self.upstream.address))

    def text(self, auth=None, tables="", runtime="", listener='depth = "envelope"\n', **options):
        """A configuration that asks `auth`, or nobody."""
        asked = AUTH.format(address=auth.address, auth="require = true", site='timeout = "60s"') if auth else ""
        runtime += f'\ncontrol_socket = "{self.folder}/control.sock"\nmax_sessions = 100\ndrain_timeout = "60s"'
        options |= {"runtime": runtime, "listener": listener, "tables": asked + tables}
        return relay.configuration([self.upstream.address], **options)

    def start(self, **options):
        self.port = programs.free_port()
        self.mailrace = self.enterContext(relay.Mailrace(self.text(port=self.port, **options))).wait_ready()

    def reload(self, **options):
        self.mailrace.rewrite(self.text(port=self.port, **options))
        result = relay.mailrace("reload", "--config", self.mailrace.file)
        self.assertEqual(result.returncode, 0, result.stdout)

    def client(self):
        """One that has said EHLO."""
        client = self.enterContext(scripted.Client(self.port))
        client.reply()
        self.assertTrue(client.ask("EHLO client.test").startswith(b"250"))
        return client

    def waiting_client(self):
        """One about which the authentication server is being asked."""
        client = self.client()
        client.send(f"AUTH PLAIN {CREDENTIALS}\r\n")
        self.auth.wait_asked()
        return client

    # A new configuration

    def test_a_question_outlives_the_authenticator_that_it_was_put_to(self):
        self.start(auth=self.auth)
        waiting, early = self.waiting_client(), self.client()
        with sink.Sink() as another, AuthServer(another.address) as next_auth:
            self.reload(auth=next_auth)
            late = self.client()
            self.assertTrue(late.ask(f"AUTH PLAIN {CREDENTIALS}").startswith(b"235 "))
            self.assertEqual(len(self.auth.requests), 1)
            # A session keeps those whom it began with, whether or not it has asked them already.
            early.send(f"AUTH PLAIN {CREDENTIALS}\r\n")
            self.auth.wait_asked()
            self.auth.may_answer.set()
            for client in (waiting, early):
                self.assertTrue(client.reply().startswith(b"235 "))
                self.assertEqual(client.ask("MAIL FROM:<a@client.test>"), b"250 2.0.0 fine\r\n")
            self.assertEqual((len(self.upstream.connections), len(another.connections)), (2, 1))

    def test_a_question_outlives_its_listener_and_depth(self):
        self.start(auth=self.auth)
        waiting = self.waiting_client()
        self.reload(listener='depth = "tunnel"')
        with scripted.Client(self.port) as tunnelled:
            self.assertEqual(tunnelled.reply(), b"220 upstream.test ESMTP\r\n")
        self.auth.may_answer.set()
        self.assertTrue(waiting.reply().startswith(b"235 "))

    def test_a_reload_to_another_type_and_other_names(self):
        users = os.path.join(self.folder, "users")
        with open(users, "w") as file:
            file.write("joe:$6$no$hash\n")
        self.start(auth=self.auth)
        waiting = self.waiting_client()
        tables = f"""[listener.mx.auth]
authenticator = "users"
before_tls = true
[authenticator.users]
type = "file"
file = "{users}"
"""
        self.reload(tables=tables, dns='servers = ["127.0.0.2"]')
        late = self.client()
        self.assertTrue(late.ask(f"AUTH PLAIN {CREDENTIALS}").startswith(b"535 "))
        self.auth.may_answer.set()
        self.assertTrue(waiting.reply().startswith(b"235 "))

    def test_what_has_been_counted_stays_counted(self):
        limited = 'depth = "envelope"\nmax_messages_per_address = "2/1h"\n'
        self.start(listener=limited, runtime="limits_exempt = []")
        client = self.client()
        for code in (b"250 ", b"250 ", b"450 4.7.1 "):
            self.assertTrue(client.ask("MAIL FROM:<a@client.test>").startswith(code))
            client.ask("RSET")
        self.reload(listener=limited + "max_errors = 7\n", runtime="limits_exempt = []")
        self.assertTrue(self.client().ask("MAIL FROM:<a@client.test>").startswith(b"450 4.7.1 "))
        self.reload(listener=limited.replace("2/1h", "3/1h"), runtime="limits_exempt = []")
        self.assertTrue(self.client().ask("MAIL FROM:<a@client.test>").startswith(b"250 "))
        # A session keeps the limit with which it began.
        self.assertTrue(client.ask("MAIL FROM:<a@client.test>").startswith(b"450 4.7.1 "))

    # What is seen of it

    def test_sessions_are_shown_with_login_and_decision(self):
        self.auth.wait = "60"
        self.auth.may_answer.set()
        self.start(auth=self.auth, admin=f"{HOST}:0")
        endpoint = admin.Admin(self.mailrace)
        known, stranger = self.client(), self.client()
        self.assertTrue(known.ask(f"AUTH PLAIN {CREDENTIALS}").startswith(b"235 "))
        stranger.send("AUTH PLAIN AGpvZQB3cm9uZw==\r\n")
        self.mailrace.wait_counter("authentication_outcomes", 1, outcome="refused")
        rows = {(row["login"], row["decision"], row["phase"]) for row in endpoint.json("/sessions")["sessions"]}
        self.assertLessEqual({("joe", "accepted", "passthrough"), (None, "refused", "decision")}, rows)
        shown = relay.mailrace("sessions", "--admin", endpoint.address).stdout
        self.assertRegex(shown, r"joe +accepted")
        self.assertIn("<td>joe</td><td>accepted</td>", endpoint.text("/status"))

    # The end

    def end_with_421(self, *clients):
        self.mailrace.program.signal(signal.SIGTERM)
        for client in clients:
            self.assertTrue(client.rest().startswith(b"421 4.3.2 "), bytes(client.received))
        self.assertEqual(self.mailrace.program.wait(), 0)
        self.assertEqual({record["end"] for record in self.mailrace.sessions(len(clients))}, {"drained"})

    def test_who_is_in_the_midst_of_authentication_is_told_of_the_end(self):
        """While somebody decides, while a challenge is out, and before anything has been said."""
        self.start(auth=self.auth)
        waiting, challenged, silent = self.waiting_client(), self.client(), self.client()
        self.assertEqual(challenged.ask("AUTH LOGIN"), b"334 VXNlcm5hbWU6\r\n")
        self.end_with_421(waiting, challenged, silent)

    def test_an_upstream_that_keeps_silent_is_not_waited_for(self):
        silent = self.enterContext(scripted.Server(lambda peer: peer.rest()))
        self.auth.server = silent.address
        self.auth.may_answer.set()
        self.start(auth=self.auth)
        client = self.client()
        client.send(f"AUTH PLAIN {CREDENTIALS}\r\n")
        programs.wait_until(lambda: silent.connections, "the upstream to be called")
        self.end_with_421(client)
        self.assertEqual(bytes(silent.connections[0].received), b"")

    def test_a_refusal_that_is_held_back_is_not_waited_for(self):
        self.auth.wait = "60"
        self.auth.may_answer.set()
        self.start(auth=self.auth)
        client = self.client()
        client.send("AUTH PLAIN AGpvZQB3cm9uZw==\r\n")
        self.mailrace.wait_counter("authentication_outcomes", 1, outcome="refused")
        self.end_with_421(client)

    def test_who_has_been_handed_over_may_finish(self):
        self.auth.may_answer.set()
        self.start(auth=self.auth)
        client = self.client()
        self.assertTrue(client.ask(f"AUTH PLAIN {CREDENTIALS}").startswith(b"235 "))
        self.mailrace.program.signal(signal.SIGTERM)
        programs.wait_for_refusal(self.port)
        for command in ["MAIL FROM:<a@client.test>", "RCPT TO:<b@upstream.test>", "DATA", "Subject: x\r\n\r\n.", "QUIT"]:
            self.assertIn(client.ask(command)[:1], b"23")
        self.assertEqual(client.rest(), b"")
        client.close()
        self.assertEqual(self.mailrace.program.wait(), 0)

    # Another process

    def upgrade(self):
        result = relay.mailrace("upgrade", "--config", self.mailrace.file)
        self.assertEqual(result.returncode, 0, result.stdout + self.mailrace.program.output)
        process = int(result.stdout.split()[-1])
        # It is no child of ours, and writes where its former did.
        self.addCleanup(os.kill, process, signal.SIGKILL)

    def test_an_upgrade_leaves_who_waits_his_answer(self):
        self.start(auth=self.auth)
        waiting, challenged = self.waiting_client(), self.client()
        self.assertEqual(challenged.ask("AUTH LOGIN"), b"334 VXNlcm5hbWU6\r\n")
        self.upgrade()
        self.mailrace.wait_message("draining")
        self.auth.may_answer.set()
        self.assertTrue(waiting.reply().startswith(b"235 "))
        self.assertEqual(challenged.ask("am9l"), b"334 UGFzc3dvcmQ6\r\n")
        self.assertTrue(challenged.ask("c2VjcmV0").startswith(b"235 "))
        late = self.client()
        self.assertTrue(late.ask(f"AUTH PLAIN {CREDENTIALS}").startswith(b"235 "))
        for client in (waiting, challenged, late):
            self.assertEqual(client.ask("MAIL FROM:<a@client.test>"), b"250 2.0.0 fine\r\n")
            self.assertTrue(client.ask("QUIT").startswith(b"221 "))
            client.rest()
            client.close()
        self.assertEqual(self.mailrace.program.process.wait(PATIENCE_S), 0)


if __name__ == "__main__":
    unittest.main()
