"""A chat template that gives other tools the very tokens that a model was trained on, checked on conversations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from plumbline.models.transformer.settings import TokenSettings
from plumbline.models.transformer.trunk.conversation_tokens import MARKERS, ConversationEncoder, Turns
from plumbline.models.tree_batch import Integers
from plumbline.records import CHAT_ROLES, Role

_END = "{{ eos_token }}"


def same_tokens_template(
    encoder: ConversationEncoder, tokenizer: Any, tokens: TokenSettings, samples: Sequence[Turns]
) -> str | None:
    """The first template whose tokens are the encoder's on every sample; None where none is known.

    Args:
        tokenizer: left as it is.
        tokens: the encoder's settings.
        samples: conversations to compare on; those beyond the encoder's limit are passed over.
    """
    encoded = encoder.encode(samples)
    rows = zip(samples, encoded.sequences, encoded.truncated, strict=True)
    compared = [(turns, ids) for turns, ids, is_cut in rows if not is_cut]
    fitting = (
        template
        for template in _candidates(tokenizer, tokens)
        if all(_gives(tokenizer, template, turns, ids) for turns, ids in compared)
    )
    return next(fitting, None) if compared else None


def _candidates(tokenizer: Any, tokens: TokenSettings) -> Iterator[str]:
    end = _END if tokens.add_end_of_sequence and tokenizer.eos_token is not None else ""
    if tokens.template == "hh":
        turns = _marked_turns()
        yield turns + end
        yield "{{ bos_token }}" + turns + end
        return
    own = tokenizer.chat_template
    if isinstance(own, str):
        yield own
        yield own + end
        # Where the template writes blanks behind the end of sequence, the encoder cuts them.
        yield "{% set written %}" + own + "{% endset %}{{ written.rstrip() }}"


def _marked_turns() -> str:
    """Turns as hh-rlhf writes them."""
    branches = [
        f"{'if' if number == 0 else 'elif'} message['role'] == '{CHAT_ROLES[role]}' %}}{{{{ {_quoted(MARKERS[role])} }}}}{{%"
        for number, role in enumerate(Role)
    ]
    inner = "{% " + " ".join(branches) + " endif %}{{ message['content'] }}"
    return "{% for message in messages %}" + inner + "{% endfor %}"


def _quoted(text: str) -> str:
    """A string of Jinja."""
    return "'" + text.replace("\\", "\\\\").replace("\n", "\\n").replace("'", "\\'") + "'"


def _gives(tokenizer: Any, template: str, turns: Turns, ids: Integers) -> bool:
    messages = [{"role": CHAT_ROLES[role], "content": text} for role, text in turns]
    try:
        found = tokenizer.apply_chat_template(messages, chat_template=template, tokenize=True, return_dict=False)
    except Exception:  # templates are programs of their own; one that fails is none for this model
        return False
    return bool(list(found) == ids.tolist())
