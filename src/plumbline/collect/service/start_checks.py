"""What is looked at before a study is started: its data gives items, its sources open. All that is wrong is told at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue

from plumbline.collect.kinds import PassedOver, Purpose, items_from_records
from plumbline.collect.service.entering import records_of, terms_of_study
from plumbline.collect.service.failures import no_items
from plumbline.collect.service.samplers import (
    ScorerOpener,
    SourceRules,
    about_source,
    open_named_scorer,
    open_named_source,
    open_sampler,
)
from plumbline.collect.study_file import ReadStudy
from plumbline.collect.study_lines import KeyPath, key_lines, line_of
from plumbline.collect.study_problems import StudyFileError, StudyProblem
from plumbline.collect.study_settings import Replies, Sampler, StudyFile
from plumbline.formats import Loaded, load
from plumbline.formats.prompt_files import load_prompts
from plumbline.records import Message, PlumblineError, Role
from plumbline.sources import parse_address
from plumbline.sources.network import check_url

Say = Callable[[str], None]
"""Told what is being looked at."""

_HELLO = (Message(Role.HUMAN, "Hello! Can you hear me?"),)


@dataclass(frozen=True)
class CheckedStudy:
    """A study whose data and sources were looked at.

    Attributes:
        read: its file and guidelines.
        data: what was read, by what its items are for; no work where the workers begin the conversations.
        not_tried: addresses of sources that were not opened.
        opened: of those that were, what may be done with their replies; see `samplers.about_source`.
    """

    read: ReadStudy
    data: dict[Purpose, Loaded]
    not_tried: tuple[str, ...]
    opened: tuple[JsonValue, ...] = ()


def check_start(
    read: ReadStudy,
    file_name: str,
    *,
    open_scorer: ScorerOpener | None = None,
    try_sources: bool = False,
    say: Say = lambda _: None,
) -> CheckedStudy:
    """Reads the study's data and opens its sources; nothing is written.

    Args:
        read: a study file that was checked.
        file_name: as it is to be called in errors.
        open_scorer: of best-of-k.
        try_sources: ask for replies once; without, only what stands on this machine is opened, language models not.
        say: told what is being looked at.
    Raises:
        StudyFileError: everything that is wrong, with the lines of the settings.
    """
    problems: list[tuple[KeyPath, PlumblineError]] = []
    data: dict[Purpose, Loaded] = {}
    for source in _data_of(read.study):
        say(f"reading {source.path}")
        try:
            stated = terms_of_study(read.study)
            path = read.folder / source.path
            loaded = source.reader(path, split=source.split, data_dir=source.data_dir, stated_terms=stated)
            _require_items(loaded, read.study, source.purpose, path)
        except PlumblineError as error:
            problems.append((source.key, error))
        else:
            data[source.purpose] = loaded
    looked = _LookedAt()
    if read.study.replies is not None:
        looked = _look_at_sources(read.study.replies, read.folder, open_scorer, say)
        problems += looked.problems
        if try_sources and not problems:
            say("asking the sources for two replies")
            problems += _try(read.study.replies, read.folder, open_scorer)
            looked.not_tried = []
    if problems:
        lines = key_lines(read.text)
        raise StudyFileError(file_name, [_told(key, error, line_of(lines, key)) for key, error in problems])
    return CheckedStudy(read, data, tuple(looked.not_tried), tuple(looked.opened))


def rules_at_start(replies: Replies | None, folder: Path) -> SourceRules:
    """What a study may name while it is checked: whoever starts it sits at the machine; `serve` asks for more."""
    variables = frozenset() if replies is None or replies.key_variable is None else frozenset({replies.key_variable})
    return SourceRules(folder, variables, True, frozenset({"openai", "retrieval", "transformers"}))


@dataclass(frozen=True, slots=True)
class _Source:
    """What items are made of: for what, the setting that names it, and how it is read."""

    purpose: Purpose
    key: KeyPath
    path: str
    split: str | None = None
    data_dir: str | None = None
    reader: Callable[..., Loaded] = load


def _data_of(study: StudyFile) -> Iterator[_Source]:
    items = study.items
    if items.data is not None:
        yield _Source(Purpose.WORK, ("items", "data"), items.data, items.split, items.data_dir)
    if items.prompts is not None:
        yield _Source(Purpose.WORK, ("items", "prompts"), items.prompts, items.split, reader=load_prompts)
    sections = (
        (Purpose.TRAINING, "qualification", study.qualification),
        (Purpose.GOLD, "gold", study.gold),
        (Purpose.ATTENTION, "attention", study.attention),
    )
    for purpose, name, section in sections:
        if section is not None:
            yield _Source(purpose, (name, "items"), section.items)


def _require_items(loaded: Loaded, study: StudyFile, purpose: Purpose, path: Path) -> None:
    """Looks until the first item is found."""
    passed: Counter[str] = Counter()
    for item in items_from_records(records_of(loaded), study, purpose):
        if not isinstance(item, PassedOver):
            return
        passed[item.code] += 1
    raise no_items(str(path), study.kind.value, purpose.value, loaded.rows_read, passed | Counter(loaded.quarantined))


@dataclass
class _LookedAt:
    """Sources of replies: what of them cannot be opened, which were not tried, and what is known of the others."""

    problems: list[tuple[KeyPath, PlumblineError]] = field(default_factory=list)
    not_tried: list[str] = field(default_factory=list)
    opened: list[JsonValue] = field(default_factory=list)


def _look_at_sources(replies: Replies, folder: Path, open_scorer: ScorerOpener | None, say: Say) -> _LookedAt:
    rules = rules_at_start(replies, folder)
    looked = _LookedAt()
    for position, text in enumerate(replies.sources):
        address = parse_address(text)
        try:
            if address.kind == "retrieval":
                say(f"opening {text}")
                looked.opened.append(about_source(open_named_source(address, replies, rules)))
            else:
                looked.not_tried.append(text)
            if address.kind == "openai":  # what can be told without asking: once begun, the file cannot be mended
                check_url(address.location, allow_private=replies.allow_private)
        except PlumblineError as error:
            looked.problems.append((("replies", "sources", position), error))
    if replies.sampler is Sampler.BEST_OF_K:
        say("opening the scorer")
        try:
            open_named_scorer(replies, rules, open_scorer)
        except PlumblineError as error:
            looked.problems.append((("replies", "scorer"), error))
    return looked


def _try(replies: Replies, folder: Path, open_scorer: ScorerOpener | None) -> list[tuple[KeyPath, PlumblineError]]:
    async def ask() -> None:
        """One draw, as a worker's turn makes it."""
        sampler, _ = open_sampler(replies, rules_at_start(replies, folder), open_scorer)
        try:
            await sampler.draw(_HELLO, seed=0)  # sources have patience of their own, and an end to it
        finally:
            await sampler.close()

    try:
        asyncio.run(ask())
    except PlumblineError as error:
        return [(("replies", "sources"), error)]
    return []


def _told(key: KeyPath, error: PlumblineError, line: int | None) -> StudyProblem:
    return StudyProblem(
        code=error.code,
        key=key,
        line=line,
        problem=f"{error.place}: {error.problem}",
        expected=error.expected,
        found=error.found,
        advice=error.advice,
    )
