"""Check digits of numbers that are given to people: pure functions from a string to whether it holds.

Each takes the number without separators, in ASCII. A string of the wrong length or alphabet is false, not an error.
Not covered: whether the number was ever given out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FK FO GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ DZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}
"""Characters of an IBAN by country; ISO 13616 registry of SWIFT."""

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32_ENDS = (1, 0x2BC830A3)
_NIF_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
# Verhoeff's method: multiplication in the dihedral group of ten elements, and a permutation for each place.
_DIHEDRAL = tuple(
    tuple((i + j) % 5 + 5 * (j > 4) if i < 5 else (i - j) % 5 + 5 * (j < 5) for j in range(10)) for i in range(10)
)
_PERMUTATION = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
# What a character counts in an odd place of an Italian code, for 0–9 and A–Z; in an even place it counts its own value.
_ITALIAN_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)


def luhn_holds(digits: str) -> bool:
    """The Luhn check digit holds: payment cards, Canadian SIN, Swedish personnummer. Source: ISO/IEC 7812-1, annex B."""
    if not _digits(digits):
        return False
    doubled = (int(digit) * 2 for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(value - 9 * (value > 9) for value in doubled)) % 10 == 0


def iban_holds(iban: str) -> bool:
    """Length by country and ISO 7064 mod 97-10 hold. Source: ISO 13616-1."""
    if not (iban.isascii() and iban.isalnum() and iban == iban.upper()) or IBAN_LENGTHS.get(iban[:2]) != len(iban):
        return False
    return int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97 == 1


def verhoeff_holds(digits: str) -> bool:
    """Verhoeff's check digit holds: Indian Aadhaar. Source: Verhoeff 1969, Error Detecting Decimal Codes."""
    if not _digits(digits):
        return False
    check, permutation = 0, tuple(range(10))
    for digit in map(int, reversed(digits)):
        check = _DIHEDRAL[check][permutation[digit]]
        permutation = tuple(_PERMUTATION[value] for value in permutation)
    return check == 0


def nhs_holds(digits: str) -> bool:
    """Ten digits, weights 10 to 2, modulus 11. Source: NHS Data Dictionary, NHS Number."""
    check = 11 - _weighted(digits[:9], range(10, 1, -1)) % 11 if _digits(digits, 10) else -1
    return check not in (-1, 10) and check % 11 == int(digits[9])


def bsn_holds(digits: str) -> bool:
    """Nine digits, the eleven test with the last weight −1. Source: Rijksdienst voor Identiteitsgegevens, BSN."""
    return _digits(digits, 9) and set(digits) != {"0"} and _weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def cpf_holds(digits: str) -> bool:
    """Eleven digits with two check digits, modulus 11, not all alike. Source: Receita Federal, CPF."""
    if not _digits(digits, 11) or len(set(digits)) == 1:
        return False
    return all(
        _weighted(digits[:length], range(length + 1, 1, -1)) * 10 % 11 % 10 == int(digits[length]) for length in (9, 10)
    )


def pesel_holds(digits: str) -> bool:
    """Eleven digits, weights 1 3 7 9, modulus 10, with a day that can be. Source: Polish ustawa o ewidencji ludności."""
    return (
        _digits(digits, 11)
        and _weighted(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0
        and 1 <= int(digits[2:4]) % 20 <= 12
        and 1 <= int(digits[4:6]) <= 31
    )


def steuer_id_holds(digits: str) -> bool:
    """Eleven digits, ISO 7064 mod 11,10, none in front zero. Source: Bundeszentralamt für Steuern, IdNr."""
    if not _digits(digits, 11) or digits[0] == "0":
        return False
    product = 10
    for digit in map(int, digits[:10]):
        product = ((digit + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(digits[10])


def nif_holds(nif: str) -> bool:
    """Spanish DNI or NIE: the letter is that of the number modulo 23. Source: Real Decreto 1553/2005, art. 11."""
    number = {"X": "0", "Y": "1", "Z": "2"}.get(nif[:1], nif[:1]) + nif[1:-1]
    return _digits(number, 8) and nif[-1] == _NIF_LETTERS[int(number) % 23]


def nir_holds(digits: str) -> bool:
    """French NIR of 15 digits: the last two are 97 minus the rest modulo 97. Source: INSEE, NIR (Corsica's 2A, 2B not)."""
    return _digits(digits, 15) and 97 - int(digits[:13]) % 97 == int(digits[13:])


def codice_fiscale_holds(code: str) -> bool:
    """Italian tax code of 16 characters: the last letter holds. Source: D.M. 12 March 1974 (with omocodia)."""
    if len(code) != 16 or not (code.isascii() and code.isalnum()):
        return False
    values = [int(character, 36) - 10 * character.isalpha() for character in code[:15]]
    odd = sum(_ITALIAN_ODD[value] for value in values[::2])
    return code[15] == chr(ord("A") + (odd + sum(values[1::2])) % 26)


def resident_id_holds(number: str) -> bool:
    """Chinese resident id of 18 characters: ISO 7064 mod 11-2. Source: GB 11643-1999."""
    if len(number) != 18 or not _digits(number[:17]):
        return False
    total = _weighted(number[:17], [pow(2, place, 11) for place in range(17, 0, -1)])
    return number[17] == "10X98765432"[total % 11]


def base58_holds(address: str) -> bool:
    """Bitcoin address in Base58Check, versions 0x00 and 0x05. Source: Bitcoin's reference, base58.cpp."""
    value = 0
    for character in address:
        place = _BASE58.find(character)
        if place < 0:
            return False
        value = value * 58 + place
    if value >= 1 << 200:
        return False
    raw = value.to_bytes(25, "big")
    return raw[0] in (0, 5) and hashlib.sha256(hashlib.sha256(raw[:21]).digest()).digest()[:4] == raw[21:]


def bech32_holds(address: str) -> bool:
    """Bitcoin segwit address, Bech32 or Bech32m, prefix ``bc``. Source: BIP 173, BIP 350."""
    prefix, _, data = address.partition("1")
    if prefix != "bc" or not 6 <= len(data) <= 87 or any(character not in _BECH32 for character in data):
        return False
    values = [ord(character) >> 5 for character in prefix] + [0] + [ord(character) & 31 for character in prefix]
    return _bech32_remainder([*values, *map(_BECH32.index, data)]) in _BECH32_ENDS


def _bech32_remainder(values: Iterable[int]) -> int:
    remainder = 1
    for value in values:
        top = remainder >> 25
        remainder = (remainder & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_BECH32_GENERATORS):
            remainder ^= generator if top >> bit & 1 else 0
    return remainder


def _digits(text: str, length: int | None = None) -> bool:
    return text.isascii() and text.isdigit() and length in (None, len(text))


def _weighted(digits: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))
