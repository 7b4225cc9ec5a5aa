import re
from itertools import pairwise

import pytest

from plumbline.records import MissingExtraError
from plumbline.report import ReportInputs, build_report, read_inputs, write_report
from plumbline.report.inputs import Evaluation
from tests.report import samples
from tests.report.pages import HOSTILE, build, cards_of, hostile, read


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return build(samples.everything(tmp_path_factory.mktemp("inputs"), synthetic=True))


@pytest.fixture(scope="module")
def hostile_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("hostile")
    pairs = hostile(samples.pairs_evaluation() | samples.people())
    pairs["by_subset"] = {
        HOSTILE: {"accuracy": samples.undefined(HOSTILE)},
        "two": {"accuracy": samples.figure(0.5, 0.1, 9)},
    }
    samples.write(folder / "a", evaluation=pairs, check=hostile(samples.check()), model=hostile(samples.model()))
    samples.write(folder / "b", evaluation=hostile(samples.labels_evaluation()))
    return build_report(read_inputs([folder]), title=HOSTILE, created=HOSTILE)


def test_page_parses_and_its_headings_are_in_order(page):
    reader = read(page)
    levels = [int(tag[1]) for tag, _ in reader.elements if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert len(levels) > 20
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_ids_are_unique_and_every_local_reference_leads_somewhere(page):
    elements = read(page).elements
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    pointed = set(re.findall(r"url\(#([^)]*)\)", page))
    for _, attributes in elements:
        pointed |= set((attributes.get("aria-labelledby") or "").split())
        if (attributes.get("href") or "").startswith("#"):
            pointed.add(attributes["href"][1:])
    assert len(pointed) > 50
    assert pointed <= set(ids)


@pytest.mark.parametrize("which", ["page", "hostile_page"])
def test_page_loads_nothing_and_runs_nothing(which, request):
    page = request.getfixturevalue(which)
    elements = read(page).elements
    tags = {tag for tag, _ in elements}
    assert not tags & {"script", "img", "link", "iframe", "object", "embed", "image", "foreignobject", "base", "form"}
    for _, attributes in elements:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "xlink:href", "srcset", "action"):
            assert (attributes.get(name) or "#").startswith("#")
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", page))
    assert "@import" not in page


def test_page_without_hostile_names_holds_no_address_at_all(page):
    assert "http://" not in page
    assert "https://" not in page


def test_hostile_names_are_shown_as_text(hostile_page):
    reader = read(hostile_page)
    shown = [text for tag, text in reader.text if tag == "h1"]
    assert shown == [HOSTILE.replace("\u202e", "⟨U+202E⟩")]
    assert "\u202e" not in hostile_page
    in_pictures = [text for tag, text in reader.text if tag == "text"]
    assert any("<script>" in text for text in in_pictures)
    titles = [text for tag, text in reader.text if tag in ("title", "desc")]
    assert any("$x_1$" in text for text in titles)


def test_a_dollar_is_no_formula_in_a_picture(tmp_path):
    evaluation = samples.pairs_evaluation()
    evaluation["by_subset"] = {
        "$x_1$ & \\frac{": {"accuracy": samples.figure(0.5, 0.1, 9)},
        "other": {"accuracy": samples.figure(0.5, 0.1, 9)},
    }
    reader = read(build(samples.write(tmp_path, evaluation=evaluation)))
    assert "$x_1$ & \\frac{" in [text for tag, text in reader.text if tag == "text"]


def test_each_picture_has_a_title_a_description_a_reading_and_a_table(page):
    drawn = [card for card in cards_of(page) if "<svg" in card]
    assert len(drawn) == 20
    for card in drawn:
        assert card.count("<svg") == 1
        assert card.count('role="img"') == 1
        assert re.search(r"<title id=[^>]*>[^<]+</title>", card)
        assert re.search(r"<desc id=[^>]*>[^<]+</desc>", card)
        assert re.search(r'<p class="reading">[^<]+\.</p>', card)
        assert "<details>" in card
        assert "<table>" in card


def test_no_stand_in_colour_is_left(page):
    assert "#0101" not in page
    assert "var(--first)" in page
    assert "DejaVu" not in page


def test_synthetic_data_is_said_at_the_top_in_each_section_and_in_each_picture(page):
    assert "<strong>SYNTHETIC DATA</strong>" not in page
    assert "<strong>Partly synthetic data.</strong>" in page
    for card in cards_of(page):
        labelled = '<span class="badge">synthetic</span>' in card
        if "<svg" in card:
            assert labelled == ("Synthetic data. " in card)
            assert labelled == (">synthetic</text>" in card)
    assert page.count("Synthetic data. ") == 9
    heading = page[page.index('<h2 id="data-health">') :]
    assert "synthetic" in heading[: heading.index("</h2>")]


