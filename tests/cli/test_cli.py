"""The command line as a person meets it: examples that run, exit codes, errors with a next step, a terminal kept safe."""

import json
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer

import plumbline.formats
from plumbline.cli.main import app, run
from plumbline.lineage import write_folder_aside
from tests.cli.told_errors import GOOD_LINE, SECRET, fails

ROOT = Path(__file__).resolve().parents[2]
ENTRY = [sys.executable, "-W", "error", "-c", "from plumbline.cli.main import run; run()"]
UNCLOSED = ["-W", "ignore::ResourceWarning"]
"""Of Python's own: an interrupt that meets an import leaves the file that is read open until it is collected."""


# --- what the commands say of themselves ---


def commands(group, names=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*names, name))
        else:
            yield " ".join((*names, name)), command


COMMANDS = dict(commands(typer.main.get_command(app)))
CONTRACT = [
    *("demo", "data show", "data check", "data convert", "data pull", "curate", "evaluate", "score", "serve", "report"),
    *("train preference", "train cost", "train moderation", "train cascade"),
    *("train export", "train together", "train import"),
    *("collect init", "collect serve", "collect status", "collect token", "collect export"),
    *("collect backup", "collect restore", "collect erase", "collect migrate", "collect invite"),
    *("collect hit", "collect codes"),
    *("policy fit", "policy evaluate"),
    *("release build", "release verify", "release push"),
    *("redteam run", "redteam score", "redteam report"),
    "loop",
    *("align best-of-n", "align compare"),
    *("align supervised", "align ppo-lag", "align dpo", "align grpo", "align rloo"),
]


def test_the_commands_are_those_of_the_contract():
    assert sorted(COMMANDS) == sorted(CONTRACT)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example_that_parses(name):
    text = COMMANDS[name].callback.__doc__
    examples = re.findall(r"^ *Example: plumbline (.+)$", text, re.MULTILINE)
    assert examples
    for example in examples:
        words = shlex.split(example)
        assert words[: len(name.split())] == name.split()
        arguments = words[len(name.split()) :]
        context = COMMANDS[name].make_context(name, list(arguments))
        assert not context.args
        given = [word for word in arguments if word.startswith("-")]
        known = {option for parameter in COMMANDS[name].params for option in parameter.opts}
        assert set(given) <= known


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_explained(name, plumb):
    code, out, _ = plumb(*name.split(), "--help")
    assert code == 0
    assert "Example: plumbline" in out
    for parameter in COMMANDS[name].params:
        if parameter.name != "help":
            assert parameter.help, parameter.name
            assert max(parameter.opts, key=len) in out or parameter.param_type_name == "argument"


def test_help_and_version_need_nothing_heavy():
    heavy = {"numpy", "pyarrow", "polars", "sklearn", "scipy", "huggingface_hub", "matplotlib", "torch", "rich"}
    heavy |= {"sqlalchemy", "alembic", "fastapi", "uvicorn", "openai"}
    for arguments in (
        ["--help"],
        ["data", "--help"],
        ["collect", "serve", "--help"],
        ["train", "preference", "--help"],
        ["--version"],
    ):
        script = (
            f"import sys; sys.argv[1:] = {arguments!r}\n"
            "from plumbline.cli.main import run\n"
            "try:\n    run()\nexcept SystemExit as ended:\n    code = ended.code\n"
            "print(sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)\n"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True)
        assert not heavy & set(re.findall(r"'(\w+)'", done.stderr.splitlines()[-1])), arguments
        assert done.stdout


def test_no_arguments_shows_help_and_version_prints_one(plumb):
    assert "Usage" in "".join(plumb()[1:])
    assert plumb("--version")[1] == plumbline.__version__ + "\n"


# --- exit codes ---


def test_exit_codes(plumb, corpus, tmp_path):
    clean = corpus / "preferences-synthetic"
    assert plumb("data", "show", clean)[0] == 0
    assert plumb("data", "check", clean)[0] == 0
    code, out, _ = plumb("data", "check", corpus / "harmless-synthetic", "--json")
    assert code == 1
    summary = json.loads(out)
    assert summary["rows_quarantined"] == 1
    assert summary["synthetic"] is True
    assert plumb("data", "convert", clean, tmp_path / "out", "--to", "parquet")[0] == 0
    assert plumb("data", "convert", corpus / "harmless-synthetic", tmp_path / "out", "--to", "trl")[0] == 1
    assert plumb("data", "check", clean, "--no-such-option")[0] == 2
    assert plumb("data", "check")[0] == 2
    assert plumb("no-such-command")[0] == 2
    fails(plumb("data", "check", clean, "--on-error", "ignore"), "PL-ARG-001", 2)
    fails(plumb("data", "check", corpus / "labels-synthetic", "--on-error", "stop"), "PL-JSON-001", 1)
    fails(plumb("train", "preference", clean, "-o", tmp_path / "m", "--model", "gpt"), "PL-ARG-001", 2)


# --- errors nobody foresaw ---


def test_an_unforeseen_error_says_where_and_never_what(plumb, corpus, monkeypatch):
    def burst(*_args, **_how):
        raise ValueError(SECRET)

    monkeypatch.setattr(plumbline.formats, "load", burst)
    code, out, err = plumb("data", "show", corpus)
    assert (code, out) == (1, "")
    assert re.match(r"PL-BUG-001  \S+ line \d+: an unforeseen ValueError", err)
    assert "Try: " in err
    assert SECRET not in err
    monkeypatch.setenv("PLUMBLINE_TRACEBACK", "1")
    monkeypatch.setattr(sys, "argv", ["plumbline", "data", "show", str(corpus)])
    with pytest.raises(ValueError, match=SECRET):
        run()


