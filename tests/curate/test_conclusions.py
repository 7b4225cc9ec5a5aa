"""Conclusions: what stands for several judgements is never taken for one of them, and counts for all of them."""

import json
from itertools import permutations

import polars as pl
import pyarrow as pa
import pytest

from plumbline.curate.accounting import total
from plumbline.curate.changes import changes_of
from plumbline.curate.check import check_tables
from plumbline.curate.conclusions import with_votes
from plumbline.curate.traits.identity import identity_of
from plumbline.curate.writing import records_left
from plumbline.records import Kind, NoDataError
from plumbline.records.conclusions import conclusions_of
from tests.curate.made_up import attempts, comparisons, curated, kind_of, labels, ledger, placed, prompts, recipe_of

HATE, THEFT, DRUGS = "hate_speech,offensive_language", "financial_crime,property_crime,theft", "drug_abuse"
FLIPPED = {"first": "second", "second": "first", "tie": "tie"}


def left(folder, *tables, rules):
    """The records that the rules leave, of one kind, as one table."""
    result = curated(folder, recipe_of(*rules), *tables)
    parts = [records_left(result.rows.read(n), result.fates.read(n)) for n in range(len(result.rows.parts))]
    return pa.concat_tables(parts).unify_dictionaries().combine_chunks()


def pair(outcome, votes=None, *, turned=False, **columns):
    """A judgement of one pair, or with votes a conclusion; turned: shown the other way round."""
    sides, told = ("x", "y"), {"votes": votes, **columns}
    if turned:
        sides, outcome = sides[::-1], FLIPPED[outcome]
        told["votes"] = votes and [votes[1], votes[0], votes[2]]
    return ("q", *sides, outcome, told)


def label(safe, votes=None, **columns):
    """A judgement of one reply, or with votes a conclusion."""
    noted = {name: columns.pop(name) for name in ("category_votes", "category_judges") if name in columns}
    extra = None if votes is None else json.dumps({"aggregated": {"votes": votes, **noted}})
    return ("q", "r", safe, {"extra": extra, **columns})


def noted(record):
    return json.loads(record["extra"])["aggregated"]


@pytest.mark.parametrize(
    "judged",
    [
        comparisons(pair("first"), pair("first"), pair("second")),
        labels(label(False), label(False), label(True)),
    ],
    ids=kind_of,
)
def test_no_rule_takes_a_conclusion_for_a_judgement_of_the_same_id(judged, tmp_path):
    made = left(tmp_path / "made", judged, rules=["aggregate"])
    assert made["id"].to_pylist() == judged["id"].to_pylist()[:1], "ids say nothing of votes"
    for number, both in enumerate(permutations([judged.slice(0, 1), made])):
        kept = left(tmp_path / str(number), *both, rules=["exact-duplicates"])
        assert sorted(kept["parents"].to_pylist()) == sorted([*made["parents"].to_pylist(), []])
    copied = left(tmp_path / "copied", made, made, rules=["exact-duplicates"])
    assert copied.to_pylist() == made.to_pylist()
    table = pa.concat_tables([judged.slice(0, 1), made]).unify_dictionaries().combine_chunks()
    assert len(check_tables({kind_of(judged): table})) == 0
    table = pa.concat_tables([made, made]).unify_dictionaries().combine_chunks()
    assert check_tables({kind_of(judged): table})["code"].to_pylist() == ["PL-CHK-007"]


@pytest.mark.parametrize(
    ("order", "turned", "rules"),
    [
        *(([0, 1, 2], turned, ["aggregate", "exact-duplicates"]) for turned in (False, True)),
        *((order, turned, ["aggregate"]) for order in ([1, 2, 0], [2, 0, 1]) for turned in (False, True)),
    ],
)
def test_votes_of_a_pair_count_as_what_they_are_whichever_side_stood_first(order, turned, rules, tmp_path):
    rows = [
        pair("first", [9, 1, 2], parents=list("abcdefghijkl"), turned=turned),
        pair("second"),
        pair("second", [1, 3, 0], parents=list("mnop")),
    ]
    table = comparisons(*[rows[number] for number in order])
    (only,) = left(tmp_path, table, rules=rules).to_pylist()
    is_turned = only["continuations"][0][0]["text"] == "y"
    assert (only["outcome"], only["votes"]) == (("second", [5, 10, 2]) if is_turned else ("first", [10, 5, 2]))
    assert noted(only)["soft_label"] == pytest.approx(6 / 17 if is_turned else 11 / 17)
    assert sorted(only["parents"]) == sorted([*table["id"].to_pylist(), *"abcdefghijklmnop"]), "all, and each once"


def test_votes_of_a_label_count_as_what_they_are(tmp_path):
    table = labels(label(True, [9, 1]), label(False), label(False), label(None, [2, 2]))
    (only,) = left(tmp_path, table, rules=["aggregate"]).to_pylist()
    assert (only["is_safe"], noted(only)["votes"], noted(only)["soft_label"]) == (True, [11, 5], 5 / 16)


