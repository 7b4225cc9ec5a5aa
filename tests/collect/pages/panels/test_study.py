"""Figures of made-up studies as panels: each number stands in its picture's table, and what is missing says why."""

import re
from dataclasses import replace
from datetime import date

import pytest

from plumbline.collect.dashboard.progress import Day, Pace
from plumbline.collect.pages.panels.moods import moods_panel
from plumbline.collect.pages.panels.progress import days_panel, queues_panel
from plumbline.collect.pages.panels.study import SECTION_NAMES, basis_notes, folded, panel_named, study_sections
from plumbline.collect.service.wellbeing.mood_summary import MoodDay
from plumbline.collect.service.wellbeing.moods import FEELINGS
from plumbline.collect.store.migrating import open_store
from plumbline.measure import Figure
from tests.collect.dashboard.made_up import (
    CHAT,
    FIRST,
    SECOND,
    World,
    chats,
    label,
    label_item,
    pair,
    pair_item,
    ranking,
    ranking_item,
)

KINDS = ("pairs", "safety-labels", "two-axis-ranking")


@pytest.fixture
def make_world(make_address):
    stores = []

    def make(kind="pairs", **settings):
        stores.append(open_store(make_address("sqlite")))
        return World(stores[-1], kind, settings)

    yield make
    for store in stores:
        store.close()


def judged(world, kind, people=3, items=2):
    payloads = {
        "pairs": [pair_item(("one", "other")) for _ in range(items)],
        "safety-labels": [label_item(f"answer {number}") for number in range(items)],
        "two-axis-ranking": [ranking_item(("one", "other", "third")) for _ in range(items)],
    }[kind]
    world.enter(payloads, overlap=people)
    answers = {
        "pairs": ("pair", [pair(FIRST, 4), pair(SECOND, 1), pair(FIRST, 2)]),
        "safety-labels": ("label", [label(), label("animal_abuse"), label()]),
        "two-axis-ranking": ("ranking", [ranking([1, 2, 3]), ranking([2, 1, 3]), ranking([1, 3, 2])]),
    }[kind]
    for worker, answer in zip(world.workers(people), answers[1], strict=False):
        world.judge(worker, *([answer] * items), kind=answers[0])
    return world


def panels(sections):
    return [panel for section in sections for panel in section.panels]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("people", [0, 1, 3])
def test_a_panel_has_a_picture_or_says_why_not(make_world, kind, people):
    world = make_world(kind)
    if people:
        judged(world, kind, people)
    sections = study_sections(world.figures(), [])
    assert {each.name for each in sections} <= set(SECTION_NAMES)
    found = panels(sections)
    assert len(found) >= 4
    for panel in found:
        assert (panel.picture is None) == bool(panel.why_none), panel.name
        assert re.fullmatch("[a-z0-9-]+", panel.name)
        assert all(len(row) == len(panel.table.columns) for row in panel.table.rows)
    assert len({panel.name for panel in found}) == len(found)


def test_the_numbers_of_a_picture_stand_in_its_table(make_world):
    figures = judged(make_world(), "pairs").figures()
    sections = study_sections(figures, None)
    steps = panel_named(sections, "steps-helpfulness")
    assert [int(bar.count) for bar in steps.picture.bars] == [row[2] for row in steps.table.rows]
    assert sum(int(bar.count) for bar in steps.picture.bars) == figures.axes[0].comparisons == 6
    elo = panel_named(sections, "elo-helpfulness")
    assert [point.name for point in elo.picture.points] == [row[0] for row in elo.table.rows]
    wins = panel_named(sections, "wins-helpfulness")
    assert wins.table.rows[0][:5] == ("one", "other", 4, 2, 0)
    assert wins.picture.rows[0].cells[1].share == "67 %"
    assert wins.picture.rows[1].cells[0].share == "33 %"
    agreement = panel_named(sections, "agreement-helpfulness")
    assert [row[1] for row in agreement.table.rows] == ["equal pairs", "Fleiss’ κ", "Krippendorff’s α"]
    assert [point.n for point in agreement.picture.points] == ["n 2", "n 2", "n 2"]


