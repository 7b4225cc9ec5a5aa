"""The prompts that a policy is asked: those of a source of prompts, or what replies answered in comparisons and labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from plumbline.formats import Loaded
from plumbline.formats.prompt_files import load_prompts
from plumbline.lineage import Use, json_digest, require_use
from plumbline.loop.sources import stage_split, told_records
from plumbline.records import Kind, NoDataError, Prompt, Role, UsageError, prompt_table, records_from_table

_TAKEN_FROM = {Kind.COMPARISONS: "context", Kind.SAFETY_LABELS: "conversation"}
"""Where a prompt stands in records that hold replies."""


@dataclass(frozen=True)
class AskedPrompts:
    """Prompts, each once.

    Attributes:
        loaded: the source.
        split: that was read; None for all of it.
        prompts: n, in the order of the source.
        parents: n; ids of the records that each stands in.
        repeated: records whose prompt stood in an earlier one already.
        waiting_for_none: records whose prompt does not end with the human, so that there is nothing to reply to.
        not_drawn: prompts left out because fewer were wanted.
        passed_over: records of kinds that the prompts were not taken from.
    """

    loaded: Loaded
    split: str | None
    prompts: list[Prompt]
    parents: list[tuple[str, ...]]
    repeated: int
    waiting_for_none: int
    not_drawn: int
    passed_over: dict[str, int]

    @property
    def told_passed_over(self) -> dict[str, int]:
        """What was passed over, as a policy's description tells what was left out."""
        return {
            f"{kind.replace('_', ' ')}, which hold no prompts here": count for kind, count in self.passed_over.items()
        }


def read_asked_prompts(
    source: str,
    options: Mapping[str, Any],
    use: Use,
    *,
    split: str | None = None,
    most: int | None = None,
    seed: int = 0,
    override_uses: bool = False,
) -> AskedPrompts:
    """Read the prompts of a source; where it holds no prompts, what was replied to in its comparisons, or in its labels.

    Args:
        source: as `formats.prompt_files.load_prompts` takes it.
        options: of `formats.load`.
        use: what they are asked for.
        split: that is read where the source has it and the options name none, so that what is measured on is not learnt from; None, or
            a source without it, is read whole, as a single file is.
        most: so many are drawn where there are more; None takes all.
        seed: of that draw.
        override_uses: go on though the source does not permit the use.
    Raises:
        NoDataError: there are no prompts, or none that waits for a reply.
        PermittedUseError: the source does not permit the use.
        PlumblineError: it cannot be read.
    """
    loaded, split = _loaded(source, options, stage_split(source, split, options))
    kind = next((each for each in (Kind.PROMPTS, *_TAKEN_FROM) if len(loaded.tables.get(each, ()))), None)
    if kind is None:
        raise _no_prompts(source, loaded, 0)
    require_use(loaded.tables[kind], use, place=source, override=override_uses)
    by_prompt: dict[str, Prompt] = {}
    parents: dict[str, list[str]] = {}
    waiting_for_none = 0
    for prompt, parent in _prompts(loaded.tables[kind], kind):
        if not prompt.conversation or prompt.conversation[-1].role is not Role.HUMAN:
            waiting_for_none += 1
            continue
        by_prompt.setdefault(prompt.id, prompt)
        parents.setdefault(prompt.id, []).append(parent)
    if not by_prompt:
        raise _no_prompts(source, loaded, waiting_for_none)
    drawn = _drawn(list(by_prompt), most, seed)
    return AskedPrompts(
        loaded,
        split,
        [by_prompt[name] for name in drawn],
        [tuple(dict.fromkeys(parents[name])) for name in drawn],
        sum(len(each) - 1 for each in parents.values()),
        waiting_for_none,
        len(by_prompt) - len(drawn),
        {each.value: len(table) for each, table in loaded.tables.items() if each is not kind and len(table)},
    )


def prompts_digest(prompts: Sequence[Prompt]) -> str:
    """How many prompts are asked, and a digest of which: in journals, which go on with the same ones alone."""
    return f"{len(prompts):,}, sha256:{json_digest([prompt.id for prompt in prompts])[:16]}"


def _loaded(source: str, options: Mapping[str, Any], split: str | None) -> tuple[Loaded, str | None]:
    """The source, and which split of it was read."""
    try:
        return load_prompts(source, **{**options, "split": split}), split
    except UsageError as error:
        if error.code != "PL-SRC-004" or options.get("split") is not None:
            raise
    return load_prompts(source, **options), None


def _prompts(table: pa.Table, kind: Kind) -> Iterator[tuple[Prompt, str]]:
    """The prompt of each record, and the record's id."""
    taken = table if kind is Kind.PROMPTS else _taken(table, kind)
    for prompt, parent in zip(records_from_table(taken), table["id"].to_pylist(), strict=True):
        if isinstance(prompt, Prompt):
            yield prompt, parent


def _taken(table: pa.Table, kind: Kind) -> pa.Table:
    """The prompts that the records' replies answer."""
    columns: dict[str, object] = {name: table[name] for name in ("source", "row", "split")}
    conversations = table[_TAKEN_FROM[kind]].combine_chunks()
    if kind is Kind.SAFETY_LABELS:
        conversations = pa.array([turns[:-1] for turns in conversations.to_pylist()], conversations.type)
    return prompt_table(conversations, columns)


def _drawn(names: Sequence[str], most: int | None, seed: int) -> list[str]:
    if most is None or most >= len(names):
        return list(names)
    places = np.random.default_rng(seed).choice(len(names), most, replace=False)
    return [names[place] for place in sorted(places.tolist())]


def _no_prompts(source: str, loaded: Loaded, waiting_for_none: int) -> NoDataError:
    unanswerable = [f"{waiting_for_none:,} that do not end with the human"] if waiting_for_none else []
    return NoDataError(
        "PL-BON-008",
        source,
        "there are no prompts",
        expected="prompts (CSV, JSON lines, BeaverTails-Evaluation), or comparisons or labels with what was replied to",
        found=", ".join((*told_records([loaded]), *unanswerable)) or "no rows",
        advice='write lines like {"prompt": "..."}, or name a source with conversations; see docs/data.md',
    )
