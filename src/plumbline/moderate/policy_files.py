"""The policies of a running service: read from files, read again when these change, all of them or none."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from plumbline.moderate.policy import Policy, require_heads
from plumbline.moderate.policy_text import MOST_BYTES, parse_policy
from plumbline.moderate.reloaded_files import ReloadedFiles, read_file
from plumbline.records import SourceError, UsageError


def read_policy(path: Path) -> Policy:
    """A policy from its file.

    Raises:
        SourceError: the file cannot be read.
        UsageError: it is too large, or says what no policy can.
    """
    return _policy(_content(path), path)


def _content(path: Path) -> bytes:
    try:
        return read_file(path, MOST_BYTES)
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise UsageError(
                "PL-POL-001",
                str(path),
                "this is too large for a policy",
                expected=f"at most {MOST_BYTES:,} bytes",
                advice="name the policy's file",
            ) from error
        if error.errno == errno.ENOENT:
            raise _unreadable(path, "nothing at this path") from error
        raise _unreadable(path, error.strerror or type(error).__name__) from error


def _policy(content: bytes, path: Path) -> Policy:
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise _unreadable(path, "another encoding") from error
    return parse_policy(text, str(path))


def _unreadable(path: Path, found: str) -> SourceError:
    return SourceError(
        "PL-POL-002",
        str(path),
        "the policy cannot be read",
        expected="a TOML file in UTF-8",
        found=found,
        advice="check the path; plumbline policy fit writes one, and docs/how-to/moderation-policies.md shows what it looks like",
    )


class PolicyFiles(ReloadedFiles[Policy]):
    """The policies of a running service, by name; the first decides where none is named."""

    def __init__(self, paths: Sequence[Path], heads: Sequence[str], own: Policy | None = None) -> None:
        """Read all of them.

        Args:
            paths: files; a policy each.
            heads: of the model that they decide for.
            own: the model's own thresholds, which stand after the files' policies; None leaves them out.
        Raises:
            PlumblineError: a file cannot be read, says what no policy can, does not fit the model, or has the name of
                another; or there is no policy at all.
        """
        super().__init__(paths, _content, partial(_checked, tuple(paths), tuple(heads), own))

    def told(self) -> dict[str, int]:
        """For the log: their versions."""
        return {name: policy.version for name, policy in self.current.items()}


def _checked(
    paths: Sequence[Path], heads: Sequence[str], own: Policy | None, contents: Sequence[bytes]
) -> dict[str, Policy]:
    """The policies of the files, each of which fits the model and has a name of its own."""
    policies: dict[str, Policy] = {}
    for path, content in zip(paths, contents, strict=True):
        policy = _policy(content, path)
        require_heads(policy, heads, str(path))
        if policy.name in policies or (own is not None and policy.name == own.name):
            raise _same_name(policy.name, path, is_own=policy.name not in policies)
        policies[policy.name] = policy
    if own is not None:
        policies[own.name] = own
    if not policies:
        raise UsageError(
            "PL-POL-009",
            "policies",
            "nothing says from which probability to flag",
            expected="a policy, or a model with thresholds of its own",
            advice="fit one: plumbline policy fit MODEL SOURCE -o policy.toml",
        )
    return policies


def _same_name(name: str, path: Path, *, is_own: bool) -> UsageError:
    return UsageError(
        "PL-POL-009",
        str(path),
        f'another policy is called "{name}", too',
        expected="a name of its own for each",
        found="the model's own thresholds" if is_own else "another file of this name",
        advice="change name = … in one of them",
    )
