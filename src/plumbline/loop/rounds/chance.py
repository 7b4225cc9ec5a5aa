"""Whether a model may choose: one that is worse than chance ends the round, one that may be chance has to be allowed.

Chance is a half in both figures that are looked at: of pairs the accuracy, of labels the AUROC. Unlike the AUPRC it does not
depend on the share of harm among the rows, which is itself an estimate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from plumbline.loop.rounds.model_steps import Measured
from plumbline.loop.rounds.round_settings import Model
from plumbline.measure import Figure, format_figure
from plumbline.records import ModelError

CHANCE = 0.5
Standing = Literal["better", "unknown", "worse"]


@dataclass(frozen=True)
class AgainstChance:
    """One figure of one model, and how it stands to chance."""

    model: Model
    key: str
    figure: Figure

    @property
    def standing(self) -> Standing:
        """By its interval; unknown where it has none."""
        if self.figure.low is None or self.figure.high is None:
            return "unknown"
        if self.figure.high < CHANCE:
            return "worse"
        return "better" if self.figure.low > CHANCE else "unknown"

    @property
    def told(self) -> str:
        """``harmless: accuracy 0.52 (0.48–0.56, n=100)``."""
        return f"{self.model.name}: {self.key} {format_figure(self.figure)}"


def figures_against_chance(model: Model, evaluation: Mapping[str, Any]) -> list[AgainstChance]:
    """The figures of an evaluation that chance is known of."""
    return [AgainstChance(model, key, Figure.from_json(evaluation[key])) for key in _keys(model, evaluation)]


def _keys(model: Model, evaluation: Mapping[str, Any]) -> tuple[str, ...]:
    if model.task == "preference":
        return ("accuracy",)
    if model.task == "cost" and "labels_evaluated" in evaluation["rows"]:
        return ("accuracy", "auroc")
    # Measured by pairs alone a cost model has no AUROC; by labels alone its accuracy is that of a threshold.
    return ("accuracy",) if model.task == "cost" and evaluation["auroc"]["value"] is None else ("auroc",)


def refuse_chance(found: Sequence[Measured], scorer: str | None) -> None:
    """Refuse models that are worse than chance, and a scorer that may be no better.

    Args:
        found: the models of the round, measured.
        scorer: the name of the one that chooses; None where none does.
    Raises:
        ModelError: PL-RND-013, PL-RND-014.
    """
    figures = [each for one in found for each in figures_against_chance(one.model, one.now)]
    for each in figures:
        if each.standing == "worse":
            raise _worse(each)
    for each in figures:
        if each.model.name == scorer and each.standing == "unknown" and not each.model.allow_chance:
            raise _may_be_chance(each)


def chance_notes(found: Sequence[Measured]) -> Iterator[str]:
    """A line for each figure that does not show that the model is better than chance."""
    for one in found:
        for each in figures_against_chance(one.model, one.now):
            if each.standing == "unknown":
                yield f"not shown to be better than chance: {each.told}"


def _worse(found: AgainstChance) -> ModelError:
    labels = "which side is the better one" if found.key == "accuracy" else "which rows are unsafe"
    return ModelError(
        "PL-RND-013",
        f"model {found.model.name}",
        "the model is worse than chance: as a rule the labels stand the wrong way round",
        expected=f"{found.key} above {CHANCE}",
        found=f"{found.key} {format_figure(found.figure)}",
        advice=f"plumbline data check of each source, and look whether it says {labels}; mend it or leave it out, and the same "
        "command goes on. Nothing was chosen by this model",
    )


def _may_be_chance(found: AgainstChance) -> ModelError:
    return ModelError(
        "PL-RND-014",
        f"model {found.model.name}",
        "nothing shows that the model that would choose is better than chance",
        expected=f"{found.key} whose interval lies above {CHANCE}",
        found=f"{found.key} {format_figure(found.figure)}",
        advice="another scorer, or allow_chance = true in its [[models]] table, and the same command goes on; or more judgements, and "
        "--restart, since what was exported stays as it is",
    )
