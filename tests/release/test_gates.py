"""Each gate on what it looks at: passes on good, names the fault on bad, quotes nothing."""

import polars as pl
import pyarrow as pa
import pytest

from plumbline.lineage import Terms, Use
from plumbline.records import Kind
from plumbline.release import Status
from plumbline.release.gates import (
    NEAR_NOT_LOOKED_FOR,
    SHARED_ELSEWHERE,
    accepted,
    digests_gate,
    leakage_gate,
    licence_gate,
    personal_data_gate,
    uses_gate,
    workers_gate,
)
from plumbline.release.notes import CurationNotes
from plumbline.release.observed import Observer, shape_of_worker
from tests.release.folders import loaded_lines, summary_of


def nothing(texts):
    return pl.DataFrame({"text": [], "kind": []})


def observed(table, kind=Kind.COMPARISONS, find=nothing):
    """What an observer saw of a table, in batches of three rows."""
    observer = Observer(find)
    for start in range(0, len(table), 3):
        observer.look(kind, table.slice(start, 3))
    return observer


@pytest.fixture
def loaded(tmp_path):
    return loaded_lines(tmp_path)


def with_column(table, name, values):
    index = table.schema.get_field_index(name)
    return table.set_column(index, table.schema.field(index), pa.array(values, table.schema.field(index).type))


def test_personal_data_is_counted_by_kind_and_named_by_record(loaded):
    def find(texts):
        rows = [(at, "email") for at, text in enumerate(texts) if text in ("Question 3?", "Question 14?")]
        return pl.DataFrame(rows, schema={"text": pl.UInt32, "kind": pl.String}, orient="row")

    found = observed(loaded.comparisons, find=find).personal_data()
    gate = personal_data_gate(found)
    ids = loaded.comparisons.filter(pa.compute.is_in(loaded.comparisons["row"], pa.array([0, 3])))["id"].to_pylist()
    assert (gate.status, gate.counts, found.records) == (Status.FAILED, {"email": 2}, 2)
    assert set(gate.examples) <= set(ids)
    assert found.texts >= 3 * len(loaded.comparisons)
    assert "Question" not in str(gate)
    assert personal_data_gate(observed(loaded.comparisons).personal_data()).status is Status.PASSED


def test_leakage_is_looked_for_over_all_kinds_of_record(loaded):
    assert leakage_gate(observed(loaded.comparisons).leakage(), None).status is Status.PASSED
    observer = observed(loaded.comparisons)
    other = with_column(loaded.comparisons.slice(0, 2), "split", ["train", "held"])
    observer.look(Kind.COMPARISONS, other)
    first = loaded.comparisons["split"][0].as_py()
    gate = leakage_gate(observer.leakage(), None)
    assert gate.status is Status.FAILED
    assert gate.counts == {f"{first} and train": 1, f"held and {first}": 1}


def test_what_is_shared_by_splits_that_are_not_for_training_is_told_and_stops_nothing(loaded):
    halves = with_column(loaded.comparisons, "split", ["held" if n % 2 else "test" for n in range(14)])
    twice = with_column(loaded.comparisons, "split", ["test" if n % 2 else "held" for n in range(14)])
    observer = observed(halves)
    observer.look(Kind.COMPARISONS, twice.slice(0, 4))
    gate = leakage_gate(observer.leakage(), None)
    assert (gate.status, gate.counts) == (Status.PASSED, {"held and test": 4})
    assert gate.said.endswith(f"{SHARED_ELSEWHERE}: 4 prompts in held and test")
    observer.look(Kind.COMPARISONS, with_column(loaded.comparisons.slice(5, 1), "split", ["train"]))
    gate = leakage_gate(observer.leakage(), None)
    assert gate.status is Status.FAILED
    assert f"1 prompt in held and train; {SHARED_ELSEWHERE}: 4 prompts in held and test" in gate.said


