"""Addresses of sources."""

import pytest

from plumbline.records import UsageError
from plumbline.sources import SourceAddress, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("openai:gpt-x", SourceAddress("openai", "gpt-x", "https://api.openai.com/v1")),
        ("openai:m@https://host/v1", SourceAddress("openai", "m", "https://host/v1")),
        ("openai:m@https://host:8443/v1/", SourceAddress("openai", "m", "https://host:8443/v1")),
        ("openai:me/llama3:8b@http://127.0.0.1:11434/v1", SourceAddress("openai", "me/llama3:8b", "http://127.0.0.1:11434/v1")),
        ("openai:m@2@https://host/v1", SourceAddress("openai", "m@2", "https://host/v1")),
        ("openai:gpt@2026", SourceAddress("openai", "gpt@2026", "https://api.openai.com/v1")),
        (" transformers:/models/a b ", SourceAddress("transformers", "", "/models/a b")),
        ("transformers:owner/name", SourceAddress("transformers", "", "owner/name")),
        ("retrieval:data/hh:1", SourceAddress("retrieval", "", "data/hh:1")),
    ],
)  # fmt: skip
def test_addresses_are_read_and_written_again(text, address):
    assert parse_address(text) == address
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    ("text", "advice"),
    [("openia:m", "openai:"), ("transformer:x", "transformers:"), ("Retrieval:x", "retrieval:"), ("ollama:m", "begin")],
)
def test_an_unknown_kind_gets_a_suggestion(text, advice):
    with pytest.raises(UsageError, match="PL-REP-001") as caught:
        parse_address(text)
    assert caught.value.advice.startswith(advice)


@pytest.mark.parametrize("text", ["", "gpt-4", "sk-1234567890abcdef1234567890", "https9://u:hunter2@host"])
def test_what_is_no_address_at_all_is_not_quoted(text):
    with pytest.raises(UsageError, match="PL-REP-001") as caught:
        parse_address(text)
    assert "hunter2" not in str(caught.value)
    assert "1234" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        *("openai:", "openai: ", "transformers:", "retrieval:", "openai:@https://host/v1", "openai:m@https://"),
        *("openai:m@ftp://host/v1", "openai:m@file:///etc/passwd", "openai:m@https://host:port/v1"),
        *("openai:m@https://[::1/v1", "openai:m\n@https://host/v1", "retrieval:a\0b"),
    ],
)
def test_broken_addresses(text):
    with pytest.raises(UsageError, match="PL-REP-002"):
        parse_address(text)


@pytest.mark.parametrize(
    "url", ["https://hunter2@host/v1", "https://u:hunter2@host/v1", "https://host/v1?key=hunter2", "https://h/#hunter2"]
)
def test_keys_in_an_address_are_refused_and_not_quoted(url):
    with pytest.raises(UsageError, match="PL-REP-003") as caught:
        parse_address(f"openai:m@{url}")
    assert "hunter2" not in str(caught.value)
