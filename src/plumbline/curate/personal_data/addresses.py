"""Street addresses as the United States write them, and in English elsewhere: number, names, kind of street.

With the unit, the town, the state and the ZIP code that follow, where they do. A house number is what makes an address
personal: a street or a town alone is not found. Not covered: other orders (``Hauptstraße 5``), post boxes, postcodes that
stand alone. Public places (a seat of government) are found like any other address.
"""

from __future__ import annotations

import re

from plumbline.curate.personal_data.matching import Family, Match, Matcher

_STATES = (
    "A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY]"
    "|[A-Z][a-z]{3,13}(?: [A-Z][a-z]{3,9})?"
)
_FULL = "Street|Avenue|Road|Boulevard|Lane|Drive|Court|Way|Place|Terrace|Circle|Highway|Parkway|Square|Crescent|Trail"
_SHORT = "St|Ave|Rd|Blvd|Ln|Dr|Ct|Pl|Ter|Cir|Hwy|Pkwy|Sq"
_NAME = r"(?:[A-Z][A-Za-z'’]{0,20}\.?|[0-9]{1,3}(?:st|nd|rd|th))"
_UNIT = r"(?:,? (?:(?:Apartment|Apt\.?|Suite|Ste\.?|Unit|Floor|Fl\.?|Room|Rm\.?) ?#? ?|#)[A-Za-z0-9-]{1,6})?"
_TOWN = r"(?:,? |,? ?\n ?)(?:[A-Z][A-Za-z.'’]{1,15} ?){1,3}"
_ADDRESS = re.compile(
    rf"(?<![\w.,$£€/-])(?P<number>[0-9]{{1,5}})(?:-[0-9]{{1,4}})?[A-Za-z]? (?P<names>(?:{_NAME} ){{1,4}}?)"
    rf"(?:(?P<full>{_FULL})|(?P<short>{_SHORT})\.?)(?: (?:{_FULL}|{_SHORT}))?(?!\w)"
    r"(?: (?:[NSEW]\.?|[NS]\.?[EW]\.?|North|South|East|West)(?!\w))?"
    + _UNIT
    + rf"(?P<town>{_TOWN},? ?(?:{_STATES}),? [0-9]{{5}}(?:-[0-9]{{4}})?(?![0-9]))?"
)
# What stands before a year ("In 2008 Wall Street …"), and names that make a list of a number ("10 Best Way …").
_BEFORE_YEAR = re.compile(r"(?:\b(?:in|since|of|during|by|after|before|until|from|the))\s*\Z", re.IGNORECASE)
_LISTED = frozenset(
    [
        "Best",
        "Great",
        "Good",
        "Easy",
        "Simple",
        "Top",
        "Common",
        "Different",
        "New",
        "Ways",
        "Tips",
        "Things",
        "Million",
        "Billion",
        "Percent",
    ]
)


def _is_address(match: Match) -> bool:
    house, names = match["number"], match["names"].split()
    if house.startswith("0") or _LISTED.intersection(names):
        return False
    if match["town"]:
        return True
    if len(house) == 4 and house[:2] in ("19", "20") and _BEFORE_YEAR.search(match.string[: match.start()]):
        return False
    # "10 Famous Dr. Names", "3 Great St Bernards": a title or a saint, no street.
    behind = match.string[match.end("short") : match.end("short") + 4] if match["short"] else ""
    return not re.match(r"\.? [A-Z][a-z]", behind) or match["short"] not in ("Dr", "St")


STREETS = Family(
    hint=r"[0-9][A-Za-z]? (?:[A-Z0-9][A-Za-z0-9.'’]{0,22} ){1,4}(?:St|Ave|Ro|Rd|Bo|Bl|La|Ln|Dr|Co|Ct|Wa|Pl|Te|Ci|Hi|Hw|Pa|Pk|Sq|Cr|Tr)",
    region=rf"[0-9]{{1,5}}(?:-[0-9]{{1,4}})?[A-Za-z]? (?:{_NAME} ){{1,4}}(?:{_FULL}|{_SHORT})(?:[^\n]{{0,70}}[0-9]{{5}}(?:-[0-9]{{4}})?)?",
    matchers=(Matcher("street-address", _ADDRESS, _is_address),),
)
