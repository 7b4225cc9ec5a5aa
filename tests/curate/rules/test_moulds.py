"""Moulds: how many of one stay."""

from plumbline.curate.rules import moulds
from tests.curate.made_up import frame, gone


def test_of_a_mould_the_first_ones_stay_its_head_among_them():
    rows = frame([{"partner": "head" if n % 3 else "other"} for n in range(9)])
    assert list(gone(moulds.judge(rows, moulds.Moulds(most=4)))) == [5, 7, 8], "head: 1 2 4 5 7 8, and the head itself"
    assert list(gone(moulds.judge(rows.reverse(), moulds.Moulds(most=4)))) == [5, 7, 8]
    assert len(gone(moulds.judge(rows, moulds.Moulds(most=1)))) == 9
    assert gone(moulds.judge(rows, moulds.Moulds(most=7))) == {}
