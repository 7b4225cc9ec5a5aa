"""Aggregation: from judgements to the record that stands for them, its sides as that record has them."""

import json
from itertools import product

import polars as pl
import pyarrow as pa
import pytest

from plumbline.curate.aggregation import EVEN, OUTVOTED
from plumbline.curate.rules.aggregate import STANDS_FOR, Aggregate, judge
from plumbline.curate.rules.verdicts import verdict_table
from plumbline.curate.stages import fates_with, no_fates
from plumbline.curate.traits.identity import identity_of
from plumbline.curate.writing import records_left
from plumbline.records import SCHEMAS, Kind, NoDataError
from tests.curate.made_up import comparisons, kind_of, labels, placed

METHODS = ("majority", "dawid-skene", "bradley-terry")
FLIPPED = {"first": "second", "second": "first", "tie": "tie", None: None}


def concluded(table, method="majority", ties="unsafe"):
    """(the records left, position → reason of what went)."""
    rows = placed(table)
    identity = identity_of(kind_of(table), rows)
    verdicts = judge(pl.DataFrame(pl.from_arrow(identity)), Aggregate(method=method, ties=ties)).sort("position")
    fates = fates_with(no_fates(identity), verdict_table(verdicts), step=0)
    left = records_left(rows, fates)
    assert left.schema == SCHEMAS[kind_of(table)]
    removed = verdicts.filter("removed")
    assert verdicts.filter(~pl.col("removed"))["reason"].str.starts_with(STANDS_FOR).all()
    return left, dict(zip(removed["position"], removed["partner"], strict=True))


def told(record):
    return json.loads(record["extra"])["aggregated"]


def pairs_of(judgements, swap=lambda _: False, **same):
    """Judgements (item, worker, outcome) of items whose first side is called good; some shown the other way round."""
    rows = []
    for number, (item, worker, outcome) in enumerate(judgements):
        sides = [f"good {item}", f"other {item}"]
        turned = swap(number)
        rows.append(
            (
                f"question {item}",
                *(sides[::-1] if turned else sides),
                FLIPPED[outcome] if turned else outcome,
                {"worker": worker, "strength": 2, "split": "train"},
            )
        )
    return comparisons(*rows, **same)


def good_wins(record):
    """The outcome as seen from the side that is called good."""
    first = record["continuations"][0][0]["text"].startswith("good")
    return record["outcome"] if first else FLIPPED[record["outcome"]]


def as_seen(record):
    """Outcome, votes and soft label as seen from there."""
    first = record["continuations"][0][0]["text"].startswith("good")
    if record["votes"] is None:
        return good_wins(record), None, None
    votes, soft = record["votes"], told(record)["soft_label"]
    turned = [votes[1], votes[0], votes[2]]
    return good_wins(record), votes if first else turned, pytest.approx(soft if first else 1 - soft)


JUDGED = [
    *[("a", worker, outcome) for worker, outcome in zip("xyz", ("first", "first", "second"), strict=True)],
    *[("b", worker, outcome) for worker, outcome in zip("xyz", ("second", "second", "second"), strict=True)],
    *[("c", worker, outcome) for worker, outcome in zip("xy", ("first", "second"), strict=True)],
    *[("d", worker, outcome) for worker, outcome in zip("xyz", ("tie", "tie", "first"), strict=True)],
    ("once", "z", "second"),
    ("silent", "x", None),
    ("silent", "y", None),
    *[("half", worker, outcome) for worker, outcome in zip("xyz", (None, "first", "first"), strict=True)],
]


def test_votes_by_hand_and_every_judgement_is_a_parent_of_one_record():
    table = pairs_of(JUDGED)
    left, removed = concluded(table)
    rows = {row["row"]: row for row in left.to_pylist()}
    assert {row: rows[row]["outcome"] for row in rows} == {
        **{0: "first", 3: "second", 6: "tie", 8: "tie", 11: "second", 12: None, 13: None, 14: None, 15: "first"}
    }
    assert {row: rows[row]["votes"] for row in (0, 3, 6, 8, 15)} == {
        **{0: [2, 1, 0], 3: [0, 3, 0], 6: [1, 1, 0], 8: [1, 0, 2], 15: [2, 0, 0]}
    }
    assert [told(rows[row])["soft_label"] for row in (0, 3, 6, 8)] == pytest.approx([2 / 3, 0, 1 / 2, 2 / 3])
    ids = table["id"].to_pylist()
    for row in (11, 12, 13, 14):  # judged once, or by nobody
        assert rows[row] == table.slice(row, 1).to_pylist()[0]
    parents = [parent for row in rows.values() for parent in row["parents"]]
    assert sorted(parents) == sorted(ids[n] for n in (*range(11), 15, 16)), "nothing is lost, nothing twice"
    assert removed == {1: ids[0], 2: ids[0], 4: ids[3], 5: ids[3], 7: ids[6], 9: ids[8], 10: ids[8], 16: ids[15]}
    merged = rows[0]
    assert merged["worker"] is None
    assert merged["strength"] is None
    assert merged["id"] not in ids
    assert merged["item_id"] == table["item_id"][0].as_py()


