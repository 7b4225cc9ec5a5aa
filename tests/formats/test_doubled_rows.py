"""A record that stands in two files, or twice in a table of ours, is noticed; rows that only look alike are not."""

import gzip
import json
from functools import partial

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plumbline.formats import convert_loaded, load, merge_loaded
from plumbline.formats.doubled_rows import Part, find_doubled_rows
from plumbline.formats.provenance import Provenance
from plumbline.lineage import read_manifest
from plumbline.records import Kind, UsageError
from tests.work import calls_made


def pairs(path, count=3, word="x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"prompt": f"{word} {n}", "chosen": "yes", "rejected": "no"} for n in range(count)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def found(loaded):
    """Findings, but for that nothing says what the pairs were judged on."""
    return [(finding.code, finding.source) for finding in loaded.findings if finding.code != "PL-TRL-002"]


@pytest.fixture
def file(tmp_path):
    return pairs(tmp_path / "set" / "train.jsonl")


@pytest.mark.parametrize("to", ["parquet", "trl"])
@pytest.mark.parametrize("named", ["file", "folder"])
def test_a_file_and_what_was_made_of_it_are_not_merged(to, named, file, tmp_path):
    convert_loaded(load(file if named == "file" else tmp_path / "set"), tmp_path / "derived", to)
    made, source = load(tmp_path / "derived"), load(file)
    assert not made.findings
    with pytest.raises(UsageError, match=r"PL-SRC-013(.|\n)*3 rows of set/train.jsonl a second time") as raised:
        merge_loaded([source, made])
    assert "x 0" not in str(raised.value)


def test_a_derived_table_is_known_again_though_its_folder_was_named_otherwise(file, tmp_path):
    convert_loaded(load(tmp_path, data_dir="set"), tmp_path / "derived", "parquet")
    source, made = load(tmp_path / "set"), load(tmp_path / "derived")
    assert source.comparisons["source"][0].as_py() != made.comparisons["source"][0].as_py()
    with pytest.raises(UsageError, match="PL-SRC-013"):
        merge_loaded([source, made])


def test_two_tables_made_of_one_file_are_not_merged_where_they_overlap(file, tmp_path):
    loaded = load(file)
    for name, start in (("a", 0), ("b", 1), ("c", 2)):
        part = type(loaded)(**{**vars(loaded), "tables": {Kind.COMPARISONS: loaded.comparisons.slice(start, 2)}})
        convert_loaded(part, tmp_path / name, "parquet")
    with pytest.raises(UsageError, match=r"PL-SRC-013(.|\n)*1 row of a/"):
        merge_loaded([load(tmp_path / "a"), load(tmp_path / "b")])
    assert len(merge_loaded([load(tmp_path / "a"), load(tmp_path / "c")]).comparisons) == 3


def test_one_source_that_holds_both_says_so_and_keeps_every_row(file, tmp_path):
    convert_loaded(load(file), tmp_path / "set" / "derived", "parquet")
    loaded = load(tmp_path / "set")
    assert len(loaded.comparisons) == 6
    assert ("PL-SRC-013", "set/train.jsonl") in found(loaded)


def test_rows_dealt_out_to_files_are_no_doubles(file, tmp_path):
    loaded = load(file)
    index = loaded.comparisons.schema.get_field_index("split")
    field = loaded.comparisons.schema.field(index)
    dealt = loaded.comparisons.set_column(index, field, pa.array(["train", "test", "train"]).dictionary_encode())
    convert_loaded(type(loaded)(**{**vars(loaded), "tables": {Kind.COMPARISONS: dealt}}), tmp_path / "out", "parquet")
    again = load(tmp_path / "out")
    assert len(again.files) == 2
    assert not again.findings


def test_two_people_who_judged_the_same_pairs_alike_are_no_doubles(tmp_path):
    first, second = (pairs(tmp_path / name / "train.jsonl", 2) for name in ("ann", "ben"))
    second.write_text(second.read_text() + "\n")  # another file, the same rows at the same places
    alike = [("PL-SRC-016", "ben/train.jsonl")] * 2  # told, and kept
    assert found(merge_loaded([load(first), load(second)])) == [*alike, ("PL-IO-011", "ben/train.jsonl")]


@pytest.mark.parametrize("name", ["train.jsonl.gz", "train.json", "train-00000-of-00001.jsonl"])
@pytest.mark.parametrize("grown", [0, 2])
def test_a_copy_in_another_packing_beside_the_file_is_noticed(name, grown, file):
    text = file.read_text()
    lines = text.splitlines()
    pairs(file, 3 + grown)
    copy = file.parent / name
    copy.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    if name.endswith(".json"):
        copy.write_text(f"[{', '.join(lines)}]")
    loaded = load(file.parent)
    assert len(loaded.comparisons) == 6 + grown
    (finding,) = [finding for finding in loaded.findings if finding.code == "PL-SRC-013"]
    assert finding.problem.startswith("3 rows of set/train")
    with pytest.raises(UsageError, match=r"PL-SRC-01[03]"):  # 010 where the bytes are the same
        merge_loaded([load(file), load(copy)])


def test_a_copy_under_another_name_is_noticed_where_it_is_no_accident(tmp_path):
    told = [("PL-SRC-016", "s5/b.jsonl")] * 5
    for count, expected in ((5, told), (30, [("PL-SRC-013", "s30/b.jsonl")])):
        pairs(tmp_path / f"s{count}" / "a.jsonl", count)
        again = pairs(tmp_path / f"s{count}" / "b.jsonl", count)
        again.write_text(again.read_text() + "\n")
        assert [each for each in found(load(again.parent)) if each[0] != "PL-IO-011"] == expected


def test_shards_and_other_splits_are_no_copies(tmp_path):
    pairs(tmp_path / "set" / "train-00000-of-00002.jsonl", 30)
    pairs(tmp_path / "set" / "train-00001-of-00002.jsonl", 30, word="y")
    assert not found(load(tmp_path / "set"))
    pairs(tmp_path / "set" / "test.jsonl", 29)
    assert {code for code, _ in found(load(tmp_path / "set"))} == {"PL-SRC-016"}
    assert not found(load(tmp_path / "set", split="train"))


def test_a_row_and_its_changed_version_are_told_and_kept(file, tmp_path):
    convert_loaded(load(file), tmp_path / "derived", "parquet")
    path = tmp_path / "derived" / "comparisons" / "train.parquet"
    table = pq.read_table(path)
    index = table.schema.get_field_index("strength")
    pq.write_table(table.set_column(index, table.schema.field(index), pa.array([3] * 3, pa.int8())), path)
    merged = merge_loaded([load(file), load(tmp_path / "derived")])
    assert len(merged.comparisons) == 6
    assert ("PL-SRC-014", "derived/comparisons/train.parquet") in found(merged)


def test_a_table_that_holds_its_rows_twice_says_so(file, tmp_path):
    convert_loaded(load(file), tmp_path / "derived", "parquet")
    path = tmp_path / "derived" / "comparisons" / "train.parquet"
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table, table.slice(0, 2)]), path)
    (finding,) = load(tmp_path / "derived").findings
    assert (finding.code, finding.problem[:6]) == ("PL-SRC-013", "2 rows")


