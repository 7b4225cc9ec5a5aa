"""A round whose file was read and whose places were looked at: everything that it names is there, and nothing is made yet."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from plumbline.collect.study_file import ReadStudy, read_study_file, read_study_name
from plumbline.collect.study_folder import StudyPlace, find_study_file, find_study_place
from plumbline.collect.study_lines import KeyPath
from plumbline.collect.study_problems import StudyProblem
from plumbline.collect.study_settings import CHATS, StudyKind
from plumbline.curate.recipe import Recipe, read_recipe, shipped_recipes
from plumbline.lineage import FoundManifest, is_there, refuse_output_among_inputs
from plumbline.lineage.writing import MANIFEST_NAME
from plumbline.loop.rounds.round_file import (
    RoundFileError,
    problem_of,
    problem_of_error,
    read_round_settings,
    with_lines,
)
from plumbline.loop.rounds.round_settings import RoundSettings
from plumbline.loop.training.run import LINEAR, refuse_unknown_model
from plumbline.models.model_folder import DESCRIPTION_NAME
from plumbline.records import PlumblineError, SourceError, UsageError, require_libraries
from plumbline.release import Answers, read_answers
from plumbline.sources import parse_address

ROUND = "round"
"""What the manifest of a round says that its folder holds."""
_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+")
_EXTRA = ("sqlalchemy", "alembic")
Found = TypeVar("Found")


@dataclass(frozen=True)
class OpenedStudy:
    """A study that is exported."""

    name: str
    place: StudyPlace


@dataclass(frozen=True)
class RoundBefore:
    """The round before, which is finished.

    Attributes:
        digest: of its manifest, by which this one names it.
    """

    folder: Path
    name: str
    digest: str


@dataclass(frozen=True)
class Round:
    """A round that may begin.

    Attributes:
        path: of its file; the paths in it start in the folder of that.
        sha256: of the file's text as it was read.
        out: everything is written in this folder.
        pattern: the study that the next one is made like.
    """

    settings: RoundSettings
    path: Path
    sha256: str
    out: Path
    recipe: Recipe
    answers: Answers
    studies: tuple[OpenedStudy, ...] = ()
    before: RoundBefore | None = None
    pattern: ReadStudy | None = None

    def place(self, text: str) -> str:
        """What a setting names: the path from the file's folder where one is there, else the name as it stands."""
        return place_of(self.path, text)

    def address(self, text: str) -> str:
        """An address whose path starts in the file's folder."""
        address = parse_address(text)
        return text if address.kind == "openai" else f"{address.kind}:{self.place(address.location)}"


def place_of(path: Path, text: str) -> str:
    """See `Round.place`."""
    found = path.parent / text
    return str(found) if is_there(found) else text


def open_round(path: Path) -> Round:
    """Read a round's file and look whether what it names is there; nothing is written.

    Raises:
        RoundFileError: whatever is wrong with what it says, or else whatever is not there, all of it at once.
        MissingExtraError: it names studies, and what collects is not installed.
    """
    settings, text = read_round_settings(path)
    if settings.data.studies or settings.next:
        _require_extra()
    looked = _Looking(settings, path)
    round_ = looked.looked_at(text)
    if looked.problems or round_ is None:
        raise RoundFileError(path.name, with_lines(looked.problems, text))
    return round_


def _require_extra() -> None:
    require_libraries(
        _EXTRA,
        "PL-STA-021",
        "studies",
        expected="the extra that collects",
        advice="pip install -c constraints.txt -e '.[collect]'",
    )


