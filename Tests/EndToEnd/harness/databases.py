"""Private databases that know where mail goes: MariaDB, PostgreSQL, Redis and files of SQLite."""

import contextlib
import os
import pwd
import shutil
import signal
import tempfile

from . import HOST
from .programs import Program, find, free_port, is_stopped, run, wait_for_listener, wait_until

PASSWORD = "pass'word"
# One for all: the key, the server, and whether its certificate must be valid.
TABLE = "CREATE TABLE routes (name VARCHAR(320) PRIMARY KEY, server VARCHAR(255), verify VARCHAR(5))"
QUERY = "SELECT server, verify FROM routes WHERE name = ?"


def _text(value):
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def _becoming(user):
    """What makes a process that of the user."""
    entry = pwd.getpwnam(user)

    def become():
        os.setgid(entry.pw_gid)
        os.initgroups(user, entry.pw_gid)
        os.setuid(entry.pw_uid)

    return become


def has_user(name):
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return os.geteuid() == 0


class Server:
    """Use as a context. May be stopped and started again, killed, and held up."""

    user = None

    def __enter__(self):
        # Short: the path of a socket has 107 bytes at most.
        self.directory = tempfile.mkdtemp(prefix="mr-db-", dir="/tmp")
        os.chmod(self.directory, 0o755)
        shutil.chown(self.directory, self.user, self.user)
        self.port = free_port()
        self.program = None
        with open(f"{self.directory}/password", "w") as file:
            file.write(PASSWORD + "\n")
        os.chmod(f"{self.directory}/password", 0o644)
        try:
            self.prepare()
            self.start()
            self.fill()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.directory)

    def prepare(self):
        pass

    def fill(self):
        pass

    def start(self):
        self.program = Program(self.arguments(), preexec=_becoming(self.user), group=True)
        wait_for_listener(self.port, self.program)
        wait_until(self.answers, f"{self.program.name} to answer: {self.program.output}")

    def stop(self):
        """Ends it in order."""
        self.program.stop()

    def kill(self):
        if self.program:
            self.resume()
            self.program.signal(signal.SIGKILL)
            self.program.stop()
            self.program = None

    def pause(self):
        """It is there, and does nothing. Until the signal has come to one of its threads, the others go on."""

        def stands_still():
            going = [process for process in self.processes() if not is_stopped(process)]
            for process in going:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGSTOP)
            return not going

        wait_until(stands_still, f"{self.program.name} to stand still")

    def resume(self):
        for process in self.processes():
            os.kill(process, signal.SIGCONT)

    def processes(self):
        first = self.program.process.pid
        if self.program.process.poll() is not None:
            return []
        with open(f"/proc/{first}/task/{first}/children") as file:
            return [first] + [int(child) for child in file.read().split()]

    def run(self, arguments, text=None):
        done = run(arguments, text)
        if done.returncode != 0:
            raise AssertionError(f"{arguments[0]}: {done.stdout}")
        return done.stdout


class SQLServer(Server):
    def fill(self):
        self.execute(TABLE)

    def put(self, name, server, verify=None):
        self.execute(f"DELETE FROM routes WHERE name = {_text(name)}")
        self.execute(f"INSERT INTO routes VALUES ({_text(name)}, {_text(server)}, {_text(verify)})")

    def remove(self, name):
        self.execute(f"DELETE FROM routes WHERE name = {_text(name)}")

    def table(self, name, by_socket=False, more="", query=QUERY):
        """The table of the configuration for a map."""
        place = self.place_of_socket() if by_socket else f'host = "{HOST}"\nport = {self.port}'
        return f"""[map.{name}]
type = "{self.type}"
{place}
user = "relay"
password_file = "{self.directory}/password"
database = "mail"
query = "{query}"
{more}
"""


class MariaDB(SQLServer):
    user = "mysql"
    type = "mysql"

    def prepare(self):
        self.run(
            [
                "mariadb-install-db",
                "--no-defaults",
                "--user=mysql",
                f"--datadir={self.directory}/data",
                "--skip-test-db",
                "--auth-root-authentication-method=normal",
            ]
        )

    @property
    def socket(self):
        return f"{self.directory}/socket"

    def place_of_socket(self):
        return f'socket = "{self.socket}"'

    def arguments(self):
        return [
            find("mariadbd"),
            "--no-defaults",
            f"--datadir={self.directory}/data",
            f"--bind-address={HOST}",
            f"--port={self.port}",
            f"--socket={self.socket}",
            f"--pid-file={self.directory}/pid",
            "--innodb-buffer-pool-size=32M",
            "--innodb-log-file-size=8M",
            "--performance-schema=OFF",
            "--skip-name-resolve",
        ]

    def client(self, *more):
        return ["mariadb", "--no-defaults", "-S", self.socket, "-uroot", *more]

    def answers(self):
        self.program.check_alive()
        return run(self.client("-e", "SELECT 1")).returncode == 0

    def fill(self):
        password = PASSWORD.replace("'", "''")
        hosts = [f"'relay'@'{host}'" for host in (HOST, "localhost")]
        self.run(
            self.client(),
            "CREATE DATABASE mail CHARACTER SET utf8mb4;"
            + "".join(
                f"CREATE USER {host} IDENTIFIED BY '{password}'; GRANT SELECT ON mail.* TO {host};" for host in hosts
            ),
        )
        super().fill()

    def execute(self, statement):
        return self.run(self.client("mail"), statement)


