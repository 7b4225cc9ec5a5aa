"""A synthetic labelled set: sentences with planted values and near misses; nothing in it is anybody's.

Values are drawn at random and given their check digits by the functions under test; those are held against published
numbers in ``tests/curate/personal_data/test_checksums.py``. One author wrote patterns and templates: the figures show what is
recognised of the forms thought of, and how near misses fare, not what stands in the world.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from string import ascii_letters, ascii_lowercase, ascii_uppercase, digits

from plumbline.curate.personal_data import checksums

_SENTENCES = (
    "You asked for it: {} is what I have.",
    "Human: can you check {}?\n\nAssistant: I cannot do that.",
    "{}",
    "- {}\n- that was all",
    "I wrote it down as “{}” last week (not sure it is right).",
    "Sure, here you go ({}), anything else?",
)
_NAMES = ("anna", "b.okafor", "chen_wei", "d-silva", "émile", "farah.k", "goran99", "h.müller", "ines+news", "jo")
_HOSTS = ("posteo.de", "mail.ru", "gmail.com", "uni-köln.de", "orange.fr", "corp.acme.io", "yahoo.co.uk", "naver.com")
_STREETS = ("Maple", "Old Mill", "N. 5th", "Martin Luther King", "Oak Hill", "W 42nd", "Saint Clair", "Bay")
_KINDS_OF_STREET = ("Street", "St", "Ave", "Avenue", "Rd", "Blvd.", "Lane", "Drive", "Court", "Pkwy")
_TOWNS = (
    ", Springfield, IL 62704",
    ", Salem, OR 97301-1234",
    "\nAustin, Texas 78701",
    "",
    ", Apt 4B",
    ", Boston",
    ", Suite 300, Reno, NV 89501",
)
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


@dataclass(frozen=True)
class Planted:
    """A text and what stands in it.

    Attributes:
        kind: of the value, or of what the near miss is near to.
        start, end: characters; None where nothing is planted.
    """

    text: str
    kind: str
    start: int | None
    end: int | None


def planted_texts(count: int, seed: int = 0) -> Iterator[Planted]:
    """`count` values and `count` near misses of each kind, each in a sentence of its own."""
    chance = random.Random(seed)
    for kind, (word, value, miss) in MAKERS.items():
        for number in range(2 * count):
            planted = number < count
            said = (value if planted else miss)(chance)
            before, after = chance.choice(_SENTENCES).split("{}")
            text = f"{before}{word}{said}{after}"
            start = len(before) + len(word)
            yield Planted(text, kind, start if planted else None, start + len(said) if planted else None)


Maker = Callable[[random.Random], str]


def _some(chance: random.Random, alphabet: str, length: int) -> str:
    return "".join(chance.choices(alphabet, k=length))


def _checked(form: str, holds: Callable[[str], bool], alphabet: str = digits, wrong: bool = False) -> Maker:
    """Fill ``#`` by digits and ``A`` by letters and draw until the check says yes, or no where `wrong`."""

    def make(chance: random.Random) -> str:
        while True:
            value = "".join(
                chance.choice(alphabet) if c == "#" else chance.choice(ascii_uppercase) if c == "A" else c for c in form
            )
            if holds("".join(filter(str.isalnum, value))) != wrong:
                return value

    return make


def _both(*makers: Maker) -> Maker:
    return lambda chance: chance.choice(makers)(chance)


def _pair(forms: tuple[str, ...], holds: Callable[[str], bool], alphabet: str = digits) -> tuple[Maker, Maker]:
    return (
        _both(*(_checked(form, holds, alphabet) for form in forms)),
        _both(*(_checked(form, holds, alphabet, wrong=True) for form in forms)),
    )


def _iban(chance: random.Random) -> str:
    country, body = chance.choice([("DE", 18), ("FR", 23), ("GB", 18), ("NO", 11), ("PL", 24)])
    letters = "WEST" if country == "GB" else ""
    rest = letters + _some(chance, digits, body - len(letters))
    check = 98 - int("".join(str(int(c, 36)) for c in rest + country + "00")) % 97
    compact = f"{country}{check:02d}{rest}"
    return compact if chance.random() < 0.5 else " ".join(compact[i : i + 4] for i in range(0, len(compact), 4))


