"""Small hh-rlhf sources that several modules' tests write."""

import json

GOOD = {"chosen": "\n\nHuman: Hello\n\nAssistant: Good day", "rejected": "\n\nHuman: Hello\n\nAssistant: Go away"}


def lines(count: int = 1) -> bytes:
    return b"".join(json.dumps({k: f"{v} {i}" for k, v in GOOD.items()}).encode() + b"\n" for i in range(count))


def put(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
