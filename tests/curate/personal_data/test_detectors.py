"""What every detector does, Plumbline's patterns and Presidio's recognisers alike."""

import logging
import socket
import sys

import polars as pl
import pytest

from plumbline.curate.personal_data import KINDS, PatternDetector, find_personal_data, mask_personal_data, presidio
from plumbline.curate.personal_data.presidio import PresidioDetector
from plumbline.records import MissingExtraError

SCHEMA = {"text": pl.UInt32, "kind": pl.String, "start": pl.UInt32, "end": pl.UInt32}
VALUES = {
    "email": "jane.doe@proton.me",
    "crypto-wallet": "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    "iban": "DE89370400440532013000",
    "credit-card": "4242 4242 4242 4242",
    "us-ssn": "536-90-4399",
    "ip-address": "93.184.216.34",
    "phone": "(212) 867-5309",
}
WRONG = ["DE89370400440532013001", "4242 4242 4242 4241", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", "666-90-4399"]


@pytest.fixture(scope="module")
def presidio_detector():
    # Presidio imports torch and transformers where they are installed, at seconds of processor time; patterns need neither.
    with pytest.MonkeyPatch.context() as patch:
        for name in ("torch", "transformers"):
            if name not in sys.modules:
                patch.setitem(sys.modules, name, None)
        pytest.importorskip("presidio_analyzer", reason="needs the extra pii")
    return PresidioDetector()


@pytest.fixture(params=["patterns", "presidio"])
def detector(request):
    return PatternDetector() if request.param == "patterns" else request.getfixturevalue("presidio_detector")


def test_values_are_found_at_their_characters(detector):
    texts = pl.Series([None, "", *(f"🙂 it is {value}, yes" for value in VALUES.values())])
    found = detector.find(texts, tuple(VALUES))
    assert found.schema == SCHEMA
    expected = [(row, kind, 8, 8 + len(value)) for row, (kind, value) in enumerate(VALUES.items(), start=2)]
    # Presidio takes the IP address for a telephone number as well.
    assert {*expected} <= {*found.rows()}
    masked = mask_personal_data(texts, find_personal_data(texts, tuple(VALUES), detector))
    assert [text for text in masked[2:] if any(value in text for value in VALUES.values())] == []


def test_check_digits_that_fail_and_kinds_not_asked_for_are_not_found(detector):
    assert detector.find(pl.Series(WRONG), ("iban", "credit-card", "crypto-wallet", "us-ssn")).is_empty()
    assert detector.find(pl.Series(list(VALUES.values())), ("email",))["kind"].to_list() == ["email"]
    assert detector.find(pl.Series([], dtype=pl.String), tuple(VALUES)).schema == SCHEMA


def test_it_says_who_it_is(detector):
    assert detector.name
    assert detector.version
    assert {*VALUES} <= {*detector.kinds} <= {*KINDS}


def test_presidio_fetches_nothing_and_logs_no_text(presidio_detector, monkeypatch, caplog):
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a connection was opened"))
    with caplog.at_level(logging.DEBUG):
        fresh = PresidioDetector()  # reads its list of domains at its first address
        fresh.find(pl.Series(["jane@proton.me DE89٣70400440532013000"]), fresh.kinds)
    assert caplog.text == ""


def test_presidio_is_asked_for_by_name_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    monkeypatch.setitem(sys.modules, "presidio_analyzer.predefined_recognizers", None)
    with pytest.raises(
        MissingExtraError, match=r"PL-PII-001 .*\n.*\n +Try: pip install -c constraints.txt -e '.\[pii\]'"
    ):
        presidio.PresidioDetector()
