"""Files are served under an address of their content; none from elsewhere, and no module imports what is not there."""

import re

from plumbline.collect.pages.static_files import FOLDER, static_files

MODULES = 20


def modules():
    return [name for name in static_files().by_name if name.endswith(".js")]


def test_every_file_of_the_folder_is_served_and_no_other():
    there = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()}
    assert set(static_files().by_name) == there
    assert len(modules()) >= MODULES


def test_modules_import_only_modules_that_are_there():
    seen = 0
    for name in modules():
        for said in re.findall(r'from "([^"]+)"', (FOLDER / name).read_text()):
            assert said.startswith("."), (name, said)
            assert (FOLDER / name).parent.joinpath(said).resolve().relative_to(
                FOLDER.resolve()
            ).as_posix() in static_files().by_name
            seen += 1
    assert seen > MODULES


def test_modules_make_no_markup_out_of_text():
    refused = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|createContextualFragment|srcdoc"
    for name in modules():
        assert not re.search(refused, (FOLDER / name).read_text()), name


def test_nothing_comes_from_elsewhere():
    for name, file in static_files().by_name.items():
        text = file.content.decode().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"(?:https?:)?//[a-z0-9-]+\.[a-z]", text), name