def test_records_of_one_row_are_no_doubles(tmp_path):
    row = {"idx": 1, "motivation_app": "a", "cmp_key": "x_y", "instruction": "q", "input": "", "response1": "a"}
    row |= {"response2": "b", "annotator1": 1, "annotator2": 1, "annotator3": 1}
    safety = {"prompt": "q", "response_0": "a", "response_1": "a", "is_response_0_safe": True}
    safety |= {"is_response_1_safe": True, "better_response_id": 0, "safer_response_id": 0}
    for name, values in (("pandalm", row), ("pku", safety)):
        path = tmp_path / name / "test.jsonl"
        path.parent.mkdir()
        path.write_text(json.dumps(values) + "\n")
        convert_loaded(load(path), tmp_path / f"{name}-parquet", "parquet")
        loaded = load(tmp_path / f"{name}-parquet")
        assert sum(map(len, loaded.tables.values())) > 1
        assert not loaded.findings


def test_the_work_of_merging_grows_no_faster_than_the_files(file):
    loaded = load(file)
    field = loaded.comparisons.schema.field("source")

    def part(number):
        sources = pa.array([f"f{number}"] * 3).dictionary_encode().cast(field.type)
        table = loaded.comparisons.set_column(loaded.comparisons.schema.get_field_index("source"), field, sources)
        entry = loaded.files[0].model_copy(update={"path": f"f{number}", "sha256": str(number)})
        return type(loaded)(**{**vars(loaded), "tables": {Kind.COMPARISONS: table}, "files": [entry], "origins": {}})

    parts = [part(number) for number in range(2000)]
    half, _ = calls_made(lambda: merge_loaded(parts[:1000]))
    whole, merged = calls_made(lambda: merge_loaded(parts))
    assert len(merged.comparisons) == 6000
    assert whole < 2.1 * half


