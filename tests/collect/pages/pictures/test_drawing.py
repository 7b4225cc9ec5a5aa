"""Places on pictures, worked out by hand."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from plumbline.collect.pages.panels.wordings import percents, two_digits
from plumbline.collect.pages.pictures.bars import bars
from plumbline.collect.pages.pictures.lines import line
from plumbline.collect.pages.pictures.matrix import matrix, turned
from plumbline.collect.pages.pictures.meters import Part, meters
from plumbline.collect.pages.pictures.points import Named, lowest, points
from plumbline.collect.pages.pictures.scales import axis_over, share_axis
from plumbline.measure import Figure

HALF = Figure(0.5, 0.25, 0.75, 40, None)
NONE = Figure.undefined(1, "too few")
BELOW = Figure.without_interval(-0.4, 9, "too few differ")


def test_bars_are_as_tall_as_their_counts():
    picture = bars("Steps", [("1", 0), ("2", 5), ("3", 20), ("4", 10)], ends=("low", "high"))
    assert picture.height == 150
    assert [(bar.y, bar.height) for bar in picture.bars] == [(150, 0), (112.5, 37.5), (0, 150), (75, 75)]
    assert [bar.middle for bar in picture.bars] == [12.5, 37.5, 62.5, 87.5]
    assert [bar.count for bar in picture.bars] == ["0", "5", "20", "10"]
    assert [(tick.at, tick.label) for tick in picture.ticks] == [(150, "0"), (75, "10"), (0, "20")]
    assert picture.description == "35 in all; the most, 20, at 3."


def test_an_axis_of_agreement_begins_where_the_lowest_of_it_is():
    named = [Named("a", HALF), Named("b", NONE), Named("c", BELOW)]
    assert lowest(named[:2]) == lowest([]) == 0
    assert lowest(named) == -0.4
    assert lowest([Named("d", Figure(-0.5, -0.1, 0.2, 9, None)), *named]) == -0.5


def test_no_bar_touches_the_next():
    for count in (1, 2, 8, 30, 300):
        drawn = bars("x", [(str(number), 1) for number in range(count)]).bars
        ends = [(bar.x, bar.x + bar.width) for bar in drawn]
        assert all(left[1] < right[0] for left, right in pairwise(ends))
        assert ends[0][0] >= 0
        assert ends[-1][1] <= 100.01


def test_labels_of_many_bars_leave_room_for_each_other():
    days = [(f"{number} Nov", number) for number in range(1, 31)]
    drawn = bars("Days", days).bars
    assert [bar.label for bar in drawn if bar.label] == ["1 Nov", "7 Nov", "13 Nov", "19 Nov", "25 Nov"]
    assert not any(bar.count for bar in drawn)


def test_counts_of_nothing_stand_on_the_ground():
    drawn = bars("x", [("a", 0)])
    assert drawn.bars[0].height == 0
    assert [tick.label for tick in drawn.ticks] == ["0", "1"]


def test_points_stand_at_their_values_and_say_what_is_missing():
    bare = Figure.without_interval(1.0, 3, "all alike")
    named = [Named("a", HALF), Named("b", NONE), Named("c", bare), Named("d", NONE)]
    picture = points("Shares", named, share_axis(), percents, mark=0.5)
    first, second, third, _ = picture.points
    assert (first.at, first.low, first.high, first.value, first.n) == (50, 25, 75, "50 % (25 % to 75 %)", "n 40")
    assert (second.at, second.low, second.value, second.why) == (None, None, "", "too few")
    assert (third.at, third.low, third.value) == (100, None, "100 %")
    assert picture.mark == 50
    assert picture.reasons == ("No value of “b”, “d”: too few.", "No interval of “c”: all alike.")
    assert "b: too few, n 1" in picture.description


def test_a_spread_is_drawn_behind_its_point():
    picture = points("Times", [Named("a", HALF, (0.1, 0.9))], share_axis(), percents)
    assert (picture.points[0].spread_low, picture.points[0].spread_high) == (10, 90)


def test_a_line_breaks_where_its_figure_is_undefined():
    begin = datetime(2026, 11, 1, tzinfo=UTC)
    figures = [HALF, HALF, NONE, HALF, Figure.without_interval(1.0, 2, "one only")]
    dated = [(begin + timedelta(days=day), figure) for day, figure in enumerate(figures)]
    picture = line("Over time", dated, axis_over(0, 1, two_digits), two_digits)
    assert picture.lines == ("0.0,50.0 25.0,50.0", "75.0,50.0 100.0,0.0")
    assert picture.bands == ("0.0,25.0 25.0,25.0 25.0,75.0 0.0,75.0",)
    assert [(dot.x, dot.y) for dot in picture.dots] == [(0, 85), (25, 85), (75, 85), (100, 0)]
    assert picture.ticks[0].at == 170
    assert picture.description.startswith("4 values, from 0.50 on 2026-11-01 00:00 to 1.00")


def test_a_line_of_one_value_is_a_dot():
    picture = line("x", [(datetime(2026, 11, 1, tzinfo=UTC), HALF)], share_axis(), percents)
    assert (picture.lines, picture.bands, len(picture.dots)) == ((), (), 1)
    undefined = line("x", [(datetime(2026, 11, 1, tzinfo=UTC), NONE)], share_axis(), percents)
    assert (undefined.dots, undefined.description) == ((), "No value is defined.")


def test_meters_are_full_where_all_is_done():
    parts = [Part("a", 3, 4, "3 of 4"), Part("b", 9, 4, "9 of 4"), Part("c", 9, None, "9"), Part("d", 0, 0, "none")]
    assert [meter.width for meter in meters("x", parts).meters] == [75, 100, None, 0]


def test_a_matrix_shades_by_share_and_turns_pairs():
    other = turned(Figure(0.2, 0.1, 0.4, 10, None))
    assert (other.value, other.low, other.high, other.n) == (0.8, 0.6, 0.9, 10)
    assert turned(NONE) is NONE
    picture = matrix(
        "x", "y", ["a", "b", "c"], {("a", "b"): Figure(0.2, 0.1, 0.4, 10, None), ("b", "a"): other, ("a", "c"): NONE}
    )
    first, second, _ = picture.rows
    assert [cell.shade for cell in first.cells] == [None, 2, None]
    assert (first.cells[1].share, first.cells[1].interval, first.cells[1].n) == ("20 %", "10 to 40", "n 10")
    assert first.cells[2].share == "too few"
    assert second.cells[0].share == "80 %"
    assert second.cells[2].share == "never met"
