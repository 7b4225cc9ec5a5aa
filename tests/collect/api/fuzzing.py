"""Schemathesis against the API over real HTTP: a server in a thread, what it answered counted by route."""

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import uvicorn

PROGRAM = Path(sys.executable).with_name("schemathesis")
# Submissions hold more rules than a schema can say (what is asked now, of how many steps), study files are a language
# of their own: such a body is understood and refused, by 422.
UNDERSTOOD = ["2xx", "401", "403", "404", "409", "422"]
# What breaks the schema is refused by any of these: also because it is too much (413).
REFUSED = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "428", "429"]


class Counted:
    """ASGI: counts answers by (operation, status)."""

    def __init__(self, app):
        self.app = app
        self.answers = Counter()

    async def __call__(self, scope, receive, send):
        async def noted(message):
            if message["type"] == "http.response.start":
                route = scope.get("route")
                self.answers[getattr(route, "name", None), message["status"]] += 1
            await send(message)

        await self.app(scope, receive, noted)

    def operations(self, lowest=200, highest=599):
        return {name for name, status in self.answers if name is not None and lowest <= status <= highest}


@contextmanager
def served(app):
    """The address of a server on a port of its own."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def run_schemathesis(address, token, folder, *, phases, examples, known=None, seed=4, more=()):
    """All checks over operations of the document; `known` gives values for parameters, used most of the time."""
    (folder / "schemathesis.toml").write_text(settings(known or {}))
    command = [
        PROGRAM, "run", f"{address}/openapi.json", "--url", address, "--header", f"Authorization: Bearer {token}",
        "--phases", phases, "--max-examples", str(examples), "--seed", str(seed), "--continue-on-failure", "--no-color",
        "--generation-database", "none", "--suppress-health-check", "all", *more,
    ]  # fmt: skip
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def settings(known):
    """``schemathesis.toml``: every check, and what the API is known to hold."""
    lines = [
        "[checks]",
        f"positive_data_acceptance.expected-statuses = {json.dumps(UNDERSTOOD)}",
        f"negative_data_rejection.expected-statuses = {json.dumps(REFUSED)}",
    ]
    for number, values in enumerate(known.values()):
        lines += [f"[dictionaries.known{number}]", f"values = {json.dumps(values)}"]
    lines += ["[parameters]"]
    lines += [f'"{name}" = {{ dictionary = "known{number}", probability = 0.8 }}' for number, name in enumerate(known)]
    return "\n".join(lines) + "\n"
