"""A comparison of policies as the JSON object that ``--json`` prints and the output holds; figures by the five keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from plumbline.align.comparing.head_to_head import Contest, HeadToHead, Safety
from plumbline.align.comparing.policy_comparison import PolicyComparison


def comparison_json(compared: PolicyComparison) -> dict[str, Any]:
    """Counts and figures; no text of anybody."""
    agree = compared.judges_agree
    return {
        "prompts": compared.prompts,
        "replies": compared.replies,
        "answered": asdict(compared.answered),
        "missing": _sides(compared.missing),
        "cut_replies": {"first": compared.cut[0], "second": compared.cut[1]},
        "unjudged": {name: dict(codes) for name, codes in compared.unjudged.items()},
        "margin": compared.margin,
        **head_to_head_json(compared.overall),
        "judges_agree": None if agree is None else agree.to_json(),
        "by_category": {name: head_to_head_json(found) for name, found in compared.by_category.items()},
    }


def head_to_head_json(found: HeadToHead) -> dict[str, Any]:
    """Pairs, contests by axis, safety."""
    return {
        "pairs": found.pairs,
        "contests": {axis: _contest(contest) for axis, contest in found.contests.items()},
        "safety": None if found.safety is None else _safety(found.safety),
    }


def _contest(contest: Contest) -> dict[str, Any]:
    figures = ("wins", "ties", "losses", "win_rate", "elo", "probability")
    return {**{name: getattr(contest, name).to_json() for name in figures}, "unjudged": contest.unjudged}


def _safety(safety: Safety) -> dict[str, Any]:
    figures = ("first", "second", "difference")
    return {**{name: getattr(safety, name).to_json() for name in figures}, "unjudged": safety.unjudged}


def _sides(both: tuple[Mapping[str, int], Mapping[str, int]]) -> dict[str, dict[str, int]]:
    return {"first": dict(both[0]), "second": dict(both[1])}