@pytest.mark.parametrize("method", METHODS)
def test_the_sides_shown_the_other_way_round_change_no_label(method):
    judged = [row for row in JUDGED if row[2] is not None]
    plain = [as_seen(row) for row in concluded(pairs_of(judged), method)[0].to_pylist()]
    assert {outcome for outcome, _, _ in plain} >= {"first", "second"}
    for swap in (lambda _: True, lambda n: n % 2 == 0, lambda n: n % 3 == 1):
        assert [as_seen(row) for row in concluded(pairs_of(judged, swap), method)[0].to_pylist()] == plain
    turned = [(item, worker, FLIPPED[outcome]) for item, worker, outcome in judged]
    assert [good_wins(row) for row in concluded(pairs_of(turned), method)[0].to_pylist()] == [
        FLIPPED[outcome] for outcome, _, _ in plain
    ]


def test_votes_are_told_from_the_record_that_stays_not_from_the_first():
    """The record outside train stays though it comes later, and shows its sides the other way round."""
    rows = [
        ("q", "one reply", "two reply", "first", {"worker": "x", "split": "train"}),
        ("q", "one reply", "two reply", "first", {"worker": "y", "split": "train"}),
        ("q", "two reply", "one reply", "second", {"worker": "z", "split": "test"}),
    ]
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        left, removed = concluded(comparisons(*[rows[n] for n in order]))
        (only,) = left.to_pylist()
        assert only["split"] == "test"
        assert only["continuations"][0][0]["text"] == "two reply"
        assert (only["outcome"], only["votes"]) == ("second", [0, 3, 0])
        assert len(only["parents"]) == 3
        assert len(removed) == 2


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", [Kind.COMPARISONS, Kind.SAFETY_LABELS])
def test_a_worker_who_is_always_wrong_is_weighed_or_outvoted(method, kind):
    """Three who are right, one who never is, and items that only one of the first and the last judged."""
    truth = {item: item % 2 == 0 for item in range(24)}
    said = [(item, worker, truth[item]) for item, worker in product(range(20), "abc")]
    said += [(item, "wrong", not truth[item]) for item in range(20)]
    doubtful = [
        (item, worker, truth[item] == (worker == "a")) for item, worker in product(range(20, 24), ("a", "wrong"))
    ]
    if kind is Kind.COMPARISONS:
        given = [(i, w, "first" if good else "second") for i, w, good in said + doubtful]
        table = pairs_of(given, lambda n: n % 3 == 0)
        found = {row["row"]: good_wins(row) == "first" for row in concluded(table, method)[0].to_pylist()}
    else:
        table = labels(*[(f"q {i}", f"reply {i}", good, {"worker": w}) for i, w, good in said + doubtful])
        found = {row["row"]: row["is_safe"] for row in concluded(table, method)[0].to_pylist()}
    items = [item for item, _, _ in said + doubtful]
    by_item = {items[row]: verdict for row, verdict in found.items()}
    if method == "majority":
        # As many for as against: neither side of a pair, and unsafe.
        assert by_item == {item: item < 20 and truth[item] for item in truth}
    else:
        assert by_item == truth


