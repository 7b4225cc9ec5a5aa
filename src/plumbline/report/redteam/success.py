"""A red-team page, first half: success by model, harmlessness and its spread, what goes with what, the map."""

from __future__ import annotations

from collections.abc import Iterator

from plumbline.measure import Figure
from plumbline.redteam.analysis import RedTeamAnalysis
from plumbline.redteam.attempts import size_order
from plumbline.redteam.by_model import ModelFigures
from plumbline.redteam.relations import Relation
from plumbline.redteam.success import SUCCESS_FROM, SuccessBy
from plumbline.report.layout import Card, Table, columns, left_out_note
from plumbline.report.pictures.drawing import Caption, Picture
from plumbline.report.pictures.redteam import SERIES, Ridge, SizeSeries, draw_by_size, draw_ratings, draw_ridges
from plumbline.report.pictures.redteam_points import MapName, Points, draw_map, draw_points
from plumbline.report.pictures.rows import MODEL, DotRow, draw_dots
from plumbline.report.wording import capitalised, count, figure_cell, number, plural

WAYS = {
    SuccessBy.RATING: f"the attacker's own rating is {SUCCESS_FROM:g} or more, of 0 to 4",
    SuccessBy.REVIEWS: f"more than half of the reviewers rate it {SUCCESS_FROM:g} or more, of 0 to 4",
    SuccessBy.OUTCOME: "its recorded outcome is success, which of attempts by a program is a scorer's word and errs "
    "(redteam_run.json beside them says how much, where there were labels); unscored attempts count as neither",
}
LEAST, LEAST_UP = "least harmlessness of a transcript (← more harmful)", "least harmlessness of the transcript"
_DRAWN = 20
_POINTS_LISTED = 200
_NO_SCORES = "No transcript has a score: plumbline redteam score MODEL SOURCE -o FOLDER gives each one."


def caption(key: str, title: str, reading: str, *, synthetic: bool) -> Caption:
    """What a picture of the page is called."""
    return Caption(f"rt-{key}", title, reading, synthetic)


def not_stated(name: str | None) -> str:
    """A name, or that there is none."""
    return "not stated" if name is None else name


def model_name(model: ModelFigures) -> str:
    """Type and size of a model attacked."""
    stated = [name for name in (model.type, model.size) if name is not None]
    return " · ".join(stated) or "model not stated"


# --- success ---


def ways_card(found: RedTeamAnalysis, *, synthetic: bool) -> Card:
    """What counts as success, and the share by each way."""
    success = found.success
    reading = f"Success here: {WAYS[success.by]}. By that, {figure_cell(success.rates[success.by])} of the attempts succeeded."
    if success.rates[success.by].value is None:
        reading = f"Whether attempts succeeded is undefined: {success.rates[success.by].why_undefined}."
    told = [(by, figure) for by, figure in success.rates.items() if figure.value is not None]
    picture = None
    if told:
        rows = [
            DotRow(f"by {by}{' (taken here)' if by is success.by else ''}", ((MODEL, figure),)) for by, figure in told
        ]
        named = caption("ways", "Share of attempts that succeeded, by who says so", reading, synthetic=synthetic)
        picture = draw_dots(rows, named, unit="share that succeeded")
    table = Table(
        "Share of attempts that succeeded, by who says so",
        columns("Who says so", "Success means", "Share"),
        tuple((by.value, WAYS[by], figure_cell(figure)) for by, figure in success.rates.items()),
    )
    return Card("What counts as success", reading, synthetic, picture, tables=(table,))


def by_model_card(found: RedTeamAnalysis, *, synthetic: bool) -> Card:
    """Success by size and type of the model attacked."""
    models = found.models.models
    defined = [model for model in models if model.success.value is not None]
    reading = "On no model anybody says whether attempts succeeded."
    if defined:
        best = max(defined, key=lambda model: model.success.value or 0.0)
        least = min(defined, key=lambda model: model.success.value or 0.0)
        reading = f"{capitalised(model_name(best))}: {figure_cell(best.success)} of the attempts succeeded."
        if best is not least:
            reading = (
                f"Attempts succeeded most on {model_name(best)}, {figure_cell(best.success)}, and least on "
                f"{model_name(least)}, {figure_cell(least.success)}."
            )
    table = Table(
        "Success by model attacked",
        columns("Type", "Size", "Attempts#", "Share that succeeded"),
        tuple(
            (not_stated(model.type), not_stated(model.size), count(model.attempts), figure_cell(model.success))
            for model in models
        ),
    )
    note = "Intervals draw workers, whose attempts resemble each other; a model that one worker attacked has none."
    return Card(
        "Success by model attacked",
        reading,
        synthetic,
        _by_model_picture(defined, caption("models", "Success by model attacked", reading, synthetic=synthetic)),
        tables=(table,),
        note=note,
    )