def test_an_interruption_is_no_error(plumb, corpus, monkeypatch):
    def interrupt(*_args, **_how):
        raise KeyboardInterrupt

    monkeypatch.setattr(plumbline.formats, "load", interrupt)
    assert plumb("data", "show", corpus) == (130, "", "interrupted; nothing was left half-written\n")


# --- the terminal ---

ESCAPES = "\x1b]0;owned\x07 \x9b2J \u202e\x7f\r"


def _with_escapes(folder):
    """Files whose every text, name and key tries to steer the terminal."""
    attempt = {
        "transcript": f"\n\nHuman: {ESCAPES}\n\nAssistant: {ESCAPES}",
        "min_harmlessness_score_transcript": 0.5,
        "num_params": ESCAPES,
        "model_type": ESCAPES,
        "rating": 1.0,
        "task_description": ESCAPES,
        "task_descripton_harmlessness_score": 0.5,
        "red_team_member_id": ESCAPES,
        "is_upworker": True,
        "tags": [ESCAPES],
    }
    path = folder / "red\x1b[2Jteam\u202e [a][red]" / "train\x9b2J.jsonl"
    path.parent.mkdir()
    path.write_text(json.dumps(attempt) + "\n" + json.dumps({**attempt, "transcript": ""}) + "\n")
    odd = folder / "odd.jsonl"
    odd.write_text(json.dumps({ESCAPES: 1}) + "\n")
    return path, odd


def _is_safe(text):
    return all(character.isprintable() or character == "\n" for character in text)


@pytest.mark.parametrize("flags", [[], ["--show-text"], ["--line", "1"], ["--line", "1", "--show-text"]])
def test_no_control_character_of_the_data_reaches_the_terminal(flags, plumb, tmp_path):
    path, odd = _with_escapes(tmp_path)
    for source in (path, path.parent, odd):
        if source is path.parent and "--line" in flags:
            continue
        _, out, err = plumb("data", "show", source, *flags)
        assert _is_safe(out), out
        assert _is_safe(err), err
    for command in (["data", "check", path], ["data", "check", path, "--json"], ["data", "show", tmp_path / "\x1b[2J"]):
        _, out, err = plumb(*command)
        assert out + err
        assert _is_safe(out + err)


def test_progress_shows_names_to_the_letter(monkeypatch):
    from plumbline.cli import console

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(console, "_SHOWN_AFTER_SECONDS", 0.0)
    with console.progress("reading a[/b]\x1b[2J.jsonl") as shown:
        shown.step("[red]x[/nothing]")
        shown.of("[/x]", 1, 2)


def test_texts_are_masked_until_asked_for(plumb, tmp_path):
    path = tmp_path / "harmless-x.jsonl"
    path.write_bytes(GOOD_LINE + b"\n")
    for line in ([], ["--line", "1"]):
        _, masked, _ = plumb("data", "show", path, "--axis", "harmlessness", *line)
        _, shown, _ = plumb("data", "show", path, "--axis", "harmlessness", "--show-text", *line)
        assert SECRET not in masked
        assert SECRET in shown
    assert "[30 characters]" in plumb("data", "show", path, "--axis", "overall")[1]
    fails(plumb("data", "show", path, "--line", "2"), "PL-ARG-002", 2)
    fails(plumb("data", "show", path, "--line", "0"), "PL-ARG-002", 2)


def test_a_reader_that_goes_away_is_no_error(corpus):
    command = [*ENTRY, "data", "show", str(corpus), "--rows", "1000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
    assert (process.returncode, err) == (0, "")


def test_an_interrupted_run_ends_with_130(corpus, tmp_path):
    command = [*ENTRY[:3], *UNCLOSED, *ENTRY[3:], "demo", "-o", str(tmp_path / "demo")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not (tmp_path / "demo" / "collect.db").exists():  # else nothing has begun
            assert process.poll() is None
            time.sleep(0.05)
        err = _interrupted(process)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "interrupted; nothing was left half-written"
    assert "Traceback" not in err
    assert not list(tmp_path.rglob("*.partial"))


def _interrupted(process):
    """What a process says at its end.

    Python drops an interrupt that meets a finalizer, so it is sent again, as a person would.
    """
    while True:
        process.send_signal(signal.SIGINT)
        try:
            return process.communicate(timeout=5)[1]
        except subprocess.TimeoutExpired:
            continue


# --- the list of errors ---


def test_every_error_code_is_documented_and_every_documented_code_exists():
    page = ROOT / "docs" / "errors.md"
    files = sorted((ROOT / "src").rglob("*.py"))
    assert len(files) > 80
    raised = {code for file in files for code in re.findall(r"PL-[A-Z]+-\d{3}", file.read_text(encoding="utf-8"))}
    listed = set(re.findall(r"PL-[A-Z]+-\d{3}", page.read_text(encoding="utf-8")))
    assert sorted(raised - listed) == [], "these codes are missing in docs/errors.md"
    assert sorted(listed - raised) == [], "docs/errors.md lists codes that nothing raises"


def test_a_folder_of_a_run_can_be_replaced_by_the_next(plumb, corpus, tmp_path):
    for to in ("parquet", "trl"):
        plumb("data", "convert", corpus / "preferences-synthetic", tmp_path / "out", "--to", to)
    with write_folder_aside(tmp_path / "out", "data") as aside:
        assert not list(aside.iterdir())
