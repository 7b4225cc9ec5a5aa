"""What the commands that collect print. A token goes to stdout once; a password of a store nowhere."""

from __future__ import annotations

import ipaddress
import os
import shlex
from typing import TYPE_CHECKING, Any

from plumbline.cli.collect.flags import STORE_VARIABLE
from plumbline.cli.console import note, print_table, visible

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from plumbline.collect.kinds import Purpose
    from plumbline.collect.service.handing_out import HandedOut
    from plumbline.collect.service.identity.inviting import Invited
    from plumbline.collect.service.overview import StoreOverview, StudyOverview
    from plumbline.collect.service.starting import Started
    from plumbline.collect.store.database import Store
    from plumbline.collect.store.overview import PersonCount
    from plumbline.collect.study_folder import StudyPlace
    from plumbline.collect.study_settings import StudyFile

_OF_PROLIFIC = "PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID={{%STUDY_ID%}}&SESSION_ID={{%SESSION_ID%}}"
"""What Prolific fills in, in the link of a study."""


# --- tokens ---


def print_owner(owner: HandedOut, link_address: str | None) -> None:
    """The owner's token and link, at once: what comes after may be interrupted.

    Args:
        link_address: where it will be served; None where the link is told by somebody else.
    """
    print(f"owner {owner.pseudonym}, token (shown this once): {owner.token}", flush=True)
    if link_address is not None and owner.link_path is not None:
        from plumbline.collect.service.public_address import DEFAULT_ADDRESS

        link = link_address + owner.link_path
        port = ", with the port that it is served at" if link_address == DEFAULT_ADDRESS else ""
        print(f"their link to log in by, once it is served (7 days, good once{port}): {link}", flush=True)


def print_handed_out(handed_out: HandedOut) -> None:
    """A token, and whose it is."""
    who = "new " if handed_out.is_new_person else ""
    print(f"{who}{handed_out.role} {handed_out.pseudonym}, until {handed_out.expires_at:%Y-%m-%d}")
    print(f"token (shown this once): {handed_out.token}")


def handed_out_json(handed_out: HandedOut) -> dict[str, Any]:
    """The same as an object."""
    return {
        "pseudonym": handed_out.pseudonym,
        "role": handed_out.role.value,
        "token": handed_out.token,
        "expires_at": handed_out.expires_at.isoformat(),
        "is_new_person": handed_out.is_new_person,
    }


def print_invited(invited: Invited, address: str | None) -> None:
    """A link, and for whom it is."""
    from plumbline.collect.service.public_address import DEFAULT_ADDRESS

    whom = f"for {invited.pseudonym}" if invited.pseudonym else "for somebody new"
    uses = "good once" if invited.uses == 1 else f"good {invited.uses:,} times"
    where = f"study {invited.study}" if invited.study else "the whole store"
    print(f"{invited.role} {whom}, {where}, {uses}, until {invited.expires_at:%Y-%m-%d}")
    if invited.note is not None:
        print(f"note: {visible(invited.note)}")
    print(f"link (shown this once): {address or DEFAULT_ADDRESS}{invited.link_path}")
    if address is None:
        note(
            f"it works on this machine, where the server listens at {DEFAULT_ADDRESS}; --public-url makes it one for others"
        )


def invited_json(invited: Invited, address: str | None) -> dict[str, Any]:
    """The same as an object."""
    from plumbline.collect.service.public_address import DEFAULT_ADDRESS

    return {
        "id": invited.id,
        "role": invited.role.value,
        "study": invited.study,
        "pseudonym": invited.pseudonym,
        "uses": invited.uses,
        "note": invited.note,
        "expires_at": invited.expires_at.isoformat(),
        "link": f"{address or DEFAULT_ADDRESS}{invited.link_path}",
    }


# --- starting ---

