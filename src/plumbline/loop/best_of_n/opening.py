"""What a best-of-n run works with, opened before anything is asked: prompts, policy, models, and the terms of what they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import JsonValue

from plumbline.align.best_of_n.candidates import axis_of
from plumbline.lineage import FoundManifest, Terms, Use, strictest_terms
from plumbline.loop.asked_prompts import AskedPrompts, prompts_digest, read_asked_prompts
from plumbline.loop.asked_sources import TOGETHER, manifest_behind, open_patiently, terms_of
from plumbline.loop.opened_models import OpenedModel, open_model
from plumbline.loop.sources import Step, is_synthetic
from plumbline.models.rows.trained_rows import read_trained_rows
from plumbline.records import Axis, PermittedUseError, UsageError
from plumbline.sources import ReplySource, Sampling, SourceAddress, parse_address
from plumbline.sources.asking import Plan
from plumbline.sources.replies import MOST_SAMPLES

WRITTEN = ("comparisons", "supervised")


@dataclass(frozen=True)
class BestOfNRun:
    """What to ask whom, who chooses, and where to put it.

    Attributes:
        prompts: a source; see `asked_prompts.read_asked_prompts`.
        policy: the address of what replies.
        scorer: the folder of the model that chooses, of any task.
        out: the output folder.
        sampling: how replies are drawn; its seed is that of everything random.
        replies: to each prompt.
        judge: the folder of a model that has no part in choosing.
        write: rows to train on, beside the candidates; of `WRITTEN`.
        most_prompts: so many are drawn where the source has more.
        key_variable, allow_private: of an endpoint, see `open_patiently`.
        trust_remote_code: run code that comes with a scorer or judge.
        restart: begin anew, though an earlier run to this output kept replies or is done.
        override_uses: go on though the terms do not permit it.
        load_options: of `formats.load`, for the prompts.
        command: for the manifest.
    """

    prompts: str
    policy: str
    scorer: Path
    out: Path
    sampling: Sampling
    replies: int = 16
    judge: Path | None = None
    write: tuple[str, ...] = ()
    most_prompts: int | None = None
    key_variable: str | None = None
    allow_private: bool = False
    trust_remote_code: bool = False
    restart: bool = False
    override_uses: bool = False
    load_options: Mapping[str, Any] = field(default_factory=dict)
    command: tuple[str, ...] = ()

    @property
    def seed(self) -> int:
        """Of everything random."""
        return self.sampling.seed or 0


@dataclass(frozen=True)
class OpenedBestOfN:
    """What a run works with.

    Attributes:
        asked: all that decides what is asked for; the journal of another configuration is refused.
        made_of: what says what the policy was made of; None where nothing does.
        terms: of everything that is written, the strictest of all that it is made with.
    """

    address: SourceAddress
    source: ReplySource
    scorer: OpenedModel
    judge: OpenedModel | None
    prompts: AskedPrompts
    plan: Plan
    asked: dict[str, JsonValue]
    made_of: FoundManifest | None
    terms: Terms

    @property
    def models(self) -> list[OpenedModel]:
        """Scorer and judge."""
        return [self.scorer, *([self.judge] if self.judge else [])]

    @property
    def notes(self) -> list[str]:
        """What a reader must know of the judge."""
        if self.judge is None:
            return []
        return [*_other_axis(self.scorer, self.judge), *_rows_of_both(self.scorer, self.judge)]

    @property
    def synthetic(self) -> bool:
        """Whether prompts, or what a model was trained on, were made up by a program."""
        return is_synthetic(self.prompts.loaded) or any(each.description.synthetic for each in self.models)


def _other_axis(scorer: OpenedModel, judge: OpenedModel) -> list[str]:
    chosen, judged = axis_of(scorer.model), axis_of(judge.model)
    if Axis.OVERALL in (chosen, judged) or chosen is judged:
        return []
    return [
        f"the judge judges {judged}: what is chosen for {chosen} may well cost there, and that is no error of the scorer's"
    ]


def _rows_of_both(scorer: OpenedModel, judge: OpenedModel) -> list[str]:
    """What both were trained on."""
    ours, theirs = (read_trained_rows(each.folder, each.description) for each in (scorer, judge))
    if ours is None or theirs is None:
        return ["nothing says what scorer or judge was trained on: if on the same rows, they err in the same places"]
    shared = int(np.isin(theirs.items, ours.items).sum())
    told = f"the judge was trained on {shared:,} of the {len(ours.items):,} rows of the scorer: there they err alike"
    return [told] if shared else []


def open_best_of_n(run: BestOfNRun, step: Step) -> OpenedBestOfN:
    """All that a run needs; what is wrong with any of it is told before anything is asked.

    Raises:
        PlumblineError: a setting, the prompts, the models or the policy do not allow the run.
    """
    _refuse_settings(run)
    address = parse_address(run.policy, "--policy")
    source = open_patiently(address, key_variable=run.key_variable, allow_private=run.allow_private)
    step("loading the scorer")
    scorer = open_model(run.scorer, trust_remote_code=run.trust_remote_code)
    judge = None if run.judge is None else open_model(run.judge, trust_remote_code=run.trust_remote_code)
    if judge is not None and judge.digest == scorer.digest:
        raise _refused(
            "PL-BON-010",
            "--judge",
            "the judge is the scorer that chooses",
            "a model that has no part in choosing",
            scorer.name,
            "name one that was trained on other judgements, or leave --judge out",
        )
    step("reading the prompts")
    prompts = read_asked_prompts(
        run.prompts,
        run.load_options,
        Use.POLICY,
        most=run.most_prompts,
        seed=run.seed,
        override_uses=run.override_uses,
    )
    together = min(TOGETHER, run.replies) if address.kind == "transformers" else 1
    plan = Plan([prompt.conversation for prompt in prompts.prompts], run.replies, run.sampling, together)
    asked: dict[str, JsonValue] = {
        "policy": source.name,
        "prompts": prompts_digest(prompts.prompts),
        "replies": run.replies,
        "together": together,
        **run.sampling.to_json(),
    }
    made_of = manifest_behind(address)
    terms = _terms(prompts, source, made_of, [scorer, *([judge] if judge else [])])
    opened = OpenedBestOfN(address, source, scorer, judge, prompts, plan, asked, made_of, terms)
    if "supervised" in run.write and Use.SUPERVISED not in terms.uses and not run.override_uses:
        raise _not_to_be_learnt(run, opened)
    return opened


def _terms(
    prompts: AskedPrompts, source: ReplySource, made_of: FoundManifest | None, scorers: Sequence[OpenedModel]
) -> Terms:
    """The strictest of prompts, models and, where it is known, the policy."""
    of_policy = [terms_of(source), made_of.manifest.terms if made_of else None]
    known = [prompts.loaded.terms, *(each.description.permitted for each in scorers)]
    return strictest_terms([*known, *(terms for terms in of_policy if terms is not None)])


def _not_to_be_learnt(run: BestOfNRun, opened: OpenedBestOfN) -> PermittedUseError:
    parts = {
        run.prompts: opened.prompts.loaded.terms,
        **{str(each.folder): each.description.permitted for each in opened.models},
    }
    refusing = [name for name, terms in parts.items() if Use.SUPERVISED not in terms.uses] or [run.policy]
    return PermittedUseError(
        "PL-USE-001",
        "--write supervised",
        "replies to these prompts, chosen by this model, may not be learnt by supervised training",
        expected="supervised among the uses that prompts, models and the policy's corpus permit",
        found=f"not among those of {', '.join(refusing)}",
        advice="--write comparisons, or other prompts and models, or pass --override-uses; the override is written to the manifest",
    )


def _refuse_settings(run: BestOfNRun) -> None:
    if not 1 <= run.replies <= MOST_SAMPLES:
        raise _refused(
            "PL-BON-009", "-n", "there cannot be so many replies", f"1 to {MOST_SAMPLES}", str(run.replies), "-n 16"
        )
    if run.most_prompts is not None and run.most_prompts < 1:
        raise _refused(
            "PL-BON-009",
            "--most-prompts",
            "no prompt would be asked",
            "1 or more",
            str(run.most_prompts),
            "leave it out",
        )
    for name in run.write:
        if name not in WRITTEN:
            raise _refused(
                "PL-BON-009", "--write", "nothing is written by that name", ", ".join(WRITTEN), name, "one of these"
            )


def _refused(code: str, place: str, problem: str, expected: str, found: str, advice: str) -> UsageError:
    return UsageError(code, place, problem, expected=expected, found=found, advice=advice)
