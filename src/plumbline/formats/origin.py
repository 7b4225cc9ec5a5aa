"""Where a file stands in its data set: what every row read from it says of its origin."""

from __future__ import annotations

from dataclasses import dataclass

from plumbline.records import Axis


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of a file's rows.

    Attributes:
        source: the file as the records name it, like ``hh-rlhf/harmless-base/train.jsonl.gz``.
        subset: the folder within the data set, like ``harmless-base``; None at its top.
        split: from the file's name, like ``train``.
        axis: what the comparisons of a file are judged on, where the format's rows do not say it themselves.
    """

    source: str
    subset: str | None = None
    split: str | None = None
    axis: Axis | None = None
