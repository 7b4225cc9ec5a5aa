"""What a page is made of: sections of cards, each a picture with its reading and its tables. The template draws these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from plumbline.report.inputs import Evaluation, Found, ReportInputs
from plumbline.report.pictures.drawing import Caption, Picture
from plumbline.report.wording import missing_interval, number, without_reason


@dataclass(frozen=True)
class Column:
    """A column of a table; numbers are set flush right."""

    name: str
    numeric: bool = False


@dataclass(frozen=True)
class Table:
    """A table: what it shows, its columns, its rows of text. Rows marked stand out; notes stand below it."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    marked: frozenset[int] = frozenset()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Say below the table, once, why figures of it have no interval, where several say the same."""
        reasons = Counter(why for row in self.rows for cell in row if (why := missing_interval(cell)))
        repeated = [why for why, times in reasons.items() if times > 1]
        if not repeated:
            return
        rows = tuple(
            tuple(without_reason(cell) if missing_interval(cell) in repeated else cell for cell in row)
            for row in self.rows
        )
        object.__setattr__(self, "rows", rows)
        object.__setattr__(self, "notes", (*self.notes, *(f"No interval: {why}." for why in repeated)))


@dataclass(frozen=True)
class Card:
    """One subject: a heading, a picture, a sentence that reads it, the figures behind it.

    Attributes:
        heading: its name on the page.
        reading: one sentence made from the figures, or why there is no picture.
        synthetic: all that it shows is synthetic; `partly` where only some of it is.
        picture: None where there is nothing to draw.
        tables: folded away; `open_tables` are in sight.
        note: what the picture leaves out, or how to read its figures.
        wide: takes the width of the page.
        warnings: lines that must not be missed.
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
class State:
    """How much of something there is: ``none``, ``few`` (under 10 in 1,000 rows read), ``many`` or ``told``, in words only."""

    grade: str
    text: str


@dataclass(frozen=True)
class Tile:
    """Something of the first screen in a few numbers, such as a data set."""

    name: str
    rows: str
    rows_noun: str
    states: tuple[State, ...]
    synthetic: bool


def told_tile(name: str, number: str, noun: str, lines: Iterable[str], *, synthetic: bool) -> Tile:
    """A tile whose lines are words only."""
    return Tile(name, number, noun, tuple(State("told", line) for line in lines), synthetic)


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
class FiguresPage:
    """The context of the template ``figures.html.j2``, all of it.

    Attributes:
        title: the heading, and the name of the window.
        created: when it was made, as it is to be shown.
        contents: what it was made of, in words.
        synthetic: some of the data was made up by a program.
        sections: chapters, in order.
        footer: how to read the figures.
        links: places of further pages beside this one, and what they show.
    """

    title: str
    created: str
    contents: str
    synthetic: bool
    sections: tuple[Section, ...]
    footer: str
    links: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Subject:
    """An evaluation as the page tells it from the others.

    Attributes:
        key: begins the ids of its pictures; letters and digits.
        name: on the page; no other has it.
        evaluation: what the file says.
    """

    key: str
    name: str
    evaluation: Evaluation

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the evaluation notes about itself, for every card that shows it."""
        return (f"Note: {self.evaluation.note}",) if self.evaluation.note else ()

    def caption(self, kind: str, title: str, reading: str) -> Caption:
        """What a picture of it is called; `kind` tells its pictures apart and may become part of an id."""
        return Caption(f"{self.key}-{kind}", f"{title}, {self.name}", reading, self.evaluation.synthetic)

    def card(
        self,
        reading: str,
        picture: Picture | None = None,
        *,
        heading: str | None = None,
        tables: tuple[Table, ...] = (),
        open_tables: tuple[Table, ...] = (),
        note: str | None = None,
    ) -> Card:
        """A card about it, under its name where no other heading is given, with its warnings and its mark."""
        return Card(
            heading or self.name,
            reading,
            self.evaluation.synthetic,
            picture,
            tables=tables,
            open_tables=open_tables,
            note=note,
            warnings=self.warnings,
        )


def section_of(key: str, heading: str, intro: str, cards: Iterable[Card]) -> Section | None:
    """A section of these cards; None where there is none."""
    found = tuple(cards)
    return Section(key, heading, intro, found) if found else None


def left_out_note(drawn: int, total: int, which: str = "first") -> str | None:
    """What to say under a picture that draws no more than so many of its rows; None where it draws all."""
    return f"The {which} {drawn} of {total} are drawn; the table has all." if total > drawn else None


def subjects_of(inputs: ReportInputs) -> tuple[Subject, ...]:
    """The evaluations under names that tell them apart: by model, then by number, where a name repeats."""
    names = _told_apart(inputs.evaluations)
    return tuple(
        Subject(f"e{position}", name, found.content)
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
    name = _whole_name(evaluation.name, evaluation.model.rsplit("/", 1)[-1])
    return f"{name} (labels)" if evaluation.labels_only and "(labels)" not in name else name


def _whole_name(name: str, model: str) -> str:
    """``harmless on h tr`` where a file says ``h tr (armless)``: a model's name is cut at a hyphen or not at all."""
    measured, _, rest = name.removesuffix(")").rpartition(" (")
    began = model.removesuffix(rest) if rest else model
    if not measured or not name.endswith(")") or not model.endswith(rest) or not measured.startswith(began.rstrip("-")):
        return name
    if began == model:
        return measured
    return name if not began or began.endswith("-") else f"{model} on {measured}"


def columns(*names: str) -> tuple[Column, ...]:
    """Columns by name; a name that ends in ``#`` is a column of numbers."""
    return tuple(Column(name.removesuffix("#"), name.endswith("#")) for name in names)


def threshold_cell(value: float | None) -> str:
    """A threshold in a cell; some models have none."""
    return "none" if value is None else number(value)
