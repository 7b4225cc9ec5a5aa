"""What a server is started with: the folders of studies, and what their files may name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from plumbline.collect.service.failures import named_twice, not_started, several_stores
from plumbline.collect.service.overview import Named
from plumbline.collect.service.samplers import SourceRules
from plumbline.collect.service.starting import differing_settings
from plumbline.collect.store.database import Store
from plumbline.collect.store.failures import NotFoundError
from plumbline.collect.store.studies import find_study
from plumbline.collect.study_file import parse_study_file, read_study_name
from plumbline.collect.study_folder import StudyPlace, find_study_file, find_study_place, store_of
from plumbline.collect.study_settings import Replies, StudyFile
from plumbline.records import UsageError
from plumbline.sources import SourceKind, parse_address

ALWAYS_PERMITTED: frozenset[SourceKind] = frozenset({"openai", "retrieval"})
LOCAL_MODELS: SourceKind = "transformers"


@dataclass(frozen=True, slots=True)
class Permits:
    """What whoever starts the server lets study files name.

    Attributes:
        variables: environment variables that may hold an endpoint's key.
        private: endpoints at private and loopback addresses.
        local_models: ``transformers:`` sources, which load whatever model they name.
    """

    variables: frozenset[str] = frozenset()
    private: bool = False
    local_models: bool = False


def permits_of(replies: Replies | None) -> Permits:
    """What a study needs, for the command that serves it."""
    if replies is None:
        return Permits()
    kinds = {parse_address(address).kind for address in replies.sources}
    variables = frozenset() if replies.key_variable is None else frozenset({replies.key_variable})
    return Permits(variables, replies.allow_private, LOCAL_MODELS in kinds)


def find_served(said: Sequence[Path], store: str | None) -> list[StudyPlace]:
    """The studies to serve, which stand in one store.

    Raises:
        UsageError: a path leads to no study. ServeError: PL-STA-012, several studies and no store named.
    """
    places = [find_study_place(path, store) for path in said]
    if len({str(place.store) for place in places}) > 1:
        raise several_stores(len(places))
    return places


def find_named(said: Sequence[Path], store: str | None) -> tuple[str | Path, tuple[Named, ...]]:
    """The store in which studies stand, and the studies that paths name.

    No study where the whole store is meant: no path is given beside `store`, or a folder whose study file is gone. Without
    either, the study in the current folder is meant.

    Raises:
        As `find_served`.
    """
    paths = list(said) or ([Path()] if store is None else [])
    stores = {str(place): place for place in ([store] if store is not None else [store_of(path) for path in paths])}
    if len(stores) > 1:
        raise several_stores(len(stores))
    names = [_name(path) for path in paths]
    named = [Named(name, path) for name, path in zip(names, paths, strict=True) if name is not None]
    return next(iter(stores.values())), tuple(named) if len(named) == len(names) else ()


def _name(said: Path) -> str | None:
    """The name in a study file; None where a folder has none any more."""
    try:
        return read_study_name(find_study_file(said))
    except UsageError as error:
        if error.code != "PL-STA-001":
            raise
        return None


def served_rules(
    store: Store, studies: Sequence[tuple[StudyPlace, StudyFile]], permits: Permits
) -> tuple[SourceRules, list[str]]:
    """The rules of a server, and what its starter should know.

    Args:
        studies: at least one; paths of studies that come through the API start in the folder of the first.
    Raises:
        ServeError: PL-STA-013, a study is not in the store; PL-STA-014, two are of one name. ServiceError: PL-SVC-003, one needs what is not permitted.
    """
    kinds = ALWAYS_PERMITTED | {LOCAL_MODELS} if permits.local_models else ALWAYS_PERMITTED
    folders = {study.name: place.folder for place, study in studies}
    if len(folders) < len(studies):
        raise named_twice()
    rules = SourceRules(studies[0][0].folder, permits.variables, permits.private, kinds, folders)
    notes = []
    for place, study in studies:
        try:
            stored = parse_study_file(find_study(store, study.name).file, place.file.name)
        except NotFoundError:
            raise not_started(study.name, str(place.said)) from None
        if differing := differing_settings(stored, study):
            notes.append(
                f"{place.file} was changed since the study was started ({', '.join(differing)}): "
                "what it was started with holds"
            )
        if stored.replies is not None:
            rules.of_study(study.name, has_folder=True).check(stored.replies)
    return rules, notes
