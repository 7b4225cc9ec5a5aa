"""The command line as a person meets it: examples that run, exit codes, errors with a next step, a terminal kept safe."""

import gzip
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import typer
from safetensors.numpy import load_file, save_file

import plumbline.formats
from plumbline.cli.main import app, run
from plumbline.lineage import write_folder_aside
from plumbline.loop.synthetic.corpus import write_synthetic_corpus
from plumbline.loop.training.run import TrainingRun, run_training
from tests.restating import restate

ROOT = Path(__file__).resolve().parents[2]
SECRET = "the-secret-of-the-conversation"
ERROR = re.compile(r"\A(PL-[A-Z]+-\d{3})  .+\.\n(?: +(?:Expected|Found) .+\.\n)? +Try: .+\n\Z", re.DOTALL)
SYNTHETIC_NOTE = "no --data given: this run uses a small SYNTHETIC corpus; its figures say nothing about people\n"
ENTRY = [sys.executable, "-W", "error", "-c", "from plumbline.cli.main import run; run()"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "corpus"
    write_synthetic_corpus(folder, scale=0.1)
    return folder


@pytest.fixture(scope="module")
def model(corpus):
    folder = corpus.parent / "model"
    settings = {"features": "words", "seed": 0}
    run_training(TrainingRun("preference", (str(corpus / "harmless-synthetic"),), folder, settings=settings))
    return folder


def fails(result, code=None, exit_code=None):
    """The call ended in an error a person can act on; returns its code."""
    ended, out, err = result
    assert out == ""
    match = ERROR.match(err.removeprefix(SYNTHETIC_NOTE))
    assert match, err
    assert match[1] != "PL-BUG-001", err
    assert SECRET not in err
    assert code is None or re.fullmatch(code, match[1]), err
    assert ended == exit_code if exit_code else ended in (1, 2)
    return match[1]


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


# --- bad input, to every command that reads ---

GOOD_LINE = json.dumps(
    {"chosen": f"\n\nHuman: {SECRET}\n\nAssistant: a", "rejected": f"\n\nHuman: {SECRET}\n\nAssistant: b"}
).encode()


def _bad_sources(folder):
    def put(name, content):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    lines = (GOOD_LINE + b"\n") * 300
    put("mixed/train.jsonl", lines)
    put("mixed/labels.jsonl", json.dumps({"prompt": SECRET, "response": "a", "is_safe": True}).encode() + b"\n")
    (folder / "empty").mkdir()
    (folder / "folder.jsonl").mkdir()
    (folder / "loop.jsonl").symlink_to("loop.jsonl")
    (folder / "gone.jsonl").symlink_to("nowhere")
    (folder / "pipe").mkdir()
    os.mkfifo(folder / "pipe" / "train.jsonl")
    return {
        "missing": folder / "missing.jsonl",
        "missing, like a path": folder / "a" / "b",
        "truncated gzip": put("harmless-cut/train.jsonl.gz", gzip.compress(lines)[:-30]),
        "garbled gzip": put("harmless-bad/train.jsonl.gz", gzip.compress(os.urandom(5000))[:40] + b"\xff" * 400),
        "no JSON": put("harmless-words/train.jsonl", f"{SECRET}\n".encode() * 30),
        "an object of no format": put("odd/train.jsonl", json.dumps({"text": SECRET}).encode()),
        "other keys are the text": put("keys/train.jsonl", b'{"\\u001b[2J": 1}\n'),
        "an empty file": put("harmless-none/train.jsonl", b""),
        "an empty folder": folder / "empty",
        "a folder that is called a file": folder / "folder.jsonl",
        "two formats": folder / "mixed",
        "a link to itself": folder / "loop.jsonl",
        "a link to nothing": folder / "gone.jsonl",
        "a folder with a pipe": folder / "pipe",
        "no Parquet": put("table/train.parquet", b"PAR1" + SECRET.encode() + b"PAR1"),
        "an unknown ending": put("notes.txt", SECRET.encode()),
        "only a broken array": put("harmless-array/train.json", b'[{"chosen": "' + SECRET.encode()),
        "every row unreadable": put("harmless-rows/train.jsonl", b'{"chosen": 1, "rejected": "x"}\n' * 5),
        "a manifest that is none": put("claimed/manifest.json", b"{}").parent,
        "UTF-16": put("harmless-wide/train.jsonl", lines.decode().encode("utf-16")),
        "a name too long": folder / ("x" * 300 + ".jsonl"),
        "a name that is no UTF-8": put(os.fsdecode(b"harmless-\xff/train.jsonl"), lines),
    }


@pytest.fixture(scope="module")
def bad_sources(tmp_path_factory):
    return _bad_sources(tmp_path_factory.mktemp("bad"))


BAD = [
    *("missing", "missing, like a path", "truncated gzip", "garbled gzip", "no JSON", "an object of no format"),
    *("other keys are the text", "an empty file", "an empty folder", "a folder that is called a file", "two formats"),
    *("a link to itself", "a link to nothing", "a folder with a pipe", "no Parquet", "an unknown ending"),
    *("only a broken array", "every row unreadable", "a manifest that is none", "UTF-16"),
    *("a name that is no UTF-8", "a name too long"),
]
READABLE_IN_PART = {"every row unreadable"}
"""`data show` and `data check` have something to say of these: rows in quarantine."""


def _readers(source, model, out):
    """Every command that reads a source, on this one."""
    return {
        "show": ("data", "show", source),
        "show a line": ("data", "show", source, "--line", "2"),
        "check": ("data", "check", source, "-o", out / "check"),
        "convert": ("data", "convert", source, out / "converted", "--to", "parquet"),
        "convert to a file": ("data", "convert", source, out / "one.jsonl.gz", "--to", "hh-rlhf"),
        "preference": ("train", "preference", source, "-o", out / "model"),
        "cost": ("train", "cost", source, "-o", out / "model"),
        "moderation": ("train", "moderation", source, "-o", out / "model"),
        "evaluate": ("evaluate", model, source, "-o", out / "evaluation"),
        "score": ("score", model, source, "-o", out / "scores.parquet"),
        "demo": ("demo", "--data", source, "-o", out / "demo"),
        "report": ("report", source, "-o", out / "report.html"),
        "curate": ("curate", source, "-o", out / "curated", "--axis", "harmlessness"),
        "as a model": ("evaluate", source, source),
    }


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_source_ends_every_command_in_a_code_and_leaves_nothing(kind, plumb, bad_sources, model, tmp_path):
    assert set(BAD) == set(bad_sources)
    for name, arguments in _readers(bad_sources[kind], model, tmp_path).items():
        code, out, err = plumb(*arguments)
        assert SECRET not in out + err
        assert "\x1b" not in out + err
        if code == 0 or (code == 1 and not err.startswith("PL-")):
            assert name == "show a line" or (kind in READABLE_IN_PART and name in ("show", "check")), (name, out, err)
        else:
            fails((code, "", err))
    left = {path.name for path in tmp_path.iterdir()}  # empty folders among it
    assert left <= ({"check"} if kind in READABLE_IN_PART else set())


def test_a_demo_of_a_folder_without_a_readable_row_leaves_nothing(plumb, bad_sources, tmp_path):
    folder = bad_sources["every row unreadable"].parent
    fails(plumb("demo", "--data", folder, "-o", tmp_path / "demo"), "PL-RUN-001", 1)
    assert not list(tmp_path.iterdir())


def test_outputs_that_cannot_be_written(plumb, corpus, model, tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "notes.txt").write_text("mine")
    source = corpus / "preferences-synthetic"
    for out in (tmp_path / "file" / "below", tmp_path / "foreign", tmp_path / "file", Path("/proc/nowhere/x")):
        fails(plumb("data", "convert", source, out, "--to", "parquet"), "PL-OUT-00[12]")
        fails(plumb("train", "cost", source, "-o", out, "--features", "words"), "PL-OUT-00[12]")
        fails(plumb("evaluate", model, source, "--on", "harmlessness", "-o", out), "PL-OUT-00[12]")
        fails(plumb("data", "check", source, "-o", out), "PL-OUT-00[12]")
        if out.name != "foreign":
            fails(plumb("demo", "-o", out), "PL-OUT-00[12]")
    for name in (os.fsdecode(b"\xff"), "x" * 300):
        fails(plumb("data", "convert", source, tmp_path / name, "--to", "parquet"), "PL-OUT-001")
        fails(plumb("score", model, source, "-o", tmp_path / f"{name}.csv"), "PL-OUT-001")
        fails(plumb("report", model, "-o", tmp_path / f"{name}.html"), "PL-OUT-001")
    (tmp_path / "scores.csv").mkdir()
    fails(plumb("score", model, source, "-o", tmp_path / "scores.csv"), "PL-OUT-002")
    (tmp_path / "page.html").mkdir()
    fails(plumb("report", model, "-o", tmp_path / "page.html"), "PL-OUT-002")
    assert (tmp_path / "file").read_text() == (tmp_path / "foreign" / "notes.txt").read_text() == "mine"
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith((".partial", ".former"))]


