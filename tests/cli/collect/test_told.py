"""What the commands say that only rare states of a store bring about: in words, from values made by hand."""

from datetime import UTC, datetime

from plumbline.cli.collect.kept import print_restored, restored_json
from plumbline.cli.collect.told import print_overview, tell_ready
from plumbline.collect.kinds import Purpose
from plumbline.collect.service.overview import StoreOverview, StudyOverview
from plumbline.collect.store.items import QueueCount
from plumbline.collect.store.keeping.restoring import Restored
from plumbline.collect.store.overview import CodeCount
from plumbline.collect.store.rows import Role, Study, StudyState

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def overview(capsys, *, rulings=(0, 0), failed=(), untold=(0, 0)):
    """The lines of a status.

    Args:
        rulings: items for adjudication, and those of them that are complete.
    """
    queue = QueueCount(items=rulings[0], complete=rulings[1], slots=rulings[0], leased=0, submitted=rulings[1])
    known = Study(1, "s", "safety-labels", "", "", StudyState.OPEN, NOW)
    study = StudyOverview(known, 3, {Purpose.ADJUDICATION: queue}, workers=1, late=2, failed_draws=list(failed))
    made = StoreOverview([study], {Role.OWNER: 1, Role.WORKER: 2}, untold)
    print_overview(made)
    return capsys.readouterr().out.splitlines(), made.to_json()


def test_status_says_how_many_rulings_are_to_be_made(capsys):
    lines, told = overview(capsys, rulings=(5, 3))
    assert "s: 1 worker, 2 late submissions, guidelines version 3, 2 rulings to be made" in lines
    assert told["studies"][0]["splits_waiting"] == 2
    assert "guidelines version 3, 1 ruling to be made" in "\n".join(overview(capsys, rulings=(1, 0))[0])
    lines, told = overview(capsys, rulings=(5, 5))
    assert "s: 1 worker, 2 late submissions, guidelines version 3" in lines, "nothing of rulings where none waits"
    assert told["studies"][0]["splits_waiting"] == 0


def test_status_says_which_draws_failed_and_what_other_systems_were_not_told(capsys):
    lines, _ = overview(capsys, failed=[CodeCount("PL-SRC-021", 1200, NOW)], untold=(1, 3))
    assert "s: replies failed 1,200 × PL-SRC-021, last 2026-11-20 12:00 UTC" in lines
    assert lines[-2:] == [
        "people in the store: 1 owner, 2 workers",
        "webhooks: 1 message waiting, 3 given up in the last 30 days",
    ]
    assert "webhooks: 0 messages waiting, 1 given up in the last 30 days" in overview(capsys, untold=(0, 1))[0]
    lines, _ = overview(capsys)
    assert lines[-1] == "people in the store: 1 owner, 2 workers", "nothing of webhooks where there is nothing to say"


def test_a_server_says_what_link_to_give_to_prolific(capsys):
    tell_ready(["labels", "pairs"], "https://judge.example.org", None, ["pairs"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:] == [
        "link for Prolific: https://judge.example.org/arrive/prolific/pairs"
        "?PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID={{%STUDY_ID%}}&SESSION_ID={{%SESSION_ID%}}"
    ]


def restored(capsys, **more):
    """The notes of a restore, and the same as an object."""
    found = Restored("store", {"judgements": 4, "items": 3}, None, True, None, None, **{"bytes_removed": True} | more)
    print_restored(found)
    out, err = capsys.readouterr()
    assert out == "restored store: 4 judgements, 7 rows in all\n"
    return err, restored_json(found)


def test_restore_says_that_what_waited_for_other_systems_was_given_up(capsys):
    err, told = restored(capsys, given_up=1234)
    assert "webhooks: 1,234 messages that waited when the backup was made: given up" in err
    assert "an owner can send them again" in err
    assert told["webhook_messages_given_up"] == 1234
    assert restored(capsys)[0] == ""


def test_restore_says_where_what_was_erased_again_may_still_lie_in_the_files(capsys):
    err, told = restored(capsys, bytes_removed=False)
    assert "plumbline collect erase, once more" in err
    assert not told["bytes_removed"]
