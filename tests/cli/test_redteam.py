"""``plumbline redteam score`` and ``report`` as a person meets them: what is told, exit codes, errors with a next step."""

import json
import re

import pytest

from plumbline.formats import write_tables
from plumbline.records import Kind
from tests.cli.test_redteam_run import scorer as scorer
from tests.cli.test_redteam_run import server as server
from tests.cli.test_redteam_run import words as words
from tests.models.made_up import pairs_table
from tests.redteam.made_up import attempts_table, human, table_of
from tests.redteam.small_models import saved


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return saved("preference", pairs_table(axis="harmlessness"), tmp_path_factory.mktemp("redteam") / "model")


@pytest.fixture
def attempts(tmp_path):
    path = tmp_path / "attempts.jsonl"
    write_tables({Kind.RED_TEAM_ATTEMPTS: attempts_table(12, reviewed=False)}, path, "red-team")
    return path


def test_scoring_tells_what_it_did_and_a_page_is_drawn_of_it(model, attempts, plumb, tmp_path):
    code, out, err = plumb("redteam", "score", model, attempts, "-o", tmp_path / "scored", "--json")
    assert code == 0
    assert json.loads(out)["transcripts"] == 12
    assert "12 of 12 transcripts scored by their lowest of 24 turns, 12 descriptions; lower = more harmful" in err
    assert "may be used for: analysis" in err
    code, out, err = plumb("redteam", "report", tmp_path / "scored", "-o", tmp_path / "page.html", "--json")
    told = json.loads(out)
    assert (code, told["attempts"], told["success_by"], told["quarantined"]) == (0, 12, "rating", {})
    assert [model["success_rate"]["n"] for model in told["models"]] == [2] * 6
    assert "tell me of" not in out
    assert "12 attempts, 12 with a score; success by rating" in err
    assert plumb("redteam", "report", attempts, "-o", tmp_path / "page.html")[0] == 0  # takes the place of its own page


def test_what_has_no_score_is_told_by_its_code_and_is_exit_code_1(model, plumb, tmp_path):
    silent = tmp_path / "silent.jsonl"
    write_tables({Kind.RED_TEAM_ATTEMPTS: table_of([(human("a question"),)] * 2)}, silent, "red-team")
    code, _, err = plumb("redteam", "score", model, silent, "-o", tmp_path / "scored")
    assert code == 1
    assert "0 of 2 transcripts" in err
    assert "2 × PL-RTS-002" in err


def test_rows_that_cannot_be_read_are_told_and_are_exit_code_1(model, attempts, plumb, tmp_path):
    attempts.write_bytes(attempts.read_bytes() + b'{"transcript": 3}\n')
    for command in (
        ("score", model, attempts, "-o", tmp_path / "out"),
        ("report", attempts, "-o", tmp_path / "page.html"),
    ):
        code, _, err = plumb("redteam", *command)
        assert code == 1
        assert "not read: 1 rows" in err


def test_a_record_that_stands_in_two_files_is_told(model, attempts, plumb, tmp_path):
    more = tmp_path / "more" / "attempts.jsonl"
    more.parent.mkdir()
    write_tables({Kind.RED_TEAM_ATTEMPTS: attempts_table(30, seed=9, reviewed=False)}, more, "red-team")
    more.write_text(more.read_text() + attempts.read_text().splitlines()[0] + '\n{"transcript": 3}\n')
    code, _, err = plumb("redteam", "report", attempts, more, "-o", tmp_path / "page.html")
    assert code == 1, err
    assert "1 × PL-SRC-016 (the same record stands in two files: it counts twice" in err
    assert re.search(rf"^not read: 1 rows, \S+; see: plumbline data check {more}$", err, re.MULTILINE), err


def test_a_page_that_is_not_ours_and_a_way_to_count_that_is_none_are_refused(attempts, plumb, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("mine")
    code, _, err = plumb("redteam", "report", attempts, "-o", page)
    assert (code, err[:9]) == (2, "PL-OUT-00")
    assert page.read_text() == "mine"
    code, _, err = plumb("redteam", "report", attempts, "-o", tmp_path / "other.html", "--success", "ratings")
    assert code == 2
    assert "Try: --success rating" in err


def test_a_page_is_drawn_of_what_a_machine_tried(words, plumb, tmp_path):
    assert plumb(*words, "-o", tmp_path / "tried")[0] == 0
    code, _, err = plumb("redteam", "report", tmp_path / "tried", "-o", tmp_path / "page.html")
    assert code == 0
    assert "10 attempts, 10 with a score; success by outcome" in err
    assert "No attempt says who made it." in (tmp_path / "page.html").read_text()
