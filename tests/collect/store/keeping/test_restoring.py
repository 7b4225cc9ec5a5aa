"""Restoring: into an empty place, from one database to the other, and over a store that is at work."""

import shutil
import stat
from contextlib import closing
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from plumbline.collect.store.checking import check_store
from plumbline.collect.store.database import connect_copy
from plumbline.collect.store.failures import ConflictError, SchemaError, StoreError
from plumbline.collect.store.items import enter_items, read_items
from plumbline.collect.store.keeping import restoring
from plumbline.collect.store.keeping.backup import back_up, manifest_of
from plumbline.collect.store.keeping.carrying_webhooks import give_up_undelivered
from plumbline.collect.store.keeping.restoring import restore
from plumbline.collect.store.migrating import create_store, newest_revision, open_store, revision_of
from plumbline.collect.store.rows import NewItem, NewJudgement
from plumbline.collect.store.studies import create_study, list_studies
from plumbline.records import WriteError
from tests.collect import postgres_server
from tests.collect.store.filled import address, contents, fill, make_old
from tests.collect.store.made_up import START, make_desk, make_items, make_study

LATER = START + timedelta(days=1)


@pytest.fixture
def full(store):
    """A store with rows in every table, which has nothing more to tell other systems."""
    fill(store, newest_revision())
    store.write(lambda connection: give_up_undelivered(connection, START))
    return store


@pytest.fixture
def backup(full, tmp_path):
    """A backup of it."""
    return back_up(full, tmp_path / "backup.db", now=START).path


@pytest.fixture(scope="module")
def kept(sqlite_template, tmp_path_factory):
    """A folder with a backup of such a store, and its manifest."""
    folder = tmp_path_factory.mktemp("kept")
    shutil.copyfile(sqlite_template, folder / "store.db")
    with closing(open_store(folder / "store.db")) as store:
        fill(store, newest_revision())
        back_up(store, folder / "kept" / "backup.db", now=START)
    return folder / "kept"


@pytest.fixture
def any_backup(kept, tmp_path):
    """A copy of it: where a backup is refused, it does not matter which database its rows come from."""
    shutil.copytree(kept, tmp_path, dirs_exist_ok=True)
    return tmp_path / "backup.db"


# --- an empty place ---


def test_into_an_empty_file(full, backup, tmp_path):
    place = tmp_path / "deep" / "store.db"
    done = restore(backup, place, replace=False, now=LATER)
    assert (done.before, done.replaced, done.was_verified, done.migrated_from) == (None, None, True, None)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert [path.name for path in place.parent.iterdir()] == ["store.db"]
    with closing(open_store(place)) as made:
        assert contents(made) == contents(full)
        assert check_store(made) == []


def test_into_an_empty_postgres_and_its_numbers_go_on(full, backup, empty_postgres):
    done = restore(backup, empty_postgres, replace=False, now=LATER)
    with closing(open_store(empty_postgres)) as made:
        assert contents(made) == contents(full)
        assert done.rows == {name: len(rows) for name, rows in contents(full).items()}
        _its_numbers_go_on(made, full)


def test_the_numbers_of_a_restored_file_go_on(full, backup, tmp_path):
    restore(backup, tmp_path / "store.db", replace=False, now=LATER)
    with closing(open_store(tmp_path / "store.db")) as made:
        _its_numbers_go_on(made, full)


def _its_numbers_go_on(made, full):
    study = create_study(made, "another", "pairs", "f", "g", now=LATER)
    assert study.id == 1 + max(each.id for each in list_studies(full))
    enter_items(made, study.id, make_items(1), now=LATER)
    assert check_store(made) == []


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
PAYLOADS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4).filter(str.isascii), inner),
    max_leaves=6,
)


# Few examples of many rows each: every example makes two files and a database.
@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    texts=st.lists(TEXTS, min_size=12, max_size=20),
    payloads=st.lists(PAYLOADS, min_size=12, max_size=12),
    seconds=st.none() | st.floats(0, 1e12),
)
def test_texts_numbers_and_payloads_come_back_from_the_other_database(
    tmp_path_factory, postgres, texts, payloads, seconds
):
    """From SQLite to Postgres and back: every row equal to the byte. A NUL is stored as JSON's escape, or refused."""
    folder = tmp_path_factory.mktemp("round")
    with closing(create_store(folder / "store.db")) as store:
        payloads.append({"NUL": "\0", "largest": 2**63 - 1, "smallest": 5e-324, "\u2028": "\U0001f600"})
        new = [
            NewItem(f"{number} {text}", each) for number, (each, text) in enumerate(zip(payloads, texts, strict=False))
        ]
        desk = make_desk(store, new, workers=1)
        desk.submit(desk.take(), judgements=(NewJudgement(texts[0], "kind", {"a": payloads}, 1, seconds),))
        other = postgres_server.address_of(postgres, postgres_server.make_database(postgres))
        restore(back_up(store, folder / "1.db", now=START).path, other, replace=False, now=LATER)
        with closing(open_store(other)) as made:
            assert contents(made) == contents(store)
            restore(back_up(made, folder / "2.db", now=START).path, folder / "again.db", replace=False, now=LATER)
        with closing(open_store(folder / "again.db")) as again:
            assert contents(again) == contents(store)
            assert [item.payload for item in read_items(again, desk.study_id)] == [item.payload for item in new]


