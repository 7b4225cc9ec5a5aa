"""Which row of a new release is which of the one before, whatever order the files stand in, and how its labels changed."""

import json
import random

import polars as pl
import pyarrow as pa
import pytest

from plumbline.lineage import Terms, Use
from plumbline.records import Kind, conversation_column, prompt_table, red_team_attempt_table, safety_label_table
from plumbline.records.message import Message, Role
from plumbline.records.tables import with_ids
from plumbline.release.changes import Previous, RowIndex, change_lines, compare
from tests.release.folders import loaded_lines

MIT = Terms(frozenset(Use), "MIT")
TEXTS = ("a", "b", "c", "d")


def indexed(kind, table, *, shuffled=None):
    index = RowIndex()
    order = list(range(len(table)))
    if shuffled is not None:
        random.Random(shuffled).shuffle(order)
    for start in range(0, len(order), 3):
        index.add(kind, table.take(pa.array(order[start : start + 3])))
    return index


def compared(kind, before, after, former=()):
    """The changes, the same whatever order the rows stand in; and the sums that must hold."""
    found = []
    for seed in range(3):
        now = indexed(kind, after, shuffled=seed)
        if former:
            now.note_former(*(pl.Series(list(ids)) for ids in zip(*former, strict=True)))
        found.append(compare(Previous("1.0.0", "f" * 64, MIT, indexed(kind, before, shuffled=seed + 7)), now, MIT))
    assert found[0] == found[1] == found[2]
    assert (found[0].rows_before, found[0].rows_after) == (len(before), len(after))
    return found[0]


def counts(changes):
    return tuple(changes.total(how) for how in ("added", "removed", "changed", "moved"))


def with_values(table, kind=None, **columns):
    for name, values in columns.items():
        index = table.schema.get_field_index(name)
        field = table.schema.field(index)
        table = table.set_column(index, field, pa.array(values).cast(field.type))
    return table if kind is None else with_ids(kind, table)


@pytest.fixture
def pairs(tmp_path):
    return loaded_lines(tmp_path, labels=None).comparisons.sort_by("id").slice(0, 4)


def labels(**columns):
    said = conversation_column([(Message(Role.HUMAN, "Q?"), Message(Role.ASSISTANT, text)) for text in TEXTS])
    return safety_label_table(
        said, {"taxonomy": "own", "source": "s", "row": pa.array(range(4)), "split": "train", **columns}
    )


def test_labels_that_flipped_are_told_by_which_way_wherever_the_rows_came_from():
    before = labels(is_safe=[True, True, False, None], categories=[[], [], ["rude"], None])
    after = labels(is_safe=[False, True, True, False], categories=[["rude"], [], ["rude"], None], source="elsewhere")
    changes = compared(Kind.SAFETY_LABELS, before, after)
    assert counts(changes) == (0, 0, 3, 0)
    assert changes.labels == {
        "is_safe": {"not said → unsafe": 1, "safe → unsafe": 1, "unsafe → safe": 1},
        "categories": {"other than before": 1},
    }
    assert changes.texts == 0
    told = "\n".join(change_lines("2.0.0", changes))
    assert "is safe: 1 not said → unsafe, 1 safe → unsafe, 1 unsafe → safe; categories: 1 other than before." in told
    assert "4 rows before − 0 removed + 0 added = 4 rows now." in told


def test_better_sides_that_flipped_are_told_whichever_side_stands_first(pairs):
    outcome = ["second" if each == "first" else "first" for each in pairs["outcome"].to_pylist()]
    flipped = with_values(pairs, Kind.COMPARISONS, outcome=[outcome[0], "tie", *pairs["outcome"].to_pylist()[2:]])
    changes = compared(Kind.COMPARISONS, pairs, flipped)
    assert counts(changes) == (0, 0, 2, 0)
    assert changes.labels == {"outcome": {"a side → tie": 1, "to the other side": 1}}
    # The same judgement with its sides the other way round is another record and no other label.
    sides = [list(reversed(each)) for each in pairs["continuations"].to_pylist()]
    both = pa.array(sides, pa.list_(pa.list_(pa.struct([("role", pa.string()), ("text", pa.string())]))))
    turned = with_values(pairs, Kind.COMPARISONS, outcome=outcome, continuations=both)
    changes = compared(Kind.COMPARISONS, pairs, turned)
    assert (counts(changes), changes.labels, changes.texts) == ((0, 0, 4, 0), {}, 0)


