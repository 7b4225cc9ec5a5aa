"""Studies: creating one from its file's text, its state, the versions of its guidelines."""

from __future__ import annotations

from plumbline.collect.kinds import Purpose
from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.samplers import SourceRules
from plumbline.collect.store.rows import Guidelines, Person, Study, StudyState
from plumbline.collect.store.studies import add_guidelines, create_study, find_study, set_study_state
from plumbline.collect.study_file import MOST_GUIDELINES_BYTES, MOST_STUDY_BYTES, parse_study_file
from plumbline.collect.study_problems import StudyFileError, StudyProblem
from plumbline.collect.study_settings import StudyFile, StudyKind


def new_study(
    collecting: Collecting, text: str, guidelines: str, rules: SourceRules, *, by: Person | None = None
) -> Study:
    """A new study, open, without items.

    Args:
        text: of its file.
        guidelines: Markdown.
        rules: what it may name on this server.
        by: who makes it, for the log.
    Raises:
        StudyFileError: all that is wrong with it.
        ServiceError: PL-SVC-003. ConflictError: PL-COL-025, the name is taken.
    """
    _check_size(text, MOST_STUDY_BYTES, ())
    _check_size(guidelines, MOST_GUIDELINES_BYTES, ("guidelines",))
    settings = parse_study_file(text)
    if settings.replies is not None:
        rules.check(settings.replies)
    named, now = (settings.name, settings.kind.value), collecting.clock()
    return create_study(collecting.store, *named, text, guidelines, now=now, by=_id(by))


def change_state(collecting: Collecting, name: str, state: StudyState, *, by: Person | None = None) -> Study:
    """Opens, pauses or closes a study, for the log `by` somebody; what is in hand may be submitted in every state."""
    number = collecting.catalogue.named(name).id
    return set_study_state(collecting.store, number, state, now=collecting.clock(), by=_id(by))


def new_guidelines(
    collecting: Collecting, name: str, text: str, after_version: int | None = None, *, by: Person | None = None
) -> Guidelines:
    """The next version of the guidelines; the newest again where the text is the same.

    Args:
        after_version: the version that the text was made from; None where that is not to be looked at.
        by: who publishes it, for the log.
    Raises:
        StudyFileError: it is too large. ConflictError: PL-COL-036, another version came since.
    """
    _check_size(text, MOST_GUIDELINES_BYTES, ("guidelines",))
    study_id = collecting.catalogue.named(name).id
    now = collecting.clock()
    return add_guidelines(collecting.store, study_id, text, now=now, after_version=after_version, by=_id(by))


def read_named(collecting: Collecting, name: str) -> Study:
    """The study as it stands, with its state."""
    return find_study(collecting.store, name)


def queues_of(study: StudyFile) -> tuple[Purpose, ...]:
    """The queues that people can ask for work of; training, gold and attention items come with the work."""
    queues = [Purpose.WORK]
    if study.review is not None and study.kind is StudyKind.RED_TEAM_CHAT:
        queues.append(Purpose.REVIEW)
    if study.kind in (StudyKind.SAFETY_LABELS, StudyKind.TWO_AXIS_RANKING):
        queues.append(Purpose.ADJUDICATION)
    if study.spot_check is not None:
        queues.append(Purpose.SPOT_CHECK)
    return tuple(queues)


def _id(by: Person | None) -> str | None:
    return None if by is None else by.id


def _check_size(text: str, most_bytes: int, key: tuple[str, ...]) -> None:
    if len(text.encode("utf-8", errors="surrogatepass")) > most_bytes:
        problem = StudyProblem(
            code="PL-STY-008",
            key=key,
            problem="is too large",
            expected=f"at most {most_bytes >> 10} KiB",
            advice="make it shorter",
        )
        raise StudyFileError("study.toml", [problem])
