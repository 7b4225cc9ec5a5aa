"""Options of training commands that transformers alone have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer


@dataclass(frozen=True)
class TransformerFlags:
    """Options of transformers alone; what is None or False takes the default."""

    epochs: Annotated[int | None, typer.Option(help="Transformers: passes over the rows; 1.", min=1)] = None
    learning_rate: Annotated[
        float | None, typer.Option(help="Transformers: peak; 2e-5, with --lora 2e-4.", min=0.0)
    ] = None
    head_learning_rate: Annotated[
        float | None, typer.Option(help="Transformers: of the heads; as --learning-rate by default.", min=0.0)
    ] = None
    rows_per_step: Annotated[
        int | None,
        typer.Option(
            help="Transformers: rows a step learns from; 16. Rows of one conversation count as one, up to 8 replies.",
            min=1,
        ),
    ] = None
    tokens_per_batch: Annotated[
        int | None, typer.Option(help="Transformers: tokens computed at a time, padding included; 16384.", min=1)
    ] = None
    max_tokens: Annotated[
        int | None,
        typer.Option(
            help="Transformers: longer conversations are cut, oldest turns first; the model's positions, to 4096."
        ),
    ] = None
    template: Annotated[
        str | None,
        typer.Option(help="Transformers: hh writes turns as hh-rlhf does (default), chat as the model does."),
    ] = None
    lora: Annotated[
        int | None, typer.Option(help="Transformers: train low-rank adapters of this rank, not all weights.", min=1)
    ] = None
    frozen: Annotated[
        bool, typer.Option("--frozen", help="Transformers: fit heads alone, on features of the model as it is.")
    ] = False
    ensemble: Annotated[
        int | None,
        typer.Option(
            help="Transformers: fit so many heads beside the model's own, which say how sure it is; none.",
            min=2,
            max=1000,
        ),
    ] = None
    merge_adapter: Annotated[
        bool, typer.Option("--merge-adapter", help="With --lora: save a whole model, not the adapters alone.")
    ] = False
    precision: Annotated[str | None, typer.Option(help="Transformers: fp32 (default) or bf16.")] = None
    gradient_checkpointing: Annotated[
        bool, typer.Option("--gradient-checkpointing", help="Transformers: less memory for a third more work.")
    ] = False
    held_out: Annotated[
        float | None,
        typer.Option(
            help="Transformers: share of the prompts kept for early stopping, calibration and figures; 0.1.",
            min=0.01,
            max=0.5,
        ),
    ] = None
    patience: Annotated[
        int | None, typer.Option(help="Transformers: end after so many epochs without a lower held-out loss.", min=1)
    ] = None
    margin: Annotated[
        float | None, typer.Option(help="Transformers: lead asked of the better side, a step of strength.", min=0.0)
    ] = None
    smoothing: Annotated[
        float | None, typer.Option(help="Transformers: share of judgements taken to be wrong.", min=0.0, max=0.49)
    ] = None
    centring: Annotated[
        float | None, typer.Option(help="Transformers: weight that draws the rewards of a pair to 0.", min=0.0)
    ] = None
    balance_categories: Annotated[
        bool,
        typer.Option("--balance-categories", help="Transformers: weigh what is rare about a category by its odds."),
    ] = False
    checkpoint_every: Annotated[
        int | None, typer.Option(help="Transformers: steps; five times an epoch by default.", min=1)
    ] = None
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Transformers: write figures for TensorBoard too.")
    ] = False
    resume: Annotated[
        bool, typer.Option("--resume", help="Transformers: go on where an earlier run to the same output was stopped.")
    ] = False
    restart: Annotated[
        bool, typer.Option("--restart", help="Transformers: begin anew where an earlier run was stopped.")
    ] = False
    revision: Annotated[str | None, typer.Option(help="Transformers: of a hub id: branch, tag or commit.")] = None
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Transformers: run code that comes with the model.")
    ] = False
    threads: Annotated[int | None, typer.Option(help="Transformers: threads of the processor.", min=1)] = None

    def settings(self) -> dict[str, Any]:
        """As `TrainingRun.settings` names them."""
        return {name: None if value is False else value for name, value in vars(self).items()}
