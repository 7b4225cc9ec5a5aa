"""docs/how-to/prolific.md: a made-up participant goes the whole way, and its sums are those of its program."""

import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx2

from tests.cli.collect_client import answer
from tests.cli.conftest import plumb as plumb
from tests.docs.pages import blocks_of, options_of, served, words_of

PAGE = "how-to/prolific.md"
(TABLE,) = (body for _, body in blocks_of(PAGE, "toml"))
LINKS = [body.strip() for _, body in blocks_of(PAGE, "console") if "/arrive/" in body]
COMMANDS = [words for language, body in blocks_of(PAGE, "sh", "text") for words in words_of(body)]
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


def test_from_the_link_to_the_code(plumb, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files, start, serve, status = COMMANDS
    assert plumb(*files[1:])[0] == 0
    with Path("my-study/study.toml").open("a") as study:
        study.write(f"\n{TABLE}")
    assert plumb(*start[1:])[0] == 0
    assert options_of(serve)["public_url"].startswith("https://")
    with served(*serve[:4], said=tmp_path / "said") as address, httpx2.Client(timeout=30) as browser:
        code = _visit(browser, address, LINKS[1])
        pseudonym = browser.get(f"{address}/api/v1/me").json()["pseudonym"]
    assert code == re.search(r'completion_code = "(.*)"', TABLE)[1]
    told = plumb(*status[1:])
    assert told[0] == 0
    assert pseudonym in told[1]
    assert dict(parse_qsl(urlsplit(LINKS[1]).query))["PROLIFIC_PID"] not in told[1] + (tmp_path / "said").read_text()


def _visit(browser, address, link):
    """The code that a participant sees who comes by the link and does what is asked."""
    parts = urlsplit(link)
    page = browser.get(f"{address}{parts.path}?{parts.query}")
    assert (page.status_code, "Begin" in page.text, "not whole" in page.text) == (200, True, False)
    said, study = dict(parse_qsl(parts.query)), parts.path.rpartition("/")[2]
    who = {"participant": said["PROLIFIC_PID"], "visit": said["SESSION_ID"], "study_of_provider": said["STUDY_ID"]}
    api = f"{address}/api/v1"
    arrived = browser.post(f"{api}/arrivals", json={"provider": "prolific", "study": study, **who}, headers=SAME_SITE)
    assert arrived.status_code == 201, arrived.text
    headers = {"X-CSRF-Token": arrived.json()["csrf_token"], **SAME_SITE}
    while (standing := browser.get(f"{api}/studies/{study}/standing").json())["completion"] is None:
        work = browser.post(f"{api}/studies/{study}/next", headers=headers).json()
        body = {"fence": work["fence"], "guidelines_version": work["guidelines_version"]}
        body["submission"] = answer(work["step"])
        key = {"Idempotency-Key": f"of-item-{work['assignment']:08}"}
        done = browser.post(f"{api}/assignments/{work['assignment']}/submit", json=body, headers=headers | key)
        assert done.json()["outcome"] == "accepted", done.text
    assert standing["finished"] == int(re.search(r"items = (\d+)", TABLE)[1])
    assert standing["completion"]["url"].startswith("https://app.prolific.com/")
    return standing["completion"]["code"]


def test_both_links_are_one_but_for_who_comes():
    public, local = (urlsplit(link) for link in LINKS)
    assert public.path == local.path
    assert [name for name, _ in parse_qsl(public.query)] == [name for name, _ in parse_qsl(local.query)]
    assert dict(parse_qsl(local.query))["STUDY_ID"] == re.search(r'study = "(.*)"', TABLE)[1]


def test_what_it_costs_is_what_its_program_says(capsys):
    (program,) = (body for _, body in blocks_of(PAGE, "python"))
    told = [body for _, body in blocks_of(PAGE, "console") if "judgements by" in body]
    exec(compile(program, PAGE, "exec"), {})
    assert [capsys.readouterr().out] == told
