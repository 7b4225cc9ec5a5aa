"""What a record's `extra` holds: further values of its source as JSON, among them the raw line where that is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

RAW = "raw"
"""The key of the raw line, see `formats.raw_lines`."""


def extra_text(values: Mapping[str, Any], raw: str | None = None) -> str | None:
    """One `extra`: the values, and the raw line if there is one; None where there is nothing."""
    kept = dict(values) if raw is None else {**values, RAW: raw}
    return msgspec.json.encode(kept).decode() if kept else None


def extra_values(extra: str | None) -> dict[str, Any]:
    """What an `extra` holds; empty where it is none of ours."""
    if extra is None:
        return {}
    try:
        values = msgspec.json.decode(extra)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def raw_line(extra: str | None) -> str | None:
    """The raw line in an `extra`, if it holds one."""
    raw = extra_values(extra).get(RAW)
    return raw if isinstance(raw, str) else None


def without_raw(extra: str | None) -> str | None:
    """The `extra` without its raw line; as it was where it holds none."""
    values = extra_values(extra)
    return extra_text({key: value for key, value in values.items() if key != RAW}) if RAW in values else extra
