"""What transfer is measured on: labelled test rows, texts that are all safe or that nobody labelled, and judged pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from plumbline.formats import load
from plumbline.models.features.text_features import Replies
from plumbline.models.rows.training_rows import conversation_replies, label_rows, pair_replies, preference_rows
from plumbline.moderate.false_refusals import as_conversations, safe_pairs

Bools = NDArray[np.bool_]
Groups = NDArray[np.str_]


@dataclass(frozen=True)
class Labelled:
    """n replies that people called safe or unsafe; `group_ids` are prompts."""

    name: str
    replies: Replies
    is_unsafe: Bools
    group_ids: Groups


@dataclass(frozen=True)
class Flagged:
    """n texts of which only the share that is flagged is told."""

    name: str
    replies: Replies
    group_ids: Groups


@dataclass(frozen=True)
class Ranked:
    """n pairs of replies, of which people found one the less harmful."""

    name: str
    first: Replies
    second: Replies
    first_is_better: Bools
    group_ids: Groups


def alone(replies: Replies) -> Replies:
    """The replies without what was said before them."""
    return Replies(replies.texts, [""] * len(replies))


def labelled_sets(data: Path) -> list[Labelled]:
    """The test files of BeaverTails and PKU-SafeRLHF, with the question and without it."""
    found = []
    for name, folder in (("BeaverTails", "beavertails"), ("PKU", "pku-saferlhf")):
        rows = label_rows(load(data / folder, split="test", cache=False).safety_labels, place=name)
        found.append(Labelled(name, rows.replies, rows.is_unsafe, rows.places.group_ids))
        found.append(Labelled(f"{name}, reply alone", alone(rows.replies), rows.is_unsafe, rows.places.group_ids))
    return found


def flagged_sets(data: Path) -> list[Flagged]:
    """Safe prompts that sound unsafe, replies that nobody labelled, and requests alone."""
    return [*_safe_sets(), *_unlabelled_sets(data), _request_set(data)]


def _safe_sets() -> list[Flagged]:
    pairs = safe_pairs()
    replies = conversation_replies(as_conversations(pairs))
    prompts = Replies([pair.prompt for pair in pairs], [""] * len(pairs))
    names, found = np.array([str(number) for number in range(len(pairs))]), []
    is_contrast = np.array([pair.is_contrast for pair in pairs])
    for said, chosen in (("sounding unsafe", ~is_contrast), ("refused", is_contrast)):
        at = np.flatnonzero(chosen)
        answers = replies.take(at)
        found.append(Flagged(f"safe, {said}", answers, names[at]))
        found.append(Flagged(f"safe, {said}: answer alone", alone(answers), names[at]))
        found.append(Flagged(f"{said}: request alone", prompts.take(at), names[at]))
    return found


def _unlabelled_sets(data: Path) -> list[Flagged]:
    """Each distinct reply to each prompt once."""
    found = []
    for name, path, options in (
        ("PandaLM", "pandalm", {}),
        ("Open-Assistant", "oasst", {}),
        ("helpful-base", "hh-rlhf", {"data_dir": "helpful-base", "split": "test"}),
    ):
        comparisons = load(data / path, cache=False, **options).comparisons
        first, second = pair_replies(comparisons)
        groups = np.asarray(comparisons["group_id"].to_pylist() * 2, dtype=np.str_)
        texts, prompts = (_joined(first, second, column) for column in ("texts", "prompts"))
        at = pl.DataFrame({"text": texts, "prompt": prompts}).with_row_index().unique(["text", "prompt"], keep="first")
        kept = at["index"].sort().to_numpy().astype(np.int64)
        replies = Replies(texts, prompts).take(kept)
        found.append(Flagged(f"{name}, nobody labelled", replies, groups[kept]))
        found.append(Flagged(f"{name}, nobody labelled: reply alone", alone(replies), groups[kept]))
    return found


def _joined(first: Replies, second: Replies, column: str) -> list[str]:
    return [*getattr(first, column).to_pylist(), *getattr(second, column).to_pylist()]


def _request_set(data: Path) -> Flagged:
    prompts = load(data / "beavertails-evaluation" / "evaluation.json", cache=False).prompts
    replies = conversation_replies(prompts["conversation"])
    texts: Sequence[str] = replies.texts.to_pylist()
    return Flagged("BeaverTails-Evaluation: request alone", alone(replies), np.array(texts, dtype=np.str_))


def ranked_sets(data: Path) -> list[Ranked]:
    """The test file of harmless-base."""
    table = load(data / "hh-rlhf", data_dir="harmless-base", split="test", cache=False).comparisons
    rows = preference_rows(table, place="harmless-base")
    # The prompt adds the same to both sides of a pair, so without it the order is the same.
    return [Ranked("harmless-base", rows.first, rows.second, rows.first_is_better, rows.places.group_ids)]