@pytest.mark.parametrize(
    ("question", "ends"),
    [
        ("better", ("A is much less harmful", "B is much less harmful")),
        ("more harmful", ("A is much more harmful", "B is much more harmful")),
    ],
)
def test_steps_are_told_in_the_words_that_stood_on_the_screen(make_world, question, ends):
    world = make_world("pairs", axes=["harmlessness"], question=question)
    world.enter([pair_item()] * 2)
    # The second side is the better one, and A: its step is the last but where the worse one was asked for.
    world.judge(world.worker(), *[pair(SECOND, 4, a=1, axes=("harmlessness",), question=question)] * 2)
    figures = world.figures()
    sections = study_sections(figures, None)
    panel = panel_named(sections, "steps-harmlessness")
    assert panel.picture.ends == ends
    (given,) = [row[:3] for row in panel.table.rows if row[2]]
    assert given == ((1, ends[0], 2) if question == "better" else (8, ends[1], 2))
    assert figures.axes[0].question == question
    strengths = panel_named(sections, "strengths-harmlessness")
    assert strengths.picture.ends == ("slightly", "much")
    assert strengths.table.columns[0] == "strength, positive where the first stored side is less harmful"
    assert [row[0] for row in strengths.table.rows if row[1]] == [-4]
    assert panel_named(sections, "sides-harmlessness").table.rows[0][0].endswith(ends[0].removeprefix("A is much "))


def test_places_that_nobody_can_fill_are_told_with_what_to_do(make_world):
    pace = make_world().figures().progress.pace
    told = {left: queues_panel([], replace(pace, left=left, unfillable=2, people=3)).notes for left in (2, 0)}
    assert told[0] == ()
    assert "2 of the open places will stay open" in told[2][0]
    assert "of 3 who may work here. Invite somebody new" in told[2][0]
    assert queues_panel([], replace(pace, left=2, unfillable=0, people=3)).notes == ()
    nobody = queues_panel([], replace(pace, left=2, unfillable=2, people=0)).notes
    assert nobody == ("There are no workers here now. Invite people, and they get these items.",)


def test_strengths_of_both_sides_are_put_together(make_world):
    sections = study_sections(judged(make_world(), "pairs").figures(), None)
    strengths = panel_named(sections, "strengths-helpfulness")
    assert [bar.count for bar in strengths.picture.bars] == ["2", "2", "0", "2"]
    assert {row[0]: row[1] for row in strengths.table.rows} == {-4: 0, -3: 0, -2: 0, -1: 2, 1: 0, 2: 2, 3: 0, 4: 2}


def test_what_nobody_else_can_answer_says_so(make_world):
    figures = judged(make_world(), "pairs", people=1).figures()
    agreement = panel_named(study_sections(figures, None), "agreement-helpfulness")
    assert (agreement.picture, agreement.why_none) == (None, "No item has two ratings.")
    assert len(agreement.table.rows) == 3
    elo = panel_named(study_sections(figures, None), "elo-helpfulness")
    assert elo.picture is None
    assert elo.why_none.endswith("no rating is finite.")


def test_why_chats_have_no_agreement_is_said_once(make_world):
    world = make_world("preference-chat", **CHAT)
    world.enter([{"opening": []}], overlap=3)
    chats(world, world.worker(), [FIRST, SECOND])
    (agreement,) = [each for each in study_sections(world.figures(), None) if each.name.startswith("agreement")]
    assert agreement.panels == ()
    assert (
        agreement.says
        == "There is none to tell: in a chat everybody judges replies of their own, so nothing is judged twice."
    )
    assert folded([agreement], None)[0].is_open is None


def test_what_a_manager_looks_at_first_is_open_and_the_rest_as_the_address_says(make_world):
    sections = study_sections(judged(make_world("safety-labels"), "safety-labels").figures(), None)
    opened = [each.name for each in folded(sections, None) if each.is_open]
    assert opened == ["progress", "agreement", "labels-work"]
    assert [each.name for each in folded(sections, {"times", "no-such"}) if each.is_open] == ["times"]
    assert all(each.says for each in folded(sections, None) if not each.is_open)


