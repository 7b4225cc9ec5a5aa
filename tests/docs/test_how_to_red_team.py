"""docs/how-to/red-team.md: its commands run, on made-up attempts; its table of files names the columns that there are."""

import re
import shlex
from pathlib import Path

import pyarrow.parquet as pq
import typer

from plumbline.cli.main import app
from plumbline.formats import write_tables
from plumbline.loop.synthetic.corpus import write_synthetic_corpus
from plumbline.records import Kind
from plumbline.redteam.transcript_scores import ATTEMPT_SCHEMA, TURN_SCHEMA
from tests.redteam.made_up import attempts_table

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "red-team.md").read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(line)[1:]
    for block in re.findall(r"^```text\n(.*?)\n```$", PAGE, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]


def test_the_commands_run_one_after_the_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_synthetic_corpus(tmp_path / "corpus", scale=0.1)
    (tmp_path / "hh-rlhf").mkdir()
    (tmp_path / "corpus" / "harmless-synthetic").rename(tmp_path / "hh-rlhf" / "harmless-base")
    for seed, name in enumerate(["hh-rlhf/red-team-attempts", "study-export", "attempts-by-machine"]):
        table = attempts_table(8, seed=seed, reviewed=False)
        path = tmp_path / name / "attempts.jsonl"
        path.parent.mkdir(exist_ok=True)
        write_tables({Kind.RED_TEAM_ATTEMPTS: table}, path, "red-team")
    command = typer.main.get_command(app)
    assert len(COMMANDS) == 5
    for words in COMMANDS:
        command.main(words, standalone_mode=False)
    assert (tmp_path / "red-team.html").stat().st_size > 50_000
    for name, schema in (("turns", TURN_SCHEMA), ("attempts", ATTEMPT_SCHEMA)):
        assert pq.read_schema(tmp_path / "scored" / "scores" / f"{name}.parquet").names == schema.names


def test_the_columns_of_scores_are_named():
    (turns,) = re.findall(r"^\| `scores/turns.parquet` \|(.*)\|$", PAGE, re.MULTILINE)
    assert set(TURN_SCHEMA.names) <= set(re.findall(r"`(\w+)`", turns))
    (attempts,) = re.findall(r"^\| `scores/attempts.parquet` \|(.*)\|$", PAGE, re.MULTILINE)
    assert set(ATTEMPT_SCHEMA.names) - set(re.findall(r"`(\w+)`", attempts)) == {
        *("id", "source", "row", "transcript_score", "description_score")
    }
