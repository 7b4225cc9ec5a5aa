"""What is in an export and what is not: polarity, corrections, rulings, moments, erased people, splits."""

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import text

import plumbline
from plumbline.collect.export import exporting, forms_of
from plumbline.collect.export.failures import ErasedMeanwhileError
from plumbline.collect.service.erasing import erase_worker, releases_affected
from plumbline.collect.store.events import read_events
from plumbline.collect.store.finished_work import ErasedConversations, count_erased_conversations
from plumbline.collect.store.rows import Role
from plumbline.collect.study_settings import StudyKind
from plumbline.records import Axis, Kind, NoDataError, Outcome, UsageError
from tests.collect.api.client import EXAMPLES, rows, toml
from tests.collect.export import collected
from tests.collect.export.collected import lines, read


def correct(api, token, judgement, **submission):
    body = {"guidelines_version": 1, "submission": submission}
    return api.got("POST", f"/judgements/{judgement}/correct", token, json=body, key=api.key())


def judge(api, study, worker, **steps):
    work = api.next(study, worker)
    return work, api.submitted(work, worker, act="judge-pair", **steps)


@pytest.fixture
def one_pair(api):
    """A study of one pair, on harmlessness; `judge` it."""
    api.study(toml(axes=["harmlessness"], question="more harmful"))
    api.got("POST", "/studies/s/items", api.owner, content=rows(("q", "one", "other")))
    return "s"


# --- polarity ---


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


# --- corrections, rulings ---


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


def test_half_a_conversation_counts_for_nothing_and_is_counted(api_on_both, tmp_path):
    api = api_on_both
    study = api.example("preference-chat")
    whole, half = api.somebody(), api.somebody()
    for worker, turns in ((whole, 4), (half, 1)):
        work = api.next(study, worker)
        for turn in range(1, turns + 1):
            api.say(work, worker, turn, "Hello?")
            shown = api.step(work, worker)["fields"]["shown"]
            api.submitted(work, worker, act="judge-turn", turn=turn, step=1, shown=shown)
        if turns == 4:
            api.submitted(work, worker, act="close", rating=3)
    assert collected.export(api, study, tmp_path / "rows", "parquet").left_out == {"unfinished": 1}
    assert collected.export(api, study, tmp_path / "all", "judgements").left_out == {}


def test_what_came_too_late_counts_for_nothing_and_is_counted(api_on_both, tmp_path):
    api, study = api_on_both, "s"
    api.study(toml())
    api.got("POST", "/studies/s/items", api.owner, content=rows(("q", "one", "other")))
    slow, quick = api.somebody(), api.somebody()
    work = api.next(study, slow)
    api.wait(minutes=31)
    judge(api, study, quick, helpfulness=2)
    assert api.submitted(work, slow, act="judge-pair", helpfulness=7)["outcome"] == "late"
    for form in ("parquet", "judgements"):
        assert collected.export(api, study, tmp_path / form, form).left_out == {"late": 1}
    assert collected.export(api, study, tmp_path / "log", "events").left_out == {}


def test_work_on_items_that_measure_people_stays_inside(api, tmp_path):
    api.study(
        toml(
            qualification={"items": "x", "pass_share": 0.5},
            gold={"items": "x", "share": 0.5},
            attention={"items": "x", "every": 2},
        )
    )
    for purpose in ("work", "training", "gold", "attention"):
        data = rows(*[(f"{purpose} {number}", "one", "other") for number in range(4)])
        api.got("POST", f"/studies/s/items?purpose={purpose}", api.owner, content=data)
    worker, submitted = api.somebody(), 0
    while (work := api.next("s", worker))["assignment"] is not None:
        right = work["step"]["replies"][0] == "one"
        api.submitted(work, worker, act="judge-pair", helpfulness=1 if right else 8)
        submitted += 1
    exported = collected.export(api, "s", tmp_path / "out", "parquet")
    questions = Counter(each.context[0].text.split()[0] for each in read(tmp_path / "out"))
    assert questions == {"work": 4}
    # How many gold items came is drawn, none perhaps.
    assert exported.left_out.keys() - {"gold"} == {"training", "attention"}
    assert exported.left_out["training"] == 4
    assert sum(exported.left_out.values()) == submitted - 4


def erase(api, token):
    erase_worker(api.store, api.ids[token].pseudonym, now=api.now)


def test_conversations_of_erased_people_are_left_out_and_their_other_judgements_stay(api_on_both, tmp_path):
    api = api_on_both
    study, worker, _ = collected.helpful_chat(api)
    other = api.somebody()
    collected.chat(api, study, other, after={"act": "close", "rating": 1}, turns=4)
    paired, (judge_of_pairs, _) = collected.pairs(api)
    erase(api, worker)
    erase(api, judge_of_pairs)
    exported = collected.export(api, study, tmp_path / "chat", "parquet")
    assert {each.worker for each in read(tmp_path / "chat")} == {api.ids[other].pseudonym}
    assert exported.left_out == {"erased": 1}
    # In the rows as stored they do not count, and the page is told of as many.
    collected.export(api, study, tmp_path / "all", "judgements")
    judged = lines(tmp_path / "all/judgements/judgements.jsonl.gz")
    gone = api.ids[worker].pseudonym
    assert {(line["worker"] == gone, line["counts"]) for line in judged} == {(True, False), (False, True)}
    number = api.collecting.catalogue.named(study).id
    told = ErasedConversations(1, sum(line["worker"] == gone for line in judged))
    assert count_erased_conversations(api.store, number, as_of=api.now) == told
    paired_number = api.collecting.catalogue.named(paired).id
    assert count_erased_conversations(api.store, paired_number, as_of=api.now) == ErasedConversations(0, 0)
    collected.export(api, paired, tmp_path / "pairs", "parquet")
    assert api.ids[judge_of_pairs].pseudonym in {each.worker for each in read(tmp_path / "pairs")}
    # Nor do comments ever leave.
    for folder in ("chat", "pairs"):
        assert b"a comment" not in b"".join(path.read_bytes() for path in (tmp_path / folder).rglob("*.parquet"))


