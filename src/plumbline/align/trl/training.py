"""DPO, GRPO and RLOO by TRL, on one processor or many GPUs: with our rewards and costs, our Lagrangian, and runs that can be resumed.

What is TRL's stays TRL's: how replies are drawn (by transformers or by vLLM), the loss, the devices. What is told here is what must hold
on top of it. Source: Rafailov et al. 2023 (DPO), Shao et al. 2024 §4.1 (GRPO), Ahmadian et al. 2024 (RLOO), as TRL 1.16 does them; where
defaults deviate from TRL's, `config` says why.
"""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from huggingface_hub import constants
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PrinterCallback,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from plumbline.align.policy_folder import weights_of
from plumbline.align.trl.config import TrlSettings, trl_config
from plumbline.align.trl.failures import astray, making_told, require_finite_weights, training_told
from plumbline.align.trl.forms import PolicyForm
from plumbline.align.trl.lagrangian import LagrangianCallback
from plumbline.align.trl.rewards import ReplyReward
from plumbline.models.transformer.settings import BackboneSettings
from plumbline.models.transformer.trunk.backbone import quiet
from plumbline.models.transformer.trunk.backbone_files import model_folder, read_configuration
from plumbline.records import ModelError

POLICY_NAME = "policy"
"""The folder, within a run's own, that the trained policy is written to."""

Advance = Callable[[int, int, Mapping[str, float]], None]
"""Told after each step which of how many it was, and its figures."""


@dataclass(frozen=True)
class Policy:
    """A policy on disk, as TRL takes it.

    Attributes:
        folder: with its files.
        form: how its conversations are written.
    """

    folder: Path
    form: PolicyForm


def open_policy(name: str) -> Policy:
    """A policy by its folder or hub id; its weights are not loaded yet.

    Raises:
        SourceError, ModelError, UsageError: there is none, or none that may be loaded.
    """
    settings = BackboneSettings(name)
    folder = model_folder(settings)
    read_configuration(folder, settings)
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
        configuration: Any = AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
    except Exception as error:  # the library raises whatever its parsers raise
        raise ModelError(
            "PL-TRT-011",
            name,
            "the policy's tokenizer or configuration cannot be loaded",
            found=type(error).__name__,
            advice="name a folder as save_pretrained writes it",
        ) from error
    most = getattr(configuration.get_text_config(), "max_position_embeddings", None)
    return Policy(folder, PolicyForm.of(tokenizer, most if isinstance(most, int) and most > 0 else None, name))


def train_on_pairs(
    policy: Policy,
    rows: Sequence[Mapping[str, Any]],
    settings: TrlSettings,
    callback: LagrangianCallback,
    work: Path,
    *,
    checkpoint: Path | None = None,
    advance: Advance = lambda *_: None,
) -> list[dict[str, Any]]:
    """Train by DPO; the policy is written to the folder `POLICY_NAME` in `work`.

    Args:
        rows: of `forms.pair_rows`.
        callback: without a Lagrangian.
        checkpoint: to go on from.
    Returns:
        The figures of each step.
    Raises:
        NoDataError: PL-TRT-013, there are fewer rows than a step takes.
        UsageError: PL-TRT-009, PL-TRT-012: TRL or the number of processes does not allow the settings.
        ModelError: PL-TRT-014, the training went astray, PL-TRT-017, a library ended it; the last checkpoint stands.
    """
    from trl import DPOTrainer

    config = trl_config(settings, work, len(rows))
    make = partial(DPOTrainer, train_dataset=datasets.Dataset.from_list([dict(row) for row in rows]), args=config)
    return _trained(make, policy, settings, (callback, _Watch(advance)), work, checkpoint)


def train_on_prompts(
    policy: Policy,
    rows: Sequence[Mapping[str, Any]],
    rewards: Sequence[ReplyReward],
    settings: TrlSettings,
    callback: LagrangianCallback,
    work: Path,
    *,
    checkpoint: Path | None = None,
    advance: Advance = lambda *_: None,
) -> list[dict[str, Any]]:
    """Train by GRPO or RLOO; else as `train_on_pairs`.

    Args:
        rows: of `forms.prompt_rows`.
        rewards: the reward, and behind it the cost where the callback has a Lagrangian.
    """
    from trl import GRPOTrainer, RLOOTrainer

    config = trl_config(settings, work, len(rows))
    asked = [dict(rows[place]) for place in prompt_order(len(rows), settings)]
    functions: list[Any] = list(rewards)
    kind: Any = GRPOTrainer if settings.method == "grpo" else RLOOTrainer
    make = partial(kind, train_dataset=datasets.Dataset.from_list(asked), reward_funcs=functions, args=config)
    return _trained(make, policy, settings, (callback, _Watch(advance)), work, checkpoint)


