"""Curating runs: what they count and write, and on what terms."""

import gzip
import json
from collections import defaultdict

import pyarrow as pa
import pyarrow.parquet as pq

import plumbline
from plumbline.curate.recipe import parse_recipe
from plumbline.formats.writing import convert_loaded
from plumbline.lineage import ALL_USES, StatedTerms, Use, file_digest, read_manifest
from plumbline.loop.check_run import run_check
from plumbline.loop.curating.run import CurationRun, run_curation
from tests.loop.curating.curations import (
    ONLY_DUPLICATES,
    SMALL,
    curated,
    nothing_left,
    outputs_of,
    pairs,
    total,
    write,
)

# --- figures of the real samples, beside a reading of the files in plain Python ---


def rows_of(*paths):
    rows = []
    for path in paths:
        text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        rows += json.loads(text) if path.suffix == ".json" else [json.loads(line) for line in text.splitlines()]
    return rows


def census_by_hand(rows):
    """Family → item → what it was judged, one entry a record."""
    families = defaultdict(lambda: defaultdict(list))
    for row in rows:
        replies = row["response_0"], row["response_1"]
        item = (row["prompt"], *sorted(replies))
        families["comparisons/harmlessness"][item].append(replies[row["safer_response_id"]])
        if "better_response_id" in row:
            families["comparisons/helpfulness"][item].append(replies[row["better_response_id"]])
        for side, reply in enumerate(replies):
            categories = row.get(f"response_{side}_harm_category")
            family = "safety_labels/unspecified" if categories is None else "safety_labels/pku-19"
            told = json.dumps([row[f"is_response_{side}_safe"], categories, row.get(f"response_{side}_severity_level")])
            families[family][row["prompt"], reply].append(told)
    return [
        {
            "family": family,
            "records": sum(map(len, items.values())),
            "records_distinct": sum(len(set(told)) for told in items.values()),
            "items": len(items),
            "judged_both_ways": sum(len(set(told)) > 1 for told in items.values()),
        }
        for family, items in sorted(families.items())
    ]


def test_what_is_in_pku_saferlhf(real_data, out):
    files = [real_data / "pku-saferlhf" / f"{split}.jsonl.gz" for split in ("train", "test")]
    summary = curated(out, *files, recipe=ONLY_DUPLICATES)
    assert summary["census"] == census_by_hand(rows_of(*files))
    harmlessness, labels = summary["census"]
    assert (harmlessness["records"], harmlessness["records_distinct"]) == (3848, 2728)
    assert harmlessness["records"] - harmlessness["records_distinct"] == 1120
    assert (harmlessness["items"], harmlessness["judged_both_ways"]) == (2617, 111)
    assert (labels["items"], labels["judged_both_ways"]) == (3611, 362)
    loaded = plumbline.load(out)
    assert len(loaded.comparisons) == 2728
    assert len(loaded.safety_labels) == labels["records_distinct"]
    assert set(loaded.comparisons["split"].to_pylist()) == {"train", "test"}
    ledger = pq.read_table(out / "curation" / "removed.parquet")
    assert len(ledger.filter(pa.compute.equal(ledger["kind"], "comparisons"))) == 1120
    kept = set(loaded.comparisons["id"].to_pylist()) | set(loaded.safety_labels["id"].to_pylist())
    assert set(ledger["partner"].to_pylist()) <= kept


def test_the_folder_of_pku_saferlhf_with_its_other_two_files(real_data, out):
    folder = real_data / "pku-saferlhf"
    files = sorted(path for path in folder.iterdir() if path.is_file())
    assert len(files) == 4
    summary = curated(out, folder, recipe=ONLY_DUPLICATES)
    assert summary["census"] == census_by_hand(rows_of(*files))
    assert summary["rows"]["read"] == 3848 + 35
    found = {finding["code"] for finding in run_check("out", plumbline.load(out), limit=0)["findings"]}
    assert found == {"PL-CHK-008", "PL-CHK-009"}, "judged both ways, which the recipe leaves"


# --- what adds up ---


def test_what_was_read_is_written_removed_quarantined_or_not_taken(tmp_path, out, source):
    """One row may give several records: rows are counted as read or unreadable, records from there on."""
    labels = write(
        tmp_path / "labels" / "train.jsonl",
        [{"prompt": "q", "response": str(number), "is_safe": True} for number in range(5)],
    )
    with (source / "train.jsonl").open("a") as file:
        file.write('{"chosen": 1, "rejected": 2}\nno JSON\n')
    summary = curated(out, source, labels)
    assert summary["rows"]["read"] == 9 + 2 + 2 + 4 + 5
    assert sum(summary["rows"]["quarantined"].values()) == 2
    assert summary["rows"]["not_taken"] == {"safety_labels": 5}
    records = summary["rows"]["read"] - 2
    assert records == total(summary["records"]["read"]) + 5
    assert total(summary["records"]["read"]) == total(summary["written"]) + summary["records"]["removed"]
    assert summary["written"] == {"comparisons": {"test": 4, "train": 8}}
    manifest = read_manifest(out)
    assert manifest.configuration["removed"] == {"exact-duplicates": 2, "leakage": 1, "splits": 0}
    assert manifest.quarantined == summary["rows"]["quarantined"]
    assert {name: rows for name, (_, rows) in outputs_of(out).items() if rows is not None} == {
        "comparisons/test.parquet": 4,
        "comparisons/train.parquet": 8,
        "curation/changed.parquet": 0,
        "curation/removed.parquet": 3,
    }
    assert {entry.path: entry.rows for entry in manifest.inputs} == {
        "harmless-base/test.jsonl.gz": 4,
        "harmless-base/train.jsonl": 13,
        "labels/train.jsonl": 5,
    }
    assert json.loads((out / "curation" / "summary.json").read_text()) == summary
    assert nothing_left(out)


