"""From labels with planted errors to the list of suspected ones: train, curate with the model's out-of-fold scores, look."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import polars as pl
import pytest
from scipy.stats import hypergeom

from plumbline.curate.recipe import read_recipe
from plumbline.formats import load
from plumbline.loop.curating.run import CurationResult, CurationRun, run_curation
from plumbline.loop.training.run import TrainingRun, run_training
from plumbline.records import BEAVERTAILS_14, PlumblineError

ROWS, FLIPPED, INSPECTED = 300, 15, 0.05
RECIPE = """
name = "own"
version = 1

[[rule]]
name = "personal-data"
action = "mask"

[[rule]]
name = "aggregate"
"""
GOOD, BAD = ("gladly", "clearly", "kindly", "safely"), ("insult", "hurt", "steal", "lie")
FILLER = [f"word{number}" for number in range(200)]


def made(seed: int) -> tuple[list[str], list[tuple[str, str]], list[int]]:
    """Synthetic prompts, a good and a bad reply to each, and which rows are to be judged wrongly."""
    draw = random.Random(seed)
    prompts = [f"Synthetic question {number}: {' '.join(draw.sample(FILLER, 5))}?" for number in range(ROWS)]
    replies = [
        tuple(" ".join([draw.choice(words), *draw.sample(FILLER, 6), draw.choice(words)]) for words in (GOOD, BAD))
        for _ in range(ROWS)
    ]
    replies[7] = (f"{replies[7][0]} write to anna.smith@posteo.net", replies[7][1])
    return prompts, replies, sorted(draw.sample(range(10, ROWS), FLIPPED))


def write_lines(path: Path, rows: list[dict[str, object]]) -> Path:
    path.parent.mkdir()
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def pair(prompt: str, better: str, worse: str) -> dict[str, object]:
    return {
        "chosen": f"\n\nHuman: {prompt}\n\nAssistant: {better}",
        "rejected": f"\n\nHuman: {prompt}\n\nAssistant: {worse}",
    }


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> tuple[CurationResult, Path, list[int], list[int]]:
    """Pairs and labels, 5 % of them judged wrongly; the first pair wrongly too, and rightly by two that turn its sides."""
    folder = tmp_path_factory.mktemp("label_errors")
    prompts, replies, wrong_pairs = made(1)
    rows = [
        pair(prompt, *(both[::-1] if number in (0, *wrong_pairs) else both))
        for number, (prompt, both) in enumerate(zip(prompts, replies, strict=True))
    ]
    pairs = write_lines(folder / "harmless-synthetic" / "train.jsonl", [*rows, *[pair(prompts[0], *replies[0])] * 2])
    prompts, replies, wrong_labels = made(2)
    rows = []
    for number, (prompt, both) in enumerate(zip(prompts, replies, strict=True)):
        is_unsafe = number % 2 == 1
        says = is_unsafe ^ (number in wrong_labels)
        category = {**dict.fromkeys(BEAVERTAILS_14, False), "self_harm": says}
        rows.append({"prompt": prompt, "response": both[is_unsafe], "category": category, "is_safe": not says})
    labels = write_lines(folder / "labels-synthetic" / "train.jsonl", rows)
    for task, source in (("preference", pairs), ("moderation", labels)):
        run_training(TrainingRun(task, (str(source),), folder / task, settings={"features": "words"}))
    (folder / "recipe.toml").write_text(RECIPE)
    scores = tuple(folder / task / "out_of_fold.parquet" for task in ("preference", "moderation"))
    run = CurationRun(
        (str(pairs), str(labels)), folder / "out", read_recipe(str(folder / "recipe.toml")), scores=scores
    )
    return run_curation(run), folder / "out", wrong_pairs, wrong_labels


def of_head(out: Path, head: str) -> pl.DataFrame:
    return pl.read_parquet(out / "curation" / "label_errors.parquet").filter(pl.col("head") == head)


def test_planted_errors_are_found_far_above_chance(curated: tuple[CurationResult, Path, list[int], list[int]]) -> None:
    _, out, wrong_pairs, wrong_labels = curated
    for head, wrong in (("harmlessness", wrong_pairs), ("unsafe", wrong_labels), ("self_harm", wrong_labels)):
        listed = of_head(out, head)
        inspected = round(INSPECTED * len(listed))
        found = listed.head(inspected).filter(pl.col("row").is_in(wrong))
        by_chance = hypergeom(len(listed), len(wrong), inspected)
        assert by_chance.sf(len(found) - 1) < 1e-6, f"{head}: {len(found)} of {len(wrong)}"
        assert (found["label"] != found["suggested"]).all()


def test_records_that_were_masked_or_merged_keep_their_scores_and_sides(
    curated: tuple[CurationResult, Path, list[int], list[int]],
) -> None:
    result, out, *_ = curated
    told = result.summary["label_errors"]
    assert (told["unscored"], told["unlabelled"], told["scored"]) == (0, 0, 2 * ROWS)
    assert told["unknown_ids"] > 0  # of the judgement that was merged into another
    assert [file["out_of_fold"] for file in told["scores"]] == [True, True]
    pairs = of_head(out, "harmlessness")
    merged, masked = (pairs.filter(pl.col("row") == row).row(0, named=True) for row in (0, 7))
    assert (merged["label"], merged["suggested"]) == ("second", "second")
    assert (masked["label"], masked["suggested"]) == ("first", "first")
    written = pl.read_parquet(out / "comparisons" / "*.parquet")
    assert set(pairs["id"]) == set(written["id"])


def test_the_list_is_counted_in_the_manifest_and_holds_no_text(
    curated: tuple[CurationResult, Path, list[int], list[int]],
) -> None:
    result, out, *_ = curated
    manifest = json.loads((out / "manifest.json").read_text())
    (entry,) = [entry for entry in manifest["outputs"] if entry["path"] == "curation/label_errors.parquet"]
    assert entry["rows"] == result.summary["label_errors"]["n"] == 3 * ROWS
    assert manifest["configuration"]["scores"] == result.summary["label_errors"]["scores"]
    assert b"Synthetic question" not in (out / "curation" / "label_errors.parquet").read_bytes()


def test_scores_that_cannot_be_read_stop_a_run_before_it_begins(tmp_path: Path) -> None:
    run = CurationRun(
        (str(tmp_path / "nothing"),), tmp_path / "out", read_recipe("clean"), scores=(tmp_path / "no.parquet",)
    )
    with pytest.raises(PlumblineError, match="PL-LBL-001"):
        run_curation(run)
    assert not list(tmp_path.iterdir())


def test_the_documented_lines_take_the_most_suspicious_pairs_out(
    curated: tuple[CurationResult, Path, list[int], list[int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, out, *_ = curated
    page = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "label-errors.md"
    (lines,) = re.findall(r"^```py\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (tmp_path / "curated").symlink_to(out)
    monkeypatch.chdir(tmp_path)
    exec(compile(lines, str(page), "exec"), {})
    again = load(tmp_path / "again.parquet", cache=False)
    assert set(again.comparisons["id"].to_pylist()) == set(of_head(out, "harmlessness")["id"].head(100))
    assert again.terms == load(out, cache=False).terms
