"""A part of what a snapshot holds, for one worker or a few items: a request then pays for the part, and not for all.

What is picked is picked by masks over columns of whole numbers. Everything after that
works on the part, by the same functions as on the whole, and gives the same figures.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from plumbline.collect.dashboard.columns import Frozen
from plumbline.collect.dashboard.counted import Bools, Counted, Ints
from plumbline.collect.dashboard.ledger import PURPOSES
from plumbline.collect.kinds import Purpose
from plumbline.collect.study_settings import CHATS


def about_worker(counted: Counted, worker: int) -> Counted:
    """What somebody did, and what everybody else judged of the same items.

    Args:
        worker: number in `Counted.pseudonyms`.
    """
    assignments = counted.view.assignments
    own = assignments["worker"] == worker
    shared = _items_mask(counted, assignments["item"][own])[assignments["item"]]
    if counted.study.kind in CHATS:
        # Chats begin from the same few items, and are everybody's own.
        shared &= assignments["purpose"] != PURPOSES.index(Purpose.WORK)
    return _narrowed(counted, own | shared)


def about_items(counted: Counted, items: Ints) -> Counted:
    """What was judged of some items.

    Args:
        items: row numbers.
    """
    return _narrowed(counted, _items_mask(counted, items)[counted.view.assignments["item"]])


def _items_mask(counted: Counted, items: Ints) -> Bools:
    mask = np.zeros(len(counted.view.items["id"]), dtype=bool)
    mask[items] = True
    return mask


def _narrowed(counted: Counted, kept: Bools) -> Counted:
    """With these assignments alone; items, people and names stay, so that their numbers do."""
    view = counted.view
    acts, of_act = _rows_of(view.acts, "assignment", kept)
    return Counted(
        replace(
            view,
            acts=acts,
            assignments={name: column[kept] for name, column in view.assignments.items()},
            choices=_rows_of(view.choices, "act", of_act)[0],
            labels=_rows_of(view.labels, "act", of_act)[0],
            grades=_rows_of(view.grades, "act", of_act)[0],
            scores=_rows_of(view.scores, "assignment", kept)[0],
        ),
        counted.study,
    )


def _rows_of(table: Frozen, name: str, kept: Bools) -> tuple[Frozen, Bools]:
    """Rows that belong to rows that are kept of another table, under the numbers that those have then; and which they are."""
    mask = kept[table[name]]
    numbers = np.cumsum(kept) - 1
    rows = {column: values[mask] for column, values in table.items()}
    rows[name] = numbers[rows[name]]
    return rows, mask
