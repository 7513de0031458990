"""What the end-to-end tests share: programs, peers, clients, certificates.

Nothing here waits for a fixed time. A program is ready when it says so on a line or answers on its port, and every
wait has the same limit, PATIENCE_S, after which the test fails and shows what the program printed.
"""

PATIENCE_S = 30
HOST = "127.0.0.1"
