"""Which prompts a held-out model looks at; made-up prompts."""

from plumbline.loop.ppo_lag_opening import held_out_prompts
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
