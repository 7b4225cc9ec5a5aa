"""Whatever is sent: an answer below 500, as a problem document where it is an error, and a store that is still whole."""

import json

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plumbline.collect.api import schemas
from plumbline.collect.kinds import SUBMISSIONS
from plumbline.collect.store.checking import check_store
from tests.collect.api.client import EXAMPLES, rows, toml

WORDS = st.text(max_size=8) | st.sampled_from(["\0", "\ud800", "x" * 70_000, "helpfulness", "user", "open", "first"])
LEAVES = st.none() | st.booleans() | st.integers(-3, 9) | st.integers() | st.floats() | WORDS
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3))


def mostly(names, values=VALUES):
    """Objects with fields of these names, and now and then another."""
    return st.dictionaries(st.sampled_from(sorted(names)) | WORDS, values, max_size=len(names) + 1)


SUBMITTED = st.sampled_from(sorted(SUBMISSIONS)).flatmap(
    lambda act: mostly(SUBMISSIONS[act].model_fields).map(lambda values: values | {"act": act})
)
BODIES = {
    "turn": schemas.Turn,
    "submit": schemas.Submit,
    "release": schemas.Leased,
    "extend": schemas.Leased,
    "draft": schemas.SaveDraft,
}
VALID = {"fence": 1, "guidelines_version": 1, "version": 0, "turn": 1, "text": "hello"}


@st.composite
def requests(draw):
    """(method, what, body): fields of the route's own, right ones among them."""
    what = draw(st.sampled_from(sorted(BODIES)))
    names = [field.name for field in msgspec.structs.fields(BODIES[what])]
    right = {name: VALID[name] for name in names if name in VALID and draw(st.integers(0, 4))}
    body = right | draw(mostly(names)) if draw(st.booleans()) else right
    if "submission" in names and draw(st.integers(0, 5)):
        body["submission"] = draw(SUBMITTED)
    if "payload" in names and draw(st.booleans()):
        body["payload"] = draw(st.dictionaries(WORDS, VALUES, max_size=3))
    return "PUT" if what == "draft" else "POST", what, body


def whole(api):
    assert check_store(api.store) == []


def test_requests_about_items_in_hand(make_api):
    api = make_api()
    api.study(toml())
    api.got("POST", "/studies/s/items", api.owner, content=rows(("q", "a", "b")))
    chat = api.example("red-team-chat")
    worker = api.somebody()
    items = [api.next("s", worker)["assignment"], api.next(chat, worker)["assignment"], 99]

    @settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(requests(), st.sampled_from(items))
    def send(request, item):
        method, what, body = request
        response = api(
            method, f"/assignments/{item}/{what}", worker, key=api.key(),
            content=json.dumps(body).encode("utf-8", "surrogatepass"), headers={"Content-Type": "application/json"},
        )  # fmt: skip
        assert response.status_code < 500, (what, body, response.text)
        if response.status_code >= 400:
            assert response.headers["content-type"] == "application/problem+json"

    send()
    whole(api)


def test_studies_and_people_that_are_sent(make_api):
    api = make_api()
    texts = [file.read_text() for file in sorted(EXAMPLES.glob("*.toml"))]
    assert len(texts) == 6

    @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(
        st.sampled_from([("POST", "/studies", schemas.NewStudy), ("POST", "/people", schemas.NewPerson),
                         ("PUT", "/studies/s/state", schemas.NewState), ("POST", "/studies/s/guidelines", schemas.NewGuidelines)]),
        st.data(),
    )  # fmt: skip
    def send(route, data):
        method, path, kind = route
        body = data.draw(mostly([field.name for field in msgspec.structs.fields(kind)]))
        if path == "/studies":
            text = data.draw(st.sampled_from(texts))
            start = data.draw(st.integers(0, len(text)))
            body = {"file": text[:start] + data.draw(WORDS) + text[start + data.draw(st.integers(0, 20)) :]}
            body["guidelines"] = data.draw(WORDS)
        response = api(
            method, path, api.owner, content=json.dumps(body).encode("utf-8", "surrogatepass"),
            headers={"Content-Type": "application/json"},
        )  # fmt: skip
        assert response.status_code < 500, (path, body, response.text)

    send()
    whole(api)


def test_files_that_are_sent(make_api):
    api = make_api()
    api.study(toml())
    good = rows(("q", "a", "b"), ("r", "a", "b"))

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(st.binary(max_size=60), st.integers(0, len(good)), st.sampled_from(["jsonl", "jsonl.gz", "parquet"]))
    def send(piece, place, form):
        content = good[:place] + piece + good[place:]
        response = api("POST", f"/studies/s/items?form={form}", api.owner, content=content)
        assert response.status_code < 500, (content, form, response.text)

    send()
    whole(api)
