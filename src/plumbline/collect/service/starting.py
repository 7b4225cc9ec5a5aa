"""Starting a study from its folder: an owner, the study, its guidelines, its items.

Every step looks whether it is done already, so that a start that broke off is made good by starting again, and new rows
of the data are entered by the same call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from plumbline.collect.kinds import Purpose
from plumbline.collect.service.catalogue import KnownStudy
from plumbline.collect.service.collecting import Collecting, utc_now
from plumbline.collect.service.entering import EnteredItems, enter_loaded
from plumbline.collect.service.failures import study_differs
from plumbline.collect.service.handing_out import HandedOut
from plumbline.collect.service.opening import SOURCES_OPENED, STUDY_STARTED, open_collecting
from plumbline.collect.service.start_checks import CheckedStudy, rules_at_start
from plumbline.collect.store.database import Store
from plumbline.collect.store.events import log_event
from plumbline.collect.store.failures import ConflictError, NotFoundError
from plumbline.collect.store.overview import count_workers, has_event
from plumbline.collect.store.studies import (
    add_guidelines,
    create_study,
    find_study,
    list_studies,
    newest_version,
    read_guidelines,
)
from plumbline.collect.study_file import parse_study_file
from plumbline.collect.study_settings import StudyFile

Told = Callable[[Purpose, int, int], None]
"""Told how many of how many records were looked at for items of a purpose."""


@dataclass(frozen=True)
class Started:
    """What a start did and found.

    Attributes:
        study: its name.
        is_new: the study was made now.
        owner: a token of an owner, made where the store had none.
        guidelines_version: the newest; `has_new_guidelines` where it was added now.
        entered: what became of the data, by what its items are for.
        not_tried: addresses of sources that nobody looked at yet.
        lacks_topics: workers may leave out topics, and no item for work names any.
    """

    study: str
    is_new: bool
    owner: HandedOut | None
    guidelines_version: int
    has_new_guidelines: bool
    entered: dict[Purpose, EnteredItems] = field(default_factory=dict)
    not_tried: tuple[str, ...] = ()
    lacks_topics: bool = False


def start_study(
    store: Store,
    checked: CheckedStudy,
    *,
    owner: HandedOut | None = None,
    told: Told = lambda purpose, done, total: None,  # noqa: ARG005 - nobody to tell
    clock: Callable[[], datetime] = utc_now,
) -> Started:
    """Makes the study where it is not there, and enters what is missing of its items.

    Args:
        checked: what `check_start` found.
        owner: as `hand_out_first_owner` gave it.
        told: told of progress.
        clock: the time, in UTC.
    Raises:
        ServiceError: PL-SVC-011, the store's study of this name has other settings; nothing was changed.
    """
    read = checked.read
    name = read.study.name
    is_new = _make(store, checked, clock)
    stored = find_study(store, name)
    known, study_id = parse_study_file(stored.file, f"{name}.toml"), stored.id
    if differing := differing_settings(known, read.study):
        raise study_differs(name, differing, _file_to_move(store, name))
    if checked.opened and not has_event(store, study_id, SOURCES_OPENED):
        # On what terms their replies come is known from the start, before the first worker comes.
        log_event(store, SOURCES_OPENED, now=clock(), study_id=study_id, payload={"sources": list(checked.opened)})
    if not has_event(store, study_id, STUDY_STARTED):
        log_event(store, STUDY_STARTED, now=clock(), study_id=study_id, payload={"digest": read.sha256})
    before = newest_version(store, study_id)
    version = _guidelines(store, study_id, read.guidelines, before, clock())
    collecting = open_collecting(store, rules_at_start(read.study.replies, read.folder), clock=clock)
    try:
        entered = _enter_all(collecting, checked, told)
        lacks_topics = known.has_topics and not collecting.topics.of_study(store, study_id)
    finally:
        collecting.end_calls()
    return Started(name, is_new, owner, version, version > before, entered, checked.not_tried, lacks_topics)


def differing_settings(stored: StudyFile, given: StudyFile) -> tuple[str, ...]:
    """The settings that two study files do not share; how they are written and commented does not matter."""
    return tuple(name for name in StudyFile.model_fields if getattr(stored, name) != getattr(given, name))


def _file_to_move(store: Store, name: str) -> str | None:
    """The file of a store in which nobody would lose anything: of this study alone, and nobody took an item of it yet."""
    studies = list_studies(store)
    is_untouched = [study.name for study in studies] == [name] and count_workers(store, studies[0].id) == 0
    return str(store.engine.url.database) if store.is_sqlite and is_untouched else None


def _make(store: Store, checked: CheckedStudy, clock: Callable[[], datetime]) -> bool:
    study = checked.read.study
    try:
        find_study(store, study.name)
    except NotFoundError:
        pass
    else:
        return False
    try:
        create_study(store, study.name, study.kind.value, checked.read.text, checked.read.guidelines, now=clock())
    except ConflictError:
        return False  # somebody else started it in between
    return True


def _guidelines(store: Store, study_id: int, text: str, newest: int, now: datetime) -> int:
    """The newest version; a text that the study has never had becomes one.

    A file that holds an earlier version does not take back a later one that came through the API.
    """
    known = (read_guidelines(store, study_id, version).text for version in range(newest, 0, -1))
    return newest if text in known else add_guidelines(store, study_id, text, now=now).version


def _enter_all(collecting: Collecting, checked: CheckedStudy, told: Told) -> dict[Purpose, EnteredItems]:
    study: KnownStudy = collecting.catalogue.named(checked.read.study.name)
    entered = {}
    for purpose, loaded in checked.data.items():

        def advance(done: int, total: int, purpose: Purpose = purpose) -> None:
            """Pass progress on, with what it is about."""
            told(purpose, done, total)

        made = enter_loaded(collecting, study, loaded, purpose, advance=advance)
        # Whoever starts a study has the files, and may look into them.
        opened = {code: (loaded.paths.get(file, file), line) for code, (file, line) in made.first_faults.items()}
        entered[purpose] = replace(made, first_faults=opened)
    return entered
