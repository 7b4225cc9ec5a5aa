"""Replies as tokens to learn: what is learnt of a row, what is left out, in which order rows come."""

import itertools

import torch

from plumbline.align.demonstrations import Demonstration, demonstrations, endless_batches, text_batch
from plumbline.align.new_model import NewModelSettings, make_new_model
from plumbline.align.policy import text_likelihood
from plumbline.records import Message, Role

QUESTION, REPLY = Message(Role.HUMAN, "how do I make tea?"), Message(Role.ASSISTANT, "boil water first")
TINY = NewModelSettings(layers=1, width=16, heads=2, vocabulary=300, positions=64)


def made():
    return make_new_model([QUESTION.text, REPLY.text], TINY)


def test_a_row_is_the_policys_own_prompt_with_the_reply_and_an_end_behind_it():
    model = made()
    found = demonstrations([(QUESTION, REPLY)], model, most_tokens=None)
    (row,) = found.rows
    assert row.tokens[: row.prompt_length] == model.prompts.encode((QUESTION,))
    assert model.tokenizer.decode(row.tokens) == "\n\nHuman: how do I make tea?\n\nAssistant: boil water first<|end|>"
    assert model.reply_text(row.tokens[row.prompt_length :]) == REPLY.text


def test_what_cannot_be_learnt_is_counted():
    long = Message(Role.ASSISTANT, "boil water first " * 100)
    said = [(QUESTION, REPLY), (QUESTION, long), (QUESTION,), (QUESTION, Message(Role.ASSISTANT, "  \n"))]
    found = demonstrations(said, made(), most_tokens=None)
    assert (len(found.rows), found.too_long, found.without_reply) == (1, 1, 2)
    assert demonstrations(said, made(), most_tokens=4).too_long == 2


def test_only_the_replys_tokens_count():
    model = made().model
    rows = [Demonstration([5, 6, 7, 8, 9], 2), Demonstration([10, 11, 12], 1)]
    batch = text_batch(rows, padding_id=1)
    with torch.no_grad():
        logs = [model(torch.tensor([row.tokens])).logits[0, :-1].log_softmax(-1) for row in rows]
        told = float(text_likelihood(model, batch))
    kept = []
    model.lm_head.register_forward_hook(lambda _module, _given, logits: kept.append(logits.shape))
    assert float(text_likelihood(model, batch).detach()) == told
    assert kept == [(2, 5, model.config.vocab_size)], "the first prompt has one token, so every place may count"
    later = text_batch([rows[0], Demonstration([10, 11, 12, 13], 3)], padding_id=1)
    text_likelihood(model, later)
    assert kept[-1][1] == 4, "before the shortest prompt's last token no logits are asked for"
    learnt = [logs[0][1, 7], logs[0][2, 8], logs[0][3, 9], logs[1][0, 11], logs[1][1, 12]]
    assert abs(told + float(sum(learnt)) / 5) < 1e-5


def test_each_row_comes_once_before_any_comes_again_and_a_run_goes_on_where_it_was():
    rows = [Demonstration([number], 0) for number in range(7)]
    batches = list(itertools.islice(endless_batches(rows, 3, seed=1), 14))
    numbers = [row.tokens[0] for batch in batches for row in batch]
    for start in range(0, 42, 7):
        assert sorted(numbers[start : start + 7]) == list(range(7))
    assert numbers[:7] != numbers[7:14]
    assert list(itertools.islice(endless_batches(rows, 3, seed=1, start=5), 9)) == batches[5:]
