"""One call from tables to a trained transformer with its figures: trunk, rows, training, calibration on held-out prompts.

Some prompts are held out of training, with all their rows: training looks at them to stop early, calibration and
thresholds are fitted on their scores, and the figures of the card are theirs. So these figures are of one model and one
deal, not cross-validated: a transformer is too dear to be trained five times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from torch.distributed.tensor import DTensor

from plumbline.measure import Bootstrap
from plumbline.models.figures.evaluation import evaluate_scores
from plumbline.models.figures.label_figures import told_few_safe_rows
from plumbline.models.out_of_fold import held_out_table
from plumbline.models.rows.repeated_rows import count_repeats
from plumbline.models.rows.trained_rows import TrainedRows
from plumbline.models.training import REQUIRED_USES, TaskRows, require_permitted_rows
from plumbline.models.transformer.examples.example import Example
from plumbline.models.transformer.examples.goals import Goal, TaskData, goals_of
from plumbline.models.transformer.examples.held_out_prompts import (
    held_out_from,
    split_examples,
)
from plumbline.models.transformer.examples.training_examples import PreparedRows, prepare_rows
from plumbline.models.transformer.frozen.ensemble_fitting import (
    EnsembleOptions,
    FittedEnsemble,
    fit_ensemble,
)
from plumbline.models.transformer.frozen.training import FrozenOutcome, fit_frozen_heads
from plumbline.models.transformer.model import (
    ScoringSettings,
    TransformerModel,
    task_columns,
    told_refusal,
)
from plumbline.models.transformer.scorer import Scorer
from plumbline.models.transformer.self_check import check_trees, telling_examples, trim_where_right
from plumbline.models.transformer.settings import BackboneSettings, LossSettings, TokenSettings, TrainerSettings
from plumbline.models.transformer.training.checkpoints import trained_weights
from plumbline.models.transformer.training.held_out_reading import read_held_out
from plumbline.models.transformer.training.outcome import Progress, TrainingOutcome
from plumbline.models.transformer.training.processes import is_first_process
from plumbline.models.transformer.training.trainer import train
from plumbline.models.transformer.trunk.backbone import Trunk, load_trunk
from plumbline.models.transformer.trunk.conversation_tokens import ConversationEncoder
from plumbline.models.transformer.trunk.history import (
    TrunkHistory,
    learned_before,
    read_history,
    require_permitted_trunk,
)
from plumbline.models.transformer.trunk.identity import base_of

Json = dict[str, Any]
Step = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class TransformerOptions:
    """How to train.

    Attributes:
        held_out_share: of the prompts; for early stopping, calibration and figures.
        max_false_positive_rate: where moderation heads put their thresholds, on held-out scores.
        threads: of the processor; None leaves them as they are.
        frozen: fit heads alone, on features of the trunk as it stands; what says how weights are found plays no part.
        feature_cache: where such features are kept; None keeps none.
        ensemble: how many heads are fitted beside the main one to say how sure it is; None for none.
    """

    backbone: BackboneSettings
    tokens: TokenSettings = field(default_factory=TokenSettings)
    trainer: TrainerSettings = field(default_factory=TrainerSettings)
    loss: LossSettings = field(default_factory=LossSettings)
    held_out_share: float = 0.1
    max_false_positive_rate: float = 0.05
    threads: int | None = None
    frozen: bool = False
    feature_cache: Path | None = None
    ensemble: int | None = None

    def to_json(self) -> Json:
        """As it stands in the manifest and in ``model.json``."""
        found: Json = asdict(self)
        del found["feature_cache"]  # where it stands on this machine changes nothing
        return found


@dataclass(frozen=True, slots=True)
class TrainedTransformer:
    """A model with what is known of it.

    Attributes:
        held_out: the evaluation of rows whose prompts training had not seen.
        summary: counts, settings, categories left out: what the card and the description tell.
        outcome: of the training loop, or of fitting heads.
        trained_rows: the rows, those held out for calibration among them, to be known again; and those of the trunk.
        out_of_fold: rows of `OUT_OF_FOLD_SCHEMA`: what the model says of the rows held out.
        history: of the trunk, where it is a model of Plumbline.
    """

    model: TransformerModel
    held_out: Json
    summary: Json
    outcome: TrainingOutcome | FrozenOutcome
    trained_rows: TrainedRows
    out_of_fold: pa.Table
    history: TrunkHistory | None = None


def train_transformer(
    data: TaskData,
    options: TransformerOptions,
    work: Path,
    *,
    step: Step = lambda _: None,
    loaded: Callable[[], None] = lambda: None,
) -> tuple[TrainedTransformer, ...]:
    """Train one trunk with the heads of one or of several goals.

    Args:
        work: a folder for checkpoints and metrics, which outlives a run that is killed. Training goes on from the last
            checkpoint there, where there is one.
        step: told what begins, and how training goes.
        loaded: called once the trunk is there and may be trained: what an earlier run left in `work` may go then.
    Returns:
        A model a goal, in the order of `goals_of`; all have the same trunk and read their own heads of it. None in
        processes of a distributed run other than the first.
    Raises:
        PermittedUseError: the data does not permit the use, or what the trunk was trained on before.
        NoDataError, UsageError: as `rows_of_task` and `prepare_rows`.
        SourceError, ModelError: the trunk cannot be loaded; a checkpoint does not fit.
        TrainingError: a loss that is not finite; memory at an end.
    """
    goals, seed = _possible_goals(data, options), options.trainer.seed
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    torch.manual_seed(seed)  # of the adapters' first values
    step(f"loading {options.backbone.name}")
    trunk = load_trunk(options.backbone)
    history = _history(trunk, data, options)
    learned = history.trained_rows if history else None
    held_groups = held_out_from(goals, options.held_out_share, seed, learned)
    loaded()
    encoder = ConversationEncoder(trunk.tokenizer, options.tokens, trunk.positions)
    step("making tokens")
    prepared = prepare_rows(goals, encoder, loss=options.loss, seed=seed, place=data.place)
    model = _untrained(goals[0], trunk, encoder, prepared.head_names, options)
    fitted = _fit_frozen if options.frozen else _fine_tune
    outcome, notes = fitted(model, prepared, held_groups, options, work, step)
    model = _put_together(model, options)
    if not is_first_process():
        return ()
    known = _Known(prepared, held_groups, outcome, (*trunk.notes, *notes), _rows_of_all(goals).united(learned), history)
    models = [model.reading(goal.task, goal.axis) for goal in goals]
    ensembles = [_fit_ensemble(each, known, options, work, step) for each in models]
    step("scoring held-out rows")
    rows = [goal.rows for goal in goals]
    return tuple(_trained(*each, known, options) for each in zip(models, ensembles, rows, strict=True))


def _possible_goals(data: TaskData, options: TransformerOptions) -> tuple[Goal, ...]:
    """What is trained, where the rows permit it and are enough; what cannot be is told before a trunk is fetched."""
    for task in data.tasks:
        require_permitted_rows(data.tables, task, place=data.place, override_uses=data.override_uses)
    goals = goals_of(data)
    held_out_from(goals, options.held_out_share, options.trainer.seed, None)
    return goals


@dataclass(frozen=True, slots=True)
class _Known:
    """What all goals of a training have in common."""

    prepared: PreparedRows
    held_groups: frozenset[str]
    outcome: TrainingOutcome | FrozenOutcome
    notes: tuple[str, ...]
    trained_rows: TrainedRows
    history: TrunkHistory | None


def _history(trunk: Trunk, data: TaskData, options: TransformerOptions) -> TrunkHistory | None:
    """What the trunk learned before, where that is known and permits this training."""
    history = read_history(trunk.folder)
    uses = {REQUIRED_USES[task] for task in data.tasks}
    require_permitted_trunk(history, uses, options.backbone.name, override_uses=data.override_uses)
    return history


def _rows_of_all(goals: Sequence[Goal]) -> TrainedRows:
    """Whatever the goal, the trunk has learned from the rows of all."""
    return TrainedRows.of(part for goal in goals for part in (goal.rows.pairs, goal.rows.labels))


def _fit_ensemble(
    model: TransformerModel, known: _Known, options: TransformerOptions, work: Path, step: Step
) -> FittedEnsemble:
    """The heads beside the main one, where they are asked for."""
    if options.ensemble is None:
        return FittedEnsemble(None, None)
    chosen = [number for number, group in enumerate(known.prepared.group_ids) if group not in known.held_groups]
    how = EnsembleOptions(
        options.ensemble,
        options.trainer.seed,
        options.feature_cache if options.frozen else work / "features",
        lambda done, total: step(f"features for the ensemble, {done:,} of {total:,} sequences"),
        options.trainer.tokens_per_batch,
    )
    examples, group_ids = known.prepared.examples, known.prepared.group_ids
    return fit_ensemble(model, [examples[each] for each in chosen], [group_ids[each] for each in chosen], how)


def _trained(
    model: TransformerModel, fitted: FittedEnsemble, rows: TaskRows, known: _Known, options: TransformerOptions
) -> TrainedTransformer:
    """One goal's model, calibrated and measured on held-out rows."""
    model = replace(model, ensemble=fitted.ensemble)
    model, kept, untrained = read_held_out(model, rows, known.held_groups, options.max_false_positive_rate)
    figures = evaluate_scores(model, kept, Bootstrap(seed=options.trainer.seed))
    out_of_fold = held_out_table(model, kept)
    few = told_few_safe_rows(figures, options.max_false_positive_rate) if model.task == "moderation" else []
    notes = [*known.notes, *fitted.notes, *few]
    counts = {"notes": notes, "untrained_categories": untrained, "ensemble": fitted.to_json()}
    counts |= learned_before(known.history, known.held_groups)
    summary = {**_summary(rows, known.prepared, figures, known.outcome, options), **counts}
    return TrainedTransformer(model, figures, summary, known.outcome, known.trained_rows, out_of_fold, known.history)


