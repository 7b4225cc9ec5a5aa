"""Backups while servers write: of one moment, whole, or not there."""

import json
import resource
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from plumbline.collect.store.checking import Acknowledged, check_store
from plumbline.collect.store.database import connect, connect_copy
from plumbline.collect.store.failures import StoreError
from plumbline.collect.store.keeping.backup import back_up, is_own_backup, manifest_of
from plumbline.collect.store.leasing import LeaseTerms, take
from plumbline.collect.store.migrating import newest_revision, open_store
from plumbline.collect.store.rows import Submission
from plumbline.collect.store.submission import submit
from plumbline.lineage import Manifest, file_digest
from plumbline.records import UsageError, WriteError
from tests.collect.store.filled import contents, fill, make_old
from tests.collect.store.made_up import LEASE, START, a_judgement, make_desk, make_items


@pytest.fixture
def full(store):
    """A store with rows in every table."""
    fill(store, newest_revision())
    return store


def test_a_backup_is_one_private_file_with_every_row_and_a_manifest(full, tmp_path):
    out = tmp_path / "kept" / "copy.db"
    made = back_up(full, out, now=START)
    assert sorted(path.name for path in out.parent.iterdir()) == ["copy.db", "copy.db.manifest.json"]
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    with closing(connect_copy(out)) as copy:
        assert contents(copy) == contents(full)
        assert check_store(copy) == []
    manifest = Manifest.model_validate_json(manifest_of(out).read_bytes())
    assert manifest.holds == "backup"
    assert manifest.outputs[0].sha256 == made.sha256 == file_digest(out)
    assert manifest.configuration["rows"] == made.rows
    assert manifest.configuration["schema_revision"] == newest_revision()
    assert manifest.configuration["moment"] == START.isoformat()
    assert made.rows["judgements"] == 23
    assert sum(made.rows.values()) == manifest.outputs[0].rows


def test_the_password_is_in_no_manifest(full, tmp_path, monkeypatch):
    address = full.engine.url.set(password="secret") if not full.is_sqlite else full.engine.url
    monkeypatch.setattr(full.engine, "url", address)
    back_up(full, tmp_path / "copy.db", now=START)
    assert "secret" not in manifest_of(tmp_path / "copy.db").read_text()


def test_a_backup_while_others_take_and_submit_holds_what_was_submitted_before(store, tmp_path):
    desk = make_desk(store, make_items(400, overlap=2), workers=4)
    told, stop, errors = [], threading.Event(), []

    def work(worker):
        try:
            while not stop.is_set() and (
                taken := take(store, desk.study_id, worker, LeaseTerms(START + LEASE), now=START)
            ):
                key = f"{worker}-{taken.assignment.id}"
                request = Submission(taken.assignment.id, worker, 1, key, key, (a_judgement(),))
                told.append(Acknowledged(worker, key, submit(store, request, now=START).outcome))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in desk.workers]
    for thread in threads:
        thread.start()
    while len(told) < 40 and not errors:
        time.sleep(0.005)
    backups = []
    for number in range(3):
        before = list(told)
        backups.append((before, back_up(store, tmp_path / f"{number}.db", now=START)))
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(told) > len(backups[0][0])
    for before, made in backups:
        with closing(connect_copy(made.path)) as copy:
            assert check_store(copy, acknowledged=before) == []
        assert made.rows["judgements"] >= len(before)


def test_an_earlier_backup_is_replaced_and_nothing_else_is(full, tmp_path):
    out = tmp_path / "copy.db"
    back_up(full, out, now=START)
    back_up(full, out, now=START)
    assert is_own_backup(out)
    out.write_bytes(out.read_bytes() + b"x")
    with pytest.raises(UsageError, match="PL-OUT-002"):
        back_up(full, out, now=START)
    if full.is_sqlite:
        with pytest.raises(UsageError, match="PL-OUT-008"):
            back_up(full, Path(full.engine.url.database), now=START)


@pytest.mark.parametrize("ending", ["", "-journal", "-wal", "-shm"])
def test_a_backup_takes_no_name_that_is_the_databases(make_address, tmp_path, ending):
    """SQLite removes such a file, or plays it back into the store."""
    place, link = Path(make_address("sqlite")), tmp_path / "link.db"
    link.symlink_to(place)
    for path in (place, link):
        with closing(open_store(path)) as store:
            with pytest.raises(UsageError, match=r"PL-OUT-008"):
                back_up(store, Path(f"{place}{ending}"), now=START)
            assert check_store(store) == []


def test_the_manifest_of_an_earlier_backup_goes_before_it_does(full, tmp_path, monkeypatch):
    """Else, were the machine to stop in between, the old manifest would stand beside the new backup."""
    out = tmp_path / "copy.db"
    back_up(full, out, now=START)

    def stopped(*_):
        raise RuntimeError("the machine stopped here")

    monkeypatch.setattr("plumbline.collect.store.keeping.backup._write_manifest", stopped)
    with pytest.raises(RuntimeError):
        back_up(full, out, now=START)
    assert not manifest_of(out).exists()