class _Looking:
    """Looks at one place after the other, and keeps what is wrong."""

    def __init__(self, settings: RoundSettings, path: Path) -> None:
        self.settings, self.path = settings, path
        self.problems: list[StudyProblem] = []
        self.out = path.parent / (settings.out or path.stem)

    def looked_at(self, text: str) -> Round | None:
        """The round; None where a part of it could not be read."""
        studies = tuple(self._studies())
        recipe = self._kept(("curate", "recipe"), lambda: read_recipe(self._recipe()))
        answers = self._answers()
        before = self._before()
        pattern = self._pattern()
        self._sources()
        self._models()
        self._sampler()
        if self.out.resolve() == self.path.parent.resolve():
            self._wrong("PL-RND-006", ("out",), "is the folder of the file itself", "a folder of the round's own", "")
        if recipe is None:
            return None
        digest = sha256(text.encode()).hexdigest()
        return Round(
            self.settings,
            self.path,
            digest,
            self.out,
            recipe,
            answers or Answers(),
            studies,
            before,
            pattern,
        )

    def _kept(self, key: KeyPath, call: Callable[[], Found]) -> Found | None:
        """What a call gives; None, and the problem kept, where it refuses."""
        try:
            return call()
        except RoundFileError:
            raise
        except PlumblineError as error:
            self.problems.append(problem_of_error(key, error))
            return None

    def _wrong(self, code: str, key: KeyPath, problem: str, expected: str, found: str) -> None:
        self.problems.append(
            problem_of(code, key, problem, expected, found, "mend the path; paths start in the folder of this file")
        )

    def _there(self, key: KeyPath, text: str, expected: str = "a file or a folder", *, or_hub_id: bool = False) -> None:
        place = self.path.parent / text
        if not is_there(place):
            if not (or_hub_id and _HUB_ID.fullmatch(text)):
                self._wrong("PL-RND-006", key, "names what is not there", expected, f'nothing at "{text[:200]}"')
            return
        self._kept(key, lambda: refuse_output_among_inputs(self.out, [place]))

    # --- the tables, one after the other ---

    def _studies(self) -> Iterator[OpenedStudy]:
        seen: set[str] = set()
        for number, table in enumerate(self.settings.data.studies):
            key: KeyPath = ("data", "studies", number)
            store = None if table.store_variable is None else os.environ.get(table.store_variable)
            if table.store_variable is not None and not store:
                self._wrong("PL-RND-006", key, "names a variable that is not set", "an address of a store", "")
                continue
            found = self._kept(key, partial(self._study, table.study, store))
            if found is not None and found.name in seen:
                self._wrong(
                    "PL-RND-005", key, "names a study of a name that stands there", "each name once", found.name
                )
            elif found is not None:
                seen.add(found.name)
                yield found

    def _study(self, text: str, store: str | None) -> OpenedStudy:
        place = find_study_place(self.path.parent / text, store)
        refuse_output_among_inputs(self.out, [place.file])
        return OpenedStudy(read_study_name(place.file), place)

    def _sources(self) -> None:
        for number, source in enumerate(self.settings.data.sources):
            self._there(("data", "sources", number), source.source, "a file, a folder or a hub id", or_hub_id=True)

    def _recipe(self) -> str:
        name = self.settings.curate.recipe
        return name if name in shipped_recipes() else place_of(self.path, name)

    def _answers(self) -> Answers | None:
        release = self.settings.release
        if release is None:
            return None
        if release.previous is not None:
            self._there(("release", "previous"), release.previous, "the folder of a release")
        if release.answers is None:
            return None
        answers = self.path.parent / release.answers
        return self._kept(("release", "answers"), lambda: read_answers(answers))

    def _models(self) -> None:
        for number, model in enumerate(self.settings.models):
            if model.model != LINEAR:
                named = place_of(self.path, model.model)
                self._kept(("models", number, "model"), partial(refuse_unknown_model, named))
            if model.settings.recipe is not None and "." in model.settings.recipe:
                self._there(("models", number, "settings", "recipe"), model.settings.recipe, "a recipe's file")

    def _sampler(self) -> None:
        sampler = self.settings.sampler
        if sampler is None:
            return
        self._there(("sampler", "prompts"), sampler.prompts.source, "a file, a folder or a hub id", or_hub_id=True)
        address = parse_address(sampler.policy)
        if address.kind != "openai":
            key: KeyPath = ("sampler", "policy")
            self._there(key, address.location, "a path", or_hub_id=address.kind == "transformers")
        judge, names = sampler.judge, [model.name for model in self.settings.models]
        if judge is not None and judge not in names and not (self.path.parent / judge / DESCRIPTION_NAME).is_file():
            expected = f"{', '.join(names)}, or the folder of a model"
            self._wrong("PL-RND-006", ("sampler", "judge"), "names no model", expected, judge[:200])

    def _before(self) -> RoundBefore | None:
        text = self.settings.before
        if text is None:
            return None
        folder = self.path.parent / text
        if folder.resolve() == self.out.resolve():
            self._wrong("PL-RND-005", ("before",), "is this round's own folder", "the folder of another round", text)
            return None
        return self._kept(("before",), lambda: round_before(folder))

    def _pattern(self) -> ReadStudy | None:
        if self.settings.next is None:
            return None
        place = self.path.parent / self.settings.next.study
        key: KeyPath = ("next", "study")
        read = self._kept(key, lambda: read_study_file(find_study_file(place)))
        sampler = self.settings.sampler
        if read is None or sampler is None:
            return None
        kind, sources = read.study.kind, self.settings.next.sources
        if kind not in (*CHATS, StudyKind.PAIRS):
            expected = ", ".join((*CHATS, StudyKind.PAIRS))
            self._wrong("PL-RND-016", key, "is of a kind of which the loop makes no next one", expected, kind)
        elif kind is StudyKind.PAIRS and "comparisons" not in sampler.write:
            problem = "asks about pairs, and the sampler writes none"
            self._wrong("PL-RND-016", key, problem, 'write = ["comparisons"] in [sampler]', "")
        elif kind in CHATS and sources is None and read.study.replies and len(read.study.replies.sources) > 1:
            found = f"{len(read.study.replies.sources)} of them"
            self._wrong(
                "PL-RND-016",
                key,
                "names several sources, and best-of-k draws from one",
                "sources = [one] in [next]",
                found,
            )
        return read


def round_before(folder: Path) -> RoundBefore:
    """A round that is finished.

    Raises:
        UsageError: PL-RND-007, there is none.
        SourceError: what stands there is no manifest.
    """
    try:
        found = FoundManifest.at(folder / MANIFEST_NAME)
    except OSError as error:
        raise SourceError(
            "PL-RND-007",
            str(folder),
            "the round before cannot be read",
            found=str(error.strerror),
            advice="check the path",
        ) from error
    if found is None or found.manifest.holds != ROUND:
        raise UsageError(
            "PL-RND-007",
            str(folder),
            "no finished round stands here",
            expected="the folder of a round with its manifest.json, which is written last",
            found="nothing" if found is None else f"a {found.manifest.holds} folder",
            advice="finish it: plumbline loop with its file; or leave before out in a first round",
        )
    name = found.manifest.configuration.get("name")
    return RoundBefore(folder, str(name), found.digest)