def _fine_tune(
    model: TransformerModel,
    prepared: PreparedRows,
    held_groups: frozenset[str],
    options: TransformerOptions,
    work: Path,
    step: Step,
) -> tuple[TrainingOutcome, list[str]]:
    """Train trunk (or adapters) and heads; what it came to, and what to note."""
    learned, held = split_examples(prepared, held_groups, share=options.trainer.share_conversations)
    as_trees, notes = _as_trees(model, learned, options)
    if options.loss.margin and not any(pair.margin for example in learned for pair in example.preferences):
        notes = [*notes, "no comparison says how strong its judgement was: --margin changed nothing"]
    outcome = train(
        model.scorer,
        learned,
        held,
        replace(options.trainer, as_trees=as_trees),
        options.loss,
        padding_id=model.padding_id,
        out=work,
        progress=lambda now: step(told_progress(now)),
    )
    return outcome, notes


def _put_together(model: TransformerModel, options: TransformerOptions) -> TransformerModel:
    """The model with whole weights where training had sharded them over devices (FSDP2); every process must call it."""
    if not any(isinstance(weight, DTensor) for weight in model.scorer.parameters()):
        return model
    weights = trained_weights(model.scorer)
    if not is_first_process():
        return model
    device = model.scorer.heads.weight.device
    trunk = load_trunk(options.backbone)
    whole = Scorer(trunk.model, model.scorer.head_names, pooling=trunk.pooling)
    whole.heads.bias.requires_grad_(model.scorer.heads.bias.requires_grad)
    whole.load_state_dict(weights, strict=False)  # what was not trained stands as it was loaded
    return replace(model, scorer=whole.to(device).eval())


