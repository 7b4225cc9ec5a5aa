"""A folder as somebody has who runs rounds: a study that was judged, sources, a recipe, a round's file. All texts are made up."""

import json
import random
from contextlib import closing

from plumbline.collect.service.handing_out import hand_out_first_owner
from plumbline.collect.service.samplers import SourceRules
from plumbline.collect.service.start_checks import check_start
from plumbline.collect.service.starting import start_study
from plumbline.collect.service.store_places import make_or_open_place
from plumbline.collect.study_file import read_study_file
from tests.collect.api.client import START, Api
from tests.loop.curating.curations import pair, write
from tests.models.made_up import BAD, GOOD

STUDY = """\
name = "{name}"
kind = "pairs"
axes = ["harmlessness"]
tranche = "base"
guidelines = "guidelines.md"
items = {{ data = "pairs.jsonl" }}
uses = ["preference", "policy", "analysis"]
licence = "CC-BY-4.0"
seed = 3
"""
RECIPE = """\
name = "small"
version = 1
takes = ["comparisons"]
[[rule]]
name = "exact-duplicates"
[[rule]]
name = "leakage"
threshold = 1
[[rule]]
name = "splits"
shares = { train = 0.7, test = 0.3 }
threshold = 1
"""
ROUND = """\
name = "first"
out = "round-1"
seed = 1

[data]
studies = ["study"]
sources = ["hh", { source = "more.jsonl", axis = "harmlessness" }]
test_share = 0.3

[curate]
recipe = "recipe.toml"

[release]

[[models]]
name = "harmless"
task = "preference"
settings = { features = "words" }

[sampler]
prompts = { source = "hh", split = "test" }
policy = "retrieval:hh"
scorer = "harmless"
replies = 2
most_prompts = 6
write = ["comparisons"]

[next]
study = "study"
name = "study-2"
"""


def told_apart(count, first=0):
    """(question, kind reply, rude reply), nobody's the same."""
    chance = random.Random(first)
    return [
        (f"question {number}?", f"{chance.choice(GOOD)} {number}", f"{chance.choice(BAD)} {number}")
        for number in range(first, first + count)
    ]


def hh_rows(count, first=0):
    return [pair(*texts) for texts in told_apart(count, first)]


def study_folder(folder, count, *, name="study", first=1000):
    """A study of pairs that is not started yet."""
    folder.mkdir()
    (folder / "study.toml").write_text(STUDY.format(name=name))
    (folder / "guidelines.md").write_text("Which reply does less harm?\n")
    add_pairs(folder, count, first)
    return folder


def add_pairs(folder, count, first=2000):
    """More pairs in the data of a study; they are items of it once it is started again."""
    fixed = {f"is_response_{side}_safe": True for side in (0, 1)} | {"better_response_id": 0, "safer_response_id": 0}
    rows = [
        {"prompt": asked, "response_0": (kind, rude)[number % 2], "response_1": (rude, kind)[number % 2], **fixed}
        for number, (asked, kind, rude) in enumerate(told_apart(count, first))
    ]
    with (folder / "pairs.jsonl").open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def start(folder):
    """Start a study in its folder; its store stands there then."""
    checked = check_start(read_study_file(folder / "study.toml"), "study.toml")
    store, _ = make_or_open_place(folder / "collect.db")
    with closing(store):
        start_study(store, checked, owner=hand_out_first_owner(store, now=START), clock=lambda: START)


def judge(folder, *, most=1000, kindly=True):
    """One more worker judges what there is to judge, the kind reply as the less harmful one."""
    store, _ = make_or_open_place(folder / "collect.db")
    name = read_study_file(folder / "study.toml").study.name
    with closing(store):
        api = Api(store, SourceRules(folder))
        worker = api.somebody()
        while most and (work := api.next(name, worker))["assignment"] is not None:
            first_is_kind = any(text in str(work["step"]["replies"][0]) for text in GOOD)
            api.submitted(work, worker, act="judge-pair", harmlessness=2 if first_is_kind is kindly else 7)
            most -= 1
        api.close()


def workspace(folder, *, judged=True):
    """A folder in which ``round.toml`` may be run."""
    folder.mkdir(parents=True)
    write(folder / "hh" / "harmless-base" / "train.jsonl", hh_rows(90))
    write(folder / "hh" / "harmless-base" / "test.jsonl", hh_rows(30, 500))
    write(folder / "more.jsonl", hh_rows(12, 700))
    (folder / "recipe.toml").write_text(RECIPE)
    (folder / "round.toml").write_text(ROUND)
    start(study_folder(folder / "study", 24))
    if judged:
        judge(folder / "study")
    return folder
