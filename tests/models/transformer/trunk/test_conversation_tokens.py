"""Conversations as tokens: the ids others get from the same string, what is cut, and what can never be written."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plumbline.models.transformer.settings import TokenSettings
from plumbline.models.transformer.trunk.conversation_tokens import MARKERS, ConversationEncoder
from plumbline.records import ModelError, NoDataError, Role, UsageError
from tests.models.transformer import tiny

H, A, S = Role.HUMAN, Role.ASSISTANT, Role.SYSTEM
TOKENS = tiny.tokenizer()
BOS, EOS, IM_END = 0, 1, 3


def encoder(tokens=TOKENS, positions=128, **settings):
    return ConversationEncoder(tokens, TokenSettings(**settings), positions)


def chat(**settings):
    template = settings.pop("chat_template", tiny.CHAT_TEMPLATE)
    return encoder(tiny.tokenizer(chat_template=template), **{"template": "chat", **settings})


def ids_of(turns, **settings):
    return encoder(**settings).encode([turns]).sequences[0].tolist()


def test_the_ids_are_those_of_the_whole_string_and_the_end_stands_once():
    turns = [(H, "how do I make tea?"), (A, " boil the  water ")]
    text = "\n\nHuman: how do I make tea?\n\nAssistant:  boil the  water "
    assert ids_of(turns) == [*TOKENS(text).input_ids, EOS]
    assert ids_of(turns, add_end_of_sequence=False) == TOKENS(text).input_ids
    assert ids_of([(S, "be kind"), *turns])[1:-1] == TOKENS("\n\nSystem: be kind" + text).input_ids[1:]


def test_a_tokenizer_that_ends_texts_itself_gets_no_second_end():
    from tokenizers import processors

    tokens = tiny.tokenizer()
    tokens.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    found = encoder(tokens).encode([[(H, "tea")]]).sequences[0].tolist()
    assert found.count(EOS) == 1
    assert found[-1] == EOS


def test_without_an_end_of_sequence_token_none_is_added():
    found = encoder(tiny.tokenizer(end=None)).encode([[(H, "tea")]])
    assert found.sequences[0].tolist() == TOKENS("\n\nHuman: tea").input_ids


@pytest.mark.parametrize("written", ["</s>", "<|im_end|>", "<s>", "a</s>b<|im_start|>"])
def test_people_cannot_write_control_tokens(written):
    plain = ids_of([(H, written), (A, written)])
    assert set(plain[1:-1]).isdisjoint({0, 1, 2, 3, 4})
    assert TOKENS.decode(plain[1:-1]) == f"\n\nHuman: {written}\n\nAssistant: {written}"
    in_chat = chat().encode([[(H, written), (A, written)]]).sequences[0].tolist()
    own = chat().encode([[(H, "x"), (A, "x")]]).sequences[0].tolist()
    assert [number for number in in_chat if number < 5] == [number for number in own if number < 5]
    assert TOKENS.decode([number for number in in_chat if number >= 5]).count(written) == 2
    assert encoder().description()["text_may_write_control_tokens"] is False


def test_the_tokenizer_is_left_as_it_was():
    before = TOKENS("a</s>b").input_ids
    encoder().encode([[(H, "</s>")]])
    assert TOKENS("a</s>b").input_ids == before


def test_equal_conversations_are_tokenised_once(monkeypatch):
    tokens = tiny.tokenizer()
    asked = []
    whole = type(tokens).__call__
    monkeypatch.setattr(
        type(tokens), "__call__", lambda self, text, **how: asked.extend(text) or whole(self, text, **how)
    )
    found = encoder(tokens).encode([[(H, "tea")], [(H, "milk")], [(H, "tea")]])
    assert asked == ["\n\nHuman: tea", "\n\nHuman: milk"]
    assert found.sequences[0].tolist() == found.sequences[2].tolist() != found.sequences[1].tolist()


# --- too long ---

TURNS = st.lists(st.text("ab \n</s>é", max_size=30), min_size=1, max_size=9)


@settings(max_examples=60)
@given(texts=TURNS, limit=st.integers(8, 80))
def test_the_oldest_turns_go_and_no_more_than_must(texts, limit):
    turns = [((H, A)[number % 2], text) for number, text in enumerate(texts)]
    found = encoder(max_tokens=limit).encode([turns])
    ids, dropped = found.sequences[0].tolist(), int(found.dropped_turns[0])
    free = encoder(positions=None, max_tokens=10_000)
    whole = [free.encode([turns[start:]]).sequences[0].tolist() for start in range(len(turns))]
    assert found.truncated[0] == (len(whole[0]) > limit)
    assert len(ids) <= limit
    assert ids[0] == BOS
    assert ids[-1] == EOS
    fitting = [start for start in range(len(turns)) if len(whole[start]) <= limit]
    if fitting:
        assert (dropped, ids) == (fitting[0], whole[fitting[0]])
    else:
        assert dropped == len(turns) - 1
        assert ids[1:] == whole[-1][-(limit - 1) :]


def test_what_is_cut_is_counted_by_row():
    short, long = [(H, "tea")], [(H, "x" * 40), (A, "y" * 40), (H, "z" * 10)]
    found = encoder(max_tokens=40).encode([short, long, short])
    assert found.truncated.tolist() == [False, True, False]
    assert found.dropped_turns.tolist() == [0, 2, 0]


def test_a_chat_begins_with_a_human_turn_after_cutting():
    turns = [(S, "s" * 20), (H, "a" * 30), (A, "b" * 30), (H, "c" * 5), (A, "d" * 30)]
    limited = chat(max_tokens=80, add_end_of_sequence=False)
    found = limited.encode([turns])
    assert found.dropped_turns.tolist() == [3]
    assert found.sequences[0].tolist() == limited.encode([turns[3:]]).sequences[0].tolist()
    cut = chat(max_tokens=20, add_end_of_sequence=False).encode([turns])
    assert (len(cut.sequences[0]), cut.dropped_turns.tolist()) == (20, [3])
    assert cut.sequences[0].tolist() == found.sequences[0].tolist()[-20:]


def test_how_long_a_sequence_may_be():
    assert encoder(positions=64).max_tokens == 64
    assert encoder(positions=None).max_tokens == 4096
    assert encoder(positions=100_000).max_tokens == 4096
    assert encoder(positions=100_000, max_tokens=8192).max_tokens == 8192
    assert encoder(positions=64, max_tokens=32).settings.max_tokens == 32
    with pytest.raises(UsageError) as refused:
        encoder(positions=64, max_tokens=65)
    assert refused.value.code == "PL-TOK-001"
    with pytest.raises(UsageError) as refused:
        encoder(max_tokens=7)
    assert refused.value.code == "PL-TOK-002"


# --- chat templates ---


def test_a_chat_is_what_the_template_writes():
    turns = [(S, "be kind"), (H, "tea?"), (A, "yes")]
    text = "<|im_start|>system\nbe kind<|im_end|>\n<|im_start|>user\ntea?<|im_end|>\n<|im_start|>assistant\nyes<|im_end|>\n"
    wanted = TOKENS(text, add_special_tokens=False).input_ids
    assert chat(add_end_of_sequence=False).encode([turns]).sequences[0].tolist() == wanted
    assert chat().encode([turns]).sequences[0].tolist() == [*wanted, EOS]


def test_a_template_that_ends_with_the_end_of_sequence_needs_no_second_one():
    tokens = tiny.tokenizer(end="<|im_end|>", chat_template=tiny.CHAT_TEMPLATE)
    for text in ("tea", "tea</s>"):
        found = encoder(tokens, template="chat").encode([[(H, text)]]).sequences[0].tolist()
        assert found[-1] == IM_END
        assert found.count(IM_END) == 1


def test_no_chat_template():
    with pytest.raises(ModelError) as refused:
        encoder(template="chat")
    assert refused.value.code == "PL-TOK-003"


def test_a_template_that_refuses_names_the_row_and_no_text():
    strict = "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no ' + m['content']) }}{% endif %}{{ m['content'] }}{% endfor %}"
    with pytest.raises(ModelError) as refused:
        chat(chat_template=strict).encode([[(H, "tea")], [(S, "secret"), (H, "tea")]])
    assert (refused.value.code, refused.value.place) == ("PL-TOK-004", "conversation 1")
    assert "secret" not in str(refused.value)
    assert "system, user" in refused.value.found


def test_what_a_template_would_drop_of_a_text_is_put_in():
    """As templates of reasoning models do, which show no thoughts of earlier turns."""
    thinks = tiny.CHAT_TEMPLATE.replace(
        "{{ message['content'] }}", "{{ message['content'].split('</think>')[-1].lstrip('\\n') }}"
    )
    limited = chat(chat_template=thinks)
    turns = [(H, "hi"), (A, "step 1</think>I cannot help.")]
    whole, expected = (each.encode([turns]).sequences[0].tolist() for each in (limited, chat()))
    assert TOKENS.decode(whole) == TOKENS.decode(expected)
    assert "step 1</think>I cannot help." in TOKENS.decode(whole)
    kept = [(H, "hi"), (A, "I cannot help.")]
    assert limited.encode([kept]).sequences[0].tolist() == chat().encode([kept]).sequences[0].tolist()


def test_blanks_that_a_template_strips_are_no_loss():
    strips = tiny.CHAT_TEMPLATE.replace("message['content']", "message['content'] | trim")
    bare, blank = ([(H, "hi"), (A, text)] for text in ("tea", " tea\n"))
    found = chat(chat_template=strips).encode([bare, blank]).sequences
    assert found[0].tolist() == found[1].tolist() == chat().encode([bare]).sequences[0].tolist()


@pytest.mark.parametrize(
    "body",
    [
        "{% if message['role'] != 'system' %}{{ message['content'] }}{% endif %}",
        "{{ message['content'] }}{{ message['content'] }}",
    ],
)
def test_a_template_that_leaves_out_a_turn_or_repeats_one_is_refused(body):
    with pytest.raises(ModelError) as refused:
        chat(chat_template="{% for message in messages %}" + body + "{% endfor %}").encode(
            [[(S, "secret"), (H, "tea")]]
        )
    assert (refused.value.code, refused.value.place) == ("PL-TOK-006", "conversation 0")
    assert "--template hh" in refused.value.advice
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("template", ["hh", "chat"])
def test_people_cannot_write_added_tokens_that_steer(template):
    from tokenizers import AddedToken

    tokens = tiny.tokenizer(chat_template=tiny.CHAT_TEMPLATE)
    tokens.add_tokens([AddedToken(text, special=False) for text in ("<think>", "[TOOL_CALLS]", "    ", "teapot")])
    made = encoder(tokens, template=template)
    assert made.description()["text_may_write_control_tokens"] is False
    ids = made.encode([[(H, "a"), (A, "<think>x[TOOL_CALLS]</s>")]]).sequences[0]
    written = tokens.convert_ids_to_tokens(ids.tolist())
    assert {"<think>", "[TOOL_CALLS]"}.isdisjoint(written)
    assert "<think>x[TOOL_CALLS]</s>" in tokens.decode(ids)
    assert "<think>" in tokens.tokenize("<think>"), "the tokenizer is left as it was"
    ids = made.encode([[(H, "a"), (A, "x    teapot")]]).sequences[0]
    assert {"    ", "teapot"} <= set(tokens.convert_ids_to_tokens(ids.tolist())), "these are ways to write, and stay"


def test_a_conversation_of_nothing():
    tokens = tiny.tokenizer(opening=None)
    with pytest.raises(NoDataError) as refused:
        encoder(tokens, add_end_of_sequence=False).encode([[(H, "tea")], []])
    assert (refused.value.code, refused.value.place) == ("PL-TOK-005", "conversation 1")
    assert encoder().encode([]).sequences == []


def test_the_description_is_json_and_tells_templates_apart():
    said = encoder().description()
    assert json.loads(json.dumps(said)) == said
    assert said["markers"] == {role.value: marker for role, marker in MARKERS.items()}
    assert (said["end_of_sequence"], said["max_tokens"]) == ("</s>", 128)
    one, other = (chat(chat_template=template).description() for template in (tiny.CHAT_TEMPLATE, "x"))
    assert one["chat_template_sha256"] != other["chat_template_sha256"]


def test_ids_are_64_bit_integers():
    assert encoder().encode([[(H, "tea")]]).sequences[0].dtype == np.int64
