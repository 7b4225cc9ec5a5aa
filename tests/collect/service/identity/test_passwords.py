"""Which passwords and names may be, and what makes two names the same."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.collect.service.identity.names import checked_name, name_key
from plumbline.collect.service.identity.passwords import (
    LEAST_CHARACTERS,
    Passwords,
    checked_password,
    commonest,
)
from plumbline.records import PlumblineError
from tests.collect.api.client import CHEAP


@pytest.mark.parametrize(
    "password", ["x9!kLm-2qw", "four words of mine", "ÄÖÜäöüßéèê", "😀🎈🌵🐙🍋🚲🎲🧭🪁🛶", "abcd" * 256]
)
def test_what_may_be(password):
    assert checked_password(password, "Ada") == password


@pytest.mark.parametrize(
    "password",
    ["", "tooshort", "x" * 9, "abcd" * 256 + "e", "Ada Lovelace", "ADA LOVELACE", "ａｄａ lovelace", "aaaaaaaaaaaa", "abababababab",
     "password123", "PassWord123", "ｐａｓｓｗｏｒｄ１２３", "1234567890", *commonest()],
)  # fmt: skip
def test_what_may_not(password):
    with pytest.raises(PlumblineError, match="PL-IDN-003") as refused:
        checked_password(password, "Ada Lovelace")
    if len(password) > 3:
        assert password not in str(refused.value)


def test_the_list_is_of_passwords_that_the_length_does_not_refuse():
    assert len(commonest()) > 80
    assert [each for each in commonest() if len(each) < LEAST_CHARACTERS or each != name_key(each)] == []


@given(st.text(max_size=80))
def test_a_names_key_is_its_own_key(name):
    assert name_key(name_key(name)) == name_key(name)
    assert name_key(name.upper().lower()) == name_key(name.lower()) or not name.isascii()
    assert name_key(f" {name}\t") == name_key(name)


@given(st.text(max_size=80))
def test_names_are_taken_or_refused_with_their_code(name):
    wanted = name.strip()
    if 2 <= len(wanted) <= 64 and wanted.isprintable() and len(name_key(wanted)) > 1:
        assert checked_name(name) == wanted
    else:
        with pytest.raises(PlumblineError, match="PL-IDN-004"):
            checked_name(name)


def test_a_password_is_the_same_in_each_of_its_forms():
    passwords = Passwords(CHEAP)

    async def both():
        hashed = await passwords.hash("pässwörter im Wald")
        composed = await passwords.verify(hashed, "pa\u0308sswo\u0308rter im Wald")
        other = await passwords.verify(hashed, "passworter im Wald")
        damaged = await passwords.verify("$argon2id$nonsense", "pässwörter im Wald")
        return composed.is_right, other.is_right, damaged.is_right

    try:
        assert asyncio.run(both()) == (True, False, False)
    finally:
        passwords.close()
