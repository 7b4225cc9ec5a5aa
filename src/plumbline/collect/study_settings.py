"""The settings of a study, as its TOML file holds them; how they fit together is `study_checks`' subject.

What stands here under "Attributes" is printed in ``docs/study-file.md``, see `study_reference`: a line for each setting.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from plumbline.lineage import Use
from plumbline.records import Axis


class StudyKind(StrEnum):
    """The five kinds of study."""

    PREFERENCE_CHAT = "preference-chat"
    RED_TEAM_CHAT = "red-team-chat"
    SAFETY_LABELS = "safety-labels"
    TWO_AXIS_RANKING = "two-axis-ranking"
    PAIRS = "pairs"


CHATS = (StudyKind.PREFERENCE_CHAT, StudyKind.RED_TEAM_CHAT)
"""Kinds whose items are live conversations."""


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

Share = Annotated[float, Field(gt=0, le=1)]
PathText = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=80)]


class Section(BaseModel):
    """Settings of the file or of one of its tables; what is not known is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def spelled_out(items: Any) -> Any:
    """``items = "workers"`` and ``items = "FILE"`` as the table that they are short for."""
    if not isinstance(items, str):
        return items
    return {"from_workers": True} if items == "workers" else {"data": items}


class Items(Section):
    """Where the items come from; one of the first three.

    Attributes:
        data: A data set in a format that Plumbline reads, a file or a folder; ``pairs`` is the one for pairs of your own.
        prompts: A file of prompts that conversations begin with: CSV, or lines with ``prompt`` and perhaps ``category``; chats only.
        from_workers: The workers begin the conversations; chats only.
        conversations: How many conversations workers may begin, with ``from_workers``; left out, as many as they ask for. A few
            are entered ahead, 32 at a time: that is what ``collect status`` counts as items and places.
        split: The split of the data or prompts to take; left out, all of them.
        data_dir: The folder within the data to take, as ``load_dataset`` calls it; left out, the whole.
    """

    data: PathText | None = None
    prompts: PathText | None = None
    from_workers: bool = False
    conversations: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    split: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    data_dir: PathText | None = None


class PriorityRule(Section):
    """Which items come first. The first rule that fits an item gives its priority; without one that fits it is 0.

    Attributes:
        field: What of the item's record is looked at.
        equals: What must stand there, letter for letter.
        priority: 9 comes first, 0 last.
    """

    field: Literal["subset", "split", "source", "tranche", "category"]
    equals: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    priority: Annotated[int, Field(ge=0, le=9)]


