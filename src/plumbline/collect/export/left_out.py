"""What is not in an export, and why, in words: one list of reasons, for the command, the page and the README of an export."""

from __future__ import annotations

from collections.abc import Mapping

WHY: Mapping[str, tuple[str, str]] = {
    "training": ("answer to a training item, which trains workers", "answers to training items, which train workers"),
    "gold": ("answer to a gold item, which measures workers", "answers to gold items, which measure workers"),
    "attention": (
        "answer to an attention item, which measures workers",
        "answers to attention items, which measure workers",
    ),
    "spot_check": ("spot check, which measures workers", "spot checks, which measure workers"),
    "unfinished": ("item that was begun and not handed in", "items that were begun and not handed in"),
    "late": (
        "submission that came late, when the item was somebody else's",
        "submissions that came late, when the item was somebody else's",
    ),
    "erased": (
        "conversation of somebody who was erased: its words are gone",
        "conversations of people who were erased: their words are gone",
    ),
    "awaiting_ruling": (
        "waits for a reviewer's ruling: it is made under Adjudication, then export again",
        "wait for a reviewer's ruling: it is made under Adjudication, then export again",
    ),
    "against_ruling": (
        "pair ranked on harmlessness against a reviewer's ruling",
        "pairs ranked on harmlessness against a reviewer's ruling",
    ),
}
"""Work that stays inside, of one and of several, by what exports count it under, in manifests too."""

_MARKED = "a text in it holds a mark of a turn, and would be read as two turns"
_LABEL = "the form has none of other turns than one question and one answer"
UNSAID: Mapping[str, tuple[str, str, str]] = {
    "PL-HH-020": ("tie", "ties", "the form has no place for them"),
    "PL-HH-021": ("pair", "pairs", "a system message is in it, for which the form has no place"),
    "PL-HH-022": ("pair", "pairs", _MARKED),
    "PL-RT-020": ("attempt", "attempts", "a system message is in it, for which the form has no place"),
    "PL-RT-021": ("attempt", "attempts", _MARKED),
    "PL-BT-020": ("label", "labels", _LABEL),
    "PL-BT-021": ("label", "labels", "it says neither safe nor unsafe"),
    "PL-BT-022": ("label", "labels", "its categories are of another taxonomy"),
    "PL-PKU-020": ("row", "rows", "the order on harmlessness or the label of a side is missing"),
    "PL-PKU-021": ("row", "rows", _LABEL),
    "PL-PKU-022": ("row", "rows", "its records hold different texts"),
    "PL-PKU-023": ("row with a tie", "rows with ties", "the form has no place for them"),
    "PL-PKU-024": ("row", "rows", "a label in it says neither safe nor unsafe"),
    "PL-PKU-025": ("row", "rows", "a label in it is of another taxonomy"),
    "PL-PKU-026": ("row", "rows", "what is said of a side differs within it"),
    "PL-EXP-005": ("piece of work", "pieces of work", "it cannot be read: changed by hand, or of another version"),
}
"""Records that could not be made or written, of one and of several, and why, by code."""


HOLDS = (
    "Every judgement of finished work on the study's own items, as it was last corrected: those of several workers stand "
    "beside each other, and nothing is averaged or voted on. What is left out is counted, by why."
)
"""What a form of records has in it, in one sentence for all who tell it."""


def left_out_lines(left_out: Mapping[str, int]) -> list[str]:
    """``3 pairs ranked on harmlessness against a reviewer's ruling (against_ruling)``, a line for each reason."""
    return [f"{count:,} {WHY[why][count != 1] if why in WHY else why} ({why})" for why, count in left_out.items()]


def unsaid_lines(quarantined: Mapping[str, int]) -> list[str]:
    """``1 tie: the form has no place for them (PL-HH-020)``, a line for each code."""
    lines = []
    for code, count in quarantined.items():
        one, many, why = UNSAID.get(code, ("record", "records", "this form cannot say it, see docs/errors.md"))
        lines.append(f"{count:,} {one if count == 1 else many}: {why} ({code})")
    return lines
