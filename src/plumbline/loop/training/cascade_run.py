"""Making a cascade: two moderation models and labelled rows → a model folder with both in it, measured."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np
from pydantic import JsonValue

from plumbline.formats import Loaded
from plumbline.lineage import (
    Manifest,
    Use,
    file_digest,
    refuse_foreign_folder,
    refuse_output_among_inputs,
    require_use,
    strictest_terms,
)
from plumbline.loop.earlier_outputs import refuse_other_model
from plumbline.loop.sources import Step, is_synthetic, load_stage, own_terms_told, resolved_options
from plumbline.models.cascade.fitting import LEAST_GAIN, CascadeSettings, FittedCascade, Judged, fit_cascade
from plumbline.models.cascade.model import Cascade
from plumbline.models.cascade.saving import CASCADE_KIND, FIGURES_KEY, SavedPart, save_cascade
from plumbline.models.cascade.told import format_cascade_card, told_figure
from plumbline.models.loading import load_part, model_kind, require_tokens
from plumbline.models.model_folder import DESCRIPTION_NAME, with_model
from plumbline.models.rows.trained_rows import Overlap, TrainedRows, read_trained_rows
from plumbline.models.rows.training_rows import LabelRows
from plumbline.models.scored_model import Floats, ScoredModel
from plumbline.models.training import rows_of_task
from plumbline.records import ModelError, NoDataError, UsageError

TRAINED_ON = "PL-CAS-006"
"""Counted in the manifest of a cascade: rows set aside because one of its models was trained on them."""


@dataclass(frozen=True)
class CascadeRun:
    """Which models, on which rows, and where to write it.

    Attributes:
        first, second: folders of moderation models; the first is the quick one.
        source: labelled rows; its split test, or all of a single file.
        out: the cascade's folder.
        settings: how the band and the thresholds are chosen.
        anyway: write it though the second is not better enough than the first.
        load_options: of `formats.load`.
        override_uses: go on though the data does not permit this use.
        trust_remote_code: run code that comes with a transformer.
        tokens_per_batch: that a transformer computes at a time; None takes its default.
        command: for the manifest.
    """

    first: Path
    second: Path
    source: str
    out: Path
    settings: CascadeSettings = field(default_factory=CascadeSettings)
    anyway: bool = False
    load_options: Mapping[str, Any] = field(default_factory=dict)
    override_uses: bool = False
    trust_remote_code: bool = False
    tokens_per_batch: int | None = None
    command: tuple[str, ...] = ()


@dataclass(frozen=True)
class CascadeResult:
    """A cascade that was made.

    Attributes:
        names: of the two models.
        fitted: band, thresholds, figures, notes.
        milliseconds_per_text: measured, of each model by itself on these rows, on this machine.
        rows: labelled rows that neither model was trained on.
        set_aside: rows that say nothing, or that a model was trained on, by code.
        quarantined: rows that could not be read, by code.
    """

    names: tuple[str, str]
    fitted: FittedCascade
    milliseconds_per_text: tuple[float, float]
    rows: int
    set_aside: dict[str, int]
    quarantined: dict[str, int]


@dataclass(frozen=True)
class _Part:
    """A model of the cascade to be.

    Attributes:
        trained_rows: None where the model does not say.
    """

    model: ScoredModel
    saved: SavedPart
    trained_rows: TrainedRows | None


def run_cascade(run: CascadeRun, step: Step = lambda _: None) -> CascadeResult:
    """Score the rows by both models, choose on half of the prompts, measure on the other, and write the folder.

    Raises:
        UsageError: the models are no two of moderation with the same heads, or something else stands at the output.
        NoDataError: there are too few rows, or the second model is not better enough than the first.
        PlumblineError: a model or the source cannot be read.
    """
    _refuse_settings(run.settings)
    refuse_output_among_inputs(run.out, (run.first, run.second))
    refuse_foreign_folder(run.out, "model")
    refuse_other_model(run.out, "moderation", None)
    _refuse_cascades(run)
    first, second = (_loaded(folder, run) for folder in (run.first, run.second))
    if run.tokens_per_batch is not None:
        require_tokens(run.first, run.second)
    _refuse_pair(first, second, run)
    with own_terms_told(run.load_options.get("stated_terms"), Use.MODERATION):
        loaded = load_stage([run.source], "test", run.load_options, step)
        rows = rows_of_task(loaded.tables, "moderation", place=run.source).labels
        if rows is None:
            raise ValueError("expected labels, found none")
        require_use(rows.records.table, Use.MODERATION, place=run.source, override=run.override_uses)
    rows, notes = _held_out(rows, (first, second), run.source)
    (of_first, first_seconds), (of_second, second_seconds) = (_judged(part, rows, step) for part in (first, second))
    step("choosing and measuring")
    heads = tuple(first.model.heads)
    own = {name: [part.model.heads[name].threshold for part in (first, second)] for name in heads}
    fitted = fit_cascade(Judged(heads, of_first, of_second, rows), own, run.settings, place=run.source)
    fitted = replace(fitted, notes=(*fitted.notes, *notes))
    if fitted.gain < LEAST_GAIN and not run.anyway:
        raise _not_better(first, second, fitted, run)
    seconds = {"first": round(first_seconds, 3), "second": round(second_seconds, 3)}
    _write(run, (first, second), fitted, loaded, _manifest(run, (first, second), fitted, loaded, rows, seconds))
    names = (first.saved.description.name, second.saved.description.name)
    speed = (1000 * first_seconds / len(rows), 1000 * second_seconds / len(rows))
    return CascadeResult(names, fitted, speed, len(rows), rows.set_aside, loaded.quarantined)


def _loaded(folder: Path, run: CascadeRun) -> _Part:
    described = folder / DESCRIPTION_NAME
    digest = file_digest(described) if described.is_file() else ""  # loading says what is wrong where there is none
    model, description = load_part(
        folder, trust_remote_code=run.trust_remote_code, tokens_per_batch=run.tokens_per_batch
    )
    return _Part(model, SavedPart(folder, digest, description), read_trained_rows(folder, description))


def _refuse_settings(settings: CascadeSettings) -> None:
    if not (0 <= settings.most_loss < 1 and 0 < settings.max_false_positive_rate < 1):
        raise UsageError(
            "PL-CAS-001",
            "--loss, --false-positive-rate",
            "no cascade can be chosen by these",
            expected="0 <= --loss < 1 and 0 < --false-positive-rate < 1",
            found=f"{settings.most_loss:g} and {settings.max_false_positive_rate:g}",
            advice="--loss 0.005 --false-positive-rate 0.05",
        )


def _refuse_cascades(run: CascadeRun) -> None:
    for folder in (run.first, run.second):
        if model_kind(folder) == CASCADE_KIND:
            raise _no_part(folder, "a cascade")


def _no_part(folder: Path, found: str) -> UsageError:
    return UsageError(
        "PL-CAS-002",
        str(folder),
        "a cascade is made of two moderation models",
        expected="a linear or transformer model of moderation",
        found=found,
        advice="train one: plumbline train moderation SOURCE -o MODEL",
    )


def _refuse_pair(first: _Part, second: _Part, run: CascadeRun) -> None:
    """Refuse what makes no cascade: other tasks, the same model twice, other heads."""
    for part in (first, second):
        if part.model.task != "moderation":
            raise _no_part(part.saved.folder, f"a {part.model.task} model")
    if first.saved.digest == second.saved.digest:
        raise UsageError(
            "PL-CAS-002",
            str(run.second),
            "both models are the same, so that asking the second would change nothing",
            expected="a quick model and a better one",
            found=f"twice the model with the digest {first.saved.digest[:12]}",
            advice="name a transformer second: plumbline train moderation SOURCE --model PATH -o MODEL",
        )
    heads, others = list(first.model.heads), list(second.model.heads)
    if heads != others:
        raise UsageError(
            "PL-CAS-003",
            str(run.second),
            "the two models do not have the same heads, so that one could not answer for the other",
            expected=f"the {len(heads)} of {first.saved.description.name}",
            found=_told_difference(heads, others),
            advice="train both on the same sources",
        )


def _told_difference(heads: list[str], others: list[str]) -> str:
    lacking = [name for name in heads if name not in others]
    added = [name for name in others if name not in heads]
    told = [f"it lacks {len(lacking)}, such as {lacking[0]}"] if lacking else []
    told += [f"it has {len(added)} more, such as {added[0]}"] if added else []
    return "; ".join(told) or "the same in another order"


def _held_out(rows: LabelRows, parts: tuple[_Part, _Part], place: str) -> tuple[LabelRows, list[str]]:
    """The rows that neither model was trained on, and what to beware of: of its own rows each is too sure."""
    notes = [
        f"{part.saved.description.name} does not say what it was trained on: where these rows were among that, the figures "
        "flatter it"
        for part in parts
        if part.trained_rows is None
    ]
    seen = np.zeros(len(rows), bool)
    for part in parts:
        if part.trained_rows is not None:
            seen |= part.trained_rows.rows_among(rows.records)
    if seen.all():
        raise NoDataError(
            "PL-CAS-005",
            place,
            "one of the models was trained on each of these rows, so that nothing could be measured on them",
            expected="labelled rows that were held out",
            found=f"{len(rows):,} rows of the training",
            advice="name another split (--split test) or source; to hold rows out: plumbline curate SOURCE -o DIR",
        )
    if seen.any():
        rows = replace(rows.take(np.flatnonzero(~seen)), set_aside={**rows.set_aside, TRAINED_ON: int(seen.sum())})
    for part in parts:
        overlap = None if part.trained_rows is None else Overlap.of(part.trained_rows, (rows,))
        if overlap is not None and overlap.told:
            notes.append(f"{part.saved.description.name}: {overlap.told}")
    return rows, notes


def _judged(part: _Part, rows: LabelRows, step: Step) -> tuple[Floats, float]:
    """What a model says of the rows, shape (n, heads), and how many seconds it took."""
    name, began = part.saved.description.name, time.perf_counter()
    scores = part.model.read_conversations(
        rows.records.rows()["conversation"],
        advance=lambda done, total: step(f"{name}, {done:,} of {total:,} replies"),
    )
    spent = time.perf_counter() - began
    columns = zip(part.model.heads.values(), scores.heads.T, strict=True)
    found = np.stack([head.calibration.probabilities(column) for head, column in columns], axis=1)
    if not np.isfinite(found).all():
        raise ModelError(
            "PL-CAS-007",
            str(part.saved.folder),
            "the model gave no probability for some rows, so that nothing can be chosen by it",
            expected="a number for each of the rows",
            found=f"none for {int((~np.isfinite(found).all(axis=1)).sum()):,} of {len(rows):,}",
            advice="train it again, or copy it again from where it came",
        )
    return found, spent


def _not_better(first: _Part, second: _Part, fitted: FittedCascade, run: CascadeRun) -> NoDataError:
    models = fitted.figures["models"]
    names = [part.saved.description.name for part in (first, second)]
    told = [f"{name} {told_figure(models[key]['auprc'])}" for name, key in zip(names, models, strict=False)]
    return NoDataError(
        "PL-CAS-008",
        run.source,
        f"{names[1]} is not better enough than {names[0]} here, which is the better choice by itself: it is quicker",
        expected=f"at least {LEAST_GAIN:g} more AUPRC",
        found=f"{told_figure(fitted.figures['gain'])} more (AUPRC of {' and '.join(told)})",
        advice=f"serve it alone: plumbline serve {quote(str(run.first))}; to make the cascade all the same: --anyway",
    )


def _manifest(
    run: CascadeRun,
    parts: tuple[_Part, _Part],
    fitted: FittedCascade,
    loaded: Loaded,
    rows: LabelRows,
    seconds: dict[str, float],
) -> Manifest:
    """Both models and the rows are inputs, the models' manifests parents; the terms are the strictest of all three."""
    configuration: dict[str, JsonValue] = {
        "first": str(run.first),
        "second": str(run.second),
        "source": run.source,
        "most_loss": run.settings.most_loss,
        "max_false_positive_rate": run.settings.max_false_positive_rate,
        "anyway": run.anyway,
        "band": [fitted.band.low, fitted.band.high],
        **resolved_options([run.source], "test", run.load_options),
    }
    manifest = loaded.manifest("model", run.command, configuration, seed=run.settings.seed)
    for part in reversed(parts):
        manifest = with_model(manifest, part.saved.folder)
    terms = strictest_terms([loaded.terms, *(part.saved.description.permitted for part in parts)])
    return manifest.model_copy(
        update={
            "findings": {**manifest.findings, **rows.set_aside},
            "uses": sorted(terms.uses),
            "licence": terms.licence,
            "uses_overridden": run.override_uses and Use.MODERATION not in loaded.terms.uses,
            "durations_seconds": seconds,
        }
    )


def _write(
    run: CascadeRun, parts: tuple[_Part, _Part], fitted: FittedCascade, loaded: Loaded, manifest: Manifest
) -> None:
    first, second = parts
    name = run.out.resolve().name
    synthetic = is_synthetic(loaded) or any(part.saved.description.synthetic for part in parts)
    trained_rows = second.trained_rows if first.trained_rows is None else first.trained_rows.united(second.trained_rows)
    told = (first.saved.told, second.saved.told)
    save_cascade(
        run.out,
        Cascade(first.model, second.model, fitted.band, fitted.thresholds),
        (first.saved, second.saved),
        manifest,
        name=name,
        synthetic=synthetic,
        training={
            FIGURES_KEY: fitted.figures,
            "notes": list(fitted.notes),
            "most_loss": run.settings.most_loss,
            "max_false_positive_rate": run.settings.max_false_positive_rate,
        },
        card=format_cascade_card(name, told, fitted, manifest, synthetic=synthetic),
        trained_rows=trained_rows,
    )