class PostgreSQL(SQLServer):
    user = "postgres"
    type = "postgresql"

    def programs(self):
        """The folder of the newest."""
        folder = "/usr/lib/postgresql"
        return f"{folder}/{max(os.listdir(folder), key=int)}/bin"

    def prepare(self):
        self.run(
            [
                "setpriv",
                "--reuid=postgres",
                "--regid=postgres",
                "--init-groups",
                f"{self.programs()}/initdb",
                f"--pgdata={self.directory}/data",
                "--auth=scram-sha-256",
                f"--pwfile={self.directory}/password",
                "--username=postgres",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ]
        )

    def place_of_socket(self):
        return f'socket = "{self.directory}"\nport = {self.port}'

    def arguments(self):
        settings = ["fsync=off", "shared_buffers=16MB", f"listen_addresses={HOST}"]
        return [f"{self.programs()}/postgres", "-D", f"{self.directory}/data", "-p", f"{self.port}"] + [
            argument for setting in [*settings, f"unix_socket_directories={self.directory}"] for argument in ["-c", setting]
        ]

    def client(self, database, *more):
        return [
            "env",
            f"PGPASSWORD={PASSWORD}",
            "psql",
            "-X",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            self.directory,
            "-p",
            f"{self.port}",
            "-U",
            "postgres",
            "-d",
            database,
            *more,
        ]

    def answers(self):
        self.program.check_alive()
        return run(self.client("postgres", "-c", "SELECT 1")).returncode == 0

    def stop(self):
        # Otherwise it would wait for its clients to go.
        self.program.signal(signal.SIGINT)
        self.program.wait()
        self.program.stop()

    def kill(self):
        if self.program and self.program.process.poll() is None:
            self.resume()
            # All of its processes, which have sessions of their own.
            self.program.signal(signal.SIGQUIT)
            self.program.wait()
        super().kill()

    def fill(self):
        password = PASSWORD.replace("'", "''")
        self.run(self.client("postgres", "-c", "CREATE DATABASE mail"))
        self.execute(f"CREATE USER relay PASSWORD '{password}'")
        super().fill()
        self.execute("GRANT SELECT ON routes TO relay")

    def execute(self, statement):
        return self.run(self.client("mail"), statement)


class Redis(Server):
    user = "redis"
    type = "redis"

    @property
    def socket(self):
        return f"{self.directory}/socket"

    def arguments(self):
        return [
            find("redis-server"),
            *["--bind", HOST],
            *["--port", f"{self.port}"],
            *["--unixsocket", self.socket],
            *["--unixsocketperm", "777"],
            *["--dir", self.directory],
            *["--requirepass", PASSWORD],
            # What it was told outlives it.
            *["--appendonly", "yes"],
            *["--appendfsync", "always"],
        ]

    def client(self, *words):
        return ["env", f"REDISCLI_AUTH={PASSWORD}", "redis-cli", "-s", self.socket, "-n", "1", *words]

    def answers(self):
        self.program.check_alive()
        return "PONG" in run(self.client("PING")).stdout

    def put(self, name, server, verify=None):
        self.run(self.client("SET", f"route:{name}", server + (f";{verify}" if verify else "")))

    def remove(self, name):
        self.run(self.client("DEL", f"route:{name}"))

    def table(self, name, by_socket=False, more=""):
        server = f"unix:{self.socket}" if by_socket else f"{HOST}:{self.port}"
        return f"""[map.{name}]
type = "redis"
server = "{server}"
password_file = "{self.directory}/password"
database = "1"
prefix = "route:"
{more}
"""


class SQLite:
    """A file. Use as a context."""

    type = "sqlite"

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="mr-db-", dir="/tmp")
        self.file = f"{self.directory}/routes.db"
        self.execute(TABLE)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.directory)

    def execute(self, statement, file=None):
        done = run(["sqlite3", "-bail", file or self.file, statement])
        if done.returncode != 0:
            raise AssertionError(f"sqlite3: {done.stdout}")

    put = SQLServer.put
    remove = SQLServer.remove

    def table(self, name, more=""):
        return f"""[map.{name}]
type = "sqlite"
file = "{self.file}"
query = "{QUERY}"
{more}
"""


def can_run(server):
    """Whether what the class stands for is there."""
    if server is SQLite:
        return find("sqlite3") is not None
    if not has_user(server.user):
        return False
    if server is PostgreSQL:
        return os.path.isdir("/usr/lib/postgresql") and find("psql") is not None
    return find("mariadbd" if server is MariaDB else "redis-server") is not None
