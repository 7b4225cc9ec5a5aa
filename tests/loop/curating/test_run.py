"""Curating runs: what they count, write and refuse, and what is left of them where they are stopped."""

import gzip
import json
import os
import shutil
import signal
import sys
from collections import defaultdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import plumbline
from plumbline.curate.recipe import parse_recipe
from plumbline.engine import on_ray
from plumbline.formats import opened
from plumbline.formats.writing import convert_loaded
from plumbline.lineage import ALL_USES, StatedTerms, Use, file_digest, read_manifest
from plumbline.loop.check_run import run_check
from plumbline.loop.curating.run import CurationRun, run_curation
from plumbline.records import FaultError, MissingExtraError, NoDataError, SourceError, UsageError, WriteError
from tests.loop.curating.curations import SMALL, curated, curated_until, pair, pairs, write
from tests.prepared import start_prepared

ONLY_DUPLICATES = 'name = "once"\nversion = 1\n[[rule]]\nname = "exact-duplicates"\n'


def made_source(folder):
    """Twelve questions; two pairs of train stand twice, and one question in both splits."""
    write(folder / "train.jsonl", pairs(9) + pairs(2))
    write(folder / "test.jsonl.gz", [pair("question 8", "c", "d"), *pairs(3, first=9)])
    return folder


@pytest.fixture
def source(tmp_path):
    return made_source(tmp_path / "in" / "harmless-base")


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """The output of such a source from a run that nothing disturbed, and its summary."""
    folder = tmp_path_factory.mktemp("calm")
    return folder / "out", curated(folder / "out", made_source(folder / "harmless-base"))


@pytest.fixture
def out(tmp_path):
    return tmp_path / "runs" / "out"


def outputs_of(out):
    return {entry.path: (entry.sha256, entry.rows) for entry in read_manifest(out).outputs}


def nothing_left(out):
    """Beside the output stands nothing, neither stages nor what was being written."""
    return not out.parent.is_dir() or [path.name for path in out.parent.iterdir()] in ([], [out.name])


def total(counts):
    return sum(sum(splits.values()) for splits in counts.values())


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


# --- sources that are refused ---


def test_a_file_beside_its_own_copy(out, source, calm):
    """It is refused, but where the recipe removes duplicates before anything counts records."""
    write(source / "train.jsonl.gz", pairs(9) + pairs(2))
    aggregate = '[[rule]]\nname = "aggregate"\nmethod = "majority"\n'
    for head in (
        ONLY_DUPLICATES.replace("exact-duplicates", "leakage"),
        ONLY_DUPLICATES.replace("[[rule]]", aggregate + "[[rule]]"),
    ):
        with pytest.raises(UsageError, match=r"PL-SRC-010.*one for one"):
            curated(out, source, recipe=head)
        assert nothing_left(out)
    heard = []
    summary = curated(out, source, note=heard.append)
    assert summary["written"] == calm[1]["written"]
    assert summary["records"]["removed"] == calm[1]["records"]["removed"] + 11
    assert [each.split(":")[0] for each in heard] == ["harmless-base/train.jsonl.gz"]


def test_a_file_that_is_named_twice_is_refused(out, source):
    for again in ((source, source), (source / "train.jsonl", source / "train.jsonl")):
        with pytest.raises(UsageError, match="PL-SRC-010"):
            curated(out, *again)
    assert nothing_left(out)


BAD_RUNS = {
    "an unknown engine": ({"engine": "ry"}, UsageError, "PL-ARG-001"),
    "an address without Ray": ({"address": "127.0.0.1:1"}, UsageError, "PL-ARG-005"),
    "stages among the sources": ({"work": "in"}, UsageError, "PL-OUT-008"),
    "no such split": ({"load_options": {"split": "dev"}}, UsageError, "PL-SRC-004"),
    "an axis that is none": ({"load_options": {"axis": "kindness"}}, UsageError, "PL-ARG-001"),
    "a kind that is not there": (
        {"recipe": SMALL.replace('["comparisons"]', '["prompts"]')},
        UsageError,
        "PL-CUR-003",
    ),
    "every record removed": (
        {"recipe": 'name = "x"\nversion = 1\n[[rule]]\nname = "lengths"\nmost_characters = 1\n'},
        NoDataError,
        "PL-CUR-004",
    ),
}


