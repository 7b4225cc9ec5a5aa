"""What is told by items that were judged more than once: agreement, workers' abilities, the noise ceiling.

Judgements count as they were read (masked where the recipe masks), before a rule drops duplicates or makes several of
them one. A judgement is repeated by another person: what one worker says of an item again is set aside. Where nobody
says who judged, every row counts, since two people who agree leave identical rows; so do copies of a file, and then
agreement and ceiling are too high. Votes that a record carries already count as its one verdict.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from plumbline.curate.conclusions import GREATER, LESSER, SAFE, TIE, UNSAFE
from plumbline.curate.worker_names import names_for_notes
from plumbline.engine import ByKey, Dataset, Engine, Stage, Whole, Workspace, read_whole, run_stage
from plumbline.measure import Bootstrap, noise_ceiling, worker_abilities
from plumbline.measure.dawid_skene import fit_dawid_skene, judged_truth
from plumbline.measure.figure import Figure
from plumbline.measure.pooled_agreement import RatedUnits, agreement_of_units
from plumbline.measure.worker_bradley_terry import fit_worker_bradley_terry
from plumbline.records import TAXONOMIES, Kind

ALPHA = "Krippendorff's alpha, nominal"
AGAIN, ALIKE = "same worker again", "both sides are the same"
"""Why a judgement is set aside."""

_VERSION = 2
_BOOTSTRAP = Bootstrap(seed=0)
_JUDGEMENT = (
    "position",
    "family",
    "item_id",
    "group_id",
    "worker",
    "verdict",
    "categories",
    "lesser_side",
    "greater_side",
)
_CODES = {LESSER: 0, GREATER: 1, SAFE: 0, UNSAFE: 1, TIE: 2}
_LEANINGS = {GREATER: 1.0, LESSER: 0.0, TIE: 0.5}
_COPIES = "identical rows may be copies: then agreement and ceiling are too high"

Json = dict[str, Any]


def sections_of_repeated(identity: Dataset, workspace: Workspace, engine: Engine) -> Json:
    """Sections of a curation's summary: ``agreement``, ``workers``, ``noise_ceiling`` and, of what, ``repeated``.

    Args:
        identity: the trait of all records, as they were read.
        workspace, engine: where stages run, and leave what they make.
    Returns:
        The sections of `sections_of`; none where nothing was judged twice.
    """
    met = ByKey("item_id", ("position",), _JUDGEMENT)
    judgements = run_stage(Stage("repeated", _VERSION, repeated_judgements, (met,)), [identity], workspace, engine)
    told = run_stage(
        Stage("repeated-figures", _VERSION, figures_of_repeated, (Whole(),)), [judgements], workspace, engine
    )
    found: Json = json.loads(read_whole(told)["sections"][0].as_py())
    return found


def repeated_judgements(rows: pa.Table) -> pa.Table:
    """A stage: the judgements of items that have several, all rows of an item being among those given.

    Args:
        rows: columns of `traits.identity`.
    Returns:
        The same columns and `set_aside`, why a judgement does not count (null: it does); in order of position.
    """
    judged = pl.DataFrame(pl.from_arrow(rows)).sort("position").filter(pl.col("verdict").is_not_null())
    said_before = ~pl.struct("family", "item_id", "worker").is_first_distinct()
    alike = (pl.col("lesser_side") == pl.col("greater_side")).fill_null(value=False)
    set_aside = (
        pl.when(alike).then(pl.lit(ALIKE)).when(pl.col("worker").is_not_null() & said_before).then(pl.lit(AGAIN))
    )
    several = judged.filter(pl.len().over("family", "item_id") > 1)
    return several.with_columns(set_aside.alias("set_aside").cast(pl.String)).to_arrow()


def figures_of_repeated(judgements: pa.Table) -> pa.Table:
    """A stage on all repeated judgements: one row, the JSON of `sections_of`."""
    sections = sections_of(pl.DataFrame(pl.from_arrow(judgements)))
    return pa.table({"sections": pa.array([json.dumps(sections, allow_nan=False)], pa.string())})


def sections_of(judgements: pl.DataFrame) -> Json:
    """Figures of repeated judgements.

    Args:
        judgements: as `repeated_judgements` gives them.
    Returns:
        Nothing where no item was judged twice, by two people where they are known. Else:
        ``agreement``: kind → axis, or ``is_safe`` and each category → figure, `ALPHA`; n = items, intervals draw prompts.
        Of pairs it is the same whichever side is called the lesser.
        ``workers``: worker (see `names_for_notes`), family, judgements, model, ability; absent where nobody is known. By
        model ``dawid-skene`` (and ``one-coin``) ability is the share of judgements that give the label; by ``bradley-terry``
        how far the worker follows scores of replies that may be close themselves. These do not compare.
        ``noise_ceiling``: family → `measure.NoiseCeiling.to_json`, against one further judgement.
        ``repeated``: ``measure``, the name of the agreement; ``percent``, shaped as ``agreement``: how many pairs of
        judgements of an item are equal; ``families``: counts of each; ``note`` or null.
    """
    counted = _units(judgements)
    if not len(counted):
        return {}
    alphas: Json = {}
    percents: Json = {}
    for kind, name, rows, ratings in _asked(counted):
        found = _agreement(rows, ratings)
        alphas.setdefault(kind, {})[name], percents.setdefault(kind, {})[name] = (each.to_json() for each in found)
    workers = _workers(counted)
    return {
        "agreement": alphas,
        **({"workers": workers} if workers else {}),
        "noise_ceiling": {family: _ceiling(rows) for family, rows in _families(counted)},
        "repeated": {
            "measure": ALPHA,
            "percent": percents,
            "families": {family: _counts(rows, judgements) for family, rows in _families(counted)},
            "note": _COPIES if counted["worker"].null_count() else None,
        },
    }


def _units(judgements: pl.DataFrame) -> pl.DataFrame:
    """The judgements that count of items that have two of them; `unit` numbers the items, `cluster` the prompts."""
    item = pl.struct("family", "item_id")
    counted = judgements.filter(pl.col("set_aside").is_null())
    several = counted.filter(pl.len().over("family", "item_id") > 1).sort("family", "item_id", "position")
    return several.with_columns(
        (item != item.shift()).fill_null(value=False).cum_sum().cast(pl.Int64).alias("unit"),
        pl.col("group_id").rank("dense").cast(pl.Int64).alias("cluster"),
        pl.col("verdict").replace_strict(_CODES, return_dtype=pl.Int64).alias("code"),
    )


def _families(rows: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    return [(str(family), part) for (family,), part in rows.group_by("family", maintain_order=True)]


def _counts(rows: pl.DataFrame, judgements: pl.DataFrame) -> Json:
    of_family = judgements.filter(pl.col("family") == rows["family"][0])
    return {
        "items": rows["unit"].n_unique(),
        "judgements": len(rows),
        "worker_unknown": rows["worker"].null_count(),
        "set_aside": {
            why: count
            for why in (AGAIN, ALIKE)
            if (count := int((of_family["set_aside"] == why).fill_null(False).sum()))
        },
    }


# --- agreement ---


def _asked(rows: pl.DataFrame) -> list[tuple[str, str, pl.DataFrame, pl.Series]]:
    """What people agree on: kind, name, the judgements, and what each says of it."""
    pairs, labels = (
        rows.filter(pl.col("family").str.starts_with(f"{kind.value}/"))
        for kind in (Kind.COMPARISONS, Kind.SAFETY_LABELS)
    )
    asked = [
        (Kind.COMPARISONS.value, family.partition("/")[2], part, part["code"]) for family, part in _families(pairs)
    ]
    if len(labels):
        asked.append((Kind.SAFETY_LABELS.value, "is_safe", labels, labels["code"]))
    told = labels.filter(pl.col("categories").is_not_null())
    for name in sorted(set(told["categories"].explode().drop_nulls())):
        knowing = told.filter(pl.col("family").is_in(_knowing(name, told)))
        asked.append(
            (Kind.SAFETY_LABELS.value, name, knowing, knowing["categories"].list.contains(name).cast(pl.Int64))
        )
    return asked


def _knowing(category: str, labels: pl.DataFrame) -> list[str]:
    """The families whose taxonomy has a category; one of the user's own has what its rows name."""
    naming = set(labels.filter(pl.col("categories").list.contains(category))["family"])
    return [
        family
        for family in labels["family"].unique().sort()
        if family in naming or category in TAXONOMIES.get(family.partition("/")[2], ())
    ]


