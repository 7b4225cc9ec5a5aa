"""Rules that look at each record by itself: axis, what looks wrong, length, language, personal data, safety material."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Literal

import polars as pl
from pydantic import AfterValidator, Field, field_validator, model_validator

from plumbline.curate.check import CHECK_RULES, ROW_CODES
from plumbline.curate.languages import LANGUAGES, MIN_CONFIDENCE, in_other_language
from plumbline.curate.personal_data.kinds import ALL, known_kinds
from plumbline.curate.rules.rule import Limit, RowByRow, Rule, RuleSettings
from plumbline.curate.rules.verdicts import change, no_verdicts, removal
from plumbline.records import Axis
from plumbline.records.setting_words import shortened


class KeepAxis(RuleSettings):
    """Which comparisons stay.

    Attributes:
        axes: what they may be judged on.
    """

    axes: tuple[Axis, ...] = Field(min_length=1)


def _judge_axis(rows: pl.DataFrame, settings: KeepAxis) -> pl.DataFrame:
    others = rows.filter(pl.col("axis").is_not_null() & ~pl.col("axis").is_in([axis.value for axis in settings.axes]))
    return removal(others, pl.format("judged on {}", pl.col("axis")))


KEEP_AXIS = Rule(
    "keep-axis",
    1,
    KeepAxis,
    title=lambda settings: f"comparisons judged on anything but {' or '.join(settings.axes)}",
    meeting=lambda _: RowByRow(),
    columns=("axis",),
    judge=_judge_axis,
)


class Findings(RuleSettings):
    """Which findings of `plumbline data check` remove a record.

    Attributes:
        codes: of rules that look at a record by itself.
    """

    codes: tuple[str, ...] = Field(("PL-CHK-001", "PL-CHK-002"), min_length=1)

    @field_validator("codes")
    @classmethod
    def _known(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(codes) - set(ROW_CODES))
        if unknown:
            raise ValueError(
                f'codes of findings of a record by itself; "{shortened(unknown[0])}" is none; there are {", ".join(ROW_CODES)}'
            )
        return codes


_NAMES = {rule.code: rule.name for rule in CHECK_RULES}


def _judge_findings(rows: pl.DataFrame, settings: Findings) -> pl.DataFrame:
    first = pl.col("findings").list.set_intersection(list(settings.codes)).list.sort().list.first()
    found = rows.with_columns(first.alias("code")).filter(pl.col("code").is_not_null())
    return removal(found, pl.col("code").replace_strict(_NAMES, return_dtype=pl.String))


FINDINGS = Rule(
    "findings",
    1,
    Findings,
    title=lambda settings: f"records with {', '.join(_NAMES[code] for code in settings.codes)}",
    meeting=lambda _: RowByRow(),
    columns=("findings",),
    judge=_judge_findings,
    traits=("findings",),
)


class Lengths(RuleSettings):
    """Between which lengths records stay; at least one limit.

    Attributes:
        fewest_reply_characters: of the shortest reply judged, blanks at its ends apart.
        most_characters: of the whole conversation, of a comparison the longer one.
        most_messages: of the whole conversation.
    """

    fewest_reply_characters: Limit | None = None
    most_characters: Limit | None = None
    most_messages: Limit | None = None

    @model_validator(mode="after")
    def _one_limit(self) -> Lengths:
        if self.fewest_reply_characters is None and self.most_characters is None and self.most_messages is None:
            raise ValueError("at least one of fewest_reply_characters, most_characters, most_messages")
        return self


def _judge_lengths(rows: pl.DataFrame, settings: Lengths) -> pl.DataFrame:
    reasons = []
    if settings.fewest_reply_characters is not None:
        limit = settings.fewest_reply_characters
        short = (pl.col("shortest_reply_characters") < limit).fill_null(value=False)
        reasons.append(pl.when(short).then(pl.lit(f"a reply of fewer than {limit:,} characters")))
    if settings.most_characters is not None:
        limit = settings.most_characters
        reasons.append(pl.when(pl.col("characters") > limit).then(pl.lit(f"more than {limit:,} characters")))
    if settings.most_messages is not None:
        limit = settings.most_messages
        reasons.append(pl.when(pl.col("messages") > limit).then(pl.lit(f"more than {limit:,} messages")))
    found = rows.with_columns(pl.coalesce(reasons).alias("why")).filter(pl.col("why").is_not_null())
    return removal(found, pl.col("why"))


def _lengths_title(settings: Lengths) -> str:
    parts = [
        (settings.fewest_reply_characters, "a reply shorter than {:,} characters"),
        (settings.most_characters, "more than {:,} characters"),
        (settings.most_messages, "more than {:,} messages"),
    ]
    return "records with " + " or ".join(words.format(limit) for limit, words in parts if limit is not None)


LENGTHS = Rule(
    "lengths",
    1,
    Lengths,
    title=_lengths_title,
    meeting=lambda _: RowByRow(),
    columns=("characters", "messages", "shortest_reply_characters"),
    judge=_judge_lengths,
    traits=("sizes",),
)


def _known_language(code: str) -> str:
    if code not in LANGUAGES:
        raise ValueError(
            f"codes of languages that can be told, of two letters where there are two (en, not eng): {' '.join(LANGUAGES)}"
        )
    return code


class Language(RuleSettings):
    """Which languages stay.

    Attributes:
        keep: of `languages.LANGUAGES`: two small letters of ISO 639-1 where a language has them, else three.
        min_confidence: of the detector, in [0, 1]; a row that it is less sure of stays, as does one too short to tell.
    """

    keep: tuple[Annotated[str, AfterValidator(_known_language)], ...] = Field(("en",), min_length=1)
    min_confidence: float = Field(MIN_CONFIDENCE, ge=0, le=1)


def _judge_language(rows: pl.DataFrame, settings: Language) -> pl.DataFrame:
    foreign = in_other_language(rows, settings.keep, min_confidence=settings.min_confidence)
    return removal(rows.filter(foreign), pl.format("in the language {}", pl.col("language")))


LANGUAGE = Rule(
    "language",
    1,
    Language,
    title=lambda settings: f"records surely in another language than {' or '.join(settings.keep)}",
    meeting=lambda _: RowByRow(),
    columns=("language", "confidence"),
    judge=_judge_language,
    traits=("language",),
)


class PersonalData(RuleSettings):
    """What becomes of e-mail addresses, telephone numbers and the like.

    Attributes:
        action: `mask` each value, so that the record stays; or `remove` the record.
        kinds: which values, names of `personal_data.kinds.KINDS`; all by default.
        detector: `patterns`, our own, or `presidio`, which needs the extra pii.
    """

    action: Literal["mask", "remove"] = "mask"
    kinds: tuple[str, ...] = Field(ALL, min_length=1)
    detector: Literal["patterns", "presidio"] = "patterns"

    @field_validator("kinds")
    @classmethod
    def _known(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [kind for kind in kinds if kind not in ALL]
        if unknown:
            near = get_close_matches(unknown[0].lower(), ALL, n=1)
            nearest = f"{near[0]} comes near; " if near else ""
            raise ValueError(
                f'kinds of personal data; "{shortened(unknown[0])}" is none; {nearest}there are {", ".join(ALL)}'
            )
        return known_kinds(kinds)


def _judge_personal(rows: pl.DataFrame, settings: PersonalData) -> pl.DataFrame:
    """Of a masked record that it was changed; else that it goes. The reason names every kind found."""
    found = rows.filter(pl.col("personal_data").list.len() > 0)
    if not len(found):
        return no_verdicts()
    reason = pl.col("personal_data").list.join(", ")
    return removal(found, reason) if settings.action == "remove" else change(found, reason)


PERSONAL_DATA = Rule(
    "personal-data",
    2,
    PersonalData,
    title=lambda settings: {
        "mask": "records in which e-mail addresses, numbers and other personal data were masked",
        "remove": "records that hold e-mail addresses, numbers or other personal data",
    }[settings.action],
    meeting=lambda _: RowByRow(),
    columns=("personal_data",),
    judge=_judge_personal,
    traits=("personal-data",),
)


class SafetyMaterial(RuleSettings):
    """Which talk of safety removes a record; patterns of `curate.safety_material`, and what they find and miss is in
    docs/design/hh-nosafe.md.

    Attributes:
        refusals: a reply refuses or turns to safety.
        requests: the human asks for something harmful or speaks of it.
    """

    refusals: bool = True
    requests: bool = True

    @model_validator(mode="after")
    def _one_of_them(self) -> SafetyMaterial:
        if not (self.refusals or self.requests):
            raise ValueError("at least one of refusals and requests")
        return self


def _judge_material(rows: pl.DataFrame, settings: SafetyMaterial) -> pl.DataFrame:
    reasons = []
    if settings.refusals:
        reasons.append(pl.format("a reply refuses: {}", pl.col("refuses")))
    if settings.requests:
        reasons.append(pl.format("asked for: {}", pl.col("asks_for_harm")))
    found = rows.with_columns(pl.coalesce(reasons).alias("why")).filter(pl.col("why").is_not_null())
    return removal(found, pl.col("why"))


SAFETY_MATERIAL = Rule(
    "safety-material",
    1,
    SafetyMaterial,
    title=lambda settings: (
        "records in which "
        + " or ".join(
            words
            for asked, words in (
                (settings.refusals, "a reply refuses for safety's sake"),
                (settings.requests, "the human asks for harm"),
            )
            if asked
        )
    ),
    meeting=lambda _: RowByRow(),
    columns=("refuses", "asks_for_harm"),
    judge=_judge_material,
    traits=("material",),
)
