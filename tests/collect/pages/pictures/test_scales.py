"""Round ticks, and where values stand."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.collect.pages.pictures.scales import Tick, axis_over, percent, share_axis, shortened, time_axis

reals = st.floats(-1e9, 1e9, allow_nan=False)


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0, 1, ["0.00", "0.20", "0.40", "0.60", "0.80", "1.00"]),
        (-0.2, 1, ["−0.50", "0.00", "0.50", "1.00"]),
        (0, 116, ["0", "50", "100", "150"]),
        (0, 12_345, ["0", "5,000", "10,000", "15,000"]),
        (5, 5, ["5", "6"]),
    ],
)
def test_ticks_are_round(low, high, labels):
    digits = 2 if high == 1 else 0

    def words(value):
        return f"{value:,.{digits}f}".replace("-", "−")

    assert [tick.label for tick in axis_over(low, high, words, whole=not digits).ticks] == labels


@given(reals, reals, st.integers(3, 8), st.booleans())
def test_an_axis_holds_its_values_with_few_ticks(first, second, most, whole):
    low, high = sorted((first, second))
    axis = axis_over(low, high, most=most, whole=whole)
    little = 1e-6 * max(abs(low), abs(high), 1)
    assert axis.low <= low + little
    assert high <= axis.high + little
    assert 2 <= len(axis.ticks) <= max(most, 3)
    assert [tick.at for tick in axis.ticks] == sorted({tick.at for tick in axis.ticks})
    assert (axis.ticks[0].at, axis.ticks[-1].at) == (0, 100)


def test_values_stand_in_proportion_and_never_outside():
    assert [percent(value, 10, 20) for value in (5, 10, 12.5, 20, 99)] == [0, 0, 25, 100, 100]
    assert percent(3, 3, 3) == 50


def test_shares_go_from_nothing_to_all():
    assert [tick.label for tick in share_axis().ticks] == ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]


def test_moments_have_ticks_at_round_times():
    begin = datetime(2026, 11, 20, 22, 30, tzinfo=UTC)
    axis = time_axis([begin, begin + timedelta(hours=10)])
    assert axis.ticks == (
        Tick(15.0, "21 Nov"),
        Tick(45.0, "03:00"),
        Tick(75.0, "06:00"),
    )


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), st.integers(0, 10**9))
def test_moments_have_few_ticks_whatever_they_span(begin, seconds):
    begin = begin.replace(tzinfo=UTC)
    axis = time_axis([begin, begin + timedelta(seconds=seconds)])
    assert 1 <= len(axis.ticks) <= 5
    assert all(0 <= tick.at <= 100 for tick in axis.ticks)


def test_names_are_cut_and_kept_in_their_direction():
    assert shortened("a\nlong  name", 6) == "a lon…"
    assert shortened("short", 24) == "short"
    assert shortened("\u202eabc", 24) == "\u2068\u202eabc\u2069"
    assert shortened("نموذج", 24) == "\u2068نموذج\u2069"
    assert len(shortened("x" * 100_000, 24)) == 24
