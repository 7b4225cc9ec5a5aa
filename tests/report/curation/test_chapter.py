"""What a page says of a curation: what was removed and why, in counts that add up; all from a made-up summary."""

import re

import pytest
from typer.testing import CliRunner

from plumbline.cli.main import app
from plumbline.report.curation.chapter import _binned
from plumbline.report.wording import percent
from tests.report import curation_samples, samples
from tests.report.pages import HOSTILE, build, cards_of, read


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = curation_samples.write_curated(tmp_path_factory.mktemp("in") / "out", curation_samples.whole_summary())
    curation_samples.write_list(folder / "curation")
    return build(folder)


def card(page: str, heading: str) -> str:
    [found] = [each for each in cards_of(page) if f": {heading}</h3>" in each or f": {heading} <span" in each]
    return found


def plain(text: str) -> str:
    return text.replace("\u202f", " ").replace("&#39;", "'")


def build_plain(folder, **changes) -> str:
    return build(curation_samples.write_curated(folder / "out", curation_samples.plain_summary(**changes)))


def spans(card: str, colour: str, *, faded: bool = False) -> list[tuple[float, float]]:
    """Left and right ends of the bars of a colour, from the top down, without the legend's."""
    found = []
    for path, style in re.findall(r'<path d="([^"]*)" clip-path=[^>]*style="([^"]*)"', card):
        if f"fill: var(--{colour})" in style and ("opacity: 0.3" in style) == faded:
            across = [float(x) for x in re.findall(r"[ML] ([\d.]+)", path)]
            found.append((min(across), max(across)))
    return found


def test_the_waterfall_says_what_each_rule_removed_of_which_kind_and_split(page):
    shown = plain(card(page, "what each rule removed"))
    assert (
        "Of 5 000 records read, 3 969 were written and 1 031 removed (20.6 %). The rule that removed most: records that "
        "stand there already (1 000)." in shown
    )
    drawn = re.findall(r">([^<>]+)</text>", shown)
    for text in (
        *("5 000", "−1 000, 20.0 %", "−31, 0.6 %", "3 969, 79.4 %", "2 000 comparisons, 3 000 safety labels"),
        *("comparisons 400: 380 of train, 20 of test", "safety labels 600", "comparisons 31: all of train"),
    ):
        assert text in drawn
    assert "Removed nothing: personal-data and lengths." in shown
    assert "Not read, and in none of these counts: 7 rows of the sources (PL-JSON-001 7)." in shown
    assert "Not taken by the recipe: 250 red team attempts." in shown
    assert re.search(
        r"<th[^>]*>exact-duplicates</th>\s*<td>comparisons</td>\s*<td>train</td>\s*<td[^>]*>1 600</td>\s*"
        r"<td[^>]*>380</td>\s*<td[^>]*>0</td>\s*<td[^>]*>23.8 %</td>",
        shown,
    )
    assert re.search(r"<th[^>]*>leakage</th>\s*<td>its prompt stands in another split</td>\s*<td[^>]*>31</td>", shown)


def test_the_bars_of_the_waterfall_end_where_the_next_begins(page):
    shown = card(page, "what each rule removed")
    (read_from, read_to), (_, written_to) = spans(shown, "first")
    (first_from, first_to), (second_from, second_to) = spans(shown, "second")
    scale = (read_to - read_from) / 5000
    assert first_to == pytest.approx(read_to)
    assert first_from == second_to == pytest.approx(read_from + 4000 * scale, abs=0.01)
    assert second_from == written_to == pytest.approx(read_from + 3969 * scale, abs=0.01)
    assert [to for _, to in spans(shown, "first", faded=True)] == [first_from, second_from]


def test_what_was_changed_is_told_apart_from_what_was_removed(page):
    shown = card(page, "what was changed")
    assert "Records that were changed: 90 by personal-data." in shown
    assert re.search(r"<td[^>]*>90</td>\s*<td[^>]*>1.8\u202f%</td>\s*<td>email 60 and phone 30</td>", shown)


