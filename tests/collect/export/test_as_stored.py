"""Everything that was judged and said leaves: of every purpose, corrected or not, finished or not."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from plumbline.collect.export import Form
from plumbline.collect.export.as_stored import AS_STORED, StoredLines
from plumbline.collect.export.terms import known_terms
from plumbline.collect.kinds import Purpose
from plumbline.collect.service.erasing import erase_worker, releases_affected
from plumbline.collect.store.conversations import read_replies, read_turns
from plumbline.collect.store.events import read_events
from plumbline.collect.store.judgements import read_judgements
from plumbline.collect.store.stored_work import stream_conversations, stream_judgements
from plumbline.collect.store.study_log import LoggedEvent
from plumbline.collect.study_settings import StudyKind
from plumbline.lineage import StatedTerms, Terms, Use
from plumbline.records import NoDataError
from tests.collect.api.client import EXAMPLES, rows, toml
from tests.collect.export import collected
from tests.collect.export.collected import lines
from tests.collect.export.test_batches import counted
from tests.collect.export.test_every_kind import MAKERS

JUDGED, SAID = (file.name for file in AS_STORED[Form.JUDGEMENTS])


def correct(api, token, judgement, **submission):
    body = {"guidelines_version": 1, "submission": submission}
    return api.got("POST", f"/judgements/{judgement}/correct", token, json=body, key=api.key())


def raw(api, study, out):
    """(judgements, conversations) of an export."""
    exported = collected.export(api, study, out, "judgements")
    found = [lines(out / name) if (out / name).exists() else [] for name in (JUDGED, SAID)]
    assert [file.rows for file in exported.files] == [len(each) for each in found if each]
    return found


@pytest.mark.parametrize("kind", list(StudyKind))
def test_every_judgement_leaves_as_it_is_stored(api_on_both, tmp_path, kind):
    api = api_on_both
    study = MAKERS[kind](api)
    known = api.collecting.catalogue.named(study)
    judged, said = raw(api, study, tmp_path / "out")
    stored = read_judgements(api.store, known.id, counted=False)
    assert len(judged) == len(stored) > 0
    by_number = {each.id: each for each in stored}
    people = {person.id: person.pseudonym for person in api.ids.values()}
    for line in judged:
        one = by_number[line["id"]]
        assert line["payload"] == one.payload
        assert (line["part"], line["kind"], line["corrects"]) == (one.part, one.kind, one.corrects)
        assert (line["guidelines_version"], line["seconds"]) == (one.guidelines_version, one.seconds)
        assert (line["worker"], line["at"]) == (people[one.worker_id], one.created_at.isoformat())
        assert (line["assignment_state"], line["counts"]) == ("submitted", True)
    is_chat = kind in (StudyKind.PREFERENCE_CHAT, StudyKind.RED_TEAM_CHAT)
    assert bool(said) is is_chat
    for line in said:
        replies = read_replies(api.store, line["assignment"])
        assert [turn["human"] for turn in line["turns"]] == [
            turn.human for turn in read_turns(api.store, line["assignment"])
        ]
        drawn = [reply for turn in line["turns"] for reply in turn["replies"]]
        assert [(each["id"], each["text"], each["model"], each["parameters"]) for each in drawn] == [
            (each.id, each.text, each.model, each.parameters) for each in replies
        ]
        assert {each["shown_at"] is not None for each in drawn} == {True}
    for person in api.ids.values():
        assert person.id not in str(judged) + str(said)


def test_what_the_other_forms_leave_out_is_there(api, tmp_path):
    study, _, _ = collected.helpful_chat(api)
    judged, _ = raw(api, study, tmp_path / "chat")
    assert {"rating": 4, "comment": "fine"}.items() <= judged[-1]["payload"].items()
    ranked, _, _ = collected.ranking(api)
    judged, _ = raw(api, ranked, tmp_path / "ranking")
    assert Counter(line["purpose"] for line in judged)["adjudication"] == 1
    assert {line["payload"]["confidence"] for line in judged if line["purpose"] == "work"} == {3}


@pytest.fixture
def pair(api):
    api.study(toml(axes=["helpfulness"]))
    api.got("POST", "/studies/s/items", api.owner, content=rows(("q", "one", "other")))
    return "s"


def test_corrected_ones_leave_too_and_do_not_count(api, pair, tmp_path):
    worker = api.somebody()
    receipts = []
    while (work := api.next(pair, worker))["assignment"] is not None:
        receipts.append(api.submitted(work, worker, act="judge-pair", helpfulness=2))
    api.wait(seconds=5)
    correct(api, worker, receipts[0]["judgements"][0], act="judge-pair", helpfulness=7)
    judged, said = raw(api, pair, tmp_path / "out")
    first = receipts[0]["judgements"][0]
    assert {line["id"]: line["counts"] for line in judged}[first] is False
    (later,) = [line for line in judged if line["corrects"] is not None]
    assert (later["corrects"], later["counts"], later["payload"]["verdicts"][0]["step"]) == (first, True, 7)
    assert said == []
    told = collected.manifest(tmp_path / "out")["configuration"]
    assert (told["left_out"], told["people"], told["guidelines_versions"]) == ({}, {"work": 1}, [1])
    # As of the moment before, it was not corrected yet.
    known = api.collecting.catalogue.named(pair).id
    (batch,) = stream_judgements(api.store, known, as_of=api.now - timedelta(seconds=1))
    assert [each.counts for each in batch] == [True] * len(receipts)


def half_a_chat(api):
    """One turn judged, and nothing more; (study, worker, assignment)."""
    study = api.study((EXAMPLES / "preference-chat.toml").read_text())["name"]
    worker = api.somebody()
    work = api.next(study, worker)
    asked = api.say(work, worker, 1, "Which words are rare?").json()["step"]
    api.submitted(work, worker, act="judge-turn", turn=1, step=2, shown=asked["fields"]["shown"])
    return study, worker, work["assignment"]


def test_work_that_was_never_finished_leaves_and_does_not_count(api, tmp_path):
    study, *_ = half_a_chat(api)
    with pytest.raises(NoDataError, match="PL-EXP-002"):
        collected.export(api, study, tmp_path / "pairs", "hh-rlhf")
    judged, said = raw(api, study, tmp_path / "out")
    assert [(line["assignment_state"], line["counts"]) for line in judged] == [("leased", False)]
    assert [turn["human"] for turn in said[0]["turns"]] == ["Which words are rare?"]


def test_whose_unfinished_work_is_in_it_is_found_when_they_are_erased(api, tmp_path):
    study, worker, _ = half_a_chat(api)
    collected.export(api, study, tmp_path / "before", "judgements")
    collected.export(api, study, tmp_path / "log", "events")
    erased = erase_worker(api.store, api.ids[worker].pseudonym, now=api.now + timedelta(minutes=1))
    (affected,) = releases_affected(erased, [tmp_path / "before", tmp_path / "log"])
    assert affected.path == tmp_path / "before/manifest.json"
    api.wait(minutes=2)
    judged, said = raw(api, study, tmp_path / "after")
    assert said[0]["erased"] is True
    assert [turn["human"] for turn in said[0]["turns"]] == [""]
    assert "rare" not in str(judged) + str(said)
    assert {reply["text"] for turn in said[0]["turns"] for reply in turn["replies"]} == {""}


def test_a_study_that_nobody_judged_yet_is_refused(api, pair, tmp_path):
    with pytest.raises(NoDataError, match="PL-EXP-002"):
        collected.export(api, pair, tmp_path / "out", "judgements")
    with pytest.raises(NoDataError, match="PL-EXP-002"):
        collected.archive(api, pair, "judgements")
    assert not (tmp_path / "out").exists()


def test_a_payload_that_is_no_json_is_counted(api, tmp_path):
    line_of = AS_STORED[Form.JUDGEMENTS][0].line_of
    study, _ = collected.pairs(api, workers=1)
    (batch,) = stream_judgements(api.store, api.collecting.catalogue.named(study).id, as_of=api.now)
    faults = Counter()
    writer = StoredLines(line_of)
    list(writer.feed([replace(batch[0], payload='{"a":\n 1}'), replace(batch[1], payload="{no")], faults))
    assert (writer.rows, faults) == (1, {"PL-EXP-005": 1})
    assert b"\n" not in msgspec.json.encode(line_of(replace(batch[0], payload='{"a":\n 1}')))


def test_queries_go_by_batch(api_on_both):
    api = api_on_both
    study, *_ = collected.red_team(api)
    known = api.collecting.catalogue.named(study).id
    for stream, most in ((stream_judgements, 2), (stream_conversations, 4)):
        with counted(api.store) as seen:
            together = list(stream(api.store, known, as_of=collected.LATER))
        assert (len(together), len(seen) - 1) == (1, most)
        with counted(api.store) as seen:
            single = list(stream(api.store, known, as_of=collected.LATER, most_rows=1))
        assert [row for batch in single for row in batch] == together[0]
        assert len(seen) - 1 == most * len(single) == most * len(together[0])
        assert list(stream(api.store, known, as_of=collected.LATER, most_characters=1)) == single
        assert api.store.engine.pool.checkedout() == 0


def test_the_export_stands_in_the_log(api, tmp_path):
    study, _ = collected.pairs(api, workers=1)
    exported = collected.export(api, study, tmp_path / "out", "judgements")
    (event,) = [each for each in read_events(api.store) if each.kind == "exported"]
    assert event.payload["form"] == "judgements"
    assert event.payload["files"] == [
        {"path": file.path, "sha256": file.sha256, "rows": file.rows} for file in exported.files
    ]


def test_terms_are_those_of_all_that_is_told(api, tmp_path):
    """Attempts are for analysis alone, and so is what holds their conversations; training items leave here too."""
    study, *_ = collected.red_team(api)
    stated = StatedTerms.of("CC-BY-4.0", list(Use))
    exported = collected.export(api, study, tmp_path / "attempts", "judgements", stated=stated)
    assert exported.terms.uses <= {Use.ANALYSIS}
    of_training = LoggedEvent(
        *(1, api.now, "data_entered", None, None, None),
        {"purpose": "training", "new": 1, "known": 0, "files": ["f"], "uses": ["analysis"], "licence": "MIT"},
    )
    assert known_terms([of_training]).parts == ()
    assert known_terms([of_training], tuple(Purpose)).parts == (Terms(frozenset({Use.ANALYSIS}), "MIT"),)