def test_a_lone_conclusion_stays_as_it_is_by_every_method(tmp_path):
    """A tie of votes that is called unknown has no verdict, and is no judgement that might be left out either."""
    other = [("other", "r", safe, {"worker": worker}) for safe, worker in ((True, "x"), (False, "y"), (True, "z"))]
    for method in ("majority", "dawid-skene", "bradley-terry"):
        for lone in (label(True, [9, 1]), label(None, [2, 2])):
            table = labels(lone, *other)
            kept = left(tmp_path / f"{method} {lone[2]}", table, rules=[f'aggregate\nmethod = "{method}"'])
            assert kept.slice(0, 1).to_pylist() == table.slice(0, 1).to_pylist()
            assert len(kept) == 2


@pytest.mark.parametrize("method", ["dawid-skene", "bradley-terry"])
@pytest.mark.parametrize("table", [comparisons, labels])
def test_fits_refuse_what_does_not_say_who_judged_which_way(table, method, tmp_path):
    rows = [pair("first", [9, 1, 0]), pair("first", worker="x"), pair("first", worker="y")]
    if table is labels:
        rows = [label(True, [9, 1]), label(True, worker="x"), label(True, worker="y")]
    with pytest.raises(NoDataError, match="PL-CUR-005"):
        left(tmp_path, table(*rows), rules=[f'aggregate\nmethod = "{method}"'])


def test_merged_in_two_steps_or_in_one_categories_are_the_same(tmp_path):
    said = [
        label(False, categories=[HATE, THEFT]),
        label(False, categories=[HATE]),
        label(True, categories=[]),
        label(False, categories=None),
        label(False, categories=[DRUGS]),
        label(False, categories=[DRUGS, THEFT]),
        label(False, categories=[]),
    ]
    (at_once,) = left(tmp_path / "once", labels(*said), rules=["aggregate"]).to_pylist()
    assert (at_once["is_safe"], at_once["categories"]) == (False, sorted([DRUGS, HATE, THEFT]))
    for first in (2, 4, len(said) - 1):
        some = left(tmp_path / f"some {first}", labels(*said[:first]), rules=["aggregate"])
        (later,) = left(tmp_path / f"all {first}", some, labels(*said[first:]), rules=["aggregate"]).to_pylist()
        for name in ("is_safe", "categories"):
            assert later[name] == at_once[name]
        assert noted(later) == noted(at_once)


def test_categories_of_conclusions_that_do_not_say_how_many_named_any(tmp_path):
    """All who called it unsafe count then: 1 of 4 named theft, 3 of 5 hate."""
    votes = [{"category": HATE, "votes": 2}, {"category": THEFT, "votes": 1}]
    made = label(False, [0, 4], categories=[HATE], category_votes=votes)
    (only,) = left(tmp_path, labels(made, label(False, categories=[HATE])), rules=["aggregate"]).to_pylist()
    assert only["categories"] == [HATE]
    assert noted(only)["category_judges"] == 5


@pytest.mark.parametrize(("action", "kept"), [("remove", []), ("majority", [[9, 1, 0]])])
def test_conflicts_are_settled_by_votes(action, kept, tmp_path):
    table = comparisons(
        pair("first", [9, 1, 0]), pair("second"), pair("first", turned=True, votes=[1, 1, 5]), pair("tie")
    )
    rules = [f'conflicts\naction = "{action}"']
    found = left(tmp_path, table.slice(0, 2), rules=rules)
    assert found["votes"].to_pylist() == kept
    even = comparisons(pair("first", [3, 1, 0]), pair("second", turned=True), pair("second"))
    assert len(left(tmp_path / "even", even, rules=rules)) == 0, "three each way"


def test_every_vote_is_accounted_for(tmp_path):
    """Judgements in are judgements out: of two conclusions, four judgements beside them, and one by itself."""
    table = comparisons(
        pair("first", [9, 1, 2], parents=["a"]),
        pair("second"),
        pair("second", turned=True),
        ("else", "x", "y", "tie", {"votes": [0, 0, 4]}),
        ("else", "x", "y", "first"),
        ("else", "x", "y", "first"),
        ("once", "x", "y", "first"),
        ("nobody", "x", "y", None),
    )
    result = curated(tmp_path, recipe_of("aggregate"), table)
    rows, fates = result.rows.read(0), result.fates.read(0)
    written = records_left(rows, fates)
    told = changes_of(rows, fates, written, ["aggregate"]).to_pylist()
    assert [row["judgements"] for row in told] == [14, 6]
    assert [sum(votes) for votes in written["votes"].drop_null().to_pylist()] == [14, 6]
    (step,) = result.waterfall.steps
    assert (total(step.removed), total(step.changed)) == (len(ledger(result)), 2) == (4, 2)
    assert total(result.waterfall.read) - total(step.removed) == total(result.waterfall.left) == len(written) == 4
    assert sum(step.reasons.values()) == 6
    named = [parent for row in written.to_pylist() for parent in row["parents"]]
    assert sorted(named) == sorted([*table["id"].to_pylist()[:6], "a"])
    (census,) = result.census
    assert (census["records"], census["records_distinct"], census["items"]) == (8, 7, 4)