def test_merged_is_not_removed_and_every_kind_of_personal_data_counts(tmp_path):
    steps = curation_samples.plain_summary()["steps"]
    steps[0]["kinds"] = {"email": 85, "phone": 30}
    steps[1]["rule"] = "aggregate"
    shown = plain(build_plain(tmp_path, steps=steps))
    assert "31 removed and 1 000 merged into others (together 20.6 %) of 5 000 records" in shown
    assert "Most: rows of train whose prompt stands in another split (31)" in shown
    assert "<td>email 85 and phone 30</td>" in shown


def test_of_what_was_merged_the_reasons_are_those_of_what_stands_for_it(tmp_path):
    """A step of the rule aggregate counts both under its reasons: those merged, and those that stand for them."""
    steps = curation_samples.plain_summary()["steps"]
    kind, split = "comparisons", "train"
    steps[1] |= {
        "rule": "aggregate",
        "changed": {kind: {split: 70}},
        "reasons": {
            "merged with other judgements of the item": 1000,
            "stands for several judgements": 60,
            "stands for several judgements, against their majority": 10,
        },
    }
    shown = plain(card(build_plain(tmp_path, steps=steps), "what was changed"))
    told = "stands for several judgements 60 and stands for several judgements, against their majority 10"
    assert f"<td>{told}</td>" in shown


def test_the_first_screen_says_how_much_is_gone_and_most_of_it_why(page):
    tile = plain(page[page.index('<div class="tile">') : page.index("How good are the models?")])
    assert "<strong>3 969</strong> records kept" in tile
    assert "1 031 removed (20.6 %) of 5 000 records" in tile
    assert "Most: records that stand there already (1 000)" in tile
    assert "Few means" not in tile


def test_what_was_read_is_counted_by_family(page):
    shown = plain(card(page, "what was read"))
    assert (
        "Comparisons (harmlessness): 60 of 1 500 items judged both ways; safety labels (no taxonomy named): " in shown
    )
    assert "300 (15.0 %)" in shown


def test_sections_of_rules_that_did_not_run_are_not_shown(tmp_path):
    shown = build_plain(tmp_path)
    for absent in ("clusters of", "splits share", "agreement,", "noise ceiling", "workers,", "label errors"):
        assert f": {absent}" not in shown
        assert f"({absent})" not in shown
    assert "what each rule removed" in shown


def test_clusters_are_drawn_by_size_and_the_largest_named(page):
    shown = plain(card(page, "clusters of near-duplicates"))
    assert "4 516 records hang together in 1 779 clusters; the largest hold 41, 30 and 12." in shown
    assert ">clusters, logarithmic scale</text>" in shown


def test_many_sizes_of_clusters_share_bars_and_none_is_lost():
    assert _binned([(2, 5), (3, 1)]) == [("2 records", 5), ("3 records", 1)]
    sizes = [(size, 1) for size in range(2, 18)]
    assert _binned(sizes) == [
        *(("2 records", 1), ("3 records", 1), ("4 records", 1)),
        *(("5–8", 4), ("9–16", 8), ("17–32", 1)),
    ]


def test_the_leakage_matrix_stands_with_its_counts_and_says_what_was_removed(page):
    shown = plain(card(page, "prompts that splits share"))
    drawn = re.findall(r">([^<>]+)</text>", shown)
    assert [drawn.count(number) for number in ("3", "14", "1 200", "1", "0")] == [2, 2, 2, 2, 4]
    assert "shared word by word: 14 by test and train; shared nearly: 1 200 by test and train." in shown
    assert "The rule leakage removed 31 records of train." in shown
    assert "what rules before it removed is not among them" in shown
    assert re.search(r"<th[^>]*>held and train</th>\s*<td[^>]*>3</td>\s*<td[^>]*>1</td>", shown)


def test_splits_that_share_nothing_need_no_picture(tmp_path):
    nothing = [[None, 0], [0, None]]
    shown = card(
        build_plain(tmp_path, leakage={"splits": ["test", "train"], "exact": nothing, "near": None}),
        "prompts that splits share",
    )
    assert "<svg" not in shown
    assert "shared word by word: none; shared nearly: not looked for." in shown


