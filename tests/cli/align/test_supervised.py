"""``plumbline align supervised`` as a person calls it, on made-up rows and a model made from nothing."""

import json

import pytest

from plumbline.align import supervised
from plumbline.formats import PARQUET, write_tables
from plumbline.loop.training.folder import training_folder
from plumbline.records import Kind
from tests.models.made_up import labels_table

SMALL = ("--layers", 1, "--width", 32, "--heads", 2, "--vocabulary", 300, "--positions", 96)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Labelled replies, kind ones safe."""
    folder = tmp_path_factory.mktemp("rows") / "labels"
    folder.mkdir()
    write_tables({Kind.SAFETY_LABELS: labels_table(60)}, folder, PARQUET)
    return folder


def test_a_policy_made_from_nothing_learns_its_rows_and_any_tool_loads_it(plumb, rows, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    out = tmp_path / "first"
    ended, printed, told = plumb(
        "align",
        "supervised",
        rows,
        "--replies",
        "safe",
        "--model",
        "new",
        *SMALL,
        "--epochs",
        8,
        "--learning-rate",
        0.01,
        "--batch",
        4,
        "-o",
        out,
        "--json",
    )
    assert ended == 0, told
    summary = json.loads(printed)
    nats = summary["nats_a_held_out_token"]
    assert nats["after"] < 0.7 * nats["before"]
    assert summary["rows"] + summary["held_out_rows"] < 60, "rude replies are not learnt"
    tokenizer = AutoTokenizer.from_pretrained(out)
    model = AutoModelForCausalLM.from_pretrained(out)
    ids = tokenizer("\n\nHuman: question number 3?\n\nAssistant:", return_tensors="pt")
    assert model(**ids).logits.shape[-1] == len(tokenizer)
    assert not training_folder(out).exists()
    assert "made from nothing" in (out / "README.md").read_text()


def test_who_interrupts_is_told_how_it_goes_on(plumb, rows, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(supervised._Teaching, "_learn", interrupted)
    words = ("align", "supervised", rows, "--replies", "safe", "--model", "new", *SMALL, "-o", tmp_path / "out")
    _, _, told = plumb(*words)
    assert f"{training_folder(tmp_path / 'out')} holds no checkpoint yet: the same command with --resume" in told
    monkeypatch.undo()
    assert plumb(*words, "--resume")[0] == 0, "the folder that was named is there, and nothing in it is in the way"


def test_which_replies_are_learnt_must_be_said(plumb, rows, tmp_path):
    ended, _, told = plumb("align", "supervised", rows, "--model", "new", "-o", tmp_path / "out")
    assert (ended, "PL-SUP-004" in told) == (2, True)
    ended, _, told = plumb("align", "supervised", rows, "--replies", "better", "--model", "new", "-o", tmp_path / "out")
    assert (ended, "PL-SUP-005" in told) == (1, True), "labels have no better side"
    ended, _, told = plumb(
        "align", "supervised", rows, "--replies", "all", "--uses", "analysis", "--model", "new", "-o", tmp_path / "out"
    )
    assert (ended, "PL-USE-001" in told) == (2, True)


def test_options_that_change_nothing_are_refused(plumb, rows, tmp_path):
    for words, flag in (
        (("--model", tmp_path, "--replies", "safe", "--layers", 2), "--layers"),
        (("--model", "new", "--replies", "safe", "--on", "helpfulness"), "--on"),
    ):
        ended, _, told = plumb("align", "supervised", rows, *words, "-o", tmp_path / "out")
        assert (ended, "PL-ARG-005" in told, flag in told) == (2, True, True), told
