"""The red-team report: sources of attempts → one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from plumbline.formats import Loaded
from plumbline.lineage import FileEntry, ManifestFinder
from plumbline.loop.redteam.score_run import attempts_of
from plumbline.loop.sources import Reading, Step, is_synthetic, load_parts, merged_parts
from plumbline.measure import Bootstrap
from plumbline.models.model_folder import DESCRIPTION_NAME
from plumbline.records import unknown_name
from plumbline.redteam.analysis import RedTeamAnalysis, analyse
from plumbline.redteam.analysis_json import analysis_json
from plumbline.redteam.success import SuccessBy
from plumbline.report import RedTeamSources, write_red_team_report


@dataclass(frozen=True)
class RedTeamReporting:
    """On what, and the page to write.

    Attributes:
        sources: attempts, of all splits.
        out: the page.
        title: its heading.
        created: when it was made, as it is to be shown.
        success: what counts as success, see `SuccessBy`; None takes what says something of most attempts.
        seed: of intervals, samples and the map.
        load_options: of `formats.load`.
    """

    sources: tuple[str, ...]
    out: Path
    title: str
    created: str
    success: str | None = None
    seed: int = 0
    load_options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RedTeamReported:
    """What the page was made of.

    Attributes:
        analysis: what it draws.
        reading: what reading the sources turned up.
        scorers: by which models the scores are, as the page names them.
    """

    analysis: RedTeamAnalysis
    reading: Reading
    scorers: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it: the figures of the page."""
        read = {
            "quarantined": self.reading.quarantined,
            "findings": self.reading.findings,
            "scorers": list(self.scorers),
        }
        return {**analysis_json(self.analysis, scorers=len(self.scorers)), **read}


def run_red_team_report(run: RedTeamReporting, step: Step = lambda _: None) -> RedTeamReported:
    """Measure the attempts of all sources and draw them.

    Raises:
        UsageError: there is no such way to count success, or ratings are on another scale.
        NoDataError: the sources have no attempts.
        PlumblineError: a source cannot be read.
        MissingExtraError: jinja2 or matplotlib is not installed.
        WriteError: the page could not be written.
    """
    by = _known_way(run.success)
    parts = load_parts(run.sources, None, run.load_options, step)
    loaded = merged_parts(parts, run.sources, run.load_options)
    attempts = attempts_of(loaded, ", ".join(run.sources))
    analysis = analyse(attempts, Bootstrap(seed=run.seed), by=by, step=step)
    step("drawing")
    sources = RedTeamSources(
        files=tuple(loaded.files),
        rows_read=loaded.rows_read,
        quarantined=loaded.quarantined,
        terms=loaded.terms,
        scorers=_scorers(parts),
        synthetic=is_synthetic(loaded),
    )
    write_red_team_report(analysis, sources, run.out, title=run.title, created=run.created)
    return RedTeamReported(analysis, Reading.of(loaded, run.sources), sources.scorers)


def _scorers(parts: Sequence[Loaded]) -> tuple[str, ...]:
    """By which models the scores of the sources are, as manifests tell; scores of two models do not compare."""
    finder, names = ManifestFinder(), set[str]()
    for part in parts:
        attempts = part.red_team_attempts
        if attempts["transcript_score"].null_count == attempts["description_score"].null_count == len(attempts):
            continue
        for path in part.paths.values():
            found = finder.governing(Path(path))
            models = [each for each in found.manifest.inputs if _is_model(each)] if found else []
            names |= {f"{PurePosixPath(each.path).parent} ({each.sha256[:_DIGEST]})" for each in models} or {_WITH_DATA}
    return tuple(sorted(names))


_WITH_DATA = "a model that the data do not name"
_DIGEST = 12


def _is_model(entry: FileEntry) -> bool:
    return PurePosixPath(entry.path).name == DESCRIPTION_NAME


def _known_way(name: str | None) -> SuccessBy | None:
    if name is None or name in list(SuccessBy):
        return None if name is None else SuccessBy(name)
    raise unknown_name("--success", name, list(SuccessBy))
