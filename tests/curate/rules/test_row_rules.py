"""Rules that look at each record by itself: at their limits, and at what they know nothing of."""

import polars as pl
import pytest
from pydantic import ValidationError

from plumbline.curate.rules import RULES
from tests.curate.made_up import frame, gone


def found(name, rows, **settings):
    rule = RULES[name]
    verdicts = rule.judge(frame(rows), rule.settings(**settings))
    return {position: reason for position, (reason, _) in gone(verdicts).items()}


def test_axes():
    rows = [{"axis": axis} for axis in ("helpfulness", "harmlessness", "overall", None)]
    assert found("keep-axis", rows, axes=["helpfulness", "overall"]) == {1: "judged on harmlessness"}


def test_lengths_at_their_limits():
    def row(characters, messages, shortest):
        return {"characters": characters, "messages": messages, "shortest_reply_characters": shortest}

    rows = [row(100, 4, 3), row(101, 4, 3), row(100, 5, 3), row(100, 4, 2), row(500, 9, 0), row(10, 1, None)]
    limits = {"most_characters": 100, "most_messages": 4, "fewest_reply_characters": 3}
    short = "a reply of fewer than 3 characters"
    assert found("lengths", rows, **limits) == {
        1: "more than 100 characters",
        2: "more than 4 messages",
        3: short,
        4: short,
    }
    assert set(found("lengths", rows, most_messages=4)) == {2, 4}
    with pytest.raises(ValidationError):
        RULES["lengths"].settings()


def test_what_is_not_surely_foreign_stays():
    rows = [("en", 0.99), ("fr", 0.99), ("fr", 0.69), ("de", 0.7), (None, None), (None, 0.9)]
    rows = [{"language": language, "confidence": confidence} for language, confidence in rows]
    assert found("language", rows) == {1: "in the language fr", 3: "in the language de"}
    assert set(found("language", rows, keep=["de", "fr"], min_confidence=0.995)) == set()
    assert found("language", rows, keep=["de", "fr"]) == {0: "in the language en"}
    for word in ("english", "EN", "en-GB", ""):
        with pytest.raises(ValidationError):  # such a word would remove everything
            RULES["language"].settings(keep=[word])


def test_findings_that_are_asked_for():
    rows = [{"findings": codes} for codes in (["PL-CHK-002", "PL-CHK-001"], ["PL-CHK-004"], [], ["PL-CHK-002"])]
    assert set(found("findings", rows)) == {0, 3}
    both = found("findings", rows, codes=["PL-CHK-002", "PL-CHK-001"])
    assert both[0] != both[3], "one reason a record: of the first code"
    assert set(found("findings", rows, codes=["PL-CHK-004"])) == {1}
    for codes in ([], ["PL-CHK-999"]):
        with pytest.raises(ValidationError):
            RULES["findings"].settings(codes=codes)


def test_personal_data_removed_or_said_to_be_masked():
    rows = [{"personal_data": kinds} for kinds in (["email", "phone"], [], ["iban"])]
    assert found("personal-data", rows, action="remove") == {0: "email, phone", 2: "iban"}
    rule = RULES["personal-data"]
    masked = rule.judge(frame(rows), rule.settings())
    assert not masked["removed"].any()
    assert masked.select("position", "reason").rows() == [(0, "email, phone"), (2, "iban")]
    assert rule.judge(frame(rows).filter(pl.col("position") == 1), rule.settings()).height == 0


def test_safety_material_as_asked_for():
    rows = [("declines", None), (None, "weapons"), ("declines", "weapons"), (None, None)]
    rows = [{"refuses": refuses, "asks_for_harm": asks} for refuses, asks in rows]
    refuses, asks = "a reply refuses: declines", "asked for: weapons"
    assert found("safety-material", rows) == {0: refuses, 1: asks, 2: refuses}
    assert found("safety-material", rows, refusals=False) == {1: asks, 2: asks}
    assert found("safety-material", rows, requests=False) == {0: refuses, 2: refuses}
    with pytest.raises(ValidationError):
        RULES["safety-material"].settings(refusals=False, requests=False)
