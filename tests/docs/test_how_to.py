"""Commands that no machine of the tests could run are at least spelled as the program and the launcher spell them."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from plumbline.cli.main import app
from tests.docs.pages import blocks_of, options_of, words_of

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "train-on-several-gpus.md"
COMMANDS = re.findall(r"^```text\n(.*?)\n```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
BESIDE = [words for _, body in blocks_of("how-to/train-on-several-gpus.md", "console") for words in words_of(body)]


def test_there_are_commands_to_look_at():
    assert len(COMMANDS) == 4
    assert all("plumbline train" in command for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.split()[0])
def test_the_program_takes_these_words(command):
    words = shlex.split(command)
    words = words[words.index("plumbline") + 1 :]
    found = typer.main.get_command(app)
    while hasattr(found, "commands"):
        found = found.commands[words.pop(0)]
    context = found.make_context(found.name, words, resilient_parsing=False)
    assert context.params["model"].startswith("Qwen/")
    assert str(context.params["out"]).startswith("models/")


def test_so_it_does_those_before_and_after():
    trying, measuring = (options_of(words) for words in BESIDE if words[0] == "plumbline")
    assert (trying["model"], trying["out"]) == ("Qwen/Qwen3-0.6B", Path("models/try"))
    assert str(measuring["model"]) == "models/reward-7b/reward-harmlessness"


def test_the_launcher_takes_the_configuration(tmp_path):
    from accelerate.commands.config.config_args import load_config_from_file

    (text,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    path = tmp_path / "fsdp2.yaml"
    path.write_text(text)
    config = load_config_from_file(str(path))
    assert config.num_processes == 8
    assert config.fsdp_config["fsdp_version"] == 2
    by_environment = next(command for command in COMMANDS if command.startswith("ACCELERATE_USE_FSDP"))
    for name, value in re.findall(r"\bFSDP_(\w+)=(\S+)", by_environment):
        assert str(config.fsdp_config[f"fsdp_{name.lower()}"]).lower() == value.lower()