@pytest.mark.parametrize(
    ("first", "second", "leaks"),
    [
        ("30k_train", "30k_test", True),
        ("train-sft", "held", True),
        ("30k_train", "330k_train", False),
        ("test", "validation", False),
    ],
)
def test_what_leaks_hangs_on_which_splits_are_for_training(loaded, first, second, leaks):
    twice = pa.concat_tables(with_column(loaded.comparisons, "split", [name] * 14) for name in (first, second))
    gate = leakage_gate(observed(twice.unify_dictionaries()).leakage(), None)
    assert gate.stops is leaks
    assert "14 prompts in" in gate.said


@pytest.mark.parametrize(("threshold", "looked"), [(0.7, True), (1, False), (None, False)])
def test_near_duplicates_were_looked_for_where_a_rule_had_a_threshold_below_one(loaded, threshold, looked):
    summary = summary_of(loaded)
    rule = summary["steps"][1] | {"rule": "leakage", "settings": {"threshold": threshold}}
    notes = CurationNotes.model_validate(summary | {"steps": [rule]})
    said = leakage_gate(observed(loaded.comparisons).leakage(), notes).said
    assert (NEAR_NOT_LOOKED_FOR in said) is not looked


@pytest.mark.parametrize(
    ("rules", "looked"),
    [
        ([("leakage", 0.7, 0), ("splits", 1, 9)], False),  # dealt out by words alone, after a rule that saw no split
        ([("leakage", 0.7, 0), ("splits", 1, 0)], True),
        ([("leakage", 0.7, 0), ("splits", 0.7, 9)], True),
        ([("splits", 1, 9), ("leakage", 0.7, 0)], True),
        ([("splits", 0.7, 9)], False),
    ],
)
def test_near_duplicates_that_a_later_rule_dealt_out_were_not_taken_away(loaded, rules, looked):
    summary = summary_of(loaded)
    steps = [
        summary["steps"][1]
        | {"rule": rule, "settings": {"threshold": threshold}, "changed": {"comparisons": {"train": changed}}}
        for rule, threshold, changed in rules
    ]
    notes = CurationNotes.model_validate(summary | {"steps": steps})
    said = leakage_gate(observed(loaded.comparisons).leakage(), notes).said
    assert (NEAR_NOT_LOOKED_FOR in said) is not looked


def test_rows_in_which_no_human_speaks_leak_by_record_alone(loaded):
    from plumbline.records.identity import group_id

    table = with_column(loaded.comparisons, "group_id", [group_id(())] * len(loaded.comparisons))
    assert not observed(table).leakage().prompts
    twice = with_column(table, "id", ["f" * 32] * len(table))
    assert observed(twice).leakage().records == {("test", "train"): 1}


@pytest.mark.parametrize(
    "name",
    ["a7bxk29mpd", "12", "annotator1", "Worker-0042", "w3", "0" * 32, "a" * 64, "1b4e28ba-2fa1-41d2-883f-0016d3cca427"],
)
def test_pseudonyms(name):
    assert shape_of_worker(name) is None


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("ada@example.org", "e-mail address"),
        ("5f9a1b2c3d4e5f6a7b8c9d0e", "Prolific id"),
        ("A1B2C3D4E5F6G7", "Mechanical Turk id"),
        ("+44 20 7946 0958", "telephone number"),
        ("Ada Lovelace", "other words, such as a name"),
        ("ada", "other words, such as a name"),
        ("worker-ada", "other words, such as a name"),
        ("a7bxk29mpd\n", "other words, such as a name"),
        ("", "other words, such as a name"),
    ],
)
def test_names_that_may_lead_to_somebody(name, shape):
    assert shape_of_worker(name) == shape