def test_rows_of_one_file_in_two_large_tables_are_told_apart_by_columns(file, tmp_path):
    loaded = load(file)
    table = loaded.comparisons.take(pa.array([0] * 80_000))
    numbers = pl.Series(range(160_000), dtype=pl.Int64).to_arrow()
    index = table.schema.get_field_index("row")
    parts = [
        type(loaded)(
            **{
                **vars(loaded),
                "tables": {
                    Kind.COMPARISONS: table.set_column(index, table.schema.field(index), numbers.slice(at, 80_000))
                },
                "files": [loaded.files[0].model_copy(update={"path": str(at), "sha256": str(at)})],
            }
        )
        for at in (0, 80_000)
    ]
    made, merged = calls_made(lambda: merge_loaded(parts))
    assert not found(merged)
    assert made < 10_000  # none of them for each of the 160,000 rows


# --- rows of one origin ---


def converted(source, out, to):
    convert_loaded(load(source), out, to)
    return load(out)


def lineages(folder):
    """Chains of conversions of one file of 3 rows: name → what was made last."""
    file = pairs(folder / "set" / "train.jsonl")
    (folder / "set").rename(folder / "harmless-set")
    file = folder / "harmless-set" / "train.jsonl"
    made = {"original": load(file)}
    for name, source, to in (
        ("trl", file, "trl"),
        ("parquet", file, "parquet"),
        ("trl of trl", folder / "trl", "trl-text"),
        ("trl of trl of trl", folder / "trl of trl", "trl"),
        ("parquet of trl", folder / "trl", "parquet"),
        ("parquet of parquet", folder / "parquet", "parquet"),
    ):
        made[name] = converted(source, folder / name, to)
    return made


def test_everything_made_of_one_file_is_known_again_over_every_conversion(tmp_path):
    made = lineages(tmp_path)
    refused = 0
    for name, first in made.items():
        for other, second in made.items():
            if name != other:
                with pytest.raises(UsageError, match=r"PL-SRC-01[03]"):
                    merge_loaded([first, second])
                refused += 1
    assert refused == 42


def test_two_conversions_of_one_file_in_one_folder_say_so(tmp_path):
    lineages(tmp_path)
    together = tmp_path / "together"
    together.mkdir()
    for name in ("trl", "parquet"):
        (together / name).symlink_to(tmp_path / name)
    (finding,) = [finding for finding in load(together).findings if finding.code == "PL-SRC-013"]
    assert finding.problem.startswith("3 rows of together/parquet/comparisons/train.parquet a second time")


def test_a_manifest_names_the_files_behind_its_inputs_and_one_without_them_is_read(tmp_path):
    made = lineages(tmp_path)
    manifest = read_manifest(tmp_path / "trl of trl of trl")
    behind = {made[name].files[0].sha256 for name in ("original", "trl")}
    assert set(manifest.ancestors) == behind
    assert manifest.ancestors == sorted(manifest.ancestors)
    path = tmp_path / "trl of trl of trl" / "manifest.json"
    values = json.loads(path.read_text())
    for name in ("ancestors", "findings"):
        values.pop(name)
    path.write_text(json.dumps(values))
    assert load(path.parent).derived_from == {made["trl of trl"].files[0].sha256}


def test_files_of_one_conversion_and_slices_of_one_file_are_no_doubles(tmp_path):
    (tmp_path / "set").mkdir()
    pairs(tmp_path / "set" / "train.jsonl", 5)
    pairs(tmp_path / "set" / "test.jsonl", 1)  # stands in train too
    made = converted(tmp_path / "set", tmp_path / "made", "trl")
    assert found(made) == [("PL-SRC-016", "made/set/train.jsonl.gz")]
    # A file that holds a record at two rows, in two tables that share no row.
    twice = pairs(tmp_path / "twice" / "train.jsonl", 1)
    twice.write_text(twice.read_text() * 2)
    loaded = load(twice)
    for name, start in (("a", 0), ("b", 1)):
        part = type(loaded)(**{**vars(loaded), "tables": {Kind.COMPARISONS: loaded.comparisons.slice(start, 1)}})
        convert_loaded(part, tmp_path / name, "parquet")
    assert not found(merge_loaded([load(tmp_path / "a"), load(tmp_path / "b")]))


# --- records that stand in two files ---


