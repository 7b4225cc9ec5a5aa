"""What the demo can tell because its world is made up: figures beside the known truth.

How far simulated workers agree, how often they and the models are right, how much better each sampler's replies truly are, and
its Elo by the workers' word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plumbline.formats import load
from plumbline.loop.reply_scorer import ModelScorer
from plumbline.loop.synthetic.world import Situation, World
from plumbline.loop.synthetic.writer import Reply
from plumbline.measure import (
    Bootstrap,
    Figure,
    Ratings,
    auprc,
    fit_bradley_terry,
    krippendorff_alpha,
    mean_figure,
    pack_ratings,
    percent_agreement,
    preference_accuracy,
    rate_figure,
)
from plumbline.records import Axis, Comparison, Message, Outcome, Role, SafetyLabel, records_from_table

BASE = "base"
"""The sampler that gives any of the world's replies."""
_DECIDED = (Outcome.FIRST, Outcome.SECOND)


@dataclass(frozen=True)
class Judged:
    """The judgements of a study, as it was exported.

    Attributes:
        comparisons: that chose a side.
        labels: that say safe or unsafe.
    """

    comparisons: tuple[Comparison, ...]
    labels: tuple[SafetyLabel, ...]

    @classmethod
    def of(cls, export: Path) -> Judged:
        """Read what ``plumbline collect export`` wrote."""
        loaded = load(export, cache=False)
        records = [record for table in loaded.tables.values() for record in records_from_table(table)]
        return cls(
            tuple(each for each in records if isinstance(each, Comparison) and each.outcome in _DECIDED),
            tuple(each for each in records if isinstance(each, SafetyLabel) and each.is_safe is not None),
        )


def agreement(judged: Judged, bootstrap: Bootstrap) -> tuple[Figure, Figure]:
    """Of those who judged the same: the share of pairs of judgements that are equal, and Krippendorff's α."""
    sides = [
        (each.item_id, each.group_id, float(better_text(each) != min(_texts(each)))) for each in judged.comparisons
    ]
    labels = [(each.item_id, each.group_id, float(bool(each.is_safe))) for each in judged.labels]
    items, groups, values = zip(*(sides or labels), strict=True)
    ratings, order = pack_ratings(items, values)
    of_item = dict(zip(items, groups, strict=True))
    ids = [of_item[item] for item in order]
    alpha = krippendorff_alpha(ratings, level="nominal", bootstrap=bootstrap, group_ids=ids)
    return percent_agreement(ratings, bootstrap=bootstrap, group_ids=ids), alpha


def workers_right(judged: Judged, world: World, bootstrap: Bootstrap) -> Figure:
    """The share of judgements that say what is true; pairs of which neither side is truly better are left out."""
    rights: list[float] = []
    groups: list[str] = []
    for each in judged.comparisons:
        first, second = (world.truth(text).reply.worth(each.axis) for text in _texts(each))
        if first != second:
            rights.append(float((first > second) == (each.outcome is Outcome.FIRST)))
            groups.append(each.group_id)
    for label in judged.labels:
        rights.append(float(world.truth(label.conversation[-1].text).reply.is_safe is label.is_safe))
        groups.append(label.group_id)
    return rate_figure(rights, bootstrap=bootstrap, group_ids=groups)


def _texts(comparison: Comparison) -> tuple[str, str]:
    first, second = comparison.continuations
    return first[-1].text, second[-1].text


def better_text(comparison: Comparison) -> str:
    """The reply that was judged better."""
    return _texts(comparison)[0 if comparison.outcome is Outcome.FIRST else 1]


# --- models ---


def model_figures(scorer: ModelScorer, world: World, axis: Axis, bootstrap: Bootstrap) -> dict[str, Figure]:
    """How right a model is about what no study asked.

    Args:
        axis: that the pairs of its replies are compared on.
    Returns:
        ``accuracy`` of pairs of which one side is truly better, of a model that was taught pairs; ``auprc`` of unsafe
        replies, of one that was taught labels. Intervals over prompts.
    """
    situations = world.unseen_tasks if axis is Axis.HELPFULNESS else world.unseen_wishes
    scores = [scores_of(scorer, each) for each in situations]
    figures = {}
    if scorer.model.task != "moderation":
        figures["accuracy"] = _pair_accuracy(situations, scores, axis, bootstrap)
    if scorer.model.task != "preference":
        unsafe = [not reply.is_safe for each in situations for reply in each.replies]
        groups = [each.prompt for each in situations for _ in each.replies]
        figures["auprc"] = auprc(-np.concatenate(scores), unsafe, bootstrap=bootstrap, group_ids=groups)
    return figures