def test_what_is_no_vote_is_none():
    pairs = comparisons(pair("first", [0, 0, 0]), pair("first", None), pair("first", [1, 0, 0]))
    assert [told is None for told in conclusions_of(Kind.COMPARISONS, pairs).to_pylist()] == [True, True, False]
    odd = [
        "{",
        "[]",
        '{"aggregated": 1}',
        *(json.dumps({"aggregated": {"votes": v}}) for v in (3, [1], [True, 1], [-1, 2])),
    ]
    table = labels(*[("q", "r", True, {"extra": extra}) for extra in odd])
    assert conclusions_of(Kind.SAFETY_LABELS, table).null_count == len(odd)
    assert conclusions_of(Kind.PROMPTS, prompts(("q",))).to_pylist() == [None]
    noted_oddly = {"votes": [0, 2], "category_votes": [1, {"category": 1, "votes": 1}], "category_judges": "x"}
    table = labels(("q", "r", False, {"extra": json.dumps({"aggregated": noted_oddly})}))
    (told,) = conclusions_of(Kind.SAFETY_LABELS, table).to_pylist()
    assert json.loads(told) == {"votes": [0, 2], "category_votes": [], "category_judges": 0, "parents": []}


def test_votes_are_turned_as_the_sides_are():
    table = comparisons(pair("first", [3, 2, 1]), pair("first", [3, 2, 1], turned=True), pair("second"), pair("tie"))
    rows = with_votes(pl.DataFrame(pl.from_arrow(identity_of(Kind.COMPARISONS, placed(table)))))
    assert rows.select("lesser", "greater", "tie", "safe", "unsafe").rows() == [
        *[(3, 2, 1, 0, 0)] * 2,
        (0, 1, 0, 0, 0),
        (0, 0, 1, 0, 0),
    ]


def test_what_others_said_of_a_record_tells_it_from_others_of_its_id(tmp_path):
    review = {"reviewer": "w1", "rating": 3.0, "tags": ["a"]}
    other = {**review, "reviewer": "w2"}
    tried = attempts(*[("q", "r", {"reviews": each}) for each in ([], [review], [review, other], [other, review], [])])
    asked = prompts(
        ("q",), ("q", {"categories": [HATE]}), ("q", {"categories": [HATE, THEFT]}), ("q", {"categories": []})
    )
    for table, distinct in ((tried, [0, 1, 2]), (asked, [0, 1, 2, 3])):
        kept = left(tmp_path / kind_of(table), table, rules=["exact-duplicates"])
        assert kept["row"].to_pylist() == distinct
        found = check_tables({kind_of(table): table})
        assert found["row"].to_pylist() == sorted(set(range(len(table))) - set(distinct))


@pytest.mark.parametrize("rule", ["aggregate", 'conflicts\naction = "majority"'])
def test_no_judgement_counts_in_two_records_of_an_item(rule, tmp_path):
    """June's two for the one side, July's the same two and three for the other: five people, not seven."""
    june = [pair("first", worker=worker) for worker in "ab"]
    july = [*june, *(pair("second", turned=True, worker=worker) for worker in "cde")]
    made = [
        left(tmp_path / name, comparisons(*said), rules=["aggregate"])
        for name, said in (("june", june), ("july", july))
    ]
    for number, tables in enumerate((made, [made[0], comparisons(july[0], july[-1])])):
        with pytest.raises(NoDataError, match="PL-CUR-007") as refused:
            left(tmp_path / f"both {number}", *tables, rules=[rule])
        assert "1 items" in str(refused.value) or "1 item" in str(refused.value)
    apart = left(tmp_path / "apart", made[0], comparisons(*july[2:]), rules=["aggregate"])
    assert (apart["outcome"].to_pylist(), apart["votes"].to_pylist()) == (["second"], [[2, 3, 0]])


