"""``plumbline collect``: from a study's folder to a server that hands out its items."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plumbline.cli import options
from plumbline.cli.collect import export, flags, keeping, mturk, people
from plumbline.cli.console import EXIT_FINDINGS, note, print_json, progress
from plumbline.cli.option_groups import with_options

if TYPE_CHECKING:
    from plumbline.collect.service.starting import Started
    from plumbline.collect.store.database import Store
    from plumbline.collect.study_file import ReadStudy
    from plumbline.collect.study_folder import StudyPlace

app = typer.Typer(
    help="Collect judgements of people: studies, a server with an HTTP API, exports.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

EXIT_INTERRUPTED = 130


@app.command()
def init(
    study: flags.Study,
    example: Annotated[
        str | None,
        typer.Option(
            help="Make the folder of an example, with synthetic data: pairs, preference-chat, "
            "preference-chat-harmlessness, red-team-chat, safety-labels or two-axis-ranking."
        ),
    ] = None,
    files_only: Annotated[
        bool,
        typer.Option("--files-only", help="With --example: make its folder and start nothing, to change it first."),
    ] = False,
    store: flags.StorePlace = None,
    try_sources: Annotated[
        bool, typer.Option("--try-sources", help="Ask the study's sources for two replies before anything is made.")
    ] = False,
    public_url: flags.PublicUrl = None,
    as_json: options.Json = False,
) -> None:
    """Start a study: check its file, its data and its sources, make the store, and enter the items.

    The owner's token and their link are printed once and stored nowhere. The same again goes on where a start ended, and enters new rows
    of the data. What a study asks stays as it was started: --files-only makes an example's folder to be changed before.

    Exit code 1: some rows of the data could not be read.

    \b
    Example: plumbline collect init my-study --example pairs
    """
    flags.require_extra()
    from plumbline.cli.collect.told import print_started, started_json, tell_next, tell_what_holds
    from plumbline.collect.service.public_address import DEFAULT_ADDRESS, checked_public_url
    from plumbline.collect.service.store_places import open_place
    from plumbline.collect.study_file import read_study_file
    from plumbline.collect.study_folder import find_study_place

    address = DEFAULT_ADDRESS if public_url is None else checked_public_url(public_url)
    if _made_files(study, example, files_only=files_only, as_json=as_json):
        return
    place = find_study_place(study, store)
    read = read_study_file(place.file)
    started, store_is_new = _start(place, read, try_sources=try_sources, tell_owner=not as_json, link_address=address)
    if as_json:
        print_json(started_json(started, place, store_is_new=store_is_new))
    else:
        print_started(started, place, read.study, store_is_new=store_is_new)
    with closing(open_place(place.store, connections=1)) as opened:
        tell_what_holds(opened, [started.study])
    tell_next(started, place, read.study, is_store_named=store is not None)
    if any(entered.faults for entered in started.entered.values()):
        raise typer.Exit(EXIT_FINDINGS)


def _made_files(study: Path, example: str | None, *, files_only: bool, as_json: bool) -> bool:
    """Makes the folder of an example; whether that was all that was asked for."""
    from plumbline.cli.collect.told import files_json, print_files
    from plumbline.collect.example_studies import write_example
    from plumbline.records import UsageError

    if example is None:
        if files_only:
            advice = "--example pairs --files-only, say; without --example there are no files to make"
            raise UsageError("PL-ARG-005", "--files-only", "it means nothing without --example", advice=advice)
        return False
    is_new = write_example(study, example)
    note("the example's data is SYNTHETIC: made up to try things out, no judgements of people")
    if files_only and as_json:
        print_json(files_json(study, example, is_new=is_new))
    elif files_only:
        print_files(study, is_new=is_new)
    return files_only


def _start(
    place: StudyPlace, read: ReadStudy, *, try_sources: bool, tell_owner: bool, link_address: str | None = None
) -> tuple[Started, bool]:
    """The start, with its progress, and whether the store was made; an owner's token is told before all else."""
    from plumbline.cli.collect.told import print_owner
    from plumbline.collect.service.collecting import utc_now
    from plumbline.collect.service.handing_out import hand_out_first_owner
    from plumbline.collect.service.start_checks import check_start
    from plumbline.collect.service.starting import start_study
    from plumbline.collect.service.store_places import make_or_open_place
    from plumbline.loop.reply_scorer import open_reply_scorer

    with _told_where_interrupted(), progress(f"starting {place.said}") as shown:
        checked = check_start(
            read, place.file.name, open_scorer=open_reply_scorer, try_sources=try_sources, say=shown.step
        )
        opened, store_is_new = make_or_open_place(place.store)
        with closing(opened):
            owner = hand_out_first_owner(opened, now=utc_now())
            if owner is not None and tell_owner:
                print_owner(owner, link_address)
            started = start_study(
                opened,
                checked,
                owner=owner,
                told=lambda purpose, done, total: shown.of(f"entering items for {purpose}", done, total),
            )
    return started, store_is_new