@pytest.mark.parametrize("form", ["parquet", "hh-rlhf"])
def test_rulings_stand_after_whoever_disputed_the_label_was_erased(api, tmp_path, form):
    study, worker, _ = collected.ranking(api)
    before = collected.export(api, study, tmp_path / "before", form)
    erase(api, worker)
    after = collected.export(api, study, tmp_path / "after", form)
    assert [file.rows for file in after.files] == [file.rows for file in before.files]
    assert (after.left_out, after.quarantined) == (before.left_out, before.quarantined)


def test_an_attempt_of_an_erased_author_is_left_out_and_reviews_by_erased_people_stay(api, tmp_path):
    study, author, (reviewer, _) = collected.red_team(api)
    erase(api, reviewer)
    collected.export(api, study, tmp_path / "one", "parquet")
    first = read(tmp_path / "one", Kind.RED_TEAM_ATTEMPTS)[0]
    assert api.ids[reviewer].pseudonym in {review.reviewer for review in first.reviews}
    erase(api, author)
    with pytest.raises(NoDataError, match="PL-EXP-003") as raised:
        collected.export(api, study, tmp_path / "two", "red-team")
    assert raised.value.found == "2 × erased"


def test_an_export_during_which_somebody_was_erased_is_thrown_away(api_on_both, tmp_path, monkeypatch):
    api = api_on_both
    study, (worker, _) = collected.pairs(api)
    whole = exporting.RecordMaker.records

    def records(maker, batch, tally):
        made = whole(maker, batch, tally)
        monkeypatch.undo()
        erase(api, worker)
        return made

    monkeypatch.setattr(exporting.RecordMaker, "records", records)
    with pytest.raises(ErasedMeanwhileError, match="PL-EXP-006") as raised:
        collected.export(api, study, tmp_path / "out", "parquet")
    assert raised.value.exit_code == 1
    assert list(tmp_path.iterdir()) == []
    assert [event.kind for event in read_events(api.store, limit=10_000)].count("exported") == 0
    collected.export(api, study, tmp_path / "out", "parquet")


def test_erasing_somebody_names_the_exports_with_their_work(api, tmp_path):
    study, (worker, _) = collected.pairs(api)
    exported = collected.export(api, study, tmp_path / "out", "hh-rlhf")
    erased = erase_worker(api.store, api.ids[worker].pseudonym, now=api.now)
    (affected,) = erased.exports
    assert (affected.study, affected.form, affected.manifest_sha256) == (study, "hh-rlhf", exported.manifest_sha256)
    assert {file.sha256 for file in affected.files} == {file.sha256 for file in exported.files}
    (folder,) = releases_affected(erased, [tmp_path])
    assert folder.path == tmp_path / "out/manifest.json"


def test_erasing_names_no_export_that_holds_none_of_what_they_did(api, tmp_path):
    """Labels of rankings are the rulings alone; the pairs have them in them, and so have the rows as stored."""
    study, worker, reviewer = collected.ranking(api)
    for form in ("beavertails", "hh-rlhf", "parquet"):
        collected.export(api, study, tmp_path / form, form)
    people = {
        form: collected.manifest(tmp_path / form)["configuration"]["people"] for form in ("beavertails", "hh-rlhf")
    }
    assert people == {"beavertails": {"adjudication": 1}, "hh-rlhf": {"adjudication": 1, "work": 1}}

    def named(token):
        """The forms of the exports that erasing them names, and of the folders that are found."""
        erased = erase_worker(api.store, api.ids[token].pseudonym, now=api.now)
        found = releases_affected(erased, [tmp_path])
        return [export.form for export in erased.exports], sorted(each.path.parent.name for each in found)

    assert named(worker) == (["hh-rlhf", "parquet"], ["hh-rlhf", "parquet"])
    assert named(reviewer) == (["beavertails", "hh-rlhf", "parquet"], ["beavertails", "hh-rlhf", "parquet"])


def test_stored_work_that_cannot_be_read_is_set_aside_with_a_code(api, tmp_path):
    study, _ = collected.pairs(api, workers=1)
    count = collected.export(api, study, tmp_path / "before", "parquet").files[0].rows
    api.store.write(lambda connection: connection.execute(text("UPDATE items SET payload = '{}' WHERE id = 2")))
    exported = collected.export(api, study, tmp_path / "after", "parquet")
    assert exported.quarantined == {"PL-EXP-005": 1}
    assert exported.files[0].rows == count - 2
    assert collected.manifest(tmp_path / "after")["quarantined"] == {"PL-EXP-005": 1}


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
