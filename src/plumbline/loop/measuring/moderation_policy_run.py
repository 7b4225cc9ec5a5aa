"""Fitting a policy to labelled rows, and measuring one: a model and a source → a policy's file, or figures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import JsonValue

from plumbline.formats import Loaded
from plumbline.lineage import (
    Use,
    file_digest,
    is_own_file,
    refuse_foreign_file,
    require_use,
    strictest_terms,
    write_aside,
)
from plumbline.loop.sources import Step, is_synthetic, load_stage, own_terms_told, resolved_options
from plumbline.measure import Bootstrap, Figure
from plumbline.models.loading import load_any_model
from plumbline.models.model_folder import DESCRIPTION_NAME, FolderDescription, with_model
from plumbline.models.rows.trained_rows import Overlap, read_trained_rows
from plumbline.models.rows.training_rows import LabelRows
from plumbline.models.scored_model import Floats, ScoredModel
from plumbline.models.training import rows_of_task
from plumbline.moderate.false_refusals import as_conversations, prompts_alone, safe_pairs
from plumbline.moderate.policy import CalibrationFile, Policy, policy_of_model, require_decidable, require_heads
from plumbline.moderate.policy_figures import false_refusal_figures, policy_figures
from plumbline.moderate.policy_files import read_policy
from plumbline.moderate.policy_fitting import FittedOn, FittingSettings, fit_policy, recall_of_heads, told_of_fit
from plumbline.moderate.policy_text import format_policy
from plumbline.records import NoDataError, PlumblineError, UsageError
from plumbline.records.setting_words import NAME_PATTERN, NAME_WORDS

TRAINED_ON = "PL-POL-013"
"""Counted in the manifest of a policy: rows set aside because the model was trained on them."""


@dataclass(frozen=True)
class PolicyInput:
    """Which model, and which labelled rows.

    Attributes:
        model: a model's folder; of moderation or cost.
        source: its split test, or all of a single file.
        load_options: of `formats.load`.
        trust_remote_code: run code that comes with a transformer.
        tokens_per_batch: that a transformer computes at a time; None takes its default.
    """

    model: Path
    source: str
    load_options: Mapping[str, Any] = field(default_factory=dict)
    trust_remote_code: bool = False
    tokens_per_batch: int | None = None


@dataclass(frozen=True)
class PolicyFit:
    """What to fit, and where to write it.

    Attributes:
        out: a file that ends in .toml.
        name: of the policy; None takes the file's.
        flag_false_positive_rate, review_false_positive_rate, ignored, together: see `FittingSettings`.
        override_uses: go on though the data does not permit this use.
        command: for the manifest.
    """

    given: PolicyInput
    out: Path
    name: str | None = None
    flag_false_positive_rate: float = 0.01
    review_false_positive_rate: float = 0.05
    ignored: tuple[str, ...] = ()
    together: bool = False
    override_uses: bool = False
    command: tuple[str, ...] = ()


@dataclass(frozen=True)
class FittedPolicy:
    """A policy that was fitted and written.

    Attributes:
        recall: what is flagged of each head's own harm, of the rows fitted on.
        notes: what a reader must know, a sentence each.
        rows: fitted on.
        set_aside: rows that say nothing, or that the model was trained on, by code.
        quarantined: rows that could not be read, by code.
        truncated: replies of whose conversation the model read a part only.
    """

    policy: Policy
    recall: dict[str, Figure]
    notes: tuple[str, ...]
    rows: int
    set_aside: dict[str, int]
    quarantined: dict[str, int]
    truncated: int


@dataclass(frozen=True)
class _Judged:
    """Labelled rows, and what a model says of them.

    Attributes:
        probabilities: shape (n, heads).
        truncated: rows of whose conversation the model read a part only.
    """

    rows: LabelRows
    probabilities: Floats
    truncated: int


def run_policy_fit(run: PolicyFit, step: Step = lambda _: None) -> FittedPolicy:
    """Fit thresholds on rows that the model was not trained on, and write the policy with its manifest beside.

    Raises:
        UsageError: the file's ending or name is none that is written, or something else stands there.
        PlumblineError: the model or the source cannot be read, or the rows do not suffice, see `fit_policy`.
    """
    _refuse_other_endings(run.out)
    refuse_foreign_file(run.out, is_ours=is_own_file(run.out))
    name = _policy_name(run)
    given = run.given
    model, description, digest = _loaded_model(given)
    with own_terms_told(given.load_options.get("stated_terms"), Use.MODERATION):
        loaded = load_stage([given.source], "test", given.load_options, step)
        rows = _label_rows(loaded, given.source)
        require_use(rows.records.table, Use.MODERATION, place=given.source, override=run.override_uses)
    rows, overlap = _not_trained_on(rows, given, description)
    judged = _judged(model, rows, step)
    step("fitting thresholds")
    files = tuple(CalibrationFile(file.path, file.sha256, file.rows) for file in loaded.files)
    rates = (run.flag_false_positive_rate, run.review_false_positive_rate)
    settings = FittingSettings(name, 1, *rates, tuple(dict.fromkeys(run.ignored)), run.together)
    on = FittedOn(description.name, digest, files, given.source)
    policy = _versioned(fit_policy(list(model.heads), judged.probabilities, rows, settings, on), run.out)
    _write(run, policy, loaded, description, rows)
    notes = _told_synthetic(loaded, description)
    notes += told_of_fit(policy.calibration) if policy.calibration else []
    if overlap is not None and overlap.told:
        notes.append(overlap.told)
    recall = recall_of_heads(policy, list(model.heads), judged.probabilities, rows)
    return FittedPolicy(policy, recall, tuple(notes), len(rows), rows.set_aside, loaded.quarantined, judged.truncated)


def run_policy_evaluation(
    given: PolicyInput, policy_file: Path | None, *, seed: int = 0, step: Step = lambda _: None
) -> dict[str, Any]:
    """Measure a policy on labelled rows, and on safe texts that sound unsafe; what ``--json`` prints.

    Args:
        given: model and rows.
        policy_file: None measures the model's own thresholds.
        seed: of the bootstrap.
    Raises:
        PlumblineError: the model, the policy or the source cannot be read, or they do not fit.
    """
    model, description, digest = _loaded_model(given)
    heads = list(model.heads)
    policy = policy_of_model(model) if policy_file is None else read_policy(policy_file)
    require_heads(policy, heads, str(policy_file or given.model))
    trained_rows = read_trained_rows(given.model, description)
    loaded = load_stage([given.source], "test", given.load_options, step)
    rows = _label_rows(loaded, given.source)
    judged, bootstrap = _judged(model, rows, step), Bootstrap(seed=seed)
    step("measuring")
    figures = policy_figures(policy, heads, judged.probabilities, rows, bootstrap, step)
    overlap = None if trained_rows is None else Overlap.of(trained_rows, (rows,))
    splits = sorted(filter(None, rows.records.table["split"].unique().to_pylist()))
    return {
        "plumbline": "policy-evaluation",
        "version": 1,
        "policy": {"name": policy.name, "version": policy.version, "digest": policy.digest},
        "model": description.name,
        "model_digest": digest,
        "task": model.task,
        "source": given.source,
        "split": splits[0] if len(splits) == 1 else None,
        "synthetic": is_synthetic(loaded) or description.synthetic,
        "notes": [*_told_synthetic(loaded, description), *_notes(policy, digest, overlap, loaded)],
        **({} if overlap is None else {"trained_on": overlap.to_json()}),
        **figures,
        "thresholds": {name: {"review": each.review, "flag": each.flag} for name, each in policy.thresholds.items()},
        "ignored": list(policy.ignored),
        "false_refusals": _false_refusals(policy, model, bootstrap),
        "rows": {"evaluated": len(rows), "set_aside": {**loaded.quarantined, **rows.set_aside}},
        "truncated_replies": judged.truncated,
    }


def _loaded_model(given: PolicyInput) -> tuple[ScoredModel, FolderDescription, str]:
    """The model, what it says of itself, and its digest: taken now, for it may be trained anew while rows are judged."""
    model, description = load_any_model(
        given.model, trust_remote_code=given.trust_remote_code, tokens_per_batch=given.tokens_per_batch
    )
    digest = file_digest(given.model / DESCRIPTION_NAME)
    require_decidable(model, str(given.model))
    return model, description, digest


def _label_rows(loaded: Loaded, place: str) -> LabelRows:
    labels = rows_of_task(loaded.tables, "moderation", place=place).labels
    if labels is None:
        raise ValueError("expected labels, found none")
    return labels


def _judged(model: ScoredModel, rows: LabelRows, step: Step) -> _Judged:
    scores = model.read_conversations(
        rows.records.rows()["conversation"], advance=lambda done, total: step(f"scoring, {done:,} of {total:,} replies")
    )
    truncated = 0 if scores.truncated is None else int(scores.truncated.sum())
    return _Judged(rows, _probabilities(model, scores.heads), truncated)


def _probabilities(model: ScoredModel, scores: Floats) -> Floats:
    """What the scores of a model's heads mean, shape (n, heads)."""
    columns = zip(model.heads.values(), scores.T, strict=True)
    return np.stack([head.calibration.probabilities(column) for head, column in columns], axis=1)


