"""``plumbline collect backup``, ``restore``, ``erase`` and ``migrate``: keeping what was collected, and letting it go."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from plumbline.cli import options
from plumbline.cli.collect import flags
from plumbline.cli.console import EXIT_FINDINGS, print_json, progress


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (backup, restore, erase, migrate):
        app.command()(command)


def backup(
    study: flags.Study,
    out: Annotated[Path, typer.Argument(help="The file to write: SQLite, whatever the store is.")],
    with_faults: Annotated[
        bool,
        typer.Option("--with-faults", help="Write it even though the store fails its check; what was found is told."),
    ] = False,
    store: flags.StorePlace = None,
    as_json: options.Json = False,
) -> None:
    """Write the whole store as it is at one moment into one file, while servers go on; a manifest stands beside it.

    \b
    Example: plumbline collect backup my-study backups/my-study.db
    """
    flags.require_extra()
    from plumbline.cli.collect.kept import backed_up_json, print_backed_up
    from plumbline.collect.service.collecting import utc_now
    from plumbline.collect.service.store_places import open_any_version
    from plumbline.collect.store.keeping.backup import back_up
    from plumbline.collect.study_folder import store_of

    with closing(open_any_version(store_of(study, store))) as opened, progress(f"backing up to {out}") as shown:
        written = back_up(
            opened,
            out,
            now=utc_now(),
            advance=lambda done, total: shown.of("copying", done, total),
            with_faults=with_faults,
        )
    if as_json:
        print_json(backed_up_json(written))
    else:
        print_backed_up(written)


def restore(
    backup: Annotated[Path, typer.Argument(help="A file that `plumbline collect backup` wrote.")],
    study: flags.Study,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take the place of the store that stands there; it is backed up first.")
    ] = False,
    keep: Annotated[
        Path | None,
        typer.Option(
            help="Where the backup of what is replaced goes, a new file; beside the store, or beside BACKUP, by default."
        ),
    ] = None,
    with_faults: Annotated[
        bool, typer.Option("--with-faults", help="Take a backup that fails its check, where its rows can be read.")
    ] = False,
    store: flags.StorePlace = None,
    as_json: options.Json = False,
) -> None:
    """Put a backup where the store is to be. What was erased, blocked and revoked since stays so.

    \b
    Example: plumbline collect restore backups/my-study.db my-study --replace
    """
    flags.require_extra()
    from plumbline.cli.collect.kept import print_restored, restored_json
    from plumbline.collect.service.collecting import utc_now
    from plumbline.collect.service.store_places import restore_place
    from plumbline.collect.study_folder import store_of

    with progress(f"restoring {backup}") as shown:
        restored = restore_place(
            backup,
            store_of(study, store),
            replace=replace,
            before=keep,
            now=utc_now(),
            advance=lambda done, total: shown.of("copying", done, total),
            with_faults=with_faults,
        )
    if as_json:
        print_json(restored_json(restored))
    else:
        print_restored(restored)


def erase(
    study: flags.Study,
    worker: Annotated[str, typer.Argument(help="The pseudonym of the person, as exports and the API have it.")],
    look_in: Annotated[
        list[Path] | None,
        typer.Option(
            help="A folder to look through for exports and what was made of them; may be given several times."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether it is meant.")] = False,
    store: flags.StorePlace = None,
    as_json: options.Json = False,
) -> None:
    """Take a person's words and identity out of the store for good, and list the exports that hold work of theirs.

    Choices, ratings, labels and times stay under the pseudonym. Exit code 1: something is left to do, since exports hold
    work of theirs, or a reader or a full disk kept the files from being cleaned.

    \b
    Example: plumbline collect erase my-study 5x4u8rftag --look-in exported --yes
    """
    flags.require_extra()
    from plumbline.cli.collect.kept import confirm_erasing, erased_json, print_erased
    from plumbline.collect.service.collecting import utc_now
    from plumbline.collect.service.erasing import erase_worker, releases_affected
    from plumbline.collect.service.store_places import open_place
    from plumbline.collect.store.people import find_person
    from plumbline.collect.study_folder import store_of

    folders = look_in or []
    with closing(open_place(store_of(study, store))) as opened:
        find_person(opened, worker)
        flags.require_folders(folders)
        if not yes:
            confirm_erasing(worker, is_terminal=sys.stdin.isatty())
        with progress("erasing"):
            erased = erase_worker(opened, worker, now=utc_now())
            affected = releases_affected(erased, folders)
    if as_json:
        print_json(erased_json(erased, affected))
    else:
        print_erased(erased, affected, looked=bool(folders))
    if erased.exports or not erased.bytes_removed:
        raise typer.Exit(EXIT_FINDINGS)


def migrate(study: flags.Study, store: flags.StorePlace = None) -> None:
    """Bring the tables of a store to this version, in one transaction. Make a backup first, and end the server.

    \b
    Example: plumbline collect migrate my-study
    """
    flags.require_extra()
    from plumbline.cli.collect.kept import print_migrated
    from plumbline.collect.service.store_places import bring_up_to_date
    from plumbline.collect.study_folder import store_of

    print_migrated(*bring_up_to_date(store_of(study, store)))
