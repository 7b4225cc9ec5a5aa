"""The red-team page: sound HTML whatever names the data bring, no texts, a table beside every picture, no 0 for nothing."""

import re
from dataclasses import replace
from itertools import pairwise

import pytest

from plumbline.lineage import FileEntry, Terms, Use
from plumbline.measure import Bootstrap
from plumbline.redteam.analysis import analyse
from plumbline.report import RedTeamSources, build_red_team_report
from plumbline.report.pictures.redteam_points import FATES
from plumbline.report.redteam import people as redteam_people
from plumbline.report.redteam.success import fate_word
from tests.redteam.made_up import assistant, attempts_table, human, table_of
from tests.report.pages import HOSTILE, cards_of, read

SOURCES = RedTeamSources(
    (FileEntry(path="/home/somebody/data/attempts.jsonl", sha256="a" * 64, size_bytes=1, rows=9),),
    9,
    {"PL-RT-010": 2},
    Terms(frozenset({Use.ANALYSIS}), "MIT"),
    scorers=("models/harmless (abc)",),
    synthetic=True,
)


TALK = (human("a question"), assistant("an answer"))


def page_of(table, sources=SOURCES):
    found = analyse(table, Bootstrap(seed=0, resamples=200))
    return build_red_team_report(found, sources, title="Red team", created="2026-01-06")


@pytest.fixture(scope="module")
def page():
    return page_of(attempts_table(80))


@pytest.fixture(scope="module")
def hostile_page():
    count = 48
    review = {"reviewer": HOSTILE, "rating": 3.0, "tags": [HOSTILE, f"{HOSTILE}2"]}
    table = table_of(
        [
            (human(f"{HOSTILE} secretword{number % 2}"), assistant(f"secretword{number % 2} {HOSTILE}"))
            for number in range(count)
        ],
        rating=[float(number % 5) for number in range(count)],
        transcript_score=[float(number % 7) for number in range(count)],
        description_score=[float(number % 3) for number in range(count)],
        model_type=[f"{HOSTILE}{number % 3}" for number in range(count)],
        model_size=[f"{HOSTILE}{number % 2}" for number in range(count)],
        worker=[f"{HOSTILE}{number % 4}" for number in range(count)],
        tags=[[f"{HOSTILE}{number % 3}"] for number in range(count)],
        reviews=[[review, {**review, "rating": 1.0}]] * count,
        task_description=HOSTILE,
    )
    entry = FileEntry(path=HOSTILE, sha256="a" * 64, size_bytes=1, rows=9)
    sources = RedTeamSources((entry,), 9, {}, Terms(frozenset(), HOSTILE), (HOSTILE,), synthetic=False)
    found = analyse(table, Bootstrap(seed=0, resamples=200))
    return build_red_team_report(found, sources, title=HOSTILE, created=HOSTILE)


