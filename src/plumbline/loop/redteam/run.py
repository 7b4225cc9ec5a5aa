"""A run of automated attempts: prompts × a target's replies × a scorer → attempts as records, a summary, a manifest.

The order is: open all that is needed, find the scorer's errors, ask, judge, write. Replies are kept in a journal beside the
output from the moment they come, so that a run which is killed, stopped or partly refused goes on with the same command. The
journal goes once every attempt has a reply and the output stands.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from plumbline.formats import PARQUET, Loaded, write_tables
from plumbline.formats.prompt_files import load_prompts
from plumbline.lineage import (
    FileEntry,
    Manifest,
    Terms,
    Use,
    is_there,
    json_digest,
    refuse_foreign_folder,
    refuse_output_among_inputs,
    require_use,
    strictest_terms,
    with_terms,
    write_folder_aside,
)
from plumbline.loop.asked_prompts import prompts_digest
from plumbline.loop.asked_sources import (
    ask,
    journal_of,
    open_patiently,
    refuse_finished,
    shown_address,
    shown_place,
    terms_of,
)
from plumbline.loop.measuring.scorer_validation import Validation, open_scorer, scorer_json, validate_scorer
from plumbline.loop.opened_models import OpenedModel
from plumbline.loop.sources import Step, first_unread, is_synthetic, resolved_options, told_records
from plumbline.measure import Bootstrap
from plumbline.records import Kind, NoDataError, Prompt, records_from_table
from plumbline.redteam.automated_rows import Attacked, attempt_table, transcript
from plumbline.redteam.automated_summary import summarise
from plumbline.redteam.outcomes import Verdict, judge_replies
from plumbline.redteam.scorer_error import UNCORRECTED
from plumbline.sources import ReplySource, Sampling, SourceAddress, parse_address
from plumbline.sources.asking import Asked, Failed, Plan
from plumbline.sources.reply_journal import open_journal

SUMMARY_NAME = "redteam_run.json"
HOLDS = "automated attempts"


@dataclass(frozen=True)
class Target:
    """What is attacked, and how it is asked.

    Attributes:
        address: as `sources.parse_address` reads it.
        key_variable: the environment variable that holds an endpoint's key.
        allow_private: endpoints at private and loopback addresses.
        model_type, model_size: as the records have them; the type is the model's name where nobody says.
    """

    address: str
    key_variable: str | None = None
    allow_private: bool = False
    model_type: str | None = None
    model_size: str | None = None


@dataclass(frozen=True)
class RedTeamRun:
    """What to try on what, who says what succeeded, and where to put it.

    Attributes:
        prompts: a source with prompts, all of its splits; plain ones in CSV or JSON lines too.
        target: what is attacked.
        scorer: the folder of a moderation or a cost model.
        out: the output folder.
        sampling: how replies are drawn; its seed is that of everything random.
        replies: attempts a prompt.
        validate_on: a source with safety labels, on which the scorer's errors are found.
        restart: begin anew, though an earlier run to this output kept replies or is done.
        override_uses: go on though the prompts do not permit analysis.
        load_options: of `formats.load`, for the prompts.
        command: for the manifest.
    """

    prompts: str
    target: Target
    scorer: Path
    out: Path
    sampling: Sampling
    replies: int = 1
    validate_on: str | None = None
    restart: bool = False
    override_uses: bool = False
    load_options: Mapping[str, Any] = field(default_factory=dict)
    command: tuple[str, ...] = ()

    @property
    def seed(self) -> int:
        """Of everything random."""
        return self.sampling.seed or 0


@dataclass(frozen=True)
class _Opened:
    """What a run works with.

    Attributes:
        source: the target, open.
        loaded, prompts: the prompts as they were read, and as records in the order of the attempts.
        asked: all that decides what is asked for; the journal of another configuration is refused.
    """

    address: SourceAddress
    source: ReplySource
    scorer: OpenedModel
    loaded: Loaded
    prompts: list[Prompt]
    validation: Validation | None
    asked: dict[str, JsonValue]


def run_redteam(run: RedTeamRun, step: Step = lambda _: None) -> dict[str, Any]:
    """Make the attempts, judge them, and write the folder; the returned object is what ``redteam_run.json`` holds.

    Raises:
        PlumblineError: the sources, the model, the target or the disk do not allow it. Replies that came are kept, and the
            same command goes on from there.
    """
    refuse_foreign_folder(run.out, HOLDS)
    refuse_finished(run.out, SUMMARY_NAME, restart=run.restart)
    target = run.target.address.partition(":")[2]
    named = [run.prompts, str(run.scorer), *([run.validate_on] if run.validate_on else []), target]
    refuse_output_among_inputs(run.out, [Path(name) for name in named if name and is_there(name)])
    opened = _open(run, step)
    plan = Plan([prompt.conversation for prompt in opened.prompts], run.replies, run.sampling)
    with open_journal(journal_of(run.out), opened.asked, plan.reply_count, restart=run.restart) as journal:
        attempted = asyncio.run(ask(plan, opened.source, journal, step))
        prompts = [prompt for prompt in opened.prompts for _ in range(run.replies)]
        verdicts = _judged(opened.scorer, prompts, attempted, step)
        step("writing")
        summary = _write(run, opened, prompts, attempted, verdicts)
        if not any(isinstance(made, Failed) for made in attempted):
            journal.path.unlink(missing_ok=True)
    return summary


def _open(run: RedTeamRun, step: Step) -> _Opened:
    """All that a run needs; what is wrong with any of it is told before anything is asked."""
    address = parse_address(run.target.address, "--target")
    source = open_patiently(address, key_variable=run.target.key_variable, allow_private=run.target.allow_private)
    scorer = open_scorer(run.scorer)
    step("reading the prompts")
    loaded = load_prompts(run.prompts, **run.load_options)
    prompts = _prompts(loaded, run)
    validation = None if run.validate_on is None else validate_scorer(scorer, run.validate_on, step)
    asked: dict[str, JsonValue] = {
        "target": source.name,
        "prompts": prompts_digest(prompts),
        "replies": run.replies,
        **run.sampling.to_json(),
    }
    return _Opened(address, source, scorer, loaded, prompts, validation, asked)


def _prompts(loaded: Loaded, run: RedTeamRun) -> list[Prompt]:
    table = loaded.prompts
    if not len(table):
        raise NoDataError(
            "PL-RTA-008",
            run.prompts,
            "there are no prompts",
            expected="BeaverTails-Evaluation, prompts in CSV or JSON lines, or a table of them",
            found=", ".join(told_records([loaded])) or "no rows",
            advice='write lines like {"prompt": "..."}, or a CSV file with a column prompt; see docs/data.md',
        )
    require_use(table, Use.ANALYSIS, place=run.prompts, override=run.override_uses)
    return [prompt for prompt in records_from_table(table) if isinstance(prompt, Prompt)]


def _judged(scorer: OpenedModel, prompts: Sequence[Prompt], attempted: Sequence[Asked], step: Step) -> list[Verdict]:
    """A verdict for every attempt: of the scorer where there is a reply, else the code of why there is none."""
    pairs = list(zip(prompts, attempted, strict=True))
    found = iter(
        judge_replies(
            scorer.model,
            [transcript(prompt, made) for prompt, made in pairs if not isinstance(made, Failed)],
            lambda done, total: step(f"judging, {done:,} of {total:,} replies"),
        )
    )
    return [Verdict.unscored(made.code) if isinstance(made, Failed) else next(found) for made in attempted]


# --- what is written ---


def _write(
    run: RedTeamRun,
    opened: _Opened,
    prompts: Sequence[Prompt],
    attempted: Sequence[Asked],
    verdicts: Sequence[Verdict],
) -> dict[str, Any]:
    """Write the folder; returns the summary in it."""
    attacked = Attacked(
        run=f"redteam-run/{json_digest(opened.asked)[:16]}",
        target=shown_address(opened.address),
        model_type=run.target.model_type or opened.address.model or Path(opened.address.location).name,
        model_size=run.target.model_size,
        scorer=opened.scorer.description.name,
    )
    labelled = None if opened.validation is None else opened.validation.labelled
    figures = summarise(prompts, attempted, verdicts, labelled, Bootstrap(seed=run.seed))
    summary = _summary(run, opened, attacked, figures)
    terms = _terms(opened)
    with write_folder_aside(run.out, HOLDS) as aside:
        table = with_terms(attempt_table(prompts, attempted, verdicts, attacked), terms)
        written = write_tables({Kind.RED_TEAM_ATTEMPTS: table}, aside, PARQUET)
        text = json.dumps(summary, ensure_ascii=False, indent=1, allow_nan=False)
        (aside / SUMMARY_NAME).write_text(text + "\n", encoding="utf-8")
        _manifest(run, opened, terms, written.rows, summary["unscored"]).write(aside)
    return summary


def _summary(run: RedTeamRun, opened: _Opened, attacked: Attacked, figures: Mapping[str, Any]) -> dict[str, Any]:
    errors = None
    if opened.validation is not None:
        of_labels = opened.validation.labelled.figures(Bootstrap(seed=run.seed))
        errors = {
            "source": shown_place(run.validate_on or ""),
            "left_out": opened.validation.left_out,
            **{name: figure.to_json() for name, figure in of_labels.items()},
        }
    return {
        "plumbline": "redteam-run",
        "version": 1,
        "target": attacked.target,
        "model_type": attacked.model_type,
        "model_size": attacked.model_size,
        "scorer": scorer_json(opened.scorer),
        "prompts": len(opened.prompts),
        "replies": run.replies,
        **figures,
        "scorer_error": errors,
        "quarantined": opened.loaded.quarantined,
        "first_unread": first_unread([opened.loaded]),
        "passed_over": {
            kind.value: len(table)
            for kind, table in opened.loaded.tables.items()
            if kind is not Kind.PROMPTS and len(table)
        },
        "synthetic": is_synthetic(opened.loaded) or opened.scorer.description.synthetic,
        "notes": _notes(opened.validation, figures),
    }


def _notes(validation: Validation | None, figures: Mapping[str, Any]) -> list[str]:
    """What a reader must know before trusting the rates."""
    notes = []
    if figures["corrected_success_rate"]["value"] is not None:
        notes.append(
            "the corrected rate holds as far as the labelled replies are like these attempts: label some of this target's own"
        )
    if validation is None:
        notes.append(f"success_rate is the scorer's word and not corrected: {UNCORRECTED}")
    elif validation.shared_prompts is None:
        notes.append("nothing says what the scorer was trained on: if on these labels, its errors are larger than told")
    elif validation.shared_prompts:
        notes.append(
            f"the scorer was trained on {validation.shared_prompts:,} of the labelled prompts, with other replies: its "
            "errors on new prompts may be larger"
        )
    if len(figures["snapshots"]) > 1:
        notes.append("the replies are those of several versions of the target (snapshots)")
    return notes


def _terms(opened: _Opened) -> Terms:
    """Attempts are for analysis alone, under the terms of prompts, scorer and, where it is known, the target."""
    known = [opened.loaded.terms, opened.scorer.description.permitted, terms_of(opened.source)]
    strictest = strictest_terms([each for each in known if each is not None])
    return Terms(strictest.uses & {Use.ANALYSIS}, strictest.licence)


def _manifest(
    run: RedTeamRun, opened: _Opened, terms: Terms, rows: Mapping[str, int], unscored: Mapping[str, int]
) -> Manifest:
    configuration: dict[str, JsonValue] = {
        "source": run.prompts,
        "scorer": str(run.scorer),
        "validate_on": run.validate_on,
        "model_type": run.target.model_type,
        "model_size": run.target.model_size,
        "asked": dict(opened.asked),
        **resolved_options([run.prompts], None, run.load_options),
    }
    manifest = opened.loaded.manifest(HOLDS, run.command, configuration, seed=run.seed)
    manifest = opened.scorer.trace.in_manifest(manifest)
    labels = opened.validation.loaded if opened.validation else None
    parents = [*manifest.parents, *(labels.parents if labels else ())]
    return manifest.model_copy(
        update={
            "inputs": [*manifest.inputs, *(labels.files if labels else ())],
            "parents": list(dict.fromkeys(parents)),
            "outputs": [FileEntry(path=name, sha256="", size_bytes=0, rows=count) for name, count in rows.items()],
            "findings": {**manifest.findings, **unscored},
            "uses": sorted(terms.uses),
            "licence": terms.licence,
            "uses_overridden": run.override_uses and Use.ANALYSIS not in opened.loaded.terms.uses,
        }
    )
