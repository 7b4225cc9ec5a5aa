"""Real pairs as token ids and a small Llama of random weights: what every contestant of the training benchmark gets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from isal import igzip

VOCABULARY = 8_000
MOST_TOKENS = 512
PADDING, END = "<pad>", "<eos>"


def prepare(data: Path, out: Path, pairs: int, seed: int = 0) -> None:
    """Write a tokenizer, a model with a score head, and the pairs' token ids to a folder.

    Args:
        data: holds ``hh-rlhf/harmless-base/train.jsonl.gz``.
        pairs: how many, drawn without repetition; all where there are fewer.
        seed: of the draw and the weights.
    """
    import random

    lines = igzip.open(data / "hh-rlhf" / "harmless-base" / "train.jsonl.gz").read().splitlines()
    rows = [json.loads(line) for line in lines]
    tokenizer = _tokenizer([text for row in rows for text in row.values()])
    tokenizer.save_pretrained(out / "model")
    chosen = rows if pairs >= len(rows) else random.Random(seed).sample(rows, pairs)
    end = [tokenizer.eos_token_id]
    # Over-long texts lose their beginning for every contestant: TRL alone would leave such rows out.
    ids = [
        {f"{side}_ids": (tokenizer(row[side])["input_ids"] + end)[-MOST_TOKENS:] for side in ("chosen", "rejected")}
        for row in chosen
    ]
    (out / "pairs.json").write_text(json.dumps([row for row in ids if row["chosen_ids"] != row["rejected_ids"]]))
    _model(tokenizer, seed).save_pretrained(out / "model")


def read_pairs(folder: Path) -> list[dict[str, list[int]]]:
    """The pairs that `prepare` wrote: ``chosen_ids`` and ``rejected_ids``."""
    pairs: list[dict[str, list[int]]] = json.loads((folder / "pairs.json").read_text())
    return pairs


def _tokenizer(texts: list[str]) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=[PADDING, END], initial_alphabet=alphabet, show_progress=False
    )
    words.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token=PADDING, eos_token=END)


def _model(tokenizer: Any, seed: int) -> Any:
    """6 layers, 384 wide, weights drawn at random."""
    import torch
    from transformers import LlamaConfig, LlamaForSequenceClassification

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=384,
        intermediate_size=1024,
        num_hidden_layers=6,
        num_attention_heads=6,
        num_key_value_heads=6,
        max_position_embeddings=1024,
        num_labels=1,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    return LlamaForSequenceClassification(config)