@pytest.mark.parametrize("kind", BAD_RUNS)
def test_a_run_that_cannot_be_is_refused_and_leaves_nothing(kind, tmp_path, out, source):
    how, error, code = BAD_RUNS[kind]
    if "work" in how:
        how = {"work": tmp_path / how["work"]}
    with pytest.raises(error, match=code):
        curated(out, source.parent if "work" in how else source, **how)
    assert nothing_left(out)
    assert sorted(path.name for path in (tmp_path / "in").iterdir()) == ["harmless-base"]


def test_ray_that_is_not_installed(out, source, monkeypatch):
    def missing():
        raise MissingExtraError("PL-ENG-003", "--engine ray", "ray is not installed", advice="install it")

    monkeypatch.setattr(on_ray, "_imported", missing)
    with pytest.raises(MissingExtraError, match="PL-ENG-003"):
        curated(out, source, engine="ray")
    assert nothing_left(out)


def _cut(path):
    path.write_bytes(path.read_bytes()[:-12])


def _broken_page(path):
    convert_loaded(plumbline.load(path.parent / "train.jsonl"), path.parent / "converted", "parquet")
    whole = bytearray(next((path.parent / "converted").rglob("*.parquet")).read_bytes())
    whole[200:260] = bytes(60)
    shutil.rmtree(path.parent)
    path.parent.mkdir()
    (path.parent / "train.parquet").write_bytes(whole)


def _no_column(path):
    path.unlink()
    write(path.parent / "train.jsonl", [{"chosen": pair("q")["chosen"]}])


def _no_rows(path):
    path.unlink()
    write(path.parent / "train.jsonl", [{"chosen": 1, "rejected": 2}] * 3)


BAD_SOURCES = {
    "gzip that is cut": (_cut, FaultError, "PL-IO-"),
    "a Parquet page that is broken": (_broken_page, SourceError, "PL-IO-012"),
    "a column that is missing": (_no_column, SourceError, "PL-SRC-008(?s:.*)rejected is missing"),
    "every row unreadable": (_no_rows, NoDataError, "PL-CUR-003(?s:.*)3 × PL-JSON-005"),
}


@pytest.mark.parametrize("kind", BAD_SOURCES)
def test_a_damaged_source_ends_the_run_and_the_former_output_stands(kind, out, source, calm):
    damage, error, code = BAD_SOURCES[kind]
    shutil.copytree(calm[0], out)
    former = outputs_of(out)
    damage(source / "test.jsonl.gz")
    with pytest.raises(error, match=code):
        curated(out, source)
    assert outputs_of(out) == former
    assert {name: file_digest(out / name) for name in former} == {name: told[0] for name, told in former.items()}
    assert nothing_left(out)


def test_the_first_unreadable_row_may_end_the_run(out, source):
    with (source / "train.jsonl").open("a") as file:
        file.write("no JSON\n")
    with pytest.raises(FaultError, match="line 12"):
        curated(out, source, load_options={"on_error": "stop"})
    assert nothing_left(out)


# --- outputs that are refused ---


def test_an_output_that_is_no_place_to_write(tmp_path, out, source):
    out.mkdir(parents=True)
    (out / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="PL-OUT-002"):
        curated(out, source)
    assert [path.name for path in out.iterdir()] == ["notes.txt"]
    for among in (source, source / "out", source.parent):
        with pytest.raises(UsageError, match=r"PL-OUT-00[28]"):
            curated(among, source)
    curated(tmp_path / "made", source)
    former = outputs_of(tmp_path / "made")
    write(source / "train.jsonl", pairs(9))
    (source / "linked").symlink_to(tmp_path / "made" / "comparisons")
    with pytest.raises(UsageError, match="PL-OUT-008"):
        curated(tmp_path / "made", source)
    assert outputs_of(tmp_path / "made") == former
    assert nothing_left(tmp_path / "runs" / "out")


