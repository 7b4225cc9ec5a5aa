"""What a page is made of: sections of cards, each a picture with its reading and its tables. The template draws these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from plumbline.report.drawing import Picture
from plumbline.report.inputs import Evaluation, Found, ReportInputs
from plumbline.report.wording import number


@dataclass(frozen=True)
class Column:
    """A column of a table; numbers are set flush right."""

    name: str
    numeric: bool = False


@dataclass(frozen=True)
class Table:
    """A table: what it shows, its columns, its rows of text. Rows marked stand out."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    marked: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Card:
    """One subject: a heading, pictures, a sentence that reads them, the figures behind them.

    Attributes:
        open_tables: tables in sight; `tables` are folded away.
        reading: one sentence made from the figures, or why there is no picture.
        synthetic: all that it shows is synthetic; `partly` where only some of it is.
        warnings: lines that must not be missed.
        wide: takes the width of the page.
    """

    heading: str
    reading: str
    synthetic: bool
    picture: Picture | None = None
    tables: tuple[Table, ...] = ()
    open_tables: tuple[Table, ...] = ()
    note: str | None = None
    wide: bool = False
    partly: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """A chapter of the page; `key` is its anchor."""

    key: str
    heading: str
    intro: str
    cards: tuple[Card, ...]

    @property
    def synthetic(self) -> bool:
        """Whether every card of it shows synthetic data and nothing else."""
        return bool(self.cards) and all(card.synthetic for card in self.cards)

    @property
    def partly(self) -> bool:
        """Whether some of it is synthetic and some is not."""
        return not self.synthetic and any(card.synthetic or card.partly for card in self.cards)


@dataclass(frozen=True)
class Subject:
    """An evaluation under the name it has on the page, which no other has, and a key for its pictures."""

    key: str
    name: str
    place: str
    evaluation: Evaluation

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the evaluation notes about itself, for every card that shows it."""
        return (f"Note: {self.evaluation.note}",) if self.evaluation.note else ()


def subjects_of(inputs: ReportInputs) -> tuple[Subject, ...]:
    """The evaluations under names that tell them apart: by model, then by number, where a name repeats."""
    names = _told_apart(inputs.evaluations)
    return tuple(
        Subject(f"e{position}", name, found.place, found.content)
        for position, (name, found) in enumerate(zip(names, inputs.evaluations, strict=True))
    )


def _told_apart(evaluations: Sequence[Found[Evaluation]]) -> list[str]:
    contents = [found.content for found in evaluations]
    plain = [_plain_name(each) for each in contents]
    repeats = Counter(plain)
    names = [
        name if repeats[name] == 1 else f"{name} · {each.model.rsplit('/', 1)[-1]}"
        for name, each in zip(plain, contents, strict=True)
    ]
    totals, seen = Counter(names), Counter[str]()
    result = []
    for name in names:
        seen[name] += 1
        result.append(name if totals[name] == 1 else f"{name} ({seen[name]})")
    return result


def _plain_name(evaluation: Evaluation) -> str:
    if evaluation.labels_only and "(labels)" not in evaluation.name:
        return f"{evaluation.name} (labels)"
    return evaluation.name


def columns(*names: str) -> tuple[Column, ...]:
    """Columns by name; a name that ends in ``#`` is a column of numbers."""
    return tuple(Column(name.removesuffix("#"), name.endswith("#")) for name in names)


def threshold_cell(value: float | None) -> str:
    """A threshold in a cell; some models have none."""
    return "none" if value is None else number(value)
