"""`load` and `stream`: files, folders, options."""

import gzip
import json

import pyarrow.parquet as pq
import pytest

import plumbline
from plumbline.formats import convert_loaded, loading
from plumbline.lineage import ALL_USES, StatedTerms, Terms, Use, with_terms
from plumbline.records import Axis, FaultError, Kind, PlumblineError, SourceError, UsageError
from tests.formats.sources import lines, put


@pytest.fixture
def hub(tmp_path):
    """A folder in hub layout: two subsets, two splits."""
    put(tmp_path, "set/harmless-base/train.jsonl.gz", gzip.compress(lines(3)))
    put(tmp_path, "set/harmless-base/held.jsonl", lines(2))
    put(tmp_path, "set/helpful-base/train.jsonl.gz", gzip.compress(lines(4)))
    put(tmp_path, "set/README.md", b"# a card")
    return tmp_path / "set"


def test_a_folder_gives_every_file_with_its_split_subset_and_axis(hub):
    table = plumbline.load(hub).comparisons
    places = set(zip(*(table[name].to_pylist() for name in ("subset", "split", "axis")), strict=True))
    assert places == {
        ("harmless-base", "train", "harmlessness"),
        ("harmless-base", "held", "harmlessness"),
        ("helpful-base", "train", "helpfulness"),
    }
    assert len(set(zip(table["source"].to_pylist(), table["row"].to_pylist(), strict=True))) == len(table) == 9


def test_data_dir_and_split_choose_files(hub):
    assert len(plumbline.load(hub, data_dir="harmless-base", split="held").comparisons) == 2
    assert len(plumbline.load(hub / "harmless-base", split="train").comparisons) == 3
    with pytest.raises(UsageError, match=r"PL-SRC-004(.|\n)*held, train"):
        plumbline.load(hub, split="test")
    for escape in ("none", "../..", "/"):
        with pytest.raises(UsageError, match="PL-SRC-003"):
            plumbline.load(hub, data_dir=escape)


def test_a_lone_file_takes_its_axis_from_its_folder_or_from_the_caller(tmp_path):
    path = put(tmp_path, "elsewhere/pairs.jsonl", lines())
    with pytest.raises(UsageError, match="PL-HH-001"):
        plumbline.load(path)
    assert plumbline.load(path, axis="helpfulness").comparisons["axis"].to_pylist() == [Axis.HELPFULNESS]
    named = put(tmp_path, "helpful-online/train.jsonl", lines())
    assert plumbline.load(named).comparisons["tranche"].to_pylist() == ["online"]


def test_terms_come_with_the_table(hub):
    loaded = plumbline.load(hub)
    assert loaded.terms.licence == "MIT"
    assert Use.SUPERVISED not in loaded.terms.uses
    assert loaded.comparisons.schema.metadata[b"plumbline.uses"] == b"analysis,policy,preference"


def test_streaming_gives_the_rows_of_load(hub):
    rows = [row for batch in plumbline.stream(hub) for row in batch.to_pylist()]
    assert rows == plumbline.load(hub).comparisons.to_pylist()


def test_streaming_stops_at_a_fault_unless_someone_listens(tmp_path):
    path = put(tmp_path, "harmless-x/train.jsonl", lines(2) + b"{\n" + lines(1))
    with pytest.raises(FaultError, match="line 3"):
        list(plumbline.stream(path))
    heard = []
    assert sum(len(batch) for batch in plumbline.stream(path, on_fault=heard.append)) == 3
    assert [(fault.code, fault.row) for fault in heard] == [("PL-JSON-001", 2)]


# --- sources that are not what they should be ---


def test_names_that_lead_nowhere(tmp_path):
    (tmp_path / "empty").mkdir()
    put(tmp_path, "notes/readme.txt", b"x")
    put(tmp_path, "odd/data.jsonl", b'{"colour": "red"}\n')
    expected = {
        "nowhere": "PL-SRC-001",
        "empty": "PL-SRC-005",
        "notes": "PL-SRC-005",
        "notes/readme.txt": "PL-SRC-002",
        "odd": "PL-SRC-008",
    }
    for name, code in expected.items():
        with pytest.raises(PlumblineError, match=code):
            plumbline.load(tmp_path / name)
    for option in ({"format": "xml"}, {"axis": "taste"}, {"on_error": "ignore"}):
        with pytest.raises(UsageError, match="PL-ARG-001"):
            plumbline.load(tmp_path / "odd", **option)


