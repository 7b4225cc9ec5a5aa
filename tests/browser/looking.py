"""What a page looks like: to a screen reader, at 400 px, and in pictures for people."""

import os
from importlib.resources import files
from pathlib import Path

_AXE = files("axe_playwright_python").joinpath("axe.min.js")
_WIDE, _NARROW = {"width": 1280, "height": 800}, {"width": 400, "height": 800}
_SERIOUS = ("serious", "critical")


def serious_axe_violations(page):
    """What axe-core calls serious or critical: (rule, where, what to do)."""
    # Evaluated by the debugger: the content security policy forbids scripts that are not the site's own.
    page.evaluate(_AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert found["passes"], "axe looked at nothing"
    return [
        (each["id"], " ".join(map(str, node["target"])), node["failureSummary"])
        for each in found["violations"]
        if each["impact"] in _SERIOUS
        for node in each["nodes"]
    ]


def assert_no_serious_axe_violations(page):
    found = serious_axe_violations(page)
    assert not found, "\n".join([page.url, *(f"{rule} at {where}: {told}" for rule, where, told in found)])


def assert_fits(page, width=400):
    """Nothing has to be moved sideways to be read on a narrow screen."""
    before = page.viewport_size
    page.set_viewport_size({"width": width, "height": 800})
    widest = page.evaluate("document.scrollingElement.scrollWidth")
    page.set_viewport_size(before)
    assert widest <= width, f"{page.url} is {widest} px wide on a screen of {width}"


def take_pictures(page, name):
    """The pictures of the whole page, where PLUMBLINE_PICTURES names a folder for them."""
    place = os.environ.get("PLUMBLINE_PICTURES")
    return pictures_of(page, Path(place), name) if place else []


def pictures_of(page, folder, name):
    """Writes NAME-light.png, NAME-dark.png and NAME-400.png of the whole page."""
    folder.mkdir(parents=True, exist_ok=True)
    before, taken = page.viewport_size, []
    for kind, scheme, size in (("light", "light", _WIDE), ("dark", "dark", _WIDE), ("400", "light", _NARROW)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        taken.append(folder / f"{name}-{kind}.png")
        page.screenshot(path=taken[-1], full_page=True, animations="disabled")
    page.emulate_media(color_scheme=None)
    page.set_viewport_size(before)
    return taken
