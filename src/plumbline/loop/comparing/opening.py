"""What a comparison of two policies needs, opened: policies, judges, prompts. What is wrong is told before anybody is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plumbline.formats import Loaded
from plumbline.formats.prompt_files import load_prompts
from plumbline.lineage import Use, require_use
from plumbline.loop.asked_prompts import prompts_digest, read_asked_prompts
from plumbline.loop.comparing.judges import JudgeFolders, open_judges
from plumbline.loop.comparing.policies import OpenedPolicy, PolicyPlace, answers_given, names_apart, open_policy
from plumbline.loop.opened_models import OpenedModel
from plumbline.loop.sources import Step
from plumbline.records import Prompt, records_from_table
from plumbline.sources import Sampling


@dataclass(frozen=True)
class CompareRun:
    """What to compare, on what, by whom, and where to put it.

    Attributes:
        first, second: the policies.
        prompts: a source with prompts, all of its splits; plain ones in CSV or JSON lines too; of a source without any, what
            its comparisons or labels reply to.
        judges: folders of the models that judge.
        out: the output folder.
        sampling: how replies are drawn; its seed is that of everything random.
        created: when the page was made, as it is to be shown.
        replies: of each policy to a prompt.
        margin: probabilities within one half ± this are ties.
        show_text: the page's examples show what was said.
        title: of the page.
        restart: begin anew, though an earlier run to this output kept replies or is done.
        override_uses: go on though the prompts do not permit analysis.
        load_options: of `formats.load`, for the prompts.
        command: for the manifest.
    """

    first: PolicyPlace
    second: PolicyPlace
    prompts: str
    judges: JudgeFolders
    out: Path
    sampling: Sampling
    created: str
    replies: int = 1
    margin: float = 0.05
    show_text: bool = False
    title: str = "Two policies side by side"
    restart: bool = False
    override_uses: bool = False
    load_options: Mapping[str, Any] = field(default_factory=dict)
    command: tuple[str, ...] = ()

    @property
    def seed(self) -> int:
        """Of everything random."""
        return self.sampling.seed or 0

    @property
    def places(self) -> tuple[PolicyPlace, PolicyPlace]:
        """Of both policies."""
        return self.first, self.second


@dataclass(frozen=True)
class OpenedComparison:
    """What a run works with: the policies and their names, the judges, the prompts as read, as records, and what gave none."""

    policies: tuple[OpenedPolicy, OpenedPolicy]
    names: tuple[str, str]
    judges: Mapping[str, OpenedModel]
    loaded: Loaded
    prompts: list[Prompt]
    left_out: Mapping[str, int]

    @property
    def digest(self) -> str:
        """Of the prompts, with their number."""
        return prompts_digest(self.prompts)

    @property
    def read(self) -> list[Loaded]:
        """All data that was read."""
        return [self.loaded, *(each.given.loaded for each in self.policies if each.given is not None)]


def open_comparison(run: CompareRun, step: Step) -> OpenedComparison:
    """All that a run needs.

    Raises:
        PlumblineError: something of it cannot be opened or read, does not judge what it is asked, or answers nothing.
    """
    judges = open_judges(run.judges)
    step("reading the prompts")
    loaded, prompts, left_out = _prompts(run)
    first, second = (open_policy(place, name) for place, name in zip(run.places, "AB", strict=True))
    for policy in (first, second):
        if policy.given is not None:  # none in common is told before the other is asked
            answers_given(policy, policy.given, prompts, run.replies)
    return OpenedComparison((first, second), names_apart(first, second), judges, loaded, prompts, left_out)


def _prompts(run: CompareRun) -> tuple[Loaded, list[Prompt], dict[str, int]]:
    """The prompts of a source, each as often as it stands there; of a source without any, what its rows reply to, once each.

    The third are records of the latter that gave none, by why; of other kinds, by kind.
    """
    loaded = load_prompts(run.prompts, **run.load_options)
    if len(loaded.prompts):
        require_use(loaded.prompts, Use.ANALYSIS, place=run.prompts, override=run.override_uses)
        return loaded, [each for each in records_from_table(loaded.prompts) if isinstance(each, Prompt)], {}
    taken = read_asked_prompts(run.prompts, run.load_options, Use.ANALYSIS, override_uses=run.override_uses)
    left_out = {"repeated": taken.repeated, "waiting_for_none": taken.waiting_for_none, **taken.passed_over}
    return taken.loaded, taken.prompts, {why: count for why, count in left_out.items() if count}
