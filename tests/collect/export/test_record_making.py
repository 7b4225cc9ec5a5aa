"""Finished work as records: polarity, corrections, edits, rulings."""

from collections import Counter

import pytest
from sqlalchemy import text

from plumbline.collect.store.rows import Role
from plumbline.records import Axis, Kind, NoDataError
from tests.collect.api.client import EXAMPLES
from tests.collect.export import collected
from tests.collect.export.collected import lines, read


def correct(api, token, judgement, **submission):
    body = {"guidelines_version": 1, "submission": submission}
    return api.got("POST", f"/judgements/{judgement}/correct", token, json=body, key=api.key())


def judge(api, study, worker, **steps):
    work = api.next(study, worker)
    return work, api.submitted(work, worker, act="judge-pair", **steps)


def test_flipping_every_judgement_flips_every_pair(api, tmp_path):
    for name, first, second in (("as-said", 1, 8), ("flipped", 8, 1)):
        study, _ = collected.pairs(api, workers=0, name=name)
        worker = api.somebody()
        while (work := api.next(study, worker))["assignment"] is not None:
            # By the text, not by where it is shown: that is drawn for each assignment anew.
            step = first if work["step"]["replies"][0] < work["step"]["replies"][1] else second
            api.submitted(work, worker, act="judge-pair", helpfulness=step, harmlessness=step)
        collected.export(api, study, tmp_path / name, "hh-rlhf")
    for folder in ("helpful-base", "harmless-base"):
        said, flipped = (lines(tmp_path / name / folder / "train.jsonl.gz") for name in ("as-said", "flipped"))
        assert len(said) > 5
        assert [(row["chosen"], row["rejected"]) for row in said] == [
            (row["rejected"], row["chosen"]) for row in flipped
        ]
        assert all(row["chosen"] != row["rejected"] for row in said)


def test_flipping_every_label_flips_every_row(api, tmp_path):
    flags = []
    for number, categories in enumerate(([], ["self_harm"])):
        text = (EXAMPLES / "safety-labels.toml").read_text().split("[gold]")[0]
        study = api.study(text.replace('"safety-labels"', f'"labels-{number}"', 1))["name"]
        api.enter(study, "labels.jsonl")
        worker = api.somebody()
        while (work := api.next(study, worker))["assignment"] is not None:
            api.submitted(work, worker, act="label", categories=categories, none_applies=not categories, confidence=1)
        collected.export(api, study, tmp_path / str(number), "beavertails")
        flags.append(
            [(row["is_safe"], row["category"]["self_harm"]) for row in lines(tmp_path / str(number) / "train.jsonl.gz")]
        )
    assert set(flags[0]) == {(True, False)}
    assert set(flags[1]) == {(False, True)}
    assert len(flags[0]) == len(flags[1]) > 3


@pytest.mark.parametrize("step", [1, 8])
def test_who_was_asked_for_harm_is_stored_as_the_better_side(api, one_pair, tmp_path, step):
    work, _ = judge(api, one_pair, api.somebody(), harmlessness=step)
    more_harmful = work["step"]["replies"][0 if step == 1 else 1]
    collected.export(api, one_pair, tmp_path / "out", "hh-rlhf")
    (row,) = lines(tmp_path / "out/harmless-base/train.jsonl.gz")
    assert row["rejected"].endswith(f" {more_harmful}")
    assert not row["chosen"].endswith(f" {more_harmful}")


def test_a_corrected_judgement_is_exported_once_as_corrected(api, one_pair, tmp_path):
    worker = api.somebody()
    _, done = judge(api, one_pair, worker, harmlessness=1)
    collected.export(api, one_pair, tmp_path / "before", "hh-rlhf")
    second = correct(api, worker, done["judgements"][0], act="judge-pair", harmlessness=8)
    correct(api, worker, second["judgements"][0], act="judge-pair", harmlessness=7)
    collected.export(api, one_pair, tmp_path / "after", "hh-rlhf")
    collected.export(api, one_pair, tmp_path / "own", "parquet")
    (before,), (after,) = (lines(tmp_path / name / "harmless-base/train.jsonl.gz") for name in ("before", "after"))
    assert (before["chosen"], before["rejected"]) == (after["rejected"], after["chosen"])
    (record,) = read(tmp_path / "own")
    assert record.strength == 3


