"""Studies and the versions of their guidelines."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from plumbline.collect.store import row_maps
from plumbline.collect.store.database import Store, insert_into
from plumbline.collect.store.events import EventKind, add_event
from plumbline.collect.store.failures import ConflictError, NotAllowedError, not_found
from plumbline.collect.store.outbox import tell_guidelines, tell_started, tell_state
from plumbline.collect.store.rows import Guidelines, Study, StudyState
from plumbline.collect.store.tables import guidelines, queues, studies

_SECRET_BYTES = 16
_NEWEST_VERSION = select(func.max(guidelines.c.version)).where(guidelines.c.study_id == bindparam("study"))
OPENING = select(studies.c.name, studies.c.state, _NEWEST_VERSION.scalar_subquery().label("guidelines_version")).where(
    studies.c.id == bindparam("study")
)
"""What is looked at before work is handed out; `require_open` takes its row."""
_OF_NUMBER = select(*row_maps.STUDY.columns).where(studies.c.id == bindparam("number"))


def create_study(
    store: Store, name: str, kind: str, file: str, guidelines_text: str, *, now: datetime, by: str | None = None
) -> Study:
    """A new study, open, with a secret of its own and the first version of its guidelines.

    Args:
        file: the text of the study's TOML file, kept as it is.
        by: who makes it, for the log.
    Raises:
        ConflictError: PL-COL-025, there is a study of this name.
    """

    def work(connection: Connection) -> Study:
        """Within one transaction: the study with its first guidelines."""
        values = {"name": name, "kind": kind, "file": file, "digest": text_digest(file), "state": StudyState.OPEN.value}
        values["secret"] = secrets.token_hex(_SECRET_BYTES)
        query = insert_into(connection, studies).values(**values, created_at=now).on_conflict_do_nothing()
        row = connection.execute(query.returning(*row_maps.STUDY.columns)).one_or_none()
        if row is None:
            raise ConflictError(
                "PL-COL-025",
                f"study {name}",
                "there is a study of this name already",
                advice="give the new study another name",
            )
        connection.execute(insert(queues), {"study_id": row.id, "next_position": 1})
        about = {"study_id": row.id, "person_id": by, "payload": {"kind": kind}}
        if add_event(connection, EventKind.STUDY_CREATED, now, **about):
            tell_started(connection, row.id, now)
        _put_guidelines(connection, row.id, 1, guidelines_text, now, by=by)
        return row_maps.STUDY.of(row)

    return store.write(work)


def find_study(store: Store, name: str) -> Study:
    """The study of this name.

    Raises:
        NotFoundError: PL-COL-010.
    """
    query = select(*row_maps.STUDY.columns).where(studies.c.name == name)
    row = store.row(query)
    if row is None:
        raise not_found("study", name)
    return row_maps.STUDY.of(row)


def read_study(store: Store, study_id: int) -> Study:
    """The study of this number.

    Raises:
        NotFoundError: PL-COL-010.
    """
    return store.read(lambda connection: study_in(connection, study_id))


def list_studies(store: Store) -> list[Study]:
    """All studies, in the order they were made."""
    query = select(*row_maps.STUDY.columns).order_by(studies.c.id)
    return [row_maps.STUDY.of(row) for row in store.rows(query)]


def study_numbers(store: Store) -> set[int]:
    """The numbers of all studies."""
    return {row.id for row in store.rows(select(studies.c.id))}


def set_study_state(store: Store, study_id: int, state: StudyState, *, now: datetime, by: str | None = None) -> Study:
    """Opens, pauses or closes a study. What is leased may still be submitted, in every state.

    Args:
        by: who does it, for the log.
    """

    def work(connection: Connection) -> Study:
        """Within one transaction: the study as now."""
        before = study_in(connection, study_id).state
        connection.execute(update(studies).where(studies.c.id == study_id).values(state=state.value))
        told = {"state": state.value}
        if add_event(connection, EventKind.STUDY_STATE, now, study_id=study_id, person_id=by, payload=told):
            tell_state(connection, study_id, before, state, now)
        return study_in(connection, study_id)

    return store.write(work)


def add_guidelines(
    store: Store, study_id: int, text: str, *, now: datetime, after_version: int | None = None, by: str | None = None
) -> Guidelines:
    """A new version of the guidelines; the newest again where the text is the same.

    Args:
        after_version: the version that the text was made from; None where that is not to be looked at.
        by: who publishes it, for the log.
    Raises:
        ConflictError: PL-COL-036, another version came since.
    """

    def work(connection: Connection) -> Guidelines:
        """Within one transaction: a new version, where the text is new."""
        study_in(connection, study_id)
        # The queue's row is the study's lock: of two writers at once the second compares with what the first wrote.
        connection.execute(select(queues.c.study_id).where(queues.c.study_id == study_id).with_for_update())
        newest = _newest_guidelines(connection, study_id)
        # A repeated request was made from the version before the one that it made.
        if newest.text == text and after_version in (None, newest.version, newest.version - 1):
            return newest
        if after_version not in (None, newest.version):
            raise _came_meanwhile(study_id, newest.version, after_version)
        return _put_guidelines(connection, study_id, newest.version + 1, text, now, by=by)

    return store.write(work)


def newest_guidelines(store: Store, study_id: int) -> Guidelines:
    """The version that workers are shown now."""

    def work(connection: Connection) -> Guidelines:
        """Within one transaction: the newest version."""
        study_in(connection, study_id)
        return _newest_guidelines(connection, study_id)

    return store.read(work)


def newest_version(store: Store, study_id: int) -> int:
    """The number of the version that workers are shown now; without its text.

    Raises:
        NotFoundError: PL-COL-010.
    """
    ((found,),) = store.rows(_NEWEST_VERSION, {"study": study_id})
    if found is None:
        raise not_found("study", study_id)
    return int(found)


def read_guidelines(store: Store, study_id: int, version: int) -> Guidelines:
    """One version of the guidelines.

    Raises:
        NotFoundError: PL-COL-010.
    """
    query = select(*row_maps.GUIDELINES.columns).where(
        guidelines.c.study_id == study_id, guidelines.c.version == version
    )
    row = store.row(query)
    if row is None:
        raise not_found(f"guidelines of study {study_id}, version", version)
    return row_maps.GUIDELINES.of(row)


def list_guidelines(store: Store, study_id: int, *, limit: int = 200) -> list[tuple[int, datetime]]:
    """The newest versions of a study's guidelines, newest first: number and when it was made."""
    query = select(guidelines.c.version, guidelines.c.created_at).where(guidelines.c.study_id == study_id)
    rows = store.rows(query.order_by(guidelines.c.version.desc()).limit(limit))
    return [(row.version, row.created_at) for row in rows]


