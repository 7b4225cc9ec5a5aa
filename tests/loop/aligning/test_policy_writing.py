"""What a policy's description says of where it came from."""

from types import SimpleNamespace

from plumbline.lineage import ALL_USES, Terms, Use
from plumbline.loop.aligning.policy_training import Origin
from plumbline.loop.aligning.policy_writing import terms_of_policy

FREE, STRICT = Terms(ALL_USES, "MIT"), Terms(frozenset({Use.ANALYSIS}), "CC-BY-NC-4.0")


def test_terms_are_the_strictest_of_rows_judges_and_the_policy_it_was_trained_from():
    def found(rows, origin, judge):
        """Terms of a policy of those."""
        judged = SimpleNamespace(description=SimpleNamespace(permitted=judge))
        return terms_of_policy([SimpleNamespace(terms=rows)], Origin("a policy", terms=origin), [judged])

    for three in ((STRICT, FREE, FREE), (FREE, STRICT, FREE), (FREE, FREE, STRICT), (STRICT, None, FREE)):
        assert (found(*three).uses, "CC-BY-NC-4.0" in found(*three).licence) == (STRICT.uses, True)
    assert found(FREE, None, FREE).uses == FREE.uses
