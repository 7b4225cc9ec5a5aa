"""What a page holds, as a browser would read it."""

from html.parser import HTMLParser


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.elements = []
        self.texts = []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, attrs))

    def handle_data(self, data):
        self.texts.append(data)


def _read(page):
    reader = _Reader()
    reader.feed(str(page))
    reader.close()
    return reader


def elements(page, *, with_names=False, with_values=False):
    """The names of its elements; with those of their attributes, or with the attributes themselves."""
    found = _read(page).elements
    if with_values:
        return found
    return [(tag, [name for name, _ in attrs]) for tag, attrs in found] if with_names else [tag for tag, _ in found]


def texts(page):
    """Its texts, in order."""
    return _read(page).texts
