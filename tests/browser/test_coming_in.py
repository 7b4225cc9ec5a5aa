"""The way in: by an invitation link to the home page, out, and in again by name and password; all by keyboard."""

import pytest

from tests.browser.looking import assert_fits, assert_no_serious_axe_violations, take_pictures
from tests.browser.site import STUDIES

PASSWORD = "four plain words here"


def looked_at(page, name):
    """The page stands in the narrowest form, tells a screen reader what it is, and is kept where pictures are asked for."""
    assert_no_serious_axe_violations(page)
    assert_fits(page)
    take_pictures(page, name)


def join(page, link, name):
    """By keyboard: the first field has the focus, and Enter sends the form."""
    page.goto(link)
    page.wait_for_selector("#join [name=name]:focus")
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    looked_at(page, "join")
    page.keyboard.press("Enter")
    page.wait_for_url("**/")


def test_by_an_invitation_link_to_the_home_page(site, visit):
    visitor = visit()
    join(visitor.page, site.invite("worker"), "Ada")
    assert sorted(visitor.page.locator("h2").all_inner_texts()) == sorted(STUDIES.values())
    assert visitor.page.locator("header").get_by_text("Ada").is_visible()
    looked_at(visitor.page, "home")
    assert "#" not in visitor.page.url


def test_who_comes_into_one_study_sees_no_other(site, visit):
    visitor = visit()
    join(visitor.page, site.invite("worker", study="pairs"), "Grace")
    assert visitor.page.locator("h2").all_inner_texts() == ["pairs"]


def test_the_owner_comes_in_by_the_link_of_the_first_start(own_site, visit):
    visitor = visit()
    join(visitor.page, own_site.owner_link, "Owner")
    assert visitor.page.get_by_role("link", name="Dashboard").count() == len(STUDIES)
    # It was good once.
    again = visit()
    again.page.goto(own_site.owner_link)
    again.page.wait_for_selector("#unusable:visible")
    again.expects("Failed to load resource")


def test_by_name_and_password_to_where_one_wanted_to_go(site, visit):
    account = site.add("worker")
    visitor = visit()
    visitor.page.goto("/studies/pairs")
    visitor.page.wait_for_selector("#login")
    visitor.page.keyboard.type(account.name)
    visitor.page.keyboard.press("Tab")
    visitor.page.keyboard.type(account.password)
    looked_at(visitor.page, "login")
    visitor.page.keyboard.press("Enter")
    visitor.page.wait_for_url("**/studies/pairs")


@pytest.mark.parametrize("wrong", ["name", "password"])
def test_a_wrong_name_or_password_is_told_in_the_same_words(site, visit, wrong):
    account = site.add("worker")
    visitor = visit()
    visitor.expects("403")
    visitor.page.goto("/login")
    given = {"name": account.name, "password": account.password} | {wrong: "something else"}
    for field, value in given.items():
        visitor.page.fill(f"#{field}", value)
    visitor.page.keyboard.press("Enter")
    told = visitor.page.locator("#problem")
    told.wait_for(state="visible")
    assert "no account has this name and this password" in told.inner_text()
    assert visitor.page.url.endswith("/login")
    assert_no_serious_axe_violations(visitor.page)