_PASSED_OVER = {
    "PL-ITM-001": "{records} that such a study does not judge",
    "PL-ITM-002": "{records} with a text blank, too long or with a NUL, or with too many texts",
    "PL-ITM-003": "{records} of items that are there already",
    "PL-ITM-004": "{records} without an answer that is known, or with several",
    "PL-ITM-005": "{records} whose sides are the same",
    "PL-ITM-006": "{records} of prompts with fewer than 2 or more than 10 labelled replies",
}
"""Why records make no item."""

_MEND = "mend them in the data, and the same command enters them"
_TO_DO = {
    "PL-ITM-001": "nothing to do where the rows hold other records too",
    "PL-ITM-002": _MEND,
    "PL-ITM-003": "nothing to do: an item is made once, for all its records",
    "PL-ITM-004": _MEND,
    "PL-ITM-005": "nothing to do: there is nothing to choose between",
    "PL-ITM-006": "nothing to do, or label more replies to them",
}
"""What whoever starts the study does about them."""

_NOT_JUDGED = {
    "pairs": "{records} that are no comparisons",
    "safety-labels": "{records} without a reply to label",
    "two-axis-ranking": "{records} without replies to rank",
    "preference-chat": "{records} that begin no conversation",
    "red-team-chat": "{records} that begin no conversation",
}
"""PL-ITM-001 for each kind of study."""

_AN_ITEM = {
    "pairs": "a pair of replies",
    "safety-labels": "a question with one answer",
    "two-axis-ranking": "a prompt with all its replies",
}
"""What an item is, by kind of study; in chats the beginning of a conversation."""


def print_started(started: Started, place: StudyPlace, study: StudyFile, *, store_is_new: bool) -> None:
    """What a start made and entered."""
    from plumbline.collect.service.store_places import shown_place

    print(f"study {started.study}: {'started' if started.is_new else 'was started before'}")
    print(f"store {shown_place(place.store)}: {'made' if store_is_new else 'was there'}")
    if started.has_new_guidelines and not started.is_new:
        print(f"guidelines: version {started.guidelines_version} is new")
    if not started.entered:
        print("items: the workers begin the conversations")
    for purpose, entered in started.entered.items():
        rows = entered.entered
        of_rows = many(entered.rows_read, "row")
        why = "" if rows.new + rows.known == entered.rows_read else f"; an item is {_an_item(study, purpose)}"
        print(f"items for {purpose}: {rows.new:,} new, {rows.known:,} known, of {of_rows}{why}")
        for code, count in sorted(entered.passed_over.items()):
            note(f"passed over for {purpose}: {_passed_over(code, count, study.kind.value)}")
        for code, count in sorted(entered.faults.items()):
            file, line = entered.first_faults[code]
            look = shlex.join(["plumbline", "data", "show", str(file), "--line", str(line)])
            note(
                f"not read for {purpose}: {many(count, 'row')} ({code}), the first in {file} line {line}: {look}; {_MEND}"
            )
        if rows.differing:
            note(
                f"{len(rows.differing):,} known items stand in the data with other content now; what was entered first holds"
            )
    if started.lacks_topics:
        note(
            "topics = true, but no item names a topic: the data bring no harm categories, and workers have nothing to leave out"
        )
    for address in started.not_tried:
        note(f"not tried: {address}; --try-sources asks it for replies")


def _an_item(study: StudyFile, purpose: Purpose) -> str:
    """What one item is: known answers among chats are pairs of replies that stand there already."""
    in_chats = "a pair of replies" if purpose.value != "work" else "how a conversation begins"
    return _AN_ITEM.get(study.kind.value, in_chats)


def _passed_over(code: str, count: int, kind: str) -> str:
    """Which records make no item, and what to do: "24 records that are no comparisons (PL-ITM-001); nothing to do …"."""
    said = _NOT_JUDGED.get(kind) if code == "PL-ITM-001" else None
    said = said or _PASSED_OVER.get(code, "{records}")
    to_do = _TO_DO.get(code, "see docs/errors.md")
    return f"{said.format(records=many(count, 'record'))} ({code}); {to_do}"


