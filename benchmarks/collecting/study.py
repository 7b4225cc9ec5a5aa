"""A study of pairs to be put under load: folder, store, people. All texts are made up, and each carries its number."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from plumbline.collect.service.collecting import utc_now
from plumbline.collect.service.entering import enter_data
from plumbline.collect.service.opening import open_collecting
from plumbline.collect.service.samplers import SourceRules
from plumbline.collect.store.database import Store
from plumbline.collect.store.migrating import create_store, open_store
from plumbline.collect.store.people import add_person, issue_token
from plumbline.collect.store.rows import Role
from plumbline.collect.store.studies import create_study

STUDY = "under-load"
STRENGTHS = 8
DATABASES = ("sqlite", "postgres")
MARKS = ("first text", "second text")
"""Which of a pair's two texts it is; says nothing of the side that it is stored on or shown at."""

_GUIDELINES = (
    "# Guidelines\n\nSay which of the two answers is more helpful. Nobody reads these: the workers are simulated.\n"
)


@dataclass(frozen=True, slots=True)
class SimulatedWorker:
    """Nobody: a program that acts as a worker does."""

    number: int
    person_id: str
    token: str


@dataclass(frozen=True, slots=True)
class MadeStudy:
    """A study with its items entered.

    Attributes:
        folder: of the study; its data and its TOML file stand there.
        store: path or URL.
        owner: token.
    """

    folder: Path
    store: str
    study_id: int
    workers: tuple[SimulatedWorker, ...]
    owner: str

    def open(self) -> Store:
        """The store; the caller closes it."""
        return open_store(self.store)


def write_study(folder: Path, *, items: int, overlap: int) -> None:
    """The study's folder: ``study.toml``, guidelines, and the pairs that it judges.

    Leases are as short as a study may have them: one minute.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "name": STUDY,
        "kind": "pairs",
        "axes": ["helpfulness"],
        "tranche": "base",
        "guidelines": "guidelines.md",
        "items": "pairs.jsonl",
        "overlap": overlap,
        "lease_minutes": 1,
        "strengths": STRENGTHS,
        "seed": 4,
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    (folder / "study.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "guidelines.md").write_text(_GUIDELINES, encoding="utf-8")
    with (folder / "pairs.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(_row(number)) + "\n" for number in range(items))


def make_study(folder: Path, store: str, *, items: int, overlap: int, workers: int) -> MadeStudy:
    """A new store with the study, its items entered and its people in it."""
    write_study(folder, items=items, overlap=overlap)
    opened, now = create_store(store), utc_now()
    try:
        text = (folder / "study.toml").read_text(encoding="utf-8")
        study = create_study(opened, STUDY, "pairs", text, _GUIDELINES, now=now)
        collecting = open_collecting(opened, SourceRules(folder))
        result = enter_data(collecting, collecting.catalogue.named(STUDY), folder / "pairs.jsonl")
        collecting.calls.close()
        if result.entered.new != items:
            raise SystemExit(f"{items} pairs were written, {result.entered.new} became items")
        people = [_person(opened, Role.WORKER) for _ in range(workers)]
        made = tuple(SimulatedWorker(number, *each) for number, each in enumerate(people))
        return MadeStudy(folder, store, study.id, made, _person(opened, Role.OWNER)[1])
    finally:
        opened.close()


@contextmanager
def empty_place(database: str, folder: Path, *, durable: bool = False) -> Iterator[str]:
    """Where a new store may be made: a file in `folder`, or a database of a server that ends with the block.

    Args:
        durable: whether Postgres is to wait for the disk at every commit, as it does by default; a server that is
            only to be correct need not.
    """
    if database == "sqlite":
        yield str(folder / "collect.db")
        return
    from tests.collect import postgres_server

    try:
        with postgres_server.running_server(durable=durable) as socket:
            yield postgres_server.address_of(socket, postgres_server.make_database(socket))
    except postgres_server.NoPostgres as error:
        print(f"no Postgres here: {error}", file=sys.stderr)
        raise SystemExit(2) from None


def number_in(text: str) -> int:
    """The number that a text carries.

    Raises:
        ValueError: it carries none.
    """
    return int(text.rsplit("#", 1)[1])


def _row(number: int) -> dict[str, object]:
    """A pair as BeaverTails' preference rows write it. Which text comes first in byte order changes with the number."""
    openings = ("It depends", "As it is") if number % 2 else ("As it is", "It depends")
    first, second = (
        f"{opening}: {'word ' * 40}{mark} of pair #{number}" for opening, mark in zip(openings, MARKS, strict=True)
    )
    return {
        "prompt": f"A made-up question, of pair #{number}",
        "response_0": first,
        "response_1": second,
        "is_response_0_safe": True,
        "is_response_1_safe": True,
        "better_response_id": 0,
        "safer_response_id": 0,
    }


def _person(store: Store, role: Role) -> tuple[str, str]:
    now = utc_now()
    person = add_person(store, role, now=now)
    # Far in the future: a run may let the study's clock go faster.
    return person.id, issue_token(store, person.id, now=now, expires_at=now + timedelta(days=3650))
