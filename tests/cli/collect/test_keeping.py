"""The commands that keep what was collected: exports, backups, erasing, older stores; and passwords, which nothing shows."""

import io
import json
import re
import sqlite3
import sys
from contextlib import closing

from plumbline.collect.service.beginning import begin_work
from plumbline.collect.service.opening import open_collecting
from plumbline.collect.service.samplers import SourceRules
from plumbline.collect.service.store_places import open_place
from plumbline.collect.service.submitting import Answer, Request, submit_answer
from plumbline.collect.store.database import connect
from plumbline.collect.store.migrating import newest_revision, upgrade_to
from plumbline.collect.store.people import find_person
from plumbline.records import errors
from tests.cli.collect_client import PASSWORD, fails


def worked(plumb, folder, *store):
    """One worker judges one item of a study, without a server; their pseudonym."""
    person = json.loads(plumb("collect", "token", folder, *store, "--json")[1])["pseudonym"]
    opened = open_place(store[1] if store else folder / "collect.db")
    collecting = open_collecting(opened, SourceRules(folder))
    worker = find_person(opened, person)
    held = begin_work(collecting, worker, "pairs").held
    values = {"act": "judge-pair", "helpfulness": 1, "harmlessness": 1, "comment": "a remark of theirs"}
    submit_answer(
        collecting, worker, held.assignment.id, Answer(held.assignment.fence, values, 1), Request("key-1", "0" * 64)
    )
    collecting.calls.close()
    opened.close()
    return person


def test_an_export_and_what_it_is_refused_with(plumb, pairs, tmp_path):
    export = ("collect", "export", pairs, tmp_path / "out", "--to")
    fails(plumb(*export, "parquet"), "PL-EXP-002", 1)
    assert "parquet" in fails(plumb(*export, "parket"), "PL-ARG-001")
    fails(plumb(*export, "beavertails"), "PL-EXP-001")
    assert not (tmp_path / "out").exists()
    worked(plumb, pairs)
    code, out, err = plumb(*export, "parquet", "--licence", "CC-BY-4.0", "--uses", "preference,analysis")
    assert code == 0
    assert re.search(r"^comparisons/train\.parquet +2$", out, re.MULTILINE)
    assert f"wrote {tmp_path / 'out'}" in err
    (tmp_path / "out" / "notes.txt").write_text("mine")
    fails(plumb(*export, "parquet"), "PL-OUT-002")
    (pairs / "study.toml").write_text("name = 3")
    code, _, err = plumb(*export, "parquet")
    assert (code, err.startswith("PL-STY-002  study.toml line 1, name")) == (2, True)


def test_a_backup_restored_over_what_was_judged_since(plumb, pairs, tmp_path):
    backup = tmp_path / "backup.db"
    code, out, err = plumb("collect", "backup", pairs, backup)
    assert (code, "0 judgements" in out) == (0, True)
    assert "keep it as safe as the store" in err
    worked(plumb, pairs)
    fails(plumb("collect", "restore", backup, pairs), "PL-COL-053", 1)
    code, out, err = plumb("collect", "restore", backup, pairs, "--replace", "--keep", tmp_path / "before.db")
    assert code == 0
    assert str(tmp_path / "before.db") in out
    assert "judgements 1" in err.splitlines()[0]
    assert "1 worker" not in plumb("collect", "status", pairs)[1]
    fails(plumb("collect", "restore", pairs / "study.toml", pairs, "--replace"), "PL-COL-051")
    fails(plumb("collect", "backup", pairs, pairs / "study.toml"), "PL-OUT-002")


def test_a_faulty_store_is_kept_and_brought_back_only_where_asked_for_and_told_loudly(plumb, pairs, tmp_path):
    worked(plumb, pairs)
    with closing(sqlite3.connect(pairs / "collect.db")) as store:
        store.execute("UPDATE tallies SET submitted = 7")
        store.commit()
    backup = tmp_path / "backup.db"
    assert "--with-faults" in fails(plumb("collect", "backup", pairs, backup), "PL-COL-050", 1)
    code, _, err = plumb("collect", "backup", pairs, backup, "--with-faults")
    assert (code, "FAILS ITS CHECK" in err, "tally_wrong" in err) == (0, True, True)
    restore = ("collect", "restore", backup, pairs, "--replace")
    assert "--with-faults" in fails(plumb(*restore), "PL-COL-050", 1)
    code, out, err = plumb(*restore, "--with-faults", "--keep", tmp_path / "kept.db")
    assert (code, "1 judgement, " in out, "FAILS ITS CHECK" in err, "tally_wrong" in err) == (0, True, True, True)
    told = json.loads(plumb(*restore, "--with-faults", "--json")[1])
    assert [fault.split(" ")[0] for fault in told["faults"]] == ["tally_wrong"]
    fails(plumb(*restore, "--with-faults", "--keep", tmp_path / "kept.db"), "PL-COL-055", 1)


