"""The page of the whole loop on made-up data: what ``loop.json`` holds, as one HTML file that loads nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from plumbline.measure import Figure
from plumbline.report.layout import Card, FiguresPage, Section, Table, columns
from plumbline.report.pictures.drawing import FIRST, SECOND, Caption, drawing
from plumbline.report.pictures.rows import DotRow, Series, draw_dots
from plumbline.report.templating import load_template, write_page
from plumbline.report.wording import count, figure_cell, number

_TITLE = "The whole loop, on synthetic data"
_FOOTER = (
    "Intervals are at 95 %, by bootstrap over prompts; of Elo from its covariance, over prompts. Everything on this page is made up: prompts and "
    "replies by a program from phrases, judgements by simulated workers whose preferences and slips are known. It shows that the parts "
    "work together, and is evidence of nothing about people or models."
)
_TRUTH = Series("by the known truth", FIRST, "o")
_WORKERS = Series("by the simulated workers, on split test", SECOND, "D", filled=False)
_AGREEMENT = Series("agreement", FIRST, "o")
_RIGHT = Series("right by the known truth", SECOND, "D", filled=False)
_FIGURES = {"accuracy": "accuracy of pairs", "auprc": "AUPRC of unsafe replies"}
_PAGES = (
    ("round-1/report.html", "Round 1: its data, models and figures"),
    ("round-1/best/best_of_n.html", "Round 1: what the best of eight is worth"),
    ("round-2/report.html", "Round 2: its data, models and figures, round 1's models beside them"),
    ("round-2/best/best_of_n.html", "Round 2: what the best of eight is worth"),
)


def write_loop_page(found: Mapping[str, Any], out: Path, *, created: str) -> None:
    """Write the page.

    Args:
        found: what ``loop.json`` holds.
        out: the page; written aside and renamed.
        created: when it was made, as it is to be shown.
    Raises:
        MissingExtraError: jinja2 or matplotlib is not installed.
        WriteError: the page could not be written.
    """
    write_page(build_loop_page(found, created=created), out)


def build_loop_page(found: Mapping[str, Any], *, created: str) -> str:
    """The page as text; the arguments are those of `write_loop_page`, and the same give the same text."""
    template = load_template("figures.html.j2")
    with drawing():
        cards = (_samplers_card(found), _models_card(found), _studies_card(found), _workers_card(found))
    sections = (
        Section("samplers", "Did the loop make a better assistant?", _SAMPLERS_INTRO.format(**found), (cards[0],)),
        Section("models", "Did the models learn what is true?", _MODELS_INTRO.format(**found), (cards[1],)),
        Section("people", "Did those who judged agree, and were they right?", _PEOPLE_INTRO, cards[2:]),
    )
    judged = sum(found["judgements"].values())
    contents = f"{count(judged)} judgements of {len(found['simulated_workers'])} simulated workers over the HTTP API, in two rounds and a sitting that holds the samplers side by side"
    page = FiguresPage(_TITLE, created, contents, True, sections, _FOOTER, _PAGES)
    return str(template.render(page=page))


_SAMPLERS_INTRO = (
    "A sampler gives a reply to each of {unseen_tasks} tasks that no study asked: “base” any of the world's replies, the others the best of all {replies} by the model of a round (the app's sampler draws as many, and some of them twice). "
    "The simulated workers judged them side by side, without seeing which is which."
)
_MODELS_INTRO = (
    "Each model was trained on the simulated judgements of its round and those before. The truth is known of {unseen_tasks} tasks and {unseen_wishes} wishes that no study asked: "
    "how often a model prefers the truly better reply, and how well it tells unsafe replies. By the workers' word it is measured on the prompts of split test: they are few, and workers err."
)
_PEOPLE_INTRO = "Pairs and labels are judged by two workers each, chats and the samplers' replies by one; a study is shown as it stood at the end of each round. What a worker prefers is drawn by how far the replies are apart in truth."


# --- samplers ---


def _samplers_card(found: Mapping[str, Any]) -> Card:
    samplers = found["samplers"]
    if not samplers:
        return Card(
            "Elo of the samplers", "The samplers gave the same replies: there was nothing to judge.", True, wide=True
        )
    rows = [
        DotRow(_sampler_name(found, each["name"]), ((Series("Elo", FIRST, "o"), _figure(each["elo"])),), digits=0)
        for each in samplers
    ]
    reading = "; ".join(
        f"{_sampler_name(found, each['name'])} has {figure_cell(_figure(each['elo']), 0)} points, and in truth its replies help {number(each['true_helpfulness']['value'], 2)}"
        for each in samplers
    )
    reading = f"By the simulated workers' word {reading}. {_lead(found)}"
    picture = draw_dots(
        rows,
        Caption("loop-elo", "Elo of the samplers over the rounds", reading, True),
        unit="Elo points, mean of all 0",
        references=(0.0,),
    )
    table = Table(
        "Samplers, judged side by side",
        columns("Sampler", "Elo, by simulated workers#", "True helpfulness of a reply#"),
        tuple(
            (
                _sampler_name(found, each["name"]),
                figure_cell(_figure(each["elo"]), 0),
                figure_cell(_figure(each["true_helpfulness"])),
            )
            for each in samplers
        ),
    )
    return Card("Elo of the samplers, over the rounds", reading, True, picture, open_tables=(table,), wide=True)


def _lead(found: Mapping[str, Any]) -> str:
    """Whether the last sampler is better than the one before it, as far as the difference tells."""
    step = found["last_step"]
    lead = _figure(step["lead"])
    said = (
        f"{_sampler_name(found, step['later'])} leads {_sampler_name(found, step['earlier'])} by {figure_cell(lead, 0)}"
    )
    if lead.low is None or lead.high is None or lead.low <= 0 <= lead.high:
        said += ", which tells the two not apart"
    return f"{said}; on {count(step['same_replies'])} of {count(step['tasks'])} tasks both reply the same, which is a draw."


def _sampler_name(found: Mapping[str, Any], name: str) -> str:
    return name if name == "base" else f"best of {found['replies']} by {name}"


# --- models ---


def _models_card(found: Mapping[str, Any]) -> Card:
    rows = [
        DotRow(
            f"{each['name']}, {each['round']}: {_FIGURES[each['figure']]}",
            ((_TRUTH, _figure(each["by_truth"])), (_WORKERS, _figure(each["by_workers"]))),
        )
        for each in sorted(found["models"], key=_by_model)
    ]
    best = [
        f"{each['name']} {number(each['by_truth']['value'])} ({_FIGURES[each['figure']]})"
        for each in found["models"]
        if each["round"] == _last_round(found)
    ]
    reading = f"By the known truth, after the last round: {', '.join(best)}."
    picture = draw_dots(
        rows, Caption("loop-models", "Models against the known truth", reading, True), unit="share", references=(0.5,)
    )
    table = Table(
        "Models of each round",
        columns("Model", "Round", "Figure", "By the known truth#", "By the simulated workers, on split test#"),
        tuple(
            (
                each["name"],
                each["round"],
                _FIGURES[each["figure"]],
                figure_cell(_figure(each["by_truth"])),
                figure_cell(_figure(each["by_workers"])),
            )
            for each in sorted(found["models"], key=_by_model)
        ),
    )
    return Card("Models against the known truth", reading, True, picture, open_tables=(table,), wide=True)


def _by_model(each: Mapping[str, Any]) -> tuple[str, str, str]:
    return each["name"], each["figure"], each["round"]


def _last_round(found: Mapping[str, Any]) -> str:
    return str(found["models"][-1]["round"])


# --- who judged ---


def _studies_card(found: Mapping[str, Any]) -> Card:
    studies = found["studies"]
    judged_twice = [each for each in studies if each["agreement"]["value"] is not None]
    rows = [
        DotRow(
            f"{each['name']}, {each['round']}",
            (
                (_RIGHT, _figure(each["right"])),
                *(((_AGREEMENT, _figure(each["agreement"])),) if each in judged_twice else ()),
            ),
        )
        for each in studies
    ]
    reading = "; ".join(
        f"{each['name']}: two agree in {figure_cell(_figure(each['agreement']))}" for each in judged_twice
    )
    reading = f"{reading}." if reading else "Nothing was judged twice."
    picture = draw_dots(
        rows,
        Caption("loop-studies", "Agreement and rightness of simulated workers", reading, True),
        unit="share",
        references=(0.5,),
    )
    table = Table(
        "Studies",
        columns(
            "Study", "Round", "Comparisons#", "Labels#", "Agreement#", "Krippendorff's α#", "Right, by the known truth#"
        ),
        tuple(
            (
                each["name"],
                each["round"],
                count(each["comparisons"]),
                count(each["labels"]),
                *(figure_cell(_figure(each[key])) for key in ("agreement", "alpha", "right")),
            )
            for each in studies
        ),
    )
    return Card("Agreement", reading, True, picture, open_tables=(table,), wide=True)


def _workers_card(found: Mapping[str, Any]) -> Card:
    workers: Sequence[Mapping[str, Any]] = found["simulated_workers"]
    rows = tuple(
        (
            each["name"],
            number(each["sharpness"]["helpfulness"]),
            number(each["sharpness"]["harmlessness"]),
            number(each["slip_rate"]),
        )
        for each in workers
    )
    table = Table(
        "Simulated workers",
        columns("Worker", "Sharpness on helpfulness#", "Sharpness on harm#", "Share of labels turned#"),
        rows,
        notes=("Sharpness: nats by which a reply that is better by one is preferred (Bradley–Terry).",),
    )
    return Card(
        "Who judged",
        "Programs whose preferences and slips are known; no person judged anything here.",
        True,
        open_tables=(table,),
        wide=True,
    )


def _figure(fields: Mapping[str, Any] | None) -> Figure:
    return Figure.undefined(0, "not measured") if fields is None else Figure.from_json(fields)
