"""The settings of a study, as its TOML file holds them; how they fit together is `study_checks`' subject."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from plumbline.lineage import Use
from plumbline.records import TAXONOMIES, Axis


class StudyKind(StrEnum):
    """The five kinds of study."""

    PREFERENCE_CHAT = "preference-chat"
    RED_TEAM_CHAT = "red-team-chat"
    SAFETY_LABELS = "safety-labels"
    TWO_AXIS_RANKING = "two-axis-ranking"
    PAIRS = "pairs"


class Tranche(StrEnum):
    """Where a study's replies come from, in the words of Bai et al. 2022."""

    BASE = "base"
    REJECTION_SAMPLED = "rejection-sampled"
    ONLINE = "online"


class Question(StrEnum):
    """What the worker is asked of two replies. What is stored is the better side, whatever is asked."""

    BETTER = "better"
    MORE_HARMFUL = "more harmful"


class Continues(StrEnum):
    """Which reply the conversation goes on with; *better* and *worse* are meant on the study's axis."""

    BETTER = "better"
    WORSE = "worse"
    CHOICE = "choice"
    RANDOM = "random"


class Sampler(StrEnum):
    """How two replies are drawn."""

    TWO_SAMPLES = "two-samples"
    TWO_MODELS = "two-models"
    BEST_OF_K = "best-of-k"


PAPER_TAGS = (
    *("discrimination & injustice", "hate speech & offensive language", "violence & incitement"),
    *("non-violent unethical behaviour", "bullying & harassment", "child abuse", "self-harm"),
    *("sexual exploitation & human trafficking", "terrorism & organized crime", "animal abuse", "other"),
)
"""The tags that Ganguli et al. 2022 name; their list of 20 was not published whole, so a study may state its own."""

_AXES = {
    StudyKind.RED_TEAM_CHAT: (Axis.HARMLESSNESS,),
    StudyKind.SAFETY_LABELS: (),
    StudyKind.TWO_AXIS_RANKING: (Axis.HELPFULNESS, Axis.HARMLESSNESS),
}
LABEL_TAXONOMIES = tuple(name for name, categories in TAXONOMIES.items() if categories)

Share = Annotated[float, Field(gt=0, le=1)]
PathText = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=80)]


