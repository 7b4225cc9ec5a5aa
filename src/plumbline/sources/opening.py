"""From an address to a source."""

from __future__ import annotations

import pyarrow as pa

from plumbline.records import UsageError
from plumbline.sources.addressing import SourceAddress, parse_address
from plumbline.sources.endpoint import EndpointOptions, EndpointSource
from plumbline.sources.local_model import LocalModelOptions, LocalModelSource
from plumbline.sources.replies import ReplySource
from plumbline.sources.retrieval import RetrievalSource


def open_source(
    address: str | SourceAddress,
    *,
    endpoint: EndpointOptions | None = None,
    local_model: LocalModelOptions | None = None,
    table: pa.Table | None = None,
) -> ReplySource:
    """The source at an address.

    Args:
        endpoint, local_model: options of these kinds; those of the other kinds are not looked at.
        table: the corpus of a ``retrieval:`` source, which the caller reads from the address's location.
    Raises:
        UsageError: the address cannot be read, the key is missing, or the corpus.
        ReplyError: the endpoint stands at a private address, which is not allowed.
        MissingExtraError: what the source needs is not installed.
    """
    found = parse_address(address) if isinstance(address, str) else address
    if found.kind == "openai":
        return EndpointSource(found, endpoint)
    if found.kind == "transformers":
        return LocalModelSource(found, local_model)
    if table is None:
        raise UsageError(
            "PL-REP-038",
            str(found),
            "the corpus was not read",
            expected="the table of its rows",
            advice="pass table=, one of comparisons or safety labels as plumbline.load reads it",
        )
    return RetrievalSource(found, table)
