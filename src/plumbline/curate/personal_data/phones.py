"""Telephone numbers of people.

Written internationally (``+``, ITU-T E.164), in the North American plan (NANP: area and exchange begin with 2–9, neither
is N11), or, after a word such as "phone" or "call", as digits of such a number or a national one with its leading 0.
Not personal, so not found: toll-free and premium numbers (a crisis line stays readable), the exchange and the area code
555 (NANPA gives them to nobody), Ofcom's numbers for drama. Not covered: numbers of seven digits without an area code.
"""

from __future__ import annotations

import re

from plumbline.curate.personal_data.matching import NUMBER_ENDS, Match, Matcher, follows, number, words

_BEGINS = r"(?<![\w.+])(?<![0-9][-./])"
_INTERNATIONAL = re.compile(r"(?<![\w.+])(?:\+|00[ -]?)[1-9](?:[-. ()/]{0,2}[0-9]){6,14}" + NUMBER_ENDS)
_NORTH_AMERICAN = re.compile(
    _BEGINS
    + r"(?:\+?1[-. ]{0,2})?(?:\([2-9][0-9]{2}\)[-. ]{0,2}|[2-9][0-9]{2}[-. ]{1,2})[2-9][0-9]{2}[-. ][0-9]{4}"
    + NUMBER_ENDS
)
_ANNOUNCED = re.compile(_BEGINS + r"\(?[0-9](?:[-. ()]{0,2}[0-9]){8,11}" + NUMBER_ENDS)
_SAID = words(r"(?:tele|cell)?phones?|tel|cell|mobile|call|text|whatsapp|fax|dial|ring")

_COUNTRY = re.compile(r"\+[0-9]{1,3}[-. (]{1,2}\Z")
_OTHER = words(r"nhs|orders?|account|invoice|tracking|serial|isbn|ref(?:erence)?|case|policy|sku|model|part|id|ip")
_NANP = re.compile(r"1?(?P<area>[2-9][0-9]{2})(?P<exchange>[2-9][0-9]{2})[0-9]{4}")
_FREE_OR_PREMIUM = re.compile(r"8(?:00|22|33|44|55|66|77|8[0-9])|900|500")
# What follows 00 or +: toll-free and premium numbers, networks that are nobody's, the United Kingdom's 3, 8 and 9, and
# Ofcom's numbers for drama.
_DRAMA = r"(?:11[3-8]4960|1[2-6]14960|1914980|2079460|2896496|2920180|1632960|7700900)"
_NOBODY = re.compile(r"800|808|87[08]|88[1238]|979|44(?:[389]|" + _DRAMA + ")")
_NATIONAL_NOBODY = re.compile(r"0(?:[389]|" + _DRAMA + ")")
"""After a leading 0, as in the United Kingdom; elsewhere 08 and 09 are ordinary, and such a number is missed."""


def _is_north_american(digits: str) -> bool:
    match = _NANP.fullmatch(digits)
    if match is None:
        return False
    area, exchange = match["area"], match["exchange"]
    given_out = area[1:] != "11" and area[1] != "9" and exchange[1:] != "11"
    return given_out and "555" not in (area, exchange) and not _FREE_OR_PREMIUM.match(area)


def _is_international(match: Match) -> bool:
    if match[0].startswith("00") and not follows(match, _SAID):
        return False
    digits = number(match).removeprefix("00")
    if digits.startswith("1"):
        return _is_north_american(digits) and len(digits) == 11
    return 8 <= len(digits) <= 15 and len(set(digits)) > 2 and not _NOBODY.match(digits)


def _is_national(match: Match) -> bool:
    """Of the North American plan, and neither the rest of another country's number nor said to be something else."""
    return _is_north_american(number(match)) and not (follows(match, _COUNTRY) or follows(match, _OTHER, within=24))


def _is_announced(match: Match) -> bool:
    digits = number(match)
    if digits.startswith("0"):
        fits = 10 <= len(digits) <= 12 and len(set(digits)) > 2 and not _NATIONAL_NOBODY.match(digits)
    else:
        fits = _is_north_american(digits)
    return fits and follows(match, _SAID)


PHONES = (
    Matcher("phone", _INTERNATIONAL, _is_international),
    Matcher("phone", _NORTH_AMERICAN, _is_national),
    Matcher("phone", _ANNOUNCED, _is_announced),
)
