"""The demo's studies: their folders, filled with a made-up world, and their start in one store, as ``plumbline collect init`` starts any."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import closing
from importlib.resources import as_file, files
from pathlib import Path

from plumbline.collect.service.collecting import utc_now
from plumbline.collect.service.handing_out import hand_out_first_owner
from plumbline.collect.service.start_checks import check_start
from plumbline.collect.service.starting import start_study
from plumbline.collect.service.store_places import make_or_open_place
from plumbline.collect.study_file import read_study_file
from plumbline.loop.demo.output import ROUNDS, STORE, STUDIES
from plumbline.loop.reply_scorer import open_reply_scorer
from plumbline.loop.synthetic.world import Situation, World, write_pairs, write_prompts
from plumbline.records import Axis

HELPFULNESS, HARM, LABELS, SAMPLERS = (
    f"{STUDIES}/{name}-synthetic" for name in ("helpfulness", "harm", "labels", "samplers")
)
ONLINE = f"{ROUNDS[0]}/next"
REPLIES, _PAIRS, _PROMPTS, _FILE = "replies", "pairs", "prompts.jsonl", "study.toml"


def write_files(world: World, out: Path) -> None:
    """Write the studies' folders and the rounds' files, with what is asked in the first round: half of the wishes."""
    with as_file(files(__package__) / "files") as ours:
        shutil.copytree(ours, out, dirs_exist_ok=True)
    write_prompts(world.tasks, out / HELPFULNESS / _PROMPTS)
    write_pairs(world.tasks, Axis.HELPFULNESS, out / HELPFULNESS / REPLIES)
    write_wishes(world.wishes[: len(world.wishes) // 2], out)


def write_wishes(wishes: Sequence[Situation], out: Path) -> None:
    """The pairs that the studies of harm ask about; those that are items already stay what they are when a study is started again."""
    for study in (HARM, LABELS):
        write_pairs(wishes, Axis.HARMLESSNESS, out / study / _PAIRS)


def write_sampler_pairs(situations: Sequence[Situation], out: Path) -> None:
    """The pairs of the study that holds samplers against each other: two replies each, first and second."""
    write_pairs(situations, Axis.HELPFULNESS, out / SAMPLERS / _PAIRS)


def start_studies(out: Path, folders: Sequence[str]) -> str | None:
    """Start studies in the demo's store, which is made where it is not there; of those that are started already, enter what is new.

    Returns:
        A token of the store's owner, where the store was made now; it stands nowhere else.
    """
    token: str | None = None
    for folder in folders:
        checked = check_start(read_study_file(out / folder / _FILE), _FILE, open_scorer=open_reply_scorer)
        store, _ = make_or_open_place(out / STORE)
        with closing(store):
            owner = hand_out_first_owner(store, now=utc_now())
            token = token if owner is None else owner.token
            start_study(store, checked, owner=owner)
    return token


def study_name(out: Path, folder: str) -> str:
    """What a study is called in the store."""
    return read_study_file(out / folder / _FILE).study.name