def many(number: int, noun: str) -> str:
    """A count with its noun."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def tell_next(started: Started, place: StudyPlace, study: StudyFile, *, is_store_named: bool) -> None:
    """What to type next."""
    from plumbline.collect.service.served_studies import permits_of

    permits = permits_of(study.replies)
    words = ["plumbline", "collect", "serve", str(place.said)]
    words += [word for name in sorted(permits.variables) for word in ("--permit-variable", name)]
    words += ["--permit-private"] if permits.private else []
    words += ["--permit-local-models"] if permits.local_models else []
    store = _store_words(place) if is_store_named else ""
    if is_store_named and not store and os.environ.get(STORE_VARIABLE) != str(place.store):
        note(f"the store's address is not repeated here, it may hold a password: set {STORE_VARIABLE} to it first")
    note(f"next: {shlex.join(words)}{store}")
    note(f"a link for workers: {shlex.join(['plumbline', 'collect', 'invite', str(place.said)])}{store}")
    if started.owner is None:
        note(
            "an owner is there already; another token for them: "
            f"{shlex.join(['plumbline', 'collect', 'token', str(place.said)])} --for PSEUDONYM{store}, or --role owner"
        )


def _store_words(place: StudyPlace) -> str:
    """The option; nothing where it may not be shown, and the variable stands for it."""
    from plumbline.collect.service.store_places import shown_whole

    whole = shown_whole(place.store)
    return "" if whole is None else f" --store {shlex.quote(whole)}"


def started_json(started: Started, place: StudyPlace, *, store_is_new: bool) -> dict[str, Any]:
    """What a start made and entered, as an object."""
    from plumbline.collect.service.store_places import shown_place

    return {
        "study": started.study,
        "is_new": started.is_new,
        "store": shown_place(place.store),
        "store_is_new": store_is_new,
        "owner": None if started.owner is None else started.owner.pseudonym,
        "owner_token": None if started.owner is None else started.owner.token,
        "owner_link_path": None if started.owner is None else started.owner.link_path,
        "guidelines_version": started.guidelines_version,
        "entered": {
            purpose.value: {
                "new": entered.entered.new,
                "known": entered.entered.known,
                "differing": len(entered.entered.differing),
                "rows_read": entered.rows_read,
                "passed_over": entered.passed_over,
                "faults": entered.faults,
            }
            for purpose, entered in started.entered.items()
        },
        "not_tried": list(started.not_tried),
        "lacks_topics": started.lacks_topics,
    }


def print_files(folder: Path, *, is_new: bool) -> None:
    """Where an example that was not started stands, and how it is started."""
    from plumbline.collect.study_folder import STUDY_FILE_NAME

    print(f"{folder}: {'made' if is_new else 'was there'}; nothing is started")
    note(f"next: change {folder / STUDY_FILE_NAME} and what it names as you like")
    note(f"then: {shlex.join(['plumbline', 'collect', 'init', str(folder)])}")


def files_json(folder: Path, example: str, *, is_new: bool) -> dict[str, Any]:
    """The same as an object."""
    return {"folder": str(folder), "example": example, "is_new": is_new}


def tell_what_holds(store: Store, studies: Sequence[str]) -> None:
    """On which terms what studies collect will leave, and of which part that comes; help that is still an example's."""
    from plumbline.collect.example_studies import HELP_TO_REPLACE
    from plumbline.collect.export.terms_told import terms_of_study_told
    from plumbline.collect.service.collecting import utc_now
    from plumbline.collect.store.studies import find_study
    from plumbline.collect.study_file import parse_study_file

    for name in studies:
        known = find_study(store, name)
        settings = parse_study_file(known.file, f"{name}.toml")
        for line in terms_of_study_told(store, known.id, settings, as_of=utc_now()):
            note(f"terms of what {name} collects: {line}")
        if settings.help == HELP_TO_REPLACE:
            note(
                f"workers of {name} are told to ask {HELP_TO_REPLACE.removeprefix('mailto:')}, which reaches nobody: put an "
                "address of yours into the study file before anybody works, and run init, which says how to start again"
            )


