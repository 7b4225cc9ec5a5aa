"""The gate of counts: numbers of the notes, of the manifest and of the files that do not follow from each other."""

import copy

import pytest

from plumbline.release import Status
from plumbline.release.counts import Counted, counts_gate
from plumbline.release.notes import CurationNotes
from tests.release.folders import loaded_lines, summary_of


@pytest.fixture
def loaded(tmp_path):
    return loaded_lines(tmp_path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda notes: notes["rows"].update(read=1), "were read"),
        (lambda notes: notes["steps"][0]["removed"]["comparisons"].update(train=2), "rule exact-duplicates"),
        (lambda notes: notes["steps"][1]["removed"].update(safety_labels={"test": 1}), "the last"),
        (lambda notes: notes.update(records={"read": {"comparisons": {"train": 3}}}), "reading leaves 3"),
        (lambda notes: notes["written"]["safety_labels"].update(test=4), "the files hold"),
    ],
)
def test_numbers_of_the_notes_that_do_not_follow_from_each_other(loaded, change, told):
    summary = summary_of(loaded)
    counted = Counted(summary["written"], {}, {"a.parquet": 3}, {"a.parquet": 3}, removed=3)
    assert counts_gate(counted, CurationNotes.model_validate(summary)).status is Status.PASSED
    changed = copy.deepcopy(summary)
    change(changed)
    gate = counts_gate(counted, CurationNotes.model_validate(changed))
    assert gate.status is Status.FAILED
    assert told in gate.said


def test_lines_that_hold_several_records_add_up_by_records(loaded):
    summary = summary_of(loaded)
    summary["rows"]["read"] = 5
    summary["records"] = {"read": summary["steps"][0]["before"], "removed": 3}
    counted = Counted(summary["written"], {}, {}, {}, removed=3)
    assert counts_gate(counted, CurationNotes.model_validate(summary)).status is Status.PASSED


def test_numbers_of_the_files_that_are_not_those_of_the_manifest():
    rows = {"comparisons": {"train": 2}}
    assert not counts_gate(Counted(rows, {}, {"a": 2}, {"a": 2}), None).stops
    assert counts_gate(Counted(rows, {}, {"a": 3}, {"a": 2}), None).stops
    assert counts_gate(Counted(rows, {"PL-IO-016": 1}, {"a": 2}, {"a": 2}), None).stops
    assert counts_gate(Counted({}, {}, {}, {}), None).stops
