"""Rows of every format that is written, made up, and folders of them in hub layout."""

import gzip
import json

from plumbline.records import BEAVERTAILS_14, Kind


def pair(number, *, extra=""):
    opening = f"\n\nHuman: Question {number}?\n\nAssistant: "
    return {"chosen": f"{opening}Good {number}{extra}", "rejected": f"{opening}Bad {number}"}


def attempt(number):
    return {
        "transcript": f"\n\nHuman: Do {number}\n\nAssistant: No",
        "min_harmlessness_score_transcript": -0.5 * number,
        "num_params": "52B",
        "model_type": "rlhf",
        "rating": 1.0,
        "task_description": "a task",
        "task_descripton_harmlessness_score": 0.25,
        "red_team_member_id": number,
        "is_upworker": False,
        "tags": None if number else ["a tag"],
    }


def label(number):
    return {
        "prompt": f"Question {number}?",
        "response": f"Answer {number}",
        "category": {name: number == place for place, name in enumerate(BEAVERTAILS_14)},
        "is_safe": number > 13,
    }


def preference(number):
    return {
        "prompt": f"Question {number}?",
        "response_0": f"One {number}",
        "response_1": f"Other {number}",
        "is_response_0_safe": True,
        "is_response_1_safe": False,
        "better_response_id": number % 2,
        "safer_response_id": 0,
    }


def judged(number):
    return {
        "idx": number,
        "motivation_app": "an app",
        "cmp_key": "bloom-7b_llama-7b",
        "instruction": f"Instruct {number}",
        "input": "",
        "response1": f"One {number}",
        "response2": f"Other {number}",
        "annotator1": 0,
        "annotator2": 1,
        "annotator3": number % 3,
    }


def messages(number):
    return {
        "prompt": [{"role": "user", "content": f"Question {number}?"}],
        "chosen": [{"role": "assistant", "content": f"Good {number}"}],
        "rejected": [{"role": "assistant", "content": f"Bad {number}"}],
    }


def text(number):
    return {"prompt": f"Question {number}?", "chosen": f"Good {number}", "rejected": f"Bad {number}"}


def unjudged(number):
    return {"prompt": f"Question {number}?", "response_0": f"One {number}", "response_1": f"Other {number}"}


LINES = {
    "hh-rlhf": ("harmless-base", pair, Kind.COMPARISONS),
    "red-team": ("attempts", attempt, Kind.RED_TEAM_ATTEMPTS),
    "beavertails": ("labels", label, Kind.SAFETY_LABELS),
    "pku-saferlhf": ("preferences", preference, Kind.SAFETY_LABELS),
    "pandalm": ("judged", judged, Kind.COMPARISONS),
    "trl": ("pairs", messages, Kind.COMPARISONS),
    "trl-text": ("pairs", text, Kind.COMPARISONS),
    "pairs": ("unjudged", unjudged, Kind.COMPARISONS),
}


def source(folder, name, counts=(("train", 5), ("test", 2))):
    """A folder in hub layout with one subset."""
    subset, make, _ = LINES[name]
    for split, count in counts:
        path = folder / subset / f"{split}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(json.dumps(make(n)).encode() + b"\n" for n in range(count)))
    return folder


def unzipped(folder):
    return {
        path.relative_to(folder).as_posix().removesuffix(".gz"): gzip.decompress(path.read_bytes())
        for path in folder.rglob("*.jsonl.gz")
    }