def test_ties_are_told_where_there_can_be_any(make_world):
    pairs = panel_named(study_sections(judged(make_world(), "pairs").figures(), None), "sides-helpfulness")
    assert ([row[0] for row in pairs.table.rows], pairs.notes) == (
        ["what was shown first was said to be more helpful", "the first stored side is more helpful"],
        (),
    )
    assert pairs.picture.reasons == (
        "No interval of “the first stored side is more helpful”: every item gives the same value, so nothing tells how sure it is.",
    )
    kind = "two-axis-ranking"
    rankings = panel_named(study_sections(judged(make_world(kind), kind).figures(), None), "sides-helpfulness")
    assert [row[0] for row in rankings.table.rows][2:] == ["ties"]


@pytest.mark.parametrize(("conversations", "places", "left"), [(None, None, None), (40, 40, 39)])
def test_conversations_that_workers_begin_have_as_many_places_as_the_study_says(
    make_world, conversations, places, left
):
    """And not as many as were entered ahead."""
    items = {"from_workers": True} | ({"conversations": conversations} if conversations else {})
    world = make_world("preference-chat", **CHAT | {"items": items})
    world.enter([{"opening": []}] * 32)
    chats(world, world.worker(), [FIRST])
    progress = world.figures().progress
    assert (progress.queues[0].places, progress.pace.left) == (places, left)
    assert queues_panel(progress.queues, progress.pace).notes


def test_moods_are_told_by_day_and_never_with_an_interval():
    means = dict.fromkeys(FEELINGS, 2.0)
    told = MoodDay(date(2026, 11, 20), 9, 6, 6, means)
    today = MoodDay(date(2026, 11, 21), 3, 3, None, None)
    panel = moods_panel([told, today])
    assert len(panel.picture.meters) == len(FEELINGS)
    assert {meter.width for meter in panel.picture.meters} == {50}
    assert panel.table.rows[1][3:] == (None,) * (1 + len(FEELINGS))
    assert moods_panel([today]).picture is None


@pytest.mark.parametrize(
    ("pace", "said"),
    [
        (Pace(0, Figure.undefined(0, "a pace needs two days"), 9, Figure.undefined(0, "x"), None), "9 places are open. No pace can be told yet: a pace needs two days."),
        (Pace(7, Figure.without_interval(0.0, 7, "alike"), 9, Figure.undefined(7, "x"), None), "9 places are open. Nothing was finished in the last 7 days, so no end can be told."),
        (Pace(7, Figure(10.0, 5.0, 20.0, 7, None), 40, Figure(4.0, 2.0, 8.0, 7, None), None), "40 places are open. 10 items in 24 hours over the last 7 days; at that pace done in 2 to 8 days."),
        (Pace(7, Figure(10.0, 9.9, 10.1, 7, None), 10, Figure(1.0, 0.99, 1.01, 7, None), None), "10 places are open. 10 items in 24 hours over the last 7 days; at that pace done in about 1 day."),
        (Pace(7, Figure(10.0, 5.0, 20.0, 7, None), 0, Figure.without_interval(0.0, 7, "x"), None), "Every place of the work is filled."),
        (Pace(7, Figure(10.0, 5.0, 20.0, 7, None), None, Figure.undefined(7, "the study has no last item"), None), "10 items in 24 hours over the last 7 days; the study has no last item."),
    ],
)  # fmt: skip
def test_the_pace_is_told_in_words(pace, said):
    assert queues_panel([], pace).says == said


def test_days_without_judgements_are_drawn_and_older_ones_are_in_the_table():
    days = [Day(date(2026, 9, 1), 5, 5), Day(date(2026, 11, 20), 3, 8)]
    panel = days_panel(days, date(2026, 11, 22))
    assert [bar.height for bar in panel.picture.bars].count(0) == 29
    assert [row[0] for row in panel.table.rows] == [day.day for day in days]
    recent = days_panel(days[1:], date(2026, 11, 22))
    assert [bar.count for bar in recent.picture.bars] == ["3", "0", "0"]


def test_what_is_left_out_is_said(make_world):
    world = judged(make_world(), "pairs")
    assert basis_notes(world.figures().basis) == ()
    worker = world.worker()
    world.enter([pair_item()])
    taken = world.take(worker)
    world.hand_in(taken, worker, ("pair", "pair", pair(FIRST)), finished=False)
    assert basis_notes(world.figures().basis)[0].startswith("1 more is of work that is not finished")