def copied(path, of, *, more=0, otherwise=0):
    """A file with the rows of another, some judged otherwise, and some more."""
    rows = [json.loads(line) for line in of.read_text().splitlines()]
    for row in rows[:otherwise]:
        row["chosen"], row["rejected"] = row["rejected"], row["chosen"]
    rows += [{"prompt": f"more {n}", "chosen": "yes", "rejected": "no"} for n in range(more)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("more", [1, 30, 100])
@pytest.mark.parametrize("turned", [False, True])
def test_a_copy_under_another_name_and_digest_is_refused(more, turned, tmp_path):
    first = pairs(tmp_path / "a" / "train.jsonl", 30)
    second = copied(tmp_path / "c" / "train.jsonl", first, more=more)
    sources = [load(second), load(first)] if turned else [load(first), load(second)]
    with pytest.raises(UsageError, match=r"PL-SRC-013(.|\n)*30 rows of"):
        merge_loaded(sources)
    both = load(tmp_path)
    assert ("PL-SRC-013", f"{tmp_path.name}/c/train.jsonl") in found(both)
    assert len(both.comparisons) == 60 + more


def test_a_copy_dealt_to_other_files_is_refused(tmp_path):
    lines = pairs(tmp_path / "a" / "train.jsonl", 60).read_text().splitlines(keepends=True)
    parts = []
    for name, rows in (("b", lines[:30]), ("c", lines[30:]), ("d", lines[::2])):
        path = tmp_path / name / "train.jsonl"
        path.parent.mkdir()
        path.write_text("".join(rows))
        parts.append(load(path))
    assert not found(merge_loaded(parts[:2]))
    with pytest.raises(UsageError, match=r"PL-SRC-013(.|\n)*15 rows of b(.|\n)*15 rows of c"):
        merge_loaded(parts)


def test_two_people_who_disagree_on_some_pairs_are_told_and_kept(tmp_path):
    ann = pairs(tmp_path / "ann" / "train.jsonl", 100)
    ben = copied(tmp_path / "ben" / "train.jsonl", ann, otherwise=10)
    for sources in ([load(ann), load(ben)], [load(ben), load(ann)]):
        merged = merge_loaded(sources)
        assert len(merged.comparisons) == 200
        alike = [finding for finding in merged.findings if finding.code == "PL-SRC-016"]
        assert len(alike) == 90
        assert {finding.problem for finding in alike} == {
            f"the same record stands in {sources[0].files[0].path} too",
        }
        assert merged.manifest("model", [], {}).findings["PL-SRC-016"] == 90


def test_a_few_shared_records_are_told_by_row(tmp_path):
    first = pairs(tmp_path / "a" / "train.jsonl", 100)
    second = pairs(tmp_path / "b" / "train.jsonl", 100, word="y")
    second.write_text("".join(first.read_text().splitlines(keepends=True)[:7]) + second.read_text())
    merged = merge_loaded([load(first), load(second)])
    told = [finding for finding in merged.findings if finding.code == "PL-SRC-016"]
    assert [(finding.source, finding.row) for finding in told] == [("b/train.jsonl", row) for row in range(7)]
    assert [finding.record_id for finding in told] == merged.comparisons["id"].to_pylist()[100:107]


def test_large_files_that_share_nothing_are_told_apart_by_columns(tmp_path):
    loaded = load(pairs(tmp_path / "a" / "train.jsonl", 1))
    field = loaded.comparisons.schema.field("source")

    def part(name):
        table = loaded.comparisons.take(pa.array([0] * 80_920))
        values = {
            "id": pa.array([f"{name}{n:031x}" for n in range(len(table))]),
            "source": pa.array([name] * len(table)).dictionary_encode().cast(field.type),
        }
        for column, array in values.items():
            at = table.schema.get_field_index(column)
            table = table.set_column(at, table.schema.field(at), array)
        return Part(name, {Kind.COMPARISONS: table}, Provenance(loaded.terms), frozenset([name]))

    parts = [part("a"), part("b")]
    made, findings = calls_made(lambda: find_doubled_rows(parts))
    assert not findings
    assert made < 10_000  # none of them for each of the 160,000 rows


def test_the_work_of_comparing_grows_no_faster_than_the_files_and_their_ancestors(tmp_path):
    loaded = load(pairs(tmp_path / "a" / "train.jsonl", 1))
    index, field = loaded.comparisons.schema.get_field_index("source"), loaded.comparisons.schema.field("source")

    def part(name, digest, derived_from, parents):
        source = pa.array([name]).dictionary_encode().cast(field.type)
        table = loaded.comparisons.set_column(index, field, source)
        behind = Provenance(loaded.terms, parents, {}, derived_from)
        return Part(name, {Kind.COMPARISONS: table}, behind, frozenset([digest]))

    def family(many):
        ancestors = frozenset(f"original {n}" for n in range(many))
        made = [part(f"m{n}", f"made {n}", ancestors, ("manifest",)) for n in range(many)]
        return [part(f"o{n}", f"original {n}", frozenset(), ()) for n in range(many)] + made

    half, _ = calls_made(partial(find_doubled_rows, family(500)))
    whole, findings = calls_made(partial(find_doubled_rows, family(1000)))
    assert len(findings) == 1999
    assert whole < 2.1 * half
