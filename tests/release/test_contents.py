"""What a release holds, of every kind of record, and what it does not: no line that was read, no folder of a machine, no name."""

import gzip
import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import plumbline
from plumbline.formats import load
from plumbline.formats.writing import ConversionRun, convert_loaded
from plumbline.lineage import StatedTerms, Use, read_manifest
from plumbline.records import (
    Kind,
    SourceError,
    conversation_column,
    prompt_table,
    red_team_attempt_table,
    safety_label_table,
)
from plumbline.records.message import Message, Role
from plumbline.records.tables import with_ids
from plumbline.release import Answers, GateError, ReleaseOptions, build_release, verify_release
from tests.loop.curating.curations import curated, write
from tests.release.folders import PAIRS, loaded_lines, pair, write_folder, write_lines


def everything_in(folder):
    """All that stands in a folder, unpacked, with the names of its files."""
    parts = []
    for path in sorted(folder.rglob("*")):
        parts.append(path.relative_to(folder).as_posix())
        if path.suffix == ".gz":
            parts.append(gzip.decompress(path.read_bytes()).decode())
        elif path.suffix == ".parquet":
            table = pq.read_table(path)
            parts.append(f"{table.to_pylist()} {table.schema.metadata} {pq.read_metadata(path).metadata}")
        elif path.is_file():
            parts.append(path.read_text())
    return "\n".join(parts)


def stopped_by(folder, out, **options):
    """The gates that stop a release, with what they say."""
    with pytest.raises(GateError) as raised:
        build_release(folder, out, ReleaseOptions(**options))
    return {gate.name: gate.said for gate in raised.value.gates if gate.stops}


def with_column(table, name, values):
    index = table.schema.get_field_index(name)
    return table.set_column(index, table.schema.field(index), pa.array(values).cast(table.schema.field(index).type))


def folder_of_pairs(tmp_path, **columns):
    """Fourteen pairs, some columns of all of them set to one value."""
    loaded = loaded_lines(tmp_path / "in", labels=None)
    table = loaded.comparisons
    for name, value in columns.items():
        table = with_column(table, name, [value] * len(table))
    return write_folder(loaded, tmp_path / "made", tables={"comparisons": with_ids(Kind.COMPARISONS, table)})


# --- what is not in it ---


def test_no_name_of_a_raw_line_and_no_folder_of_a_machine_is_released(tmp_path):
    raw = json.dumps({"raw": '{"worker": "Ada Lovelace"}', "note": "kept"})
    folder = folder_of_pairs(tmp_path, extra=raw, source="/home/ada/secret/train.jsonl")
    path = folder / "comparisons" / "train.parquet"
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({**(table.schema.metadata or {}), b"pandas": b"/home/ada"}), path)
    manifest = read_manifest(folder)
    inputs = [entry.model_copy(update={"path": f"/home/ada/{entry.path}"}) for entry in manifest.inputs]
    manifest.model_copy(update={"inputs": inputs}).write(folder)
    command = ("release", "build", str(folder), "-o", str(tmp_path / "out"), f"--answers={tmp_path / 'a.toml'}")
    build_release(folder, tmp_path / "out", ReleaseOptions(command=command))
    found = everything_in(tmp_path / "out")
    for word in ("Ada", "ada/", "secret", str(tmp_path)):
        assert word not in found
    assert "kept" in found
    assert read_manifest(tmp_path / "out").command == ["release", "build", "made", "-o", "out", "--answers=a.toml"]
    before, after = load(folder).comparisons, plumbline.load(tmp_path / "out").comparisons
    assert sorted(before["id"].to_pylist()) == sorted(after["id"].to_pylist())
    assert verify_release(tmp_path / "out").is_sound


@pytest.mark.parametrize(
    ("columns", "gate", "place"),
    [
        ({"extra": '{"annotator_name": "Ada Lovelace"}'}, "workers", "column extra"),
        ({"source": "of ada.lovelace@analytical-engine.com/train.jsonl"}, "personal-data", "× email"),
        ({"tranche": "ada.lovelace@analytical-engine.com"}, "personal-data", "× email"),
    ],
)
def test_who_judged_and_personal_data_are_looked_for_in_the_whole_row(tmp_path, columns, gate, place):
    said = stopped_by(folder_of_pairs(tmp_path, **columns), tmp_path / "out")
    assert list(said) == [gate]
    assert place in said[gate]
    assert "ovelace" not in str(said)


