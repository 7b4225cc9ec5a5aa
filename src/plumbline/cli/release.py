"""``plumbline release``: data as a folder that others can trust, load and trace."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from plumbline.cli import options
from plumbline.cli.console import note, print_json, print_table, progress
from plumbline.cli.option_groups import with_options
from plumbline.cli.source_flags import TermFlags

if TYPE_CHECKING:
    from plumbline.release import Built, Gate, ReleaseOptions, Verified

app = typer.Typer(
    help="Release data: card, datasheet, metadata, checksums, gates; verify a release; push one to a hub.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_Release = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a release.")]


@dataclass(frozen=True)
class ReleaseFlags:
    """What is said of a release beside its data."""

    answers: Annotated[
        Path | None,
        typer.Option(help="A TOML file with what only people know: title, authors, contact, answers of the datasheet."),
    ] = None
    previous: Annotated[
        Path | None, typer.Option(help="The folder of the release before: what changed in rows is told.")
    ] = None
    version: Annotated[
        str | None,
        typer.Option(help="MAJOR.MINOR.PATCH; by default the next, by what changed in rows, and never below it."),
    ] = None
    accept: Annotated[
        list[str] | None,
        typer.Option(
            help="GATE=REASON: release though personal-data, leakage or workers fails, or licence where --licence stands in "
            "for what nothing tells; stands in card and manifest."
        ),
    ] = None

    def options(self, terms: TermFlags) -> ReleaseOptions:
        """As `build_release` takes them."""
        from plumbline.release import Answers, ReleaseOptions, read_answers, reasons_by_gate

        return ReleaseOptions(
            version=self.version,
            previous=self.previous,
            answers=read_answers(self.answers) if self.answers else Answers(),
            stated=terms.stated_terms(),
            accepted=reasons_by_gate(self.accept or []),
            command=tuple(sys.argv[1:]),
        )


@app.command()
@with_options("terms", TermFlags)
@with_options("said", ReleaseFlags)
def build(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="What plumbline curate, or data convert --to parquet, wrote.")
    ],
    out: options.Out,
    as_json: options.Json = False,
    *,
    said: ReleaseFlags,
    terms: TermFlags,
) -> None:
    """Write a release: lines and tables, card, datasheet, Croissant metadata, licence, checksums, manifest.

    A gate that fails stops it, says why and how to mend it, and nothing is written (exit code 1).

    \b
    Example: plumbline release build curated -o release --previous release-1 --answers release.toml
    """
    from plumbline.release import GateError, build_release

    asked = said.options(terms)
    try:
        with progress(f"releasing {folder}") as shown:
            built = build_release(
                folder, out, asked, advance=lambda name, done, total: shown.of(f"reading {name}", done, total)
            )
    except GateError as error:
        if not as_json:
            raise
        print_json({"released": False, "code": error.code, "gates": [gate.to_json() for gate in error.gates]})
        raise typer.Exit(1) from error
    if as_json:
        print_json({"released": True, **built.to_json()})
        return
    _tell_built(built, asked, out, has_answers=said.answers is not None)


def _tell_built(built: Built, release_options: ReleaseOptions, out: Path, *, has_answers: bool) -> None:
    from plumbline.release.layout import not_said
    from plumbline.release.plurals import counted

    rows = [[entry.path, f"{entry.rows:,}"] for entry in built.files if entry.rows is not None]
    print_table(["file", "rows"], rows, right=[1])
    for kind, codes in built.not_in_lines.items():
        told = ", ".join(f"{count:,} {not_said(code)}" for code, count in codes.items())
        note(f"lines leave out {kind.value.replace('_', ' ')}: {told}; these stand in the tables alone")
    _tell_gates(built.gates)
    if overruled := release_options.stated.overruled(built.terms):
        note(f"PL-USE-004  {overruled}")
    if built.changes is not None:
        from plumbline.release.changes import change_lines

        for line in change_lines(built.version, built.changes):
            note(line)
    if built.unanswered:
        count = len(built.unanswered)
        shown = ", ".join(built.unanswered[:3]) + (", …" if count > 3 else "")
        how = (
            "more under [datasheet] in the file of --answers"
            if has_answers
            else "write them under [datasheet] into a file for --answers"
        )
        are = "is" if count == 1 else "are"
        note(f"datasheet.md: {counted(count, 'question')} {are} not answered ({shown}); {how}")
    missing = [name for name in ("title", "authors") if not getattr(release_options.answers, name)]
    if missing:
        note(
            f"nobody said: {' and '.join(missing)}; card and citation go without: write them into the file of --answers"
        )
    if built.replaced is not None:
        version = built.replaced.version or "not told"
        note(f"replaced the release that stood in {out}: version {version}, manifest {built.replaced.manifest_sha256}")
    note(f"wrote {out}: version {built.version}, {built.rows:,} records, manifest {built.manifest_sha256}")
    note(f"next: plumbline release verify {quote(str(out))}")


def _tell_gates(gates: tuple[Gate, ...]) -> None:
    for gate in gates:
        reason = f"; accepted because: {gate.reason}" if gate.reason else ""
        note(f"gate {gate.name}: {gate.status.value}: {gate.said}{reason}")


@app.command()
def verify(folder: _Release, as_json: options.Json = False) -> None:
    """Check a folder that anyone hands over: digests, rows, card, metadata, terms, and the gates on its data again.

    Exit code 1: something is not as it says. Exit code 2: there is no such folder.

    \b
    Example: plumbline release verify release
    """
    from plumbline.records import SourceError
    from plumbline.release import verify_release

    if not folder.is_dir():
        raise SourceError(
            "PL-REL-003",
            str(folder),
            "there is no such folder",
            expected="a folder that plumbline release build wrote",
            found="a file" if folder.exists() else "nothing",
            advice="name the folder of a release",
        )
    with progress(f"verifying {folder}") as shown:
        verified = verify_release(folder, advance=lambda name, done, total: shown.of(f"reading {name}", done, total))
    if as_json:
        print_json(verified.to_json())
    else:
        _tell_verified(verified, folder)
    if not verified.is_sound:
        raise typer.Exit(1)


_MOST_TOLD = 50


def _tell_verified(verified: Verified, folder: Path) -> None:
    from plumbline.release.plurals import counted

    for finding in verified.findings[:_MOST_TOLD]:
        note(f"{finding.code}  {finding.place}: {finding.problem}")
    if len(verified.findings) > _MOST_TOLD:
        note(f"and {counted(len(verified.findings) - _MOST_TOLD, 'finding')} more: --json has all")
    _tell_gates(verified.gates)
    if verified.words_of is not None:
        note(f"the words of its pages were not compared: plumbline {verified.words_of} wrote them")
    if verified.is_sound:
        print_table(["file", "rows"], [[name, f"{rows:,}"] for name, rows in verified.rows.items()], right=[1])
        note(f"{folder} is what it says it is: version {verified.version}, manifest {verified.manifest_sha256}")
        return
    stopped = sum(gate.stops for gate in verified.gates)
    findings, fail = counted(len(verified.findings), "finding"), "gate fails" if stopped == 1 else "gates fail"
    note(f"{folder}: {findings}, {stopped} {fail} (docs/errors.md)")


@app.command()
def push(
    folder: _Release,
    repository: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="A data set on the hub; made if need be.")],
    private: Annotated[bool, typer.Option("--private", help="Where it is made: seen by its owner alone.")] = False,
    as_json: options.Json = False,
) -> None:
    """Upload a release to a hub as one commit, once verify finds nothing wrong with it.

    \b
    Example: plumbline release push release owner/hh-clean --private
    """
    from plumbline.release import push_release

    with progress(f"pushing {folder}"):
        pushed = push_release(folder, repository, private=private)
    if as_json:
        print_json({"repository": pushed.repository, "commit": pushed.commit, "version": pushed.verified.version})
        return
    note(f"pushed {folder} to {pushed.repository}: version {pushed.verified.version}, commit {pushed.commit}")
