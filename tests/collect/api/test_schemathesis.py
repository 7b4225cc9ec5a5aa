"""What the document says is what the API does: every operation, as every role, by schemathesis with all its checks.

A longer run, in every role: ``make fuzz``.
"""

import os

import pytest

from plumbline.collect.api.permissions import PERMITTED
from plumbline.collect.store.checking import check_store
from plumbline.collect.store.rows import Role
from tests.collect.api.client import rows, toml
from tests.collect.api.fuzzing import Counted, run_schemathesis, served

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))


@pytest.fixture
def filled(make_api):
    """Studies with items, and a worker with something in hand, something judged, something given up to another."""
    api = make_api()
    api.study(toml())
    api.got("POST", "/studies/s/items", api.owner, content=rows(*((f"question {n}", "a", "b") for n in range(40))))
    worker = api.somebody()
    judged = api.next("s", worker)
    api.submitted(judged, worker, act="judge-pair", helpfulness=2)
    chat = api.example("preference-chat")
    in_hand = [api.next(name, worker)["assignment"] for name in ("s", chat, api.example("red-team-chat"))]
    api.known = {
        "path.study": ["s", chat, "red-team-chat"],
        "path.assignment": [judged["assignment"], *in_hand],
        "path.judgement": [1],
        "path.version": [1],
        "path.pseudonym": [api.ids[api.somebody()].pseudonym, api.ids[worker].pseudonym],
        "body.fence": [1],
        "body.guidelines_version": [1],
    }
    api.worker = worker
    return api


def fuzz(api, token, folder, **settings):
    counted = Counted(api.app)
    with served(counted) as address:
        done = run_schemathesis(address, token, folder, **settings)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert check_store(api.store) == []
    return counted


@pytest.mark.parametrize(
    "phases",
    [
        "fuzzing",
        # Some 3,400 requests, most of them wrong in one thing; in short `test_refusals` and `test_no_input_breaks_it` do so.
        pytest.param("coverage", marks=pytest.mark.thorough),
    ],
)
def test_every_operation_keeps_to_the_document(filled, tmp_path, phases):
    counted = fuzz(filled, filled.owner, tmp_path, phases=phases, examples=EXAMPLES or 2)
    assert counted.operations() == PERMITTED.keys()


@pytest.mark.parametrize(
    "role", [role if role is Role.WORKER else pytest.param(role, marks=pytest.mark.thorough) for role in Role]
)
def test_what_is_stored_is_asked_about_in_every_role(filled, tmp_path, role):
    """In short the operations that need just this role; what others may not do is `test_permissions`' subject."""
    token = filled.worker if role is Role.WORKER else filled.somebody(role)
    asked = PERMITTED.keys() if EXAMPLES else {name for name, least in PERMITTED.items() if least is role}
    more = [word for name in sorted(asked) for word in ("--include-operation-id", name)]
    phases, examples = "fuzzing,stateful" if role is Role.WORKER or EXAMPLES else "fuzzing", EXAMPLES or 3
    counted = fuzz(filled, token, tmp_path, phases=phases, examples=examples, known=filled.known, more=more)
    assert counted.operations() >= asked
    # Most of what is generated is refused with good reason; but not all of it.
    assert len(counted.operations(highest=299)) >= min(8, len(asked) // 3)


def test_an_answer_that_the_document_does_not_know_is_found(filled, tmp_path):
    async def wrong(scope, receive, send):
        """Says another thing of itself than the document."""

        async def changed(message):
            if scope["path"] == "/api/v1/health" and message["type"] == "http.response.start":
                message = message | {"status": 500}
            await send(message)

        await filled.app(scope, receive, changed)

    with served(wrong) as address:
        more = ("--include-operation-id", "health")
        done = run_schemathesis(address, filled.owner, tmp_path, phases="coverage", examples=1, more=more)
    assert done.returncode == 1
    assert "Server error" in done.stdout
