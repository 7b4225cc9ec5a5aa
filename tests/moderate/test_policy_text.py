"""Policies as TOML: what is written is read back to the bit, and what no policy can say is refused with its place."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.moderate.policy import CalibratedHead, CalibrationFile, Policy, PolicyCalibration, Threshold
from plumbline.moderate.policy_text import format_policy, parse_policy
from plumbline.records import PlumblineError, UsageError

DIGEST = "ab" * 32
HOUSE = """\
name = "house"
version = 3
ignored = ["self_harm"]

[thresholds]
unsafe = { review = 0.42, flag = 0.71 }
"drug_abuse,weapons,banned_substance" = { review = 0.3, flag = 1 }
"""
FITTED = f"""{HOUSE}
[calibration]
model = "beavertails"
model_digest = "{DIGEST}"
flag_false_positive_rate = 0.01
review_false_positive_rate = 0.05
together = false
safe_rows = 700
safe_flagged = 9
safe_reviewed = 50
data = [{{ path = "test.jsonl", sha256 = "{DIGEST}", rows = 1500 }}]

[calibration.heads]
unsafe = {{ review = 0.42, flag = 0.71, negatives = 700, positives = 800, flagged = 7, reviewed = 35 }}
"""

counts = st.integers(0, 10**9)
names = st.text(min_size=1, max_size=30)


@st.composite
def thresholds(draw):
    return Threshold(*sorted(draw(st.tuples(st.floats(0, 1), st.floats(0, 1)))))


@st.composite
def calibrated_heads(draw):
    flagged, reviewed, negatives = sorted(draw(st.tuples(counts, counts, counts)))
    return CalibratedHead(draw(thresholds()), negatives, draw(counts), flagged, reviewed)


@st.composite
def policies(draw):
    heads = draw(st.lists(names, min_size=1, max_size=6, unique=True))
    decided = draw(st.integers(1, len(heads)))
    rate = st.floats(0, 1, exclude_min=True, exclude_max=True)
    rates = sorted(draw(st.tuples(rate, rate)))
    of_safe = sorted(draw(st.tuples(counts, counts, counts)))
    files = st.builds(CalibrationFile, names, st.just(DIGEST), st.none() | counts)
    calibration = PolicyCalibration(
        draw(names),
        DIGEST,
        *rates,
        draw(st.booleans()),
        of_safe[2],
        *of_safe[:2],
        tuple(draw(st.lists(files, max_size=2))),
        {name: draw(calibrated_heads()) for name in heads[: draw(st.integers(0, decided))]},
    )
    return Policy(
        draw(st.from_regex(r"[a-z0-9][a-z0-9.+-]{0,20}", fullmatch=True)),
        draw(st.integers(1, 1_000_000)),
        {name: draw(thresholds()) for name in heads[:decided]},
        tuple(heads[decided:]),
        draw(st.sampled_from([None, calibration])),
    )


@given(policies())
def test_a_policy_that_is_written_is_read_back_to_the_bit(policy):
    read = parse_policy(format_policy(policy), "policy.toml")
    assert read == policy
    assert read.digest == policy.digest
    assert list(read.thresholds) == list(policy.thresholds)


def test_a_policy_written_by_hand():
    policy = parse_policy(HOUSE, "house.toml")
    assert (policy.name, policy.version, policy.ignored) == ("house", 3, ("self_harm",))
    assert policy.thresholds["drug_abuse,weapons,banned_substance"] == Threshold(0.3, 1.0)
    assert policy.calibration is None


def test_the_policy_of_the_documentation_is_one():
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "moderation-policies.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert parse_policy(text, "house.toml").ignored == ("self_harm",)


def test_what_counts_mean_stands_beside_them():
    text = format_policy(parse_policy(FITTED, "house.toml"))
    assert "safe_flagged = 9  # 1.3 % of these 700 rows, up to 2.4 % of others (Wilson, 95 %), by any head" in text
    assert "reviewed = 35 }  # 1 % of these 700 rows, up to 2 % of others (Wilson, 95 %)" in text


@pytest.mark.parametrize(
    ("change", "by", "code", "told"),
    [
        ("version", "verison", "PL-POL-004", 'unknown key "verison".*\n.*\n.*Try: version in its place'),
        ("review = 0.42, flag", "reviews = 0.42, flag", "PL-POL-004", 'unknown key "reviews" in thresholds.unsafe'),
        ("safe_rows", "safe", "PL-POL-004", 'unknown key "safe" in calibration'),
        ("sha256", "sha", "PL-POL-004", 'unknown key "sha" in calibration.data.0'),
        ("positives = 800", "posits = 800", "PL-POL-004", "in calibration.heads.unsafe"),
        ("version = 3\n", "", "PL-POL-005", "version is not as it must be"),
        ("version = 3", "version = 3.5", "PL-POL-005", "version"),
        ("version = 3", "version = 0", "PL-POL-005", "version"),
        ("version = 3", "version = true", "PL-POL-005", "version"),
        ('"house"', '"House of mine"', "PL-POL-005", "Expected small letters, digits"),
        ('"house"', '"house\\n"', "PL-POL-005", "Expected small letters, digits"),
        ("flag = 0.71 }", "flag = 0.41 }", "PL-POL-005", 'thresholds of "unsafe" .*\n.*review 0.42, flag 0.41'),
        ("flag = 0.71 }", 'flag = "0.71" }', "PL-POL-005", 'thresholds.unsafe.flag .*\n.*found "0.71"'),
        ("flag = 0.71 }", "flag = true }", "PL-POL-005", "thresholds.unsafe.flag"),
        ("flag = 0.71 }", "flag = nan }", "PL-POL-005", "thresholds.unsafe.flag"),
        ("flag = 0.71 }", "flag = inf }", "PL-POL-005", "thresholds.unsafe.flag"),
        ("flag = 0.71 }", "flag = 1979-05-27 }", "PL-POL-005", "thresholds.unsafe.flag"),
        ("flag = 0.71 }", "flag = 1" + "0" * 400 + " }", "PL-POL-005", "thresholds.unsafe.flag"),
        ("flag = 1 }", "flag = 1.01 }", "PL-POL-005", '"drug_abuse,weapons,banned_substance".flag'),
        ('["self_harm"]', '["unsafe"]', "PL-POL-005", "among the thresholds too"),
        ('["self_harm"]', '["a", "a"]', "PL-POL-005", "a name twice"),
        (
            "unsafe = { review = 0.42, flag = 0.71, neg",
            "other = { review = 0.4, flag = 0.7, neg",
            "PL-POL-005",
            "other",
        ),
        ("flagged = 7,", "flagged = 36,", "PL-POL-005", "in rising order"),
        ("safe_flagged = 9", "safe_flagged = 51", "PL-POL-005", "in rising order"),
        ("rate = 0.01", "rate = 0.06", "PL-POL-005", "a rate of flag at most as high"),
        (f'"{DIGEST}"\nflag', '"abc"\nflag', "PL-POL-005", "64 digits of a SHA-256"),
        ("version = 3", "version = 3\nversion = 3", "PL-POL-003", "Cannot overwrite a value"),
        ("unsafe = { review = 0.42", "unsafe = 1\nunsafe = { review = 0.42", "PL-POL-003", "no TOML"),
        ("version = 3", "version = ", "PL-POL-003", "line 2"),
        ("version = 3", "version = " + "9" * 5000, "PL-POL-003", "no TOML"),
        ("ignored = [", "ignored = " + "[" * 20_000, "PL-POL-003", "no TOML"),
    ],
)
def test_what_no_policy_can_say_is_refused_with_its_place(change, by, code, told):
    assert change in FITTED
    parse_policy(FITTED, "house.toml")
    with pytest.raises(UsageError, match=told) as raised:
        parse_policy(FITTED.replace(change, by, 1), "house.toml")
    assert (raised.value.code, raised.value.place) == (code, "house.toml")
    assert len(str(raised.value)) < 1000


@pytest.mark.parametrize(
    "text", ["", "[thresholds]", 'name = "a"\nversion = 1\n[thresholds]\n', "\0", "[[thresholds]]\na=1"]
)
def test_half_a_policy_is_none(text):
    with pytest.raises(PlumblineError, match=r"PL-POL-00[345]"):
        parse_policy(text, "half.toml")
