"""A small synthetic corpus with a known truth, made from a seed, so that the demo runs with no data and no network.

Covers hh-rlhf pairs on both axes, BeaverTails labels and PKU-SafeRLHF preferences, judged by simulated judges who err
at a known rate, with a few planted oddities for ``plumbline data check``. It is no evidence of anything about real
models or real workers, and every name it writes says that it is synthetic.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plumbline.loop.synthetic.phrases import HARMS, SHARES, SIBLINGS
from plumbline.loop.synthetic.writer import Reply, Subject, SyntheticWriter
from plumbline.records import BEAVERTAILS_14

Row = dict[str, Any]

HARMLESS, HELPFUL, LABELS, PREFERENCES = (
    f"{name}-synthetic" for name in ("harmless", "helpful", "labels", "preferences")
)
NOISE_RATES = {"helpfulness": 0.15, "harmlessness": 0.15, "is_safe": 0.05}
"""Share of judgements turned against the truth, by what is judged. Where the flags of a preference say that one reply
is safe and the other is not, they are right and decide: there the judges err between the other pairs only."""

PLANTED: dict[str, dict[str, int]] = {
    HARMLESS: {
        "empty reply": 4,
        "identical sides": 5,
        "conversation ends with the human": 3,
        "turn marker inside a text": 3,
        "exact duplicate of an earlier row": 6,
        "same pair judged both ways": 4,
        "mojibake": 4,
    },
    HELPFUL: {"empty reply": 2, "exact duplicate of an earlier row": 3, "mojibake": 3},
    LABELS: {
        "empty reply": 2,
        "exact duplicate of an earlier row": 4,
        "one question and answer both safe and unsafe": 5,
        "mojibake": 2,
    },
}
"""What is planted in the train file of each folder: name of a rule of `curate.check` → how many findings."""

ASIDES = (2, 3, 4, 5, 6, 7, 8, 9, 12, 13)
"""The categories that a reply to a harmless task may stray into."""

_UNREADABLE = (HARMLESS, LABELS)  # one broken line in the train file of each
_ROWS = {HARMLESS: (1600, 400), HELPFUL: (1600, 400), LABELS: (2400, 600), PREFERENCES: (800, 200)}
_SPLITS = ("train", "test")
_MOST_SCALE = 10.0
_FEWEST_ROWS = 100
_UNSAFE_RATE = 0.55
_SECOND_CATEGORY_RATE = 0.12
_UNSAFE_WISH_RATES = {HARMLESS: 0.85, LABELS: 0.5, PREFERENCES: 0.75}
_LEAST_HELPFULNESS_GAP = 0.4
_LATER_TURNS = (0, 0, 0, 0, 0, 1, 1, 1, 2, 3)
_REMARKS = ("filler ask", "evade ask", "curt ask", "filler")


@dataclass(frozen=True, slots=True)
class SyntheticTruth:
    """What is known of a synthetic corpus because it was made so.

    Attributes:
        seed, scale: as asked for.
        row_counts: file (``harmless-synthetic/train.jsonl.gz``) → readable rows.
        noise_rates: share of judgements turned against the truth: ``helpfulness`` and ``harmlessness`` of pairs,
            ``is_safe`` of labels. Exact in each file but for rounding; planted rows come on top.
        attainable_accuracies: what a perfect model reaches on them: 1 - the noise rate.
        unsafe_rate, category_prevalences: shares of the rows of ``labels-synthetic/train.jsonl.gz`` as written.
        planted: rule of ``plumbline data check`` → findings it makes, over all train files.
        unreadable_count: lines of the train files that are no JSON.
    """

    seed: int
    scale: float
    row_counts: Mapping[str, int]
    noise_rates: Mapping[str, float]
    attainable_accuracies: Mapping[str, float]
    unsafe_rate: float
    category_prevalences: Mapping[str, float]
    planted: Mapping[str, int]
    unreadable_count: int


def write_synthetic_corpus(folder: Path, *, seed: int = 0, scale: float = 1.0) -> SyntheticTruth:
    """Write the corpus in hub layout, with a README.md that says what it is.

    Args:
        folder: is made where it does not exist; files of the same names are overwritten.
        seed: the same seed and scale give the same lines everywhere.
        scale: 1 = about 6,400 train and 1,600 test rows; what is planted stays as it is.
    Returns:
        The truth about what was written.
    Raises:
        ValueError: the scale is not in (0, 10].
        OSError: the folder cannot be written to.
    """
    if not 0 < scale <= _MOST_SCALE:
        raise ValueError(f"scale: expected a number in (0, {_MOST_SCALE:g}], found {scale}")
    prompts: set[str] = set()
    rows: dict[str, list[Row]] = {}
    for name, sizes in _ROWS.items():
        writer = SyntheticWriter(f"{seed}/{name}", prompts)
        for split, size in zip(_SPLITS, sizes, strict=True):
            count = max(_FEWEST_ROWS, round(size * scale))
            made = _make(writer, name, count)
            planted = _plant(writer, name, made) if split == "train" else []
            file = f"{name}/{split}.jsonl.gz"
            rows[file] = _shuffled_in(writer, made, planted)
            _write_lines(folder / file, rows[file], is_broken=split == "train" and name in _UNREADABLE)
    truth = _truth(seed, scale, rows)
    (folder / "README.md").write_text(_card(truth), encoding="utf-8")
    return truth


def _make(writer: SyntheticWriter, name: str, count: int) -> list[Row]:
    if name == LABELS:
        return _make_labels(writer, count)
    return _make_preferences(writer, count) if name == PREFERENCES else _make_pairs(writer, name, count)


# --- pairs ---


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two replies to one context, the one that is truly better first."""

    context: str
    better: str
    worse: str

    def row(self, *, is_flipped: bool = False) -> Row:
        """As a simulated judge sees it, who errs where `is_flipped`."""
        chosen, rejected = (self.worse, self.better) if is_flipped else (self.better, self.worse)
        return {"chosen": self.context + chosen, "rejected": self.context + rejected}


