"""What a run of TRL is asked, and all that it needs, opened: policy, rows, models that judge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from plumbline.align.lagrangian import LagrangianSettings
from plumbline.align.trl.settings import Method, parse_settings
from plumbline.lineage import json_digest
from plumbline.loop.aligning.policy_training import Origin, Unfinished, given, origin_of
from plumbline.loop.opened_models import OpenedModel, open_model_of
from plumbline.loop.sources import Step, is_synthetic
from plumbline.models.scored_model import Task
from plumbline.records import NoDataError
from plumbline.sources.causal_model import snapshot_files, snapshot_name

if TYPE_CHECKING:
    from plumbline.align.trl.config import TrlSettings
    from plumbline.align.trl.training import Policy
    from plumbline.loop.aligning.trl_data import TrlData

_TASKS: dict[str, tuple[Task, ...]] = {"reward": ("preference",), "cost": ("cost", "moderation")}


@dataclass(frozen=True)
class TrlRun:
    """What to train by what, on what, and where to put it.

    Attributes:
        method: dpo, grpo or rloo.
        source: comparisons, of DPO; else prompts.
        policy: a folder or a hub id.
        out: the output folder.
        reward: the folder of a preference model; None of DPO.
        cost: the folder of a cost or moderation model; None for none.
        lagrangian: how λ moves; only with a cost.
        on: axis of the comparisons, where there are several.
        settings: of `TrlSettings` by name; None takes the default.
        further: TRL's own, as NAME=VALUE.
        unfinished: what to do with an earlier run's folder.
        override_uses: go on though the terms do not permit it.
        load_options: of `formats.load`.
        command: for the manifest.
    """

    method: Method
    source: str
    policy: str
    out: Path
    reward: Path | None = None
    cost: Path | None = None
    lagrangian: LagrangianSettings = field(default_factory=LagrangianSettings)
    on: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    further: tuple[str, ...] = ()
    unfinished: Unfinished = field(default_factory=Unfinished)
    override_uses: bool = False
    load_options: Mapping[str, Any] = field(default_factory=dict)
    command: tuple[str, ...] = ()


@dataclass(frozen=True)
class OpenedTrl:
    """What a run works with.

    Attributes:
        judges: by what they say: reward, cost.
        origin: what is known of the policy.
    """

    settings: TrlSettings
    policy: Policy
    data: TrlData
    judges: Mapping[str, OpenedModel]
    origin: Origin

    @property
    def is_synthetic(self) -> bool:
        """Whether data, or what a model was trained on, were made up by a program."""
        judged = any(each.description.synthetic for each in self.judges.values())
        return is_synthetic(self.data.loaded) or judged or self.origin.is_synthetic


def open_trl(run: TrlRun, work: Path, step: Step) -> OpenedTrl:
    """All that a run needs; what can be wrong with it is told before anything is trained, and data before models are loaded.

    Raises:
        PlumblineError: the data, the models or the settings do not allow it.
    """
    from plumbline.align.trl.config import TrlSettings, trl_config
    from plumbline.align.trl.training import open_policy
    from plumbline.loop.aligning.trl_data import read_pairs, read_prompts

    settings = TrlSettings(run.method, **given(run.settings), further=parse_settings(run.method, run.further))
    policy = open_policy(run.policy)
    how: dict[str, Any] = {"options": run.load_options, "override_uses": run.override_uses, "step": step}
    if run.method == "dpo":
        data = read_pairs(run.source, policy.form, settings.most_tokens, on=run.on, **how)
    else:
        data = read_prompts(run.source, policy.form, settings.reply_tokens, **how)
    with _set_aside_told(data):
        trl_config(settings, work, len(data.rows))  # also takes this process to its device, before models come there
    step("loading models")
    folders = {"reward": run.reward, "cost": run.cost}
    judges = {
        name: open_model_of(f"--{name}", folder, _TASKS[name]) for name, folder in folders.items() if folder is not None
    }
    if judges:
        data = _judged_whole(data, judges, settings)
    files = snapshot_files(policy.folder)
    return OpenedTrl(settings, policy, data, judges, origin_of(str(policy.folder), snapshot_name(files), files))


def _judged_whole(data: TrlData, judges: Mapping[str, OpenedModel], settings: TrlSettings) -> TrlData:
    """The prompts whose replies the judges can read whole: a score of a part is no judgement."""
    from plumbline.align.trl.config import require_rows
    from plumbline.align.trl.forms import rows_judged_whole

    found = rows_judged_whole(data.rows, [each.model for each in judges.values()], settings.reply_tokens)
    judged = replace(data, rows=found.rows, set_aside={**data.set_aside, **found.left_out})
    with _set_aside_told(judged):
        require_rows(settings, len(judged.rows))
    return judged


@contextmanager
def _set_aside_told(data: TrlData) -> Iterator[None]:
    """Let an error that there are too few rows say what became of the others."""
    try:
        yield
    except NoDataError as error:
        others = ", ".join(f"{count:,} × {name}" for name, count in data.set_aside.items())
        error.found = f"{error.found}; set aside: {others}" if others else error.found
        raise error.retold(lambda text: text) from None


def identity_of(run: TrlRun, opened: OpenedTrl) -> dict[str, JsonValue]:
    """What a run must agree in to go on."""
    data = opened.data
    return {
        "settings": opened.settings.to_json(),
        "policy": json_digest({entry.path.rpartition("/")[2]: entry.sha256 for entry in opened.origin.files}),
        "rows": f"{len(data.rows):,}, sha256:{json_digest(data.rows)[:16]}",
        "lagrangian": asdict(run.lagrangian) if run.cost is not None else None,
        **{name: each.digest for name, each in opened.judges.items()},
    }
