"""What a policy does on labelled rows, and to safe texts that sound unsafe: figures with intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plumbline.measure import (
    Bootstrap,
    Figure,
    auprc,
    auroc,
    decision_figures,
    rate_figure,
    recall_at_fpr,
)
from plumbline.models.figures.measured_rows import Json, Measured, calibration_error, figures_json
from plumbline.models.rows.training_rows import LabelRows
from plumbline.moderate.false_refusals import KINDS, SafePair
from plumbline.moderate.policy import Bools, Decisions, Floats, Policy, decide
from plumbline.moderate.policy_fitting import rows_of_head

_IGNORED = "the policy ignores this head"


def policy_figures(
    policy: Policy,
    heads: Sequence[str],
    probabilities: Floats,
    rows: LabelRows,
    bootstrap: Bootstrap,
    step: Callable[[str], None] = lambda _: None,
) -> Json:
    """Figures of a policy; unsafe is the positive class, and flagged by any head is flagged.

    Args:
        policy: fits the heads.
        heads: k names; the first looks for any harm.
        probabilities: shape (n, k).
        rows: n labelled rows; n > 0.
        bootstrap: intervals, by group.
        step: told which category is measured.
    Returns:
        The seven figures of every evaluation; `precision`, `recall` and `false_positive_rate` of what is flagged;
        `controversial`, the share that goes to people; `recall_with_people` and `safe_flagged_or_controversial`, of unsafe
        and of safe rows the share that is flagged or goes to people; `by_category`, of each further head. Figures that
        rank rows are of the first head's probability, and undefined where the policy ignores it.
    Raises:
        UsageError, UnjudgedError: as `decide`.
    """
    decisions = decide(policy, heads, probabilities)
    groups = rows.places.group_ids
    flagged, controversial = decisions.rows_flagged, decisions.rows_controversial
    ranked = _ranking(probabilities[:, 0], rows.is_unsafe, groups, bootstrap, decided=bool(decisions.decided[0]))
    area = Figure.undefined(len(rows), _IGNORED)
    if decisions.decided[0]:
        area = auroc(probabilities[:, 0], rows.is_unsafe, bootstrap=bootstrap, group_ids=groups)
    right = rate_figure((flagged == rows.is_unsafe).astype(float), bootstrap=bootstrap, group_ids=groups)
    error = calibration_error(Measured(probabilities[:, 0], rows.is_unsafe, rows.places), bootstrap)
    figures = {
        "accuracy": right,
        "ece": error,
        "auroc": area,
        **ranked,
        **_decided(flagged, controversial, rows.is_unsafe, groups, bootstrap),
    }
    return {
        **figures_json(figures),
        "by_category": _by_category(policy, heads, probabilities, decisions, rows, bootstrap, step),
    }


def _ranking(
    probabilities: Floats, labels: Bools, groups: NDArray[np.str_], bootstrap: Bootstrap, *, decided: bool
) -> dict[str, Figure]:
    """How well probabilities tell labels apart, whatever the thresholds."""
    keys = ("auprc", "recall_at_fpr_01", "recall_at_fpr_05")
    if not decided:
        return dict.fromkeys(keys, Figure.undefined(len(labels), _IGNORED))
    how: Any = {"bootstrap": bootstrap, "group_ids": groups}
    return {
        "auprc": auprc(probabilities, labels, **how),
        "recall_at_fpr_01": recall_at_fpr(probabilities, labels, 0.01, **how),
        "recall_at_fpr_05": recall_at_fpr(probabilities, labels, 0.05, **how),
    }


def _decided(
    flagged: Bools, controversial: Bools, labels: Bools, groups: NDArray[np.str_], bootstrap: Bootstrap
) -> dict[str, Figure]:
    """What thresholds do: of what is flagged, and of what is flagged or goes to people."""
    how: Any = {"bootstrap": bootstrap, "group_ids": groups}
    with_people = decision_figures((flagged | controversial).astype(float), labels, 0.5, **how)
    return {
        **decision_figures(flagged.astype(float), labels, 0.5, **how),
        "flagged": rate_figure(flagged.astype(float), **how),
        "controversial": rate_figure(controversial.astype(float), **how),
        "recall_with_people": with_people["recall"],
        "safe_flagged_or_controversial": with_people["false_positive_rate"],
    }


def _by_category(
    policy: Policy,
    heads: Sequence[str],
    probabilities: Floats,
    decisions: Decisions,
    rows: LabelRows,
    bootstrap: Bootstrap,
    step: Callable[[str], None],
) -> Json:
    """The same of each further head, on the rows that say whether its category applies."""
    result: Json = {}
    for column, name in enumerate(heads[1:], 1):
        step(f"measuring {name}")
        of_head = rows_of_head(rows, name, is_main=False)
        applies, groups = of_head.applies[of_head.known], rows.places.group_ids[of_head.known]
        is_decided = bool(decisions.decided[column])
        found = _ranking(probabilities[of_head.known, column], applies, groups, bootstrap, decided=is_decided)
        of_thresholds = [each[of_head.known, column] for each in (decisions.flagged, decisions.controversial)]
        if is_decided:
            found |= _decided(of_thresholds[0], of_thresholds[1], applies, groups, bootstrap)
        threshold = policy.thresholds.get(name)
        result[name] = {
            **figures_json(found),
            "threshold": None if threshold is None else {"review": threshold.review, "flag": threshold.flag},
            "positives": int(applies.sum()),
            "negatives": int((~applies).sum()),
        }
    return result


def false_refusal_figures(
    policy: Policy,
    heads: Sequence[str],
    pairs: Sequence[SafePair],
    probabilities: Floats,
    of_prompts: Floats,
    bootstrap: Bootstrap,
) -> Json:
    """Shares of safe texts that are flagged, and that are flagged or go to people.

    Args:
        pairs: m prompts with safe answers.
        probabilities: shape (m, k); of prompt and answer.
        of_prompts: shape (m, k); of the prompt before anybody answered.
    Returns:
        `sounding_unsafe`: safe prompts that sound unsafe, with their harmless answers; `sounding_unsafe_prompts`: those
        prompts alone; `refusals`: answers that refuse what is truly unsafe; `by_kind`, of the first.
    """
    is_contrast = np.array([pair.is_contrast for pair in pairs], bool)
    kinds = np.array([pair.kind for pair in pairs], np.str_)
    answered, prompts = decide(policy, heads, probabilities), decide(policy, heads, of_prompts)
    return {
        "sounding_unsafe": _shares(answered, ~is_contrast, bootstrap),
        "sounding_unsafe_prompts": _shares(prompts, ~is_contrast, bootstrap),
        "refusals": _shares(answered, is_contrast, bootstrap),
        "by_kind": {kind: _shares(answered, ~is_contrast & (kinds == kind), bootstrap) for kind in KINDS},
    }


def _shares(decisions: Decisions, chosen: Bools, bootstrap: Bootstrap) -> Json:
    flagged = decisions.rows_flagged[chosen]
    reached = flagged | decisions.rows_controversial[chosen]
    return figures_json(
        {
            "flagged": rate_figure(flagged.astype(float), bootstrap=bootstrap),
            "flagged_or_controversial": rate_figure(reached.astype(float), bootstrap=bootstrap),
        }
    )
