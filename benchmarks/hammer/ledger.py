"""What a simulated worker writes down: a line before each act, a line after each answer; on disk at once.

{"did": "leased", "assignment": 7, "fence": 1, "item": 31}
{"did": "sent", "key": "w03-000004", "assignment": 7, "fence": 1, "item": 31, "better": 0, "strength": 2}
{"did": "told", "key": "w03-000004", "outcome": "accepted", "judgements": [12], "repeated": false}
{"did": "refused", "key": "w03-000004", "status": 409, "code": "PL-COL-023", "other_body": true}
{"did": "gave up" | "abandoned" | "released", …}
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class Ledger:
    """One worker's; what is written stands in the file when `write` returns."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def write(self, did: str, **values: Any) -> None:
        """One line."""
        self._file.write(json.dumps({"did": did, **values}) + "\n")

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


@dataclass(frozen=True, slots=True)
class Sent:
    """A judgement that a worker sent.

    Attributes:
        item: number of the pair, as its texts carry it.
        better: which text of the pair is better, 0 or 1; whatever side it stands on.
        strength: from 1, barely.
    """

    worker: int
    key: str
    assignment: int
    fence: int
    item: int
    better: int
    strength: int


@dataclass(frozen=True, slots=True)
class Told:
    """What a server answered to it."""

    outcome: str
    judgements: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """A judgement that was not taken; `other_body` where another one had been sent under its key before."""

    key: str
    code: str
    other_body: bool


@dataclass(frozen=True, slots=True)
class Lease:
    """An item that a worker was given."""

    worker: int
    assignment: int
    fence: int
    item: int


@dataclass
class Ledgers:
    """The ledgers of all workers, read back."""

    sent: dict[str, Sent] = field(default_factory=dict)
    told: defaultdict[str, list[Told]] = field(default_factory=lambda: defaultdict(list))
    refused: list[Refused] = field(default_factory=list)
    leases: set[Lease] = field(default_factory=set)

    def outcome(self, key: str) -> str | None:
        """What the worker was first told of this judgement; None where no answer ever came."""
        return self.told[key][0].outcome if self.told.get(key) else None


def read_ledgers(paths: Iterable[Path]) -> Ledgers:
    """All ledgers; a worker's number stands in its file's name (``worker-03.jsonl``)."""
    ledgers = Ledgers()
    for path in paths:
        worker = int(path.stem.rsplit("-", 1)[1])
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                _add(ledgers, worker, json.loads(line))
    return ledgers


def _add(ledgers: Ledgers, worker: int, line: dict[str, Any]) -> None:
    did, key = line.pop("did"), line.get("key", "")
    if did == "sent":
        if key in ledgers.sent:
            raise ValueError(f"key {key} was drawn twice")
        ledgers.sent[key] = Sent(worker=worker, **line)
    elif did == "told":
        ledgers.told[key].append(Told(line["outcome"], tuple(line["judgements"])))
    elif did == "refused":
        ledgers.refused.append(Refused(key, line["code"], line["other_body"]))
    elif did == "leased":
        ledgers.leases.add(Lease(worker, line["assignment"], line["fence"], line["item"]))
