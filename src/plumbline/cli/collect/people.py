"""``plumbline collect invite``: links by which people come in."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from plumbline.cli import options
from plumbline.cli.collect import flags
from plumbline.cli.console import print_json


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(invite)


def invite(
    study: flags.Study,
    role: Annotated[str | None, typer.Option(help="worker (the default), reviewer, manager or owner.")] = None,
    of: Annotated[
        str | None,
        typer.Option("--for", help="A new password for somebody who is there, by pseudonym; good once."),
    ] = None,
    days: Annotated[int, typer.Option(help="Until the link ends.", min=1, max=90)] = 7,
    uses: Annotated[int, typer.Option(help="How many people may come by it.", min=1, max=1000)] = 1,
    whole_store: Annotated[
        bool, typer.Option("--whole-store", help="Into all studies of the store; owners always are.")
    ] = False,
    label: Annotated[
        str | None,
        typer.Option("--note", help="Whom the link is for, at most 200 characters; managers and owners alone see it."),
    ] = None,
    public_url: flags.PublicUrl = None,
    store: flags.StorePlace = None,
    as_json: options.Json = False,
) -> None:
    """A link that lets people in, who choose a name and a password; it is printed once and stored nowhere.

    They come into this study alone, unless --whole-store says otherwise.

    \b
    Example: plumbline collect invite my-study --uses 20 --public-url https://judge.example.org
    """
    flags.require_extra()
    from plumbline.cli.collect.told import invited_json, print_invited
    from plumbline.collect.service.collecting import utc_now
    from plumbline.collect.service.handing_out import role_of
    from plumbline.collect.service.identity.inviting import Wanted, invite_from_store
    from plumbline.collect.service.public_address import checked_public_url
    from plumbline.collect.service.store_places import open_place
    from plumbline.collect.store.rows import Role
    from plumbline.collect.store.studies import find_study
    from plumbline.collect.study_file import read_study_settings
    from plumbline.collect.study_folder import find_study_place, store_of

    address = None if public_url is None else checked_public_url(public_url)
    wanted_role = role_of(role, of)
    into_study = of is None and not whole_store and wanted_role is not Role.OWNER
    name = read_study_settings(find_study_place(study, store).file).name if into_study else None
    with closing(open_place(store_of(study, store), connections=1)) as opened:
        study_id = None if name is None else find_study(opened, name).id
        wanted = Wanted(None if of is not None else wanted_role, name, of, days, uses, label)
        invited = invite_from_store(opened, wanted, study_id=study_id, now=utc_now())
    if as_json:
        print_json(invited_json(invited, address))
    else:
        print_invited(invited, address)