def test_what_is_said_of_the_data_is_looked_at_as_the_data_are(tmp_path):
    folder = folder_of_pairs(tmp_path)
    mail = "ada.lovelace@analytical-engine.com"
    for answers in (Answers(summary=mail), Answers(datasheet={"funding": f"Ask {mail}."}), Answers(limits=[mail])):
        said = stopped_by(folder, tmp_path / "out", answers=answers)
        assert "1 × email, in what is said of the data: answers" in said["personal-data"]
    assert "the command" in stopped_by(folder, tmp_path / "out", command=("build", mail))["personal-data"]
    # Whoever answers for the data says openly how to find them.
    build_release(folder, tmp_path / "out", ReleaseOptions(answers=Answers(contact=mail, authors=[mail])))
    assert verify_release(tmp_path / "out").is_sound


def test_notes_that_go_along_are_looked_at_and_lose_the_folders_of_a_machine(tmp_path):
    source = write(tmp_path / "in" / "harmless-base" / "train.jsonl", [pair(n) for n in (1, 2, 2)])
    curated(tmp_path / "made", source.parent.parent)
    summary = json.loads((tmp_path / "made" / "curation" / "summary.json").read_text())
    summary["label_errors"] = {"n": 0, "scores": [{"path": "/home/ada/scores.parquet", "out_of_fold": True}]}
    (tmp_path / "made" / "curation" / "summary.json").write_text(json.dumps(summary))
    ledger = pq.read_table(tmp_path / "made" / "curation" / "removed.parquet")
    ledger = with_column(ledger, "source", ["/home/ada/train.jsonl"] * len(ledger))
    ledger = with_column(ledger, "worker", ["Ada Lovelace"] * len(ledger)).append_column(
        "more", pa.array(["Ada"] * len(ledger))
    )
    pq.write_table(
        ledger.replace_schema_metadata({"made by": "ada/"}), tmp_path / "made" / "curation" / "removed.parquet"
    )
    read_manifest(tmp_path / "made").write(tmp_path / "made")
    build_release(tmp_path / "made", tmp_path / "out", ReleaseOptions())
    found = everything_in(tmp_path / "out")
    assert "Ada" not in found
    assert "ada/" not in found
    assert "scores.parquet" in found
    pq.write_table(
        with_column(ledger, "reason", ["ada@analytical-engine.com"] * len(ledger)),
        tmp_path / "made" / "curation" / "removed.parquet",
    )
    read_manifest(tmp_path / "made").write(tmp_path / "made")
    assert "curation/removed.parquet" in stopped_by(tmp_path / "made", tmp_path / "again")["personal-data"]
    pq.write_table(pa.table({"step": ["one"]}), tmp_path / "made" / "curation" / "removed.parquet")
    with pytest.raises(SourceError, match="PL-REL-009"):
        build_release(tmp_path / "made", tmp_path / "again")


# --- what is in it ---


def said(*texts):
    """One conversation a text: a question of its own, and that reply."""
    asked = [(Message(Role.HUMAN, f"Question {text}?"), Message(Role.ASSISTANT, text)) for text in texts]
    return conversation_column(asked)


def placed(count, name, **columns):
    """Columns that say where rows stand: the last in test, the others in train."""
    splits = ["train"] * (count - 1) + ["test"]
    return {"source": f"{name}/rows.jsonl", "row": pa.array(range(count)), "split": pa.array(splits), **columns}