def _by_model_picture(models: list[ModelFigures], named: Caption) -> Picture | None:
    if not models:
        return None
    types = sorted({model.type for model in models}, key=lambda name: name or "")
    sizes = sorted({model.size for model in models}, key=size_order)
    if not 2 <= len(sizes) <= 8 or len(types) > len(SERIES):
        rows = [DotRow(model_name(model), ((MODEL, model.success),)) for model in models[:_DRAWN]]
        return draw_dots(rows, named, unit="share that succeeded")
    told: dict[tuple[str | None, str | None], Figure] = {(model.type, model.size): model.success for model in models}
    series = [SizeSeries(not_stated(each), [told.get((each, size)) for size in sizes]) for each in types]
    return draw_by_size([not_stated(size) for size in sizes], series, named)


# --- harmlessness ---


def spread_card(found: RedTeamAnalysis, *, synthetic: bool) -> Card:
    """Least harmlessness and its distribution, by model."""
    models = [model for model in found.models.models if model.scores.quantiles]
    if not models:
        return Card("Least harmlessness by model attacked", _NO_SCORES, synthetic)
    means = [(model, model.scores.mean) for model in models]
    worst = min(means, key=lambda each: each[1].value or 0.0)
    reading = f"Lower is more harmful. The lowest mean is that of {model_name(worst[0])}: {figure_cell(worst[1])}."
    everything = found.models.everything
    rows = [
        Ridge(model_name(model), model.scores.counts, model.scores.quantiles, model.scores.mean)
        for model in models[:_DRAWN]
    ]
    if len(models) > 1:
        rows.insert(
            0, Ridge("all attempts", everything.scores.counts, everything.scores.quantiles, everything.scores.mean)
        )
    named = caption("spread", "Least harmlessness by model attacked", reading, synthetic=synthetic)
    table = Table(
        "Least harmlessness by model attacked",
        columns("Model", "Mean", "5 %#", "25 %#", "Median#", "75 %#", "95 %#"),
        tuple(
            (name, figure_cell(each.scores.mean), *(number(quantile) for quantile in each.scores.quantiles))
            for name, each in [("all attempts", everything), *((model_name(model), model) for model in models)]
        ),
    )
    note = f"Of {count(found.attempts)} attempts {count(found.scored)} have a score."
    unscored = len(found.models.models) - len(models)
    note += f" {capitalised(plural(unscored, 'model'))} have no scored transcript." if unscored else ""
    left_out = left_out_note(_DRAWN, len(models))
    return Card(
        "Least harmlessness by model attacked",
        reading,
        synthetic,
        draw_ridges(rows, found.models.edges, named, unit=LEAST),
        tables=(table,),
        note=f"{note} {left_out or ''}".strip(),
    )


def relation_cards(found: RedTeamAnalysis, *, synthetic: bool) -> Iterator[Card]:
    """The description against the transcript, the attacker's rating against the transcript."""
    yield _description_card(found, synthetic=synthetic)
    yield _rating_card(found, synthetic=synthetic)


def _description_card(found: RedTeamAnalysis, *, synthetic: bool) -> Card:
    heading, each = "Harmlessness of the description against the transcript", found.description
    if not each.n:
        return Card(heading, "No attempt has both a score of its description and one of its transcript.", synthetic)
    reading = _correlation_words(
        each,
        "descriptions that sound more harmful",
        "transcripts that are more harmful",
        "transcripts that are more harmless",
    )
    named = caption("description", heading, reading, synthetic=synthetic)
    fates = [found.success.flags[place] for place in each.points]
    picture = draw_points(
        Points(each.first, each.second, fates),
        named,
        units=("harmlessness of the description (← more harmful)", LEAST_UP),
    )
    table = Table(
        "Attempts by the harmlessness of description and transcript",
        columns("Attempt", "Description#", "Transcript#", "Succeeded"),
        tuple(
            (found.ids[place], number(first), number(second), fate_word(found.success.flags[place]))
            for place, first, second in list(zip(each.points, each.first, each.second, strict=True))[:_POINTS_LISTED]
        ),
        notes=_listed_note(len(each.points)),
    )
    return Card(heading, reading, synthetic, picture, tables=(table,), note=_sample_note(each))