PLACES = {
    "an output that leads to itself": ("loop", None, WriteError, "PL-OUT-001"),
    "an output below such a link": ("loop/out", None, WriteError, "PL-OUT-001"),
    "stages where a link leads to itself": ("out", "loop", WriteError, "PL-OUT-001"),
    "stages under a name too long": ("out", "x" * 300, WriteError, "PL-OUT-001"),
    "stages where a file is": ("out", "file", WriteError, "PL-OUT-001"),
    "stages in the output": ("out", "out", UsageError, "PL-CUR-006"),
    "stages below the output": ("out", "out/work", UsageError, "PL-CUR-006"),
    "stages in the output by a link": ("out", "link", UsageError, "PL-CUR-006"),
    "an output that is a link to where the stages are": ("link", "out", UsageError, "PL-CUR-006"),
}


@pytest.mark.parametrize("kind", PLACES)
def test_places_that_lead_nowhere_or_into_each_other_are_refused_before_anything_is_read(
    kind, tmp_path, source, monkeypatch
):
    name, work, error, code = PLACES[kind]
    (tmp_path / "loop").symlink_to(tmp_path / "other")
    (tmp_path / "other").symlink_to(tmp_path / "loop")
    (tmp_path / "link").symlink_to(tmp_path / "out")
    (tmp_path / "file").touch()
    before = sorted(tmp_path.iterdir())
    monkeypatch.setattr("plumbline.loop.curating.run.open_sources", None)
    with pytest.raises(error, match=code):
        curated(tmp_path / name, source, work=work and tmp_path / work)
    assert sorted(tmp_path.iterdir()) == before


def test_an_output_beside_its_stages_in_one_folder(tmp_path, source, calm):
    assert curated(tmp_path / "work" / "out", source, work=tmp_path / "work") == calm[1]
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["out"]


# --- taken up again ---


@pytest.fixture
def read_files(monkeypatch):
    """The files that were read, by name, one entry each time."""
    names = []
    read_tables = opened.read_tables

    def counted(file):
        names.append(file.location.path.name)
        return read_tables(file)

    monkeypatch.setattr(opened, "read_tables", counted)
    return names


@pytest.mark.parametrize(
    "begins",
    # In a stage; thorough is the same before the first one and after the last.
    ["01-exact-duplicates-rows", *(pytest.param(name, marks=pytest.mark.thorough) for name in ("read: 1", "writing"))],
)
def test_a_killed_run_goes_on_and_ends_the_same(begins, tmp_path, out, source, calm, read_files):
    process = start_prepared(curated_until, begins, out, source, log=tmp_path / "log")
    process.join(60)
    assert process.exitcode == -signal.SIGKILL, (tmp_path / "log").read_text()
    assert not out.exists()
    assert [path.name for path in out.parent.iterdir()] == [".out.stages"]
    heard = []
    summary = curated(out, source, note=heard.append)
    assert read_files == (["test.jsonl.gz", "train.jsonl"] if begins == "read: 1" else [])
    assert summary == calm[1]
    assert outputs_of(out) == outputs_of(calm[0])
    assert nothing_left(out)
    assert [each.startswith("goes on where") for each in heard] == ([] if begins == "read: 1" else [True])


