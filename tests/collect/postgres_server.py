"""A throwaway Postgres server for tests: a unix socket in a folder of its own, no password, no care for a power cut."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg

_DEBIAN = Path("/usr/lib/postgresql")
_numbers = count(1)


class NoPostgres(Exception):
    """There is no server to start; the message says why."""


def find_program(name: str) -> str:
    """The program on PATH, else Debian's newest."""
    places = [shutil.which(name), *(str(path) for path in sorted(_DEBIAN.glob(f"*/bin/{name}"), reverse=True))]
    for place in places:
        if place:
            return place
    raise NoPostgres(f"{name} is neither on PATH nor below {_DEBIAN}")


def _account() -> dict[str, str | int]:
    """Postgres refuses to run as root: then it runs as the account that the package made, or as nobody."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid}
    raise NoPostgres("we are root, and there is no other account to run it as")


@contextmanager
def running_server(*, durable: bool = False, password: str | None = None, port: int | None = None) -> Iterator[str]:
    """The folder of the socket of a server that ends with the block.

    Args:
        durable: every commit waits for the disk, as Postgres does by default; for benchmarks.
        password: who comes over TCP has to know it; nobody is asked for one otherwise.
        port: of 127.0.0.1, where it listens too; the socket has its number in its name then.
    """
    initdb, pg_ctl, account = find_program("initdb"), find_program("pg_ctl"), _account()
    folder = Path(tempfile.mkdtemp(prefix="plumbline-postgres-"))
    try:
        if account:
            os.chown(folder, int(account["user"]), int(account["group"]))
        data, log = folder / "data", folder / "log"
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL, "cwd": folder}
        asked = ["-A", "trust"]
        if password is not None:
            (folder / "password").write_text(password)
            (folder / "password").chmod(0o644)  # the folder is closed to others
            asked = ["--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={folder / 'password'}"]
        made = subprocess.run(
            [initdb, "-D", data, *asked, "-U", "plumbline", "-N", "-E", "UTF8", "--locale=C"],
            **quiet,
            **account,
            check=False,
        )
        if made.returncode:
            raise NoPostgres(f"initdb ended with {made.returncode}")
        careless = (
            "fsync=off",
            "full_page_writes=off",
            "synchronous_commit=off",
            "wal_level=minimal",
            "max_wal_senders=0",
        )
        listening = ("listen_addresses=''",) if port is None else ("listen_addresses=127.0.0.1", f"port={port}")
        settings = (*(() if durable else careless), *listening, "max_connections=200", "shared_buffers=64MB")
        options = f"-k {folder} " + " ".join(f"-c {setting}" for setting in settings)
        subprocess.run([pg_ctl, "-D", data, "-l", log, "-o", options, "-w", "start"], **quiet, **account, check=True)
        try:
            yield str(folder)
        finally:
            subprocess.run([pg_ctl, "-D", data, "-m", "immediate", "-w", "stop"], **quiet, **account, check=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_database(socket: str, *, template: str = "template1") -> str:
    """A new database on the server, a copy of `template`; returns its name."""
    name = f"plumbline_{next(_numbers)}"
    with psycopg.connect(host=socket, user="plumbline", dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    return name


def empty_database(socket: str, name: str) -> None:
    """Empties all tables but the one with the schema's revision.

    Faster by far than a new database, and than TRUNCATE, which makes new files for each table and each index.
    """
    with psycopg.connect(host=socket, user="plumbline", dbname=name) as connection:
        connection.execute("SET session_replication_role = replica")  # the triggers of append-only tables are silent
        found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        tables = [table for (table,) in found if table != "alembic_version"]
        connection.execute("; ".join(f"DELETE FROM {table}" for table in tables))
        connection.execute("SELECT setval(seqrelid, seqstart, false) FROM pg_sequence")


def clear_database(socket: str, name: str) -> None:
    """Removes all tables."""
    with psycopg.connect(host=socket, user="plumbline", dbname=name) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")


def address_of(socket: str, name: str) -> str:
    """The URL of a database on the server."""
    return f"postgresql://plumbline@/{name}?host={socket}"
