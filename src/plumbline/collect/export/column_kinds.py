"""What the columns of our lines hold, for tools that would otherwise guess it from the first ten megabytes alone.

`datasets` takes a column for empty where its first rows are, and then breaks at the first that is not.

Source: https://huggingface.co/docs/datasets/about_dataset_features
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from plumbline.collect.export.forms import Form

Columns = list[dict[str, Any]]

_NUMBER, _TEXT, _SHARE, _FLAG, _JSON = "int64", "string", "float64", "bool", "json"


def _columns(**kinds: str | Columns) -> Columns:
    return [
        {"name": name, "dtype": kind} if isinstance(kind, str) else {"name": name, "list": kind}
        for name, kind in kinds.items()
    ]


_REPLY = _columns(
    id=_NUMBER,
    draw=_NUMBER,
    side=_NUMBER,
    text=_TEXT,
    model=_TEXT,
    snapshot=_TEXT,
    seed=_NUMBER,
    parameters=_JSON,
    at=_TEXT,
    shown_at=_TEXT,
)
_COLUMNS: dict[str, Columns] = {
    "judgements": _columns(
        id=_NUMBER,
        assignment=_NUMBER,
        item=_TEXT,
        purpose=_TEXT,
        worker=_TEXT,
        part=_TEXT,
        kind=_TEXT,
        payload=_JSON,
        corrects=_NUMBER,
        guidelines_version=_NUMBER,
        seconds=_SHARE,
        at=_TEXT,
        assignment_state=_TEXT,
        counts=_FLAG,
    ),
    "conversations": _columns(
        assignment=_NUMBER,
        item=_TEXT,
        purpose=_TEXT,
        worker=_TEXT,
        erased=_FLAG,
        assignment_state=_TEXT,
        ended_at=_TEXT,
        opening=_JSON,
        turns=_columns(turn=_NUMBER, human=_TEXT, at=_TEXT, replies=_REPLY),
    ),
    "events": _columns(
        seq=_NUMBER, at=_TEXT, kind=_TEXT, person=_TEXT, item=_NUMBER, assignment=_NUMBER, payload=_JSON
    ),
    "red-team-attempts": [
        *_columns(
            transcript=_TEXT,
            min_harmlessness_score_transcript=_SHARE,
            num_params=_TEXT,
            model_type=_TEXT,
            rating=_SHARE,
            task_description=_TEXT,
            task_descripton_harmlessness_score=_SHARE,
            red_team_member_id=_TEXT,
            is_upworker=_FLAG,
        ),
        {"name": "tags", "list": _TEXT},
    ],
}
_GUESSED_RIGHT = (Form.HH_RLHF, Form.BEAVERTAILS, Form.PKU_SAFERLHF, Form.PARQUET)
"""Forms whose columns are never empty, or that say themselves what they hold."""


def columns_of(path: str, form: Form) -> Columns | None:
    """The columns of a file of this form; None where they need not be told."""
    return None if form in _GUESSED_RIGHT else _COLUMNS[PurePosixPath(path).parent.name]
