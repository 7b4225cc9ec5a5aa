"""A round's file: all that is wrong with it told at once, with lines, and nothing of it guessed."""

import os
from pathlib import Path

import pytest

from plumbline.cli.train.transformer_flags import TransformerFlags
from plumbline.loop.rounds.example_round import EXAMPLE, write_example_round
from plumbline.loop.rounds.opened_round import open_round
from plumbline.loop.rounds.round_file import RoundFileError, parse_round_settings, read_round_settings, tables_json
from plumbline.loop.rounds.round_settings import ModelSettings
from plumbline.loop.training.run import COMMON_SETTINGS, LINEAR_SETTINGS
from plumbline.records import UsageError
from tests.loop.rounds.judged_study import ROUND
from tests.loop.rounds.test_round_run import edit

SMALL = 'name = "r"\n[data]\nsources = ["x"]\n'
MODEL = SMALL + '[[models]]\nname = "m"\ntask = "preference"\n'
SAMPLER = MODEL + '[sampler]\nprompts = "p"\npolicy = "openai:m"\nscorer = "m"\n'


def problems(text):
    with pytest.raises(RoundFileError) as refused:
        parse_round_settings(text)
    return refused.value.problems


def problem(text):
    (found,) = problems(text)
    return found


@pytest.mark.parametrize(
    ("text", "code", "line", "advice"),
    [
        ('nmae = "r"\n[data]\nsources = ["x"]\nname = "y"', "PL-RND-001", 1, "name"),
        ('[data]\nsources = ["x"]', "PL-RND-003", None, "name"),
        (SMALL + "tst_share = 0.1", "PL-RND-001", 4, "test_share"),
        (SMALL + "test_share = 1", "PL-RND-002", 4, "mend data.test_share"),
        (SMALL + "test_share = true", "PL-RND-002", 4, "mend data.test_share"),
        ('name = "../r"\n[data]\nsources = ["x"]', "PL-RND-002", 1, "mend name"),
        (SMALL.replace('"x"', '{ source = "x", axis = "harm" }'), "PL-RND-002", 3, "axis"),
        (MODEL + 'settings = { epochs = 1.5 }\nmodel = "o/m"', "PL-RND-002", 7, "epochs"),
        (MODEL + "settings = { epoch = 1 }", "PL-RND-001", 7, "epochs"),
        (MODEL + "settings = { epochs = 1 }", "PL-RND-005", 7, "leave it out"),
        (MODEL + 'model = "o/m"\nsettings = { l2 = 1.0 }', "PL-RND-005", 8, "leave it out"),
        (MODEL + "settings = { false_positive_rate = 0.1 }", "PL-RND-005", 7, "leave it out"),
        (MODEL.replace("preference", "cost") + 'on = "harmlessness"', "PL-RND-005", 7, "leave it out"),
        (MODEL + '[[models]]\nname = "M"\ntask = "cost"', "PL-RND-005", 8, "change one"),
        (SAMPLER.replace('scorer = "m"', 'scorer = "mm"'), "PL-RND-005", 10, 'scorer = "m"'),
        (SAMPLER + 'judge = "m"', "PL-RND-005", 11, "name another"),
        (SAMPLER.replace("openai:m", "opneai:m"), "PL-REP-001", 9, "openai"),
        (SAMPLER + 'key_variable = "sk-0123"', "PL-RND-002", 11, "mend"),
        (MODEL + '[next]\nstudy = "s"\nname = "n"', "PL-RND-005", 7, "add [sampler]"),
        (SMALL + "[release]\naccept = { uses = 'x' }", "PL-REL-007", 5, "leave it out"),
        (SMALL + "[release]\naccept = { leakage = ' ' }", "PL-REL-007", 5, "WHY"),
        (SMALL + "licence = 'M I T'", "PL-USE-003", 4, ""),
        ('name = "r"\n[data]\ntest_share = 0.1', "PL-RND-005", 2, "sources"),
        ("name = r", "PL-RND-004", None, "quotes"),
        ("x = " + "[" * 500 + "]" * 500, "PL-RND-004", None, ""),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_what_to_do(text, code, line, advice):
    found = problems(text)[0]
    assert (found.code, found.line) == (code, line)
    assert advice in found.advice or advice in str(found)


def test_all_of_it_is_told_at_once_and_no_key_is_repeated():
    text = SAMPLER.replace('"m"\ntask', '"m m"\ntask') + 'key_variable = "sk-0123"\ntemprature = 1'
    found = problems(text)
    assert [each.line for each in found] == [5, 11, 12]
    with pytest.raises(RoundFileError) as refused:
        parse_round_settings(text)
    assert str(refused.value).count("Try: ") == 3
    assert "sk-0123" not in str(refused.value)


def test_the_example_and_the_tests_own_say_what_they_say():
    assert parse_round_settings(EXAMPLE).sampler.replies == 4
    settings = parse_round_settings(ROUND)
    assert [source.is_plain for source in settings.data.sources] == [True, False]
    assert tables_json(settings)["models"] == [
        {"name": "harmless", "task": "preference", "settings": {"features": "words"}}
    ]


def test_models_take_the_settings_that_the_training_commands_take():
    """By the names of their options; how an unfinished training goes on is the round's affair, and its seed."""
    of_commands = {*vars(TransformerFlags()), *LINEAR_SETTINGS, *COMMON_SETTINGS} - {"resume", "restart", "seed"}
    given = dict.fromkeys(ModelSettings.model_fields)
    named = ModelSettings(false_positive_rate=0.1).for_training()
    assert named == {"max_false_positive_rate": 0.1}
    assert {*given, *named} - {"false_positive_rate"} == of_commands


# --- what it names ---


def not_there(folder, old, new):
    edit(folder, old, new)
    with pytest.raises(UsageError) as refused:
        open_round(folder / "round.toml")
    return refused.value


@pytest.mark.parametrize(
    ("old", "new", "code", "key"),
    [
        ('studies = ["study"]', 'studies = ["studdy"]', "PL-STA-001", "data.studies"),
        ('studies = ["study"]', 'studies = ["study", "study"]', "PL-RND-005", "data.studies"),
        ('["study"]', '[{ study = "study", store_variable = "NO_SUCH" }]', "PL-RND-006", "data.studies"),
        ('sources = ["hh",', 'sources = ["hhh",', "PL-RND-006", "data.sources"),
        ('recipe = "recipe.toml"', 'recipe = "none.toml"', "PL-RCP-002", "curate.recipe"),
        ('recipe = "recipe.toml"', 'recipe = "claen"', "PL-RCP-001", "curate.recipe"),
        ("[release]", '[release]\nanswers = "a.toml"', "PL-REL-002", "release.answers"),
        ("[release]", '[release]\nprevious = "r"', "PL-RND-006", "release.previous"),
        ("seed = 1", 'before = "hh"\nseed = 1', "PL-RND-007", "before"),
        ("seed = 1", 'before = "round-1"\nseed = 1', "PL-RND-005", "before"),
        ("[sampler]", '[sampler]\njudge = "nobody"', "PL-RND-006", "sampler.judge"),
        ('prompts = { source = "hh"', 'prompts = { source = "none.csv"', "PL-RND-006", "sampler.prompts"),
        ('policy = "retrieval:hh"', 'policy = "retrieval:none"', "PL-RND-006", "sampler.policy"),
        ('settings = { features = "words" }', 'model = "gpt2"', "PL-ARG-001", "models[0].model"),
        ('write = ["comparisons"]', "write = []", "PL-RND-016", "next.study"),
        ('out = "round-1"', 'out = "hh/harmless-base"', "PL-OUT-008", "data.sources"),
        ('out = "round-1"', 'out = "study"', "PL-OUT-008", "data.studies"),
        ('out = "round-1"', 'out = "."', "PL-RND-006", "out"),
    ],
)
def test_what_is_not_there_is_told_before_anything_is_made(fresh, old, new, code, key):
    error = not_there(fresh, old, new)
    assert error.code == code
    assert key in error.place
    assert "line" in error.place
    assert not (fresh / "round-1").exists()


def test_a_kind_of_study_that_has_no_next_one_is_refused(fresh):
    edit(fresh, 'kind = "pairs"', 'kind = "safety-labels"', "study/study.toml")
    edit(fresh, 'axes = ["harmlessness"]\n', "", "study/study.toml")
    error = not_there(fresh, "seed = 1", "seed = 2")
    assert (error.code, error.found) == ("PL-RND-016", "safety-labels")


def test_a_file_that_cannot_be_read(tmp_path):
    (tmp_path / "r.toml").write_bytes(b"\xff\xfe")
    for name in ("none.toml", "r.toml", "."):
        with pytest.raises(RoundFileError) as refused:
            read_round_settings(tmp_path / name)
        assert refused.value.code == "PL-RND-004"
        assert ("--example" in str(refused.value)) == (name == "none.toml")


def test_an_example_takes_the_place_of_nothing_but_itself(tmp_path, monkeypatch):
    """Nor does it wait for what somebody may write into a pipe."""
    write_example_round(tmp_path / "r.toml")
    write_example_round(tmp_path / "r.toml")
    os.mkfifo(tmp_path / "pipe.toml")
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path.name} was read"))
    with pytest.raises(UsageError, match="PL-OUT-002"):
        write_example_round(tmp_path / "pipe.toml")
