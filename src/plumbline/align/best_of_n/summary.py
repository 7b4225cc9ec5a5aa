"""What a best-of-n run came to, as plain values: the curve, how different the replies are, what is missing and why, what to beware of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from plumbline.align.best_of_n.candidates import Candidates, sizes_up_to
from plumbline.align.best_of_n.curve import BestOfN, Floats, best_of_n_curve
from plumbline.measure import Bootstrap, Figure, mean_figure
from plumbline.sources.reply_journal import KeptReply

_SEVERAL_VERSIONS = "the replies are those of several versions of the policy (snapshots)"


def summarise(candidates: Candidates, bootstrap: Bootstrap) -> dict[str, Any]:
    """The figures of n prompts with k replies.

    Returns:
        `curve`, one entry a size, over prompts whose every reply has a score, so that all sizes speak of the same prompts; none
        where there is no such prompt. `different_replies` is of those that came, to a prompt with any. `missing` counts replies without a
        score and `judged_missing` those without a judgement, by code.
    """
    whole = np.flatnonzero(candidates.is_whole)
    most = candidates.scored.values.shape[1]
    replies = [made for of_one in candidates.asked for made in of_one if isinstance(made, KeptReply)]
    groups = [prompt.group_id for prompt in candidates.prompts]
    curve: list[BestOfN] = []
    if len(whole):
        curve = best_of_n_curve(
            list(candidates.scored.values[whole]),
            sizes_up_to(most),
            bootstrap,
            judged=None if candidates.judged is None else list(candidates.judged.values[whole]),
            group_ids=[groups[place] for place in whole],
        )
    snapshots = dict(sorted(Counter(made.snapshot for made in replies).items()))
    came = np.array([sum(isinstance(made, KeptReply) for made in of_one) for of_one in candidates.asked], np.float64)
    different = np.array([candidates.different(place) for place in range(len(groups))], np.float64)
    answered = np.flatnonzero(came)
    return {
        "curve": [_as_json(each) for each in curve],
        "prompts_in_curve": len(whole),
        "replies_asked": len(groups) * most,
        "replies_came": len(replies),
        "different_replies": mean_figure(
            different[answered], bootstrap=bootstrap, group_ids=[groups[place] for place in answered]
        ).to_json(),
        "cut_replies": sum(made.finish == "length" for made in replies),
        "cut_best": _cut_best(candidates),
        "snapshots": snapshots,
        "missing": _counted(candidates.scored.codes),
        "judged_missing": {} if candidates.judged is None else _counted(candidates.judged.codes),
        "notes": [
            *_notes(candidates, curve, came[answered], different[answered]),
            *([_SEVERAL_VERSIONS] if len(snapshots) > 1 else []),
        ],
    }


def _as_json(each: BestOfN) -> dict[str, Any]:
    figures = {"score": each.score, "judged": each.judged, "gain": each.gain, "judged_gain": each.judged_gain}
    told = {name: None if figure is None else figure.to_json() for name, figure in figures.items()}
    return {"n": each.n, **told, "divergence_bound_nats": each.divergence}


def _counted(codes: Sequence[Sequence[str | None]]) -> dict[str, int]:
    return dict(sorted(Counter(code for row in codes for code in row if code is not None).items()))


def _cut_best(candidates: Candidates) -> int:
    """Best replies that were cut at the most tokens."""
    count = 0
    for place, of_one in enumerate(candidates.asked):
        best = candidates.best(place)
        made = None if best is None else of_one[best]
        count += isinstance(made, KeptReply) and made.finish == "length"
    return count


def _notes(candidates: Candidates, curve: Sequence[BestOfN], came: Floats, different: Floats) -> list[str]:
    """What a reader must know before trusting the figures; the last two are counts to each prompt that was replied to."""
    notes = []
    if not curve:
        notes.append("there are no figures: no prompt has all of its replies with a score")
    elif len(candidates.prompts) > curve[0].score.n:
        left = len(candidates.prompts) - curve[0].score.n
        notes.append(f"{left:,} prompts of {len(candidates.prompts):,} are in no figure: they lack replies or scores")
    if len(came) and different.mean() < 0.75 * came.mean():
        notes.append(
            f"replies repeat: of {round(came.mean(), 1):g} to a prompt {different.mean():.1f} are different, so the divergence lies "
            "well below its bound"
        )
    if candidates.judged is None:
        notes.append(
            "the expected score is that of the scorer which chose: whether the replies are better by anybody else's word takes --judge"
        )
    if (fallen := _fallen(curve)) is not None:
        notes.append(_fallen_told(fallen, curve[-1]))
    return notes


def _fallen(curve: Sequence[BestOfN]) -> BestOfN | None:
    """Where the judge's word is highest, if that is not at the largest n."""
    told = [each for each in curve if each.judged is not None]
    if not told:
        return None
    highest = max(told, key=lambda each: (_judged(each), -each.n))
    return highest if _judged(highest) > _judged(told[-1]) else None


def _judged(each: BestOfN) -> float:
    return each.judged.value or 0.0 if each.judged else 0.0


def _fallen_told(fallen: BestOfN, most: BestOfN) -> str:
    """Whether the judge prefers the smaller n, or only does not confirm the larger one."""
    gain = most.judged_gain
    if _lies_above(fallen.judged, most.judged) or (fallen.n == 1 and gain and gain.high is not None and gain.high < 0):
        return (
            f"by the judge the best of {fallen.n} is better than the best of {most.n}: from there on the choice wins by its "
            "scorer's word alone"
        )
    return (
        f"by the judge the best of {fallen.n} stands highest, not the best of {most.n}, and the intervals do not tell the two "
        f"apart: its word does not show that choosing from more than {fallen.n} helps"
    )


def _lies_above(one: Figure | None, other: Figure | None) -> bool:
    """Whether all of one interval is above all of the other."""
    if one is None or one.low is None or other is None or other.high is None:
        return False
    return one.low > other.high