def test_nothing_is_called_synthetic_where_nothing_is(tmp_path):
    page = build(samples.everything(tmp_path))
    assert "synthetic" not in page.lower()


def test_undefined_figures_are_told_with_their_reason(page):
    assert "undefined: no rows (n=0)" in page
    assert "undefined: no positive rows" in page
    assert "undefined: pairs are ranked, not classified: see accuracy (n=2312)" in page


def test_the_main_figure_stands_with_interval_n_baseline_and_cross_validation(page):
    assert "0.702 (0.683–0.721, n=2312)" in page
    assert "0.714 (0.695–0.733, n=42524)" in page
    assert "shorter is better" in page
    assert "clearly above the best baseline, chance (AUPRC), at 0.574 (0.556–0.592, n=3021)" in page


def held_out(name, value=0.66):
    """An evaluation of a transformer: its figures of training rows are of one deal."""
    evaluation = samples.pairs_evaluation(name, value=value)
    return evaluation | {"cross_validated": None, "held_out_of_train": evaluation["cross_validated"]}


def test_held_out_prompts_of_a_transformer_are_not_called_cross_validated(tmp_path):
    page = build(samples.write(tmp_path, evaluation=held_out("a transformer")))
    body = page[: page.index('<details class="glossary">')]
    assert "cross-valid" not in body.lower()
    assert ">held-out prompts of train</text>" in body
    assert body.count("eld-out prompts of train, one deal") == 2
    assert "0.672 (0.653–0.691, n=42524)" in body


def test_models_measured_both_ways_have_a_legend_each_in_two_lines(tmp_path):
    samples.write(tmp_path / "a", evaluation=held_out("a transformer"))
    samples.write(tmp_path / "b", evaluation=samples.pairs_evaluation("a linear"))
    drawn = [text for tag, text in read(build(tmp_path)).text if tag == "text"]
    assert {"held-out prompts of train", "cross-validated on train", "best baseline"} <= set(drawn)


@pytest.mark.parametrize(
    ("low", "missing", "told"),
    [
        (0.0, False, "the interval of each bin (2 in all) holds what was predicted."),
        (0.0, True, "misses what was predicted, but over all bins no miscalibration is shown."),
        (
            0.02,
            False,
            "no bin shows it alone (the interval of each bin (2 in all) holds what was predicted), all together",
        ),
        (0.02, True, "; in 1 of 2 bins the interval of what was observed misses what was predicted."),
        (None, False, "undefined: too few (n=9); the rows are too few to tell."),
        (None, True, "the rows are too few to tell, though in 1 of 2 bins"),
    ],
)
def test_what_single_bins_show_goes_with_the_error_over_all(low, missing, told, tmp_path):
    ece = samples.undefined("too few", 9) if low is None else samples.figure(0.04, 0.04 - low, 9)
    points = [{"mean_predicted": at, "observed": at, "low": at - 0.1, "high": at + 0.1, "n": 9} for at in (0.3, 0.6)]
    if missing:
        points[0]["mean_predicted"] = 0.05
    evaluation = samples.pairs_evaluation() | {"ece": ece, "reliability": points}
    assert told in build(samples.write(tmp_path, evaluation=evaluation))


@pytest.mark.parametrize(("low", "high"), [(-0.1, 0.1), (-0.052, 0.051), (-123.0, 119.0), (0.0, 1.0), (0.4931, 0.5072)])
def test_labels_of_a_score_axis_stand_apart(low, high, tmp_path):
    """In pixels of the picture's own scale, a character taken as 7 wide."""
    evaluation = samples.pairs_evaluation()
    evaluation["score_histogram"]["edges"] = [low + (high - low) * at / 30 for at in range(31)]
    page = build(samples.write(tmp_path, evaluation=evaluation))
    (svg,) = re.findall(r'<svg[^>]*aria-labelledby="[^"]*scores-title.*?</svg>', page, re.DOTALL)
    found = re.findall(r'<text style="[^"]*middle[^"]*" x="([\d.]+)" y="([\d.]+)"[^>]*>([−\d.]+)</text>', svg)
    lowest = max(float(y) for _, y, _ in found)
    ticks = sorted((float(x), label) for x, y, label in found if float(y) == lowest)
    assert 3 <= len(ticks) <= 6
    for (left, one), (right, other) in pairwise(ticks):
        assert right - left > 7 * (len(one) + len(other)) / 2


