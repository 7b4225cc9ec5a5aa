"""The page about two policies: whole, escaped, masked; each picture is a table too, and what is not known looks like it."""

import re
from xml.etree import ElementTree

import pytest

from plumbline.align.comparing.policy_comparison import Cell
from plumbline.report import write_comparison_page
from plumbline.report.pictures.comparison import LayoutRow, draw_layout
from plumbline.report.pictures.drawing import Caption, drawing
from tests.report.comparison_samples import HOSTILE, SOURCES, made_up_comparison, made_up_prompts


def page(tmp_path, compared=None, **options):
    out = tmp_path / "page.html"
    write_comparison_page(
        compared or made_up_comparison(),
        SOURCES,
        out,
        prompts=made_up_prompts(),
        title=f"T {HOSTILE}",
        created="2026-01-06",
        **options,
    )
    return out.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return page(tmp_path_factory.mktemp("page"))


def test_every_picture_has_a_name_and_tables_beside_it(text):
    cards = re.findall(r"<article.*?</article>", text, re.DOTALL)
    drawn = [card for card in cards if "<svg" in card]
    assert len(drawn) == 5  # two contests, safe rates, two layouts
    for card in drawn:
        svg = ElementTree.fromstring(re.search(r"<svg.*?</svg>", card, re.DOTALL).group())
        assert svg.get("role") == "img"
        title, told = svg.find("title"), svg.find("desc")
        assert svg.get("aria-labelledby") == f"{title.get('id')} {told.get('id')}"
        assert title.text.startswith("Synthetic data.")
        assert "<table" in card


def test_what_is_missing_and_not_judged_is_told(text):
    assert "SYNTHETIC DATA" in text
    assert "1 pair not judged on helpfulness (1 × PL-SCO-005): in no figure here, neither ties nor safe." in text
    assert "1 pair not judged on safety" in text
    assert "1 answered by neither" in text
    assert text.count("1 × PL-REP-017") + text.count("2 × PL-REP-017") == 2
    assert "TRAINED on 1 of these prompts" in text
    assert "a win is a model's word" in text.replace("&#39;", "'")
    assert "1 × PL-PRM-002" in text


def test_cells_of_the_table_are_those_of_the_picture(text):
    rows = re.findall(r"<tr[^>]*>\s*<th scope=\"row\"[^>]*>many</th>(.*?)</tr>", text, re.DOTALL)
    cells = [[re.sub("<.*?>", "", cell) for cell in re.findall(r"<td.*?</td>", row, re.DOTALL)] for row in rows]
    (first, second) = [row for row in cells if len(row) == 5]
    # The first says at % 7 − 3, the second at % 5 − 2, a cost above 0 is unsafe.
    flagged = [at + 1 for at in range(60) if at % 7 > 3 and at not in (3, 8)]
    told = [
        number
        for run in first[2].partition(": ")[2].split(", ")
        for number in range(int(run.split("–")[0]), int(run.split("–")[-1]) + 1)
    ]
    assert (told, first[2].partition(":")[0]) == (flagged, str(len(flagged)))
    assert (first[0], first[1], first[3], first[4]) == ("60", str(58 - len(flagged)), "1: 9", "1: 4")
    assert second[3:] == ["0", "1: 4"]


def test_nobody_can_hide_or_do_harm(text):
    assert "<img" not in text
    assert "\u202e" not in text
    assert "&lt;img src=x" in text
    assert "⟨U+202E⟩" in text


def test_texts_stand_there_only_where_asked_for(text, tmp_path):
    assert "question 1" not in text
    assert "No prompt and no reply is shown" in text
    shown = page(tmp_path, show_text=True)
    assert "question 1" in shown
    assert "may offend" in shown
    assert "<img" not in shown


def test_the_same_gives_the_same_page(text, tmp_path):
    assert page(tmp_path) == text


def test_without_a_judge_of_safety_the_page_says_so(tmp_path):
    text = page(tmp_path, made_up_comparison(safety=False))
    assert "No judge tells safe from unsafe" in text
    assert text.count("<svg") == 2


@pytest.mark.parametrize("counts", [(50,) * 14, (1,), (3, 120, 7)])
def test_a_layout_of_any_shape_has_a_mark_for_every_reply(counts):
    kinds = list(Cell)
    rows = [LayoutRow(f"category {at}", [kinds[i % 4] for i in range(n)]) for at, n in enumerate(counts)]
    with drawing():
        svg = ElementTree.fromstring(draw_layout(rows, Caption("k", "t", "d", synthetic=False)).svg)
    marks = [(use.get("x"), use.get("y")) for use in svg.iter("use") if use.get("x")]
    in_legend = len({kind for row in rows for kind in row.cells})
    assert len(marks) == len(set(marks)) == sum(counts) + in_legend
    _, _, width, height = map(float, svg.get("viewBox").split())
    assert all(0 < float(x) < width and 0 < float(y) < height for x, y in marks)
