"""Made-up prompts, replies and scorers, for what is chosen among them."""

import numpy as np

from plumbline.align.best_of_n.candidates import Candidates, CandidateScores
from plumbline.models.scored_model import Scores
from plumbline.records import Message, Prompt, Role
from plumbline.sources.asking import Failed
from plumbline.sources.reply_journal import KeptReply
from tests.align.made_up_judges import Head


def prompt(number):
    return Prompt(
        id=f"p{number}",
        group_id=f"g{number}",
        conversation=(Message(Role.HUMAN, f"question {number}?"),),
        source="made-up/prompts.jsonl",
        row=number,
    )


def reply(text, number=0, finish="stop", snapshot="v1"):
    return KeptReply(number=number, text=text, model="m", snapshot=snapshot, seed=number, finish=finish, seconds=0.1)


def asked(*rows):
    """Replies by their texts; None is one that did not come."""
    return [
        [Failed("PL-REP-022") if text is None else reply(text, number) for number, text in enumerate(row)]
        for row in rows
    ]


def scores(*rows, code="PL-SCO-005"):
    values = np.array(rows, np.float64)
    return CandidateScores(values, [[None if np.isfinite(each) else code for each in row] for row in values])


def candidates(scored, judged=None, texts=None):
    count, replies = scored.values.shape
    texts = texts or [[f"reply {row} {column}" for column in range(replies)] for row in range(count)]
    return Candidates([prompt(number) for number in range(count)], asked(*texts), scored, judged)


class ByLength:
    """Scores a reply by its length, and counts what it reads; says whatever it is told of some texts."""

    axis = None

    def __init__(self, task="preference", says=None, raises=(), partly=()):
        self.task, self.says, self.raises, self.partly = task, says or {}, set(raises), set(partly)
        self.heads = {"main": Head()}
        self.calls, self.read = [], []

    def read_groups(self, groups, *, advance=None):
        assert advance is None
        texts = [turns[-1][1] for group in groups for turns in group]
        self.calls.append([len(group) for group in groups])
        if self.raises & set(texts):
            raise RuntimeError(f"cannot read {texts}")
        self.read += texts
        heads = np.array([[self.says.get(text, float(len(text))), 99.0] for text in texts])
        return Scores(heads, truncated=np.array([text in self.partly for text in texts]))
