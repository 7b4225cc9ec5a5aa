"""Whether a model reads the whole of what it judges: a score of a part is never learnt from, and never told as one of the whole.

Models with a limit leave out the oldest turns of what is longer. So prompts that leave no room for a reply are found before a run, and
where a reply is longer in the model's tokens than in the policy's, the run stops and says so.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from plumbline.models.scored_model import ScoredModel
from plumbline.records import Conversation, ModelError, Role


def leave_room(judges: Sequence[ScoredModel], prompts: Sequence[Conversation], most_tokens: int) -> NDArray[np.bool_]:
    """Which prompts leave all of some models room for a reply, shape (prompts,).

    Replies are taken to have as many of a model's tokens as of the policy's; where they have more, see `refuse_partly_read`.

    Args:
        judges: those without a limit have room for all.
        most_tokens: of a reply.
    """
    from plumbline.models.transformer.model import TransformerModel

    fits = np.ones(len(prompts), bool)
    turns = [[*((said.role, said.text) for said in prompt), (Role.ASSISTANT, "")] for prompt in prompts]
    for judge in judges:
        if isinstance(judge, TransformerModel):
            encoded = judge.encoder.encode(turns)
            lengths = np.array([len(each) for each in encoded.sequences], np.int64)
            fits &= ~encoded.truncated & (lengths + most_tokens <= judge.encoder.max_tokens)
    return fits


def refuse_partly_read(who: str, model: ScoredModel, truncated: NDArray[np.bool_] | None) -> None:
    """Stop where a model read a part of a conversation only.

    Args:
        who: "reward", "cost", "held-out".
        truncated: shape (n,), of the conversations that it read; None of models that have no limit.
    Raises:
        ModelError: PL-PPO-011, there is one.
    """
    if truncated is None or not truncated.any():
        return
    most = _most_tokens(model)
    limit = "what it can read" if most is None else f"{most:,} of its tokens"
    raise ModelError(
        "PL-PPO-011",
        f"the {who} model",
        "it read a part of a conversation only, and a part is no judgement; nothing was learnt from these replies",
        expected=f"prompts with their replies within {limit}",
        found=f"{int(truncated.sum())} of {len(truncated)} that are longer",
        advice="shorter replies with --max-tokens or shorter prompts with --max-prompt-tokens, both with --restart; or a model that "
        "was trained with more --max-tokens",
    )


def _most_tokens(model: ScoredModel) -> int | None:
    from plumbline.models.transformer.model import TransformerModel

    return model.encoder.max_tokens if isinstance(model, TransformerModel) else None