def test_provenance_names_digests_licences_uses_and_commands(page):
    assert "abababababab<" in page
    assert "ab" * 32 not in page
    assert "plumbline train preference Anthropic/hh-rlhf -o models/harmless-linear" in page
    assert "analysis, preference" in page
    assert ">MIT<" in page


def test_an_evaluation_with_nothing_but_undefined_figures_makes_a_page(tmp_path):
    evaluation = samples.labels_evaluation()
    for key in ("accuracy", "ece", "auroc", "auprc", "recall_at_fpr_01", "recall_at_fpr_05", "f1"):
        evaluation[key] = samples.undefined("no rows")
    evaluation |= {
        "cross_validated": None,
        "by_category": {},
        "baselines": {},
        "reliability": [],
        "precision_recall": [],
        "score_histogram": None,
        "thresholds": [],
        "disagreements": [],
    }
    page = build(samples.write(tmp_path, evaluation=evaluation))
    assert "AUPRC undefined: no rows (n=0), with no baseline to compare it with" in page
    for absent in ("Calibration", "Score distributions", "Harm categories", "Where model and judges disagree most"):
        assert f">{absent}</h2>" not in page
    assert "BeaverTails test is not divided into several subsets" in page
    assert ">0.000" not in page


def test_empty_parts_make_a_page(tmp_path):
    bare = samples.clean_check() | {"rows_read": 0, "records": {}, "files": []}
    del bare["places"]
    evaluation = samples.pairs_evaluation()
    evaluation["length"]["by_length_difference"] = []
    evaluation["score_histogram"] = {"edges": [0.0], "series": {}}
    page = build(samples.write(tmp_path, check=bare, evaluation=evaluation))
    assert "no finding" in page
    assert "by difference in length" not in page
    assert "0</strong> rows read" in page
    read(page)


def test_many_rows_are_all_in_the_table(tmp_path):
    evaluation = samples.pairs_evaluation()
    evaluation["by_subset"] = {f"subset {at}": {"accuracy": samples.figure(0.6, 0.1, 40)} for at in range(40)}
    page = build(samples.write(tmp_path, evaluation=evaluation))
    assert "The first 20 of 40 are drawn; the table has all." in page
    assert all(f'<th scope="row">subset {at}</th>' in page for at in range(40))


def test_a_long_name_is_drawn_whole_on_several_lines(tmp_path):
    name = "Anthropic/hh-rlhf, harmless-base and helpful-base together, second annotation round"
    reader = read(build(samples.write(tmp_path, evaluation=samples.pairs_evaluation(name))))
    drawn = [text for tag, text in reader.text if tag == "text"]
    assert name not in drawn
    assert name in " ".join(drawn)


def test_a_name_too_long_to_draw_is_whole_in_the_description_and_the_table(tmp_path):
    evaluation = samples.pairs_evaluation()
    name = f"first {'and so on ' * 20}last"
    evaluation["by_subset"] = {
        name: {"accuracy": samples.figure(0.6, 0.1, 40)},
        "low": {"accuracy": samples.figure(0.5, 0.1, 40)},
        "high": {"accuracy": samples.figure(0.7, 0.1, 40)},
    }
    page = build(samples.write(tmp_path, evaluation=evaluation))
    [card] = [card for card in cards_of(page) if f'<th scope="row">{name}</th>' in card]
    assert f"Shortened here: {name}.</desc>" in card
    assert f">{name}<" not in card[: card.index('<div class="told">')]
    assert "first and so on" in card
    assert "so on last</text>" in card


def test_tables_have_captions_and_headers_of_columns_and_rows(page):
    tables = re.findall(r"<table>(.*?)</table>", page, re.DOTALL)
    assert len(tables) > 20
    for table in tables:
        assert re.match(r"\s*<caption>[^<]+</caption>", table)
        assert len(re.findall('<th scope="row"', table)) == len(re.findall("<tr", table)) - 1
        assert len(re.findall('<th scope="col"', table)) >= 2


def test_scrolled_tables_can_be_reached_by_keyboard_and_are_no_landmarks(page):
    scrolled = [attributes for _, attributes in read(page).elements if attributes.get("class") == "scroll"]
    assert len(scrolled) > 20
    for attributes in scrolled:
        assert (attributes["role"], attributes["tabindex"]) == ("group", "0")
        assert attributes["aria-label"]


