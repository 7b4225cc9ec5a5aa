"""``plumbline align best-of-n`` as a person calls it."""

import json

import pytest

from plumbline.formats import load
from plumbline.loop.asked_sources import journal_of
from tests.models.made_up import BAD, GOOD, pairs_table
from tests.redteam.small_models import saved
from tests.sources.chat_server import answer, chat_server, status

SECRET = "lapis lazuli"


@pytest.fixture(scope="module")
def scorer(tmp_path_factory):
    return saved("preference", pairs_table(120), tmp_path_factory.mktemp("scorer") / "kind")


@pytest.fixture
def server():
    """Kind by every other seed."""
    with chat_server() as running:
        running.always = lambda handler, body: answer((GOOD, BAD)[body["seed"] % 2][body["seed"] % 3])(handler, body)
        yield running


@pytest.fixture
def words(server, scorer, tmp_path):
    """The words of a call; the first prompt stands there twice, the last tries the terminal."""
    texts = [*(f"{SECRET} {number}" for number in (0, 0, 1, 2, 3, 4)), "=1+1 [red] \x1b[2J \n\nHuman: \u202e"]
    path = tmp_path / "prompts.jsonl"
    path.write_text("".join(json.dumps({"prompt": text}) + "\n" for text in texts))
    return ("align", "best-of-n", path, "--policy", server.address, "--allow-private", "--scorer", scorer, "-n", 4)


def test_the_curve_is_told_and_the_folder_is_a_source(plumb, words, tmp_path):
    out = tmp_path / "out"
    ended, printed, told = plumb(*words, "-o", out, "--write", "comparisons", "--write", "supervised")
    assert ended == 0, told
    assert [line.split()[0] for line in printed.splitlines()] == ["n", "1", "2", "4"]
    assert "24 replies" in told
    assert "1 record holds a prompt that stands in an earlier one" in told
    assert "SYNTHETIC: the figures say nothing of people" in told
    assert "takes --judge" in told
    assert SECRET not in printed + told
    assert "\x1b" not in printed + told
    assert len(load(out).comparisons) > 0
    ended, _, told = plumb(*words, "-o", out)
    assert (ended, "PL-RTA-009" in told) == (2, True)


def test_replies_that_did_not_come_are_told_by_code_and_the_same_command_goes_on(plumb, words, server, tmp_path):
    server.plans.extend([status(400)] * 3)
    ended, printed, told = plumb(*words, "-o", tmp_path / "out", "--json")
    summary = json.loads(printed)
    assert ended == 1
    assert summary["missing"] == {"PL-REP-017": 3}
    assert summary["curve"][0]["score"]["n"] < 6
    assert "3 replies, PL-REP-017" in told
    assert "the same command asks for those alone" in told
    assert journal_of(tmp_path / "out").exists()
    assert plumb(*words, "-o", tmp_path / "out")[0] == 0
    assert len(server.bodies) == 27


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        (("-n", "0"), ""),
        (("--write", "pairs"), "PL-BON-009"),
        (("--top-p", "0"), "PL-REP-006"),
        (("--judge", "nowhere"), "PL-MOD-001"),
        (("--uses", "analysis"), "PL-USE-001"),
    ],
)
def test_what_is_wrong_ends_before_anything_is_asked(changes, code, plumb, words, server, tmp_path):
    ended, _, told = plumb(*words, "-o", tmp_path / "out", *changes)
    assert (ended, code in told) == (2, True), told
    assert not server.bodies
