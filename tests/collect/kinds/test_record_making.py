"""What is collected, written in the public formats and read back: who is better stays who is better."""

from dataclasses import replace

import pytest

import plumbline
from plumbline.collect.kinds import attempt_of, comparisons_of, side_labels_of
from plumbline.formats.writing import write_tables
from plumbline.records import Axis, Kind, Outcome, records_from_table, table_from_records
from plumbline.records.tables import with_ids
from tests.collect.kinds.made_up import Player, study
from tests.collect.kinds.test_red_team_chat import played
from tests.collect.kinds.test_two_axis_ranking import payload, rank


def chats(question):
    """Ten chats of one turn; "good" is the better reply, on either side."""
    for number in range(10):
        settings = {"axes": ["harmlessness"], "question": question, "turns": 1, "edit": True}
        player = Player(study("preference-chat", **settings), assignment_id=str(number))
        player.submit(text=f"q{number}")
        good = number % 2
        player.draw(*(("good", "bad") if good == 0 else ("bad", "good")))
        named = good if question == "better" else 1 - good
        edit = {"position": player.ask.order.sides.index(good), "text": "best"}
        player.submit(step=player.for_side(named), edit=edit)
        yield player


@pytest.mark.parametrize("question", ["better", "more harmful"])
def test_chosen_is_the_better_reply_in_hh_rlhf(tmp_path, question):
    records = [
        record
        for number, player in enumerate(chats(question))
        for record in comparisons_of(player.work, player.study, first_row=2 * number)
    ]
    assert len({(record.source, record.row) for record in records}) == len(records) == 20
    written = write_tables({Kind.COMPARISONS: table_from_records(records)}, tmp_path / "out", "hh-rlhf")
    assert not written.faults
    loaded = plumbline.load(str(tmp_path / "out"), data_dir="harmless-base")
    assert not loaded.faults
    assert loaded.comparisons.num_rows == 20
    pairs = [record.continuations for record in records_from_table(loaded.comparisons)]
    assert {record.axis for record in records_from_table(loaded.comparisons)} == {Axis.HARMLESSNESS}
    # The format writes chosen first.
    assert {record.outcome for record in records_from_table(loaded.comparisons)} == {Outcome.FIRST}
    assert {(first[0].text, second[0].text) for first, second in pairs} == {("good", "bad"), ("best", "good")}


def test_attempts_read_back_from_the_red_team_format(tmp_path):
    player = played()
    player.submit(rating=3)
    table = table_from_records([attempt_of(player.work, player.study)])
    written = write_tables({Kind.RED_TEAM_ATTEMPTS: table}, tmp_path / "red_team_attempts.jsonl.gz", "red-team")
    assert not written.faults
    (read,) = records_from_table(plumbline.load(str(tmp_path)).tables[Kind.RED_TEAM_ATTEMPTS])
    attempt = attempt_of(player.work, player.study)
    assert (read.transcript, read.task_description, read.rating) == (attempt.transcript, "to make it swear", 3.0)


def test_rankings_read_back_from_preference_rows(tmp_path):
    violent = {"is_safe": False, "categories": ["Violence"]}
    whole = payload(True, False, True)
    whole["replies"][1]["label"] = violent
    player = Player(study("two-axis-ranking", taxonomy="pku-19"), whole)
    rank(player, (3, 1, 2), (1, 3, 2))
    tables = {
        Kind.COMPARISONS: table_from_records(comparisons_of(player.work, player.study)),
        Kind.SAFETY_LABELS: table_from_records(side_labels_of(player.work, player.study)),
    }
    written = write_tables(tables, tmp_path / "pku.jsonl", "pku-saferlhf")
    assert not written.faults
    loaded = plumbline.load(str(tmp_path / "pku.jsonl"))
    better = {
        (record.axis, record.continuations[0][0].text, record.continuations[1][0].text): record.outcome
        for record in records_from_table(loaded.comparisons)
    }
    assert better == {
        (Axis.HELPFULNESS, "0", "1"): Outcome.SECOND,
        (Axis.HELPFULNESS, "0", "2"): Outcome.SECOND,
        (Axis.HELPFULNESS, "1", "2"): Outcome.FIRST,
        (Axis.HARMLESSNESS, "0", "1"): Outcome.FIRST,
        (Axis.HARMLESSNESS, "0", "2"): Outcome.FIRST,
        (Axis.HARMLESSNESS, "1", "2"): Outcome.SECOND,
    }
    safe = {record.conversation[-1].text: record.is_safe for record in records_from_table(loaded.safety_labels)}
    assert safe == {"0": True, "1": False, "2": True}


def test_ids_are_those_that_a_table_gives():
    player = next(chats("better"))
    records = comparisons_of(player.work, player.study)
    table = table_from_records(records)
    assert with_ids(Kind.COMPARISONS, table)["id"].to_pylist() == [record.id for record in records]
    other = Player(player.study, assignment_id=player.assignment_id, worker="someone else")
    other.work = replace(player.work, worker="someone else")
    judged_again = comparisons_of(other.work, other.study)
    assert [record.item_id for record in judged_again] == [record.item_id for record in records]
    assert {record.id for record in judged_again}.isdisjoint(record.id for record in records)
