"""`load` and `stream`: files, folders, options; and every kind of damage ends in a code."""

import gzip
import io
import json
import os
import tracemalloc

import pyarrow.parquet as pq
import pytest

import plumbline
from plumbline.formats import cache as file_cache
from plumbline.formats import convert_loaded, loading
from plumbline.formats.line_blocks import Intake, Limits, read_line_blocks
from plumbline.lineage import ALL_USES, StatedTerms, Terms, Use, with_terms
from plumbline.records import Axis, FaultError, Kind, PlumblineError, SourceError, UsageError

GOOD = {"chosen": "\n\nHuman: Hello\n\nAssistant: Good day", "rejected": "\n\nHuman: Hello\n\nAssistant: Go away"}


def lines(count: int = 1) -> bytes:
    return b"".join(json.dumps({k: f"{v} {i}" for k, v in GOOD.items()}).encode() + b"\n" for i in range(count))


def put(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


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


# --- damage ---

TEXT = '"\\n\\nHuman: a"'
BAD_LINES = {
    "no JSON": (b"{broken", "PL-JSON-001"),
    "an array": (b"[1, 2]", "PL-JSON-002"),
    "a duplicate key": (f'{{"chosen": {TEXT}, "chosen": {TEXT}, "rejected": {TEXT}}}'.encode(), "PL-JSON-003"),
    "a missing key": (f'{{"chosen": {TEXT}}}'.encode(), "PL-JSON-004"),
    "a number for a text": (f'{{"chosen": 3, "rejected": {TEXT}}}'.encode(), "PL-JSON-005"),
    "null for a text": (f'{{"chosen": null, "rejected": {TEXT}}}'.encode(), "PL-JSON-005"),
    "deep nesting": (b'{"chosen": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", "PL-JSON-006"),
    "a lone surrogate": (f'{{"chosen": "\\n\\nHuman: \\ud800", "rejected": {TEXT}}}'.encode(), "PL-JSON-007"),
    "NaN": (f'{{"chosen": NaN, "rejected": {TEXT}}}'.encode(), "PL-JSON-008"),
    "invalid UTF-8": (b'{"chosen": "\\n\\nHuman: \xff", "rejected": "\\n\\nHuman: a"}', "PL-IO-010"),
    "a raw NUL": (b'{"chosen": "\\n\\nHuman: \x00", "rejected": "\\n\\nHuman: a"}', "PL-JSON-001"),
    "no marker": (f'{{"chosen": "hello", "rejected": {TEXT}}}'.encode(), "PL-HH-014"),
    "five thousand digits": (f'{{"chosen": {TEXT}, "rejected": {TEXT}, "n": {"9" * 5000}}}'.encode(), "PL-JSON-005"),
}


@pytest.mark.parametrize("kind", BAD_LINES)
def test_a_bad_line_is_quarantined_with_its_place_and_the_rest_is_read(tmp_path, kind):
    bad, code = BAD_LINES[kind]
    path = put(tmp_path, "harmless-x/train.jsonl", lines(2) + bad + b"\n" + lines(1))
    loaded = plumbline.load(path)
    assert [(fault.code, fault.row, fault.source) for fault in loaded.faults] == [(code, 2, "harmless-x/train.jsonl")]
    assert loaded.rows_read == len(loaded.comparisons) + len(loaded.faults) == 4
    with pytest.raises(FaultError, match=code) as stopped:
        plumbline.load(path, on_error="stop")
    assert "line 3" in str(stopped.value)
    assert "hello" not in str(stopped.value)


def test_a_line_beyond_the_limit_is_passed_over_in_bounded_memory(tmp_path):
    path = tmp_path / "harmless-x" / "train.jsonl"
    path.parent.mkdir()
    with path.open("wb") as file:
        file.write(lines(1) + b'{"chosen": "')
        for _ in range(100):
            file.write(b"a" * (1 << 20))
        file.write(b'"}\n' + lines(1))
    tracemalloc.start()
    intake = Intake("x")
    blocks = list(read_line_blocks(path, intake, Limits(block_bytes=1 << 20, line_bytes=4 << 20)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(fault.code, fault.row) for fault in intake.faults] == [("PL-IO-005", 1)]
    assert [block.first_row for block in blocks] == [0, 2]
    assert intake.rows_read == 3
    assert peak < 20 << 20
    loaded = plumbline.load(path)
    assert (len(loaded.comparisons), loaded.quarantined) == (2, {"PL-IO-005": 1})


def test_small_blocks_read_what_large_ones_read(tmp_path):
    path = put(tmp_path, "harmless-x/train.jsonl", lines(40) + b"{\n" + lines(3).rstrip(b"\n"))
    for size in (1, 7, 100, 1 << 20):
        intake = Intake("x")
        rows = [
            row for block in read_line_blocks(path, intake, Limits(block_bytes=size)) for row in block.numbered_lines()
        ]
        assert [number for number, _ in rows] == list(range(44))
        assert intake.rows_read == 44


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (gzip.compress(lines(5000))[:-40], "PL-IO-002"),
        (gzip.compress(lines(50))[:30] + b"\x00\x01\x02\x03" * 20, "PL-IO-00[23]"),
        (b"", "PL-IO-006"),
        (gzip.compress(b""), "PL-IO-006"),
        (b"[]", "PL-IO-006"),
        (b"[{]", "PL-JSON-001"),
        (b"[" * 100_000, "PL-JSON-001"),
    ],
    ids=["cut gzip", "broken gzip", "empty", "empty gzip", "empty array", "broken array", "deep array"],
)
def test_a_file_damaged_as_a_whole_ends_the_run(tmp_path, content, code):
    path = put(tmp_path, "harmless-x/train.jsonl.gz", content)
    for format_name in (None, "hh-rlhf"):
        with pytest.raises(PlumblineError, match=code) as ended:
            plumbline.load(path, format=format_name)
        assert "Try: " in str(ended.value)


@pytest.mark.parametrize(
    ("filler", "code"), [(b"a", "PL-IO-004"), (b"\n", "PL-IO-013")], ids=["one line", "blank lines"]
)
def test_a_gzip_bomb_is_stopped(tmp_path, filler, code):
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=9) as file:
        for _ in range(300):
            file.write(filler * (1 << 20))
    path = put(tmp_path, "harmless-x/train.jsonl.gz", buffer.getvalue())
    with pytest.raises(FaultError, match=code):
        plumbline.load(path, format="hh-rlhf")


