"""Fixtures of the sources' tests."""

import pytest

from tests.sources.chat_server import chat_server


@pytest.fixture
def server():
    with chat_server() as running:
        yield running
