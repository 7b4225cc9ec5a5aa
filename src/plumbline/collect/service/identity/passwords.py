"""Passwords: which may be, and their hashes, made in threads of their own.

argon2id with the library's costs (64 MiB, three times over); two at a time, so that logging in takes no worker's turn.
Whether a name is known cannot be told by the time: an unknown one is compared with a hash that nobody's password has.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from plumbline.collect.service.identity.failures import bad_password
from plumbline.collect.service.identity.names import name_key
from plumbline.web.bounded_calls import BoundedCalls

LEAST_CHARACTERS, MOST_CHARACTERS = 10, 1024
_LEAST_DIFFERENT = 4
_THREADS, _MOST_WAITING = 2, 64
_COMMONEST = frozenset(
    """
    0123456789 01234567890 0987654321 1029384756 11223344556677 1122334455 1234512345 123456123456 1234567890 12345678910
    123456789a 123456789q 12345qwert 1234567qwe 123qwe123qwe 1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx3edc 1qazxsw23edc 3rjs1la7qe
    a123456789 aa123456789 abcd123456 abcdefghij abcdefghijk adminadmin administrator asdfasdfasdf asdfghjkl1 asdfghjkl;
    baseball123 changeme123 changemenow computer123 dragon1234 football123 iloveyou12 iloveyou123 internet123 liverpool1
    letmein123 letmeinplease manchester michael123 monkey1234 mypassword mypassword1 p@ssw0rd123 p@ssword123 pa55word123
    password10 password11 password12 password123 password1234 password12345 password123456 passwordpassword passw0rd123
    princess123 q1w2e3r4t5 q1w2e3r4t5y6 qazwsxedcrfv qwer123456 qwerty1234 qwerty12345 qwerty123456 qwertyqwerty
    qwertyuiop qwertyuiop1 qwertyuiop123 qwertyuiopasdfghjkl sunshine123 superman123 trustno1trustno1 unknown123
    welcome123 welcome1234 welcomewelcome whatever123 zaq12wsxcde3 zxcvbnm123 zxcvbnmasdfghjkl plumbline1 plumbline123
    correcthorsebatterystaple
    """.split()  # noqa: SIM905 - a list to read
)


def checked_password(password: str, *names: str | None) -> str:
    """The password, where it may be one.

    Args:
        names: of the account, before and from now on.
    Raises:
        ServiceError: PL-IDN-003, too short or long, the account's name, or one that everybody tries first.
    """
    given = _normal(password)
    if not LEAST_CHARACTERS <= len(given) <= MOST_CHARACTERS:
        raise bad_password("it is too short or too long", f"{LEAST_CHARACTERS} to {MOST_CHARACTERS:,} characters")
    key = name_key(given)
    if any(name is not None and key == name_key(name) for name in names):
        raise bad_password("it is the name", "another word than the name")
    if key in _COMMONEST or len(set(key)) < _LEAST_DIFFERENT:
        raise bad_password("it is one of the commonest, and tried first by whoever guesses", "a password of your own")
    return password


@dataclass(frozen=True, slots=True)
class Verified:
    """What became of a comparison.

    Attributes:
        is_right: the password is that of the hash.
        renewed: its hash under today's costs, where the stored one has others.
    """

    is_right: bool
    renewed: str | None = None


@dataclass
class Passwords:
    """Hashes, and the threads that make them. Belongs to one event loop.

    Attributes:
        hasher: its costs.
        calls: threads of its own.
    """

    hasher: PasswordHasher = field(default_factory=PasswordHasher)
    calls: BoundedCalls = field(default_factory=lambda: BoundedCalls(_THREADS, _MOST_WAITING))
    _nobodys: str = field(default="", repr=False)

    async def hash(self, password: str) -> str:
        """A new hash, with a salt of its own.

        Raises:
            WebError: PL-WEB-010, too many wait already.
        """
        return await self.calls.run(self.hasher.hash, _normal(password))

    async def verify(self, stored: str | None, password: str) -> Verified:
        """Whether a password is that of a hash; takes as long where there is none.

        Raises:
            WebError: PL-WEB-010, too many wait already.
        """
        return await self.calls.run(self._verify, stored, _normal(password))

    def close(self) -> None:
        """Waits for those under way."""
        self.calls.close()

    def _verify(self, stored: str | None, password: str) -> Verified:
        if not self._nobodys:  # before the first comparison of either sort, so that both take as long
            self._nobodys = self.hasher.hash(secrets.token_urlsafe())
        try:
            self.hasher.verify(stored or self._nobodys, password)
        except (VerificationError, InvalidHashError):
            return Verified(False)
        if stored is None:
            return Verified(False)
        return Verified(True, self.hasher.hash(password) if self.hasher.check_needs_rehash(stored) else None)


def commonest() -> Sequence[str]:
    """Passwords that nobody may take."""
    return sorted(_COMMONEST)


def _normal(password: str) -> str:
    """Keyboards write one character in several ways."""
    return unicodedata.normalize("NFKC", password)
