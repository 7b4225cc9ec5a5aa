"""What is collected comes back: each kind of study in each form that it has.

Every kind's records are read on both databases. What a form makes of them is above the store: on Postgres `make thorough`.
"""

import gzip
import json
from collections import Counter
from dataclasses import replace

import pytest

import plumbline
from plumbline.collect.export import Form, forms_of
from plumbline.collect.study_settings import StudyKind
from plumbline.records import Axis, Kind, Outcome, records_from_table
from plumbline.records.identity import safety_label_ids
from tests.collect.export import collected
from tests.collect.export.collected import lines

ABOVE_THE_STORE = pytest.mark.parametrize("database", ["sqlite", pytest.param("postgres", marks=pytest.mark.thorough)])

MAKERS = {
    StudyKind.PAIRS: lambda api: collected.pairs(api)[0],
    StudyKind.PREFERENCE_CHAT: lambda api: collected.helpful_chat(api, edit={"position": 1, "text": "Better so."})[0],
    StudyKind.RED_TEAM_CHAT: lambda api: collected.red_team(api)[0],
    StudyKind.SAFETY_LABELS: collected.labels,
    StudyKind.TWO_AXIS_RANKING: lambda api: collected.ranking(api)[0],
}


def _row_and_id(record):
    return record.row, record.id


def better_and_worse(comparisons):
    """How often which side was said to be better, by item."""
    found = Counter()
    for comparison in comparisons:
        sides = [tuple(message.text for message in side) for side in comparison.continuations]
        if comparison.outcome is Outcome.SECOND:
            sides.reverse()
        found[comparison.axis, comparison.item_id, *sides] += 1
    return found


def loaded(folder, **more):
    found = plumbline.load(folder, **more)
    assert (found.faults, found.findings) == ([], [])
    return {kind: list(records_from_table(table)) for kind, table in found.tables.items() if len(table)}


@pytest.mark.parametrize("kind", list(StudyKind))
def test_our_own_tables_hold_the_very_records(api_on_both, tmp_path, kind):
    study = MAKERS[kind](api_on_both)
    exported = collected.export(api_on_both, study, tmp_path / "out", "parquet")
    comparisons, labels, attempts = collected.kinds_made(api_on_both, study)
    made = {Kind.COMPARISONS: comparisons, Kind.SAFETY_LABELS: labels, Kind.RED_TEAM_ATTEMPTS: attempts}
    found = loaded(tmp_path / "out")
    assert found.keys() == {kind for kind, records in made.items() if records} != set()
    for each, records in found.items():
        expected = [replace(record, split="train") for record in made[each]]
        assert sorted(records, key=_row_and_id) == sorted(expected, key=_row_and_id)
        assert [record.row for record in records] == sorted(record.row for record in records)
    assert {file.path: file.rows for file in exported.files} == {
        f"{each}/train.parquet": len(records) for each, records in found.items()
    }
    assert exported.quarantined == {}


@ABOVE_THE_STORE
@pytest.mark.parametrize("kind", [kind for kind in StudyKind if Form.HH_RLHF in forms_of(kind, "beavertails-14")])
def test_pairs_of_hh_rlhf(api_on_both, tmp_path, kind):
    study = MAKERS[kind](api_on_both)
    exported = collected.export(api_on_both, study, tmp_path / "out", "hh-rlhf")
    comparisons, _, _ = collected.kinds_made(api_on_both, study)
    decided = [each for each in comparisons if each.outcome is not Outcome.TIE]
    found = loaded(tmp_path / "out")[Kind.COMPARISONS]
    assert better_and_worse(found) == better_and_worse(decided)
    assert {each.subset for each in found} == {each.subset for each in decided}
    ties = len(comparisons) - len(decided)
    assert exported.quarantined == ({"PL-HH-020": ties} if ties else {})
    for axis in {each.axis for each in decided}:
        folder = "helpful-base" if axis is Axis.HELPFULNESS else "harmless-base"
        raw = gzip.decompress((tmp_path / "out" / folder / "train.jsonl.gz").read_bytes())
        # To the byte as the public set writes it.
        again = "".join(
            json.dumps({key: row[key] for key in ("chosen", "rejected")}, ensure_ascii=False) + "\n"
            for row in map(json.loads, raw.splitlines())
        )
        assert raw == again.encode()


@ABOVE_THE_STORE
def test_red_team_attempts(api_on_both, tmp_path):
    study, author, others = collected.red_team(api_on_both)
    exported = collected.export(api_on_both, study, tmp_path / "out", "red-team")
    _, _, attempts = collected.kinds_made(api_on_both, study)
    found = loaded(tmp_path / "out")[Kind.RED_TEAM_ATTEMPTS]
    assert [each.id for each in found] == [each.id for each in attempts]
    assert [each.tags for each in found] == [each.tags for each in attempts]
    assert len(attempts[0].tags) == 3
    assert attempts[1].tags is None
    first, _ = lines(tmp_path / "out/red-team-attempts/red_team_attempts.jsonl.gz")
    assert list(first) == [
        *("transcript", "min_harmlessness_score_transcript", "num_params", "model_type", "rating", "task_description"),
        *("task_descripton_harmlessness_score", "red_team_member_id", "is_upworker", "tags"),
    ]
    assert (first["rating"], first["task_description"]) == (2.0, "to be rude")
    assert first["red_team_member_id"] == api_on_both.ids[author].pseudonym
    assert first["transcript"].startswith("\n\nHuman: How do I get my neighbour to be quiet, 1?\n\nAssistant: ")
    assert exported.columns_not_carried == {Kind.RED_TEAM_ATTEMPTS: {"reviews": 1}}
    # Who wrote the attempt did not review it.
    assert len({review.reviewer for review in attempts[0].reviews} - {first["red_team_member_id"]}) == len(others)


