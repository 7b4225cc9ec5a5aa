"""Turn markers in what a model writes: in the form of hh-rlhf a reply ends where one begins, whether or not an end token follows."""

from __future__ import annotations

from collections.abc import Callable, Sequence


class TurnMarkers:
    """Sees a marker in a growing reply.

    Attributes:
        texts: the markers.
    """

    def __init__(self, texts: Sequence[str], decode: Callable[[list[int]], str]) -> None:
        """Markers as one tokenizer writes them.

        Args:
            decode: token ids → text.
        """
        self.texts = tuple(texts)
        self._decode = decode
        self._last = {text[-1] for text in texts}
        self._may_close: dict[int, bool] = {}

    def are_closed_by(self, ids: list[int]) -> bool:
        """Whether a reply holds a marker, now that its last token is written; before it there was none.

        Args:
            ids: of the reply so far, at least one.
        """
        last = ids[-1]
        if last not in self._may_close:  # most tokens cannot end a marker: only where one can is the reply read
            self._may_close[last] = not self._last.isdisjoint(self._decode([last]))
        if not self._may_close[last]:
            return False
        text = self._decode(ids)
        return any(each in text for each in self.texts)

    def are_all_of(self, ids: list[int]) -> bool:
        """Whether a reply begins with a marker, and so says nothing."""
        return self._decode(ids).removeprefix(" ").startswith(self.texts)