def test_the_manifest_names_what_the_rows_come_from(tmp_path, out, source):
    converted = tmp_path / "converted"
    convert_loaded(plumbline.load(source), converted, "parquet")
    curated(out, converted, command=("curate", "converted"))
    manifest = read_manifest(out)
    assert manifest.parents == [file_digest(converted / "manifest.json")]
    assert set(manifest.ancestors) == {file_digest(path) for path in source.iterdir()}
    assert manifest.configuration["recipe"] == "small"
    assert manifest.configuration["recipe_digest"] == parse_recipe(SMALL, "x").digest
    resolved = parse_recipe((out / "recipe.toml").read_text(), "out")
    assert resolved.digest == manifest.configuration["recipe_digest"]
    assert str(tmp_path) not in (out / "manifest.json").read_text().replace(str(converted), "")


def test_terms_are_those_of_the_kinds_taken(tmp_path, out, real_data):
    """Red-team attempts may be analysed only; pairs that stand beside them may be trained on."""
    summary = curated(out, real_data / "hh-rlhf", recipe=SMALL)
    assert summary["rows"]["not_taken"] == {"red_team_attempts": 20}
    manifest = read_manifest(out)
    assert Use.PREFERENCE in manifest.uses
    table = pq.read_schema(out / "comparisons" / "train.parquet")
    assert table.metadata[b"plumbline.uses"].decode().split(",") == sorted(manifest.uses)
    mixed = SMALL.replace('["comparisons"]', '["comparisons", "red_team_attempts"]')
    everything = write(tmp_path / "all" / "harmless-base" / "train.jsonl", pairs(3))
    attempts = real_data / "hh-rlhf" / "red-team-attempts" / "sample-10.json"
    curated(out, everything.parent, attempts, recipe=mixed)
    assert read_manifest(out).uses == [Use.ANALYSIS]


def test_terms_that_are_stated_fill_in_and_loosen_nothing(tmp_path, out):
    own = write(tmp_path / "own" / "train.jsonl", [{"prompt": "q", "chosen": "a", "rejected": "b"}])
    stated = StatedTerms.of("MIT", ["preference"])
    how = {"axis": "overall", "stated_terms": stated}
    result = run_curation(CurationRun((str(own),), out, parse_recipe(SMALL, "x"), load_options=how))
    assert (read_manifest(out).licence, read_manifest(out).uses) == ("MIT", [Use.PREFERENCE])
    assert not result.loaded.findings
    looser = {"stated_terms": StatedTerms.of("CC0-1.0", sorted(ALL_USES))}
    result = run_curation(CurationRun((str(out),), out.with_name("two"), parse_recipe(SMALL, "x"), load_options=looser))
    assert (read_manifest(out.with_name("two")).licence, read_manifest(out.with_name("two")).uses) == (
        "MIT",
        [Use.PREFERENCE],
    )
    assert [finding.code for finding in result.loaded.findings] == ["PL-USE-004"]


# --- splits ---


def test_only_what_has_no_split_is_split(tmp_path, out, source):
    def written(*sources, out=out, **how):
        return set(curated(out, *sources, **how)["written"]["comparisons"])

    folder = tmp_path / "in"
    one = write(folder / "overall-one" / "pairs.jsonl", pairs(30))
    assert written(one) == {"train", "test"}
    assert written(one, recipe=ONLY_DUPLICATES) == {"pairs"}
    assert written(write(folder / "overall-two" / "test.jsonl", pairs(9))) == {"test"}
    assert written(write(folder / "overall-three" / "2024_held out.jsonl", pairs(3))) == {"2024_held out"}
    write(folder / "overall-four" / "first.jsonl", pairs(30))
    write(folder / "overall-four" / "second.jsonl", pairs(30, first=30))
    assert written(folder / "overall-four") == {"first", "second"}
    other = write(folder / "overall-five" / "pairs.jsonl", pairs(3, first=20))
    assert (
        written(source, other)
        == written(out.with_name("out"), out=out.with_name("again"))
        == {"pairs", "train", "test"}
    )
