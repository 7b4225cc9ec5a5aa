"""What people put together themselves: TF-IDF and logistic regression of scikit-learn behind FastAPI.

    python -m benchmarks.peers.serve --data ../shared/data --port N

Trained on the same rows as ours, words and pairs of words of question and answer, and read as ours are: an answer without its
question. The endpoint is as FastAPI's documentation shows it, asynchronous, which is the quicker of its two ways here.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from pydantic import BaseModel


class Asked(BaseModel):
    """A request."""

    input: str | list[str]


def fitted(data: Path, features: str) -> object:
    """The peer's model, from the rows that ours is trained on."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    import plumbline
    from plumbline.models.rows.training_rows import label_rows

    rows = label_rows(plumbline.load(str(data / "beavertails"), split="train").safety_labels, place="beavertails")
    analyzer = {"words": ("word", (1, 2)), "characters": ("char", (4, 4))}[features]
    vectorizer = TfidfVectorizer(analyzer=analyzer[0], ngram_range=analyzer[1])
    texts = [
        f"{asked}{said}"
        for asked, said in zip(rows.replies.prompts.to_pylist(), rows.replies.texts.to_pylist(), strict=True)
    ]
    return make_pipeline(vectorizer, LogisticRegression(C=10, max_iter=1000)).fit(texts, rows.is_unsafe)


def make_app(data: Path, features: str) -> object:
    """The service."""
    from fastapi import FastAPI

    model = fitted(data, features)
    app = FastAPI()

    @app.post("/v1/moderations")
    async def moderations(asked: Asked) -> dict[str, object]:
        texts = [asked.input] if isinstance(asked.input, str) else asked.input
        chances = np.asarray(model.predict_proba(texts))[:, 1].tolist()  # type: ignore[attr-defined]  # a pipeline
        results = [
            {"flagged": chance >= 0.5, "categories": {"unsafe": chance >= 0.5}, "category_scores": {"unsafe": chance}}
            for chance in chances
        ]
        return {"id": "modr-peer", "model": "tf-idf", "results": results}

    return app


def main() -> None:
    """Serve until told to end."""
    import uvicorn

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--features", choices=["words", "characters"], default="words")
    asked = parser.parse_args()
    uvicorn.run(make_app(asked.data, asked.features), port=asked.port, access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