class Replies(Section):
    """Where the two replies of a turn come from.

    Attributes:
        sampler: Two samples of one model, one each of two models drawn blind, or two of the k that a scorer likes best.
        sources: Addresses: ``openai:MODEL@URL``, ``transformers:PATH`` or ``retrieval:PATH``. One; two or more for two-models.
        scorer: The folder of a preference model, for best-of-k and required there.
        k: How many replies the best are taken from; best-of-k only.
        temperature: How freely replies are sampled; 0 always gives the likeliest.
        top_p: Sample from the likeliest words that together have this chance.
        top_k: Sample from so many of the likeliest words; left out, from all.
        max_tokens: The longest reply, in tokens of the model.
        pairing: The two best of the k, or the best of each half, which are less alike; best-of-k only.
        key_variable: The name of the environment variable that holds the endpoints' key. The key itself stands nowhere.
        allow_private: Endpoints may stand at private or loopback addresses.
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
    """Items with known answers that a worker must get right before the real ones.

    Attributes:
        items: A data set as in ``items.data``, of judged or labelled rows.
        pass_share: The share of the answers that must be right.
    """

    items: PathText
    pass_share: Share


class Gold(Section):
    """Items with known answers strewn among the real ones, to see how well workers judge.

    Attributes:
        items: A data set as in ``items.data``, of judged or labelled rows.
        share: The share of what a worker is given that is gold.
    """

    items: PathText
    share: Annotated[float, Field(gt=0, lt=1)]


class Attention(Section):
    """Items that everybody who reads them gets right, to see who does not read.

    Attributes:
        items: A data set as in ``items.data``, of judged or labelled rows.
        every: One comes after so many others.
    """

    items: PathText
    every: Annotated[int, Field(ge=2, le=10_000)]


class Review(Section):
    """Blind review of red-team transcripts by other workers.

    Attributes:
        reviewers: How many others look at each attempt.
        tags: The list that reviewers choose from; left out, the tags that Ganguli et al. 2022 name.
        most_tags: How many of them one reviewer may give.
        show_description: Reviewers see what the author intended; never who, which model, or the author's own rating.
    """

    reviewers: Annotated[int, Field(ge=1, le=20)] = 3
    tags: Annotated[tuple[Tag, ...], Field(min_length=1, max_length=100)] = PAPER_TAGS
    most_tags: Annotated[int, Field(ge=0, le=20)] = 2
    show_description: bool = True


class SpotCheck(Section):
    """Finished work whose writing a reviewer looks at and marks.

    Attributes:
        share: The share of the work that is looked at.
        first: So many of each worker's first are looked at in any case.
    """

    share: Share
    first: Annotated[int, Field(ge=0, le=1_000)] = 0


Minutes = Annotated[int, Field(ge=1, le=1_440)]
# Both stand in addresses, and the code is typed by people: neither needs more than this.
Code = Annotated[str, StringConstraints(max_length=64, pattern=r"\A[A-Za-z0-9_-]{1,64}\z")]


class Wellbeing(Section):
    """What is done so that nobody is hurt by what they read.

    Attributes:
        warning: What workers may come to read: shown before the first item, and again whenever they ask.
        blur: Texts of items stand blurred until the worker asks to see them.
        topics: Workers may opt out of topics, the harm categories that items bring; see how-to/collect.md.
        mood_every: After so many finished items the worker is asked how they feel; left out, never.
        break_after_minutes: After so many minutes without a pause one is suggested; left out, never.
        most_minutes_a_day: After so many minutes of work in a day (UTC) the page says that it is enough for today; nothing is
            taken away. Left out, never.
    """

    warning: Annotated[str, StringConstraints(min_length=1, max_length=4_000)] | None = None
    blur: bool = False
    topics: bool = False
    mood_every: Annotated[int, Field(ge=1, le=1_000)] | None = None
    break_after_minutes: Minutes | None = None
    most_minutes_a_day: Minutes | None = None


class Prolific(Section):
    """Workers who come from Prolific, by the address of the study there.

    Attributes:
        study: Prolific's own id of the study; who arrives with another is refused.
        completion_code: What shows Prolific that the work was done; told to workers once it is.
        items: So many finished items complete a visit.
    """

    study: Code
    completion_code: Code
    items: Annotated[int, Field(ge=1, le=10_000)]


class Mturk(Section):
    """Workers who come from Amazon Mechanical Turk, by a HIT that shows a page of ours in a frame.

    Attributes:
        items: So many finished items complete a visit, which is one HIT of one worker.
        sandbox: HITs come from MTurk's sandbox, where nobody is paid, and from nowhere else; ``false`` for the real one.
        minutes: How long a visit takes, roughly; told before a HIT is accepted.
        pay: What is paid and when, in a sentence or two; told before a HIT is accepted, beside the reward that MTurk shows.
    """

    items: Annotated[int, Field(ge=1, le=10_000)]
    sandbox: bool
    minutes: Minutes | None = None
    pay: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None


class StudyFile(Section):
    """One study.

    Attributes:
        name: Up to 63 of a-z, 0-9 and hyphens, none at either end. Names the study in the store, the API and exports.
        kind: What workers do, see the examples in how-to/collect.md.
        axes: What is judged; required for preference-chat (one) and pairs (one or both), given by the kind otherwise.
        tranche: Where the replies come from, see below; stands in every row.
        overlap: How many workers judge each item. The dashboard counts these as places: 100 items with 3 workers each have 300.
        lease_minutes: How long an item is a worker's own without a sign of life.
        per_worker_limit: The most items that one worker may finish; left out, there is no limit.
        guidelines: The path of a Markdown file that workers read.
        warning: What is said before a red-team chat, besides asking for consent; required there.
        items: Where the items come from, a table: see below. ``"workers"`` and ``"FILE"`` are short for ``from_workers`` and ``data``.
        priorities: Which items come first, tables: see below.
        question: What is asked of two replies on harmlessness. What is stored is the better one, whatever was asked.
        strengths: How many steps the scale has from "A" to "B"; an even number, so that there is no middle.
        continues: Which reply the conversation goes on with: the better or worse on the axis, the worker's choice, or one drawn.
        turns: The most human turns of a chat.
        least_turns: After so many turns the worker may end a chat instead of saying more; left out, a chat has all its turns.
        edit: The worker may edit the reply.
        rating: A chat ends with a rating of four steps.
        comment: The worker may leave a comment.
        replies: Where live replies come from, a table: see below; required for chats.
        qualification: A test before the real items, a table: see below.
        gold: Known answers among the real items, a table: see below.
        attention: Items that only somebody who does not read gets wrong, a table: see below.
        review: Blind review of attempts by others, a table: see below.
        spot_check: Writing that a reviewer looks at, a table: see below.
        help: A link that workers find on every page: `http://`, `https://` or `mailto:`.
        wellbeing: What is done so that nobody is hurt by what they read, a table: see below.
        prolific: Workers who come from Prolific, a table: see below.
        mturk: Workers who come from Amazon Mechanical Turk, a table: see below.
        taxonomy: The harm categories of labels.
        uses: What workers were told that their work is used for; an export permits no more. Left out, nothing is said.
        licence: An SPDX name, or ``LicenseRef-`` and your own: under which the work is passed on. Left out, nothing is said.
        seed: Of everything that is drawn, the order of replies among it; a secret of the study goes in as well, so that
            nothing can be foretold from the file.
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
    items: Annotated[Items, BeforeValidator(spelled_out)]
    priorities: Annotated[tuple[PriorityRule, ...], Field(max_length=100)] = ()
    question: Question = Question.BETTER
    strengths: Annotated[int, Field(ge=2, le=20)] = 8
    continues: Continues = Continues.BETTER
    turns: Annotated[int, Field(ge=1, le=50)] = 4
    least_turns: Annotated[int, Field(ge=1, le=50)] | None = None
    edit: bool = False
    rating: bool = False
    comment: bool = False
    replies: Replies | None = None
    qualification: Qualification | None = None
    gold: Gold | None = None
    attention: Attention | None = None
    review: Review | None = None
    spot_check: SpotCheck | None = None
    help: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None
    wellbeing: Wellbeing | None = None
    prolific: Prolific | None = None
    mturk: Mturk | None = None
    taxonomy: Literal["beavertails-14", "pku-19"] = "beavertails-14"
    uses: Annotated[tuple[Use, ...], Field(min_length=1)] | None = None
    licence: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0

    @property
    def judged_axes(self) -> tuple[Axis, ...]:
        """What is judged: as stated, else as the kind says."""
        return self.axes if self.axes is not None else _AXES.get(self.kind, ())

    @property
    def has_topics(self) -> bool:
        """Whether workers may opt out of topics."""
        return self.wellbeing is not None and self.wellbeing.topics

    @property
    def subset(self) -> str | None:
        """The subset that rows of one axis belong to, spelled as hh-rlhf spells its folders."""
        if len(self.judged_axes) != 1:
            return None
        return hh_subset(self.judged_axes[0], self.tranche)


def hh_subset(axis: Axis, tranche: Tranche) -> str:
    """``helpful-base``, ``harmless-online`` …: the folder of hh-rlhf that such comparisons belong to."""
    return f"{'helpful' if axis is Axis.HELPFULNESS else 'harmless'}-{tranche.value}"
