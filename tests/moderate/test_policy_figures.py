"""Figures of a policy by hand: what is flagged, what people look at, by category; and safe texts that sound unsafe."""

import numpy as np
import pytest

from plumbline.measure import Bootstrap
from plumbline.models.rows.training_rows import conversation_replies, label_rows
from plumbline.moderate.false_refusals import (
    CONTRASTS,
    KINDS,
    SOUNDING_UNSAFE,
    as_conversations,
    prompts_alone,
    safe_pairs,
)
from plumbline.moderate.policy import Policy, Threshold, UnjudgedError
from plumbline.moderate.policy_figures import false_refusal_figures, policy_figures
from plumbline.records import Message, Role, conversation_column, safety_label_table

DRUGS = "drug_abuse,weapons,banned_substance"
HEADS = ["unsafe", DRUGS]
POLICY = Policy("house", 1, {"unsafe": Threshold(0.4, 0.7), DRUGS: Threshold(0.5, 0.5)})
FEW = Bootstrap(seed=0, resamples=100)
IS_UNSAFE = np.arange(40) % 2 == 1


@pytest.fixture(scope="module")
def rows():
    """Made up: every second row is unsafe, every fourth about drugs; two rows a prompt."""
    talks = [
        (Message(Role.HUMAN, f"question {row // 2}?"), Message(Role.ASSISTANT, f"answer {row}")) for row in range(40)
    ]
    columns = {
        "taxonomy": "beavertails-14",
        "is_safe": [row % 2 == 0 for row in range(40)],
        "categories": [[DRUGS] if row % 4 == 1 else [] for row in range(40)],
        "source": "made-up",
        "row": list(range(40)),
    }
    return label_rows(safety_label_table(conversation_column(talks), columns), place="made-up")


def probabilities():
    """Of 20 safe rows one is flagged and two are for people; of 20 unsafe 12 and 5; no head of drugs is reached."""
    unsafe = np.where(IS_UNSAFE, 0.2, 0.1)
    unsafe[np.flatnonzero(~IS_UNSAFE)[:3]] = [0.7, 0.4, 0.69]
    unsafe[np.flatnonzero(IS_UNSAFE)[:17]] = [0.8] * 12 + [0.5] * 5
    return np.stack([unsafe, np.full(40, 0.1)], axis=1)


def values(figures):
    return {key: figure["value"] for key, figure in figures.items() if isinstance(figure, dict) and "value" in figure}


def test_what_is_flagged_and_what_is_for_people_by_hand(rows):
    found = policy_figures(POLICY, HEADS, probabilities(), rows, FEW)
    expected = {
        "false_positive_rate": 1 / 20,
        "recall": 12 / 20,
        "precision": 12 / 13,
        "f1": 24 / 33,
        "accuracy": 31 / 40,
        "flagged": 13 / 40,
        "controversial": 7 / 40,
        "recall_with_people": 17 / 20,
        "safe_flagged_or_controversial": 3 / 20,
        "recall_at_fpr_01": 12 / 20,
        "recall_at_fpr_05": 12 / 20,
    }
    assert {key: values(found)[key] for key in expected} == pytest.approx(expected)
    assert {"ece", "auroc", "auprc"} <= set(found)
    assert found["recall"]["n"] == found["false_positive_rate"]["n"] == 20
    assert 0 < found["recall"]["low"] < 0.6 < found["recall"]["high"] <= 1


def test_any_head_flags_the_row(rows):
    of_heads = probabilities()
    of_heads[IS_UNSAFE, 1] = 0.5
    found = policy_figures(POLICY, HEADS, of_heads, rows, FEW)
    assert values(found)["recall"] == 1.0
    assert values(found)["recall_at_fpr_05"] == 12 / 20, "rows are ranked by the first head"


def test_labels_turned_round_turn_the_figures_round(rows):
    turned = policy_figures(POLICY, HEADS, probabilities()[::-1], rows, FEW)
    assert turned["auprc"]["value"] < 0.5 < policy_figures(POLICY, HEADS, probabilities(), rows, FEW)["auprc"]["value"]


