"""What a newcomer to the page must not stumble over."""

import re
from pathlib import Path

import pytest
import typer

import plumbline.report
from plumbline.cli.main import app
from plumbline.measure import Figure
from plumbline.report import build_report, read_inputs
from plumbline.report.inputs import Evaluation
from plumbline.report.wording import per_thousand, rate_cell, verdict
from report import samples


def build(folder: Path) -> str:
    return build_report(read_inputs([folder]), title="A report", created="2026-01-06")


def build_evaluation(folder: Path, **changes) -> str:
    return build(samples.write(folder, evaluation=samples.pairs_evaluation() | changes))


def found(count: int) -> samples.Json:
    return {"code": "PL-CHK-001", "name": "empty reply", "count": count, "places": []}


def build_checks(folder: Path, *counts: tuple[int, int, int]) -> str:
    for at, (rows, quarantined, findings) in enumerate(counts):
        check = samples.clean_check(f"set {at}") | {
            "rows_read": rows,
            "rows_quarantined": quarantined,
            "findings": [found(findings)] if findings else [],
        }
        samples.write(folder / str(at), check=check)
    return build(folder)


def bar_widths(page: str) -> list[float]:
    """Widths of the bars of findings, in the order they are drawn."""
    widths = []
    for card in re.findall(r'<article class="card.*?</article>', page, re.DOTALL):
        for path in re.findall(r'<path d="([^"]*)" clip-path=[^>]*style="[^"]*fill: var\(--first\)', card):
            across = [float(x) for x in re.findall(r"[ML] ([\d.]+)", path)]
            widths.append(max(across) - min(across))
    return widths


def test_disagreements_are_named_by_lines_counted_from_1(tmp_path):
    row = {"id": "ab", "source": "test.jsonl.gz", "row": 0, "probability": 0.0625, "label": "first"}
    page = build_evaluation(tmp_path, disagreements=[row, row | {"row": 41}])
    lines = re.findall(
        r'<th scope="row" class="number">0.062</th>\s*<td>first</td>\s*<td>test.jsonl.gz</td>\s*<td[^>]*>(\d+)</td>',
        page,
    )
    assert lines == ["1", "42"]
    assert re.search(r"<th[^>]*>Line</th>", page)
    assert "Probability the model gave to the judges&#39; label" in page
    assert "line of the file named, with `plumbline data show FILE --line N`" in page


def test_every_command_named_is_one():
    top = typer.main.get_command(app).commands
    commands = set(top) | {f"data {name}" for name in top["data"].commands}
    folder = Path(plumbline.report.__file__).parent
    named = {
        name
        for path in folder.rglob("*")
        if path.suffix in (".py", ".j2")
        for name in re.findall(r"\bplumbline ((?:data )?[a-z]+)\b", path.read_text(encoding="utf-8"))
    }
    assert {"data check", "data show", "train", "evaluate"} <= named
    assert named <= commands


def test_tiles_grade_findings_and_quarantined_rows_in_words_and_per_1000(tmp_path):
    page = build_checks(tmp_path, (521, 0, 1), (3883, 0, 5316), (2000, 1, 20), (1, 0, 0))
    states = re.findall(r'<p class="tile-state (\w+)">([^<]+)</p>', page)
    assert states == [
        ("few", "Few: 1 finding, 1.9 per 1,000 rows read"),
        ("none", "No rows quarantined"),
        ("many", "Many: 5\u202f316 findings, 1\u202f369 per 1,000 rows read"),
        ("none", "No rows quarantined"),
        ("many", "Many: 20 findings, 10 per 1,000 rows read"),
        ("few", "Few: 1 row quarantined, 0.5 per 1,000 rows read"),
        ("none", "No findings"),
        ("none", "No rows quarantined"),
    ]
    assert "1</strong> row read" in page
    assert not re.search(r"(?<![\d,.\u202f])1 (findings|times|rows(?! read \()|files)\b", page)


def test_bars_of_all_cards_have_one_scale_and_counts_beside_them(tmp_path):
    narrow, wide = bar_widths(build_checks(tmp_path, (1000, 0, 10), (100, 0, 10)))
    assert wide == pytest.approx(10 * narrow, rel=0.01)


@pytest.mark.parametrize(
    ("number", "rows", "told"),
    [
        (0, 5, "0"),
        (1, 521, "1.9"),
        (1, 10**6, "under 0.1"),
        (995, 10**5, "10"),
        (999, 10**5, "10"),
        (3, 0, "undefined"),
    ],
)
def test_rates_are_told_per_1000(number, rows, told):
    assert rate_cell(per_thousand(number, rows)) == told


def interval(value: float, low: float | None = None, high: float | None = None) -> Figure:
    return Figure(value, low, high, 9, "one group" if low is None else None)


@pytest.mark.parametrize(
    ("figure", "told"),
    [
        (interval(0.8, 0.7, 0.9), "clearly above"),
        (interval(0.62, 0.55, 0.7), "not clearly above"),
        (interval(0.8), "not clearly above"),
        (interval(0.6, 0.5, 0.7), "below"),
        (interval(0.3, 0.2, 0.4), "below"),
        (Figure.undefined(0, "no rows"), None),
    ],
)
def test_a_figure_is_clearly_above_not_clearly_above_or_below_its_baseline(figure, told):
    assert verdict(figure, interval(0.6, 0.5, 0.65)) == told


