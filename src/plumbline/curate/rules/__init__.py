"""The rules of recipes, one file a rule: settings, what must meet, and a pure function from rows to verdicts."""

from plumbline.curate.rules import (
    aggregate,
    balance,
    conflicts,
    exact_duplicates,
    leakage,
    moulds,
    near_duplicates,
    row_rules,
    safety_prompts,
    splits,
)
from plumbline.curate.rules.rule import Rule, RuleSettings

RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        row_rules.KEEP_AXIS,
        row_rules.PERSONAL_DATA,
        row_rules.FINDINGS,
        row_rules.LENGTHS,
        row_rules.LANGUAGE,
        row_rules.SAFETY_MATERIAL,
        safety_prompts.RULE,
        exact_duplicates.RULE,
        conflicts.RULE,
        aggregate.RULE,
        near_duplicates.RULE,
        moulds.RULE,
        leakage.RULE,
        splits.RULE,
        balance.RULE,
    )
}
"""By the name that recipes write."""

__all__ = ["RULES", "Rule", "RuleSettings"]