def test_two_formats_in_one_folder_are_refused_until_one_is_asked_for(tmp_path):
    put(tmp_path, "harmless-x/train.jsonl", lines(2))
    put(tmp_path, "harmless-x/labels.jsonl", b'{"prompt": "q", "response": "a", "is_safe": true}\n')
    with pytest.raises(UsageError, match=r"PL-SRC-006(.|\n)*--format"):
        plumbline.load(tmp_path / "harmless-x")
    loaded = plumbline.load(tmp_path / "harmless-x", format="hh-rlhf")
    assert len(loaded.comparisons) == 2
    assert [finding.code for finding in loaded.findings] == ["PL-SRC-007"]


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    path = put(tmp_path, "harmless-x/train.jsonl", lines(1))

    def refuse(*_args, **_how):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", refuse)
    with pytest.raises(SourceError, match=r"PL-IO-001(.|\n)*Permission denied"):
        plumbline.load(path)


def test_merging_refuses_the_same_file_twice(hub):
    part = plumbline.load(hub)
    with pytest.raises(UsageError, match="PL-SRC-010"):
        loading.merge_loaded([part, part])


def test_real_hub_layout_reads_whole(real_data):
    loaded = plumbline.load(real_data / "hh-rlhf")
    counts = {name: loaded.comparisons["subset"].to_pylist().count(name) for name in ("harmless-base", "helpful-base")}
    assert counts == {"harmless-base": 1697, "helpful-base": 1770}
    assert not loaded.faults
    assert Kind.COMPARISONS in loaded.tables


# --- an axis that the rows contradict ---


def test_an_axis_that_the_rows_contradict_is_refused(tmp_path):
    row = {"idx": 1, "motivation_app": "a", "cmp_key": "x_y", "instruction": "q", "input": "", "response1": "a"}
    row |= {"response2": "b", "annotator1": 1, "annotator2": 2, "annotator3": 0}
    path = put(tmp_path, "pandalm/test.jsonl", json.dumps(row).encode() + b"\n")
    for read in (plumbline.load, lambda *at, **how: list(plumbline.stream(*at, **how))):
        with pytest.raises(UsageError, match=r"PL-SRC-015(.|\n)*overall(.|\n)*leave --axis out"):
            read(path, axis="harmlessness")
        assert read(path, axis="overall")
    convert_loaded(plumbline.load(path), tmp_path / "own", "parquet")
    with pytest.raises(UsageError, match="PL-SRC-015"):
        plumbline.load(tmp_path / "own", axis=Axis.HELPFULNESS)


# --- terms ---


def test_one_file_without_terms_makes_the_whole_strict(tmp_path):
    path = put(tmp_path, "overall-x/train.jsonl", b'{"prompt": "q", "chosen": "a", "rejected": "b"}\n')
    own = StatedTerms.of("MIT", ["preference"])
    assert plumbline.load(path, stated_terms=own).terms == Terms(frozenset({Use.PREFERENCE}), "MIT")
    table = plumbline.load(path).comparisons.replace_schema_metadata(None)
    (tmp_path / "tables").mkdir()
    pq.write_table(table, tmp_path / "tables" / "train.parquet")
    assert plumbline.load(tmp_path / "tables").terms == Terms(frozenset(), "unknown")
    assert plumbline.load(tmp_path / "tables", stated_terms=own).terms == Terms(frozenset({Use.PREFERENCE}), "MIT")
    pq.write_table(with_terms(table.slice(0, 0), Terms(ALL_USES, "MIT")), tmp_path / "tables" / "test.parquet")
    assert plumbline.load(tmp_path / "tables").terms == Terms(frozenset(), "MIT AND unknown")


def test_a_statement_loosens_no_terms_that_the_data_carry(hub):
    hh = plumbline.load(hub).terms
    assert plumbline.load(hub, stated_terms=StatedTerms.of("CC0-1.0", list(Use))).terms == hh
    assert plumbline.load(hub, stated_terms=StatedTerms.of(None, ["analysis"])).terms.uses == {Use.ANALYSIS}
