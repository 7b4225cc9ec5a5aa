"""What a run that teaches a policy is asked, and all that it needs, opened: replies, and the model that learns them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbline.lineage import Use, json_digest
from plumbline.loop.aligning.policy_training import NOTHING, Origin, Unfinished, given, origin_of
from plumbline.loop.aligning.taught_replies import taught_replies
from plumbline.loop.sources import Step, is_synthetic, known_axis, load_stage, own_terms_told
from plumbline.records import Conversation
from plumbline.records.identity import group_id

if TYPE_CHECKING:
    from plumbline.align.demonstrations import Demonstration, Demonstrations
    from plumbline.align.supervised import SupervisedSettings
    from plumbline.formats import Loaded
    from plumbline.models.transformer.training.run_identity import RunIdentity
    from plumbline.sources.causal_model import CausalModel

NEW = "new"
_HELD_OUT_OF = 20
"""One prompt in so many is not learnt from, to see what was learnt."""


@dataclass(frozen=True)
class SupervisedRun:
    """What to teach whom, and where to put it.

    Attributes:
        source: a file, a folder or a hub id; its split train, or all of a single file.
        model: who learns: ``new`` for one made from nothing, else a folder or a hub id.
        out: the policy's folder.
        replies, on: which, see `taught_replies`; the axis by its name.
        settings: of `SupervisedSettings` by name; None takes the default.
        new_model: of `NewModelSettings` by name; None takes the default.
        lora: rank of adapters; None trains every weight.
        most_tokens: of a conversation with its reply; None for the model's positions.
        unfinished: what to do with an earlier run's folder.
        override_uses: go on though the source does not permit supervised training.
        load_options: of `formats.load`.
        command: for the manifest.
    """

    source: str
    model: str
    out: Path
    replies: str | None
    on: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    new_model: Mapping[str, Any] = field(default_factory=dict)
    lora: int | None = None
    most_tokens: int | None = None
    unfinished: Unfinished = field(default_factory=Unfinished)
    override_uses: bool = False
    load_options: Mapping[str, Any] = field(default_factory=dict)
    command: tuple[str, ...] = ()


@dataclass(frozen=True)
class OpenedSupervised:
    """What a run works with.

    Attributes:
        policy, origin: who learns, and what is known of it.
        learnt, held_out: rows.
        left_out: what of the source is neither, by why.
    """

    settings: SupervisedSettings
    loaded: Loaded
    policy: CausalModel
    origin: Origin
    learnt: Demonstrations
    held_out: Demonstrations
    left_out: Mapping[str, int]

    @property
    def is_synthetic(self) -> bool:
        """Whether the rows, or what the policy was made of, were made up by a program."""
        return is_synthetic(self.loaded) or self.origin.is_synthetic


def open_supervised(run: SupervisedRun, step: Step) -> OpenedSupervised:
    """All that a run needs; what is wrong with any of it is told before anything is learnt.

    Raises:
        PlumblineError: the source, the model or the settings do not allow the run.
    """
    from plumbline.align.demonstrations import demonstrations
    from plumbline.align.processes import take_own_device
    from plumbline.align.supervised import SupervisedSettings

    settings = SupervisedSettings(**given(run.settings))
    with own_terms_told(run.load_options.get("stated_terms"), Use.SUPERVISED):
        loaded = load_stage([run.source], "train", run.load_options, step)
        said = taught_replies(
            loaded, run.replies, on=known_axis(run.on), place=run.source, override_uses=run.override_uses
        )
    taught, apart = parted(said.said)
    step("loading the model")
    take_own_device()
    policy, origin = _policy(run, taught)
    step("writing tokens")
    learnt, held_out = (demonstrations(part, policy, most_tokens=run.most_tokens) for part in (taught, apart))
    left_out = {
        "repeated": said.repeated,
        "no side judged better" if run.replies == "better" else "not called safe by everybody": said.not_meant,
        "longer than --max-tokens" if run.most_tokens else "too long for the model": learnt.too_long
        + held_out.too_long,
        "without a reply": learnt.without_reply + held_out.without_reply,
    }
    return OpenedSupervised(settings, loaded, policy, origin, learnt, held_out, left_out)


def identity_of(run: SupervisedRun, opened: OpenedSupervised) -> RunIdentity:
    """What a run must agree in to go on."""
    from plumbline.models.transformer.training.run_identity import RunIdentity

    settings = {name: value for name, value in asdict(opened.settings).items() if name != "checkpoint_every"}
    return RunIdentity(
        {**settings, "lora": run.lora},
        {
            "rows": _told(opened.learnt.rows),
            "held-out rows": _told(opened.held_out.rows),
            "model": opened.policy.snapshot,
        },
    )


def _told(rows: Sequence[Demonstration]) -> str:
    return f"{len(rows):,} of digest {json_digest([[row.tokens, row.prompt_length] for row in rows])}"


def parted(said: Sequence[Conversation]) -> tuple[list[Conversation], list[Conversation]]:
    """Those that are learnt, and those that are held out: by how they begin. None is held out where nothing else would be left."""
    held = [int(group_id(each)[:8], 16) % _HELD_OUT_OF == 0 for each in said]
    if all(held):
        return list(said), []
    parts = ([each for each, is_held in zip(said, held, strict=True) if is_held is wanted] for wanted in (False, True))
    learnt, apart = parts
    return learnt, apart


def _policy(run: SupervisedRun, said: Sequence[Conversation]) -> tuple[CausalModel, Origin]:
    from plumbline.align.new_model import NewModelSettings, make_new_model
    from plumbline.sources.causal_model import load_causal_model

    if run.model == NEW:
        texts = (message.text for conversation in said for message in conversation)
        return make_new_model(texts, NewModelSettings(**given(run.new_model))), NOTHING
    policy = load_causal_model(run.model, place="--model", device="cpu", whole=True)
    return policy, origin_of(run.model, policy.snapshot, policy.files)
