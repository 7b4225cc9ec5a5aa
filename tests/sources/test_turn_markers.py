"""Turn markers in a growing reply: seen with the token that completes one, whatever tokens it is written in."""

import pytest

from plumbline.sources.turn_markers import TurnMarkers

TOKENS = ["\n\n", "Human", ":", "a", ".\n\nHu", "man:", " b:", "\n"]
MARKERS = TurnMarkers(["\n\nHuman:", "\n\nAssistant:"], lambda ids: "".join(TOKENS[each] for each in ids))


@pytest.mark.parametrize(
    ("ids", "closed_at"),
    [([3, 0, 1, 2, 3], 3), ([3, 4, 5], 2), ([7, 7, 1, 2], 3), ([3, 6, 1, 2], None), ([0, 1, 3, 2], None)],
)
def test_a_marker_is_seen_with_the_token_that_completes_it(ids, closed_at):
    found = [place for place in range(len(ids)) if MARKERS.are_closed_by(ids[: place + 1])]
    assert found[:1] == ([] if closed_at is None else [closed_at])


def test_a_reply_that_begins_with_a_marker_says_nothing():
    assert MARKERS.are_all_of([0, 1, 2])
    assert not MARKERS.are_all_of([3, 0, 1, 2])
    assert not MARKERS.are_all_of([7, 0, 1, 2]), "it says an empty line"
    assert not MARKERS.are_all_of([])


def test_a_reply_is_read_only_where_a_marker_can_end():
    asked = []

    def decode(ids):
        asked.append(list(ids))
        return "".join(TOKENS[each] for each in ids)

    markers = TurnMarkers(["\n\nHuman:"], decode)
    for count in range(1, 9):
        markers.are_closed_by([3] * count)
    assert asked == [[3]]
