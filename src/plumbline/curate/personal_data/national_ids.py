"""Numbers that states give to people, by their check digits, and where those are weak or absent, by words before them.

A check digit alone lets one number in ten or eleven through, so a number without a form of its own counts only after a
word that names it. Not covered: passports, driving licences and cards without published check digits.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

from plumbline.curate.personal_data.checksums import (
    bsn_holds,
    codice_fiscale_holds,
    cpf_holds,
    luhn_holds,
    nhs_holds,
    nif_holds,
    nir_holds,
    pesel_holds,
    resident_id_holds,
    steuer_id_holds,
    verhoeff_holds,
)
from plumbline.curate.personal_data.matching import (
    NUMBER_BEGINS,
    NUMBER_ENDS,
    Family,
    Match,
    Matcher,
    follows,
    number,
    words,
)

_SSN_SAID = words(r"ssn|socials?|social[- ]security(?: (?:number|no|#))?|itin|tax(?:payer)? id")
_NEVER_GIVEN = frozenset({"078051120", "219099999"})
"""Printed in advertisements and withdrawn by the Social Security Administration."""
_NOT_NINO = frozenset(["BG", "GB", "KN", "NK", "NT", "TN", "ZZ"])


def _pattern(body: str) -> re.Pattern[str]:
    return re.compile(NUMBER_BEGINS + body + NUMBER_ENDS)


def _checked(holds: Callable[[str], bool], said: str = "") -> Callable[[Match], bool]:
    """Accept what its check digits and, where `said` is given, a word before it say."""
    before = words(said) if said else None
    return lambda match: holds(number(match)) and (before is None or follows(match, before))


def _is_ssn(match: Match) -> bool:
    digits = number(match)
    area, group, serial = int(digits[:3]), int(digits[3:5]), int(digits[5:])
    if digits in _NEVER_GIVEN or area in (0, 666) or area >= 900 or group == 0 or serial == 0:
        return False
    return "-" in match[0] or follows(match, _SSN_SAID)


def _is_itin(match: Match) -> bool:
    digits = number(match)
    group = int(digits[3:5])
    given_out = digits[0] == "9" and 50 <= group <= 99 and group not in (66, 67, 68, 69, 89, 93)
    return given_out and ("-" in match[0] or follows(match, _SSN_SAID))


def _is_nino(match: Match) -> bool:
    return match[0][:2] not in _NOT_NINO


def _is_sin(digits: str) -> bool:
    return digits[0] not in "08" and luhn_holds(digits)


def _is_nir(match: Match) -> bool:
    return nir_holds(number(match))


def _is_day(year: int, month: int, day: int) -> bool:
    try:
        return 1870 <= date(year, month, day).year <= 2100
    except ValueError:
        return False


def _is_personnummer(match: Match) -> bool:
    digits = number(match)[-10:]
    # A coordination number adds 60 to the day.
    day = int(digits[4:6]) % 60
    return _is_day(2000 + int(digits[:2]) % 4, int(digits[2:4]), day) and luhn_holds(digits)


def _is_resident_id(match: Match) -> bool:
    text = match[0]
    return _is_day(int(text[6:10]), int(text[10:12]), int(text[12:14])) and resident_id_holds(text)


NATIONAL_NUMBERS = (
    Matcher("us-ssn", _pattern(r"[0-8][0-9]{2}(?P<s>[- ]?)[0-9]{2}(?P=s)[0-9]{4}"), _is_ssn),
    Matcher("us-itin", _pattern(r"9[0-9]{2}(?P<s>[- ]?)[5-9][0-9](?P=s)[0-9]{4}"), _is_itin),
    Matcher("uk-nhs", _pattern(r"[0-9]{3}(?P<s>[ -]?)[0-9]{3}(?P=s)[0-9]{4}"), _checked(nhs_holds, "nhs")),
    Matcher(
        "ca-sin",
        _pattern(r"[0-9]{3}(?P<s>[ -]?)[0-9]{3}(?P=s)[0-9]{3}"),
        _checked(_is_sin, r"sin|social[- ]insurance|nas"),
    ),
    Matcher(
        "in-aadhaar",
        _pattern(r"[2-9][0-9]{3}(?P<s>[ -]?)[0-9]{4}(?P=s)[0-9]{4}"),
        _checked(verhoeff_holds, r"aadhaa?r|uidai|uid"),
    ),
    Matcher("br-cpf", _pattern(r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}"), _checked(cpf_holds)),
    Matcher("br-cpf", _pattern(r"[0-9]{11}"), _checked(cpf_holds, "cpf")),
    Matcher(
        "fr-nir",
        _pattern(
            r"[12](?P<s> ?)[0-9]{2}(?P=s)(?:0[1-9]|1[0-2]|[2-4][0-9])(?P=s)[0-9]{2}(?P=s)[0-9]{3}(?P=s)[0-9]{3} ?[0-9]{2}"
        ),
        _is_nir,
    ),
    Matcher("pl-pesel", _pattern(r"[0-9]{11}"), _checked(pesel_holds, "pesel")),
    Matcher(
        "de-steuer-id",
        _pattern(r"[1-9][0-9](?P<s> ?)[0-9]{3}(?P=s)[0-9]{3}(?P=s)[0-9]{3}"),
        _checked(steuer_id_holds, r"steuer\w*(?:[- ](?:id|nr|nummer)\w*)?|idnr|tin|tax id"),
    ),
    Matcher("se-personnummer", _pattern(r"(?:18|19|20)?[0-9]{6}[-+][0-9]{4}"), _is_personnummer),
    Matcher("nl-bsn", _pattern(r"[0-9]{9}"), _checked(bsn_holds, r"bsn|burgerservicenummer|sofi\w*")),
    Matcher("cn-resident-id", _pattern(r"[1-9][0-9]{16}[0-9X]"), _is_resident_id),
)
TAX_CODES = Family(
    hint=r"(?-u)[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPRST][0-9LMNP-V]{2}[A-Z]",
    region=r"[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]",
    matchers=(
        Matcher(
            "it-codice-fiscale",
            _pattern(r"[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]"),
            _checked(codice_fiscale_holds),
        ),
    ),
)
# Fewer digits than a region of numbers asks for: letters are part of these.
INSURANCE_NUMBERS = Family(
    hint=r"(?-u)[A-Z]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]",
    region=r"[A-Z]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]",
    matchers=(
        Matcher(
            "uk-nino",
            _pattern(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?P<s> ?)[0-9]{2}(?P=s)[0-9]{2}(?P=s)[0-9]{2}(?P=s)[A-D]"),
            _is_nino,
        ),
    ),
)
TAX_NUMBERS = Family(
    hint=r"(?-u)[0-9]{7}-?[A-Z]",
    region=r"[0-9XYZ]-?[0-9]{7}-?[A-Z]",
    matchers=(Matcher("es-nif", _pattern(r"(?:[0-9]|[XYZ]-?)[0-9]{7}-?[A-HJ-NP-TV-Z]"), _checked(nif_holds)),),
)
