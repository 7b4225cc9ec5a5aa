"""What a policy's description says of where it came from."""

from types import SimpleNamespace

from plumbline.formats import Loaded
from plumbline.lineage import ALL_USES, Fault, Finding, Terms, Use
from plumbline.loop.aligning.policy_training import NOTHING, Origin
from plumbline.loop.aligning.policy_writing import policy_manifest, terms_of_policy

FREE, STRICT = Terms(ALL_USES, "MIT"), Terms(frozenset({Use.ANALYSIS}), "CC-BY-NC-4.0")


def test_terms_are_the_strictest_of_rows_judges_and_the_policy_it_was_trained_from():
    def found(rows, origin, judge):
        """Terms of a policy of those."""
        judged = SimpleNamespace(description=SimpleNamespace(permitted=judge))
        return terms_of_policy([SimpleNamespace(terms=rows)], Origin("a policy", terms=origin), [judged])

    for three in ((STRICT, FREE, FREE), (FREE, STRICT, FREE), (FREE, FREE, STRICT), (STRICT, None, FREE)):
        assert (found(*three).uses, "CC-BY-NC-4.0" in found(*three).licence) == (STRICT.uses, True)
    assert found(FREE, None, FREE).uses == FREE.uses


def test_what_a_manifest_counts_is_of_all_sources():
    """Of the prompts, and of other texts that keep a policy from forgetting."""

    def read(name, rows_read):
        """A source with a row that could not be read, and one that looks wrong."""
        faults = [Fault("PL-JSON-001", name, 0, "no JSON")]
        return Loaded({}, faults, [Finding("PL-CHK-001", name, 1, None, "empty")], rows_read, [], {}, FREE)

    sources = [read("prompts", 5), read("texts", 7)]
    manifest = policy_manifest(sources, NOTHING, [], FREE, {}, command=[], seed=0, overridden=False, seconds=1.0)
    assert (manifest.rows_read, manifest.quarantined, manifest.findings) == (
        12,
        {"PL-JSON-001": 2},
        {"PL-CHK-001": 2},
    )
