"""The forms that collected work leaves in: which kinds of study have which, and the files of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from plumbline.collect.export.failures import form_holds_nothing
from plumbline.collect.kinds import Purpose
from plumbline.collect.study_settings import CHATS, StudyFile, StudyKind, hh_subset
from plumbline.records import BEAVERTAILS_14, TAXONOMIES, Axis, Kind, unknown_name


class Form(StrEnum):
    """As ``--to`` takes them; all but the last two are formats that `plumbline.load` reads."""

    HH_RLHF = "hh-rlhf"
    RED_TEAM = "red-team"
    BEAVERTAILS = "beavertails"
    PKU_SAFERLHF = "pku-saferlhf"
    PARQUET = "parquet"
    JUDGEMENTS = "judgements"
    EVENTS = "events"


_LABELS = (Kind.SAFETY_LABELS,)
_PAIRS = (Kind.COMPARISONS,)

KINDS: Mapping[Form, Mapping[StudyKind, tuple[Kind, ...]]] = {
    Form.HH_RLHF: dict.fromkeys((*CHATS, StudyKind.PAIRS, StudyKind.TWO_AXIS_RANKING), _PAIRS),
    Form.RED_TEAM: {StudyKind.RED_TEAM_CHAT: (Kind.RED_TEAM_ATTEMPTS,)},
    Form.BEAVERTAILS: dict.fromkeys((StudyKind.SAFETY_LABELS, StudyKind.TWO_AXIS_RANKING), _LABELS),
    Form.PKU_SAFERLHF: {StudyKind.TWO_AXIS_RANKING: (*_PAIRS, *_LABELS)},
    Form.PARQUET: {
        StudyKind.PREFERENCE_CHAT: _PAIRS,
        StudyKind.PAIRS: _PAIRS,
        StudyKind.RED_TEAM_CHAT: (*_PAIRS, Kind.RED_TEAM_ATTEMPTS),
        StudyKind.SAFETY_LABELS: _LABELS,
        StudyKind.TWO_AXIS_RANKING: (*_PAIRS, *_LABELS),
    },
    Form.JUDGEMENTS: dict.fromkeys(StudyKind, ()),
    Form.EVENTS: dict.fromkeys(StudyKind, ()),
}
"""The kinds of record that a form takes from a study; a kind of study that is not named has nothing for it."""


TRAIN, TEST = "train", "test"
"""The splits."""


@dataclass(frozen=True, slots=True)
class FilePlan:
    """One file of an export.

    Attributes:
        name: relative to the folder.
        kinds: of the records in it.
        axis: only comparisons on this axis; None = on any.
        split: only records of this split.
    """

    name: str
    kinds: tuple[Kind, ...]
    axis: Axis | None
    split: str


def form_for(to: str, study: StudyFile) -> Form:
    """The form of this name.

    Raises:
        UsageError: there is none of this name, or it holds nothing of what the study collects.
    """
    if to not in list(Form):
        raise unknown_name("--to", to, list(Form))
    form = Form(to)
    forms = forms_of(study.kind, study.taxonomy)
    if form not in forms:
        raise form_holds_nothing(form, study.name, study.kind, forms)
    return form


def forms_of(kind: StudyKind, taxonomy: str) -> tuple[Form, ...]:
    """The forms that a kind of study has, whose labels are of this taxonomy where it collects any."""
    fits = {form for form in Form if kind in KINDS[form]}
    if TAXONOMIES[taxonomy] != BEAVERTAILS_14:
        fits.discard(Form.BEAVERTAILS)
    return tuple(form for form in Form if form in fits)


def kinds_told(form: Form, study: StudyFile) -> tuple[Kind, ...]:
    """What an export tells, by the kinds of record that could be made of it: on them its terms depend."""
    return KINDS[Form.PARQUET if form is Form.JUDGEMENTS else form][study.kind]


def purposes_of(form: Form, study: StudyFile) -> tuple[Purpose, ...]:
    """Whose work is read: the real items', and the adjudications', whose rulings are labels of their own.

    A preference row of BeaverTails carries the rulings in it; of rankings the label form takes the rulings alone, since
    the other labels came with the items.
    """
    gives_labels = Kind.SAFETY_LABELS in KINDS[form][study.kind] and form is not Form.PKU_SAFERLHF
    if not gives_labels:
        return (Purpose.WORK,)
    if form is Form.BEAVERTAILS and study.kind is StudyKind.TWO_AXIS_RANKING:
        return (Purpose.ADJUDICATION,)
    return (Purpose.WORK, Purpose.ADJUDICATION)


def purposes_held(form: Form, study: StudyFile) -> tuple[Purpose, ...]:
    """Whose work is in an export: that which is read, and the rulings and reviews that go into records of other work."""
    if form in (Form.JUDGEMENTS, Form.EVENTS):
        return tuple(Purpose)
    read = purposes_of(form, study)
    followed = {Purpose.ADJUDICATION: study.kind is StudyKind.TWO_AXIS_RANKING}
    followed[Purpose.REVIEW] = Kind.RED_TEAM_ATTEMPTS in KINDS[form][study.kind] and study.review is not None
    return (*read, *(purpose for purpose, is_held in followed.items() if is_held and purpose not in read))


def file_plans(form: Form, study: StudyFile, splits: tuple[str, ...]) -> tuple[FilePlan, ...]:
    """The files that an export may consist of; those that stay empty are not written."""
    kinds = KINDS[form][study.kind]
    plans: list[FilePlan] = []
    for split in splits:
        if form is Form.HH_RLHF:
            plans += [
                FilePlan(f"{hh_subset(axis, study.tranche)}/{split}.jsonl.gz", kinds, axis, split)
                for axis in study.judged_axes
            ]
        elif form is Form.PARQUET:
            plans += [FilePlan(f"{kind}/{split}.parquet", (kind,), None, split) for kind in kinds]
        elif form is Form.RED_TEAM:
            # The public file's name tells no split, and readers would pass it over beside one that does.
            name = split if len(splits) > 1 else "red_team_attempts"
            plans.append(FilePlan(f"red-team-attempts/{name}.jsonl.gz", kinds, None, split))
        else:
            plans.append(FilePlan(f"{split}.jsonl.gz", kinds, None, split))
    return tuple(plans)