ATTEMPTS = {
    "task_description": ["ask for one", "ask for two", None],
    "rating": [4.0, 0.0, None],
    "outcome": ["success", "failure", "unscored"],
    "transcript_score": [-1.5, 0.25, None],
    "model_type": ["rlhf", None, "plain lm"],
    "model_size": ["52B", None, "2.7B"],
    "worker": ["7", "8", "7"],
    "tags": [["violence", "theft"], [], None],
    "reviews": [
        [{"reviewer": "12", "rating": 3.0, "tags": ["violence"]}, {"reviewer": "13", "rating": None, "tags": []}],
        [],
        [],
    ],
    "extra": ['{"is_upworker": true}', None, '{"notes": ["a", {"b": 1}]}'],
}
LABELS = {
    "taxonomy": ["house-rules", "house-rules", "unspecified"],
    "categories": [["rude", "off topic"], [], None],
    "is_safe": [False, True, False],
    "confidence": [3, 1, None],
    "worker": ["7", "8", None],
    "extra": ['{"seconds": 4}', None, None],
}


def tables_of_every_kind():
    prompts = conversation_column([(Message(Role.HUMAN, f"How {name}?"),) for name in ("one", "two")])
    return {
        "red_team_attempts": red_team_attempt_table(said("a", "b", "c"), placed(3, "attempts", **ATTEMPTS)),
        "safety_labels": safety_label_table(said("d", "e", "f"), placed(3, "labels", **LABELS)),
        "prompts": prompt_table(prompts, placed(2, "prompts", categories=[["rude"], None], extra='{"seen": 2}')),
    }


def test_attempts_labels_and_prompts_come_out_as_they_went_in_with_all_that_was_said_of_them(tmp_path):
    loaded = loaded_lines(tmp_path / "in", labels=None)
    tables = tables_of_every_kind() | {"comparisons": loaded.comparisons}
    folder = write_folder(loaded, tmp_path / "made", tables=tables)
    built = build_release(folder, tmp_path / "out")
    after = plumbline.load(tmp_path / "out")
    for kind, table in tables.items():
        assert after.tables[kind].sort_by("id").to_pylist() == table.sort_by("id").to_pylist()
    assert built.rows == 14 + 3 + 3 + 2
    not_in_lines = read_manifest(tmp_path / "out").configuration["not_in_lines"]
    assert not_in_lines == {"safety_labels": {"PL-BT-022": 2}, "prompts": {"PL-BT-024": 2}}
    card = (tmp_path / "out" / "README.md").read_text()
    assert "4 names of workers, all of the shape of a pseudonym" in card
    assert "workers under names of the shape of pseudonyms (whose they are nobody checked)" in card
    assert verify_release(tmp_path / "out").is_sound


def test_a_reviewer_by_name_stops_it(tmp_path):
    table = tables_of_every_kind()["red_team_attempts"]
    reviews = [[{"reviewer": "Ada Lovelace", "rating": 3.0, "tags": []}], [], []]
    named = with_column(table, "reviews", reviews)
    loaded = load(write_lines(tmp_path / "in", PAIRS, pair))
    folder = write_folder(loaded, tmp_path / "made", tables={"red_team_attempts": named})
    assert "column reviews (reviewer)" in stopped_by(folder, tmp_path / "out")["workers"]


# --- after a real curation ---

RECIPE = """
name = "whole"
version = 1
takes = ["comparisons"]
[[rule]]
name = "personal-data"
action = "mask"
[[rule]]
name = "exact-duplicates"
[[rule]]
name = "leakage"
threshold = 1
"""


@pytest.fixture
def real(tmp_path):
    """A folder that a curation wrote: two duplicates and one leaking row removed, two rows masked."""
    rows = [*(pair(n) for n in (*range(8), 0, 1)), pair(20, good="Write to ada@analytical-engine.com.")]
    write(tmp_path / "in" / "harmless-base" / "train.jsonl", rows)
    write(
        tmp_path / "in" / "harmless-base" / "test.jsonl",
        [pair(7, good="Other."), pair(21, good="Ask bob@analytical-engine.com.")],
    )
    curated(tmp_path / "made", tmp_path / "in", recipe=RECIPE)
    return tmp_path / "made"


