"""MariaDB says where mail goes."""

import unittest

from harness import databasecases, databases


class MariaDB(databasecases.ServerCases, unittest.TestCase):
    kind = databases.MariaDB


if __name__ == "__main__":
    unittest.main()
