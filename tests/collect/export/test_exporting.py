"""One export: its moment, its row numbers, its splits, and what its form holds."""

from datetime import timedelta

import pytest

import plumbline
from plumbline.collect.export import forms_of
from plumbline.collect.study_settings import StudyKind
from plumbline.records import NoDataError, Outcome, UsageError
from tests.collect.api.client import rows, toml
from tests.collect.export import collected
from tests.collect.export.collected import read


def correct(api, token, judgement, **submission):
    body = {"guidelines_version": 1, "submission": submission}
    return api.got("POST", f"/judgements/{judgement}/correct", token, json=body, key=api.key())


def judge(api, study, worker, **steps):
    work = api.next(study, worker)
    return work, api.submitted(work, worker, act="judge-pair", **steps)


# --- polarity ---


# --- corrections, rulings ---


# --- moments, row numbers ---


def test_row_numbers_stay_as_more_comes(api, tmp_path):
    study, _ = collected.pairs(api, workers=1)
    collected.export(api, study, tmp_path / "before", "parquet")
    api.wait(minutes=1)
    worker = api.somebody()
    while (work := api.next(study, worker))["assignment"] is not None:
        api.submitted(work, worker, act="judge-pair", helpfulness=3, harmlessness=3)
    collected.export(api, study, tmp_path / "after", "parquet")
    before, after = ({each.id: each.row for each in read(tmp_path / name)} for name in ("before", "after"))
    assert before.items() <= after.items()
    assert len(after) == 2 * len(before)


def test_nothing_later_than_the_moment_is_in_it(api, one_pair, tmp_path):
    early, late = api.somebody(), api.somebody()
    api.got("POST", "/studies/s/items", api.owner, content=rows(("q2", "one", "other")))
    _, done = judge(api, one_pair, early, harmlessness=1)
    moment = api.now
    api.wait(seconds=1)
    judge(api, one_pair, late, harmlessness=1)
    correct(api, early, done["judgements"][0], act="judge-pair", harmlessness=8)
    collected.export(api, one_pair, tmp_path / "then", "parquet", now=moment)
    collected.export(api, one_pair, tmp_path / "now", "parquet")
    (then,), now = read(tmp_path / "then"), read(tmp_path / "now")
    assert (then.worker, len(now)) == (api.ids[early].pseudonym, 2)
    corrected = next(each for each in now if each.worker == then.worker)
    assert {then.outcome, corrected.outcome} == {Outcome.FIRST, Outcome.SECOND}
    assert then.row == corrected.row
    assert collected.manifest(tmp_path / "then")["configuration"]["as_of"] == moment.isoformat()
    with pytest.raises(NoDataError, match="PL-EXP-002"):
        collected.export(api, one_pair, tmp_path / "before", "parquet", now=moment - timedelta(seconds=1))


def test_unfinished_and_given_back_work_is_not_in_it(api, tmp_path):
    study = api.example("preference-chat")
    worker = api.somebody()
    work = api.next(study, worker)
    api.say(work, worker, 1, "Hello?")
    step = api.step(work, worker)
    api.submitted(work, worker, act="judge-turn", turn=1, step=1, shown=step["fields"]["shown"])
    with pytest.raises(NoDataError, match="PL-EXP-002") as raised:
        collected.export(api, study, tmp_path / "out", "hh-rlhf")
    assert raised.value.exit_code == 1
    assert not (tmp_path / "out").exists()


# --- what stays inside ---


# --- splits ---


def test_no_prompt_stands_on_both_sides_of_a_split(api, tmp_path):
    study, _ = collected.pairs(api)
    exported = collected.export(api, study, tmp_path / "out", "parquet", test_share=0.4)
    collected.export(api, study, tmp_path / "again", "parquet", test_share=0.4)
    found = read(tmp_path / "out")
    groups = {split: {each.group_id for each in found if each.split == split} for split in ("train", "test")}
    assert groups["train"]
    assert groups["test"]
    assert not groups["train"] & groups["test"]
    assert sum(file.rows for file in exported.files) == len(found)
    assert [each.id for each in read(tmp_path / "again")] == [each.id for each in found]
    collected.export(api, study, tmp_path / "hh", "hh-rlhf", test_share=0.4)
    by_file = plumbline.load(tmp_path / "hh", data_dir="harmless-base", split="test").comparisons
    assert set(by_file["group_id"].to_pylist()) == groups["test"]


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_that_is_none(api, one_pair, tmp_path, share):
    with pytest.raises(UsageError, match="PL-EXP-004"):
        collected.export(api, one_pair, tmp_path / "out", "parquet", test_share=share)


# --- forms ---


def test_a_form_that_holds_nothing_of_it_names_those_that_do(api, one_pair, tmp_path):
    with pytest.raises(UsageError, match="PL-EXP-001") as raised:
        collected.export(api, one_pair, tmp_path / "out", "beavertails")
    assert "hh-rlhf, parquet, judgements, events" in raised.value.expected
    with pytest.raises(UsageError, match="PL-ARG-001"):
        collected.export(api, one_pair, tmp_path / "out", "csv")


def test_where_a_form_can_express_nothing_of_it_all_nothing_is_written(api, tmp_path):
    api.study(toml())
    api.got("POST", "/studies/s/items", api.owner, content=rows(("q", "one\n\nHuman: two", "other")))
    judge(api, "s", api.somebody(), helpfulness=2)
    with pytest.raises(NoDataError, match="PL-EXP-003") as raised:
        collected.export(api, "s", tmp_path / "out", "hh-rlhf")
    assert "1 × PL-HH-0" in raised.value.found
    assert not (tmp_path / "out").exists()
    collected.export(api, "s", tmp_path / "own", "parquet")


def test_categories_of_fourteen_are_no_column_of_preference_rows_and_counted(api, tmp_path):
    study, *_ = collected.ranking(api)
    exported = collected.export(api, study, tmp_path / "out", "pku-saferlhf")
    counts = collected.manifest(tmp_path / "out")["configuration"]["columns_not_carried"]
    _, labels, _ = collected.kinds_made(api, study)
    assert counts == {kind.value: columns for kind, columns in exported.columns_not_carried.items()}
    known = any(label.categories is not None for label in labels if label.side is not None)
    assert ("categories" in counts.get("safety_labels", {})) == known


def test_forms_that_fit_another_taxonomy_are_not_offered(api, tmp_path):
    """A row of BeaverTails has its 14 categories; of others it could hold nothing."""
    study = collected.labels(api, "pku-19")
    with pytest.raises(UsageError, match="PL-EXP-001") as raised:
        collected.export(api, study, tmp_path / "out", "beavertails")
    assert "one of parquet, judgements, events" in raised.value.expected
    ranked, *_ = collected.ranking(api, taxonomy="pku-19")
    with pytest.raises(UsageError, match="PL-EXP-001") as raised:
        collected.export(api, ranked, tmp_path / "out", "beavertails")
    assert "one of hh-rlhf, pku-saferlhf, parquet, judgements, events" in raised.value.expected
    for form in forms_of(StudyKind.SAFETY_LABELS, "pku-19"):
        assert not collected.export(api, study, tmp_path / form, form).quarantined
