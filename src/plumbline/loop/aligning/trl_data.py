"""What TRL learns from, of Plumbline's sources: comparisons for DPO, prompts for GRPO and RLOO; and what of them it cannot learn from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from plumbline.align.trl.forms import PolicyForm, Rows, pair_rows, prompt_rows
from plumbline.formats import Loaded
from plumbline.formats.line_blocks import Intake
from plumbline.formats.trl import format_lines
from plumbline.lineage import Use, count_by_code, require_use
from plumbline.loop.asked_prompts import read_asked_prompts
from plumbline.loop.sources import Step, known_axis, load_stage, own_terms_told, stage_split
from plumbline.models.rows.training_rows import preference_rows
from plumbline.records import Axis, Kind

_TOLD_EVERY = 500


@dataclass(frozen=True)
class TrlData:
    """Rows, and where they came from.

    Attributes:
        loaded: the source.
        split: that was read of it; None for all of it.
        use: that it was asked for.
        rows: as TRL's trainer takes them.
        axis: that pairs were judged on; None of prompts.
        set_aside: records that are no rows, by code or by what they are.
    """

    loaded: Loaded
    split: str | None
    use: Use
    rows: list[dict[str, Any]]
    axis: Axis | None
    set_aside: Mapping[str, int]


def read_pairs(
    source: str,
    form: PolicyForm,
    most_tokens: int,
    *,
    on: str | None,
    options: Mapping[str, Any],
    override_uses: bool,
    step: Step,
) -> TrlData:
    """The decided comparisons of one axis, as preference rows.

    Args:
        source: its split train, or all of a single file.
        form: of the policy.
        most_tokens: of a prompt with a reply.
        on: the axis, where the source has several.
        options: of `formats.load`.
    Raises:
        PermittedUseError: the source does not permit preference.
        NoDataError: no comparison is decided.
        PlumblineError: it cannot be read.
    """
    axis = known_axis(on)
    with own_terms_told(options.get("stated_terms"), Use.PREFERENCE):
        loaded = load_stage([source], "train", options, step)
        require_use(loaded.comparisons, Use.PREFERENCE, place=source, override=override_uses)
    decided = preference_rows(loaded.comparisons, axis=axis, place=source)
    table = decided.records.rows()
    # Without the raw lines: a row read from a file of TRL may have had another form there.
    bare = table.set_column(
        table.schema.get_field_index("extra"), "extra", pa.nulls(len(table), table.schema.field("extra").type)
    )
    intake = Intake(source)
    lines = format_lines({Kind.COMPARISONS: bare}, intake)
    found: Rows = pair_rows(_told(lines, len(bare), step), form, most_tokens)
    set_aside = {**decided.set_aside, **count_by_code(intake.faults), **found.left_out}
    return TrlData(loaded, stage_split(source, "train", options), Use.PREFERENCE, found.rows, decided.axis, set_aside)


def _told(lines: Iterable[bytes], count: int, step: Step) -> Iterator[dict[str, Any]]:
    """Rows, with how many of them have been looked at."""
    for number, line in enumerate(lines):
        if number % _TOLD_EVERY == 0:
            step(f"writing pairs as the policy reads them, {number:,} of {count:,}")
        yield json.loads(line)


def read_prompts(
    source: str,
    form: PolicyForm,
    reply_tokens: int,
    *,
    options: Mapping[str, Any],
    override_uses: bool,
    step: Step,
) -> TrlData:
    """The prompts of a source, each once, as `asked_prompts` finds them.

    Args:
        source: of prompts, comparisons or labels.
        form: of the policy.
        reply_tokens: room that a reply is given.
        options: of `formats.load`.
    Raises:
        PermittedUseError: the source does not permit policy.
        NoDataError: there are no prompts.
        PlumblineError: it cannot be read.
    """
    step("reading the prompts")
    with own_terms_told(options.get("stated_terms"), Use.POLICY):
        asked = read_asked_prompts(source, options, Use.POLICY, split="train", override_uses=override_uses)
    found = prompt_rows([prompt.conversation for prompt in asked.prompts], form, reply_tokens)
    others = {
        "repeated prompts": asked.repeated,
        "waiting for no reply": asked.waiting_for_none,
        **asked.told_passed_over,
    }
    set_aside = {name: count for name, count in others.items() if count}
    return TrlData(asked.loaded, asked.split, Use.POLICY, found.rows, None, {**set_aside, **found.left_out})
