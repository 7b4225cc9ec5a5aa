"""Whom an issuer can send us to: its own host and the open internet, by the number that a name has; and what waits for it."""

import asyncio

import pytest

from plumbline.collect.service.failures import ServiceError
from plumbline.collect.service.identity.openid.failures import is_no_guess, not_exchanged, not_of_these, unreachable
from plumbline.collect.service.identity.openid.fetching import Fetching
from plumbline.collect.service.identity.openid.provider import Provider
from plumbline.collect.service.identity.openid.settings import OpenIdConfig, OpenIdSettings

ISSUER = "https://id.example.org"


@pytest.mark.parametrize("host", ["keys.example.org", "2130706433", "0x7f.1", "127.1", "id.example.org."])
def test_names_of_neighbours_are_not_connected_to(host):
    """The issuer's own host may stand anywhere, and nobody is there; of others the number is looked at first."""

    async def neighbour(name, port):
        return ["127.0.0.1"]

    async def asked(url):
        fetching = Fetching(ISSUER, resolve=neighbour)
        try:
            await fetching.get(url, "keys")
        except ServiceError as error:
            return error.code
        finally:
            await fetching.close()

    assert asyncio.run(asked(f"https://{host}:9/keys")) == "PL-OID-011"
    assert asyncio.run(asked("https://id.example.org:9/keys")) == "PL-OID-010"


class Hanging:
    """An issuer that says who it is, and whose keys come when they are let go."""

    def __init__(self):
        self.asked, self.let_go = [], asyncio.Event()

    async def get(self, _, what):
        self.asked.append(what)
        if what == "keys":
            await self.let_go.wait()
            raise unreachable(what, "it did not answer in time")
        endpoints = dict.fromkeys(("authorization_endpoint", "token_endpoint", "jwks_uri"), f"{ISSUER}/x")
        return {"issuer": ISSUER, **endpoints}


def test_keys_that_hang_are_waited_for_once_and_keep_nobody_from_the_rest():
    async def run():
        hanging = Hanging()
        settings = OpenIdSettings(issuer=ISSUER, client_id="c", label="Example")
        provider = Provider(OpenIdConfig(settings, None, ISSUER), hanging)
        found = await provider.metadata()
        waiting = [asyncio.ensure_future(provider._keys_with("first", found)) for _ in range(5)]
        await asyncio.sleep(0)
        await asyncio.wait_for(provider.metadata(), 10)
        hanging.let_go.set()
        failed = await asyncio.gather(*waiting, return_exceptions=True)
        return hanging.asked.count("keys"), [error.code for error in failed]

    assert asyncio.run(run()) == (1, ["PL-OID-010"] * 5)


def test_what_shows_no_guessing():
    assert is_no_guess(not_of_these())
    assert [is_no_guess(not_exchanged(word)) for word in ("invalid_client", "invalid_grant", "")] == [
        True,
        False,
        False,
    ]