def test_labels_ties_and_categories_by_hand():
    hate, theft, drugs = "hate_speech,offensive_language", "financial_crime,property_crime,theft", "drug_abuse"
    judged = [
        *[("tie", True, []), ("tie", False, [hate])],
        *[("most", False, [hate, theft]), ("most", False, [hate]), ("most", True, []), ("most", False, [drugs])],
        *[("fine", True, []), ("fine", True, []), ("fine", False, [drugs])],
        *[("scattered", False, [hate]), ("scattered", False, [theft]), ("scattered", False, [drugs])],
        *[("unsaid", False, None), ("unsaid", True, [])],
        *[("nowhere", False, None), ("nowhere", False, None)],
        *[("none", False, []), ("none", False, [])],
        *[("unknown", True, None), ("unknown", True, None)],
        ("once", False, [theft]),
        ("blank", None, None),
    ]
    table = labels(
        *[
            (f"q {item}", "reply", safe, {"categories": named, "worker": f"w{n}", "severity": 2, "confidence": 1})
            for n, (item, safe, named) in enumerate(judged)
        ]
    )
    left = {judged[row["row"]][0]: row for row in concluded(table)[0].to_pylist()}
    assert {item: (row["is_safe"], row["categories"]) for item, row in left.items()} == {
        "tie": (False, [hate]),
        "most": (False, [hate]),
        "fine": (True, []),
        "scattered": (False, sorted([hate, theft, drugs])),
        "unsaid": (False, None),  # who called it unsafe did not say what for: unknown, not none
        "nowhere": (False, None),
        "none": (False, []),
        "unknown": (True, None),
        "once": (False, [theft]),
        "blank": (None, None),
    }
    assert told(left["most"])["votes"] == [1, 3]
    assert told(left["most"])["soft_label"] == 0.75
    assert told(left["most"])["disagreement"] == pytest.approx(1 - 1 / 16 - 9 / 16)
    assert {each["category"]: each["votes"] for each in told(left["most"])["category_votes"]} == {
        hate: 2,
        theft: 1,
        drugs: 1,
    }
    assert left["most"]["severity"] is None
    assert left["most"]["confidence"] is None
    assert left["once"]["severity"] == 2
    unknown = {judged[row["row"]][0]: row for row in concluded(table, ties="unknown")[0].to_pylist()}
    assert (unknown["tie"]["is_safe"], unknown["tie"]["categories"]) == (None, None)
    assert unknown["most"] == left["most"]


@pytest.mark.parametrize("method", METHODS[1:])
def test_fits_need_to_know_who_judged(method):
    table = pairs_of([("a", "x", "first"), ("a", None, "first")])
    with pytest.raises(NoDataError, match="PL-CUR-001"):
        concluded(table, method)
    assert concluded(table)[0].num_rows == 1
    once = pairs_of([("a", None, "first"), ("b", None, "first")])
    assert concluded(once, method)[0].equals(once), "where nothing was judged twice there is nothing to weigh"


@pytest.mark.parametrize("method", METHODS)
def test_families_apart_and_the_order_of_rows_decides_nothing_but_who_stays(method):
    judged = [
        (item, worker, "first" if (item + len(worker)) % 3 else "second") for item in range(6) for worker in ("x", "yy")
    ]
    table = pairs_of(judged)
    other = pairs_of(judged, axis="harmlessness")
    assert not set(table["item_id"].to_pylist()) & set(other["item_id"].to_pylist())
    plain = {row["item_id"]: good_wins(row) for row in concluded(table, method)[0].to_pylist()}
    reverse = concluded(table.take(list(range(len(table) - 1, -1, -1))), method)[0].to_pylist()
    assert {row["item_id"]: good_wins(row) for row in reverse} == plain
    # One question and answer, labelled by two taxonomies: no second judgement.
    both = [
        labels(("q", "r", safe, {"worker": "x"}), taxonomy=name)
        for safe, name in ((True, "beavertails-14"), (False, "pku-19"))
    ]
    assert concluded(pa.concat_tables(both).unify_dictionaries().combine_chunks(), method)[0].num_rows == 2


@pytest.mark.parametrize("method", METHODS)
def test_judgements_of_sides_that_are_the_same_stay_as_they_are(method):
    """Masked, two replies may have become one text: which of them was called the better can no longer be told."""
    rows = [("q", "same", "same", outcome, {"worker": worker}) for outcome, worker in (("first", "x"), ("second", "y"))]
    table = comparisons(*rows, ("q", "good", "bad", "first", {"worker": "x"}))
    assert concluded(table, method)[0].to_pylist() == table.to_pylist()


def test_what_was_said_of_a_side_stays_where_all_who_said_it_agree():
    drugs = "drug_abuse"

    def judged(item, worker, turned, safe, named, severity):
        sides, told = ["x", "y"], [safe, named, severity]
        values = [value[::-1] if turned and value else value for value in told]
        columns = dict(zip(("is_safe", "categories", "severity"), values, strict=True))
        return (
            item,
            *(sides[::-1] if turned else sides),
            "second" if turned else "first",
            {"worker": worker, **columns},
        )

    table = comparisons(
        judged("agree", "v", False, [True, False], [[], [drugs, "a"]], [0, 3]),
        judged("agree", "w", True, [True, False], [[], ["a", drugs]], [0, 3]),
        judged("agree", "x", True, None, None, None),
        judged("differ", "v", False, [True, False], [[], [drugs]], [0, 3]),
        judged("differ", "w", True, [False, True], [[], [drugs]], [0, 3]),
        judged("graver", "v", False, [True, False], None, [0, 3]),
        judged("graver", "w", False, [True, False], None, [0, 2]),
    )
    agree, differ, graver = concluded(table)[0].to_pylist()
    assert (agree["is_safe"], agree["categories"], agree["severity"]) == ([True, False], [[], [drugs, "a"]], [0, 3])
    for row in (differ, graver):
        assert (row["is_safe"], row["categories"], row["severity"]) == (None, None, None)
        assert row["outcome"] == "first"