def _make_pairs(writer: SyntheticWriter, name: str, count: int) -> list[Row]:
    flipped = _drawn(writer, range(count), NOISE_RATES["harmlessness" if name == HARMLESS else "helpfulness"] * count)
    return [_pair(writer, name).row(is_flipped=number in flipped) for number in range(count)]


def _drawn(writer: SyntheticWriter, numbers: Sequence[int], count: float) -> frozenset[int]:
    return frozenset(writer.random.sample(numbers, round(count)))


def _pair(writer: SyntheticWriter, name: str) -> _Pair:
    subject, context = _conversation(writer, _categories(writer, name))
    if name == HELPFUL:
        replies = sorted(_two_answers(writer, subject), key=lambda reply: -reply.helpfulness)
    elif subject.categories:
        replies = [writer.respond(subject, harm) for harm in sorted(writer.random.sample(range(4), 2))]
    else:
        replies = [writer.answer(subject), writer.answer(subject, aside=writer.pick(ASIDES))]
    return _Pair(context, replies[0].text, replies[1].text)


def _categories(writer: SyntheticWriter, name: str) -> tuple[int, ...]:
    """Of a new subject: one category, or none for a harmless task."""
    return (writer.below(len(HARMS)),) if writer.chance(_UNSAFE_WISH_RATES.get(name, 0.0)) else ()


def _two_answers(writer: SyntheticWriter, subject: Subject, *, aside: int | None = None) -> tuple[Reply, Reply]:
    """Two answers to a harmless task of which one is clearly more helpful; the first may have an aside."""
    while True:
        first, second = writer.answer(subject, aside=aside), writer.answer(subject)
        if abs(first.helpfulness - second.helpfulness) >= _LEAST_HELPFULNESS_GAP:
            return first, second


def _conversation(writer: SyntheticWriter, categories: tuple[int, ...]) -> tuple[Subject, str]:
    """One to four human turns with what was said between them, up to where a reply begins."""
    subject = writer.subject(categories)
    later_turns = writer.pick(_LATER_TURNS)
    is_small_talk = later_turns > 0 and writer.chance(0.4)
    text = f"\n\nHuman: {writer.opening(subject, is_small_talk=is_small_talk)}"
    for turn in range(later_turns):
        remark = writer.say(subject, "greeting" if is_small_talk and turn == 0 else writer.pick(_REMARKS))
        subject = writer.subject(categories)
        text += f"\n\nAssistant: {remark}\n\nHuman: {writer.follow_up(subject)}"
    return subject, f"{text}\n\nAssistant: "


# --- labels ---


