"""What a round's file may say; how it is read is `round_file`'s subject.

Names of settings are those of the commands that a step stands for, so that what one learns here holds there.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from plumbline.lineage import Use

Text = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Name = Annotated[str, StringConstraints(pattern=r"\A[A-Za-z0-9][A-Za-z0-9_-]{0,62}\z")]
Variable = Annotated[str, StringConstraints(pattern=r"\A[A-Z][A-Z0-9_]{0,63}\z")]
Share = Annotated[float, Field(ge=0, lt=1)]
Rate = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """A table of the file; what is not known is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _spelled_out(name: str) -> BeforeValidator:
    """A word where a table may stand: the table that it is short for."""
    return BeforeValidator(lambda value: {name: value} if isinstance(value, str) else value)


class SourceTable(Section):
    """A source, and how it is read: as `formats.load` takes them."""

    source: Text
    data_dir: Text | None = None
    split: Text | None = None
    axis: Literal["helpfulness", "harmlessness", "overall"] | None = None
    format: Text | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it is read as it stands."""
        return self.model_fields_set == {"source"}


class StudyTable(Section):
    """A study, and the environment variable that names its store where it does not stand beside the study file."""

    study: Text
    store_variable: Variable | None = None


Source = Annotated[SourceTable, _spelled_out("source")]
Study = Annotated[StudyTable, _spelled_out("study")]


class Data(Section):
    """What is judged: of studies, as they stand when the round begins, and of sources.

    Attributes:
        test_share: of a study's prompts, for the split test: the same prompts in every round.
        empty_studies: what becomes of the round where nothing in a study is judged yet.
    """

    studies: Annotated[tuple[Study, ...], Field(max_length=100)] = ()
    sources: Annotated[tuple[Source, ...], Field(max_length=100)] = ()
    test_share: Share = 0.1
    empty_studies: Literal["stop", "skip"] = "stop"
    licence: Text | None = None
    uses: tuple[Use, ...] | None = None


class Curate(Section):
    """How it is cleaned."""

    recipe: Text = "clean"


class Release(Section):
    """A release of what is curated; see `release.ReleaseOptions`. `previous` is that of the round before by default."""

    answers: Text | None = None
    previous: Text | None = None
    version: Text | None = None
    accept: dict[str, Text] = Field(default_factory=dict)
    licence: Text | None = None
    uses: tuple[Use, ...] | None = None


class ModelSettings(Section):
    """What the training commands take, by the names of their options; what is absent takes their default."""

    features: Literal["words", "characters"] | None = None
    l2: Annotated[float, Field(ge=1e-6)] | None = None
    out_of_fold: bool | None = None
    recipe: Text | None = None
    false_positive_rate: Annotated[float, Field(ge=0.0001, le=0.5)] | None = None
    epochs: Count | None = None
    learning_rate: Rate | None = None
    head_learning_rate: Rate | None = None
    rows_per_step: Count | None = None
    tokens_per_batch: Count | None = None
    max_tokens: Count | None = None
    template: Literal["hh", "chat"] | None = None
    lora: Count | None = None
    frozen: bool | None = None
    ensemble: Annotated[int, Field(ge=2, le=1000)] | None = None
    merge_adapter: bool | None = None
    precision: Literal["fp32", "bf16"] | None = None
    gradient_checkpointing: bool | None = None
    held_out: Annotated[float, Field(ge=0.01, le=0.5)] | None = None
    patience: Count | None = None
    margin: Annotated[float, Field(ge=0)] | None = None
    smoothing: Annotated[float, Field(ge=0, le=0.49)] | None = None
    centring: Annotated[float, Field(ge=0)] | None = None
    balance_categories: bool | None = None
    checkpoint_every: Count | None = None
    tensorboard: bool | None = None
    revision: Text | None = None
    trust_remote_code: bool | None = None
    threads: Count | None = None

    def for_training(self) -> dict[str, Any]:
        """As `TrainingRun.settings` names them."""
        given = {name: value for name, value in self if value is not None}
        return {_TRAINING_NAMES.get(name, name): value for name, value in given.items()}


_TRAINING_NAMES = {"false_positive_rate": "max_false_positive_rate"}


class Model(Section):
    """A model that is trained and measured on the curated rows.

    Attributes:
        model: ``linear``, or the transformer to start from: a folder or a hub id.
        on: axis of a preference model, where the rows are on several.
        allow_chance: it may choose though its figures do not show that it is better than chance.
    """

    name: Name
    task: Literal["preference", "cost", "moderation"]
    on: Literal["helpfulness", "harmlessness", "overall"] | None = None
    model: Text = "linear"
    settings: ModelSettings = Field(default_factory=ModelSettings)
    allow_chance: bool = False
    override_uses: bool = False


class Sampler(Section):
    """Several replies to each prompt, of which a model of the round chooses the best; see `best_of_n.opening.BestOfNRun`.

    Attributes:
        scorer: the name of a model of the round.
        judge: that of another, or a model's folder.
    """

    prompts: Source
    policy: Text
    scorer: Name
    judge: Text | None = None
    replies: Annotated[int, Field(ge=1, le=256)] = 16
    most_prompts: Count | None = None
    temperature: Annotated[float, Field(ge=0, le=100)] = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    top_k: Count | None = None
    max_tokens: Count = 512
    key_variable: Variable | None = None
    allow_private: bool = False
    write: tuple[Literal["comparisons", "supervised"], ...] = ()
    override_uses: bool = False


class Next(Section):
    """The study that the next round begins with.

    Attributes:
        study: the study that it is made like.
        tranche: where its replies come from; ``rejection-sampled`` in a first round, ``online`` in later ones, by default.
        k: of best-of-k, which the round's scorer chooses by.
        sources: that reply in it; those of the study that it is made like, by default.
    """

    study: Text
    name: Annotated[str, StringConstraints(pattern=r"\A[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\z")]
    tranche: Literal["rejection-sampled", "online"] | None = None
    k: Annotated[int, Field(ge=2, le=256)] = 16
    sources: Annotated[tuple[Text, ...], Field(min_length=1, max_length=1)] | None = None


class RoundSettings(Section):
    """One round.

    Attributes:
        name: of the round.
        before: the folder of the round before.
        seed: of everything that is drawn.
        out: the round's folder; beside the file and called like it by default.
    """

    name: Name
    before: Text | None = None
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    out: Text | None = None
    data: Data
    curate: Curate = Field(default_factory=Curate)
    release: Release | None = None
    models: Annotated[tuple[Model, ...], Field(max_length=20)] = ()
    sampler: Sampler | None = None
    next: Next | None = None
