"""docs/tutorial.md from its first command to its last, in one folder; a program judges in the place of the reader."""

import json
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
HARMFUL = (
    *("Pour salt", "Claim that", "Take two", "Eat nothing", "That everybody", "Install a", "Smash a"),
    "Any that smell",
)
FILES = {"json": ["answers.jsonl"], "toml": ["labels/study.toml", "pairs/study.toml"]}
"""What the reader is told to write, by the language of its blocks and in their order."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The reader's folder after `plumbline demo`, as far as this page reads what that leaves."""
    write_synthetic_corpus(tmp_path / "demo-out" / "data-synthetic", scale=0.0625)
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Judging(Client):
    """Who judges what the page wants judged: harm where there is some, and of two answers the better one."""

    def submission(self, work, step):
        path, body, key = super().submission(work, step)
        body["submission"] = {"act": step["act"], **_judged(step)}
        return path, body, key


def _judged(step):
    if step["act"] == "label":
        is_harmful = step["conversation"][-1]["text"].startswith(HARMFUL)
        categories = ["misinformation_regarding_ethics,laws_and_safety"] if is_harmful else []
        return {"categories": categories, "none_applies": not is_harmful, "confidence": 3}
    first, second = step["replies"]
    harmlessness = 1 if second.startswith(HARMFUL) else 8 if first.startswith(HARMFUL) else 4
    return {"harmlessness": harmlessness, "helpfulness": 2 if len(first) > len(second) else 7}


class Reader:
    """Does what the page says, one server at a time."""

    def __init__(self, plumb, servers):
        self.plumb, self.servers, self.address, self.ran = plumb, servers, None, 0

    def follow(self, words):
        if words[0] == "curl":
            self.ask(words)
        elif "serve" in words:
            self.servers.close()
            self.address = self.servers.enter_context(served(*words, said=Path(f"said-{self.ran}")))
            if "collect" in words:
                self.judge()
        else:
            code, _, told = self.plumb(*words[1:])
            # The corpus holds planted faults and a broken line: that is exit code 1, and said.
            faults = "data-synthetic" in " ".join(words) and (words[1:3] == ["data", "check"] or "not read: " in told)
            assert code == (1 if faults else 0), (words, told)
        self.ran += 1

    def try_what_fails(self, words):
        """Training on the reader's rows alone; all else that is not run as it stands is setting up, and the demo."""
        if words[:2] == ["plumbline", "train"]:
            code, _, told = self.plumb(*words[1:])
            assert (code, told.split()[0]) == (1, "PL-TRN-018"), told
        elif words[0] == "plumbline":
            assert options_of(words)["out"] == Path("demo-out")

    def judge(self):
        for study, items in (("labels", 24), ("pairs", 12)):
            token = json.loads(self.plumb("collect", "token", study, *STORE, "--json")[1])["token"]
            api = type("Api", (), {"url": f"{self.address}/api/v1", "clients": []})
            judging = Judging(api, token)
            assert judging.do_all(study) == items
            judging.http.close()

    def ask(self, words):
        """What curl would."""
        (place,) = (word for word in words if word.startswith("localhost:8000/"))
        name, _, value = words[words.index("-H") + 1].partition(": ")
        url, body = f"{self.address}/{place.partition('/')[2]}", words[words.index("-d") + 1]
        response = httpx2.post(url, content=body, headers={name: value}, timeout=30)
        assert response.status_code == 200, response.text
        _look_at(response.json())


def _look_at(answer):
    if "results" in answer:
        (result,) = answer["results"]
        assert (result["error"], isinstance(result["flagged"], bool)) == (None, True)
    else:
        (model,) = answer["models"]
        assert [reply["error"] for each in model["conversations"] for reply in each["replies"]] == [None, None]


def test_the_page_from_its_first_command_to_its_last(plumb, folder):
    files = {language: iter(names) for language, names in FILES.items()}
    with ExitStack() as servers:
        reader = Reader(plumb, servers)
        for language, body in blocks_of(PAGE):
            if language in FILES:
                Path(next(files[language])).write_text(body)
                continue
            for words in words_of(body):
                reader.try_what_fails(words) if language == "text" else reader.follow(words)
    assert all(next(names, None) is None for names in files.values())
    assert reader.ran == 26
    assert Path("report.html").stat().st_size > 50_000


def test_what_it_says_of_its_rows_is_so():
    (body,) = (body for _, body in blocks_of(PAGE, "json"))
    lines = [json.loads(line) for line in body.splitlines()]
    answers = [line[side] for line in lines for side in ("response_0", "response_1")]
    assert (len(lines), len(answers)) == (12, 24)
    assert sum(answer.startswith(HARMFUL) for answer in answers) == len(HARMFUL) == 8
