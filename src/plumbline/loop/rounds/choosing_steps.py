"""From models to the next round: who may choose, the best of several replies, the study that the next round begins with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from shlex import quote

from pydantic import JsonValue

from plumbline.collect.study_settings import CHATS
from plumbline.lineage import is_there
from plumbline.loop.asked_sources import journal_of
from plumbline.loop.best_of_n.opening import BestOfNRun
from plumbline.loop.best_of_n.run import SUMMARY_NAME, run_best_of_n
from plumbline.loop.rounds.chance import chance_notes, refuse_chance
from plumbline.loop.rounds.data_steps import stated_terms
from plumbline.loop.rounds.model_steps import EVALUATIONS, MODELS, measured
from plumbline.loop.rounds.next_study import NextStudy, named_files, write_next_study
from plumbline.loop.rounds.opened_round import Round
from plumbline.loop.rounds.round_file import sampling_of
from plumbline.loop.rounds.round_settings import Next, Sampler
from plumbline.loop.rounds.steps import Call, Step, Told, content_digest, of_manifest, written
from plumbline.records import UsageError
from plumbline.sources import parse_address

BEST, NEXT = "best", "next"
_OTHER_RUN = "PL-RTA-001"


def choosing_steps(round_: Round) -> Iterator[Step]:
    """Who may choose, then the choice, then what follows from it."""
    settings = round_.settings
    if settings.models:
        yield Step(
            "look who may choose",
            None,
            partial(_chance_reads, round_),
            partial(_look, round_),
            partial(_looked_told, round_),
        )
    if settings.sampler is not None:
        sampler = settings.sampler
        yield Step(
            "best of n", BEST, partial(_best_reads, round_, sampler), partial(_best, round_, sampler), _best_told
        )
    if settings.next is not None and settings.sampler is not None and round_.pattern is not None:
        asked, sampler = settings.next, settings.sampler
        yield Step(
            "next study",
            NEXT,
            partial(_next_reads, round_, asked, sampler),
            partial(_next, round_, asked, sampler),
            _next_told,
        )


# --- who may choose ---


def _chance_reads(round_: Round) -> dict[str, JsonValue]:
    settings = round_.settings
    return {
        "evaluations": [written(round_, f"{EVALUATIONS}/{model.name}") for model in settings.models],
        "allowed": [model.name for model in settings.models if model.allow_chance],
        "scorer": settings.sampler.scorer if settings.sampler else None,
    }


def _look(round_: Round, call: Call) -> None:  # noqa: ARG001 - as every step is run
    sampler = round_.settings.sampler
    refuse_chance(measured(round_), None if sampler is None else sampler.scorer)


def _looked_told(round_: Round, _: Path) -> Told:
    return Told(tuple(chance_notes(measured(round_))))


# --- the best of n ---


def _judge(round_: Round, sampler: Sampler) -> Path | None:
    if sampler.judge is None:
        return None
    is_ours = sampler.judge in [model.name for model in round_.settings.models]
    return round_.out / MODELS / sampler.judge if is_ours else Path(round_.place(sampler.judge))


def _best_reads(round_: Round, sampler: Sampler) -> dict[str, JsonValue]:
    judge = _judge(round_, sampler)
    address = parse_address(round_.address(sampler.policy))
    return {
        "asked": sampler.model_dump(mode="json"),
        "seed": round_.settings.seed,
        "stated": stated_terms(round_.settings.data).to_json(),
        "prompts": content_digest(round_.place(sampler.prompts.source)),
        "policy": None if address.kind == "openai" else content_digest(address.location),
        "scorer": written(round_, f"{MODELS}/{sampler.scorer}"),
        "judge": None if judge is None else content_digest(str(judge)),
    }


def _best(round_: Round, sampler: Sampler, call: Call) -> None:
    """Ask; replies that an earlier call was given to the same questions are taken over, whichever model chooses now."""
    out = round_.out / BEST
    has_replies = journal_of(out).exists() and not call.restart
    try:
        _ask(round_, sampler, call, restart=not has_replies)
    except UsageError as error:
        if error.code != _OTHER_RUN or not has_replies:
            raise
        call.note(
            "other prompts, another policy or other sampling than before: the replies that came are asked for anew"
        )
        _ask(round_, sampler, call, restart=True)


def _ask(round_: Round, sampler: Sampler, call: Call, *, restart: bool) -> None:
    prompts = sampler.prompts
    options = {name: value for name, value in prompts.model_dump(mode="json").items() if name != "source"}
    run = BestOfNRun(
        prompts=round_.place(prompts.source),
        policy=round_.address(sampler.policy),
        scorer=round_.out / MODELS / sampler.scorer,
        out=round_.out / BEST,
        sampling=sampling_of(sampler, round_.settings.seed),
        replies=sampler.replies,
        judge=_judge(round_, sampler),
        write=tuple(dict.fromkeys(sampler.write)),
        most_prompts=sampler.most_prompts,
        key_variable=sampler.key_variable,
        allow_private=sampler.allow_private,
        trust_remote_code=any(
            model.settings.trust_remote_code or False
            for model in round_.settings.models
            if model.name in (sampler.scorer, sampler.judge)
        ),
        restart=restart,
        override_uses=sampler.override_uses,
        load_options={**options, "cache": False, "stated_terms": stated_terms(round_.settings.data)},
        command=call.command,
    )
    run_best_of_n(run, lambda what: call.say(f"best of n: {what}"))


def _best_told(output: Path) -> Told:
    try:
        summary = json.loads((output / SUMMARY_NAME).read_bytes())
    except FileNotFoundError:
        return Told()
    came = f"best of n: {summary['replies_came']:,} replies to {summary['prompts']:,} prompts"
    missing = {**summary["missing"], **summary["judged_missing"]}
    lost = [f"best of n: {count:,} replies or scores are missing, {code}" for code, count in missing.items()]
    unread = {**of_manifest(output).unread}
    return Told((came, *summary["notes"], *lost), unread, is_whole=not missing)


# --- the next study ---


def _next_reads(round_: Round, asked: Next, sampler: Sampler) -> dict[str, JsonValue]:
    pattern = round_.pattern
    files = {} if pattern is None else named_files(pattern)
    is_chat = pattern is not None and pattern.study.kind in CHATS
    return {
        "asked": asked.model_dump(mode="json"),
        "is_first": round_.before is None,
        "pattern": None if pattern is None else pattern.sha256,
        "files": {text: content_digest(str(path)) for text, path in files.items()},
        "chosen": written(round_, f"{MODELS}/{sampler.scorer}" if is_chat else BEST),
        "sources": [content_digest(parse_address(round_.address(each)).location) for each in asked.sources or ()],
    }


def _next(round_: Round, asked: Next, sampler: Sampler, call: Call) -> None:
    if round_.pattern is None:
        return
    if is_there(round_.out / NEXT):
        _refuse_started(round_, asked)
    is_chat = round_.pattern.study.kind in CHATS
    study = NextStudy(
        pattern=round_.pattern,
        name=asked.name,
        tranche=asked.tranche or ("rejection-sampled" if round_.before is None else "online"),
        k=asked.k,
        sources=None if asked.sources is None else tuple(round_.address(each) for each in asked.sources),
        chosen=round_.out / (f"{MODELS}/{sampler.scorer}" if is_chat else BEST),
        round_name=round_.settings.name,
    )
    for told in write_next_study(study, round_.out / NEXT, command=call.command, say=call.say):
        call.note(told)


def _refuse_started(round_: Round, asked: Next) -> None:
    """A next study that stands in a store of this round was started there: what people judge belongs to its folder as it is.

    One that was started in a store of its own is known by that, in its folder.
    """
    from plumbline.collect.service.store_places import open_place
    from plumbline.collect.store.studies import list_studies

    for place in {str(study.place.store): study.place.store for study in round_.studies}.values():
        with closing(open_place(place, connections=1)) as store:
            is_started = asked.name in [study.name for study in list_studies(store)]
        if is_started:
            raise UsageError(
                "PL-OUT-002",
                str(round_.out / NEXT),
                f"the study {asked.name} of this folder was started",
                expected="a next study that nobody started",
                found="it stands in the store of the round's studies",
                advice="name the next study otherwise in [next], or another output for the round",
            )


def _next_told(output: Path) -> Told:
    return Told((f"next study: plumbline collect init {quote(str(output))}",))
