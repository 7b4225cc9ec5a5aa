"""What stays inside: unfinished and late work, what measures people, and whoever was erased."""

from collections import Counter

import pytest

from plumbline.collect.export import exporting
from plumbline.collect.export.failures import ErasedMeanwhileError
from plumbline.collect.service.erasing import erase_worker, releases_affected
from plumbline.collect.store.events import read_events
from plumbline.collect.store.finished_work import ErasedConversations, count_erased_conversations
from plumbline.records import Kind, NoDataError
from tests.collect.api.client import rows, toml
from tests.collect.export import collected
from tests.collect.export.collected import lines, read


def judge(api, study, worker, **steps):
    work = api.next(study, worker)
    return work, api.submitted(work, worker, act="judge-pair", **steps)


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