def test_names_that_are_not_taken(plumb, pairs, tmp_path):
    """SQLite's own files, and what a terminal made of bytes that are no text."""
    for ending in ("-journal", "-wal", "-shm"):
        fails(plumb("collect", "backup", pairs, pairs / f"collect.db{ending}"), "PL-OUT-008")
    fails(plumb("collect", "erase", pairs, "\udcff", "--yes"), "PL-COL-010")
    fails(plumb("collect", "token", pairs, "--for", "\udcff"), "PL-COL-010")
    plumb("collect", "backup", pairs, tmp_path / "backup.db")
    fails(plumb("collect", "status", pairs, "--store", tmp_path / "backup.db"), "PL-COL-045")


def test_erasing_asks_first_and_says_what_is_left(plumb, pairs, tmp_path, monkeypatch):
    person = worked(plumb, pairs)
    plumb("collect", "export", pairs, tmp_path / "out", "--to", "parquet")
    erase = ("collect", "erase", pairs, person)
    fails(plumb(*erase), "PL-STA-020")
    fails(plumb("collect", "erase", pairs, "nobody-here", "--yes"), "PL-COL-010")
    fails(plumb(*erase, "--yes", "--look-in", tmp_path / "nothing"), "PL-SRC-001")
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    assert plumb(*erase)[0] == 1
    assert b"a remark of theirs" in (pairs / "collect.db").read_bytes() + wal(pairs)
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    code, out, err = plumb(*erase, "--look-in", tmp_path)
    assert (code, f"{person}: erased" in out) == (1, True)
    assert f"{tmp_path / 'out' / 'manifest.json'}: data" in out
    assert "backups" in err
    assert b"a remark of theirs" not in (pairs / "collect.db").read_bytes() + wal(pairs)
    assert "was erased before" in plumb(*erase, "--yes")[1]


class Terminal(io.StringIO):
    """Somebody who answers."""

    def isatty(self):
        return True


def wal(folder):
    path = folder / "collect.db-wal"
    return path.read_bytes() if path.exists() else b""


def test_an_older_store_is_refused_backed_up_and_brought_up_to_date(plumb, pairs, tmp_path):
    place = tmp_path / "old.db"
    old = connect(place)
    old.write(lambda connection: upgrade_to(connection, "0001"))
    old.close()
    for command in ("init", "serve", "status", "token"):
        assert "plumbline collect migrate" in fails(plumb("collect", command, pairs, "--store", place), "PL-COL-003")
    assert plumb("collect", "backup", pairs, tmp_path / "backup.db", "--store", place)[0] == 0
    code, out, _ = plumb("collect", "migrate", pairs, "--store", place)
    assert (code, out) == (0, f"from revision 0001 to {newest_revision()}\n")
    assert plumb("collect", "init", pairs, "--store", place)[0] == 0


def test_a_password_of_a_store_stands_in_nothing_that_is_printed_or_written(plumb, pairs, tmp_path, empty_postgres):
    url = empty_postgres.replace("plumbline@", f"plumbline:{PASSWORD}@")
    assert PASSWORD in url
    store = ("--store", url)
    said = [*plumb("collect", "init", pairs, *store)[1:]]
    person = worked(plumb, pairs, *store)
    for words in (
        ("status", pairs),
        ("export", pairs, tmp_path / "out", "--to", "parquet"),
        ("backup", pairs, tmp_path / "backup.db"),
        ("restore", tmp_path / "backup.db", pairs, "--replace"),
        ("migrate", pairs),
        ("erase", pairs, person, "--yes"),
    ):
        code, out, err = plumb("collect", *words, *store)
        assert code == (1 if words[0] == "erase" else 0), err
        said += [out, err]
    assert len(said) == 14
    assert PASSWORD not in "".join(said)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 8
    assert not [path for path in written if PASSWORD.encode() in path.read_bytes()]


def test_without_the_extra_the_commands_say_so(plumb, pairs, monkeypatch):
    monkeypatch.setattr(errors, "find_spec", lambda name: None if name == "fastapi" else name)
    for words in (
        *(("init", pairs), ("serve", pairs), ("status", pairs), ("token", pairs), ("migrate", pairs)),
        *(("export", pairs, "out", "--to", "parquet"), ("backup", pairs, "b"), ("restore", "b", pairs)),
        ("erase", pairs, "somebody"),
    ):
        assert "[collect]" in fails(plumb("collect", *words), "PL-STA-021")
