"""Scoring n candidates for one prompt: the prompt computed once, and each conversation by itself without padding.

    python -m benchmarks.best_of_n [--candidates 16] [--prompts 12] [--rounds 5] [--json FILE]

The same Llama (6 layers, 384 wide, vocabulary 8,000, random weights, 32 bits) through the same scorer. Two lengths of
prompts: that of hh-rlhf (about 122 tokens) and 512; replies of about 44 tokens, drawn as in hh-rlhf (see `replies`).
Peers: conversations one by one, which pads nothing; and in one padded batch, as a reward model is usually called.
The time is that of the whole call: making trees, masks and batches counted in.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import measuring
from benchmarks.measuring import Candidate, Session

PACKAGES = ("plumbline-rlhf", "torch", "transformers")
PROMPT_TOKENS = (122, 512)
REPLY_TOKENS = 44
VOCABULARY = 8_000
TARGETS = {122: 2.8, 512: 6.0}
TREES, ALONE, PADDED = "trees", "one by one, no padding", "one padded batch"


def replies(count: int, random: np.random.Generator) -> list[Any]:
    """Replies of about 44 tokens: log-normal with a spread of 0.6, as lengths of replies are, from 4 to 200."""
    lengths = np.exp(random.normal(np.log(REPLY_TOKENS) - 0.18, 0.6, count)).round().astype(int).clip(4, 200)
    return [random.integers(2, VOCABULARY, length) for length in lengths]


def groups_of(prompt_tokens: int, candidates: int, prompts: int) -> list[list[Any]]:
    """For each prompt its candidates, as whole conversations."""
    random = np.random.default_rng(0)
    found = []
    for _ in range(prompts):
        prompt = random.integers(2, VOCABULARY, prompt_tokens)
        found.append([np.concatenate([prompt, reply]) for reply in replies(candidates, random)])
    return found


def score(way: str, prompt_tokens: int, candidates: int, prompts: int, threads: int) -> Iterator[Any]:
    """Candidate: the scores of every prompt's candidates, a prompt at a time."""
    import torch

    from plumbline.models.transformer.model import GroupScoring, ScoringSettings, score_sequences

    torch.set_num_threads(threads)
    scorer = _scorer()
    groups = groups_of(prompt_tokens, candidates, prompts)
    how = GroupScoring(0, ScoringSettings(as_trees=way == TREES, tokens_per_batch=65_536))
    asked = [[[one] for one in group] for group in groups] if way == ALONE else [[group] for group in groups]
    warm = groups_of(prompt_tokens, candidates, 2)
    score_sequences(scorer, warm[:1], how)  # warm up; the self-check of trees is made once a model
    yield
    scores = []
    for group in asked:
        if way == ALONE:
            scores += [score_sequences(scorer, [sequences], how)[0, 0] for sequences in group]
        else:
            scores += score_sequences(scorer, group, how)[:, 0].tolist()
    yield
    tokens = [sum(len(one) for one in group) for group in groups]
    own = [prompt_tokens + sum(len(one) - prompt_tokens for one in group) for group in groups]
    return {"scores": [float(each) for each in scores], "naive_tokens": sum(tokens), "tree_tokens": sum(own)}


def _scorer() -> Any:
    import torch
    from transformers import AutoModel, LlamaConfig

    from plumbline.models.transformer.attention import block_attention
    from plumbline.models.transformer.scorer import Scorer

    block_attention.register()
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=384,
        intermediate_size=1024,
        num_hidden_layers=6,
        num_attention_heads=6,
        num_key_value_heads=6,
        max_position_embeddings=1024,
    )
    trunk = AutoModel.from_config(config, attn_implementation=block_attention.NAME)
    return Scorer(trunk, ["reward"], pooling="last").eval()


def candidates_of(asked: argparse.Namespace) -> list[Candidate]:
    """Every way at every length."""
    same = {"candidates": asked.candidates, "prompts": asked.prompts, "threads": asked.threads}
    return [
        Candidate(
            f"{way}, prompt of {tokens}", "benchmarks.best_of_n:score", {**same, "way": way, "prompt_tokens": tokens}
        )
        for tokens in PROMPT_TOKENS
        for way in (TREES, ALONE, PADDED)
    ]


def compare(session: Session, tokens: int) -> dict[str, float]:
    """Ratios, the ceiling that counted tokens allow, and how far scores are apart, for one length of prompts."""
    ours, alone, padded = (session[f"{way}, prompt of {tokens}"] for way in (TREES, ALONE, PADDED))
    result = ours.runs[0].result
    apart = np.abs(np.array(result["scores"]) - np.array(alone.runs[0].result["scores"]))
    return {
        "speedup_over_one_by_one": alone.median_seconds / ours.median_seconds,
        "speedup_over_padded_batch": padded.median_seconds / ours.median_seconds,
        "token_ceiling": result["naive_tokens"] / result["tree_tokens"],
        "scores_apart": float(apart.max()),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.best_of_n")
    parser.add_argument("--candidates", type=int, default=16)
    parser.add_argument("--prompts", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    asked = parser.parse_args(arguments)
    session = measuring.measure(candidates_of(asked), rounds=asked.rounds)
    found = {tokens: compare(session, tokens) for tokens in PROMPT_TOKENS}
    targets: list[tuple[str, float, str, float]] = []
    for tokens, figures in found.items():
        print(f"prompt of {tokens}:", "  ".join(f"{key} {value:.3g}" for key, value in figures.items()))
        targets.append((f"prompt of {tokens}", figures["speedup_over_one_by_one"], ">=", TARGETS[tokens]))
        targets.append((f"prompt of {tokens}, scores apart", figures["scores_apart"], "<=", 1e-5))
    about = {"benchmark": "best_of_n", "candidates": asked.candidates, **{str(k): v for k, v in found.items()}}
    measuring.report(session, targets, about, PACKAGES, asked.json)


if __name__ == "__main__":
    main()
