"""Training a preference model on real pairs: Plumbline, and TRL's RewardTrainer as configured by default and grouped.

    python -m benchmarks.preference_training --data DIR [--pairs 1362] [--rounds 3] [--steps 0] [--json FILE]

The same model (a Llama of 6 layers, 384 wide, vocabulary 8,000, random weights), rows (harmless-base), batch (16 pairs),
optimizer (AdamW), learning rate and precision (32 bits); only the training loop is timed. Needs the extras train and trl.
Each contestant runs in a process of its own, one after the other, round after round.

Also: the losses of the first steps on identical batches, with trees and without; they must agree.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import measuring
from benchmarks.measuring import Candidate, Session
from benchmarks.rows.preference_rows import prepare, read_pairs

PACKAGES = ("plumbline-rlhf", "torch", "transformers", "accelerate", "trl")
OURS, OURS_PLAIN = "Plumbline, trees", "Plumbline, each side by itself"
TRL_DEFAULT, TRL_GROUPED = "TRL RewardTrainer, default", "TRL RewardTrainer, group_by_length"
ROWS_PER_STEP = 16
LEARNING_RATE = 1e-4
AGREEING_STEPS = 20


def plumbline(folder: str, as_trees: bool, steps: int, threads: int, losses: bool = False) -> Iterator[Any]:
    """Candidate: one pass, or the first `steps` steps of it.

    Args:
        losses: return those of each step, and leave rows as shuffled, so that both ways see the same batches: rows of
            like size are others where sides are computed by themselves.
    """
    import numpy as np
    import torch
    from transformers import AutoModelForSequenceClassification

    from plumbline.models.transformer.attention import block_attention
    from plumbline.models.transformer.examples.example import Example, Preference
    from plumbline.models.transformer.scorer import Scorer
    from plumbline.models.transformer.settings import LossSettings, TrainerSettings
    from plumbline.models.transformer.training.trainer import train

    torch.set_num_threads(threads)
    block_attention.register()
    pairs = read_pairs(Path(folder))[: steps * ROWS_PER_STEP or None]
    examples = [
        Example(
            (np.array(pair["chosen_ids"], np.int64), np.array(pair["rejected_ids"], np.int64)),
            (Preference(0, 1, 0),),
            ids=(str(number),),
        )
        for number, pair in enumerate(pairs)
    ]
    classifier = AutoModelForSequenceClassification.from_pretrained(
        f"{folder}/model", num_labels=1, attn_implementation=block_attention.NAME
    )
    scorer = Scorer(classifier.model, ["reward"], pooling="last")
    with torch.no_grad():
        scorer.heads.weight.copy_(classifier.score.weight)
    settings = TrainerSettings(
        learning_rate=LEARNING_RATE,
        rows_per_step=ROWS_PER_STEP,
        as_trees=as_trees,
        share_conversations=False,
        bucket_steps=0 if losses else TrainerSettings().bucket_steps,
    )
    seen: list[float] = []
    out = Path(tempfile.mkdtemp(prefix="benchmark-plumbline-"))
    yield
    outcome = train(
        scorer,
        examples,
        [],
        settings,
        LossSettings(),
        padding_id=classifier.config.pad_token_id,
        out=out,
        progress=(lambda told: seen.append(told.loss)) if losses else None,
    )
    yield
    shutil.rmtree(out, ignore_errors=True)
    counted = {"tokens": outcome.processed_tokens, "own_tokens": outcome.own_tokens}
    return {"pairs": len(examples), "sequence_tokens": outcome.sequence_tokens, "losses": seen, **counted}


def candidates(folder: Path, steps: int, threads: int) -> list[Candidate]:
    """Everything that is timed, in the order of the table."""
    at = {"folder": str(folder), "steps": steps, "threads": threads}
    same = {**at, "learning_rate": LEARNING_RATE, "rows_per_step": ROWS_PER_STEP}
    quiet = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    trl = "benchmarks.peers.preference_training:train"
    return [
        Candidate(OURS, "benchmarks.preference_training:plumbline", {**at, "as_trees": True}, quiet),
        Candidate(OURS_PLAIN, "benchmarks.preference_training:plumbline", {**at, "as_trees": False}, quiet),
        Candidate(TRL_GROUPED, trl, {**same, "strategy": "group_by_length"}, quiet),
        Candidate(TRL_DEFAULT, trl, {**same, "strategy": "random"}, quiet),
    ]


def disagreement(folder: Path, threads: int) -> float:
    """The largest difference, relative, between the losses of the first steps with trees and without."""
    arguments = {"folder": str(folder), "steps": AGREEING_STEPS, "threads": threads, "losses": True}
    trees, plain = (
        measuring.run_once(
            Candidate("", "benchmarks.preference_training:plumbline", {**arguments, "as_trees": as_trees})
        ).result["losses"]
        for as_trees in (True, False)
    )
    if len(trees) != len(plain) or not trees:
        raise SystemExit(f"expected losses of the same steps, found {len(trees)} and {len(plain)}")
    return max(abs(one - other) / abs(other) for one, other in zip(trees, plain, strict=True))


def speeds(session: Session) -> dict[str, dict[str, float]]:
    """Pairs and own tokens a second (medians), and the share of padding, by candidate."""
    table = {}
    for each in session.measured:
        result = each.runs[0].result
        table[each.candidate.name] = {
            "pairs_per_second": result["pairs"] / each.median_seconds,
            "tokens_per_second": result["tokens"] / each.median_seconds,
            "tokens_a_pair": result["tokens"] / result["pairs"],
            "padding_share": 1 - result["own_tokens"] / result["tokens"],
        }
    return table


def ratios(table: dict[str, dict[str, float]]) -> dict[str, float]:
    """Ours over TRL's, in pairs a second; and the ceiling, which is that of the counted tokens."""
    ours = table[OURS]
    return {
        "speedup_over_trl_default": ours["pairs_per_second"] / table[TRL_DEFAULT]["pairs_per_second"],
        "speedup_over_trl_grouped": ours["pairs_per_second"] / table[TRL_GROUPED]["pairs_per_second"],
        "token_ceiling_over_trl_default": table[TRL_DEFAULT]["tokens_a_pair"] / ours["tokens_a_pair"],
        "token_ceiling_over_trl_grouped": table[TRL_GROUPED]["tokens_a_pair"] / ours["tokens_a_pair"],
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.preference_training")
    parser.add_argument("--data", type=Path, required=True, help="folder with hh-rlhf/harmless-base/train.jsonl.gz")
    parser.add_argument("--pairs", type=int, default=1362)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=0, help="only the first steps; 0 for the whole pass")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    asked = parser.parse_args(arguments)
    work = Path(tempfile.mkdtemp(prefix="benchmark-preference-"))
    try:
        prepare(asked.data, work, asked.pairs)
        apart = disagreement(work, asked.threads)
        told = f"losses of the first {AGREEING_STEPS} steps, trees against plain: {apart:.1e} apart at most"
        print(told, flush=True)
        session = measuring.measure(candidates(work, asked.steps, asked.threads), rounds=asked.rounds)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    table = speeds(session)
    for name, figures in table.items():
        print(f"{name:38}", "  ".join(f"{key} {value:.3f}" for key, value in figures.items()))
    found = ratios(table)
    for key, value in found.items():
        print(f"{key}: {value:.2f}")
    targets = [
        ("speedup over TRL, default", found["speedup_over_trl_default"], ">=", 4.0),
        ("speedup over TRL, grouped", found["speedup_over_trl_grouped"], ">=", 1.6),
        ("losses apart", apart, "<=", 1e-4),
    ]
    about = {"benchmark": "preference_training", "pairs": asked.pairs, **found, "speeds": table, "losses_apart": apart}
    measuring.report(session, targets, json.loads(json.dumps(about)), PACKAGES, asked.json)


if __name__ == "__main__":
    main()