def _agreement(rows: pl.DataFrame, ratings: pl.Series) -> tuple[Figure, Figure]:
    """Alpha, and the share of pairs of judgements that are equal.

    Which side of a pair is the lesser is a matter of bytes. Agreement by chance must not hang on it (a liking for short
    replies would look like a habit of saying `lesser`), so each pair stands there twice, once with its sides swapped.
    """
    unit, values, cluster = rows["unit"].to_numpy(), ratings.cast(pl.Float64).to_numpy(), rows["cluster"].to_numpy()
    times = 1
    if rows["family"][0].startswith(f"{Kind.COMPARISONS.value}/"):
        swapped = np.where(values == _CODES[TIE], values, 1.0 - values)
        unit, values, cluster = (
            np.concatenate([unit, -1 - unit]),
            np.concatenate([values, swapped]),
            np.tile(cluster, 2),
        )
        times = 2
    found = agreement_of_units(RatedUnits.of(unit, values, cluster), ("nominal",), _BOOTSTRAP)
    alpha, percent = (replace(each, n=each.n // times) for each in (found.alpha["nominal"], found.percent))
    return alpha, percent


# --- noise ceiling ---


def _ceiling(rows: pl.DataFrame) -> Json:
    """Of one family; ties between two sides are set aside and counted."""
    votes = rows.group_by("unit", maintain_order=True).agg(
        *((pl.col("code") == code).sum().alias(str(code)) for code in (0, 1)), pl.col("cluster").first()
    )
    is_pair = rows["family"][0].startswith(f"{Kind.COMPARISONS.value}/")
    return noise_ceiling(
        votes.select("0", "1").to_numpy(),
        bootstrap=_BOOTSTRAP,
        group_ids=votes["cluster"].to_numpy(),
        exchangeable_classes=is_pair,  # which side stands first means nothing; safe and unsafe are no such sides
        ties_set_aside=int((rows["verdict"] == TIE).sum()),
    ).to_json()


# --- workers ---


def _workers(rows: pl.DataFrame) -> list[Json]:
    """The ability of each known worker, family by family, by items that at least two known workers judged."""
    named = rows.filter(pl.col("worker").is_not_null()).filter(pl.len().over("unit") > 1)
    called = names_for_notes(named["worker"])
    told = []
    for family, part in _families(named):
        names = part["worker"].unique().sort()
        workers = part["worker"].replace_strict(names, np.arange(len(names)), return_dtype=pl.Int64).to_numpy()
        is_pair = family.startswith(f"{Kind.COMPARISONS.value}/")
        model, abilities = (_by_bradley_terry if is_pair else _by_dawid_skene)(part, workers)
        for name, ability in zip(names, abilities, strict=True):
            entry = {"worker": called[name], "family": family, "judgements": ability.n, "model": model}
            told.append({**entry, "ability": ability.to_json()})
    return told


def _by_dawid_skene(rows: pl.DataFrame, workers: np.ndarray) -> tuple[str, list[Figure]]:
    units = np.unique(rows["unit"].to_numpy(), return_inverse=True)[1]
    codes = rows["code"].to_numpy()
    fit = fit_dawid_skene(units, workers, codes, class_count=2)
    return "dawid-skene", worker_abilities(
        judged_truth(fit, units, codes), workers, worker_count=int(workers.max()) + 1
    )


def _by_bradley_terry(rows: pl.DataFrame, workers: np.ndarray) -> tuple[str, list[Figure]]:
    replies, sides = np.unique(rows.select("greater_side", "lesser_side").to_numpy(), return_inverse=True)
    first, second = sides.reshape(-1, 2).T
    points = rows["verdict"].replace_strict(_LEANINGS, return_dtype=pl.Float64).to_numpy()
    fit = fit_worker_bradley_terry(
        first, second, workers, points, item_count=len(replies), worker_count=int(workers.max()) + 1
    )
    return fit.model, list(fit.abilities)