def _fit_frozen(
    model: TransformerModel,
    prepared: PreparedRows,
    held_groups: frozenset[str],
    options: TransformerOptions,
    _work: Path,
    step: Step,
) -> tuple[FrozenOutcome, list[str]]:
    """Fit heads on features of the trunk as it stands; what it came to, and what to note."""
    chosen = [number for number, group in enumerate(prepared.group_ids) if group not in held_groups]
    outcome = fit_frozen_heads(
        model,
        [prepared.examples[number] for number in chosen],
        [prepared.group_ids[number] for number in chosen],
        seed=options.trainer.seed,
        cache=options.feature_cache,
        tokens_per_batch=options.trainer.tokens_per_batch,
        progress=lambda done, total: step(f"features, {done:,} of {total:,} sequences"),
    )
    return outcome, list(outcome.notes)


def _untrained(
    goal: Goal,
    trunk: Trunk,
    encoder: ConversationEncoder,
    head_names: Sequence[str],
    options: TransformerOptions,
) -> TransformerModel:
    """The model before training, its scores read as they are."""
    scorer = Scorer(trunk.model, head_names, pooling=trunk.pooling, seed=options.trainer.seed)
    if trunk.pooling == "last":
        # Classifiers of causal models have no bias, so that a head without one can be given to other tools as it is.
        scorer.heads.bias.requires_grad_(False)
    trim_where_right(scorer, padding_id=trunk.padding_id)
    base = base_of(options.backbone, trunk.folder)
    scorer.origin = base.origin
    return TransformerModel(
        goal.task,
        goal.axis,
        scorer,
        trunk.tokenizer,
        encoder,
        options.tokens,
        trunk.padding_id,
        task_columns(goal.task, head_names, goal.axis),
        base,
        ScoringSettings(min(options.trainer.tokens_per_batch, 8_192), options.trainer.as_trees),
    )


def _as_trees(
    model: TransformerModel, examples: Sequence[Example], options: TransformerOptions
) -> tuple[bool, list[str]]:
    """Whether to train on trees, and why not: the model is asked, with the longest rows and the largest trees."""
    if not options.trainer.as_trees or model.scorer.pooling != "last" or not examples:
        return False, []
    check = check_trees(model.scorer, telling_examples(examples), padding_id=model.padding_id)
    return check.passed, [] if check.passed else [told_refusal(check)]


def told_progress(now: Progress) -> str:
    """Where training stands, in a line."""
    right = "" if now.accuracy is None else f", {100 * now.accuracy:.0f} % right"
    minutes = max(round(now.seconds_left / 60), 0)
    left = f"{minutes} min left" if minutes else f"{now.seconds_left:.0f} s left"
    return f"step {now.step} of {now.steps}, loss {now.loss:.3f}{right}, {now.tokens_per_second:,.0f} tokens/s, {left}"


def _summary(
    rows: TaskRows,
    prepared: PreparedRows,
    figures: Json,
    outcome: TrainingOutcome | FrozenOutcome,
    options: TransformerOptions,
) -> Json:
    counted = {
        name: len(part) for name, part in (("comparisons", rows.pairs), ("labels", rows.labels)) if part is not None
    }
    held = figures["rows"]
    return {
        **counted,
        "settings": options.to_json(),
        "seed": options.trainer.seed,
        "max_false_positive_rate": options.max_false_positive_rate,
        "held_out_rows": max(held["evaluated"], held.get("labels_evaluated", 0)),
        "set_aside": dict(prepared.set_aside),
        "repeats": count_repeats((rows.pairs, rows.labels)),
        "truncated_conversations": prepared.truncated,
        "tokens": dict(prepared.tokens),
        "outcome": asdict(outcome),
    }
