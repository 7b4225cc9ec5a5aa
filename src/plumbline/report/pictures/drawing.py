"""Drawing: matplotlib figures measured in pixels, and their SVG made fit to stand inside a page.

Colours are drawn as stand-ins and become CSS variables, so one picture serves light, dark and paper. Text stays text.
Pictures are narrow by nature: one fills a phone, two stand side by side on a screen.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from plumbline.records import MissingExtraError
from plumbline.report.wording import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 420
SIDE = 10
LABEL_SIZE = 12.0
SMALL_SIZE = 11.5
SHARE_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)

INK, MUTED, GRID, SURFACE = "#010101", "#010102", "#010103", "#010104"
FIRST, SECOND, THIRD, WARNING = "#010105", "#010106", "#010107", "#010108"
_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--grid)",
    SURFACE: "var(--surface)",
    FIRST: "var(--first)",
    SECOND: "var(--second)",
    THIRD: "var(--third)",
    WARNING: "var(--warning)",
}
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "plumbline",
    "text.parse_math": False,
    "font.size": SMALL_SIZE,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.labelsize": SMALL_SIZE,
    "axes.unicode_minus": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "text.color": INK,
    "hatch.color": SECOND,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.8,
}
_REPLACEMENT = re.compile("|".join(_VARIABLES))
_FONT_FAMILY = re.compile(r"\s*font-family:[^;]*(;|$)")
_LOCAL_REFERENCE = re.compile(r"url\(#([^)]*)\)")
_SVG, _XLINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"


@dataclass(frozen=True)
class Caption:
    """What a picture is called.

    Attributes:
        key: letters, digits and hyphens; no other picture of the page has it.
        title: what is shown; read aloud in place of the picture.
        description: what it says, in a sentence; read after the title.
        synthetic: whether all of its data was made by a program.
    """

    key: str
    title: str
    description: str
    synthetic: bool


@dataclass(frozen=True)
class Picture:
    """A drawn picture: the SVG element as text, ready to stand in a page."""

    title: str
    svg: str


def missing_extra(library: str) -> MissingExtraError:
    """The error for a library of the extra that is not installed."""
    return MissingExtraError(
        "PL-RPT-001",
        "report",
        f"{library} is not installed",
        expected="the extra that draws reports",
        advice="pip install -e '.[report]'",
    )


@contextmanager
def drawing() -> Iterator[None]:
    """Draw inside this: matplotlib's defaults plus the house style, whatever the reader's own settings say.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        import matplotlib.style
    except ImportError as error:
        raise missing_extra("matplotlib") from error
    with matplotlib.style.context(["default", _STYLE]), warnings.catch_warnings():
        # A name may hold letters that the measuring font lacks; the page's own fonts draw them.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        yield


class Canvas:
    """A picture in the making, `WIDTH` by `height` pixels, measured from its upper left corner."""

    def __init__(self, height: int, caption: Caption) -> None:
        from matplotlib.figure import Figure

        self.height = height
        self.figure = Figure(figsize=(WIDTH / 72, height / 72), dpi=72)
        self._caption = caption

    def axes(self, left: int, top: int, width: int, height: int) -> Axes:
        """Axes at this place, in pixels."""
        return self.figure.add_axes(
            (left / WIDTH, 1 - (top + height) / self.height, width / WIDTH, height / self.height), facecolor="none"
        )

    def text(self, left: float, top: float, text: str, **style: Any) -> None:
        """Text whose baseline is `top` pixels below the upper edge."""
        style = {"fontsize": SMALL_SIZE, "color": MUTED, "va": "baseline", **style}
        self.figure.text(left / WIDTH, 1 - top / self.height, visible(text), **style)

    def legend(self, handles: list[Any], *, top: int = 2, columns: int = 3) -> None:
        """A legend in one line along the upper edge."""
        self.figure.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(SIDE / WIDTH, 1 - top / self.height),
            ncol=columns,
            frameon=False,
            fontsize=SMALL_SIZE,
            labelcolor=INK,
            borderpad=0,
            borderaxespad=0,
            columnspacing=1.2,
            handletextpad=0.5,
            handlelength=1.5,
        )

    def finish(self) -> Picture:
        """The picture as an SVG element with a title and a description."""
        caption = self._caption
        if caption.synthetic:
            caption = replace(caption, title=f"Synthetic data. {caption.title}")
            self.text(WIDTH - SIDE, self.height - 5, "synthetic", ha="right", color=WARNING, fontweight="bold")
        buffer = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        self.figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
        # The text parsed is matplotlib's own output of a moment ago, in which names are escaped.
        root = ElementTree.fromstring(buffer.getvalue())  # noqa: S314 – what matplotlib has just written
        return Picture(caption.title, _as_element(root, caption, self.height))


def quiet_axes(axes: Axes) -> None:
    """Axes with a grid behind what they show, and nothing else to look at."""
    axes.grid(visible=True)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_color(GRID)
    axes.tick_params(length=0)


def _as_element(root: ElementTree.Element, caption: Caption, height: int) -> str:
    """Matplotlib's document as an element of the page: named, without ids of its own, painted with CSS variables."""
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{_SVG}metadata", f"{_SVG}style"):
                parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        attributes = {
            name.removeprefix(_XLINK): _attribute(name.removeprefix(_XLINK), value, caption.key)
            for name, value in element.attrib.items()
            if not (element.tag == "g" and name == "id")
        }
        # A variable is understood in a style only, and the ground of a hatch comes as an attribute.
        painted = [f"{name}: {attributes.pop(name)}" for name in ("fill", "stroke") if name in attributes]
        if painted:
            attributes["style"] = "; ".join([*painted, attributes.get("style", "")]).rstrip("; ")
        element.attrib = attributes
    root.attrib = {
        "viewBox": f"0 0 {WIDTH} {height}",
        "role": "img",
        "aria-labelledby": f"{caption.key}-title {caption.key}-description",
        "focusable": "false",
    }
    told = (("title", "title", caption.title), ("desc", "description", caption.description))
    for position, (tag, kind, text) in enumerate(told):
        label = ElementTree.Element(tag, {"id": f"{caption.key}-{kind}"})
        label.text = visible(text)
        root.insert(position, label)
    return ElementTree.tostring(root, encoding="unicode")


def _attribute(name: str, value: str, key: str) -> str:
    """The value with ids made unique by the picture's key, without font families, with variables for colours."""
    if name == "id":
        return f"{key}-{value}"
    if name == "href" and value.startswith("#"):
        return f"#{key}-{value[1:]}"
    value = _LOCAL_REFERENCE.sub(rf"url(#{key}-\1)", value)
    if name in ("style", "fill", "stroke"):
        value = _FONT_FAMILY.sub("", value)
        return _REPLACEMENT.sub(lambda match: _VARIABLES[match.group()], value).strip()
    return value
