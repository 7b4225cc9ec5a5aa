"""Where replies of models with tokenizers end: at turn markers in the form of hh-rlhf, at end tokens with a chat template."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from plumbline.align.new_model import NewModelSettings, make_new_model
from plumbline.align.policy import Policy
from plumbline.align.rollouts import RolloutSettings, write_replies
from plumbline.records import Message, Role
from plumbline.sources.causal_model import load_causal_model
from tests.sources.tiny_language_model import saved_model

MARKER = "\n\nHuman:"
PROMPT = (Message(Role.HUMAN, "how do I make tea?"),)


@pytest.fixture(scope="module")
def made():
    """A policy that has learnt nothing; its tokens are bytes, but for pairs of its one text, and five that stand for nothing."""
    found = make_new_model([f"{MARKER} how do I make tea?"] * 2, NewModelSettings(1, 16, 2, 275, 64))
    found.model.resize_token_embeddings(len(found.tokenizer) + 5, mean_resizing=False)
    return found


class Dictated(Policy):
    """A policy whose next token is what is dictated, row by row."""

    def dictate(self, replies):
        self.replies, self.at, self.alive = replies, 0, list(range(len(replies)))
        return self

    def go_on(self, reading, tokens, kept):
        self.at, self.alive = self.at + 1, [self.alive[row] for row in kept.tolist()]
        return super().go_on(reading, tokens, kept)

    def next_tokens(self, logits, temperature):
        logits = torch.zeros_like(logits)
        for place, row in enumerate(self.alive):
            logits[place, self.replies[row][self.at]] = 1000.0
        return super().next_tokens(logits, temperature)


def said(made, replies, markers, most=24):
    policy = Dictated(made.model, made.never_ids, markers)
    ids = [made.tokenizer(text, add_special_tokens=False)["input_ids"] for text in replies]
    policy.dictate([[*each, *[min(made.end_ids)] * most] for each in ids])
    prompts = [made.prompts.encode(PROMPT)] * len(replies)
    return ids, write_replies(policy, prompts, range(len(ids)), made.end_ids, made.padding_id, RolloutSettings(most))


def test_a_reply_ends_where_it_has_written_a_turn_marker(made):
    replies = [f" a:b{MARKER} more", f" word.{MARKER}x", f"{MARKER} again", " a: b", ""]
    ids, told = said(made, replies, made.markers)
    texts = [made.reply_text(told.reply_ids(row, made.end_ids)) for row in range(5)]
    assert texts == ["a:b", "word.", "", "a: b", ""]
    assert told.has_ended.all()
    lengths = told.mask.sum(dim=1).tolist()
    assert lengths[0] < len(ids[0]), "what it would have written behind the marker is not learnt"
    written = [made.tokenizer.decode(told.reply_ids(row, made.end_ids)) for row in range(3)]
    assert written == [f" a:b{MARKER}", f" word.{MARKER}", MARKER]
    assert lengths[3:] == [len(ids[3]) + 1, 1]
    assert [made.markers.are_all_of(told.reply_ids(row, made.end_ids)) for row in range(4)] == [0, 0, 1, 0]


def test_a_model_with_a_chat_template_may_write_what_looks_like_a_marker(tmp_path):
    saved_model(tmp_path / "chat")
    chat = load_causal_model(str(tmp_path / "chat"), place="made up")
    assert chat.markers is None
    text = f"a{MARKER} b"
    _, told = said(chat, [text], chat.markers)
    assert chat.reply_text(told.reply_ids(0, chat.end_ids)) == text


@pytest.mark.parametrize("chat", [False, True])
def test_control_tokens_and_ids_without_text_are_never_written(made, tmp_path, chat):
    if chat:
        saved_model(tmp_path / "chat")
        made = load_causal_model(str(tmp_path / "chat"), place="made up")
    tokenizer, vocabulary = made.tokenizer, made.model.config.vocab_size
    control = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    beyond = set(range(vocabulary)) - set(tokenizer.get_vocab().values())
    assert len(beyond) == (0 if chat else 5)
    assert control - made.end_ids
    assert made.never_ids == (control | beyond) - made.end_ids
    assert made.end_ids
    few = SimpleNamespace(config=SimpleNamespace(get_text_config=lambda: SimpleNamespace(vocab_size=2)))
    assert max(replace(made, model=few).never_ids, default=0) < 2, (
        "ids that the model does not have are none of its own"
    )
    policy = Policy(made.model, made.never_ids, made.markers)
    prompts = [made.prompts.encode(PROMPT)] * 48
    told = write_replies(policy, prompts, range(48), made.end_ids, made.padding_id, RolloutSettings(12))
    written = set(told.tokens[:, told.prompt_length :][told.mask].tolist())
    assert len(written) > 50
    assert not written & made.never_ids