def test_what_a_stopped_run_left_may_be_damaged(out, source, read_files):
    stop = "counting"
    for damage in ("read-*/part-*.parquet", "read-*/intake.json", "01-exact-duplicates-rows-*/part-*.parquet"):
        with pytest.raises(KeyboardInterrupt):
            curated(out, source, step=_interrupting(stop))
        found = sorted((out.parent / ".out.stages").glob(damage))
        assert found
        found[0].write_bytes(b"PAR1 damaged PAR1")
        read_files.clear()
        heard = []
        summary = curated(out, source, note=heard.append)
        assert bool(read_files) == damage.startswith("read")
        taken_over = [each for each in heard if each.startswith("goes on where")]
        assert len(taken_over) == (not damage.startswith("read"))
        assert [("damaged or gone" in each) for each in heard if each not in taken_over] == [True]
        assert summary["written"] == {"comparisons": {"test": 4, "train": 8}}
    assert nothing_left(out)


def test_a_split_that_names_no_file_is_told_before_the_work(out, source):
    long = write(source.parent / "harmless-own" / f"{'é' * 60}.jsonl", pairs(2, first=40))
    begun = []
    with pytest.raises(UsageError, match=r"PL-CUR-002(?s:.*)rename the split"):
        curated(out, source, long, step=begun.append)
    assert "looking at each record" not in begun
    assert nothing_left(out)


def test_what_was_read_is_for_its_owner_alone(out, source):
    with pytest.raises(KeyboardInterrupt):
        curated(out, source, step=_interrupting("writing"))
    assert (out.parent / ".out.stages").stat().st_mode & 0o777 == 0o700


def _interrupting(begins):
    def step(title):
        if title.startswith(begins):
            raise KeyboardInterrupt

    return step


def test_another_recipe_or_source_takes_over_nothing_that_is_not_its_own(tmp_path, out, source, read_files):
    with pytest.raises(KeyboardInterrupt):
        curated(out, source, step=_interrupting("writing"))
    write(source / "train.jsonl", pairs(20, first=30))
    read_files.clear()
    assert curated(out, source)["records"]["read"] == {"comparisons": {"test": 4, "train": 20}}
    assert read_files == ["test.jsonl.gz", "train.jsonl"]
    assert nothing_left(out)


def test_an_interrupted_read_leaves_nothing_to_clear_away(out, source):
    with pytest.raises(KeyboardInterrupt):
        curated(out, source, step=_interrupting("read: 1"))
    assert nothing_left(out)


def test_scores_of_other_data_are_refused_before_the_rules_and_cost_no_finished_stage(
    tmp_path, out, source, read_files
):
    scores = tmp_path / "scores.csv"
    scores.write_text("id,probability\nnobody,0.5\n")
    begun = []
    recipe = SMALL.replace('name = "exact', 'name = "personal-data"\n[[rule]]\nname = "exact')
    with pytest.raises(NoDataError, match="PL-LBL-006"):
        curated(out, source, recipe=recipe, scores=(scores,), step=begun.append)
    assert "looking for personal data" in begun
    assert "looking at each record" not in begun
    assert not out.exists()
    read_files.clear()
    curated(out, source, recipe=recipe)
    assert read_files == [], "what was read stays"


def test_scores_that_may_be_of_what_is_to_be_made_are_held_against_it(tmp_path, out, source, read_files):
    """Nobody can say before the rules are through, and what they made stays."""
    write(source / "train.jsonl", [pair("q"), pair("q")])
    scores = tmp_path / "scores.csv"
    scores.write_text("id,probability\nnobody,0.5\n")
    recipe = SMALL.replace("exact-duplicates", "aggregate")
    with pytest.raises(NoDataError, match="PL-LBL-006"):
        curated(out, source, recipe=recipe, scores=(scores,))
    read_files.clear()
    summary = curated(out, source, recipe=recipe)
    assert read_files == []
    (made,) = [row for row in pq.read_table(out / "comparisons", columns=["id", "votes"]).to_pylist() if row["votes"]]
    scores.write_text(f"id,probability\n{made['id']},0.5\n")
    listed = curated(tmp_path / "again", source, recipe=recipe, scores=(scores,))
    assert listed["label_errors"]["scored"] == 1
    assert listed["written"] == summary["written"]


