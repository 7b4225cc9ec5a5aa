"""What differs between two texts."""

from hypothesis import given
from hypothesis import strategies as st

from plumbline.collect.pages import differences
from plumbline.collect.pages.differences import MOST_COMPARED, MOST_LINES, difference

lines = st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=30)


def test_lines_that_came_and_went_stand_with_what_is_around_them():
    before = "\n".join(["1", "2", "3", "4", "5", "6", "7"])
    after = before.replace("6", "six")
    found = difference(1, before, 2, after)
    assert (found.older, found.newer, found.came, found.went, found.is_cut) == (1, 2, 1, 1, False)
    assert [(line.mark, line.text) for line in found.lines] == [
        ("…", "2 lines alike"),
        ("", "3"),
        ("", "4"),
        ("", "5"),
        ("−", "6"),
        ("+", "six"),
        ("", "7"),
    ]
    assert {line.words for line in found.lines if line.mark in "−+" and line.mark} == {"came", "went"}


def test_equal_texts_have_no_difference():
    assert difference(1, "a\nb", 2, "a\nb").lines == ()


@given(lines, lines)
def test_what_came_and_went_leads_from_one_text_to_the_other(before, after):
    found = difference(1, "\n".join(before), 2, "\n".join(after))
    old, new = "\n".join(before).splitlines(), "\n".join(after).splitlines()
    assert found.came - found.went == len(new) - len(old)
    shown = [line for line in found.lines if line.kind != "skipped"]
    assert sum(line.kind == "came" for line in shown) == found.came
    assert sum(line.kind == "went" for line in shown) == found.went


def test_what_is_too_long_is_cut_and_says_so():
    many = "\n".join(str(number) for number in range(MOST_COMPARED + 5))
    found = difference(1, "", 2, many)
    assert found.is_cut
    assert len(found.lines) == MOST_LINES


def test_a_line_that_stands_everywhere_costs_no_more_than_others(monkeypatch):
    """A thousand equal lines against every other one equal took 39 s, five thousand would have taken an hour."""
    made = []

    class Watched(differences.SequenceMatcher):
        def __init__(self, *args, **more):
            super().__init__(*args, **more)
            made.append(self)

    monkeypatch.setattr(differences, "SequenceMatcher", Watched)
    found = difference(1, "a\n" * 1000 + "end", 2, "a\nb\n" * 500 + "end")
    assert max(map(len, made[0].b2j.values())) <= 4
    assert found.came == found.went >= 500
    assert difference(1, "\n\n\n\n\n\n1", 2, "\n\n\n\n\n\n2").came == 1
