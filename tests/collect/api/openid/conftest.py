"""A server that lets people in by a provider of this machine."""

import pytest

from plumbline.collect.api.app import ApiOptions
from plumbline.collect.service.identity.openid.settings import OpenIdConfig, OpenIdSettings
from plumbline.collect.store.migrating import open_store
from plumbline.web.sessions import Site
from tests.collect.api.client import UNLIMITED, Api
from tests.collect.api.openid.tabs import CALLBACK, PUBLIC
from tests.collect.openid_provider import (
    CLIENT,
    SECRET,
    OpenIdProvider,
)


@pytest.fixture(scope="session")
def only_provider():
    made = OpenIdProvider(CALLBACK)
    yield made
    made.close()


@pytest.fixture
def provider(only_provider):
    """The provider, with nothing wrong about it."""
    only_provider.faults = type(only_provider.faults)()
    only_provider.asked.clear()
    only_provider.sent = 0
    return only_provider


@pytest.fixture
def make_api(make_address, provider):
    """The API over an empty SQLite store, of a server that lets people in by the provider."""
    made = []

    def make(secret=SECRET, fetching=None, **settings):
        store = open_store(make_address("sqlite"))
        told = {"issuer": provider.issuer, "client_id": CLIENT, "label": "Example"} | settings
        config = OpenIdConfig(OpenIdSettings(**told), secret, PUBLIC)
        options = ApiOptions(per_token=UNLIMITED, per_address=UNLIMITED, site=Site("127.0.0.1", PUBLIC), openid=config)
        api = Api(store, options=options)
        api.issuer = api.app.state.serving.openid.provider
        if fetching is not None:
            api.runner.run(api.issuer.close())
            api.issuer._fetching = fetching
        provider.clock = lambda: api.now.timestamp()
        made.append(api)
        return api

    yield make
    for api in made:
        api.runner.run(api.issuer.close())
        api.close()
        api.store.close()


@pytest.fixture
def api(make_api):
    return make_api()