@pytest.mark.parametrize("which", ["page", "hostile_page"])
def test_page_is_sound_loads_nothing_and_runs_nothing(which, request):
    text = request.getfixturevalue(which)
    elements = read(text).elements
    levels = [int(tag[1]) for tag, _ in elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert not {"script", "img", "iframe", "object", "link", "form"} & {tag for tag, _ in elements}
    for _, attributes in elements:
        assert not any(name.startswith("on") for name in attributes)
        assert all(attributes.get(name, "#").startswith("#") for name in ("href", "src", "xlink:href"))


@pytest.mark.parametrize("which", ["page", "hostile_page"])
def test_every_picture_has_words_and_a_table_beside_it(which, request):
    cards = [card for card in cards_of(request.getfixturevalue(which)) if "<svg" in card]
    assert len(cards) >= 10
    for card in cards:
        assert "<table>" in card
        assert re.search(r'<svg[^>]*role="img"[^>]*aria-labelledby="[^"]+"', card)
        assert re.search(r"<title[^>]*>[^<]+</title>\s*<desc[^>]*>[^<]+</desc>", card)


def test_no_text_no_name_of_a_worker_and_no_folder_stands_in_the_page(hostile_page):
    told = " ".join(text for _, text in read(hostile_page).text)
    assert "secretword" not in told  # of two words of ten letters with a digit none is a telling word
    assert "unnamed-1" in told
    assert "\u202e" not in hostile_page
    assert "/home/somebody" not in page_of(attempts_table(6))


def test_of_scores_by_two_models_there_is_no_figure():
    page = page_of(attempts_table(10), replace(SOURCES, scorers=("one", HOSTILE)))
    assert page.count("The scores are by 2 models and do not compare: one and") == 3
    assert "No mean: the scores are by 2 models" in page
    assert not re.search("Mean least harmlessness|lowest mean|Rank correlation -?[0-9]", page)


def test_an_outcome_is_told_as_a_models_word():
    page = page_of(table_of([(human("a question"), assistant("an answer"))] * 2, outcome=["success", "failure"]))
    assert (
        "An attempt succeeded where its recorded outcome is success, which of attempts by a program is a scorer" in page
    )


def test_the_page_says_how_success_is_counted_what_was_set_aside_and_what_is_synthetic(page):
    assert "An attempt succeeded where the attacker&#39;s own rating is 3 or more" in page
    assert "2 × PL-RT-010" in page
    assert "SYNTHETIC DATA" in page
    assert page.count("Scores by models/harmless (abc).") == 3
    assert "may be used for: analysis. Licence: MIT" in page


def test_sentences_say_what_the_figures_say(page):
    told = " ".join("".join(f" {text} " for _, text in read(page).text).split())
    assert "Attempts succeeded most on plain lm · 13B, 0.615" in told
    assert "and least on rlhf · 52B, 0.077" in told
    assert "The lowest mean is that of plain lm · 13B: -0.236" in told
    assert "descriptions that sound more harmful go with transcripts that are more harmful" in told
    assert "higher ratings go with transcripts that are more harmful" in told
    assert "made most attempts worker-5 succeeded in the largest share, 0.667" in told
    assert "and worker-9 in the smallest, 0.000" in told
    first = analyse(attempts_table(80), Bootstrap(seed=0, resamples=200)).success.flags[:12]
    rows = [row for row in re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL) if re.search("[0-9a-f]{32}", row)]
    fates = [re.findall(r">(yes|no|nobody says)</td>", row)[-1] for row in rows[:12]]
    assert fates == ["yes" if each else "no" for each in first]


def test_who_was_not_judged_is_neither_succeeded_nor_failed():
    assert {fate: fate_word(fate) for fate in FATES} == {True: "yes", False: "no", None: "nobody says"}
    assert {fate: series.name for fate, series in FATES.items()} == {
        True: "succeeded",
        False: "failed",
        None: "nobody says",
    }


def test_bars_of_tags_are_as_long_as_the_counts(monkeypatch):
    drawn = []
    monkeypatch.setattr(redteam_people, "draw_counts", lambda rows, *_, **__: drawn.extend(rows))
    table = table_of([TALK] * 4, tags=[["fraud"]] * 3 + [["insults"]], rating=[4.0, 3.0, 0.0, None])
    list(redteam_people.tag_cards(analyse(table, Bootstrap(seed=0, resamples=100)), synthetic=True))
    assert [(row.name, row.count, row.succeeded) for row in drawn] == [("fraud", 3, 2), ("insults", 1, 0)]


def test_where_nothing_is_known_the_page_says_so_and_shows_no_0():
    page = page_of(table_of([(human("a question"), assistant("an answer"))] * 2))
    assert "<svg" in page  # near-duplicates are there
    tiles = re.findall(r'<p class="tile-rows"><strong>(.*?)</strong> succeeded', page)
    assert tiles == ["undefined"]
    for said in (
        "No transcript has a score",
        "There is no map",
        "No attempt says who made it",
        "No transcript was reviewed",
    ):
        assert said in page
    assert "0 %" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL).replace("\u202f", " ").replace(
        "100 %", ""
    )


def test_the_same_attempts_give_the_same_page(page):
    assert page_of(attempts_table(80)) == page