def test_a_store_with_a_fault_gives_no_backup(full, tmp_path):
    gate = "INSERT INTO erasing (person_id, until_commit) VALUES ('x', 0)"
    statements = (gate, "DELETE FROM judgements WHERE corrects IS NOT NULL", "DELETE FROM erasing")
    full.write(lambda connection: [connection.execute(text(statement)) for statement in statements])
    with pytest.raises(StoreError, match=r"PL-COL-050(.|\n)*judgement_lost"):
        back_up(full, tmp_path / "copy.db", now=START)
    assert list(tmp_path.iterdir()) == []


def test_an_older_store_can_be_backed_up_before_it_is_migrated(tmp_path):
    make_old(tmp_path / "old.db", "0001").close()
    with closing(connect(tmp_path / "old.db")) as store:
        assert back_up(store, tmp_path / "copy.db", now=START).revision == "0001"


def test_an_older_store_on_postgres_can_be_backed_up(empty_postgres, tmp_path):
    with closing(make_old(empty_postgres, "0001")) as store:
        assert back_up(store, tmp_path / "copy.db", now=START).revision == "0001"
        with closing(connect_copy(tmp_path / "copy.db")) as copy:
            assert contents(copy) == contents(store)


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path, sqlite_template):
    store, out = tmp_path / "store.db", tmp_path / "out"
    shutil.copyfile(sqlite_template, store)
    opened = open_store(store)
    make_desk(opened, make_items(4000))
    opened.close()
    script = f"""
import signal, resource
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, {resource.RLIM_INFINITY}))
run()
"""
    with _in_a_process(script, store, out) as process:
        assert process.stdout.read() == "PL-OUT-001\n"
    assert process.returncode == 0
    assert list(out.iterdir()) == []


def test_killed_in_the_middle_nothing_half_written_is_left(tmp_path, sqlite_template):
    store, out = tmp_path / "store.db", tmp_path / "out"
    shutil.copyfile(sqlite_template, store)
    script = """
import plumbline.collect.store.keeping.backup as module
def stop(path, shown, with_faults):
    print("written", flush=True)
    import time
    time.sleep(60)
module.look_through = stop
run()
"""
    with _in_a_process(script, store, out) as process:
        assert process.stdout.readline() == "written\n"
        process.send_signal(signal.SIGKILL)
    assert not (out / "copy.db").exists()
    assert len(list(out.iterdir())) == 1
    with closing(open_store(store)) as opened:
        back_up(opened, out / "copy.db", now=START)
    assert sorted(path.name for path in out.iterdir()) == ["copy.db", "copy.db.manifest.json"]


def _in_a_process(script, store, out):
    """A process that has `run`, which backs up and prints an error's code."""
    prelude = f"""
from datetime import datetime, UTC
from pathlib import Path
from plumbline.records import PlumblineError
from plumbline.collect.store.migrating import open_store
def run():
    from plumbline.collect.store.keeping.backup import back_up
    try:
        back_up(open_store({str(store)!r}), Path({str(out)!r}) / "copy.db", now=datetime.now(UTC))
    except PlumblineError as error:
        print(error.code, flush=True)
"""
    out.mkdir()
    return subprocess.Popen([sys.executable, "-c", prelude + script], stdout=subprocess.PIPE, text=True)


def test_progress_reaches_its_end(full, tmp_path):
    told = []
    made = back_up(full, tmp_path / "copy.db", now=START, advance=lambda done, of: told.append((done, of)))
    assert told[-1] == (sum(made.rows.values()),) * 2
    assert told == sorted(told)


def test_what_was_deleted_in_the_store_is_not_in_the_backup(tmp_path, sqlite_template):
    """The pages of a backup hold rows and nothing between them."""
    shutil.copyfile(sqlite_template, tmp_path / "store.db")
    raw = sqlite3.connect(tmp_path / "store.db")
    raw.execute("PRAGMA secure_delete=OFF")
    raw.execute("CREATE TABLE more (words TEXT)")
    raw.executemany("INSERT INTO more VALUES (?)", [(f"remembered {number} " * 50,) for number in range(100)])
    raw.commit()
    raw.execute("DROP TABLE more")
    raw.commit()
    raw.close()
    assert b"remembered 7" in (tmp_path / "store.db").read_bytes()
    with closing(open_store(tmp_path / "store.db")) as store:
        back_up(store, tmp_path / "copy.db", now=START)
    assert b"remembered 7" not in (tmp_path / "copy.db").read_bytes()


def test_a_refused_place_is_told(full, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(WriteError, match="PL-OUT-001"):
        back_up(full, tmp_path / "file" / "copy.db", now=START)
    assert json.dumps(sorted(path.name for path in tmp_path.iterdir())) == '["file"]'
