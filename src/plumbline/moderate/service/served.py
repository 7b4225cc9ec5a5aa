"""What is served: models, each with its queue, and the policies of the one that moderates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from plumbline.models.cascade.model import Cascade
from plumbline.models.linear.model import LinearModel
from plumbline.models.scored_model import ScoredModel
from plumbline.moderate.batching import LINEAR, TRANSFORMER, Batcher, BatchSettings, Load
from plumbline.moderate.cascade_batching import CascadeBatcher
from plumbline.moderate.cascade_results import CascadeTeller
from plumbline.moderate.failures import ServingError, asked_elsewhere, no_such_model, no_such_policy
from plumbline.moderate.judging import turn_probabilities, turn_scores
from plumbline.moderate.loaded_models import LoadedModel
from plumbline.moderate.policy import OWN_POLICY, Policy, policy_of_model
from plumbline.moderate.policy_files import PolicyFiles
from plumbline.moderate.results import Teller

_OPENAI = ("omni-moderation-", "text-moderation-")
"""How OpenAI's models are called: who asks for one of these is answered by the first of ours."""


@dataclass(frozen=True)
class ServedModel:
    """A model and the queue before it; before a cascade two.

    Attributes:
        model: loaded.
        batcher: asks it; of a moderation model for probabilities, of others for scores.
    """

    model: LoadedModel
    batcher: Batcher | CascadeBatcher

    @property
    def loads(self) -> dict[str, Load]:
        """What there is to do, by the name of the model, or of the cascade and its part."""
        if isinstance(self.batcher, Batcher):
            return {self.model.name: self.batcher.load}
        return {f"{self.model.name}/{part}": load for part, load in self.batcher.loads().items()}


@dataclass
class Served:
    """Models and policies.

    Attributes:
        moderators: moderation models; requests that name none go to the first.
        scorers: preference and cost models.
        policies: of the first moderator; the others decide by their own thresholds. None where nothing moderates.
    """

    moderators: tuple[ServedModel, ...]
    scorers: tuple[ServedModel, ...]
    policies: PolicyFiles | None
    _tellers: dict[tuple[str, str], Teller] = field(default_factory=dict)
    _own: dict[str, Policy] = field(init=False)

    def __post_init__(self) -> None:
        self._own = {each.model.name: policy_of_model(each.model.model) for each in self.moderators[1:]}

    @property
    def all(self) -> tuple[ServedModel, ...]:
        """Every model."""
        return self.moderators + self.scorers

    def moderator(self, name: str | None) -> ServedModel:
        """The model that a request names.

        Raises:
            WebError: PL-MDR-012, it is not served, or says nothing of harm.
        """
        return self._named(self.moderators, None if name is not None and name.startswith(_OPENAI) else name)

    def chosen_scorers(self, name: str | None) -> tuple[ServedModel, ...]:
        """The preference and cost models that a request names; all where it names none.

        Raises:
            WebError: PL-MDR-012, it is not served, or gives neither.
        """
        return self.scorers if name is None else (self._named(self.scorers, name),)

    def _named(self, models: Sequence[ServedModel], name: str | None) -> ServedModel:
        """Of the models that a route asks, the one of a name, or the first."""
        found = next((each for each in models if name is None or each.model.name == name), None)
        if found is not None:
            return found
        fitting = [each.model.name for each in models]
        other = next((each for each in self.all if each.model.name == name), None)
        raise no_such_model(fitting) if other is None else asked_elsewhere(other.model.task, fitting)

    def teller(self, served: ServedModel, policy_name: str | None) -> Teller:
        """What tells the results of a moderator by the policy that a request names, as it stands now.

        Raises:
            WebError: PL-MDR-013, there is no such policy for this model.
        """
        policies = self.policies_of(served)
        policy = (
            policies[0] if policy_name is None else next((each for each in policies if each.name == policy_name), None)
        )
        if policy is None:
            raise no_such_policy([each.name for each in policies])
        key = (served.model.name, policy.digest)
        if key not in self._tellers:
            if len(self._tellers) > 100:  # of policies that were replaced
                self._tellers.clear()
            self._tellers[key] = _teller(served.model, policy)
        return self._tellers[key]

    def policies_of(self, served: ServedModel) -> list[Policy]:
        """By which a moderator may decide now, the first where a request names none."""
        if self.policies is not None and served is self.moderators[0]:
            return list(self.policies.current.values())
        return [self._own[served.model.name]]

    def told(self) -> list[str]:
        """What whoever runs the service must know of the policies as they stand, a line each."""
        return [
            line
            for served in self.moderators
            for policy in self.policies_of(served)
            for line in policy.told_of(served.model.digest)
        ]

    def close(self) -> None:
        """Ends the threads."""
        for each in self.all:
            each.batcher.close()


def served_models(
    models: Sequence[LoadedModel], policy_files: Sequence[Path] = (), settings: BatchSettings | None = None
) -> Served:
    """Models ready to be asked.

    Args:
        models: at least one.
        policy_files: of the first moderation model.
        settings: of every queue; by default what suits each model.
    Raises:
        ServingError: there is no model, or policies and nothing that moderates.
        PlumblineError: a policy is not right, see `PolicyFiles`.
    """
    if not models:
        raise ServingError(
            "PL-MDR-006", "MODEL", "there is nothing to serve", advice="name a model: plumbline serve MODEL"
        )
    moderators = tuple(ServedModel(each, _judge(each, settings)) for each in models if each.task == "moderation")
    scorers = tuple(
        ServedModel(each, Batcher(partial(turn_scores, each.model), settings or _settings(each.model)))
        for each in models
        if each.task != "moderation"
    )
    if policy_files and not moderators:
        raise ServingError(
            "PL-MDR-006",
            "--policy",
            "a policy decides for a moderation model, and none is served",
            advice="name one: plumbline serve MODERATION --policy FILE",
        )
    policies = None
    if moderators:
        model = moderators[0].model.model
        has_own = all(head.threshold is not None for head in model.heads.values())
        own = policy_of_model(model) if has_own or not policy_files else None
        policies = PolicyFiles(policy_files, tuple(model.heads), own)
    return Served(moderators, scorers, policies)


def _judge(served: LoadedModel, settings: BatchSettings | None) -> Batcher | CascadeBatcher:
    """The queue before a moderation model; before a cascade one each, so that nobody waits for the slower model in vain."""
    model = served.model
    if not isinstance(model, Cascade):
        return Batcher(partial(turn_probabilities, model), settings or _settings(model))
    first, second = (
        Batcher(partial(turn_probabilities, part, answered_by=name), settings or _settings(part))
        for part, name in zip((model.first, model.second), _part_names(served), strict=True)
    )
    return CascadeBatcher(first, second, model.band)


def _part_names(served: LoadedModel) -> tuple[str, str]:
    told = served.cascade
    return ("first", "second") if told is None else (told.first.version, told.second.version)


def _settings(model: ScoredModel) -> BatchSettings:
    return LINEAR if isinstance(model, LinearModel) else TRANSFORMER


def _teller(model: LoadedModel, policy: Policy) -> Teller:
    told = policy.name if policy.name == OWN_POLICY else f"{policy.name}@{policy.version}"
    judged_by = {"model": model.version, "data": model.data_version, "policy": f"{told}@{policy.digest[:12]}"}
    teller = CascadeTeller if isinstance(model.model, Cascade) else Teller
    return teller(tuple(model.model.heads), policy, judged_by)
