"""What attempts tell as plain values: every figure of the page, without the places of its points."""

from __future__ import annotations

from typing import Any

from plumbline.measure import Figure
from plumbline.redteam.analysis import RedTeamAnalysis
from plumbline.redteam.by_model import QUANTILES, ModelFigures
from plumbline.redteam.families import Families
from plumbline.redteam.reviewers import Agreement

Json = dict[str, Any]


def analysis_json(found: RedTeamAnalysis, *, scorers: int = 1) -> Json:
    """As ``plumbline redteam report --json`` prints it; workers are named by pseudonyms, attempts are not named.

    Args:
        found: what was measured.
        scorers: models that the scores are by; of several there is no figure of scores, for these do not compare.
    """
    why_not = f"the scores are by {scorers} models and do not compare" if scorers > 1 else None

    def of_scores(figure: Figure) -> Json:
        """A figure of scores, if they compare."""
        return (Figure.undefined(figure.n, why_not) if why_not else figure).to_json()

    def of_model(model: ModelFigures) -> Json:
        """One model attacked."""
        quantiles = () if why_not else model.scores.quantiles
        return {
            "type": model.type,
            "size": model.size,
            "attempts": model.attempts,
            "success_rate": model.success.to_json(),
            "least_harmlessness": of_scores(model.scores.mean),
            "quantiles": {f"{share:g}": value for share, value in zip(QUANTILES, quantiles, strict=False)},
        }

    return {
        "attempts": found.attempts,
        "scored": found.scored,
        "described": found.described,
        "rated": found.rated,
        "success_by": found.success.by.value,
        "success_rates": {by.value: figure.to_json() for by, figure in found.success.rates.items()},
        "all_models": of_model(found.models.everything),
        "models": [of_model(each) for each in found.models.models],
        "description_against_transcript": of_scores(found.description.correlation),
        "rating_against_transcript": of_scores(found.rating.correlation),
        "ratings": [
            {"rating": each.rating, "attempts": each.attempts, "least_harmlessness": of_scores(each.score)}
            for each in found.ratings
        ],
        "tags": _tags(found),
        "reviewers": _reviewers(found),
        "workers": _workers(found),
        "near_duplicates": _families(found.near_duplicates),
        "moulds": _families(found.moulds),
        "clusters": [
            {"name": each.name, "attempts": each.attempts, "success_rate": each.success.to_json()}
            for each in found.map.clusters
        ],
    }


def _tags(found: RedTeamAnalysis) -> Json:
    return {
        "tagged": found.tags.tagged,
        "tags": [
            {
                "tag": each.tag,
                "attempts": each.attempts,
                "share": each.share.to_json(),
                "success_rate": each.success.to_json(),
            }
            for each in found.tags.tags
        ],
        "together": {"tags": list(found.tags.together), "attempts": [list(row) for row in found.tags.counts]},
    }


def _reviewers(found: RedTeamAnalysis) -> Json:
    reviewers = found.reviewers
    return {
        "reviewed": reviewers.reviewed,
        "reviews": reviewers.reviews,
        "reviewers": reviewers.reviewers,
        "among_themselves": _agreement(reviewers.among_themselves),
        "with_attackers": _agreement(reviewers.with_attackers),
    }


def _agreement(agreement: Agreement) -> Json:
    return {name: figure.to_json() for name, figure in vars(agreement).items()}


def _workers(found: RedTeamAnalysis) -> Json:
    workers = found.workers
    return {
        "workers": workers.workers,
        "unknown": workers.unknown,
        "half": workers.half,
        "busiest": [
            {"worker": each.worker, "attempts": each.attempts, "success_rate": each.success.to_json()}
            for each in workers.busiest
        ],
    }


def _families(families: Families) -> Json:
    return {
        "threshold": families.threshold,
        "families": families.families,
        "attempts": families.attempts,
        "of": families.of,
        "sizes": {str(size): count for size, count in families.sizes.items()},
    }
