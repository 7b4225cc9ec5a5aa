"""Which replies a policy learns and which are held out; made-up conversations."""

from plumbline.loop.aligning.supervised_opening import parted
from plumbline.records import Message, Role


def said(opening, reply):
    return (Message(Role.HUMAN, opening), Message(Role.ASSISTANT, reply))


def test_replies_to_one_prompt_are_on_one_side_and_something_is_always_learnt():
    conversations = [said(f"question {number // 2}", f"reply {number}") for number in range(400)]
    learnt, apart = parted(conversations)
    assert {*learnt, *apart} == set(conversations)
    assert len(learnt) + len(apart) == 400
    assert 5 <= len(apart) <= 40
    assert not {each[0] for each in learnt} & {each[0] for each in apart}
    alone = [each for each in apart if each[0] == apart[0][0]]
    assert parted(alone) == (alone, []), "what would all be held out is learnt"
