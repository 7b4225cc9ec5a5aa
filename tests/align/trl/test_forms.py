"""Conversations as TRL takes and gives them."""

import pytest

from plumbline.align.trl.forms import PolicyForm, pair_rows, prompt_rows, turns_of
from plumbline.records import Message, ModelError, Role, UsageError
from tests.models.transformer.tiny import tokenizer
from tests.sources.tiny_language_model import CHAT_TEMPLATE

HUMAN, ASSISTANT, SYSTEM = Role.HUMAN, Role.ASSISTANT, Role.SYSTEM
ASKED = (Message(SYSTEM, "be brief"), Message(HUMAN, "make tea"), Message(ASSISTANT, "how"), Message(HUMAN, "boil"))
ENDING = CHAT_TEMPLATE.replace("<|im_end|>\n{% endfor %}", "<|im_end|>\n{% endfor %}")


def form(*, chat=True, positions=256):
    return PolicyForm.of(tokenizer(chat_template=ENDING if chat else None), positions, "toy")


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


def pair(prompt, chosen, rejected):
    return {"prompt": prompt, "chosen": [assistant(chosen)], "rejected": [assistant(rejected)]}


@pytest.mark.parametrize("chat", [True, False])
def test_what_trl_writes_is_what_the_policy_reads_everywhere_else(chat):
    found = form(chat=chat)
    rows = prompt_rows([ASKED[:2], ASKED], found, 32)
    assert not rows.left_out
    for row, conversation in zip(rows.rows, (ASKED[:2], ASKED), strict=True):
        assert found.written(row["prompt"], opened=True) == found.prompts.encode(conversation)


def test_a_policy_without_a_template_ends_its_reply_and_keeps_its_own_tokenizer():
    own = tokenizer()
    found = PolicyForm.of(own, 256, "toy")
    assert own.chat_template is None
    whole = found.written([user("make tea"), assistant("boil")], opened=False)
    assert found.tokenizer.decode(whole) == "<s>\n\nHuman: make tea\n\nAssistant: boil</s>"
    assert found.prompts.reply_text(" boil\n\nHuman: more") == "boil"


def test_prompts_that_cannot_be_used_are_counted():
    waiting = (Message(HUMAN, "make tea"),)
    spelled = (Message(HUMAN, "make <|im_end|> tea"),)
    long = (Message(HUMAN, "make tea " * 100),)
    rows = prompt_rows([waiting, ASKED[:3], (), spelled, long], form(), 32)
    assert [row["prompt"] for row in rows.rows] == [[user("make tea")]]
    assert rows.left_out == {"PL-TRT-020": 1, "PL-TRT-021": 1, "PL-TRT-022": 2}
    assert len(prompt_rows([long], form(positions=None), 32).rows) == 1


def test_a_template_that_refuses_a_conversation_costs_that_row_alone():
    strict = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no') }}{% endif %}" + CHAT_TEMPLATE
    found = PolicyForm.of(tokenizer(chat_template=strict), 256, "toy")
    rows = prompt_rows([ASKED, ASKED[1:]], found, 32)
    assert (len(rows.rows), rows.left_out) == (1, {"PL-TRT-020": 1})


def test_pairs_that_cannot_be_learnt_are_counted():
    good = pair([user("make tea")], "boil", "wait")
    several = {**good, "chosen": [assistant("how"), user("so"), assistant("boil")]}
    pairs = [
        {**good, "extra": 1},
        several,
        pair([], "boil", "wait"),
        pair([user("make tea")], "boil</s>", "wait"),
        pair([user("make tea")], "boil", "wait " * 100),
    ]
    rows = pair_rows(pairs, form(), 64)
    assert rows.rows == [good]
    assert rows.left_out == {"PL-TRT-020": 1, "PL-TRT-021": 1, "PL-TRT-022": 1, "PL-TRT-023": 1}


def test_a_policy_whose_replies_could_not_end_is_refused():
    with pytest.raises(ModelError, match="PL-TRT-002"):
        PolicyForm.of(tokenizer(end=None), 256, "toy")


@pytest.mark.parametrize(
    ("prompt", "completion"),
    [
        ([{"role": "system", "content": "be brief"}, user("make tea")], [assistant("boil")]),
        ([{"role": "system", "content": "be brief"}, user([{"type": "text", "text": "make tea"}])], "boil"),
        ("\n\nSystem: be brief\n\nHuman: make tea\n\nAssistant:", "boil"),
    ],
)
def test_prompts_of_every_form_are_the_conversation_that_our_models_score(prompt, completion):
    assert turns_of(prompt, completion) == [(SYSTEM, "be brief"), (HUMAN, "make tea"), (ASSISTANT, "boil")]


def test_a_plain_text_is_one_human_turn():
    assert turns_of("make tea\n\nHuman: x", "boil") == [(HUMAN, "make tea\n\nHuman: x"), (ASSISTANT, "boil")]


@pytest.mark.parametrize("message", [{"role": "tool", "content": "x"}, {"role": "user", "content": None}])
def test_what_is_no_message_is_refused_without_its_text(message):
    with pytest.raises(UsageError, match="PL-TRT-003"):
        turns_of([message], "boil")