@pytest.mark.parametrize(
    ("column", "values", "told"),
    [
        ("votes", [[3, 1, 0], None, None, None], "votes"),
        ("is_safe", [[True, False], None, None, None], "is_safe"),
        ("is_safe", [[None, None], None, None, None], "is_safe"),
        ("categories", [[["rude"], []], None, None, None], "categories"),
        ("severity", [[1, 0], None, None, None], "other_labels"),
    ],
)
def test_labels_that_no_id_tells_of_are_compared_too(pairs, column, values, told):
    changed = with_values(pairs, **{column: values})
    assert changed["id"].equals(pairs["id"])
    changes = compared(Kind.COMPARISONS, pairs, changed)
    assert counts(changes) == (0, 0, 1, 0)
    assert list(changes.labels) == [told]


def test_ratings_and_categories_of_attempts_and_prompts_are_labels():
    said = conversation_column([(Message(Role.HUMAN, text),) for text in TEXTS])
    columns = {"source": "s", "row": pa.array(range(4)), "split": "train"}
    before = red_team_attempt_table(said, {**columns, "rating": [0.0, 1.0, 2.0, 3.0], "outcome": "failure"})
    after = red_team_attempt_table(
        said, {**columns, "rating": [0.0, 1.0, 2.0, 4.0], "outcome": ["success"] + ["failure"] * 3}
    )
    changes = compared(Kind.RED_TEAM_ATTEMPTS, before, after)
    assert counts(changes) == (0, 0, 2, 0)
    assert changes.labels == {"outcome": {"failure → success": 1}, "other_labels": {"other than before": 1}}
    before, after = (prompt_table(said, {**columns, "categories": [[name]] * 4}) for name in ("a", "b"))
    assert compared(Kind.PROMPTS, before, after).labels == {"categories": {"other than before": 4}}


def test_judgements_that_became_one_count_once_and_the_sums_hold():
    before = labels(is_safe=[True] * 4, worker=["1", "2", "3", "4"])
    one = with_values(labels(is_safe=[True] * 4).slice(0, 1), parents=[before["id"].to_pylist()[:3]])
    after = pa.concat_tables([one, before.slice(3)]).unify_dictionaries()
    changes = compared(Kind.SAFETY_LABELS, before, after)
    assert (counts(changes), changes.merged, changes.unchanged) == ((0, 2, 1, 0), 2, 1)
    assert "Of the rows removed, 2 were made one with rows that stand." in list(change_lines("2.0.0", changes))


def test_a_record_in_two_splits_moves_where_one_of_them_is_another(pairs):
    twice = pa.concat_tables([with_values(pairs, split=["train"] * 4), with_values(pairs, split=["test"] * 4)])
    other = pa.concat_tables([with_values(pairs, split=["held"] * 4), with_values(pairs, split=["train"] * 4)])
    changes = compared(Kind.COMPARISONS, twice.unify_dictionaries(), other.unify_dictionaries())
    assert (counts(changes), changes.unchanged) == ((0, 0, 0, 4), 4)
    assert all(list(of) == ["held"] for of in changes.rows.values())


def test_a_masked_prompt_is_a_changed_one_where_its_former_id_is_known():
    said, masked = (
        conversation_column([(Message(Role.HUMAN, f"{what} {text}"),) for text in TEXTS]) for what in ("ada", "NAME")
    )
    columns = {"row": pa.array(range(4)), "split": "train"}
    before = prompt_table(said, {**columns, "source": "one"})
    after = prompt_table(masked, {**columns, "source": "two"})
    assert counts(compared(Kind.PROMPTS, before, after)) == (4, 4, 0, 0)
    former = list(zip(after["id"].to_pylist(), before["id"].to_pylist(), strict=True))
    changes = compared(Kind.PROMPTS, before, after, [*former, ("f" * 32, None)])
    assert (counts(changes), changes.texts) == ((0, 0, 4, 0), 4)


def test_of_two_sides_one_of_which_nothing_is_said_is_not_an_unsafe_one(pairs):
    before, after = (with_values(pairs.slice(0, 1), is_safe=[[True, said]]) for said in (None, False))
    changes = compared(Kind.COMPARISONS, before, after)
    assert counts(changes) == (0, 0, 1, 0)
    [way] = changes.labels["is_safe"]
    assert sorted(way.replace(" and ", " → ").split(" → ")) == ["not said", "safe", "safe", "unsafe"]


