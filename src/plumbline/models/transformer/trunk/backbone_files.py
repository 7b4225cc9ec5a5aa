"""Where a trunk's files are, and whether they are files of a model at all, before anything is loaded.

Covers folders and ids on the Hugging Face hub. Weights are read from safetensors only: a pickled file (``.bin``) runs
whatever its maker put into it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plumbline.models.transformer.settings import BackboneSettings
from plumbline.records import ModelError, SourceError, UsageError

_TOKENIZER_FILES = (
    *("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model"),
    *("sentencepiece.bpe.model", "spm.model", "tiktoken.model", "tekken.json"),
)
_WANTED = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja", "*.tiktoken"]
_UNWANTED = ["*/*", "consolidated*"]


def model_folder(settings: BackboneSettings) -> Path:
    """The folder with the trunk's files; of a hub id that in the client's cache, downloaded first where need be.

    Raises:
        SourceError: nothing stands at the path; no such model or revision on the hub; it is gated; the hub is out of
            reach and the cache has nothing.
    """
    folder = Path(settings.name).expanduser()
    if folder.is_dir():
        return folder
    if folder.exists() or _is_path(settings.name):
        raise SourceError(
            "PL-BBN-001",
            settings.name,
            "there is no model folder at this path",
            expected="a folder with config.json, or a hub id such as owner/name",
            found="a file" if folder.exists() else "nothing",
            advice="check the spelling, or name a hub id",
        )
    return _downloaded(settings)


def _is_path(name: str) -> bool:
    return name.startswith((".", "/", "~")) or name.count("/") > 1 or "\\" in name


def _downloaded(settings: BackboneSettings) -> Path:
    """The snapshot of a hub id, without pickled weights, and without code unless it is trusted."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    wanted = [*_WANTED, "*.py"] if settings.trust_remote_code else _WANTED
    try:
        return Path(
            snapshot_download(
                settings.name, revision=settings.revision, allow_patterns=wanted, ignore_patterns=_UNWANTED
            )
        )
    except GatedRepoError as error:
        advice = "accept its terms on its page, then log in with: hf auth login"
        raise SourceError("PL-BBN-004", settings.name, "the model is gated", advice=advice) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise SourceError(
            "PL-BBN-002",
            settings.name,
            "there is no such model on the hub, or it is private, and no folder of this name is here",
            advice="check the spelling, or log in with: hf auth login",
        ) from error
    except RevisionNotFoundError as error:
        problem, advice = f"there is no revision {settings.revision}", "leave the revision out, or name one that exists"
        raise SourceError("PL-BBN-005", settings.name, problem, advice=advice) from error
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise SourceError(
            "PL-BBN-003",
            settings.name,
            f"the hub could not be reached ({type(error).__name__}), no copy is in the cache, "
            "and no folder of this name is here",
            advice="check the network, or download the model elsewhere and give its folder",
        ) from error


def read_configuration(folder: Path, settings: BackboneSettings) -> Mapping[str, Any]:
    """What ``config.json`` says, once it is clear that the folder holds a model that may be loaded.

    Raises:
        ModelError: no or an unreadable ``config.json``, no weights, pickled weights only, no tokenizer.
        UsageError: the model brings code of its own and nobody said to run it.
    """
    if not (folder / "config.json").is_file():
        raise _no_model(folder, settings)
    configuration = _read_object(folder / "config.json", settings)
    code = _own_code(folder, configuration, settings)
    if code and not settings.trust_remote_code:
        raise needs_code(settings, code)
    if not any(folder.glob("*.safetensors")):
        raise _no_weights(folder, settings)
    if not any((folder / name).is_file() for name in _TOKENIZER_FILES) and not any(folder.glob("*.tiktoken")):
        found = "no tokenizer.json, tokenizer.model, vocab.json or vocab.txt"
        if not code:  # code that is trusted may bring a tokenizer without files
            raise bad_tokenizer(settings, "the folder has no tokenizer", found)
    return configuration


def _read_object(path: Path, settings: BackboneSettings) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        content = type(error).__name__
    if isinstance(content, dict):
        return content
    raise ModelError(
        "PL-BBN-006",
        settings.name,
        f"{path.name} cannot be read",
        expected="a JSON object",
        found=content if isinstance(content, str) else type(content).__name__,
        advice="fetch the model again",
    )


def _own_code(folder: Path, configuration: Mapping[str, Any], settings: BackboneSettings) -> str:
    """Which file asks for code that transformers does not have; "" where none does."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    if configuration.get("auto_map") and configuration.get("model_type") not in CONFIG_MAPPING:
        return "config.json"
    path = folder / "tokenizer_config.json"
    tokenizer = _read_object(path, settings) if path.is_file() else {}
    known = (folder / "tokenizer.json").is_file()
    return path.name if "AutoTokenizer" in (tokenizer.get("auto_map") or {}) and not known else ""


def needs_code(settings: BackboneSettings, file: str) -> UsageError:
    """The model works only with code that comes with it."""
    return UsageError(
        "PL-BBN-010",
        settings.name,
        f"{file} asks for code that comes with the model, and code of others is not run unless you say so",
        advice="read that code; if you trust it, add --trust-remote-code (in Python: trust_remote_code=True)",
    )


def bad_tokenizer(settings: BackboneSettings, problem: str, found: str) -> ModelError:
    """The tokenizer is missing or cannot be read."""
    return ModelError(
        "PL-BBN-009",
        settings.name,
        problem,
        expected="the tokenizer that the model was trained with, beside its weights",
        found=found,
        advice="put its files into the folder: AutoTokenizer.from_pretrained(ORIGINAL).save_pretrained(FOLDER)",
    )


def _no_model(folder: Path, settings: BackboneSettings) -> ModelError:
    if (folder / "adapter_config.json").is_file():
        return ModelError(
            "PL-BBN-018",
            settings.name,
            "the folder holds adapters without the model they belong to",
            advice="merge them first (peft: merge_and_unload, then save_pretrained) and name the merged folder",
        )
    return ModelError(
        "PL-BBN-006",
        settings.name,
        "the folder holds no model",
        expected="config.json, weights and a tokenizer, as save_pretrained writes them",
        found="no config.json",
        advice="name the folder that holds config.json",
    )


def _no_weights(folder: Path, settings: BackboneSettings) -> ModelError:
    pickled = sorted(path.name for path in (*folder.glob("*.bin"), *folder.glob("*.pt"), *folder.glob("*.pth")))
    if pickled:
        return ModelError(
            "PL-BBN-007",
            settings.name,
            "the weights are pickled, and loading a pickle runs whatever its maker put into it",
            expected="model.safetensors",
            found=", ".join(pickled[:3]),
            advice="if you trust its maker, convert it once: AutoModel.from_pretrained(FOLDER, "
            "use_safetensors=False).save_pretrained(NEW), and copy the tokenizer's files",
        )
    return ModelError(
        "PL-BBN-008",
        settings.name,
        "there are no weights to load",
        expected="model.safetensors",
        found="no *.safetensors; pickled weights (.bin) on the hub are neither fetched nor read",
        advice="take a revision with safetensors (many hub models have one under refs/pr), or convert the weights",
    )