def reasons(table, method):
    rows = pl.DataFrame(pl.from_arrow(identity_of(kind_of(table), placed(table))))
    changed = judge(rows, Aggregate(method=method)).filter(~pl.col("removed")).sort("position")
    return [reason.removeprefix(STANDS_FOR).removeprefix(", ") for reason in changed["reason"]]


@pytest.mark.parametrize("method", METHODS)
def test_what_half_of_the_judges_call_a_tie_is_one(method):
    agreed = [(item, worker, "first") for item in range(12) for worker in "xyz"]
    said = {"all": "ttt", "most": "tft", "half": "tf", "less": "tff"}
    words = {"t": "tie", "f": "first"}
    doubtful = [(item, w, words[how]) for item, votes in said.items() for w, how in zip("xyz", votes, strict=False)]
    found = [good_wins(row) for row in concluded(pairs_of([*agreed, *doubtful]), method)[0].to_pylist()]
    assert found == ["first"] * 12 + ["tie", "tie", "tie", "first"]
    # The same replies stand in other pairs, where one of them always wins: a fit of scores would let it win here.
    shared = [("q", "good", f"bad {n}", "first", {"worker": w}) for n in range(6) for w in "xyz"]
    tied = [("q", "good", "bad", "tie", {"worker": w}) for w in "xyz"]
    left = concluded(comparisons(*shared, *tied), method)[0].to_pylist()
    assert [(row["outcome"], row["votes"]) for row in left[6:]] == [("tie", [0, 0, 3])]


@pytest.mark.parametrize("kind", [Kind.COMPARISONS, Kind.SAFETY_LABELS])
def test_labels_that_most_would_have_given_otherwise_are_counted(kind):
    """Two who always err against one who never does, as 30 others know."""
    truth = {item: item % 2 == 0 for item in range(31)}
    said = [(item, f"w{n}", truth[item]) for item in range(30) for n in range(5)]
    said += [(item, f"wrong{n}", not truth[item]) for item in range(30) for n in range(2)]
    said += [(30, "w0", True), (30, "wrong0", False), (30, "wrong1", False), (31, "w0", True), (31, "wrong0", False)]
    if kind is Kind.COMPARISONS:
        table = pairs_of([(item, worker, "first" if good else "second") for item, worker, good in said])
    else:
        table = labels(*[(f"q {item}", "r", good, {"worker": worker}) for item, worker, good in said])
    assert reasons(table, "majority") == [""] * 32
    assert reasons(table, "dawid-skene") == [""] * 30 + [OUTVOTED, EVEN]


@pytest.mark.parametrize("method", METHODS)
def test_which_text_comes_first_in_the_alphabet_leans_no_item(method):
    agreed = [(item, worker, "first") for item in range(12) for worker in ("x", "y")]
    left = concluded(pairs_of([*agreed, ("even", "x", "first"), ("even", "y", "second")]), method)[0].to_pylist()
    assert [good_wins(row) for row in left] == ["first"] * 12 + ["tie"]
    assert told(left[-1])["soft_label"] == pytest.approx(0.5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["pairs", "labels"])
def test_no_fit_turns_round_what_all_said(method, kind):
    """Two workers err wherever somebody else judged as well; of one item they alone judge, and agree."""
    others = [(item, worker, worker not in "DE") for item in range(40) for worker in "ABCDE"]
    said = [*others, (99, "D", True), (99, "E", True)]
    if kind == "pairs":
        left, _ = concluded(
            pairs_of([(item, worker, "first" if yes else "second") for item, worker, yes in said]), method
        )
        (alone,) = [row for row in left.to_pylist() if row["context"][0]["text"] == "question 99"]
        share = told(alone)["soft_label"]
        assert (good_wins(alone), share if alone["continuations"][0][0]["text"].startswith("good") else 1 - share) == (
            "first",
            1.0,
        )
    else:
        rows = [(f"question {item}", f"reply {item}", yes, {"worker": worker}) for item, worker, yes in said]
        left, _ = concluded(labels(*rows), method)
        (alone,) = [row for row in left.to_pylist() if row["conversation"][0]["text"] == "question 99"]
        assert (alone["is_safe"], told(alone)["soft_label"]) == (True, 0.0)
