"""A scorer that needs no model: the offline implementation of the `Scorer` port, for demos and tests."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from plumbline.records import Conversation, Role

_WORD = re.compile(r"\w+")


class TakenUpScorer:
    """How much of what was asked a reply takes up: the share of the human's different words that it repeats.

    A crude stand-in for a preference model: replies to the point score higher than those beside it, and it can be
    worked out by hand. In [0, 1].
    """

    def scores(self, conversations: Sequence[Conversation]) -> NDArray[np.float64]:
        """See `replies.Scorer.scores`."""
        return np.array([_share(conversation) for conversation in conversations], np.float64)


def _share(conversation: Conversation) -> float:
    asked = next((message.text for message in reversed(conversation[:-1]) if message.role is Role.HUMAN), "")
    wanted = _words(asked)
    return len(wanted & _words(conversation[-1].text)) / len(wanted) if wanted else 0.0


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.casefold()))
