"""The red-team page: sound HTML whatever names the data bring, no texts, a table beside every picture, no 0 for nothing."""

import re
from itertools import pairwise

import pytest

from plumbline.lineage import FileEntry, Terms, Use
from plumbline.measure import Bootstrap
from plumbline.redteam.analysis import analyse
from plumbline.report import RedTeamSources, build_red_team_report
from tests.redteam.made_up import assistant, attempts_table, human, table_of
from tests.report.test_page import HOSTILE, cards_of, read

SOURCES = RedTeamSources(
    (FileEntry(path="/home/somebody/data/attempts.jsonl", sha256="a" * 64, size_bytes=1, rows=9),),
    9,
    {"PL-RT-010": 2},
    Terms(frozenset({Use.ANALYSIS}), "MIT"),
    scorers=("models/harmless (abc)",),
    synthetic=True,
)


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
    sources = RedTeamSources((entry,), 9, {}, Terms(frozenset(), HOSTILE), (HOSTILE, f"{HOSTILE}2"), synthetic=False)
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
    assert hostile_page.count("The scores are by 2 models and do not compare") == 3
    assert "\u202e" not in hostile_page
    assert "/home/somebody" not in page_of(attempts_table(6))


def test_the_page_says_how_success_is_counted_what_was_set_aside_and_what_is_synthetic(page):
    assert "An attempt succeeded where the attacker&#39;s own rating is 3 or more" in page
    assert "2 × PL-RT-010" in page
    assert "SYNTHETIC DATA" in page
    assert page.count("Scores by models/harmless (abc).") == 3
    assert "may be used for: analysis. Licence: MIT" in page


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
