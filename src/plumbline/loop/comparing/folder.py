"""The folder of a comparison of two policies: figures, page, pairs and manifest, written aside and renamed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

from plumbline.align.comparing.judging import ModelVerdicts
from plumbline.align.comparing.pair_rows import Compared, pair_table
from plumbline.align.comparing.policy_comparison import Answers, PolicyComparison
from plumbline.formats import PARQUET, write_tables
from plumbline.lineage import (
    FileEntry,
    Manifest,
    Terms,
    Use,
    json_digest,
    strictest_terms,
    with_terms,
    write_folder_aside,
)
from plumbline.loop.comparing.as_json import comparison_json
from plumbline.loop.comparing.judges import TrainedOn, judge_json, notes_on, trained_on
from plumbline.loop.comparing.opening import CompareRun, OpenedComparison
from plumbline.loop.comparing.policies import SIDES, snapshots_of, unused_of
from plumbline.loop.pages import can_draw
from plumbline.loop.sources import first_unread, is_synthetic, resolved_options, unread_of
from plumbline.measure import format_figure
from plumbline.records import Kind
from plumbline.report import ComparedSources, write_comparison_page

SUMMARY_NAME, PAGE_NAME = "align_compare.json", "comparison.html"
HOLDS = "compared policies"


def write_comparison(
    run: CompareRun, opened: OpenedComparison, answers: Answers, compared: PolicyComparison, said: ModelVerdicts
) -> dict[str, Any]:
    """Write the folder.

    Returns:
        The summary in it: what ``--json`` prints.
    Raises:
        WriteError: it cannot be written.
    """
    names = {role: judge.description.name for role, judge in opened.judges.items()}
    asked = [opened.digest, run.replies, run.sampling.to_json(), *(policy.shown for policy in opened.policies)]
    table = pair_table(answers, said, Compared(f"align-compare/{json_digest(asked)[:16]}", opened.names, names))
    trained = {role: trained_on(judge, answers, table) for role, judge in opened.judges.items()}
    summary = _summary(opened, answers, compared, trained)
    terms = _terms(opened)
    sources = ComparedSources(
        opened.names,
        tuple(policy.shown for policy in opened.policies),
        summary["judges"],
        tuple(file for loaded in opened.read for file in loaded.files),
        tuple(summary["notes"]),
        summary["quarantined"],
        terms,
        summary["synthetic"],
    )
    with write_folder_aside(run.out, HOLDS) as aside:
        written = write_tables({Kind.COMPARISONS: with_terms(table, terms)}, aside, PARQUET)
        text = json.dumps(summary, ensure_ascii=False, indent=1, allow_nan=False)
        (aside / SUMMARY_NAME).write_text(text + "\n", encoding="utf-8")
        if summary["page"]:
            write_comparison_page(
                compared,
                sources,
                aside / PAGE_NAME,
                prompts=answers.prompts,
                title=run.title,
                created=run.created,
                show_text=run.show_text,
            )
        _manifest(run, opened, terms, written.rows, summary).write(aside)
    return summary


def _summary(
    opened: OpenedComparison,
    answers: Answers,
    compared: PolicyComparison,
    trained: Mapping[str, TrainedOn | None],
) -> dict[str, Any]:
    first, second = opened.policies
    notes = notes_on(opened.judges, trained, opened.names, (first.made_with, second.made_with))
    asked = {entry.sha256 for entry in opened.loaded.files}
    for name, policy in zip(opened.names, opened.policies, strict=True):
        if policy.given is None and asked & policy.made_with:
            notes.append(
                f"{name} was made with files that these prompts come from: it may know them; ask those of another split"
            )
    for name, given in zip(opened.names, (answers.first, answers.second), strict=True):
        if len(snapshots_of(given)) > 1:
            notes.append(f"the replies of {name} are those of several versions of it (snapshots)")
    agree = compared.judges_agree
    if agree is not None and agree.value is not None and (agree.low is None or agree.low <= 0.5):
        notes.append(
            "the judges of harmlessness and of safety may not mean the same: of two replies of which one is called safe the "
            f"former prefers that one in {format_figure(agree)}, and chance would give 0.5"
        )
    sides = zip(SIDES, opened.names, opened.policies, (answers.first, answers.second), strict=True)
    return {
        "plumbline": "align-compare",
        "version": 1,
        **{
            side: {
                "name": name,
                "policy": policy.shown,
                "snapshots": snapshots_of(given),
                "unused": unused_of(policy.given, given, answers.prompts),
            }
            for side, name, policy, given in sides
        },
        "judges": {role: judge_json(judge, trained[role]) for role, judge in opened.judges.items()},
        **comparison_json(compared),
        "quarantined": unread_of(opened.read),
        "first_unread": first_unread(opened.read),
        "left_out": dict(opened.left_out),
        "synthetic": any(map(is_synthetic, opened.read))
        or any(judge.description.synthetic for judge in opened.judges.values())
        or any("synthetic" in policy.shown for policy in opened.policies),
        "page": PAGE_NAME if can_draw() else None,
        "notes": notes,
    }


def _terms(opened: OpenedComparison) -> Terms:
    """The strictest of prompts, judges and, where they are known, the policies."""
    known = [policy.terms for policy in opened.policies if policy.terms is not None]
    judges = [judge.description.permitted for judge in opened.judges.values()]
    return strictest_terms([opened.loaded.terms, *judges, *known])


def _manifest(
    run: CompareRun, opened: OpenedComparison, terms: Terms, rows: Mapping[str, int], summary: Mapping[str, Any]
) -> Manifest:
    configuration: dict[str, JsonValue] = {
        "source": run.prompts,
        "first": run.first.text,
        "second": run.second.text,
        "judges": {role: str(judge.folder) for role, judge in opened.judges.items()},
        "replies": run.replies,
        "margin": run.margin,
        "sampling": run.sampling.to_json(),
        **resolved_options([run.prompts], None, run.load_options),
    }
    manifest = opened.loaded.manifest(HOLDS, run.command, configuration, seed=run.seed)
    for judge in {id(judge): judge for judge in opened.judges.values()}.values():  # one may judge several things
        manifest = judge.trace.in_manifest(manifest)
    given = opened.read[1:]
    return manifest.model_copy(
        update={
            "inputs": [*manifest.inputs, *(file for loaded in given for file in loaded.files)],
            "parents": list(
                dict.fromkeys([*manifest.parents, *(parent for loaded in given for parent in loaded.parents)])
            ),
            "outputs": [FileEntry(path=name, sha256="", size_bytes=0, rows=count) for name, count in rows.items()],
            "quarantined": dict(summary["quarantined"]),
            "findings": {**manifest.findings, **missing_codes(summary)},
            "uses": sorted(terms.uses),
            "licence": terms.licence,
            "uses_overridden": run.override_uses and Use.ANALYSIS not in opened.loaded.terms.uses,
        }
    )


def missing_codes(summary: Mapping[str, Any]) -> dict[str, int]:
    """Replies that are not there and pairs that were not judged, by code."""
    codes: dict[str, int] = {}
    for part in (*summary["missing"].values(), *summary["unjudged"].values()):
        for code, count in part.items():
            codes[code] = codes.get(code, 0) + count
    return codes
