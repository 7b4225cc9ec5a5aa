"""What a newcomer to the page must not stumble over."""

import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import plumbline.report
from plumbline.cli.main import app
from plumbline.measure import Figure
from plumbline.report import build_report, read_inputs
from plumbline.report.inputs import Evaluation
from plumbline.report.wording import per_thousand, rate_cell, verdict
from tests.report import samples


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
    assert "`plumbline data show FILE --line N`: FILE is the path of your source, then what follows" in page


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


def test_the_longest_bar_of_each_card_fills_its_width(tmp_path):
    page = build_checks(tmp_path, (100_000, 0, 1), (100, 0, 100))
    few, many = bar_widths(page)
    assert few == pytest.approx(many, rel=0.01)
    assert "each data set on its own scale" in page


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
        *(
            "Best any model could reach",
            "Best baseline",
            "Cross-validated",
            "Held-out prompts of train",
            "Ensemble",
            "Reward",
            "Cost",
        ),
        *("Item", "Judged both ways", "Krippendorff&#39;s alpha", "Leakage", "Near-duplicate", "Recipe"),
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
    assert re.findall(r"<h3>empty[^<]*</h3>", page) == []
    assert "<caption>All figures, empty</caption>" in page
    assert "Nothing to draw" not in page
    assert set(empty) <= set(Evaluation.__struct_fields__)


def test_the_page_says_early_that_plumbline_made_it(tmp_path):
    assert '<meta name="generator" content="plumbline">' in build_evaluation(tmp_path)[:1000]


def test_a_model_that_a_trivial_rule_beats_is_flagged_beside_its_good_headline(tmp_path):
    evaluation = samples.labels_evaluation() | {"f1": samples.figure(0.559, 0.02, 448)}
    evaluation["baselines"]["flag everything (F1)"] = samples.figure(0.694, 0.02, 448)
    evaluation["baselines"]["majority label (accuracy of labels)"] = samples.figure(0.53, 0.02, 448)
    alone = build(samples.write(tmp_path / "a", evaluation=evaluation))
    assert "clearly above the best baseline, chance (AUPRC)" in alone
    assert "accuracy 0.860 (0.840–0.880, n=3021), clearly above “majority label (accuracy of labels)” at 0.530" in alone
    warned = re.findall(r'<p class="warning" role="note">([^<]*)</p>', alone)
    assert any(
        "F1 at its threshold, 0.559" in line and "no better than “flag everything (F1)” at 0.694" in line
        for line in warned
    )
    assert "majority label (accuracy of labels): 0.530" in alone
    samples.write(tmp_path / "b", evaluation=samples.labels_evaluation("fine"))
    both = build(tmp_path)
    assert "At its threshold, BeaverTails test: accuracy" in both
    assert len(re.findall("no better than “flag everything", both)) == 3  # warning, reading, the picture's description


def test_the_majority_of_labels_is_no_baseline_of_a_cost_models_pairs(tmp_path):
    baselines = samples.pairs_evaluation()["baselines"]
    baselines["majority label (accuracy of labels)"] = samples.figure(0.9, 0.02, 448)
    pairs = build_evaluation(tmp_path / "pairs", task="cost", baselines=baselines)
    assert "clearly above the best baseline, shorter is better" in pairs
    labels = build_evaluation(tmp_path / "labels", task="cost", baselines=baselines, length=None)
    assert "no better than the best baseline, majority label (accuracy of labels), at 0.900" in labels


@pytest.mark.parametrize(
    ("name", "model", "shown"),
    [
        ("h tr (armless)", "harmless", "harmless on h tr"),
        ("harm test (less)", "models/harmless", "harmless on harm test"),
        ("harmless-base test (linear)", "harmless-base-linear", "harmless-base test (linear)"),
        ("harmless-base test ()", "harmless-base", "harmless-base test"),
        ("harmless on h tr", "harmless", "harmless on h tr"),
        ("set (second round)", "other", "set (second round)"),
        ("harmless-base test", "harmless-base-linear", "harmless-base test"),
    ],
)
def test_a_models_name_is_never_cut_within_a_word(tmp_path, name, model, shown):
    page = build_evaluation(tmp_path, name=name, model=model)
    assert f"<h3>{shown}</h3>" in page