@app.command()
@with_options("permit", flags.PermitFlags)
@with_options("listen", flags.ListenFlags)
def serve(
    studies: flags.Studies,
    processes: Annotated[int, typer.Option(help="Server processes; those that die are started again.", min=1)] = 1,
    store: flags.StorePlace = None,
    no_access_log: Annotated[bool, typer.Option("--no-access-log", help="Log no line for each request.")] = False,
    openid: flags.OpenIdFile = None,
    *,
    listen: flags.ListenFlags,
    permit: flags.PermitFlags,
) -> None:
    """Serve studies: pages for workers and managers, REST below /api/v1, described at /openapi.json. Ends at Ctrl-C.

    Where there is no store yet, the studies are started first, as init does; where there is no folder, and its name is that of
    an example, the example is made. As long as no owner has a password, a link is printed by which the owner chooses one.

    Paths in study files start in the study's own folder and lead nowhere outside it. Everything else that they may name
    (variables with keys, private addresses, local models) has to be permitted here.

    \b
    Example: plumbline collect serve my-study --port 8080
    """
    flags.require_extra()
    from plumbline.cli.collect.openid import ready_openid
    from plumbline.cli.collect.told import tell_network, tell_ready, tell_what_holds
    from plumbline.collect.example_studies import write_missing_example
    from plumbline.collect.server.proxies import checked_proxies
    from plumbline.collect.server.running import Served, run_server
    from plumbline.collect.service.collecting import utc_now
    from plumbline.collect.service.handing_out import link_of_owner
    from plumbline.collect.service.public_address import checked_public_url
    from plumbline.collect.service.served_studies import find_served, served_rules
    from plumbline.collect.study_file import read_study_settings
    from plumbline.loop.reply_scorer import open_reply_scorer
    from plumbline.web.listening import bind, url_of
    from plumbline.web.sessions import Site

    host, public = listen.host, None if listen.public_url is None else checked_public_url(listen.public_url)
    proxies = checked_proxies(listen.trusted_proxy or ())
    for said in studies:
        if write_missing_example(said):
            note(f"{said} was not there: made of the example; its data is SYNTHETIC, no judgements of people")
    places = find_served(studies, store)
    read = [(place, read_study_settings(place.file)) for place in places]
    names = [study.name for _, study in read]
    outside = ready_openid(openid, public_url=public, studies=names)
    with closing(_open_or_start(places)) as opened:
        rules, notes = served_rules(opened, read, permit.permits())
        tell_what_holds(opened, names)
        bound = bind(host, listen.port)
        link = link_of_owner(opened, now=utc_now(), issuer=None if outside is None else outside.settings.issuer)
    for told in notes:
        note(told)
    tell_network(host, public)
    from_prolific = [study.name for _, study in read if study.prolific]
    ready = partial(tell_ready, names, public or url_of(bound, host), link, from_prolific)
    served = Served(places[0].store, rules, open_reply_scorer, Site(host, public), proxies, outside)
    raise typer.Exit(run_server(served, bound, processes=processes, log_requests=not no_access_log, ready=ready))