def test_agreement_is_sorted_and_what_is_undefined_is_listed_with_its_reason(page):
    shown = card(page, "agreement, safety labels")
    drawn = re.findall(r">([^<>]+)</text>", shown)
    assert drawn.index("is_safe") < drawn.index("privacy_violation") < drawn.index("animal_abuse")
    assert "self_harm" not in drawn
    assert "Undefined: self_harm (no item was judged twice)." in shown
    assert '<p class="warning"' not in shown
    doubtful = plain(card(page, "agreement, comparisons"))
    assert "Of 1 900 judgements 40 do not say who judged: identical rows may be copies." in doubtful


def test_the_noise_ceiling_stands_with_bounds_and_estimate(page):
    shown = card(page, "the best any model could reach (noise ceiling)")
    assert "comparisons (overall) 0.920 (0.900–0.940, n=900), in any case from 0.860 to 0.960" in shown
    assert "undefined: 12 items with three judgements, the model needs" in shown


def test_thirty_workers_are_drawn_the_others_counted_and_two_kinds_of_ability_stand_apart(page):
    by_scores, by_labels = card(page, "workers, comparisons (overall)"), card(page, "workers, safety labels (made-up)")
    assert len(re.findall(r">worker\d+</text>", by_scores)) == 30
    assert "The 30 who judged most are drawn, 10 are not." in by_scores
    assert ">worker39</text>" in by_scores
    assert ">worker9</text>" not in by_scores
    assert len(re.findall(r'<th scope="row">worker\d+</th>', by_scores)) == 40
    assert ">0.900, n=200</text>" in by_labels
    assert "n=200" not in by_scores
    assert "by scores fitted to all comparisons" in by_scores
    assert "the share of a worker&#39;s judgements" in by_labels


def test_a_workers_name_that_is_no_pseudonym_is_not_shown(tmp_path):
    workers = [curation_samples.worker(1, samples.figure(0.9, 0.05, 9)) for _ in range(3)]
    for each, name in zip(workers, ("ann@example.org", "Ann Other", "crowdworker"), strict=True):
        each["worker"] = name
    shown = build_plain(tmp_path, workers=workers)
    assert "Ann" not in shown
    assert "ann@" not in shown
    assert "crowdworker" in shown or "worker no. 3 of the notes" in shown
    assert ">worker no. 1 of the notes</th>" in shown


def test_suspected_labels_are_the_first_by_rank_named_by_place(page):
    shown = plain(card(page, "suspected label errors"))
    assert re.findall(r'<th scope="row" class="number">(\d+)</th>', shown) == [str(rank) for rank in range(1, 21)]
    first = shown[shown.index("<tbody>") :]
    assert re.search(
        r"safety labels, unsafe</td>\s*<td>made-up/train.jsonl.gz</td>\s*<td[^>]*>2814</td>\s*<td>safe</td>\s*"
        r"<td[^>]*>0.033</td>\s*<td>unsafe</td>",
        first,
    )
    assert "2 500 labels ranked" in shown
    assert "of 140 it finds another label likelier" in shown
    assert "Not ranked, having no score: 11 records with a label." in shown
    assert ">…/mine/scores.csv does not say that its model had not seen these rows" in shown
    assert "far/away" not in shown


def test_a_list_of_labels_that_is_not_there_is_told(tmp_path):
    assert "2\u202f500 labels ranked" in (shown := build_plain(tmp_path, label_errors={"n": 2500}))
    assert "the list does not stand in this folder." in shown


def test_provenance_names_recipe_version_digest_and_parents(page):
    shown = page[page.index('<h2 id="provenance">') :]
    assert re.search(
        r"<td>made-up</td>\s*<td[^>]*>3</td>\s*<td>cdcdcdcdcdcd</td>\s*<td>A recipe made up for tests</td>\s*"
        r"<td>efefefefefef</td>",
        shown,
    )


