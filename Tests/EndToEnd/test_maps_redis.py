"""Redis says where mail goes."""

import unittest

from harness import databasecases, databases


class Redis(databasecases.ServerCases, unittest.TestCase):
    kind = databases.Redis


if __name__ == "__main__":
    unittest.main()
