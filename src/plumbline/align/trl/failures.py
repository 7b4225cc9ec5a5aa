"""What a run of TRL ends by: settings that its trainers refuse, a training that went astray, a library's own error.

Messages of libraries may quote a conversation, so their type and place are told in their stead.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from accelerate.utils import gather_object

from plumbline.align.finite_steps import are_finite
from plumbline.align.trl.config import TrlSettings
from plumbline.models.transformer.reading_memory import is_out_of_memory
from plumbline.records import ModelError, PlumblineError, UsageError

_SELF_TOLD = (PlumblineError, OSError)
"""Say themselves what is wrong, and where."""


@contextmanager
def making_told(settings: TrlSettings) -> Iterator[None]:
    """While a trainer is made.

    Raises:
        UsageError: PL-TRT-009, TRL or what it stands on raised something.
    """
    try:
        yield
    except _SELF_TOLD:
        raise
    except Exception as error:  # the libraries raise what they like
        raise _refused(error, settings) from error


@contextmanager
def training_told(trainer: Any, settings: TrlSettings) -> Iterator[None]:
    """While a trainer trains.

    Raises:
        UsageError: PL-TRT-009, the first step was not done, and settings of TRL's own were given.
        ModelError: PL-TRT-014, weights are not finite; PL-TRT-017, anything else.
    """
    try:
        yield
    except _SELF_TOLD:
        raise
    except Exception as error:  # the libraries raise what they like
        step = trainer.state.global_step
        if "overflow" in str(error):
            raise astray(step + 1, "a step above the largest number") from error
        if not are_finite(trainer.model.parameters()):
            raise astray(step + 1, "weights that are not finite") from error
        if step == 0 and settings.further and not is_out_of_memory(error):
            raise _refused(error, settings) from error
        raise ModelError(
            "PL-TRT-017",
            f"after step {step:,}",
            "the device has not enough memory" if is_out_of_memory(error) else "a library's error ended the training",
            found=f"{type(error).__name__} at {_place(error)}",
            advice="fewer --device-rows or --lora where memory is short; --resume goes on from the last checkpoint",
        ) from error


def require_finite_weights(model: Any, step: int) -> None:
    """Refuse weights that are no numbers, in all processes alike: each may hold a part of them.

    Raises:
        ModelError: PL-TRT-014.
    """
    if not all(gather_object([are_finite(model.parameters())])):
        raise astray(step, "weights that are not finite")


def astray(step: int, found: str) -> ModelError:
    """The error where what is trained is lost."""
    return ModelError(
        "PL-TRT-014",
        f"step {step:,}",
        "the training went astray",
        expected="finite losses, gradients and weights, and learning rates of 0 or more",
        found=found,
        advice="a lower learning rate with --restart; the last checkpoint is of before it",
    )


def _refused(error: Exception, settings: TrlSettings) -> UsageError:
    told = (
        f": {' '.join(str(error).split())[:300]}" if isinstance(error, ImportError) else ""
    )  # which names packages alone
    named = ", ".join(settings.further)
    return UsageError(
        "PL-TRT-009",
        "the settings",
        "TRL cannot train this policy with them",
        found=f"{type(error).__name__} at {_place(error)}{told}",
        advice=f"mend or leave out what --set names: {named}"
        if named
        else "see that the policy's folder is as save_pretrained writes it",
    )


def _place(error: Exception) -> str:
    """Where it was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "an unknown place" if trace is None else f"{trace.tb_frame.f_globals.get('__name__')} line {trace.tb_lineno}"
