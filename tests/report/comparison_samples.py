"""A made-up comparison for pages: uneven categories, missing and unjudged replies, names that would do harm unescaped."""

from plumbline.align.comparing.judging import Panel
from plumbline.align.comparing.policy_comparison import Answer, Answers, compare_answers
from plumbline.lineage import FileEntry, Terms, Use
from plumbline.measure import Bootstrap
from plumbline.records import Axis
from plumbline.report import ComparedSources
from tests.align.made_up_judges import Judge, prompt

HOSTILE = '<img src=x onerror="alert(1)">\u202e'
NAMES = (f"new {HOSTILE}", "old")
JUDGES = {
    role: {"name": f"{role} {HOSTILE}", "task": "preference", "axis": None, "calibrated": True, "trained_on": told}
    for role, told in (
        ("helpfulness", None),
        ("safety", {"prompts": 1, "of_prompts": 9, "replies": 0, "of_replies": 12}),
    )
}
SOURCES = ComparedSources(
    NAMES,
    (f"retrieval:{HOSTILE}", "replies.jsonl"),
    JUDGES,
    (FileEntry(path="prompts.csv", sha256="0" * 64, size_bytes=1, rows=9),),
    ("the judges are models", "the judge of safety was TRAINED on 1 of these prompts"),
    {"PL-PRM-002": 1},
    Terms(frozenset({Use.ANALYSIS}), "MIT"),
    synthetic=True,
)


def made_up_prompts():
    """Sixty of one category, three of another, one of both, one of none; one text that would do harm unescaped."""
    named = [("many",)] * 60 + [(HOSTILE, "few")] + [("few",)] * 3 + [()]
    return [prompt(at, *names, text=HOSTILE if at == 60 else None) for at, names in enumerate(named)]


def made_up_comparison(*, safety=True):
    """A comparison of sixty-five prompts."""
    prompts = made_up_prompts()
    first = [Answer(str(at % 7 - 3)) for at in range(65)]
    second = [Answer(str(at % 5 - 2), is_cut=at == 5) for at in range(65)]
    first[3] = second[3] = second[63] = Answer(None, "PL-REP-017")
    first[8] = Answer("nan")
    cost = Judge("cost", None)
    panel = Panel({Axis.HELPFULNESS: Judge(), Axis.HARMLESSNESS: cost}, Judge("cost", None) if safety else None)
    compared, _ = compare_answers(Answers(prompts, 1, first, second), panel, Bootstrap(0, 100), margin=0.05)
    return compared
