"""A comparison of two policies: prompts × replies of both × judges → figures, a page, pairs for people to judge, a manifest.

The order is: open all that is needed, ask the one, ask the other, judge, write. What is asked for is kept in a journal beside
the output, one a policy, so that a run which is killed, stopped or partly refused goes on with the same command. The journals
go once every reply is there and every pair is judged; until then other judges may go on from the same replies. Replies that
exist already are read, and nobody is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from plumbline.align.comparing.policy_comparison import Answer, Answers, compare_answers
from plumbline.lineage import is_there, refuse_foreign_folder, refuse_output_among_inputs
from plumbline.loop.asked_sources import ask, journal_of
from plumbline.loop.comparing.folder import HOLDS, SUMMARY_NAME, write_comparison
from plumbline.loop.comparing.judges import panel_of
from plumbline.loop.comparing.opening import CompareRun, OpenedComparison, open_comparison
from plumbline.loop.comparing.policies import SIDES, OpenedPolicy, answers_given, answers_of_asked, refuse_same
from plumbline.loop.sources import Step
from plumbline.measure import Bootstrap
from plumbline.records import UsageError
from plumbline.sources.asking import Plan
from plumbline.sources.replies import MOST_SAMPLES
from plumbline.sources.reply_journal import Journal, open_journal


def run_comparison(run: CompareRun, step: Step = lambda _: None) -> dict[str, Any]:
    """Ask both, have the replies judged, and write the folder; the returned object is what ``align_compare.json`` holds.

    Raises:
        PlumblineError: the policies, the models, the prompts or the disk do not allow it. Replies that came are kept, and
            the same command goes on from there.
    """
    _refuse_settings(run)
    refuse_same(run.first, run.second)
    refuse_foreign_folder(run.out, HOLDS)
    _refuse_finished(run)
    folders = (run.judges.helpfulness, run.judges.harmlessness, run.judges.safety)
    named = [run.prompts, run.first.location, run.second.location, *map(str, filter(None, folders))]
    refuse_output_among_inputs(run.out, [Path(name) for name in named if is_there(name)])
    opened = open_comparison(run, step)
    with _journals(run, opened) as journals:
        answers = Answers(
            opened.prompts,
            run.replies,
            *(
                _answers(run, opened, policy, journal, step)
                for policy, journal in zip(opened.policies, journals, strict=True)
            ),
        )
        compared, said = compare_answers(
            answers,
            panel_of(opened.judges),
            Bootstrap(seed=run.seed),
            margin=run.margin,
            told=lambda done, total: step(f"judging, {done:,} of {total:,} scores"),
        )
        step("writing")
        summary = write_comparison(run, opened, answers, compared, said)
        owed = (_lacks_some(*each) for each in zip(journals, (answers.first, answers.second), strict=True))
        if not any(owed) and not any(compared.unjudged.values()):
            for journal in filter(None, journals):  # of both at once: a policy without its journal is asked anew
                journal.path.unlink(missing_ok=True)
    return summary


def _lacks_some(journal: Journal | None, given: Sequence[Answer]) -> bool:
    """Whether a policy that is asked owes replies."""
    return journal is not None and any(each.text is None for each in given)


def _refuse_settings(run: CompareRun) -> None:
    if not 0 <= run.margin < 0.5:
        raise UsageError(
            "PL-CMP-011",
            "--margin",
            "the margin of a tie is out of its range",
            expected="from 0 up to but not 0.5, beyond which nothing wins",
            found=f"{run.margin:g}",
            advice="0.05 is good to start with",
        )
    if not 1 <= run.replies <= MOST_SAMPLES:
        raise UsageError(
            "PL-CMP-013",
            "--replies",
            "there cannot be so many replies to a prompt",
            expected=f"1 to {MOST_SAMPLES}",
            found=str(run.replies),
            advice="--replies 1",
        )


def _refuse_finished(run: CompareRun) -> None:
    """A run that is done has no journal left to go on from: all would be asked, and paid for, again."""
    asked = [side for side, place in zip(SIDES, run.places, strict=True) if place.is_source]
    is_done = (run.out / SUMMARY_NAME).is_file() and not any(journal_of(run.out, side).exists() for side in asked)
    if asked and is_done and not run.restart:
        raise UsageError(
            "PL-CMP-012",
            str(run.out),
            "a comparison that is done stands here: every prompt would be asked again, and it replaced",
            advice="name another output with -o, or --restart to do so",
        )


@contextmanager
def _journals(run: CompareRun, opened: OpenedComparison) -> Iterator[list[Journal | None]]:
    """A journal for each policy that is asked; both are open before anything is asked."""
    count = len(opened.prompts) * run.replies
    with ExitStack() as stack:
        journals: list[Journal | None] = []
        for side, policy in zip(SIDES, opened.policies, strict=True):
            if policy.source is None:
                journals.append(None)
                continue
            asked: dict[str, JsonValue] = {
                "policy": policy.source.name,
                "prompts": opened.digest,
                "replies": run.replies,
                "together": min(policy.together, run.replies),
                **run.sampling.to_json(),
            }
            path = journal_of(run.out, side)
            journals.append(
                stack.enter_context(open_journal(path, asked, count, kind="comparison", restart=run.restart))
            )
        yield journals


def _answers(
    run: CompareRun, opened: OpenedComparison, policy: OpenedPolicy, journal: Journal | None, step: Step
) -> list[Answer]:
    """What a policy says to every prompt."""
    if policy.given is not None:
        return answers_given(policy, policy.given, opened.prompts, run.replies)
    if policy.source is None or journal is None:
        raise ValueError("expected a source with its journal, or replies")
    together = min(policy.together, run.replies)
    plan = Plan([prompt.conversation for prompt in opened.prompts], run.replies, run.sampling, together)
    return answers_of_asked(asyncio.run(ask(plan, policy.source, journal, lambda said: step(f"{policy.name}: {said}"))))
