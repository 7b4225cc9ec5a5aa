"""`collect serve --openid`: what is wrong for good stops the server before it serves, what passes is noted."""

import pytest

from plumbline.cli.collect.openid import ready_openid
from plumbline.records import PlumblineError, errors
from tests.collect.openid_provider import CLIENT, OpenIdProvider

PUBLIC = "http://127.0.0.1:8080"


@pytest.fixture(scope="module")
def provider():
    made = OpenIdProvider(f"{PUBLIC}/openid/callback")
    yield made
    made.close()


@pytest.fixture
def ready(provider, tmp_path):
    def call(issuer=provider.issuer, public_url=PUBLIC):
        file = tmp_path / "openid.toml"
        file.write_text(f'issuer = "{issuer}"\nclient_id = "{CLIENT}"\nlabel = "Example"\n')
        return ready_openid(file, public_url=public_url, studies=["s"])

    return call


def test_the_redirect_uri_to_register_is_told(ready, capsys):
    assert ready().redirect_uri in capsys.readouterr().err
    assert ready_openid(None, public_url=None, studies=["s"]) is None


def test_an_issuer_that_is_away_is_noted_and_the_server_starts(ready, capsys):
    assert ready(issuer="http://127.0.0.1:1") is not None
    assert "PL-OID-010" in capsys.readouterr().err


def test_what_stays_wrong_stops_the_server(ready, provider, monkeypatch):
    for code, given in (("PL-OID-011", {"issuer": provider.issuer + "/"}), ("PL-OID-006", {"public_url": None})):
        with pytest.raises(PlumblineError) as caught:
            ready(**given)
        assert caught.value.code == code
    monkeypatch.setattr(errors, "find_spec", lambda name: None if name == "joserfc" else object())
    with pytest.raises(PlumblineError) as caught:
        ready()
    assert (caught.value.code, caught.value.exit_code) == ("PL-OID-008", 2)
    assert "oidc" in caught.value.advice
