"""An organisation's accounts: join by an invitation, log out, log in, connect; all by keyboard, through a provider of our own.

The browser leaves for another origin and comes back: that the pages' policies let it, and nothing more, only a browser shows.
"""

import pytest

from tests.browser.looking import assert_fits, assert_no_serious_axe_violations, take_pictures
from tests.browser.served import free_port
from tests.browser.site import Site
from tests.collect.openid_provider import CLIENT, SECRET, OpenIdProvider


@pytest.fixture(scope="module")
def provider():
    port = free_port()
    made = OpenIdProvider(f"http://127.0.0.1:{port}/openid/callback")
    made.port_of_site = port
    yield made
    made.close()


@pytest.fixture(scope="module")
def site(started, provider, tmp_path_factory):
    folder = tmp_path_factory.mktemp("openid")
    file = folder / "openid.toml"
    file.write_text(
        f'issuer = "{provider.issuer}"\nclient_id = "{CLIENT}"\n'
        'client_secret_variable = "OPENID_SECRET"\nlabel = "Example University"\n'
    )
    port = provider.port_of_site
    more = ("--openid", str(file), "--public-url", f"http://127.0.0.1:{port}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENID_SECRET", SECRET)
        made = Site.of_copy(started, folder / "site", port=port, more=more)
    with made:
        yield made


def looked_at(page, name):
    assert_no_serious_axe_violations(page)
    assert_fits(page)
    take_pictures(page, name)


def press(page, label):
    """A button, by keyboard."""
    button = page.get_by_role("button", name=label, exact=True)
    button.focus()
    page.keyboard.press("Enter")


def as_(page, who):
    """At the provider, who one is there."""
    page.get_by_role("heading", name="Who are you?").wait_for()
    page.get_by_role("link", name=who, exact=True).focus()
    page.keyboard.press("Enter")


def test_join_log_out_and_log_in_again(site, visit):
    page = visit().page
    page.goto(site.invite("worker"))
    page.wait_for_selector("#join:visible")
    looked_at(page, "openid-join")
    press(page, "Join with Example University")
    as_(page, "ada")
    page.wait_for_url(f"{site.url}/")
    page.goto("/account")
    looked_at(page, "openid-account")
    pseudonym = page.locator('meta[name="pseudonym"]').get_attribute("content")
    press(page, "Log out")
    page.wait_for_url("**/login")
    page.goto("/studies/pairs")
    page.wait_for_url("**/login?next=/studies/pairs")
    looked_at(page, "openid-login")
    press(page, "Log in with Example University")
    as_(page, "ada")
    page.wait_for_url(f"{site.url}/studies/pairs")
    assert page.locator('meta[name="pseudonym"]').get_attribute("content") == pseudonym


def test_connect_and_disconnect(site, visit):
    account = site.add("worker")
    page = visit(account).page
    page.goto("/account")
    page.locator("#connect-form").get_by_label("Your password here").fill(account.password)
    looked_at(page, "openid-connect")
    page.keyboard.press("Enter")
    as_(page, "grace")
    page.wait_for_url("**/account")
    page.locator("#connected").wait_for()
    looked_at(page, "openid-connected")
    elsewhere = visit().page
    elsewhere.goto("/login")
    press(elsewhere, "Log in with Example University")
    as_(elsewhere, "grace")
    elsewhere.wait_for_url(f"{site.url}/")
    pseudonym = elsewhere.locator('meta[name="pseudonym"]').get_attribute("content")
    assert pseudonym == account.pseudonym
    form = page.locator("#password-form")
    form.locator("#old").fill(account.password)
    form.locator("#new").fill("other words of mine")
    press(page, "Change it")
    page.get_by_text("Changed. Example University stays connected.").wait_for()
    press(page, "Disconnect")
    page.locator("#connect-form").wait_for()


def test_who_is_not_let_in_is_told_why_and_what_to_do(site, visit):
    visitor = visit()
    visitor.expects("403")
    page = visitor.page
    page.goto("/login")
    press(page, "Log in with Example University")
    as_(page, "alan")
    page.locator("#failed").wait_for()
    assert page.locator("#code").inner_text() == "PL-OID-026"
    assert "invitation" in page.locator("#why").inner_text()
    assert page.url == f"{site.url}/openid/callback", "the code is not left in the address"
    assert page.evaluate("document.activeElement.id") == "heading"
    looked_at(page, "openid-refused")
    page.get_by_role("link", name="Log in", exact=True).click()
    page.wait_for_url("**/login")
