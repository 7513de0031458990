"""MariaDB says where mail goes."""

import unittest

from harness import databasecases, databases


class MariaDB(databasecases.ServerCases, unittest.TestCase):
    kind = databases.MariaDB

    def test_a_table_may_get_more_columns(self):
        """What was prepared has fewer than what comes then."""
        self.database.execute(
            "CREATE TABLE wide (server VARCHAR(255), verify VARCHAR(5), name VARCHAR(320));"
            f"INSERT INTO wide VALUES ('{self.one.address}', NULL, 'joe@one.test')"
        )
        mailrace = self.start(query="SELECT * FROM wide WHERE name = ?")
        client = self.client(mailrace)
        self.assertRegex(self.rcpt(client, "joe@one.test"), rb"^250")
        for count in range(4):
            more = ", ".join(f"ADD COLUMN c{count}_{number} TEXT DEFAULT 'more'" for number in range(4**count))
            self.database.execute(f"ALTER TABLE wide {more}")
            for _ in range(3):
                self.assertRegex(self.rcpt(client, "joe@one.test"), rb"^(250|451 4\.3\.0) ", count)
        self.assertTrue(client.ask("NOOP").startswith(b"250"))
        self.database.execute("DROP TABLE wide")


if __name__ == "__main__":
    unittest.main()