def _wrong_digit(maker: Maker) -> Maker:
    def make(chance: random.Random) -> str:
        value = maker(chance)
        place = chance.choice([i for i, c in enumerate(value) if c.isdigit() and i > 3])
        return value[:place] + str((int(value[place]) + chance.randint(1, 9)) % 10) + value[place + 1 :]

    return make


def _bitcoin(chance: random.Random) -> str:
    import hashlib

    raw = b"\0" + chance.randbytes(20)
    raw += hashlib.sha256(hashlib.sha256(raw).digest()).digest()[:4]
    value, text = int.from_bytes(raw, "big"), ""
    while value:
        value, rest = divmod(value, 58)
        text = _BASE58[rest] + text
    return "1" + text


def _phone(chance: random.Random) -> str:
    area, exchange = (f"{chance.choice('2346789')}{chance.choice('02345678')}{chance.choice('02346789')}" for _ in "ab")
    area = (
        "212" if area[:2] == "88" or area in ("800", "833", "844", "855", "866", "877", "900", "500", "822") else area
    )
    line = _some(chance, digits, 4)
    form = chance.choice(
        [
            "({}) {}-{}",
            "{}-{}-{}",
            "{}.{}.{}",
            "+1 {} {} {}",
            "1-{}-{}-{}",
            "+1{}{}{}",
            "+44 20 7183 {2}",
            "+49 30 9018{2}",
        ]
    )
    return form.format(area, exchange, line)


def _not_phone(chance: random.Random) -> str:
    n = partial(_some, chance, digits)
    return chance.choice(
        [f"({n(3)}) 555-01{n(2)}", f"1-800-{n(3)}-{n(4)}", f"123-{n(3)}-{n(4)}", f"20{n(2)}-0{chance.randint(1, 9)}-1{n(1)}",
         f"ISBN 978-0-{n(3)}-{n(5)}-{n(1)}", f"{n(3)}-{n(4)}", f"0.{n(10)}", f"order {n(8)}", f"19{n(2)}-20{n(2)}", f"{n(3)},{n(3)},{n(3)}"]
    )  # fmt: skip


def _email(chance: random.Random) -> str:
    name, host = chance.choice(_NAMES), chance.choice(_HOSTS)
    return f"{name} [at] {host.replace('.', ' [dot] ')}" if chance.random() < 0.1 else f"{name}@{host}"


def _not_email(chance: random.Random) -> str:
    name = chance.choice(_NAMES)
    return chance.choice(
        [f"{name}@example.com", f"{name}@mail.example.org", f"@{name}", f"{name}@localhost", f"{name}@2x.png", f"{name} @ {name}", f"{name}@{name}", "pkg@1.2.3", f"{name}@host.test"]
    )  # fmt: skip


def _ip(chance: random.Random) -> str:
    return f"{chance.choice([23, 31, 81, 93, 141, 185])}." + ".".join(str(chance.randint(100, 255)) for _ in range(3))


def _not_ip(chance: random.Random) -> str:
    n = partial(chance.randint, 0)
    return chance.choice(
        [f"192.168.{n(255)}.{n(255)}", f"10.{n(255)}.{n(255)}.{n(255)}", f"v{n(9)}.{n(20)}.{n(99)}.{n(999)}", f"version {n(9)}.{n(9)}.{n(255)}.{n(255)}",
         f"{n(9)}.{n(9)}.{n(9)}.{n(9)}", f"127.0.0.{n(255)}", "8.8.8.8", f"203.0.113.{n(255)}", f"{n(23)}:{n(59):02}:{n(59):02}", f"300.{n(255)}.{n(255)}.{n(255)}"]
    )  # fmt: skip


def _street(chance: random.Random) -> str:
    return (
        f"{chance.randint(1, 9999)} {chance.choice(_STREETS)} {chance.choice(_KINDS_OF_STREET)}{chance.choice(_TOWNS)}"
    )


def _not_street(chance: random.Random) -> str:
    n = chance.randint(2, 99)
    return chance.choice(
        [f"In 20{n:02} Wall Street fell", f"{n} Best Dr. Ideas", f"{n} ways to go", "Baker Street", f"{n} roads lead there", "Sesame Street, episode 12",
         f"{n} Easy Way To Cook", f"since 19{n:02} Oxford Street changed", f"chapter {n} Street life", f"{n} Court cases"]
    )  # fmt: skip


