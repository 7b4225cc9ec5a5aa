"""A store that is none: files, full disks, databases that are not there or refuse."""

import json
import re
import resource
import shlex
import socket
import sqlite3
import subprocess
import sys
import threading

import psycopg

from tests.cli.collect_client import PASSWORD, fails


def test_a_store_that_is_a_text_file_or_another_database(plumb, pairs, tmp_path):
    text, other, empty = tmp_path / "notes.txt", tmp_path / "other.db", tmp_path / "empty.db"
    text.write_text("my notes, which are longer than a header of SQLite, and dear to me\n" * 20)
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    empty.touch()
    before = text.read_bytes()
    for place in (text, other, empty):
        assert str(place) in fails(plumb("collect", "init", pairs, "--store", place), "PL-COL-041")
    for command in ("status", "serve", "token", "migrate"):
        fails(plumb("collect", command, pairs, "--store", text), "PL-COL-041")
    assert text.read_bytes() == before
    assert "collect init" in fails(plumb("collect", "status", pairs, "--store", tmp_path / "none.db"), "PL-COL-002")


def test_a_folder_that_cannot_be_written(plumb, pairs, tmp_path):
    (tmp_path / "file").write_text("")
    fails(plumb("collect", "init", pairs, "--store", tmp_path / "file" / "collect.db"), "PL-OUT-001", 1)
    fails(plumb("collect", "init", tmp_path / "file" / "study", "--example", "pairs"), "PL-OUT-001", 1)


def test_a_full_disk_leaves_nothing_half_made(plumb, pairs, tmp_path):
    place = tmp_path / "stores" / "full.db"
    done = subprocess.run(
        [sys.executable, "-m", "plumbline", "collect", "init", pairs, "--store", place],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)),
    )
    fails((done.returncode, done.stdout, done.stderr), "PL-COL-040", 1)
    assert list(place.parent.iterdir()) == []
    assert plumb("collect", "init", pairs, "--store", place)[0] == 0


def test_a_store_by_the_environment(plumb, pairs, tmp_path, monkeypatch):
    monkeypatch.setenv("PLUMBLINE_STORE", str(tmp_path / "elsewhere.db"))
    assert plumb("collect", "init", pairs)[0] == 0
    assert (tmp_path / "elsewhere.db").exists()
    assert json.loads(plumb("collect", "status", pairs, "--json")[1])["store"] == str(tmp_path / "elsewhere.db")


def refusing_server():
    """A Postgres that knows nobody; its port."""
    listening = socket.create_server(("127.0.0.1", 0))
    said = b"SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed\0\0"

    def refuse():
        with listening:
            while True:
                connection, _ = listening.accept()
                with connection:
                    while (start := connection.recv(4096)) and start[4:7] == b"\x04\xd2\x16":
                        connection.sendall(b"N")  # neither TLS nor GSSAPI
                    if start:
                        connection.sendall(b"E" + (len(said) + 4).to_bytes(4, "big") + said)

    threading.Thread(target=refuse, daemon=True).start()
    return listening.getsockname()[1]


def test_postgres_that_is_not_there_or_refuses_a_password_that_is_never_shown(plumb, pairs):
    for port in (1, refusing_server()):
        for url in (
            f"postgresql://me:{PASSWORD}@127.0.0.1:{port}/db",
            f"postgresql://me@127.0.0.1:{port}/db?password={PASSWORD}",
        ):
            err = fails(plumb("collect", "init", pairs, "--store", url), "PL-COL-043", 1)
            assert f"127.0.0.1:{port}" in err
            for command in ("status", "serve", "token", "migrate"):
                fails(plumb("collect", command, pairs, "--store", url), "PL-COL-043", 1)
    fails(plumb("collect", "init", pairs, "--store", f"mysql://me:{PASSWORD}@127.0.0.1/db"), "PL-COL-006")
    fails(plumb("collect", "init", pairs, "--store", f"postgresql://me:{PASSWORD}@127.0.0.1:port/db"), "PL-COL-006")


def test_a_start_on_postgres(plumb, pairs, empty_postgres):
    url = empty_postgres
    code, out, err = plumb("collect", "init", pairs, "--store", url, "--json")
    first = json.loads(out)
    assert (code, first["store_is_new"], first["entered"]["work"]["new"]) == (0, True, 12), err
    # What is told can be typed.
    (line,) = [line for line in err.splitlines() if line.startswith("next: ")]
    *words, told = shlex.split(line)[1:]
    assert words == ["plumbline", "collect", "serve", str(pairs), "--store"]
    assert json.loads(plumb("collect", "status", pairs, "--store", told, "--json")[1])["people"] == {"owner": 1}
    assert json.loads(plumb("collect", "init", pairs, "--store", url, "--json")[1])["entered"]["work"]["known"] == 12


def test_an_address_with_a_password_is_not_repeated(plumb, pairs, empty_postgres, monkeypatch):
    url = empty_postgres.replace("plumbline@", f"plumbline:{PASSWORD}@")
    _, out, err = plumb("collect", "init", pairs, "--store", url)
    assert PASSWORD not in out + err
    assert f"next: plumbline collect serve {pairs}\n" in err
    assert "set PLUMBLINE_STORE to it first" in err
    monkeypatch.setenv("PLUMBLINE_STORE", url)
    _, out, err = plumb("collect", "init", pairs)
    assert PASSWORD not in out + err
    assert f"next: plumbline collect serve {pairs}\n" in err
    assert "set PLUMBLINE_STORE" not in err


def test_a_database_that_is_not_there_and_a_server_that_does_not_answer(plumb, pairs, empty_postgres):
    url = re.sub(r"/[^/?]+\?", "/not_there?", empty_postgres)
    err = fails(plumb("collect", "init", pairs, "--store", url), "PL-COL-043", 1)
    assert "createdb" in err
    assert "not_there" in err
    assert "createdb" in fails(plumb("collect", "status", pairs, "--store", url), "PL-COL-043", 1)
    err = fails(plumb("collect", "status", pairs, "--store", "postgresql://me@127.0.0.1:1/db"), "PL-COL-043", 1)
    assert "does not answer" in err
    assert "createdb" not in err


def test_an_account_of_postgres_that_may_make_no_tables(plumb, pairs, empty_postgres, postgres):
    with psycopg.connect(host=postgres, user="plumbline", dbname="postgres", autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS weak")
        connection.execute("CREATE ROLE weak LOGIN")
    url = empty_postgres.replace("plumbline@", "weak@")
    fails(plumb("collect", "init", pairs, "--store", url), "PL-COL-044", 1)
