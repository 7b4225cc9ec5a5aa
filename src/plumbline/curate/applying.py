"""Applying rules: which stages a rule needs, by what must meet, and what is left after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue

from plumbline.curate import stages
from plumbline.curate.clusters import candidate_pairs, distinct_pairs
from plumbline.curate.recipe_steps import Step
from plumbline.curate.rules.rule import AllTogether, Meet, MeetAlike, Repeats, RowByRow
from plumbline.curate.traits import TRAITS, trait_table
from plumbline.curate.verification import sent_shingles, verified_pairs
from plumbline.engine import (
    ByKey,
    ByPart,
    Dataset,
    Engine,
    Made,
    PortionsToParts,
    Stage,
    Take,
    ToParts,
    Whole,
    Workspace,
    read_whole,
    run_stage,
)

_VERSION = 3
"""Of the functions in `stages`, `clusters` and `verification`; raised whenever one gives something else for the same rows."""

_BY_POSITION = ("position",)


@dataclass
class Records:
    """The records of a run, what is told of each, and what was decided of them.

    Attributes:
        rows: the records, personal data masked where the recipe asks for it.
        workspace, engine: where stages run and leave what they make.
        fates: what steps have decided so far; a part for each part of `rows`.
        cluster_sizes: of rules that look for near-duplicates, by name: size, clusters.
        notes: of rules that note something beside their verdicts, by name.
    """

    rows: Dataset
    workspace: Workspace
    engine: Engine
    fates: Dataset = field(init=False)
    cluster_sizes: dict[str, Dataset] = field(default_factory=dict)
    notes: dict[str, Dataset] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Nothing is decided yet."""
        self._traits: dict[str, Dataset] = {}
        self.fates = self._run("undecided", stages.no_fates, (ByPart(("position",)),), [self.trait("identity")])

    def trait(self, name: str) -> Dataset:
        """The trait's table of each part; found once."""
        if name not in self._traits:
            known = TRAITS[name]
            stage = Stage(f"trait-{name}", known.version, trait_table, (ByPart(),), {"trait": name})
            self._traits[name] = run_stage(stage, [self.rows], self.workspace, self.engine)
        return self._traits[name]

    def apply(self, step: Step, number: int) -> None:
        """Let a rule decide of the rows that are still there.

        Args:
            step: the rule with its settings.
            number: of the step in its recipe, from 0.
        """
        if step.rule.splits is not None and not step.rule.splits(
            self._splits_left(f"{number + 1:02d}-{step.rule.name}")
        ):
            return
        meeting = step.rule.meeting(step.settings)
        verdicts, take = _VERDICTS[type(meeting)](self, _Asked(step, f"{number + 1:02d}-{step.rule.name}"), meeting)
        self.fates = self._run(
            f"{number + 1:02d}-{step.rule.name}-fates",
            stages.fates_with,
            (ByPart(), take),
            [self.fates, verdicts],
            step=number,
        )

    def alive(self, name: str, columns: Sequence[str], traits: Sequence[str] = ()) -> Dataset:
        """The rows that are still there, with columns of `identity` and of further traits."""
        takes, inputs = self._looked_at(columns, traits)
        return self._run(f"{name}-rows", stages.alive_rows, takes, inputs, columns=list(columns))

    def _splits_left(self, name: str) -> set[str | None]:
        """The splits in which rows are left; None where some have none."""
        takes, inputs = self._looked_at(("split",), ())
        left = self._run(f"{name}-splits", stages.splits_left, takes, inputs)
        return set(read_whole(left)["split"].to_pylist())

    def _looked_at(self, columns: Sequence[str], traits: Sequence[str]) -> tuple[tuple[Take, ...], list[Dataset]]:
        """How the stage that begins a rule takes identity, fates and traits: no more columns than it needs."""
        inputs = [self.trait("identity"), self.fates, *map(self.trait, traits)]
        takes: list[Take] = [_only(inputs[0], ("position", *columns)), ByPart()]
        takes += [_only(trait, columns) for trait in inputs[2:]]
        return tuple(takes), inputs

    def _run(
        self,
        name: str,
        function: Callable[..., Made],
        takes: tuple[Take, ...],
        inputs: list[Dataset],
        **settings: JsonValue,
    ) -> Dataset:
        return run_stage(Stage(name, _VERSION, function, takes, settings), inputs, self.workspace, self.engine)

    # --- what must meet, and how ---

    def row_by_row(self, asked: _Asked, _: RowByRow) -> tuple[Dataset, Take]:
        """Each part by itself."""
        rule = asked.step.rule
        takes, inputs = self._looked_at(rule.columns, rule.traits)
        found = self._run(
            asked.name, stages.judged_alive, takes, inputs, columns=list(rule.columns), **asked.as_settings()
        )
        return found, ByPart()

    def meet(self, asked: _Asked, meeting: Meet) -> tuple[Dataset, Take]:
        """Rows of one key."""
        rows = self.alive(asked.name, _with(asked.step.rule.columns, meeting.key), asked.step.rule.traits)
        return self._judged(asked, rows, ByKey(meeting.key, _BY_POSITION))

    def all_together(self, asked: _Asked, _: AllTogether) -> tuple[Dataset, Take]:
        """All rows at once."""
        rows = self.alive(asked.name, asked.step.rule.columns, asked.step.rule.traits)
        return self._judged(asked, rows, Whole())

    def meet_alike(self, asked: _Asked, meeting: MeetAlike) -> tuple[Dataset, Take]:
        """Rows that hang together by near-duplicates."""
        columns = _with(asked.step.rule.columns, meeting.key, "family", "shingles")
        rows = self.alive(asked.name, columns, (meeting.trait, *asked.step.rule.traits))
        within = "family" if meeting.within_families else None
        pairs = self._pairs(asked.name, rows, meeting.threshold, within)
        told = ByPart(("position", meeting.key))
        keys = self._run(f"{asked.name}-keys", stages.keys_of, (told,), [rows], key=meeting.key)
        clusters = self._run(f"{asked.name}-clusters", stages.clusters_of, (Whole(), Whole()), [keys, pairs])
        narrow = _only(rows, _with(asked.step.rule.columns, "position", meeting.key))
        together = self._run(
            f"{asked.name}-together",
            stages.with_clusters,
            (narrow, ToParts("position", _BY_POSITION)),
            [rows, clusters],
            key=meeting.key,
        )
        return self._judged(asked, together, ByKey("cluster", _BY_POSITION))

    def repeats(self, asked: _Asked, meeting: Repeats) -> tuple[Dataset, Take]:
        """Rows that repeat one that stays."""
        columns = _with(asked.step.rule.columns, "id", "split", meeting.within, "item_id", "shingles")
        rows = self.alive(asked.name, columns, (meeting.trait, *asked.step.rule.traits))
        pairs = self._pairs(asked.name, rows, meeting.threshold, meeting.within)
        told = ByPart(_with(("position", "id", "split", "item_id"), meeting.within))
        compared: dict[str, JsonValue] = {"within": meeting.within, "of_items": meeting.of_items}
        places = self._run(f"{asked.name}-places", stages.places_of, (told,), [rows], **compared)
        takes, inputs = (Whole(), Whole()), [places, pairs]
        repeats = self._run(f"{asked.name}-repeats", stages.repeats_of, takes, inputs)
        self.cluster_sizes[asked.step.rule.name] = self._run(f"{asked.name}-sizes", stages.cluster_sizes, takes, inputs)
        narrow = _only(rows, _with(asked.step.rule.columns, "position"))
        found = self._run(
            f"{asked.name}-found",
            stages.with_repeats,
            (narrow, ToParts("position", _BY_POSITION)),
            [rows, repeats],
        )
        return self._judged(asked, found, Whole())

    def _pairs(self, name: str, rows: Dataset, threshold: float, within: str | None) -> Dataset:
        """The verified pairs among rows whose bands meet."""
        columns = _with(("position", "shingles"), *(() if within is None else (within,)))
        bands = self._run(
            f"{name}-bands", stages.bands_of, (ByPart(columns),), [rows], within=within, threshold=threshold
        )
        met = ByKey("band_key", ("band_key", "order_key", "position"))
        candidates = self._run(f"{name}-candidates", candidate_pairs, (met,), [bands])
        ascending = ("a", "b")
        pairs = self._run(f"{name}-pairs", distinct_pairs, (ByKey("a", ascending),), [candidates])
        shingles = ByPart(("position", "shingles"))
        sent = self._run(f"{name}-sent", sent_shingles, (shingles, ToParts("a", ascending)), [rows, pairs])
        takes = (shingles, ToParts("b", ascending), PortionsToParts("to"))
        return self._run(f"{name}-verified", verified_pairs, takes, [rows, pairs, sent], threshold=threshold)

    def _judged(self, asked: _Asked, rows: Dataset, take: Take) -> tuple[Dataset, Take]:
        rule = asked.step.rule
        if rule.note is not None:
            self.notes[rule.name] = self._run(f"{asked.name}-noted", stages.noted, (take,), [rows], rule=rule.name)
        verdicts = self._run(asked.name, stages.judged, (take,), [rows], **asked.as_settings())
        return verdicts, ToParts("position", _BY_POSITION)


@dataclass(frozen=True)
class _Asked:
    """A step and the name that its stages begin with."""

    step: Step
    name: str

    def as_settings(self) -> dict[str, JsonValue]:
        """As `stages.judged` takes them."""
        rule, settings = self.step.rule, self.step.settings
        return {"rule": rule.name, "version": rule.version, "settings": settings.model_dump(mode="json")}


_VERDICTS: dict[type, Callable[[Records, _Asked, Any], tuple[Dataset, Take]]] = {
    RowByRow: Records.row_by_row,
    Meet: Records.meet,
    MeetAlike: Records.meet_alike,
    Repeats: Records.repeats,
    AllTogether: Records.all_together,
}
"""By the kind of meeting, of which each takes its own."""


def _with(columns: Sequence[str], *further: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*columns, *further)))


def _only(dataset: Dataset, columns: Sequence[str]) -> ByPart:
    """Of the columns those that the data set has."""
    held = dataset.columns
    return ByPart(tuple(name for name in dict.fromkeys(columns) if name in held))
