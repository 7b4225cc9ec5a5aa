"""Which prompts are trained on, which a held-out model looks at, what a run is known by; made-up prompts."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from plumbline.align import judge_room
from plumbline.align.lagrangian import LagrangianSettings
from plumbline.align.ppo.ppo_lag import PpoSettings
from plumbline.align.ppo.run import RunSettings
from plumbline.align.rollouts import RolloutSettings
from plumbline.loop.aligning import ppo_lag_opening
from plumbline.loop.aligning.ppo_lag_opening import (
    FittingPrompts,
    OpenedPpoLag,
    PpoLagRun,
    Settings,
    _fitting,
    _pretraining,
    held_out_prompts,
    identity_of,
)
from plumbline.records import Message, Role, conversation_column, prompt_table, records_from_table


def prompts(*openings):
    """Prompts, of which some begin alike."""
    roles = (Role.HUMAN, Role.ASSISTANT, Role.HUMAN)
    said = [tuple(map(Message, roles, (opening, "yes", f"and {row}"))) for row, opening in enumerate(openings)]
    columns = {"source": "made up", "row": list(range(len(said)))}
    return list(records_from_table(prompt_table(conversation_column(said), columns)))


def test_prompts_that_begin_alike_stay_together_and_half_are_left_to_learn_from():
    asked = prompts(*[f"question {number // 3}" for number in range(30)])
    found = held_out_prompts(asked, 64)
    assert 0 < len(found) <= 15
    held = {asked[number].group_id for number in found}
    assert not held & {prompt.group_id for number, prompt in enumerate(asked) if number not in found}
    assert len(held_out_prompts(asked, 4)) == 3, "no part of a second group"
    assert held_out_prompts(asked[:3], 2) == set(), "one group cannot be parted"


RUN = PpoLagRun("a source", "a policy", Path("reward"), Path("cost"), Path("out"))


def test_prompts_that_leave_a_judge_no_room_are_left_out(monkeypatch):
    monkeypatch.setattr(
        judge_room, "leave_room", lambda _judges, said, _tokens: [len(said) - 1 != n for n in range(len(said))]
    )
    policy = SimpleNamespace(positions=None, prompts=SimpleNamespace(encode=lambda _conversation: [1, 2]))
    asked = prompts("one", "two", "three")
    found = _fitting(RUN, asked, policy, [], RolloutSettings(4))
    assert [prompt for prompt, _ in found] == asked[:2]


def test_a_run_by_another_judge_is_another_run():
    def identity(**digests):
        """Of a run by judges with these digests."""
        settings = Settings(PpoSettings(), LagrangianSettings(), RolloutSettings(), RunSettings())
        judges = {name: SimpleNamespace(digest=digest) for name, digest in digests.items()}
        fitting = FittingPrompts([], [[1]], [], 0)
        return identity_of(
            RUN, OpenedPpoLag(settings, None, SimpleNamespace(snapshot="s"), None, judges, fitting, None)
        )

    same = identity(reward="a", cost="b")
    assert same == identity(reward="a", cost="b")
    assert same != identity(reward="a", cost="c")
    assert same != identity(reward="c", cost="b")


def test_other_texts_are_kept_in_no_cache_either_where_the_prompts_are_not(monkeypatch):
    """All else that says how prompts are read is theirs alone."""

    class Read(Exception):
        """The texts were about to be read."""

    def load_stage(_sources, _split, options, _step):
        seen.append(options)
        raise Read

    seen = []
    monkeypatch.setattr(ppo_lag_opening, "load_stage", load_stage)
    for options in ({"cache": False, "data_dir": "of the prompts"}, {}):
        with pytest.raises(Read):
            _pretraining(replace(RUN, pretraining="texts", load_options=options), None, print)
    assert seen == [{"cache": False}, {"cache": True}]
