"""Payment cards, bank accounts and wallets, each by its check digits.

Published test cards (``4111 1111 1111 1111``) are found like any other: no standard reserves them. Not covered: account
numbers without check digits, Maestro cards of fewer than 16 digits, wallets other than Bitcoin's and Ethereum's.
"""

from __future__ import annotations

import re
from itertools import groupby

from plumbline.curate.personal_data.checksums import IBAN_LENGTHS, base58_holds, bech32_holds, iban_holds, luhn_holds
from plumbline.curate.personal_data.matching import NUMBER_BEGINS, NUMBER_ENDS, Family, Match, Matcher, number

_CARD = re.compile(
    NUMBER_BEGINS
    + r"(?:[2-6][0-9]{3}(?P<a>[ -]?)[0-9]{4}(?P=a)[0-9]{4}(?P=a)[0-9]{4}(?:(?P=a)[0-9]{3})?"  # 16 and 19 digits
    + r"|3[0-9]{3}(?P<b>[ -]?)[0-9]{6}(?P=b)[0-9]{4,5}"  # 14 and 15 digits
    + r"|4[0-9]{12})"  # 13 digits
    + NUMBER_ENDS
)
# Visa, Mastercard (two ranges), American Express, Discover, JCB, Diners, UnionPay, Maestro.
_ISSUERS = re.compile(
    r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})|5[1-5][0-9]{14}|2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720)[0-9]{12}"
    r"|3[47][0-9]{13}|(?:6011|64[4-9][0-9]|65[0-9]{2})(?:[0-9]{12}|[0-9]{15})"
    r"|35(?:2[89]|[3-8][0-9])(?:[0-9]{12}|[0-9]{15})|3(?:0[0-5]|[689][0-9])[0-9]{11}|62[0-9]{14}(?:[0-9]{3})?"
    r"|(?:50(?:18|20|38)|5893|6304|6759|676[1-3])(?:[0-9]{12}|[0-9]{15})"
)
_BITCOIN = re.compile(r"(?<![A-Za-z0-9])(?:[13][1-9A-HJ-NP-Za-km-z]{25,34}|bc1[02-9ac-hj-np-z]{11,71})(?![A-Za-z0-9])")
_ETHEREUM = re.compile(r"(?<![A-Za-z0-9])0x[0-9A-Fa-f]{40}(?![A-Za-z0-9])")
_UNOWNED = frozenset({"0x" + "0" * 40, "0x" + "0" * 36 + "dead"})


def _iban_of(length: int, countries: str) -> str:
    groups, rest = divmod(length - 4, 4)
    return f"(?:{countries})[0-9]{{2}}(?: ?[A-Z0-9]{{4}}){{{groups}}}" + (f" ?[A-Z0-9]{{{rest}}}" if rest else "")


_BY_LENGTH = groupby(IBAN_LENGTHS, key=IBAN_LENGTHS.__getitem__)
_IBAN = re.compile(
    "(?<![A-Za-z0-9])(?:"
    + "|".join(_iban_of(length, "|".join(countries)) for length, countries in _BY_LENGTH)
    + ")(?![A-Za-z0-9])"
)


def _is_card(match: Match) -> bool:
    digits = number(match)
    return _ISSUERS.fullmatch(digits) is not None and luhn_holds(digits)


def _is_iban(match: Match) -> bool:
    return iban_holds(number(match))


def _is_bitcoin(match: Match) -> bool:
    return bech32_holds(match[0]) if match[0].startswith("bc1") else base58_holds(match[0])


def _is_ethereum(match: Match) -> bool:
    return match[0].lower() not in _UNOWNED


CARDS = (Matcher("credit-card", _CARD, _is_card),)
ACCOUNTS = Family(
    hint=r"(?-u)[A-Z]{2}[0-9]{2} ?[A-Z0-9]{4} ?[A-Z0-9]{3}",
    region=r"[A-Z]{2}[0-9]{2} ?[A-Z0-9]{4} ?[A-Z0-9]{3}[A-Z0-9 ]{0,32}",
    matchers=(Matcher("iban", _IBAN, _is_iban),),
)
WALLETS = Family(
    hint=r"(?-u)(?:bc1|[13])[0-9A-Za-z]{25}|(?-u)0x[0-9A-Fa-f]{40}",
    region=r"(?:bc1|[13])[0-9A-Za-z]{14,71}|0x[0-9A-Fa-f]{40}",
    matchers=(
        Matcher("crypto-wallet", _BITCOIN, _is_bitcoin),
        Matcher("crypto-wallet", _ETHEREUM, _is_ethereum),
    ),
)
