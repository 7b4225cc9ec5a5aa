"""Texts of study files that are right but for what a test is about, and what is told of them."""

import pytest

from plumbline.collect.study_file import parse_study_file
from plumbline.collect.study_problems import StudyFileError

WHOLE = {
    "preference-chat": 'axes = ["harmlessness"]\nitems = "workers"',
    "red-team-chat": 'warning = "w"\nitems = "workers"',
    "safety-labels": 'items = "x.jsonl"',
    "two-axis-ranking": 'items = "x.jsonl"',
    "pairs": 'axes = ["harmlessness"]\nitems = "x.jsonl"',
}


REPLIES = '[replies]\nsampler = "two-samples"\nsources = ["retrieval:x"]\n'


def text_of(kind, /, settings="", replies=None, **changes):
    """A study file that is right but for `settings` and `changes`; a change to None leaves the key out."""
    lines = {"name": '"s"', "kind": f'"{kind}"', "tranche": '"base"', "guidelines": '"g.md"', **changes}
    head = "\n".join(f"{name} = {value}" for name, value in lines.items() if value is not None)
    tables = REPLIES if kind.endswith("chat") else ""
    return f"{head}\n{WHOLE[kind]}\n{settings}\n{tables if replies is None else replies}"


def problems_of(text):
    with pytest.raises(StudyFileError) as refused:
        parse_study_file(text)
    return refused.value.problems


def only_problem(text):
    problems = problems_of(text)
    assert len(problems) == 1, [problem.problem for problem in problems]
    return problems[0]