def test_scores_that_contradict_each_other_are_refused_before_the_rules(tmp_path, out, source):
    curated(out, source)
    made = pq.read_table(out / "comparisons", columns=["id"])["id"][0].as_py()
    scores = tmp_path / "scores.csv"
    scores.write_text(f"id,side,probability\n{made},0,0.9\n{made},1,0.9\n")
    begun = []
    with pytest.raises(SourceError, match="PL-LBL-004"):
        curated(tmp_path / "again", source, scores=(scores,), step=begun.append)
    assert "looking at each record" not in begun


def test_a_detector_that_is_not_installed_is_told_before_anything_is_read(out, source, monkeypatch):
    monkeypatch.setitem(sys.modules, "presidio_analyzer.predefined_recognizers", None)
    monkeypatch.setattr("plumbline.loop.curating.run.open_sources", None)
    recipe = SMALL.replace('name = "exact-duplicates"', 'name = "personal-data"\ndetector = "presidio"')
    with pytest.raises(MissingExtraError, match="PL-PII-001"):
        curated(out, source, recipe=recipe)


def test_two_runs_at_once_on_one_output(tmp_path, out, source):
    refused = []

    def step(title):
        if title == "writing":
            with pytest.raises(UsageError, match="PL-ENG-002") as caught:
                curated(out, source)
            refused.append(caught.value)

    summary = curated(out, source, step=step)
    assert len(refused) == 1
    assert summary["written"] == {"comparisons": {"test": 4, "train": 8}}
    assert nothing_left(out)
    work = tmp_path / "work"

    def beside(title):
        if title == "writing":
            curated(tmp_path / "elsewhere" / "out", source, work=work)

    curated(out, source, work=work, step=beside)
    assert outputs_of(out) == outputs_of(tmp_path / "elsewhere" / "out")
    assert list(work.iterdir()) == []


# --- disks that fill ---


def _many(count):
    """Pairs that no packing makes small."""
    return [pair(os.urandom(300).hex()) for _ in range(count)]


def test_a_disk_that_fills_while_reading(tmp_path, small_disk, source):
    out = small_disk / "out"
    curated(out, source)
    former = outputs_of(out)
    filler = small_disk / "filler"
    filler.write_bytes(bytes(930_000))
    large = write(tmp_path / "harmless-large" / "train.jsonl", _many(250))
    with pytest.raises(WriteError, match="the disk is full"):
        curated(out, large)
    assert outputs_of(out) == former
    assert sorted(path.name for path in small_disk.iterdir()) == ["filler", "out"]
    filler.unlink()
    assert curated(out, large)["written"] == {"comparisons": {"train": 250}}


def test_a_disk_that_fills_while_writing(tmp_path, small_disk, source, read_files):
    out, work = small_disk / "out", tmp_path / "work"
    curated(out, source)
    former = outputs_of(out)
    filler = small_disk / "filler"
    filler.write_bytes(bytes(900_000))
    large = write(tmp_path / "harmless-large" / "train.jsonl", _many(250))
    with pytest.raises(WriteError, match="the disk is full"):
        curated(out, large, work=work)
    assert outputs_of(out) == former
    assert sorted(path.name for path in small_disk.iterdir()) == ["filler", "out"]
    filler.unlink()
    read_files.clear()
    assert curated(out, large, work=work)["written"] == {"comparisons": {"train": 250}}
    assert read_files == []
    assert list(work.iterdir()) == []


def test_what_stood_at_the_output_is_a_file(tmp_path, source):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(WriteError, match="PL-OUT-001"):
        curated(tmp_path / "file" / "below", source)
    with pytest.raises(WriteError, match="PL-OUT-001"):
        curated(tmp_path / "out", source, work=tmp_path / "file")
    assert Path(tmp_path / "file").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "in"]
