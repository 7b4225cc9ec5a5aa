"""Each gate on what it looks at: passes on good, names the fault on bad, quotes nothing."""

import copy

import polars as pl
import pyarrow as pa
import pytest

from plumbline.lineage import Terms, Use
from plumbline.records import Kind
from plumbline.release import Status
from plumbline.release.gates import (
    Counted,
    accepted,
    counts_gate,
    digests_gate,
    leakage_gate,
    licence_gate,
    personal_data_gate,
    uses_gate,
    workers_gate,
)
from plumbline.release.notes import CurationNotes
from plumbline.release.observed import Observer, shape_of_worker

from .folders import loaded_lines, summary_of


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
    assert gate.counts == {f"{first} and train": 1, f"{first} and held": 1}


def test_what_splits_other_than_train_share_is_told_and_stops_nothing(loaded):
    halves = with_column(loaded.comparisons, "split", ["held" if n % 2 else "test" for n in range(14)])
    twice = with_column(loaded.comparisons, "split", ["test" if n % 2 else "held" for n in range(14)])
    observer = observed(halves)
    observer.look(Kind.COMPARISONS, twice.slice(0, 4))
    gate = leakage_gate(observer.leakage(), None)
    assert (gate.status, gate.counts) == (Status.PASSED, {"test and held": 4})
    assert gate.said.endswith("splits other than train share: 4 prompts in test and held")
    observer.look(Kind.COMPARISONS, with_column(loaded.comparisons.slice(5, 1), "split", ["train"]))
    gate = leakage_gate(observer.leakage(), None)
    assert gate.status is Status.FAILED
    assert "1 prompts in held and train; splits other than train share: 4 prompts in test and held" in gate.said


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
    assert "where they first stand: 1 in comparisons, column worker" in gate.said
    assert "look them up in that column, in the records named by their id" in gate.advice
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
def test_terms_are_stated_and_no_looser_than_any_parents(uses, licence, failing):
    parents = [Terms(frozenset({Use.ANALYSIS, Use.POLICY}), "CC-BY-NC-4.0"), Terms(frozenset(Use), "MIT")]
    terms = Terms(frozenset(map(Use, uses)), licence)
    gates = [uses_gate(terms, parents), licence_gate(terms, parents)]
    assert [gate.name for gate in gates if gate.stops] == failing


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda notes: notes["rows"].update(read=1), "were read"),
        (lambda notes: notes["steps"][0]["removed"]["comparisons"].update(train=2), "rule exact-duplicates"),
        (lambda notes: notes["steps"][1]["removed"].update(safety_labels={"test": 1}), "the last"),
        (lambda notes: notes.update(records={"read": {"comparisons": {"train": 3}}}), "reading, leaves 3"),
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