def test_rates_at_thresholds_come_with_n_and_interval_where_the_evaluation_gives_them(tmp_path):
    evaluation = samples.labels_evaluation()
    for row in evaluation["thresholds"]:
        row["figures"] = {
            "false_positive_rate": samples.figure(row["false_positive_rate"], 0.01, 1290),
            "recall": samples.figure(row["recall"], 0.02, 1731),
            "precision": samples.figure(row["precision"], 0.03, 1500),
            "f1": samples.figure(row["f1"], 0.02, 3021),
        }
    page = build(samples.write(tmp_path, evaluation=evaluation))
    assert "finds 0.840 (0.820–0.860, n=1731) of what is unsafe" in page
    assert "flags 0.100 (0.090–0.110, n=1290) of what is safe; F1" in page
    assert "<caption>Thresholds, BeaverTails test</caption>" in page


def test_a_reason_that_several_figures_share_is_said_once_below_the_table(tmp_path):
    evaluation = samples.labels_evaluation()
    for key in ("auroc", "auprc", "recall_at_fpr_01", "recall_at_fpr_05"):
        evaluation[key] = evaluation[key] | {
            "value": 1.0,
            "low": None,
            "high": None,
            "why_undefined": "all draws agree",
        }
    page = build(samples.write(tmp_path, evaluation=evaluation))
    table = page[page.index("<caption>All figures, BeaverTails test</caption>") :]
    assert table[: table.index("</details>")].count("all draws agree") == 1
    assert table.count('<p class="note">No interval: all draws agree.</p>') == 1
    assert "1.000 (no interval, n=3021)" in table


def test_features_are_told_in_words(tmp_path):
    space = {"word_orders": [1, 2], "character_orders": [], "bucket_bits": 18}
    letters = {"word_orders": [], "character_orders": [3, 4, 5], "bucket_bits": 18}
    blocks = [{"text": "reply", "space": space}, {"text": "prompt", "space": letters}]
    page = build(samples.write(tmp_path, model=samples.model() | {"recipe": {"blocks": blocks, "length_weight": 0.0}}))
    assert "the reply: runs of 1 and 2 words; the prompt: runs of 3, 4 and 5 characters" in page
    assert "bucket_bits" not in page


@pytest.mark.parametrize("recipe", [None, 3, [], {}, {"blocks": 3}, {"blocks": [3, {}]}, {"blocks": [{"space": 3}]}])
def test_a_recipe_of_any_shape_makes_a_page(tmp_path, recipe):
    build(samples.write(tmp_path, model=samples.model() | {"recipe": recipe}))


def test_no_path_from_the_root_stands_on_the_page(tmp_path):
    far = "/home/someone/private"
    manifest = samples.manifest() | {
        "command": ["train", f"{far}/hh-rlhf", f"--out={far}/models/m", "-o", f"{far}/x/y"]
    }
    manifest["inputs"][0]["path"] = f"{far}/hh-rlhf/train.jsonl.gz"
    evaluation = samples.pairs_evaluation() | {"source": f"{far}/hh-rlhf", "model": f"{far}/models/m"}
    evaluation["disagreements"][0]["source"] = f"{far}/hh-rlhf/test.jsonl"
    page = build(samples.write(tmp_path, evaluation=evaluation, manifest=manifest, model=samples.model()))
    assert "someone" not in page
    assert str(tmp_path) not in page
    assert "train …/private/hh-rlhf --out=…/models/m -o …/x/y" in page


def test_long_tables_of_provenance_are_folded_and_short_ones_are_not(tmp_path):
    samples.write(tmp_path / "0", check=samples.check(), manifest=samples.manifest())
    short = build(tmp_path)
    assert "<summary>Runs</summary>" not in short
    for at in range(1, 12):
        samples.write(tmp_path / str(at), check=samples.check(f"set {at}"), manifest=samples.manifest())
    assert "<summary>Runs</summary>" in build(tmp_path)


def test_files_passed_over_are_told(tmp_path):
    samples.write(tmp_path / "ours", check=samples.check())
    samples.write(tmp_path / "theirs", evaluation={"rows": []})
    assert "Passed over, since Plumbline did not write them: " in build(tmp_path)


def test_words_agree_with_their_numbers_and_commands_write_what_is_said(tmp_path):
    page = build_evaluation(tmp_path)
    assert "plumbline data check SOURCE -o FOLDER writes one" in page
    assert "  n=" not in page


def test_the_command_counts_in_words_and_tells_of_files_passed_over(tmp_path):
    samples.write(tmp_path / "in" / "ours", evaluation=samples.pairs_evaluation())
    samples.write(tmp_path / "in" / "theirs", evaluation={"rows": []})
    told = CliRunner().invoke(app, ["report", str(tmp_path / "in"), "-o", str(tmp_path / "page.html")])
    assert told.exit_code == 0
    assert "1 evaluation, 0 checks, 0 models" in told.output
    assert "passed over: in/theirs/evaluation.json, which Plumbline did not write" in told.output