def study_in(connection: Connection, study_id: int) -> Study:
    """The study, within the transaction at hand."""
    row = connection.execute(_OF_NUMBER, {"number": study_id}).one_or_none()
    if row is None:
        raise not_found("study", study_id)
    return row_maps.STUDY.of(row)


def require_open(study_id: int, study: Row[Any] | None) -> Row[Any]:
    """Refuses to hand out work of a study that is not open.

    Args:
        study: the row of `OPENING`, which is given back.
    Raises:
        NotFoundError: PL-COL-010. NotAllowedError: PL-COL-030.
    """
    if study is None:
        raise not_found("study", study_id)
    if study.state != StudyState.OPEN.value:
        raise NotAllowedError(
            "PL-COL-030",
            f"study {study.name}",
            "it hands out no work now",
            expected="an open study",
            found=f"one that is {study.state}",
            advice="wait until it is opened again; what is in hand can still be submitted",
        )
    return study


def _put_guidelines(
    connection: Connection, study_id: int, version: int, text: str, now: datetime, *, by: str | None
) -> Guidelines:
    row = Guidelines(study_id, version, text, text_digest(text), now)
    values = {"study_id": study_id, "version": version, "text": text, "sha256": row.sha256, "created_at": now}
    connection.execute(insert(guidelines), values)
    about = {"study_id": study_id, "person_id": by, "payload": {"version": version}}
    if add_event(connection, EventKind.GUIDELINES_ADDED, now, **about) and version > 1:
        tell_guidelines(connection, study_id, version, now)
    return row


def _came_meanwhile(study_id: int, newest: int, after_version: int) -> ConflictError:
    return ConflictError(
        "PL-COL-036",
        f"guidelines of study {study_id}",
        "another version was published meanwhile",
        expected=f"a text made from version {newest}",
        found=f"one made from version {after_version}",
        advice="read the newest version, and put both together",
    )


def _newest_guidelines(connection: Connection, study_id: int) -> Guidelines:
    query = (
        select(*row_maps.GUIDELINES.columns)
        .where(guidelines.c.study_id == study_id)
        .order_by(guidelines.c.version.desc())
        .limit(1)
    )
    return row_maps.GUIDELINES.of(connection.execute(query).one())


def text_digest(text: str) -> str:
    """SHA-256 of a text as it is stored, in hex."""
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()