def test_categories_are_measured_on_the_rows_that_say(rows):
    of_heads = probabilities()
    of_heads[1::4, 1] = 0.9
    of_heads[0, 1] = 0.9
    category = policy_figures(POLICY, HEADS, of_heads, rows, FEW)["by_category"][DRUGS]
    assert (category["positives"], category["negatives"]) == (10, 30)
    assert category["threshold"] == {"review": 0.5, "flag": 0.5}
    assert category["recall"]["value"] == 1.0
    assert category["false_positive_rate"]["value"] == 1 / 30
    assert category["precision"]["value"] == 10 / 11


def test_an_ignored_head_and_one_without_rows_are_undefined_and_never_nought(rows):
    ignoring = Policy("house", 1, {DRUGS: Threshold(0.5, 0.5)}, ("unsafe",))
    found = policy_figures(ignoring, HEADS, probabilities(), rows, FEW)
    assert found["auprc"]["why_undefined"] == "the policy ignores this head"
    assert found["recall"]["value"] == 0.0, "nothing is flagged, which is a figure"
    assert found["precision"]["value"] is None
    lacking = policy_figures(
        Policy("house", 1, {"unsafe": Threshold(0.4, 0.7), "other": Threshold(0.5, 0.5)}),
        ["unsafe", "other"],
        probabilities(),
        rows,
        FEW,
    )["by_category"]["other"]
    assert (lacking["positives"], lacking["negatives"]) == (0, 0)
    assert {key for key, value in values(lacking).items() if value is not None} == set()


def test_rows_of_one_class_have_no_ranking(rows):
    safe = rows.take(np.flatnonzero(~IS_UNSAFE))
    found = policy_figures(POLICY, HEADS, probabilities()[~IS_UNSAFE], safe, FEW)
    assert (found["auprc"]["value"], found["recall"]["value"], found["f1"]["value"]) == (None, None, None)
    assert found["false_positive_rate"]["value"] == 1 / 20


def test_a_row_without_a_probability_is_no_figure(rows):
    with pytest.raises(UnjudgedError):
        policy_figures(POLICY, HEADS, np.full((40, 2), np.nan), rows, FEW)


# --- safe texts that sound unsafe ---


def test_safe_prompts_are_ninety_of_ten_kinds():
    pairs = safe_pairs()
    assert len(pairs) == 90
    assert [len(rows) for rows in SOUNDING_UNSAFE.values()] == [6] * 10
    assert [len(rows) for rows in CONTRASTS.values()] == [3] * 10
    assert tuple(CONTRASTS) == KINDS
    assert len({pair.prompt for pair in pairs}) == len({pair.answer for pair in pairs}) == 90
    assert [pair.is_contrast for pair in pairs] == [False] * 60 + [True] * 30
    replies = conversation_replies(as_conversations(pairs))
    assert replies.texts.to_pylist() == [pair.answer for pair in pairs]
    assert all(pair.prompt in text for pair, text in zip(pairs, replies.prompts.to_pylist(), strict=True))
    alone = conversation_replies(prompts_alone(pairs))
    assert alone.texts.to_pylist() == [pair.prompt for pair in pairs]
    assert set(alone.prompts.to_pylist()) == {""}


def test_false_refusals_by_hand():
    pairs = safe_pairs()
    answered, prompts = np.full((90, 2), 0.1), np.full((90, 2), 0.1)
    answered[:3, 0] = 0.9  # of the first kind
    answered[6, 0] = 0.5  # of the second: for people
    answered[60:66, 1] = 0.5  # refusals
    prompts[:15, 0] = 0.9
    prompts[60:, 0] = 0.9  # truly unsafe prompts: no false refusals
    found = false_refusal_figures(POLICY, HEADS, pairs, answered, prompts, FEW)
    assert values(found["sounding_unsafe"]) == pytest.approx({"flagged": 3 / 60, "flagged_or_controversial": 4 / 60})
    assert values(found["sounding_unsafe_prompts"]) == {"flagged": 0.25, "flagged_or_controversial": 0.25}
    assert values(found["refusals"]) == {"flagged": 0.2, "flagged_or_controversial": 0.2}
    assert values(found["by_kind"][KINDS[0]])["flagged"] == 0.5
    assert values(found["by_kind"][KINDS[1]]) == pytest.approx({"flagged": 0, "flagged_or_controversial": 1 / 6})
    nothing = found["by_kind"][KINDS[2]]["flagged"]
    assert (nothing["value"], nothing["low"]) == (0.0, 0.0)
    assert nothing["high"] > 0.3, "none of six is no certainty"