# --- models that are damaged ---


def _truncate(name):
    def damage(folder):
        path = folder / name
        path.write_bytes(path.read_bytes()[:-100])

    return damage


def _edit(**values):
    def damage(folder):
        path = folder / "model.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
        restate(folder)

    return damage


def _arrays(change):
    def damage(folder):
        stored = load_file(folder / "model.safetensors")
        save_file(change(stored), folder / "model.safetensors")
        restate(folder)

    return damage


def _unsigned(damage):
    def both(folder):
        damage(folder)
        restate(folder)

    return both


def _replace_weights(folder):
    stored = load_file(folder / "model.safetensors")
    save_file({**stored, "weights": -stored["weights"]}, folder / "model.safetensors")


def _folder_for_weights(folder):
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").mkdir()


DAMAGES = {
    "weights cut": (_truncate("model.safetensors"), "PL-MOD-002"),
    "weights cut, no manifest": (_unsigned(_truncate("model.safetensors")), "PL-MOD-002"),
    "weights replaced": (_replace_weights, "PL-MOD-002"),
    "weights gone": (lambda folder: (folder / "model.safetensors").unlink(), "PL-MOD-002"),
    "weights a folder": (_folder_for_weights, "PL-MOD-002"),
    "description cut": (_truncate("model.json"), "PL-MOD-002"),
    "description gone": (lambda folder: (folder / "model.json").unlink(), "PL-MOD-001"),
    "description no UTF-8": (lambda folder: (folder / "model.json").write_bytes(b'{"\xff": 1}'), "PL-MOD-002"),
    "another version": (_edit(version=99), "PL-MOD-003"),
    "another program's": (_edit(plumbline="tree-model"), "PL-MOD-002"),
    "an unknown key": (_edit(colour="red"), "PL-MOD-002"),
    "no heads": (_edit(heads=[]), "PL-MOD-002"),
    "frequencies missing": (_edit(unseen_frequencies=[]), "PL-MOD-002"),
    "an array missing": (_arrays(lambda a: {"columns": a["columns"], "weights": a["weights"]}), "PL-MOD-002"),
    "columns out of range": (_arrays(lambda a: {**a, "columns": a["columns"] + (1 << 30)}), "PL-MOD-002"),
    "weights not finite": (_arrays(lambda a: {**a, "weights": a["weights"] * np.float32("nan")}), "PL-MOD-002"),
    "weights too short": (_arrays(lambda a: {**a, "weights": a["weights"][:, :-1].copy()}), "PL-MOD-002"),
    "columns of another type": (_arrays(lambda a: {**a, "columns": a["columns"].astype(np.float32)}), "PL-MOD-002"),
    "columns no list": (_arrays(lambda a: {**a, "columns": a["columns"][None].copy()}), "PL-MOD-002"),
    "manifest damaged": (_truncate("manifest.json"), "PL-MAN-001"),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_model_is_refused(kind, plumb, model, corpus, tmp_path):
    damage, code = DAMAGES[kind]
    copy = tmp_path / "model"
    shutil.copytree(model, copy)
    damage(copy)
    source = corpus / "harmless-synthetic" / "test.jsonl.gz"
    fails(plumb("evaluate", copy, source), code)
    fails(plumb("score", copy, source, "-o", tmp_path / "scores.jsonl"), code)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


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
    command = [*ENTRY, "demo", "-o", str(tmp_path / "demo")]
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
