"""The same training done by TRL's RewardTrainer.

Everything is as TRL configures it, but for what has to be the same for all: rows, model, batch, optimizer, learning
rate, precision. Two settings are turned in its favour: no gradient checkpointing (its default, which computes twice)
and 32 bits (its default, bfloat16, is slow on processors without it).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.rows.preference_rows import read_pairs


def train(
    folder: str, strategy: str, learning_rate: float, rows_per_step: int, steps: int, threads: int
) -> Iterator[Any]:
    """Candidate: one pass, or the first `steps` steps of it.

    Args:
        folder: as `preference_rows.prepare` wrote it.
        strategy: of ``train_sampling_strategy``: "random", TRL's default, or "group_by_length".
    """
    import torch
    from datasets import Dataset
    from transformers import AutoModelForSequenceClassification, AutoTokenizer
    from trl import RewardConfig, RewardTrainer

    torch.set_num_threads(threads)
    pairs = read_pairs(Path(folder))
    rows = [{**pair, "length": max(map(len, pair.values()))} for pair in pairs]
    arguments = RewardConfig(
        output_dir=tempfile.mkdtemp(prefix="benchmark-trl-"),
        per_device_train_batch_size=rows_per_step,
        num_train_epochs=1,
        max_steps=steps or -1,
        learning_rate=learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=0.05,
        weight_decay=0.0,
        max_grad_norm=1.0,
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        train_sampling_strategy=strategy,
        remove_unused_columns=strategy != "group_by_length",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        max_length=None,
    )
    trainer = RewardTrainer(
        model=AutoModelForSequenceClassification.from_pretrained(f"{folder}/model", num_labels=1),
        args=arguments,
        train_dataset=Dataset.from_list(rows),
        processing_class=AutoTokenizer.from_pretrained(f"{folder}/model"),
    )
    counted = _count_tokens(trainer)
    yield
    outcome = trainer.train()
    yield
    done = steps * rows_per_step if steps else len(rows)
    return {"pairs": min(done, len(rows)), "loss": outcome.training_loss, **counted}


def _count_tokens(trainer: Any) -> dict[str, int]:
    """Tokens computed and tokens that are no padding, added up as batches are collated."""
    counted = {"tokens": 0, "own_tokens": 0}
    collate = trainer.data_collator

    def counting(rows: list[Any]) -> Any:
        """The collator's batch, counted."""
        batch = collate(rows)
        counted["tokens"] += batch["input_ids"].numel()
        counted["own_tokens"] += int(batch["attention_mask"].sum())
        return batch

    trainer.data_collator = counting
    return counted
