"""What stays inside is told the same way everywhere: in the README of an export, by the command, on the page."""

from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pytest

from plumbline.collect.dashboard.figures import Basis
from plumbline.collect.export import Form
from plumbline.collect.export.left_out import HOLDS, UNSAID, WHY, left_out_lines, unsaid_lines
from plumbline.collect.export.read_me import ReadMe
from plumbline.collect.kinds import KNOWN_ANSWERS, Purpose
from plumbline.collect.pages.managing.export_page import left_out
from plumbline.collect.store.finished_work import ErasedConversations
from plumbline.collect.study_settings import StudyKind
from plumbline.lineage import FileEntry

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def page(form, counts, quarantined):
    file = FileEntry(path="events/events.jsonl.gz", sha256="0" * 64, size_bytes=1, rows=3)
    return ReadMe(
        "s", "two-axis-ranking", form, NOW, [file], ("licence MIT; for analysis",), counts, quarantined
    ).text()


def test_every_reason_has_its_words():
    measuring = {purpose.value for purpose in (*KNOWN_ANSWERS, Purpose.SPOT_CHECK)}
    assert WHY.keys() == measuring | {"unfinished", "late", "erased", "awaiting_ruling", "against_ruling"}
    assert left_out_lines({"against_ruling": 1200}) == [
        "1,200 pairs ranked on harmlessness against a reviewer's ruling (against_ruling)"
    ]
    assert left_out_lines({"against_ruling": 1, "erased": 1}) == [
        "1 pair ranked on harmlessness against a reviewer's ruling (against_ruling)",
        "1 conversation of somebody who was erased: its words are gone (erased)",
    ]


def test_what_a_form_cannot_say_is_told_in_words():
    assert unsaid_lines({"PL-HH-020": 1, "PL-HH-022": 1200}) == [
        "1 tie: the form has no place for them (PL-HH-020)",
        "1,200 pairs: a text in it holds a mark of a turn, and would be read as two turns (PL-HH-022)",
    ]
    assert unsaid_lines({"PL-NEW-001": 2})[0].startswith("2 records: ")
    listed = (Path(__file__).parents[3] / "docs" / "errors.md").read_text()
    assert [code for code in UNSAID if f"| {code} |" not in listed] == []


def test_the_readme_says_what_is_in_it_and_counts_what_is_not():
    text = page(Form.HH_RLHF, {"against_ruling": 2, "gold": 1}, {"PL-HH-020": 4})
    assert HOLDS in text
    for line in (*left_out_lines({"against_ruling": 2, "gold": 1}), *unsaid_lines({"PL-HH-020": 4})):
        assert f"\n- {line}\n" in text
    assert "- licence MIT; for analysis\n" in text
    assert "Here that is nothing." in page(Form.HH_RLHF, {}, {})
    assert HOLDS not in page(Form.EVENTS, {}, {})


@pytest.mark.parametrize("kind", list(StudyKind))
def test_the_page_speaks_of_rulings_where_pairs_can_stand_against_one(kind):
    basis = Basis(NOW, *[0] * 8)
    said = " ".join(left_out(basis, kind, ErasedConversations(0, 0), None))
    assert "erased" not in said
    assert ("against a reviewer’s ruling" in said) == (kind is StudyKind.TWO_AXIS_RANKING)


def test_the_page_takes_conversations_of_erased_people_off_what_stands():
    nothing = {field.name: 0 for field in fields(Basis)}
    basis = Basis(**nothing | {"as_of": NOW, "judgements": 24, "stored": 25})
    said = left_out(basis, StudyKind.RED_TEAM_CHAT, ErasedConversations(1, 7), None)
    assert said[0].startswith("Of 25 stored judgements, 17 stand: ")
    assert said[1] == "0 are of work that was not handed in."
    assert said[2].startswith("7 are of 1 conversation of somebody who was erased: the words are gone")
