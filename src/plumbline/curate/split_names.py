"""What the name of a split says: whether a model is trained on its rows.

Rows of a training split give way where they repeat or leak into rows of any other; what two training splits share (BeaverTails'
``30k_train`` and ``330k_train``) leaks nowhere.
"""

from __future__ import annotations

import re

_WORD = re.compile(r"[a-z]+")
_TRAINING = frozenset({"train", "training", "trainset"})
_HELD_OUT = frozenset(
    {
        *("test", "tests", "testing", "testset", "eval", "evals", "evaluation"),
        *("dev", "val", "valid", "validate", "validation", "held", "heldout", "holdout"),
    }
)


def is_training_split(name: str) -> bool:
    """Whether a split's name says that models are trained on it: ``train``, ``30k_train``, ``train-sft``, ``Training``.

    Words count, whatever stands between them: ``pretrained`` says nothing. A name that says both (``test_of_train``) is held
    out, for nothing that is measured on may pass as what is trained on.
    """
    words = set(_WORD.findall(name.lower()))
    return bool(words & _TRAINING) and not words & _HELD_OUT