# --- serving ---


def tell_ready(names: Sequence[str], address: str, link: str | None, from_prolific: Sequence[str] = ()) -> None:
    """Where it is, the path by which its owner chooses a password, where none has one, and what to give to Prolific.

    At once, since programs wait for it.
    """
    print(f"serving {', '.join(names)} at {address}", flush=True)
    print(f"its API: {address}/api/v1, described at {address}/openapi.json", flush=True)
    if link is not None:
        print(f"choose the owner's name and password (7 days, good once): {address}{link}", flush=True)
    for name in from_prolific:
        print(f"link for Prolific: {address}/arrive/prolific/{name}?{_OF_PROLIFIC}", flush=True)


def tell_network(host: str, public_url: str | None) -> None:
    """Said once where others can reach the server: tokens travel in clear text without TLS, and nobody can log in."""
    if not _is_loopback(host) and public_url is None:
        note("nobody can log in from elsewhere before it is served with --public-url https://NAME, the proxy's address")
    if not _is_loopback(host):
        note(
            f"{host} can be reached from elsewhere: put a proxy with TLS in front, tokens and texts travel in the clear"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


# --- looking ---


def print_overview(overview: StoreOverview) -> None:
    """A table of queues, and a line of the rest for each study."""
    rows = [row for study in overview.studies for row in _queue_rows(study)]
    header = ["study", "kind", "state", "queue", "items", "complete", "places", "in hand", "submitted"]
    print_table(header, rows or [["none"] + [""] * (len(header) - 1)], right=(4, 5, 6, 7, 8))
    for study in overview.studies:
        waiting = f", {many(study.splits_waiting, 'ruling')} to be made" if study.splits_waiting else ""
        print(
            f"{study.study.name}: {many(study.workers, 'worker')}, {many(study.late, 'late submission')}, "
            f"guidelines version {study.guidelines_version}{waiting}"
        )
        for failed in study.failed_draws:
            print(
                f"{study.study.name}: replies failed {failed.count:,} × {failed.code}, last {failed.last:%Y-%m-%d %H:%M} UTC"
            )
    print(
        "people in the store: "
        + (", ".join(many(count, role) for role, count in sorted(overview.people.items())) or "none")
    )
    if any(overview.untold):
        untold, given_up = overview.untold
        print(f"webhooks: {many(untold, 'message')} waiting, {given_up:,} given up in the last 30 days")


def print_people(everybody: Sequence[PersonCount]) -> None:
    """A table of everybody in the store."""
    print()
    rows = [
        [
            each.person.pseudonym,
            each.person.role.value,
            "" if each.person.blocked_at is None else f"{each.person.blocked_at:%Y-%m-%d}",
            "" if each.person.erased_at is None else f"{each.person.erased_at:%Y-%m-%d}",
            f"{each.finished:,}",
        ]
        for each in everybody
    ]
    print_table(["person", "role", "blocked", "erased", "work finished"], rows, right=[4])


def _queue_rows(study: StudyOverview) -> list[list[str]]:
    from plumbline.collect.service.overview import places_of

    about = [study.study.name, study.study.kind, study.study.state.value]
    if not study.queues:
        return [[*about, "work", "0", "0", "0", "0", "0"]]
    return [
        [
            *(about if position == 0 else ["", "", ""]),
            purpose.value,
            f"{count.items:,}",
            f"{count.complete:,}",
            "" if places_of(count) is None else f"{count.slots:,}",
            f"{count.leased:,}",
            f"{count.submitted:,}",
        ]
        for position, (purpose, count) in enumerate(sorted(study.queues.items()))
    ]
