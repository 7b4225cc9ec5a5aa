"""What stays inside is told the same way everywhere: in the README of an export, by the command, on the page."""

from datetime import UTC, datetime

import pytest

from plumbline.collect.dashboard.figures import Basis
from plumbline.collect.export import Form
from plumbline.collect.export.left_out import HOLDS, WHY, left_out_lines
from plumbline.collect.export.read_me import ReadMe
from plumbline.collect.kinds import KNOWN_ANSWERS, Purpose
from plumbline.collect.pages.managing.export_page import left_out
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


def test_the_readme_says_what_is_in_it_and_counts_what_is_not():
    text = page(Form.HH_RLHF, {"against_ruling": 2, "gold": 1}, {"PL-HH-020": 4})
    assert HOLDS in text
    for line in (*left_out_lines({"against_ruling": 2, "gold": 1}), "4 that this form cannot say (PL-HH-020)"):
        assert f"\n- {line}\n" in text
    assert "- licence MIT; for analysis\n" in text
    assert "Here that is nothing." in page(Form.HH_RLHF, {}, {})
    assert HOLDS not in page(Form.EVENTS, {}, {})


@pytest.mark.parametrize("kind", list(StudyKind))
def test_the_page_speaks_of_rulings_where_pairs_can_stand_against_one(kind):
    basis = Basis(NOW, *[0] * 7)
    said = " ".join(left_out(basis, kind, None))
    assert ("against a reviewer’s ruling" in said) == (kind is StudyKind.TWO_AXIS_RANKING)