def _ssn(chance: random.Random) -> str:
    return f"{chance.randint(1, 665):03}-{chance.randint(1, 99):02}-{chance.randint(1, 9999):04}"


def _not_ssn(chance: random.Random) -> str:
    n = partial(_some, chance, digits)
    return chance.choice([f"000-{n(2)}-{n(4)}", f"666-{n(2)}-{n(4)}", f"123-00-{n(4)}", "123-45-0000", f"{n(5)}-{n(4)}", f"{n(3)}-{n(2)}-{n(5)}", f"20{n(2)}-1{chance.randint(0, 2)}-1{n(1)}"])  # fmt: skip


def _key(chance: random.Random) -> str:
    n = partial(_some, chance, ascii_letters + digits)
    return chance.choice([f"AKIA{_some(chance, ascii_uppercase + '234567', 15)}7", f"ghp_{n(35)}1", f"sk-proj-{n(47)}2", f"AIza{n(34)}3", f"hf_{n(33)}4", f"glpat-{n(19)}5"])  # fmt: skip


def _not_key(chance: random.Random) -> str:
    n = partial(_some, chance, ascii_lowercase)
    return chance.choice([f"sk-{n(6)}", "AKIAIOSFODNN7EXAMPLE", f"ghp_{n(8)}", f"{n(40)}", "sk-" + "x" * 48, f"task-{n(12)}", "AIza", f"commit {_some(chance, '0123456789abcdef', 40)}"])  # fmt: skip


def _wallet(chance: random.Random) -> str:
    return _bitcoin(chance) if chance.random() < 0.5 else "0x" + _some(chance, "0123456789abcdef", 40)


def _not_wallet(chance: random.Random) -> str:
    wrong = _bitcoin(chance)
    return chance.choice([wrong[:-1] + ("A" if wrong[-1] != "A" else "B"), "0x" + _some(chance, "0123456789abcdef", 64), _some(chance, "0123456789abcdef", 32)])  # fmt: skip


_CARDS = ("4### #### #### ####", "4###############", "53##-####-####-####", "37#############", "6011 #### #### ####")
MAKERS: dict[str, tuple[str, Maker, Maker]] = {
    "email": ("", _email, _not_email),
    "api-key": ("key ", _key, _not_key),
    "crypto-wallet": ("", _wallet, _not_wallet),
    "iban": ("", _iban, _wrong_digit(_iban)),
    "credit-card": ("", *_pair(_CARDS, checksums.luhn_holds)),
    "us-ssn": ("", _ssn, _not_ssn),
    "uk-nhs": ("NHS number ", *_pair(("### ### ####", "##########"), checksums.nhs_holds)),
    "ca-sin": ("SIN ", *_pair(("1## ### ###", "5##-###-###"), checksums.luhn_holds)),
    "in-aadhaar": ("Aadhaar ", *_pair(("2### #### ####", "7###########"), checksums.verhoeff_holds)),
    "br-cpf": ("", *_pair(("###.###.###-##",), checksums.cpf_holds)),
    "es-nif": ("", *_pair(("########A", "X#######A", "########-A"), checksums.nif_holds)),
    "fr-nir": ("", *_pair(("1 85 07 75 ### ### ##", "28507##########"), checksums.nir_holds)),
    "pl-pesel": ("PESEL ", *_pair(("85071######",), checksums.pesel_holds)),
    "de-steuer-id": ("Steuer-ID ", *_pair(("86 ### ### ###", "47#########"), checksums.steuer_id_holds)),
    "se-personnummer": ("", *_pair(("850709-####",), checksums.luhn_holds)),
    "nl-bsn": ("BSN ", *_pair(("1########",), checksums.bsn_holds)),
    "it-codice-fiscale": ("", *_pair(("AAAAAA85T10A###A",), checksums.codice_fiscale_holds)),
    "cn-resident-id": ("", *_pair(("11010519850709####",), checksums.resident_id_holds)),
    "ip-address": ("", _ip, _not_ip),
    "street-address": ("", _street, _not_street),
    "phone": ("", _phone, _not_phone),
}
"""Kind → a word that stands before, a maker of values, a maker of near misses."""
