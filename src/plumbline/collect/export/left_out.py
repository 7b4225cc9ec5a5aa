"""Why work stays inside: one list of reasons, for the command, the page and the README of an export."""

from __future__ import annotations

from collections.abc import Mapping

WHY: Mapping[str, str] = {
    "training": "items with known answers, which train workers",
    "gold": "gold items, which measure workers",
    "attention": "attention items, which measure workers",
    "spot_check": "spot checks, which measure workers",
    "unfinished": "begun and not handed in",
    "late": "handed in late, when the item was somebody else's",
    "erased": "of people who were erased",
    "awaiting_ruling": "waiting for a reviewer's ruling: it is made under Adjudication, then export again",
    "against_ruling": "pairs ranked on harmlessness against a reviewer's ruling",
}
"""By what exports count it under, in manifests too."""


HOLDS = (
    "Every judgement of finished work on the study's own items, as it was last corrected: those of several workers stand "
    "beside each other, and nothing is averaged or voted on. What is left out is counted, by why."
)
"""What a form of records has in it, in one sentence for all who tell it."""


def left_out_lines(left_out: Mapping[str, int]) -> list[str]:
    """``3 pairs ranked on harmlessness against a reviewer's ruling (against_ruling)``, a line for each reason."""
    return [f"{count:,} {WHY.get(why, why)} ({why})" for why, count in left_out.items()]
