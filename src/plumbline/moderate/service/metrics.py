"""What the service counts, in Prometheus' words. No label holds anything that a client can make up."""

from __future__ import annotations

from collections import Counter as CountedBy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from plumbline.moderate.batching import Load

CONTENT_TYPE = CONTENT_TYPE_LATEST.encode()
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_LOADS = {
    "characters": (GaugeMetricFamily, "waiting_characters", "Characters of requests that are not answered yet."),
    "batches": (CounterMetricFamily, "batches", "Batches judged since the start."),
    "turns": (CounterMetricFamily, "turns", "Texts judged since the start."),
    "refused": (CounterMetricFamily, "refused_requests", "Requests refused because too much waited."),
}
"""Attribute of `Load` → whether it only grows, its name and what it means."""


class _Loads(Collector):
    """What queues count themselves, read when Prometheus asks."""

    def __init__(self) -> None:
        self.watched: dict[str, Load] = {}

    def collect(self) -> Iterable[Metric]:
        """See `Collector`."""
        for attribute, (family, name, told) in _LOADS.items():
            metric = family(f"plumbline_{name}", told, labels=("model",))
            for model, load in self.watched.items():
                metric.add_metric((model,), getattr(load, attribute))
            yield metric


class Metrics:
    """Counters of one service, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "plumbline_requests", "Requests answered.", ("route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "plumbline_request_seconds",
            "Seconds from a request's head to the end of its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._rows = Counter(
            "plumbline_rows",
            "Rows by what was decided: flagged, controversial, passed, unjudged.",
            ("model", "decision"),
            registry=self._registry,
        )
        self._reloads = Counter(
            "plumbline_file_reloads",
            "Times that files (policies, keys) were read again.",
            ("files", "outcome"),
            registry=self._registry,
        )
        # Looking labels up costs more than counting.
        self._known: dict[tuple[str, int], tuple[Any, Any]] = {}
        self._decisions: dict[tuple[str, str], Any] = {}
        self._loads = _Loads()
        self._registry.register(self._loads)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """A request was answered."""
        if (route, status) not in self._known:
            self._known[route, status] = (self._requests.labels(route, str(status)), self._seconds.labels(route))
        count, histogram = self._known[route, status]
        count.inc()
        histogram.observe(seconds)

    def decided(self, model: str, results: Sequence[Mapping[str, Any]]) -> None:
        """Rows were judged, or could not be."""
        for decision, count in CountedBy(map(_decision, results)).items():
            if (model, decision) not in self._decisions:
                self._decisions[model, decision] = self._rows.labels(model, decision)
            self._decisions[model, decision].inc(count)

    def reloaded(self, files: str, outcome: str) -> None:
        """Files (``policies``, ``keys``) were read again: ``changed`` or ``refused``."""
        self._reloads.labels(files, outcome).inc()

    def watch(self, model: str, load: Load) -> None:
        """Shows a model's load."""
        self._loads.watched[model] = load

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self._registry)


def _decision(result: Mapping[str, Any]) -> str:
    if result["error"] is not None:
        return "unjudged"
    if result["flagged"]:
        return "flagged"
    return "controversial" if result["controversial"] else "passed"
