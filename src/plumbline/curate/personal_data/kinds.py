"""The kinds of personal data that are found, and what each is, as reports show it."""

from __future__ import annotations

from collections.abc import Sequence

from plumbline.records.errors import unknown_name

KINDS = {
    "email": "e-mail address",
    "url-with-credentials": "login in a URL",
    "api-key": "API key, token or private key",
    "crypto-wallet": "Bitcoin or Ethereum address",
    "iban": "bank account number (IBAN)",
    "credit-card": "payment card number",
    "us-ssn": "US social security number",
    "us-itin": "US individual taxpayer number",
    "uk-nino": "UK national insurance number",
    "uk-nhs": "UK NHS number",
    "ca-sin": "Canadian social insurance number",
    "in-aadhaar": "Indian Aadhaar number",
    "br-cpf": "Brazilian CPF",
    "es-nif": "Spanish DNI or NIE",
    "fr-nir": "French NIR",
    "it-codice-fiscale": "Italian codice fiscale",
    "pl-pesel": "Polish PESEL",
    "de-steuer-id": "German tax id",
    "se-personnummer": "Swedish personnummer",
    "nl-bsn": "Dutch BSN",
    "cn-resident-id": "Chinese resident id",
    "ip-address": "public IP address",
    "street-address": "street address with its house number",
    "phone": "telephone number",
}
"""Kind → what it is. Of two kinds that a value of one length could be, the earlier counts."""

ALL = tuple(KINDS)


def known_kinds(kinds: Sequence[str]) -> tuple[str, ...]:
    """The kinds, each once, in the order of `KINDS`.

    Raises:
        UsageError: a kind that there is not (PL-ARG-001).
    """
    for kind in kinds:
        if kind not in KINDS:
            raise unknown_name("kinds of personal data", kind, ALL)
    return tuple(kind for kind in ALL if kind in kinds)
