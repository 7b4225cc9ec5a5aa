"""A curation: records through the steps of a recipe, to a folder with what is left and notes on what is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import polars as pl
from pydantic import JsonValue

from plumbline.curate import accounting
from plumbline.curate.accounting import Waterfall, waterfall
from plumbline.curate.applying import Records
from plumbline.curate.intake import Intake
from plumbline.curate.recipe import Recipe
from plumbline.curate.redaction import MASKED, redact
from plumbline.curate.repeated import sections_of_repeated
from plumbline.curate.rules.row_rules import PersonalData
from plumbline.engine import ByKey, ByPart, Dataset, Engine, Stage, Workspace, read_whole, run_stage

_VERSION = 4


@dataclass(frozen=True)
class Curated:
    """What a curation came to.

    Attributes:
        rows: the records, masked where the recipe asks for it.
        identity: who each is, rows of `traits.identity`, part for part.
        fates: what was decided of each, part for part.
        ledger: rows of `accounting.LEDGER_SCHEMA`, part for part.
        waterfall: in numbers.
        census: by family: records, records_distinct, items, judged_both_ways.
        cluster_sizes: of rules that look for near-duplicates, by name: size → clusters.
        leakage: prompts that two splits shared when the rule looked, before it removed any: first, second, exact, near;
            None where no rule looked.
        personal_data: kind → records in which the rule found some of it; None where no rule looked.
        repeated: sections of the summary on items that were judged more than once, see `repeated.sections_of`.
    """

    rows: Dataset
    identity: Dataset
    fates: Dataset
    ledger: Dataset
    waterfall: Waterfall
    census: list[dict[str, Any]] = field(default_factory=list)
    cluster_sizes: dict[str, dict[int, int]] = field(default_factory=dict)
    leakage: list[dict[str, Any]] | None = None
    repeated: dict[str, Any] = field(default_factory=dict)
    personal_data: dict[str, int] | None = None


def curate(
    intake: Intake,
    recipe: Recipe,
    workspace: Workspace,
    engine: Engine,
    begin: Callable[[str], None] = lambda title: None,  # noqa: ARG005  # nobody need listen
    look: Callable[[Dataset], None] = lambda rows: None,  # noqa: ARG005  # nor look
) -> Curated:
    """Apply the steps of a recipe to records of the kinds it takes.

    Args:
        intake: the records, of kinds that the recipe takes.
        recipe: what is done.
        workspace, engine: where stages run, and leave what they make.
        begin: told what begins.
        look: shown the records, masked where the recipe asks for it, before a rule is applied; what it raises ends the run.
    Returns:
        What is left and what is not; nothing is written beside the workspace.
    """
    masking = next((step.settings for step in recipe.steps if isinstance(step.settings, PersonalData)), None)
    rows = intake.rows
    if masking is not None:
        begin("looking for personal data")
        rows = _looked_through(rows, masking, workspace, engine)
    look(rows)
    begin("looking at each record")
    records = Records(rows, workspace, engine)
    census = _census(records)
    repeated = sections_of_repeated(records.trait("identity"), workspace, engine)
    for number, step in enumerate(recipe.steps):
        begin(step.title)
        records.apply(step, number)
    begin("counting")
    identity = records.trait("identity")
    columns = ByPart(("position", "kind", "split"))
    tally = run_stage(
        Stage("tally", _VERSION, accounting.tally_of, (columns, ByPart())), [identity, records.fates], workspace, engine
    )
    rules = [step.rule.name for step in recipe.steps]
    listing = Stage("ledger", _VERSION, accounting.ledger_of, (ByPart(), ByPart()), {"rules": list(rules)})
    ledger = run_stage(listing, [rows, records.fates], workspace, engine)
    sizes = {
        name: dict(zip(*read_whole(table).to_pydict().values(), strict=True))
        for name, table in records.cluster_sizes.items()
    }
    return Curated(
        rows,
        identity,
        records.fates,
        ledger,
        waterfall(read_whole(tally), len(recipe.steps)),
        census,
        sizes,
        _leakage(records),
        repeated,
        None if masking is None else _personal_data(records),
    )


def _looked_through(rows: Dataset, masking: PersonalData, workspace: Workspace, engine: Engine) -> Dataset:
    """The records with what personal data was found in them, which is masked where that is asked for."""
    settings: dict[str, JsonValue] = {
        "kinds": list(masking.kinds),
        "detector": masking.detector,
        "mask": masking.action == "mask",
    }
    return run_stage(Stage("redact", _VERSION, redact, (ByPart(),), settings), [rows], workspace, engine)


def _leakage(records: Records) -> list[dict[str, Any]] | None:
    noted = records.notes.get("leakage")
    if noted is None:
        return None
    frame = pl.DataFrame(pl.from_arrow(read_whole(noted)))
    return frame.group_by("first", "second").agg(pl.all().sum()).sort("first", "second").to_dicts()


def _personal_data(records: Records) -> dict[str, int]:
    """Of all records: the rule is the first."""
    stage = Stage("personal-data-kinds", _VERSION, accounting.kinds_of, (ByPart((MASKED,)),))
    counted = run_stage(stage, [records.rows], records.workspace, records.engine)
    frame = pl.DataFrame(pl.from_arrow(read_whole(counted))).group_by("kind").agg(pl.col("records").sum())
    return dict(frame.sort(["records", "kind"], descending=[True, False]).iter_rows())


def _census(records: Records) -> list[dict[str, Any]]:
    by_item = ByKey("item_id", ("position",), ("position", "family", "id", "apart", "item_id", "verdict"))
    stage = Stage("census", _VERSION, accounting.census_of, (by_item,))
    counted = run_stage(stage, [records.trait("identity")], records.workspace, records.engine)
    frame = pl.DataFrame(pl.from_arrow(read_whole(counted)))
    return frame.group_by("family").agg(pl.all().sum()).sort("family").to_dicts()