def scores_of(scorer: ModelScorer, situation: Situation) -> NDArray[np.float64]:
    """What a model gives to each reply; higher = better, whatever the model says."""
    asked = Message(Role.HUMAN, situation.prompt)
    return scorer.scores([(asked, Message(Role.ASSISTANT, reply.text)) for reply in situation.replies])


def _pair_accuracy(
    situations: Sequence[Situation], scores: Sequence[NDArray[np.float64]], axis: Axis, bootstrap: Bootstrap
) -> Figure:
    differences, firsts, groups = [], [], []
    for situation, of_replies in zip(situations, scores, strict=True):
        for one, other in combinations(range(len(of_replies)), 2):
            first, second = (situation.replies[place].worth(axis) for place in (one, other))
            if first != second:
                differences.append(float(of_replies[one] - of_replies[other]))
                firsts.append(first > second)
                groups.append(situation.prompt)
    return preference_accuracy(differences, firsts, bootstrap=bootstrap, group_ids=groups)


# --- samplers ---


@dataclass(frozen=True)
class SampledTask:
    """A task that no study asked before, and which of its replies each sampler gives: sampler → its reply."""

    situation: Situation
    replies: Mapping[str, Reply]

    def pairs(self) -> list[Situation]:
        """The pairs of different replies that samplers give, each once, as what a study asks."""
        different = list(dict.fromkeys(self.replies.values()))
        return [replace(self.situation, replies=two) for two in combinations(different, 2)]


def sampled_tasks(world: World, scorers: Mapping[str, ModelScorer]) -> list[SampledTask]:
    """What samplers give to tasks that no study asked: the first reply, and the best of all by each scorer.

    The replies stand in no order, so the first one is a sample of the world's.
    """
    sampled = []
    for situation in world.unseen_tasks:
        best = {
            name: situation.replies[int(np.argmax(scores_of(scorer, situation)))] for name, scorer in scorers.items()
        }
        sampled.append(SampledTask(situation, {BASE: situation.replies[0], **best}))
    return sampled


def true_helpfulness(sampled: Sequence[SampledTask], sampler: str, bootstrap: Bootstrap) -> Figure:
    """How helpful a sampler's replies truly are, on the scale of the world."""
    return mean_figure([each.replies[sampler].helpfulness for each in sampled], bootstrap=bootstrap)


def same_replies(sampled: Sequence[SampledTask], first: str, second: str) -> int:
    """On how many tasks two samplers give the same reply."""
    return sum(each.replies[first] == each.replies[second] for each in sampled)


def rate_samplers(judged: Judged, sampled: Sequence[SampledTask]) -> Ratings:
    """The samplers' Elo over all tasks, by the workers' word; intervals over prompts.

    Where two samplers give the same reply, that is a draw between them, and what is said of it holds for both.
    """
    givers: dict[tuple[str, str], list[str]] = {}
    for each in sampled:
        for name, reply in each.replies.items():
            givers.setdefault((each.situation.prompt, reply.text), []).append(name)
    met: list[tuple[str, str, float, str]] = []
    for comparison in judged.comparisons:
        prompt = comparison.context[-1].text
        one, other = (givers[prompt, text] for text in _texts(comparison))
        points = float(comparison.outcome is Outcome.FIRST)
        met += [(first, second, points, prompt) for first, second in product(one, other)]
    for (prompt, _), names in givers.items():
        met += [(first, second, 0.5, prompt) for first, second in combinations(names, 2)]
    firsts, seconds, scored, groups = zip(*met, strict=True)
    return fit_bradley_terry(firsts, seconds, scored, group_ids=groups)
