"""``plumbline align compare`` as a person calls it."""

import json

import pytest

from plumbline.loop.asked_sources import journal_of
from tests.models.made_up import BAD, GOOD, labels_table, pairs_table
from tests.redteam.small_models import saved
from tests.sources.chat_server import answer, chat_server, status

SECRET = "lapis lazuli"
KIND, RUDE = f"{GOOD[0]} 7", f"{BAD[0]} 7"


@pytest.fixture(scope="module")
def judges(tmp_path_factory):
    place = tmp_path_factory.mktemp("judges")
    helpful = saved("preference", pairs_table(60), place / "helpful")
    return ("--helpfulness", helpful, "--safety", saved("moderation", labels_table(160), place / "moderation"))


@pytest.fixture
def words(judges, tmp_path):
    """The words of a call: replies that are kind against some that are rude, to four prompts, the last unanswered by B."""
    asked = [f"{SECRET} {number} \x1b[2J" for number in range(4)]
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps({"prompt": text}) + "\n" for text in asked))
    for name, said, count in (("kind", KIND, 4), ("rude", RUDE, 3)):
        rows = (json.dumps({"prompt": text, "reply": said}) + "\n" for text in asked[:count])
        (tmp_path / f"{name}.jsonl").write_text("".join(rows))
    files = [tmp_path / f"{name}.jsonl" for name in ("kind", "rude", "prompts")]
    return ("align", "compare", *files[:2], "--prompts", files[2], *judges, "-o", tmp_path / "out")


def test_figures_are_told_with_what_is_missing_and_whose_word_they_are(plumb, words, tmp_path):
    ended, printed, told = plumb(*words)
    assert ended == 1
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    assert "helpfulness: A wins 1.000 (0.439–1.000, n=3)" in lines
    assert "helpfulness: Elo lead of A undefined (the win rate is 1, the lead infinite, n=3)" in lines
    assert "called safe: A less B" in printed
    assert "A is kind, B is rude; 3 pairs on 4 prompts" in told
    assert "answered by A alone: 1, in no figure" in told
    assert "no reply of B: 1, PL-CMP-006" in told
    assert "a win is a model's word" in told
    assert "SYNTHETIC: the figures say nothing of people or models" in told
    assert SECRET not in printed + told
    assert "\x1b" not in printed + told
    page = (tmp_path / "out" / "comparison.html").read_text()
    assert SECRET not in page
    assert plumb(*words, "--show-text")[0] == 1
    assert SECRET in (tmp_path / "out" / "comparison.html").read_text()


def test_json_has_figures_with_intervals(plumb, words, tmp_path):
    (tmp_path / "rude.jsonl").write_text((tmp_path / "kind.jsonl").read_text().replace(KIND, RUDE))
    ended, printed, _ = plumb(*words, "--json")
    summary = json.loads(printed)
    assert ended == 0
    assert summary["contests"]["helpfulness"]["wins"] == {
        "value": 1.0,
        "low": pytest.approx(0.51, abs=0.01),
        "high": 1.0,
        "n": 4,
        "why_undefined": None,
    }
    assert summary["safety"]["difference"]["value"] == 1


def test_a_key_for_each_endpoint_comes_from_the_environment_and_stands_nowhere(plumb, words, tmp_path, monkeypatch):
    monkeypatch.setenv("KEY_A", "sk-very-secret")
    with chat_server() as server:
        server.always = answer(RUDE)
        asked = (*words[:2], server.address, words[2], *words[4:], "--allow-private")
        ended, printed, told = plumb(*asked, "--key-variable-a", "KEY_A")
        assert (ended, server.headers[0]["authorization"]) == (0, "Bearer sk-very-secret"), told
        server.always = status(400)
        ended, _, told = plumb(*asked, "--restart", "--key-variable-a", "KEY_A")
    assert ended == 1
    assert "what has no reply is asked for again by the same command" in told
    assert journal_of(tmp_path / "out", "first").exists()
    written = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert b"sk-very-secret" not in written + printed.encode() + told.encode()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        (("--replies", "0"), ""),
        (("--margin", "0.5"), "PL-CMP-011"),
        (("--temperature", "nan"), "PL-REP-006"),
        (("--harmlessness", "nowhere"), "PL-MOD-001"),
    ],
)
def test_wrong_usage_ends_in_2_and_writes_nothing(changes, code, plumb, words, tmp_path):
    ended, printed, told = plumb(*words, *changes)
    assert (ended, printed, code in told) == (2, "", True), told
    assert not (tmp_path / "out").exists()