@ABOVE_THE_STORE
@pytest.mark.parametrize("kind", [kind for kind in StudyKind if Form.BEAVERTAILS in forms_of(kind, "beavertails-14")])
def test_labels_of_beavertails(api_on_both, tmp_path, kind):
    study = MAKERS[kind](api_on_both)
    collected.export(api_on_both, study, tmp_path / "out", "beavertails")
    _, labels, _ = collected.kinds_made(api_on_both, study)
    if kind is StudyKind.TWO_AXIS_RANKING:
        # The other labels came with the items.
        labels = [label for label in labels if '"ruling": true' in label.extra]
        assert len(labels) == 1
    found = loaded(tmp_path / "out")[Kind.SAFETY_LABELS]

    def without_what_is_not_carried(label):
        said = {"categories": label.categories, "is_safe": label.is_safe}
        return safety_label_ids(label.conversation, label.taxonomy, **said)[0]

    assert [each.id for each in found] == [without_what_is_not_carried(each) for each in labels]
    row = lines(tmp_path / "out/train.jsonl.gz")[0]
    assert list(row) == ["prompt", "response", "category", "is_safe"]
    assert len(row["category"]) == 14


@ABOVE_THE_STORE
def test_preference_rows(api_on_both, tmp_path):
    study, *_ = collected.ranking(api_on_both)
    exported = collected.export(api_on_both, study, tmp_path / "out", "pku-saferlhf")
    comparisons, _, _ = collected.kinds_made(api_on_both, study)
    comparisons = {(each.row, each.axis): each for each in comparisons}
    by_side = collected.sides_made(api_on_both, study)
    rows = sorted({row for row, axis in comparisons if axis is Axis.HARMLESSNESS})
    decided = [row for row in rows if all(comparisons[row, axis].outcome is not Outcome.TIE for axis in _BOTH_AXES)]
    found = lines(tmp_path / "out/train.jsonl.gz")
    assert len(found) == len(decided) > 2
    assert exported.quarantined == ({"PL-PKU-023": len(rows) - len(decided)} if len(rows) > len(decided) else {})
    for row, line in zip(decided, found, strict=True):
        assert list(line) == [
            *("prompt", "response_0", "response_1", "is_response_0_safe", "is_response_1_safe"),
            *("better_response_id", "safer_response_id"),
        ]
        helpful, harmless = (comparisons[row, axis] for axis in _BOTH_AXES)
        assert line["response_0"] == harmless.continuations[0][0].text
        assert line["better_response_id"] == [Outcome.FIRST, Outcome.SECOND].index(helpful.outcome)
        assert line["safer_response_id"] == [Outcome.FIRST, Outcome.SECOND].index(harmless.outcome)
        assert [line[f"is_response_{side}_safe"] for side in (0, 1)] == [by_side[row, side].is_safe for side in (0, 1)]
    again = loaded(tmp_path / "out")
    assert len(again[Kind.COMPARISONS]) == len(again[Kind.SAFETY_LABELS]) == 2 * len(decided)


_BOTH_AXES = (Axis.HELPFULNESS, Axis.HARMLESSNESS)


@ABOVE_THE_STORE
def test_a_chat_whose_prompt_asks_already(api_on_both, tmp_path):
    study = collected.opened_chat(api_on_both)
    collected.export(api_on_both, study, tmp_path / "out", "hh-rlhf")
    found = lines(tmp_path / "out/harmless-base/train.jsonl.gz")
    assert len(found) == 3
    for pair in found:
        assert "\n\nHuman: \n\n" not in pair["chosen"]
        assert pair["chosen"].count("\n\nHuman:") == pair["chosen"].count("\n\nAssistant:")


@pytest.mark.parametrize(
    ("database", "kind"),
    [
        *(("sqlite", kind) for kind in StudyKind),
        *(pytest.param("postgres", k, marks=() if k == "red-team-chat" else pytest.mark.thorough) for k in StudyKind),
    ],
)
def test_the_log(api_on_both, tmp_path, kind):
    study = MAKERS[kind](api_on_both)
    exported = collected.export(api_on_both, study, tmp_path / "out", "events")
    found = lines(tmp_path / "out/events/events.jsonl.gz")
    assert [each["seq"] for each in found] == sorted(each["seq"] for each in found)
    counts = Counter(each["kind"] for each in found)
    assert counts["study_created"] == 1
    assert counts["submitted"] > 0
    people = {person.pseudonym for person in api_on_both.ids.values()}
    assert {each["person"] for each in found} - {None} <= people
    assert list(found[0]) == ["seq", "at", "kind", "person", "item", "assignment", "payload"]
    assert exported.files[0].rows == len(found)
    for person in api_on_both.ids.values():
        assert person.id not in json.dumps(found)


# --- the archive is the folder ---


@pytest.mark.parametrize("kind", list(StudyKind))
def test_the_archive_holds_the_same_files(api, tmp_path, kind):
    study = MAKERS[kind](api)
    for form in forms_of(kind, "beavertails-14"):
        collected.export(api, study, tmp_path / form, form, test_share=0.4)
        found = collected.archive(api, study, form, test_share=0.4)
        assert list(found)[-2:] == ["README.md", "manifest.json"]
        written = {
            path.relative_to(tmp_path / form).as_posix(): path.read_bytes()
            for path in (tmp_path / form).rglob("*")
            if path.is_file()
        }
        if form is Form.EVENTS:
            # The first export stands in the log by now.
            assert found.keys() == written.keys()
        else:
            assert found == written
