import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.measure import Figure
from plumbline.report.glance import baseline_measure
from plumbline.report.wording import (
    comparison,
    count,
    figure_cell,
    figure_label,
    listed,
    missing_interval,
    plural,
    short_argument,
    short_path,
    shorten,
    visible,
    without_reason,
    wrap,
)


def figure(value, low, high):
    return Figure(value, low, high, 10, None)


def test_undefined_never_reads_as_a_number():
    undefined = Figure.undefined(7, "one class only")
    assert figure_cell(undefined) == "undefined: one class only (n=7)"
    assert figure_label(undefined) == "n=7"
    assert figure_cell(None) == "not measured"


def test_a_figure_without_an_interval_says_so():
    figure = Figure.without_interval(0.5, 3, "too few groups")
    assert figure_cell(figure) == "0.500 (no interval: too few groups, n=3)"
    assert figure_label(figure) == "0.500, no interval, n=3"


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


def test_wrap_breaks_behind_separators_and_keeps_every_letter():
    assert wrap("", 10, 3) == ("",)
    assert wrap("short", 10, 3) == ("short",)
    assert wrap("hh-rlhf/harmless base", 10, 3) == ("hh-rlhf/", "harmless", "base")
    assert wrap("a" * 12, 5, 3) == ("aaaaa", "aaaaa", "aa")
    assert wrap("ab   cd", 2, 2) == ("ab", "cd")  # blanks at the end of a line take no room
    assert wrap("a\nb", 10, 1) == ("a⟨U+000A⟩b",)


def test_a_word_of_many_letters_is_wrapped_like_any_other():
    """Of 100,000: to try every length of a line for every line takes hours."""
    assert wrap("W" * 100_000, 10, 3) == ("WWWWW", "WWWW…", "WWWWW")  # a W is wide


def test_wrap_counts_wide_letters_twice():
    assert wrap("数据集", 4, 3) == ("数据", "集")
    assert wrap("MMM", 4, 3) == ("MM", "M")


@given(st.text(max_size=200), st.integers(2, 60), st.integers(1, 4))
def test_wrap_leaves_out_no_more_than_the_middle(text, columns, most):
    lines = wrap(text, columns, most)
    assert 1 <= len(lines) <= most
    joined = "".join("".join(lines).split())
    whole = "".join(visible(text).split())
    if joined != whole:
        head, _, tail = joined.partition("…")
        assert whole.startswith(head)
        assert whole.endswith(tail) or "…" in text


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


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/home/someone/runs/models/harmless", "…/models/harmless"),
        ("/data", "…/data"),
        ("../../other/place/file.json", "…/place/file.json"),
        ("~/runs/a", "…/runs/a"),
        ("C:\\Users\\someone\\file.json", "…/someone/file.json"),
        ("models/harmless", "models/harmless"),
        ("Anthropic/hh-rlhf", "Anthropic/hh-rlhf"),
        ("", ""),
    ],
)
def test_a_path_from_the_root_is_shown_by_its_end(path, shown):
    assert short_path(path) == shown
    assert short_argument(f"--out={path}") == f"--out={shown}"


def test_a_reason_for_no_interval_is_found_and_taken_out():
    cell = figure_cell(Figure.without_interval(1.0, 3, "all draws (every one) agree, n=9"))
    assert missing_interval(cell) == "all draws (every one) agree, n=9"
    assert without_reason(cell) == "1.000 (no interval, n=3)"
    assert missing_interval("0.5 (0.4–0.6, n=3)") is None
