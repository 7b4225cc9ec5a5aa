"""`push_release`: a release that is sound → a hub, by the hub's own client, as one commit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from plumbline.records import PlumblineError, UsageError
from plumbline.release.plurals import counted
from plumbline.release.verifying.verify import Verified, verify_release

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_MOST_CHARACTERS = 96
_NONSENSE = (LookupError, TypeError, AttributeError)
"""What the hub's client raises where an answer has not the fields that it takes from it."""
_MEND = {
    401: "log in anew (hf auth login): the token is none that the hub knows, or has expired",
    403: "ask its owner to let you write there, or log in with a token that may (hf auth login)",
    404: "check the name: there is no such repository, or none that you may see (hf auth login)",
}
"""Status → what to do about it."""


@dataclass(frozen=True)
class Pushed:
    """What was uploaded.

    Attributes:
        repository: ``owner/name``.
        commit: on the hub.
        verified: what was found before.
    """

    repository: str
    commit: str
    verified: Verified


def push_release(folder: Path, repository: str, *, private: bool = False) -> Pushed:
    """Upload a release; what a release before left in the repository and this one does not have goes.

    Args:
        folder: a release that `verify_release` finds nothing wrong with.
        repository: ``owner/name`` of a data set; made where there is none.
        private: where it is made, whether others see it.
    Raises:
        UsageError: PL-REL-017, this is no name of a repository; PL-REL-018, the folder is not sound.
        PlumblineError: PL-REL-008, the hub cannot be reached, or refuses.
    """
    if not _REPOSITORY.fullmatch(repository) or len(repository) > _MOST_CHARACTERS:
        raise UsageError(
            "PL-REL-017",
            "repository",
            "this is no name of a repository",
            expected="OWNER/NAME",
            found=f"{len(repository):,} characters",
            advice="plumbline release push DIR OWNER/NAME",
        )
    verified = verify_release(folder)
    if not verified.is_sound:
        failed = [gate.name for gate in verified.gates if gate.stops]
        raise UsageError(
            "PL-REL-018",
            str(folder),
            "the folder is not sound, so it is not pushed",
            found=f"{counted(len(verified.findings), 'finding')}; gates that fail: {', '.join(failed) or 'none'}",
            advice=f"plumbline release verify {folder}",
        )
    return Pushed(repository, _uploaded(folder, repository, private, verified.version or ""), verified)


def _uploaded(folder: Path, repository: str, private: bool, version: str) -> str:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    api = HfApi()
    refusals: tuple[type[Exception], ...] = (HfHubHTTPError, HFValidationError, OSError, ValueError, *_network_errors())
    try:
        api.create_repo(repository, repo_type="dataset", private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repository,
            repo_type="dataset",
            folder_path=folder,
            commit_message=f"Version {version}",
            delete_patterns=["*"],
        )
        return str(commit.oid)
    except refusals as error:
        raise _not_taken(repository, error) from error
    except _NONSENSE as error:
        raise PlumblineError(
            "PL-REL-008",
            repository,
            "what the hub answered is no answer of a hub",
            found=type(error).__name__,
            advice="check that HF_ENDPOINT names a hub, and look at the repository there before the same again",
        ) from error


def _not_taken(repository: str, error: Exception) -> PlumblineError:
    """The error of a refusal. What the hub or its client said is not repeated: it may quote what was sent, a token too."""
    status: int = getattr(getattr(error, "response", None), "status_code", 0)
    mend = _MEND.get(status, "check the network, the name, and that you may write there (hf auth login)")
    return PlumblineError(
        "PL-REL-008",
        repository,
        "the hub did not take the release",
        found=f"{type(error).__name__}{f' {status}' if status else ''}",
        advice=f"{mend}; then the same again: what stands on the hub is the release before, whole",
    )


def _network_errors() -> tuple[type[Exception], ...]:
    """What the hub's client raises where nothing answers; its HTTP library's errors are no OSError."""
    from huggingface_hub import get_session

    library: Any = import_module(type(get_session()).__module__.partition(".")[0])
    return (library.HTTPError,)