def prompt_order(count: int, settings: TrlSettings) -> list[int]:
    """Which prompts the steps of a run ask, in their order: each pass over them in an order of its own.

    TRL's own shuffling begins anew where a run goes on, so that some prompts would be asked twice and others not at all.

    Args:
        count: of the prompts.
    """
    generator = np.random.default_rng(settings.seed)
    wanted = settings.steps * settings.batch
    passes = [generator.permutation(count) for _ in range(-(-wanted // count))]
    order: list[int] = np.concatenate(passes)[:wanted].tolist()
    return order


def _adapters(settings: TrlSettings) -> Any:
    """What peft is asked for; None where all weights train."""
    if not settings.lora:
        return None
    from peft import LoraConfig

    return LoraConfig(r=settings.lora, lora_alpha=2 * settings.lora, target_modules="all-linear", task_type="CAUSAL_LM")


def _trained(
    make: Callable[..., Any],
    policy: Policy,
    settings: TrlSettings,
    callbacks: tuple[LagrangianCallback, _Watch],
    work: Path,
    checkpoint: Path | None,
) -> list[dict[str, Any]]:
    with _quietly():
        with making_told(settings):
            trainer = make(
                model=str(policy.folder),
                processing_class=policy.form.tokenizer,
                callbacks=list(callbacks),
                peft_config=_adapters(settings),
            )
        callbacks[0].trainer = trainer
        trainer.remove_callback(PrinterCallback)
        with training_told(trainer, settings):
            trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        # `_Watch` has seen the last step's, where TRL makes a checkpoint of it; what is written does not hang on that.
        require_finite_weights(trainer.model, trainer.state.global_step)
        trainer.save_model(str(work / POLICY_NAME))
        if trainer.is_world_process_zero():
            _complete(work / POLICY_NAME, policy)
        trainer.accelerator.wait_for_everyone()
        return [each for each in trainer.state.log_history if "loss" in each]


def _complete(folder: Path, policy: Policy) -> None:
    """Make what TRL wrote a policy like any other: whole, with its own tokenizer, without a pickle."""
    (folder / "training_args.bin").unlink(missing_ok=True)
    # Without the template and the padding that TRL was lent.
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    tokenizer = AutoTokenizer.from_pretrained(str(policy.folder), trust_remote_code=False)
    if not (folder / "adapter_config.json").is_file():
        tokenizer.save_pretrained(str(folder))
        return
    from peft import PeftModel

    # Trained beside weights of 32 bits, whatever precision they were saved in; so they are worked into those.
    base: Any = AutoModelForCausalLM.from_pretrained(str(policy.folder), use_safetensors=True, dtype=torch.float32)
    adapters: Any = PeftModel.from_pretrained(base, str(folder))
    shutil.rmtree(folder)
    weights_of(adapters, tokenizer)(folder)


class _Watch(TrainerCallback):
    """Tells how far the run is, and ends it where it went astray: before that becomes a checkpoint."""

    def __init__(self, advance: Advance) -> None:
        self._advance = advance

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: Any = None,
        **kwargs: Any,
    ) -> None:
        """See the class."""
        del args, kwargs
        if control.should_save:
            require_finite_weights(model, state.global_step)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """See the class."""
        del args, control, kwargs
        figures = {name: float(value) for name, value in (logs or {}).items() if isinstance(value, int | float)}
        if "loss" not in figures:
            return
        lost = [name for name in ("loss", "grad_norm") if not math.isfinite(figures.get(name, 0.0))]
        lost += (
            ["learning_rate"] if figures.get("learning_rate", 0.0) < 0 else []
        )  # which would unlearn every judgement
        if lost:
            raise astray(state.global_step, f"{lost[0]} = {figures[lost[0]]}")
        self._advance(state.global_step, state.max_steps, figures)


@contextmanager
def _quietly() -> Iterator[None]:
    """No bars, no word of usage to anybody, and no warnings that quote prompts: what they warn of is looked for beforehand."""
    loggers = [logging.getLogger(f"trl.trainer.{name}_trainer") for name in ("dpo", "grpo", "rloo")]
    levels = [each.level for each in loggers]
    told, had_bars = constants.HF_HUB_DISABLE_TELEMETRY, not datasets.are_progress_bars_disabled()
    constants.HF_HUB_DISABLE_TELEMETRY = True
    datasets.disable_progress_bars()
    for each in loggers:
        each.setLevel(logging.ERROR)
    try:
        with quiet():
            yield
    finally:
        constants.HF_HUB_DISABLE_TELEMETRY = told
        if had_bars:
            datasets.enable_progress_bars()
        for each, level in zip(loggers, levels, strict=True):
            each.setLevel(level)
