"""A best-of-n run: prompts × k replies of a policy × a scorer → what the best of n is worth, every candidate, and rows to train on.

The order is: open all that is needed, ask, score, write. Replies are kept in a journal beside the output from the moment they come, so that
a run which is killed, stopped or partly refused goes on with the same command. The journal goes once every reply has come and has a score
and the output stands; scores are not kept in it, so another scorer may go on from the same replies until then.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pydantic import JsonValue

from plumbline.align.best_of_n.candidates import Candidates, CandidateScores, axis_of, score_replies
from plumbline.align.best_of_n.rows import Chosen, candidate_table, comparison_rows, supervised_lines
from plumbline.align.best_of_n.summary import summarise
from plumbline.formats import PARQUET, write_tables
from plumbline.formats.own_folders import BEST_OF_N, CANDIDATES, SUPERVISED
from plumbline.lineage import (
    FileEntry,
    Manifest,
    Use,
    is_there,
    json_digest,
    refuse_foreign_folder,
    refuse_output_among_inputs,
    with_terms,
    write_folder_aside,
)
from plumbline.loop.asked_sources import (
    ask,
    journal_of,
    refuse_finished,
    shown_address,
    shown_place,
)
from plumbline.loop.best_of_n.opening import BestOfNRun, OpenedBestOfN, open_best_of_n
from plumbline.loop.opened_models import OpenedModel
from plumbline.loop.pages import can_draw, moment_shown
from plumbline.loop.sources import Step, first_unread, resolved_options
from plumbline.measure import Bootstrap
from plumbline.records import Kind
from plumbline.report import write_best_of_n_page
from plumbline.sources.asking import Asked
from plumbline.sources.reply_journal import open_journal

SUMMARY_NAME, PAGE_NAME = "best_of_n.json", "best_of_n.html"
CANDIDATES_NAME, SUPERVISED_NAME = f"{CANDIDATES}/replies.parquet", f"{SUPERVISED}/replies.jsonl"


def run_best_of_n(run: BestOfNRun, step: Step = lambda _: None) -> dict[str, Any]:
    """Ask, score, and write the folder; the returned object is what ``best_of_n.json`` holds.

    Raises:
        PlumblineError: the prompts, the models, the policy or the disk do not allow it. Replies that came are kept, and the same command
            goes on from there.
    """
    refuse_foreign_folder(run.out, BEST_OF_N)
    refuse_finished(run.out, SUMMARY_NAME, restart=run.restart)
    named = [run.prompts, str(run.scorer), *([str(run.judge)] if run.judge else []), run.policy.partition(":")[2]]
    refuse_output_among_inputs(run.out, [Path(name) for name in named if name and is_there(name)])
    opened = open_best_of_n(run, step)
    plan = opened.plan
    with open_journal(
        journal_of(run.out), opened.asked, plan.reply_count, kind="candidates", restart=run.restart
    ) as journal:
        flat = asyncio.run(ask(plan, opened.source, journal, step))
        candidates = _scored(opened, [flat[at : at + run.replies] for at in range(0, len(flat), run.replies)], step)
        step("writing")
        summary = _write(run, opened, candidates)
        if not summary["missing"] and not summary["judged_missing"]:
            journal.path.unlink(missing_ok=True)
    return summary


def _scored(opened: OpenedBestOfN, asked: list[list[Asked]], step: Step) -> Candidates:
    def by(scorer: OpenedModel, doing: str) -> CandidateScores:
        """What one model says of all."""
        return score_replies(
            scorer.model,
            opened.plan.conversations,
            asked,
            lambda done, total: step(f"{doing}, {done:,} of {total:,} replies"),
        )

    judged = None if opened.judge is None else by(opened.judge, "judging")
    return Candidates(opened.prompts.prompts, asked, by(opened.scorer, "scoring"), judged)


# --- what is written ---


def _write(run: BestOfNRun, opened: OpenedBestOfN, candidates: Candidates) -> dict[str, Any]:
    """Write the folder; returns the summary in it."""
    named = "best-of-n-synthetic" if opened.synthetic else "best-of-n"  # what is made of the rows is told by it too
    chosen = Chosen(
        run=f"{named}/{json_digest({**opened.asked, 'scorer': opened.scorer.digest})[:16]}",
        policy=shown_address(opened.address),
        policy_name=opened.address.model or Path(opened.address.location).name,
        scorer=opened.scorer.name,
        axis=axis_of(opened.scorer.model),
        seed=run.seed,
    )
    with write_folder_aside(run.out, BEST_OF_N) as aside:
        rows, left_out = _write_rows(run, opened, candidates, chosen, aside)
        summary = _summary(run, opened, candidates, chosen, rows, left_out)
        text = json.dumps(summary, ensure_ascii=False, indent=1, allow_nan=False)
        (aside / SUMMARY_NAME).write_text(text + "\n", encoding="utf-8")
        if summary["page"] is not None:
            write_best_of_n_page(summary, aside / PAGE_NAME, created=moment_shown())
        _manifest(run, opened, summary).write(aside)
    return summary


def _write_rows(
    run: BestOfNRun, opened: OpenedBestOfN, candidates: Candidates, chosen: Chosen, aside: Path
) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    """Rows by file name, and prompts that gave none, by what was written and code."""
    parents = opened.prompts.parents
    table = candidate_table(candidates, parents)
    (aside / CANDIDATES).mkdir()
    pq.write_table(with_terms(table, opened.terms), aside / CANDIDATES_NAME, compression="zstd")
    rows, left_out = {CANDIDATES_NAME: len(table)}, {}
    if "comparisons" in run.write:
        comparisons, left_out["comparisons"] = comparison_rows(candidates, parents, chosen)
        tables = {Kind.COMPARISONS: with_terms(comparisons, opened.terms)}
        rows |= write_tables(tables, aside, PARQUET).rows
    if "supervised" in run.write:
        lines, left_out["supervised"] = supervised_lines(candidates, parents, chosen)
        (aside / SUPERVISED).mkdir()
        (aside / SUPERVISED_NAME).write_bytes(b"".join(line + b"\n" for line in lines))
        rows[SUPERVISED_NAME] = len(lines)
    return rows, left_out


def _summary(
    run: BestOfNRun,
    opened: OpenedBestOfN,
    candidates: Candidates,
    chosen: Chosen,
    rows: Mapping[str, int],
    left_out: Mapping[str, Mapping[str, int]],
) -> dict[str, Any]:
    loaded = opened.prompts.loaded
    figures = summarise(candidates, Bootstrap(seed=run.seed))
    return {
        "plumbline": "best-of-n",
        "version": 1,
        "policy": chosen.policy,
        "source": shown_place(run.prompts),
        "scorer": _model_json(opened.scorer),
        "judge": None if opened.judge is None else _model_json(opened.judge),
        "prompts": len(candidates.prompts),
        "replies": run.replies,
        **figures,
        "notes": [*figures["notes"], *opened.notes],
        "rows": dict(rows),
        "left_out": {name: dict(codes) for name, codes in left_out.items()},
        "repeated_prompts": opened.prompts.repeated,
        "waiting_for_none": opened.prompts.waiting_for_none,
        "prompts_not_drawn": opened.prompts.not_drawn,
        "passed_over": opened.prompts.passed_over,
        "quarantined": loaded.quarantined,
        "first_unread": first_unread([loaded]),
        "terms": opened.terms.to_json(),
        "synthetic": opened.synthetic,
        "page": PAGE_NAME if can_draw() else None,
    }


def _model_json(opened: OpenedModel) -> dict[str, Any]:
    """What a summary says of a model that scores replies."""
    return {"name": opened.name, "task": opened.model.task, "axis": axis_of(opened.model).value}


def _manifest(run: BestOfNRun, opened: OpenedBestOfN, summary: Mapping[str, Any]) -> Manifest:
    configuration: dict[str, JsonValue] = {
        "source": run.prompts,
        "scorer": str(run.scorer),
        "judge": None if run.judge is None else str(run.judge),
        "write": list(run.write),
        "most_prompts": run.most_prompts,
        "asked": dict(opened.asked),
        **resolved_options([run.prompts], None, run.load_options),
    }
    manifest = opened.prompts.loaded.manifest(BEST_OF_N, run.command, configuration, seed=run.seed)
    for each in reversed(opened.models):
        manifest = each.trace.in_manifest(manifest)
    needed = {Use.POLICY, *([Use.SUPERVISED] if "supervised" in run.write else [])}
    has_uses = Use.POLICY in opened.prompts.loaded.terms.uses and needed - {Use.POLICY} <= opened.terms.uses
    rows = summary["rows"]
    return manifest.model_copy(
        update={
            "parents": list(dict.fromkeys([*manifest.parents, *([opened.made_of.digest] if opened.made_of else [])])),
            "outputs": [FileEntry(path=name, sha256="", size_bytes=0, rows=count) for name, count in rows.items()],
            "findings": {**manifest.findings, **summary["missing"]},
            "uses": sorted(opened.terms.uses),
            "licence": opened.terms.licence,
            "uses_overridden": run.override_uses and not has_uses,
        }
    )