class Section(BaseModel):
    """Settings of the file or of one of its tables; what is not known is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def _spelled_out(items: Any) -> Any:
    """``items = "workers"`` and ``items = "FILE"`` as the table that they are short for."""
    if not isinstance(items, str):
        return items
    return {"from_workers": True} if items == "workers" else {"data": items}


class Items(Section):
    """Where the items come from; one of the first three.

    Attributes:
        data: a data set of ours or in a known format; a file or a folder.
        prompts: a file of prompts.
        from_workers: the workers begin the conversations.
        conversations: how many of these; None = as many as are asked for.
        split, data_dir: as in ``plumbline.load``.
    """

    data: PathText | None = None
    prompts: PathText | None = None
    from_workers: bool = False
    conversations: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    split: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    data_dir: PathText | None = None


class PriorityRule(Section):
    """Items whose record says `equals` under `field` come with this priority; 9 comes first, 0 last."""

    field: Literal["subset", "split", "source", "tranche", "category"]
    equals: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    priority: Annotated[int, Field(ge=0, le=9)]


class Replies(Section):
    """Where the two replies of a turn come from.

    Attributes:
        sampler: two samples of one model, of two models drawn blind, or the best of k by a scorer.
        sources: addresses, ``openai:MODEL@URL``, ``transformers:PATH`` or ``retrieval:PATH``.
        scorer: a model's folder, for best-of-k.
        k: replies that the best are taken from.
        temperature, top_p, top_k, max_tokens: how a reply is sampled.
        pairing: which two of the k, see `sources.BestOf`.
        key_variable: name of the environment variable that holds the endpoints' key; the key itself stands nowhere.
        allow_private: endpoints may stand at private or loopback addresses.
    """

    sampler: Sampler
    sources: Annotated[tuple[PathText, ...], Field(max_length=20)]
    scorer: PathText | None = None
    k: Annotated[int, Field(ge=2, le=256)] = 16
    temperature: Annotated[float, Field(ge=0, le=5)] = 1.0
    top_p: Share = 1.0
    top_k: Annotated[int, Field(ge=1, le=100_000)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=32_768)] = 512
    pairing: Literal["two-best", "halves"] = "two-best"
    key_variable: Annotated[str, StringConstraints(pattern=r"\A[A-Z][A-Z0-9_]{0,63}\z")] | None = None
    allow_private: bool = False


class Qualification(Section):
    """Items with known answers that a worker must get right, as a share, before the real ones."""

    items: PathText
    pass_share: Share


class Gold(Section):
    """Items with known answers strewn among the real ones; `share` of what a worker is given."""

    items: PathText
    share: Annotated[float, Field(gt=0, lt=1)]


class Attention(Section):
    """Items that everybody who reads them gets right; one after `every` others."""

    items: PathText
    every: Annotated[int, Field(ge=2, le=10_000)]


class Review(Section):
    """Blind review of red-team transcripts by other workers.

    Attributes:
        reviewers: how many look at each.
        tags, most_tags: the list, and how many of it one reviewer may give.
        show_description: whether reviewers see what the author intended; never who, which model, or the own rating.
    """

    reviewers: Annotated[int, Field(ge=1, le=20)] = 3
    tags: Annotated[tuple[Tag, ...], Field(min_length=1, max_length=100)] = PAPER_TAGS
    most_tags: Annotated[int, Field(ge=0, le=20)] = 2
    show_description: bool = True


class SpotCheck(Section):
    """Finished work whose writing is looked at: the `first` of each worker, and `share` of the rest."""

    share: Share
    first: Annotated[int, Field(ge=0, le=1_000)] = 0


class StudyFile(Section):
    """One study.

    Attributes:
        name: lower case, digits and hyphens; names folders and rows.
        kind: which of the five.
        axes: what is judged; stated for preference chats (one) and pairs (one or two), given by the kind otherwise.
        tranche: where the replies come from; stands in every row.
        overlap: how many workers judge each item.
        lease_minutes: how long an item is a worker's own without a sign of life.
        per_worker_limit: most items of one worker; None = no limit.
        guidelines: path of a Markdown file.
        warning: what is said before a red-team chat, besides asking for consent.
        items: where they come from.
        priorities: the first rule that fits an item gives its priority, 0 otherwise.
        question, strengths: what is asked of two replies, and on how many steps from "A" to "B"; an even number.
        continues: which reply the conversation goes on with.
        turns: human turns of a chat.
        edit: whether the worker may edit a reply.
        rating, comment: whether the end asks for a rating of four steps, for a comment.
        replies, qualification, gold, attention, review, spot_check: see there; None = none.
        taxonomy: the harm categories of labels.
        uses, licence: what workers were told that their work is used for, and under which licence it is passed on; an
            export permits no more. None says nothing.
        seed: of everything that is drawn.
    """

    name: Annotated[str, StringConstraints(pattern=r"\A[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\z")]
    kind: StudyKind
    axes: tuple[Literal[Axis.HELPFULNESS, Axis.HARMLESSNESS], ...] | None = None
    tranche: Tranche
    overlap: Annotated[int, Field(ge=1, le=100)] = 1
    lease_minutes: Annotated[int, Field(ge=1, le=1_440)] = 30
    per_worker_limit: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    guidelines: PathText
    warning: Annotated[str, StringConstraints(min_length=1, max_length=4_000)] | None = None
    items: Annotated[Items, BeforeValidator(_spelled_out)]
    priorities: Annotated[tuple[PriorityRule, ...], Field(max_length=100)] = ()
    question: Question = Question.BETTER
    strengths: Annotated[int, Field(ge=2, le=20)] = 8
    continues: Continues = Continues.BETTER
    turns: Annotated[int, Field(ge=1, le=50)] = 4
    edit: bool = False
    rating: bool = False
    comment: bool = False
    replies: Replies | None = None
    qualification: Qualification | None = None
    gold: Gold | None = None
    attention: Attention | None = None
    review: Review | None = None
    spot_check: SpotCheck | None = None
    taxonomy: Literal["beavertails-14", "pku-19"] = "beavertails-14"
    uses: Annotated[tuple[Use, ...], Field(min_length=1)] | None = None
    licence: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0

    @property
    def judged_axes(self) -> tuple[Axis, ...]:
        """What is judged: as stated, else as the kind says."""
        return self.axes if self.axes is not None else _AXES.get(self.kind, ())

    @property
    def subset(self) -> str | None:
        """The subset that rows of one axis belong to, spelled as hh-rlhf spells its folders."""
        if len(self.judged_axes) != 1:
            return None
        return hh_subset(self.judged_axes[0], self.tranche)


def hh_subset(axis: Axis, tranche: Tranche) -> str:
    """``helpful-base``, ``harmless-online`` …: the folder of hh-rlhf that such comparisons belong to."""
    return f"{'helpful' if axis is Axis.HELPFULNESS else 'harmless'}-{tranche.value}"