def test_what_is_odd_but_readable_is_a_finding(tmp_path):
    path = put(
        tmp_path, "harmless-x/train.jsonl.gz", b"\xef\xbb\xbf" + lines(1) + b"\n" + lines(1).replace(b"\n", b"\r\n")
    )
    loaded = plumbline.load(path)
    assert len(loaded.comparisons) == 2
    assert {finding.code for finding in loaded.findings} == {"PL-IO-007", "PL-IO-008", "PL-IO-011"}
    assert loaded.rows_read == 2


def test_utf16_is_no_json(tmp_path):
    path = put(tmp_path, "harmless-x/train.jsonl", lines(2).decode().encode("utf-16"))
    with pytest.raises(SourceError, match="PL-SRC-008"):
        plumbline.load(path)
    assert not len(plumbline.load(path, format="hh-rlhf").comparisons)


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


# --- cache ---


def test_the_cache_answers_with_the_same_rows_and_notices_a_change(tmp_path, own_cache, monkeypatch):
    monkeypatch.setattr(loading, "_CACHED_FROM_BYTES", 0)
    path = put(tmp_path, "harmless-x/train.jsonl", lines(50) + b"{\n")
    first = plumbline.load(path)
    (entry,) = own_cache.iterdir()
    assert entry.stat().st_mode & 0o077 == 0 or own_cache.stat().st_mode & 0o077 == 0
    monkeypatch.setattr(loading, "read_tables", lambda *_: pytest.fail("the file was read again"))
    again = plumbline.load(path)
    assert again.comparisons.equals(first.comparisons)
    assert (again.faults, again.rows_read) == (first.faults, first.rows_read)
    monkeypatch.undo()
    os.environ["PLUMBLINE_CACHE"] = str(own_cache)
    monkeypatch.setattr(loading, "_CACHED_FROM_BYTES", 0)
    path.write_bytes(lines(2))
    assert len(plumbline.load(path).comparisons) == 2


def test_a_damaged_cache_entry_is_read_anew(tmp_path, own_cache, monkeypatch):
    monkeypatch.setattr(loading, "_CACHED_FROM_BYTES", 0)
    path = put(tmp_path, "harmless-x/train.jsonl", lines(5))
    plumbline.load(path)
    for file in own_cache.rglob("*.arrow"):
        file.write_bytes(b"garbage")
    assert len(plumbline.load(path).comparisons) == 5


def test_the_cache_keeps_its_size(own_cache, monkeypatch):
    monkeypatch.setattr(file_cache, "_LIMIT_BYTES", 3000)
    monkeypatch.setattr(file_cache.time, "time", lambda: 4e9)
    for number in range(5):
        folder = own_cache / f"{number:064x}"
        folder.mkdir()
        (folder / "manifest.json").write_text("{}")
        (folder / "x").write_bytes(b"x" * 1000)
        os.utime(folder, (number, number))
    (own_cache / "thesis").mkdir()
    (own_cache / "thesis" / "x").write_bytes(b"x" * 5000)
    file_cache._drop_oldest(own_cache)
    # Oldest first, down to the limit; a folder that is no entry is none of the cache's business.
    assert sorted(path.name[-1] for path in own_cache.iterdir()) == ["3", "4", "s"]


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
    assert plumbline.load(tmp_path / "tables").terms == Terms(frozenset(), "unknown")


def test_a_statement_loosens_no_terms_that_the_data_carry(hub):
    hh = plumbline.load(hub).terms
    assert plumbline.load(hub, stated_terms=StatedTerms.of("CC0-1.0", list(Use))).terms == hh
    assert plumbline.load(hub, stated_terms=StatedTerms.of(None, ["analysis"])).terms.uses == {Use.ANALYSIS}