def test_the_card_counts_what_the_ledger_of_a_real_curation_lists(real, tmp_path):
    built = build_release(real, tmp_path / "out")
    ledger = pq.read_table(tmp_path / "out" / "curation" / "removed.parquet")
    came_from = pq.read_table(real / "curation" / "removed.parquet")
    own = ["worker", "parents"]  # who judged, and ids from before masking, stay with the curated set
    assert ledger.drop_columns(own).equals(came_from.drop_columns(own).replace_schema_metadata(None))
    assert all(ledger[name].null_count == len(ledger) for name in own)
    by_rule = {rule: ledger["rule"].to_pylist().count(rule) for rule in ("exact-duplicates", "leakage")}
    assert by_rule == {"exact-duplicates": 2, "leakage": 1}
    card = (tmp_path / "out" / "README.md").read_text()
    rows = {
        line.split(" | ")[0].strip("| "): line.strip("| ").split(" | ")
        for line in card.splitlines()
        if "comparisons train" in line
    }
    for rule, removed in by_rule.items():
        assert rows[rule][3] == f"comparisons train {removed}"
    assert rows["personal-data"][4] == "comparisons test 1, comparisons train 1"
    assert f"13 records came in, {13 - len(ledger)} are released" in card
    assert built.rows == 13 - len(ledger)
    sheet = (tmp_path / "out" / "datasheet.md").read_text()
    assert "the rule personal-data masked personal data in 2 records" in sheet
    assert "3 records that rules removed" in sheet
    assert verify_release(tmp_path / "out").is_sound


def test_what_was_masked_before_is_told_of_a_folder_that_was_converted_since(real, tmp_path):
    convert = ConversionRun(command=["data", "convert"], configuration={"source": str(real)})
    convert_loaded(load(real), tmp_path / "once", "parquet", run=convert)
    again = ConversionRun(command=["data", "convert"], configuration={"source": str(tmp_path / "once")})
    convert_loaded(load(tmp_path / "once"), tmp_path / "twice", "parquet", run=again)
    for name in ("once", "twice"):
        build_release(tmp_path / name, tmp_path / f"release-{name}")
        sheet = (tmp_path / f"release-{name}" / "datasheet.md").read_text()
        assert "a curation before masked it in 2 records" in sheet
        assert "as they were in what was read" not in sheet
        assert verify_release(tmp_path / f"release-{name}").is_sound
    shutil.rmtree(real)
    build_release(tmp_path / "once", tmp_path / "release")
    sheet = (tmp_path / "release" / "datasheet.md").read_text()
    assert "what was done to them before is not told in what is here" in sheet


def test_a_masked_row_is_a_changed_one(real, tmp_path):
    rows = load(tmp_path / "in").comparisons
    unmasked = write_folder(load(tmp_path / "in"), tmp_path / "plain", tables={"comparisons": rows})
    accepted = {"personal-data": "made up", "leakage": "made up"}
    build_release(unmasked, tmp_path / "one", ReleaseOptions(accepted=accepted))
    changes = build_release(real, tmp_path / "two", ReleaseOptions(previous=tmp_path / "one")).changes
    assert {how: changes.total(how) for how in ("added", "removed", "changed", "moved")} == {
        **{"added": 0, "removed": 3, "changed": 2, "moved": 0}
    }
    assert (changes.texts, changes.rows_before, changes.rows_after) == (2, 13, 10)
    assert "In 2 changed rows the texts are others." in (tmp_path / "two" / "CHANGES.md").read_text()


# --- synthetic ---


def test_what_only_a_manifest_calls_synthetic_is_marked_in_every_text(tmp_path):
    folder = write_folder(
        loaded_lines(tmp_path / "in", labels=None), tmp_path / "made", configuration={"synthetic": True}
    )
    build_release(folder, tmp_path / "out")
    out = tmp_path / "out"
    assert "**Synthetic data went into this**" in (out / "README.md").read_text()
    assert "\n- synthetic\n" in (out / "README.md").read_text()
    assert "Synthetic data went into this: a manifest behind it says so" in (out / "datasheet.md").read_text()
    assert "Synthetic data went into this" in json.loads((out / "croissant.json").read_text())["description"]
    assert read_manifest(out).configuration["synthetic"] is True
    assert verify_release(out).is_sound
    build_release(folder_behind(tmp_path, folder), tmp_path / "later")
    assert read_manifest(tmp_path / "later").configuration["synthetic"] is True


def folder_behind(tmp_path, folder):
    """What a conversion made of a folder, whose manifest says nothing of where rows came from but the folder's place."""
    run = ConversionRun(command=["data", "convert"], configuration={"source": str(folder)})
    convert_loaded(load(folder), tmp_path / "behind", "parquet", run=run)
    return tmp_path / "behind"