@pytest.mark.parametrize("method", ["majority", "dawid-skene", "bradley-terry"])
def test_what_a_worker_says_again_is_no_second_vote(method, tmp_path):
    rows = [pair("first", worker="a"), pair("first", worker="a", turned=True), pair("second", worker="b")]
    (only,) = left(tmp_path / "again", comparisons(*rows), rules=[f'aggregate\nmethod = "{method}"']).to_pylist()
    assert (only["votes"], len(only["parents"])) == ([1, 1, 0], 3)
    anonymous = [pair("first"), pair("first", turned=True), pair("second")]
    (only,) = left(tmp_path / "nobody", comparisons(*anonymous), rules=["aggregate"]).to_pylist()
    assert only["votes"] == [2, 1, 0]
    said = [label(False, worker="a", categories=[HATE]), label(False, worker="a", categories=[THEFT], severity=2)]
    named = labels(*said, label(True, worker="b", categories=[]), label(False, worker="c", categories=[THEFT]))
    (only,) = left(tmp_path / "label", named, rules=["aggregate"]).to_pylist()
    assert (noted(only)["votes"], noted(only)["category_judges"]) == ([1, 2], 2)
    assert {each["category"]: each["votes"] for each in noted(only)["category_votes"]} == {HATE: 1, THEFT: 2}
    kept = left(tmp_path / "settled", comparisons(*rows), rules=['conflicts\naction = "majority"'])
    assert len(kept) == 0, "one each way"


@pytest.mark.parametrize(
    "order",
    [
        *((0, 1, 2), (1, 2, 0), (2, 0, 1)),  # each of them is the last once
        *(pytest.param(order, marks=pytest.mark.thorough) for order in ((1, 0, 2), (2, 1, 0), (0, 2, 1))),
    ],
)
def test_merged_in_two_steps_or_in_one_nobody_speaks_for_all_of_the_sides(order, tmp_path):
    """Two say one thing of the sides, one another; whoever of them is merged first, nothing is left of it."""
    said = [
        pair("first", worker=w, is_safe=safe)
        for w, safe in zip("abc", ([True, False], [False, False], [True, False]), strict=True)
    ]
    first, second, third = (comparisons(said[place]) for place in order)
    some = left(tmp_path / "some", first, second, rules=["aggregate"])
    for number, both in enumerate(((some, third), (third, some))):
        (only,) = left(tmp_path / str(number), *both, rules=["aggregate"]).to_pylist()
        assert (only["is_safe"], noted(only)["sides_agree"]) == (None, False)
    silent = pair("first", worker="d", turned=True)
    for number, both in enumerate(permutations([comparisons(silent), comparisons(said[0])])):
        (only,) = left(tmp_path / f"silent {number}", *both, rules=["aggregate"]).to_pylist()
        is_turned = only["continuations"][0][0]["text"] == "y"
        assert only["is_safe"] == ([False, True] if is_turned else [True, False])


def test_nobody_who_spoke_of_categories_is_zero_not_unknown(tmp_path):
    early = [label(True, categories=[]), label(True), label(True), label(False), label(False)]
    late = [label(False, categories=[HATE, THEFT]), label(False, categories=[THEFT])]
    (at_once,) = left(tmp_path / "once", labels(*early, *late), rules=["aggregate"]).to_pylist()
    some = left(tmp_path / "some", labels(*early), rules=["aggregate"])
    (later,) = left(tmp_path / "all", some, labels(*late), rules=["aggregate"]).to_pylist()
    assert later["categories"] == at_once["categories"] == sorted([HATE, THEFT])
    assert noted(later) == noted(at_once)


def test_what_the_id_does_not_hold_is_not_lost_with_a_duplicate(tmp_path):
    pairs = comparisons(pair("first", is_safe=[True, False]), pair("first", is_safe=[False, True]), pair("first"))
    tried = attempts(
        *[("q", "r", told) for told in ({"outcome": "success"}, {"outcome": "failure"}, {"tags": ["a"]}, {})]
    )
    for table in (pairs, tried):
        kept = left(tmp_path / kind_of(table), table, table, rules=["exact-duplicates"])
        assert kept["row"].to_pylist() == table["row"].to_pylist()


def test_parents_of_all_who_were_merged_are_named(tmp_path):
    table = comparisons(*[pair("first", worker=worker, parents=[worker * 3]) for worker in "abc"])
    (only,) = left(tmp_path, table, rules=["aggregate"]).to_pylist()
    assert sorted(only["parents"]) == sorted([*table["id"].to_pylist(), "aaa", "bbb", "ccc"])


def test_what_stands_beside_a_label_is_kept_and_the_model_that_ran_is_named(tmp_path):
    rows = [label(True, worker="a", extra="just words"), label(True, worker="b"), label(False, worker="c")]
    (only,) = left(tmp_path, labels(*rows), rules=['aggregate\nmethod = "bradley-terry"']).to_pylist()
    assert json.loads(only["extra"])["extra"] == "just words"
    assert noted(only)["method"] == "dawid-skene"


def test_more_votes_than_can_be_added_up_are_none():
    pairs = comparisons(pair("first", [1_000_001, 0, 0]), pair("first", [1_000_000, 0, 0]))
    assert [told is None for told in conclusions_of(Kind.COMPARISONS, pairs).to_pylist()] == [True, False]
