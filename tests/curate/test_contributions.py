"""What each file gave: terms are left out of a file of which nothing is in the output, and of no other."""

import pytest

from plumbline.curate.contributions import contributions
from plumbline.records import Kind
from tests.curate.made_up import comparisons, curated, kind_of, labels, prompts, recipe_of


def gave(folder, recipe, *tables, rows_of_a_part=20_000):
    """(read, written, apart) of each table, as if it were a file."""
    result = curated(folder, recipe, *tables, rows_of_a_part=rows_of_a_part)
    counts = [{kind_of(table): len(table)} for table in tables]
    found = contributions(result.identity, result.fates, counts, recipe)
    return [(each.read, each.written, each.apart) for each in found]


def safe(*rows, **same):
    return labels(*[(asked, said, True, {"worker": who}) for asked, said, who in rows], **same)


SHORT = recipe_of("lengths\nmost_characters = 50")
ONE = safe(("q one", "an answer", "a"), ("q two", "an answer", "a"))


@pytest.mark.parametrize("rows_of_a_part", [1, 2, 20_000])
def test_a_file_whose_records_all_go_is_apart_and_the_counts_are_each_files(tmp_path, rows_of_a_part):
    lost = safe(("q three", "x" * 99, "a"), ("q four", "x" * 99, "a"), ("q five", "x" * 99, "a"))
    half = safe(("q six", "x" * 99, "a"), ("q seven", "short", "a"))
    found = gave(tmp_path, SHORT, ONE, lost, half, rows_of_a_part=rows_of_a_part)
    assert found == [(2, 2, False), (3, 0, True), (2, 1, False)]


def test_kinds_are_placed_each_by_itself(tmp_path):
    lost = comparisons(("q three", "x" * 99, "y" * 99, "first"))
    found = gave(tmp_path, SHORT, prompts(("q zero",)), lost, ONE)
    assert found == [(1, 1, False), (1, 0, True), (2, 2, False)]


def test_a_file_of_which_no_kind_is_taken_gave_nothing_and_is_not_said_to_be_apart(tmp_path):
    result = curated(tmp_path, SHORT, ONE)
    counts = [{Kind.SAFETY_LABELS: 2}, {Kind.COMPARISONS: 1}, {}]
    found = contributions(result.identity, result.fates, counts, SHORT)
    assert [(each.read, each.apart) for each in found] == [(2, False), (0, False), (0, False)]


def test_what_gave_way_to_another_record_stays_in_it(tmp_path):
    recipe = recipe_of("exact-duplicates")
    assert gave(tmp_path, recipe, ONE, ONE) == [(2, 2, False), (2, 0, False)]


def test_what_a_fit_learned_from_weighs_in_labels_though_it_goes_later(tmp_path):
    other = safe(("q three", "x" * 99, "b"), ("q four", "x" * 99, "b"))
    for method, apart in (("dawid-skene", False), ("majority", True)):
        recipe = recipe_of(f'aggregate\nmethod = "{method}"', "lengths\nmost_characters = 50")
        assert gave(tmp_path / method, recipe, ONE, other)[1] == (2, 0, apart), method
    before = recipe_of("lengths\nmost_characters = 50", 'aggregate\nmethod = "dawid-skene"')
    assert gave(tmp_path / "before", before, ONE, other)[1] == (2, 0, True)


def test_a_prompt_that_is_written_binds_every_file_that_has_it(tmp_path):
    same_prompt = safe(("q two", "x" * 99, "b"))
    assert gave(tmp_path, SHORT, ONE, same_prompt) == [(2, 2, False), (1, 0, False)]