def test_of_rows_only_some_are_synthetic_where_only_some_say_so(tmp_path):
    loaded = loaded_lines(tmp_path / "in", labels=None)
    sources = ["a-synthetic/train.jsonl"] * 4 + ["a/train.jsonl"] * 10
    table = with_column(loaded.comparisons, "source", sources)
    build_release(write_folder(loaded, tmp_path / "made", tables={"comparisons": table}), tmp_path / "out")
    for name in ("README.md", "datasheet.md"):
        text = (tmp_path / "out" / name).read_text().replace("**", "")
        assert "4 of 14 rows are synthetic: a program made them up, as the names of their sources say." in text
    study = {"study": "tones", "study_kind": "pairs", "people": {"work": 5}, "synthetic": True}
    folder = write_folder(loaded, tmp_path / "export", configuration=study)
    build_release(folder, tmp_path / "of-study")
    sheet = (tmp_path / "of-study" / "datasheet.md").read_text()
    assert "Judgements, given in the app, one act at a time. What was judged is synthetic" in sheet
    assert "nothing tells whether people or programs judged it" in sheet
    assert "of people, given in the app" not in sheet
    assert "the people who judged" not in sheet
    assert "made the rows up" not in sheet


# --- terms ---


def test_a_parent_that_tells_no_terms_is_stated_for_with_a_reason_or_nothing_is_released(tmp_path):
    (tmp_path / "in" / "harmless-own").mkdir(parents=True)
    (tmp_path / "in" / "harmless-own" / "train.jsonl").write_text(
        '{"prompt": "Hello?", "chosen": "Yes.", "rejected": "No."}\n'
    )
    parent = write_folder(load(tmp_path / "in"), tmp_path / "parent")
    read_manifest(parent).model_copy(update={"uses": []}).write(parent)
    folder = write_folder(load(parent), tmp_path / "child", configuration={"sources": [str(parent)]})
    path = folder / "comparisons" / "train.parquet"
    pq.write_table(pq.read_table(path).replace_schema_metadata(None), path)
    told = read_manifest(folder).model_copy(update={"uses": [Use.ANALYSIS], "licence": "MIT"})
    told.write(folder)
    assert stopped_by(folder, tmp_path / "out").keys() == {"uses", "licence"}
    stated = StatedTerms.of("MIT", ["analysis"])
    assert stopped_by(folder, tmp_path / "out", stated=stated).keys() == {"licence"}
    built = build_release(folder, tmp_path / "out", ReleaseOptions(stated=stated, accepted={"licence": "all ours"}))
    assert (built.terms.licence, sorted(built.terms.uses)) == ("MIT", ["analysis"])
    assert "accepted because: all ours" in (tmp_path / "out" / "README.md").read_text()
    told = read_manifest(tmp_path / "out").configuration
    assert (told["accepted"], told["stated_terms"]["licence"]) == ({"licence": "all ours"}, "MIT")
    assert verify_release(tmp_path / "out").is_sound


def test_share_alike_and_non_commercial_are_not_released_as_one(tmp_path):
    parts = [
        load(
            write_lines(tmp_path / name, {f"harmless-{name}": {"train": numbers}}, pair),
            stated_terms=StatedTerms.of(licence, None),
        )
        for name, licence, numbers in (("one", "CC-BY-SA-4.0", range(3)), ("two", "CC-BY-NC-4.0", range(3, 6)))
    ]
    folder = write_folder(plumbline.formats.loading.merge_loaded(parts), tmp_path / "made")
    said = stopped_by(folder, tmp_path / "out")
    assert said["licence"].startswith("CC-BY-NC-4.0 AND CC-BY-SA-4.0; CC-BY-SA-4.0 wants")
    build_release(folder, tmp_path / "out", ReleaseOptions(accepted={"licence": "each row keeps its own"}))
    card = (tmp_path / "out" / "README.md").read_text()
    assert "license_name: cc-by-nc-4.0-and-cc-by-sa-4.0" in card
    assert verify_release(tmp_path / "out").is_sound
