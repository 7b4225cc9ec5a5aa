"""Policies as TOML: strict when read, exact when written.

name = "house"
version = 1
ignored = ["self_harm"]

[thresholds]
unsafe = { review = 0.42, flag = 0.71 }
"drug_abuse,weapons,banned_substance" = { review = 0.3, flag = 0.55 }
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from plumbline.measure import wilson_figure
from plumbline.moderate.policy import CalibratedHead, CalibrationFile, Policy, PolicyCalibration, Threshold
from plumbline.records import UsageError
from plumbline.records.setting_words import NAME_PATTERN, expected_of, found_of
from plumbline.records.strict_toml import first_fault, parse_toml, validated

MOST_BYTES = 1 << 20
_MOST_HEADS = 10_000
_MOST_FILES = 100_000
_SHOWN = 80
"""Characters of what a file says that an error shows at most."""
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_DIGEST = r"^[0-9a-f]{64}$"
_HOW_TO = "docs/how-to/moderation-policies.md shows what a policy looks like"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Threshold(_Strict):
    review: float = Field(ge=0, le=1)
    flag: float = Field(ge=0, le=1)


class _CalibratedHead(_Threshold):
    negatives: int = Field(ge=0)
    positives: int = Field(ge=0)
    flagged: int = Field(ge=0)
    reviewed: int = Field(ge=0)


class _File(_Strict):
    path: str = Field(max_length=10_000)
    sha256: str = Field(pattern=_DIGEST)
    rows: int | None = Field(None, ge=0)


class _Calibration(_Strict):
    model: str = Field(max_length=1000)
    model_digest: str = Field(pattern=_DIGEST)
    flag_false_positive_rate: float = Field(gt=0, lt=1)
    review_false_positive_rate: float = Field(gt=0, lt=1)
    together: bool
    safe_rows: int = Field(ge=0)
    safe_flagged: int = Field(ge=0)
    safe_reviewed: int = Field(ge=0)
    data: tuple[_File, ...] = Field(max_length=_MOST_FILES)
    heads: dict[str, _CalibratedHead] = Field(max_length=_MOST_HEADS)


class _Policy(_Strict):
    name: str = Field(pattern=NAME_PATTERN)
    version: int = Field(ge=1, le=1_000_000)
    ignored: tuple[str, ...] = Field((), max_length=_MOST_HEADS)
    thresholds: dict[str, _Threshold] = Field(min_length=1, max_length=_MOST_HEADS)
    calibration: _Calibration | None = None


def parse_policy(text: str, place: str) -> Policy:
    """A policy from TOML.

    Args:
        text: of the file.
        place: its name, for errors.
    Raises:
        UsageError: it is no TOML, has an unknown key or a value that cannot be, or contradicts itself; it says where.
    """
    try:
        stated = validated(_Policy, parse_toml(text))
    except ValidationError as error:
        raise _refused(error, place) from error
    except ValueError as error:
        raise UsageError(
            "PL-POL-003",
            place,
            "this is no TOML",
            found=str(error)[: 2 * _SHOWN],
            advice=f"mend the line named; {_HOW_TO}",
        ) from error
    thresholds = {
        name: _threshold(each, f"thresholds of {_quoted(name)}", place) for name, each in stated.thresholds.items()
    }
    _refuse_contradictions(stated, place)
    calibration = None if stated.calibration is None else _calibration(stated.calibration, place)
    return Policy(stated.name, stated.version, thresholds, stated.ignored, calibration)


def _threshold(stated: _Threshold, where: str, place: str) -> Threshold:
    if stated.review > stated.flag:
        raise _wrong(place, where, "review at most as high as flag", f"review {stated.review:g}, flag {stated.flag:g}")
    return Threshold(stated.review, stated.flag)


def _calibration(stated: _Calibration, place: str) -> PolicyCalibration:
    of_safe = {key: getattr(stated, key) for key in ("safe_flagged", "safe_reviewed", "safe_rows")}
    _refuse_fall(place, "calibration", **of_safe)
    heads = {}
    for name, head in stated.heads.items():
        where = f"calibration of {_quoted(name)}"
        threshold = _threshold(head, where, place)
        _refuse_fall(place, where, flagged=head.flagged, reviewed=head.reviewed, negatives=head.negatives)
        heads[name] = CalibratedHead(threshold, head.negatives, head.positives, head.flagged, head.reviewed)
    files = tuple(CalibrationFile(each.path, each.sha256, each.rows) for each in stated.data)
    return PolicyCalibration(
        **{key: value for key, value in stated if key not in ("data", "heads")}, data=files, heads=heads
    )


def _refuse_fall(place: str, where: str, **counts: int) -> None:
    """Refuse more rows flagged than sent to people or flagged, or more of these than there are."""
    if list(counts.values()) != sorted(counts.values()):
        found = ", ".join(f"{count:,}" for count in counts.values())
        raise _wrong(place, where, f"{', '.join(counts)} in rising order", found)


def _refuse_contradictions(stated: _Policy, place: str) -> None:
    """Refuse a head that is both decided on and ignored, or named twice, and a calibration of heads that are not there."""
    both = [name for name in stated.ignored if name in stated.thresholds]
    if both or len(set(stated.ignored)) < len(stated.ignored):
        found = f"{_quoted(both[0])} among the thresholds too" if both else "a name twice"
        raise _wrong(place, "ignored", "heads that have no thresholds, each once", found)
    if stated.calibration is None:
        return
    if foreign := [name for name in stated.calibration.heads if name not in stated.thresholds]:
        raise _wrong(place, "calibration", "heads that have thresholds", _quoted(foreign[0]))
    if stated.calibration.flag_false_positive_rate > stated.calibration.review_false_positive_rate:
        raise _wrong(place, "calibration", "a rate of flag at most as high as that of review", "a higher one")


def _refused(error: ValidationError, place: str) -> UsageError:
    first = first_fault(error)
    *above, last = first["loc"]
    where = ".".join(_quoted(str(step)) if "," in str(step) else str(step)[:_SHOWN] for step in (*above, last))
    if first["type"] == "missing":
        return _wrong(place, where, f"a value for {where}", "none")
    if first["type"] != "extra_forbidden":
        return _wrong(place, where, expected_of(first), found_of(first))
    known = _known_keys(above)
    near = get_close_matches(str(last), known, n=1)
    return UsageError(
        "PL-POL-004",
        place,
        f'unknown key "{str(last)[:_SHOWN]}"' + (f" in {'.'.join(map(str, above))[:_SHOWN]}" if above else ""),
        expected=f"one of {', '.join(known)}",
        advice=f"{near[0]} in its place" if near else f"leave it out; {_HOW_TO}",
    )


def _known_keys(above: Sequence[int | str]) -> list[str]:
    """The keys of the table that stands at a place."""
    model: type[BaseModel] = _Policy
    match tuple(above):
        case ("thresholds", _):
            model = _Threshold
        case ("calibration",):
            model = _Calibration
        case ("calibration", "heads", _):
            model = _CalibratedHead
        case ("calibration", "data", _):
            model = _File
    return list(model.model_fields)


def _wrong(place: str, where: str, expected: str, found: str) -> UsageError:
    return UsageError(
        "PL-POL-005",
        place,
        f"{where} is not as it must be",
        expected=expected,
        found=found,
        advice=f"mend it; {_HOW_TO}",
    )


def _quoted(name: str) -> str:
    return f'"{name[:_SHOWN]}"'


def format_policy(policy: Policy) -> str:
    """The policy as a file that `parse_policy` reads; what the counts of its calibration mean stands in comments."""
    lines = [
        f"name = {_toml(policy.name)}",
        f"version = {policy.version}",
        f"ignored = {_toml(list(policy.ignored))}",
        "",
        "[thresholds]",
    ]
    lines += [
        f"{_key(name)} = {{ review = {each.review!r}, flag = {each.flag!r} }}"
        for name, each in policy.thresholds.items()
    ]
    if policy.calibration is not None:
        lines += _calibration_lines(policy.calibration)
    return "\n".join(lines) + "\n"


def _calibration_lines(calibration: PolicyCalibration) -> list[str]:
    said = calibration.to_json()
    data, heads = said.pop("data"), said.pop("heads")
    lines = ["", "[calibration]"]
    for key, value in said.items():
        rows = calibration.safe_rows
        count = {"safe_flagged": calibration.safe_flagged, "safe_reviewed": calibration.safe_reviewed}.get(key)
        note = "" if count is None else f"  # {told_rate(count, rows)}, by any head"
        lines.append(f"{key} = {_toml(value)}{note}")
    lines.append("data = [")
    lines += [f"  {_toml({k: v for k, v in each.items() if v is not None})}," for each in _tables(data)]
    lines += ["]", "", "[calibration.heads]"]
    for name, head in calibration.heads.items():
        told = told_rate(head.flagged, head.negatives)
        lines.append(f"{_key(name)} = {_toml(_table(heads, name))}  # {told}")
    return lines


def told_rate(count: int, rows: int) -> str:
    """How many of the negatives are flagged, and how many of others may be, in words."""
    figure = wilson_figure(count, rows)
    if figure.value is None or figure.high is None:
        return "no rows to count on"
    return (
        f"{100 * figure.value:.2g} % of these {rows:,} rows, up to {100 * figure.high:.2g} % of others (Wilson, 95 %)"
    )


def _tables(value: JsonValue) -> list[dict[str, JsonValue]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _table(value: JsonValue, name: str) -> JsonValue:
    return value[name] if isinstance(value, Mapping) else None


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _toml(name)


def _toml(value: JsonValue) -> str:
    """A value in TOML; its strings and lists are written as JSON's are."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, float):
        return repr(value)
    # TOML knows no DEL as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