def test_an_older_backup_is_migrated_on_the_way(tmp_path, empty_place):
    old = make_old(tmp_path / "old.db", "0001")
    backup = back_up(old, tmp_path / "backup.db", now=START).path
    old.close()
    before = backup.read_bytes()
    done = restore(backup, empty_place, replace=False, now=LATER)
    assert done.migrated_from == "0001"
    assert {path.name for path in tmp_path.rglob("*") if path.is_file() and path.name != "store.db"} == {
        *("old.db", "backup.db", "backup.db.manifest.json"),
    }
    assert backup.read_bytes() == before
    with closing(open_store(empty_place)) as made:
        assert made.read(revision_of) == newest_revision()
        assert check_store(made) == []


@pytest.fixture
def empty_place(request, database, tmp_path):
    """Where no store is, on either database."""
    return tmp_path / "new" / "store.db" if database == "sqlite" else request.getfixturevalue("empty_postgres")


# --- what is refused ---


def test_a_flipped_byte_is_noticed(any_backup, tmp_path):
    whole = any_backup.read_bytes()
    at = whole.index(b"Read both, and the question too")
    any_backup.write_bytes(whole[:at] + b"r" + whole[at + 1 :])
    with pytest.raises(SchemaError, match="PL-COL-052"):
        restore(any_backup, tmp_path / "store.db", replace=False, now=LATER)
    assert not (tmp_path / "store.db").exists()
    # Without its manifest a text cannot be told from another; a page that is no page can.
    manifest_of(any_backup).unlink()
    any_backup.write_bytes(whole[: len(whole) // 2] + b"\xff" * 4096 + whole[len(whole) // 2 + 4096 :])
    with pytest.raises(StoreError, match=r"PL-COL-05[01].*backup\.db"):
        restore(any_backup, tmp_path / "store.db", replace=False, now=LATER)
    assert not (tmp_path / "store.db").exists()


def test_a_backup_without_its_manifest_is_taken_and_told(any_backup, tmp_path):
    manifest_of(any_backup).unlink()
    assert not restore(any_backup, tmp_path / "store.db", replace=False, now=LATER).was_verified


def test_what_is_no_backup_is_refused(tmp_path):
    (tmp_path / "text").write_text("words")
    (tmp_path / "empty.db").touch()
    create_store(tmp_path / "store.db").close()
    shutil.copyfile(tmp_path / "store.db", tmp_path / "used.db")
    (tmp_path / "used.db-wal").write_bytes(b"x" * 100)
    with closing(connect_copy(tmp_path / "other.db")) as other:
        other.write(lambda connection: connection.execute(text("CREATE TABLE t (a TEXT)")))
    for name in ("text", "empty.db", "missing.db", "used.db", "other.db"):
        with pytest.raises(SchemaError, match="PL-COL-051"):
            restore(tmp_path / name, tmp_path / "new.db", replace=False, now=LATER)
    assert not (tmp_path / "new.db").exists()


def test_a_backup_of_a_newer_version_is_refused(any_backup, tmp_path):
    manifest_of(any_backup).unlink()
    with closing(connect_copy(any_backup)) as copy:
        copy.write(lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(SchemaError, match=r"PL-COL-004.*backup\.db"):
        restore(any_backup, tmp_path / "store.db", replace=False, now=LATER)


def test_files_of_another_database_are_not_mixed_in(any_backup, tmp_path):
    (tmp_path / "store.db-wal").write_bytes(b"left over")
    with pytest.raises(SchemaError, match="PL-COL-053"):
        restore(any_backup, tmp_path / "store.db", replace=False, now=LATER)


def test_a_standing_store_is_left_alone_unless_asked(full, backup):
    before = contents(full)
    with pytest.raises(StoreError, match=r"PL-COL-053(.|\n)*--replace"):
        restore(backup, address(full), replace=False, now=LATER)
    assert contents(full) == before


def test_a_store_of_other_studies_is_not_replaced(any_backup, make_address, database):
    with closing(open_store(make_address(database))) as other:
        make_study(other, "something else")
        with pytest.raises(ConflictError, match="PL-COL-054"):
            restore(any_backup, address(other), replace=True, now=LATER)
        assert [study.name for study in list_studies(other)] == ["something else"]


def test_a_study_under_another_number_is_another(make_address, database, tmp_path):
    """Servers know a study by its number too: here they would go on with `pairs` and write into another's rows."""
    with closing(open_store(make_address(database))) as store, closing(open_store(make_address(database))) as other:
        make_study(store)
        gone = make_study(other, "first").id
        gate = "INSERT INTO erasing (person_id, until_commit) VALUES ('x', 0)"
        rows = ("DELETE FROM queues", "DELETE FROM guidelines", f"DELETE FROM studies WHERE id = {gone}")
        statements = (gate, *rows, "DELETE FROM erasing")
        other.write(lambda connection: [connection.execute(text(statement)) for statement in statements])
        make_study(other)
        assert [study.id for study in list_studies(store) + list_studies(other)] == [1, 2]
        backup = back_up(other, tmp_path / "backup.db", now=START).path
        with pytest.raises(ConflictError, match="PL-COL-054"):
            restore(backup, address(store), replace=True, now=LATER)


def test_a_store_that_appears_meanwhile_is_not_written_over(any_backup, tmp_path, monkeypatch):
    real = restoring._checked_copy

    def slow(*args):
        made = real(*args)
        create_store(tmp_path / "store.db").close()
        return made

    monkeypatch.setattr(restoring, "_checked_copy", slow)
    with pytest.raises(StoreError, match="PL-COL-053"):
        restore(any_backup, tmp_path / "store.db", replace=False, now=LATER)
    with closing(open_store(tmp_path / "store.db")) as made:
        assert list_studies(made) == []


def test_an_unwritable_place_is_told(any_backup, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(WriteError, match="PL-OUT-001"):
        restore(any_backup, tmp_path / "file" / "store.db", replace=False, now=LATER)
