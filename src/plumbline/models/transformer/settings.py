"""What can be set about training a transformer; all of it is written to the manifest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from plumbline.models.transformer.scorer import Pooling


@dataclass(frozen=True, slots=True)
class LoraSettings:
    """Low-rank adapters instead of full fine-tuning (peft).

    Attributes:
        rank: of the adapters.
        alpha: their scale is alpha / rank.
        dropout: in [0, 1).
        target_modules: names of modules; empty takes every linear layer of the trunk.
    """

    rank: int = 16
    alpha: float = 32.0
    dropout: float = 0.0
    target_modules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BackboneSettings:
    """Which trunk, and how it is loaded.

    Attributes:
        name: a path or a hub id.
        revision: of a hub id; None takes the default branch.
        trust_remote_code: run code that comes with the model; off unless asked for.
        attention: "blocks" (SDPA by blocks of queries, see `block_attention`), "flex" on GPUs, "sdpa", "eager"; "auto" takes
            flex on a GPU, else blocks, and sdpa or eager where the architecture has nothing better.
        pooling: what the heads read; "auto" takes the last token of causal models and the mean of encoders.
        lora: adapters; None trains every weight.
    """

    name: str
    revision: str | None = None
    trust_remote_code: bool = False
    attention: Literal["auto", "blocks", "flex", "sdpa", "eager"] = "auto"
    pooling: Pooling | Literal["auto"] = "auto"
    lora: LoraSettings | None = None


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """How a conversation becomes tokens; saved with the model.

    Attributes:
        max_tokens: of a sequence, the end-of-sequence token included; None takes what the model's positions allow, at
            most 4096.
        template: "hh" writes turns as hh-rlhf does; "chat" uses the tokenizer's own chat template.
        add_end_of_sequence: put the tokenizer's EOS behind the reply, which is what the heads of causal models read.
    """

    max_tokens: int | None = None
    template: Literal["hh", "chat"] = "hh"
    add_end_of_sequence: bool = True


@dataclass(frozen=True, slots=True)
class LossSettings:
    """How the losses are weighed; see `losses`.

    Attributes:
        smoothing: share of judgements taken to be the wrong way round, in [0, 0.5).
        margin: reward by which the preferred side should lead, a step of strength; 0 for none.
        centring: weight of the squared sum of a pair's rewards.
        sign_weight, label_weight, value_weight: of these terms beside the preference loss.
        balance_categories: weigh what is rare about a category by negatives / positives, at most 10.
    """

    smoothing: float = 0.0
    margin: float = 0.0
    centring: float = 0.0
    sign_weight: float = 1.0
    label_weight: float = 1.0
    value_weight: float = 1.0
    balance_categories: bool = False


@dataclass(frozen=True, slots=True)
class TrainerSettings:
    """How the weights are found.

    Attributes:
        learning_rate: peak; of the trunk.
        head_learning_rate: of the heads; None takes `learning_rate`.
        epochs: passes over the rows.
        rows_per_step: examples an optimizer step learns from, over all devices; rows that `share_conversations` put
            into one tree are one example.
        tokens_per_batch: tokens computed at a time on one device, padding included; a step is cut into as many batches
            as that takes (gradient accumulation), which changes nothing but the memory.
        bucket_steps: rows of like size are looked for among so many steps' rows; 0 leaves them as shuffled.
        as_trees: compute what sequences share once; False, or a failed self-check, computes each sequence by itself.
        share_conversations: put records of one conversation into one tree; they learn in the same step then.
        precision: "fp32" or "bf16" (weights stay in 32 bits, trunk computes in bfloat16).
        gradient_checkpointing: keep no activations, compute them again; less memory, a third more work.
        clip_norm: largest gradient norm; 0 for none.
        warmup_share: of all steps, the learning rate rises over; then it falls to 0 in a cosine.
        evaluate_every: steps; 0 for the end of each epoch.
        checkpoint_every: steps; 0 for five times an epoch.
        patience: evaluations without a lower loss before training ends; 0 for never.
        seed: of the order of the rows, the heads' first values and dropout.
        tensorboard: write figures for TensorBoard too, where it is installed.
    """

    learning_rate: float = 2e-5
    head_learning_rate: float | None = None
    epochs: int = 1
    rows_per_step: int = 16
    tokens_per_batch: int = 16_384
    bucket_steps: int = 50
    as_trees: bool = True
    share_conversations: bool = True
    precision: Literal["fp32", "bf16"] = "fp32"
    gradient_checkpointing: bool = False
    weight_decay: float = 0.0
    clip_norm: float = 1.0
    warmup_share: float = 0.05
    evaluate_every: int = 0
    checkpoint_every: int = 0
    patience: int = 0
    seed: int = 0
    tensorboard: bool = False
