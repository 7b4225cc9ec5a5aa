"""crowd-kit on the judgements that `benchmarks.aggregation` wrote; run by an interpreter that has it.

    PYTHON benchmarks/peers/aggregation.py JUDGEMENTS.npz

It is no dependency of the project (it brings transformers, nltk, pandas and scikit-learn), so it is given an environment of
its own: pip install crowd-kit==1.4.2. Prints one line of JSON.
"""

import json
import sys
import time

import numpy as np
import pandas as pd
from crowdkit.aggregation import DawidSkene, NoisyBradleyTerry
from scipy.optimize import approx_fprime


def dawid_skene(items, workers, labels):
    """Seconds, steps, and the posteriors, columns in order of label."""
    table = pd.DataFrame({"task": items, "worker": workers, "label": labels})
    began = time.perf_counter()
    model = DawidSkene(n_iter=1000, tol=1e-9)
    chances = model.fit_predict_proba(table).sort_index()
    return time.perf_counter() - began, len(model.loss_history_), chances[sorted(chances.columns)].to_numpy()


def noisy_bradley_terry(first, second, workers, first_wins):
    """Seconds, scores by item, skills by worker, and how far its gradient is from the slope of its likelihood."""
    table = pd.DataFrame(
        {"worker": workers, "left": first, "right": second, "label": np.where(first_wins, first, second)}
    )
    model = NoisyBradleyTerry(n_iter=1000, tol=1e-9)
    began = time.perf_counter()
    scores = model.fit_predict(table)
    seconds = time.perf_counter() - began
    rng = np.random.default_rng(0)
    rows = np.array([[1, 2, 1], [2, 3, 3], [1, 3, 1], [2, 1, 2]])
    at, who = rng.normal(size=1 + 3 + 2 * 2), np.array([0, 1, 1, 0])
    told = model._compute_gradient(at, rows, who, 3, 2, 0.0)
    slope = approx_fprime(at, lambda x: model._compute_log_likelihood(x, rows, who, 3, 2, 0.0), 1e-6)
    return seconds, scores.sort_index(), model.skills_.sort_index(), float(np.abs(told - slope).max())


def main():
    """Read, fit, print."""
    data = np.load(sys.argv[1])
    seconds, steps, chances = dawid_skene(data["items"], data["workers"], data["labels"])
    tiled_seconds, tiled_steps, _ = dawid_skene(data["tiled_items"], data["tiled_workers"], data["tiled_labels"])
    bt_seconds, scores, skills, gradient = noisy_bradley_terry(
        data["first"], data["second"], data["decided_workers"], data["first_wins"]
    )
    print(
        json.dumps(
            {
                "dawid_skene_seconds": seconds,
                "dawid_skene_tiled_seconds": tiled_seconds,
                "dawid_skene_steps": steps,
                "dawid_skene_tiled_steps": tiled_steps,
                "posteriors": chances.tolist(),
                "noisy_bt_seconds": bt_seconds,
                "scores": scores.tolist(),
                "score_items": [int(item) for item in scores.index],
                "skills": skills.tolist(),
                "gradient_error": gradient,
            }
        )
    )


if __name__ == "__main__":
    main()