def _not_trained_on(
    rows: LabelRows, given: PolicyInput, description: FolderDescription
) -> tuple[LabelRows, Overlap | None]:
    """The rows that the model was not trained on: of those that it was, it flags fewer safe ones than of others."""
    trained_rows = read_trained_rows(given.model, description)
    if trained_rows is None:
        return rows, None
    seen = trained_rows.rows_among(rows.records)
    if seen.all():
        raise NoDataError(
            "PL-POL-015",
            given.source,
            "the model was trained on every one of these rows, so that their rates would promise nothing of others",
            expected="labelled rows that were held out",
            found=f"{len(rows):,} rows of the training",
            advice="name another split (--split test) or source; to hold rows out: plumbline curate SOURCE -o DIR",
        )
    if seen.any():
        rows = replace(rows.take(np.flatnonzero(~seen)), set_aside={**rows.set_aside, TRAINED_ON: int(seen.sum())})
    return rows, Overlap.of(trained_rows, (rows,))


def _told_synthetic(loaded: Loaded, description: FolderDescription) -> list[str]:
    """What belongs to every figure where a program made up the rows, or those of the training."""
    told = ["the rows are SYNTHETIC: their figures say nothing of texts by people"] if is_synthetic(loaded) else []
    return [*told, "the model was trained on SYNTHETIC data"] if description.synthetic else told


