"""Settings of TRL that a user may name, and those that a run holds itself."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Literal

from pydantic import JsonValue, TypeAdapter

from plumbline.align.trl.values import wanted_instead
from plumbline.records import MissingExtraError, UsageError, require_libraries, unknown_name

Method = Literal["dpo", "grpo", "rloo"]

_BY_OPTION = "an option of this command says it"
_BY_RUN = "the run holds it, so that it can be resumed and its output be trusted"
_PUBLISHES = "nothing leaves this machine by it; publish the output folder yourself"
_TEXT = "it writes conversations to logs and the screen"
_WEIGHTS = "the Lagrangian sets what reward and cost weigh"
_LABELS = "it could turn what the judged pairs say"
_REFERENCE = "a reference that moves does not stand in checkpoints, and one read beforehand draws bars"
_WATCHED = "every step is logged here, and watched by what is logged"
_CODE = "code that comes with a model is not run"
_NO_EVALUATION = "there are no held-out rows in this run; plumbline align compare judges the outcome"
HELD: dict[str, str] = {
    **dict.fromkeys(("learning_rate", "seed", "num_generations", "max_completion_length"), _BY_OPTION),
    **dict.fromkeys(("beta", "max_steps", "num_train_epochs", "max_length", "save_steps"), _BY_OPTION),
    **dict.fromkeys(("per_device_train_batch_size", "gradient_accumulation_steps"), _BY_OPTION),
    **dict.fromkeys(("generation_batch_size", "steps_per_generation", "auto_find_batch_size"), _BY_RUN),
    **dict.fromkeys(("output_dir", "resume_from_checkpoint", "save_strategy", "save_only_model"), _BY_RUN),
    **dict.fromkeys(("ignore_data_skip", "restore_callback_states_from_checkpoint", "data_seed"), _BY_RUN),
    **dict.fromkeys(("remove_unused_columns", "do_train", "do_predict", "truncation_mode"), _BY_RUN),
    **dict.fromkeys(
        ("accelerator_config", "save_on_each_node", "enable_jit_checkpoint", "local_rank", "disable_tqdm"), _BY_RUN
    ),
    **dict.fromkeys(("chat_template_kwargs", "generation_kwargs", "pad_token", "shuffle_dataset"), _BY_RUN),
    **dict.fromkeys(("push_to_hub", "hub_model_id", "hub_token", "hub_strategy", "hub_private_repo"), _PUBLISHES),
    **dict.fromkeys(("hub_always_push", "hub_revision", "log_completions_hub_repo"), _PUBLISHES),
    **dict.fromkeys(("trackio_space_id", "trackio_static_space_id", "trackio_bucket_id"), _PUBLISHES),
    **dict.fromkeys(("log_completions", "num_completions_to_print", "log_unique_prompts"), _TEXT),
    **dict.fromkeys(("reward_weights", "multi_objective_aggregation", "reward_clip_range"), _WEIGHTS),
    **dict.fromkeys(("loss_weights", "label_smoothing_factor", "label_names"), _LABELS),
    **dict.fromkeys(("sync_ref_model", "ref_model_mixup_alpha", "ref_model_sync_steps"), _REFERENCE),
    **dict.fromkeys(("precompute_ref_log_probs", "precompute_ref_batch_size"), _REFERENCE),
    **dict.fromkeys(("logging_strategy", "logging_steps", "logging_first_step"), _WATCHED),
    **dict.fromkeys(("logging_nan_inf_filter", "log_level", "log_level_replica", "log_on_each_node"), _WATCHED),
    **dict.fromkeys(("report_to", "run_name", "project"), _PUBLISHES),
    **dict.fromkeys(("trust_remote_code", "model_init_kwargs"), _CODE),
    **dict.fromkeys(("do_eval", "eval_strategy", "eval_steps", "eval_on_start", "eval_delay"), _NO_EVALUATION),
    **dict.fromkeys(("load_best_model_at_end", "metric_for_best_model", "greater_is_better"), _NO_EVALUATION),
}
"""Settings that ``--set`` refuses → why."""


def require_trl(place: str) -> None:
    """Refuse to go on without TRL.

    Raises:
        MissingExtraError: PL-TRT-001, it, or what it needs, is not installed.
    """
    require_libraries(
        ("torch", "transformers", "accelerate", "datasets", "trl"),
        "PL-TRT-001",
        place,
        expected="the extras that train transformers and run TRL",
        advice="pip install -e '.[train,trl]'",
    )


def require_vllm(further: Mapping[str, JsonValue]) -> None:
    """Refuse to go on where vLLM is to write replies and is not there.

    Raises:
        MissingExtraError: PL-TRT-016.
    """
    if further.get("use_vllm") and find_spec("vllm") is None:
        raise MissingExtraError(
            "PL-TRT-016",
            "--set use_vllm",
            "vllm is not installed",
            expected="vLLM, in every mode of it",
            advice="pip install 'trl[vllm]'",
        )


def parse_settings(method: Method, given: Sequence[str]) -> dict[str, JsonValue]:
    """Settings as a user writes them, ``NAME=VALUE``: the value as JSON, or a text where it is none.

    Raises:
        MissingExtraError: see `require_vllm`.
        UsageError: PL-TRT-007, that is no setting; PL-ARG-001, TRL knows no such name; PL-TRT-008, the run holds it, or the value is of
            another type or none that this run takes.
    """
    known = {field.name: field for field in dataclasses.fields(config_class(method))}
    found: dict[str, JsonValue] = {}
    for each in given:
        name, sign, text = each.partition("=")
        if not sign or not name:
            raise UsageError(
                "PL-TRT-007",
                "--set",
                "this is no setting",
                expected="NAME=VALUE",
                found=each,
                advice="--set gradient_checkpointing=false, for one",
            )
        if name not in known:
            raise _nearest(unknown_name("--set", name, sorted(known.keys() - HELD.keys())), method)
        if name in HELD:
            raise _refused(name, HELD[name], "another setting", text, "leave it out")
        found[name] = _typed(name, known[name].type, text)
        instead = wanted_instead(method, name, found[name])
        if instead is not None:
            raise _refused(name, "the value is none that this run takes", instead, text, f"--set {name}=VALUE")
    require_vllm(found)
    return found


def _nearest(error: UsageError, method: Method) -> UsageError:
    """The error without a list of two hundred names."""
    error.expected = f"a setting of TRL's {config_class(method).__name__}"
    return error.retold(lambda text: text)


def _typed(name: str, annotation: Any, text: str) -> JsonValue:
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    try:
        TypeAdapter(annotation).validate_python(value, strict=True)
        json.dumps(value, allow_nan=False)
    except ValueError:  # pydantic's own among them
        shown = getattr(annotation, "__name__", None) if isinstance(annotation, type) else str(annotation)
        raise _refused(name, "the value is of another type", str(shown), text, f"--set {name}=VALUE") from None
    typed: JsonValue = value
    return typed


def _refused(name: str, why: str, expected: str, found: str, advice: str) -> UsageError:
    return UsageError("PL-TRT-008", f"--set {name}", why, expected=expected, found=found, advice=advice)


def config_class(method: Method) -> type[Any]:
    """TRL's configuration of a method."""
    from trl import DPOConfig, GRPOConfig, RLOOConfig

    classes: dict[Method, type[Any]] = {"dpo": DPOConfig, "grpo": GRPOConfig, "rloo": RLOOConfig}
    return classes[method]


def make_config(method: Method, settings: Mapping[str, Any]) -> Any:
    """TRL's configuration of these settings.

    Raises:
        UsageError: PL-TRT-009, TRL refuses them together, or this machine does.
    """
    from plumbline.models.transformer.trunk.backbone import quiet

    try:
        with quiet():
            return config_class(method)(**settings)
    except (ValueError, TypeError, ImportError, RuntimeError) as error:
        raise UsageError(
            "PL-TRT-009",
            "the settings",
            "TRL refuses them",
            found=f"{type(error).__name__}: {' '.join(str(error).split())[:300]}",
            advice="change what it names, by its option or by --set",
        ) from error
