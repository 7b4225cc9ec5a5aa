"""The whole loop on made-up data: an app that serves studies, simulated workers, two rounds, and figures beside the known truth.

    a world ─► studies ─► app ◄─ simulated workers
                 ▲         │ export, curate, release, train, measure, best of n
                 └─────────┴── next study: the better sampler        twice; then samplers side by side ─► loop.json, report.html

Every judgement comes over the HTTP API, every stage is the one that users run. All of it is synthetic, and says so.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from plumbline.collect.export import write_export
from plumbline.collect.service.collecting import utc_now
from plumbline.collect.service.store_places import open_place
from plumbline.formats import PARQUET
from plumbline.lineage import Manifest, StatedTerms, write_aside, write_error, write_folder_aside
from plumbline.loop.demo import starting
from plumbline.loop.demo.extras import require_extras
from plumbline.loop.demo.judging import Session, judge_studies, new_tokens
from plumbline.loop.demo.loop_figures import LoopFigures
from plumbline.loop.demo.output import (
    CORPUS,
    LOG,
    LOOP,
    REPORT,
    ROUNDS,
    SAMPLERS_EXPORT,
    STORE,
    TRUTH,
    claim_output,
    clear_parts,
    held_demo,
    refuse_output,
    write_loop_manifest,
)
from plumbline.loop.demo.servers import running_server
from plumbline.loop.demo.timing import timed
from plumbline.loop.demo.truth import Judged, sampled_tasks
from plumbline.loop.demo.workers import made_up_workers
from plumbline.loop.reply_scorer import open_reply_scorer
from plumbline.loop.rounds.opened_round import open_round
from plumbline.loop.rounds.round_run import run_round
from plumbline.loop.synthetic.corpus import write_synthetic_corpus
from plumbline.loop.synthetic.world import World, make_world, write_truth

_FIRST_STUDIES = (starting.HELPFULNESS, starting.HARM, starting.LABELS)
_STORE_VARIABLE = "PLUMBLINE_STORE"

Say = Callable[[str], None]
"""Told what begins, and how far it is."""


@dataclass(frozen=True)
class WorldSize:
    """How much is made up and judged.

    Attributes:
        tasks, wishes: prompts of the studies; half of the wishes come in with the second round.
        unseen: prompts of each that no study asks, to measure on.
        replies: to a task.
        workers: simulated ones.
    """

    tasks: int = 120
    wishes: int = 160
    unseen: int = 100
    replies: int = 8
    workers: int = 4


@dataclass(frozen=True)
class LoopResult:
    """What the demo left.

    Attributes:
        report: the page to open.
        figures: what ``loop.json`` holds.
        notes: what the rounds told, each once.
        seconds: by stage.
    """

    report: Path
    figures: LoopFigures
    notes: tuple[str, ...]
    seconds: dict[str, float]


def run_whole_loop(
    out: Path, *, seed: int, created: str, size: WorldSize | None = None, say: Say = lambda _: None
) -> LoopResult:
    """Run the whole loop.

    Args:
        out: everything is written here; an earlier demo's is replaced.
        seed: of the world, and of what simulated workers draw; which of them meets which item depends on who comes first.
        created: the moment shown in the report.
        size: of the world; a smaller one is quicker and tells less.
        say: told what begins.
    Raises:
        UsageError: something else stands at the output.
        MissingExtraError: an extra that it needs is not installed.
        DemoError: a server ended, or refused what a worker asked.
        PlumblineError: a stage cannot be done.
    """
    require_extras()
    size = size or WorldSize()
    world = make_world(seed, tasks=size.tasks, wishes=size.wishes, unseen=size.unseen, replies=size.replies)
    stages = _Stages(out, seed, world, size.workers, say)
    refuse_output(out, None)
    with held_demo(out), _store_named(out / STORE):
        claim_output(out, seed)
        clear_parts(out)
        stages.make_data()
        stages.judge(_FIRST_STUDIES)
        stages.run_round(ROUNDS[0])
        starting.write_wishes(world.wishes, out)
        stages.judge((starting.HARM, starting.LABELS, starting.ONLINE))
        stages.run_round(ROUNDS[1])
        stages.hold_samplers_side_by_side()
        return stages.close(created)


@contextmanager
def _store_named(store: Path) -> Iterator[None]:
    """The rounds' files name the store by an environment variable, as a team's files would."""
    before = os.environ.get(_STORE_VARIABLE)
    os.environ[_STORE_VARIABLE] = str(store.resolve())
    try:
        yield
    finally:
        os.environ.pop(_STORE_VARIABLE)
        if before is not None:
            os.environ[_STORE_VARIABLE] = before


@dataclass
class _Stages:
    """The stages of one run, and what they know of each other."""

    out: Path
    seed: int
    world: World
    worker_count: int
    say: Say
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.workers = made_up_workers(self.worker_count, self.seed)
        self.figures = LoopFigures.of(self.world, self.workers, self.seed)
        self.sessions: list[Session] = []
        self._owner_token: str | None = None

    @contextmanager
    def _stage(self, name: str, said: str) -> Iterator[None]:
        self.say(said)
        with timed(self.seconds, name):
            yield

    def make_data(self) -> None:
        """The corpus that the documented commands read, and the world."""
        with self._stage("data", "data: a small synthetic corpus, and a made-up world for studies"):
            with write_folder_aside(self.out / CORPUS, "data") as aside:
                write_synthetic_corpus(aside, seed=self.seed)
                Manifest(holds="data", command=["demo"], configuration={}, seed=self.seed, inputs=[], uses=None, licence=None).write(aside)  # fmt: skip
            try:
                starting.write_files(self.world, self.out)
                write_truth(self.world, self.out / TRUTH)
            except OSError as error:
                raise write_error(self.out, error) from error

    def judge(self, folders: Sequence[str]) -> None:
        """Start studies, or enter what is new in their data, serve them, and let the simulated workers judge all there is."""
        names = [starting.study_name(self.out, folder) for folder in folders]
        with self._stage("app and workers", f"app: simulated workers judge {', '.join(names)}"):
            token = starting.start_studies(self.out, folders)
            self._owner_token = self._owner_token or token
            words = ["collect", "serve", *(str(self.out / folder) for folder in folders)]
            words += ["--store", str(self.out / STORE), "--port", "0", "--no-access-log"]
            with running_server(words, self.out / LOG, ready="its API: ") as server:
                if not self.sessions and self._owner_token is not None:
                    tokens = new_tokens(server.address, self._owner_token, len(self.workers))
                    self.sessions = [Session(*each) for each in zip(self.workers, tokens, strict=True)]
                done = judge_studies(
                    server.address,
                    self.sessions,
                    names,
                    self.world,
                    seed=f"{self.seed}/{' '.join(names)}",
                    told=self._told,
                )
        self.figures.add_judgements(done)

    def _told(self, done: int) -> None:
        if done % 25 == 0:
            self.say(f"simulated workers: {done:,} judgements")

    def run_round(self, name: str) -> None:
        """What ``plumbline loop`` does with the round's file."""
        with self._stage(name, name):
            result = run_round(
                open_round(self.out / f"{name}.toml"), command=["demo"], say=lambda what: self.say(f"{name}: {what}")
            )
            self.notes += [f"{name}: {note}".replace(f"{self.out}/", "") for note in result.notes]
            self.notes += [
                f"{name}: not read: {count:,} rows or records, {code}" for code, count in result.unread.items()
            ]
            self.figures.add_round(name, self.out / name, result.models)

    def hold_samplers_side_by_side(self) -> None:
        """What the samplers of the rounds reply to tasks that no study asked, judged blind by the workers."""
        with self._stage("samplers", "samplers: what they reply to tasks that no study asked"):
            scorers = {name: open_reply_scorer(self.out / name / "models" / "helpful") for name in ROUNDS}
            sampled = sampled_tasks(self.world, scorers)
        pairs = [pair for task in sampled for pair in task.pairs()]
        if not pairs:  # in a very small world both rounds may choose what comes first
            return
        starting.write_sampler_pairs(pairs, self.out)
        self.judge((starting.SAMPLERS,))
        with self._stage("samplers", "samplers: figures"):
            self._export(starting.SAMPLERS, self.out / SAMPLERS_EXPORT)
            self.figures.add_samplers(sampled, Judged.of(self.out / SAMPLERS_EXPORT))

    def _export(self, folder: str, to: Path) -> None:
        with closing(open_place(self.out / STORE, connections=1)) as store:
            write_export(
                store,
                starting.study_name(self.out, folder),
                to,
                PARQUET,
                stated=StatedTerms(),
                now=utc_now(),
                command=["demo"],
            )

    def close(self, created: str) -> LoopResult:
        """The figures, the page, the manifest."""
        from plumbline.report.loop_page import write_loop_page

        notes = list(dict.fromkeys(self.notes))
        with self._stage("report", "report: drawing"):
            found = self.figures.to_json(self.seconds) | {"notes": notes}
            with write_aside(self.out / LOOP) as aside:
                aside.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            write_loop_page(found, self.out / REPORT, created=created)
        write_loop_manifest(self.out, self.seed, self.seconds)
        return LoopResult(self.out / REPORT, self.figures, tuple(notes), self.seconds)