def _notes(policy: Policy, model_digest: str, overlap: Overlap | None, loaded: Loaded) -> list[str]:
    """What a reader must know before trusting the figures, a sentence each."""
    notes = policy.told_of(model_digest)
    fitted_on = {file.sha256 for file in policy.calibration.data} if policy.calibration else set()
    same = [file.path for file in loaded.files if file.sha256 in fitted_on]
    if same:
        notes.append(f"the policy was FITTED on these very rows ({', '.join(same)}): the figures flatter it")
    if overlap is not None and overlap.told:
        notes.append(overlap.told)
    return notes


def _false_refusals(policy: Policy, model: ScoredModel, bootstrap: Bootstrap) -> dict[str, Any]:
    pairs = safe_pairs()

    def of(conversations: pa.ListArray) -> Floats:
        """Probabilities of every head."""
        return _probabilities(model, model.read_conversations(conversations).heads)

    return false_refusal_figures(
        policy, list(model.heads), pairs, of(as_conversations(pairs)), of(prompts_alone(pairs)), bootstrap
    )


def _refuse_other_endings(out: Path) -> None:
    if out.suffix != ".toml":
        raise UsageError(
            "PL-OUT-006",
            str(out),
            "no policy is written to such a file",
            expected="a file that ends in .toml",
            advice=f"-o {out.name.split('.')[0] or 'policy'}.toml",
        )


def _policy_name(run: PolicyFit) -> str:
    """What was asked for, else the file's own name.

    Raises:
        UsageError: no policy can be called so.
    """
    name = run.out.stem if run.name is None else run.name
    if re.fullmatch(NAME_PATTERN, name):
        return name
    plain = re.sub(r"[^a-z0-9.+-]+", "-", name.lower()).strip("-.+")[:100] or "policy"
    raise UsageError(
        "PL-POL-005",
        "name (--name)",
        "no policy can be called so",
        expected=NAME_WORDS,
        found=f'"{name[:80]}"',
        advice=f"--name {plain}",
    )


def _versioned(policy: Policy, out: Path) -> Policy:
    """The policy as the next version of the one that stands in its place, where that is another of its name."""
    try:
        former = read_policy(out) if out.exists() else None
    except PlumblineError:  # written by ours, see `refuse_foreign_file`, and of a version that said other things
        former = None
    if former is None or former.name != policy.name:
        return policy
    same = replace(policy, version=former.version)
    return same if same.digest == former.digest else replace(policy, version=former.version + 1)


def _write(run: PolicyFit, policy: Policy, loaded: Loaded, description: FolderDescription, rows: LabelRows) -> None:
    """Write the policy aside, then into place, and its manifest beside it."""
    given = run.given
    with write_aside(run.out) as aside:
        aside.write_text(format_policy(policy), encoding="utf-8")
    configuration: dict[str, JsonValue] = {
        "model": str(given.model),
        "source": given.source,
        "name": policy.name,
        "flag_false_positive_rate": run.flag_false_positive_rate,
        "review_false_positive_rate": run.review_false_positive_rate,
        "ignored": list(policy.ignored),
        "together": run.together,
        **resolved_options([given.source], "test", given.load_options),
    }
    manifest = with_model(loaded.manifest("policy", run.command, configuration), given.model)
    terms = strictest_terms([loaded.terms, description.permitted])
    manifest.model_copy(
        update={
            "findings": {**manifest.findings, **rows.set_aside},
            "uses": sorted(terms.uses),
            "licence": terms.licence,
            "uses_overridden": run.override_uses and Use.MODERATION not in loaded.terms.uses,
        }
    ).write_beside(run.out)