def test_notes_that_a_release_took_over_are_shown_once(tmp_path):
    summary = curation_samples.plain_summary()
    curation_samples.write_curated(tmp_path / "out", summary)
    curation_samples.write_curated(tmp_path / "release", summary, holds="release")
    shown = build(tmp_path)
    assert shown.count("what each rule removed</h3>") == 1
    assert "out/curation/summary.json" in shown
    assert "release/curation/summary.json" in shown
    assert "2 curations" in shown
    assert "The same summary stands in release" in shown


def test_curations_of_one_name_are_told_apart(tmp_path):
    curation_samples.write_curated(tmp_path / "a" / "out", curation_samples.plain_summary())
    rows = {"read": 3501, "quarantined": {}, "not_taken": {}}
    curation_samples.write_curated(tmp_path / "b" / "out", curation_samples.plain_summary(rows=rows))
    shown = build(tmp_path)
    assert "out (made-up) (1): what each rule removed" in shown
    assert "out (made-up) (2): what each rule removed" in shown


def test_synthetic_data_are_called_so_wherever_they_show(tmp_path):
    folder = curation_samples.write_curated(
        tmp_path / "out", curation_samples.plain_summary(), read="pairs-Synthetic/train.jsonl.gz"
    )
    shown = build(folder)
    assert "<strong>SYNTHETIC DATA</strong>" in shown
    drawn = card(shown, "what each rule removed")
    assert ">synthetic</text>" in drawn
    assert '<span class="badge">synthetic</span>' in drawn


def hostile(value, fixed=frozenset({"plumbline", "version", "why_undefined"})):
    """The same notes with every name that a recipe or a source may choose made hostile."""
    if isinstance(value, dict):
        open_names = value and not set(value) & {
            "plumbline",
            "value",
            "recipe",
            "rule",
            "read",
            "worker",
            "n",
            "estimate",
        }
        return {
            (f"{HOSTILE}{key}" if open_names and key not in _KEYS else key): inner if key in fixed else hostile(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [hostile(each) for each in value]
    return f"{HOSTILE}{value}" if isinstance(value, str) else value


_KEYS = {
    *curation_samples.whole_summary(),
    *("sizes", "rows", "splits", "exact", "near", "family", "records", "records_distinct", "items", "judged_both_ways"),
    *("measure", "percent", "families", "note", "name", "version", "digest", "title", "low", "high", "kind", "head"),
    *("n", "doubted", "judgements", "worker_unknown", "set_aside", "file", "unscored", "heads", "scores", "path"),
    "out_of_fold",
    *(str(size) for size in curation_samples.SIZES),
}


def test_hostile_names_are_shown_as_text_and_load_nothing(tmp_path):
    folder = curation_samples.write_curated(tmp_path / "out", hostile(curation_samples.whole_summary()))
    shown = read(build(folder))
    tags = {tag for tag, _ in shown.elements}
    assert not tags & {"script", "img", "link", "iframe", "object", "image", "form"}
    ids = [attributes["id"] for _, attributes in shown.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch("[A-Za-z0-9_-]+", each) for each in ids)
    texts = [text for _, text in shown.text]
    assert any("<script>alert(1)</script>" in text and "leakage" in text for text in texts)
    assert not any("\u202e" in text for text in texts)


def test_the_command_counts_curations(tmp_path):
    curation_samples.write_curated(tmp_path / "out", curation_samples.plain_summary())
    told = CliRunner().invoke(app, ["report", str(tmp_path / "out"), "-o", str(tmp_path / "page.html")])
    assert told.exit_code == 0
    assert "0 models, 1 curation" in told.output


@pytest.mark.parametrize(
    ("part", "whole", "told"),
    [(0, 9, "0 %"), (9, 9, "100 %"), (1, 9999, "under 0.1 %"), (9999, 10000, "over 99.9 %"), (0, 0, "undefined")],
)
def test_a_share_never_reads_as_none_or_all_where_it_is_not(part, whole, told):
    assert percent(part, whole).replace("\u202f", " ") == told
