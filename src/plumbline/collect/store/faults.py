"""What a look over the store may find."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that must never be.

    Attributes:
        kind: ``overlap_exceeded``, ``overlap_missing``, ``slot_doubled``, ``open_slots_wrong``, ``worker_twice``,
            ``own_item``, ``two_in_hand``, ``judgement_lost``, ``judgement_doubled``, ``judgement_foreign``,
            ``correction_wrong``, ``guidelines_missing``, ``draw_doubled``, ``receipt_lost``, ``lease_unaccounted``,
            ``tally_wrong``, ``item_passed_over``, ``withdrawn_in_hand``, ``left_open``,
            ``digest_wrong``, ``queue_behind``, ``state_wrong``, ``erased_kept``.
        place: the rows it is about, by number.
        found: what was expected and what is there.
    """

    kind: str
    place: str
    found: str