def _rating_card(found: RedTeamAnalysis, *, synthetic: bool) -> Card:
    heading, each = "The attacker's rating against the transcript's score", found.rating
    rows = [(row.rating, row.score) for row in found.ratings if row.score.value is not None]
    table = Table(
        "Least harmlessness by the attacker's rating",
        columns("Rating", "Attempts#", "Mean least harmlessness"),
        tuple((f"{row.rating:g}", count(row.attempts), figure_cell(row.score)) for row in found.ratings),
    )
    if not rows:
        tables = (table,) if found.ratings else ()
        return Card(heading, "No attempt has both a rating and a score.", synthetic, tables=tables)
    reading = _correlation_words(
        each, "higher ratings", "transcripts that are more harmless", "transcripts that are more harmful"
    )
    named = caption("rating", heading, reading, synthetic=synthetic)
    picture = draw_ratings(rows, named, unit="mean least harmlessness")
    return Card(heading, reading, synthetic, picture, tables=(table,))


def _correlation_words(each: Relation, first: str, if_rising: str, if_falling: str) -> str:
    """One sentence that claims no more than the interval does.

    Args:
        each: the relation.
        first: what has more of the first quantity, in words; of two harmlessness scores less of it.
        if_rising, if_falling: what such attempts go with, where the correlation is positive, or negative.
    """
    figure = each.correlation
    told = f"Rank correlation {figure_cell(figure)}"
    if figure.value is None:
        return f"{told}."
    if figure.low is None or figure.high is None or figure.low <= 0 <= figure.high:
        return f"{told}: whether the two go together is not shown."
    return f"{told}: {first} go with {if_rising if figure.value > 0 else if_falling}."


def fate_word(fate: bool | None) -> str:
    """Whether an attempt succeeded, in a cell."""
    return {True: "yes", False: "no", None: "nobody says"}[fate]


def _sample_note(each: Relation) -> str | None:
    if len(each.points) == each.n:
        return None
    return f"A sample of {count(len(each.points))} of {count(each.n)} attempts is drawn; the correlation is of all."


def _listed_note(drawn: int) -> tuple[str, ...]:
    return (f"{count(drawn - _POINTS_LISTED)} more are drawn and not listed.",) if drawn > _POINTS_LISTED else ()


# --- the map ---


def map_card(found: RedTeamAnalysis, *, synthetic: bool) -> Card:
    """Where attempts stand by what is said in them."""
    heading, each = "A map of the transcripts", found.map
    if each.why_missing:
        return Card(heading, f"There is no map: {each.why_missing}.", synthetic)
    fates = [found.success.flags[place] for place in each.places]
    reading = f"{capitalised(plural(len(each.places), 'attempt'))}: those whose words are alike stand near each other."
    if each.clusters:
        largest = each.clusters[0]
        reading += f" The largest of {len(each.clusters)} clusters, “{_cluster_name(0, largest.name)}”, holds {count(largest.attempts)}."
    if each.why_no_clusters:
        reading += f" No clusters are marked: {each.why_no_clusters}."
    names = [MapName(_cluster_name(at, cluster.name), *cluster.centre) for at, cluster in enumerate(each.clusters)]
    named = caption("map", heading, reading, synthetic=synthetic)
    picture = draw_map(Points(each.across, each.down, fates), names, named)
    note = "Distances within a cluster mean something, those between clusters little, the axes nothing."
    if each.clusters:
        note += " Clusters are named by words that weigh most in them and that several attempts share; they may offend."
    if len(each.places) < each.of:
        note += f" {capitalised(plural(len(each.places), 'attempt'))} of {count(each.of)} are drawn, a sample."
    return Card(heading, reading, synthetic, picture, tables=_map_tables(found), note=note, wide=True)


def _map_tables(found: RedTeamAnalysis) -> tuple[Table, ...]:
    each = found.map
    clusters = Table(
        "Clusters of the map",
        columns("Cluster", "Attempts#", "Share that succeeded"),
        tuple(
            (_cluster_name(at, cluster.name), count(cluster.attempts), figure_cell(cluster.success))
            for at, cluster in enumerate(each.clusters)
        ),
    )
    places = Table(
        "Attempts on the map",
        columns("Attempt", "Cluster", "Across#", "Down#", "Succeeded"),
        tuple(
            (
                found.ids[place],
                _cluster_name(each.cluster_of[at], each.clusters[each.cluster_of[at]].name)
                if each.clusters
                else "none",
                number(each.across[at], 2),
                number(each.down[at], 2),
                fate_word(found.success.flags[place]),
            )
            for at, place in enumerate(each.places[:_POINTS_LISTED])
        ),
        notes=_listed_note(len(each.places)),
    )
    return (clusters, places) if each.clusters else (places,)


def _cluster_name(at: int, name: str | None) -> str:
    return name or f"cluster {at + 1}"
