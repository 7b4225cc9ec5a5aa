import pytest

from plumbline.measure import Figure
from plumbline.report.glance import baseline_measure
from plumbline.report.wording import comparison, count, figure_cell, figure_label, listed, plural, shorten, visible


def figure(value, low, high):
    return Figure(value, low, high, 10, None)


def test_undefined_never_reads_as_a_number():
    undefined = Figure.undefined(7, "one class only")
    assert figure_cell(undefined) == "undefined: one class only (n=7)"
    assert figure_label(undefined) == "n=7"
    assert figure_cell(None) == "not measured"


def test_a_figure_without_an_interval_says_so():
    assert figure_cell(Figure.without_interval(0.5, 3, "too few groups")) == "0.500 (no interval: too few groups, n=3)"


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        (figure(0.7, 0.65, 0.75), figure(0.5, 0.45, 0.55), "above"),
        (figure(0.5, 0.45, 0.55), figure(0.7, 0.65, 0.75), "below"),
        (figure(0.6, 0.5, 0.7), figure(0.65, 0.6, 0.7), "overlapping"),
        (figure(0.6, 0.5, 0.7), Figure.without_interval(0.4, 9, "exact"), "above"),
        (Figure.undefined(0, "no rows"), figure(0.65, 0.6, 0.7), None),
        (figure(0.6, 0.5, 0.7), Figure.undefined(0, "no rows"), None),
    ],
)
def test_comparison_looks_at_intervals(one, other, told):
    assert comparison(one, other) == told


def test_visible_spells_out_what_hides():
    assert visible("a\u202eb\x00\n") == "a⟨U+202E⟩b⟨U+0000⟩⟨U+000A⟩"
    assert visible("Größe 1") == "Größe 1"


def test_shorten_keeps_both_ends():
    assert shorten("a" * 20 + "b" * 20, 10) == "aaaaaa…bbb"
    assert shorten("short", 10) == "short"


def test_counts_and_lists_read_as_words():
    assert count(44849) == "44\u202f849"
    assert plural(1, "row") == "1 row"
    assert plural(0, "row") == "0 rows"
    assert listed([]) == ""
    assert listed(["a", "b"]) == "a and b"
    assert listed(list("abcdef"), 3) == "a, b, c and 3 more"


@pytest.mark.parametrize(
    ("name", "task", "key"),
    [
        ("longer is better", "preference", "accuracy"),
        ("chance (AUPRC)", "moderation", "auprc"),
        ("flag everything (F1)", "moderation", "f1"),
        ("flag everything (F1)", "cost", "f1"),
        ("flag everything", "moderation", None),
    ],
)
def test_a_baseline_is_compared_with_figures_of_its_own_measure(name, task, key):
    assert baseline_measure(name, task) == key
