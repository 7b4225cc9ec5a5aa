"""The image without an engine: the wheel that the Dockerfile builds, served as compose.yaml serves it."""

import re
import signal
import subprocess

import httpx2
import pytest

from tests.collect.postgres_server import find_program
from tests.deploy import reading
from tests.deploy.conftest import PROXY, run_in
from tests.deploy.reading import HOST, ROOT, STUDY

PASSWORD = "four words of mine"


def files_of(folder):
    """Whatever is no product of running it: the wheel must have all of them, and nothing else."""
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix() for path in found}


def done(image, words, environment):
    """(exit code, stdout, stderr) of a command."""
    process = run_in(image, words, environment)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


# Makes a wheel, installs it and starts six programs: half a minute. In short `test_files` holds what the files promise,
# `test_guide` runs commands with compose's variables, and `tests/collect/server/test_proxies.py` serves behind a proxy.
@pytest.mark.thorough
def test_the_image_serves_as_compose_says_until_it_is_told_to_end(image, machine):
    (installed,) = (image / "lib").glob("python*/site-packages/plumbline")
    assert files_of(installed) == files_of(ROOT / "src/plumbline")
    last = reading.stages()[-1]
    services = reading.filled_compose()["services"]
    environment = machine.environment
    entry = reading.the(last, "ENTRYPOINT").words

    def health():
        return done(image, [machine.placed(word) for word in reading.health_check(last)], environment)[0]

    starting = [*entry, "collect", "init", str(machine.folder / "studies" / STUDY), "--example", "pairs"]
    code, out, err = done(image, starting, environment)
    assert (code, machine.password in out + err) == (0, False), err
    assert "store postgresql://plumbline@database/plumbline: made" in out
    link = re.search(rf"good once\): (https://{HOST}/join#\S+)", out)[1]
    ready = services["database"]["healthcheck"]["test"]
    assert ready[0] == "CMD"
    subprocess.run([find_program(ready[1]), *ready[2:]], env=environment, check=True)

    assert health() != 0  # nothing is served yet
    command = [machine.placed(word) for word in services["app"]["command"]]
    server = run_in(image, [*entry, *command, f"--port={machine.ports[0]}"], environment)
    try:
        said = [server.stdout.readline() for _ in range(3)]
        assert said[0] == f"serving pairs at https://{HOST}\n", said
        see_pages(machine, link)  # which waits for as long as starting takes; the check does not
        assert health() == 0
        server.send_signal(signal.SIGTERM)
        out, err = server.communicate(timeout=20)
    finally:
        server.kill()
        server.communicate()
    assert (server.returncode, "Traceback" in err, machine.password in out + err) == (0, False, False), err


def see_pages(machine, link):
    """As Caddy passes on what a browser asks."""
    passed_on = {"Host": HOST, "X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}
    way = httpx2.HTTPTransport(local_address=PROXY)
    with httpx2.Client(
        base_url=f"http://127.0.0.1:{machine.ports[0]}", transport=way, headers=passed_on, timeout=30
    ) as http:
        page = http.get("/login")
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        style = http.get(re.search(r'<link rel="stylesheet" href="(/[^"]+)"', page.text)[1])
        assert (style.status_code, style.headers["content-type"]) == (200, "text/css; charset=utf-8")
        body = {"code": link.partition("/join#")[2], "name": "Ada", "password": PASSWORD}
        joined = http.post("/api/v1/invitations/accepted", json=body)
        assert joined.status_code == 201, joined.text
        cookie = joined.headers["set-cookie"]
        assert {"Secure", "HttpOnly"} <= {part.strip() for part in cookie.split(";")}
        # Without a name that is ours nobody is answered under a cookie.
        session = {"Cookie": cookie.partition(";")[0]}
        assert http.get("/api/v1/me", headers=session).json()["name"] == "Ada"
        assert http.get("/api/v1/me", headers=session | {"Host": "elsewhere.example"}).status_code == 403