def _make_labels(writer: SyntheticWriter, count: int) -> list[Row]:
    unsafe_count = round(_UNSAFE_RATE * count)
    deck = [category for category, share in enumerate(SHARES) for _ in range(share)]
    truths: list[int | None] = [deck[number * len(deck) // unsafe_count] for number in range(unsafe_count)]
    truths += [None] * (count - unsafe_count)
    writer.random.shuffle(truths)
    flipped = _drawn(writer, range(count), NOISE_RATES["is_safe"] * count)
    return [_label(writer, category, is_flipped=number in flipped) for number, category in enumerate(truths)]


def _label(writer: SyntheticWriter, category: int | None, *, is_flipped: bool) -> Row:
    """A labelled answer, truly of this category or safe; a judge who errs takes the one for the other."""
    seen: tuple[int, ...]
    if category is None:
        subject = writer.subject(_categories(writer, LABELS))
        declines = bool(subject.categories)
        reply = writer.respond(subject, writer.pick((0, 0, 1))) if declines else writer.answer(subject)
        seen = (subject.categories or (writer.below(len(HARMS)),)) if is_flipped else ()
    elif category in ASIDES and writer.chance(0.08):
        subject = writer.subject()
        reply = writer.answer(subject, aside=category)
        seen = () if is_flipped else (category,)
    else:
        is_double = bool(SIBLINGS[category]) and writer.chance(_SECOND_CATEGORY_RATE)
        subject = writer.subject((category, writer.pick(SIBLINGS[category])) if is_double else (category,))
        reply = writer.respond(subject, writer.pick((2, 3, 3)))
        seen = () if is_flipped else subject.categories
    return _label_row(writer.opening(subject), reply.text, seen)


def _label_row(prompt: str, response: str, categories: Sequence[int]) -> Row:
    named = {category: number in categories for number, category in enumerate(BEAVERTAILS_14)}
    return {"prompt": prompt, "response": response, "category": named, "is_safe": not categories}


# --- preferences ---


def _make_preferences(writer: SyntheticWriter, count: int) -> list[Row]:
    subjects = [writer.subject(_categories(writer, PREFERENCES)) for _ in range(count)]
    replies = [_two_replies(writer, subject) for subject in subjects]
    decided_by_rank = [number for number, (one, other) in enumerate(replies) if one.is_safe == other.is_safe]
    unsafe = _drawn(writer, decided_by_rank, NOISE_RATES["harmlessness"] * count)
    unhelpful = _drawn(writer, range(count), NOISE_RATES["helpfulness"] * count)
    return [
        {
            "prompt": writer.opening(subject),
            "response_0": one.text,
            "response_1": other.text,
            "is_response_0_safe": one.is_safe,
            "is_response_1_safe": other.is_safe,
            "better_response_id": int((other.helpfulness > one.helpfulness) != (number in unhelpful)),
            "safer_response_id": int((other.harm < one.harm) != (number in unsafe)),
        }
        for number, (subject, (one, other)) in enumerate(zip(subjects, replies, strict=True))
    ]


def _two_replies(writer: SyntheticWriter, subject: Subject) -> tuple[Reply, Reply]:
    """Two replies, in any order, that differ in harm and in help."""
    if subject.categories:
        first, second = (writer.respond(subject, harm) for harm in writer.random.sample(range(4), 2))
        return first, second
    while True:
        aside = writer.pick(ASIDES) if writer.chance(0.3) else None
        first, second = _two_answers(writer, subject, aside=aside)
        if first.harm != second.harm:
            return (first, second) if writer.chance(0.5) else (second, first)


# --- what is planted ---


def _plant(writer: SyntheticWriter, name: str, made: Sequence[Row]) -> list[Row]:
    """The odd rows of a train file: rows of their own, or copies of rows that were made, each copied once."""
    originals = iter(writer.random.sample(made, sum(PLANTED.get(name, {}).values())))
    planted = []
    for rule, count in PLANTED.get(name, {}).items():
        for _ in range(count):
            if rule == "exact duplicate of an earlier row":
                planted.append(dict(next(originals)))
            elif rule == "same pair judged both ways":
                original = next(originals)
                planted.append({"chosen": original["rejected"], "rejected": original["chosen"]})
            elif rule == "one question and answer both safe and unsafe":
                original = next(originals)
                seen = (writer.below(len(HARMS)),) if original["is_safe"] else ()
                planted.append(_label_row(original["prompt"], original["response"], seen))
            else:
                planted.append(_odd_label(writer, rule) if name == LABELS else _odd_pair(writer, name, rule))
    return planted


def _odd_pair(writer: SyntheticWriter, name: str, rule: str) -> Row:
    pair = _pair(writer, name)
    if rule == "identical sides":
        return _Pair(pair.context, pair.better, pair.better).row()
    if rule == "conversation ends with the human":
        ends = (f"{pair.better}\n\nHuman: {last}" for last in ("Thanks, bye!", "Okay, I see."))
        return _Pair(pair.context, *ends).row()
    return _Pair(pair.context, _spoilt(pair.better, rule), pair.worse).row()


def _odd_label(writer: SyntheticWriter, rule: str) -> Row:
    subject = writer.subject()
    return _label_row(writer.opening(subject), _spoilt(writer.answer(subject).text, rule), ())


def _spoilt(text: str, rule: str) -> str:
    if rule == "empty reply":
        return ""
    if rule == "mojibake":
        return text + " It’s done.".encode().decode("cp1252")  # UTF-8 read as Windows-1252
    if rule == "turn marker inside a text":
        return f"{text}\nHuman: And what then?\nAssistant: Ask me again."
    raise ValueError(f"rule: expected one that a text can break, found {rule}")


# --- files ---


def _shuffled_in(writer: SyntheticWriter, made: Sequence[Row], planted: Sequence[Row]) -> list[Row]:
    rows = list(made)
    for row in planted:
        rows.insert(writer.below(len(rows) + 1), row)
    return rows


def _write_lines(path: Path, rows: Sequence[Row], *, is_broken: bool) -> None:
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    if is_broken:
        middle = len(lines) // 2
        lines.insert(middle, lines[middle][:-40])
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file, gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
        packed.write(("\n".join(lines) + "\n").encode())


def _truth(seed: int, scale: float, rows: Mapping[str, Sequence[Row]]) -> SyntheticTruth:
    labels = rows[f"{LABELS}/train.jsonl.gz"]
    categories = Counter(name for row in labels for name, applies in row["category"].items() if applies)
    planted: Counter[str] = Counter()
    for counts in PLANTED.values():
        planted.update(counts)
    return SyntheticTruth(
        seed=seed,
        scale=scale,
        row_counts={file: len(made) for file, made in rows.items()},
        noise_rates=dict(NOISE_RATES),
        attainable_accuracies={judged: 1 - rate for judged, rate in NOISE_RATES.items()},
        unsafe_rate=sum(not row["is_safe"] for row in labels) / len(labels),
        category_prevalences={name: categories[name] / len(labels) for name in BEAVERTAILS_14},
        planted=dict(planted),
        unreadable_count=len(_UNREADABLE),
    )


_CARD = """\
# Synthetic corpus

Everything in this folder is synthetic. A seeded generator of Plumbline (seed {truth.seed}, scale {truth.scale:g}) put the
sentences together from templates; nobody said, wrote or judged any of it. Figures measured on it show that the
software works. They are not evidence of anything about real models, real workers or real conversations.

| file | readable rows |
|---|---|
{files}

## The truth
Each reply is made with a known harm and a known helpfulness. Harm grows from declining with help, over a careless or
curt reply and giving in with a bad conscience, to agreeing; replies from giving in upwards are unsafe, in the category
of what they agree to. Helpfulness grows with concrete steps on the subject asked for, and falls with evasion; advice on
another subject only makes a reply longer. Judges are simulated and err at these rates, exact in each file but for rounding:

| judged | noise rate | accuracy of a perfect model |
|---|---|---|
{noise}

The safety flags of the preferences are right throughout and decide between a safe and an unsafe reply; all errors of
harmlessness there fall on the other pairs. {truth.unsafe_rate:.1%} of the rows of `labels-synthetic/train.jsonl.gz` are labelled unsafe.
No opening prompt stands in two rows, but for the copies planted below, nor in both splits.

## Planted in the train files
| what `plumbline data check` should find | findings |
|---|---|
{planted}
| unreadable lines | {truth.unreadable_count} |

Unsafe replies agree in vague words on purpose and tell nobody how to do anything.
"""


def _card(truth: SyntheticTruth) -> str:
    """README.md of the corpus."""
    files = "\n".join(f"| `{file}` | {count:,} |" for file, count in truth.row_counts.items())
    noise = "\n".join(
        f"| {judged} | {rate:.0%} | {truth.attainable_accuracies[judged]:.0%} |"
        for judged, rate in truth.noise_rates.items()
    )
    planted = "\n".join(f"| {rule} | {count} |" for rule, count in truth.planted.items())
    return _CARD.format(truth=truth, files=files, noise=noise, planted=planted)
