"""A file of SQLite says where mail goes."""

import os
import sqlite3
import unittest

from harness import databasecases, databases


class SQLite(databasecases.DatabaseCases, unittest.TestCase):
    kind = databases.SQLite

    def test_a_file_may_be_replaced(self):
        client = self.client(self.start())
        self.assertRegex(self.rcpt(client, "new@one.test"), rb"^5")
        other = f"{self.database.directory}/other.db"
        with sqlite3.connect(self.database.file) as old, sqlite3.connect(other) as new:
            old.backup(new)
            new.execute("INSERT INTO routes VALUES ('new@one.test', ?, NULL)", (self.one.address,))
        os.rename(other, self.database.file)
        self.assertRegex(self.rcpt(client, "new@one.test"), rb"^250")
        self.database.remove("new@one.test")

    def test_a_file_that_somebody_locks_is_waited_for_no_longer_than_the_timeout(self):
        client = self.client(self.start())
        self.assertRegex(self.rcpt(client, "joe@one.test"), rb"^250")
        writer = sqlite3.connect(self.database.file, isolation_level=None)
        try:
            writer.execute("BEGIN EXCLUSIVE")
            self.refuses_in_time(client, "joe@one.test")
            writer.execute("COMMIT")
        finally:
            writer.close()
        self.assertRegex(self.rcpt(client, "joe@one.test"), rb"^250")

    def test_a_file_that_is_not_there(self):
        mailrace = self.start()
        client = self.client(mailrace)
        os.rename(self.database.file, self.database.file + ".away")
        try:
            self.refuses_in_time(client, "joe@one.test")
        finally:
            os.rename(self.database.file + ".away", self.database.file)
        self.wait_until_known(mailrace, "joe@one.test")


if __name__ == "__main__":
    unittest.main()