def test_the_best_baseline_is_named_and_a_model_below_it_is_called_no_better(tmp_path):
    alone = build_evaluation(tmp_path / "alone", accuracy=samples.figure(0.55, 0.02, 9))
    assert "; below: no better than the best baseline, shorter is better, at 0.568" in alone
    assert "best baseline: shorter is better" in alone
    samples.write(tmp_path / "two" / "a", evaluation=samples.pairs_evaluation("good", value=0.8))
    samples.write(tmp_path / "two" / "b", evaluation=samples.pairs_evaluation("poor", value=0.5))
    page = build(tmp_path / "two")
    assert "Clearly above: good, against “shorter is better” at 0.568 (0.548–0.588, n=2312)." in page
    assert "Below: poor, no better than “shorter is better” at 0.568 (0.548–0.588, n=2312)." in page


def test_a_partly_synthetic_page_names_what_is_synthetic_and_is_not_called_synthetic(tmp_path):
    samples.write(
        tmp_path / "a", check=samples.check("made up", synthetic=True), model=samples.model("toy", synthetic=True)
    )
    samples.write(tmp_path / "b", evaluation=samples.pairs_evaluation("toy pairs", synthetic=True))
    samples.write(tmp_path / "c", evaluation=samples.pairs_evaluation("real pairs"), check=samples.clean_check("real"))
    page = build(tmp_path)
    banner = page[page.index('<div class="banner"') : page.index("<nav")]
    assert re.findall("<li>(.*?)</li>", banner) == ["1 check: made up", "1 evaluation: toy pairs", "1 model: toy"]
    assert "real" not in banner
    assert "SYNTHETIC DATA" not in page
    assert re.search(r'id="glance">At a glance <span class="badge">partly synthetic<', page)
    assert "toy pairs (synthetic)" in page
    assert "real pairs (synthetic)" not in page


def test_a_wholly_synthetic_page_keeps_the_strong_banner(tmp_path):
    samples.write(tmp_path, evaluation=samples.pairs_evaluation(synthetic=True), check=samples.check(synthetic=True))
    page = build(tmp_path)
    assert "<strong>SYNTHETIC DATA</strong>" in page
    assert "artly synthetic" not in page


def test_a_cost_model_that_met_labels_only_is_not_called_a_share_of_pairs(tmp_path):
    page = build_evaluation(tmp_path / "labels", name="cost, test", task="cost", length=None)
    assert ">accuracy</text>" in page
    assert "share of pairs" not in page
    assert "cost, test (labels)" in page
    page = build_evaluation(tmp_path / "pairs", name="cost, test", task="cost")
    assert ">accuracy (share of pairs)</text>" in page
    assert "(labels)" not in page


def test_the_glossary_explains_the_words_in_one_sentence_each(tmp_path):
    page = build_evaluation(tmp_path)
    glossary = page[page.index('<details class="glossary">') :]
    words = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", glossary))
    assert set(words) == {
        *("AUPRC", "AUROC", "ECE", "Interval", "Quarantined", "Finding", "Turn marker", "Mojibake"),
        *("Best baseline", "Cross-validated", "Reward", "Cost"),
    }
    for meaning in words.values():
        assert meaning.endswith(".")
        assert ". " not in meaning
    assert '<a href="#glossary">' in page


def test_a_note_is_a_warning_on_the_first_screen_and_at_each_card_of_its_evaluation(tmp_path):
    samples.write(tmp_path / "a", evaluation=samples.pairs_evaluation("noted") | {"note": "these rows were trained on"})
    samples.write(tmp_path / "b", evaluation=samples.pairs_evaluation("plain"))
    page = build(tmp_path)
    first_screen = page[: page.index('<h2 id="subsets">')]
    assert '<p class="warning" role="note">noted – Note: these rows were trained on</p>' in first_screen
    cards = re.findall(r'<article class="card.*?</article>', page[len(first_screen) :], re.DOTALL)
    of_noted = [card for card in cards if re.search(r"<h3>noted\b", card)]
    assert len(of_noted) == 6
    assert all('class="warning"' in card for card in of_noted)
    assert not any('class="warning"' in card for card in cards if "<h3>plain" in card)


def test_empty_parts_of_an_evaluation_are_not_drawn(tmp_path):
    empty = {"reliability": [], "score_histogram": None, "length": None, "disagreements": [], "by_subset": {}}
    samples.write(tmp_path / "a", evaluation=samples.pairs_evaluation("empty") | empty)
    samples.write(tmp_path / "b", evaluation=samples.pairs_evaluation("full"))
    page = build(tmp_path)
    assert len(re.findall(r"<h3>full\b", page)) == 6
    assert re.findall(r"<h3>empty[^<]*</h3>", page) == ["<h3>empty</h3>"]
    assert "Nothing to draw" not in page
    assert set(empty) <= set(Evaluation.__struct_fields__)


def test_the_page_says_early_that_plumbline_made_it(tmp_path):
    assert '<meta name="generator" content="plumbline">' in build_evaluation(tmp_path)[:1000]
