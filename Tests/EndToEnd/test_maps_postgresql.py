"""PostgreSQL says where mail goes."""

import unittest

from harness import databasecases, databases


class PostgreSQL(databasecases.ServerCases, unittest.TestCase):
    kind = databases.PostgreSQL


if __name__ == "__main__":
    unittest.main()
