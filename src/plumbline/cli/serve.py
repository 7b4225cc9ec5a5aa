"""``plumbline serve``: moderation and scoring over HTTP."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from plumbline.cli.console import note

if TYPE_CHECKING:
    from plumbline.moderate.service.served import Served

_EXTRA = ("uvicorn", "prometheus_client")

Models = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Folders of models that plumbline train wrote. Moderation models judge; preference and cost models score. The "
        "first moderation model answers where a request names none.",
        show_default=False,
    ),
]
Policies = Annotated[
    list[Path] | None,
    typer.Option(
        "--policy",
        help="A policy of the first moderation model (plumbline policy fit), may be given several times; the first decides "
        "where a request names none. Read again when the file changes. By default the model's own thresholds decide.",
    ),
]
Keys = Annotated[
    Path | None,
    typer.Option(
        "--keys",
        help="The file of API keys; with it every client is asked for one. Needed on any address but loopback.",
    ),
]
AddKey = Annotated[
    str | None,
    typer.Option(
        "--add-key", metavar="NAME", help="Draw a key for NAME into the file of --keys, print it once, and stop."
    ),
]
RateLimit = Annotated[
    float | None,
    typer.Option(
        "--rate-limit",
        min=0.01,
        max=1_000_000,
        help="Requests a second that one key, or one address without a key, may make; ten seconds' worth at once.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)


def serve(
    models: Models = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    policy: Policies = None,
    keys: Keys = None,
    add_key: AddKey = None,
    rate_limit: RateLimit = None,
    log_requests: Annotated[
        bool, typer.Option("--log-requests", help="Log every request, not only those refused; never a text.")
    ] = False,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run code that comes with a transformer.")
    ] = False,
    precision: Annotated[
        Literal["fp32", "bf16"],
        typer.Option(
            "--precision",
            help="What transformers compute in: fp32, or bf16, faster where the processor or GPU has it; scores move by a hundredth or so.",
        ),
    ] = "fp32",
) -> None:
    """Serve models: OpenAI's moderation contract at /v1/moderations, rewards and costs at /v1/score. Ends at Ctrl-C.

    Any client of OpenAI's moderation works with it unchanged: only its base URL is another. A text that could not be judged
    is told as an error and as flagged, never as safe.

    \b
    Example: plumbline serve moderation-model --port 8000
    Example: plumbline serve moderation-model reward-model --policy policy.toml --host 0.0.0.0 --keys keys.toml
    """
    _require_extra()
    from plumbline.moderate.service.keys import KeyFile
    from plumbline.moderate.service.keys import add_key as draw_key

    if add_key is not None:
        _tell_key(add_key, draw_key(_key_file(keys), add_key))
        return
    from plumbline.moderate.loaded_models import read_models
    from plumbline.moderate.service.app import AppOptions, make_app
    from plumbline.moderate.service.running import run_server
    from plumbline.moderate.service.served import served_models
    from plumbline.web.listening import bind, url_of
    from plumbline.web.rate_limits import Rate
    from plumbline.web.sessions import is_loopback

    held = None if keys is None else KeyFile(keys)
    _require_keys(host, is_held=held is not None)
    loaded = read_models(models or [], trust_remote_code=trust_remote_code, in_half=precision == "bf16")
    served = served_models(loaded, policy or [])
    rate = None if rate_limit is None else Rate(rate_limit, max(1, round(10 * rate_limit)))
    application = make_app(served, AppOptions(held, rate, is_local=is_loopback(host)))
    bound = bind(host, port)

    where = f"{', '.join(each.name for each in loaded)} at {url_of(bound, host)}"
    told = partial(_tell_ready, served, where, in_half=precision == "bf16")
    raise typer.Exit(run_server(application, bound, log_requests=log_requests, ready=told))


def _require_extra() -> None:
    """Refuse to go on without the libraries that serving needs."""
    from plumbline.records.errors import require_libraries

    require_libraries(
        _EXTRA,
        "PL-MDR-008",
        "plumbline serve",
        expected="the extra that serves",
        advice="pip install -c constraints.txt -e '.[serve]'",
    )


def _key_file(keys: Path | None) -> Path:
    from plumbline.moderate.failures import ServingError

    if keys is None:
        raise ServingError(
            "PL-MDR-005",
            "--add-key",
            "nothing says which file the key goes to",
            advice="name it: plumbline serve --add-key NAME --keys keys.toml",
        )
    return keys


def _tell_key(name: str, key: str) -> None:
    note(
        f"the key of {name}; it is shown this once, the file holds its digest alone; a service that runs knows it in two seconds:"
    )
    print(key)


def _require_keys(host: str, *, is_held: bool) -> None:
    """Refuse to listen where others can reach it without asking them for a key."""
    from plumbline.moderate.failures import ServingError
    from plumbline.web.sessions import is_loopback

    if not is_held and not is_loopback(host):
        raise ServingError(
            "PL-MDR-009",
            f"--host {host}",
            "others can reach this address, so keys are asked for, and there is no file of them",
            advice="make one: plumbline serve --add-key NAME --keys keys.toml; then serve with --keys keys.toml",
        )


def _tell_ready(served: Served, where: str, *, in_half: bool) -> None:
    """Tell what is served, and where."""
    for told in _told(served):
        note(told)
    if in_half:
        note("transformers compute in bf16: scores may differ from those of plumbline score by a hundredth or so")
    print(f"serving {where}", flush=True)


def _told(served: Served) -> list[str]:
    """What whoever runs it should know, a line each."""
    from plumbline.models.cascade.told import told_at_start

    told = [f"{each.model.name} was trained on SYNTHETIC data" for each in served.all if each.model.is_synthetic]
    told += [f"{each.model.name} is a {told_at_start(each.model.cascade)}" for each in served.all if each.model.cascade]
    for each in served.moderators:
        policies = served.policies_of(each)
        told.append(f"{each.model.name} decides by policy {policies[0].name}, version {policies[0].version}")
    return told + served.told()
