"""What is served: names, policies, and what cannot be served together."""

import pytest

from plumbline.moderate.failures import ServingError
from plumbline.moderate.policy import Policy, Threshold
from plumbline.moderate.policy_text import format_policy
from plumbline.moderate.service.served import served_models
from plumbline.records import UsageError
from tests.moderate.service.asking import loaded


def test_nothing_and_policies_without_a_moderator_are_refused(preference, tmp_path):
    with pytest.raises(ServingError, match="PL-MDR-006"):
        served_models([])
    with pytest.raises(ServingError, match="PL-MDR-006"):
        served_models([loaded(preference, "reward")], [tmp_path / "policy.toml"])


def test_a_policy_of_another_model_is_refused_at_the_start(moderation, tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text(format_policy(Policy("other", 1, {"elsewhere": Threshold(0.5, 0.5)})))
    with pytest.raises(UsageError, match="PL-POL-006"):
        served_models([loaded(moderation, "mod")], [path])


def test_results_name_the_policy_that_stands_when_they_are_told(moderation, tmp_path):
    heads = list(moderation.heads)

    def write(version, flag):
        path.write_text(format_policy(Policy("own", version, {heads[0]: Threshold(flag, flag)}, tuple(heads[1:]))))

    path = tmp_path / "own.toml"
    write(1, 0.5)
    served = served_models([loaded(moderation, "mod"), loaded(moderation, "second")], [path])
    first, second = served.moderators
    told = served.teller(first, None)
    assert told.judged_by["policy"].startswith("own@1@")
    assert served.teller(first, "own") is told, "made once"
    assert served.teller(second, None).judged_by["policy"].startswith("model@")
    write(2, 0.7)
    assert served.policies.reload()
    assert served.teller(first, None).judged_by["policy"].startswith("own@2@")
    path.write_text("broken")
    with pytest.raises(UsageError):
        served.policies.reload()
    assert served.teller(first, None).judged_by["policy"].startswith("own@2@"), "the old one stays"