def test_rates_at_a_threshold_say_n_and_that_they_have_no_interval(tmp_path):
    evaluation = samples.labels_evaluation()
    evaluation["thresholds"][0]["precision"] = evaluation["thresholds"][1]["f1"] = None
    page = build(samples.write(tmp_path, evaluation=evaluation))
    assert "flags 0.100 of what is safe (n=3021, no intervals); F1 0.790 (0.770–0.810, n=3021). AUPRC 0.914" in page
    assert "<caption>Thresholds, BeaverTails test (n=3021, no intervals)</caption>" in page
    assert "undefined: no row is flagged" in page
    assert "undefined: no row is unsafe" in page


def test_bins_of_length_show_n_and_what_is_undefined(tmp_path):
    evaluation = samples.pairs_evaluation()
    evaluation["length"]["by_length_difference"][2]["judges_first"] = samples.undefined("no rows")
    drawn = [text for tag, text in read(build(samples.write(tmp_path, evaluation=evaluation))).text if tag == "text"]
    assert drawn.count("n=330") == 7
    assert drawn.count("and 0") == 1
    assert drawn.count("undefined") == 1


def test_every_undefined_mark_says_why(tmp_path):
    evaluation = samples.pairs_evaluation()
    evaluation["cross_validated"]["accuracy"] = samples.undefined("too few groups")
    page = build(samples.write(tmp_path, evaluation=evaluation))
    assert ">cross-validated on train undefined: too few groups</text>" in page


def test_a_histogram_tells_where_the_middle_of_each_class_lies(tmp_path):
    evaluation = samples.pairs_evaluation()
    evaluation["score_histogram"] = {"edges": [0, 1, 2, 4], "series": {"preferred": [1, 1, 5], "other": [0, 0, 0]}}
    page = build(samples.write(tmp_path, evaluation=evaluation))
    assert "The middle score of preferred lies from 2.00 to 4.00 and other is undefined: no rows.</desc>" in page


def test_the_ends_of_a_narrow_bin_are_told_apart(tmp_path):
    evaluation = samples.pairs_evaluation()
    evaluation["score_histogram"] = {"edges": [0, 0.0017, 0.0034], "series": {"preferred": [1, 5], "other": [3, 1]}}
    page = build(samples.write(tmp_path, evaluation=evaluation))
    assert "preferred lies from 0.0017 to 0.0034 and other lies from 0.0000 to 0.0017." in page
    evaluation["score_histogram"]["edges"] = [0.5, 0.5, 0.6]
    assert "preferred lies from 0.50 to 0.60" in build(samples.write(tmp_path, evaluation=evaluation))


def test_two_evaluations_of_one_name_are_told_apart(tmp_path):
    first = samples.pairs_evaluation("same")
    second = samples.pairs_evaluation("same") | {"model": "models/other"}
    samples.write(tmp_path / "a", evaluation=first)
    samples.write(tmp_path / "b", evaluation=second)
    samples.write(tmp_path / "c", evaluation=second)
    page = build(tmp_path)
    assert all(f">same · {name}" in page for name in ("harmless-linear", "other (1)", "other (2)"))


def test_the_same_inputs_give_the_same_bytes(tmp_path):
    inputs = read_inputs([samples.write(tmp_path, evaluation=samples.labels_evaluation(), check=samples.check())])
    page = build_report(inputs, title="t", created="c")
    later = build_report(inputs, title="t", created="later")
    assert later != page
    assert later.replace("Created later", "Created c") == page


def test_the_readers_own_matplotlib_settings_do_not_show(tmp_path):
    import matplotlib

    inputs = read_inputs([samples.write(tmp_path, evaluation=samples.pairs_evaluation())])
    plain = build_report(inputs, title="t", created="c")
    with matplotlib.rc_context({"lines.linewidth": 9, "axes.grid": True, "svg.fonttype": "path"}):
        assert build_report(inputs, title="t", created="c") == plain


def test_write_report_writes_the_page_and_says_what_it_found(tmp_path):
    folder = samples.everything(tmp_path / "in", synthetic=True)
    out = tmp_path / "out" / "report.html"
    summary = write_report([folder], out, title="A report", created="2026-01-06")
    assert (summary.checks, summary.evaluations, summary.models, summary.manifests) == (2, 3, 1, 1)
    assert summary.synthetic
    assert summary.path == out
    assert summary.size_bytes == out.stat().st_size
    assert out.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert [path.name for path in out.parent.iterdir()] == ["report.html"]


@pytest.mark.parametrize("library", ["jinja2", "matplotlib.style"])
def test_a_missing_library_is_told_with_what_to_install(library, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtraError, match=r"PL-RPT-001[\s\S]*pip install -e '\.\[report\]'"):
        build_report(ReportInputs(), title="t", created="c")


def test_no_conversation_text_can_come_in():
    assert not {"text", "conversation", "prompt", "reply"} & set(Evaluation.__struct_fields__)
