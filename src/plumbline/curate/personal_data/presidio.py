"""Presidio's pattern recognisers as a `Detector`; needs the extra ``pii``.

They are called directly, without an AnalyzerEngine: that would load or download a spaCy model, which patterns do not
need. So nothing raises a score for the words around a value, and what Presidio itself gives a low score is not found.
Nothing is fetched: the e-mail recogniser reads the list of domains that comes with tldextract. Its log is silenced, for
it quotes values.
Not covered: recognisers with a model (names of people and places), kinds that Plumbline's own patterns lack.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Any

import polars as pl

from plumbline.curate.personal_data.kinds import ALL
from plumbline.curate.personal_data.patterns import FOUND_SCHEMA
from plumbline.records.errors import MissingExtraError

MINIMUM_SCORE = 0.4
"""Presidio's scores are set by hand for each pattern; 0.4 is that of its telephone numbers, less is called weak."""

RECOGNISERS = {
    "EmailRecognizer": "email",
    "CryptoRecognizer": "crypto-wallet",
    "IbanRecognizer": "iban",
    "CreditCardRecognizer": "credit-card",
    "UsSsnRecognizer": "us-ssn",
    "UsItinRecognizer": "us-itin",
    "UkNinoRecognizer": "uk-nino",
    "NhsRecognizer": "uk-nhs",
    "CaSinRecognizer": "ca-sin",
    "InAadhaarRecognizer": "in-aadhaar",
    "EsNifRecognizer": "es-nif",
    "EsNieRecognizer": "es-nif",
    "ItFiscalCodeRecognizer": "it-codice-fiscale",
    "PlPeselRecognizer": "pl-pesel",
    "DeTaxIdRecognizer": "de-steuer-id",
    "SePersonnummerRecognizer": "se-personnummer",
    "IpRecognizer": "ip-address",
    "PhoneRecognizer": "phone",
}
"""Presidio's recogniser → kind; those that an older Presidio lacks are left out."""


class PresidioDetector:
    """Presidio's recognisers for the kinds that both know.

    Args:
        minimum_score: from 0 to 1; matches with less are not found.
    Raises:
        MissingExtraError: presidio-analyzer is not installed (PL-PII-001).
    """

    name = "presidio"

    def __init__(self, minimum_score: float = MINIMUM_SCORE) -> None:
        self._minimum_score = minimum_score
        self._recognisers = _recognisers()
        self.version = f"{version('presidio-analyzer')}, score ≥ {minimum_score:g}"
        known = {kind for kind, _ in self._recognisers}
        self.kinds = tuple(kind for kind in ALL if kind in known)

    def find(self, texts: pl.Series, kinds: Sequence[str]) -> pl.DataFrame:
        """Every match of at least the minimum score, text by text; see `Detector`."""
        wanted = [(kind, recogniser) for kind, recogniser in self._recognisers if kind in kinds]
        rows = [
            (number, kind, result.start, result.end)
            for number, text in enumerate(texts)
            if text
            for kind, recogniser in wanted
            for result in recogniser.analyze(text, recogniser.supported_entities)
            if result.score >= self._minimum_score
        ]
        return pl.DataFrame(rows, schema=FOUND_SCHEMA, orient="row")


def _recognisers() -> list[tuple[str, Any]]:
    try:
        predefined = import_module("presidio_analyzer.predefined_recognizers")
        tldextract = import_module("tldextract")
    except ImportError as error:
        raise MissingExtraError(
            "PL-PII-001",
            "personal data",
            f"{error.name or 'presidio_analyzer'} is not installed",
            expected="the extra that brings Presidio",
            advice="pip install -c constraints.txt -e '.[pii]', or leave the detector out: Plumbline's own patterns need nothing",
        ) from error
    logging.getLogger("presidio-analyzer").disabled = True
    domains = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    made = []
    for name, kind in RECOGNISERS.items():
        if (recogniser := getattr(predefined, name, None)) is not None:
            made.append((kind, recogniser()))
            if kind == "email":
                made[-1][1].validate_result = lambda value: domains(value).fqdn != ""
    return made