def _open_or_start(places: Sequence[StudyPlace]) -> Store:
    """The store of studies that are to be served; where there is none yet, they are started."""
    from plumbline.cli.collect.told import print_started
    from plumbline.collect.service.store_places import open_place
    from plumbline.collect.store.failures import SchemaError
    from plumbline.collect.study_file import read_study_file

    try:
        return open_place(places[0].store, connections=1)
    except SchemaError as error:
        if error.code != "PL-COL-002":
            raise
    for place in places:
        read = read_study_file(place.file)
        started, store_is_new = _start(place, read, try_sources=False, tell_owner=True)
        print_started(started, place, read.study, store_is_new=store_is_new)
    return open_place(places[0].store, connections=1)


@app.command()
def status(
    studies: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Study folders or study files of one store. Without any, all studies of the store that --store names; "
            "without that too, the study in this folder.",
            show_default=False,
        ),
    ] = None,
    people: Annotated[
        bool,
        typer.Option("--people", help="List everybody in the store: pseudonym, role, blocked, erased, work finished."),
    ] = False,
    store: flags.StorePlace = None,
    as_json: options.Json = False,
) -> None:
    """How far studies are: items, places, people, what came late, which draws of replies failed.

    People and messages of webhooks are counted for the whole store.

    \b
    Example: plumbline collect status my-study
    """
    flags.require_extra()
    from plumbline.cli.collect.told import print_overview, print_people
    from plumbline.collect.service.overview import person_json, store_overview
    from plumbline.collect.service.served_studies import find_named
    from plumbline.collect.service.store_places import open_place, shown_place
    from plumbline.collect.store.overview import list_person_counts

    where, named = find_named(studies or [], store)
    with closing(open_place(where, connections=1)) as opened:
        overview = store_overview(opened, named)
        everybody = list_person_counts(opened) if people else []
    if as_json:
        listed = {"people_listed": [person_json(each) for each in everybody]} if people else {}
        print_json({"store": shown_place(where), **overview.to_json(), **listed})
        return
    print_overview(overview)
    if people:
        print_people(everybody)


@app.command()
def token(
    study: flags.Study,
    role: Annotated[str | None, typer.Option(help="worker (the default), reviewer, manager or owner.")] = None,
    days: Annotated[int, typer.Option(help="Until the token ends.", min=1, max=3650)] = 30,
    of: Annotated[
        str | None, typer.Option("--for", help="Another token for somebody, by pseudonym; earlier ones stay valid.")
    ] = None,
    store: flags.StorePlace = None,
    as_json: options.Json = False,
) -> None:
    """A token for somebody new, or another one for somebody; it is printed once and stored nowhere.

    \b
    Example: plumbline collect token my-study --role worker --days 30
    """
    flags.require_extra()
    from plumbline.cli.collect.told import handed_out_json, print_handed_out
    from plumbline.collect.service.collecting import utc_now
    from plumbline.collect.service.handing_out import hand_out_token, role_of
    from plumbline.collect.service.store_places import open_place
    from plumbline.collect.study_folder import store_of

    wanted = role_of(role, of)
    with closing(open_place(store_of(study, store), connections=1)) as opened:
        handed_out = hand_out_token(opened, role=wanted, days=days, pseudonym=of, now=utc_now())
    if as_json:
        print_json(handed_out_json(handed_out))
    else:
        print_handed_out(handed_out)


@contextmanager
def _told_where_interrupted() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        note("interrupted; what is entered stands, and the same command goes on from there")
        raise typer.Exit(EXIT_INTERRUPTED) from None


people.register(app)
mturk.register(app)
export.register(app)
keeping.register(app)
