"""Who attacked: how many attempts each worker made, and how many of them succeeded. Pseudonyms alone are told."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plumbline.curate.worker_names import names_for_notes
from plumbline.measure import Bootstrap, Figure
from plumbline.redteam.attempts import Attempts, Floats
from plumbline.redteam.by_model import rate_or_why

MOST_LISTED = 200


@dataclass(frozen=True)
class WorkerFigures:
    """One worker: a pseudonym, attempts, share of those judged that succeeded."""

    worker: str
    attempts: int
    success: Figure


@dataclass(frozen=True)
class Workers:
    """Those who attacked.

    Attributes:
        workers: how many there are.
        unknown: attempts that do not say who made them.
        busiest: at most `MOST_LISTED`, who made most first.
        half: how many of the busiest made half of the attempts that name a worker; None where none does.
    """

    workers: int
    unknown: int
    busiest: tuple[WorkerFigures, ...]
    half: int | None


def workers_of(attempts: Attempts, success: Floats, bootstrap: Bootstrap) -> Workers:
    """Figures of each worker.

    Args:
        attempts: n of them.
        success: shape (n,), see `successes`.
        bootstrap: of the intervals; attempts with one opening are drawn together.
    Source: Ganguli et al. 2022, fig. 5 and app. A.5.
    """
    rows: dict[str, list[int]] = {}
    for place, worker in enumerate(attempts.workers):
        if worker is not None:
            rows.setdefault(worker, []).append(place)
    called = names_for_notes(rows)
    order = sorted(rows, key=lambda worker: (-len(rows[worker]), worker))
    busiest = []
    for worker in order[:MOST_LISTED]:
        judged = [place for place in rows[worker] if not np.isnan(success[place])]
        groups = [attempts.group_ids[place] for place in judged]
        rate = rate_or_why(success[judged], groups, bootstrap, len(rows[worker]), "nobody judged an attempt of theirs")
        busiest.append(WorkerFigures(called[worker], len(rows[worker]), rate))
    made = np.cumsum([len(rows[worker]) for worker in order])
    half = int(np.searchsorted(made, made[-1] / 2)) + 1 if len(made) else None
    return Workers(len(rows), attempts.workers.count(None), tuple(busiest), half)
