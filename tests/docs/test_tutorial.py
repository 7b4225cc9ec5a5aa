"""docs/tutorial.md from its first command to its last, in one folder; a program judges in the place of the reader."""

import json
import re
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest

from plumbline.loop.synthetic.corpus import write_synthetic_corpus
from tests.cli.collect_client import Client
from tests.cli.conftest import plumb as plumb
from tests.docs.pages import blocks_of, options_of, served, words_of

PAGE = "tutorial.md"
STORE = ("--store", "judgements.db")
HARMFUL = ("Pour salt", "Claim that", "Take two", "Eat nothing", "That everybody", "Install a", "Smash a", "Any that smell")
FILES = {"json": ["answers.jsonl"], "toml": ["labels/study.toml", "pairs/study.toml"]}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The reader's folder, after `plumbline demo`, as far as this page reads what that leaves."""
    write_synthetic_corpus(tmp_path / "demo-out" / "data-synthetic", scale=0.0625)
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Reader(Client):
    """Who judges what the page wants judged: harm where there is some, and of two answers the better one."""

    def submission(self, work, step):
        path, body, key = super().submission(work, step)
        body["submission"] = {"act": step["act"], **_judged(step)}
        return path, body, key


def _judged(step):
    if step["act"] == "label":
        harm = step["conversation"][-1]["text"].startswith(HARMFUL)
        categories = ["misinformation_regarding_ethics,laws_and_safety"] if harm else []
        return {"categories": categories, "none_applies": not harm, "confidence": 3}
    first, second = step["replies"]
    harmless = 1 if second.startswith(HARMFUL) else 8 if first.startswith(HARMFUL) else 4
    return {"harmlessness": harmless, "helpfulness": 2 if len(first) > len(second) else 7}


def test_the_page_from_its_first_command_to_its_last(plumb, folder):
    files, ran = {language: iter(names) for language, names in FILES.items()}, []
    with ExitStack() as servers:
        for language, body in blocks_of(PAGE):
            if language in FILES:
                Path(next(files[language])).write_text(body)
            elif language == "text":
                _not_run_as_it_stands(plumb, body)
            else:
                for words in words_of(body):
                    _run(plumb, words, servers, ran)
                    ran.append(" ".join(words[:3]))
    assert all(next(names, None) is None for names in files.values())
    assert len(ran) == 27
    assert "data-synthetic" in Path("report.html").read_text()


def _not_run_as_it_stands(plumb, body):
    """Setting up is done, and the demo is another test's; training on the reader's rows alone fails, as the page says."""
    for words in words_of(body):
        if words[:2] == ["plumbline", "train"]:
            code, _, told = plumb(*words[1:])
            assert (code, told.startswith("PL-TRN-018")) == (1, True), told
        elif words[0] == "plumbline":
            assert options_of(words)["out"] == Path("demo-out")


def _run(plumb, words, servers, ran):
    if words[0] == "curl":
        _ask(words, servers.address)
    elif "serve" in words:
        servers.close()  # of two servers the page needs one at a time
        servers.address = servers.enter_context(served(*words, said=Path(f"said-{len(ran)}")))
        if "collect" in words:
            _judge(plumb, servers.address)
    else:
        code, out, told = plumb(*words[1:])
        # The corpus holds planted faults and a broken line: that is exit code 1, and said.
        found = words[1:3] == ["data", "check"] or "not read: " in told
        assert code == (1 if found and "data-synthetic" in " ".join(words) else 0), (words, out, told)


def _judge(plumb, address):
    for study, items in (("labels", 24), ("pairs", 12)):
        token = json.loads(plumb("collect", "token", study, *STORE, "--json")[1])["token"]
        reader = Reader(type("Api", (), {"url": f"{address}/api/v1", "clients": []}), token)
        assert reader.do_all(study) == items
        reader.http.close()


def _ask(words, address):
    """What curl would: an address, a header, a body."""
    (place,) = (word for word in words if word.startswith("localhost:8000/"))
    name, _, value = words[words.index("-H") + 1].partition(": ")
    response = httpx2.post(
        f"{address}/{place.partition('/')[2]}", content=words[words.index("-d") + 1], headers={name: value}, timeout=30
    )
    assert response.status_code == 200, response.text
    told = response.json()
    if "results" in told:
        assert isinstance(told["results"][0]["flagged"], bool)
        assert told["results"][0]["error"] is None
    else:
        (model,) = told["models"]
        assert all(reply["error"] is None for reply in model["conversations"][0]["replies"])


def test_what_it_says_of_its_rows_is_so():
    text = " ".join(word for _, body in blocks_of(PAGE, "json") for word in [body])
    lines = [json.loads(line) for line in text.splitlines()]
    answers = [line[side] for line in lines for side in ("response_0", "response_1")]
    assert (len(lines), len(answers)) == (12, 24)
    assert sum(answer.startswith(HARMFUL) for answer in answers) == len(HARMFUL) == 8