def test_an_edited_reply_stands_above_the_one_it_was_made_from(api, tmp_path):
    study, _, _ = collected.helpful_chat(api, edit={"position": 0, "text": "Better so."})
    collected.export(api, study, tmp_path / "out", "hh-rlhf")
    found = lines(tmp_path / "out/helpful-base/train.jsonl.gz")
    assert len(found) == 5
    edited = [row for row in found if row["chosen"].endswith("Assistant: Better so.")]
    assert len(edited) == 1
    # Judged better, so it went on: all later turns have it in their context.
    assert sum("Assistant: Better so.\n\nHuman:" in row["rejected"] for row in found) == 3


def rows_read(api, study, out):
    """Preference rows that were written, and those that have a tie."""
    collected.export(api, study, out, "pku-saferlhf")
    return collected.manifest(out)["rows_read"]


@pytest.mark.parametrize("form", ["parquet", "beavertails"])
def test_split_labels_that_nobody_ruled_on_are_counted_as_of_the_moment(api_on_both, tmp_path, form):
    api = api_on_both
    study, before = collected.labels(api), api.now
    assert collected.export(api, study, tmp_path / "out", form).left_out == {"awaiting_ruling": 1}
    api.wait(seconds=1)
    collected.rule(api, study, api.somebody(Role.REVIEWER))
    assert collected.export(api, study, tmp_path / "out", form).left_out == {}
    assert collected.export(api, study, tmp_path / "out", form, now=before).left_out == {"awaiting_ruling": 1}
    assert collected.export(api, study, tmp_path / "all", "judgements").left_out == {}


def test_what_rests_on_a_disputed_label_is_held_back_until_it_is_ruled_on(api, tmp_path):
    study, _, reviewer = collected.ranking(api, ruled=False)
    before = collected.export(api, study, tmp_path / "before", "parquet")
    held = before.left_out["awaiting_ruling"]
    assert held > 0
    assert before.left_out.get("against_ruling", 0) == 0
    rows_before = rows_read(api, study, tmp_path / "rows-before")
    with pytest.raises(NoDataError, match="PL-EXP-002") as raised:
        collected.export(api, study, tmp_path / "none", "beavertails")
    assert "1 × awaiting_ruling" in raised.value.found
    collected.rule(api, study, reviewer)
    after = collected.export(api, study, tmp_path / "after", "parquet")
    assert "awaiting_ruling" not in after.left_out
    harmless = [
        [each for each in read(tmp_path / name) if each.axis is Axis.HARMLESSNESS] for name in ("before", "after")
    ]
    assert len(harmless[1]) == len(harmless[0]) + held
    # Row numbers stay, whatever was held back.
    assert {(each.row, each.id) for each in harmless[0]} <= {(each.row, each.id) for each in harmless[1]}
    assert rows_read(api, study, tmp_path / "rows-after") == rows_before + held


def test_labels_that_came_with_the_data_leave_once_however_many_ranked_them(api_on_both, tmp_path):
    """Two workers, one of whom disputes a label, and a ruling: replies + 2 labels, and no one's counted as another's."""
    api = api_on_both
    study, worker, reviewer = collected.ranking(api)
    before = collected.export(api, study, tmp_path / "before", "parquet")
    api.wait(minutes=1)
    other = collected.rank_all(api, study)
    collected.export(api, study, tmp_path / "after", "parquet")
    replies = {each.context + side for each in read(tmp_path / "after") for side in each.continuations}
    labels = read(tmp_path / "after", Kind.SAFETY_LABELS)
    of_data = [each for each in labels if each.worker is None]
    assert Counter(each.conversation for each in of_data) == Counter(replies)
    assert all('"given_by": "data"' in each.extra for each in of_data)
    given = Counter(each.worker for each in labels if each.worker is not None)
    assert given == Counter({api.ids[token].pseudonym: 1 for token in (worker, reviewer)})
    assert api.ids[other].pseudonym not in given
    # Whatever else comes, they keep their rows.
    assert {(each.row, each.id) for each in read(tmp_path / "before", Kind.SAFETY_LABELS)} == {
        (each.row, each.id) for each in labels
    }
    assert before.quarantined == {}


def test_stored_work_that_cannot_be_read_is_set_aside_with_a_code(api, tmp_path):
    study, _ = collected.pairs(api, workers=1)
    count = collected.export(api, study, tmp_path / "before", "parquet").files[0].rows
    api.store.write(lambda connection: connection.execute(text("UPDATE items SET payload = '{}' WHERE id = 2")))
    exported = collected.export(api, study, tmp_path / "after", "parquet")
    assert exported.quarantined == {"PL-EXP-005": 1}
    assert exported.files[0].rows == count - 2
    assert collected.manifest(tmp_path / "after")["quarantined"] == {"PL-EXP-005": 1}
