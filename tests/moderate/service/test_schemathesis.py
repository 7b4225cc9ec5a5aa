"""What the document says is what the service does: every operation, by schemathesis with all its checks."""

import pytest

from tests.collect.api.fuzzing import run_schemathesis, served
from tests.moderate.service.asking import app_of


@pytest.mark.parametrize(
    ("phases", "examples"), [("fuzzing", 2), pytest.param("coverage,fuzzing", 50, marks=pytest.mark.thorough)]
)
def test_every_operation_keeps_to_the_document(moderation, preference, tmp_path, phases, examples):
    app = app_of(("mod", moderation), ("reward", preference))
    with served(app) as address:
        done = run_schemathesis(address, "x" * 40, tmp_path, phases=phases, examples=examples)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "Tested: 7" in done.stdout  # all but the document itself