def test_workers_are_counted_once_and_never_quoted(loaded):
    count = len(loaded.comparisons)
    gate = workers_gate(observed(with_column(loaded.comparisons, "worker", ["Ada Lovelace"] * count)).workers())
    assert gate.status is Status.FAILED
    assert gate.counts == {"other words, such as a name": 1}
    assert "where it first stands: 1 in comparisons, column worker" in gate.said
    assert "look it up in that column, in the records named by their id" in gate.advice
    assert gate.examples == (loaded.comparisons["id"][0].as_py(),)
    assert "Ada" not in str(gate)
    assert workers_gate(observed(loaded.comparisons).workers()).status is Status.PASSED


@pytest.mark.parametrize(
    ("uses", "licence", "failing"),
    [
        ({"analysis"}, "CC-BY-NC-4.0", []),
        ({"analysis", "supervised"}, "CC-BY-NC-4.0", ["uses"]),
        (set(), "CC-BY-NC-4.0", ["uses"]),
        ({"analysis"}, "MIT", ["licence"]),
        ({"analysis"}, "unknown", ["licence"]),
        ({"analysis"}, "CC-BY-NC-4.0 AND unknown", ["licence"]),
    ],
)
def test_terms_are_no_looser_than_any_parents(uses, licence, failing):
    parents = [Terms(frozenset({Use.ANALYSIS, Use.POLICY}), "CC-BY-NC-4.0"), Terms(frozenset(Use), "MIT")]
    terms = Terms(frozenset(map(Use, uses)), licence)
    gates = [uses_gate(terms, parents), licence_gate(terms, parents)]
    assert [gate.name for gate in gates if gate.stops] == failing


def test_a_parent_that_permits_nothing_or_tells_nothing_leaves_nothing_to_permit():
    terms = Terms(frozenset({Use.ANALYSIS}), "MIT")
    for parent in (Terms(frozenset(), "MIT"), Terms(frozenset(), "unknown")):
        gate = uses_gate(terms, [parent])
        assert gate.stops
        assert "permits no use" in gate.advice
    assert "tells no licence" in licence_gate(terms, [Terms(frozenset(Use), "unknown")]).advice


@pytest.mark.parametrize(
    ("licence", "stated", "told"),
    [
        ("MIT", "MIT", "no parent vouches for it"),
        ("CC-BY-NC-4.0 AND CC-BY-SA-4.0", None, "CC-BY-SA-4.0 wants whatever is made of its data under that licence"),
        ("CC-BY-NC-SA-4.0 AND ODbL-1.0", None, "CC-BY-NC-SA-4.0 forbids commerce"),
    ],
)
def test_a_licence_that_only_a_person_can_vouch_for_needs_a_reason(licence, stated, told):
    terms = Terms(frozenset(Use), licence)
    gate = licence_gate(terms, [terms], stated)
    assert gate.stops
    assert told in gate.said
    assert accepted([gate], {"licence": "ours"})[0].status is Status.ACCEPTED
    unknown = licence_gate(Terms(frozenset(Use), "unknown"), [])
    assert accepted([unknown], {"licence": "ours"})[0].stops
    assert not licence_gate(Terms(frozenset(Use), "CC-BY-NC-4.0 AND CC-BY-NC-SA-4.0"), []).stops


def test_only_some_gates_can_be_accepted_and_only_where_they_failed():
    failed = digests_gate(["a"], [], [], is_listed=True)
    passed = digests_gate([], [], [], is_listed=True)
    named = workers_gate(observed(loaded_worker("Ada")).workers())
    found = accepted([failed, passed, named], {"digests": "no", "workers": "stage names"})
    assert [gate.status for gate in found] == [Status.FAILED, Status.PASSED, Status.ACCEPTED]
    assert found[2].reason == "stage names"


def loaded_worker(name):
    columns = {"id": ["1"], "group_id": ["g"], "split": ["train"], "worker": [name], "source": ["s"], "extra": ["{}"]}
    conversation = pa.array([[{"role": "human", "text": "Hello"}]])
    return pa.table(
        {**columns, "context": conversation, "continuations": pa.array([[[{"role": "human", "text": "a"}]]])}
    )
