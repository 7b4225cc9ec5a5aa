"""What does not fit together in a study whose settings are each right: told with the key it is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from plumbline.collect.seen_text import has_something_to_see
from plumbline.collect.study_lines import KeyPath
from plumbline.collect.study_people_checks import help_problems, visit_problems, wellbeing_problems
from plumbline.collect.study_problems import StudyProblem, written_key
from plumbline.collect.study_settings import (
    CHATS,
    Question,
    Replies,
    Sampler,
    StudyFile,
    StudyKind,
    Tranche,
    spelled_out,
)
from plumbline.lineage import StatedTerms
from plumbline.records import Axis, UsageError
from plumbline.sources.addressing import parse_address

_EVERY = tuple(StudyKind)
_KNOWN_ANSWERS = tuple(kind for kind in _EVERY if kind is not StudyKind.RED_TEAM_CHAT)
# Among live conversations, one whose replies stand there already would be told at a glance.
_AMONG_OTHERS = tuple(kind for kind in _EVERY if kind not in CHATS)

KINDS_OF_KEY: dict[str, tuple[StudyKind, ...]] = {
    "question": (*CHATS, StudyKind.PAIRS),
    "strengths": (*CHATS, StudyKind.PAIRS),
    "continues": CHATS,
    "turns": CHATS,
    "least_turns": CHATS,
    "edit": (StudyKind.PREFERENCE_CHAT,),
    "rating": (StudyKind.PREFERENCE_CHAT,),
    "replies": CHATS,
    "warning": (StudyKind.RED_TEAM_CHAT,),
    "review": (StudyKind.RED_TEAM_CHAT,),
    "taxonomy": (StudyKind.SAFETY_LABELS, StudyKind.TWO_AXIS_RANKING),
    "qualification": _KNOWN_ANSWERS,
    "gold": _AMONG_OTHERS,
    "attention": _AMONG_OTHERS,
    "spot_check": CHATS,
}
"""Which kinds know a key; one that is not named here is known to all."""

Check = Callable[[StudyFile], Iterator[StudyProblem]]


def study_problems(study: StudyFile) -> Iterator[StudyProblem]:
    """Everything in the settings that does not fit together; files are not looked at."""
    for check in _CHECKS:
        yield from check(study)


_PATHS: tuple[tuple[str, ...], ...] = (
    ("guidelines",),
    ("items", "data"),
    ("items", "prompts"),
    ("replies", "scorer"),
    *((name, "items") for name in ("qualification", "gold", "attention")),
)
"""The settings that name files."""


def missing_file_problems(data: Mapping[str, Any], folder: Path) -> Iterator[StudyProblem]:
    """The files that a study names and that are not there; paths start from the study file's folder.

    Args:
        data: the tables of the file as they stand, since what is wrong in one setting is no reason to pass over another.
    """
    tables = {**data, "items": spelled_out(data.get("items"))}
    for key in _PATHS:
        path: Any = tables
        for name in key:
            path = path.get(name) if isinstance(path, Mapping) else None
        if isinstance(path, str) and not _is_there(folder, path):
            yield _problem(
                "PL-STY-007",
                key,
                "names a file that is not there",
                "a path that starts from the study file's folder",
                f'nothing at "{path[:200]}"',
                f"put it there, or mend {written_key(key)}",
            )


def _is_there(folder: Path, path: str) -> bool:
    try:
        return (folder / path).exists()
    except (OSError, ValueError):  # too long, or with a NUL: no file has such a name
        return False


def _problem(code: str, key: KeyPath, problem: str, expected: str, found: str, advice: str) -> StudyProblem:
    return StudyProblem(code=code, key=key, problem=problem, expected=expected, found=found, advice=advice)


def _contradiction(key: KeyPath, problem: str, expected: str, found: str, advice: str) -> StudyProblem:
    return _problem("PL-STY-006", key, problem, expected, found, advice)


def _keys_of_other_kinds(study: StudyFile) -> Iterator[StudyProblem]:
    for key in sorted(study.model_fields_set):
        kinds = KINDS_OF_KEY.get(key, _EVERY)
        if study.kind not in kinds:
            yield _problem(
                "PL-STY-005",
                (key,),
                "belongs to another kind of study",
                " or ".join(kinds),
                study.kind,
                f"leave {key} out, or change kind",
            )


def _axes(study: StudyFile) -> Iterator[StudyProblem]:
    axes, kind = study.axes, study.kind
    key: KeyPath = ("axes",)
    if axes is None:
        if kind in (StudyKind.PREFERENCE_CHAT, StudyKind.PAIRS):
            yield _problem("PL-STY-003", key, "is missing", "what is judged", "", 'axes = ["harmlessness"], say')
        return
    found = ", ".join(axes) or "none"
    if len(set(axes)) < len(axes):
        yield _contradiction(key, "an axis stands twice", "each axis once", found, "name each axis once")
    wanted = {
        StudyKind.PREFERENCE_CHAT: ("one axis: every turn asks one question", len(set(axes)) == 1),
        StudyKind.PAIRS: ("one axis or both", len(axes) > 0),
        StudyKind.RED_TEAM_CHAT: ("harmlessness", set(axes) == {Axis.HARMLESSNESS}),
        StudyKind.SAFETY_LABELS: ("none: labels say which harms there are", not axes),
        StudyKind.TWO_AXIS_RANKING: ("both axes", len(set(axes)) == 2),
    }
    expected, is_right = wanted[kind]
    if not is_right:
        yield _contradiction(key, f"{kind} does not judge these axes", expected, found, "mend axes, or leave it out")


def _question(study: StudyFile) -> Iterator[StudyProblem]:
    if study.question is Question.MORE_HARMFUL and Axis.HARMLESSNESS not in study.judged_axes:
        yield _contradiction(
            ("question",),
            "asks for harm where harmlessness is not judged",
            'axes with "harmlessness"',
            ", ".join(study.judged_axes) or "no axis",
            'question = "better", or axes = ["harmlessness"]',
        )


def _strengths(study: StudyFile) -> Iterator[StudyProblem]:
    if study.strengths % 2:
        yield _contradiction(
            ("strengths",),
            "a scale with a middle would have a tie",
            "an even number of steps, half for each side",
            str(study.strengths),
            f"strengths = {study.strengths + 1}",
        )


def _turns(study: StudyFile) -> Iterator[StudyProblem]:
    if study.least_turns is not None and study.least_turns > study.turns:
        yield _contradiction(
            ("least_turns",),
            "is more than the most turns of a chat",
            f"at most turns, {study.turns}",
            str(study.least_turns),
            f"least_turns = {study.turns}, or more turns",
        )


def _items(study: StudyFile) -> Iterator[StudyProblem]:
    items = study.items
    given = [name for name in ("data", "prompts", "from_workers") if getattr(items, name)]
    key: KeyPath = ("items",)
    if len(given) != 1:
        yield _contradiction(
            key,
            "must come from one place",
            "one of data, prompts, from_workers",
            ", ".join(given) or "none",
            "keep one",
        )
        return
    if study.kind not in CHATS and given != ["data"]:
        yield _contradiction(
            (*key, given[0]),
            f"{study.kind} judges what stands in a data set",
            "data",
            given[0],
            'items = { data = "FILE" }',
        )
    for name, needs in (("conversations", ("from_workers",)), ("split", ("data", "prompts")), ("data_dir", ("data",))):
        if getattr(items, name) is not None and given[0] not in needs:
            yield _contradiction(
                (*key, name), f"has no meaning with {given[0]}", f"{' or '.join(needs)}", given[0], f"leave {name} out"
            )
    if study.priorities and items.from_workers:
        yield _contradiction(
            ("priorities",),
            "conversations that workers begin have no fields",
            "data or prompts",
            "from_workers",
            "leave it out",
        )


def _repeated(names: tuple[str, ...]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _review(study: StudyFile) -> Iterator[StudyProblem]:
    review = study.review
    if review is None:
        return
    for position, tag in enumerate(review.tags):
        yield from _unsaid(("review", "tags", position), tag)
    if twice := _repeated(tuple(tag.strip().casefold() for tag in review.tags)):
        yield _contradiction(
            ("review", "tags"),
            "a tag stands twice",
            "each tag once, whatever its case",
            ", ".join(twice)[:200],
            "remove one",
        )
    if review.most_tags > len(review.tags):
        yield _contradiction(
            ("review", "most_tags"),
            "more tags than there are",
            f"at most {len(review.tags)}",
            str(review.most_tags),
            "lower most_tags, or name more tags",
        )


def _replies(study: StudyFile) -> Iterator[StudyProblem]:
    if study.kind not in CHATS:
        return
    if study.replies is None:
        advice = 'add a table [replies] with sampler = "two-samples" and sources = ["retrieval:FILE"], say'
        yield _problem("PL-STY-003", ("replies",), "is missing", "where the replies of a chat come from", "", advice)
        return
    yield from _sources(study.replies.sampler, study.replies.sources)
    yield from _endpoint_settings(study.replies)
    yield from _best_of_k(study)


def _sources(sampler: Sampler, sources: tuple[str, ...]) -> Iterator[StudyProblem]:
    key: KeyPath = ("replies", "sources")
    if sampler is Sampler.TWO_MODELS:
        expected, is_right = "two sources or more", len(sources) >= 2
    else:
        expected, is_right = "one source", len(sources) == 1
    if not is_right:
        advice = "name its sources" if not sources else "change sources, or sampler"
        yield _contradiction(key, f"not what {sampler} draws from", expected, f"{len(sources)}", advice)
    if _repeated(sources):
        yield _contradiction(key, "a source stands twice", "each source once", f"{len(sources)}", "remove one")
    for position, address in enumerate(sources):
        yield from _address((*key, position), address)


def _address(key: KeyPath, address: str) -> Iterator[StudyProblem]:
    try:
        parse_address(address)
    except UsageError as error:
        yield _problem(error.code, key, error.problem, error.expected, error.found, error.advice)


def _endpoint_settings(replies: Replies) -> Iterator[StudyProblem]:
    if any(address.startswith("openai:") for address in replies.sources):
        return
    for name in ("key_variable", "allow_private"):
        if name in replies.model_fields_set:
            yield _contradiction(
                ("replies", name), "only endpoints read this", "a source openai:…", "none", "leave it out"
            )


def _best_of_k(study: StudyFile) -> Iterator[StudyProblem]:
    replies = study.replies
    if replies is None:
        return
    is_best = replies.sampler is Sampler.BEST_OF_K
    if is_best and replies.scorer is None:
        yield _problem("PL-STY-003", ("replies", "scorer"), "is missing", "a model's folder", "", 'scorer = "MODEL"')
    for name in ("scorer", "k", "pairing"):
        if name in replies.model_fields_set and not is_best:
            yield _contradiction(
                ("replies", name), "only best-of-k reads this", 'sampler = "best-of-k"', replies.sampler, "leave it out"
            )
    if is_best == (study.tranche is Tranche.REJECTION_SAMPLED):
        return
    if study.tranche is Tranche.BASE or not is_best:
        yield _contradiction(
            ("tranche",),
            f'"{study.tranche}" is not what {replies.sampler} gives',
            '"rejection-sampled" with best-of-k, another with another sampler',
            f'"{study.tranche}" with {replies.sampler}',
            "change tranche, or replies.sampler",
        )


def _always_the_same(study: StudyFile) -> Iterator[StudyProblem]:
    """A model without chance says one thing however often it is asked; a corpus gives its neighbours in turn."""
    replies = study.replies
    if replies is None or replies.sampler is Sampler.TWO_MODELS:
        return
    if all(address.startswith("retrieval:") for address in replies.sources):
        return
    for name, is_certain in (("temperature", replies.temperature == 0), ("top_k", replies.top_k == 1)):
        if is_certain:
            yield _contradiction(
                ("replies", name),
                "all samples of one model would be the same, with nothing to judge",
                "temperature above 0 and top_k above 1, or two-models",
                f"{getattr(replies, name)} with {replies.sampler}",
                f"raise {name}, or leave it out",
            )


def _unsaid(key: KeyPath, text: str) -> Iterator[StudyProblem]:
    """What is shown to people must show something, and be such as both databases can keep in a judgement."""
    if not has_something_to_see(text) or "\0" in text:
        found = "a NUL character" if "\0" in text else "nothing that can be seen"
        yield _contradiction(key, "says nothing that can be shown", "a text", found, "write it out, or remove it")


def _warning(study: StudyFile) -> Iterator[StudyProblem]:
    if study.warning is not None:
        yield from _unsaid(("warning",), study.warning)
    if study.wellbeing is not None and study.wellbeing.warning is not None:
        yield from _unsaid(("wellbeing", "warning"), study.wellbeing.warning)
    if study.kind is StudyKind.RED_TEAM_CHAT and study.warning is None:
        yield _problem(
            "PL-STY-003",
            ("warning",),
            "is missing",
            "what is said before consent is asked for",
            "",
            "say what workers may come to read",
        )


def _terms(study: StudyFile) -> Iterator[StudyProblem]:
    if twice := _repeated(tuple(study.uses or ())):
        yield _contradiction(("uses",), "a use stands twice", "each use once", ", ".join(twice), "remove one")
    try:
        StatedTerms.of(study.licence, None)
    except UsageError as error:
        advice = 'licence = "CC-BY-4.0", say, or "LicenseRef-" and a name of your own'
        yield _problem(error.code, ("licence",), error.problem, error.expected, error.found, advice)


_CHECKS: tuple[Check, ...] = (
    *(_keys_of_other_kinds, _axes, _question, _strengths, _turns, _items, _review),
    *(_replies, _always_the_same, _warning, _terms),
    *(help_problems, wellbeing_problems, visit_problems),
)
