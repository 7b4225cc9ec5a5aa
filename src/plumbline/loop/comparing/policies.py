"""The policies of a comparison: a source that is asked, or replies that exist already, told apart by how they are named."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from plumbline.align.comparing.policy_comparison import Answer
from plumbline.formats.reply_files import GivenReplies, load_replies
from plumbline.lineage import FoundManifest, ManifestFinder, Terms, is_there
from plumbline.loop.asked_sources import (
    TOGETHER,
    manifest_behind,
    open_patiently,
    shown_address,
    shown_place,
    terms_of,
)
from plumbline.records import NoDataError, Prompt, SourceError, UsageError
from plumbline.sources import ReplySource, SourceAddress, SourceKind, parse_address
from plumbline.sources.asking import Asked, Failed

NO_REPLY_GIVEN = "PL-CMP-006"
SIDES = ("first", "second")


@dataclass(frozen=True)
class PolicyPlace:
    """Where a policy is.

    Attributes:
        text: an address as `sources.parse_address` reads it, or a file or folder of replies.
        key_variable: the environment variable that holds an endpoint's key.
        allow_private: endpoints at private and loopback addresses.
    """

    text: str
    key_variable: str | None = None
    allow_private: bool = False

    @property
    def is_source(self) -> bool:
        """Whether it is asked; a path that stands on this machine is read, however it is called."""
        kind, colon, _ = self.text.strip().partition(":")
        return bool(colon) and kind in get_args(SourceKind) and not is_there(self.text)

    @property
    def location(self) -> str:
        """Where it is read from, without the kind of source."""
        return parse_address(self.text, "A or B").location if self.is_source else self.text


@dataclass(frozen=True)
class OpenedPolicy:
    """A policy that answers.

    Attributes:
        name: on pages and in records.
        shown: where it is, without places of this machine.
        source: to be asked; None of replies that exist.
        given: the replies that exist; None of a source.
        terms: of what it says, where that is known.
        made_with: digests of the files that it was made with, as its manifest says; empty where nothing says.
        together: replies that one request asks for, at most; a model on this machine reads the prompt once for all of them.
    """

    name: str
    shown: str
    source: ReplySource | None
    given: GivenReplies | None
    terms: Terms | None
    made_with: frozenset[str]
    together: int = 1


def open_policy(place: PolicyPlace, argument: str) -> OpenedPolicy:
    """A policy, ready to answer.

    Args:
        place: of it.
        argument: what whoever named it calls it.
    Raises:
        PlumblineError: it cannot be opened or read, or is neither a source nor there.
    """
    if place.is_source:
        address = parse_address(place.text, argument)
        source = open_patiently(address, key_variable=place.key_variable, allow_private=place.allow_private)
        together = TOGETHER if address.kind == "transformers" else 1
        name = address.model or _stem(Path(address.location))
        made_with = _inputs(manifest_behind(address))
        return OpenedPolicy(name, shown_address(address), source, None, terms_of(source), made_with, together)
    if not is_there(place.text):
        raise UsageError(
            "PL-CMP-007",
            argument,
            "this is neither a source of replies nor a file or folder that is there",
            expected="openai:MODEL@https://HOST/v1, transformers:PATH, retrieval:PATH, or a path to replies",
            advice="check the spelling; a path is taken from the folder you are in",
        )
    path = Path(place.text)
    if (path / "config.json").is_file():
        raise UsageError(
            "PL-CMP-007",
            argument,
            "this is a model, and no replies",
            expected="openai:MODEL@https://HOST/v1, transformers:PATH, retrieval:PATH, or a path to replies",
            advice=f"let it write them: transformers:{place.text}",
        )
    given = load_replies(place.text)
    return OpenedPolicy(
        _stem(path.resolve()), shown_place(place.text), None, given, given.loaded.terms, _made_with(path)
    )


def refuse_same(first: PolicyPlace, second: PolicyPlace) -> None:
    """Refuse to hold a policy against itself: two draws of one would be told as a difference of two.

    Raises:
        UsageError: both are the same address, or the same file.
    """

    def named(place: PolicyPlace) -> str:
        """The same for the same policy."""
        if place.is_source:
            address = parse_address(place.text, "A or B")
            where = os.path.realpath(address.location) if is_there(address.location) else address.location
            return str(SourceAddress(address.kind, address.model, where))
        return os.path.realpath(place.text)

    if named(first) == named(second):
        raise UsageError(
            "PL-CMP-008",
            "A and B",
            "both are the same policy",
            expected="two policies, or two sets of replies",
            found="one twice",
            advice="name another as B; replies of one model drawn in two ways are two files of replies",
        )


def names_apart(first: OpenedPolicy, second: OpenedPolicy) -> tuple[str, str]:
    """The names, told apart where they are the same."""
    for one, other in ((first.name, second.name), (first.shown, second.shown)):
        if one != other:
            return one, other
    return f"{first.name} (first)", f"{second.name} (second)"


def _stem(path: Path) -> str:
    return path.name.split(".")[0] or path.name


def answers_of_asked(asked: Sequence[Asked]) -> list[Answer]:
    """What a source said."""
    return [
        Answer(None, each.code)
        if isinstance(each, Failed)
        else Answer(each.text, None, each.model, each.snapshot, each.seed, each.finish == "length")
        for each in asked
    ]


def answers_given(policy: OpenedPolicy, given: GivenReplies, prompts: Sequence[Prompt], replies: int) -> list[Answer]:
    """The first k of the replies that stand to each prompt.

    Raises:
        NoDataError: none of the prompts is answered.
    """
    found: list[Answer] = []
    for prompt in prompts:
        texts = given.by_prompt.get(prompt.conversation, [])[:replies]
        found += [Answer(text, model=policy.name) for text in texts]
        found += [Answer(None, NO_REPLY_GIVEN)] * (replies - len(texts))
    if all(each.text is None for each in found):
        raise NoDataError(
            "PL-CMP-009",
            policy.shown,
            "it answers none of the prompts",
            expected="replies to some of them, the prompts being the same to the letter",
            found=f"{given.count:,} replies to {len(given.by_prompt):,} other prompts",
            advice="name at --prompts the prompts that these replies are to",
        )
    return found


def snapshots_of(answers: Sequence[Answer]) -> dict[str, int]:
    """How many replies each version of a policy gave, of those that say which it was."""
    counts = Counter(each.snapshot for each in answers if each.snapshot is not None)
    return dict(sorted(counts.items()))


def unused_of(given: GivenReplies | None, answers: Sequence[Answer], prompts: Sequence[Prompt]) -> dict[str, int]:
    """What of replies that exist plays no part: to other prompts, beyond the number asked for, and rows without one."""
    if given is None:
        return {}
    asked = {prompt.conversation for prompt in prompts}
    replies = len(answers) // max(len(prompts), 1)
    to_others = sum(len(texts) for said, texts in given.by_prompt.items() if said not in asked)
    beyond = sum(max(0, len(given.by_prompt.get(said, [])) - replies) for said in asked)
    counts = {
        "to_other_prompts": to_others,
        "beyond_replies": beyond,
        "blank": given.blank,
        "repeated": given.repeated,
    }
    return {name: count for name, count in counts.items() if count}


def _made_with(path: Path) -> frozenset[str]:
    try:
        return _inputs(ManifestFinder().governing(path))
    except (SourceError, OSError):  # somebody else's manifest says nothing
        return frozenset()


def _inputs(found: FoundManifest | None) -> frozenset[str]:
    """Digests of what a manifest says that something was made with."""
    return frozenset() if found is None else frozenset(entry.sha256 for entry in found.manifest.inputs)