def of_several(votes, parents=("a", "b", "c")):
    """Labels that three people came to, whose votes stand in `extra`."""
    noted = {"votes": votes, "soft_label": votes[1] / sum(votes)}
    return labels(is_safe=[True] * 4, extra=json.dumps({"aggregated": noted}), parents=[list(parents)] * 4)


def test_votes_of_labels_stand_in_extra_and_are_compared():
    before, after = of_several([3, 0]), of_several([2, 1])
    assert before["id"].equals(after["id"])
    changes = compared(Kind.SAFETY_LABELS, before, after)
    assert (counts(changes), changes.labels) == ((0, 0, 4, 0), {"votes": {"other than before": 4}})
    assert compared(Kind.SAFETY_LABELS, before, of_several([3, 0], ["c", "b", "x"])).unchanged == 4


@pytest.mark.parametrize(
    ("column", "values"),
    [("models", [["m1", "m2"], None, None, None]), ("tranche", ["base"] * 4), ("extra", ['{"a": 1}'] * 4)],
)
def test_columns_beside_texts_and_labels_are_compared(pairs, column, values):
    changes = compared(
        Kind.COMPARISONS, with_values(pairs, **{column: [None] * 4}), with_values(pairs, **{column: values})
    )
    rows = sum(each is not None for each in values)
    assert (counts(changes), changes.labels, changes.other_columns) == ((0, 0, rows, 0), {}, rows)
    assert f"In {rows} changed rows columns beside texts and labels are others." in list(change_lines("2.0.0", changes))


def said_alike(said, count, source):
    """Prompts that all say the same."""
    said = conversation_column([(Message(Role.HUMAN, said),) for _ in range(count)])
    return prompt_table(said, {"row": pa.array(range(count)), "split": "train", "source": source})


def test_rows_that_are_the_same_are_paired_one_by_one_when_they_are_masked_or_become_parents():
    before, after = said_alike("ada", 3, "one"), said_alike("NAME", 3, "two")
    former = [(after["id"][0].as_py(), before["id"][0].as_py())] * 3
    assert counts(compared(Kind.PROMPTS, before, after, former)) == (0, 0, 3, 0)
    alike = labels(is_safe=[True] * 4).take([0, 0, 0])
    named = with_values(labels(is_safe=[False] * 4, source="t").take([1, 1, 1]), parents=[alike["id"].to_pylist()] * 3)
    assert counts(compared(Kind.SAFETY_LABELS, alike, named)) == (0, 0, 3, 0)
    # Three that differed, and that masking made the same.
    others = pa.concat_tables([said_alike(who, 1, "one") for who in ("ada", "bob", "eve")]).unify_dictionaries()
    former = [(after["id"][0].as_py(), each) for each in others["id"].to_pylist()]
    assert counts(compared(Kind.PROMPTS, others, after, former)) == (0, 0, 3, 0)


def test_candidates_are_no_more_than_rows_where_many_are_the_same(monkeypatch):
    before, after = said_alike("ada", 200, "one"), said_alike("NAME", 200, "two")
    held = []
    join = pl.DataFrame.join

    def noted(self, *args, **how):
        found = join(self, *args, **how)
        held.append(len(found))
        return found

    monkeypatch.setattr(pl.DataFrame, "join", noted)
    former = [(after["id"][0].as_py(), before["id"][0].as_py())] * 200
    assert counts(compared(Kind.PROMPTS, before, after, former)) == (0, 0, 200, 0)
    assert max(held) == 200


def test_masking_that_turns_the_order_of_the_texts_flips_no_label(pairs):
    """Sides in byte order are "a…" and "m…"; masked, the first of them becomes the second."""

    def of(first, second, source, **columns):
        said = [[[{"role": "assistant", "text": text}] for text in (first, second)]] * 4
        roles = pa.list_(pa.list_(pa.struct([("role", pa.string()), ("text", pa.string())])))
        return with_values(
            pairs,
            Kind.COMPARISONS,
            continuations=pa.array(said, roles),
            outcome=["first"] * 4,
            source=[source] * 4,
            **columns,
        )

    sides = {"is_safe": [[True, False]] * 4, "votes": [[2, 1, 0]] * 4, "models": [["m1", "m2"]] * 4}
    before, after = of("ada", "mine", "one", **sides), of("zoe", "mine", "two", **sides)
    former = list(zip(after["id"].to_pylist(), before["id"].to_pylist(), strict=True))
    changes = compared(Kind.COMPARISONS, before, after, former)
    assert (counts(changes), changes.labels, changes.other_columns) == ((0, 0, 4, 0), {}, 0)
